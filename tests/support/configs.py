"""Configurations for the tests, as dicts in the shape of the file."""

import copy

from . import ports, postgres


def database(pg, name: str = "*", **options) -> dict:
    return {"name": name, "host": "127.0.0.1", "port": pg.port, "pool_size": 5,
            "tls": "disable"} | options


def user(name: str = "app", **options) -> dict:
    return {"name": name, "password": postgres.PASSWORD} | options


def tenant(pg, id: str = "acme", users=None, databases=None, **options) -> dict:
    return {"id": id} | options | {
        "database": databases or [database(pg)], "user": users or [user()]}


def admins() -> dict:
    return {"user": [
        {"name": "admin", "password": "admin-pw", "role": "admin"},
        {"name": "stats", "password": "stats-pw", "role": "stats"}]}


def listener(mode: str = "transaction") -> dict:
    return {"address": "127.0.0.1", "port": ports.free_port(), "pool_mode": mode}


def plain(pg, modes=("transaction", "session"), **database_options) -> dict:
    """One tenant `acme` with one user and any database."""
    return {"cenote": {"shards": 2, "log": {"level": "info", "format": "text"}},
            "listener": [listener(mode) for mode in modes],
            "admin": admins(),
            "tenant": [tenant(pg, databases=[database(pg, **database_options)])]}


def changed(config: dict, edit) -> dict:
    """A deep copy on which `edit` was called."""
    other = copy.deepcopy(config)
    edit(other)
    return other
