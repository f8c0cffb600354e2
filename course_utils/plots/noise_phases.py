"""Training on wrong labels: what is learnt first, and what is memorised later."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import blended_transform_factory

from course_utils.plots.style import (
    GREY,
    LINE_COLOURS,
    TEXT_COLOUR,
    legend_below,
    new_figure,
    set_title,
    style,
    tint,
)

# name of a curve -> what the legend says, colour, dashes
PARTS: Mapping[str, tuple[str, str, str]] = {
    "clean_accuracy": ("clean labels", LINE_COLOURS[0], "-"),
    "corrupted_accuracy": ("re-drawn labels, as given", LINE_COLOURS[1], "--"),
    "test_accuracy": ("test data, true labels", LINE_COLOURS[2], "-."),
}


@style()
def noise_phases(
    curves: Mapping[str, Sequence[float]], *, title: str, best: int | None = None, first_epoch: int = 0
) -> Figure:
    """Draw the accuracies on both parts of the training labels and on test data, and where the phases meet.

    Parameters
    ----------
    curves
        ``clean_accuracy``, ``corrupted_accuracy`` and ``test_accuracy``: one number per epoch, as many of
        each. A curve that holds no finite number (a part without rows) is left out.
    title
        What the curves show.
    best
        The epoch at which the test accuracy is best: up to it the network learns, from there on it memorises.
        By default it is found in the curve. Without a finite test accuracy, or where one of the parts has no
        rows, no phases are marked: nothing can be learnt first, or nothing be memorised.
    first_epoch
        The epoch of the first numbers: 0 if they were measured before the first step.

    Raises
    ------
    ValueError
        If a curve is missing or empty, they differ in length, or `best` is not one of the epochs.
    """
    lengths = {name: len(curves.get(name, ())) for name in PARTS}
    if len(set(lengths.values())) != 1 or 0 in lengths.values():
        described = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise ValueError(
            f"The curves need one number per epoch, as many of each, but there are: {described}."
        )
    epochs = range(first_epoch, first_epoch + lengths["test_accuracy"])
    if best is None:
        best = best_epoch(curves["test_accuracy"], first_epoch=first_epoch)
    elif best not in epochs:
        raise ValueError(f"best is epoch {best}, but the curves go from {epochs[0]} to {epochs[-1]}.")
    figure = new_figure(7.6, 4.4)
    axes = figure.subplots()
    handles, drawn = [], 0
    for name, (label, colour, dashes) in PARTS.items():
        values = [float(value) for value in curves[name]]
        if any(map(math.isfinite, values)):
            drawn += 1
            handles += axes.plot(
                epochs,
                values,
                color=colour,
                linestyle=dashes,
                marker="o" if len(values) == 1 else "",
                label=label,
            )
    if best is not None and len(epochs) > 1 and drawn == len(PARTS):
        _mark(axes, epochs[0], best, epochs[-1])
    axes.set(xlabel="epoch", ylabel="accuracy", ylim=(-0.02, 1.12))
    axes.set_yticks([0, 0.2, 0.4, 0.6, 0.8, 1])
    axes.locator_params(axis="x", nbins=8, integer=True)
    axes.grid(visible=True)
    set_title(figure, title, width=7.3)
    legend_below(figure, handles, width=7.6)
    return figure


def best_epoch(accuracies: Sequence[float], *, first_epoch: int = 0) -> int | None:
    """Return the first epoch at which a curve is highest; None if it holds no finite number."""
    finite = [(value, -number) for number, value in enumerate(accuracies) if math.isfinite(value)]
    return first_epoch - max(finite)[1] if finite else None


def _mark(axes: Axes, start: int, best: int, end: int) -> None:
    """Shade both phases and name those that are wide enough for their name."""
    place = blended_transform_factory(axes.transData, axes.transAxes)
    phases = (
        (start, best, "learns", LINE_COLOURS[0], "left"),
        (best, end, "memorises", LINE_COLOURS[1], "right"),
    )
    for left, right, name, colour, side in phases:
        axes.axvspan(left, right, color=tint(colour, 0.1), linewidth=0)
        if right - left >= (0.03 + 0.014 * len(name)) * (end - start):
            at = left + 0.01 * (end - start) if side == "left" else right - 0.01 * (end - start)
            axes.text(at, 0.985, name, transform=place, ha=side, va="top", color=TEXT_COLOUR)
    axes.axvline(best, color=GREY, linewidth=1)
    axes.set_xlim(start, end)
