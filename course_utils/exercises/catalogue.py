"""Which notebooks and exercises there are, and the texts that `course build` generated for them."""

from __future__ import annotations

import difflib
import functools
import importlib
import importlib.resources
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course_utils.exercises.specification import Exercise, Notebook

# One module of exercises per notebook: add its number here. (What `course release` hands out has none.)
NOTEBOOK_IDS: tuple[str, ...] = tuple(
    number
    for number in ("01", "02", "03", "04", "05", "06", "07", "08", "09", "10", "11")
    if (Path(__file__).parent / f"nb{number}.py").is_file()
)
_NO_CHECKS = "the file of its checks, NAME.checks.json, must lie beside the notebook."


@dataclass(frozen=True)
class Text:
    """The texts of one exercise, generated from the solution notebook."""

    id: str
    title: str
    points: float
    minutes: int
    difficulty: int
    names: tuple[str, ...]
    stub: str
    solution: str


@dataclass(frozen=True)
class ReleaseCell:
    """One code cell of the student notebook as it is handed out."""

    id: str
    role: str  # setup, exercise, check or experiment
    exercise: str  # the exercise's id, for exercises and checks
    source: str


@dataclass(frozen=True)
class Texts:
    """The texts of one notebook: what runs for its references, its exercises, and the cells handed out."""

    steps: tuple[tuple[str, str], ...]  # (role, source), or ("exercise", id): setup and exercises in order
    exercises: dict[str, Text]
    cells: tuple[ReleaseCell, ...] = ()


@functools.cache
def notebook(notebook_id: str) -> Notebook:
    """Return the notebook of an id such as ``"01"``.

    Raises
    ------
    ValueError
        If there is none.
    """
    if notebook_id not in NOTEBOOK_IDS:
        raise ValueError(f"There is no notebook {notebook_id!r}; there are {', '.join(NOTEBOOK_IDS)}.")
    module = importlib.import_module(f"course_utils.exercises.nb{notebook_id}")
    found: Notebook = module.NOTEBOOK
    return found


def find_notebook(notebook_id: str) -> Notebook:
    """Return the course's notebook of an id, or the one whose checks lie here (see `packaged`).

    Raises
    ------
    ValueError
        If there is none, or its checks are damaged.
    """
    if notebook_id not in NOTEBOOK_IDS:
        from course_utils.exercises import packaged

        found = packaged.find_notebook(notebook_id)
        if found is not None:
            return found
        if not NOTEBOOK_IDS:
            raise ValueError(f"Notebook {notebook_id!r} was not found: {_NO_CHECKS}")
    return notebook(notebook_id)


def find(exercise_id: object) -> tuple[Notebook, Exercise]:
    """Return the notebook and the exercise of an id such as ``"1.4"``, the course's or one of `packaged`.

    Raises
    ------
    ValueError
        If there is none, with the nearest ids.
    """
    if not isinstance(exercise_id, str):
        raise ValueError('Write the exercise between quotes, as in "1.3": 1.30 is 1.3 to Python.')
    text = exercise_id.strip()
    number = text.partition(".")[0]
    candidates = [notebook(number.zfill(2))] if number.zfill(2) in NOTEBOOK_IDS else []
    for candidate in candidates:
        for exercise in candidate.exercises:
            if exercise.id == text:
                return candidate, exercise
    from course_utils.exercises import packaged

    found = packaged.find(text)
    if found is not None:
        return found
    known = [exercise.id for n in NOTEBOOK_IDS for exercise in notebook(n).exercises]
    if not known:
        raise ValueError(f"There is no exercise {text!r} here: {_NO_CHECKS}")
    near = difflib.get_close_matches(text, known, n=3, cutoff=0.5)
    there = f"Did you mean {' or '.join(near)}?" if near else f"There are {known[0]} to {known[-1]}."
    own = "" if number.isdigit() else f" For an assignment of your instructor's, {_NO_CHECKS}"
    raise ValueError(f"There is no exercise {text!r}. {there}{own}")


def texts(notebook_name: str) -> Texts:
    """Return the generated texts of a notebook (package data written by `course build`, or packaged ones).

    Raises
    ------
    ValueError
        If they are missing: the package was changed without building it.
    """
    found = _course_texts(notebook_name)
    if found is None:
        from course_utils.exercises import packaged

        found = packaged.texts_of(notebook_name)
    if found is None:
        raise ValueError(f"The texts of notebook {notebook_name} are missing: run `course build`.")
    return found


def parse_texts(data: dict[str, Any]) -> Texts:
    """Turn the JSON that `course build` writes into `Texts`."""
    exercises = {e["id"]: Text(**{**e, "names": tuple(e["names"])}) for e in data["exercises"]}
    return Texts(
        steps=tuple((role, text) for role, text in data["steps"]),
        exercises=exercises,
        cells=tuple(ReleaseCell(**cell) for cell in data["cells"]),
    )


@functools.cache
def _course_texts(notebook_name: str) -> Texts | None:
    source = importlib.resources.files("course_utils.exercises") / "texts" / f"{notebook_name}.json"
    return parse_texts(json.loads(source.read_text(encoding="utf-8"))) if source.is_file() else None
