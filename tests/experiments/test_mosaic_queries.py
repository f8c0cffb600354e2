"""C6: right and wrong focus and prediction by class and by query."""

import itertools

import pytest
import torch

from course_utils.experiments.catalogue import EXPERIMENTS, at_scale
from course_utils.experiments.mosaic_attention import data
from course_utils.experiments.mosaic_queries import SIX_QUERIES, run, six_queries

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
