"""Grade one submission: run its cells in a box in order, try each exercise once, and keep what was found."""

from __future__ import annotations

import ast
import contextlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from course_utils.grading import frames
from course_utils.grading.kernel import Kernel, Limits, Stopped, Why
from course_utils.grading.matching import Plan, Step, defined_names

SETUP_LIMITS = Limits(cpu_seconds=60, wall_seconds=180)
CELL_LIMITS = Limits(cpu_seconds=10, wall_seconds=40)
TOTAL_SECONDS = 420.0  # by the clock, for one submission; a whole notebook takes 5
RESTARTS = 12

# Words of automatic differentiation.
_TOOLS = {"backward", "autograd", "enable_grad", "inference_mode", "jacobian", "vjp", "jvp", "vmap"}
_TOOLS |= {"jacrev", "jacfwd", "grad_and_value", "requires_grad_", "requires_grad"}

_BLANK = "This exercise is still blank."
_REASONS: dict[Why, str] = {
    "time": "it did not come to an end in time",
    "memory": "it took more memory than there is",
    "processes": "it started too many processes",
    "output": "it sent more than can be read",
    "disk": "it wrote more than there is room for",
    "died": "the kernel died",
}


@dataclass(frozen=True)
class Tried:
    """What came of one exercise.

    Parameters
    ----------
    status, message, mistake, printed : str
        As in `course_utils.grading.records.ExerciseMark`.
    credit : float
        The share of the points that a wrong answer still earns.
    """

    status: str
    message: str = ""
    mistake: str = ""
    printed: str = ""
    credit: float = 0.0


class BoxError(Exception):
    """The box failed before anything of a submission ran in it: nobody's answers are to blame."""


class Judge(Protocol):
    """Whoever holds the references; in a worker, the other end of a pipe."""

    def question(self, exercise: str) -> dict[str, Any]:
        """Return source, function, names, inputs and limit_seconds of an exercise's probe."""

    def verdict(self, exercise: str, answers: list[Any]) -> dict[str, Any]:
        """Return status, message, mistake, printed and credit."""

    def reference(self, exercise: str) -> dict[str, Any]:
        """Return source and names of the reference."""


class Marking:
    """One submission on its way through the box."""

    def __init__(self, plan: Plan, judge: Judge, start: Callable[[], Kernel]) -> None:
        self._plan, self._judge, self._start = plan, judge, start
        self._kernel: Kernel | None = None
        self._done: list[dict[str, Any]] = []  # what a new kernel is given again
        self._restarts = 0
        self._is_theirs = False  # whether anything of the submission has run
        self._end = time.monotonic() + TOTAL_SECONDS

    def run(self) -> dict[str, Tried]:
        """Return what came of each exercise, in order; never raises what a submission does.

        Raises
        ------
        BoxError
            If the course's own first cells fail: that is no reason to take points away.
        """
        if not any(step.source.strip() for step in self._plan.steps if step.role != "setup"):
            blank, gone = Tried("blank", _BLANK), Tried("missing", "Its cell is not in the notebook.")
            return {s.exercise: blank if s.blank else gone for s in self._plan.steps if s.exercise}
        found: dict[str, Tried] = {}
        outlived, note = True, ""
        try:
            for step in self._plan.steps:
                if self._is_over():
                    break
                if step.role != "extra":
                    outlived, note = True, ""
                survived, said = self._run(step)
                if said and not self._is_theirs:
                    raise BoxError(said)
                outlived, note = outlived and survived, note or said
                if step.exercise:
                    found[step.exercise] = self._try(step, outlived, note)
        finally:
            if self._kernel is not None:
                self._kernel.close()
        for step in self._plan.steps:
            if step.exercise and step.exercise not in found:
                reason = "It was not reached: what stands before it took all the time there is."
                found[step.exercise] = Tried("unjudged", reason)
        return found

    def _is_over(self) -> bool:
        return time.monotonic() > self._end or self._restarts > RESTARTS

    def _run(self, step: Step) -> tuple[bool, str]:
        """Run a cell; return whether the kernel outlived it, and how it ended, if badly, as a sentence."""
        if not step.source.strip():
            return True, ""
        kind, limits = ("prepare", SETUP_LIMITS) if step.role == "setup" else ("run", CELL_LIMITS)
        self._is_theirs = self._is_theirs or kind == "run"
        try:
            answer, interrupted = self._ask({"do": kind, "source": step.source}, limits, keep=True)
        except Stopped as stopped:
            return False, f"Its cell was stopped: {_REASONS[stopped.why]}."
        if interrupted:
            return True, f"Its cell was stopped after {limits.cpu_seconds:g} seconds of computing."
        error = answer.get("error")
        if not isinstance(error, dict):
            return True, ""
        line = f" in line {error['line']}" if type(error.get("line")) is int else ""
        said = " ".join(str(error.get("message"))[:160].split())
        words = f": {said}" if said else ""
        return True, f"Its cell ended with {str(error.get('type'))[:80]}{line}{words}".rstrip(".") + "."

    def _try(self, step: Step, outlived: bool, note: str) -> Tried:
        """Try an exercise on its inputs, then put the reference in its place."""
        if step.blank:
            found = Tried("blank", _BLANK)
        elif not outlived:
            found = Tried("stopped", note)
        else:
            found = self._probe(step.exercise, note)
        request = {"do": "bind", **self._judge.reference(step.exercise)}
        if self._kernel is None or not self._kernel.is_alive:
            self._done.append(request)  # no new kernel for this alone
        else:
            with contextlib.suppress(Stopped):
                self._ask(request, CELL_LIMITS, keep=False)
            self._done.append(request)
        return found

    def _probe(self, exercise: str, note: str) -> Tried:
        question = self._judge.question(exercise)
        limits = Limits(question["limit_seconds"], 3 * question["limit_seconds"] + 10)
        answers: list[Any] = []
        for inputs in question["inputs"]:
            request = {"do": "probe", "inputs": inputs}
            request |= {name: question[name] for name in ("source", "function", "names")}
            try:
                answer, interrupted = self._ask(request, limits, keep=False)
            except Stopped as stopped:
                if stopped.why != "time":
                    return Tried("stopped", f"While it was tried, {_REASONS[stopped.why]}. {note}".strip())
                answers.append(None)
                break
            answers.append(None if interrupted else _kept(answer))
            if len(json.dumps(answers)) > frames.MAX_FRAME:  # so written, a message can be six times as long
                return Tried("stopped", f"While it was tried, {_REASONS['output']}. {note}".strip())
            if interrupted or "missing" in answers[-1]:
                break
        verdict = self._judge.verdict(exercise, answers)
        status, message = verdict["status"], verdict["message"]
        if status == "broken":
            status = "unjudged"
        if status != "right" and note:
            message = f"{message} {note}".strip()
        return Tried(status, message, verdict["mistake"], verdict["printed"], verdict["credit"])

    def _ask(self, request: dict[str, Any], limits: Limits, *, keep: bool) -> tuple[dict[str, Any], bool]:
        """Ask the kernel, a new one if the old one is gone; with `keep`, later kernels are given this too."""
        answer, interrupted = self._ready().ask(request, limits)
        if keep and not interrupted:
            self._done.append(request)
        return answer, interrupted

    def _ready(self) -> Kernel:
        """Return a live kernel. A new one is given all that ran before, without what ends it again."""
        while self._kernel is None or not self._kernel.is_alive:
            if self._kernel is not None:
                self._restarts += 1
            if self._is_over():
                raise Stopped("died")
            self._kernel = self._start()
            for request in list(self._done):
                if self._is_over():
                    raise Stopped("died")
                try:
                    _, interrupted = self._kernel.ask(request, SETUP_LIMITS)
                except Stopped:
                    self._done.remove(request)
                    break
                if interrupted:
                    self._done.remove(request)
        return self._kernel


def _kept(answer: dict[str, Any]) -> dict[str, Any]:
    """Return of an answer what the judge looks at: other things would take up its memory."""
    kept: dict[str, Any] = {}
    for name in ("returned", "inputs_after", "printed"):
        if type(answer.get(name)) is str:
            kept[name] = answer[name]
    for name in ("missing", "callable", "blank"):
        if isinstance(answer.get(name), list):
            kept[name] = [item for item in answer[name][:100] if type(item) is str]
    if isinstance(answer.get("failure"), dict):
        parts = ("type_name", "message", "line", "line_text")
        kept["failure"] = {n: v for n in parts if type(v := answer["failure"].get(n)) in (str, int)}
    return kept


def forbidden_tools(source: str, cells: Sequence[str] = ()) -> list[str]:
    """Return the automatic differentiation that an answer uses where the gradient is to be derived by hand.

    Those of the student's `cells` count as well whose names the answer uses. A look at the syntax tree: for
    the instructor to read, never to take points away by itself.
    """
    waiting, used, seen = [source], set[str](), {source}
    while waiting:
        names, tools = _names_and_tools(waiting.pop())
        used |= tools
        for cell in cells:
            if cell not in seen and not names.isdisjoint(defined_names(cell)):
                seen.add(cell)
                waiting.append(cell)
    return sorted(used)


def _names_and_tools(source: str) -> tuple[set[str], set[str]]:
    """Return the names that a text uses, and those that belong to automatic differentiation."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set(), set()
    names: set[str] = set()
    used: set[str] = set()
    for node in ast.walk(tree):
        name = getattr(node, "attr", None) or getattr(node, "id", None) or getattr(node, "arg", None)
        if isinstance(node, ast.alias):
            name = node.name.rpartition(".")[2]
        if isinstance(node, ast.Name):
            names.add(node.id)
        found = [name, *(node.module or "").split(".")] if isinstance(node, ast.ImportFrom) else [name]
        used |= {word for word in found if isinstance(word, str) and (word in _TOOLS or word == "func")}
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in _TOOLS:
            used.add(node.value)
    return names, used
