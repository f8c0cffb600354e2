"""C7: mosaics of points in the plane, where every network can be drawn: who needs attention?

Report 000, section 6. The report shows the means of its classes in pictures only, which are lost: ours are
other ones, so its accuracies cannot be compared one by one, but its order of the four classifiers can.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from course_utils.data.mosaics import Mosaics, make_mosaics
from course_utils.data.points import gaussian_classes
from course_utils.evaluation.focus import count, entropy, look
from course_utils.experiments.catalogue import Provenance, hash_of
from course_utils.models.initialise import initialise
from course_utils.models.mosaic import MosaicAttention, mosaic_mlp
from course_utils.training.devices import describe_device
from course_utils.training.loop import fit, measure

CPU = torch.device("cpu")


def run(settings: Mapping[str, Any], seed: int) -> dict[str, float]:
    """Train one classifier on mosaics of points, and test it on mosaics of other points.

    Parameters
    ----------
    settings
        ``means`` of the classes, ``foreground`` (how many of them, the first ones), ``tiles``, ``variance``,
        ``per_class``, ``mosaics_train``, ``mosaics_test``; ``classifier`` ("linear SVM", "deep network",
        "linear attention", "deep attention"), ``hidden``, ``epochs``, ``batch_size``, ``learning_rate``.
    seed
        Of points, mosaics, weights and order.

    Returns
    -------
    dict
        Shares in [0, 1]: ``test_accuracy``, ``train_accuracy``; with attention ``focus_accuracy`` (the
        foreground has the largest weight), ``ffpt`` (wrong focus, right prediction) and, in nats, ``entropy``
        of the weights; for the SVM ``converged``, 1 or 0.
    """
    train, test = data(settings, seed)
    if settings["classifier"] == "linear SVM":
        return _support_vectors(train, test)
    model = _network(settings, torch.Generator().manual_seed(10_000 + seed))
    fit(
        model,
        train.split(),
        epochs=settings["epochs"],
        optimizer=torch.optim.Adam(model.parameters(), lr=settings["learning_rate"]),
        batch_size=settings["batch_size"],
        generator=torch.Generator().manual_seed(20_000 + seed),
        preprocess=train.pixels,
        precision="float32",
        progress=False,
    )
    _, train_accuracy = measure(model, train.split(), preprocess=train.pixels)
    _, test_accuracy = measure(model, test.split(), preprocess=test.pixels)
    found = {"test_accuracy": test_accuracy, "train_accuracy": train_accuracy}
    if isinstance(model, MosaicAttention):
        looks = look(model, test)
        counts = count(looks, test)
        found |= {
            "focus_accuracy": counts.focus_accuracy,
            "ffpt": counts.ffpt / len(counts),
            "entropy": entropy(looks.attention_weights).mean().item(),
        }
    return found


def data(settings: Mapping[str, Any], seed: int) -> tuple[Mosaics, Mosaics]:
    """Return training and test mosaics, of different points."""
    generator = torch.Generator().manual_seed(seed)
    classes = range(len(settings["means"]))
    front = settings["foreground"]
    parts = []
    for n in (settings["mosaics_train"], settings["mosaics_test"]):
        points = gaussian_classes(
            settings["means"], settings["per_class"], variance=settings["variance"], generator=generator
        )
        parts.append(
            make_mosaics(
                points,
                n,
                generator=generator,
                foreground=tuple(classes)[:front],
                background=tuple(classes)[front:],
                tiles=settings["tiles"],
            )
        )
    return parts[0], parts[1]


def provenance(settings: Mapping[str, Any], seed: int) -> Provenance:
    """Return where the points come from, their hash, and the device."""
    train, test = data(settings, seed)
    digest = hash_of(train.images, train.tiles, test.images, test.tiles)
    return Provenance(source="drawn points", content_hash=digest, device=describe_device(CPU))


def _network(settings: Mapping[str, Any], generator: torch.Generator) -> nn.Module:
    classes, tiles, hidden = settings["foreground"], settings["tiles"], settings["hidden"]
    if settings["classifier"] == "deep network":
        model = nn.Sequential(
            nn.Flatten(), nn.Linear(2 * tiles, hidden), nn.ReLU(), nn.Linear(hidden, classes)
        )
        initialise(model, generator)
        return model
    deep = settings["classifier"] == "deep attention"
    return mosaic_mlp(generator=generator, classes=classes, hidden=hidden, deep=deep)


def _support_vectors(train: Mosaics, test: Mosaics) -> dict[str, float]:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.svm import LinearSVC

    x, x_test = (part.pixels(part.tiles).flatten(1).numpy() for part in (train, test))
    machine = LinearSVC(random_state=0)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", ConvergenceWarning)
        machine.fit(x, train.labels.numpy())
    return {
        "test_accuracy": float(machine.score(x_test, test.labels.numpy())),
        "train_accuracy": float(machine.score(x, train.labels.numpy())),
        "converged": float(not any(issubclass(w.category, ConvergenceWarning) for w in told)),
    }
