"""How a piece of a random session is declared, and messages with their text."""

import dataclasses

from program import Msg
from support import wire


@dataclasses.dataclass
class Piece:
    make: object
    feature: str
    weight: int
    inside: bool  # May stand inside a transaction.
    outside: bool


def declare(registry: list, feature: str, weight: int = 10, inside: bool = True,
            outside: bool = True):
    def keep(function):
        registry.append(Piece(function, feature, weight, inside, outside))
        return function
    return keep


def q(sql: str) -> Msg:
    return Msg(wire.query(sql), f"Q {sql if len(sql) < 200 else sql[:200] + '…'}")


def p(name: str, sql: str, types=()) -> Msg:
    shown = sql if len(sql) < 200 else sql[:200] + "…"
    return Msg(wire.parse(name, sql, types), f"P {name!r} {shown}")


def b(portal: str = "", statement: str = "", values=(), formats=(), results=()) -> Msg:
    shown = [v if v is None or len(v) < 40 else v[:40] for v in values]
    return Msg(wire.bind(portal, statement, values, formats, results),
               f"B {portal!r} <- {statement!r} {shown} {list(formats)}"
               f"{list(results)}")


def d(kind: str, name: str = "") -> Msg:
    return Msg(wire.describe(kind, name), f"D {kind} {name!r}")


def c(kind: str, name: str = "") -> Msg:
    return Msg(wire.close(kind, name), f"C {kind} {name!r}")


def e(portal: str = "", rows: int = 0) -> Msg:
    return Msg(wire.execute(portal, rows), f"E {portal!r} {rows or ''}")


def f(oid: int, values) -> Msg:
    return Msg(wire.function_call(oid, values), f"F {oid} {list(values)}")


def data(rows: bytes) -> Msg:
    return Msg(wire.copy_data(rows), f"d {rows[:40]!r}")


def fail(why: str) -> Msg:
    return Msg(wire.copy_fail(why), f"f {why}")


SYNC = Msg(wire.SYNC, "S")
FLUSH = Msg(wire.FLUSH, "H")
DONE = Msg(wire.COPY_DONE, "c")
