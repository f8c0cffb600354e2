"""The small Inception network with which Zhang et al. (2017) fitted random labels.

Zhang, Bengio, Hardt, Recht and Vinyals, "Understanding deep learning requires rethinking generalization"
(arXiv:1611.03530), appendix A, figure 3.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from course_utils.models.initialise import initialise

FIRST = 96
"""Channels of the first convolution."""

STAGES: tuple[tuple[tuple[int, int] | int, ...], ...] = (
    ((32, 32), (32, 48), 80),
    ((112, 48), (96, 64), (80, 80), (48, 96), 96),
    ((176, 160), (176, 160)),
)
"""Channels of the modules: of the 1x1 and the 3x3 convolution, or of the convolution that halves the size."""

FEWEST = 4
"""Channels that are left of every convolution in a narrow network."""


class SideBySide(nn.Module):
    """Modules that all see the same input; their outputs' channels are put one behind the other."""

    def __init__(self, *branches: nn.Module) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self.branches], dim=1)


def conv_module(in_channels: int, channels: int, *, kernel_size: int, stride: int = 1) -> nn.Sequential:
    """Return convolution, batch norm and ReLU.

    The convolution is padded so that stride 1 keeps height and width; it has no bias, which batch norm would
    take away.

    Parameters
    ----------
    in_channels, channels
        Channels before and after it.
    kernel_size, stride
        Of the convolution; ``kernel_size`` is odd.

    Returns
    -------
    nn.Sequential
        From (batch, in_channels, H, W) to (batch, channels, ⌈H/stride⌉, ⌈W/stride⌉).
    """
    return nn.Sequential(
        nn.Conv2d(in_channels, channels, kernel_size, stride=stride, padding=kernel_size // 2, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(),
    )


def inception_module(in_channels: int, channels_1x1: int, channels_3x3: int) -> SideBySide:
    """Return a 1x1 and a 3x3 conv module side by side, from in_channels to their sum of channels."""
    return SideBySide(
        conv_module(in_channels, channels_1x1, kernel_size=1),
        conv_module(in_channels, channels_3x3, kernel_size=3),
    )


def downsample_module(in_channels: int, channels: int) -> SideBySide:
    """Return a 3x3 conv module of stride 2 beside 3x3 max pooling of stride 2.

    It halves height and width, rounding up, and gives ``channels + in_channels`` channels.
    """
    return SideBySide(
        conv_module(in_channels, channels, kernel_size=3, stride=2),
        nn.MaxPool2d(3, stride=2, padding=1),
    )


def mini_inception(
    *,
    generator: torch.Generator,
    in_channels: int = 3,
    classes: int = 10,
    width: float = 1.0,
    image_size: int = 32,
) -> nn.Sequential:
    """Return the small Inception network: a convolution, ten modules, mean pooling and a linear layer.

    With the defaults the weights and one shift for each channel are the 1 649 402 parameters of the paper's
    table 1; ours has 1712 more, for batch norm's scales, which the paper's does without. The paper cuts its
    images to 28x28 pixels; the number of parameters does not depend on the size.

    Parameters
    ----------
    generator
        CPU generator of the weights (`course_utils.models.initialise.initialise`).
    in_channels, classes
        Of the images: 3 for colour, 1 for grey.
    width
        Times which every number of channels is taken, rounded, at least 4: 0.25 for a small machine.
    image_size
        Height and width of the images.

    Returns
    -------
    nn.Sequential
        From (batch, in_channels, image_size, image_size) to logits (batch, classes).

    Raises
    ------
    ValueError
        If ``width`` is not positive, or a number below 1.
    """
    if not (width > 0 and math.isfinite(width)):
        raise ValueError(f"width is {width}, but must be a positive number: 1 for the paper's channels.")
    for name, number in (("in_channels", in_channels), ("classes", classes), ("image_size", image_size)):
        if number < 1:
            raise ValueError(f"{name} is {number}, but must be at least 1.")

    def scaled(channels: int) -> int:
        return max(FEWEST, round(width * channels))

    channels = scaled(FIRST)
    modules: list[nn.Module] = [conv_module(in_channels, channels, kernel_size=3)]
    for module in (module for stage in STAGES for module in stage):
        if isinstance(module, int):
            modules.append(downsample_module(channels, scaled(module)))
            channels += scaled(module)
        else:
            ones, threes = (scaled(number) for number in module)
            modules.append(inception_module(channels, ones, threes))
            channels = ones + threes
    side = math.ceil(image_size / 2 ** (len(STAGES) - 1))
    network = nn.Sequential(*modules, nn.AvgPool2d(side), nn.Flatten(), nn.Linear(channels, classes))
    initialise(network, generator)
    return network
