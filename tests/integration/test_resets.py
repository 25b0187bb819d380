"""RESET, SET … TO DEFAULT and DISCARD ALL go back to what the client gave at its start,
though its server was opened with other settings."""

import pytest
from support import configs, postgres, wire
from support.twins import twins

GIVEN = {"TimeZone": "asia/kolkata", "work_mem": "11MB", "application_name": "resets",
         "options": "-c search_path=public,pg_catalog -c app.given=it's\\ \\\\"}
LOOK = ("select current_setting('timezone'), current_setting('work_mem'), "
        "current_setting('application_name'), current_setting('enable_sort'), "
        "current_setting('search_path'), current_setting('app.given', true)")
RESETS = ["reset timezone", "reset all", "discard all", "set timezone to default",
          "select 1; reset work_mem", "set timezone = 'UTC'; reset all",
          "begin; reset all; commit", "begin; reset timezone; rollback",
          f"/* {'long' * 5000} */ reset all"]


# In blocks, and in strings of statements with something that looks.
BLOCKS = [
    f"begin; reset timezone; reset work_mem; {LOOK}; commit",
    f"set timezone = 'UTC'; reset all; {LOOK}",
    "begin; reset all; commit", "begin; reset timezone; rollback",
    f"begin; set timezone = 'UTC'; savepoint s; reset timezone; {LOOK}; rollback to s; "
    f"{LOOK}; commit",
    f"begin; set timezone = 'UTC'; savepoint s; reset all; {LOOK}; release s; {LOOK}; "
    "rollback",
    f"begin; set local timezone to default; set local search_path = default; {LOOK}; "
    "commit",
    f"begin; set work_mem = '3MB'; set work_mem to default; {LOOK}; select 1/0",
    f"reset all; {LOOK}; select 'a string'::int", "reset all; selec", "reset nothing",
    f"reset search_path; reset app.given; {LOOK}", f"set time zone local; {LOOK}",
    "begin; reset timezone; set transaction isolation level serializable; commit",
    "/* \u00e4 */ reset timezone; select nofunction()",
]


@pytest.fixture(scope="module", params=["session", "transaction"])
def mode(request):
    return request.param


@pytest.fixture(scope="module")
def sessions(pg, module_start):
    config = configs.plain(pg)
    config["tenant"][0]["database"] = [configs.database(pg, "acme", pool_size=3)]
    return module_start(config)


@pytest.fixture
def both(pg, sessions, mode):
    with twins(pg, sessions.port(mode), **GIVEN) as clients:
        yield clients


def answers(client, data: bytes, count: int) -> list:
    client.send(data)
    return [(tag, body) for tag, body in client.recv_until("Z", count) if tag != "S"]


def alike(both, data: bytes, count: int = 1):
    direct, through = (answers(client, data, count) for client in both)
    assert through == direct


@pytest.mark.parametrize("sql", RESETS)
def test_it_is_as_without_a_pooler(both, mode, sql):
    alike(both, wire.query("set timezone = 'UTC'; set work_mem = '2MB'; "
                           "set enable_sort = off"))
    alike(both, wire.query(sql))
    alike(both, wire.query(LOOK))
    assert both[1].parameters["TimeZone"] == both[0].parameters["TimeZone"]
    if mode == "session":
        alike(both, wire.query("select name from pg_prepared_statements"))


SETS = "set timezone = 'UTC'; set work_mem = '2MB'; set search_path = public"


@pytest.mark.parametrize("sql", BLOCKS)
def test_inside_a_transaction(both, sql):
    """Where it stands, behind it, and when the transaction is over."""
    direct, through = both
    for sets in (SETS, "select 1"):
        alike(both, wire.query(sets))
        alike(both, wire.query(sql))
        assert through.parameters == direct.parameters | {"server_version":
                                                          through.parameters
                                                          ["server_version"]}
        alike(both, wire.query(f"rollback; {LOOK}"))
        alike(both, wire.query(SETS))
        # The same, statement by statement.
        parts = [wire.query(part) for part in sql.split("; ")]
        alike(both, b"".join(parts) + wire.query("rollback") + wire.query(LOOK),
              len(parts) + 2)
        for part in parts:
            alike(both, part)
            assert through.parameters == direct.parameters
        alike(both, wire.query("rollback"))
        alike(both, wire.query(LOOK))
        assert through.parameters == direct.parameters


@pytest.mark.parametrize("sql", [
    "begin; reset timezone; rollback; show timezone", "select 1; reset all; select x"])
def test_inside_a_transaction_cut_at_every_byte(both, sql):
    direct, through = both
    before = wire.query("set timezone = 'UTC'")
    data = before + wire.query(sql) + wire.query("show timezone")
    wanted = answers(direct, data, 3)
    for at in range(len(before), len(data)):
        through.send_cut(data, at)
        got = [(tag, body) for tag, body in through.recv_until("Z", 3) if tag != "S"]
        assert got == wanted, at


def test_what_is_sent_behind_finds_it(both):
    for sql in RESETS[:6]:
        alike(both, wire.query("set timezone = 'UTC'") + wire.query(sql)
              + wire.query(LOOK) + wire.extended(LOOK) + wire.SYNC + wire.query(LOOK), 5)


@pytest.mark.parametrize("sql", ["reset timezone", "reset all", "set timezone = default"])
@pytest.mark.parametrize("end", ["commit", "rollback", "rollback to s"])
def test_by_the_extended_protocol_inside_a_transaction(both, sql, end):
    alike(both, wire.query("set timezone = 'UTC'; set work_mem = '2MB'"))
    alike(both, wire.query("begin; savepoint s"))
    alike(both, wire.extended(sql) + wire.extended(LOOK) + wire.SYNC)
    alike(both, wire.query(LOOK))
    alike(both, wire.parse("again", sql) + wire.SYNC)
    for _ in range(2):
        alike(both, wire.query("set timezone = 'UTC'"))
        alike(both, wire.bind("", "again") + wire.execute() + wire.SYNC
              + wire.extended(LOOK) + wire.SYNC, 2)
    alike(both, wire.query(end))
    alike(both, wire.query(LOOK))
    alike(both, wire.query("rollback"))
    alike(both, wire.query(LOOK))
    assert both[1].parameters["TimeZone"] == both[0].parameters["TimeZone"]


EXTENDED = ["reset timezone", "RESET TimeZone ; ", "reset all", "discard all",
            "set timezone to default", "set time zone local", "reset work_mem",
            "/* first */ reset search_path -- last", "set search_path to default",
            "reset app.given", "reset enable_sort", "reset nothing",
            "reset timezone; reset work_mem", f"/* {'long' * 900} */ reset timezone",
            f"/* {'long' * 900} */ reset all", f"/* {'long' * 15000} */ reset timezone",
            f"/* {'long' * 15000} */ reset all"]


def alike_to_the_letter(both, data: bytes, count: int = 1):
    """ParameterStatus, too, and its place."""
    direct, through = both
    for client in both:
        client.send(data)
    assert through.recv_until("Z", count) == direct.recv_until("Z", count)
    assert through.parameters == direct.parameters | {
        "server_version": through.parameters["server_version"]}


@pytest.mark.parametrize("name", ["", "named"])
@pytest.mark.parametrize("sql", EXTENDED)
def test_by_the_extended_protocol(both, mode, sql, name):
    alike(both, wire.query(SETS))
    do = (wire.parse(name, sql) + wire.describe("S", name) + wire.bind("", name)
          + wire.describe() + wire.execute())
    alike_to_the_letter(both, do + wire.SYNC)
    alike(both, wire.query(LOOK))
    alike(both, wire.extended(LOOK) + wire.SYNC)
    if mode == "session":
        # (Our text stands in this view, the client's does not.)
        alike(both, wire.query("select name from pg_prepared_statements"))
    # Bound again, in a block and by a portal with a name, among other things.
    alike(both, wire.query(SETS))
    alike(both, wire.query("begin"))
    alike(both, wire.bind("p", name) + wire.parse("", "select 1") + wire.bind()
          + wire.execute() + wire.SYNC)
    alike_to_the_letter(both, wire.execute("p") + wire.SYNC)
    alike(both, wire.query("rollback"))
    alike(both, wire.query(LOOK))


def test_a_name_goes_and_comes_back(both):
    """What a name stands for when its Parse fails, is skipped, is closed first."""
    alike(both, wire.query(SETS))
    alike(both, wire.parse("a", "reset timezone") + wire.SYNC)
    alike(both, wire.parse("a", "select 1") + wire.SYNC)
    for wrong in ("select 1/0", "select nothing"):
        alike(both, wire.extended(wrong) + wire.close("S", "a")
              + wire.parse("a", "select 2") + wire.SYNC)
        alike_to_the_letter(both, wire.bind("", "a") + wire.execute() + wire.SYNC)
    alike(both, wire.close("S", "a") + wire.parse("a", "set work_mem = '3MB'")
          + wire.bind("", "a") + wire.execute() + wire.SYNC)
    alike(both, wire.parse("b", "reset work_mem") + wire.SYNC)
    alike(both, wire.query("deallocate all"))
    alike(both, wire.parse("b", "set work_mem = '5MB'") + wire.bind("", "b")
          + wire.execute() + wire.SYNC)
    alike(both, wire.query(LOOK))


def test_the_unnamed_statement_comes_back(both):
    alike(both, wire.query(SETS))
    alike(both, wire.parse("", "reset timezone") + wire.SYNC)
    alike(both, wire.bind("", "nothing") + wire.parse("", "set work_mem = '3MB'")
          + wire.SYNC)
    alike_to_the_letter(both, wire.bind() + wire.execute() + wire.SYNC)
    alike(both, wire.query(LOOK))


@pytest.mark.parametrize("sql", ["reset timezone", "reset all", "set timezone = default"])
@pytest.mark.parametrize("begin", ["begin", "select 1"])
def test_rows_that_are_left_stay(both, sql, begin):
    """A portal that was not read to its end, while others are executed."""
    alike(both, wire.query(SETS))
    alike(both, wire.query(begin))
    rows = wire.parse("", "select generate_series(1, 7)")
    alike(both, wire.parse("r", sql) + rows + wire.bind() + wire.execute("", 2)
          + wire.bind("p", "r") + wire.execute("p") + wire.execute("", 2)
          + wire.bind("q", "r") + wire.execute("q") + wire.execute("", 1) + wire.SYNC)
    alike(both, wire.execute("", 1) + wire.SYNC)
    alike(both, wire.query("rollback"))
    alike(both, wire.query("select name from pg_cursors"))
    alike(both, wire.query(LOOK))


@pytest.mark.parametrize("bytes_more", [4_000, 60_000])
def test_a_long_text_cut_in_pieces(both, bytes_more):
    direct, through = both
    before = wire.query("set timezone = 'UTC'")
    sql = f"/* {'x' * bytes_more} */ select set_config('TimeZone', null, false)"
    data = before + wire.extended(sql) + wire.SYNC + wire.query("show timezone")
    wanted = answers(direct, data, 3)
    for at in range(len(before), len(data), bytes_more // 40):
        through.send_cut(data, at)
        got = [(tag, body) for tag, body in through.recv_until("Z", 3) if tag != "S"]
        assert got == wanted, at


@pytest.mark.parametrize("sql", ["reset timezone", "reset all"])
def test_by_the_extended_protocol_cut_at_every_byte(both, sql):
    direct, through = both
    before = wire.query("set timezone = 'UTC'")
    data = before + wire.extended(sql) + wire.SYNC + wire.query("show timezone")
    wanted = answers(direct, data, 3)
    for at in range(len(before), len(data)):
        through.send_cut(data, at)
        got = [(tag, body) for tag, body in through.recv_until("Z", 3) if tag != "S"]
        assert got == wanted, at


NULLS = ["select set_config('TimeZone', null, false)",
         "select set_config('work_mem', null::text, true), current_setting('work_mem')",
         "select set_config('search_path', null, false)",
         "select set_config('app.given', null, false)",
         "select set_config('enable_sort', null, false)",
         "begin; select set_config('TimeZone', null, false); rollback",
         "select set_config('TimeZone', null, false), nocolumn",
         "select set_config('work_mem', null, false); reset timezone",
         f"select set_config('TimeZone', null, false) /* {'long' * 15000} */"]


@pytest.mark.parametrize("sql", NULLS)
def test_set_config_with_null(both, sql):
    alike(both, wire.query(SETS))
    alike_to_the_letter(both, wire.query(sql))
    alike(both, wire.query(LOOK))
    for part in sql.split("; "):
        alike(both, wire.query(SETS))
        alike_to_the_letter(both, wire.parse("", part) + wire.describe("S")
                            + wire.bind() + wire.execute() + wire.SYNC)
        alike(both, wire.query(LOOK))
    alike(both, wire.query("rollback"))


@pytest.mark.parametrize("setting", [b"TimeZone", b"timezone", b"work_mem", b"enable_sort",
                                     b"app.given", b"search_path"])
@pytest.mark.parametrize("value", [None, b"off", b"UTC", b"9MB"])
def test_set_config_with_parameters(both, setting, value):
    alike(both, wire.query(SETS))
    alike(both, wire.parse("a", "select set_config($1, $2, false)")
          + wire.describe("S", "a") + wire.SYNC)
    alike_to_the_letter(both, wire.bind("", "a", [setting, value]) + wire.execute()
                        + wire.SYNC)
    alike(both, wire.query(LOOK))
    alike(both, wire.parse("", f"select set_config('{setting.decode()}', $1, true), "
                           "current_setting('timezone')")
          + wire.describe("S") + wire.bind("", "", [value]) + wire.execute() + wire.SYNC)
    alike(both, wire.query(LOOK))


@pytest.mark.parametrize("given", ["public", '"$user",\\ public', "b,a", '"Odd"', "user"])
def test_a_search_path_takes_no_snapshot(pg, sessions, mode, given):
    with wire.Client(port=pg.port) as direct, \
            wire.Client(port=sessions.port(mode)) as through:
        for client, user in ((direct, "app"), (through, "app.acme")):
            client.login(user, "acme", postgres.PASSWORD,
                         options=f"-c search_path={given}")
        pair = direct, through
        isolated = "set transaction isolation level serializable"
        alike(pair, wire.query("set search_path = pg_catalog"))
        if given not in ("b,a", "user"):  # Spelled otherwise: docs/session-state.md.
            alike(pair, wire.query(f"begin; reset search_path; {isolated}; commit"))
            alike(pair, wire.query("begin") + wire.extended("reset search_path")
                  + wire.extended(isolated) + wire.SYNC + wire.query("commit"), 3)
            alike(pair, wire.query(f"begin; reset all; {isolated}; rollback"))
        for sql in ("reset search_path", "set search_path to default", "reset all"):
            alike(pair, wire.query(f"set search_path = pg_catalog; {sql}"))
            alike(pair, wire.query("show search_path"))
            alike(pair, wire.extended(sql) + wire.SYNC)
            alike(pair, wire.query("show search_path"))


def test_every_cut(both):
    direct, through = both
    data = wire.query("reset all") + wire.query(LOOK)
    wanted = answers(direct, data, 2)
    for at in range(1, len(data)):
        through.query("set work_mem = '3MB'")
        through.send_cut(data, at)
        got = [(tag, body) for tag, body in through.recv_until("Z", 2) if tag != "S"]
        assert got == wanted, at


def test_the_next_client_sees_nothing_of_it(both, sessions, mode):
    if mode != "session":
        pytest.skip("of one server that a client keeps")
    through = both[1]
    through.query("reset all; set work_mem = '5MB'")
    pid = through.value("select pg_backend_pid()")
    through.close()
    with wire.Client(port=sessions.port("session")) as other:
        other.login("app.acme", "acme", postgres.PASSWORD)
        assert other.value("select pg_backend_pid()") == pid
        assert other.value("show work_mem") == "4MB"
