"""Confine this very process, where there is no bubblewrap: Landlock for files, a filter for system calls.

Weaker than a box of its own: other processes can be seen (not touched), the work folder lies on the disk, and
no process can be started. https://docs.kernel.org/userspace-api/landlock.html
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import struct
from collections.abc import Sequence
from pathlib import Path

from course_utils.grading.filters import process_filter

_CREATE, _ADD, _RESTRICT = 444, 445, 446  # the same numbers on every processor
_NO_NEW_PRIVILEGES, _SECCOMP, _FILTER, _DROP_FROM_BOUNDS = 38, 22, 2, 24
_EXECUTE, _READ_FILE, _READ_FOLDER = 1 << 0, 1 << 2, 1 << 3
_READ = _EXECUTE | _READ_FILE | _READ_FOLDER
_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}  # by version
_FILE_RIGHTS = _EXECUTE | (1 << 1) | _READ_FILE | (1 << 14)


def landlock_version() -> int:
    """Return the version of Landlock that the kernel offers; 0 for none."""
    if platform.system() != "Linux":
        return 0
    with contextlib.suppress(OSError, AttributeError):
        return max(0, int(ctypes.CDLL(None).syscall(_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(1))))
    return 0


def confine(*, readable: Sequence[str], writable: Sequence[str]) -> None:
    """Let this process read and change nothing but these, reach no network and no other process.

    Raises
    ------
    OSError
        If the kernel refuses.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    version = landlock_version()
    handled = _RIGHTS[max(known for known in _RIGHTS if known <= version)]
    attributes = struct.pack("=QQQ", handled, 3 if version >= 4 else 0, 3 if version >= 6 else 0)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    ruleset = libc.syscall(_CREATE, attributes, ctypes.c_size_t(size), ctypes.c_uint32(0))
    _check(ruleset)
    for paths, rights in ((readable, _READ), (writable, handled)):
        for path in paths:
            if not Path(path).exists():
                continue
            opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
            allowed = rights & handled if Path(path).is_dir() else rights & handled & _FILE_RIGHTS
            rule = struct.pack("=Qi", allowed, opened)
            _check(libc.syscall(_ADD, ruleset, ctypes.c_int(1), rule, ctypes.c_uint32(0)))
            os.close(opened)
    _check(libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0))
    _check(libc.syscall(_RESTRICT, ruleset, ctypes.c_uint32(0)))
    os.close(ruleset)
    _drop_capabilities(libc)
    program = process_filter(own=os.getpid())
    if not program:
        raise OSError("the system calls of this processor are not known")
    buffer = ctypes.create_string_buffer(program, len(program))

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))

    filled = Program(len(program) // 8, ctypes.addressof(buffer))
    _check(libc.prctl(_SECCOMP, _FILTER, ctypes.byref(filled), 0, 0))


def _drop_capabilities(libc: ctypes.CDLL) -> None:
    """Give up what a process of root may do beyond the rights of files."""
    for number in range(64):
        libc.prctl(_DROP_FROM_BOUNDS, number, 0, 0, 0)  # fails beyond the last, and for ordinary users
    header = struct.pack("=Ii", 0x20080522, 0)
    libc.capset(header, struct.pack("=6I", 0, 0, 0, 0, 0, 0))


def _check(result: int) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
