"""Means with errors, a row for each name."""

import numpy as np
import pytest
import torch
from reading_figures import cut_off, overlapping

from course_utils.plots.intervals import intervals

NAMES = ["standardisation", "crop and flip", "batch norm"]
SERIES = {
    "alone": [(1.0, 0.5), (-2.0, 0.25), (3.0, 1.0)],
    "added": torch.tensor([(0.5, 0.1), (float("nan"), float("nan")), (4.0, 0.2)]),
}


def draw(series=SERIES):
    return intervals(NAMES, series, title="Two of three help", x_name="points of accuracy")


def test_every_mean_has_a_mark_in_the_row_of_its_name_and_an_error_to_both_sides():
    (axes,) = draw({"alone": SERIES["alone"]}).axes
    (container,) = axes.containers
    marks, _, (bars,) = container
    np.testing.assert_allclose(marks.get_xydata(), [(1.0, 0), (-2.0, 1), (3.0, 2)])
    ends = [segment[:, 0].tolist() for segment in bars.get_segments()]
    assert ends == [[0.5, 1.5], [-2.25, -1.75], [2.0, 4.0]]
    assert [label.get_text() for label in axes.get_yticklabels()] == NAMES


def test_the_first_name_stands_at_the_top():
    (axes,) = draw().axes
    low, high = axes.get_ylim()
    assert low > high


def test_series_of_one_name_lie_below_one_another_and_near_its_row():
    (axes,) = draw().axes
    first, second = (container[0].get_ydata() for container in axes.containers)
    assert (second > first).all()
    assert np.abs(np.stack([first, second]) - np.arange(3)).max() < 0.5


@pytest.mark.parametrize("place", [0.0, 74.6])
def test_a_line_marks_the_reference_which_is_zero_by_default(place):
    options = {"reference": place} if place else {}
    (axes,) = intervals(NAMES, SERIES, title="", x_name="points", **options).axes
    assert any(set(line.get_xdata()) == {place} for line in axes.lines)


def test_nothing_overlaps_or_is_cut_off():
    figure = draw()
    assert (overlapping(figure), cut_off(figure)) == ([], [])


@pytest.mark.parametrize(
    ("series", "words"),
    [
        ({}, "was given 0 series"),
        ({str(n): SERIES["alone"] for n in range(8)}, "was given 8 series"),
        ({"alone": [(1.0, 0.5)]}, r"'alone' has shape \(1, 2\), but 3 names need \(3, 2\)"),
    ],
)
def test_what_does_not_fit_is_refused(series, words):
    with pytest.raises(ValueError, match=words):
        draw(series)
