"""The kernel in the box: runs a student's cells, and probes what they define. Knows no references.

It is a plain IPython shell with two pipes instead of a Jupyter kernel with sockets: sockets need a folder
that both sides write (no limit on its size) or a network, and their readers must take whatever is sent. Here
everything is one frame at a time, and who sends too much waits. Nothing that comes from here is believed: a
probe's answer counts by its values only.
"""

from __future__ import annotations

import contextlib
import gc
import io
import json
import os
import signal
import sys
import types
from collections.abc import Callable, Sequence
from typing import Any

# Of one process; processes together are watched from outside.
DATA_BYTES = 3 * 2**30
FILE_BYTES = 128 * 2**20
FILES, PROCESSES = 256, 96


def main(user: str, readable: Sequence[str], writable: Sequence[str]) -> None:
    """Give up rights, take the pipes, and answer requests until the other end closes.

    Parameters
    ----------
    user
        Number of the user to become; empty: stay who we are.
    readable, writable
        Where no box is around this process: what it confines itself to. Neither given: to nothing.
    """
    # a grader started in the background hands down that interrupts are ignored: they end a cell's time here
    signal.signal(signal.SIGINT, signal.default_int_handler)
    requests, answers = _pipes()
    _give_up_rights(user)
    if not user:  # in a box, the box sees to it
        from course_utils.grading.lifetime import die_with_parent

        die_with_parent()
    if readable:
        from course_utils.grading.confine import confine

        confine(readable=readable, writable=writable)
    from course_utils.grading import frames

    kernel = Kernel()
    reader = frames.Reader(requests)
    while True:
        try:
            request = reader.receive()
        except KeyboardInterrupt:  # sent for an answer that had just ended
            continue
        except frames.FrameError:
            os._exit(0)
        frames.send(answers, {"id": request["id"], **kernel.answer(request)})


class Kernel:
    """An IPython shell, and beside it a namespace that holds the course's own answers so far."""

    def __init__(self) -> None:
        from IPython.core.history import HistoryManager
        from IPython.core.interactiveshell import InteractiveShell

        HistoryManager.enabled = False
        # what a notebook's shell has and a bare one lacks: `%matplotlib inline`, `quit`; nobody looks on here
        more = {"enable_gui": lambda *_: None, "ask_exit": lambda *_: None}
        kind: Any = type("Shell", (InteractiveShell,), more)
        self.shell = kind.instance()
        self.ours: dict[str, Any] = {"__name__": "course_reference"}
        self.bound: dict[str, Any] = {}  # the course's answers to the exercises so far

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Carry out one request; what a student's code raises is part of the answer."""
        kind: Callable[[dict[str, Any]], dict[str, Any]] = getattr(self, f"_{request['do']}")
        try:
            return kind(request)
        except BaseException as error:
            return {"error": {"type": type(error).__name__[:80], "message": "", "line": None}}

    def _run(self, request: dict[str, Any]) -> dict[str, Any]:
        """Run a cell in the student's namespace."""
        sink = _Sink()
        with contextlib.redirect_stdout(sink), contextlib.redirect_stderr(sink):
            result = self.shell.run_cell(request["source"], store_history=False)
        error = result.error_before_exec or result.error_in_exec
        if error is None:
            return {"error": None}
        return {
            "error": {
                "type": type(error).__name__[:80],
                "message": _text(error),
                "line": error.lineno if isinstance(error, SyntaxError) else _line(error),
            }
        }

    def _probe(self, request: dict[str, Any]) -> dict[str, Any]:
        """Call an exercise's probe on inputs; return what it saw, or which names are missing."""
        from course_utils.exercises.observe import observe

        space = self.shell.user_ns
        missing = [name for name in request["names"] if name not in space]
        if missing:
            return {"missing": missing}
        names = {name: space[name] for name in request["names"]}
        module = types.ModuleType("probe")
        exec(compile(request["source"], "<probe>", "exec"), module.__dict__)
        theirs = {name: space[name] for name in self.bound if name in space}
        space.update(self.bound)  # solid ground, as in a check: a later cell may have changed earlier answers
        try:
            seen = observe(getattr(module, request["function"]), names, request["inputs"])
        finally:
            space.update(theirs)
        failure = seen.failure
        return {
            "callable": [name for name, value in names.items() if callable(value)],
            "blank": [name for name, value in names.items() if value is Ellipsis],
            "returned": seen.returned,
            "inputs_after": seen.inputs_after,
            "printed": seen.printed,
            "failure": failure
            and {
                "type_name": failure.type_name,
                "message": failure.message,
                "line": failure.line,
                "line_text": failure.line_text,
            },
        }

    def _prepare(self, request: dict[str, Any]) -> dict[str, Any]:
        """Run a setup cell of ours in both namespaces."""
        sink = _Sink()
        gc.disable()  # importing torch takes a tenth longer with it, and finds no garbage
        try:
            with contextlib.redirect_stdout(sink), contextlib.redirect_stderr(sink):
                exec(compile(request["source"], "<course>", "exec"), self.ours)
        finally:
            gc.enable()
        return self._run(request)

    def _bind(self, request: dict[str, Any]) -> dict[str, Any]:
        """Run the course's own answer in its own namespace, and put its names into the student's."""
        sink = _Sink()
        with contextlib.redirect_stdout(sink), contextlib.redirect_stderr(sink):
            exec(compile(request["source"], "<course>", "exec"), self.ours)
        ours = {name: self.ours[name] for name in request["names"]}
        self.bound |= ours
        self.shell.user_ns.update(ours)
        return {"error": None}


class _Sink(io.TextIOBase):
    """Takes what is printed and forgets it: nothing printed counts."""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        return len(text)


def _line(error: BaseException) -> int | None:
    trace, line = error.__traceback__, None
    while trace is not None:
        if "ipython-input" in trace.tb_frame.f_code.co_filename:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _text(error: BaseException) -> str:
    try:
        # a syntax error's own text ends with the made-up name of the cell
        return str(error.msg if isinstance(error, SyntaxError) else error)[:500]
    except BaseException:  # a student's exception may itself fail to print
        return ""


def _pipes() -> tuple[int, int]:
    """Move the pipes away from the standard streams, which then lead nowhere."""
    requests, answers = os.dup(0), os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    os.close(nowhere)
    sys.stdin, sys.stdout, sys.stderr = os.fdopen(0), os.fdopen(1, "w"), os.fdopen(2, "w")
    return requests, answers


def _give_up_rights(user: str) -> None:
    if user:
        os.setgroups([])
        os.setresgid(int(user), int(user), int(user))
        os.setresuid(int(user), int(user), int(user))
    if os.name == "posix":
        import resource

        limits = {
            "RLIMIT_CORE": 0,
            "RLIMIT_FSIZE": FILE_BYTES,
            "RLIMIT_NOFILE": FILES,
            "RLIMIT_NPROC": PROCESSES if user else None,
            "RLIMIT_DATA": DATA_BYTES,
        }
        _, most = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (most, most))  # the worker's own limit: torch maps gigabytes
        for name, value in limits.items():
            if value is not None and hasattr(resource, name):
                with contextlib.suppress(ValueError, OSError):  # a lower limit is in force already
                    resource.setrlimit(getattr(resource, name), (value, value))


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
