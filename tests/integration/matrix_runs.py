"""Runs a program of the driver matrix directly and through the pooler, compares
what it printed feature by feature, and keeps a record for docs/compatibility.md."""

import dataclasses
import json
import os
import pathlib
import subprocess
import sys
import time

from support import certs, configs, pgbouncer, postgres

HERE = pathlib.Path(__file__).resolve().parent
DRIVERS = HERE / "drivers"
RECORDS = HERE.parents[1] / "build/compatibility"
# (mode, workers): alone, and eight at once over two servers.
WAYS = [("transaction", 1), ("transaction", 8), ("session", 1), ("session", 8)]
ONLY_ALONE = "only alone"  # What a program says of a feature it leaves out.
NAMES = [f"{mode}-{workers}" for mode, workers in WAYS]


@dataclasses.dataclass
class Program:
    driver: str
    command: list  # Before PORT USER PASSWORD DATABASE WORKERS VARIANT.
    version: str
    variant: str = "default"
    env: dict = dataclasses.field(default_factory=dict)


def configuration(pg) -> dict:
    """Two servers in transaction mode; one per worker in session mode, where
    PostgreSQL too would have that many."""
    config = configs.plain(pg)
    config["tenant"][0]["database"] = [
        configs.database(pg, "acme", pool_size=2),
        configs.database(pg, "acme_session", dbname="acme", pool_size=10)]
    return config


def run(program: Program, port: int, user: str, database: str, workers: int) -> dict:
    """{worker: {feature: result}}"""
    command = [*program.command, port, user, postgres.PASSWORD, database, workers,
               program.variant]
    done = subprocess.run([str(part) for part in command], capture_output=True,
                          text=True, timeout=150, env={**os.environ, **program.env})
    assert done.returncode == 0, (done.stdout[-2000:] + done.stderr[-4000:])
    got = {}
    for line in done.stdout.splitlines():
        worker, feature, result = line.split("\t", 2)
        got.setdefault(int(worker), {})[feature] = result
    assert len(got) == workers, done.stdout[-2000:] + done.stderr[-2000:]
    return got


_expected = {}


def expected(pg, program: Program) -> dict:
    """What PostgreSQL itself says."""
    key = (program.driver, program.variant)
    if key not in _expected:
        _expected[key] = run(program, pg.port, "app", "acme", 1)[0]
    return _expected[key]


def tls_configuration(pg, folder) -> dict:
    """Who does not speak TLS is refused."""
    cert, key = certs.Authority(folder).issue("server")
    return configuration(pg) | {"tls": {"client": {
        "mode": "require", "certificate": str(cert), "key": str(key)}}}


def over_tls(program: Program) -> Program:
    """JDBC takes it from its variant."""
    tls = {"variant": "sslmode=require"} if program.driver == "JDBC" else {}
    return dataclasses.replace(program, driver=f"{program.driver} over TLS",
                               env=program.env | {"PGSSLMODE": "require"}, **tls)


def compare_over_tls(pg, pooler, program: Program) -> None:
    """PostgreSQL is asked without TLS: the rest must be the same."""
    tls = over_tls(program)
    _expected[(tls.driver, tls.variant)] = expected(pg, program)
    compare(pg, pooler, tls, "transaction", 8)


def compare(pg, pooler, program: Program, mode: str, workers: int) -> None:
    wanted = expected(pg, program)
    assert wanted["connection"] == "good", wanted
    database = "acme" if mode == "transaction" or pgbouncer.stand_in() \
        else "acme_session"
    began = time.monotonic()
    got = run(program, pooler.port(mode), pgbouncer.user_name("app.acme"), database,
              workers)
    wrong = {feature: [(worker, results.get(feature, "(nothing)"))
                       for worker, results in sorted(got.items())
                       if results.get(feature) not in (result, ONLY_ALONE)]
             for feature, result in wanted.items()}
    wrong = {feature: what for feature, what in wrong.items() if what}
    record(program, mode, workers, list(wanted), list(wrong),
           time.monotonic() - began)
    assert not wrong, "\n".join(
        f"{feature}: PostgreSQL says {wanted[feature]!r},\n  through the pooler "
        + "; ".join(f"worker {worker}: {result!r}" for worker, result in what[:2])
        for feature, what in wrong.items())


def record(program: Program, mode: str, workers: int, features: list, wrong: list,
           seconds: float) -> None:
    RECORDS.mkdir(parents=True, exist_ok=True)
    name = f"{program.driver}-{program.variant}-{mode}-{workers}".replace(" ", "_")
    (RECORDS / f"{name}.json").write_text(json.dumps(
        {"driver": program.driver, "version": program.version,
         "variant": program.variant, "mode": mode, "workers": workers,
         "features": features, "wrong": wrong, "seconds": round(seconds, 1)}))


def python(script: str, driver: str, version: str, variant: str = "default",
           **env) -> Program:
    return Program(driver, [sys.executable, DRIVERS / script], version, variant, env)
