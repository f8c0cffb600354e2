"""The judge of `course grade`: holds the references and the secret seeds, and never meets a student's object.

It gives out an exercise's probe with inputs, and turns what came back, a text from an enemy, into a mark.
"""

from __future__ import annotations

import dataclasses
import hashlib
import inspect
import threading
from dataclasses import dataclass
from typing import Any

from course_utils.exercises.judge import Verdict, judge
from course_utils.exercises.observe import Failure, Observation
from course_utils.exercises.references import References, values_of
from course_utils.exercises.specification import Exercise
from course_utils.grading.assignment import Assignment

SEEDS = 3  # inputs that each answer is tried on


@dataclass(frozen=True)
class Question:
    """What the box is asked about one exercise.

    Parameters
    ----------
    source, function : str
        The probe's text and its name.
    names : tuple of str
        What it needs of the student's namespace.
    inputs : tuple of str
        Encoded inputs, one for each secret seed.
    limit_seconds : float
        For one call of the probe.
    """

    source: str
    function: str
    names: tuple[str, ...]
    inputs: tuple[str, ...]
    limit_seconds: float


class Adjudicator:
    """Judges answers to one assignment; used by one thread at a time, which it sees to itself."""

    def __init__(self, assignment: Assignment) -> None:
        self.assignment = assignment
        self._references = References(assignment.notebook, assignment.texts)
        self._lock = threading.Lock()

    def question(self, exercise_id: str, seeds: tuple[int, ...]) -> Question:
        """Return what the box is asked about an exercise, with inputs drawn from these seeds."""
        exercise = self.assignment.notebook.exercise(exercise_id)
        probe = values_of if exercise.is_value else exercise.probe
        used = seeds[:1] if exercise.is_value else seeds
        with self._lock:
            inputs = tuple(self._references.inputs(exercise, seed) for seed in used)
        source = f"from __future__ import annotations\n{inspect.getsource(probe)}"
        return Question(source, probe.__name__, exercise.names, inputs, exercise.limit_seconds)

    def reference(self, exercise_id: str) -> tuple[str, tuple[str, ...]]:
        """Return the text of the reference and its names, for the box once the exercise has been tried."""
        text = self.assignment.texts.exercises[exercise_id]
        exercise = self.assignment.notebook.exercise(exercise_id)
        return text.solution, () if exercise.is_value else text.names

    def verdict(self, exercise_id: str, seeds: tuple[int, ...], answers: list[Any]) -> Verdict:
        """Judge what the box answered, for each seed in turn; None where it had to be stopped.

        Whatever the answers are, there is a verdict: ``broken`` if the judge itself failed on them.
        """
        exercise = self.assignment.notebook.exercise(exercise_id)
        try:
            return self._verdict(exercise, seeds, answers)
        except Exception as error:  # one submission must not end the grading of all others
            return Verdict("broken", f"The judge failed on what came back ({type(error).__name__}).")

    def _verdict(self, exercise: Exercise, seeds: tuple[int, ...], answers: list[Any]) -> Verdict:
        used = seeds[:1] if exercise.is_value else seeds
        seen: dict[int, Observation | None] = {}
        for seed, answer in zip(used, answers, strict=False):
            try:
                found = None if answer is None else self._observation(exercise, answer)
            except ValueError as error:
                return Verdict("wrong", f"What came back cannot be read: {error}.")
            if isinstance(found, Verdict):
                return found
            seen[seed] = found
        if len(seen) < len(used) and None not in seen.values():
            return Verdict("wrong", "It was not tried on all inputs.")
        with self._lock:
            verdict = judge(exercise, seen, self._references)
        printed = next((o.printed for o in seen.values() if o is not None), "")
        return dataclasses.replace(verdict, printed=printed)

    def _observation(self, exercise: Exercise, answer: Any) -> Observation | Verdict:
        """Turn one answer of the box into an observation, or at once into a verdict; nothing is believed."""
        if not isinstance(answer, dict):
            raise ValueError("it is no object")
        missing = answer.get("missing")
        if missing:
            named = missing if isinstance(missing, list) else []
            listed = " and ".join(f"`{n}`" for n in exercise.names if n in named)
            verb = "are" if " and " in listed else "is"
            return Verdict("missing", f"{listed or 'A name'} {verb} not defined.")
        with self._lock:
            ours = self._references.answer(exercise)
        called = answer.get("callable")
        blank = answer.get("blank")
        for name in exercise.names:
            if callable(ours[name]) and not (isinstance(called, list) and name in called):
                if isinstance(blank, list) and name in blank:
                    return Verdict("blank", "This exercise is still blank.")
                kind = "class" if isinstance(ours[name], type) else "function"
                return Verdict("wrong", f"`{name}` should be a {kind}.")
        failure = answer.get("failure")
        printed = _text(answer.get("printed"), 1200)
        if failure is not None:
            return Observation(None, None, _failure(failure), printed)
        returned, inputs_after = answer.get("returned"), answer.get("inputs_after")
        if type(returned) is not str or type(inputs_after) is not str:
            raise ValueError("values are missing")
        return Observation(returned, inputs_after, None, printed)


def secret_seeds(key: str, student: str, file_hash: str) -> tuple[int, ...]:
    """Return a submission's seeds: from the grading run's secret key, so that grading again is the same.

    Another file has others: the inputs that a page of feedback showed are not those of the next attempt.
    """
    digest = hashlib.sha256(f"{key}/{file_hash}/{student}".encode("utf-8", "surrogatepass")).digest()
    return tuple(int.from_bytes(digest[4 * n : 4 * n + 4]) // 2 + 1000 for n in range(SEEDS))


def _failure(value: Any) -> Failure:
    if not isinstance(value, dict):
        raise ValueError("a failure must be an object")
    line = value.get("line")
    return Failure(
        _text(value.get("type_name"), 80),
        _text(value.get("message"), 2000),
        line if type(line) is int and 0 < line < 100_000 else None,
        _text(value.get("line_text"), 200),
    )


def _text(value: Any, limit: int) -> str:
    return value[:limit] if type(value) is str else ""
