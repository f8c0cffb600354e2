"""Embedded data that stand in for the real ones at scale `smoke`, without network or files."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from course_utils.data.arrays import Arrays, content_hash
from course_utils.data.dataset import DataSet, Split
from course_utils.data.drawn_clothes import GARMENTS, draw_clothes
from course_utils.data.drawn_shapes import SHAPES, draw_shapes
from course_utils.data.errors import DataError
from course_utils.data.specifications import Specification

SEED = 20_240_601  # the stand-ins are the same in every run
DIGITS_TEST = 360  # of scikit-learn's 1797 digits


def stand_in(specification: Specification) -> DataSet:
    """Return the embedded data that stand in for the data set at scale `smoke`.

    They are made in about a second the first time, then remembered; every call returns its own copy.
    """
    import torch

    arrays, classes, source, digest = _made(specification)
    tensors = {name: torch.from_numpy(array.copy()) for name, array in arrays.items()}
    return DataSet(
        train=Split(tensors["train_images"], tensors["train_labels"]),
        test=Split(tensors["test_images"], tensors["test_labels"]),
        classes=classes,
        name=specification.name,
        source=source,
        stand_in=True,
        content_hash=digest,
    )


def stand_in_source(specification: Specification) -> str:
    """Return what stands in for the data set, as a fragment of a sentence."""
    return f"embedded stand-in: {_row(specification)[0]}"


@cache
def _made(specification: Specification) -> tuple[Arrays, tuple[str, ...], str, str]:
    _, make, classes = _row(specification)
    arrays = make()
    classes = classes or specification.classes
    return arrays, classes, stand_in_source(specification), content_hash(arrays, classes)


def _row(specification: Specification) -> tuple[str, Callable[[], Arrays], tuple[str, ...] | None]:
    if specification.name not in STAND_INS:
        raise DataError(
            f"Nothing stands in for {specification.name} at scale smoke. "
            "Set COURSE_SCALE=laptop for the real data."
        )
    return STAND_INS[specification.name]


def _digits() -> Arrays:
    """Scikit-learn's 8x8 digits, enlarged to the 20x20 box in which MNIST centres its 28x28 ones."""
    table = _digits_table()
    digits, target = table[:, :-1].reshape(-1, 8, 8), table[:, -1]
    enlarge = _linear_interpolation(8, 20)  # (20, 8)
    boxes = enlarge @ (digits / 16.0) @ enlarge.T  # (1797, 20, 20), 0 to 1
    images = np.rint(np.pad(boxes, ((0, 0), (4, 4), (4, 4))) * 255.0).astype(np.uint8)[:, None]
    labels = target.astype(np.int64)
    order = np.random.default_rng(SEED).permutation(len(labels))
    test, train = order[:DIGITS_TEST], order[DIGITS_TEST:]
    return Arrays(images[train], labels[train], images[test], labels[test])


def _digits_table() -> NDArray[np.float64]:
    """Return (1797, 65): 64 pixels, 0 to 16, and the digit."""
    found = importlib.util.find_spec("sklearn")
    file = Path(found.origin).parent / "datasets/data/digits.csv.gz" if found and found.origin else None
    if file is not None and file.is_file():  # importing scikit-learn for it would take 140 MB
        return np.loadtxt(file, delimiter=",")
    from sklearn.datasets import load_digits

    digits = load_digits()
    return np.column_stack([digits.data, digits.target])


def _linear_interpolation(old: int, new: int) -> NDArray[np.float64]:
    """Return the matrix (new, old) that stretches `old` samples to `new` ones."""
    position = ((np.arange(new) + 0.5) * old / new - 0.5).clip(0, old - 1)
    return np.maximum(0.0, 1.0 - np.abs(position[:, None] - np.arange(old)[None, :]))


def _drawn(
    draw: Callable[[NDArray[np.int64], np.random.Generator], NDArray[np.uint8]], train: int, test: int
) -> Arrays:
    """Draw as many pictures of each of ten classes, in random order."""
    rng = np.random.default_rng(SEED)
    labels = [rng.permutation(np.arange(n) % 10).astype(np.int64) for n in (train, test)]
    return Arrays(draw(labels[0], rng), labels[0], draw(labels[1], rng), labels[1])


# Name of the data set -> what stands in for it, how it is made, its classes where they are others.
STAND_INS: dict[str, tuple[str, Callable[[], Arrays], tuple[str, ...] | None]] = {
    "mnist": ("scikit-learn's digits, enlarged", _digits, None),
    "fashion_mnist": ("drawn clothes", lambda: _drawn(draw_clothes, 2000, 500), None),
    "cifar10": ("drawn shapes", lambda: _drawn(draw_shapes, 4000, 1000), tuple(SHAPES)),
}
assert len(GARMENTS) == len(SHAPES) == 10
