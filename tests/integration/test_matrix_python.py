"""Python's drivers and ORMs: what they do with their own defaults gives through
the pooler what it gives at PostgreSQL, alone and eight at once over two servers."""

import importlib
import importlib.util

import matrix_runs
import pytest
from matrix_runs import python


def version(module: str) -> str:
    return getattr(importlib.import_module(module), "__version__").split()[0]


PROGRAMS = {
    "psycopg3": ("psycopg3.py", "psycopg", "default"),
    "psycopg3-always": ("psycopg3.py", "psycopg", "0"),
    "psycopg3-second": ("psycopg3.py", "psycopg", "1"),
    "psycopg2": ("psycopg2_.py", "psycopg2", "default"),
    "asyncpg": ("asyncpg_.py", "asyncpg", "default"),
    "sqlalchemy-psycopg2": ("sqlalchemy_.py", "sqlalchemy", "psycopg2"),
    "sqlalchemy-asyncpg": ("sqlalchemy_.py", "sqlalchemy", "asyncpg"),
    "django": ("django_.py", "django", "default"),
}


@pytest.fixture(scope="module")
def pooler(pg, module_start):
    yield module_start(matrix_runs.configuration(pg))


@pytest.fixture(scope="module")
def tls_pooler(pg, module_start, tmp_path_factory):
    yield module_start(matrix_runs.tls_configuration(pg, tmp_path_factory.mktemp("tls")))


def program(name: str) -> matrix_runs.Program:
    script, module, variant = PROGRAMS[name]
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"no Python module {module}: tools/install-packages --test")
    return python(script, name.split("-")[0], version(module), variant)


@pytest.mark.parametrize("name", ["psycopg3", "asyncpg"])
def test_python_over_tls(pg, tls_pooler, name):
    matrix_runs.compare_over_tls(pg, tls_pooler, program(name))


@pytest.mark.parametrize("mode,workers", matrix_runs.WAYS, ids=matrix_runs.NAMES)
@pytest.mark.parametrize("name", PROGRAMS)
def test_python(pg, pooler, name, mode, workers):
    matrix_runs.compare(pg, pooler, program(name), mode, workers)
