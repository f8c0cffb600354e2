"""Attention over points in the plane, to be followed through training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure

from course_utils.plots.focus_regions import FocusView, focus_regions
from course_utils.widgets.controls import Choice, explore

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class FocusTraining:
    """The networks of one training at several epochs, and mosaics to try them on.

    Attributes
    ----------
    epochs
        After which the networks were copied, rising.
    networks
        At each of these epochs (focus network, classification network).
    points, classes
        Points (n, 2) and their classes (n,); the foreground's are 0, 1, ...
    mosaics
        Float32 (m, tiles, 2).
    labels, foreground_at
        int64 (m,): the foreground's class, and which tile it is.
    """

    epochs: Sequence[int]
    networks: Sequence[tuple[nn.Module, nn.Module]]
    points: Tensor
    classes: Tensor
    mosaics: Tensor
    labels: Tensor
    foreground_at: Tensor


def focus_explorer(trainings: Mapping[str, FocusTraining], *, static: Sequence[Choice] | None = None) -> None:
    """Explore focus and classification through training: data distribution x epoch.

    Parameters
    ----------
    trainings
        Name of the data distribution -> its training; all with the same epochs.
    static
        Combinations of ``points`` and ``epoch`` for the static form; by default the first distribution at
        four epochs from the first to the last.

    Raises
    ------
    ValueError
        If there are no trainings, or their epochs differ or do not fit their networks.
    """
    if not trainings:
        raise ValueError("focus_explorer needs at least one training.")
    epochs = list(next(iter(trainings.values())).epochs)
    for name, training in trainings.items():
        if list(training.epochs) != epochs or len(training.networks) != len(epochs):
            raise ValueError(
                f"The training {name!r} has {len(training.networks)} pairs of networks for the epochs "
                f"{list(training.epochs)}, but the first has the epochs {epochs}: copy the networks of all "
                "at the same epochs."
            )
    if static is None:
        last = len(epochs) - 1
        places = dict.fromkeys(round(last * part / 3) for part in range(4))
        static = [{"points": next(iter(trainings)), "epoch": epochs[place]} for place in places]
    explore(
        lambda **choice: render_focus(trainings, **choice),
        alt="Above or left, how much weight a tile at each place has; below or right, the weighted means of "
        "mosaics over the regions of the classification network",
        static=static,
        points=list(trainings),
        epoch=epochs,
    )


def render_focus(trainings: Mapping[str, FocusTraining], *, points: str, epoch: int) -> Figure:
    """Draw one training's networks after an epoch; the title says how often focus and class are right.

    Parameters
    ----------
    trainings
        As for `focus_explorer`.
    points
        One of their names.
    epoch
        One of their epochs.
    """
    import torch

    training = trainings[points]
    focus, classify = training.networks[list(training.epochs).index(epoch)]

    def without_autograd(network: nn.Module) -> Any:
        def apply(places: Tensor) -> Tensor:
            with torch.no_grad():
                found: Tensor = network(places)
            return found

        return apply

    tiles = training.mosaics  # (m, tiles, 2)
    scores = without_autograd(focus)(tiles.flatten(0, 1)).view(tiles.shape[:2])
    averages = torch.einsum("mt,mtd->md", scores.softmax(dim=1), tiles)
    found = (scores.argmax(dim=1) == training.foreground_at).float().mean().item()
    right = (without_autograd(classify)(averages).argmax(dim=1) == training.labels).float().mean().item()
    view = FocusView(
        focus=without_autograd(focus),
        classify=without_autograd(classify),
        points=training.points,
        classes=training.classes,
        foreground=int(training.labels.max()) + 1,
        averages=averages,
        labels=training.labels,
        tiles=tiles.shape[1],
    )
    title = (
        f"{points}, epoch {epoch}: {found:.0%} of the foregrounds have the largest weight, "
        f"{right:.0%} of the mosaics are called right"
    )
    return focus_regions({points: view}, title=title)
