"""C6: does it matter which backgrounds are there? Right and wrong focus and prediction, query by query.

Report 000, section 3.5: four foreground sets, and for each foreground class six queries, with one, two or
three background classes present, and with them absent. The report gives two sentences and no figure.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from course_utils.data.mosaics import Mosaics
from course_utils.data.preprocessing import Standardise
from course_utils.evaluation.focus import FocusCounts, Looks, count, look, query
from course_utils.experiments.mosaic_attention import data, provenance, train_attention

__all__ = ["SIX_QUERIES", "provenance", "run", "six_queries"]

SIX_QUERIES = tuple(
    f"{k} {'background' if k == 1 else 'backgrounds'} {there}"
    for there in ("present", "absent")
    for k in (1, 2, 3)
)


def run(settings: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """Train attention on one foreground set; count over all mosaics, by class, and by query.

    Parameters
    ----------
    settings
        As for `course_utils.experiments.mosaic_attention.run`.
    seed
        Of mosaics, weights and order.

    Returns
    -------
    dict
        For ``train`` and ``test``: ``…_accuracy``; ``…_accuracy_of_0`` to ``_2``, by foreground class;
        ``…_between_classes``, the largest less the smallest of these; ``…_within_classes``, the same over
        the six queries of a class, mean of the classes; ``…_largest_z``, the largest difference in accuracy
        between mosaics of a class with and without one background class, in standard errors. For the test
        mosaics ``focus_accuracy``, and ``ftpt``, ``ffpt``, ``ftpf`` and ``ffpf`` as shares, these also for
        each of `SIX_QUERIES` over all foreground and background classes (``"2 backgrounds absent: ftpt"``).
    """
    train, test = data(settings, seed)
    preprocess = Standardise.of(train.images)
    model, curves = train_attention(settings, train, test, seed, preprocess=preprocess)
    found: dict[str, Any] = {"curves": curves}
    for name, mosaics in (("train", train), ("test", test)):
        looks = look(model, mosaics, preprocess=preprocess)
        found |= {f"{name}_{what}": value for what, value in _by_class(looks, mosaics, settings).items()}
    on_test = count(looks, test)
    found |= {"focus_accuracy": on_test.focus_accuracy, **_shares(on_test)}
    for name, chosen in six_queries(test, settings["foreground"]).items():
        counts = [count(looks, test, each) for each in chosen]
        total = FocusCounts(
            *(sum(getattr(c, part) for c in counts) for part in ("ftpt", "ffpt", "ftpf", "ffpf"))
        )
        found |= {f"{name}: {part}": share for part, share in _shares(total).items()}
    return found


def six_queries(
    mosaics: Mosaics, foreground: tuple[int, ...] | list[int], *, label: int | None = None
) -> dict[str, list[Tensor]]:
    """Return which mosaics answer each of `SIX_QUERIES`, bool (N,): one for each choice of backgrounds.

    With ``label``, of that foreground class only.
    """
    background = [k for k in range(10) if k not in foreground]
    return {
        f"{k} {'background' if k == 1 else 'backgrounds'} {there}": [
            query(mosaics, label=label, **{there: classes})
            for classes in itertools.combinations(background, k)
        ]
        for there in ("present", "absent")
        for k in (1, 2, 3)
    }


def _by_class(looks: Looks, mosaics: Mosaics, settings: Mapping[str, Any]) -> dict[str, float]:
    """Return accuracies of all and by class, how far apart they are, and the largest z."""
    right = looks.predictions == mosaics.labels
    accuracies, within, largest_z = [], [], 0.0
    for label in range(len(settings["foreground"])):
        accuracies.append(right[mosaics.labels == label].float().mean().item())
        queries = six_queries(mosaics, settings["foreground"], label=label)
        pooled = []
        for chosen in queries.values():
            hits = sum(int((right & each).sum()) for each in chosen)
            pooled.append(hits / max(1, sum(int(each.sum()) for each in chosen)))
        within.append(max(pooled) - min(pooled))
        for there, not_there in zip(
            queries["1 background present"], queries["1 background absent"], strict=True
        ):
            largest_z = max(largest_z, abs(_z(right[there], right[not_there])))
    return {
        "accuracy": right.float().mean().item(),
        **{f"accuracy_of_{label}": value for label, value in enumerate(accuracies)},
        "between_classes": max(accuracies) - min(accuracies),
        "within_classes": sum(within) / len(within),
        "largest_z": largest_z,
    }


def _z(one: Tensor, other: Tensor) -> float:
    """Return the difference of two shares in standard errors, 0 where there is nothing to compare."""
    if not len(one) or not len(other):
        return 0.0
    p, q = (part.float().mean().item() for part in (one, other))
    variance = p * (1 - p) / len(one) + q * (1 - q) / len(other)
    return (p - q) / math.sqrt(variance) if variance else 0.0


def _shares(counts: FocusCounts) -> dict[str, float]:
    total = max(1, len(counts))
    return {part: getattr(counts, part) / total for part in ("ftpt", "ffpt", "ftpf", "ffpf")}
