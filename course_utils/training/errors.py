"""What can go wrong in training, said in a sentence that tells what to change."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from course_utils.training.history import History


class TrainingError(ValueError):
    """Training cannot start or go on; the message says why and what to change.

    Attributes
    ----------
    history
        What was measured before, where training had begun.
    """

    def __init__(self, message: str, history: History | None = None) -> None:
        super().__init__(message)
        self.history = history
