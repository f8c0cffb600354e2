"""One submission on its way: what is run again, what is skipped, what a student reads, when it ends."""

import pytest

from course_utils.grading import frames, marking
from course_utils.grading.kernel import Stopped
from course_utils.grading.marking import BoxError, Marking, forbidden_tools
from course_utils.grading.matching import Plan, Step

SETUP = Step("setup", "import numpy")


class FakeKernel:
    """Does what a cell's text says: `die`, `hang`, `sleep`, `raise`; remembers everything else."""

    def __init__(self, log, answers):
        self.log, self.answers, self.is_alive = log, answers, True
        log.append("start")

    def ask(self, request, _limits):
        assert self.is_alive
        source = request.get("source", "")
        self.log.append(f"{request['do']} {source}".strip())
        if "die" in source:
            self.is_alive = False
            raise Stopped("died")
        if "hang" in source:
            self.is_alive = False
            raise Stopped("time")
        if "raise" in source:
            return {"error": {"type": "ValueError", "message": "too\nlarge.", "line": 3}}, False
        if request["do"] == "probe":
            return self.answers.get(request["names"][0], {"returned": "1"}), "sleep" in source
        return {"error": None}, "sleep" in source

    def close(self):
        self.is_alive = False
        self.log.append("close")


class FakeJudge:
    """Finds everything right that came back for all inputs."""

    def __init__(self, probes=None):
        self.probes, self.seen = probes or {}, {}

    def question(self, exercise):
        source = self.probes.get(exercise, f"probe of {exercise}")
        return {
            "source": source,
            "function": "f",
            "names": [exercise],
            "inputs": ["1", "2"],
            "limit_seconds": 1.0,
        }

    def verdict(self, exercise, answers):
        self.seen[exercise] = answers
        right = len(answers) == 2 and None not in answers
        status = "right" if right else "wrong"
        return {
            "status": status,
            "message": "" if right else "No.",
            "mistake": "",
            "printed": "",
            "credit": 0.25,
        }

    def reference(self, exercise):
        return {"source": f"reference of {exercise}", "names": [exercise]}


def answer(exercise, source="answer"):
    return Step("exercise", source and f"{source} {exercise}", exercise=exercise)


def blank(exercise):
    return Step("exercise", "", exercise=exercise, blank=True)


def marked(*steps, judge=None, answers=None):
    """Return what came of each exercise, and what the kernels were asked."""
    log = []
    plan = Plan(steps=[SETUP, *steps])
    found = Marking(plan, judge or FakeJudge(), lambda: FakeKernel(log, answers or {})).run()
    return found, log


def statuses(found):
    return {exercise: tried.status for exercise, tried in found.items()}


# ---------------------------------------------------------------- the order of things


def test_an_exercise_is_run_tried_on_all_inputs_and_replaced_by_the_reference():
    found, log = marked(answer("a"), answer("b"))
    assert log == [
        "start",
        "prepare import numpy",
        *("run answer a", "probe probe of a", "probe probe of a", "bind reference of a"),
        *("run answer b", "probe probe of b", "probe probe of b", "bind reference of b"),
        "close",
    ]
    assert statuses(found) == {"a": "right", "b": "right"}


def test_a_blank_is_neither_run_nor_tried_but_replaced():
    found, log = marked(blank("a"), answer("b"))
    assert log[1:4] == ["prepare import numpy", "bind reference of a", "run answer b"]
    assert statuses(found) == {"a": "blank", "b": "right"}


def test_a_submission_of_blanks_needs_no_kernel():
    found, log = marked(blank("a"), Step("exercise", "", exercise="b"))
    assert log == []
    assert statuses(found) == {"a": "blank", "b": "missing"}


def test_an_exercise_is_never_tried_again():
    _, log = marked(answer("a"), answer("b", "die"), answer("c"))
    assert log.count("probe probe of a") == 2


def test_a_missing_name_is_not_tried_on_further_inputs():
    judge = FakeJudge()
    _, log = marked(answer("a"), judge=judge, answers={"a": {"missing": ["a"]}})
    assert log.count("probe probe of a") == 1
    assert judge.seen["a"] == [{"missing": ["a"]}]


# ---------------------------------------------------------------- what ends a kernel


def test_a_cell_that_ends_the_kernel_costs_its_exercise_and_no_other():
    found, log = marked(answer("a"), answer("b", "die"), answer("c"))
    assert statuses(found) == {"a": "right", "b": "stopped", "c": "right"}
    assert found["b"].message == "Its cell was stopped: the kernel died."
    assert log.count("start") == 2


def test_a_new_kernel_is_given_what_ran_before_without_the_culprit_and_with_references():
    _, log = marked(answer("a"), answer("b", "die"), answer("c"))
    again = log[log.index("start", 1) :]
    assert again[:6] == [
        "start",
        "prepare import numpy",
        "run answer a",
        "bind reference of a",
        "bind reference of b",
        "run answer c",
    ]


def test_no_new_kernel_is_started_if_nothing_is_left_to_run():
    _, log = marked(answer("a"), answer("b", "die"), blank("c"))
    assert log.count("start") == 1


def test_a_probe_that_ends_the_kernel_costs_its_exercise_and_no_other():
    judge = FakeJudge({"b": "die"})
    found, _ = marked(answer("a"), answer("b"), answer("c"), judge=judge)
    assert statuses(found) == {"a": "right", "b": "stopped", "c": "right"}
    assert "While it was tried, the kernel died." in found["b"].message


def test_a_probe_that_does_not_end_is_the_judges_to_describe():
    judge = FakeJudge({"a": "hang"})
    found, _ = marked(answer("a"), answer("b"), judge=judge)
    assert judge.seen["a"] == [None]
    assert statuses(found) == {"a": "wrong", "b": "right"}


def test_an_interrupted_probe_counts_as_no_answer_and_the_kernel_goes_on():
    judge = FakeJudge({"a": "sleep"})
    _, log = marked(answer("a"), answer("b"), judge=judge)
    assert judge.seen["a"] == [None]
    assert log.count("start") == 1


def test_a_cell_that_kills_every_new_kernel_is_left_out_the_second_time():
    steps = [Step("extra", "die extra"), answer("a"), Step("extra", "die again"), answer("b")]
    found, log = marked(*steps)
    assert statuses(found) == {"a": "right", "b": "right"}
    assert (log.count("run die extra"), log.count("run die again")) == (1, 1)


def test_a_submission_that_ends_kernel_after_kernel_is_given_up():
    steps = [answer(f"e{n}", "die") for n in range(40)]
    found, log = marked(*steps)
    assert log.count("start") == marking.RESTARTS + 1
    assert set(statuses(found).values()) == {"stopped", "unjudged"}
    assert found["e39"].message.startswith("It was not reached")
    assert list(found) == [f"e{n}" for n in range(40)]


def test_a_submission_that_takes_all_the_time_is_given_up(monkeypatch):
    monkeypatch.setattr(marking, "TOTAL_SECONDS", -1.0)
    found, log = marked(answer("a"))
    assert (statuses(found), log) == ({"a": "unjudged"}, [])


# ---------------------------------------------------------------- what a student reads


def test_how_a_cell_ended_is_told_where_the_answer_is_not_right():
    found, _ = marked(answer("a", "raise"), judge=FakeJudge({"a": "sleep"}))
    assert found["a"].message == "No. Its cell ended with ValueError in line 3: too large."


def test_how_a_cell_ended_does_not_matter_where_the_answer_is_right():
    found, _ = marked(answer("a", "raise"))
    assert (found["a"].status, found["a"].message) == ("right", "")


def test_a_cell_that_takes_too_long_says_so():
    found, _ = marked(answer("a", "sleep"), judge=FakeJudge({"a": "sleep"}))
    assert "stopped after 10 seconds" in found["a"].message


def test_an_addition_that_ends_the_kernel_stops_the_exercise_before_it():
    steps = [Step("exercise", "answer a"), Step("extra", "die here", exercise="a"), answer("b")]
    assert statuses(marked(*steps)[0]) == {"a": "stopped", "b": "right"}


def test_answers_that_are_together_too_long_are_stopped_before_they_reach_the_judge():
    judge = FakeJudge()
    long = {"returned": "ä" * (frames.MAX_FRAME // 10)}
    found, _ = marked(answer("a"), answer("b"), judge=judge, answers={"a": long})
    assert statuses(found) == {"a": "stopped", "b": "right"}
    assert "more than can be read" in found["a"].message
    assert "a" not in judge.seen


def test_what_the_judge_could_not_judge_is_no_wrong_answer():
    class Fails(FakeJudge):
        def verdict(self, exercise, answers):
            return super().verdict(exercise, answers) | {"status": "broken", "message": "It failed."}

    found, _ = marked(answer("a"), judge=Fails())
    assert (found["a"].status, found["a"].message) == ("unjudged", "It failed.")


def test_the_share_of_the_points_that_a_mistake_earns_is_passed_on():
    found, _ = marked(answer("a"), judge=FakeJudge({"a": "sleep"}))
    assert found["a"].credit == 0.25


# ---------------------------------------------------------------- nobody's answers are to blame


@pytest.mark.parametrize("source", ["die", "hang", "raise", "sleep"])
def test_a_setup_cell_of_the_course_that_fails_takes_no_points_away(source):
    log = []
    plan = Plan(steps=[Step("setup", source), answer("a")])
    with pytest.raises(BoxError):
        Marking(plan, FakeJudge(), lambda: FakeKernel(log, {})).run()


def test_a_setup_cell_that_fails_after_the_students_own_is_the_students_affair():
    found, _ = marked(Step("extra", "x = 1"), Step("setup", "raise"), answer("a"))
    assert statuses(found) == {"a": "right"}


# ---------------------------------------------------------------- derived by hand


@pytest.mark.parametrize(
    ("source", "tools"),
    [
        ("loss.backward()", ["backward"]),
        ("g = torch.autograd.grad(loss, W)", ["autograd"]),
        ("from torch.autograd import grad as g", ["autograd"]),
        ("from torch.func import vjp", ["func", "vjp"]),
        ("import torch.func as f", ["func"]),
        ("torch.func.grad(f)", ["func"]),
        ("getattr(loss, 'backward')()", ["backward"]),
        ("x = torch.zeros(3, requires_grad=True)", ["requires_grad"]),
        ("def backward(z): return z", []),
        ("# loss.backward()", []),
        ("x = (", []),
    ],
)
def test_tools_that_derive_by_themselves_are_found_in_the_text(source, tools):
    assert forbidden_tools(source) == tools
