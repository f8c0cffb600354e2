"""The same small network as a plain ``nn.Sequential``."""

from __future__ import annotations

import torch
from torch import nn

from course_utils.models.manual_mlp import init_params


def tanh_mlp(
    inputs: int, hidden: int, outputs: int, *, weight_sd: float = 0.3, generator: torch.Generator
) -> nn.Sequential:
    """Return ``Linear(inputs, hidden), Tanh, Linear(hidden, outputs)``; the outputs are logits.

    Weights and biases are drawn from N(0, ``weight_sd``²) as in report 001, section 1.2.1: with the same
    generator the very numbers of `course_utils.models.manual_mlp.init_params`, so that the hand-written
    network and this one start alike.

    Parameters
    ----------
    inputs, hidden, outputs
        Numbers of input features, hidden units and classes, each at least 1.
    weight_sd
        Standard deviation of weights and biases.
    generator
        CPU generator that the numbers come from.

    Raises
    ------
    ValueError
        If a size is below 1 or ``weight_sd`` is not positive.
    """
    params = init_params(inputs, hidden, outputs, weight_sd=weight_sd, generator=generator)
    network = nn.Sequential(nn.Linear(inputs, hidden), nn.Tanh(), nn.Linear(hidden, outputs))
    network.load_state_dict(
        {"0.weight": params["Wh"], "0.bias": params["bh"], "2.weight": params["Wy"], "2.bias": params["by"]}
    )
    return network
