"""D3 and D4: every image of the other classes wears the label of a class that is kept.

Report 000, section 5. Which label is drawn anew for each image: nothing about these images can be learnt,
only memorised. No answer given for them can be right, so accuracy on all test images is capped.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from course_utils.data.corruption import systematic_labels
from course_utils.data.dataset import Split
from course_utils.experiments.memorising import epochs_to_fit, memorise, provenance, sizes, source, trained
from course_utils.training.fitted import predict
from course_utils.training.many import Plan, TrialResult

__all__ = ["data", "outcome", "plan", "provenance"]


def plan(settings: Mapping[str, Any], seed: int) -> Plan:
    """Return how a network is trained until it has fitted all labels given.

    Parameters
    ----------
    settings
        ``keep``, the classes that are kept; ``n`` images of them, ``others`` of the other classes;
        ``half_size``; and as for `course_utils.experiments.memorising.memorise`.
    seed
        Of images, corruption, weights and order.
    """
    train, corrupted, test = data(settings, seed)
    kept = torch.isin(test.labels, torch.tensor(settings["keep"]))
    return memorise(
        settings,
        seed,
        train,
        classes=len(settings["keep"]),
        test=Split(test.images[kept], test.labels[kept]),
        parts={"clean_accuracy": ~corrupted, "corrupted_accuracy": corrupted},
    )


def outcome(settings: Mapping[str, Any], seed: int, result: TrialResult) -> dict[str, Any]:
    """Return what of the report's table the training reached.

    Returns
    -------
    dict
        Shares in [0, 1]: ``train_accuracy`` on the labels given; ``test_all`` of all test images, where the
        answer for another class is always wrong; ``test_kept`` of those of the classes kept; ``cap``, the
        share of these among the test images; ``best_test_kept`` on the curve. ``epochs`` to fit all labels
        (nan: not reached). And ``curves`` after each epoch: ``clean_accuracy``, ``corrupted_accuracy``,
        ``fitted`` (all training labels), ``test_kept`` and ``train_loss``.
    """
    train, _, test = data(settings, seed)
    model, preprocess = trained(settings, seed, train, result, classes=len(settings["keep"]))
    right = predict(model, test.images, preprocess=preprocess).cpu() == test.labels
    kept = torch.isin(test.labels, torch.tensor(settings["keep"]))
    history = result.history
    return {
        "train_accuracy": history.measures["fitted"][-1],
        "test_all": right.double().mean().item(),
        "test_kept": right[kept].double().mean().item(),
        "cap": kept.double().mean().item(),
        "best_test_kept": max(history.test_accuracy),
        "epochs": epochs_to_fit(history),
        "curves": {
            **history.measures,
            "test_kept": history.test_accuracy,
            "train_loss": history.train_loss,
        },
    }


def data(settings: Mapping[str, Any], seed: int) -> tuple[Split, torch.Tensor, Split]:
    """Return training images with the labels given, which of them are corrupted (bool), and test images.

    The classes kept are 0, 1, ... in their order, so that a label of the network is a class.
    """
    source_data, generator = source(settings), torch.Generator().manual_seed(20_000 + seed)
    of_train = source_data.train.labels
    kept = torch.isin(of_train, torch.tensor(settings["keep"]))
    rows = []
    for of_part, n in ((kept, settings["n"]), (~kept, settings["others"])):
        there = of_part.nonzero().flatten()
        if n > len(there):
            raise ValueError(f"{n} images are wanted of classes that have {len(there)}.")
        rows.append(there[torch.randperm(len(there), generator=generator)[:n]])
    chosen = torch.cat(rows)
    labels, corrupted = systematic_labels(of_train[chosen], keep=settings["keep"], generator=generator)
    return (
        Split(sizes(source_data.train.images[chosen], settings), labels),
        corrupted,
        Split(sizes(source_data.test.images, settings), source_data.test.labels),
    )
