"""Tables of numbers as heat maps, every number written in its cell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.colors import Normalize, to_hex
from matplotlib.figure import Figure

from course_utils.plots.style import as_array, new_figure, set_title, style, text_colour_on


@style()
def heat_map(
    table: Any,
    *,
    row_labels: Sequence[object],
    column_labels: Sequence[object],
    title: str,
    row_name: str = "",
    column_name: str = "",
    value_name: str = "",
    number_format: str = ".2f",
    limits: tuple[float, float] | None = None,
    numbers: Any = None,
) -> Figure:
    """Draw a table whose cells are coloured by their value and show it as a number.

    Parameters
    ----------
    table
        Values, (rows, columns). Cells that are not finite stay grey and show a dash.
    row_labels, column_labels
        One for each row and column.
    row_name, column_name, value_name
        What rows, columns and values are.
    number_format
        Python's format of the numbers.
    limits
        Values of the lightest and the darkest colour; by default the smallest and the largest value.
    numbers
        What the cells show instead of the values that colour them, (rows, columns).

    Raises
    ------
    ValueError
        If the labels do not fit the table.
    """
    from seaborn import heatmap  # with pandas half a second: only where a table is drawn

    values = as_array(table).astype(float)
    shown = values if numbers is None else as_array(numbers)
    expected = (len(row_labels), len(column_labels))
    if values.shape != expected or shown.shape != expected:
        raise ValueError(
            f"The table has shape {values.shape} (numbers {shown.shape}), but there are {expected[0]} row "
            f"and {expected[1]} column labels."
        )
    texts = [
        [
            format(number, number_format) if np.isfinite(value) else "–"
            for number, value in zip(*rows, strict=True)
        ]
        for rows in zip(shown, values, strict=True)
    ]
    longest = max(len(text) for row in texts for text in row)
    labels = [str(label) for label in column_labels]
    margin = 1.8 + 0.1 * max(len(str(label)) for label in row_labels)  # row labels, colour bar
    cell = max(0.5, 0.11 * longest + 0.2)
    cell_for_label = 0.085 * max(map(len, labels)) + 0.15
    # long column labels are tilted only where wider cells would not fit the page
    tilted = cell_for_label > cell and cell_for_label * len(labels) + margin > 10.8
    if not tilted:
        cell = max(cell, cell_for_label)
    width = min(10.8, max(4.2, cell * len(labels) + margin))
    figure = new_figure(width, 0.42 * len(values) + (2.1 if tilted else 1.6))
    axes = figure.subplots()
    finite = values[np.isfinite(values)]
    low, high = limits or ((finite.min(), finite.max()) if finite.size else (0, 1))
    norm = Normalize(low, high if high > low else low + 1)
    axes.set_facecolor("#dddddd")  # seen where a cell is masked
    heatmap(
        values,
        mask=~np.isfinite(values),
        vmin=norm.vmin,
        vmax=norm.vmax,
        cmap="Blues",
        annot=np.array(texts),
        fmt="",
        annot_kws={"fontsize": 10},
        xticklabels=labels,
        yticklabels=[str(label) for label in row_labels],
        cbar_kws={"label": value_name, "fraction": 0.06, "pad": 0.02},
        ax=axes,
    )
    # seaborn's own choice of black or white leaves middle blues with too little contrast
    backgrounds = np.asarray(axes.collections[0].get_facecolor()).reshape(*values.shape, 4)
    for annotation in axes.texts:
        column, row = (int(place) for place in annotation.get_position())
        annotation.set_color(text_colour_on(to_hex(backgrounds[row, column])))
    for row, column in np.argwhere(~np.isfinite(values)):
        axes.text(column + 0.5, row + 0.5, texts[row][column], ha="center", va="center", fontsize=10)
    axes.tick_params(axis="y", labelrotation=0)
    axes.tick_params(axis="x", labelrotation=45 if tilted else 0)
    if tilted:
        for text in axes.get_xticklabels():
            text.set(ha="right", rotation_mode="anchor")
    axes.set(xlabel=column_name, ylabel=row_name)
    axes.tick_params(length=0)
    set_title(figure, title, width=width - 0.3)
    return figure


def confusion_matrix(labels: Any, predictions: Any, *, classes: Sequence[object], title: str) -> Figure:
    """Draw how often each class was taken for which: counts in the cells, colour by share of the true class.

    Parameters
    ----------
    labels, predictions
        True and predicted classes, (n,), 0 to ``len(classes) - 1``.
    classes
        Names of the classes.

    Raises
    ------
    ValueError
        If the two do not fit together or a class has no name.
    """
    true, predicted = as_array(labels).astype(int), as_array(predictions).astype(int)
    if true.shape != predicted.shape or true.ndim != 1:
        raise ValueError(
            f"labels have shape {true.shape} and predictions {predicted.shape}; both need (n,): one class "
            "number per example (argmax of the logits over dim 1)."
        )
    n = len(classes)
    for name, numbers in (("labels", true), ("predictions", predicted)):
        if numbers.size and not (numbers.min() >= 0 and numbers.max() < n):
            raise ValueError(
                f"{name} hold {numbers.min()} to {numbers.max()}, but the classes are 0 to {n - 1}."
            )
    counts = np.bincount(true * n + predicted, minlength=n * n).reshape(n, n)  # (true, predicted)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return heat_map(
        share,
        row_labels=classes,
        column_labels=classes,
        title=title,
        row_name="true class",
        column_name="predicted class",
        value_name="share of the true class",
        number_format="d",
        limits=(0, 1),
        numbers=counts,
    )
