"""Points of two classes among points of others that wear their labels (report 000, section 8).

Ten classes on three by three squares of the plane: eight are round clouds around the middles of squares,
and two share one square, where a straight line separates them, or half moons do not let it. Every point of
the other eight gets a label drawn from {0, 1}: noise from outside the two classes.

The report shows its points in pictures that are lost, so the places are ours.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from course_utils.data.errors import DataError

if TYPE_CHECKING:
    from torch import Generator, Tensor

SHAPES = ("corner", "center", "moons", "on top")

VARIANCE = 0.1
"""Of a coordinate of a cloud, as in section 6.1 of the report; the squares have side 1."""


class ConfoundedPoints(NamedTuple):
    """Points with the labels they are given; the ``corrupted`` ones belong to none of the two classes."""

    points: Tensor  # (N, 2), float32
    labels: Tensor  # (N,), int64: 0 or 1
    true_labels: Tensor  # (N,), int64: 0 to 9
    corrupted: Tensor  # (N,), bool


def confounded_points(shape: str, n: int, noise: int, *, generator: Generator) -> ConfoundedPoints:
    """Draw ``n`` points of classes 0 and 1 with their own labels, and ``noise`` points of classes 2 to 9.

    Parameters
    ----------
    shape
        ``"corner"``: the two classes are halves of the square in the corner, around (0, 0), with a gap
        between them; ``"center"``: of the square in the middle, around (1, 1); ``"moons"``: half moons that
        reach into one another, in the corner; ``"on top"``: as ``"corner"``, but all the other classes lie
        in the square of the two.
    n
        Points of classes 0 and 1 together, half of each (of an odd number class 1 has one more).
    noise
        Points of the eight other classes together, as evenly as it goes; their labels are 0 or 1 by chance.
    generator
        CPU generator.

    Returns
    -------
    ConfoundedPoints
        In this order: class 0, class 1, the others. With the same generator and ``noise`` 0 the first ``n``
        points are the same.

    Raises
    ------
    DataError
        If there is no such shape, or a number is negative or both are 0.
    """
    import torch

    if shape not in SHAPES:
        raise DataError(f"shape is {shape!r}, but it must be one of {', '.join(SHAPES)}.")
    if n < 0 or noise < 0 or n + noise == 0:
        raise DataError(f"n is {n} and noise {noise}, but there must be points, and no negative numbers.")
    own = (torch.arange(n) >= n // 2).long()  # (n,): class 0, then class 1
    u = torch.rand(n, 2, generator=generator)
    x = _moons(u, own) if shape == "moons" else _halves(u, own)
    home = (1, 1) if shape == "center" else (0, 0)
    squares = [(i, j) for j in range(3) for i in range(3) if (i, j) != home]
    others = torch.arange(noise) * len(squares) // max(noise, 1)  # (noise,): 0 to 7, in order
    if shape == "on top":
        clouds = 0.9 * torch.rand(noise, 2, generator=generator) - 0.45
    else:
        middles = torch.tensor(squares, dtype=torch.float32)
        clouds = middles[others] + math.sqrt(VARIANCE) * torch.randn(noise, 2, generator=generator)
    wrong = torch.randint(2, (noise,), generator=generator)
    return ConfoundedPoints(
        points=torch.cat([x + torch.tensor(home, dtype=torch.float32), clouds]),
        labels=torch.cat([own, wrong]),
        true_labels=torch.cat([own, 2 + others]),
        corrupted=torch.arange(n + noise) >= n,
    )


def _halves(u: Tensor, own: Tensor) -> Tensor:
    """Return points (n, 2) of the left and the right half of a square around 0, 0.2 apart, from uniform u."""
    import torch

    return torch.stack([(2 * own - 1) * (0.1 + 0.35 * u[:, 0]), 0.9 * u[:, 1] - 0.45], dim=1)


def _moons(u: Tensor, own: Tensor) -> Tensor:
    """Return points (n, 2) of two half rings, the one upside down and reaching into the other."""
    import torch

    sign = 1.0 - 2.0 * own
    turn, radius = math.pi * u[:, 0], 0.3 + 0.08 * (u[:, 1] - 0.5)
    x = sign * (radius * turn.cos() - 0.15)
    return torch.stack([x, sign * (radius * turn.sin() - 0.075)], dim=1)
