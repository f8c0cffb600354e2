"""The small Inception network: its shapes, its parameters counted by hand, and its start."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from course_utils.models.inception import (
    conv_module,
    downsample_module,
    inception_module,
    mini_inception,
)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images(n: int = 2, channels: int = 3, size: int = 32) -> torch.Tensor:
    return torch.rand(n, channels, size, size, generator=generator(1))


def parameters_by_hand(width: float = 1.0, in_channels: int = 3, classes: int = 10) -> int:
    """Count weights, batch norm's scales and shifts, and the linear layer, written out module by module."""

    def c(channels: int) -> int:
        return max(4, round(width * channels))

    total, x = 9 * in_channels * c(96) + 2 * c(96), c(96)
    for ones, threes in ((32, 32), (32, 48)):
        total, x = total + x * c(ones) + 9 * x * c(threes) + 2 * (c(ones) + c(threes)), c(ones) + c(threes)
    total, x = total + 9 * x * c(80) + 2 * c(80), x + c(80)
    for ones, threes in ((112, 48), (96, 64), (80, 80), (48, 96)):
        total, x = total + x * c(ones) + 9 * x * c(threes) + 2 * (c(ones) + c(threes)), c(ones) + c(threes)
    total, x = total + 9 * x * c(96) + 2 * c(96), x + c(96)
    for ones, threes in ((176, 160), (176, 160)):
        total, x = total + x * c(ones) + 9 * x * c(threes) + 2 * (c(ones) + c(threes)), c(ones) + c(threes)
    return total + x * classes + classes


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_weights_and_one_shift_for_each_channel_are_the_papers_1_649_402_parameters():
    network = mini_inception(generator=generator())
    scales = sum(m.weight.numel() for m in network.modules() if isinstance(m, nn.BatchNorm2d))
    assert count(network) - scales == 1_649_402


@pytest.mark.parametrize("width", [1.0, 0.5, 0.25, 0.01])
@pytest.mark.parametrize(("in_channels", "classes"), [(3, 10), (1, 2)])
def test_the_number_of_parameters_is_that_counted_by_hand(width, in_channels, classes):
    network = mini_inception(generator=generator(), width=width, in_channels=in_channels, classes=classes)
    assert count(network) == parameters_by_hand(width, in_channels, classes)


def test_no_convolution_has_fewer_than_four_channels():
    network = mini_inception(generator=generator(), width=1e-3)
    assert {m.out_channels for m in network.modules() if isinstance(m, nn.Conv2d)} == {4}


@pytest.mark.parametrize(("channels", "size"), [(3, 32), (1, 28), (3, 16), (1, 33), (3, 5)])
def test_images_of_every_size_give_one_logit_for_each_class(channels, size):
    network = mini_inception(
        generator=generator(), in_channels=channels, classes=7, width=0.1, image_size=size
    )
    for mode in (True, False):
        assert network.train(mode)(images(3, channels, size)).shape == (3, 7)


def test_the_size_is_halved_twice_and_the_channels_are_the_papers():
    x, shapes = images(1), []
    for module in mini_inception(generator=generator()).eval():
        x = module(x)
        shapes.append(tuple(x.shape[1:]))
    expected = [(96, 32, 32), (64, 32, 32), (80, 32, 32), (160, 16, 16), (160, 16, 16), (160, 16, 16)]
    expected += [(160, 16, 16), (144, 16, 16), (240, 8, 8), (336, 8, 8), (336, 8, 8), (336, 1, 1)]
    assert shapes == [*expected, (336,), (10,)]


def test_a_conv_module_is_convolution_then_batch_norm_then_relu():
    module = conv_module(3, 5, kernel_size=3)
    with torch.no_grad():
        module[0].weight.normal_(generator=generator())
    x = images(4, size=6)
    convolved = F.conv2d(x, module[0].weight, padding=1)
    mean, variance = (
        convolved.mean(dim=(0, 2, 3), keepdim=True),
        convolved.var(dim=(0, 2, 3), keepdim=True, unbiased=False),
    )
    expected = ((convolved - mean) / (variance + 1e-5).sqrt()).clamp_min(0)
    torch.testing.assert_close(module(x), expected)


def test_an_inception_module_puts_1x1_and_3x3_side_by_side():
    module, x = inception_module(3, 4, 6).eval(), images()
    ones, threes = module.branches
    assert (ones[0].kernel_size, threes[0].kernel_size) == ((1, 1), (3, 3))
    assert torch.equal(module(x)[:, :4], ones(x))
    assert torch.equal(module(x)[:, 4:], threes(x))


def test_a_downsample_module_puts_a_strided_convolution_beside_max_pooling():
    module, x = downsample_module(3, 5).eval(), images()
    assert torch.equal(module(x)[:, :5], module.branches[0](x))
    assert torch.equal(module(x)[:, 5:], F.max_pool2d(x, 3, stride=2, padding=1))
    assert module(x).shape == (2, 8, 16, 16)


def test_in_evaluation_mode_an_image_gets_the_same_logits_in_any_company():
    network = mini_inception(generator=generator(), width=0.1).eval()
    x = images(5)
    torch.testing.assert_close(network(x)[:1], network(x[:1]))


def test_in_training_mode_it_depends_on_the_company_and_every_parameter_has_a_gradient():
    network = mini_inception(generator=generator(), width=0.1)
    x = images(5)
    assert not torch.allclose(network(x)[:2], network(x[:2]))
    F.cross_entropy(network(x), torch.arange(5)).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


def test_one_seed_gives_one_network_whatever_the_global_one_has_drawn():
    first = mini_inception(generator=generator(5), width=0.1).state_dict()
    torch.rand(3)
    again, other = (mini_inception(generator=generator(s), width=0.1).state_dict() for s in (5, 6))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["0.0.weight"], other["0.0.weight"])


def test_weights_are_drawn_between_plus_and_minus_one_through_the_root_of_the_inputs():
    network = mini_inception(generator=generator())
    weight = network[4].branches[1][0].weight  # from 160 channels, 3x3
    bound = (160 * 9) ** -0.5
    assert 0.99 * bound < weight.abs().max() <= bound


@pytest.mark.parametrize("width", [0, -1.0, float("nan"), float("inf")])
def test_a_width_that_is_not_positive_is_refused(width):
    with pytest.raises(ValueError, match=r"width is .* but must be a positive number"):
        mini_inception(generator=generator(), width=width)


@pytest.mark.parametrize("name", ["in_channels", "classes", "image_size"])
def test_numbers_below_one_are_refused_by_name(name):
    with pytest.raises(ValueError, match=f"{name} is 0, but must be at least 1"):
        mini_inception(generator=generator(), **{name: 0})
