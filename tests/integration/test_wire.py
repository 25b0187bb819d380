"""A raw client says the same to PostgreSQL and through the pooler, whole, cut at
every byte and byte by byte; every answer must be PostgreSQL's, byte for byte."""

import pytest
from scenarios import SCENARIOS, SCHEMA, SESSION_SCENARIOS
from support import configs, postgres, wire

# The cuts of long scenarios are spread; short ones are cut at every byte.
CUTS_MAX = 160


def comparable(messages: list) -> list:
    """Without what rightly differs: ParameterStatus comes when it likes, and
    NotificationResponse starts with a process id."""
    kept = []
    for tag, body in messages:
        if tag == "S":
            continue
        kept.append((tag, body[4:] if tag == "A" else body))
    return kept


def converse(client: wire.Client, steps: list, cut=None) -> list:
    """`cut`: None (whole), "bytes", or an offset within each step."""
    seen = []
    for data, (tags, count) in steps:
        if cut is None:
            client.send(data)
        elif cut == "bytes":
            client.send_cut(data, *range(1, len(data)))
        else:
            client.send_cut(data, cut)
        seen += client.recv_until(tags, count)
    return comparable(seen)


def cuts(steps: list) -> list:
    longest = max(len(data) for data, _ in steps)
    step = max(1, longest // CUTS_MAX)
    return list(range(1, longest, step))


@pytest.fixture(scope="module", autouse=True)
def schema(pg):
    with wire.Client(port=pg.port) as client:
        client.login("app", "acme", postgres.PASSWORD)
        client.query(SCHEMA)


@pytest.fixture
def direct(pg):
    with wire.Client(port=pg.port) as client:
        client.login("app", "acme", postgres.PASSWORD)
        yield client


def compare(direct, through, steps: list, manner) -> None:
    expected = converse(direct, steps)
    got = converse(through, steps, manner)
    assert got == expected, f"sent {manner or 'whole'}"


CASES = ([("transaction", name) for name in SCENARIOS]
         + [("session", name) for name in SCENARIOS | SESSION_SCENARIOS])


def steps_of(name: str) -> list:
    return (SCENARIOS | SESSION_SCENARIOS)[name]


@pytest.mark.parametrize("mode,name", CASES)
def test_sent_whole(shared, direct, connect, mode, name):
    through = connect(shared, mode)
    for _ in range(3):
        compare(direct, through, steps_of(name), None)


@pytest.mark.parametrize("mode,name", CASES)
def test_sent_byte_by_byte(shared, direct, connect, mode, name):
    compare(direct, connect(shared, mode), steps_of(name), "bytes")


@pytest.mark.parametrize("mode,name", CASES)
def test_cut_at_every_byte(shared, direct, connect, mode, name):
    through = connect(shared, mode)
    steps = steps_of(name)
    expected = converse(direct, steps)
    for cut in cuts(steps):
        assert converse(through, steps, cut) == expected, f"cut at {cut}"


@pytest.mark.parametrize("mode", ["transaction", "session"])
def test_all_scenarios_in_a_row_on_one_connection(shared, direct, connect, mode):
    through = connect(shared, mode)
    for name, steps in SCENARIOS.items():
        assert converse(through, steps) == converse(direct, steps), name


def test_clients_never_see_each_others_answers(shared, connect):
    """Twelve clients on five servers, each with its own marks, interleaved."""
    clients = [connect(shared) for _ in range(12)]
    for turn in range(30):
        for number, client in enumerate(clients):
            mark = f"{number}-{turn}"
            client.send(wire.extended("select $1::text", [mark.encode()]) + wire.SYNC
                        + wire.query(f"select 'q{mark}'"))
        for number, client in enumerate(clients):
            rows = [wire.data_row(body) for tag, body in client.recv_until("Z", 2)
                    if tag == "D"]
            assert rows == [[f"{number}-{turn}"], [f"q{number}-{turn}"]]


def test_clients_share_names_and_never_statements(shared, connect):
    """Twelve clients call different statements by the same names."""
    clients = [connect(shared) for _ in range(12)]
    for number, client in enumerate(clients):
        client.send(wire.parse("mine", f"select {number} * 100 + $1::int") + wire.SYNC)
    for client in clients:
        assert [tag for tag, _ in client.recv_until("Z")] == ["1", "Z"]
    for turn in range(30):
        for client in clients:
            client.send(wire.bind("", "mine", [b"%d" % turn]) + wire.execute()
                        + wire.SYNC)
        for number, client in enumerate(clients):
            rows = [wire.data_row(body) for tag, body in client.recv_until("Z")
                    if tag == "D"]
            assert rows == [[str(number * 100 + turn)]]


def test_a_server_holds_so_many_statements_and_no_more(pg, start, connect):
    pooler = start(configs.plain(pg, pool_size=1, max_prepared_statements=5))
    clients = [connect(pooler) for _ in range(3)]
    for turn in range(3):
        for number, client in enumerate(clients):
            for name in range(7):
                if turn == 0:
                    client.send(wire.parse(f"s{name}", f"select {number}, {name}"))
                client.send(wire.bind("", f"s{name}") + wire.execute() + wire.SYNC)
                rows = [wire.data_row(body) for tag, body in client.recv_until("Z")
                        if tag == "D"]
                assert rows == [[str(number), str(name)]]
    assert clients[0].value("select count(*) from pg_prepared_statements") == "5"
    # More of them in one batch than the server may hold.
    client = clients[0]
    client.send(b"".join(wire.bind("", f"s{name}") + wire.execute()
                         for name in range(7)) * 3 + wire.SYNC)
    seen = client.recv_until("Z")
    assert [wire.data_row(body)[1] for tag, body in seen if tag == "D"] == list(
        "0123456") * 3


def test_a_changed_result_type_is_parsed_anew(pg, start, connect):
    """PostgreSQL's error comes once; whoever then prepares the same text again,
    as drivers do, gets a new plan, on every server."""
    pooler = start(configs.plain(pg, pool_size=2))
    one, two = connect(pooler), connect(pooler)
    one.query("drop table if exists widening; create table widening (a int); "
              "insert into widening values (1)")
    for client in (one, two):
        client.send(wire.parse("all", "select * from widening") + wire.SYNC)
        client.recv_until("Z")
        client.send(wire.bind("", "all") + wire.execute() + wire.SYNC)
        assert client.recv_until("D")[-1][0] == "D"
        client.recv_until("Z")
    one.query("alter table widening add column b int default 2")
    one.send(wire.bind("", "all") + wire.execute() + wire.SYNC)
    errors = [body for tag, body in one.recv_until("Z") if tag == "E"]
    assert errors and wire.error_fields(errors[0])["C"] == "0A000"
    one.send(wire.close("S", "all") + wire.parse("all", "select * from widening")
             + wire.bind("", "all") + wire.execute() + wire.SYNC)
    rows = [wire.data_row(body) for tag, body in one.recv_until("Z") if tag == "D"]
    assert rows == [["1", "2"]]
    one.query("drop table widening")


def test_terminate_is_answered_by_closing(shared, connect):
    client = connect(shared)
    client.send(wire.TERMINATE)
    assert client.rest() == b""


def test_greeting_has_postgresqls_parameters(shared, direct, connect):
    ours = connect(shared).parameters
    own_connection = {"application_name", "is_superuser", "session_authorization"}
    for name, value in direct.parameters.items():
        if name not in own_connection:
            assert ours.get(name) == value, name


def test_large_messages_pass_both_ways(shared, connect):
    client = connect(shared)
    text = "x" * 5_000_000
    assert client.value(f"select length('{text}')") == "5000000"
    assert len(client.value("select repeat('z', 9000000)")) == 9_000_000
