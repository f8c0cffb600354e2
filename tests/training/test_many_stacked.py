"""Trials trained in a stack end where each would have ended alone."""

import copy
import dataclasses
import math
from functools import partial

import numpy as np
import pytest
import small_plans
import torch
from torch import nn
from torch.nn import functional as F
from torch.optim import lr_scheduler

from course_utils.data.preprocessing import Standardise
from course_utils.training.errors import TrainingError
from course_utils.training.many import Trial, fit_many
from course_utils.training.stackable import alike, families, obstacle, same_architecture

# learning rates, momenta, decays, architectures and batch sizes all differ; batches of 16 leave a smaller one
MIXED = [
    Trial({"lr": 0.1}, 0),
    Trial({"lr": 0.3, "momentum": 0.9}, 0),
    Trial({"lr": 0.2, "decay": 0.1}, 1),
    Trial({"lr": 0.1, "momentum": 0.9, "decay": 0.01, "nesterov": True}, 2),
    Trial({"lr": 0.2, "momentum": 0.5, "nesterov": True}, 3),
    Trial({"lr": 0.1, "hidden": 3}, 4),
    Trial({"lr": 0.1, "batch_size": None, "epochs": 20}, 5),
]


def numbers(result):
    history = dataclasses.asdict(result.history)
    return torch.tensor(
        [history[name] for name in sorted(history) if isinstance(history[name], list)], dtype=torch.float64
    )


def assert_alike(plan, trials, folder, *, rtol, atol):
    """Train in stacks and one after another, and compare histories and weights."""
    stacked = fit_many(plan, trials, engine="stacked", folder=folder / "stacked", keep_weights=True)
    alone = fit_many(plan, trials, engine="sequential", folder=folder / "alone", keep_weights=True)
    for one, other in zip(stacked, alone, strict=True):
        assert (one.engine, other.engine) == ("stacked", "sequential")
        assert one.status == other.status == "done"
        torch.testing.assert_close(numbers(one), numbers(other), rtol=rtol, atol=atol)
        ours, theirs = one.load_weights(), other.load_weights()
        assert ours.keys() == theirs.keys()
        for name, value in theirs.items():
            torch.testing.assert_close(ours[name], value, rtol=rtol, atol=atol)


def test_in_float64_each_ends_where_it_would_have_ended_alone(tmp_path):
    trials = [Trial({**trial.settings, "dtype": "float64"}, trial.seed) for trial in MIXED]
    assert_alike(small_plans.mlp, trials, tmp_path, rtol=1e-10, atol=1e-12)


def test_in_float32_they_agree_to_four_digits(tmp_path):
    assert_alike(small_plans.mlp, MIXED, tmp_path, rtol=1e-4, atol=1e-5)


def test_models_on_images_are_stacked_as_well(tmp_path):
    trials = [Trial({"lr": 0.05}, 0), Trial({"lr": 0.02}, 1)]
    assert_alike(small_plans.images, trials, tmp_path, rtol=1e-4, atol=1e-5)


def test_with_16_bits_they_agree_as_far_as_those_reach():
    dtypes = set()

    class Spy(nn.Module):
        def forward(self, x):
            dtypes.add(x.dtype)
            return x

    def plan(settings, seed):
        made = small_plans.images(settings, seed, precision="bfloat16")
        made.model.insert(3, Spy())  # behind a convolution
        return made

    trials = [Trial({"lr": 0.02}, 0), Trial({"lr": 0.05}, 1)]
    stacked = fit_many(plan, trials, engine="stacked")
    assert dtypes == {torch.bfloat16}
    alone = fit_many(plan, trials, engine="sequential")
    for one, other in zip(stacked, alone, strict=True):
        torch.testing.assert_close(one.history.train_loss, other.history.train_loss, rtol=2**-8, atol=0)


def test_schedules_weight_groups_and_measured_training_data_are_as_alone(tmp_path):
    def plan(settings, seed):
        made = small_plans.mlp(settings, seed, train_metrics="measured", record_every=2)
        first, last = made.model[0], made.model[2]
        last.bias.requires_grad_(False)  # neither trained nor lost
        groups = [{"params": first.parameters()}, {"params": [last.weight], "lr": 0.01, "weight_decay": 0.1}]
        made.optimizer = torch.optim.SGD(groups, lr=settings["lr"], momentum=0.9)
        steps = made.epochs * 6
        if settings["cycle"]:
            made.schedule = lr_scheduler.OneCycleLR(made.optimizer, settings["lr"], total_steps=steps)
        else:
            made.schedule = lr_scheduler.LambdaLR(made.optimizer, lambda step: 1 - step / steps)
        return made

    trials = [
        Trial({"lr": lr, "cycle": cycle, "dtype": "float64"}, seed)
        for seed, (lr, cycle) in enumerate([(0.1, True), (0.3, True), (0.2, False), (0.05, False)])
    ]
    assert_alike(plan, trials, tmp_path, rtol=1e-10, atol=1e-12)


def test_parameters_that_the_output_does_not_depend_on_stay_as_they_are(tmp_path):
    class WithSpare(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.spare = nn.Linear(2, 2), nn.Linear(2, 2)

        def forward(self, x):
            return self.used(x)

    def plan(settings, seed):
        model = WithSpare()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)
        return small_plans.mlp(settings, seed, model=model, optimizer=optimizer)

    assert_alike(plan, [Trial({}, 0), Trial({}, 1)], tmp_path, rtol=1e-4, atol=1e-5)


def test_each_model_is_augmented_and_prepared_as_alone(tmp_path):
    def plan(settings, seed):
        made = small_plans.images(settings, seed)
        made.preprocess = Standardise.of(made.train.images)
        made.augment = lambda images, generator: torch.where(
            torch.rand(len(images), 1, 1, 1, generator=generator) < 0.5, images, images.flip(3)
        )
        made.loss_function = lambda logits, labels: F.cross_entropy(logits, labels, label_smoothing=0.1)
        return made

    assert len(families([plan({}, 0), plan({}, 1)])) == 1
    assert_alike(plan, [Trial({}, 0), Trial({}, 1)], tmp_path, rtol=1e-4, atol=1e-5)


def test_the_bound_on_a_stack_changes_no_result_but_for_rounding():
    trials = [Trial({"lr": 0.1, "dtype": "float64"}, seed) for seed in range(5)]
    whole = fit_many(small_plans.mlp, trials, engine="stacked")
    for one, other in zip(fit_many(small_plans.mlp, trials, engine="stacked", workers=2), whole, strict=True):
        torch.testing.assert_close(numbers(one), numbers(other), rtol=1e-10, atol=1e-12)


def test_a_model_that_diverges_leaves_the_others_alone_and_says_the_same_as_alone():
    trials = [Trial({"lr": 0.1}, 0), Trial({"lr": 1e38}, 1), Trial({"lr": 0.2}, 2)]
    stacked = fit_many(small_plans.mlp, trials, engine="stacked")
    alone = fit_many(small_plans.mlp, trials, engine="sequential")
    assert [result.status for result in stacked] == ["done", "diverged", "done"]
    assert stacked[1].message == alone[1].message
    assert stacked[1].history.epochs == alone[1].history.epochs
    for number in (0, 2):
        torch.testing.assert_close(numbers(stacked[number]), numbers(alone[number]), rtol=1e-4, atol=1e-5)


def test_a_diverged_model_trains_on_if_the_plan_says_so():
    def plan(settings, seed):
        return small_plans.mlp(settings, seed, stop_when_diverged=False)

    (result,) = fit_many(plan, [Trial({"lr": 1e38})], engine="stacked")
    assert result.status == "diverged"
    assert result.history.epochs == [1, 2, 3]
    assert math.isnan(result.history.test_accuracy[-1])


def interrupted_at(call, calls):
    """Return a plan whose training is interrupted when the model's input is prepared for the nth time."""

    def prepare(x):
        calls.append(1)
        if len(calls) == call:
            raise KeyboardInterrupt
        return x

    def plan(settings, seed):
        made = small_plans.mlp(settings, seed, preprocess=prepare)
        made.schedule = lr_scheduler.OneCycleLR(made.optimizer, 0.1, total_steps=18)
        return made

    return plan


def test_an_interrupted_stack_goes_on_from_its_checkpoint(tmp_path):
    trials = [Trial({"lr": 0.1, "momentum": 0.9}, seed) for seed in range(3)]
    whole = []
    undisturbed = fit_many(interrupted_at(None, whole), trials, engine="stacked")

    calls = []
    plan = interrupted_at(len(whole) - 3, calls)  # in the last of three epochs
    with pytest.raises(KeyboardInterrupt):
        fit_many(plan, trials, engine="stacked", folder=tmp_path, checkpoint_seconds=0)
    assert [path.name[:6] for path in tmp_path.iterdir()] == ["stack-"]
    until_then = len(calls)
    resumed = fit_many(plan, trials, engine="stacked", folder=tmp_path)
    assert resumed == undisturbed
    assert len(calls) - until_then < len(whole) - 12  # two epochs of six steps were not taken again
    assert list(tmp_path.glob("stack-*")) == []


def test_a_damaged_checkpoint_of_a_stack_is_named(tmp_path):
    trials = [Trial({}, 0), Trial({}, 1)]
    plan = interrupted_at(20, [])
    with pytest.raises(KeyboardInterrupt):
        fit_many(plan, trials, engine="stacked", folder=tmp_path, checkpoint_seconds=0)
    (checkpoint,) = tmp_path.iterdir()
    for damaged in (checkpoint.read_bytes()[:-100], b"", b"text"):
        checkpoint.write_bytes(damaged)
        with pytest.raises(TrainingError, match=r"stack-.*\.pt is no checkpoint.*Delete it"):
            fit_many(plan, trials, engine="stacked", folder=tmp_path)


def test_an_interrupted_stack_whose_plan_was_changed_names_its_checkpoint(tmp_path):
    hidden = 4

    def plan(settings, seed):
        made = interrupted(settings, seed)
        return dataclasses.replace(
            made,
            model=(model := small_plans.mlp({"hidden": hidden}, seed).model),
            optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
            schedule=None,
        )

    interrupted, trials = interrupted_at(20, []), [Trial({}, 0), Trial({}, 1)]
    with pytest.raises(KeyboardInterrupt):
        fit_many(plan, trials, engine="stacked", folder=tmp_path, checkpoint_seconds=0)
    hidden = 5
    with pytest.raises(TrainingError, match=r"stack-.*\.pt is a checkpoint of another model: 0.weight is"):
        fit_many(plan, trials, engine="stacked", folder=tmp_path)


def test_a_stack_whose_learning_rates_are_numpy_s_goes_on_from_its_checkpoint(tmp_path):
    def plan(settings, seed):
        made = interrupted(settings, seed)
        made.optimizer = torch.optim.SGD(made.model.parameters(), lr=np.float64(0.1))
        made.schedule = None
        return made

    interrupted, trials = interrupted_at(20, []), [Trial({}, 0), Trial({}, 1)]
    with pytest.raises(KeyboardInterrupt):
        fit_many(plan, trials, engine="stacked", folder=tmp_path, checkpoint_seconds=0)
    resumed = fit_many(plan, trials, engine="stacked", folder=tmp_path)
    assert resumed == fit_many(plan, trials, engine="stacked")


def with_optimizer(make):
    def plan(settings, seed):
        made = small_plans.mlp(settings, seed)
        made.optimizer = make(made.model.parameters())
        return made

    return plan


def with_model(*layers):
    def plan(settings, seed):
        model = nn.Sequential(nn.Linear(2, 4), *copy.deepcopy(layers), nn.Linear(4, 2))
        return small_plans.mlp(
            settings, seed, model=model, optimizer=torch.optim.SGD(model.parameters(), lr=0.1)
        )

    return plan


class Decides(nn.Module):
    def forward(self, x):
        return x if x.sum() > 0 else -x


class Noisy(nn.Module):
    def forward(self, x):
        return x + torch.randn_like(x)


@pytest.mark.parametrize(
    ("plan", "reason"),
    [
        (with_optimizer(lambda p: torch.optim.Adam(p)), "the optimizer is Adam"),
        (with_optimizer(lambda p: torch.optim.SGD(p, momentum=0.9, dampening=0.1)), "without dampening"),
        (with_optimizer(lambda p: torch.optim.SGD(p, maximize=True)), "without dampening or maximize"),
        (with_model(nn.BatchNorm1d(4)), r"running means of BatchNorm1d \(1\)"),
        (with_model(nn.Dropout(0.2)), r"Dropout \(1\) draws other random numbers"),
        (with_model(Decides()), "torch.func.vmap cannot compute it"),
        (with_model(Noisy()), "torch.func.vmap cannot compute it"),
        (lambda s, seed: small_plans.mlp(s, seed, callbacks=[print]), "Callbacks look at one model"),
        (lambda s, seed: small_plans.mlp(s, seed, compile=True), "compile=False"),
        (lambda s, seed: small_plans.mlp(s, seed, precision="float16"), "loss scale"),
    ],
)
def test_what_cannot_be_stacked_is_refused_with_its_reason(plan, reason):
    with pytest.raises(
        TrainingError, match=rf"cannot be trained in a stack\. .*{reason}.*engine='processes'"
    ):
        fit_many(plan, [Trial(), Trial({}, 1)], engine="stacked", name="plan")


def test_batch_norm_without_running_means_and_idle_dropout_can_be_stacked(tmp_path):
    plan = with_model(nn.BatchNorm1d(4, track_running_stats=False), nn.Dropout(0.0))
    assert obstacle(plan({}, 0)) is None
    assert_alike(plan, [Trial({}, 0), Trial({}, 1)], tmp_path, rtol=1e-4, atol=1e-5)


def test_a_trial_that_fit_refuses_fails_alone():
    def plan(settings, seed):
        made = small_plans.mlp(settings, seed)
        if settings["wrong"]:
            made.train.labels[0] = 7
        return made

    results = fit_many(plan, [Trial({"wrong": True}), Trial({"wrong": False})], engine="stacked")
    assert [result.status for result in results] == ["failed", "done"]
    assert "label 7" in results[0].message


@pytest.mark.parametrize(
    "change",
    [
        {"epochs": 1.5},
        {"record_every": 0},
        {"train_metrics": "both"},
        {"batch_size": 0},
        {"schedule": lambda optimizer: lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=3)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_fit_refuses_fails_with_the_same_words_in_a_stack(change):
    def plan(settings, seed):
        made = small_plans.mlp(settings, seed)
        for name, value in change.items():
            setattr(made, name, value(made.optimizer) if callable(value) else value)
        return made

    trials = [Trial({}, 0), Trial({}, 1)]
    stacked = fit_many(plan, trials, engine="stacked")
    assert [result.status for result in stacked] == ["failed", "failed"]
    assert stacked == fit_many(plan, trials, engine="sequential")


def test_auto_trains_alone_what_cannot_be_stacked_beside_what_can():
    def plan(settings, seed):
        made = small_plans.mlp(settings, seed)
        if settings["adam"]:
            made.optimizer = torch.optim.Adam(made.model.parameters())
        return made

    trials = [Trial({"adam": False}, 0), Trial({"adam": True}, 0), Trial({"adam": False}, 1)]
    results = fit_many(plan, trials)
    assert [result.engine for result in results] == ["stacked", "sequential", "stacked"]
    assert results[1] == fit_many(plan, trials, engine="sequential")[1]


def test_the_number_of_threads_is_as_before():
    before = torch.get_num_threads()
    fit_many(small_plans.mlp, MIXED[:2], engine="stacked")
    assert torch.get_num_threads() == before


class Scaled(nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.linear = nn.Linear(2, 2)
        self.factor = factor


def scaling(factor):
    return lambda x: x * factor


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (nn.Linear(2, 3), nn.Linear(2, 3), True),
        (nn.Linear(2, 3), nn.Linear(2, 4), False),
        (nn.Linear(2, 3), nn.Linear(2, 3, bias=False), False),
        (nn.Linear(2, 3), nn.Linear(2, 3).double(), False),
        (nn.Linear(2, 3), nn.Linear(2, 3).requires_grad_(False), False),
        (nn.Sequential(nn.Tanh()), nn.Sequential(nn.Tanh()), True),
        (nn.Sequential(nn.Tanh()), nn.Sequential(nn.ReLU()), False),
        (nn.Sequential(nn.Linear(2, 3)), nn.Sequential(nn.Linear(2, 3)), True),
        (nn.Sequential(nn.Linear(2, 3)), nn.Sequential(nn.Linear(2, 4)), False),
        (nn.Sequential(nn.Tanh()), nn.Sequential(nn.Tanh(), nn.Tanh()), False),
        (nn.Conv2d(3, 4, 3, stride=2), nn.Conv2d(3, 4, 3, stride=1), False),
        (Scaled(1.0), Scaled(1.0), True),
        (Scaled(1.0), Scaled(2.0), False),
    ],
)
def test_models_have_the_same_architecture_if_only_their_values_differ(one, other, expected):
    assert same_architecture(one, other) is expected
    assert same_architecture(other, one) is expected


def weighing(*weights):
    return nn.CrossEntropyLoss(weight=torch.tensor(weights))


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (weighing(1.0, 2.0), weighing(1.0, 2.0), True),
        (weighing(1.0, 2.0), weighing(1.0, 3.0), False),
        (nn.Sequential(weighing(1.0, 2.0)), nn.Sequential(weighing(1.0, 3.0)), False),
        (scaling(2), scaling(2), True),
        (scaling(2), scaling(3), False),
        (scaling(torch.ones(2)), scaling(torch.ones(2)), True),
        (scaling(torch.ones(2)), scaling(torch.zeros(2)), False),
        (scaling(weighing(1.0)), scaling(weighing(2.0)), False),
        (Standardise(torch.ones(1), torch.ones(1)), Standardise(torch.ones(1), torch.ones(1)), True),
        (Standardise(torch.ones(1), torch.ones(1)), Standardise(torch.zeros(1), torch.ones(1)), False),
        (partial(torch.add, alpha=1), partial(torch.add, alpha=1), True),
        (partial(torch.add, alpha=1), partial(torch.add, alpha=2), False),
        (Standardise(torch.ones(1), torch.ones(1)).__call__, torch.add, False),
        (torch.Generator(), torch.Generator(), False),
        ([1, {"a": 2}], [1, {"a": 2}], True),
        ([1, {"a": 2}], [1, {"a": 3}], False),
        (1, 1.0, False),
    ],
)
def test_things_are_alike_if_they_do_the_same(one, other, expected):
    assert alike(one, other) is expected
    assert alike(other, one) is expected


def test_trials_whose_losses_weigh_classes_differently_are_not_trained_by_one_loss(tmp_path):
    def plan(settings, seed):
        weights = torch.tensor(settings["weights"])
        return small_plans.mlp(settings, seed, loss_function=nn.CrossEntropyLoss(weight=weights))

    trials = [Trial({"weights": weights}) for weights in ([1.0, 1.0], [1.0, 20.0])]
    assert_alike(plan, trials, tmp_path, rtol=1e-4, atol=1e-5)
