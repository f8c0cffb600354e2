"""Answers written by people who had seen only the student notebook, not the checks (from 05: by its authors).

`wrong_answers/NN.json` and `right_answers/NN.json` hold, for each answer, the exercise, what its author
thought and the code of the cell.
"""

import json
from functools import cache
from pathlib import Path

import pytest

from course_utils.exercises import catalogue
from course_utils.exercises.checking import PUBLIC_SEEDS
from course_utils.exercises.judge import judge
from course_utils.exercises.observe import observe_within
from course_utils.exercises.references import References, values_of

HERE = Path(__file__).parent


def answers(folder):
    found = []
    for file in sorted((HERE / folder).glob("*.json")):
        for number, answer in enumerate(json.loads(file.read_text(encoding="utf-8")), 1):
            found.append(pytest.param(answer, id=f"{answer['exercise']}-{number}"))
    return found


@cache
def references(notebook_id):
    return References(catalogue.notebook(notebook_id))


@cache
def verdict_on(exercise_id, source):
    notebook, exercise = catalogue.find(exercise_id)
    ours = references(notebook.id)
    ours.answer(exercise)
    namespace = {**ours._before[exercise.id]}
    exec(compile(source, "<exercise>", "exec"), namespace)
    names = {name: namespace.get(name) for name in exercise.names}
    probe = values_of if exercise.is_value else exercise.probe
    seeds = PUBLIC_SEEDS[:1] if exercise.is_value else PUBLIC_SEEDS
    seen = {seed: observe_within(5.0, probe, names, ours.inputs(exercise, seed)) for seed in seeds}
    return judge(exercise, seen, ours)


def helps(verdict):
    """Whether a verdict says more than that the values are wrong."""
    bare = "has the right shape but wrong values." in verdict.message or " not right." in verdict.message
    return bool(verdict.mistake) or not bare


WRONG, RIGHT = answers("wrong_answers"), answers("right_answers")


@pytest.mark.parametrize("answer", WRONG)
def test_a_wrong_answer_is_refused(answer):
    assert verdict_on(answer["exercise"], answer["answer"]).status in ("wrong", "blank"), answer["thought"]


@pytest.mark.parametrize("answer", RIGHT)
def test_a_right_answer_in_another_style_is_accepted(answer):
    verdict = verdict_on(answer["exercise"], answer["answer"])
    assert (verdict.status, verdict.message) == ("right", ""), answer["thought"]


def test_there_are_enough_of_them():
    assert len(WRONG) >= 60


def test_most_wrong_answers_get_a_diagnosis():
    helped = [helps(verdict_on(p.values[0]["exercise"], p.values[0]["answer"])) for p in WRONG]
    assert sum(helped) / len(helped) >= 0.6
