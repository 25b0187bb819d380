"""listen = "shared": one server of a pool listens for all its clients; each hears
what it would hear from PostgreSQL, once and in order, and keeps no server."""

import threading

import pytest
from support import configs, postgres, wire
from support.notifications import heard, hears_nothing, pair, pins, settled


@pytest.fixture(params=[False, True], ids=["plain", "lazy_begin"])
def few(pg, start, request):
    """Two servers: one of them listens, the other one works."""
    return start(configs.plain(pg, pool_size=2, listen="shared",
                               lazy_begin=request.param))


# -- who hears what

def test_many_clients_listen_on_two_servers(few, connect):
    clients = [connect(few) for _ in range(20)]
    for number, client in enumerate(clients):
        client.query(f"listen everybody; listen only_{number}")
    for client in clients:
        settled(client)
    speaker = connect(few)
    for number in range(20):
        speaker.query(f"notify only_{number}, '{number}'")
    speaker.query("notify everybody, 'x'")
    for number, client in enumerate(clients):
        assert heard(client, 2) == [(f"only_{number}", str(number)),
                                    ("everybody", "x")]
    assert pins(few) == []


def test_only_committed_listens_count(few, connect):
    client, speaker = connect(few), connect(few)
    client.query("begin")
    client.query("listen gone")
    client.query("rollback")
    client.query("begin")
    client.query("savepoint s")
    client.query("listen gone_too")
    client.query("rollback to s")
    client.query("listen kept")
    client.query("commit")
    settled(client)
    for channel in ("gone", "gone_too", "kept"):
        speaker.query(f"notify {channel}, 'said'")
    assert heard(client, 1) == [("kept", "said")]
    hears_nothing(client, speaker)


def test_only_committed_unlistens_count(few, connect):
    client, speaker = connect(few), connect(few)
    client.query("listen a; listen b; listen c")
    settled(client)
    client.query("begin")
    client.query("unlisten a")
    client.query("rollback")
    client.query("begin")
    client.query("savepoint s")
    client.query("unlisten a")
    client.query("rollback to s")
    client.query("unlisten b")
    client.query("commit")
    client.query("unlisten c; listen c")
    settled(client)
    for channel in "abc":
        speaker.query(f"notify {channel}")
    assert heard(client, 2) == [("a", ""), ("c", "")]
    hears_nothing(client, speaker)


@pytest.mark.parametrize("sql", ["unlisten *", "discard all",
                                 "do 'begin unlisten a; unlisten b; end'",
                                 "unlisten a; unlisten b"])
def test_who_unlistens_hears_nothing(few, connect, sql):
    client, other, speaker = connect(few), connect(few), connect(few)
    for each in (client, other):
        each.query("listen a; listen b")
        settled(each)
    client.query(sql)
    settled(client)
    speaker.query("notify a; notify b")
    assert heard(other, 2) == [("a", ""), ("b", "")]
    hears_nothing(client, speaker)
    client.query("listen a")
    settled(client)
    speaker.query("notify a, 'again'")
    assert heard(client, 1) == [("a", "again")]


def test_the_extended_protocol(few, connect):
    client, speaker = connect(few), connect(few)

    def run(sql):
        client.send(wire.extended(sql) + wire.SYNC)
        tags = [tag for tag, _ in client.recv_until("Z")]
        assert "E" not in tags
        return tags

    run("listen a")
    run("listen b")
    client.query("begin")
    run("unlisten a")
    client.query("rollback")
    assert run("unlisten b") == ["1", "2", "n", "C", "Z"]
    settled(client)
    client.send(wire.parse("bye", "unlisten *") + wire.SYNC)
    client.recv_until("Z")
    speaker.query("notify b; notify a, '1'")
    assert heard(client, 1) == [("a", "1")]
    client.send(wire.bind("", "bye") + wire.execute() + wire.SYNC)
    client.recv_until("Z")
    settled(client)
    speaker.query("notify a, '2'")
    hears_nothing(client, speaker)


@pytest.mark.parametrize("unlisten", [
    wire.query("unlisten a"), wire.extended("unlisten a") + wire.SYNC,
    wire.bind("", "bye") + wire.execute() + wire.SYNC], ids=["simple", "extended", "named"])
@pytest.mark.parametrize("end", ["rollback", "select 1"])
def test_right_behind_the_end_of_a_failed_block(few, connect, end, unlisten):
    """Sent before it is known whether the block has ended."""
    client, speaker = connect(few), connect(few)
    client.query("listen a")
    settled(client)
    client.send(wire.parse("bye", "unlisten a") + wire.SYNC
                + wire.query("begin; select 1/0"))
    client.recv_until("Z", 2)
    client.send(wire.query(end) + unlisten)
    tags = "".join(tag for tag, _ in client.recv_until("Z", 2))
    assert tags.count("E") == (0 if end == "rollback" else 2)
    client.query("rollback")
    settled(client)
    speaker.query("notify a, 'said'")
    if end != "rollback":
        assert heard(client, 1) == [("a", "said")]
    hears_nothing(client, speaker)


def test_names_and_payloads_of_all_kinds(few, connect):
    client, other, speaker = connect(few), connect(few), connect(few)
    for each in (client, other):
        each.query('listen "A ""b\'; drop; $cenote_home$"; listen "ä€"')
        settled(each)
        each.query("unlisten nothing")
        settled(each)
    speaker.query('notify "A ""b\'; drop; $cenote_home$", \'it\'\'s \\\'; '
                  'notify "ä€", \'ü\'')
    for each in (client, other):
        assert heard(each, 2) == [('A "b\'; drop; $cenote_home$', "it's \\"),
                                  ("ä€", "ü")]


# -- once, in order, at the right time

def test_a_transaction_is_not_interrupted(few, connect):
    client, speaker, other = connect(few), connect(few), connect(few)
    other.query("listen news")
    client.query("listen news")
    settled(client)
    settled(other)
    # The other server is the client's now: it speaks itself, and so does the
    # transaction that is not over.
    client.query("begin")
    client.query("notify news, 'mine'")
    client.query("select 1")
    client.query("savepoint s; notify news, 'never'; rollback to s")
    client.send(wire.query("commit"))
    assert [tag for tag, _ in client.recv_until("Z")] == ["C", "Z"]
    assert heard(client, 1) == heard(other, 1) == [("news", "mine")]
    speaker.query("begin; notify news, 'x'; rollback")
    hears_nothing(client, speaker)


def test_inside_a_transaction_nothing_is_told(pg, start, connect):
    pooler = start(configs.plain(pg, pool_size=3, listen="shared"))
    client, other, speaker = connect(pooler), connect(pooler), connect(pooler)
    for each in (other, client):
        each.query("listen news")
        settled(each)
    client.query("begin")
    speaker.query("notify news, 'while'")
    assert heard(other, 1) == [("news", "while")]
    client.send(wire.query("select 1"))
    assert "A" not in [tag for tag, _ in client.recv_until("Z")]
    client.send(wire.query("commit"))
    seen = client.recv_until("Z")
    if "A" not in [tag for tag, _ in seen]:
        seen.append(client.recv())
    assert [pair(body) for tag, body in seen if tag == "A"] == [("news", "while")]


def test_the_change_of_servers_loses_and_doubles_nothing(pg, start, connect):
    """Clients begin to listen while a thread speaks without a pause."""
    pooler = start(configs.plain(pg, pool_size=3, listen="shared"))
    speaker, stop, said = connect(pooler), threading.Event(), []

    def speak():
        while not stop.is_set():
            said.append(len(said))
            speaker.query(f"notify stream, '{said[-1]}'")

    thread = threading.Thread(target=speak)
    thread.start()
    clients, before, messages = [], [], []
    try:
        for _ in range(25):
            client = connect(pooler)
            clients.append(client)
            client.send(wire.query("listen stream"))
            messages.append(client.recv_until("Z"))
            # From here on nothing may be missed.
            before.append(len(said))
            if len(clients) % 2:
                client.send(wire.query("select 1"))
                messages[-1] += client.recv_until("Z")
    finally:
        stop.set()
        thread.join()
    speaker.query("notify stream, 'end'")
    for client, first, seen in zip(clients, before, messages):
        got = [pair(body)[1] for tag, body in seen if tag == "A"]
        while not got or got[-1] != "end":
            got += [payload for _, payload in heard(client, 1)]
        numbers = [int(each) for each in got[:-1]]
        assert numbers == list(range(numbers[0], len(said))) if numbers else True
        assert not numbers or numbers[0] <= first
        assert numbers or first >= len(said) - 1
    assert pins(pooler) == []


def test_what_is_sent_behind_a_listen_is_answered(few, connect):
    clients = [connect(few) for _ in range(6)]
    for number, client in enumerate(clients):
        client.send(wire.query(f"listen a; listen b_{number}")
                    + wire.query("select 1") + wire.query("begin")
                    + wire.query("unlisten a") + wire.query("commit")
                    + wire.query("select 2"))
    for client in clients:
        tags = [tag for tag, _ in client.recv_until("Z", 6)]
        assert "E" not in tags
    speaker = connect(few)
    for number, client in enumerate(clients):
        speaker.query(f"notify a; notify b_{number}, 'x'")
        assert heard(client, 1) == [(f"b_{number}", "x")]


def test_psycopgs_notifies(few):
    psycopg = pytest.importorskip("psycopg")
    where = dict(host="127.0.0.1", port=few.port("transaction"), dbname="acme",
                 user="app.acme", password=postgres.PASSWORD)
    with psycopg.connect(**where, autocommit=True) as first, \
            psycopg.connect(**where) as second, \
            psycopg.connect(**where, autocommit=True) as speaker:
        first.execute("listen news")
        second.execute("listen news")
        second.commit()
        for connection in (first, second):
            connection.execute("select 1")
        second.commit()
        for number in range(5):
            speaker.execute("select pg_notify('news', %s)", [str(number)])
        for connection in (first, second):
            found = []
            for each in connection.notifies():
                found.append(each.payload)
                if len(found) == 5:
                    break
            assert found == list("01234")
