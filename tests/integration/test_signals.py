"""SIGTERM, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2 as an operator of PgBouncer knows
them."""

import signal
import sys

import pytest
from support import configs, postgres, wire
from support.ports import accepts, eventually


def refuses(pooler) -> bool:
    """New clients are not served any more: no listener, or a FATAL."""
    if not accepts(pooler.port()):
        return True
    try:
        with wire.Client(port=pooler.port()) as client:
            client.login("app.acme", "acme", postgres.PASSWORD)
            return False
    except (wire.ServerError, wire.Gone, OSError):
        return True


def goodbye(client) -> list:
    return [wire.error_fields(body)["C"] for tag, body in client.recv_all()
            if tag == "E"]


def test_sigterm_lets_transactions_finish(pg, start, connect):
    pooler = start(configs.plain(pg))
    idle, busy = connect(pooler), connect(pooler)
    idle.value("select 1")
    busy.query("begin")
    busy.query("create table if not exists kept_by_drain (x int)")
    pooler.send_signal(signal.SIGTERM)
    assert goodbye(idle) == ["57P01"]
    eventually(lambda: refuses(pooler), "no new clients")
    busy.query("insert into kept_by_drain values (1)")
    busy.query("commit")
    assert goodbye(busy) == ["57P01"]
    assert pooler.wait_exit() == 0
    assert pg.query("select count(*) from kept_by_drain", dbname="acme")[0][0] == 1
    eventually(lambda: pg.server_pids(dbname="acme") == [], "no server is left")
    pg.query("drop table kept_by_drain", dbname="acme")


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_a_second_signal_ends_it_now(pg, start, connect, second):
    pooler = start(configs.plain(pg))
    client = connect(pooler)
    client.query("begin")
    pooler.send_signal(signal.SIGTERM)
    eventually(lambda: refuses(pooler), "it drains")
    assert pooler.alive()
    pooler.send_signal(second)
    assert pooler.wait_exit(20) in (0, 1)
    eventually(lambda: pg.server_pids(dbname="acme") == [], "no server is left")
    pooler.check_log()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT])
def test_without_clients_every_signal_ends_it(pg, start, number):
    pooler = start(configs.plain(pg))
    pooler.stop(number)


def test_the_drain_has_an_end(pg, start, connect):
    config = configs.plain(pg)
    config["cenote"]["drain_timeout"] = "1s"
    pooler = start(config)
    client = connect(pooler)
    client.query("begin")
    pooler.send_signal(signal.SIGTERM)
    assert goodbye(client) == ["57P01"]
    assert pooler.wait_exit() == 0


def test_a_drain_says_what_it_waits_for(pg, start, connect):
    pooler = start(configs.plain(pg))
    connect(pooler).value("select 1")
    client = connect(pooler)
    client.query("begin")
    pooler.send_signal(signal.SIGTERM)
    pooler.wait_log("still draining pool=.* clients=1 clients_with_server=1 "
                    "servers_lent=1 servers_cleaning=0 servers_being_canceled=0")
    client.query("commit")
    assert pooler.wait_exit() == 0


FULL_PIPE = """
import os, sys
reader, writer = os.pipe()
os.set_blocking(writer, False)
try:
    while True:
        os.write(writer, b"x" * 4096)
except BlockingIOError:
    os.set_blocking(writer, True)
os.set_inheritable(reader, True)
for number in 1, 2:
    os.dup2(writer, number)
os.execvp(sys.argv[1], sys.argv[1:])
"""


def test_a_log_that_nobody_reads_does_not_hold_up_the_end(pg, start):
    pooler = start(configs.plain(pg), before=[sys.executable, "-c", FULL_PIPE])
    pooler.stop()


def test_sigusr1_pauses_and_sigusr2_resumes(pg, start, connect):
    pooler = start(configs.plain(pg))
    client, busy = connect(pooler), connect(pooler)
    client.value("select 1")
    busy.query("begin")
    pooler.send_signal(signal.SIGUSR1)

    def paused() -> bool:
        busy.value("select 1")  # What is under way goes on.
        rows = pooler.console("show databases")
        at = rows[0].index("paused")
        return any(row[at] == "1" for row in rows[1])

    eventually(paused, "it pauses")
    client.send(wire.query("select 'after'"))
    client.wait_taken()
    busy.query("commit")
    pooler.send_signal(signal.SIGUSR2)
    rows = [wire.data_row(body) for tag, body in client.recv_until("Z") if tag == "D"]
    assert rows == [["after"]]


def test_sigpipe_and_sighup_do_no_harm(pg, start, connect):
    pooler = start(configs.plain(pg))
    client = connect(pooler)
    for _ in range(10):
        pooler.send_signal(signal.SIGPIPE)
        pooler.send_signal(signal.SIGHUP)
        assert client.value("select 1") == "1"
    assert pooler.alive()


def test_it_starts_again_at_once_on_the_same_ports(pg, start, connect):
    config = configs.plain(pg)
    for _ in range(3):
        pooler = start(config)
        assert connect(pooler).value("select 1") == "1"
        pooler.stop()
