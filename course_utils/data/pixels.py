"""Bytes of an image as numbers."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def to_unit(images: Tensor) -> Tensor:
    """Return uint8 images as float32 in [0, 1]; floating-point tensors come back as they are."""
    return images.float() / 255 if images.dtype == torch.uint8 else images


def half_size(images: Tensor) -> Tensor:
    """Average 2x2 pixels, uint8 (N, C, H, W) to uint8 (N, C, H/2, W/2): convolutions then cost a quarter."""
    return F.avg_pool2d(images.float(), 2).round().to(torch.uint8)
