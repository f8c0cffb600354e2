"""A worker process of `course grade`: takes one submission after another through a box. Thin: no torch here.

It reads files that anybody may have made and talks to kernels that anybody may have taken over, so it runs
under a limit on memory and can be lost without losing anything but the submission at hand.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import signal
import time
import warnings
from pathlib import Path
from typing import Any

from course_utils.exercises.catalogue import ReleaseCell, Text
from course_utils.grading import frames, marking, sandbox
from course_utils.grading.contents import shown
from course_utils.grading.kernel import Box, Kernel
from course_utils.grading.lifetime import die_with_parent
from course_utils.grading.matching import HEADER, Plan, match
from course_utils.grading.reading import MAX_BYTES, SubmittedCell, UnreadableError, read_notebook
from course_utils.grading.submissions import Submission, SubmissionsError, read_bytes

MEMORY_BYTES = 2**30
KEPT = 20_000  # characters of an answer: more than look-alikes are searched for


@dataclasses.dataclass(frozen=True)
class Release:
    """What a worker knows of an assignment: the cells as they were handed out, and no answers."""

    cells: tuple[ReleaseCell, ...]
    texts: dict[str, Text]
    by_hand: frozenset[str]  # exercises whose gradient is to be derived without automatic differentiation


def main() -> None:
    """Answer requests on standard input until it closes."""
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one who hands out the work
    warnings.simplefilter("ignore")  # of submitted text, when it is parsed
    limit_memory()
    reader = frames.Reader(0)
    answers = os.dup(1)
    os.dup2(2, 1)
    first = reader.receive()
    release = Release(
        tuple(ReleaseCell(**cell) for cell in first["cells"]),
        {text["id"]: Text(**{**text, "names": tuple(text["names"])}) for text in first["texts"]},
        frozenset(first["by_hand"]),
    )
    box = Box(
        sandbox.Protection(**first["protection"]),
        Path(first["course"]),
        first["worker"],
        Path(first["scratch"]),
    )
    while True:
        try:
            request = reader.receive()
        except frames.FrameError:
            return
        submission = Submission(request["student"], Path(os.fsdecode(request["source"])), request["member"])
        frames.send(answers, {"done": grade(submission, release, box, _Judge(reader, answers))})


def grade(submission: Submission, release: Release, box: Box, judge: _Judge) -> dict[str, Any]:
    """Grade one submission; return what a record holds of it."""
    begun = time.monotonic()
    found: dict[str, Any] = {"state": "graded", "reason": "", "file_hash": "", "exercises": {}, "flags": []}
    try:
        data = read_bytes(submission, limit=MAX_BYTES)
        found["file_hash"] = hashlib.sha256(data).hexdigest()
        cells = read_notebook(data)
        plan = match(release.cells, release.texts, cells)
        refuse_another(plan, release, cells)
    except (UnreadableError, SubmissionsError) as error:
        return found | {"state": "unreadable", "reason": str(error), "seconds": time.monotonic() - begun}
    except (MemoryError, RecursionError):
        reason = "Reading the file takes more memory than a notebook may."
        return found | {"state": "unreadable", "reason": reason, "seconds": time.monotonic() - begun}
    try:
        judge.opened(found["file_hash"])
        tried = marking.Marking(plan, judge, lambda: Kernel(box)).run()
    except marking.BoxError as error:
        reason = (
            f"A first cell of the course failed in the box, before anything of the submission ran. {error}"
        )
        return found | {"state": "failed", "reason": reason, "seconds": time.monotonic() - begun}
    theirs = [step.source for step in plan.steps if step.role != "setup"]
    for exercise, result in tried.items():
        flags = list(plan.exercise_flags.get(exercise, []))
        answer = plan.answers.get(exercise, "")
        tools = marking.forbidden_tools(answer, theirs) if exercise in release.by_hand else []
        if tools:
            flags.append(
                f"To be derived by hand, but it, or a cell it uses, has {', '.join(tools)}: please look."
            )
        if result.status == "stopped":
            flags.append(f"{result.message} An accident, or an attack: please look.")
        if result.status == "unjudged":
            flags.append("It has no verdict: please look.")
        found["exercises"][exercise] = {**dataclasses.asdict(result), "flags": flags}
    return found | {
        "flags": plan.flags,
        "answers": {exercise: text[:KEPT] for exercise, text in plan.answers.items()},
        "seconds": time.monotonic() - begun,
    }


def refuse_another(plan: Plan, release: Release, cells: list[SubmittedCell]) -> None:
    """Refuse a notebook that has nothing of what is graded, but exercises of another one.

    Raises
    ------
    UnreadableError
        If it is so: its student has handed in the wrong file, and has not earned zeros.
    """
    others = [found[1] for cell in cells if (found := HEADER.match(cell.source.lstrip()))]
    if others and all(exercise in plan.exercise_flags for exercise in release.texts):
        if set(others) & set(release.texts) or any(plan.answers.values()):
            return
        raise UnreadableError(
            f"It has none of the exercises that are graded ({next(iter(release.texts))} ...), but "
            f"{shown(others[0])}: it seems to be another notebook."
        )


def limit_memory() -> None:
    """Limit what this process may map; the kernel in the box raises it again for itself."""
    if os.name == "posix":
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_AS)
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, most))


class _Judge:
    """The judge, at the other end of the pipe."""

    def __init__(self, reader: frames.Reader, answers: int) -> None:
        self._reader, self._answers = reader, answers

    def opened(self, file_hash: str) -> None:
        """Say which file it is: the inputs that its answers are tried on follow from it."""
        frames.send(self._answers, {"ask": "opened", "file_hash": file_hash})

    def question(self, exercise: str) -> dict[str, Any]:
        return self._ask({"ask": "question", "exercise": exercise})

    def verdict(self, exercise: str, answers: list[Any]) -> dict[str, Any]:
        return self._ask({"ask": "verdict", "exercise": exercise, "answers": answers})

    def reference(self, exercise: str) -> dict[str, Any]:
        return self._ask({"ask": "reference", "exercise": exercise})

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        frames.send(self._answers, request)
        answer: dict[str, Any] = self._reader.receive()
        return answer


if __name__ == "__main__":
    main()
