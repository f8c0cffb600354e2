"""The parts of a training's state that its loop does not show; and randomness on a GPU that is not there."""

from contextlib import contextmanager
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_training import generator, small_training
from torch import nn

from course_utils.training.history import History
from course_utils.training.state import Training, own_randomness, sum_dtype


def training(*, examples=10, batch_size=4, epochs=3, rate=0.1):
    model = nn.Linear(2, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    scaler = torch.amp.GradScaler("cpu", enabled=False)
    return Training(model, optimizer, None, scaler, generator(), examples, batch_size, epochs)


def take(training, steps):
    """Count so many steps, as the loop does after each."""
    for rows in training.batches():
        if steps == 0:
            break
        training.count(torch.zeros(()), torch.zeros(len(rows), 2), torch.zeros(len(rows), dtype=torch.int64))
        steps -= 1


@settings(deadline=None, max_examples=50)
@given(examples=st.integers(1, 50), batch_size=st.one_of(st.none(), st.integers(1, 60)))
def test_an_epoch_has_every_example_once_in_batches_of_the_size_but_the_last(examples, batch_size):
    batches = list(training(examples=examples, batch_size=batch_size).batches())
    assert sorted(torch.cat(batches).tolist()) == list(range(examples))
    assert len(batches) == training(examples=examples, batch_size=batch_size).steps
    assert {len(batch) for batch in batches[:-1]} <= {batch_size}
    assert 1 <= len(batches[-1]) <= (batch_size or examples)


def test_the_rest_of_an_epoch_is_what_was_left_of_it():
    one, other = training(), training()
    whole = list(one.batches())
    take(other, 2)
    assert other.step == 2
    assert [rows.tolist() for rows in other.batches()] == [rows.tolist() for rows in whole[2:]]


@pytest.mark.parametrize(
    ("every", "due"),
    [
        (None, [(1, 0), (2, 0), (3, 0)]),
        (2, [(0, 2), (1, 1), (2, 0), (2, 2), (3, 0)]),
        (10**9, [(3, 0)]),
    ],
)
def test_a_checkpoint_is_due_after_every_epoch_or_so_many_steps_and_at_the_end(every, due):
    place = training()
    found = []
    for epoch in range(4):
        for step in range(3):
            place.epoch, place.step = epoch, step
            if (0, 0) < (epoch, step) <= (3, 0) and place.is_due(every):
                found.append((epoch, step))
    assert found == due


def test_a_checkpoint_is_due_when_the_training_was_ended():
    place = training()
    place.epoch, place.step, place.stop = 1, 0, True
    assert place.is_due(10**9)


def test_the_first_learning_rate_is_known_whatever_a_schedule_has_made_of_it():
    arguments = small_training()
    fresh = Training(
        arguments["model"],
        arguments["optimizer"],
        arguments["schedule"],
        torch.amp.GradScaler("cpu", enabled=False),
        generator(),
        22,
        8,
        3,
    )
    before = fresh.at_start["learning rate"]
    for _ in range(4):
        arguments["optimizer"].step()
        arguments["schedule"].step()
    used = Training(*(getattr(fresh, name) for name in (
        "model", "optimizer", "schedule", "scaler", "generator", "examples", "batch_size", "epochs",
    )))  # fmt: skip
    assert arguments["optimizer"].param_groups[0]["lr"] != before[0]
    assert used.at_start["learning rate"] == before


def test_losses_are_added_up_in_64_bits_where_the_device_has_them():
    assert sum_dtype(torch.device("cpu")) == sum_dtype(torch.device("cuda")) == torch.float64
    assert sum_dtype(torch.device("mps")) == torch.float32


@pytest.mark.parametrize("kind", ["cuda:1", "mps:0"])
def test_on_a_gpu_the_model_s_own_gpu_is_seeded_and_put_back(monkeypatch, kind):
    device, happened = torch.device(kind), []

    @contextmanager
    def fork_rng(devices, device_type):
        happened.append(("fork", devices, device_type))
        yield
        happened.append("back")

    def set_rng_state(state, where):
        happened.append(("set", where))
        states.append(state)

    states = []
    cpu_generator = torch.Generator
    monkeypatch.setattr(torch.random, "fork_rng", fork_rng)
    monkeypatch.setattr(torch, "Generator", lambda *_: cpu_generator())
    module = SimpleNamespace(set_rng_state=set_rng_state)
    monkeypatch.setattr(torch, "get_device_module", lambda where: module if where == device else None)
    before = torch.get_rng_state()
    try:
        for seed in (1, 1, 2):
            with own_randomness(device, cpu_generator().manual_seed(seed)):
                pass
    finally:
        torch.set_rng_state(before)
    assert happened == 3 * [("fork", [device], device.type), ("set", device), "back"]
    assert torch.equal(states[0], states[1])
    assert not torch.equal(states[0], states[2])


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_history_with_a_loss_that_is_not_finite_has_diverged(loss):
    history = History()
    history.record(1, 0.5, 0.5, 0.5, 0.5)
    assert not history.diverged
    history.record(2, loss, float("nan"), 0.5, 0.5)
    assert history.diverged
