"""Plain values: what a probe may bring back, as JSON that can be read from an untrusted process.

A judge only ever sees what `decode` returns: numbers, text, containers and `Array`. Objects, functions and
files cannot be expressed, and sizes are checked before anything is allocated.
"""

from __future__ import annotations

import base64
import json
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

MAX_TEXT = 20_000
MAX_ITEMS = 20_000
MAX_DEPTH = 12
MAX_BYTES = 64 * 2**20
MAX_PARTS = 400_000
_DTYPES = {
    *("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64"),
    *("bfloat16", "complex64", "complex128"),
}
# NumPy has no bfloat16: its values travel as float32, which holds every one of them exactly.
_STORED_AS = {"bfloat16": "float32"}


@dataclass(frozen=True)
class Array:
    """A tensor or NumPy array that was brought back: its values and how it was held."""

    values: np.ndarray[Any, Any]
    kind: str  # "tensor" or "array"
    dtype: str
    device: str = "cpu"

    @property
    def shape(self) -> tuple[int, ...]:
        """The array's shape."""
        return tuple(self.values.shape)


@dataclass(frozen=True)
class Opaque:
    """Something that is not a plain value; only the name of its type is known."""

    type_name: str


def encode(value: object) -> str:
    """Write a value as JSON text; what is not plain, or too large, becomes the name of its type."""
    text = json.dumps(_encode(value, depth=0), allow_nan=False)
    if len(text) > MAX_BYTES:
        return json.dumps(_opaque(f"a {type(value).__name__} of {len(text)} bytes"))
    return text


def decode(text: str, *, tensors: bool = False) -> Any:
    """Read a value back.

    Parameters
    ----------
    text : str
        What `encode` wrote, or what an untrusted process claims it wrote.
    tensors : bool
        Return real tensors and arrays (to be used as a probe's inputs) instead of `Array`.

    Raises
    ------
    ValueError
        If the text is not exactly of the form that `encode` writes, or too large.
    """
    if len(text) > MAX_BYTES:
        raise ValueError(f"the value takes {len(text)} characters; at most {MAX_BYTES} are read")
    # before parsing: parsed, each part takes fifty bytes and more
    if sum(map(text.count, "[{,")) > MAX_PARTS:
        raise ValueError(f"the value has more than {MAX_PARTS} parts")
    try:
        # int(...) of a long digit string is quadratic: a number that long is nobody's answer.
        parsed = json.loads(text, parse_int=_short_int, parse_constant=_no_constant)
        return _decode(parsed, depth=0, tensors=tensors)
    except RecursionError:
        raise ValueError("the value is nested too deeply") from None


def _encode(value: Any, *, depth: int) -> object:
    if depth > MAX_DEPTH:
        return _opaque("a value nested too deeply")
    kind = type(value)
    if value is None or kind is bool:
        return value
    if kind is str:
        return value if len(value) <= MAX_TEXT else _opaque(f"a text of {len(value)} characters")
    if kind is int:
        return value if -(2**63) < value < 2**63 else _opaque("an integer beyond 64 bits")
    if kind is float:
        return {"kind": "float", "value": repr(value)}
    if value is Ellipsis:
        return {"kind": "ellipsis"}
    if kind is list or kind is tuple:
        if len(value) > MAX_ITEMS:
            return _opaque(f"a {kind.__name__} of {len(value)} items")
        return {"kind": kind.__name__, "items": [_encode(item, depth=depth + 1) for item in value]}
    if isinstance(value, dict):
        if len(value) > MAX_ITEMS:
            return _opaque(f"a dictionary of {len(value)} items")
        if all(type(key) in (str, int) for key in value):
            items = [[key, _encode(item, depth=depth + 1)] for key, item in value.items()]
            return {"kind": "dict", "items": items}
    if isinstance(value, list | tuple):  # named tuples, torch.Size and the like
        return {"kind": "tuple", "items": [_encode(item, depth=depth + 1) for item in value[:MAX_ITEMS]]}
    if isinstance(value, np.ndarray | np.generic):
        return _encode_array(np.asarray(value), "array" if isinstance(value, np.ndarray) else "scalar")
    if kind.__module__.split(".")[0] == "torch":
        return _encode_torch(value)
    return _opaque(kind.__name__)


def _encode_torch(value: Any) -> object:
    import torch

    if not isinstance(value, torch.Tensor):
        return _opaque(type(value).__name__)
    device, dtype = value.device.type, str(value.dtype).removeprefix("torch.")
    value = value.detach()
    if device == "meta":
        value = torch.zeros(value.shape, dtype=value.dtype)
    if value.is_sparse or value.is_quantized or dtype not in _DTYPES:
        return _opaque(f"a tensor of {dtype}")
    stored = value.float() if dtype == "bfloat16" else value
    return _encode_array(stored.cpu().resolve_conj().resolve_neg().numpy(), "tensor", dtype, device)


def _encode_array(values: Any, kind: str, dtype: str | None = None, device: str = "cpu") -> object:
    dtype = dtype or str(values.dtype)
    if dtype not in _DTYPES:
        return _opaque(f"an array of {dtype}")
    if values.nbytes > MAX_BYTES // 2:
        return _opaque(f"an array of {values.nbytes} bytes")
    data = base64.b64encode(np.ascontiguousarray(values).tobytes()).decode("ascii")
    return {
        "kind": kind,
        "dtype": dtype,
        "shape": list(values.shape),
        "device": device,
        "data": data,
    }


def _decode(value: Any, *, depth: int, tensors: bool) -> Any:
    if depth > 2 * MAX_DEPTH:
        raise ValueError("the value is nested too deeply")
    if value is None or type(value) in (bool, int):
        return value
    if type(value) is str:
        if len(value) > MAX_TEXT:
            raise ValueError(f"a text of {len(value)} characters is too long")
        return value
    if type(value) is not dict:
        raise ValueError(f"a {type(value).__name__} stands where a value was expected")
    kind = value.get("kind")
    if kind == "float":
        return _decode_float(value.get("value"))
    if kind == "ellipsis":
        return Ellipsis
    if kind in ("list", "tuple"):
        items = [_decode(item, depth=depth + 1, tensors=tensors) for item in _items(value)]
        return items if kind == "list" else tuple(items)
    if kind == "dict":
        return _decode_dict(_items(value), depth=depth, tensors=tensors)
    if kind in ("tensor", "array", "scalar"):
        array = _decode_array(value)
        return _live(array) if tensors else array
    if kind == "opaque" and type(value.get("type")) is str:
        return Opaque(value["type"][:200])
    raise ValueError(f"a value of unknown kind {str(kind)[:40]!r}")


def _decode_float(text: object) -> float:
    if type(text) is not str or len(text) > 40:
        raise ValueError("a float must be written as short text")
    return float(text)


def _decode_dict(items: list[Any], *, depth: int, tensors: bool) -> dict[str | int, Any]:
    result: dict[str | int, Any] = {}
    for pair in items:
        if type(pair) is not list or len(pair) != 2 or type(pair[0]) not in (str, int):
            raise ValueError("a dictionary's items must be pairs of a name and a value")
        result[pair[0]] = _decode(pair[1], depth=depth + 1, tensors=tensors)
    return result


def _decode_array(value: dict[str, Any]) -> Array:
    dtype, shape, device, data = (value.get(name) for name in ("dtype", "shape", "device", "data"))
    if type(dtype) is not str or dtype not in _DTYPES or type(device) is not str or type(data) is not str:
        raise ValueError("an array needs a known dtype, a shape, a device and data")
    if (
        type(shape) is not list
        or len(shape) > 16
        or any(type(n) is not int or not 0 <= n <= MAX_BYTES for n in shape)
    ):
        raise ValueError("an array's shape must be a list of at most 16 sizes")
    stored = np.dtype(_STORED_AS.get(dtype, dtype))
    expected = math.prod(shape) * stored.itemsize
    if expected > MAX_BYTES or len(data) != 4 * math.ceil(expected / 3):
        raise ValueError(f"an array of shape {shape} and dtype {dtype} does not have {len(data)} characters")
    raw = base64.b64decode(data.encode("ascii", "replace"), validate=True)
    values = np.frombuffer(raw, dtype=stored).reshape(shape)
    return Array(values=values, kind=value["kind"], dtype=dtype, device=device[:20])


def _live(array: Array) -> Any:
    if array.kind == "array":
        return array.values.copy()
    if array.kind == "scalar":
        return array.values[()]
    import torch

    return torch.from_numpy(array.values.copy()).to(getattr(torch, array.dtype))


def _items(value: dict[str, Any]) -> list[Any]:
    items = value.get("items")
    if type(items) is not list or len(items) > MAX_ITEMS:
        raise ValueError(f"a container must be a list of at most {MAX_ITEMS} items")
    return items


def _opaque(type_name: str) -> dict[str, str]:
    return {"kind": "opaque", "type": type_name}


def _short_int(digits: str) -> int:
    if len(digits) > 20:
        raise ValueError("an integer of more than 20 digits")
    return int(digits)


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")
