"""The reference answers of notebook 06 against witnesses that know nothing of them, and its lessons."""

import math

import numpy as np
import pytest
import torch
from scipy.linalg import eigh
from scipy.stats import dirichlet
from torch import nn
from torch.nn import functional as F

from course_utils.data import Split, load
from course_utils.data.mosaics import Averages, dirichlet_weights, fixed_weights, make_mosaics
from course_utils.data.pixels import half_size
from course_utils.data.points import gaussian_classes, plane_means
from course_utils.data.preprocessing import Standardise
from course_utils.exercises import catalogue
from course_utils.exercises.references import References
from course_utils.models.cnn import cnn
from course_utils.models.initialise import initialise
from course_utils.training.devices import one_thread
from course_utils.training.loop import fit

NOTEBOOK = catalogue.notebook("06")


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


def point_mosaics(angle, n, generator):
    points = gaussian_classes(plane_means(angle), 500, variance=0.1, generator=generator)
    return make_mosaics(points, n, generator=generator)


# --- weights and averages ----------------------------------------------------------------------------------


@pytest.mark.parametrize("i", [1, 3, 9])
def test_weights_are_the_library_s_at_the_foreground_and_add_up_to_1(ours, draw, i):
    at = torch.randint(9, (50,), generator=draw)
    weights = ours("focus_weights")(at, i)
    assert weights.dtype == torch.float32
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(50))
    expected = fixed_weights(i)
    for row, place in zip(weights, at.tolist(), strict=True):
        assert float(row[place]) == pytest.approx(float(expected[0]))
        others = torch.cat([row[:place], row[place + 1 :]])
        torch.testing.assert_close(others, expected[1:])


def test_averages_are_the_library_s(ours, draw):
    mosaics = point_mosaics(30, 40, draw)
    for i in (1, 4, 9):
        weights = ours("focus_weights")(mosaics.foreground_at, i)
        found = ours("average")(mosaics.pixels(mosaics.tiles), weights)
        torch.testing.assert_close(found, Averages(mosaics, fixed_weights(i)).pixels(torch.arange(40)))


def test_an_average_of_pictures_is_a_sum_in_a_loop(ours, draw):
    tiles, weights = torch.rand(3, 9, 2, 4, 4, generator=draw), torch.rand(3, 9, generator=draw)
    expected = [sum(w * t for w, t in zip(*pair, strict=True)) for pair in zip(weights, tiles, strict=True)]
    torch.testing.assert_close(ours("average")(tiles, weights), torch.stack(expected))


# --- signal and noise --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("i", "tiles"), [(1, 9), (2, 9), (4.5, 9), (8, 9), (9, 9), (2, 5)])
def test_the_share_is_that_of_drawn_noise(ours, i, tiles):
    noise = torch.randn(200_000, tiles, generator=torch.Generator().manual_seed(0))
    weights = fixed_weights(i, tiles=tiles)
    parts = noise * weights
    share = float(parts[:, 0].var() / parts.sum(dim=1).var())
    assert ours("foreground_share")(i, tiles) == pytest.approx(share, abs=0.01)


def test_the_share_grows_most_before_d4_as_the_notebook_says(ours):
    share = ours("foreground_share")
    steps = [share(i + 1) - share(i) for i in range(1, 9)]
    assert steps == sorted(steps, reverse=True)
    assert sum(steps[:3]) > 2 * sum(steps[3:])
    assert share(2) < 0.5 < share(3)


# --- seen before -------------------------------------------------------------------------------------------


def test_the_shares_of_pictures_seen_are_those_of_drawn_mosaics(ours, draw):
    front = torch.randint(15_000, (10_000,), generator=draw)
    # a mosaic never repeats one; of eight among 35 000 that is too rare to show
    back = torch.randint(35_000, (10_000, 8), generator=draw)
    assert len(front.unique()) / 15_000 == pytest.approx(ours("q_foreground_seen"), abs=0.006)
    assert len(back.unique()) / 35_000 == pytest.approx(ours("q_background_seen"), abs=0.006)


# --- the first step ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("classes", [2, 3, 6])
def test_the_first_gradient_is_autograd_s(ours, draw, classes):
    x = 1 + torch.randn(20, 7, generator=draw, dtype=torch.float64)
    labels = torch.randint(classes, (20,), generator=draw)
    weights = torch.zeros(7, classes, dtype=torch.float64, requires_grad=True)
    F.cross_entropy(x @ weights, labels).backward()
    torch.testing.assert_close(ours("first_gradient")(x, labels, classes), weights.grad)


def test_in_the_mean_the_gradient_on_d_i_is_i_ninths_of_that_on_d9(ours, draw):
    mosaics = point_mosaics(60, 20_000, draw)

    def gradient(i):
        x = Averages(mosaics, fixed_weights(i)).pixels(torch.arange(len(mosaics)))
        return ours("first_gradient")(x, mosaics.labels, 3)

    whole = gradient(9)
    for i in (2, 5):
        assert float((gradient(i) - i / 9 * whole).norm() / whole.norm()) < 0.03


def test_the_way_begins_at_a_guess_and_ends_at_the_last_loss(ours):
    guess = F.cross_entropy(torch.zeros(1, 4), torch.tensor([2])).item()
    way = ours("share_of_the_way")([guess, (guess + 0.2) / 2, 0.2], 4)
    assert way == pytest.approx([0, 0.5, 1], abs=1e-6)


# --- Dirichlet ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("i", "alpha"), [(1, 0.5), (2, 0.01), (6, 2.0), (8, 100.0)])
def test_parameters_and_spread_are_those_of_scipy(ours, i, alpha):
    parameters = ours("dirichlet_parameters")(i, alpha).double().numpy()
    assert parameters[1:] == pytest.approx(alpha)
    assert dirichlet.mean(parameters)[0] == pytest.approx(i / 9)
    assert ours("weight_sd")(i, alpha) == pytest.approx(math.sqrt(dirichlet.var(parameters)[0]), rel=1e-4)


def test_the_spread_is_that_of_the_library_s_draws(ours, draw):
    for alpha in (0.5, 2.0):
        weights = dirichlet_weights(3, 50_000, alpha=alpha, generator=draw)[:, 0]
        assert float(weights.std()) == pytest.approx(ours("weight_sd")(3, alpha), rel=0.02)


def test_a_large_alpha_leaves_the_means_and_a_small_one_all_or_nothing(draw):
    large = dirichlet_weights(2, 1000, alpha=1e5, generator=draw)
    torch.testing.assert_close(large, fixed_weights(2).expand(1000, 9), atol=0.01, rtol=0)
    small = dirichlet_weights(2, 20_000, alpha=1e-3, generator=draw)
    assert float((small.max(dim=1).values > 0.99).float().mean()) > 0.95
    assert float((small.argmax(dim=1) == 0).float().mean()) == pytest.approx(2 / 9, abs=0.01)


def test_a_hard_focus_is_as_good_as_drawn_answers(ours):
    generator = np.random.default_rng(0)
    n, right = 400_000, 0.83
    for i, classes in ((2, 3), (7, 5)):
        there = generator.random(n) < i / 9
        hit = np.where(there, generator.random(n) < right, generator.integers(classes, size=n) == 0)
        assert ours("hard_focus_accuracy")(i, right, classes) == pytest.approx(hit.mean(), abs=0.004)


# --- points in two planes ----------------------------------------------------------------------------------


def test_the_separation_is_the_sum_of_the_generalised_eigenvalues(ours, draw):
    x = torch.randn(60, 3, generator=draw, dtype=torch.float64)
    labels = torch.arange(60) % 4
    x = x + labels[:, None] * torch.tensor([1.0, 0.2, -0.4])
    rows, y = x.numpy(), labels.numpy()
    within = sum(np.cov(rows[y == c].T, bias=True) * (y == c).mean() for c in range(4))
    between = np.cov(rows.T, bias=True) - within
    expected = eigh(between, within, eigvals_only=True).sum()
    assert ours("separation")(x, labels) == pytest.approx(expected)


def test_the_separation_does_not_depend_on_units_or_axes(ours, draw):
    mosaics = point_mosaics(90, 500, draw)
    x = Averages(mosaics, fixed_weights(2)).pixels(torch.arange(500)).double()
    turn = torch.randn(3, 3, generator=draw, dtype=torch.float64) + 2 * torch.eye(3)
    one, other = (ours("separation")(points, mosaics.labels) for points in (x, 5 * x @ turn + 1))
    assert one == pytest.approx(other)


def test_the_angle_separates_where_there_is_background_and_only_there(ours):
    found = {}
    for angle in (0, 90):
        mosaics = point_mosaics(angle, 2000, torch.Generator().manual_seed(0))
        for i in (1, 2, 9):
            x = Averages(mosaics, fixed_weights(i)).pixels(torch.arange(2000))
            found[angle, i] = ours("separation")(x, mosaics.labels)
    assert found[90, 1] > 1.3 * found[0, 1]
    assert found[90, 2] > 1.15 * found[0, 2]
    assert found[90, 9] == pytest.approx(found[0, 9], rel=0.03)


def test_a_walk_ends_where_vectors_say(ours, draw):
    network = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    initialise(network, draw)
    origin = [parameter.detach().clone() for parameter in network.parameters()]
    directions = [[torch.randn(part.shape, generator=draw) for part in origin] for _ in range(3)]
    vector = nn.utils.parameters_to_vector
    for steps in ([1.0, -2.0, 0.5], [0.0, 0.0, 0.0]):
        ours("walk")(network, origin, directions, steps)
        expected = vector(origin) + sum(
            step * vector(part) for step, part in zip(steps, directions, strict=True)
        )
        torch.testing.assert_close(vector(network.parameters()), expected)
    assert all(parameter.requires_grad for parameter in network.parameters())


def test_a_network_of_d1_fails_on_d9_at_90_degrees_for_its_size_and_not_at_0():
    accuracy = {}
    for angle in (0, 90):
        draw = torch.Generator().manual_seed(0)
        train, test = (point_mosaics(angle, 1000, draw) for _ in range(2))
        numbers = torch.arange(1000)
        x = Averages(train, fixed_weights(1)).pixels(numbers)
        network = nn.Sequential(nn.Linear(3, 50), nn.ReLU(), nn.Linear(50, 3))
        initialise(network, torch.Generator().manual_seed(0))
        optimizer = torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9)
        for _ in range(15):
            for rows in numbers.split(50):
                optimizer.zero_grad()
                F.cross_entropy(network(x[rows]), train.labels[rows]).backward()
                optimizer.step()
        clean = Averages(test, fixed_weights(9)).pixels(numbers)
        for factor in (1, 9):
            right = network(clean / factor).argmax(dim=1) == test.labels
            accuracy[angle, factor] = float(right.float().mean())
    assert accuracy[0, 1] > 0.95
    assert accuracy[90, 1] < 0.7
    assert accuracy[90, 9] > accuracy[90, 1] + 0.2


# --- lessons on the stand-in -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stand_in(ours):
    """Train as the notebook does at smoke; return accuracies, the network of D9, its data, how to average."""
    cifar = load("cifar10", scale="smoke")
    train, test = (Split(half_size(part.images), part.labels) for part in (cifar.train, cifar.test))
    standardise = Standardise.of(train.images)
    generator = torch.Generator().manual_seed(0)
    mosaics, others = (
        make_mosaics(part, n, generator=generator) for part, n in ((train, 2000), (test, 1000))
    )

    def inputs(some, weights):
        parts = zip(some.tiles.split(250), weights.split(250), strict=True)
        return standardise(torch.cat([ours("average")(some.pixels(tiles), part) for tiles, part in parts]))

    accuracies = {}
    for i in (2, 4, 9):
        x = inputs(mosaics, ours("focus_weights")(mosaics.foreground_at, i))
        network = cnn(
            generator=torch.Generator().manual_seed(0), classes=3, widths=(8, 16), hidden=32, image_size=16
        )
        fit(
            network,
            Split(x, mosaics.labels),
            epochs=6,
            optimizer=torch.optim.Adam(network.parameters(), lr=0.003),
            batch_size=50,
            generator=torch.Generator().manual_seed(1),
            precision="float32",
            progress=False,
        )
        accuracies[i] = share_right(
            network, inputs(others, ours("focus_weights")(others.foreground_at, i)), others.labels
        )
    return accuracies, network, others, inputs


@torch.no_grad()
def share_right(network, x, labels):
    return float((network.eval()(x).argmax(dim=1) == labels).float().mean())


def test_on_the_stand_in_too_the_large_step_is_before_d4(stand_in):
    accuracies = stand_in[0]
    assert accuracies[2] > 1 / 3 + 0.1
    assert accuracies[4] - accuracies[2] > 0.1
    assert accuracies[9] - accuracies[4] < accuracies[4] - accuracies[2]


def test_on_the_stand_in_too_all_or_nothing_is_as_good_as_the_formula_says_and_worse_than_a_steady_focus(
    ours, stand_in, draw
):
    accuracies, network, others, inputs = stand_in
    at = others.foreground_at
    for i in (3, 5):
        first = dirichlet_weights(i, len(others), alpha=0.01, generator=draw)
        place = torch.arange(9).expand(len(others), 9)
        source = torch.where(place == at[:, None], 0, place).scatter(
            1, torch.zeros_like(at)[:, None], at[:, None]
        )
        hard = share_right(network, inputs(others, first.gather(1, source)), others.labels)
        steady = share_right(network, inputs(others, ours("focus_weights")(at, i)), others.labels)
        assert hard == pytest.approx(ours("hard_focus_accuracy")(i, accuracies[9]), abs=0.06)
        assert steady > hard + 0.05
