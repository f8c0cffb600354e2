"""What a folder or a zip of submissions holds, as a listing that is the same for both, and bounded.

A listing is a function from a folder (the names on the way to it) to the items in it. Names in an archive are
only ever names: they are split, never joined to a path of this machine.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

FILES_PER_FOLDER = 20_000
FILES_PER_STUDENT = 100_000
DEPTH = 12  # of folders below a student's own; a path of this depth still fits into PATH_MAX
NAMED = 100  # files in one sentence
STUDENTS = 8  # in one sentence

Parts = tuple[str, ...]


class SubmissionsError(ValueError):
    """Submissions or a roster cannot be used; the sentence says what to do."""


@dataclass(frozen=True)
class Item:
    """A file or folder of the submissions.

    Parameters
    ----------
    parts : tuple of str
        Names from the top of the submissions down to it.
    folder : bool
        Whether it is a folder.
    problem : str
        Why it cannot be read as a file ("is a link, ..."); empty for a plain file or folder.
    modified : float
        Seconds; only compared with others of the same submissions.
    member : str
        Its name in the archive, as the archive spells it.
    """

    parts: Parts
    folder: bool = False
    problem: str = ""
    modified: float = 0.0
    member: str = ""

    @property
    def name(self) -> str:
        return self.parts[-1]


Children = Callable[[Parts], list[Item]]


def walk(children: Children, top: Item) -> tuple[list[Item], list[str]]:
    """Return the files below a student's folder, nearest first, and sentences about what was not looked at.

    Hidden files and the ones of `is_ignored` are left out.
    """
    files: list[Item] = []
    notes: list[str] = []
    seen, too_deep = 0, False
    queue = deque([top])
    while queue:
        folder = queue.popleft()
        if len(folder.parts) - len(top.parts) >= DEPTH:
            too_deep = True
            continue
        try:
            inside = children(folder.parts)
        except OSError as error:
            notes.append(f"The folder {listed([folder])} cannot be read ({error.strerror or error}).")
            continue
        seen += len(inside)
        for item in inside:
            if is_ignored(item.name):
                continue
            (queue if item.folder else files).append(item)
            if item.folder and is_notebook(item.name):
                notes.append(f"{listed([item])} is a folder, no notebook.")
        if len(inside) > FILES_PER_FOLDER:
            notes.append(f"{listed([folder])} holds more than {FILES_PER_FOLDER} files: some were not read.")
        if seen > FILES_PER_STUDENT:
            notes.append(
                f"{shown(top.name)} holds more than {FILES_PER_STUDENT} files: the rest was not read."
            )
            break
    if too_deep:
        notes.append(
            f"{shown(top.name)} holds folders nested deeper than {DEPTH}: they were not looked into."
        )
    return files, notes


def is_ignored(name: str) -> bool:
    """Return whether a name is never a submission's: hidden files, checkpoints, macOS' resource forks."""
    return name.startswith(".") or name == "__MACOSX"


def is_notebook(name: str) -> bool:
    """Return whether a name is a notebook's (browsers append ``.txt`` or ``.json`` to some downloads)."""
    return re.search(r"\.ipynb(\.txt|\.json)?\Z", name, re.IGNORECASE) is not None


def shown(name: str) -> str:
    """Return a name as a sentence can bear it: with escapes if it holds anything that does not print."""
    return name if name.isprintable() else repr(name)


def counted(number: int, noun: str) -> str:
    """Return "1 file", "2 files"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def named(students: Sequence[str]) -> str:
    """Return some of the names as a sentence can bear them, and how many more there are."""
    rest = len(students) - STUDENTS
    return ", ".join(map(shown, students[:STUDENTS])) + (f" and {rest} more" if rest > 0 else "")


def listed(items: Sequence[Item]) -> str:
    """Return the paths of items as a sentence can bear them; of very many only the first are named."""
    paths = [shown("/".join(item.parts)) for item in items[:NAMED]]
    return ", ".join(paths) + (f" and {len(items) - NAMED} more" if len(items) > NAMED else "")


def within(data: bytes, limit: int, name: str) -> bytes:
    """Return the data, which is `limit` + 1 bytes long if there is more of it.

    Raises
    ------
    SubmissionsError
        If it is larger than `limit` bytes.
    """
    if len(data) > limit:
        raise SubmissionsError(f"{name} is larger than {limit} bytes, the most that is read of a notebook.")
    return data
