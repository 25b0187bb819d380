"""Are two answers the same? What must differ is taken out first."""

import struct

from support import wire


def segments(answers: list) -> list:
    """The answers, cut behind every ReadyForQuery: (messages, settings reported).
    ParameterStatus counts by what it amounts to, notifications by their order."""
    cut, current, settings, heard = [], [], {}, []
    for tag, body in answers:
        if tag == "S":
            key, value = body.split(b"\0")[:2]
            settings[key] = value
        elif tag == "A":
            heard.append((tag, body[4:]))  # Behind the process id.
        else:
            current.append((tag, normal(tag, body)))
            if tag in ("Z", "end"):
                cut.append((heard + current, dict(settings)))
                current, heard = [], []
    if current or heard:
        cut.append((heard + current, dict(settings)))
    return cut


def normal(tag: str, body: bytes) -> bytes:
    """RowDescription without the object ids of tables; errors and notices without
    the place in PostgreSQL's source, which tells a Parse from a Bind."""
    if tag in "EN":
        return b"\0".join(part for part in body.split(b"\0") if part[:1] not in
                          (b"F", b"L", b"R"))
    if tag != "T" or b" bytes, " in body[:20]:
        return body
    count, at, out = struct.unpack_from("!h", body)[0], 2, body[:2]
    for _ in range(count):
        end = body.index(b"\0", at) + 1
        table = struct.unpack_from("!I", body, end)[0]
        out += body[at:end] + struct.pack("!I", table != 0) + body[end + 4:end + 18]
        at = end + 18
    return out


def difference(direct, through):
    """None, or in words where the two connections of a session differ first. A
    client that vanished has read as far as it liked: the common part counts."""
    one, two = segments(direct.answers), segments(through.answers)
    vanished = direct.program.ending == "vanish"
    for number in range(max(len(one), len(two))):
        a = one[number] if number < len(one) else None
        b = two[number] if number < len(two) else None
        if a == b or (a and b and refused_otherwise(a[0], b[0])):
            continue
        if vanished and (a is None or b is None or number >= min(len(one), len(two)) - 1):
            return None
        return words(number, a, b)
    return None


def refused_otherwise(direct: list, through: list) -> bool:
    """In a failed block a statement that the server lacks cannot be parsed, so that
    it is not known how many parameters it has: 25P02 for 08P01, and in place of what a
    statement without rows is described as."""
    def error(messages):
        return wire.error_fields(messages[-2][1])["C"] if (
            len(messages) > 1 and messages[-2][0] == "E"
            and messages[-1] == ("Z", b"E")) else None
    has_no_rows = [tag for tag, _ in direct[-3:-1]] == ["t", "n"] \
        and direct[-1] == ("Z", b"E")
    return error(through) == "25P02" and (error(direct) == "08P01" or has_no_rows)


def words(number: int, a, b) -> str:
    lines = [f"differs in answer {number} (counted by ReadyForQuery):"]
    if a is None or b is None:
        lines.append("  direct:  " + ("nothing more" if a is None else show(a[0])))
        lines.append("  through: " + ("nothing more" if b is None else show(b[0])))
        return "\n".join(lines)
    for at in range(max(len(a[0]), len(b[0]))):
        left = a[0][at] if at < len(a[0]) else None
        right = b[0][at] if at < len(b[0]) else None
        if left != right:
            lines.append("  direct:  " + show(a[0][at:at + 4]))
            lines.append("  through: " + show(b[0][at:at + 4]))
            return "\n".join(lines)
    for key in sorted(set(a[1]) | set(b[1])):
        if a[1].get(key) != b[1].get(key):
            lines.append(f"  ParameterStatus {key.decode()}: direct "
                         f"{a[1].get(key)}, through {b[1].get(key)}")
    return "\n".join(lines)


def show(messages: list) -> str:
    return " ".join(shown(tag, body) for tag, body in messages) or "(nothing)"


def shown(tag: str, body: bytes) -> str:
    try:
        if tag in "EN":
            fields = wire.error_fields(body)
            more = "".join(f", {key}: {value}" for key, value in fields.items()
                           if key not in "SVCMFLR")
            return f"{tag}({fields.get('S')} {fields.get('C')} {fields.get('M')}{more})"
        if tag == "D":
            return f"D{wire.data_row(body)}"
        if tag == "T":
            return f"T{wire.row_description(body)}"
        if tag == "C":
            return f"C({body[:-1].decode()})"
        if tag == "Z":
            return f"Z({body.decode()})"
    except (ValueError, IndexError, struct.error):
        pass
    return f"{tag}({body[:60]!r})" if body else tag


def transcript(connection) -> list:
    """Each step with what came until the next one."""
    lines = []
    marks = [*connection.marks, len(connection.answers)]
    shown_steps = connection.program.lines()
    for number, step in enumerate(shown_steps[1:1 + len(connection.marks)]):
        lines.append(f"    > {step}")
        got = connection.answers[marks[number]:marks[number + 1]]
        extra = len(got) - 12
        lines.append("      < " + show(got[:12]) + (f" … {extra} more" if extra > 0
                                                    else ""))
    return lines
