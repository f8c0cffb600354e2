"""E1's accuracy in seconds: a ladder of recipes for one small network, one thing added at a time.

Report 002, experiment 1: 74.6 % on CIFAR-10 after 100 epochs, 11 hours and 41 minutes. This is another
network on another machine, so only the accuracy is a target; the time is a curiosity.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.lr_scheduler import LambdaLR, OneCycleLR

from course_utils.data import DataSet, load
from course_utils.data.augmentation import random_crop, random_flip
from course_utils.data.pixels import to_unit
from course_utils.data.preprocessing import Standardise
from course_utils.experiments.catalogue import Provenance
from course_utils.models.fast_cnn import fast_cnn
from course_utils.training.devices import best_device, describe_device
from course_utils.training.loop import Augment, fit, measure
from course_utils.training.muon import Muon
from course_utils.training.precision import Precision


def run(settings: Mapping[str, Any], seed: int) -> dict[str, float]:
    """Train once; return the test accuracy and what the training cost.

    Parameters
    ----------
    settings
        ``widths``, ``epochs``, ``batch_size``, ``learning_rate``; ``half_precision`` (16 bits where the
        device is fast at it, and images in memory pixel by pixel), ``whitening`` (the first layer),
        ``label_smoothing``, ``optimizer`` (sgd, muon), ``flips`` (random ones in training, and test images
        judged together with their mirror images), ``crop`` (largest random shift in training, in
        pixels; may be missing).
    seed
        Of the weights, the order of the images, flips and crops.

    Returns
    -------
    dict
        ``test_accuracy`` in [0, 1]; ``train_seconds`` and ``cpu_seconds`` (of all threads) from the images in
        memory to the trained network: the whitening layer counts, loading and the test do not.
    """
    cifar = load("cifar10")
    # the first optimizer of a process imports torch's compiler, which takes longer than 20 steps
    torch.optim.SGD([nn.Parameter(torch.zeros(1))])
    wall, cpu = time.perf_counter(), time.process_time()
    network, preprocess, precision = trained(cifar, settings, seed)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    judge = FlipAverage(network) if settings["flips"] else network
    _, test_accuracy = measure(judge, cifar.test, preprocess=preprocess, precision=precision)
    return {"test_accuracy": test_accuracy, "train_seconds": wall, "cpu_seconds": cpu}


def trained(
    cifar: DataSet, settings: Mapping[str, Any], seed: int
) -> tuple[nn.Module, Callable[[Tensor], Tensor], Precision]:
    """Return the trained network, its preprocessing and its precision; see `run`."""
    device = best_device()
    generator = torch.Generator().manual_seed(seed)
    network = fast_cnn(
        cifar.train.images,
        generator=generator,
        classes=len(cifar.classes),
        widths=settings["widths"],
        whitening=settings["whitening"],
    ).to(device)
    # the whitening layer takes the mean away itself
    preprocess = to_unit if settings["whitening"] else Standardise.of(cifar.train.images.to(device))
    precision: Precision = "auto" if settings["half_precision"] else "float32"
    steps = -(-len(cifar.train) // settings["batch_size"]) * settings["epochs"]
    optimizer, schedule = OPTIMIZERS[settings["optimizer"]](network, settings["learning_rate"], steps)
    fit(
        network,
        cifar.train,
        epochs=settings["epochs"],
        optimizer=optimizer,
        schedule=schedule,
        batch_size=settings["batch_size"],
        generator=generator,
        augment=augmentation(settings),
        preprocess=preprocess,
        loss_function=partial(F.cross_entropy, label_smoothing=settings["label_smoothing"]),
        precision=precision,
        channels_last=settings["half_precision"],
        progress=False,
    )
    return network, preprocess, precision


def augmentation(settings: Mapping[str, Any]) -> Augment | None:
    """Return what is done to each batch of training images at random; None: nothing."""
    flips, crop = settings["flips"], settings.get("crop", 0)
    if not flips and not crop:
        return None

    def augment(images: Tensor, generator: torch.Generator) -> Tensor:
        if flips:
            images = random_flip(images, generator)
        return random_crop(images, generator, padding=crop) if crop else images

    return augment


class FlipAverage(nn.Module):
    """A network whose logits are the mean of those of an image and of its mirror image."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (batch, classes) of images (batch, C, H, W)."""
        logits: Tensor = self.network(images) + self.network(images.flip(3))
        return logits / 2


def muon(network: nn.Module, learning_rate: float, steps: int) -> tuple[Muon, LambdaLR]:
    """Return Muon for the filters that learn, SGD for the rest, both with a rate that falls linearly to 0."""
    learning = [parameter for parameter in network.parameters() if parameter.requires_grad]
    filters = [parameter for parameter in learning if parameter.ndim == 4]
    others = [parameter for parameter in learning if parameter.ndim != 4]
    optimizer = Muon(
        [
            {"params": filters, "normalise": True},
            {"params": others, "orthogonalise": False, "lr": 0.02, "momentum": 0.9},
        ],
        lr=learning_rate,
        momentum=0.6,
    )
    return optimizer, LambdaLR(optimizer, lambda step: 1 - step / steps)


def sgd(network: nn.Module, learning_rate: float, steps: int) -> tuple[torch.optim.SGD, OneCycleLR]:
    """Return SGD with Nesterov momentum and one cycle: the rate rises, then falls to 0."""
    learning = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimizer = torch.optim.SGD(learning, lr=learning_rate, momentum=0.9, nesterov=True)
    schedule = OneCycleLR(optimizer, max_lr=learning_rate, total_steps=steps + 1, cycle_momentum=False)
    return optimizer, schedule


OPTIMIZERS = {"muon": muon, "sgd": sgd}


def provenance(settings: Mapping[str, Any], seed: int) -> Provenance:  # noqa: ARG001 (the same for all)
    """Return where the images come from, their hash, and the device."""
    cifar = load("cifar10")
    device = describe_device(best_device())
    return Provenance(source=cifar.source, content_hash=cifar.content_hash, device=device)
