"""A1 to A4: one small network on circles, written four times with less and less by hand.

Report 001, sections 1.2.1 to 1.2.4. All four versions start from the same parameters and see the same
batches, so their loss curves must agree but for rounding: that is what A2 to A4 measure.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.data.points import circles
from course_utils.experiments.catalogue import Provenance, hash_of
from course_utils.models import manual_mlp
from course_utils.models.manual_mlp import Parameters
from course_utils.models.mlp import tanh_mlp
from course_utils.training.devices import describe_device, one_thread
from course_utils.training.history import History

Data = tuple[Tensor, Tensor, Tensor, Tensor]
"""Training points (N, 2), their classes (N,), test points (M, 2), their classes (M,)."""

Version = tuple[Callable[[Tensor, Tensor], None], Callable[[Tensor], Tensor]]
"""A step of training on a batch (points, classes), and points -> logits or log-probabilities."""


def manual(settings: dict[str, Any], seed: int) -> dict[str, float]:
    """A1: forward, backward and SGD by hand.

    Besides the final errors (shares in [0, 1]) and losses: how much the losses changed since the start, the
    lowest test error of any epoch, and the first epoch with a test loss of at most 0.15 (``nan``: none). The
    last two say what becomes of the report's "about 0.15% (with CrossEntropy loss)" in either reading.
    """
    history = train("manual", settings, seed)
    reached = [epoch for epoch, loss in zip(history.epochs, history.test_loss, strict=True) if loss <= 0.15]
    return _final(history) | {
        "train_loss_change": history.train_loss[-1] - history.train_loss[0],
        "test_loss_change": history.test_loss[-1] - history.test_loss[0],
        "lowest_test_error": 1 - max(history.test_accuracy),
        "epochs_until_test_loss_0.15": reached[0] if reached else math.nan,
    }


def autograd(settings: dict[str, Any], seed: int) -> dict[str, float]:
    """A2: the backward pass by autograd; see `compare_with_manual`."""
    return compare_with_manual("autograd", settings, seed)


def nn_layers(settings: dict[str, Any], seed: int) -> dict[str, float]:
    """A3: the network as ``nn.Sequential``, the loss as a function; see `compare_with_manual`."""
    return compare_with_manual("nn", settings, seed)


def optim_sgd(settings: dict[str, Any], seed: int) -> dict[str, float]:
    """A4: the step by ``optim.SGD``; see `compare_with_manual`."""
    return compare_with_manual("optim", settings, seed)


def compare_with_manual(version: str, settings: dict[str, Any], seed: int) -> dict[str, float]:
    """Return final errors and losses of a version, and how far its loss curve strays from the manual one.

    ``largest_difference_float32`` and ``_float64`` are taken over the training and the test loss of every
    epoch; ``test_error_difference`` is the version's final test error minus the manual one's (float32).
    """
    metrics: dict[str, float] = {}
    finals: dict[str, float] = {}
    for name, dtype in (("float64", torch.float64), ("float32", torch.float32)):
        ours, by_hand = (
            train(version, settings, seed, dtype=dtype),
            train("manual", settings, seed, dtype=dtype),
        )
        curves = zip(ours.train_loss + ours.test_loss, by_hand.train_loss + by_hand.test_loss, strict=True)
        metrics[f"largest_difference_{name}"] = max(abs(a - b) for a, b in curves)
        finals = _final(ours)
        metrics["test_error_difference"] = finals["test_error"] - _final(by_hand)["test_error"]
    return finals | metrics


def train(
    version: str, settings: dict[str, Any], seed: int, *, dtype: torch.dtype = torch.float32
) -> History:
    """Train one version of the network and measure it after every epoch.

    Parameters
    ----------
    version
        ``"manual"``, ``"autograd"``, ``"nn"`` or ``"optim"``.
    settings
        As in `course_utils.experiments.catalogue`: points, noise, network and training.
    seed
        Of points, start and order of the examples.
    dtype
        In which everything after the (float32) start is computed.
    """
    x_train, labels_train, x_test, labels_test = data(settings, seed)
    x_train, x_test = x_train.to(dtype), x_test.to(dtype)
    start = manual_mlp.init_params(
        2, settings["hidden"], 2, weight_sd=settings["weight_sd"], generator=_generator(seed, 1)
    )
    params = {name: value.to(dtype) for name, value in start.items()}
    step, scores = _VERSIONS[version](params, settings["learning_rate"])
    order = _generator(seed, 2)
    history = History()
    with one_thread():
        for epoch in range(settings["epochs"] + 1):
            if epoch > 0:
                shuffled = torch.randperm(len(x_train), generator=order)
                for batch in shuffled.split(settings["batch_size"]):
                    step(x_train[batch], labels_train[batch])
            train_measures = _measure(scores, x_train, labels_train)
            test_measures = _measure(scores, x_test, labels_test)
            history.record(epoch, *train_measures, *test_measures)
    return history


def data(settings: dict[str, Any], seed: int) -> Data:
    """Return the circles of a seed; training and test points are drawn independently."""
    generator = _generator(seed, 0)
    shape = {"noise": settings["noise"], "factor": settings["factor"]}
    train_points = circles(settings["points_train"], **shape, generator=generator)
    test_points = circles(settings["points_test"], **shape, generator=generator)
    return (*train_points, *test_points)


def provenance(settings: dict[str, Any], seed: int) -> Provenance:
    """Return what the points are and their hash."""
    source = f"circles, generated (noise {settings['noise']}, factor {settings['factor']})"
    with one_thread():
        device = describe_device(torch.device("cpu"))
    return Provenance(source=source, content_hash=hash_of(*data(settings, seed)), device=device)


def _manual_version(params: Parameters, learning_rate: float) -> Version:
    def step(x: Tensor, labels: Tensor) -> None:
        _, saved = manual_mlp.forward(params, x)
        gradients = manual_mlp.backward(params, saved, labels)
        manual_mlp.sgd_step(params, gradients, learning_rate=learning_rate)

    return step, lambda x: manual_mlp.forward(params, x)[1]["log_probabilities"]


def _autograd_version(params: Parameters, learning_rate: float) -> Version:
    for parameter in params.values():
        parameter.requires_grad_()

    def step(x: Tensor, labels: Tensor) -> None:
        _, saved = manual_mlp.forward(params, x)
        loss, _ = manual_mlp.loss_accuracy(saved, labels)
        loss.backward()
        with torch.no_grad():
            for parameter in params.values():
                assert parameter.grad is not None
                parameter -= learning_rate * parameter.grad
                parameter.grad.zero_()

    return step, lambda x: manual_mlp.forward(params, x)[1]["log_probabilities"]


def _nn_version(params: Parameters, learning_rate: float) -> Version:
    network = _network(params)

    def step(x: Tensor, labels: Tensor) -> None:
        network.zero_grad()
        F.cross_entropy(network(x), labels).backward()
        with torch.no_grad():
            for parameter in network.parameters():
                assert parameter.grad is not None
                parameter.sub_(learning_rate * parameter.grad)

    return step, network


def _optim_version(params: Parameters, learning_rate: float) -> Version:
    network = _network(params)
    optimiser = torch.optim.SGD(network.parameters(), lr=learning_rate)

    def step(x: Tensor, labels: Tensor) -> None:
        optimiser.zero_grad()
        F.cross_entropy(network(x), labels).backward()
        optimiser.step()

    return step, network


_VERSIONS: dict[str, Callable[[Parameters, float], Version]] = {
    "manual": _manual_version,
    "autograd": _autograd_version,
    "nn": _nn_version,
    "optim": _optim_version,
}


def _network(params: Parameters) -> nn.Sequential:
    hidden, inputs = params["Wh"].shape
    network = tanh_mlp(inputs, hidden, len(params["by"]), generator=torch.Generator()).to(params["Wh"].dtype)
    network.load_state_dict(
        {"0.weight": params["Wh"], "0.bias": params["bh"], "2.weight": params["Wy"], "2.bias": params["by"]}
    )
    return network


def _measure(scores: Callable[[Tensor], Tensor], x: Tensor, labels: Tensor) -> tuple[float, float]:
    with torch.no_grad():
        outputs = scores(x)
        loss = F.cross_entropy(outputs, labels).item()  # unchanged by log-probabilities instead of logits
        accuracy = (outputs.argmax(dim=1) == labels).double().mean().item()
    return loss, accuracy


def _final(history: History) -> dict[str, float]:
    return {
        "train_error": 1 - history.train_accuracy[-1],
        "train_loss": history.train_loss[-1],
        "test_error": 1 - history.test_accuracy[-1],
        "test_loss": history.test_loss[-1],
    }


def _generator(seed: int, stream: int) -> torch.Generator:
    """Return a generator for one of a seed's independent streams: points, start, order."""
    return torch.Generator().manual_seed(10 * seed + stream)
