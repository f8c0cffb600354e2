"""What other systems call a student: the numbers in the names of a download, and the columns of a roster.

Kept beside the records, because a roster may come later than the grades: the export files need them.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from course_utils.files import write_whole
from course_utils.grading.contents import named, shown

IDENTITIES = "identities.json"


@dataclass(frozen=True, kw_only=True)
class Identity:
    """What a student is called elsewhere; empty where it is not known.

    Parameters
    ----------
    canvas_id : str
        Canvas' number of the user, in the names of its downloads and the column ``ID`` of its gradebook.
    sis_user_id, sis_login_id, section : str
        From the gradebook that Canvas exports.
    participant : str
        Moodle's number of the participant in an assignment, in the names of its downloads and, behind a word,
        in the column ``Identifier`` of its grading worksheet.
    id_number, user_name, email, first_name, last_name, full_name : str
        From a roster.
    """

    canvas_id: str = ""
    sis_user_id: str = ""
    sis_login_id: str = ""
    section: str = ""
    participant: str = ""
    id_number: str = ""
    user_name: str = ""
    email: str = ""
    first_name: str = ""
    last_name: str = ""
    full_name: str = ""

    @property
    def name(self) -> str:
        """The whole name, if it is known."""
        return self.full_name or f"{self.first_name} {self.last_name}".strip()

    def completed_by(self, other: Identity) -> Identity:
        """Return this one with what it lacks taken from the other."""
        mine, theirs = dataclasses.asdict(self), dataclasses.asdict(other)
        return Identity(**{name: mine[name] or theirs[name] for name in mine})


class IdentityError(ValueError):
    """A name means nobody, or several."""


_COLUMNS: dict[str, tuple[str, ...]] = {
    "sis_user_id": ("sis user id",),
    "sis_login_id": ("sis login id",),
    "section": ("section",),
    "participant": ("identifier",),
    "id_number": ("id number", "idnumber", "student id", "studentid", "student_id", "matriculation number"),
    "user_name": ("username", "user name", "login"),
    "email": ("email", "email address", "e-mail", "e-mail address", "mail"),
    "first_name": ("first name", "first_name", "firstname", "given name"),
    "last_name": ("last name", "last_name", "lastname", "surname", "family name"),
    "full_name": ("full name", "fullname", "name"),
}


# By these a system finds a student: two students with the same one would get each other's marks.
_UNIQUE = ("canvas_id", "sis_user_id", "sis_login_id", "participant", "id_number", "user_name", "email")


def read_row(row: Mapping[str, str], *, from_canvas: bool = False) -> Identity:
    """Return what a line of a roster tells.

    Parameters
    ----------
    row
        Cells by heading, in small letters.
    from_canvas
        Whether it is a gradebook exported from Canvas, where `ID` is Canvas' own number.
    """
    known = {
        name: next((row[heading] for heading in headings if row.get(heading)), "")
        for name, headings in _COLUMNS.items()
    }
    number = re.search(r"(\d+)$", known["participant"])
    known["participant"] = number[1] if number else ""
    if from_canvas:
        name = row.get("student") or known["full_name"]
        return Identity(**known | {"canvas_id": row.get("id", ""), "full_name": name})
    known["id_number"] = known["id_number"] or row.get("id", "")
    if not known["email"]:  # under a heading of another language
        known["email"] = next((cell for cell in row.values() if _is_email(cell)), "")
    return Identity(**known)


def remember(out: Path, found: Mapping[str, Identity], *, forget: Collection[str] = ()) -> None:
    """Keep what is known of each student; what an earlier run found stays, unless this one knows better."""
    known = {student: it for student, it in _read(out).items() if student not in forget}
    known |= {student: it.completed_by(known.get(student, Identity())) for student, it in found.items()}
    kept = {student: {k: v for k, v in dataclasses.asdict(it).items() if v} for student, it in known.items()}
    write_whole(out / IDENTITIES, json.dumps({s: it for s, it in kept.items() if it}, indent=1) + "\n")


def shared(known: Mapping[str, Identity]) -> list[tuple[str, list[str]]]:
    """Return which names or numbers several students have: (field, students) each."""
    owners: dict[tuple[str, str], list[str]] = {}
    for student, identity in known.items():
        for name in _UNIQUE:
            if value := getattr(identity, name):
                owners.setdefault((name, value.casefold()), []).append(student)
    return [(name, students) for (name, _), students in owners.items() if len(students) > 1]


def same_people(known: Mapping[str, Identity], here: Mapping[str, Identity]) -> dict[str, str]:
    """Return name -> other name of those known who are here under another one, by what only one can have."""
    owners = {
        (name, value.casefold()): student
        for student, identity in here.items()
        for name in _UNIQUE
        if (value := getattr(identity, name))
    }
    found = {}
    for student, identity in known.items():
        values = [(name, getattr(identity, name).casefold()) for name in _UNIQUE]
        others = {owners[value] for value in values if value in owners}
        if student not in here and len(others) == 1:
            found[student] = others.pop()
    return found


def who(typed: str, known: Mapping[str, Identity]) -> str:
    """Return the student that somebody has typed: his name, how it begins, or what he is called elsewhere.

    Raises
    ------
    IdentityError
        If nobody or several are called so.
    """
    if typed in known:
        return typed
    wanted = typed.casefold().strip()
    called = {student: _called(student, identity) for student, identity in known.items()}
    exactly = [student for student, names in called.items() if wanted in names]
    begin = [student for student, names in called.items() if any(n.startswith(wanted) for n in names)]
    found = exactly or (begin if wanted else [])
    if len(found) == 1:
        return found[0]
    if found:
        raise IdentityError(f"{typed!r} could be {named(found)}: type more of the name.")
    near = difflib.get_close_matches(typed, known, n=3)
    there = f"There are {named(sorted(known))}." if known else "There is nobody at all."
    if near:
        there = f"Did you mean {' or '.join(map(shown, near))}?"
    raise IdentityError(f"Nobody here is called {typed!r}. {there}")


def _called(student: str, identity: Identity) -> set[str]:
    names = {student, identity.name}
    names |= {getattr(identity, name) for name in _UNIQUE}
    names |= {f"Participant {identity.participant}"} if identity.participant else set()
    return {name.casefold() for name in names if name}


def recall(out: Path) -> dict[str, Identity]:
    """Return what is known of each student of a folder, without what several of them share.

    Raises
    ------
    ValueError
        If the file was damaged.
    """
    known = _read(out)
    for name, students in shared(known):
        for student in students:
            known[student] = dataclasses.replace(known[student], **{name: ""})
    return known


def _read(out: Path) -> dict[str, Identity]:
    path = out / IDENTITIES
    if not path.exists():
        return {}
    try:
        return {student: Identity(**it) for student, it in json.loads(path.read_text("utf-8")).items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is damaged ({error}): remove it and grade again, with --roster.") from None


def _is_email(cell: str) -> bool:
    name, at, host = cell.partition("@")
    return bool(name and at) and "." in host and not any(c.isspace() for c in cell)
