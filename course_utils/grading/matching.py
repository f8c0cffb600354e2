"""Which of a student's cells answers which exercise, and which cells are his own additions.

The order is that of the notebook as it was handed out. A cell is found, in this order, by its first line
(``# Exercise 1.2 (...)``), by its id, by nbgrader's id, by the names it defines. Where two cells claim the
same exercise, the last one that is not blank counts, as it would if the notebook were run from top to bottom.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from course_utils.exercises.catalogue import ReleaseCell, Text
from course_utils.grading.reading import SubmittedCell

HEADER = re.compile(r"#\s*Exercise\s+(\S+)\s*\(")


@dataclass
class Step:
    """A cell to run: the course's own setup, an exercise's answer, or a cell that the student added.

    Parameters
    ----------
    role : str
        ``setup``, ``exercise`` or ``extra``.
    source : str
        What to run.
    exercise : str
        The id of the exercise that is tried after this step: its last one.
    blank : bool
        Whether the exercise's cell is as it was handed out: it is not run.
    """

    role: str
    source: str
    exercise: str = ""
    blank: bool = False


@dataclass
class Plan:
    """All steps in order, and what to tell the instructor: about everything, and about single exercises."""

    steps: list[Step] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)
    exercise_flags: dict[str, list[str]] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)


def match(release: Sequence[ReleaseCell], texts: dict[str, Text], cells: Sequence[SubmittedCell]) -> Plan:
    """Return what to run of a submission, in the order of the notebook that was handed out."""
    plan = Plan()
    places = _places(release, cells)
    answers: dict[str, list[int]] = {}
    for number, place in enumerate(places):
        if place is not None and release[place].role == "exercise":
            answers.setdefault(release[place].exercise, []).append(number)
    chosen = {id: _choose(plan, texts[id], numbers, cells) for id, numbers in answers.items()}
    _find_moved(plan, release, texts, cells, places, chosen)
    extras = _extras(release, cells, places)
    taken = set(chosen.values())
    run: set[int | None] = set()  # one cell may hold the answers of several exercises: it runs once
    for place, handed_out in enumerate(release):
        if handed_out.role == "setup":
            plan.steps.append(Step("setup", handed_out.source))
        elif handed_out.role == "exercise":
            own = chosen.get(handed_out.exercise)
            source = "" if own is None else cells[own].source
            if own is None:
                note = "Its cell is not in the notebook, nor another one that defines what it asks for."
                plan.exercise_flags.setdefault(handed_out.exercise, []).append(note)
            blank = own is not None and not _is_written(cells[own], texts[handed_out.exercise])
            plan.answers[handed_out.exercise] = "" if blank else source
            plan.steps.append(Step("exercise", "" if blank or own in run else source))
            run.add(own)
        plan.steps += [Step("extra", cells[n].source) for n in extras.get(place, []) if n not in taken]
        if handed_out.role == "exercise":
            plan.steps[-1].exercise, plan.steps[-1].blank = handed_out.exercise, blank
    plan.steps[:0] = [Step("extra", cells[n].source) for n in extras.get(-1, []) if n not in taken]
    return plan


def same_code(one: str, other: str) -> bool:
    """Whether two cells say the same, apart from white space at line ends and empty lines at both ends."""
    return _bare(one) == _bare(other)


def defined_names(source: str) -> set[str]:
    """Return the names that a cell binds at its top level; none if it does not parse."""
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set(re.findall(r"^(?:def|class)\s+(\w+)", source, flags=re.MULTILINE))
    names: set[str] = set()
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {n.id for target in targets for n in ast.walk(target) if isinstance(n, ast.Name)}
    return names


def _places(release: Sequence[ReleaseCell], cells: Sequence[SubmittedCell]) -> list[int | None]:
    """Return for each submitted cell the release cell that it is, or None for an addition."""
    by_exercise = {cell.exercise: n for n, cell in enumerate(release) if cell.role == "exercise"}
    by_id = {cell.id: n for n, cell in enumerate(release)}
    by_source = {_bare(cell.source): n for n, cell in enumerate(release) if cell.role != "exercise"}
    by_grade_id = {_grade_id(cell): n for n, cell in enumerate(release) if _grade_id(cell)}
    places: list[int | None] = []
    for cell in cells:
        header = HEADER.match(cell.source.lstrip())
        if header and header[1] in by_exercise:
            places.append(by_exercise[header[1]])
        elif _bare(cell.source) in by_source:
            places.append(by_source[_bare(cell.source)])
        elif cell.id in by_id:
            places.append(by_id[cell.id])
        else:
            places.append(by_grade_id.get(cell.grade_id))
    return places


def _choose(plan: Plan, text: Text, numbers: list[int], cells: Sequence[SubmittedCell]) -> int:
    """Return which of the cells that claim to be an exercise counts."""
    written = [n for n in numbers if _is_written(cells[n], text)]
    if len(written) > 1:
        note = f"{len(written)} cells claim to be this exercise; the last one counts."
        plan.exercise_flags.setdefault(text.id, []).append(note)
    return written[-1] if written else numbers[-1]


def _find_moved(
    plan: Plan,
    release: Sequence[ReleaseCell],
    texts: dict[str, Text],
    cells: Sequence[SubmittedCell],
    places: list[int | None],
    chosen: dict[str, int],
) -> None:
    """Look for answers that stand in other cells, where the exercise's cell has none.

    In cells of the student's own, in checks and experiments that he changed, and in cells that claim to be
    another exercise, which has a cell already.
    """
    taken = set(chosen.values())
    free = {
        n: defined_names(cells[n].source)
        for n, place in enumerate(places)
        if place is None
        or (
            release[place].role != "setup"
            and n not in taken
            and not same_code(cells[n].source, release[place].source)
        )
    }
    for handed_out in release:
        if handed_out.role != "exercise":
            continue
        text = texts[handed_out.exercise]
        number = chosen.get(text.id)
        if number is not None and _is_written(cells[number], text):
            continue
        found = [n for n, names in free.items() if names and set(text.names) & names]
        if found:
            chosen[text.id] = found[-1]
            note = "Its own cell is blank or gone; a cell that defines the same names was graded instead."
            plan.exercise_flags.setdefault(text.id, []).append(note)


def _extras(
    release: Sequence[ReleaseCell], cells: Sequence[SubmittedCell], places: list[int | None]
) -> dict[int, list[int]]:
    """Return the student's additions by the release cell that they stand behind (-1: before all).

    A setup cell that the student changed is run after ours, as an addition.
    """
    extras: dict[int, list[int]] = {}
    behind = -1
    for number, place in enumerate(places):
        if place is None:
            extras.setdefault(behind, []).append(number)
            continue
        behind = place
        changed = not same_code(cells[number].source, release[place].source)
        if release[place].role == "setup" and changed:
            extras.setdefault(place, []).append(number)
    return extras


def _is_written(cell: SubmittedCell, text: Text) -> bool:
    return bool(cell.source.strip()) and not same_code(cell.source, text.stub)


def _grade_id(cell: ReleaseCell) -> str:
    """Return nbgrader's id of an exercise's cell; see `course_utils.exercises.building`."""
    if cell.role != "exercise":
        return ""
    plain = re.sub(r"[^A-Za-z0-9]+", "-", cell.exercise)
    return plain if plain[0].isalpha() else f"ex{plain}"


def _bare(source: str) -> str:
    return "\n".join(line.rstrip() for line in source.strip().splitlines())
