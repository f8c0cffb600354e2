"""The report's network and its improvements: what is measured, and that every setting runs."""

import math

import pytest
import torch

from course_utils.experiments.catalogue import EXPERIMENTS, at_scale
from course_utils.experiments.cnn_improvements import PREPROCESSING, run, shape_of
from course_utils.training.history import History

TINY = {"train_images": 64, "epochs": 1, "batch_size": 32}
SETTINGS = [
    pytest.param(at_scale(settings, "smoke"), id=f"{key}: {name}")
    for key in ("A9", "A10", "A11", "A12", "A13", "A14", "A15", "A16")
    for name, settings in EXPERIMENTS[key].settings.items()
]


@pytest.fixture(autouse=True)
def small_test_set(monkeypatch):
    """All 1000 test images of the stand-in are more than these tests need."""
    from course_utils.experiments import cnn_improvements

    cifar = cnn_improvements.load("cifar10", scale="smoke")
    for part in (cifar.test, cifar.train):
        part.images, part.labels = part.images[:100], part.labels[:100]
    monkeypatch.setattr(cnn_improvements, "load", lambda _: cifar)
    monkeypatch.setitem(PREPROCESSING, "zca", PREPROCESSING["unit"])  # 3072 eigenvectors take their time


@pytest.mark.parametrize("settings", SETTINGS)
def test_every_setting_runs_and_measures_shares(settings):
    outcome = run(settings | TINY, seed=0)
    for name in ("test_accuracy", "train_accuracy", "early_test_accuracy"):
        assert 0 <= outcome[name] <= 1
    assert math.isclose(outcome["gap"], outcome["train_accuracy"] - outcome["test_accuracy"])
    assert {len(curve) for curve in outcome["curves"].values()} == {1}


def test_a_seed_decides_everything():
    settings = at_scale(EXPERIMENTS["A15"].settings["cumulative"], "smoke") | TINY
    first, again, other = run(settings, 0), run(settings, 0), run(settings, 1)
    assert first["curves"] == again["curves"]
    assert first["curves"] != other["curves"]


def test_cumulative_settings_add_one_improvement_each():
    chain = ["A10: alone", *(f"A{k}: cumulative" for k in range(11, 16))]
    before = EXPERIMENTS["A9"].settings["baseline"]
    for place in chain:
        key, name = place.split(": ")
        now = EXPERIMENTS[key].settings[name]
        alone = EXPERIMENTS[key].settings["alone"]
        changed = {what for what in now if now[what] != before[what]}
        assert changed, place
        assert changed == {
            what for what in alone if alone[what] != EXPERIMENTS["A9"].settings["baseline"][what]
        }
        before = now


def test_the_curves_shape_is_told_by_speed_steadiness_and_the_lowest_loss():
    accuracies = [0.1, 0.2, 0.3, 0.5, 0.4, 0.6]
    history = History(
        [1, 2, 3, 4, 5, 6], [1.0] * 6, [0.5] * 6, [2.0, 1.5, 1.0, 1.2, 1.1, math.nan], accuracies
    )
    shape = shape_of(history)
    assert math.isclose(shape["early_test_accuracy"], 0.2)
    assert shape["lowest_test_loss_epoch"] == 3
    assert math.isclose(shape["unsteadiness"], torch.tensor([-0.1, 0.2]).std().item(), rel_tol=1e-6)
