"""The explorer of attention through training: two kinds of data, three epochs."""

import subprocess
import sys

import pytest
import torch
from reading_figures import cut_off, overlapping
from torch import nn

from course_utils.widgets import focus_training
from course_utils.widgets.focus_training import FocusTraining, focus_explorer, render_focus

EPOCHS = [0, 2, 5, 9]


def linear(weight):
    """Return a linear network without bias."""
    layer = nn.Linear(2, len(weight), bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(weight))
    return layer


def training(epochs=EPOCHS, networks=4):
    """Foreground classes 0 at x = 2 and 1 at x = -2; the focus looks left, then nowhere, then right."""
    generator = torch.Generator().manual_seed(0)
    means = torch.tensor([[2.0, 0.0], [-2.0, 0.0], [0.0, 0.0]])
    classes = torch.arange(3).repeat_interleave(20)
    points = means[classes] + 0.1 * torch.randn(60, 2, generator=generator)
    mosaics = torch.stack([points[:40], points[40:].repeat(2, 1), points[41:].repeat(3, 1)[:40]], dim=1)
    classify = linear([[1.0, 0.0], [-1.0, 0.0]])
    focuses = [linear([[slope, 0.0]]) for slope in (-5.0, 0.1, 2.0, 5.0)]
    return FocusTraining(
        epochs=epochs,
        networks=[(focus, classify) for focus in focuses[:networks]],
        points=points,
        classes=classes,
        mosaics=mosaics,
        labels=classes[:40],
        foreground_at=torch.zeros(40, dtype=torch.int64),
    )


def title_of(figure):
    return " ".join(figure._suptitle.get_text().replace("\N{NO-BREAK SPACE}", " ").split())


def test_the_title_counts_focus_and_prediction():
    """Looking right finds all of class 0 and none of class 1."""
    title = title_of(render_focus({"line": training()}, points="line", epoch=9))
    assert title.startswith("line, epoch 9: 50% of the foregrounds have the largest weight")


def test_each_epoch_shows_its_own_networks():
    trainings = {"line": training()}
    dark = []
    for epoch in (0, 9):
        figure = render_focus(trainings, points="line", epoch=epoch)
        dark.append(figure.axes[1].collections)
        averages = torch.cat([torch.as_tensor(c.get_offsets()) for c in dark[-1] if len(c.get_offsets()) > 1])
        assert (averages[:, 0].mean() < -0.5) == (epoch == 0)
        assert (averages[:, 0].mean() > 0.5) == (epoch == 9)


def test_nothing_overlaps_or_is_cut_off():
    figure = render_focus({"outside, far": training()}, points="outside, far", epoch=5)
    assert (overlapping(figure), cut_off(figure)) == ([], [])


def test_rendering_leaves_no_gradients():
    one = training()
    render_focus({"line": one}, points="line", epoch=2)
    assert all(p.grad is None for pair in one.networks for network in pair for p in network.parameters())


def test_the_static_form_follows_the_first_data_from_the_first_epoch_to_the_last(monkeypatch):
    seen = {}
    monkeypatch.setattr(focus_training, "explore", lambda _render, **options: seen.update(options))
    focus_explorer({"one": training(), "two": training()})
    assert seen["static"] == [{"points": "one", "epoch": epoch} for epoch in EPOCHS]
    assert (seen["points"], seen["epoch"]) == (["one", "two"], EPOCHS)


def test_the_static_explorer_can_be_drawn():
    focus_explorer({"one": training()})


@pytest.mark.parametrize(
    ("trainings", "words"),
    [
        ({}, "at least one training"),
        ({"one": training(networks=3)}, "'one' has 3 pairs of networks for the epochs"),
        ({"one": training(), "two": training(epochs=[0, 1, 2, 3])}, "'two' has 4 pairs"),
    ],
)
def test_what_does_not_fit_is_refused(trainings, words):
    with pytest.raises(ValueError, match=words):
        focus_explorer(trainings)


def test_the_widget_is_imported_without_torch():
    code = "import sys, course_utils.widgets.focus_training; print('torch' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "False"
