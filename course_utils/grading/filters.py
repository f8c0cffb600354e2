"""System calls that the box refuses, as a filter program for the kernel (seccomp, classic BPF).

Memory that belongs to no process (memfd, System V segments, message queues, shared pages without a file, file
systems of one's own) would escape the limit on memory; the others open parts of the kernel that no answer
needs. https://docs.kernel.org/userspace-api/seccomp_filter.html
"""

from __future__ import annotations

import errno
import platform
import struct
from collections.abc import Iterable, Sequence

# numbers of asm/unistd_64.h and of asm-generic/unistd.h
_NUMBERS = {
    "x86_64": {
        "shmget": 29,
        "semget": 64,
        "msgget": 68,
        "ptrace": 101,
        "pivot_root": 155,
        "mount": 165,
        "umount2": 166,
        "mq_open": 240,
        "add_key": 248,
        "request_key": 249,
        "keyctl": 250,
        "unshare": 272,
        "perf_event_open": 298,
        "setns": 308,
        "process_vm_readv": 310,
        "process_vm_writev": 311,
        "memfd_create": 319,
        "bpf": 321,
        "userfaultfd": 323,
        "io_uring_setup": 425,
        "open_tree": 428,
        "move_mount": 429,
        "fsopen": 430,
        "fsconfig": 431,
        "fsmount": 432,
        "fspick": 433,
        "mount_setattr": 442,
        "memfd_secret": 447,
    },
    "aarch64": {
        "umount2": 39,
        "mount": 40,
        "pivot_root": 41,
        "unshare": 97,
        "ptrace": 117,
        "mq_open": 180,
        "msgget": 186,
        "semget": 190,
        "shmget": 194,
        "add_key": 217,
        "request_key": 218,
        "keyctl": 219,
        "perf_event_open": 241,
        "setns": 268,
        "process_vm_readv": 270,
        "process_vm_writev": 271,
        "memfd_create": 279,
        "bpf": 280,
        "userfaultfd": 282,
        "io_uring_setup": 425,
        "open_tree": 428,
        "move_mount": 429,
        "fsopen": 430,
        "fsconfig": 431,
        "fsmount": 432,
        "fspick": 433,
        "mount_setattr": 442,
        "memfd_secret": 447,
    },
}
# What a process must also do without that is not in a box of its own: others to talk to, to signal, to start.
_ALONE = {
    "x86_64": {
        "socket": 41,
        "fork": 57,
        "vfork": 58,
        "kill": 62,
        "rt_sigqueueinfo": 129,
        "tkill": 200,
        "tgkill": 234,
        "rt_tgsigqueueinfo": 297,
        "pidfd_send_signal": 424,
        "process_madvise": 440,
    },
    "aarch64": {
        "kill": 129,
        "tkill": 130,
        "tgkill": 131,
        "rt_sigqueueinfo": 138,
        "socket": 198,
        "rt_tgsigqueueinfo": 240,
        "pidfd_send_signal": 424,
        "process_madvise": 440,
    },
}
_CLONE, _PRLIMIT = {"x86_64": 56, "aarch64": 220}, {"x86_64": 302, "aarch64": 261}
_CLONE3 = 435
_MMAP = {"x86_64": 9, "aarch64": 222}
_THREAD, _NEW_USER = 0x00010000, 0x10000000  # CLONE_THREAD, CLONE_NEWUSER
_SHARED, _ANONYMOUS = 0x01, 0x20  # MAP_SHARED, MAP_ANONYMOUS
_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_LOAD, _JUMP_IF_EQUAL, _JUMP_IF_AT_LEAST, _JUMP_IF_BIT = 0x20, 0x15, 0x35, 0x45
_JUMP_ALWAYS, _RETURN = 0x05, 0x06
_ALLOW, _KILL = 0x7FFF0000, 0x80000000
_REFUSE, _UNKNOWN = 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS
# offsets in struct seccomp_data
_NUMBER_AT, _ARCHITECTURE_AT, _FIRST_ARGUMENT_AT, _FOURTH_ARGUMENT_AT = 0, 4, 16, 40
_X32 = 0x40000000

_Instruction = tuple[int, int, int, int]


def system_call_filter(machine: str | None = None) -> bytes:
    """Return the filter of a box for a processor (default: this one's); empty for one that is not known.

    A refused call fails with EPERM. Calls in another architecture's numbering (32 bits, x32) end the process.
    Processes can be started, but none that is root in a world of its own, where it could mount memory.
    ``clone3`` is unknown, so that the library takes ``clone``, whose flags can be looked at.
    """
    machine = machine or platform.machine()
    if machine not in _NUMBERS:
        return b""
    return _packed(
        [
            *_common(machine, _NUMBERS[machine].values()),
            (_JUMP_IF_EQUAL, 0, 3, _CLONE[machine]),
            (_LOAD, 0, 0, _FIRST_ARGUMENT_AT),
            (_JUMP_IF_BIT, 0, 1, _NEW_USER),
            (_RETURN, 0, 0, _REFUSE),
            (_RETURN, 0, 0, _ALLOW),
        ]
    )


def process_filter(machine: str | None = None, *, own: int = 0) -> bytes:
    """Return the filter for a process that is not in a box: it also starts, signals and reaches nobody.

    Threads can be started; for ``clone3`` see `system_call_filter`. The process with the number `own` may
    signal itself: one that ends itself is treated as it is in a box.
    """
    machine = machine or platform.machine()
    if machine not in _NUMBERS:
        return b""
    numbers = [*_NUMBERS[machine].values(), *_ALONE[machine].values()]
    return _packed(
        [
            *_common(machine, numbers, first=_to_itself(machine, own)),
            (_JUMP_IF_EQUAL, 0, 4, _CLONE[machine]),
            (_LOAD, 0, 0, _FIRST_ARGUMENT_AT),
            (_JUMP_IF_BIT, 1, 0, _THREAD),
            (_RETURN, 0, 0, _REFUSE),
            (_RETURN, 0, 0, _ALLOW),
            (_JUMP_IF_EQUAL, 0, 3, _PRLIMIT[machine]),  # of another process
            (_LOAD, 0, 0, _FIRST_ARGUMENT_AT),
            (_JUMP_IF_EQUAL, 1, 0, 0),
            (_RETURN, 0, 0, _REFUSE),
            (_RETURN, 0, 0, _ALLOW),
        ]
    )


def _common(
    machine: str, numbers: Iterable[int], *, first: Sequence[_Instruction] = ()
) -> list[_Instruction]:
    """Refuse these calls, shared memory, and ``clone3``, whose flags no filter can see."""
    return [
        *_beginning(machine),
        *first,
        *_refusing(numbers),
        *_refusing_shared_memory(machine),
        (_JUMP_IF_EQUAL, 0, 1, _CLONE3),
        (_RETURN, 0, 0, _UNKNOWN),
    ]


def _to_itself(machine: str, own: int) -> list[_Instruction]:
    """Decide on signals by their receiver, a process of this number or none; go on for all other calls."""
    program: list[_Instruction] = []
    for name in ("kill", "tgkill"):
        program += [
            (_JUMP_IF_EQUAL, 0, 4, _ALONE[machine][name]),
            (_LOAD, 0, 0, _FIRST_ARGUMENT_AT),
            (_JUMP_IF_EQUAL, 0, 1, own),
            (_RETURN, 0, 0, _ALLOW if own else _REFUSE),
            (_RETURN, 0, 0, _REFUSE),
        ]
    return program


def _beginning(machine: str) -> list[_Instruction]:
    """Load the call's number, once it is sure which numbering it is of."""
    program = [
        (_LOAD, 0, 0, _ARCHITECTURE_AT),
        (_JUMP_IF_EQUAL, 1, 0, _ARCHITECTURES[machine]),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER_AT),
    ]
    if machine == "x86_64":
        program += [(_JUMP_IF_AT_LEAST, 0, 1, _X32), (_RETURN, 0, 0, _KILL)]
    return program


def _refusing(numbers: Iterable[int]) -> list[_Instruction]:
    """Refuse these calls, and go on for all others."""
    listed = sorted(numbers)
    program = [(_JUMP_IF_EQUAL, len(listed) - place, 0, number) for place, number in enumerate(listed)]
    return [*program, (_JUMP_ALWAYS, 0, 0, 1), (_RETURN, 0, 0, _REFUSE)]


def _refusing_shared_memory(machine: str) -> list[_Instruction]:
    """Refuse pages that processes share and that no file holds: they outlive who filled them, uncounted."""
    return [
        (_JUMP_IF_EQUAL, 0, 5, _MMAP[machine]),
        (_LOAD, 0, 0, _FOURTH_ARGUMENT_AT),
        (_JUMP_IF_BIT, 0, 2, _SHARED),
        (_JUMP_IF_BIT, 0, 1, _ANONYMOUS),
        (_RETURN, 0, 0, _REFUSE),
        (_RETURN, 0, 0, _ALLOW),
    ]


def _packed(program: list[_Instruction]) -> bytes:
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)
