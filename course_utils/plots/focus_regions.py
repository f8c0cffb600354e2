"""Attention over points in the plane: what the focus network looks for, and what is made of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from course_utils.plots.boundaries import Predict, decision_boundary
from course_utils.plots.style import (
    GREY,
    MARKERS,
    TEXT_COLOUR,
    as_array,
    as_points,
    colour_of,
    legend_below,
    new_figure,
    set_title,
    style,
)

SHADES = LinearSegmentedColormap.from_list("weight", ["#ffffff", "#9a9a9a"])
SHOWN = 40  # points of each class


@dataclass(frozen=True, kw_only=True)
class FocusView:
    """Two networks over points, and what they are drawn with.

    Attributes
    ----------
    focus
        Maps points (n, 2), of the kind that ``points`` are, to scores (n,) or (n, 1).
    classify
        Maps weighted means (n, 2) to scores (n, classes), see `course_utils.plots.boundaries.Predict`.
    points, classes
        Points (n, 2) and their classes (n,); the foreground's are 0, 1, ...
    foreground
        How many classes are foreground.
    averages, labels
        Weighted means of mosaics (m, 2) and their labels (m,).
    tiles
        Tiles of a mosaic.
    """

    focus: Callable[[Any], Any]
    classify: Predict
    points: Any
    classes: Any
    foreground: int
    averages: Any
    labels: Any
    tiles: int = 9


@style()
def focus_regions(views: Mapping[str, FocusView], *, title: str, resolution: int = 70) -> Figure:
    """Draw a column for each view: above the focus network over the points, below the classification network.

    Above, a place is the darker the more weight a tile there has, see `weight_beside_background`; a line
    marks half of the weight. Below are the weighted means of mosaics, over the regions of the classes.

    Parameters
    ----------
    views
        Name -> what is drawn; at most four.
    title
        What the figure shows.
    resolution
        The networks are asked at ``resolution``² places.

    Raises
    ------
    ValueError
        If there are no views or too many, or points and classes do not fit.
    """
    if not 1 <= len(views) <= 4:
        raise ValueError(f"focus_regions was given {len(views)} views, but it draws 1 to 4.")
    alone = len(views) == 1
    width = 8.4 if alone else 3.3 * max(2, len(views))
    figure = new_figure(width, 4.5 if alone else 7.4)
    # one view stands side by side, several stand in columns
    grid = figure.subplots(1, 2).reshape(2, 1) if alone else figure.subplots(2, len(views))
    for column, (name, view) in enumerate(views.items()):
        upper, lower = grid[:, column]
        _draw_focus(upper, view, resolution)
        prefix = "" if alone else f"{name}\n"
        side = width / (2 if alone else len(views)) - 0.5
        set_title(upper, f"{prefix}weight of a tile there", width=side)
        decision_boundary(
            view.classify,
            view.averages,
            view.labels,
            title="",
            ax=lower,
            resolution=resolution,
        )
        set_title(lower, f"{prefix}class of a weighted mean", width=side)
        # means may lie along a line: axes of equal scale would be too narrow to be labelled
        lower.set_aspect("auto")
    set_title(figure, title, width=width - 0.3)
    foreground = max(view.foreground for view in views.values())
    legend_below(figure, _handles(foreground), width=width)
    return figure


def weight_beside_background(scores: Any, background: Any, tiles: int) -> np.ndarray[Any, Any]:
    """Return the attention weights of single tiles beside background tiles of average strength, float64 (n,).

    With m the mean of exp(score) over the background, a tile of score s has the weight
    exp(s) / (exp(s) + (tiles - 1) m).

    Parameters
    ----------
    scores
        Of the tiles, (n,) or (n, 1).
    background
        Scores of background points, (k,) or (k, 1).
    tiles
        Of a mosaic, at least 2.
    """
    own, others = (as_array(values).astype(float).reshape(-1) for values in (scores, background))
    highest = others.max()
    strength = highest + np.log(np.exp(others - highest).mean())  # no score is too large for exp
    return np.asarray(1 / (1 + (tiles - 1) * np.exp(np.clip(strength - own, -500, 500))))


def _draw_focus(axes: Axes, view: FocusView, resolution: int) -> None:
    places, classes = as_points(view.points, view.classes, name="points")
    low, high = places.min(axis=0), places.max(axis=0)
    margin = 0.08 * max(float((high - low).max()), 1e-6)
    across, up = np.meshgrid(
        np.linspace(low[0] - margin, high[0] + margin, resolution),
        np.linspace(low[1] - margin, high[1] + margin, resolution),
    )

    def score(asked: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        asked = asked.astype(places.dtype)
        points = view.points
        return as_array(view.focus(points.new_tensor(asked) if hasattr(points, "new_tensor") else asked))

    asked = np.stack([across.ravel(), up.ravel()], axis=1)  # (resolution², 2)
    behind = classes >= view.foreground
    weights = weight_beside_background(score(asked), score(places[behind]), view.tiles).reshape(across.shape)
    axes.contourf(across, up, weights, levels=np.linspace(0, 1, 11), cmap=SHADES, zorder=1)
    if weights.min() < 0.5 < weights.max():
        axes.contour(across, up, weights, levels=[0.5], colors=TEXT_COLOUR, linewidths=1.4, zorder=2)
    for number in np.unique(classes):
        chosen = places[classes == number][:SHOWN]
        if number >= view.foreground:
            axes.scatter(chosen[:, 0], chosen[:, 1], s=9, marker="x", color=GREY, linewidths=0.8, zorder=3)
        else:
            axes.scatter(
                chosen[:, 0],
                chosen[:, 1],
                s=22,
                marker=MARKERS[number],
                facecolors=colour_of(number),
                edgecolors="white",
                linewidths=0.5,
                zorder=4,
            )
    axes.set(xlabel="x₁", ylabel="x₂", aspect="equal")
    axes.locator_params(nbins=5)


def _handles(foreground: int) -> list[Line2D]:
    handles = [
        Line2D([], [], linestyle="none", marker=MARKERS[n], color=colour_of(n), label=f"class {n}")
        for n in range(foreground)
    ]
    return [
        *handles,
        Line2D([], [], linestyle="none", marker="x", color=GREY, label="background"),
        Line2D([], [], color=TEXT_COLOUR, linewidth=1.4, label="half of the weight; between classes"),
    ]
