"""A mosaic weighed by hand: the weights are shares, the average and the answer follow."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from reading_figures import cut_off, overlapping

from course_utils.widgets import mosaics
from course_utils.widgets.mosaics import STEPS, in_steps, mosaic_explorer, render_mosaic, shares

TILES = torch.randint(256, (9, 3, 4, 4), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
NAMES = ["airplane", "automobile", "bird"]
KNOWN = {"label": 1, "foreground_at": 4, "class_names": NAMES}


def answer(weights):
    """The foreground at 4 speaks for class 1, everything else for class 0."""
    return [1 - weights[4], weights[4], 0.0]


def steps(**chosen):
    return {f"tile_{t}": chosen.get(f"tile_{t}", 0) for t in range(1, 10)}


def title_of(figure):
    return " ".join(figure._suptitle.get_text().replace("\N{NO-BREAK SPACE}", " ").split())


def test_the_answer_is_asked_with_the_shares_and_drawn_as_bars():
    asked = []
    figure = render_mosaic(
        TILES, lambda w: asked.append(w) or answer(w), **KNOWN, **steps(tile_1=1, tile_5=3)
    )
    assert asked == [[0.25, 0, 0, 0, 0.75, 0, 0, 0, 0]]
    bars = [bar.get_width() for bar in figure.axes[2].patches]
    assert bars == [0.25, 0.75, 0]
    assert title_of(figure) == (
        "The foreground has 75% of the attention; the answer is automobile with 75%, which is right"
    )


def test_a_wrong_answer_is_called_wrong():
    figure = render_mosaic(TILES, answer, **KNOWN, **steps(tile_1=3, tile_5=1))
    assert title_of(figure).endswith("the answer is airplane with 75%, which is wrong")


def test_the_picture_in_the_middle_is_the_weighted_average_of_the_tiles():
    figure = render_mosaic(TILES, answer, **KNOWN, **steps(tile_1=1, tile_5=3))
    drawn = np.asarray(figure.axes[1].images[0].get_array(), dtype=float)
    wanted = (0.25 * TILES[0] + 0.75 * TILES[4]).permute(1, 2, 0).numpy()
    assert np.abs(drawn - wanted).max() <= 0.5 + 1e-6


def test_the_order_of_the_settings_does_not_matter():
    asked = []
    turned = dict(reversed(steps(tile_1=1, tile_5=3).items()))
    render_mosaic(TILES, lambda w: asked.append(w) or answer(w), **KNOWN, **turned)
    assert asked == [[0.25, 0, 0, 0, 0.75, 0, 0, 0, 0]]


def test_all_at_zero_is_all_alike():
    assert shares([*steps().values()]) == [1 / 9] * 9


@given(st.lists(st.integers(0, 10), min_size=9, max_size=9))
def test_shares_add_up_to_one_and_keep_the_order(chosen):
    weights = shares(chosen)
    assert sum(weights) == pytest.approx(1)
    assert all(
        (a < b) == (v < w)
        for a, v in zip(chosen, weights, strict=True)
        for b, w in zip(chosen, weights, strict=True)
    )


@given(st.lists(st.floats(0.0, 1.0), min_size=9, max_size=9).filter(lambda w: max(w) > 1e-3))
def test_weights_become_the_nearest_steps(weights):
    chosen = in_steps(weights)
    assert list(chosen) == list(steps())
    assert max(chosen.values()) == STEPS[-1]
    assert set(chosen.values()) <= set(STEPS)
    scaled = np.array(weights) / max(weights) * STEPS[-1]
    assert np.abs(np.array(list(chosen.values())) - scaled).max() <= 0.5 + 1e-9


def test_weights_that_are_all_zero_are_refused():
    with pytest.raises(ValueError, match="one at least must be positive"):
        in_steps([0.0] * 9)


def test_nothing_overlaps_or_is_cut_off():
    figure = render_mosaic(TILES, answer, **KNOWN, **steps(tile_5=1))
    assert (overlapping(figure), cut_off(figure)) == ([], [])


def test_grey_tiles_can_be_drawn():
    render_mosaic(TILES[:, :1], answer, **KNOWN, **steps(tile_5=1))


@pytest.mark.parametrize(
    ("reply", "chosen", "words"),
    [
        (answer, {"tile_1": 1}, "needs the settings tile_1 to tile_9, but tile_1 came"),
        (lambda _: [1.0], steps(tile_1=1), "1 probabilities came for 3 classes"),
    ],
)
def test_what_does_not_fit_is_refused(reply, chosen, words):
    with pytest.raises(ValueError, match=words):
        render_mosaic(TILES, reply, **KNOWN, **chosen)


def test_the_static_form_shows_learnt_equal_right_and_wrong_weights(monkeypatch):
    seen = {}
    monkeypatch.setattr(mosaics, "explore", lambda render, **options: seen.update(options, render=render))
    learnt = [0.05] * 8 + [0.6]
    mosaic_explorer(TILES, answer, **KNOWN, attention_weights=learnt)
    focus = [shares([*choice.values()])[4] for choice in seen["static"]]
    assert shares([*seen["static"][0].values()])[8] == pytest.approx(0.6, abs=0.05)
    assert focus[1:] == [pytest.approx(1 / 9), 1, 0]
    assert [name for name in seen if name.startswith("tile_")] == list(steps())
    for choice in seen["static"]:
        seen["render"](**choice)


def test_the_explorer_can_be_drawn():
    mosaic_explorer(TILES, answer, **KNOWN, attention_weights=[1 / 9] * 9)


def test_the_widget_is_imported_without_torch():
    code = "import sys, course_utils.widgets.mosaics; print('torch' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "False"
