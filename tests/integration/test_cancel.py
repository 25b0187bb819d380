"""Cancel: the right query ends, nobody else's does."""

import os
import threading
import time

import pytest
from support import configs, postgres, wire
from support.ports import eventually

SLEEP = "select pg_sleep(30)"


def cancel(port: int, pid: int, key: bytes) -> bytes:
    """Sends one CancelRequest; returns what came back: nothing, ever."""
    with wire.Client(port=port) as client:
        client.send(wire.cancel_request(pid, key))
        return client.rest()


def running(pg, text: str = SLEEP, role: str = "app") -> int:
    return pg.query("select count(*) from pg_stat_activity where usename = %s and "
                    "state = 'active' and query = %s", role, text)[0][0]


@pytest.mark.parametrize("mode", ["transaction", "session"])
def test_a_running_query_is_cancelled_and_the_session_goes_on(
        shared, pg, connect, mode):
    client = connect(shared, mode)
    client.send(wire.query(SLEEP))
    eventually(lambda: running(pg) == 1, "the query runs")
    assert cancel(shared.port(mode), client.pid, client.key) == b""
    with pytest.raises(wire.ServerError) as caught:
        client.recv_error()
    assert caught.value.sqlstate == "57014"
    assert client.value("select 'alive'") == "alive"


def test_a_cancel_in_a_transaction_leaves_it_failed(shared, pg, connect):
    client = connect(shared)
    client.query("begin")
    client.send(wire.query(SLEEP))
    eventually(lambda: running(pg) == 1, "the query runs")
    cancel(shared.port(), client.pid, client.key)
    seen = client.recv_until("Z")
    assert [tag for tag, _ in seen][-2:] == ["E", "Z"] and seen[-1][1] == b"E"
    client.query("rollback")


@pytest.mark.parametrize("protocol, size", [
    (wire.PROTOCOL_3, 4), (wire.PROTOCOL_3_2, 32), (wire.PROTOCOL_3 | 9999, 32)])
def test_the_key_is_as_long_as_the_protocol_has_it(
        shared, pg, connect, protocol, size):
    client = connect(shared, protocol=protocol)
    assert len(client.key) == size
    client.send(wire.query("select pg_sleep(30), 'long key'"))
    text = "select pg_sleep(30), 'long key'"
    eventually(lambda: running(pg, text) == 1, "the query runs")
    for wrong in (client.key[:4], client.key[:-1], client.key + b"\0",
                  client.key[:-1] + bytes([client.key[-1] ^ 1]),
                  bytes([client.key[0] ^ 0x80]) + client.key[1:]):
        if wrong != client.key:
            assert cancel(shared.port(), client.pid, wrong) == b""
    assert running(pg, text) == 1
    assert cancel(shared.port(), client.pid, client.key) == b""
    with pytest.raises(wire.ServerError) as caught:
        client.recv_error()
    assert caught.value.sqlstate == "57014"
    assert client.value("select 'alive'") == "alive"


def test_a_wrong_key_does_nothing(shared, pg, connect):
    client = connect(shared)
    client.send(wire.query("select pg_sleep(1), 'kept'"))
    eventually(lambda: running(pg, "select pg_sleep(1), 'kept'") == 1, "it runs")
    flipped = bytes([client.key[0] ^ 1]) + client.key[1:]
    assert cancel(shared.port(), client.pid, flipped) == b""
    assert cancel(shared.port(), client.pid ^ 0x00010000, client.key) == b""
    assert cancel(shared.port(), 0, bytes(4)) == b""
    rows = [wire.data_row(body) for tag, body in client.recv_until("Z") if tag == "D"]
    assert rows == [["", "kept"]]


@pytest.mark.parametrize("request_bytes", [
    wire.cancel_request(1, b""),           # 12 bytes: no key.
    wire.cancel_request(1, bytes(4)),      # 16: as in protocol 3.0.
    wire.cancel_request(1, bytes(5)),
    wire.cancel_request(1, bytes(32)),     # 44: as PostgreSQL 18 has it.
    wire.cancel_request(1, bytes(256)),    # 268: the longest of protocol 3.2.
    wire.cancel_request(1, bytes(257))])
def test_odd_cancel_requests_are_closed_without_a_word(
        shared, connect, request_bytes):
    with wire.Client(port=shared.port()) as client:
        client.send(request_bytes)
        assert client.rest() == b""
    assert connect(shared).value("select 1") == "1"


def test_a_key_of_a_client_that_left_does_nothing(shared, pg, connect):
    gone = connect(shared)
    pid, key = gone.pid, gone.key
    gone.value("select 1")
    gone.send(wire.TERMINATE)
    gone.rest()
    other = connect(shared)
    other.send(wire.query("select pg_sleep(0.5), 'mine'"))
    cancel(shared.port(), pid, key)
    tags = [tag for tag, _ in other.recv_until("Z")]
    assert "E" not in tags and "D" in tags


def test_keys_differ_and_cannot_be_guessed_from_each_other(shared, connect):
    keys = [(client.pid, client.key) for client in
            (connect(shared) for _ in range(20))]
    assert len(set(keys)) == 20
    secrets = [int.from_bytes(pid.to_bytes(4, "big", signed=True) + key, "big")
               for pid, key in keys]
    assert len({b - a for a, b in zip(secrets, secrets[1:])}) > 15


def test_a_queued_client_is_taken_out_of_the_queue(pg, start, connect):
    pooler = start(configs.plain(pg, pool_size=1))
    holder, waiter = connect(pooler), connect(pooler)
    holder.query("begin")
    waiter.send(wire.query("select 'never runs'"))
    waiter.wait_taken()
    cancel(pooler.port(), waiter.pid, waiter.key)
    tags = [tag for tag, _ in waiter.recv_all_or("Z")]
    assert "D" not in tags and "E" in tags
    assert holder.value("select 'mine still'") == "mine still"
    holder.query("rollback")
    assert connect(pooler).value("select 'free'") == "free"


def test_a_late_cancel_never_hits_the_next_client(pg, start, connect):
    """One server; each client cancels itself as its query ends while the next one
    already waits for the server. Nobody may lose another's query."""
    pooler = start(configs.plain(pg, pool_size=1))
    first, second = connect(pooler), connect(pooler)
    for turn in range(60):
        first.send(wire.query("select pg_sleep(0.003)"))
        second.send(wire.query(f"select pg_sleep(0.002), 'turn {turn}'"))
        pause = threading.Event()
        pause.wait(0.0005 * (turn % 10))  # Any moment will do; all must be right.
        cancel(pooler.port(), first.pid, first.key)
        first.recv_until("Z")
        rows = [wire.data_row(body) for tag, body in second.recv_until("Z")
                if tag == "D"]
        assert rows == [["", f"turn {turn}"]]


CANCELS = 10_000
STORM_SECONDS = 240  # Ends a storm that got stuck; it then fails.


class Storm:
    """Cancels from many threads: wrong keys of those who work, right keys of
    clients whose query has just ended, and keys of clients that are gone."""

    def __init__(self, pooler, victims: list):
        self.pooler = pooler
        self.victims = victims
        self.sent = 0
        self.hits = 0
        self.failed = []
        self.deadline = time.monotonic() + STORM_SECONDS
        self.lock = threading.Lock()

    def over(self) -> bool:
        return self.sent >= CANCELS or time.monotonic() > self.deadline

    def send(self, pid: int, key: bytes) -> None:
        assert cancel(self.pooler.port(), pid, key) == b""
        with self.lock:
            self.sent += 1

    def wrong(self, random) -> None:
        victim = random.choice(self.victims)
        at = random.randrange(len(victim.key))
        key = bytearray(victim.key)
        key[at] ^= 1 << random.randrange(8)
        self.send(victim.pid, bytes(key))

    def late(self, client, random) -> None:
        """Its own query may be hit, if the cancel is not that late."""
        client.send(wire.query(f"select pg_sleep({random.random() * 0.003})"))
        if random.random() < 0.5:
            answers = client.recv_until("Z")
            self.send(client.pid, client.key)
        else:
            self.send(client.pid, client.key)
            answers = client.recv_until("Z")
        for tag, body in answers:
            if tag == "E":
                assert wire.error_fields(body)["C"] == "57014"
                with self.lock:
                    self.hits += 1

    def rage(self, seed: int, protocol: int) -> None:
        import random as module
        random = module.Random(seed)
        try:
            with wire.Client(port=self.pooler.port()) as client, \
                    wire.Client(port=self.pooler.port()) as gone:
                for each in (client, gone):
                    each.login("app.acme", "acme", postgres.PASSWORD,
                               protocol=protocol)
                gone.send(wire.TERMINATE)
                gone.rest()
                while not self.over():
                    self.wrong(random)
                    self.wrong(random)
                    self.late(client, random)
                    self.send(gone.pid, gone.key)
        except Exception as why:
            self.failed.append(why)


def test_ten_thousand_cancels_hit_nobody_else(pg, start, connect):
    seed = int(os.environ.get("CENOTE_SEED", time.time_ns() % 10 ** 6))
    print(f"CENOTE_SEED={seed}")
    pooler = start(configs.plain(pg, pool_size=3))
    protocols = [wire.PROTOCOL_3, wire.PROTOCOL_3_2]
    victims = [connect(pooler, protocol=protocols[i % 2]) for i in range(6)]
    storm = Storm(pooler, victims)
    turns = [0] * len(victims)

    def work(number: int) -> None:
        try:
            while not storm.over():
                turns[number] += 1
                sql = f"select pg_sleep(0.001), '{number} {turns[number]}'"
                assert victims[number].query(sql)[1] == [
                    ["", f"{number} {turns[number]}"]]
        except Exception as why:
            storm.failed.append(why)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(victims))]
    threads += [threading.Thread(target=storm.rage, args=(seed + i, protocols[i % 2]))
                for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(f"{storm.sent} cancels, {storm.hits} in time, {sum(turns)} queries of others")
    assert not storm.failed
    assert storm.sent >= CANCELS and storm.hits > 0 and min(turns) > 10
    for victim in victims:
        assert victim.value("select 'unharmed'") == "unharmed"


def test_cancels_of_many_clients_at_once(pg, start, connect):
    pooler = start(configs.plain(pg, pool_size=8))
    clients = [connect(pooler) for _ in range(8)]
    for client in clients:
        client.send(wire.query(SLEEP))
    eventually(lambda: running(pg) == 8, "all run")
    threads = [threading.Thread(target=cancel, args=(pooler.port(), x.pid, x.key))
               for x in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for client in clients:
        assert [tag for tag, _ in client.recv_until("Z")][-2:] == ["E", "Z"]
        assert client.value("select 1") == "1"


def test_psycopg_and_psql_cancel(shared, pg):
    import psycopg
    with psycopg.connect(host="127.0.0.1", port=shared.port(), user="app.acme",
                         password=postgres.PASSWORD, dbname="acme") as db:
        db.prepare_threshold = None
        timer = threading.Thread(target=lambda: (
            eventually(lambda: running(pg) == 1, "it runs"), db.cancel()))
        timer.start()
        with pytest.raises(psycopg.errors.QueryCanceled):
            db.execute(SLEEP)
        timer.join()
        db.rollback()
        assert db.execute("select 1").fetchone() == (1,)


def test_a_late_cancel_pins_nobody(pg, start, connect):
    """It may strike the question what the transaction left behind: the server must be
    free for others all the same, though the first client says no more."""
    pooler = start(configs.plain(pg, pool_size=1, query_wait_timeout="10s"))
    first, other = connect(pooler), connect(pooler)
    for number in range(60):
        first.send(wire.query(f"set work_mem = '{100 + number}kB'"))
        first.recv_until("Z")
        cancel(pooler.port(), first.pid, first.key)
        assert other.value("select 1") == "1", number
