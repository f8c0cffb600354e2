"""Grade a folder of submissions: workers side by side, one judge, one record each, whatever happens.

Each submission's record is written whole as soon as it is graded, so a run that is stopped, or killed,
goes on where it stood when it is started again. A worker that is lost costs its submission one more try.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import queue
import secrets
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from course_utils import __version__
from course_utils.exercises.specification import call_without_autograd
from course_utils.files import write_whole
from course_utils.grading import frames, records, sandbox
from course_utils.grading.adjudication import Adjudicator, secret_seeds
from course_utils.grading.assignment import Assignment
from course_utils.grading.box_course import write_box_course
from course_utils.grading.records import ExerciseMark, Record, make_private
from course_utils.grading.scratch import scratch_folder
from course_utils.grading.submissions import Submission

TRIES = 2  # for a submission whose worker was lost
SECONDS = 900.0  # a worker that is silent for so long is lost


@dataclass(kw_only=True)
class Run:
    """A grading run.

    Parameters
    ----------
    assignment : Assignment
        What is graded.
    out : Path
        Folder of records; a secret key for the seeds lies there too.
    protection : Protection
        What keeps submissions from the machine.
    workers : int
        Submissions at once.
    on_record : callable
        Called with each record as it is written, one at a time.
    """

    assignment: Assignment
    out: Path
    protection: sandbox.Protection
    workers: int = 2
    on_record: Callable[[Record], None] = lambda _: None
    _stop: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Run:
        make_private(self.out)
        self._key = _key(self.out)
        with contextlib.ExitStack() as stack:
            self.folder = stack.enter_context(scratch_folder())
            self.course = write_box_course(self.folder / "course", withheld=self.assignment.notebook.withheld)
            self.judge = Adjudicator(self.assignment)
            self._left = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._left.close()

    def grade(self, submissions: Iterable[Submission]) -> None:
        """Grade these submissions; returns when all have their record. Inside the ``with`` block only."""
        waiting: queue.SimpleQueue[Submission] = queue.SimpleQueue()
        for submission in submissions:
            waiting.put(submission)
        failures: list[BaseException] = []
        # Not `join`: interrupted, it can take a running thread for a dead one (Python < 3.13).
        ended = threading.Semaphore(0)
        at_work = min(self.workers, waiting.qsize())
        for number in range(at_work):
            threading.Thread(target=self._work, args=(number, waiting, failures, ended), daemon=True).start()
        try:
            while at_work:
                at_work -= ended.acquire(timeout=0.2)
        finally:  # also when the instructor interrupts
            self._stop.set()
            while at_work and ended.acquire(timeout=10):
                at_work -= 1
            self._stop.clear()
        if failures:
            raise failures[0]

    def _work(
        self,
        number: int,
        waiting: queue.SimpleQueue[Submission],
        failures: list[BaseException],
        ended: threading.Semaphore,
    ) -> None:
        try:
            with _Worker(self, number) as worker:
                while not self._stop.is_set():
                    try:
                        submission = waiting.get_nowait()
                    except queue.Empty:
                        return
                    graded = worker.grade(submission, self._key)
                    if graded is None:
                        return
                    record, answers = graded
                    with self._lock:
                        records.write_answers(self.out, record.student, answers)
                        records.write(self.out, record)
                        self.on_record(record)
        except BaseException as error:
            failures.append(error)
            self._stop.set()
        finally:
            ended.release()


class _Worker:
    """A worker process and the thread's end of the pipe to it; started anew when it is lost."""

    def __init__(self, run: Run, number: int) -> None:
        self._run, self._number = run, number
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> _Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def grade(self, submission: Submission, key: str) -> tuple[Record, dict[str, str]] | None:
        """Return a submission's record and the texts of its answers; None if the run was stopped."""
        for _ in range(TRIES):
            try:
                found, seeds = self._converse(submission, key)
                return self._record(submission, found, seeds), found.get("answers", {})
            except (frames.FrameError, OSError):
                self._end()
                if self._run._stop.is_set():
                    return None
        reason = "Grading it ended the grader's own process twice: look at this file with care."
        return self._record(submission, {"state": "failed", "reason": reason}, ()), {}

    def _converse(self, submission: Submission, key: str) -> tuple[dict[str, Any], tuple[int, ...]]:
        judge = self._run.judge
        process = self._process or self._start()
        assert process.stdin is not None
        descriptor = process.stdin.fileno()
        frames.send(
            descriptor,
            {
                "student": submission.student,
                "source": os.fspath(submission.source),
                "member": submission.member,
            },
        )
        silent, seeds = 0.0, tuple[int, ...]()
        while True:
            found, message = self._reader.poll(0.5)
            if self._run._stop.is_set():
                raise frames.FrameError("stopped")
            silent = 0.0 if found else silent + 0.5
            if silent > SECONDS:
                raise frames.FrameError("silent")
            if not found:
                continue
            if "done" in message:
                return message["done"], seeds
            if message["ask"] == "opened":
                seeds = secret_seeds(key, submission.student, message["file_hash"])
                continue
            exercise = message["exercise"]
            if message["ask"] == "question":
                answer = dataclasses.asdict(judge.question(exercise, seeds))
            elif message["ask"] == "reference":
                source, names = judge.reference(exercise)
                answer = {"source": source, "names": names}
            else:
                answer = dataclasses.asdict(judge.verdict(exercise, seeds, message["answers"]))
            frames.send(descriptor, answer)

    def _start(self) -> subprocess.Popen[bytes]:
        texts = self._run.assignment.texts
        process = subprocess.Popen(
            [sys.executable, "-m", "course_utils.grading.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._reader = frames.Reader(
            process.stdout.fileno(), limit=4 * frames.MAX_FRAME, parts=4 * frames.MAX_PARTS
        )  # a worker passes on several answers at once
        by_hand = [e.id for e in self._run.assignment.notebook.exercises if e.probe is call_without_autograd]
        frames.send(
            process.stdin.fileno(),
            {
                "cells": [dataclasses.asdict(cell) for cell in texts.cells],
                "texts": [dataclasses.asdict(text) | {"solution": ""} for text in texts.exercises.values()],
                "by_hand": by_hand,
                "protection": dataclasses.asdict(self._run.protection),
                "course": os.fspath(self._run.course),
                "worker": self._number,
                "scratch": os.fspath(self._run.folder),
            },
        )
        return process

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                with contextlib.suppress(OSError):
                    if pipe is not None:
                        pipe.close()
            self._process = None

    def _record(self, submission: Submission, found: dict[str, Any], seeds: tuple[int, ...]) -> Record:
        assignment = self._run.assignment
        marks = []
        for text in assignment.texts.exercises.values():
            tried = dict(found.get("exercises", {}).get(text.id, {"status": "unjudged"}))
            share = 1.0 if tried["status"] == "right" else tried.get("credit", 0.0)
            tried.pop("credit", None)
            marks.append(
                ExerciseMark(
                    id=text.id,
                    title=text.title,
                    points=round(share * text.points, 4),
                    possible=text.points,
                    **{**tried, "flags": tuple(tried.get("flags", ()))},
                )
            )
        return Record(
            student=submission.student,
            notebook=assignment.notebook.id,
            title=assignment.notebook.title,
            file=submission.member or os.fspath(submission.source),
            file_hash=found.get("file_hash", ""),
            state=found["state"],
            reason=found["reason"],
            protection=self._run.protection.description,
            seeds=seeds,
            seconds=round(found.get("seconds", 0.0), 2),
            version=__version__,
            assignment=assignment.fingerprint,
            possible=assignment.possible,
            flags=tuple(found.get("flags", ())) + submission.remarks,
            exercises=tuple(marks),
        )


def _key(out: Path) -> str:
    """Return the run's secret, made once: seeds follow from it, so grading again gives the same marks."""
    from filelock import FileLock

    path = out / "secret.json"
    with FileLock(out / ".secret.lock"):  # pytest's workers begin all at once
        if not path.exists():
            write_whole(path, json.dumps({"key": secrets.token_hex(16)}) + "\n", mode=0o600)
    key: str = json.loads(path.read_text(encoding="utf-8"))["key"]
    return key
