"""The start of a network, drawn from a generator: PyTorch's own default draws from a hidden global one."""

from __future__ import annotations

import math

import torch
from torch import nn


@torch.no_grad()
def initialise(model: nn.Module, generator: torch.Generator) -> None:
    """Draw all weights and biases of convolutions and linear layers, in place, as PyTorch does by default.

    Both are uniform between -1/√fan_in and 1/√fan_in, where fan_in is the number of inputs of one output.
    Layers without random parameters (batch norm) stay as they are.

    Parameters
    ----------
    model
        On the CPU; layers are drawn in the order of ``model.modules()``.
    generator
        CPU generator.
    """
    for layer in model.modules():
        if isinstance(layer, (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)):
            bound = 1 / math.sqrt(layer.weight[0].numel())
            layer.weight.uniform_(-bound, bound, generator=generator)
            if layer.bias is not None:
                layer.bias.uniform_(-bound, bound, generator=generator)
