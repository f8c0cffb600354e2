"""Make a student's notebook, its text twin and the texts for checks from a solution notebook's text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import jupytext
import nbformat

from course_utils.exercises.cells import (
    Cell,
    NotebookTextError,
    assigned_names,
    read_cell,
    solution_of,
    stub_of,
)
from course_utils.exercises.specification import Notebook

KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
# No version of jupytext is written down: another one must not look like a change.
_REPRESENTATION = {"text_representation": {"extension": ".py", "format_name": "percent"}}


def build_notebook(notebook: Notebook, text: str) -> dict[str, Any]:
    """Build one notebook from its solution's text (py:percent).

    Returns
    -------
    dict
        ``solution``, ``student`` (notebook JSON), ``student_text`` (py:percent) and ``texts`` (for checks).
    """
    source = jupytext.reads(text, fmt="py:percent")
    cells = [read_cell(c.cell_type, c.source, c.metadata.get("tags", [])) for c in source.cells]
    titles = _titles(cells)
    _check_order(notebook, cells)
    ids = _cell_ids(cells)
    solution, student = [], []
    for cell, cell_id in zip(cells, ids, strict=True):
        metadata = _metadata(notebook, cell)
        solution.append(_nbformat_cell(cell, cell_id, cell.source, metadata))
        shown = stub_of(cell) if cell.role == "exercise" else cell.source
        student.append(_nbformat_cell(cell, cell_id, shown, metadata))
    pairing = {"formats": "ipynb,py:percent", **_REPRESENTATION}
    plain = nbformat.v4.new_notebook(
        cells=student, metadata={"kernelspec": KERNEL, "jupytext": _REPRESENTATION}
    )
    return {
        "solution": _json(solution, {"kernelspec": KERNEL, "jupytext": pairing}),
        "student": _json(student, {"kernelspec": KERNEL}),
        "student_text": _percent(plain),
        "texts": {**_texts(notebook, cells, titles), "cells": _release_cells(cells, ids)},
    }


def _texts(notebook: Notebook, cells: list[Cell], titles: dict[str, str]) -> dict[str, Any]:
    steps: list[tuple[str, str]] = []
    exercises = []
    for cell in cells:
        if cell.role == "setup":
            steps.append(("setup", cell.source))
        elif cell.role == "exercise":
            steps.append(("exercise", cell.exercise))
            exercises.append(
                {
                    "id": cell.exercise,
                    "title": titles[cell.exercise],
                    "points": cell.points,
                    "minutes": cell.minutes,
                    "difficulty": cell.difficulty,
                    "names": list(notebook.exercise(cell.exercise).names),
                    "stub": stub_of(cell),
                    "solution": solution_of(cell.source),
                }
            )
    return {"notebook": notebook.name, "steps": steps, "exercises": exercises}


def _release_cells(cells: list[Cell], ids: list[str]) -> list[dict[str, str]]:
    """Return the code cells as students get them: grading finds a submission's cells by comparing them."""
    return [
        {
            "id": cell_id,
            "role": cell.role,
            "exercise": cell.exercise,
            "source": stub_of(cell) if cell.role == "exercise" else cell.source,
        }
        for cell, cell_id in zip(cells, ids, strict=True)
        if cell.role != "text"
    ]


def _check_order(notebook: Notebook, cells: list[Cell]) -> None:
    """Hold a notebook to the rules that checks and grading rely on."""
    written = [cell.exercise for cell in cells if cell.role == "exercise"]
    specified = [exercise.id for exercise in notebook.exercises]
    if written != specified:
        raise NotebookTextError(
            f"it has the exercises {', '.join(written)}, but NOTEBOOK specifies {', '.join(specified)}: the "
            "same ids must stand in the same order."
        )
    checked = [cell.exercise for cell in cells if cell.role == "check"]
    if checked != written:
        raise NotebookTextError(f"its check cells are {', '.join(checked)}: one must follow each exercise.")
    owners: dict[str, str] = {}
    for cell in cells:
        if cell.role not in ("setup", "exercise"):
            continue
        names = assigned_names(cell.source)
        if cell.role == "exercise":
            missing = set(notebook.exercise(cell.exercise).names) - set(names)
            if missing:
                raise NotebookTextError(
                    f"exercise {cell.exercise} does not define {', '.join(sorted(missing))}."
                )
        for name in names:
            owner = cell.exercise or "a setup cell"
            if owners.setdefault(name, owner) != owner:
                raise NotebookTextError(f"the name {name} is defined by {owners[name]} and again by {owner}.")


def _titles(cells: list[Cell]) -> dict[str, str]:
    """Find each exercise's title in the headings: ``### Exercise 1.2: forward pass``."""
    headings = "\n".join(cell.source for cell in cells if cell.role == "text")
    found = dict(re.findall(r"^#+ Exercise (\S+): (.+)$", headings, flags=re.MULTILINE))
    for cell in cells:
        if cell.role == "exercise" and cell.exercise not in found:
            raise NotebookTextError(f"the heading '### Exercise {cell.exercise}: title' is missing.")
    return {key: title.strip() for key, title in found.items()}


def _cell_ids(cells: Iterable[Cell]) -> list[str]:
    """Give each cell an id that stays when other sections change: its exercise, or its section and place."""
    ids: list[str] = []
    section, counts = "start", {"": 0}
    for cell in cells:
        heading = re.match(r"#+ (.+)", cell.source) if cell.role == "text" else None
        if heading:
            section = re.sub(r"[^a-z0-9]+", "-", heading[1].lower()).strip("-")[:40] or "section"
        if cell.role in ("exercise", "check"):
            base = f"{cell.role}-{cell.exercise.replace('.', '-')}"
        else:
            base = f"{section}-{cell.role}"
        counts[base] = counts.get(base, 0) + 1
        ids.append(base if counts[base] == 1 else f"{base}-{counts[base]}")
    return ids


def _metadata(notebook: Notebook, cell: Cell) -> dict[str, Any]:
    if cell.role == "text":
        return {}
    metadata: dict[str, Any] = {"tags": [cell.role]}
    if cell.role in ("exercise", "check"):
        grade_id = re.sub(r"[^A-Za-z0-9]+", "-", cell.exercise)
        grade_id = grade_id if grade_id[0].isalpha() else f"ex{grade_id}"
        exercise = notebook.exercise(cell.exercise)
        metadata["course"] = {"exercise": cell.exercise, "names": list(exercise.names)}
        metadata["nbgrader"] = {
            "schema_version": 3,
            "cell_type": "code",
            "grade": cell.role == "check",
            "grade_id": grade_id if cell.role == "exercise" else f"{grade_id}_check",
            "locked": cell.role == "check",
            "solution": cell.role == "exercise",
            "task": False,
        }
    if cell.role == "exercise":
        metadata["course"] |= {
            "points": cell.points,
            "minutes": cell.minutes,
            "difficulty": cell.difficulty,
        }
    return metadata


def _nbformat_cell(cell: Cell, cell_id: str, source: str, metadata: dict[str, Any]) -> Any:
    if cell.role == "text":
        return nbformat.v4.new_markdown_cell(source, id=cell_id)
    return nbformat.v4.new_code_cell(source, id=cell_id, metadata=metadata)


def _json(cells: list[Any], metadata: dict[str, Any]) -> str:
    _add_points(cells)
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=metadata)
    nbformat.validate(notebook)
    return str(nbformat.writes(notebook)) + "\n"


def _add_points(cells: list[Any]) -> None:
    """Put each exercise's points on its check cell, where nbgrader looks for them."""
    points = {
        cell.metadata["course"]["exercise"]: cell.metadata["course"]["points"]
        for cell in cells
        if cell.metadata.get("nbgrader", {}).get("solution")
    }
    for cell in cells:
        if cell.metadata.get("nbgrader", {}).get("grade"):
            cell.metadata["nbgrader"]["points"] = points[cell.metadata["course"]["exercise"]]


def _percent(notebook: Any) -> str:
    notebook = nbformat.from_dict(notebook)
    for cell in notebook.cells:
        cell.metadata = {"tags": ["setup"]} if cell.metadata.get("tags") == ["setup"] else {}
    text: str = jupytext.writes(notebook, fmt="py:percent")
    return re.sub(r"^#\s+(jupytext_version|format_version): .*\n", "", text, flags=re.MULTILINE)
