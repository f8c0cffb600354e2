"""Checks that are handed out without answers: they say what the course's own say, and give nothing away."""

import copy
import json
import os
import random
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from course_utils.exercises import catalogue, checking, packaged, values
from course_utils.exercises.building import build_notebook
from course_utils.exercises.checks_file import MAX_BYTES, ChecksFileError
from course_utils.exercises.judge import judge
from course_utils.exercises.packaging import PackagingError, checks_text, same_checks
from course_utils.exercises.references import References
from course_utils.exercises.specification import Exercise, Mistake, Notebook, Variant
from course_utils.repository import find_repository

EXAMPLE = find_repository(Path(__file__).parent) / "examples" / "assignment"
SOLUTION = """
# %% tags=["setup"]
import torch
from course_utils.exercises import check

# %% [markdown]
# ### Exercise a1: twice

# %%
# Exercise a1 (2 points, 5 minutes, difficulty 1)
def twice(x):
    ### BEGIN SOLUTION
    canary_of_twice = x + x
    return canary_of_twice
    ### END SOLUTION

# %%
check("a1")

# %% [markdown]
# ### Exercise a2: four times

# %%
# Exercise a2 (4 points, 5 minutes, difficulty 1)
def four_times(x):
    ### BEGIN SOLUTION
    return twice(twice(x))
    ### END SOLUTION

# %%
check("a2")

# %% [markdown]
# ### Exercise a3: how many, and which

# %%
# Exercise a3 (1 point, 5 minutes, difficulty 1)
### BEGIN SOLUTION
count = 4711
letter = "b"
### END SOLUTION

# %%
check("a3")

# %% [markdown]
# ### Exercise a4: a class

# %%
# Exercise a4 (1 point, 5 minutes, difficulty 1)
class Counter:
    def up(self):
        ### BEGIN SOLUTION
        self.n = getattr(self, "n", 0) + 1
        return self.n
        ### END SOLUTION

# %%
check("a4")
"""


def draw(generator):
    return {"x": torch.randn(3, generator=generator)}


def probe_counter(names, inputs):
    """Count twice."""
    counter = names["Counter"]()
    return counter.up(), counter.up(), inputs["x"]


def fail(names, inputs):
    """Bring back what cannot be written down."""
    return object(), names, inputs


def tiny(*, wrong_letter="c", **changes):
    """Return a notebook of four exercises: two functions, of which one uses the other, values and a class."""
    exercises = (
        Exercise(
            id="a1",
            names=("twice",),
            inputs=draw,
            mistakes=(
                Mistake("That is once.", {"x + x": "x"}, credit=0.5),
                Mistake("It stops.", {"x + x": "secret_name_of_a_mistake + x"}),
                Mistake("It changes its input.", {"x + x": "x.mul_(2)"}),
            ),
            hints=("Add.", "Add it to itself."),
        ),
        Exercise(id="a2", names=("four_times",), inputs=draw, hints=("Use it.", "Twice.")),
        Exercise(
            id="a3",
            names=("count", "letter"),
            mistakes=(Mistake("It is not that one.", values={"letter": wrong_letter}),),
            hints=("Count.", "Look."),
        ),
        Exercise(
            id="a4", names=("Counter",), inputs=draw, probe=probe_counter, hints=("Keep it.", "In self.")
        ),
    )
    about = {"id": "tiny", "name": "tiny", "title": "Tiny", "data": (), "minutes": {}, "exercises": exercises}
    return Notebook(**{**about, **changes})


def built(notebook, solution=SOLUTION):
    return catalogue.parse_texts(build_notebook(notebook, solution)["texts"])


@pytest.fixture(scope="module")
def checks():
    notebook = tiny()
    return checks_text(notebook, built(notebook))


@pytest.fixture
def handed_out(student, checks, monkeypatch):
    """Return a student whose folder holds the checks of the tiny assignment."""
    monkeypatch.delenv("COURSE_CHECKS", raising=False)
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    monkeypatch.setattr(packaged, "_read_before", {})
    monkeypatch.setattr(checking, "_references", {})
    monkeypatch.setattr(checking, "_statuses", {})
    (student.folder / "tiny.checks.json").write_text(checks, encoding="utf-8")
    return student


TWICE = "def twice(x):\n    return 2 * x\n"


def test_a_right_answer_is_right(handed_out):
    handed_out.run(TWICE)
    assert "Exercise a1 is right (2 points)" in handed_out.run('check("a1")')


def test_a_class_is_checked_by_what_it_does(handed_out):
    handed_out.run(
        "class Counter:\n    n = 0\n    def up(self):\n        self.n += 1\n        return self.n\n"
    )
    assert "Exercise a4 is right" in handed_out.run('check("a4")')
    handed_out.run("def Counter():\n    return 3\n")
    assert "AttributeError" in handed_out.run('check("a4")')


def test_a_wrong_answer_is_diagnosed_and_stays_in_its_place(handed_out):
    handed_out.run("def twice(x):\n    return 1 * x\n")
    own = handed_out.names["twice"]
    shown = handed_out.run('check("a1")')
    assert "That is once." in shown
    assert "No answer of ours takes the place of `twice` here" in shown
    assert handed_out.names["twice"] is own


def test_a_wrong_answer_that_no_mistake_fits_is_described(handed_out):
    handed_out.run("def twice(x):\n    return -2 * x\n")
    assert "the sign is flipped" in handed_out.run('check("a1")')


def test_an_answer_on_shaky_ground_is_told_so(handed_out):
    handed_out.run("def twice(x):\n    return 3 * x\n\ndef four_times(x):\n    return twice(twice(x))\n")
    handed_out.run('check("a1")')
    assert "It uses `twice` (exercise a1), not found right yet" in handed_out.run('check("a2")')
    handed_out.run(TWICE)
    handed_out.run('check("a1")')
    handed_out.run("def four_times(x):\n    return twice(x)\n")
    assert "It uses" not in handed_out.run('check("a2")')


@pytest.mark.parametrize(
    ("cell", "exercise", "words"),
    [
        ("def twice(x):\n    raise NotImplementedError('Exercise a1')\n", "a1", "is still blank"),
        ("twice = 3", "a1", "`twice` should be a function"),
        ("pass", "a1", "`twice` is not defined"),
        ("count = 3\nletter = ...", "a3", "is still blank"),
        ("count = 3", "a3", "`letter` is not defined"),
    ],
)
def test_what_is_blank_or_missing_is_said(handed_out, cell, exercise, words):
    handed_out.run(cell)
    assert words in handed_out.run(f'check("{exercise}")')


@pytest.mark.parametrize("count", [4711, 3])
def test_a_value_is_noted_whether_right_or_wrong(handed_out, count):
    handed_out.run(f"count, letter = {count}, 'c'")
    shown = handed_out.run('check("a3")')
    assert "Exercise a3 is answered" in shown
    assert "graded by your instructor" in shown
    assert "✎ answered" in handed_out.run("progress()")


def test_in_strict_mode_a_value_never_passes_unjudged(handed_out, monkeypatch):
    monkeypatch.setenv("COURSE_CHECK", "strict")
    handed_out.run("count, letter = 4711, 'b'")
    with pytest.raises(AssertionError, match="cannot be graded without its answer"):
        handed_out.run('check("a3")')


def test_hint_solution_reset_mine_and_progress_know_the_assignment(handed_out):
    handed_out.run(TWICE)
    handed_out.run('check("a1")')
    assert "Add it to itself." in handed_out.run('hint("a1", 2)')
    assert "Ask for one by number" in handed_out.run('hint("a1")')
    assert "Your instructor keeps the solutions" in handed_out.run('solution("a1")')
    assert 'raise NotImplementedError("Exercise a1")' in handed_out.run('reset("a1")')
    shown = handed_out.run("progress()")
    assert "2 of 8 points" in shown
    assert "four times" in shown
    with pytest.raises(ValueError, match="Nothing is ever replaced here"):
        handed_out.run('mine("a1")')
    assert sorted(f.name for f in handed_out.folder.iterdir()) == ["tiny.checks.json", "tiny.progress.json"]


def test_progress_of_a_new_session_is_that_of_the_assignment_beside_the_notebook(handed_out):
    assert "Notebook tiny: 0 of 8 points" in handed_out.run("progress()")


def test_begin_welcomes_to_the_assignment(handed_out):
    assert "4 exercises, 8 points" in handed_out.run('begin("tiny")')


def test_without_the_file_the_student_learns_where_it_belongs(handed_out):
    (handed_out.folder / "tiny.checks.json").unlink()
    shown = handed_out.run('check("a1")')
    assert "NAME.checks.json, must lie beside the notebook" in shown


def test_the_courses_own_exercises_are_never_taken_from_a_file(handed_out, checks):
    text = checks.replace('"id": "a1"', '"id": "1.3"')
    (handed_out.folder / "tiny.checks.json").write_text(text, encoding="utf-8")
    handed_out.run("def one_hot(labels, classes):\n    return torch.eye(classes)[labels]\n")
    assert "Exercise 1.3 is right (1 point)" in handed_out.run('check("1.3")')


def test_two_files_with_the_same_exercise_are_not_guessed_between(handed_out, checks, monkeypatch):
    other = handed_out.folder / "other.checks.json"
    other.write_text(checks.replace('"name": "tiny"', '"name": "other"'), encoding="utf-8")
    handed_out.run(TWICE)
    assert "both hold exercise a1" in handed_out.run('check("a1")')
    monkeypatch.setenv("JPY_SESSION_NAME", "tiny-2.ipynb")
    assert "Exercise a1 is right" in handed_out.run('check("a1")')


def test_a_file_named_by_the_instructor_comes_before_one_that_was_handed_in(handed_out, checks, monkeypatch):
    forged = json.loads(checks)
    forged["exercises"][0]["tries"][0]["expected"]["returned"] = "3"
    named = handed_out.folder / "elsewhere" / "tiny.checks.json"
    named.parent.mkdir()
    named.write_text(checks, encoding="utf-8")
    (handed_out.folder / "tiny.checks.json").write_text(json.dumps(forged), encoding="utf-8")
    handed_out.run(TWICE)
    assert "not right yet" in handed_out.run('check("a1")')
    monkeypatch.setenv("COURSE_CHECKS", str(named))
    assert "is right" in handed_out.run('check("a1")')


def test_the_folder_of_an_assignment_checks_with_its_solution(handed_out, monkeypatch):
    monkeypatch.setenv("COURSE_CHECKS", str(EXAMPLE))
    handed_out.run("def mean_abs(xs):\n    return sum(xs)\n")
    shown = handed_out.run('check("ex1")')
    assert "From here the notebook uses our `mean_abs`" in shown
    assert handed_out.names["mean_abs"]([-1, 3]) == 2


def test_a_new_file_counts_at_once(handed_out, checks):
    handed_out.run(TWICE)
    handed_out.run('check("a1")')
    changed = checks.replace('"points": 2.0', '"points": 2.25')
    (handed_out.folder / "tiny.checks.json").write_text(changed, encoding="utf-8")
    assert "(2.25 points)" in handed_out.run('check("a1")')


def test_the_file_is_the_same_whatever_the_values_and_the_wrong_choices_are(checks):
    other = tiny(wrong_letter="a")
    solution = SOLUTION.replace("4711", "1905").replace('letter = "b"', 'letter = "d"')
    assert checks_text(other, built(other, solution)) == checks


def test_no_text_of_a_solution_or_of_a_mistake_is_in_the_file(checks):
    assert "twice(twice(x))" not in checks
    assert "canary" not in checks
    assert "mul_" not in checks
    # the name itself is what a student sees of such a mistake: Python's message
    assert "secret_name_of_a_mistake + x" not in checks
    assert "4711" not in checks


@pytest.mark.parametrize(
    "notebook_id", ["01", *(pytest.param(n, marks=pytest.mark.slow) for n in catalogue.NOTEBOOK_IDS[1:])]
)
def test_verdicts_are_those_of_the_courses_own_checks(notebook_id, tmp_path):
    notebook = catalogue.notebook(notebook_id)
    references = References(notebook)
    file = tmp_path / "x.checks.json"
    file.write_text(checks_text(notebook, references.texts), encoding="utf-8")
    package = packaged.read(file)
    compared = 0
    for ours, theirs in zip(notebook.exercises, package.notebook.exercises, strict=True):
        if ours.is_value:
            continue
        for answer in (None, *ours.mistakes, *ours.variants):
            seen = {s: references.observe(ours, s, answer) for s in checking.PUBLIC_SEEDS}
            assert judge(theirs, seen, package.references) == judge(ours, seen, references)
            compared += not isinstance(answer, Variant)
    assert compared > 50


def test_the_committed_release_of_the_example_judges_its_mistakes(monkeypatch):
    monkeypatch.setenv("COURSE_CHECKS", str(EXAMPLE))
    notebook, _ = packaged.find("ex1")
    ours = packaged.of(notebook).references
    package = packaged.read(EXAMPLE / "release" / "assignment.checks.json")
    for mine, theirs in zip(notebook.exercises, package.notebook.exercises, strict=True):
        for answer, expected in [(None, ""), *((m, m.message) for m in mine.mistakes)]:
            seen = {s: ours.observe(mine, s, answer) for s in checking.PUBLIC_SEEDS}
            assert judge(theirs, seen, package.references).mistake == expected


def test_last_digits_are_no_drift_and_other_values_are(checks):
    data = json.loads(checks)
    tried = data["exercises"][0]["tries"][0]
    near, far = copy.deepcopy(data), copy.deepcopy(data)

    def shifted(text, by):
        return values.encode(values.decode(text, tensors=True) + by)

    returned = tried["expected"]["returned"]
    near["exercises"][0]["tries"][0]["expected"]["returned"] = shifted(returned, 1e-7)
    far["exercises"][0]["tries"][0]["expected"]["returned"] = shifted(returned, 1e-2)
    assert same_checks(checks, json.dumps(near))
    assert not same_checks(checks, json.dumps(far))
    assert not same_checks(checks, checks.replace("Add.", "Subtract."))


def test_a_probe_whose_result_cannot_be_written_down_is_refused():
    exercises = list(tiny().exercises)
    exercises[3] = Exercise(id="a4", names=("Counter",), inputs=draw, probe=fail)
    notebook = tiny(exercises=tuple(exercises))
    with pytest.raises(PackagingError, match="Exercise a4: its probe brings back"):
        checks_text(notebook, built(notebook))


def test_a_probe_that_is_no_plain_function_is_refused():
    exercises = list(tiny().exercises)
    exercises[3] = Exercise(id="a4", names=("Counter",), inputs=draw, probe=lambda n, i: (n, i))
    notebook = tiny(exercises=tuple(exercises))
    with pytest.raises(PackagingError, match="Exercise a4: a probe"):
        checks_text(notebook, built(notebook))


def spoiled(checks, change):
    data = json.loads(checks)
    change(data, data["exercises"][0])
    return json.dumps(data)


DAMAGES = {
    "schema": (lambda d, _: d.update(schema=2), "this version of the course reads form 1"),
    "a path for a name": (lambda d, _: d["notebook"].update(name="../../x"), "is not a name"),
    "no exercises": (lambda d, _: d.pop("exercises"), "'exercises' is missing"),
    "doubled": (lambda d, e: d["exercises"].append(e), "same id"),
    "points": (lambda _, e: e.update(points=1e99), "points is not a number between"),
    "for ever": (lambda _, e: e.update(limit_seconds=1e9), "limit_seconds is not"),
    "a name": (lambda _, e: e.update(kinds={"import os": "function"}), "its names are not names"),
    "a bomb": (lambda _, e: e["tries"][0].update(inputs='{"kind": "array"}'), "an array needs"),
    "mistakes": (lambda _, e: e["mistakes"].pop(), "not tried with each mistake"),
    "a probe that runs": (lambda _, e: e.update(probe="print(1)"), "a probe must be one function"),
    "a decorator": (
        lambda _, e: e.update(probe="@print\ndef f(names, inputs):\n    return 1"),
        "without decorators",
    ),
    "a default": (
        lambda _, e: e.update(probe="def f(names, inputs, x=print(1)):\n    return 1"),
        "without decorators or computed defaults",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_or_hostile_file_gives_a_sentence(handed_out, checks, damage):
    change, words = DAMAGES[damage]
    (handed_out.folder / "tiny.checks.json").write_text(spoiled(checks, change), encoding="utf-8")
    handed_out.run(TWICE)
    shown = handed_out.run('check("a1")')
    assert "Nothing was checked" in shown
    assert words in shown
    assert "tiny.checks.json" in shown


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is damaged"),
        (b"\xff\xfe\x00", "is damaged"),
        (b"[]", "is not a file of checks"),
        (b"[" * 200_000, "is damaged"),
        (b'{"schema": NaN}', "NaN is not a number"),
        (b"{}", "is not a file of checks"),
    ],
)
def test_what_is_no_checks_file_gives_a_sentence(tmp_path, content, words):
    file = tmp_path / "x.checks.json"
    file.write_bytes(content)
    with pytest.raises(ChecksFileError, match=words):
        packaged.read(file)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes are files on POSIX systems only")
def test_a_file_that_is_too_large_or_a_pipe_is_not_read(tmp_path):
    large, pipe = tmp_path / "large.checks.json", tmp_path / "pipe.checks.json"
    with large.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    os.mkfifo(pipe)
    with pytest.raises(ChecksFileError, match="64 MiB"):
        packaged.read(large)
    with pytest.raises(ChecksFileError, match="is not there"):
        packaged.read(pipe)


JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.just([]), st.just({})
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**6), junk=JUNK)
def test_whatever_is_changed_in_a_file_it_is_read_or_refused_with_a_sentence(checks, tmp_path, seed, junk):
    data = json.loads(checks)
    draws = random.Random(seed)
    place = data
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        if not keys:
            break
        key = draws.choice(keys)
        if isinstance(place[key], dict | list) and draws.random() < 0.8:
            place = place[key]
            continue
        place[key] = junk
        break
    file = tmp_path / "x.checks.json"
    file.write_text(json.dumps(data), encoding="utf-8")
    try:
        package = packaged.read(file)
    except ChecksFileError as error:
        refusal = str(error)
    else:
        refusal = str(file)
        for exercise in package.notebook.exercises:
            if not exercise.is_value:
                seen = {1: package.references.observe(exercise, 1)}
                assert judge(exercise, seen, package.references).status == "right"
    assert str(file) in refusal
