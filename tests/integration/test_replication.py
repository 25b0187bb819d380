"""Replication connections: one server each, opened for its client, in session
mode; PostgreSQL's own tools through the pooler."""

import contextlib
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import tempfile

import psycopg2
import pytest
from support import configs, pgbouncer, ports, postgres, wire
from support.ports import eventually

WALSENDERS_MAX = 6


@pytest.fixture(scope="module")
def pg():
    """With WAL for logical decoding; `app` may replicate, `other` may not."""
    server = postgres.Postgres(settings={
        "wal_level": "logical", "max_wal_senders": WALSENDERS_MAX,
        "max_replication_slots": 6, "log_replication_commands": "on"})
    with open(server.data / "pg_hba.conf", "a") as hba:
        hba.write("host replication app,other 127.0.0.1/32 scram-sha-256\n")
    server.reload()
    server.query("alter role app replication")
    yield server
    server.destroy()


def walsenders(pg, name: str = None) -> list:
    """(pid, application_name)"""
    rows = pg.query("select pid, application_name from pg_stat_activity where "
                    "backend_type = 'walsender' order by pid")
    return [row for row in rows if name in (None, row[1])]


@pytest.fixture(autouse=True)
def nothing_is_left(pg):
    yield
    eventually(lambda: not walsenders(pg), "all walsenders are gone")
    for row in pg.query("select slot_name from pg_replication_slots"):
        pg.query("select pg_drop_replication_slot(%s)", row[0])


def tool(pooler, name: str, *arguments, database: str = None) -> list:
    more = ["-d", f"dbname={database}"] if database else []
    return [name, "-h", "127.0.0.1", "-p", str(pooler.port("session")), "-U",
            pgbouncer.user_name("app.acme"), *more, *arguments]


def run(command: list) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=120,
                          env={**os.environ, "PGPASSWORD": postgres.PASSWORD})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def lsn(pg) -> str:
    return pg.query("select pg_current_wal_lsn()")[0][0]


# -- the connection itself


def test_physical_and_logical_connections_answer_as_postgres_does(
        shared, pg, connect):
    for kind in ("true", "on", "1", "YES", "database"):
        with wire.Client(port=pg.port) as direct:
            direct.login("app", "acme", postgres.PASSWORD, replication=kind)
            client = connect(shared, "session", replication=kind)
            for sql in ("IDENTIFY_SYSTEM", "SHOW wal_segment_size", "select 1",
                        "select current_database()", "set work_mem = '1MB'",
                        "SHOW work_mem", "nonsense"):
                answers = []
                for one in (direct, client):
                    one.send(wire.query(sql))
                    answers.append([(tag, body) for tag, body in
                                    one.recv_until("Z") if tag != "N"])
                if sql == "IDENTIFY_SYSTEM":  # The position moves on.
                    answers = [[tag for tag, _ in each] for each in answers]
                assert answers[0] == answers[1], (kind, sql)


def test_each_client_has_a_server_of_its_own_that_ends_with_it(
        shared, pg, connect):
    pids = []
    for _ in range(3):
        client = connect(shared, "session", replication="true",
                         application_name="mine")
        client.query("IDENTIFY_SYSTEM")
        pids += [pid for pid, _ in walsenders(pg, "mine") if pid not in pids]
    assert len(pids) == len(walsenders(pg)) == 3
    client.send(wire.TERMINATE)
    client.rest()
    eventually(lambda: len(walsenders(pg)) == 2, "the server is gone")
    again = connect(shared, "session", replication="true", application_name="mine")
    again.query("IDENTIFY_SYSTEM")
    assert [pid for pid, _ in walsenders(pg) if pid not in pids]


def test_settings_travel_with_the_startup_message(shared, pg, connect):
    client = connect(shared, "session", replication="true",
                     application_name="standby 'one'", DateStyle="german",
                     options="-c work_mem=7MB -c search_path=a,\\ b")
    assert client.parameters["DateStyle"] == "German, DMY"
    assert client.value("SHOW work_mem") == "7MB"
    assert client.value("SHOW search_path") == "a, b"
    assert walsenders(pg)[0][1] == "standby 'one'"
    other = connect(shared, "session", replication="true",
                    application_name="standby 'two'")
    assert other.value("SHOW work_mem") != "7MB"
    assert {name for _, name in walsenders(pg)} == {"standby 'one'", "standby 'two'"}


@pytest.mark.parametrize("name", ["user", "database", "replication", "options"])
def test_options_cannot_make_it_somebody_else(shared, connect, name):
    with pytest.raises(wire.ServerError) as caught:
        connect(shared, "session", replication="database",
                options=f"-c {name}=postgres")
    assert caught.value.sqlstate == "08P01"


def test_ordinary_clients_never_meet_a_walsender(shared, pg, connect):
    replica = connect(shared, "session", replication="database")
    replica.query("IDENTIFY_SYSTEM")
    replica.send(wire.TERMINATE)
    replica.rest()
    for kind in ("false", "off", "no", "0", "f"):
        client = connect(shared, "session", replication=kind)
        client.send(wire.extended("select backend_type from pg_stat_activity where "
                                  "pid = pg_backend_pid()") + wire.SYNC)
        rows = [wire.data_row(body) for tag, body in client.recv_until("Z")
                if tag == "D"]
        assert rows == [["client backend"]]


@pytest.mark.parametrize("mode", ["transaction", "session"])
@pytest.mark.parametrize("kind", ["maybe", "", "o", "2"])
def test_a_value_that_says_nothing_gets_postgres_words(
        shared, pg, connect, mode, kind):
    errors = []
    for port, user in ((pg.port, "app"), (shared.port(mode), "app.acme")):
        with wire.Client(port=port) as client:
            with pytest.raises(wire.ServerError) as caught:
                client.login(user, "acme", postgres.PASSWORD, replication=kind)
            errors.append({key: caught.value.fields.get(key) for key in "SVCMH"})
    assert errors[0] == errors[1]


@pytest.mark.parametrize("kind", ["true", "database"])
def test_in_transaction_mode_it_is_refused_at_once(shared, connect, kind):
    with pytest.raises(wire.ServerError) as caught:
        connect(shared, "transaction", replication=kind)
    assert caught.value.fields["S"] == "FATAL"
    assert caught.value.sqlstate == "0A000"
    assert "replication" in caught.value.message


def test_who_may_not_replicate_hears_it_from_postgres(pg, start, connect):
    config = configs.plain(pg)
    config["tenant"][0]["user"].append(configs.user("other"))
    with pytest.raises(wire.ServerError) as caught:
        connect(start(config), "session", user="other.acme", replication="true")
    assert "replication role" in caught.value.message
    assert caught.value.fields["S"] == "FATAL"


def test_console_tells_them_from_others(shared, connect):
    clients = [connect(shared, "session", replication=kind)
               for kind in ("true", "database", "off")]
    for client in clients:
        client.value("SHOW work_mem")
    for what in ("SHOW CLIENTS", "SHOW SERVERS"):
        names, rows = shared.console(what)
        at = names.index("replication")
        kinds = sorted(row[at] for row in rows
                       if row[names.index("database")] == "acme")
        assert kinds.count("physical") == kinds.count("logical") == 1
        assert "none" in kinds


def test_wait_close_waits_for_walsenders_behind_reconnect_only(pg, start, connect):
    """Each is closed behind its client, but nobody asked for it to be replaced."""
    pooler = start(configs.plain(pg))

    def needed() -> list:
        names, rows = pooler.console("show servers")
        return [row[names.index("close_needed")] for row in rows]

    client = connect(pooler, "session", replication="true")
    client.query("IDENTIFY_SYSTEM")
    assert needed() == ["0"]
    pooler.console("wait_close")
    pooler.console("reconnect")
    assert needed() == ["1"]
    client.query("IDENTIFY_SYSTEM")  # It goes on.
    client.send(wire.TERMINATE)
    client.rest()
    pooler.console("wait_close")
    assert needed() == []


# -- limits


def test_walsenders_count_as_servers_of_their_database(pg, start, connect):
    config = configs.plain(pg, max_servers=1, query_wait_timeout="3s")
    pooler = start(config)
    ordinary = connect(pooler, "session")
    # The idle server of the other pool makes room.
    replica = connect(pooler, "session", replication="true")
    replica.query("IDENTIFY_SYSTEM")
    with pytest.raises(wire.ServerError) as caught:
        ordinary.query("select 1")
    assert "query_wait_timeout" in caught.value.message
    replica.send(wire.TERMINATE)
    replica.rest()
    assert connect(pooler, "session").value("select 1") == "1"


def test_when_postgres_has_no_walsender_left_its_words_are_passed_on(
        pg, start, connect):
    pooler = start(configs.plain(pg, pool_size=2 * WALSENDERS_MAX))
    holders = [connect(pooler, "session", replication="true")
               for _ in range(WALSENDERS_MAX)]
    for each in holders:
        each.query("IDENTIFY_SYSTEM")
    late = connect(pooler, "session", replication="true")
    with pytest.raises(wire.ServerError) as caught:
        late.query("IDENTIFY_SYSTEM")
    assert caught.value.sqlstate == "53300"
    assert "max_wal_senders" in caught.value.message
    holders[0].query("IDENTIFY_SYSTEM")  # Nobody else was hurt.


def start_streaming(client, where: str) -> None:
    client.send(wire.query(f"START_REPLICATION {where}"))
    assert client.recv_until("WE")[-1][0] == "W"


def wait_change(client, text: bytes) -> None:
    while True:
        tag, body = client.recv()
        assert tag == "d"
        if text in body:
            return


def test_a_stream_is_no_query_that_takes_too_long(pg, start, connect):
    pooler = start(configs.plain(pg, query_timeout="3s",
                                 transaction_timeout="3s"))
    client = connect(pooler, "session", replication="database")
    client.query("CREATE_REPLICATION_SLOT streamed TEMPORARY LOGICAL test_decoding")
    start_streaming(client, "SLOT streamed LOGICAL 0/0")
    with pytest.raises((wire.ServerError, wire.Gone)):
        connect(pooler, "session").query("select pg_sleep(30)")
    pg.query("create table if not exists slow (word text)", dbname="acme")
    pg.query("insert into slow values ('still here')", dbname="acme")
    wait_change(client, b"still here")
    # Both ways: the stream ends when both sides have said so.
    client.send(wire.copy_data(b"r" + struct.pack("!QQQqb", 0, 0, 0, 0, 1)))
    assert client.recv_until("d")[-1][1][:1] in (b"k", b"w")
    client.send(wire.COPY_DONE)
    tags = [tag for tag, _ in client.recv_until("Z")]
    assert tags[-1] == "Z" and "c" in tags and "C" in tags
    assert client.value("select 'alive'") == "alive"


def test_a_client_that_vanishes_from_its_stream_takes_its_server_along(
        shared, pg, connect):
    client = connect(shared, "session", replication="true")
    start_streaming(client, f"PHYSICAL {lsn(pg)}")
    eventually(lambda: pg.query("select 1 from pg_stat_replication where "
                                "state = 'streaming'"), "it streams")
    client.close()
    eventually(lambda: not walsenders(pg), "the walsender is gone")


# -- PostgreSQL's tools


def test_pg_basebackup(shared, pg, tmp_path):
    where = tmp_path / "base"
    run(tool(shared, "pg_basebackup", "-D", str(where), "-X", "stream", "-c", "fast"))
    run([str(pg.bin / "pg_verifybackup"), str(where)])


def test_pg_receivewal(shared, pg, tmp_path):
    run(tool(shared, "pg_receivewal", "--create-slot", "-S", "wal"))
    # Into a segment, not its border, which would be the one before.
    pg.query("select pg_logical_emit_message(false, 'test', 'a record')")
    segment = pg.query("select pg_walfile_name(pg_current_wal_insert_lsn())")[0][0]
    command = tool(shared, "pg_receivewal", "-D", str(tmp_path), "-S", "wal",
                   "--no-loop", "--no-sync")
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True,
                               env={**os.environ, "PGPASSWORD": postgres.PASSWORD})
    try:
        eventually(lambda: pg.query("select 1 from pg_stat_replication where "
                                    "state = 'streaming'"), "it streams")
        pg.query("select pg_switch_wal()")
        pg.query("checkpoint")
        got = tmp_path / segment
        eventually(got.exists, "a whole segment has come")
    finally:
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=30)[1]
    assert process.returncode == 0, said
    assert got.read_bytes() == pathlib.Path(pg.data / "pg_wal" / segment).read_bytes()
    run(tool(shared, "pg_receivewal", "--drop-slot", "-S", "wal"))


def test_pg_recvlogical(shared, pg, tmp_path):
    slot = ["-S", "words"]
    run(tool(shared, "pg_recvlogical", "--create-slot", "-P", "test_decoding", *slot,
             database="acme"))
    pg.query("create table if not exists words (word text)", dbname="acme")
    pg.query("insert into words select 'word ' || i from generate_series(1, 2000) i",
             dbname="acme")
    # Commits are not waited for: what is inserted is more than what is written.
    end = pg.query("select pg_current_wal_insert_lsn()")[0][0]
    pg.query("insert into words values ('behind the end')", dbname="acme")
    out = tmp_path / "changes"
    run(tool(shared, "pg_recvlogical", "--start", "-f", str(out), "--endpos", end,
             "--no-loop", *slot, database="acme"))
    lines = [line for line in out.read_text().splitlines() if "INSERT" in line]
    assert lines == [f"table public.words: INSERT: word[text]:'word {i}'"
                     for i in range(1, 2001)]
    run(tool(shared, "pg_recvlogical", "--drop-slot", *slot, database="acme"))


def conninfo(pooler, **more) -> str:
    words = {"host": "127.0.0.1", "port": pooler.port("session"),
             "user": pgbouncer.user_name("app.acme"),
             "password": postgres.PASSWORD} | more
    quoted = {key: str(value).replace("\\", "\\\\").replace("'", "\\'")
              for key, value in words.items()}
    return " ".join(f"{key}='{value}'" for key, value in quoted.items())


@pytest.fixture
def standby(shared, pg):
    """A copy of `pg` that follows it through the pooler."""
    home = pathlib.Path(tempfile.mkdtemp(prefix="cenote-standby-"))
    data, port = home / "data", ports.free_port()
    control = [*postgres.as_postgres(), str(pg.bin / "pg_ctl"), "-D", str(data), "-w"]
    try:
        run(tool(shared, "pg_basebackup", "-D", str(data), "-R", "-c", "fast"))
        with open(data / "postgresql.auto.conf", "a") as conf:
            conf.write(f"port = {port}\nunix_socket_directories = '{home}'\n"
                       "cluster_name = 'follower'\nwal_receiver_status_interval = 1\n")
        postgres.give_to_postgres(home, data, *data.rglob("*"))
        data.chmod(0o700)
        run([*control, "-l", str(home / "data" / "log"), "start"])
        yield lambda sql: ask(f"host={home} port={port} user=postgres dbname=acme", sql)
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], capture_output=True)
        shutil.rmtree(home)


def ask(where: str, sql: str) -> list:
    with contextlib.closing(psycopg2.connect(where)) as db, db.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


def test_a_synchronous_standby(pg, standby):
    """Commits wait for a standby by its name, which passes through."""
    eventually(lambda: pg.query("select 1 from pg_stat_replication where state = "
                                "'streaming' and application_name = 'follower'"),
               "it streams")
    pg.query("alter system set synchronous_standby_names = 'follower'")
    pg.reload()
    try:
        eventually(lambda: pg.query("select 1 from pg_stat_replication where "
                                    "sync_state = 'sync'"), "it is waited for")
        pg.query("create table followed (word text)", dbname="acme")
        for i in range(20):
            pg.query("set synchronous_commit = 'remote_apply'; "
                     "insert into followed values (%s)", f"word {i}", dbname="acme")
            assert standby("select count(*) from followed") == [(i + 1,)]
        pg.query("insert into followed select repeat('x', 1000) from "
                 "generate_series(1, 50000)", dbname="acme")
        eventually(lambda: standby("select count(*) from followed") == [(50_020,)],
                   "fifty megabytes came over", seconds=60)
    finally:
        pg.query("alter system reset synchronous_standby_names")
        pg.reload()


def test_a_subscription(shared, pg):
    """PostgreSQL's own logical replication: the copy of what is there, then what
    changes, over two kinds of connections."""
    table = "create table published (id int primary key, word text)"
    pg.query(table, dbname="acme")
    pg.query("grant select on published to app", dbname="acme")
    pg.query("insert into published select i, 'word ' || i from "
             "generate_series(1, 20000) i", dbname="acme")
    pg.query("create publication everything for table published", dbname="acme")
    subscriber = postgres.Postgres()
    try:
        subscriber.query(table, dbname="acme")
        subscriber.query("create subscription follow connection %s publication "
                         "everything", conninfo(shared, dbname="acme"), dbname="acme")

        def rows():
            return subscriber.query("select id, word from published order by id",
                                    dbname="acme")

        eventually(lambda: len(rows()) == 20_000, "the table is copied")
        pg.query("update published set word = 'changed' where id = 7", dbname="acme")
        pg.query("delete from published where id > 10", dbname="acme")
        wanted = pg.query("select id, word from published order by id", dbname="acme")
        assert len(wanted) == 10
        eventually(lambda: rows() == wanted, "the changes came")
        subscriber.query("drop subscription follow", dbname="acme")
        assert not pg.query("select 1 from pg_replication_slots")
    finally:
        subscriber.destroy()
