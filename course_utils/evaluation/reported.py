"""What the reports say, as tables ``reported/KEY.csv`` in the package.

Columns: ``setting`` and ``metric`` as in the ledger's rows; ``what`` in words; ``printed``, the report's own
figure or words; ``relation`` and ``value``, what we hold against our mean: ``=`` a figure, ``<=`` or ``>=`` a
claim; ``unit`` (``%``: our metric, a share, times 100); ``headline`` (``yes``: shown by `make run`);
``not_comparable``, the reason if it cannot be compared; ``note``. A last column, ``versus``, may name another
setting, as ``KEY: setting``: then the value is held against our difference to that one, seed by seed.
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path

REPORTED = Path(__file__).parent / "reported"
COLUMNS = (
    "setting",
    "metric",
    "what",
    "printed",
    "relation",
    "value",
    "unit",
    "headline",
    "not_comparable",
    "note",
)


@dataclass(frozen=True)
class Reported:
    """One figure or claim of a report; ``rounding`` is half a unit of its last printed digit.

    ``versus`` is (key, setting) of what ours is compared with, where the claim is about a difference.
    """

    setting: str
    metric: str
    what: str
    printed: str
    relation: str
    value: float | None
    rounding: float
    unit: str
    headline: bool
    not_comparable: str
    note: str
    versus: tuple[str, str] | None = None

    @property
    def factor(self) -> float:
        """What our metric is multiplied by to have the report's unit."""
        return 100.0 if self.unit == "%" else 1.0

    @classmethod
    def nothing(cls, setting: str, metric: str) -> Reported:
        """Return the entry of what the reports say nothing about."""
        reason = "the reports say nothing about it"
        return cls(setting, metric, metric, "–", "=", None, 0.0, "", False, reason, "")


def read_reported(key: str, *, folder: Path = REPORTED) -> list[Reported]:
    """Return what a report says about a key; nothing is an empty list.

    Raises
    ------
    ValueError
        If the table is damaged; the message names file and line.
    """
    path = folder / f"{key}.csv"
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        lines = csv.DictReader(file)
        if tuple(lines.fieldnames or ()) not in (COLUMNS, (*COLUMNS, "versus")):
            raise ValueError(
                f"{path}, line 1: the columns must be {', '.join(COLUMNS)}, and versus if need be."
            )
        return [_reported(dict(line), path, lines.line_num) for line in lines]


def keys_with_reports(*, folder: Path = REPORTED) -> list[str]:
    """Return the keys that have a table, in order: A1, A2, ..., A10, B1."""
    return sorted((path.stem for path in folder.glob("*.csv")), key=lambda key: (key[0], int(key[1:])))


def _reported(line: dict[str | None, object], path: Path, number: int) -> Reported:
    # the csv module fills missing cells with None, and files cells too many under the name None
    cells = {name: text.strip() for name, text in line.items() if name is not None and isinstance(text, str)}
    if len(cells) != len(line):
        raise ValueError(f"{path}, line {number} has not as many cells as the first line.")
    key, separator, setting = cells.get("versus", "").partition(": ")
    if cells.get("versus") and not separator:
        raise ValueError(f"{path}, line {number}: versus must be KEY: setting, but is {cells['versus']!r}.")
    try:
        value = float(cells["value"]) if cells["value"] else None
    except ValueError:
        raise ValueError(f"{path}, line {number}: the value {cells['value']!r} is not a number.") from None
    if value is None and not cells["not_comparable"]:
        raise ValueError(f"{path}, line {number}: give a value, or say in not_comparable why there is none.")
    if value is not None and (cells["relation"] not in ("=", "<=", ">=") or not math.isfinite(value)):
        raise ValueError(
            f"{path}, line {number}: relation must be =, <= or >= and value finite, "
            f"but they are {cells['relation']!r} and {cells['value']!r}."
        )
    return Reported(
        setting=cells["setting"],
        metric=cells["metric"],
        what=cells["what"],
        printed=cells["printed"],
        relation=cells["relation"],
        value=value,
        rounding=0.5 * 10.0 ** -len(cells["value"].partition(".")[2]),
        unit=cells["unit"],
        headline=cells["headline"] == "yes",
        not_comparable=cells["not_comparable"],
        note=cells["note"],
        versus=(key, setting) if separator else None,
    )
