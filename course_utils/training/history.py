"""What training looked like, epoch by epoch."""

from __future__ import annotations

import math
from dataclasses import dataclass, field


@dataclass
class History:
    """What training looked like: one entry per recorded epoch; epoch 0 is the start, before any step.

    Losses are mean cross-entropies, accuracies are in [0, 1]. A loss that is not finite stays as it is
    (``nan`` or ``inf``), and the accuracy beside it is ``nan``. Without test data its two lists hold ``nan``.

    Attributes
    ----------
    measures
        What callbacks measured beside that, name -> numbers: ``training.history.measures``. Unlike what
        callbacks remember themselves, it is in checkpoints and comes back from worker processes.
    stopped
        Why the training ended before its last epoch, in a sentence; empty if it did not.
    """

    epochs: list[int] = field(default_factory=list)
    train_loss: list[float] = field(default_factory=list)
    train_accuracy: list[float] = field(default_factory=list)
    test_loss: list[float] = field(default_factory=list)
    test_accuracy: list[float] = field(default_factory=list)
    measures: dict[str, list[float]] = field(default_factory=dict)
    stopped: str = ""

    def record(
        self, epoch: int, train_loss: float, train_accuracy: float, test_loss: float, test_accuracy: float
    ) -> None:
        """Add one entry."""
        self.epochs.append(epoch)
        self.train_loss.append(train_loss)
        self.train_accuracy.append(train_accuracy)
        self.test_loss.append(test_loss)
        self.test_accuracy.append(test_accuracy)

    @property
    def diverged(self) -> bool:
        """Whether a recorded training loss is ``nan`` or infinite."""
        return not all(math.isfinite(loss) for loss in self.train_loss)
