"""What an output sees, and weights as pictures: right, and to be read by everyone."""

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from matplotlib.colors import to_rgb
from matplotlib.patches import Rectangle
from reading_figures import cut_off, drawn_texts, overlapping
from torch.nn import functional as F

from course_utils import plots
from course_utils.plots.layer_diagram import seen_units
from course_utils.plots.style import COLOURS

FIELD = np.zeros((8, 6))
FIELD[2:5, 1:4] = 1
LAYERS = [(3, 2, 1), (2, 1, 0)]
LONG_TITLE = (
    "One output of the last layer sees more pixels than there are, because padding counts as well: " * 2
)
FIGURES = {
    "one output": lambda title: plots.seen_pixels([FIELD], titles=["layer 1"], title=title),
    "six outputs": lambda title: plots.seen_pixels(
        [FIELD > 0] * 6, titles=["convolution 3: 32 pixels wide"] * 6, title=title
    ),
    "over a picture": lambda title: plots.seen_pixels(
        [FIELD], titles=["layer 1"], title=title, picture=np.zeros((3, 8, 6), np.uint8)
    ),
    "layers": lambda title: plots.layer_diagram(LAYERS, 9, title=title),
    "one layer of one output": lambda title: plots.layer_diagram([(4, 1, 0)], 4, title=title),
    "many layers": lambda title: plots.layer_diagram([(3, 1, 2)] * 6, 40, title=title),
}


@pytest.mark.parametrize("name", FIGURES)
def test_texts_neither_overlap_nor_leave_the_figure_nor_are_smaller_than_ten_points(name):
    figure = FIGURES[name](LONG_TITLE)
    assert overlapping(figure) == []
    assert cut_off(figure) == []
    assert min(text.get_fontsize() for text in drawn_texts(figure)) >= 10


# --- pixels that an output sees -----------------------------------------------------------------------------


def drawn(figure, panel=0):
    return np.asarray(figure.axes[panel].images[0].get_array())


def blueness(pixels):
    return pixels[..., 2] - pixels[..., 0]


def test_exactly_the_seen_pixels_are_coloured():
    picture = np.random.default_rng(0).integers(0, 256, (3, 8, 6), dtype=np.uint8)
    for below in (None, picture, picture[:1], picture[0], torch.as_tensor(picture)):
        pixels = drawn(plots.seen_pixels([FIELD > 0], titles=["one"], title="Seen", picture=below))
        np.testing.assert_array_equal(blueness(pixels) > 0.2, FIELD > 0)


def test_pixels_that_count_more_are_coloured_more_strongly():
    counts = np.array([[0.0, 1.0, 2.0, 4.0]])
    strength = blueness(drawn(plots.seen_pixels([counts], titles=["one"], title="Counted")))[0]
    assert (np.diff(strength) > 0.05).all()
    assert strength[0] == 0


def test_each_output_has_its_own_panel_and_title():
    figure = plots.seen_pixels([FIELD, FIELD.T.reshape(8, 6), FIELD * 0], titles="abc", title="Three")
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["a", "b", "c"]
    assert (blueness(drawn(figure, 2)) == 0).all()


def test_an_output_that_sees_nothing_can_be_drawn_alone():
    assert (blueness(drawn(plots.seen_pixels([FIELD * 0], titles="a", title="Nothing"))) == 0).all()


@pytest.mark.parametrize(
    ("seen", "titles", "picture", "words"),
    [
        ([FIELD], "ab", None, "1 outputs need as many titles"),
        ([], "", None, "at least one"),
        ([FIELD, FIELD.T], "ab", None, r"seen\[1\] must be .* shape \(6, 8\)"),
        ([FIELD - 1], "a", None, "negative numbers"),
        ([FIELD], "a", np.zeros((3, 8, 6)), "float64"),
        ([FIELD], "a", np.zeros((3, 6, 8), np.uint8), "8 x 6"),
    ],
)
def test_what_cannot_be_drawn_is_refused(seen, titles, picture, words):
    with pytest.raises(ValueError, match=words):
        plots.seen_pixels(seen, titles=titles, title="Bad", picture=picture)


# --- layers along one axis ----------------------------------------------------------------------------------


def units(figure):
    """Return centre and row of the units by kind: seen, not seen, padding."""
    found = {"seen": [], "not seen": [], "padding": []}
    for patch in figure.axes[0].patches:
        assert isinstance(patch, Rectangle)
        place = (round(patch.get_x() + 0.4, 3), round(patch.get_y() + 0.16))
        colour = patch.get_facecolor()[:3]
        seen = np.allclose(colour, to_rgb(COLOURS[0]))
        found["seen" if seen else "padding" if patch.get_linestyle() == ":" else "not seen"].append(place)
    return found


def test_the_diagram_colours_what_the_output_is_computed_from():
    found = units(plots.layer_diagram(LAYERS, 9, title="Two layers", output=0))
    # layer 2, output 0 <- layer 1, outputs 0 and 1 <- inputs -1 (padding), 0, 1 and 1, 2, 3
    assert sorted(found["seen"]) == sorted([(1.0, 2), (0, 1), (2, 1), (0, 0), (1, 0), (2, 0), (3, 0)])
    assert len(found["not seen"]) == (9 - 4) + (5 - 2) + (4 - 1)
    assert sorted(found["padding"]) == [(-1, 0), (9, 0)]


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.tuples(st.integers(1, 5), st.integers(1, 3), st.integers(0, 3)), min_size=1, max_size=4),
    st.integers(6, 30),
    st.data(),
)
def test_the_seen_units_are_those_that_the_gradient_reaches(layers, n, data):
    line = torch.zeros(1, 1, n, dtype=torch.float64, requires_grad=True)
    outputs = line
    for kernel, stride, padding in layers:
        assume(outputs.shape[2] + 2 * padding >= kernel)
        ones = torch.ones(1, 1, kernel, dtype=torch.float64)
        outputs = F.conv1d(outputs, ones, stride=stride, padding=padding)
    output = data.draw(st.integers(0, outputs.shape[2] - 1))
    (gradient,) = torch.autograd.grad(outputs[0, 0, output], line)
    assert seen_units(layers, n, output) == gradient[0, 0].nonzero()[:, 0].tolist()


@pytest.mark.parametrize(
    ("layers", "output", "words"),
    [
        ([(3, 2, 1), (7, 1, 0)], None, "Layer 2 has the kernel 7, but only 5 inputs and padding 0"),
        (LAYERS, 4, "no output 4: the last layer has 4"),
        (LAYERS, -1, "no output -1"),
    ],
)
def test_layers_that_cannot_be_drawn_are_refused(layers, output, words):
    with pytest.raises(ValueError, match=words):
        plots.layer_diagram(layers, 9, title="Bad", output=output)


# --- weights and activations as pictures --------------------------------------------------------------------


@given(st.integers(0, 100))
def test_each_picture_uses_the_whole_range(seed):
    values = np.random.default_rng(seed).normal(size=(3, 2, 4, 5)) * 10.0 ** np.arange(3)[:, None, None, None]
    pictures = plots.as_pictures(values)
    assert pictures.dtype == np.uint8
    assert pictures.shape == values.shape
    for picture, numbers in zip(pictures, values, strict=True):
        assert (picture.min(), picture.max()) == (0, 255)
        order = numbers.ravel().argsort()
        assert (np.diff(picture.ravel()[order].astype(int)) >= 0).all()


def test_signed_numbers_are_grey_at_zero():
    values = torch.tensor([[[0.0, 1.0, -2.0]], [[0.0, 0.0, 0.0]]])
    assert plots.as_pictures(values, signed=True).tolist() == [[[128, 191, 0]], [[128, 128, 128]]]


def test_a_picture_of_one_value_is_black():
    assert plots.as_pictures(np.full((1, 2, 2), 7.0)).tolist() == [[[0, 0], [0, 0]]]


@pytest.mark.parametrize("values", [np.zeros((2, 2)), np.zeros((0, 2, 2)), np.full((1, 2, 2), np.nan)])
def test_what_is_no_picture_is_refused(values):
    with pytest.raises(ValueError, match="all numbers finite"):
        plots.as_pictures(values)
