"""What does not fit together is a sentence: it names the thing, and says what to change."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_training import generator, images, same, small_training
from torch import nn

from course_utils.data import Split
from course_utils.training.errors import TrainingError
from course_utils.training.loop import fit, measure


def sgd(model, **options):
    return torch.optim.SGD(model.parameters(), **{"lr": 0.1} | options)


def with_model(model, **changes):
    return small_training(model=model, schedule=False, **changes)


def refusal(**arguments):
    """Return the sentence with which training is refused; the model must not have changed."""
    model = arguments["model"]
    before = {name: value.clone() for name, value in model.state_dict().items()}
    was_training = model.training
    with pytest.raises(TrainingError) as caught:
        fit(**arguments)
    assert same(dict(model.state_dict()), before)
    assert model.training == was_training
    return str(caught.value)


def labelled(*labels, dtype=torch.int64):
    return Split(images(len(labels), seed=1).images, torch.tensor(labels, dtype=dtype))


@pytest.mark.parametrize("part", ["train", "test"])
def test_empty_data(part):
    empty = Split(torch.zeros(0, 3, 8, 8, dtype=torch.uint8), torch.zeros(0, dtype=torch.int64))
    arguments = small_training()
    assert f"{part} is empty: give at least one example" in refusal(**arguments | {part: empty})


@pytest.mark.parametrize("part", ["train", "test"])
def test_a_label_that_the_model_has_no_output_for(part):
    sentence = refusal(**small_training(schedule=False) | {part: labelled(0, 7, 3)})
    assert f"{part} has the label 7, but the model has 4 outputs, for the labels 0 to 3" in sentence
    assert "Give its last layer 8 outputs, or correct the labels" in sentence


@pytest.mark.parametrize("part", ["train", "test"])
def test_a_negative_label(part):
    sentence = refusal(**small_training(schedule=False) | {part: labelled(0, -1, 3)})
    assert f"{part} has the label -1, but labels count from 0" in sentence


@pytest.mark.parametrize("part", ["train", "test"])
@pytest.mark.parametrize(
    ("labels", "named"),
    [
        (torch.zeros(3, dtype=torch.uint8), r"is torch.uint8 of shape \(3,\).*.long\(\)"),
        (torch.zeros(3, dtype=torch.float32), "is torch.float32"),
        (torch.zeros(3, 4, dtype=torch.int64), r"of shape \(3, 4\).*argmax\(dim=1\)"),
        (torch.zeros(2, dtype=torch.int64), r"must be int64 of shape \(3,\).*of shape \(2,\)"),
    ],
    ids=["bytes", "floats", "one-hot", "too few"],
)
def test_labels_of_the_wrong_kind(part, labels, named):
    data = Split(images(3, seed=1).images, labels)
    with pytest.raises(TrainingError, match=f"{part}.labels.*{named}"):
        fit(**small_training(schedule=False) | {part: data})


def test_a_model_whose_output_is_not_a_row_of_logits():
    sentence = refusal(**with_model(nn.Conv2d(3, 4, 3)))
    assert "output for 2 examples has the shape (2, 4, 6, 6)" in sentence
    assert "nn.Flatten" in sentence


@pytest.mark.parametrize(
    "model",
    [
        nn.Sequential(nn.Flatten(), nn.Linear(191, 4)),
        nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(144, 4)),
        nn.Sequential(nn.BatchNorm1d(3), nn.Flatten(), nn.Linear(192, 4)),
        nn.Sequential(nn.Flatten(5), nn.Linear(192, 4)),
        nn.Sequential(nn.Flatten(), nn.Linear(192, 4)).double(),
    ],
    ids=["too few inputs", "channels", "dimensions", "flatten", "dtype"],
)
def test_a_model_that_cannot_take_the_data(model):
    sentence = refusal(**with_model(model))
    assert "The model cannot take train: its input has the shape (2, 3, 8, 8)" in sentence
    assert "dtype torch.float32, and PyTorch says: " in sentence


def test_test_data_that_are_shaped_otherwise_than_training_data():
    sentence = refusal(**small_training() | {"test": images(5, seed=1, size=16)})
    assert "cannot take test: its input has the shape (2, 3, 16, 16)" in sentence


def test_an_optimizer_of_another_model():
    arguments = small_training(schedule=False)
    sentence = refusal(**arguments | {"optimizer": sgd(nn.Linear(2, 2))})
    assert "The optimizer holds none of the model's parameters" in sentence
    assert "torch.optim.SGD(model.parameters()" in sentence


def test_a_model_of_which_nothing_can_learn():
    model = nn.Sequential(nn.Flatten(), nn.Linear(192, 4)).requires_grad_(False)
    assert "none of the model's parameters that can learn" in refusal(**with_model(model))


def test_a_model_of_which_a_part_is_frozen_is_trained():
    model = nn.Sequential(nn.Flatten(), nn.Linear(192, 4))
    model[1].weight.requires_grad_(False)
    before = model[1].weight.clone(), model[1].bias.clone()
    fit(**with_model(model, epochs=1))
    assert torch.equal(model[1].weight, before[0])
    assert not torch.equal(model[1].bias, before[1])


def test_an_optimizer_that_needs_a_closure():
    arguments = small_training(schedule=False)
    optimizer = torch.optim.LBFGS(arguments["model"].parameters())
    assert "take another optimizer" in refusal(**arguments | {"optimizer": optimizer})


def test_a_schedule_that_needs_a_measure():
    arguments = small_training(schedule=False)
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(arguments["optimizer"])
    assert "in a callback at the end of an epoch" in refusal(**arguments | {"schedule": schedule})


def test_a_schedule_of_another_optimizer():
    arguments, other = small_training(schedule=False), small_training()
    sentence = refusal(**arguments | {"schedule": other["schedule"]})
    assert "made for another optimizer" in sentence
    assert "make the schedule anew after the optimizer" in sentence


def test_a_model_that_has_no_parameters():
    arguments = small_training(schedule=False) | {"model": nn.Flatten()}
    assert "none of the model's parameters that can learn" in refusal(**arguments)


def test_a_schedule_made_for_epochs_instead_of_steps():
    arguments = small_training(schedule=False)
    schedule = torch.optim.lr_scheduler.OneCycleLR(arguments["optimizer"], 0.1, total_steps=3)
    sentence = refusal(**arguments | {"schedule": schedule})
    assert "made for 3 steps, but this training has 9" in sentence
    assert "total_steps=9" in sentence


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"epochs": -1}, "epochs is -1, but it must be an int, at least 0"),
        ({"epochs": 1.5}, "epochs is 1.5"),
        ({"batch_size": 0}, "batch_size is 0, but it must be .* at least 1, or None for all at once"),
        ({"batch_size": 2.0}, "batch_size is 2.0"),
        ({"batch_size": True}, "batch_size is True"),
        ({"batch_size": np.int64(8)}, "batch_size is .*8.*, but it must be an int"),
        ({"record_every": 0}, "record_every is 0"),
        ({"checkpoint_every": 0}, "checkpoint_every is 0, .* or None for every epoch"),
        ({"train_metrics": "both"}, "train_metrics is 'both', but it must be 'running' or 'measured'"),
        ({"generator": SimpleNamespace(device=torch.device("cuda:0"))}, "generator is on cuda:0, .* CPU"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_settings_that_make_no_sense(change, named):
    with pytest.raises(TrainingError, match=named):
        fit(**small_training(schedule=False) | change)


def test_an_unknown_precision():
    with pytest.raises(ValueError, match="precision is 'half', but it must be auto, float32"):
        fit(**small_training(precision="half"))


@pytest.mark.parametrize("train_metrics", ["running", "measured"])
def test_divergence_says_when_and_what_to_change_and_keeps_the_measures(train_metrics):
    x = torch.randn(20, 3, generator=generator())
    model = nn.Sequential(nn.Linear(3, 8), nn.Linear(8, 2))
    with pytest.raises(TrainingError, match=r"loss is (nan|inf) after epoch [12].*learning rate") as caught:
        fit(
            model,
            Split(x, (x[:, 0] > 0).long()),
            epochs=3,
            optimizer=sgd(model, lr=1e30),
            batch_size=5,
            generator=generator(),
            train_metrics=train_metrics,
        )
    history = caught.value.history
    assert history.diverged
    assert not math.isfinite(history.train_loss[-1])
    assert math.isnan(history.train_accuracy[-1])


def test_divergence_is_only_recorded_where_that_is_wanted():
    x = torch.randn(20, 3, generator=generator())
    model = nn.Sequential(nn.Linear(3, 8), nn.Linear(8, 2))
    history = fit(
        model,
        Split(x, (x[:, 0] > 0).long()),
        epochs=3,
        optimizer=sgd(model, lr=1e30),
        batch_size=5,
        generator=generator(),
        stop_when_diverged=False,
    )
    assert history.epochs == [1, 2, 3]
    assert history.diverged


class NeedsMuch(nn.Linear):
    """Allocates more than there is for more than two examples: two are what is tried at the start."""

    def __init__(self, error):
        super().__init__(192, 4)
        self.error = error

    def forward(self, x):
        if len(x) > 2:
            self.error()
        return super().forward(x.flatten(1))


def of_a_gpu():
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")


def of_an_apple_gpu():
    raise RuntimeError("MPS backend out of memory (MPS allocated: 17 GB)")


def of_this_cpu():
    torch.empty(2**60)


@pytest.mark.parametrize("error", [of_a_gpu, of_an_apple_gpu, of_this_cpu])
@pytest.mark.parametrize(
    ("batch_size", "named"),
    [(8, "batches of 8. Try batch_size=4"), (None, "all .* at once. Give a batch_size")],
)
def test_too_little_memory(error, batch_size, named):
    with pytest.raises(TrainingError, match=f"The memory does not suffice for {named}"):
        fit(**with_model(NeedsMuch(error), batch_size=batch_size))


def test_other_errors_stay_what_they_are():
    def fail():
        raise RuntimeError("a mistake of the model's own")

    with pytest.raises(RuntimeError, match="a mistake of the model's own") as caught:
        fit(**with_model(NeedsMuch(fail)))
    assert not isinstance(caught.value, TrainingError)


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (Split(torch.zeros(0, 3), torch.zeros(0, dtype=torch.int64)), "data is empty"),
        (Split(torch.zeros(2, 3), torch.tensor([0, 4])), "data has the label 4, but the model has 4 outputs"),
        (Split(torch.zeros(2, 3), torch.tensor([0.0, 1.0])), "data.labels must be int64"),
        (Split(torch.zeros(2, 5), torch.tensor([0, 1])), "The model cannot take data"),
    ],
    ids=["empty", "label", "dtype", "shape"],
)
def test_what_cannot_be_measured(data, named):
    with pytest.raises(TrainingError, match=named):
        measure(nn.Linear(3, 4), data)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(-3, 8), min_size=1, max_size=6))
def test_data_are_refused_exactly_if_a_label_is_no_class(labels):
    model = nn.Linear(3, 5)
    data = Split(torch.zeros(len(labels), 3), torch.tensor(labels))
    if set(labels) <= set(range(5)):
        fit(model, data, epochs=1, optimizer=sgd(model), generator=generator())
    else:
        with pytest.raises(TrainingError, match="has the label"):
            fit(model, data, epochs=1, optimizer=sgd(model), generator=generator())
