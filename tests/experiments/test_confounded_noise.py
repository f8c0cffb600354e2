"""D5: two classes among others that wear their labels."""

import pytest
import torch
from torch.nn import functional as F

from course_utils.experiments import confounded_noise
from course_utils.experiments.catalogue import EXPERIMENTS, at_scale
from course_utils.experiments.confounded_noise import OnOwnPoints, data, network, provenance, run

D5 = EXPERIMENTS["D5"].settings


@pytest.fixture
def three_at_once(monkeypatch):
    monkeypatch.setattr(confounded_noise, "AT_ONCE", 3)
    confounded_noise._family.cache_clear()
    yield
    confounded_noise._family.cache_clear()


def at_smoke(setting: str, **changes) -> dict:
    return at_scale(D5[setting], "smoke") | {"points_test": 200, "hidden": 30, "epochs": 150} | changes


def test_the_report_s_numbers_of_points_are_there_for_each_shape() -> None:
    for shape in ("corner", "center", "moons"):
        assert {D5[f"{shape}, n = {n}"]["n"] for n in (30, 60, 90, 120)} == {30, 60, 90, 120}
    assert {settings["noise"] for settings in D5.values()} == {240}


def test_training_and_test_points_have_the_same_share_of_other_classes() -> None:
    train, test = data(at_smoke("corner, n = 30"), seed=0)
    assert train.corrupted.double().mean() == pytest.approx(test.corrupted.double().mean().item())
    assert not set(map(tuple, train.points.tolist())) & set(map(tuple, test.points.tolist()))


def test_a_network_on_its_own_points_has_the_loss_of_the_network_itself() -> None:
    train, _ = data(at_smoke("center, n = 30"), seed=0)
    own = network(at_smoke("center, n = 30"), torch.Generator().manual_seed(0))
    rows = torch.tensor([[0], [29], [100], [269]])
    turned = OnOwnPoints(own, train.points, train.labels)(rows)
    ours = F.cross_entropy(turned, torch.zeros(4, dtype=torch.int64))
    expected = F.cross_entropy(own(train.points[rows[:, 0]]), train.labels[rows[:, 0]])
    torch.testing.assert_close(ours, expected)


@pytest.mark.usefixtures("three_at_once")
def test_the_two_classes_are_learnt_and_test_labels_of_the_others_are_guessed() -> None:
    found = run(at_smoke("corner, n = 120"), seed=1)
    assert found["test_accuracy"] > 0.85
    assert found["no_noise_accuracy"] > 0.9
    # right on the two classes, and on half of the 400 others within five standard errors
    expected = (200 * found["test_accuracy"] + 200) / 600
    assert found["test_all_accuracy"] == pytest.approx(expected, abs=5 * 0.5 / 400**0.5 * 400 / 600)


@pytest.mark.usefixtures("three_at_once")
def test_every_seed_has_its_own_points_and_the_result_it_has_alone(monkeypatch) -> None:
    settings = at_smoke("moons, n = 30", epochs=20)
    together = [run(settings, seed) for seed in range(3)]
    assert len({tuple(found["curves"]["train_accuracy"]) for found in together}) == 3
    monkeypatch.setattr(confounded_noise, "AT_ONCE", 1)
    confounded_noise._family.cache_clear()
    alone = run(settings, 2)
    for name in ("train_accuracy", "test_accuracy", "test_all_accuracy", "no_noise_accuracy"):
        assert alone[name] == pytest.approx(together[2][name], abs=0.02)  # rounding moves a few points


def test_equal_seeds_give_equal_points_and_others_others() -> None:
    hashes = [provenance(at_smoke("corner, n = 30"), seed).content_hash for seed in (0, 0, 1)]
    assert hashes[0] == hashes[1] != hashes[2]
