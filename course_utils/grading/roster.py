"""Read who should have handed in, and find out who did."""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from course_utils.grading.contents import SubmissionsError, shown
from course_utils.grading.folders import read_file
from course_utils.grading.identities import Identity, read_row

ROSTER_BYTES = 10 * 2**20

# Headings in the order in which they are preferred; those of nbgrader, Moodle and Canvas are among them.
HEADINGS = (
    "student", "username", "user name", "user", "login", "full name", "fullname", "name", "email",
    "email address", "e-mail", "id", "student id", "studentid", "student_id", "id number", "idnumber",
    "sis login id", "sis user id", "identifier", "matriculation number",
)  # fmt: skip
FIRST_NAMES = ("first name", "first_name", "firstname", "given name")
LAST_NAMES = ("last name", "last_name", "lastname", "surname", "family name")


@dataclass(frozen=True)
class Roster:
    """Who should have handed in.

    Parameters
    ----------
    columns : dict of str to tuple of str
        Those that could hold the names, the most likely one first; equally long, one cell for each line.
    identities : tuple of Identity
        What each line tells.
    """

    columns: dict[str, tuple[str, ...]]
    identities: tuple[Identity, ...]


@dataclass(frozen=True)
class Attendance:
    """What a comparison with the roster showed.

    Parameters
    ----------
    missing : tuple of str
        Names of the roster that handed in nothing, as the roster spells them.
    notes : tuple of str
        Which column was used, who is not in the roster, who was found under another spelling.
    found : int
        How many of its names are students found.
    identities : dict of str to Identity
        What the roster tells of each student found and of each one missing.
    called : dict of str to str
        Name of the roster -> student found, where they are spelled differently.
    """

    missing: tuple[str, ...]
    notes: tuple[str, ...]
    found: int
    identities: dict[str, Identity]
    called: dict[str, str]


def read_roster(path: Path) -> Roster:
    """Read a CSV with a heading, or one name per line. First and last names in two columns make a third one.

    Raises
    ------
    SubmissionsError
        If it cannot be read or holds no name.
    """
    try:
        text = _text(read_file(path.resolve(), limit=ROSTER_BYTES))
    except SubmissionsError as error:
        raise SubmissionsError(f"The roster cannot be used: {error}") from None
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        raise SubmissionsError(
            f"The roster {shown(str(path))} holds no names: give a CSV or one name per line."
        )
    delimiter = max(",;\t", key=lines[0].count)
    try:
        rows = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=delimiter)]
    except csv.Error as error:
        raise SubmissionsError(f"The roster {shown(str(path))} is no CSV ({error}): mend it.") from None
    headings = [cell.casefold() for cell in rows[0]]
    from_canvas = False
    if set(headings) & {*HEADINGS, *FIRST_NAMES, *LAST_NAMES} or _is_heading(rows):
        rows = [row for row in rows[1:] if any(row)]
        has_points = bool(rows) and "section" in headings and rows[0][0].casefold() == "points possible"
        from_canvas = has_points or {"student", "id", "sis login id"} <= set(headings)
        rows = rows[1:] if has_points else rows
        if from_canvas:
            rows = [row for row in rows if row[0] != "Student, Test"]  # Canvas' own, in every gradebook
        columns = _headed(headings, rows)
        told = [{h: _cell(row, i) for i, h in reversed(list(enumerate(headings)))} for row in rows]
    else:
        columns = {}
        if delimiter in lines[0]:
            columns = {f"column {i + 1}": tuple(_cells(rows, i)) for i in range(max(map(len, rows)))}
        if len(lines) == len(rows):  # none within quotes
            columns["each line"] = tuple(line.strip() for line in lines)
        told = [{} for _ in rows]
    columns = {name: cells for name, cells in columns.items() if any(cells)}
    if not columns:
        raise SubmissionsError(
            f"The roster {shown(str(path))} holds a heading but no names: give a CSV or one name per line."
        )
    return Roster(columns, tuple(read_row(row, from_canvas=from_canvas) for row in told))


def compare(roster: Roster, found: Mapping[str, Sequence[str]], *, squashed: bool = False) -> Attendance:
    """Compare a roster with the students found.

    Parameters
    ----------
    roster : Roster
        The column that matches most of the students is used, the first of equals.
    found : mapping of str to sequence of str
        For each student other things that he is known by (a platform's number).
    squashed : bool
        Whether names may be equal but for spaces and punctuation, as in Canvas' downloads.
    """
    pairs = {column: _pairs(cells, found, squashed) for column, cells in roster.columns.items()}
    best = max(pairs, key=lambda column: len(pairs[column]))  # the first of equals
    cells, taken = roster.columns[best], pairs[best]
    names = dict.fromkeys(cell for cell in cells if cell)
    notes = [f"The roster's names are in {_told(best)}: {len(names)} students, {len(taken)} of them found."]
    empty = sum(1 for cell in cells if not cell)
    if empty:
        lines = "1 line of the roster has" if empty == 1 else f"{empty} lines of the roster have"
        notes.append(f"{lines} nothing in {_told(best)}: left out.")
    for name, student in taken.items():
        if name != student and name.rpartition(" ")[2] not in found[student]:  # no number of the platform
            notes.append(f"{shown(student)} is {shown(name)} of the roster.")
    several = {name for name in names if cells.count(name) > 1}
    there = {name for name in several if any(_is_called(name, student, found) for student in found)}
    known = {*taken.values(), *(s for s in found for name in several if _is_called(name, s, found))}
    strangers = [shown(student) for student in sorted(set(found) - known)]
    if strangers:
        notes.append(f"Not in the roster, graded all the same: {', '.join(strangers)}.")
    for name in sorted(several):
        notes.append(
            f"Several lines of the roster are {shown(name)}: whose a file is they do not tell, so nothing "
            "more is taken from them."
        )
    missing = tuple(sorted(name for name in names if name not in taken and name not in there))
    identities = {taken.get(n, n): roster.identities[cells.index(n)] for n in names if n not in several}
    called = {name: student for name, student in taken.items() if name != student}
    return Attendance(missing, tuple(notes), len(taken), identities, called)


def _is_called(name: str, student: str, found: Mapping[str, Sequence[str]]) -> bool:
    return _folded(name) in {_folded(other) for other in (student, *found[student])}


def _pairs(cells: Iterable[str], found: Mapping[str, Sequence[str]], squashed: bool) -> dict[str, str]:
    """Return roster name -> student; nearer spellings first, and never one that could mean two."""
    pairs: dict[str, str] = {}
    names = [cell for cell in dict.fromkeys(cells) if cell]
    students = dict(found)
    spellings: list[Callable[[str], str]] = [
        str,
        _composed,
        _folded,
        _short,
        *([_squash] if squashed else []),
    ]
    for spelling in spellings:
        wanted = _by_key((spelling(name), name) for name in names)
        here = _by_key((spelling(a), student) for student, also in students.items() for a in (student, *also))
        for key, candidates in wanted.items():
            owners = here.get(key, set()) & students.keys()
            if key and len(candidates) == 1 and len(owners) == 1:
                (name,), (student,) = candidates, owners
                pairs[name] = student
                del students[student]
        names = [name for name in names if name not in pairs]
    return pairs


def _by_key(keyed: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    table: dict[str, set[str]] = {}
    for key, name in keyed:
        table.setdefault(key, set()).add(name)
    return table


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _folded(name: str) -> str:
    return " ".join(_composed(_composed(name).casefold()).split())


def _short(name: str) -> str:
    """Without what follows the name in an address, and without Moodle's word before a number."""
    return re.sub(r"^participant (?=\d)", "", _folded(name)).split("@")[0]


def _squash(name: str) -> str:
    return re.sub(r"[\W_]+", "", _folded(name))


def _is_heading(rows: Sequence[Sequence[str]]) -> bool:
    """Return whether the first line is a heading in another language: a word for mail over addresses."""
    for i, first in enumerate(rows[0]):
        cells = [cell for cell in _cells(rows[1:], i) if cell]
        is_word = any(word in first.casefold() for word in ("mail", "courriel", "correo"))
        if is_word and "@" not in first and cells and all("@" in cell for cell in cells):
            return True
    return False


def _headed(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> dict[str, tuple[str, ...]]:
    order = {heading: place for place, heading in enumerate(HEADINGS)}
    names = sorted(range(len(headings)), key=lambda i: (order.get(headings[i], len(order)), i))
    columns = {
        headings[i]: tuple(_cells(rows, i)) for i in reversed(names)
    }  # the first of two equal headings
    columns = {headings[i]: columns[headings[i]] for i in names if headings[i]}
    first = next((i for i, heading in enumerate(headings) if heading in FIRST_NAMES), None)
    last = next((i for i, heading in enumerate(headings) if heading in LAST_NAMES), None)
    if first is None or last is None:
        return columns
    split = list(zip(_cells(rows, first), _cells(rows, last), strict=True))
    joined = {
        "first and last name": tuple(f"{a} {b}".strip() for a, b in split),
        "last and first name": tuple(f"{b} {a}".strip() for a, b in split),
    }
    known = {name: cells for name, cells in columns.items() if name in order}
    return {**known, **joined, **columns}


def _cells(rows: Sequence[Sequence[str]], index: int) -> list[str]:
    return [_cell(row, index) for row in rows]


def _cell(row: Sequence[str], index: int) -> str:
    return row[index] if index < len(row) else ""


def _told(column: str) -> str:
    return column if column.startswith(("column ", "each line")) else f"the column {shown(column)}"


def _text(data: bytes) -> str:
    encodings = ("utf-16",) if data[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "cp1252")
    for encoding in encodings:
        try:
            return data.decode(encoding)
        except UnicodeError:
            continue
    return data.decode("latin-1")
