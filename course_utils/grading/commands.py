"""What `course grade` does: find, grade what has no record yet, write the gradebook and the pages."""

from __future__ import annotations

import contextlib
import hashlib
import re
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from course_utils import __version__, machine
from course_utils.grading import assignment as assignments
from course_utils.grading import identities, records, sandbox
from course_utils.grading.assignment import Assignment
from course_utils.grading.contents import shown
from course_utils.grading.reading import MAX_BYTES
from course_utils.grading.records import ExerciseMark, Record
from course_utils.grading.submissions import Found, Submission, SubmissionsError, find, read_bytes


class GradeError(ValueError):
    """The command cannot be carried out."""


def grade(
    path: Path,
    *,
    notebook: str | None,
    assignment: Path | None,
    out: Path,
    roster: Path | None = None,
    workers: int | None = None,
    only: Sequence[str] = (),
    regrade: bool = False,
    sandboxed: bool = True,
) -> int:
    """Grade submissions; return 0 if every one of them has its marks, 1 if some could not be graded.

    Parameters
    ----------
    path
        A folder or zip of submissions; see `course_utils.grading.submissions`.
    notebook, assignment
        One of them: the course's notebook by its number, or a folder with an assignment of one's own.
    out
        Folder of records, gradebook and pages. What has its record there and has not changed is skipped.
    roster
        Who should have handed in.
    workers
        Submissions at once; by default one for each core.
    only
        Names of students: nobody else is graded.
    regrade
        Also grade what has its record.
    sandboxed
        False: without protection, for one's own files.

    Raises
    ------
    ValueError
        If there is nothing to grade, or nothing to protect the machine with.
    """
    if (notebook is None) == (assignment is None):
        raise GradeError("Give either --notebook 01 or --assignment FOLDER.")
    if out.resolve().is_relative_to(path.resolve()):
        raise GradeError(f"{out} lies among the submissions and would be taken for one: name another folder.")
    graded = (
        assignments.course_notebook(notebook.zfill(2))
        if notebook is not None
        else assignments.own_assignment(assignment or Path())
    )
    protection = sandbox.best_protection() if sandboxed else sandbox.NO_PROTECTION
    found = find(path, notebook_name=graded.notebook.name, roster=roster)
    print(f"{path}: {found.layout}, {_count(len(found.submissions), 'submission')}.")
    for note in found.notes:
        print(f"- {note}")
    if found.on_roster == 0:
        raise GradeError(
            f"None of the roster's names is a student found here: nothing was graded. {roster} must have a "
            "column with the names as they are found, such as "
            f"{', '.join(shown(s.student) for s in found.submissions[:3])}, or their numbers."
        )
    print(f"Protection: {protection.description}.")
    chosen = _choose(found, only)
    _check_out(out, graded)
    with _writing(), _alone(out):
        _tell_shared(found.identities)
        for name, student in found.called.items():
            records.replace_missing(out, name, student)
        identities.remember(out, found.identities, forget=found.called)
        _note_missing(out, [s for s in found.missing if not only or s in only], graded)
        waiting = [s for s in chosen if regrade or not _is_done(out, s, graded)]
        _tell_before(out, len(chosen) - len(waiting), {s.student for s in waiting}, graded)
        _grade(waiting, graded, protection, out, workers or machine.cores(), regrade=regrade)
        everyone = write_outputs(out, graded, notes=found.notes)
    for record in everyone:
        for flag in record.flags:
            if records.BY_HAND in flag:
                print(f"NOTE: {shown(record.student)}, {flag}")
    failed = [record for record in everyone if record.state in ("unreadable", "failed")]
    print(f"{_count(len(everyone), 'record')} in {out}: grades.csv, overview.html, feedback, exports.")
    for record in failed:
        print(f"- {shown(record.student)}: {shown(record.reason)}")
    return 1 if failed else 0


def override(out: Path, student: str, exercise: str, points: float | None, *, comment: str) -> int:
    """Give a student other points for an exercise (None: the automatic ones again), and write all anew."""
    with _writing():
        record = records.set_points(out, student, exercise, points, comment=comment)
        write_outputs(out, None)
    now = next(mark.final for mark in record.exercises if mark.id == exercise)
    print(f"{student}: {exercise} has {now:g} points now, {record.points:g} of {record.possible:g} in all.")
    if record.state in ("unreadable", "failed") and points is not None:
        print("His file was not graded: with these points he has a grade; what you give none for counts 0.")
    return 0


def write_outputs(out: Path, graded: Assignment | None, *, notes: Sequence[str] = ()) -> list[Record]:
    """Write the gradebook and all pages from the records of a folder; return the records."""
    from course_utils.grading import feedback, gradebook, overview, similarity

    everyone = records.read_all(out)
    _remove_pages_without_record(out, everyone)
    gradebook.write_gradebook(out, everyone)
    answers = records.read_answers(out)
    for record in everyone:
        feedback.write_feedback(out, record, answers=answers.get(record.student))
    graded = graded or _assignment_of(everyone)
    texts = graded.texts.exercises.values() if graded is not None else ()
    alike = similarity.find_alike(
        answers,
        {text.id: text.stub for text in texts},
        {text.id: text.solution for text in texts},
    )
    overview.write_overview(out, everyone, notes=notes, alike=alike)
    return everyone


def _remove_pages_without_record(out: Path, everyone: Sequence[Record]) -> None:
    """Remove what was written for somebody who has no record any more."""
    kept = {records.file_name(record.student) for record in everyone}
    for folder, ending in ((out / "feedback", "html"), (out / "exports" / "gradescope", "json")):
        for path in folder.glob(f"*-{'[0-9a-f]' * 8}.{ending}"):
            if path.stem not in kept:
                path.unlink()


def _tell_shared(known: Mapping[str, identities.Identity]) -> None:
    for name, students in identities.shared(known):
        same = name.replace("_", " ")
        print(f"NOTE: {_named(sorted(students))} have the same {same}: the exports leave it out.")


@contextlib.contextmanager
def _writing() -> Iterator[None]:
    """Say in a sentence that the disk is full, or the folder somebody else's."""
    try:
        yield
    except BrokenPipeError:  # the reader of our output has seen enough
        raise
    except OSError as error:
        raise GradeError(
            f"A file could not be written: {error}. What was graded so far is kept; the same command goes on."
        ) from error


@contextlib.contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Keep other runs from a folder, and remove files that a killed one has half written."""
    import psutil
    from filelock import FileLock, Timeout

    records.make_private(out)
    try:
        lock = FileLock(out / ".lock").acquire(timeout=0)
    except Timeout:
        raise GradeError(
            f"Another `course grade` is writing to {out}: wait for its end, or give another --out."
        ) from None
    with lock:
        for path in out.rglob(".*.tmp"):
            written_by = re.search(r"\.(\d+)-[0-9a-f]+\.tmp$", path.name)
            if written_by and not psutil.pid_exists(int(written_by[1])):
                path.unlink(missing_ok=True)
        yield


def _note_missing(out: Path, students: Sequence[str], graded: Assignment) -> None:
    """Write records of those who handed in nothing; an earlier submission, found elsewhere, still counts."""
    kept = 0
    for student in students:
        path = records.path_of(out, student)
        if path.exists() and records.read(path).state != "missing":
            kept += 1
        else:
            records.write(out, _nothing_from(student, graded))
    if kept:
        print(f"{_count(kept, 'student')} without a file here keep the record of an earlier submission.")


def _grade(
    waiting: Sequence[Submission],
    graded: Assignment,
    protection: sandbox.Protection,
    out: Path,
    workers: int,
    *,
    regrade: bool,
) -> None:
    from tqdm import tqdm

    from course_utils.grading.run import Run

    if not waiting:
        return
    points: list[float] = []
    with tqdm(total=len(waiting), unit="submission", file=sys.stderr) as bar:

        def on_record(record: Record) -> None:
            points.append(record.points)
            mean = sum(points) / len(points)
            bar.set_postfix_str(f"mean {mean:.1f} of {record.possible:g}", refresh=False)
            bar.update()

        try:
            with Run(
                assignment=graded, out=out, protection=protection, workers=workers, on_record=on_record
            ) as run:
                run.grade(waiting)
        except KeyboardInterrupt:
            bar.close()
            done = _count(len(points), "submission")
            how = "the same command without --regrade" if regrade else "the same command"
            print(f"\n{done} of {len(waiting)} graded; {how} goes on with the others.")
            raise


def _choose(found: Found, only: Sequence[str]) -> list[Submission]:
    known = {submission.student for submission in found.submissions} | set(found.missing)
    unknown = [student for student in only if student not in known]
    if unknown:
        raise GradeError(
            f"Nobody called {', '.join(map(repr, unknown))} handed anything in; there are "
            f"{_named(sorted(known))}."
        )
    return [s for s in found.submissions if not only or s.student in only]


def _tell_before(out: Path, done: int, waiting: Collection[str], graded: Assignment) -> None:
    """Say what is not graded because it was before, and which marks an earlier assignment gave."""
    if done:
        print(f"{_count(done, 'submission')} graded before; --regrade grades them again.")
    earlier = [r for r in records.read_all(out) if r.assignment != graded.fingerprint and r.state == "graded"]
    again = [record.student for record in earlier if record.student in waiting]
    left = [record.student for record in earlier if record.student not in waiting]
    if again:
        whose = _count(len(again), "submission")
        print(f"The assignment, or the course, has changed since {whose} got marks: graded again.")
    if left:
        print(
            f"NOTE: an earlier version of the assignment gave the marks of {_named(left)}, and they stay: "
            "their files are not among those to be graded now."
        )


def _is_done(out: Path, submission: Submission, graded: Assignment) -> bool:
    """Whether a submission has its record already, and file and assignment are still the same."""
    path = records.path_of(out, submission.student)
    if not path.exists():
        return False
    record = records.read(path)
    if record.assignment != graded.fingerprint:
        return False
    try:
        data = read_bytes(submission, limit=MAX_BYTES)
    except SubmissionsError:
        return record.state == "unreadable"
    return record.state in ("graded", "unreadable") and record.file_hash == hashlib.sha256(data).hexdigest()


def _check_out(out: Path, graded: Assignment) -> None:
    """Refuse a folder that holds the records of another notebook: two would be mixed up."""
    if out.exists() and not out.is_dir():
        raise GradeError(f"{out} is a file: name a folder for the records.")
    for path in sorted((out / "records").glob("*.json"))[:1]:
        other = records.read(path).notebook
        if other != graded.notebook.id:
            raise GradeError(f"{out} holds records of notebook {other}: grade into another folder.")


def _nothing_from(student: str, graded: Assignment) -> Record:
    marks = tuple(
        ExerciseMark(id=t.id, title=t.title, points=0.0, possible=t.points, status="unjudged")
        for t in graded.texts.exercises.values()
    )
    return Record(
        student=student,
        notebook=graded.notebook.id,
        title=graded.notebook.title,
        state="missing",
        reason="Nothing was handed in.",
        version=__version__,
        assignment=graded.fingerprint,
        possible=graded.possible,
        exercises=marks,
    )


def _assignment_of(everyone: Sequence[Record]) -> Assignment | None:
    try:
        return assignments.course_notebook(everyone[0].notebook) if everyone else None
    except ValueError:  # an assignment of the instructor's own: its texts are not at hand
        return None


def _named(students: Sequence[str]) -> str:
    return f"{', '.join(map(shown, students[:8]))}{' ...' if len(students) > 8 else ''}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
