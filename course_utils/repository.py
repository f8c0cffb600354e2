"""Where the course's notebooks lie, and which of them a name such as `01` means."""

import difflib
import re
from collections.abc import Sequence
from pathlib import Path

import course_utils


class RepositoryError(ValueError):
    """The course's notebooks were not found."""


class UnknownNotebookError(ValueError):
    """No notebook of the course has this name."""


def find_repository(start: Path | None = None) -> Path:
    """Return the root of the course's repository: the folder that holds ``notebooks/`` and ``course_utils/``.

    Looked for in `start` (default: the current folder), in the folders around it, and around the installed
    package (``pip install -e .``).

    Raises
    ------
    RepositoryError
        If there is none: the package alone, installed from an address, has no notebooks.
    """
    here = (start or Path.cwd()).resolve()
    package = Path(course_utils.__file__).resolve().parent.parent
    for folder in (here, *here.parents, package):
        if (folder / "notebooks").is_dir() and (folder / "course_utils").is_dir():
            return folder
    raise RepositoryError(
        f"The course's notebooks folder was found neither around {here} nor beside the installed package. "
        "Clone the course's repository and type the command inside it."
    )


def choose_notebooks(wanted: Sequence[str], folder: Path) -> list[Path]:
    """Return the notebooks of `folder` that `wanted` names, in the course's order; all if it is empty.

    Parameters
    ----------
    wanted : sequence of str
        Numbers (``"1"``, ``"01"``), names (``"01_manual_backprop"``), file names or paths.
    folder : Path
        Searched for files such as ``01_manual_backprop.ipynb``; its subfolders are not.

    Raises
    ------
    UnknownNotebookError
        If a name fits no notebook; the message lists those there are, the nearest first.
    RepositoryError
        If the folder holds no notebook at all.
    """
    there = sorted(path for path in folder.glob("*.ipynb") if re.match(r"\d\d_", path.name))
    if not there:
        raise RepositoryError(
            f"{folder} holds no notebooks. Get the course's files again (git checkout notebooks), "
            "or, after editing a solution, type: course build"
        )
    if not wanted:
        return there
    chosen = {_find(name, there) for name in wanted}
    return [path for path in there if path in chosen]


def _find(name: str, there: list[Path]) -> Path:
    stem = re.sub(r"\.(ipynb|py)$", "", name.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1])
    for path in there:
        number = path.stem[:2]
        if path.stem == stem or (stem.isdigit() and int(stem) == int(number)):
            return path
    stems = [path.stem for path in there]
    # Compared with and without the number: "backprop" should find "01_manual_backprop".
    plain = {stem[3:]: stem for stem in stems}
    near = [each for each in stems if len(stem) > 2 and stem.lower() in each.lower()]
    near += difflib.get_close_matches(stem, stems, cutoff=0.5)
    near += [plain[each] for each in difflib.get_close_matches(stem, plain, cutoff=0.5)]
    nearest = f" Did you mean {near[0]}?" if near else ""
    raise UnknownNotebookError(f"There is no notebook {name!r}.{nearest} There are: {', '.join(stems)}.")
