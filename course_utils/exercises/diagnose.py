"""Say in general terms how wrong values relate to right ones: sign, factor, transposed, off by one, ..."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from course_utils.exercises.compare import Difference, close, compare, number, type_in_words
from course_utils.exercises.observe import Failure
from course_utils.exercises.values import Array

_LOOSE = {"rtol": 1e-3, "atol": 1e-6}


def diagnose(differences: list[Difference], inputs: dict[str, Any]) -> str:
    """Describe the first difference, and name the other parts that differ too."""
    first = differences[0]
    text = _SENTENCES[first.kind](first, inputs)
    others = [d.where for d in differences[1:] if d.where and d.where != first.where]
    if others and first.kind != "order":
        text += f" Also different: {', '.join(f'`{other}`' for other in others[:6])}."
    return text


def describe_failure(failure: Failure, names: tuple[str, ...], inputs: dict[str, Any]) -> str:
    """Describe an exception: its type and message, the line, and what usually causes it."""
    line = f" in the line `{failure.line_text}`" if failure.line_text else ""
    text = f"It stopped with {failure.type_name}{line}: {failure.message[:300]}"
    if text[-1] not in ".!?":
        text += "."
    advice = _advice(failure, names)
    return " ".join(part for part in (text, advice, describe_inputs(inputs)) if part)


def describe_inputs(inputs: dict[str, Any]) -> str:
    """Name the shapes of the inputs on which an answer failed."""
    described = [f"`{name}` {_shape(value)}" for name, value in _flat(inputs).items() if _shape(value)]
    return f"It was tried with {', '.join(described)}." if described else ""


def _none(d: Difference, inputs: dict[str, Any]) -> str:  # noqa: ARG001
    return f"{_subject(d)} is None. Is the `return` missing?"


def _type(d: Difference, inputs: dict[str, Any]) -> str:  # noqa: ARG001
    text = f"{_subject(d)} should be {type_in_words(d.expected)}, but it is {type_in_words(d.got)}."
    if isinstance(d.expected, Array) and isinstance(d.got, list | tuple):
        whole = "tensor" if d.expected.kind == "tensor" else "array"
        text += f" Build one {whole} of it, or return one thing only."
    return text


def _length(d: Difference, inputs: dict[str, Any]) -> str:  # noqa: ARG001
    return f"{_subject(d)} should have {len(d.expected)} items, but it has {len(d.got)}."


def _keys(d: Difference, inputs: dict[str, Any]) -> str:  # noqa: ARG001
    missing = [repr(key) for key in d.expected if key not in d.got]
    extra = [repr(key) for key in d.got if key not in d.expected]
    parts = [f"lacks {', '.join(missing[:8])}"] if missing else []
    parts += [f"also has {', '.join(extra[:8])}, not asked for"] if extra else []
    return f"{_subject(d)} {' and '.join(parts)}."


def _device(d: Difference, inputs: dict[str, Any]) -> str:  # noqa: ARG001
    return (
        f"{_subject(d)} lies on the device '{d.got.device}', but the inputs are on 'cpu': create new tensors "
        "on the device of the inputs."
    )


def _dtype(d: Difference, inputs: dict[str, Any]) -> str:  # noqa: ARG001
    text = f"{_subject(d)} should have the dtype {d.expected.dtype}, but it has {d.got.dtype}"
    if d.expected.dtype == "bool":
        return text + ": a comparison (such as `> 0`) gives truth values."
    convert = {"float32": ".float()", "float64": ".double()", "int64": ".long()"}.get(d.expected.dtype)
    if "float" not in d.got.dtype and convert:
        return text + f": convert it, for example by `{convert}`."
    return text + ": let new tensors take the dtype of the inputs (as `torch.zeros_like` does)."


def _shape_difference(d: Difference, inputs: dict[str, Any]) -> str:  # noqa: ARG001
    ours, theirs = getattr(d.expected, "shape", ()), d.got.shape
    text = f"{_subject(d)} should have the shape {ours}, but it has {theirs}"
    if len(ours) > 1 and theirs == tuple(reversed(ours)):
        return text + ": it is transposed."
    if len(theirs) == len(ours) + 1 and 1 in theirs and sorted(theirs) == sorted((*ours, 1)):
        return text + ": one dimension of size 1 too many (`keepdim`, or a missing `squeeze`)."
    if len(theirs) + 1 == len(ours):
        return text + ": a dimension was summed or indexed away."
    if len(theirs) > len(ours):
        return text + ": it should be reduced (summed, averaged or indexed) over a dimension."
    if len(theirs) == len(ours) and all(abs(a - b) <= 1 for a, b in zip(ours, theirs, strict=True)):
        return text + ": off by one."
    return text + "."


def _values(d: Difference, inputs: dict[str, Any]) -> str:
    ours, theirs = _as_array(d.expected), _as_array(d.got)
    if ours is None or theirs is None:
        return f"{_subject(d)} does not have the right value."
    relation = _relation(ours, theirs, inputs)
    gap = np.abs(theirs.astype(complex) - ours.astype(complex))
    largest = float(np.max(gap)) if np.isfinite(gap).all() else float("nan")
    size = ""
    if largest == largest and ours.size:
        scale = float(np.max(np.abs(ours)))
        size = f" Largest difference {largest:.3g}, where the right values reach {scale:.3g} in size."
    return f"{_subject(d)} has the right shape but wrong values{relation}.{size}"


def _inputs(d: Difference, inputs: dict[str, Any]) -> str:
    before = _lookup(inputs, d.where)
    where = re.sub(r"^.*item \d+, (?!item)", "", d.where)  # of a list of cases, what the answer calls it
    name = f"its input `{where.replace(', ', ' / ')}`" if where else "its inputs"
    if compare(d.expected, before, rtol=0.0, atol=0.0):
        return f"After the call, {name} should be changed in place in another way than it is."
    added = ", ".join(repr(key) for key in d.got if key not in d.expected) if isinstance(d.got, dict) else ""
    if added:
        return f"It returns the right values, but it adds {added} to {name}, which belongs to the caller."
    return (
        f"It returns the right values, but it changes {name}: the caller still needs it. "
        "Work on a new tensor instead of `+=`, `[...] =` or a method that ends in an underscore."
    )


def _order(d: Difference, inputs: dict[str, Any]) -> str:  # noqa: ARG001
    return f"{_subject(d)} holds the right items in the wrong order."


def _failure(d: Difference, inputs: dict[str, Any]) -> str:  # noqa: ARG001
    return "It should have raised an error on these inputs, and it did not."


_SENTENCES = {
    "none": _none,
    "type": _type,
    "length": _length,
    "keys": _keys,
    "device": _device,
    "dtype": _dtype,
    "shape": _shape_difference,
    "values": _values,
    "inputs": _inputs,
    "order": _order,
    "failure": _failure,
}


def _relation(ours: np.ndarray[Any, Any], theirs: np.ndarray[Any, Any], inputs: dict[str, Any]) -> str:
    """Return a clause that says how the two are related, or nothing."""
    if ours.dtype.kind == "b" or theirs.dtype.kind == "b":
        return ": true and false are swapped" if np.array_equal(ours, ~theirs) else ""
    if not np.isfinite(theirs).all() and np.isfinite(ours).all():
        bad = _count(~np.isfinite(theirs))
        return f": {bad} of {theirs.size} are not finite (division by zero, log of 0 or overflow)"
    if ours.size == 0 or not np.isfinite(ours).all():
        return ""
    if np.abs(ours).max() == 0:
        return ": they should all be zero"
    if not theirs.any():
        return ": they are all zero"
    if _near(ours, -theirs):
        return ": the sign is flipped"
    factor = _constant_factor(ours, theirs)
    if ours.size == 1:
        sizes = "" if factor is None else _sizes(factor, inputs)
        return f": {theirs.item():.6g} instead of {ours.item():.6g}{sizes}"
    if factor is not None:
        return f": all are {factor:.4g} times what they should be{_sizes(factor, inputs)}"
    shift = theirs - ours
    if shift.size > 1 and _near(shift, np.full_like(shift, shift.flat[0])):
        return f": all are off by {float(np.real(shift.flat[0])):.4g}"
    if ours.ndim == 2 and ours.shape[0] == ours.shape[1] and _near(ours, theirs.T):
        return ": it is transposed"
    for axis in range(ours.ndim):
        for step in (1, -1):
            if ours.shape[axis] > 2 and _near(ours, np.roll(theirs, step, axis=axis)):
                return f": they are shifted by one along dimension {axis}"
    if ours.size > 1 and _near(np.sort(ours, axis=None), np.sort(theirs, axis=None)):
        return ": the numbers are right but stand in other places"
    wrong = ~np.isclose(theirs, ours, rtol=1e-3, atol=1e-6)
    if ours.size > 1 and wrong.sum() <= ours.size / 2:
        first = tuple(int(i) for i in np.argwhere(wrong)[0])
        return (
            f": {_count(wrong)} of {ours.size} differ, the first at {first if len(first) > 1 else first[0]}"
        )
    return ""


def _sizes(factor: float, inputs: dict[str, Any]) -> str:
    """Say which sizes of the inputs a factor is equal to."""
    for name, value in _flat(inputs).items():
        for axis, size in enumerate(getattr(value, "shape", ())):
            if size > 2 and np.isclose(factor, size):
                return f" ({size} is the size of dimension {axis} of `{name}`: a sum where a mean is due?)"
            if size > 2 and np.isclose(factor, 1 / size):
                return f" (dimension {axis} of `{name}` has size {size}: a mean where a sum is due?)"
    return ""


def _constant_factor(ours: np.ndarray[Any, Any], theirs: np.ndarray[Any, Any]) -> float | None:
    nonzero = np.abs(ours) > 1e-7 * np.abs(ours).max()
    if not nonzero.any() or np.abs(theirs[~nonzero]).sum() > 1e-5:
        return None
    ratios = np.real(theirs[nonzero] / ours[nonzero])
    factor = float(np.median(ratios))
    return factor if np.allclose(ratios, factor, rtol=1e-3) and ours.size > 0 else None


def _advice(failure: Failure, names: tuple[str, ...]) -> str:
    message = failure.message
    if failure.type_name == "NameError":
        return "That name is not defined where it is used: a typing error, or a line that stands too late?"
    if "positional argument" in message and message.startswith(tuple(f"{name}()" for name in names)):
        return f"Keep the arguments of {' and '.join(f'`{n}`' for n in names)} as the exercise gives them."
    if "shapes cannot be multiplied" in message or "size mismatch" in message:
        return (
            "Write the shape of each factor beside the line: the inner sizes must agree (is one transposed?)."
        )
    if "must match the size" in message or "broadcast" in message:
        return "The shapes of the two operands do not fit: write them beside the line."
    if "does not require grad" in message:
        return "Nothing asked for gradients (`requires_grad`), or autograd is switched off here."
    if "numpy()" in message and "grad" in message:
        return "Use `.detach()` before leaving autograd."
    if failure.type_name == "SystemExit":
        return "An answer should return, not leave Python."
    return ""


def _subject(d: Difference) -> str:
    return f"`{d.where}`" if d.where else "What it returns"


def _as_array(value: Any) -> np.ndarray[Any, Any] | None:
    if isinstance(value, Array):
        return value.values
    found = number(value)
    return None if found is None else np.asarray(found)


def _near(ours: np.ndarray[Any, Any], theirs: np.ndarray[Any, Any]) -> bool:
    return close(ours.astype(float), theirs.astype(float), **_LOOSE)


def _count(mask: np.ndarray[Any, Any]) -> int:
    return int(np.count_nonzero(mask))


def _shape(value: Any) -> str:
    if isinstance(value, Array) and value.shape != ():
        return f"of shape {value.shape}"
    if type(value) in (int, float):
        return f"= {value:.6g}"
    return ""


def _flat(inputs: dict[str, Any]) -> dict[str, Any]:
    """Return inputs with those inside dictionaries named as the student reaches them: ``params["Wh"]``."""
    flat: dict[str, Any] = {}
    for name, value in inputs.items():
        inner = {f'{name}["{key}"]': item for key, item in value.items()} if isinstance(value, dict) else {}
        flat |= inner or {name: value}
    return flat


def _lookup(inputs: dict[str, Any], where: str) -> Any:
    found: Any = inputs
    for label in where.split(", "):
        if isinstance(found, dict):
            found = found.get(label)
        elif isinstance(found, list | tuple) and label.startswith("item "):
            found = found[int(label.removeprefix("item "))]
    return found
