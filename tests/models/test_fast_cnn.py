"""The fast network: its whitening layer against scikit-learn, its shapes, what learns and what does not."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA
from torch import nn
from torch.nn import functional as F

from course_utils.data.pixels import to_unit
from course_utils.models.fast_cnn import fast_cnn, patch_statistics, whitening_layer


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def blurred_noise(n: int = 60, channels: int = 3, size: int = 16, seed: int = 1) -> torch.Tensor:
    """Return images whose neighbouring pixels and channels are correlated, as those of photographs are."""
    grey, colour = (torch.randn(n, c, size + 4, size + 4, generator=generator(seed)) for c in (1, channels))
    smooth = F.avg_pool2d(grey + 0.5 * colour, 5, stride=1)
    return (128 + 200 * smooth).clamp(0, 255).to(torch.uint8)


def patches_seen(images: torch.Tensor, kernel_size: int = 3, stride: int = 2) -> np.ndarray:
    """Return every patch as a row, cut out one at a time."""
    x = (images.double() / 255).numpy()
    steps = range(0, x.shape[2] - kernel_size + 1, stride)
    return np.array(
        [
            i[:, top : top + kernel_size, left : left + kernel_size].ravel()
            for i in x
            for top in steps
            for left in steps
        ]
    )


def outputs(layer: nn.Conv2d, images: torch.Tensor) -> torch.Tensor:
    """Return what the layer makes of each patch, (patches, filters)."""
    return layer.double()(images.double() / 255).movedim(1, -1).flatten(0, 2)


def test_whitened_patches_have_mean_zero_and_covariance_identity():
    images = blurred_noise()
    layer = whitening_layer(images, filters=27, epsilon=0.0, generator=generator())
    whitened = outputs(layer, images)
    torch.testing.assert_close(whitened.mean(0), torch.zeros(27).double(), rtol=0, atol=1e-3)
    torch.testing.assert_close(torch.cov(whitened.T), torch.eye(27).double(), rtol=0, atol=1e-3)


def test_the_layer_is_scikit_learns_pca_with_whitening_on_every_patch():
    images = blurred_noise()
    layer = whitening_layer(images, filters=10, epsilon=0.0, generator=generator())
    patches = patches_seen(images)
    expected = PCA(10, whiten=True, svd_solver="full").fit_transform(patches)
    ours = outputs(layer, images).detach().numpy()
    signs = np.sign((ours * expected).sum(axis=0))
    np.testing.assert_allclose(ours, expected * signs, atol=2e-3)


@settings(deadline=None, max_examples=20)
@given(channels=st.integers(1, 4), kernel_size=st.integers(1, 4), stride=st.integers(1, 3))
def test_patch_statistics_are_numpys_for_every_kernel(channels, kernel_size, stride):
    images = blurred_noise(n=20, channels=channels, size=9)
    mean, variances, directions = patch_statistics(images, kernel_size=kernel_size, stride=stride)
    patches = patches_seen(images, kernel_size, stride)
    np.testing.assert_allclose(mean.numpy(), patches.mean(axis=0), atol=1e-5)
    covariance = np.cov(patches, rowvar=False).reshape(len(mean), len(mean))
    rebuilt = directions.T @ torch.diag(variances) @ directions
    np.testing.assert_allclose(rebuilt.numpy(), covariance, atol=1e-6)
    assert (variances.diff() <= 0).all()


def test_epsilon_keeps_directions_of_little_variance_small():
    images = blurred_noise()
    layer = whitening_layer(images, filters=27, epsilon=0.01, generator=generator())
    _, variances, _ = patch_statistics(images, kernel_size=3, stride=2)
    expected = variances / (variances + 0.01)
    torch.testing.assert_close(outputs(layer, images).var(0), expected, rtol=1e-3, atol=1e-4)


def test_the_whitening_layer_never_changes_and_everything_else_learns():
    images = blurred_noise(size=32)
    network = fast_cnn(images, generator=generator(), widths=(8, 8))
    before = {name: value.clone() for name, value in network.named_parameters()}
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    for _ in range(2):  # in the first step the last layer, zero, lets no gradient through
        optimizer.zero_grad()
        F.cross_entropy(network(to_unit(images)), torch.arange(60) % 10).backward()
        optimizer.step()
    changed = {name for name, value in network.named_parameters() if not torch.equal(value, before[name])}
    assert changed == set(before) - {"0.weight", "0.bias"}


def test_without_whitening_the_first_layer_learns_too():
    network = fast_cnn(blurred_noise(size=32), generator=generator(), whitening=False)
    assert all(parameter.requires_grad for parameter in network.parameters())
    assert network[0].weight.shape == (24, 3, 3, 3)


def test_with_and_without_whitening_only_the_first_layers_differ():
    images = blurred_noise(size=32)
    whitened, learned = (
        fast_cnn(images, generator=generator(), whitening=w).state_dict() for w in (True, False)
    )
    differing = {name for name in whitened if not torch.equal(whitened[name], learned[name])}
    assert differing == {"0.weight", "0.bias"}


@pytest.mark.parametrize(("channels", "size", "filters"), [(3, 32, 24), (1, 28, 9), (3, 33, 12)])
def test_images_of_every_kind_give_one_logit_for_each_class(channels, size, filters):
    images = blurred_noise(n=5, channels=channels, size=size)
    network = fast_cnn(images, generator=generator(), classes=7, widths=(4, 6, 8), whitening_filters=filters)
    assert network(to_unit(images)).shape == (5, 7)


def test_at_the_start_all_classes_are_equally_likely():
    images = blurred_noise(size=32)
    logits = fast_cnn(images, generator=generator())(to_unit(images))
    torch.testing.assert_close(logits, torch.zeros(60, 10))


def test_one_seed_gives_one_network():
    images = blurred_noise(size=32)
    first, second = (fast_cnn(images, generator=generator(5)).state_dict() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("filters", [0, 28])
def test_a_number_of_filters_that_patches_do_not_have_is_refused(filters):
    with pytest.raises(ValueError, match="have 27 directions: it must be from 1 to 27"):
        fast_cnn(blurred_noise(size=32), generator=generator(), whitening_filters=filters)


def test_images_that_are_not_bytes_are_refused():
    with pytest.raises(ValueError, match=r"train_images is torch.float32.* but must be uint8"):
        fast_cnn(torch.rand(4, 3, 32, 32), generator=generator())


def test_images_smaller_than_a_patch_are_refused():
    with pytest.raises(ValueError, match="are 2x2 pixels, smaller than one patch of 3x3"):
        fast_cnn(blurred_noise(size=2), generator=generator())
