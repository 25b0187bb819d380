"""JDBC, node's drivers and query builders, DBD::Pg, pgx and libpq's pipeline: what
they do with their own defaults gives through the pooler what it gives at
PostgreSQL, alone and eight at once over two servers."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import zipfile

import matrix_runs
import pytest
from matrix_runs import DRIVERS, Program

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
JDBC_JAR = "/usr/share/java/postgresql.jar"
NODE_PACKAGES = ["pg@8.23.1", "postgres@3.4.9", "knex@3.3.0", "kysely@0.27.6"]
PGX_VARIANTS = ["default", "cache_describe", "exec"]


@pytest.fixture(scope="module")
def pooler(pg, module_start):
    yield module_start(matrix_runs.configuration(pg))


def command(*words, **options) -> subprocess.CompletedProcess:
    return subprocess.run([str(word) for word in words], capture_output=True, text=True,
                          timeout=500, **options)


def made(*words, why: str, **options) -> str:
    """Runs a step of the preparation; a failure skips and says why."""
    if shutil.which(str(words[0])) is None:
        pytest.skip(f"{why}: no {words[0]}: tools/install-packages --test")
    done = command(*words, **options)
    if done.returncode != 0:
        pytest.skip(f"{why}: {' '.join(map(str, words))}: {done.stderr[-500:]}")
    return done.stdout


_programs = {}


def once(make):
    """Preparing a program takes longer than running it."""
    def get(*args):
        key = (make.__name__, *args)
        if key not in _programs:
            _programs[key] = make(*args)
        return _programs[key]
    return get


@once
def jdbc(variant: str) -> Program:
    if not os.path.exists(JDBC_JAR):
        pytest.skip("no libpostgresql-jdbc-java: tools/install-packages --test")
    folder = BUILD / "jdbc"
    folder.mkdir(parents=True, exist_ok=True)
    made("javac", "-cp", JDBC_JAR, "-d", folder, DRIVERS / "Matrix.java", why="JDBC")
    with zipfile.ZipFile(JDBC_JAR) as jar:
        about = jar.read("META-INF/MANIFEST.MF").decode()
    version = re.search(r"Implementation-Version: (\S+)", about)[1]
    return Program("JDBC", ["java", "-XX:TieredStopAtLevel=1", "-cp",
                            f"{JDBC_JAR}:{folder}", "Matrix"], version, variant)


@once
def node_modules() -> pathlib.Path:
    folder = BUILD / "node-matrix"
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "node_modules/kysely").is_dir():
        made("npm", "install", "--silent", "--no-audit", "--no-fund",
             "--fetch-retries=1", "--fetch-timeout=30000", "--prefix", folder,
             *NODE_PACKAGES, why="node's drivers")
    return folder / "node_modules"


@once
def node(package: str) -> Program:
    modules = node_modules()
    about = json.loads((modules / package / "package.json").read_text())
    return Program({"pg": "node pg", "postgres": "postgres.js"}.get(package, package),
                   ["node", DRIVERS / "node_matrix.js"], about["version"], package,
                   {"NODE_PATH": str(modules), "NODE_NO_WARNINGS": "1"})


@once
def dbd(variant: str) -> Program:
    version = made("perl", "-MDBD::Pg", "-e", "print $DBD::Pg::VERSION", why="DBD::Pg")
    return Program("DBD::Pg", ["perl", DRIVERS / "dbd_pg_matrix.pl"], version, variant)


@once
def pgx(variant: str) -> Program:
    binary = BUILD / "pgx-matrix"
    made("go", "build", "-o", binary, ".", why="pgx", cwd=DRIVERS / "pgx")
    version = [line.split()[-1] for line in (DRIVERS / "pgx/go.mod").read_text()
               .splitlines() if "jackc/pgx" in line][0]
    return Program("pgx", [binary], version.lstrip("v"), variant)


@once
def libpq() -> Program:
    flags = made("pkg-config", "--cflags", "--libs", "libpq", why="libpq").split()
    binary = BUILD / "libpq-matrix"
    made("cc", "-o", binary, DRIVERS / "libpq_pipeline.c", *flags, why="libpq")
    version = made("pkg-config", "--modversion", "libpq", why="libpq").strip()
    return Program("libpq pipeline", [binary], version)


PROGRAMS = {
    "jdbc": lambda: jdbc("default"),
    "jdbc-first": lambda: jdbc("prepareThreshold=1"),
    "jdbc-autosave": lambda: jdbc("autosave=always,prepareThreshold=1"),
    "node-pg": lambda: node("pg"),
    "postgres.js": lambda: node("postgres"),
    "knex": lambda: node("knex"),
    "kysely": lambda: node("kysely"),
    "dbd-pg": lambda: dbd("default"),
    "libpq": libpq,
} | {f"pgx-{variant}": lambda variant=variant: pgx(variant) for variant in PGX_VARIANTS}


@pytest.fixture(scope="module")
def tls_pooler(pg, module_start, tmp_path_factory):
    yield module_start(matrix_runs.tls_configuration(pg, tmp_path_factory.mktemp("tls")))


@pytest.mark.parametrize("name", ["jdbc", "node-pg", "postgres.js", "dbd-pg", "libpq",
                                  "pgx-default"])
def test_driver_over_tls(pg, tls_pooler, name):
    """Their TLS is Java's, node's, OpenSSL's and Go's."""
    matrix_runs.compare_over_tls(pg, tls_pooler, PROGRAMS[name]())


@pytest.mark.parametrize("mode,workers", matrix_runs.WAYS, ids=matrix_runs.NAMES)
@pytest.mark.parametrize("name", PROGRAMS)
def test_driver(pg, pooler, name, mode, workers):
    matrix_runs.compare(pg, pooler, PROGRAMS[name](), mode, workers)
