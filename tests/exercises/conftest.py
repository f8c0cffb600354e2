"""A stand-in for a student's notebook: a namespace in which cells run, and what a check shows."""

from types import SimpleNamespace

import pytest

from course_utils.exercises import checking, record


@pytest.fixture
def student(capsys, monkeypatch, tmp_path):
    """Return an object with `run(source)`, which runs a cell and returns what it showed."""
    monkeypatch.chdir(tmp_path)
    for name in ("CI", "PYTEST_VERSION", "COURSE_CHECK", "COURSE_PROGRESS"):
        monkeypatch.delenv(name, raising=False)
    # pytest sets PYTEST_CURRENT_TEST anew for each phase of a test, so it cannot be taken away
    monkeypatch.setattr(record, "AUTOMATIC", ("CI", "PYTEST_VERSION"))
    monkeypatch.setattr(checking, "replaced", {})
    monkeypatch.setattr(checking, "_cell_errors", {})
    namespace: dict = {}
    exec("import torch\nfrom course_utils.exercises import *", namespace)

    def run(source):
        capsys.readouterr()
        exec(compile(source, "<stdin>", "exec"), namespace)
        return capsys.readouterr().out

    return SimpleNamespace(run=run, names=namespace, folder=tmp_path)
