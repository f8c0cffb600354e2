"""Settings of the experiments on memorising: label noise (report 000) and random data (report 003)."""

from __future__ import annotations

from typing import Any

_MEMORISE: dict[str, Any] = {
    "data": "cifar10",
    "half_size": {"smoke": True, "laptop": True, "full": False},
    "model": "CNN",
    "widths": {"smoke": [8, 16], "laptop": [32, 64, 64], "full": [32, 64, 64]},
    "hidden": {"smoke": 64, "laptop": 200, "full": 1000},
    "epochs": {"smoke": 4, "laptop": 40, "full": 100},
    "batch_size": {"smoke": 25, "laptop": 50, "full": 128},
    "learning_rate": 0.02,
}
_NOISY = _MEMORISE | {
    "train_images": {"smoke": 300, "laptop": 5000, "full": 50_000},
    "what": "labels",
    "clean": None,
}
RANDOM: dict[str, dict[str, Any]] = {
    f"p = {percent}": _NOISY | {"percent": percent} for percent in (0, 5, 10, 20, 30, 40, 50, 100)
}
"""D1: a tenth of the report's images at laptop."""

_HALF_CLEAN = _NOISY | {"clean": {"smoke": 150, "laptop": 2500, "full": 25_000}}
FIXED_CLEAN: dict[str, dict[str, Any]] = {
    f"p = {percent}": _HALF_CLEAN | {"percent": percent} for percent in (0, 5, 10, 20, 30, 40, 50)
} | {f"inputs, p = {percent}": _HALF_CLEAN | {"percent": percent, "what": "inputs"} for percent in (20, 50)}
"""D2: as many clean images for every p; "inputs": images made noise, instead of labels re-drawn."""

_MODELS = {
    "CNN": {},
    "mini-Inception": {"model": "mini-Inception", "width": {"smoke": 0.05, "laptop": 0.125, "full": 1.0}},
}
_SYSTEMATIC = _MEMORISE | {
    "keep": [0, 1, 2],
    "others": {"smoke": 200, "laptop": 3500, "full": 35_000},
}
SYSTEMATIC_CIFAR10: dict[str, dict[str, Any]] = {
    f"{model}, n = {n}": _SYSTEMATIC | of_model | {"n": {"smoke": n // 100, "laptop": n // 10, "full": n}}
    for model, of_model in _MODELS.items()
    for n in (1000, 2000, 4000, 6000, 8000, 10_000, 12_000, 15_000)
}
"""D3: n is the report's; a tenth of it, and of the others, at laptop."""

_DIGITS = _SYSTEMATIC | {
    "data": "mnist",
    "half_size": {"smoke": False, "laptop": False, "full": False},
    "keep": [0, 1],
    "others": {"smoke": 200, "laptop": 47_335, "full": 47_335},
    "widths": {"smoke": [4, 8], "laptop": [8, 16], "full": [32, 64]},
    "hidden": {"smoke": 64, "laptop": 500, "full": 1000},
    "epochs": {"smoke": 4, "laptop": 40, "full": 200},
    "learning_rate": 0.05,
    "batch_size": {"smoke": 25, "laptop": 100, "full": 128},
}
SYSTEMATIC_MNIST: dict[str, dict[str, Any]] = {
    f"{model}, n = {n}": _DIGITS | of_model | {"n": {"smoke": max(10, n // 100), "laptop": n, "full": n}}
    for model, of_model in _MODELS.items()
    for n in (100, 500, 1000, 2000, 4000, 6000, 8000, 12_665)
}
"""D4: all of the report's images at laptop, too."""

_REGULARISERS: dict[str, dict[str, Any]] = {
    "weight decay": {"weight_decay": 0.0005},
    "dropout": {"dropout": 0.5},
    "augmentation": {"augmentation": True},
}
_REGULARISERS["all"] = {name: value for one in _REGULARISERS.values() for name, value in one.items()}
_RETHINK = _MEMORISE | {
    "train_images": {"smoke": 300, "laptop": 5000, "full": 50_000},
    "augmentation": False,
}
_KINDS = (
    "true labels",
    "random labels",
    "shuffled pixels",
    "random pixels",
    "uniform pixels",
    "Gaussian pixels",
)
RETHINKING: dict[str, dict[str, Any]] = {kind: _RETHINK | {"kind": kind} for kind in _KINDS}
# pictures that keep their colours and nothing else differ least: 40 epochs left 0.3 % of the labels
RETHINKING["random pixels"] |= {"epochs": {"smoke": 4, "laptop": 80, "full": 200}}
RETHINKING |= {
    f"{kind}, {name}": _RETHINK | {"kind": kind} | values
    for kind in ("true labels", "random labels")
    for name, values in _REGULARISERS.items()
}
"""F5: every kind of data without regularisers; true and random labels also with each of them and with all."""
