"""Clients that vanish in the middle of something. The server they used is clean
and used again, or gone; nobody else notices."""

import socket
import struct

import pytest
from scenarios import IN, ROWS
from support import configs, wire
from support.ports import eventually

SLEEP = "select pg_sleep(30)"

# What the client had said when it vanished, in pieces that are read one by one.
MIDDLES = {
    "in a transaction": [wire.query("begin"), wire.query("insert into gone values (1)")],
    "in a failed transaction": [wire.query("begin"), wire.query("select 1/0")],
    "in a query": [wire.query(SLEEP)],
    "in a query in a transaction": [wire.query("begin"), wire.query(SLEEP)],
    "in a pipeline": [wire.extended("insert into gone values (2)") * 5
                      + wire.extended(SLEEP) + wire.SYNC],
    "in a pipeline without Sync": [wire.extended("insert into gone values (3)")
                                   + wire.FLUSH],
    "in an explicit transaction without Sync": [
        wire.extended("begin") + wire.extended("insert into gone values (4)")
        + wire.FLUSH],
    "in copy in": [wire.query(IN), ROWS],
    "in copy in, extended": [wire.extended(IN) + wire.FLUSH, ROWS],
    "in copy in in a transaction": [wire.query("begin"), wire.query(IN), ROWS],
    "in copy out": [wire.query("copy (select repeat('x', 1000) from "
                               "generate_series(1, 1000000)) to stdout")],
    "in a big result": [wire.query("select repeat('x', 1000) from "
                                   "generate_series(1, 1000000)")],
    "in the middle of a header": [wire.query("begin"), wire.query("select 1")[:3]],
    "in the middle of a message": [wire.query("begin"), wire.query("select 1")[:9]],
    "in the middle of Parse": [wire.parse("", "select 1")[:8]],
    "in the middle of CopyData": [wire.query(IN), ROWS[:9]],
    "after Terminate in a transaction": [wire.query("begin"), wire.TERMINATE],
    "with many queries sent ahead": [wire.query("select pg_sleep(0.01)") * 50],
}


def hang_up(client, how: str) -> None:
    if how == "reset":
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                 struct.pack("ii", 1, 0))
    elif how == "half":
        client.socket.shutdown(socket.SHUT_WR)
        return
    client.close()


def becomes_quiet(pg) -> None:
    def busy() -> list:
        return pg.query("select pid, state, wait_event, query, now() - query_start "
                        "from pg_stat_activity where usename = 'app' and "
                        "datname = 'acme' and state <> 'idle'")
    try:
        eventually(lambda: busy() == [], "no query and no transaction is left")
    except AssertionError:
        assert busy() == []  # Shows what is still there.


@pytest.fixture(scope="module")
def table(pg):
    with pg.connect("acme") as db, db.cursor() as cursor:
        cursor.execute("create table if not exists gone (x int); grant all on gone "
                       "to public; create table if not exists loaded (id int, "
                       "word text); grant all on loaded to public")


@pytest.mark.parametrize("mode", ["transaction", "session"])
@pytest.mark.parametrize("how", ["close", "reset", "half"])
@pytest.mark.parametrize("when", MIDDLES)
def test_vanishing(pg, table, start, connect, mode, how, when):
    pooler = _pooler(pg, start)
    pg.query("truncate gone, loaded", dbname="acme")
    client = connect(pooler, mode)
    pid = int(client.value("select pg_backend_pid()"))
    for piece in MIDDLES[when]:
        client.send(piece)
        client.wait_taken()
    hang_up(client, how)
    becomes_quiet(pg)
    after = connect(pooler, mode)
    assert after.value("select count(*) from gone") == "0"
    assert after.value("select count(*) from loaded") == "0"
    assert after.value("select count(*) from pg_locks where pid = pg_backend_pid() "
                       "and locktype <> 'virtualxid' and mode <> "
                       "'AccessShareLock'") == "0"
    # A server is used again wherever a cancel and a ROLLBACK can clean it.
    if "in the middle of" not in when:
        assert int(after.value("select pg_backend_pid()")) == pid
    # A closed server's process needs a moment to be gone.
    eventually(lambda: len(pg.server_pids(dbname="acme")) <= 2, "one server a pool")


# What a cleaning server is or was sent.
NAMES = ["cenote_gone", "?", ""]


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("name", NAMES)
def test_no_portal_of_a_vanished_client_is_run(pg, table, start, connect, name, how):
    """Whatever it is called: neither by us nor by the Sync that ends its batch."""
    pooler = _pooler(pg, start)
    pg.query("truncate gone", dbname="acme")
    client = connect(pooler)
    pid = client.value("select pg_backend_pid()")
    client.send(wire.parse("", "insert into gone values (5)") + wire.bind(name)
                + wire.parse(name, "insert into gone values (6)")
                + wire.FLUSH)
    client.recv_until("1", 2)
    hang_up(client, how)
    becomes_quiet(pg)
    after = connect(pooler)
    assert after.value("select count(*) from gone") == "0"
    assert after.value("select pg_backend_pid()") == pid


_started = {}


@pytest.fixture(scope="module", autouse=True)
def one_pooler(pg):
    from conftest import _runner
    runner = _runner()
    _started["start"] = next(runner)
    yield
    _started.clear()
    next(runner, None)


def _pooler(pg, start):
    """One for the whole file: what one case leaves behind shows in the next."""
    if "pooler" not in _started:
        _started["pooler"] = _started["start"](configs.plain(pg, pool_size=1))
    return _started["pooler"]


def test_a_crowd_vanishes_at_once(pg, table, start, connect):
    others = len(pg.server_pids(dbname="acme"))  # Of the pooler of this file.
    pooler = start(configs.plain(pg, pool_size=4))
    for _ in range(5):
        crowd = [connect(pooler) for _ in range(40)]
        for number, client in enumerate(crowd):
            client.send([wire.query(SLEEP), wire.query("begin"),
                         wire.query(IN) + ROWS, wire.extended(SLEEP)][number % 4])
        for client in crowd:
            hang_up(client, "reset")
        after = [connect(pooler) for _ in range(8)]
        for number, client in enumerate(after):
            client.send(wire.query(f"select 'after {number}'"))
        for number, client in enumerate(after):
            rows = [wire.data_row(body) for tag, body in client.recv_until("Z")
                    if tag == "D"]
            assert rows == [[f"after {number}"]]
            client.close()
    becomes_quiet(pg)
    assert len(pg.server_pids(dbname="acme")) <= others + 4


def test_a_waiter_that_vanishes_is_forgotten(pg, start, connect):
    pooler = start(configs.plain(pg, pool_size=1))
    holder = connect(pooler)
    holder.query("begin")
    for _ in range(5):
        waiter = connect(pooler)
        waiter.send(wire.query("select pg_sleep(20)"))
        waiter.wait_taken()
        hang_up(waiter, "close")
    last = connect(pooler)
    last.send(wire.query("select 'last'"))
    last.wait_taken()
    holder.query("commit")
    rows = [wire.data_row(body) for tag, body in last.recv_until("Z") if tag == "D"]
    assert rows == [["last"]]
