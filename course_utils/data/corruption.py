"""Wrong labels and spoilt images: functions of (tensors, generator) that change nothing in place.

A noise matrix is a row for each true class: ``matrix[i, j]`` is the probability that an example of class i is
given the label j (report 000, sections 4, 5 and 8; Zhang et al. 2017 for the images).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Generator, Tensor

PART = 2000
"""So many images are worked on at a time: the random numbers of 50 000 would take 0.6 GB."""


class Corrupted(NamedTuple):
    """Labels as they are given, and which rows were corrupted.

    Attributes
    ----------
    labels
        int64 (N,): the labels given.
    corrupted
        bool (N,): the rows whose label was drawn. By chance some of them keep their true label; what a noise
        matrix changed (`relabel`) is changed in every such row.
    """

    labels: Tensor
    corrupted: Tensor


class FixedClean(NamedTuple):
    """A training set with a fixed number of clean labels, and re-drawn ones beside them.

    Attributes
    ----------
    rows
        int64 (n,): which rows of the source it takes, the clean ones first.
    labels
        int64 (n,): the labels given to these rows.
    corrupted
        bool (n,): the rows whose label was re-drawn.
    """

    rows: Tensor
    labels: Tensor
    corrupted: Tensor


def random_labels(labels: Tensor, fraction: float, *, classes: int, generator: Generator) -> Corrupted:
    """Re-draw the labels of a fraction of the rows, uniformly over all classes (report 000, section 4.1).

    Exactly ``round(fraction * N)`` rows are re-drawn. The true class is among the classes drawn from, so only
    about ``fraction * (classes - 1) / classes`` of the labels change.

    Parameters
    ----------
    labels
        True labels, int64 (N,), in [0, classes).
    fraction
        Share of the rows to re-draw, in [0, 1].
    classes
        Number of classes.
    generator
        Where the randomness comes from.

    Raises
    ------
    ValueError
        If the labels are no class numbers, or the fraction is not in [0, 1].
    """
    _check_labels(labels, classes)
    _check_share("fraction", fraction)
    rows = _shuffled(len(labels), generator, labels.device)[: round(fraction * len(labels))]
    given, corrupted = labels.clone(), torch.zeros_like(labels, dtype=torch.bool)
    given[rows] = _integers(classes, rows.shape, generator, labels.device)
    corrupted[rows] = True
    return Corrupted(given, corrupted)


def relabel(labels: Tensor, matrix: Tensor, *, generator: Generator) -> Corrupted:
    """Draw every label from the noise matrix's row of its true class; corrupted are the labels that change.

    Parameters
    ----------
    labels
        True labels, int64 (N,), in [0, classes).
    matrix
        Noise matrix (classes, classes), see `check_noise_matrix`.
    generator
        Where the randomness comes from.

    Raises
    ------
    ValueError
        If the matrix is no noise matrix, or the labels are not its classes.
    """
    check_noise_matrix(matrix)
    _check_labels(labels, len(matrix))
    given = torch.empty_like(labels)
    for true, row in enumerate(matrix):
        mine = labels == true
        if mine.any():
            row = row.to(generator.device, torch.float64)
            drawn = torch.multinomial(row, int(mine.sum()), replacement=True, generator=generator)
            given[mine] = drawn.to(labels.device)
    return Corrupted(given, given != labels)


def symmetric_noise(classes: int, rate: float) -> Tensor:
    """Return the matrix of labels that change with probability `rate`, to each other class alike.

    float64 (classes, classes): ``1 - rate`` on the diagonal, ``rate / (classes - 1)`` beside it.
    """
    _check_classes(classes)
    _check_share("rate", rate)
    off = rate / (classes - 1)
    return torch.eye(classes, dtype=torch.float64) * (1 - rate - off) + off


def pair_flip_noise(classes: int, rate: float) -> Tensor:
    """Return the matrix of labels that turn into the next class (the last into the first) with this `rate`.

    float64 (classes, classes): ``1 - rate`` on the diagonal, `rate` at ``[i, (i + 1) % classes]``.
    """
    _check_classes(classes)
    _check_share("rate", rate)
    same = torch.eye(classes, dtype=torch.float64)
    return (1 - rate) * same + rate * same.roll(1, dims=1)


def redrawn_noise(classes: int, fraction: float) -> Tensor:
    """Return the matrix of labels re-drawn from all classes with probability `fraction` (`random_labels`).

    float64 (classes, classes): ``fraction / classes`` everywhere, and ``1 - fraction`` more on the diagonal.
    """
    _check_classes(classes)
    _check_share("fraction", fraction)
    return (1 - fraction) * torch.eye(classes, dtype=torch.float64) + fraction / classes


def check_noise_matrix(matrix: Tensor) -> None:
    """Raise a ValueError, in a sentence, if `matrix` is not (classes, classes) with rows of probabilities."""
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or len(matrix) < 2:
        raise ValueError(
            f"matrix has shape {tuple(matrix.shape)}, but must be (classes, classes), at least 2 classes."
        )
    if not matrix.is_floating_point() or not bool(torch.isfinite(matrix).all()) or bool((matrix < 0).any()):
        raise ValueError(
            "matrix holds something that is no probability. Its entries must be floating-point numbers, "
            "none of them negative or nan."
        )
    sums = matrix.sum(dim=1)
    worst = int((sums - 1).abs().argmax())
    if abs(float(sums[worst]) - 1) > 1e-5:
        raise ValueError(
            f"Row {worst} of matrix sums to {float(sums[worst]):.4f}, but each row must sum to 1: it holds "
            f"the probabilities of all labels that an example of class {worst} may be given."
        )


def systematic_labels(labels: Tensor, *, keep: Sequence[int], generator: Generator) -> Corrupted:
    """Give every example of the other classes a random label among the classes kept (report 000, section 5).

    Parameters
    ----------
    labels
        True labels, int64 (N,).
    keep
        The classes that keep their labels; labels stay the source's class numbers.
    generator
        Where the randomness comes from.

    Returns
    -------
    Corrupted
        Corrupted are exactly the rows of the other classes.

    Raises
    ------
    ValueError
        If the labels are no class numbers, or `keep` is empty or names a class twice.
    """
    _check_labels(labels, None)
    if not keep or len(set(keep)) != len(keep):
        raise ValueError(f"keep is {tuple(keep)}, but must name at least one class, each of them once.")
    kept = torch.tensor(tuple(keep), dtype=torch.int64, device=labels.device)
    corrupted = ~torch.isin(labels, kept)
    given = labels.clone()
    given[corrupted] = kept[_integers(len(kept), (int(corrupted.sum()),), generator, labels.device)]
    return Corrupted(given, corrupted)


def fixed_clean(
    labels: Tensor, *, clean: int, fraction: float, classes: int, generator: Generator
) -> FixedClean:
    """Take `clean` rows with their labels, and so many re-drawn ones that their share is `fraction`.

    In all ``round(clean / (1 - fraction))`` rows (report 000, section 4.2). From generators in the same state
    the clean rows are the same for every fraction, and a larger fraction has all rows of a smaller one.

    Parameters
    ----------
    labels
        True labels of the source, int64 (N,), in [0, classes).
    clean
        Number of rows that keep their label.
    fraction
        Share of re-drawn rows in the result, in [0, 1).
    classes
        Number of classes.
    generator
        Where the randomness comes from.

    Raises
    ------
    ValueError
        If the source has too few rows, or the fraction is 1: no set with clean rows is all re-drawn.
    """
    _check_labels(labels, classes)
    _check_share("fraction", fraction)
    if fraction == 1:
        raise ValueError("fraction is 1, but a set with clean rows is never re-drawn wholly: give less.")
    total = round(clean / (1 - fraction))
    if clean < 1 or total > len(labels):
        raise ValueError(
            f"{clean} clean rows and a fraction of {fraction} make {total} rows, but the source has "
            f"{len(labels)}: give between 1 and {int(len(labels) * (1 - fraction))} as clean."
        )
    rows = _shuffled(len(labels), generator, labels.device)[:total]
    given = labels[rows]
    given[clean:] = _integers(classes, (total - clean,), generator, labels.device)
    return FixedClean(rows, given, torch.arange(total, device=labels.device) >= clean)


def shuffle_pixels(images: Tensor, *, generator: Generator, each: bool = False) -> Tensor:
    """Permute the positions of the pixels; the channels of a pixel stay together (Zhang et al. 2017).

    Parameters
    ----------
    images
        (N, C, H, W), any dtype.
    generator
        Where the randomness comes from.
    each
        One permutation for every image; otherwise a single one for all of them.

    Returns
    -------
    Tensor
        Shape and dtype of `images`.
    """
    _check_images(images, of_bytes=False)
    pixels, flat = images.shape[2] * images.shape[3], images.flatten(2)
    if not each:
        return flat[:, :, _shuffled(pixels, generator, images.device)].reshape(images.shape)
    shuffled = torch.empty_like(flat)
    for part, result in zip(flat.split(PART), shuffled.split(PART), strict=True):
        keys = torch.rand(len(part), pixels, generator=generator, device=generator.device)
        order = keys.argsort(dim=1).to(images.device)
        result.copy_(part.gather(2, order[:, None].expand_as(part)))
    return shuffled.reshape(images.shape)


def random_pixels(images: Tensor, *, generator: Generator) -> Tensor:
    """Return as many images of uniformly random bytes: uint8, the shape of `images` (uint8 (N, C, H, W))."""
    _check_images(images, of_bytes=True)
    drawn = torch.randint(256, images.shape, dtype=torch.uint8, generator=generator, device=generator.device)
    return drawn.to(images.device)


def gaussian_pixels(images: Tensor, *, generator: Generator) -> Tensor:
    """Return as many images of normal bytes with each channel's mean and deviation (Zhang et al. 2017).

    Mean and deviation are those of `images` (uint8 (N, C, H, W)); what is drawn is rounded and clipped to
    [0, 255], so that the deviation comes out somewhat smaller where bytes crowd at the ends.
    """
    _check_images(images, of_bytes=True)
    if not len(images):
        return images.clone()
    values = torch.arange(256, dtype=torch.float64)
    counts = torch.stack([channel.flatten().bincount(minlength=256) for channel in images.unbind(1)])
    weights = counts.cpu().double() / counts[0].sum().item()  # (C, 256)
    mean = weights @ values
    sd = (weights @ values**2 - mean**2).clamp_min(0).sqrt()
    mean, sd = (part.float().to(generator.device)[:, None, None] for part in (mean, sd))
    drawn = torch.empty_like(images)
    for result in drawn.split(PART):
        normal = torch.randn(result.shape, generator=generator, device=generator.device)
        result.copy_((normal * sd + mean).round().clamp(0, 255))
    return drawn


def _shuffled(n: int, generator: Generator, device: torch.device) -> Tensor:
    return torch.randperm(n, generator=generator, device=generator.device).to(device)


def _integers(below: int, shape: Sequence[int], generator: Generator, device: torch.device) -> Tensor:
    return torch.randint(below, tuple(shape), generator=generator, device=generator.device).to(device)


def _check_classes(classes: int) -> None:
    if classes < 2:
        raise ValueError(f"classes is {classes}, but labels can only be wrong among at least 2.")


def _check_share(name: str, share: float) -> None:
    if not 0 <= share <= 1:
        raise ValueError(f"{name} is {share}, but must be a share of the labels, in [0, 1].")


def _check_labels(labels: Tensor, classes: int | None) -> None:
    if labels.dtype != torch.int64 or labels.ndim != 1:
        raise ValueError(f"labels is {labels.dtype} {tuple(labels.shape)}, but must be int64 (N,).")
    if classes is not None:
        _check_classes(classes)
    if len(labels):
        low, high = int(labels.min()), int(labels.max())
        if low < 0 or (classes is not None and high >= classes):
            asked = "" if classes is None else f" to {classes - 1}"
            raise ValueError(f"labels are {low} to {high}, but class numbers are counted from 0{asked}.")


def _check_images(images: Tensor, *, of_bytes: bool) -> None:
    if images.ndim != 4 or (of_bytes and images.dtype != torch.uint8):
        wanted = "uint8 (N, C, H, W)" if of_bytes else "(N, C, H, W)"
        raise ValueError(f"images is {images.dtype} {tuple(images.shape)}, but must be {wanted}.")
