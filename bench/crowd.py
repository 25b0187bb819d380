"""Many clients that log in and then do nothing, each from an address of its own."""

import socket
import ssl

from stand import ports  # noqa: F401  (puts tests/ on the path)
from support import wire

# The kernel chooses the port when it knows the peer, so that each source address
# has all ports.
IP_BIND_ADDRESS_NO_PORT = 24
TIMEOUT = 60.0


def source_address(number: int) -> str:
    """One in 127.0.0.0/8; not 127.0.0.1, where the servers are."""
    number += 256
    return f"127.{1 + (number >> 16) % 250}.{number >> 8 & 255}.{number & 255}"


def _tls_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Crowd:
    """`with` closes them all."""

    def __init__(self, port: int, tls: bool = False, user: str = "app_trust",
                 database: str = "acme"):
        self.port = port
        self.greeting = wire.startup(user, database, application_name="idle")
        self.tls = _tls_context() if tls else None
        self.clients = []

    def grow(self, count: int) -> None:
        """Until there are so many. One after the other, each logged in."""
        while len(self.clients) < count:
            self.clients.append(self._login(len(self.clients)))

    def _login(self, number: int):
        one = socket.socket()
        one.settimeout(TIMEOUT)
        one.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
        one.bind((source_address(number), 0))
        one.connect(("127.0.0.1", self.port))
        if self.tls:
            one.sendall(wire.SSL_REQUEST)
            if (said := one.recv(1)) != b"S":
                raise RuntimeError(f"no TLS: {said!r}")
            one = self.tls.wrap_socket(one)
        one.sendall(self.greeting)
        said = b""
        while not said.endswith(b"Z\0\0\0\5I"):
            more = one.recv(4096)
            if not more:
                raise RuntimeError(f"client {number} is refused: {said!r}")
            said += more
        return one

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for one in self.clients:
            one.close()
