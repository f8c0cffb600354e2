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
    windows = padded.unfold(2, height, 1).unfold(3, width, 1)  # (N, C, shifts, shifts, H, W), a view
    top, left = torch.randint(2 * padding + 1, (2, n), generator=generator, device=images.device)
    return windows[torch.arange(n, device=images.device), :, top, left]


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


def random_affine(
    images: Tensor, generator: Generator, *, degrees: float = 90, scale: tuple[float, float] = (0.9, 1.1)
) -> Tensor:
    """Turn each image about its centre and scale it, both by its own draw; what lies outside becomes 0.

    The same as torchvision's ``RandomAffine(degrees, scale=scale)`` with its nearest-pixel interpolation: for
    every pixel of the result the map is followed backwards to the pixel that it comes from.

    Parameters
    ----------
    images
        (N, C, H, W), any dtype.
    generator
        Source of angles and scales; on the images' device.
    degrees
        Largest angle either way, at least 0.
    scale
        Smallest and largest factor, positive; above 1 images grow.

    Returns
    -------
    Tensor like `images`

    Raises
    ------
    ValueError
        If the angle is negative or the factors are no positive interval.
    """
    if degrees < 0 or not 0 < scale[0] <= scale[1]:
        raise ValueError(
            f"degrees is {degrees} and scale {scale}, but they must be at least 0 and (smallest, largest) "
            "factors above 0."
        )
    n, _, height, width = images.shape
    draws = torch.rand(2, n, 1, 1, generator=generator, device=images.device)
    angle = torch.deg2rad((2 * draws[0] - 1) * degrees)  # (N, 1, 1)
    factor = scale[0] + (scale[1] - scale[0]) * draws[1]
    cosine, sine = angle.cos() / factor, angle.sin() / factor
    y = torch.arange(height, device=images.device)[:, None] - (height - 1) / 2  # (H, 1), from the centre
    x = torch.arange(width, device=images.device) - (width - 1) / 2  # (W,)
    rows = (cosine * y - sine * x + (height - 1) / 2).round().long()  # (N, H, W)
    columns = (sine * y + cosine * x + (width - 1) / 2).round().long()
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    image = torch.arange(n, device=images.device)[:, None, None]
    moved = images[image, :, rows.clamp(0, height - 1), columns.clamp(0, width - 1)]  # (N, H, W, C)
    return (moved * inside[..., None]).permute(0, 3, 1, 2)
