"""Which models can be trained in one stack, and why others cannot.

A stack is trained by the first plan's functions. So plans go together only if these do the same for all.
"""

from __future__ import annotations

import types
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import stack_module_state, vmap

from course_utils.training.precision import choose_precision
from course_utils.training.stacking import loss_and_logits, trained_groups
from course_utils.training.trials import Plan

# What may differ between the trials of one stack, and of the model its values; everything else must be alike.
_OWN = {"model", "optimizer", "generator", "schedule"}


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


def same_architecture(one: nn.Module, other: nn.Module) -> bool:
    """Return whether two models would do the same if their parameters and buffers had the same values."""
    parts, others = (list(model.named_modules(remove_duplicate=False)) for model in (one, other))
    return [(name, type(module)) for name, module in parts] == [
        (name, type(module)) for name, module in others
    ] and alike(
        [_without_values(module) for _, module in parts], [_without_values(module) for _, module in others]
    )


def alike(one: object, other: object) -> bool:
    """Return whether two objects would do the same.

    Functions are compared by their code and by what they close over, because a plan that defines one makes
    it anew for each trial. Where it cannot be known the answer is False.
    """
    return _alike(one, other, {})


def _fits(one: Plan, other: Plan) -> bool:
    shared = {name: value for name, value in one.arguments().items() if name not in _OWN}
    return (
        same_architecture(one.model, other.model)
        and alike(shared, {name: value for name, value in other.arguments().items() if name not in _OWN})
        and trained_groups(one) == trained_groups(other)
        and [group["nesterov"] for group in one.optimizer.param_groups]
        == [group["nesterov"] for group in other.optimizer.param_groups]
    )


def _alike(one: Any, other: Any, seen: dict[tuple[int, int], tuple[Any, Any]]) -> bool:
    if one is other or (id(one), id(other)) in seen:  # a pair met before is being compared further up
        return True
    seen[id(one), id(other)] = one, other  # kept alive: an id may otherwise be given again
    if type(one) is not type(other):
        return False
    if isinstance(one, Tensor):
        return one.dtype == other.dtype and one.device == other.device and torch.equal(one, other)
    if isinstance(one, types.FunctionType):
        return (
            one.__code__ == other.__code__
            and one.__globals__ is other.__globals__
            and _alike(one.__defaults__, other.__defaults__, seen)
            and _alike(one.__kwdefaults__, other.__kwdefaults__, seen)
            and _alike(_closure(one), _closure(other), seen)
        )
    if isinstance(one, types.MethodType):
        return one.__func__ is other.__func__ and _alike(one.__self__, other.__self__, seen)
    if isinstance(one, partial):
        return _alike((one.func, one.args, one.keywords), (other.func, other.args, other.keywords), seen)
    if isinstance(one, dict):
        return list(one) == list(other) and all(_alike(one[key], other[key], seen) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(_alike(*pair, seen) for pair in zip(one, other, strict=True))
    compares_itself = any("__eq__" in vars(each) for each in type(one).__mro__[:-1])
    if not compares_itself or hasattr(one, "__dataclass_fields__"):
        return hasattr(one, "__dict__") and _alike(vars(one), vars(other), seen)
    try:
        return bool(one == other)
    except ValueError:  # arrays compare to arrays
        return False


def _without_values(module: nn.Module) -> dict[str, Any]:
    """Return a module's own attributes, with shape, dtype and so on in place of parameters and buffers."""
    described = {
        name: {
            key: None if value is None else (value.shape, value.dtype, value.device, value.requires_grad)
            for key, value in vars(module)[name].items()
        }
        for name in ("_parameters", "_buffers")
    }
    return vars(module) | described | {"_modules": list(vars(module)["_modules"])}


def _closure(function: types.FunctionType) -> list[object]:
    try:
        return [cell.cell_contents for cell in function.__closure__ or ()]
    except ValueError:  # a name that is assigned later
        return [object()]
