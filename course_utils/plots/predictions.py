"""What was predicted as lines, what was measured as marks with errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from course_utils.plots.lines import DASHES
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
def predictions(
    x: Any,
    predicted: Mapping[str, Any],
    measured: Mapping[str, Any],
    *,
    title: str,
    x_name: str,
    y_name: str,
) -> Figure:
    """Draw predictions as lines and measurements as marks with their errors, against the same numbers.

    Parameters
    ----------
    x
        Numbers, (n,).
    predicted
        Name -> values, (n,).
    measured
        Name -> one (mean, error) for each number, (n, 2). A mean that is not finite is left out, an error
        that is not finite is not drawn. At most seven names in both together.
    title, x_name, y_name
        What the figure shows, and what the axes are.

    Raises
    ------
    ValueError
        If a series does not fit to ``x``, or there are none or too many.
    """
    places = as_array(x).astype(float)
    number = len(predicted) + len(measured)
    if not 1 <= number <= len(LINE_COLOURS):
        raise ValueError(f"predictions was given {number} series, but it draws 1 to {len(LINE_COLOURS)}.")
    figure = new_figure(7.6, 4.6)
    axes = figure.subplots()
    handles: list[Any] = []
    for k, (name, values) in enumerate(predicted.items()):
        heights = as_array(values).astype(float)
        _check(name, heights.shape, places.shape)
        handles += axes.plot(
            places, heights, color=LINE_COLOURS[k], linestyle=DASHES[k % len(DASHES)], label=name
        )
    for k, (name, values) in enumerate(measured.items(), start=len(predicted)):
        pairs = as_array(values).astype(float)
        _check(name, pairs.shape, (*places.shape, 2))
        handles.append(
            axes.errorbar(
                places,
                pairs[:, 0],
                yerr=pairs[:, 1],
                linestyle="",
                marker=MARKERS[k],
                color=LINE_COLOURS[k],
                capsize=3,
                label=name,
            )
        )
    axes.set(xlabel=x_name, ylabel=y_name)
    axes.grid(visible=True)
    set_title(figure, title, width=7.3)
    legend_below(figure, handles, width=7.6)
    return figure


def _check(name: str, shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
    if shape != expected:
        raise ValueError(f"The series {name!r} has shape {shape}, but {expected} fits to x.")
