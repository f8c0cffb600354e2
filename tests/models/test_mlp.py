"""The small network by hand and as ``nn.Sequential``, against autograd and finite differences."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from course_utils.models.manual_mlp import backward, forward, init_params, loss_accuracy, sgd_step
from course_utils.models.mlp import tanh_mlp


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def example(inputs=3, hidden=5, outputs=4, batch=7, seed=0):
    params = {
        k: v.double() for k, v in init_params(inputs, hidden, outputs, generator=generator(seed)).items()
    }
    x = torch.randn(batch, inputs, generator=generator(seed + 1), dtype=torch.float64)
    labels = torch.randint(0, outputs, (batch,), generator=generator(seed + 2))
    return params, x, labels


sizes = st.integers(1, 6)


@settings(deadline=None, max_examples=40)
@given(inputs=sizes, hidden=sizes, outputs=sizes, batch=sizes, seed=st.integers(0, 1000))
def test_the_backward_pass_by_hand_equals_autograd(inputs, hidden, outputs, batch, seed):
    params, x, labels = example(inputs, hidden, outputs, batch, seed)
    _, saved = forward(params, x)
    by_hand = backward(params, saved, labels)

    leaves = {name: value.clone().requires_grad_() for name, value in params.items()}
    logits = torch.tanh(x @ leaves["Wh"].T + leaves["bh"]) @ leaves["Wy"].T + leaves["by"]
    F.cross_entropy(logits, labels).backward()
    for name, leaf in leaves.items():
        torch.testing.assert_close(by_hand[name], leaf.grad, rtol=1e-10, atol=1e-12)


def test_the_backward_pass_by_hand_equals_central_differences():
    params, x, labels = example()
    gradients = backward(params, forward(params, x)[1], labels)
    step = 1e-6
    for name, parameter in params.items():
        flat, gradient = parameter.view(-1), gradients[name].reshape(-1)
        for place in range(len(flat)):
            before = flat[place].item()
            flat[place] = before + step
            above, _ = loss_accuracy(forward(params, x)[1], labels)
            flat[place] = before - step
            below, _ = loss_accuracy(forward(params, x)[1], labels)
            flat[place] = before
            assert math.isclose(((above - below) / (2 * step)).item(), gradient[place].item(), abs_tol=1e-8)


def test_each_row_of_probabilities_sums_to_one():
    params, x, _ = example()
    probabilities, _ = forward(params, x)
    torch.testing.assert_close(probabilities.sum(dim=1), torch.ones(len(x), dtype=torch.float64))


def test_the_loss_stays_finite_when_a_probability_rounds_to_zero():
    params, x, labels = example()
    params["Wy"] *= 1e6
    loss, _ = loss_accuracy(forward(params, x)[1], labels)
    assert torch.isfinite(loss)


def test_a_step_goes_against_the_gradient_in_place():
    params, x, labels = example()
    weights = params["Wh"]
    before = weights.clone()
    gradients = backward(params, forward(params, x)[1], labels)
    sgd_step(params, gradients, learning_rate=0.5)
    assert params["Wh"] is weights
    torch.testing.assert_close(weights, before - 0.5 * gradients["Wh"])


def test_the_module_starts_from_the_numbers_of_the_network_by_hand():
    params = init_params(3, 5, 4, weight_sd=0.7, generator=generator(3))
    network = tanh_mlp(3, 5, 4, weight_sd=0.7, generator=generator(3))
    x = torch.randn(6, 3, generator=generator(4))
    torch.testing.assert_close(torch.softmax(network(x), dim=1), forward(params, x)[0])


def test_weights_and_biases_have_the_deviation_asked_for():
    params = init_params(200, 300, 200, weight_sd=0.3, generator=generator())
    for name, value in params.items():
        # four standard errors of a standard deviation
        assert abs(value.std().item() - 0.3) < 4 * 0.3 / math.sqrt(2 * value.numel()), name


def test_one_seed_gives_one_network():
    first, second = (tanh_mlp(2, 4, 2, generator=generator(5)) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))


@pytest.mark.parametrize("sizes", [(0, 4, 2), (2, 0, 2), (2, 4, 0)])
def test_a_layer_without_units_is_refused(sizes):
    with pytest.raises(ValueError, match="at least 1 unit"):
        tanh_mlp(*sizes, generator=generator())


def test_a_deviation_of_zero_is_refused():
    with pytest.raises(ValueError, match="weight_sd is 0"):
        tanh_mlp(2, 4, 2, weight_sd=0, generator=generator())
