"""`course start`: a student's copies, which no later command ever writes again."""

import json
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from course_utils.repository import (
    RepositoryError,
    UnknownNotebookError,
    choose_notebooks,
    find_repository,
)
from course_utils.start import CopyError, start


def write_notebook(path: Path, text: str, **metadata: object) -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text, id="only")])
    notebook.metadata.update(metadata)
    nbformat.write(notebook, path)


@pytest.fixture
def repository(tmp_path):
    root = tmp_path / "course"
    (root / "notebooks" / "solutions").mkdir(parents=True)
    (root / "course_utils").mkdir()
    write_notebook(root / "notebooks" / "01_manual_backprop.ipynb", "forward = ...")
    write_notebook(root / "notebooks" / "02_autograd.ipynb", "fit = ...")
    (root / "notebooks" / "01_manual_backprop.py").write_text("forward = ...\n")
    write_notebook(root / "notebooks" / "solutions" / "01_manual_backprop.ipynb", "forward = 1")
    return root


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_every_notebook_is_copied_and_nothing_else(repository):
    start(repository=repository)
    assert names(repository / "work") == ["01_manual_backprop.ipynb", "02_autograd.ipynb"]


def test_the_copy_is_the_blank_notebook_not_the_solution(repository):
    start(repository=repository)
    copy = nbformat.read(repository / "work" / "01_manual_backprop.ipynb", as_version=4)
    assert [cell.source for cell in copy.cells] == ["forward = ..."]
    nbformat.validate(copy)


@pytest.mark.parametrize(
    "name",
    ["01", "1", "01_manual_backprop", "01_manual_backprop.ipynb", "notebooks/01_manual_backprop.ipynb"],
)
def test_a_notebook_is_chosen_by_number_name_or_path(repository, name):
    start([name], repository=repository)
    assert names(repository / "work") == ["01_manual_backprop.ipynb"]


def test_another_folder_can_be_chosen(repository, tmp_path):
    start(["02"], into=tmp_path / "my" / "own", repository=repository)
    assert names(tmp_path / "my" / "own") == ["02_autograd.ipynb"]


def test_a_student_s_work_is_never_overwritten(repository):
    start(["01"], repository=repository)
    copy = repository / "work" / "01_manual_backprop.ipynb"
    copy.write_text(copy.read_text().replace("forward = ...", "forward = mine"))
    before = copy.read_bytes()
    (said,) = start(["01"], repository=repository)
    assert copy.read_bytes() == before
    assert "kept" in said
    assert names(repository / "work") == ["01_manual_backprop.ipynb"]


def test_a_newer_version_of_the_course_is_announced_and_the_work_left_alone(repository):
    start(["01"], repository=repository)
    copy = repository / "work" / "01_manual_backprop.ipynb"
    before = copy.read_bytes()
    write_notebook(repository / "notebooks" / "01_manual_backprop.ipynb", "forward = ...  # clearer")
    (said,) = start(["01"], repository=repository)
    assert copy.read_bytes() == before
    assert "newer version" in said
    assert "--fresh" in said


def test_other_line_ends_and_indentation_are_no_newer_version(repository):
    start(["01"], repository=repository)
    source = repository / "notebooks" / "01_manual_backprop.ipynb"
    text = json.dumps(json.loads(source.read_text()), indent=4)
    source.write_bytes(text.replace("\n", "\r\n").encode())
    (said,) = start(["01"], repository=repository)
    assert "newer" not in said


def test_fresh_makes_numbered_copies_beside_the_first(repository):
    for _ in range(3):
        start(["01"], fresh=True, repository=repository)
    assert names(repository / "work") == [
        "01_manual_backprop-2.ipynb",
        "01_manual_backprop-3.ipynb",
        "01_manual_backprop.ipynb",
    ]


def test_a_copy_carries_no_jupytext_formats(repository):
    source = repository / "notebooks" / "01_manual_backprop.ipynb"
    write_notebook(source, "x", jupytext={"formats": "ipynb,py:percent"}, kernelspec={"name": "python3"})
    start(["01"], repository=repository)
    copy = nbformat.read(repository / "work" / source.name, as_version=4)
    assert "jupytext" not in copy.metadata
    assert copy.metadata.kernelspec == {"name": "python3"}


def test_an_unknown_notebook_is_refused_with_the_nearest_and_the_list(repository):
    with pytest.raises(UnknownNotebookError) as refused:
        start(["backprop"], repository=repository)
    assert "Did you mean 01_manual_backprop?" in str(refused.value)
    assert "02_autograd" in str(refused.value)
    assert not (repository / "work").exists()


@pytest.mark.parametrize("name", ["7", "007", "xyz", "..", "", "01_manual_backprop-2"])
def test_a_name_that_fits_nothing_is_refused(repository, name):
    with pytest.raises(UnknownNotebookError):
        choose_notebooks([name], repository / "notebooks")


def test_notebooks_come_in_the_course_s_order_and_once(repository):
    chosen = choose_notebooks(["02", "1", "01_manual_backprop"], repository / "notebooks")
    assert [path.stem for path in chosen] == ["01_manual_backprop", "02_autograd"]


def test_a_damaged_copy_is_named_and_left_as_it_is(repository):
    (repository / "work").mkdir()
    damaged = repository / "work" / "01_manual_backprop.ipynb"
    damaged.write_text('{"cells": [')
    (said,) = start(["01"], repository=repository)
    assert "01_manual_backprop.ipynb cannot be read" in said
    assert damaged.read_text() == '{"cells": ['


def test_a_file_in_place_of_the_folder_is_named(repository):
    (repository / "work").write_text("a note")
    with pytest.raises(CopyError, match="work"):
        start(["01"], repository=repository)


def test_the_course_s_own_folders_are_refused_for_copies(repository):
    with pytest.raises(CopyError):
        start(["01"], into=repository / "notebooks", fresh=True, repository=repository)


def test_an_interrupted_copy_leaves_nothing(repository, monkeypatch):
    def full_disk(self, target):  # noqa: ARG001
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full_disk)
    with pytest.raises(CopyError, match="No space left"):
        start(["01"], repository=repository)
    assert names(repository / "work") == []


def test_the_repository_is_found_from_a_folder_inside_it(repository):
    inside = repository / "work" / "deep"
    inside.mkdir(parents=True)
    assert find_repository(inside) == repository


def test_a_package_without_notebooks_says_to_clone(tmp_path, monkeypatch):
    import course_utils

    monkeypatch.setattr(course_utils, "__file__", str(tmp_path / "site" / "course_utils" / "__init__.py"))
    with pytest.raises(RepositoryError, match="Clone"):
        find_repository(tmp_path)


def course(*words: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "course_utils.cli", *words], cwd=folder, capture_output=True, text=True
    )


def test_the_command_prints_a_line_for_each_copy(repository):
    done = course("start", folder=repository)
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 2


def test_a_wrong_name_is_one_sentence_without_a_traceback(repository):
    done = course("start", "99", folder=repository)
    assert done.returncode == 2
    assert "There is no notebook '99'" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_scale_is_one_sentence_without_a_traceback(repository, monkeypatch):
    monkeypatch.setenv("COURSE_SCALE", "huge")
    done = course("run", folder=repository)
    assert done.returncode == 2
    assert "COURSE_SCALE is 'huge'" in done.stderr
    assert "Traceback" not in done.stderr


def test_help_lists_the_subcommands_and_imports_nothing_heavy():
    program = """
import sys
from course_utils import cli
try:
    cli.main(["--help"])
finally:
    print(sorted({"torch", "numpy", "nbformat", "tqdm"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    for name in ("doctor", "start", "data", "run", "build", "results"):
        assert f"\n    {name} " in done.stdout
    assert done.stdout.strip().endswith("[]")
