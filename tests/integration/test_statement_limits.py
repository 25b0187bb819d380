"""Prepared statements: what is too much is an error in its place and the connection
goes on; how many bytes of a name count; what evictions leave of a pipeline."""

import pytest
from support import configs, postgres, wire
from support.wire import SYNC, bind, close, describe, execute, extended, parse, query

# base/limits.hpp
CLIENT_STATEMENTS_MAX = 10_000
STATEMENT_BYTES_MAX = 4 << 20
CLIENT_BYTES_MAX = 32 << 20


@pytest.fixture(scope="module")
def few(pg, module_start):
    """One server, which holds three statements."""
    return module_start(configs.plain(pg, pool_size=1, max_prepared_statements=3))


@pytest.fixture
def direct(pg):
    with wire.Client(port=pg.port) as client:
        client.login("app", "acme", postgres.PASSWORD)
        yield client


def say(client, data: bytes, count: int = 1) -> list:
    client.send(data)
    return [(tag, body) for tag, body in client.recv_until("Z", count) if tag != "S"]


def same(direct, through, data: bytes, count: int = 1) -> list:
    wanted = say(direct, data, count)
    assert say(through, data, count) == wanted
    return wanted


def refusals(messages: list) -> list:
    found = [wire.error_fields(body) for tag, body in messages if tag == "E"]
    return [(each["S"], each["C"], each["M"]) for each in found]


def rows(messages: list) -> list:
    return [wire.data_row(body) for tag, body in messages if tag == "D"]


TOO_LARGE = [("ERROR", "54000", "prepared statement is too large")]
TOO_MANY = [("ERROR", "54000", "too many prepared statements")]


def test_a_statement_that_is_too_large(few, connect):
    client = connect(few)
    text = "select '" + "x" * STATEMENT_BYTES_MAX + "'"
    said = say(client, extended("select 'before'") + parse("large", text)
               + extended("select 'skipped'") + SYNC + extended("select 'behind'")
               + SYNC, 2)
    assert refusals(said) == TOO_LARGE
    assert rows(said) == [["before"], ["behind"]]
    assert refusals(say(client, bind("", "large") + SYNC))[0][1] == "26000"
    assert refusals(say(client, parse("large", "select 1") + SYNC)) == []
    # Without a name nothing is kept for long.
    assert len(rows(say(client, extended(text) + SYNC))[0][0]) == STATEMENT_BYTES_MAX


def test_a_client_has_too_many_statements(few, connect):
    client, other = connect(few), connect(few)
    for number in range(0, CLIENT_STATEMENTS_MAX, 1000):
        batch = b"".join(parse(f"s{i}", "select $1::int")
                         for i in range(number, number + 1000))
        assert refusals(say(client, batch + SYNC)) == []
    said = say(client, extended("select 'before'") + parse("more", "select 1")
               + extended("select 'skipped'") + SYNC)
    assert (refusals(said), rows(said)) == (TOO_MANY, [["before"]])
    # Others have room, and so has this one behind a Close.
    assert refusals(say(other, parse("more", "select 1") + SYNC)) == []
    assert refusals(say(client, close("S", "s1") + parse("more", "select 'more'")
                        + SYNC)) == []
    assert rows(say(client, bind("", "more") + execute() + SYNC)) == [["more"]]
    assert rows(say(client, bind("", "s0", [b"7"]) + execute() + SYNC)) == [["7"]]


def test_a_client_has_too_many_bytes_of_statements(few, connect):
    client = connect(few)
    size = STATEMENT_BYTES_MAX - 1000
    for number in range(CLIENT_BYTES_MAX // STATEMENT_BYTES_MAX):
        text = f"select {number} /* {'x' * size} */"
        assert refusals(say(client, parse(f"s{number}", text) + SYNC)) == []
    assert refusals(say(client, parse("more", f"select 'm' /* {'x' * size} */")
                        + SYNC)) == TOO_MANY
    assert rows(say(client, bind("", "s0") + execute() + SYNC)) == [["0"]]
    client.query("deallocate all")
    assert refusals(say(client, parse("more", f"select 'm' /* {'x' * size} */")
                        + SYNC)) == []


def runs(names) -> bytes:
    return b"".join(bind("", f"p{i}", [b"1"]) + execute() for i in names)


def test_evictions_in_pipelines_with_errors(few, direct, connect):
    client, other = connect(few), connect(few)
    same(direct, client, b"".join(parse(f"p{i}", f"select {i}, $1::int")
                                  for i in range(8)) + SYNC)
    wrong = bind("", "p0", [b"no number"]) + execute()
    for data, count in (
            (runs(range(8)) + extended("select 1/0") + runs(range(8)) + SYNC, 1),
            (runs(range(8)) + SYNC, 1),
            (wrong + runs([1]) + SYNC + runs([2]) + bind("", "p9") + SYNC + runs([3])
             + SYNC, 3),
            (runs([4, 5, 6]) + parse("bad", "selec") + runs([7]) + SYNC + runs([7, 0])
             + SYNC, 2),
            (runs([1, 2]) + wire.FLUSH + wrong + wire.FLUSH + runs([3]) + SYNC
             + runs([3]) + SYNC, 2)):
        same(direct, client, data, count)
        other.query("select 'in between'")
    for sql in ("begin", "select 1/0"):
        same(direct, client, query(sql))
    same(direct, client, runs([0]) + SYNC)  # Not there, and cannot be parsed now.
    same(direct, client, query("rollback"))
    same(direct, client, runs(range(8)) + SYNC)


def test_an_eviction_leaves_open_portals_alone(few, direct, connect):
    client = connect(few)
    same(direct, client, query("begin"))
    same(direct, client, parse("rows", "select generate_series(1, 10)")
         + bind("c", "rows") + execute("c", 2) + SYNC)
    same(direct, client, b"".join(parse(f"q{i}", f"select {i}") for i in range(6))
         + SYNC)
    same(direct, client, execute("c", 3) + SYNC)
    same(direct, client, execute("c") + SYNC + query("commit"), 2)


def test_63_bytes_of_a_name_count(few, direct, connect):
    client = connect(few)
    name = "x" * 63
    same(direct, client, parse(name + "longer", "select 1") + SYNC)
    same(direct, client, query(f"execute {name}"))
    for data in (bind("", name) + execute() + SYNC,
                 bind("", name + "other") + execute() + SYNC,
                 describe("S", name + "third") + SYNC,
                 parse(name, "select 2") + SYNC, parse(name + "y", "select 2") + SYNC,
                 close("S", name + "z") + SYNC, bind("", name + "longer") + SYNC,
                 bind("", name[1:]) + SYNC):
        same(direct, client, data)
    same(direct, client, query(f"prepare {'y' * 63} as select 4"))
    for data in (parse("y" * 80, "select 2") + SYNC,
                 bind("", "y" * 80) + execute() + SYNC, close("S", "y" * 81) + SYNC,
                 query(f"execute {'y' * 63}")):
        same(direct, client, data)
