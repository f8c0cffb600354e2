"""What is graded: a notebook of the course, or an instructor's own folder."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from course_utils import __version__
from course_utils.exercises import catalogue
from course_utils.exercises.own import AssignmentError as AssignmentError
from course_utils.exercises.own import read_folder
from course_utils.exercises.soundness import check_answers
from course_utils.exercises.specification import Notebook

_JUDGES = Path(catalogue.__file__).parent
_READ = {".py", ".json", ".csv", ".txt", ".npy", ".npz", ".toml", ".yaml"}


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
        Changes with the solution, the exercises and all that judges them: marks that were given by another
        one may be others now.
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
    return Assignment(notebook, texts, _fingerprint(texts, [_JUDGES / f"nb{notebook_id}.py"]))


def own_assignment(folder: Path) -> Assignment:
    """Return an instructor's own assignment; see `course_utils.exercises.own.build_folder`.

    Raises
    ------
    AssignmentError
        If something is missing or does not fit together.
    """
    notebook, texts = read_folder(folder)
    check_answers(notebook, texts)
    # what lies beside exercises.py may be read by it; of the notebook's own text only the cells matter
    own = [f for f in folder.iterdir() if f.is_file() and f.suffix in _READ and f.stem != notebook.name]
    return Assignment(notebook, texts, _fingerprint(texts, own))


def _fingerprint(texts: catalogue.Texts, own: Iterable[Path]) -> str:
    judges = [path for path in _JUDGES.glob("*.py") if not path.name.startswith("nb")]
    found = hashlib.sha256(repr((__version__, texts)).encode("utf-8", "surrogatepass"))
    for path in sorted([*judges, *own]):
        found.update(
            path.name.encode("utf-8", "surrogateescape") + hashlib.sha256(path.read_bytes()).digest()
        )
    return found.hexdigest()[:16]
