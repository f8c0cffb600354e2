"""A kernel in its box: it answers, or there is a reason why not, and nothing of it is left afterwards."""

import os
import platform
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest
from handed_in import is_gone

from course_utils.grading import kernel as kernels
from course_utils.grading import sandbox
from course_utils.grading.kernel import Box, Kernel, Limits, Stopped

USUAL = Limits(cpu_seconds=10, wall_seconds=60)
SHORT = Limits(cpu_seconds=0.3, wall_seconds=20)
PROBE = "def probe(names, inputs):\n    return names['found']\n"
NO_INPUTS = '{"kind": "dict", "items": []}'


@pytest.fixture(scope="module")
def steady(protection, course, tmp_path_factory):
    """A kernel for cells that leave it as it was."""
    with Kernel(Box(protection, course, scratch=tmp_path_factory.mktemp("scratch"))) as kernel:
        yield kernel


def run(kernel, source, limits=USUAL):
    return kernel.ask({"do": "run", "source": source}, limits)


def look(kernel, expression, setup=""):
    """Return the encoded value of an expression inside the box, or the name of what it raises."""
    run(
        kernel,
        f"{setup}\ntry:\n    found = {expression}\nexcept BaseException as e:\n    found = type(e).__name__",
    )
    request = {"do": "probe", "source": PROBE, "function": "probe", "names": ["found"], "inputs": NO_INPUTS}
    return kernel.ask(request, USUAL)[0]["returned"]


def why(kernel, source, limits=USUAL):
    """Return why the kernel did not answer; it is gone then."""
    with pytest.raises(Stopped) as stopped:
        run(kernel, source, limits)
    assert not kernel.is_alive
    return stopped.value.why


def processes_of(kernel):
    first = psutil.Process(kernel._process.pid)
    return [first, *first.children(recursive=True)]


def close(kernel):
    """Close a kernel and wait until the last of it is gone."""
    everyone = processes_of(kernel)
    kernel.close()
    assert all(is_gone(process) for process in everyone)


# ---------------------------------------------------------------- answers


def test_a_cell_that_runs_has_no_error(steady):
    answer, interrupted = run(steady, "x = 1\nprint(x)")
    assert answer["error"] is None
    assert not interrupted


def test_a_cell_that_fails_tells_what_and_where(steady):
    answer, interrupted = run(steady, "x = 1\n1 / 0")
    assert (answer["error"]["type"], answer["error"]["line"]) == ("ZeroDivisionError", 2)
    assert not interrupted


def test_a_cell_that_does_not_parse_tells_the_line(steady):
    assert run(steady, "x = 1\ny = (")[0]["error"]["type"] in ("SyntaxError", "_IncompleteInputError")
    error = run(steady, "x = 1\nif x\n    y = 1")[0]["error"]
    assert (error["line"], error["message"]) == (2, "expected ':'")


def test_a_probe_sees_what_cells_have_defined(steady):
    assert look(steady, "[1, 'a']") == '{"kind": "list", "items": [1, "a"]}'


def test_a_name_that_no_cell_has_defined_is_missing(steady):
    request = {"do": "probe", "source": PROBE, "function": "probe", "names": ["nobody"], "inputs": NO_INPUTS}
    assert steady.ask(request, USUAL)[0]["missing"] == ["nobody"]


def test_the_reference_replaces_a_students_name_and_does_not_see_his(steady):
    run(steady, "factor = 5\ndef double(x): return factor")
    prepared = {"do": "prepare", "source": "factor = 2"}
    bound = {"do": "bind", "source": "def double(x): return factor * x", "names": ["double"]}
    steady.ask(prepared, USUAL)
    run(steady, "factor = 5")
    steady.ask(bound, USUAL)
    assert look(steady, "double(4)") == "8"


@pytest.mark.parametrize(
    "source",
    [
        "import sys; sys.exit()",
        "raise KeyboardInterrupt",
        "exit()",
        "%timeit_nonsense",
        "!ls",
        "print('x' * 10**7)",
    ],
)
def test_what_a_cell_may_do_in_a_notebook_does_not_end_the_kernel(source, steady):
    run(steady, source)
    assert look(steady, "1") == "1"


# ---------------------------------------------------------------- the box


@pytest.mark.parametrize(
    "expression",
    [
        "__import__('socket').create_connection(('127.0.0.1', 9), timeout=1)",
        f"open({str(Path(__file__).resolve())!r}).read()",
        f"open({str(Path(__file__).resolve().parents[2] / 'course_utils' / 'cli.py')!r}).read()",
        "open('/etc/passwd').read()",
        "open('/etc/shadow').read()",
        f"__import__('os').listdir({str(Path(__file__).resolve().parent)!r})",
        "open('/usr/written', 'w')",
        "open(__import__('course_utils').__file__, 'a')",
        "__import__('os').memfd_create('x')",
    ],
)
def test_the_box_has_no(expression, steady):
    assert look(steady, f"('there', {expression})").endswith('Error"')


def test_the_box_has_no_variable_of_whoever_grades(monkeypatch, start):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary")
    inside = look(start(), "' '.join(f'{k}={v}' for k, v in __import__('os').environ.items())")
    assert "HOME=" in inside
    assert "canary" not in inside
    assert str(Path.home()) + '"' not in inside


def test_the_box_does_not_show_the_processes_of_others(steady, protection):
    if protection.kind == "landlock":
        assert look(steady, "__import__('os').listdir('/proc')") == '"PermissionError"'
        assert look(steady, f"open('/proc/{os.getpid()}/environ').read()") == '"PermissionError"'
    else:  # bubblewrap's first process and the kernel
        assert int(look(steady, "sum(name.isdigit() for name in __import__('os').listdir('/proc'))")) <= 2


def test_the_box_holds_no_references(steady):
    names = ("references", "judge", "nb01", "catalogue", "texts")
    for name in names:
        inside = look(steady, f"__import__('importlib').import_module('course_utils.exercises.{name}')")
        assert inside == '"ModuleNotFoundError"'


def test_every_box_starts_with_an_empty_work_folder(start):
    kernel = start()
    run(kernel, "open('left.txt', 'w').write('mine')")
    assert "left.txt" in look(kernel, "__import__('os').listdir()")
    assert "left.txt" not in look(start(), "__import__('os').listdir()")


# ---------------------------------------------------------------- limits


def test_a_cell_that_computes_for_ever_is_interrupted_and_the_kernel_goes_on(start):
    kernel = start()
    _, interrupted = run(kernel, "while True: pass", SHORT)
    assert interrupted
    assert look(kernel, "1") == "1"


def test_a_grader_in_the_background_that_ignores_interrupts_can_still_interrupt(start):
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # what a kernel started now inherits
    try:
        kernel = start()
        _, interrupted = run(kernel, "while True: pass", SHORT)
    finally:
        signal.signal(signal.SIGINT, before)
    assert interrupted
    assert look(kernel, "1") == "1"


def test_a_cell_that_waits_for_ever_is_interrupted_by_the_clock(start):
    kernel = start()
    run(kernel, "import time")
    _, interrupted = run(kernel, "time.sleep(1000)", Limits(cpu_seconds=10, wall_seconds=0.3))
    assert interrupted


def test_a_cell_that_will_not_be_interrupted_is_stopped(start, monkeypatch):
    monkeypatch.setattr(kernels, "GRACE", 0.3)
    source = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass"
    assert why(start(), source, SHORT) == "time"


def test_the_time_of_earlier_cells_is_not_counted(start):
    kernel = start()
    burn = "import time\nend = time.process_time() + 0.25\nwhile time.process_time() < end: pass"
    limits = Limits(cpu_seconds=0.6, wall_seconds=60)
    assert [run(kernel, burn, limits)[1] for _ in range(4)] == [False] * 4


@pytest.mark.parametrize("source", ["import os; os._exit(0)", "import ctypes; ctypes.string_at(1)"])
def test_a_kernel_that_dies_is_noticed_at_once(source, start):
    kernel = start()
    run(kernel, "pass")
    begun = time.monotonic()
    assert why(kernel, source) == "died"
    assert time.monotonic() - begun < 10


def test_too_much_memory_is_noticed(start, monkeypatch):
    monkeypatch.setattr(kernels, "MEMORY_BYTES", 300 * 2**20)
    assert why(start(), "import time\nx = bytearray(b'1') * (400 * 2**20)\ntime.sleep(50)") == "memory"


def test_memory_beyond_all_limits_is_refused_to_the_process_itself(steady):
    assert look(steady, "len(bytearray(4 * 2**30))") == '"MemoryError"'


def test_too_many_processes_are_noticed_or_refused(start, monkeypatch, protection):
    monkeypatch.setattr(kernels, "PROCESSES", 20)
    source = "import os, time\nfor _ in range(40):\n    if not os.fork(): time.sleep(100)\ntime.sleep(50)"
    if protection.kind == "landlock":
        assert run(start(), source)[0]["error"]["type"] == "PermissionError"
    else:
        assert why(start(), source) == "processes"


def test_the_work_folder_has_a_limit(start, monkeypatch, protection):
    fill = "for n in range(40):\n    open(f'f{n}', 'wb').write(b'x' * 2**23)\nimport time\ntime.sleep(30)"
    if protection.kind == "landlock":
        monkeypatch.setattr(sandbox, "WORK_BYTES", 2**25)
        assert why(start(), fill) == "disk"
    else:
        assert run(start(), fill)[0]["error"]["type"] == "OSError"


def test_files_without_bytes_have_a_limit_too(start, monkeypatch):
    monkeypatch.setattr(kernels, "FILES", 500)
    monkeypatch.setattr(sandbox, "WORK_BYTES", 2**20)
    assert why(start(), "import time\nfor n in range(600):\n    open(f'f{n}', 'w')\ntime.sleep(30)") == "disk"


def test_memory_in_the_sockets_of_many_processes_is_noticed(start, monkeypatch, protection):
    if protection.kind == "landlock":
        pytest.skip("a process that is confined has no others and opens no sockets")
    monkeypatch.setattr(kernels, "DESCRIPTORS", 300)
    source = (
        "import os, socket, time\nfor _ in range(3):\n    if not os.fork():\n"
        "        held = [socket.socketpair() for _ in range(60)]\n        time.sleep(100)\ntime.sleep(50)"
    )
    assert why(start(), source) == "memory"


def test_children_that_have_ended_hold_nothing(start, monkeypatch, protection):
    if protection.kind == "landlock":
        pytest.skip("a process that is confined starts no others")
    monkeypatch.setattr(kernels, "DESCRIPTORS", 300)
    source = "import os, time\nfor _ in range(12):\n    if not os.fork(): os._exit(0)\ntime.sleep(1)"
    answer, _ = run(start(), source)
    assert answer["error"] is None


# What a process does after which Linux shows it as dead, or shows nobody what it holds.
HIDDEN = {
    "first thread ended": "threading.Thread(target=hold).start()\nlibc.syscall(60, 0)",
    "not to be looked at": "libc.prctl(4, 0, 0, 0, 0)\nhold()",
}


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the number of a system call")
@pytest.mark.parametrize("hide", HIDDEN.values(), ids=HIDDEN)
@pytest.mark.parametrize(
    "what", ["bytearray(b'1') * (400 * 2**20)", "[socket.socketpair() for _ in range(100)]"]
)
def test_what_a_hidden_process_holds_is_noticed(what, hide, start, monkeypatch, protection):
    if protection.kind == "landlock":
        pytest.skip("a process that is confined starts no others")
    monkeypatch.setattr(kernels, "MEMORY_BYTES", 350 * 2**20)
    monkeypatch.setattr(kernels, "DESCRIPTORS", 250)
    source = (
        "import ctypes, os, socket, threading, time\nlibc = ctypes.CDLL(None)\n"
        f"def hold():\n    held = {what}\n    time.sleep(100)\n"
        "for _ in range(4):\n    if not os.fork():\n" + textwrap.indent(hide, " " * 8) + "\ntime.sleep(20)"
    )
    assert why(start(), source) == "memory"


# The kernel's pipe for answers is one of its first files; a student would find it just so.
FIND = """
import os, json, struct, fcntl
def is_answers(d):
    try: return fcntl.fcntl(d, fcntl.F_GETFL) & 3 == 1 and os.readlink(f'/proc/self/fd/{d}')[:4] == 'pipe'
    except OSError: return d == 4
pipe = next(d for d in range(3, 20) if is_answers(d))
def say(message):
    body = json.dumps(message).encode()
    os.write(pipe, struct.pack('>I', len(body)) + body)
"""


def test_a_flood_of_answers_to_no_question_ends_the_kernel(start):
    kernel = start()
    run(kernel, FIND)
    assert why(kernel, "while True: say({'id': 'guess', 'error': None})") == "output"


@pytest.mark.parametrize("junk", ["b'x' * 2**20", "bytes(3) + b'\\x05not json'", "struct.pack('>I', 2**31)"])
def test_a_flood_of_junk_ends_the_kernel(junk, start):
    kernel = start()
    run(kernel, FIND)
    assert why(kernel, f"while True: os.write(pipe, {junk})") == "output"


def test_an_answer_before_its_question_does_not_count(start):
    kernel = start()
    run(kernel, FIND + "say({'id': 'guess', 'returned': 'forged'})")
    assert look(kernel, "7") == "7"


# ---------------------------------------------------------------- the end


def test_nothing_of_a_kernel_is_left(start, tmp_path):
    kernel = start()
    run(kernel, "open('x', 'w').write('y')")
    close(kernel)
    end = time.monotonic() + 20
    while any(tmp_path.iterdir()) and time.monotonic() < end:
        time.sleep(0.05)
    assert list(tmp_path.iterdir()) == []


def test_processes_that_a_cell_has_left_behind_go_with_the_box(start, protection):
    if protection.kind == "landlock":
        pytest.skip("no process can be started there")
    kernel = start()
    run(
        kernel,
        "import os, time\nif not os.fork():\n    os.setsid()\n"
        "    if not os.fork(): time.sleep(1000)\n    os._exit(0)",
    )
    assert len(processes_of(kernel)) >= 4  # bubblewrap, its first process, the kernel, what was left behind
    close(kernel)


def test_a_box_does_not_outlive_the_process_that_started_it(protection, course, tmp_path):
    script = (
        "import dataclasses, sys, time\nfrom pathlib import Path\nimport psutil\n"
        "from course_utils.grading import sandbox\n"
        "from course_utils.grading.kernel import Box, Kernel, Limits\n"
        f"box = Box(sandbox.{protection!r}, Path({str(course)!r}), scratch=Path({str(tmp_path)!r}))\n"
        "kernel = Kernel(box)\nkernel.ask({'do': 'run', 'source': 'x = 1'}, Limits(10, 60))\n"
        "print(*[p.pid for p in psutil.Process().children(recursive=True)], flush=True)\ntime.sleep(1000)\n"
    )
    owner = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    inside = [psutil.Process(int(pid)) for pid in owner.stdout.readline().split()]
    assert inside
    owner.kill()
    owner.wait()
    owner.stdout.close()
    assert all(is_gone(process) for process in inside)


def test_a_kernel_that_cannot_be_started_is_dead_not_waited_for(protection, tmp_path):
    with Kernel(Box(protection, tmp_path / "nothing", scratch=tmp_path)) as kernel:
        assert why(kernel, "x = 1") == "died"


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="users of POSIX")
def test_the_kernel_is_no_administrator(steady, protection):
    if os.getuid() != 0 or protection.kind == "landlock":
        pytest.skip("only bubblewrap, started by root, changes the user")
    assert look(steady, "__import__('os').getuid()") == str(sandbox.FIRST_USER)
