"""A small convolutional network that learns CIFAR-10 in seconds: its first layer is computed, not learned.

The first layer is patch whitening, as in Keller Jordan, "94% on CIFAR-10 in 3.29 seconds on a single GPU"
(arXiv:2404.00498, section 3.2), which has it from Page, "How to train your ResNet 8" (2019). Neighbouring
pixels are nearly equal, so a learned first layer sees hardly anything but brightness and needs many steps to
find the rest. Whitened, a patch is a few uncorrelated numbers of equal size.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.data.pixels import to_unit
from course_utils.models.initialise import initialise

SAMPLE = 2000
"""Images whose patches are looked at: 450 000 patches of CIFAR-10, for 27 x 27 covariances."""


def fast_cnn(
    train_images: Tensor,
    *,
    generator: torch.Generator,
    classes: int = 10,
    widths: Sequence[int] = (32, 64),
    whitening_filters: int = 24,
    whitening: bool = True,
) -> nn.Sequential:
    """Return a whitening layer, a group of two 3x3 convolutions for each width, pooling and a linear layer.

    A group is convolution, 2x2 max pooling, batch norm, ReLU, convolution, batch norm, ReLU: pooling first
    leaves a quarter of the work to what follows. These convolutions have no bias, which batch norm would
    take away. The last layer starts at zero: all classes are equally likely.

    Parameters
    ----------
    train_images
        uint8 (N, C, H, W); the whitening layer is computed from some of them. On the CPU, and so is the
        network; ``.to(device)`` moves it.
    generator
        CPU generator of the other layers' weights and of the choice of images.
    classes
        Number of outputs.
    widths
        Filters of each group; a group halves height and width, rounding up.
    whitening_filters
        Filters of the first layer, at most C·3·3: the directions of most variance.
    whitening
        Whether the first layer is computed and stays as it is; False: it starts at random and learns.

    Returns
    -------
    nn.Sequential
        From images in [0, 1] (batch, C, H, W) to logits (batch, classes).

    Raises
    ------
    ValueError
        If ``train_images`` are not such images, or ``whitening_filters`` are too many.
    """
    first = whitening_layer(train_images, filters=whitening_filters, generator=generator)
    layers: list[nn.Module] = [nn.Conv2d(first.in_channels, whitening_filters, kernel_size=3, stride=2)]
    channels = whitening_filters
    for width in widths:
        layers += [
            nn.Conv2d(channels, width, kernel_size=3, padding=1, bias=False),
            nn.MaxPool2d(2, ceil_mode=True),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, kernel_size=3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
        ]
        channels = width
    features = nn.Sequential(*layers, nn.MaxPool2d(2, ceil_mode=True), nn.Flatten()).eval()
    with torch.no_grad():
        inputs = features(to_unit(train_images[:1])).shape[1]
    last = nn.Linear(inputs, classes)
    network = nn.Sequential(*features, last).train()
    initialise(network, generator)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    if whitening:
        network[0] = first
    return network


def whitening_layer(
    images: Tensor,
    *,
    filters: int,
    generator: torch.Generator,
    kernel_size: int = 3,
    stride: int = 2,
    epsilon: float = 0.01,
) -> nn.Conv2d:
    """Return a convolution whose outputs are uncorrelated over the patches of such images.

    Filter i is the i-th eigenvector of the patches' covariance over √(λ_i + epsilon): PCA whitening
    (`sklearn.decomposition.PCA` with ``whiten=True``) of every patch at once. Its bias takes away the mean
    patch, so that images need no standardisation.

    Parameters
    ----------
    images
        uint8 (N, C, H, W), on the CPU; of more than 2000 as many are drawn.
    filters
        How many directions are kept, those of most variance first; at most C·kernel_size².
    generator
        CPU generator of the choice of images.
    kernel_size, stride
        Of the convolution.
    epsilon
        Added to the eigenvalues, in units of [0, 1]²: directions with less variance are mostly noise and
        come out small. 0: every output has variance 1.

    Returns
    -------
    nn.Conv2d
        From images in [0, 1] (batch, C, H, W) to (batch, filters, H', W'); its weights do not learn.

    Raises
    ------
    ValueError
        If ``images`` are not such images or smaller than a patch, or ``filters`` is not from 1 to
        C·kernel_size².
    """
    if images.dtype != torch.uint8 or images.ndim != 4 or len(images) == 0:
        raise ValueError(
            f"train_images is {images.dtype} of shape {tuple(images.shape)}, but must be uint8 (N, C, H, W), "
            "as data sets store them, with at least one image."
        )
    channels = images.shape[1]
    dimensions = channels * kernel_size**2
    if not 1 <= filters <= dimensions:
        raise ValueError(
            f"whitening_filters is {filters}, but patches of {channels} channels and {kernel_size}x"
            f"{kernel_size} pixels have {dimensions} directions: it must be from 1 to {dimensions}."
        )
    if min(images.shape[2:]) < kernel_size:
        raise ValueError(
            f"train_images are {images.shape[2]}x{images.shape[3]} pixels, smaller than one patch of "
            f"{kernel_size}x{kernel_size}."
        )
    chosen = torch.randperm(len(images), generator=generator)[:SAMPLE]
    mean, variances, directions = patch_statistics(images[chosen], kernel_size=kernel_size, stride=stride)
    weight = directions[:filters] / (variances[:filters, None] + epsilon).sqrt()  # (filters, C·k·k)
    layer = nn.Conv2d(channels, filters, kernel_size, stride=stride)
    with torch.no_grad():
        layer.weight.copy_(weight.view_as(layer.weight))
        layer.bias.copy_(-weight @ mean)  # type: ignore[union-attr]
    return layer.requires_grad_(False)


def patch_statistics(images: Tensor, *, kernel_size: int, stride: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return mean and principal directions of the patches that a convolution sees, in float64.

    Parameters
    ----------
    images
        uint8 (N, C, H, W), read as numbers in [0, 1].
    kernel_size, stride
        Of the convolution.

    Returns
    -------
    mean
        (C·k·k,), in the order of a filter's weights.
    variances
        (C·k·k,), from the largest to the smallest.
    directions
        (C·k·k, C·k·k), a row each, of length 1; its largest entry is positive (an eigenvector's sign is
        arbitrary and differs from one machine to another).
    """
    patches = F.unfold(to_unit(images), kernel_size, stride=stride)  # (N, C·k·k, places)
    patches = patches.transpose(1, 2).flatten(0, 1)  # (patches, C·k·k)
    mean = patches.mean(dim=0)
    patches -= mean
    covariance = (patches.T @ patches).double() / (len(patches) - 1)
    variances, vectors = torch.linalg.eigh(covariance)
    directions = vectors.flip(1).T
    largest = directions.gather(1, directions.abs().argmax(dim=1, keepdim=True))
    return mean.double(), variances.flip(0).clamp_min(0), directions * largest.sign()
