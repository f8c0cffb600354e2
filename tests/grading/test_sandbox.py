"""Which protection a machine offers, the command that starts a box, and what to do where there is none."""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from course_utils.grading import sandbox
from course_utils.grading.filters import system_call_filter
from course_utils.grading.sandbox import (
    NO_PROTECTION,
    Protection,
    SandboxError,
    best_protection,
    command,
    environment,
    filter_descriptor,
)

COURSE, WORK = Path("/tmp/a/course"), Path("/tmp/a/work")
BUBBLEWRAP = Protection("bubblewrap", "bubblewrap 1.0")
LANDLOCK = Protection("landlock", "Landlock 4")
KINDS = pytest.mark.parametrize("protection", [BUBBLEWRAP, LANDLOCK, NO_PROTECTION], ids=lambda p: p.kind)


@pytest.fixture(autouse=True)
def tried_anew():
    """What was found out before does not count, nor what a test finds out."""
    best_protection.cache_clear()
    yield
    best_protection.cache_clear()


def pairs(arguments, option):
    """Return what follows an option of bubblewrap, for each time that it is given."""
    return [tuple(arguments[n + 1 : n + 3]) for n, word in enumerate(arguments) if word == option]


# ---------------------------------------------------------------- what there is


def test_bubblewrap_is_preferred(monkeypatch):
    monkeypatch.setattr(sandbox, "bubblewrap", lambda: (BUBBLEWRAP, ""))
    monkeypatch.setattr(sandbox, "landlock", lambda: LANDLOCK)
    assert best_protection() is BUBBLEWRAP


def test_landlock_serves_where_bubblewrap_does_not(monkeypatch):
    monkeypatch.setattr(sandbox, "bubblewrap", lambda: (None, "it is not installed"))
    monkeypatch.setattr(sandbox, "landlock", lambda: LANDLOCK)
    assert best_protection() is LANDLOCK


def test_where_there_is_nothing_a_sentence_says_why_and_how_to_get_it(monkeypatch):
    monkeypatch.setattr(sandbox, "bubblewrap", lambda: (None, "it is not installed"))
    monkeypatch.setattr(sandbox, "landlock", lambda: None)
    with pytest.raises(SandboxError, match="it is not installed") as found:
        best_protection()
    assert sandbox.advice() in str(found.value)


@pytest.mark.parametrize(
    ("system", "words"), [("Linux", "apt install"), ("Darwin", "container"), ("Windows", "container")]
)
def test_the_advice_fits_the_system(system, words, monkeypatch):
    monkeypatch.setattr(platform, "system", lambda: system)
    assert words in sandbox.advice()
    assert "--unsafe-no-sandbox" in sandbox.advice()


def test_bubblewrap_that_is_not_installed_is_not_found(monkeypatch):
    monkeypatch.setattr(sandbox.shutil, "which", lambda _: None)
    found, why = sandbox.bubblewrap()
    assert found is None
    assert "not installed" in why


@pytest.mark.skipif(platform.system() != "Linux", reason="programs of Linux")
def test_bubblewrap_that_does_not_start_is_not_taken(monkeypatch, tmp_path):
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho 'bwrap: no permissions' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(sandbox.shutil, "which", lambda _: str(broken))
    found, why = sandbox.bubblewrap()
    assert found is None
    assert "no permissions" in why


@pytest.mark.skipif(platform.system() != "Linux", reason="programs of Linux")
def test_a_box_without_proc_is_taken_where_proc_cannot_be_mounted(monkeypatch, tmp_path):
    nested = tmp_path / "bwrap"
    nested.write_text('#!/bin/sh\ncase "$*" in *"--proc"*) exit 1;; esac\nexit 0\n')
    nested.chmod(0o755)
    monkeypatch.setattr(sandbox.shutil, "which", lambda _: str(nested))
    found, _ = sandbox.bubblewrap()
    assert (found.kind, found.has_proc) == ("bubblewrap", False)


def test_an_installed_course_rules_landlock_out(monkeypatch):
    monkeypatch.setattr(sandbox, "landlock_version", lambda: 4)
    monkeypatch.setattr(sandbox, "process_filter", lambda: b"filter")
    monkeypatch.setattr(sandbox, "_hidden", lambda: [])
    assert sandbox.landlock().kind == "landlock"
    monkeypatch.setattr(sandbox, "_hidden", lambda: ["/site-packages/course_utils"])
    assert sandbox.landlock() is None


# ---------------------------------------------------------------- the command


def test_a_box_shares_nothing_and_ends_with_whoever_started_it():
    arguments = command(BUBBLEWRAP, COURSE)
    for option in ("net", "pid", "ipc", "uts"):
        assert f"--unshare-{option}" in arguments
    assert {"--die-with-parent", "--new-session"} <= set(arguments)
    assert "--bind" not in arguments
    assert "--share-net" not in arguments


def test_a_box_shows_the_course_read_only_and_nothing_else_of_ours():
    arguments = command(BUBBLEWRAP, COURSE)
    shown = pairs(arguments, "--ro-bind")
    assert (str(COURSE), str(sandbox.INSIDE)) in shown
    allowed = {str(COURSE), *sandbox._SYSTEM, sys.prefix, sys.base_prefix}
    assert {outside for outside, _ in shown} <= allowed


def test_everything_that_can_be_written_in_a_box_has_a_size():
    arguments = command(BUBBLEWRAP, COURSE)
    for n, word in enumerate(arguments):
        if word == "--tmpfs" and arguments[n + 2] != "--remount-ro":
            assert arguments[n - 2] == "--size"
            assert 0 < int(arguments[n - 1]) <= 2**28
    assert arguments[arguments.index("--chdir") + 1] == str(sandbox.WORK)
    assert pairs(arguments, "--remount-ro")[-1][0] == "/"


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="users of POSIX")
def test_each_worker_of_root_has_a_user_of_its_own(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    users = {json.loads(command(BUBBLEWRAP, COURSE, worker=n)[-1])["user"] for n in range(4)}
    assert len(users) == 4
    assert all(int(user) >= sandbox.FIRST_USER for user in users)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="users of POSIX")
def test_an_ordinary_user_gives_the_box_users_of_its_own_and_no_rights(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    arguments = command(BUBBLEWRAP, COURSE)
    assert "--unshare-user" in arguments
    assert "--cap-add" not in arguments
    assert json.loads(arguments[-1])["user"] == ""


def test_with_landlock_the_kernel_is_told_to_confine_itself_to_its_work_folder():
    told = json.loads(command(LANDLOCK, COURSE, work=WORK)[-1])
    assert told["writable"] == [str(WORK), os.devnull]
    assert str(COURSE) in told["readable"]
    assert str(Path.home()) not in told["readable"]
    assert "/" not in told["readable"]
    assert "/proc" not in told["readable"]


@KINDS
def test_the_kernel_is_started_without_the_users_own_packages(protection):
    arguments = command(protection, COURSE)
    assert arguments[arguments.index(sys.executable) + 1 : -1] == ["-s", "-m", "course_utils.grading.inside"]


@KINDS
def test_of_the_graders_environment_nothing_goes_inside(protection, monkeypatch):
    monkeypatch.setenv("SECRET", "canary")
    monkeypatch.setenv("PYTHONPATH", "/canary")
    monkeypatch.setenv("COURSE_DATA", "/canary")
    inside = environment(protection, COURSE, WORK)
    assert not any("canary" in value for value in inside.values())
    assert "COURSE_DATA" not in inside


# ---------------------------------------------------------------- the filter


def test_the_filter_can_be_read_from_its_descriptor_to_its_end():
    descriptor = filter_descriptor()
    if descriptor is None:
        pytest.skip("the system calls of this processor are not known")
    with os.fdopen(descriptor, "rb") as file:
        assert file.read() == system_call_filter()


def test_without_a_filter_there_is_no_descriptor(monkeypatch):
    monkeypatch.setattr(sandbox, "system_call_filter", lambda: b"")
    assert filter_descriptor() is None


def test_the_module_is_cheap_to_import():
    code = (
        "import sys, course_utils.grading.sandbox; print({'torch', 'numpy', 'nbformat'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
