"""Many tanh networks as one: their parameters stacked along a leading axis, the batch along the last.

The formulas are those of `course_utils.models.manual_mlp`, with an index more.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from course_utils.models.manual_mlp import Parameters

Stack = dict[str, Tensor]
"""``Wh`` (models, hidden, inputs), ``bh`` (models, hidden, 1), ``Wy`` (models, outputs, hidden), ``by``
(models, outputs, 1). Narrower networks are padded with hidden units whose parameters are zero."""

Buffers = dict[tuple[str, int], Tensor]
"""Memory that is used again at every step; start with an empty dict."""


def stack_parameters(starts: list[Parameters], like: Tensor) -> Stack:
    """Return the parameters of several networks as one stack, of the dtype and on the device of ``like``."""
    models, widest = len(starts), max(len(params["bh"]) for params in starts)
    outputs, inputs = len(starts[0]["by"]), starts[0]["Wh"].shape[1]
    stack = {
        "Wh": like.new_zeros(models, widest, inputs),
        "bh": like.new_zeros(models, widest, 1),
        "Wy": like.new_zeros(models, outputs, widest),
        "by": like.new_zeros(models, outputs, 1),
    }
    for model, params in enumerate(starts):
        hidden = len(params["bh"])
        stack["Wh"][model, :hidden] = params["Wh"].to(like)
        stack["bh"][model, :hidden, 0] = params["bh"].to(like)
        stack["Wy"][model, :, :hidden] = params["Wy"].to(like)
        stack["by"][model, :, 0] = params["by"].to(like)
    return stack


def unstack_parameters(stack: Stack, hidden: list[int]) -> list[dict[str, Tensor]]:
    """Return a copy of each network's parameters on the CPU, as the state dict of a `tanh_mlp`.

    ``hidden`` gives each network's number of hidden units; the padding is left out.
    """
    # a copy also when the stack is on the CPU already: training goes on in place
    on_cpu = {name: value.to("cpu", copy=True) for name, value in stack.items()}
    return [
        {
            "0.weight": on_cpu["Wh"][model, :units],
            "0.bias": on_cpu["bh"][model, :units, 0],
            "2.weight": on_cpu["Wy"][model, :, :units],
            "2.bias": on_cpu["by"][model, :, 0],
        }
        for model, units in enumerate(hidden)
    ]


def sgd_step(stack: Stack, x: Tensor, one_hot: Tensor, *, learning_rates: Tensor, buffers: Buffers) -> None:
    """Move all networks a step down the gradient of their mean cross-entropies, in place.

    Padded hidden units stay zero: tanh(0) = 0 makes the gradient of ``Wy`` zero, and ``Wy`` = 0 makes those
    of ``Wh`` and ``bh`` zero. So they need no mask.

    Parameters
    ----------
    stack
        The parameters.
    x
        Each network's batch, (models, inputs, batch).
    one_hot
        Its classes, (models, outputs, batch), of the dtype of ``x``.
    learning_rates
        (models, 1, 1).
    buffers
        See `Buffers`.
    """
    batch = x.shape[2]
    h = _hidden_units(stack, x, buffers)  # (models, hidden, batch)
    logits = torch.baddbmm(stack["by"], stack["Wy"], h)  # (models, outputs, batch)
    d_logits = (torch.softmax(logits, dim=1) - one_hot) / batch
    d_hidden = _buffer(buffers, "d_hidden", stack, batch)  # (models, hidden, batch)
    torch.bmm(stack["Wy"].transpose(1, 2), d_logits, out=d_hidden)
    stack["Wy"] -= learning_rates * torch.bmm(d_logits, h.transpose(1, 2))
    stack["by"] -= learning_rates * d_logits.sum(dim=2, keepdim=True)
    d_hidden *= h.square_().neg_().add_(1)  # 1 - tanh², in place: h is not needed after this
    # (x dᵀ)ᵀ, not d xᵀ: five times as fast with so few inputs
    stack["Wh"] -= learning_rates * torch.bmm(x, d_hidden.transpose(1, 2)).transpose(1, 2)
    stack["bh"] -= learning_rates * d_hidden.sum(dim=2, keepdim=True)


def measure_stack(
    stack: Stack, x: Tensor, labels: Tensor, *, buffers: Buffers
) -> tuple[list[float], list[float]]:
    """Return each network's mean cross-entropy and accuracy on x (N, inputs) with labels (N,).

    A loss that is not finite stays as it is; the accuracy beside it is ``nan``, because the class that
    ``nan`` logits "predict" means nothing.
    """
    models = len(stack["by"])
    # contiguous: batched products crawl over transposed inputs
    h = _hidden_units(stack, x.T.contiguous().expand(models, -1, -1), buffers)
    logits = torch.baddbmm(stack["by"], stack["Wy"], h)  # (models, outputs, N)
    targets = labels.expand(models, 1, -1)  # (models, 1, N)
    losses = -torch.log_softmax(logits, dim=1).gather(1, targets).mean(dim=(1, 2)).cpu()
    right = (logits.argmax(dim=1, keepdim=True) == targets).sum(dim=(1, 2)).cpu()
    accuracies = torch.where(losses.isfinite(), right.double() / len(x), math.nan)
    return losses.tolist(), accuracies.tolist()


def _hidden_units(stack: Stack, x: Tensor, buffers: Buffers) -> Tensor:
    z = torch.baddbmm(stack["bh"], stack["Wh"], x, out=_buffer(buffers, "h", stack, x.shape[2]))
    # tanh(z) = 2 sigmoid(2z) - 1: the same but for the last digit, and three times as fast on a CPU as tanh
    return z.mul_(2).sigmoid_().mul_(2).sub_(1)


def _buffer(buffers: Buffers, name: str, stack: Stack, batch: int) -> Tensor:
    """Return the (models, hidden, batch) tensor of this name, made at its first use.

    Reused because a fresh tensor of this size at every step costs several times the arithmetic in it: the
    operating system has to hand out, and clear, its pages.
    """
    key = (name, batch)
    if key not in buffers:
        models, hidden, _ = stack["bh"].shape
        buffers[key] = stack["bh"].new_empty(models, hidden, batch)
    return buffers[key]
