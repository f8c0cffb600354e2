"""Read a solution notebook's text: its cells, their roles, and the stub and solution of each exercise."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import Literal

Role = Literal["text", "setup", "exercise", "check", "experiment"]

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
_HEADER = re.compile(
    r"# Exercise (?P<id>\S+) "
    r"\((?P<points>[\d.]+) points?, (?P<minutes>\d+) minutes, difficulty (?P<difficulty>[1-5])\)"
)
_CHECK = re.compile(r"""check\(["']([^"']+)["']\)\s*$""")


class NotebookTextError(ValueError):
    """A solution notebook's text breaks a rule of its form."""


@dataclass(frozen=True)
class Cell:
    """One cell with its role; for exercises also what its first line says."""

    role: Role
    source: str
    exercise: str = ""
    points: float = 0
    minutes: int = 0
    difficulty: int = 0


def read_cell(cell_type: str, source: str, tags: list[str]) -> Cell:
    """Tell a cell's role: from its first line, from being a check, from the tag ``setup``; else experiment.

    Raises
    ------
    NotebookTextError
        If a first line looks like an exercise's and is not of its form.
    """
    if cell_type != "code":
        return Cell("text", source)
    first = source.partition("\n")[0]
    found = _HEADER.fullmatch(first.rstrip())
    if found:
        return Cell(
            "exercise",
            source,
            found["id"],
            float(found["points"]),
            int(found["minutes"]),
            int(found["difficulty"]),
        )
    if first.startswith("# Exercise"):
        raise NotebookTextError(
            f"The line {first!r} must have the form '# Exercise 1.2 (3 points, 15 minutes, difficulty 2)'."
        )
    check = _CHECK.fullmatch(source.strip())
    if check:
        return Cell("check", source, check[1])
    return Cell("setup" if "setup" in tags else "experiment", source)


def solution_of(source: str) -> str:
    """Return an exercise cell's text without the marker lines."""
    return "\n".join(line for line in source.split("\n") if line.strip() not in (BEGIN, END))


def stub_of(cell: Cell) -> str:
    """Return an exercise cell's text as students get it.

    Inside a function or class the answer becomes ``raise NotImplementedError``; at the top level each name
    that the answer assigns becomes ``name = ...``.

    Raises
    ------
    NotebookTextError
        If markers are missing or unbalanced, or an answer at the top level defines functions.
    """
    lines: list[str] = []
    answer: list[str] | None = None
    found = False
    for line in cell.source.split("\n"):
        if line.strip() == BEGIN:
            if answer is not None:
                raise NotebookTextError(f"Exercise {cell.exercise}: {BEGIN!r} stands inside an answer.")
            answer, found, indent = [], True, line[: len(line) - len(line.lstrip())]
        elif line.strip() == END:
            if answer is None:
                raise NotebookTextError(f"Exercise {cell.exercise}: {END!r} without {BEGIN!r}.")
            lines += _blank(cell, answer, indent)
            answer = None
        elif answer is None:
            lines.append(line)
        else:
            answer.append(line)
    if answer is not None or not found:
        raise NotebookTextError(f"Exercise {cell.exercise} needs {BEGIN!r} and {END!r} around its answer.")
    return "\n".join(lines)


def assigned_names(source: str) -> list[str]:
    """Return the names that a cell binds at its top level, in order, without doubles."""
    names: list[str] = []
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.append(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names += [alias.asname or alias.name.partition(".")[0] for alias in node.names]
        else:
            names += [
                n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
            ]
    return list(dict.fromkeys(names))


def _blank(cell: Cell, answer: list[str], indent: str) -> list[str]:
    if indent:
        return [f'{indent}raise NotImplementedError("Exercise {cell.exercise}")']
    tree = ast.parse("\n".join(answer))
    if any(isinstance(node, ast.FunctionDef | ast.ClassDef) for node in tree.body):
        raise NotebookTextError(
            f"Exercise {cell.exercise}: put the markers inside the function, so that its signature stays."
        )
    return [f"{name} = ..." for name in assigned_names("\n".join(answer))]
