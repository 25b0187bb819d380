"""Writes TOML; Python's library only reads it."""


def _value(item) -> str:
    if isinstance(item, bool):
        return "true" if item else "false"
    if isinstance(item, (int, float)):
        return str(item)
    if isinstance(item, (list, tuple)):
        return "[" + ", ".join(_value(x) for x in item) + "]"
    if isinstance(item, dict):
        return "{ " + ", ".join(f"{k} = {_value(v)}" for k, v in item.items()) + " }"
    escaped = str(item).replace("\\", "\\\\").replace('"', '\\"')
    return '"' + escaped.replace("\n", "\\n") + '"'


def _is_tables(item) -> bool:
    return isinstance(item, list) and item != [] and isinstance(item[0], dict)


def _table(content: dict, path: str, out: list) -> None:
    for key, item in content.items():
        if not isinstance(item, dict) and not _is_tables(item):
            out.append(f"{key} = {_value(item)}")
    for key, item in content.items():
        below = f"{path}.{key}" if path else key
        if isinstance(item, dict):
            out.append(f"\n[{below}]")
            _table(item, below, out)
        elif _is_tables(item):
            for entry in item:
                out.append(f"\n[[{below}]]")
                _table(entry, below, out)


def dumps(content: dict) -> str:
    out = []
    _table(content, "", out)
    return "\n".join(out).lstrip("\n") + "\n"
