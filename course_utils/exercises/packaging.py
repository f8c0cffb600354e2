"""Make the checks that are handed out without the answers; `course_utils.exercises.packaged` reads them.

What goes in: inputs of a few public seeds, what the reference and each typical mistake return on them, texts
that students see anyway. What does not: the text of a solution or of a mistake, lines of code in an error's
description, and for values and choices anything but their names and hints, since the wrong ones of a
choice tell the right one.
"""

from __future__ import annotations

import inspect
import json
from typing import Any

from course_utils.exercises import values
from course_utils.exercises.catalogue import Text, Texts
from course_utils.exercises.checking import PUBLIC_SEEDS
from course_utils.exercises.checks_file import SCHEMA, function_name
from course_utils.exercises.compare import compare
from course_utils.exercises.observe import Observation
from course_utils.exercises.references import References
from course_utils.exercises.specification import Exercise, Notebook, call, call_without_autograd
from course_utils.scale import SCALES


class PackagingError(ValueError):
    """The checks of an assignment cannot be written down; says which exercise and why."""


def checks_text(notebook: Notebook, texts: Texts) -> str:
    """Return the text of a notebook's checks file.

    Raises
    ------
    PackagingError
        If a probe is not one function, or brings something back that cannot be written down.
    """
    references = References(notebook, texts)
    data = {
        "schema": SCHEMA,
        "notebook": {
            "id": notebook.id,
            "name": notebook.name,
            "title": notebook.title,
            "data": list(notebook.data),
            "minutes": {name: notebook.minutes.get(name, 0.0) for name in SCALES},
        },
        "exercises": [_exercise(e, texts.exercises[e.id], references) for e in notebook.exercises],
    }
    return json.dumps(data, indent=1, ensure_ascii=False) + "\n"


def same_checks(one: str, other: str) -> bool:
    """Whether two checks files say the same, up to the last digits, which differ between machines."""
    if one == other:
        return True
    try:
        return _same(json.loads(one), json.loads(other))
    except (ValueError, RecursionError):
        return False


def _exercise(exercise: Exercise, text: Text, references: References) -> dict[str, Any]:
    ours = references.answer(exercise)
    entry: dict[str, Any] = {
        "id": exercise.id,
        "title": text.title,
        "points": text.points,
        "minutes": text.minutes,
        "difficulty": text.difficulty,
        "kinds": {name: _kind(ours[name]) for name in exercise.names},
        "value": exercise.is_value,
        "stub": text.stub,
        "hints": list(exercise.hints),
        "parts": list(exercise.parts),
        "rtol": exercise.rtol,
        "atol": exercise.atol,
        "limit_seconds": exercise.limit_seconds,
        "probe": "" if exercise.is_value else _probe(exercise),
        "mistakes": [],
        "tries": [],
    }
    if not exercise.is_value:
        entry["mistakes"] = [{"message": m.message, "credit": m.credit} for m in exercise.mistakes]
        entry["tries"] = [_tried(exercise, seed, references) for seed in PUBLIC_SEEDS]
    return entry


def _tried(exercise: Exercise, seed: int, references: References) -> dict[str, Any]:
    inputs = references.inputs(exercise, seed)
    expected = references.observe(exercise, seed)
    if expected.returned is not None and '"kind": "opaque"' in expected.returned:
        raise PackagingError(
            f"Exercise {exercise.id}: its probe brings back something that is no plain value; let it return "
            "numbers, texts, tensors, arrays, and lists and dictionaries of them."
        )
    mistakes = [references.observe(exercise, seed, mistake) for mistake in exercise.mistakes]
    return {
        "seed": seed,
        "inputs": inputs,
        "expected": _observation(expected, inputs),
        "mistakes": [_observation(seen, inputs) for seen in mistakes],
    }


def _observation(seen: Observation, inputs: str) -> dict[str, Any]:
    if seen.failure is not None:  # without its line, which is one of the answer's
        return {"failure": [seen.failure.type_name, seen.failure.message]}
    changed = seen.inputs_after != inputs
    return {"returned": seen.returned} | ({"inputs_after": seen.inputs_after} if changed else {})


def _probe(exercise: Exercise) -> str:
    if exercise.probe in (call, call_without_autograd):
        return exercise.probe.__name__
    source = f"from __future__ import annotations\n\n\n{inspect.getsource(exercise.probe)}"
    try:
        function_name(source)
    except ValueError as error:
        raise PackagingError(f"Exercise {exercise.id}: {error}.") from None
    return source


def _kind(value: Any) -> str:
    return "class" if isinstance(value, type) else "function" if callable(value) else "value"


def _same(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, str) and one != other:
        return not compare(values.decode(one), values.decode(other), rtol=1e-5, atol=1e-7)
    return bool(one == other)
