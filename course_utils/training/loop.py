"""The training loop: shuffled mini-batches, one optimiser step each, measured after every epoch."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass
class History:
    """What training looked like: one entry per recorded epoch; epoch 0 is the start, before any step.

    Losses are mean cross-entropies, accuracies are in [0, 1]. A loss that is not finite stays as it is
    (``nan`` or ``inf``), and the accuracy beside it is ``nan``.
    """

    epochs: list[int] = field(default_factory=list)
    train_loss: list[float] = field(default_factory=list)
    train_accuracy: list[float] = field(default_factory=list)
    test_loss: list[float] = field(default_factory=list)
    test_accuracy: list[float] = field(default_factory=list)

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


def fit(
    model: nn.Module,
    x_train: Tensor,
    labels_train: Tensor,
    x_test: Tensor,
    labels_test: Tensor,
    *,
    optimiser: torch.optim.Optimizer,
    epochs: int,
    batch_size: int | None,
    generator: torch.Generator,
    record_every: int = 1,
    after_record: Callable[[int], None] | None = None,
) -> History:
    """Train ``model`` in place with cross-entropy, and measure it on the whole training and test sets.

    Parameters
    ----------
    model
        Maps (batch, ...) to logits (batch, classes); on the device of the data.
    x_train, x_test
        Inputs, (N, ...).
    labels_train, labels_test
        Classes, (N,) int64.
    optimiser
        Holds the model's parameters.
    epochs
        Passes through the training data.
    batch_size
        Examples per step; the last batch of an epoch may be smaller. None: all at once, not shuffled.
    generator
        CPU generator of the order of the examples.
    record_every
        Epochs between two measurements; the start and the last epoch are always measured.
    after_record
        Called with the epoch after each measurement.

    Returns
    -------
    History
        The measurements.
    """
    for part, x in (("train", x_train), ("test", x_test)):
        if len(x) == 0:
            raise ValueError(f"x_{part} is empty: give at least one example.")
    history = History()
    n = len(x_train)
    for epoch in range(epochs + 1):
        if epoch > 0:
            order = torch.arange(n) if batch_size is None else torch.randperm(n, generator=generator)
            for batch in order.to(x_train.device).split(batch_size or n):
                optimiser.zero_grad()
                loss = F.cross_entropy(model(x_train[batch]), labels_train[batch])
                loss.backward()
                optimiser.step()
        if epoch % record_every == 0 or epoch == epochs:
            train = measure(model, x_train, labels_train)
            test = measure(model, x_test, labels_test)
            history.record(epoch, *train, *test)
            if after_record is not None:
                after_record(epoch)
    return history


def measure(model: nn.Module, x: Tensor, labels: Tensor, *, batch_size: int = 10_000) -> tuple[float, float]:
    """Return mean cross-entropy and accuracy over all examples, whatever the size of the last batch."""
    was_training = model.training
    model.eval()
    loss_sum = torch.zeros((), device=x.device)
    right = torch.zeros((), device=x.device)
    with torch.no_grad():
        for x_batch, labels_batch in zip(x.split(batch_size), labels.split(batch_size), strict=True):
            logits = model(x_batch)
            loss_sum = loss_sum + F.cross_entropy(logits, labels_batch, reduction="sum")
            right = right + (logits.argmax(dim=1) == labels_batch).sum()
    model.train(was_training)
    loss = loss_sum.item() / len(x)
    # the logits of a diverged model are nan: the class they "predict" means nothing
    return loss, right.item() / len(x) if math.isfinite(loss) else math.nan
