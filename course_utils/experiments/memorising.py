"""Train a network until it names every training label, true or not: what D1 to D4 and F5 have in common."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from course_utils.data import load
from course_utils.data.dataset import DataSet, Split
from course_utils.data.pixels import half_size
from course_utils.data.preprocessing import Standardise
from course_utils.experiments.catalogue import Provenance
from course_utils.models.cnn import cnn
from course_utils.models.inception import mini_inception
from course_utils.training.devices import best_device, describe_device
from course_utils.training.fitted import until_fitted
from course_utils.training.history import History
from course_utils.training.many import Plan, TrialResult

CURVE_IMAGES = 1000  # of the test images, measured after every epoch; all of them at the end


def network(settings: Mapping[str, Any], seed: int, images: Tensor, *, classes: int) -> nn.Module:
    """Return the network that the settings name, on the best device.

    Parameters
    ----------
    settings
        ``model``, ``"CNN"`` or ``"mini-Inception"``; of a CNN its ``widths``, ``hidden`` and, if there,
        ``dropout``; of an Inception network its ``width``.
    seed
        Of the weights.
    images
        Some images, (N, C, H, W).
    classes
        Number of outputs.
    """
    generator = torch.Generator().manual_seed(seed)
    channels, _, size = images.shape[1:]
    if settings["model"] == "mini-Inception":
        model: nn.Module = mini_inception(
            generator=generator,
            in_channels=channels,
            classes=classes,
            width=settings["width"],
            image_size=size,
        )
    else:
        model = cnn(
            generator=generator,
            in_channels=channels,
            classes=classes,
            widths=tuple(settings["widths"]),
            hidden=settings["hidden"],
            image_size=size,
            dropout=settings.get("dropout", 0.0),
        )
    return model.to(best_device())


def memorise(
    settings: Mapping[str, Any],
    seed: int,
    train: Split,
    *,
    classes: int,
    test: Split | None = None,
    parts: Mapping[str, Tensor] | None = None,
    augment: Callable[[Tensor, torch.Generator], Tensor] | None = None,
) -> Plan:
    """Return how a network is trained until every label is fitted, or for the number of epochs allowed.

    SGD with momentum 0.9 and a learning rate that falls as half a cosine: at a constant rate the last per
    cent of random labels are fitted and lost again by turns.

    Parameters
    ----------
    settings
        As for `network`; ``epochs`` at most, ``batch_size``, ``learning_rate`` at the start and, if there,
        ``weight_decay``.
    seed
        Of weights, order, dropout and augmentation.
    train
        Images, uint8, with the labels to fit.
    classes
        Number of outputs.
    test
        Measured after every epoch: the first `CURVE_IMAGES`.
    parts
        As for `course_utils.training.fitted.until_fitted`.
    augment
        As for `course_utils.training.loop.fit`.
    """
    preprocess = Standardise.of(train.images)
    model = network(settings, seed, train.images, classes=classes)
    optimizer = torch.optim.SGD(
        model.parameters(),
        lr=settings["learning_rate"],
        momentum=0.9,
        weight_decay=settings.get("weight_decay", 0.0),
    )
    steps = settings["epochs"] * math.ceil(len(train) / settings["batch_size"])
    return Plan(
        model=model,
        train=train,
        test=None if test is None else Split(test.images[:CURVE_IMAGES], test.labels[:CURVE_IMAGES]),
        epochs=settings["epochs"],
        optimizer=optimizer,
        batch_size=settings["batch_size"],
        generator=torch.Generator().manual_seed(10_000 + seed),
        schedule=torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps),
        augment=augment,
        preprocess=preprocess,
        callbacks=(until_fitted(train, preprocess=preprocess, parts=parts),),
    )


def trained(
    settings: Mapping[str, Any], seed: int, train: Split, result: TrialResult, *, classes: int
) -> tuple[nn.Module, Standardise]:
    """Return a trained network and how its images are preprocessed."""
    model = network(settings, seed, train.images, classes=classes)
    model.load_state_dict(result.load_weights())
    return model, Standardise.of(train.images)


def epochs_to_fit(history: History) -> float:
    """Return the epochs after which every training label was fitted; nan if that did not happen."""
    fitted = history.measures["fitted"]
    return float(len(fitted)) if fitted[-1] == 1.0 else math.nan


def sizes(images: Tensor, settings: Mapping[str, Any]) -> Tensor:
    """Return the images as large as the settings want them: half as large where ``half_size`` is true."""
    return half_size(images) if settings["half_size"] else images


def source(settings: Mapping[str, Any]) -> DataSet:
    """Return the data set that the settings name."""
    return load(settings["data"])


def provenance(settings: Mapping[str, Any], seed: int) -> Provenance:  # noqa: ARG001 (the same for all)
    """Return where the images come from, their hash, and the device."""
    data = source(settings)
    return Provenance(data.source, data.content_hash, describe_device(best_device()))
