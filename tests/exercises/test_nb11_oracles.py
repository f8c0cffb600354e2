"""The reference answers of notebook 11 against witnesses that know nothing of them."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from sklearn.linear_model import LinearRegression
from torch.nn import functional as F

from course_utils.data.corruption import shuffle_pixels
from course_utils.exercises import catalogue
from course_utils.exercises.references import References
from course_utils.training.devices import one_thread

NOTEBOOK = catalogue.notebook("11")


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


def pictures(draw, n=5, channels=3, height=4, width=6):
    return torch.randint(256, (n, channels, height, width), generator=draw, dtype=torch.uint8)


# --- five kinds of pictures --------------------------------------------------------------------------------


def test_shuffled_is_what_numpy_takes_and_unshuffled_takes_it_back(ours, draw):
    images, order = pictures(draw), torch.randperm(24, generator=draw)
    expected = np.take(images.numpy().reshape(5, 3, 24), order.numpy(), axis=2).reshape(images.shape)
    found = ours("shuffled")(images, order)
    np.testing.assert_array_equal(found, expected)
    assert torch.equal(ours("unshuffled")(found, order), images)


def test_the_librarys_pictures_with_one_permutation_are_shuffled_by_some_order(ours, draw):
    """All pixels of a picture are different, so the order can be read off its first channel."""
    images = torch.arange(24, dtype=torch.uint8).view(1, 1, 4, 6) + pictures(draw, n=1)[:, :, :1, :1] % 200
    images = torch.cat([images, pictures(draw)])
    library = shuffle_pixels(images, generator=draw)
    place = {int(v): k for k, v in enumerate(images[0, 0].flatten())}
    order = torch.tensor([place[int(v)] for v in library[0, 0].flatten()])
    assert torch.equal(ours("shuffled")(images, order), library)


def test_every_picture_shuffled_by_itself_is_the_same_as_all_at_once(ours, draw):
    images = pictures(draw)
    orders = torch.stack([torch.randperm(24, generator=draw) for _ in images])
    expected = np.take_along_axis(
        images.numpy().reshape(5, 3, 24), orders.numpy()[:, None].repeat(3, axis=1), axis=2
    )
    np.testing.assert_array_equal(ours("shuffled_each")(images, orders), expected.reshape(images.shape))


def test_much_gaussian_noise_has_the_channels_moments_and_leaves_the_pictures_alone(ours, draw):
    middle = torch.tensor([90, 130, 160])[:, None, None]
    images = (middle + 25 * torch.randn(40, 3, 8, 8, generator=draw)).round().clamp(0, 255).to(torch.uint8)
    before = images.clone()
    noise = torch.randn(400, 3, 16, 16, generator=draw)
    found = ours("gaussian_like")(images, noise)
    assert found.dtype == torch.uint8
    for moment in (np.mean, np.std):
        np.testing.assert_allclose(
            moment(found.numpy(), axis=(0, 2, 3)), moment(images.numpy(), axis=(0, 2, 3)), atol=0.4
        )
    assert torch.equal(images, before)


def test_gaussian_noise_stays_at_the_ends_of_the_range(ours):
    images = torch.tensor([0, 255], dtype=torch.uint8).expand(2, 3, 5, 2)
    noise = torch.tensor([-9.0, 9.0]).expand(1, 3, 1, 2)
    assert ours("gaussian_like")(images, noise)[0, 0, 0].tolist() == [0, 255]


# --- what a network can represent --------------------------------------------------------------------------


@settings(deadline=None, max_examples=20)
@given(n=st.integers(1, 40), d=st.integers(1, 10), seed=st.integers(0, 10**6))
def test_a_torch_network_with_these_weights_says_what_it_was_told(ours, n, d, seed):
    draw = torch.Generator().manual_seed(seed)
    x, a = (torch.randn(*shape, generator=draw, dtype=torch.float64) for shape in ((n, d), (d,)))
    y = torch.randint(10, (n,), generator=draw).double()
    biases, weights = ours("memorise")(x, y, a)
    network = torch.nn.Sequential(torch.nn.Linear(d, n), torch.nn.ReLU(), torch.nn.Linear(n, 1, bias=False))
    network.double()
    with torch.no_grad():
        network[0].weight.copy_(a.expand(n, d))
        network[0].bias.copy_(-biases)
        network[2].weight.copy_(weights[None])
        gap = (x @ a).sort().values.diff()
        close = 1.0 if n == 1 else float(gap.min())
        torch.testing.assert_close(network(x)[:, 0], y, rtol=0, atol=1e-10 * n / close + 1e-9)
    assert d + biases.numel() + weights.numel() == 2 * n + d


def test_the_supremum_over_a_ball_is_not_beaten_by_any_of_many_weights(ours, draw):
    x, norm = torch.randn(8, 2, generator=draw, dtype=torch.float64), 2.5
    signs = torch.randint(2, (5, 8), generator=draw).double() * 2 - 1
    best = []
    for s in signs:

        def minus(angle, s=s):
            w = norm * np.array([math.cos(angle), math.sin(angle)])
            return -float((s.numpy() * (x.numpy() @ w)).mean())

        starts = np.linspace(0, 2 * math.pi, 9)
        best.append(
            max(
                -minimize_scalar(minus, bounds=(low, high), method="bounded", options={"xatol": 1e-9}).fun
                for low, high in itertools.pairwise(starts)
            )
        )
    assert ours("linear_complexity")(x, signs, norm).item() == pytest.approx(np.mean(best), rel=1e-6)


def test_the_linear_complexity_is_below_the_textbooks_bound(ours, draw):
    """B √(Σ|x_i|²) / n, by Jensen's inequality."""
    x = torch.randn(50, 7, generator=draw)
    signs = torch.randint(2, (4000, 50), generator=draw) * 2.0 - 1
    bound = 3.0 * x.square().sum().sqrt().item() / 50
    assert 0.9 * bound < ours("linear_complexity")(x, signs, 3.0).item() < bound


def test_agreement_is_1_for_all_right_minus_1_for_all_wrong_and_0_by_chance(ours, draw):
    signs = torch.randint(2, (20, 500), generator=draw) * 2.0 - 1
    complexity = ours("network_complexity")
    assert complexity(3 * signs, signs).item() == 1
    assert complexity(-0.1 * signs, signs).item() == -1
    assert abs(complexity(torch.randn(20, 500, generator=draw), signs).item()) < 0.05


# --- where descent ends ------------------------------------------------------------------------------------


def test_descent_by_torchs_sgd_ends_there(ours, draw):
    x, y = (torch.randn(*s, generator=draw, dtype=torch.float64) for s in ((5, 20), (5,)))
    start = torch.randn(20, generator=draw, dtype=torch.float64)
    w = start.clone().requires_grad_()
    descent = torch.optim.SGD([w], lr=0.02)
    for _ in range(4000):
        for i in torch.randperm(5, generator=draw).split(2):
            descent.zero_grad()
            (x[i] @ w - y[i]).square().sum().backward()
            descent.step()
    torch.testing.assert_close(w.detach(), ours("limit_of_descent")(x, y, start), rtol=1e-6, atol=1e-8)


def test_it_is_the_nearest_of_all_solutions_to_the_start(ours, draw):
    x, y = (torch.randn(*s, generator=draw, dtype=torch.float64) for s in ((4, 11), (4,)))
    start = torch.randn(11, generator=draw, dtype=torch.float64)
    end = ours("limit_of_descent")(x, y, start)
    torch.testing.assert_close(x @ end, y)
    kernel = torch.linalg.svd(x).Vh[4:]
    for _ in range(50):
        other = end + torch.randn(7, generator=draw, dtype=torch.float64) @ kernel
        assert (other - start).norm() > (end - start).norm()


# --- least squares and double descent ----------------------------------------------------------------------


def test_with_few_features_it_is_scikit_learns_regression(ours, draw):
    features, targets = (torch.randn(*s, generator=draw, dtype=torch.float64) for s in ((30, 6), (30, 3)))
    theirs = LinearRegression(fit_intercept=False).fit(features.numpy(), targets.numpy()).coef_.T
    np.testing.assert_allclose(ours("shortest_least_squares")(features, targets), theirs, atol=1e-10)


@pytest.mark.parametrize("rank", [3, 8])
def test_it_is_the_limit_of_ridge_regression_whatever_the_rank(ours, draw, rank):
    left, right = (torch.randn(*s, generator=draw, dtype=torch.float64) for s in ((8, rank), (rank, 20)))
    features, targets = left @ right, torch.randn(8, 2, generator=draw, dtype=torch.float64)
    u, s, vt = np.linalg.svd(features.numpy(), full_matrices=False)
    ridge = torch.from_numpy(vt.T @ np.diag(s / (s**2 + 1e-9)) @ u.T @ targets.numpy())
    torch.testing.assert_close(ours("shortest_least_squares")(features, targets), ridge, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("n", "p"), [(30, 5), (30, 20), (30, 50), (30, 200)])
def test_the_expected_distance_is_the_mean_of_many_fits(ours, draw, n, p):
    signal, noise = 2.0, 0.5
    x = torch.randn(2000, n, p, generator=draw)
    beta = torch.zeros(p, 1)
    beta[0] = math.sqrt(signal)  # any direction will do: the inputs have none
    y = x @ beta + math.sqrt(noise) * torch.randn(2000, n, 1, generator=draw)
    wide = p > n
    fitted = x.mT @ torch.linalg.solve(x @ x.mT, y) if wide else torch.linalg.solve(x.mT @ x, x.mT @ y)
    distances = (fitted - beta).square().sum(dim=(1, 2))
    error = distances.std().item() / math.sqrt(len(distances))
    assert abs(distances.mean().item() - ours("expected_distance")(n, p, signal, noise)) < 4 * error


def test_the_expected_distance_is_infinite_only_around_the_peak(ours):
    infinite = [p for p in range(1, 60) if math.isinf(ours("expected_distance")(30, p, 1.0, 0.1))]
    assert infinite == [29, 30, 31]


# --- growing logits ----------------------------------------------------------------------------------------


def test_the_slope_is_that_of_the_loss_at_large_factors(ours, draw):
    logits = torch.randn(200, 6, generator=draw, dtype=torch.float64)
    labels = torch.randint(6, (200,), generator=draw)
    near, far = (F.cross_entropy(c * logits, labels).item() for c in (1e4, 2e4))
    assert ours("slope_at_infinity")(logits, labels).item() == pytest.approx((far - near) / 1e4, rel=1e-6)


def test_of_dense_temperatures_the_best_is_scipys_minimum(ours, draw):
    logits = 5 * torch.randn(300, 4, generator=draw, dtype=torch.float64)
    labels = torch.multinomial((logits / 2.5).softmax(dim=1), 1, generator=draw)[:, 0]

    def loss(t):
        z = logits.numpy() / t
        return float((np.log(np.exp(z).sum(axis=1)) - z[np.arange(300), labels.numpy()]).mean())

    best = minimize_scalar(loss, bounds=(0.5, 20), method="bounded", options={"xatol": 1e-8})
    found, value = ours("best_temperature")(logits, labels, torch.linspace(0.5, 20, 4001).double())
    assert found.item() == pytest.approx(best.x, abs=0.005)
    assert value.item() == pytest.approx(best.fun, rel=1e-6)
