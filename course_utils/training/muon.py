"""Muon: momentum whose step is made orthogonal, so that no direction of a weight matrix is left behind.

Source: Keller Jordan and others, "Muon: an optimizer for hidden layers in neural networks" (2024),
https://kellerjordan.github.io/posts/muon/, and Bernstein and Newhouse, "Old optimizer, new norm"
(arXiv:2409.20325). A gradient is a matrix G = U S Vᵀ with a few large singular values: a step along it
learns a few directions and hardly touches the others. Muon steps along U Vᵀ, where all of them count alike.
PyTorch's own ``torch.optim.Muon`` (from 2.9) takes matrices only: no filters, nor other parameters beside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor

from course_utils.training.devices import one_thread

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Keller Jordan's: steep at 0, so that small singular values grow fast; they end between 0.68 and 1.14."""

SMALL = 100_000
"""A matrix with fewer entries is multiplied faster by one CPU thread than by several, which must be woken."""


class Muon(torch.optim.Optimizer):
    """Muon for matrices and filters, SGD with Nesterov momentum for everything else.

    Both keep the buffer B ← momentum·B + G and look ahead along G + momentum·B. A group with
    ``orthogonalise`` (the default) takes each parameter as a matrix, one row for each output, a filter being
    such a row; its step is ``lr``·√max(1, rows / columns) times the `orthogonalised` look-ahead. Other groups
    step along the look-ahead itself, as ``torch.optim.SGD(..., nesterov=True)`` does.

    Biases and the scales of batch norm are no matrices; the last layer is better left to SGD too::

        filters = [parameter for parameter in model.parameters() if parameter.ndim == 4]
        others = [parameter for parameter in model.parameters() if parameter.ndim != 4]
        optimizer = Muon(
            [{"params": filters}, {"params": others, "orthogonalise": False, "lr": 0.02, "momentum": 0.9}],
            lr=0.15,
        )

    Parameters
    ----------
    params
        Parameters, or groups of them with values of their own for what follows.
    lr
        Learning rate: the singular values of a step. Not comparable with that of SGD.
    momentum
        In [0, 1).
    orthogonalise
        Whether steps are made orthogonal.
    normalise
        Whether a matrix is first brought to the Frobenius norm √rows, so that rows have length 1 in the
        mean. Only for weights followed by batch norm, which undoes any factor: their norm would grow from
        step to step, and with it the learning rate lose its grip.
    iterations
        Of Newton and Schulz.

    Raises
    ------
    ValueError
        For a negative ``lr``, a ``momentum`` outside [0, 1), or a parameter with fewer than two dimensions
        in a group with ``orthogonalise``.
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]],
        *,
        lr: float = 0.02,
        momentum: float = 0.95,
        orthogonalise: bool = True,
        normalise: bool = False,
        iterations: int = 5,
    ) -> None:
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "orthogonalise": orthogonalise,
            "normalise": normalise,
            "iterations": iterations,
        }
        super().__init__(params, defaults)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group of parameters; ``torch.optim.Optimizer`` calls it for the first ones too."""
        super().add_param_group(param_group)
        group = self.param_groups[-1]
        if not group["lr"] >= 0:
            raise ValueError(f"lr is {group['lr']}, but it must not be negative.")
        if not 0 <= group["momentum"] < 1:
            raise ValueError(f"momentum is {group['momentum']}, but it must be at least 0 and less than 1.")
        for parameter in group["params"]:
            if group["orthogonalise"] and parameter.ndim < 2:
                raise ValueError(
                    f"A parameter of shape {tuple(parameter.shape)} is no matrix that could be made "
                    "orthogonal: put biases and the like into a group with 'orthogonalise': False."
                )

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Make one step; ``closure``, if given, computes the loss and the gradients first."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            parameters = [parameter for parameter in group["params"] if parameter.grad is not None]
            small = all(p.device.type == "cpu" and p.numel() < SMALL for p in parameters)
            with one_thread() if small and group["orthogonalise"] else nullcontext():
                for parameter in parameters:
                    self._update(parameter, group)
        return loss

    def _update(self, parameter: Tensor, group: dict[str, Any]) -> None:
        state, gradient = self.state[parameter], parameter.grad
        assert gradient is not None
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(parameter)
        buffer: Tensor = state["momentum_buffer"]
        buffer.mul_(group["momentum"]).add_(gradient)
        update = gradient.add(buffer, alpha=group["momentum"])
        length = group["lr"]
        if group["orthogonalise"]:
            matrix = update.flatten(1)  # (rows, columns)
            rows, columns = matrix.shape
            update = orthogonalised(matrix, iterations=group["iterations"]).view(update.shape)
            length *= max(1.0, rows / columns) ** 0.5
            if group["normalise"]:
                parameter.mul_(rows**0.5 / parameter.norm())
        parameter.add_(update, alpha=-length)


def orthogonalised(matrix: Tensor, *, iterations: int = 5) -> Tensor:
    """Return a matrix with the same singular vectors, whose singular values are all near 1.

    Newton and Schulz's iteration X ← a X + b (X Xᵀ) X + c (X Xᵀ)² X maps each singular value s to
    a s + b s³ + c s⁵ and leaves the vectors alone: matrix products only, no decomposition. With these
    coefficients it does not converge to 1 but soon stays near it. A zero matrix stays zero.

    Parameters
    ----------
    matrix
        (rows, columns), floating point.
    iterations
        Five bring all singular values from about a hundredth of the Frobenius norm upwards near 1.

    Returns
    -------
    Tensor like `matrix`
        Computed in bfloat16 on a GPU, where that is faster, otherwise as it is.
    """
    a, b, c = COEFFICIENTS
    x = matrix.bfloat16() if matrix.device.type == "cuda" else matrix
    is_tall = len(x) > x.shape[1]
    x = x.T if is_tall else x  # the smaller of the two products
    x = x / (x.norm() + 1e-7)
    for _ in range(iterations):
        product = x @ x.T
        x = torch.addmm(x, torch.addmm(product, product, product, beta=b, alpha=c), x, beta=a)
    return (x.T if is_tall else x).to(matrix.dtype)
