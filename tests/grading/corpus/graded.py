"""One grading run over a corpus, and what it left behind."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from corpus.case import Case, Target
from corpus.escapes import MARK
from corpus.write import student, write
from course_utils.grading.records import Record
from course_utils.grading.run import Run
from course_utils.grading.sandbox import Protection
from course_utils.grading.submissions import Found, find

SECRET = "CANARY-OF-THE-ENVIRONMENT-5d1e"
LISTENER = 48765  # the port that a case tries to reach
PROBE_SECONDS = 2.0  # for one call of an answer, instead of ten: hanging answers cost less


@dataclass(frozen=True)
class Graded:
    """What a run gave.

    Parameters
    ----------
    records : dict of str to Record
        By student.
    found : Found
        What was found before the run.
    seconds : float
        The whole run took, by the clock.
    out : Path
        Its folder.
    heard : list of bytes
        What came in from the network.
    left : list of str
        Processes that a submission left.
    remains : list of str
        Files and folders that the run left in the folder for temporary files.
    changed : list of str
        Submitted files that were changed, and new ones beside them.
    most : float
        Bytes that the run's own processes, boxes left out, took at most.
    """

    records: dict[str, Record]
    found: Found
    seconds: float
    out: Path
    heard: list[bytes]
    left: list[str]
    remains: list[str]
    changed: list[str]
    most: float


def grade(
    folder: Path, aim: Target, chosen: list[Case], protection: Protection, *, workers: int = 2
) -> Graded:
    """Write the submissions of these cases, grade them, and look at what was left behind."""
    submissions = write(folder / "submissions", aim, chosen)
    before = _hashes(submissions)
    others = {child.pid for child in psutil.Process().children(recursive=True)}  # of earlier tests, idle
    temporary = folder / "temporary"
    temporary.mkdir()
    graded: dict[str, Record] = {}
    found = find(submissions, notebook_name=aim.assignment.notebook.name)
    exercises = tuple(
        dataclasses.replace(exercise, limit_seconds=min(PROBE_SECONDS, exercise.limit_seconds))
        for exercise in aim.assignment.notebook.exercises
    )
    assignment = dataclasses.replace(
        aim.assignment, notebook=dataclasses.replace(aim.assignment.notebook, exercises=exercises)
    )
    with _surroundings(temporary), _listening() as heard, _watching() as most:
        begun = time.monotonic()
        with Run(
            assignment=assignment,
            out=folder / "out",
            protection=protection,
            workers=workers,
            on_record=lambda record: graded.update({record.student: record}),
        ) as run:
            run.grade(found.submissions)
        seconds = time.monotonic() - begun
        left = _left_behind(others)
    return Graded(
        records=graded,
        found=found,
        seconds=seconds,
        out=folder / "out",
        heard=heard,
        left=left,
        remains=sorted(str(path) for path in temporary.rglob("*")),
        changed=sorted(map(str, _hashes(submissions).items() ^ before.items())),
        most=max(most, default=0.0),
    )


def problems(case: Case, aim: Target, graded: Graded) -> list[str]:
    """Return what is not as a right grader has it, in sentences; none if the case was handled."""
    record = graded.records.get(student(case))
    if record is None:
        without = {*graded.found.missing, *graded.found.unusable}
        reported = student(case) in without or (case.reason_serves and not case.full)
        return [] if reported and case.reason_serves else ["There is no record."]
    if record.state != "graded":
        if case.reason_serves and record.reason and not record.points:
            return []
        return [f"It was not graded ({record.state}): {record.reason}"]
    wrong = []
    for mark in record.exercises:
        expected = case.marks(aim, boxed="bubblewrap" in record.protection)[mark.id]
        ok = {"full": mark.points == mark.possible, "none": mark.points == 0, "either": True}[expected]
        if not ok:
            wrong.append(
                f"{mark.id}: {mark.points:g} of {mark.possible:g} points, expected {expected}: "
                f"{mark.status}; {mark.mistake} {mark.message} {mark.printed[:300]}"
            )
    return wrong


@contextlib.contextmanager
def _surroundings(temporary: Path) -> Iterator[None]:
    """Use a folder of our own for temporary files, and set a variable that no submission may see."""
    before, tempfile.tempdir = tempfile.tempdir, str(temporary)
    os.environ["GRADER_SECRET"] = SECRET
    try:
        yield
    finally:
        tempfile.tempdir = before
        del os.environ["GRADER_SECRET"]


@contextlib.contextmanager
def _listening() -> Iterator[list[bytes]]:
    """Listen where a case tries to send to; give what was heard."""
    heard: list[bytes] = []
    with socket.socket() as server:
        # other tests may listen at the same time
        server.setsockopt(socket.SOL_SOCKET, getattr(socket, "SO_REUSEPORT", socket.SO_REUSEADDR), 1)
        server.bind(("127.0.0.1", LISTENER))
        server.listen()
        server.settimeout(0.2)
        ended = threading.Event()

        def listen() -> None:
            while not ended.is_set():
                with contextlib.suppress(TimeoutError):
                    connection, _ = server.accept()
                    with connection:
                        heard.append(connection.recv(100))

        thread = threading.Thread(target=listen)
        thread.start()
        try:
            yield heard
        finally:
            ended.set()
            thread.join()


@contextlib.contextmanager
def _watching() -> Iterator[list[float]]:
    """Give the largest memory of a worker, looked at every half second."""
    most: list[float] = []
    ended = threading.Event()

    def watch() -> None:
        us = psutil.Process()
        while not ended.wait(0.5):
            with contextlib.suppress(psutil.Error):
                most.append(max((p.memory_info().rss for p in us.children() if _is_worker(p)), default=0))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield most
    finally:
        ended.set()
        thread.join()


def _is_worker(process: psutil.Process) -> bool:
    return "course_utils.grading.worker" in process.cmdline()


def _left_behind(others: set[int], seconds: float = 20.0) -> list[str]:
    """Return processes that submissions started, and boxes of ours, that do not end soon.

    Not the ``others``, which were there before.
    """
    end = time.monotonic() + seconds
    while True:
        ours = psutil.Process().children(recursive=True)
        left = [p for p in ours if p.pid not in others and _status(p) != psutil.STATUS_ZOMBIE]
        left += [p for p in psutil.process_iter(["cmdline"]) if MARK in (p.info["cmdline"] or [])]
        if not left or time.monotonic() > end:
            return [str(process) for process in left]
        time.sleep(0.2)


def _status(process: psutil.Process) -> str:
    try:
        return process.status()
    except psutil.NoSuchProcess:
        return psutil.STATUS_ZOMBIE


def _hashes(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }
