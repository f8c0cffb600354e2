"""A mosaic averaged with a focus that the reader moves, and what classifiers make of the average."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure

from course_utils.plots.style import colour_of, new_figure, set_title, style
from course_utils.widgets.controls import Choice, explore

if TYPE_CHECKING:
    from torch import Tensor

    from course_utils.data.mosaics import Mosaics

QUALITIES = tuple(range(1, 10))

Classify = Callable[["Tensor"], "Tensor"]
"""Maps averages float32 (N, C, H, W), pixels in [0, 1], to logits (N, classes)."""


def focus_quality_explorer(
    mosaics: Mosaics,
    classifiers: Mapping[str, Classify],
    classes: Sequence[str],
    *,
    note: str = "",
    static: Sequence[Choice] | None = None,
) -> None:
    """Explore averages of mosaics: the quality of the focus, the mosaic, and which classifier is asked.

    Parameters
    ----------
    mosaics
        A few, of pictures.
    classifiers
        Name, such as ``"D2"``, the data set that it was trained on, to a `Classify`.
    classes
        Names of the foreground classes.
    note
        Added to each title.
    static
        Combinations of ``shown`` (i of D_i), ``mosaic`` (counted from 1) and ``trained_on`` for the static
        form; by default the first mosaic with D1, D2, D4 and D9 before the last classifier.

    Raises
    ------
    ValueError
        If there is no mosaic or no classifier.
    """
    if len(mosaics) == 0 or not classifiers:
        raise ValueError(
            f"There are {len(mosaics)} mosaics and {len(classifiers)} classifiers, but one of each is needed."
        )
    names = list(classifiers)
    if static is None:
        static = [{"shown": i, "mosaic": 1, "trained_on": names[-1]} for i in (1, 2, 4, 9)]
    explore(
        lambda **choice: render_focus_quality(mosaics, classifiers, classes, note=note, **choice),
        alt="The average of a mosaic, and the probabilities that a classifier gives to the classes",
        static=static,
        shown=QUALITIES,
        mosaic=range(1, len(mosaics) + 1),
        trained_on=names,
    )


@style()
def render_focus_quality(
    mosaics: Mosaics,
    classifiers: Mapping[str, Classify],
    classes: Sequence[str],
    *,
    shown: int,
    mosaic: int,
    trained_on: str,
    note: str = "",
) -> Figure:
    """Draw one mosaic's average in D_i beside a classifier's probabilities.

    Parameters
    ----------
    mosaics, classifiers, classes, note
        See `focus_quality_explorer`.
    shown
        i of D_i.
    mosaic
        Which one, counted from 1.
    trained_on
        Name of the classifier.
    """
    picture, probabilities = _asked(mosaics.rows(slice(mosaic - 1, mosaic)), classifiers[trained_on], shown)
    label = int(mosaics.labels[mosaic - 1])
    answer = int(probabilities.argmax())
    figure = new_figure(6.6, 3.4)
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.4))
    left.set_axis_off()
    left.imshow(picture, vmin=0, vmax=1, interpolation="nearest")
    left.set_title(f"D{shown}: {shown}/9 of it is\nthe foreground", fontsize=11, loc="left")
    right.barh(range(len(classes)), probabilities, color=[colour_of(n) for n in range(len(classes))])
    right.set_yticks(
        range(len(classes)), [f"{name}{' (true)' if n == label else ''}" for n, name in enumerate(classes)]
    )
    right.invert_yaxis()
    right.set(xlim=(0, 1), xlabel="probability")
    right.grid(visible=True, axis="x")
    word = "right" if answer == label else "wrong"
    set_title(
        figure,
        f"Trained on {trained_on}, shown D{shown}: {classes[answer]} with {probabilities[answer]:.0%}, "
        f"which is {word}{note}",
        width=6.3,
    )
    return figure


def _asked(mosaic: Mosaics, classify: Classify, i: int) -> tuple[Any, Any]:
    """Return the average (H, W, C) and the probabilities (classes,) of a single mosaic, as arrays."""
    import torch

    from course_utils.data.mosaics import Averages, fixed_weights

    average = Averages(mosaic, fixed_weights(i)).pixels(torch.arange(1, device=mosaic.labels.device))
    with torch.no_grad():
        probabilities = classify(average)[0].softmax(dim=0)
    # the mean of pixels in [0, 1] may be above 1 by rounding
    return average[0].permute(1, 2, 0).clamp(0, 1).cpu().numpy(), probabilities.float().cpu().numpy()
