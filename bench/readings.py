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
    """Of all its threads so far. Counted by the scheduler, not in ticks."""
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
