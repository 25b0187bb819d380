"""A PostgreSQL client that shows every byte: builds messages, sends them cut
where a test wants it, keeps the whole answer."""

import base64
import hashlib
import hmac
import os
import socket
import struct
import time

from . import sockdiag

PROTOCOL_3 = 3 << 16
PROTOCOL_3_2 = 3 << 16 | 2
SSL_REQUEST = struct.pack("!ii", 8, 80877103)
GSSENC_REQUEST = struct.pack("!ii", 8, 80877104)


def message(tag: str, body: bytes = b"") -> bytes:
    return tag.encode() + struct.pack("!i", len(body) + 4) + body


def cstr(text) -> bytes:
    return (text if isinstance(text, bytes) else text.encode()) + b"\0"


def startup(user: str, database: str = None, protocol: int = PROTOCOL_3,
            **parameters) -> bytes:
    body = cstr("user") + cstr(user)
    if database is not None:
        body += cstr("database") + cstr(database)
    for key, value in parameters.items():
        body += cstr(key) + cstr(value)
    body += b"\0"
    return struct.pack("!ii", len(body) + 8, protocol) + body


def cancel_request(pid: int, key: bytes) -> bytes:
    return struct.pack("!iii", 12 + len(key), 80877102, pid) + key


def query(sql: str) -> bytes:
    return message("Q", cstr(sql))


def parse(name: str, sql: str, types=()) -> bytes:
    return message("P", cstr(name) + cstr(sql) + struct.pack("!h", len(types))
                   + b"".join(struct.pack("!I", oid) for oid in types))


def bind(portal: str = "", statement: str = "", values=(), formats=(),
         results=()) -> bytes:
    body = cstr(portal) + cstr(statement)
    body += struct.pack("!h", len(formats))
    body += b"".join(struct.pack("!h", x) for x in formats)
    body += struct.pack("!h", len(values))
    for value in values:
        body += (struct.pack("!i", -1) if value is None
                 else struct.pack("!i", len(value)) + value)
    body += struct.pack("!h", len(results))
    return message("B", body + b"".join(struct.pack("!h", x) for x in results))


def describe(kind: str = "P", name: str = "") -> bytes:
    return message("D", kind.encode() + cstr(name))


def close(kind: str, name: str = "") -> bytes:
    return message("C", kind.encode() + cstr(name))


def execute(portal: str = "", rows: int = 0) -> bytes:
    return message("E", cstr(portal) + struct.pack("!i", rows))


def function_call(oid: int, values=()) -> bytes:
    body = struct.pack("!Ihhh", oid, 1, 0, len(values))
    body += b"".join(struct.pack("!i", len(x)) + x for x in values)
    return message("F", body + struct.pack("!h", 0))


def extended(sql: str, values=(), rows: int = 0) -> bytes:
    return (parse("", sql) + bind(values=values) + describe() + execute("", rows))


SYNC = message("S")
FLUSH = message("H")
TERMINATE = message("X")
COPY_DONE = message("c")


def copy_data(data: bytes) -> bytes:
    return message("d", data)


def copy_fail(why: str) -> bytes:
    return message("f", cstr(why))


class Gone(Exception):
    """The other side closed the connection."""


class ServerError(Exception):
    def __init__(self, fields: dict):
        super().__init__(f"{fields.get('S')} {fields.get('C')}: {fields.get('M')}")
        self.fields = fields
        self.sqlstate = fields.get("C")
        self.message = fields.get("M")


def error_fields(body: bytes) -> dict:
    return {part[:1].decode(): part[1:].decode(errors="replace")
            for part in body.split(b"\0") if part}


class Client:
    def __init__(self, host: str = "127.0.0.1", port: int = 5432,
                 timeout: float = 20):
        self.socket = socket.create_connection((host, port), timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.parameters = {}
        self.key = None
        self.pid = None

    # -- bytes out

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def send_cut(self, data: bytes, *cuts: int) -> None:
        """Sends in pieces; each piece has been read by the other side's program,
        not only by its kernel, before the next one goes."""
        start = 0
        for cut in (*cuts, len(data)):
            if cut > start:
                self.send(data[start:cut])
                start = cut
                if cut < len(data):
                    self.wait_taken()

    def wait_taken(self, seconds: float = 2.0) -> None:
        """Until the receive queue of the peer's socket is empty."""
        mine, peer = self.socket.getsockname(), self.socket.getpeername()
        deadline = time.monotonic() + seconds
        while sockdiag.unread_bytes(peer, mine):
            if time.monotonic() > deadline:
                return  # It does not want to read: that is its right.

    # -- bytes in

    def _fill(self, count: int) -> None:
        while len(self.buffer) < count:
            try:
                data = self.socket.recv(65536)
            except ConnectionError as why:
                raise Gone(str(why)) from None
            if not data:
                raise Gone("end of stream")
            self.buffer += data

    def recv_byte(self) -> bytes:
        self._fill(1)
        one, self.buffer = self.buffer[:1], self.buffer[1:]
        return one

    def recv(self) -> tuple:
        """The next message: (tag, body)."""
        self._fill(5)
        tag = chr(self.buffer[0])
        length = struct.unpack_from("!i", self.buffer, 1)[0]
        self._fill(length + 1)
        body = self.buffer[5:length + 1]
        self.buffer = self.buffer[length + 1:]
        if tag == "S":
            key, value = body.split(b"\0")[:2]
            self.parameters[key.decode()] = value.decode()
        return tag, body

    def recv_until(self, tags: str, count: int = 1) -> list:
        """Messages up to and with the `count`th one whose tag is in `tags`."""
        seen = []
        while count > 0:
            seen.append(self.recv())
            count -= seen[-1][0] in tags
        return seen

    def recv_all(self) -> list:
        """Messages until the other side closes."""
        seen = []
        try:
            while True:
                seen.append(self.recv())
        except Gone:
            return seen

    def recv_all_or(self, tags: str) -> list:
        """Messages up to one of `tags` or until the other side closes."""
        seen = []
        try:
            while not seen or seen[-1][0] not in tags:
                seen.append(self.recv())
        except Gone:
            pass
        return seen

    def recv_error(self) -> None:
        """Reads on to ReadyForQuery or the end and raises the error on the way."""
        for tag, body in self.recv_all_or("Z"):
            if tag == "E":
                raise ServerError(error_fields(body))

    def rest(self) -> bytes:
        """All bytes until the other side closes, unparsed."""
        data, self.buffer = self.buffer, b""
        try:
            while True:
                more = self.socket.recv(65536)
                if not more:
                    return data
                data += more
        except ConnectionError:
            return data

    # -- conversations

    def login(self, user: str, database: str = None, password: str = "",
              **parameters) -> list:
        """Starts and authenticates; returns the messages of the greeting. Raises
        ServerError with what the other side said. `protocol`: see `startup`."""
        self.send(startup(user, database, **parameters))
        return self.authenticate(user, password)

    def authenticate(self, user: str, password: str) -> list:
        seen = []
        scram = None
        while True:
            tag, body = self.recv()
            seen.append((tag, body))
            if tag == "E":
                raise ServerError(error_fields(body))
            if tag == "K":
                self.pid, self.key = struct.unpack("!i", body[:4])[0], body[4:]
            if tag == "Z":
                return seen
            if tag != "R":
                continue
            code = struct.unpack("!i", body[:4])[0]
            if code == 3:
                self.send(message("p", cstr(password)))
            elif code == 5:
                self.send(message("p", cstr(md5_answer(user, password, body[4:8]))))
            elif code == 10:
                scram = Scram(password)
                first = scram.first()
                self.send(message("p", cstr("SCRAM-SHA-256")
                                  + struct.pack("!i", len(first)) + first))
            elif code == 11:
                self.send(message("p", scram.final(body[4:])))
            elif code == 12:
                scram.verify(body[4:])

    def query(self, sql: str) -> tuple:
        """Simple query: (column names, rows as str or None). Raises ServerError."""
        self.send(query(sql))
        names, rows, error = [], [], None
        seen = self.recv_all_or("Z")
        for tag, body in seen:
            if tag == "T":
                names = row_description(body)
            elif tag == "D":
                rows.append(data_row(body))
            elif tag == "E":
                error = ServerError(error_fields(body))
        if error:
            raise error
        if not seen or seen[-1][0] != "Z":
            tags = "".join(tag for tag, _ in seen)
            raise Gone(f"the answer broke off after {tags!r}")
        return names, rows

    def value(self, sql: str):
        return self.query(sql)[1][0][0]

    def close(self) -> None:
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.send(TERMINATE)
        except OSError:
            pass
        self.close()


def row_description(body: bytes) -> list:
    return [field[0] for field in row_fields(body)]


def row_fields(body: bytes) -> list:
    """(name, type oid) per column."""
    count, at, fields = struct.unpack_from("!h", body)[0], 2, []
    for _ in range(count):
        end = body.index(b"\0", at)
        fields.append((body[at:end].decode(),
                       struct.unpack_from("!I", body, end + 7)[0]))
        at = end + 19
    return fields


def data_row(body: bytes) -> list:
    count, at, values = struct.unpack_from("!h", body)[0], 2, []
    for _ in range(count):
        length = struct.unpack_from("!i", body, at)[0]
        at += 4
        values.append(None if length < 0 else body[at:at + length].decode())
        at += max(length, 0)
    return values


def md5_answer(user: str, password: str, salt: bytes) -> str:
    inner = hashlib.md5(password.encode() + user.encode()).hexdigest()
    return "md5" + hashlib.md5(inner.encode() + salt).hexdigest()


class Scram:
    """SCRAM-SHA-256 without channel binding (RFC 5802, RFC 7677)."""

    def __init__(self, password: str):
        self.password = password.encode()
        self.nonce = base64.b64encode(os.urandom(18)).decode()
        self.bare = f"n=,r={self.nonce}"
        self.signature = b""

    def first(self) -> bytes:
        return ("n,," + self.bare).encode()

    def final(self, server_first: bytes) -> bytes:
        said = dict(part.split("=", 1) for part in server_first.decode().split(","))
        assert said["r"].startswith(self.nonce), "the server changed our nonce"
        salted = hashlib.pbkdf2_hmac("sha256", self.password,
                                     base64.b64decode(said["s"]), int(said["i"]))
        key = hmac.digest(salted, b"Client Key", "sha256")
        without_proof = f"c=biws,r={said['r']}"
        text = ",".join([self.bare, server_first.decode(), without_proof]).encode()
        proof = hmac.digest(hashlib.sha256(key).digest(), text, "sha256")
        server_key = hmac.digest(salted, b"Server Key", "sha256")
        self.signature = hmac.digest(server_key, text, "sha256")
        mixed = bytes(a ^ b for a, b in zip(key, proof))
        return f"{without_proof},p={base64.b64encode(mixed).decode()}".encode()

    def verify(self, server_final: bytes) -> None:
        said = base64.b64decode(server_final.decode().split("v=")[1])
        assert said == self.signature, "the server does not know the password"


def scram_verifier(password: str, iterations: int = 4096) -> str:
    """As PostgreSQL keeps it in pg_authid."""
    salt = os.urandom(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)
    key = hmac.digest(salted, b"Client Key", "sha256")
    stored = base64.b64encode(hashlib.sha256(key).digest()).decode()
    server = base64.b64encode(hmac.digest(salted, b"Server Key", "sha256")).decode()
    return (f"SCRAM-SHA-256${iterations}:{base64.b64encode(salt).decode()}"
            f"${stored}:{server}")
