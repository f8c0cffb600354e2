"""`course run`: solution notebooks executed in kernels of their own, judged by their outputs, shown as pages.

One run over small notebooks, each with one thing to tell, serves most of these tests.
"""

import asyncio
import contextlib
import html
import io
import os
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import nbformat
import psutil
import pytest

from course_utils import cli, execution, machine, pages
from course_utils.evaluation import ledger
from course_utils.exercises.panel import VERDICT_TYPE
from course_utils.run import RunError, kernel_environment, run, workers_allowed

CHECK = """
from IPython.display import display
def check(exercise, status="right"):
    verdict = {"exercise": exercise, "status": status, "points": 3}
    bundle = {"application/vnd.course.verdict+json": verdict, "text/plain": status}
    display(bundle, raw=True)
"""
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

NOTEBOOKS = {
    "01_right": [CHECK, 'check("1.1")', 'check("1.2")'],
    "02_wrong": [CHECK, 'check("2.1", "wrong")', 'check("2.2")'],
    "03_error": [CHECK, 'a = 1\nraise RuntimeError("the \\x1b[31mred\\x1b[0m reason")', 'check("3.1")'],
    "04_silent": ["def check(exercise): pass", 'check("4.1")'],
    "05_surroundings": [
        "import os, sys, pathlib",
        "print('cwd', pathlib.Path.cwd(), 'holds', len(list(pathlib.Path.cwd().glob('*.ipynb'))))",
        "print('static', os.environ['COURSE_STATIC'], 'progress', os.environ['COURSE_PROGRESS'])",
        "print('python', sys.executable)",
        "pathlib.Path('left.txt').write_text('scratch')",
        "import urllib.request\n"
        "try:\n    urllib.request.urlopen('http://example.org', timeout=5)\n"
        "except OSError as error:\n    print('network refused', type(error).__name__)",
    ],
    "06_memory": [
        "from course_utils import machine\nmachine.remember_imports()",
        'block = b"x" * 150_000_000\ndel block',
    ],
    "07_image": [
        "from IPython.display import HTML\n"
        f'HTML(\'<img alt="Two rings, inner &lt; outer" src="data:image/png;base64,{PIXEL}">\')'
    ],
}


def write_notebook(path: Path, cells: list[str]) -> None:
    made = [nbformat.v4.new_code_cell(source, id=f"cell-{i}") for i, source in enumerate(cells)]
    nbformat.write(nbformat.v4.new_notebook(cells=made), path)


def make_repository(root: Path, notebooks: dict[str, list[str]]) -> Path:
    (root / "notebooks" / "solutions").mkdir(parents=True)
    (root / "course_utils").mkdir()
    for name, cells in notebooks.items():
        write_notebook(root / "notebooks" / "solutions" / f"{name}.ipynb", cells)
    return root


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """One run over all the notebooks above: its exit code, what it printed, and its pages."""
    root = make_repository(tmp_path_factory.mktemp("course"), NOTEBOOKS)
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(printed):
        patch.setattr(ledger, "headline", lambda: "circles: ours 0.2 ± 0.1, reported 0.15")
        patch.delenv("COURSE_SCALE", raising=False)
        code = run(repository=root, workers=2)
    return SimpleNamespace(root=root, code=code, printed=printed.getvalue(), pages=root / "build" / "run")


def row(done: SimpleNamespace, name: str) -> str:
    """Return the table's line about a notebook."""
    (line,) = re.findall(rf"^{name} .*$", done.printed, re.MULTILINE)
    return line


def page(done: SimpleNamespace, name: str) -> str:
    """Return the text of a notebook's page without its HTML tags."""
    return html.unescape(re.sub(r"<[^>]*>", "", (done.pages / f"{name}.html").read_text(encoding="utf-8")))


def test_checks_are_counted_from_the_outputs(done):
    assert row(done, "01_right").endswith("2 of 2")
    assert row(done, "02_wrong").endswith("1 of 2")


def test_a_wrong_answer_in_a_solution_fails_the_run_and_is_named(done):
    assert done.code == 1
    assert 'FAILED 02_wrong: check("2.1") said wrong' in done.printed
    assert "FAILED 01_right" not in done.printed


def test_the_failing_cell_is_shown_with_number_source_and_error_without_colours(done):
    told = done.printed[done.printed.index("FAILED 03_error, cell 2") :]
    assert "    a = 1\n    raise RuntimeError" in told
    assert "RuntimeError: the red reason" in told
    assert "\x1b" not in done.printed


def test_a_check_that_says_nothing_counts_as_missing(done):
    assert row(done, "04_silent").endswith("0 of 1")
    assert 'check("4.1") said missing' in done.printed


def test_a_notebook_runs_in_an_empty_folder_that_is_gone_afterwards(done):
    cwd, held = re.search(r"cwd (\S+) holds (\d+)", page(done, "05_surroundings")).groups()
    assert held == "0"
    assert not Path(cwd).exists()
    assert not Path(cwd).is_relative_to(done.root)


def test_a_notebook_knows_that_nobody_watches(done):
    assert "static 1 progress off" in page(done, "05_surroundings")


def test_the_kernel_is_the_python_that_runs_the_command(done):
    assert f"python {sys.executable}" in page(done, "05_surroundings")


def test_at_scale_smoke_there_is_no_network(done):
    assert "network refused" in page(done, "05_surroundings")


def test_at_other_scales_data_may_be_fetched(monkeypatch):
    monkeypatch.setenv("COURSE_SCALE", "laptop")
    assert "https_proxy" not in kernel_environment(workers=1)


def test_peak_memory_and_memory_above_the_imports_are_reported(done):
    peak, above = map(int, row(done, "06_memory").split()[2:4])
    assert 145 < above < 180
    assert peak > above + 20


def test_memory_above_the_imports_is_a_dash_where_the_imports_were_not_marked(done):
    assert row(done, "01_right").split()[3] == "-"


def test_an_image_keeps_its_alternative_text(done):
    text = (done.pages / "07_image.html").read_text(encoding="utf-8")
    (alternative,) = re.findall(r'<img alt="([^"]*)"', text)
    assert html.unescape(alternative) == "Two rings, inner < outer"


def test_the_index_links_every_page_and_shows_figures_and_failures(done):
    index = (done.pages / "index.html").read_text(encoding="utf-8")
    assert re.findall(r'href="([^"]*)\.html"', index) == list(NOTEBOOKS)
    assert "circles: ours 0.2 ± 0.1, reported 0.15" in index
    assert "the red reason" in index


def test_figures_of_the_ledger_are_printed(done):
    assert "circles: ours 0.2 ± 0.1, reported 0.15" in done.printed


def test_only_pages_are_left_in_the_folder(done):
    assert sorted(path.name for path in done.pages.iterdir()) == sorted(
        ["index.html", *(f"{name}.html" for name in NOTEBOOKS)]
    )


def test_the_notebooks_themselves_are_only_read(done):
    for path in (done.root / "notebooks" / "solutions").iterdir():
        notebook = nbformat.read(path, as_version=4)
        assert all(cell.outputs == [] for cell in notebook.cells)


def test_each_notebook_gets_a_line_as_it_finishes(done):
    before_the_table = done.printed[: done.printed.index("checks right")]
    assert len(re.findall(r"^ok ", before_the_table, re.MULTILINE)) == 4
    assert len(re.findall(r"^FAILED ", before_the_table, re.MULTILINE)) == 3


def test_a_run_without_failures_returns_zero_and_may_go_elsewhere(tmp_path, capsys, monkeypatch):
    root = make_repository(tmp_path / "course", {"01_right": NOTEBOOKS["01_right"], "02_wrong": ["1 / 0"]})
    monkeypatch.chdir(root)
    assert cli.main(["run", "01", "--out", str(tmp_path / "pages"), "--workers", "1"]) == 0
    assert (tmp_path / "pages" / "01_right.html").exists()
    assert "02_wrong" not in capsys.readouterr().out


def execute(path: Path, **options: object) -> execution.Outcome:
    return asyncio.run(execution.execute(path, environment={}, **options))


def test_a_kernel_that_dies_is_told_with_its_cell(tmp_path):
    write_notebook(tmp_path / "01_dies.ipynb", ["a = 1", "import os\nos._exit(9)", "b = 1"])
    outcome = execute(tmp_path / "01_dies.ipynb")
    assert "kernel died in cell 2" in outcome.failure
    assert "os._exit(9)" in outcome.failure
    assert outcome.peak_memory is None
    assert not outcome.passed


def test_a_cell_that_takes_too_long_is_told_and_stopped(tmp_path):
    write_notebook(tmp_path / "01_slow.ipynb", ["import time\ntime.sleep(60)"])
    outcome = execute(tmp_path / "01_slow.ipynb", timeout=1)
    assert "cell 1 took longer than 1 s" in outcome.failure
    assert outcome.seconds < 20


def test_a_run_that_is_stopped_takes_its_kernels_and_folders_with_it(tmp_path):
    note = tmp_path / "kernel.txt"
    source = f"import os, pathlib\npathlib.Path({str(note)!r}).write_text(f'{{os.getpid()}} {{os.getcwd()}}')"
    write_notebook(tmp_path / "01_long.ipynb", [source, "import time\ntime.sleep(60)"])

    async def stop_in_the_second_cell() -> None:
        second_cell = asyncio.Event()
        running = asyncio.create_task(
            execution.execute(tmp_path / "01_long.ipynb", environment={}, on_cell=second_cell.set)
        )
        await second_cell.wait()
        await asyncio.sleep(0.2)
        running.cancel()
        await running

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(stop_in_the_second_cell())
    process, folder = note.read_text().split()
    assert not psutil.pid_exists(int(process))
    assert not Path(folder).exists()


def test_a_file_that_is_no_notebook_is_a_failure_with_its_name(tmp_path):
    (tmp_path / "01_torn.ipynb").write_text('{"cells": [')
    outcome = execute(tmp_path / "01_torn.ipynb")
    assert "01_torn.ipynb cannot be read as a notebook" in outcome.failure


def test_the_last_verdict_of_an_exercise_counts():
    notebook = nbformat.v4.new_notebook()
    for status in ("right", "wrong"):
        cell = nbformat.v4.new_code_cell('check("1.1")')
        data = {VERDICT_TYPE: {"exercise": "1.1", "status": status, "points": 1}}
        cell.outputs = [nbformat.v4.new_output("display_data", data=data)]
        notebook.cells.append(cell)
    assert execution.verdicts(notebook) == {"1.1": "wrong"}


def test_as_many_run_at_once_as_cores_and_memory_allow(monkeypatch):
    monkeypatch.setattr(machine, "cores", lambda: 8)
    monkeypatch.setattr(machine, "memory_available", lambda: int(5e9))
    assert workers_allowed() == 3
    monkeypatch.setattr(machine, "memory_available", lambda: int(64e9))
    assert workers_allowed() == 8
    monkeypatch.setattr(machine, "memory_available", lambda: int(0.2e9))
    assert workers_allowed() == 1


def test_kernels_that_run_at_once_share_the_cores(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(machine, "cores", lambda: 8)
    assert kernel_environment(workers=3)["OMP_NUM_THREADS"] == "2"
    assert kernel_environment(workers=16)["OMP_NUM_THREADS"] == "1"
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    assert kernel_environment(workers=3)["OMP_NUM_THREADS"] == "5"


def test_a_folder_that_cannot_be_made_is_refused_before_anything_runs(tmp_path):
    root = make_repository(tmp_path / "course", {"01_right": ["1"]})
    (root / "build").write_text("a file")
    with pytest.raises(RunError, match="--out"):
        run(repository=root)


def test_a_page_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 + 1")])
    (tmp_path / "01_a.html").write_text("the old page")

    def full_disk(*_arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(pages.PageError, match=r"01_a\.html cannot be written"):
        pages.write_page(execution.Outcome("01_a", notebook), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["01_a.html"]
    assert (tmp_path / "01_a.html").read_text() == "the old page"


def test_workers_must_be_a_positive_number(capsys):
    with pytest.raises(SystemExit) as refused:
        cli.main(["run", "--workers", "0"])
    assert refused.value.code == 2
    assert "'0' is not a whole number of at least 1" in capsys.readouterr().err
