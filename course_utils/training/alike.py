"""Whether two objects made by the same code are the same but for the values of the models' parameters."""

from __future__ import annotations

import types
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn


def alike(one: object, other: object) -> bool:
    """Return whether two objects would do the same; parameters and buffers of modules may differ in value.

    Functions are compared by their code and by what they close over, because a plan that defines one makes
    it anew for each trial. Where it cannot be known the answer is False.
    """
    return _alike(one, other, {})


def _alike(one: Any, other: Any, seen: dict[tuple[int, int], tuple[Any, Any]]) -> bool:
    if one is other or (id(one), id(other)) in seen:  # a pair met before is being compared further up
        return True
    seen[id(one), id(other)] = one, other  # kept alive: an id may otherwise be given again
    if type(one) is not type(other):
        return False
    if isinstance(one, Tensor):
        return one.dtype == other.dtype and one.device == other.device and torch.equal(one, other)
    if isinstance(one, nn.Module):
        return _alike(_without_values(one), _without_values(other), seen)
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
    """Return a module's attributes, with shape, dtype and so on in place of its parameters and buffers."""
    described = {
        name: {
            key: None if value is None else (value.shape, value.dtype, value.device, value.requires_grad)
            for key, value in vars(module)[name].items()
        }
        for name in ("_parameters", "_buffers")
    }
    return vars(module) | described


def _closure(function: types.FunctionType) -> list[object]:
    try:
        return [cell.cell_contents for cell in function.__closure__ or ()]
    except ValueError:  # a name that is assigned later
        return [object()]
