"""Finding wrong labels: against loops over the paper's definitions, and against cleanlab."""

import math

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from course_utils.evaluation.label_errors import (
    confident_classes,
    confident_joint,
    confident_thresholds,
    confidently_wrong,
    detection,
    estimated_noise_matrix,
    least_confident,
    out_of_sample,
    self_confidence,
)


def drawn(seed: int, n: int, classes: int, *, noise: float = 0.2) -> tuple[torch.Tensor, torch.Tensor]:
    """Probabilities of a fairly good classifier, and labels of which some are wrong; every class is given."""
    generator = torch.Generator().manual_seed(seed)
    true = torch.randint(classes, (n,), generator=generator)
    scores = torch.randn(n, classes, generator=generator)
    scores[torch.arange(n), true] += 2.5
    redrawn = torch.rand(n, generator=generator) < noise
    labels = torch.where(redrawn, torch.randint(classes, (n,), generator=generator), true)
    labels[:classes] = torch.arange(classes)
    return scores.double().softmax(dim=1), labels


def joint_by_loops(probabilities: list, labels: list, classes: int) -> list[list[int]]:
    """The paper's equations (1) and (2), one example after another."""
    thresholds = []
    for j in range(classes):
        own = [row[j] for row, label in zip(probabilities, labels, strict=True) if label == j]
        thresholds.append(sum(own) / len(own) if own else math.inf)
    counts = [[0] * classes for _ in range(classes)]
    for row, label in zip(probabilities, labels, strict=True):
        sure = [j for j in range(classes) if row[j] >= thresholds[j] - 1e-6]
        if sure:
            counts[label][max(sure, key=lambda j: row[j])] += 1
    return counts


cases = st.tuples(st.integers(0, 2**31), st.integers(10, 80), st.integers(2, 6))


@settings(deadline=None, max_examples=60)
@given(cases)
def test_the_confident_joint_is_that_of_the_paper(case) -> None:
    probabilities, labels = drawn(*case)
    expected = joint_by_loops(probabilities.tolist(), labels.tolist(), case[2])
    assert confident_joint(probabilities, labels).tolist() == expected


@settings(deadline=None, max_examples=60)
@given(cases)
def test_thresholds_joint_and_found_rows_are_those_of_cleanlab(case) -> None:
    count = pytest.importorskip("cleanlab.count", reason="cleanlab is in the dev extra")
    from cleanlab.filter import find_label_issues

    probabilities, labels = drawn(*case)
    p, y = probabilities.numpy(), labels.numpy()
    ours = confident_thresholds(probabilities, labels).numpy()
    np.testing.assert_allclose(ours, count.get_confident_thresholds(y, p), rtol=1e-12)
    # where several classes are reached, cleanlab takes the most probable of *all* classes, reached or not
    reached = p >= ours - 1e-6
    top = p.argmax(axis=1)
    assume(all(reached[i, top[i]] for i in range(len(y)) if reached[i].sum() > 1))
    theirs = count.compute_confident_joint(y, p, calibrate=False)
    joint = confident_joint(probabilities, labels).numpy().copy()
    np.fill_diagonal(joint, joint.diagonal().clip(min=1))  # cleanlab counts at least one right label a class
    np.testing.assert_array_equal(joint, theirs)
    found = find_label_issues(y, p, filter_by="confident_learning", n_jobs=1)
    np.testing.assert_array_equal(confidently_wrong(probabilities, labels).numpy(), found)


@settings(deadline=None, max_examples=60)
@given(cases, st.floats(0, 1))
def test_the_least_confident_have_the_largest_losses(case, share: float) -> None:
    probabilities, labels = drawn(*case)
    count = round(share * len(labels))
    found = least_confident(probabilities, labels, count)
    losses = torch.nn.functional.nll_loss(probabilities.log(), labels, reduction="none")
    assert int(found.sum()) == count
    if 0 < count < len(labels):
        assert losses[found].min() >= losses[~found].max()


def test_self_confidence_is_that_of_cleanlab() -> None:
    rank = pytest.importorskip("cleanlab.rank", reason="cleanlab is in the dev extra")
    probabilities, labels = drawn(0, 50, 4)
    theirs = rank.get_self_confidence_for_each_label(labels.numpy(), probabilities.numpy())
    np.testing.assert_allclose(self_confidence(probabilities, labels).numpy(), theirs)


def test_a_class_that_is_never_given_is_never_confident() -> None:
    probabilities = torch.tensor([[0.1, 0.2, 0.7], [0.6, 0.3, 0.1]])
    labels = torch.tensor([1, 0])
    assert confident_thresholds(probabilities, labels)[2] == math.inf
    assert 2 not in confident_classes(probabilities, labels)


def test_an_example_that_reaches_no_threshold_is_counted_nowhere() -> None:
    probabilities = torch.tensor([[0.9, 0.1], [0.1, 0.9], [0.5, 0.5]])
    labels = torch.tensor([0, 1, 0])  # thresholds 0.7 and 0.9
    assert confident_classes(probabilities, labels).tolist() == [0, 1, -1]
    assert confident_joint(probabilities, labels).tolist() == [[1, 0], [0, 1]]


def test_from_sure_predictions_the_noise_matrix_is_read_off() -> None:
    true = torch.tensor([0] * 10 + [1] * 10)
    labels = true.clone()
    labels[:3] = 1  # 30 % of class 0
    probabilities = torch.nn.functional.one_hot(true, 2).double() * 0.98 + 0.01
    joint = confident_joint(probabilities, labels)
    assert joint.tolist() == [[7, 0], [3, 10]]
    expected = torch.tensor([[0.7, 0.3], [0.0, 1.0]], dtype=torch.float64)
    torch.testing.assert_close(estimated_noise_matrix(joint, labels), expected)


def test_precision_and_recall_are_those_of_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    generator = torch.Generator().manual_seed(0)
    found, wrong = (torch.rand(100, generator=generator) < p for p in (0.3, 0.4))
    ours = detection(found, wrong)
    assert ours.precision == pytest.approx(metrics.precision_score(wrong, found))
    assert ours.recall == pytest.approx(metrics.recall_score(wrong, found))
    assert ours.found == int(found.sum())


def test_where_nothing_is_found_or_wrong_there_is_no_share() -> None:
    nothing, something = torch.zeros(3, dtype=torch.bool), torch.tensor([True, False, False])
    assert math.isnan(detection(nothing, something).precision)
    assert detection(nothing, something).recall == 0
    assert math.isnan(detection(something, nothing).recall)


def test_every_example_is_predicted_once_and_never_from_itself() -> None:
    seen = []

    def predict(train_rows: torch.Tensor, other_rows: torch.Tensor) -> torch.Tensor:
        assert not set(train_rows.tolist()) & set(other_rows.tolist())
        assert len(train_rows) + len(other_rows) == 23
        seen.extend(other_rows.tolist())
        return other_rows[:, None] * torch.tensor([1.0, 10.0])

    said = out_of_sample(predict, 23, folds=4, generator=torch.Generator().manual_seed(0))
    assert sorted(seen) == list(range(23))
    assert said.tolist() == [[k, 10.0 * k] for k in range(23)]


@pytest.mark.parametrize("folds", [1, 6])
def test_folds_out_of_range_are_refused(folds: int) -> None:
    with pytest.raises(ValueError, match=f"folds is {folds}"):
        out_of_sample(lambda _train, _other: torch.zeros(1), 5, folds=folds, generator=torch.Generator())


@pytest.mark.parametrize(
    ("probabilities", "labels", "named"),
    [
        (torch.rand(3), torch.tensor([0, 1, 1]), "probabilities is"),
        (torch.ones(3, 2, dtype=torch.int64), torch.tensor([0, 1, 1]), "probabilities is"),
        (torch.rand(3, 2), torch.tensor([0, 1]), "labels is"),
        (torch.rand(3, 2), torch.tensor([0.0, 1.0, 1.0]), "labels is"),
        (torch.rand(3, 2), torch.tensor([0, 1, 2]), "labels go from 0 to 2"),
    ],
)
def test_what_does_not_fit_together_is_refused_by_name(probabilities, labels, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        confident_joint(probabilities, labels)


def test_more_examples_cannot_be_found_than_there_are() -> None:
    with pytest.raises(ValueError, match="count is 4"):
        least_confident(torch.rand(3, 2), torch.tensor([0, 1, 1]), 4)


def test_masks_of_other_kinds_are_refused() -> None:
    with pytest.raises(ValueError, match="both must be masks"):
        detection(torch.tensor([1, 0]), torch.tensor([True, False]))
