"""What operators and their tools read: log, /metrics and the console, of names
and failures as they come."""

import contextlib
import json

import psycopg2
import pytest
from support import configs, ports, postgres, wire


def scraped(pg, log_format: str = "text", **database_options) -> dict:
    config = configs.plain(pg, **database_options)
    config["cenote"]["log"]["format"] = log_format
    config["admin"]["http"] = f"127.0.0.1:{ports.free_port()}"
    return config


def series(pooler) -> dict:
    """Every time series with its value; none may be there twice."""
    pooler.wait_log("serving HTTP")
    found = {}
    for line in pooler.metrics().splitlines():
        if line.startswith("#"):
            continue
        name, value = line.rsplit(" ", 1)
        assert name not in found, name
        found[name] = float(value)
    return found


def fails(pooler, user, database) -> None:
    with wire.Client(port=pooler.port()) as client:
        with pytest.raises(wire.ServerError):
            client.login(user, database, postgres.PASSWORD)


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_names_that_are_not_utf8_are_shown_apart_and_as_utf8(pg, start, log_format):
    pooler = start(scraped(pg, log_format))
    names = {b"x\xff": "x\ufffdff", b"x\xfe": "x\ufffdfe", b"x\\xff": "x\\xff",
             "x\ufffdff".encode(): "x\ufffdef\ufffdbf\ufffdbdff"}
    for name in names:
        fails(pooler, "app.acme", name)
    fails(pooler, b"who\xff\n.acme", "acme")
    shown = {name for name in series(pooler) if 'database="x' in name}
    for name in names.values():
        label = name.replace("\\", "\\\\")
        assert any(f'database="{label}"' in each for each in shown)
    with contextlib.closing(psycopg2.connect(
            host="127.0.0.1", port=pooler.port(), dbname="pgbouncer", user="admin",
            password="admin-pw")) as admin:
        admin.autocommit = True
        for what in ("pools", "databases"):
            cursor = admin.cursor()
            cursor.execute(f"show {what}")
            assert {row[0] for row in cursor.fetchall()} >= set(names.values())
        with pytest.raises(psycopg2.Error):
            cursor.execute(b"pause nowhere\xff")
    lines = pooler.log.read_bytes().decode().splitlines()  # Strictly.
    assert any("who\ufffdff\\n" in line for line in lines)
    if log_format == "json":
        users = [json.loads(line).get("user", "") for line in lines]
        assert any("who\ufffdff\n" in user for user in users)


def waits(client, other) -> None:
    other.query("begin")
    client.send(wire.query("select 1"))


def stands_still(client, other) -> None:
    client.query("begin")


def sleeps(client, other) -> None:
    client.send(wire.query("select pg_sleep(20)"))


def talks_nonsense(client, other) -> None:
    client.send(wire.message("~"))


def loses_its_server(client, other) -> None:
    client.query("begin")
    client.send(wire.query("select pg_terminate_backend(pg_backend_pid())"))


def is_killed(client, other) -> None:
    with wire.Client(port=client.socket.getpeername()[1]) as admin:
        admin.login("admin", "pgbouncer", "admin-pw")
        names, rows = admin.query("show clients")
        for each in (dict(zip(names, row)) for row in rows):
            if each["port"] == str(client.socket.getsockname()[1]):
                admin.query(f"kill_client {each['id']}")


ENDS = {
    "query_wait_timeout": (waits, {"query_wait_timeout": "300ms"}),
    "idle_transaction_timeout": (stands_still, {"idle_transaction_timeout": "300ms"}),
    "transaction_timeout": (stands_still, {"transaction_timeout": "300ms"}),
    "client_idle_timeout": (lambda *_: None, {"client_idle_timeout": "300ms"}),
    "query_timeout": (sleeps, {"query_timeout": "300ms"}),
    "protocol_violation": (talks_nonsense, {}),
    "server_lost": (loses_its_server, {}),
    "killed_by_admin": (is_killed, {}),
}


@pytest.mark.parametrize("code", ENDS)
def test_the_end_of_a_client_is_one_line_and_one_count(pg, start, connect, code):
    end, options = ENDS[code]
    pooler = start(scraped(pg, pool_size=1, **options))
    name = f'cenote_clients_ended_total{{code="{code}"}}'
    assert name not in series(pooler)
    client = connect(pooler)
    other = connect(pooler) if code == "query_wait_timeout" else None
    end(client, other)
    client.recv_all()
    assert series(pooler)[name] == 1
    lines = [line for line in pooler.text().splitlines() if "client ended" in line]
    assert len(lines) == 1 and f"code={code} " in lines[0]


def test_a_failed_login_to_a_server_is_one_line_and_one_count(pg, start):
    pooler = start(scraped(pg))
    fails(pooler, "app.acme", "nowhere")
    assert series(pooler)[
        'cenote_servers_failed_total{code="server_login_rejected"}'] == 1
    lines = [line for line in pooler.text().splitlines() if " WARN " in line]
    assert len(lines) == 1
    for word in ("login to a server failed", "code=server_login_rejected",
                 "pool=acme/app/nowhere/transaction", f"port={pg.port}",
                 'nowhere\\" does not exist'):
        assert word in lines[0]


def test_reloads_are_counted_as_they_end(pg, start):
    pooler = start(scraped(pg))
    pooler.reload(pooler.config)
    pooler.wait_log("configuration reloaded")
    seen = series(pooler)
    assert seen["cenote_reloads_total"] >= 1
    assert not any("reloads_failed" in name for name in seen)
    good = pooler.file.read_text()
    pooler.file.write_text("nonsense = 1\n")
    with pytest.raises(wire.ServerError):
        pooler.console("reload")
    assert series(pooler)[
        'cenote_reloads_failed_total{code="config_missing_key"}'] >= 1
    pooler.wait_log("ERROR reload failed, .*code=config_missing_key")
    pooler.file.write_text(good)
