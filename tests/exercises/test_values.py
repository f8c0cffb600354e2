"""Plain values go through JSON unchanged, and nothing else gets through."""

import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_utils.exercises.values import Array, Opaque, decode, encode

scalars = st.none() | st.booleans() | st.integers(-(2**62), 2**62) | st.text(max_size=30) | st.floats()
plain = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)


def same(one, other):
    if isinstance(one, float) and isinstance(other, float):
        return one == other or (math.isnan(one) and math.isnan(other))
    if type(one) is not type(other):
        return False
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return one == other


@given(plain)
def test_plain_values_come_back_as_they_were(value):
    assert same(decode(encode(value)), value)


@pytest.mark.parametrize(
    "dtype", [torch.bool, torch.uint8, torch.int64, torch.float16, torch.bfloat16, torch.float64]
)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3), (2, 0, 4)])
def test_tensors_come_back_with_values_shape_and_dtype(dtype, shape):
    tensor = torch.arange(math.prod(shape)).reshape(shape).to(dtype)
    back = decode(encode(tensor), tensors=True)
    assert back.dtype == dtype
    assert torch.equal(back, tensor)


def test_a_tensor_that_is_a_view_comes_back_right():
    tensor = torch.arange(12.0).reshape(3, 4).T[1:]
    assert torch.equal(decode(encode(tensor), tensors=True), tensor)


def test_a_tensor_keeps_its_kind_and_an_array_its_own():
    assert decode(encode(torch.ones(2))).kind == "tensor"
    assert decode(encode(np.ones(2))).kind == "array"


@pytest.mark.parametrize(
    "value", [object(), open, {1, 2}, torch.nn.Linear(1, 1), 2**70, "x" * 100_000, np.array([object()])]
)
def test_what_is_not_plain_becomes_the_name_of_its_type(value):
    assert isinstance(decode(encode(value)), Opaque)


def test_a_list_that_contains_itself_does_not_hang():
    loop: list = []
    loop.append(loop)
    assert isinstance(decode(encode(loop)), list)


ARRAY = {"kind": "tensor", "dtype": "float32", "shape": [2], "device": "cpu", "data": "AAAAAAAAAAA="}


@pytest.mark.parametrize(
    "forged",
    [
        {**ARRAY, "shape": [10**12]},
        {**ARRAY, "shape": [-1]},
        {**ARRAY, "shape": [True, 2]},
        {**ARRAY, "shape": [1] * 40},
        {**ARRAY, "dtype": "object"},
        {**ARRAY, "data": "AAAA"},
        {**ARRAY, "data": "!" * 12},
        {**ARRAY, "device": 3},
        {"kind": "pickle", "data": "gASV"},
        {"kind": "dict", "items": [["a", 1, 2]]},
        {"kind": "dict", "items": {"a": 1}},
        {"kind": "list", "items": 3},
        {"kind": "float", "value": 1.0},
        {"kind": "float", "value": "1" * 100},
        [1, 2],
        1.5,
    ],
)
def test_a_forged_value_is_refused(forged):
    with pytest.raises(ValueError, match=r"\w"):
        decode(json.dumps(forged))


@pytest.mark.parametrize("text", ["NaN", "[" * 5000 + "]" * 5000, "9" * 5000, "{", ""])
def test_text_that_is_not_such_json_is_refused(text):
    with pytest.raises(ValueError, match=r"\w"):
        decode(text)


def test_an_honest_array_of_that_form_is_read():
    assert isinstance(decode(json.dumps(ARRAY)), Array)


def test_many_small_parts_are_refused_before_they_are_parsed():
    with pytest.raises(ValueError, match="parts"):
        decode("[" + "[]," * 500_000 + "[]]")
