"""Measures against the size of a model, and a function through points."""

import numpy as np
import pytest
import torch
from reading_figures import cut_off, drawn_texts, overlapping

from course_utils.plots import against_size, through_points

SIZES = [1, 10, 100, 1000]
PANELS = {
    "test error": {"as trained": [0.9, 0.5, 0.2, 0.1]},
    "loss": {"as trained": torch.tensor([2.0, 9.0, float("nan"), 1.0]), "calibrated": [2.0, 2.0, 1.0, 0.5]},
}


def draw(panels=PANELS, **options):
    return against_size(SIZES, panels, title="The error falls", x_name="hidden units", **options)


def test_every_panel_draws_its_series_against_the_sizes_on_a_logarithmic_axis():
    error, loss = draw().axes
    assert [line.get_ydata().tolist() for line in error.lines] == [[0.9, 0.5, 0.2, 0.1]]
    np.testing.assert_allclose(loss.lines[0].get_ydata(), [2.0, 9.0, np.nan, 1.0])
    np.testing.assert_allclose(loss.lines[1].get_xdata(), SIZES)
    assert {axes.get_xscale() for axes in (error, loss)} == {"log"}
    assert (error.get_ylabel(), loss.get_ylabel()) == ("test error", "loss")


def test_a_series_looks_alike_in_both_panels_and_stands_once_in_the_legend():
    figure = draw()
    error, loss = figure.axes
    assert error.lines[0].get_color() == loss.lines[0].get_color() != loss.lines[1].get_color()
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["as trained", "calibrated"]


def test_only_the_panels_named_have_a_logarithmic_height():
    error, loss = draw(log_y=("loss",)).axes
    assert (error.get_yscale(), loss.get_yscale()) == ("linear", "log")


@pytest.mark.parametrize("name", ["", "as many as examples"])
def test_a_marked_size_has_a_line_in_every_panel_and_a_name_if_it_was_given_one(name):
    figure = draw(marked=30.0, marked_name=name)
    assert all(any(set(line.get_xdata()) == {30.0} for line in axes.lines) for axes in figure.axes)
    written = [text.get_text() for text in figure.legends[0].get_texts()]
    assert (name in written) == bool(name)
    assert len(written) == 2 + bool(name)


def numbers_below(figure):
    (axes,) = figure.axes
    low, high = axes.get_xlim()
    return [t for t in drawn_texts(figure) if t.get_text().isdigit() and low <= t.get_position()[0] <= high]


@pytest.mark.parametrize(
    ("sizes", "some"), [(SIZES, {"10", "1000"}), ([25, 50, 100, 800], {"50", "100", "500"})]
)
def test_sizes_are_written_as_plain_numbers_at_least_two_of_them(sizes, some):
    figure = against_size(sizes, {"loss": {"a": [1.0, 2.0, 3.0, 4.0]}}, title="Rising", x_name="examples")
    assert (overlapping(figure), cut_off(figure)) == ([], [])
    assert some <= {text.get_text() for text in numbers_below(figure)}


@pytest.mark.parametrize("options", [{}, {"marked": 50.0, "marked_name": "as many as examples"}])
def test_nothing_overlaps_or_is_cut_off(options):
    figure = draw(**options)
    assert (overlapping(figure), cut_off(figure)) == ([], [])


@pytest.mark.parametrize(
    ("panels", "words"),
    [
        ({}, "given 0 panels with 0 names"),
        ({str(n): {"a": SIZES} for n in range(3)}, "given 3 panels with 1 names"),
        ({"loss": {str(n): SIZES for n in range(8)}}, "given 1 panels with 8 names"),
        ({"loss": {"short": [1, 2]}}, r"'short' has shape \(2,\), but there are 4 sizes"),
    ],
)
def test_what_does_not_fit_is_refused(panels, words):
    with pytest.raises(ValueError, match=words):
        draw(panels)


def through(x=(0.0, 1.0, 2.0), y=(1.0, 0.0, 3.0), points=((0.0, 1.0), (2.0, 3.0))):
    return through_points(
        x,
        y,
        points,
        title="Two points, one line",
        x_name="place",
        y_name="height",
        line_name="the function",
        points_name="examples",
    )


def test_line_and_points_are_where_they_were_given():
    (axes,) = through().axes
    line, marks = axes.lines
    np.testing.assert_allclose(line.get_xydata(), [(0, 1), (1, 0), (2, 3)])
    np.testing.assert_allclose(marks.get_xydata(), [(0, 1), (2, 3)])
    assert (line.get_marker(), marks.get_linestyle()) == ("None", "None")


def test_nothing_overlaps_in_the_figure_of_points():
    figure = through()
    assert (overlapping(figure), cut_off(figure)) == ([], [])


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"y": (1.0, 0.0)}, r"x has shape \(3,\) and y \(2,\)"), ({"points": (0.0, 1.0)}, r"must be \(k, 2\)")],
)
def test_shapes_that_do_not_fit_are_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        through(**changes)
