"""C3 and C4: how much focus does a classifier of pictures need? Tiles averaged with a focus that is known.

Report 000, sections 3.2 and 3.3. A classification network is trained on averages of one focus quality, data
set D_i, and tested on those of all nine. The report gives neither the network nor its training. It does not
say either whether D_j, on which a network trained on D_i is tested, is made of other mosaics: in section 3.3
all nine are made of the same ones. So three accuracies are measured: on the mosaics trained on, on other
mosaics of the same pictures, and on mosaics of pictures never seen.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from course_utils.data import Split, load
from course_utils.data.mosaics import Averages, Mosaics, dirichlet_weights, fixed_weights, make_mosaics
from course_utils.data.pixels import half_size
from course_utils.data.preprocessing import Standardise
from course_utils.experiments.catalogue import Provenance
from course_utils.models.cnn import cnn
from course_utils.training.devices import best_device, describe_device
from course_utils.training.loop import fit, measure

QUALITIES = range(1, 10)  # i of D_i
CLASSES = 3
AT_ONCE = 500  # mosaics whose nine tiles are in memory as numbers


def run(settings: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """Train a network on averages of D_i; test it on those of D_1 to D_9, made of other pictures.

    Parameters
    ----------
    settings
        ``i``; ``alpha`` of the Dirichlet distribution that the weights are drawn from, or None: they are its
        means; ``trained_on``, "D_i" or "data set 10", the foregrounds of the other mosaics. ``half_size``
        (tiles of 16x16), ``mosaics``, ``test_mosaics``, ``widths``, ``hidden``, ``epochs``, ``batch_size``,
        ``learning_rate``.
    seed
        Of mosaics, weights and order.

    Returns
    -------
    dict
        Shares in [0, 1]: ``test_accuracy`` on D_i, ``test_accuracy_on_1`` to ``_9``; ``seen_accuracy`` and
        ``seen_accuracy_on_1`` to ``_9``, on D_1 to D_9 of mosaics that the network was trained on (with
        ``alpha``, under newly drawn weights);
        ``same_pictures_accuracy`` on D_i of other mosaics of the training pictures. ``early_train_loss``,
        the mean over the first epoch, and ``train_loss``, over the last, in nats; ``early_share``: how much
        of the way from log 3, the loss of a guess, to the last loss the first epoch's mean has come.
        And ``curves``: ``train_loss`` of each epoch.
    """
    device = best_device()
    pictures, test_pictures, preprocess = _pictures(settings["half_size"])
    generator = torch.Generator().manual_seed(seed)
    first, others = (make_mosaics(pictures, settings["mosaics"], generator=generator) for _ in range(2))
    test = make_mosaics(test_pictures, settings["test_mosaics"], generator=generator)
    train = others if settings["trained_on"] == "data set 10" else first

    def inputs(mosaics: Mosaics, i: int) -> Tensor:
        weights = _weights(i, settings["alpha"], len(mosaics), generator)
        return averaged(mosaics, weights, preprocess).to(device)

    x = inputs(train, settings["i"])
    network = cnn(
        generator=torch.Generator().manual_seed(10_000 + seed),
        classes=CLASSES,
        widths=settings["widths"],
        hidden=settings["hidden"],
        image_size=x.shape[-1],
    ).to(device)
    history = fit(
        network,
        _numbered(train.labels, device),
        epochs=settings["epochs"],
        optimizer=torch.optim.Adam(network.parameters(), lr=settings["learning_rate"]),
        batch_size=settings["batch_size"],
        generator=torch.Generator().manual_seed(20_000 + seed),
        preprocess=lambda numbers: x[numbers],
        precision="float32",
        progress=False,
    )

    def accuracy(mosaics: Mosaics, i: int) -> float:
        seen = inputs(mosaics, i)
        numbers = _numbered(mosaics.labels, device)
        return measure(network, numbers, preprocess=lambda rows: seen[rows], precision="float32")[1]

    part = slice(settings["test_mosaics"])
    found: dict[str, Any] = {}
    for i in QUALITIES:
        found[f"test_accuracy_on_{i}"] = accuracy(test, i)
        found[f"seen_accuracy_on_{i}"] = accuracy(train.rows(part), i)
    fresh = first if train is others else others
    losses = history.train_loss
    return found | {
        "test_accuracy": found[f"test_accuracy_on_{settings['i']}"],
        "seen_accuracy": found[f"seen_accuracy_on_{settings['i']}"],
        "same_pictures_accuracy": accuracy(fresh.rows(part), settings["i"]),
        "early_train_loss": losses[0],
        "train_loss": losses[-1],
        "early_share": (math.log(CLASSES) - losses[0]) / (math.log(CLASSES) - losses[-1]),
        "curves": {"train_loss": losses},
    }


def averaged(mosaics: Mosaics, weights: Tensor, preprocess: Standardise) -> Tensor:
    """Return the averages of all mosaics as a network reads them, float32 (N, C, H, W).

    They are kept: an epoch that took the nine tiles of every mosaic anew would take nine times the memory's
    traffic. ``weights`` (9,) or (N, 9) as in `course_utils.data.mosaics.Averages`.
    """
    averages = Averages(mosaics, weights)
    numbers = torch.arange(len(mosaics), device=mosaics.labels.device)
    return torch.cat([preprocess(averages.pixels(some)) for some in numbers.split(AT_ONCE)])


def provenance(settings: Mapping[str, Any], seed: int) -> Provenance:  # noqa: ARG001 (the same for all)
    """Return where the pictures come from, their hash, and the device."""
    cifar = load("cifar10")
    return Provenance(cifar.source, cifar.content_hash, describe_device(best_device()))


def _weights(i: int, alpha: float | None, n: int, generator: torch.Generator) -> Tensor:
    if alpha is None:
        return fixed_weights(i)
    return dirichlet_weights(i, n, alpha=alpha, generator=generator)


def _numbered(labels: Tensor, device: torch.device) -> Split:
    return Split(torch.arange(len(labels), device=device), labels.to(device))


def _pictures(halved: bool) -> tuple[Split, Split, Standardise]:
    """Return training and test pictures and what standardises them; runs one after another share them."""
    return _prepared(halved, load("cifar10").content_hash)


@lru_cache(maxsize=1)
def _prepared(halved: bool, content_hash: str) -> tuple[Split, Split, Standardise]:  # noqa: ARG001 (the key)
    cifar = load("cifar10")
    train, test = (
        Split(half_size(part.images), part.labels) if halved else part for part in (cifar.train, cifar.test)
    )
    return train, test, Standardise.of(train.images)
