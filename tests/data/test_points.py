"""Circles (the geometry of scikit-learn's), Gaussian classes and planes, from a generator of ours."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import make_circles

from course_utils.data import DataError, circles
from course_utils.data.points import gaussian_classes, plane_means


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@settings(deadline=None, max_examples=50)
@given(n=st.integers(2, 300), factor=st.floats(0.05, 0.95), seed=st.integers(0, 2**31))
def test_without_noise_the_points_are_those_of_scikit_learn(n: int, factor: float, seed: int) -> None:
    x, labels = circles(n, generator(seed), noise=0.0, factor=factor)
    expected_x, expected_labels = make_circles(n, noise=None, factor=factor, shuffle=False)
    ours = torch.cat([labels[:, None].float(), x], dim=1)
    theirs = torch.tensor(np.column_stack([expected_labels, expected_x]), dtype=torch.float32)
    assert sorted(labels.tolist()) == sorted(expected_labels.tolist())
    assert torch.cdist(ours, theirs).amin(dim=1).max() < 1e-3
    assert torch.cdist(theirs, ours).amin(dim=1).max() < 1e-3


def test_noise_has_the_deviation_asked_for() -> None:
    x, _ = circles(20_000, generator(), noise=0.2, factor=0.0)
    inner = x[circles(20_000, generator(), noise=0.2, factor=0.0)[1] == 1]  # all at the centre but for noise
    assert inner.std().item() == pytest.approx(0.2, rel=0.03)
    assert inner.mean(dim=0).abs().max().item() < 0.01
    assert x.dtype == torch.float32


def test_a_center_shifts_every_point() -> None:
    x, labels = circles(50, generator())
    shifted, same_labels = circles(50, generator(), center=(3.0, -1.0))
    torch.testing.assert_close(shifted - x, torch.tensor([[3.0, -1.0]]).expand(50, 2), rtol=0, atol=1e-5)
    assert torch.equal(labels, same_labels)


def test_equal_generators_give_equal_points_and_others_other_ones() -> None:
    assert torch.equal(circles(40, generator(5))[0], circles(40, generator(5))[0])
    assert not torch.equal(circles(40, generator(5))[0], circles(40, generator(6))[0])


def test_the_points_come_in_random_order() -> None:
    _, labels = circles(100, generator())
    assert labels.dtype == torch.int64
    assert 0 < labels[:50].sum() < 50


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"n": 1}, "n is 1"),
        ({"n": 10, "factor": 1.0}, "factor is 1.0"),
        ({"n": 10, "factor": -0.1}, "factor is -0.1"),
        ({"n": 10, "noise": -1.0}, "noise is -1.0"),
        ({"n": 10, "noise": float("nan")}, "noise is nan"),
    ],
)
def test_an_argument_out_of_range_is_refused_by_name(arguments: dict, named: str) -> None:
    with pytest.raises(DataError, match=named):
        circles(generator=generator(), **arguments)


# ---------------------------------------------------------------- classes of points


def test_classes_have_the_means_and_the_variance_that_were_asked_for() -> None:
    means = [[0.0, 3.0], [-1.0, 0.5], [2.0, 2.0]]
    points = gaussian_classes(means, 4000, variance=0.25, generator=generator())
    assert points.images.shape == (12_000, 2)
    for k, mean in enumerate(means):
        own = points.images[points.labels == k].double()
        # five standard errors of a mean and of a covariance
        assert (own.mean(dim=0) - torch.tensor(mean)).abs().max() < 5 * 0.5 / 4000**0.5
        assert (own.T.cov() - 0.25 * torch.eye(2)).abs().max() < 5 * 0.25 * (2 / 4000) ** 0.5


def test_without_variance_all_points_are_their_means() -> None:
    points = gaussian_classes([[1.0, 2.0, 3.0]], 2, variance=0.0, generator=generator())
    assert points.images.tolist() == [[1.0, 2.0, 3.0]] * 2


@pytest.mark.parametrize("angle", [0.0, 30.0, 90.0])
def test_foreground_and_background_lie_in_planes_with_this_angle_between_them(angle: float) -> None:
    means = torch.tensor(plane_means(angle), dtype=torch.float64)
    assert (means[3:, 2] == 0).all()
    normal = torch.linalg.svd(means[:3]).Vh[2]  # of the plane through the origin and the foreground's means
    assert (means[:3] @ normal).abs().max() < 1e-12
    assert math.isclose(math.degrees(math.acos(min(1.0, abs(normal[2].item())))), angle, abs_tol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"per_class": 0}, "per_class is 0"),
        ({"variance": -1.0}, "variance is -1.0"),
        ({"variance": float("nan")}, "variance is nan"),
        ({"means": []}, "one dimension"),
        ({"means": [[0.0], [0.0, 1.0]]}, "one dimension"),
    ],
)
def test_classes_that_cannot_be_drawn_are_refused(arguments: dict, named: str) -> None:
    usual = {"means": [[0.0, 1.0]], "per_class": 3, "variance": 1.0} | arguments
    with pytest.raises(DataError, match=named):
        gaussian_classes(
            usual["means"], usual["per_class"], variance=usual["variance"], generator=generator()
        )


@pytest.mark.parametrize("angle", [-1.0, 91.0, float("nan")])
def test_planes_have_an_angle_up_to_90_degrees(angle: float) -> None:
    with pytest.raises(DataError, match="0 to 90 degrees"):
        plane_means(angle)
