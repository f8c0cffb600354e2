"""`course start`: a student's own copies of the notebooks, in a folder that git does not track.

A copy is never written again: an update of the course cannot meet a student's work.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from course_utils.files import write_whole
from course_utils.repository import choose_notebooks, find_repository

DEFAULT_FOLDER = "work"


class CopyError(ValueError):
    """A copy could not be written, or what lies in its place is no notebook."""


def start(
    wanted: Sequence[str] = (),
    *,
    into: Path | None = None,
    fresh: bool = False,
    repository: Path | None = None,
) -> list[str]:
    """Copy student notebooks into the student's folder and say what was done.

    Parameters
    ----------
    wanted : sequence of str
        Numbers or names of notebooks; empty for all.
    into : Path, optional
        The folder of the copies; default ``work/`` in the repository, which git ignores.
    fresh : bool
        Make another copy beside the one there is, with a number: ``01_manual_backprop-2.ipynb``.
    repository : Path, optional
        The course's repository; default: the one around the current folder.

    Returns
    -------
    list of str
        One sentence for each notebook.

    Raises
    ------
    UnknownNotebookError, RepositoryError
        If there is no such notebook.
    CopyError
        If the folder or a copy cannot be written. Nothing is left half-written.
    """
    repository = repository or find_repository()
    folder = into if into is not None else repository / DEFAULT_FOLDER
    sources = choose_notebooks(wanted, repository / "notebooks")
    if folder.resolve() in (repository / "notebooks", repository / "notebooks" / "solutions"):
        raise CopyError(f"{folder} holds the course's own notebooks; copies need a folder of their own.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CopyError(
            f"The folder {folder} cannot be made ({error.strerror}). Choose one: --into FOLDER"
        ) from error
    return [_start_one(source, folder, fresh=fresh) for source in sources]


def _start_one(source: Path, folder: Path, *, fresh: bool) -> str:
    notebook = _read(source)
    version = _version(notebook)
    copy = folder / source.name
    if copy.exists() and not fresh:
        try:
            made_from = _read(copy).get("metadata", {}).get("course", {}).get("copied_from")
        except CopyError as error:  # one damaged copy must not keep a student from the others
            return str(error)
        if made_from not in (None, version):
            return (
                f"{copy}: kept as it is. A newer version of this notebook came out; "
                f"for a copy of it beside yours type: course start {source.stem[:2]} --fresh"
            )
        return f"{copy}: kept as it is, with your work in it"
    number = 1
    while copy.exists():
        number += 1
        copy = folder / f"{source.stem}-{number}.ipynb"
    metadata = notebook.setdefault("metadata", {})
    metadata.setdefault("course", {})["copied_from"] = version
    # With `formats`, jupytext would write a second file beside the copy and read back the newer of the two:
    # that silently loses answers.
    metadata.get("jupytext", {}).pop("formats", None)
    if metadata.get("jupytext") == {}:
        del metadata["jupytext"]
    _write(copy, notebook)
    return f"{copy}: new"


def _read(path: Path) -> dict[str, Any]:
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise CopyError(
            f"{path} cannot be read as a notebook ({error}). It was left as it is; "
            "move it away, or for another copy type: course start {path.stem[:2]} --fresh"
        ) from error
    if not isinstance(notebook, dict):
        raise CopyError(f"{path} is not a notebook. It was left as it is; move it away and try again.")
    return notebook


def _version(notebook: dict[str, Any]) -> str:
    """Return a hash of what the notebook says, not of its line ends, which git may change."""
    return hashlib.sha256(json.dumps(notebook, sort_keys=True).encode()).hexdigest()[:16]


def _write(path: Path, notebook: dict[str, Any]) -> None:
    try:
        write_whole(path, json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")
    except OSError as error:
        raise CopyError(
            f"{path} cannot be written ({error.strerror}). Choose another folder: --into FOLDER"
        ) from error
