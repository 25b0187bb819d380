#!/usr/bin/python3
"""forbid.py NUMBER[,NUMBER…] COMMAND…: runs the command under seccomp filters in which
these system calls fail with EPERM, as container runtimes do it."""

import ctypes
import errno
import os
import platform
import subprocess
import sys

PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, SECCOMP_MODE_FILTER = 22, 38, 2
SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO = 0x7fff0000, 0x00050000
LOAD_WORD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06  # linux/bpf_common.h
# The same on every architecture.
IO_URING_SETUP, IO_URING_ENTER, IO_URING_REGISTER = 425, 426, 427
IO_SETUP = {"x86_64": 206, "aarch64": 0}.get(platform.machine())
# SINGLE_ISSUER, DEFER_TASKRUN: a kernel before 6.1 has not both of them.
URING_FLAGS = 1 << 12 | 1 << 13


def allows_io_uring() -> bool:
    """Whether this system lets anybody have an io_uring that is new enough."""
    call = ("import ctypes; p = (ctypes.c_uint32 * 30)(); "
            f"p[2] = {URING_FLAGS}; "
            f"exit(ctypes.CDLL(None).syscall({IO_URING_SETUP}, 1, p) < 0)")
    return subprocess.run([sys.executable, "-c", call]).returncode == 0


class Instruction(ctypes.Structure):
    _fields_ = [("code", ctypes.c_ushort), ("if_true", ctypes.c_ubyte),
                ("if_false", ctypes.c_ubyte), ("value", ctypes.c_uint)]


class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort),
                ("first", ctypes.POINTER(Instruction))]


def forbid(number: int) -> None:
    instructions = (Instruction * 4)(
        (LOAD_WORD, 0, 0, 0),  # seccomp_data.nr
        (JUMP_IF_EQUAL, 0, 1, number),
        (RETURN, 0, 0, SECCOMP_RET_ERRNO | errno.EPERM),
        (RETURN, 0, 0, SECCOMP_RET_ALLOW))
    program = Program(len(instructions), instructions)
    call = ctypes.CDLL(None, use_errno=True).prctl
    for arguments in ((PR_SET_NO_NEW_PRIVS, ctypes.c_ulong(1), ctypes.c_ulong(0),
                       ctypes.c_ulong(0), ctypes.c_ulong(0)),
                      (PR_SET_SECCOMP, ctypes.c_ulong(SECCOMP_MODE_FILTER),
                       ctypes.byref(program))):
        if call(*arguments) != 0:
            raise OSError(ctypes.get_errno(), "prctl")


if __name__ == "__main__":
    for number in sys.argv[1].split(","):
        forbid(int(number))
    os.execv(sys.argv[2], sys.argv[2:])
