"""What `course release` hands out works on its own, and gives no answer away."""

import ast
import csv
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from course_utils import cli
from course_utils.execution import verdicts
from course_utils.exercises import catalogue
from course_utils.exercises.own import read_folder
from course_utils.grading.excerpt import excerpt
from course_utils.grading.release import leftovers
from course_utils.repository import find_repository

ROOT = find_repository(Path(__file__).parent)
EXAMPLE = ROOT / "examples" / "assignment"
IDENTITY = "import course_utils; print(course_utils.__file__)"


def released(folder, *arguments):
    assert cli.main(["release", *arguments, "--out", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    return released(tmp_path_factory.mktemp("example") / "out", "--assignment", str(EXAMPLE))


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    return released(tmp_path_factory.mktemp("first") / "out", "01")


def answered(notebook, answers):
    """Return a copy of a notebook with these texts in the cells of exercises."""
    copy = nbformat.from_dict(json.loads(json.dumps(notebook)))
    for cell in copy.cells:
        if cell.metadata.get("tags") == ["exercise"]:
            cell.source = answers.get(cell.metadata.course.exercise, cell.source)
    return copy


def run(notebook, folder, path):
    """Run a notebook in a folder, with `course_utils` from `path`; return its verdicts and where that lay."""
    notebook = nbformat.from_dict(json.loads(json.dumps(notebook)))
    notebook.cells.insert(0, nbformat.v4.new_code_cell(IDENTITY))
    kept = {name: os.environ.get(name) for name in ("PYTHONPATH", "COURSE_STATIC", "COURSE_PROGRESS")}
    os.environ.update(PYTHONPATH=str(path), COURSE_STATIC="1", COURSE_PROGRESS="off")
    try:
        resources = {"metadata": {"path": str(folder)}}
        NotebookClient(notebook, timeout=300, allow_errors=True, resources=resources).execute()
    finally:
        for name, value in kept.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
    return verdicts(notebook), notebook.cells[0].outputs[0].text.strip()


def canaries(texts):
    """Return for each exercise the longest line of its solution that is in no stub."""
    given = "\n".join(text.stub for text in texts.values())
    lines = {key: [line.strip() for line in text.solution.split("\n")] for key, text in texts.items()}
    return {key: max((one for one in found if one not in given), key=len) for key, found in lines.items()}


def assert_no_canary(folder, texts):
    written = {
        path: path.read_bytes().decode("utf-8", "replace") for path in folder.rglob("*") if path.is_file()
    }
    for exercise, line in canaries(texts).items():
        assert len(line) >= 6, exercise
        for form in (line, json.dumps(line)[1:-1], json.dumps(line, ensure_ascii=False)[1:-1]):
            assert not [path for path, text in written.items() if form in text], (exercise, line)


def test_a_release_holds_what_students_need_and_no_module_of_answers(example):
    assert {path.name for path in example.iterdir()} == {
        *("assignment.ipynb", "assignment.checks.json", "course_utils"),
        *("README.md", "environment.yml", "requirements.txt"),
    }
    package = example / "course_utils"
    names = {path.relative_to(package).as_posix() for path in package.rglob("*.py")}
    assert {"__init__.py", "exercises/session.py", "exercises/packaged.py"} <= names
    assert not [
        n for n in names if n.startswith(("grading/", "experiments/", "exercises/nb", "build", "cli"))
    ]
    assert not (package / "exercises" / "texts").exists()
    environment = (example / "environment.yml").read_text(encoding="utf-8")
    assert "pytorch" in environment
    assert "-e ." not in environment
    assert (example / "README.md").read_text(encoding="utf-8").count("\n") <= 13


def test_a_release_asks_for_the_packages_that_its_modules_import_and_for_a_server(example):
    text = (example / "requirements.txt").read_text(encoding="utf-8")
    listed = {re.match(r"[\w-]+", line)[0] for line in text.splitlines()}
    names = importlib.metadata.packages_distributions()
    imported = {
        name.lower()
        for path in example.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for module in modules_of(node)
        if module not in sys.stdlib_module_names and module != "course_utils"
        for name in names.get(module, ())
    }
    assert imported & {"torch", "numpy"} == {"torch", "numpy"}
    assert "nbval" not in listed
    assert {"jupyterlab", "ipykernel"} <= listed
    ours = {re.match(r"[\w-]+", need)[0] for need in importlib.metadata.requires("deep-learning-notebooks")}
    assert imported & ours <= listed


def modules_of(node):
    if isinstance(node, ast.Import):
        return [alias.name.partition(".")[0] for alias in node.names]
    if isinstance(node, ast.ImportFrom) and not node.level:
        return [node.module.partition(".")[0]]
    return []


def test_no_line_of_a_solution_of_the_example_is_in_its_release(example):
    _, texts = read_folder(EXAMPLE)
    assert_no_canary(example, texts.exercises)
    with pytest.raises(AssertionError, match="ex1"):  # the same search finds them where they are
        assert_no_canary(EXAMPLE, texts.exercises)


def test_the_released_example_checks_a_mixed_submission_without_the_repository(example, tmp_path):
    _, texts = read_folder(EXAMPLE)
    solutions = {key: text.solution for key, text in texts.exercises.items()}
    solutions["ex2"] = solutions["ex2"].replace("a.std()", "a.var()")
    del solutions["ex3"]
    for name in ("assignment.ipynb", "assignment.checks.json"):
        shutil.copy(example / name, tmp_path)
    notebook = answered(nbformat.read(example / "assignment.ipynb", as_version=4), solutions)
    found, where = run(notebook, tmp_path, example)
    assert Path(where).is_relative_to(example)
    assert found == {"ex1": "right", "ex2": "wrong", "ex3": "blank"}


def test_a_folder_that_is_not_empty_is_refused(tmp_path, capsys):
    (tmp_path / "old.txt").write_text("x", encoding="utf-8")
    assert cli.main(["release", "--assignment", str(EXAMPLE), "--out", str(tmp_path)]) == 2
    assert "is not empty: name a new folder" in capsys.readouterr().err


def test_either_a_notebook_or_an_assignment_is_released(tmp_path, capsys):
    assert cli.main(["release", "--out", str(tmp_path / "x")]) == 2
    assert "or --assignment FOLDER" in capsys.readouterr().err


def test_of_a_module_that_holds_answers_only_what_is_imported_by_name_goes_along():
    part = excerpt(["from course_utils.models.manual_mlp import init_params"], answers=["models.manual_mlp"])
    text = part.files["models/manual_mlp.py"].decode()
    assert "def init_params(" in text
    assert "def backward(" not in text
    assert "tanh" not in text
    assert part.needed_by["models.manual_mlp"] == {""}


def test_a_function_that_a_kept_one_calls_goes_along():
    part = excerpt(["from course_utils.models.mlp import tanh_mlp"], answers=["models.manual_mlp"])
    assert part.names["models.manual_mlp"] == {"init_params"}
    scope = {}
    source = part.files["models/manual_mlp.py"].decode()
    exec(compile(source, "manual_mlp.py", "exec"), scope)
    import torch

    drawn = scope["init_params"](2, 3, 4, generator=torch.Generator().manual_seed(0))
    assert {name: tuple(p.shape) for name, p in drawn.items()} == {
        "Wh": (3, 2),
        "bh": (3,),
        "Wy": (4, 3),
        "by": (4,),
    }


def test_modules_that_nothing_imports_stay_at_home():
    part = excerpt(["import course_utils\nfrom course_utils.scale import pick"], answers=[])
    assert set(part.files) == {"__init__.py", "scale.py"}


def test_a_line_of_a_solution_in_a_released_file_is_found_whatever_quotes_it():
    text = catalogue.Text(
        "x", "", 1, 1, 1, ("f",), "def f(a):\n    ...", "def f(a):\n    return a * 3 - sum(a)\n"
    )
    clean = {"course_utils/a.py": b"def f(a):\n    return sum(a)\n"}
    copied = {"course_utils/a.py": b"def g(a):\n        return a * 3 - sum(a)  # so\n"}
    quoted = {"x.checks.json": json.dumps({"probe": "def g(a):\n    return a * 3 - sum(a)\n"}).encode()}
    assert leftovers(clean, {"x": text}) == []
    assert [found.exercise for found in leftovers(copied, {"x": text})] == ["x"]
    assert [found.file for found in leftovers(quoted, {"x": text})] == ["x.checks.json"]


@pytest.mark.slow
def test_no_line_of_a_solution_of_notebook_01_is_in_its_release(first):
    assert_no_canary(first, catalogue.texts("01_manual_backprop").exercises)


@pytest.mark.slow
@pytest.mark.parametrize("number", catalogue.NOTEBOOK_IDS[1:])
def test_what_the_setup_of_a_later_notebook_needs_is_named_and_enough(number, tmp_path, capsys):
    folder = tmp_path / "out"
    assert cli.main(["release", number, "--out", str(folder)]) in (0, 1)
    said = capsys.readouterr().out
    notebook = catalogue.notebook(number)
    texts = catalogue.texts(notebook.name)
    for module in notebook.withheld:
        assert f"course_utils.{module} " in said
    setup = "\n".join(text for role, text in texts.steps if role == "setup")
    environment = {**os.environ, "PYTHONPATH": str(folder), "COURSE_PROGRESS": "off"}
    command = [sys.executable, "-c", f"{setup}\n{IDENTITY}"]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip().split("\n")[-1]).is_relative_to(folder)


MISTAKES = {
    "1.4": ("W2 @ W1", "(W1 @ W2)[:3, :3]"),
    "1.14": ("torch.logsumexp(logits, dim=0)", "logits.exp().sum()"),
    "1.29": ("(1 - h**2).mean(dim=0)", "h.abs().mean(dim=0)"),
}


@pytest.mark.slow
def test_the_released_notebook_01_says_what_the_ordinary_one_says(first, tmp_path):
    texts = catalogue.texts("01_manual_backprop").exercises
    solutions = {key: text.solution for key, text in texts.items()}
    for exercise, (old, new) in MISTAKES.items():
        assert old in solutions[exercise]
        solutions[exercise] = solutions[exercise].replace(old, new)
    del solutions["1.23"], solutions["1.5"]
    handed_in = answered(nbformat.read(first / "01_manual_backprop.ipynb", as_version=4), solutions)
    shutil.copy(first / "01_manual_backprop.checks.json", tmp_path)
    without_answers, where = run(handed_in, tmp_path, first)
    assert Path(where).is_relative_to(first)
    ordinary, where = run(handed_in, tmp_path, ROOT)
    assert Path(where).is_relative_to(ROOT)
    values = {e.id for e in catalogue.notebook("01").exercises if e.is_value} - {"1.5"}
    assert {key: without_answers[key] for key in values} == dict.fromkeys(values, "answered")
    rest = set(ordinary) - values
    assert {key: without_answers[key] for key in rest} == {key: ordinary[key] for key in rest}
    assert {key for key in rest if ordinary[key] == "wrong"} == set(MISTAKES)


@pytest.mark.slow
def test_the_released_notebook_01_runs_blank(first, tmp_path):
    shutil.copy(first / "01_manual_backprop.checks.json", tmp_path)
    blank = nbformat.read(first / "01_manual_backprop.ipynb", as_version=4)
    found, _ = run(blank, tmp_path, first)
    assert set(found.values()) == {"blank"}
    assert len(found) == len(catalogue.notebook("01").exercises)


def nbgrader(folder, *arguments):
    # next to the interpreter lies alembic, which nbgrader calls
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    command = [sys.executable, "-m", "nbgrader", *arguments]
    done = subprocess.run(
        command, cwd=folder, env={**environment, "PATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        return reader.fieldnames, {row["student_id"]: float(row["score"]) for row in reader}


@pytest.mark.slow
@pytest.mark.parametrize("which", ["example", "01"])
def test_nbgrader_gives_honest_submissions_the_marks_of_course_grade(which, tmp_path, monkeypatch):
    from course_utils.grading import sandbox

    try:
        sandbox.best_protection()
    except ValueError as error:
        pytest.skip(str(error))
    monkeypatch.delenv("COURSE_CHECKS", raising=False)
    if which == "example":
        _, texts = read_folder(EXAMPLE)
        source, option, name = EXAMPLE / "release" / "assignment.ipynb", "--assignment", "assignment"
        mistakes = {"ex1": ("abs(x)", "x"), "ex3": ("x - x.max()", "x")}
        marks = {"blank": 0.0, "mistaken": 3.0 + 0.4 * 5.0, "solved": 10.0}
        given = str(EXAMPLE)
    else:
        name = "01_manual_backprop"
        texts, source, option, given = (
            catalogue.texts(name),
            ROOT / "notebooks" / f"{name}.ipynb",
            "--notebook",
            "01",
        )
        mistakes = {"1.11": (' + params["bh"]', ""), "1.14": MISTAKES["1.14"]}
        lost = sum(texts.exercises[exercise].points for exercise in mistakes)
        marks = {"mistaken": sum(text.points for text in texts.exercises.values()) - lost}
    solutions = {key: text.solution for key, text in texts.exercises.items()}
    wrong = {key: solutions[key].replace(*change) for key, change in mistakes.items()}
    assert all(wrong[key] != solutions[key] for key in wrong)
    answers = {"solved": solutions, "blank": {}, "mistaken": solutions | wrong}
    (tmp_path / "source" / name).mkdir(parents=True)
    shutil.copy(source, tmp_path / "source" / name)
    # where it lies in the repository, so that it finds the example's folder
    config = tmp_path / "nbgrader_config.py"
    config.symlink_to(ROOT / "examples" / "nbgrader" / "nbgrader_config.py")
    for student in marks:
        folder = tmp_path / "submitted" / student / name
        folder.mkdir(parents=True)
        nbformat.write(
            answered(nbformat.read(source, as_version=4), answers[student]), folder / f"{name}.ipynb"
        )
    nbgrader(tmp_path, "generate_assignment", name)
    nbgrader(tmp_path, "autograde", name)
    nbgrader(tmp_path, "export")
    columns, theirs = rows(tmp_path / "grades.csv")
    out = tmp_path / "out"
    assert cli.main(["grade", str(tmp_path / "submitted"), option, given, "--out", str(out)]) == 0
    our_columns, ours = rows(out / "exports" / "nbgrader.csv")
    assert ours == marks
    assert theirs == marks
    assert our_columns == columns
    assert not list((tmp_path / "autograded").rglob("*.progress.json"))
