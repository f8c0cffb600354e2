"""Training by turns: what happens to several numbers while now one network learns, now the other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from course_utils.plots.lines import DASHES
from course_utils.plots.style import (
    LINE_COLOURS,
    as_array,
    legend_below,
    new_figure,
    set_title,
    style,
)

SHADE = "#dddddd"


@style()
def turns(
    x: Any,
    turn: Any,
    panels: Mapping[str, Mapping[str, Any]],
    *,
    title: str,
    x_name: str = "step",
    shaded: str = "the focus network learns",
) -> Figure:
    """Draw series in panels beside each other, shaded where the second network has its turn.

    Parameters
    ----------
    x
        Rising numbers of the steps or epochs, (n,).
    turn
        Whose turn each of them is, (n,): 0, or 1 where the panel is shaded.
    panels
        What a panel's vertical axis is -> name of each series -> its values, (n,); one to three panels and at
        most seven series in all. Values that are not finite leave a gap.
    title, x_name
        What the figure shows, and what the horizontal axes are.
    shaded
        What the shade means, for the legend.

    Raises
    ------
    ValueError
        If lengths do not fit, or there are too few or too many panels or series.
    """
    places, second = as_array(x).astype(float), as_array(turn).astype(bool)
    number = sum(len(series) for series in panels.values())
    if not 1 <= len(panels) <= 3 or not 1 <= number <= len(LINE_COLOURS):
        raise ValueError(
            f"turns was given {len(panels)} panels with {number} series, but it draws 1 to 3 panels with 1 "
            f"to {len(LINE_COLOURS)} series in all."
        )
    if places.ndim != 1 or second.shape != places.shape:
        raise ValueError(
            f"x has shape {places.shape} and turn {second.shape}; both need (n,): whose turn each step is."
        )
    width = 9.6 if len(panels) > 1 else 7.6
    figure = new_figure(width, 4.2)
    all_axes = figure.subplots(1, len(panels), squeeze=False)[0]
    handles: list[Any] = []
    for axes, (panel, series) in zip(all_axes, panels.items(), strict=True):
        for start, end in _stretches(places, second):
            axes.axvspan(start, end, color=SHADE, linewidth=0, zorder=0)
        for name, values in series.items():
            heights = as_array(values).astype(float)
            if heights.shape != places.shape:
                raise ValueError(
                    f"The series {name!r} has shape {heights.shape}, but x has shape {places.shape}."
                )
            (line,) = axes.plot(
                places,
                heights,
                color=LINE_COLOURS[len(handles)],
                linestyle=DASHES[len(handles) % len(DASHES)],
                label=name,
            )
            handles.append(line)
        axes.set(xlabel=x_name, ylabel=panel)
        axes.set_xlim(places[0] - 0.5 * _gap(places), places[-1] + 0.5 * _gap(places))
        axes.grid(visible=True, axis="y")
    set_title(figure, title, width=width - 0.3)
    legend_below(figure, [*handles, Patch(color=SHADE, label=shaded)], width=width)
    return figure


def _stretches(places: np.ndarray[Any, Any], second: np.ndarray[Any, Any]) -> list[tuple[float, float]]:
    """Return where each stretch of the second network's turns begins and ends, half a step to either side."""
    half = 0.5 * _gap(places)
    changes = np.flatnonzero(np.diff(np.concatenate([[False], second, [False]]).astype(int)))
    return [
        (places[first] - half, places[after - 1] + half)
        for first, after in zip(changes[::2], changes[1::2], strict=True)
    ]


def _gap(places: np.ndarray[Any, Any]) -> float:
    return float(places[1] - places[0]) if len(places) > 1 else 1.0
