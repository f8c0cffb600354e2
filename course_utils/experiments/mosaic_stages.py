"""C5: focus and classification network trained by turns, the classification network first.

Report 000, section 3.4. It names neither its optimizer nor its networks; below scale full all epochs are
divided by the same number, so that turns keep their share of the whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from course_utils.data.dataset import Split
from course_utils.data.mosaics import Mosaics
from course_utils.data.preprocessing import Standardise
from course_utils.evaluation.focus import count, look
from course_utils.experiments.mosaic_attention import data, provenance
from course_utils.models.mosaic import MosaicAttention, mosaic_cnn
from course_utils.training.loop import fit
from course_utils.training.state import Training

__all__ = ["provenance", "run"]

CURVE_MOSAICS = 500  # of the test mosaics, looked at after every epoch; all of them at the end


def run(settings: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """Train one network while the other is frozen, alternately; return how well they look and name.

    Parameters
    ----------
    settings
        ``epochs`` in all, ``swap_every`` so many, ``what_rate`` and ``where_rate``, the learning rates of
        classification and focus network (SGD with ``momentum``); and as for
        `course_utils.experiments.mosaic_attention.run`, ``average_at`` being 0.
    seed
        Of mosaics, weights and order.

    Returns
    -------
    dict
        Shares in [0, 1]: ``test_accuracy``, ``train_accuracy``, ``focus_accuracy`` (of test mosaics);
        ``best_test_accuracy`` on the curve; ``what_jump`` and ``where_jump``, by how much the training loss
        changes from the last epoch of a turn to the first of the next, means in nats: at the beginning of
        the classification network's turns, and of the focus network's. And ``curves``: ``train_loss``,
        ``train_accuracy`` (both during the epoch), ``test_accuracy``, ``focus_accuracy`` after it, and
        ``turn``, 0 where the classification network was trained and 1 where the focus network was.
    """
    train, test = data(settings, seed)
    preprocess = Standardise.of(train.images)
    model = mosaic_cnn(
        generator=torch.Generator().manual_seed(seed),
        focus_widths=tuple(settings["focus_widths"]),
        widths=tuple(settings["widths"]),
        hidden=settings["hidden"],
        image_size=train.images.shape[-1],
    ).to(train.images.device)
    curves = _train(model, settings, train, test.rows(slice(CURVE_MOSAICS)), seed, preprocess)
    on_train, on_test = (count(look(model, part, preprocess=preprocess), part) for part in (train, test))
    return {
        "test_accuracy": on_test.accuracy,
        "train_accuracy": on_train.accuracy,
        "focus_accuracy": on_test.focus_accuracy,
        "best_test_accuracy": max(curves["test_accuracy"]),
        **_jumps(curves["train_loss"], curves["turn"]),
        "curves": curves,
    }


def _train(
    model: MosaicAttention,
    settings: Mapping[str, Any],
    train: Mosaics,
    few: Mosaics,
    seed: int,
    preprocess: Standardise,
) -> dict[str, list[float]]:
    """Train by turns and return the curves."""
    names = ("train_loss", "train_accuracy", "test_accuracy", "focus_accuracy", "turn")
    curves: dict[str, list[float]] = {name: [] for name in names}
    generator = torch.Generator().manual_seed(10_000 + seed)
    optimizers = [
        torch.optim.SGD(network.parameters(), lr=settings[rate], momentum=settings["momentum"])
        for network, rate in ((model.after, "what_rate"), (model.focus, "where_rate"))
    ]

    def look_on(training: Training) -> None:
        if training.step == 0:
            counts = count(look(model, few, preprocess=preprocess), few)
            curves["test_accuracy"].append(counts.accuracy)
            curves["focus_accuracy"].append(counts.focus_accuracy)

    for start in range(0, settings["epochs"], settings["swap_every"]):
        where = (start // settings["swap_every"]) % 2
        model.focus.requires_grad_(bool(where))
        model.after.requires_grad_(not where)
        history = fit(
            # frozen weights make the same averages in every epoch of the turn: they are computed once
            model if where else model.after,
            train.split() if where else Split(_averages(model, train, preprocess), train.labels),
            epochs=min(settings["swap_every"], settings["epochs"] - start),
            optimizer=optimizers[where],
            batch_size=settings["batch_size"],
            generator=generator,
            preprocess=(lambda tiles: preprocess(train.images[tiles])) if where else (lambda means: means),
            callbacks=(look_on,),
            progress=False,
        )
        curves["train_loss"] += history.train_loss
        curves["train_accuracy"] += history.train_accuracy
        curves["turn"] += [float(where)] * len(history.train_loss)
    return curves


def _averages(model: MosaicAttention, mosaics: Mosaics, preprocess: Standardise) -> Tensor:
    """Return the weighted means of the tiles as the frozen focus network has them, (N, C, H, W)."""
    weights = look(model, mosaics, preprocess=preprocess).attention_weights
    parts = zip(mosaics.tiles.split(500), weights.split(500), strict=True)
    return torch.cat(
        [torch.einsum("bt,bt...->b...", some, preprocess(mosaics.images[tiles])) for tiles, some in parts]
    )


def _jumps(losses: list[float], turns: list[float]) -> dict[str, float]:
    """Return how much the loss changes when the turn does, mean over the changes; 0 without any."""
    found: dict[str, list[float]] = {"what_jump": [], "where_jump": []}
    for k in range(1, len(losses)):
        if turns[k] != turns[k - 1]:
            found["where_jump" if turns[k] else "what_jump"].append(losses[k] - losses[k - 1])
    return {name: sum(jumps) / max(1, len(jumps)) for name, jumps in found.items()}
