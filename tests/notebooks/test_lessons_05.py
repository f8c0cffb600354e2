"""What notebook 05 says is seen at scale smoke is seen there, with the reference answers."""

import contextlib
import io
import math

import pytest

from course_utils.exercises import catalogue, panel
from course_utils.training.devices import one_thread

NAME = "05_mosaic_attention"


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


def test_the_focus_starts_by_chance_and_ends_clearly_above_it(seen):
    focus = seen["focus_right"]
    assert abs(focus[0] - 1 / 9) < 0.05
    assert focus[-1] > 3 / 9


def test_predictions_start_by_chance_and_end_clearly_above_it(seen):
    right = seen["prediction_right"]
    assert abs(right[0] - 1 / 3) < 0.06
    assert right[-1] > 0.42


def test_the_first_epoch_is_a_plateau(seen):
    loss = seen["history"].train_loss
    assert abs(loss[0] - math.log(3)) < 0.02
    assert loss[-1] < math.log(3) - 0.1


def test_descent_finds_the_foreground_only_when_the_classifier_knows_something(seen):
    raised = seen["watched"]["raised"]
    assert abs(raised[0] - 1 / 9) < 0.05
    assert raised[-1] > 2 / 9


def test_the_weights_become_surer(seen):
    sure = seen["watched"]["entropy"]
    assert sure[0] > 0.98
    assert sure[-1] < 0.85


def test_raw_scores_move_with_a_constant_and_the_softmax_does_not(seen):
    assert seen["moved"]["raw scores"] > 1
    assert seen["moved"]["softmax"] < 1e-5


def test_the_mirrored_networks_answer_alike_and_look_elsewhere(seen):
    assert seen["apart"] < 1e-5
    assert seen["agree"] < 0.05


def test_shuffled_tiles_change_no_logits_but_those_of_a_network_that_reads_in_order(seen):
    assert max(seen["follow"], seen["same"], seen["plain"]) < 1e-5
    assert seen["other"] > 0.1


def test_distinct_pictures_are_several_times_fewer(seen):
    assert seen["test_tiles"].numel() / sum(seen["seen"]) > 4


def test_a_wrong_focus_does_not_always_mean_a_wrong_prediction(seen):
    counts = seen["counts"]
    assert min(counts.values()) > 0
    shares = [counts[t] / (counts[t] + counts[f]) for t, f in (("FTPT", "FTPF"), ("FFPT", "FFPF"))]
    assert shares[0] > shares[1] + 0.1


def test_only_relu_and_max_pooling_make_a_later_average_another_one(seen):
    nonlinear, linear = seen["rows"]["with ReLU and max pooling"], seen["rows"]["linear layers only"]
    assert linear[0] == nonlinear[0] == 0
    assert max(linear) < 1e-5
    assert min(nonlinear[1:]) > 1e-3


def test_a_later_average_costs_more(seen):
    costs = seen["classifying"]
    assert costs == sorted(costs)
    assert costs[-1] > 8 * costs[0]
