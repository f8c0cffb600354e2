"""Mosaics: tiles side by side, framed by the attention that each of them gets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Polygon, Rectangle

from course_utils.plots.style import COLOURS, as_array, legend_below, new_figure, set_title, style, tint

FRAME_COLOUR, FOREGROUND_COLOUR = COLOURS[1], COLOURS[0]
MARGIN = 0.2  # of a tile's side; the frame of a weight of 1 fills it


@style()
def mosaics(
    pictures: Any,
    attention_weights: Any = None,
    *,
    title: str,
    foreground_at: Any = None,
    titles: Sequence[str] | None = None,
    columns: int = 4,
) -> Figure:
    """Draw mosaics in rows; a tile's frame is the wider and the stronger, the more attention it gets.

    Parameters
    ----------
    pictures
        uint8 (n, tiles, channels, height, width), 1 or 3 channels; as many tiles as a square has.
    attention_weights
        (n, tiles), between 0 and 1. None: no frames.
    title
        Over all.
    foreground_at
        Tile of the foreground, (n,), which gets a corner. None: no corners.
    titles
        A short one over each mosaic.
    columns
        Mosaics in a row.

    Raises
    ------
    ValueError
        If shapes do not fit together, pictures are no bytes, or weights are not between 0 and 1.
    """
    pixels = _checked_pictures(pictures)
    n, tiles = pixels.shape[:2]
    weights = None if attention_weights is None else _checked_weights(attention_weights, (n, tiles))
    places = None if foreground_at is None else _checked_places(foreground_at, n, tiles)
    if titles is not None and len(titles) != n:
        raise ValueError(f"{n} mosaics need as many titles, but there are {len(titles)}.")
    columns = min(columns, n)
    rows = -(-n // columns)
    side = 9.2 / max(columns, 4)
    width = max(columns * side, 5.0)
    lines = 0 if titles is None else max(text.count("\n") + 1 for text in titles)
    figure = new_figure(width, rows * (side + 0.22 * lines) + 1.1)
    for i, axes in enumerate(figure.subplots(rows, columns, squeeze=False).ravel()):
        if i >= n:
            axes.set_axis_off()
            continue
        draw_mosaic(
            axes,
            pixels[i],
            None if weights is None else weights[i],
            foreground_at=None if places is None else int(places[i]),
        )
        if titles is not None:
            axes.set_title(titles[i], fontsize=10, loc="center", pad=3)
    set_title(figure, title, width=width - 0.3)
    handles = mosaic_handles(weights=weights is not None, foreground=places is not None)
    if handles:
        legend_below(figure, handles, width=width)
    return figure


def draw_mosaic(
    axes: Axes, pixels: np.ndarray[Any, Any], weights: Any = None, *, foreground_at: int | None = None
) -> None:
    """Draw one mosaic on axes: a tile is 1 wide and high, and `MARGIN` apart from the edge of its cell.

    Parameters
    ----------
    axes
        Where to draw.
    pixels
        uint8 (tiles, channels, height, width).
    weights
        (tiles,), between 0 and 1. None: no frames.
    foreground_at
        Tile that gets a corner. None: none does.
    """
    per_row = math.isqrt(len(pixels))
    cell = 1 + 2 * MARGIN
    axes.set_axis_off()
    for t, tile in enumerate(pixels):
        left, top = (t % per_row) * cell + MARGIN, (t // per_row) * cell + MARGIN
        if weights is not None:
            weight = float(weights[t])
            # by the root: from 0 to 1/9 the eye then sees as much change as from 4/9 to 1
            strength = math.sqrt(weight)
            frame = MARGIN * strength
            axes.add_patch(
                Rectangle(
                    (left - frame, top - frame),
                    1 + 2 * frame,
                    1 + 2 * frame,
                    facecolor=_frame_colour(weight),
                    edgecolor="none",
                    zorder=1,
                )
            )
        picture = tile.transpose(1, 2, 0)
        axes.imshow(
            picture.squeeze(-1) if picture.shape[-1] == 1 else picture,
            extent=(left, left + 1, top + 1, top),
            cmap="gray",
            vmin=0,
            vmax=255,
            interpolation="nearest",
            zorder=2,
        )
        if t == foreground_at:
            axes.add_patch(
                Polygon(
                    [(left, top), (left + 0.36, top), (left, top + 0.36)],
                    facecolor=FOREGROUND_COLOUR,
                    edgecolor="white",
                    linewidth=1,
                    zorder=3,
                )
            )
    axes.set(xlim=(0, per_row * cell), ylim=(per_row * cell, 0), aspect="equal")


def mosaic_handles(*, weights: bool, foreground: bool) -> list[Any]:
    """Return the legend's entries for frames of three weights and for the foreground's corner."""
    handles: list[Any] = []
    if weights:
        handles += [
            Patch(facecolor=_frame_colour(weight), label=f"weight {name}")
            for name, weight in (("1/9", 1 / 9), ("1/2", 0.5), ("1", 1.0))
        ]
    if foreground:
        handles.append(
            Line2D(
                [], [], linestyle="", marker="^", markersize=9, color=FOREGROUND_COLOUR, label="foreground"
            )
        )
    return handles


def _frame_colour(weight: float) -> str:
    return tint(FRAME_COLOUR, 0.1 + 0.9 * math.sqrt(weight))


def _checked_pictures(pictures: Any) -> np.ndarray[Any, Any]:
    pixels = as_array(pictures)
    if pixels.dtype != np.uint8:
        raise ValueError(
            f"The tiles have dtype {pixels.dtype}, but uint8 is expected: the images as `load` gives them, "
            "before they are scaled."
        )
    if pixels.ndim != 5 or pixels.shape[2] not in (1, 3) or len(pixels) == 0:
        raise ValueError(
            f"The mosaics have shape {pixels.shape}, but (n, tiles, 1 or 3, height, width) is expected, with "
            "at least one mosaic: images[tiles]."
        )
    if math.isqrt(pixels.shape[1]) ** 2 != pixels.shape[1]:
        raise ValueError(f"A mosaic of {pixels.shape[1]} tiles is not square: 4, 9 or 16 are.")
    return pixels


def _checked_weights(attention_weights: Any, shape: tuple[int, int]) -> np.ndarray[Any, Any]:
    weights = as_array(attention_weights).astype(float)
    if weights.shape != shape:
        raise ValueError(
            f"The attention weights have shape {weights.shape}, but {shape[0]} mosaics of {shape[1]} tiles "
            f"need {shape}."
        )
    if not ((weights >= 0) & (weights <= 1 + 1e-6)).all():
        raise ValueError(
            f"The attention weights reach from {weights.min():.3g} to {weights.max():.3g}, but they lie "
            "between 0 and 1: are they scores, before the softmax?"
        )
    return weights.clip(0, 1)


def _checked_places(foreground_at: Any, n: int, tiles: int) -> np.ndarray[Any, Any]:
    places = as_array(foreground_at)
    if places.shape != (n,) or not ((places >= 0) & (places < tiles)).all():
        raise ValueError(
            f"foreground_at must hold a tile from 0 to {tiles - 1} for each of {n} mosaics, but it has shape "
            f"{places.shape} and holds {places.ravel()[:5].tolist()}."
        )
    return places
