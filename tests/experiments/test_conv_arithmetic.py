"""A8: the arithmetic of convolutions, against PyTorch's own layers and their gradients."""

import math

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from course_utils.evaluation.reported import read_reported
from course_utils.experiments.catalogue import EXPERIMENTS
from course_utils.experiments.conv_arithmetic import (
    A9_LAYERS,
    layers_of,
    output_size,
    paths_to,
    provenance,
    receptive_fields,
    run,
    seen_width,
    smallest_padding,
)
from course_utils.models.cnn import cnn

LAYERS = st.lists(st.tuples(st.integers(1, 5), st.integers(1, 3), st.integers(0, 2)), min_size=1, max_size=4)


@pytest.fixture(scope="module")
def counted():
    return run(EXPERIMENTS["A8"].settings["CIFAR-10"], 0)


@given(st.integers(1, 40), st.integers(1, 7), st.integers(1, 4), st.integers(0, 3))
def test_the_output_size_is_that_of_a_convolution(n, kernel, stride, padding):
    assume(n + 2 * padding >= kernel)
    assert output_size(n, kernel, stride, padding) == convolved_size(n, kernel, stride, padding)


def convolved_size(n, kernel, stride, padding):
    line, ones = torch.zeros(1, 1, n), torch.ones(1, 1, kernel)
    return F.conv1d(line, ones, stride=stride, padding=padding).shape[2]


def test_a_kernel_that_does_not_fit_is_refused_in_words():
    with pytest.raises(ValueError, match="kernel of 5 does not fit into 2 pixels with padding 1"):
        output_size(2, 5, 1, 1)


@settings(deadline=None, max_examples=40)
@given(LAYERS, st.integers(8, 40), st.data())
def test_the_recursion_names_the_very_pixels_that_the_gradient_of_an_output_reaches(layers, n, data):
    try:
        field = receptive_fields(layers, n)[-1]
    except ValueError:
        assume(False)
    output = data.draw(st.integers(0, field.outputs - 1))
    reached = reached_pixels(layers, n, output)
    first, last = field.pixels(output)
    # beyond the border an inner layer's padding, or pixels left over by a stride, may hide real pixels
    assert set(reached) <= set(range(first, last + 1))
    if first >= 0 and last < n and all(stride <= kernel for kernel, stride, _ in layers):
        assert reached == list(range(first, last + 1))  # a stride larger than its kernel leaves gaps


@pytest.mark.parametrize("depth", range(1, 7))
def test_in_the_reports_network_the_field_is_cut_off_only_by_the_border(depth):
    field = receptive_fields(A9_LAYERS[:depth], 32)[-1]
    for output in range(field.outputs):
        first, last = field.pixels(output)
        inside = [pixel for pixel in range(32) if first <= pixel <= last]
        assert reached_pixels(A9_LAYERS[:depth], 32, output) == inside


def reached_pixels(layers, n, output):
    paths = paths_to(layers, height=n, width=n, row=output, column=output)
    return (paths.sum(dim=0) > 0).nonzero()[:, 0].tolist()


def test_the_field_of_the_real_network_is_never_wider_than_the_one_found_with_weights_of_one():
    network = cnn(generator=torch.Generator().manual_seed(0), widths=(4, 4, 4), hidden=8)
    body = nn.Sequential(*[m for m in network if not isinstance(m, nn.Linear | nn.Flatten)])
    reached = torch.zeros(32, 32, dtype=torch.bool)
    generator = torch.Generator().manual_seed(1)
    for _ in range(200):  # each picture lets other ReLUs and other maxima through
        image = torch.randn(1, 3, 32, 32, generator=generator).requires_grad_()
        body(image)[0, :, 0, 0].sum().backward()
        reached |= image.grad[0].abs().sum(dim=0) > 0
    seen = paths_to(A9_LAYERS, height=32, width=32, row=0, column=0) > 0
    assert not (reached & ~seen).any()
    assert reached.any(dim=0).sum() == seen.any(dim=0).sum() == 22


def test_paths_count_the_ways_to_the_output():
    # two 3-wide layers along one axis: 1, 2, 3, 2, 1 ways; both axes multiply
    line = torch.tensor([0, 1, 2, 3, 2, 1, 0], dtype=torch.float64)
    found = paths_to([(3, 1, 1), (3, 1, 1)], height=7, width=7)
    torch.testing.assert_close(found, torch.outer(line, line))


def test_an_output_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match=r"no output \(2, 0\): the last layer has 2 x 2"):
        paths_to([(2, 2, 0)], height=4, width=4, row=2, column=0)


def test_the_layers_are_read_from_the_network():
    network = cnn(generator=torch.Generator().manual_seed(0), widths=(2, 2, 2), hidden=3)
    assert layers_of(network) == list(A9_LAYERS)


@given(st.integers(1, 40), st.integers(1, 7), st.integers(1, 4))
def test_the_smallest_padding_is_one_that_pytorch_confirms_and_none_below_it_is(n, kernel, stride):
    def outputs(padding):
        if n + 2 * padding < kernel:
            return None
        return convolved_size(n, kernel, stride, padding)

    for wanted in {n, -(-n // 2)}:
        found = smallest_padding(n, kernel, stride, wanted)
        right = [padding for padding in range(kernel) if outputs(padding) == wanted]
        assert found == (right[0] if right else None)


def test_the_halving_padding_needs_the_floor():
    assert smallest_padding(32, 3, 2, 16) == 1  # without the floor the equation gives 0.5
    assert smallest_padding(32, 4, 1, 32) is None


def test_the_counts_are_those_of_the_formulas(counted):
    weights_and_biases = [
        32 * (5 * 5 * 3 + 1),
        64 * (5 * 5 * 32 + 1),
        64 * (5 * 5 * 64 + 1),
        1000 * (4 * 4 * 64 + 1),
        10 * (1000 + 1),
    ]
    assert [counted[f"parameters_layer_{i}"] for i in range(1, 6)] == weights_and_biases
    assert counted["parameters"] == sum(weights_and_biases) == 1_191_170
    assert counted["training_values"] == 3 * counted["training_pixels"] == 153_600_000
    assert counted["first_layer_weights"] == 2400
    assert counted["first_layer_weights_fully_connected"] == (32 * 32 * 3) * (32 * 32 * 32)
    assert (counted["dictionary_numbers"], counted["svm_parameters"]) == (128_000, 10_010)


def test_the_receptive_fields_by_gradient_are_those_of_the_recursion(counted):
    recursion = [field.size for field in receptive_fields(A9_LAYERS, 32)[1:]]
    assert recursion == [5, 6, 14, 16, 32, 36]
    assert [counted[f"receptive_field_{i}"] for i in range(1, 7)] == recursion
    assert seen_width([(3, 2, 1), (3, 2, 1)]) == 7


def test_every_metric_is_a_finite_number(counted):
    assert all(math.isfinite(value) for value in counted.values())


def test_every_reported_figure_of_the_table_has_a_metric(counted):
    reported = read_reported("A8")
    assert {entry.metric for entry in reported} <= set(counted)
    assert {entry.setting for entry in reported} == set(EXPERIMENTS["A8"].settings)


def test_no_data_are_named():
    assert provenance(EXPERIMENTS["A8"].settings["CIFAR-10"], 0).source == "no data: counted"
