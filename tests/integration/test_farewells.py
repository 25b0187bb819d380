"""Servers that are closed while PostgreSQL works for them: they keep their place in
pool and limits until it has ended them, and are canceled so that it does."""

import pytest
from support import configs, postgres, wire
from support.ports import eventually

SLEEP = "select pg_sleep(60)"
# Catches what should end it.
DEAF = """do $$ begin loop
            begin perform pg_sleep(60); exception when query_canceled then null; end;
          end loop; end $$"""


def busy(pg) -> int:
    return pg.query("select count(*) from pg_stat_activity where usename = 'app' and "
                    "state = 'active'")[0][0]


def ask(pg, client, sql: str, behind: bytes = b"") -> None:
    """Until PostgreSQL works on it."""
    before = busy(pg)
    client.send(wire.query(sql) + behind)
    eventually(lambda: busy(pg) > before, "PostgreSQL works on it")


@pytest.mark.parametrize("limit", ["pool_size", "max_servers"])
@pytest.mark.parametrize("mode", ["transaction", "session"])
def test_a_message_cut_behind_a_query(pg, start, connect, mode, limit):
    config = configs.plain(pg, pool_size=2 if limit == "pool_size" else 9)
    if limit == "max_servers":
        config["tenant"][0]["max_servers"] = 2
    pooler = start(config)
    for _ in range(8):
        client = connect(pooler, mode)
        client.send(wire.query(SLEEP) + wire.copy_data(b"x" * 50)[:20])
        eventually(lambda: busy(pg) > 0, "PostgreSQL works on it")
        client.close()
        assert len(pg.server_pids()) <= 2
    eventually(lambda: busy(pg) == 0, "all of it was canceled")
    assert connect(pooler, mode).value("select 1") == "1"


def test_work_behind_terminate_is_finished(pg, start, connect):
    pg.query("create table left_work (x int); grant all on left_work to public",
             dbname="acme")
    pooler = start(configs.plain(pg, pool_size=1))
    client, other = connect(pooler), connect(pooler)
    # What is held back (the first text of a pool is) would be nobody's.
    assert client.value("select 1") == "1"
    ask(pg, client, "select pg_sleep(1); insert into left_work values (1)", wire.TERMINATE)
    client.close()
    assert other.value("select count(*) from left_work") == "1"
    assert len(pg.server_pids()) == 1


def test_query_timeout_ends_work_behind_terminate(pg, start, connect):
    pooler = start(configs.plain(pg, pool_size=1, query_timeout="1s"))
    client, other = connect(pooler), connect(pooler)
    assert client.value("select 1") == "1"
    ask(pg, client, SLEEP, wire.TERMINATE)
    client.close()
    assert other.value("select 1") == "1"
    assert len(pg.server_pids()) == 1


def test_kill_under_load(pg, start, connect):
    pooler = start(configs.plain(pg, pool_size=2))
    for _ in range(4):
        clients = [connect(pooler) for _ in range(2)]
        for client in clients:
            client.send(wire.query(SLEEP))
        eventually(lambda: busy(pg) == 2, "both queries run")
        pooler.console("kill acme")
        pooler.console("resume acme")
        for client in clients:
            assert "E" in [tag for tag, _ in client.recv_all()]
        assert len(pg.server_pids()) <= 2
    assert connect(pooler).value("select 1") == "1"


def test_who_catches_cancels_keeps_its_place(pg, start, connect):
    pooler = start(configs.plain(pg, pool_size=1))
    ask(pg, connect(pooler), DEAF)
    pooler.console("kill acme")
    pooler.console("resume acme")
    with wire.Client(port=pooler.port()) as other:
        other.send(wire.startup("app.acme", "acme"))
        other.wait_taken()
        assert len(pg.server_pids()) == 1
        pg.terminate()
        other.authenticate("app.acme", postgres.PASSWORD)
        assert other.value("select 1") == "1"
