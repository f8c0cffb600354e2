"""A judge reads what an enemy may have written, and says what helps."""

import dataclasses

import numpy as np
import pytest
import torch

from course_utils.exercises import catalogue, values
from course_utils.exercises.compare import compare, type_in_words
from course_utils.exercises.diagnose import diagnose
from course_utils.exercises.judge import judge
from course_utils.exercises.observe import Observation, observe
from course_utils.exercises.references import References, values_of

HUGE = (
    '{"kind": "tensor", "dtype": "float32", "shape": [0, 9999999999999999999], "device": "cpu", "data": ""}'
)


@pytest.mark.parametrize(
    "returned", ["{", "", "null", HUGE, "[" * 100, '{"kind": "dict", "items": []}', "true", "3"]
)
@pytest.mark.parametrize("exercise_id", ["1.3", "1.5", "1.26"])
def test_whatever_comes_back_gets_a_verdict_and_never_points(exercise_id, returned):
    notebook, exercise = catalogue.find(exercise_id)
    verdict = judge(exercise, {1: Observation(returned, returned)}, References(notebook))
    assert verdict.status in ("wrong", "blank")


def verdict_on_values(exercise_id, **changed):
    """The verdict on the right values of an exercise, but for some."""
    notebook, exercise = catalogue.find(exercise_id)
    ours = References(notebook)
    names = {**ours.answer(exercise), **changed}
    return judge(exercise, {1: observe(values_of, names, ours.inputs(exercise, 1))}, ours)


@pytest.mark.parametrize(
    ("exercise_id", "changed"),
    [
        ("3.11", {"q_all": 1_190_500}),  # the report's sum is 1 190 160
        ("4.6", {"q_versions": 7}),  # 391 batches of 128 would be 50 048 pictures, not 50 000
    ],
)
def test_a_number_close_to_that_of_a_typical_mistake_is_not_taken_for_it(exercise_id, changed):
    verdict = verdict_on_values(exercise_id, **changed)
    assert (verdict.status, verdict.mistake) == ("wrong", "")


def test_a_mistake_in_a_rounded_number_is_recognised_by_a_rounded_number():
    assert "base 2" in verdict_on_values("3.23", q_start_loss=3.32).mistake


def test_an_input_that_should_stay_is_said_to_be_changed_even_where_a_probe_calls_several_times():
    notebook, exercise = catalogue.find("3.8")
    ours = References(notebook)
    ours.answer(exercise)
    namespace = dict(ours._before["3.8"])
    solution = ours.texts.exercises["3.8"].solution
    exec(solution.replace("    return dx", "    G.zero_()\n    return dx"), namespace)
    names = {name: namespace[name] for name in exercise.names}
    verdict = judge(exercise, {1: observe(exercise.probe, names, ours.inputs(exercise, 1))}, ours)
    assert "changes its input `G`" in verdict.message
    assert "should be changed in place" not in verdict.message
    assert "It was tried with" not in verdict.message


@pytest.mark.parametrize(("whole", "name"), [(np.ones(3), "array"), (torch.ones(3), "tensor")])
def test_a_list_instead_of_an_array_is_told_which_kind_to_build(whole, name):
    ours, theirs = (values.decode(values.encode(value)) for value in (whole, [1.0, 1.0, 1.0]))
    text = diagnose(compare(ours, theirs, rtol=0.0, atol=0.0), {})
    assert f"Build one {name} of it" in text


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("x" * 10**6, "a text of 1000000 characters"),
        (2**80, "an integer beyond 64 bits"),
        (object(), "an object of type object"),
        (np.array(["x"]), "an array of <U1"),
    ],
)
def test_what_is_no_plain_value_is_named_in_words(value, words):
    assert type_in_words(values.decode(values.encode(value))) == words


@pytest.mark.parametrize(
    ("expected", "got", "advice"),
    [
        (torch.bool, torch.float32, "a comparison (such as `> 0`)"),
        (torch.bool, torch.int64, "a comparison (such as `> 0`)"),
        (torch.float32, torch.int64, "`.float()`"),
        (torch.float64, torch.int64, "`.double()`"),
        (torch.float64, torch.float32, "the dtype of the inputs"),
        (torch.uint8, torch.float32, "the dtype of the inputs"),
        (torch.int64, torch.bool, "`.long()`"),
    ],
)
def test_a_wrong_dtype_gets_advice_that_leads_to_the_right_one(expected, got, advice):
    ours, theirs = (values.decode(values.encode(torch.ones(3, dtype=dtype))) for dtype in (expected, got))
    text = diagnose(compare(ours, theirs, rtol=0.0, atol=0.0), {})
    found = [words for words in ADVICE if words in text]
    assert found == [advice]


ADVICE = ("a comparison (such as `> 0`)", "`.float()`", "`.double()`", "`.long()`", "the dtype of the inputs")


def test_an_answer_that_fails_like_a_failing_reference_is_not_right():
    notebook, exercise = catalogue.find("1.3")

    def fails(*_arguments):
        raise ImportError("half a library")

    both = dataclasses.replace(exercise, probe=fails)
    ours = References(notebook)
    seen = {1: observe(fails, ours.answer(exercise), ours.inputs(exercise, 1))}
    with pytest.raises(RuntimeError, match=r"our own answer to 1\.3 fails: half a library"):
        judge(both, seen, ours)
