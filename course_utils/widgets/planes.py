"""Points of two planes, averaged with a known focus: the reader turns the planes (report 000, section 9)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from course_utils.plots.style import (
    GREY,
    MARKERS,
    colour_of,
    legend_below,
    new_figure,
    set_title,
    style,
)
from course_utils.widgets.controls import Choice, explore

ANGLES = (0, 15, 30, 45, 60, 75, 90)
QUALITIES = tuple(range(1, 10))
MOSAICS, PER_CLASS = 400, 200


def planes_explorer(*, static: Sequence[Choice] | None = None) -> None:
    """Explore points of two planes from the side, and their averages: the angle, and i of D_i.

    Parameters
    ----------
    static
        Combinations of ``angle`` and ``i`` for the static form; by default 0 and 90 degrees with D2, and the
        same with D9.
    """
    if static is None:
        static = [{"angle": angle, "i": i} for i in (2, 9) for angle in (0, 90)]
    explore(
        render_planes,
        alt="Points of two planes from the side, and averages of mosaics where classes are farthest apart",
        static=static,
        angle=ANGLES,
        i=QUALITIES,
    )


@style()
def render_planes(*, angle: int, i: int) -> Figure:
    """Draw the points from the side, and the averages of D_i in the plane that tells the classes apart best.

    Parameters
    ----------
    angle
        Between the planes of foreground and background, in degrees.
    i
        Of D_i.
    """
    points, classes, averages, labels = _drawn(angle, i)
    places, nearest = _discriminants(averages, labels)
    figure = new_figure(8.6, 4.2)
    left, right = figure.subplots(1, 2)
    back = classes >= 3
    left.scatter(points[back, 0], points[back, 2], s=5, color=GREY, alpha=0.5, linewidths=0)
    handles = []
    for number in range(3):
        mark = {"color": colour_of(number), "marker": MARKERS[number], "linewidths": 0}
        chosen = classes == number
        left.scatter(points[chosen, 0], points[chosen, 2], s=8, alpha=0.6, **mark)
        chosen = labels == number
        handles.append(right.scatter(*places[chosen].T, s=14, label=f"foreground class {number}", **mark))
    left.set(xlabel="x", ylabel="z", xlim=(-2.8, 3.4), ylim=(-1.6, 3.4), aspect="equal")
    right.set(xlabel="first discriminant", ylabel="second discriminant")
    set_title(left, "Points from the side; background grey", width=4)
    set_title(right, f"Averages of D{i}", width=4)
    set_title(
        figure,
        f"{angle} degrees, D{i}: the nearest class mean is the right one for "
        f"{(nearest == labels).mean():.0%} of {len(labels)} averages",
        width=8.3,
    )
    legend_below(figure, handles, width=8.6)
    return figure


def _drawn(angle: int, i: int) -> tuple[Any, Any, Any, Any]:
    """Return points (N, 3), classes (N,), averages (M, 3) and labels (M,), always the same draws."""
    import torch

    from course_utils.data.mosaics import Averages, fixed_weights, make_mosaics
    from course_utils.data.points import gaussian_classes, plane_means

    generator = torch.Generator().manual_seed(0)
    points = gaussian_classes(plane_means(angle), PER_CLASS, variance=0.1, generator=generator)
    mosaics = make_mosaics(points, MOSAICS, generator=generator)
    averages = Averages(mosaics, fixed_weights(i)).pixels(torch.arange(MOSAICS))
    return (
        points.images.numpy(),
        points.labels.numpy(),
        averages.double().numpy(),
        mosaics.labels.numpy(),
    )


def _discriminants(x: Any, labels: Any) -> tuple[Any, Any]:
    """Return points (N, 2) seen where classes are farthest apart in units of their spread, and nearest means.

    Fisher's linear discriminants. In all three dimensions distances in these units decide which class mean is
    nearest.
    """
    means = np.stack([x[labels == c].mean(axis=0) for c in range(3)])
    within = x - means[labels]
    values, vectors = np.linalg.eigh(within.T @ within / len(x))
    whiten = vectors / np.sqrt(values)  # (3, 3): spread 1 in every direction
    white, centres = (x - x.mean(axis=0)) @ whiten, (means - x.mean(axis=0)) @ whiten
    _, _, directions = np.linalg.svd(centres - centres.mean(axis=0))
    nearest = ((white[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1)
    return white @ directions[:2].T, nearest
