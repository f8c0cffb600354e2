"""Attention over tiles: weights, averaging at each depth, against plain loops."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from course_utils.models.mosaic import MosaicAttention, mosaic_cnn, mosaic_mlp


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def small(average_at=0, seed=0):
    return mosaic_cnn(
        generator=generator(seed),
        average_at=average_at,
        focus_widths=(4, 4),
        widths=(4, 6),
        hidden=8,
        image_size=8,
    ).eval()


def tiles(n=3, count=9, seed=1):
    return torch.rand(n, count, 3, 8, 8, generator=generator(seed))


def test_the_weights_of_a_mosaic_are_positive_and_add_up_to_one():
    weights = small().attention(tiles())
    assert weights.shape == (3, 9)
    assert (weights > 0).all()
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(3))


@settings(max_examples=20, deadline=None)
@given(order=st.permutations(range(9)), average_at=st.integers(0, 2))
def test_permuted_tiles_have_permuted_weights_and_the_same_logits(order, average_at):
    model, x = small(average_at), tiles()
    with torch.no_grad():
        torch.testing.assert_close(model.attention(x[:, order]), model.attention(x)[:, order])
        torch.testing.assert_close(model(x[:, order]), model(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("average_at", [0, 1, 2])
def test_the_model_is_what_a_loop_over_tiles_computes(average_at):
    model, x = small(average_at), tiles()
    with torch.no_grad():
        for mosaic, logits in zip(x, model(x), strict=True):
            scores = torch.stack([model.focus(tile[None])[0, 0] for tile in mosaic])
            weights = scores.exp() / scores.exp().sum()
            features = [model.before(tile[None])[0] for tile in mosaic]
            mean = sum(w * f for w, f in zip(weights, features, strict=True))
            torch.testing.assert_close(logits, model.after(mean[None])[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("average_at", [0, 1, 2])
def test_equal_scores_give_the_plain_mean(average_at):
    model, x = small(average_at), tiles()
    nn.init.zeros_(model.focus[-1].weight)
    with torch.no_grad():
        features = model.before(x.flatten(0, 1)).unflatten(0, (3, 9))
        torch.testing.assert_close(model(x), model.after(features.mean(dim=1)), rtol=1e-4, atol=1e-5)


def test_averaging_at_layer_0_is_averaging_pixels():
    model, x = small(0), tiles()
    assert len(model.before) == 0
    with torch.no_grad():
        mean = (model.attention(x)[:, :, None, None, None] * x).sum(dim=1)
        torch.testing.assert_close(model(x), model.after(mean), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("average_at", [0, 1, 2])
def test_before_and_after_are_the_whole_classification_network_cut_behind_a_convolution(average_at):
    model = small(average_at)
    assert sum(isinstance(layer, nn.Conv2d) for layer in model.before) == average_at
    assert sum(isinstance(layer, nn.Conv2d) for layer in model.after) == 2 - average_at
    one = torch.rand(4, 3, 8, 8, generator=generator(3))
    whole = small(0).after
    with torch.no_grad():
        torch.testing.assert_close(model.after(model.before(one)), whole(one))


@pytest.mark.parametrize("deep", [False, True])
def test_points_have_attention_too(deep):
    model = mosaic_mlp(generator=generator(), deep=deep, hidden=7)
    x = torch.randn(5, 9, 2, generator=generator(2))
    assert model(x).shape == (5, 3)
    linear = sum(isinstance(layer, nn.Linear) for layer in model.modules())
    assert linear == (4 if deep else 2)


def test_equal_generators_give_equal_networks_and_every_weight_comes_from_them():
    one, other, third = (mosaic_mlp(generator=generator(seed)) for seed in (0, 0, 1))
    for a, b, c in zip(one.parameters(), other.parameters(), third.parameters(), strict=True):
        assert torch.equal(a, b)
        assert not torch.equal(a, c)


def test_gradients_reach_both_networks():
    model, x = small(1), tiles()
    model(x).logsumexp(dim=1).sum().backward()
    for network in (model.focus, model.before, model.after):
        assert all(parameter.grad.abs().sum() > 0 for parameter in network.parameters())


def test_averaging_behind_layers_that_do_not_exist_is_refused():
    with pytest.raises(ValueError, match="average_at is 3, but there are 2 convolutions"):
        small(3)
    with pytest.raises(ValueError, match="0 to 0"):
        MosaicAttention(nn.Linear(2, 1), nn.Sequential(nn.Linear(2, 3)), average_at=1)
