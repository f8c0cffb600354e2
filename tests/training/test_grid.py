"""A grid of networks trained at once, against each trained alone by the plain loop."""

import math

import pytest
import torch

from course_utils.training import grid
from course_utils.training.grid import Setting, train_grid, train_one
from course_utils.training.loop import History

# sizes, rates, starts, seeds and batch sizes all differ; 60 points make the last batch of 16 a smaller one
SETTINGS = [
    Setting(learning_rate=0.1, hidden=4, seed=0),
    Setting(learning_rate=0.3, hidden=9, seed=1),
    Setting(learning_rate=0.05, hidden=1, weight_sd=1.0, seed=2, batch_size=16),
    Setting(learning_rate=0.2, hidden=6, weight_sd=0.1, seed=2, batch_size=16),
    Setting(learning_rate=0.1, hidden=3, seed=3, batch_size=7),
]


def data(dtype=torch.float64, classes=2):
    x = torch.randn(100, 2, generator=torch.Generator().manual_seed(0), dtype=dtype)
    labels = (x.norm(dim=1) * classes / 2.5).long().clamp(max=classes - 1)
    return x[:60], labels[:60], x[60:], labels[60:]


def curves(run):
    return torch.tensor([run.train_loss, run.train_accuracy, run.test_loss, run.test_accuracy])


@pytest.mark.parametrize("classes", [2, 3])
def test_in_float64_each_network_ends_where_it_would_have_ended_alone(classes):
    together = train_grid(SETTINGS, *data(classes=classes), epochs=40)
    for setting, run in zip(SETTINGS, together, strict=True):
        alone = train_one(setting, *data(classes=classes), epochs=40)
        assert run.setting == setting
        assert run.epochs == alone.epochs
        torch.testing.assert_close(curves(run), curves(alone), rtol=1e-9, atol=1e-9)
        for name, value in alone.parameters[-1].items():
            torch.testing.assert_close(run.parameters[-1][name], value, rtol=1e-9, atol=1e-9)


def test_in_float32_they_agree_to_four_digits():
    together = train_grid(SETTINGS, *data(torch.float32), epochs=40)
    for setting, run in zip(SETTINGS, together, strict=True):
        alone = train_one(setting, *data(torch.float32), epochs=40)
        torch.testing.assert_close(
            torch.tensor(run.train_loss), torch.tensor(alone.train_loss), rtol=1e-4, atol=1e-5
        )


def test_a_network_does_not_depend_on_its_neighbours():
    alone = train_grid([SETTINGS[0]], *data(), epochs=10)[0]
    beside_a_wide_one = train_grid([SETTINGS[0], SETTINGS[1]], *data(), epochs=10)[0]
    torch.testing.assert_close(curves(alone), curves(beside_a_wide_one), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("batch_size", [None, 16])
def test_a_diverged_network_is_flagged_and_leaves_the_others_alone(batch_size):
    wild = Setting(learning_rate=1e38, hidden=9, batch_size=batch_size)
    tame = Setting(learning_rate=0.1, hidden=4, batch_size=batch_size)
    lost, fine = train_grid([wild, tame], *data(torch.float32), epochs=10)
    alone = train_one(tame, *data(torch.float32), epochs=10)
    assert lost.diverged
    assert not math.isfinite(lost.train_loss[-1])
    assert math.isnan(lost.train_accuracy[-1])
    assert not fine.diverged
    assert fine.test_accuracy == alone.test_accuracy


def test_the_plain_loop_flags_a_diverged_network_too():
    run = train_one(Setting(learning_rate=1e38, hidden=9), *data(torch.float32), epochs=10)
    assert run.diverged


def test_networks_of_one_seed_see_the_same_batches_whatever_their_width(monkeypatch):
    # a wider network draws more numbers for its start; the order must not come from the same stream
    orders = []

    def record_order(*_args, generator, **_options):
        orders.append(torch.randperm(60, generator=generator))
        return History()

    monkeypatch.setattr(grid, "fit", record_order)
    for hidden in (1, 8):
        train_one(Setting(learning_rate=0.1, hidden=hidden, seed=4, batch_size=7), *data(), epochs=1)
    assert torch.equal(*orders)


def test_snapshots_rebuild_the_network_of_every_recorded_epoch():
    x_train, labels_train, x_test, labels_test = data()
    runs = train_grid(
        SETTINGS, x_train, labels_train, x_test, labels_test, epochs=7, record_every=3, snapshots=True
    )
    for run in runs:
        assert run.epochs == [0, 3, 6, 7]
        assert len(run.parameters) == 4
        for record in range(4):
            logits = run.network(record)(x_test)
            loss = torch.nn.functional.cross_entropy(logits, labels_test).item()
            assert math.isclose(loss, run.test_loss[record], rel_tol=1e-9)
            assert run.network(record)[0].out_features == run.setting.hidden


def test_without_snapshots_only_the_last_parameters_are_kept():
    run = train_grid(SETTINGS[:1], *data(), epochs=4)[0]
    assert len(run.parameters) == 1


def test_progress_counts_to_the_end_over_all_batch_sizes():
    seen = []
    train_grid(SETTINGS, *data(), epochs=2, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(done, 6) for done in range(1, 7)]


def test_the_number_of_threads_is_as_before():
    before = torch.get_num_threads()
    train_grid(SETTINGS[:1], *data(), epochs=1)
    assert torch.get_num_threads() == before


def test_an_empty_grid_gives_no_runs():
    assert train_grid([], *data(), epochs=3) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"learning_rate": 0.0}, "learning_rate is 0.0"),
        ({"learning_rate": math.nan}, "learning_rate is nan"),
        ({"hidden": 0}, "hidden is 0"),
        ({"weight_sd": -1.0}, "weight_sd is -1.0"),
        ({"batch_size": 0}, "batch_size is 0"),
    ],
)
def test_an_impossible_setting_is_refused_by_name(change, message):
    with pytest.raises(ValueError, match=message):
        Setting(**{"learning_rate": 0.1, "hidden": 4, **change})


def test_data_that_do_not_fit_are_refused_by_name():
    x_train, labels_train, x_test, labels_test = data()
    with pytest.raises(ValueError, match="x_train must be a floating-point tensor"):
        train_grid(SETTINGS, x_train.long(), labels_train, x_test, labels_test, epochs=1)
    with pytest.raises(ValueError, match="labels_test must be int64"):
        train_grid(SETTINGS, x_train, labels_train, x_test, labels_test[:-1], epochs=1)
    with pytest.raises(ValueError, match="labels_train must be int64"):
        train_grid(SETTINGS, x_train, labels_train.double(), x_test, labels_test, epochs=1)
    with pytest.raises(ValueError, match="x_train is empty"):
        train_grid(SETTINGS, x_train[:0], labels_train[:0], x_test, labels_test, epochs=1)
    with pytest.raises(ValueError, match="classes count from 0"):
        train_grid(SETTINGS, x_train, labels_train - 1, x_test, labels_test, epochs=1)
    with pytest.raises(ValueError, match="x_train has 2 features but x_test has 1"):
        train_grid(SETTINGS, x_train, labels_train, x_test[:, :1], labels_test, epochs=1)
    with pytest.raises(ValueError, match="record_every 0"):
        train_grid(SETTINGS, x_train, labels_train, x_test, labels_test, epochs=1, record_every=0)
