"""Pictures of a data set in rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from course_utils.plots.style import as_array, new_figure, set_title, style


@style()
def images(pictures: Any, *, title: str, titles: Sequence[str] | None = None, columns: int = 8) -> Figure:
    """Draw pictures in rows, every pixel as a square.

    Parameters
    ----------
    pictures
        uint8, (n, height, width), (n, 1, height, width) or (n, 3, height, width): the layouts of data sets.
    title
        Over all.
    titles
        A short one over each picture.
    columns
        Pictures in a row.

    Raises
    ------
    ValueError
        If the pictures have another type or shape, or the titles are not as many.
    """
    pixels = as_array(pictures)
    if pixels.dtype != np.uint8:
        raise ValueError(
            f"Pictures have dtype {pixels.dtype}, but uint8 is expected: the images as `load` gives them, "
            "before they are scaled."
        )
    if pixels.ndim == 3:
        pixels = pixels[:, None]
    if pixels.ndim != 4 or pixels.shape[1] not in (1, 3) or len(pixels) == 0:
        raise ValueError(
            f"Pictures have shape {as_array(pictures).shape}, but (n, height, width), (n, 1, height, width) "
            "or (n, 3, height, width) is expected, with at least one picture."
        )
    if titles is not None and len(titles) != len(pixels):
        raise ValueError(f"{len(pixels)} pictures need as many titles, but there are {len(titles)}.")
    columns = min(columns, len(pixels))
    rows = -(-len(pixels) // columns)
    side = 9.6 / max(columns, 5)
    width = max(columns * side, 4.0)
    lines = 0 if titles is None else max(text.count("\n") + 1 for text in titles)
    figure = new_figure(width, rows * (side + 0.2 * lines) + 0.6)
    for position, axes in enumerate(figure.subplots(rows, columns, squeeze=False).ravel()):
        axes.set_axis_off()
        if position >= len(pixels):
            continue
        picture = pixels[position].transpose(1, 2, 0)  # (height, width, channels)
        axes.imshow(
            picture.squeeze(-1) if picture.shape[-1] == 1 else picture,
            cmap="gray",
            vmin=0,
            vmax=255,
            interpolation="nearest",
        )
        if titles is not None:
            axes.set_title(titles[position], fontsize=10, loc="center", pad=3)
    set_title(figure, title, width=width - 0.3)
    return figure
