"""Poolers under callgrind, and what they are given to do."""

import pathlib
import signal
import tempfile

from stand import Stand, transactions

BIG_ROWS = 20_000
COPY_ROWS = 50_000
BIG_QUERY = (f"select i, repeat('x', 100) from generate_series(1, {BIG_ROWS}) i;\n")
COPY_OUT = ("copy (select i, repeat('y', 90) from generate_series(1, "
            f"{COPY_ROWS}) i) to stdout")


def digits(count: int) -> int:
    """Of all numbers from 1 to `count`."""
    return sum(len(str(number)) for number in range(1, count + 1))


BIG_MB = (BIG_ROWS * 100 + digits(BIG_ROWS)) / 1e6
COPY_MB = (COPY_ROWS * 92 + digits(COPY_ROWS)) / 1e6


class Row:
    """`short` and `long`: how often each client does it. `per`: what one is of."""

    def __init__(self, name: str, clients: int, options=(), short: int = 200,
                 long: int = 1200, mode: str = "transaction", user: str = "app_trust",
                 per: float = 1, copy: str = None, tls: bool = False):
        self.name, self.clients, self.options = name, clients, list(options)
        self.short, self.long, self.mode = short, long, mode
        self.user, self.per, self.copy, self.tls = user, per, copy, tls


def rows(script: pathlib.Path) -> list:
    made = []
    for protocol in ("simple", "extended", "prepared"):
        mode = "session" if protocol == "prepared" else "transaction"
        made += [Row(f"select {protocol} {clients}", clients, ["-S", "-M", protocol],
                     100 if clients > 1 else 500, 400 if clients > 1 else 2500, mode)
                 for clients in (1, 16)]
    return made + [
        Row("tpc-b simple 1", 1, ["-b", "tpcb-like"], 100, 500),
        Row("tpc-b simple 16", 16, ["-b", "tpcb-like"], 20, 80),
        Row("tls prepared 16", 16, ["-S", "-M", "prepared"], 100, 400, "session", tls=True),
        Row("login scram 1", 1, ["-S", "-C"], 20, 120, user="app"),
        Row("big result 1, per MB", 1, ["-f", script], 1, 5, per=BIG_MB),
        Row("copy out 1, per MB", 1, short=1, long=4, per=COPY_MB, copy="out"),
        Row("copy in 1, per MB", 1, short=1, long=4, per=COPY_MB, copy="in")]


class Counted:
    """A pooler under callgrind."""

    def __init__(self, stand: Stand, target: str, mode: str, *options: str):
        self.stand = stand
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="callgrind-",
                                                    dir=stand.folder))
        self.folder.chmod(0o777)  # pgbouncer has a user of its own.
        valgrind = ["valgrind", "--tool=callgrind", "--vgdb=no",
                    f"--callgrind-out-file={self.folder}/out", *options]
        if target == "pgbouncer":
            self.process = stand.pgbouncer(mode, 20, before=valgrind)
            self.port, self.database = self.process.listeners[0], "acme"
        else:
            self.process = stand.cenote(target, 20, before=valgrind)
            self.port = self.process.port(mode)
            self.database = "acme" if mode == "transaction" else "acme_sessions"

    def end(self) -> str:
        """What callgrind wrote of its whole life."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait_exit(60)
        self.stand.stop(self.process)
        return (self.folder / "out").read_text()


def run(stand: Stand, one: Counted, row: Row, times: int) -> None:
    how = {"database": one.database, "user": row.user, "tls": row.tls}
    if row.copy is None:
        said = stand.pgbench([*row.options, "-c", row.clients, "-t", times], one.port,
                             **how)
        if transactions(said) != times * row.clients:
            raise RuntimeError(said)
        return
    sql = COPY_OUT if row.copy == "out" else "copy loaded from stdin"
    for _ in range(times):
        with open(stand.folder / "rows") as data:
            stand.run(["psql", "-X", "-q", "-o", "/dev/null", "-c", sql], one.port,
                      stdin=data if row.copy == "in" else None, **how)
    if row.copy == "in":
        stand.pg.query("truncate loaded", dbname="acme")


def prepare(stand: Stand) -> None:
    stand.pg.query("create unlogged table loaded (id int, word text); "
                   "grant all on loaded to public", dbname="acme")
    with open(stand.folder / "rows", "w") as out:
        for number in range(1, COPY_ROWS + 1):
            out.write(f"{number}\t{'y' * 90}\n")


def chosen_rows(parser, words: str, script: pathlib.Path) -> list:
    """The rows that have one of the words, parted by commas, in their name."""
    wanted = [word for word in words.split(",") if word]
    found = [row for row in rows(script)
             if not wanted or any(word in row.name for word in wanted)]
    if not found:
        parser.error("no row has these words: "
                     + ", ".join(row.name for row in rows(script)))
    return found
