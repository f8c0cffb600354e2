"""What grading remembers: one atomic record for each student, and the instructor's overrides beside them."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import hashlib
import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from course_utils.files import write_whole
from course_utils.grading.identities import Identity, recall

SCHEMA = 1
OVERRIDES = "overrides.json"
BY_HAND = "given by hand"  # stands in every flag about an override that needs a look

State = Literal["graded", "unreadable", "missing", "failed"]
Status = Literal["right", "wrong", "blank", "missing", "stopped", "unjudged"]


class RecordError(ValueError):
    """A file of records or overrides cannot be read, or an override makes no sense."""


@dataclass(frozen=True, kw_only=True)
class ExerciseMark:
    """One exercise of one student.

    Parameters
    ----------
    id, title : str
        Of the exercise.
    points, possible : float
        What the answer earned, and what it could.
    status : str
        ``right``, ``wrong``, ``blank``, ``missing`` (a name is undefined), ``stopped`` (time, memory, or the
        kernel died) or ``unjudged`` (it was never reached).
    message, mistake, printed : str
        What differs, the typical mistake, and what the answer printed: text that comes from a student.
    flags : tuple of str
        Sentences for the instructor.
    override, comment
        Points that an instructor gave instead, and why.
    """

    id: str
    title: str
    points: float
    possible: float
    status: Status
    message: str = ""
    mistake: str = ""
    printed: str = ""
    flags: tuple[str, ...] = ()
    override: float | None = None
    comment: str = ""

    @property
    def final(self) -> float:
        """The points that count: the instructor's, if he gave some."""
        return self.points if self.override is None else self.override


@dataclass(frozen=True, kw_only=True)
class Record:
    """One student's submission, graded or not.

    Parameters
    ----------
    student, file : str
        Who, and which file; text that comes from a student.
    notebook, title : str
        Id and title of the notebook.
    file_hash : str
        SHA-256 of the file; empty if there was none.
    state, reason : str
        ``graded``; or ``unreadable``, ``missing`` (nothing handed in), ``failed`` (grading itself did), and
        why, in a sentence.
    protection : str
        What kept the submission from the machine while it ran.
    seeds : tuple of int
        Of the inputs that its answers were tried on: a secret until the marks are out.
    seconds : float
        By the clock.
    version, assignment : str
        Of the course, and the fingerprint of the assignment: what the marks were given by.
    possible : float
        Points that could be had.
    flags : tuple of str
        Sentences for the instructor about the submission as a whole.
    exercises : tuple of ExerciseMark
        In the order of the notebook.
    identity : Identity
        What other systems call the student.
    """

    student: str
    notebook: str
    title: str
    file: str = ""
    file_hash: str = ""
    state: State = "graded"
    reason: str = ""
    protection: str = ""
    seeds: tuple[int, ...] = ()
    seconds: float = 0.0
    version: str = ""
    assignment: str = ""
    possible: float = 0.0
    flags: tuple[str, ...] = ()
    exercises: tuple[ExerciseMark, ...] = ()
    identity: Identity = field(default_factory=Identity)

    @property
    def is_by_hand(self) -> bool:
        """Whether an instructor gave points for some exercise."""
        return any(mark.override is not None for mark in self.exercises)

    @property
    def points(self) -> float:
        """The points that count, over all exercises."""
        return sum(mark.final for mark in self.exercises)


def make_private(out: Path) -> None:
    """Make the folder of records if there is none, for nobody but who grades: it holds seeds and names."""
    out.mkdir(mode=0o700, parents=True, exist_ok=True)


def path_of(out: Path, student: str) -> Path:
    """Return the file of a student's record: his name as far as files can bear it, and a hash of it."""
    return out / "records" / f"{file_name(student)}.json"


def file_name(student: str) -> str:
    """Return a file name (without ending) for a student: readable, safe on every system, one per name."""
    plain = unicodedata.normalize("NFKD", student).encode("ascii", "ignore").decode()
    readable = re.sub(r"[^A-Za-z0-9_-]+", "-", plain).strip("-")[:40] or "student"
    return f"{readable}-{hashlib.sha256(student.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


def write(out: Path, record: Record) -> None:
    """Write a record whole, or not at all."""
    path = path_of(out, record.student)
    path.parent.mkdir(parents=True, exist_ok=True)
    data = {"schema": SCHEMA, **dataclasses.asdict(record)}
    del data["identity"]  # what lives apart outlives grading again
    for mark in data["exercises"]:
        del mark["override"], mark["comment"]
    write_whole(path, json.dumps(data, indent=1) + "\n")


def read(path: Path) -> Record:
    """Read one record, without overrides.

    Raises
    ------
    RecordError
        If it is no record of this version.
    """
    data = read_json(path)
    if not isinstance(data, dict) or data.pop("schema", None) != SCHEMA:
        raise RecordError(f"{path} is not a record of this version of the course: grade into another folder.")
    try:
        marks = tuple(ExerciseMark(**{**m, "flags": tuple(m["flags"])}) for m in data.pop("exercises"))
        return Record(
            **{**data, "flags": tuple(data["flags"]), "seeds": tuple(data["seeds"]), "exercises": marks}
        )
    except (TypeError, KeyError) as error:
        raise RecordError(f"{path} is damaged ({error}): remove it and grade again.") from None


def write_answers(out: Path, student: str, answers: dict[str, str]) -> None:
    """Keep the texts of a student's answers, by exercise: look-alikes are found among them."""
    path = out / "answers" / f"{file_name(student)}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps({"student": student, "answers": answers}, indent=1) + "\n")


def read_answers(out: Path) -> dict[str, dict[str, str]]:
    """Return all kept answers by student and exercise."""
    kept = [read_json(path) for path in sorted((out / "answers").glob("*.json"))]
    return {each["student"]: each["answers"] for each in kept}


def read_all(out: Path) -> list[Record]:
    """Return all records of a folder, with overrides and identities, in the order of the students' names."""
    given, known = read_overrides(out), recall(out)
    found = [read(path) for path in sorted((out / "records").glob("*.json"))]
    merged = [
        dataclasses.replace(
            merge(record, given.get(record.student, {})), identity=known.get(record.student, Identity())
        )
        for record in found
    ]
    return sorted(merged, key=lambda record: (record.student.casefold(), record.student))


def merge(record: Record, given: dict[str, dict[str, Any]]) -> Record:
    """Return the record with an instructor's points and comments in it.

    What was given for an earlier file, or for an exercise that is no more or has fewer points now, does not
    count: it is flagged instead.
    """
    marks = {mark.id: mark for mark in record.exercises}
    flags = list(record.flags)
    for exercise, found in given.items():
        mark, by_hand = marks.get(exercise), f"{exercise}: the {found['points']:g} points {BY_HAND}"
        if mark is None:
            flags.append(f"{by_hand} do not count, for the assignment has no such exercise now.")
        elif found.get("file_hash", record.file_hash) != record.file_hash:
            flags.append(f"{by_hand} were for an earlier file; the new one has {mark.points:g}.")
        elif found["points"] > mark.possible:
            flags.append(f"{by_hand} do not count, for the exercise has {mark.possible:g} now.")
        else:
            was = found.get("possible", mark.possible)
            if was != mark.possible:
                flags.append(f"{by_hand} were out of {was:g}; the exercise has {mark.possible:g} now.")
            marks[exercise] = dataclasses.replace(mark, override=found["points"], comment=found["comment"])
    return dataclasses.replace(record, exercises=tuple(marks.values()), flags=tuple(flags))


def replace_missing(out: Path, name: str, student: str) -> None:
    """Forget that somebody of the roster handed in nothing: his file has come, under another spelling.

    What was given to him by hand goes along.
    """
    path = path_of(out, name)
    if not path.exists() or read(path).state != "missing":
        return
    with _changing_overrides(out) as given:
        for exercise, found in given.pop(name, {}).items():
            given.setdefault(student, {}).setdefault(exercise, found)
    path.unlink()


def read_overrides(out: Path) -> dict[str, dict[str, dict[str, Any]]]:
    """Return the overrides by student and exercise; none if there is no file."""
    path = out / OVERRIDES
    if not path.exists():
        return {}
    data = read_json(path)
    if not _are_overrides(data):
        raise RecordError(
            f"{path} must hold points and a comment for each exercise of each student: mend it or remove it."
        )
    given: dict[str, dict[str, dict[str, Any]]] = data
    return given


def set_points(
    out: Path, student: str, exercise: str, points: float | None, *, comment: str | None
) -> Record:
    """Give a student other points for an exercise; they stay when the same file is graded again.

    Without points (None) the automatic ones count again; without a comment the earlier one stays.

    Raises
    ------
    RecordError
        If there is no such record or exercise, or the points are out of range.
    """
    path = path_of(out, student)
    if not path.exists():
        raise RecordError(f"{out} holds no record of {student!r}: is it the folder that was graded into?")
    record = read(path)
    mark = next((mark for mark in record.exercises if mark.id == exercise), None)
    if mark is None:
        ids = ", ".join(mark.id for mark in record.exercises)
        raise RecordError(f"There is no exercise {exercise!r}; there are {ids}.")
    if points is not None and not 0 <= points <= mark.possible:
        raise RecordError(
            f"Exercise {exercise} has 0 to {mark.possible:g} points, so {points:g} is not possible."
        )
    with _changing_overrides(out) as given:
        when = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        mine = given.setdefault(student, {})
        before = mine.pop(exercise, {}).get("comment", "")
        if points is not None:
            mine[exercise] = {
                "points": points,
                "possible": mark.possible,
                "comment": before if comment is None else comment,
                "when": when,
                "file_hash": record.file_hash,
            }
    return merge(record, given[student])


@contextlib.contextmanager
def _changing_overrides(out: Path) -> Iterator[dict[str, dict[str, dict[str, Any]]]]:
    """Hand out the overrides, and write them when they have been changed; one at a time."""
    from filelock import FileLock

    with FileLock(out / f".{OVERRIDES}.lock"):
        given = read_overrides(out)
        yield given
        write_whole(out / OVERRIDES, json.dumps(given, indent=1) + "\n")


def _are_overrides(data: Any) -> bool:
    return isinstance(data, dict) and all(
        isinstance(exercises, dict)
        and all(
            isinstance(one, dict)
            and type(one.get("points")) in (int, float)
            and isinstance(one.get("comment"), str)
            for one in exercises.values()
        )
        for exercises in data.values()
    )


def read_json(path: Path) -> Any:
    """Return what a file of JSON holds; raise a `RecordError` if it cannot be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RecordError(f"{path} cannot be read ({error}): remove it and grade again.") from None
