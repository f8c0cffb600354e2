"""Bytes of an image as numbers."""

from __future__ import annotations

import torch
from torch import Tensor


def to_unit(images: Tensor) -> Tensor:
    """Return uint8 images as float32 in [0, 1]; floating-point tensors come back as they are."""
    return images.float() / 255 if images.dtype == torch.uint8 else images
