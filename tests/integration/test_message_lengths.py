"""Messages of a logged-in client that are longer than PostgreSQL reads: it hangs up
on them. The client is told so and ended; its server stays whole and is used again."""

import struct

import pytest
from scenarios import IN
from support import configs, postgres, wire

# With the length word: at the limit PostgreSQL waits for the body, above it hangs up.
SMALL_MAX, LARGE_MAX = 10_000, 0x3FFFFFFE
LIMITS = {**dict.fromkeys("CDEHScf", SMALL_MAX), **dict.fromkeys("BFPQd", LARGE_MAX)}
# A block keeps the server with the client. `H` and `S` have no body at all.
BEFORE = {
    "with no server": b"",
    "in a transaction": wire.query("begin"),
    "in a batch": wire.query("begin") + wire.extended("select 1") + wire.FLUSH,
    "in copy in": wire.query("begin") + wire.query(IN),
}
ENDS = {"with no server": ("", 0), "in a transaction": ("Z", 1), "in a batch": ("C", 2),
        "in copy in": ("G", 1)}


@pytest.fixture(scope="module")
def pooler(pg, module_start):
    with pg.connect("acme") as db, db.cursor() as cursor:
        cursor.execute("create table if not exists loaded (id int, word text); "
                       "grant all on loaded to public")
    return module_start(configs.plain(pg, pool_size=1))


def header(tag: str, length: int) -> bytes:
    return tag.encode() + struct.pack("!I", length)


def end_of(client) -> tuple:
    errors = [wire.error_fields(body) for tag, body in client.recv_all() if tag == "E"]
    assert len(errors) == 1
    return errors[0]["C"], errors[0]["M"]


def after(client, when: str) -> None:
    client.send(BEFORE[when])
    client.recv_until(*ENDS[when])


@pytest.mark.parametrize("mode", ["transaction", "session"])
@pytest.mark.parametrize("when", BEFORE)
@pytest.mark.parametrize("tag", LIMITS)
def test_too_long_ends_the_client_only(pooler, connect, mode, when, tag):
    client = connect(pooler, mode)
    pid = client.value("select pg_backend_pid()")
    for cut in range(5):
        after(client, when)
        client.send_cut(header(tag, LIMITS[tag] + 1), cut)
        assert end_of(client) == ("08P01", "invalid message length")
        client = connect(pooler, mode)
        assert client.value("select pg_backend_pid()") == pid


@pytest.mark.parametrize("when", ["in a transaction", "in a batch"])
def test_too_long_and_whole(pooler, connect, when):
    """It reaches the pooler with the messages around it."""
    client = connect(pooler)
    pid = client.value("select pg_backend_pid()")
    for tag in "CDE":
        after(client, when)
        body = b"P" * (SMALL_MAX - 4) + b"\0"
        client.send(wire.message(tag, body) + wire.SYNC)
        assert end_of(client) == ("08P01", "invalid message length")
        client = connect(pooler)
        assert client.value("select pg_backend_pid()") == pid


@pytest.mark.parametrize("tag,body", [
    ("C", b"P" + b"x" * (SMALL_MAX - 6) + b"\0"),
    ("D", b"P" + b"x" * (SMALL_MAX - 6) + b"\0"),
    ("E", b"x" * (SMALL_MAX - 9) + b"\0" + bytes(4))])
def test_at_the_limit_postgresql_answers(pg, pooler, connect, tag, body):
    message = wire.message(tag, body) + wire.SYNC
    assert len(message) == SMALL_MAX + 1 + len(wire.SYNC)
    with wire.Client(port=pg.port) as direct:
        direct.login("app", "acme", postgres.PASSWORD)
        direct.send(message)
        expected = direct.recv_until("Z")
    client = connect(pooler)
    for cut in (None, 3, 9_000):
        client.send_cut(message, *([cut] if cut else []))
        assert client.recv_until("Z") == expected


def test_a_long_reason_for_a_failed_copy(pooler, connect):
    client = connect(pooler)
    client.send(wire.query(IN))
    client.recv_until("G")
    client.send(wire.copy_fail("x" * (SMALL_MAX - 5)))
    errors = [body for tag, body in client.recv_until("Z") if tag == "E"]
    assert wire.error_fields(errors[0])["C"] == "57014"
