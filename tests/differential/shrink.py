"""Makes a failing round smaller: fewer clients, steps, messages, cuts, as long as
it fails."""

import dataclasses
import time


class Shrinker:
    """`fails(rounds) -> bool`: do these rounds, one after the other, fail on a
    pooler that knows nothing yet?"""

    def __init__(self, fails, seconds: float, say):
        self.fails, self.deadline, self.say = fails, time.monotonic() + seconds, say
        self.tried = 0

    def _better(self, candidate) -> bool:
        if time.monotonic() > self.deadline:
            return False
        self.tried += 1
        return self.fails([*self.before, candidate, *self.after])

    def shrink(self, rounds: list) -> list:
        """The last round and as few before it as it takes."""
        for count in range(1, len(rounds) + 1):
            if self.fails(rounds[-count:]):
                rounds = rounds[-count:]
                break
        else:
            self.say("  does not fail again")
            return rounds
        before = None
        while before != size(rounds) and time.monotonic() < self.deadline:
            before = size(rounds)
            for at in reversed(range(len(rounds))):
                self.before, self.after = rounds[:at], rounds[at + 1:]
                rounds[at] = self._one(rounds[at])
            self.say(f"  smaller: {size(rounds)} after {self.tried} tries")
        return rounds

    def _one(self, round_):
        round_ = self._fewer_programs(round_)
        round_ = self._fewer_groups(round_)
        round_ = self._fewer_messages(round_)
        return self._simpler_manners(round_)

    def _fewer_programs(self, round_):
        at = 0
        while at < len(round_.programs) and len(round_.programs) > 1:
            rest = round_.programs[:at] + round_.programs[at + 1:]
            candidate = round_.with_programs(rest)
            if self._better(candidate):
                round_ = candidate
            else:
                at += 1
        return round_

    def _fewer_groups(self, round_):
        """Drops runs of groups, long runs first. The preamble (group 0) stays."""
        for number in range(len(round_.programs)):
            groups = sorted({s.group for s in round_.programs[number].steps} - {0})
            length = max(1, len(groups) // 2)
            while length >= 1:
                at = 0
                while at < len(groups):
                    gone = set(groups[at:at + length])
                    steps = [s for s in round_.programs[number].steps
                             if s.group not in gone]
                    candidate = replaced(round_, number, steps)
                    if self._better(candidate):
                        round_ = candidate
                        groups = [g for g in groups if g not in gone]
                    else:
                        at += length
                length //= 2
        return round_

    def _fewer_messages(self, round_):
        """Only where COPY is not involved, whose messages need each other; the
        last one stays, which is a Sync or a Query."""
        for number, program in enumerate(round_.programs):
            for at, step in enumerate(program.steps):
                if step.group == 0 or any(m.tag in "dcf" or "copy" in m.text.lower()
                                          for m in step.msgs):
                    continue
                drop = 0
                while drop < len(step.msgs) - 1:
                    msgs = step.msgs[:drop] + step.msgs[drop + 1:]
                    steps = list(round_.programs[number].steps)
                    steps[at] = dataclasses.replace(step, msgs=msgs)
                    candidate = replaced(round_, number, steps)
                    if self._better(candidate):
                        round_, step = candidate, steps[at]
                    else:
                        drop += 1
        return round_

    def _simpler_manners(self, round_):
        for number, program in enumerate(round_.programs):
            whole = [dataclasses.replace(s, cuts=(), wait=True) for s in program.steps]
            candidate = replaced(round_, number, whole)
            if whole != program.steps and self._better(candidate):
                round_ = candidate
            plain = dataclasses.replace(round_.programs[number], startup={})
            candidate = with_program(round_, number, plain)
            if program.startup and self._better(candidate):
                round_ = candidate
        candidate = dataclasses.replace(round_, serial=True)
        if not round_.serial and self._better(candidate):
            round_ = candidate
        return round_


def with_program(round_, number: int, program):
    programs = list(round_.programs)
    programs[number] = program
    return round_.with_programs(programs)


def replaced(round_, number: int, steps: list):
    return with_program(round_, number, round_.programs[number].with_steps(steps))


def size(rounds: list) -> str:
    programs = [program for round_ in rounds for program in round_.programs]
    steps = sum(len(program.steps) for program in programs)
    return f"{len(programs)} clients, {steps} steps"
