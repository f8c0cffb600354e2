"""Which pixels of a picture an output of a layer sees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from course_utils.plots.style import COLOURS, as_array, new_figure, set_title, style

SEEN = np.array(to_rgb(COLOURS[0]))
WASHED_OUT = 0.35  # how much of the picture is left where nothing is seen


@style()
def seen_pixels(
    seen: Sequence[Any],
    *,
    title: str,
    titles: Sequence[str],
    picture: Any = None,
    columns: int = 3,
) -> Figure:
    """Colour the pixels that one output sees; several outputs beside one another.

    Parameters
    ----------
    seen
        One array (height, width) per output, not negative: 0 where a pixel is not seen. Truth values colour
        all seen pixels alike; numbers colour them the stronger the larger they are.
    title
        Over all.
    titles
        A short one over each, as many as outputs.
    picture
        What lies below, uint8, (height, width), (1, height, width) or (3, height, width); default: nothing.
    columns
        How many stand in a row.

    Raises
    ------
    ValueError
        If the sizes do not fit together, or a number is negative.
    """
    fields = [as_array(field).astype(float) for field in seen]
    if len(fields) != len(titles) or not fields:
        raise ValueError(
            f"{len(fields)} outputs need as many titles, at least one, but there are {len(titles)}."
        )
    for number, field in enumerate(fields):
        if field.ndim != 2 or field.shape != fields[0].shape or not (field >= 0).all():
            raise ValueError(
                f"seen[{number}] must be (height, width), of one size for all and nowhere negative, but it "
                f"has the shape {field.shape}" + (" and negative numbers." if (field < 0).any() else ".")
            )
    paper = _paper(picture, fields[0].shape)
    columns = min(columns, len(fields))
    rows = -(-len(fields) // columns)
    side = 9.0 / max(columns, 3)
    figure = new_figure(side * columns, rows * (side + 0.25) + 0.7)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, field, text in zip(panels, fields, titles, strict=False):
        strength = _strength(field)[:, :, None]
        axes.imshow((1 - strength) * paper + strength * SEEN, interpolation="nearest")
        axes.set_axis_off()
        set_title(axes, text, width=side)
    for axes in panels[len(fields) :]:
        axes.set_axis_off()
    set_title(figure, title, width=side * columns - 0.3)
    return figure


def _strength(field: Any) -> Any:
    """Return how strongly each pixel is coloured, 0 (not seen) or .25 to .7."""
    largest = field.max()
    if largest == 0:
        return np.zeros_like(field)
    return np.where(field > 0, 0.25 + 0.45 * field / largest, 0.0)


def _paper(picture: Any, shape: tuple[int, ...]) -> Any:
    """Return what lies below, (height, width, 3) in 0 to 1: a washed-out grey picture, or light grey."""
    if picture is None:
        return np.full((*shape, 3), 0.93)
    pixels = as_array(picture)
    grey = pixels if pixels.ndim == 2 else pixels.mean(axis=0)
    if pixels.dtype != np.uint8 or grey.shape != shape:
        raise ValueError(
            f"The picture has dtype {pixels.dtype} and shape {pixels.shape}, but uint8 of "
            f"{shape[0]} x {shape[1]} pixels is expected, as the outputs see them."
        )
    return np.repeat((1 - WASHED_OUT * (1 - grey / 255))[:, :, None], 3, axis=2)
