"""Session mode: RESET, SET … TO DEFAULT and DISCARD ALL go back to what the client
gave at its start, though its server was opened with other settings."""

import pytest
from support import configs, postgres, wire

GIVEN = {"TimeZone": "Asia/Kolkata", "work_mem": "11MB", "application_name": "resets"}
LOOK = ("select current_setting('timezone'), current_setting('work_mem'), "
        "current_setting('application_name'), current_setting('enable_sort')")
RESETS = ["reset timezone", "reset all", "discard all", "set timezone to default",
          "select 1; reset work_mem", "set timezone = 'UTC'; reset all",
          "begin; reset all; commit", "begin; reset timezone; rollback",
          f"/* {'long' * 5000} */ reset all"]


@pytest.fixture(scope="module")
def sessions(pg, module_start):
    config = configs.plain(pg)
    config["tenant"][0]["database"] = [configs.database(pg, "acme", pool_size=3)]
    return module_start(config)


@pytest.fixture
def both(pg, sessions):
    """The same client twice: at PostgreSQL, and through the pooler."""
    with wire.Client(port=pg.port) as direct, \
            wire.Client(port=sessions.port("session")) as through:
        direct.login("app", "acme", postgres.PASSWORD, **GIVEN)
        through.login("app.acme", "acme", postgres.PASSWORD, **GIVEN)
        yield direct, through


def answers(client, data: bytes, count: int) -> list:
    client.send(data)
    return [(tag, body) for tag, body in client.recv_until("Z", count) if tag != "S"]


def alike(both, data: bytes, count: int = 1):
    direct, through = (answers(client, data, count) for client in both)
    assert through == direct


@pytest.mark.parametrize("sql", RESETS)
def test_it_is_as_without_a_pooler(both, sql):
    alike(both, wire.query("set timezone = 'UTC'; set work_mem = '2MB'; "
                           "set enable_sort = off"))
    alike(both, wire.query(sql))
    alike(both, wire.query(LOOK))
    assert both[1].parameters["TimeZone"] == both[0].parameters["TimeZone"]
    alike(both, wire.query("select name from pg_prepared_statements"))


def test_what_is_sent_behind_finds_it(both):
    for sql in RESETS[:6]:
        alike(both, wire.query("set timezone = 'UTC'") + wire.query(sql)
              + wire.query(LOOK) + wire.extended(LOOK) + wire.SYNC + wire.query(LOOK), 5)


@pytest.mark.parametrize("sql", ["reset timezone", "reset all", "discard all"])
def test_by_the_extended_protocol(both, sql):
    alike(both, wire.query("set timezone = 'UTC'; set work_mem = '2MB'"))
    alike(both, wire.extended(sql) + wire.SYNC)
    alike(both, wire.query(LOOK))
    alike(both, wire.extended(LOOK) + wire.SYNC)


def test_every_cut(both):
    direct, through = both
    data = wire.query("reset all") + wire.query(LOOK)
    wanted = answers(direct, data, 2)
    for at in range(1, len(data)):
        through.query("set work_mem = '3MB'")
        through.send_cut(data, at)
        got = [(tag, body) for tag, body in through.recv_until("Z", 2) if tag != "S"]
        assert got == wanted, at


def test_the_next_client_sees_nothing_of_it(both, sessions):
    through = both[1]
    through.query("reset all; set work_mem = '5MB'")
    pid = through.value("select pg_backend_pid()")
    through.close()
    with wire.Client(port=sessions.port("session")) as other:
        other.login("app.acme", "acme", postgres.PASSWORD)
        assert other.value("select pg_backend_pid()") == pid
        assert other.value("show work_mem") == "4MB"
