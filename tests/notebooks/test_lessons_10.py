"""What notebook 10 says is seen at scale smoke is seen there, with the reference answers."""

import contextlib
import io

import pytest

from course_utils.exercises import catalogue, panel
from course_utils.training.devices import one_thread

NAME = "10_systematic_noise"


@pytest.fixture(scope="module")
def seen():
    """Run the notebook's cells with the reference answers; return all names that they leave."""
    texts = catalogue.texts(NAME)
    names: dict = {"__name__": "lessons"}
    with pytest.MonkeyPatch.context() as patch, one_thread(), panel.silence():
        patch.delenv("COURSE_SCALE", raising=False)
        patch.setenv("COURSE_STATIC", "1")
        for cell in texts.cells:
            source = texts.exercises[cell.exercise].solution if cell.role == "exercise" else cell.source
            if cell.role != "check" and not source.startswith("progress("):
                with contextlib.redirect_stdout(io.StringIO()):
                    exec(compile(source, f"<{cell.id}>", "exec"), names)
    return names


def test_kept_classes_are_known_beside_labels_without_a_rule_and_better_with_more_of_them(seen):
    assert seen["on_kept"][-1] > 0.95
    assert seen["on_kept"][-1] > seen["on_kept"][0] + 0.03
    assert max(seen["on_all"]) <= seen["ceiling"]


def test_nearly_all_labels_are_fitted_the_meaningless_ones_too(seen):
    assert min(seen["fitted"]) > 0.9


def test_twenty_networks_know_the_two_classes_and_more_points_help(seen):
    assert 0.8 < seen["low"] < seen["high"]
    assert seen["high"] > 0.93


def test_networks_agree_where_the_two_classes_lie_and_not_elsewhere(seen):
    votes = seen["maps"]["center, n = 120"].votes
    sure = (votes - 0.5).abs() * 2
    inside = sure[18:33, 18:33]  # the square in the middle of the plane
    assert inside.mean() > sure.mean() + 0.2


def test_the_report_s_figures_are_near_the_ceiling_of_a_noisy_test_set(seen):
    assert max(seen["gaps"]) < 2.5


def test_a_network_that_learnt_the_labels_by_heart_finds_fewer_wrong_ones(seen):
    short_others, long_others, _, long_itself = seen["among_largest"]
    assert long_itself < long_others - 0.02
    assert short_others > 0.75


def test_the_search_is_far_better_than_chance_and_leaving_its_suspects_out_helps(seen):
    assert seen["precision"] > 0.6
    assert seen["recall"] > 0.6
    assert seen["gain"].mean() > 0.01


def test_labels_from_outside_are_mostly_not_found(seen):
    assert seen["recall_outside"] < 0.6
