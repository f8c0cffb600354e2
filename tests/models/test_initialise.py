"""Weights as PyTorch draws them, from a generator that the caller holds."""

import pytest
import torch
from scipy.stats import kstest
from torch import nn

from course_utils.models.cnn import cnn
from course_utils.models.initialise import initialise


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


LAYERS = {
    "linear": lambda: nn.Linear(60, 400),
    "convolution": lambda: nn.Conv2d(8, 200, (3, 5)),
    "grouped convolution": lambda: nn.Conv2d(8, 400, 3, groups=4),
    "convolution of sequences": lambda: nn.Conv1d(8, 400, 7),
    "convolution of volumes": lambda: nn.Conv3d(2, 400, 3),
}


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("part", ["weight", "bias"])
def test_they_are_spread_as_pytorch_spreads_them(name, part):
    torch.manual_seed(0)
    theirs = getattr(LAYERS[name](), part).detach().flatten()
    layer = LAYERS[name]()
    initialise(layer, generator(1))
    ours = getattr(layer, part).detach().flatten()
    fan_in = layer.weight[0].numel()
    bound = fan_in**-0.5
    for values in (theirs, ours):
        assert values.abs().max() <= bound
        assert kstest(values.double() / (2 * bound) + 0.5, "uniform").pvalue > 1e-3


@pytest.mark.parametrize("name", LAYERS)
def test_only_the_generator_decides(name):
    results = []
    for number in (1, 2):
        torch.manual_seed(number)
        layer = LAYERS[name]()
        initialise(layer, generator(3))
        results.append(layer)
    assert torch.equal(results[0].weight, results[1].weight)
    assert torch.equal(results[0].bias, results[1].bias)
    other = LAYERS[name]()
    initialise(other, generator(4))
    assert not torch.equal(other.weight, results[0].weight)


def test_the_global_generator_is_not_touched():
    model = cnn(generator=generator(), widths=(4,))
    before = torch.get_rng_state()
    initialise(model, generator())
    assert torch.equal(torch.get_rng_state(), before)


def test_a_network_is_the_same_for_the_same_seed_and_another_for_another():
    def weights(seed):
        return torch.cat([p.flatten() for p in cnn(generator=generator(seed), widths=(4,)).parameters()])

    assert torch.equal(weights(0), weights(0))
    assert not torch.equal(weights(0), weights(1))


def test_no_two_layers_are_drawn_alike():
    model = nn.Sequential(nn.Linear(5, 5), nn.Linear(5, 5))
    initialise(model, generator())
    assert not torch.equal(model[0].weight, model[1].weight)


def test_layers_without_bias_and_batch_norm_are_left_in_order():
    model = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 2))
    initialise(model, generator())
    assert torch.equal(model[1].weight, torch.ones(4))
    assert torch.equal(model[1].bias, torch.zeros(4))
