"""Transaction mode: what a client sets, prepares or leaves behind stays with it
and meets nobody else, whichever servers they get."""

import signal

import pytest
from support import configs, ports, postgres, wire


@pytest.fixture
def crowd(pg, start, connect):
    """A pooler with few servers, and clients that make them change hands."""
    pooler = start(configs.plain(pg, pool_size=2))

    def shuffle(count: int = 2):
        """So many servers are used by somebody else in between."""
        others = [connect(pooler) for _ in range(count)]
        for other in others:
            other.query("begin")
        for other in others:
            other.query("commit")
            other.close()

    pooler.shuffle = shuffle
    return pooler


def show(client, name: str) -> str:
    return client.value(f"select current_setting('{name}', true)")


def pins(pooler) -> dict:
    names, rows = pooler.console("show clients")
    reason = names.index("pin_reason")
    database = names.index("database")
    return [row[reason] for row in rows if row[database] == "acme"]


# -- settings

CASES = [
    ("work_mem", "set work_mem = '5MB'", "5MB"),
    ("statement_timeout", "set session statement_timeout to '77s'", "77s"),
    ("search_path", "set search_path = 'x y', public", '"x y", public'),
    ("app.tenant", "set app.tenant = 'he''l\"lo, \\'", "he'l\"lo, \\"),
    ("app.other", "select set_config('app.other', 'a b', false)", "a b"),
    ("TimeZone", "set time zone 'Asia/Tokyo'", "Asia/Tokyo"),
    ("application_name", "set application_name = 'me'", "me"),
    ("default_transaction_read_only",
     "set session characteristics as transaction read only", "on"),
    ("role", "set role none; set work_mem = '6MB'; set role app", "app"),
    ("DateStyle", "set datestyle = german", "German, DMY"),
]


@pytest.mark.parametrize("name,sql,value", CASES, ids=[c[0] for c in CASES])
def test_a_setting_follows_its_client_alone(crowd, connect, name, sql, value):
    client, other = connect(crowd), connect(crowd)
    before = show(other, name)
    client.query(sql)
    for _ in range(3):
        crowd.shuffle()
        assert show(client, name) == value
        assert show(other, name) in (before, before or "")


def test_settings_in_transactions_are_postgresqls_business(crowd, connect):
    client = connect(crowd)
    client.query("begin; set work_mem = '7MB'; commit")
    crowd.shuffle()
    assert show(client, "work_mem") == "7MB"
    client.query("begin; set work_mem = '8MB'; rollback")
    crowd.shuffle()
    assert show(client, "work_mem") == "7MB"
    client.query("begin; savepoint s; set work_mem = '9MB'; rollback to s; "
                 "set application_name = 'kept'; commit")
    crowd.shuffle()
    assert show(client, "work_mem") == "7MB"
    assert show(client, "application_name") == "kept"
    client.query("begin; set local work_mem = '10MB'; commit")
    crowd.shuffle()
    assert show(client, "work_mem") == "7MB"
    client.query("reset work_mem")
    crowd.shuffle()
    assert show(client, "work_mem") == show(connect(crowd), "work_mem")


def test_a_settings_name_can_be_a_parameter(crowd, connect):
    client = connect(crowd)
    client.send(wire.extended("select set_config($1, $2, false)", [b"app.p", b"42"])
                + wire.SYNC)
    client.recv_until("Z")
    crowd.shuffle()
    assert show(client, "app.p") == "42"
    client.send(wire.parse("setter", "select set_config($1, $2, false)") + wire.SYNC)
    client.recv_until("Z")
    client.send(wire.bind("", "setter", [b"app.q", b"43"]) + wire.execute() + wire.SYNC)
    client.recv_until("Z")
    crowd.shuffle()
    assert (show(client, "app.p"), show(client, "app.q")) == ("42", "43")


def test_a_function_call_sets_its_clients_setting_alone(crowd, connect):
    client, other = connect(crowd), connect(crowd)
    set_config = 2078
    for name, value in ((b"work_mem", b"3MB"), (b"app.called", b"mine")):
        client.send(wire.function_call(set_config, [name, value, b"f"]))
        assert [tag for tag, _ in client.recv_until("Z")][-2:] == ["V", "Z"]
    client.query("begin")
    client.send(wire.function_call(set_config, [b"app.called", b"undone", b"f"]))
    client.recv_until("Z")
    client.query("rollback")
    for _ in range(3):
        crowd.shuffle()
        assert (show(client, "work_mem"), show(client, "app.called")) == ("3MB", "mine")
        assert show(other, "app.called") in (None, "")
        assert show(other, "work_mem") != "3MB"


def test_reset_goes_back_to_what_the_client_gave(crowd, connect):
    client = connect(crowd, TimeZone="Asia/Tokyo", options="-c work_mem=11MB")
    assert (show(client, "TimeZone"), show(client, "work_mem")) == ("Asia/Tokyo",
                                                                   "11MB")
    client.query("set timezone = 'UTC'; set work_mem = '12MB'")
    crowd.shuffle()
    assert (show(client, "TimeZone"), show(client, "work_mem")) == ("UTC", "12MB")
    client.query("reset all")
    crowd.shuffle()
    assert (show(client, "TimeZone"), show(client, "work_mem")) == ("Asia/Tokyo",
                                                                   "11MB")
    assert client.parameters["TimeZone"] == "Asia/Tokyo"
    client.query("set work_mem = '13MB'")
    client.query("discard all")
    crowd.shuffle()
    assert (show(client, "TimeZone"), show(client, "work_mem")) == ("Asia/Tokyo",
                                                                   "11MB")


@pytest.mark.parametrize("block", ["begin", "select 1"])
@pytest.mark.parametrize("failing", ["select 1/0", "select 1"])
def test_a_reset_and_a_query_that_is_skipped_with_its_batch(crowd, connect, block,
                                                            failing):
    """The Sync behind must not wait for the settings: the server waits for it."""
    client = connect(crowd, TimeZone="Asia/Tokyo")
    client.send(wire.query(block) + wire.query("reset all") + wire.extended(failing)
                + wire.query("select 'skipped?'") + wire.SYNC
                + wire.extended("show timezone") + wire.SYNC + wire.query("rollback"))
    told = client.recv_until("Z", 6 if failing == "select 1" else 5)
    shown = [wire.data_row(body) for tag, body in told if tag == "D"]
    if block != "begin":
        assert shown[-1] == ["Asia/Tokyo"]
    crowd.shuffle()
    assert show(client, "TimeZone") == "Asia/Tokyo"


def test_requests_sent_behind_a_set_find_it(crowd, connect):
    client = connect(crowd)
    client.send(b"".join(wire.query(f"set work_mem = '{i}MB'")
                         + wire.query("show work_mem") for i in range(20, 30)))
    rows = [wire.data_row(body)[0] for tag, body in client.recv_until("Z", 20)
            if tag == "D"]
    assert rows == [f"{i}MB" for i in range(20, 30)]
    crowd.shuffle()
    assert show(client, "work_mem") == "29MB"


def test_a_setting_that_cannot_be_applied_is_postgresqls_error(pg, start, connect):
    pooler = start(configs.plain(pg, pool_size=1))
    pg.query("drop role if exists shortlived")
    pg.query("create role shortlived; grant shortlived to app")
    client, other = connect(pooler), connect(pooler)
    client.query("set role shortlived")
    assert show(client, "role") == "shortlived"
    assert show(other, "role") == "none"
    pg.query("drop role shortlived")
    client.send(wire.query("select 1"))
    seen = client.rest()
    assert b"shortlived" in seen
    assert show(other, "role") == "none"


# -- pins

def pinned(pooler, client) -> bool:
    """Whether it has the same server before and behind everybody else."""
    first = client.value("select pg_backend_pid()")
    pooler.shuffle(1)
    return client.value("select pg_backend_pid()") == first


PINS = [
    ("listen", ["listen news"], ["unlisten news"]),
    ("listen", ["begin; listen a; listen b; commit"], ["unlisten *"]),
    ("temporary objects", ["create temp table mine (x int)"], ["drop table mine"]),
    ("temporary objects", ["select 1 as x into temp mine"], ["discard temp"]),
    ("temporary objects", ["set search_path = pg_temp; create table t (x int)"],
     ["drop table pg_temp.t"]),
    ("advisory lock", ["select pg_advisory_lock(4711)"],
     ["select pg_advisory_unlock(4711)"]),
    ("advisory lock", ["select pg_try_advisory_lock_shared(1, 2)"],
     ["select pg_advisory_unlock_all()"]),
    ("cursor with hold", ["begin; declare c cursor with hold for select 1; commit"],
     ["close c"]),
    ("sql prepare", ["prepare p as select 1"], ["deallocate p"]),
    ("listen", ["do $$ begin execute 'listen x'; end $$"], ["unlisten x"]),
    ("temporary objects", ["create temp table mine (x int)"], ["discard all"]),
]


@pytest.mark.parametrize("reason,make,undo", PINS,
                         ids=[f"{i}-{p[0]}" for i, p in enumerate(PINS)])
def test_what_cannot_be_carried_keeps_the_server(crowd, connect, reason, make, undo):
    client = connect(crowd)
    for sql in make:
        client.query(sql)
    assert pinned(crowd, client)
    assert pins(crowd) == [reason]
    client.query("select 1")
    for sql in undo:
        client.query(sql)
    ports.eventually(lambda: pins(crowd) == [""], "nobody keeps a server")


NO_PINS = ["begin; listen x; rollback", "begin; create temp table t (x int) "
           "on commit drop; commit", "begin; select pg_advisory_xact_lock(1); commit",
           "begin; declare c cursor for select 1; fetch c; commit",
           "create temp table t (x int); drop table t",
           "do $$ begin perform 1; end $$", "set local work_mem = '1MB'",
           "begin; create temp table t (x int); rollback"]


@pytest.mark.parametrize("sql", NO_PINS)
def test_what_leaves_nothing_keeps_nothing(crowd, connect, sql):
    client = connect(crowd)
    client.query(sql)
    client.query("select 1")
    ports.eventually(lambda: pins(crowd) == [""], "nobody keeps a server")


def test_notifications_come_while_the_client_is_idle(crowd, connect):
    client, other = connect(crowd), connect(crowd)
    client.query("listen news")
    other.query("notify news, 'hello'")
    tag, body = client.recv_until("A")[-1]
    assert body[4:] == b"news\0hello\0"


def test_a_pinned_client_that_vanishes_leaves_nothing(pg, start, connect):
    pooler = start(configs.plain(pg, pool_size=1))
    client = connect(pooler)
    client.query("create temp table mine (x int); listen news; "
                 "select pg_advisory_lock(99); set work_mem = '3MB'; prepare p as "
                 "select 1")
    client.close()
    other = connect(pooler)
    assert other.value("select count(*) from pg_class where relname = 'mine'") == "0"
    assert other.value("select pg_try_advisory_lock(99)") == "t"
    assert other.value("select count(*) from pg_listening_channels()") == "0"
    assert other.value("select count(*) from pg_prepared_statements where "
                       "from_sql") == "0"
    assert show(other, "work_mem") != "3MB"


def test_a_client_that_vanishes_right_after_a_set_leaves_nothing(pg, start, connect):
    pooler = start(configs.plain(pg, pool_size=1))
    default = show(connect(pooler), "work_mem")
    for _ in range(30):
        client = connect(pooler)
        client.send(wire.query("set work_mem = '3MB'")
                    + wire.query("select set_config('app.x', 'secret', false)"))
        client.close()
        other = connect(pooler)
        assert show(other, "work_mem") == default
        assert show(other, "app.x") in (None, "")
        other.close()


def test_a_setting_too_large_to_be_read_meets_nobody_else(pg, start, connect):
    pooler = start(configs.plain(pg, pool_size=2))
    client, other = connect(pooler), connect(pooler)
    for size in (1000, 20_000, 100_000):
        client.query(f"select set_config('app.large', repeat('x', {size}), false)")
        for _ in range(3):
            pooler.console("show servers")
            other.query("begin")
            assert show(other, "app.large") in (None, "")
            other.query("commit")
            assert len(show(client, "app.large")) == size


def test_so_many_clients_may_keep_a_server(pg, start, connect):
    pooler = start(configs.plain(pg, pool_size=5, max_pinned=2))
    for _ in range(2):
        connect(pooler).query("listen news")
    third = connect(pooler)
    third.send(wire.query("listen news"))
    assert b"53300" in third.rest()
    assert connect(pooler).value("select 1") == "1"


def test_where_pins_are_refused_the_connection_goes_on(pg, start, connect):
    pooler = start(configs.plain(pg, pool_size=2, on_pin="reject"))
    client = connect(pooler)
    for sql in ("listen news", "create temp table t (x int)", "prepare p as select 1",
                "select pg_advisory_lock(1)"):
        with pytest.raises(wire.ServerError) as failed:
            client.query(sql)
        assert failed.value.sqlstate == "0A000"
        assert client.value("select 1") == "1"
    client.send(wire.parse("", "listen news") + wire.bind() + wire.execute()
                + wire.SYNC)
    seen = client.recv_until("Z")
    assert [tag for tag, _ in seen] == ["E", "Z"]
    client.query("begin")
    with pytest.raises(wire.ServerError):
        client.query("listen news")
    with pytest.raises(wire.ServerError) as failed:
        client.query("select 1")
    assert failed.value.sqlstate == "25P02"
    client.query("rollback")
    client.query("set work_mem = '4MB'")
    assert show(client, "work_mem") == "4MB"


def test_a_pinned_client_is_drained_when_it_rests(pg, start, connect):
    pooler = start(configs.plain(pg))
    client = connect(pooler)
    client.query("listen news")
    pooler.send_signal(signal.SIGTERM)
    assert b"57P01" in client.rest()


def test_prepared_statements_of_many_clients_meet_settings(pg, start, connect):
    """One text, two search_paths: each client gets its own table."""
    pooler = start(configs.plain(pg, pool_size=1))
    pg.query("drop schema if exists one cascade; drop schema if exists two cascade; "
             "create schema one; create schema two; create table one.t as select "
             "'one' as x; create table two.t as select 'two' as x; grant usage on "
             "schema one, two to public; grant select on one.t, two.t to public",
             dbname="acme")
    clients = {}
    for name in ("one", "two"):
        clients[name] = connect(pooler)
        clients[name].query(f"set search_path = {name}")
        clients[name].send(wire.parse("get", "select x from t") + wire.SYNC)
        clients[name].recv_until("Z")
    for _ in range(5):
        for name, client in clients.items():
            client.send(wire.bind("", "get") + wire.execute() + wire.SYNC)
            rows = [wire.data_row(body) for tag, body in client.recv_until("Z")
                    if tag == "D"]
            assert rows == [[name]]
