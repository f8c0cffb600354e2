"""C1 and C2: mosaics of CIFAR-10, and attention over them, averaged after 0, 1, 2 or 3 convolutions.

Report 000, sections 2 and 3.1. The report describes neither its networks nor its training; ours are in
`course_utils.models.mosaic` and in the settings. Below scale full the tiles have half the size.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from course_utils.data import Split, load
from course_utils.data.mosaics import Mosaics, make_mosaics
from course_utils.data.pixels import half_size
from course_utils.data.preprocessing import Standardise
from course_utils.evaluation.focus import count, entropy, look
from course_utils.experiments.catalogue import Provenance
from course_utils.models.mosaic import MosaicAttention, mosaic_cnn
from course_utils.training.devices import best_device, describe_device
from course_utils.training.loop import Preprocess, fit
from course_utils.training.state import Training

CURVE_MOSAICS = 1000  # of each part, looked at after every epoch; all test mosaics at the end


def run(settings: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """Train focus and classification network together; return how well they look and name.

    Parameters
    ----------
    settings
        ``average_at`` (0 to 3), ``foreground`` classes, ``mosaics_train``, ``mosaics_test``, ``half_size``,
        ``focus_widths``, ``widths``, ``hidden``, ``epochs``, ``batch_size``, ``learning_rate`` (of Adam).
    seed
        Of mosaics, weights and order.

    Returns
    -------
    dict
        Shares in [0, 1]: ``test_accuracy``, ``train_accuracy``, ``focus_accuracy`` (of test mosaics: the
        foreground has the largest weight; by chance 1/9), ``ffpt`` (wrong focus, right prediction),
        ``ftpf``; ``entropy`` of the weights in nats. And ``curves``: ``train_loss``, ``train_accuracy``,
        ``test_accuracy`` and ``focus_accuracy`` after each epoch.
    """
    train, test = data(settings, seed)
    preprocess = Standardise.of(train.images)
    model, curves = train_attention(settings, train, test, seed, preprocess=preprocess)
    looks = look(model, test, preprocess=preprocess)
    counts = count(looks, test)
    on_train = count(look(model, train, preprocess=preprocess), train)
    return {
        "test_accuracy": counts.accuracy,
        "train_accuracy": on_train.accuracy,
        "focus_accuracy": counts.focus_accuracy,
        "ffpt": counts.ffpt / len(counts),
        "ftpf": counts.ftpf / len(counts),
        "entropy": entropy(looks.attention_weights).mean().item(),
        "curves": curves,
    }


def describe(settings: Mapping[str, Any], seed: int) -> dict[str, float]:
    """Return what C1 is about: how often images and places are used, and what mosaics cost.

    Returns
    -------
    dict
        ``largest_class`` and ``largest_place``: shares of the most frequent label and place of the
        foreground, which are what guessing earns; ``images_used``, share of the source's;
        ``megabytes`` as row numbers, and ``megabytes_as_pixels``.
    """
    train, _ = data(settings, seed)
    pixels = train.images[0].numel() * train.tiles.numel()
    return {
        "largest_class": (train.labels.bincount().max() / len(train)).item(),
        "largest_place": (train.foreground_at.bincount().max() / len(train)).item(),
        "images_used": len(train.tiles.unique()) / len(train.images),
        "megabytes": train.tiles.numel() * train.tiles.element_size() / 1e6,
        "megabytes_as_pixels": pixels * train.images.element_size() / 1e6,
    }


def train_attention(
    settings: Mapping[str, Any], train: Mosaics, test: Mosaics, seed: int, *, preprocess: Preprocess
) -> tuple[MosaicAttention, dict[str, list[float]]]:
    """Return the trained model and its curves (see `run`)."""
    model = mosaic_cnn(
        generator=torch.Generator().manual_seed(seed),
        average_at=settings["average_at"],
        focus_widths=tuple(settings["focus_widths"]),
        widths=tuple(settings["widths"]),
        hidden=settings["hidden"],
        image_size=train.images.shape[-1],
    ).to(train.images.device)
    few = [part.rows(slice(CURVE_MOSAICS)) for part in (train, test)]
    curves: dict[str, list[float]] = {"train_accuracy": [], "test_accuracy": [], "focus_accuracy": []}

    def look_on(training: Training) -> None:
        if training.step == 0:
            on_train, on_test = (count(look(model, part, preprocess=preprocess), part) for part in few)
            curves["train_accuracy"].append(on_train.accuracy)
            curves["test_accuracy"].append(on_test.accuracy)
            curves["focus_accuracy"].append(on_test.focus_accuracy)

    history = fit(
        model,
        train.split(),
        epochs=settings["epochs"],
        optimizer=torch.optim.Adam(model.parameters(), lr=settings["learning_rate"]),
        batch_size=settings["batch_size"],
        generator=torch.Generator().manual_seed(10_000 + seed),
        preprocess=lambda tiles: preprocess(train.images[tiles]),
        callbacks=(look_on,),
        progress=False,
    )
    return model, {"train_loss": history.train_loss, **curves}


def data(settings: Mapping[str, Any], seed: int) -> tuple[Mosaics, Mosaics]:
    """Return training mosaics of training images and test mosaics of test images, on the best device."""
    cifar, device = load("cifar10"), best_device()
    generator = torch.Generator().manual_seed(20_000 + seed)
    foreground = tuple(settings["foreground"])
    background = tuple(k for k in range(10) if k not in foreground)
    parts = []
    for part, n in ((cifar.train, settings["mosaics_train"]), (cifar.test, settings["mosaics_test"])):
        images = half_size(part.images) if settings["half_size"] else part.images
        mosaics = make_mosaics(
            Split(images, part.labels), n, generator=generator, foreground=foreground, background=background
        )
        parts.append(mosaics.to(device))
    return parts[0], parts[1]


def provenance(settings: Mapping[str, Any], seed: int) -> Provenance:  # noqa: ARG001 (the same for all)
    """Return where the images come from, their hash, and the device."""
    cifar = load("cifar10")
    return Provenance(cifar.source, cifar.content_hash, describe_device(best_device()))
