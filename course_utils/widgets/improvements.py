"""Learning curves of the improvements of report 001, part 3, from the ledger: any two beside each other."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from course_utils.plots.histories import curves
from course_utils.widgets.controls import Choice, explore

if TYPE_CHECKING:
    from course_utils.evaluation.ledger_rows import Row

# What each key of the ledger adds to the report's network; "alone" and "cumulative" are settings of a key.
KEYS: Mapping[str, str] = {
    "A9": "the report's network",
    "A10": "standardisation",
    "A11": "crop and flip",
    "A12": "momentum and schedule",
    "A13": "dropout",
    "A14": "batch norm",
    "A15": "random turns and scales",
    "A16": "Adam",
}
_CURVES = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")


def improvements_explorer(rows: Iterable[Row], *, static: Sequence[Choice] | None = None) -> None:
    """Explore the curves of the ledger: any improvement, alone or with all before it, beside any other.

    Parameters
    ----------
    rows
        Rows of the ledger (`course_utils.evaluation.ledger_rows.read_rows`) with ``curves``; rows without
        them, and keys other than A9 to A16, are left out.
    static
        Combinations of ``run`` and ``beside`` for the static form, by their names, as `runs_by_name` gives
        them; by default the first four improvements alone, each beside the first run.

    Raises
    ------
    ValueError
        If fewer than two runs have curves.
    """
    runs = runs_by_name(rows)
    if len(runs) < 2:
        raise ValueError(
            f"The ledger holds curves of {len(runs)} settings of A9 to A16, but two are needed to compare "
            "them: record some with `course results run A9` and `course results run A10`."
        )
    names = list(runs)
    alone = [name for name in names[1:] if name.endswith(", alone")] or names[1:]
    explore(
        lambda **choice: render_improvements(runs, **choice),
        alt="Loss and accuracy against epochs of two settings of the ledger, means over seeds",
        static=static or [{"run": name, "beside": names[0]} for name in alone[:4]],
        run=names,
        beside=names,
    )


def runs_by_name(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Return the rows of each setting by its name in words, such as ``"A11 crop and flip, alone"``.

    In the order of the keys; as in the ledger's tables, `course_utils.evaluation.ledger_rows.counted` says
    which rows count.
    """
    from course_utils.evaluation.ledger_rows import counted

    arranged: dict[str, list[Row]] = {}
    with_curves = [row for row in rows if row.key in KEYS and all(row.curves.get(c) for c in _CURVES)]
    for row in sorted(with_curves, key=lambda row: list(KEYS).index(row.key)):
        arranged.setdefault(f"{row.key} {KEYS[row.key]}, {row.setting}", []).append(row)
    return {name: counted(of_one) for name, of_one in arranged.items()}


def render_improvements(runs: Mapping[str, Sequence[Row]], *, run: str, beside: str) -> Figure:
    """Draw the mean curves of one or two settings; the title compares their test accuracies.

    Parameters
    ----------
    runs
        Rows by name, as `runs_by_name` gives them.
    run, beside
        Two of the names; the same one twice is drawn once.
    """
    from course_utils.training.history import History

    histories = {}
    for name in dict.fromkeys((run, beside)):
        history = History()
        means = ([row.curves[curve] for row in runs[name]] for curve in _CURVES)
        for epoch, measured in enumerate(zip(*map(_mean, means), strict=True), start=1):
            history.record(epoch, *measured)
        histories[name] = history
    return curves(histories, title=_title(runs, run, beside))


def _title(runs: Mapping[str, Sequence[Row]], run: str, beside: str) -> str:
    ours = {row.seed: row.metrics["test_accuracy"] for row in runs[run]}
    accuracy = f"{run}: {statistics.fmean(ours.values()):.1%} of the test images right"
    theirs = {row.seed: row.metrics["test_accuracy"] for row in runs[beside]}
    # as the ledger has it: seeds go in pairs, for what a start and an order of images do to both cancels
    gains = [100 * (ours[seed] - theirs[seed]) for seed in ours if seed in theirs]
    if run == beside or not gains:
        return f"{accuracy} (seeds: {len(ours)})"
    spread = f" ± {statistics.stdev(gains) / math.sqrt(len(gains)):.1f}" if len(gains) > 1 else ""
    return (
        f"{accuracy}, {statistics.fmean(gains):+.1f}{spread} points against {beside} "
        f"(pairs of seeds: {len(gains)}; ± one standard error)"
    )


def _mean(series: Sequence[Sequence[float]]) -> list[float]:
    """Return the mean curve, as long as the shortest one."""
    return [statistics.fmean(values) for values in zip(*series, strict=False)]
