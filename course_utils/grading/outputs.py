"""All that is made from the records of a folder, anew whenever one of them has changed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from course_utils.files import write_whole
from course_utils.grading import feedback, gradebook, overview, records, similarity
from course_utils.grading.assignment import Assignment
from course_utils.grading.records import Record

RUN = "run.json"


def remember_run(out: Path, graded: Assignment, notes: Sequence[str]) -> None:
    """Keep what the pages need and no record holds: what was found, and the texts of the assignment."""
    exercises = graded.texts.exercises.values()
    texts = {text.id: {"stub": text.stub, "solution": text.solution} for text in exercises}
    write_whole(out / RUN, json.dumps({"notes": list(notes), "texts": texts}, indent=1) + "\n", mode=0o600)


def write_outputs(out: Path) -> list[Record]:
    """Write the gradebook and all pages from the records of a folder; return the records."""
    everyone = records.read_all(out)
    _remove_pages_without_record(out, everyone)
    gradebook.write_gradebook(out, everyone)
    answers = records.read_answers(out)
    for record in everyone:
        feedback.write_feedback(out, record, answers=answers.get(record.student))
    run = records.read_json(out / RUN) if (out / RUN).exists() else {"notes": [], "texts": {}}
    alike = similarity.find_alike(
        answers,
        {exercise: text["stub"] for exercise, text in run["texts"].items()},
        {exercise: text["solution"] for exercise, text in run["texts"].items()},
    )
    overview.write_overview(out, everyone, notes=run["notes"], alike=alike)
    return everyone


def _remove_pages_without_record(out: Path, everyone: Sequence[Record]) -> None:
    """Remove what was written for somebody who has no record any more, or no grade."""
    pages = {records.file_name(record.student) for record in everyone}
    grades = {records.file_name(record.student) for record in everyone if gradebook.has_grade(record)}
    for folder, ending, kept in (
        (out / "feedback", "html", pages),
        (out / "exports" / "gradescope", "json", grades),
    ):
        for path in folder.glob(f"*-{'[0-9a-f]' * 8}.{ending}"):
            if path.stem not in kept:
                path.unlink()
