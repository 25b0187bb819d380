"""Transaction mode: what functions do to the session, which no text tells, stays
with the client that ran them, whatever runs them."""

import pytest
from support import configs, ports, wire

HOME = "acme"

SCHEMA = """
create schema watched;
set search_path = watched;
create table plain (a int primary key);
create function f_custom(v text) returns void language plpgsql as
  $$ begin perform set_config('app.custom', v, false); end $$;
create function f_set() returns void language plpgsql as
  $$ begin set work_mem = '9MB'; set session app.by_set = 'set'; end $$;
create function f_zone(v text) returns void language plpgsql as
  $$ begin perform set_config('TimeZone', v, false); end $$;
create function f_name(v text) returns text language sql as
  $$ select set_config('application_name', v, false) $$;
create function "Calls It"() returns void language plpgsql as
  $$ begin perform f_custom('called'); end $$;
create function f_calls_deep() returns void language plpgsql as
  $$ begin perform "Calls It"(); end $$;
create function f_standard() returns text language sql
  begin atomic select set_config('app.custom', 'standard', false); end;
create function f_on_standard() returns text language sql
  begin atomic select f_standard(); end;
create function f_local(v text) returns void language plpgsql as
  $$ begin perform set_config('app.local', v, true); end $$;
create function f_harmless(v int) returns int language plpgsql as
  $$ begin update plain set a = a where a = v; return v; end $$;
create function f_execute() returns void language plpgsql as
  $$ begin execute 'set app.custom = ''executed'''; end $$;
create function f_any(k text, v text) returns void language plpgsql as
  $$ begin perform set_config(k, v, false); end $$;
create function f_lock() returns void language plpgsql as
  $$ begin perform pg_advisory_lock(77); end $$;
create function f_unlock() returns void language plpgsql as
  $$ begin perform pg_advisory_unlock(77); end $$;
create function f_temp() returns void language plpgsql as
  $$ begin create temp table mine (a int); end $$;
create function f_hold() returns void language plpgsql as
  $$ begin execute 'declare held cursor with hold for select 1'; end $$;
create function f_listen() returns void language plpgsql as
  $$ begin listen watched_news; end $$;
create function f_own() returns void language plpgsql set work_mem = '8MB' as
  $$ begin perform 1; end $$;
create table audited (a int);
create table parent (a int primary key);
create table child (a int references parent on delete cascade);
create table defaulted (a int, b text default f_name('defaulted'));
create table parts (a int) partition by range (a);
create table part partition of parts for values from (0) to (100);
create table guarded (a int);
create function t_audit() returns trigger language plpgsql as
  $$ begin perform set_config('app.custom', 'audit', false); return coalesce(new, old); end $$;
create trigger audit before insert or update on audited for each row execute function t_audit();
create trigger audit before delete on child for each row execute function t_audit();
create trigger audit before insert on part for each row execute function t_audit();
create view looks as select set_config('app.custom', 'view', false) as v;
create view over_looks as select v from looks;
insert into parent values (1); insert into child values (1);
alter table guarded enable row level security;
create policy p on guarded using (f_name('policy') is not null);
insert into guarded values (1);
grant usage on schema watched to public;
grant all on all tables in schema watched to public;
alter role app in database acme set search_path = watched, public;
"""


@pytest.fixture(scope="module")
def home(pg):
    with pg.connect(HOME) as db:
        db.autocommit = True
        db.cursor().execute(SCHEMA)
    yield pg
    with pg.connect(HOME) as db:
        db.autocommit = True
        db.cursor().execute("drop schema watched cascade; "
                            "alter role app in database acme reset search_path")


@pytest.fixture(scope="module")
def one(home, module_start):
    """A pooler with one server."""
    config = configs.plain(home, pool_size=1)
    config["admin"]["http"] = f"127.0.0.1:{ports.free_port()}"
    return module_start(config)


@pytest.fixture(scope="module")
def two(home, module_start):
    """A pooler with two servers."""
    return module_start(configs.plain(home, pool_size=2))


@pytest.fixture
def direct(home):
    """PostgreSQL itself, as a superuser."""
    with home.connect(HOME) as db:
        db.autocommit = True
        cursor = db.cursor()
        cursor.execute("set search_path = watched")
        yield cursor.execute


def questions(pooler) -> float:
    return sum(float(line.split()[-1]) for line in pooler.metrics().splitlines()
               if line.startswith("cenote_pool_questions_total{"))


def show(client, name: str):
    return client.value(f"select current_setting('{name}', true)")


def pins(pooler) -> list:
    names, rows = pooler.console("show clients")
    return [row[names.index("pin_reason")] for row in rows
            if row[names.index("database")] == HOME and row[names.index("pin_reason")]]


def by_query(client, sql: str) -> None:
    client.query(sql)


def by_protocol(client, sql: str) -> None:
    client.send(wire.extended(sql) + wire.SYNC)
    assert not [body for tag, body in client.recv_until("Z") if tag == "E"]


def by_name(client, sql: str) -> None:
    """Parsed, and bound when others were on the server."""
    client.send(wire.parse("later", sql) + wire.SYNC)
    client.recv_until("Z")
    client.query("select 1")
    client.send(wire.bind("", "later") + wire.execute() + wire.close("S", "later")
                + wire.SYNC)
    assert not [body for tag, body in client.recv_until("Z") if tag == "E"]


def by_execute(client, sql: str) -> None:
    client.query(f"prepare later as {sql}")
    client.query("execute later")
    client.query("deallocate later")


def by_block(client, sql: str) -> None:
    client.query("begin")
    client.query(sql)
    client.query("commit")


def by_pipeline(client, sql: str) -> None:
    """All at once, others before and behind it."""
    client.send(wire.query("select 1") + wire.extended(sql) + wire.SYNC
                + wire.query("select 2"))
    seen = client.recv_until("Z", 3)
    assert not [body for tag, body in seen if tag == "E"]


def by_cursor(client, sql: str) -> None:
    client.query(f"begin; declare c cursor for {sql}")
    client.query("fetch all from c")
    client.query("commit")


HOW = [by_query, by_protocol, by_name, by_execute, by_block, by_pipeline]

# The text, the setting, its value behind it.
CASES = {
    "custom": ("select f_custom('mine')", "app.custom", "mine"),
    "builtin": ("select f_set()", "work_mem", "9MB"),
    "session": ("select F_Set()", "app.by_set", "set"),
    "reported": ("select f_zone('Asia/Tokyo')", "TimeZone", "Asia/Tokyo"),
    "sql": ("select watched.f_name('mine')", "application_name", "mine"),
    "called": ('select "Calls It"()', "app.custom", "called"),
    "deep": ("select f_calls_deep()", "app.custom", "called"),
    "standard": ("select f_standard()", "app.custom", "standard"),
    "on_standard": ("select f_on_standard()", "app.custom", "standard"),
    "execute": ("select f_execute()", "app.custom", "executed"),
    "view": ("select * from looks", "app.custom", "view"),
    "over_view": ("select * from over_looks", "app.custom", "view"),
    "policy": ("select * from guarded", "application_name", "policy"),
    "trigger": ("insert into audited values (1)", "app.custom", "audit"),
    "default": ("insert into defaulted values (1)", "application_name", "defaulted"),
    "partition": ("insert into parts values (1)", "app.custom", "audit"),
    "cascade": ("delete from parent", "app.custom", "audit"),
}


@pytest.mark.parametrize("how", HOW, ids=[each.__name__ for each in HOW])
@pytest.mark.parametrize("case", CASES)
def test_what_a_function_sets_is_its_clients_alone(one, connect, direct, case, how):
    sql, name, value = CASES[case]
    if case == "cascade":
        direct("insert into parent values (1) on conflict do nothing; "
               "insert into child values (1)")
    client, other = connect(one), connect(one)
    before = show(other, name)
    how(client, sql)
    for _ in range(2):
        assert show(other, name) in (before, before or "")
        assert show(client, name) == value
    assert not pins(one)
    client.close()
    assert show(other, name) in (before, before or "")


@pytest.mark.parametrize("sql,name", [(CASES[case][0], CASES[case][1])
                                      for case in ("custom", "builtin", "deep", "trigger")])
def test_a_rollback_undoes_it(one, connect, sql, name):
    client, other = connect(one), connect(one)
    before = show(client, name)
    client.query("begin")
    client.query(sql)
    client.query("rollback")
    for each in (client, other, client):
        assert show(each, name) in (before, before or "")


def test_parameter_status_says_what_is(one, connect):
    client, other = connect(one), connect(one)
    zone, name = show(other, "TimeZone"), show(other, "application_name")
    client.send(wire.query("select f_zone('Asia/Tokyo'), f_name('told')"))
    told = [body for tag, body in client.recv_until("Z") if tag == "S"]
    assert sorted(told) == [wire.cstr("TimeZone") + wire.cstr("Asia/Tokyo"),
                            wire.cstr("application_name") + wire.cstr("told")]
    for _ in range(2):
        for each, values in ((other, (zone, name)), (client, ("Asia/Tokyo", "told"))):
            each.send(wire.query("select current_setting('TimeZone'), "
                                 "current_setting('application_name')"))
            seen = each.recv_until("Z")
            assert not [body for tag, body in seen if tag == "S"]
            assert [wire.data_row(body) for tag, body in seen if tag == "D"] == [list(values)]


@pytest.mark.parametrize("sql,reason,undo,left", [
    ("select f_lock()", "advisory lock", "select f_unlock()",
     "select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()"),
    ("select f_temp()", "temporary objects", "drop table mine",
     "select count(*) from pg_class where relname = 'mine'"),
    ("select f_hold()", "cursor with hold", "close held",
     "select count(*) from pg_cursors where name = 'held'"),
    ("select f_listen()", "listen", "unlisten *",
     "select count(*) from pg_listening_channels()")])
@pytest.mark.parametrize("how", [by_query, by_name], ids=["query", "name"])
def test_the_rest_pins(two, connect, how, sql, reason, undo, left):
    client, other = connect(two), connect(two)
    how(client, sql)
    other.query("begin")
    assert other.value(left) == "0" or reason == "temporary objects"
    other.query("commit")
    # PostgreSQL says so behind the answer.
    ports.eventually(lambda: pins(two) == [reason], "a pin")
    assert client.value(left) == "1"
    client.query(undo)
    ports.eventually(lambda: not pins(two), "nobody keeps a server")


def test_a_setting_whose_name_nobody_knows_pins(two, connect):
    client, other = connect(two), connect(two)
    client.query("select f_any('app.any', 'mine')")
    other.query("begin")
    assert show(other, "app.any") in (None, "")
    other.query("commit")
    ports.eventually(lambda: len(pins(two)) == 1, "a pin")
    assert show(client, "app.any") == "mine"
    client.close()
    ports.eventually(lambda: not pins(two), "nobody keeps a server")
    for _ in range(2):
        assert show(other, "app.any") in (None, "")


def test_harmless_ones_are_not_asked_after(one, connect):
    client = connect(one)
    client.query("select 1")
    before = questions(one)
    for how in (by_query, by_protocol, by_name, by_block):
        for sql in ("select f_harmless(1)", "select f_local('x')", "select f_own()",
                    "select * from audited", "select * from parts", "select * from child",
                    "insert into plain values (3) on conflict do nothing"):
            how(client, sql)
    assert questions(one) == before
    client.query("select f_custom('x')")
    assert questions(one) == before + 1


def test_a_new_function_is_known_at_once(one, connect, direct):
    client, other = connect(one), connect(one)
    direct("drop function if exists f_new(); grant create on schema watched to app")
    client.query("create function f_new() returns void language plpgsql as "
                 "$$ begin perform set_config('app.new', 'new', false); end $$")
    other.query("select f_new()")
    assert show(client, "app.new") in (None, "")
    assert show(other, "app.new") == "new"
    client.query("select f_new()")
    client.query("create or replace function f_new() returns void language plpgsql as "
                 "$$ begin perform set_config('app.newer', 'newer', false); end $$")
    client.send(wire.query("select f_new()") + wire.query("select 1"))
    client.recv_until("Z", 2)
    assert show(other, "app.newer") in (None, "")
    assert show(client, "app.newer") == "newer"
    client.query("drop function f_new()")
    direct("revoke create on schema watched from app")


def test_one_made_and_used_in_one_transaction(one, connect, direct):
    client, other = connect(one), connect(one)
    direct("drop function if exists f_both(); grant create on schema watched to app")
    make = ("create function f_both() returns void language plpgsql as "
            "$$ begin perform set_config('work_mem', '3MB', false); end $$")
    before = show(other, "work_mem")
    client.query(f"begin; {make}; select f_both(); commit")
    assert show(other, "work_mem") == before
    assert show(client, "work_mem") == "3MB"
    other.query("do $d$ begin execute $e$ create or replace function f_both() returns void "
                "language plpgsql as $$ begin perform set_config('app.do', 'do', false); "
                "end $$ $e$; end $d$")
    client.query("select f_both()")
    assert show(other, "app.do") in (None, "")
    assert show(client, "app.do") == "do"
    client.query("drop function f_both()")
    direct("revoke create on schema watched from app")


@pytest.fixture
def made_late(home, start, connect, direct):
    """Pooler, client and another one behind a first query, when somebody else makes
    f_late(), which sets app.late."""
    def make(interval: str):
        pooler = start(configs.plain(home, pool_size=1, function_watch_interval=interval))
        client, other = connect(pooler), connect(pooler)
        client.query("select 1")
        direct("create or replace function f_late() returns void language plpgsql as "
               "$$ begin perform set_config('app.late', 'late', false); end $$")
        return pooler, client, other
    yield make
    direct("drop function if exists f_late()")


def test_one_made_directly_is_known_in_time(made_late):
    _, client, other = made_late("100ms")

    def is_followed():
        client.query("select f_late()")
        return show(other, "app.late") in (None, "")
    ports.eventually(is_followed, "the function is known")
    assert show(client, "app.late") == "late"


def test_reconnect_makes_it_known_at_once(made_late):
    pooler, client, other = made_late("1h")
    pooler.console("reconnect")
    client.query("select f_late()")
    assert show(other, "app.late") in (None, "")
    assert show(client, "app.late") == "late"


def test_nothing_is_followed_where_that_is_off(home, start, connect):
    pooler = start(configs.plain(home, pool_size=1, function_watch_interval=0))
    client, other = connect(pooler), connect(pooler)
    client.query("select f_custom('leaks')")
    assert show(other, "app.custom") == "leaks"


def test_where_postgresql_does_not_say_everything_is_asked_after(home, start, connect, direct):
    """Nobody may read what functions are."""
    direct("revoke select on pg_catalog.pg_language from public")
    try:
        pooler = start(configs.plain(home, pool_size=1))
        client, other = connect(pooler), connect(pooler)
        client.query("select f_set()")
        assert show(other, "work_mem") != "9MB"
        assert show(client, "work_mem") == "9MB"
        assert "cannot tell which functions change sessions" in pooler.text()
        # What nobody can name is reset behind its transaction.
        client.query("select f_custom('lost')")
        assert show(other, "app.custom") in (None, "")
        direct("grant select on pg_catalog.pg_language to public")
        ports.eventually(lambda: (client.query("select f_custom('known')"),
                                  show(client, "app.custom") == "known")[1],
                         "PostgreSQL is asked again")
        assert show(other, "app.custom") in (None, "")
    finally:
        direct("grant select on pg_catalog.pg_language to public")


def test_too_many_names_mean_all(home, start, connect, direct):
    def for_all(command: str):
        """In several transactions: each has room for so many locks."""
        for i in range(1, 10101, 500):
            direct(f"do $$ begin for i in {i}..{i + 499} loop execute "
                   f"format('{command}', i); end loop; end $$")

    direct("create schema many")
    try:
        for_all("create view many.v_%s as select * from watched.looks")
        pooler = start(configs.plain(home, pool_size=1))
        client, other = connect(pooler), connect(pooler)
        client.query("select f_set()")
        assert show(other, "work_mem") != "9MB"
        assert show(client, "work_mem") == "9MB"
    finally:
        for_all("drop view if exists many.v_%s")
        direct("drop schema many cascade")


def test_session_mode_keeps_what_it_keeps(one, connect):
    client = connect(one, "session")
    client.query("select f_custom('session')")
    assert show(client, "app.custom") == "session"
