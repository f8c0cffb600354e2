"""Means with their uncertainty, one row for each thing that was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from course_utils.plots.style import (
    GREY,
    LINE_COLOURS,
    MARKERS,
    as_array,
    legend_below,
    new_figure,
    set_title,
    style,
)


@style()
def intervals(
    names: Sequence[str], series: Mapping[str, Any], *, title: str, x_name: str, reference: float = 0.0
) -> Figure:
    """Draw means as marks and their errors as lines to both sides, a row for each name.

    Parameters
    ----------
    names
        What was measured, from top to bottom.
    series
        Name -> one (mean, error) for each of the names, (n, 2); at most seven. Values that are not finite
        are left out.
    title, x_name
        What the figure shows, and what the horizontal axis is.
    reference
        A vertical line stands here.

    Raises
    ------
    ValueError
        If a series has not one pair for each name, or there are none or too many.
    """
    if not 1 <= len(series) <= len(LINE_COLOURS):
        raise ValueError(f"intervals was given {len(series)} series, but it draws 1 to {len(LINE_COLOURS)}.")
    figure = new_figure(7.6, 1.6 + 0.28 * len(names) * max(2, len(series)))
    axes = figure.subplots()
    handles = []
    for number, (label, pairs) in enumerate(series.items()):
        values = as_array(pairs).astype(float)
        if values.shape != (len(names), 2):
            raise ValueError(
                f"The series {label!r} has shape {values.shape}, but {len(names)} names need "
                f"({len(names)}, 2): a mean and an error each."
            )
        # the series of one name lie below one another, together 0.5 high
        offset = 0.5 * ((number + 0.5) / len(series) - 0.5)
        handles.append(
            axes.errorbar(
                values[:, 0],
                [row + offset for row in range(len(names))],
                xerr=values[:, 1],
                linestyle="",
                marker=MARKERS[number],
                color=LINE_COLOURS[number],
                capsize=3,
                label=label,
            )
        )
    axes.axvline(reference, color=GREY, linewidth=1)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set(xlabel=x_name)
    axes.grid(visible=True, axis="x")
    set_title(figure, title, width=7.3)
    legend_below(figure, handles, width=7.6)
    return figure
