"""cenote logs in to PostgreSQL: every method, and PostgreSQL's own words when it
says no."""

import hashlib

import pytest
from support import configs, postgres, wire
from support.ports import eventually

PASSWORD = postgres.PASSWORD
ROLES = [role for role in postgres.ROLES if role != "other"]


def attempt(pooler, user: str, database: str = "acme", password: str = PASSWORD,
            **more):
    """None when it went well, else the error."""
    try:
        with wire.Client(port=pooler.port()) as client:
            client.login(user, database, password, **more)
            assert client.value("select current_user") == user.split(".")[0]
            return None
    except wire.ServerError as why:
        return why


@pytest.mark.parametrize("role", ROLES)
def test_each_method_with_a_password(pg, start, role):
    config = configs.plain(pg)
    config["tenant"][0]["user"] = [configs.user(role)]
    assert attempt(start(config), f"{role}.acme") is None


def verifier_of(pg, role: str) -> str:
    return pg.query("select rolpassword from pg_authid where rolname = %s", role)[0][0]


def test_scram_with_the_keys_of_the_client(pg, start):
    """The file holds PostgreSQL's own verifier and no password."""
    config = configs.plain(pg, pool_size=2)
    config["tenant"][0]["user"] = [
        {"name": "app", "password": verifier_of(pg, "app")}]
    pooler = start(config)
    assert attempt(pooler, "app.acme", password="wrong").sqlstate == "28P01"
    assert attempt(pooler, "app.acme") is None
    pg.terminate("app")
    eventually(lambda: pg.server_pids(dbname="acme") == [], "gone")
    assert attempt(pooler, "app.acme") is None


def test_md5_with_the_hash(pg, start):
    config = configs.plain(pg)
    hashed = "md5" + hashlib.md5((PASSWORD + "app_md5").encode()).hexdigest()
    config["tenant"][0]["user"] = [{"name": "app_md5", "password": hashed}]
    pooler = start(config)
    # The hash is over the role's name: the client must say just that.
    more = {"options": "reference=acme"}
    assert attempt(pooler, "app_md5", **more) is None
    assert attempt(pooler, "app_md5", password="wrong", **more).sqlstate == "28P01"


def test_a_forced_role(pg, start):
    config = configs.plain(pg, user="other", password=PASSWORD)
    config["tenant"][0]["user"] = [{"name": "anybody", "password": "own word"}]
    pooler = start(config)
    with wire.Client(port=pooler.port()) as client:
        client.login("anybody.acme", "acme", "own word")
        assert client.value("select current_user") == "other"


def test_another_name_for_the_database(pg, start):
    config = configs.plain(pg)
    config["tenant"][0]["database"] = [
        configs.database(pg, "shop", dbname="globex"), configs.database(pg, "*")]
    pooler = start(config)
    with wire.Client(port=pooler.port()) as client:
        client.login("app.acme", "shop", PASSWORD)
        assert client.value("select current_database()") == "globex"


def test_postgresqls_unix_socket(pg, start):
    hba = (pg.data / "pg_hba.conf").read_text()
    pg.write_hba([hba.rstrip(), "local all app scram-sha-256"])
    pg.reload()
    config = configs.plain(pg, host=str(pg.socket_dir))
    pooler = start(config)
    with wire.Client(port=pooler.port()) as client:
        client.login("app.acme", "acme", PASSWORD)
        assert client.value("select inet_server_addr() is null") == "t"


# -- PostgreSQL says no: its SQLSTATE and its words

def test_a_wrong_password_of_the_server(pg, start):
    config = configs.plain(pg, user="other", password="not this one")
    error = attempt(start(config), "app.acme")
    assert error.sqlstate == "28P01"
    assert error.message == 'password authentication failed for user "other"'


def test_a_database_that_is_not_there(pg, start):
    error = attempt(start(configs.plain(pg)), "app.acme", "no_such_database")
    assert error.sqlstate == "3D000"
    assert error.message == 'database "no_such_database" does not exist'


def test_a_role_that_is_not_let_in(pg, start):
    config = configs.plain(pg, user="stranger", password="x")
    error = attempt(start(config), "app.acme")
    assert error.sqlstate == "28000" and "pg_hba.conf" in error.message


def test_max_connections_of_postgresql(start):
    server = postgres.Postgres(max_connections=8)
    try:
        pooler = start(configs.plain(server, pool_size=20,
                                     server_login_retry="300ms"))
        # Three places are free, and others have them: PostgreSQL's words are told.
        taken = [wire.Client(port=server.port) for _ in range(3)]
        for one in taken:
            one.login("other", "acme", PASSWORD)
        error = attempt(pooler, "app.acme")
        assert error.sqlstate == "53300"
        assert error.message.startswith("remaining connection slots are reserved")
        for one in taken[:2]:
            one.send(wire.TERMINATE)
            one.rest()
        eventually(lambda: attempt(pooler, "app.acme") is None, "served")
        # Two servers are in the pool, a third is refused: others wait for them.
        clients = [wire.Client(port=pooler.port()) for _ in range(5)]
        for number, client in enumerate(clients):
            client.login("app.acme", "acme", PASSWORD)
            client.send(wire.query(f"select pg_sleep(0.1), {number}"))
        for number, client in enumerate(clients):
            rows = [wire.data_row(body) for tag, body in client.recv_until("Z")
                    if tag == "D"]
            assert rows == [["", str(number)]]
    finally:
        server.destroy()


def test_clients_that_wait_are_all_told(pg, start):
    """Many clients of a pool that cannot start: all hear PostgreSQL's words."""
    import threading
    config = configs.plain(pg, user="other", password="not this one",
                           server_login_retry="60s")
    pooler = start(config)
    errors = []
    threads = [threading.Thread(target=lambda: errors.append(
        attempt(pooler, "app.acme"))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {error.sqlstate for error in errors} == {"28P01"}


def test_backoff_spares_the_server(pg, start):
    """While login fails, PostgreSQL is not asked again and again."""
    config = configs.plain(pg, user="other", password="not this one",
                           server_login_retry="30s")
    pooler = start(config)
    start_size = pg.log.stat().st_size
    for _ in range(30):
        assert attempt(pooler, "app.acme").sqlstate in ("28P01", "08006")
    written = pg.log.read_text(errors="replace")[start_size:]
    assert written.count("password authentication failed") <= 3


def test_a_failed_start_is_not_remembered(pg, start):
    config = configs.plain(pg, server_login_retry="200ms")
    pooler = start(config)
    assert attempt(pooler, "app.acme", "born_later").sqlstate == "3D000"
    pg.query("create database born_later")
    try:
        eventually(lambda: attempt(pooler, "app.acme", "born_later") is None, "served")
    finally:
        pooler.stop()
        pg.query("drop database born_later with (force)")
