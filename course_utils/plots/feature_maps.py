"""Weights and activations as pictures that `course_utils.plots.images` draws."""

from __future__ import annotations

from typing import Any

import numpy as np

from course_utils.plots.style import as_array


def as_pictures(values: Any, *, signed: bool = False) -> Any:
    """Scale each picture to the whole range of grey or colour.

    Parameters
    ----------
    values
        Weights or activations, (n, height, width) or (n, 1 or 3, height, width), any numbers.
    signed
        Whether 0 is to be middle grey, with the largest number of either sign black or white. Otherwise the
        smallest number is black and the largest white.

    Returns
    -------
    ndarray
        uint8, of the same shape; a picture of one single value is black, or middle grey if ``signed``.

    Raises
    ------
    ValueError
        If there is no picture in it, or a number is not finite.
    """
    numbers = as_array(values).astype(float)
    if numbers.ndim not in (3, 4) or numbers.size == 0 or not np.isfinite(numbers).all():
        raise ValueError(
            f"values have the shape {numbers.shape}, but (n, height, width) or (n, channels, height, width) "
            "is expected, at least one picture, all numbers finite."
        )
    over = tuple(range(1, numbers.ndim))
    if signed:
        reach = np.abs(numbers).max(axis=over, keepdims=True)
        shares = 0.5 + 0.5 * numbers / np.where(reach > 0, reach, 1)
    else:
        low = numbers.min(axis=over, keepdims=True)
        span = numbers.max(axis=over, keepdims=True) - low
        shares = (numbers - low) / np.where(span > 0, span, 1)
    return np.round(255 * shares).astype(np.uint8)
