"""Where a training stands: what callbacks see and checkpoints hold."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from course_utils.training.history import History


class Schedule(Protocol):
    """What `fit` needs of a learning-rate schedule; all of ``torch.optim.lr_scheduler`` have it."""

    def step(self) -> None:
        """Set the learning rate of the next step."""

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint keeps."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take it back."""


class Training:
    """Where a training stands.

    Attributes
    ----------
    model, optimizer, schedule
        As given to `course_utils.training.loop.fit`.
    epochs, steps
        Epochs in all, and steps of one epoch.
    epoch, step
        Whole epochs done, and steps done of the present one.
    history
        The measurements so far.
    draws
        Generator on the model's device for random changes of images.
    stop
        Set it to True, or to a sentence that says why, to end the training after the present epoch.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        schedule: Schedule | None,
        scaler: torch.amp.GradScaler,
        generator: torch.Generator,
        examples: int,
        batch_size: int | None,
        epochs: int,
    ) -> None:
        self.model, self.optimizer, self.schedule, self.scaler = model, optimizer, schedule, scaler
        self.generator, self.examples, self.batch_size, self.epochs = generator, examples, batch_size, epochs
        self.steps = 1 if batch_size is None else math.ceil(examples / batch_size)
        groups = optimizer.param_groups
        self.at_start = {
            # a schedule has kept it where it has changed it already; momenta it has not
            "learning rate": [float(group.get("initial_lr", group.get("lr", 0))) for group in groups],
            "momentum": (
                "cycled"
                if getattr(schedule, "cycle_momentum", False)
                else [group.get("momentum") for group in groups]
            ),
            "weight decay": [group.get("weight_decay") for group in groups],
        }
        self.epoch = self.step = 0
        self.stop: bool | str = False
        self.history = History()
        device = next(model.parameters()).device
        self.draws = torch.Generator(device).manual_seed(_branch(generator, 1))
        self.order: Tensor | None = None  # of the present epoch; None between epochs
        # added to on the device and read once an epoch: reading a number waits for the device
        self.loss_sum = torch.zeros((), device=device, dtype=sum_dtype(device))
        self.right = torch.zeros((), device=device, dtype=torch.int64)
        self.seen = 0

    def goes_on(self) -> bool:
        """Return whether there is another step to take: ``stop`` ends a training after a whole epoch only."""
        return self.epoch < self.epochs and not (self.stop and self.step == 0)

    def batches(self) -> Iterator[Tensor]:
        """Yield the row numbers of the rest of the epoch's batches, in a fresh order if it begins."""
        device = self.loss_sum.device
        if self.order is None:
            shuffled = self.batch_size is not None
            self.order = (
                torch.randperm(self.examples, generator=self.generator)
                if shuffled
                else torch.arange(self.examples)
            )
        yield from self.order.to(device).split(self.batch_size or self.examples)[self.step :]

    def count(self, loss: Tensor, logits: Tensor, labels: Tensor) -> bool:
        """Add a batch to the running means and move on by a step; return whether an epoch ended with it."""
        self.loss_sum += loss.detach() * len(labels)
        self.right += (logits.detach().argmax(dim=1) == labels).sum()
        self.seen += len(labels)
        self.step += 1
        if self.step < self.steps:
            return False
        self.epoch, self.step, self.order = self.epoch + 1, 0, None
        return True

    def running(self) -> tuple[float, float]:
        """Return mean loss and accuracy of the batches since the last call."""
        loss, accuracy = self.loss_sum.item() / self.seen, self.right.item() / self.seen
        self.loss_sum.zero_()
        self.right.zero_()
        self.seen = 0
        return loss, accuracy if math.isfinite(loss) else math.nan

    def is_due(self, every: int | None) -> bool:
        """Return whether a checkpoint is to be written after this step."""
        ended = self.step == 0
        if every is None:
            return ended
        is_last = ended and (bool(self.stop) or self.epoch == self.epochs)
        return (self.epoch * self.steps + self.step) % every == 0 or is_last


def sum_dtype(device: torch.device) -> torch.dtype:
    """Return the dtype in which losses are added up: float64, which Apple's GPUs do not have."""
    return torch.float32 if device.type == "mps" else torch.float64


@contextmanager
def own_randomness(device: torch.device, generator: torch.Generator) -> Iterator[None]:
    """Let what has no generator argument (dropout) draw from this training's own stream inside the block.

    PyTorch's global generators are put back afterwards.
    """
    devices = [] if device.type == "cpu" else [device]
    with torch.random.fork_rng(devices, device_type="cuda" if device.type == "cpu" else device.type):
        seed = _branch(generator, 2)
        # not torch.manual_seed, which formats a stack trace first
        torch.default_generator.manual_seed(seed)
        if device.type != "cpu":
            # its module's manual_seed would seed the current device, which may be another one
            state = torch.Generator(device).manual_seed(seed).get_state()
            torch.get_device_module(device).set_rng_state(state, device)
        yield


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Have a model in evaluation mode inside the block; each part of it is put back into its own mode."""
    was_training = model.training
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)
        for module, mode in modes:
            module.training = mode


@contextmanager
def moving_schedules_alone() -> Iterator[None]:
    """Let schedules move on without their optimizers inside the block.

    PyTorch warns of it as of a mistake. But float16 leaves out steps whose gradients overflow, often the very
    first, and a stack of models has no use for the optimizers' own steps.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Detected call of `lr_scheduler.step")
        yield


def _branch(generator: torch.Generator, number: int) -> int:
    """Return a seed that the generator's state decides, without moving it on."""
    copy = torch.Generator()
    copy.set_state(generator.get_state())
    return int(torch.randint(2**62, (number,), generator=copy)[-1])
