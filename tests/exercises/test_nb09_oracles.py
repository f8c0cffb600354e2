"""The reference answers of notebook 09 against witnesses that know nothing of them."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq, minimize
from scipy.stats import binom, chisquare, entropy
from sklearn.metrics import accuracy_score, confusion_matrix
from torch.nn import functional as F

from course_utils.data.corruption import (
    check_noise_matrix,
    pair_flip_noise,
    redrawn_noise,
    relabel,
    symmetric_noise,
)
from course_utils.evaluation.noise import expected_accuracy, noise_accuracy
from course_utils.exercises import catalogue
from course_utils.exercises.references import References
from course_utils.training.devices import one_thread

NOTEBOOK = catalogue.notebook("09")


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


def generator(seed=7):
    return torch.Generator().manual_seed(seed)


def labels_of(n, classes=10, seed=3):
    return torch.randint(classes, (n,), generator=generator(seed))


# --- drawing labels ----------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(n=st.integers(1, 200), fraction=st.floats(0, 1), seed=st.integers(0, 10_000))
def test_exactly_so_many_rows_are_re_drawn_and_no_other_changes(ours, n, fraction, seed):
    true = labels_of(n)
    before = true.clone()
    given_, corrupted = ours("redraw")(true, fraction, 10, generator(seed))
    assert int(corrupted.sum()) == round(fraction * n)
    assert torch.equal(given_[~corrupted], true[~corrupted])
    assert torch.equal(true, before)


def test_drawn_labels_pass_a_chi_square_test_for_all_classes_alike(ours):
    true = torch.zeros(20_000, dtype=torch.int64)
    given_, corrupted = ours("redraw")(true, 0.5, 10, generator())
    assert chisquare(np.bincount(given_[corrupted], minlength=10)).pvalue > 1e-4


def test_the_number_of_wrong_labels_is_binomial_with_nine_tenths(ours):
    true = labels_of(1000)
    wrong = [int((ours("redraw")(true, 0.4, 10, generator(seed))[0] != true).sum()) for seed in range(100)]
    low, high = binom.ppf([1e-6, 1 - 1e-6], 400 * 100, 0.9)
    assert low <= sum(wrong) <= high


@pytest.mark.parametrize(("fraction", "classes"), [(0.0, 3), (0.4, 10), (1.0, 4)])
def test_the_matrix_is_the_librarys_and_that_of_symmetric_noise_at_a_smaller_rate(ours, fraction, classes):
    mine = ours("redraw_matrix")(fraction, classes).double()
    torch.testing.assert_close(mine, redrawn_noise(classes, fraction), atol=1e-6, rtol=0)
    rate = fraction * (1 - 1 / classes)
    torch.testing.assert_close(mine, symmetric_noise(classes, rate), atol=1e-6, rtol=0)


def test_counted_labels_approach_the_matrix(ours):
    true = labels_of(100_000, 5)
    given_, _ = ours("redraw")(true, 0.3, 5, generator())
    counted = confusion_matrix(true, given_, normalize="true")
    np.testing.assert_allclose(counted, ours("redraw_matrix")(0.3, 5), atol=0.012)


def test_noise_on_noise_is_what_labels_drawn_twice_show(ours):
    weights = torch.rand(2, 4, 4, dtype=torch.float64, generator=generator()) ** 3
    first, second = weights / weights.sum(dim=2, keepdim=True)
    both = ours("noise_on_noise")(first, second)
    check_noise_matrix(both)
    true = torch.arange(4).repeat_interleave(40_000)
    once = relabel(true, first, generator=generator(1)).labels
    twice = relabel(once, second, generator=generator(2)).labels
    np.testing.assert_allclose(confusion_matrix(true, twice, normalize="true"), both, atol=0.0125)


@given(one=st.floats(0, 1), other=st.floats(0, 1))
def test_re_drawing_twice_leaves_a_label_alone_with_the_product_of_the_probabilities(ours, one, other):
    matrix = ours("redraw_matrix")
    both = ours("noise_on_noise")(matrix(one, 6), matrix(other, 6))
    torch.testing.assert_close(both, matrix(1 - (1 - one) * (1 - other), 6), atol=1e-6, rtol=1e-5)


# --- accuracies --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fraction", [0.0, 0.3, 1.0])
def test_the_four_accuracies_are_scikit_learns_and_the_librarys(ours, fraction):
    true = labels_of(500)
    given_, corrupted = ours("redraw")(true, fraction, 10, generator())
    predicted = torch.where(torch.rand(500, generator=generator(1)) < 0.5, true, labels_of(500, seed=9))
    found = ours("four_accuracies")(predicted, given_, corrupted, true)
    parts = [corrupted, ~corrupted, torch.ones_like(corrupted)]
    expected = [accuracy_score(given_[p], predicted[p]) if p.any() else math.nan for p in parts]
    expected.append(accuracy_score(true, predicted))
    assert found == pytest.approx(expected, nan_ok=True)
    assert found == pytest.approx(tuple(noise_accuracy(predicted, given_, corrupted, true)), nan_ok=True)


# --- the pull of a group -----------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 40))
def test_the_pull_is_autograds(ours, seed, n):
    logits = torch.randn(6, generator=generator(seed), dtype=torch.float64, requires_grad=True)
    labels = labels_of(n, 6, seed)
    F.cross_entropy(logits.expand(n, 6), labels).backward()
    mine = ours("group_pull")(logits.detach(), labels)
    torch.testing.assert_close(mine.double(), logits.grad, atol=1e-6, rtol=1e-6)


def test_descent_along_the_pull_ends_at_the_frequencies(ours):
    labels, logits = torch.tensor([0, 0, 0, 1, 2, 2]), torch.zeros(3)
    for _ in range(3000):
        logits = logits - 0.5 * ours("group_pull")(logits, labels)
    torch.testing.assert_close(logits.softmax(dim=0), torch.tensor([3, 1, 2]) / 6, atol=1e-4, rtol=0)


@pytest.mark.parametrize("frequencies", [[0.64, 0.04, 0.04, 0.28], [0.5, 0.5], [1.0, 0.0, 0.0]])
def test_the_least_loss_is_the_entropy_and_what_a_minimiser_finds(ours, frequencies):
    q = np.array(frequencies)
    mine = float(ours("least_loss")(torch.tensor(frequencies, dtype=torch.float64)))
    assert mine == pytest.approx(entropy(q), abs=1e-9)

    def loss(logits):
        return float(-(q * (logits - np.logaddexp.reduce(logits))).sum())

    found = minimize(loss, np.zeros(len(q)), method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12})
    assert mine <= found.fun + 1e-9
    if q.min() > 0:  # otherwise the minimum lies at infinite logits
        assert mine == pytest.approx(found.fun, abs=1e-6)


# --- tables and predictions --------------------------------------------------------------------------------


def test_the_implied_share_solves_the_identity(ours):
    share, away = ours("implied_share")(0.1028, 0.6659, 0.5505, 0.2, 10_000)
    found = brentq(lambda s: s * 0.1028 + (1 - s) * 0.6659 - 0.5505, 0, 1)
    assert share == pytest.approx(found)
    assert away == pytest.approx((found - 0.2) / (binom.std(10_000, 0.2) / 10_000))


def test_a_test_set_corrupted_by_coins_has_the_share_that_is_implied(ours):
    predicted, true = labels_of(4000, seed=1), labels_of(4000, seed=1)
    corrupted = torch.rand(4000, generator=generator()) < 0.3
    given_ = torch.where(corrupted, labels_of(4000, seed=8), true)
    low, high, every, _ = ours("four_accuracies")(predicted, given_, corrupted, true)
    share, away = ours("implied_share")(low, high, every, 0.3, 4000)
    assert share == pytest.approx(float(corrupted.double().mean()), abs=1e-6)
    assert abs(away) < 5


@pytest.mark.parametrize("matrix", [redrawn_noise(10, 0.4), pair_flip_noise(10, 0.3)])
def test_the_expected_agreement_is_what_drawn_labels_show(ours, matrix):
    n = 40_000
    true = labels_of(n)
    said = torch.where(torch.rand(n, generator=generator(4)) < 0.6, true, (true + 1) % 10)
    counts = torch.tensor(confusion_matrix(true, said), dtype=torch.float64)
    mine = float(ours("expected_agreement")(counts, matrix))
    shown = accuracy_score(relabel(true, matrix, generator=generator(5)).labels, said)
    assert abs(mine - shown) < 2.5 / math.sqrt(n)
    assert mine == pytest.approx(expected_accuracy(matrix, counts))


@given(accuracy=st.floats(0.05, 0.99), fraction=st.floats(0, 0.9), classes=st.integers(2, 20))
def test_the_estimate_turns_the_prediction_round(ours, accuracy, fraction, classes):
    noisy = expected_accuracy(redrawn_noise(classes, fraction), accuracy)
    estimate, _ = ours("true_accuracy")(noisy, fraction, classes, 1000)
    assert estimate == pytest.approx(accuracy, abs=1e-9)


def test_estimates_from_many_noisy_sets_scatter_by_their_standard_error(ours):
    n, fraction = 400, 0.5
    rng = np.random.default_rng(0)
    noisy = rng.binomial(n, expected_accuracy(redrawn_noise(10, fraction), 0.8), size=4000) / n
    estimates, errors = zip(*(ours("true_accuracy")(b, fraction, 10, n) for b in noisy), strict=True)
    assert np.mean(estimates) == pytest.approx(0.8, abs=0.004)
    assert np.std(estimates) == pytest.approx(np.mean(errors), rel=0.05)


# --- choices and values ------------------------------------------------------------------------------------


def test_a_network_that_says_the_next_class_agrees_with_flips_at_their_rate(ours):
    flips = pair_flip_noise(10, 0.6)
    always_right, always_next = torch.eye(10), torch.eye(10).roll(1, dims=1)
    assert expected_accuracy(flips, always_right) == pytest.approx(0.4)
    assert expected_accuracy(flips, always_next) == pytest.approx(0.6)
    assert (ours("q_flips"), ours("q_flips_reason")) == ("b", 2)


def test_wrong_labels_that_agree_on_one_class_are_learnt_first(ours):
    """What follows in 9.7: with the pull of a group, the most frequent label wins, right or wrong."""
    labels = torch.tensor([1, 1, 1, 1, 1, 1, 0, 0, 0, 0])
    logits = torch.zeros(3)
    for _ in range(20):
        logits = logits - ours("group_pull")(logits, labels)
    assert logits.argmax() == 1
    assert (ours("q_order"), ours("q_order_reason")) == ("c", 2)


def test_the_three_numbers_of_the_tables(ours):
    assert ours("q_count") == round(100 * (0.78 - 0.75))
    assert ours("q_fraction") == round(100 * (0.75 - 0.42))
    images = ours("q_images")
    assert (images - 25_000) / images == pytest.approx(0.8)
