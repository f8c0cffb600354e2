"""The explorers of notebook 06: a focus that the reader moves, and planes that he turns."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from reading_figures import cut_off, overlapping
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from course_utils.data.dataset import Split
from course_utils.data.mosaics import make_mosaics
from course_utils.widgets import focus_quality, planes
from course_utils.widgets.focus_quality import focus_quality_explorer, render_focus_quality
from course_utils.widgets.planes import planes_explorer, render_planes

CLASSES = ("plane", "car", "bird")


@pytest.fixture(scope="module")
def mosaics():
    """Return two mosaics of plain pictures: every picture of class c has the grey 20c."""
    labels = torch.arange(10).repeat_interleave(3)
    images = (20 * labels).to(torch.uint8)[:, None, None, None].expand(-1, 3, 4, 4).contiguous()
    return make_mosaics(Split(images, labels), 2, generator=torch.Generator().manual_seed(0))


def by_brightness(x):
    """Say class 0 for dark pictures, and 2 for bright ones."""
    bright = x.mean(dim=(1, 2, 3))
    return torch.stack([0.3 - bright, torch.zeros_like(bright), bright - 0.3], dim=1)


def title_of(figure):
    return " ".join(figure._suptitle.get_text().replace("\N{NO-BREAK SPACE}", " ").split())


def render(mosaics, **choice):
    choice = {"shown": 9, "mosaic": 1, "trained_on": "D2"} | choice
    return render_focus_quality(mosaics, {"D2": by_brightness}, CLASSES, **choice)


def test_with_d9_the_foreground_alone_is_shown_and_asked_about(mosaics):
    figure = render(mosaics)
    picture = figure.axes[0].images[0].get_array()
    own = mosaics.images[mosaics.tiles[0, mosaics.foreground_at[0]]]
    np.testing.assert_allclose(picture, own.permute(1, 2, 0) / 255, atol=1e-6)
    expected = by_brightness(own[None] / 255)[0].softmax(dim=0)
    widths = [bar.get_width() for bar in figure.axes[1].patches]
    np.testing.assert_allclose(widths, expected, atol=1e-6)


def test_with_d1_the_plain_mean_of_all_nine_is_shown(mosaics):
    picture = render(mosaics, shown=1, mosaic=2).axes[0].images[0].get_array()
    mean = (mosaics.images[mosaics.tiles[1]] / 255).mean(dim=0)
    np.testing.assert_allclose(picture, mean.permute(1, 2, 0), atol=1e-6)


def test_the_title_says_what_the_classifier_answers_and_whether_it_is_right(mosaics):
    for mosaic in (1, 2):
        found = title_of(render(mosaics, mosaic=mosaic))
        right = int(mosaics.labels[mosaic - 1]) == 0  # dark, as all foregrounds are
        assert found.startswith("Trained on D2, shown D9: plane with ")
        assert found.endswith("which is right" if right else "which is wrong")


def test_the_true_class_is_marked(mosaics):
    names = [label.get_text() for label in render(mosaics).axes[1].get_yticklabels()]
    label = int(mosaics.labels[0])
    assert names[label] == f"{CLASSES[label]} (true)"
    assert sum("(true)" in name for name in names) == 1


def test_the_static_form_shows_four_qualities_before_the_last_classifier(mosaics, monkeypatch):
    seen = {}
    monkeypatch.setattr(focus_quality, "explore", lambda _render, **options: seen.update(options))
    focus_quality_explorer(mosaics, {"D1": by_brightness, "D9": by_brightness}, CLASSES)
    assert [choice["shown"] for choice in seen["static"]] == [1, 2, 4, 9]
    assert {choice["trained_on"] for choice in seen["static"]} == {"D9"}
    assert (list(seen["mosaic"]), seen["trained_on"]) == ([1, 2], ["D1", "D9"])


@pytest.mark.parametrize(("n", "classifiers"), [(0, {"D1": by_brightness}), (2, {})])
def test_nothing_to_show_or_nobody_to_ask_is_refused(mosaics, n, classifiers):
    with pytest.raises(ValueError, match=f"There are {n} mosaics and {len(classifiers)} classifiers"):
        focus_quality_explorer(mosaics.rows(slice(n)), classifiers, CLASSES)


@pytest.mark.parametrize("angle", [0, 45, 90])
def test_planes_are_drawn_at_their_angle_and_the_background_stays(angle):
    side = render_planes(angle=angle, i=9).axes[0]
    back, *front = (collection.get_offsets() for collection in side.collections)
    assert back.shape == (7 * planes.PER_CLASS, 2)
    assert abs(back.mean(axis=0)).max() < 0.05
    middle = front[1].mean(axis=0)  # class 1 stands at distance 2, in the middle of the half circle
    np.testing.assert_allclose(
        middle, [2 * np.cos(np.radians(angle)), 2 * np.sin(np.radians(angle))], atol=0.1
    )


@pytest.mark.parametrize(("angle", "i"), [(0, 1), (0, 9), (60, 2), (90, 3)])
def test_the_title_tells_how_many_averages_are_nearest_to_their_own_mean(angle, i):
    _, _, x, labels = planes._drawn(angle, i)
    machine = LinearDiscriminantAnalysis(priors=[1 / 3] * 3).fit(x, labels)
    share = float(machine.score(x, labels))
    assert f"the right one for {share:.0%} of {planes.MOSAICS} averages" in title_of(
        render_planes(angle=angle, i=i)
    )


def test_the_explorers_can_be_drawn_without_anybody_to_move_them(mosaics, monkeypatch):
    drawn = []
    monkeypatch.setattr(planes, "explore", lambda render, **options: drawn.append((render, options)))
    planes_explorer()
    ((render_one, options),) = drawn
    for choice in options["static"]:
        figure = render_one(**choice)
        assert (overlapping(figure), cut_off(figure)) == ([], [])
    figure = render(mosaics)
    assert (overlapping(figure), cut_off(figure)) == ([], [])


def test_the_widgets_are_imported_without_torch():
    code = (
        "import sys, course_utils.widgets.planes, course_utils.widgets.focus_quality; "
        "print('torch' in sys.modules)"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "False"
