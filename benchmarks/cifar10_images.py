"""The images that training is timed on: CIFAR-10, or embedded ones of the same size in their place."""

from __future__ import annotations

import torch

from course_utils.data import Split, load
from course_utils.data.errors import DataError


def cifar10(train: int, test: int = 0) -> tuple[str, Split, Split]:
    """Return where the images come from, and so many training and test images.

    The real ones stay in the file that they are read from. The embedded ones are fewer and are repeated:
    times and memory are the same then, accuracies mean nothing.
    """
    try:
        data = load("cifar10", scale="laptop")
    except DataError:
        data = load("cifar10", scale="smoke")
    return data.source, _first(data.train, train), _first(data.test, test)


def _first(split: Split, count: int) -> Split:
    if count <= len(split):
        return Split(split.images[:count], split.labels[:count])
    rows = torch.arange(count) % len(split)
    return Split(split.images[rows], split.labels[rows])
