"""C5: focus and classification network by turns."""

import itertools

import pytest
import torch

from course_utils.data.preprocessing import Standardise
from course_utils.experiments import mosaic_stages
from course_utils.experiments.catalogue import EXPERIMENTS, at_scale
from course_utils.experiments.mosaic_stages import run
from course_utils.models.mosaic import mosaic_cnn

C5 = EXPERIMENTS["C5"].settings
SMOKE = at_scale(C5["180 epochs, swap every 5"], "smoke")


@pytest.fixture(scope="module")
def found():
    return run(SMOKE, seed=0)


def test_turns_change_and_the_classification_network_begins(found):
    assert found["curves"]["turn"] == [0, 1, 0, 1]
    assert run(SMOKE | {"epochs": 3, "swap_every": 2}, seed=0)["curves"]["turn"] == [0, 0, 1]


def test_every_curve_has_a_point_for_each_epoch(found):
    assert {len(curve) for curve in found["curves"].values()} == {4}


def test_the_focus_does_not_move_while_it_is_frozen(found):
    focus = found["curves"]["focus_accuracy"]
    assert focus[2] == focus[1]
    still = run(SMOKE | {"epochs": 2, "swap_every": 2}, seed=0)["curves"]["focus_accuracy"]
    assert still[0] == still[1]


def test_the_frozen_network_keeps_its_weights_to_the_bit_and_the_other_changes(monkeypatch):
    networks, before = [], []
    make, fit = mosaic_stages.mosaic_cnn, mosaic_stages.fit

    def made(**options):
        networks.append(make(**options))
        return networks[-1]

    def watched(*arguments, **options):
        before.append([p.detach().clone() for p in networks[0].parameters()])
        return fit(*arguments, **options)

    monkeypatch.setattr(mosaic_stages, "mosaic_cnn", made)
    monkeypatch.setattr(mosaic_stages, "fit", watched)
    run(SMOKE, seed=0)
    of_focus = {id(p) for p in networks[0].focus.parameters()}
    for turn, (old, new) in enumerate(itertools.pairwise(before)):
        for p, was, now in zip(networks[0].parameters(), old, new, strict=True):
            frozen = (id(p) in of_focus) == (turn % 2 == 0)
            # what is added to all scores, the focus network's last bias, changes no weight: it need not move
            if frozen or p.ndim > 1:
                assert torch.equal(was, now) == frozen


def test_jumps_are_the_changes_of_the_loss_where_the_turn_changes():
    losses, turns = [1.0, 0.8, 0.9, 0.7, 0.4, 0.5], [0, 0, 1, 1, 0, 1]
    jumps = mosaic_stages._jumps(losses, turns)
    assert jumps == {"what_jump": pytest.approx(-0.3), "where_jump": pytest.approx(0.1)}
    assert mosaic_stages._jumps([1.0], [0]) == {"what_jump": 0, "where_jump": 0}


def test_the_eight_settings_are_the_reports_at_full_scale_and_keep_their_number_of_turns_below():
    full = [at_scale(settings, "full") for settings in C5.values()]
    assert [(s["epochs"], s["swap_every"], s["what_rate"], s["where_rate"]) for s in full] == [
        (180, 5, 0.01, 0.01),
        (200, 10, 0.01, 0.01),
        (280, 20, 0.01, 0.001),
        (320, 20, 0.01, 0.01),
        (360, 30, 0.01, 0.01),
        (500, 50, 0.01, 0.01),
        (600, 50, 0.001, 0.01),
        (800, 100, 0.001, 0.01),
    ]
    for settings, at_full in zip(C5.values(), full, strict=True):
        laptop = at_scale(settings, "laptop")
        assert laptop["epochs"] * at_full["swap_every"] == at_full["epochs"] * laptop["swap_every"]


def test_averages_are_those_of_the_models_own_weights():
    train, _ = mosaic_stages.data(SMOKE, 0)
    preprocess = Standardise.of(train.images)
    model = mosaic_cnn(
        generator=torch.Generator().manual_seed(0),
        focus_widths=(4, 4),
        widths=(4, 4),
        hidden=8,
        image_size=16,
    )
    pixels = preprocess(train.images[train.tiles[:20]].flatten(0, 1)).unflatten(0, (20, 9))
    with torch.no_grad():
        expected = torch.einsum("bt,btchw->bchw", model.attention(pixels), pixels)
    means = mosaic_stages._averages(model, train, preprocess)
    assert len(means) == len(train)
    # 16-bit scores, if the machine is fast at them
    assert torch.allclose(means[:20], expected, atol=0.02)
