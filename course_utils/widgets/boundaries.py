"""Decision boundaries of trained networks, to be explored by hidden units, learning rate and epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure

from course_utils.plots.boundaries import decision_boundary
from course_utils.widgets.controls import Choice, explore

if TYPE_CHECKING:
    from course_utils.training.grid import Run


def boundary_explorer(
    runs: Sequence[Run], x: Any, labels: Any, *, static: Sequence[Choice] | None = None
) -> None:
    """Explore the decision boundaries of trained networks: hidden units x learning rate x epoch.

    Parameters
    ----------
    runs
        From `course_utils.training.grid.train_grid` with ``snapshots=True``: one for every combination of
        hidden units and learning rate, all measured at the same epochs.
    x, labels
        Points, (n, 2), and their classes, (n,), to draw on top.
    static
        Combinations of ``hidden``, ``learning_rate`` and ``epoch`` for the static form; by default the
        smallest and the largest network at the middle learning rate, early and at the end.

    Raises
    ------
    ValueError
        If a combination is missing, there twice, or without parameters at each epoch.
    """
    by_setting = _arranged(runs)
    hidden = sorted({units for units, _ in by_setting})
    rates = sorted({rate for _, rate in by_setting})
    epochs = runs[0].epochs
    if static is None:
        early = epochs[min(1, len(epochs) - 1)]
        rate = rates[len(rates) // 2]
        static = [
            {"hidden": units, "learning_rate": rate, "epoch": epoch}
            for units in dict.fromkeys((hidden[0], hidden[-1]))
            for epoch in dict.fromkeys((early, epochs[-1]))
        ]
    explore(
        lambda **choice: render_boundary(by_setting, x, labels, **choice),
        alt="Decision boundary of a network with one hidden layer, over the data it was trained on",
        static=static,
        hidden=hidden,
        learning_rate=rates,
        epoch=epochs,
    )


def render_boundary(
    runs: Mapping[tuple[int, float], Run],
    x: Any,
    labels: Any,
    *,
    hidden: int,
    learning_rate: float,
    epoch: int,
) -> Figure:
    """Draw the boundary that the network with these hidden units and learning rate had at an epoch.

    Parameters
    ----------
    runs
        The run of each (hidden units, learning rate).
    x, labels
        Points, (n, 2), and their classes, (n,).
    """
    import torch

    run = runs[hidden, learning_rate]
    record = run.epochs.index(epoch)
    network = run.network(record)
    weight = next(network.parameters())

    def predict(places: Any) -> Any:
        with torch.no_grad():
            return network(torch.as_tensor(places, dtype=weight.dtype, device=weight.device))

    title = (
        f"{hidden} hidden unit{'s' if hidden != 1 else ''}, learning rate {learning_rate:g}, epoch {epoch}: "
        f"{run.test_accuracy[record]:.1%} of the test data right"
    )
    return decision_boundary(predict, x, labels, title=title, resolution=80)


def _arranged(runs: Sequence[Run]) -> dict[tuple[int, float], Run]:
    arranged: dict[tuple[int, float], Run] = {}
    for run in runs:
        key = (run.setting.hidden, run.setting.learning_rate)
        if key in arranged:
            raise ValueError(
                f"There are two runs with {key[0]} hidden units and learning rate {key[1]:g}; the explorer "
                "shows one of each: give it the runs of a single seed."
            )
        if run.parameters is None or len(run.parameters) != len(run.epochs) or run.epochs != runs[0].epochs:
            raise ValueError(
                f"The run with {key[0]} hidden units and learning rate {key[1]:g} does not hold its "
                "parameters at the epochs of the others: train all at once with "
                "train_grid(..., snapshots=True)."
            )
        arranged[key] = run
    missing = [
        (units, rate)
        for units in {units for units, _ in arranged}
        for rate in {rate for _, rate in arranged}
        if (units, rate) not in arranged
    ]
    if missing or not arranged:
        raise ValueError(
            f"There is no run for these (hidden units, learning rate): {sorted(missing) or 'any'}; the "
            "explorer needs every combination."
        )
    return arranged
