"""D1 and D2: labels re-drawn at random, all of them fitted; what is left of the accuracy?

Report 000, section 4. It names neither network nor training. Below scale full there are fewer images, of half
the size.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from course_utils.data.corruption import fixed_clean, random_labels, random_pixels
from course_utils.data.dataset import Split
from course_utils.evaluation.noise import noise_accuracy
from course_utils.experiments.memorising import epochs_to_fit, memorise, provenance, sizes, source, trained
from course_utils.training.fitted import predict
from course_utils.training.many import Plan, TrialResult

__all__ = ["Noisy", "data", "outcome", "plan", "provenance"]

CLASSES = 10


@dataclass(frozen=True)
class Noisy:
    """Images with given labels, the true ones, and which rows were corrupted (bool)."""

    given: Split
    true_labels: Tensor
    corrupted: Tensor


def plan(settings: Mapping[str, Any], seed: int) -> Plan:
    """Return how a network is trained until it has fitted all labels given.

    Parameters
    ----------
    settings
        ``percent`` of the rows are corrupted; ``what``: their ``"labels"``, re-drawn uniformly over all
        classes, or their ``"inputs"``, made noise; ``clean``: None, or how many rows stay as they are,
        whatever the percentage; ``train_images``, how many rows there are in all if ``clean`` is None;
        ``half_size``; and as for `course_utils.experiments.memorising.memorise`.
    seed
        Of images, corruption, weights and order.
    """
    train, test = data(settings, seed)
    parts = {"clean_accuracy": ~train.corrupted, "corrupted_accuracy": train.corrupted}
    on_true = Split(test.given.images, test.true_labels)
    return memorise(settings, seed, train.given, classes=CLASSES, test=on_true, parts=parts)


def outcome(settings: Mapping[str, Any], seed: int, result: TrialResult) -> dict[str, Any]:
    """Return the accuracies of the report's table.

    Returns
    -------
    dict
        Shares in [0, 1], nan where a part is empty: ``train_corrupted``, ``train_uncorrupted``,
        ``train_all``; ``test_corrupted``, ``test_uncorrupted``, ``test_all`` of test images corrupted in the
        same way; ``test_true`` of all test images, those made noise included, and true labels;
        ``best_test_true``, the highest of its curve, which an early end would have had. ``epochs`` to fit all
        labels (nan: not reached);
        ``clean_images``. And ``curves`` after each epoch: ``clean_accuracy``, ``corrupted_accuracy``,
        ``fitted`` (all training labels), ``test_accuracy`` (true labels), ``train_loss`` and ``test_loss``.
    """
    train, test = data(settings, seed)
    model, preprocess = trained(settings, seed, train.given, result, classes=CLASSES)
    on_train, on_test = (
        noise_accuracy(
            predict(model, part.given.images, preprocess=preprocess).cpu(),
            part.given.labels,
            part.corrupted,
            part.true_labels,
        )
        for part in (train, test)
    )
    history = result.history
    return {
        "test_true": on_test.true,
        "test_all": on_test.all,
        "test_corrupted": on_test.corrupted,
        "test_uncorrupted": on_test.uncorrupted,
        "train_all": on_train.all,
        "train_corrupted": on_train.corrupted,
        "train_uncorrupted": on_train.uncorrupted,
        "best_test_true": max(history.test_accuracy),
        "epochs": epochs_to_fit(history),
        "clean_images": float((~train.corrupted).sum()),
        "curves": {
            **history.measures,
            "test_accuracy": history.test_accuracy,
            "train_loss": history.train_loss,
            "test_loss": history.test_loss,
        },
    }


def data(settings: Mapping[str, Any], seed: int) -> tuple[Noisy, Noisy]:
    """Return training images and test images, corrupted in the same way."""
    source_data, generator = source(settings), torch.Generator().manual_seed(20_000 + seed)
    fraction, clean, of_train = settings["percent"] / 100, settings["clean"], source_data.train.labels
    if clean is not None:
        rows, labels, corrupted = fixed_clean(
            of_train, clean=clean, fraction=fraction, classes=CLASSES, generator=generator
        )
    else:
        rows = torch.randperm(len(of_train), generator=generator)[: settings["train_images"]]
        labels, corrupted = random_labels(of_train[rows], fraction, classes=CLASSES, generator=generator)
    train = Split(sizes(source_data.train.images[rows], settings), of_train[rows])
    test = Split(sizes(source_data.test.images, settings), source_data.test.labels)
    for_test = random_labels(test.labels, fraction, classes=CLASSES, generator=generator)
    if settings["what"] == "inputs":  # a true label of noise is as good as a random one
        return _noise_in(train, corrupted, generator), _noise_in(test, for_test.corrupted, generator)
    return (
        Noisy(Split(train.images, labels), train.labels, corrupted),
        Noisy(Split(test.images, for_test.labels), test.labels, for_test.corrupted),
    )


def _noise_in(part: Split, corrupted: Tensor, generator: torch.Generator) -> Noisy:
    images = part.images.clone()
    images[corrupted] = random_pixels(images[corrupted], generator=generator)
    return Noisy(Split(images, part.labels), part.labels, corrupted)
