"""The training loop against steps written out, and its measurements against scikit-learn."""

import math

import pytest
import torch
from sklearn.metrics import accuracy_score, log_loss
from torch import nn
from torch.nn import functional as F

from course_utils.data import Split
from course_utils.training.loop import fit, measure


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


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
