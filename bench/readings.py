"""What the kernel says about a process and about itself."""

import os
import pathlib


def _fields(path: str) -> dict:
    """`Name:  123 kB` lines; kB become bytes."""
    found = {}
    for line in pathlib.Path(path).read_text().splitlines():
        words = line.replace(":", " ").split()
        if len(words) >= 2 and words[1].isdigit():
            found[words[0]] = int(words[1]) * (1024 if words[-1] == "kB" else 1)
    return found


def resident(pid: int) -> int:
    return _fields(f"/proc/{pid}/status")["VmRSS"]


def private_dirty(pid: int) -> int:
    """Bytes nobody else has and that cannot be thrown away."""
    return _fields(f"/proc/{pid}/smaps_rollup")["Private_Dirty"]


def processor_seconds(pid: int) -> float:
    """Of it and the processes that it made, so far."""
    return processor_times(pid)[2]


def processor_times(pid: int) -> tuple:
    """(user, system, both) of it and the processes that it made, so far. The first two
    come in ticks. What children took that have ended comes in ticks, too."""
    user = system = both = 0
    for one in _family(pid):
        try:
            spent = [ticks / os.sysconf("SC_CLK_TCK") for ticks in _ticks(one)]
            both += _scheduled(one)
        except FileNotFoundError:
            continue  # It ended.
        ended = spent[2:] if one == pid else [0, 0]
        user += spent[0] + ended[0]
        system += spent[1] + ended[1]
        both += sum(ended)
    return user, system, both


def _family(pid: int) -> list:
    """It, its children, theirs."""
    found = [pid]
    parents = {}
    for folder in os.listdir("/proc"):
        if folder.isdigit():
            try:
                parents[int(folder)] = int(_fields_of_stat(int(folder))[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found


def _fields_of_stat(pid: int) -> list:
    """From the state on: proc(5) counts it as the third."""
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()


def _ticks(pid: int) -> list:
    """User, system; the same of children that have ended and were waited for."""
    return [int(ticks) for ticks in _fields_of_stat(pid)[11:15]]


def _scheduled(pid: int) -> float:
    """Seconds of all its threads so far. Counted by the scheduler, not in ticks."""
    total = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        try:
            text = pathlib.Path(f"/proc/{pid}/task/{thread}/schedstat").read_text()
        except FileNotFoundError:
            continue  # It ended.
        total += int(text.split()[0])
    return total / 1e9


def slab() -> int:
    """The kernel's own objects, sockets among them: of the whole machine."""
    return _fields("/proc/meminfo")["Slab"]


def socket_buffers() -> int:
    """Bytes in TCP's buffers: of the whole machine."""
    for line in pathlib.Path("/proc/net/sockstat").read_text().splitlines():
        words = line.split()
        if words[0] == "TCP:":
            return int(words[words.index("mem") + 1]) * os.sysconf("SC_PAGE_SIZE")
    raise RuntimeError("no TCP in /proc/net/sockstat")
