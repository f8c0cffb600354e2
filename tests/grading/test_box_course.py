"""The `course_utils` of the box: all that a notebook's cells import, and nothing that answers an exercise."""

import ast
import json
import os
import subprocess
import sys
from importlib.util import cache_from_source
from pathlib import Path

import pytest

from course_utils.exercises import catalogue
from course_utils.grading.assignment import course_notebook
from course_utils.grading.box_course import write_box_course

NUMBERS = pytest.mark.parametrize("number", catalogue.NOTEBOOK_IDS)


def run_inside(course, code):
    """Run code with the box's course and no other; return what it prints as JSON."""
    environment = {"PYTHONPATH": str(course), "PATH": os.environ["PATH"], "COURSE_SCALE": "smoke"}
    environment |= {
        name: os.environ[name] for name in ("SYSTEMROOT", "OMP_NUM_THREADS") if name in os.environ
    }
    done = subprocess.run(
        [sys.executable, "-s", "-c", code],
        env=environment,
        cwd=course,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def sources(course):
    return {path: path.read_text(encoding="utf-8") for path in course.rglob("*.py")}


def test_no_file_holds_a_solution_a_judge_or_inputs(course):
    names = {path.relative_to(course / "course_utils").as_posix() for path in sources(course)}
    assert {name for name in names if name.startswith("exercises/")} == {
        f"exercises/{name}.py" for name in ("__init__", "observe", "specification", "values")
    }
    assert not any(
        path.suffix in (".json", ".jsonl", ".csv") and "texts" in path.parts for path in course.rglob("*")
    )


@NUMBERS
def test_no_line_of_a_longer_solution_is_in_the_box(number, tmp_path):
    graded = course_notebook(number)
    everything = "\n".join(
        sources(write_box_course(tmp_path / "course", withheld=graded.notebook.withheld)).values()
    )
    for exercise in graded.notebook.exercises:
        text = graded.texts.exercises[exercise.id]
        written = set(map(str.strip, text.solution.splitlines())) - set(
            map(str.strip, text.stub.splitlines())
        )
        body = "\n".join(line for line in text.solution.splitlines() if line.strip() in written)
        assert body
        if len(written) > 2:
            assert body not in everything, exercise.id


@NUMBERS
def test_whatever_the_cells_of_a_notebook_import_from_the_course_is_there(number, course):
    for cell in course_notebook(number).texts.cells:
        if cell.role == "check":
            continue
        for node in ast.walk(ast.parse(cell.source)):
            modules = []
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("course_utils"):
                modules = [node.module]
            elif isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names if alias.name.startswith("course_utils")]
            for module in modules:
                path = course.joinpath(*module.split("."))
                assert path.with_suffix(".py").is_file() or (path / "__init__.py").is_file(), module


def test_checks_hints_and_figures_do_nothing(course):
    code = (
        "import json\nfrom course_utils.exercises import begin, check, hint, mine\n"
        "from course_utils import plots, widgets\nfrom course_utils.plots import style\n"
        "import course_utils.plots.style as again\n"
        "shown = [plots.curves(3, x=4), widgets.slider(), style.use(), again.use()]\n"
        "print(json.dumps([begin('01'), check('1.1'), *shown]))"
    )
    assert run_inside(course, code) == [None] * 6


def test_what_calls_probes_is_the_real_thing(course):
    code = (
        "import json\nfrom course_utils.exercises.observe import observe\n"
        "from course_utils.exercises import values\n"
        "probe = lambda names, inputs: names['f'](inputs['x'])\n"
        "seen = observe(probe, {'f': abs}, values.encode({'x': -3}))\n"
        "print(json.dumps([seen.returned, values.decode(seen.returned)]))"
    )
    assert run_inside(course, code) == ["3", 3]


def test_experiments_can_be_imported_and_not_used(course):
    code = (
        "import json\nfrom course_utils.experiments import mnist_mlp\n"
        "from course_utils.experiments.mnist_mlp import run\n"
        "said = []\n"
        "for use in (run, mnist_mlp.run):\n"
        "    try: use()\n"
        "    except RuntimeError as error: said.append(str(error))\n"
        "print(json.dumps(said))"
    )
    said = run_inside(course, code)
    assert len(said) == 2
    assert all("not available while answers are graded" in sentence for sentence in said)


def test_a_withheld_module_can_be_imported_and_not_used(tmp_path):
    course = write_box_course(tmp_path / "course", withheld=("models.manual_mlp",))
    code = (
        "import json\nfrom course_utils.models.manual_mlp import forward\n"
        "try: forward()\nexcept RuntimeError as error: print(json.dumps(str(error)))"
    )
    assert "forward is not available" in run_inside(course, code)


def test_it_is_compiled_so_that_no_box_has_to(course):
    for path in course.rglob("*.py"):
        assert Path(cache_from_source(path)).is_file()


@pytest.mark.skipif(os.name != "posix", reason="rights of POSIX")
def test_the_boxs_user_can_read_and_nobody_but_us_can_write(course):
    for path in [course, *course.rglob("*")]:
        assert path.stat().st_mode & 0o777 == (0o755 if path.is_dir() else 0o644)


@pytest.mark.slow
@NUMBERS
def test_the_setup_cells_of_a_notebook_run(number, tmp_path):
    graded = course_notebook(number)
    course = write_box_course(tmp_path / "course", withheld=graded.notebook.withheld)
    setup = "\n".join(cell.source for cell in graded.texts.cells if cell.role == "setup")
    assert run_inside(course, f"{setup}\nprint(7)") == 7
