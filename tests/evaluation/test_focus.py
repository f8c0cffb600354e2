"""Where attention looks: gathered from distinct images it is what the model computes mosaic by mosaic."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.data import Split
from course_utils.data.mosaics import make_mosaics
from course_utils.evaluation import focus
from course_utils.evaluation.focus import FocusCounts, Looks, count, entropy, look, query
from course_utils.models.mosaic import mosaic_cnn, mosaic_mlp


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def mosaics():
    images = torch.randint(0, 256, (60, 3, 8, 8), dtype=torch.uint8, generator=generator(5))
    return make_mosaics(Split(images, torch.arange(10).repeat(6)), 70, generator=generator())


def small(average_at):
    return mosaic_cnn(
        generator=generator(),
        average_at=average_at,
        focus_widths=(4, 4),
        widths=(4, 6),
        hidden=8,
        image_size=8,
    )


@pytest.mark.parametrize("kept", [0, 2**29], ids=["anew", "kept"])
@pytest.mark.parametrize("average_at", [0, 1, 2])
def test_looking_at_distinct_images_gives_what_the_model_gives(average_at, kept, mosaics, monkeypatch):
    monkeypatch.setattr(focus, "KEPT_BYTES", kept)
    model = small(average_at)
    found = look(model, mosaics, precision="float32", batch_size=16)
    assert model.training
    with torch.no_grad():
        x = mosaics.pixels(mosaics.tiles)
        torch.testing.assert_close(found.attention_weights, model.eval().attention(x), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(found.logits, model(x), rtol=1e-4, atol=1e-5)


def test_points_can_be_looked_at():
    points = Split(torch.randn(50, 2, generator=generator()), torch.arange(10).repeat(5))
    mosaics = make_mosaics(points, 20, generator=generator())
    model = mosaic_mlp(generator=generator())
    with torch.no_grad():
        torch.testing.assert_close(look(model, mosaics).logits, model(mosaics.pixels(mosaics.tiles)))


def test_every_image_goes_through_the_focus_network_once(mosaics):
    model, seen = small(0), []
    model.focus.register_forward_hook(lambda _module, inputs, _output: seen.append(len(inputs[0])))
    look(model, mosaics, batch_size=16)
    assert sum(seen) == len(mosaics.tiles.unique())


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**31), share=st.floats(0, 1))
def test_the_four_counts_sum_to_the_number_and_give_both_accuracies(seed, share, mosaics):
    draws = generator(seed)
    looks = Looks(torch.rand(70, 9, generator=draws).softmax(dim=1), torch.randn(70, 3, generator=draws))
    chosen = torch.rand(70, generator=draws) < share
    chosen[0] = True
    counts = count(looks, mosaics, chosen)
    assert len(counts) == int(chosen.sum())
    right = (looks.logits.argmax(1) == mosaics.labels)[chosen]
    found = (looks.attention_weights.argmax(1) == mosaics.foreground_at)[chosen]
    assert math.isclose(counts.accuracy, right.float().mean(), abs_tol=1e-6)
    assert math.isclose(counts.focus_accuracy, found.float().mean(), abs_tol=1e-6)
    assert counts.ftpt == int((right & found).sum())
    assert counts.ffpt == int((right & ~found).sum())


def test_all_mosaics_are_counted_unless_some_are_chosen(mosaics):
    weights = torch.eye(9)[mosaics.foreground_at]
    logits = torch.eye(3)[mosaics.labels]
    assert count(Looks(weights, logits), mosaics) == FocusCounts(70, 0, 0, 0)
    assert count(Looks(weights.roll(1, 1), logits), mosaics) == FocusCounts(0, 70, 0, 0)
    assert count(Looks(weights.roll(1, 1), logits.roll(1, 1)), mosaics) == FocusCounts(0, 0, 0, 70)


def test_no_mosaics_have_no_accuracy(mosaics):
    looks = Looks(torch.eye(9)[mosaics.foreground_at], torch.eye(3)[mosaics.labels])
    counts = count(looks, mosaics, torch.zeros(70, dtype=torch.bool))
    assert counts == FocusCounts(0, 0, 0, 0)
    assert math.isnan(counts.accuracy)
    assert math.isnan(counts.focus_accuracy)


@settings(max_examples=30, deadline=None)
@given(
    label=st.none() | st.integers(0, 2),
    present=st.sets(st.integers(3, 9), max_size=3),
    absent=st.sets(st.integers(3, 9), max_size=3),
)
def test_a_query_is_what_a_loop_finds(label, present, absent, mosaics):
    expected = [
        (label is None or int(y) == label) and present <= set(classes) and not absent & set(classes)
        for y, classes in zip(mosaics.labels, mosaics.tile_labels.tolist(), strict=True)
    ]
    assert query(mosaics, label=label, present=present, absent=absent).tolist() == expected


def test_entropy_is_between_none_for_one_tile_and_the_logarithm_of_their_number():
    weights = torch.stack([torch.eye(9)[4], torch.full((9,), 1 / 9), torch.tensor([0.5, 0.5] + 7 * [0.0])])
    torch.testing.assert_close(entropy(weights), torch.tensor([0.0, math.log(9), math.log(2)]))


def test_networks_see_what_preprocessing_makes_of_the_images(mosaics):
    model = small(1).eval()
    found = look(model, mosaics, preprocess=lambda images: 1 - images.float() / 255, precision="float32")
    with torch.no_grad():
        torch.testing.assert_close(
            found.logits, model(1 - mosaics.pixels(mosaics.tiles)), rtol=1e-4, atol=1e-5
        )
