"""Grading as a pytest run: each exercise of each student is a test; pytest runs nothing of theirs."""

import xml.etree.ElementTree as ET
from importlib.metadata import entry_points

import pytest
from handed_in import EXAMPLE, OVERFLOWS, hand_in, notebook, solutions

from course_utils.grading import box_course, records

pytest_plugins = ["pytester"]
PLUGIN = ("-p", "course_utils.grading.plugin", "-p", "no:cacheprovider")


pytestmark = pytest.mark.usefixtures("best")  # without protection the plugin refuses


@pytest.fixture(autouse=True)
def quickly(monkeypatch):
    """Do not compile the box's course: that takes longer than grading a notebook or two."""
    monkeypatch.setattr(box_course.compileall, "compile_dir", lambda *_, **__: None)


@pytest.fixture
def folder(pytester):
    """The submissions of alice, who has some right, and of bob, who has a file of tests beside his."""
    answers = {**solutions(), "ex2": "x = (", "ex3": OVERFLOWS}
    folder = hand_in(pytester.path / "handed in", alice=notebook(answers), bob=notebook())
    for name in ("conftest.py", "test_mine.py"):
        (folder / "bob" / name).write_text("raise SystemExit('this must never run')\n")
    return folder


def run(pytester, folder, *arguments):
    options = [f"--course-grade={folder}", f"--course-assignment={EXAMPLE}"]
    return pytester.runpytest_inprocess(*PLUGIN, *options, *arguments)


def test_pytest_knows_the_plugin_where_the_course_is_installed():
    [found] = entry_points(group="pytest11", name="course_utils.grading.plugin")
    assert found.load().pytest_addoption


def test_each_exercise_of_each_student_passes_or_says_why_not(pytester, folder):
    result = run(pytester, folder, "-v")
    result.assert_outcomes(passed=1, failed=5)
    result.stdout.fnmatch_lines(["*alice::ex1 PASSED*", "*bob::ex1 FAILED*"])
    result.stdout.fnmatch_lines_random(
        ["*wrong, 2 of 5 points*", "*subtract the largest*", "*blank, 0 of 3 points*"]
    )
    result.stdout.no_fnmatch_line("*Traceback*")


def test_what_an_answer_says_does_not_move_the_cursor_of_the_terminal(pytester, folder):
    hand_in(folder, alice=notebook({"ex1": "def mean_abs(xs):\n    raise ValueError('\\x1b[2J\\u202e boo')"}))
    result = run(pytester, folder, "-k", "alice and ex1")
    result.stdout.fnmatch_lines(["*boo*"])
    assert "\x1b" not in result.stdout.str()
    assert "\u202e" not in result.stdout.str()


def test_k_chooses_among_them(pytester, folder):
    run(pytester, folder, "-k", "alice and ex1").assert_outcomes(passed=1, deselected=5)


def test_only_the_submissions_that_are_asked_for_are_graded(pytester, folder):
    out = pytester.path / "out"
    run(pytester, folder, "-k", "bob", f"--course-out={out}").assert_outcomes(failed=3, deselected=3)
    assert [record.student for record in records.read_all(out)] == ["bob"]


def test_junit_xml_has_a_case_for_each(pytester, folder):
    run(pytester, folder, "-k", "bob", "--junitxml=marks.xml")
    cases = ET.parse(pytester.path / "marks.xml").getroot().iter("testcase")
    assert {(case.get("name"), case.find("failure") is not None) for case in cases} == {
        ("ex1", True),
        ("ex2", True),
        ("ex3", True),
    }


def test_the_names_keep_a_students_exercises_together_for_loadscope(pytester, folder):
    items = run(pytester, folder, "--collect-only", "-q").outlines
    assert [line.rpartition("::")[0] for line in items[:6]] == ["alice"] * 3 + ["bob"] * 3


def test_a_conftest_in_a_submission_never_runs_wherever_pytest_is_started(pytester, folder, monkeypatch):
    (folder / "bob").rename(folder / "test_bob")  # pytest looks for a conftest.py in folders of such names
    monkeypatch.chdir(folder)
    run(pytester, folder, "-k", "test_bob").assert_outcomes(failed=3, deselected=3)


def test_nothing_else_is_collected(pytester, folder):
    pytester.makepyfile(test_ours="def test_ours(): pass")
    run(pytester, folder, "-k", "ex1").assert_outcomes(passed=1, failed=1, deselected=4)


def test_without_its_option_it_changes_nothing(pytester):
    pytester.makepyfile(test_ours="def test_ours(): pass")
    pytester.runpytest_inprocess(*PLUGIN).assert_outcomes(passed=1)


def test_a_file_that_cannot_be_read_says_so_in_each_test(pytester, folder):
    hand_in(folder, bob=b"{")
    result = run(pytester, folder, "-k", "bob")
    result.assert_outcomes(failed=3, deselected=3)
    result.stdout.fnmatch_lines(["*not a notebook*"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--course-grade=.", "--course-notebook=01", f"--course-assignment={EXAMPLE}"], "Give either"),
        (["--course-grade=."], "Give either"),
        (["--course-grade=.", "--course-notebook=77"], "There is no notebook '77'"),
        (["--course-grade=nowhere", f"--course-assignment={EXAMPLE}"], "nowhere"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(arguments, said, pytester):
    result = pytester.runpytest_inprocess(*PLUGIN, *arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert said in result.stderr.str()


@pytest.mark.slow
def test_xdist_gives_each_student_to_one_worker(pytester, folder):
    hand_in(folder, carol=notebook(solutions()))
    out = pytester.path / "out"
    options = [f"--course-grade={folder}", f"--course-assignment={EXAMPLE}", f"--course-out={out}"]
    result = pytester.runpytest_subprocess(*PLUGIN, *options, "-n", "2", "--dist", "loadscope")
    result.assert_outcomes(passed=4, failed=5)
    assert {record.student: record.points for record in records.read_all(out)} == {
        "alice": 4.0,
        "bob": 0.0,
        "carol": 10.0,
    }
