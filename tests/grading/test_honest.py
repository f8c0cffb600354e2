"""Forty honest submissions of notebook 01, right and wrong in known ways: each mark is as designed."""

import dataclasses
import importlib.util
import json

import nbformat
import pytest
from corpus.case import ROOT, Draft, changed, target

from course_utils.exercises.specification import Mistake
from course_utils.grading.run import Run
from course_utils.grading.submissions import Submission

STUDENTS = 40
KEYS = ("monday", "tuesday", "wednesday")


@dataclasses.dataclass(frozen=True)
class Designed:
    """What an exercise's answer is, and so what it must earn."""

    source: str
    status: str
    share: float
    mistake: str = ""


def designs(exercise):
    """Return the ways to answer an exercise: the reference, its variants, its mistakes, and not at all."""
    aim = target("01")
    text = aim.assignment.texts.exercises[exercise.id]
    found = [Designed(text.solution, "right", 1.0)]
    for change in (*exercise.variants, *exercise.mistakes):
        source = changed(aim.assignment, exercise, change)
        wrong = isinstance(change, Mistake)
        status, share = ("wrong", change.credit) if wrong else ("right", 1.0)
        found.append(Designed(source, status, share, change.message if wrong else ""))
    return [*found, Designed(text.stub, "blank", 0.0)]


def designed(student):
    """Return a student's answers by exercise: the class has every way to answer every exercise."""
    answers = {}
    for place, exercise in enumerate(target("01").assignment.notebook.exercises):
        ways = designs(exercise)
        answers[exercise.id] = ways[(student + 7 * place) % len(ways)]
    return answers


def hand_in(folder, student):
    draft = Draft(target("01"))
    for exercise, way in designed(student).items():
        draft.cell(exercise)["source"] = way.source
    file = folder / f"{student:02}.ipynb"
    file.write_bytes(draft.bytes())
    return Submission(f"{student:02}", file)


def grade(folder, students, key, protection):
    """Return the records of these students, by name."""
    out = folder / "out"
    out.mkdir()
    (out / "secret.json").write_text(json.dumps({"key": key}), encoding="utf-8")
    graded = {}
    with Run(
        assignment=target("01").assignment,
        out=out,
        protection=protection,
        on_record=lambda record: graded.update({record.student: record}),
    ) as run:
        run.grade([hand_in(folder, student) for student in students])
    return graded


def differences(records, students):
    """Return the marks that are not as they were designed."""
    found = []
    for student in students:
        record = records[f"{student:02}"]
        assert record.state == "graded"
        for mark in record.exercises:
            way = designed(student)[mark.id]
            expected = (way.status, way.share * mark.possible, way.mistake)
            if expected != (mark.status, mark.points, mark.mistake):
                found.append(f"{student} {mark.id}: {expected}, but {mark}")
    return found


def test_the_class_has_every_way_to_answer_every_exercise():
    for exercise in target("01").assignment.notebook.exercises:
        given = {designed(student)[exercise.id].source for student in range(STUDENTS)}
        assert given == {way.source for way in designs(exercise)}


def test_four_students_have_exactly_the_marks_they_earned(best, tmp_path):
    students = range(4)
    assert differences(grade(tmp_path, students, KEYS[0], best), students) == []


@pytest.mark.slow
@pytest.mark.parametrize("key", KEYS)
def test_forty_students_have_exactly_the_marks_they_earned(best, tmp_path, key):
    students = range(STUDENTS)
    assert differences(grade(tmp_path, students, key, best), students) == []


@pytest.mark.slow
def test_plain_nbval_and_the_grader_agree_on_a_mixed_submission(best, tmp_path):
    student = 3
    records = grade(tmp_path, [student], KEYS[0], best)
    marks = records[f"{student:02}"].exercises
    notebook = nbformat.read(tmp_path / f"{student:02}.ipynb", as_version=4)
    (tmp_path / "nbval").mkdir()
    failed = _plain_nbval().run_nbval(notebook, tmp_path / "nbval", strict=True)
    wrong = [f"check-{mark.id.replace('.', '-')}" for mark in marks if mark.status != "right"]
    assert 5 < len(wrong) < 25
    assert failed == wrong


def _plain_nbval():
    """Return the module of the tests of plain nbval."""
    file = ROOT / "tests" / "notebooks" / "test_plain_nbval.py"
    specification = importlib.util.spec_from_file_location("plain_nbval", file)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module
