"""C1 and C2: attention over mosaics of CIFAR-10."""

import pytest
import torch

from course_utils.experiments.catalogue import EXPERIMENTS, at_scale
from course_utils.experiments.mosaic_attention import data, describe, provenance, run

SMOKE = at_scale(EXPERIMENTS["C2"].settings["average at 0"], "smoke")


@pytest.fixture(scope="module")
def found():
    return run(SMOKE, seed=0)


def test_shares_are_shares_and_right_focus_adds_up(found):
    for name in ("test_accuracy", "train_accuracy", "focus_accuracy", "ffpt", "ftpf"):
        assert 0 <= found[name] <= 1
    # right focus and right prediction, counted in two ways
    assert found["focus_accuracy"] - found["ftpf"] == pytest.approx(found["test_accuracy"] - found["ffpt"])
    assert 0 < found["entropy"] <= torch.log(torch.tensor(9.0)).item() + 1e-6


def test_curves_have_a_point_for_each_epoch(found):
    assert {name: len(curve) for name, curve in found["curves"].items()} == dict.fromkeys(
        ("train_loss", "train_accuracy", "test_accuracy", "focus_accuracy"), SMOKE["epochs"]
    )


def test_the_last_point_of_a_curve_is_what_is_reported(found):
    assert found["curves"]["test_accuracy"][-1] == found["test_accuracy"]
    assert found["curves"]["focus_accuracy"][-1] == found["focus_accuracy"]


def test_the_same_seed_gives_the_same_result(found):
    assert run(SMOKE, seed=0) == found


@pytest.mark.slow
def test_on_the_stand_in_attention_finds_the_foreground_far_above_chance():
    longer = SMOKE | {
        "average_at": 3,
        "mosaics_train": 4000,
        "mosaics_test": 1000,
        "epochs": 6,
        "batch_size": 25,
    }
    found = run(longer, seed=0)
    # by chance 1/9 with a standard deviation of 0.01, and 1/3 with one of 0.015
    assert found["focus_accuracy"] > 0.3
    assert found["test_accuracy"] > 0.45


def test_averaging_later_is_another_network_on_the_same_mosaics():
    later = at_scale(EXPERIMENTS["C2"].settings["average at 3"], "smoke")
    assert later | {"average_at": 0} == SMOKE
    assert all(torch.equal(a.tiles, b.tiles) for a, b in zip(data(later, 0), data(SMOKE, 0), strict=True))


def test_below_scale_full_tiles_have_half_the_size_and_at_full_the_whole():
    assert data(SMOKE, 0)[0].images.shape[1:] == (3, 16, 16)
    assert data(SMOKE | {"half_size": False}, 0)[0].images.shape[1:] == (3, 32, 32)


def test_backgrounds_are_all_other_classes():
    train, _ = data(SMOKE | {"foreground": [2, 7]}, 0)
    classes = set(train.tile_labels.flatten().tolist())
    assert classes == set(range(10))
    own = train.tile_labels.gather(1, train.foreground_at[:, None])[:, 0]
    assert torch.equal(own, torch.tensor([2, 7])[train.labels])
    assert int(torch.isin(train.tile_labels, torch.tensor([2, 7])).sum()) == len(train)


def test_c1_says_what_guessing_earns_and_what_mosaics_cost():
    found = describe(SMOKE, seed=0)
    assert 1 / 3 <= found["largest_class"] < 0.45
    assert 1 / 9 <= found["largest_place"] < 0.2
    assert 0.5 < found["images_used"] < 1
    assert found["megabytes"] == 500 * 9 * 8 / 1e6
    assert found["megabytes_as_pixels"] == 500 * 9 * 3 * 16 * 16 / 1e6


def test_the_provenance_names_data_and_device():
    made = provenance(SMOKE, 0)
    assert "stand-in" in made.source
    assert len(made.content_hash) == 64
