"""Attention over the tiles of a mosaic (report 000, sections 2.2 and 3.1)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from course_utils.models.cnn import cnn
from course_utils.models.initialise import initialise


class MosaicAttention(nn.Module):
    """Score each tile, average what the classification network makes of them, classify the average.

    The scores of a mosaic go through a softmax, which the report's formula leaves out (erratum 11): without
    it the weights neither add up to 1 nor stay positive.

    Parameters
    ----------
    focus
        The focus network: one tile (batch, ...) to one score (batch, 1).
    classify
        The classification network, layer by layer.
    average_at
        How many of its layers work on single tiles; the others see the weighted mean. 0: the mean of the
        tiles themselves.
    """

    def __init__(self, focus: nn.Module, classify: nn.Sequential, *, average_at: int = 0) -> None:
        super().__init__()
        if not 0 <= average_at < len(classify):
            raise ValueError(
                f"average_at is {average_at}, but the classification network has {len(classify)} layers, of "
                f"which the last works on the average: 0 to {len(classify) - 1}."
            )
        self.focus = focus
        self.before = classify[:average_at]
        self.after = classify[average_at:]

    def forward(self, mosaics: Tensor) -> Tensor:
        """Return logits (batch, classes) for mosaics (batch, tiles, ...)."""
        attention_weights = self.attention(mosaics)  # (batch, tiles)
        features = self.before(each_tile(mosaics))  # (batch · tiles, ...)
        return self.combine(features.unflatten(0, mosaics.shape[:2]), attention_weights)

    def attention(self, mosaics: Tensor) -> Tensor:
        """Return the attention weights (batch, tiles): positive, and 1 in all."""
        scores: Tensor = self.focus(each_tile(mosaics))  # (batch · tiles, 1)
        return scores.view(mosaics.shape[:2]).softmax(dim=1)

    def combine(self, features: Tensor, attention_weights: Tensor) -> Tensor:
        """Return logits (batch, classes) from the tiles' features (batch, tiles, ...) and their weights."""
        mean = torch.einsum("bt,bt...->b...", attention_weights.to(features.dtype), features)
        logits: Tensor = self.after(mean)
        return logits


def mosaic_cnn(
    *,
    generator: torch.Generator,
    classes: int = 3,
    average_at: int = 0,
    focus_widths: tuple[int, ...] = (16, 32, 32),
    widths: tuple[int, ...] = (32, 64, 64),
    hidden: int = 200,
    image_size: int = 32,
) -> MosaicAttention:
    """Return two convolutional networks (`course_utils.models.cnn.cnn`), one that looks and one that names.

    The report does not describe its networks; these are ours.

    Parameters
    ----------
    generator
        CPU generator of the weights, the focus network's first.
    classes
        Foreground classes.
    average_at
        After so many convolutions (with ReLU and pooling) the tiles are averaged; 0: their pixels are.
    focus_widths, widths
        Filters of each convolution of the focus and the classification network.
    hidden
        Units of the fully connected layer of both.
    image_size
        Height and width of a tile.

    Raises
    ------
    ValueError
        If there are not so many convolutions, or the tiles are too small.
    """
    if not 0 <= average_at <= len(widths):
        raise ValueError(f"average_at is {average_at}, but there are {len(widths)} convolutions.")

    def network(outputs: int, filters: tuple[int, ...]) -> nn.Sequential:
        return cnn(generator=generator, classes=outputs, widths=filters, hidden=hidden, image_size=image_size)

    focus, classify = network(1, focus_widths), network(classes, widths)
    return MosaicAttention(focus, classify, average_at=3 * average_at)  # a convolution, ReLU and pooling


def mosaic_mlp(
    *,
    generator: torch.Generator,
    inputs: int = 2,
    classes: int = 3,
    hidden: int = 50,
    deep: bool = True,
) -> MosaicAttention:
    """Return attention over points: linear networks, or such with one hidden layer (report 000, section 6).

    Parameters
    ----------
    generator
        CPU generator of the weights.
    inputs
        Coordinates of a point.
    classes
        Foreground classes.
    hidden
        Units of the hidden layers.
    deep
        Whether there are any; without, focus and classification are linear.
    """

    def network(outputs: int) -> nn.Sequential:
        if not deep:
            return nn.Sequential(nn.Linear(inputs, outputs))
        return nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, outputs))

    model = MosaicAttention(network(1), network(classes))
    initialise(model, generator)
    return model


def each_tile(mosaics: Tensor) -> Tensor:
    """Return mosaics (batch, tiles, ...) tile by tile, (batch · tiles, ...), images channels last."""
    tiles = mosaics.flatten(0, 1)
    return tiles.contiguous(memory_format=torch.channels_last) if tiles.ndim == 4 else tiles
