"""Find the submissions in a folder or zip: who handed in which file.

Accepted: one notebook, a folder per student, a flat folder of notebooks (the student is what the file's name
holds beside the notebook's), nbgrader's ``submitted/STUDENT/ASSIGNMENT/NOTEBOOK``, the downloads of Moodle
and Canvas (naming: `course_utils.grading.layouts`), and a zip of any of these. Names are kept exactly as
found, and students whose names differ in case or normal form only are kept apart. Links are never followed,
archives inside are never opened, and nothing is written.
"""

from __future__ import annotations

import dataclasses
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from course_utils.grading.archives import in_zip, read_member
from course_utils.grading.candidates import choose, gather
from course_utils.grading.contents import (
    FILES_PER_FOLDER,
    Children,
    Item,
    is_ignored,
    is_notebook,
    listed,
    shown,
)
from course_utils.grading.contents import SubmissionsError as SubmissionsError
from course_utils.grading.folders import in_folder, read_file
from course_utils.grading.identities import Identity
from course_utils.grading.layouts import Platform, find_base, read_download, siblings, student_in
from course_utils.grading.roster import compare, read_roster


@dataclass(frozen=True)
class Submission:
    """One student's notebook file.

    Parameters
    ----------
    student : str
        As the instructor knows him: the name of his folder, or the one in the file's name.
    source : Path
        The file, or the zip that holds it.
    member : str
        Its name inside the zip; empty for a file.
    remarks : tuple of str
        For the instructor: what the download's name says about time and attempt, and what was not taken.
    """

    student: str
    source: Path
    member: str = ""
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Found:
    """What a folder or zip of submissions holds.

    Parameters
    ----------
    layout : str
        What it was recognised as, in words.
    submissions : tuple of Submission
        One per student, sorted by student.
    missing : tuple of str
        Students whose folder is empty, and those of the roster who handed in nothing; sorted.
    notes : tuple of str
        Sentences: what was taken by which rule, what was left out and why.
    on_roster : int or None
        How many students of the roster were found, if there is a roster.
    identities : dict of str to Identity
        What the download and the roster tell of each student.
    called : dict of str to str
        Name of the roster -> student found, where they are spelled differently.
    unusable : dict of str to str
        Student -> sentence about what was handed in instead of the notebook.
    """

    layout: str
    submissions: tuple[Submission, ...]
    missing: tuple[str, ...]
    notes: tuple[str, ...]
    on_roster: int | None = None
    identities: dict[str, Identity] = field(default_factory=dict)
    called: dict[str, str] = field(default_factory=dict)
    unusable: dict[str, str] = field(default_factory=dict)


def find(path: Path, *, notebook_name: str, roster: Path | None = None) -> Found:
    """Find out who handed in which file.

    Parameters
    ----------
    path : Path
        Folder, zip, or one notebook.
    notebook_name : str
        Name of the notebook that is graded, as ``01_manual_backprop.ipynb``.
    roster : Path, optional
        CSV, or one name per line; nobody is left out because he is not in it.

    Raises
    ------
    SubmissionsError
        If `path` is none of these or holds no notebook that could be the one, or the roster has no names.
    """
    if not is_notebook(notebook_name):
        notebook_name += ".ipynb"
    expected = None if roster is None else read_roster(roster)
    told = shown(str(path))
    alone = path.is_file() and is_notebook(path.name)
    if alone:
        path, children = _one_file(path, notebook_name)
        notes: list[str] = []
    else:
        children, notes = _open(path)
    name = path.resolve().stem if path.is_file() else path.resolve().name
    try:
        base = find_base(children, name, notebook_name)
        units = children(base)
        notes += siblings(children, base)
    except OSError as error:
        raise SubmissionsError(f"{told} cannot be read ({error.strerror or error}).") from None
    if len(units) > FILES_PER_FOLDER:
        raise SubmissionsError(
            f"{told} holds more than {FILES_PER_FOLDER} entries: give the folder of one assignment."
        )
    if all(is_ignored(unit.name) for unit in units):
        raise SubmissionsError(f"{told} is empty: a folder per student or their notebooks were expected.")

    gathered = gather(children, units, folder_name=name, notebook_name=notebook_name)
    chosen, choices = choose(gathered, notebook_name)
    notes += [*gathered.notes, *choices]
    submissions = []
    for student, candidate in chosen.items():
        if candidate is not None:
            member = candidate.item.member
            source = path if member else path.joinpath(*candidate.item.parts)
            remarks = tuple(filter(None, (candidate.late, candidate.remark)))
            submissions.append(Submission(student, source, member, remarks))
    if not submissions:
        raise SubmissionsError(
            f"{told} holds no notebook that could be {notebook_name}: give the folder or zip of the "
            f"submissions, and the number of their notebook. {' '.join(notes[:3])}".rstrip()
        )
    if alone:
        notes.append(f"Its student is {shown(submissions[0].student)}.")
    without = {student: gathered.students[student] for student, found in chosen.items() if found is None}
    unusable = {
        student: f"{notebook_name} is not among what was handed in: {listed(items)}."
        for student, files in without.items()
        if (items := [*(c.item for c in files.candidates), *files.others])
    }
    missing = [student for student in without if student not in unusable]
    notes += _alike(list(chosen))
    on_roster, called = None, dict[str, str]()
    identities = {s: _identity(gathered.platform, files.number) for s, files in gathered.students.items()}
    if expected is not None:
        known_by = {student: student_files.known_by for student, student_files in gathered.students.items()}
        attendance = compare(expected, known_by, squashed=gathered.platform == "Canvas")
        for student, identity in attendance.identities.items():
            identities[student] = identities.get(student, Identity()).completed_by(identity)
        called = attendance.called
        names = _names_of(attendance.missing, identities, chosen)
        identities |= {names[name]: identities.pop(name) for name in names if name in identities}
        missing += names.values()
        notes += attendance.notes
        on_roster = attendance.found
    deepest = max(len(c.item.parts) - len(base) for c in chosen.values() if c is not None)
    layout = _layout(gathered.platform, units, in_submitted=(name, *base)[-1] == "submitted", deepest=deepest)
    return Found(
        "one notebook" if alone else layout + ("" if path.is_dir() else ", in a zip"),
        tuple(submissions),
        tuple(sorted(missing)),
        tuple(notes),
        on_roster,
        identities,
        called,
        unusable,
    )


def read_bytes(submission: Submission, *, limit: int) -> bytes:
    """Return the bytes of a submission; at most `limit` + 1 of them are ever read.

    Raises
    ------
    SubmissionsError
        If the file is larger than `limit`, a link, no plain file, encrypted, damaged or unreadable.
    """
    if submission.member:
        return read_member(submission.source, submission.member, limit=limit)
    return read_file(submission.source, limit=limit)


def _one_file(path: Path, notebook_name: str) -> tuple[Path, Children]:
    """Return the folder above one notebook and a listing with this file only.

    Where the file's name tells no student, its folder does: the one above that is returned.
    """
    path = path.absolute()
    file = Item((path.name,), modified=path.lstat().st_mtime)
    if student_in(path.name, notebook_name) or read_download(path.name, notebook_name):
        return path.parent, lambda _: [file]
    inner = (path.parent.name, path.name)
    folder, file = Item(inner[:1], folder=True), dataclasses.replace(file, parts=inner)
    return path.parent.parent, lambda parts: [file] if parts else [folder]


def _open(path: Path) -> tuple[Children, list[str]]:
    """Return the listing of a folder or zip, and sentences about members of the zip that were left out."""
    if path.is_dir():
        return in_folder(path), []
    if path.is_file():
        return in_zip(path)
    if path.exists():
        raise SubmissionsError(
            f"{shown(str(path))} is neither a notebook nor a folder or zip of submissions."
        )
    raise SubmissionsError(f"There is no {shown(str(path))}: give the folder or zip of the submissions.")


def _names_of(
    missing: Sequence[str], identities: Mapping[str, Identity], taken: Collection[str]
) -> dict[str, str]:
    """Return how those are called who are in the roster only: a number is no name where it holds names."""
    numbers = [name for name in missing if re.fullmatch(r"(\w+ )?\d+", name)]
    told = {name: identities.get(name, Identity()).name or name for name in numbers}
    times = Counter(told.values())
    free = {name: called for name, called in told.items() if times[called] == 1 and called not in taken}
    return {name: free.get(name, name) for name in missing if name in free or name not in taken}


def _identity(platform: Platform | None, number: str) -> Identity:
    if platform == "Canvas":
        return Identity(canvas_id=number)
    return Identity(participant=number) if platform == "Moodle" else Identity()


def _alike(students: list[str]) -> list[str]:
    same: dict[str, list[str]] = {}
    for student in sorted(students):
        folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", student).casefold())
        same.setdefault(folded, []).append(student)
    return [
        f"{' and '.join(ascii(name) for name in names)} differ only in capitals or in how accents are "
        "encoded: graded apart."
        for names in same.values()
        if len(names) > 1
    ]


def _layout(platform: Platform | None, units: list[Item], *, in_submitted: bool, deepest: int) -> str:
    units = [unit for unit in units if not is_ignored(unit.name)]
    folders = any(unit.folder for unit in units)
    if platform:
        return f"{platform}'s download, " + ("a folder per student" if folders else "all files in one folder")
    if not folders:
        return "a flat folder of notebooks"
    if in_submitted and deepest > 2:
        return "nbgrader's folder submitted"
    loose = any(is_notebook(unit.name) and not unit.folder for unit in units)
    return "a folder per student" + (" and loose notebooks" if loose else "")
