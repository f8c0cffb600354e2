"""A case: how to make the submission, and what a right grader gives for it."""

from __future__ import annotations

import copy
import functools
import json
import zlib
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from course_utils.exercises.building import build_notebook
from course_utils.exercises.specification import Answer, Exercise
from course_utils.grading.assignment import Assignment, course_notebook, own_assignment
from course_utils.repository import find_repository

ROOT = find_repository(Path(__file__).parent)
EVERY = "all exercises"
Marks = Literal["full", "none", "either"]


@dataclass(frozen=True)
class Target:
    """An assignment that cases are made for.

    Parameters
    ----------
    assignment : Assignment
        What is graded.
    release : str
        The notebook as it is handed out, as JSON.
    first, middle, last : str
        Ids of three exercises that ask for a function: cases put their payloads there.
    """

    assignment: Assignment
    release: str
    first: str
    middle: str
    last: str

    @property
    def ids(self) -> list[str]:
        """The ids of all exercises in order."""
        return list(self.assignment.texts.exercises)

    @property
    def functions(self) -> list[str]:
        """The ids of the exercises that ask for a function."""
        return [e.id for e in self.assignment.notebook.exercises if not e.is_value]

    def name(self, exercise: str) -> str:
        """Return the first name that an exercise asks for."""
        return self.assignment.texts.exercises[exercise].names[0]

    def right(self, exercise: str) -> str:
        """Return the text of a right answer."""
        return self.assignment.texts.exercises[exercise].solution

    def wrong(self, exercise: str) -> str:
        """Return the text of a wrong answer that looks like one: its first typical mistake without credit."""
        specified = self.assignment.notebook.exercise(exercise)
        mistake = next(m for m in specified.mistakes if not m.credit)
        return changed(self.assignment, specified, mistake)


def changed(assignment: Assignment, exercise: Exercise, change: Answer) -> str:
    """Return the text of an answer that is changed as a mistake or a variant says, with its first line."""
    text = assignment.texts.exercises[exercise.id].solution
    header = text.splitlines()[0]
    if exercise.is_value:
        held: dict[str, Any] = {}
        exec(text, held)
        values = {name: change.values.get(name, held[name]) for name in exercise.names}
        lines = [f"{name} = {_written(value)}" for name, value in values.items()]
        return "\n".join([header, *lines])
    if change.code:
        return f"{header}\n{change.code}"
    for old, new in change.replace.items():
        text = text.replace(old, new)
    return text


def _written(value: Any) -> str:
    return f"torch.{value!r}" if type(value).__module__ == "torch" else repr(value)


@functools.cache
def target(name: str) -> Target:
    """Return notebook 01 of the course (``"01"``) or the worked example (``"example"``) as a target."""
    if name == "01":
        assignment = course_notebook("01")
        release = (ROOT / "notebooks" / f"{assignment.notebook.name}.ipynb").read_text(encoding="utf-8")
        return Target(assignment, release, "1.3", "1.11", "1.29")
    folder = ROOT / "examples" / "assignment"
    assignment = own_assignment(folder)
    source = (folder / f"{assignment.notebook.name}.py").read_text(encoding="utf-8")
    release = build_notebook(assignment.notebook, source)["student"]
    return Target(assignment, release, "ex1", "ex2", "ex3")


Make = Callable[[Target], "Draft | bytes | None"]


@dataclass(frozen=True)
class Case:
    """One submission.

    Parameters
    ----------
    name : str
        Of the case; the student is called so, unless `student` says otherwise.
    make : callable
        Makes the submission: a draft, the bytes of a file, or None for nothing handed in.
    full, either : exercises
        What must have all its points, and what may have any number of them; all others have none. `EVERY`,
        or a function of the target that gives ids.
    full_unboxed : exercises
        What must have all its points instead where the process confines itself, without a box: it can start
        no others, and its folder is on the disk. None: the same.
    why : str
        What a right grader does, and for marks in `either` why more than one is right.
    reason_serves : bool
        Whether a reported reason may stand for the marks.
    only : str
        The one target that the case is for; empty for all.
    files : mapping of str to str or Path
        Files beside the notebook by name, or links to make.
    """

    name: str
    make: Make
    why: str
    full: Any = ()
    either: Any = ()
    full_unboxed: Any = None
    reason_serves: bool = False
    only: str = ""
    student: str = ""
    filename: str = ""
    files: dict[str, str] = field(default_factory=dict)
    link: bool = False
    fast: bool = False

    def marks(self, aim: Target, *, boxed: bool) -> dict[str, Marks]:
        """Return what each exercise must have."""
        wanted = self.full if boxed or self.full_unboxed is None else self.full_unboxed
        full, either = _ids(aim, wanted), _ids(aim, self.either)
        return {id: "full" if id in full else "either" if id in either else "none" for id in aim.ids}


def _ids(aim: Target, wanted: Any) -> Collection[str]:
    if wanted == EVERY:
        return aim.ids
    return wanted(aim) if callable(wanted) else wanted


def but(*places: str) -> Callable[[Target], list[str]]:
    """Return a function that gives all exercises but those at these places (``"first"`` ...)."""
    return lambda aim: [id for id in aim.ids if id not in [getattr(aim, place) for place in places]]


def at(*places: str) -> Callable[[Target], list[str]]:
    """Return a function that gives the exercises at these places."""
    return lambda aim: [getattr(aim, place) for place in places]


def values(aim: Target) -> list[str]:
    """Return the exercises that ask for values."""
    return [id for id in aim.ids if id not in aim.functions]


CASES: list[Case] = []


def case(why: str, **more: Any) -> Callable[[Make], Make]:
    """Add a case that is called like the function."""

    def register(make: Make) -> Make:
        CASES.append(Case(name=make.__name__, make=make, why=why, **more))
        return make

    return register


class Draft:
    """A submission being written: the release's notebook, to be filled in and tampered with."""

    def __init__(self, aim: Target) -> None:
        self.aim = aim
        self.notebook: dict[str, Any] = json.loads(aim.release)
        for cell in self.cells:
            cell["source"] = "".join(cell["source"])

    @property
    def cells(self) -> list[dict[str, Any]]:
        """All cells, in order; may be changed."""
        return self.notebook["cells"]

    def cell(self, exercise: str) -> dict[str, Any]:
        """Return the cell of an exercise's answer."""
        return next(c for c in self.cells if _tags(c) == ["exercise"] and _exercise(c) == exercise)

    def checks(self) -> list[dict[str, Any]]:
        """Return all check cells."""
        return [c for c in self.cells if _tags(c)[:1] == ["check"]]

    def setup(self) -> dict[str, Any]:
        """Return the first setup cell."""
        return next(c for c in self.cells if _tags(c) == ["setup"])

    def fill(self, right: Any = EVERY) -> Draft:
        """Write right answers to these exercises, and wrong ones to the others."""
        ids = _ids(self.aim, right)
        for id in self.aim.ids:
            self.cell(id)["source"] = self.aim.right(id) if id in ids else self.aim.wrong(id)
        return self

    def put(self, exercise: str, source: str) -> Draft:
        """Put an answer below the first line of an exercise's cell."""
        header = self.aim.right(exercise).splitlines()[0]
        self.cell(exercise)["source"] = f"{header}\n{source}"
        return self

    def append(self, exercise: str, source: str) -> Draft:
        """Add code to the end of an exercise's cell."""
        self.cell(exercise)["source"] += f"\n{source}"
        return self

    def prepend(self, exercise: str, source: str) -> Draft:
        """Add code below the first line of an exercise's cell."""
        header, _, rest = self.cell(exercise)["source"].partition("\n")
        self.cell(exercise)["source"] = f"{header}\n{source}\n{rest}"
        return self

    def insert(self, source: str, *, before: str = "", after: str = "", kind: str = "code") -> Draft:
        """Insert a cell of the student's own before or after an exercise's cell."""
        place = self.cells.index(self.cell(before or after)) + bool(after)
        self.cells.insert(place, new_cell(source, kind))
        return self

    def bytes(self) -> bytes:
        """Return the file."""
        return json.dumps(self.notebook, indent=1).encode()

    def copy(self) -> dict[str, Any]:
        """Return the notebook as it is now, to be changed further."""
        return copy.deepcopy(self.notebook)


def new_cell(source: str, kind: str = "code") -> dict[str, Any]:
    """Return a cell as nbformat 4.5 has it."""
    number = zlib.crc32(source.encode("utf-8", "surrogatepass"))
    more = {"outputs": [], "execution_count": None} if kind == "code" else {}
    return {"cell_type": kind, "id": f"own-{number:x}", "metadata": {}, "source": source, **more}


def _tags(cell: dict[str, Any]) -> list[str]:
    return cell["metadata"].get("tags", [])


def _exercise(cell: dict[str, Any]) -> str:
    return cell["metadata"].get("course", {}).get("exercise", "")
