"""Run a probe on an answer and write down what came back, under a limit of time, output and patience.

This module knows no references and no verdicts, so that it can run in a process that nobody trusts.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import linecache
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from course_utils.exercises import values
from course_utils.exercises.specification import Inputs, Probe

SHOWN_LINES, SHOWN_CHARACTERS = 8, 1000


@dataclass(frozen=True)
class Failure:
    """An exception that ended a probe: what it was and in which line of the answer."""

    type_name: str
    message: str
    line: int | None = None
    line_text: str = ""


@dataclass(frozen=True)
class Observation:
    """What one probe saw, as text: the encoded return value and inputs afterwards, or the failure."""

    returned: str | None
    inputs_after: str | None
    failure: Failure | None = None
    printed: str = ""


def observe(probe: Probe, names: dict[str, Any], encoded_inputs: str) -> Observation:
    """Call the probe in this thread and return what it saw; never raises what the answer raises."""
    printed = _Printed()
    with _surroundings(printed):
        return _observe(probe, names, encoded_inputs, printed)


def _observe(probe: Probe, names: dict[str, Any], encoded_inputs: str, printed: _Printed) -> Observation:
    inputs: Inputs = values.decode(encoded_inputs, tensors=True)
    try:
        returned = values.encode(probe(names, inputs))
        inputs_after = values.encode(inputs)
    except TooSlow:
        raise
    except BaseException as error:  # an answer may also raise SystemExit or KeyboardInterrupt
        return Observation(None, None, _failure(error), printed.text())
    return Observation(returned, inputs_after, None, printed.text())


class TooSlow(BaseException):
    """Raised inside a probe whose time is up; not an `Exception`, so that `except Exception` lets it pass."""


def observe_within(
    seconds: float, probe: Probe, names: dict[str, Any], encoded_inputs: str
) -> Observation | None:
    """Call `observe` in a thread of its own; return None if it has not ended in time.

    A thread and not a signal, because Windows has no alarm. Python code is stopped by an exception that
    is raised inside it again and again for a while; what sleeps inside a library is left behind.
    """
    result: list[Observation] = []
    printed = _Printed()

    # An event, because an interrupted `join` can take a running thread for a dead one (Python < 3.13).
    ended = threading.Event()

    def work() -> None:
        try:
            result.append(_observe(probe, names, encoded_inputs, printed))
        except TooSlow:
            pass
        finally:
            ended.set()

    thread = threading.Thread(target=work, daemon=True, name="probe")
    # Surroundings belong to the whole process: changed and restored here, never by a thread left behind.
    with _surroundings(printed):
        try:
            thread.start()
            end = time.monotonic() + seconds
            while not ended.is_set() and time.monotonic() < end:
                ended.wait(0.1)  # in slices: on Windows a student could not interrupt a long wait
        finally:  # also when the student interrupts the check
            deadline = time.monotonic() + 2.0
            while not ended.is_set() and time.monotonic() < deadline:
                _raise_in(thread, TooSlow)
                ended.wait(0.05)
    return result[0] if result else None


def _raise_in(thread: threading.Thread, exception: type[BaseException]) -> None:
    if thread.ident is not None:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(exception))


def _failure(error: BaseException) -> Failure:
    message = _safely(lambda: str(error))[:2000]
    if isinstance(error, SyntaxError):
        return Failure(type(error).__name__, message, error.lineno, (error.text or "").strip())
    line, text = None, ""
    for frame, number in traceback.walk_tb(error.__traceback__):
        filename = frame.f_code.co_filename
        if _is_answer(filename):
            line, text = number, linecache.getline(filename, number, frame.f_globals).strip()
    return Failure(type(error).__name__, message, line, text[:200])


def _is_answer(filename: str) -> bool:
    """Whether code of this file was written in a notebook cell (or stands for one), not in a library."""
    return (
        filename.startswith(("<exercise", "<stdin")) or "ipykernel" in filename or "ipython-input" in filename
    )


def _safely(text: Callable[[], str]) -> str:
    try:
        return text()
    except TooSlow:
        raise
    except BaseException as error:  # a student's exception may itself fail to print
        return f"(its message could not be read: {type(error).__name__})"


class _Printed(io.TextIOBase):
    """Keeps the beginning of what is printed, and counts the lines of the rest."""

    def __init__(self) -> None:
        super().__init__()
        self._kept = ""
        self._lines = 0

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self._lines += text.count("\n")
        self._kept += text[: SHOWN_CHARACTERS - len(self._kept)]
        return len(text)

    def text(self) -> str:
        """Return the first lines, and how many more there were."""
        shown = self._kept.splitlines()[:SHOWN_LINES]
        more = self._lines - len(shown)
        return "\n".join([*shown, *([f"... and {more} more lines"] if more > 0 else [])])


@contextlib.contextmanager
def _surroundings(printed: _Printed) -> Iterator[None]:
    """Take printed text and leave out warnings while a probe runs."""
    recursion = sys.getrecursionlimit()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            sys.setrecursionlimit(recursion)
