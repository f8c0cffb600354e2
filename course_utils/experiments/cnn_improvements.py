"""A9 to A16: the report's network on CIFAR-10, and what each improvement does for it.

Report 001, sections 2.3 and 3. The report gives neither learning rate nor batch size nor the number of
epochs, and shows curves without values; all of these are our choice.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from course_utils.data import Split, load
from course_utils.data.augmentation import random_affine, random_crop, random_flip
from course_utils.data.dataset import DataSet
from course_utils.data.pixels import to_unit
from course_utils.data.preprocessing import MinMax, Standardise, Whitening
from course_utils.experiments.catalogue import Provenance
from course_utils.models.cnn import cnn
from course_utils.training.devices import best_device, describe_device
from course_utils.training.history import History
from course_utils.training.loop import fit, measure
from course_utils.training.state import Schedule

CURVE_IMAGES = 2500  # test images measured after every epoch; all of them at the end
CURVES = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")
EARLY = 3  # epochs that count as the beginning


def run(settings: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """Train once; return what became of it, and the curves.

    Parameters
    ----------
    settings
        ``train_images``, ``epochs``, ``batch_size``, ``learning_rate``; ``optimizer`` (sgd, momentum, adam),
        ``schedule`` (none, cosine), ``preprocessing`` (unit, standardise, min-max, zca), ``augmentation``
        (list of crop, flip, affine), ``dropout``, ``batch_norm``.
    seed
        Of the weights, the order of the images, augmentation and dropout.

    Returns
    -------
    dict
        Shares in [0, 1]: ``test_accuracy``, ``train_accuracy`` (of training images as they are, in evaluation
        mode), ``gap`` (the second minus the first), ``early_test_accuracy`` (mean of the first three epochs:
        how fast it converges). ``unsteadiness``: standard deviation of the change of test accuracy from epoch
        to epoch in the second half. ``lowest_test_loss_epoch``: after it the network over-fits.
        ``test_loss``. And ``curves``, as in `course_utils.training.history.History`.
    """
    cifar = load("cifar10")
    train = Split(*(part[: settings["train_images"]] for part in (cifar.train.images, cifar.train.labels)))
    few = Split(cifar.test.images[:CURVE_IMAGES], cifar.test.labels[:CURVE_IMAGES])
    generator = torch.Generator().manual_seed(seed)
    network = cnn(
        generator=generator,
        classes=len(cifar.classes),
        batch_norm=settings["batch_norm"],
        dropout=settings["dropout"],
    ).to(best_device())
    optimizer = _optimizer(settings, network)
    preprocess = PREPROCESSING[settings["preprocessing"]](train.images.to(best_device()))
    steps = -(-len(train) // settings["batch_size"]) * settings["epochs"]
    history = fit(
        network,
        train,
        few,
        epochs=settings["epochs"],
        optimizer=optimizer,
        schedule=_schedule(settings, optimizer, steps),
        batch_size=settings["batch_size"],
        generator=generator,
        augment=_augmentation(settings["augmentation"]),
        preprocess=preprocess,
        stop_when_diverged=False,
    )
    test_loss, test_accuracy = measure(network, cifar.test, preprocess=preprocess)
    sample = Split(train.images[:5000], train.labels[:5000])
    _, train_accuracy = measure(network, sample, preprocess=preprocess)
    return {
        "test_accuracy": test_accuracy,
        "train_accuracy": train_accuracy,
        "gap": train_accuracy - test_accuracy,
        "test_loss": test_loss,
        **shape_of(history),
        "curves": {name: getattr(history, name) for name in CURVES},
    }


def shape_of(history: History) -> dict[str, float]:
    """Return what the curves of a training say about its speed, steadiness and over-fitting; see `run`."""
    accuracies, losses = history.test_accuracy, history.test_loss
    second_half = accuracies[len(accuracies) // 2 :]
    changes = [after - before for before, after in pairwise(second_half)]
    finite = [loss if loss == loss else float("inf") for loss in losses]
    epoch = history.epochs[finite.index(min(finite))]
    lowest = float(epoch) if min(finite) < float("inf") else float("nan")
    return {
        "early_test_accuracy": statistics.fmean(accuracies[:EARLY]),
        "unsteadiness": statistics.stdev(changes) if len(changes) > 1 else float("nan"),
        "lowest_test_loss_epoch": lowest,
    }


def provenance(settings: Mapping[str, Any], seed: int) -> Provenance:  # noqa: ARG001 (the same for all)
    """Return where the images come from, their hash, and the device."""
    cifar: DataSet = load("cifar10")
    device = describe_device(best_device())
    return Provenance(source=cifar.source, content_hash=cifar.content_hash, device=device)


PREPROCESSING: dict[str, Callable[[Tensor], Callable[[Tensor], Tensor]]] = {
    "unit": lambda _: to_unit,
    "standardise": Standardise.of,
    "min-max": MinMax.of,
    "zca": Whitening.of,
}

_AUGMENTATIONS: dict[str, Callable[[Tensor, torch.Generator], Tensor]] = {
    "crop": random_crop,
    "flip": random_flip,
    "affine": random_affine,
}


def _augmentation(names: list[str]) -> Callable[[Tensor, torch.Generator], Tensor] | None:
    if not names:
        return None

    def augment(images: Tensor, generator: torch.Generator) -> Tensor:
        for name in names:
            images = _AUGMENTATIONS[name](images, generator)
        return images

    return augment


def _optimizer(settings: Mapping[str, Any], network: nn.Module) -> torch.optim.Optimizer:
    if settings["optimizer"] == "adam":
        return torch.optim.Adam(network.parameters(), lr=settings["learning_rate"])
    momentum = 0.9 if settings["optimizer"] == "momentum" else 0.0
    return torch.optim.SGD(network.parameters(), lr=settings["learning_rate"], momentum=momentum)


def _schedule(settings: Mapping[str, Any], optimizer: torch.optim.Optimizer, steps: int) -> Schedule | None:
    if settings["schedule"] == "none":
        return None
    return torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)
