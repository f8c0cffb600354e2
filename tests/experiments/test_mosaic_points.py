"""C7: mosaics of points. Who can tell them apart, and what attention has to do with it."""

import itertools

import pytest
import torch

from course_utils.experiments.catalogue import EXPERIMENTS, at_scale
from course_utils.experiments.mosaic_points import data, provenance, run

C7 = EXPERIMENTS["C7"].settings


def at_smoke(setting, **changes):
    return at_scale(C7[setting], "smoke") | changes


def test_training_and_test_mosaics_are_of_different_points_of_the_same_classes():
    train, test = data(at_smoke("among: linear SVM"), seed=0)
    assert not set(map(tuple, train.images.tolist())) & set(map(tuple, test.images.tolist()))
    assert (len(train), len(test)) == (1000, 500)
    for part in (train, test):
        assert set(part.labels.tolist()) == {0, 1, 2}
        assert set(part.tile_labels.flatten().tolist()) == set(range(10))


def test_equal_seeds_give_equal_points_and_others_others():
    settings = at_smoke("among: linear SVM")
    hashes = [provenance(settings, seed).content_hash for seed in (0, 0, 1)]
    assert hashes[0] == hashes[1] != hashes[2]


def test_the_foreground_stands_where_its_setting_says():
    for place, (low, high) in {"outside, near": (1.9, 2.1), "outside, far": (2.4, 2.6)}.items():
        means = torch.tensor(C7[f"{place}: linear SVM"]["means"])
        assert ((means[:3].norm(dim=1) > low) & (means[:3].norm(dim=1) < high)).all()
        assert (means[3:].norm(dim=1) < 1.1).all()
    among = torch.tensor(C7["among: linear SVM"]["means"])
    assert len(among.unique(dim=0)) == 10
    torch.testing.assert_close(among.norm(dim=1), torch.full((10,), 2.0), rtol=1e-3, atol=0)


def test_the_four_classifiers_of_a_place_see_the_same_mosaics():
    for place in {name.rpartition(": ")[0] for name in C7}:
        ours = [dict(C7[f"{place}: {c}"]) for c in ("linear SVM", "deep network", "deep attention")]
        for one, other in itertools.pairwise(ours):
            assert {k for k in one if one[k] != other[k]} == {"classifier"}


def test_deep_attention_finds_the_foreground_outside_the_background():
    found = run(at_smoke("outside, far: deep attention", epochs=20), seed=0)
    assert found["focus_accuracy"] > 0.9
    assert found["test_accuracy"] > 0.9
    assert found["ffpt"] <= 1 - found["focus_accuracy"]


def test_attention_can_look_at_the_wrong_point_and_be_right():
    found = run(at_smoke("three classes, in line: linear attention", epochs=20), seed=0)
    assert found["test_accuracy"] > 0.9
    assert found["ffpt"] > 0.2


@pytest.mark.parametrize("classifier", ["linear SVM", "deep network"])
def test_what_has_no_attention_has_no_focus(classifier):
    found = run(at_smoke(f"outside, near: {classifier}", epochs=2), seed=0)
    assert "focus_accuracy" not in found
    assert 0 <= found["test_accuracy"] <= 1
    assert ("converged" in found) == (classifier == "linear SVM")
