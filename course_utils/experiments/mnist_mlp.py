"""A5: the code of A4 on MNIST (report 001, section 1.2.5)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from course_utils.data import Split, load
from course_utils.experiments.catalogue import Provenance
from course_utils.models.mlp import tanh_mlp
from course_utils.training.devices import best_device, describe_device
from course_utils.training.loop import fit


def run(settings: dict[str, Any], seed: int) -> dict[str, float]:
    """Train (pixels)-hidden-10 with SGD; return accuracies and losses on training and test images."""
    digits = load("mnist")
    device = best_device()
    generator = torch.Generator().manual_seed(seed)
    network = tanh_mlp(
        digits.train.images[0].numel(),
        settings["hidden"],
        len(digits.classes),
        weight_sd=settings["weight_sd"],
        generator=generator,
    ).to(device)
    history = fit(
        network,
        Split(pixels(digits.train.images), digits.train.labels),
        Split(pixels(digits.test.images), digits.test.labels),
        optimizer=torch.optim.SGD(network.parameters(), lr=settings["learning_rate"]),
        epochs=settings["epochs"],
        batch_size=settings["batch_size"],
        generator=generator,
        record_every=settings["epochs"],
        train_metrics="measured",
    )
    return {
        "train_accuracy": history.train_accuracy[-1],
        "train_loss": history.train_loss[-1],
        "test_accuracy": history.test_accuracy[-1],
        "test_loss": history.test_loss[-1],
    }


def pixels(images: Tensor) -> Tensor:
    """Return images, uint8 (N, C, H, W), as one row of numbers in [0, 1] each, float32 (N, C·H·W)."""
    return images.flatten(1).float() / 255


def provenance(settings: dict[str, Any], seed: int) -> Provenance:  # noqa: ARG001 (the same for all)
    """Return where the digits come from, their hash, and the device."""
    digits = load("mnist")
    device = describe_device(best_device())
    return Provenance(source=digits.source, content_hash=digits.content_hash, device=device)
