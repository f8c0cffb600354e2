"""Settings of the experiments on mosaics of CIFAR-10 (report 000, section 3).

The report describes neither networks nor optimizers. Below scale full tiles have half the size, and networks,
mosaics and epochs are fewer, so that all experiments with three seeds take hours on one core, not weeks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

ATTENTION: dict[str, Any] = {
    "foreground": [0, 1, 2],
    "average_at": 0,
    "mosaics_train": {"smoke": 500, "laptop": 20_000, "full": 30_000},
    "mosaics_test": {"smoke": 200, "laptop": 5000, "full": 10_000},
    "half_size": {"smoke": True, "laptop": True, "full": False},
    "focus_widths": {"smoke": [8, 16, 16], "laptop": [16, 32, 32], "full": [32, 64, 64]},
    "widths": {"smoke": [8, 16, 32], "laptop": [16, 32, 32], "full": [32, 64, 64]},
    "hidden": {"smoke": 64, "laptop": 64, "full": 200},
    "epochs": {"smoke": 2, "laptop": 8, "full": 60},
    "batch_size": 50,
    "learning_rate": 0.0005,
}
"""C1 and C2; Adam."""

FOREGROUNDS: dict[str, dict[str, Any]] = {
    f"foreground {i}, {i + 1}, {i + 2}": ATTENTION
    | {
        "foreground": [i, i + 1, i + 2],
        "mosaics_train": {"smoke": 500, "laptop": 10_000, "full": 30_000},
    }
    for i in range(4)
}
"""C6: four foreground sets."""

_BY_TURNS = ATTENTION | {
    "mosaics_train": {"smoke": 400, "laptop": 3000, "full": 10_000},
    "mosaics_test": {"smoke": 200, "laptop": 3000, "full": 10_000},
    "focus_widths": {"smoke": [8, 16, 16], "laptop": [8, 16, 16], "full": [32, 64, 64]},
    "widths": {"smoke": [8, 16, 32], "laptop": [8, 16, 32], "full": [32, 64, 64]},
    "batch_size": {"smoke": 25, "laptop": 25, "full": 50},
    "momentum": 0.9,
}
STAGES: dict[str, dict[str, Any]] = {
    f"{epochs} epochs, swap every {swap}": {
        **{name: value for name, value in _BY_TURNS.items() if name != "learning_rate"},
        "epochs": {"smoke": 4, "laptop": epochs // 5, "full": epochs},
        "swap_every": {"smoke": 1, "laptop": swap // 5, "full": swap},
        "what_rate": what_rate,
        "where_rate": where_rate,
    }
    for epochs, swap, what_rate, where_rate in (
        (180, 5, 0.01, 0.01),
        (200, 10, 0.01, 0.01),
        (280, 20, 0.01, 0.001),
        (320, 20, 0.01, 0.01),
        (360, 30, 0.01, 0.01),
        (500, 50, 0.01, 0.01),
        (600, 50, 0.001, 0.01),
        (800, 100, 0.001, 0.01),
    )
}
"""C5: the report's eight settings; SGD. Below scale full a fifth of the epochs, in turns of a fifth."""

_FOCUS: dict[str, Any] = {
    "alpha": None,
    "trained_on": "D_i",
    "half_size": {"smoke": True, "laptop": True, "full": False},
    "mosaics": {"smoke": 400, "laptop": 10_000, "full": 10_000},
    "test_mosaics": {"smoke": 200, "laptop": 3000, "full": 10_000},
    "widths": {"smoke": [8, 16], "laptop": [16, 32], "full": [32, 64, 64]},
    "hidden": {"smoke": 32, "laptop": 64, "full": 200},
    "epochs": {"smoke": 2, "laptop": 8, "full": 30},
    "batch_size": 50,
    "learning_rate": 0.001,
}
FIXED: dict[str, dict[str, Any]] = {f"D{i}": _FOCUS | {"i": i} for i in range(1, 10)}
"""C3: data sets of one focus quality each; Adam."""

# The report's four and, for two data sets, the 100 that it also names as the largest one (erratum 10).
_ALPHAS: dict[str, Sequence[int]] = {
    "0.01": range(1, 9),
    "0.5": range(1, 9),
    "2": range(1, 9),
    "100": (2, 4),
    "100000": range(1, 9),
}
DIRICHLET: dict[str, dict[str, Any]] = {
    f"alpha {alpha}, D{i}": _FOCUS | {"alpha": float(alpha), "i": i}
    for alpha, qualities in _ALPHAS.items()
    for i in qualities
} | {
    # all the weight on the foreground, whatever alpha is (of the same mosaics that is C3's D9)
    "data set 10": _FOCUS | {"i": 9, "trained_on": "data set 10"},
}
"""C4: the focus of each mosaic drawn from a Dirichlet distribution."""
