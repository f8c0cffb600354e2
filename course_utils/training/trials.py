"""What `fit_many` trains: a plan (how to train) and trials (with which settings and which seed)."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.data.dataset import Split
from course_utils.data.pixels import to_unit
from course_utils.training.loop import Augment, Preprocess
from course_utils.training.precision import Precision
from course_utils.training.state import Schedule, Training


@dataclass(kw_only=True)
class Plan:
    """One training: the arguments of `course_utils.training.loop.fit`, which explains them."""

    model: nn.Module
    train: Split
    test: Split | None = None
    epochs: int
    optimizer: torch.optim.Optimizer
    generator: torch.Generator
    batch_size: int | None = 128
    schedule: Schedule | None = None
    augment: Augment | None = None
    preprocess: Preprocess = to_unit
    loss_function: Callable[[Tensor, Tensor], Tensor] = F.cross_entropy
    precision: Precision = "auto"
    channels_last: bool = True
    compile: bool = False
    record_every: int = 1
    train_metrics: Literal["running", "measured"] = "running"
    callbacks: Sequence[Callable[[Training], None]] = ()
    stop_when_diverged: bool = True

    def arguments(self) -> dict[str, Any]:
        """Return them all by name, as `fit` takes them."""
        return {each.name: getattr(self, each.name) for each in fields(self)}


MakePlan = Callable[[dict[str, Any], int], Plan]
"""``plan(settings, seed)``: makes a model, an optimizer and so on, anew at every call."""


@dataclass(frozen=True)
class Trial:
    """One of many trainings: what is different about it.

    Attributes
    ----------
    settings
        Name -> value, as JSON has them: numbers, strings, True, False, None, and lists and dictionaries of
        these. Numbers are finite.
    seed
        A whole number, at least 0.

    Raises
    ------
    TypeError, ValueError
        If a setting is something else; the sentence says which and what to write instead.
    """

    settings: dict[str, Any] = field(default_factory=dict)
    seed: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.settings, dict):
            raise TypeError(f"settings is {_kind(self.settings)}, but must be a dictionary: name -> value.")
        _check_json(self.settings, "settings")
        if not isinstance(self.seed, int) or isinstance(self.seed, bool):
            raise TypeError(f"seed is {_kind(self.seed)}, but must be a whole number.")
        if self.seed < 0:
            raise ValueError(f"seed is {self.seed}, but must be at least 0.")
        object.__setattr__(self, "settings", self.own_settings())

    def own_settings(self) -> dict[str, Any]:
        """Return a copy of the settings that may be changed."""
        copy: dict[str, Any] = json.loads(json.dumps(self.settings))
        return copy

    def digest(self, plan_name: str) -> str:
        """Return 16 hexadecimal digits that stand for the plan's name, the settings and the seed."""
        content = {"plan": plan_name, "settings": self.settings, "seed": self.seed}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def _check_json(value: object, where: str) -> None:
    if isinstance(value, dict):
        for name, inner in value.items():
            if not isinstance(name, str):
                raise TypeError(
                    f"{where} has the name {name!r}, {_kind(name)}, but names must be strings: "
                    "settings are written to a JSON file."
                )
            _check_json(inner, f"{where}[{name!r}]")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            _check_json(inner, f"{where}[{index}]")
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{where} is {value}, but JSON has finite numbers only; None may say the same.")
    elif not (value is None or isinstance(value, (bool, int, str))):
        instead = "only numbers, strings, True, False, None, lists and dictionaries of these"
        if isinstance(value, tuple):
            instead = f"write the list {list(value)!r}"
        elif isinstance(value, Tensor) or hasattr(value, "item"):
            instead = "write .item() or .tolist() behind it"
        elif callable(value):
            instead = "write a name, and let the plan choose the function by it"
        raise TypeError(
            f"{where} is {_kind(value)}, which a JSON file cannot hold: {instead}. The settings are written "
            "beside the result, so that it can be found again."
        )


def _kind(value: object) -> str:
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"
