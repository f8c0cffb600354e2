"""The reports' convolutional network."""

import pytest
import torch
from torch import nn

from course_utils.models.cnn import cnn


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def parameters(model):
    return sum(parameter.numel() for parameter in model.parameters())


def test_with_the_defaults_it_has_the_parameters_of_a9():
    convolutions = 3 * 32 * 25 + 32 + 32 * 64 * 25 + 64 + 64 * 64 * 25 + 64
    fully_connected = 64 * 4 * 4 * 1000 + 1000 + 1000 * 10 + 10
    assert convolutions + fully_connected == 1_191_170
    assert parameters(cnn(generator=generator())) == 1_191_170


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"in_channels": 1, "classes": 7, "image_size": 28},
        {"widths": (5,), "hidden": 3, "image_size": 9},
        {"batch_norm": True, "dropout": 0.5},
    ],
    ids=str,
)
def test_images_become_logits(options):
    model = cnn(generator=generator(), **options)
    channels, size = options.get("in_channels", 3), options.get("image_size", 32)
    assert model(torch.zeros(4, channels, size, size)).shape == (4, options.get("classes", 10))


def test_convolutions_keep_the_size_and_pooling_halves_it():
    model, x = cnn(generator=generator()), torch.zeros(1, 3, 32, 32)
    shapes = []
    for layer in model:
        x = layer(x)
        if isinstance(layer, (nn.Conv2d, nn.MaxPool2d)):
            shapes.append(tuple(x.shape[1:]))
    assert shapes == [
        (32, 32, 32), (32, 16, 16), (64, 16, 16), (64, 8, 8), (64, 8, 8), (64, 4, 4)
    ]  # fmt: skip


def test_batch_norm_stands_between_convolution_and_relu_and_dropout_after_the_hidden_layer():
    plain = [type(layer).__name__ for layer in cnn(generator=generator(), widths=(4,))]
    block = ["Conv2d", "ReLU", "MaxPool2d"]
    assert plain == [*block, "Flatten", "Linear", "ReLU", "Linear"]
    improved = cnn(generator=generator(), widths=(4,), batch_norm=True, dropout=0.25)
    block = ["Conv2d", "BatchNorm2d", "ReLU", "MaxPool2d"]
    assert [type(layer).__name__ for layer in improved] == [
        *block, "Flatten", "Linear", "ReLU", "Dropout", "Linear",
    ]  # fmt: skip
    assert improved[-2].p == 0.25


def test_options_without_weights_of_their_own_leave_the_weights():
    plain = cnn(generator=generator(3))
    for options in ({"dropout": 0.5}, {"batch_norm": True}):
        other = cnn(generator=generator(3), **options)
        weights = [
            [layer.weight for layer in model if isinstance(layer, (nn.Conv2d, nn.Linear))]
            for model in (plain, other)
        ]
        assert all(torch.equal(one, two) for one, two in zip(*weights, strict=True))


@pytest.mark.parametrize(("size", "widths"), [(7, (1, 1, 1)), (1, (1,))])
def test_images_too_small_for_the_blocks_are_refused(size, widths):
    with pytest.raises(ValueError, match=f"image_size is {size}.*at least {2 ** len(widths)}"):
        cnn(generator=generator(), image_size=size, widths=widths)


@pytest.mark.parametrize("dropout", [-0.1, 1.0, float("nan")])
def test_a_dropout_that_is_no_probability_below_one_is_refused(dropout):
    with pytest.raises(ValueError, match="dropout is"):
        cnn(generator=generator(), dropout=dropout)
