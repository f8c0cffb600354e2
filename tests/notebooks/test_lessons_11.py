"""What notebook 11 says is seen at scale smoke is seen there, with the reference answers."""

import contextlib
import io

import pytest
import torch

from course_utils.exercises import catalogue, panel
from course_utils.training.devices import one_thread

NAME = "11_rethinking_generalisation"


@pytest.fixture(scope="module")
def seen():
    """Run the notebook's cells with the reference answers; return all names that they leave."""
    texts = catalogue.texts(NAME)
    names: dict = {"__name__": "lessons"}
    with pytest.MonkeyPatch.context() as patch, one_thread(), panel.silence():
        patch.delenv("COURSE_SCALE", raising=False)
        for cell in texts.cells:
            source = texts.exercises[cell.exercise].solution if cell.role == "exercise" else cell.source
            if cell.role != "check" and not source.startswith("progress("):
                with contextlib.redirect_stdout(io.StringIO()):
                    exec(compile(source, f"<{cell.id}>", "exec"), names)
    return names


def test_all_five_kinds_are_learnt_to_the_last_label(seen):
    assert set(seen["fits"]) == set(seen["KINDS"])
    assert {fit["accuracy"][-1] for fit in seen["fits"].values()} == {1.0}


def test_only_where_pictures_tell_the_label_the_test_accuracy_is_above_chance(seen):
    tests = {kind: fit["test accuracy"] for kind, fit in seen["fits"].items()}
    assert tests["true labels"] > 0.2
    assert tests["shuffled pixels"] > 0.14
    assert max(tests[kind] for kind in ("random labels", "random pixels", "Gaussian pixels")) < 0.14


def test_shuffling_costs_the_cnn_accuracy_and_leaves_the_mlp_as_it_is(seen):
    tests = {kind: fit["test accuracy"] for kind, fit in seen["fits"].items()}
    assert tests["true labels"] > tests["shuffled pixels"] + 0.04
    assert seen["mlp_apart"] < 1e-3
    assert seen["mlp_right"][0] == pytest.approx(seen["mlp_right"][1], abs=2e-3)


def test_the_construction_holds_every_thrown_label(seen):
    assert seen["memorised_error"] < 1e-6


def test_sixteen_hidden_units_fit_any_signs_and_the_bound_says_nothing(seen):
    of_sixteen = dict(zip(seen["counts"], seen["complexities"]["16 hidden units"], strict=True))
    assert of_sixteen[200] == 1
    assert seen["bound"] > 1
    assert seen["true_error"] < 0.2


def test_fewer_units_and_more_examples_mean_less_agreement_with_noise(seen):
    one, four = (seen["complexities"][f"{h} hidden units"] for h in (1, 4))
    assert one[-1] < four[-1] < 0.7
    assert one[-1] < one[0] - 0.1
    assert max(seen["complexities"]["linear, B = 1/√d"]) < 0.3


def test_random_labels_are_memorised_with_weight_decay_and_crops_slow_it_down(seen):
    ends = {name: curve["accuracy"][-1] for name, curve in seen["regularised"].items()}
    assert ends["weight decay"] == ends["no regulariser"] == 1
    assert ends["random crops"] < 0.97


def test_descent_ends_where_predicted_and_a_long_start_costs_test_error_alone(seen):
    assert seen["descent_apart"] < 1e-6
    assert set(seen["start_errors"]["training"]) == {0.0}
    assert seen["start_errors"]["test"][0] < 0.2
    assert seen["start_errors"]["test"][-1] > seen["start_errors"]["test"][0] + 0.15


def test_the_test_error_of_random_features_has_its_peak_at_as_many_as_examples(seen):
    assert 180 <= seen["peak"] <= 220
    errors = dict(zip(seen["feature_counts"], seen["swept"]["test error"], strict=True))
    assert errors[200] > 2 * min(errors[p] for p in errors if p < 200)
    assert errors[1600] < min(errors[p] for p in errors if p < 200)


def test_the_weights_are_longest_at_the_peak_and_training_errors_end_there(seen):
    lengths = dict(zip(seen["feature_counts"], seen["swept"]["length of the weights"], strict=True))
    assert 180 <= max(lengths, key=lengths.__getitem__) <= 220
    training = dict(zip(seen["feature_counts"], seen["swept"]["training error"], strict=True))
    assert {training[p] for p in training if p >= 200} == {0.0}


def test_the_derived_distance_is_near_the_simulated_one_away_from_the_peak(seen):
    for p, derived, simulated in zip(seen["many_p"], seen["derived"], seen["simulated"], strict=True):
        if abs(p - 40) >= 10:
            assert simulated == pytest.approx(derived, rel=0.35)


def test_the_test_loss_of_networks_has_its_peak_where_labels_just_fit_and_falls_beyond(seen):
    by_hidden, peak = seen["by_hidden"], seen["loss_peak"]
    assert 0 < peak < len(seen["HIDDEN"]) - 1
    assert by_hidden["test loss"][peak] > 1.5 * by_hidden["test loss"][-1]
    assert by_hidden["training error"][-1] == 0
    assert by_hidden["test error"][-1] < by_hidden["test error"][peak]


def test_after_the_last_training_error_the_loss_rises_and_the_error_stays(seen):
    widest, at = seen["widest"], seen["at"]
    assert seen["fitted_from"] is not None
    assert widest.test_loss[-1] > 1.05 * widest.test_loss[at]
    assert abs(widest.test_accuracy[-1] - widest.test_accuracy[at]) < 0.02


def test_a_temperature_takes_the_peak_of_the_loss_away(seen):
    trained, cool = seen["cooled"].values()
    assert cool[seen["loss_peak"]] < 0.6 * trained[seen["loss_peak"]]
    assert all(after <= before + 0.05 for before, after in zip(trained, cool, strict=True))
    assert max(seen["found_temperatures"]) > 2


def test_the_notebooks_tensors_are_left_as_they_were_loaded(seen):
    again = seen["half_size"](seen["load"]("cifar10").train.images[: seen["EXAMPLES"]])
    assert torch.equal(seen["images"], again)
