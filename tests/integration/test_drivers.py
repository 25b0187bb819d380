"""Real drivers, unchanged, in transaction and in session mode. What each does in
full, compared with PostgreSQL, is in test_matrix_*.py."""

import os
import pathlib
import shutil
import subprocess

import pytest
from support import pgbouncer, postgres

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
MODES = ["transaction", "session"]
JDBC_JAR = "/usr/share/java/postgresql.jar"


def run(*command, env=None, text=None, expect: int = 0) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True,
                          text=True, env={**os.environ, **(env or {})}, input=text,
                          timeout=120)
    assert done.returncode == expect, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout + done.stderr


def libpq(pooler, mode: str, **more) -> dict:
    return {"PGHOST": "127.0.0.1", "PGPORT": str(pooler.port(mode)),
            "PGUSER": pgbouncer.user_name("app.acme"), "PGPASSWORD": postgres.PASSWORD,
            "PGDATABASE": "acme", "PGCONNECT_TIMEOUT": "20"} | more


@pytest.mark.parametrize("mode", MODES)
def test_psql(shared, mode):
    script = """
        \\set ON_ERROR_STOP on
        \\conninfo
        create table if not exists psql_t (id int, word text);
        truncate psql_t;
        \\copy psql_t from stdin
1\tone
2\ttwo
\\.
        select word from psql_t order by id;
        \\copy psql_t to stdout
        begin; insert into psql_t values (3, 'three'); rollback;
        select count(*) from psql_t \\gset n_
        \\echo rows :n_count
        \\d psql_t
        select 1 \\; select 2 \\; select 'three statements';
        drop table psql_t;
    """
    said = run("psql", "-X", "-f", "-", env=libpq(shared, mode), text=script)
    for words in ("rows 2", "one", "three statements", "DROP TABLE"):
        assert words in said


@pytest.mark.parametrize("mode", MODES)
def test_psql_shows_errors_and_stops(shared, mode):
    said = run("psql", "-X", "-v", "ON_ERROR_STOP=1", "-c", "select 1/0",
               env=libpq(shared, mode), expect=1)
    assert "division by zero" in said


@pytest.fixture(scope="module")
def pgbench_tables(pg):
    env = {"PGPASSWORD": postgres.PASSWORD}
    run(pg.bin / "pgbench", "-i", "-q", "-s", "1", "-h", "127.0.0.1", "-p", pg.port,
        "-U", "app", "acme", env=env)


def bench(pg, pooler, mode: str, *options) -> str:
    said = run(pg.bin / "pgbench", "-n", *options, env=libpq(pooler, mode))
    assert "number of failed transactions: 0" in said, said
    return said


@pytest.mark.parametrize("mode,protocol", [
    ("transaction", "simple"), ("transaction", "extended"),
    ("transaction", "prepared"),
    ("session", "simple"), ("session", "extended"), ("session", "prepared")])
def test_pgbench(pg, shared, pgbench_tables, mode, protocol):
    # In session mode there are no more clients than servers.
    for kind in ("-S", "-N", "-b"):
        # pgbench prepares inside a transaction and lets its other clients wait for
        # that, who hold servers: it needs one for each of them.
        few = mode == "session" or (protocol == "prepared" and kind != "-S")
        clients = 5 if few else 16
        more = ["tpcb-like"] if kind == "-b" else []
        said = bench(pg, shared, mode, "-M", protocol, kind, *more, "-c", clients,
                     "-j", 2, "-t", 40)
        assert f"actually processed: {clients * 40}" in said


@pytest.mark.parametrize("mode,protocol", [
    ("transaction", "extended"), ("transaction", "prepared"), ("session", "extended"),
    ("session", "prepared")])
def test_pgbench_pipelines(pg, shared, pgbench_tables, tmp_path, mode, protocol):
    script = tmp_path / "pipeline.sql"
    script.write_text(
        "\\set aid random(1, 100000)\n\\startpipeline\n"
        + "select abalance from pgbench_accounts where aid = :aid;\n" * 8
        + "begin;\nupdate pgbench_accounts set abalance = abalance + 1 "
          "where aid = :aid;\nend;\n\\endpipeline\n")
    bench(pg, shared, mode, "-M", protocol, "-f", script, "-c", 5, "-j", 2, "-t", 40)


@pytest.mark.parametrize("mode", MODES)
def test_pgbench_connecting_each_time(pg, shared, pgbench_tables, mode):
    bench(pg, shared, mode, "-S", "-C", "-c", 4, "-j", 2, "-t", 15)


@pytest.mark.parametrize("mode,threshold", [
    ("transaction", 0), ("transaction", 3), ("session", 0), ("session", 3)])
def test_jdbc(shared, mode, threshold):
    if shutil.which("java") is None or not os.path.exists(JDBC_JAR):
        pytest.skip("no java or no libpostgresql-jdbc-java: tools/install-packages")
    env = libpq(shared, mode)
    said = run("java", "-cp", JDBC_JAR, HERE / "drivers/Jdbc.java",
               f"jdbc:postgresql://127.0.0.1:{env['PGPORT']}/acme", env["PGUSER"],
               postgres.PASSWORD, threshold)
    assert "ok cancel" in said


@pytest.mark.parametrize("mode,prepare", [
    ("transaction", 0), ("transaction", 1), ("session", 0), ("session", 1)])
def test_dbd_pg(shared, mode, prepare):
    env = libpq(shared, mode)
    said = run("perl", HERE / "drivers/dbd_pg.pl", env["PGPORT"], env["PGUSER"],
               postgres.PASSWORD, "acme", prepare)
    assert "ok after an error" in said


@pytest.fixture(scope="module")
def node_modules():
    """Where `require("pg")` finds it: npm's in the build tree or Debian's."""
    if shutil.which("node") is None:
        pytest.skip("no node: tools/install-packages --test")
    if os.path.isdir("/usr/share/nodejs/pg"):
        return "/usr/share/nodejs"
    folder = ROOT / "build/node"
    if not (folder / "node_modules/pg").is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        run("npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix",
            folder, "pg@8")
    return str(folder / "node_modules")


@pytest.mark.parametrize("mode,named", [
    ("transaction", "unnamed"), ("transaction", "named"), ("session", "unnamed"),
    ("session", "named")])
def test_node_pg(shared, node_modules, mode, named):
    env = libpq(shared, mode, NODE_PATH=node_modules)
    said = run("node", HERE / "drivers/node_pg.js", env["PGPORT"], env["PGUSER"],
               postgres.PASSWORD, "acme", named, env=env)
    assert "ok pool" in said
