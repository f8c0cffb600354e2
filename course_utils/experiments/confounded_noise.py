"""D5: two classes among others that wear their labels. What does a network learn that fits everything?

Report 000, section 8. The report names neither network nor training, and shows its points in pictures that
are lost. Ours is trained until it fits about as much as the report's (train accuracy .96 to .98).

All seeds of a setting are trained at once, as one stack: the first of each twenty takes the time of all.
"""

from __future__ import annotations

import itertools
import json
import math
import tempfile
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from course_utils.data.confounded import ConfoundedPoints, confounded_points
from course_utils.data.dataset import Split
from course_utils.experiments.catalogue import Provenance, hash_of
from course_utils.models.initialise import initialise
from course_utils.training.devices import describe_device, one_thread
from course_utils.training.many import Plan, Trial, TrialResult, fit_many

AT_ONCE = 20  # seeds
WARM_UP = 50  # steps: full speed from the start throws deep networks off
SOON = 200  # epochs that the two classes alone take at least
MEASUREMENTS = 10  # of each training
CPU = torch.device("cpu")


class OnOwnPoints(nn.Module):
    """A network with the points of its own seed, so that networks on different points fit into one stack.

    Its input is rows of them, (batch, 1); its logits are turned so that the given label is always class 0.
    """

    network: nn.Module
    points: Tensor  # (N, 2)
    labels: Tensor  # (N,)

    def __init__(self, network: nn.Module, points: Tensor, labels: Tensor) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("points", points)
        self.register_buffer("labels", labels)

    def forward(self, rows: Tensor) -> Tensor:
        rows = rows[:, 0]
        logits: Tensor = self.network(self.points[rows])
        return torch.where(self.labels[rows][:, None] == 0, logits, logits.flip(1))


class Enlarge(nn.Module):
    """Points around (1, 1) become larger ones around 0: then neighbours are easier to tell apart."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, points: Tensor) -> Tensor:
        return self.factor * (points - 1)


class _Trained(NamedTuple):
    """One network of a family, as its history and on its own points."""

    result: TrialResult
    network: nn.Module


def run(settings: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """Train a network on points of two classes and of others; and one on the two classes alone.

    Parameters
    ----------
    settings
        ``shape``, ``n`` and ``noise`` as for `confounded_points`; ``points_test`` of the two classes;
        ``hidden``, ``layers`` (hidden ones), ``scale`` of the inputs, ``learning_rate``, and ``epochs``, of
        one step each (a fifth of them, or 200, for the two classes alone, which are fitted sooner).
    seed
        Of points, labels and weights.

    Returns
    -------
    dict
        Shares in [0, 1]: ``train_accuracy`` on all given labels; ``test_accuracy`` on other points of the
        two classes; ``test_all_accuracy`` on a test set with as large a share of the other classes as in
        training, against labels given the same way; ``no_noise_accuracy``, ``test_accuracy`` of the network
        that saw the two classes alone. ``network_seconds`` of both trainings. And ``curves``:
        ``train_accuracy`` and ``test_accuracy`` at even distances, from before the first step on.
    """
    key = json.dumps(dict(settings), sort_keys=True)
    block, place = divmod(seed, AT_ONCE)
    noisy, clean = (_family(key, block, noise)[place] for noise in (True, False))
    _, test = data(settings, seed)
    right = (noisy.network(test.points).argmax(dim=1) == test.labels).double()
    history = noisy.result.history
    return {
        "train_accuracy": history.train_accuracy[-1],
        "test_accuracy": right[~test.corrupted].mean().item(),
        "test_all_accuracy": right.mean().item(),
        "no_noise_accuracy": clean.result.history.test_accuracy[-1],
        "network_seconds": noisy.result.seconds + clean.result.seconds,
        "curves": {"train_accuracy": history.train_accuracy, "test_accuracy": history.test_accuracy},
    }


def data(settings: Mapping[str, Any], seed: int) -> tuple[ConfoundedPoints, ConfoundedPoints]:
    """Return training points, and test points with as large a share of the other classes."""
    generator = torch.Generator().manual_seed(seed)
    n, noise, tested = settings["n"], settings["noise"], settings["points_test"]
    train = confounded_points(settings["shape"], n, noise, generator=generator)
    test = confounded_points(settings["shape"], tested, round(tested * noise / n), generator=generator)
    return train, test


def network(settings: Mapping[str, Any], generator: torch.Generator) -> nn.Sequential:
    """Return a new network of points (N, 2): ReLU layers, and logits of two classes."""
    sizes = [2] + [settings["hidden"]] * settings["layers"]
    layers: list[nn.Module] = [Enlarge(settings["scale"])]
    for inputs, outputs in itertools.pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    made = nn.Sequential(*layers, nn.Linear(sizes[-1], 2))
    initialise(made, generator)
    with torch.no_grad():
        for layer in made[1:-1:2]:  # with PyTorch's default start the signal fades from layer to layer
            assert isinstance(layer, nn.Linear)
            layer.weight.mul_(math.sqrt(6))  # He et al. (2015): uniform between ±√(6/fan_in)
    return made


def provenance(settings: Mapping[str, Any], seed: int) -> Provenance:
    """Return where the points come from, their hash, and the device."""
    train, test = data(settings, seed)
    digest = hash_of(train.points, train.labels, test.points, test.labels)
    with one_thread():
        return Provenance(source="drawn points", content_hash=digest, device=describe_device(CPU))


@lru_cache(maxsize=4)
def _family(key: str, block: int, noise: bool) -> list[_Trained]:
    """Train the networks of twenty seeds at once, with the other classes or without."""
    settings = json.loads(key)
    seeds = range(block * AT_ONCE, (block + 1) * AT_ONCE)
    settings |= {"with_noise": noise}
    trials = [Trial(settings, seed) for seed in seeds]
    with one_thread(), tempfile.TemporaryDirectory() as folder:
        results = fit_many(_plan, trials, folder=folder, engine="stacked", keep_weights=True, progress=False)
        trained = []
        for result in results:
            model = _plan(settings, result.trial.seed).model
            assert isinstance(model, OnOwnPoints)
            model.load_state_dict(result.load_weights())
            trained.append(_Trained(result, model.network.eval().requires_grad_(False)))
    return trained


def _plan(settings: dict[str, Any], seed: int) -> Plan:
    train, test = data(settings, seed)
    kept = len(train.labels) if settings["with_noise"] else settings["n"]
    tested = settings["points_test"]
    points = torch.cat([train.points[:kept], test.points[:tested]])
    labels = torch.cat([train.labels[:kept], test.labels[:tested]])
    made = network(settings, torch.Generator().manual_seed(10_000 + seed))
    model = OnOwnPoints(made, points, labels)
    optimizer = torch.optim.SGD(model.parameters(), lr=settings["learning_rate"], momentum=0.9)
    epochs = settings["epochs"]
    if not settings["with_noise"]:
        epochs = max(min(epochs, SOON), epochs // 5)
    return Plan(
        model=model,
        train=_rows(0, kept),
        test=_rows(kept, kept + tested),
        epochs=epochs,
        optimizer=optimizer,
        schedule=torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: min(1.0, (step + 1) / WARM_UP) * (1 - step / epochs)
        ),
        generator=torch.Generator().manual_seed(20_000 + seed),
        batch_size=None,
        preprocess=_as_they_are,
        precision="float32",
        record_every=max(1, epochs // MEASUREMENTS),
        train_metrics="measured",
    )


def _rows(start: int, end: int) -> Split:
    """Return rows of a network's own points; their labels are turned to class 0."""
    return Split(torch.arange(start, end)[:, None], torch.zeros(end - start, dtype=torch.int64))


def _as_they_are(rows: Tensor) -> Tensor:
    return rows
