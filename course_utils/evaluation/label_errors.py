"""Which labels of a data set are wrong? What a classifier's probabilities tell, if it never saw those labels.

Confident learning is Northcutt, Jiang and Chuang, "Confident Learning: Estimating Uncertainty in Dataset
Labels", JAIR 70 (2021); equation numbers are theirs. ``probabilities`` are always float (N, classes), row by
row of the same examples as ``labels``, int64 (N,).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor


class Detection(NamedTuple):
    """How good a search for wrong labels was: shares in [0, 1], nan where there is nothing to divide by."""

    precision: float  # of the found ones, how many are wrong
    recall: float  # of the wrong ones, how many were found
    found: int


def self_confidence(probabilities: Tensor, labels: Tensor) -> Tensor:
    """Return the probability of each given label, (N,): the loss of an example is minus its logarithm.

    Raises
    ------
    ValueError
        If probabilities and labels do not fit together.
    """
    _check(probabilities, labels)
    return probabilities.gather(1, labels[:, None])[:, 0]


def least_confident(probabilities: Tensor, labels: Tensor, count: int) -> Tensor:
    """Return a mask (N,) of the ``count`` examples with the largest loss; of equal ones the first.

    Parameters
    ----------
    probabilities, labels
        As above.
    count
        Between 0 and N.

    Raises
    ------
    ValueError
        If an argument is out of range.
    """
    confidence = self_confidence(probabilities, labels)
    if not 0 <= count <= len(labels):
        raise ValueError(f"count is {count}, but there are {len(labels)} examples to choose from.")
    found = torch.zeros_like(labels, dtype=torch.bool)
    found[confidence.argsort(stable=True)[:count]] = True
    return found


def confident_thresholds(probabilities: Tensor, labels: Tensor) -> Tensor:
    """Return how sure the classifier is of each class where it is given, float64 (classes,); equation (2).

    The threshold of class j is the mean of the probabilities of j over the examples *labelled* j; that of a
    class that is never given is infinite: nothing is confidently of this class.

    Raises
    ------
    ValueError
        If probabilities and labels do not fit together.
    """
    confidence = self_confidence(probabilities, labels).double()
    classes = probabilities.shape[1]
    counts = torch.bincount(labels, minlength=classes)
    sums = torch.zeros(classes, dtype=torch.float64).index_add(0, labels, confidence)
    return torch.where(counts > 0, sums / counts.clamp(min=1), torch.inf)


def confident_classes(probabilities: Tensor, labels: Tensor) -> Tensor:
    """Return the class that each example confidently has, int64 (N,); -1 where there is none.

    Of the classes whose probability reaches the class's threshold it is the most probable one.

    Raises
    ------
    ValueError
        If probabilities and labels do not fit together.
    """
    # sums of the same numbers in another order differ in their last digits
    reached = probabilities >= confident_thresholds(probabilities, labels) - 1e-6
    best = torch.where(reached, probabilities, -torch.inf).argmax(dim=1)
    return torch.where(reached.any(dim=1), best, -1)


def confident_joint(probabilities: Tensor, labels: Tensor) -> Tensor:
    """Return how many examples are labelled i and confidently of class j, int64 (classes, classes); (1).

    Raises
    ------
    ValueError
        If probabilities and labels do not fit together.
    """
    confident = confident_classes(probabilities, labels)
    classes = probabilities.shape[1]
    kept = confident >= 0
    pairs = labels[kept] * classes + confident[kept]
    return torch.bincount(pairs, minlength=classes**2).view(classes, classes)


def confidently_wrong(probabilities: Tensor, labels: Tensor) -> Tensor:
    """Return a mask (N,) of the examples that are confidently of another class than the given one.

    They are those that the confident joint counts off its diagonal, without the ones whose given label is the
    most probable class all the same (as in cleanlab).

    Raises
    ------
    ValueError
        If probabilities and labels do not fit together.
    """
    confident = confident_classes(probabilities, labels)
    return (confident >= 0) & (confident != labels) & (probabilities.argmax(dim=1) != labels)


def estimated_noise_matrix(joint: Tensor, labels: Tensor) -> Tensor:
    """Return the estimate of P(given j | true i), float64 (classes, classes), from a confident joint.

    Each row of the joint is scaled to as many examples as have this label, equation (3); then the *columns*,
    one for each true class, are what the rows of a noise matrix are made of.

    Parameters
    ----------
    joint
        From `confident_joint`.
    labels
        The given ones.

    Returns
    -------
    Tensor
        Rows add up to 1; that of a class that no example confidently has is nan.
    """
    counts = torch.bincount(labels, minlength=len(joint)).double()
    rows = joint.double()
    scaled = rows / rows.sum(dim=1, keepdim=True).clamp(min=1) * counts[:, None]  # (given, true)
    return (scaled / scaled.sum(dim=0, keepdim=True)).T


def detection(found: Tensor, wrong: Tensor) -> Detection:
    """Return precision and recall of the found examples, bool (N,), against those that are wrong, bool (N,).

    Raises
    ------
    ValueError
        If the two are not masks of one length.
    """
    if found.shape != wrong.shape or found.dtype != torch.bool or wrong.dtype != torch.bool:
        raise ValueError(
            f"found is {found.dtype} {tuple(found.shape)} and wrong {wrong.dtype} {tuple(wrong.shape)}, but "
            "both must be masks, bool, of the same examples."
        )
    both, chosen, planted = (int(mask.sum()) for mask in (found & wrong, found, wrong))
    return Detection(
        precision=both / chosen if chosen else float("nan"),
        recall=both / planted if planted else float("nan"),
        found=chosen,
    )


def out_of_sample(
    predict: Callable[[Tensor, Tensor], Tensor], n: int, *, folds: int, generator: torch.Generator
) -> Tensor:
    """Return for each of ``n`` examples what a classifier says that was trained without it.

    Parameters
    ----------
    predict
        ``predict(train_rows, other_rows)``, both int64, trains a new classifier on the first and returns its
        probabilities for the second, (len(other_rows), classes).
    n
        Number of examples.
    folds
        Into how many parts the examples are shuffled, at least 2 and at most ``n``; each is predicted from
        the others.
    generator
        CPU generator of the order.

    Returns
    -------
    Tensor
        (n, classes), in the order of the examples.

    Raises
    ------
    ValueError
        If ``folds`` is out of range.
    """
    if not 2 <= folds <= n:
        raise ValueError(f"folds is {folds}, but must be between 2 and the number of examples, {n}.")
    parts = torch.randperm(n, generator=generator).tensor_split(folds)
    said = [predict(torch.cat([*parts[:k], *parts[k + 1 :]]), part) for k, part in enumerate(parts)]
    return torch.cat(said)[torch.cat(parts).argsort()]


def _check(probabilities: Tensor, labels: Tensor) -> None:
    if probabilities.ndim != 2 or not probabilities.is_floating_point():
        raise ValueError(
            f"probabilities is {probabilities.dtype} of shape {tuple(probabilities.shape)}, but must be "
            "floating-point numbers (N, classes)."
        )
    if labels.shape != probabilities.shape[:1] or labels.dtype != torch.int64:
        raise ValueError(
            f"labels is {labels.dtype} of shape {tuple(labels.shape)}, but must be int64 "
            f"({len(probabilities)},): one for each row of probabilities."
        )
    if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < probabilities.shape[1]:
        raise ValueError(
            f"labels go from {int(labels.min())} to {int(labels.max())}, but probabilities has the classes "
            f"0 to {probabilities.shape[1] - 1}."
        )
