"""A1 to A4: four versions of one network."""

import pytest
import torch

from course_utils.experiments import circles_mlp
from course_utils.experiments.catalogue import EXPERIMENTS
from course_utils.training.grid import Setting, train_grid

SHORT = {**EXPERIMENTS["A1"].settings["2-4-2"], "epochs": 10}


@pytest.mark.parametrize("version", ["autograd", "nn", "optim"])
def test_every_version_gives_the_loss_curve_of_the_one_by_hand(version):
    for dtype, tolerance in ((torch.float64, 1e-12), (torch.float32, 1e-5)):
        ours = circles_mlp.train(version, SHORT, 0, dtype=dtype)
        by_hand = circles_mlp.train("manual", SHORT, 0, dtype=dtype)
        for curve in ("train_loss", "test_loss"):
            torch.testing.assert_close(
                torch.tensor(getattr(ours, curve)),
                torch.tensor(getattr(by_hand, curve)),
                rtol=0,
                atol=tolerance,
            )


@pytest.mark.parametrize("key", ["A2", "A3", "A4"])
def test_the_comparison_reports_the_largest_difference_of_the_curves(key):
    run, _ = EXPERIMENTS[key].load()
    metrics = run({**SHORT, "epochs": 3}, 1)
    assert 0 <= metrics["largest_difference_float64"] < 1e-12
    assert 0 <= metrics["largest_difference_float32"] < 1e-5
    assert metrics["test_error_difference"] == 0


def test_training_by_hand_learns_the_circles():
    metrics = circles_mlp.manual(EXPERIMENTS["A1"].settings["2-4-2"], 0)
    assert metrics["test_error"] < 0.08
    assert metrics["train_loss_change"] < 0
    assert metrics["test_loss_change"] < 0
    assert metrics["lowest_test_error"] <= metrics["test_error"]


def test_a_seed_gives_the_same_metrics_again():
    assert circles_mlp.compare_with_manual("nn", SHORT, 3) == circles_mlp.compare_with_manual("nn", SHORT, 3)


def test_training_and_test_points_are_not_the_same_points():
    x_train, _, x_test, _ = circles_mlp.data({**SHORT, "points_test": SHORT["points_train"]}, 0)
    assert not torch.isin(x_train, x_test).any()


def test_the_hash_tells_the_points_of_two_seeds_apart():
    first, again, other = (circles_mlp.provenance(SHORT, seed).content_hash for seed in (0, 0, 1))
    assert first == again != other


def test_the_grid_of_tiny_networks_reaches_the_error_of_the_one_by_hand():
    x_train, labels_train, x_test, labels_test = circles_mlp.data(SHORT, 0)
    setting = Setting(learning_rate=0.3, hidden=4, batch_size=10)
    (run,) = train_grid([setting], x_train, labels_train, x_test, labels_test, epochs=150, record_every=150)
    assert 1 - run.test_accuracy[-1] < 0.08
