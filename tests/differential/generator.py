"""Random sessions. A piece is a function that returns steps; its feature is what
`--without` leaves out. Pieces inside a transaction are nested in one."""

import zlib

import gen_copy
import gen_extended
import gen_simple
import gen_state
import words
from program import Msg, Program, Round, Step
from support import wire

MODULES = (gen_simple, gen_extended, gen_copy, gen_state)
PIECES = [piece for module in MODULES for piece in module.PIECES]
# Features that are no piece of their own.
MANNERS = ("startup", "startup_loose", "startup_reset", "startup_any",
           "cut", "vanish", "nowait")
FEATURES = sorted({piece.feature for piece in PIECES} | set(MANNERS))


class Session:
    """What the pieces of one session know of each other."""

    def __init__(self, rng, features: set, slot: int, serial: int):
        self.rng = rng
        self.features = features
        self.slot = slot
        self.serial = serial  # Unlike that of any other session of the run.
        self.schema = f"d{slot}"
        self.group = 0
        self.depth = 0  # 1 inside a transaction.
        self.startup = (words.startup(rng, self.has("startup_loose"),
                                      self.has("startup_any"))
                        if self.has("startup") else {})

    def may_reset(self) -> bool:
        """RESET goes back to what the client asked for when it started."""
        return not self.startup or self.has("startup_reset")

    def has(self, feature: str) -> bool:
        return feature in self.features

    def step(self, *msgs, wait: bool = True) -> Step:
        return Step(list(msgs), wait)

    def pieces(self, count: int) -> list:
        """Steps of `count` random pieces that may stand here."""
        inside = self.depth > 0
        allowed = [p for p in PIECES if p.feature in self.features
                   and (p.inside if inside else p.outside)]
        steps = []
        for piece in self.rng.choices(allowed, [p.weight for p in allowed], k=count):
            self.group += 1
            mine = piece.make(self)
            for step in mine:
                step.feature = step.feature or piece.feature
                if step.group == 0:
                    step.group = self.group
            steps += mine
        return steps


def preamble(slot: int) -> Step:
    sql = f"select diff.reset('d{slot}')"
    return Step([Msg(wire.query(sql), f"Q {sql}")], feature="preamble")


def manners(session: Session, steps: list) -> None:
    """How the steps are sent."""
    rng = session.rng
    for step in steps:
        if session.has("cut") and rng.random() < 0.25:
            step.cuts = tuple(rng.random() for _ in range(rng.randint(1, 3)))
    if session.has("nowait"):
        # Only where nothing of the next step depends on the answer.
        for step, follower in zip(steps, steps[1:]):
            if (step.group != follower.group and rng.random() < 0.15
                    and not any("copy" in msg.text.lower() for msg in step.msgs)):
                step.wait = False


def program(rng, features: set, slot: int, serial: int) -> Program:
    session = Session(rng, features, slot, serial)
    steps = session.pieces(rng.choice([1, 3, 6, 10, 15]))
    manners(session, steps)
    # A last look for what should not be there.
    last = words.leaks(rng)
    steps.append(Step([Msg(wire.query(last), f"Q {last}")], group=session.group + 1,
                      feature="simple"))
    made = Program(slot, session.startup, [preamble(slot), *steps])
    if session.has("vanish") and rng.random() < 0.25:
        vanish(session, made)
    return made


def vanish(session: Session, made: Program) -> None:
    """Ends in the middle of something that leaves no trace in the tables."""
    rng, s = session.rng, session.schema
    made.ending = "vanish"
    tails = [
        [Msg(wire.query("begin"), "Q begin"),
         Msg(wire.query(f"update {s}.t set v = 'lost'"), "Q update, not committed")],
        [Msg(wire.parse("", f"update {s}.t set v = 'lost'"), "P update"),
         Msg(wire.bind(), "B"), Msg(wire.execute(), "E, no Sync")],
        [Msg(wire.query("select pg_sleep(0.02)"), "Q select pg_sleep(0.02)")],
        [Msg(wire.query("select repeat('x', 100) from generate_series(1, 20000)"),
             "Q many rows")],
        [Msg(wire.query(f"begin; copy {s}.t from stdin"), "Q copy from stdin"),
         Msg(wire.copy_data(b"900\tlost\t1\n"), "d")],
        [Msg(wire.query(f"begin; select * from {s}.t for update"), "Q for update")],
    ]
    made.steps.append(Step(rng.choice(tails), wait=False, group=session.group + 2,
                           feature="vanish"))
    if rng.random() < 0.4:
        whole = wire.query("select 'a message of which only the head arrives'")
        made.stub = whole[:rng.randint(1, len(whole) - 1)]


def round_of(rng_class, seed: int, features: set, clients: int, serial: int) -> Round:
    """`serial` counts rounds of the run: names derived from it never come again."""
    rng = rng_class(zlib.crc32(b"round %d" % seed))
    programs = [program(rng, features, slot, serial * clients + slot)
                for slot in range(clients)]
    return Round(seed, rng.random() < 0.5, programs)
