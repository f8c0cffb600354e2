"""What came out, beside what the reports say: means over seeds, verdicts, tables.

Rows are kept by `course_utils.evaluation.ledger_rows`; the reported figures are ``reported/KEY.csv``.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from course_utils.evaluation.ledger_rows import (
    COURSE_ROWS,
    LedgerError,
    Row,
    append,
    counted,
    keys_with_rows,
    read_rows,
    user_rows,
)
from course_utils.evaluation.reported import Reported, keys_with_reports, read_reported

__all__ = [
    "COURSE_ROWS",
    "Comparison",
    "LedgerError",
    "Row",
    "Summary",
    "append",
    "compare",
    "difference",
    "headline",
    "known_keys",
    "summary",
    "table",
    "verdict",
]

Verdict = Literal["reproduced", "differs", "refuted", "not comparable"]


@dataclass(frozen=True)
class Summary:
    """One metric of one setting over its seeds: mean, standard deviation (of single runs; 0 for one), n."""

    setting: str
    metric: str
    mean: float
    sd: float
    n: int
    scale: str


@dataclass(frozen=True)
class Comparison:
    """A figure or claim of a report beside ours, and beside the user's own where he has one."""

    key: str
    reported: Reported
    ours: Summary | None
    yours: Summary | None
    verdict: Verdict
    reason: str


def known_keys() -> list[str]:
    """Return all keys with rows or reported figures, in order."""
    every = {*keys_with_rows(), *keys_with_reports(), *keys_with_rows(folder=user_rows())}
    return sorted(every, key=lambda key: (key[0], int(key[1:])))


def summary(key: str, *, folder: Path | None = None) -> list[Summary]:
    """Return mean, standard deviation and n of every metric of every setting of a key.

    Which rows count says `course_utils.evaluation.ledger_rows.counted`.

    Parameters
    ----------
    key
        For example ``"A1"``.
    folder
        Of the rows; default: the course's own.

    Raises
    ------
    LedgerError
        If a line of the file is damaged.
    """
    summaries = []
    for setting, rows in _counted_by_setting(key, folder).items():
        for metric in rows[-1].metrics:
            values = [row.metrics[metric] for row in rows if metric in row.metrics]
            summaries.append(_summary(setting, metric, values, rows[-1].scale))
    return summaries


def difference(
    key: str, setting: str, metric: str, versus: tuple[str, str], *, folder: Path | None = None
) -> Summary | None:
    """Return by how much a metric of one setting exceeds that of another, over the seeds that both have.

    Seeds go in pairs: one seed means the same start and the same order of the examples in both, so what they
    share cancels. ``sd`` is that of the single differences. None if the two have no seeds at the same scale
    and on the same data.

    Parameters
    ----------
    key, setting, metric
        Of the minuend.
    versus
        Key and setting of the subtrahend.
    folder
        Of the rows; default: the course's own.
    """
    ours = _counted_by_setting(key, folder).get(setting, [])
    theirs = _counted_by_setting(versus[0], folder).get(versus[1], [])
    if not ours or not theirs or ours[-1].scale != theirs[-1].scale or ours[-1].data != theirs[-1].data:
        return None
    other = {row.seed: row.metrics for row in theirs}
    values = [
        row.metrics[metric] - other[row.seed][metric]
        for row in ours
        if metric in row.metrics and metric in other.get(row.seed, {})
    ]
    return _summary(setting, metric, values, ours[-1].scale) if values else None


def verdict(reported: Reported, ours: Summary | None) -> tuple[Verdict, str]:
    """Return the verdict on a reported figure or claim, and its reason where that is not plain.

    The rule, the only one in the course. Let *mean* and *sd* be ours over the seeds, sd being that of single
    runs, because a report's figure is a single run; with one seed sd is 0.

    - **not comparable**: the report's table gives a reason (other data or weights, no figure), we have no
      run at ``laptop`` or ``full`` scale, or our mean is not a finite number.
    - A figure ("="): **reproduced** if it differs from the mean by at most 2 sd or by at most half a unit of
      its last printed digit, whichever is more; otherwise it **differs**.
    - A claim ("<=" or ">=" a bound): **reproduced** if the mean keeps the bound; **refuted** if the mean
      breaks it by more than 2 sd; otherwise it **differs**.
    - A claim about a difference between two settings is about their means, so it needs more: **reproduced**
      if the mean difference keeps the bound by at least 2 standard errors (sd/√n, at least 3 seeds),
      **refuted** if it breaks it by as much; otherwise it **differs**, for the seeds do not decide.
    """
    if reported.not_comparable:
        return "not comparable", reported.not_comparable
    if ours is None or ours.scale == "smoke":
        return "not comparable", "not run yet at scale laptop or full"
    if reported.value is None or not math.isfinite(ours.mean):
        return "not comparable", "our runs have no finite mean"
    mean, sd = ours.mean * reported.factor, ours.sd * reported.factor
    if reported.relation == "=":
        near = abs(mean - reported.value) <= max(2 * sd, reported.rounding)
        return ("reproduced" if near else "differs"), ""
    beyond = mean - reported.value if reported.relation == "<=" else reported.value - mean
    if reported.versus is not None:
        if ours.n < 3 or abs(beyond) < 2 * sd / math.sqrt(ours.n):
            return "differs", f"{ours.n} seeds do not decide" if ours.n > 1 else "one seed does not decide"
        return ("reproduced" if beyond <= 0 else "refuted"), ""
    if beyond <= 0:
        return "reproduced", ""
    return ("refuted" if beyond > 2 * sd else "differs"), ""


def compare(key: str, *, with_yours: bool = True) -> list[Comparison]:
    """Return every reported figure of a key beside ours, in the order of its table.

    Of a key without a table: every metric that was measured.

    Parameters
    ----------
    key
        For example ``"A1"``.
    with_yours
        Whether to read the user's own rows too.
    """
    ours = {(entry.setting, entry.metric): entry for entry in summary(key)}
    yours: dict[tuple[str, str], Summary] = {}
    if with_yours:
        yours = {(entry.setting, entry.metric): entry for entry in summary(key, folder=user_rows())}
    comparisons = []
    for reported in read_reported(key) or [Reported.nothing(*place) for place in {**ours, **yours}]:
        place = (reported.setting, reported.metric)
        if reported.versus is None:
            our, your = ours.get(place), yours.get(place)
        else:
            our = difference(key, *place, reported.versus)
            your = difference(key, *place, reported.versus, folder=user_rows()) if with_yours else None
        word, reason = verdict(reported, our)
        comparisons.append(Comparison(key, reported, our, your, word, reason))
    return comparisons


def table(key: str, *, with_yours: bool = True) -> str:
    """Return a table in Markdown, ours beside the report's, with what to know about it below.

    Raises
    ------
    ValueError
        If nothing is known of the key.
    """
    comparisons = compare(key, with_yours=with_yours)
    if not comparisons:
        raise ValueError(f"The ledger knows nothing of {key!r}; it has {', '.join(known_keys())}.")
    show_yours = any(comparison.yours for comparison in comparisons)
    header = ["setting", "what", "ours: mean ± sd", "report", "verdict"] + ["yours"] * show_yours
    lines = [
        [
            comparison.reported.setting,
            comparison.reported.what,
            _in_words(comparison.ours, comparison.reported),
            comparison.reported.printed,
            _verdict_in_words(comparison),
        ]
        + [_in_words(comparison.yours, comparison.reported)] * show_yours
        for comparison in comparisons
    ]
    notes = list(dict.fromkeys(c.reported.note for c in comparisons if c.reported.note))
    made_by = _made_by(key)
    return "\n".join([_aligned([header, *lines]), "", *(f"- {note}" for note in [*notes, *made_by])])


def headline() -> str:
    """Return the course's main figures beside the reports', from the course's own rows only.

    The same at every scale: a stand-in's figures are never shown here.
    """
    lines = [
        [
            comparison.key,
            comparison.reported.what,
            _in_words(comparison.ours, comparison.reported),
            comparison.reported.printed,
            _verdict_in_words(comparison),
        ]
        for key in keys_with_reports()
        for comparison in compare(key, with_yours=False)
        if comparison.reported.headline
    ]
    return _aligned([["key", "what", "ours: mean ± sd", "report", "verdict"], *lines])


def _counted_by_setting(key: str, folder: Path | None) -> dict[str, list[Row]]:
    """Return setting -> the rows that count; none is empty."""
    by_setting: dict[str, list[Row]] = {}
    for row in read_rows(key, folder=folder):
        by_setting.setdefault(row.setting, []).append(row)
    return {setting: counted(rows) for setting, rows in by_setting.items()}


def _summary(setting: str, metric: str, values: list[float], scale: str) -> Summary:
    mean = math.fsum(values) / len(values)
    return Summary(setting, metric, mean, _standard_deviation(values), len(values), scale)


def _standard_deviation(values: list[float]) -> float:
    if not all(math.isfinite(value) for value in values):
        return math.nan
    return statistics.stdev(values) if len(values) > 1 else 0.0


def _in_words(entry: Summary | None, reported: Reported) -> str:
    if entry is None:
        return "–"
    mean, sd = entry.mean * reported.factor, entry.sd * reported.factor
    scale = ", smoke" if entry.scale == "smoke" else ""
    if not math.isfinite(mean):
        return f"not finite (n = {entry.n}{scale})"
    unit = f" {reported.unit}" if reported.unit else ""
    if 0 < abs(mean) < 1e-4:
        figures = [f"{mean:.1e}", f"{sd:.1e}"]
    else:
        # two significant digits of the deviation, never more than four decimals; counts have none
        whole = sd == 0 and mean == round(mean)
        decimals = 0 if whole else 3 if sd == 0 else min(4, max(0, 1 - math.floor(math.log10(sd))))
        sign = "+" if reported.versus is not None else ""
        figures = [f"{mean:{sign}.{decimals}f}", f"{sd:.{decimals}f}"]
    # a single run has no deviation
    figure = " ± ".join(figures if entry.n > 1 else figures[:1])
    return f"{figure}{unit} (n = {entry.n}{scale})"


def _verdict_in_words(comparison: Comparison) -> str:
    return comparison.verdict + (f": {comparison.reason}" if comparison.reason else "")


def _made_by(key: str) -> list[str]:
    lines = []
    for setting, rows in _counted_by_setting(key, None).items():
        last, seconds = rows[-1], statistics.median(row.seconds for row in rows)
        lines.append(
            f"ours, {setting}: {last.data}; scale {last.scale}; {last.device}; {seconds:.1f} s a run; "
            f"`{last.command}`"
        )
    return lines


def _aligned(lines: list[list[str]]) -> str:
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    ruled = [lines[0], ["-" * width for width in widths], *lines[1:]]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |"
        for line in ruled
    )
