"""C5: focus and classification network trained by turns, the classification network first.

Report 000, section 3.4. It names neither its optimizer nor its networks; below scale full all epochs are
divided by the same number, so that turns keep their share of the whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from course_utils.data.dataset import Split
from course_utils.data.mosaics import Mosaics
from course_utils.data.preprocessing import Standardise
from course_utils.evaluation.focus import count, look
from course_utils.experiments.mosaic_attention import data, provenance
from course_utils.models.mosaic import MosaicAttention, mosaic_cnn
from course_utils.training.many import Plan, TrialResult
from course_utils.training.precision import choose_precision
from course_utils.training.state import Training

__all__ = ["outcome", "plan", "provenance"]

CURVE_MOSAICS = 500  # of the test mosaics, looked at after every epoch; all of them at the end


class ByTurns(nn.Module):
    """Attention of which one network is trained while the other keeps its weights.

    Whose turn it is belongs to the state dict: a training that goes on from a checkpoint knows it.
    """

    focus_turn: Tensor

    def __init__(self, attention: MosaicAttention) -> None:
        super().__init__()
        self.attention = attention
        self.register_buffer("focus_turn", torch.tensor(False))

    def forward(self, inputs: Tensor) -> Tensor:
        """Return logits (batch, classes) for tiles (batch, 9, C, H, W) or averages (batch, C, H, W).

        Of the network whose turn it is not, no gradient is computed: its optimizer passes it by, and its
        velocity waits for its next turn.
        """
        where = bool(self.focus_turn)
        self.attention.focus.requires_grad_(where)
        self.attention.after.requires_grad_(not where)
        logits: Tensor = (self.attention if inputs.ndim == 5 else self.attention.after)(inputs)
        return logits


def plan(settings: Mapping[str, Any], seed: int) -> Plan:
    """Return how one network is trained while the other is frozen, alternately.

    Parameters
    ----------
    settings
        ``epochs`` in all, ``swap_every`` so many, ``what_rate`` and ``where_rate``, the learning rates of
        classification and focus network (SGD with ``momentum``); and as for
        `course_utils.experiments.mosaic_attention.run`, ``average_at`` being 0.
    seed
        Of mosaics, weights and order.
    """
    train, test = data(settings, seed)
    preprocess = Standardise.of(train.images)
    few = test.rows(slice(CURVE_MOSAICS))
    model = _model(settings, seed, train)
    averages: dict[tuple[int, ...], Tensor] = {}  # by how often the focus network's weights were written

    def inputs(numbers: Tensor) -> Tensor:
        if model.focus_turn:
            return preprocess(train.images[train.tiles[numbers]])
        written = tuple(parameter._version for parameter in model.attention.focus.parameters())
        if written not in averages:  # the same in every epoch of a turn: computed once
            averages.clear()
            averages[written] = _averages(model.attention, train, preprocess)
        return averages[written][numbers]

    def take_turns(training: Training) -> None:
        if training.step == 0:
            counts = count(look(model.attention, few, preprocess=preprocess), few)
            measured = {
                "test_accuracy": counts.accuracy,
                "focus_accuracy": counts.focus_accuracy,
                "turn": float(model.focus_turn),
            }
            for name, value in measured.items():
                training.history.measures.setdefault(name, []).append(value)
            if training.epoch % settings["swap_every"] == 0:
                model.focus_turn.logical_not_()

    optimizer = torch.optim.SGD(
        [
            {"params": model.attention.after.parameters(), "lr": settings["what_rate"]},
            {"params": model.attention.focus.parameters(), "lr": settings["where_rate"]},
        ],
        momentum=settings["momentum"],
    )
    return Plan(
        model=model,
        train=Split(torch.arange(len(train), device=train.labels.device), train.labels),
        epochs=settings["epochs"],
        optimizer=optimizer,
        batch_size=settings["batch_size"],
        generator=torch.Generator().manual_seed(10_000 + seed),
        preprocess=inputs,
        # fit sees numbers of mosaics, not that they stand for pictures
        precision=choose_precision("auto", train.images.device, train.images),
        callbacks=(take_turns,),
    )


def outcome(settings: Mapping[str, Any], seed: int, result: TrialResult) -> dict[str, Any]:
    """Return how well the trained networks look and name.

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
    model = _model(settings, seed, train)
    model.load_state_dict(result.load_weights())
    on_train, on_test = (
        count(look(model.attention, part, preprocess=preprocess), part) for part in (train, test)
    )
    history = result.history
    return {
        "test_accuracy": on_test.accuracy,
        "train_accuracy": on_train.accuracy,
        "focus_accuracy": on_test.focus_accuracy,
        "best_test_accuracy": max(history.measures["test_accuracy"]),
        **_jumps(history.train_loss, history.measures["turn"]),
        "curves": {
            "train_loss": history.train_loss,
            "train_accuracy": history.train_accuracy,
            **history.measures,
        },
    }


def _model(settings: Mapping[str, Any], seed: int, train: Mosaics) -> ByTurns:
    attention = mosaic_cnn(
        generator=torch.Generator().manual_seed(seed),
        focus_widths=tuple(settings["focus_widths"]),
        widths=tuple(settings["widths"]),
        hidden=settings["hidden"],
        image_size=train.images.shape[-1],
    )
    return ByTurns(attention).to(train.images.device)


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
