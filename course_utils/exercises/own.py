"""An instructor's own assignment: a folder with a solution notebook and a module of exercises."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

from course_utils.exercises import catalogue
from course_utils.exercises.building import build_notebook
from course_utils.exercises.specification import Notebook


class AssignmentError(ValueError):
    """A folder is no assignment; says what it lacks."""


def read_folder(folder: Path) -> tuple[Notebook, catalogue.Texts]:
    """Return the exercises of an assignment and the texts made from its solution; see `build_folder`."""
    notebook, built = build_folder(folder)
    return notebook, catalogue.parse_texts(built["texts"])


def build_folder(folder: Path) -> tuple[Notebook, dict[str, Any]]:
    """Return the exercises of an assignment and what its solution notebook is built into.

    Parameters
    ----------
    folder
        Holds ``exercises.py``, which defines ``NOTEBOOK`` (a `Notebook`), and the solution notebook
        ``NAME.py`` (py:percent), where NAME is the notebook's name. See ``examples/assignment``.

    Returns
    -------
    notebook : Notebook
        The exercises.
    built : dict
        As `course_utils.exercises.building.build_notebook` returns it.

    Raises
    ------
    AssignmentError
        If something is missing or does not fit together.
    """
    notebook = _exercises_of(folder)
    source = folder / f"{notebook.name}.py"
    if not source.is_file():
        raise AssignmentError(f"{folder} has no {source.name}, the solution notebook of {notebook.name!r}.")
    try:
        return notebook, build_notebook(notebook, source.read_text(encoding="utf-8"))
    except (ValueError, SyntaxError) as error:
        raise AssignmentError(f"{source}: {error}") from error


def _exercises_of(folder: Path) -> Notebook:
    module_file = folder / "exercises.py"
    if not module_file.is_file():
        raise AssignmentError(f"{folder} has no exercises.py: see examples/assignment for one.")
    name = f"_course_own_{abs(hash(str(folder.resolve())))}"
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
    return notebook
