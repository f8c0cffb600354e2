"""C8: where the loss pulls the attention weights of mosaics of points."""

import pytest
import torch
from torch.nn import functional as F

from course_utils.experiments.catalogue import EXPERIMENTS, at_scale
from course_utils.experiments.mosaic_gradient import gradient_in_weights, measure_gradient, provenance, run
from course_utils.experiments.mosaic_points import data
from course_utils.models.mosaic import mosaic_mlp

C8 = EXPERIMENTS["C8"].settings


def at_smoke(setting, **changes):
    return at_scale(C8[setting], "smoke") | changes


@pytest.fixture(scope="module")
def mosaics():
    return data(at_smoke("among", mosaics_train=40), seed=3)[0]


@pytest.fixture(scope="module")
def model():
    return mosaic_mlp(generator=torch.Generator().manual_seed(5))


@pytest.fixture(scope="module")
def found():
    return run(at_smoke("outside, far"), seed=0)


def test_the_gradient_is_what_small_changes_of_one_weight_do_to_its_mosaics_loss(model, mosaics):
    x = mosaics.pixels(mosaics.tiles).double()
    model = mosaic_mlp(generator=torch.Generator().manual_seed(5)).double()
    model.load_state_dict({k: v.double() for k, v in model.state_dict().items()})
    weights = model.attention(x).detach()
    gradient, losses = gradient_in_weights(model, x, weights, mosaics.labels)
    for place in range(9):
        step = torch.zeros(9, dtype=torch.float64)
        step[place] = 1e-6
        up, down = (
            F.cross_entropy(model.combine(x, weights + sign * step), mosaics.labels, reduction="none")
            for sign in (1, -1)
        )
        torch.testing.assert_close((up - down) / 2e-6, gradient[:, place], rtol=1e-5, atol=1e-7)
    expected = F.cross_entropy(model(x), mosaics.labels, reduction="none").detach()
    torch.testing.assert_close(losses, expected)


def test_it_is_the_averages_gradient_times_each_tile(model, mosaics):
    """The chain rule by hand: a weight moves the average in the direction of its tile."""
    x = mosaics.pixels(mosaics.tiles)
    weights = model.attention(x).detach()
    average = torch.einsum("nt,ntd->nd", weights, x).requires_grad_()
    (slope,) = torch.autograd.grad(
        F.cross_entropy(model.after(average), mosaics.labels, reduction="sum"), average
    )
    gradient, _ = gradient_in_weights(model, x, weights, mosaics.labels)
    torch.testing.assert_close(gradient, torch.einsum("nd,ntd->nt", slope, x), rtol=1e-4, atol=1e-6)


def test_both_directions_are_means_over_mosaics_and_together_the_sum_over_tiles(model, mosaics):
    foreground, background, loss = measure_gradient(model, mosaics)
    x = mosaics.pixels(mosaics.tiles)
    gradient, losses = gradient_in_weights(model, x, model.attention(x), mosaics.labels)
    one_hot = F.one_hot(mosaics.foreground_at, 9)
    assert foreground == pytest.approx((gradient * one_hot).sum(dim=1).mean().item(), abs=1e-6)
    assert background == pytest.approx((gradient * (1 - one_hot) / 8).sum(dim=1).mean().item(), abs=1e-6)
    assert foreground + 8 * background == pytest.approx(gradient.sum(dim=1).mean().item(), abs=1e-5)
    assert loss == pytest.approx(losses.mean().item())


def test_measuring_leaves_no_gradient_in_the_model(model, mosaics):
    measure_gradient(model, mosaics)
    assert all(parameter.grad is None for parameter in model.parameters())


def test_measurements_begin_before_training_and_come_after_each_epoch(found):
    epochs = at_smoke("outside, far")["epochs"]
    curves = found["curves"]
    assert {len(curve) for curve in curves.values()} == {epochs + 1}
    assert found["foreground_start"] == curves["foreground"][0]
    assert found["background_end"] == curves["background"][-1]
    assert found["foreground_lowest"] == min(curves["foreground"])
    assert curves["train_loss"][-1] < curves["train_loss"][0]


def test_training_goes_on_where_the_last_epoch_ended(found):
    """Ten epochs one by one are other than ten times the first one: order and momentum go on."""
    short = run(at_smoke("outside, far", epochs=3), seed=0)
    assert short["curves"]["train_loss"] == found["curves"]["train_loss"][:4]


def test_the_pull_to_the_foreground_rises_and_dies_away_with_the_loss(found):
    curve = found["curves"]["foreground"]
    lowest = curve.index(min(curve))
    assert 0 < lowest < len(curve) - 1
    assert min(curve) < -0.3
    assert abs(curve[-1]) < 0.2 * abs(min(curve))
    assert found["focus_accuracy"] > 0.9


def test_points_are_those_of_the_settings():
    train, _ = data(at_smoke("among"), seed=0)
    assert len(train.images) == 1000
    spread = torch.stack([train.images[i * 100 : (i + 1) * 100].var(dim=0) for i in range(10)]).mean()
    assert spread == pytest.approx(0.01, rel=0.1)
    hashes = [provenance(at_smoke("among"), seed).content_hash for seed in (0, 0, 1)]
    assert hashes[0] == hashes[1] != hashes[2]
