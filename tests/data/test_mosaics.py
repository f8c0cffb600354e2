"""Mosaics: what stands in them, that nothing tells which tile matters, and their averages."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.data import Split
from course_utils.data.errors import DataError
from course_utils.data.mosaics import Averages, dirichlet_weights, fixed_weights, make_mosaics


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def source(per_class=20, classes=10):
    """Return images that tell their row number, so that they can be found again."""
    labels = torch.arange(classes).repeat(per_class)
    images = torch.arange(len(labels))[:, None, None, None].expand(-1, 3, 2, 2).to(torch.uint8).contiguous()
    return Split(images, labels)


splits = st.sets(st.integers(0, 9), min_size=2, max_size=10).flatmap(
    lambda classes: st.integers(1, len(classes) - 1).map(
        lambda cut: (tuple(sorted(classes))[:cut], tuple(sorted(classes))[cut:])
    )
)


@settings(max_examples=60, deadline=None)
@given(groups=splits, tiles=st.integers(2, 12), per_class=st.integers(11, 60), seed=st.integers(0, 2**31))
def test_one_tile_is_of_a_foreground_class_and_the_others_of_background_classes(
    groups, tiles, per_class, seed
):
    foreground, background = groups
    given_ = source(per_class)
    mosaics = make_mosaics(
        given_, 40, generator=generator(seed), foreground=foreground, background=background, tiles=tiles
    )
    assert mosaics.tiles.shape == (40, tiles)
    assert torch.equal(given_.labels[mosaics.tiles], mosaics.tile_labels)
    for classes, at, label in zip(mosaics.tile_labels, mosaics.foreground_at, mosaics.labels, strict=True):
        assert foreground[label] == classes[at]
        assert all(int(c) in background for place, c in enumerate(classes) if place != at)


@pytest.mark.parametrize("per_class", [2, 40])
def test_no_image_stands_twice_in_a_mosaic(per_class):
    mosaics = make_mosaics(source(per_class), 500, generator=generator())
    assert all(len(set(tiles)) == 9 for tiles in mosaics.tiles.tolist())


def test_the_foreground_is_at_every_place_and_each_image_in_it_equally_often():
    n, data = 27_000, source(20)
    mosaics = make_mosaics(data, n, generator=generator())
    for counts in (
        torch.bincount(mosaics.foreground_at, minlength=9),
        torch.bincount(mosaics.labels, minlength=3),
        mosaics.tiles[torch.arange(n), mosaics.foreground_at].unique(return_counts=True)[1],
    ):
        expected = n / len(counts)
        # five standard deviations of a binomial count
        assert (counts - expected).abs().max() < 5 * math.sqrt(expected)


def test_a_model_is_given_row_numbers_and_labels_and_nothing_that_tells_the_place():
    mosaics = make_mosaics(source(30), 9000, generator=generator())
    split = mosaics.split()
    assert set(vars(split)) == {"images", "labels"}
    assert torch.equal(split.images, mosaics.tiles)
    assert torch.equal(split.labels, mosaics.labels)
    # neither the label nor the background beside it says where the foreground is
    for label, place in itertools.product(range(3), range(9)):
        there = mosaics.foreground_at[mosaics.labels == label] == place
        assert abs(there.float().mean() - 1 / 9) < 5 * math.sqrt(8 / 81 / len(there))


def test_equal_seeds_draw_equal_mosaics_and_others_others():
    draws = [make_mosaics(source(), 50, generator=generator(seed)).tiles for seed in (0, 0, 1)]
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


def test_pixels_are_those_of_the_source_and_take_a_hundredth_of_the_memory():
    data = Split(torch.randint(0, 256, (200, 3, 32, 32), dtype=torch.uint8), torch.arange(10).repeat(20))
    mosaics = make_mosaics(data, 100, generator=generator())
    pixels = mosaics.pixels(mosaics.tiles[:4])
    assert pixels.shape == (4, 9, 3, 32, 32)
    for i, j in itertools.product(range(4), range(9)):
        assert torch.equal(pixels[i, j], data.images[mosaics.tiles[i, j]].float() / 255)
    own = sum(p.nbytes for p in (mosaics.tiles, mosaics.labels, mosaics.foreground_at, mosaics.tile_labels))
    assert own < 0.01 * data.images[mosaics.tiles].nbytes


def test_points_make_mosaics_too():
    points = Split(torch.randn(100, 2, generator=generator()), torch.arange(10).repeat(10))
    mosaics = make_mosaics(points, 5, generator=generator())
    assert torch.equal(mosaics.pixels(mosaics.tiles), points.images[mosaics.tiles])


def test_some_rows_are_the_same_mosaics():
    mosaics = make_mosaics(source(), 20, generator=generator())
    some = mosaics.rows(slice(5, 8))
    assert len(some) == 3
    assert torch.equal(some.tiles, mosaics.tiles[5:8])
    assert torch.equal(some.foreground_at, mosaics.foreground_at[5:8])


# ---------------------------------------------------------------- averages


@pytest.mark.parametrize("i", range(1, 10))
def test_the_average_of_a_data_set_is_the_reports_formula(i):
    data = Split(torch.randint(0, 256, (200, 3, 4, 4), dtype=torch.uint8), torch.arange(10).repeat(20))
    mosaics = make_mosaics(data, 6, generator=generator())
    averages = Averages(mosaics, fixed_weights(i))
    found = averages.pixels(averages.split().images)
    for n in range(6):
        expected = torch.zeros(3, 4, 4, dtype=torch.float64)
        for place in range(9):
            image = data.images[mosaics.tiles[n, place]].double() / 255
            expected += image * (i / 9 if place == mosaics.foreground_at[n] else (9 - i) / (9 * 8))
        torch.testing.assert_close(found[n].double(), expected, rtol=1e-5, atol=1e-6)


def test_weights_add_up_to_one_and_the_first_data_set_has_equal_ones():
    for i in (1, 2.5, 9):
        assert math.isclose(fixed_weights(i).sum(), 1, rel_tol=1e-6)
    torch.testing.assert_close(fixed_weights(1), torch.full((9,), 1 / 9))
    assert fixed_weights(9).tolist() == [1.0] + 8 * [0.0]


@pytest.mark.parametrize("alpha", [1e-2, 0.5, 2.0, 1e5])
@pytest.mark.parametrize("i", [1, 4, 8])
def test_dirichlet_weights_have_the_mean_and_the_variance_that_the_distribution_has(i, alpha):
    n = 20_000
    drawn = dirichlet_weights(i, n, alpha=alpha, generator=generator()).double()
    torch.testing.assert_close(drawn.sum(dim=1), torch.ones(n, dtype=torch.float64), rtol=0, atol=1e-5)
    mean = fixed_weights(i).double()
    total = alpha * 72 / (9 - i)  # of all parameters: alpha (a_i + 8)
    variance = mean * (1 - mean) / (total + 1)
    error = 5 * (variance / n).sqrt() + 1e-6
    assert ((drawn.mean(dim=0) - mean).abs() < error).all()
    # the variance of a sample variance is at most (range)² variance / n, the range being 1
    assert ((drawn.var(dim=0) - variance).abs() < 5 * (variance / n).sqrt() + 1e-6).all()


def test_a_small_alpha_now_and_then_looks_at_the_background():
    few = dirichlet_weights(6, 2000, alpha=1e-2, generator=generator())
    wrong = (few.argmax(dim=1) != 0).float().mean()
    # nearly all weight is on one tile, which is the foreground with probability 6/9
    assert 0.2 < wrong < 0.45
    many = dirichlet_weights(6, 2000, alpha=1e5, generator=generator())
    assert (many.argmax(dim=1) == 0).all()


def test_all_weight_on_the_foreground_needs_no_chance():
    assert dirichlet_weights(9, 3, alpha=2.0, generator=generator()).tolist() == 3 * [[1.0] + 8 * [0.0]]


def test_each_mosaic_can_have_weights_of_its_own():
    data = Split(torch.randn(100, 2, generator=generator()), torch.arange(10).repeat(10))
    mosaics = make_mosaics(data, 4, generator=generator())
    weights = torch.eye(9)[[0, 0, 3, 8]]
    found = Averages(mosaics, weights).pixels(torch.tensor([1, 3]))
    at = mosaics.foreground_at
    assert torch.equal(found[0], data.images[mosaics.tiles[1, at[1]]])
    assert (found[1] == data.images[mosaics.tiles[3]]).all(dim=1).any()
    assert not torch.equal(found[1], data.images[mosaics.tiles[3, at[3]]])


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"n": 0}, "n is 0"),
        ({"foreground": (0, 1), "background": (1, 2)}, r"\[1\] are foreground and background"),
        ({"foreground": ()}, "at least one class"),
        ({"background": (3, 3)}, "each once"),
        ({"foreground": (0, 11)}, r"no image of the foreground classes \[11\]"),
        ({"tiles": 1}, "a foreground and at least one background"),
        ({"tiles": 200}, "needs 199 different images of the background, but the source has 140"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_a_sentence(arguments, said):
    with pytest.raises(DataError, match=said):
        make_mosaics(source(), arguments.pop("n", 5), generator=generator(), **arguments)


@pytest.mark.parametrize("i", [0, 0.99, 9.01, 10, math.nan])
def test_a_foreground_weight_outside_its_range_is_refused(i):
    with pytest.raises(DataError, match="lies between 1"):
        fixed_weights(i)
    with pytest.raises(DataError, match="lies between 1"):
        dirichlet_weights(i, 5, alpha=1.0, generator=generator())


@pytest.mark.parametrize("alpha", [0, -1, math.inf, math.nan])
def test_parameters_that_are_not_positive_are_refused(alpha):
    with pytest.raises(DataError, match="alpha is"):
        dirichlet_weights(3, 5, alpha=alpha, generator=generator())
    with pytest.raises(DataError, match="n is 0"):
        dirichlet_weights(3, 0, alpha=1.0, generator=generator())
