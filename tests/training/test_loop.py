"""The training loop against steps written out, and its measurements against scikit-learn."""

import math

import pytest
import torch
from sklearn.metrics import accuracy_score, log_loss
from small_training import everything_of, generator, same, small_training
from torch import nn
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from tqdm.auto import tqdm

from course_utils.data import Split
from course_utils.training.loop import fit, measure


@pytest.fixture
def problem():
    x = torch.randn(23, 3, generator=generator(1), dtype=torch.float64)
    labels = torch.randint(0, 4, (23,), generator=generator(2))
    torch.manual_seed(0)
    return nn.Linear(3, 4).double(), x, labels


def test_measures_weigh_every_example_alike_whatever_the_batches(problem):
    model, x, labels = problem
    probabilities = torch.softmax(model(x), dim=1).detach().numpy()
    loss, accuracy = measure(model, Split(x, labels), batch_size=10)
    assert math.isclose(loss, log_loss(labels, probabilities, labels=range(4)), rel_tol=1e-12)
    assert accuracy == accuracy_score(labels, probabilities.argmax(axis=1))


def test_measuring_leaves_the_model_in_training_mode(problem):
    model, x, labels = problem
    model.train()
    measure(model, Split(x, labels))
    assert model.training


def test_an_epoch_is_one_step_per_shuffled_batch_the_last_one_smaller(problem):
    model, x, labels = problem
    by_hand = nn.Linear(3, 4).double()
    by_hand.load_state_dict(model.state_dict())
    order = torch.randperm(23, generator=generator(7))
    for batch in (order[:10], order[10:20], order[20:]):
        loss = F.cross_entropy(by_hand(x[batch]), labels[batch])
        gradients = torch.autograd.grad(loss, list(by_hand.parameters()))
        with torch.no_grad():
            for parameter, gradient in zip(by_hand.parameters(), gradients, strict=True):
                parameter -= 0.1 * gradient

    sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    fit(model, Split(x, labels), optimizer=sgd, epochs=1, batch_size=10, generator=generator(7))
    torch.testing.assert_close(model.weight, by_hand.weight, rtol=1e-12, atol=1e-12)


def test_the_start_every_second_and_the_last_epoch_are_recorded(problem):
    model, x, labels = problem
    sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    history = fit(
        model,
        Split(x, labels),
        Split(x, labels),
        optimizer=sgd,
        epochs=5,
        batch_size=None,
        generator=generator(),
        record_every=2,
        train_metrics="measured",
    )
    assert history.epochs == [0, 2, 4, 5]
    assert history.test_loss[-1] < history.test_loss[0]
    assert history.train_loss[-1] == measure(model, Split(x, labels))[0]


def test_running_measures_weigh_every_example_of_the_epoch_alike(problem):
    model, x, labels = problem
    seen = []

    def loss_function(logits, batch_labels):
        seen.append((torch.softmax(logits, dim=1).detach(), batch_labels))
        return F.cross_entropy(logits, batch_labels)

    sgd = torch.optim.SGD(model.parameters(), lr=0.5)
    history = fit(
        model,
        Split(x, labels),
        optimizer=sgd,
        epochs=2,
        batch_size=10,
        generator=generator(),
        loss_function=loss_function,
    )
    assert history.epochs == [1, 2], "before the first step nothing has run"
    for epoch in (0, 1):
        steps = seen[3 * epoch : 3 * epoch + 3]
        assert [len(batch_labels) for _, batch_labels in steps] == [10, 10, 3]
        probabilities, true = (torch.cat(parts).numpy() for parts in zip(*steps, strict=True))
        expected = log_loss(true, probabilities, labels=range(4))
        assert math.isclose(history.train_loss[epoch], expected, rel_tol=1e-12)
        assert history.train_accuracy[epoch] == accuracy_score(true, probabilities.argmax(axis=1))


def test_running_measures_cover_all_epochs_since_the_last_record(problem):
    model, x, labels = problem
    losses = []

    def loss_function(logits, batch_labels):
        loss = F.cross_entropy(logits, batch_labels)
        losses.append(loss.item() * len(batch_labels))
        return loss

    history = fit(
        model,
        Split(x, labels),
        optimizer=torch.optim.SGD(model.parameters(), lr=0.5),
        epochs=5,
        batch_size=10,
        generator=generator(),
        loss_function=loss_function,
        record_every=2,
    )
    assert history.epochs == [2, 4, 5]
    for loss, steps in zip(history.train_loss, (losses[:6], losses[6:12], losses[12:]), strict=True):
        assert math.isclose(loss, sum(steps) / (23 * len(steps) / 3), rel_tol=1e-12)


def test_measured_measures_are_those_of_the_model_after_the_epoch_in_evaluation_mode():
    arguments = small_training(epochs=2, train_metrics="measured", batch_size=8)
    history = fit(**arguments)
    model, train, test = arguments["model"].eval(), arguments["train"], arguments["test"]
    for part, loss, accuracy in (
        (train, history.train_loss[-1], history.train_accuracy[-1]),
        (test, history.test_loss[-1], history.test_accuracy[-1]),
    ):
        with torch.no_grad():
            probabilities = torch.softmax(model(part.images.float() / 255).double(), dim=1).numpy()
        assert math.isclose(loss, log_loss(part.labels, probabilities, labels=range(4)), rel_tol=1e-5)
        assert accuracy == accuracy_score(part.labels, probabilities.argmax(axis=1))


@pytest.mark.parametrize("training", [True, False])
def test_measuring_leaves_the_mode_and_the_statistics_of_batch_norm(training):
    arguments = small_training()
    model = arguments["model"].train(training)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    measure(model, arguments["test"])
    assert model.training == training
    assert same(model.state_dict(), before)


def test_measuring_leaves_each_part_of_the_model_in_its_own_mode_also_after_an_error():
    model = nn.Sequential(nn.BatchNorm1d(3), nn.Dropout(), nn.Linear(3, 4))
    model[0].eval()
    expected = [True, False, True, True]
    data = Split(torch.zeros(5, 3), torch.zeros(5, dtype=torch.int64))
    measure(model, data)
    assert [module.training for module in model.modules()] == expected

    def fail(images):
        if len(images) > 2:  # two are what is tried first
            raise RuntimeError("no such images")
        return images

    with pytest.raises(RuntimeError, match="no such images"):
        measure(model, data, preprocess=fail)
    assert [module.training for module in model.modules()] == expected


def test_a_model_without_parameters_can_be_measured():
    scores = torch.eye(3)[[0, 2, 2, 1]]
    assert measure(nn.Identity(), Split(scores, torch.tensor([0, 2, 2, 2])))[1] == 0.75


def test_without_test_data_its_measures_are_nan(problem):
    model, x, labels = problem
    sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    history = fit(model, Split(x, labels), optimizer=sgd, epochs=1, generator=generator())
    assert math.isnan(history.test_loss[0])
    assert math.isnan(history.test_accuracy[0])


class Reads(TorchDispatchMode):
    """Counts what waits for a GPU: numbers read from tensors, results whose size depends on the data."""

    WAITING = ("_local_scalar_dense", "nonzero", "masked_select", "is_nonzero", "equal", "_unique2")

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.count += function.overloadpacket.__name__ in self.WAITING
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_no_step_waits_for_the_device(precision):
    def reads(batch_size):
        arguments = small_training(batch_size=batch_size, precision=precision)
        with Reads() as mode:
            fit(**arguments)
        return mode.count

    assert reads(batch_size=2) == reads(batch_size=11) > 0


def test_the_order_of_the_examples_is_the_generator_s_permutation_of_each_epoch():
    x = torch.arange(23.0)[:, None]
    seen = []

    def augment(batch, draws):  # noqa: ARG001 (the order must not depend on it)
        seen.append(batch[:, 0].long())
        return batch

    model = nn.Linear(1, 2)
    sgd = torch.optim.SGD(model.parameters(), lr=0.0)
    labels = torch.zeros(23, dtype=torch.int64)
    fit(
        model,
        Split(x, labels),
        optimizer=sgd,
        epochs=2,
        batch_size=7,
        generator=generator(3),
        augment=augment,
    )
    same_generator = generator(3)
    expected = [torch.randperm(23, generator=same_generator) for _ in range(2)]
    assert torch.equal(torch.cat(seen), torch.cat(expected))


def test_all_at_once_is_not_shuffled_and_leaves_the_generator(problem):
    model, x, labels = problem
    seen = []
    draw = generator(3)
    fit(
        model,
        Split(x, labels),
        optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
        epochs=1,
        batch_size=None,
        generator=draw,
        augment=lambda batch, _: seen.append(batch) or batch,
    )
    assert torch.equal(seen[0], x)
    assert torch.equal(draw.get_state(), generator(3).get_state())


def test_the_same_seed_has_the_same_result_whatever_the_global_generator():
    results = []
    for number in (1, 2):
        torch.manual_seed(number)
        arguments = small_training()
        history = fit(**arguments)
        results.append(everything_of(arguments, history))
    assert same(*results)


def test_the_global_generator_stays_where_it_was_even_after_an_error():
    def fail(_training):
        raise RuntimeError("something else")

    arguments, failing = small_training(), small_training(callbacks=[fail])
    before = torch.get_rng_state()
    fit(**arguments)
    assert torch.equal(torch.get_rng_state(), before)
    with pytest.raises(RuntimeError, match="something else"):
        fit(**failing)
    assert torch.equal(torch.get_rng_state(), before)


def dropped(seed, epochs=1):
    """Return which units dropout dropped in each step."""
    masks = []
    model = nn.Sequential(nn.Dropout(0.5), nn.Linear(40, 2))
    model[0].register_forward_hook(lambda module, _, y: masks.append(y == 0) if module.training else None)
    fit(
        model,
        Split(torch.ones(6, 40), torch.zeros(6, dtype=torch.int64)),
        optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
        epochs=epochs,
        batch_size=3,
        generator=generator(seed),
    )
    return torch.cat(masks)


def test_dropout_is_decided_by_the_seed_and_different_in_every_step():
    assert torch.equal(dropped(0), dropped(0))
    assert not torch.equal(dropped(0), dropped(1))
    assert len(torch.unique(dropped(0, epochs=2), dim=0)) == 12


def augmentation_draws(dropout):
    """Return what `augment` draws in three steps, beside a layer that draws as well."""
    draws = []
    model = nn.Sequential(nn.Flatten(), nn.Dropout(dropout), nn.Linear(192, 4))
    arguments = small_training(
        model=model,
        schedule=False,
        augment=lambda batch, g: draws.append(torch.rand(4, generator=g)) or batch,
        epochs=1,
    )
    fit(**arguments)
    return torch.stack(draws)


def test_augmentation_draws_anew_in_every_step_from_a_stream_of_its_own():
    draws = augmentation_draws(dropout=0.5)
    assert len(torch.unique(draws, dim=0)) == 3
    assert torch.equal(draws, augmentation_draws(dropout=0.0)), "dropout must not decide about images"
    assert not torch.equal(draws[0], torch.rand(4, generator=generator(5))), "nor the order of the examples"


def test_callbacks_see_every_step_and_at_the_end_of_an_epoch_its_measures():
    seen = []

    def look(training):
        seen.append((training.epoch, training.step, list(training.history.epochs)))

    fit(**small_training(callbacks=[look], epochs=2))
    assert seen == [(0, 1, []), (0, 2, []), (1, 0, [1]), (1, 1, [1]), (1, 2, [1]), (2, 0, [1, 2])]


def test_a_callback_sees_the_model_after_the_step_in_training_mode():
    weights, modes = [], []

    def look(training):
        weights.append(training.model[0].weight.detach().clone())
        modes.append(training.model.training)

    fit(**small_training(callbacks=[look], epochs=1, test=None))
    assert not torch.equal(weights[0], weights[1])
    assert all(modes)


@pytest.mark.parametrize(("epoch", "step"), [(1, 2), (2, 0)])
def test_a_callback_may_end_the_training_after_the_present_epoch(epoch, step):
    steps = []

    def stop(training):
        steps.append(training.step)
        training.stop = training.stop or (training.epoch, training.step) == (epoch, step)

    history = fit(**small_training(callbacks=[stop], epochs=9, record_every=5))
    assert len(steps) == 6
    assert history.epochs == [2], "the last epoch is measured, though it is none of the fifth ones"


def test_the_schedule_is_moved_on_after_every_step_as_pytorch_does_it():
    rates = []
    arguments = small_training(
        callbacks=[lambda training: rates.append(training.optimizer.param_groups[0]["lr"])], epochs=2
    )
    fit(**arguments)
    alone = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.05, momentum=0.9)
    schedule = torch.optim.lr_scheduler.OneCycleLR(alone, 0.1, total_steps=6)
    for rate in rates:
        alone.step()
        schedule.step()
        assert rate == schedule.get_last_lr()[0]
    assert len(set(rates)) == 6


def test_augmentation_changes_training_images_only_and_preprocessing_all():
    augmented, preprocessed = [], []

    def augment(batch, _draws):
        augmented.append(batch)
        return torch.full_like(batch, 7)

    def preprocess(batch):
        preprocessed.append(batch)
        return batch.float() / 255

    arguments = small_training(augment=augment, preprocess=preprocess, epochs=1)
    test = arguments["test"]
    fit(**arguments)
    assert [len(batch) for batch in augmented] == [8, 8, 6]
    trained, measured = preprocessed[2:-1], preprocessed[-1]  # the first two: the look before the start
    assert all((batch == 7).all() for batch in trained)
    assert torch.equal(measured, test.images)


def test_preprocessing_is_computed_in_32_bits_also_where_the_network_is_not():
    inputs = []

    def preprocess(batch):
        flat = batch.flatten(1).float() / 255
        inputs.append(flat @ torch.eye(flat.shape[1]))
        return inputs[-1].reshape(batch.shape)

    fit(**small_training(preprocess=preprocess, precision="bfloat16", epochs=1))
    assert {x.dtype for x in inputs} == {torch.float32}


def test_the_data_given_stay_as_they_are():
    arguments = small_training()
    copies = [part.images.clone() for part in (arguments["train"], arguments["test"])]
    fit(**arguments)
    assert same([arguments["train"].images, arguments["test"].images], copies)


def test_compiled_is_the_same_training(monkeypatch):
    compiled = []
    monkeypatch.setattr(torch, "compile", lambda model: compiled.append(model) or model)
    arguments = small_training()
    history = fit(**arguments, compile=True)
    assert compiled == [arguments["model"]]
    assert history == fit(**small_training())


def test_no_epochs_change_nothing():
    arguments = small_training(schedule=False, epochs=0, train_metrics="measured")
    before = {name: value.clone() for name, value in arguments["model"].state_dict().items()}
    assert fit(**arguments).epochs == [0]
    assert same(arguments["model"].state_dict(), before)


def test_a_bar_shows_epochs_and_accuracy_where_it_is_wanted(capsys):
    fit(**small_training(), progress=True)
    shown = capsys.readouterr().err
    assert "9/9" in shown
    assert "epoch 2 of 3" in shown
    fit(**small_training())
    assert capsys.readouterr().err == ""


def test_a_bar_says_nothing_of_test_data_that_are_not_there(capsys):
    fit(**small_training(test=None), progress=True)
    shown = capsys.readouterr().err
    assert "(training)" in shown
    assert "(test)" not in shown
    assert "nan" not in shown


def test_the_time_left_is_judged_by_the_steps_that_were_taken_since_a_checkpoint(tmp_path, monkeypatch):
    fit(**small_training(schedule=False, epochs=2), checkpoint=tmp_path / "c")
    bars = set()

    class Bar(tqdm):
        def close(self):
            bars.add((self.initial, self.n, self.total))
            super().close()

    monkeypatch.setattr("tqdm.auto.tqdm", Bar)
    fit(**small_training(schedule=False, epochs=3), checkpoint=tmp_path / "c", progress=True)
    assert bars == {(6, 9, 9)}
