"""Points in the plane that no straight line separates."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from course_utils.data.errors import DataError

if TYPE_CHECKING:
    from torch import Generator, Tensor


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
