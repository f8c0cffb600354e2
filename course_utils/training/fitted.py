"""Train until every label is fitted: what memorising means, and why a training ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from course_utils.data.dataset import Split
from course_utils.data.pixels import to_unit
from course_utils.training.devices import device_of
from course_utils.training.loop import MEASURED_AT_ONCE, Preprocess
from course_utils.training.precision import Precision, choose_precision, computing_in
from course_utils.training.state import Training, evaluating


def until_fitted(
    train: Split,
    *,
    preprocess: Preprocess = to_unit,
    precision: Precision = "auto",
    parts: Mapping[str, Tensor] | None = None,
    patience: int | None = None,
) -> Callable[[Training], None]:
    """Return a callback of `fit` that ends a training once the model names every training label.

    The model is asked after every epoch, in evaluation mode, without augmentation: what `fit` counts while it
    trains is the accuracy of a model that changed with every batch. `History.stopped` says why the training
    ended: because all is fitted, or how many labels were still missing after the last epoch.

    Parameters
    ----------
    train
        What is trained on.
    preprocess, precision
        As for `course_utils.training.loop.fit`.
    parts
        Name -> rows, bool (N,), whose accuracy goes to ``history.measures`` under that name after every
        epoch (left out where there are none); ``"fitted"`` is that of all rows.
    patience
        Give up after so many epochs without a label more; None: only the last epoch ends it.

    Raises
    ------
    ValueError
        If a part has not one value for each row, or is called ``"fitted"``.
    """
    parts = dict(parts or {})
    for name, rows in parts.items():
        if rows.shape != train.labels.shape or rows.dtype != torch.bool or name == "fitted":
            raise ValueError(
                f"parts[{name!r}] is {rows.dtype} of shape {tuple(rows.shape)}, but must be bool of shape "
                f"{tuple(train.labels.shape)}, one value for each row; the name 'fitted' is taken."
            )

    def look(training: Training) -> None:
        if training.step > 0:
            return
        predictions = predict(training.model, train.images, preprocess=preprocess, precision=precision)
        right = predictions == train.labels.to(predictions.device)
        measures = training.history.measures
        for name, rows in {"fitted": torch.ones_like(train.labels, dtype=torch.bool), **parts}.items():
            if rows.any():
                share = right[rows.to(right.device)].double().mean().item()
                measures.setdefault(name, []).append(share)
        missing = int((~right).sum())
        best = measures["fitted"].index(max(measures["fitted"])) + 1
        if missing == 0:
            training.stop = f"Every training label was fitted after {training.epoch} epochs."
        elif patience is not None and training.epoch - best >= patience:
            training.stop = (
                f"{missing} of {len(right)} training labels were not fitted after {training.epoch} epochs, "
                f"and {patience} epochs had brought no more."
            )
        elif training.epoch == training.epochs:
            training.stop = (
                f"{missing} of {len(right)} training labels were not fitted after the last epoch, "
                f"{training.epoch}: train longer."
            )

    return look


def predict(
    model: nn.Module,
    images: Tensor,
    *,
    preprocess: Preprocess = to_unit,
    precision: Precision = "auto",
    batch_size: int = MEASURED_AT_ONCE,
) -> Tensor:
    """Return the class with the largest logit, int64 (N,), on the model's device."""
    return logits_of(model, images, preprocess=preprocess, precision=precision, batch_size=batch_size).argmax(
        dim=1
    )


def logits_of(
    model: nn.Module,
    images: Tensor,
    *,
    preprocess: Preprocess = to_unit,
    precision: Precision = "auto",
    batch_size: int = MEASURED_AT_ONCE,
) -> Tensor:
    """Return the logits (N, classes) of images as they are stored, in evaluation mode, without gradients."""
    device = device_of(model, images)
    bits = choose_precision(precision, device, images)
    with evaluating(model), torch.inference_mode(), computing_in(bits, device):
        parts = [model(preprocess(some.to(device))) for some in images.split(batch_size)]
    logits = torch.cat(parts)
    return logits if logits.dtype == torch.float64 else logits.float()
