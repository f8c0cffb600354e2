"""Where attention looks: weights on the tiles, right and wrong focus, right and wrong predictions.

An image stands in many mosaics, and a network makes the same of it each time: every distinct image goes
through it once, and mosaics gather what they need.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from course_utils.data.mosaics import Mosaics
from course_utils.data.pixels import to_unit
from course_utils.models.mosaic import MosaicAttention, each_tile
from course_utils.training.devices import device_of
from course_utils.training.precision import Precision, choose_precision, computing_in
from course_utils.training.state import evaluating

KEPT_BYTES = 2**29
"""Features of distinct images that are kept at most; beyond it each mosaic's are computed anew."""


@dataclass(frozen=True)
class Looks:
    """What a model made of mosaics.

    Attributes
    ----------
    attention_weights
        float32 (N, tiles): positive, 1 in all.
    logits
        float32 (N, classes).
    """

    attention_weights: Tensor
    logits: Tensor

    @property
    def predictions(self) -> Tensor:
        """The class with the largest logit, int64 (N,)."""
        return self.logits.argmax(dim=1)

    @property
    def focus(self) -> Tensor:
        """The tile with the largest weight, int64 (N,)."""
        return self.attention_weights.argmax(dim=1)


@dataclass(frozen=True)
class FocusCounts:
    """Numbers of mosaics: focus true or false, prediction true or false (report 000, section 3.5)."""

    ftpt: int
    ffpt: int
    ftpf: int
    ffpf: int

    def __len__(self) -> int:
        return self.ftpt + self.ffpt + self.ftpf + self.ffpf

    @property
    def accuracy(self) -> float:
        """Share of right predictions; nan of no mosaics."""
        return (self.ftpt + self.ffpt) / len(self) if len(self) else math.nan

    @property
    def focus_accuracy(self) -> float:
        """Share of mosaics in which the foreground has the largest weight; nan of no mosaics."""
        return (self.ftpt + self.ftpf) / len(self) if len(self) else math.nan


def look(
    model: MosaicAttention,
    mosaics: Mosaics,
    *,
    preprocess: Callable[[Tensor], Tensor] = to_unit,
    precision: Precision = "auto",
    batch_size: int = 250,
) -> Looks:
    """Return weights and logits for all mosaics, in evaluation mode; the model is left in the mode it was in.

    Parameters
    ----------
    model
        Its device is where everything happens; the results are there too.
    mosaics
        Of images, or points.
    preprocess
        From images to the networks' inputs.
    precision
        As for `course_utils.training.loop.fit`.
    batch_size
        Images or mosaics at once: a matter of memory, not of the result.
    """
    device = device_of(model, mosaics.images)
    bits = choose_precision(precision, device, mosaics.images)
    distinct, place = mosaics.tiles.unique(return_inverse=True)  # (D,), (N, tiles)
    images, place = mosaics.images[distinct].to(device), place.to(device)

    def each(network: nn.Module) -> Callable[[Tensor], Tensor]:
        """Return what a network makes of distinct images, tile by tile: float32 (batch, ...)."""

        def apply(some: Tensor) -> Tensor:
            result: Tensor = network(each_tile(preprocess(some).unsqueeze(1)))
            return result.float()

        return apply

    with evaluating(model), torch.inference_mode(), computing_in(bits, device):
        scores = torch.cat([each(model.focus)(some) for some in images.split(batch_size)])  # (D, 1)
        weights = scores[:, 0][place].softmax(dim=1)  # (N, tiles)
        features = _features(each(model.before), images, batch_size)
        logits = torch.cat(
            [
                model.combine(features(rows), some).float()
                for rows, some in zip(place.split(batch_size), weights.split(batch_size), strict=True)
            ]
        )
    return Looks(weights, logits)


def count(looks: Looks, mosaics: Mosaics, chosen: Tensor | None = None) -> FocusCounts:
    """Count right and wrong focus and prediction, over all mosaics or the chosen ones (bool (N,))."""
    device = looks.logits.device
    focus = looks.focus == mosaics.foreground_at.to(device)
    prediction = looks.predictions == mosaics.labels.to(device)
    among = torch.ones_like(focus) if chosen is None else chosen.to(device)
    return FocusCounts(
        *(
            int((among & (focus == f) & (prediction == p)).sum())
            for f, p in ((True, True), (False, True), (True, False), (False, False))
        )
    )


def query(
    mosaics: Mosaics, *, label: int | None = None, present: Collection[int] = (), absent: Collection[int] = ()
) -> Tensor:
    """Return which mosaics have this label and these background classes, and lack those: bool (N,).

    The six queries of report 000, section 3.5, are a foreground class with one, two or three background
    classes present, and with them absent. Classes are the source's.
    """
    chosen = torch.ones(len(mosaics), dtype=torch.bool, device=mosaics.labels.device)
    if label is not None:
        chosen &= mosaics.labels == label
    for wanted, classes in ((True, present), (False, absent)):
        for each in classes:
            chosen &= (mosaics.tile_labels == each).any(dim=1) == wanted
    return chosen


def entropy(attention_weights: Tensor) -> Tensor:
    """Return the entropy of each mosaic's weights in nats, (N,): 0 for one tile, log(tiles) for all alike."""
    terms: Tensor = torch.special.entr(attention_weights)
    return terms.sum(dim=1)


def _features(
    before: Callable[[Tensor], Tensor], images: Tensor, batch_size: int
) -> Callable[[Tensor], Tensor]:
    """Return a function from rows of distinct images (batch, tiles) to their features (batch, tiles, ...)."""

    def anew(rows: Tensor) -> Tensor:
        features: Tensor = before(images[rows.flatten()]).unflatten(0, rows.shape)
        return features

    size = before(images[:1]).numel() * len(images) * 4
    if size > KEPT_BYTES:
        return anew
    kept = torch.cat([before(some) for some in images.split(batch_size)])
    return lambda rows: kept[rows]
