"""The explorer of confounded noise: twenty networks vote while the noise grows."""

import pytest
from reading_figures import cut_off, overlapping

from course_utils.widgets import confounded
from course_utils.widgets.confounded import NOISES, SHAPES, confounded_explorer, render_confounded


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(confounded, "STEPS", 60)
    monkeypatch.setattr(confounded, "ACROSS", 20)
    confounded._trained.cache_clear()
    yield
    confounded._trained.cache_clear()


def test_without_others_nearly_all_points_of_the_two_classes_are_known():
    *_, known = confounded._trained("center", 0)
    assert known > 0.95


def test_others_on_top_of_the_two_classes_cost_most():
    known = {shape: confounded._trained(shape, 240)[3] for shape in ("center", "on top")}
    assert known["on top"] < known["center"] - 0.05


def test_votes_are_shares_of_twenty_networks():
    votes, points, labels, _ = confounded._trained("corner", 30)
    assert votes.shape == (20, 20)
    assert abs(votes * 20 - (votes * 20).round()).max() < 1e-9
    assert len(points) == len(labels) == confounded.OWN


def test_the_figure_says_what_it_shows_and_fits():
    figure = render_confounded(shape="moons", noise=60)
    title = " ".join(figure._suptitle.get_text().replace("\N{NO-BREAK SPACE}", " ").split())
    assert "60 others" in title
    assert overlapping(figure) == []  # draws it: where texts are is known only then
    assert cut_off(figure) == []


def test_the_static_form_shows_four_choices_that_the_controls_have(monkeypatch):
    seen = {}
    monkeypatch.setattr(confounded, "explore", lambda *_, **given: seen.update(given))
    confounded_explorer()
    assert len(seen["static"]) == 4
    assert all(c["shape"] in SHAPES and c["noise"] in NOISES for c in seen["static"])
