"""Training until every label is fitted."""

import pytest
import torch
from torch import nn

from course_utils.data import Split
from course_utils.training.fitted import logits_of, predict, until_fitted
from course_utils.training.loop import fit
from course_utils.training.many import Plan, Trial, fit_many
from course_utils.training.state import Training

POINTS = torch.randn(40, 5, generator=torch.Generator().manual_seed(0))
LABELS = torch.randint(3, (40,), generator=torch.Generator().manual_seed(1))
TRAIN = Split(POINTS, LABELS)


def train(callback, *, epochs=400, train=TRAIN, lr=0.2):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 64), nn.ReLU(), nn.Linear(64, 3))
    history = fit(
        model,
        train,
        epochs=epochs,
        optimizer=torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9),
        batch_size=10,
        generator=torch.Generator().manual_seed(0),
        callbacks=[callback],
    )
    return model, history


def test_it_ends_after_the_first_epoch_that_leaves_no_label_unfitted():
    model, history = train(until_fitted(TRAIN))
    fitted = history.measures["fitted"]
    assert fitted[-1] == 1 > max(fitted[:-1])
    assert len(fitted) == len(history.epochs) < 400
    assert history.stopped == f"Every training label was fitted after {len(fitted)} epochs."
    assert torch.equal(model(POINTS).argmax(dim=1), LABELS)


def test_without_enough_epochs_it_says_how_many_labels_are_missing():
    model, history = train(until_fitted(TRAIN), epochs=2)
    missing = int((model(POINTS).argmax(dim=1) != LABELS).sum())
    assert missing > 0
    assert history.stopped == (
        f"{missing} of 40 training labels were not fitted after the last epoch, 2: train longer."
    )


def test_labels_that_contradict_one_another_are_given_up_after_the_patience():
    twice = Split(POINTS[:1].expand(10, 5), torch.arange(10) % 2)  # one point, two labels
    _, history = train(until_fitted(twice, patience=7), train=twice, lr=0.01)
    best = history.measures["fitted"].index(0.5) + 1
    assert len(history.epochs) == best + 7
    assert history.stopped.startswith(f"5 of 10 training labels were not fitted after {best + 7} epochs")


def test_accuracies_of_parts_are_those_of_the_model_after_each_epoch_and_empty_parts_are_left_out():
    first = torch.arange(40) < 10
    by_hand = []

    def note(training: Training) -> None:
        if training.step == 0:
            right = training.model(POINTS).argmax(dim=1) == LABELS
            by_hand.append((right[first].double().mean().item(), right[~first].double().mean().item()))

    look = until_fitted(TRAIN, parts={"a": first, "b": ~first, "none": torch.zeros(40, dtype=torch.bool)})

    def both(training: Training) -> None:
        note(training)
        look(training)

    _, history = train(both, epochs=5)
    assert set(history.measures) == {"fitted", "a", "b"}
    assert list(zip(history.measures["a"], history.measures["b"], strict=True)) == by_hand


@pytest.mark.parametrize("engine", ["sequential", pytest.param("processes", marks=pytest.mark.slow)])
def test_measures_and_the_reason_come_back_from_fit_many_and_from_its_files(tmp_path, engine):
    def plan(_settings, seed):
        torch.manual_seed(seed)
        model = nn.Sequential(nn.Linear(5, 64), nn.ReLU(), nn.Linear(64, 3))
        return Plan(
            model=model,
            train=TRAIN,
            epochs=400,
            batch_size=10,
            optimizer=torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.9),
            generator=torch.Generator().manual_seed(seed),
            callbacks=[until_fitted(TRAIN)],
        )

    made = fit_many(plan, [Trial({}, 0), Trial({}, 1)], engine=engine, folder=tmp_path)
    read = fit_many(plan, [Trial({}, 0), Trial({}, 1)], engine=engine, folder=tmp_path)
    assert made == read
    for result in read:
        assert result.history.measures["fitted"][-1] == 1
        assert result.history.stopped.startswith("Every training label was fitted after ")


def test_a_training_that_was_stopped_keeps_its_reason_when_its_checkpoint_is_read(tmp_path):
    def run():
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(5, 64), nn.ReLU(), nn.Linear(64, 3))
        return fit(
            model,
            TRAIN,
            epochs=400,
            optimizer=torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.9),
            batch_size=10,
            generator=torch.Generator().manual_seed(0),
            callbacks=[until_fitted(TRAIN)],
            checkpoint=tmp_path / "training.pt",
        )

    first, again = run(), run()
    assert (first.epochs, first.measures, first.stopped) == (again.epochs, again.measures, again.stopped)
    assert again.stopped.startswith("Every training label was fitted")


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        ({"few": torch.ones(3, dtype=torch.bool)}, r"parts\['few'\] is torch.bool of shape \(3,\)"),
        ({"rows": torch.arange(40)}, "must be bool"),
        ({"fitted": torch.ones(40, dtype=torch.bool)}, "the name 'fitted' is taken"),
    ],
)
def test_parts_that_are_no_masks_are_refused_in_a_sentence(parts, sentence):
    with pytest.raises(ValueError, match=sentence):
        until_fitted(TRAIN, parts=parts)


def test_logits_are_the_model_s_in_evaluation_mode_which_it_leaves_as_it_was():
    model = nn.Sequential(nn.Linear(5, 3), nn.Dropout(0.5))
    model.train()
    logits = logits_of(model, POINTS, batch_size=7)
    assert torch.allclose(logits, model[0](POINTS), atol=1e-6)
    assert torch.equal(predict(model, POINTS), logits.argmax(dim=1))
    assert model.training
    assert not logits.requires_grad
