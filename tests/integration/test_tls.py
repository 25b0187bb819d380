"""TLS to clients and to PostgreSQL."""

import os
import socket
import ssl
import subprocess

import pytest
from support import certs, configs, postgres, process, tcp_gate, wire
from support.ports import eventually


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return certs.Authority(tmp_path_factory.mktemp("tls"))


def with_tls(pg, authority, mode: str, name: str = "server"):
    config = configs.plain(pg)
    cert, key = authority.issue(name)
    config["tls"] = {"client": {"mode": mode, "certificate": str(cert),
                                "key": str(key)}}
    return config


def psql(port: int, *more) -> subprocess.CompletedProcess:
    text = " ".join([f"host=localhost hostaddr=127.0.0.1 port={port} user=app.acme "
                     "dbname=acme connect_timeout=20", *more])
    return subprocess.run(["psql", "-X", "-A", "-t", "-c", "select 'in'", text],
                          text=True, capture_output=True,
                          env={"PGPASSWORD": postgres.PASSWORD,
                               "PATH": "/usr/bin:/bin"})


def handshake(port: int, authority=None) -> ssl.SSLSocket:
    """SSLRequest, 'S', and the handshake."""
    context = ssl.create_default_context(
        cafile=str(authority.cert) if authority else None)
    if authority is None:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    raw = socket.create_connection(("127.0.0.1", port), timeout=20)
    raw.sendall(wire.SSL_REQUEST)
    assert raw.recv(1) == b"S"
    return context.wrap_socket(raw, server_hostname="localhost")


def serial(port: int, authority) -> str:
    with handshake(port, authority) as tls:
        return tls.getpeercert()["subject"][0][0][1]


@pytest.mark.parametrize("mode,sslmode,gets_in", [
    ("disable", "disable", True), ("disable", "prefer", True),
    ("disable", "require", False),
    ("allow", "disable", True), ("allow", "require", True),
    ("allow", "verify-full", True),
    ("require", "disable", False), ("require", "require", True),
    ("require", "verify-full", True)])
def test_client_modes(pg, start, authority, mode, sslmode, gets_in):
    pooler = start(with_tls(pg, authority, mode))
    done = psql(pooler.port(), f"sslmode={sslmode}", f"sslrootcert={authority.cert}")
    assert (done.stdout == "in\n") == gets_in, done.stderr
    if mode == "require" and not gets_in:
        assert "FATAL" in done.stderr


def test_without_tls_an_ssl_request_is_answered_n(pg, start):
    pooler = start(configs.plain(pg))
    with wire.Client(port=pooler.port()) as client:
        client.send(wire.SSL_REQUEST)
        assert client.recv_byte() == b"N"
        client.login("app.acme", "acme", postgres.PASSWORD)


@pytest.mark.parametrize("mode", ["disable", "allow", "require"])
@pytest.mark.parametrize("smuggled", [b"X", wire.startup("app.acme", "acme"),
                                      wire.SSL_REQUEST])
def test_bytes_behind_an_ssl_request_are_an_attack(
        pg, start, authority, mode, smuggled):
    pooler = start(with_tls(pg, authority, mode))
    with wire.Client(port=pooler.port()) as client:
        client.send(wire.SSL_REQUEST + smuggled)
        answer = client.rest()
        # Whatever was said before it noticed, no greeting and no TLS comes.
        assert answer[:1] in (b"", b"E", b"S", b"N")
        if answer[:1] in (b"S", b"N"):
            answer = answer[1:]
        assert answer == b"" or answer[:1] == b"E"


def direct(port: int, authority, protocols: list) -> ssl.SSLSocket:
    """A handshake without an SSLRequest, as libpq's sslnegotiation=direct."""
    context = ssl.create_default_context(cafile=str(authority.cert))
    if protocols:
        context.set_alpn_protocols(protocols)
    raw = socket.create_connection(("127.0.0.1", port), timeout=20)
    try:
        return context.wrap_socket(raw, server_hostname="localhost")
    except Exception:
        raw.close()
        raise


@pytest.mark.parametrize("mode", ["allow", "require"])
@pytest.mark.parametrize("protocols", [["postgresql"], ["http/1.1", "postgresql"]])
def test_direct_tls(pg, start, authority, mode, protocols):
    pooler = start(with_tls(pg, authority, mode))
    with wire.Client(port=pooler.port()) as client:
        client.socket.close()
        client.socket = direct(pooler.port(), authority, protocols)
        assert client.socket.selected_alpn_protocol() == "postgresql"
        client.login("app.acme", "acme", postgres.PASSWORD)
        assert client.value("select 'direct'") == "direct"
        for size in (1, 8191, 8192, 100_000):
            assert client.value(f"select repeat('x', {size})") == "x" * size
        # A cancel may come the same way.
        client.send(wire.query("select pg_sleep(30)"))
        eventually(lambda: pg.query("select 1 from pg_stat_activity where state = "
                                    "'active' and query = 'select pg_sleep(30)'"),
                   "the query runs")
        with direct(pooler.port(), authority, protocols) as other:
            other.sendall(wire.cancel_request(client.pid, client.key))
            assert other.recv(1) == b""
        with pytest.raises(wire.ServerError) as caught:
            client.recv_error()
        assert caught.value.sqlstate == "57014"


@pytest.mark.parametrize("protocols", [[], ["http/1.1"], ["h2", "postgres"]])
def test_direct_tls_of_another_protocol_gets_no_word(pg, start, authority, protocols):
    pooler = start(with_tls(pg, authority, "allow"))
    try:
        with direct(pooler.port(), authority, protocols) as tls:
            tls.sendall(wire.startup("app.acme", "acme"))
            assert tls.recv(1) == b""
    except (ssl.SSLError, ConnectionError):
        pass  # No handshake is as good.
    with direct(pooler.port(), authority, ["postgresql"]) as tls:
        assert tls.selected_alpn_protocol() == "postgresql"


def test_direct_tls_where_there_is_no_tls(pg, start, authority, connect):
    pooler = start(configs.plain(pg))
    said = ssl.MemoryBIO()
    context = ssl.create_default_context(cafile=str(authority.cert))
    context.set_alpn_protocols(["postgresql"])
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), said,
                         server_hostname="localhost").do_handshake()
    with wire.Client(port=pooler.port()) as client:
        client.send(said.read())
        assert client.rest() == b""
    assert connect(pooler).value("select 1") == "1"


def test_inside_direct_tls_no_tls_is_asked_for(pg, start, authority):
    pooler = start(with_tls(pg, authority, "allow"))
    for ask in (wire.SSL_REQUEST, wire.GSSENC_REQUEST):
        with direct(pooler.port(), authority, ["postgresql"]) as tls:
            tls.sendall(ask)
            assert tls.recv(1) in (b"", b"E", b"N")


def test_ssl_inside_ssl_is_refused(pg, start, authority):
    pooler = start(with_tls(pg, authority, "allow"))
    with handshake(pooler.port(), authority) as tls:
        tls.sendall(wire.SSL_REQUEST)
        assert tls.recv(1) in (b"", b"E", b"N")


def test_queries_over_tls_of_any_size(pg, start, authority):
    import psycopg
    pooler = start(with_tls(pg, authority, "require"))
    for mode in ("transaction", "session"):
        with psycopg.connect(
                host="localhost", port=pooler.port(mode), user="app.acme",
                dbname="acme", password=postgres.PASSWORD, sslmode="verify-full",
                sslrootcert=str(authority.cert)) as db:
            db.prepare_threshold = None
            for size in (0, 1, 100, 8191, 8192, 8193, 16384, 100_000, 3_000_000):
                text = "t" * size
                assert db.execute("select %s || 'x'", (text,)).fetchone() \
                    == (text + "x",)
            with db.cursor().copy("copy (select generate_series(1, 200000)) "
                                  "to stdout") as copy:
                assert sum(1 for _ in copy.rows()) == 200_000


def test_a_new_certificate_is_served_after_sighup(pg, start, authority, tmp_path):
    config = with_tls(pg, authority, "allow")
    cert, key = tmp_path / "live.crt", tmp_path / "live.key"

    def serve(name: str) -> None:
        fresh_cert, fresh_key = authority.issue(name)
        key.write_bytes(fresh_key.read_bytes())
        cert.write_bytes(fresh_cert.read_bytes())

    serve("first")
    config["tls"]["client"] |= {"certificate": str(cert), "key": str(key)}
    pooler = start(config)
    with handshake(pooler.port(), authority) as old:
        assert serial(pooler.port(), authority) == "first"
        serve("second")
        pooler.reload()
        eventually(lambda: serial(pooler.port(), authority) == "second", "new one")
        # A broken one changes nothing and is complained about.
        cert.write_text("no certificate")
        pooler.reload()
        pooler.wait_log("(?i)certificate|pem|tls")
        assert serial(pooler.port(), authority) == "second"
        old.sendall(wire.startup("app.acme", "acme"))
        assert old.recv(1) == b"R"  # Connections that were open go on.


def test_a_half_open_handshake_holds_up_nobody(pg, start, authority):
    config = with_tls(pg, authority, "allow")
    config["cenote"]["client_login_timeout"] = "2s"
    pooler = start(config)
    stuck = [socket.create_connection(("127.0.0.1", pooler.port()), timeout=20)
             for _ in range(20)]
    for raw in stuck:
        raw.sendall(wire.SSL_REQUEST)
        assert raw.recv(1) == b"S"
        raw.sendall(b"\x16\x03\x01")
    assert psql(pooler.port(), "sslmode=require").stdout == "in\n"
    for raw in stuck:
        try:
            while raw.recv(4096):
                pass
        except ConnectionError:
            pass
        raw.close()


def test_an_old_tls_version_is_refused(pg, start, authority):
    pooler = start(with_tls(pg, authority, "require"))
    done = psql(pooler.port(), "sslmode=require", "ssl_min_protocol_version=TLSv1",
                "ssl_max_protocol_version=TLSv1.1")
    assert done.returncode != 0
    assert psql(pooler.port(), "sslmode=require").stdout == "in\n"


# -- to PostgreSQL

def is_encrypted(pooler) -> bool:
    with wire.Client(port=pooler.port()) as client:
        client.login("app.acme", "acme", postgres.PASSWORD)
        return client.value("select ssl from pg_stat_ssl "
                            "where pid = pg_backend_pid()") == "t"


@pytest.fixture(scope="module")
def plain_pg():
    server = postgres.Postgres(tls=False)
    yield server
    server.destroy()


@pytest.mark.parametrize("mode,host,encrypted", [
    ("disable", "127.0.0.1", False), ("prefer", "127.0.0.1", True),
    ("require", "127.0.0.1", True), ("verify-ca", "127.0.0.1", True),
    ("verify-full", "127.0.0.1", True), ("verify-full", "localhost", True)])
def test_server_modes(pg, start, mode, host, encrypted):
    more = {"tls": mode, "host": host}
    if mode.startswith("verify"):
        more["tls_ca"] = str(pg.authority.cert)
    assert is_encrypted(start(configs.plain(pg, **more))) == encrypted


@pytest.mark.parametrize("mode,gets_in", [
    ("disable", True), ("prefer", True), ("require", False)])
def test_server_without_tls(plain_pg, start, mode, gets_in):
    pooler = start(configs.plain(plain_pg, tls=mode))
    if gets_in:
        assert not is_encrypted(pooler)
        return
    with pytest.raises(wire.ServerError) as caught:
        is_encrypted(pooler)
    assert caught.value.sqlstate == "08006"


@pytest.mark.parametrize("mode", ["verify-ca", "verify-full"])
def test_server_with_a_strangers_certificate(pg, start, tmp_path, mode):
    stranger = certs.Authority(tmp_path, "stranger")
    pooler = start(configs.plain(pg, tls=mode, tls_ca=str(stranger.cert)))
    with pytest.raises(wire.ServerError) as caught:
        is_encrypted(pooler)
    assert caught.value.sqlstate == "08006"


def test_server_with_a_certificate_for_another_name(start):
    server = postgres.Postgres()
    try:
        cert, key = server.authority.issue("elsewhere", "DNS:elsewhere.example.com")
        server.cert.write_bytes(cert.read_bytes())
        server.key.write_bytes(key.read_bytes())
        server.restart()
        more = {"host": "localhost", "tls_ca": str(server.authority.cert)}
        assert is_encrypted(start(configs.plain(server, tls="verify-ca", **more)))
        pooler = start(configs.plain(server, tls="verify-full", **more))
        with pytest.raises(wire.ServerError) as caught:
            is_encrypted(pooler)
        assert caught.value.sqlstate == "08006"
    finally:
        server.destroy()


def test_cancel_over_tls_on_both_sides(pg, start, authority):
    import threading

    import psycopg
    config = with_tls(pg, authority, "require")
    config["tenant"][0]["database"][0]["tls"] = "require"
    pooler = start(config)
    with psycopg.connect(host="localhost", port=pooler.port(), user="app.acme",
                         dbname="acme", password=postgres.PASSWORD,
                         sslmode="require") as db:
        timer = threading.Timer(0.5, db.cancel)
        timer.start()
        with pytest.raises(psycopg.errors.QueryCanceled):
            db.execute("select pg_sleep(30)")
        timer.join()


def test_a_cancel_is_as_secret_as_its_connection(start, connect):
    """A server that is reached over TLS alone; what passes on the way to it is
    looked at."""
    server = postgres.Postgres()
    try:
        server.write_hba(["local all postgres trust",
                          "hostssl all app 127.0.0.1/32 scram-sha-256"])
        server.reload()
        with pytest.raises(wire.ServerError):
            wire.Client(port=server.port).login("app", "acme", postgres.PASSWORD)
        with tcp_gate.TcpGate(server.port) as gate:
            pooler = start(configs.plain(server, tls="verify-full", host="localhost",
                                         port=gate.port,
                                         tls_ca=str(server.authority.cert)))
            for protocol in (wire.PROTOCOL_3, wire.PROTOCOL_3_2):
                client = connect(pooler, protocol=protocol)
                client.send(wire.query("select pg_sleep(30)"))
                eventually(lambda: server.query(
                    "select 1 from pg_stat_activity join pg_stat_ssl using (pid) "
                    "where ssl and state = 'active' and query = "
                    "'select pg_sleep(30)'"), "the query runs, over TLS")
                with wire.Client(port=pooler.port()) as other:
                    other.send(wire.cancel_request(client.pid, client.key))
                    assert other.rest() == b""
                with pytest.raises(wire.ServerError) as caught:
                    client.recv_error()
                assert caught.value.sqlstate == "57014"
            # The server's login and two cancels; one that came before PostgreSQL
            # had begun the query is repeated.
            assert len(gate.said) >= 3
            assert all(said.startswith(wire.SSL_REQUEST) for said in gate.said)
            code = wire.cancel_request(0, b"")[4:8]
            assert not any(code in said for said in gate.said)
    finally:
        server.destroy()


def test_broken_tls_settings_are_errors_of_the_file(pg, authority, tmp_path):
    config = with_tls(pg, authority, "require")
    config["tls"]["client"]["certificate"] = str(tmp_path / "missing.crt")
    pooler = process.Cenote(config, folder=tmp_path / "run")
    done = subprocess.run([process.binary(), str(pooler.file)], text=True,
                          capture_output=True, env={**os.environ}, timeout=60)
    assert done.returncode == 1
    assert "cenote.toml:" in done.stderr and "certificate" in done.stderr
