"""Many trainings by one call: what a trial is, where its result is, and that nothing else matters."""

import dataclasses
import inspect
import json
import math
from functools import cache

import pytest
import small_plans
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from tqdm.auto import tqdm

from course_utils.training import many
from course_utils.training.errors import TrainingError
from course_utils.training.loop import fit
from course_utils.training.many import Plan, Trial, choose_engine, fit_many
from course_utils.training.one_trial import train_trial
from course_utils.training.trial_files import Study

RATES = [Trial({"lr": lr}, seed) for lr in (0.03, 0.3) for seed in (0, 1)]


def one_by_one(plan, trials, **options):
    return fit_many(plan, trials, engine="sequential", **options)


def test_a_trial_is_trained_exactly_as_fit_trains_it(tmp_path):
    (result,) = one_by_one(small_plans.mlp, [Trial({"lr": 0.3}, 5)], folder=tmp_path, keep_weights=True)
    plan = small_plans.mlp({"lr": 0.3}, 5)
    history = fit(**plan.arguments())
    assert result.history == history
    assert result.status == "done"
    assert result.message == ""
    weights = result.load_weights()
    assert weights.keys() == plan.model.state_dict().keys()
    for name, value in plan.model.state_dict().items():
        assert torch.equal(weights[name], value)


def test_a_plan_has_the_arguments_of_fit_with_the_same_defaults():
    of_fit = {
        name: each.default
        for name, each in inspect.signature(fit).parameters.items()
        if name not in ("checkpoint", "checkpoint_every", "progress")  # fit_many's own business
    }
    of_plan = {
        each.name: inspect.Parameter.empty if each.default is dataclasses.MISSING else each.default
        for each in dataclasses.fields(Plan)
    }
    assert of_plan == of_fit


@cache
def in_usual_order(engine):
    results = fit_many(small_plans.mlp, RATES, engine=engine)
    return {trial.digest(""): result for trial, result in zip(RATES, results, strict=True)}


@settings(max_examples=8, deadline=None)
@given(order=st.permutations(RATES), engine=st.sampled_from(["sequential", "stacked"]))
def test_results_do_not_depend_on_the_order_of_the_trials(order, engine):
    usual = in_usual_order(engine)
    for trial, result in zip(order, fit_many(small_plans.mlp, order, engine=engine), strict=True):
        assert result.trial == trial
        assert result == usual[trial.digest("")]


def test_a_plan_that_forgets_its_generator_is_repeatable_all_the_same():
    def forgetful(settings, seed):
        model = nn.Linear(2, 2)  # drawn from PyTorch's own generator
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        return small_plans.mlp(settings, seed, model=model, optimizer=optimizer)

    torch.manual_seed(1)
    first = one_by_one(forgetful, [Trial({}, 0), Trial({}, 1)])
    torch.manual_seed(2)
    assert one_by_one(forgetful, [Trial({}, 1), Trial({}, 0)]) == first[::-1]
    assert first[0].history != first[1].history


@pytest.mark.parametrize(("threads", "expected"), [(1, 1), (None, 2)])
def test_a_plan_computes_with_as_many_threads_as_its_trial(tmp_path, threads, expected):
    seen = []

    def plan(settings, seed):
        seen.append(torch.get_num_threads())
        return small_plans.mlp(settings, seed)

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        study = Study("plan", tmp_path, "dask", False, 30.0, threads, torch.float32)
        train_trial(study, plan, Trial())
    finally:
        torch.set_num_threads(before)
    assert seen == [expected]


def test_the_caller_s_random_numbers_are_left_alone():
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    one_by_one(small_plans.mlp, RATES[:1])
    assert torch.equal(torch.rand(3), expected)


def test_a_result_that_is_there_is_not_computed_again(tmp_path):
    first = one_by_one(small_plans.mlp, RATES, folder=tmp_path)

    def must_not_be_called(_settings, _seed):
        raise AssertionError

    assert one_by_one(must_not_be_called, RATES, folder=tmp_path, name="mlp") == first


def test_only_what_is_missing_is_computed(tmp_path):
    one_by_one(small_plans.mlp, RATES[:2], folder=tmp_path)
    called = []

    def noting(settings, seed):
        called.append((settings["lr"], seed))
        return small_plans.mlp(settings, seed)

    one_by_one(noting, RATES, folder=tmp_path, name="mlp")
    assert called == [(0.3, 0), (0.3, 1)]


def test_trials_that_are_alike_are_trained_once():
    called = []

    def noting(settings, seed):
        called.append(seed)
        return small_plans.mlp(settings, seed)

    results = one_by_one(noting, [Trial({"lr": 0.1}, 4), Trial({"lr": 0.1}, 4)])
    assert called == [4]
    assert results[0] == results[1]


def test_weights_wanted_later_are_computed_then(tmp_path):
    (without,) = one_by_one(small_plans.mlp, RATES[:1], folder=tmp_path)
    with pytest.raises(TrainingError, match="keep_weights=True"):
        without.load_weights()
    (with_weights,) = one_by_one(small_plans.mlp, RATES[:1], folder=tmp_path, keep_weights=True)
    assert with_weights == without
    assert with_weights.load_weights().keys() == {"0.weight", "0.bias", "2.weight", "2.bias"}


def test_an_interrupted_trial_goes_on_from_its_checkpoint(tmp_path):
    steps = []

    def interrupted(settings, seed):
        def stop(training):
            steps.append(training.epoch * training.steps + training.step)
            if steps.count(9) == 1 and steps[-1] == 9:
                raise KeyboardInterrupt

        return small_plans.mlp(settings, seed, callbacks=[stop])

    with pytest.raises(KeyboardInterrupt):
        one_by_one(interrupted, RATES[:1], folder=tmp_path, checkpoint_seconds=0)
    (resumed,) = one_by_one(interrupted, RATES[:1], folder=tmp_path, checkpoint_seconds=0)
    (undisturbed,) = one_by_one(small_plans.mlp, RATES[:1])
    assert resumed == undisturbed
    # step 9 was taken but not saved; 18 steps in all
    assert steps == [*range(1, 10), *range(9, 19)]


def test_after_a_call_only_results_are_left(tmp_path):
    one_by_one(small_plans.mlp, RATES[:2], folder=tmp_path, checkpoint_seconds=0)
    assert [path.suffix for path in tmp_path.iterdir()] == [".json"] * 2


def test_a_result_is_readable_json_with_settings_seed_and_history(tmp_path):
    (result,) = one_by_one(small_plans.mlp, [Trial({"lr": 0.3, "note": "größer"}, 5)], folder=tmp_path)
    (path,) = tmp_path.iterdir()
    content = json.loads(path.read_text(encoding="utf-8"), parse_constant=pytest.fail)
    assert content["settings"] == {"lr": 0.3, "note": "größer"}
    assert content["seed"] == 5
    assert content["history"]["train_loss"] == result.history.train_loss


def test_without_a_folder_nothing_is_left(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    one_by_one(small_plans.mlp, RATES[:1])
    assert list(tmp_path.iterdir()) == []


def test_no_trials_give_no_results():
    assert fit_many(small_plans.mlp, []) == []


def test_a_trial_that_diverges_says_so_and_the_others_go_on(tmp_path):
    trials = [Trial({"lr": 0.1}), Trial({"lr": 1e38}), Trial({"lr": 0.2})]
    results = one_by_one(small_plans.mlp, trials, folder=tmp_path, keep_weights=True)
    assert [result.status for result in results] == ["done", "diverged", "done"]
    assert "Lower the learning rate" in results[1].message
    assert not math.isfinite(results[1].history.train_loss[-1])
    assert results[1].weights is None


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf, 0.1 + 0.2, 5e-324, 1.7976931348623157e308])
def test_a_loss_comes_back_from_the_file_as_it_was(loss, tmp_path):
    def plan(settings, seed):
        return small_plans.mlp(settings, seed, epochs=1, callbacks=[remember], stop_when_diverged=False)

    def remember(training):
        if training.step == 0:
            training.history.test_loss[-1] = loss

    (result,) = one_by_one(plan, [Trial()], folder=tmp_path)
    (again,) = one_by_one(plan, [Trial()], folder=tmp_path)
    for each in (result, again):
        assert torch.tensor(each.history.test_loss[-1:], dtype=torch.float64).equal(
            torch.tensor([loss], dtype=torch.float64)
        ) or (math.isnan(loss) and math.isnan(each.history.test_loss[-1]))


def test_a_trial_that_fit_refuses_says_why_and_is_tried_again_by_the_next_call(tmp_path):
    outputs = 1

    def plan(settings, seed):
        model = nn.Linear(2, outputs if settings["wrong"] else 2)
        return small_plans.mlp(
            settings, seed, model=model, optimizer=torch.optim.SGD(model.parameters(), lr=0.1)
        )

    trials = [Trial({"wrong": True}), Trial({"wrong": False})]
    results = one_by_one(plan, trials, folder=tmp_path)
    assert [result.status for result in results] == ["failed", "done"]
    assert "has 1 outputs" in results[0].message
    outputs = 2
    assert [result.status for result in one_by_one(plan, trials, folder=tmp_path)] == ["done", "done"]


def test_a_lack_of_memory_fails_its_trial_only():
    def plan(settings, seed):
        if settings["huge"]:
            raise torch.OutOfMemoryError("tried to allocate 80 GiB")
        return small_plans.mlp(settings, seed)

    results = one_by_one(plan, [Trial({"huge": True}), Trial({"huge": False})])
    assert [result.status for result in results] == ["failed", "done"]
    assert "80 GiB" in results[0].message


def test_a_mistake_in_the_plan_is_raised_and_whole_results_stay(tmp_path):
    def plan(settings, seed):
        return small_plans.mlp({"lr": settings["lr"]}, seed)

    with pytest.raises(KeyError, match="lr"):
        one_by_one(plan, [Trial({"lr": 0.1}), Trial({"rate": 0.1})], folder=tmp_path)
    assert len(list(tmp_path.glob("*.json"))) == 1


def test_a_plan_that_returns_something_else_is_refused():
    with pytest.raises(TypeError, match=r"must return a .*Plan, but returned None"):
        one_by_one(lambda _settings, _seed: None, RATES, name="nothing")


def test_a_plan_that_returns_the_same_model_again_is_refused():
    model = nn.Linear(2, 2)

    def plan(settings, seed):
        return small_plans.mlp(
            settings, seed, model=model, optimizer=torch.optim.SGD(model.parameters(), lr=0.1)
        )

    with pytest.raises(ValueError, match="Make the model inside the plan"):
        one_by_one(plan, RATES)


def test_a_damaged_result_is_named(tmp_path):
    one_by_one(small_plans.mlp, RATES[:1], folder=tmp_path)
    (path,) = tmp_path.iterdir()
    whole = path.read_text()
    for damaged in (whole[:-20], "[]", "{}", whole.replace('"seed": 0', '"seed": 1')):
        path.write_text(damaged)
        with pytest.raises(TrainingError, match=r"mlp-[0-9a-f]{16}\.json .*Delete it"):
            one_by_one(small_plans.mlp, RATES[:1], folder=tmp_path)


def test_settings_and_their_order_decide_where_a_result_lies():
    def digest(values, seed=0, name="plan"):
        return Trial(values, seed).digest(name)

    assert digest({"a": 1, "b": [2]}) == digest({"b": [2], "a": 1})
    different = [
        digest({"a": 1}), digest({"a": 2}), digest({"b": 1}), digest({"a": "1"}), digest({"a": 1.0}),
        digest({"a": True}), digest({"a": [1]}), digest({"a": 1}, seed=1), digest({"a": 1}, name="other"),
    ]  # fmt: skip
    assert len(set(different)) == len(different)


@settings(max_examples=50, deadline=None)
@given(
    st.dictionaries(
        st.text(),
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers()
            | st.text()
            | st.floats(allow_nan=False, allow_infinity=False),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
            max_leaves=5,
        ),
        max_size=3,
    )
)
def test_a_trial_takes_any_json_and_keeps_its_own_copy(values):
    trial = Trial(values)
    assert trial.settings == values
    trial.own_settings()["new"] = 1
    values["new"] = 1
    assert "new" not in trial.settings


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"widths": (32, 64)}, r"settings\['widths'\] is a tuple, .*write the list \[32, 64\]"),
        ({"lr": torch.tensor(0.1)}, r"settings\['lr'\] is a Tensor, .*\.item\(\)"),
        ({"lr": float("nan")}, r"settings\['lr'\] is nan"),
        ({"act": [torch.relu]}, r"settings\['act'\]\[0\] is a builtin.*write a name"),
        ({3: 1}, "settings has the name 3, an int"),
        ({"a": {"b": {1}}}, r"settings\['a'\]\['b'\] is a set"),
        ([("lr", 0.1)], "settings is a list, but must be a dictionary"),
    ],
)
def test_settings_that_json_cannot_hold_are_refused_by_name(values, message):
    with pytest.raises((TypeError, ValueError), match=message):
        Trial(values)


@pytest.mark.parametrize("seed", [-1, 0.0, "0", None, True])
def test_a_seed_that_is_no_whole_number_is_refused(seed):
    with pytest.raises((TypeError, ValueError), match="seed is"):
        Trial({}, seed)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"engine": "threads"}, "engine is 'threads', but must be one of auto, sequential, processes"),
        ({"workers": 0}, "workers is 0"),
        ({"keep_weights": True}, "needs a folder"),
        ({"trials": [{"lr": 0.1}]}, r"trials\[0\] is \{'lr': 0.1\}, but must be a Trial"),
        ({"plan": 3}, "plan is 3, but must be a function"),
        ({"plan": lambda _settings, _seed: None}, "name='...'"),
    ],
)
def test_arguments_that_make_no_sense_are_refused_by_name(arguments, message):
    with pytest.raises((TypeError, ValueError), match=message):
        fit_many(**{"plan": small_plans.mlp, "trials": RATES} | arguments)


def test_auto_stacks_tiny_models_on_feature_vectors():
    assert choose_engine(small_plans.mlp, RATES) == "stacked"
    (result, *_) = fit_many(small_plans.mlp, RATES)
    assert result.engine == "stacked"


def test_auto_trains_a_single_trial_in_this_process():
    assert choose_engine(small_plans.mlp, RATES[:1]) == "sequential"


def test_auto_trains_larger_models_in_processes_if_there_are_cores(monkeypatch):
    def large(_settings, seed):
        return small_plans.images({"hidden": 600}, seed)

    assert choose_engine(large, RATES) == ("processes" if many.cores() > 1 else "sequential")
    monkeypatch.setattr(many, "cores", lambda: 1)
    assert choose_engine(large, RATES) == "sequential"


def test_auto_does_not_stack_what_cannot_be_stacked():
    def adam(settings, seed):
        plan = small_plans.mlp(settings, seed)
        plan.optimizer = torch.optim.Adam(plan.model.parameters())
        return plan

    assert choose_engine(adam, RATES) == "sequential"
    first, second = fit_many(adam, RATES[:2])
    assert (first.engine, second.engine) == ("sequential", "sequential")


def test_the_bar_counts_the_trials_that_were_there_too(tmp_path, monkeypatch):
    one_by_one(small_plans.mlp, RATES[:1], folder=tmp_path)
    bars = []

    class Bar(tqdm):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            bars.append((self, self.n))

        def close(self):
            self.last_n = self.n
            super().close()

    monkeypatch.setattr("tqdm.auto.tqdm", Bar)
    one_by_one(small_plans.mlp, RATES, folder=tmp_path, progress=True)
    ((bar, at_first),) = bars
    assert (at_first, bar.last_n, bar.total) == (1, 4, 4)
