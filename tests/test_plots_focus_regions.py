"""Attention over points: shades of weight, regions of classes, and where one mosaic's tiles are pushed."""

import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex
from reading_figures import colours_at, cut_off, overlapping

from course_utils.plots.focus_push import FALLS, RISES, focus_push, raises_score
from course_utils.plots.focus_regions import FocusView, focus_regions, weight_beside_background


@pytest.fixture
def points():
    generator = torch.Generator().manual_seed(0)
    means = torch.tensor([[2.0, 0.0], [-2.0, 0.0], [0.0, 0.0]])
    classes = torch.arange(3).repeat_interleave(30)
    return means[classes] + 0.2 * torch.randn(90, 2, generator=generator), classes


def view(points, **changes):
    places, classes = points
    parts = {
        "focus": lambda x: 3 * x[:, :1],
        "classify": lambda x: torch.stack([x[:, 0], -x[:, 0]], dim=1),
        "points": places,
        "classes": classes,
        "foreground": 2,
        "averages": places[:60],
        "labels": classes[:60],
        "tiles": 3,
    }
    return FocusView(**(parts | changes))


def test_weights_are_those_of_a_softmax_beside_equal_background_tiles():
    own, others = torch.tensor([1.0, -2.0, 5.0]), torch.full((8,), 0.5)
    expected = [torch.cat([s[None], others]).softmax(dim=0)[0].item() for s in own]
    np.testing.assert_allclose(weight_beside_background(own, others, 9), expected, rtol=1e-6)


def test_huge_scores_give_weights_of_0_and_1():
    found = weight_beside_background(torch.tensor([-1e5, 1e5]), torch.tensor([0.0, 1e3]), 9)
    np.testing.assert_allclose(found, [0, 1], atol=1e-9)


def test_it_is_darker_where_the_focus_network_scores_higher(points):
    figure = focus_regions({"x": view(points)}, title="A finding")
    shade = colours_at(figure, figure.axes[0], [(-1.2, 0.45), (1.1, 0.45)]).mean(axis=1)
    assert shade[0] > 0.95
    assert shade[1] < shade[0] - 0.1


def test_the_line_of_half_the_weight_is_where_the_weight_is_one_half(points):
    figure = focus_regions({"x": view(points)}, title="")
    places, classes = points
    background = 3 * places[classes == 2, 0]
    # exp(3x) = 2 mean(exp(background)): the others of a mosaic of three are two
    expected = (np.log(2) + np.log(np.exp(background.numpy()).mean())) / 3
    lines = [c for c in figure.axes[0].collections if len(c.get_paths()) == 1 and not c.get_fill()]
    (line,) = [c for c in lines if c.get_linewidth() == pytest.approx(1.4)]
    np.testing.assert_allclose(line.get_paths()[0].vertices[:, 0], expected, atol=0.03)


def test_below_are_the_regions_of_the_classification_network(points):
    figure = focus_regions({"x": view(points, averages=points[0], labels=points[1].clamp(max=1))}, title="")
    left, right = colours_at(figure, figure.axes[1], [(-1.2, 0.45), (1.2, 0.45)])
    assert left[0] > left[2]  # vermilion, class 1
    assert right[2] > right[0]  # blue, class 0


def test_several_views_stand_in_columns_with_their_names(points):
    figure = focus_regions({"one": view(points), "two": view(points)}, title="A finding")
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert [title.split("\n")[0] for title in titles] == ["one", "two", "one", "two"]


@pytest.mark.parametrize("number", [1, 2, 3])
def test_nothing_overlaps_or_is_cut_off(points, number):
    views = {f"outside, far, {n}": view(points) for n in range(number)}
    figure = focus_regions(views, title="A linear focus looks to one side, a deep one all round")
    assert (overlapping(figure), cut_off(figure)) == ([], [])


def test_too_many_views_are_refused(points):
    with pytest.raises(ValueError, match="was given 5 views"):
        focus_regions({str(n): view(points) for n in range(5)}, title="")
    with pytest.raises(ValueError, match="was given 0 views"):
        focus_regions({}, title="")


def test_pushes_are_what_a_step_of_descent_does_to_the_scores():
    generator = torch.Generator().manual_seed(1)
    tiles = torch.randn(9, 2, generator=generator, dtype=torch.float64)
    scores = torch.randn(9, generator=generator, dtype=torch.float64).requires_grad_()
    target = torch.tensor([0.5, -1.0], dtype=torch.float64)
    average = scores.softmax(dim=0) @ tiles
    (average - target).square().sum().backward()
    slope = 2 * (average - target).detach()
    pushed = raises_score(tiles, scores.detach().softmax(dim=0), slope)
    np.testing.assert_allclose(pushed, -scores.grad.numpy(), atol=1e-12)
    assert pushed.sum() == pytest.approx(0, abs=1e-12)


TILES = torch.tensor([[2.0, 0.0], [-1.0, 0.5], [-1.0, -0.5]])
EQUAL = torch.full((3,), 1 / 3)


def test_tiles_whose_score_rises_point_up_and_the_others_down():
    figure = focus_push(TILES, EQUAL, torch.tensor([-1.0, 0.0]), foreground_at=0, title="One rises")
    ups, downs, ring, mean = figure.axes[0].collections[-4:]
    np.testing.assert_allclose(ups.get_offsets(), [[2.0, 0.0]])
    np.testing.assert_allclose(downs.get_offsets(), [[-1.0, 0.5], [-1.0, -0.5]])
    np.testing.assert_allclose(ring.get_offsets(), [[2.0, 0.0]])
    np.testing.assert_allclose(mean.get_offsets(), [[0.0, 0.0]], atol=1e-6)
    assert [to_hex(marks.get_facecolor()[0]) for marks in (ups, downs)] == [RISES, FALLS]


def test_the_shaded_half_is_the_one_where_scores_rise():
    figure = focus_push(TILES, EQUAL, torch.tensor([-1.0, 0.0]), foreground_at=0, title="")
    rising, falling = colours_at(figure, figure.axes[0], [(1.0, 1.5), (-1.8, 1.5)])
    assert rising.min() < 0.95
    assert falling.min() > 0.99


def test_a_push_without_any_slope_can_be_drawn():
    figure = focus_push(TILES, EQUAL, torch.zeros(2), foreground_at=1, title="Nothing moves")
    assert (overlapping(figure), cut_off(figure)) == ([], [])


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"tiles \(3, 2\), weights \(2,\)"):
        focus_push(TILES, EQUAL[:2], torch.zeros(2), foreground_at=0, title="")
