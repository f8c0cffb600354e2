"""What holds for every exercise of every notebook: its reference, blank, mistakes, variants and hints."""

import inspect
import time
from functools import cache

import pytest

from course_utils.exercises import catalogue, values
from course_utils.exercises.cells import solution_of
from course_utils.exercises.checking import PUBLIC_SEEDS
from course_utils.exercises.judge import compare_observations, find_mistake, judge
from course_utils.exercises.observe import Observation, observe
from course_utils.exercises.references import References, values_of
from course_utils.exercises.specification import call

NOTEBOOKS = [catalogue.notebook(number) for number in catalogue.NOTEBOOK_IDS]
EXERCISES = [pytest.param(n, e, id=e.id) for n in NOTEBOOKS for e in n.exercises]
MISTAKES = [
    pytest.param(n, e, m, id=f"{e.id}-{i}")
    for n in NOTEBOOKS
    for e in n.exercises
    for i, m in enumerate(e.mistakes, 1)
]
VARIANTS = [
    pytest.param(n, e, v, id=f"{e.id}-{i}")
    for n in NOTEBOOKS
    for e in n.exercises
    for i, v in enumerate(e.variants, 1)
]


@cache
def references(notebook_id):
    return References(catalogue.notebook(notebook_id))


FEW = 10  # seeds in the default run; `make test-all` takes all


def seeds_for(notebook, exercise):
    """200 seeds, or 5 where one probe takes more than 5 ms; a value needs no seeds."""
    if exercise.is_value:
        return PUBLIC_SEEDS[:1]
    ours = references(notebook.id)
    ours.observe(exercise, 0)
    seconds = []
    for seed in range(10_000, 10_005):  # the quickest of five: a busy machine must not lower the coverage
        started = time.perf_counter()
        ours.observe(exercise, seed)
        seconds.append(time.perf_counter() - started)
    return range(5) if min(seconds) > 0.005 else range(200)


def seen_from(notebook, exercise, names, seeds):
    """What a check would see of these names."""
    probe = values_of if exercise.is_value else exercise.probe
    ours = references(notebook.id)
    return {seed: observe(probe, names, ours.inputs(exercise, seed)) for seed in seeds}


@pytest.mark.parametrize(("notebook", "exercise"), EXERCISES)
def test_the_reference_is_right(notebook, exercise):
    assert_right(notebook, exercise, seeds_for(notebook, exercise)[:FEW])


@pytest.mark.slow
@pytest.mark.parametrize(("notebook", "exercise"), EXERCISES)
def test_the_reference_is_right_on_every_seed(notebook, exercise):
    assert_right(notebook, exercise, seeds_for(notebook, exercise))


def assert_right(notebook, exercise, seeds):
    ours = references(notebook.id)
    seen = seen_from(notebook, exercise, ours.answer(exercise), seeds)
    assert judge(exercise, seen, ours).status == "right"
    assert all(observation.failure is None for observation in seen.values())


@pytest.mark.parametrize(("notebook", "exercise"), EXERCISES)
def test_the_blank_is_told_so(notebook, exercise):
    ours = references(notebook.id)
    ours.answer(exercise)
    namespace = dict(ours._before[exercise.id])
    exec(ours.texts.exercises[exercise.id].stub, namespace)
    names = {name: namespace[name] for name in exercise.names}
    assert judge(exercise, seen_from(notebook, exercise, names, PUBLIC_SEEDS[:1]), ours).status == "blank"


@pytest.mark.parametrize(("notebook", "exercise", "mistake"), MISTAKES)
def test_a_typical_mistake_is_refused_with_its_own_message(notebook, exercise, mistake):
    ours = references(notebook.id)
    names = ours.changed(exercise, mistake)
    seeds = PUBLIC_SEEDS[:1] if exercise.is_value else PUBLIC_SEEDS
    verdict = judge(exercise, seen_from(notebook, exercise, names, seeds), ours)
    assert (verdict.status, verdict.mistake) == ("wrong", mistake.message)


@pytest.mark.parametrize(("notebook", "exercise"), EXERCISES)
def test_mistakes_differ_from_the_reference_and_from_one_another(notebook, exercise):
    assert_distinct(notebook, exercise, seeds_for(notebook, exercise)[:FEW])


@pytest.mark.slow
@pytest.mark.parametrize(("notebook", "exercise"), EXERCISES)
def test_mistakes_differ_from_the_reference_and_from_one_another_on_every_seed(notebook, exercise):
    assert_distinct(notebook, exercise, seeds_for(notebook, exercise))


def assert_distinct(notebook, exercise, seeds):
    ours = references(notebook.id)
    for seed in seeds:
        answers = [
            ours.observe(exercise, seed),
            *(ours.observe(exercise, seed, mistake) for mistake in exercise.mistakes),
        ]
        for i, one in enumerate(answers):
            for j, other in enumerate(answers[:i]):
                differences = compare_observations(exercise, other, one)
                assert differences, f"seed {seed}: answers {j} and {i} coincide"


@pytest.mark.parametrize(("notebook", "exercise", "variant"), VARIANTS)
def test_a_right_answer_written_differently_is_accepted(notebook, exercise, variant):
    ours = references(notebook.id)
    names = ours.changed(exercise, variant)
    seeds = PUBLIC_SEEDS[:1] if exercise.is_value else [*PUBLIC_SEEDS, *range(100, 110)]
    verdict = judge(exercise, seen_from(notebook, exercise, names, seeds), ours)
    assert (verdict.status, verdict.message) == ("right", "")


@pytest.mark.parametrize(("notebook", "exercise"), EXERCISES)
def test_an_exercise_has_all_that_the_form_asks_for(notebook, exercise):
    text = catalogue.texts(notebook.name).exercises[exercise.id]
    messages = [mistake.message for mistake in exercise.mistakes]
    assert len(messages) >= 3
    assert len(set(messages)) == len(messages), "two mistakes share a message"
    assert all(len(message) > 20 for message in messages)
    assert len(exercise.variants) >= 1
    assert len(exercise.hints) >= 2
    assert text.points > 0
    assert text.minutes > 0
    assert 1 <= text.difficulty <= 5
    assert text.names == exercise.names


CHOICES = [
    pytest.param(n, e, id=e.id)
    for n in NOTEBOOKS
    for e in n.exercises
    if e.is_value and e.names == (e.names[0], f"{e.names[0]}_reason")
]


@pytest.mark.parametrize(("notebook", "exercise"), CHOICES)
def test_a_wrong_choice_is_explained_whatever_reason_is_given_for_it(notebook, exercise):
    ours = references(notebook.id)
    letter, reason = exercise.names
    right = ours.answer(exercise)[letter]
    for wrong in sorted(set("abcd") - {right}):
        for number in (1, 2, 3):
            names = {letter: wrong, reason: number}
            verdict = judge(exercise, seen_from(notebook, exercise, names, PUBLIC_SEEDS[:1]), ours)
            assert verdict.mistake, f"{wrong} because {number}"


@pytest.mark.parametrize("notebook", [pytest.param(n, id=n.id) for n in NOTEBOOKS])
def test_no_letter_is_the_right_one_in_more_than_half_of_a_notebooks_choices(notebook):
    ours = references(notebook.id)
    answers = [value for e in notebook.exercises if e.is_value for value in ours.answer(e).values()]
    letters = [value for value in answers if value in ("a", "b", "c", "d")]
    most = max((letters.count(letter) for letter in letters), default=0)
    assert len(letters) < 3 or 2 * most <= len(letters), f"always the same: {''.join(letters)}"


@pytest.mark.parametrize(("notebook", "exercise"), EXERCISES)
def test_a_probe_runs_from_its_text_alone(notebook, exercise):
    if exercise.is_value or exercise.probe is call:
        pytest.skip("uses the common probe")
    namespace: dict = {}
    exec("from __future__ import annotations\n" + inspect.getsource(exercise.probe), namespace)
    ours = references(notebook.id)
    alone = observe(namespace[exercise.probe.__name__], ours.answer(exercise), ours.inputs(exercise, 1))
    assert compare_observations(exercise, ours.observe(exercise, 1), alone) == []
    assert alone.failure is None


@pytest.mark.parametrize(("notebook", "exercise"), EXERCISES)
def test_a_slow_answer_still_gets_its_verdict_from_fewer_seeds(notebook, exercise):
    ours = references(notebook.id)
    seen: dict[int, Observation | None] = {1: None}
    verdict = judge(exercise, seen, ours)
    assert verdict.status == "wrong"
    assert "seconds" in verdict.message
    assert find_mistake(exercise, seen, ours) is None


@pytest.mark.parametrize(("notebook", "exercise"), EXERCISES)
def test_inputs_are_plain_values(notebook, exercise):
    text = references(notebook.id).inputs(exercise, 3)
    assert "opaque" not in text
    assert isinstance(values.decode(text), dict)


def test_the_markers_are_not_part_of_a_solution():
    assert solution_of("a\n### BEGIN SOLUTION\nb\n    ### END SOLUTION\nc") == "a\nb\nc"
