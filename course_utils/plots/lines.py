"""Numbers against numbers: one line each."""

from __future__ import annotations

from collections.abc import Mapping
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

DASHES = ("-", "--", "-.", ":")


@style()
def lines(
    x: Any,
    series: Mapping[str, Any],
    *,
    title: str,
    x_name: str,
    y_name: str,
    log_x: bool = False,
    limits: tuple[float, float] | None = None,
) -> Figure:
    """Draw several series against the same numbers; colour and dashes tell them apart.

    Parameters
    ----------
    x
        Numbers, (n,). With at most 20 of them every value is marked.
    series
        Name to values, (n,) each; at most seven. Values that are not finite leave a gap.
    title, x_name, y_name
        What the lines show, and what the axes are.
    log_x
        Whether the horizontal axis is logarithmic.
    limits
        Ends of the vertical axis.

    Raises
    ------
    ValueError
        If a series has another length than ``x``, or there are none or too many.
    """
    places = as_array(x).astype(float)
    if not 1 <= len(series) <= len(LINE_COLOURS):
        raise ValueError(f"lines was given {len(series)} series, but it draws 1 to {len(LINE_COLOURS)}.")
    figure = new_figure(7.6, 4.4)
    axes = figure.subplots()
    handles = []
    for number, (name, values) in enumerate(series.items()):
        heights = as_array(values).astype(float)
        if heights.shape != places.shape:
            raise ValueError(
                f"The series {name!r} has shape {heights.shape}, but x has shape {places.shape}."
            )
        handles += axes.plot(
            places,
            heights,
            color=LINE_COLOURS[number],
            linestyle=DASHES[number % len(DASHES)],
            marker=MARKERS[number] if len(places) <= 20 else "",
            label=name,
        )
    if log_x:
        axes.set_xscale("log")
    if limits is not None:
        axes.set_ylim(*limits)
    axes.set(xlabel=x_name, ylabel=y_name)
    axes.grid(visible=True)
    set_title(figure, title, width=7.3)
    legend_below(figure, handles, width=7.6)
    return figure
