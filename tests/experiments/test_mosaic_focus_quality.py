"""C3 and C4: how much focus a classifier of averaged pictures needs."""

import dataclasses
import math

import pytest
import torch

from course_utils.data import Split
from course_utils.data.mosaics import fixed_weights
from course_utils.data.preprocessing import Standardise
from course_utils.experiments import mosaic_focus_quality
from course_utils.experiments.catalogue import EXPERIMENTS, at_scale
from course_utils.experiments.mosaic_focus_quality import averaged, provenance, run

SETTINGS = EXPERIMENTS["C3"].settings | EXPERIMENTS["C4"].settings


def at_smoke(setting):
    return at_scale(SETTINGS[setting], "smoke")


@pytest.fixture(scope="module")
def sharp():
    return run(at_smoke("D9") | {"epochs": 20, "learning_rate": 0.003}, seed=0)


@pytest.fixture(scope="module")
def outcomes():
    names = ("alpha 0.01, D2", "alpha 100000, D2", "D2", "data set 10", "D9")
    return {name: run(at_smoke(name), seed=0) for name in names}


def test_a_network_of_whole_foregrounds_tells_them_apart_and_is_lost_on_plain_means(sharp):
    assert sharp["test_accuracy_on_9"] == sharp["test_accuracy"] > 0.6
    assert sharp["test_accuracy_on_1"] < sharp["test_accuracy_on_9"] - 0.1


def test_the_curve_is_that_of_the_loss_and_the_share_is_of_its_way(sharp):
    losses = sharp["curves"]["train_loss"]
    assert (losses[0], losses[-1]) == (sharp["early_train_loss"], sharp["train_loss"])
    way = math.log(3) - losses[-1]
    assert sharp["early_share"] * way == pytest.approx(math.log(3) - losses[0])


def test_every_run_is_tested_on_all_nine_on_seen_and_on_unseen_mosaics(outcomes):
    for found in outcomes.values():
        for what in ("test", "seen"):
            assert all(0 <= found[f"{what}_accuracy_on_{i}"] <= 1 for i in range(1, 10))
        assert math.isfinite(found["same_pictures_accuracy"])


def test_a_large_alpha_is_the_fixed_focus_and_a_small_one_is_not(outcomes):
    fixed, large, small = (
        outcomes[name]["train_loss"] for name in ("D2", "alpha 100000, D2", "alpha 0.01, D2")
    )
    assert abs(large - fixed) < 0.02
    assert abs(small - fixed) > abs(large - fixed)


def test_data_set_10_is_of_other_mosaics_than_the_first_nine(outcomes):
    assert outcomes["data set 10"]["curves"] != outcomes["D9"]["curves"]


def test_seen_mosaics_are_those_trained_on_and_the_others_are_not(monkeypatch):
    made, measured = [], []
    make, plain = mosaic_focus_quality.make_mosaics, mosaic_focus_quality.averaged

    def remember(*args, **options):
        made.append(make(*args, **options))
        return made[-1]

    def watch(mosaics, *rest):
        measured.append(mosaics)
        return plain(mosaics, *rest)

    monkeypatch.setattr(mosaic_focus_quality, "make_mosaics", remember)
    monkeypatch.setattr(mosaic_focus_quality, "averaged", watch)
    run(at_smoke("data set 10") | {"epochs": 1}, seed=0)
    first, others, test = made
    assert first.images is others.images
    assert test.images is not first.images
    assert not torch.equal(first.tiles, others.tiles)
    trained, *tested, last = measured
    assert trained is others
    assert tested[0] is test
    assert torch.equal(tested[1].tiles, others.tiles[: len(test)])
    assert torch.equal(last.tiles, first.tiles[: len(test)])


def test_averages_are_the_weighted_sum_of_standardised_tiles():
    train, _, preprocess = mosaic_focus_quality._pictures(True)
    mosaics = mosaic_focus_quality.make_mosaics(train, 7, generator=torch.Generator().manual_seed(0))
    found = averaged(mosaics, fixed_weights(3), preprocess)
    weights = torch.full((7, 9), 6 / 72).scatter(1, mosaics.foreground_at[:, None], 3 / 9)
    tiles = preprocess(mosaics.images[mosaics.tiles].flatten(0, 1)).unflatten(0, (7, 9))
    torch.testing.assert_close(found, (weights[:, :, None, None, None] * tiles).sum(dim=1))
    assert isinstance(preprocess, Standardise)


def test_the_same_seed_gives_the_same_figures():
    settings = at_smoke("alpha 0.5, D3") | {"epochs": 1}
    assert run(settings, seed=3) == run(settings, seed=3)


def test_the_provenance_names_the_pictures():
    used = provenance(at_smoke("D1"), 0)
    assert "stand-in" in used.source.lower()
    assert len(used.content_hash) == 64


def test_pictures_are_those_of_the_source_that_is_named(monkeypatch):
    whole = mosaic_focus_quality.load("cifar10")
    before = mosaic_focus_quality._pictures(True)[0].images
    other = dataclasses.replace(
        whole, train=Split(255 - whole.train.images, whole.train.labels), content_hash="another"
    )
    monkeypatch.setattr(mosaic_focus_quality, "load", lambda _: other)
    assert not torch.equal(mosaic_focus_quality._pictures(True)[0].images, before)
