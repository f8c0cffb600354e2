"""Training by turns: lines over a shade that says whose turn it is."""

import numpy as np
import pytest
import torch
from reading_figures import cut_off, overlapping

from course_utils.plots.turns import turns

TURN = [0, 0, 1, 1, 0, 1]
PANELS = {
    "loss": {"training data": torch.linspace(1, 0.5, 6)},
    "share": {"right": np.linspace(0.3, 0.9, 6), "looked at": [0.1, 0.2, float("nan"), 0.3, 0.4, 0.5]},
}


def draw(turn=TURN, panels=PANELS, x=range(6)):
    return turns(x, turn, panels, title="Each turn lowers the loss")


def spans(axes):
    """Return the horizontal ends of the shaded rectangles."""
    return [(patch.get_x(), patch.get_x() + patch.get_width()) for patch in axes.patches]


def test_every_panel_holds_its_series_and_says_what_they_are():
    left, right = draw().axes
    assert (left.get_ylabel(), right.get_ylabel()) == ("loss", "share")
    np.testing.assert_allclose(left.lines[0].get_ydata(), np.linspace(1, 0.5, 6))
    assert [line.get_label() for line in right.lines] == ["right", "looked at"]
    np.testing.assert_allclose(right.lines[1].get_xdata(), range(6))


def test_the_shade_lies_where_the_second_network_has_its_turn():
    for axes in draw().axes:
        np.testing.assert_allclose(spans(axes), [(1.5, 3.5), (4.5, 5.5)])


@pytest.mark.parametrize(
    ("turn", "expected"), [([0, 0, 0], []), ([1, 1, 1], [(5, 35)]), ([1, 0, 0], [(5, 15)])]
)
def test_the_shade_follows_the_distance_of_the_steps(turn, expected):
    (axes,) = draw(turn, {"loss": {"loss": [1, 2, 3]}}, x=[10, 20, 30]).axes
    assert spans(axes) == expected


def test_no_two_series_share_a_colour_and_the_legend_names_all_and_the_shade():
    figure = draw()
    colours = [line.get_color() for axes in figure.axes for line in axes.lines]
    assert len(set(colours)) == 3
    (legend,) = figure.legends
    names = [text.get_text() for text in legend.get_texts()]
    assert names == ["training data", "right", "looked at", "the focus network learns"]


def test_nothing_overlaps_or_is_cut_off():
    figure = draw()
    assert (overlapping(figure), cut_off(figure)) == ([], [])


def test_a_single_step_can_be_drawn():
    (axes,) = draw([1], {"loss": {"loss": [1.0]}}, x=[3]).axes
    assert spans(axes) == [(2.5, 3.5)]


@pytest.mark.parametrize(
    ("turn", "panels", "words"),
    [
        (TURN, {}, "given 0 panels"),
        (TURN, {"loss": {str(k): range(6) for k in range(8)}}, "1 panels with 8 series"),
        (TURN[:3], PANELS, r"x has shape \(6,\) and turn \(3,\)"),
        (TURN, {"loss": {"short": [1, 2]}}, r"'short' has shape \(2,\), but x has shape \(6,\)"),
    ],
)
def test_what_does_not_fit_is_refused(turn, panels, words):
    with pytest.raises(ValueError, match=words):
        draw(turn, panels)
