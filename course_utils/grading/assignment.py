"""What is graded: a notebook of the course, or an instructor's own folder."""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path

from course_utils import __version__
from course_utils.exercises import catalogue
from course_utils.exercises.own import AssignmentError as AssignmentError
from course_utils.exercises.own import read_folder
from course_utils.exercises.soundness import check_answers
from course_utils.exercises.specification import Notebook


@dataclass(frozen=True)
class Assignment:
    """A notebook's exercises, and the texts made from its solution.

    Parameters
    ----------
    notebook : Notebook
        Exercises with their inputs, probes and mistakes.
    texts : Texts
        Solutions, and the cells as they were handed out.
    fingerprint : str
        Changes with the solution, the exercises' module and the course's version: marks that were given by
        another one may be others now.
    """

    notebook: Notebook
    texts: catalogue.Texts
    fingerprint: str

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
    texts = catalogue.texts(notebook.name)
    module = importlib.util.find_spec(f"course_utils.exercises.nb{notebook_id}")
    assert module is not None
    assert module.origin is not None
    return Assignment(notebook, texts, _fingerprint(texts, Path(module.origin)))


def own_assignment(folder: Path) -> Assignment:
    """Return an instructor's own assignment; see `course_utils.exercises.own.build_folder`.

    Raises
    ------
    AssignmentError
        If something is missing or does not fit together.
    """
    notebook, texts = read_folder(folder)
    check_answers(notebook, texts)
    return Assignment(notebook, texts, _fingerprint(texts, folder / "exercises.py"))


def _fingerprint(texts: catalogue.Texts, module: Path) -> str:
    told = repr((__version__, texts)).encode("utf-8", "surrogatepass") + module.read_bytes()
    return hashlib.sha256(told).hexdigest()[:16]
