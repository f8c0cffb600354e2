"""What `fit` looks at before the first step, so that a mistake is a sentence and not a traceback."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from course_utils.data.dataset import Split
from course_utils.training.errors import TrainingError
from course_utils.training.precision import Computed, computing_in


def check_start(
    model: nn.Module,
    train: Split,
    test: Split | None,
    optimizer: torch.optim.Optimizer,
    epochs: int,
    batch_size: int | None,
    *,
    preprocess: Callable[[Tensor], Tensor],
    precision: Computed,
) -> None:
    """Raise a `TrainingError` if data, model, optimiser and settings do not fit together."""
    if epochs < 0:
        raise TrainingError(f"epochs is {epochs}, but it must be at least 0.")
    if batch_size is not None and batch_size < 1:
        raise TrainingError(
            f"batch_size is {batch_size}, but it must be at least 1, or None for all at once."
        )
    parts = {"train": train} | ({} if test is None else {"test": test})
    for name, part in parts.items():
        _check_part(name, part)
    held = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
    if not any(id(parameter) in held for parameter in model.parameters()):
        raise TrainingError(
            "The optimizer holds none of the model's parameters, so the model would never change: make it "
            "after the model, as in torch.optim.SGD(model.parameters(), lr=0.1)."
        )
    logits = _logits_of_two(model, train, preprocess, precision)
    if logits.ndim != 2:
        raise TrainingError(
            f"The model's output for 2 examples has the shape {tuple(logits.shape)}, but fit needs logits of "
            "shape (batch, classes). Does it lack an nn.Flatten before its last nn.Linear?"
        )
    for name, part in parts.items():
        highest = int(part.labels.max())
        if highest >= logits.shape[1]:
            raise TrainingError(
                f"{name} has the label {highest}, but the model has {logits.shape[1]} outputs, for the "
                f"labels 0 to {logits.shape[1] - 1}. Give its last layer {highest + 1} outputs, or correct "
                "the labels."
            )


@contextmanager
def in_a_sentence(batch_size: int | None) -> Iterator[None]:
    """Turn the errors of a device that is out of memory into a sentence."""
    try:
        yield
    except RuntimeError as error:  # torch.OutOfMemoryError is one; a CPU raises no class of its own
        if not (isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)):
            raise
        if batch_size is None:
            amount, remedy = "all examples at once", "Give a batch_size"
        else:
            amount, remedy = f"batches of {batch_size}", f"Try batch_size={max(1, batch_size // 2)}"
        raise TrainingError(
            f"The memory does not suffice for {amount}. {remedy}, or a smaller model; on a GPU also close "
            "other programs that use it."
        ) from error


def _check_part(name: str, part: Split) -> None:
    if len(part.images) == 0:
        raise TrainingError(f"{name} is empty: give at least one example.")
    if part.labels.shape != (len(part.images),) or part.labels.dtype != torch.int64:
        raise TrainingError(
            f"{name}.labels must be int64 of shape ({len(part.images)},), one class for each of "
            f"{name}.images, but is {part.labels.dtype} of shape {tuple(part.labels.shape)}."
        )
    lowest = int(part.labels.min())
    if lowest < 0:
        raise TrainingError(f"{name} has the label {lowest}; labels count from 0.")


def _logits_of_two(
    model: nn.Module, train: Split, preprocess: Callable[[Tensor], Tensor], precision: Computed
) -> Tensor:
    x = preprocess(train.images[:1].expand(2, *train.images.shape[1:]))
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad(), computing_in(precision, x.device):
            logits: Tensor = model(x)
    except RuntimeError as error:
        raise TrainingError(
            f"The model cannot take the training data: its input has the shape {tuple(x.shape)}, batch "
            f"first, and the dtype {x.dtype}, and PyTorch says: {str(error).splitlines()[0]}"
        ) from error
    finally:
        model.train(was_training)
    return logits
