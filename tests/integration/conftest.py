"""Fixtures of the integration tests: one private PostgreSQL per session, poolers
as each test wants them. CENOTE_BIN names the program under test."""

import os
import pathlib
import shutil
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import configs, forbid, pgbouncer, postgres, process, wire  # noqa: E402

Pooler = pgbouncer.stand_in() or process.Cenote


def pytest_sessionstart():
    if (os.environ.get("CENOTE_TEST_ENGINE") == "io_uring"
            and not forbid.allows_io_uring()):
        pytest.exit("skipped: this system has no io_uring, forbids it, or has "
                    "that of a kernel before 6.1", 77)


@pytest.fixture(scope="session")
def pg():
    server = postgres.Postgres()
    yield server
    server.destroy()


@pytest.fixture(scope="module")
def own_pg():
    """For tests that stop or break it."""
    server = postgres.Postgres()
    yield server
    server.destroy()


def _runner():
    running, folders = [], []

    def start(config: dict, env: dict = None, **options):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="cenote-run-"))
        folders.append(folder)
        pooler = Pooler(config, env, folder, **options)
        running.append(pooler)
        pooler.start()
        # Or the tests of one engine would be tests of the other.
        if not options and os.environ.get("CENOTE_TEST_ENGINE") == "io_uring":
            assert "io_uring is refused" not in pooler.text()
        return pooler

    yield start
    try:
        for pooler in running:
            if len(pooler.text()) > 0:
                print(f"--- the pooler's log ends ---\n{pooler.text()[-4000:]}")
            pooler.stop()
    finally:
        for pooler in running:
            pooler.kill()
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def start():
    """Starts poolers for one test; afterwards each must end well on SIGTERM."""
    yield from _runner()


@pytest.fixture(scope="module")
def shared(pg):
    """One pooler for all tests of a file that change nothing about it."""
    runner = _runner()
    yield next(runner)(configs.plain(pg))
    next(runner, None)


@pytest.fixture(scope="module")
def module_start():
    """As `start`, for what a whole file shares."""
    yield from _runner()


@pytest.fixture
def connect():
    """Logs raw clients in: connect(pooler, mode, …) -> wire.Client."""
    clients = []

    def go(pooler, mode: str = "transaction", user: str = "app.acme",
           database: str = "acme", password: str = postgres.PASSWORD, **parameters):
        client = wire.Client(port=pooler.port(mode))
        clients.append(client)
        client.login(pgbouncer.user_name(user), database, password, **parameters)
        return client

    yield go
    for client in clients:
        client.close()


def pytest_make_parametrize_id(config, val, argname):
    """Long or binary parameters do not belong into names."""
    if isinstance(val, (bytes, str)) and (len(val) > 30 or isinstance(val, bytes)
                                          or not val.isprintable()):
        return f"{argname}={val[:24]!r}({len(val)})"
    return None
