"""Grading as a pytest run: ``pytest --course-grade=SUBMISSIONS ...``.

Each exercise of each student is a test, so that ``-k``, ``--junitxml`` and the plugin xdist (with
``--dist loadscope``: a student's exercises stay together) work as ever. A test passes if the answer is right.
Nothing of a submission is collected or imported by pytest: the files beside it, ``conftest.py`` among them,
are never looked at. nbval's collection is not used: it takes a cell for a test, and its words for a verdict.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest

from course_utils.grading.records import ExerciseMark, Record
from course_utils.grading.scratch import scratch_folder
from course_utils.grading.submissions import Submission


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("course", "grading submissions of the course")
    group.addoption("--course-grade", metavar="SUBMISSIONS", help="folder or zip of submissions to grade")
    group.addoption("--course-notebook", metavar="NUMBER", help="the course's notebook, for example 01")
    group.addoption("--course-assignment", metavar="FOLDER", help="an assignment of your own")
    group.addoption("--course-out", metavar="FOLDER", help="folder for the records; default: a temporary one")


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Keep pytest from running a conftest.py: it looks into folders called test*, also in submissions."""
    if early_config.known_args_namespace.course_grade:
        early_config.known_args_namespace.noconftest = True


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Keep pytest from collecting anything else, above all beside the submissions."""
    del collection_path
    return True if config.getoption("--course-grade") else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Make a test of each exercise of each student."""
    path = config.getoption("--course-grade")
    if not path:
        return
    from course_utils.grading import assignment as assignments
    from course_utils.grading import sandbox
    from course_utils.grading.submissions import find

    notebook, folder = config.getoption("--course-notebook"), config.getoption("--course-assignment")
    if (notebook is None) == (folder is None):
        raise pytest.UsageError("Give either --course-notebook=01 or --course-assignment=FOLDER.")
    try:
        graded = (
            assignments.course_notebook(notebook)
            if notebook is not None
            else assignments.own_assignment(Path(folder))
        )
        found = find(Path(path), notebook_name=graded.notebook.name)
        protection = sandbox.best_protection()
    except ValueError as error:
        raise pytest.UsageError(str(error)) from None
    items[:] = []
    grader = _Grader(graded, protection, config.getoption("--course-out"))
    config.add_cleanup(grader.close)
    for submission in found.submissions:
        student = _Student.from_parent(session, name=submission.student, nodeid=submission.student)
        student.submission, student.grader = submission, grader
        items += [_Answer.from_parent(student, name=e.id) for e in graded.notebook.exercises]


class _Grader:
    """The run that all tests share, begun with the first of them."""

    def __init__(self, graded: Any, protection: Any, out: str | None) -> None:
        self._graded, self._protection, self._out = graded, protection, out
        self._run: Any = None
        self._left = contextlib.ExitStack()
        self._records: dict[str, Record] = {}

    def record(self, submission: Submission) -> Record:
        """Return a submission's record; it is graded when it is first asked for."""
        from course_utils.grading.run import Run

        if self._run is None:
            out = Path(self._out) if self._out else self._left.enter_context(scratch_folder())
            run = Run(
                assignment=self._graded,
                out=out,
                protection=self._protection,
                workers=1,
                on_record=lambda record: self._records.update({record.student: record}),
            )
            self._run = self._left.enter_context(run)
        if submission.student not in self._records:
            self._run.grade([submission])
        return self._records[submission.student]

    def close(self) -> None:
        """End the run and remove what it needed."""
        self._left.close()


class _Student(pytest.Collector):
    """One student's submission."""

    submission: Submission
    grader: _Grader

    def collect(self) -> list[pytest.Item]:
        return []


class _Answer(pytest.Item):
    """One exercise of one student."""

    def runtest(self) -> None:
        student: Any = self.parent
        record = student.grader.record(student.submission)
        mark = next(mark for mark in record.exercises if mark.id == self.name)
        if mark.status != "right":
            raise _NotRight(record, mark)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if not isinstance(excinfo.value, _NotRight):
            return super().repr_failure(excinfo, style)
        return str(excinfo.value)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        student: Any = self.parent
        return Path(student.submission.source), None, f"{student.name}: {self.name}"


class _NotRight(Exception):
    """An answer that is not right; its text is what a student reads."""

    def __init__(self, record: Record, mark: ExerciseMark) -> None:
        earned = f"{mark.status}, {mark.points:g} of {mark.possible:g} points"
        parts = [earned, record.reason, mark.mistake, mark.message]
        text = "\n".join(part for part in parts if part)
        # a student's text must not move the cursor of whoever grades
        super().__init__("".join(c if c.isprintable() or c == "\n" else "�" for c in text))
