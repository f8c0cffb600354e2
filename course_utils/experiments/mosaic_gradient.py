"""C8: which way does the loss push the weights of attention? Points in the plane, through training.

Report 000, section 7. For each mosaic the gradient of its loss in the nine attention weights, taken as free
numbers, is followed along the foreground's one-hot vector and along (1 - one-hot)/8, and averaged over the
mosaics. The report shows its two curves, and the means of its classes, in pictures that are lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from course_utils.data.mosaics import Mosaics
from course_utils.evaluation.focus import count, look
from course_utils.experiments.catalogue import Provenance
from course_utils.experiments.mosaic_points import data
from course_utils.experiments.mosaic_points import provenance as provenance_of_points
from course_utils.models.mosaic import MosaicAttention, mosaic_mlp
from course_utils.training.loop import fit


def run(settings: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """Train deep attention epoch by epoch; before the first and after each one, measure the gradient.

    Parameters
    ----------
    settings
        As for C7 (`course_utils.experiments.mosaic_points.run`), without ``classifier``.
    seed
        Of points, mosaics, weights and order.

    Returns
    -------
    dict
        ``foreground_start``, ``background_start``, ``foreground_end``, ``background_end``: means over the
        training mosaics of the derivative of the loss, in nats for a weight of 1; ``foreground_lowest``, the
        strongest pull on the way; ``foreground_ahead``, the share of measurements in which the foreground's
        derivative is the smaller one: the loss gains more by weight there; ``test_accuracy`` and
        ``focus_accuracy`` on test mosaics, shares in [0, 1]. And ``curves``: ``foreground``, ``background``
        and ``train_loss``, measured before training and after each epoch.
    """
    train, test = data(settings, seed)
    model = mosaic_mlp(
        generator=torch.Generator().manual_seed(10_000 + seed),
        classes=settings["foreground"],
        hidden=settings["hidden"],
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=settings["learning_rate"], momentum=0.9)
    generator = torch.Generator().manual_seed(20_000 + seed)
    measured = [measure_gradient(model, train)]
    for _ in range(settings["epochs"]):
        fit(
            model,
            train.split(),
            epochs=1,
            optimizer=optimizer,
            batch_size=settings["batch_size"],
            generator=generator,
            preprocess=train.pixels,
            precision="float32",
            progress=False,
        )
        measured.append(measure_gradient(model, train))
    foreground, background, losses = (list(column) for column in zip(*measured, strict=True))
    counts = count(look(model, test), test)
    ahead = [one < other for one, other in zip(foreground, background, strict=True)]
    return {
        "foreground_start": foreground[0],
        "background_start": background[0],
        "foreground_end": foreground[-1],
        "background_end": background[-1],
        "foreground_lowest": min(foreground),
        "foreground_ahead": sum(ahead) / len(ahead),
        "test_accuracy": counts.accuracy,
        "focus_accuracy": counts.focus_accuracy,
        "curves": {"foreground": foreground, "background": background, "train_loss": losses},
    }


def measure_gradient(model: MosaicAttention, mosaics: Mosaics) -> tuple[float, float, float]:
    """Return the loss's mean derivative along the foreground's weight and along the others', and the loss.

    Parameters
    ----------
    model
        Its networks are left as they are.
    mosaics
        Of points.

    Returns
    -------
    tuple of float
        Means over the mosaics: along the one-hot vector, along (1 - one-hot)/(tiles - 1), and the loss.
    """
    x = mosaics.pixels(mosaics.tiles)  # (N, tiles, 2)
    with torch.no_grad():
        weights = model.attention(x)
    gradient, losses = gradient_in_weights(model, x, weights, mosaics.labels)
    at_foreground = gradient.gather(1, mosaics.foreground_at[:, None])[:, 0]  # (N,)
    elsewhere = (gradient.sum(dim=1) - at_foreground) / (gradient.shape[1] - 1)
    return at_foreground.mean().item(), elsewhere.mean().item(), losses.mean().item()


def gradient_in_weights(
    model: MosaicAttention, x: Tensor, weights: Tensor, labels: Tensor
) -> tuple[Tensor, Tensor]:
    """Return for each mosaic the gradient of its own loss in its attention weights, and that loss.

    The weights count as free numbers: what the softmax makes of the gradient is not in it.

    Parameters
    ----------
    model
        Whose classification network is used.
    x
        Tiles, float32 (N, tiles, ...).
    weights
        Attention weights, float32 (N, tiles).
    labels
        int64 (N,).

    Returns
    -------
    tuple of Tensor
        float32 (N, tiles) and (N,).
    """
    free = weights.detach().clone().requires_grad_()
    features = model.before(x.flatten(0, 1)).unflatten(0, x.shape[:2])
    losses = F.cross_entropy(model.combine(features, free), labels, reduction="none")  # (N,)
    # each loss depends on its own mosaic's weights alone: the sum's gradient holds every mosaic's
    (gradient,) = torch.autograd.grad(losses.sum(), free)
    return gradient, losses.detach()


def provenance(settings: Mapping[str, Any], seed: int) -> Provenance:
    """Return where the points come from, their hash, and the device."""
    return provenance_of_points(settings, seed)
