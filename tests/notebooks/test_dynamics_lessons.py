"""What notebook 07 says it shows, at scale smoke: its experiments are run once and looked at."""

from pathlib import Path

import nbformat
import pytest
import torch

from course_utils import plots
from course_utils.exercises import catalogue
from course_utils.repository import find_repository
from course_utils.training.devices import one_thread

pytestmark = pytest.mark.slow

SOLUTIONS = find_repository(Path(__file__).parent) / "notebooks" / "solutions"


@pytest.fixture(scope="module")
def seen():
    """Return what the solution notebook's cells leave behind, its checks and pages left out."""
    name = catalogue.notebook("07").name
    notebook = nbformat.read(SOLUTIONS / f"{name}.ipynb", as_version=4)
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    namespace: dict = {}
    with pytest.MonkeyPatch.context() as patch, one_thread():
        patch.delenv("COURSE_SCALE", raising=False)
        patch.setattr(plots, "show", lambda *_, **__: None)
        for source in cells:
            if not source.startswith(("check(", "progress(")):
                exec(source.replace('begin("07")', ""), namespace)
                if "looks_right = [], [], [], []" in source:  # a later cell uses the name again
                    namespace["right_by_turns"] = list(namespace["right"])
    return namespace


def test_from_a_smaller_weight_the_way_takes_longer(seen):
    steps = [next(k for k, a in enumerate(path) if a >= 0.5) for path in seen["paths"].values()]
    assert steps[0] < steps[1] / 5 < steps[2] / 25


def test_the_classification_network_is_ahead_of_the_focus_network(seen):
    slow = seen["slow"]
    when = next(k for k, weight in enumerate(slow["weight"]) if weight >= 0.2)
    assert slow["weight"][0] < 0.13
    assert slow["right"][when] > slow["right"][0] + 0.15
    assert slow["right"][when] > 0.55


def test_the_pull_towards_the_foreground_grows_and_then_ends(seen):
    pull = [-slope for slope in seen["slow"]["foreground"]]
    assert max(pull) > 5 * pull[0] > 0
    assert pull[-1] < max(pull) / 5


def test_right_names_do_not_need_a_right_focus(seen):
    slow, fast = seen["slow"], seen["fast"]
    assert min(slow["right"][-1], fast["right"][-1]) > 0.98
    assert slow["focus"][-1] > fast["focus"][-1] + 0.15
    assert abs(fast["foreground"][-1]) < 0.1


def test_by_turns_both_networks_learn_and_each_has_its_part(seen):
    assert seen["right_by_turns"][-1] > 0.9
    assert min(seen["gained"]) > 0.1


def test_longer_turns_help_a_slow_focus_network_and_do_less_for_a_fast_one(seen):
    slow, fast = seen["effects"]["right focus"][-2:]
    assert slow[0] > 3 * slow[1]
    apart = slow[0] - fast[0]
    assert apart > 2 * (slow[1] ** 2 + fast[1] ** 2) ** 0.5


def test_a_fast_focus_network_ends_more_often_sure_of_a_wrong_tile(seen):
    stuck = seen["table"].view(2, 2, 2)  # every, what, where
    assert (stuck[..., 1] > stuck[..., 0] + 0.05).all()


def test_a_look_alike_of_another_foreground_hurts_and_others_do_not(seen):
    found = {kind: mean / error for kind, (mean, error) in seen["pooled"].items()}
    assert found["it resembles another foreground"] < -4
    assert found["it resembles the right one"] > 0
    assert abs(found["neither"]) < 2


def test_some_of_the_21_differences_are_large_and_the_middle_class_is_not_the_easiest(seen):
    assert int(seen["far"].sum()) > 1
    accuracies = [float(seen["right"][seen["test"].labels == label].float().mean()) for label in range(3)]
    assert accuracies[1] == min(accuracies)
    assert torch.isfinite(seen["differences"]).all()
