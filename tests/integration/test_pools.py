"""How servers are shared: exact sizes, order, modes, and what a client finds on
the server it is lent."""

import subprocess
import threading
import time

import psycopg
import pytest
from support import configs, postgres, process, wire
from support.ports import eventually


def pid_of(client) -> str:
    return client.value("select pg_backend_pid()")


@pytest.mark.parametrize("size", [1, 3, 7])
def test_the_pool_never_has_more_servers_than_its_size(pg, start, size):
    """64 clients at once for a while; PostgreSQL itself is asked."""
    pooler = start(configs.plain(pg, pool_size=size))
    seen, errors, stop = [], [], threading.Event()

    def client(number: int) -> None:
        try:
            with wire.Client(port=pooler.port()) as one:
                one.login("app.acme", "acme", postgres.PASSWORD)
                for turn in range(20):
                    mark = f"{number}.{turn}"
                    assert one.value(f"select '{mark}' from pg_sleep(0.001)") == mark
        except Exception as why:  # Reported by the main thread.
            errors.append(why)

    def watch() -> None:
        with pg.connect() as db, db.cursor() as cursor:
            while not stop.is_set():
                cursor.execute("select count(*) from pg_stat_activity where "
                               "usename = 'app' and datname = 'acme'")
                seen.append(cursor.fetchone()[0])

    watcher = threading.Thread(target=watch)
    watcher.start()
    clients = [threading.Thread(target=client, args=(n,)) for n in range(64)]
    for one in clients:
        one.start()
    for one in clients:
        one.join()
    stop.set()
    watcher.join()
    assert errors == []
    assert max(seen) == size


def reconnected(pooler) -> None:
    pooler.console("reconnect")
    eventually(lambda: not pooler.console("show servers")[1], "all are told to end")


@pytest.mark.parametrize("lanes", [1, 2])
def test_a_server_counts_until_postgresql_has_ended_it(pg, start, connect, lanes):
    pooler = start(configs.plain(pg, pool_size=1, lanes=lanes))
    client = connect(pooler)
    pid = int(client.value("select pg_backend_pid()"))
    eventually(lambda: pg.server_pids(dbname="acme") == [pid], "it is alone")
    with process.standing_still(pid):  # It does not hear yet that it shall end.
        reconnected(pooler)
        client.send(wire.query("select pg_backend_pid()"))
        end = time.monotonic() + 0.5
        while time.monotonic() < end:
            assert pg.server_pids(dbname="acme") == [pid]
    (now,), = [wire.data_row(body) for tag, body in client.recv_until("Z")
               if tag == "D"]
    assert int(now) != pid
    assert pg.server_pids(dbname="acme") == [int(now)]


def test_who_does_not_end_holds_its_place_for_a_while_only(pg, start, connect):
    pooler = start(configs.plain(pg, pool_size=1))
    client = connect(pooler)
    pid = int(client.value("select pg_backend_pid()"))
    with process.standing_still(pid):
        reconnected(pooler)
        assert int(client.value("select pg_backend_pid()")) != pid


def test_clients_share_a_server_in_transaction_mode(pg, start, connect):
    pooler = start(configs.plain(pg, pool_size=1))
    first, second = connect(pooler), connect(pooler)
    assert pid_of(first) == pid_of(second) == pid_of(first)


def test_a_transaction_keeps_its_server(pg, start, connect):
    pooler = start(configs.plain(pg, pool_size=2))
    first, second = connect(pooler), connect(pooler)
    first.query("begin")
    mine = pid_of(first)
    second.query("begin")
    assert pid_of(second) != mine
    assert pid_of(first) == mine
    first.query("commit")
    second.query("rollback")


def test_the_last_server_used_is_lent_first(pg, start, connect):
    pooler = start(configs.plain(pg, pool_size=5))
    clients = [connect(pooler) for _ in range(5)]
    for client in clients:
        client.query("begin")
    pids = [pid_of(client) for client in clients]
    assert len(set(pids)) == 5
    for client in clients:
        client.query("commit")
    for _ in range(10):
        assert pid_of(clients[0]) == pids[-1]


def test_waiters_are_served_in_their_order(pg, start, connect):
    pooler = start(configs.plain(pg, pool_size=1))
    holder = connect(pooler)
    holder.query("create table if not exists turns (n serial, who int)")
    holder.query("truncate turns restart identity")
    waiters = [connect(pooler) for _ in range(12)]
    holder.query("begin")
    for number, client in enumerate(waiters):
        client.send(wire.query(f"insert into turns (who) values ({number})"))
        client.wait_taken()
    holder.query("commit")
    for client in waiters:
        client.recv_until("Z")
    rows = holder.query("select who from turns order by n")[1]
    assert [int(row[0]) for row in rows] == list(range(12))


def test_sessions_keep_their_server_and_leave_it_clean(pg, start, connect):
    pooler = start(configs.plain(pg, pool_size=1))
    first = connect(pooler, "session")
    pid = pid_of(first)
    first.query("set work_mem = '7MB'")
    first.query("create temp table mine (x int)")
    first.query("prepare p as select 1")
    first.query("select pg_advisory_lock(77)")
    first.query("listen somewhere")
    assert pid_of(first) == pid
    first.send(wire.TERMINATE)
    first.rest()
    second = connect(pooler, "session")
    assert pid_of(second) == pid
    assert second.value("show work_mem") != "7MB"
    for sql in ("select * from mine", "execute p"):
        with pytest.raises(wire.ServerError):
            second.query(sql)
    assert second.value("select count(*) from pg_locks where locktype = 'advisory' "
                        "and pid = pg_backend_pid()") == "0"
    assert second.query("select * from pg_listening_channels()")[1] == []


def test_an_own_reset_query_is_used(pg, start, connect):
    pooler = start(configs.plain(pg, pool_size=1,
                                 server_reset_query="set work_mem = '9MB'"))
    first = connect(pooler, "session")
    pid = pid_of(first)
    first.send(wire.TERMINATE)
    first.rest()
    second = connect(pooler, "session")
    assert (pid_of(second), second.value("show work_mem")) == (pid, "9MB")


def test_a_second_session_waits_for_the_first(pg, start, connect):
    pooler = start(configs.plain(pg, pool_size=1))
    first = connect(pooler, "session")
    first.value("select 1")
    second = connect(pooler, "session")
    second.send(wire.query("select 'second'"))
    second.wait_taken()
    assert first.value("select 'first still'") == "first still"
    first.send(wire.TERMINATE)
    rows = [wire.data_row(body) for tag, body in second.recv_until("Z") if tag == "D"]
    assert rows == [["second"]]


def test_statement_mode_refuses_transactions(pg, start):
    config = configs.plain(pg, modes=("statement",))
    pooler = start(config)
    for sql in ("begin", "start transaction"):
        with wire.Client(port=pooler.port("statement")) as client:
            client.login("app.acme", "acme", postgres.PASSWORD)
            assert client.value("select 1") == "1"
            with pytest.raises(wire.ServerError) as caught:
                client.query(sql)
            assert "transaction" in caught.value.message
    eventually(lambda: pg.query(
        "select count(*) from pg_stat_activity where usename = 'app' and "
        "state like 'idle in%%'")[0][0] == 0, "no transaction is left open")
    with wire.Client(port=pooler.port("statement")) as client:
        client.login("app.acme", "acme", postgres.PASSWORD)
        client.query("select 1; select 2")
        client.send(wire.extended("select 3") + wire.SYNC)
        assert client.recv_until("Z")[-1] == ("Z", b"I")


def test_min_pool_size_is_kept_once_somebody_came(pg, start, connect):
    pooler = start(configs.plain(pg, pool_size=6, min_pool_size=4))
    connect(pooler).value("select 1")
    eventually(lambda: len(pg.server_pids(dbname="acme")) == 4, "four servers")


def test_pools_are_apart_by_user_database_and_mode(pg, start, connect):
    config = configs.plain(pg, pool_size=1)
    config["tenant"][0]["user"].append(configs.user("other"))
    pooler = start(config)
    pids = {pid_of(connect(pooler)), pid_of(connect(pooler, "session")),
            pid_of(connect(pooler, user="other.acme")),
            pid_of(connect(pooler, database="globex"))}
    assert len(pids) == 4
    assert connect(pooler, user="other.acme").value("select current_user") == "other"
    assert connect(pooler, database="globex").value(
        "select current_database()") == "globex"


def test_the_mode_of_the_user_counts_where_the_listener_has_none(pg, start):
    config = configs.plain(pg, modes=("transaction",), pool_size=1)
    config["listener"].append({"address": "127.0.0.1",
                               "port": configs.ports.free_port()})
    config["tenant"][0]["user"][0]["pool_mode"] = "session"
    pooler = start(config)
    with wire.Client(port=config["listener"][1]["port"]) as client:
        client.login("app.acme", "acme", postgres.PASSWORD)
        client.query("prepare p as select 'kept'")
        assert client.value("execute p") == "kept"


def test_an_idle_client_holds_no_server(pg, start, connect):
    pooler = start(configs.plain(pg, pool_size=1))
    clients = [connect(pooler) for _ in range(50)]
    for client in clients:
        assert client.value("select 1") == "1"
    for client in reversed(clients):
        assert client.value("select 2") == "2"


def test_two_hundred_psql_at_once(pg, start):
    pooler = start(configs.plain(pg, pool_size=4))
    text = f"host=127.0.0.1 port={pooler.port()} user=app.acme dbname=acme"
    env = {"PGPASSWORD": postgres.PASSWORD, "PATH": "/usr/bin:/bin"}
    for _ in range(4):
        running = [subprocess.Popen(
            ["psql", "-X", "-A", "-t", "-c", f"select {n}", text], env=env,
            stdout=subprocess.PIPE, text=True) for n in range(50)]
        assert [int(one.communicate()[0]) for one in running] == list(range(50))


def test_different_clients_see_their_own_parameters(pg, start):
    """application_name given at startup in transaction mode does not leak."""
    pooler = start(configs.plain(pg, pool_size=1))
    with wire.Client(port=pooler.port()) as named, \
            wire.Client(port=pooler.port()) as other:
        named.login("app.acme", "acme", postgres.PASSWORD, application_name="named")
        other.login("app.acme", "acme", postgres.PASSWORD, application_name="other")
        for _ in range(3):
            assert named.value("show application_name") == "named"
            assert other.value("show application_name") == "other"


def test_a_copy_of_some_size_and_other_clients_go_on(pg, start, connect):
    pooler = start(configs.plain(pg, pool_size=2))
    done = threading.Event()

    def copy() -> None:
        with psycopg.connect(host="127.0.0.1", port=pooler.port(), user="app.acme",
                             password=postgres.PASSWORD, dbname="acme") as db:
            with db.cursor().copy("copy (select repeat('x', 500) from "
                                  "generate_series(1, 100000)) to stdout") as rows:
                for _ in rows:
                    pass
        done.set()

    thread = threading.Thread(target=copy)
    thread.start()
    quick = connect(pooler)
    turns = 0
    while not done.is_set():
        assert quick.value("select 1") == "1"
        turns += 1
    thread.join()
    assert turns > 3
