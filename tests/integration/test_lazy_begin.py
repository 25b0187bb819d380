"""lazy_begin: a BEGIN that comes alone takes no server, and nobody can tell from
the answers. docs/lazy-begin.md has the table whose cells these are."""

import contextlib
import signal
import threading

import pytest
from support import configs, postgres, wire
from support.ports import eventually

OPTIONS = {"pool_size": 1, "lazy_begin": True}


@pytest.fixture(scope="module")
def lazy(pg, module_start):
    """One server for everybody."""
    return module_start(configs.plain(pg, **OPTIONS))


@pytest.fixture
def direct(pg):
    """Logs clients in to PostgreSQL itself."""
    clients = []

    def go() -> wire.Client:
        client = wire.Client(port=pg.port)
        clients.append(client)
        client.login("app", "acme", postgres.PASSWORD)
        return client

    yield go
    for client in clients:
        client.close()


@contextlib.contextmanager
def no_server_left(pooler, connect):
    """Whatever needs a server waits."""
    holder = connect(pooler)
    holder.query("begin; select 'holds the server'")
    yield holder
    assert holder.value("select 'unharmed'") == "unharmed"
    holder.query("rollback")


def begin(client, sql: str = "begin") -> None:
    client.send(wire.query(sql))
    tags = [tag for tag, _ in client.recv_until("Z")]
    assert tags == ["C", "Z"], tags


def states(pooler) -> list:
    names, rows = pooler.console("show clients")
    at = names.index("state"), names.index("database")
    return sorted(row[at[0]] for row in rows if row[at[1]] == "acme")


def pool_row(pooler) -> dict:
    names, rows = pooler.console("show pools")
    return next(dict(zip(names, row)) for row in rows if row[0] == "acme")


def stats_row(pooler) -> dict:
    names, rows = pooler.console("show stats")
    return next(dict(zip(names, row)) for row in rows if row[0] == "acme")


def wait_queued(pooler, count: int = 1) -> None:
    eventually(lambda: int(pool_row(pooler)["cl_waiting"]) == count,
               f"{count} wait for a server")


def cancel(pooler, client) -> None:
    with wire.Client(port=pooler.port()) as other:
        other.send(wire.cancel_request(client.pid, client.key))
        assert other.rest() == b""


def fatal(client) -> wire.ServerError:
    errors = [wire.ServerError(wire.error_fields(body))
              for tag, body in client.recv_all() if tag == "E"]
    assert len(errors) == 1 and errors[0].fields["S"] == "FATAL", errors
    return errors[0]


# -- no server

def test_two_sit_in_a_begin_while_a_third_works(lazy, pg, connect):
    one, two, third = connect(lazy), connect(lazy), connect(lazy)
    begin(one)
    begin(two, "START TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    for number in range(20):
        assert third.value(f"select {number}") == str(number)
    assert states(lazy)[-3:] == ["idle", "idle", "idle"]
    assert one.value("select 'one'") == "one"
    assert one.value("show transaction_isolation") == "read committed"
    two.send(wire.query("show transaction_isolation"))
    wait_queued(lazy)  # Now the first has the server.
    one.query("commit")
    rows = [wire.data_row(body) for tag, body in two.recv_until("Z") if tag == "D"]
    assert rows == [["repeatable read"]]
    third.send(wire.query("select 'last'"))
    wait_queued(lazy)
    two.query("rollback")
    assert ["D", "C", "Z"] == [tag for tag, _ in third.recv_until("Z")][1:]


ENDS = ["commit", "END", "rollback", "ABORT;", "commit work", "end transaction",
        "Rollback Work ;", "abort transaction"]


@pytest.mark.parametrize("sql", ENDS)
def test_an_end_takes_no_server_either(lazy, connect, direct, sql):
    plain, client = direct(), connect(lazy)
    with no_server_left(lazy, connect):
        for who in (plain, client):
            who.send(wire.query("begin"))
        assert client.recv_until("Z") == plain.recv_until("Z")
        for who in (plain, client):
            who.send(wire.query(sql))
        assert client.recv_until("Z") == plain.recv_until("Z")
        begin(client)  # And again.
        client.send(wire.query(sql))
        assert client.recv_until("Z")[-1] == ("Z", b"I")


def test_syncs_and_what_is_ignored_take_no_server(lazy, connect, direct):
    sent = (wire.FLUSH + wire.copy_data(b"x") + wire.COPY_DONE
            + wire.copy_fail("why") + wire.SYNC + wire.SYNC)
    plain, client = direct(), connect(lazy)
    with no_server_left(lazy, connect):
        for who in (plain, client):
            begin(who)
            who.send(sent)
        assert client.recv_until("Z", 2) == plain.recv_until("Z", 2) \
            == [("Z", b"T")] * 2


def test_a_cancel_has_nothing_to_cancel(lazy, connect):
    client = connect(lazy)
    begin(client)
    cancel(lazy, client)
    assert client.value("select 'fine'") == "fine"
    client.query("commit")


@pytest.mark.parametrize("how", ["terminate", "close"])
def test_a_client_that_vanishes_costs_nothing(pg, start, connect, how):
    pooler = start(configs.plain(pg, **OPTIONS))
    watcher = connect(pooler)
    pid = watcher.value("select pg_backend_pid()")
    for _ in range(20):
        client = connect(pooler)
        begin(client)
        if how == "terminate":
            client.send(wire.TERMINATE)
            assert client.rest() == b""
        client.close()
    eventually(lambda: len(states(pooler)) == 1, "only the watcher is left")
    assert watcher.value("select pg_backend_pid()") == pid
    # The watcher's two; the server never saw the others.
    assert stats_row(pooler)["total_server_assignment_count"] == "2"


# -- the same answers

def both(direct, lazy, connect, *steps, ready: int = 1):
    """Sends the steps to both; the answers."""
    answers = []
    for who in (direct(), connect(lazy)):
        answers.append([])
        for step in steps:
            who.send(step)
            answers[-1] += who.recv_until("Z", ready)
        who.send(wire.query("rollback"))
        who.recv_until("Z")
    return answers


ONE = 1 .to_bytes(4, "big")
BEHIND = {
    "a query": wire.query("select 1"),
    "an error": wire.query("select 1/0"),
    "nonsense": wire.query("selec 1"),
    "nothing": wire.query(""),
    "a second begin": wire.query("begin"),
    "a second begin with modes": wire.query("begin read only"),
    "set transaction": wire.query("set transaction isolation level serializable"),
    "set local": wire.query("set local work_mem = '5MB'"),
    "a savepoint": wire.query("savepoint s"),
    "rollback to": wire.query("rollback to s"),
    "commit and chain": wire.query("commit and chain"),
    "rollback and chain": wire.query("rollback and chain"),
    "commit prepared": wire.query("commit prepared 'none'"),
    "two ends": wire.query("commit; commit"),
    "vacuum": wire.query("vacuum"),
    "discard all": wire.query("discard all"),
    "a batch": wire.extended("select 1") + wire.SYNC,
    "a batch that fails": wire.extended("select 1/0") + wire.SYNC,
    "a batch that ends it": wire.extended("commit") + wire.SYNC,
    "bind of nothing": wire.bind("", "none") + wire.execute() + wire.SYNC,
    "bind of the unnamed": wire.bind() + wire.execute() + wire.SYNC,
    "describe": wire.describe("S", "none") + wire.SYNC,
    "close": wire.close("S", "none") + wire.SYNC,
    "close and a query": wire.close("P", "none") + wire.query("select 1"),
    "execute": wire.execute("none") + wire.SYNC,
    "a function call": wire.function_call(1317, [b"four"]),
    "a failing function call": wire.function_call(1, []),
    "an end behind a flush": wire.FLUSH + wire.query("commit"),
}
BEGINS = ["begin", "start transaction isolation level serializable, read only",
          "begin isolation level repeatable read read write not deferrable"]


@pytest.mark.parametrize("first", BEGINS)
@pytest.mark.parametrize("what", BEHIND)
def test_what_comes_behind_it_is_answered_alike(lazy, connect, direct, what, first):
    plain, through = both(
        direct, lazy, connect, wire.query(first), BEHIND[what],
        wire.query("show transaction_isolation"),
        wire.query("show transaction_read_only"),
        wire.query("show transaction_deferrable"))
    assert through == plain


def test_the_unnamed_statement_is_dropped(lazy, connect, direct):
    plain, through = both(
        direct, lazy, connect, wire.parse("", "select 7") + wire.SYNC,
        wire.query("begin"), wire.bind() + wire.execute() + wire.SYNC)
    assert through == plain and dict(through)["E"]
    plain, through = both(
        direct, lazy, connect, wire.parse("", "select 7") + wire.SYNC,
        wire.query("begin"), wire.query("commit"),
        wire.bind() + wire.execute() + wire.SYNC)
    assert through == plain and dict(through)["E"]


def test_named_statements_work_inside(lazy, connect):
    client, other = connect(lazy), connect(lazy)
    client.send(wire.parse("mine", "select 'prepared'") + wire.SYNC)
    client.recv_until("Z")
    for _ in range(3):
        begin(client)
        other.query("select 1")
        client.send(wire.bind("", "mine") + wire.execute() + wire.SYNC)
        seen = client.recv_until("Z")
        assert [tag for tag, _ in seen] == ["2", "D", "C", "Z"]
        assert seen[-1][1] == b"T"
        client.query("commit")


def test_settings_are_outside_of_the_block(lazy, connect):
    """A ROLLBACK takes back what was set inside, not what was set before."""
    client, other = connect(lazy), connect(lazy)
    client.query("set work_mem = '7MB'")
    client.query("set application_name = 'lazy'")
    other.query("set work_mem = '9MB'")
    for end in ("rollback", "commit"):
        begin(client)
        assert other.value("show work_mem") == "9MB"
        assert client.value("show work_mem") == "7MB"
        client.query("set work_mem = '8MB'")
        client.query("set local application_name = 'local'")
        client.query(end)
        assert other.value("show work_mem") == "9MB"
        assert client.value("show application_name") == "lazy"
        assert client.value("show work_mem") == ("7MB" if end == "rollback" else "8MB")


def test_it_commits_and_rolls_back(lazy, pg, connect):
    client, other = connect(lazy), connect(lazy)
    client.query("drop table if exists lazily")
    client.query("create table lazily (x int)")
    other.query("select 1")  # Nobody is asked what it left behind any more.
    for number, end in enumerate(("commit", "rollback", "commit")):
        begin(client)
        other.query("select 1")
        client.query(f"insert into lazily values ({number})")
        client.query(end)
    assert pg.query("select x from lazily order by x", dbname="acme") == [(0,), (2,)]
    client.query("drop table lazily")


def test_time_begins_with_the_first_statement(lazy, connect):
    """The one thing that is to be seen: now() is not BEGIN's."""
    client, other = connect(lazy), connect(lazy)
    begin(client)
    between = other.value("select clock_timestamp()::text")
    assert client.value(f"select now() > '{between}'") == "t"
    client.query("commit")


def test_counts(pg, start, connect):
    pooler = start(configs.plain(pg, **OPTIONS))
    client = connect(pooler)
    begin(client)
    client.query("commit")
    begin(client)
    client.query("select 1")
    client.query("commit")
    row = stats_row(pooler)
    assert (row["total_xact_count"], row["total_query_count"]) == ("2", "5")
    assert row["total_server_assignment_count"] == "1"


# -- a cancel in the queue

@contextlib.contextmanager
def canceled(lazy, connect, message: bytes = wire.query("select 1")):
    """A client whose block failed before any server knew of it."""
    client = connect(lazy)
    with no_server_left(lazy, connect):
        begin(client)
        client.send(message)
        wait_queued(lazy)
        cancel(lazy, client)
        seen = client.recv_until("Z")
        assert [tag for tag, _ in seen] == ["E", "Z"]
        assert wire.error_fields(seen[0][1])["C"] == "57014"
        assert seen[1] == ("Z", b"E")
        wait_queued(lazy, 0)
        yield client


@pytest.mark.parametrize("message", [
    wire.query("select 1"), wire.extended("select 1") + wire.SYNC,
    wire.function_call(1317, [b"four"])], ids=["query", "batch", "call"])
@pytest.mark.parametrize("sql", ["commit", "rollback"])
def test_a_canceled_block_ends_without_a_server(lazy, connect, message, sql):
    with canceled(lazy, connect, message) as client:
        client.send(wire.SYNC + wire.query(sql))
        assert client.recv_until("Z", 2) == [
            ("Z", b"E"), ("C", b"ROLLBACK\0"), ("Z", b"I")]
        begin(client)
        client.query("commit")
    assert client.value("select 'alive'") == "alive"


@pytest.mark.parametrize("what", BEHIND)
def test_a_canceled_block_answers_as_a_failed_one(lazy, connect, direct, what):
    steps = [BEHIND[what], wire.query("select 1"), wire.query("rollback"),
             wire.query("select 2")]
    plain = direct()
    begin(plain)
    plain.send(wire.query("select 1/0"))
    plain.recv_until("Z")
    with canceled(lazy, connect) as client:
        pass
    for step in steps:
        for who in (plain, client):
            who.send(step)
        assert client.recv_until("Z") == plain.recv_until("Z")


def test_a_failed_block_is_chained_alike(lazy, connect, direct):
    plain, client = direct(), connect(lazy)
    first = "begin isolation level serializable"
    begin(plain, first)
    plain.send(wire.query("select 1/0"))
    plain.recv_until("Z")
    with no_server_left(lazy, connect):
        begin(client, first)
        client.send(wire.query("select 1"))
        wait_queued(lazy)
        cancel(lazy, client)
        client.recv_until("Z")
    for sql in ("rollback and chain", "show transaction_isolation", "commit"):
        for who in (plain, client):
            who.send(wire.query(sql))
        assert client.recv_until("Z") == plain.recv_until("Z")


# -- time

def test_query_wait_timeout_ends_it(pg, start, connect):
    pooler = start(configs.plain(pg, **OPTIONS, query_wait_timeout="500ms"))
    client = connect(pooler)
    with no_server_left(pooler, connect):
        begin(client)
        client.send(wire.query("select 1"))
        assert fatal(client).message == "query_wait_timeout"


@pytest.mark.parametrize("state", ["begun", "failed"])
def test_idle_transaction_timeout_ends_it(pg, start, connect, state):
    pooler = start(configs.plain(pg, **OPTIONS, idle_transaction_timeout="1s",
                                 client_idle_timeout="100s"))
    client = connect(pooler)
    if state == "failed":
        pooler.console("pause acme")
    begin(client)
    if state == "failed":
        client.send(wire.query("select 1"))
        wait_queued(pooler)
        cancel(pooler, client)
        assert client.recv_until("Z")[-1] == ("Z", b"E")
    assert "idle transaction" in fatal(client).message
    eventually(lambda: states(pooler) == [], "it is gone")


def test_client_idle_timeout_does_not(pg, start, connect):
    pooler = start(configs.plain(pg, **OPTIONS, client_idle_timeout="700ms"))
    lone, client = connect(pooler), connect(pooler)
    lone.value("select 1")
    begin(client)
    assert "idle" in fatal(lone).message  # Later than the BEGIN's would be.
    assert client.value("select 'here'") == "here"
    client.query("commit")
    assert "idle" in fatal(client).message


@pytest.mark.parametrize("where", ["idle", "waiting"])
def test_transaction_timeout_counts_from_begin(pg, start, connect, where):
    pooler = start(configs.plain(pg, **OPTIONS, transaction_timeout="1500ms"))
    client = connect(pooler)
    if where == "waiting":  # Its BEGIN needs no server.
        pooler.console("pause acme")
    begin(client)
    if where == "waiting":
        client.send(wire.query("select 1"))
    assert "transaction timeout" in fatal(client).message
    eventually(lambda: states(pooler) == [], "it is gone")


# -- the operator

def test_pause_does_not_wait_for_it(pg, start, connect):
    pooler = start(configs.plain(pg, **OPTIONS))
    client = connect(pooler)
    begin(client)
    pooler.console("pause")
    client.send(wire.query("select 'resumed'"))
    wait_queued(pooler)
    pooler.console("resume")
    assert ("D", b"\0\1\0\0\0\7resumed") in client.recv_until("Z")
    client.query("commit")


def test_sigterm_ends_it_at_once(pg, start, connect):
    pooler = start(configs.plain(pg, **OPTIONS))
    client = connect(pooler)
    begin(client)
    pooler.send_signal(signal.SIGTERM)
    assert fatal(client).sqlstate == "57P01"
    assert pooler.wait_exit() == 0


@pytest.mark.parametrize("mode, lazy_begin", [("transaction", False),
                                              ("session", True)])
def test_elsewhere_a_begin_takes_its_server(pg, start, connect, mode, lazy_begin):
    pooler = start(configs.plain(pg, pool_size=1, lazy_begin=lazy_begin))
    client = connect(pooler, mode)
    begin(client)
    assert states(pooler) == ["active"]
    assert client.value("select 1") == "1"
    client.query("commit")


def test_statement_mode_refuses_it(pg, start, connect):
    pooler = start(configs.plain(pg, ("statement",), **OPTIONS))
    client = connect(pooler, "statement")
    client.send(wire.query("begin"))
    assert wire.error_fields([body for tag, body in client.recv_all()
                              if tag == "E"][0])["S"] == "FATAL"


def test_a_reload_switches_it(pg, start, connect):
    pooler = start(configs.plain(pg, **OPTIONS))
    client = connect(pooler)
    begin(client)
    pooler.reload(configs.changed(
        pooler.config, lambda c: c["tenant"][0]["database"][0].update(
            lazy_begin=False)))
    other = connect(pooler)

    def takes_one() -> bool:
        begin(other)
        had = states(pooler) == ["active", "idle"]
        other.query("rollback")
        return had

    eventually(takes_one, "BEGIN takes a server")
    assert client.value("select 'held before'") == "held before"
    client.query("commit")


# -- many at once

def test_a_crowd_keeps_its_transactions_apart(lazy, pg, connect):
    """Each adds up its own in steps, with only one server for all of them."""
    client = connect(lazy)
    client.query("drop table if exists sums")
    client.query("create table sums (who int primary key, n int)")
    client.query("insert into sums select g, 0 from generate_series(0, 7) g")
    crowd, failed = [connect(lazy) for _ in range(8)], []

    def work(number: int) -> None:
        mine = crowd[number]
        try:
            for turn in range(15):
                begin(mine, "begin isolation level repeatable read")
                mine.query(f"update sums set n = n + 1 where who = {number}")
                mine.query(f"update sums set n = n + 10 where who = {number}")
                mine.query("rollback" if turn % 3 == 2 else "commit")
        except Exception as why:  # Of a thread: for the main one to say.
            failed.append(why)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failed == []
    assert pg.query("select distinct n from sums", dbname="acme") == [(110,)]
    client.query("drop table sums")
