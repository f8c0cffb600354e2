"""Inputs that exercises of several notebooks are tried on: a small network and a batch of points."""

import torch

from course_utils.exercises.specification import Inputs


def draw_params(generator: torch.Generator, nx: int = 2, nh: int = 4, ny: int = 3) -> dict[str, torch.Tensor]:
    """Draw parameters of the small network; all numbers differ, so that no error can hide."""
    shapes = {"Wh": (nh, nx), "bh": (nh,), "Wy": (ny, nh), "by": (ny,)}
    return {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}


def draw_batch(generator: torch.Generator, n: int = 7, nx: int = 2, ny: int = 3) -> Inputs:
    """Draw inputs and labels; every class occurs."""
    labels = torch.cat([torch.arange(ny), torch.randint(ny, (n - ny,), generator=generator)])
    return {"x": torch.randn(n, nx, generator=generator), "labels": labels}
