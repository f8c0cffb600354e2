"""F6: networks of all sizes on few digits."""

import math

import pytest
import torch
from scipy.optimize import brentq
from torch.nn import functional as F

from course_utils.data import load
from course_utils.data.pixels import half_size
from course_utils.evaluation.reported import read_reported
from course_utils.experiments.catalogue import EXPERIMENTS, at_scale
from course_utils.experiments.model_size import best_temperature, data, fitted_at, run, training_plan
from course_utils.training.history import History

F6 = EXPERIMENTS["F6"].settings


def at_smoke(setting, **changes):
    return at_scale(F6[setting], "smoke") | changes


@pytest.fixture(scope="module")
def wide():
    return run(at_smoke("true labels, width 64"), seed=0)


def test_a_wide_network_fits_every_label_and_says_when(wide):
    assert wide["train_error"] == 0
    right = wide["curves"]["train_accuracy"]
    at = int(wide["epochs"]) // 5
    assert right[at] == 1
    assert max(right[:at]) < 1


def test_what_it_is_when_fitted_is_on_the_curves(wide):
    at = int(wide["epochs"]) // 5
    assert wide["fitted_test_loss"] == pytest.approx(wide["curves"]["test_loss"][at], rel=1e-4)
    assert 1 - wide["fitted_test_error"] == pytest.approx(wide["curves"]["test_accuracy"][at], rel=1e-4)


def test_the_curves_have_a_point_at_the_start_and_every_five_epochs(wide):
    assert {len(curve) for curve in wide["curves"].values()} == {9}
    assert wide["curves"]["train_loss"][0] == pytest.approx(math.log(10), abs=0.3)


def test_one_hidden_unit_never_fits_and_says_so():
    narrow = run(at_smoke("true labels, width 1"), seed=0)
    assert narrow["train_error"] > 0.3
    assert all(math.isnan(narrow[name]) for name in ("epochs", "fitted_test_error", "fitted_test_loss"))


def test_re_drawn_labels_cost_test_accuracy_and_make_the_network_too_sure(wide):
    redrawn = run(at_smoke("40 % re-drawn, width 64"), seed=0)
    assert redrawn["test_error"] > wide["test_error"] + 0.05
    assert redrawn["temperature"] > 1
    assert redrawn["calibrated_test_loss"] < redrawn["test_loss"]


@pytest.mark.parametrize("width", [1, 16, 1024])
def test_parameters_are_counted_as_by_hand(width):
    settings = at_smoke(f"true labels, width {width}")
    model = training_plan(settings, 0, data(settings, 0)).model
    assert sum(p.numel() for p in model.parameters()) == (196 + 1) * width + (width + 1) * 10


def test_training_and_validation_images_are_different_ones_and_standardised_alike():
    settings = at_smoke("true labels, width 4")
    digits = data(settings, 0)
    torch.testing.assert_close(digits.train.images.mean(), torch.tensor(0.0), atol=1e-5, rtol=0)
    torch.testing.assert_close(digits.train.images.std(), torch.tensor(1.0), atol=1e-5, rtol=0)
    rows = [set(map(tuple, part.images.tolist())) for part in (digits.train, digits.validation)]
    assert not rows[0] & rows[1]
    raw = half_size(load("mnist").test.images).flatten(1).float()
    slope = digits.test.images.std() / raw.std()
    torch.testing.assert_close(
        digits.test.images - digits.test.images.mean(), (raw - raw.mean()) * slope, atol=1e-4, rtol=1e-4
    )


def test_only_the_re_drawn_share_of_training_labels_differs_and_every_seed_draws_its_own():
    settings = at_smoke("true labels, width 4", train_images=1000)
    true, given, other = (
        data(settings | {"fraction": fraction}, seed).train.labels
        for fraction, seed in ((0.0, 0), (0.4, 0), (0.0, 1))
    )
    assert 0.3 < (true != given).double().mean() < 0.4  # of the 400 re-drawn about a tenth keep their label
    assert not torch.equal(true, other)


def test_the_best_temperature_is_where_the_derivative_vanishes():
    """At the best T the mean logit of the labels is the mean logit that the softmax expects."""
    generator = torch.Generator().manual_seed(0)
    logits = 5 * torch.randn(400, 10, generator=generator, dtype=torch.float64)
    labels = torch.multinomial((logits / 3).softmax(dim=1), 1, generator=generator)[:, 0]

    def slope(temperature):
        expected = ((logits / temperature).softmax(dim=1) * logits).sum(dim=1)
        return (expected - logits.gather(1, labels[:, None])[:, 0]).mean().item()

    assert best_temperature(logits, labels) == pytest.approx(brentq(slope, 0.1, 100), rel=1e-3)


def test_scaled_logits_want_a_scaled_temperature_and_come_to_the_same_loss():
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(300, 4, generator=generator)
    labels = (logits + torch.randn(300, 4, generator=generator)).argmax(dim=1)
    one, seven = (best_temperature(factor * logits, labels) for factor in (1, 7))
    assert seven == pytest.approx(7 * one, rel=1e-3)
    assert F.cross_entropy(logits / one, labels).item() == pytest.approx(
        F.cross_entropy(7 * logits / seven, labels).item(), rel=1e-5
    )


def test_the_first_measurement_without_an_error_counts():
    history = History(epochs=[0, 5, 10, 15], train_accuracy=[0.1, 1.0, 0.99, 1.0])
    assert fitted_at(history) == 1
    assert fitted_at(History(epochs=[0], train_accuracy=[0.999])) is None


def test_what_the_report_claims_is_held_against_settings_and_metrics_that_exist(wide):
    for reported in read_reported("F6"):
        assert reported.setting in F6
        assert reported.metric in wide
        if reported.versus is not None:
            assert reported.versus[0] == "F6"
            assert reported.versus[1] in F6
