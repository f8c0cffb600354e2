"""A network with one hidden layer written by hand on tensors: forward, loss, backward, one step of SGD.

The formulas are those of report 001, section 1.1, questions 7 and 14-17, with its errors mended:
the derivative of tanh is ``1 - tanh²`` (printed ``1 - tan²``), the gradient of the hidden layer sums
over the outputs, and the gradient of the output bias, which the report leaves out, is ``ŷ - y``.
"""

from __future__ import annotations

import torch
from torch import Tensor

Parameters = dict[str, Tensor]
"""``Wh`` (hidden, inputs), ``bh`` (hidden,), ``Wy`` (outputs, hidden), ``by`` (outputs,)."""


def init_params(
    inputs: int, hidden: int, outputs: int, *, weight_sd: float = 0.3, generator: torch.Generator
) -> Parameters:
    """Draw the start of the network: every weight and every bias from N(0, ``weight_sd``²).

    Report 001, section 1.2.1, draws "our parameters" with ``torch.normal(0, 0.3, ...)``; it makes no
    exception for the biases, so neither do we.

    Parameters
    ----------
    inputs, hidden, outputs
        Numbers of input features, hidden units and classes, each at least 1.
    weight_sd
        Standard deviation of weights and biases.
    generator
        CPU generator that the numbers come from, in the order ``Wh``, ``bh``, ``Wy``, ``by``.

    Returns
    -------
    dict
        Float32 tensors on the CPU, see `Parameters`.

    Raises
    ------
    ValueError
        If a size is below 1 or ``weight_sd`` is not positive.
    """
    for name, size in (("inputs", inputs), ("hidden", hidden), ("outputs", outputs)):
        if size < 1:
            raise ValueError(f"{name} is {size}, but a layer needs at least 1 unit.")
    if not weight_sd > 0:
        raise ValueError(f"weight_sd is {weight_sd}, but a standard deviation must be positive.")
    shapes = {"Wh": (hidden, inputs), "bh": (hidden,), "Wy": (outputs, hidden), "by": (outputs,)}
    return {
        name: torch.empty(shape).normal_(0, weight_sd, generator=generator) for name, shape in shapes.items()
    }


def forward(params: Parameters, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the class probabilities, and what the backward pass needs.

    Parameters
    ----------
    params
        See `Parameters`.
    x
        Inputs, (batch, inputs), of the parameters' dtype.

    Returns
    -------
    probabilities : Tensor
        (batch, outputs); each row sums to 1.
    saved : dict
        ``x`` (batch, inputs), ``h`` (batch, hidden), ``probabilities`` and ``log_probabilities``
        (batch, outputs).
    """
    h = torch.tanh(x @ params["Wh"].T + params["bh"])  # (batch, hidden)
    logits = h @ params["Wy"].T + params["by"]  # (batch, outputs)
    # log(softmax) as one subtraction: a probability that rounds to 0 still has a finite logarithm
    log_probabilities = logits - torch.logsumexp(logits, dim=1, keepdim=True)
    probabilities = log_probabilities.exp()
    saved = {"x": x, "h": h, "probabilities": probabilities, "log_probabilities": log_probabilities}
    return probabilities, saved


def loss_accuracy(saved: dict[str, Tensor], labels: Tensor) -> tuple[Tensor, float]:
    """Return the mean cross-entropy (natural logarithm) and the share of right predictions in [0, 1].

    Parameters
    ----------
    saved
        Second result of `forward`.
    labels
        Classes, (batch,) int64.
    """
    log_probabilities = saved["log_probabilities"]
    rows = torch.arange(len(labels), device=labels.device)
    loss = -log_probabilities[rows, labels].mean()
    accuracy = (log_probabilities.argmax(dim=1) == labels).double().mean().item()
    return loss, accuracy


def backward(params: Parameters, saved: dict[str, Tensor], labels: Tensor) -> Parameters:
    """Return the gradient of the mean cross-entropy with respect to each parameter, by the chain rule.

    Parameters
    ----------
    params
        See `Parameters`.
    saved
        Second result of `forward` for the same parameters.
    labels
        Classes, (batch,) int64.

    Returns
    -------
    dict
        The same names and shapes as ``params``.
    """
    x, h, probabilities = saved["x"], saved["h"], saved["probabilities"]
    one_hot = torch.nn.functional.one_hot(labels, probabilities.shape[1])
    d_logits = (probabilities - one_hot) / len(labels)  # (batch, outputs)
    d_hidden = (d_logits @ params["Wy"]) * (1 - h * h)  # (batch, hidden), before the tanh
    return {
        "Wh": d_hidden.T @ x,
        "bh": d_hidden.sum(dim=0),
        "Wy": d_logits.T @ h,
        "by": d_logits.sum(dim=0),
    }


def sgd_step(params: Parameters, gradients: Parameters, *, learning_rate: float) -> None:
    """Move every parameter a step against its gradient, in place."""
    with torch.no_grad():
        for name, parameter in params.items():
            parameter -= learning_rate * gradients[name]
