"""Which engine moves the bytes: what is asked for, or epoll and the reason."""

import pathlib
import sys

import pytest
from support import configs, forbid, ports


def without(*calls: int) -> list:
    return [sys.executable, pathlib.Path(forbid.__file__),
            ",".join(str(call) for call in calls)]


def config(pg, engine: str) -> dict:
    made = configs.plain(pg)
    made["cenote"]["engine"] = engine
    made["admin"]["http"] = f"127.0.0.1:{ports.free_port()}"
    return made


def works(connect, pooler) -> None:
    for mode in ("transaction", "session"):
        assert connect(pooler, mode).query("select 40 + 2")[1] == [["42"]]


@pytest.mark.parametrize("engine", ["io_uring", "epoll"])
def test_the_engine_that_is_asked_for_is_used(pg, start, connect, engine):
    if engine == "io_uring" and not forbid.allows_io_uring():
        pytest.skip("this system has no io_uring, forbids it, or has that of a "
                    "kernel before 6.1")
    pooler = start(config(pg, engine))
    pooler.wait_log(f"ready.*engine={engine}")
    works(connect, pooler)
    seen = pooler.metrics()
    assert f'engine="{engine}"}} 1' in seen
    assert 'cenote_engine_refused{engine="io_uring"} 0' in seen


def test_auto_is_io_uring_where_it_works(pg, start, connect):
    if not forbid.allows_io_uring():
        pytest.skip("this system has no io_uring, forbids it, or has that of a "
                    "kernel before 6.1")
    pooler = start(config(pg, "auto"))
    pooler.wait_log("ready.*engine=io_uring")
    works(connect, pooler)
    assert 'engine="io_uring"} 1' in pooler.metrics()


def test_auto_is_epoll_where_it_does_not(pg, start, connect):
    pooler = start(config(pg, "auto"), before=without(forbid.IO_URING_SETUP))
    pooler.wait_log("INFO .*io_uring is refused: epoll instead.*io_uring_setup")
    pooler.wait_log("ready.*engine=epoll")
    works(connect, pooler)
    seen = pooler.metrics()
    assert 'engine="epoll"} 1' in seen
    assert 'cenote_engine_refused{engine="io_uring"} 1' in seen


@pytest.mark.parametrize("call", ["setup", "enter", "register"])
def test_where_io_uring_is_refused_it_is_epoll_and_said(pg, start, connect, call):
    if call != "setup" and not forbid.allows_io_uring():
        pytest.skip("this system has no io_uring, forbids it, or has that of a "
                    "kernel before 6.1: there is no second call to refuse")
    number = getattr(forbid, f"IO_URING_{call.upper()}")
    pooler = start(config(pg, "io_uring"), before=without(number))
    pooler.wait_log("WARN .*io_uring is refused: epoll instead.*"
                    f"code=engine_unavailable.*io_uring_{call}.*not permitted")
    pooler.wait_log("ready.*engine=epoll")
    works(connect, pooler)
    seen = pooler.metrics()
    assert 'engine="epoll"} 1' in seen
    assert 'cenote_engine_refused{engine="io_uring"} 1' in seen


@pytest.mark.skipif(forbid.IO_SETUP is None, reason="the number of io_setup is not "
                    "known here for this architecture")
@pytest.mark.parametrize("engine", ["auto", "epoll"])
def test_where_nothing_new_is_allowed_epoll_sends_one_by_one_and_says_so(
        pg, start, connect, engine):
    pooler = start(config(pg, engine),
                   before=without(forbid.IO_URING_SETUP, forbid.IO_SETUP))
    pooler.wait_log("INFO .*io_submit is refused: one send at a time.*"
                    "code=engine_unavailable.*io_setup.*not permitted")
    pooler.wait_log("ready.*engine=epoll")
    works(connect, pooler)
    assert 'cenote_engine_refused{engine="io_submit"} 1' in pooler.metrics()
