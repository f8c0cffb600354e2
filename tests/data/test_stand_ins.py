"""Stand-ins: the form of the real data, nothing shared between training and test, and worth teaching with."""

import statistics

import numpy as np
import pytest
import teaching_experiment
import torch
from sklearn.datasets import load_digits
from sklearn.linear_model import RidgeClassifier

from course_utils.data import DATA_SETS, load, stand_ins
from course_utils.data.stand_ins import _made

ALL = list(DATA_SETS)


@pytest.mark.parametrize("name", ALL)
def test_a_stand_in_has_the_form_of_the_real_data(name: str) -> None:
    data = load(name, scale="smoke")
    specification = DATA_SETS[name]
    for split in (data.train, data.test):
        assert split.images.dtype == torch.uint8
        assert split.images.shape == (len(split), specification.channels, *specification.size)
        assert split.labels.dtype == torch.int64
        assert split.labels.unique().tolist() == list(range(len(specification.classes)))
    assert len(data.classes) == len(specification.classes)
    assert data.stand_in


@pytest.mark.parametrize("name", ALL)
def test_a_stand_in_says_that_it_is_one(name: str) -> None:
    assert "stand-in" in str(load(name, scale="smoke"))


@pytest.mark.parametrize("name", ALL)
def test_no_test_image_is_a_training_image(name: str) -> None:
    data = load(name, scale="smoke")
    training = {image.numpy().tobytes() for image in data.train.images}
    assert not any(image.numpy().tobytes() in training for image in data.test.images)


@pytest.mark.parametrize("name", ALL)
def test_a_stand_in_is_the_same_every_time(name: str) -> None:
    first = load(name, scale="smoke")
    first.train.images.zero_()  # editing one copy must not reach the next
    _made.cache_clear()
    again = load(name, scale="smoke")
    assert again.content_hash == first.content_hash
    assert again.train.images.any()


def test_editing_a_stand_in_does_not_reach_the_next_one() -> None:
    load("mnist", scale="smoke").train.images.zero_()
    assert load("mnist", scale="smoke").train.images.any()


def test_the_stand_in_of_mnist_holds_all_digits_of_scikit_learn() -> None:
    data = load("mnist", scale="smoke")
    labels = torch.cat([data.train.labels, data.test.labels])
    assert labels.bincount().tolist() == torch.tensor(load_digits().target).bincount().tolist()
    assert not data.train.images[:, :, :4].any(), "MNIST's digits have a margin of 4 pixels"
    assert data.train.images.max() == 255


def test_the_classes_of_the_drawn_shapes_are_equally_frequent() -> None:
    data = load("cifar10", scale="smoke")
    assert data.train.labels.bincount().unique().tolist() == [400]
    assert data.classes[0] == "disc", "drawn shapes do not pretend to be aeroplanes"


def test_a_linear_classifier_tells_most_drawn_clothes_apart_but_not_all() -> None:
    data = load("fashion_mnist", scale="smoke")
    pixels = [split.images.flatten(1).float().div(255).numpy() for split in (data.train, data.test)]
    model = RidgeClassifier(alpha=10.0).fit(pixels[0], data.train.labels)
    assert 0.7 < model.score(pixels[1], data.test.labels) < 0.9


@pytest.mark.slow
def test_on_the_drawn_shapes_a_cnn_beats_an_mlp_and_augmentation_helps() -> None:
    found = teaching_experiment.accuracies_on_test(load("cifar10", scale="smoke"))
    print(found)
    means = [statistics.mean(found[learner]) for learner in teaching_experiment.LEARNERS]
    deviation = max(statistics.stdev(accuracies) for accuracies in found.values())
    assert means[0] > 0.2, "an MLP must learn something (chance is 0.1)"
    assert means[1] - means[0] > deviation, found
    assert means[2] - means[1] > deviation, found
    for worse, better in zip(teaching_experiment.LEARNERS, teaching_experiment.LEARNERS[1:], strict=False):
        assert max(found[worse]) < min(found[better]), "the order must hold whatever the seed"


def test_the_digits_are_scikit_learn_s_also_where_its_file_is_not_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    digits = load_digits()
    expected = np.column_stack([digits.data, digits.target])
    assert np.array_equal(stand_ins._digits_table(), expected)
    monkeypatch.setattr(stand_ins.importlib.util, "find_spec", lambda _: None)
    assert np.array_equal(stand_ins._digits_table(), expected)
