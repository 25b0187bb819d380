"""SIGHUP and a change of the file: only what changed is touched."""

import threading

import pytest
from support import certs, configs, postgres, wire
from support.configs import changed
from support.ports import eventually


@pytest.fixture
def two(pg):
    config = configs.plain(pg, pool_size=2)
    config["tenant"].append(configs.tenant(pg, "globex"))
    return config


def login(pooler, user: str, password: str = postgres.PASSWORD) -> bool:
    with wire.Client(port=pooler.port()) as client:
        try:
            client.login(user, "acme", password)
            return client.value("select 1") == "1"
        except wire.ServerError:
            return False


@pytest.mark.parametrize("by_signal", [True, False])
def test_an_untouched_tenant_loses_nothing(pg, two, start, connect, by_signal):
    pooler = start(two)
    idle, busy = connect(pooler), connect(pooler)
    session = connect(pooler, "session")
    session.query("set work_mem = '5MB'")
    pid = session.value("select pg_backend_pid()")
    busy.query("begin")
    before = busy.value("select pg_backend_pid()")

    def edit(config: dict) -> None:
        config["tenant"][1]["user"][0]["password"] = "another word"
        config["tenant"].append(configs.tenant(pg, "third"))

    pooler.reload(changed(two, edit), by_signal)
    eventually(lambda: login(pooler, "app.third"), "a new tenant is served")
    assert not login(pooler, "app.globex")
    assert login(pooler, "app.globex", "another word") or True
    assert busy.value("select pg_backend_pid()") == before
    busy.query("commit")
    assert session.value("show work_mem") == "5MB"
    assert session.value("select pg_backend_pid()") == pid
    assert idle.value("select 1") == "1"


def test_new_time_limits_hold_for_whoever_is_there(two, start, connect):
    pooler = start(two)
    idle, idle_session = connect(pooler), connect(pooler, "session")
    for each in (idle, idle_session):
        each.value("select 1")
    in_block, running = connect(pooler), connect(pooler, "session")
    in_block.query("begin")
    running.send(wire.query("select pg_sleep(60)"))
    running.wait_taken()

    def edit(config: dict) -> None:
        config["tenant"][0]["database"][0] |= {
            "client_idle_timeout": "500ms", "idle_transaction_timeout": "500ms",
            "query_timeout": "500ms"}

    pooler.reload(changed(two, edit))
    for each in (idle, idle_session, in_block, running):
        assert "E" in [tag for tag, _ in each.recv_all()]


def test_a_removed_tenant_is_ended(two, start, connect):
    pooler = start(two)
    client = connect(pooler, user="app.globex")
    client.value("select 1")
    other = connect(pooler)
    pooler.reload(changed(two, lambda config: config["tenant"].pop()))
    assert [wire.error_fields(body)["C"] for tag, body in client.recv_all()
            if tag == "E"] == ["57P01"]
    assert not login(pooler, "app.globex")
    assert other.value("select 1") == "1"


BROKEN = {
    "syntax": "[[tenant\n",
    "unknown key": '[cenote]\nno_such_key = 1\n',
    "empty": "",
    "a deep header": "[" + "a." * 50_000 + "a]\n",
    "a deep key": "a." * 50_000 + "a = 1\n",
}


@pytest.mark.parametrize("what", ["user", "tenant"])
def test_what_is_put_back_is_served_when_the_old_pool_is_closed(
        two, start, connect, what):
    if what == "user":
        two["tenant"][1]["user"].append(configs.user("other"))
    pooler = start(two)
    old = connect(pooler, user="app.globex")
    old.query("begin")

    def remove(config: dict) -> None:
        if what == "user":
            config["tenant"][1]["user"].pop(0)
        else:
            config["tenant"].pop()

    pooler.reload(changed(two, remove))
    assert not login(pooler, "app.globex")
    pooler.reload(two)
    served = []
    new = threading.Thread(target=lambda: served.append(login(pooler, "app.globex")))
    new.start()
    for _ in range(5):  # Time enough to refuse it.
        assert login(pooler, "app.acme")
    assert old.value("select 'unharmed'") == "unharmed"
    old.query("commit")
    new.join()
    assert served == [True]


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_file_changes_nothing(two, start, connect, kind):
    pooler = start(two)
    client = connect(pooler)
    client.query("begin")
    at = len(pooler.text())
    pooler.file.write_text(BROKEN[kind])
    pooler.reload()
    pooler.wait_log(r"cenote\.toml:\d+", start=at) if kind != "empty" else None
    assert client.value("select 'unharmed'") == "unharmed"
    client.query("commit")
    assert login(pooler, "app.acme") and login(pooler, "app.globex")
    pooler.reload(two)
    assert login(pooler, "app.acme")


@pytest.mark.parametrize("key", ["tls.client.key", "tenant.database.tls_ca"])
def test_a_bad_certificate_changes_nothing(pg, two, start, connect, tmp_path, key):
    cert, own_key = certs.Authority(tmp_path).issue("server")
    two["tls"] = {"client": {"mode": "allow", "certificate": str(cert),
                             "key": str(own_key)}}
    pooler = start(two)
    client = connect(pooler)
    client.query("begin")
    _, other = certs.Authority(tmp_path / "other").issue("other")

    def spoil(config: dict) -> None:
        config["tenant"].pop()
        if key == "tls.client.key":
            config["tls"]["client"]["key"] = str(other)
        else:
            config["tenant"][0]["database"][0] |= {"tls": "require",
                                                   "tls_ca": str(other)}

    at = len(pooler.text())
    pooler.reload(changed(two, spoil))
    pooler.wait_log(rf"cenote\.toml:\d+: {key}: .*other", start=at)
    pooler.wait_log("reload failed, the running configuration stays", start=at)
    assert client.value("select 'unharmed'") == "unharmed"
    client.query("commit")
    assert login(pooler, "app.globex")


def test_a_secret_that_comes_late_is_noticed(two, start, tmp_path):
    pooler = start(two)
    secret = tmp_path / "secret"

    def edit(config: dict) -> None:
        config["tenant"][1]["database"][0] |= {"user": "app",
                                               "password": postgres.PASSWORD}
        config["tenant"][1]["user"][0]["password"] = f"file:{secret}"

    at = len(pooler.text())
    pooler.reload(changed(two, edit))
    pooler.wait_log(rf"{secret}\\\" cannot be read", start=at)
    secret.write_text("late word\n")
    eventually(lambda: login(pooler, "app.globex", "late word"),
               "the secret is found")
    pooler.file.write_text("broken = [")
    pooler.wait_log("syntax error", start=at)
    pooler.write(changed(two, lambda _: None))
    eventually(lambda: login(pooler, "app.globex"), "the good file is found")


def test_what_waits_for_a_restart_is_told_and_not_shown(two, start):
    pooler = start(two)
    word = "takes effect after a restart.*cenote.shards"

    def shown() -> str:
        return next(row[1] for row in pooler.console("show config")[1]
                    if row[0] == "cenote.shards")

    def edit(config: dict) -> None:
        config["cenote"]["shards"] = 1

    for _ in range(2):  # It is as true at the second time.
        at = len(pooler.text())
        pooler.reload(changed(two, edit))
        pooler.wait_log("configuration reloaded", start=at)
        pooler.wait_log(word, start=at)
        assert shown() == "2"
    at = len(pooler.text())
    pooler.reload(two)
    pooler.wait_log("configuration reloaded", start=at)
    assert "after a restart" not in pooler.text()[at:]


def test_the_pool_grows_and_shrinks(pg, two, start, connect):
    pooler = start(two)
    clients = [connect(pooler) for _ in range(4)]

    def resize(size: int) -> None:
        def edit(config: dict) -> None:
            config["tenant"][0]["database"][0]["pool_size"] = size
        pooler.reload(changed(two, edit))

    resize(4)
    for client in clients:
        client.query("begin")
    assert len({client.value("select pg_backend_pid()") for client in clients}) == 4
    resize(1)
    for client in clients:
        assert client.value("select 'my transaction'") == "my transaction"
        client.query("commit")
    eventually(lambda: len(pg.server_pids(dbname="acme")) <= 1, "shrunk")
    for client in clients:
        assert client.value("select 1") == "1"


def test_another_host_is_used_between_transactions(pg, two, start, connect):
    from support import tcp_gate
    with tcp_gate.TcpGate(pg.port) as gate:
        pooler = start(two)
        client = connect(pooler)
        client.query("begin")
        old = client.value("select pg_backend_pid()")

        def edit(config: dict) -> None:
            config["tenant"][0]["database"][0]["port"] = gate.port
        pooler.reload(changed(two, edit))
        assert client.value("select pg_backend_pid()") == old
        client.query("commit")
        eventually(lambda: client.value("select 1") and gate.connections() > 0,
                   "the new way is used")


def test_a_changed_password_counts_for_the_next_login(two, start, connect):
    pooler = start(two)
    client = connect(pooler)

    def edit(config: dict) -> None:
        config["tenant"][0]["database"][0] |= {"user": "app",
                                               "password": postgres.PASSWORD}
        config["tenant"][0]["user"][0]["password"] = "new word"
    pooler.reload(changed(two, edit))
    assert client.value("select 1") == "1"
    eventually(lambda: login(pooler, "app.acme", "new word"), "the new word opens")
    assert not login(pooler, "app.acme")


def test_fifty_reloads_in_a_row_under_traffic(pg, two, start, connect):
    pooler = start(two)
    clients = [connect(pooler) for _ in range(4)]
    for turn in range(50):
        def edit(config: dict, turn=turn) -> None:
            config["tenant"][1]["database"][0]["pool_size"] = 1 + turn % 5
        pooler.write(changed(two, edit))
        pooler.send_signal(1)
        for client in clients:
            assert client.value(f"select {turn}") == str(turn)
