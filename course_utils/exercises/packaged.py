"""Checks without the answers, from a file beside the notebook: for assignments with private solutions.

The file (``NAME.checks.json``, written by `course_utils.exercises.packaging`) is plain data and holds what
the reference returns for a few public inputs instead of the reference. Reading it runs nothing of it; a
check runs the probe that stands in it, as the notebook beside it runs: trust the two alike.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course_utils.exercises import checks_file
from course_utils.exercises.catalogue import Text, Texts
from course_utils.exercises.checks_file import ChecksFileError
from course_utils.exercises.observe import Failure, Observation
from course_utils.exercises.own import read_folder
from course_utils.exercises.references import References
from course_utils.exercises.specification import (
    Answer,
    Exercise,
    Mistake,
    Notebook,
    call,
    call_without_autograd,
)

ENDING = ".checks.json"
_PROBES = {"call": call, "call_without_autograd": call_without_autograd}


class Expected(References):
    """References that are known only by what they returned: nothing can be bound to them or read in them."""

    def __init__(self, notebook: Notebook, texts: Texts, data: dict[str, Any]) -> None:
        super().__init__(notebook, texts)
        self._data = {entry["id"]: entry for entry in data["exercises"]}

    def answer(self, exercise: Exercise) -> dict[str, Any]:
        """Return something of the right kind for each name: it cannot be used."""
        kinds: dict[str, str] = self._data[exercise.id]["kinds"]
        return {name: _STAND_INS[kind] for name, kind in kinds.items()}

    def earlier(self, exercise: Exercise) -> dict[str, Any]:  # noqa: ARG002
        """Return nothing: a student's later answers stand on his own earlier ones."""
        return {}

    def inputs(self, exercise: Exercise, seed: int) -> str:
        """Return the encoded inputs of a public seed."""
        if exercise.is_value:
            return super().inputs(exercise, seed)
        text: str = self._try(exercise, seed)["inputs"]
        return text

    def observe(self, exercise: Exercise, seed: int, change: Answer | None = None) -> Observation:
        """Return what the probe saw of the reference, or of a typical mistake, when the file was made."""
        tried = self._try(exercise, seed)
        if change is None:
            return _observation(tried["expected"], tried["inputs"])
        number = next(n for n, mistake in enumerate(exercise.mistakes) if mistake is change)
        return _observation(tried["mistakes"][number], tried["inputs"])

    def _try(self, exercise: Exercise, seed: int) -> dict[str, Any]:
        found: dict[str, Any] = next(t for t in self._data[exercise.id]["tries"] if t["seed"] == seed)
        return found


@dataclass(frozen=True)
class Packaged:
    """A notebook with its checks, from outside the course.

    Parameters
    ----------
    notebook, texts : Notebook, Texts
        As the course's own have them; without solutions if they come from a file.
    references : References
        What answers are compared with.
    """

    notebook: Notebook
    texts: Texts
    references: References


def find(exercise_id: str) -> tuple[Notebook, Exercise] | None:
    """Return the notebook and exercise of an id from the checks that lie here, or None.

    Looked at are: what the environment variable ``COURSE_CHECKS`` names (a file, or for instructors the
    folder of an assignment with its solution), else the files in the notebook's and the current folder.

    Raises
    ------
    ChecksFileError
        If a file that may hold it is damaged, or two hold it.
    """
    everything, problems = _here()
    found = [(p.notebook, e) for p in everything for e in p.notebook.exercises if e.id == exercise_id]
    _only([notebook for notebook, _ in found], problems, f"exercise {exercise_id}")
    return found[0] if found else None


def find_notebook(notebook_id: str | None) -> Notebook | None:
    """Return the notebook of an id from the checks that lie here (None: the only one there is), or None.

    Raises
    ------
    ChecksFileError
        As `find`.
    """
    everything, problems = _here()
    found = [p.notebook for p in everything if notebook_id in (None, p.notebook.id)]
    if notebook_id is None:
        return found[0] if len(found) == 1 else None
    _only(found, problems, f"notebook {notebook_id}")
    return found[0] if found else None


def of(notebook: Notebook) -> Packaged | None:
    """Return the checks that a notebook came with, or None if it is one of the course's own."""
    return next((p for p in _read_before.values() if p.notebook is notebook), None)


def texts_of(notebook_name: str) -> Texts | None:
    """Return the texts of a notebook that was read here, or None."""
    named = [p.texts for p in _read_before.values() if p.notebook.name == notebook_name]
    return named[-1] if named else None


def is_unjudged(notebook: Notebook, exercise: Exercise) -> bool:
    """Whether an answer can only be noted: a value, which its right value would give away."""
    package = of(notebook)
    return exercise.is_value and package is not None and isinstance(package.references, Expected)


def read(path: Path) -> Packaged:
    """Read a checks file, or the folder of an assignment.

    Raises
    ------
    ValueError
        If it is not what it should be.
    """
    if path.is_dir():
        notebook, texts = read_folder(path)
        return Packaged(notebook, texts, References(notebook, texts))
    data = checks_file.read(path)
    about = data["notebook"]
    notebook = Notebook(
        id=about["id"],
        name=about["name"],
        title=about["title"],
        data=tuple(about["data"]),
        minutes=about["minutes"],
        exercises=tuple(_exercise(entry) for entry in data["exercises"]),
    )
    texts = Texts(steps=(), exercises={entry["id"]: _text(entry) for entry in data["exercises"]})
    return Packaged(notebook, texts, Expected(notebook, texts, data))


# What was read in this session, by file, time of change and size.
_read_before: dict[tuple[str, int, int], Packaged] = {}


def _here() -> tuple[list[Packaged], list[ValueError]]:
    """Read all checks that lie here; return them, and what is wrong with the others."""
    found: list[Packaged] = []
    problems: list[ValueError] = []
    for path in _paths():
        try:
            status = path.stat()
            key = (os.fspath(path.resolve()), status.st_mtime_ns, status.st_size)
            if key not in _read_before:
                _read_before[key] = read(path)
            found.append(_read_before[key])
        except ValueError as error:
            problems.append(error)
        except OSError as error:
            problems.append(ChecksFileError(f"{path} cannot be read: {error.strerror}."))
    return found, problems


def _paths() -> list[Path]:
    named = os.environ.get("COURSE_CHECKS")
    if named:
        return [Path(named)]
    opened = Path(os.environ.get("JPY_SESSION_NAME", ""))  # Jupyter's name of the notebook
    folders = {folder.resolve(): None for folder in (opened.parent, Path.cwd()) if folder.is_dir()}
    paths = [path for folder in folders for path in sorted(folder.glob(f"*{ENDING}"))]
    own = [path for path in paths if opened.stem.startswith(path.name.removesuffix(ENDING))]
    return own or paths


def _only(found: list[Notebook], problems: list[ValueError], what: str) -> None:
    if len(found) > 1:
        names = " and ".join(f"{notebook.name}{ENDING}" for notebook in found)
        raise ChecksFileError(
            f"{names} both hold {what}: keep one of them beside the notebook, or name it in COURSE_CHECKS."
        )
    if not found and problems:
        raise problems[0]


def _exercise(entry: dict[str, Any]) -> Exercise:
    return Exercise(
        id=entry["id"],
        names=tuple(entry["kinds"]),
        inputs=None if entry["value"] else _no_draw,
        probe=call if entry["value"] else _probe(entry["probe"]),
        parts=tuple(entry["parts"]),
        rtol=entry["rtol"],
        atol=entry["atol"],
        limit_seconds=entry["limit_seconds"],
        mistakes=tuple(Mistake(m["message"], credit=m["credit"]) for m in entry["mistakes"]),
        hints=tuple(entry["hints"]),
    )


def _text(entry: dict[str, Any]) -> Text:
    same = ("id", "title", "points", "minutes", "difficulty", "stub")
    return Text(names=tuple(entry["kinds"]), solution="", **{name: entry[name] for name in same})


def _probe(source: str) -> Any:
    if source in _PROBES:
        return _PROBES[source]
    scope: dict[str, Any] = {"__name__": "course_probe"}
    # one function, as `checks_file` made sure: this defines it and runs nothing
    exec(compile(source, "<probe>", "exec"), scope)
    return scope[checks_file.function_name(source)]


def _observation(seen: dict[str, Any], inputs: str) -> Observation:
    if "failure" in seen:
        return Observation(None, None, Failure(*seen["failure"]))
    return Observation(seen["returned"], seen.get("inputs_after", inputs))


def _no_draw(generator: Any) -> Any:
    raise AssertionError(f"inputs are read from a file, never drawn ({generator})")


def _not_here(*_: Any, **__: Any) -> Any:
    raise ValueError("This answer is not part of what was handed out.")


class _NotHere:
    __init__ = _not_here


_STAND_INS: dict[str, Any] = {"function": _not_here, "class": _NotHere, "value": None}
