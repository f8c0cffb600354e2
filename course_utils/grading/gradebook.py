"""What an instructor takes away: the table of grades, and the files that other systems import.

Everything is made from the records alone, so it can be written again at any time. Nothing handed in counts
0 points; a submission that could not be graded has no grade, an empty cell, and its reason among the flags.
"""

from __future__ import annotations

import csv
import io
import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from course_utils.files import write_whole
from course_utils.grading.records import ExerciseMark, Record, State, Status, file_name

STATUS_IN_WORDS: dict[Status, str] = {
    "right": "right",
    "wrong": "not right",
    "blank": "left blank",
    "missing": "not found",
    "stopped": "broken off",
    "unjudged": "not judged",
}
STATE_IN_WORDS: dict[State, str] = {
    "graded": "graded",
    "unreadable": "could not be graded",
    "missing": "nothing handed in",
    "failed": "grading itself failed",
}

# A spreadsheet takes a cell for a formula that begins with one of these (full-width forms included), also
# after blanks; where semicolons separate cells, so does the text behind one.
_FORMULA = re.compile(r'(^|;)(?=[\s"]*[=+\-@＝＋－＠])')
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_NBGRADER_COLUMNS: list[str | float] = [
    *("assignment", "duedate", "timestamp", "student_id", "last_name", "first_name", "email"),
    *("raw_score", "late_submission_penalty", "score", "max_score"),
]

_ABOUT_EXPORTS = """\
What to do with these files. Who is who in another system is taken from the names of a platform's download and
from `--roster`; what neither tells is empty. The best roster is what that system exports: Canvas' gradebook
(Grades > Export), Moodle's grading worksheet of the assignment.

nbgrader.csv   The columns of `nbgrader export`. `student_id` is the name under which a student was graded.
moodle_worksheet.csv
               For the assignment itself, if it allows the feedback "Offline grading worksheet": set your own
               language in Moodle to English (it looks for the columns by their English names then), View all
               submissions > Upload grading worksheet. Only students are in it whose participant number is
               known. Grades given in Moodle before stay, unless "Allow updating records that have been
               modified more recently" is ticked.
moodle.csv     For the gradebook: Grades > Import > CSV file. Choose the column that says who it is under "Map
               from" (`Email address`, `Username`, `ID number`), and the field of the profile under "Map to".
               Map the column of the grades to the grade item AND the column that ends in "feedback" to that
               item's feedback: Moodle drops the grades of an item whose feedback alone is imported. One row
               that matches no user stops the whole import: remove it, or fill it in.
canvas.csv     Grades > Import. Canvas finds a student by `ID`, `SIS User ID` or `SIS Login ID`, otherwise by
               the exact name in `Student`; the assignment by the exact title in the first row (append its
               number in parentheses to be sure).
gradescope/    One results.json for each student with a grade: it belongs into /autograder/results/ of the
               submission.
junit.xml      One test suite for each student, one test case for each exercise.

An empty grade means: not graded (grades.csv says why). Nothing handed in is 0 points.
A text that a spreadsheet would take for a formula has an apostrophe in front.
"""


def write_gradebook(out: Path, records: Sequence[Record]) -> None:
    """Write ``grades.csv`` and ``exports/`` from records with the overrides merged, each file whole or not.

    Parameters
    ----------
    out : Path
        The folder; made if there is none.
    records : sequence of Record
        One row each, in this order, graded or not.

    Raises
    ------
    OSError
        If the folder cannot be written.
    """
    exports = out / "exports"
    (exports / "gradescope").mkdir(parents=True, exist_ok=True)
    write_whole(out / "grades.csv", _csv(_grades(records)))
    write_whole(exports / "nbgrader.csv", _csv(_nbgrader(records)))
    write_whole(exports / "moodle.csv", _csv(_moodle(records)))
    write_whole(exports / "moodle_worksheet.csv", _csv(_moodle_worksheet(records)))
    write_whole(exports / "canvas.csv", _csv(_canvas(records)))
    write_whole(exports / "junit.xml", _junit(records))
    write_whole(exports / "README.txt", _ABOUT_EXPORTS)
    for record in filter(has_grade, records):
        path = exports / "gradescope" / f"{file_name(record.student)}.json"
        write_whole(path, json.dumps(_gradescope(record), indent=1) + "\n")


def points_in_words(points: float) -> str:
    """Return points without the noise of floats: '2.5', '41', at most four decimals."""
    text = f"{points:.4f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def encodable(text: str) -> str:
    r"""Return the text with each lone surrogate, which no file can hold, written out as ``\udc80``."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def exercise_ids(records: Iterable[Record]) -> list[str]:
    """Return the exercises of all records, in the order in which they first appear."""
    return list(dict.fromkeys(mark.id for record in records for mark in record.exercises))


def has_grade(record: Record) -> bool:
    """Say whether the points mean something: graded, nothing handed in, or given by the instructor."""
    return record.state in ("graded", "missing") or record.is_by_hand


def reasons(record: Record) -> list[str]:
    """Return all that an instructor should know of a submission: why it has no grade, flags, overrides."""
    found = []
    if record.state != "graded":
        found.append(f"{STATE_IN_WORDS[record.state]}: {record.reason}".rstrip(": "))
    found += record.flags
    for mark in record.exercises:
        found += [f"{mark.id}: {flag}" for flag in mark.flags]
        if mark.override is not None:
            found.append(f"{mark.id}: {override_in_words(mark)}")
    return found


def override_in_words(mark: ExerciseMark) -> str:
    """Return the sentence about points that an instructor gave; empty if there are none."""
    if mark.override is None:
        return ""
    given, automatic = points_in_words(mark.override), points_in_words(mark.points)
    return f"{given} by the instructor instead of {automatic}" + (
        f" ({mark.comment})" if mark.comment else ""
    )


def _grades(records: Sequence[Record]) -> list[list[str | float]]:
    ids = exercise_ids(records)
    rows: list[list[str | float]] = [["student", *ids, "total", "flags"]]
    for record in records:
        final = {mark.id: mark.final for mark in record.exercises} if has_grade(record) else {}
        nothing: str | float = 0 if record.state == "missing" else ""
        cells = [final.get(i, nothing) for i in ids]
        rows.append([record.student, *cells, _total(record), " | ".join(reasons(record))])
    return rows


def _total(record: Record) -> float | str:
    return record.points if has_grade(record) else ""


def _nbgrader(records: Sequence[Record]) -> list[list[str | float]]:
    """Columns and order of `CsvExportPlugin` (nbgrader/plugins/export.py, nbgrader 0.9.5)."""
    rows = [_NBGRADER_COLUMNS]
    for record in records:
        total = _total(record)
        penalty = 0 if has_grade(record) else ""
        who = record.identity
        known: list[str | float] = [record.notebook, "", "", record.student]
        known += [who.last_name, who.first_name, who.email]
        rows.append([*known, total, penalty, total, record.possible])
    return rows


def _moodle(records: Sequence[Record]) -> list[list[str | float]]:
    """Columns to map in Moodle's CSV grade import (docs.moodle.org/405/en/Grade_import).

    Users are found by id, ID number, email address or user name (grade/import/csv/classes/load_data.php); an
    empty grade is no grade. Feedback holds no text of a student: Moodle shows it as HTML.
    """
    title = _title(records)
    rows: list[list[str | float]] = [
        ["student", "Username", "ID number", "Email address", title, f"{title} feedback"]
    ]
    for record in records:
        who = record.identity
        known = [record.student, who.user_name, who.id_number, who.email]
        rows.append([*known, _total(record), _summary(record)])
    return rows


def _moodle_worksheet(records: Sequence[Record]) -> list[list[str | float]]:
    """Columns of an assignment's grading worksheet, of which Moodle needs the identifier, grade and date.

    No date is one before every grade. mod/assign/feedback/offline/importer.php;
    docs.moodle.org/405/en/Assignment_settings.
    """
    rows: list[list[str | float]] = [
        [
            *("Identifier", "Full name", "Email address", "Grade", "Maximum Grade"),
            *("Last modified (grade)", "Feedback comments"),
        ]
    ]
    for record in records:
        who = record.identity
        if who.participant:
            name = who.name or record.student
            grade = [_total(record), record.possible, "", _summary(record)]
            rows.append([f"Participant {who.participant}", name, who.email, *grade])
    return rows


def _canvas(records: Sequence[Record]) -> list[list[str | float]]:
    """Columns of Canvas' gradebook import (lib/gradebook_importer.rb of instructure/canvas-lms).

    Two rows of header: names, then "Points Possible". Students are found by ID, SIS User ID, SIS Login ID or
    name, the assignment by its title or by a number in parentheses behind it.
    """
    header: list[str | float] = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", _title(records)]
    possible = max((record.possible for record in records), default=0.0)
    rows: list[list[str | float]] = [header, ["    Points Possible", "", "", "", "", possible]]
    for record in records:
        # the importer takes every row with these words in its first cell for the second header
        who = record.identity
        name = (who.name or record.student).replace("Points Possible", "Points-Possible")
        known = [who.canvas_id, who.sis_user_id, who.sis_login_id, who.section]
        rows.append([name, *known, _total(record)])
    return rows


def _title(records: Sequence[Record]) -> str:
    return next((record.title or record.notebook for record in records), "") or "grade"


def _summary(record: Record) -> str:
    if not has_grade(record):
        return ""
    if record.state == "missing" and not record.is_by_hand:
        return "Nothing was handed in."
    text = f"{points_in_words(record.points)} of {points_in_words(record.possible)} points."
    lost = [mark.id for mark in record.exercises if mark.final < mark.possible]
    return text + (f" Points were lost in {', '.join(lost)}." if lost else "")


def _csv(rows: Iterable[Iterable[str | float]]) -> str:
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n")
    for row in rows:
        writer.writerow([_cell(value) for value in row])
    return file.getvalue()


def _cell(value: str | float) -> str:
    if not isinstance(value, str):
        return points_in_words(value)
    one_line = _CONTROL.sub(" ", encodable(value))  # one row for each student, whatever he is called
    safe = _FORMULA.sub(r"\1'", one_line)
    return f"'{safe}" if value.startswith(("\t", "\r")) and not safe.startswith("'") else safe


def _gradescope(record: Record) -> dict[str, Any]:
    """Results of one submission (gradescope-autograders.readthedocs.io/en/latest/specs, "Output format").

    Shown to students once grades are published, so without flags.
    """
    tests = [
        {
            "number": encodable(mark.id),
            "name": encodable(f"{mark.id} {mark.title}"),
            "name_format": "text",
            "score": round(mark.final, 4),
            "max_score": round(mark.possible, 4),
            "status": "passed" if _passed(mark) else "failed",
            "output": encodable(_explained(mark)),
            "output_format": "text",
            "visibility": "after_published",
        }
        for mark in record.exercises
    ]
    return {
        "score": round(record.points, 4),
        "execution_time": round(record.seconds, 1),
        "output": encodable(_summary(record)),
        "output_format": "text",
        "visibility": "after_published",
        "stdout_visibility": "hidden",
        "tests": tests,
    }


def _passed(mark: ExerciseMark) -> bool:
    return mark.status == "right" if mark.override is None else mark.override >= mark.possible


def _explained(mark: ExerciseMark) -> str:
    parts = [STATUS_IN_WORDS[mark.status].capitalize() + ".", mark.mistake, mark.message]
    if mark.override is not None:
        parts.append(f"{override_in_words(mark)}.")
    return "\n".join(part for part in parts if part)


def _junit(records: Sequence[Record]) -> str:
    """Test suites as pytest writes them (its testing/example_scripts/junit-10.xsd), failures with message."""
    root = ET.Element("testsuites")
    for record in records:
        suite = ET.SubElement(root, "testsuite", name=_xml(record.student), time=f"{record.seconds:.1f}")
        notebook = _xml(record.notebook)
        if record.state != "graded":
            case = ET.SubElement(suite, "testcase", classname=notebook, name="submission")
            message = _xml(f"{STATE_IN_WORDS[record.state]}: {record.reason}")
            ET.SubElement(case, "error", type=record.state, message=message)
        for mark in record.exercises if has_grade(record) else ():
            case = ET.SubElement(suite, "testcase", classname=notebook, name=_xml(f"{mark.id} {mark.title}"))
            if not _passed(mark):
                message = _xml(mark.mistake or mark.message or STATUS_IN_WORDS[mark.status])
                failure = ET.SubElement(case, "failure", type=mark.status, message=message)
                failure.text = _xml(_explained(mark))
            if mark.printed:
                ET.SubElement(case, "system-out").text = _xml(mark.printed)
        suite.set("tests", str(len(suite.findall("testcase"))))
        suite.set("failures", str(len(suite.findall("testcase/failure"))))
        suite.set("errors", str(len(suite.findall("testcase/error"))))
    text: str = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'


def _xml(text: str) -> str:
    return _NOT_XML.sub("", encodable(text))
