"""X1: wrong labels are planted, found, and left out."""

import math
import sys

import pytest

from course_utils.experiments import label_search
from course_utils.experiments.catalogue import EXPERIMENTS, at_scale
from course_utils.experiments.label_search import data, provenance, run

X1 = EXPERIMENTS["X1"].settings


def at_smoke(setting: str, **changes) -> dict:
    return at_scale(X1[setting], "smoke") | {"folds": 3, "hidden": 30} | changes


def test_exactly_the_planted_labels_differ_from_the_true_ones() -> None:
    _, planted, _, true = data(at_smoke("symmetric, 20%"), seed=0)
    assert (planted.corrupted == (planted.labels != true)).all()
    # five standard errors
    assert abs(planted.corrupted.double().mean() - 0.2) < 5 * (0.2 * 0.8 / 600) ** 0.5


def test_pair_flips_turn_a_class_into_the_next() -> None:
    _, planted, _, true = data(at_smoke("pair flips, 20%"), seed=0)
    assert ((planted.labels - true)[planted.corrupted] % 10 == 1).all()


def test_planted_labels_are_found_far_above_chance() -> None:
    found = run(at_smoke("symmetric, 20%"), seed=0)
    assert found["precision"] > 2 * found["wrong"]
    assert found["recall"] > 0.5
    assert found["gain"] == pytest.approx(found["without_found"] - found["with_all"])


def test_without_cleanlab_its_figures_are_missing_and_ours_are_there(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "cleanlab.filter", None)
    found = run(at_smoke("symmetric, 10%", epochs=1), seed=0)
    assert math.isnan(found["cleanlab_recall"])
    assert math.isnan(found["cleanlab_default_precision"])
    assert math.isfinite(found["loss_recall"])


def test_every_fold_starts_from_other_weights(monkeypatch) -> None:
    seeds = []
    train = label_search._train
    monkeypatch.setattr(label_search, "_train", lambda *given: seeds.append(given[-1]) or train(*given))
    run(at_smoke("symmetric, 10%", epochs=1), seed=1)
    assert len(seeds) == len(set(seeds)) == 6  # three folds, and three networks on everything


def test_equal_seeds_give_equal_labels_and_others_others() -> None:
    hashes = [provenance(at_smoke("symmetric, 20%"), seed).content_hash for seed in (0, 0, 1)]
    assert hashes[0] == hashes[1] != hashes[2]
