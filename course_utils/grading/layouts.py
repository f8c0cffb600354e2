"""What the names in a folder of submissions say: whose they are, which attempt, which notebook.

Where the names of the two learning platforms come from (read in their published sources):

- Moodle, ``mod/assign/classes/downloader.php`` (earlier ``locallib.php``): with "Download submissions in
  folders" each student has a folder ``Full Name_12345_assignsubmission_file``, in earlier versions with an
  underscore at the end, where 12345 is the number of the participant and every underscore of the name has
  become a space; without it all files lie in one folder as
  ``Full Name_12345_assignsubmission_file_notebook.ipynb``. The default group has no number.
- Canvas, ``lib/content_zipper.rb``: ``lastnamefirstname_LATE_12345_67890_notebook.ipynb``: the name in small
  letters with nothing but letters, digits and underscores, ``LATE`` only if it was, the student's id, the
  file's id and its name. Anonymous: ``anon_AbC12_67890_notebook.ipynb``. A file handed in again under the
  same name gets ``-1``, ``-2``, ... (``make_unique_filename`` in ``app/models/attachment.rb``).

The name of the file comes last and is the student's choice, so the leftmost reading is always the platform's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from course_utils.grading.contents import Children, Item, Parts, is_ignored, is_notebook, listed, shown

NBGRADER_FOLDERS = {"source", "release", "submitted", "autograded", "feedback", "downloaded", "exchange"}

EXACT, SAME, CONTAINED, RELATED, UNRELATED, ANOTHER = range(6)  # how near a file's name is to the notebook's

Platform = Literal["Moodle", "Canvas"]

_MOODLE = re.compile(
    r"(?P<name>.+?)(?:_(?P<number>\d+))?_assignsubmission_(?P<plugin>[a-z]+)(?:_(?P<file>.*))?", re.DOTALL
)
_CANVAS_ANONYMOUS = re.compile(
    r"(?:(?P<late>LATE)_)?(?P<name>anon_[0-9A-Za-z]+)_(?P<upload>\d+)_(?P<file>.+)", re.DOTALL
)
_CANVAS = re.compile(
    r"(?P<name>\w+?)_(?:(?P<late>LATE)_)?(?P<number>\d+)_(?P<upload>\d+)_(?P<file>.+)", re.DOTALL
)
_COPY = r"[ _-]*(?:\(\d{1,3}\)|copy ?\d{0,3})"


@dataclass(frozen=True)
class Download:
    """What a platform put into the name of a file or folder.

    Parameters
    ----------
    platform : str
        ``Moodle`` or ``Canvas``.
    student, number : str
        Name and number; the number may be missing.
    file : str
        The name that the student gave; empty for a folder.
    upload : int
        Grows with every upload; 0 if not known.
    late : str
        What it says about time and attempt.
    """

    platform: Platform
    student: str
    number: str
    file: str
    upload: int = 0
    late: str = ""


def read_download(name: str, notebook_name: str) -> Download | None:
    """Return what Moodle or Canvas put into a name, or None if it is neither's."""
    moodle = _MOODLE.fullmatch(name)
    canvas = _CANVAS_ANONYMOUS.fullmatch(name) or _CANVAS.fullmatch(name)
    if moodle and (not canvas or moodle.end("plugin") < canvas.start("file")):
        return Download("Moodle", moodle["name"], moodle["number"] or "", moodle["file"] or "")
    if not canvas:
        return None
    file, late = canvas["file"], ["late"] if canvas["late"] else []
    again = re.fullmatch(r"(.+)-(\d{1,3})(\.\w+)", file, re.DOTALL)
    if again and file != notebook_name:
        file = again[1] + again[3]
        late.append(f"resubmission {again[2]}")
    number = canvas.groupdict().get("number") or ""
    return Download("Canvas", canvas["name"], number, file, int(canvas["upload"][:18]), ", ".join(late))


def platform_of(items: list[Item], notebook_name: str) -> Platform | None:
    """Return the platform whose naming at least half of the entries follow, or None.

    Canvas' naming is only letters and numbers, so ``week_3_1_ada.ipynb`` and ``week_3_2_bo.ipynb`` follow it
    too: several files of one upload are no download, nor of one student unless named as the notebook.
    """
    read = [(item, read_download(item.name, notebook_name)) for item in items]
    counted = sum(1 for item, download in read if download or item.folder or is_notebook(item.name))
    moodle = [download for _, download in read if download and download.platform == "Moodle"]
    canvas = [download for _, download in read if download and download.platform == "Canvas"]
    if moodle and 2 * len(moodle) >= counted:
        return "Moodle"
    students = {(download.student, download.number) for download in canvas}
    uploads = {download.upload for download in canvas}
    named = all(nearness(download.file, notebook_name) <= CONTAINED for download in canvas)
    plausible = len(uploads) == len(canvas) and (len(canvas) == 1 or len(students) > 1 or named)
    return "Canvas" if canvas and plausible and 2 * len(canvas) >= counted else None


def find_base(children: Children, folder_name: str, notebook_name: str) -> Parts:
    """Return where the students' entries begin: the top, nbgrader's ``submitted``, or a lone outer folder."""
    base: Parts = ()
    for _ in range(3):
        items = [item for item in children(base) if not is_ignored(item.name)]
        folders = [item.name for item in items if item.folder]
        if "submitted" in folders and NBGRADER_FOLDERS.issuperset(folders):
            return (*base, "submitted")
        loose = any(is_notebook(item.name) for item in items)
        if len(folders) != 1 or loose or read_download(folders[0], notebook_name):
            return base
        inner = (*base, folders[0])
        if not _is_outer(children(inner), folders[0], folder_name, notebook_name):
            return base
        base = inner
    return base


def siblings(children: Children, base: Parts) -> list[str]:
    """Return sentences about what lies beside the folders on the way to `base` and is not looked at."""
    notes = []
    for length in range(len(base)):
        items = [
            item
            for item in children(base[:length])
            if item.name != base[length] and not is_ignored(item.name)
        ]
        beside = f"; beside it, not looked at: {listed(items)}" if items else ""
        notes.append(f"The students are looked for in {shown('/'.join(base[: length + 1]))}{beside}.")
    return notes


def _is_outer(inside: list[Item], name: str, folder_name: str, notebook_name: str) -> bool:
    """Return whether a lone folder is one around the students, rather than the folder of one student."""
    inside = [item for item in inside if not is_ignored(item.name)]
    folders = [item for item in inside if item.folder]
    files = [item.name for item in inside if not item.folder and is_notebook(item.name)]
    if platform_of(inside, notebook_name) or len(folders) > 1:
        return True
    if folders:
        return name.casefold() in ("submissions", folder_name.casefold()) or folders[0].name == "submitted"
    return len(files) > 1 and all(student_in(file, notebook_name) for file in files)


def student_in(file: str, notebook_name: str) -> str:
    """Return the student that the name of a loose file tells; empty if it tells only the notebook.

    It is the name without its ending and without the notebook's name at its begin or end:
    ``alice.ipynb``, ``01_manual_backprop_alice.ipynb``, ``alice-01_manual_backprop (1).ipynb`` are alice's.
    """
    stem, pattern = stem_of(file), _pattern(notebook_name)
    if re.fullmatch(f"{pattern}(?:{_COPY})?", stem, re.IGNORECASE):
        return ""
    begin = re.match(rf"{pattern}[\s_.-]+", stem, re.IGNORECASE)
    if begin and begin.end() < len(stem):
        return stem[begin.end() :]
    end = re.search(rf"[\s_.-]+{pattern}(?:{_COPY})?\Z", stem, re.IGNORECASE)
    return stem[: end.start()] if end and end.start() else stem


def nearness(file: str, notebook_name: str) -> int:
    """Return how near the name of a file is to the notebook's: `EXACT` (0) to `ANOTHER` (5)."""
    if file == notebook_name:
        return EXACT
    stem, pattern = stem_of(file), _pattern(notebook_name)
    if re.fullmatch(rf"{pattern}(?:{_COPY}|[ _-]+\d{{1,3}})?", stem, re.IGNORECASE):
        return SAME
    if re.search(pattern, stem, re.IGNORECASE):
        return CONTAINED
    if is_another(file, notebook_name):
        return ANOTHER
    first, *others = _words(notebook_name)
    here = {word.casefold() for word in re.split(r"[\W_]+", stem)}
    telling = {word.casefold() for word in others if len(word) > 3} | {first.casefold()}
    return RELATED if telling & here else UNRELATED


def is_another(name: str, notebook_name: str) -> bool:
    """Return whether a name begins like another notebook of a numbered course: ``02_...`` for ``01_...``."""
    wanted = re.match(r"(\d+)[_ -]+[^\W\d]", notebook_name)
    here = re.match(r"(\d+)[_ -]+[^\W\d]", name)
    return bool(wanted and here and len(wanted[1]) == len(here[1]) and wanted[1] != here[1])


def copy_number(file: str) -> int:
    """Return the number in ``x (2)``, ``x-2``, ``x_v2``, ``x-Copy2``; 0 without one."""
    number = re.search(r"(?:\((\d{1,3})\)|(?:[ _-]v?|copy ?)(\d{1,3}))\Z", stem_of(file), re.IGNORECASE)
    return int(number[1] or number[2]) if number else 0


def stem_of(file: str) -> str:
    """Return a file's name without the ending of a notebook or archive."""
    return re.sub(r"(?:\.ipynb(?:\.txt|\.json)?|\.\w{1,4})\Z", "", file, flags=re.IGNORECASE) or file


def _words(notebook_name: str) -> list[str]:
    return [word for word in re.split(r"[\W_]+", stem_of(notebook_name)) if word] or [notebook_name]


def _pattern(notebook_name: str) -> str:
    return r"[\W_]*".join(re.escape(word) for word in _words(notebook_name))
