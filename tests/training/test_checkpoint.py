"""Interrupted and resumed is never interrupted, bit for bit; what is no checkpoint harms nothing."""

import os
import pickle
import re
import time
from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_training import EPOCHS, STEPS, everything_of, generator, images, same, small_training
from torch import nn
from torch.nn import functional as F

from course_utils.training import checkpoint
from course_utils.training.errors import TrainingError
from course_utils.training.loop import fit


class Interrupted(Exception):
    pass


def interrupt_at(place):
    """Return a callback that ends everything after so many steps in all."""

    def callback(training):
        if training.epoch * training.steps + training.step == place:
            raise Interrupted

    return callback


def interrupted(path, places, **changes):
    """Train with interruptions; the process's generators are elsewhere each time."""
    for number, place in enumerate(places):
        torch.manual_seed(number)
        with pytest.raises(Interrupted):
            fit(**small_training(**changes), checkpoint=path, callbacks=[interrupt_at(place)])
    arguments = small_training(**changes)
    return everything_of(arguments, fit(**arguments, checkpoint=path))


@cache
def uninterrupted(**changes):
    arguments = small_training(**changes)
    return everything_of(arguments, fit(**arguments))


anything = given(
    places=st.lists(st.integers(1, EPOCHS * STEPS), min_size=1, max_size=2, unique=True).map(sorted),
    every=st.sampled_from([None, 1, 2, 4, 5]),
    changes=st.fixed_dictionaries(
        {
            "precision": st.sampled_from(["float32", "bfloat16"]),
            "train_metrics": st.sampled_from(["running", "measured"]),
            "optimizer": st.sampled_from(["momentum", "adam", "muon"]),
        }
    ),
)


@settings(deadline=None, max_examples=6)
@anything
def test_resumed_at_any_step_is_never_interrupted(tmp_path_factory, places, every, changes):
    path = tmp_path_factory.mktemp("checkpoint") / "training.pt"
    resumed = interrupted(path, places, checkpoint_every=every, **changes)
    assert same(resumed, uninterrupted(**changes))


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@anything
def test_resumed_at_any_of_many_steps_is_never_interrupted(tmp_path_factory, places, every, changes):
    path = tmp_path_factory.mktemp("checkpoint") / "training.pt"
    resumed = interrupted(path, places, checkpoint_every=every, **changes)
    assert same(resumed, uninterrupted(**changes))


def steep_loss(logits, labels):
    """Overflow 16 bits in the first steps, so that they are left out and the loss is scaled less."""
    return 100 * F.cross_entropy(logits, labels)


@pytest.mark.filterwarnings("error:Detected call of `lr_scheduler.step")  # none for steps left out
@pytest.mark.parametrize(
    "changes",
    [
        {"precision": "float16", "loss_function": steep_loss},
        {"channels_last": False},
        {"record_every": 2},
        {"schedule": False, "batch_size": None},
        {"schedule": False, "optimizer": "adam"},
        {"schedule": False, "optimizer": "muon", "precision": "bfloat16"},
    ],
    ids=lambda changes: ", ".join(changes),
)
def test_resumed_is_never_interrupted_also_with(tmp_path, changes):
    last = EPOCHS * (STEPS if changes.get("batch_size", 8) else 1)
    resumed = interrupted(tmp_path / "c", [last - 1], checkpoint_every=2, **changes)
    assert same(resumed, uninterrupted(**changes))


def schedules():
    of = torch.optim.lr_scheduler
    return {
        "StepLR": lambda o: of.StepLR(o, 2),
        "MultiStepLR": lambda o: of.MultiStepLR(o, [2, 5]),
        "LambdaLR": lambda o: of.LambdaLR(o, lambda step: 1 / (1 + step)),
        "CosineAnnealingLR": lambda o: of.CosineAnnealingLR(o, 9),
        "CosineAnnealingWarmRestarts": lambda o: of.CosineAnnealingWarmRestarts(o, 4),
        "CyclicLR": lambda o: of.CyclicLR(o, 0.01, 0.1, step_size_up=2),
        "warm-up, then cosine": lambda o: of.SequentialLR(
            o, [of.LinearLR(o, 0.1, total_iters=3), of.CosineAnnealingLR(o, 6)], [3]
        ),
    }


@pytest.mark.parametrize("name", schedules())
def test_every_schedule_of_pytorch_goes_on_where_it_stood(tmp_path, name):
    def arguments():
        made = small_training(schedule=False)
        return made | {"schedule": schedules()[name](made["optimizer"])}

    whole = arguments()
    expected = everything_of(whole, fit(**whole))
    with pytest.raises(Interrupted):
        fit(**arguments(), checkpoint=tmp_path / "c", checkpoint_every=1, callbacks=[interrupt_at(5)])
    again = arguments()
    assert same(everything_of(again, fit(**again, checkpoint=tmp_path / "c")), expected)


def test_a_learning_rate_from_numpy_can_be_resumed(tmp_path):
    def arguments():
        made = small_training(schedule=False)
        optimizer = torch.optim.SGD(made["model"].parameters(), lr=np.float64(0.05), momentum=np.float32(0.9))
        return made | {"optimizer": optimizer}

    fit(**arguments() | {"epochs": 1}, checkpoint=tmp_path / "c")
    again, whole = arguments(), arguments()
    resumed = fit(**again, checkpoint=tmp_path / "c")
    assert resumed == fit(**whole)
    assert same(again["model"].state_dict(), whole["model"].state_dict())


def test_the_same_call_again_does_nothing_more(tmp_path):
    first = fit(**small_training(), checkpoint=tmp_path / "c")
    steps = []
    arguments = small_training(callbacks=[lambda training: steps.append(training.step)])
    assert fit(**arguments, checkpoint=tmp_path / "c") == first
    assert steps == []
    assert same(everything_of(arguments, first), uninterrupted())


def test_a_training_that_was_stopped_stays_stopped(tmp_path):
    def stop(training):
        training.stop = training.epoch == 1

    def arguments(**changes):
        return small_training(callbacks=[stop], checkpoint_every=1000, record_every=2, **changes)

    first = fit(**arguments(), checkpoint=tmp_path / "c")
    assert first.epochs == [1], "the last epoch is measured, whoever ended the training"
    assert fit(**arguments(), checkpoint=tmp_path / "c") == first


def test_a_training_stopped_in_an_epoch_and_interrupted_in_it_still_ends_that_epoch(tmp_path):
    def stop(training):
        training.stop = training.stop or (training.epoch, training.step) == (1, 1)

    whole = small_training(callbacks=[stop])
    expected = everything_of(whole, fit(**whole))
    with pytest.raises(Interrupted):
        fit(
            **small_training(callbacks=[stop, interrupt_at(STEPS + 2)]),
            checkpoint=tmp_path / "c",
            checkpoint_every=1,
        )
    again = small_training(callbacks=[stop])
    history = fit(**again, checkpoint=tmp_path / "c")
    assert history.epochs == [1, 2]
    assert same(everything_of(again, history), expected)


def test_more_epochs_go_on_where_fewer_ended(tmp_path):
    fit(**small_training(schedule=False, epochs=2), checkpoint=tmp_path / "c")
    longer = small_training(schedule=False)
    history = fit(**longer, checkpoint=tmp_path / "c")
    assert same(everything_of(longer, history), uninterrupted(schedule=False))


def test_a_checkpoint_s_folder_is_made(tmp_path):
    fit(**small_training(epochs=1), checkpoint=str(tmp_path / "new" / "folder" / "c"))
    assert (tmp_path / "new" / "folder" / "c").is_file()


def test_a_full_disk_leaves_the_last_checkpoint(tmp_path, monkeypatch):
    def full(_descriptor):
        raise OSError(28, "No space left on device")

    path = tmp_path / "c"
    fit(**small_training(schedule=False, epochs=1), checkpoint=path)
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            fit(**small_training(schedule=False), checkpoint=path)
    arguments = small_training(schedule=False)
    history = fit(**arguments, checkpoint=path)
    assert same(everything_of(arguments, history), uninterrupted(schedule=False))
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_process_left_half_written_is_removed_once_it_is_old(tmp_path):
    path = tmp_path / "model [1].pt"
    old, fresh, another = (
        tmp_path / name
        for name in (".model [1].pt.7-ab.tmp", ".model [1].pt.8-cd.tmp", ".model 1.pt.9-ef.tmp")
    )
    for file in (old, fresh, another):
        file.write_bytes(b"half")
    hour_ago = time.time() - 3600
    os.utime(old, (hour_ago, hour_ago))
    os.utime(another, (hour_ago, hour_ago))
    fit(**small_training(epochs=1), checkpoint=path)
    assert set(tmp_path.iterdir()) == {path, fresh, another}, "another process may be writing the fresh one"


def test_a_schedule_whose_state_cannot_be_read_again_is_refused_at_the_first_writing(tmp_path):
    class Thing:
        pass

    class MySchedule:
        def step(self):
            pass

        def state_dict(self):
            return {"thing": np.random.default_rng(0)}

        def load_state_dict(self, state):
            pass

    arguments = small_training(schedule=False) | {"schedule": MySchedule()}
    with pytest.raises(TrainingError, match="A checkpoint cannot hold numpy"):
        fit(**arguments, checkpoint=tmp_path / "c")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Return the bytes of a checkpoint in the middle of an epoch."""
    path = tmp_path_factory.mktemp("written") / "c"
    with pytest.raises(Interrupted):
        fit(**small_training(), checkpoint=path, checkpoint_every=1, callbacks=[interrupt_at(6)])
    return path.read_bytes()


def refusal(path, arguments):
    """Return the sentence with which a checkpoint is refused; nothing of the training may have changed."""
    before = pickle.loads(pickle.dumps(everything_of(arguments, checkpoint.History())))
    with pytest.raises(TrainingError) as caught:
        fit(**arguments, checkpoint=path)
    assert same(everything_of(arguments, checkpoint.History()), before)
    assert str(path) in str(caught.value)
    assert "Delete it" in str(caught.value) or "delete this one" in str(caught.value)
    return str(caught.value)


@settings(deadline=None, max_examples=20)
@given(share=st.floats(0, 1, exclude_max=True))
def test_a_file_cut_short_is_refused_in_a_sentence(tmp_path_factory, written, share):
    path = tmp_path_factory.mktemp("cut") / "c"
    path.write_bytes(written[: int(share * len(written))])
    assert "no checkpoint, or a damaged one" in refusal(path, small_training())


@settings(deadline=None, max_examples=40)
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_is_refused_or_changes_nothing(tmp_path_factory, written, place, bit):
    path = tmp_path_factory.mktemp("flipped") / "c"
    damaged = bytearray(written)
    damaged[int(place * len(written))] ^= 1 << bit
    path.write_bytes(damaged)
    arguments = small_training()
    try:
        history = fit(**arguments, checkpoint=path)
    except TrainingError:
        refusal(path, small_training())
    else:  # in the padding between the parts of the file
        assert same(everything_of(arguments, history), uninterrupted())


class Malice:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (os.mkdir, (self.path,))


@pytest.mark.parametrize("form", ["pickle", "torch", "torch, old format", "beside a checkpoint's content"])
def test_code_in_a_file_is_not_run(tmp_path, written, form):
    path, trace = tmp_path / "c", tmp_path / "it ran"
    if form == "pickle":
        path.write_bytes(pickle.dumps(Malice(str(trace))))
    elif form == "beside a checkpoint's content":
        path.write_bytes(written)
        torch.save(torch.load(path, weights_only=True) | {"history": Malice(str(trace))}, path)
    else:
        torch.save(Malice(str(trace)), path, _use_new_zipfile_serialization=form == "torch")
    assert "no checkpoint" in refusal(path, small_training())
    assert not trace.exists()


def test_a_file_of_tensors_that_is_no_checkpoint_is_refused(tmp_path):
    torch.save(nn.Linear(2, 2).state_dict(), tmp_path / "c")
    assert "not a checkpoint of this version" in refusal(tmp_path / "c", small_training())


def flat(arguments):
    model = nn.Sequential(nn.Flatten(), nn.Linear(192, 4))
    return arguments | {"model": model, "optimizer": torch.optim.SGD(model.parameters(), lr=0.004)}


def with_cosine(arguments):
    optimizer = torch.optim.SGD(arguments["model"].parameters(), lr=0.004)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS * STEPS)
    return arguments | {"optimizer": optimizer, "schedule": schedule}


def two_groups(arguments):
    groups = [{"params": [each]} for each in arguments["model"].parameters()]
    return arguments | {"optimizer": torch.optim.SGD(groups, lr=0.05)}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (
            lambda: flat(small_training(schedule=False)),
            "of another model: 0.weight is .* there and absent here",
        ),
        (lambda: small_training(hidden=17), r"of another model: 9.weight is \(16, 32\) torch.float32 there"),
        (lambda: small_training(optimizer="adam"), "optimizer is SGD there and AdamW here"),
        (lambda: two_groups(small_training(schedule=False)), "parameters in each group"),
        (lambda: with_cosine(small_training(schedule=False)), "schedule is OneCycleLR there and Cosine"),
        (lambda: small_training(epochs=4), r"schedule is \[9, None\] there and \[12, None\] here"),
        (lambda: small_training(batch_size=4), "length of the schedule"),
        (lambda: small_training(train=images(23, seed=1)), "number of examples is 22 there and 23 here"),
        (lambda: small_training(precision="float16"), "float16 is False there and True here"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_another_training_s_checkpoint_is_refused_and_named(tmp_path, written, change, named):
    path = tmp_path / "c"
    path.write_bytes(written)
    assert re.search(named, refusal(path, change()))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"batch_size": 4}, "batch_size is 8 there and 4 here"),
        ({"lr": 0.01}, r"learning rate at the start is \[0.05\] there and \[0.01\] here"),
        ({"momentum": 0.5}, r"momentum at the start is \[0.9\] there and \[0.5\] here"),
        ({"weight_decay": 0.1}, r"weight decay at the start is \[0.001\] there and \[0.1\] here"),
        ({"generator": generator(6)}, "seed of the generator is 5 there and 6 here"),
        ({"epochs": 1}, "after 2 epochs, but epochs is 1"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_changed_settings_are_not_silently_passed_over(tmp_path, change, named):
    path = tmp_path / "c"
    fit(**small_training(schedule=False, epochs=2), checkpoint=path)
    arguments = small_training(schedule=False)
    of_optimizer = {"lr": 0.05, "momentum": 0.9, "weight_decay": 1e-3}
    if change.keys() <= of_optimizer.keys():
        parameters = arguments["model"].parameters()
        change = {"optimizer": torch.optim.SGD(parameters, **of_optimizer | change)}
    arguments |= change
    with pytest.raises(TrainingError, match=named):
        fit(**arguments, checkpoint=path)


def test_weights_in_another_layout_in_memory_are_the_same_model(tmp_path):
    fit(**small_training(schedule=False, epochs=2, channels_last=False), checkpoint=tmp_path / "c")
    history = fit(**small_training(schedule=False, channels_last=True), checkpoint=tmp_path / "c")
    assert history.epochs == [1, 2, 3]


def test_the_generator_goes_on_as_after_a_training_never_interrupted(tmp_path):
    resumed = interrupted(tmp_path / "c", [4], checkpoint_every=1)
    after = generator()
    after.set_state(resumed["generator"])
    expected = generator()
    expected.set_state(uninterrupted()["generator"])
    assert torch.equal(torch.rand(3, generator=after), torch.rand(3, generator=expected))
