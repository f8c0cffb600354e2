"""The reference answers of notebook 10 against witnesses that know nothing of them."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy.stats import binom
from sklearn.metrics import precision_score, recall_score
from sklearn.model_selection import KFold
from torch import nn

from course_utils.data.corruption import systematic_labels
from course_utils.evaluation import label_errors
from course_utils.exercises import catalogue
from course_utils.exercises.references import References
from course_utils.training.devices import one_thread

NOTEBOOK = catalogue.notebook("10")


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


def judged(draw, n=60, classes=4):
    """Probabilities of a fairly good classifier, and labels of which some are wrong."""
    labels = torch.arange(n) % classes
    scores = torch.randn(n, classes, generator=draw, dtype=torch.float64)
    scores[torch.arange(n), labels] += 2
    return scores.softmax(dim=1), torch.where(torch.rand(n, generator=draw) < 0.2, (labels + 1) % 4, labels)


def test_labels_from_outside_are_those_of_the_library_with_the_same_draws(ours, draw):
    labels = torch.randint(10, (200,), generator=draw)
    theirs = systematic_labels(labels, keep=(0, 1, 2), generator=draw)
    given, corrupted = ours("labels_from_outside")(labels, 3, theirs.labels)
    assert torch.equal(given, theirs.labels)
    assert torch.equal(corrupted, theirs.corrupted)


def test_the_ceilings_are_what_a_perfect_classifier_of_the_kept_classes_gets(ours, draw):
    counts = torch.tensor([300, 100, 250, 40, 900])
    true = torch.arange(5).repeat_interleave(counts)
    said = torch.where(true < 3, true, 1)  # some kept class
    against_given = []
    for _ in range(400):
        given = torch.where(true < 3, true, torch.randint(3, true.shape, generator=draw))
        against_given.append((said == given).double().mean().item())
    first, second = ours("ceilings")(counts, 3)
    assert first == pytest.approx((said == true).double().mean().item())
    assert second == pytest.approx(np.mean(against_given), abs=5 * np.std(against_given) / 20)


def test_the_report_s_ceilings_are_30_and_21_15_percent(ours):
    assert ours("ceilings")(torch.full((10,), 1000), 3)[0] == pytest.approx(0.3)
    assert ours("ceilings")(torch.tensor([980, 1135, 7885]), 2)[0] == pytest.approx(0.2115)


def test_the_posterior_is_the_share_of_labels_that_are_drawn(ours, draw):
    own, others = torch.tensor([[2.0, 5.0, 1.0]]), torch.tensor([30.0])
    labels = torch.arange(3).repeat_interleave(own[0].long())
    drawn = torch.randint(3, (4000, 30), generator=draw)
    counts = torch.stack([(labels == k).sum() + (drawn == k).sum(dim=1) for k in range(3)]).double()
    measured = counts.mean(dim=1) / 38
    found = ours("posterior")(own, others)[0]
    # five standard errors of a mean of 4000 binomial counts
    assert (found - measured).abs().max() < 5 * math.sqrt(30 * 2 / 9 / 4000) / 38


def test_noise_from_outside_never_moves_the_best_answer(ours, draw):
    own = torch.rand(50, 3, generator=draw) * 10
    best = own.argmax(dim=1)
    for others in (0.0, 3.0, 100.0):
        found = ours("posterior")(own, torch.full((50,), others))
        assert torch.equal(found.argmax(dim=1), best)
        torch.testing.assert_close(found.sum(dim=1), torch.ones(50))


@pytest.mark.parametrize(("q", "m"), list(itertools.product((0.1, 0.5, 0.56, 0.9), (1, 3, 15, 165))))
def test_the_majority_is_the_tail_of_a_binomial_distribution(ours, q, m):
    assert ours("majority_right")(q, m) == pytest.approx(binom.sf(m // 2, m, q))


def test_many_networks_are_torch_s_networks_one_by_one(ours, draw):
    networks = [
        nn.Sequential(nn.Linear(2, 6), nn.ReLU(), nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))
        for _ in range(4)
    ]
    x = torch.randn(4, 7, 2, generator=draw)
    linear = [[layer for layer in network if isinstance(layer, nn.Linear)] for network in networks]
    weights = [torch.stack([layers[k].weight.T for layers in linear]) for k in range(3)]
    biases = [torch.stack([layers[k].bias for layers in linear]) for k in range(3)]
    expected = torch.stack([network(points) for network, points in zip(networks, x, strict=True)])
    torch.testing.assert_close(ours("many_networks")(x, weights, biases), expected)


def test_judged_by_others_is_the_cross_validation_of_scikit_learn(ours, draw):
    values = torch.rand(22, generator=draw)
    order = torch.randperm(22, generator=draw)

    def predict(train_rows, other_rows):
        return torch.stack([values[train_rows].sum().expand(len(other_rows)), values[other_rows]], dim=1)

    expected = torch.empty(22, 2)
    for rest, part in KFold(4).split(order.numpy()):
        expected[order[part]] = predict(order[rest], order[part])
    torch.testing.assert_close(ours("judged_by_others")(predict, order, 4), expected)


def test_thresholds_and_joint_are_those_of_the_library(ours, draw):
    probabilities, labels = judged(draw)
    t = ours("thresholds")(probabilities, labels)
    torch.testing.assert_close(t, label_errors.confident_thresholds(probabilities, labels))
    # the library's tolerance of 1e-6 has no effect on drawn numbers
    joint, suspects = ours("confident_joint")(probabilities, labels, t)
    assert torch.equal(joint, label_errors.confident_joint(probabilities, labels))
    confident = label_errors.confident_classes(probabilities, labels)
    assert torch.equal(suspects, (confident >= 0) & (confident != labels))


def test_the_confident_joint_is_that_of_cleanlab(ours, draw):
    count = pytest.importorskip("cleanlab.count", reason="cleanlab is in the dev extra")
    probabilities, labels = judged(draw)
    t = ours("thresholds")(probabilities, labels)
    p, y = probabilities.numpy(), labels.numpy()
    np.testing.assert_allclose(t.numpy(), count.get_confident_thresholds(y, p))
    theirs, found = count.compute_confident_joint(y, p, calibrate=False, return_indices_of_off_diagonals=True)
    joint, suspects = ours("confident_joint")(probabilities, labels, t)
    np.testing.assert_array_equal(joint.numpy(), theirs)
    np.testing.assert_array_equal(suspects.nonzero()[:, 0].numpy(), np.sort(found))


def test_precision_and_recall_are_those_of_scikit_learn(ours, draw):
    found, wrong = (torch.rand(100, generator=draw) < p for p in (0.3, 0.4))
    precision, recall = ours("precision_recall")(found, wrong)
    assert precision == pytest.approx(precision_score(wrong, found))
    assert recall == pytest.approx(recall_score(wrong, found))
