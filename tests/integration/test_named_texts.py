"""PREPARE, EXECUTE and DEALLOCATE by the extended protocol, of names that were given by
protocol, where servers change."""

import hashlib

import pytest
from support import configs, postgres, wire
from support.twins import twins

S, E = wire.SYNC, wire.execute


@pytest.fixture(scope="module")
def sessions(pg, module_start):
    config = configs.plain(pg)
    config["tenant"][0]["database"] = [configs.database(pg, "acme", pool_size=3)]
    return module_start(config)


@pytest.fixture
def both(pg, sessions):
    with twins(pg, sessions.port("transaction")) as clients:
        yield clients


def once(sql: str, statement: str = "", portal: str = "") -> bytes:
    return (wire.parse(statement, sql) + wire.describe("S", statement)
            + wire.bind(portal, statement) + wire.describe("P", portal) + E(portal))


def alike(both, data: bytes, count: int = 1):
    direct, through = both
    for client in both:
        client.send(data)
    wanted = [each for each in direct.recv_until("Z", count) if each[0] != "S"]
    assert [each for each in through.recv_until("Z", count)
            if each[0] != "S"] == wanted
    return wanted


ONE = wire.parse("one", "select $1::int + 1 as more")


@pytest.mark.parametrize("name", ["", "named"])
@pytest.mark.parametrize("sql", [
    "execute one(41)", "EXECUTE one ( 41 ) ; ", "explain (costs off) execute one(41)",
    "create temp table made as execute one(41)", "deallocate one", "DEALLOCATE PREPARE one",
    "prepare one as select 2", "prepare other as select 2", "execute other",
    "execute one('x')", "execute one(nothing)", "/* \u00e4 */ execute one(41, nothing)",
    "execute one", "deallocate other", 'execute "one"(41)'])
def test_it_is_as_without_a_pooler(both, sql, name):
    alike(both, ONE + S)
    alike(both, once(sql, name) + S)
    alike(both, wire.bind("", "one", [b"1"]) + E() + S)
    alike(both, wire.query("execute one(1)"))
    # Bound again, when it may mean something else.
    alike(both, wire.bind("", name) + E() + S)
    alike(both, wire.close("S", "one") + wire.parse("one", "select $1::int * 10") + S)
    alike(both, wire.bind("", "one", [b"1"]) + E() + S)
    alike(both, wire.query("deallocate all"))


def test_what_it_names_may_be_another_thing_later(both):
    alike(both, ONE + wire.parse("use", "execute one(1)") + S)
    alike(both, wire.bind("", "use") + E() + S)
    alike(both, wire.close("S", "one") + S)
    alike(both, wire.bind("", "use") + E() + S)
    alike(both, wire.parse("one", "select 'another', $1::int + 5") + S)
    alike(both, wire.query("select 1"))
    wanted = alike(both, wire.parse("again", "execute one(1)") + wire.bind("", "again")
                   + E() + S)
    assert any(tag == "D" and b"another" in body for tag, body in wanted)


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_in_blocks_and_pipelines(both, end):
    alike(both, ONE + S)
    alike(both, wire.query("begin"))
    alike(both, once("execute one(1)") + once("deallocate one") + once("select 3")
          + ONE + once("execute one(2)", "", "p") + S)
    alike(both, wire.query(end))
    alike(both, once("execute one(3)") + S + once("deallocate one") + S
          + once("execute one(4)") + S + ONE + once("execute one(5)") + S, 4)
    # What is skipped has not happened.
    alike(both, once("select 1/0") + once("deallocate one") + S)
    alike(both, once("execute one(6)") + S)
    alike(both, wire.query("begin; select 1/0"))
    alike(both, once("execute one(7)") + S + once("deallocate one") + S, 2)
    alike(both, wire.query("rollback"))
    alike(both, once("execute one(8)") + S)


def test_the_unnamed_statement_is_still_the_clients(both):
    alike(both, ONE + wire.parse("use", "execute one(1)") + S)
    alike(both, wire.parse("", "select 'mine'") + S)
    alike(both, wire.bind("", "use") + E() + wire.bind() + E() + S)
    alike(both, wire.bind() + wire.describe() + E() + S)
    alike(both, wire.parse("", "execute one(2)") + S)
    alike(both, wire.bind("p") + wire.describe("P", "p") + E("p") + S)
    alike(both, wire.bind() + E() + S)


def test_on_servers_that_have_it_not(both, sessions):
    """Another client keeps the server that parsed it."""
    through, port = both[1], sessions.port("transaction")
    alike(both, ONE + wire.parse("use", "execute one(1)") + S)
    pids = {through.value("select pg_backend_pid()")}
    others = [wire.Client(port=port) for _ in range(2)]
    try:
        for other in others:
            other.login("app.acme", "acme", postgres.PASSWORD)
            other.query("begin")
            pids.add(through.value("select pg_backend_pid()"))
            alike(both, wire.bind("", "use") + wire.describe() + E() + S)
            alike(both, once("execute one(2)") + S)
            alike(both, once("deallocate one") + ONE + S)
    finally:
        for other in others:
            other.close()
    assert len(pids) > 1


def test_cut_at_every_byte(both):
    direct, through = both
    alike(both, ONE + S)
    data = (wire.parse("use", "execute one(1)") + wire.describe("S", "use")
            + wire.bind("p", "use") + E("p") + wire.close("S", "use") + S)
    direct.send(data)
    wanted = direct.recv_until("Z")
    for at in range(1, len(data)):
        through.send_cut(data, at)
        assert through.recv_until("Z") == wanted, at


@pytest.mark.parametrize("end,ends", [
    (wire.query("rollback"), 1), (wire.query("rollback; begin"), 1), (once("commit") + S, 1),
    (once("rollback"), 0)])
@pytest.mark.parametrize("use", [
    once("deallocate one") + S, once("execute one(1)") + S,
    wire.bind("", "use") + E() + S, S + wire.query("prepare one as select 2; select 3"),
    S + wire.query("execute one(2)"), S + wire.query("deallocate one")])
def test_right_behind_the_end_of_a_failed_block(both, end, ends, use):
    """Sent before the end is answered: what is meant counts then, not before."""
    alike(both, ONE + wire.parse("use", "execute one(3)") + S)
    alike(both, wire.query("begin; select 1/0"))
    alike(both, end + use, ends + (2 if use.startswith(S) else 1))
    alike(both, wire.query("rollback"))
    alike(both, wire.query("execute one(4)"))


LONG = "x" * 60 + "yyy" + "z" * 9


def long_ones(name: str) -> bytes:
    return wire.parse(name, "select $1::int + 1 as more") + S


@pytest.mark.parametrize("sql", [
    "execute {0}(1)", 'execute "{0}" (1)', "execute {0}", "execute {0}(nothing)",
    "EXPLAIN (costs off) EXECUTE {1}(1)", "create temp table made as execute {0}(1)",
    "deallocate {0}", "deallocate prepare {1}", "prepare {0} as select 2",
    "prepare {1} as select 2; select 3", "select 3; prepare {0} as select 2",
    "select 3; execute {0}(1); execute {1}(2); deallocate {0}",
    "execute {0}(1); execute {0}(2) /* {0} */", "select 3; execute {0}(1); select 1/0",
    "prepare other{0} as select 4", "execute other{0}", "execute {0}(1) as nonsense",
    "select 1 as {0}"])
def test_a_long_name_is_said_to_be_cut(both, sql):
    """By a NOTICE of PostgreSQL's, also where the text gets another name."""
    sql = sql.format(LONG, LONG.upper())
    for before in ("select 1", "begin", "begin; select 1/0", "set client_min_messages = error",
                   "set client_min_messages = notice"):
        alike(both, long_ones(LONG))
        alike(both, wire.query(before))
        alike(both, wire.query(sql))
        alike(both, wire.query("rollback"))
        alike(both, wire.query(sql) + wire.query("select 1"), 2)
        alike(both, once(sql) + S)
        alike(both, wire.bind() + E() + S)
        alike(both, wire.query("deallocate all; drop table if exists made"))


def test_who_is_given_it_on_another_server_is_told_nothing(both, sessions):
    """Only its own Parse says that something in it is cut."""
    through, port = both[1], sessions.port("transaction")
    alike(both, wire.parse("use", f"select 1 as {LONG}") + S)
    alike(both, wire.parse("", f"select 2 as {LONG}") + S)
    pids = {through.value("select pg_backend_pid()")}
    alike(both, wire.parse("", f"select 2 as {LONG}") + S)
    others = [wire.Client(port=port) for _ in range(2)]
    try:
        for other in others:
            other.login("app.acme", "acme", postgres.PASSWORD)
            other.query("begin")
            alike(both, wire.bind() + E() + S)
            alike(both, wire.bind("", "use") + wire.describe("S", "use") + E() + S)
            pids.add(through.value("select pg_backend_pid()"))
            alike(both, wire.parse("", f"select 2 as {LONG}") + S)
    finally:
        for other in others:
            other.close()
    assert len(pids) > 1


VICTIM = "select 'mine' where $1::int = 1"


def name_on_server(definition: bytes) -> str:
    return "cenote_" + hashlib.sha256(definition).hexdigest()[:32]


OURS = [name_on_server(VICTIM.encode() + bytes(3)), "cenote_left_behind"]


@pytest.fixture
def pair(pg, start, connect):
    """Two clients on one server, where one has a statement that the other knows."""
    pooler = start(configs.plain(pg, pool_size=1))
    victim, other = connect(pooler), connect(pooler)
    victim.send(wire.parse("s", VICTIM) + S)
    victim.recv_until("Z")
    other.query("set work_mem = '2MB'")  # Makes the server know the question.
    names = "select name from pg_prepared_statements order by 1"
    assert [name for name, in other.query(names)[1]] == sorted(OURS)
    return victim, other


def is_well(victim) -> None:
    victim.send(wire.bind("", "s", [b"1"]) + E() + S)
    seen = victim.recv_until("Z")
    assert [wire.data_row(body) for tag, body in seen if tag == "D"] == [["mine"]]
    assert [tag for tag, _ in seen] == ["2", "D", "C", "Z"]


@pytest.mark.parametrize("by", ["query", "extended"])
@pytest.mark.parametrize("name", OURS)
@pytest.mark.parametrize("sql", ["execute {}(1)", "explain execute {}(1)", "deallocate {}",
                                 'deallocate prepare "{}"'])
def test_sql_does_not_reach_statements_of_others(pair, sql, name, by):
    victim, other = pair
    sql = sql.format(name)
    other.send(wire.query(sql) if by == "query" else once(sql, "n") + S)
    errors = [body for tag, body in other.recv_until("Z") if tag == "E"]
    assert wire.error_fields(errors[0])["C"] == "26000"
    is_well(victim)
    assert other.value("show work_mem") == "2MB"
    other.query("set work_mem = '3MB'")
    assert other.value("show work_mem") == "3MB"


@pytest.mark.parametrize("by", ["query", "extended"])
@pytest.mark.parametrize("name", OURS + ["cenote_mine", "cenote_" + 90 * "x"])
def test_names_like_ours_are_the_clients_own_in_sql(pair, name, by):
    victim, other = pair

    def say(sql: str) -> list:
        other.send(wire.query(sql) if by == "query" else once(sql) + S)
        seen = other.recv_until("Z")
        assert "E" not in [tag for tag, _ in seen]
        return [wire.data_row(body) for tag, body in seen if tag == "D"]

    say(f"prepare {name}(int) as select 'theirs ' || $1")
    assert say(f"execute {name}(7)") == [["theirs 7"]]
    # It keeps its server: the victim has to wait until it is gone.
    say(f"deallocate {name}")
    is_well(victim)


def test_sql_does_not_answer_our_question(pair):
    """Whoever gets at our statements in a way that no text tells."""
    victim, other = pair
    other.query(f"""do $do$ begin
        execute 'deallocate cenote_left_behind';
        execute 'prepare cenote_left_behind(int, text[]) as
                 select $q$x$q$, $q$$q$, $q$$q$ where $1 = 0 and $2 is null';
        execute 'deallocate {OURS[0]}';
        execute 'prepare {OURS[0]}(int) as select $q$theirs$q$ where $1 = 1';
        set search_path = elsewhere; end $do$""")
    assert other.value("show search_path") == "elsewhere"
    other.close()
    is_well(victim)
    assert victim.value("show search_path") == '"$user", public'


def test_what_must_fail_fails_whatever_sql_has_prepared(pair):
    _, other = pair
    other.query("prepare cenote_missing as select 'there'")
    other.send(wire.parse("a", "select 1") + S)
    other.recv_until("Z")
    with pytest.raises(wire.ServerError) as told:
        other.query("prepare a as select 2; execute a")
    assert told.value.sqlstate == "42P05"
    assert other.value("select 4") == "4"
