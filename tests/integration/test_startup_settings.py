"""What a client sets in its startup message: the greeting is PostgreSQL's own, whoever
had the server before, and so is the refusal of what PostgreSQL would not take."""

import pytest
from support import configs, ports, postgres, wire

PASSWORD = postgres.PASSWORD
SPELLINGS = [
    {"DateStyle": "dmy"},
    {"datestyle": "iso, dmy"},
    {"DateStyle": "German", "options": "-c datestyle=ymd"},
    {"options": "-c datestyle=german -c DateStyle=iso -c extra_float_digits=1"},
    {"TimeZone": "utc"},
    {"timezone": "europe/paris", "work_mem": "11MB"},
    {"timezone": "-3"},
    {"client_encoding": "utf-8", "standard_conforming_strings": "1"},
    {"client_encoding": "latin-1", "application_name": "L\u00e4"},
    {"default_transaction_read_only": "tru", "intervalstyle": "ISO_8601"},
    {"application_name": "\u00e4 \t", "TimeZone": "utc"},
    {"application_name": "plain", "TimeZone": "utc"},
    {"application_name": "plain"},
    {"options": "-e -S 65 -fs"},
    {"options": "-eS65 -f seqscan -c timezone=utc"},
    {"options": "-e", "DateStyle": "German"},
    {"options": "-E -e-work-mem=65kB -jbnT -C x -D x -r x -v 3"},
]
INVALID = [
    {"TimeZone": "Nowhere"},
    {"DateStyle": "ISO, Klingon"},
    {"client_encoding": "KLINGON"},
    {"work_mem": "much"},
    {"options": "-c default_transaction_read_only=perhaps"},
    {"nothing_of_that_name": "1"},
    {"server_version": "1"},
    {"options": "-c log_min_messages=debug1"},
    {"application_name": "fine", "extra_float_digits": "99"},
    *({"options": each} for each in (
        "-S much", "-B 64", "-N 5", "-F", "-l", "-i", "-h x", "-k /tmp", "-p 5", "-O", "-s",
        "-tpa", "-t planner", "-te", "-d 0", "-d1", "-d 3", "-S", "-x", "-ex", "-f x", "-fx",
        "-t p", "nonsense", "-e nonsense", "a -e b", "a -z", "a\\ b", "-c a", "-ca-b", "--a-b",
        "-c", "-", "-- -e")),
]


@pytest.fixture(scope="module", params=["transaction", "session"])
def mode(request):
    return request.param


@pytest.fixture(scope="module")
def single(pg, module_start):
    """A pool of one server: what one client leaves, the next one finds."""
    config = configs.plain(pg)
    config["tenant"][0]["database"] = [configs.database(pg, "acme", pool_size=1)]
    return module_start(config)


def log_in(port: int, user: str, parameters: dict):
    """(the client, what it was told), or (None, the error)."""
    client = wire.Client(port=port)
    try:
        greeting = client.login(user, "acme", PASSWORD, **parameters)
    except wire.ServerError as error:
        client.close()
        return None, {key: error.fields.get(key) for key in "SVCMDH"}
    return client, sorted(body for tag, body in greeting if tag == "S")


@pytest.mark.parametrize("parameters", SPELLINGS, ids=lambda x: "_".join(x.values()))
def test_the_greeting_is_postgresqls(pg, single, mode, connect, parameters):
    direct, wanted = log_in(pg.port, "app", parameters)
    look = ("select current_setting('datestyle'), current_setting('timezone'), "
            "current_setting('work_mem'), current_setting('application_name'), "
            "current_setting('enable_seqscan')")
    value = direct.query(look)[1]
    direct.query("set datestyle = 'SQL, YMD'; reset datestyle")
    after = direct.query("show datestyle")[1]
    direct.close()
    for _ in range(3):  # The first asks PostgreSQL.
        with connect(single, mode) as other:
            other.query("set datestyle = 'Postgres, YMD'; set timezone = 'Asia/Tokyo'")
        through, got = log_in(single.port(mode), "app.acme", parameters)
        with through:
            assert got == wanted
            through.send(wire.query(look))
            told = through.recv_until("Z")
            assert "S" not in [tag for tag, _ in told]
            assert [wire.data_row(body) for tag, body in told if tag == "D"] == value
            through.query("set datestyle = 'SQL, YMD'; reset datestyle")
            assert through.query("show datestyle")[1] == after


@pytest.mark.parametrize("parameters", INVALID, ids=lambda x: "_".join(x.values()))
def test_the_refusal_is_postgresqls(pg, single, mode, connect, parameters):
    _, wanted = log_in(pg.port, "app", parameters)
    assert wanted["S"] == "FATAL"
    for _ in range(2):
        client, got = log_in(single.port(mode), "app.acme", parameters)
        assert client is None
        assert got == wanted
        with connect(single, mode) as other:  # Nothing of it is left.
            assert other.value("show work_mem") == "4MB"


def greeted_at_once(pooler, **parameters) -> bool:
    with wire.Client(port=pooler.port()) as client:
        client.login("app.acme", "acme", PASSWORD, **parameters)
    return True


def waiting(pooler) -> str:
    names, rows = pooler.console("show pools")
    at = names.index("cl_waiting")
    return [row[at] for row in rows if row[0] == "acme"]


def begin_login(pooler, **parameters):
    """A client that has heard AuthenticationOk, but no greeting yet."""
    client = wire.Client(port=pooler.port())
    client.send(wire.startup("app.acme", "acme", **parameters))
    scram = wire.Scram(PASSWORD)
    client.recv_until("R")
    first = scram.first()
    client.send(wire.message("p", wire.cstr("SCRAM-SHA-256")
                             + len(first).to_bytes(4, "big") + first))
    client.send(wire.message("p", scram.final(client.recv()[1][4:])))
    assert client.recv_until("R", 2)[-1][1] == b"\0\0\0\0"
    return client


def test_a_login_waits_for_a_server_only_where_nobody_said_the_same(pg, start, connect):
    pooler = start(configs.plain(pg, pool_size=1))
    holder = connect(pooler)
    holder.query("begin")
    assert greeted_at_once(pooler, application_name="x", TimeZone=pooler_zone(holder))
    late, vanishing = (begin_login(pooler, TimeZone="utc") for _ in range(2))
    ports.eventually(lambda: waiting(pooler) == ["2"], "both wait")
    vanishing.close()
    ports.eventually(lambda: waiting(pooler) == ["1"], "one waits")
    late.send(wire.query("show timezone") + wire.query("select 2"))  # Early, but fine.
    holder.query("commit")
    told = late.recv_until("Z", 3)
    assert [tag for tag, _ in told if tag != "S"][:2] == ["K", "Z"]
    assert [wire.data_row(body) for tag, body in told if tag == "D"] == [["UTC"], ["2"]]
    holder.query("begin")
    assert greeted_at_once(pooler, TimeZone="utc")
    late.close()


def pooler_zone(client) -> str:
    return client.parameters["TimeZone"]


def test_a_login_that_waits_has_the_time_of_a_query(pg, start, connect):
    pooler = start(configs.plain(pg, pool_size=1, query_wait_timeout="200ms"))
    connect(pooler).query("begin")
    client = begin_login(pooler, TimeZone="utc")
    tag, body = client.recv()
    assert (tag, wire.error_fields(body)["S"]) == ("E", "FATAL")
    assert client.rest() == b""


def test_a_login_cut_at_every_byte(single, mode):
    hello = wire.startup("app.acme", "acme", TimeZone="utc", DateStyle="german")
    for at in range(1, len(hello)):
        with wire.Client(port=single.port(mode)) as client:
            client.send_cut(hello, at)
            client.authenticate("app.acme", PASSWORD)
            assert client.parameters["DateStyle"] == "German, DMY"


def test_another_default_is_another_greeting(pg, start, connect):
    """What a spelling amounts to rests on the defaults of the role."""
    pooler = start(configs.plain(pg))
    assert connect(pooler, DateStyle="dmy").parameters["DateStyle"] == "ISO, DMY"
    try:
        pg.query("alter role app in database acme set datestyle = 'SQL'")
        pooler.console("reconnect")
        connect(pooler).query("select 1")
        ports.eventually(lambda: connect(pooler, DateStyle="dmy").parameters["DateStyle"]
                         == "SQL, DMY", "the new default is known")
    finally:
        pg.query("alter role app in database acme reset datestyle")
