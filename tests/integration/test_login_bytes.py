"""Malformed, oversized, misplaced and slow bytes before the login is complete.
The rule: one ErrorResponse where the protocol allows one, then the end; and the
next client gets in."""

import struct
import time

import pytest
from support import configs, postgres, wire
from support.ports import eventually

# PostgreSQL counts its 10,000 bytes without the length word itself.
LENGTHS = [0, 3, 4, 7, 8, 10_004, 10_005, 2**31 - 1, 2**31, 2**32 - 1]


def ending(client) -> str:
    """Everything up to the end as tags: "" or "E" is what may come."""
    return "".join(tag for tag, _ in client.recv_all())


def sqlstate(client) -> str:
    for tag, body in client.recv_all():
        if tag == "E":
            return wire.error_fields(body)["C"]
    return ""


@pytest.fixture(autouse=True)
def next_client_gets_in(shared):
    yield
    with wire.Client(port=shared.port()) as client:
        client.login("app.acme", "acme", postgres.PASSWORD)
        assert client.value("select 1") == "1"


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("tail", [b"", b"\0\3\0\0", b"\0\3\0\0user\0a"])
def test_startup_lengths(shared, length, tail):
    with wire.Client(port=shared.port()) as client:
        client.send(struct.pack("!I", length) + tail)
        if length == 8 and tail == b"\0\3\0\0":
            assert ending(client) == "E"  # Complete, but without a user.
            return
        if 8 < length <= 10_004 or (length == 8 and not tail):
            client.socket.shutdown(1)  # Otherwise it rightly waits for more.
        assert ending(client) in ("", "E")


@pytest.mark.parametrize("packet", [
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03",
    b"\0" * 64, b"\xff" * 64, b"SSH-2.0-OpenSSH_9.2\r\n",
    struct.pack("!ii", 8, 0), struct.pack("!ii", 8, 1234 << 16 | 9999),
    struct.pack("!ii", 9, wire.PROTOCOL_3) + b"\0",
    struct.pack("!ii", 12, 131072) + b"\0\0\0\0"])
def test_garbage(shared, packet):
    with wire.Client(port=shared.port()) as client:
        client.send(packet)
        client.socket.shutdown(1)
        assert ending(client) in ("", "E")


@pytest.mark.parametrize("body", [
    b"user\0", b"user\0app.acme", b"user\0app.acme\0", b"user\0app.acme\0database\0",
    b"\0", b"database\0acme\0\0", b"user\0\0\0", b"user\0app.acme\0\0trailing"])
def test_startup_layouts(shared, body):
    with wire.Client(port=shared.port()) as client:
        client.send(struct.pack("!ii", len(body) + 8, wire.PROTOCOL_3) + body)
        assert ending(client) == "E"


@pytest.mark.parametrize("size", [63, 64, 65, 255, 9_000])
@pytest.mark.parametrize("text", ["n", "é", "'", '"', "\\", "%s"])
def test_long_and_odd_names(shared, size, text):
    with wire.Client(port=shared.port()) as client:
        name = (text * size).encode()[:size]
        body = b"user\0" + name + b".acme\0database\0" + name[:400] + b"\0\0"
        client.send(struct.pack("!ii", len(body) + 8, wire.PROTOCOL_3) + body)
        tag, _ = client.recv()
        assert tag in "RE"


@pytest.mark.parametrize("options", [
    "-c=", "-c", "--=", "--", "-c =x", "-c a", "\\", "-c a=b\\", "'", "reference=",
    "-c reference=", "x" * 9000, "-c " * 3000, "--" * 4000, "-c a=" + "\\ " * 1000])
def test_odd_options_end_nothing_but_this_login(shared, options):
    with wire.Client(port=shared.port()) as client:
        client.send(wire.startup("app.acme", "acme", options=options))
        assert client.recv()[0] in "RE"


def test_unsupported_protocol_is_negotiated_or_refused(shared):
    with wire.Client(port=shared.port()) as client:
        client.send(wire.startup("app.acme", "acme", protocol=3 << 16 | 99,
                                 **{"_pq_.future": "1"}))
        tag, body = client.recv()
        assert tag == "v"
        assert body == struct.pack("!ii", wire.PROTOCOL_3_2, 1) + b"_pq_.future\0"
        seen = client.authenticate("app.acme", postgres.PASSWORD)
        assert seen[-1][0] == "Z"
    for version in (2 << 16, 4 << 16):
        with wire.Client(port=shared.port()) as client:
            client.send(wire.startup("app.acme", "acme", protocol=version))
            assert sqlstate(client) == "0A000"


@pytest.mark.parametrize("when", ["before", "during"])
@pytest.mark.parametrize("packet", [
    wire.message("Q", b"select 1\0"), wire.SYNC, wire.TERMINATE,
    wire.message("p", wire.cstr(postgres.PASSWORD)), wire.message("B", b""),
    wire.message("\x01", b"x"), wire.copy_data(b"x")])
def test_messages_out_of_place(shared, when, packet):
    with wire.Client(port=shared.port()) as client:
        if when == "during":
            client.send(wire.startup("app.acme", "acme"))
            assert client.recv()[0] == "R"
        client.send(packet)
        client.socket.shutdown(1)
        assert ending(client) in ("", "E")


def test_a_second_startup_cannot_change_the_name(shared):
    with wire.Client(port=shared.port()) as client:
        client.send(wire.startup("app.acme", "acme"))
        assert client.recv()[0] == "R"
        client.send(wire.startup("admin", "pgbouncer"))
        assert ending(client) == "E"


@pytest.mark.parametrize("length", [0, 3, 2**31 - 1, 2**31, 2**32 - 1, 65_539, 65_540])
def test_lengths_of_authentication_messages(shared, length):
    with wire.Client(port=shared.port()) as client:
        client.send(wire.startup("app.acme", "acme"))
        client.recv()
        client.send(b"p" + struct.pack("!I", length) + b"SCRAM-SHA-256\0")
        if 4 <= length <= 65_539:
            client.socket.shutdown(1)
        assert ending(client) in ("", "E")


@pytest.mark.parametrize("inner", [0xFFFFFFFF, 0x7FFFFFFF, 1000, 0])
def test_lengths_inside_sasl(shared, inner):
    with wire.Client(port=shared.port()) as client:
        client.send(wire.startup("app.acme", "acme"))
        client.recv()
        client.send(wire.message("p", b"SCRAM-SHA-256\0" + struct.pack("!I", inner)
                                 + b"n,,n=,r=abc"))
        assert ending(client) in ("", "E")


@pytest.mark.parametrize("first", [
    b"", b"n", b"n,,", b"n,,n=", b"n,,n=,r=", b"y,,n=x,r=", b"p=tls-unique,,n=,r=abc",
    b"n,a=other,n=,r=abc", b"n,,m=ext,n=,r=abc", b"n,,n=,r=" + b"x" * 60_000,
    b"n,,n=,r=\0abc", b"\xff\xff"])
def test_scram_first_messages(shared, first):
    with wire.Client(port=shared.port()) as client:
        client.send(wire.startup("app.acme", "acme"))
        client.recv()
        client.send(wire.message("p", wire.cstr("SCRAM-SHA-256")
                                 + struct.pack("!i", len(first)) + first))
        if client.recv_all_or("R")[-1][0] == "R":
            client.send(wire.message("p", b"c=biws,r=wrong,p=AAAA"))
            assert ending(client) == "E"


@pytest.mark.parametrize("mechanism", ["", "SCRAM-SHA-256-PLUS", "PLAIN", "x" * 5000])
def test_other_mechanisms(shared, mechanism):
    with wire.Client(port=shared.port()) as client:
        client.send(wire.startup("app.acme", "acme"))
        client.recv()
        client.send(wire.message("p", wire.cstr(mechanism) + struct.pack("!i", -1)))
        assert ending(client) == "E"


def test_gss_encryption_is_refused_politely(shared):
    with wire.Client(port=shared.port()) as client:
        client.send(wire.GSSENC_REQUEST)
        assert client.recv_byte() == b"N"
        client.login("app.acme", "acme", postgres.PASSWORD)


def test_encryption_requests_have_an_end(shared):
    with wire.Client(port=shared.port()) as client:
        for _ in range(20):
            try:
                client.send(wire.GSSENC_REQUEST)
                if client.recv_byte() != b"N":
                    return
            except (wire.Gone, OSError):
                return
        raise AssertionError("twenty requests were answered")


def test_startup_cut_at_every_byte(shared):
    packet = wire.startup("app.acme", "acme", application_name="cut")
    for cut in range(1, len(packet)):
        with wire.Client(port=shared.port()) as client:
            client.send_cut(packet, cut)
            seen = client.authenticate("app.acme", postgres.PASSWORD)
            assert seen[-1][0] == "Z", cut


def test_first_query_sent_with_the_password(pg, start):
    """Bytes read ahead by the edge come first on the shard."""
    config = configs.plain(pg)
    config["tenant"][0]["user"].append({"name": "open", "auth": "trust"})
    config["tenant"][0]["database"][0]["user"] = "app_trust"
    pooler = start(config)
    with wire.Client(port=pooler.port()) as client:
        client.send(wire.startup("open.acme", "acme") + wire.query("select 'early'")
                    + wire.extended("select 'and'") + wire.SYNC)
        rows = [wire.data_row(body) for tag, body in client.recv_until("Z", 3)
                if tag == "D"]
        assert rows == [["early"], ["and"]]


def test_a_slow_login_is_ended_and_holds_up_nobody(pg, start):
    config = configs.plain(pg)
    config["cenote"]["client_login_timeout"] = "1s"
    pooler = start(config)
    slow = [wire.Client(port=pooler.port()) for _ in range(50)]
    began = time.monotonic()
    for client in slow:
        client.send(wire.startup("app.acme", "acme")[:11])
    with wire.Client(port=pooler.port()) as quick:
        quick.login("app.acme", "acme", postgres.PASSWORD)
    for client in slow:
        assert ending(client) in ("", "E")
        client.close()
    assert time.monotonic() - began < 15


def test_many_strangers_leave_no_descriptor_behind(pg, start):
    from support.process import open_descriptors
    pooler = start(configs.plain(pg))
    if not hasattr(pooler, "pid"):
        pytest.skip("a stand-in has no single process to count the files of")
    before = open_descriptors(pooler.pid())
    for turn in range(300):
        with wire.Client(port=pooler.port()) as client:
            client.send([b"", b"\0", wire.SSL_REQUEST[:5], b"\xff" * 9,
                         wire.startup("x", "y")][turn % 5])
    eventually(lambda: open_descriptors(pooler.pid()) <= before + 2, "closed again")
