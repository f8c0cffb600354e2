"""Grading many submissions: each has its record whatever it does, and nothing is left of the run."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil
import pytest
from handed_in import DIES, EXAMPLE, HANGS, OVERFLOWS, hand_in, notebook, solutions

from course_utils.grading import records
from course_utils.grading.run import Run
from course_utils.grading.scratch import LOCK, PREFIX, remove_left_over, scratch_folder
from course_utils.grading.submissions import Submission

RIGHT = notebook(solutions())
SLOW = notebook(solutions(), first=["import time\ntime.sleep(1.5)"])


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    """A temporary folder of the test's own: what is left in it shows."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    folder.chmod(0o755)
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def submissions(folder, **notebooks):
    hand_in(folder, **notebooks)
    return [Submission(student, folder / student / "assignment.ipynb") for student in notebooks]


def graded(tmp_path, toy, best, *, workers=1, on_record=lambda _: None, **notebooks):
    """Grade notebooks; return the records by student."""
    out = tmp_path / "out"
    with Run(assignment=toy, out=out, protection=best, workers=workers, on_record=on_record) as run:
        run.grade(submissions(tmp_path / "submissions", **notebooks))
    return {record.student: record for record in records.read_all(out)}


def workers_of(process=None):
    """Return the worker processes of this process or another."""
    found = []
    with contextlib.suppress(psutil.Error):
        for child in (process or psutil.Process()).children():
            with contextlib.suppress(psutil.Error):
                if "course_utils.grading.worker" in child.cmdline():
                    found.append(child)
    return found


def points(record):
    return {mark.id: mark.points for mark in record.exercises}


def statuses(record):
    return {mark.id: mark.status for mark in record.exercises}


# ---------------------------------------------------------------- records


@pytest.fixture(scope="module")
def several(tmp_path_factory, toy, best):
    """The records of submissions of all kinds, graded by two workers, and what was seen meanwhile."""
    folder, seen = tmp_path_factory.mktemp("several"), {"memory": 0, "records": []}

    def look(record):
        seen["records"].append(record)
        for worker in workers_of():
            with contextlib.suppress(psutil.Error):
                seen["memory"] = max(seen["memory"], worker.memory_info().rss)

    found = graded(
        folder,
        toy,
        best,
        workers=2,
        on_record=look,
        right=RIGHT,
        blank=notebook(),
        partly=notebook({**solutions(), "ex3": OVERFLOWS}),
        hangs=notebook({**solutions(), "ex1": HANGS}),
        dies=notebook({**solutions(), "ex1": DIES}),
        broken=b"{",
        empty=notebook({"ex1": "def mean_abs(xs):\n    return undefined_name"}),
    )
    return found, seen, folder


def test_right_answers_earn_all_points(several):
    record = several[0]["right"]
    assert (record.state, record.points, record.possible) == ("graded", 10.0, 10.0)
    assert set(statuses(record).values()) == {"right"}


def test_blanks_earn_nothing_and_are_called_blank(several):
    record = several[0]["blank"]
    assert (record.state, record.points) == ("graded", 0.0)
    assert set(statuses(record).values()) == {"blank"}


def test_a_diagnosed_mistake_earns_its_share(several):
    assert points(several[0]["partly"]) == {"ex1": 2.0, "ex2": 3.0, "ex3": 2.0}
    assert "subtract the largest" in several[0]["partly"].exercises[2].mistake


@pytest.mark.parametrize("student", ["hangs", "dies"])
def test_an_answer_that_hangs_or_ends_the_kernel_costs_its_own_points_only(student, several):
    assert points(several[0][student]) == {"ex1": 0.0, "ex2": 3.0, "ex3": 5.0}


def test_an_answer_that_hangs_says_for_how_long(several):
    assert "after 0.5 seconds" in several[0]["hangs"].exercises[0].message


def test_a_file_that_cannot_be_read_has_a_record_with_the_reason(several):
    record = several[0]["broken"]
    assert (record.state, record.points) == ("unreadable", 0.0)
    assert "not a notebook" in record.reason
    assert set(statuses(record).values()) == {"unjudged"}


def test_an_exception_is_described_to_the_student(several):
    assert "undefined_name" in several[0]["empty"].exercises[0].message


def test_each_record_is_announced_once(several):
    found, seen, _ = several
    assert sorted(record.student for record in seen["records"]) == sorted(found)


def test_a_record_tells_the_protection_the_file_and_the_seeds(several, best):
    record = several[0]["right"]
    assert record.protection == best.description
    assert record.file.endswith("right/assignment.ipynb")
    assert len(record.file_hash) == 64
    assert len(set(record.seeds)) == 3
    assert record.seeds != several[0]["partly"].seeds


def test_the_answers_are_kept_for_the_search_for_look_alikes(several):
    kept = records.read_answers(several[2] / "out")
    assert kept["partly"]["ex3"].endswith(OVERFLOWS)
    assert kept["blank"] == {"ex1": "", "ex2": "", "ex3": ""}


def test_workers_are_thin(several):
    assert 0 < several[1]["memory"] < 150 * 2**20


def test_a_worker_imports_neither_torch_nor_numpy_nor_nbformat():
    code = (
        "import sys, course_utils.grading.worker\n"
        "print(sorted({'torch', 'numpy', 'nbformat', 'pandas', 'IPython'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_same_submission_has_the_same_marks_and_seeds_again(tmp_path, toy, best):
    one = graded(tmp_path, toy, best, alice=notebook())["alice"]
    other = graded(tmp_path, toy, best, alice=notebook())["alice"]
    assert one.seeds == other.seeds
    assert statuses(one) == statuses(other)


@pytest.mark.skipif(os.name != "posix", reason="rights of POSIX")
def test_the_runs_secret_is_nobody_elses(tmp_path, toy, best):
    graded(tmp_path, toy, best, alice=notebook())
    assert (tmp_path / "out" / "secret.json").stat().st_mode & 0o077 == 0


def test_nothing_is_left_of_a_run(tmp_path, toy, protection, temporary):
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    found = graded(tmp_path, toy, protection, alice=RIGHT, bob=notebook({**solutions(), "ex1": DIES}))
    assert {student: record.points for student, record in found.items()} == {"alice": 10.0, "bob": 8.0}
    assert list(temporary.iterdir()) == []
    end = time.monotonic() + 20
    while time.monotonic() < end:
        left = [p for p in psutil.Process().children(recursive=True) if p.pid not in before]
        if not left:
            break
        time.sleep(0.1)
    assert left == []
    assert [path.name for path in (tmp_path / "out").rglob(".*.tmp")] == []


# ---------------------------------------------------------------- lost workers


def killer(times):
    """Kill the worker so many times, each time when its box has started."""
    killed = []

    def watch():
        while len(killed) < times:
            for worker in workers_of():
                with contextlib.suppress(psutil.Error):
                    if worker.pid not in killed and worker.children():
                        worker.kill()
                        killed.append(worker.pid)
            time.sleep(0.02)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    return thread


def test_a_submission_whose_worker_was_lost_is_tried_once_more(tmp_path, toy, best):
    watch = killer(1)
    found = graded(tmp_path, toy, best, alice=SLOW, bob=notebook())
    watch.join(10)
    assert not watch.is_alive()
    assert (found["alice"].state, found["alice"].points) == ("graded", 10.0)
    assert found["bob"].state == "graded"


def test_a_submission_that_loses_two_workers_has_failed_and_others_go_on(tmp_path, toy, best):
    watch = killer(2)
    found = graded(tmp_path, toy, best, alice=SLOW, bob=notebook())
    watch.join(10)
    assert not watch.is_alive()
    assert found["alice"].state == "failed"
    assert "twice" in found["alice"].reason
    assert set(statuses(found["alice"]).values()) == {"unjudged"}
    assert found["bob"].state == "graded"


@pytest.mark.skipif(sys.platform != "linux", reason="a limit that Linux keeps")
def test_a_file_that_takes_too_much_memory_to_read_is_unreadable(tmp_path):
    path = tmp_path / "assignment.ipynb"
    path.write_bytes(b'{"cells": [' + b"[]," * 5_000_000 + b"[]]}")
    code = (
        "import sys\nfrom pathlib import Path\nfrom course_utils.grading import worker\n"
        "worker.MEMORY_BYTES = 2**28\nworker.limit_memory()\n"
        "release = worker.Release((), {}, frozenset())\n"
        "submission = worker.Submission('alice', Path(sys.argv[1]))\n"
        "print(worker.grade(submission, release, None, None)['reason'])"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "Reading the file takes more memory than a notebook may."


def test_a_box_that_does_not_work_is_nobodys_mistake(tmp_path, toy, best):
    with Run(assignment=toy, out=tmp_path / "out", protection=best, workers=1) as run:
        inside = run.course / "course_utils" / "grading" / "inside.py"
        inside.write_text("raise SystemExit(3)\n")
        run.grade(submissions(tmp_path / "submissions", alice=RIGHT))
    (record,) = records.read_all(tmp_path / "out")
    assert record.state == "failed"
    assert "first cell of the course" in record.reason


def test_a_disk_that_is_full_ends_the_run_with_its_error(tmp_path, toy, best, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(records, "write", full)
    with pytest.raises(OSError, match="No space left"):
        graded(tmp_path, toy, best, alice=notebook())
    assert workers_of() == []


def test_an_interrupt_leaves_whole_records_and_no_worker(tmp_path, toy, best, temporary):
    def interrupt(record):
        if record.student == "bob":
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        graded(tmp_path, toy, best, on_record=interrupt, alice=notebook(), bob=notebook(), carol=SLOW)
    assert [record.student for record in records.read_all(tmp_path / "out")] == ["alice", "bob"]
    assert workers_of() == []
    assert list(temporary.iterdir()) == []


# ---------------------------------------------------------------- temporary folders


def hold(temporary):
    """Return a process that holds a scratch folder, and the folder."""
    code = (
        "import time\nfrom course_utils.grading.scratch import scratch_folder\n"
        "with scratch_folder() as folder:\n    (folder / 'file').write_text('x')\n"
        "    print(folder, flush=True)\n    time.sleep(1000)"
    )
    environment = {**os.environ, "TMPDIR": str(temporary)}
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment
    )
    return process, Path(process.stdout.readline().strip())


def test_the_folder_of_a_killed_run_is_removed_by_the_next_one_and_that_of_a_living_one_is_not(temporary):
    killed, gone = hold(temporary)
    alive, stays = hold(temporary)
    killed.kill()
    killed.wait()
    os.utime(gone / LOCK, (0, 0))  # a lock of this very second may be about to be taken
    with scratch_folder() as folder:
        assert sorted(temporary.iterdir()) == sorted([folder, stays])
    assert not gone.exists()
    assert (stays / "file").exists()
    for process in (killed, alive):
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_folder_that_is_just_being_made_and_other_peoples_links_stay(temporary):
    (temporary / f"{PREFIX}new").mkdir()
    (temporary / "elsewhere").mkdir()
    (temporary / "elsewhere" / LOCK).touch()
    (temporary / f"{PREFIX}link").symlink_to(temporary / "elsewhere")
    (temporary / f"{PREFIX}file").touch()
    before = sorted(temporary.rglob("*"))
    remove_left_over()
    assert sorted(temporary.rglob("*")) == before


# ---------------------------------------------------------------- the whole command, killed


def course_grade(tmp_path, *, workers=2):
    command = [sys.executable, "-m", "course_utils.cli", "grade", str(tmp_path / "submissions")]
    command += ["--assignment", str(EXAMPLE), "--out", str(tmp_path / "out"), "--workers", str(workers)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for_records(process, out, number):
    """Wait for so many records; return the processes that are at work then."""
    while len(list(out.glob("records/*.json"))) < number:
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    return psutil.Process(process.pid).children(recursive=True)


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT], ids=["SIGKILL", "Ctrl-C"])
@pytest.mark.usefixtures("best")
def test_a_command_that_was_stopped_twice_goes_on_and_leaves_nothing(how, tmp_path, temporary):
    students = {
        f"student{n}": notebook(solutions(), first=["import time\ntime.sleep(0.5)"]) for n in range(8)
    }
    hand_in(tmp_path / "submissions", **students)
    out, kept = tmp_path / "out", {}
    for number in (2, 5):
        process = course_grade(tmp_path)
        working = wait_for_records(process, out, number)
        process.send_signal(how)
        printed, said = process.communicate(timeout=60)
        assert process.returncode == (130 if how == signal.SIGINT else -9)
        if how == signal.SIGINT:
            assert "course grade: stopped" in said
            assert "the same command goes on with the others" in printed
            assert "Traceback" not in said
        _, left = psutil.wait_procs(working, timeout=20)
        assert [p for p in left if p.status() != psutil.STATUS_ZOMBIE] == []
        for path, content in kept.items():
            assert path.read_bytes() == content  # none is graded twice
        kept = {path: path.read_bytes() for path in out.glob("records/*.json")}
        assert all(json.loads(content)["state"] == "graded" for content in kept.values())
    process = course_grade(tmp_path)
    printed, _ = process.communicate(timeout=300)
    assert process.returncode == 0
    assert f"{len(kept)} submissions graded before" in printed
    for path, content in kept.items():
        assert path.read_bytes() == content
    assert {record.student: record.points for record in records.read_all(out)} == dict.fromkeys(
        students, 10.0
    )
    assert list(temporary.iterdir()) == []
    assert list(out.rglob(".*.tmp")) == []


@pytest.mark.slow
def test_a_class_of_honest_broken_and_hostile_submissions_has_a_record_each(tmp_path, toy, best):
    kinds = [
        (RIGHT, 10.0),
        (notebook(), 0.0),
        (notebook({**solutions(), "ex3": OVERFLOWS}), 7.0),
        (notebook({**solutions(), "ex1": DIES}), 8.0),
        (b"\x00\xff", 0.0),
    ]
    found = graded(tmp_path, toy, best, workers=2, **{f"s{n}": kinds[n % 5][0] for n in range(30)})
    assert {s: record.points for s, record in found.items()} == {f"s{n}": kinds[n % 5][1] for n in range(30)}
