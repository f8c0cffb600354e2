"""Models of one architecture trained as one: their parameters stacked along a leading axis.

A small network does not keep a processor busy: most of the time goes into calling operations, not into their
arithmetic. `torch.func.vmap` computes every operation for all models in one call. Each model keeps its own
start, order of examples and learning rate, and ends where it would have ended alone but for rounding.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from course_utils.data.dataset import Split
from course_utils.training.devices import on_device
from course_utils.training.precision import choose_precision
from course_utils.training.stack_state import Stack, restore, save
from course_utils.training.state import Training, evaluating, moving_schedules_alone, sum_dtype
from course_utils.training.trials import Plan


def train_stack(
    plans: Sequence[Plan],
    *,
    checkpoint: Path,
    checkpoint_seconds: float,
    moved: Callable[[float], object] = lambda _share: None,
) -> list[Training]:
    """Train the plans' models in place, all at once; `fit` says what a plan's arguments mean.

    Parameters
    ----------
    plans
        At least one, as `course_utils.training.stackable.families` grouped them, each without an obstacle.
    checkpoint
        A file. If it exists, training goes on where it was written.
    checkpoint_seconds
        Time between two writings, which happen between epochs.
    moved
        Called after each epoch with the share of the work just done.

    Returns
    -------
    list of Training
        One per plan; its ``history`` ends where its loss was not finite.
    """
    plan = plans[0]
    device = next(plan.model.parameters()).device
    train, test = on_device(device, plan.train), None if plan.test is None else on_device(device, plan.test)
    stack = _start(plans, len(train))
    step = vmap(loss_and_logits(plan), in_dims=(0, 0, 0, 0), randomness="error")

    def record() -> None:
        on_train = _measure(stack, train) if plan.train_metrics == "measured" else stack.running()
        on_test = _measure(stack, test) if test is not None else [(math.nan, math.nan)] * len(plans)
        for training, *measured in zip(stack.trainings, on_train, on_test, strict=True):
            if not training.stop:
                training.history.record(stack.epoch, *measured[0], *measured[1])
                training.stop = plan.stop_when_diverged and training.history.diverged

    if checkpoint.exists():
        restore(checkpoint, stack)
    elif plan.train_metrics == "measured":
        record()
    written = time.monotonic()
    while stack.epoch < plan.epochs and not all(training.stop for training in stack.trainings):
        rates = _rates(plans, stack.trainings[0].steps)  # (steps, groups, 3, models)
        batches = zip(*(training.batches() for training in stack.trainings), strict=True)
        for rates_now, each_rows in zip(rates, batches, strict=True):
            rows = torch.stack(each_rows)  # (models, batch)
            images = train.images[rows] if plan.augment is None else _augmented(plans, stack, train, rows)
            labels = train.labels[rows]
            # (models,), (models, batch, classes)
            losses, logits = step(stack.parameters, stack.buffers, images, labels)
            stack.count(losses, logits, labels)
            _descend(stack, losses, rates_now)
        stack.end_epoch()
        if stack.epoch % plan.record_every == 0 or stack.epoch == plan.epochs:
            record()
        moved(1 / plan.epochs)
        if time.monotonic() - written >= checkpoint_seconds:
            save(checkpoint, stack)
            written = time.monotonic()
    stack.unstack()
    return stack.trainings


def loss_and_logits(plan: Plan) -> Callable[..., tuple[Tensor, Tensor]]:
    """Return a training step's forward pass as a function of one model's parameters and its batch."""
    logits_of = _logits(plan)

    def forward(
        parameters: dict[str, Tensor], buffers: dict[str, Tensor], images: Tensor, labels: Tensor
    ) -> tuple[Tensor, Tensor]:
        logits = logits_of(parameters, buffers, plan.preprocess(images))
        return plan.loss_function(logits, labels), logits

    return forward


def trained_groups(plan: Plan) -> dict[str, int]:
    """Return the name of each parameter that is trained -> the number of its group in the optimizer."""
    number = {
        id(parameter): index
        for index, group in enumerate(plan.optimizer.param_groups)
        for parameter in group["params"]
    }
    return {
        name: number[id(parameter)]
        for name, parameter in plan.model.named_parameters()
        if parameter.requires_grad and id(parameter) in number
    }


def _start(plans: Sequence[Plan], examples: int) -> Stack:
    for plan in plans:
        plan.model.train()
    unscaled = torch.amp.GradScaler("cpu", enabled=False)
    trainings = [
        Training(
            plan.model,
            plan.optimizer,
            plan.schedule,
            unscaled,
            plan.generator,
            examples,
            plan.batch_size,
            plan.epochs,
        )
        for plan in plans
    ]
    parameters, buffers = stack_module_state([plan.model for plan in plans])
    device = next(iter(parameters.values())).device
    return Stack(
        plan=plans[0],
        trainings=trainings,
        parameters=parameters,
        buffers=buffers,
        groups=trained_groups(plans[0]),
        has_momentum=any(group["momentum"] for plan in plans for group in plan.optimizer.param_groups),
        has_decay=any(group["weight_decay"] for plan in plans for group in plan.optimizer.param_groups),
        loss_sums=torch.zeros(len(plans), device=device, dtype=sum_dtype(device)),
        right=torch.zeros(len(plans), device=device, dtype=torch.int64),
    )


def _logits(plan: Plan) -> Callable[[dict[str, Tensor], dict[str, Tensor], Tensor], Tensor]:
    """Return the model as a function of its parameters and its input; logits have at least 32 bits.

    For 16 bits everything is cast here: autocast does not reach all operations inside vmap (torch 2.15).
    """
    device = next(plan.model.parameters()).device
    bits = choose_precision(plan.precision, device, plan.train.images)
    single = any(isinstance(layer, nn.Linear) and layer.out_features == 1 for layer in plan.model.modules())
    products_crawl = single and device.type == "cpu" and bits == "float32"

    def cast(value: Tensor) -> Tensor:
        return value.to(torch.bfloat16) if bits == "bfloat16" and value.is_floating_point() else value

    def forward(parameters: dict[str, Tensor], buffers: dict[str, Tensor], x: Tensor) -> Tensor:
        values = {name: cast(value) for name, value in (parameters | buffers).items()}
        with _SumsForSingleOutputs() if products_crawl else nullcontext():
            logits: Tensor = functional_call(plan.model, values, (cast(x),))
        return logits if logits.dtype == torch.float64 else logits.float()

    return forward


class _SumsForSingleOutputs(TorchFunctionMode):
    """Compute linear layers of one output as sums of products inside the block.

    vmap makes batched matrix products of linear layers, and a CPU's crawl where a side has length 1. For 64
    networks on mosaics of points a whole step takes an eighth less time with these sums (torch 2.15).
    """

    def __torch_function__(
        self, function: Any, types: Any, arguments: Sequence[Any] = (), options: Any = None
    ) -> Any:
        if function is F.linear:
            return _linear(*arguments, **(options or {}))
        return function(*arguments, **(options or {}))


def _linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return what ``F.linear`` does but for rounding."""
    if len(weight) != 1:
        return F.linear(x, weight, bias)
    products = (x * weight[0]).sum(dim=-1, keepdim=True)
    return products if bias is None else products + bias


def _augmented(plans: Sequence[Plan], stack: Stack, train: Split, rows: Tensor) -> Tensor:
    """Return each model's batch (models, batch, ...), changed at random by numbers of its own."""
    changed = [
        plan.augment(train.images[own], training.draws)
        for plan, training, own in zip(plans, stack.trainings, rows, strict=True)
        if plan.augment is not None
    ]
    return torch.stack(changed)


def _rates(plans: Sequence[Plan], steps: int) -> Tensor:
    """Return an epoch's learning rates, momenta and weight decays, (steps, groups, 3, models).

    The schedules are moved on through the whole epoch: what they say depends on nothing but the step.
    """
    keys = ("lr", "momentum", "weight_decay")
    rates = []
    for plan in plans:
        by_step = []
        for _ in range(steps if plan.schedule is not None else 1):
            groups = plan.optimizer.param_groups
            by_step.append([[float(group[key]) for key in keys] for group in groups])
            if plan.schedule is not None:
                with moving_schedules_alone():
                    plan.schedule.step()
        rates.append(by_step if len(by_step) == steps else by_step * steps)
    parameter = next(plans[0].model.parameters())
    table = torch.tensor(rates, dtype=parameter.dtype)  # (models, steps, groups, 3)
    return table.permute(1, 2, 3, 0).contiguous().to(parameter.device)


def _descend(stack: Stack, losses: Tensor, rates: Tensor) -> None:
    """Take one step of SGD with every model; ``rates`` is (groups, 3, models). As in `torch.optim.SGD`."""
    trained = [stack.parameters[name] for name in stack.groups]
    # no model's parameters act on another's loss: the gradient of the sum holds each one's own
    gradients: Sequence[Tensor | None] = torch.autograd.grad(losses.sum(), trained, allow_unused=True)
    with torch.no_grad():
        for (name, number), parameter, gradient in zip(stack.groups.items(), trained, gradients, strict=True):
            if gradient is None:  # the output does not depend on it: SGD leaves it alone
                continue
            group = stack.trainings[0].optimizer.param_groups[number]
            alone = (-1, *[1] * (parameter.ndim - 1))  # (models, 1, ..., 1)
            rate, momentum, decay = (values.view(alone) for values in rates[number])
            change = gradient + decay * parameter if stack.has_decay else gradient
            if stack.has_momentum:
                before = stack.momenta.get(name)
                mean = change.clone() if before is None else before.mul_(momentum).add_(change)
                stack.momenta[name] = mean
                change = change + momentum * mean if group["nesterov"] else mean
            parameter.sub_(rate * change)


def _measure(stack: Stack, data: Split) -> list[tuple[float, float]]:
    """Return each model's mean cross-entropy and accuracy, as `course_utils.training.loop.measure`."""
    plan, models = stack.plan, len(stack.trainings)
    loss_sums, right = torch.zeros_like(stack.loss_sums), torch.zeros_like(stack.right)
    # images take memory for every model of the stack; feature vectors hardly any
    at_once = 1000 if data.images.ndim == 2 else max(50, 4000 // models)
    forward = vmap(_logits(plan), in_dims=(0, 0, None))
    with evaluating(plan.model), torch.no_grad():
        for images, labels in zip(data.images.split(at_once), data.labels.split(at_once), strict=True):
            logits = forward(stack.parameters, stack.buffers, plan.preprocess(images))
            targets = labels.expand(models, -1)
            losses = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
            loss_sums += losses.view(models, -1).sum(dim=1)
            right += (logits.argmax(dim=2) == targets).sum(dim=1)
    return stack.means(loss_sums, right, len(data))
