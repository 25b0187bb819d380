"""Limits and timeouts: at the limit, above it, and what the client is told."""

import time

import pytest
from support import configs, postgres, wire
from support.ports import eventually


def refused(pooler, user: str = "app.acme", database: str = "acme",
            password: str = postgres.PASSWORD) -> wire.ServerError:
    with wire.Client(port=pooler.port()) as client:
        with pytest.raises(wire.ServerError) as caught:
            client.login(user, database, password)
        assert client.rest() == b""
    return caught.value


def ended(client) -> wire.ServerError:
    """The FATAL that ends this client without its asking."""
    client.socket.settimeout(20)
    errors = [wire.ServerError(wire.error_fields(body))
              for tag, body in client.recv_all() if tag == "E"]
    assert len(errors) == 1 and errors[0].fields["S"] == "FATAL", errors
    return errors[0]


def pid_of(client) -> str:
    return client.value("select pg_backend_pid()")


def no_transaction_is_open(pg) -> bool:
    return pg.query("select count(*) from pg_stat_activity where usename = 'app' "
                    "and state <> 'idle'")[0][0] == 0


def test_query_wait_timeout_has_pgbouncers_words(pg, start, connect):
    pooler = start(configs.plain(pg, pool_size=1, query_wait_timeout="500ms"))
    holder, waiter = connect(pooler), connect(pooler)
    holder.query("begin")
    waiter.send(wire.query("select 1"))
    error = ended(waiter)
    assert error.message == "query_wait_timeout"
    assert error.sqlstate == "08P01"
    assert holder.value("select 'unharmed'") == "unharmed"
    holder.query("commit")
    assert connect(pooler).value("select 1") == "1"


def test_a_long_line_of_tenants_under_a_full_host(pg, start):
    """Each leaves an idle server behind, which makes room for the next one."""
    tenants = 60
    config = configs.plain(pg)
    config["cenote"]["max_servers_per_host"] = 5
    config["tenant"] = [
        configs.tenant(pg, f"t{number}", users=[configs.user("app", auth="trust")],
                       databases=[configs.database(pg, query_wait_timeout="12s")])
        for number in range(tenants)]
    pooler = start(config)
    clients = [wire.Client(port=pooler.port()) for _ in range(tenants)]
    try:
        for number, client in enumerate(clients):
            client.send(wire.startup(f"app.t{number}", "acme"))
        for client in clients:
            client.recv_all_or("Z")
            client.send(wire.query("select 1"))
        for client in clients:
            assert "D" in [tag for tag, _ in client.recv_all_or("Z")]
    finally:
        for client in clients:
            client.close()


def test_client_idle_timeout(pg, start, connect):
    pooler = start(configs.plain(pg, client_idle_timeout="500ms"))
    client = connect(pooler)
    client.value("select 1")
    assert "idle" in ended(client).message
    busy = connect(pooler)
    assert busy.query("select pg_sleep(1.2)")[1] == [[""]]  # Not idle.


def test_idle_transaction_timeout(pg, start, connect):
    pooler = start(configs.plain(pg, pool_size=1, idle_transaction_timeout="500ms"))
    client = connect(pooler)
    client.query("begin")
    assert "idle" in ended(client).message
    eventually(lambda: no_transaction_is_open(pg), "rolled back")
    assert connect(pooler).value("select 1") == "1"


def test_transaction_timeout(pg, start, connect):
    pooler = start(configs.plain(pg, pool_size=1, transaction_timeout="700ms"))
    client = connect(pooler)
    client.query("begin")
    began = time.monotonic()
    with pytest.raises((wire.ServerError, wire.Gone, OSError)) as caught:
        while time.monotonic() - began < 20:  # Never idle for long.
            client.query("select pg_sleep(0.05)")
    assert isinstance(caught.value, wire.ServerError), caught.value
    eventually(lambda: no_transaction_is_open(pg), "rolled back")
    assert connect(pooler).value("select 1") == "1"


def test_query_timeout(pg, start, connect):
    pooler = start(configs.plain(pg, pool_size=1, query_timeout="500ms"))
    client = connect(pooler)
    for _ in range(3):
        assert client.query("select pg_sleep(0.3)")[1] == [[""]]
    client.send(wire.query("select pg_sleep(30)"))
    assert "query_timeout" in ended(client).message
    eventually(lambda: no_transaction_is_open(pg), "the query was cancelled")
    assert connect(pooler).value("select 1") == "1"


@pytest.mark.parametrize("setting", [{}, {"TimeZone": "Asia/Tokyo"}, {"search_path": "public"}])
@pytest.mark.parametrize("mode", ["transaction", "session"])
def test_rest_before_a_query_is_none_of_its_time(pg, start, connect, mode, setting):
    """Nor of its transaction's, where the client keeps its server."""
    pooler = start(configs.plain(pg, query_timeout="900ms", transaction_timeout="900ms"))
    client, pinned = (connect(pooler, mode, **setting) for _ in range(2))
    client.query("select 1")
    pinned.query("create temp table t (x int)")
    time.sleep(1.2)
    for each in (client, pinned):
        assert each.value("select 'well'") == "well"
        each.query("begin")
    in_block = connect(pooler, mode, **setting)
    in_block.query("begin")
    time.sleep(0.3)
    assert in_block.value("select 'well'") == "well"
    for each in (client, pinned):
        each.query("commit")


@pytest.mark.parametrize("mode", ["transaction", "statement"])
@pytest.mark.parametrize("half", [wire.query("select 1")[:5], wire.query("select 1")[:7],
                                  wire.parse("", "select 1")[:8]])
def test_half_a_message_takes_no_server(pg, start, connect, mode, half):
    pooler = start(configs.plain(pg, modes=(mode,), pool_size=1,
                                 client_idle_timeout="900ms"))
    slow = connect(pooler, mode)
    slow.send(half)
    slow.wait_taken()
    assert connect(pooler, mode).value("select 'served'") == "served"
    assert "idle" in ended(slow).message


def test_a_message_comes_in_pieces(pg, start, connect):
    pooler = start(configs.plain(pg, pool_size=1))
    client = connect(pooler)
    for size in (10, 60_000, 65_500, 65_600, 200_000):
        ask = wire.query(f"select length('{'x' * size}')")
        for cuts in ((1, 4, 5), (3, 6, len(ask) - 1), (len(ask) // 2,)):
            client.send_cut(ask + ask, *cuts)
            for _ in range(2):
                rows = [wire.data_row(body) for tag, body in client.recv_until("Z")
                        if tag == "D"]
                assert rows == [[str(size)]]


@pytest.mark.parametrize("where", ["node", "tenant", "user", "database"])
def test_max_clients_exactly(pg, start, connect, where):
    config = configs.plain(pg)
    config["tenant"].append(configs.tenant(pg, "globex"))
    place = {"node": config["cenote"], "tenant": config["tenant"][0],
             "user": config["tenant"][0]["user"][0],
             "database": config["tenant"][0]["database"][0]}[where]
    place["max_clients"] = 3
    pooler = start(config)
    clients = [connect(pooler) for _ in range(3)]
    for client in clients:
        assert client.value("select 1") == "1"
    for _ in range(5):
        assert refused(pooler).sqlstate == "53300"
    if where != "node":
        assert connect(pooler, user="app.globex").value("select 1") == "1"
    clients[0].send(wire.TERMINATE)
    clients[0].rest()

    def one_more() -> bool:
        try:
            return connect(pooler).value("select 1") == "1"
        except wire.ServerError:
            return False

    eventually(one_more, "the place of the one that left is free")
    assert refused(pooler).sqlstate == "53300"


@pytest.mark.parametrize("how", ["silently", "with a password that is wrong"])
def test_logins_that_failed_take_no_place(pg, start, connect, how):
    config = configs.plain(pg)
    config["tenant"][0]["max_clients"] = 2
    pooler = start(config)
    for _ in range(6):
        if how == "silently":
            with wire.Client(port=pooler.port()) as client:
                client.send(wire.startup("app.acme", "acme"))
                client.recv()
                client.close()
        else:
            assert refused(pooler, password="wrong").sqlstate == "28P01"
    clients = [connect(pooler) for _ in range(2)]
    assert [client.value("select 1") for client in clients] == ["1", "1"]


@pytest.mark.parametrize("place", ["cenote", "tenant"])
def test_max_servers_over_all_pools(pg, start, connect, place):
    config = configs.plain(pg, pool_size=5)
    target = config["cenote"] if place == "cenote" else config["tenant"][0]
    target["max_servers"] = 2
    config["tenant"][0]["user"].append(configs.user("other"))
    pooler = start(config)
    one, two = connect(pooler), connect(pooler, user="other.acme")
    one.query("begin")
    two.query("begin")
    third = connect(pooler)
    third.send(wire.query("select 'third'"))
    third.wait_taken()
    assert len(pg.server_pids("app")) + len(pg.server_pids("other")) == 2
    one.query("commit")
    rows = [wire.data_row(body) for tag, body in third.recv_until("Z") if tag == "D"]
    assert rows == [["third"]]
    # An idle server of one pool makes room for another pool's waiter.
    four = connect(pooler, user="other.acme")
    four.send(wire.query("select 'fourth'"))
    rows = [wire.data_row(body) for tag, body in four.recv_until("Z") if tag == "D"]
    assert rows == [["fourth"]]


def test_databases_that_do_not_exist_take_no_pools(pg, start, connect):
    """With `name = "*"` anybody may ask for any: their pools give way."""
    config = configs.plain(pg)
    config["tenant"][0]["max_pools"] = 2
    pooler = start(config)
    for number in range(4):
        assert refused(pooler, database=f"nodb{number}").sqlstate == "3D000"
    clients = [connect(pooler, database=name) for name in ("acme", "globex")]
    for client in clients:
        assert client.value("select 1") == "1"
    assert refused(pooler, database="app").sqlstate == "53300"
    clients.pop(0).close()
    # The pool is empty when cenote has heard of it.
    eventually(lambda: logs_in(pooler, "app"), "the place of an empty pool")
    assert clients[0].value("select 'unharmed'") == "unharmed"


def logs_in(pooler, database: str) -> bool:
    with wire.Client(port=pooler.port()) as client:
        try:
            client.login("app.acme", database, postgres.PASSWORD)
        except wire.ServerError as why:
            assert why.sqlstate == "53300", why
            return False
    return True


def test_max_waiters_sheds_load(pg, start, connect):
    pooler = start(configs.plain(pg, pool_size=1, max_waiters=2))
    holder = connect(pooler)
    holder.query("begin")
    waiters = [connect(pooler) for _ in range(2)]
    for client in waiters:
        client.send(wire.query("select 'waited'"))
        client.wait_taken()
    extra = connect(pooler)
    extra.send(wire.query("select 'too many'"))
    errors = [wire.error_fields(body) for tag, body in extra.recv_all_or("Z")
              if tag == "E"]
    assert errors[0]["C"] == "53300"
    holder.query("commit")
    for client in waiters:
        rows = [wire.data_row(body) for tag, body in client.recv_until("Z")
                if tag == "D"]
        assert rows == [["waited"]]


def test_server_lifetime_renews_idle_servers(pg, start, connect):
    pooler = start(configs.plain(pg, pool_size=1, server_lifetime="1s"))
    client = connect(pooler)
    old = pid_of(client)
    client.query("begin")
    kept = pid_of(client)
    began = time.monotonic()
    while time.monotonic() - began < 2:  # Lifetime never ends a loan.
        assert pid_of(client) == kept
    client.query("commit")
    eventually(lambda: pid_of(client) not in (old, kept), "a fresh server")


def test_server_idle_timeout_closes_unused_servers(pg, start, connect):
    pooler = start(configs.plain(pg, pool_size=3, server_idle_timeout="1s"))
    client = connect(pooler)
    client.value("select 1")
    assert len(pg.server_pids(dbname="acme")) >= 1
    eventually(lambda: pg.server_pids(dbname="acme") == [], "closed")
    assert client.value("select 'again'") == "again"


def test_pool_idle_timeout_ends_the_pool(pg, start, connect):
    pooler = start(configs.plain(pg, pool_size=3, pool_idle_timeout="1s"))
    client = connect(pooler)
    client.value("select 1")
    client.send(wire.TERMINATE)
    eventually(lambda: pg.server_pids(dbname="acme") == [], "closed")
    assert connect(pooler).value("select 'a new pool'") == "a new pool"


def test_too_many_requests_in_one_pipeline_are_one_error(pg, start, connect):
    """A client that never reads cannot make the pooler hold answers for ever."""
    from support.process import resident_bytes
    pooler = start(configs.plain(pg, pool_size=2))
    client = connect(pooler)
    client.value("select 1")
    before = resident_bytes(pooler.pid())
    client.socket.settimeout(3)
    flood = wire.query("select repeat('x', 10000)") * 200
    try:
        for _ in range(100):
            client.send(flood)
    except (TimeoutError, OSError):
        pass  # It stopped reading us, as it should, or ended us.
    assert resident_bytes(pooler.pid()) - before < 64 * 2**20
    assert connect(pooler).value("select 'others go on'") == "others go on"


def test_databases_that_do_not_exist_take_no_place_for_long(pg, start, connect):
    config = configs.plain(pg, server_login_retry="1s")
    config["tenant"][0]["max_pools"] = 4
    pooler = start(config)
    for number in range(4):
        assert refused(pooler, database=f"missing{number}").sqlstate == "3D000"

    def is_served() -> bool:
        try:
            return connect(pooler).value("select 1") == "1"
        except wire.ServerError as error:
            assert error.sqlstate == "53300"
            return False

    eventually(is_served, "the pools that never had a server are gone")
