"""What `course build` makes of a solution notebook, and how it tells that a file has drifted."""

import json
import shutil
from pathlib import Path

import jupytext
import nbformat
import pytest

from course_utils import build, cli
from course_utils.exercises import catalogue
from course_utils.exercises.building import build_notebook
from course_utils.exercises.cells import Cell, NotebookTextError, read_cell, solution_of, stub_of
from course_utils.repository import find_repository

ROOT = find_repository(Path(__file__).parent)
NAMES = [catalogue.notebook(number).name for number in catalogue.NOTEBOOK_IDS]


def read(name, *folders):
    return nbformat.read(ROOT.joinpath("notebooks", *folders, f"{name}.ipynb"), as_version=4)


@pytest.fixture
def copy_of_repository(tmp_path, monkeypatch):
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks")
    shutil.copytree(
        ROOT / "course_utils" / "exercises" / "texts", tmp_path / "course_utils" / "exercises" / "texts"
    )
    monkeypatch.setattr(build, "find_repository", lambda: tmp_path)
    return tmp_path


@pytest.mark.usefixtures("copy_of_repository")
def test_building_twice_changes_nothing(capsys):
    assert build.main(check=False) == 0
    assert build.main(check=True) == 0
    assert "agree" in capsys.readouterr().out


@pytest.mark.parametrize(
    "file",
    [
        "notebooks/{}.ipynb",
        "notebooks/{}.py",
        "notebooks/solutions/{}.ipynb",
        "course_utils/exercises/texts/{}.json",
        "README.md",
    ],
)
def test_a_drifted_file_is_named_with_the_lines_that_differ_and_built_again(copy_of_repository, capsys, file):
    drifted = copy_of_repository / file.format(NAMES[0])
    text = drifted.read_text(encoding="utf-8")
    drifted.write_text(text.replace("points", "POINTS", 1), encoding="utf-8")
    assert build.main(check=True) == 1
    shown = capsys.readouterr().out
    assert f"{file.format(NAMES[0])} has drifted" in shown
    assert "POINTS" in shown
    assert build.main(check=False) == 0
    assert drifted.read_text(encoding="utf-8") == text


@pytest.mark.parametrize(
    "file",
    ["notebooks/07.ipynb", "notebooks/solutions/09.py", "course_utils/exercises/texts/07.json"],
)
def test_a_file_without_a_source_counts_as_drifted(copy_of_repository, capsys, file):
    (copy_of_repository / file).write_text("{}", encoding="utf-8")
    assert build.main(check=True) == 1
    assert f"{file} is made from no solution notebook" in capsys.readouterr().out


def test_a_missing_file_counts_as_drifted(copy_of_repository):
    (copy_of_repository / "notebooks" / f"{NAMES[0]}.ipynb").unlink()
    assert build.main(check=True) == 1


@pytest.mark.parametrize("name", NAMES)
def test_generated_notebooks_hold_no_outputs_and_unique_ids(name):
    for notebook in (read(name), read(name, "solutions")):
        nbformat.validate(notebook)
        ids = [cell.id for cell in notebook.cells]
        assert len(set(ids)) == len(ids)
        code = [cell for cell in notebook.cells if cell.cell_type == "code"]
        assert all(cell.outputs == [] and cell.execution_count is None for cell in code)


@pytest.mark.parametrize("name", NAMES)
def test_the_student_notebook_holds_no_answer_and_no_pairing(name):
    notebook = read(name)
    text = json.dumps(notebook) + (ROOT / "notebooks" / f"{name}.py").read_text(encoding="utf-8")
    assert "BEGIN SOLUTION" not in text
    assert "formats" not in notebook.metadata.get("jupytext", {})
    assert "formats:" not in text
    for exercise in catalogue.texts(name).exercises.values():
        assert exercise.stub in "\n".join(cell.source for cell in notebook.cells)
        assert "raise NotImplementedError" in exercise.stub or " = ..." in exercise.stub


@pytest.mark.parametrize("name", NAMES)
def test_the_student_text_and_notebook_have_the_same_cells(name):
    text = jupytext.read(ROOT / "notebooks" / f"{name}.py")
    assert [cell.source for cell in text.cells] == [cell.source for cell in read(name).cells]


@pytest.mark.parametrize("name", NAMES)
def test_saving_the_paired_solution_from_a_notebook_editor_keeps_its_text(name):
    text = jupytext.read(ROOT / "notebooks" / "solutions" / f"{name}.py")
    notebook = read(name, "solutions")
    assert notebook.metadata.jupytext.formats == "ipynb,py:percent"
    assert [cell.source for cell in text.cells] == [cell.source for cell in notebook.cells]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("folder", [(), ("solutions",)])
def test_nbgraders_own_validators_accept_the_notebooks(name, folder):
    nbgraderformat = pytest.importorskip("nbgrader.nbgraderformat", reason="nbgrader is in the dev extra")
    from nbgrader.preprocessors import CheckCellMetadata

    notebook = nbgraderformat.reads(json.dumps(read(name, *folder)), as_version=4)
    CheckCellMetadata().preprocess(notebook, {})
    graded = [c.metadata.nbgrader for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade")]
    assert sum(cell.points for cell in graded) == sum(
        e.points for e in catalogue.texts(name).exercises.values()
    )


@pytest.mark.parametrize("name", NAMES)
def test_every_exercise_of_a_notebook_is_numbered_after_it(name):
    assert all(key.startswith(f"{int(name[:2])}.") for key in catalogue.texts(name).exercises)


def test_inside_a_function_the_answer_becomes_an_error():
    cell = Cell("exercise", "def f():\n    ### BEGIN SOLUTION\n    return 1\n    ### END SOLUTION", "9.1")
    assert stub_of(cell) == 'def f():\n    raise NotImplementedError("Exercise 9.1")'
    assert solution_of(cell.source) == "def f():\n    return 1"


def test_at_the_top_level_each_assigned_name_becomes_a_placeholder():
    cell = Cell("exercise", "# note\n### BEGIN SOLUTION\na, b = 1, 2\nc = a\n### END SOLUTION", "9.1")
    assert stub_of(cell) == "# note\na = ...\nb = ...\nc = ..."


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("x = 1", "needs '### BEGIN SOLUTION'"),
        ("### BEGIN SOLUTION\nx = 1", "around its answer"),
        ("x = 1\n### END SOLUTION", "without"),
        ("### BEGIN SOLUTION\n### BEGIN SOLUTION\n### END SOLUTION", "inside an answer"),
        ("### BEGIN SOLUTION\ndef f():\n    pass\n### END SOLUTION", "inside the function"),
    ],
)
def test_wrong_markers_are_refused_with_the_exercise(source, words):
    with pytest.raises(NotebookTextError, match=words):
        stub_of(Cell("exercise", source, "9.1"))


def test_roles_come_from_the_first_line_the_check_and_the_tag():
    header = "# Exercise 9.1 (1.5 points, 5 minutes, difficulty 2)\nx = 1"
    assert read_cell("code", header, []).points == 1.5
    assert read_cell("code", 'check("9.1")', []).role == "check"
    assert read_cell("code", "import torch", ["setup"]).role == "setup"
    assert read_cell("code", "plot()", []).role == "experiment"
    assert read_cell("markdown", "text", []).role == "text"


def test_a_misspelt_exercise_line_is_refused():
    with pytest.raises(NotebookTextError, match="must have the form"):
        read_cell("code", "# Exercise 9.1 (3 pts)", [])


SPOILED = [
    ('check("1.2")', "", "one must follow each exercise"),
    ("# Exercise 1.2 (1 point", "# Exercise 1.7 (1 point", "the same ids must stand in the same order"),
    ("### Exercise 1.2: what", "### What", "heading '### Exercise 1.2: title' is missing"),
    ("def one_hot(", "def onehot(", "does not define one_hot"),
    ('q2 = "b"', 'q2 = q1 = "b"', "q1 is defined by 1.1 and again by 1.2"),
]


@pytest.mark.parametrize(("old", "new", "words"), SPOILED)
def test_a_solution_notebook_that_breaks_a_rule_is_refused(old, new, words):
    text = (ROOT / "notebooks" / "solutions" / "01_manual_backprop.py").read_text(encoding="utf-8")
    assert old in text
    with pytest.raises(NotebookTextError, match=words):
        build_notebook(catalogue.notebook("01"), text.replace(old, new))


EXAMPLE = ROOT / "examples" / "assignment"


@pytest.fixture
def own(tmp_path):
    shutil.copytree(EXAMPLE, tmp_path / "own")
    return tmp_path / "own"


def test_the_committed_release_of_the_example_is_what_its_source_gives(capsys):
    assert build.main(check=True, folder=EXAMPLE) == 0
    assert "agree" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("release/assignment.ipynb", "raise NotImplementedError", "return 3"),
        ("release/assignment.checks.json", "What is 0 / 0?", "What is 1 / 0?"),
        ("assignment.py", "Fill in the cells", "Fill in all cells"),
        ("exercises.py", "What is 0 / 0?", "What is 1 / 0?"),
    ],
)
def test_a_drifted_release_of_an_own_assignment_is_named_and_built_again(own, capsys, file, old, new):
    text = (own / file).read_text(encoding="utf-8")
    assert old in text
    (own / file).write_text(text.replace(old, new), encoding="utf-8")
    assert build.main(check=True, folder=own) == 1
    assert "release/assignment." in capsys.readouterr().out
    assert build.main(check=False, folder=own) == 0
    assert build.main(check=True, folder=own) == 0


def test_what_belongs_to_no_notebook_of_the_assignment_is_not_handed_out(own, capsys):
    (own / "release" / "old.ipynb").write_text("{}", encoding="utf-8")
    assert build.main(check=True, folder=own) == 1
    assert "release/old.ipynb is made from no solution" in capsys.readouterr().out


def test_an_own_assignment_may_not_use_the_courses_ids(own):
    for file in ("assignment.py", "exercises.py"):
        text = (own / file).read_text(encoding="utf-8")
        (own / file).write_text(text.replace("ex1", "1.1"), encoding="utf-8")
    with pytest.raises(build.BuildError, match=r"the ids 1\.1 belong to the course"):
        build.main(check=False, folder=own)


def test_a_folder_that_is_no_assignment_gives_a_sentence(tmp_path, capsys):
    assert cli.main(["build", str(tmp_path)]) == 2
    assert "has no exercises.py" in capsys.readouterr().err


def test_the_release_of_an_own_assignment_has_no_answers_and_is_what_nbgrader_takes():
    nbgraderformat = pytest.importorskip("nbgrader.nbgraderformat", reason="nbgrader is in the dev extra")
    from nbgrader.preprocessors import CheckCellMetadata

    text = (EXAMPLE / "release" / "assignment.ipynb").read_text(encoding="utf-8")
    assert "SOLUTION" not in text
    assert "x.max()" not in text
    notebook = nbgraderformat.reads(text, as_version=4)
    CheckCellMetadata().preprocess(notebook, {})
    cells = [c for c in notebook.cells if "nbgrader" in c.metadata]
    assert [c.metadata.nbgrader.grade_id for c in cells] == [
        *("ex1", "ex1_check", "ex2", "ex2_check", "ex3", "ex3_check")
    ]
    assert [c.id for c in cells[:2]] == ["exercise-ex1", "check-ex1"]
    assert [c.metadata.nbgrader.get("points") for c in cells[1::2]] == [2, 3, 5]
