"""What is graded: a notebook of the course, or an instructor's own folder."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path

from course_utils.exercises import catalogue
from course_utils.exercises.building import build_notebook
from course_utils.exercises.specification import Notebook


class AssignmentError(ValueError):
    """A folder is no assignment; says what it lacks."""


@dataclass(frozen=True)
class Assignment:
    """A notebook's exercises, and the texts made from its solution.

    Parameters
    ----------
    notebook : Notebook
        Exercises with their inputs, probes and mistakes.
    texts : Texts
        Solutions, and the cells as they were handed out.
    """

    notebook: Notebook
    texts: catalogue.Texts

    @property
    def possible(self) -> float:
        """The points that can be had."""
        return sum(text.points for text in self.texts.exercises.values())


def course_notebook(notebook_id: str) -> Assignment:
    """Return a notebook of the course, such as ``"01"``, as an assignment.

    Raises
    ------
    ValueError
        If there is none.
    """
    notebook = catalogue.notebook(notebook_id)
    return Assignment(notebook, catalogue.texts(notebook.name))


def own_assignment(folder: Path) -> Assignment:
    """Return an instructor's own assignment.

    Parameters
    ----------
    folder
        Holds ``exercises.py``, which defines ``NOTEBOOK`` (a `Notebook`), and the solution notebook
        ``NAME.py`` (py:percent), where NAME is the notebook's name. See ``examples/assignment``.

    Raises
    ------
    AssignmentError
        If something is missing or does not fit together.
    """
    module_file = folder / "exercises.py"
    if not module_file.is_file():
        raise AssignmentError(f"{folder} has no exercises.py: see examples/assignment for one.")
    name = f"_course_assignment_{abs(hash(str(folder.resolve())))}"
    specification = importlib.util.spec_from_file_location(name, module_file)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module  # `inspect` looks for the text of the probes there
    try:
        specification.loader.exec_module(module)
    except Exception as error:
        raise AssignmentError(f"{module_file} stops with {type(error).__name__}: {error}") from error
    notebook = getattr(module, "NOTEBOOK", None)
    if not isinstance(notebook, Notebook):
        raise AssignmentError(f"{module_file} must define NOTEBOOK, a course_utils Notebook.")
    source = folder / f"{notebook.name}.py"
    if not source.is_file():
        raise AssignmentError(f"{folder} has no {source.name}, the solution notebook of {notebook.name!r}.")
    try:
        built = build_notebook(notebook, source.read_text(encoding="utf-8"))
    except ValueError as error:
        raise AssignmentError(f"{source}: {error}") from error
    return Assignment(notebook, catalogue.parse_texts(built["texts"]))
