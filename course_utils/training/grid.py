"""A grid of tiny networks trained at once: every tensor gets a leading axis, one entry per network.

A network this small does not keep a CPU busy: most of the time goes into calling operations, not into
their arithmetic. One call that computes for 45 networks costs little more than a call for one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.data.dataset import Split
from course_utils.models.manual_mlp import Parameters, init_params
from course_utils.models.mlp import tanh_mlp
from course_utils.training.devices import one_thread
from course_utils.training.history import History
from course_utils.training.loop import Training, fit
from course_utils.training.tanh_stack import (
    Buffers,
    measure_stack,
    sgd_step,
    stack_parameters,
    unstack_parameters,
)

# The order of the examples has a seed of its own, so that networks of different sizes see the same batches.
ORDER_SEED = 1_000_003


@dataclass(frozen=True)
class Setting:
    """How one network of a grid starts and learns.

    Attributes
    ----------
    learning_rate
        Step of plain SGD, positive.
    hidden
        Number of tanh units, at least 1.
    weight_sd
        Standard deviation of the initial weights and biases, positive.
    seed
        Of the initial parameters and of the order of the examples.
    batch_size
        Examples per step; None: all of them, unshuffled.
    """

    learning_rate: float
    hidden: int
    weight_sd: float = 0.3
    seed: int = 0
    batch_size: int | None = None

    def __post_init__(self) -> None:
        if not (self.learning_rate > 0 and math.isfinite(self.learning_rate)):
            raise ValueError(f"learning_rate is {self.learning_rate}, but it must be a positive number.")
        if self.hidden < 1:
            raise ValueError(f"hidden is {self.hidden}, but the network needs at least 1 hidden unit.")
        if not (self.weight_sd > 0 and math.isfinite(self.weight_sd)):
            raise ValueError(f"weight_sd is {self.weight_sd}, but it must be a positive number.")
        if self.batch_size is not None and self.batch_size < 1:
            raise ValueError(f"batch_size is {self.batch_size}, but it must be at least 1, or None for all.")


@dataclass(kw_only=True)
class Run(History):
    """One network's history, and its parameters as they were.

    Attributes
    ----------
    setting
        How it was trained.
    parameters
        State dicts of `course_utils.models.mlp.tanh_mlp` on the CPU: one per recorded epoch when
        snapshots were asked for, otherwise only the last.
    """

    setting: Setting
    parameters: list[dict[str, Tensor]] = field(default_factory=list)

    def network(self, record: int = -1) -> nn.Sequential:
        """Return the network as it was at entry ``record`` of `parameters` (default: the last)."""
        state = self.parameters[record]
        hidden, inputs = state["0.weight"].shape
        outputs = len(state["2.bias"])
        network = nn.Sequential(nn.Linear(inputs, hidden), nn.Tanh(), nn.Linear(hidden, outputs))
        network.to(state["0.weight"].dtype).load_state_dict(state)
        return network


def train_one(
    setting: Setting,
    x_train: Tensor,
    labels_train: Tensor,
    x_test: Tensor,
    labels_test: Tensor,
    *,
    epochs: int,
    record_every: int = 1,
    snapshots: bool = False,
) -> Run:
    """Train one network with the plain loop of `course_utils.training.loop.fit`.

    The reference for `train_grid`: same parameters, same start, same batches. See there for arguments.
    """
    outputs = _check_data(x_train, labels_train, x_test, labels_test, epochs, record_every)
    start = torch.Generator().manual_seed(setting.seed)
    network = tanh_mlp(
        x_train.shape[1], setting.hidden, outputs, weight_sd=setting.weight_sd, generator=start
    ).to(x_train)

    def state() -> dict[str, Tensor]:
        return {name: value.detach().cpu().clone() for name, value in network.state_dict().items()}

    states = [state()]

    def keep(training: Training) -> None:
        if training.step == 0 and training.history.epochs[-1] == training.epoch:
            states[0 if not snapshots else len(states) :] = [state()]

    history = fit(
        network,
        Split(x_train, labels_train),
        Split(x_test, labels_test),
        optimizer=torch.optim.SGD(network.parameters(), lr=setting.learning_rate),
        epochs=epochs,
        batch_size=setting.batch_size,
        generator=_order_generator(setting),
        record_every=record_every,
        train_metrics="measured",
        callbacks=[keep],
        progress=False,
        stop_when_diverged=False,
    )
    return Run(**vars(history), setting=setting, parameters=states)


def train_grid(
    settings: Sequence[Setting],
    x_train: Tensor,
    labels_train: Tensor,
    x_test: Tensor,
    labels_test: Tensor,
    *,
    epochs: int,
    record_every: int = 1,
    snapshots: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> list[Run]:
    """Train one tanh network per setting, all at once, by plain SGD on the mean cross-entropy.

    Each ends where `train_one` would have brought it, up to rounding. A network whose loss becomes ``nan``
    or infinite keeps those values and is flagged by ``run.diverged``; the others do not notice.

    Parameters
    ----------
    settings
        One per network. Those that differ in batch size are trained in groups.
    x_train, x_test
        Inputs, (N, features), floating point; their device and dtype are those of the training.
    labels_train, labels_test
        Classes 0, 1, ..., (N,) int64.
    epochs
        Passes through the training data.
    record_every
        Epochs between two measurements; the start and the last epoch are always measured.
    snapshots
        Whether to keep the parameters of every recorded epoch (for decision boundaries), not only the last.
    progress
        Called after each epoch with the number of epochs done and the number of all.

    Returns
    -------
    list of Run
        In the order of ``settings``.

    Raises
    ------
    ValueError
        If the data do not fit together, or ``epochs`` or ``record_every`` is too small.
    """
    outputs = _check_data(x_train, labels_train, x_test, labels_test, epochs, record_every)
    batch_sizes = list(dict.fromkeys(setting.batch_size for setting in settings))
    runs = [Run(setting=setting) for setting in settings]
    with torch.no_grad(), one_thread():
        for group_number, batch_size in enumerate(batch_sizes):
            group = [run for run in runs if run.setting.batch_size == batch_size]
            starts = [_start(run.setting, x_train.shape[1], outputs) for run in group]
            stack = stack_parameters(starts, like=x_train)
            rates = x_train.new_tensor([run.setting.learning_rate for run in group]).reshape(-1, 1, 1)
            orders = {run.setting.seed: _order_generator(run.setting) for run in group}
            buffers: Buffers = {}
            for epoch in range(epochs + 1):
                if epoch > 0:
                    x_epoch, y_epoch = _epoch_data(group, orders, x_train, labels_train, outputs)
                    step = batch_size or len(x_train)
                    for x, y in zip(x_epoch.split(step, dim=2), y_epoch.split(step, dim=2), strict=True):
                        sgd_step(stack, x, y, learning_rates=rates, buffers=buffers)
                    if progress is not None:
                        progress(group_number * epochs + epoch, len(batch_sizes) * epochs)
                if epoch % record_every == 0 or epoch == epochs:
                    train = measure_stack(stack, x_train, labels_train, buffers=buffers)
                    test = measure_stack(stack, x_test, labels_test, buffers=buffers)
                    states = unstack_parameters(stack, [run.setting.hidden for run in group])
                    for run, state, *measured in zip(group, states, *train, *test, strict=True):
                        run.record(epoch, *measured)
                        run.parameters = [*run.parameters, state] if snapshots else [state]
    return runs


def _epoch_data(
    group: list[Run], orders: dict[int, torch.Generator], x: Tensor, labels: Tensor, outputs: int
) -> tuple[Tensor, Tensor]:
    """Return each network's inputs (models, features, N) and one-hot classes (models, classes, N), in the
    order in which it will see them in this epoch."""
    if group[0].setting.batch_size is None:
        x_epoch = x.T.expand(len(group), -1, -1).contiguous()
        labels_epoch = labels.expand(len(group), -1)  # (models, N)
    else:
        by_seed = {seed: torch.randperm(len(x), generator=generator) for seed, generator in orders.items()}
        order = torch.stack([by_seed[run.setting.seed] for run in group]).to(x.device)  # (models, N)
        x_epoch = x.T[:, order].transpose(0, 1)
        labels_epoch = labels[order]
    return x_epoch, F.one_hot(labels_epoch, outputs).transpose(1, 2).to(x.dtype)


def _start(setting: Setting, inputs: int, outputs: int) -> Parameters:
    generator = torch.Generator().manual_seed(setting.seed)
    return init_params(inputs, setting.hidden, outputs, weight_sd=setting.weight_sd, generator=generator)


def _order_generator(setting: Setting) -> torch.Generator:
    return torch.Generator().manual_seed(setting.seed + ORDER_SEED)


def _check_data(
    x_train: Tensor, labels_train: Tensor, x_test: Tensor, labels_test: Tensor, epochs: int, record_every: int
) -> int:
    """Return the number of classes; raise if the data do not fit together."""
    for part, x, labels in (("train", x_train, labels_train), ("test", x_test, labels_test)):
        if x.ndim != 2 or not x.is_floating_point():
            raise ValueError(
                f"x_{part} must be a floating-point tensor (N, features), "
                f"but is {x.dtype} of shape {tuple(x.shape)}."
            )
        if labels.shape != (len(x),) or labels.dtype != torch.int64:
            raise ValueError(
                f"labels_{part} must be int64 of shape ({len(x)},), one class per row of x_{part}, "
                f"but is {labels.dtype} of shape {tuple(labels.shape)}."
            )
        if len(x) == 0:
            raise ValueError(f"x_{part} is empty: give at least one example.")
        if labels.min() < 0:
            raise ValueError(f"labels_{part} has the class {int(labels.min())}; classes count from 0.")
    if x_train.shape[1] != x_test.shape[1]:
        raise ValueError(f"x_train has {x_train.shape[1]} features but x_test has {x_test.shape[1]}.")
    if epochs < 0 or record_every < 1:
        raise ValueError(f"epochs is {epochs} and record_every {record_every}; at least 0 and 1 are needed.")
    return int(max(labels_train.max(), labels_test.max())) + 1
