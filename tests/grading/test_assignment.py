"""What is graded: a notebook of the course, or an instructor's own folder that says what it lacks."""

import re
import shutil

import pytest
from handed_in import EXAMPLE

from course_utils.exercises import catalogue
from course_utils.grading.assignment import AssignmentError, course_notebook, own_assignment


@pytest.fixture
def folder(tmp_path):
    """A copy of the worked example, to be damaged."""
    return shutil.copytree(EXAMPLE, tmp_path / "mine", ignore=shutil.ignore_patterns("__pycache__"))


def complaint(folder):
    with pytest.raises(AssignmentError) as found:
        own_assignment(folder)
    return str(found.value)


def replace(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.mark.parametrize("number", catalogue.NOTEBOOK_IDS)
def test_a_notebook_of_the_course_has_the_points_that_its_cells_announce(number):
    graded = course_notebook(number)
    cells = [cell for cell in graded.texts.cells if cell.role == "exercise"]
    announced = [re.search(r"\((\d+(?:\.\d+)?) point", cell.source)[1] for cell in cells]
    assert graded.possible == sum(map(float, announced))
    assert [cell.exercise for cell in cells] == [exercise.id for exercise in graded.notebook.exercises]


def test_there_is_no_notebook_of_another_number():
    with pytest.raises(ValueError, match="There is no notebook '99'"):
        course_notebook("99")


def test_the_worked_example_has_2_3_and_5_points():
    graded = own_assignment(EXAMPLE)
    assert {text.id: text.points for text in graded.texts.exercises.values()} == {
        "ex1": 2,
        "ex2": 3,
        "ex3": 5,
    }
    assert graded.possible == 10


def test_the_cells_handed_out_hold_no_solution():
    graded = own_assignment(EXAMPLE)
    for cell in graded.texts.cells:
        assert "SOLUTION" not in cell.source
        if cell.role == "exercise":
            assert cell.source == graded.texts.exercises[cell.exercise].stub
            assert "raise NotImplementedError" in cell.source


def test_two_assignments_at_once_are_kept_apart(folder):
    replace(folder / "exercises.py", 'title="Three functions"', 'title="Mine"')
    assert own_assignment(EXAMPLE).notebook.title == "Three functions"
    assert own_assignment(folder).notebook.title == "Mine"


def test_a_folder_without_exercises_is_refused(tmp_path):
    assert "no exercises.py" in complaint(tmp_path)


def test_exercises_that_cannot_be_run_are_refused_with_the_reason(folder):
    (folder / "exercises.py").write_text("1 / 0")
    assert "ZeroDivisionError" in complaint(folder)


@pytest.mark.parametrize("text", ["", "NOTEBOOK = 3"])
def test_exercises_without_a_notebook_are_refused(text, folder):
    (folder / "exercises.py").write_text(text)
    assert "NOTEBOOK" in complaint(folder)


def test_a_missing_solution_notebook_is_named(folder):
    (folder / "assignment.py").unlink()
    assert "assignment.py" in complaint(folder)


def test_an_exercise_that_the_solution_notebook_lacks_is_named(folder):
    replace(folder / "exercises.py", 'id="ex3"', 'id="ex4"')
    assert re.search("ex3|ex4", complaint(folder))
