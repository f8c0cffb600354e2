"""Exercises that are checked at once: what a notebook imports.

The names are fetched when they are first used: whoever only reads an exercise's texts needs no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from course_utils.exercises.session import begin, check, hint, mine, progress, reset, solution

__all__ = ["begin", "check", "hint", "mine", "progress", "reset", "solution"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from course_utils.exercises import session

    return getattr(session, name)
