"""Mosaics with frames: each picture in its place, each frame as its weight, the foreground marked."""

import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb
from matplotlib.patches import Polygon, Rectangle
from reading_figures import cut_off, drawn_texts, overlapping

from course_utils import plots
from course_utils.plots.mosaics import MARGIN
from course_utils.plots.style import COLOURS, contrast

CELL = 1 + 2 * MARGIN
PICTURES = torch.randint(256, (2, 9, 3, 4, 4), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
WEIGHTS = torch.tensor([[0, 1 / 16, 0.25, 0.6875, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 0, 1]])


def draw(pictures=PICTURES, weights=WEIGHTS, **options):
    options = {"title": "Two mosaics", "foreground_at": [3, 8]} | options
    return plots.mosaics(pictures, weights, **options)


def frames(axes):
    return [patch for patch in axes.patches if isinstance(patch, Rectangle)]


def test_each_tile_stands_in_its_place_in_reading_order():
    for axes, tiles in zip(draw().axes, PICTURES, strict=True):
        assert len(axes.images) == 9
        for t, image in enumerate(axes.images):
            np.testing.assert_array_equal(image.get_array(), tiles[t].permute(1, 2, 0))
            left, right, bottom, top = image.get_extent()
            assert (left, top) == pytest.approx((t % 3 * CELL + MARGIN, t // 3 * CELL + MARGIN))
            assert (right - left, bottom - top) == pytest.approx((1, 1))
        low, high = axes.get_ylim()
        assert low > high  # the first row is the upper one


def test_a_frame_is_as_wide_as_the_root_of_its_weight_says():
    first, second = draw().axes
    widths = [(frame.get_width() - 1) / 2 / MARGIN for frame in frames(first)]
    assert widths == pytest.approx([0, 0.25, 0.5, 0.6875**0.5, 0, 0, 0, 0, 0])
    assert (frames(second)[8].get_width() - 1) / 2 == pytest.approx(MARGIN)


def test_frames_surround_their_tiles():
    (axes, _) = draw().axes
    for frame, image in zip(frames(axes), axes.images, strict=True):
        left, right, bottom, top = image.get_extent()
        middle = frame.get_x() + frame.get_width() / 2, frame.get_y() + frame.get_height() / 2
        assert middle == pytest.approx(((left + right) / 2, (bottom + top) / 2))


def test_more_weight_is_a_stronger_colour_and_all_of_it_the_strongest():
    first, second = draw().axes
    strength = [contrast(frame.get_facecolor()[:3], "white") for frame in frames(first)[:4]]
    assert strength == sorted(strength)
    assert strength[0] < strength[1]
    assert frames(second)[8].get_facecolor()[:3] == pytest.approx(to_rgb(COLOURS[1]), abs=0.01)


def test_the_corner_is_on_the_foreground():
    for axes, t in zip(draw().axes, (3, 8), strict=True):
        (corner,) = [patch for patch in axes.patches if isinstance(patch, Polygon)]
        assert tuple(corner.get_xy()[0]) == pytest.approx((t % 3 * CELL + MARGIN, t // 3 * CELL + MARGIN))


def test_without_weights_there_are_no_frames_and_without_places_no_corners():
    figure = draw(weights=None, foreground_at=None)
    assert all(len(axes.patches) == 0 for axes in figure.axes)
    assert figure.legends == []


def test_the_legend_says_only_what_is_drawn():
    def words(figure):
        return [text.get_text() for legend in figure.legends for text in legend.get_texts()]

    assert words(draw()) == ["weight 1/9", "weight 1/2", "weight 1", "foreground"]
    assert words(draw(weights=None)) == ["foreground"]


def test_grey_tiles_and_four_tiles_can_be_drawn():
    figure = draw(torch.zeros(1, 4, 1, 3, 3, dtype=torch.uint8), torch.full((1, 4), 0.25), foreground_at=[2])
    assert len(figure.axes[0].images) == 4


@pytest.mark.parametrize("n", [1, 2, 15])
def test_texts_neither_overlap_nor_leave_the_figure_nor_are_smaller_than_ten_points(n):
    figure = plots.mosaics(
        PICTURES[:1].expand(n, -1, -1, -1, -1),
        WEIGHTS[:1].expand(n, -1),
        foreground_at=[3] * n,
        titles=["epoch 10.5: 100 %"] * n,
        columns=5,
        title="The mean weight of the foreground goes from 11 % to 100 %; above each mosaic its own " * 2,
    )
    assert (overlapping(figure), cut_off(figure)) == ([], [])
    assert min(text.get_fontsize() for text in drawn_texts(figure)) >= 10
    assert sum(axes.axison for axes in figure.axes) == 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"pictures": PICTURES.float()}, "dtype float32, but uint8"),
        ({"pictures": PICTURES[0]}, r"shape \(9, 3, 4, 4\)"),
        ({"pictures": PICTURES[:, :8]}, "8 tiles is not square"),
        ({"weights": WEIGHTS[:1]}, r"shape \(1, 9\), but 2 mosaics of 9 tiles"),
        ({"weights": WEIGHTS - 1}, "before the softmax"),
        ({"foreground_at": [3, 9]}, "from 0 to 8"),
        ({"foreground_at": [3]}, "for each of 2 mosaics"),
        ({"titles": ["one"]}, "2 mosaics need as many titles"),
    ],
)
def test_what_cannot_be_drawn_is_refused(change, words):
    with pytest.raises(ValueError, match=words):
        draw(**change)
