"""A mosaic whose attention weights are moved by hand, while the classifier's answer follows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from course_utils.plots.mosaics import draw_mosaic, mosaic_handles
from course_utils.plots.style import LINE_COLOURS, as_array, legend_below, new_figure, set_title, style
from course_utils.widgets.controls import Choice, explore

STEPS = range(11)  # what a control of a tile is set to; the weights are the shares of it
Answer = Callable[[list[float]], Sequence[float]]


def mosaic_explorer(
    tiles: Any,
    answer: Answer,
    *,
    label: int,
    foreground_at: int,
    attention_weights: Sequence[float],
    class_names: Sequence[str],
    static: Sequence[Choice] | None = None,
) -> None:
    """Explore one mosaic: nine controls share out the attention, the classification network answers.

    Parameters
    ----------
    tiles
        uint8 (tiles, channels, height, width).
    answer
        From attention weights, as many as tiles and 1 in all, to the probability of each class.
    label, foreground_at
        The right class, and the tile that shows it.
    attention_weights
        (tiles,): what the focus network gives them.
    class_names
        Of the foreground classes.
    static
        Settings of ``tile_1`` to ``tile_9`` for the static form; by default the learnt weights (to the
        nearest step), all tiles alike, all on the foreground, and all on one background tile.
    """
    pixels = as_array(tiles)
    if static is None:
        wrong = next(t for t in range(len(pixels)) if t != foreground_at)
        static = [
            in_steps(attention_weights),
            in_steps([1.0] * len(pixels)),
            in_steps([float(t == foreground_at) for t in range(len(pixels))]),
            in_steps([float(t == wrong) for t in range(len(pixels))]),
        ]
    explore(
        lambda **choice: render_mosaic(
            pixels, answer, label=label, foreground_at=foreground_at, class_names=class_names, **choice
        ),
        alt="A mosaic with a frame for each tile's weight, the weighted average of its tiles, and a bar for "
        "the probability of each class",
        static=static,
        **{f"tile_{t + 1}": STEPS for t in range(len(pixels))},
    )


def in_steps(weights: Sequence[float]) -> Choice:
    """Return the setting of the controls that is nearest to weights; the largest is the last step."""
    largest = max(float(weight) for weight in weights)
    if not largest > 0:
        raise ValueError("All weights are 0, so nothing would be averaged: one at least must be positive.")
    return {f"tile_{t + 1}": round(STEPS[-1] * float(w) / largest) for t, w in enumerate(weights)}


def shares(steps: Sequence[int]) -> list[float]:
    """Return the weights that belong to steps: in proportion, 1 in all; all alike if every step is 0."""
    total = sum(steps)
    return [step / total if total else 1 / len(steps) for step in steps]


@style()
def render_mosaic(
    tiles: Any,
    answer: Answer,
    *,
    label: int,
    foreground_at: int,
    class_names: Sequence[str],
    **steps: int,
) -> Figure:
    """Draw a mosaic framed by weights, the average of its tiles, and the answer to it.

    Parameters
    ----------
    tiles, answer, label, foreground_at, class_names
        See `mosaic_explorer`.
    **steps
        ``tile_1`` to ``tile_9``, whole numbers of at least 0: their shares are the weights.
    """
    pixels = as_array(tiles)
    names = [f"tile_{t + 1}" for t in range(len(pixels))]
    if set(steps) != set(names):
        raise ValueError(
            f"A mosaic of {len(pixels)} tiles needs the settings {names[0]} to {names[-1]}, but "
            f"{', '.join(steps) or 'none'} came."
        )
    weights = shares([steps[name] for name in names])
    probabilities = [float(p) for p in answer(weights)]
    if len(probabilities) != len(class_names):
        raise ValueError(f"{len(probabilities)} probabilities came for {len(class_names)} classes.")
    figure = new_figure(9.2, 3.9)
    mosaic_axes, average_axes, answer_axes = figure.subplots(1, 3, width_ratios=(1.2, 1, 1.1))
    draw_mosaic(mosaic_axes, pixels, weights, foreground_at=foreground_at)
    average = np.einsum("t,tchw->hwc", weights, pixels.astype(float))
    average_axes.imshow(
        average.round().astype(np.uint8).repeat(3 // average.shape[2], axis=2), interpolation="nearest"
    )
    average_axes.set_axis_off()
    set_title(mosaic_axes, "the tiles", width=2.6)
    set_title(average_axes, "their average", width=2.4)
    answer_axes.barh(
        range(len(class_names)),
        probabilities,
        color=[LINE_COLOURS[0] if c == label else LINE_COLOURS[4] for c in range(len(class_names))],
    )
    answer_axes.set_yticks(
        range(len(class_names)),
        [f"{name} (right)" if c == label else name for c, name in enumerate(class_names)],
    )
    answer_axes.set(xlim=(0, 1), xlabel="probability")
    answer_axes.invert_yaxis()
    set_title(answer_axes, "the answer", width=2.4)
    predicted = max(range(len(probabilities)), key=probabilities.__getitem__)
    words = "right" if predicted == label else "wrong"
    set_title(
        figure,
        f"The foreground has {weights[foreground_at]:.0%} of the attention; the answer is "
        f"{class_names[predicted]} with {probabilities[predicted]:.0%}, which is {words}",
        width=8.9,
    )
    legend_below(figure, mosaic_handles(weights=True, foreground=True), width=9.2)
    return figure
