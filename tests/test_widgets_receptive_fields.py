"""The explorer of receptive fields: exact, and drawable for every choice."""

import itertools

import pytest
import torch
from reading_figures import cut_off, overlapping

from course_utils import widgets
from course_utils.experiments.conv_arithmetic import paths_to
from course_utils.widgets.receptive_fields import KERNELS, PADDINGS, PIXELS, STRIDES, in_words

LAYERS = list(itertools.product(KERNELS, STRIDES, PADDINGS))
GENERATOR = torch.Generator().manual_seed(0)
SOME = [[LAYERS[i] for i in torch.randint(len(LAYERS), (3,), generator=GENERATOR)] for _ in range(20)]
SOME += [[(5, 2, 0)] * 3, [(1, 1, 2)] * 3, [(5, 1, 2)] * 3]


def title_of(figure):
    return " ".join(figure.get_suptitle().split())


@pytest.mark.parametrize("layers", SOME, ids=str)
def test_the_title_tells_what_the_gradient_of_the_middle_output_shows(layers):
    figure = widgets.render_receptive_field(**in_words(layers))
    line = torch.zeros(1, 1, PIXELS)
    sizes = [PIXELS]
    for kernel, stride, padding in layers:
        line = torch.nn.functional.conv1d(line, torch.ones(1, 1, kernel), stride=stride, padding=padding)
        sizes.append(line.shape[2])
    middle = (sizes[-1] - 1) // 2
    paths = paths_to(layers, height=PIXELS, width=PIXELS, row=middle, column=middle)
    seen = int((paths.sum(dim=0) > 0).sum())
    jump = layers[0][1] * layers[1][1] * layers[2][1]
    assert title_of(figure) == (
        f"One output of layer 3 sees {seen} of {PIXELS} pixels; its neighbours are {jump} pixels away"
    )
    rows = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert rows == [f"input: {PIXELS}"] + [f"layer {n}: {size}" for n, size in enumerate(sizes[1:], 1)]
    assert (overlapping(figure), cut_off(figure)) == ([], [])


def test_every_choice_of_the_controls_can_be_drawn():
    # the largest kernels with the largest strides and no padding leave the fewest outputs
    smallest = in_words([(max(KERNELS), max(STRIDES), min(PADDINGS))] * 3)
    rows = widgets.render_receptive_field(**smallest).axes[0].get_yticklabels()
    assert rows[-1].get_text() == "layer 3: 1"


def test_the_static_form_shows_four_combinations_among_the_choices(monkeypatch):
    seen = {}
    monkeypatch.setattr(
        "course_utils.widgets.receptive_fields.explore", lambda _render, **options: seen.update(options)
    )
    widgets.receptive_field_explorer()
    assert len(seen["static"]) == 4
    for choice in seen["static"]:
        assert all(value in seen[name] for name, value in choice.items())
        assert len(choice) == 9


def test_the_static_form_can_be_drawn():
    widgets.receptive_field_explorer()
