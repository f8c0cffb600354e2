"""What notebook 09 says is seen at scale smoke is seen there, with the reference answers."""

import contextlib
import io
import math

import pytest

from course_utils.exercises import catalogue, panel
from course_utils.training.devices import one_thread

NAME = "09_random_labels"


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


def test_about_a_tenth_of_the_re_drawn_labels_is_right_by_luck(seen):
    wrong, corrupted = int(seen["wrong"].sum()), int(seen["corrupted"].sum())
    assert corrupted == 400
    assert abs(wrong - 360) < 5 * math.sqrt(400 * 0.09)


def test_every_training_fits_every_label_and_says_so(seen):
    for run in [*seen["runs"].values(), *seen["half"].values()]:
        assert run.train[2] == 1
        assert run.stopped == "every label is fitted"


def test_the_clean_labels_are_learnt_while_the_re_drawn_ones_stay_at_chance(seen):
    run = seen["run"]
    assert run.best < run.epochs / 3
    assert run.curves["clean_accuracy"][run.best] > 0.9
    assert run.curves["corrupted_accuracy"][run.best] < 0.25


def test_then_the_re_drawn_labels_are_memorised_and_the_test_accuracy_falls(seen):
    run = seen["run"]
    test = run.curves["test_accuracy"]
    assert run.curves["corrupted_accuracy"][-1] == 1
    assert test[run.best] > 0.88
    assert test[-1] < test[run.best] - 0.15


def test_once_the_classes_are_learnt_the_re_drawn_minority_makes_most_of_the_pull(seen):
    of_corrupted = seen["of_corrupted"]
    assert abs(float(of_corrupted[0]) - 0.4) < 0.02
    assert of_corrupted[seen["run"].best] > 0.5


def test_memorising_takes_the_loss_below_the_floor_of_a_group(seen):
    assert seen["run"].loss[-1] < seen["floor"] / 5


def test_nobody_beats_luck_on_re_drawn_test_labels(seen):
    for fraction, seed in seen["tests"]:
        on_corrupted, n = seen["tests"][fraction, seed][0], round(fraction * seen["N_TEST"])
        if n:
            assert abs(on_corrupted - 0.1) < 5 * math.sqrt(0.09 / n)


def test_a_good_network_looks_on_noisy_labels_as_predicted(seen):
    assert seen["off_noisy"] < 0.03


def test_a_network_that_has_memorised_noise_is_about_as_good_as_a_copier(seen):
    assert seen["off_copier"] < 0.12


def test_at_its_best_epoch_it_is_far_better_than_the_line_even_with_most_labels_wrong(seen):
    gains = [m - line for line, (m, _) in zip(seen["copied"], seen["stopped"], strict=True)]
    assert gains[seen["LEVELS"].index(0.4)] > 0.2
    assert gains[seen["LEVELS"].index(0.8)] > 0.3


def test_noisy_validation_labels_choose_a_good_epoch(seen):
    assert seen["kept"] > 0.15
    assert 0 <= seen["lost"] < 0.06


def test_the_true_accuracy_is_estimated_within_its_error(seen):
    assert all(abs(entry["away"]) < 4 for entry in seen["chosen"].values())


def test_pair_flips_above_one_half_choose_the_next_class(seen):
    true, following = seen["by_flips"]["true class"], seen["by_flips"]["next class"]
    assert true[0] > 0.75 > 0.25 > following[0]
    assert true[1] > following[1] + 0.1
    assert following[2] > true[2] + 0.1
    assert following[3] > 0.75 > 0.25 > true[3]


def test_the_fraction_of_clean_labels_matters_more_than_their_number(seen):
    end = {f: run.curves["test_accuracy"][-1] for f, run in seen["half"].items()}
    of_all = seen["runs"][0.0, 0].curves["test_accuracy"][-1]
    assert end[0.0] - end[0.4] > 0.15
    assert abs(of_all - end[0.0]) < 0.06


def test_the_reports_rows_fit_a_coin_for_each_label(seen):
    assert len(seen["implied"]) == 12
    assert seen["farthest"] < 2
    assert seen["alike"] >= 5
