"""The filters of system calls refuse what they name and nothing else: run by hand, and by the kernel."""

import ctypes
import errno
import json
import platform
import re
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_utils.grading.confine import landlock_version
from course_utils.grading.filters import process_filter, system_call_filter

ALLOW, KILL = 0x7FFF0000, 0x80000000
REFUSE, UNKNOWN = 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
CLONE, CLONE3 = {"x86_64": 56, "aarch64": 220}, 435
PRLIMIT = {"x86_64": 302, "aarch64": 261}
CLONE_THREAD, CLONE_NEWUSER = 0x00010000, 0x10000000
MMAP = {"x86_64": 9, "aarch64": 222}
MAP_SHARED, MAP_ANONYMOUS = 0x01, 0x20
BOTH = pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
MEMORY_OF_NOBODY = {"memfd_create", "memfd_secret", "shmget", "semget", "msgget", "mq_open"}
DANGEROUS = MEMORY_OF_NOBODY | {
    *("ptrace", "process_vm_readv", "process_vm_writev", "bpf", "userfaultfd", "io_uring_setup", "unshare"),
    *("open_tree", "move_mount", "fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr"),
    *("setns", "mount", "umount2", "pivot_root", "add_key", "request_key", "keyctl", "perf_event_open"),
}
ALONE = {
    *("socket", "fork", "vfork", "kill", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo"),
    *("pidfd_send_signal", "process_madvise"),
}
linux = pytest.mark.skipif(platform.system() != "Linux", reason="system calls of Linux")


def verdict(program, machine, number, argument=0, fourth=0):
    """Run a filter as the kernel would (classic BPF, only the instructions that a filter needs)."""
    call = struct.pack("=iIQ6Q", number, ARCHITECTURES.get(machine, 0), 0, argument, 0, 0, fourth, 0, 0)
    code = list(struct.iter_unpack("=HBBI", program))
    accumulator, place = 0, 0
    while True:
        operation, if_true, if_false, value = code[place]
        place += 1
        if operation == 0x06:  # return
            return value
        if operation == 0x20:  # load a word
            (accumulator,) = struct.unpack_from("=I", call, value)
        elif operation == 0x05:  # jump
            place += value
        else:
            holds = {
                0x15: accumulator == value,
                0x35: accumulator >= value,
                0x45: bool(accumulator & value),
            }[operation]
            place += if_true if holds else if_false


def header_numbers():
    """Return the numbers of system calls that the C headers of this machine give."""
    for path in (
        "/usr/include/x86_64-linux-gnu/asm/unistd_64.h",
        "/usr/include/asm/unistd_64.h",
        "/usr/include/asm-generic/unistd.h",
    ):
        if Path(path).exists():
            found = re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", Path(path).read_text())
            return path, {name: int(number) for name, number in found}
    return "", {}


# ---------------------------------------------------------------- by hand


@BOTH
@given(number=st.integers(0, 1000), argument=st.integers(0, 2**64 - 1))
def test_the_filter_of_a_box_allows_or_refuses_most_calls_whatever_the_arguments(machine, number, argument):
    program = system_call_filter(machine)
    if number not in (CLONE[machine], CLONE3):
        assert verdict(program, machine, number, argument) in (ALLOW, REFUSE)
        assert verdict(program, machine, number, argument) == verdict(program, machine, number)


@BOTH
@given(flags=st.integers(0, 2**32 - 1))
def test_a_box_may_start_processes_but_none_that_is_root_in_a_world_of_its_own(machine, flags):
    expected = REFUSE if flags & CLONE_NEWUSER else ALLOW
    assert verdict(system_call_filter(machine), machine, CLONE[machine], flags) == expected
    assert verdict(system_call_filter(machine), machine, CLONE3, flags) == UNKNOWN


@pytest.mark.parametrize("make", [system_call_filter, process_filter])
@BOTH
@given(flags=st.integers(0, 2**32 - 1))
def test_memory_is_shared_by_way_of_a_file_or_not_at_all(make, machine, flags):
    refused = flags & MAP_SHARED and flags & MAP_ANONYMOUS
    assert verdict(make(machine), machine, MMAP[machine], 0, flags) == (REFUSE if refused else ALLOW)


@BOTH
@given(number=st.integers(0, 1000), argument=st.integers(0, 2**64 - 1))
def test_the_filter_of_a_process_refuses_at_least_what_that_of_a_box_refuses(machine, number, argument):
    if verdict(system_call_filter(machine), machine, number) == REFUSE:
        assert verdict(process_filter(machine), machine, number, argument) == REFUSE


@pytest.mark.parametrize("make", [system_call_filter, process_filter])
@BOTH
def test_calls_in_the_numbering_of_another_processor_end_the_process(make, machine):
    other = {"x86_64": "aarch64", "aarch64": "x86_64"}[machine]
    assert {verdict(make(machine), other, number) for number in range(500)} == {KILL}


@pytest.mark.parametrize("make", [system_call_filter, process_filter])
def test_calls_in_the_x32_numbering_end_the_process(make):
    assert {verdict(make("x86_64"), "x86_64", 0x40000000 + number) for number in range(600)} == {KILL}


@BOTH
@given(flags=st.integers(0, 2**32 - 1))
def test_a_process_may_start_threads_and_no_processes(machine, flags):
    expected = ALLOW if flags & CLONE_THREAD else REFUSE
    assert verdict(process_filter(machine), machine, CLONE[machine], flags) == expected
    assert verdict(process_filter(machine), machine, CLONE3, flags) == UNKNOWN  # the library takes clone then


@BOTH
@given(process=st.integers(1, 2**31))
def test_a_process_may_change_its_own_limits_and_nobody_elses(machine, process):
    assert verdict(process_filter(machine), machine, PRLIMIT[machine], 0) == ALLOW
    assert verdict(process_filter(machine), machine, PRLIMIT[machine], process) == REFUSE


@pytest.mark.parametrize("make", [system_call_filter, process_filter])
@BOTH
def test_every_jump_lands_inside_the_program_and_its_end_returns(make, machine):
    code = list(struct.iter_unpack("=HBBI", make(machine)))
    for place, (operation, if_true, if_false, value) in enumerate(code):
        if operation == 0x06:
            continue
        steps = {0x20: (0,), 0x05: (value,)}.get(operation, (if_true, if_false))
        assert all(place + 1 + step < len(code) for step in steps)
    assert code[-1][0] == 0x06
    assert len(code) <= 4096


KILL_CALLS = {"x86_64": (62, 234), "aarch64": (129, 131)}


@BOTH
@given(own=st.integers(1, 2**31 - 1), other=st.integers(-(2**31), 2**31 - 1))
def test_a_process_may_signal_itself_and_nobody_else(machine, own, other):
    for call in KILL_CALLS[machine]:
        assert verdict(process_filter(machine, own=own), machine, call, own) == ALLOW
        expected = ALLOW if other == own else REFUSE
        assert verdict(process_filter(machine, own=own), machine, call, other % 2**32) == expected
        assert verdict(process_filter(machine), machine, call, other % 2**32) == REFUSE


def test_there_is_no_filter_for_a_processor_whose_numbers_are_not_known():
    assert (system_call_filter("riscv64"), process_filter("riscv64")) == (b"", b"")


def test_the_numbers_refused_are_those_of_the_c_headers():
    path, numbers = header_numbers()
    if not numbers:
        pytest.skip("the C headers are not installed")
    machine = "x86_64" if path.endswith("unistd_64.h") else "aarch64"
    refused = {
        name for name, n in numbers.items() if verdict(system_call_filter(machine), machine, n) == REFUSE
    }
    assert refused == DANGEROUS & set(numbers)  # older headers lack the newest
    alone = {name for name, n in numbers.items() if verdict(process_filter(machine), machine, n, 1) == REFUSE}
    assert alone - {"clone", "prlimit64"} == (DANGEROUS | ALONE) & set(numbers)


# ---------------------------------------------------------------- by the kernel

ATTEMPTS = """
import ctypes, json, mmap, os, signal, socket, sys, threading, subprocess
from pathlib import Path

work, hidden, course = sys.argv[1:4]
sys.path.insert(0, course)
libc = ctypes.CDLL(None, use_errno=True)
found = {}

def attempt(name, action):
    try:
        found[name] = str(action())
    except BaseException as error:
        found[name] = type(error).__name__

def call(function, *arguments):
    if function(*arguments) < 0:
        raise OSError(ctypes.get_errno(), "")
    return "done"

def thread():
    seen = []
    one = threading.Thread(target=lambda: seen.append("ran"))
    one.start(); one.join()
    return seen[0]

from course_utils.grading.confine import confine
import _posixsubprocess, select, random, uuid
confine(readable=[sys.prefix, sys.base_prefix, "/usr", "/lib", "/lib64", "/dev/urandom"], writable=[work])
attempt("thread", thread)
attempt("fork", os.fork)
attempt("program", lambda: subprocess.run(["/usr/bin/env", "true"]))
attempt("socket", socket.socket)
attempt("memfd_create", lambda: os.memfd_create("x"))
attempt("shared pages", lambda: mmap.mmap(-1, 4096))
attempt("private pages", lambda: len(mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)))
attempt("shmget", lambda: call(libc.shmget, 0, 4096, 0o1600))
attempt("ptrace", lambda: call(libc.ptrace, 0, 0, 0, 0))
attempt("signal", lambda: os.kill(os.getppid(), 0))
attempt("signal to its group", lambda: os.kill(0, 0))
attempt("signal to itself", lambda: os.kill(os.getpid(), 0))
attempt("unshare", lambda: call(libc.unshare, 0x10000000))
attempt("read", lambda: Path(hidden).read_text())
attempt("list", lambda: os.listdir(Path(hidden).parent))
attempt("passwd", lambda: Path("/etc/passwd").read_text())
attempt("proc", lambda: Path(f"/proc/{os.getppid()}/environ").read_bytes())
attempt("write outside", lambda: Path(hidden).write_text("x"))
attempt("remove outside", lambda: Path(hidden).unlink())
attempt("rename outside", lambda: Path(hidden).rename(hidden + "2"))
attempt("write in usr", lambda: Path("/usr/x").write_text("x"))
attempt("write inside", lambda: Path(work, "x").write_text("x"))
attempt("read inside", lambda: Path(work, "x").read_text())
attempt("read library", lambda: len(Path(os.__file__).read_text()) > 0)
attempt("limits of others", lambda: __import__("resource").prlimit(os.getppid(), 7))
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def attempts(tmp_path_factory):
    """What a confined process could do, by name."""
    if not landlock_version() or not process_filter():
        pytest.skip("this kernel has no Landlock")
    work = tmp_path_factory.mktemp("work")
    hidden = tmp_path_factory.mktemp("hidden") / "marks.csv"
    hidden.write_text("secret")
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", ATTEMPTS, str(work), str(hidden), str(root)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert hidden.read_text() == "secret"
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "fork",
            "program",
            "socket",
            "memfd_create",
            "shared pages",
            "shmget",
            "ptrace",
            "signal",
            "unshare",
            "read",
            "list",
            "signal to its group",
        ),
        *("passwd", "proc", "write outside", "remove outside", "rename outside", "write in usr"),
        "limits of others",
    ],
)
def test_a_confined_process_cannot(name, attempts):
    assert attempts[name] in ("PermissionError", "OSError")


@pytest.mark.parametrize(
    ("name", "result"),
    [
        ("private pages", "4096"),
        ("thread", "ran"),
        ("signal to itself", "None"),
        ("write inside", "1"),
        ("read inside", "x"),
        ("read library", "True"),
    ],
)
def test_a_confined_process_can(name, result, attempts):
    assert attempts[name] == result


@linux
def test_the_filter_of_a_box_is_taken_by_the_kernel_and_refuses():
    script = """
import ctypes, os, sys
sys.path.insert(0, sys.argv[1])
from course_utils.grading.filters import system_call_filter
program = system_call_filter()
buffer = ctypes.create_string_buffer(program, len(program))
class Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0
filled = Program(len(program) // 8, ctypes.addressof(buffer))
assert libc.prctl(22, 2, ctypes.byref(filled), 0, 0) == 0, ctypes.get_errno()
os.waitpid(os.fork() or os._exit(0), 0)
try:
    os.memfd_create("x")
except PermissionError:
    print("refused")
"""
    root = str(Path(__file__).parents[2])
    if not system_call_filter():
        pytest.skip("the system calls of this processor are not known")
    done = subprocess.run(
        [sys.executable, "-c", script, root], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout.strip(), done.stderr) == ("refused", "")


@linux
def test_the_version_of_landlock_is_that_which_the_kernel_names():
    named = ctypes.CDLL(None).syscall(444, None, 0, 1)
    assert landlock_version() == max(0, named)
