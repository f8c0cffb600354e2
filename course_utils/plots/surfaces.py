"""A quantity on a plane as contours: the loss around the way of a training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.colors import BoundaryNorm
from matplotlib.figure import Figure

from course_utils.plots.style import (
    MARKERS,
    TEXT_COLOUR,
    as_array,
    legend_below,
    new_figure,
    set_title,
    style,
)

LEVELS = 14


@style()
def surfaces(
    across: Any,
    up: Any,
    panels: Mapping[str, Any],
    *,
    title: str,
    x_name: str,
    y_name: str,
    value_name: str,
    marks: Mapping[str, tuple[float, float]] | None = None,
) -> Figure:
    """Draw heights over a plane as coloured contours, one panel for each, all with the same colours.

    Parameters
    ----------
    across, up
        Where the heights were taken, (m,) and (n,), rising.
    panels
        Name -> heights (n, m): a row for each place of ``up``. At most three.
    title, x_name, y_name, value_name
        What the figure shows, and what axes and heights are.
    marks
        Name -> a place (across, up), marked in every panel.

    Raises
    ------
    ValueError
        If heights do not fit the places or are not finite, or there are none or too many panels.
    """
    if not 1 <= len(panels) <= 3:
        raise ValueError(f"surfaces was given {len(panels)} panels, but it draws 1 to 3.")
    places, rows = as_array(across).astype(float), as_array(up).astype(float)
    heights = {name: as_array(values).astype(float) for name, values in panels.items()}
    for name, values in heights.items():
        if values.shape != (len(rows), len(places)):
            raise ValueError(
                f"The heights of {name!r} have shape {values.shape}, but {len(rows)} places up and "
                f"{len(places)} across need ({len(rows)}, {len(places)})."
            )
        if not np.isfinite(values).all():
            raise ValueError(
                f"The heights of {name!r} are not all finite: contours need a number everywhere."
            )
    every = np.concatenate([values.ravel() for values in heights.values()])
    # evenly many places between two levels: a plane with one steep corner still shows its valley
    levels = np.unique(np.quantile(every, np.linspace(0, 1, LEVELS)))
    if len(levels) < 2:
        levels = np.array([every[0] - 0.5, every[0] + 0.5])
    shades = BoundaryNorm(levels, 256)
    figure = new_figure(3.9 * len(heights) + 1.6, 4.2)
    grid = figure.subplots(1, len(heights), squeeze=False, sharey=True)[0]
    handles = []
    for axes, (name, values) in zip(grid, heights.items(), strict=True):
        filled = axes.contourf(places, rows, values, levels=levels, cmap="Blues", norm=shades)
        axes.contour(places, rows, values, levels=levels, colors=TEXT_COLOUR, linewidths=0.4)
        handles = [
            axes.plot(
                [place[0]],
                [place[1]],
                linestyle="",
                marker=MARKERS[number],
                color="#d55e00",
                markeredgecolor="white",
                markersize=9,
                label=label,
            )[0]
            for number, (label, place) in enumerate((marks or {}).items())
        ]
        axes.set(xlabel=x_name)
        set_title(axes, name, width=3.5)
    grid[0].set(ylabel=y_name)
    figure.colorbar(filled, ax=list(grid), label=value_name, format="%.3g", fraction=0.05, pad=0.02)
    set_title(figure, title, width=3.9 * len(heights) + 1.3)
    if handles:
        legend_below(figure, handles, width=3.9 * len(heights))
    return figure
