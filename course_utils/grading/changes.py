"""What an instructor should hear of marks that change, or do not, when a folder is graded again."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from course_utils.grading import records
from course_utils.grading.contents import counted, named, shown
from course_utils.grading.gradebook import has_grade, points_in_words
from course_utils.grading.records import Record


def of_assignment(before: Sequence[Record], waiting: Collection[str], fingerprint: str) -> list[str]:
    """Return sentences about marks that another version of the assignment has given."""
    earlier = [r for r in before if r.assignment != fingerprint and r.state == "graded"]
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


def of_marks(before: Sequence[Record], everyone: Sequence[Record]) -> list[str]:
    """Return a sentence about the totals that are others than before."""
    points = {record.student: record.points for record in before if has_grade(record)}
    changed = [
        f"{r.student} {points_in_words(points[r.student])} → {points_in_words(r.points)}"
        for r in everyone
        if has_grade(r) and points.get(r.student, r.points) != r.points
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
