"""Attacks on the box and on what runs in it: its files, its processes, the kernel's own code."""

# ruff: noqa: E501 (payloads read best on one line)

from __future__ import annotations

from corpus.case import EVERY, Draft, Target, at, but, case, values

MARK = "67.31"  # seconds that a process left behind sleeps: by these it is known


@case("the box's own code can be patched: answers count by their values", either=values, fast=True)
def patched_encode(aim: Target):
    source = """import course_utils.exercises.values as _values, course_utils.exercises.observe as _observe
_answer = '{"kind": "float", "value": "0.0"}'
_values.encode = lambda value: _answer
_observe.observe = lambda *a, **k: _observe.Observation(_answer, _answer, None, "right")"""
    return Draft(aim).fill(values).append(aim.first, source)


@case("the kernel's methods can be replaced: answers count by their values", either=values)
def patched_kernel(aim: Target):
    source = """import gc, sys
for _kernel in [o for o in gc.get_objects() if type(o).__name__ == "Kernel"]:
    _right = {"status": "right", "verdict": {"status": "right"}, "points": 99, "credit": 1.0, "failure": None,
              "returned": "true", "inputs_after": "true", "printed": "", "callable": [], "blank": []}
    _kernel._probe = lambda request: {**_right, "callable": request["names"]}
    type(_kernel)._bind = lambda self, request: {"error": None}"""
    return Draft(aim).fill(values).append(aim.first, source)


@case("a run_cell that does nothing leaves nothing to be marked", either=values)
def patched_run_cell(aim: Target):
    source = """from types import SimpleNamespace
_shell = get_ipython()
_fine = lambda *a, **k: SimpleNamespace(error_before_exec=None, error_in_exec=None, success=True, result="right")
_shell.run_cell = type(_shell).run_cell = _fine"""
    return Draft(aim).fill(()).append(aim.first, source)


@case("builtins of the box are the student's to break", either=values)
def patched_exec_and_compile(aim: Target):
    source = """import builtins, sys
_compile, _exec = builtins.compile, builtins.exec
def _compiled(source, name, *a, **k):
    if name == "<probe>":
        source = "def call(names, inputs): return 'right'\\nvalues_of = call_without_autograd = call\\n" + source
        source += "\\n__import__('builtins').isinstance = lambda *a: True\\n"
        for word in ("return answer(", "return names[", "return mean_abs", "return standardize", "return softmax"):
            source = source.replace(word, "return True or (")
    return _compile(source, name, *a, **k)
builtins.compile = _compiled
builtins.callable = lambda *a: True"""
    return Draft(aim).fill(()).append(aim.first, source)


@case("writing and encoding can be patched: answers count by their values", either=values)
def patched_json_and_write(aim: Target):
    source = """import json, os
_dumps, _write = json.dumps, os.write
def _right(value, *a, **k):
    if isinstance(value, dict) and "returned" in value:
        value = {**value, "failure": None, "returned": '{"kind": "float", "value": "0.0"}', "status": "right"}
    return _dumps(value, *a, **k)
json.dumps = _right
os.write = lambda fd, data: _write(fd, bytes(data)[:1])"""
    return Draft(aim).fill(()).append(aim.first, source)


@case("hooks see what is in the box, and that is no later answer", full=values)
def hooks_everywhere(aim: Target):
    source = """import atexit, builtins, gc, sys, threading
_seen = []
def _hook(frame, event, argument):
    for name in ("reference", "solution", "expected", "references", "verdict", "seed", "seeds"):
        if name in frame.f_locals:
            _seen.append(frame.f_locals[name])
sys.setprofile(_hook); threading.setprofile(_hook)
sys.settrace(lambda *a: _hook(*a)); threading.settrace(lambda *a: _hook(*a))
gc.callbacks.append(lambda *a: None)
atexit.register(lambda: __import__("os").system("sleep 67.31 &"))
sys.addaudithook(lambda event, arguments: _seen.append(arguments) if event == "compile" else None)
sys.excepthook = sys.unraisablehook = lambda *a: None"""
    draft = Draft(aim).fill(values).append(aim.first, source)
    for exercise in aim.functions[1:]:
        draft.put(exercise, f"def {aim.name(exercise)}(*a, **k):\n    return _seen[-1] if _seen else 0")
    return draft


@case("what is read of the references stands behind the exercises, and helps nobody", full=values, fast=True)
def references_from_memory(aim: Target):
    """Take each function's text from the memory of the box, where only references of earlier exercises are."""
    source = """import gc
def _find(name):
    for thing in gc.get_objects():
        if type(thing) is dict and name in thing and thing is not globals() and callable(thing[name]):
            return thing[name]
        if type(thing) is dict and isinstance(thing.get("source"), str) and f"def {name}(" in thing["source"]:
            space = dict(globals())
            exec(thing["source"], space)
            return space[name]
    return None
"""
    draft = Draft(aim).fill(values).insert(source, before=aim.ids[0])
    for exercise in aim.functions:
        name = aim.name(exercise)
        own = f"""def {name}(*a, **k):
    return None
_own_{name} = {name}
def {name}(*a, **k):
    found = _find("{name}")
    return found(*a, **k) if found not in (None, _own_{name}, {name}) else 0"""
        draft.put(exercise, own)
    return draft


@case("there is nothing of the grader's in /proc", full=but("last"))
def reading_proc(aim: Target):
    source = f"""import glob, os
_seen = []
for _path in sorted(glob.glob("/proc/[0-9]*/*") + glob.glob("/proc/self/*") + glob.glob("/proc/1/fd/*")):
    try:
        if os.path.islink(_path):
            _seen.append(os.readlink(_path))
        elif os.path.isfile(_path) and not _path.endswith(("kmsg", "pagemap")):
            _seen.append(open(_path, "rb").read(100_000).decode("latin-1"))
    except OSError:
        pass
_seen = " ".join(_seen)
_hits = [_seen[max(0, i - 50) : i + 100] for w in ("SECRET", "secret.json") for i in [_seen.find(w)] if i >= 0]
def {aim.name(aim.last)}(*a, **k):
    print("HITS", _hits)
    return 0"""
    return Draft(aim).fill(but("last")).put(aim.last, source)


@case("what can be written lies in memory and goes with the box", full=EVERY)
def writing_everywhere(aim: Target):
    source = f"""import os
_written = []
for _top in ("/", "/box", "/box/course", "/box/course/course_utils", "/tmp", "/usr", "/etc", "/dev", "/dev/shm", "/home",
             "/var/tmp", "/root", "/proc", "/box/work", os.path.dirname(os.__file__), "/proc/1/root/tmp", "/work"):
    for _name in ("WRITTEN-FROM-THE-BOX", "sitecustomize.py", "conftest.py"):
        try:
            with open(os.path.join(_top, _name), "w") as _file:
                _file.write("raise SystemExit")
            _written.append(_top)
        except OSError:
            pass
    try:
        os.rename(_top, _top + "-moved")
    except OSError:
        pass
if not set(_written) <= {{"/box/work", "/dev/shm"}}:
    {aim.name(aim.first)} = None  # somewhere else: the mark shows it"""
    return Draft(aim).fill().append(aim.first, source)


@case("processes that hide from their parents end with the box", full=EVERY, fast=True)
def processes_left_behind(aim: Target):
    source = f"""import os, subprocess, threading, time
for _n in range(5):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.execvp("sleep", ["sleep", "{MARK}"])
        os._exit(0)
subprocess.Popen(["nohup", "setsid", "sleep", "{MARK}"], start_new_session=True)
for _n in range(5):
    threading.Thread(target=time.sleep, args=({MARK},), daemon=False).start()"""
    return Draft(aim).fill().append(aim.first, source)


@case("a kernel that is killed again and again costs its own student alone", either=EVERY)
def killed_two_seconds_later(aim: Target):
    source = """import os, signal, threading, time
def _end():
    time.sleep(2)
    os.kill(os.getpid(), signal.SIGKILL)
threading.Thread(target=_end, daemon=True).start()
time.sleep(1)"""
    return Draft(aim).fill().append(aim.first, source)


@case("who cannot be interrupted is ended, which costs that exercise", full=but("middle"))
def interrupts_ignored(aim: Target):
    source = f"""import signal
signal.signal(signal.SIGINT, signal.SIG_IGN)
def {aim.name(aim.middle)}(*a, **k):
    while True:
        pass"""
    return Draft(aim).fill().put(aim.middle, source)


@case("a stopped kernel takes no time, but the clock goes on", full=but("middle"))
def stopped_by_signal(aim: Target):
    source = "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)"
    return Draft(aim).fill().append(aim.middle, source)


@case("sleeping takes no time of the processor, but the clock goes on", full=but("middle"))
def sleeps_for_ever(aim: Target):
    source = f"import time\ndef {aim.name(aim.middle)}(*a, **k):\n    while True:\n        time.sleep(1000)"
    return Draft(aim).fill().put(aim.middle, source)


@case("the kernel's end behind right answers costs the exercise of that cell alone", full=but("last"))
def exit_behind_right_answers(aim: Target):
    return Draft(aim).fill().append(aim.last, "__import__('os')._exit(0)")


@case(
    "memory of many processes counts together; where there can be only one, the others are refused",
    full=but("middle"),
    full_unboxed=EVERY,
)
def memory_of_many_processes(aim: Target):
    source = """import os, time
for _n in range(8):
    if os.fork() == 0:
        _hog = bytearray(b"\\x01") * (450 * 2**20)
        time.sleep(20)
        os._exit(0)
time.sleep(20)"""
    return Draft(aim).fill().append(aim.middle, source)


@case("memory that processes share cannot be hidden: it is refused", full=but("middle"))
def shared_memory_of_nobody(aim: Target):
    source = """import mmap, os, time
_regions = [mmap.mmap(-1, 500 * 2**20) for _ in range(5)]  # refused: the cell ends here
for _region in _regions:
    _pid = os.fork()
    if _pid == 0:
        for _n in range(0, 500 * 2**20, 4096):
            _region[_n] = 1
        os._exit(0)
    os.waitpid(_pid, 0)"""
    return Draft(aim).fill().prepend(aim.middle, source)


@case(
    "nobody becomes root in a world of his own, where memory could be mounted", full=but("middle"), fast=True
)
def root_in_a_world_of_its_own(aim: Target):
    source = """import ctypes, os
_libc = ctypes.CDLL(None, use_errno=True)
_number = {"x86_64": 56, "aarch64": 220}[os.uname().machine]
_pid = _libc.syscall(_number, ctypes.c_ulong(0x10020011), 0, 0, 0, 0)
if _pid == 0:
    os._exit(0)
if _pid < 0:
    raise PermissionError("refused")"""
    return Draft(aim).fill().prepend(aim.middle, source)


@case(
    "a fork bomb does not reach the machine, nor the other exercises", full=but("middle"), either=at("middle")
)
def fork_bomb(aim: Target):
    source = f"""import os, time
_made = 0
while _made < 60:
    _made += 1
    try:
        _pid = os.fork()
    except OSError:
        break
    if _pid == 0:
        try:
            os.execvp("sleep", ["sleep", "{MARK}"])
        finally:
            os._exit(1)"""
    return Draft(aim).fill().append(aim.middle, source)


@case(
    "a hundred threads beyond what is allowed are refused, and that is all",
    full=but("middle"),
    either=at("middle"),
)
def many_threads(aim: Target):
    source = """import threading, time
for _n in range(300):
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()"""
    return Draft(aim).fill().append(aim.middle, source)


@case(
    "the work folder can be filled, and that is all; on a disk it is not filled first",
    full=EVERY,
    full_unboxed=but("middle"),
)
def files_that_fill_the_folder(aim: Target):
    source = """import os
for _folder in (".", "/dev/shm"):
    try:
        for _n in range(40):
            with open(os.path.join(_folder, f"full-{_n}"), "wb") as _file:
                for _m in range(25):
                    _file.write(b"x" * 2**20)
    except OSError:
        pass"""
    return Draft(aim).fill().append(aim.middle, source)


@case("many small files cost their own exercise at most", full=but("middle"), either=at("middle"))
def many_small_files(aim: Target):
    source = """try:
    for _n in range(100_000):
        open(f"small-{_n}", "w").close()
except OSError:
    pass"""
    return Draft(aim).fill().append(aim.middle, source)


@case("libraries left in another state are the student's own", either=EVERY)
def libraries_in_another_state(aim: Target):
    source = """import sys, warnings
import numpy as np, torch
torch.set_default_dtype(torch.float64); torch.set_grad_enabled(False); torch.manual_seed(0)
np.seterr(all="raise"); warnings.simplefilter("error"); sys.setrecursionlimit(120)
torch.Tensor.__array__ = None; torch.Tensor.numpy = lambda *a: 1 / 0"""
    return Draft(aim).fill().insert(source, after=aim.first)


@case("notebook magics work, and what they need is there", full=EVERY, fast=True)
def honest_magics(aim: Target):
    source = """%matplotlib inline
%config InlineBackend.figure_format = "retina"
import matplotlib.pyplot as plt
plt.plot([1, 2]); plt.show()
from IPython.display import HTML, display
display(HTML("<b>x</b>"), {"a": 1})
%time sum(range(10))
get_ipython().run_line_magic("matplotlib", "inline")
"""
    draft = Draft(aim).fill().prepend(aim.middle, source)
    return draft.insert("!ls\n%timeit -n1 -r1 sum(range(3))\nhelp(len)\n?len", before=aim.last)


@case("an answer that needs a loop of events, or a generator, may have one", full=EVERY)
def honest_await(aim: Target):
    return Draft(aim).fill().prepend(aim.middle, "import asyncio\nawait asyncio.sleep(0.01)")
