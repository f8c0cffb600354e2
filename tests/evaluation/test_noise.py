"""Accuracies under label noise, against what can be counted or derived by hand."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, confusion_matrix

from course_utils.data.corruption import (
    pair_flip_noise,
    random_labels,
    redrawn_noise,
    relabel,
    symmetric_noise,
)
from course_utils.evaluation.noise import epochs_to, expected_accuracy, noise_accuracy


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def example(n=400, seed=0):
    g = generator(seed)
    true = torch.randint(10, (n,), generator=g)
    predictions = torch.where(torch.rand(n, generator=g) < 0.7, true, torch.randint(10, (n,), generator=g))
    return predictions, true, random_labels(true, 0.4, classes=10, generator=g)


def test_each_part_is_the_accuracy_scikit_learn_counts_on_its_rows():
    predictions, true, (labels, corrupted) = example()
    found = noise_accuracy(predictions, labels, corrupted, true)
    assert found.corrupted == pytest.approx(accuracy_score(labels[corrupted], predictions[corrupted]))
    assert found.uncorrupted == pytest.approx(accuracy_score(labels[~corrupted], predictions[~corrupted]))
    assert found.all == pytest.approx(accuracy_score(labels, predictions))
    assert found.true == pytest.approx(accuracy_score(true, predictions))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000))
def test_all_is_the_mean_of_the_two_parts_weighted_by_their_rows(seed):
    predictions, true, (labels, corrupted) = example(200, seed)
    found = noise_accuracy(predictions, labels, corrupted, true)
    share = float(corrupted.double().mean())
    assert found.all == pytest.approx(share * found.corrupted + (1 - share) * found.uncorrupted)


@pytest.mark.parametrize(("nothing", "empty"), [(False, "corrupted"), (True, "uncorrupted")])
def test_an_empty_part_has_no_accuracy(nothing, empty):
    labels = torch.arange(4)
    found = noise_accuracy(labels, labels, torch.full((4,), nothing), labels)
    assert math.isnan(getattr(found, empty))
    assert found.all == found.true == 1


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"labels": torch.zeros(3)}, r"labels has shape \(3,\)"),
        ({"true_labels": torch.zeros(2, 2)}, "true_labels has shape"),
        ({"corrupted": torch.zeros(4)}, "must be a mask of dtype bool"),
    ],
)
def test_what_does_not_fit_together_is_a_sentence(changed, sentence):
    fitting = {"labels": torch.zeros(4), "corrupted": torch.zeros(4) > 0, "true_labels": torch.zeros(4)}
    with pytest.raises(ValueError, match=sentence):
        noise_accuracy(torch.zeros(4), **(fitting | changed))


def test_the_first_epoch_at_a_level_counts_even_if_the_curve_falls_again():
    assert epochs_to([0.1, 0.6, 0.4, 0.9], [0.1, 0.5, 0.9]) == [0, 1, 3]


def test_a_level_never_reached_is_nan_and_so_is_a_curve_without_numbers():
    assert math.isnan(epochs_to([0.1, 0.2], [0.5])[0])
    assert math.isnan(epochs_to([math.nan, math.nan], [0.5])[0])


def test_epochs_may_be_recorded_now_and_then():
    assert epochs_to([0.1, 0.5, 1.0], [0.5, 1.0], epochs=[0, 10, 20]) == [10, 20]
    with pytest.raises(ValueError, match="epochs has 2 entries and curve 3"):
        epochs_to([0.1, 0.5, 1.0], [0.5], epochs=[0, 1])


@pytest.mark.parametrize(
    "matrix",
    [symmetric_noise(10, 0.3), redrawn_noise(10, 0.5), pair_flip_noise(10, 0.4), symmetric_noise(10, 0.95)],
)
def test_the_accuracy_expected_from_the_confusion_is_the_one_labels_drawn_by_the_matrix_give(matrix):
    n = 40_000
    predictions, true, _ = example(n)
    confusion = torch.tensor(confusion_matrix(true, predictions))
    labels = relabel(true, matrix, generator=generator(1)).labels
    # the labels alone are random: a sum of independent agreements, deviation at most a half each
    assert abs(expected_accuracy(matrix, confusion) - accuracy_score(labels, predictions)) < 2.5 / math.sqrt(
        n
    )


@given(accuracy=st.floats(0, 1), classes=st.integers(2, 12), rate=st.floats(0, 1))
def test_under_symmetric_noise_the_accuracy_alone_is_enough(accuracy, classes, rate):
    confusion = torch.full((classes, classes), (1 - accuracy) / (classes - 1), dtype=torch.float64)
    confusion.fill_diagonal_(accuracy)
    matrix = symmetric_noise(classes, rate)
    assert expected_accuracy(matrix, accuracy) == pytest.approx(expected_accuracy(matrix, confusion))


def test_re_drawn_labels_follow_the_formula_of_the_report():
    assert expected_accuracy(redrawn_noise(10, 0.4), 0.8) == pytest.approx(0.6 * 0.8 + 0.4 / 10)


@pytest.mark.parametrize(
    ("classifier", "sentence"),
    [(0.8, "An accuracy is not enough"), (1.2, r"in \[0, 1\]"), (torch.ones(3, 3), "must count every pair")],
)
def test_what_gives_no_expectation_is_a_sentence(classifier, sentence):
    with pytest.raises(ValueError, match=sentence):
        expected_accuracy(pair_flip_noise(10, 0.4), classifier)
