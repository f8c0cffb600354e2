"""Where a stack of models in training stands, in memory and on disk."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from course_utils.training import checkpoint as checkpoints
from course_utils.training.state import Training
from course_utils.training.trials import Plan

FORMAT = "stack, 2"


@dataclass
class Stack:
    """Models of one architecture in training.

    Attributes
    ----------
    plan
        The first model's; but for optimizer, schedule and generator also the others'.
    trainings
        Each model's own history, generators and order of the examples.
    parameters, buffers
        Name -> values, (models, ...).
    groups
        Name of each parameter that is trained -> number of its group in the optimizer.
    has_momentum, has_decay
        Whether any model is trained with momentum, or with weight decay.
    loss_sums, right
        Of each model, since the last measurement: (models,).
    momenta
        Name -> SGD's running mean of the gradients, (models, ...).
    seen
        Examples that each model has seen since the last measurement.
    epoch
        Whole epochs done.
    """

    plan: Plan
    trainings: list[Training]
    parameters: dict[str, Tensor]
    buffers: dict[str, Tensor]
    groups: dict[str, int]
    has_momentum: bool
    has_decay: bool
    loss_sums: Tensor
    right: Tensor
    momenta: dict[str, Tensor] = field(default_factory=dict)
    seen: int = 0
    epoch: int = 0

    def count(self, losses: Tensor, logits: Tensor, labels: Tensor) -> None:
        """Add a batch to the running means; losses (models,), labels (models, batch)."""
        self.loss_sums += losses.detach() * labels.shape[1]
        self.right += (logits.detach().argmax(dim=2) == labels).sum(dim=1)
        self.seen += labels.shape[1]

    def running(self) -> list[tuple[float, float]]:
        """Return each model's mean loss and accuracy since the last call."""
        means = self.means(self.loss_sums, self.right, self.seen)
        self.loss_sums.zero_()
        self.right.zero_()
        self.seen = 0
        return means

    @staticmethod
    def means(loss_sums: Tensor, right: Tensor, examples: int) -> list[tuple[float, float]]:
        """Return (loss, accuracy) of each model; beside a loss that is not finite the accuracy is ``nan``."""
        losses = [total / examples for total in loss_sums.tolist()]
        return [
            (loss, count / examples if math.isfinite(loss) else math.nan)
            for loss, count in zip(losses, right.tolist(), strict=True)
        ]

    def end_epoch(self) -> None:
        """Move on to the next epoch, whose order is not drawn yet."""
        self.epoch += 1
        for training in self.trainings:
            training.epoch, training.order = self.epoch, None

    def unstack(self) -> None:
        """Write each model's values into the model itself."""
        with torch.no_grad():
            for number, training in enumerate(self.trainings):
                for name, value in _values(training):
                    value.copy_((self.parameters if name in self.parameters else self.buffers)[name][number])


def save(path: Path, stack: Stack) -> None:
    """Write a stack between two epochs, as `course_utils.training.checkpoint.save` writes one training."""
    content = {
        "format": FORMAT,
        "parameters": {name: value.detach() for name, value in stack.parameters.items()},
        "buffers": stack.buffers,
        "momenta": stack.momenta,
        "loss_sums": stack.loss_sums,
        "right": stack.right,
        "seen": stack.seen,
        "trainings": [checkpoints.own_state(training) for training in stack.trainings],
    }
    checkpoints.write(path, content)


def restore(path: Path, stack: Stack) -> None:
    """Bring a stack to where it stood when ``path`` was written.

    Raises
    ------
    TrainingError
        If the file is damaged or belongs to other trainings; nothing has been changed then.
    """
    content = checkpoints.read(path, expected=FORMAT)
    states = list(zip(stack.trainings, content["trainings"], strict=True))
    for training, state in states:
        checkpoints.refuse_another(path, state, training)
    device = stack.loss_sums.device
    with torch.no_grad():
        for name, value in stack.parameters.items():
            value.copy_(content["parameters"][name])
        for name, value in stack.buffers.items():
            value.copy_(content["buffers"][name])
    stack.momenta = {name: value.to(device) for name, value in content["momenta"].items()}
    stack.loss_sums.copy_(content["loss_sums"])
    stack.right.copy_(content["right"])
    stack.seen = content["seen"]
    for training, state in states:
        checkpoints.take_back(training, state)
    stack.epoch = stack.trainings[0].epoch


def _values(training: Training) -> Iterator[tuple[str, Tensor]]:
    yield from training.model.named_parameters()
    yield from training.model.named_buffers()
