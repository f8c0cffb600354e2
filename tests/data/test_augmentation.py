"""Augmentation: each image on its own, by a window or a mirror."""

import pytest
import torch
from torchvision.transforms.functional import affine as torchvision_affine
from torchvision.transforms.v2 import functional as transforms

from course_utils.data.augmentation import random_affine, random_crop, random_flip


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


def test_an_image_is_turned_and_scaled_as_torchvision_does_it():
    images = torch.randint(256, (6, 3, 32, 24), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    ours = random_affine(images, torch.Generator().manual_seed(2), degrees=90, scale=(0.9, 1.1))
    draws = torch.rand(2, 6, 1, 1, generator=torch.Generator().manual_seed(2))
    for k in range(6):
        theirs = torchvision_affine(
            images[k],
            angle=float((2 * draws[0, k] - 1) * 90),
            translate=[0, 0],
            scale=float(0.9 + 0.2 * draws[1, k]),
            shear=[0.0, 0.0],
        )
        # where a source lies between two pixels, rounding may choose either
        assert (ours[k] != theirs).any(dim=0).float().mean() < 0.01


def test_turned_by_nothing_and_scaled_by_one_an_image_stays():
    images = torch.randint(256, (3, 1, 9, 9), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    assert torch.equal(
        random_affine(images, torch.Generator().manual_seed(0), degrees=0, scale=(1, 1)), images
    )


def test_each_image_is_turned_by_its_own_angle():
    images = torch.randint(256, (1, 1, 16, 16), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    turned = random_affine(images.expand(20, -1, -1, -1), torch.Generator().manual_seed(0))
    assert len(torch.unique(turned.flatten(1), dim=0)) == 20


@pytest.mark.parametrize("options", [{"degrees": -1}, {"scale": (0, 1)}, {"scale": (1.2, 1.1)}])
def test_impossible_turns_are_refused(options):
    with pytest.raises(ValueError, match="degrees is"):
        random_affine(torch.zeros(1, 1, 4, 4), torch.Generator(), **options)
