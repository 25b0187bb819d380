"""What other poolers got wrong about sessions, each as a test. The first line of a
docstring names the peers and their issues; docs/compatibility.md is made of them."""

import contextlib
import subprocess

import pytest
from support import configs, pgbouncer, postgres, wire
from support.wire import (SYNC, bind, close, copy_data, describe, execute, extended,
                          parse, query)


@pytest.fixture(scope="module")
def two(pg, module_start):
    """A pooler with two servers."""
    with wire.Client(port=pg.port) as db:
        db.login("app", "acme", postgres.PASSWORD)
        db.query("drop schema if exists bugs cascade; create schema bugs; "
                 "create table bugs.t (id int primary key, v text); "
                 "insert into bugs.t select g, 'v' || g from generate_series(1, 50) g")
    return module_start(configs.plain(pg, pool_size=2))


@pytest.fixture
def direct(pg):
    with wire.Client(port=pg.port) as client:
        client.login("app", "acme", postgres.PASSWORD)
        yield client


@pytest.fixture
def other_server(two, connect):
    """`with other_server():` the server used last is busy, so that the next
    transaction meets another one."""
    @contextlib.contextmanager
    def busy():
        blocker = connect(two)
        blocker.query("begin")
        pid = blocker.value("select pg_backend_pid()")
        yield pid
        blocker.query("rollback")
    return busy


def comparable(messages: list) -> list:
    return [(tag, body) for tag, body in messages if tag != "S"]


def say(client, data: bytes, count: int = 1) -> list:
    client.send(data)
    return comparable(client.recv_until("Z", count))


def same(direct, through, data: bytes, count: int = 1) -> list:
    """Both ways answer alike; returns the answer."""
    wanted = say(direct, data, count)
    got = say(through, data, count)
    assert got == wanted
    return got


def states(messages: list) -> list:
    return [wire.error_fields(body)["C"] for tag, body in messages if tag == "E"]


def rows(messages: list) -> list:
    return [wire.data_row(body) for tag, body in messages if tag == "D"]


# -- prepared statements


def test_duplicate_and_missing_names_are_errors_in_their_place(two, direct, connect):
    """PgBouncer disconnects the client; Supavisor EPREPAREDDUP, EPREPAREDNOTFOUND are FATAL"""
    client = connect(two)
    for data in (close("S", "a") + parse("a", "select 1") + parse("a", "select 2") + SYNC,
                 bind("", "a") + execute() + SYNC, bind("", "b") + execute() + SYNC,
                 describe("S", "b") + SYNC, extended("select 'goes on'") + SYNC):
        same(direct, client, data)


def test_a_failed_parse_leaves_no_name(two, direct, connect, other_server):
    """Supavisor #1175: a failed Parse leaves the name mapped, 42P05 on retry"""
    client = connect(two)
    bad = parse("retry", "select nowhere") + SYNC
    assert states(same(direct, client, bad)) == ["42703"]
    same(direct, client, bind("", "retry") + SYNC)
    same(direct, client, parse("retry", "select 'good'") + SYNC)
    with other_server():
        assert rows(same(direct, client, bind("", "retry") + execute() + SYNC)) \
            == [["good"]]


def test_a_skipped_parse_leaves_no_name(two, direct, connect):
    """Supavisor #1175, PgBouncer test_prepared: a Parse behind an error never happened"""
    client = connect(two)
    same(direct, client, extended("select 1/0") + parse("skipped", "select 1") + SYNC)
    same(direct, client, bind("", "skipped") + execute() + SYNC)
    same(direct, client, parse("skipped", "select 2") + SYNC)
    same(direct, client, bind("", "skipped") + execute() + SYNC)


def test_describe_on_another_server(two, direct, connect, other_server):
    """Supavisor #1174, #1185: Describe is not replayed on another server, 26000"""
    client = connect(two)
    same(direct, client, parse("d", "select id, v from bugs.t where id = $1") + SYNC)
    first = client.value("select pg_backend_pid()")
    direct.query("select 1")
    with other_server():
        same(direct, client, describe("S", "d") + SYNC)
        assert client.value("select pg_backend_pid()") != first
        direct.query("select 1")
        same(direct, client, bind("", "d", [b"3"]) + describe() + execute() + SYNC)


def test_named_portal_of_named_statement(two, direct, connect, other_server):
    """Supavisor: Bind drops the portal name (JDBC setFetchSize)"""
    client = connect(two)
    same(direct, client, parse("named", "select id from bugs.t order by id") + SYNC)
    with other_server():
        same(direct, client, query("begin"))
        same(direct, client, bind("C_1", "named") + describe("P", "C_1")
             + execute("C_1", 10) + SYNC)
        same(direct, client, execute("C_1", 10) + SYNC)
        same(direct, client, close("P", "C_1") + SYNC + query("commit"), 2)


def test_one_name_with_many_texts(two, connect):
    """PgDog #604, #876, #913; pgagroal #120: names of different clients get mixed up"""
    clients = [connect(two) for _ in range(8)]
    for number, client in enumerate(clients):
        say(client, parse("mine", f"select 'client {number}', $1::int") + SYNC)
    for turn in range(10):
        for client in clients:
            client.send(bind("", "mine", [b"%d" % turn]) + execute() + SYNC)
        for number, client in enumerate(clients):
            assert rows(client.recv_until("Z")) == [[f"client {number}", str(turn)]]


def test_one_text_under_different_search_paths(two, pg, connect, other_server):
    """pg_doorman #259: a shared statement resolves names in another client's search_path"""
    pg.query("drop schema if exists one, two cascade", dbname="acme")
    for name in ("one", "two"):
        pg.query(f"create schema {name}", dbname="acme")
        pg.query(f"create table {name}.place as select '{name}' as here", dbname="acme")
        pg.query(f"grant all on schema {name} to app; "
                 f"grant all on {name}.place to app", dbname="acme")
    one, two_ = (connect(two, search_path=name) for name in ("one", "two"))
    for _ in range(3):
        for client, name in ((one, "one"), (two_, "two")):
            say(client, close("S", "p") + parse("p", "select here from place") + SYNC)
            assert rows(say(client, bind("", "p") + execute() + SYNC)) == [[name]]
            with other_server():
                assert rows(say(client, bind("", "p") + execute() + SYNC)) == [[name]]


def test_unnamed_statements_are_planned_anew(two, direct, connect):
    """PgDog #946: renamed unnamed statements kept stale plans over DDL"""
    client = connect(two)
    for through in (direct, client):
        through.query("drop table if exists bugs.ddl; create table bugs.ddl as "
                      "select 1 as a")
        assert rows(say(through, extended("select * from bugs.ddl") + SYNC)) == [["1"]]
        through.query("alter table bugs.ddl add column b int default 2")
        assert rows(say(through, extended("select * from bugs.ddl") + SYNC)) \
            == [["1", "2"]]


def test_a_changed_result_type_is_over_with_the_next_parse(two, connect, other_server):
    """PgBouncer: `cached plan must not change result type` until RECONNECT"""
    client = connect(two)
    client.query("drop table if exists bugs.plan; create table bugs.plan as select 1 a")
    text = "select * from bugs.plan"
    say(client, parse("plan", text) + SYNC)
    say(client, bind("", "plan") + execute() + SYNC)
    client.query("alter table bugs.plan add column b int default 2")
    told = say(client, bind("", "plan") + execute() + SYNC)
    assert states(told) in ([], ["0A000"])
    for _ in range(2):
        say(client, close("S", "plan") + parse("plan", text) + SYNC)
        assert rows(say(client, bind("", "plan") + execute() + SYNC)) == [["1", "2"]]
        with other_server():
            assert rows(say(client, bind("", "plan") + execute() + SYNC)) == [["1", "2"]]


def test_a_changed_result_type_and_a_new_name(two, connect):
    """asyncpg's way out of `cached plan must not change result type`: the same text under another name"""
    client = connect(two)
    client.query("drop table if exists bugs.named; create table bugs.named as select 1 a")
    text = "select * from bugs.named"
    for number in range(3):
        say(client, parse(f"n{number}", text) + describe("S", f"n{number}") + SYNC)
        got = rows(say(client, bind("", f"n{number}") + execute() + SYNC))
        assert got == [["1", *["2"] * number]]
        client.query(f"alter table bugs.named add column b{number} int default 2")
        assert states(say(client, bind("", f"n{number}") + execute() + SYNC)) == ["0A000"]


@pytest.mark.parametrize("where", ["same", "other"])
@pytest.mark.parametrize("way", ["describe", "bind"])
def test_a_new_client_after_a_migration(two, connect, other_server, way, where):
    """PgDog #946, PgBouncer: a shared statement is stale for a client that has only just prepared it"""
    connect(two).query("drop table if exists bugs.moved; "
                       "create table bugs.moved as select 1 a")
    text = "select * from bugs.moved"
    old = connect(two)
    say(old, parse("old", text) + SYNC)
    assert rows(say(old, bind("", "old") + execute() + SYNC)) == [["1"]]
    old.query("drop table bugs.moved; create table bugs.moved as select 'x' a, 2 b")
    for number in range(3):
        new = connect(two)
        asked = describe("S", f"new{number}") + SYNC if way == "describe" else SYNC
        # `old` was on the server that is used now, it may have the old plan.
        with other_server() if where == "other" else contextlib.nullcontext():
            said = say(new, parse(f"new{number}", text) + asked)
        assert states(said) == []
        assert rows(say(new, bind("", f"new{number}") + execute() + SYNC)) \
            == [["x", "2"]]


def test_rows_are_as_they_were_described(two, connect, other_server):
    """PgBouncer, and JDBC through cenote: another server plans a statement anew, its rows no longer as described"""
    client = connect(two)
    client.query("drop table if exists bugs.shape; create table bugs.shape as select 1 a")
    said = say(client, parse("shape", "select * from bugs.shape") + describe("S", "shape")
               + bind("", "shape") + execute() + SYNC)
    assert rows(said) == [["1"]]
    client.query("alter table bugs.shape add column b int default 2")
    with other_server():  # It has never seen the statement.
        told = say(client, bind("", "shape") + execute() + SYNC)
        assert states(told) == ["0A000"], rows(told)


def test_servers_keep_a_bounded_number_of_statements(two, connect):
    """Odyssey #1545, PgDog #1247: statements on servers grow without end"""
    client = connect(two)
    for number in range(0, 1200, 40):
        say(client, b"".join(parse(f"s{i}", f"select {i}, $1::int")
                             for i in range(number, number + 40)) + SYNC)
        some = bind("", f"s{number}", [b"1"]) + execute() + SYNC
        assert rows(say(client, some)) == [[str(number), "1"]]
    assert int(client.value("select count(*) from pg_prepared_statements")) <= 500
    # Those evicted come back.
    for number in (0, 1, 600, 1199):
        assert rows(say(client, bind("", f"s{number}", [b"7"]) + execute() + SYNC)) \
            == [[str(number), "7"]]


def test_eviction_in_a_failing_pipeline(two, direct, connect):
    """PgBouncer test_prepared, pg_doorman #207: eviction inside a batch that fails"""
    client = connect(two)
    names = range(400)
    same(direct, client, b"".join(parse(f"e{i}", f"select {i}") for i in names) + SYNC)
    for at in range(0, 400, 50):
        batch = b"".join(bind("", f"e{i}") + execute() for i in range(at, at + 50))
        failing = batch + extended("select 1/0") + batch + SYNC
        assert states(same(direct, client, failing)) == ["22012"]
        same(direct, client, batch + SYNC)


def test_large_statements_and_values(two, direct, connect, other_server):
    """PgCat #534, PgBouncer test_prepared: statements around and far above buffer sizes"""
    client = connect(two)
    for size in (4080, 4096, 8191, 8192, 16384, 65536, 300_000):
        text = f"select length($1), '{'x' * size}'"
        same(direct, client, close("S", "big") + parse("big", text) + SYNC)
        with other_server():
            same(direct, client, bind("", "big", [b"y" * size]) + execute() + SYNC)


def test_sql_prepare_and_deallocate(two, direct, connect, other_server):
    """PgBouncer #991, #1008; Supavisor refuses SQL PREPARE; PgDog #604"""
    client = connect(two)
    same(direct, client, query("prepare q(int) as select $1 + 1"))
    with other_server():
        assert rows(same(direct, client, query("execute q(41)"))) == [["42"]]
        same(direct, client, query("deallocate q"))
    same(direct, client, query("execute q(1)"))
    same(direct, client, query("prepare q as select 1; prepare r as select 2"))
    same(direct, client, query("deallocate all"))
    same(direct, client, query("execute r"))


def test_discard_all_is_the_clients_own(two, direct, connect):
    """PgDog #1402: DISCARD leaks; it also must not take others' statements"""
    client, bystander = connect(two), connect(two)
    say(bystander, parse("kept", "select 'kept'") + SYNC)
    same(direct, client, parse("gone", "select 1") + SYNC)
    same(direct, client, query("discard all"))
    same(direct, client, bind("", "gone") + execute() + SYNC)
    assert rows(say(bystander, bind("", "kept") + execute() + SYNC)) == [["kept"]]


# -- pipelines


def test_every_pipelined_answer_arrives(two, direct, connect):
    """Supavisor #1061, #1079, #1176: replies of a pipeline dropped, Sync shortcuts"""
    client = connect(two)
    for lead in (SYNC, SYNC + SYNC, b""):
        data = lead + b"".join(extended("select $1::int", [b"%d" % i]) + SYNC
                               for i in range(60)) + query("select 'last'")
        same(direct, client, data, 61 + len(lead) // 5)


@pytest.mark.parametrize("sql", ["reset session authorization", "reset all",
                                 "set work_mem = '2MB'"])
def test_a_setting_behind_a_lone_sync(two, direct, connect, sql):
    """Supavisor #1176: a Sync that is alone, and what comes right behind it"""
    client = connect(two, IntervalStyle="iso_8601")
    client.query("select 1")
    assert [body for tag, body in say(client, SYNC + query(sql), 2) if tag == "Z"] \
        == [b"I", b"I"]
    client.send(SYNC)
    client.send(query(sql))
    assert len(client.recv_until("Z", 2)) >= 3
    assert client.value("select 'on'") == "on"


def test_two_clients_pipelines_stay_apart(two, connect):
    """Supavisor #1172: BEGIN and Bind of one client reach another client's server"""
    one, other = connect(two), connect(two)
    third = connect(two)
    for turn in range(40):
        for number, client in enumerate((one, other, third)):
            mark = f"{number}-{turn}".encode()
            client.send(extended("begin") + SYNC + extended("select $1::text", [mark])
                        + SYNC + extended("commit") + SYNC)
        for number, client in enumerate((one, other, third)):
            said = client.recv_until("Z", 3)
            assert rows(said) == [[f"{number}-{turn}"]]
            assert [body for tag, body in said if tag == "Z"] == [b"T", b"T", b"I"]


def test_a_killed_server_is_not_lent_again(two, connect):
    """Supavisor #1164, PgDog #1318: a server killed by 08P01 is handed to the next client"""
    bad = connect(two)
    bad.send(wire.message("m", b"nonsense"))
    bad.send(query("select 1"))
    bad.recv_all_or("Z")
    for _ in range(4):
        assert connect(two).value("select 'fine'") == "fine"


def test_late_copy_data_is_dropped(two, direct, connect):
    """PgBouncer #1471: CopyData and CopyDone behind a failed COPY"""
    client = connect(two)
    same(direct, client, query("copy bugs.nowhere from stdin") + copy_data(b"1\tx\n")
         + wire.COPY_DONE + query("select 'on'"), 2)
    same(direct, client, extended("copy bugs.nowhere from stdin") + copy_data(b"1\tx\n")
         + wire.COPY_DONE + SYNC + extended("select 'on'") + SYNC, 2)


def test_answers_are_counted_by_state(two, direct, connect):
    """Supavisor: Query and Sync that get no ReadyForQuery pin the server"""
    client = connect(two)
    same(direct, client, extended("select 1/0") + query("select 'skipped'") + SYNC)
    same(direct, client, extended("copy bugs.t from stdin") + SYNC + SYNC
         + copy_data(b"9000\tx\n") + SYNC + wire.copy_fail("no") + SYNC)
    others = [connect(two) for _ in range(2)]
    for other in others:
        other.query("begin")
    for other in others:  # Both servers are free, so neither is pinned.
        other.query("rollback")


def test_a_pipeline_larger_than_all_buffers(two, direct, connect):
    """Odyssey #1475: both sides full, deadlock; pg_doorman #233: stuck after a large row"""
    client = connect(two)
    data = b"".join(extended("select repeat('z', 200000), $1::text", [b"v" * 100_000])
                    for _ in range(40)) + SYNC
    import threading
    sender = threading.Thread(target=client.send, args=(data,), daemon=True)
    sender.start()
    said = client.recv_until("Z")
    sender.join(20)
    assert sum(tag == "D" for tag, _ in said) == 40
    assert client.value("select 'fine'") == "fine"


def test_batches_keep_step_after_errors(two, direct, connect):
    """pg_doorman #79, #102, #103 (Npgsql batches), #158: answers shifted after an error"""
    client = connect(two)
    for bad in ("select 1/0", "selec", "select * from bugs.nowhere"):
        batch = (parse("", "select 1") + bind() + execute() + parse("", bad) + bind()
                 + execute() + parse("", "select 2") + bind() + execute() + SYNC)
        same(direct, client, batch + extended("select 'next'") + SYNC + batch, 3)


def test_an_error_ends_no_session(two, direct, connect):
    """pg_doorman #152: session mode drops the client on an SQL error"""
    client = connect(two, "session")
    for _ in range(3):
        same(direct, client, query("select 1/0"))
        same(direct, client, query("select 'on'"))


def test_function_calls(two, direct, connect):
    """Odyssey #1444, PgDog #957, pg_doorman #267, #268: FunctionCall hangs or drops"""
    client = connect(two)
    call = wire.function_call(177, [b"3", b"4"])
    for data, count in ((call, 1), (call + call + query("select 1"), 3)):
        same(direct, client, data, count)
    same(direct, client, query("begin") + call + query("commit"), 3)


# -- settings


def test_settings_follow_their_client(two, direct, connect, other_server):
    """PgBouncer #73, #89, #396, #452, #482, #1176: search_path and SET are lost"""
    client = connect(two)
    for sql in ("set search_path = bugs, public", "set statement_timeout = '1h'",
                "set work_mem = '7MB'", "set timezone = 'Asia/Tokyo'"):
        same(direct, client, query(sql))
    look = query("select current_setting('search_path'), current_setting('work_mem'), "
                 "current_setting('statement_timeout'), current_setting('timezone')")
    same(direct, client, look)
    with other_server():
        same(direct, client, look)
        same(direct, client, query("select count(*) from t"))
    assert client.parameters["TimeZone"] == "Asia/Tokyo"


def test_settings_stay_with_their_client(two, connect):
    """Supavisor: SET default_transaction_read_only leaks to others; PgBouncer PR #1567"""
    client = connect(two)
    look = ("select current_setting('default_transaction_read_only'), current_user, "
            "current_setting('search_path'), current_setting('work_mem')")
    before = connect(two).query(look)
    for sql in ("set default_transaction_read_only = on", "set search_path = nowhere",
                "set work_mem = '9MB'"):
        client.query(sql)
    for _ in range(4):
        assert connect(two).query(look) == before


def test_startup_parameters_are_honoured(two, connect, other_server):
    """Supavisor drops all startup parameters but search_path; pg_doorman #246"""
    client = connect(two, work_mem="11MB", search_path="bugs", options="-c app.mark=m "
                     "-c statement_timeout=7min -c geqo=off")
    look = ("select current_setting('work_mem'), current_setting('search_path'), "
            "current_setting('statement_timeout'), current_setting('geqo'), "
            "current_setting('app.mark', true)")
    wanted = ["11MB", "bugs", "7min", "off", "m"]
    for _ in range(2):
        assert client.query(look)[1] == [wanted]
        with other_server():
            assert client.query(look)[1] == [wanted]
        client.query("set extra_float_digits = 0")  # One setting more changes no other.
    others = connect(two).query(look)[1][0]
    assert not set(others) & set(wanted)


def test_settings_of_a_role_are_honoured(two, pg, connect):
    """Supavisor #206: ALTER ROLE SET, ALTER DATABASE SET are not honoured"""
    pg.query("alter role other set work_mem = '13MB'")
    pooler = two
    try:
        with wire.Client(port=pg.port) as db:
            db.login("other", "globex", postgres.PASSWORD)
            assert db.value("show work_mem") == "13MB"
        pg.query("alter role app in database globex set work_mem = '17MB'")
        client = connect(pooler, database="globex")
        assert client.value("show work_mem") == "17MB"
        client.query("set work_mem = '1MB'")
        client.query("reset work_mem")
        assert client.value("show work_mem") == "17MB"
    finally:
        pg.query("alter role other reset all")
        pg.query("alter role app in database globex reset all")


def test_reset_goes_back_to_the_startup_parameters(two, connect, other_server):
    """RESET, SET TO DEFAULT and DISCARD ALL return to what the client started with"""
    client = connect(two, TimeZone="Asia/Kolkata", work_mem="11MB")
    for back in ("reset all", "discard all", "set work_mem to default"):
        client.query("set work_mem = '1MB'")
        client.query(back)
        with other_server():
            assert client.value("show work_mem") == "11MB", back
            assert client.value("show timezone") == "Asia/Kolkata", back


def test_settings_of_an_application_follow(two, direct, connect, other_server):
    """PgBouncer #452, PgDog: SET app.user_id for row level security is lost or leaks"""
    client = connect(two)
    look = query("select coalesce(nullif(current_setting('app.user_id', true), ''), '-')")
    for sql in ("set app.user_id = '42'", "begin; set app.user_id = '43'; commit",
                "select set_config('app.user_id', '44', false)",
                "begin; set app.user_id = '45'; rollback", "reset app.user_id"):
        for through in (direct, client):
            through.query(sql)
        with other_server():
            same(direct, client, look)
        same(direct, client, look)
        assert rows(say(connect(two), look)) == [["-"]]


def test_reset_inside_a_transaction(two, pg, connect):
    """RESET within a transaction or a string of statements, with startup parameters"""
    with wire.Client(port=pg.port) as direct:
        direct.login("app", "acme", postgres.PASSWORD, TimeZone="Asia/Kolkata",
                     work_mem="11MB")
        client = connect(two, TimeZone="Asia/Kolkata", work_mem="11MB")
        look = "select current_setting('timezone'), current_setting('work_mem')"
        for sql in (f"begin; reset timezone; reset work_mem; {look}; commit",
                    f"set timezone = 'UTC'; reset all; {look}", look,
                    "discard all", look):
            same(direct, client, query(sql))
            assert client.parameters["TimeZone"] == direct.parameters["TimeZone"]


@pytest.mark.parametrize("moved", [False, True])
def test_statement_names_of_both_protocols(two, direct, connect, other_server, moved):
    """PgBouncer #991, PgDog #604: EXECUTE of a name that Parse made, Bind of one that PREPARE made"""
    client = connect(two)
    same(direct, client, parse("shared_name", "select 'parsed', $1::int") + SYNC)
    with other_server() if moved else contextlib.nullcontext():
        same(direct, client, query("execute shared_name(1)"))
        for text in ("select 1", "select nowhere", "select $1::int", "select from"):
            same(direct, client, query(f"prepare shared_name as {text}"))
        same(direct, client, query("/* ä */ execute shared_name(nowhere)"))
        same(direct, client, query("execute shared_name(1); execute shared_name(1, nowhere)"))
        same(direct, client, query("deallocate shared_name"))
        same(direct, client, bind("", "shared_name", [b"1"]) + execute() + SYNC)
        same(direct, client, query("prepare shared_name as select 'prepared', $1::int"))
        same(direct, client, bind("", "shared_name", [b"1"]) + execute() + SYNC)
        same(direct, client, describe("S", "shared_name") + SYNC)
        same(direct, client, parse("shared_name", "select 2") + SYNC)
        same(direct, client, close("S", "shared_name") + SYNC)
        same(direct, client, query("execute shared_name(1)"))


@pytest.mark.parametrize("copy", ["cdone", "cfail", "flush"])
def test_an_execute_behind_a_copy(two, direct, connect, copy):
    """EXECUTE of what the protocol prepared, first thing on a server whose last was a COPY"""
    end = {"cdone": b"c\0\0\0\4", "cfail": b"f\0\0\0\x07no\0", "flush": b"H\0\0\0\4"}[copy]
    client, other = connect(two), connect(two)
    other.query("drop table if exists bugs.copied; create table bugs.copied (id int, v text)")
    for through in (direct, client):
        say(through, parse("copied", "select 'by protocol', $1::int") + SYNC)
    for sql in ("execute copied(1)", "execute copied(2)", "deallocate copied"):
        for _ in range(2):
            if copy == "flush":
                say(other, query("select 1") + end + SYNC, 2)
            else:
                say(other, query("copy bugs.copied from stdin") + copy_data(b"1\tx\n")
                    + end)
        same(direct, client, query(sql))


def test_a_taken_name_in_a_string_of_statements(two, connect, other_server):
    """SQL PREPARE of a name that the protocol gave, and EXECUTE of it, on a server that lacks it"""
    client = connect(two)
    say(client, parse("taken", "select 1") + SYNC)
    with other_server():
        for sql in ("prepare taken as select 2; execute taken",
                    "execute taken; prepare taken as select 2"):
            assert states(say(client, query(sql))) == ["42P05"]
        assert rows(say(client, query("execute taken"))) == [["1"]]


@pytest.mark.parametrize("batches", [1, 2])
def test_what_sql_prepared_can_be_closed_by_protocol(two, direct, connect, batches):
    """Odyssey, PgDog: SQL's and the protocol's names are one space; none is left for others"""
    between = SYNC if batches == 2 else b""
    client, other = connect(two), connect(two)
    for through in (direct, client):
        through.query("prepare both_ways as select 'no values'")
    same(direct, client, parse("both_ways", "select 1") + SYNC)
    same(direct, client, bind("", "no such") + close("S", "both_ways") + SYNC)
    same(direct, client, parse("both_ways", "select 1") + SYNC)
    same(direct, client, close("S", "both_ways") + between
         + parse("both_ways", "select $1::int") + bind("", "both_ways", [b"1"]) + execute()
         + SYNC, batches)
    same(direct, client, bind("", "both_ways", [b"2"]) + execute() + SYNC)
    for _ in range(3):  # Whichever server it meets.
        assert states(say(other, query("deallocate both_ways"))) == ["26000"]
    same(direct, client, query("deallocate both_ways"))


def test_deallocate_all_frees_sqls_names(two, direct, connect):
    """A name that SQL PREPARE gave is free for the protocol behind DEALLOCATE ALL"""
    client = connect(two)
    for inside in (True, False):
        if inside:
            same(direct, client, query("begin"))
        same(direct, client, query("prepare freed as select 2"))
        same(direct, client, query("deallocate all"))
        if inside:
            same(direct, client, query("commit"))
        same(direct, client, parse("freed", "select 'both'") + SYNC)
        same(direct, client, query("prepare freed as select 2"))
        same(direct, client, bind("", "freed") + execute() + SYNC)
        same(direct, client, query("deallocate all"))
        same(direct, client, query("deallocate all") + query("prepare freed as select 3")
             + parse("freed", "select 4") + SYNC, 3)
        same(direct, client, query("execute freed"))
        same(direct, client, query("deallocate freed"))


def test_a_prepare_beside_the_question_of_what_was_before(two, direct, connect):
    """A name that SQL PREPARE gave while PostgreSQL was asked about a DO is taken"""
    client = connect(two)
    for number in range(20):  # The answer comes before PREPARE, or behind it.
        name = f"beside_{number}"
        same(direct, client, query("do $$ begin end $$"))
        same(direct, client, query(f"prepare {name} as select 1"))
        same(direct, client, parse(name, "select 2") + SYNC)
        same(direct, client, query(f"execute {name}"))
    same(direct, client, query("deallocate all"))


def test_names_in_errors_are_the_clients(two, direct, connect):
    """Names of one text in one pipeline: an error names the one it is about"""
    client = connect(two)
    same(direct, client, parse("first", "select 'one text'") + SYNC)
    same(direct, client, bind("", "first", [b"1"]) + SYNC
         + parse("second", "select 'one text'") + SYNC, 2)


def test_an_error_has_the_whole_name(two, direct, connect):
    """PostgreSQL tells names apart by 63 bytes, and says what it was told"""
    client, name = connect(two), "n" * 70
    same(direct, client, parse(name, "select $1::int, $2::int") + SYNC)
    same(direct, client, bind("", name, [b"1"]) + SYNC)
    same(direct, client, bind("", name[:63], [b"1"]) + SYNC)


def test_a_skipped_unnamed_parse_changes_nothing(two, direct, connect):
    """The unnamed statement before an error is still there, Parse behind it never happened"""
    client = connect(two)
    same(direct, client, parse("", "select 'before'") + describe("P", "no such portal")
         + parse("", "select 'behind'") + SYNC)
    same(direct, client, bind() + execute() + SYNC)


def test_a_skipped_unnamed_parse_in_a_failed_block(two, direct, connect):
    """In a failed block the unnamed statement from before a skipped Parse can be described"""
    client = connect(two)
    for failing in (describe("P", "no such portal"), parse("", "select nowhere")):
        same(direct, client, query("begin"))
        same(direct, client, parse("", "update pg_class set relname = $1 where oid = $2")
             + SYNC)
        same(direct, client, failing + parse("", "select 1") + parse("", "select 2")
             + SYNC)
        same(direct, client, describe("S", "") + SYNC)
        same(direct, client, parse("", "select 3") + SYNC + describe("S", "") + SYNC, 2)
        same(direct, client, query("rollback"))
        same(direct, client, bind() + execute() + SYNC)


@pytest.mark.parametrize("behind", [query("select 1"), close("S", ""),
                                    parse("", "select 'skipped'")])
def test_two_skipped_messages_change_nothing(two, direct, connect, behind):
    """The unnamed statement outlives two Queries, or a Query and a Close or Parse, that
    are skipped in one batch or in two"""
    client = connect(two)
    for between in (b"", SYNC + describe("P", "no such portal")):
        same(direct, client, parse("", "select 'before'") + SYNC)
        data = describe("P", "no such portal") + query("select 1") + between + behind \
            + SYNC
        same(direct, client, data, data.count(SYNC))
        same(direct, client, bind() + execute() + SYNC)


@pytest.mark.parametrize("drop", [query("select 1"), close("S", "") + SYNC])
@pytest.mark.parametrize("between", [SYNC, b""])
def test_an_unnamed_parse_that_is_undone_late(two, direct, connect, drop, between):
    """What was parsed before an error does not come back behind what dropped it"""
    client = connect(two)
    data = (parse("", "select $1::int, $2::int") + describe("P", "no such portal")
            + parse("", "select 'skipped'") + between + drop)
    same(direct, client, data, data.count(SYNC) + (between == SYNC and b"Q" in drop))
    if b"Q" in drop and not between:
        same(direct, client, SYNC)
    same(direct, client, bind() + execute() + SYNC)


def test_two_unnamed_parses_of_two_failed_batches(two, direct, connect):
    """Neither of two unnamed statements that were skipped in two batches comes back"""
    client = connect(two)
    data = (bind("", "no such") + parse("", "select $1::int, $2::int") + SYNC
            + describe("P", "no such portal") + parse("", "select 'skipped'") + SYNC)
    for before in (parse("", "select 'before'"), close("S", "")):
        same(direct, client, before + SYNC)
        same(direct, client, data, 2)
        same(direct, client, bind() + execute() + SYNC)


@pytest.mark.parametrize("sql", ["select 1", "", "select nowhere", "execute unknown"])
def test_a_query_drops_the_unnamed_statement_unless_it_is_skipped(two, direct, connect, sql):
    """The unnamed statement outlives a Query that PostgreSQL skips, and none that it runs"""
    client = connect(two)
    for failing in (describe("P", "no such portal"), b"", bind("", "no such")):
        for data in (parse("", "select 'still here'") + SYNC, failing + query(sql) + SYNC,
                     bind() + execute() + SYNC,
                     parse("", "select 'and again'") + failing + query(sql) + SYNC,
                     bind() + execute() + SYNC, failing + query(sql) + SYNC
                     + bind() + execute() + SYNC):
            same(direct, client, data, data.count(SYNC) + (not failing and b"Q" in data))


def test_a_query_that_is_skipped_holds_nothing_back(two, connect):
    """What is sent behind an error that has arrived waits for no answer: none comes up to the Sync"""
    client = connect(two)
    say(client, parse("", "select 'before'") + SYNC)
    client.send(describe("P", "no such portal") + parse("", "select 'skipped'"))
    assert states(client.recv_until("E")) == ["34000"]
    client.send(bind() + query("select 'skipped'") + parse("", "select 2") + bind()
                + execute())
    assert say(client, SYNC) == [("Z", b"I")]
    assert rows(say(client, extended("select 'goes on'") + SYNC)) == [["goes on"]]


@pytest.mark.parametrize("path", [
    '"odd, name"', "'it''s'", '"with ""quotes"""', "a, b , \"C\"", "''", "pg_catalog"])
def test_odd_search_paths(two, direct, connect, other_server, path):
    """Odyssey smart_search_path_enquoting: quotes and commas in search_path"""
    client = connect(two)
    same(direct, client, query(f"set search_path = {path}"))
    with other_server():
        same(direct, client, query("show search_path"))
        same(direct, client, query("select current_schemas(false)"))


@pytest.mark.parametrize("options", [
    "-c=", "-c", "--=", "-c a", "--=1", "-c geqo", "\\", "-c geqo=off\\", " " * 5000,
    "-c diff.x=" + "y" * 5000])
def test_odd_options(two, direct, options):
    """CVE-2026-107349 (PgBouncer): options=-c= loops for ever"""
    with wire.Client(port=two.port()) as client:
        try:
            client.login(pgbouncer.user_name("app.acme"), "acme", postgres.PASSWORD,
                         options=options)
            client.query("select 1")
        except (wire.ServerError, wire.Gone):
            pass  # Refused is fine; silence is not.
    with wire.Client(port=two.port()) as client:
        client.login(pgbouncer.user_name("app.acme"), "acme", postgres.PASSWORD)
        assert client.value("select 'fine'") == "fine"


# -- what a session leaves behind


def test_roles_locks_and_tables_stay_with_their_client(two, pg, connect):
    """pg_doorman misses advisory locks and ROLE; PgBouncer, Odyssey leak locks"""
    pg.query("do $$ begin create role bug_role; exception when duplicate_object then "
             "null; end $$; grant bug_role to app")
    client = connect(two)
    client.query("set role bug_role")
    client.query("select pg_advisory_lock(4711)")
    client.query("create temp table mine (x int)")
    client.query("begin; declare held cursor with hold for select 1; commit")
    # The state is the client's as long as it wants it …
    assert client.query("select current_user, pg_advisory_unlock(4711), "
                        "to_regclass('pg_temp.mine') is not null")[1] \
        == [["bug_role", "t", "t"]]
    client.query("select pg_advisory_lock(4711)")
    client.send(wire.TERMINATE)
    client.rest()
    # … and nobody's when it is gone.
    for _ in range(4):
        assert connect(two).query(
            "select current_user, to_regclass('pg_temp.mine'), "
            "(select count(*) from pg_cursors), (select count(*) from pg_locks where "
            "locktype = 'advisory' and pid = pg_backend_pid())")[1] \
            == [["app", None, "0", "0"]]
    deadline = connect(two)
    deadline.query("set lock_timeout = '10s'")
    deadline.query("select pg_advisory_lock(4711)")


def test_listen_in_transaction_mode(two, connect):
    """PgBouncer #655, PgCat #303, Odyssey #365, Supavisor #85, #332: LISTEN hears nothing"""
    listener, speaker = connect(two), connect(two)
    listener.query("listen bug_news")
    for number in range(3):
        speaker.query(f"notify bug_news, '{number}'")
    heard = [listener.recv_until("A")[-1][1] for _ in range(3)]
    assert [body[4:] for body in heard] \
        == [b"bug_news\0%d\0" % number for number in range(3)]
    speaker.query("begin; notify bug_news, 'never'; rollback")
    listener.query("unlisten *")


def test_notifications_stay_in_their_database(two, connect):
    """PgDog #1285: channels of one pool heard in another"""
    listener = connect(two, database="globex")
    listener.query("listen shared_word")
    connect(two).query("notify shared_word, 'from acme'")
    connect(two, database="globex").query("notify shared_word, 'from globex'")
    assert listener.recv_until("A")[-1][1][4:] == b"shared_word\0from globex\0"


def test_answers_of_the_client_before_are_not_seen(two, connect):
    """pgagroal #142, #626: results of earlier statements reach the next client"""
    for turn in range(20):
        leaver = connect(two)
        leaver.send(query("select repeat('secret', 1000) from generate_series(1, 2000)")
                    + extended("select 'secret', pg_sleep(0.01)") + SYNC)
        if turn % 2:
            leaver.recv()
        leaver.close()
        names, values = connect(two).query("select 'mine'")
        assert values == [["mine"]]


@pytest.mark.parametrize("mode", ["transaction", "session"])
def test_pg_dump(two, pg, mode):
    """PgDog #677: pg_dump fails through the pooler"""
    def dump(port, user):
        done = subprocess.run(
            [str(pg.bin / "pg_dump"), "-h", "127.0.0.1", "-p", str(port), "-U", user,
             "-n", "bugs", "acme"], capture_output=True, text=True, timeout=60,
            env={"PGPASSWORD": postgres.PASSWORD, "PATH": "/usr/bin:/bin"})
        assert done.returncode == 0, done.stderr
        # A word that psql must be told, different each time.
        return [line for line in done.stdout.split("\n") if "restrict " not in line]
    assert dump(two.port(mode), pgbouncer.user_name("app.acme")) == dump(pg.port, "app")
