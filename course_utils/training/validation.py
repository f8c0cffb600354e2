"""What `fit` looks at before the first step, so that a mistake is a sentence and not a traceback."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from course_utils.data.dataset import Split
from course_utils.training.devices import device_of
from course_utils.training.errors import TrainingError
from course_utils.training.precision import Computed, computing_in
from course_utils.training.state import evaluating


def check_start(
    model: nn.Module,
    train: Split,
    test: Split | None,
    optimizer: torch.optim.Optimizer,
    epochs: int,
    batch_size: int | None,
    *,
    schedule: object,
    generator: torch.Generator,
    preprocess: Callable[[Tensor], Tensor],
    precision: Computed,
    record_every: int,
    train_metrics: str,
    checkpoint_every: int | None = None,
) -> None:
    """Raise a `TrainingError` if data, model, optimiser, schedule and settings do not fit together."""
    _check_count("epochs", epochs, at_least=0)
    if batch_size is not None:
        _check_count("batch_size", batch_size, otherwise=", or None for all at once")
    _check_count("record_every", record_every)
    if checkpoint_every is not None:
        _check_count("checkpoint_every", checkpoint_every, otherwise=", or None for every epoch")
    if train_metrics not in ("running", "measured"):
        raise TrainingError(f"train_metrics is {train_metrics!r}, but it must be 'running' or 'measured'.")
    if generator.device.type != "cpu":
        raise TrainingError(
            f"generator is on {generator.device}, but it must be on the CPU wherever the model is: "
            "torch.Generator().manual_seed(0)."
        )
    parts = {"train": train} | ({} if test is None else {"test": test})
    for name, part in parts.items():
        check_part(name, part)
    held = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
    if not any(id(parameter) in held and parameter.requires_grad for parameter in model.parameters()):
        raise TrainingError(
            "The optimizer holds none of the model's parameters that can learn, so the model would never "
            "change: make it after the model, as in torch.optim.SGD(model.parameters(), lr=0.1)."
        )
    if isinstance(optimizer, torch.optim.LBFGS):
        raise TrainingError(
            "LBFGS evaluates the loss several times a step, which fit does not: take another optimizer."
        )
    _check_schedule(schedule, optimizer, steps=epochs * math.ceil(len(train) / (batch_size or len(train))))
    for name, part in parts.items():
        check_labels(name, part, classes_of(model, name, part, preprocess, precision))


def check_part(name: str, part: Split) -> None:
    """Raise a `TrainingError` if there are no examples, or not one class for each."""
    if len(part.images) == 0:
        raise TrainingError(f"{name} is empty: give at least one example.")
    if part.labels.shape != (len(part.images),) or part.labels.dtype != torch.int64:
        raise TrainingError(
            f"{name}.labels must be int64 of shape ({len(part.images)},), one class for each of "
            f"{name}.images, but is {part.labels.dtype} of shape {tuple(part.labels.shape)}: "
            ".long() makes whole numbers int64, .argmax(dim=1) makes classes of rows with a single 1."
        )


def check_labels(name: str, part: Split, classes: int) -> None:
    """Raise a `TrainingError` if a label is not one of the model's classes."""
    lowest, highest = int(part.labels.min()), int(part.labels.max())
    if lowest < 0:
        raise TrainingError(
            f"{name} has the label {lowest}, but labels count from 0: correct the labels, or leave such "
            "examples out."
        )
    if highest >= classes:
        raise TrainingError(
            f"{name} has the label {highest}, but the model has {classes} outputs, for the labels 0 to "
            f"{classes - 1}. Give its last layer {highest + 1} outputs, or correct the labels."
        )


def classes_of(
    model: nn.Module, name: str, part: Split, preprocess: Callable[[Tensor], Tensor], precision: Computed
) -> int:
    """Return how many outputs the model has, tried on two examples; raise a `TrainingError` if it cannot."""
    two = part.images[:1].to(device_of(model, part.images)).expand(2, *part.images.shape[1:])
    x = preprocess(two)
    try:
        with evaluating(model), torch.no_grad(), computing_in(precision, x.device):
            logits: Tensor = model(x)
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, ValueError, IndexError) as error:
        said = str(error).partition("\n")[0]
        raise TrainingError(
            f"The model cannot take {name}: its input has the shape {tuple(x.shape)}, batch first, and the "
            f"dtype {x.dtype}, and PyTorch says: {said}"
        ) from error
    if logits.ndim != 2:
        raise TrainingError(
            f"The model's output for 2 examples has the shape {tuple(logits.shape)}, but logits of shape "
            "(batch, classes) are needed. Does it lack an nn.Flatten before its last nn.Linear?"
        )
    return logits.shape[1]


@contextmanager
def in_a_sentence(batch_size: int | None) -> Iterator[None]:
    """Turn the errors of a device that is out of memory into a sentence."""
    try:
        yield
    except RuntimeError as error:
        # torch.OutOfMemoryError is one; a CPU (Linux, Windows) and Apple's GPUs raise no class of their own
        signs = ("can't allocate memory", "not enough memory", "out of memory")
        if not (isinstance(error, torch.OutOfMemoryError) or any(sign in str(error) for sign in signs)):
            raise
        if batch_size is None:
            amount, remedy = "all examples at once", "Give a batch_size"
        else:
            amount, remedy = f"batches of {batch_size}", f"Try batch_size={max(1, batch_size // 2)}"
        raise TrainingError(
            f"The memory does not suffice for {amount}. {remedy}, or a smaller model; on a GPU also close "
            "other programs that use it."
        ) from error


def _check_schedule(schedule: object, optimizer: torch.optim.Optimizer, *, steps: int) -> None:
    if isinstance(schedule, torch.optim.lr_scheduler.ReduceLROnPlateau):
        raise TrainingError(
            "fit moves the schedule on after every step, but ReduceLROnPlateau needs a measurement: call its "
            "step in a callback at the end of an epoch."
        )
    if getattr(schedule, "optimizer", optimizer) is not optimizer:
        raise TrainingError(
            "The schedule was made for another optimizer, so this one's learning rate would never change: "
            "make the schedule anew after the optimizer."
        )
    length = getattr(schedule, "total_steps", None)
    if length is not None and length < steps:
        raise TrainingError(
            f"The schedule is made for {length} steps, but this training has {steps}: fit moves it on after "
            f"every step, not every epoch. Give it total_steps={steps}."
        )


def _check_count(name: str, value: object, *, at_least: int = 1, otherwise: str = "") -> None:
    if type(value) is not int or value < at_least:
        raise TrainingError(f"{name} is {value!r}, but it must be an int, at least {at_least}{otherwise}.")
