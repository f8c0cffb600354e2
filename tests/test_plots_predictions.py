"""Predicted lines and measured marks."""

import numpy as np
import pytest
import torch
from reading_figures import cut_off, overlapping

from course_utils.plots.predictions import predictions

X = [0, 20, 40]
PREDICTED = {"a copier": torch.tensor([0.8, 0.6, 0.5])}
MEASURED = {"ours": [(0.81, 0.02), (float("nan"), 0.1), (0.47, float("nan"))]}


def draw(predicted=PREDICTED, measured=MEASURED, x=X):
    return predictions(x, predicted, measured, title="Near the line", x_name="noise, %", y_name="accuracy")


def test_a_prediction_is_a_line_without_marks():
    (axes,) = draw(measured={}).axes
    (line,) = axes.lines
    np.testing.assert_allclose(line.get_xydata(), [(0, 0.8), (20, 0.6), (40, 0.5)])
    assert line.get_marker() in ("", "None")


def test_a_measurement_is_a_mark_with_its_error_to_both_sides():
    (axes,) = draw(predicted={}, measured={"ours": [(0.8, 0.1), (0.6, 0.2), (0.5, 0.0)]}).axes
    (container,) = axes.containers
    marks, _, (bars,) = container
    np.testing.assert_allclose(marks.get_xydata(), [(0, 0.8), (20, 0.6), (40, 0.5)])
    np.testing.assert_allclose(
        [segment[:, 1] for segment in bars.get_segments()], [(0.7, 0.9), (0.4, 0.8), (0.5, 0.5)]
    )
    assert marks.get_linestyle() == "None"


def test_what_was_not_measured_is_left_out():
    (axes,) = draw().axes
    (container,) = axes.containers
    assert np.isfinite(container[0].get_ydata()).tolist() == [True, False, True]


def test_every_series_has_a_colour_of_its_own_and_a_name():
    figure = draw(predicted={"a": [1, 2, 3], "b": [3, 2, 1]})
    (axes,) = figure.axes
    colours = [axes.lines[0].get_color(), axes.lines[1].get_color(), axes.containers[0][0].get_color()]
    assert len(set(colours)) == 3
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a", "b", "ours"]


def test_nothing_overlaps_or_is_cut_off():
    figure = draw()
    assert (overlapping(figure), cut_off(figure)) == ([], [])


@pytest.mark.parametrize(
    ("predicted", "measured", "words"),
    [
        ({}, {}, "was given 0 series"),
        ({str(n): X for n in range(8)}, {}, "was given 8 series"),
        ({"a": [1, 2]}, {}, r"'a' has shape \(2,\), but \(3,\) fits"),
        ({}, {"a": X}, r"'a' has shape \(3,\), but \(3, 2\) fits"),
    ],
)
def test_what_does_not_fit_is_refused(predicted, measured, words):
    with pytest.raises(ValueError, match=words):
        draw(predicted, measured)
