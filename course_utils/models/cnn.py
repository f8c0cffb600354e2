"""The convolutional network of report 001, section 2.2, with the improvements of section 2.3 as options."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from course_utils.models.initialise import initialise


def cnn(
    *,
    generator: torch.Generator,
    in_channels: int = 3,
    classes: int = 10,
    widths: Sequence[int] = (32, 64, 64),
    hidden: int = 1000,
    image_size: int = 32,
    batch_norm: bool = False,
    dropout: float = 0.0,
) -> nn.Sequential:
    """Return blocks of 5x5 convolution, ReLU and 2x2 max pooling, then two fully connected layers.

    The padding of 2 follows from the report's sizes (32, 16, 8, 4). ReLU after the convolutions is our
    choice, and so is batch norm between the two. With the defaults there are 1 191 170 parameters.

    Parameters
    ----------
    generator
        CPU generator of the weights (`course_utils.models.initialise.initialise`).
    in_channels, classes
        Of the images.
    widths
        Filters of each convolution.
    hidden
        Units of the fully connected layer.
    image_size
        Height and width of the images; each block halves it, rounding down.
    batch_norm
        Whether each convolution is followed by batch norm.
    dropout
        Probability with which a hidden unit is dropped, in [0, 1); 0: no such layer.

    Returns
    -------
    nn.Sequential
        From (batch, in_channels, image_size, image_size) to logits (batch, classes).

    Raises
    ------
    ValueError
        If the images are too small for so many blocks, or ``dropout`` is no probability below 1.
    """
    side = image_size // 2 ** len(widths)
    if side < 1:
        raise ValueError(
            f"image_size is {image_size}, but {len(widths)} blocks halve it to nothing: "
            f"it must be at least {2 ** len(widths)}."
        )
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout is {dropout}, but it must be at least 0 and less than 1.")
    layers: list[nn.Module] = []
    channels = in_channels
    for width in widths:
        layers.append(nn.Conv2d(channels, width, kernel_size=5, padding=2))
        if batch_norm:
            layers.append(nn.BatchNorm2d(width))
        layers += [nn.ReLU(), nn.MaxPool2d(2)]
        channels = width
    layers += [nn.Flatten(), nn.Linear(channels * side * side, hidden), nn.ReLU()]
    if dropout:
        layers.append(nn.Dropout(dropout))
    layers.append(nn.Linear(hidden, classes))
    network = nn.Sequential(*layers)
    initialise(network, generator)
    return network
