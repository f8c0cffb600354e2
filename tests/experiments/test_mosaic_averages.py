"""C9: how much focus a classifier of points in two planes needs."""

import pytest
import torch

from course_utils.data.mosaics import Averages, fixed_weights
from course_utils.experiments.catalogue import EXPERIMENTS, at_scale
from course_utils.experiments.mosaic_averages import data, provenance, run

C9 = EXPERIMENTS["C9"].settings


def at_smoke(setting):
    return at_scale(C9[setting], "smoke")


@pytest.fixture(scope="module")
def sharp():
    return run(at_smoke("90 degrees, D9"), seed=0)


def test_with_all_weight_on_the_foreground_classes_are_told_apart_and_less_of_it_means_less(sharp):
    assert sharp["test_accuracy_on_9"] > 0.95
    assert sharp["test_accuracy"] == sharp["test_accuracy_on_9"]
    assert sharp["test_accuracy_on_1"] < sharp["test_accuracy_on_3"] < sharp["test_accuracy_on_9"]


def test_the_curve_is_that_of_the_loss_and_the_early_one_is_on_it(sharp):
    losses = sharp["curves"]["train_loss"]
    assert len(losses) == 10
    assert sharp["train_loss"] == sharp["early_train_loss"] == losses[9]
    assert losses[-1] < losses[0]


def test_at_0_degrees_all_classes_are_in_one_plane_and_at_90_they_are_not():
    for angle, flat in ((0, True), (90, False)):
        train, _ = data(at_smoke(f"{angle} degrees, D9") | {"variance": 0.0}, seed=0)
        averages = Averages(train, fixed_weights(5)).pixels(torch.arange(50))
        assert bool((averages[:, 2].abs() < 1e-6).all()) == flat


def test_test_points_are_others_than_training_points():
    train, test = data(at_smoke("30 degrees, D1"), seed=0)
    assert not set(map(tuple, train.images.tolist())) & set(map(tuple, test.images.tolist()))


def test_runs_at_two_angles_are_of_the_same_draws_turned():
    one, other = (at_smoke(f"{angle} degrees, D2") for angle in (0, 90))
    flat, turned = (data(settings, seed=0)[0] for settings in (one, other))
    assert torch.equal(flat.tiles, turned.tiles)
    back = flat.labels.new_tensor([3, 4, 5, 6, 7, 8, 9])
    rows = flat.tiles[torch.isin(flat.tile_labels, back)].unique()
    assert torch.equal(flat.images[rows], turned.images[rows])
    hashes = [provenance(settings, seed).content_hash for settings, seed in ((one, 0), (other, 0), (one, 1))]
    assert hashes[0] == hashes[1] != hashes[2]
