"""listen = "shared": clients that leave, servers that are lost, pools that change,
and what keeps a server all the same."""

import random
import re
import threading

import pytest
from support import configs, ports, process, wire
from support.notifications import (channel_counts, heard, hears_nothing,
                                   listening_pids, pair, pins, settled,
                                   told_of_another)


@pytest.fixture
def few(pg, start):
    """Two servers: one of them listens, the other one works."""
    return start(configs.plain(pg, pool_size=2, listen="shared"))


# -- those that leave, and what breaks

def test_the_last_one_gives_the_server_back(few, connect):
    client = connect(few)
    client.query("listen a")
    settled(client)
    other = connect(few)
    other.query("listen b")
    settled(other)
    client.close()
    other.query("unlisten *")
    # Both servers are there for others, and listen to nothing.
    both = [connect(few), connect(few)]

    def all_free():
        for each in both:
            each.query("begin")
        found = [each.value("select count(*) from pg_listening_channels()")
                 for each in both]
        for each in both:
            each.query("commit")
        return found == ["0", "0"]

    ports.eventually(all_free, "two servers without LISTENs")


def test_one_who_leaves_before_it_is_heard_keeps_no_server(own_pg, start, connect):
    config = configs.plain(own_pg, pool_size=2, listen="shared")
    config["admin"]["http"] = f"127.0.0.1:{ports.free_port()}"
    pooler = start(config)

    def channels():
        return re.findall(r"(?m)^cenote_pool_listen_channels{.*} (\d+)$",
                          pooler.metrics())

    def clients():
        names, rows = pooler.console("show clients")
        return [row for row in rows if row[names.index("database")] == "acme"]

    first, second = connect(pooler), connect(pooler)
    first.query("listen a")
    settled(first)
    (pid,) = listening_pids(pooler)
    with process.standing_still(pid):
        first.close()
        ports.eventually(lambda: channels() == ["0"], "UNLISTEN is on its way")
        second.query("listen b")
        ports.eventually(lambda: channels() == ["1"], "it joins")
        second.close()
        ports.eventually(lambda: clients() == [], "both are gone")
    ports.eventually(lambda: listening_pids(pooler) == [], "no server listens")


def test_a_lost_listening_server_is_told_and_replaced(own_pg, start, connect):
    pooler = start(configs.plain(own_pg, pool_size=2, listen="shared"))
    clients = [connect(pooler) for _ in range(3)]
    for client in clients:
        client.query("listen news")
        settled(client)
    (pid,) = listening_pids(pooler)
    own_pg.query("select pg_terminate_backend(%s)", pid)
    for client in clients:
        told_of_another(client)
    connect(pooler).query("notify news, 'after'")
    for client in clients:
        assert heard(client, 1) == [("news", "after")]


def test_a_listening_server_that_says_nothing_is_replaced(own_pg, start, connect):
    """No limit of time is configured; ten seconds are `listening_answer_time_max`."""
    pooler = start(configs.plain(own_pg, pool_size=2, listen="shared"))
    client, other = connect(pooler), connect(pooler)
    client.query("listen news")
    settled(client)
    (pid,) = listening_pids(pooler)
    with process.standing_still(pid):
        other.query("listen news")  # Heard there already: only the fence is missing.
        other.send(wire.query("select 1"))
        told_of_another(client)
        assert "Z" in [tag for tag, _ in other.recv_until("Z")]
    connect(pooler).query("notify news, 'after'")
    for each in (client, other):
        assert heard(each, 1)[-1] == ("news", "after")


def test_a_restart_of_postgresql(own_pg, start, connect):
    pooler = start(configs.plain(own_pg, pool_size=2, listen="shared",
                                 server_login_retry="200ms"))
    client = connect(pooler)
    client.query("listen news")
    settled(client)
    own_pg.restart()
    told_of_another(client)
    connect(pooler).query("notify news, 'after'")
    assert heard(client, 1) == [("news", "after")]


def test_one_who_does_not_read_is_ended(few, connect):
    deaf, client, speaker = connect(few), connect(few), connect(few)
    for each in (client, deaf):
        each.query("listen news")
        settled(each)
    payload = "x" * 7000
    count = 0

    def is_ended():
        nonlocal count
        for _ in range(50):
            speaker.query(f"notify news, '{count:06}{payload}'")
            count += 1
            assert heard(client, 1)[0][1].startswith(f"{count - 1:06}")
        return "too_many_notifications" in few.text()

    ports.eventually(is_ended, "the client that does not read is ended", 60)
    messages = deaf.recv_all()
    numbers = [int(pair(body)[1][:6]) for tag, body in messages if tag == "A"]
    assert numbers == list(range(len(numbers)))
    speaker.query("notify news, 'on'")
    assert heard(client, 1) == [("news", "on")]


def test_pause_and_resume(few, connect):
    client = connect(few)
    client.query("listen news")
    settled(client)
    few.console("pause")
    few.console("resume")
    told_of_another(client)
    connect(few).query("notify news, 'after'")
    assert heard(client, 1) == [("news", "after")]


# -- the change of servers, disturbed

def test_clients_that_vanish_in_the_change(pg, start, connect):
    pooler = start(configs.plain(pg, pool_size=3, listen="shared"))
    stays, speaker = connect(pooler), connect(pooler)
    stays.query("listen news")
    settled(stays)
    for number in range(60):
        client = connect(pooler)
        client.send(wire.query(f"listen gone_{number}; listen news"))
        if number % 3:
            client.recv_until("Z")
        if number % 3 == 2:
            client.send(wire.query("select 1"))
        client.close()
        speaker.query(f"notify news, '{number}'; notify gone_{number}")
    assert heard(stays, 60) == [("news", str(number)) for number in range(60)]
    ports.eventually(lambda: channel_counts(pooler) == [1], "one listens")
    # All servers but one are there for others, and clean.
    both = [connect(pooler), connect(pooler)]
    for each in both:
        each.query("begin")
    for each in both:
        assert each.value("select count(*) from pg_listening_channels()") == "0"
        each.query("commit")


def test_cancels_that_come_late(few, connect):
    """They must not break what is said behind the client's own words."""
    clients = [connect(few) for _ in range(12)]
    for number, client in enumerate(clients):
        client.send(wire.query(f"listen news; listen mine_{number}"))
        client.recv_until("Z")
        with wire.Client(port=few.port()) as other:
            other.send(wire.cancel_request(client.pid, client.key))
            other.rest()
    for client in clients:
        client.send(wire.query("select 1"))
        client.recv_until("Z")
    speaker = connect(few)
    speaker.query("notify news, 'x'")
    for client in clients:
        assert heard(client, 1) == [("news", "x")]
    assert pins(few) == []


class Listener(threading.Thread):
    """Comes and goes, and checks what it hears of numbers that only grow."""

    def __init__(self, client, number: int, stop):
        super().__init__()
        self.client, self.number, self.stop = client, number, stop
        self.last, self.gaps, self.returns, self.is_listening = -1, 0, 0, False
        self.error = None

    def run(self):
        try:
            choose = random.Random(self.number)
            while not self.stop.is_set():
                self.step(choose)
        except Exception as why:  # Shown by the test.
            self.error = why

    def step(self, choose) -> None:
        what = choose.choice(["listen", "listen", "unlisten", "work", "block"])
        self.say({"listen": f"listen stream; listen own_{choose.randrange(5)}",
                  "unlisten": choose.choice(["unlisten stream", "unlisten *"]),
                  "work": "select 1",
                  "block": "begin; listen never; rollback"}[what])
        if what == "unlisten":
            self.is_listening, self.last = False, -1

    def say(self, sql: str) -> None:
        self.client.send(wire.query(sql))
        while True:
            tag, body = self.client.recv()
            assert tag != "E", wire.error_fields(body)
            self.take(tag, body)
            if tag == "Z":
                return

    def take(self, tag: str, body: bytes) -> None:
        if tag == "N":
            self.returns += "listening again" in wire.error_fields(body)["M"]
        if tag != "A":
            return
        channel, payload = pair(body)
        assert channel == "stream", channel
        number = int(payload)
        assert number > self.last, (number, self.last)
        self.gaps += self.last >= 0 and number != self.last + 1
        self.last = number


def test_losses_while_clients_come_and_go(own_pg, start, connect):
    pooler = start(configs.plain(own_pg, pool_size=4, listen="shared"))
    stop = threading.Event()
    listeners = [Listener(connect(pooler), number, stop) for number in range(8)]
    speaker = connect(pooler)
    for each in listeners:
        each.start()
    lost = 0
    try:
        for number in range(600):
            speaker.query(f"notify stream, '{number}'")
            if number % 40 == 39:
                for pid in listening_pids(pooler):
                    lost += 1
                    own_pg.query("select pg_terminate_backend(%s)", pid)
    finally:
        stop.set()
        for each in listeners:
            each.join()
    assert lost > 5
    for each in listeners:
        # Its own server may have been the one, a moment after.
        if isinstance(each.error, (wire.Gone, AssertionError)) \
                and "57P01" in str(each.error):
            continue
        assert each.error is None, each.error
        each.say("listen stream")
        each.say("select 1")
    alive = [each for each in listeners if each.error is None]
    assert len(alive) > 4

    def all_hear():
        speaker.query("notify stream, '1000000'")
        return True

    all_hear()
    for each in alive:
        while each.last != 1000000:
            each.take(*each.client.recv())
        assert each.gaps <= each.returns + 1, (each.gaps, each.returns)


# -- pools that change

def test_reconnect(few, connect):
    client = connect(few)
    client.query("listen news")
    settled(client)
    few.console("reconnect")
    told_of_another(client)
    connect(few).query("notify news, 'after'")
    assert heard(client, 1) == [("news", "after")]


def test_a_pool_that_becomes_one_server_ends_its_listeners(pg, start, connect):
    pooler = start(configs.plain(pg, pool_size=2, listen="shared"))
    client, other = connect(pooler), connect(pooler)
    client.query("listen news")
    settled(client)
    pooler.reload(configs.changed(
        pooler.config,
        lambda to: to["tenant"][0]["database"][0].update(pool_size=1)))
    tag, body = client.recv()
    assert (tag, wire.error_fields(body)["C"]) == ("E", "57P01")
    assert other.value("select 1") == "1"
    other.query("listen news")
    ports.eventually(lambda: pins(pooler) == ["listen"], "a pin")


def test_a_tenant_that_is_taken_away(pg, start, connect):
    pooler = start(configs.plain(pg, pool_size=2, listen="shared"))
    client, other = connect(pooler), connect(pooler)
    for each in (client, other):
        each.query("listen news")
        settled(each)

    def without(to):
        to["tenant"][0]["id"] = "another"

    pooler.reload(configs.changed(pooler.config, without))
    for each in (client, other):
        assert each.recv_all()[-1][0] == "E"
    ports.eventually(lambda: pooler.console("show servers")[1] == [],
                     "no server is left")


def test_statement_mode(pg, start, connect):
    pooler = start(configs.plain(pg, modes=("transaction", "statement"),
                                 pool_size=2, listen="shared"))
    client = connect(pooler, "statement")
    speaker = connect(pooler, "statement")
    client.query("listen news")
    settled(client)
    speaker.query("notify news, 'x'")
    assert heard(client, 1) == [("news", "x")]
    client.query("unlisten news")
    hears_nothing(client, speaker)


def test_where_pins_are_refused_one_may_listen(pg, start, connect):
    pooler = start(configs.plain(pg, pool_size=2, listen="shared",
                                 on_pin="reject"))
    client, speaker = connect(pooler), connect(pooler)
    client.query("listen news")
    settled(client)
    speaker.query("notify news, 'x'")
    assert heard(client, 1) == [("news", "x")]


def test_what_is_shown(few, connect):
    client = connect(few)
    client.query("listen a; listen b")
    settled(client)
    assert channel_counts(few) == [2]
    assert len(listening_pids(few)) == 1
    assert pins(few) == []
    client.query("unlisten *")
    ports.eventually(lambda: listening_pids(few) == [], "no server listens")
    assert channel_counts(few) == []


# -- what keeps its server all the same

def test_a_pool_of_one_server_pins(pg, start, connect):
    pooler = start(configs.plain(pg, pool_size=1, listen="shared"))
    client = connect(pooler)
    client.query("listen news")
    ports.eventually(lambda: pins(pooler) == ["listen"], "a pin")
    client.query("notify news, 'x'")
    client.query("unlisten *")
    ports.eventually(lambda: pins(pooler) == [], "no pin")


def test_another_encoding_pins(pg, start, connect):
    pooler = start(configs.plain(pg, pool_size=3, listen="shared"))
    client = connect(pooler)
    client.query("listen news")
    settled(client)
    other = connect(pooler, client_encoding="LATIN1")
    other.query("listen news")
    ports.eventually(lambda: pins(pooler) == ["listen"], "a pin")
    connect(pooler).query("notify news, 'x'")
    assert heard(client, 1) == heard(other, 1) == [("news", "x")]


def test_a_temporary_table_keeps_both(few, connect):
    client, speaker = connect(few), connect(few)
    client.query("create temp table t (x int)")
    client.query("listen news")
    settled(client)
    assert pins(few) == ["temporary objects"]
    speaker.query("notify news, '1'")
    assert heard(client, 1) == [("news", "1")]
    client.query("drop table t")
    settled(client)
    ports.eventually(lambda: pins(few) == [], "no pin")
    speaker.query("notify news, '2'")
    assert heard(client, 1) == [("news", "2")]
