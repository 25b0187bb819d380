"""What a session is made of: messages in steps, steps in a program. A program can
be written to a file and read back, so that a failure can be replayed."""

import dataclasses
import json


@dataclasses.dataclass(frozen=True)
class Msg:
    data: bytes
    text: str

    @property
    def tag(self) -> str:
        return chr(self.data[0])


@dataclasses.dataclass
class Step:
    """Bytes that are sent in one go, or cut at `cuts` (fractions of their length).
    `wait`: the next step is sent only when everything that PostgreSQL owes has
    arrived. Steps of one `group` are of no use without each other."""
    msgs: list
    wait: bool = True
    cuts: tuple = ()
    group: int = 0
    feature: str = ""

    def data(self) -> bytes:
        return b"".join(msg.data for msg in self.msgs)

    def pieces(self) -> list:
        data = self.data()
        marks = sorted({int(cut * len(data)) for cut in self.cuts} - {0, len(data)})
        return [data[a:b] for a, b in zip([0, *marks], [*marks, len(data)])]


@dataclasses.dataclass
class Program:
    """One session of one client. `ending`: "terminate" (says goodbye and reads to
    the end) or "vanish" (closes the socket wherever it is)."""
    slot: int
    startup: dict
    steps: list
    ending: str = "terminate"
    # Of a message cut short, sent before vanishing.
    stub: bytes = b""

    def with_steps(self, steps: list):
        return dataclasses.replace(self, steps=steps)

    def lines(self) -> list:
        shown = [f"startup {self.startup}"]
        for step in self.steps:
            text = " | ".join(msg.text for msg in step.msgs)
            manner = "" if step.wait else "  (no wait)"
            cut = f"  (in {len(step.cuts) + 1} parts)" if step.cuts else ""
            shown.append(f"{text}{manner}{cut}")
        shown.append(self.ending + (" after half a message" if self.stub else ""))
        return shown


@dataclasses.dataclass
class Round:
    """Programs that run side by side. `serial`: one step at a time in the whole
    world, in an order that `seed` gives; else all at once."""
    seed: int
    serial: bool
    programs: list

    def with_programs(self, programs: list):
        return dataclasses.replace(self, programs=programs)


def dump(rounds: list) -> str:
    def plain(item):
        return item.hex() if isinstance(item, bytes) else dataclasses.asdict(item)
    return json.dumps([dataclasses.asdict(r) for r in rounds], default=plain, indent=1)


def load(text: str) -> list:
    return [Round(raw["seed"], raw["serial"],
                  [_program(program) for program in raw["programs"]])
            for raw in json.loads(text)]


def _program(raw: dict) -> Program:
    steps = [Step([Msg(bytes.fromhex(m["data"]), m["text"]) for m in step["msgs"]],
                  step["wait"], tuple(step["cuts"]), step["group"], step["feature"])
             for step in raw["steps"]]
    return Program(raw["slot"], raw["startup"], steps, raw["ending"],
                   bytes.fromhex(raw["stub"]))
