"""Transaction mode: every kind of state that keeps its server, in every form; how
it is counted, limited and refused."""

import select
import threading

import pytest
from support import configs, ports, wire


@pytest.fixture(scope="module")
def two(pg, module_start):
    """A pooler with two servers."""
    return module_start(configs.plain(pg, pool_size=2))


def column(pooler, name: str) -> list:
    names, rows = pooler.console("show clients")
    return sorted(row[names.index(name)] for row in rows
                  if row[names.index("database")] == "acme")


def nobody_keeps(pooler) -> None:
    ports.eventually(lambda: not any(column(pooler, "pin_reason")),
                     "nobody keeps a server")


def error(client, data: bytes) -> dict:
    """The error that `data` is answered with, up to ReadyForQuery or the end."""
    client.send(data)
    errors = [body for tag, body in client.recv_all_or("Z") if tag == "E"]
    assert len(errors) == 1
    return wire.error_fields(errors[0])


def by_protocol(sql: str) -> bytes:
    return wire.extended(sql) + wire.SYNC


class Elsewhere:
    """Whoever else comes meets the server that was used last."""

    def __init__(self, pooler, connect):
        self.other = connect(pooler)

    def __enter__(self):
        self.other.query("begin")
        return self.other

    def __exit__(self, *_):
        self.other.query("rollback")


LOCKS = [f"pg_{how}advisory_lock{share}({key})" for how in ("", "try_")
         for share in ("", "_shared") for key in ("5", "5, 6")]
LOCKS += ['pg_catalog."pg_advisory_lock"(5)', "PG_Advisory_Lock (5)"]
HELD = ("select count(*) from pg_locks where locktype = 'advisory' and pid = "
        "pg_backend_pid()")


@pytest.mark.parametrize("how", ["query", "protocol", "prepared", "cte", "do"])
@pytest.mark.parametrize("lock", LOCKS)
def test_advisory_locks(two, connect, lock, how):
    client, elsewhere = connect(two), Elsewhere(two, connect)
    if how == "prepared":
        client.send(wire.parse("lock", f"select {lock}") + wire.SYNC)
        client.recv_until("Z")
        client.send(wire.bind("", "lock") + wire.execute() + wire.SYNC)
        client.recv_until("Z")
    elif how == "protocol":
        client.send(by_protocol(f"select {lock}"))
        client.recv_until("Z")
    else:
        client.query({"query": f"select {lock}",
                      "cte": f"with held as (select {lock}) select count(*) from held",
                      "do": f"do $$ begin perform {lock}; end $$"}[how])
    for _ in range(2):
        with elsewhere as other:
            assert other.value(HELD) == "0"
            assert client.value(HELD) == "1"
    assert column(two, "pin_reason") == ["", "advisory lock"]
    client.query("select pg_advisory_unlock_all()")
    nobody_keeps(two)


def test_a_lock_outlives_its_failed_transaction(two, connect):
    client, elsewhere = connect(two), Elsewhere(two, connect)
    client.query("begin; select pg_advisory_lock(7)")
    with pytest.raises(wire.ServerError):
        client.query("select 1/0")
    client.query("rollback")
    with elsewhere:
        assert client.value(HELD) == "1"
    client.query("discard all")
    nobody_keeps(two)


TEMPORARY = [
    "create temp table x (i int)", "create local temporary table x (i int)",
    "create table pg_temp.x (i int)", "create table pg_temp.x as values (1)",
    "create temp table x as select 1 as i", "select 1 as i into temp x",
    "select 1 as i into temporary table x", "select 1 as i into pg_temp.x",
    "create temp view x as select 1 as i", "create view pg_temp.x as select 1 as i",
    "create or replace temporary view x as select 1 as i", "create temp sequence x",
    "create temp recursive view x (n) as select 1",
    "create temp table x (i int) on commit delete rows",
    "explain analyze create temp table x as select 1 as i"]


@pytest.mark.parametrize("how", ["query", "protocol"])
@pytest.mark.parametrize("sql", TEMPORARY)
def test_temporary_objects(two, connect, sql, how):
    client, elsewhere = connect(two), Elsewhere(two, connect)
    client.send(wire.query(sql) if how == "query" else by_protocol(sql))
    assert "E" not in [tag for tag, _ in client.recv_until("Z")]
    for _ in range(2):
        with elsewhere as other:
            client.query("select count(*) from x")
            with pytest.raises(wire.ServerError) as failed:
                other.query("select count(*) from x")
            assert failed.value.sqlstate == "42P01"
    assert column(two, "pin_reason")[-1] == "temporary objects"
    client.query("discard temp")
    nobody_keeps(two)


@pytest.mark.parametrize("make", [
    "declare c cursor with hold for select generate_series(1, 5)",
    "begin; declare c scroll cursor with hold for select generate_series(1, 5); commit",
    "do $$ begin execute 'declare c cursor with hold for select "
    "generate_series(1, 5)'; end $$"])
@pytest.mark.parametrize("end", ["close c", "close all", "discard all"])
def test_cursors_with_hold(two, connect, make, end):
    client, elsewhere = connect(two), Elsewhere(two, connect)
    client.query(make)
    for number in range(1, 4):
        with elsewhere as other:
            assert client.value("fetch c") == str(number)
            assert other.value("select count(*) from pg_cursors") == "0"
    assert column(two, "pin_reason")[-1] == "cursor with hold"
    client.query(end)
    nobody_keeps(two)


# -- LOAD

@pytest.fixture
def powerful(pg, start):
    """A pooler whose user may load libraries."""
    config = configs.plain(pg, pool_size=2)
    config["tenant"][0]["user"].append(configs.user("postgres"))
    return start(config)


@pytest.mark.parametrize("mode", ["transaction", "session"])
@pytest.mark.parametrize("sql", ["load 'auto_explain'", "begin; load 'auto_explain'"])
def test_a_library_keeps_its_server_to_the_end(powerful, connect, mode, sql):
    client = connect(powerful, mode, user="postgres.acme")
    client.query(sql)
    client.query("rollback")
    pid = client.value("select pg_backend_pid()")
    client.query("discard all")
    client.value("select 1")
    reason = "load" if mode == "transaction" else ""
    assert column(powerful, "pin_reason") == [reason]
    client.send(wire.TERMINATE)
    client.rest()
    for _ in range(3):  # It cannot be unloaded.
        other = connect(powerful, mode, user="postgres.acme")
        assert other.value("select pg_backend_pid()") != pid
        assert other.value("select count(*) from pg_settings where name like "
                           "'auto_explain.%'") == "0"
        other.send(wire.TERMINATE)
        other.rest()


@pytest.mark.parametrize("sql", ["load 'nowhere'", "begin; load 'nowhere'"])
def test_a_library_that_is_not_there_keeps_nothing(powerful, connect, sql):
    for user in ("app.acme", "postgres.acme"):
        client = connect(powerful, user=user)
        with pytest.raises(wire.ServerError):
            client.query(sql)
        client.query("rollback")
        assert client.value("select 1") == "1"
        nobody_keeps(powerful)


# -- counted, limited, refused

def test_pins_are_counted_and_have_an_age(pg, start, connect):
    config = configs.plain(pg, pool_size=2)
    config["admin"]["http"] = f"127.0.0.1:{ports.free_port()}"
    pooler = start(config)
    client = connect(pooler)
    for _ in range(3):
        client.query("listen news")
        client.query("unlisten news")
        nobody_keeps(pooler)
    client.query("listen news")
    age = int(column(pooler, "pinned_us")[0])
    assert age >= 0
    # Two questions that come to a shard in one turn have one answer.
    ports.eventually(lambda: int(column(pooler, "pinned_us")[0]) > age, "it grows older")
    lines = [line for line in pooler.metrics().splitlines()
             if line.startswith("cenote_pool_pins_total{")]
    assert sum(float(line.split()[-1]) for line in lines) == 4


def test_no_more_than_max_pinned_whoever_is_first(pg, start, connect):
    pooler = start(configs.plain(pg, pool_size=12, max_pinned=3))
    for _ in range(3):
        clients = [connect(pooler) for _ in range(12)]
        said = [None] * len(clients)
        barrier = threading.Barrier(len(clients))

        def listen(number: int) -> None:
            barrier.wait()
            clients[number].send(wire.query("listen news"))
            said[number] = clients[number].recv_all_or("Z")

        threads = [threading.Thread(target=listen, args=(i,))
                   for i in range(len(clients))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        ports.eventually(lambda: len(column(pooler, "state")) == 3, "three are left")
        for number in range(len(clients)):
            if select.select([clients[number].socket], [], [], 0)[0]:
                said[number] += clients[number].recv_all()
        said = [[wire.error_fields(body) for tag, body in seen if tag == "E"]
                for seen in said]
        refused = [errors[0] for errors in said if errors]
        assert len(refused) == 9
        assert {each["C"] for each in refused} == {"53300"}
        assert {each["S"] for each in refused} == {"FATAL"}
        assert all("max_pinned" in each["H"] and "session mode" in each["H"]
                   for each in refused)
        assert column(pooler, "pin_reason").count("listen") == 3
        # Who lets go makes room for one more.
        staying = [client for client, errors in zip(clients, said) if not errors]
        staying[0].query("unlisten *")
        ports.eventually(lambda: column(pooler, "pin_reason").count("listen") == 2,
                         "one has let go")
        last = connect(pooler)
        last.query("listen news")
        assert last.value("select 'stays'") == "stays"
        for client in (*clients, last):
            client.close()
        ports.eventually(lambda: column(pooler, "state") == [], "all are gone")


@pytest.fixture(scope="module")
def refusing(pg, module_start):
    return module_start(configs.plain(pg, pool_size=2, on_pin="reject"))


REFUSED = {
    "listen news": "listen", "create temp table t (x int)": "temporary objects",
    "select 1 as x into temp t": "temporary objects",
    "create temp view t as select 1": "temporary objects",
    "create table pg_temp.t (x int)": "temporary objects",
    "declare c cursor with hold for select 1": "cursor with hold",
    "select pg_advisory_lock(1)": "advisory lock",
    "select pg_try_advisory_lock_shared(1, 2)": "advisory lock",
    "prepare p as select 1": "sql prepare", "load 'auto_explain'": "load"}


@pytest.mark.parametrize("sql", REFUSED)
def test_where_pins_are_refused_it_is_said_in_place(refusing, connect, sql):
    client = connect(refusing)
    for data in (wire.query(sql), by_protocol(sql),
                 wire.parse("", "select 1") + by_protocol(sql)):
        said = error(client, data)
        assert (said["S"], said["C"]) == ("ERROR", "0A000")
        assert said["H"] == f"Connect in session mode for {REFUSED[sql]}."
        assert client.value("select 'goes on'") == "goes on"
    assert not any(column(refusing, "pin_reason"))
    # Before and behind it everything is as with any error.
    client.send(wire.extended("select 'before'") + wire.extended(sql)
                + wire.extended("select 'skipped'") + wire.SYNC
                + wire.extended("select 'behind'") + wire.SYNC)
    rows = [wire.data_row(body) for tag, body in client.recv_until("Z", 2)
            if tag == "D"]
    assert rows == [["before"], ["behind"]]


@pytest.mark.parametrize("kind, sql", [
    ("listen", "do $$ begin execute 'listen news'; end $$"),
    ("temporary objects", "do $$ begin create temp table t (x int); end $$"),
    ("temporary objects", "set search_path = pg_temp; create table t (x int)"),
    ("advisory lock", "do $$ begin perform pg_advisory_lock(3); end $$")])
def test_where_pins_are_refused_what_no_text_tells_ends_the_client(
        refusing, connect, kind, sql):
    client = connect(refusing)
    client.query(sql)
    said = error(client, b"")
    assert (said["S"], said["C"]) == ("FATAL", "0A000")
    assert said["H"] == f"Connect in session mode for {kind}."
    with pytest.raises(wire.Gone):
        client.recv()
    for _ in range(3):  # Nothing of it is left for others.
        assert connect(refusing).query(
            "select to_regclass('pg_temp.t'), (select count(*) from "
            f"pg_listening_channels()), ({HELD})")[1] == [[None, "0", "0"]]
