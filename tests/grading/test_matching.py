"""Which of a student's cells answers which exercise: by header, id, nbgrader's id, names, in that order."""

import random

import pytest
from handed_in import toy_assignment
from hypothesis import given
from hypothesis import strategies as st

from course_utils.exercises.catalogue import NOTEBOOK_IDS
from course_utils.grading.assignment import course_notebook
from course_utils.grading.matching import defined_names, match, same_code
from course_utils.grading.reading import SubmittedCell

TEXTS = toy_assignment().texts
RELEASE = TEXTS.cells
EXERCISES = list(TEXTS.exercises)


def cell(source, *, id="", grade_id=""):
    return SubmittedCell(id, grade_id, source)


def handed_out(release=RELEASE):
    return [cell(c.source, id=c.id) for c in release]


def matched(*cells):
    return match(RELEASE, TEXTS.exercises, cells)


def answer(exercise, body="return 0"):
    """Return an answer with the exercise's first line."""
    header = TEXTS.exercises[exercise].stub.splitlines()[0]
    return f"{header}\n{bare_answer(exercise, body)}"


def bare_answer(exercise, body="return 0"):
    (name,) = TEXTS.exercises[exercise].names
    return f"def {name}(x):\n    {body}"


def with_answers(**answers):
    return [
        cell(answers.get(c.exercise, c.source) if c.role == "exercise" else c.source, id=c.id)
        for c in RELEASE
    ]


def ran(plan, exercise):
    """Return the step that is run for an exercise."""
    return [step for step in plan.steps if step.role == "exercise"][EXERCISES.index(exercise)].source


def tried(plan):
    return [step.exercise for step in plan.steps if step.exercise]


submissions = st.lists(
    st.one_of(
        st.sampled_from(handed_out()),
        st.builds(
            lambda exercise, header, id: cell(answer(exercise) if header else bare_answer(exercise), id=id),
            st.sampled_from(EXERCISES),
            st.booleans(),
            st.sampled_from(["", *(c.id for c in RELEASE)]),
        ),
        st.builds(cell, st.sampled_from(["x = 1", "", "import os", "def mean_abs(", "%matplotlib"])),
        st.just(cell("\n".join(bare_answer(exercise) for exercise in EXERCISES))),
    ),
    max_size=12,
).map(lambda cells: [SubmittedCell(c.id, c.grade_id, f"{c.source}\n# cell {n}") for n, c in enumerate(cells)])


# ---------------------------------------------------------------- laws


@given(submissions)
def test_every_submitted_cell_is_run_at_most_once(cells):
    steps = match(RELEASE, TEXTS.exercises, cells).steps
    for submitted in cells:
        assert sum(step.source == submitted.source for step in steps) <= 1


@given(submissions)
def test_setup_and_exercises_stand_in_the_order_of_the_release(cells):
    plan = match(RELEASE, TEXTS.exercises, cells)
    assert tried(plan) == EXERCISES
    assert [step.role for step in plan.steps if step.role != "extra"] == [
        c.role for c in RELEASE if c.role in ("setup", "exercise")
    ]


@given(submissions)
def test_the_courses_own_setup_runs_whatever_was_handed_in(cells):
    plan = match(RELEASE, TEXTS.exercises, cells)
    assert [step.source for step in plan.steps if step.role == "setup"] == [
        c.source for c in RELEASE if c.role == "setup"
    ]


@given(st.lists(st.booleans(), max_size=14))
def test_additions_keep_their_order(additions):
    handed = iter(with_answers())
    mixed = [cell(f"extra = {n}") if added else next(handed, cell("")) for n, added in enumerate(additions)]
    extras = [step.source for step in matched(*mixed).steps if step.source.startswith("extra")]
    assert extras == [c.source for c in mixed if c.source.startswith("extra")]


@pytest.mark.parametrize("number", NOTEBOOK_IDS)
def test_an_untouched_release_of_a_notebook_gives_only_blanks(number):
    texts = course_notebook(number).texts
    plan = match(texts.cells, texts.exercises, handed_out(texts.cells))
    assert [step.exercise for step in plan.steps if step.blank] == list(texts.exercises)
    assert all(not step.source for step in plan.steps if step.role != "setup")
    assert plan.flags == []
    assert plan.exercise_flags == {}


@given(st.randoms(use_true_random=False), st.sets(st.sampled_from(EXERCISES)))
def test_a_shuffled_notebook_gives_the_same_plan(draw, answered):
    cells = with_answers(**{exercise: answer(exercise) for exercise in answered})
    shuffled = draw.sample(cells, len(cells))
    assert matched(*shuffled) == matched(*cells)


def test_a_shuffled_notebook_01_gives_the_same_plan():
    texts = course_notebook("01").texts
    cells = [
        cell(texts.exercises[c.exercise].solution if c.role == "exercise" else c.source) for c in texts.cells
    ]
    shuffled = random.Random(0).sample(cells, len(cells))
    plan = match(texts.cells, texts.exercises, shuffled)
    assert plan == match(texts.cells, texts.exercises, cells)
    assert plan.answers == {id: text.solution for id, text in texts.exercises.items()}


# ---------------------------------------------------------------- how an answer is found


def test_an_answer_is_found_by_its_first_line_though_its_id_is_lost():
    cells = [cell(c.source) for c in with_answers(ex2=answer("ex2"))]
    assert ran(matched(*cells), "ex2") == answer("ex2")


def test_an_answer_is_found_by_its_id_though_its_first_line_is_lost():
    plan = matched(*with_answers(ex2=bare_answer("ex2")))
    assert ran(plan, "ex2") == bare_answer("ex2")
    assert plan.exercise_flags == {}


def test_an_answer_is_found_by_the_id_of_nbgrader_though_the_rest_is_lost():
    plan = matched(cell(bare_answer("ex2"), grade_id="ex2"))
    assert ran(plan, "ex2") == bare_answer("ex2")


def test_an_answer_in_a_new_cell_is_found_by_the_name_it_defines_and_flagged():
    plan = matched(*with_answers(), cell(bare_answer("ex2")))
    assert ran(plan, "ex2") == bare_answer("ex2")
    assert "defines the same names" in plan.exercise_flags["ex2"][0]
    assert next(step for step in plan.steps if step.exercise == "ex1").source == ""


def test_a_cell_with_the_answers_of_two_exercises_runs_once_and_answers_both():
    both = f"{bare_answer('ex1')}\n{bare_answer('ex2')}"
    plan = matched(*with_answers(), cell(both))
    assert [ran(plan, "ex1"), ran(plan, "ex2")] == [both, ""]
    assert [step.blank for step in plan.steps if step.exercise] == [False, False, True]
    assert plan.answers == {"ex1": both, "ex2": both, "ex3": ""}


def test_a_written_cell_is_not_replaced_by_an_addition_that_defines_the_same_name():
    plan = matched(*with_answers(ex2=answer("ex2")), cell(bare_answer("ex2", "return 99")))
    assert ran(plan, "ex2") == answer("ex2")


def test_of_two_cells_with_the_same_first_line_the_last_written_one_counts_and_it_is_flagged():
    first, second = answer("ex2", "return 1"), answer("ex2", "return 2")
    plan = matched(cell(first), cell(second), cell(TEXTS.exercises["ex2"].stub))
    assert ran(plan, "ex2") == second
    assert not any(step.source == first for step in plan.steps)
    assert "2 cells" in plan.exercise_flags["ex2"][0]


def test_two_cells_with_the_same_id_are_told_apart_by_their_first_lines():
    id = next(c.id for c in RELEASE if c.exercise == "ex1")
    plan = matched(cell(answer("ex1"), id=id), cell(answer("ex2"), id=id))
    assert [ran(plan, "ex1"), ran(plan, "ex2")] == [answer("ex1"), answer("ex2")]


def test_a_deleted_exercise_is_no_blank_and_is_flagged():
    plan = matched(*[c for c in with_answers() if "Exercise ex2" not in c.source])
    (step,) = [step for step in plan.steps if step.exercise == "ex2"]
    assert not step.blank
    assert "not in the notebook" in plan.exercise_flags["ex2"][0]


def test_a_cell_that_differs_from_the_stub_in_white_space_only_is_blank():
    stub = TEXTS.exercises["ex2"].stub
    plan = matched(cell("\n\n" + stub.replace("\n", "   \n") + "\n\n"))
    assert next(step for step in plan.steps if step.exercise == "ex2").blank


def test_an_emptied_cell_is_blank():
    assert next(s for s in matched(*with_answers(ex2="  \n")).steps if s.exercise == "ex2").blank


# ---------------------------------------------------------------- what else runs


def test_neither_checks_nor_experiments_run_also_where_the_student_changed_them():
    cells = [
        cell(f"{c.source}\nprint('mine')", id=c.id) for c in RELEASE if c.role in ("check", "experiment")
    ]
    assert cells
    assert not any("mine" in step.source for step in matched(*cells).steps)


def test_an_addition_runs_behind_the_cell_that_it_stands_behind():
    cells = with_answers(ex1=answer("ex1"))
    place = next(n for n, c in enumerate(cells) if c.source == answer("ex1"))
    plan = matched(*cells[: place + 1], cell("helper = 1"), *cells[place + 1 :])
    sources = [step.source for step in plan.steps]
    assert sources.index("helper = 1") == sources.index(answer("ex1")) + 1


def test_an_exercise_is_tried_after_the_additions_behind_it():
    plan = matched(cell(answer("ex1")), cell("helper = 1"))
    assert next(step.source for step in plan.steps if step.exercise == "ex1") == "helper = 1"


def test_an_addition_before_everything_runs_before_everything():
    assert matched(cell("first = 1"), *with_answers()).steps[0].source == "first = 1"


def test_a_changed_setup_cell_runs_after_the_courses_own():
    setup = next(c for c in RELEASE if c.role == "setup")
    changed = f"{setup.source}\nimport math"
    steps = matched(cell(changed, id=setup.id)).steps
    assert [step.source for step in steps[:2]] == [setup.source, changed]
    assert [step.role for step in steps[:2]] == ["setup", "extra"]


# ---------------------------------------------------------------- the names that a cell defines


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("def f(): x = 1", {"f"}),
        ("async def f(): pass\nclass C: y = 1", {"f", "C"}),
        ("a = b = 1", {"a", "b"}),
        ("(a, [b, *c]) = 1, [2]", {"a", "b", "c"}),
        ("a: int = 1", {"a"}),
        ("print(f)", set()),
        ("", set()),
        ("def f():\n  return (\nclass D", {"f", "D"}),
        ("x = " + "(" * 500, set()),
        ("\0", set()),
    ],
)
def test_the_names_that_a_cell_binds_are_found_without_running_it(source, names):
    assert defined_names(source) == names


@given(st.text(max_size=60))
def test_any_text_has_names_or_none(source):
    assert isinstance(defined_names(source), set)


def test_white_space_at_line_ends_makes_no_difference_and_indentation_does():
    assert same_code("\nx = 1  \ny = 2\n", "x = 1\ny = 2")
    assert not same_code("if x:\n  y = 2", "if x:\ny = 2")
