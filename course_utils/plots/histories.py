"""Loss and accuracy along training."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from course_utils.plots.display import LiveFigure
from course_utils.plots.style import LINE_COLOURS, TEXT_COLOUR, legend_below, new_figure, set_title, style

if TYPE_CHECKING:
    from course_utils.training.history import History
    from course_utils.training.state import Training


@style()
def curves(histories: History | Mapping[str, History], *, title: str, log_loss: bool = False) -> Figure:
    """Draw loss and accuracy beside each other, training data solid, test data dashed.

    Parameters
    ----------
    histories
        One history; or several with their names, at most seven, each with a colour of its own.
    title
        What the curves show.
    log_loss
        Whether the loss has a logarithmic axis.

    Raises
    ------
    ValueError
        If there is nothing to draw, or there are more histories than colours.
    """
    figure = new_figure(9.6, 4.2)
    left, right = figure.subplots(1, 2)
    if isinstance(histories, Mapping):
        if not 1 <= len(histories) <= len(LINE_COLOURS):
            raise ValueError(
                f"curves was given {len(histories)} histories, but it can tell 1 to {len(LINE_COLOURS)} "
                "apart; draw more as a heat map of their last values."
            )
        for colour, history in zip(LINE_COLOURS, histories.values(), strict=False):
            draw_history(left, right, history, colours=(colour, colour))
        handles = [
            Line2D([], [], color=colour, label=name + _divergence(history))
            for colour, (name, history) in zip(LINE_COLOURS, histories.items(), strict=False)
        ]
        handles += history_handles((TEXT_COLOUR, TEXT_COLOUR))
        set_loss_limits(left, histories.values(), log=log_loss)
    else:
        draw_history(left, right, histories)
        handles = history_handles(note=_divergence(histories))
        set_loss_limits(left, [histories], log=log_loss)
    set_title(figure, title, width=9.3)
    legend_below(figure, handles, width=9.6)
    return figure


class LiveCurves(LiveFigure):
    """Curves that grow while a network learns: a callback for `course_utils.training.loop.fit`.

    Example
    -------
    >>> with LiveCurves(alt="Loss and accuracy of the network, epoch by epoch.") as live:
    ...     history = fit(model, train, test, ..., callbacks=[live])
    """

    def __call__(self, training: Training) -> None:
        """Draw the measurements so far, after each epoch that was measured."""
        history, epoch = training.history, training.epoch
        if training.step == 0 and history.epochs[-1:] == [epoch]:
            reached = (
                f"training accuracy {history.train_accuracy[-1]:.3f}, test {history.test_accuracy[-1]:.3f}"
            )
            self.update(lambda: curves(history, title=f"Epoch {epoch} of {training.epochs}: {reached}"))


def draw_history(
    loss_axes: Axes,
    accuracy_axes: Axes,
    history: History,
    *,
    colours: tuple[str, str] = (LINE_COLOURS[0], LINE_COLOURS[1]),
) -> None:
    """Draw one history on two axes, in the colours of training and test data."""
    for axes, name, train, test in (
        (loss_axes, "Cross-entropy loss", history.train_loss, history.test_loss),
        (accuracy_axes, "Accuracy", history.train_accuracy, history.test_accuracy),
    ):
        lengths = {len(history.epochs), len(train), len(test)}
        if lengths != {len(history.epochs)} or 0 in lengths:
            raise ValueError(
                f"The history has {len(history.epochs)} epochs, {len(train)} training and {len(test)} test "
                f"values of the {name.lower()}; it needs at least one, and as many of each."
            )
        for values, colour, dashes in zip((train, test), colours, ("-", "--"), strict=True):
            # a single measurement has no line yet
            marker = "o" if len(history.epochs) == 1 else ""
            axes.plot(history.epochs, _finite(values), color=colour, linestyle=dashes, marker=marker)
        set_title(axes, name, width=3)
        axes.set(xlabel="epoch")
        axes.grid(visible=True)
        axes.locator_params(axis="x", nbins=6, integer=True)
    accuracy_axes.set_ylim(-0.02, 1.02)


def set_loss_limits(axes: Axes, histories: Iterable[History], *, log: bool = False) -> None:
    """Let the axis of the loss hold every history that stayed finite; diverging ones leave it at the top."""
    everyone = list(histories)
    steady = [history for history in everyone if not history.diverged] or everyone
    losses = [loss for h in steady for loss in (*h.train_loss, *h.test_loss) if math.isfinite(loss)]
    top = max(losses, default=1.0)
    if log:
        axes.set_yscale("log")
        lowest = min((loss for loss in losses if loss > 0), default=top / 10)
        axes.set_ylim(lowest / 1.3, top * 1.3)
    else:
        axes.set_ylim(0, 1.05 * top or 1.0)


def history_handles(
    colours: tuple[str, str] = (LINE_COLOURS[0], LINE_COLOURS[1]), *, note: str = ""
) -> list[Line2D]:
    """Return the legend's entries for the solid training line and the dashed test line."""
    return [
        Line2D([], [], color=colours[0], linestyle="-", label="training data" + note),
        Line2D([], [], color=colours[1], linestyle="--", label="test data"),
    ]


def _finite(values: Sequence[float]) -> list[float]:
    return [value if math.isfinite(value) else math.nan for value in values]


def _divergence(history: History) -> str:
    for epoch, loss in zip(history.epochs, history.train_loss, strict=False):
        if not math.isfinite(loss):
            return f" (diverged by epoch {epoch})"
    return ""
