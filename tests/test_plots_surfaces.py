"""Heights over a plane as contours."""

import numpy as np
import pytest
import torch
from reading_figures import cut_off, overlapping

from course_utils.plots.surfaces import surfaces

ACROSS, UP = [0.0, 0.5, 1.0, 1.5], torch.linspace(-1, 1, 3)
BOWL = [[(x - 1) ** 2 + y**2 for x in ACROSS] for y in UP.tolist()]
WORDS = {"title": "A bowl", "x_name": "across", "y_name": "up", "value_name": "height"}


def draw(panels, **changes):
    return surfaces(ACROSS, UP, panels, **(WORDS | changes))


def panels_of(figure):
    return [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]


def test_a_panel_for_each_with_one_scale_of_colours():
    figure = draw({"0 degrees": BOWL, "90 degrees": 2 * np.array(BOWL)})
    panels = panels_of(figure)
    assert [axes.get_title(loc="left") for axes in panels] == ["0 degrees", "90 degrees"]
    filled = [axes.collections[0] for axes in panels]
    assert list(filled[0].levels) == list(filled[1].levels)
    assert filled[0].levels[0] == 0
    assert filled[0].levels[-1] == pytest.approx(2 * np.array(BOWL).max())
    assert len(figure.axes) == 3, "one colour bar for both"


def test_a_steep_corner_leaves_the_colours_of_the_valley_apart():
    steep = np.array(BOWL)
    steep[0, 0] = 1000.0
    fills = panels_of(draw({"one": steep}))[0].collections[0].get_facecolor()
    assert len({tuple(colour) for colour in fills.tolist()}) == len(fills) > 3


def test_marks_stand_at_their_places_in_every_panel():
    figure = draw({"one": BOWL, "other": BOWL}, marks={"start": (0, 0), "end": (1, 0)})
    for axes in panels_of(figure):
        assert [tuple(line.get_xydata()[0]) for line in axes.lines] == [(0, 0), (1, 0)]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["start", "end"]


def test_a_plain_of_one_height_can_be_drawn():
    (axes,) = panels_of(draw({"flat": np.ones((3, 4))}))
    low, high = axes.collections[0].levels
    assert low < 1 < high


def test_nothing_overlaps_or_is_cut_off():
    for panels in ({"one": BOWL}, {"0 degrees": BOWL, "90 degrees": BOWL}):
        figure = draw(panels, marks={"start": (0, 0)})
        assert (overlapping(figure), cut_off(figure)) == ([], [])


@pytest.mark.parametrize(
    ("panels", "words"),
    [
        ({}, "was given 0 panels"),
        (dict.fromkeys("abcd", BOWL), "was given 4 panels"),
        ({"a": np.zeros((4, 3))}, r"'a' have shape \(4, 3\), but 3 places up and 4 across need \(3, 4\)"),
        ({"a": np.full((3, 4), np.nan)}, "'a' are not all finite"),
    ],
)
def test_what_does_not_fit_is_refused(panels, words):
    with pytest.raises(ValueError, match=words):
        draw(panels)
