"""Circles: the geometry of scikit-learn's, from a generator of ours."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import make_circles

from course_utils.data import DataError, circles


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
