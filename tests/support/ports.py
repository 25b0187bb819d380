"""Free TCP ports and waiting with a deadline."""

import os
import random
import socket
import time

_random = random.Random(os.urandom(8))
_given = set()


def free_port() -> int:
    """A port on 127.0.0.1 that nobody listens on, below the range from which the
    kernel takes the ports of outgoing connections."""
    while True:
        port = _random.randrange(15000, 32000)
        if port in _given:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given.add(port)
        return port


def accepts(port: int, host: str = "127.0.0.1") -> bool:
    try:
        socket.create_connection((host, port), timeout=2).close()
        return True
    except OSError:
        return False


def eventually(condition, what: str, seconds: float = 20.0):
    """Polls until `condition()` is true and returns its value; fails with `what`
    and the last value when the time is up."""
    deadline = time.monotonic() + seconds
    pause = 0.002
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what} (last: {value!r})")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)
