"""Simple queries, strings of several statements, transactions, savepoints."""

import words
from pieces import FLUSH, SYNC, b, declare, e, f, p, q

PIECES = []


@declare(PIECES, "simple", 20)
def simple(s):
    return [s.step(q(words.plain(s.rng, s.schema)))]


@declare(PIECES, "errors", 8)
def failing(s):
    return [s.step(q(words.failing(s.rng, s.schema)))]


@declare(PIECES, "simple", 3)
def empty(s):
    return [s.step(q(words.empty(s.rng)))]


@declare(PIECES, "simple", 6)
def probing(s):
    return [s.step(q(s.rng.choice([words.probe, words.leaks])(s.rng)))]


@declare(PIECES, "simple", 2)
def simple_burst(s):
    """Several Query messages before any answer."""
    return [s.step(*(q(words.plain(s.rng, s.schema))
                     for _ in range(s.rng.randint(2, 6))))]


@declare(PIECES, "multi", 8)
def multi(s):
    rng = s.rng
    parts = [words.plain(rng, s.schema) for _ in range(rng.randint(2, 5))]
    if s.has("errors") and rng.random() < 0.3:
        parts.insert(rng.randrange(len(parts)), words.failing(rng, s.schema))
    if s.depth == 0 and rng.random() < 0.3:
        end = rng.choice(["commit", "rollback"])
        parts.insert(0, "begin")
        parts.insert(rng.randint(1, len(parts)), end)
    # A statement that ends in a comment would hide the next one.
    return [s.step(q("; ".join(parts) + rng.choice(["", ";", " ; "])))]


BEGINS = ["begin", "start transaction", "begin isolation level serializable",
          "begin transaction isolation level repeatable read", "BEGIN WORK",
          "begin read only", "start transaction isolation level serializable, "
          "read only", "/* comment */ begin", "begin read write;"]
ENDS = ["commit", "rollback", "end", "abort", "COMMIT WORK", "commit;"]


@declare(PIECES, "tx", 20, inside=False)
def transaction(s):
    rng = s.rng
    first, last = rng.choice(BEGINS), rng.choice(ENDS)
    group = s.group
    s.depth += 1
    inner = s.pieces(rng.randint(0, 5))
    s.depth -= 1
    chained = rng.random() < 0.1
    if chained:
        middle = s.step(q(rng.choice(["commit and chain", "rollback and chain"])))
        s.depth += 1
        inner += [middle, *s.pieces(2)]
        s.depth -= 1
    ends = [s.step(q(last))]
    begins = [s.step(q(first))]
    if rng.random() < 0.3:
        begins = [s.step(p("", first), b(), e(), SYNC)]
    if rng.random() < 0.3:
        ends = [s.step(p("", last), b(), e(), SYNC)]
    if rng.random() < 0.15 and inner and inner[0].msgs[0].tag in "QP":
        # BEGIN travels with what comes next.
        inner[0].msgs = begins[0].msgs + inner[0].msgs
        begins = []
    for step in begins + ends:
        step.group, step.feature = group, "tx"
    return begins + inner + ends


@declare(PIECES, "tx", 8, outside=False)
def savepoint(s):
    rng = s.rng
    name = rng.choice(["a", "b"])
    inner = [s.step(q(words.plain(rng, s.schema))) for _ in range(rng.randint(0, 2))]
    if s.has("errors") and rng.random() < 0.4:
        inner.append(s.step(q(words.failing(rng, s.schema))))
    if s.has("settings_tx") and rng.random() < 0.5:
        import gen_state
        inner.append(s.step(q(gen_state.change(s))))
    end = rng.choice([f"rollback to {name}", f"release savepoint {name}",
                      f"rollback to savepoint {name}; release {name}"])
    return [s.step(q(f"savepoint {name}")), *inner, s.step(q(end))]


@declare(PIECES, "tx", 2)
def odd_transaction_words(s):
    """BEGIN inside, COMMIT outside: warnings, not errors."""
    word = s.rng.choice(["begin", "commit", "rollback", "release nothing",
                         "rollback to nothing", "set transaction read only"])
    ending = [] if s.depth else [s.step(q("rollback"))]
    return [s.step(q(word)), *ending]


@declare(PIECES, "tx", 3, inside=False)
def deferred(s):
    """A constraint that fails at COMMIT."""
    twice = f"insert into {s.schema}.c values (1, 1), (2, 1)"
    choice = s.rng.randrange(3)
    if choice == 0:
        return [s.step(q("begin")), s.step(q(twice)), s.step(q("commit"))]
    if choice == 1:
        return [s.step(p("", twice), b(), e(), SYNC)]
    return [s.step(q("begin")), s.step(q(twice)),
            s.step(q("set constraints all immediate")), s.step(q("rollback"))]


INT4PL = 177
TWO = [(3).to_bytes(4, "big"), (4).to_bytes(4, "big")]


@declare(PIECES, "function_call", 3)
def function_call(s):
    call = s.rng.choice([f(INT4PL, [b"3", b"4"]), f(INT4PL, [b"x", b"4"]),
                         f(INT4PL, [b"3"]), f(4_000_000_000, [b"3"])])
    return [s.step(call)] if s.rng.random() < 0.7 else [s.step(call, call, q("select 1"))]


@declare(PIECES, "large", 2)
def large(s):
    size = s.rng.choice([5_000, 40_000, 300_000])
    return [s.step(s.rng.choice([
        q(f"select length('{'x' * size}')"), q(f"select repeat('y', {size})"),
        q(f"select repeat('z', 90) from generate_series(1, {size // 100})")]))]


@declare(PIECES, "large", 2)
def large_extended(s):
    size = s.rng.choice([5_000, 40_000, 300_000])
    return [s.step(p("", "select $1::text, length($1)"), b("", "", [b"p" * size]), e(),
                   SYNC)]


@declare(PIECES, "ddl", 3)
def ddl(s):
    x = f"{s.schema}.x"
    sqls = [f"create table {x} (a int)", f"insert into {x} values (1), (2)",
            f"alter table {x} add column b text default 'b'",
            f"select a, b from {x} order by a", f"create index on {x} (a)",
            f"drop table {x}"]
    steps = [s.step(q(sql)) for sql in sqls]
    if s.rng.random() < 0.3:
        return [s.step(*(step.msgs[0] for step in steps))]
    return steps


@declare(PIECES, "odd", 2)
def lonely(s):
    """Sync, Flush and CopyData with nothing to do."""
    from pieces import DONE, data, fail
    return [s.step(*s.rng.choices([SYNC, FLUSH, DONE, data(b"x"), fail("x"), SYNC],
                                  k=s.rng.randint(1, 4)), SYNC)]
