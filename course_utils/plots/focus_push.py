"""One mosaic of points: which tiles' scores a step of descent raises, and which it lowers."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from course_utils.plots.style import (
    COLOURS,
    GREY,
    TEXT_COLOUR,
    as_array,
    legend_below,
    new_figure,
    set_title,
    style,
    tint,
)

RISES, FALLS = COLOURS[0], COLOURS[1]


@style()
def focus_push(tiles: Any, weights: Any, slope: Any, *, foreground_at: int, title: str) -> Figure:
    """Draw a mosaic's tiles, their weighted mean, and the half of the plane in which scores rise.

    A step of descent raises the score of tile i by a positive multiple of -weight_i · slope · (x_i - mean):
    those rise that lie on the mean's far side against the slope, wherever they stand there. With equal
    weights these are the tiles that gain weight.

    Parameters
    ----------
    tiles
        Points, (tiles, 2).
    weights
        Attention weights, (tiles,).
    slope
        Gradient of the loss in the weighted mean, (2,).
    foreground_at
        Which tile is ringed.
    title
        What the figure shows.

    Raises
    ------
    ValueError
        If the shapes do not fit.
    """
    places, shares, gradient = (as_array(values).astype(float) for values in (tiles, weights, slope))
    if places.ndim != 2 or places.shape[1] != 2 or shares.shape != places.shape[:1] or gradient.shape != (2,):
        raise ValueError(
            f"tiles {places.shape}, weights {shares.shape} and slope {gradient.shape} do not fit: they have "
            "the shapes (tiles, 2), (tiles,) and (2,)."
        )
    mean = shares @ places
    rises = raises_score(places, shares, gradient)
    figure = new_figure(5.6, 5.6)
    axes = figure.subplots()
    span = float(np.abs(places - mean).max()) * 1.25 + 1e-6
    across, up = np.meshgrid(*(np.linspace(centre - span, centre + span, 60) for centre in mean))
    ahead = -((across - mean[0]) * gradient[0] + (up - mean[1]) * gradient[1])
    if ahead.max() > 0:
        axes.contourf(across, up, ahead, levels=[0, np.inf], colors=[tint(RISES, 0.12)], zorder=1)
        axes.contour(across, up, ahead, levels=[0], colors=GREY, linewidths=1, zorder=2)
    for up_or_down, colour, marker in ((rises > 0, RISES, "^"), (rises <= 0, FALLS, "v")):
        chosen = places[up_or_down]
        sizes = 70 + 500 * shares[up_or_down]
        axes.scatter(chosen[:, 0], chosen[:, 1], s=sizes, marker=marker, color=colour, zorder=3)
    axes.scatter(
        places[foreground_at, 0],
        places[foreground_at, 1],
        s=420 + 500 * shares[foreground_at],
        facecolors="none",
        edgecolors=TEXT_COLOUR,
        linewidths=1.6,
        zorder=4,
    )
    axes.scatter(mean[0], mean[1], s=110, marker="P", color=TEXT_COLOUR, edgecolors="white", zorder=5)
    axes.set(xlabel="x₁", ylabel="x₂", aspect="equal")
    axes.set(xlim=(mean[0] - span, mean[0] + span), ylim=(mean[1] - span, mean[1] + span))
    axes.locator_params(nbins=5)
    set_title(figure, title, width=5.3)
    legend_below(figure, _handles(), width=5.6)
    return figure


def raises_score(tiles: Any, weights: Any, slope: Any) -> np.ndarray[Any, Any]:
    """Return by how much descent at rate 1 would raise each tile's score, float64 (tiles,); all add up to 0.

    Parameters
    ----------
    tiles, weights, slope
        As for `focus_push`.
    """
    places, shares, gradient = (as_array(values).astype(float) for values in (tiles, weights, slope))
    return np.asarray(-shares * ((places - shares @ places) @ gradient))


def _handles() -> list[Line2D]:
    def mark(marker: str, colour: str, label: str, **more: Any) -> Line2D:
        return Line2D([], [], linestyle="none", marker=marker, color=colour, label=label, **more)

    return [
        mark("^", RISES, "score rises"),
        mark("v", FALLS, "score does not rise"),
        mark("P", TEXT_COLOUR, "weighted mean"),
        mark("o", TEXT_COLOUR, "foreground", markerfacecolor="none", markersize=11),
    ]
