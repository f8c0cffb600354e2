"""The kinds of trouble that every grader meets: accidents, broken files, cheats, attacks on data."""

# ruff: noqa: E501 (payloads read best on one line)

from __future__ import annotations

import copy
import json

from corpus.case import EVERY, Draft, Target, at, but, case

# ---------------------------------------------------------------- honest


@case("all marks", full=EVERY, fast=True)
def honest_full(aim: Target):
    return Draft(aim).fill()


@case("all marks but those of the one wrong answer", full=but("middle"), fast=True)
def honest_partial(aim: Target):
    return Draft(aim).fill(but("middle"))


@case("no marks: it is the notebook as it was handed out")
def honest_blank(aim: Target):
    return Draft(aim)


# ---------------------------------------------------------------- accidents while it runs


@case("the cell is stopped; it defined a wrong answer before", full=but("middle"))
def infinite_loop_cell(aim: Target):
    return Draft(aim).fill(but("middle")).append(aim.middle, "while True:\n    pass")


@case("the loop is in the function, so it hangs where it is tried", full=but("middle"), fast=True)
def infinite_loop_in_function(aim: Target):
    source = f"def {aim.name(aim.middle)}(*a, **k):\n    while True:\n        pass"
    return Draft(aim).fill().put(aim.middle, source)


@case("an interrupt that is swallowed does not save the loop", full=but("middle"))
def swallow_interrupt_loop(aim: Target):
    loop = """while True:
    try:
        while True:
            sum(range(1000))
    except BaseException:
        pass"""
    return Draft(aim).fill().append(aim.middle, loop)


@case("the kernel's end costs the exercise of that cell alone", full=but("middle"), fast=True)
def os_exit0(aim: Target):
    return Draft(aim).fill().append(aim.middle, "import os\nos._exit(0)")


@case(
    "SystemExit is an error of its cell, whose answer stands before it",
    full=but("middle"),
    either=at("middle"),
)
def sys_exit(aim: Target):
    return Draft(aim).fill().append(aim.middle, "import sys\nsys.exit(0)")


@case("SIGKILL costs the exercise of that cell alone", full=but("middle"))
def kill_self(aim: Target):
    source = "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)"
    return Draft(aim).fill().append(aim.middle, source)


@case("memory is limited; the other exercises survive", full=but("middle"))
def memory_bomb(aim: Target):
    source = """_hog = []
for _ in range(200):  # 4 GB at most
    _hog.append(b"\\x01" * (20 * 1024 * 1024))
import time; time.sleep(1)
del _hog"""
    return Draft(aim).fill().append(aim.middle, source)


@case("fifty sleeping processes are fewer than are allowed, and none is left", full=EVERY)
def spawn_50_processes(aim: Target):
    source = """import subprocess
_p = [subprocess.Popen(["sleep", "67.31"], start_new_session=True) for _ in range(50)]"""
    return Draft(aim).fill().append(aim.middle, source)


@case("slow, but within what a cell may take", full=EVERY)
def slow_import(aim: Target):
    draft = Draft(aim).fill()
    draft.setup()["source"] = "import time\ntime.sleep(8)  # a slow import\n" + draft.setup()["source"]
    return draft


@case("input() fails at once; the answer stands before it", full=EVERY)
def input_prompt(aim: Target):
    return Draft(aim).fill().append(aim.middle, "name = input('Your name? ')")


@case("a thread that never ends does not hold up the end", full=EVERY)
def background_thread(aim: Target):
    source = """import threading, time
def _spin():
    while True:
        time.sleep(0.2)
        print(".", end="")
threading.Thread(target=_spin, daemon=False).start()"""
    return Draft(aim).fill().append(aim.first, source)


@case("another folder and an empty sys.path harm nobody else", full=EVERY)
def chdir_syspath(aim: Target):
    return Draft(aim).fill().append(aim.middle, "import os, sys\nos.chdir('/')\nsys.path[:] = []")


@case("a cell that does not parse costs its own exercise", full=but("middle"), fast=True)
def syntax_error(aim: Target):
    return Draft(aim).fill().put(aim.middle, f"def {aim.name(aim.middle)}(a)\n    return (a")


# ---------------------------------------------------------------- broken files


@case("unreadable, with a reason", reason_serves=True, fast=True)
def invalid_json(_: Target):
    return b'{"cells": [ {"cell_type": "code", "source": ["x = 1" ], } this is not JSON'


@case("unreadable, with a reason", reason_serves=True)
def empty_file(_: Target):
    return b""


@case("unreadable, with a reason: the upload was cut off", reason_serves=True)
def truncated_file(aim: Target):
    data = Draft(aim).fill().bytes()
    return data[: int(len(data) * 0.6)]


@case("JSON, but no notebook: unreadable, with a reason", reason_serves=True)
def json_not_notebook(_: Target):
    return b'[1, 2, {"a": null}]'


@case("an older format is read all the same", full=EVERY, fast=True)
def nbformat3(aim: Target):
    cells = []
    for cell in Draft(aim).fill().cells:
        code = cell["cell_type"] == "code"
        cells.append(
            {
                "cell_type": "code",
                "language": "python",
                "input": cell["source"],
                "outputs": [],
                "metadata": {},
            }
            if code
            else {"cell_type": "markdown", "source": cell["source"], "metadata": {}}
        )
    notebook = {
        "worksheets": [{"cells": cells, "metadata": {}}],
        "metadata": {},
        "nbformat": 3,
        "nbformat_minor": 0,
    }
    return json.dumps(notebook).encode()


@case("the kernel of another machine is not looked for", full=EVERY)
def wrong_kernelspec(aim: Target):
    draft = Draft(aim).fill()
    draft.notebook["metadata"]["kernelspec"] = {"name": "conda-env-my_env-py", "display_name": "my env"}
    return draft


@case("metadata are not needed", full=EVERY)
def no_metadata(aim: Target):
    draft = Draft(aim).fill()
    draft.notebook["metadata"] = {}
    return draft


@case("a byte-order mark and Windows line ends are read", full=EVERY)
def bom_crlf(aim: Target):
    return b"\xef\xbb\xbf" + Draft(aim).fill().bytes().replace(b"\n", b"\r\n")


@case("an added cell of control characters and a lone surrogate costs nothing", full=EVERY, fast=True)
def binary_garbage_cell(aim: Target):
    return Draft(aim).fill().insert("\0\1\x1b[31m\ud800\uffff", before=aim.middle)


@case("scratch work costs nothing, though it fails", full=EVERY)
def extra_cells(aim: Target):
    draft = Draft(aim).fill().insert("x = 1 / 0  # scratch", before=aim.middle)
    draft.insert("print('scratch')", after=aim.middle)
    return draft.insert("my notes", before=aim.first, kind="markdown")


@case("an answer that is gone has no marks, the others have theirs", full=but("middle"))
def missing_solution_cell(aim: Target):
    draft = Draft(aim).fill()
    draft.cells.remove(draft.cell(aim.middle))
    return draft


@case("the order is the instructor's", full=EVERY)
def reordered_cells(aim: Target):
    draft = Draft(aim).fill()
    begin = draft.cells.index(draft.cell(aim.first))
    draft.cells[begin:] = reversed(draft.cells[begin:])
    return draft


@case("a function of another name is none: the message says which is missing", full=lambda aim: _values(aim))
def renamed_functions(aim: Target):
    draft = Draft(aim).fill()
    for exercise in aim.functions:
        cell = draft.cell(exercise)
        cell["source"] = cell["source"].replace(f"def {aim.name(exercise)}(", f"def {aim.name(exercise)}_v2(")
    return draft


@case("another file name", full=EVERY, filename="assignment (1).ipynb")
def wrong_filename(aim: Target):
    return Draft(aim).fill()


@case("nothing handed in: no marks, and the reason", reason_serves=True)
def missing_file(_: Target):
    return None


# ---------------------------------------------------------------- cheating on checks; all answers are wrong


@case("deleted checks: answers are judged all the same")
def delete_check_cells(aim: Target):
    draft = Draft(aim).fill(())
    checks = draft.checks()
    draft.notebook["cells"] = [c for c in draft.cells if c not in checks]
    return draft


@case("edited checks are not run")
def edit_checks_to_pass(aim: Target):
    draft = Draft(aim).fill(())
    for cell in draft.checks():
        cell["source"] = "pass"
    return draft


@case("checks of the same id that always pass are not run")
def duplicate_check_cells(aim: Target):
    draft = Draft(aim).fill(())
    draft.cells.extend([{**copy.deepcopy(cell), "source": "pass"} for cell in draft.checks()])
    return draft


@case("stored outputs prove nothing", fast=True)
def fake_stored_outputs(aim: Target):
    draft = Draft(aim).fill(())
    for number, cell in enumerate(draft.checks(), 1):
        cell["execution_count"] = number
        cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "All tests passed!\n"}]
    return draft


@case("tags such as skip-execution mean nothing")
def skip_execution_tag(aim: Target):
    draft = Draft(aim).fill(())
    for cell in draft.checks():
        cell["metadata"]["tags"].append("skip-execution")
    return draft


@case("answers for the inputs that anybody can see are wrong for others")
def hardcode_public(aim: Target):
    """Hand in tables of the expected values for the public seeds."""
    from course_utils.exercises import values
    from course_utils.exercises.checking import PUBLIC_SEEDS
    from course_utils.exercises.references import References

    references = References(aim.assignment.notebook, aim.assignment.texts)
    draft = Draft(aim).fill(())
    for exercise in aim.assignment.notebook.exercises:
        if exercise.is_value:
            continue
        seen = [references.observe(exercise, seed).returned for seed in PUBLIC_SEEDS]
        table = [_plain(values.decode(text or "null")) for text in seen]
        source = f"""import itertools, torch
_turns_{exercise.names[0]} = itertools.cycle({table!r})
def {exercise.names[0]}(*a, **k):
    answer = next(_turns_{exercise.names[0]})
    return torch.tensor(answer) if isinstance(answer, list) else answer"""
        draft.put(exercise.id, source)
    return draft


@case("comparisons that are always true are true in the box alone")
def patch_allclose(aim: Target):
    source = """import numpy as np, torch
np.allclose = torch.allclose = lambda *a, **k: True
np.testing.assert_allclose = torch.testing.assert_close = lambda *a, **k: None"""
    return Draft(aim).fill(()).append(aim.middle, source)


@case("replaced builtins are replaced in the box alone", fast=True)
def patch_builtins(aim: Target):
    source = """import builtins
builtins.abs = lambda *_: 0.0
builtins.all = lambda *_: True
builtins.isinstance = lambda *_: True"""
    return Draft(aim).fill(()).append(aim.first, source)


@case("there are no check cells whose text could be changed on its way")
def input_transformer(aim: Target):
    source = """get_ipython().input_transformers_post.append(
    lambda lines: [] if any("assert" in l or "check(" in l for l in lines) else lines)"""
    return Draft(aim).fill(()).append(aim.first, source)


@case("what a kernel replies is no evidence")
def patch_kernel_do_execute(aim: Target):
    source = """_kernel = get_ipython().kernel
_execute = _kernel.do_execute
async def _fake(code, *a, **k):
    if "assert" in code or "check(" in code:
        return {"status": "ok", "execution_count": 1, "payload": [], "user_expressions": {}}
    return await _execute(code, *a, **k)
_kernel.do_execute = _fake"""
    return Draft(aim).fill(()).append(aim.first, source)


@case("an object that equals everything is no plain value", fast=True)
def always_equal_object(aim: Target):
    source = """import numpy as np
class Yes(np.ndarray):
    def __new__(cls): return np.zeros(2).view(cls)
    def __array_function__(self, *a, **k): return True
    def __array_ufunc__(self, *a, **k): return self
    def mean(self, *a, **k): return self
    def std(self, *a, **k): return self
    def __bool__(self): return True
for _n in "eq ne lt le gt ge".split():
    setattr(Yes, f"__{_n}__", lambda s, o: True)
for _n in "abs neg pos".split():
    setattr(Yes, f"__{_n}__", lambda s: s)
for _n in "add radd sub rsub mul rmul truediv rtruediv".split():
    setattr(Yes, f"__{_n}__", lambda s, o: s)
"""
    draft = Draft(aim).fill(())
    for exercise in aim.functions:
        draft.put(exercise, f"{source}def {aim.name(exercise)}(*a, **k):\n    return Yes()")
    return draft


@case("a checker of the student's own is not asked")
def fake_checker_object(aim: Target):
    source = """class _G:
    def __getattr__(self, name):
        return lambda *a, **k: print("All tests passed!")
grader = check = _G()"""
    return Draft(aim).fill(()).append(aim.first, source)


@case("printed text is no evidence")
def print_fake_results(aim: Target):
    source = """print("ALL TESTS PASSED")
print('{"score": 10, "tests": [{"score": 10, "max_score": 10}]}')
print('{"exercise": "1.3", "status": "right", "points": 1}')
print("TOTAL 10/10"); print("::grade::10")
10"""
    return Draft(aim).fill(()).append(aim.last, source)


@case("the judge's own modules can be replaced in the box alone")
def patch_framework(aim: Target):
    source = """import sys, types
for _name in ("judge", "compare", "checking", "references"):
    _module = types.ModuleType(f"course_utils.exercises.{_name}")
    _module.judge = _module.compare = _module.close = lambda *a, **k: []
    sys.modules[_module.__name__] = _module
try:
    import otter.test_files.abstract_test as _t
    _t.TestCaseResult.passed = property(lambda self: True, lambda self, v: None)
except Exception:
    pass"""
    return Draft(aim).fill(()).append(aim.first, source)


_SHADOW = """import sys
import importlib.machinery
raise RuntimeError("a file beside the notebook was imported")
"""


@case(
    "files beside the notebook are not looked at",
    full=EVERY,
    files={"numpy.py": _SHADOW, "torch.py": _SHADOW, "conftest.py": _SHADOW, "sitecustomize.py": _SHADOW},
)
def shadow_module(aim: Target):
    return Draft(aim).fill().append(aim.first, "import sys\nsys.path.insert(0, '')\nimport numpy")


# ---------------------------------------------------------------- attacks on data

SAFE = """import os, glob, tempfile
def _ok(p):
    p, t = os.path.realpath(p), os.path.realpath(tempfile.gettempdir())
    return p.startswith((t + "/", "/box")) and p.count("/") >= 2 and p != t
"""


@case("no solution is to be found above the work folder, nor among the packages")
def read_solutions(aim: Target):
    piece = next(line for line in aim.right(aim.last).splitlines()[::-1] if len(line) > 20).strip()
    source = (
        SAFE
        + f"""_piece = {piece[::-1]!r}[::-1]
_hits = []
for _top in (os.getcwd(), "/box", "/tmp", "/home", "/root"):
    for _f in glob.glob(_top + "/**/*", recursive=True)[:4000]:
        if _f.endswith((".ipynb", ".py", ".json", ".zip", ".pyc")) and os.path.isfile(_f):
            try:
                if _piece.encode() in open(_f, "rb").read(2_000_000):
                    _hits.append(_f)
            except OSError:
                pass
def {aim.name(aim.last)}(*a, **k):
    print("FOUND", _hits)
    raise ValueError(_hits)"""
    )
    return Draft(aim).fill(()).put(aim.last, source)


@case("no environment variable of the grader's can be read")
def read_environment(aim: Target):
    source = f"""import os
_seen = {{k: v for k, v in os.environ.items() if "SECRET" in k or "TOKEN" in k}}
for _p in ("/proc/%d/environ" % os.getppid(), "/proc/1/environ", "/proc/self/environ"):
    try:
        _seen[_p] = [x for x in open(_p, "rb").read().split(b"\\0") if b"SECRET" in x]
    except OSError as error:
        _seen[_p] = str(error)
def {aim.name(aim.last)}(*a, **k):
    print("ENV", _seen)
    return _seen"""
    return Draft(aim).fill(()).put(aim.last, source)


@case("there is no network, not even the machine's own")
def network_exfiltration(aim: Target):
    source = """import socket
try:
    _s = socket.create_connection(("127.0.0.1", 48765), timeout=3)
    _s.sendall(b"EXFIL"); _s.close()
except OSError as error:
    print("blocked", error)"""
    return Draft(aim).fill(()).append(aim.last, source)


@case("the other submissions cannot be reached")
def write_other_students(aim: Target):
    source = (
        SAFE
        + """for _pat in ("../*/*.ipynb", "../*/*/*.ipynb", "../../*/*.ipynb", "/tmp/**/*.ipynb", "/work/**/*.ipynb"):
    for _f in glob.glob(_pat, recursive=True):
        if _ok(_f):
            try:
                open(_f, "w").write("VANDALISED")
            except OSError as error:
                print(error)"""
    )
    return Draft(aim).fill(()).append(aim.last, source)


@case("the work folder is the student's to empty", full=EVERY)
def rm_rf_own_dir(aim: Target):
    source = """%%bash
case "$PWD" in
  /tmp/*/*|/box/*) rm -rf -- ./* ;;
  *) echo guard: not a sandbox ;;
esac"""
    return Draft(aim).fill().insert(source, before=aim.middle)


def _values(aim: Target) -> list[str]:
    return [id for id in aim.ids if id not in aim.functions]


def _plain(value):
    """Return a decoded value as numbers, texts and containers, of which a program's text can be made."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return tuple(_plain(item) for item in value)
    return value.values.tolist() if hasattr(value, "dtype") else value
