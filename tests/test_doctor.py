"""`course doctor`: what it says about machines that lack something."""

import importlib.metadata
import re
import subprocess
import sys
from types import ModuleType, SimpleNamespace

import pytest

from course_utils import doctor, machine


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """What the command says on this very machine, with an empty data directory."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_DATA", str(tmp_path_factory.mktemp("data")))
        return subprocess.run(
            [sys.executable, "-m", "course_utils.cli", "doctor"], capture_output=True, text=True
        )


def test_every_check_gets_a_line_with_its_level(report):
    lines = [line for line in report.stdout.splitlines() if not line.startswith("      -> ")]
    assert len(lines) == len(doctor.CHECKS)
    assert all(line.split()[0] in ("OK", "WARN", "FAIL") for line in lines)


def test_an_installed_course_has_no_failure(report):
    assert "FAIL" not in report.stdout
    assert report.returncode == 0


def test_python_torch_threads_memory_data_and_widgets_are_named(report):
    for word in ("Python 3.", "torch 2.", "device ", "threads", "memory", "data directory", "widgets:"):
        assert word in report.stdout


def test_every_failure_says_what_to_type(monkeypatch, capsys):
    broken = [lambda: doctor.python_version((3, 9)), lambda: 1 / 0]
    broken[1].__name__ = "data_sets"
    monkeypatch.setattr(doctor, "CHECKS", broken)
    assert doctor.main() == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line[:4] for line in lines[::2]] == ["FAIL", "FAIL"]
    assert all(line.startswith("      -> ") for line in lines[1::2])
    assert "data sets: ZeroDivisionError" in lines[2]


def test_a_wrong_scale_is_a_failure(monkeypatch):
    monkeypatch.setenv("COURSE_SCALE", "tiny")
    finding = doctor.chosen_scale()
    assert finding.level == "FAIL"
    assert "tiny" in finding.what


def test_a_torch_that_does_not_import_is_a_failure(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision", None)
    finding = doctor.torch_and_device()
    assert finding.level == "FAIL"
    assert "pip install" in finding.remedy


def test_more_threads_than_the_quota_allows_is_a_warning_with_the_cure(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(get_num_threads=lambda: 64))
    monkeypatch.setattr(machine, "cores", lambda: 2)
    monkeypatch.setattr(machine, "cpu_quota", lambda: 2.5)
    finding = doctor.threads()
    assert finding.level == "WARN"
    assert "64 threads" in finding.what
    assert "quota: 2.5" in finding.what
    assert "OMP_NUM_THREADS=2" in finding.remedy


def test_spinning_threads_are_a_warning(monkeypatch):
    monkeypatch.setenv("OMP_WAIT_POLICY", "active")
    assert doctor.waiting_threads().level == "WARN"


@pytest.mark.parametrize(
    ("order", "level"), [(["torch", "course_utils"], "WARN"), (["course_utils", "torch"], "OK")]
)
def test_torch_imported_before_the_course_is_a_warning(monkeypatch, order, level):
    monkeypatch.setenv("OMP_WAIT_POLICY", "passive")
    modules = {name: ModuleType(name) for name in order}
    monkeypatch.setattr(doctor, "sys", SimpleNamespace(modules=modules, platform="linux"))
    assert doctor.waiting_threads().level == level


@pytest.mark.parametrize(
    ("total", "available", "level"), [(0.5e9, 0.4e9, "FAIL"), (4e9, 1.2e9, "WARN"), (16e9, 8e9, "OK")]
)
def test_memory_is_judged_by_what_a_notebook_needs(monkeypatch, total, available, level):
    monkeypatch.setattr(machine, "memory_total", lambda: total)
    monkeypatch.setattr(machine, "memory_available", lambda: available)
    finding = doctor.memory()
    assert finding.level == level
    assert (finding.remedy == "") == (level == "OK")


def test_a_data_directory_that_cannot_be_made_is_a_failure(monkeypatch, tmp_path):
    (tmp_path / "note").write_text("a file")
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "note"))
    finding = doctor.data_directory()
    assert finding.level == "FAIL"
    assert "COURSE_DATA=FOLDER" in finding.remedy


def test_data_sets_in_the_data_directory_are_listed(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    monkeypatch.delenv("COURSE_SCALE", raising=False)
    assert "found: none" in doctor.data_sets().what
    (tmp_path / "mnist.parquet").touch()
    assert "mnist" in doctor.data_sets().what


def test_missing_data_are_a_warning_only_where_they_are_needed(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    monkeypatch.setenv("COURSE_SCALE", "smoke")
    assert doctor.data_sets().level == "OK"
    monkeypatch.setenv("COURSE_SCALE", "laptop")
    finding = doctor.data_sets()
    assert finding.level == "WARN"
    assert re.fullmatch(r"course data .*\bcifar10\b.*", finding.remedy)


@pytest.mark.parametrize(
    ("check", "package", "level"),
    [
        (doctor.pack_reader, "pyarrow", "WARN"),
        (doctor.widgets, "ipywidgets", "FAIL"),
        (doctor.widgets, "jupyterlab-widgets", "FAIL"),
    ],
)
def test_a_missing_package_is_named_with_its_installation(monkeypatch, check, package, level):
    real = importlib.metadata.version

    def version(name):
        if name == package:
            raise importlib.metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    finding = check()
    assert finding.level == level
    assert finding.remedy == f"pip install {package}"


def test_a_missing_sandbox_is_a_warning_that_says_what_to_install(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda _: None)
    monkeypatch.setattr("platform.system", lambda: "Linux")
    monkeypatch.setattr("course_utils.grading.sandbox.landlock_version", lambda: 0)
    finding = doctor.sandbox()
    assert finding.level == "WARN"
    assert "no protection" in finding.what
    assert "apt install bubblewrap" in finding.remedy


def test_a_sandbox_that_may_not_start_is_a_warning_with_its_reason(monkeypatch):
    refused = subprocess.CompletedProcess([], 1, "", "bwrap: No permissions to create new namespace\n")
    monkeypatch.setattr("shutil.which", lambda _: "/usr/bin/bwrap")
    monkeypatch.setattr("platform.system", lambda: "Linux")
    monkeypatch.setattr("subprocess.run", lambda *_, **__: refused)
    finding = doctor.sandbox()
    assert finding.level == "WARN"
    assert "No permissions" in finding.what
