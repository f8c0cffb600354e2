"""Random changes to a batch of images that leave its labels right; each image is changed on its own."""

import torch
import torch.nn.functional as F
from torch import Generator, Tensor


def random_crop(images: Tensor, generator: Generator, *, padding: int = 4) -> Tensor:
    """Pad each image with zeros on all sides and cut its own random window of the old size out of it.

    Parameters
    ----------
    images
        (N, C, H, W), any dtype.
    generator
        Source of the windows; on the images' device.
    padding
        Pixels added on each side: the largest shift.

    Returns
    -------
    Tensor like `images`
    """
    n, _, height, width = images.shape
    padded = F.pad(images, (padding, padding, padding, padding))
    top, left = torch.randint(2 * padding + 1, (2, n), generator=generator, device=images.device)
    rows = top[:, None] + torch.arange(height, device=images.device)  # (N, H)
    columns = left[:, None] + torch.arange(width, device=images.device)  # (N, W)
    image = torch.arange(n, device=images.device)
    cropped = padded[image[:, None, None], :, rows[:, :, None], columns[:, None, :]]  # (N, H, W, C)
    return cropped.permute(0, 3, 1, 2)


def random_flip(images: Tensor, generator: Generator, *, probability: float = 0.5) -> Tensor:
    """Mirror each image left to right with the given probability.

    Parameters
    ----------
    images
        (N, C, H, W), any dtype.
    generator
        Decides which images are mirrored; on the images' device.

    Returns
    -------
    Tensor like `images`
    """
    chosen = torch.rand(len(images), generator=generator, device=images.device) < probability
    return torch.where(chosen[:, None, None, None], images.flip(3), images)
