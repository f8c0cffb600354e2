"""What wrong labels do to a classifier, and to the figure that says how good it is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from course_utils.data.corruption import check_noise_matrix


class NoiseAccuracy(NamedTuple):
    """Accuracies of one set of examples as in report 000, table 4; nan where there are no such examples.

    Attributes
    ----------
    corrupted, uncorrupted
        On the rows that were corrupted, and on the others, with the labels given.
    all
        On all rows, with the labels given.
    true
        On all rows, with the true labels.
    """

    corrupted: float
    uncorrupted: float
    all: float
    true: float


def noise_accuracy(
    predictions: Tensor, labels: Tensor, corrupted: Tensor, true_labels: Tensor
) -> NoiseAccuracy:
    """Return the accuracy on corrupted, on uncorrupted and on all given labels, and on the true ones.

    Parameters
    ----------
    predictions
        Predicted classes, int64 (N,).
    labels
        Labels as given, int64 (N,).
    corrupted
        bool (N,), see `course_utils.data.corruption.Corrupted`.
    true_labels
        int64 (N,).

    Raises
    ------
    ValueError
        If the four differ in shape, or `corrupted` is no mask.
    """
    for name, given in (("labels", labels), ("corrupted", corrupted), ("true_labels", true_labels)):
        if given.shape != predictions.shape or given.ndim != 1:
            raise ValueError(
                f"{name} has shape {tuple(given.shape)} and predictions {tuple(predictions.shape)}, "
                "but both must be (N,): one entry for each example."
            )
    if corrupted.dtype != torch.bool:
        raise ValueError(f"corrupted is {corrupted.dtype}, but must be a mask of dtype bool, one per row.")
    right = predictions == labels
    return NoiseAccuracy(
        corrupted=_share(right[corrupted]),
        uncorrupted=_share(right[~corrupted]),
        all=_share(right),
        true=_share(predictions == true_labels),
    )


def epochs_to(
    curve: Sequence[float], levels: Sequence[float], *, epochs: Sequence[int] | None = None
) -> list[float]:
    """Return the first epoch at which an accuracy curve reaches each level; nan where it never does.

    Parameters
    ----------
    curve
        Accuracies, one per recorded epoch; nan counts as not reached.
    levels
        Accuracies to be reached.
    epochs
        The epoch of each entry, as `course_utils.training.history.History.epochs`; by default 0, 1, 2, …:
        a history begins before the first step.

    Raises
    ------
    ValueError
        If `epochs` has another length than the curve.
    """
    numbers = range(len(curve)) if epochs is None else epochs
    if len(numbers) != len(curve):
        raise ValueError(f"epochs has {len(numbers)} entries and curve {len(curve)}: give one for each.")
    return [
        next((float(n) for n, value in zip(numbers, curve, strict=True) if value >= level), math.nan)
        for level in levels
    ]


def expected_accuracy(matrix: Tensor, classifier: float | Tensor) -> float:
    """Return the accuracy that labels noisy by `matrix` give, in the mean, a classifier that never saw them.

    A prediction j of an example of class i agrees with its label with probability ``matrix[i, j]``.

    Parameters
    ----------
    matrix
        Noise matrix (classes, classes) of the test labels.
    classifier
        Its confusion on true labels (classes, classes), counts or shares: [i, j] of class i, predicted j. Or
        its accuracy on them, a number in [0, 1], which is enough if all classes keep their label equally
        often and all wrong labels of the matrix are equally likely.

    Raises
    ------
    ValueError
        If the matrix is no noise matrix, the confusion has other classes, or an accuracy is not enough.
    """
    check_noise_matrix(matrix)
    noise = matrix.double()
    if isinstance(classifier, Tensor) and classifier.ndim == 2:
        total = float(classifier.sum())
        if classifier.shape != matrix.shape or bool((classifier < 0).any()) or not total > 0:
            raise ValueError(
                f"classifier has shape {tuple(classifier.shape)} and matrix {tuple(matrix.shape)}, but a "
                "confusion must count every pair of these classes: none negative, not all 0."
            )
        return float((classifier.to(noise.device, torch.float64) / total * noise).sum())
    accuracy = float(classifier)
    if not 0 <= accuracy <= 1:
        raise ValueError(f"classifier is {accuracy}, but an accuracy is in [0, 1].")
    kept, wrong = noise.diagonal(), noise[~torch.eye(len(noise), dtype=torch.bool, device=noise.device)]
    if float(kept.max() - kept.min()) > 1e-9 or float(wrong.max() - wrong.min()) > 1e-9:
        raise ValueError(
            "An accuracy is not enough for this matrix: it matters which classes are mistaken for which. "
            "Give the confusion matrix (classes, classes) as classifier."
        )
    return accuracy * float(kept[0]) + (1 - accuracy) * float(wrong[0])


def _share(right: Tensor) -> float:
    return float(right.float().mean()) if len(right) else math.nan
