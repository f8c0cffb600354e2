"""C5: focus and classification network by turns."""

import copy
import dataclasses
import itertools
import tempfile

import pytest
import torch

from course_utils.data.preprocessing import Standardise
from course_utils.experiments import mosaic_stages
from course_utils.experiments.catalogue import EXPERIMENTS, at_scale
from course_utils.models.mosaic import mosaic_cnn
from course_utils.training.many import Trial, fit_many

C5 = EXPERIMENTS["C5"].settings
SMOKE = at_scale(C5["180 epochs, swap every 5"], "smoke")


def run(settings, callbacks=(), **options):
    """Train by `fit_many`, here, and return what the ledger would get."""

    def plan(settings, seed):
        made = mosaic_stages.plan(settings, seed)
        return dataclasses.replace(made, callbacks=(*callbacks, *made.callbacks))

    options = {"engine": "sequential"} | options
    with tempfile.TemporaryDirectory() as folder:
        [result] = fit_many(plan, [Trial(settings)], folder=folder, keep_weights=True, **options)
        return mosaic_stages.outcome(settings, 0, result)


@pytest.fixture(scope="module")
def found():
    return run(SMOKE)


def test_turns_change_and_the_classification_network_begins(found):
    assert found["curves"]["turn"] == [0, 1, 0, 1]
    assert run(SMOKE | {"epochs": 3, "swap_every": 2})["curves"]["turn"] == [0, 0, 1]


def test_every_curve_has_a_point_for_each_epoch(found):
    assert {len(curve) for curve in found["curves"].values()} == {4}


def test_the_focus_does_not_move_while_it_is_frozen(found):
    focus = found["curves"]["focus_accuracy"]
    assert focus[2] == focus[1]
    still = run(SMOKE | {"epochs": 2, "swap_every": 2})["curves"]["focus_accuracy"]
    assert still[0] == still[1]


def test_the_frozen_network_keeps_its_weights_to_the_bit_and_the_other_changes():
    after_turns = []

    def keep(training):
        if training.step == 0:
            after_turns.append(copy.deepcopy(training.model.attention))

    run(SMOKE, callbacks=[keep])
    assert len(after_turns) == 4
    for turn, (old, new) in enumerate(itertools.pairwise(after_turns), start=1):
        for name, was in old.state_dict().items():
            frozen = name.startswith("focus") == (turn % 2 == 0)
            # what is added to all scores, the focus network's last bias, changes no weight: it need not move
            if frozen or was.ndim > 1:
                assert torch.equal(was, new.state_dict()[name]) == frozen


def test_a_training_ended_in_the_middle_of_a_turn_goes_on_as_if_it_had_not(tmp_path):
    class Stop(Exception):
        pass

    def plan(ending):
        def stop(training):
            if (training.epoch, training.step) == ending:
                raise Stop

        def make(settings, seed):
            made = mosaic_stages.plan(settings, seed)
            return dataclasses.replace(made, callbacks=(*made.callbacks, stop))

        return make

    settings = SMOKE | {"epochs": 5, "swap_every": 2}
    options = {"name": "C5", "engine": "sequential", "checkpoint_seconds": 0.0, "keep_weights": True}
    [whole] = fit_many(mosaic_stages.plan, [Trial(settings)], folder=tmp_path / "whole", **options)
    for ending in ((1, 5), (3, 5), (4, 5)):
        with pytest.raises(Stop):
            fit_many(plan(ending), [Trial(settings)], folder=tmp_path / "ended", **options)
    [ended] = fit_many(mosaic_stages.plan, [Trial(settings)], folder=tmp_path / "ended", **options)
    assert ended == whole
    for name, value in whole.load_weights().items():
        assert torch.equal(value, ended.load_weights()[name])


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
