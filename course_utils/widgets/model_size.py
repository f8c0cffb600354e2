"""Error and loss against the size of the network, from the ledger's rows of F6: the reader picks a size."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from course_utils.plots.against_size import against_size
from course_utils.widgets.controls import Choice, explore

if TYPE_CHECKING:
    from course_utils.evaluation.ledger_rows import Row

Sizes = dict[str, dict[int, dict[str, float]]]
"""Labels, such as ``"40 % re-drawn"`` -> hidden units -> metric -> mean over the seeds."""

PANELS = {
    "share of wrong labels": {"training error": "train_error", "test error": "test_error"},
    "cross-entropy": {
        "training loss": "train_loss",
        "test loss": "test_loss",
        "test loss, best temperature": "calibrated_test_loss",
    },
}
FEWEST = 2  # sizes that make a curve


def model_size_explorer(rows: Iterable[Row], *, static: Sequence[Choice] | None = None) -> None:
    """Explore error and loss against the number of hidden units; the title reads off one of the sizes.

    Parameters
    ----------
    rows
        Rows of the ledger; those of other keys than F6 are left out. Sizes that are missing leave no gap.
    static
        Combinations of ``labels`` and ``hidden_units`` for the static form; by default, for each kind of
        labels, the size with the highest test loss.

    Raises
    ------
    ValueError
        If there are not two sizes of the same labels.
    """
    found = by_size(rows)
    everywhere = sorted(set.intersection(*map(set, found.values()))) if found else []
    if not everywhere:
        raise ValueError(
            "The ledger holds rows of F6 for fewer than two sizes: record some with `course results run F6`."
        )
    if static is None:
        peaks = {labels: {size: found[labels][size]["test_loss"] for size in everywhere} for labels in found}
        static = [
            {"labels": labels, "hidden_units": max(peak, key=peak.__getitem__)}
            for labels, peak in peaks.items()
        ]
    explore(
        lambda **choice: render_model_size(found, **choice),
        alt="Training and test error, and training and test loss, against the number of hidden units",
        static=static,
        labels=list(found),
        hidden_units=everywhere,
    )


def by_size(rows: Iterable[Row]) -> Sizes:
    """Return the means over seeds by labels and size, smallest first; labels with a single size are left out.

    As in the ledger's tables, `course_utils.evaluation.ledger_rows.counted` says which rows count.
    """
    from course_utils.evaluation.ledger_rows import counted

    settings: dict[str, list[Row]] = {}
    for row in rows:
        if row.key == "F6":
            settings.setdefault(row.setting, []).append(row)
    metrics = {metric for series in PANELS.values() for metric in series.values()}
    found: Sizes = {}
    for setting, of_one in settings.items():
        labels, _, _ = setting.partition(", width")
        mine = counted(of_one)
        size = int(mine[0].settings["width"])
        found.setdefault(labels, {})[size] = {
            metric: statistics.fmean(row.metrics.get(metric, math.nan) for row in mine)
            for metric in sorted(metrics)
        }
    return {labels: dict(sorted(sizes.items())) for labels, sizes in found.items() if len(sizes) >= FEWEST}


def render_model_size(
    found: Mapping[str, Mapping[int, Mapping[str, float]]], *, labels: str, hidden_units: int
) -> Figure:
    """Draw error and loss against size; the title tells them for one size, which a line marks.

    Parameters
    ----------
    found
        As `by_size` returns it.
    labels
        One of its names.
    hidden_units
        One of the sizes of these labels.
    """
    sizes = found[labels]
    panels = {
        y_name: {name: [of_one[metric] for of_one in sizes.values()] for name, metric in series.items()}
        for y_name, series in PANELS.items()
    }
    here = sizes[hidden_units]
    title = (
        f"{labels}, {hidden_units} hidden units: training error {here['train_error']:.1%}, test error "
        f"{here['test_error']:.1%}, test loss {here['test_loss']:.2f} "
        f"({here['calibrated_test_loss']:.2f} at the best temperature)"
    )
    return against_size(list(sizes), panels, title=title, x_name="hidden units", marked=float(hidden_units))
