"""Where many networks agree, and where they do not: a poll at every place of the plane."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from course_utils.plots.style import (
    MARKERS,
    as_array,
    as_points,
    colour_of,
    legend_below,
    new_figure,
    set_title,
    style,
)


class VoteMap(NamedTuple):
    """One panel: the share of networks that vote for class 1 at each place, and labelled points on top."""

    votes: Any  # (rows from the bottom up, columns), in [0, 1]
    points: Any  # (n, 2)
    labels: Any  # (n,), 0 or 1


@style()
def vote_maps(
    maps: Mapping[str, VoteMap],
    *,
    extent: tuple[float, float, float, float],
    title: str,
    columns: int = 3,
) -> Figure:
    """Draw polls beside each other: the colour of a class where all agree on it, white where they are split.

    Parameters
    ----------
    maps
        The title of each panel -> what it shows.
    extent
        Left, right, bottom and top edge of the votes.
    title
        What the figure shows.
    columns
        How many stand in a row.

    Raises
    ------
    ValueError
        If there are no maps, or votes are not shares on a grid.
    """
    if not maps:
        raise ValueError("vote_maps was given no maps: give at least one.")
    columns = min(columns, len(maps))
    rows = -(-len(maps) // columns)
    side = 8.2 / max(columns, 2)
    figure = new_figure(side * columns + 0.9, side * rows + 1.2)
    grid = figure.subplots(rows, columns, squeeze=False)
    blend = LinearSegmentedColormap.from_list("votes", [colour_of(0), "#ffffff", colour_of(1)])
    for axes, (name, panel) in zip(grid.flat, maps.items(), strict=False):
        votes = as_array(panel.votes).astype(float)
        if votes.ndim != 2 or not ((votes >= 0) & (votes <= 1)).all():
            raise ValueError(
                f"The votes of {name!r} have shape {votes.shape}, but must be shares in [0, 1] on a grid, "
                "(rows, columns)."
            )
        axes.imshow(
            votes,
            origin="lower",
            extent=extent,
            cmap=blend,
            vmin=0,
            vmax=1,
            interpolation="bilinear",
            alpha=0.75,
        )
        places, classes = as_points(panel.points, panel.labels)
        for number in np.unique(classes):
            axes.scatter(
                *places[classes == number].T,
                s=14,
                marker=MARKERS[number],
                color=colour_of(number),
                edgecolors="white",
                linewidths=0.5,
            )
        axes.set(xlim=extent[:2], ylim=extent[2:], xticks=[], yticks=[])
        set_title(axes, name, width=side)
    for axes in grid.flat[len(maps) :]:
        axes.set_axis_off()
    figure.colorbar(
        ScalarMappable(Normalize(0, 1), blend),
        ax=grid,
        shrink=0.7,
        alpha=0.75,
        label="share of networks that say class 1",
    )
    set_title(figure, title, width=side * columns + 0.5)
    legend_below(figure, [_handle(number) for number in (0, 1)], width=side * columns)
    return figure


def _handle(number: int) -> Line2D:
    return Line2D(
        [], [], linestyle="none", marker=MARKERS[number], color=colour_of(number), label=f"class {number}"
    )
