"""listen = "shared": one server of a pool listens for all its clients; each hears
what it would hear from PostgreSQL, once and in order, and keeps no server."""

import threading

import pytest
from support import configs, ports, postgres, wire


@pytest.fixture
def few(pg, start):
    """Two servers: one of them listens, the other one works."""
    return start(configs.plain(pg, pool_size=2, listen="shared"))


def heard(client, count: int) -> list:
    """The next notifications, as (channel, payload)."""
    found = []
    while len(found) < count:
        tag, body = client.recv()
        assert tag in "ANS", (tag, body)
        if tag == "A":
            found.append(pair(body))
    return found


def pair(body: bytes) -> tuple:
    channel, payload = body[4:].split(b"\0")[:2]
    return channel.decode(), payload.decode()


def hears_nothing(client, speaker, channel: str = "the_end") -> None:
    """What was said before is there before what is said now."""
    for sql in (f"listen {channel}", "select 1"):
        client.send(wire.query(sql))
        assert "A" not in [tag for tag, _ in client.recv_until("Z")]
    speaker.query(f"notify {channel}")
    assert heard(client, 1) == [(channel, "")]
    client.query(f"unlisten {channel}")


def settled(client) -> None:
    """Its LISTENs are where they belong: it gets an answer behind them."""
    client.query("select 1")


def pins(pooler) -> list:
    names, rows = pooler.console("show clients")
    reason = names.index("pin_reason")
    return [row[reason] for row in rows if row[reason]]


def listening_pids(pg, database: str = "acme") -> list:
    """Servers whose last statement was one of the listening server's."""
    return [row[0] for row in pg.query(
        "select pid from pg_stat_activity where datname = %s and state = 'idle' "
        "and query ~* '^(set client_encoding|listen|unlisten \")'", database)]


# -- who hears what

def test_many_clients_listen_on_two_servers(few, connect):
    clients = [connect(few) for _ in range(20)]
    for number, client in enumerate(clients):
        client.query(f"listen everybody; listen only_{number}")
    for client in clients:
        settled(client)
    speaker = connect(few)
    for number in range(20):
        speaker.query(f"notify only_{number}, '{number}'")
    speaker.query("notify everybody, 'x'")
    for number, client in enumerate(clients):
        assert heard(client, 2) == [(f"only_{number}", str(number)),
                                    ("everybody", "x")]
    assert pins(few) == []


def test_only_committed_listens_count(few, connect):
    client, speaker = connect(few), connect(few)
    client.query("begin")
    client.query("listen gone")
    client.query("rollback")
    client.query("begin")
    client.query("savepoint s")
    client.query("listen gone_too")
    client.query("rollback to s")
    client.query("listen kept")
    client.query("commit")
    settled(client)
    for channel in ("gone", "gone_too", "kept"):
        speaker.query(f"notify {channel}, 'said'")
    assert heard(client, 1) == [("kept", "said")]
    hears_nothing(client, speaker)


def test_only_committed_unlistens_count(few, connect):
    client, speaker = connect(few), connect(few)
    client.query("listen a; listen b; listen c")
    settled(client)
    client.query("begin")
    client.query("unlisten a")
    client.query("rollback")
    client.query("begin")
    client.query("savepoint s")
    client.query("unlisten a")
    client.query("rollback to s")
    client.query("unlisten b")
    client.query("commit")
    client.query("unlisten c; listen c")
    settled(client)
    for channel in "abc":
        speaker.query(f"notify {channel}")
    assert heard(client, 2) == [("a", ""), ("c", "")]
    hears_nothing(client, speaker)


@pytest.mark.parametrize("sql", ["unlisten *", "discard all",
                                 "do 'begin unlisten a; unlisten b; end'",
                                 "unlisten a; unlisten b"])
def test_who_unlistens_hears_nothing(few, connect, sql):
    client, other, speaker = connect(few), connect(few), connect(few)
    for each in (client, other):
        each.query("listen a; listen b")
        settled(each)
    client.query(sql)
    settled(client)
    speaker.query("notify a; notify b")
    assert heard(other, 2) == [("a", ""), ("b", "")]
    hears_nothing(client, speaker)
    client.query("listen a")
    settled(client)
    speaker.query("notify a, 'again'")
    assert heard(client, 1) == [("a", "again")]


def test_the_extended_protocol(few, connect):
    client, speaker = connect(few), connect(few)

    def run(sql):
        client.send(wire.extended(sql) + wire.SYNC)
        tags = [tag for tag, _ in client.recv_until("Z")]
        assert "E" not in tags
        return tags

    run("listen a")
    run("listen b")
    client.query("begin")
    run("unlisten a")
    client.query("rollback")
    assert run("unlisten b") == ["1", "2", "n", "C", "Z"]
    settled(client)
    client.send(wire.parse("bye", "unlisten *") + wire.SYNC)
    client.recv_until("Z")
    speaker.query("notify b; notify a, '1'")
    assert heard(client, 1) == [("a", "1")]
    client.send(wire.bind("", "bye") + wire.execute() + wire.SYNC)
    client.recv_until("Z")
    settled(client)
    speaker.query("notify a, '2'")
    hears_nothing(client, speaker)


def test_names_and_payloads_of_all_kinds(few, connect):
    client, other, speaker = connect(few), connect(few), connect(few)
    for each in (client, other):
        each.query('listen "A ""b\'; drop; $cenote_home$"; listen "ä€"')
        settled(each)
        each.query("unlisten nothing")
        settled(each)
    speaker.query('notify "A ""b\'; drop; $cenote_home$", \'it\'\'s \\\'; '
                  'notify "ä€", \'ü\'')
    for each in (client, other):
        assert heard(each, 2) == [('A "b\'; drop; $cenote_home$', "it's \\"),
                                  ("ä€", "ü")]


# -- once, in order, at the right time

def test_a_transaction_is_not_interrupted(few, connect):
    client, speaker, other = connect(few), connect(few), connect(few)
    other.query("listen news")
    client.query("listen news")
    settled(client)
    settled(other)
    # The other server is the client's now: it speaks itself, and so does the
    # transaction that is not over.
    client.query("begin")
    client.query("notify news, 'mine'")
    client.query("select 1")
    client.query("savepoint s; notify news, 'never'; rollback to s")
    client.send(wire.query("commit"))
    assert [tag for tag, _ in client.recv_until("Z")] == ["C", "Z"]
    assert heard(client, 1) == heard(other, 1) == [("news", "mine")]
    speaker.query("begin; notify news, 'x'; rollback")
    hears_nothing(client, speaker)


def test_inside_a_transaction_nothing_is_told(pg, start, connect):
    pooler = start(configs.plain(pg, pool_size=3, listen="shared"))
    client, other, speaker = connect(pooler), connect(pooler), connect(pooler)
    for each in (other, client):
        each.query("listen news")
        settled(each)
    client.query("begin")
    speaker.query("notify news, 'while'")
    assert heard(other, 1) == [("news", "while")]
    client.send(wire.query("select 1"))
    assert "A" not in [tag for tag, _ in client.recv_until("Z")]
    client.send(wire.query("commit"))
    seen = client.recv_until("Z")
    if "A" not in [tag for tag, _ in seen]:
        seen.append(client.recv())
    assert [pair(body) for tag, body in seen if tag == "A"] == [("news", "while")]


def test_the_change_of_servers_loses_and_doubles_nothing(pg, start, connect):
    """Clients begin to listen while a thread speaks without a pause."""
    pooler = start(configs.plain(pg, pool_size=3, listen="shared"))
    speaker, stop, said = connect(pooler), threading.Event(), []

    def speak():
        while not stop.is_set():
            said.append(len(said))
            speaker.query(f"notify stream, '{said[-1]}'")

    thread = threading.Thread(target=speak)
    thread.start()
    clients, before, messages = [], [], []
    try:
        for _ in range(25):
            client = connect(pooler)
            clients.append(client)
            client.send(wire.query("listen stream"))
            messages.append(client.recv_until("Z"))
            # From here on nothing may be missed.
            before.append(len(said))
            if len(clients) % 2:
                client.send(wire.query("select 1"))
                messages[-1] += client.recv_until("Z")
    finally:
        stop.set()
        thread.join()
    speaker.query("notify stream, 'end'")
    for client, first, seen in zip(clients, before, messages):
        got = [pair(body)[1] for tag, body in seen if tag == "A"]
        while not got or got[-1] != "end":
            got += [payload for _, payload in heard(client, 1)]
        numbers = [int(each) for each in got[:-1]]
        assert numbers == list(range(numbers[0], len(said))) if numbers else True
        assert not numbers or numbers[0] <= first
        assert numbers or first >= len(said) - 1
    assert pins(pooler) == []


def test_what_is_sent_behind_a_listen_is_answered(few, connect):
    clients = [connect(few) for _ in range(6)]
    for number, client in enumerate(clients):
        client.send(wire.query(f"listen a; listen b_{number}")
                    + wire.query("select 1") + wire.query("begin")
                    + wire.query("unlisten a") + wire.query("commit")
                    + wire.query("select 2"))
    for client in clients:
        tags = [tag for tag, _ in client.recv_until("Z", 6)]
        assert "E" not in tags
    speaker = connect(few)
    for number, client in enumerate(clients):
        speaker.query(f"notify a; notify b_{number}, 'x'")
        assert heard(client, 1) == [(f"b_{number}", "x")]


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


def test_a_lost_listening_server_is_told_and_replaced(own_pg, start, connect):
    pooler = start(configs.plain(own_pg, pool_size=2, listen="shared"))
    clients = [connect(pooler) for _ in range(3)]
    for client in clients:
        client.query("listen news")
        settled(client)
    (pid,) = listening_pids(own_pg)
    own_pg.query("select pg_terminate_backend(%s)", pid)
    for client in clients:
        for _ in range(2):  # It is lost; it listens again.
            tag, body = client.recv()
            assert tag == "N"
            fields = wire.error_fields(body)
            assert (fields["S"], fields["C"]) == ("WARNING", "01000")
        assert "listening again" in fields["M"]
    connect(pooler).query("notify news, 'after'")
    for client in clients:
        assert heard(client, 1) == [("news", "after")]


def test_a_restart_of_postgresql(own_pg, start, connect):
    pooler = start(configs.plain(own_pg, pool_size=2, listen="shared",
                                 server_login_retry="200ms"))
    client = connect(pooler)
    client.query("listen news")
    settled(client)
    own_pg.restart()
    texts = [wire.error_fields(client.recv()[1])["M"] for _ in range(2)]
    assert "is lost" in texts[0] and "listening again" in texts[1]
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
    texts = [wire.error_fields(client.recv()[1])["M"] for _ in range(2)]
    assert "listening again" in texts[1]
    connect(few).query("notify news, 'after'")
    assert heard(client, 1) == [("news", "after")]


# -- what keeps its server all the same

def test_a_pool_of_one_server_pins(pg, start, connect):
    pooler = start(configs.plain(pg, pool_size=1, listen="shared"))
    client = connect(pooler)
    client.query("listen news")
    ports.eventually(lambda: pins(pooler) == ["listen"], "a pin")
    client.query("notify news, 'x'")
    client.query("unlisten *")
    ports.eventually(lambda: pins(pooler) == [], "no pin")


def test_another_encoding_pins(few, connect):
    client = connect(few)
    client.query("listen news")
    settled(client)
    other = connect(few, client_encoding="LATIN1")
    other.query("listen news")
    ports.eventually(lambda: pins(few) == ["listen"], "a pin")
    client.query("unlisten *")


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


def test_psycopgs_notifies(few):
    psycopg = pytest.importorskip("psycopg")
    where = dict(host="127.0.0.1", port=few.port("transaction"), dbname="acme",
                 user="app.acme", password=postgres.PASSWORD)
    with psycopg.connect(**where, autocommit=True) as first, \
            psycopg.connect(**where) as second, \
            psycopg.connect(**where, autocommit=True) as speaker:
        first.execute("listen news")
        second.execute("listen news")
        second.commit()
        for connection in (first, second):
            connection.execute("select 1")
        second.commit()
        for number in range(5):
            speaker.execute("select pg_notify('news', %s)", [str(number)])
        for connection in (first, second):
            found = []
            for each in connection.notifies():
                found.append(each.payload)
                if len(found) == 5:
                    break
            assert found == list("01234")
