"""F6: test error and test loss against the size of the model, far past zero training error.

Report 003, section 4.2 (after Poggio et al. 2018, "Theory of Deep Learning III: the non-overfitting puzzle"),
asks for networks of many sizes, and claims: once the training error is zero, a larger model's test error does
not rise, but its test loss does. Ours have one hidden layer and few examples, so that the sizes below, at and
far above what fits them are trained in minutes; re-drawn labels make the place where they just fit visible.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from scipy.optimize import minimize_scalar
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.data import Split, load
from course_utils.data.corruption import random_labels
from course_utils.data.pixels import half_size
from course_utils.experiments.catalogue import Provenance
from course_utils.models.initialise import initialise
from course_utils.training.devices import best_device, describe_device
from course_utils.training.history import History
from course_utils.training.loop import fit
from course_utils.training.trials import Plan

CURVE_IMAGES = 2500  # test images measured along the way; all of them at the end
CURVES = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")
TEMPERATURES = (1e-2, 1e3)  # searched between these


class Digits(NamedTuple):
    """Feature vectors (N, pixels), float32, and labels: ``train`` with re-drawn ones, the others without."""

    train: Split
    validation: Split
    test: Split


def run(settings: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """Train one network of one size for the same number of epochs as all others; return what became of it.

    Parameters
    ----------
    settings
        ``width`` (hidden units), ``fraction`` of training labels re-drawn, ``train_images``,
        ``validation_images``, ``epochs``, ``record_every`` (epochs between two points of the curves),
        ``batch_size``, ``learning_rate``, ``momentum``.
    seed
        Of the training images, the re-drawn labels, the weights and the order.

    Returns
    -------
    dict
        At the end: ``train_error``, ``test_error``, shares in [0, 1]; ``train_loss``, ``test_loss``, in nats;
        ``calibrated_test_loss`` of the logits through ``temperature``, the one of least loss on validation
        images. ``parameters``; ``epochs``, the first measured epoch with zero training error, and the curves'
        ``fitted_test_error`` and ``fitted_test_loss`` at it (nan: there is none). And ``curves``, whose
        points are epochs 0, ``record_every``, 2 ``record_every`` and so on.
    """
    digits = data(settings, seed)
    plan = training_plan(settings, seed, digits)
    history = fit(**plan.arguments(), progress=False)
    logits = {name: _logits(plan.model, part.images) for name, part in digits._asdict().items()}
    temperature = best_temperature(logits["validation"], digits.validation.labels)
    at = fitted_at(history)
    return {
        "train_error": _error(logits["train"], digits.train.labels),
        "test_error": _error(logits["test"], digits.test.labels),
        "train_loss": F.cross_entropy(logits["train"], digits.train.labels).item(),
        "test_loss": F.cross_entropy(logits["test"], digits.test.labels).item(),
        "calibrated_test_loss": F.cross_entropy(logits["test"] / temperature, digits.test.labels).item(),
        "temperature": temperature,
        "parameters": sum(parameter.numel() for parameter in plan.model.parameters()),
        "epochs": math.nan if at is None else history.epochs[at],
        "fitted_test_error": math.nan if at is None else 1 - history.test_accuracy[at],
        "fitted_test_loss": math.nan if at is None else history.test_loss[at],
        "curves": {name: [float(f"{value:.5g}") for value in getattr(history, name)] for name in CURVES},
    }


def data(settings: Mapping[str, Any], seed: int) -> Digits:
    """Return the digits as rows of half-size pixels, standardised with the training images' mean and spread.

    Training and validation images are drawn by the seed from MNIST's training images; all test images.
    """
    mnist = load("mnist")
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(mnist.train), generator=generator)
    train, rest = order[: settings["train_images"]], order[settings["train_images"] :]
    validation = rest[: settings["validation_images"]]
    given = random_labels(
        mnist.train.labels[train], settings["fraction"], classes=len(mnist.classes), generator=generator
    )
    pixels = _pixels(mnist.train.images[train])
    mean, sd = pixels.mean(), pixels.std()

    def inputs(images: Tensor) -> Tensor:
        return (_pixels(images) - mean) / sd

    return Digits(
        Split((pixels - mean) / sd, given.labels),
        Split(inputs(mnist.train.images[validation]), mnist.train.labels[validation]),
        Split(inputs(mnist.test.images), mnist.test.labels),
    )


def training_plan(settings: Mapping[str, Any], seed: int, digits: Digits) -> Plan:
    """Return how a network of ``settings["width"]`` hidden units is trained; see `run`."""
    classes = int(digits.test.labels.max()) + 1
    network = nn.Sequential(
        nn.Linear(digits.train.images.shape[1], settings["width"]),
        nn.ReLU(),
        nn.Linear(settings["width"], classes),
    )
    initialise(network, torch.Generator().manual_seed(10_000 + seed))
    network.to(best_device())
    few = Split(digits.test.images[:CURVE_IMAGES], digits.test.labels[:CURVE_IMAGES])
    return Plan(
        model=network,
        train=digits.train,
        test=few,
        epochs=settings["epochs"],
        optimizer=torch.optim.SGD(
            network.parameters(), lr=settings["learning_rate"], momentum=settings["momentum"]
        ),
        generator=torch.Generator().manual_seed(20_000 + seed),
        batch_size=settings["batch_size"],
        precision="float32",
        record_every=settings["record_every"],
        train_metrics="measured",
        stop_when_diverged=False,
    )


def fitted_at(history: History) -> int | None:
    """Return the index of the first measurement with every training label right; None: there is none."""
    return next((index for index, right in enumerate(history.train_accuracy) if right == 1), None)


def best_temperature(logits: Tensor, labels: Tensor) -> float:
    """Return the T > 0 for which ``logits / T`` have the least cross-entropy (Guo et al. 2017).

    In 1/T the loss is convex. Searched from 0.01 to 1000: perfect logits would want T = 0.

    Parameters
    ----------
    logits
        Floating point (N, classes), of examples that the network was not trained on.
    labels
        int64 (N,).
    """

    def loss(log_temperature: float) -> float:
        return F.cross_entropy(logits.double() / math.exp(log_temperature), labels).item()

    low, high = (math.log(end) for end in TEMPERATURES)
    return math.exp(minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-4}).x)


def provenance(settings: Mapping[str, Any], seed: int) -> Provenance:  # noqa: ARG001 (the same for all)
    """Return where the digits come from, their hash, and the device."""
    mnist = load("mnist")
    device = describe_device(best_device())
    return Provenance(source=mnist.source, content_hash=mnist.content_hash, device=device)


def _pixels(images: Tensor) -> Tensor:
    return half_size(images).flatten(1).float() / 255


@torch.no_grad()
def _logits(model: nn.Module, images: Tensor) -> Tensor:
    device = next(model.parameters()).device
    logits: Tensor = model.eval()(images.to(device)).cpu()
    return logits


def _error(logits: Tensor, labels: Tensor) -> float:
    return (logits.argmax(dim=1) != labels).double().mean().item()
