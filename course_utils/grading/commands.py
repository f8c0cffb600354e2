"""What `course grade` does: find, grade what has no record yet, write the gradebook and the pages."""

from __future__ import annotations

import contextlib
import hashlib
import re
import sys
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from course_utils import __version__, machine
from course_utils.grading import assignment as assignments
from course_utils.grading import changes, identities, outputs, records, sandbox
from course_utils.grading.assignment import Assignment
from course_utils.grading.contents import counted, named, shown
from course_utils.grading.identities import Identity
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
    print(f"{path}: {found.layout}, {counted(len(found.submissions), 'submission')}.")
    for note in found.notes:
        print(f"- {note}")
    if found.on_roster == 0:
        raise GradeError(
            f"None of the roster's names is a student found here: nothing was graded. {roster} must have a "
            "column with the names as they are found, such as "
            f"{', '.join(shown(s.student) for s in found.submissions[:3])}, or their numbers."
        )
    print(f"Protection: {protection.description}.")
    only = [identities.who(student, _everybody(found)) for student in only]
    chosen = [s for s in found.submissions if not only or s.student in only]
    _check_out(out, graded)
    with _writing(), _alone(out):
        _remove_damaged(out, {s.student for s in chosen})
        before = records.read_all(out)
        _tell_strangers(out, before, found)
        _remember_people(out, found)
        outputs.remember_run(out, graded, found.notes)
        _note_without_notebook(out, found, only, graded)
        waiting = [s for s in chosen if regrade or not _is_done(out, s, graded)]
        if done := len(chosen) - len(waiting):
            again = "--regrade grades it again" if done == 1 else "--regrade grades them again"
            print(f"{counted(done, 'submission')} graded before; {again}.")
        for sentence in changes.of_assignment(before, {s.student for s in waiting}, graded.fingerprint):
            print(sentence)
        _grade(waiting, graded, protection, out, workers or machine.cores(), regrade=regrade)
        everyone = outputs.write_outputs(out)
    for sentence in [*changes.of_marks(before, everyone), *changes.by_hand(everyone)]:
        print(sentence)
    failed = [record for record in everyone if record.state in ("unreadable", "failed")]
    print(f"{counted(len(everyone), 'record')} in {out}: grades.csv, overview.html, feedback, exports.")
    for record in failed:
        print(f"- {shown(record.student)}: {shown(record.reason)}")
    return 1 if failed else 0


def override(
    out: Path, student: str, exercise: str, points: float | None, *, comment: str | None = None
) -> int:
    """Give a student other points for an exercise (None: the automatic ones again), and write all anew.

    Without a comment an earlier one stays.
    """
    with _writing():
        if (out / "records").is_dir():
            student = identities.who(student, _known(out))
        record = records.set_points(out, student, exercise, points, comment=comment)
        outputs.write_outputs(out)
    now = next(mark.final for mark in record.exercises if mark.id == exercise)
    student = shown(student)
    print(f"{student}: {exercise} has {now:g} points now, {record.points:g} of {record.possible:g} in all.")
    if record.state in ("unreadable", "failed") and points is not None:
        print(f"The file of {student} was not graded: now there is a grade; what you give none for counts 0.")
    return 0


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


def _remove_damaged(out: Path, students: Collection[str]) -> None:
    """Remove records that cannot be read, of those who are graded now; others end in a sentence."""
    for student in students:
        path = records.path_of(out, student)
        try:
            if path.exists():
                records.read(path)
        except records.RecordError as error:
            print(f"NOTE: {error} {shown(student)} is graded again.")
            path.unlink()


def _tell_strangers(out: Path, before: Sequence[Record], found: Found) -> None:
    """Say it where a folder holds other students only: the wrong one may have been named."""
    held = {record.student for record in before}
    here = {*(s.student for s in found.submissions), *found.missing, *found.unusable, *found.called}
    if held and not held & here:
        others = named(sorted(held))
        print(f"NOTE: {out} holds the records of other students only ({others}): is it the right folder?")


def _remember_people(out: Path, found: Found) -> None:
    """Keep who is who; whoever was missing under another name is so no more."""
    for name, students in identities.shared(found.identities):
        same = name.replace("_", " ")
        print(f"NOTE: {named(sorted(students))} have the same {same}: the exports leave it out.")
    here = {s.student: found.identities.get(s.student, Identity()) for s in found.submissions}
    called = found.called | identities.same_people(identities.recall(out), here)
    for name, student in called.items():
        records.replace_missing(out, name, student)
    identities.remember(out, found.identities, forget=called)


def _known(out: Path) -> dict[str, Identity]:
    return {record.student: record.identity for record in records.read_all(out)}


def _note_without_notebook(out: Path, found: Found, only: Collection[str], graded: Assignment) -> None:
    """Write records of those without a notebook; an earlier submission, found elsewhere, still counts."""
    kept = []
    for student in [*found.missing, *found.unusable]:
        if only and student not in only:
            continue
        path, reason = records.path_of(out, student), found.unusable.get(student, "")
        before, now = records.read(path) if path.exists() else None, _nothing_from(student, graded, reason)
        if before is not None and before.file_hash:
            kept.append(student)
        elif before != now:
            records.write(out, now)
    if kept:
        print(f"Without a notebook here, but graded before, and so it stays: {named(kept)}.")


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
            done = counted(len(points), "submission")
            how = "the same command without --regrade" if regrade else "the same command"
            print(f"\n{done} of {len(waiting)} graded; {how} goes on with the others.")
            raise


def _everybody(found: Found) -> dict[str, Identity]:
    students = [*(s.student for s in found.submissions), *found.missing, *found.unusable]
    return {student: found.identities.get(student, Identity()) for student in students}


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
    for path in (out / "records").glob("*.json"):
        with contextlib.suppress(records.RecordError):  # damaged: see `_remove_damaged`
            other = records.read(path).notebook
            if other != graded.notebook.id:
                raise GradeError(f"{out} holds records of notebook {other}: grade into another folder.")
            return


def _nothing_from(student: str, graded: Assignment, reason: str) -> Record:
    marks = tuple(
        ExerciseMark(id=t.id, title=t.title, points=0.0, possible=t.points, status="unjudged")
        for t in graded.texts.exercises.values()
    )
    return Record(
        student=student,
        notebook=graded.notebook.id,
        title=graded.notebook.title,
        state="unreadable" if reason else "missing",
        reason=reason or "Nothing was handed in.",
        version=__version__,
        assignment=graded.fingerprint,
        possible=graded.possible,
        exercises=marks,
    )
