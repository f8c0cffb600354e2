"""C9: how much focus does a classifier need? Points in two planes, averaged with a known focus.

Report 000, section 9. A network is trained on averages of one focus quality, data set D_i, and tested on
those of all nine. The report gives neither the network nor its training, and shows its figures as pictures
that are lost: the directions of its two claims can be compared, sizes cannot.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from course_utils.data.mosaics import Averages, Mosaics, fixed_weights, make_mosaics
from course_utils.data.points import gaussian_classes, plane_means
from course_utils.experiments.catalogue import Provenance, hash_of
from course_utils.models.initialise import initialise
from course_utils.training.devices import describe_device
from course_utils.training.loop import fit, measure

QUALITIES = range(1, 10)  # i of D_i
EARLY = 10  # epochs after which the loss says how steeply it falls
CPU = torch.device("cpu")


def run(settings: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """Train a network on averages of D_i; test it on those of D_1 to D_9, made of other points.

    Parameters
    ----------
    settings
        ``angle`` between the planes in degrees, ``i``, ``variance``, ``per_class``, ``mosaics``, ``hidden``,
        ``epochs``, ``batch_size``, ``learning_rate``.
    seed
        Of points, mosaics, weights and order.

    Returns
    -------
    dict
        ``test_accuracy`` on D_i, ``test_accuracy_on_1`` to ``_9``, shares in [0, 1]; ``early_train_loss``,
        after 10 epochs, and ``train_loss``, in nats. And ``curves``: ``train_loss`` after each epoch.
    """
    train, test = data(settings, seed)
    averages = Averages(train, fixed_weights(settings["i"]))
    model = nn.Sequential(nn.Linear(3, settings["hidden"]), nn.ReLU(), nn.Linear(settings["hidden"], 3))
    initialise(model, torch.Generator().manual_seed(10_000 + seed))
    history = fit(
        model,
        averages.split(),
        epochs=settings["epochs"],
        optimizer=torch.optim.SGD(model.parameters(), lr=settings["learning_rate"], momentum=0.9),
        batch_size=settings["batch_size"],
        generator=torch.Generator().manual_seed(20_000 + seed),
        preprocess=averages.pixels,
        precision="float32",
        progress=False,
    )
    found: dict[str, Any] = {}
    for i in QUALITIES:
        other = Averages(test, fixed_weights(i))
        _, found[f"test_accuracy_on_{i}"] = measure(model, other.split(), preprocess=other.pixels)
    losses = history.train_loss
    return found | {
        "test_accuracy": found[f"test_accuracy_on_{settings['i']}"],
        "early_train_loss": losses[min(EARLY, len(losses)) - 1],
        "train_loss": losses[-1],
        "curves": {"train_loss": losses},
    }


def data(settings: Mapping[str, Any], seed: int) -> tuple[Mosaics, Mosaics]:
    """Return training and test mosaics, of different points."""
    generator = torch.Generator().manual_seed(seed)
    means = plane_means(settings["angle"])
    parts = []
    for _ in range(2):
        points = gaussian_classes(
            means, settings["per_class"], variance=settings["variance"], generator=generator
        )
        parts.append(make_mosaics(points, settings["mosaics"], generator=generator))
    return parts[0], parts[1]


def provenance(settings: Mapping[str, Any], seed: int) -> Provenance:
    """Return where the points come from, their hash, and the device.

    The hash is that of the points at 0 degrees, whatever the angle: it is a setting by which the same draws
    are turned, so that runs at two angles are compared on the same data.
    """
    train, test = data({**settings, "angle": 0}, seed)
    digest = hash_of(train.images, train.tiles, test.images, test.tiles)
    return Provenance(source="drawn points", content_hash=digest, device=describe_device(CPU))
