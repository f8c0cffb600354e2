"""The experiments of the course by key, with their settings: what `course results run KEY` can run.

Importing this module is cheap; an experiment's own module is imported when it runs.
"""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Provenance:
    """What an experiment computes with: source of the data in words, their hash, the device in words."""

    source: str
    content_hash: str
    device: str


@dataclass(frozen=True)
class Experiment:
    """One experiment of the reports.

    Attributes
    ----------
    key
        As in the reports' list of systems, for example ``"A1"``.
    title
        What it is, in a few words.
    module, function
        Where ``run(settings, seed) -> metrics`` is; the module also has ``provenance(settings, seed)``.
    settings
        Name of each setting -> its values.
    """

    key: str
    title: str
    module: str
    function: str
    settings: Mapping[str, Settings]

    def load(
        self,
    ) -> tuple[Callable[[Settings, int], dict[str, float]], Callable[[Settings, int], Provenance]]:
        """Import the experiment's module and return its functions ``run`` and ``provenance``."""
        module = importlib.import_module(f"course_utils.experiments.{self.module}")
        return getattr(module, self.function), module.provenance


# The report gives the network (2-4-2, tanh, start from N(0, 0.3²)) and no more: the rest is our choice.
_CIRCLES = {"points_train": 200, "points_test": 1000, "noise": 0.1, "factor": 0.5}
_NETWORK = {"hidden": 4, "weight_sd": 0.3, "learning_rate": 0.3, "batch_size": 10, "epochs": 150}
_DIGITS = {"hidden": 300, "learning_rate": 0.3, "batch_size": 64, "epochs": 10}
_SVM = {"points_train": 400, "points_test": 1000, "noise": 0.1, "factor": 0.5, "C": 1.0}

EXPERIMENTS: dict[str, Experiment] = {
    experiment.key: experiment
    for experiment in (
        Experiment(
            "A1", "tanh network by hand, circles", "circles_mlp", "manual", {"2-4-2": _CIRCLES | _NETWORK}
        ),
        Experiment("A2", "the same with autograd", "circles_mlp", "autograd", {"2-4-2": _CIRCLES | _NETWORK}),
        Experiment(
            "A3", "the same with torch.nn", "circles_mlp", "nn_layers", {"2-4-2": _CIRCLES | _NETWORK}
        ),
        Experiment(
            "A4", "the same with torch.optim", "circles_mlp", "optim_sgd", {"2-4-2": _CIRCLES | _NETWORK}
        ),
        Experiment(
            "A5",
            "the code of A4 on MNIST",
            "mnist_mlp",
            "run",
            {
                # 784 inputs: with the circles' 0.3 about half of the hidden units start saturated
                "start N(0, 0.05²)": _DIGITS | {"weight_sd": 0.05},
                "start N(0, 0.3²)": _DIGITS | {"weight_sd": 0.3},
            },
        ),
        Experiment(
            "A6",
            "support vector machines, circles",
            "svm_circles",
            "run",
            {
                "centred": _SVM | {"center": [0.0, 0.0]},
                "shifted": _SVM | {"center": [1.0, 0.5]},
            },
        ),
    )
}


def hash_of(*tensors: torch.Tensor) -> str:
    """Return the SHA-256 of the tensors' shapes, dtypes and values."""
    digest = hashlib.sha256()
    for tensor in tensors:
        digest.update(f"{tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()
