"""X1: plant wrong labels, find them, and train again without what was found. Not in the reports.

Notebook 10 teaches the search; here it runs on real images, beside cleanlab's where cleanlab is installed
(the extra ``dev``), on the same probabilities.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from course_utils.data import DataSet, Split, load
from course_utils.data.corruption import Corrupted, pair_flip_noise, relabel, symmetric_noise
from course_utils.data.pixels import to_unit
from course_utils.evaluation.label_errors import (
    Detection,
    confidently_wrong,
    detection,
    least_confident,
    out_of_sample,
)
from course_utils.experiments.catalogue import Provenance, hash_of
from course_utils.models.initialise import initialise
from course_utils.training.devices import describe_device, one_thread
from course_utils.training.loop import fit, measure

CPU = torch.device("cpu")


def run(settings: Mapping[str, Any], seed: int) -> dict[str, float]:
    """Plant wrong labels in training images, search for them, and train again without the found ones.

    Parameters
    ----------
    settings
        ``data`` and ``train_images``; ``noise`` ("symmetric" or "pair flips") and ``rate``; ``folds`` of the
        cross-validation; ``hidden``, ``epochs``, ``batch_size``, ``learning_rate`` of each training (Adam).
    seed
        Of the wrong labels, the folds, weights and order.

    Returns
    -------
    dict
        Shares in [0, 1]: ``wrong``, of the labels; ``precision`` and ``recall`` of what is confidently wrong,
        and of as many rows with the largest loss, ``loss_precision`` and ``loss_recall``, all with
        probabilities out of sample; ``in_sample_recall`` of as many rows by the loss of a network that was
        trained on them. ``cleanlab_precision``, ``cleanlab_recall`` (``filter_by="confident_learning"``) and
        ``cleanlab_default_precision``, ``cleanlab_default_recall``: nan without cleanlab. Test accuracies
        ``with_all`` labels, ``without_found``, ``without_wrong`` (none of the planted ones), and ``gain``,
        the second minus the first.
    """
    images, planted, test, true = data(settings, seed)
    labels, wrong = planted
    classes = int(true.max()) + 1

    def train_on(rows: Tensor, stream: int) -> nn.Module:
        return _train(settings, images[rows], labels[rows], classes, 100 * seed + stream)

    folds = iter(range(10, 10 + settings["folds"]))

    def predict(train_rows: Tensor, other_rows: Tensor) -> Tensor:
        return _probabilities(train_on(train_rows, next(folds)), images[other_rows])

    with one_thread():
        generator = torch.Generator().manual_seed(30_000 + seed)
        said = out_of_sample(predict, len(labels), folds=settings["folds"], generator=generator)
        found = confidently_wrong(said, labels)
        count = int(found.sum())
        everything = torch.arange(len(labels))
        with_all = train_on(everything, 0)
        models = (with_all, train_on(everything[~found], 1), train_on(everything[~wrong], 2))
        accuracies = [measure(model, test, preprocess=to_unit)[1] for model in models]
    searches = {
        "": detection(found, wrong),
        "loss_": detection(least_confident(said, labels, count), wrong),
        "in_sample_": detection(least_confident(_probabilities(with_all, images), labels, count), wrong),
        **_cleanlab(said, labels, wrong),
    }
    return {
        "wrong": wrong.double().mean().item(),
        **{f"{name}precision": search.precision for name, search in searches.items()},
        **{f"{name}recall": search.recall for name, search in searches.items()},
        **dict(zip(("with_all", "without_found", "without_wrong"), accuracies, strict=True)),
        "gain": accuracies[1] - accuracies[0],
    }


def data(settings: Mapping[str, Any], seed: int) -> tuple[Tensor, Corrupted, Split, Tensor]:
    """Return training images, their labels with the planted ones, the test data, and the true labels."""
    source = _source(settings)
    images, true = (part[: settings["train_images"]] for part in (source.train.images, source.train.labels))
    classes = len(source.classes)
    matrix = {"symmetric": symmetric_noise, "pair flips": pair_flip_noise}[settings["noise"]]
    generator = torch.Generator().manual_seed(seed)
    planted = relabel(true, matrix(classes, settings["rate"]), generator=generator)
    return images, planted, source.test, true


def provenance(settings: Mapping[str, Any], seed: int) -> Provenance:
    """Return where the images come from, the hash of them and of the labels, and the device."""
    images, planted, test, _ = data(settings, seed)
    digest = hash_of(images, planted.labels, test.images, test.labels)
    with one_thread():
        return Provenance(source=_source(settings).source, content_hash=digest, device=describe_device(CPU))


def _source(settings: Mapping[str, Any]) -> DataSet:
    return load(settings["data"])


def _train(settings: Mapping[str, Any], images: Tensor, labels: Tensor, classes: int, seed: int) -> nn.Module:
    hidden = settings["hidden"]
    model = nn.Sequential(
        nn.Flatten(), nn.Linear(images[0].numel(), hidden), nn.ReLU(), nn.Linear(hidden, classes)
    )
    initialise(model, torch.Generator().manual_seed(10_000 + seed))
    fit(
        model,
        Split(images, labels),
        epochs=settings["epochs"],
        optimizer=torch.optim.Adam(model.parameters(), lr=settings["learning_rate"]),
        batch_size=settings["batch_size"],
        generator=torch.Generator().manual_seed(20_000 + seed),
        precision="float32",
        progress=False,
    )
    return model


@torch.no_grad()
def _probabilities(model: nn.Module, images: Tensor) -> Tensor:
    return torch.cat([model(to_unit(part)).double().softmax(dim=1) for part in images.split(1000)])


def _cleanlab(said: Tensor, labels: Tensor, wrong: Tensor) -> dict[str, Detection]:
    names = {"cleanlab_": "confident_learning", "cleanlab_default_": "prune_by_noise_rate"}
    try:
        from cleanlab.filter import find_label_issues
    except ImportError:
        return dict.fromkeys(names, Detection(math.nan, math.nan, 0))
    return {
        name: detection(
            torch.from_numpy(find_label_issues(labels.numpy(), said.numpy(), filter_by=how, n_jobs=1)),
            wrong,
        )
        for name, how in names.items()
    }
