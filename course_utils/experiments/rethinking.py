"""F5: true labels, random labels, pixels in disorder, noise: a network fits them all.

Report 003, section 4.1, after Zhang et al., "Understanding deep learning requires rethinking generalization"
(2017). Below scale full there are fewer images, of half the size.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from course_utils.data.augmentation import random_crop, random_flip
from course_utils.data.corruption import gaussian_pixels, random_labels, random_pixels, shuffle_pixels
from course_utils.data.dataset import Split
from course_utils.experiments.memorising import epochs_to_fit, memorise, provenance, sizes, source, trained
from course_utils.training.loop import measure
from course_utils.training.many import Plan, TrialResult

__all__ = ["data", "outcome", "plan", "provenance"]

CLASSES = 10


def plan(settings: Mapping[str, Any], seed: int) -> Plan:
    """Return how a network is trained until it has fitted all labels.

    Parameters
    ----------
    settings
        ``kind`` of data, see `data`; ``train_images``; ``half_size``; ``augmentation``, whether images are
        cropped and flipped at random; and as for `course_utils.experiments.memorising.memorise`.
    seed
        Of the data, weights, order and augmentation.
    """
    train, test = data(settings, seed)
    augment = _crop_and_flip if settings["augmentation"] else None
    return memorise(settings, seed, train, classes=CLASSES, test=test, augment=augment)


def outcome(settings: Mapping[str, Any], seed: int, result: TrialResult) -> dict[str, Any]:
    """Return how far the labels were fitted, how fast, and what that is worth.

    Returns
    -------
    dict
        ``train_error``, share in [0, 1] of the training labels not fitted at the end; ``epochs`` to fit them
        all (nan: not reached); ``test_accuracy`` and ``test_loss`` (nats) on test images made in the same
        way. And ``curves`` after each epoch: ``train_loss``, ``train_accuracy`` (of all training images
        as they are, in evaluation mode), ``test_accuracy``, ``test_loss``.
    """
    train, test = data(settings, seed)
    model, preprocess = trained(settings, seed, train, result, classes=CLASSES)
    test_loss, test_accuracy = measure(model, test, preprocess=preprocess)
    history = result.history
    return {
        "train_error": 1 - history.measures["fitted"][-1],
        "epochs": epochs_to_fit(history),
        "test_accuracy": test_accuracy,
        "test_loss": test_loss,
        "curves": {
            "train_loss": history.train_loss,
            "train_accuracy": history.measures["fitted"],
            "test_accuracy": history.test_accuracy,
            "test_loss": history.test_loss,
        },
    }


def data(settings: Mapping[str, Any], seed: int) -> tuple[Split, Split]:
    """Return training and test images of a ``kind``.

    "true labels"; "random labels", all of the training images' re-drawn (test labels are true); "shuffled
    pixels", one permutation for all images; "random pixels", a permutation for each; "uniform pixels", bytes
    drawn evenly; "Gaussian pixels", normal with the images' mean and deviation.
    """
    source_data, generator = source(settings), torch.Generator().manual_seed(20_000 + seed)
    rows = torch.randperm(len(source_data.train), generator=generator)[: settings["train_images"]]
    train_labels = source_data.train.labels[rows]
    if settings["kind"] == "random labels":
        train_labels = random_labels(train_labels, 1.0, classes=CLASSES, generator=generator).labels
    # together, so that both parts have the same permutation
    images = sizes(torch.cat([source_data.train.images[rows], source_data.test.images]), settings)
    match settings["kind"]:
        case "shuffled pixels":
            images = shuffle_pixels(images, generator=generator)
        case "random pixels":
            images = shuffle_pixels(images, generator=generator, each=True)
        case "uniform pixels":
            images = random_pixels(images, generator=generator)
        case "Gaussian pixels":
            images = gaussian_pixels(images, generator=generator)
    train, test = images[: len(rows)], images[len(rows) :]
    return Split(train, train_labels), Split(test, source_data.test.labels)


def _crop_and_flip(images: Tensor, generator: torch.Generator) -> Tensor:
    return random_flip(random_crop(images, generator, padding=images.shape[-1] // 8), generator)
