"""The reference answers of notebook 01 against witnesses that share no code with them."""

import math

import pytest
import torch
from sklearn.preprocessing import LabelBinarizer
from torch.nn import functional as F

from course_utils.exercises import catalogue
from course_utils.exercises.references import References


@pytest.fixture(scope="module")
def answers():
    """Return a function from a name to the reference that notebook 01 defines under it."""
    notebook = catalogue.notebook("01")
    references = References(notebook)
    found = {}
    for exercise in notebook.exercises:
        found |= references.answer(exercise)
    return found


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(11)


@pytest.fixture
def params(answers, generator):
    drawn = answers["init_params"](3, 5, 4, 1.0, generator)
    return {name: value.double() for name, value in drawn.items()}


@pytest.fixture
def batch(generator):
    x = torch.randn(9, 3, generator=generator, dtype=torch.float64)
    return x, torch.randint(4, (9,), generator=generator)


def autograd(params, x, labels):
    leaves = {name: value.clone().requires_grad_() for name, value in params.items()}
    logits = F.linear(torch.tanh(F.linear(x, leaves["Wh"], leaves["bh"])), leaves["Wy"], leaves["by"])
    loss = F.cross_entropy(logits, labels)
    return loss, dict(zip(leaves, torch.autograd.grad(loss, list(leaves.values())), strict=True))


def test_one_hot_is_scikit_learns(answers):
    labels = torch.tensor([3, 0, 2, 2])
    expected = LabelBinarizer().fit(range(5)).transform(labels.numpy())
    assert answers["one_hot"](labels, 5).tolist() == expected.tolist()


def test_collapse_is_the_composition(answers, generator):
    W1, b1, W2, b2, x = (torch.randn(s, generator=generator).double() for s in ((4, 3), 4, (2, 4), 2, (3, 7)))
    W, b = answers["collapse"](W1, b1, W2, b2)
    assert torch.allclose(W @ x + b[:, None], W2 @ (W1 @ x + b1[:, None]) + b2[:, None])


def test_softmax_is_torchs_also_where_exp_overflows(answers, generator):
    logits = torch.randn(50, 4, generator=generator) * torch.logspace(-2, 4, 50)[:, None]
    assert torch.allclose(answers["softmax"](logits), torch.softmax(logits, dim=1), atol=1e-7)


def test_initial_parameters_have_the_asked_deviation(answers, generator):
    params = answers["init_params"](100, 200, 50, 0.3, generator)
    for name in ("Wh", "Wy", "bh"):
        # the deviation of n normal numbers is within 5 standard errors, sd / sqrt(2 n), of sd
        assert abs(params[name].std() - 0.3) < 5 * 0.3 / math.sqrt(2 * params[name].numel())


def test_loss_is_torchs_cross_entropy(answers, params, batch):
    x, labels = batch
    outputs = answers["forward"](params, x)
    loss, accuracy = answers["loss_accuracy"](outputs, labels)
    assert float(loss) == pytest.approx(float(autograd(params, x, labels)[0]), rel=1e-12)
    assert float(accuracy) == pytest.approx(float((outputs["logits"].argmax(1) == labels).double().mean()))


def test_the_backward_pass_is_autograds(answers, params, batch):
    x, labels = batch
    by_hand = answers["backward"](params, x, answers["forward"](params, x), labels)
    for name, exact in autograd(params, x, labels)[1].items():
        assert torch.allclose(by_hand[name], exact, rtol=1e-10, atol=1e-12), name


def test_the_gradients_of_one_example_are_autograds(answers, params, batch):
    x, labels = (part[:1] for part in batch)
    outputs, exact = answers["forward"](params, x), autograd(params, x, labels)[1]
    y, logits, h = F.one_hot(labels, 4)[0].double(), outputs["logits"][0], outputs["h"][0]
    _, Wh, bh = answers["gradients_hidden"](y, logits, h, params["Wy"], x[0])
    ours = {
        "Wy": answers["gradient_Wy"](y, logits, h),
        "by": answers["gradient_logits"](y, logits),
        "Wh": Wh,
        "bh": bh,
    }
    for name, gradient in ours.items():
        assert torch.allclose(gradient, exact[name], rtol=1e-10, atol=1e-12), name


def test_the_loss_of_one_example_is_torchs(answers):
    logits = torch.tensor([2.0, -1.0, 0.5])
    for label in range(3):
        expected = F.cross_entropy(logits[None], torch.tensor([label]))
        assert float(answers["loss_from_logits"](torch.eye(3)[label], logits)) == pytest.approx(
            float(expected)
        )


def test_central_differences_agree_with_autograd(answers, params, batch):
    x, labels = batch

    def loss():
        return answers["loss_accuracy"](answers["forward"](params, x), labels)[0]

    for name, exact in autograd(params, x, labels)[1].items():
        ours = answers["numerical_gradient"](loss, params[name], 1e-5)
        assert torch.allclose(ours, exact, rtol=1e-6, atol=1e-9), name


def test_an_epoch_is_torchs_sgd_on_the_same_batches(answers, params, batch):
    x, labels = batch
    leaves = {name: value.clone().requires_grad_() for name, value in params.items()}
    optimiser = torch.optim.SGD(leaves.values(), lr=0.2)
    for rows in torch.randperm(9, generator=torch.Generator().manual_seed(5)).split(4):
        optimiser.zero_grad()
        logits = torch.tanh(x[rows] @ leaves["Wh"].T + leaves["bh"]) @ leaves["Wy"].T + leaves["by"]
        F.cross_entropy(logits, labels[rows]).backward()
        optimiser.step()
    answers["train_epoch"](params, x, labels, 4, 0.2, torch.Generator().manual_seed(5))
    for name, leaf in leaves.items():
        assert torch.allclose(params[name], leaf.detach(), rtol=1e-10), name


def test_the_number_of_parameters_is_torchs(answers):
    network = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))
    assert answers["q4_parameters"] == sum(p.numel() for p in network.parameters())


def test_above_the_named_learning_rate_descent_on_a_parabola_diverges(answers):
    def after(rate):
        w = 1.0
        for _ in range(1000):
            w -= rate * 4 * w
        return abs(w)

    assert after(answers["q11_limit"] * 0.99) < 1e-3
    assert after(answers["q11_limit"] * 1.01) > 1e3


def test_equal_hidden_units_stay_equal(answers, batch):
    x, labels = batch
    equal = {
        "Wh": torch.full((10, 3), 0.1),
        "bh": torch.zeros(10),
        "Wy": torch.full((4, 10), 0.1),
        "by": torch.zeros(4),
    }
    equal = {name: value.double() for name, value in equal.items()}
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        answers["train_epoch"](equal, x, labels, 4, 0.5, generator)
    distinct = {tuple(round(v, 9) for v in row.tolist()) for row in equal["Wh"]}
    assert len(distinct) == answers["q_distinct"]
