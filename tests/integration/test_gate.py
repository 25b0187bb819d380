"""Clients behind a bad network: sliced, slow, stopped, cut."""

import pytest
from support import configs, postgres, tcp_gate, wire
from support.ports import eventually
from support.process import open_descriptors, resident_bytes


@pytest.fixture
def gate(shared):
    with tcp_gate.TcpGate(shared.port()) as one:
        yield one


def client_through(gate) -> wire.Client:
    client = wire.Client(port=gate.port)
    client.login("app.acme", "acme", postgres.PASSWORD)
    return client


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_sliced_both_ways(gate, size):
    gate.slice = size
    client = client_through(gate)
    rows = client.query("select i, repeat('x', i) from generate_series(1, 30) i")[1]
    assert rows == [[str(i), "x" * i] for i in range(1, 31)]
    client.send(b"".join(wire.extended(f"select {i}") + wire.SYNC for i in range(5)))
    tags = "".join(tag for tag, _ in client.recv_until("Z", 5))
    assert tags == "12TDCZ" * 5


def test_a_client_that_does_not_read_costs_a_bounded_amount(pg, start, connect):
    pooler = start(configs.plain(pg, pool_size=3))
    with tcp_gate.TcpGate(pooler.port()) as gate:
        slow = client_through(gate)
        slow.value("select 1")
        before = resident_bytes(pooler.pid())
        gate.stop()
        slow.send(wire.query("select repeat('x', 1000) from "
                             "generate_series(1, 300000)"))
        gate.go()
        slow.recv_until("D", 1)
        gate.stop()
        quick = connect(pooler)
        for _ in range(200):
            assert quick.value("select 1") == "1"
        assert resident_bytes(pooler.pid()) - before < 32 * 2**20
        gate.go()
        rows = [tag for tag, _ in slow.recv_until("Z") if tag == "D"]
        assert len(rows) >= 299_990


def test_cut_connections_leave_nothing_behind(pg, start, connect):
    pooler = start(configs.plain(pg, pool_size=3))
    with tcp_gate.TcpGate(pooler.port()) as gate:
        connect(pooler).value("select 1")
        before = open_descriptors(pooler.pid())
        for reset in (False, True):
            clients = [client_through(gate) for _ in range(10)]
            for client in clients[:3]:
                client.query("begin")
            gate.cut(reset)
            for client in clients:
                client.close()
        eventually(lambda: open_descriptors(pooler.pid()) <= before + 3, "closed")
        assert connect(pooler).value("select 1") == "1"
