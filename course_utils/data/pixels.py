"""Bytes of an image as numbers."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def to_unit(images: Tensor) -> Tensor:
    """Return uint8 images as float32 in [0, 1]; floating-point tensors come back as they are."""
    return images.float() / 255 if images.dtype == torch.uint8 else images


def half_size(images: Tensor) -> Tensor:
    """Average 2x2 pixels, uint8 (N, C, H, W) to uint8 (N, C, H/2, W/2): convolutions then cost a quarter.

    Raises
    ------
    ValueError
        If the images are not bytes, or a side is odd.
    """
    if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[2] % 2 or images.shape[3] % 2:
        raise ValueError(
            f"images is {images.dtype} {tuple(images.shape)}, but must be uint8 (N, C, H, W), H and W even."
        )
    # in parts: as floats at once, 50 000 images would take 0.8 GB
    parts = [F.avg_pool2d(part.float(), 2).round().to(torch.uint8) for part in images.split(5000)]
    return torch.cat(parts)
