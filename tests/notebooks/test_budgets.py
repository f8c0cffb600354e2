"""At scale smoke: solutions are right, within their time and memory; blank notebooks earn nothing."""

import asyncio
from pathlib import Path

import pytest

from course_utils.execution import execute
from course_utils.exercises import catalogue
from course_utils.repository import find_repository
from course_utils.run import kernel_environment

NOTEBOOKS = find_repository(Path(__file__).parent) / "notebooks"
NAMES = [catalogue.notebook(number).name for number in catalogue.NOTEBOOK_IDS]


def run(path, monkeypatch):
    monkeypatch.delenv("COURSE_SCALE", raising=False)
    # without pytest's variables, so that the kernel does what a student's would
    environment = kernel_environment(workers=1) | {"PYTEST_VERSION": "", "PYTEST_CURRENT_TEST": "", "CI": ""}
    return asyncio.run(execute(path, environment=environment, timeout=120))


@pytest.mark.parametrize("name", NAMES)
def test_a_solution_notebook_is_right_and_keeps_its_budgets(name, monkeypatch):
    outcome = run(NOTEBOOKS / "solutions" / f"{name}.ipynb", monkeypatch)
    assert outcome.failure is None
    assert set(outcome.verdicts) == set(catalogue.texts(name).exercises)
    assert outcome.passed
    assert outcome.seconds <= 60
    assert outcome.memory_above_imports <= 0.5e9
    assert outcome.peak_memory <= 1.5e9


@pytest.mark.parametrize("name", NAMES)
def test_a_blank_notebook_runs_to_its_end_and_earns_nothing(name, monkeypatch):
    outcome = run(NOTEBOOKS / f"{name}.ipynb", monkeypatch)
    assert outcome.failure is None
    assert set(outcome.verdicts) == set(catalogue.texts(name).exercises)
    assert set(outcome.verdicts.values()) == {"blank"}
