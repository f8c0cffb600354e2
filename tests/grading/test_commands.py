"""`course grade`: what it says, what it skips, what it keeps, and what it refuses in a sentence."""

import csv
import multiprocessing
import os
import re
import shutil
import subprocess
import sys

import pytest
from handed_in import EXAMPLE, OVERFLOWS, hand_in, notebook, solutions

from course_utils import cli
from course_utils.grading import box_course, commands, outputs, records, sandbox
from course_utils.grading.commands import GradeError
from course_utils.grading.identities import IdentityError

BLANK = notebook()  # needs no box, so it is graded in no time


pytestmark = pytest.mark.usefixtures("best")  # without protection the command refuses


@pytest.fixture(autouse=True)
def quickly(monkeypatch):
    """Do not compile the box's course: that takes longer than grading blank notebooks."""
    monkeypatch.setattr(box_course.compileall, "compile_dir", lambda *_, **__: None)


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


@pytest.fixture
def handed_in(tmp_path):
    """Blank notebooks of alice and bob."""
    return hand_in(tmp_path / "submissions", alice=BLANK, bob=BLANK)


def grade(submissions, out, **options):
    options = {"notebook": None, "assignment": EXAMPLE, "workers": 1} | options
    return commands.grade(submissions, out=out, **options)


def states(out):
    return {record.student: record.state for record in records.read_all(out)}


def written(out):
    """Return what would change if a record were written again: each is another file then.

    Its number alone is not enough: a file system may give a new file the number of the old one.
    """
    found = {path.name: path.stat() for path in (out / "records").glob("*.json")}
    return {name: (status.st_ino, status.st_mtime_ns) for name, status in found.items()}


def again(before, out):
    """Return the students whose records have been written since."""
    changed = [name for name, file in written(out).items() if before.get(name) != file]
    return sorted(name.rpartition("-")[0] for name in changed)


# ---------------------------------------------------------------- a run


def test_it_says_what_it_found_and_what_protects_the_machine_before_it_starts(handed_in, out, best, capsys):
    assert grade(handed_in, out) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"{handed_in}: a folder per student, 2 submissions."
    assert said[-2] == f"Protection: {best.description}."
    assert said[-1].startswith("2 records in")


def test_it_writes_the_gradebook_and_the_pages(handed_in, out):
    grade(handed_in, out)
    for name in ("grades.csv", "overview.html", "feedback", "exports"):
        assert (out / name).exists()
    with (out / "grades.csv").open(encoding="utf-8", newline="") as file:
        assert [row["student"] for row in csv.DictReader(file)] == ["alice", "bob"]


def test_partial_credit_reaches_the_record_and_the_table(tmp_path, out):
    folder = hand_in(tmp_path / "submissions", alice=notebook({**solutions(), "ex3": OVERFLOWS}))
    assert grade(folder, out) == 0
    with (out / "grades.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["ex3"], row["total"]) == ("2", "7")


def test_a_submission_that_cannot_be_graded_is_named_at_the_end_and_in_the_exit_code(handed_in, out, capsys):
    hand_in(handed_in, carol=b"{")
    assert grade(handed_in, out) == 1
    assert re.search(r"^- carol: .*not a notebook", capsys.readouterr().out, flags=re.MULTILINE)
    assert states(out) == {"alice": "graded", "bob": "graded", "carol": "unreadable"}


def test_nothing_of_a_submission_moves_the_cursor_of_the_terminal(handed_in, out, capsys):
    hand_in(handed_in, **{"eve\x1b[2J\u202e": b"{"})
    assert grade(handed_in, out) == 1
    with pytest.raises(IdentityError) as found:
        grade(handed_in, out, only=["nobody"])
    said = capsys.readouterr().out + str(found.value)
    assert "eve" in said
    assert all(character.isprintable() or character == "\n" for character in said)


# ---------------------------------------------------------------- once more


def test_what_has_its_record_is_not_graded_again(handed_in, out, capsys):
    grade(handed_in, out)
    before = written(out)
    capsys.readouterr()
    assert grade(handed_in, out) == 0
    assert again(before, out) == []
    assert "2 submissions graded before; --regrade grades them again." in capsys.readouterr().out


def test_who_hands_in_late_is_graded_alone(handed_in, out):
    grade(handed_in, out)
    before = written(out)
    hand_in(handed_in, carol=BLANK)
    grade(handed_in, out)
    assert again(before, out) == ["carol"]


def test_a_file_that_has_changed_is_graded_again(handed_in, out):
    grade(handed_in, out)
    before = written(out)
    hand_in(handed_in, bob=BLANK + b"\n")
    grade(handed_in, out)
    assert again(before, out) == ["bob"]


def test_what_failed_is_graded_again(handed_in, out):
    grade(handed_in, out)
    path = records.path_of(out, "bob")
    path.write_text(path.read_text().replace('"state": "graded"', '"state": "failed"'))
    before = written(out)
    assert grade(handed_in, out) == 0
    assert again(before, out) == ["bob"]
    assert states(out)["bob"] == "graded"


def test_an_unreadable_file_is_not_read_again_until_it_changes(handed_in, out):
    hand_in(handed_in, bob=b"{")
    grade(handed_in, out)
    before = written(out)
    assert grade(handed_in, out) == 1
    assert again(before, out) == []
    hand_in(handed_in, bob=BLANK)
    assert grade(handed_in, out) == 0
    assert again(before, out) == ["bob"]


def test_regrade_grades_everyone_again_with_the_same_seeds(handed_in, out):
    grade(handed_in, out)
    before, seeds = written(out), [record.seeds for record in records.read_all(out)]
    grade(handed_in, out, regrade=True)
    assert again(before, out) == ["alice", "bob"]
    assert [record.seeds for record in records.read_all(out)] == seeds


@pytest.fixture
def own(tmp_path):
    """An assignment of one's own that can be changed."""
    folder = tmp_path / "own"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("release", "__pycache__"))
    return folder


def correct(assignment):
    module = assignment / "exercises.py"
    module.write_text(module.read_text(encoding="utf-8") + "\n# corrected\n", encoding="utf-8")


def test_a_corrected_assignment_grades_again_what_the_earlier_one_graded(handed_in, out, own, capsys):
    grade(handed_in, out, assignment=own)
    commands.override(out, "bob", "ex1", 1.0, comment="Seen.")
    before = written(out)
    correct(own)
    grade(handed_in, out, assignment=own)
    assert again(before, out) == ["alice", "bob"]
    assert "has changed since 2 submissions got marks: graded again.\n" in capsys.readouterr().out
    assert {record.student: record.points for record in records.read_all(out)} == {"alice": 0.0, "bob": 1.0}


def test_a_change_of_what_lies_beside_the_exercises_counts_but_not_of_a_text(handed_in, out, own):
    (own / "tolerances.json").write_text("{}")
    grade(handed_in, out, assignment=own)
    before = written(out)
    (own / "README.md").write_text("Read this.")
    text = (own / "assignment.py").read_text(encoding="utf-8")
    (own / "assignment.py").write_text(text.replace("10 points.", "10 points. Good luck."), encoding="utf-8")
    grade(handed_in, out, assignment=own)
    assert again(before, out) == []
    (own / "tolerances.json").write_text('{"ex1": 0.1}')
    grade(handed_in, out, assignment=own)
    assert again(before, out) == ["alice", "bob"]


def test_points_by_hand_that_a_changed_assignment_makes_impossible_are_named(handed_in, out, own, capsys):
    grade(handed_in, out, assignment=own)
    commands.override(out, "bob", "ex1", 2.0, comment="Told me.")
    given = out / "overrides.json"
    given.write_text(given.read_text().replace('"ex1"', '"gone"').replace('"bob"', '"alice"'))
    commands.override(out, "bob", "ex1", 2.0, comment="Told me.")
    text = (own / "assignment.py").read_text(encoding="utf-8")
    (own / "assignment.py").write_text(text.replace("ex1 (2 points", "ex1 (1 points"), encoding="utf-8")
    capsys.readouterr()
    grade(handed_in, out, assignment=own)
    said = capsys.readouterr().out
    assert "NOTE: bob, ex1: the 2 points given by hand do not count, for the exercise has 1 now." in said
    assert (
        "NOTE: alice, gone: the 2 points given by hand do not count, for the assignment has no such" in said
    )
    assert {record.student: record.points for record in records.read_all(out)} == {"alice": 0.0, "bob": 0.0}


def test_marks_of_an_earlier_assignment_that_stay_are_named(handed_in, out, own, capsys):
    grade(handed_in, out, assignment=own)
    correct(own)
    grade(handed_in, out, assignment=own, only=["bob"])
    assert "NOTE: an earlier version of the assignment gave the marks of alice" in capsys.readouterr().out


def test_only_grades_nobody_else(handed_in, out):
    grade(handed_in, out, only=["bob"])
    assert states(out) == {"bob": "graded"}
    before = written(out)
    grade(handed_in, out, only=["bob"], regrade=True)
    assert again(before, out) == ["bob"]


def test_only_with_an_unknown_name_is_refused_with_those_there_are(handed_in, out):
    with pytest.raises(IdentityError, match=r"Nobody here is called 'alcie'\. Did you mean alice\?"):
        grade(handed_in, out, only=["alcie"])
    with pytest.raises(IdentityError, match=r"There are alice, bob\."):
        grade(handed_in, out, only=["x"])
    assert not out.exists()


# ---------------------------------------------------------------- the roster


@pytest.fixture
def roster(tmp_path):
    path = tmp_path / "roster.txt"
    path.write_text("alice\nbob\nzoe\n", encoding="utf-8")
    return path


def test_who_handed_in_nothing_has_a_row(handed_in, out, roster):
    assert grade(handed_in, out, roster=roster) == 0
    zoe = next(record for record in records.read_all(out) if record.student == "zoe")
    assert (zoe.state, zoe.reason, zoe.points, zoe.possible) == (
        "missing",
        "Nothing was handed in.",
        0.0,
        10.0,
    )
    with (out / "grades.csv").open(encoding="utf-8", newline="") as file:
        assert [row["student"] for row in csv.DictReader(file)] == ["alice", "bob", "zoe"]


def test_who_hands_in_after_all_under_another_spelling_has_one_row_and_keeps_his_points(tmp_path, out):
    roster = tmp_path / "roster.csv"
    roster.write_text(
        'Student,ID,SIS Login ID,Section\n    Points Possible,,,\n"Lovelace, Ada",12,a,A\n"Li, Bo",13,b,A\n'
    )
    submissions = tmp_path / "canvas"
    submissions.mkdir()
    (submissions / "lovelaceada_12_901_assignment.ipynb").write_bytes(BLANK)
    grade(submissions, out, roster=roster)
    assert states(out) == {"Li, Bo": "missing", "lovelaceada": "graded"}
    commands.override(out, "Li, Bo", "ex1", 1.0, comment="On paper.")
    (submissions / "libo_13_902_assignment.ipynb").write_bytes(BLANK)
    grade(submissions, out, roster=roster)
    assert states(out) == {"libo": "graded", "lovelaceada": "graded"}
    assert len(list((out / "feedback").iterdir())) == len(list((out / "exports/gradescope").iterdir())) == 2
    with (out / "exports" / "canvas.csv").open(encoding="utf-8", newline="") as file:
        assert [row["ID"] for row in csv.DictReader(file)] == ["", "13", "12"]
    flags = {record.student: record.flags for record in records.read_all(out)}
    assert "ex1: the 1 points given by hand were for an earlier file; the new one has 0." in flags["libo"]


def test_who_handed_in_nothing_or_something_else_is_not_written_again_and_again(handed_in, out, roster):
    (handed_in / "carol").mkdir()
    (handed_in / "carol" / "answers.pdf").write_bytes(b"%PDF")
    grade(handed_in, out, roster=roster)
    assert states(out) == {"alice": "graded", "bob": "graded", "carol": "unreadable", "zoe": "missing"}
    before = written(out)
    grade(handed_in, out, roster=roster)
    assert again(before, out) == []


def test_who_hands_in_after_all_is_graded(handed_in, out, roster):
    grade(handed_in, out, roster=roster)
    hand_in(handed_in, zoe=BLANK)
    grade(handed_in, out, roster=roster)
    assert states(out)["zoe"] == "graded"


def test_a_record_is_not_lost_because_its_file_is_not_among_these(handed_in, out, roster, tmp_path, capsys):
    grade(handed_in, out, roster=roster)
    second = hand_in(tmp_path / "second", zoe=BLANK)
    grade(second, out, roster=roster)
    assert states(out) == {"alice": "graded", "bob": "graded", "zoe": "graded"}
    assert "but graded before, and so it stays: alice, bob." in capsys.readouterr().out


# ---------------------------------------------------------------- overrides


def test_an_override_is_written_everywhere_and_survives_regrading(handed_in, out, capsys):
    grade(handed_in, out)
    assert commands.override(out, "alice", "ex2", 1.5, comment="on paper") == 0
    assert "alice: ex2 has 1.5 points now, 1.5 of 10 in all." in capsys.readouterr().out
    for _ in range(2):
        with (out / "grades.csv").open(encoding="utf-8", newline="") as file:
            assert next(csv.DictReader(file))["total"] == "1.5"
        grade(handed_in, out, regrade=True)
    assert next(iter(records.read_all(out))).exercises[1].comment == "on paper"


# ---------------------------------------------------------------- refusals


def cli_says(capsys, *arguments):
    """Run the command line; return its exit code and what it says on the error stream."""
    code = cli.main(["grade", *map(str, arguments)])
    return code, capsys.readouterr().err


def test_the_records_of_another_notebook_are_not_mixed_with_these(handed_in, out):
    grade(handed_in, out)
    path = records.path_of(out, "alice")
    path.write_text(path.read_text().replace('"notebook": "assignment"', '"notebook": "01"'))
    with pytest.raises(GradeError, match="records of notebook 01"):
        grade(handed_in, out)


def test_a_second_run_into_the_same_folder_is_refused_until_the_first_has_ended_or_was_killed(handed_in, out):
    out.mkdir()
    code = (
        "import sys, time, filelock\nlock = filelock.FileLock(sys.argv[1])\nlock.acquire()\n"
        "print(1, flush=True)\ntime.sleep(100)"
    )
    other = subprocess.Popen([sys.executable, "-c", code, str(out / ".lock")], stdout=subprocess.PIPE)
    other.stdout.readline()
    with pytest.raises(GradeError, match="Another `course grade` is writing"):
        grade(handed_in, out)
    assert states(out) == {}
    other.kill()
    other.wait()
    other.stdout.close()
    assert grade(handed_in, out) == 0


def test_a_file_in_the_place_of_the_folder_is_refused(handed_in, out, capsys):
    out.write_text("mine")
    code, said = cli_says(capsys, handed_in, "--assignment", EXAMPLE, "--out", out)
    assert code == 2
    assert "is a file: name a folder" in said


def test_a_folder_that_cannot_be_written_is_refused_in_a_sentence(handed_in, capsys, tmp_path):
    (tmp_path / "file").touch()
    code, said = cli_says(capsys, handed_in, "--assignment", EXAMPLE, "--out", tmp_path / "file" / "out")
    assert code == 2
    assert "could not be written" in said
    assert "Traceback" not in said


def test_a_disk_that_fills_up_is_a_sentence_and_keeps_what_was_graded(handed_in, out, capsys, monkeypatch):
    real = records.write

    def full(out, record):
        if record.student == "bob":
            raise OSError(28, "No space left on device")
        real(out, record)

    monkeypatch.setattr(records, "write", full)
    code, said = cli_says(capsys, handed_in, "--assignment", EXAMPLE, "--out", out, "--workers", 1)
    assert code == 2
    assert "No space left on device" in said
    assert "kept" in said
    monkeypatch.undo()
    before = written(out)
    assert grade(handed_in, out) == 0
    assert again(before, out) == ["bob"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["SUBMISSIONS"], "Give either --notebook 01 or --assignment FOLDER."),
        (["SUBMISSIONS", "--notebook", "01", "--assignment", "EXAMPLE"], "Give either"),
        (["SUBMISSIONS", "--notebook", "77"], "There is no notebook '77'"),
        (["SUBMISSIONS", "SUBMISSIONS", "--notebook", "01"], "Give one folder or zip"),
        (["SUBMISSIONS", "--assignment", "SUBMISSIONS"], "no exercises.py"),
        (["nowhere", "--assignment", "EXAMPLE"], "nowhere"),
        (["set", "alice", "ex1", "many"], "'many' is not a number of points."),
        (
            ["set", "nobody", "ex1", "1"],
            "holds no record of 'nobody': is it the folder that was graded into?",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(arguments, said, handed_in, out, capsys):
    names = {"SUBMISSIONS": handed_in, "EXAMPLE": EXAMPLE}
    code, error = cli_says(capsys, *[names.get(word, word) for word in arguments], "--out", out)
    assert code == 2
    assert error.startswith("course grade: ")
    assert said in error


def test_without_protection_nothing_is_run(handed_in, out, monkeypatch, capsys):
    def none():
        raise sandbox.SandboxError("There is none. Install it.")

    monkeypatch.setattr(sandbox, "best_protection", none)
    code, said = cli_says(capsys, handed_in, "--assignment", EXAMPLE, "--out", out)
    assert (code, out.exists()) == (2, False)
    assert "Install it" in said


def test_without_protection_ones_own_files_can_be_graded_and_the_record_says_so(tmp_path, out, capsys):
    folder = hand_in(tmp_path / "submissions", me=notebook({"ex1": solutions()["ex1"]}))
    arguments = [folder, "--assignment", EXAMPLE, "--out", out, "--unsafe-no-sandbox", "--workers", 1]
    assert cli.main(["grade", *map(str, arguments)]) == 0
    (record,) = records.read_all(out)
    assert record.points == 2.0
    assert record.protection.startswith("none")
    assert "could read, change and send" in capsys.readouterr().out


# ---------------------------------------------------------------- after a kill


def test_files_that_a_killed_run_has_half_written_are_removed(handed_in, out):
    grade(handed_in, out)
    dead = multiprocessing.get_context("fork").Process(target=os._exit, args=(0,))
    dead.start()
    dead.join()
    half = out / "records" / f".bob.json.{dead.pid}-0a1b2c3d.tmp"
    half.write_text("{")
    other = out / "records" / f".bob.json.{os.getpid()}-0a1b2c3d.tmp"
    other.write_text("{")
    grade(handed_in, out)
    assert not half.exists()
    assert other.exists()  # somebody is just writing it


def test_a_run_that_was_killed_goes_on_where_it_stood(handed_in, out):
    grade(handed_in, out, only=["alice"])
    shutil.rmtree(out / "feedback")
    (out / "grades.csv").unlink()
    before = written(out)
    grade(handed_in, out)
    assert again(before, out) == ["bob"]
    assert (out / "grades.csv").exists()
    assert len(list((out / "feedback").glob("*.html"))) == 2


# ---------------------------------------------------------------- what a first instructor stumbled over


def test_points_given_by_hand_do_not_count_for_a_new_file_but_are_mentioned(handed_in, out):
    grade(handed_in, out)
    commands.override(out, "alice", "ex1", 1.5, comment="right idea")
    hand_in(handed_in, alice=notebook({"ex1": "mean_abs = 3"}))
    grade(handed_in, out, only=["alice"])
    (alice,) = [record for record in records.read_all(out) if record.student == "alice"]
    assert alice.points == 0
    assert any("ex1: the 1.5 points given by hand were for an earlier file" in flag for flag in alice.flags)


def test_points_given_by_hand_can_be_taken_back(handed_in, out):
    grade(handed_in, out)
    commands.override(out, "alice", "ex1", 1.5, comment="")
    assert cli.main(["grade", "set", "alice", "ex1", "auto", "--out", str(out)]) == 0
    (alice,) = [record for record in records.read_all(out) if record.student == "alice"]
    assert (alice.points, alice.exercises[0].override) == (0, None)


def test_a_roster_that_names_nobody_found_is_refused_before_anything_is_written(handed_in, out, tmp_path):
    roster = tmp_path / "roster.csv"
    roster.write_text("Vorname,Nachname\nLena,Klein\nJörg,Groß\n", encoding="utf-8")
    with pytest.raises(GradeError, match=r"None of the roster's names .* such as alice, bob"):
        grade(handed_in, out, roster=roster)
    assert not out.exists()


def test_a_folder_for_the_records_among_the_submissions_is_refused(handed_in):
    with pytest.raises(GradeError, match="lies among the submissions"):
        grade(handed_in, handed_in / "grades")


def test_another_notebook_of_the_course_is_not_graded_with_zeros(handed_in, out):
    other = notebook().replace(b"# Exercise ex", b"# Exercise 2.").replace(b'"exercise-ex', b'"exercise-2-')
    for name in (b"mean_abs", b"standardize", b"softmax"):
        other = other.replace(name, b"another_" + name)
    hand_in(handed_in, alice=other)
    grade(handed_in, out)
    (alice,) = [record for record in records.read_all(out) if record.student == "alice"]
    assert alice.state == "unreadable"
    assert "it seems to be another notebook" in alice.reason


def test_a_solution_that_fails_on_its_own_inputs_is_refused_before_grading(handed_in, out, tmp_path):
    mine = shutil.copytree(EXAMPLE, tmp_path / "mine", ignore=shutil.ignore_patterns("release"))
    text = (mine / "assignment.py").read_text(encoding="utf-8")
    (mine / "assignment.py").write_text(text.replace("e / e.sum()", "e / 0 / [][0]"), encoding="utf-8")
    with pytest.raises(ValueError, match="The solution of exercise ex3 raises IndexError"):
        grade(handed_in, out, assignment=mine)


def test_a_typical_mistake_that_gives_the_solution_s_values_is_refused(handed_in, out, tmp_path):
    mine = shutil.copytree(EXAMPLE, tmp_path / "mine", ignore=shutil.ignore_patterns("release"))
    text = (mine / "exercises.py").read_text(encoding="utf-8")
    (mine / "exercises.py").write_text(text.replace('{"abs(x)": "x"}', '{"abs(x)": "abs(-x)"}'), "utf-8")
    with pytest.raises(ValueError, match=r"mistake 1 .* gives the values of the solution"):
        grade(handed_in, out, assignment=mine)


def test_who_is_misspelt_when_points_are_given_is_asked_for(handed_in, out):
    grade(handed_in, out)
    with pytest.raises(IdentityError, match=r"'alcie'\. Did you mean alice\?"):
        commands.override(out, "alcie", "ex1", 1.0, comment="")


def test_points_for_a_file_that_could_not_be_read_say_that_they_make_a_grade(handed_in, out, capsys):
    hand_in(handed_in, bob=b"{")
    grade(handed_in, out)
    commands.override(out, "bob", "ex1", 1.0, comment="Read on paper.")
    assert "now there is a grade; what you give none for counts 0" in capsys.readouterr().out
    commands.override(out, "alice", "ex1", 1.0, comment="")
    assert "not graded" not in capsys.readouterr().out


def test_a_single_notebook_can_be_graded(handed_in, out, capsys):
    assert grade(handed_in / "bob" / "assignment.ipynb", out) == 0
    assert states(out) == {"bob": "graded"}
    assert "one notebook, 1 submission." in capsys.readouterr().out


def test_a_student_reads_his_own_answer_beside_what_is_wrong_with_it(handed_in, out):
    grade(handed_in, out)
    records.write_answers(out, "alice", {"ex1": "def mean_abs(xs):\n    return '<script>'\n"})
    path = records.path_of(out, "alice")
    path.write_text(path.read_text().replace('"status": "blank"', '"status": "wrong"', 1))
    outputs.write_outputs(out)
    page = next((out / "feedback").glob("alice-*.html")).read_text(encoding="utf-8")
    assert "return &#x27;&lt;script&gt;&#x27;" in page
    assert "Left blank: ex2, ex3." in page


# ---------------------------------------------------------------- what an instructor should hear


def test_who_handed_in_something_else_is_not_graded_and_told_so(handed_in, out, capsys):
    (handed_in / "carol").mkdir()
    (handed_in / "carol" / "answers.pdf").write_bytes(b"%PDF")
    assert grade(handed_in, out) == 1
    carol = next(record for record in records.read_all(out) if record.student == "carol")
    assert carol.state == "unreadable"
    assert "- carol: assignment.ipynb is not among what was handed in: carol/answers.pdf." in (
        capsys.readouterr().out
    )
    with (out / "grades.csv").open(encoding="utf-8", newline="") as file:
        assert [row["total"] for row in csv.DictReader(file)] == ["0", "0", ""]


def test_of_several_notebooks_the_choice_is_a_flag(handed_in, out):
    (handed_in / "bob" / "assignment_final.ipynb").write_bytes(BLANK)
    grade(handed_in, out)
    flags = {record.student: record.flags for record in records.read_all(out)}
    assert flags["alice"] == ()
    assert [flag for flag in flags["bob"] if "not bob/assignment_final.ipynb" in flag]


def test_a_comment_stays_when_only_the_points_change(handed_in, out):
    grade(handed_in, out)
    commands.override(out, "bob", "ex1", 1.0, comment="Right idea.")
    commands.override(out, "bob", "ex1", 2.0)
    [found] = [r for r in records.read_all(out) if r.student == "bob"]
    assert (found.exercises[0].override, found.exercises[0].comment) == (2.0, "Right idea.")
    commands.override(out, "bob", "ex1", 2.0, comment="")
    [found] = [r for r in records.read_all(out) if r.student == "bob"]
    assert found.exercises[0].comment == ""


def test_what_was_found_stays_on_the_overview_when_points_are_given(handed_in, out):
    (handed_in / "bob" / "assignment_final.ipynb").write_bytes(BLANK)
    grade(handed_in, out)
    before = (out / "overview.html").read_text(encoding="utf-8")
    commands.override(out, "bob", "ex1", 1.0)
    after = (out / "overview.html").read_text(encoding="utf-8")
    assert "What was found" in before
    assert "What was found" in after


@pytest.mark.parametrize("damaged", [["bob"], ["alice", "bob"]])
def test_a_damaged_record_is_made_again_and_stops_nobody(damaged, handed_in, out, capsys):
    grade(handed_in, out)
    for student in damaged:
        records.path_of(out, student).write_text("{")
    before = written(out)
    assert grade(handed_in, out) == 0
    assert again(before, out) == damaged
    assert "bob is graded again.\n" in capsys.readouterr().out


def test_a_folder_of_other_students_is_doubted(handed_in, out, tmp_path, capsys):
    grade(handed_in, out)
    assert "is it the right folder?" not in capsys.readouterr().out
    grade(hand_in(tmp_path / "others", zoe=BLANK), out)
    assert "holds the records of other students only (alice, bob)" in capsys.readouterr().out


def test_marks_that_change_are_told(handed_in, out, own, capsys):
    grade(handed_in, out, assignment=own)
    path = records.path_of(out, "bob")
    path.write_text(path.read_text().replace('"points": 0.0', '"points": 1.5', 1))
    capsys.readouterr()
    grade(handed_in, out, assignment=own, regrade=True)
    assert "Other marks than before: bob 1.5 → 0." in capsys.readouterr().out


def test_points_by_hand_for_an_exercise_that_now_has_more_are_doubted(handed_in, out, own, capsys):
    grade(handed_in, out, assignment=own)
    commands.override(out, "bob", "ex1", 2.0)
    text = (own / "assignment.py").read_text(encoding="utf-8")
    (own / "assignment.py").write_text(text.replace("ex1 (2 points", "ex1 (4 points"), encoding="utf-8")
    grade(handed_in, out, assignment=own)
    said = "NOTE: bob, ex1: the 2 points given by hand were out of 2; the exercise has 4 now."
    assert said in capsys.readouterr().out
    assert {record.student: record.points for record in records.read_all(out)} == {"alice": 0.0, "bob": 2.0}
