"""COPY both ways, by both protocols, with failures."""

from pieces import DONE, FLUSH, SYNC, b, d, data, declare, e, fail, p, q

PIECES = []


def rows(s, count: int = None) -> list:
    """CopyData messages; rows are cut without regard to messages."""
    rng = s.rng
    first = 1000 + rng.randrange(1000)
    text = "".join(f"{first + i}\trow {i}\t{i}\n"
                   for i in range(count or rng.choice([1, 5, 200]))).encode()
    marks = sorted({0, len(text), *(rng.randrange(len(text)) for _ in range(3))})
    return [data(text[x:y]) for x, y in zip(marks, marks[1:])]


def copy_sql(s) -> str:
    return f"copy {s.schema}.t from stdin"


def undo(s):
    return s.step(q(f"delete from {s.schema}.t where id >= 1000"))


@declare(PIECES, "copy_out", 6)
def copy_out(s):
    source = s.rng.choice([
        f"(select id, v from {s.schema}.t order by id)",
        "(select g, repeat('r', 50) from generate_series(1, 500) g)",
        "(select 10/(4 - g) from generate_series(1, 9) g)"])
    form = s.rng.choice(["", " (format csv, header)", " (format binary)"])
    sql = f"copy {source} to stdout{form}"
    return [s.rng.choice([
        s.step(q(sql)), s.step(q(f"select 1; {sql}; select 2")),
        s.step(p("", sql), b(), d("P"), e(), SYNC),
        s.step(p("", sql), b(), e(), p("", "select 3"), b(), e(), SYNC)])]


@declare(PIECES, "copy_in", 8)
def copy_in(s):
    rng = s.rng
    end = DONE
    if s.has("copy_fail") and rng.random() < 0.25:
        end = fail("the client is sorry")
    mixed = rows(s)
    if s.has("odd") and rng.random() < 0.15:
        mixed.insert(rng.randrange(len(mixed)), rng.choice([SYNC, FLUSH]))
    if rng.random() < 0.3:  # Sent ahead of the answer.
        return [s.step(q(copy_sql(s)), *mixed, end), undo(s)]
    if rng.random() < 0.4:
        return [s.step(q(copy_sql(s))), s.step(*mixed, end), undo(s)]
    return [s.step(q(copy_sql(s))), *(s.step(m) for m in mixed), s.step(end), undo(s)]


@declare(PIECES, "copy_fail", 5)
def copy_bad_row(s):
    rng = s.rng
    bad = rng.choice([b"not a number\tx\t1\n", b"5000\n", b"1\ttwice\t1\n1\ttwice\t1\n",
                      b"\xff\xfe\tx\t1\n"])
    tail = rows(s, 3) if rng.random() < 0.5 else []
    behind = [q("select 'behind'")] if rng.random() < 0.3 else []
    return [s.step(q(copy_sql(s))),
            s.step(*rows(s, 3), data(bad), *tail, DONE, *behind), undo(s)]


@declare(PIECES, "copy_fail", 2)
def copy_refused(s):
    """CopyData and CopyDone for a COPY that never began are ignored."""
    sql = s.rng.choice(["copy nowhere from stdin", "copy (select 1) from stdin",
                        f"select 1/0; {copy_sql(s)}"])
    return [s.step(q(sql), data(b"1\tx\n"), DONE, q("select 'behind'"))]


@declare(PIECES, "copy_in", 2)
def copy_twice(s):
    sql = f"{copy_sql(s)}; select 'between'; {copy_sql(s)}"
    return [s.step(q(sql)), s.step(*rows(s, 2), DONE), s.step(*rows(s, 1), DONE),
            undo(s)]


@declare(PIECES, "copy_ext", 8)
def copy_in_extended(s):
    rng = s.rng
    end, bad = DONE, []
    if s.has("copy_fail"):
        kind = rng.random()
        if kind < 0.2:
            end = fail("enough")
        elif kind < 0.4:
            bad = [data(b"not a number\tx\t1\n")]
    begin = [p("", copy_sql(s)), b(), *([d("P")] if rng.random() < 0.4 else []), e()]
    behind = []
    if rng.random() < 0.3:
        behind = [p("", "select 'behind'"), b(), e()]
    if rng.random() < 0.3:
        return [s.step(*begin, *rows(s), *bad, end, *behind, SYNC), undo(s)]
    return [s.step(*begin, FLUSH), s.step(*rows(s), *bad, end, *behind, SYNC), undo(s)]
