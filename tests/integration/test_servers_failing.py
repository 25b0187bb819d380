"""PostgreSQL goes away, comes back, says no, or says nothing."""

import os
import signal
import threading

import pytest
from support import configs, postgres, tcp_gate, wire
from support.ports import eventually


def login_error(pooler, user: str = "app.acme", database: str = "acme"):
    """What a client that logs in and asks is told."""
    with wire.Client(port=pooler.port()) as client:
        with pytest.raises(wire.ServerError) as caught:
            client.login(user, database, postgres.PASSWORD)
            client.query("select 1")
    return caught.value


def answers(pooler) -> bool:
    try:
        with wire.Client(port=pooler.port()) as client:
            client.login("app.acme", "acme", postgres.PASSWORD)
            return client.value("select 1") == "1"
    except (wire.ServerError, wire.Gone):
        return False


@pytest.fixture
def up(own_pg):
    if not own_pg.running():
        own_pg.start()
    yield own_pg
    if not own_pg.running():
        own_pg.start()


def short(pg, **more) -> dict:
    return configs.plain(pg, server_login_retry="300ms", **more)


def test_a_crash_that_is_over_soon_is_told_to_nobody(up, start, connect):
    """One process dies, PostgreSQL recovers: that it was not ready meanwhile matters to
    nobody, whatever `server_login_retry` says."""
    pooler = start(configs.plain(up, pool_size=3))
    for _ in range(3):
        established = connect(pooler)
        established.value("select 1")
        os.kill(int(established.value("select pg_backend_pid()")), signal.SIGKILL)
        eventually(lambda: pooler.console("show servers")[1] == [], "all are lost")
        for _ in range(10):
            assert connect(pooler).value("select 1") == "1"
        assert established.value("select 1") == "1"


@pytest.mark.parametrize("how", ["fast", "immediate", "kill"])
def test_postgresql_stops_and_comes_back(up, start, connect, how):
    pooler = start(short(up, pool_size=3))
    idle, busy, in_transaction = (connect(pooler) for _ in range(3))
    for client in (idle, busy, in_transaction):
        client.value("select 1")
    in_transaction.query("begin")
    busy.send(wire.query("select pg_sleep(30)"))
    eventually(lambda: up.query("select count(*) from pg_stat_activity where query = "
                                "'select pg_sleep(30)'")[0][0] == 1, "it runs")
    if how == "kill":
        up.kill()
        eventually(lambda: not up.running(), "killed")
    else:
        up.stop(how)
    states = {wire.error_fields(body)["C"] for client in (busy, in_transaction)
              for tag, body in client.recv_all_or("Z") if tag == "E"}
    assert states and states <= {"57P01", "57P02", "08006"}, states
    assert login_error(pooler).sqlstate.startswith(("08", "57"))
    if how == "kill":
        (up.data / "postmaster.pid").unlink(missing_ok=True)
        eventually(lambda: _starts(up), "it starts again")
    else:
        up.start()
    eventually(lambda: answers(pooler), "new clients are served")
    # The idle client was never told anything: its connection goes on.
    eventually(lambda: _query_works(idle), "the idle client goes on")


def _starts(pg) -> bool:
    try:
        pg.start()
        return True
    except RuntimeError:
        return False


def _query_works(client) -> bool:
    try:
        return client.value("select 1") == "1"
    except wire.ServerError:
        return False


def test_a_terminated_server_tells_its_client(up, start, connect):
    pooler = start(short(up, pool_size=2))
    victim, other = connect(pooler), connect(pooler)
    victim.query("begin")
    pid = int(victim.value("select pg_backend_pid()"))
    other.query("begin")
    up.query("select pg_terminate_backend(%s)", pid)
    errors = [wire.error_fields(body) for tag, body in victim.recv_all() if tag == "E"]
    assert [(x["S"], x["C"]) for x in errors] == [("FATAL", "57P01")]
    assert errors[0]["M"] == ("terminating connection due to administrator command")
    assert other.value("select 'unharmed'") == "unharmed"
    other.query("commit")
    assert answers(pooler)


def test_an_idle_server_that_dies_is_noticed_by_nobody(up, start, connect):
    pooler = start(short(up, pool_size=2))
    clients = [connect(pooler) for _ in range(4)]
    for turn in range(10):
        for client in clients:
            client.value("select 1")
        up.terminate()
        eventually(lambda: up.server_pids(dbname="acme") == [], "gone")
        # The pooler may still hold a socket whose end it has not read yet; what
        # counts is that it never lends such a server twice.
        assert sum(_query_works(client) for client in clients) >= 3, turn


def test_terminated_under_load(up, start):
    pooler = start(short(up, pool_size=4))
    stop, strange = threading.Event(), []

    def client() -> None:
        while not stop.is_set():
            try:
                with wire.Client(port=pooler.port()) as one:
                    one.login("app.acme", "acme", postgres.PASSWORD)
                    while not stop.is_set():
                        assert one.value("select 'mine'") == "mine"
            except wire.ServerError as why:
                if why.sqlstate[:2] not in ("57", "08"):
                    strange.append(why)
            except (wire.Gone, OSError):
                pass
            except Exception as why:  # Reported by the main thread.
                strange.append(why)

    threads = [threading.Thread(target=client) for _ in range(12)]
    for thread in threads:
        thread.start()
    for _ in range(20):
        eventually(lambda: up.terminate() > 0, "some were there")
    stop.set()
    for thread in threads:
        thread.join()
    assert strange == []
    eventually(lambda: answers(pooler), "served again")


def test_a_port_that_accepts_and_never_answers(up, start):
    with tcp_gate.TcpGate(up.port) as gate:
        config = short(up, server_connect_timeout="1s")
        config["tenant"][0]["database"][0]["port"] = gate.port
        config["tenant"].append(configs.tenant(up, "globex"))
        pooler = start(config)
        gate.stop()
        error = login_error(pooler)
        assert error.sqlstate.startswith("08"), error
        with wire.Client(port=pooler.port()) as other:  # Another tenant is served.
            other.login("app.globex", "acme", postgres.PASSWORD)
            assert other.value("select 1") == "1"
        gate.go()
        eventually(lambda: answers(pooler), "served when the network is back")


def test_nobody_listens(up, start):
    config = short(up)
    config["tenant"][0]["database"][0]["port"] = configs.ports.free_port()
    pooler = start(config)
    assert login_error(pooler).sqlstate.startswith("08")


def test_a_host_that_does_not_resolve(up, start):
    config = short(up)
    config["tenant"][0]["database"][0]["host"] = "no-such-host.invalid"
    pooler = start(config)
    assert login_error(pooler).sqlstate.startswith("08")


def test_a_connection_cut_in_the_middle_of_an_answer(up, start, connect):
    with tcp_gate.TcpGate(up.port) as gate:
        config = short(up, pool_size=1)
        config["tenant"][0]["database"][0]["port"] = gate.port
        pooler = start(config)
        for reset in (False, True):
            client = connect(pooler)
            client.send(wire.query("select repeat('x', 1000), pg_sleep(0.0001) from "
                                   "generate_series(1, 1000000)"))
            client.recv_until("D", 100)
            gate.cut(reset)
            errors = [wire.error_fields(body) for tag, body in client.recv_all()
                      if tag == "E"]
            # The cut may fall into a message: then no error can be told.
            assert [x["C"] for x in errors] in (["08006"], [])
            eventually(lambda: answers(pooler), "served again")


def test_a_sliced_and_slow_server_changes_no_answer(up, start, connect):
    with tcp_gate.TcpGate(up.port) as gate:
        config = short(up, pool_size=2)
        config["tenant"][0]["database"][0]["port"] = gate.port
        pooler = start(config)
        for size in (1, 2, 3, 5, 7):
            gate.slice = size
            client = connect(pooler)
            assert client.query("select i, repeat('y', i) from "
                                "generate_series(1, 20) i")[1] \
                == [[str(i), "y" * i] for i in range(1, 21)]
            client.send(wire.extended("select 1") + wire.extended("select 1/0")
                        + wire.SYNC + wire.query("select 2"))
            tags = "".join(tag for tag, _ in client.recv_until("Z", 2))
            assert tags == "12TDC1EZTDCZ"  # 1/0 is computed by Bind.
