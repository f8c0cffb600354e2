"""Points in the plane and the regions that a classifier gives to each class."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from course_utils.plots.histories import draw_history, history_handles, set_loss_limits
from course_utils.plots.style import (
    GREY,
    MARKERS,
    TEXT_COLOUR,
    as_array,
    as_points,
    colour_of,
    contrast,
    legend_below,
    new_figure,
    set_title,
    style,
    tint,
)

if TYPE_CHECKING:
    from course_utils.training.history import History

Predict = Callable[[Any], Any]
"""Maps points (n, 2), of the kind that the data are (tensor or array), to one of: scores, logits or
probabilities (n, classes), the largest of which wins; class numbers (n,), integers; or the signed score
(n,) of a two-class machine, positive for class 1."""

Labelled = tuple[Any, Any]
"""Points (n, 2) and their classes (n,)."""


@style()
def points(
    x: Any,
    labels: Any,
    *,
    title: str,
    test: Labelled | None = None,
    axis_names: tuple[str, str] = ("x₁", "x₂"),
) -> Figure:
    """Draw labelled points in the plane, each class with its own colour and marker.

    Parameters
    ----------
    x
        Points, (n, 2).
    labels
        Classes, (n,), 0 to 9.
    test
        Further points and classes, drawn hollow.
    """
    figure = new_figure(5.2, 5.0)
    axes = figure.subplots()
    _draw_points(axes, x, labels, test)
    _dress(axes, axis_names)
    set_title(axes, title, width=4.4)
    legend_below(figure, _point_handles(labels, test), width=5)
    return figure


@style()
def decision_boundary(
    predict: Predict,
    x: Any,
    labels: Any,
    *,
    title: str,
    ax: Axes | None = None,
    test: Labelled | None = None,
    resolution: int = 120,
    axis_names: tuple[str, str] = ("x₁", "x₂"),
) -> Figure:
    """Draw which class a classifier gives to each place, the boundary between them, and the data on top.

    Parameters
    ----------
    predict
        The classifier, see `Predict`.
    x, labels
        Points, (n, 2), and their classes, (n,).
    ax
        Axes to draw on (without a legend); otherwise a new figure is made.
    test
        Further points and classes, drawn hollow.
    resolution
        The classifier is asked at ``resolution``² places.

    Returns
    -------
    Figure
        The new figure, or the one that ``ax`` belongs to.
    """
    alone = ax is None
    if ax is None:
        ax = new_figure(5.2, 5.0).subplots()
    figure = ax.get_figure(root=True)
    assert figure is not None
    _draw_regions(ax, predict, x, labels, test, resolution)
    _draw_points(ax, x, labels, test)
    _dress(ax, axis_names)
    set_title(ax, title, width=4.4)
    if alone:
        legend_below(figure, _point_handles(labels, test), width=5)
    return figure


@style()
def boundary_grid(
    classifiers: Sequence[Predict],
    x: Any,
    labels: Any,
    *,
    titles: Sequence[str],
    title: str,
    columns: int = 4,
    resolution: int = 60,
) -> Figure:
    """Draw the decision boundaries of several classifiers beside one another, on the same data.

    Parameters
    ----------
    classifiers
        See `Predict`.
    titles
        A short title over each, as many as classifiers.
    columns
        How many stand in a row.
    """
    if len(classifiers) != len(titles):
        raise ValueError(f"{len(classifiers)} classifiers need as many titles, but there are {len(titles)}.")
    columns = min(columns, len(classifiers))
    rows = -(-len(classifiers) // columns)
    side = 9.6 / max(columns, 3)
    title_lines = max(text.count("\n") + 1 for text in titles)
    figure = new_figure(side * columns, rows * (side + 0.2 * title_lines) + 0.9)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, predict, text in zip(grid, classifiers, titles, strict=False):
        _draw_regions(axes, predict, x, labels, None, resolution)
        _draw_points(axes, x, labels, None, size=8 if columns > 3 else 14)
        axes.set(xticks=[], yticks=[], aspect="equal")
        set_title(axes, text, width=side)
    for axes in grid[len(classifiers) :]:
        axes.set_axis_off()
    set_title(figure, title, width=side * columns - 0.3)
    legend_below(figure, _point_handles(labels, None), width=side * columns)
    return figure


@style()
def boundary_and_curves(
    predict: Predict,
    x: Any,
    labels: Any,
    history: History,
    *,
    title: str,
    test: Labelled | None = None,
    resolution: int = 80,
) -> Figure:
    """Draw the decision boundary, the losses and the accuracies so far side by side: one frame of training.

    Parameters
    ----------
    history
        What was measured so far.
    """
    figure = new_figure(10.8, 4.4)
    left, middle, right = figure.subplots(1, 3, width_ratios=(1.15, 1, 1))
    _draw_regions(left, predict, x, labels, test, resolution)
    _draw_points(left, x, labels, test, size=14)
    _dress(left, ("x₁", "x₂"))
    set_title(left, "Decision boundary", width=3)
    draw_history(middle, right, history)
    set_loss_limits(middle, [history])
    set_title(figure, title, width=10.3)
    legend_below(figure, [*_point_handles(labels, test), *history_handles()], width=10.8)
    return figure


def _draw_points(axes: Axes, x: Any, labels: Any, test: Labelled | None, *, size: float = 26) -> None:
    # test points first: hollow ones would hide the few training points if they were on top
    for hollow, pair in ((True, test), (False, (x, labels))):
        if pair is None:
            continue
        places, classes = as_points(*pair, name="test" if hollow else "x")
        for number in np.unique(classes):
            colour = colour_of(number)
            outline = _outline(colour)
            axes.scatter(
                places[classes == number, 0],
                places[classes == number, 1],
                s=size,
                marker=MARKERS[number],
                facecolors="white" if hollow else colour,
                edgecolors=outline if hollow or outline != colour else "white",
                linewidths=1.2 if hollow else 0.5,
                zorder=3 if hollow else 4,
            )


def _draw_regions(
    axes: Axes, predict: Predict, x: Any, labels: Any, test: Labelled | None, resolution: int
) -> None:
    places, _ = as_points(x, labels)
    if test is not None:
        places = np.concatenate([places, as_points(*test, name="test")[0]])
    low, high = places.min(axis=0), places.max(axis=0)
    margin = 0.08 * max(float((high - low).max()), 1e-6)
    across, up = np.meshgrid(
        np.linspace(low[0] - margin, high[0] + margin, resolution),
        np.linspace(low[1] - margin, high[1] + margin, resolution),
    )
    asked = np.stack([across.ravel(), up.ravel()], axis=1).astype(places.dtype)  # (resolution², 2)
    scores = as_array(predict(x.new_tensor(asked) if hasattr(x, "new_tensor") else asked))
    if scores.ndim not in (1, 2) or len(scores) != len(asked):
        raise ValueError(
            f"predict returned shape {scores.shape} for {len(asked)} points; expected "
            f"({len(asked)}, classes) scores, or ({len(asked)},): class numbers or signed scores."
        )
    axes.set(xlim=(across[0, 0], across[0, -1]), ylim=(up[0, 0], up[-1, 0]))
    if not np.isfinite(scores).all():
        note = "outputs are nan or infinite:\nno boundary"
        box = {"facecolor": "white", "edgecolor": GREY}
        axes.text(0.5, 0.5, note, transform=axes.transAxes, ha="center", va="center", zorder=6, bbox=box)
        return
    for number, lead in _leads(scores):
        lead = lead.reshape(across.shape)
        if lead.max() <= 0:
            continue
        axes.contourf(across, up, lead, levels=[0, np.inf], colors=[tint(colour_of(number))], zorder=1)
        if lead.min() < 0:
            axes.contour(across, up, lead, levels=[0], colors=TEXT_COLOUR, linewidths=1, zorder=2)


def _leads(scores: np.ndarray[Any, Any]) -> list[tuple[int, np.ndarray[Any, Any]]]:
    """Return, for each class, by how much its score leads the best other one: positive where it wins."""
    if scores.ndim == 1 and np.issubdtype(scores.dtype, np.integer):
        return [(int(number), np.where(scores == number, 1.0, -1.0)) for number in np.unique(scores)]
    if scores.ndim == 1 or scores.shape[1] == 1:
        signed = scores.reshape(-1)
        return [(0, -signed), (1, signed)]
    others = [np.delete(scores, number, axis=1).max(axis=1) for number in range(scores.shape[1])]
    return [(number, scores[:, number] - best) for number, best in enumerate(others)]


def _dress(axes: Axes, names: tuple[str, str]) -> None:
    axes.set(xlabel=names[0], ylabel=names[1], aspect="equal")
    axes.locator_params(nbins=5)


def _point_handles(labels: Any, test: Labelled | None) -> list[Line2D]:
    numbers = np.unique(as_array(labels).astype(int))
    handles = [
        _handle(MARKERS[number], colour_of(number), _outline(colour_of(number)), f"class {number}")
        for number in numbers
    ]
    return handles if test is None else [*handles, _handle("o", "white", TEXT_COLOUR, "hollow: test data")]


def _handle(marker: str, fill: str, outline: str, label: str) -> Line2D:
    return Line2D(
        [], [], linestyle="none", marker=marker, markerfacecolor=fill, markeredgecolor=outline, label=label
    )


def _outline(colour: str) -> str:
    # light colours need a dark edge to be seen on white
    return colour if contrast(colour, "#ffffff") >= 3 else GREY
