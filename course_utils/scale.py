"""One switch for how much is computed: `smoke` (embedded data, seconds), `laptop` or `full`."""

import os
from typing import Literal, TypeVar

Scale = Literal["smoke", "laptop", "full"]
SCALES: tuple[Scale, ...] = ("smoke", "laptop", "full")

T = TypeVar("T")


def scale() -> Scale:
    """Return the scale chosen by the environment variable ``COURSE_SCALE`` (default ``smoke``).

    Raises
    ------
    ValueError
        If the variable holds anything else than ``smoke``, ``laptop`` or ``full``.
    """
    chosen = os.environ.get("COURSE_SCALE", "").strip().lower() or "smoke"
    if chosen not in SCALES:
        raise ValueError(
            f"COURSE_SCALE is {chosen!r}, but it must be one of {', '.join(SCALES)}. "
            "Set it before the notebook starts, for example COURSE_SCALE=laptop."
        )
    return chosen


def pick(*, smoke: T, laptop: T, full: T) -> T:
    """Return the value for the current scale: ``epochs = pick(smoke=5, laptop=50, full=200)``."""
    return {"smoke": smoke, "laptop": laptop, "full": full}[scale()]
