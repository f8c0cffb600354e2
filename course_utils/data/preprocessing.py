"""From stored bytes to the numbers that a network reads. Statistics always come from the training images."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from course_utils.data.pixels import to_unit

PART = 500
"""So many images are summed up at a time: all of CIFAR-10 as floating-point numbers would take 600 MB."""


@dataclass(frozen=True)
class Standardise:
    """Subtract each channel's mean and divide by its standard deviation (report 001, question 19).

    Attributes
    ----------
    mean, sd
        (C, 1, 1), in units of [0, 1].
    """

    mean: Tensor
    sd: Tensor

    @classmethod
    def of(cls, images: Tensor) -> Standardise:
        """Take the statistics of (training) images, uint8 (N, C, H, W); others are a ValueError.

        They stay on the images' device: from another one they would be copied with every batch.
        """
        _check_bytes(images)
        total, squares = _channel_sums(images)
        count = images.numel() / images.shape[1]
        mean = total / count
        sd = (squares / count - mean**2).sqrt()
        # a channel without variation: only its mean is taken away
        sd = torch.where(sd > 0, sd, torch.ones_like(sd))
        mean, sd = (part.float().to(images.device)[:, None, None] / 255 for part in (mean, sd))
        return cls(mean, sd)

    def __call__(self, images: Tensor) -> Tensor:
        """Return images (N, C, H, W) with mean 0 and standard deviation 1 over the training set, float32."""
        return (to_unit(images) - self.mean.to(images.device)) / self.sd.to(images.device)


@dataclass(frozen=True)
class MinMax:
    """Map each channel's smallest training value to 0 and its largest to 1 (report 001, question 21).

    Attributes
    ----------
    lowest, highest
        (C, 1, 1), in units of [0, 1].
    """

    lowest: Tensor
    highest: Tensor

    @classmethod
    def of(cls, images: Tensor) -> MinMax:
        """Take the limits of (training) images, uint8 (N, C, H, W); others are a ValueError."""
        _check_bytes(images)
        lowest, highest = images.amin(dim=(0, 2, 3)), images.amax(dim=(0, 2, 3))
        return cls(to_unit(lowest)[:, None, None], to_unit(highest)[:, None, None])

    def __call__(self, images: Tensor) -> Tensor:
        """Return images (N, C, H, W), float32; training images are in [0, 1]."""
        lowest, highest = self.lowest.to(images.device), self.highest.to(images.device)
        return (to_unit(images) - lowest) / (highest - lowest).clamp_min(1 / 255)


@dataclass(frozen=True)
class Whitening:
    """ZCA whitening: pixels of the training images become uncorrelated, each with variance near 1.

    Of all matrices that do so ZCA's, U diag(1/√(λ + epsilon)) Uᵀ, changes the images least (Bell and
    Sejnowski, 1997; Krizhevsky, 2009, section 1.1). PCA whitening leaves out the first U.

    Attributes
    ----------
    mean
        (C·H·W,), in units of [0, 1].
    matrix
        Symmetric, (C·H·W, C·H·W).
    """

    mean: Tensor
    matrix: Tensor

    @classmethod
    def of(cls, images: Tensor, *, epsilon: float = 0.01) -> Whitening:
        """Take the covariance of (training) images, uint8 (N, C, H, W).

        ``epsilon`` is added to its eigenvalues: directions with less variance are hardly amplified, for
        they are mostly noise.

        Raises
        ------
        ValueError
            For other images, and an ``epsilon`` that is not positive.
        """
        _check_bytes(images)
        if not epsilon > 0:
            raise ValueError(
                f"epsilon is {epsilon}, but it must be positive: small eigenvalues are divided by."
            )
        mean = images.sum(dim=0, dtype=torch.int64).flatten().to(torch.float32) / (255 * len(images))
        covariance = torch.zeros(len(mean), len(mean), device=images.device)
        for part in images.split(PART):
            pixels = to_unit(part).flatten(1) - mean
            covariance += pixels.T @ pixels / len(images)
        # on the CPU, for Apple's devices cannot
        eigenvalues, vectors = (part.to(images.device) for part in torch.linalg.eigh(covariance.cpu()))
        matrix = (vectors / (eigenvalues.clamp_min(0) + epsilon).sqrt()) @ vectors.T
        return cls(mean, matrix)

    def __call__(self, images: Tensor) -> Tensor:
        """Return whitened images (N, C, H, W), float32."""
        pixels = to_unit(images).flatten(1) - self.mean.to(images.device)
        return (pixels @ self.matrix.to(images.device)).reshape(images.shape)


def _check_bytes(images: Tensor) -> None:
    if images.dtype != torch.uint8 or images.ndim != 4 or len(images) == 0:
        raise ValueError(
            f"images is {images.dtype} of shape {tuple(images.shape)}, but must be uint8 (N, C, H, W), as "
            "data sets store them, with at least one image."
        )


def _channel_sums(images: Tensor) -> tuple[Tensor, Tensor]:
    """Return each channel's sum and sum of squares, (C,) float64, in units of bytes."""
    total = torch.zeros(images.shape[1], dtype=torch.float64)
    squares = torch.zeros_like(total)
    for part in images.split(PART):
        values = part.to(torch.int64)
        total += values.sum(dim=(0, 2, 3)).cpu()
        squares += (values * values).sum(dim=(0, 2, 3)).cpu()
    return total, squares
