"""Which models can be trained in one stack, and why others cannot."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.func import stack_module_state, vmap

from course_utils.training.alike import alike
from course_utils.training.precision import choose_precision
from course_utils.training.stacking import loss_and_logits, trained_groups
from course_utils.training.trials import Plan

# What may differ between the trials of one stack; everything else must be alike.
_OWN = {"optimizer", "generator", "schedule"}


def families(plans: Sequence[Plan]) -> list[list[int]]:
    """Return the indices of the plans in groups that can be stacked: same data, architecture and options."""
    groups: list[list[int]] = []
    for index, plan in enumerate(plans):
        for group in groups:
            if _fits(plans[group[0]], plan):
                group.append(index)
                break
        else:
            groups.append([index])
    return groups


def obstacle(plan: Plan) -> str | None:
    """Return why a plan's model cannot be trained in a stack, as a sentence; None: it can."""
    return visible_obstacle(plan) or hidden_obstacle(plan)


def visible_obstacle(plan: Plan) -> str | None:
    """Return what in the plan itself speaks against a stack."""
    optimizer = plan.optimizer
    if type(optimizer) is not torch.optim.SGD:
        return f"A stack is trained with torch.optim.SGD, but the optimizer is {type(optimizer).__name__}."
    if any(group["dampening"] or group["maximize"] for group in optimizer.param_groups) or optimizer.state:
        return "A stack is trained with a new torch.optim.SGD without dampening or maximize."
    if plan.callbacks:
        return "Callbacks look at one model in training, and in a stack there is none."
    if plan.compile:
        return "A stack is not compiled: set compile=False."
    device = next(plan.model.parameters()).device
    if choose_precision(plan.precision, device, plan.train.images) == "float16":
        return "float16 needs a loss scale for each model, which a stack has not: set precision='float32'."
    for name, module in plan.model.named_modules():
        kind = f"{type(module).__name__} ({name})"
        if isinstance(module, nn.modules.batchnorm._NormBase) and module.track_running_stats:
            return f"The running means of {kind} belong to one model and cannot be kept for a stack."
        if isinstance(module, nn.modules.dropout._DropoutNd) and module.p > 0:
            return f"{kind} draws other random numbers in a stack than it would for each model alone."
    return None


def hidden_obstacle(plan: Plan) -> str | None:
    """Return what a step on two examples brings to light: random numbers, decisions that depend on values.

    Plans of one family have it in common.
    """
    device = next(plan.model.parameters()).device
    two = plan.train.images[:1].expand(1, 2, *plan.train.images.shape[1:]).to(device)
    labels = plan.train.labels[:1].expand(1, 2).to(device)
    plan.model.train()
    try:
        step = vmap(loss_and_logits(plan), in_dims=(0, 0, 0, 0), randomness="error")
        loss, _ = step(*stack_module_state([plan.model]), two, labels)
        loss.sum().backward()
    except RuntimeError as error:
        return f"torch.func.vmap cannot compute it for many models at once: {str(error).splitlines()[0]}"
    return None


def _fits(one: Plan, other: Plan) -> bool:
    shared = {name: value for name, value in one.arguments().items() if name not in _OWN}
    return (
        alike(shared, {name: value for name, value in other.arguments().items() if name not in _OWN})
        and trained_groups(one) == trained_groups(other)
        and [group["nesterov"] for group in one.optimizer.param_groups]
        == [group["nesterov"] for group in other.optimizer.param_groups]
    )
