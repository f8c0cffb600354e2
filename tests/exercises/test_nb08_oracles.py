"""The reference answers of notebook 08 against witnesses that know nothing of them, and its lessons."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy.optimize import brentq
from sklearn.svm import LinearSVC
from torch import nn
from torch.nn import functional as F

from course_utils.data.mosaics import make_mosaics
from course_utils.data.points import gaussian_classes
from course_utils.evaluation.focus import count, look
from course_utils.exercises import catalogue
from course_utils.exercises.references import References
from course_utils.experiments.catalogue import EXPERIMENTS
from course_utils.experiments.mosaic_gradient import gradient_in_weights
from course_utils.models.mosaic import MosaicAttention, mosaic_mlp
from course_utils.training.devices import one_thread

NOTEBOOK = catalogue.notebook("08")
C7 = EXPERIMENTS["C7"].settings


@pytest.fixture(autouse=True)
def single_thread():
    """Tensors this small are computed faster by one thread than by two."""
    with one_thread():
        yield


@pytest.fixture(scope="module")
def ours():
    """Return a function from a name to what the reference of its exercise defines."""
    references = References(NOTEBOOK)
    references.answer(NOTEBOOK.exercises[-1])
    every = {name: value for e in NOTEBOOK.exercises for name, value in references.answer(e).items()}
    return every.__getitem__


@pytest.fixture
def draw():
    return torch.Generator().manual_seed(7)


def mosaics_of(place, n, draw, per_class=500):
    means = C7[f"{place}: linear SVM"]["means"]
    foreground, tiles = (3, 9) if len(means) == 10 else (2, 3)
    points = gaussian_classes(means, per_class, variance=0.1, generator=draw)
    return make_mosaics(
        points,
        n,
        generator=draw,
        foreground=range(foreground),
        background=range(foreground, len(means)),
        tiles=tiles,
    )


# --- points and orders -------------------------------------------------------------------------------------


def test_many_drawn_points_have_the_means_and_the_covariance(ours, draw):
    means = torch.tensor([[1.0, -2.0], [4.0, 0.5]])
    classes = torch.arange(2).repeat(50_000)
    points = ours("draw_points")(means, classes, 0.3, torch.randn(100_000, 2, generator=draw))
    for c in (0, 1):
        np.testing.assert_allclose(points[classes == c].mean(dim=0), means[c], atol=0.02)
        np.testing.assert_allclose(np.cov(points[classes == c].T), 0.3 * np.eye(2), atol=0.01)


def test_the_same_noise_gives_the_librarys_points(ours):
    means = [[0.0, 1.0], [2.0, 2.0], [-1.0, 0.0]]
    theirs = gaussian_classes(means, 20, variance=0.1, generator=torch.Generator().manual_seed(3))
    noise = torch.randn(60, 2, generator=torch.Generator().manual_seed(3))
    mine = ours("draw_points")(torch.tensor(means), theirs.labels, 0.1, noise)
    torch.testing.assert_close(mine, theirs.images)


def test_reordering_is_what_numpy_takes_along_the_axis(ours, draw):
    mosaics = torch.randn(20, 9, 2, generator=draw)
    order = torch.rand(20, 9, generator=draw).argsort(dim=1)
    expected = np.take_along_axis(mosaics.numpy(), order.numpy()[:, :, None], axis=1).reshape(20, 18)
    np.testing.assert_array_equal(ours("reordered")(mosaics, order), expected)


def test_the_mean_over_orders_is_that_of_all_of_them(ours, draw):
    """All 24 orders of four tiles, one by one."""
    weight = torch.randn(3, 8, generator=draw, dtype=torch.float64)
    every = [weight.view(3, 4, 2)[:, list(order)].reshape(3, 8) for order in itertools.permutations(range(4))]
    expected = torch.stack(every).mean(dim=0)
    torch.testing.assert_close(ours("averaged_over_orders")(weight, 4), expected)


def test_the_mean_machine_sees_the_plain_mean_only(ours, draw):
    weight = ours("averaged_over_orders")(torch.randn(3, 18, generator=draw, dtype=torch.float64), 9)
    one = torch.randn(9, 2, generator=draw, dtype=torch.float64)
    other = torch.randn(9, 2, generator=draw, dtype=torch.float64)
    other += one.mean(dim=0) - other.mean(dim=0)
    torch.testing.assert_close(weight @ one.flatten(), weight @ other.flatten())


# --- the plain mean ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["outside, near", "three classes, beside"])
def test_many_plain_means_lie_where_predicted(ours, draw, place):
    mosaics = mosaics_of(place, 60_000, draw, per_class=5000)
    means = torch.tensor(C7[f"{place}: linear SVM"]["means"])
    foreground, tiles = len(mosaics.labels.unique()), mosaics.tiles.shape[1]
    averages = mosaics.pixels(mosaics.tiles).mean(dim=1)
    for label in range(foreground):
        mean, covariance = ours("plain_mean")(means, foreground, tiles, 0.1, label)
        found = averages[mosaics.labels == label]
        np.testing.assert_allclose(found.mean(dim=0), mean, atol=0.015)
        np.testing.assert_allclose(np.cov(found.T), covariance, atol=0.002)


# --- attention ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("deep", [False, True])
def test_attending_agrees_with_the_librarys_model(ours, draw, deep):
    model = mosaic_mlp(generator=draw, deep=deep)
    mosaics = torch.randn(30, 9, 2, generator=draw)
    weights, averages, logits = ours("attend")(mosaics, model.focus, model.after)
    torch.testing.assert_close(weights, model.attention(mosaics))
    torch.testing.assert_close(logits, model(mosaics))
    assert averages.shape == (30, 2)


def test_with_one_score_for_all_it_is_the_plain_mean_and_with_a_steep_one_a_single_tile(ours, draw):
    mosaics, classify = torch.randn(10, 9, 2, generator=draw), nn.Identity()
    _, averages, _ = ours("attend")(mosaics, lambda x: torch.zeros(len(x), 1), classify)
    torch.testing.assert_close(averages, mosaics.mean(dim=1))
    _, averages, _ = ours("attend")(mosaics, lambda x: 1e4 * x[:, :1], classify)
    right_most = mosaics[torch.arange(10), mosaics[..., 0].argmax(dim=1)]
    torch.testing.assert_close(averages, right_most)


def test_a_direction_finds_what_a_linear_focus_of_that_direction_does(ours, draw):
    mosaics = mosaics_of("outside, far", 500, draw)
    x = mosaics.pixels(mosaics.tiles)
    angles = torch.tensor([0.3, 2.0, 4.4])
    shares = ours("found_along")(x, mosaics.foreground_at, angles)
    for angle, found in zip(angles.tolist(), shares.tolist(), strict=True):
        focus = nn.Linear(2, 1)
        with torch.no_grad():
            focus.weight.copy_(torch.tensor([[math.cos(angle), math.sin(angle)]]))
        model = MosaicAttention(focus, nn.Sequential(nn.Linear(2, 3)))
        counts = count(look(model, mosaics), mosaics)
        assert found == pytest.approx(counts.focus_accuracy, abs=0.003)


def test_odd_cases_are_the_counts_ffpt(ours, draw):
    mosaics = mosaics_of("three classes, in line", 400, draw)
    model = mosaic_mlp(generator=draw, classes=2)
    looks = look(model, mosaics)
    odd = ours("right_but_elsewhere")(
        looks.attention_weights, mosaics.foreground_at, looks.logits, mosaics.labels
    )
    assert int(odd.sum()) == count(looks, mosaics).ffpt > 0


@pytest.mark.parametrize(("weight", "tiles"), [(0.5, 9), (0.99, 9), (0.2, 3), (1 / 9, 9)])
def test_the_lead_gives_the_weight(ours, weight, tiles):
    def excess(lead):
        scores = torch.zeros(tiles, dtype=torch.float64)
        scores[0] = lead
        return scores.softmax(dim=0)[0].item() - weight

    assert ours("lead_for")(weight, tiles) == pytest.approx(brentq(excess, -50, 50), abs=1e-8)


def test_the_pull_is_autograds(ours, draw):
    mosaics = torch.randn(12, 9, 2, generator=draw, dtype=torch.float64)
    weights = torch.randn(12, 9, generator=draw, dtype=torch.float64).softmax(dim=1).requires_grad_()
    W, b = torch.randn(3, 2, generator=draw).double(), torch.randn(3, generator=draw).double()
    labels = torch.randint(3, (12,), generator=draw)
    loss = F.cross_entropy(torch.einsum("nt,ntd->nd", weights, mosaics) @ W.T + b, labels, reduction="sum")
    (expected,) = torch.autograd.grad(loss, weights)
    torch.testing.assert_close(ours("pull")(mosaics, weights.detach(), W, b, labels), expected)


def test_the_pull_is_what_the_experiment_c8_measures(ours, draw):
    mosaics = torch.randn(12, 9, 2, generator=draw)
    labels = torch.randint(3, (12,), generator=draw)
    model = mosaic_mlp(generator=draw, deep=False)
    weights = model.attention(mosaics).detach()
    expected, _ = gradient_in_weights(model, mosaics, weights, labels)
    linear = model.after[0]
    mine = ours("pull")(mosaics, weights, linear.weight.detach(), linear.bias.detach(), labels)
    torch.testing.assert_close(mine, expected, rtol=1e-4, atol=1e-6)


# --- what the notebook says --------------------------------------------------------------------------------


def trained(ours, mosaics, *, deep, seed, epochs=15):
    """Train attention as the notebook does, by the reference of exercise 8.5."""
    model = mosaic_mlp(
        generator=torch.Generator().manual_seed(seed), classes=int(mosaics.labels.max()) + 1, deep=deep
    )
    x, descent = mosaics.pixels(mosaics.tiles), torch.optim.Adam(model.parameters(), lr=0.01)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(epochs):
        for rows in torch.randperm(len(x), generator=generator).split(100):
            descent.zero_grad()
            logits = ours("attend")(x[rows], model.focus, model.after)[2]
            F.cross_entropy(logits, mosaics.labels[rows]).backward()
            descent.step()
    return model


def test_a_linear_classifier_of_18_numbers_does_no_better_than_one_of_the_mean(draw):
    train, test = (mosaics_of("outside, far", n, draw) for n in (4000, 2000))
    x, x_test = (part.pixels(part.tiles) for part in (train, test))
    of_all = LinearSVC(random_state=0).fit(x.flatten(1).numpy(), train.labels.numpy())
    of_mean = LinearSVC(random_state=0).fit(x.mean(dim=1).numpy(), train.labels.numpy())
    all_right = of_all.score(x_test.flatten(1).numpy(), test.labels.numpy())
    assert all_right <= of_mean.score(x_test.mean(dim=1).numpy(), test.labels.numpy()) + 0.02


def test_no_direction_finds_the_foreground_around_the_ring_and_one_does_on_one_side(ours, draw):
    angles = torch.arange(0, 360, 5) * math.pi / 180
    around = mosaics_of("outside, near", 1000, draw)
    found = ours("found_along")(around.pixels(around.tiles), around.foreground_at, angles)
    assert found.max() < 0.45
    ring = C7["outside, near: linear SVM"]["means"][3:]
    points = gaussian_classes([[-1.2, 2.0], [0.0, 2.0], [1.2, 2.0], *ring], 300, variance=0.1, generator=draw)
    side = make_mosaics(points, 1000, generator=draw)
    assert ours("found_along")(side.pixels(side.tiles), side.foreground_at, angles).max() > 0.9


@pytest.mark.parametrize("seed", [0, 1])
def test_in_line_linear_attention_is_right_and_one_class_is_never_looked_at(ours, draw, seed):
    train, test = (mosaics_of("three classes, in line", n, draw) for n in (2000, 1000))
    looks = look(trained(ours, train, deep=False, seed=seed), test)
    found = looks.focus == test.foreground_at
    by_class = sorted(found[test.labels == c].float().mean().item() for c in (0, 1))
    assert count(looks, test).accuracy > 0.95
    assert by_class[0] < 0.1
    assert by_class[1] > 0.8


def test_of_six_starts_beside_the_accuracies_agree_and_the_focus_does_not(ours, draw):
    train, test = (mosaics_of("three classes, beside", n, draw) for n in (2000, 1000))
    counts = [count(look(trained(ours, train, deep=True, seed=seed), test), test) for seed in range(6)]
    rights, focuses = ([getattr(c, name) for c in counts] for name in ("accuracy", "focus_accuracy"))
    assert max(rights) - min(rights) < 0.06
    assert max(focuses) - min(focuses) > 0.15
