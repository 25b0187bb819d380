"""Free TCP ports and waiting with a deadline."""

import os
import random
import socket
import time

_random = random.Random(os.urandom(8))
_taken = {}


def _span() -> range:
    """Ports from which the kernel takes none for outgoing connections."""
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as text:
        low, high = (int(word) for word in text.read().split())
    if low > 18000:
        return range(15000, low)
    return range(high + 1, 65536) if high < 62000 else range(15000, 32000)


def _reserve(port: int):
    """A name in this network namespace that only one process can have, until it
    ends: between the look at a port and the program that listens on it another
    test run may look too."""
    name = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        name.bind(f"\0cenote-test-port-{port}")
        return name
    except OSError:
        name.close()
        return None


def free_port(span: range = None) -> int:
    """A port on 127.0.0.1 that nobody listens on, and that no other test run of
    this network namespace is given while this process lives."""
    span = span or _span()
    while True:
        port = _random.choice(span)
        name = None if port in _taken else _reserve(port)
        if name is None:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                name.close()
                continue
        _taken[port] = name
        return port


def accepts(port: int, host: str = "127.0.0.1") -> bool:
    try:
        socket.create_connection((host, port), timeout=2).close()
        return True
    except OSError:
        return False


class Patience:
    """So many seconds of ours: while the machine, or somebody with SIGSTOP, holds
    us up, and most likely whatever we wait for too, at most one of them goes by."""

    def __init__(self, seconds: float):
        self.left = seconds
        self.looked = time.monotonic()

    def is_over(self) -> bool:
        now = time.monotonic()
        self.left -= min(now - self.looked, 1.0)
        self.looked = now
        return self.left < 0


def eventually(condition, what: str, seconds: float = 20.0):
    """Polls until `condition()` is true and returns its value; fails with `what`
    and the last value when the time is up."""
    patience = Patience(seconds)
    pause = 0.002
    while True:
        value = condition()
        if value:
            return value
        if patience.is_over():
            raise AssertionError(f"not within {seconds} s: {what} (last: {value!r})")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)
