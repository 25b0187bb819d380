"""Which engine moves the bytes: what is asked for, or no start and the reason."""

import pathlib
import subprocess
import sys
import urllib.request

import pytest
from support import configs, forbid, ports, process, toml

WITHOUT_IO_URING = [sys.executable, pathlib.Path(forbid.__file__),
                    str(forbid.IO_URING_SETUP)]


def config(pg, engine: str) -> dict:
    made = configs.plain(pg)
    made["cenote"]["engine"] = engine
    made["admin"]["http"] = f"127.0.0.1:{ports.free_port()}"
    return made


def metrics(pooler) -> str:
    where = f"http://{pooler.config['admin']['http']}/metrics"
    with urllib.request.urlopen(where, timeout=20) as answer:
        return answer.read().decode()


def works(connect, pooler) -> None:
    for mode in ("transaction", "session"):
        assert connect(pooler, mode).query("select 40 + 2")[1] == [["42"]]


@pytest.mark.parametrize("engine", ["io_uring", "epoll"])
def test_the_engine_that_is_asked_for_is_used(pg, start, connect, engine):
    if engine == "io_uring" and not forbid.allows_io_uring():
        pytest.skip("this system forbids io_uring")
    pooler = start(config(pg, engine))
    pooler.wait_log(f"ready.*engine={engine}")
    works(connect, pooler)
    assert f'engine="{engine}"}} 1' in metrics(pooler)


@pytest.mark.parametrize("before", [[], WITHOUT_IO_URING],
                         ids=["allowed", "forbidden"])
def test_auto_is_epoll_whatever_the_system_allows(pg, start, connect, before):
    pooler = start(config(pg, "auto"), before=before)
    pooler.wait_log("ready.*engine=epoll")
    works(connect, pooler)
    assert 'engine="epoll"} 1' in metrics(pooler)


def test_io_uring_that_is_refused_is_an_error(pg, tmp_path):
    file = tmp_path / "cenote.toml"
    file.write_text(toml.dumps(config(pg, "io_uring")))
    done = subprocess.run(
        [*map(str, WITHOUT_IO_URING), process.binary(), str(file)], text=True,
        capture_output=True, timeout=60)
    assert done.returncode == 1
    assert "engine_unavailable" in done.stderr
    assert "io_uring_setup: Operation not permitted" in done.stderr
    assert "ready" not in done.stderr
