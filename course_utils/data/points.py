"""Points instead of pictures: in the plane or in space, where everything can be drawn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from course_utils.data.errors import DataError

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from course_utils.data.dataset import Split


def circles(
    n: int,
    generator: Generator,
    *,
    noise: float = 0.1,
    factor: float = 0.5,
    center: tuple[float, float] = (0.0, 0.0),
) -> tuple[Tensor, Tensor]:
    """Draw points near two circles around the same centre (report 001, part 1).

    The points are evenly spaced on the circles before noise is added, half of them on each, and come in
    random order: the geometry of scikit-learn's ``make_circles``.

    Parameters
    ----------
    n
        Number of points, at least 2; of an odd number the inner circle gets one more.
    generator
        Source of order and noise; the tensors lie on its device.
    noise
        Standard deviation of the Gaussian noise added to each coordinate.
    factor
        Radius of the inner circle, between 0 and 1; the outer one has radius 1.
    center
        Centre of both circles. Away from the origin, only kernels with a constant term separate them
        with degree 2.

    Returns
    -------
    x : float32 (n, 2)
    labels : int64 (n,)
        0 on the outer circle, 1 on the inner one.

    Raises
    ------
    DataError
        If an argument is out of its range.
    """
    import torch

    if n < 2:
        raise DataError(f"n is {n}, but circles need at least 2 points, one on each.")
    if not 0.0 <= factor < 1.0:
        raise DataError(
            f"factor is {factor}, but the inner circle's radius lies between 0 and 1 (1 excluded)."
        )
    if not noise >= 0.0:
        raise DataError(f"noise is {noise}, but a standard deviation is never negative.")
    device = generator.device
    outer, inner = n // 2, n - n // 2
    turn = torch.cat([torch.arange(outer, device=device) / outer, torch.arange(inner, device=device) / inner])
    labels = (torch.arange(n, device=device) >= outer).long()  # (n,)
    radius = torch.where(labels == 0, 1.0, factor)
    angle = 2.0 * math.pi * turn
    x = radius[:, None] * torch.stack([angle.cos(), angle.sin()], dim=1)  # (n, 2)
    order = torch.randperm(n, generator=generator, device=device)
    x, labels = x[order], labels[order]
    x = x + noise * torch.randn(n, 2, generator=generator, device=device)
    return x + torch.tensor(center, dtype=torch.float32, device=device), labels


def gaussian_classes(
    means: Sequence[Sequence[float]], per_class: int, *, variance: float, generator: Generator
) -> Split:
    """Draw points around the means of classes (report 000, section 6.1): equal, round Gaussians.

    Parameters
    ----------
    means
        Of each class in the order of their numbers, all of one dimension.
    per_class
        Points of each class, at least 1.
    variance
        Of each coordinate: the covariance matrix is this times the identity.
    generator
        CPU generator.

    Returns
    -------
    Split
        ``images`` are the points, float32 (N, dimensions), sorted by class; ``labels`` int64 (N,).

    Raises
    ------
    DataError
        If an argument is out of its range.
    """
    import torch

    from course_utils.data.dataset import Split

    if per_class < 1:
        raise DataError(f"per_class is {per_class}, but a class has at least 1 point.")
    if not 0 <= variance < math.inf:
        raise DataError(f"variance is {variance}, but it is never negative.")
    if not means or len({len(mean) for mean in means}) != 1:
        raise DataError("means must be points of one dimension, one for each class.")
    centers = torch.tensor(means, dtype=torch.float32)  # (classes, dimensions)
    labels = torch.arange(len(means)).repeat_interleave(per_class)  # (N,)
    noise = torch.randn(len(labels), centers.shape[1], generator=generator)
    return Split(centers[labels] + math.sqrt(variance) * noise, labels)


def plane_means(angle: float, *, radius: float = 1.0, distance: float = 2.0) -> list[list[float]]:
    """Return the means of ten classes in two planes of space (report 000, section 9).

    Classes 3 to 9 lie on a circle of the x-y plane, and classes 0 to 2 on a half circle of a plane that is
    turned about the y axis by ``angle``: at 0 degrees all ten are in one plane.

    Parameters
    ----------
    angle
        Degrees, between 0 and 90.
    radius, distance
        Of the background's circle, and of the foreground's half circle.

    Raises
    ------
    DataError
        If the angle is out of its range.
    """
    if not 0 <= angle <= 90:
        raise DataError(f"angle is {angle}, but the angle between two planes is 0 to 90 degrees.")
    turned = math.radians(angle)
    means = []
    for where in (-60.0, 0.0, 60.0):
        along, y = distance * math.cos(math.radians(where)), distance * math.sin(math.radians(where))
        means.append([along * math.cos(turned), y, along * math.sin(turned)])
    for k in range(7):
        means.append([radius * math.cos(2 * math.pi * k / 7), radius * math.sin(2 * math.pi * k / 7), 0.0])
    return means
