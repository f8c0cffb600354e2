"""The judge gives a verdict on anything that comes back, and "right" only for the right values."""

import builtins
import dataclasses
import dis
import inspect
import json
import types

import numpy as np
import pytest
from handed_in import toy_assignment
from hypothesis import assume, given
from hypothesis import strategies as st

from course_utils.exercises import values
from course_utils.exercises.catalogue import NOTEBOOK_IDS
from course_utils.exercises.observe import observe
from course_utils.grading import adjudication
from course_utils.grading.adjudication import SEEDS, Adjudicator, secret_seeds
from course_utils.grading.assignment import course_notebook

TOY = Adjudicator(toy_assignment())
SEED = (11, 22, 33)
STATUSES = {"right", "wrong", "blank", "missing"}

# JSON that often has the form of an answer, at one depth or another.
KEYS = ("missing", "blank", "callable", "returned", "inputs_after", "printed", "failure", "error", "id")
leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["mean_abs", "", "null", "{}", '{"kind": "ellipsis"}', "NaN", "[" * 3000])
    | st.text(max_size=12)
)
any_json = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6)
        | st.dictionaries(st.sampled_from(["type_name", "message", "line", "line_text"]), inner, max_size=4)
    ),
    max_leaves=15,
)
encoded = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.fixed_dictionaries(
            {
                "kind": st.sampled_from(
                    ["float", "list", "tuple", "dict", "tensor", "array", "scalar", "opaque"]
                )
            },
            optional={
                "value": inner,
                "items": inner,
                "type": inner,
                "data": inner | st.sampled_from(["", "AAAAAAAA8D8="]),
                "shape": inner | st.lists(st.integers(-1, 2**70), max_size=4),
                "dtype": inner | st.sampled_from(["float64", "bool", "bfloat16", "complex128"]),
                "device": inner | st.just("cpu"),
            },
        )
    ),
    max_leaves=12,
)


def box(names, exercise="ex1", *, seeds=SEED):
    """Return what an honest box would answer about these names, for each seed."""
    probe = toy_assignment().notebook.exercise(exercise).probe
    answers = []
    for inputs in TOY.question(exercise, seeds).inputs:
        seen = observe(probe, names, inputs)
        failure = seen.failure and dataclasses.asdict(seen.failure)
        answers.append({"callable": list(names), **dataclasses.asdict(seen), "failure": failure})
    return answers


def reference(exercise="ex1"):
    space = {"np": np}
    source, names = TOY.reference(exercise)
    exec(source, space)
    return {name: space[name] for name in names}


def right(exercise="ex1"):
    return box(reference(exercise), exercise)


def changed(answers, **changes):
    return [{**answer, **changes} for answer in answers]


def loaded_globals(code):
    """Return the global names that a function and those inside it look up."""
    yield from (i.argval for i in dis.get_instructions(code) if i.opname == "LOAD_GLOBAL")
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            yield from loaded_globals(inner)


def judged(answers, exercise="ex1"):
    return TOY.verdict(exercise, SEED, answers)


# ---------------------------------------------------------------- right, and only what is right


@pytest.mark.parametrize("exercise", ["ex1", "ex2", "ex3"])
def test_the_values_of_the_reference_are_right(exercise):
    assert judged(right(exercise), exercise).status == "right"


@given(st.integers(0, 2), st.integers(0, 2), st.floats(1e-2, 1e6), st.booleans())
def test_a_single_number_that_differs_makes_the_answer_wrong(seed, part, by, minus):
    answers = right()
    returned = list(values.decode(answers[seed]["returned"]))
    returned[part] += -by if minus else by
    answers[seed] = {**answers[seed], "returned": values.encode(tuple(returned))}
    assert judged(answers).status == "wrong"


@given(st.tuples(*[st.floats() | st.integers(-5, 5)] * 3))
def test_numbers_that_were_guessed_are_wrong(guess):
    assume(any(abs(number - 3) > 1e-3 for number in guess))
    assert judged(changed(right(), returned=values.encode(guess))).status == "wrong"


def test_the_right_values_for_other_inputs_are_wrong():
    answers = right()
    assert judged(answers[1:] + answers[:1]).status == "wrong"


def test_the_right_values_of_another_exercise_are_wrong():
    assert judged(right("ex2"), "ex3").status == "wrong"


def test_right_values_on_some_of_the_inputs_only_are_wrong():
    assert judged(right()[:2]).status == "wrong"
    assert judged([]).status == "wrong"


def test_inputs_that_were_changed_make_the_answer_wrong():
    def mean_abs(xs):
        result = reference()["mean_abs"](xs)
        xs.append(1.0)
        return result

    assert judged(box({"mean_abs": mean_abs})).status == "wrong"


def test_the_right_values_of_something_that_is_no_function_are_wrong():
    assert "should be a function" in judged(changed(right(), callable=[])).message


def test_an_exercise_of_values_is_tried_once():
    notebook = course_notebook("01")
    judge = Adjudicator(notebook)
    exercise = next(e for e in notebook.notebook.exercises if e.is_value)
    assert len(judge.question(exercise.id, SEED).inputs) == 1


# ---------------------------------------------------------------- other verdicts


def test_an_answer_that_had_to_be_stopped_took_too_long():
    verdict = judged([None])
    assert verdict.status == "wrong"
    assert "after 0.5 seconds" in verdict.message


def test_a_placeholder_is_blank_and_a_missing_name_is_missing():
    assert judged(changed(right(), callable=[], blank=["mean_abs"])).status == "blank"
    verdict = judged([{"missing": ["mean_abs", "somebody_else"]}])
    assert (verdict.status, verdict.message) == ("missing", "`mean_abs` is not defined.")


def test_an_exception_is_described_with_its_line():
    def mean_abs(_):
        raise KeyError("unheard of")

    assert "unheard of" in judged(box({"mean_abs": mean_abs})).message


def test_a_typical_mistake_is_named_and_earns_its_share():
    def softmax(x):
        e = np.exp(np.asarray(x, float))
        return e / e.sum()

    verdict = judged(box({"softmax": softmax}, "ex3"), "ex3")
    assert (verdict.status, verdict.credit) == ("wrong", 0.4)
    assert "subtract the largest" in verdict.mistake


def test_what_the_answer_printed_is_kept_up_to_a_limit():
    assert judged(changed(right(), printed="hello")).printed == "hello"
    assert len(judged(changed(right(), printed="x" * 100_000)).printed) < 2000


# ---------------------------------------------------------------- whatever comes back


@given(st.lists(any_json, min_size=1, max_size=3))
def test_any_json_gives_a_verdict_that_is_not_right(answers):
    verdict = judged(answers)
    assert verdict.status in STATUSES - {"right"}
    assert isinstance(verdict.message, str)


@given(st.dictionaries(st.sampled_from(KEYS), any_json, min_size=1))
def test_any_json_in_the_place_of_a_part_of_a_right_answer_gives_a_verdict(parts):
    verdict = judged(changed(right(), **parts))
    assert verdict.status in STATUSES
    if verdict.status == "right":  # what does not count may be anything
        assert set(parts) <= {"printed", "id", "error", "blank", "missing", "failure", "callable"}


@given(encoded, st.sampled_from(["ex1", "ex2", "ex3"]))
def test_any_forged_value_gives_a_verdict_that_is_not_right(value, exercise):
    answers = changed(right(exercise), returned=json.dumps(value))
    assert judged(answers, exercise).status in {"wrong", "blank"}


@pytest.mark.parametrize(
    "forged",
    [
        {"kind": "array", "dtype": "float64", "shape": [0, 10**19], "device": "cpu", "data": ""},
        {"kind": "array", "dtype": "float64", "shape": [0, 2**62, 2**62], "device": "cpu", "data": ""},
        {"kind": "array", "dtype": "float64", "shape": [2**31, 2**31], "device": "cpu", "data": ""},
        {
            "kind": "scalar",
            "dtype": "complex128",
            "shape": [],
            "device": "cpu",
            "data": "////////73////////+9/",
        },
        {"kind": "float", "value": "nan"},
        {"kind": "dict", "items": [[1, None], ["1", None]]},
    ],
    ids=["huge empty shape", "overflowing shape", "huge shape", "huge complex number", "nan", "mixed keys"],
)
def test_forged_arrays_and_numbers_are_wrong(forged):
    text = json.dumps({"kind": "tuple", "items": [forged] * 3})
    assert judged(changed(right(), returned=text)).status in {"wrong", "broken"}


def test_a_judge_that_fails_gives_a_verdict_for_the_instructor(monkeypatch):
    def fails(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(adjudication, "judge", fails)
    verdict = judged(right())
    assert (verdict.status, verdict.credit) == ("broken", 0.0)
    assert "ZeroDivisionError" in verdict.message


# ---------------------------------------------------------------- questions and secrets


def test_questions_hold_no_reference_and_no_seed():
    for exercise, text in toy_assignment().texts.exercises.items():
        asked = json.dumps(dataclasses.asdict(TOY.question(exercise, SEED)))
        body = [line.strip() for line in text.solution.splitlines() if "return" in line]
        assert body
        assert not any(line in asked for line in body)
        assert not any(f'"{seed}"' in asked or f" {seed}," in asked for seed in SEED)


def test_the_same_seeds_ask_the_same_and_others_something_else():
    assert TOY.question("ex1", SEED) == Adjudicator(toy_assignment()).question("ex1", SEED)
    assert len(set(TOY.question("ex1", SEED).inputs)) == SEEDS
    assert not set(TOY.question("ex1", SEED).inputs) & set(TOY.question("ex1", (7, 8, 9)).inputs)


@pytest.mark.parametrize("number", NOTEBOOK_IDS)
def test_every_probe_stands_on_its_own(number):
    for exercise in course_notebook(number).notebook.exercises:
        if exercise.is_value:
            continue
        space = {}
        exec(f"from __future__ import annotations\n{inspect.getsource(exercise.probe)}", space)
        probe = space[exercise.probe.__name__]
        outside = set(loaded_globals(probe.__code__)) - set(dir(builtins)) - set(space)
        assert outside == set(), exercise.id


def test_a_students_seeds_follow_from_the_runs_key_and_the_file():
    seeds = secret_seeds("key", "alice", "0f")
    assert secret_seeds("key", "alice", "0f") == seeds
    assert not set(seeds) & set(secret_seeds("key", "bob", "0f"))
    assert not set(seeds) & set(secret_seeds("other", "alice", "0f"))
    assert len(set(secret_seeds("key", "\ud800", ""))) == SEEDS


def test_the_inputs_that_feedback_showed_are_not_those_of_the_next_file():
    assert not set(secret_seeds("key", "alice", "0f")) & set(secret_seeds("key", "alice", "1f"))


@given(st.text(), st.text())
def test_seeds_are_what_a_generator_takes(key, student):
    assert all(1000 <= seed < 2**63 for seed in secret_seeds(key, student, "0f"))
