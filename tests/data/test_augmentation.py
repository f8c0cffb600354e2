"""Augmentation: each image on its own, by a window or a mirror."""

import torch
from torchvision.transforms.v2 import functional as transforms

from course_utils.data.augmentation import random_crop, random_flip


def images(n: int = 64) -> torch.Tensor:
    return torch.randint(1, 256, (n, 3, 8, 6), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


def test_each_crop_is_one_of_torchvisions_windows() -> None:
    before = images()
    after = random_crop(before, torch.Generator().manual_seed(0), padding=2)
    assert after.dtype == torch.uint8
    assert after.shape == before.shape
    padded = transforms.pad(before, [2, 2, 2, 2])
    windows = {(top, left): transforms.crop(padded, top, left, 8, 6) for top in range(5) for left in range(5)}
    chosen = [
        [place for place, window in windows.items() if torch.equal(window[i], after[i])]
        for i in range(len(before))
    ]
    assert all(len(places) == 1 for places in chosen)
    assert len({places[0] for places in chosen}) > 10, "every image must have its own window"


def test_a_flip_mirrors_some_images_and_leaves_the_others() -> None:
    before = images()
    after = random_flip(before, torch.Generator().manual_seed(0))
    mirrored = transforms.horizontal_flip(before)
    flipped = [torch.equal(a, m) for a, m in zip(after, mirrored, strict=True)]
    kept = [torch.equal(a, b) for a, b in zip(after, before, strict=True)]
    assert all(f != k for f, k in zip(flipped, kept, strict=True))
    assert 16 < sum(flipped) < 48


def test_the_images_given_stay_as_they_are() -> None:
    before = images()
    copy = before.clone()
    random_flip(random_crop(before, torch.Generator()), torch.Generator()).zero_()
    assert torch.equal(before, copy)
