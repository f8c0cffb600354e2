"""The plain arrays of a data set on their way from a source to the store."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from course_utils.data.errors import DataError
from course_utils.data.specifications import Specification


@dataclass(frozen=True)
class Arrays:
    """A whole data set: images uint8 (N, C, H, W) and labels int64 (N,), for training and for test."""

    train_images: NDArray[np.uint8]
    train_labels: NDArray[np.int64]
    test_images: NDArray[np.uint8]
    test_labels: NDArray[np.int64]

    def items(self) -> list[tuple[str, NDArray[np.uint8] | NDArray[np.int64]]]:
        """Return the four arrays with their names, in a fixed order."""
        return list(vars(self).items())


@dataclass(frozen=True)
class Found:
    """Files from which a data set can be read, and the function that reads them."""

    source: str  # a fragment of a sentence: "pack mnist.parquet"
    files: tuple[Path, ...]
    read: Callable[[], Arrays]


def content_hash(arrays: Arrays, classes: tuple[str, ...]) -> str:
    """Return the SHA-256 of everything in the data set, as 64 hexadecimal digits."""
    digest = hashlib.sha256(repr(classes).encode())
    for name, array in arrays.items():
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def check_arrays(arrays: Arrays, specification: Specification, where: str) -> None:
    """Refuse arrays that are not the data set that `specification` describes; `where` names their origin."""
    image = (specification.channels, *specification.size)
    for split, images, labels in (
        ("train", arrays.train_images, arrays.train_labels),
        ("test", arrays.test_images, arrays.test_labels),
    ):
        if images.dtype != np.uint8 or images.shape[1:] != image:
            raise DataError(
                f"{where}: the {split} images are {images.dtype} of shape {images.shape[1:]}; "
                f"{specification.name} has uint8 images of shape {image}. Is it another data set?"
            )
        if len(images) == 0 or len(images) != len(labels):
            raise DataError(
                f"{where}: the {split} split holds {len(images)} images and {len(labels)} labels; "
                "it must hold as many of one as of the other. Fetch the file again."
            )
        check_labels(labels, specification, f"{where}, {split} split")


def check_labels(labels: NDArray[np.int64], specification: Specification, where: str) -> None:
    """Refuse labels outside 0 .. number of classes - 1."""
    wrong = np.flatnonzero((labels < 0) | (labels >= len(specification.classes)))
    if len(wrong):
        row = int(wrong[0])
        raise DataError(
            f"{where}: the label of row {row} is {labels[row]}, but {specification.name} has "
            f"{len(specification.classes)} classes, labelled 0 to {len(specification.classes) - 1} "
            f"({len(wrong)} labels are out of range). Make or fetch the file again."
        )
