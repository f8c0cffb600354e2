"""Two phases: what is learnt up to the best epoch, and what is memorised after it."""

import math

import numpy as np
import pytest
from reading_figures import cut_off, overlapping

from course_utils.plots.noise_phases import best_epoch, noise_phases

CURVES = {
    "clean_accuracy": [0.1, 0.8, 0.9, 0.95, 1.0, 1.0],
    "corrupted_accuracy": [0.1, 0.1, 0.2, 0.5, 0.8, 1.0],
    "test_accuracy": [0.1, 0.7, 0.9, 0.8, 0.7, 0.6],
}
TITLE = "At epoch 2 the network begins to memorise"


def spans(axes):
    """Return the horizontal ends of the shaded rectangles."""
    return [(patch.get_x(), patch.get_x() + patch.get_width()) for patch in axes.patches]


def names_in(axes):
    return [text.get_text() for text in axes.texts]


def test_every_part_has_its_line_against_the_epochs():
    (axes,) = noise_phases(CURVES, title=TITLE).axes
    for line, values in zip(axes.lines, CURVES.values(), strict=False):
        np.testing.assert_allclose(line.get_xdata(), range(6))
        np.testing.assert_allclose(line.get_ydata(), values)


def test_the_phases_meet_where_the_test_accuracy_is_best():
    (axes,) = noise_phases(CURVES, title=TITLE).axes
    np.testing.assert_allclose(spans(axes), [(0, 2), (2, 5)])
    assert set(axes.lines[-1].get_xdata()) == {2}
    assert names_in(axes) == ["learns", "memorises"]


def test_the_phases_meet_where_they_are_said_to_and_epochs_may_begin_with_1():
    (axes,) = noise_phases(CURVES, title=TITLE, best=5, first_epoch=1).axes
    np.testing.assert_allclose(spans(axes), [(1, 5), (5, 6)])
    assert axes.lines[0].get_xdata()[0] == 1


def test_a_phase_too_short_for_its_name_has_none():
    (axes,) = noise_phases(CURVES, title=TITLE, best=5).axes
    assert names_in(axes) == ["learns"]


def test_a_part_without_rows_has_no_line():
    (axes,) = noise_phases(CURVES | {"corrupted_accuracy": [math.nan] * 6}, title=TITLE).axes
    assert [line.get_label() for line in axes.lines] == ["clean labels", "test data, true labels"]


@pytest.mark.parametrize("name", CURVES)
def test_without_one_of_the_curves_there_are_no_two_phases(name):
    (axes,) = noise_phases(CURVES | {name: [math.nan] * 6}, title=TITLE).axes
    assert spans(axes) == []
    assert names_in(axes) == []


def test_a_single_epoch_is_a_mark():
    figure = noise_phases({name: values[:1] for name, values in CURVES.items()}, title=TITLE)
    assert {line.get_marker() for line in figure.axes[0].lines} == {"o"}


@pytest.mark.parametrize("best", [None, 1, 5])
def test_nothing_overlaps_or_is_cut_off(best):
    figure = noise_phases(CURVES, title=TITLE, best=best)
    assert (overlapping(figure), cut_off(figure)) == ([], [])


def test_the_best_epoch_is_the_first_of_the_highest():
    assert best_epoch([0.1, 0.9, 0.9, math.nan]) == 1
    assert best_epoch([0.1, 0.9], first_epoch=1) == 2
    assert best_epoch([math.nan]) is None


@pytest.mark.parametrize(
    ("changed", "options", "words"),
    [
        ({"test_accuracy": [0.5]}, {}, "as many of each.*test_accuracy 1"),
        ({name: [] for name in CURVES}, {}, "one number per epoch"),
        ({}, {"best": 6}, "best is epoch 6, but the curves go from 0 to 5"),
    ],
)
def test_what_does_not_fit_is_refused(changed, options, words):
    with pytest.raises(ValueError, match=words):
        noise_phases(CURVES | changed, title=TITLE, **options)
