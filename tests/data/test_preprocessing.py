"""Preprocessing against NumPy and scikit-learn."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from course_utils.data import preprocessing
from course_utils.data.pixels import to_unit
from course_utils.data.preprocessing import MinMax, Standardise, Whitening


def images(n: int, *, seed: int = 0, channels: int = 3, size: int = 4) -> torch.Tensor:
    """Return images whose neighbouring pixels, and whose channels, are alike."""
    draw = torch.Generator().manual_seed(seed)
    base = torch.rand(n, 1, size, size, generator=draw).cumsum(dim=3) / size
    own = torch.rand(n, channels, size, size, generator=draw)
    level = torch.arange(channels)[:, None, None] * 30
    return (level + 100 * base + 50 * own).to(torch.uint8)


def by_channel(x: torch.Tensor) -> np.ndarray:
    """Return pixels as rows, channels as columns, in float64."""
    return x.movedim(1, -1).flatten(0, -2).double().numpy()


def test_bytes_become_numbers_from_0_to_1():
    x = to_unit(torch.arange(256, dtype=torch.uint8))
    assert x.dtype == torch.float32
    np.testing.assert_allclose(x.numpy(), np.arange(256) / 255, rtol=1e-7)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_numbers_stay_as_they_are(dtype):
    x = torch.linspace(-3, 300, 7, dtype=dtype)
    assert to_unit(x) is x


@settings(deadline=None, max_examples=25)
@given(n=st.integers(2, 40), channels=st.integers(1, 4), seed=st.integers(0, 1000))
def test_standardise_is_scikit_learn_s_standard_scaler_of_the_channels(n, channels, seed):
    train, test = images(n, channels=channels, seed=seed), images(5, channels=channels, seed=seed + 1)
    ours = Standardise.of(train)
    theirs = StandardScaler().fit(by_channel(train) / 255)
    np.testing.assert_allclose(ours.mean.flatten(), theirs.mean_, rtol=1e-6)
    np.testing.assert_allclose(ours.sd.flatten(), np.sqrt(theirs.var_), rtol=1e-6)
    for part in (train, test):
        expected = theirs.transform(by_channel(part) / 255)
        np.testing.assert_allclose(by_channel(ours(part)), expected, rtol=1e-4, atol=1e-5)


def test_standardised_training_images_have_mean_0_and_deviation_1():
    train = images(50)
    pixels = by_channel(Standardise.of(train)(train))
    np.testing.assert_allclose(pixels.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(pixels.std(axis=0), 1, rtol=1e-5)


def test_statistics_are_the_same_however_many_images_are_summed_up_at_a_time(monkeypatch):
    train = images(30)
    whole = Standardise.of(train), Whitening.of(train)
    monkeypatch.setattr(preprocessing, "PART", 7)
    parts = Standardise.of(train), Whitening.of(train)
    assert torch.equal(parts[0].sd, whole[0].sd)
    torch.testing.assert_close(parts[1].matrix, whole[1].matrix, rtol=1e-4, atol=1e-4)


def test_deviations_are_exact_where_they_are_tiny():
    train = torch.full((100, 1, 10, 10), 250, dtype=torch.uint8)
    train[0, 0, 0, 0] = 251
    expected = (train.double() / 255).std(correction=0)
    assert Standardise.of(train).sd.item() == pytest.approx(expected.item(), rel=1e-5)


@settings(deadline=None, max_examples=25)
@given(n=st.integers(2, 40), channels=st.integers(1, 4), seed=st.integers(0, 1000))
def test_min_max_is_scikit_learn_s_min_max_scaler_of_the_channels(n, channels, seed):
    train, test = images(n, channels=channels, seed=seed), images(5, channels=channels, seed=seed + 1)
    ours = MinMax.of(train)
    theirs = MinMaxScaler().fit(by_channel(train) / 255)
    for part in (train, test):
        expected = theirs.transform(by_channel(part) / 255)
        np.testing.assert_allclose(by_channel(ours(part)), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("way", [Standardise, MinMax])
def test_a_channel_that_never_varies_becomes_0(way):
    train = images(10)
    train[:, 1] = 77
    x = way.of(train)(train)
    assert torch.equal(x[:, 1], torch.zeros_like(x[:, 1]))
    assert torch.isfinite(x).all()


def principal_components(train: torch.Tensor) -> tuple[PCA, np.ndarray]:
    """Return scikit-learn's, by a singular value decomposition, and the variances (divided by N)."""
    pixels = to_unit(train).flatten(1).double().numpy()
    pca = PCA(svd_solver="full").fit(pixels)
    return pca, pca.explained_variance_ * (len(pixels) - 1) / len(pixels)


@pytest.mark.parametrize("epsilon", [0.01, 0.1])
def test_whitening_scales_principal_components_and_turns_them_back(epsilon):
    train, test = images(200), images(20, seed=1)
    pca, variances = principal_components(train)
    ours = Whitening.of(train, epsilon=epsilon)
    for part in (train, test):
        scores = pca.transform(to_unit(part).flatten(1).double().numpy())
        expected = (scores / np.sqrt(variances + epsilon)) @ pca.components_
        assert ours(part).shape == part.shape
        np.testing.assert_allclose(ours(part).flatten(1), expected, atol=2e-4)


def test_whitened_pixels_are_uncorrelated_with_variance_1():
    train = images(400, size=3)
    pixels = Whitening.of(train, epsilon=1e-8)(train).flatten(1).double().numpy()
    np.testing.assert_allclose(np.cov(pixels.T, bias=True), np.eye(27), atol=2e-3)


def test_without_the_turn_back_it_is_pca_whitening():
    train = images(400, size=3)
    pixels = to_unit(train).flatten(1).double().numpy()
    pca = PCA(whiten=True, svd_solver="full").fit(pixels)
    turned = Whitening.of(train, epsilon=1e-8)(train).flatten(1).double().numpy() @ pca.components_.T
    correction = np.sqrt(400 / 399)  # scikit-learn divides by N - 1
    np.testing.assert_allclose(turned, pca.transform(pixels) * correction, atol=5e-3)


def test_the_whitening_matrix_is_symmetric():
    matrix = Whitening.of(images(100)).matrix
    torch.testing.assert_close(matrix, matrix.T, rtol=1e-4, atol=1e-4)


def test_pixels_that_never_vary_are_whitened_to_0():
    train = images(60)
    train[:, :, 0, :] = 9
    x = Whitening.of(train)(train)
    torch.testing.assert_close(x[:, :, 0], torch.zeros_like(x[:, :, 0]), rtol=0, atol=1e-4)


@pytest.mark.parametrize("epsilon", [0.0, -1.0, float("nan")])
def test_an_epsilon_that_is_not_positive_is_refused(epsilon):
    with pytest.raises(ValueError, match=r"epsilon is .* must be positive"):
        Whitening.of(images(3), epsilon=epsilon)


@pytest.mark.parametrize("way", [Standardise, MinMax, Whitening])
@pytest.mark.parametrize(
    "wrong",
    [
        torch.rand(5, 3, 4, 4),
        torch.zeros(5, 3, dtype=torch.uint8),
        torch.zeros(0, 3, 4, 4, dtype=torch.uint8),
    ],
    ids=["numbers", "features", "no images"],
)
def test_statistics_are_taken_of_stored_images_only(way, wrong):
    with pytest.raises(ValueError, match="must be uint8"):
        way.of(wrong)
