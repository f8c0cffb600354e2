"""Figures: what they show, and that everyone can read them."""

import itertools

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from reading_figures import colours_at, cut_off, drawn_texts, overlapping
from sklearn import metrics
from sklearn.datasets import make_circles

from course_utils import plots
from course_utils.plots import style
from course_utils.training.loop import History

X, LABELS = make_circles(120, noise=0.1, factor=0.5, random_state=0)
X_TEST, LABELS_TEST = make_circles(80, noise=0.1, factor=0.5, random_state=1)
LONG_TITLE = (
    "The report says that polynomials work only from degree six on, but degree two does already: " * 2
)


def ring(places):
    """Score class 1 inside a circle of radius 0.75."""
    return 0.75 - np.hypot(*np.asarray(places).T)


def history(epochs=20, *, rise=0.0):
    steps = list(range(epochs + 1))
    train = [0.7 * 0.9**step for step in steps]
    test = [loss + rise * step for step, loss in zip(steps, train, strict=True)]
    accuracy = [1 - 0.5 * 0.9**step for step in steps]
    return History(steps, train, accuracy, test, accuracy)


def diverged(at=2):
    return History(
        [0, 1, at], [0.7, 50.0, np.inf], [0.5, 0.5, np.nan], [0.7, 60.0, np.nan], [0.5, 0.5, np.nan]
    )


FIGURES = {
    "points": lambda title: plots.points(X, LABELS, title=title, test=(X_TEST, LABELS_TEST)),
    "points of ten classes": lambda title: plots.points(X[:100], np.arange(100) % 10, title=title),
    "decision boundary": lambda title: plots.decision_boundary(ring, X, LABELS, title=title),
    "diverged boundary": lambda title: plots.decision_boundary(
        lambda p: np.full(len(p), np.nan), X, LABELS, title=title
    ),
    "curves": lambda title: plots.curves(history(), title=title),
    "curves, logarithmic": lambda title: plots.curves(history(), title=title, log_loss=True),
    "curves of seven": lambda title: plots.curves(
        {f"learning rate {i}": history() if i < 6 else diverged() for i in range(7)}, title=title
    ),
    "first frame": lambda title: plots.boundary_and_curves(ring, X, LABELS, history(0), title=title),
    "frame": lambda title: plots.boundary_and_curves(
        ring, X, LABELS, history(200), title=title, test=(X_TEST, LABELS_TEST)
    ),
    "small grid": lambda title: plots.boundary_grid(
        [ring] * 2, X, LABELS, titles=["linear: 50.0 %", "RBF: 98.0 %"], title=title
    ),
    "large grid": lambda title: plots.boundary_grid(
        [ring] * 18, X, LABELS, titles=[f"{n} units" for n in range(18)], title=title, columns=9
    ),
    "grid with a gap": lambda title: plots.boundary_grid(
        [ring] * 7, X, LABELS, titles=[f"degree {n},\ncoef0 = 1" for n in range(7)], title=title
    ),
    "heat map": lambda title: plots.heat_map(
        np.linspace(0, 1, 32).reshape(8, 4),
        row_labels=range(1, 9),
        column_labels=[
            "centred, coef0 = 0",
            "centred, coef0 = 1",
            "shifted, coef0 = 0",
            "shifted, coef0 = 1",
        ],
        title=title,
        row_name="degree",
        column_name="data and kernel",
        value_name="test accuracy",
    ),
    "heat map of long labels": lambda title: plots.heat_map(
        np.linspace(0, 1000, 24).reshape(2, 12),
        row_labels=["a", "b"],
        column_labels=[f"setting number {n}" for n in range(12)],
        title=title,
        number_format=".1f",
    ),
    "heat map of one cell": lambda title: plots.heat_map(
        [[0.5]], row_labels=["a"], column_labels=["b"], title=title
    ),
    "confusion matrix": lambda title: plots.confusion_matrix(
        np.arange(10000) % 10, np.arange(10000) // 7 % 10, classes=["aeroplane"] * 10, title=title
    ),
    "images": lambda title: plots.images(
        np.zeros((11, 8, 8), np.uint8), titles=["9 taken for 4"] * 11, title=title
    ),
    "colour images": lambda title: plots.images(
        np.zeros((3, 3, 32, 32), np.uint8), titles=["aeroplane", "automobile", "bird"], title=title
    ),
}


@pytest.mark.parametrize("name", FIGURES)
def test_texts_neither_overlap_nor_leave_the_figure_nor_are_smaller_than_ten_points(name):
    figure = FIGURES[name](LONG_TITLE)
    assert overlapping(figure) == []
    assert cut_off(figure) == []
    assert min(text.get_fontsize() for text in drawn_texts(figure)) >= 10


def test_a_long_title_is_never_broken_between_a_name_and_its_value():
    title = "a bb ccc dddd gamma = 1, " * 12
    lines = plots.points(X, LABELS, title=title).axes[0].get_title(loc="left").splitlines()
    assert len(lines) > 3
    assert all(line.count("gamma") == line.count("1") for line in lines)


def test_the_overlap_detector_sees_an_overlap():
    figure = Figure()
    figure.text(0.5, 0.5, "one")
    figure.text(0.51, 0.5, "two")
    assert overlapping(figure) == [("one", "two")]


def test_drawing_leaves_no_trace_in_pyplot_or_in_the_settings():
    before = dict(mpl.rcParams)
    for draw in FIGURES.values():
        draw("Title")
    assert plt.get_fignums() == []
    assert dict(mpl.rcParams) == before


# --- colours ------------------------------------------------------------------------------------------------

# Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB
BLINDNESS = {
    "normal": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.01182, 0.04294, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.3039],
    ],
}
RGB_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.072175], [0.0193339, 0.119192, 0.9503041]]
)


def cielab(colour, blindness):
    rgb = np.array(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    xyz = RGB_TO_XYZ @ np.clip(np.array(blindness) @ linear, 0, 1) / RGB_TO_XYZ.sum(axis=1)
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("kind", BLINDNESS)
def test_every_two_colours_differ_for_the_colour_blind(kind):
    # 2.3 is the smallest difference that is noticed; 10 is seen at a glance
    for one, other in itertools.combinations(style.COLOURS, 2):
        distance = np.linalg.norm(cielab(one, BLINDNESS[kind]) - cielab(other, BLINDNESS[kind]))
        assert distance > 10, (one, other, distance)


def test_contrast_follows_the_guidelines():
    assert style.contrast("#000000", "#ffffff") == pytest.approx(21)
    assert style.contrast("#777777", "#ffffff") == pytest.approx(
        4.48, abs=0.005
    )  # the guidelines' known value


def test_lines_and_texts_stand_out_from_white():
    assert min(style.contrast(colour, "#ffffff") for colour in style.LINE_COLOURS) >= 3
    assert min(style.contrast(colour, "#ffffff") for colour in (style.TEXT_COLOUR, style.GREY)) >= 4.5


@given(st.tuples(*[st.floats(0, 1)] * 3))
def test_numbers_in_cells_are_readable_on_any_colour(background):
    background = mpl.colors.to_hex(background)
    assert style.contrast(style.text_colour_on(background), background) >= 4.5


def test_classes_differ_by_marker_too():
    assert len(set(style.MARKERS)) == len(style.MARKERS) == len(style.COLOURS)


# --- boundaries ---------------------------------------------------------------------------------------------

ANSWERS = {
    "signed scores": ring,
    "class numbers": lambda places: (ring(places) > 0).astype(int),
    "logits": lambda places: np.stack([-ring(places), ring(places)], axis=1),
    "a column of signed scores": lambda places: ring(places)[:, None],
}


@pytest.mark.parametrize("kind", ANSWERS)
def test_a_place_has_the_colour_of_the_class_that_wins_there(kind):
    figure = plots.decision_boundary(ANSWERS[kind], X, LABELS, title="Ring")
    places = [(0, 0), (0.1, -0.1), (1.1, 1.1), (-1.1, 1.1)]
    expected = [to_rgb(style.tint(style.COLOURS[number])) for number in (1, 1, 0, 0)]
    np.testing.assert_allclose(colours_at(figure, figure.axes[0], places), expected, atol=0.01)


def test_ten_classes_get_their_ten_colours():
    angles = np.arange(10) * 2 * np.pi / 10
    centres = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    figure = plots.decision_boundary(lambda p: p @ centres.T, centres, np.arange(10), title="Ten")
    expected = [to_rgb(style.tint(colour)) for colour in style.COLOURS]
    np.testing.assert_allclose(colours_at(figure, figure.axes[0], centres * 0.7), expected, atol=0.01)


def test_a_classifier_that_gives_all_places_to_one_class_has_no_boundary():
    figure = plots.decision_boundary(lambda p: np.zeros(len(p), int), X, LABELS, title="All 0")
    np.testing.assert_allclose(
        colours_at(figure, figure.axes[0], [(0, 0)]), [to_rgb(style.tint(style.COLOURS[0]))], atol=0.01
    )


def test_the_classifier_is_asked_with_what_the_data_are():
    asked = []

    def predict(places):
        asked.append(places)
        return places @ torch.ones(2, 2, dtype=places.dtype) if torch.is_tensor(places) else places

    plots.decision_boundary(predict, torch.as_tensor(X), torch.as_tensor(LABELS), title="Tensor")
    plots.decision_boundary(predict, X.astype(np.float32), LABELS, title="Array")
    assert asked[0].dtype == torch.float64
    assert asked[1].dtype == np.float32


def test_scores_that_need_a_gradient_are_drawn():
    weights = torch.ones(2, 2, requires_grad=True)
    x = torch.as_tensor(X, dtype=torch.float32)
    assert plots.decision_boundary(lambda p: p @ weights, x, LABELS, title="Gradient").axes


def test_a_boundary_that_is_nan_is_said_not_drawn():
    figure = FIGURES["diverged boundary"]("Diverged")
    assert "nan" in figure.axes[0].texts[0].get_text()
    np.testing.assert_allclose(colours_at(figure, figure.axes[0], [(1.1, 1.1)]), [(1, 1, 1)])


def test_a_boundary_can_be_drawn_on_given_axes():
    figure = Figure()
    left, right = figure.subplots(1, 2)
    assert plots.decision_boundary(ring, X, LABELS, title="Right", ax=right) is figure
    assert left.get_title(loc="left") == ""
    assert right.get_title(loc="left") == "Right"


def test_all_points_are_drawn():
    figure = plots.points(X, LABELS, title="Points", test=(X_TEST, LABELS_TEST))
    places = np.concatenate([np.asarray(c.get_offsets()) for c in figure.axes[0].collections])
    expected = np.concatenate([X, X_TEST])
    np.testing.assert_allclose(places[np.lexsort(places.T)], expected[np.lexsort(expected.T)])


@pytest.mark.parametrize(
    ("x", "labels", "words"),
    [
        (np.zeros((5, 3)), np.zeros(5), r"x has shape \(5, 3\)"),
        (np.zeros((5, 2)), np.zeros((5, 2)), "one-hot"),
        (np.zeros((5, 2)), np.zeros(4), r"have shape \(4,\)"),
        (np.zeros((5, 2)), np.full(5, 10), "Class 10 has no colour"),
    ],
)
def test_points_that_cannot_be_drawn_are_refused_with_the_reason(x, labels, words):
    with pytest.raises(ValueError, match=words):
        plots.points(x, labels, title="Bad")


def test_scores_of_a_wrong_shape_are_refused_with_the_right_one():
    with pytest.raises(ValueError, match=r"predict returned shape \(3,\) for 14400 points"):
        plots.decision_boundary(lambda _places: np.zeros(3), X, LABELS, title="Bad")


# --- curves -------------------------------------------------------------------------------------------------


def test_curves_hold_the_history():
    run = history(rise=0.01)
    loss, accuracy = plots.curves(run, title="Rises").axes
    for axes, train, test in [
        (loss, run.train_loss, run.test_loss),
        (accuracy, run.train_accuracy, run.test_accuracy),
    ]:
        solid, dashed = axes.lines
        np.testing.assert_allclose(solid.get_ydata(), train)
        np.testing.assert_allclose(dashed.get_ydata(), test)
        assert (solid.get_linestyle(), dashed.get_linestyle()) == ("-", "--")


def test_a_diverged_run_is_named_and_leaves_the_scale_to_the_others():
    figure = plots.curves({"good": history(), "bad": diverged(at=7)}, title="One diverges")
    assert "bad (diverged by epoch 7)" in [text.get_text() for text in figure.legends[0].get_texts()]
    assert figure.axes[0].get_ylim()[1] < 1


def test_a_curve_that_rises_stays_on_the_axes():
    run = history(rise=1.0)
    assert plots.curves(run, title="Rises").axes[0].get_ylim()[1] > max(run.test_loss)


def test_one_measurement_is_seen_as_a_point():
    assert all(line.get_marker() == "o" for line in plots.curves(history(0), title="Start").axes[0].lines)


@pytest.mark.parametrize(
    ("histories", "words"),
    [
        ({}, "0 histories"),
        ({str(i): history() for i in range(8)}, "8 histories"),
        (History(), "at least one"),
        (History([0, 1], [1.0], [1.0], [1.0], [1.0]), "2 epochs, 1 training"),
    ],
)
def test_histories_that_cannot_be_drawn_are_refused(histories, words):
    with pytest.raises(ValueError, match=words):
        plots.curves(histories, title="Bad")


# --- tables and pictures ------------------------------------------------------------------------------------


def cell_texts(figure, shape):
    texts = {(int(t.get_position()[1]), int(t.get_position()[0])): t.get_text() for t in figure.axes[0].texts}
    return np.array([[texts[row, column] for column in range(shape[1])] for row in range(shape[0])])


def test_a_heat_map_writes_each_number_in_its_cell():
    table = np.arange(6).reshape(2, 3) / 10
    figure = plots.heat_map(table, row_labels="ab", column_labels="xyz", title="Six")
    assert cell_texts(figure, (2, 3)).tolist() == [["0.00", "0.10", "0.20"], ["0.30", "0.40", "0.50"]]


def test_a_value_that_is_missing_is_a_dash():
    figure = plots.heat_map([[np.nan, 1.0]], row_labels="a", column_labels="xy", title="Missing")
    assert cell_texts(figure, (1, 2)).tolist() == [["–", "1.00"]]


def test_a_heat_map_of_nothing_but_missing_values_is_drawn():
    figure = plots.heat_map([[np.nan]], row_labels="a", column_labels="x", title="Missing")
    assert cell_texts(figure, (1, 1)).tolist() == [["–"]]


def test_a_heat_map_with_too_few_labels_is_refused():
    with pytest.raises(ValueError, match=r"shape \(2, 3\).*2 row and 2 column labels"):
        plots.heat_map(np.zeros((2, 3)), row_labels="ab", column_labels="xy", title="Bad")


@settings(max_examples=10, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=60))
def test_the_confusion_matrix_is_scikit_learns(pairs):
    true, predicted = np.array(pairs).T
    figure = plots.confusion_matrix(
        torch.as_tensor(true), torch.as_tensor(predicted), classes="abcd", title="Confusion"
    )
    expected = metrics.confusion_matrix(true, predicted, labels=range(4))
    assert (cell_texts(figure, (4, 4)).astype(int) == expected).all()


@pytest.mark.parametrize(
    ("labels", "predictions", "words"),
    [([0, 1], [0, 4], "predictions hold 0 to 4"), ([0, 1], np.zeros((2, 4)), "argmax")],
)
def test_predictions_that_are_no_classes_are_refused(labels, predictions, words):
    with pytest.raises(ValueError, match=words):
        plots.confusion_matrix(labels, predictions, classes="abcd", title="Bad")


@pytest.mark.parametrize("shape", [(2, 5, 4), (2, 1, 5, 4), (2, 3, 5, 4)])
def test_pictures_keep_their_pixels(shape):
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    figure = plots.images(torch.as_tensor(pixels), title="Two")
    for picture, axes in zip(pixels.reshape(2, -1, 5, 4), figure.axes, strict=True):
        drawn = np.asarray(axes.images[0].get_array())
        expected = picture[0] if len(picture) == 1 else picture.transpose(1, 2, 0)
        np.testing.assert_array_equal(drawn, expected)


@pytest.mark.parametrize(
    ("pictures", "titles", "words"),
    [
        (np.zeros((2, 8, 8)), None, "float64, but uint8"),
        (np.zeros((8, 8), np.uint8), None, r"shape \(8, 8\)"),
        (np.zeros((2, 8, 8, 3), np.uint8), None, r"\(n, 3, height, width\)"),
        (np.zeros((0, 8, 8), np.uint8), None, "at least one"),
        (np.zeros((2, 8, 8), np.uint8), ["one"], "2 pictures need as many titles"),
    ],
)
def test_pictures_that_cannot_be_drawn_are_refused(pictures, titles, words):
    with pytest.raises(ValueError, match=words):
        plots.images(pictures, title="Bad", titles=titles)


def test_lines_draw_each_series_with_its_values_and_name():
    figure = plots.lines(
        [1, 10, 100],
        {"one": [1, 2, 3], "two": torch.tensor([3.0, 2.0, float("nan")])},
        title="t",
        x_name="x",
        y_name="y",
        log_x=True,
    )
    (axes,) = figure.axes
    assert [list(line.get_ydata()[:2]) for line in axes.lines] == [[1, 2], [3, 2]]
    assert [line.get_label() for line in axes.lines] == ["one", "two"]
    assert axes.get_xscale() == "log"


@pytest.mark.parametrize("series", [{}, {"short": [1, 2]}, {str(i): [1, 2, 3] for i in range(8)}])
def test_lines_refuse_what_they_cannot_draw(series):
    with pytest.raises(ValueError, match="series"):
        plots.lines([1, 2, 3], series, title="t", x_name="x", y_name="y")


def test_every_number_of_a_heat_map_can_be_read_on_its_cell():
    table = np.linspace(0, 1, 12).reshape(3, 4)
    axes = plots.heat_map(table, row_labels="abc", column_labels="wxyz", title="Shades").axes[0]
    cells = axes.collections[0].get_facecolors().reshape(3, 4, 4)
    for text in axes.texts:
        column, row = (int(place) for place in text.get_position())
        assert style.contrast(text.get_color(), to_hex(cells[row, column])) >= 4.5
