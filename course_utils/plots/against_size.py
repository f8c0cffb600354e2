"""Several measures against the size of a model, beside each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator

from course_utils.plots.lines import DASHES
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
def against_size(
    sizes: Any,
    panels: Mapping[str, Mapping[str, Any]],
    *,
    title: str,
    x_name: str,
    log_y: tuple[str, ...] = (),
    marked: float | None = None,
    marked_name: str = "",
) -> Figure:
    """Draw one or two panels of series against sizes on a logarithmic axis.

    A series that stands in two panels has the same colour, dashes and marks in both, and one entry in the
    legend.

    Parameters
    ----------
    sizes
        Positive numbers, (n,).
    panels
        What the vertical axis is -> name of a series -> values, (n,); values that are not finite leave a gap.
        Together at most seven names.
    title, x_name
        What the figure shows, and what the sizes are.
    log_y
        Panels whose vertical axis is logarithmic.
    marked, marked_name
        A size at which a vertical line stands, and what it is; None: no line.

    Raises
    ------
    ValueError
        If a series has another length than ``sizes``, or there are too many panels or names.
    """
    places = as_array(sizes).astype(float)
    names = list(dict.fromkeys(name for series in panels.values() for name in series))
    if not 1 <= len(panels) <= 2 or not 1 <= len(names) <= len(LINE_COLOURS):
        raise ValueError(
            f"against_size was given {len(panels)} panels with {len(names)} names of series, but it draws "
            f"one or two panels with 1 to {len(LINE_COLOURS)} names."
        )
    width = 5.2 * len(panels)
    figure = new_figure(width, 4.4)
    handles: dict[str, Any] = {}
    for axes, (y_name, series) in zip(
        figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True
    ):
        for name, values in series.items():
            heights = as_array(values).astype(float)
            if heights.shape != places.shape:
                raise ValueError(
                    f"The series {name!r} has shape {heights.shape}, but there are {len(places)} sizes."
                )
            number = names.index(name)
            (handles[name],) = axes.plot(
                places,
                heights,
                color=LINE_COLOURS[number],
                linestyle=DASHES[number % len(DASHES)],
                marker=MARKERS[number],
                markersize=5,
                label=name,
            )
        axes.set_xscale("log")
        # 1, 2, 5, 10, ... where there is room for them
        steps = (1.0, 2.0, 5.0) if places.max() < 150 * places.min() else (1.0,)
        axes.xaxis.set_major_locator(LogLocator(subs=steps))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda size, _place: f"{size:g}"))
        axes.xaxis.set_minor_formatter("")
        if y_name in log_y:
            axes.set_yscale("log")
        if marked is not None:
            handles[" "] = axes.axvline(marked, color=GREY, linewidth=1, linestyle=":", label=marked_name)
        axes.set(xlabel=x_name, ylabel=y_name)
        axes.grid(visible=True)
    if marked is not None and not marked_name:
        del handles[" "]
    set_title(figure, title, width=width - 0.3)
    legend_below(figure, list(handles.values()), width=width)
    return figure
