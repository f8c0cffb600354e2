"""Two classes among others that wear their labels: the reader turns up the noise (report 000, section 8)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from matplotlib.figure import Figure

from course_utils.plots.votes import VoteMap, vote_maps
from course_utils.widgets.controls import Choice, explore

SHAPES = ("corner", "center", "moons", "on top")
NOISES = (0, 30, 60, 120, 240, 480)
OWN = 60  # points of the two classes
NETWORKS = 20
HIDDEN, STEPS, RATE = 48, 200, 0.01
LOW, HIGH, ACROSS = -0.7, 2.7, 50


def confounded_explorer(*, static: Sequence[Choice] | None = None) -> None:
    """Explore how twenty networks vote when points of other classes wear the labels of two.

    Parameters
    ----------
    static
        Combinations of ``shape`` and ``noise`` for the static form; by default the center with no others and
        with 240, then the moons and "on top" with 240.
    """
    if static is None:
        static = [
            {"shape": "center", "noise": 0},
            {"shape": "center", "noise": 240},
            {"shape": "moons", "noise": 240},
            {"shape": "on top", "noise": 240},
        ]
    explore(
        render_confounded,
        alt="Votes of twenty networks at every place, and the points of the two classes",
        static=static,
        shape=SHAPES,
        noise=NOISES,
    )


def render_confounded(*, shape: str, noise: int) -> Figure:
    """Draw how networks vote that were trained on 60 points of two classes and ``noise`` others.

    Parameters
    ----------
    shape
        Where the two classes lie, see `course_utils.data.confounded.confounded_points`.
    noise
        Points of the other classes.
    """
    votes, points, labels, known = _trained(shape, noise)
    return vote_maps(
        {f"{shape}: {OWN} points of two classes, {noise} others": VoteMap(votes, points, labels)},
        extent=(LOW, HIGH, LOW, HIGH),
        title=f"{NETWORKS} networks, {noise} others: {known:.0%} of new points of the two classes are known",
    )


@lru_cache(maxsize=32)
def _trained(shape: str, noise: int) -> tuple[Any, Any, Any, float]:
    """Return votes (50, 50), one network's points and labels, and the share of new points that are known."""
    import torch
    from torch.nn import functional as F

    from course_utils.data.confounded import confounded_points
    from course_utils.training.devices import one_thread

    drawn = [
        confounded_points(shape, OWN, noise, generator=torch.Generator().manual_seed(seed))
        for seed in range(NETWORKS)
    ]
    fresh = [
        confounded_points(shape, 200, 0, generator=torch.Generator().manual_seed(100 + seed))
        for seed in range(NETWORKS)
    ]
    generator, sizes = torch.Generator().manual_seed(0), (2, HIDDEN, HIDDEN, 2)
    weights = [
        (torch.randn(NETWORKS, i, o, generator=generator) * math.sqrt(2 / i)).requires_grad_()
        for i, o in itertools.pairwise(sizes)
    ]
    biases = [torch.zeros(NETWORKS, 1, o, requires_grad=True) for o in sizes[1:]]

    def logits(points: torch.Tensor) -> torch.Tensor:
        x = 2 * (points - 1)
        for layer, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
            x = torch.baddbmm(bias, x.relu() if layer else x, weight)
        return x

    with one_thread():
        inputs, labels = (torch.stack([d[part] for d in drawn]) for part in (0, 1))
        descent = torch.optim.Adam([*weights, *biases], lr=RATE)
        for _ in range(STEPS):
            descent.zero_grad()
            loss = NETWORKS * F.cross_entropy(logits(inputs).flatten(0, 1), labels.flatten())
            loss.backward()
            descent.step()
        axis = torch.linspace(LOW, HIGH, ACROSS)
        places = torch.cartesian_prod(axis, axis)
        with torch.no_grad():
            ones = logits(places.expand(NETWORKS, -1, -1)).argmax(dim=2).double().mean(dim=0)
            tested, true = (torch.stack([d[part] for d in fresh]) for part in (0, 1))
            known = (logits(tested).argmax(dim=2) == true).double().mean().item()
    votes = ones.reshape(ACROSS, ACROSS).T.numpy()
    return votes, drawn[0].points[:OWN].numpy(), drawn[0].labels[:OWN].numpy(), known
