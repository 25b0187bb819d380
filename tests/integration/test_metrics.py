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
