"""What an instructor should hear of marks that change, or do not, when a folder is graded again."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from course_utils.grading import records
from course_utils.grading.contents import named, shown
from course_utils.grading.gradebook import has_grade, points_in_words
from course_utils.grading.records import Record


def counted(number: int, noun: str) -> str:
    """Return "1 file", "2 files"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def totals(out: Path) -> dict[str, float]:
    """Return the points of everybody who has a grade."""
    return {record.student: record.points for record in records.read_all(out) if has_grade(record)}


def of_assignment(out: Path, waiting: Collection[str], fingerprint: str) -> list[str]:
    """Return sentences about marks that another version of the assignment has given."""
    earlier = [r for r in records.read_all(out) if r.assignment != fingerprint and r.state == "graded"]
    again = [record.student for record in earlier if record.student in waiting]
    left = [record.student for record in earlier if record.student not in waiting]
    found = []
    if again:
        whose = counted(len(again), "submission")
        found.append(f"The assignment, or the course, has changed since {whose} got marks: graded again.")
    if left:
        found.append(
            f"NOTE: an earlier version of the assignment gave the marks of {named(left)}, and they stay: "
            "their files are not among those to be graded now."
        )
    return found


def of_marks(before: Mapping[str, float], everyone: Sequence[Record]) -> list[str]:
    """Return a sentence about the totals that are others than before."""
    changed = [
        f"{r.student} {points_in_words(before[r.student])} → {points_in_words(r.points)}"
        for r in everyone
        if has_grade(r) and before.get(r.student, r.points) != r.points
    ]
    return [f"Other marks than before: {named(changed)}."] if changed else []


def by_hand(everyone: Sequence[Record]) -> list[str]:
    """Return sentences about points given by hand that need a look: see `records.merge`."""
    return [
        f"NOTE: {shown(record.student)}, {flag}"
        for record in everyone
        for flag in record.flags
        if records.BY_HAND in flag
    ]
