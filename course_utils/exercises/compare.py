"""Compare two plain values and list how they differ: type, shape, dtype, device or values."""

from __future__ import annotations

import cmath
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from course_utils.exercises.values import Array, Opaque

_FLOATING = ("float", "bfloat", "complex")


@dataclass(frozen=True)
class Difference:
    """One difference.

    Parameters
    ----------
    kind : str
        ``failure``, ``none``, ``type``, ``length``, ``keys``, ``shape``, ``dtype``, ``device``, ``values``
        or ``inputs`` (an input was changed that should not be, or not changed as it should be).
    where : str
        Which part of the returned value, such as ``loss`` or ``gradients['W_h']``; empty for all of it.
    expected, got : object
        The two parts.
    """

    kind: str
    where: str
    expected: Any
    got: Any

    @property
    def got_type(self) -> str:
        """What the student's part is, in words."""
        return type_in_words(self.got)


def compare(
    expected: Any, got: Any, *, rtol: float, atol: float, parts: tuple[str, ...] = (), where: str = ""
) -> list[Difference]:
    """Return the differences between two values as `values.decode` gives them; none if they agree.

    Numbers are compared as numbers: a Python float, a NumPy scalar and a tensor of shape () all count.
    Lists and tuples are interchangeable; a tensor and a NumPy array are not, nor are True and 1.
    """
    tolerance: dict[str, Any] = {"rtol": rtol, "atol": atol}
    if _is_number(expected):
        return _compare_numbers(expected, got, where, **tolerance)
    if isinstance(expected, Array):
        return _compare_arrays(expected, got, where, **tolerance)
    if got is None and expected is not None:
        return [Difference("none", where, expected, got)]
    if isinstance(expected, list | tuple):
        if not isinstance(got, list | tuple):
            return [Difference("type", where, expected, got)]
        if len(expected) != len(got):
            return [Difference("length", where, expected, got)]
        labels = parts if len(parts) == len(expected) else tuple(f"item {i}" for i in range(len(expected)))
        nested = [
            compare(e, g, where=_join(where, label), **tolerance)
            for e, g, label in zip(expected, got, labels, strict=True)
        ]
        found = [difference for differences in nested for difference in differences]
        if found and _permuted(expected, got, tolerance):
            return [Difference("order", where, expected, got), *found]
        return found
    if isinstance(expected, dict):
        if not isinstance(got, dict):
            return [Difference("type", where, expected, got)]
        if set(expected) != set(got):
            return [Difference("keys", where, expected, got)]
        return [
            difference
            for key in expected
            for difference in compare(expected[key], got[key], where=_join(where, str(key)), **tolerance)
        ]
    if type(expected) is not type(got):
        return [Difference("type", where, expected, got)]
    return [] if expected == got else [Difference("values", where, expected, got)]


def type_in_words(value: Any) -> str:
    """Name a value's type as a student knows it: "a torch.Tensor of shape (3, 2)", "a list of 4 items"."""
    if value is None:
        return "None"
    if value is Ellipsis:
        return "the placeholder `...`"
    if isinstance(value, Opaque):
        phrase = " " in value.type_name  # "a text of 20000 characters"
        return value.type_name if phrase else f"an object of type {value.type_name}"
    if isinstance(value, Array):
        if value.kind == "scalar" or value.shape == ():
            return f"a single {value.dtype} number"
        name = "torch.Tensor" if value.kind == "tensor" else "NumPy array"
        return f"a {name} of shape {value.shape}"
    if isinstance(value, list | tuple):
        return f"a {type(value).__name__} of {len(value)} items"
    if isinstance(value, dict):
        return f"a dictionary with the keys {', '.join(map(repr, list(value)[:8]))}"
    names = {bool: "a truth value", int: "a whole number", float: "a number", str: "a text"}
    return names.get(type(value), f"a {type(value).__name__}")


def number(value: Any) -> float | complex | None:
    """Return a value as a number if it is one (also an array of shape ()), else None."""
    if isinstance(value, Array) and value.shape == () and value.dtype != "bool":
        item = value.values.item()
        return item if isinstance(item, complex) else float(item)
    if type(value) in (int, float):
        return float(value)
    return None


def _is_number(value: Any) -> bool:
    return number(value) is not None


def _compare_numbers(expected: Any, got: Any, where: str, *, rtol: float, atol: float) -> list[Difference]:
    if got is None:
        return [Difference("none", where, expected, got)]
    theirs, ours = number(got), number(expected)
    if theirs is None or ours is None:
        if isinstance(got, Array) and got.values.size == 1:
            return [Difference("shape", where, expected, got)]
        return [Difference("type", where, expected, got)]
    if isinstance(got, Array) and got.device != "cpu":
        return [Difference("device", where, expected, got)]
    if isinstance(ours, float) and isinstance(theirs, float) and math.isnan(ours) and math.isnan(theirs):
        return []
    # an infinite value is near nothing but itself, though inf <= inf
    gap = theirs - ours
    distance = math.hypot(gap.real, gap.imag)  # `abs` of a huge complex number raises
    near = theirs == ours or (cmath.isfinite(ours) and distance <= atol + rtol * abs(ours))
    return [] if near else [Difference("values", where, expected, got)]


def _compare_arrays(expected: Array, got: Any, where: str, *, rtol: float, atol: float) -> list[Difference]:
    if got is None:
        return [Difference("none", where, expected, got)]
    if not isinstance(got, Array) or (got.kind != expected.kind and got.kind != "scalar"):
        return [Difference("type", where, expected, got)]
    if got.shape != expected.shape:
        return [Difference("shape", where, expected, got)]
    if got.device != expected.device:
        return [Difference("device", where, expected, got)]
    if not _dtype_serves(expected.dtype, got.dtype):
        return [Difference("dtype", where, expected, got)]
    return (
        []
        if close(expected.values, got.values, rtol=rtol, atol=atol)
        else [Difference("values", where, expected, got)]
    )


def close(ours: np.ndarray[Any, Any], theirs: np.ndarray[Any, Any], *, rtol: float, atol: float) -> bool:
    """Whether two arrays of one shape agree; whole numbers and truth values must agree exactly."""
    if ours.dtype.kind in "iub":
        return bool(np.array_equal(ours, theirs))
    return bool(np.allclose(theirs, ours, rtol=rtol, atol=atol, equal_nan=bool(np.isnan(ours).any())))


def _dtype_serves(expected: str, got: str) -> bool:
    """Whether a dtype may stand for the expected one: any width for integers, the very same for floats.

    A float64 among float32 tensors either fails in the next matrix product or doubles memory unseen.
    """
    if expected.startswith(_FLOATING) or got.startswith(_FLOATING):
        return expected == got
    return np.dtype(expected).kind == np.dtype(got).kind


def _permuted(expected: Any, got: Any, tolerance: dict[str, Any]) -> bool:
    """Whether the same items came in another order."""
    if not 1 < len(expected) <= 8:
        return False
    left = list(got)
    for item in expected:
        match = next((i for i, other in enumerate(left) if not compare(item, other, **tolerance)), None)
        if match is None:
            return False
        left.pop(match)
    return True


def _join(where: str, label: str) -> str:
    return f"{where}, {label}" if where else label
