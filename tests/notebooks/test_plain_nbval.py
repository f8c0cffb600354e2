"""Instructors' first door: plain nbval sees exercises pass and fail, and always reaches the end."""

import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import nbformat
import pytest

from course_utils.exercises import catalogue
from course_utils.repository import find_repository

ROOT = find_repository(Path(__file__).parent)
NAMES = [catalogue.notebook(number).name for number in catalogue.NOTEBOOK_IDS]


def run_nbval(notebook, folder, *, strict):
    """Run plain nbval on a copy; return the ids of failed cells, and how many cells ran."""
    file = folder / "submission.ipynb"
    nbformat.write(notebook, file)
    environment = {k: v for k, v in os.environ.items() if k not in ("CI", "COURSE_SCALE", "COURSE_CHECK")}
    environment |= {"COURSE_CHECK": "strict"} if strict else {}
    report = folder / "report.xml"
    command = [sys.executable, "-m", "pytest", "--nbval-lax", "--nbval-current-env", f"--junitxml={report}"]
    command += ["-p", "no:cacheprovider", "-p", "no:xdist", "-q", "--rootdir", str(folder), str(file)]
    subprocess.run(command, cwd=folder, env=environment, check=False, capture_output=True, timeout=300)
    cases = list(ET.parse(report).getroot().iter("testcase"))
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert len(cases) == len(code)
    assert not any(case.find("skipped") is not None for case in cases)
    bad = [
        i
        for i, case in enumerate(cases)
        if case.find("failure") is not None or case.find("error") is not None
    ]
    assert sorted(f.name for f in folder.iterdir() if f.suffix == ".json") == [], (
        "a progress file was left behind"
    )
    return [code[i].id for i in bad]


def student(name):
    return nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)


@pytest.mark.parametrize("name", NAMES)
def test_a_blank_notebook_fails_in_strict_mode_at_exactly_its_checks(name, tmp_path):
    notebook = student(name)
    checks = [cell.id for cell in notebook.cells if cell.metadata.get("tags") == ["check"]]
    assert run_nbval(notebook, tmp_path, strict=True) == checks


def test_of_a_mixed_submission_exactly_the_wrong_exercises_fail(tmp_path):
    notebook = student("01_manual_backprop")
    texts = catalogue.texts("01_manual_backprop").exercises
    for cell in notebook.cells:
        exercise = cell.metadata.get("course", {}).get("exercise")
        if cell.metadata.get("tags") == ["exercise"] and exercise not in ("1.5", "1.30"):
            cell.source = texts[exercise].solution
        if cell.id == "exercise-1-11":
            cell.source = cell.source.replace(' + params["bh"]', "")
        if cell.id == "exercise-1-18":
            cell.source = "def gradient_logits(y, logits:\n"
        if cell.id == "exercise-1-5":
            cell.source = "q4_parameters = 21\nq4_yours = 'nh'"
    failed = run_nbval(notebook, tmp_path, strict=True)
    assert failed == ["check-1-5", "check-1-11", "exercise-1-18", "check-1-18", "check-1-30"]
