"""What the tests of `listen = "shared"` have in common."""

from . import wire


def heard(client, count: int) -> list:
    """The next notifications, as (channel, payload)."""
    found = []
    while len(found) < count:
        tag, body = client.recv()
        assert tag in "ANS", (tag, body)
        if tag == "A":
            found.append(pair(body))
    return found


def pair(body: bytes) -> tuple:
    channel, payload = body[4:].split(b"\0")[:2]
    return channel.decode(), payload.decode()


def hears_nothing(client, speaker, channel: str = "the_end") -> None:
    """What was said before is there before what is said now."""
    for sql in (f"listen {channel}", "select 1"):
        client.send(wire.query(sql))
        assert "A" not in [tag for tag, _ in client.recv_until("Z")]
    speaker.query(f"notify {channel}")
    assert heard(client, 1) == [(channel, "")]
    client.query(f"unlisten {channel}")


def settled(client) -> None:
    """Its LISTENs are where they belong: it gets an answer behind them."""
    client.query("select 1")


def pins(pooler) -> list:
    names, rows = pooler.console("show clients")
    reason = names.index("pin_reason")
    return [row[reason] for row in rows if row[reason]]


def told_of_another(client) -> None:
    """The listening server is lost; another one listens again."""
    for what in ("is lost", "listening again"):
        tag, body = client.recv()
        fields = wire.error_fields(body)
        assert (tag, fields["S"], fields["C"]) == ("N", "WARNING", "01000")
        assert what in fields["M"]


def listening_pids(pooler) -> list:
    names, rows = pooler.console("show servers")
    state, pid = names.index("state"), names.index("remote_pid")
    return [int(row[pid]) for row in rows if row[state] == "listening"]


def channel_counts(pooler) -> list:
    """How many channels are heard for each client that listens, sorted."""
    names, rows = pooler.console("show clients")
    channels = names.index("listen_channels")
    return sorted(int(row[channels]) for row in rows if row[channels] != "0")
