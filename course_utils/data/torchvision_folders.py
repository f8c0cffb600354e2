"""Data sets in the folders that torchvision itself makes and reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from course_utils.data.arrays import Arrays, Found, check_arrays
from course_utils.data.errors import DataError
from course_utils.data.specifications import Specification


def find_torchvision_folder(specification: Specification, directory: Path) -> Found | None:
    """Return torchvision's files for the data set in `directory`, or None unless all are there."""
    files = tuple(directory / file for file in specification.unpacked)
    if not all(file.is_file() for file in files):
        return None
    source = f"torchvision folder {specification.unpacked[0].split('/')[0]}"
    return Found(source, files, lambda: read_torchvision_folder(specification, directory))


def read_torchvision_folder(specification: Specification, directory: Path) -> Arrays:
    """Read a data set with torchvision's reader, which knows the checksums of what it unpickles.

    Raises
    ------
    DataError
        If torchvision refuses the files, or they hold something else than the data set.
    """
    from torchvision import datasets

    reader = getattr(datasets, specification.torchvision_class)
    folder = (directory / specification.unpacked[0]).parent
    try:
        train, test = (reader(root=str(directory), train=train, download=False) for train in (True, False))
    except Exception as error:  # its readers raise RuntimeError, ValueError, EOFError, AssertionError, ...
        reason = str(error) or type(error).__name__
        raise DataError(
            f"torchvision cannot read {specification.name} in {folder} ({reason}). "
            "Delete this folder; the data are then fetched again."
        ) from error
    arrays = Arrays(_images(train.data), _labels(train.targets), _images(test.data), _labels(test.targets))
    check_arrays(arrays, specification, str(folder))
    return arrays


def _images(data: Any) -> NDArray[np.uint8]:
    images = np.asarray(data)
    # (N, H, W) grey or (N, H, W, C) colour -> (N, C, H, W)
    return np.ascontiguousarray(images[:, None] if images.ndim == 3 else images.transpose(0, 3, 1, 2))


def _labels(targets: Any) -> NDArray[np.int64]:
    return np.asarray(targets).astype(np.int64)
