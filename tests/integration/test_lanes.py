"""One pool on two shards (docs/lanes.md): its limits stay those of one pool, and
nobody waits because a server is idle in the other lane."""

import os
import random
import selectors
import signal
import threading
import time

import psycopg
import pytest
from support import configs, postgres, wire
from support.configs import changed
from support.notifications import heard, listening_pids, pins, settled
from support.ports import eventually

from test_cancel import cancel


def lanes(pg, size: int, **options) -> dict:
    return configs.plain(pg, pool_size=size, lanes=2,
                         **{"server_login_retry": 1} | options)


class Watch:
    """Asks PostgreSQL all the time how many servers there are."""

    def __init__(self, pg):
        self.pg, self.seen, self.stop = pg, [], threading.Event()
        self.thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        with self.pg.connect() as db, db.cursor() as cursor:
            while not self.stop.is_set():
                cursor.execute("select count(*) from pg_stat_activity where "
                               "usename = 'app' and datname = 'acme'")
                self.seen.append(cursor.fetchone()[0])

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()


class Crowd:
    """Clients that ask and ask, on one thread, so that none has an advantage."""

    def __init__(self, pooler, count: int, sql: str = "select 1 from pg_sleep(0.001)"):
        self.pooler, self.ask = pooler, wire.query(sql)
        self.clients, self.answers = [], [0] * count
        self.ended = 0
        self.ready = selectors.DefaultSelector()
        for number in range(count):
            self.clients.append(None)
            self._join(number)

    def _join(self, number: int) -> None:
        client = wire.Client(port=self.pooler.port())
        client.login("app.acme", "acme", postgres.PASSWORD)
        self.clients[number] = client
        self.ready.register(client.socket, selectors.EVENT_READ, number)
        client.send(self.ask)

    def look(self, comes_back: bool = False) -> None:
        """Takes what is there. Who lost its connection joins again, or fails."""
        for key, _ in self.ready.select(0.5):
            client = self.clients[key.data]
            try:
                for tag, body in client.recv_until("Z"):
                    if tag == "E":
                        raise wire.ServerError(wire.error_fields(body))
                client.send(self.ask)
                self.answers[key.data] += 1
            except (OSError, wire.Gone, wire.ServerError):
                if not comes_back:
                    raise
                self.ended += 1
                self.ready.unregister(client.socket)
                client.close()
                eventually(lambda: self._joined(key.data), "in again", 60)

    def _joined(self, number: int) -> bool:
        try:
            self._join(number)
            return True
        except (OSError, wire.Gone, wire.ServerError):
            return False

    def run(self, seconds: float, **how) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.look(**how)

    def until_each_answered(self, more: int, **how) -> None:
        goal = [had + more for had in self.answers]
        eventually(lambda: self.look(**how) or all(
            a >= b for a, b in zip(self.answers, goal)), "all are served", 60)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ready.close()
        for client in self.clients:
            client.close()


def test_few_servers_serve_all_clients_of_both_lanes_alike(pg, start):
    pooler = start(lanes(pg, 3))
    with Watch(pg) as watch, Crowd(pooler, 40) as crowd:
        crowd.until_each_answered(1)
        begun = list(crowd.answers)
        crowd.run(4)
        crowd.until_each_answered(1)
        served = [now - was for now, was in zip(crowd.answers, begun)]
        # First in, first out within a lane, the older first between them.
        assert min(served) * 2 >= max(served), served
    assert max(watch.seen) == 3


@pytest.mark.parametrize("tls", ["disable", "require"])
def test_one_server_goes_from_lane_to_lane(pg, start, connect, tls):
    pooler = start(lanes(pg, 1, tls=tls))
    first, second = connect(pooler), connect(pooler)
    first.query("set work_mem = '7MB'")
    first.query("set application_name = 'first'")
    pids = set()
    for turn in range(50):
        for client, own in ((first, "7MB"), (second, "4MB")):
            pids.add(client.value("select pg_backend_pid()"))
            assert client.value("show work_mem") == own
        first.send(wire.extended(f"select $1::int + {turn % 3}", [b"1"])
                   + wire.message("S"))
        assert [wire.data_row(body) for tag, body in first.recv_until("Z")
                if tag == "D"] == [[str(1 + turn % 3)]]
        assert second.value("show application_name") != "first"
    assert len(pids) == 1


def test_prepared_statements_work_wherever_the_server_is(pg, start, connect):
    pooler = start(lanes(pg, 1, max_prepared_statements=5))
    clients = [connect(pooler) for _ in range(4)]
    for number, client in enumerate(clients):
        for name in range(3):
            client.send(wire.parse(f"s{name}", f"select {number % 3}, {name}")
                        + wire.message("S"))
            client.recv_until("Z")
    rounds = [(number, name) for number in range(4) for name in range(3)] * 10
    random.Random(7).shuffle(rounds)
    for number, name in rounds:
        clients[number].send(wire.bind("", f"s{name}") + wire.execute()
                             + wire.message("S"))
        answer = clients[number].recv_until("Z")
        assert [wire.data_row(body) for tag, body in answer if tag == "D"] == [
            [str(number % 3), str(name)]]


def test_a_pinned_server_stays_until_it_is_free(pg, start, connect):
    pooler = start(lanes(pg, 1))
    first, second = connect(pooler), connect(pooler)
    first.query("listen somewhere")
    second.send(wire.query("select 'second'"))
    assert first.value("select 'mine'") == "mine"
    first.query("unlisten *")
    assert [wire.data_row(body) for tag, body in second.recv_until("Z")
            if tag == "D"] == [["second"]]


def test_shared_listens_have_one_lane(pg, start, connect):
    pooler = start(lanes(pg, 2, listen="shared"))
    clients = [connect(pooler) for _ in range(8)]
    for client in clients:
        client.query("listen everybody")
        settled(client)
    assert pins(pooler) == []
    assert len(listening_pids(pooler)) == 1
    clients[0].query("notify everybody, 'x'")
    for client in clients:
        assert heard(client, 1) == [("everybody", "x")]


def test_several_lanes_pin_who_listens_after_a_reload(pg, start, connect):
    config = lanes(pg, 3)
    pooler = start(config)
    first, second, speaker = (connect(pooler) for _ in range(3))
    for client in (first, second, speaker):
        client.value("select 1")

    def share(to: dict) -> None:
        to["tenant"][0]["database"][0]["listen"] = "shared"
    pooler.reload(changed(config, share))
    for client in (first, second):
        client.query("listen everybody")
        settled(client)
    assert len(pins(pooler)) == 2
    assert listening_pids(pooler) == []
    speaker.query("notify everybody, 'x'")
    for client in (first, second):
        assert heard(client, 1) == [("everybody", "x")]


def test_sessions_follow_each_other_across_lanes(pg, start, connect):
    pooler = start(lanes(pg, 1))
    first, second = connect(pooler, "session"), connect(pooler, "session")
    pid = first.value("select pg_backend_pid()")
    first.query("set work_mem = '7MB'")
    first.query("create temp table mine (x int)")
    second.send(wire.query("select pg_backend_pid()"))
    first.send(wire.TERMINATE)
    first.rest()
    assert [wire.data_row(body) for tag, body in second.recv_until("Z")
            if tag == "D"] == [[pid]]
    assert second.value("show work_mem") == "4MB"
    assert second.value("select to_regclass('mine')") in (None, "")


def test_cancel_strikes_whom_it_means(pg, start, connect):
    pooler = start(lanes(pg, 1))
    first, second = connect(pooler), connect(pooler)
    for turn in range(30):
        first.send(wire.query("select pg_sleep(0.003)"))
        second.send(wire.query(f"select pg_sleep(0.002), 'turn {turn}'"))
        threading.Event().wait(0.0005 * (turn % 10))  # Any moment must do.
        cancel(pooler.port(), first.pid, first.key)
        first.recv_until("Z")
        assert [wire.data_row(body) for tag, body in second.recv_until("Z")
                if tag == "D"] == [["", f"turn {turn}"]]
    # A late one may still be on its way, and would strike what comes next.
    first.send(wire.query("select pg_sleep(0.5)"))
    first.recv_until("Z")
    for client, other in ((first, second), (second, first)):
        client.send(wire.query("select pg_sleep(60)"))
        eventually(lambda: pg.query(
            "select 1 from pg_stat_activity where usename = 'app' and state = "
            "'active' and query = 'select pg_sleep(60)'"), "it sleeps")
        other.send(wire.query("select 'other'"))
        cancel(pooler.port(), client.pid, client.key)
        errors = [wire.error_fields(body) for tag, body in client.recv_until("Z")
                  if tag == "E"]
        assert [each["C"] for each in errors] == ["57014"]
        assert [wire.data_row(body) for tag, body in other.recv_until("Z")
                if tag == "D"] == [["other"]]


def test_the_console_speaks_of_one_pool(pg, start, connect):
    pooler = start(lanes(pg, 3))
    clients = [connect(pooler) for _ in range(8)]
    for client in clients[:3]:
        client.query("begin")
        client.value("select 1")
    for client in clients[3:]:
        client.send(wire.query("select 1"))

    def rows(sql: str) -> list:
        names, values = pooler.console(sql)
        return [row for row in (dict(zip(names, each)) for each in values)
                if row["database"] == "acme"]

    def counts() -> list:
        return [[row[name] for name in ("cl_active", "cl_waiting", "sv_active",
                                        "sv_idle")] for row in rows("show pools")]

    eventually(lambda: counts() == [["3", "5", "3", "0"]], "three work")
    assert len(rows("show clients")) == 8
    assert len({row["remote_pid"] for row in rows("show servers")}) == 3
    for client in clients[:3]:
        client.query("commit")
    for client in clients[3:]:
        client.recv_until("Z")
    eventually(lambda: counts() == [["8", "0", "0", "3"]], "all rest")


def test_pause_resume_reconnect_kill(pg, start):
    pooler = start(lanes(pg, 3))
    with Watch(pg) as watch, Crowd(pooler, 12) as crowd:
        for _ in range(3):
            crowd.until_each_answered(2)
            pids = set(pg.server_pids(dbname="acme"))
            done = threading.Event()

            def pause() -> None:
                pooler.console("pause")
                done.set()

            pausing = threading.Thread(target=pause)
            pausing.start()
            while not done.is_set():
                crowd.look()
            pausing.join()
            eventually(lambda: not pg.server_pids(dbname="acme"), "none is left")
            pooler.console("resume")
            crowd.until_each_answered(2)
            assert not pids & set(pg.server_pids(dbname="acme"))
            pids = set(pg.server_pids(dbname="acme"))
            pooler.console("reconnect")
            crowd.until_each_answered(2)
            eventually(lambda: crowd.look()
                       or not pids & set(pg.server_pids(dbname="acme")), "all new")
        pooler.console("kill acme")
        for client in crowd.clients:
            client.rest()
        pooler.console("resume")
    assert max(watch.seen) == 3


def test_reconnect_is_answered_when_every_lane_has_heard_it(pg, start, connect):
    pooler = start(lanes(pg, 4))
    clients = [connect(pooler) for _ in range(6)]
    before = set()
    for _ in range(50):
        now = {client.value("select pg_backend_pid()") for client in clients}
        assert not now & before
        before = now
        pooler.console("reconnect")


def test_a_reload_resizes_the_whole_pool(pg, start):
    config = lanes(pg, 3)
    pooler = start(config)

    def resize(size: int) -> None:
        def edit(to: dict) -> None:
            to["tenant"][0]["database"][0]["pool_size"] = size
        pooler.reload(changed(config, edit))

    with Crowd(pooler, 20) as crowd:
        for size in (1, 5, 2, 3):
            resize(size)
            eventually(lambda: crowd.look()
                       or len(pg.server_pids(dbname="acme")) == size, f"{size}")
            with Watch(pg) as watch:
                crowd.until_each_answered(3)
            assert max(watch.seen) <= size


def test_a_minimum_is_that_of_the_pool(pg, start, connect):
    pooler = start(lanes(pg, 6, min_pool_size=4))
    connect(pooler).value("select 1")
    eventually(lambda: len(pg.server_pids(dbname="acme")) == 4, "four")
    with Watch(pg) as watch:
        connect(pooler).value("select 1 from pg_sleep(1)")
    assert set(watch.seen) == {4}


def test_servers_that_are_terminated_are_replaced(pg, start):
    pooler = start(lanes(pg, 3))
    with Watch(pg) as watch, Crowd(pooler, 40) as crowd:
        for _ in range(20):
            pids = pg.server_pids(dbname="acme")
            if pids:
                pg.query("select pg_terminate_backend(%s)",
                         random.choice(pids))
            crowd.run(0.1, comes_back=True)
        crowd.until_each_answered(2, comes_back=True)
        assert crowd.ended > 0
    assert max(watch.seen) <= 3


def test_servers_that_are_killed_are_replaced(own_pg, start):
    """kill -9 takes all of PostgreSQL down for a moment."""
    pooler = start(lanes(own_pg, 3))
    with Crowd(pooler, 12) as crowd:
        crowd.until_each_answered(2)
        os.kill(own_pg.server_pids(dbname="acme")[0], signal.SIGKILL)
        crowd.run(1, comes_back=True)
        crowd.until_each_answered(2, comes_back=True)
        assert crowd.ended > 0

        def count():
            try:
                return len(own_pg.server_pids(dbname="acme"))
            except psycopg.Error:
                return None

        assert eventually(count, "PostgreSQL is back") <= 3
