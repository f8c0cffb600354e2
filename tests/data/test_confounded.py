"""Points of two classes among points of others that wear their labels."""

import pytest
import torch
from sklearn.svm import LinearSVC

from course_utils.data import DataError
from course_utils.data.confounded import SHAPES, confounded_points


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def drawn(shape: str, n: int = 2000, noise: int = 4000, seed: int = 0):
    return confounded_points(shape, n, noise, generator=generator(seed))


@pytest.mark.parametrize("shape", SHAPES)
def test_the_two_classes_keep_their_labels_and_the_others_get_one_of_the_two_by_chance(shape: str) -> None:
    points = drawn(shape)
    own = ~points.corrupted
    assert int(own.sum()) == 2000
    assert torch.equal(points.labels[own], points.true_labels[own])
    assert points.true_labels[own].unique().tolist() == [0, 1]
    assert points.true_labels[points.corrupted].unique().tolist() == list(range(2, 10))
    for other in range(2, 10):
        labels = points.labels[points.true_labels == other]
        assert len(labels) == 500
        assert abs(labels.double().mean() - 0.5) < 5 * 0.5 / 500**0.5  # five standard errors


@pytest.mark.parametrize("shape", ["corner", "center", "on top"])
def test_a_straight_line_separates_the_two_classes(shape: str) -> None:
    x, y = drawn(shape).points[:2000].numpy(), drawn(shape).labels[:2000].numpy()
    assert LinearSVC(C=1000.0).fit(x, y).score(x, y) == 1.0


def test_no_straight_line_separates_the_moons() -> None:
    x, y = drawn("moons").points[:2000].numpy(), drawn("moons").labels[:2000].numpy()
    assert 0.75 < LinearSVC().fit(x, y).score(x, y) < 0.97


def test_moons_do_not_overlap() -> None:
    points = drawn("moons")
    first, second = (points.points[:2000][points.labels[:2000] == k] for k in (0, 1))
    assert torch.cdist(first, second).min() > 0.03


@pytest.mark.parametrize(("shape", "middle"), [("corner", 0.0), ("center", 1.0), ("moons", 0.0)])
def test_the_two_classes_share_a_square_and_the_others_have_the_eight_that_are_left(shape, middle) -> None:
    points = drawn(shape)
    assert (points.points[:2000] - middle).abs().max() < 0.5
    means = torch.stack([points.points[points.true_labels == k].mean(dim=0) for k in range(2, 10)])
    every = [(float(i), float(j)) for j in range(3) for i in range(3)]
    assert sorted(map(tuple, means.round().tolist())) == sorted(set(every) - {(middle, middle)})
    # five standard errors of a mean of 500
    assert (means - means.round()).abs().max() < 5 * (0.1 / 500) ** 0.5


def test_on_top_all_points_lie_in_one_square() -> None:
    assert drawn("on top").points.abs().max() <= 0.45


def test_the_same_generator_gives_the_same_two_classes_without_the_others() -> None:
    with_others, alone = drawn("moons", 30, 240), drawn("moons", 30, 0)
    assert torch.equal(with_others.points[:30], alone.points)
    assert torch.equal(with_others.labels[:30], alone.labels)
    assert not torch.equal(drawn("moons", 30, 0, seed=1).points, alone.points)


def test_two_hundred_and_forty_others_are_thirty_of_each_class() -> None:
    assert drawn("corner", 30, 240).true_labels.bincount().tolist() == [15, 15, *[30] * 8]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("circle", 3, 3), "shape is 'circle'"),
        (("corner", -1, 3), "n is -1"),
        (("corner", 3, -2), "noise -2"),
        (("corner", 0, 0), "there must be points"),
    ],
)
def test_points_that_cannot_be_drawn_are_refused(arguments: tuple, named: str) -> None:
    with pytest.raises(DataError, match=named):
        confounded_points(*arguments, generator=generator())
