"""How much of the labels is re-drawn, against what is learnt and what is memorised."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from course_utils.plots.noise_phases import PARTS, best_epoch, noise_phases
from course_utils.widgets.controls import Choice, explore

if TYPE_CHECKING:
    from course_utils.evaluation.ledger_rows import Row

Curves = Mapping[str, Sequence[float]]


def label_noise_explorer(
    curves: Mapping[float, Curves],
    *,
    source: str,
    first_epoch: int = 0,
    static: Sequence[Choice] | None = None,
) -> None:
    """Explore how a network trained on noisy labels learns and memorises, level of noise by level.

    Parameters
    ----------
    curves
        Fraction of the labels re-drawn -> ``clean_accuracy``, ``corrupted_accuracy`` and ``test_accuracy``
        for each epoch, as `course_utils.plots.noise_phases.noise_phases` takes them.
    source
        Where the curves come from, for the title.
    first_epoch
        The epoch of the first numbers.
    static
        Values of ``percent`` for the static form; by default up to four, spread over all levels.

    Raises
    ------
    ValueError
        If there are no curves.
    """
    if not curves:
        raise ValueError("There are no curves to explore: give those of at least one fraction of noise.")
    by_percent = {round(100 * fraction): curves[fraction] for fraction in sorted(curves)}
    levels = list(by_percent)
    few = sorted({round(k * (len(levels) - 1) / 3) for k in range(4)})
    explore(
        lambda percent: render_label_noise(
            by_percent[percent], percent=percent, source=source, first_epoch=first_epoch
        ),
        alt="Accuracy on clean labels, on re-drawn labels and on test data against epochs",
        static=static or [{"percent": levels[k]} for k in few],
        percent=levels,
    )


def render_label_noise(curves: Curves, *, percent: int, source: str, first_epoch: int = 0) -> Figure:
    """Draw one level of noise; the title compares the best epoch with the last one.

    Parameters
    ----------
    curves
        As in `label_noise_explorer`, of one level.
    percent
        How many of 100 labels were re-drawn.
    source, first_epoch
        See `label_noise_explorer`.
    """
    best = best_epoch(curves["test_accuracy"], first_epoch=first_epoch)
    end = first_epoch + len(curves["test_accuracy"]) - 1
    told = f"{percent} % re-drawn ({source})"
    if best is not None and not math.isfinite(curves["clean_accuracy"][-1]):
        told += (
            f": nothing to learn; at epoch {end} re-drawn {_percent(curves['corrupted_accuracy'][-1])}, "
            f"test {_percent(curves['test_accuracy'][-1])}"
        )
    elif best is not None:
        at_end = _percent(curves["corrupted_accuracy"][-1])
        at = {name: _percent(curves[name][best - first_epoch]) for name in PARTS}
        told += (
            f": at epoch {best} clean labels {at['clean_accuracy']}, re-drawn {at['corrupted_accuracy']}, "
            f"test {at['test_accuracy']}; at epoch {end} re-drawn {at_end}, "
            f"test {_percent(curves['test_accuracy'][-1])}"
        )
    return noise_phases(curves, title=told, best=best, first_epoch=first_epoch)


def ledger_curves(rows: Iterable[Row]) -> dict[float, Curves]:
    """Return fraction -> curves from rows of D1 whose setting is ``"p = 40"`` or the like.

    Of each setting the counted row of the smallest seed: networks stop at different epochs, and a mean of
    their curves would be nobody's. A part without rows (no noise, nothing but noise) has nan; rows without
    any of these curves, or with curves of several lengths, are left out.
    """
    from course_utils.evaluation.ledger_rows import counted

    by_setting: dict[str, list[Row]] = {}
    for row in rows:
        number = row.setting.removeprefix("p = ")
        lengths = {len(row.curves[name]) for name in PARTS if row.curves.get(name)}
        if row.setting == f"p = {number}" and number.isdigit() and len(lengths) == 1:
            by_setting.setdefault(number, []).append(row)
    found: dict[float, Curves] = {}
    for number in sorted(by_setting, key=int):
        curves = min(counted(by_setting[number]), key=lambda one: one.seed).curves
        nothing = [math.nan] * max(len(curves.get(name, ())) for name in PARTS)
        found[int(number) / 100] = {name: curves.get(name) or nothing for name in PARTS}
    return found


def _percent(share: float) -> str:
    return f"{share:.0%}" if math.isfinite(share) else "–"
