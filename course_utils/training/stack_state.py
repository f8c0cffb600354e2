"""Where a stack of models in training stands, in memory and on disk."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from course_utils.files import write_whole
from course_utils.training.errors import TrainingError
from course_utils.training.history import History
from course_utils.training.state import Training
from course_utils.training.trials import Plan

FORMAT = 1


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
    """Write a stack between two epochs, whole or not at all, in PyTorch's format."""
    content = {
        "format": FORMAT,
        "epoch": stack.epoch,
        "parameters": {name: value.detach() for name, value in stack.parameters.items()},
        "buffers": stack.buffers,
        "momenta": stack.momenta,
        "loss_sums": stack.loss_sums,
        "right": stack.right,
        "seen": stack.seen,
        "trainings": [
            {
                "optimizer": training.optimizer.state_dict(),
                "schedule": None if training.schedule is None else training.schedule.state_dict(),
                "generator": training.generator.get_state(),
                "draws": training.draws.get_state(),
                "stop": training.stop,
                "history": asdict(training.history),
            }
            for training in stack.trainings
        ],
    }
    buffer = io.BytesIO()
    torch.save(content, buffer)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, buffer.getvalue())


def restore(path: Path, stack: Stack) -> None:
    """Bring a stack to where it stood when ``path`` was written.

    Raises
    ------
    TrainingError
        If the file is damaged or of another version; nothing has been changed then.
    """
    try:
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        intact = content["format"] == FORMAT
    except Exception:  # a damaged file fails in a dozen ways, IndexError and OSError among them
        intact = False
    if not intact:
        raise TrainingError(f"{path} is no checkpoint of a stack, or a damaged one. Delete it to train anew.")
    device = stack.loss_sums.device
    with torch.no_grad():
        for name, value in stack.parameters.items():
            value.copy_(content["parameters"][name])
        for name, value in stack.buffers.items():
            value.copy_(content["buffers"][name])
    stack.momenta = {name: value.to(device) for name, value in content["momenta"].items()}
    stack.loss_sums.copy_(content["loss_sums"])
    stack.right.copy_(content["right"])
    stack.seen, stack.epoch = content["seen"], content["epoch"]
    for training, state in zip(stack.trainings, content["trainings"], strict=True):
        training.optimizer.load_state_dict(state["optimizer"])
        if training.schedule is not None:
            training.schedule.load_state_dict(state["schedule"])
        training.generator.set_state(state["generator"])
        training.draws.set_state(state["draws"])
        training.stop, training.epoch = state["stop"], stack.epoch
        training.history = History(**state["history"])


def _values(training: Training) -> Iterator[tuple[str, Tensor]]:
    yield from training.model.named_parameters()
    yield from training.model.named_buffers()
