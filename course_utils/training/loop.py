"""The training loop: shuffled mini-batches, one optimiser step each, measured after every epoch."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils import machine
from course_utils.data.dataset import Split
from course_utils.data.pixels import to_unit
from course_utils.training import checkpoint as checkpoints
from course_utils.training.devices import device_of, enough_threads, on_device
from course_utils.training.errors import TrainingError
from course_utils.training.history import History
from course_utils.training.precision import Computed, Precision, choose_precision, computing_in
from course_utils.training.progress import progress_bar
from course_utils.training.state import (
    Schedule,
    Training,
    evaluating,
    moving_schedules_alone,
    own_randomness,
    sum_dtype,
)
from course_utils.training.validation import (
    check_labels,
    check_part,
    check_start,
    classes_of,
    in_a_sentence,
)

__all__ = ["History", "Training", "TrainingError", "fit", "measure"]

Augment = Callable[[Tensor, torch.Generator], Tensor]
Preprocess = Callable[[Tensor], Tensor]

MEASURED_AT_ONCE = 250  # examples


def fit(
    model: nn.Module,
    train: Split,
    test: Split | None = None,
    *,
    epochs: int,
    optimizer: torch.optim.Optimizer,
    generator: torch.Generator,
    batch_size: int | None = 128,
    schedule: Schedule | None = None,
    augment: Augment | None = None,
    preprocess: Preprocess = to_unit,
    loss_function: Callable[[Tensor, Tensor], Tensor] = F.cross_entropy,
    precision: Precision = "auto",
    channels_last: bool = True,
    compile: bool = False,
    record_every: int = 1,
    train_metrics: Literal["running", "measured"] = "running",
    callbacks: Iterable[Callable[[Training], None]] = (),
    checkpoint: Path | str | None = None,
    checkpoint_every: int | None = None,
    progress: bool | None = None,
    stop_when_diverged: bool = True,
) -> History:
    """Train ``model`` in place on batches of ``train``; measure it on ``test`` after each epoch.

    The data lie on the model's device as they are stored; a batch is an index into them, and is changed at
    random (``augment``) and turned into numbers (``preprocess``) as a whole.

    Parameters
    ----------
    model
        Maps what ``preprocess`` returns to logits (batch, classes). Its device is where everything happens.
    train, test
        Images uint8 (N, C, H, W), or feature vectors (N, features), and labels (N,) int64.
    epochs
        Passes through the training data.
    optimizer
        Any of PyTorch's, holding the model's parameters.
    generator
        CPU generator of the order of the examples; what ``augment`` and dropout draw starts from it too.
    batch_size
        Examples per step; the last batch of an epoch may be smaller. None: all at once, not shuffled.
    schedule
        A learning-rate schedule of PyTorch's, moved on after every step (not every epoch).
    augment
        ``augment(images, generator)`` returns a batch changed at random; never applied to test images.
    preprocess
        From stored images to the model's input; by default bytes become numbers in [0, 1].
    loss_function
        ``loss_function(logits, labels)`` is the mean loss of a batch. What is measured on whole data sets is
        always the cross-entropy.
    precision
        See `course_utils.training.precision.choose_precision`; weights stay float32 in any case.
    channels_last
        Whether images lie in memory pixel by pixel instead of channel by channel: with 16 bits much faster.
    compile
        Whether to compile the model first: pays for long runs on a GPU, never did on a CPU.
    record_every
        Epochs between two measurements; the last epoch is always measured.
    train_metrics
        ``"running"``: means over the steps since the last measurement, of the batches as they were trained
        on. ``"measured"``: a pass over all training data, as for the test data, also before the first step.
    callbacks
        Each is called after every step, as ``callback(training)``. At the end of an epoch ``training.step``
        is 0. Setting ``training.stop`` ends the training after this epoch. What they measure has a place in
        ``training.history.measures``.
    checkpoint
        A file. If it exists, training goes on where it was written; see `course_utils.training.checkpoint`.
        What callbacks remember is not in it.
    checkpoint_every
        Steps between two writings; by default it is written after every epoch.
    progress
        Whether to show a bar with the time left; by default where somebody watches.
    stop_when_diverged
        Whether a loss that is not finite ends in a `TrainingError`, or is recorded.

    Returns
    -------
    History
        The measurements.

    Raises
    ------
    TrainingError
        For data, model and optimiser that do not fit together, divergence, too little memory, and a
        checkpoint of another training.
    """
    device = device_of(model, train.images)
    bits = choose_precision(precision, device, train.images)
    with in_a_sentence(batch_size):
        check_start(
            model,
            train,
            test,
            optimizer,
            epochs,
            batch_size,
            schedule=schedule,
            generator=generator,
            preprocess=preprocess,
            precision=bits,
            record_every=record_every,
            train_metrics=train_metrics,
            checkpoint_every=checkpoint_every,
        )
        train, test = on_device(device, train), None if test is None else on_device(device, test)
    if channels_last and train.images.ndim == 4:
        model.to(memory_format=torch.channels_last)
    else:
        channels_last = False

    def inputs(images: Tensor) -> Tensor:
        x = preprocess(images)
        return x.contiguous(memory_format=torch.channels_last) if channels_last else x

    forward = torch.compile(model) if compile else model
    scaler = torch.amp.GradScaler(device.type, enabled=bits == "float16")
    training = Training(model, optimizer, schedule, scaler, generator, len(train), batch_size, epochs)

    def whole(data: Split) -> tuple[float, float]:
        return _measured(model, data, inputs, bits, MEASURED_AT_ONCE)

    def record() -> None:
        on_train = whole(train) if train_metrics == "measured" else training.running()
        on_test = whole(test) if test is not None else (math.nan, math.nan)
        training.history.record(training.epoch, *on_train, *on_test)
        if stop_when_diverged and not math.isfinite(on_train[0]):
            raise TrainingError(_DIVERGED.format(loss=on_train[0], epoch=training.epoch), training.history)

    with (
        enough_threads(model),
        own_randomness(device, generator),
        in_a_sentence(batch_size),
        moving_schedules_alone(),
        machine.keeping_freed_memory(),
        progress_bar(training, wanted=progress) as bar,
    ):
        path = None if checkpoint is None else Path(checkpoint)
        if path is not None and path.exists():
            checkpoints.restore(path, training)
        elif train_metrics == "measured":
            record()
        model.train()
        everyone = (bar, *callbacks)
        while training.goes_on():
            for rows in training.batches():
                images, labels = train.images[rows], train.labels[rows]
                if augment is not None:
                    images = augment(images, training.draws)
                x = inputs(images)
                with computing_in(bits, device):
                    logits = forward(x)
                loss = loss_function(logits.float() if bits != "float32" else logits, labels)
                optimizer.zero_grad()
                scaler.scale(loss).backward()
                scaler.step(optimizer)
                scaler.update()
                if schedule is not None:
                    schedule.step()
                if training.count(loss, logits, labels) and (
                    training.epoch % record_every == 0 or training.epoch == epochs
                ):
                    record()
                for callback in everyone:
                    callback(training)
                if path is not None and training.is_due(checkpoint_every):
                    checkpoints.save(path, training)
        if training.stop and training.history.epochs[-1:] != [training.epoch]:
            record()
        if isinstance(training.stop, str):
            training.history.stopped = training.stop
    return training.history


def measure(
    model: nn.Module,
    data: Split,
    *,
    preprocess: Preprocess = to_unit,
    precision: Precision = "auto",
    batch_size: int = MEASURED_AT_ONCE,
) -> tuple[float, float]:
    """Return mean cross-entropy and accuracy over all examples, whatever the size of the last batch.

    The model is measured in evaluation mode and left in the mode it was in. A loss that is not finite comes
    with the accuracy ``nan``.

    Parameters
    ----------
    model, data, preprocess, precision
        As for `fit`.
    batch_size
        Examples at once: a matter of memory, not of the result.

    Raises
    ------
    TrainingError
        If there are no examples, or not one class of the model for each.
    """
    check_part("data", data)
    device = device_of(model, data.images)
    data = on_device(device, data)
    bits = choose_precision(precision, device, data.images)
    check_labels("data", data, classes_of(model, "data", data, preprocess, bits))
    return _measured(model, data, preprocess, bits, batch_size)


def _measured(
    model: nn.Module, data: Split, preprocess: Preprocess, bits: Computed, batch_size: int
) -> tuple[float, float]:
    device = data.labels.device
    loss_sum = torch.zeros((), device=device, dtype=sum_dtype(device))
    right = torch.zeros((), device=device, dtype=torch.int64)
    with evaluating(model), torch.inference_mode():
        for images, labels in zip(data.images.split(batch_size), data.labels.split(batch_size), strict=True):
            x = preprocess(images)
            with computing_in(bits, device):
                logits = model(x)
            loss_sum += F.cross_entropy(
                logits if logits.dtype == torch.float64 else logits.float(), labels, reduction="sum"
            )
            right += (logits.argmax(dim=1) == labels).sum()
    loss = loss_sum.item() / len(data)
    # the logits of a diverged model are nan: the class they "predict" means nothing
    return loss, right.item() / len(data) if math.isfinite(loss) else math.nan


_DIVERGED = (
    "Training diverged: the loss is {loss} after epoch {epoch}. Lower the learning rate (a tenth of it is a "
    "good next try), or let it rise from a small one over the first steps."
)
