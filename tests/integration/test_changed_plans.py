"""A table changes under prepared statements: rows come as they were described, or
PostgreSQL's error comes; and who is told anew what the rows are like hears of no
error at all (docs/prepared-statements.md)."""

import contextlib
import re
import time

import psycopg
import pytest
from support import configs, ports, postgres, wire
from support.wire import SYNC, bind, close, describe, execute, parse, query

FLUSH = b"H\0\0\0\4"
FETCH = describe("P", "") + execute() + SYNC


@pytest.fixture(scope="module")
def two(pg, module_start):
    config = configs.plain(pg, pool_size=2)
    config["admin"]["http"] = f"127.0.0.1:{ports.free_port()}"
    return module_start(config)


@pytest.fixture
def table(pg):
    """`change(n)` gives the table n columns."""
    with wire.Client(port=pg.port) as db:
        db.login("app", "acme", postgres.PASSWORD)

        def change(columns: int):
            names = ", ".join(f"{i} c{i}" for i in range(1, columns + 1))
            db.query(f"drop table if exists changing; "
                     f"create table changing as select {names}")

        change(1)
        yield change


@pytest.fixture
def other_server(two, connect):
    @contextlib.contextmanager
    def busy():
        blocker = connect(two)
        blocker.query("begin")
        yield
        blocker.query("rollback")
    return busy


def say(client, data: bytes, count: int = 1) -> list:
    client.send(data)
    return [(tag, body) for tag, body in client.recv_until("Z", count) if tag != "S"]


def tags(messages: list) -> str:
    return "".join(tag for tag, _ in messages)


def states(messages: list) -> list:
    return [wire.error_fields(body)["C"] for tag, body in messages if tag == "E"]


def rows(messages: list) -> list:
    return [wire.data_row(body) for tag, body in messages if tag == "D"]


@pytest.fixture
def prepared(two, connect, table):
    """A client that was told that the rows have one column."""
    client = connect(two)
    said = say(client, parse("s", "select * from changing") + describe("S", "s") + SYNC)
    assert tags(said) == "1tTZ"
    assert rows(say(client, bind("", "s") + FETCH)) == [["1"]]
    return client


@pytest.mark.parametrize("where", ["same", "other"])
def test_who_describes_the_portal_hears_of_nothing(prepared, table, other_server, where):
    for columns in (2, 3, 1):
        table(columns)
        with other_server() if where == "other" else contextlib.nullcontext():
            said = say(prepared, bind("", "s") + FETCH)
        assert tags(said) == "2TDCZ"
        assert rows(said) == [[str(i) for i in range(1, columns + 1)]]


@pytest.mark.parametrize("where", ["same", "other"])
def test_who_does_not_gets_postgresqls_error_once(prepared, table, other_server, where):
    for columns in (2, 3, 1):
        table(columns)
        with other_server() if where == "other" else contextlib.nullcontext():
            said = say(prepared, bind("", "s") + execute() + SYNC)
        assert tags(said) == "EZ"
        error = wire.error_fields(said[0][1])
        assert (error["C"], error["M"], error["R"]) == (
            "0A000", "cached plan must not change result type", "RevalidateCachedQuery")
        assert rows(say(prepared, bind("", "s") + FETCH)) \
            == [[str(i) for i in range(1, columns + 1)]]
        # It is held to what it is told from now on.
        assert tags(say(prepared, describe("S", "s") + SYNC)) == "tTZ"


@pytest.fixture
def bound(two, connect, table):
    """One that was told so of a portal, as JDBC is."""
    client = connect(two)
    said = say(client, parse("s", "select * from changing") + bind("", "s") + FETCH)
    assert tags(said) == "12TDCZ"
    return client


@pytest.mark.parametrize("where", ["same", "other"])
def test_who_was_told_of_a_portal_is_held_to_it(bound, table, other_server, where):
    again = bind("", "s") + execute() + SYNC
    assert tags(say(bound, again)) == "2DCZ"
    for columns in (2, 3, 1):
        table(columns)
        with other_server() if where == "other" else contextlib.nullcontext():
            said = say(bound, again)
        assert tags(said) == "EZ"
        error = wire.error_fields(said[0][1])
        assert (error["C"], error["R"]) == ("0A000", "RevalidateCachedQuery")
        wanted = [[str(i) for i in range(1, columns + 1)]]
        assert rows(say(bound, bind("", "s") + FETCH)) == wanted
        assert rows(say(bound, again)) == wanted


@pytest.mark.parametrize("where", ["same", "other"])
def test_who_describes_each_portal_hears_of_nothing(bound, table, other_server, where):
    for columns in (2, 3, 1):
        table(columns)
        with other_server() if where == "other" else contextlib.nullcontext():
            said = say(bound, bind("", "s") + FETCH)
        assert tags(said) == "2TDCZ"
        assert rows(said) == [[str(i) for i in range(1, columns + 1)]]


def test_a_portal_of_another_statement_tells_nothing(two, connect, other_server):
    client = connect(two)
    said = say(client, parse("s", "select 1") + bind("", "s")
               + parse("", "select 2, 3") + bind("", "") + FETCH)
    assert tags(said) == "1212TDCZ" and rows(said) == [["2", "3"]]
    with other_server():
        assert rows(say(client, bind("", "s") + execute() + SYNC)) == [["1"]]


def test_a_portals_cuts_make_no_difference(bound, table, other_server):
    first = parse("t", "select * from changing") + bind("p", "t") \
        + describe("P", "p") + execute("p") + SYNC
    again = bind("", "t") + execute() + SYNC
    for at in range(1, len(first), 3):
        table(1)
        bound.send_cut(first, at)
        assert tags(bound.recv_until("Z")) == "12TDCZ"
        table(2)
        with other_server():
            assert states(say(bound, again)) == ["0A000"], at
        assert tags(say(bound, close("S", "t") + SYNC)) == "3Z"


def test_a_describe_of_nothing_is_refused(two, connect, table):
    client = connect(two)
    assert tags(say(client, parse("s", "select * from changing") + SYNC)) == "1Z"
    said = say(client, bind("", "s") + wire.message("D") + SYNC)
    assert tags(said) == "2EZ" and states(said) == ["08P01"]
    assert rows(say(client, bind("", "s") + FETCH)) == [["1"]]


def test_a_cursors_rows_are_the_cursors(bound, other_server):
    assert tags(say(bound, query("begin; declare c cursor for select 1"))) == "CCZ"
    assert tags(say(bound, parse("f", "fetch c") + bind("", "f") + FETCH)) == "12TDCZ"
    assert tags(say(bound, query("commit"))) == "CZ"
    with other_server():
        bound.query("begin; declare c cursor for select 1, 2")
        said = say(bound, bind("", "f") + execute() + SYNC)
        assert rows(said) == [["1", "2"]]
        bound.query("commit")


def test_what_gives_no_rows_is_told_once(bound, table, other_server, pg):
    insert = bind("", "i") + FETCH
    said = say(bound, parse("i", "insert into changing values (7)") + insert)
    assert tags(said) == "12nCZ"
    for _ in range(3):
        with other_server():
            assert tags(say(bound, insert)) == "2nCZ"


def test_the_statement_is_described_anew(prepared, table):
    for columns in (2, 3):
        table(columns)
        said = say(prepared, describe("S", "s") + SYNC)
        assert tags(said) == "tTZ"
        assert len(rows(say(prepared, bind("", "s") + execute() + SYNC))[0]) == columns


def test_all_the_same_whatever_the_cuts(prepared, table):
    data = bind("", "s") + FETCH
    for at in range(1, len(data)):
        columns = 2 + at % 2
        table(columns)
        prepared.send_cut(data, at)
        said = [each for each in prepared.recv_until("Z") if each[0] != "S"]
        assert tags(said) == "2TDCZ", at
        assert len(rows(said)[0]) == columns, at


def test_byte_by_byte(prepared, table):
    data = bind("", "s") + FETCH
    table(2)
    prepared.send_cut(data, *range(1, len(data)))
    assert rows(prepared.recv_until("Z")) == [["1", "2"]]


def test_in_a_transaction_it_is_an_error(prepared, table):
    prepared.query("begin")
    table(2)
    assert states(say(prepared, bind("", "s") + FETCH)) == ["0A000"]
    assert states(say(prepared, bind("", "s") + FETCH)) == ["25P02"]
    prepared.query("rollback")
    assert rows(say(prepared, bind("", "s") + FETCH)) == [["1", "2"]]


def test_right_behind_the_end_of_a_failed_block(prepared, two, connect, table, other_server):
    """Sent before the end is answered: the client is held to what it was told."""
    table(2)
    with other_server():
        say(connect(two), parse("s", "select * from changing") + SYNC)
        say(prepared, query("begin; select 1/0"))
        said = say(prepared, query("rollback") + bind("", "s") + execute() + SYNC, 2)
    assert tags(said) == "CZEZ" and states(said) == ["0A000"]


def test_what_was_done_before_is_not_done_twice(prepared, table):
    """The batch is an implicit transaction: an error in its middle is the client's."""
    table(2)
    prepared.query("create table if not exists done (n int); delete from done")
    insert = parse("", "insert into done values (1)") + bind() + execute()
    assert states(say(prepared, insert + bind("", "s") + FETCH)) == ["0A000"]
    assert prepared.value("select count(*) from done") == "0"
    assert rows(say(prepared, bind("", "s") + describe("P", "") + execute() + insert
                    + SYNC)) == [["1", "2"]]
    assert prepared.value("select count(*) from done") == "1"


def test_what_is_sent_behind_keeps_its_place(prepared, table):
    """More was sent already: PostgreSQL's error, and then the rest in order."""
    table(2)
    batch = bind("", "s") + FETCH
    said = say(prepared, batch + query("select 'behind'") + batch, 3)
    assert tags(said) in ("EZTDCZEZ", "2TDCZTDCZ2TDCZ", "EZTDCZ2TDCZ")
    assert ["behind"] in rows(said)
    assert rows(say(prepared, batch)) == [["1", "2"]]


@pytest.mark.parametrize("pause", [False, True])
def test_who_asks_for_a_flush_is_told_at_once(prepared, table, pause):
    table(2)
    prepared.send(bind("", "s") + describe("P", ""))
    if pause:  # PostgreSQL's error is here before the Flush is.
        prepared.wait_taken()
        time.sleep(0.2)
    prepared.send(FLUSH)
    assert states(prepared.recv_until("E")) == ["0A000"]
    assert tags(say(prepared, SYNC)) == "Z"


def test_a_long_batch_is_not_kept(prepared, table):
    table(2)
    many = b"".join(bind(f"p{i}", "s") + describe("P", f"p{i}") for i in range(400))
    assert states(say(prepared, many + SYNC)) == ["0A000"]
    said = say(prepared, many + SYNC)
    assert states(said) == [] and tags(said) == "2T" * 400 + "Z"


def test_the_table_is_gone(prepared, table, pg):
    with wire.Client(port=pg.port) as db:
        db.login("app", "acme", postgres.PASSWORD)
        db.query("drop table changing")
    assert states(say(prepared, bind("", "s") + FETCH)) == ["42P01"]
    table(2)
    assert rows(say(prepared, bind("", "s") + FETCH)) == [["1", "2"]]


def test_many_clients_and_changes(two, connect, table):
    """An error comes only to who has not heard of the present rows, and only if they
    are not described with the portal."""
    clients = [connect(two) for _ in range(6)]
    heard = [0] * len(clients)
    for client in clients:
        say(client, parse("s", "select * from changing") + describe("S", "s") + SYNC)
    for turn in range(90):
        change = turn // 9
        if turn % 9 == 0:
            table(columns := 1 + change % 4)
        number = turn * 7 % len(clients)
        is_described = turn % 3 == 0
        said = say(clients[number],
                   bind("", "s") + (FETCH if is_described else execute() + SYNC))
        if states(said):
            assert states(said) == ["0A000"] and not is_described
            assert heard[number] != change, turn
        else:
            assert len(rows(said)[0]) == columns, turn
        heard[number] = change


def test_psycopg_goes_on(two, table):
    """libpq describes each portal that it executes."""
    with psycopg.connect(host="127.0.0.1", port=two.port(), user="app.acme",
                         password=postgres.PASSWORD, dbname="acme", autocommit=True,
                         prepare_threshold=0) as db:
        for columns in (1, 2, 3, 1):
            table(columns)
            for _ in range(3):
                found = db.execute("select * from changing").fetchone()
                assert found == tuple(range(1, columns + 1))


def test_it_is_counted(two, prepared, table):
    def repeated() -> int:
        found = re.search(r'repeated_batches_total\{[^}]*database="acme"[^}]*\} (\d+)',
                          two.metrics())
        return int(found[1])

    before = repeated()
    table(2)
    say(prepared, bind("", "s") + FETCH)
    say(prepared, bind("", "s") + FETCH)
    assert repeated() == before + 1
