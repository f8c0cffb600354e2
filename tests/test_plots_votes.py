"""Polls of networks at every place of the plane."""

import numpy as np
import pytest
import torch
from reading_figures import cut_off, overlapping

from course_utils.plots import VoteMap, vote_maps


def panel(share: float = 0.5) -> VoteMap:
    return VoteMap(np.full((4, 5), share), torch.tensor([[0.2, 0.2], [0.8, 0.8]]), torch.tensor([0, 1]))


def drawn(**maps: VoteMap):
    return vote_maps(maps, extent=(0, 1, 0, 1), title="Votes of 20 networks")


def test_every_map_has_a_panel_with_its_name_and_its_votes():
    figure = drawn(corner=panel(0.25), moons=panel(1.0))
    panels = [axes for axes in figure.axes if axes.images]
    assert [axes.get_title(loc="left") for axes in panels] == ["corner", "moons"]
    assert [float(axes.images[0].get_array().mean()) for axes in panels] == [0.25, 1.0]
    assert all(axes.images[0].get_clim() == (0, 1) for axes in panels)


def test_the_lowest_row_of_votes_is_at_the_bottom():
    figure = drawn(corner=panel())
    assert figure.axes[0].images[0].origin == "lower"


def test_classes_have_their_own_markers_and_a_legend():
    figure = drawn(corner=panel())
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["class 0", "class 1"]
    assert len(figure.axes[0].collections) == 2


def test_nothing_is_cut_off_or_overlaps():
    figure = drawn(corner=panel(), center=panel(), moons=panel(), top=panel())
    assert overlapping(figure) == []  # draws it: where texts are is known only then
    assert cut_off(figure) == []


def test_split_votes_are_white():
    figure = drawn(corner=panel())
    assert figure.axes[0].images[0].cmap(0.5)[:3] == pytest.approx((1, 1, 1), abs=0.01)


@pytest.mark.parametrize("votes", [np.zeros(4), np.full((2, 2), 1.5), np.full((2, 2), np.nan)])
def test_votes_that_are_no_shares_are_refused(votes):
    with pytest.raises(ValueError, match="votes of 'corner'"):
        drawn(corner=panel()._replace(votes=votes))


def test_no_maps_are_refused():
    with pytest.raises(ValueError, match="no maps"):
        drawn()
