"""A judge reads what an enemy may have written."""

import pytest

from course_utils.exercises import catalogue
from course_utils.exercises.judge import judge
from course_utils.exercises.observe import Observation
from course_utils.exercises.references import References

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
