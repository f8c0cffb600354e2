"""The ledger's rows: one line of JSON per run of an experiment, in one file per key.

The course's own rows are part of the package; a user's lie in his data folder (or the folder that
``COURSE_LEDGER`` names) and are never mixed with them.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import platformdirs
from filelock import FileLock

from course_utils.data.directory import APPLICATION
from course_utils.files import write_whole
from course_utils.scale import SCALES

COURSE_ROWS = Path(__file__).parent / "rows"


class LedgerError(ValueError):
    """A ledger file that cannot be read; the message names file and line."""


@dataclass(frozen=True)
class Row:
    """One run of one experiment.

    Attributes
    ----------
    key, setting, seed
        Which experiment, the name of its setting, and the seed.
    settings
        The setting's values.
    metrics
        Name -> number; ``nan`` where there is none (a diverged run). Shares are in [0, 1].
    scale
        ``smoke``, ``laptop`` or ``full``.
    data, data_hash
        Where the data came from, in words, and the SHA-256 of what they are.
    device
        In words.
    seconds
        Wall time of the run.
    versions
        Package -> version.
    command
        What was typed.
    curves
        Name -> one number per measured epoch, for what is drawn and not averaged; may be missing in a file.
    """

    key: str
    setting: str
    settings: dict[str, Any]
    seed: int
    metrics: dict[str, float]
    scale: str
    data: str
    data_hash: str
    device: str
    seconds: float
    versions: dict[str, str]
    command: str
    curves: dict[str, list[float]] = field(default_factory=dict)


def user_rows() -> Path:
    """Return the folder of the user's own rows; it need not exist yet."""
    chosen = os.environ.get("COURSE_LEDGER", "").strip()
    if chosen:
        return Path(chosen).expanduser().absolute()
    return Path(platformdirs.user_data_dir(APPLICATION, appauthor=False)) / "ledger"


def append(row: Row, *, folder: Path | None = None) -> Path:
    """Add a row to its key's file, whole or not at all, also when several processes write at once.

    Parameters
    ----------
    row
        The run.
    folder
        Default: `user_rows`.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ValueError
        If the key is not a letter and a number.
    OSError
        If the folder cannot be written.
    """
    folder = user_rows() if folder is None else folder
    path = _file(folder, row.key)
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(_lock_file(path)):
        before = "\n".join(_lines(path)) if path.exists() else ""
        if before and not before.endswith("\n"):
            before += "\n"
        write_whole(path, before + _to_line(row) + "\n")
    return path


def read_rows(key: str, *, folder: Path | None = None) -> list[Row]:
    """Return the rows of a key in the order in which they were added; none is an empty list.

    Parameters
    ----------
    key
        For example ``"A1"``.
    folder
        Default: the course's own rows, `COURSE_ROWS`.

    Raises
    ------
    LedgerError
        If a line is damaged; the message names file and line.
    """
    path = _file(COURSE_ROWS if folder is None else folder, key)
    if not path.exists():
        return []
    lines = _lines(path)
    return [_from_line(line, path, number) for number, line in enumerate(lines, start=1) if line.strip()]


def counted(rows: Sequence[Row]) -> list[Row]:
    """Return those of one setting's rows that count, in the order in which they were added.

    They are the rows of the largest scale that the setting was run at, and of these the ones with the same
    settings and data source as the newest; of several with one seed the newest.

    Parameters
    ----------
    rows
        At least one, all of one setting of one key, in the order in which they were added.
    """
    known = [scale for scale in SCALES if any(row.scale == scale for row in rows)]
    largest = known[-1] if known else rows[-1].scale
    of_largest = [row for row in rows if row.scale == largest]
    newest = of_largest[-1]
    alike = [row for row in of_largest if (row.settings, row.data) == (newest.settings, newest.data)]
    of_seed = {row.seed: row for row in alike}
    return [row for row in alike if of_seed[row.seed] is row]


def keys_with_rows(*, folder: Path | None = None) -> list[str]:
    """Return the keys that have a file, in order: A1, A2, ..., A10, B1."""
    folder = COURSE_ROWS if folder is None else folder
    keys = [path.stem for path in folder.glob("*.jsonl") if _KEY.fullmatch(path.stem)]
    return sorted(keys, key=lambda key: (key[0], int(key[1:])))


_KEY = re.compile(r"[A-Z][0-9]+")


def _file(folder: Path, key: str) -> Path:
    if not _KEY.fullmatch(key):
        raise ValueError(f"{key!r} is not a key of the ledger: a capital letter and a number, such as A1.")
    return folder / f"{key}.jsonl"


def _lock_file(path: Path) -> Path:
    """Return the lock of a ledger file: not beside it, because its folder may be the package's."""
    digest = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"course-ledger-{digest}.lock"


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").split("\n")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise _damaged(path, line, "it is not UTF-8 text") from None


def _to_line(row: Row) -> str:
    values = asdict(row)
    # JSON has no nan and no infinity
    values["metrics"] = {name: _finite(value) for name, value in row.metrics.items()}
    values["curves"] = {name: [_finite(value) for value in curve] for name, curve in row.curves.items()}
    return json.dumps(values, ensure_ascii=False, allow_nan=False)


def _from_line(line: str, path: Path, number: int) -> Row:
    try:
        values = json.loads(line)
    except (json.JSONDecodeError, RecursionError):
        raise _damaged(path, number, "it is not JSON") from None
    if not isinstance(values, dict):
        raise _damaged(path, number, "it is not a JSON object")
    values.setdefault("curves", {})
    for column in fields(Row):
        if column.name not in values:
            raise _damaged(path, number, f"it has no {column.name!r}")
        if not _fits(values[column.name], _JSON_TYPES[str(column.type)]):
            raise _damaged(path, number, f"{column.name!r} is {values[column.name]!r}")
    metrics = values["metrics"]
    for name, value in metrics.items():
        if value is not None and not _fits(value, (int, float)):
            raise _damaged(path, number, f"the metric {name!r} is {value!r}")
    for name, curve in values["curves"].items():
        if not isinstance(curve, list) or not all(v is None or _fits(v, (int, float)) for v in curve):
            raise _damaged(path, number, f"the curve {name!r} is {curve!r}")
    known = {column.name: values[column.name] for column in fields(Row)}
    known["metrics"] = {name: _or_nan(value) for name, value in metrics.items()}
    known["curves"] = {name: [_or_nan(v) for v in curve] for name, curve in values["curves"].items()}
    return Row(**known)


_JSON_TYPES: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "float": (int, float),
    "dict[str, Any]": (dict,),
    "dict[str, float]": (dict,),
    "dict[str, str]": (dict,),
    "dict[str, list[float]]": (dict,),
}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _fits(value: object, types: tuple[type, ...]) -> bool:
    # True and False are numbers to Python, not to a ledger
    return isinstance(value, types) and not isinstance(value, bool)


def _damaged(path: Path, line: int, what: str) -> LedgerError:
    return LedgerError(
        f"{path}, line {line} is damaged: {what}. Delete or mend this line; the others are runs of their own."
    )
