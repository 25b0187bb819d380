"""The same client twice: at PostgreSQL, and through the pooler."""

import contextlib

from . import postgres, wire


@contextlib.contextmanager
def twins(pg, port: int, **parameters):
    """`port`: the pooler's. Both are logged in, with the same `parameters`."""
    with wire.Client(port=pg.port) as direct, wire.Client(port=port) as through:
        direct.login("app", "acme", postgres.PASSWORD, **parameters)
        through.login("app.acme", "acme", postgres.PASSWORD, **parameters)
        yield direct, through
