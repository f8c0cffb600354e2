"""The instructor's page: how the class did, what it found hard, and which submissions need a look."""

from __future__ import annotations

import re
import statistics
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from course_utils.files import write_whole
from course_utils.grading.contents import counted
from course_utils.grading.distribution import distribution
from course_utils.grading.feedback import NUMBER, page, page_of, prose, quoted, table
from course_utils.grading.gradebook import (
    STATE_IN_WORDS,
    STATUS_IN_WORDS,
    exercise_ids,
    has_grade,
    points_in_words,
    reasons,
)
from course_utils.grading.records import ExerciseMark, Record
from course_utils.grading.similarity import Alike

MISTAKES = 20  # rows of the table of mistakes
MOSTLY = 0.5  # share of the long answers from which on a student is listed as equal to the solution
NAMED = 6  # students named in a row; the others are folded away


def write_overview(
    out: Path, records: Sequence[Record], *, notes: Sequence[str] = (), alike: Sequence[Alike] = ()
) -> Path:
    """Write ``overview.html`` and return its path.

    Parameters
    ----------
    out : Path
        The folder; the pages of the students lie in ``feedback/`` there.
    records : sequence of Record
        With the overrides merged, graded or not.
    notes : sequence of str
        Sentences about what was found: which files were ignored, which of several was taken.
    alike : sequence of Alike
        Submissions that are unusually alike, and copies of the solution.

    Raises
    ------
    OSError
        If the folder cannot be written.
    """
    title = next((f"{r.notebook} {r.title}".strip() for r in records), "No submissions")
    graded = [record for record in records if record.state == "graded"]
    parts = [
        f"<h1>{prose(title)}</h1>",
        _numbers(records, graded),
        distribution([r.points for r in graded], max((r.possible for r in graded), default=0.0)),
        _exercises(graded),
        _mistakes(graded),
        _not_graded(records),
        _flagged(records),
        _overrides(records),
        _alike(records, alike),
        _notes(notes),
        _protection(graded),
        _students(records),
    ]
    out.mkdir(parents=True, exist_ok=True)
    path = out / "overview.html"
    write_whole(path, page(f"Overview: {title}", "\n".join(part for part in parts if part)))
    return path


def _numbers(records: Sequence[Record], graded: Sequence[Record]) -> str:
    states = Counter(record.state for record in records)
    handed_in = counted(len(records) - states["missing"], "submission")
    lines = [f'<p class="total">{handed_in}, {len(graded)} graded</p>']
    if len(graded) < len(records):
        others = [f"{states[s]} {STATE_IN_WORDS[s]}" for s in STATE_IN_WORDS if s != "graded" and states[s]]
        lines.append(f"<p>Not graded: {', '.join(others)}.</p>")
    if graded:
        totals = [record.points for record in graded]
        figures = {
            "mean": _rounded(statistics.fmean(totals)),
            "median": _rounded(statistics.median(totals)),
            "lowest": points_in_words(min(totals)),
            "highest": points_in_words(max(totals)),
        }
        said = ", ".join(f"{name} {figure}" for name, figure in figures.items())
        possible = points_in_words(max(record.possible for record in graded))
        whose = (
            "" if len(graded) == len(records) else f", for the {counted(len(graded), 'graded submission')}"
        )
        lines.append(f"<p>Of {possible} points{whose}: {said if len(graded) > 1 else figures['mean']}.</p>")
    lines.append(
        '<p>All points are in <a href="grades.csv">grades.csv</a>, files for other systems in '
        '<code>exports</code> (<a href="exports/README.txt">what to do with them</a>), pages of the students '
        "in <code>feedback</code>.</p>"
    )
    return "\n".join(lines)


def _exercises(graded: Sequence[Record]) -> str:
    marks: dict[str, list[ExerciseMark]] = {}
    for record in graded:
        for mark in record.exercises:
            marks.setdefault(mark.id, []).append(mark)
    if not marks:
        return ""
    seen = {mark.status for found in marks.values() for mark in found} | {
        "right",
        "wrong",
        "blank",
        "stopped",
    }
    shown = [status for status in STATUS_IN_WORDS if status in seen]
    rows = []
    for found in marks.values():
        statuses = Counter(mark.status for mark in found)
        shares = "".join(f"<td{NUMBER}>{_share(statuses[status], len(found))}</td>" for status in shown)
        mean = _rounded(statistics.fmean(mark.final for mark in found))
        rows.append(
            f'<tr><th scope="row">{_exercise(found[0])}</th>'
            f"<td{NUMBER}>{mean} of {points_in_words(found[0].possible)}</td>{shares}</tr>"
        )
    right = {id_: sum(mark.status == "right" for mark in found) for id_, found in marks.items()}
    hardest = min(marks, key=lambda id_: right[id_] / len(marks[id_]))
    if right[hardest] == len(marks[hardest]):
        finding = "Every answer is right"
    else:
        said = _share(right[hardest], len(marks[hardest])) if right[hardest] else "nobody"
        finding = f"The hardest exercise was {_exercise(marks[hardest][0])}: {said} right"
    explained = (
        '<p class="quiet">Broken off: a cell or a call that ate the memory, wrote without end, started too '
        "many processes, ended the kernel, or could not be interrupted. What takes too long otherwise is not "
        "right.</p>\n"
    )
    names = ["Exercise", "Mean points", *(STATUS_IN_WORDS[status].capitalize() for status in shown)]
    return f"<h2>{finding}</h2>\n{explained}{table(names, rows, numbers=names[1:])}"


def _mistakes(graded: Sequence[Record]) -> str:
    found: dict[tuple[str, str], list[tuple[Record, str]]] = {}
    for record in graded:
        for mark in record.exercises:
            said = mark.mistake or mark.message
            if said and mark.status not in ("right", "blank"):
                # messages hold numbers of this student's inputs: what is alike but for them is one mistake
                found.setdefault((mark.id, re.sub(r"[\d.e+-]*\d", "#", said)), []).append((record, said))
    order = {id_: place for place, id_ in enumerate(exercise_ids(graded))}
    ranked = sorted(found.items(), key=lambda item: (-len(item[1]), order[item[0][0]], item[0][1]))
    common = [item for item in ranked if len(item[1]) > 1] or ranked
    rows = []
    for (id_, _), cases in common[:MISTAKES]:
        differ = ' <span class="quiet">(with other numbers)</span>' if len({s for _, s in cases}) > 1 else ""
        rows.append(
            f'<tr><th scope="row">{quoted(id_)}</th><td>{prose(cases[0][1])}{differ}</td>'
            f"<td{NUMBER}>{len(cases)}</td><td>{_listed([_link(record) for record, _ in cases])}</td></tr>"
        )
    if not rows:
        return ""
    more = len(ranked) - len(rows)
    rest = (
        f'\n<p class="quiet">And {counted(more, "rarer one")}, on the students\' pages.</p>' if more else ""
    )
    names = ["Exercise", "What was said", "Students", "Who"]
    return f"<h2>Most common mistakes</h2>\n{table(names, rows, numbers={'Students'})}{rest}"


def _not_graded(records: Sequence[Record]) -> str:
    rows = [
        f'<tr><th scope="row">{_link(record)}</th><td>{STATE_IN_WORDS[record.state]}</td>'
        f"<td>{prose(record.reason)}</td><td><bdi>{quoted(record.file)}</bdi></td></tr>"
        for record in records
        if record.state != "graded"
    ]
    if not rows:
        return ""
    return f"<h2>Not graded</h2>\n{table(['Student', 'State', 'Reason', 'File'], rows)}"


def _flagged(records: Sequence[Record]) -> str:
    rows = []
    for record in records:
        flags = [prose(flag) for flag in record.flags]
        flags += [f"{quoted(mark.id)}: {prose(flag)}" for mark in record.exercises for flag in mark.flags]
        if flags:
            items = "".join(f"<li>{flag}</li>" for flag in flags)
            rows.append(f'<tr><th scope="row">{_link(record)}</th><td><ul>{items}</ul></td></tr>')
    if not rows:
        return "<h2>Flagged submissions</h2>\n<p>None.</p>" if records else ""
    return (
        "<h2>Flagged submissions</h2>\n"
        "<p>A flag changes no points: look, and set others by <code>course grade set</code>.</p>\n"
        f"{table(['Student', 'Flags'], rows)}"
    )


def _overrides(records: Sequence[Record]) -> str:
    rows = [
        f'<tr><th scope="row">{_link(record)}</th><td>{_exercise(mark)}</td>'
        f"<td{NUMBER}>{points_in_words(mark.points)}</td><td{NUMBER}>{points_in_words(mark.override)}</td>"
        f"<td>{prose(mark.comment)}</td></tr>"
        for record in records
        for mark in record.exercises
        if mark.override is not None
    ]
    if not rows:
        return ""
    names = ["Student", "Exercise", "Automatic", "Given", "Comment"]
    return f"<h2>Points given by hand</h2>\n{table(names, rows, numbers={'Automatic', 'Given'})}"


def _alike(records: Sequence[Record], alike: Sequence[Alike]) -> str:
    if not alike:
        return ""
    known = {record.student: record for record in records}
    parts = [
        "<h2>Alike submissions</h2>\n"
        '<p class="note">Listed, never marked down: likeness proves nothing, and a copied solution is a '
        "correct solution. Names, comments and form were not compared, nor what the release, the published "
        "solution or most of the class share.</p>"
    ]
    kinds = {
        "Unusually alike": [found for found in alike if len(found.students) > 1],
        "Equal to the published solution": [
            found for found in alike if len(found.students) == 1 and found.share >= MOSTLY
        ],
    }
    for kind, listed in kinds.items():
        rows = []
        for found in listed:
            who = _listed([_link(known[s]) if s in known else quoted(s) for s in found.students])
            where = ", ".join(quoted(exercise) for exercise in found.exercises)
            cells = f"<td{NUMBER}>{_percent(found.share)}</td><td>{where}</td><td>{prose(found.note)}</td>"
            rows.append(f'<tr><th scope="row">{who}</th>{cells}</tr>')
        if rows:
            names = ["Students", "Share", "Exercises", "Why"]
            parts.append(f"<h3>{kind}</h3>\n{table(names, rows, numbers={'Share'})}")
    return "\n".join(parts)


def _notes(notes: Sequence[str]) -> str:
    if not notes:
        return ""
    items = "\n".join(f"<li>{prose(note)}</li>" for note in notes)
    return f"<h2>What was found</h2>\n<ul>\n{items}\n</ul>"


def _protection(graded: Sequence[Record]) -> str:
    if not graded:
        return ""
    used = Counter(prose(record.protection) if record.protection else "not stated" for record in graded)
    items = "\n".join(f"<li>{name} ({counted(n, 'submission')})</li>" for name, n in used.most_common())
    median = statistics.median(record.seconds for record in graded)
    longest = max(graded, key=lambda record: record.seconds)
    return (
        f"<h2>How the submissions were run</h2>\n<p>Protection:</p>\n<ul>\n{items}\n</ul>\n"
        f"<p>Seconds each: median {median:.1f}, longest {longest.seconds:.1f} ({_link(longest)}).</p>"
    )


def _students(records: Sequence[Record]) -> str:
    rows = []
    for record in records:
        total = points_in_words(record.points) if has_grade(record) else "–"
        n = len(reasons(record))
        name = record.identity.name
        also = f' <bdi class="quiet">{quoted(name)}</bdi>' if name and name != record.student else ""
        notes = ", ".join(
            ([counted(n, "note")] if n else []) + (["points by hand"] if record.is_by_hand else [])
        )
        rows.append(
            f'<tr><th scope="row">{_link(record)}{also}</th><td{NUMBER}>{total}</td>'
            f"<td>{STATE_IN_WORDS[record.state]}</td><td>{notes}</td></tr>"
        )
    if not rows:
        return ""
    names = ["Student", "Points", "State", "Notes"]
    return f"<h2>All students</h2>\n{table(names, rows, numbers={'Points'})}"


def _link(record: Record) -> str:
    return f'<a href="{page_of(record).as_posix()}"><bdi>{quoted(record.student)}</bdi></a>'


def _exercise(mark: ExerciseMark) -> str:
    return f"{quoted(mark.id)} {prose(mark.title)}"


def _listed(names: Sequence[str]) -> str:
    if len(names) <= NAMED + 1:
        return ", ".join(names)
    first, rest = ", ".join(names[:NAMED]), ", ".join(names[NAMED:])
    return f"{first} <details><summary>and {len(names) - NAMED} more</summary>{rest}</details>"


def _share(n: int, of: int) -> str:
    return f"{n} ({_percent(n / of)})" if n else "0"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _rounded(points: float) -> str:
    return points_in_words(round(points, 1))
