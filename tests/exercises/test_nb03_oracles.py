"""The reference answers of notebook 03 against witnesses that know nothing of them."""

import math

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.signal import correlate2d
from sklearn.svm import LinearSVC
from torch import nn
from torch.nn import functional as F

from course_utils.data import load
from course_utils.exercises import catalogue
from course_utils.exercises.references import References
from course_utils.experiments.catalogue import EXPERIMENTS
from course_utils.experiments.conv_arithmetic import A9_LAYERS, run
from course_utils.models.cnn import cnn
from course_utils.models.initialise import initialise
from course_utils.training.devices import one_thread

NOTEBOOK = catalogue.notebook("03")
CASES = [
    (1, 0, (3, 3)),
    (1, 2, (5, 5)),
    (2, 1, (3, 2)),
    (3, 2, (4, 5)),
    (2, 0, (1, 1)),
]  # stride, padding, kernel


@pytest.fixture(autouse=True)
def single_thread():
    """Tensors this small are computed ten times faster by one thread than by two."""
    with one_thread():
        yield


@pytest.fixture(scope="module")
def ours():
    """Return a function from an exercise's number to what its reference defines."""
    references = References(NOTEBOOK)
    references.answer(NOTEBOOK.exercises[-1])
    every = {name: value for e in NOTEBOOK.exercises for name, value in references.answer(e).items()}
    return every.__getitem__


def drawn(kernel, seed=0):
    """Return pictures, filters and biases in float64."""
    generator = torch.Generator().manual_seed(seed)
    shapes = ((2, 3, 9, 8), (4, 3, *kernel), (4,))
    return [torch.randn(*shape, generator=generator, dtype=torch.float64) for shape in shapes]


# --- convolutions -------------------------------------------------------------------------------------------


@given(st.integers(1, 40), st.integers(1, 7), st.integers(1, 4), st.integers(0, 3))
def test_the_output_size_is_that_of_a_convolution(ours, n, kernel, stride, padding):
    assume(n + 2 * padding >= kernel)
    line, ones = torch.zeros(1, 1, n), torch.ones(1, 1, kernel)
    found = F.conv1d(line, ones, stride=stride, padding=padding)
    assert ours("output_size")(n, kernel, stride, padding) == found.shape[2]


@pytest.mark.parametrize("program", ["conv2d_loops", "conv2d_matmul"])
@pytest.mark.parametrize(("stride", "padding", "kernel"), CASES)
def test_each_program_is_the_convolution_of_pytorch(ours, program, stride, padding, kernel):
    x, weight, bias = drawn(kernel)
    expected = F.conv2d(x, weight, bias, stride=stride, padding=padding)
    torch.testing.assert_close(ours(program)(x, weight, bias, stride, padding), expected)


def test_the_loop_is_the_cross_correlation_of_scipy(ours):
    x, weight, bias = drawn((3, 2))
    found = ours("conv2d_loops")(x, weight, bias, 1, 0)
    for n in range(2):
        for f in range(4):
            channels = [correlate2d(x[n, c], weight[f, c], mode="valid") for c in range(3)]
            np.testing.assert_allclose(found[n, f], sum(channels) + bias[f].item(), rtol=1e-10)


@pytest.mark.parametrize(("stride", "padding", "kernel"), CASES)
def test_the_layer_is_the_convolution_of_pytorch(ours, stride, padding, kernel):
    x, weight, bias = (tensor.float() for tensor in drawn(kernel))
    layer = ours("as_layer")(weight, bias, stride, padding)
    torch.testing.assert_close(layer(x), F.conv2d(x, weight, bias, stride=stride, padding=padding))


def test_a_shifted_picture_gives_the_shifted_output(ours):
    x, weight, bias = drawn((3, 3))
    program = ours("conv2d_loops")
    after, before = program(x.roll(1, dims=3), weight, bias, 1, 1), program(x, weight, bias, 1, 1)
    torch.testing.assert_close(after[..., 2:-1], before[..., 1:-2])
    assert (ours("q2"), ours("q2_reason")) == ("c", 1)


def test_the_first_layers_cost_what_pytorchs_layers_have(ours):
    convolution = nn.Conv2d(3, 32, 5, padding=2, bias=False)
    dense = nn.Linear(3 * 32 * 32, 32 * 32 * 32, bias=False, device="meta")
    assert ours("q1_convolution") == convolution.weight.numel()
    assert ours("q1_fully_connected") == dense.weight.numel()
    columns = F.unfold(torch.zeros(1, 3, 32, 32), 5, padding=2)  # (1, numbers in a window, places)
    assert ours("q1_multiplications") == 32 * columns.numel()


# --- backward -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("stride", "padding", "kernel"), CASES)
def test_the_gradients_by_hand_are_those_of_autograd(ours, stride, padding, kernel):
    x, weight, bias = (tensor.requires_grad_() for tensor in drawn(kernel))
    y = F.conv2d(x, weight, bias, stride=stride, padding=padding)
    G = torch.randn(y.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    dx, dweight, dbias = torch.autograd.grad(y, (x, weight, bias), G)
    found = ours("conv2d_backward_weight")(G, x.detach(), kernel, stride, padding)
    torch.testing.assert_close(found, (dweight, dbias))
    found = ours("conv2d_backward_input")(G, weight.detach(), (9, 8), stride, padding)
    torch.testing.assert_close(found, dx)


@pytest.mark.parametrize("step", [1e-5, 1.0])
def test_the_gradients_by_hand_are_those_of_central_differences_whatever_the_step(ours, step):
    x, weight, bias = drawn((3, 2))
    G = torch.randn(2, 4, 5, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)

    def slope(tensor, place):
        ends = []
        for sign in (1, -1):
            moved = tensor.clone()
            moved[place] += sign * step
            arguments = [moved if other is tensor else other for other in (x, weight, bias)]
            ends.append((G * F.conv2d(*arguments, stride=2, padding=1)).sum())
        return float(ends[0] - ends[1]) / (2 * step)

    dweight, dbias = ours("conv2d_backward_weight")(G, x, (3, 2), 2, 1)
    dx = ours("conv2d_backward_input")(G, weight, (9, 8), 2, 1)
    for tensor, gradient in ((x, dx), (weight, dweight), (bias, dbias)):
        for place in list(np.ndindex(*tensor.shape))[::7]:
            assert float(gradient[place]) == pytest.approx(slope(tensor, place), rel=1e-8, abs=1e-8)
    assert (ours("q_step"), ours("q_step_reason")) == ("d", 2)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 3), st.integers(0, 2), st.integers(2, 4))
def test_forward_and_backward_are_adjoint(ours, stride, padding, side):
    # <G, conv(x)> = <conv_backward(G), x> holds for every linear map and its gradient
    x, weight, _ = drawn((side, side))
    y = ours("conv2d_matmul")(x, weight, torch.zeros(4, dtype=torch.float64), stride, padding)
    G = torch.randn(y.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    dx = ours("conv2d_backward_input")(G, weight, (9, 8), stride, padding)
    assert float((G * y).sum()) == pytest.approx(float((dx * x).sum()), rel=1e-9)


# --- sizes and parameters -----------------------------------------------------------------------------------


@given(st.integers(2, 40), st.integers(1, 7), st.integers(1, 4), st.integers(1, 40))
def test_the_padding_is_the_smallest_that_pytorch_confirms(ours, n, kernel, stride, wanted):
    def outputs(padding):
        if n + 2 * padding < kernel:
            return 0
        line, ones = torch.zeros(1, 1, n), torch.ones(1, 1, kernel)
        return F.conv1d(line, ones, stride=stride, padding=padding).shape[2]

    right = [padding for padding in range(kernel) if outputs(padding) == wanted]
    assert ours("padding_for")(n, kernel, stride, wanted) == (right[0] if right else None)


def test_the_counts_are_those_of_the_network_and_of_the_ledgers_experiment(ours):
    network = cnn(generator=torch.Generator().manual_seed(0))
    learned = [layer for layer in network if isinstance(layer, nn.Conv2d | nn.Linear)]
    assert ours("q_layers") == [sum(p.numel() for p in layer.parameters()) for layer in learned]
    counted = run(EXPERIMENTS["A8"].settings["CIFAR-10"], 0)
    assert ours("q_all") == counted["parameters"]
    assert (ours("q_pixels"), ours("q_numbers")) == (counted["training_pixels"], counted["training_values"])
    assert ours("q_per_label") == pytest.approx(counted["parameters"] / 50_000, rel=2e-3)
    assert ours("q_dictionary") == counted["dictionary_numbers"]


def test_ten_linear_machines_have_as_many_parameters_as_scikit_learn_gives_them(ours):
    generator = np.random.default_rng(0)
    machine = LinearSVC().fit(generator.random((40, 1000)), np.arange(40) % 10)
    assert ours("q_machines") == machine.coef_.size + machine.intercept_.size


# --- fully connected layers as convolutions -----------------------------------------------------------------


def test_the_network_made_of_convolutions_is_the_network(ours):
    network = cnn(generator=torch.Generator().manual_seed(0), widths=(4, 5, 6), hidden=7)
    generator = torch.Generator().manual_seed(1)
    everywhere = nn.Sequential(
        *network[:9],
        ours("as_convolution")(network[10], 6, 4, 4),
        nn.ReLU(),
        ours("as_convolution")(network[12], 7, 1, 1),
    )
    pictures = torch.randn(5, 3, 32, 32, generator=generator)
    torch.testing.assert_close(everywhere(pictures)[:, :, 0, 0], network(pictures))
    large = torch.randn(1, 3, 64, 96, generator=generator)
    answers = everywhere(large)
    assert answers.shape == (1, 10, ours("q_rows"), ours("q_columns"))
    # at place (3, 5) stands what the fully connected layers say to these maps
    maps = network[:9](large)[:, :, 3:7, 5:9]
    torch.testing.assert_close(answers[:, :, 3, 5], network[9:](maps))


# --- receptive fields ---------------------------------------------------------------------------------------

LAYERS = st.lists(st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(0, 2)), min_size=1, max_size=4)


@settings(max_examples=40, deadline=None)
@given(LAYERS)
def test_the_recursion_gives_the_width_that_a_gradient_shows(ours, layers):
    assume(all(stride <= kernel for kernel, stride, _ in layers))  # others leave gaps
    field = ours("receptive_fields")(layers, 1000)[-1][2]
    size = 3 * field
    try:
        outputs = ours("receptive_fields")(layers, size)[-1][0]
        seen = ours("seen_pixels")(layers, size, outputs // 2, outputs // 2)
    except RuntimeError:  # a kernel that does not fit
        assume(False)
    assert seen.any(dim=0).sum() == seen.any(dim=1).sum() == field


@settings(max_examples=20, deadline=None)
@given(LAYERS, st.integers(8, 20))
def test_size_and_jump_are_those_of_real_layers(ours, layers, n):
    y = torch.zeros(1, 1, n, n)
    for number, (kernel, stride, padding) in enumerate(layers, 1):
        assume(y.shape[2] + 2 * padding >= kernel)
        y = F.conv2d(y, torch.ones(1, 1, kernel, kernel), stride=stride, padding=padding)
        outputs, jump, _ = ours("receptive_fields")(layers[:number], n)[-1]
        assert outputs == y.shape[2]
        assert jump == math.prod(stride for _, stride, _ in layers[:number])


def test_the_fields_of_the_reports_network_are_those_of_the_ledger(ours):
    counted = run(EXPERIMENTS["A8"].settings["CIFAR-10"], 0)
    fields = [field for _, _, field in ours("receptive_fields")(list(A9_LAYERS), 32)]
    assert fields == [counted[f"receptive_field_{number}"] for number in range(1, 7)]


@pytest.mark.parametrize(("place", "name"), [(0, "q_corner"), (1, "q_next")])
def test_what_the_corner_sees_is_what_moves_it(ours, place, name):
    # without a gradient: change one pixel after another, see whether the output of positive layers moves
    pictures = torch.eye(32).view(32, 1, 32, 1).expand(32, 1, 32, 32)  # a bright row each
    for kernel, stride, padding in A9_LAYERS:
        pictures = F.conv2d(pictures, torch.ones(1, 1, kernel, kernel), stride=stride, padding=padding)
    assert ours(name) == int((pictures[:, 0, place, place] > 0).sum())


# --- pooling ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 2, 3])
def test_pooling_and_its_gradient_are_those_of_pytorch(ours, k):
    generator = torch.Generator().manual_seed(k)
    x = torch.randn(2, 3, 8, 7, generator=generator).requires_grad_()
    y = F.max_pool2d(x, k)
    G = torch.randn(y.shape, generator=generator)
    (dx,) = torch.autograd.grad(y, x, G)
    assert torch.equal(ours("max_pool")(x.detach(), k), y)
    assert torch.equal(ours("max_pool_backward")(G, x.detach(), k), dx)


@pytest.mark.parametrize(("poolings", "name"), [(1, "q_one_pooling"), (3, "q_three_poolings")])
def test_the_share_of_shifts_that_pooling_does_not_notice(ours, poolings, name):
    spots = torch.eye(32 * 32).view(-1, 1, 32, 32)
    inside = spots[[row * 32 + column for row in range(32) for column in range(24)]]  # none leaves the map
    before, after = inside, inside.roll(1, dims=3)
    for _ in range(poolings):
        before, after = F.max_pool2d(before, 2), F.max_pool2d(after, 2)
    same = (before == after).flatten(1).all(dim=1)
    assert float(same.double().mean()) == pytest.approx(ours(name))


# --- the network --------------------------------------------------------------------------------------------


def test_the_network_built_is_that_of_the_library(ours):
    ourselves, library = (
        ours("build_cnn")((4, 5, 6), 7, 10),
        cnn(generator=torch.Generator().manual_seed(0), widths=(4, 5, 6), hidden=7),
    )
    initialise(ourselves, torch.Generator().manual_seed(0))
    pictures = torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(ourselves(pictures), library(pictures))


def test_at_the_start_the_network_knows_nothing(ours):
    cifar = load("cifar10")
    network = cnn(generator=torch.Generator().manual_seed(0), widths=(8, 8, 8), hidden=50)
    images, labels = cifar.test.images[:500].float() / 255, cifar.test.labels[:500]
    with torch.no_grad():
        logits = network(images)
    assert F.cross_entropy(logits, labels).item() == pytest.approx(ours("q_start_loss"), rel=0.02)
    accuracy = (logits.argmax(dim=1) == labels).float().mean().item()
    assert accuracy == pytest.approx(ours("q_start_accuracy"), abs=0.05)
    assert ours("q_start_loss") == pytest.approx(math.log(10), rel=1e-3)


def test_an_epoch_is_that_of_a_plain_loop_over_the_same_order(ours):
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (13, 3, 4, 4), generator=generator, dtype=torch.uint8)
    labels = torch.randint(3, (13,), generator=generator)
    networks = [nn.Sequential(nn.Flatten(), nn.Linear(48, 3)) for _ in range(2)]
    for network in networks:
        initialise(network, torch.Generator().manual_seed(1))
    sgd = [torch.optim.SGD(network.parameters(), lr=0.1) for network in networks]
    found = ours("train_epoch")(networks[0], sgd[0], images, labels, 5, torch.Generator().manual_seed(2))
    order = torch.randperm(13, generator=torch.Generator().manual_seed(2))
    losses = []
    for rows in (order[:5], order[5:10], order[10:]):
        each = F.cross_entropy(
            networks[1](images[rows].double().div(255).sub(0.5).mul(4).float()),
            labels[rows],
            reduction="none",
        )
        losses += each.tolist()
        sgd[1].zero_grad()
        each.mean().backward()
        sgd[1].step()
    assert found == pytest.approx(np.mean(losses), rel=1e-5)
    for one, other in zip(networks[0].parameters(), networks[1].parameters(), strict=True):
        torch.testing.assert_close(one, other)


def test_the_running_loss_of_an_epoch_in_which_the_network_learns_lies_above_the_loss_at_its_end(ours):
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (200, 3, 4, 4), generator=generator, dtype=torch.uint8)
    labels = (images[:, 0].float().mean(dim=(1, 2)) > 127).long()  # easily learned
    network = nn.Sequential(nn.Flatten(), nn.Linear(48, 2))
    initialise(network, generator)
    sgd = torch.optim.SGD(network.parameters(), lr=0.05)
    running = ours("train_epoch")(network, sgd, images, labels, 10, generator)
    with torch.no_grad():
        at_the_end = F.cross_entropy(network(images.float() / 63.75 - 2), labels).item()
    assert running > at_the_end
    assert (ours("q_below"), ours("q_below_reason")) == ("a", 1)


def test_a_network_that_becomes_surer_of_its_errors_loses_by_the_loss_and_not_by_the_accuracy(ours):
    labels = torch.tensor([0, 0, 0, 0, 1])
    logits = torch.tensor([[1.0, 0.0]] * 5)  # four right, one wrong
    losses = [F.cross_entropy(scale * logits, labels).item() for scale in (1, 8)]
    assert losses[1] > 2 * losses[0]
    assert ((8 * logits).argmax(1) == labels).sum() == (logits.argmax(1) == labels).sum()
    assert (ours("q_rises"), ours("q_rises_reason")) == ("c", 1)


def test_larger_batches_take_fewer_steps_in_an_epoch(ours):
    class Counting(torch.optim.SGD):
        steps = 0

        def step(self, closure=None):
            self.steps += 1
            return super().step(closure)

    steps = []
    for batch_size in (1, 32):
        network = nn.Sequential(nn.Flatten(), nn.Linear(12, 2))
        sgd = Counting(network.parameters(), lr=0.0)
        images, labels = torch.zeros(128, 3, 2, 2, dtype=torch.uint8), torch.zeros(128, dtype=torch.int64)
        ours("train_epoch")(network, sgd, images, labels, batch_size, torch.Generator())
        steps.append(sgd.steps)
    assert steps == [128, 4]
    assert (ours("q_batch"), ours("q_batch_reason")) == ("b", 2)
