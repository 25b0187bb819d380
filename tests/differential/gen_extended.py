"""The extended protocol: pipelines, portals, statements with and without names."""

import words
from pieces import FLUSH, SYNC, b, c, d, declare, e, p, q

PIECES = []
NAMES = ["s1", "s2", "S1", "", "a name; with 'odd' \"words\"", "n" * 70,
         "cenote_1", "PGBOUNCER_1"]


def run(s, statement: str = "", portal: str = "", prepared: str = None) -> list:
    """Parse, Bind, Describe, Execute, Close in one of the usual ways."""
    rng = s.rng
    sql, values, columns = words.with_values(rng, s.schema)
    msgs = [p(statement, sql)]
    if rng.random() < 0.3:
        msgs.append(d("S", statement))
    if rng.random() < 0.1:
        msgs.append(FLUSH)
    binary = rng.choice([(), (), (1,), (0,)])
    msgs.append(b(portal, statement, values, (), binary))
    if rng.random() < 0.6:
        msgs.append(d("P", portal))
    msgs.append(e(portal, rng.choice([0, 0, 0, 1, 5])))
    if rng.random() < 0.15:
        msgs.append(e(portal, 0))
    if rng.random() < 0.2:
        msgs.append(c("P", portal))
    return msgs


@declare(PIECES, "extended", 20)
def one(s):
    return [s.step(*run(s), SYNC)]


@declare(PIECES, "extended", 4)
def plain_statement(s):
    """Any statement by the extended protocol, wrong ones too."""
    rng = s.rng
    sql = rng.choice([words.plain, words.plain, words.failing]
                     if s.has("errors") else [words.plain])(rng, s.schema)
    if rng.random() < 0.1:
        sql = words.empty(rng)
    return [s.step(p("", sql), d("S"), b(), d("P"), e(), SYNC)]


@declare(PIECES, "extended", 3)
def described_first(s):
    """As drivers do: Parse and Describe, wait, then Bind and Execute; within one
    Sync, so that the unnamed statement need not outlive it."""
    sql, values, _ = words.with_values(s.rng, s.schema)
    return [s.step(p("", sql), d("S"), FLUSH), s.step(b("", "", values), e(), SYNC)]


@declare(PIECES, "pipeline", 12)
def pipeline(s):
    rng = s.rng
    msgs = []
    for _ in range(rng.randint(2, 8)):
        kind = rng.random()
        if kind < 0.7:
            msgs += run(s)
        elif kind < 0.8:
            msgs += [q(words.plain(rng, s.schema))]
        elif s.has("errors"):
            msgs += rng.choice([
                [p("", words.failing(rng, s.schema)), b(), e()],
                [b("", "no such statement")], [e("no such portal")],
                [d("S", "no such statement")], [d("P", "no such portal")],
                [q(words.failing(rng, s.schema))]])
        if rng.random() < 0.4:
            msgs.append(rng.choice([SYNC, SYNC, FLUSH]))
    return [s.step(*msgs, SYNC)]


@declare(PIECES, "pipeline", 4)
def pipeline_in_parts(s):
    """The pipeline stays open over several writes."""
    rng = s.rng
    steps = [s.step(*run(s), *([FLUSH] if rng.random() < 0.5 else []),
                    wait=rng.random() < 0.5) for _ in range(rng.randint(2, 4))]
    return [*steps, s.step(SYNC)]


@declare(PIECES, "pipeline", 3, inside=False)
def transaction_in_pipeline(s):
    rng = s.rng
    msgs = [p("", "begin"), b(), e()]
    for _ in range(rng.randint(1, 3)):
        msgs += run(s)
        if rng.random() < 0.2:
            msgs.append(SYNC)
    msgs += [p("", rng.choice(["commit", "rollback"])), b(), e()]
    return [s.step(*msgs, SYNC), s.step(q("rollback"))]


@declare(PIECES, "portals", 5, outside=False)
def portals(s):
    """Two portals that take turns, over Syncs."""
    rng = s.rng
    one, two = rng.sample(["p1", "p2", "", "P1", "po'rt\"al"], 2)
    sql = f"select id, v from {s.schema}.t order by id"
    first = s.step(p("", sql), b(one), p("", sql + " desc"), b(two), d("P", one),
                   e(one, 2), e(two, 3), *([SYNC] if rng.random() < 0.7 else []))
    more = [e(rng.choice([one, two]), rng.choice([1, 4, 0]))
            for _ in range(rng.randint(1, 4))]
    last = [c("P", one)] if rng.random() < 0.5 else []
    again = [e(one, 1)] if rng.random() < 0.3 else []
    return [first, s.step(*more, SYNC), s.step(*last, *again, SYNC)]


@declare(PIECES, "portals", 3)
def portal_in_one_batch(s):
    rng = s.rng
    sql = f"select g from generate_series(1, 9) g"
    return [s.step(p("", sql), b("p"), e("p", 2), *([b("p")] if rng.random() < 0.2
                                                   else []),
                   e("p", 3), d("P", "p"), c("P", "p"), SYNC)]


@declare(PIECES, "portals", 2, inside=False)
def portal_after_its_transaction(s):
    """It is gone: an error."""
    return [s.step(p("", "select generate_series(1, 5)"), b("late"), e("late", 1), SYNC),
            s.step(e("late", 1), SYNC)]


@declare(PIECES, "prepared_batch", 4)
def named_in_one_batch(s):
    """Prepared, used and closed before the Sync."""
    rng = s.rng
    sql, values, _ = words.with_values(rng, s.schema)
    name = rng.choice(NAMES[:4])
    uses = []
    for _ in range(rng.randint(1, 3)):
        uses += [b("", name, values), e()]
    return [s.step(c("S", name), p(name, sql), d("S", name), *uses, c("S", name), SYNC)]


def use(s, name: str, values) -> list:
    rng = s.rng
    return rng.choice([
        [b("", name, values), e(), SYNC],
        [b("", name, values), d("P"), e(), SYNC],
        [b("pp", name, values), e("pp", 1), e("pp", 0), c("P", "pp"), SYNC],
        [d("S", name), SYNC],
        [b("", name, values), e(), b("", name, values), e(), SYNC],
        [b("", name, values), e(), SYNC, b("", name, values), e(), SYNC]])


@declare(PIECES, "prepared_named", 18)
def prepared(s):
    """Parse now, use later, perhaps in vain."""
    rng = s.rng
    name = rng.choice(NAMES)
    sql, values, _ = words.with_values(rng, s.schema)
    if s.has("errors") and rng.random() < 0.1:
        sql = "select $1::int, nowhere"
    first = []
    if rng.random() < 0.6:  # Else it may be there already: 42P05.
        first = [c("S", name)] + ([SYNC] if rng.random() < 0.5 else [])
    prepare = s.step(*first, p(name, sql), *([d("S", name)] if rng.random() < 0.5
                                             else []), SYNC)
    uses = [s.step(*use(s, name, values)) for _ in range(rng.randint(0, 3))]
    last = [s.step(c("S", name), SYNC)] if rng.random() < 0.4 else []
    return [prepare, *uses, *last]


@declare(PIECES, "prepared_named", 8)
def prepared_before(s):
    """Uses or closes a name that an earlier piece may have prepared."""
    rng = s.rng
    name = rng.choice(NAMES[:4])
    return [s.step(*rng.choice([
        use(s, name, []), use(s, name, [b"1"]), [c("S", name), SYNC],
        [b("", name), e(), d("S", name), SYNC, d("S", name), SYNC]]))]


@declare(PIECES, "prepared_named", 4)
def prepared_many(s):
    """More names than a small cache holds."""
    rng = s.rng
    count = rng.randint(5, 40)
    names = [f"many{i}" for i in range(count)]
    msgs = [m for i, name in enumerate(names)
            for m in (c("S", name), p(name, f"select {i}, $1::int"))]
    some = rng.sample(names, min(6, count))
    return [s.step(*msgs, SYNC),
            s.step(*(m for name in some for m in (b("", name, [b"5"]), e())), SYNC)]


@declare(PIECES, "prepared_named", 4)
def prepared_with_error_between(s):
    """Messages behind an error are skipped: their Parse and Close never happened."""
    rng = s.rng
    name = rng.choice(NAMES[:3])
    return [s.step(c("S", name), p(name, "select 'first'"), SYNC),
            s.step(p("", "select 1/0"), b(), e(),
                   *rng.choice([[c("S", name)], [c("S", name), p(name, "select 2")]]),
                   SYNC),
            s.step(b("", name), e(), d("S", name), SYNC)]


@declare(PIECES, "unnamed_later", 5)
def unnamed_later(s):
    """The unnamed statement outlives its Sync."""
    sql, values, _ = words.with_values(s.rng, s.schema)
    return [s.step(p("", sql), d("S"), SYNC),
            *(s.step(b("", "", values), d("P"), e(), SYNC)
              for _ in range(s.rng.randint(1, 3)))]


@declare(PIECES, "unnamed_later", 2)
def unnamed_of_nobody(s):
    """A Query message destroys it: 26000."""
    return [s.step(q("select 1")), s.step(b(), e(), SYNC)]


@declare(PIECES, "bind_mismatch", 2)
def mismatch(s):
    name = s.rng.choice(["", "s1"] if s.has("prepared_named") else [""])
    return [s.step(c("S", name), p(name, "select $1::int, $2::int"),
                   b("", name, [b"1"]), e(), SYNC)]
