"""A function of one number, and the points that it was made to go through."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

from course_utils.plots.style import (
    LINE_COLOURS,
    MARKERS,
    as_array,
    legend_below,
    new_figure,
    set_title,
    style,
)


@style()
def through_points(
    x: Any,
    y: Any,
    points: Any,
    *,
    title: str,
    x_name: str,
    y_name: str,
    line_name: str,
    points_name: str,
) -> Figure:
    """Draw a line through (x, y), and points as marks.

    Parameters
    ----------
    x, y
        The line's places and heights, (n,) each.
    points
        (k, 2): place and height of each mark.
    title, x_name, y_name, line_name, points_name
        What the figure shows, and what its parts are.

    Raises
    ------
    ValueError
        If the shapes do not fit.
    """
    places, heights, marks = (as_array(values).astype(float) for values in (x, y, points))
    if places.ndim != 1 or places.shape != heights.shape:
        raise ValueError(f"x has shape {places.shape} and y {heights.shape}, but a line needs (n,) of both.")
    if marks.ndim != 2 or marks.shape[1] != 2:
        raise ValueError(f"points has shape {marks.shape}, but must be (k, 2): place and height of each.")
    figure = new_figure(7.6, 4.2)
    axes = figure.subplots()
    handles = axes.plot(places, heights, color=LINE_COLOURS[0], linewidth=1.5, label=line_name)
    handles += axes.plot(
        marks[:, 0],
        marks[:, 1],
        color=LINE_COLOURS[1],
        linestyle="",
        marker=MARKERS[0],
        markersize=6,
        label=points_name,
    )
    axes.set(xlabel=x_name, ylabel=y_name)
    axes.grid(visible=True)
    set_title(figure, title, width=7.3)
    legend_below(figure, handles, width=7.6)
    return figure
