"""Decide from plain values whether an answer is right, and say what is wrong with it.

The judge never touches the answer itself. It compares what a probe brought back (see `observe`) with what the
same probe brings back from the reference on the same inputs, and, where they differ, with what it brings
back from each typical mistake: the one that gives the student's very values names the mistake.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from course_utils.exercises import values
from course_utils.exercises.compare import Difference, compare
from course_utils.exercises.diagnose import describe_failure, describe_inputs, diagnose
from course_utils.exercises.observe import Observation
from course_utils.exercises.references import References
from course_utils.exercises.specification import Exercise, Mistake, call, call_without_autograd

Status = Literal["right", "wrong", "blank", "missing", "reference", "broken"]


@dataclass(frozen=True)
class Verdict:
    """What a check decided.

    Parameters
    ----------
    status : str
        ``right``, ``wrong``, ``blank`` (not written yet), ``missing`` (a name is undefined), ``reference``
        (ours, put there by an earlier check) or ``broken`` (the check itself failed).
    message : str
        What differs, as a sentence.
    mistake : str
        The message of the typical mistake that gives the same values, if there is one.
    printed : str
        The beginning of what the answer printed while it was tried.
    credit : float
        The share of the points that a wrong answer still earns when it is graded.
    """

    status: Status
    message: str = ""
    mistake: str = ""
    printed: str = ""
    credit: float = 0.0


def judge(exercise: Exercise, seen: Mapping[int, Observation | None], references: References) -> Verdict:
    """Judge what the probe saw of an answer.

    Parameters
    ----------
    exercise : Exercise
        The exercise.
    seen : mapping of int to Observation or None
        What the probe saw for each seed; None where it did not end in time.
    references : References
        The reference answers of the notebook.

    Raises
    ------
    RuntimeError
        If the reference itself fails: nothing can be said about the answer then.
    """
    try:
        if all(_is_blank(observation) for observation in seen.values()):
            return Verdict("blank", "This exercise is still blank.")
    except ValueError as error:
        return Verdict("wrong", f"What came back cannot be read: {error}.")
    for seed, observation in seen.items():
        if observation is None:
            return Verdict(
                "wrong",
                f"It had not come to an end after {exercise.limit_seconds:g} seconds. Look for a loop whose "
                "condition never becomes false, or work that grows with each step.",
            )
        expected = references.observe(exercise, seed)
        if expected.failure is not None:  # an answer that fails alike would count as right
            raise RuntimeError(f"our own answer to {exercise.id} fails: {expected.failure.message}")
        try:
            differences = compare_observations(exercise, expected, observation)
        except ValueError as error:
            return Verdict("wrong", f"What came back cannot be read: {error}.")
        if differences:
            message = _explain(exercise, references.inputs(exercise, seed), observation, differences)
            mistake = find_mistake(exercise, seen, references)
            if mistake and differences[0].kind == "inputs":
                message = ""  # the mistake says which change of an input is wrong, and which is not
            if mistake is None:
                return Verdict("wrong", message)
            return Verdict("wrong", message, mistake.message, credit=mistake.credit)
    return Verdict("right")


def find_mistake(
    exercise: Exercise, seen: Mapping[int, Observation | None], references: References
) -> Mistake | None:
    """Return the typical mistake that gives the same values on every seed, if there is one."""
    for mistake in exercise.mistakes:
        if all(
            observation is not None
            and (
                _has_values(exercise, mistake.values, observation)
                if exercise.is_value
                else _same(exercise, references.observe(exercise, seed, mistake), observation)
            )
            for seed, observation in seen.items()
        ):
            return mistake
    return None


def compare_observations(exercise: Exercise, expected: Observation, got: Observation) -> list[Difference]:
    """Return how two observations differ: failures first, then returned values, then changed inputs."""
    if expected.failure is not None or got.failure is not None:
        same = (
            expected.failure is not None
            and got.failure is not None
            and expected.failure.type_name == got.failure.type_name
            and expected.failure.message == got.failure.message
        )
        return [] if same else [Difference("failure", "", None, None)]
    tolerance: dict[str, Any] = {"rtol": exercise.rtol, "atol": exercise.atol}
    ours, theirs = _read(expected.returned), _read(got.returned)
    if exercise.is_value:
        ours, theirs = _normal(ours), _normal(theirs)
    elif ours is None:  # an answer that works on its inputs may return them as well
        theirs = None
    differences = compare(ours, theirs, parts=exercise.parts, **tolerance)
    if not differences and not exercise.is_value:
        after = compare(
            _read(expected.inputs_after),
            _read(got.inputs_after),
            **tolerance,
        )
        differences = [Difference("inputs", d.where, d.expected, d.got) for d in after]
    return differences


def _same(exercise: Exercise, one: Observation, other: Observation) -> bool:
    try:
        return not compare_observations(exercise, one, other)
    except ValueError:
        return False


def _has_values(exercise: Exercise, wanted: Mapping[str, Any], observation: Observation) -> bool:
    """Whether the student's values agree with those that a mistake of a value exercise names.

    Never less exactly than right answers must: in whole numbers a neighbour is another mistake.
    """
    rtol = min(1e-3, exercise.rtol)
    try:
        held = _normal(_read(observation.returned))
    except ValueError:
        return False
    return isinstance(held, dict) and all(
        name in held and not compare(_normal(value), held[name], rtol=rtol, atol=1e-9)
        for name, value in wanted.items()
    )


def _read(text: str | None) -> Any:
    """Decode a value; it is remembered, because it is compared with many mistakes."""
    return _read_small(text or "null") if len(text or "") < 20_000 else _read_large(text or "null")


@functools.lru_cache(maxsize=512)
def _read_small(text: str) -> Any:
    return values.decode(text)


@functools.lru_cache(maxsize=2)
def _read_large(text: str) -> Any:
    return values.decode(text)


def _normal(value: Any) -> Any:
    """Fold the ways of writing the same choice: ``"B "`` and ``"b"``, ``"2"`` and ``2``."""
    if isinstance(value, str):
        letter = value.strip().strip("().").lower()
        return int(letter) if letter in ("1", "2", "3", "4", "5") else letter
    if isinstance(value, dict):
        return {name: _normal(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_normal(item) for item in value]
    return value


def _is_blank(observation: Observation | None) -> bool:
    if observation is None:
        return False
    if observation.failure is not None:
        # torch raises NotImplementedError too; the stub's names its exercise
        failure = observation.failure
        return failure.type_name == "NotImplementedError" and failure.message.startswith("Exercise ")
    returned = _read(observation.returned)
    if isinstance(returned, dict) and returned:
        return any(value is Ellipsis for value in returned.values())
    return returned is Ellipsis


def _explain(exercise: Exercise, inputs: str, observation: Observation, differences: list[Difference]) -> str:
    if exercise.is_value:
        return _explain_values(differences)
    decoded = values.decode(inputs)
    # the inputs of a probe of its own are not the answer's arguments: naming them would only puzzle
    drawn = decoded if exercise.probe in (call, call_without_autograd) else {}
    if observation.failure is not None:
        return describe_failure(observation.failure, exercise.names, drawn)
    before = decoded if differences[0].kind == "inputs" else drawn
    return f"{diagnose(differences, before)} {describe_inputs(drawn)}".strip()


def _explain_values(differences: list[Difference]) -> str:
    wrong = list(dict.fromkeys(d.where.partition(",")[0] for d in differences if d.where))
    names = " and ".join(f"`{name}`" for name in wrong) or "The answer"
    parts = [f"{names} {'are' if len(wrong) > 1 else 'is'} not right."]
    kinds = sorted({d.got_type for d in differences if d.kind in ("type", "none")})
    parts += [f"Found: {' and '.join(kinds)}."] if kinds else []
    return " ".join(parts)
