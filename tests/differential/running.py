"""Runs a round on both ways at once: one loop, no thread, no unbounded wait."""

import random
import select
import time

from client import Connection

STUCK_SECONDS = 20.0  # Without any byte from anybody.
BLOCKED_SECONDS = 0.02  # After that, others go on in a serial round.


class Side:
    """The connections of a round on one way."""

    def __init__(self, port: int, database: str, round_, servers: int, epoll):
        self.rng = random.Random(round_.seed)
        self.serial, self.servers, self.epoll = round_.serial, servers, epoll
        self.all = []
        self.turn = None  # Whose step is in flight, in a serial round.
        self.turn_began = 0.0
        for program in round_.programs:
            connection = Connection(port, database, program)
            self.all.append(connection)
            epoll.register(connection.socket, select.EPOLLIN)

    def done(self) -> bool:
        return all(connection.gone for connection in self.all)

    def go_on(self, now: float) -> bool:
        """Lets clients begin steps; true if one did."""
        went = False
        for connection in self.all:
            if connection.wants_to_push():
                went = connection.push() or went
        ready = [connection for connection in self.all if connection.ready()]
        if not ready:
            return went
        if not self.serial:
            for connection in ready:
                if self.rng.random() < 0.7:
                    connection.step()
            return True
        if self.turn is not None and not self.turn.gone and not (
                self.turn.ready() or now - self.turn_began > BLOCKED_SECONDS):
            return went
        # Whoever has a server goes on when there are no more of them.
        holders = [c for c in self.all if not c.gone and c.owed.holding()]
        if len(holders) >= self.servers:
            ready = [c for c in ready if c.owed.holding()] or ready
        self.turn, self.turn_began = self.rng.choice(ready), now
        self.turn.step()
        return True


class Stuck(Exception):
    pass


def run(world, round_, alone: bool = False) -> tuple:
    """The finished connections of both ways; `alone`: of the direct one, twice. Raises
    Stuck."""
    epoll = select.epoll()
    sides = []
    try:
        sides.append(Side(world.direct_port, "diff_a", round_, len(round_.programs),
                          epoll))
        if not alone:
            sides.append(Side(world.other_port, world.other_database, round_,
                              world.pool, epoll))
        owners = {c.socket.fileno(): c for side in sides for c in side.all}
        moved = time.monotonic()
        while not all(side.done() for side in sides):
            now = time.monotonic()
            began = [side.go_on(now) for side in sides]
            busy = any(c.wants_to_push() for side in sides for c in side.all)
            events = epoll.poll(0 if any(began) else 0.0005 if busy else 0.01)
            for number, _ in events:
                while not owners[number].gone and owners[number].read():
                    moved = now
            if any(began):
                moved = now
            if now - moved > STUCK_SECONDS:
                raise Stuck(stuck_words(sides))
    finally:
        for side in sides:
            for connection in side.all:
                connection.close()
        epoll.close()
    return sides[0].all, sides[-1].all


def stuck_words(sides: list) -> str:
    lines = [f"nothing moved for {STUCK_SECONDS} s"]
    for name, side in zip(("direct", "through"), sides):
        lines += [f"  {name}: {c.where()}" for c in side.all if not c.gone]
    return "\n".join(lines)
