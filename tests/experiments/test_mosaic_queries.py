"""C6: right and wrong focus and prediction by class and by query."""

import itertools

import pytest
import torch
from scipy.stats import norm

from course_utils.evaluation.focus import Looks
from course_utils.experiments.catalogue import EXPERIMENTS, at_scale
from course_utils.experiments.mosaic_attention import data
from course_utils.experiments.mosaic_queries import SIX_QUERIES, _by_class, _z, run, six_queries

FIRST = at_scale(EXPERIMENTS["C6"].settings["foreground 0, 1, 2"], "smoke")


@pytest.fixture(scope="module")
def found():
    return run(FIRST, seed=0)


@pytest.fixture(scope="module")
def mosaics():
    return data(FIRST, 0)[1]


def test_the_four_sets_are_three_classes_each():
    sets = [tuple(settings["foreground"]) for settings in EXPERIMENTS["C6"].settings.values()]
    assert sets == [(0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5)]


def test_right_and_wrong_make_the_whole_of_every_query(found):
    for before in ("", *(f"{name}: " for name in SIX_QUERIES)):
        parts = [found[before + part] for part in ("ftpt", "ffpt", "ftpf", "ffpf")]
        assert sum(parts) == pytest.approx(1)
    assert found["ftpt"] + found["ffpt"] == pytest.approx(found["test_accuracy"])
    assert found["ftpt"] + found["ftpf"] == pytest.approx(found["focus_accuracy"])


def test_the_classes_accuracies_average_to_the_whole_one(found, mosaics):
    shares = mosaics.labels.bincount() / len(mosaics)
    mean = sum(float(share) * found[f"test_accuracy_of_{label}"] for label, share in enumerate(shares))
    assert mean == pytest.approx(found["test_accuracy"], abs=1e-6)
    accuracies = [found[f"test_accuracy_of_{label}"] for label in range(3)]
    assert found["test_between_classes"] == pytest.approx(max(accuracies) - min(accuracies))


def test_queries_are_those_of_the_report_tile_by_tile(mosaics):
    queries = six_queries(mosaics, FIRST["foreground"])
    assert tuple(queries) == SIX_QUERIES
    assert [len(chosen) for chosen in queries.values()] == [7, 21, 35] * 2
    for k, classes in zip((1, 2, 3), ((4,), (3, 5), (3, 4, 9)), strict=True):
        which = list(itertools.combinations(range(3, 10), k)).index(classes)
        present, absent = (
            queries[f"{k} {'background' if k == 1 else 'backgrounds'} {there}"][which]
            for there in ("present", "absent")
        )
        for row, tiles in enumerate(mosaics.tile_labels.tolist()):
            assert bool(present[row]) == all(c in tiles for c in classes)
            assert bool(absent[row]) == all(c not in tiles for c in classes)


def test_with_a_label_only_its_mosaics_answer(mosaics):
    of_one = six_queries(mosaics, FIRST["foreground"], label=1)["1 background present"][0]
    of_all = six_queries(mosaics, FIRST["foreground"])["1 background present"][0]
    assert torch.equal(of_one, of_all & (mosaics.labels == 1))


def test_z_is_the_difference_in_its_own_standard_errors():
    one, other = torch.arange(50) < 40, torch.arange(200) < 120  # 0.8 and 0.6
    deviation = (one.double().var(correction=0) / 50 + other.double().var(correction=0) / 200).sqrt()
    assert _z(one, other) == pytest.approx(0.2 / deviation.item())
    assert _z(one, other) == -_z(other, one)
    assert _z(one, one[:0]) == 0


def test_one_background_that_always_misleads_is_found(mosaics):
    misled = (mosaics.tile_labels == 5).any(dim=1)
    logits = torch.nn.functional.one_hot((mosaics.labels + misled.long()) % 3, 3).float()
    found = _by_class(Looks(torch.full((len(mosaics), 9), 1 / 9), logits), mosaics, FIRST)
    assert found["accuracy"] == pytest.approx(1 - misled.float().mean().item())
    # both shares are certain, 0 and 1: no deviation, so no z from this background; the others lean on it
    rare = torch.rand(len(mosaics), generator=torch.Generator().manual_seed(0)) < 0.1
    logits = torch.nn.functional.one_hot((mosaics.labels + (misled ^ rare).long()) % 3, 3).float()
    found = _by_class(Looks(torch.full((len(mosaics), 9), 1 / 9), logits), mosaics, FIRST)
    assert found["largest_z"] > norm.ppf(1 - 0.05 / 42)  # 21 differences, both directions (Bonferroni)


def test_the_spread_within_a_class_is_over_its_six_pooled_queries(mosaics):
    right = torch.rand(len(mosaics), generator=torch.Generator().manual_seed(1)) < 0.7
    logits = torch.nn.functional.one_hot((mosaics.labels + (~right).long()) % 3, 3).float()
    found = _by_class(Looks(torch.full((len(mosaics), 9), 1 / 9), logits), mosaics, FIRST)
    spreads = []
    for label in range(3):
        pooled = []
        for there, k in itertools.product((True, False), (1, 2, 3)):
            hits = asked = 0
            for classes in itertools.combinations(range(3, 10), k):
                for row, tiles in enumerate(mosaics.tile_labels.tolist()):
                    if mosaics.labels[row] == label and all((c in tiles) == there for c in classes):
                        asked += 1
                        hits += bool(right[row])
            pooled.append(hits / max(1, asked))
        spreads.append(max(pooled) - min(pooled))
    assert found["within_classes"] == pytest.approx(sum(spreads) / 3)
