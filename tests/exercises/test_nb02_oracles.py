"""The reference answers of notebook 02 against witnesses that know nothing of them."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import beta, binom
from sklearn.metrics import confusion_matrix, recall_score
from sklearn.metrics.pairwise import polynomial_kernel
from sklearn.svm import SVC
from torch import nn
from torchvision.transforms.functional import to_tensor

from course_utils.data import Split, circles
from course_utils.exercises import catalogue
from course_utils.exercises.references import References
from course_utils.experiments import circles_mlp
from course_utils.experiments.catalogue import EXPERIMENTS
from course_utils.models.manual_mlp import backward, forward, init_params, loss_accuracy, sgd_step
from course_utils.training import loop
from course_utils.training.devices import one_thread

NOTEBOOK = catalogue.notebook("02")
LEARNING_RATE, BATCH_SIZE, EPOCHS = 0.3, 10, 150


@pytest.fixture(autouse=True)
def single_thread():
    """Tensors this small are computed ten times faster by one thread than by two."""
    with one_thread():
        yield


@pytest.fixture(scope="module")
def ours():
    """Return a function from an exercise's number to what its reference defines."""
    references = References(NOTEBOOK)
    references.answer(NOTEBOOK.exercises[-1])
    every = {name: value for e in NOTEBOOK.exercises for name, value in references.answer(e).items()}
    return every.__getitem__


@pytest.fixture(scope="module")
def rings():
    """Return the notebook's training points in float64, and their classes."""
    x, labels = circles(200, torch.Generator().manual_seed(0), noise=0.1)
    return x.double(), labels


def start(generator_seed=1):
    drawn = init_params(2, 4, 2, weight_sd=0.3, generator=torch.Generator().manual_seed(generator_seed))
    return {name: value.double() for name, value in drawn.items()}


def loss_curve(rings, step, loss, epochs):
    """Train with `step` on the notebook's batches; return the loss at the start and after each epoch."""
    x, labels = rings
    order, curve = torch.Generator().manual_seed(2), [float(loss(x, labels))]
    for _ in range(epochs):
        for rows in torch.randperm(len(x), generator=order).split(BATCH_SIZE):
            step(x[rows], labels[rows])
        curve.append(float(loss(x, labels)))
    return torch.tensor(curve, dtype=torch.float64)


def network_from_start(ours):
    network = ours("build_network")(2, 4, 2).double()
    ours("copy_params")(network, start())
    return network


def all_curves(ours, rings, epochs):
    """Return the loss curves of the five versions, each from the same start with the same batches."""
    by_hand, tracked = start(), {name: value.requires_grad_() for name, value in start().items()}
    by_layers, by_optimiser, by_fit = (network_from_start(ours) for _ in range(3))
    sgd = torch.optim.SGD(by_optimiser.parameters(), lr=LEARNING_RATE)

    def manual_step(x, labels):
        gradients = backward(by_hand, forward(by_hand, x)[1], labels)
        sgd_step(by_hand, gradients, learning_rate=LEARNING_RATE)

    def loss_of(params):
        return lambda x, labels: loss_accuracy(forward(params, x)[1], labels)[0].detach()

    def cross_entropy(network):
        return lambda x, labels: nn.functional.cross_entropy(network(x), labels).detach()

    history = ours("fit")(
        by_fit,
        torch.optim.SGD(by_fit.parameters(), lr=LEARNING_RATE),
        rings,
        rings,
        epochs,
        BATCH_SIZE,
        torch.Generator().manual_seed(2),
    )
    return {
        "by hand": loss_curve(rings, manual_step, loss_of(by_hand), epochs),
        "autograd": loss_curve(
            rings, lambda x, y: ours("autograd_step")(tracked, x, y, LEARNING_RATE), loss_of(tracked), epochs
        ),
        "nn": loss_curve(
            rings,
            lambda x, y: ours("network_step")(by_layers, x, y, LEARNING_RATE),
            cross_entropy(by_layers),
            epochs,
        ),
        "optim": loss_curve(
            rings,
            lambda x, y: ours("optimiser_step")(by_optimiser, sgd, x, y),
            cross_entropy(by_optimiser),
            epochs,
        ),
        "fit": torch.tensor(history.train_loss, dtype=torch.float64),
    }


def test_each_refactoring_gives_the_loss_curve_of_the_hand_written_version(ours, rings):
    curves = all_curves(ours, rings, EPOCHS)
    for name, curve in curves.items():
        largest = float((curve - curves["by hand"]).abs().max())
        assert largest < 1e-12, f"{name}: largest difference {largest:.1e}"
    assert curves["by hand"][-1] < 0.2 * curves["by hand"][0]  # they agree on learning, not on standing still


def test_the_notebook_trains_with_the_settings_of_the_ledger(ours, rings):
    settings = EXPERIMENTS["A4"].settings["2-4-2"]
    assert (settings["learning_rate"], settings["batch_size"], settings["epochs"]) == (
        LEARNING_RATE,
        BATCH_SIZE,
        EPOCHS,
    )
    history = circles_mlp.train("manual", {**settings, "epochs": 20}, 0, dtype=torch.float64)
    ledger_curve = torch.tensor(history.train_loss, dtype=torch.float64)
    torch.testing.assert_close(all_curves(ours, rings, 20)["fit"], ledger_curve, rtol=0, atol=1e-12)


def test_the_notebooks_text_holds_these_settings():
    source = catalogue_source()
    assert f"LEARNING_RATE, BATCH_SIZE, EPOCHS = {LEARNING_RATE}, {BATCH_SIZE}, {EPOCHS}" in source
    digits = EXPERIMENTS["A5"].settings["start N(0, 0.05²)"]
    assert f"build_network(784, {digits['hidden']}, 10)" in source
    assert f"lr={digits['learning_rate']})" in source
    assert f"laptop={digits['epochs']}" in source
    assert f"epochs, {digits['batch_size']}, generator)" in source


def catalogue_source():
    """Return the text of the notebook as students get it."""
    from course_utils.repository import find_repository

    return (find_repository() / "notebooks" / f"{NOTEBOOK.name}.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("seed", range(5))
def test_autograd_gives_the_gradients_of_central_differences(ours, seed):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(6, 2, generator=generator, dtype=torch.float64)
    labels = torch.randint(2, (6,), generator=generator)
    params = start(seed)
    gradients = ours("gradients_by_autograd")(params, x, labels)
    for name, parameter in params.items():
        for place in np.ndindex(*parameter.shape):
            before, losses = parameter[place].item(), []
            for moved in (before + 1e-6, before - 1e-6):
                parameter[place] = moved
                losses.append(float(loss_accuracy(forward(params, x)[1], labels)[0]))
            parameter[place] = before
            assert float(gradients[name][place]) == pytest.approx((losses[0] - losses[1]) / 2e-6, abs=1e-8)


def test_evaluate_agrees_with_one_pass_over_everything(ours):
    network = nn.Sequential(nn.Linear(3, 8), nn.Dropout(0.5), nn.BatchNorm1d(8), nn.Linear(8, 4))
    x, labels = torch.randn(103, 3), torch.randint(4, (103,))
    found = ours("evaluate")(network, x, labels, batch_size=10)
    assert found == pytest.approx(loop.measure(network, Split(x, labels)), rel=1e-5)
    assert network.training


def test_fit_agrees_with_the_loop_of_the_library(ours, rings):
    x, labels = rings
    histories = []
    for train in (ours("fit"), None):
        network, order = network_from_start(ours), torch.Generator().manual_seed(5)
        sgd = torch.optim.SGD(network.parameters(), lr=0.1)
        if train is None:
            history = loop.fit(
                network,
                Split(x, labels),
                Split(x, labels),
                optimizer=sgd,
                epochs=4,
                batch_size=16,
                generator=order,
                train_metrics="measured",
            )
        else:
            history = train(network, sgd, (x, labels), (x, labels), 4, 16, order)
        histories.append(history)
    assert histories[0].epochs == histories[1].epochs
    assert histories[0].train_loss == pytest.approx(histories[1].train_loss, rel=1e-6)
    assert histories[0].test_accuracy == histories[1].test_accuracy


def test_as_inputs_scales_like_torchvision(ours):
    images = torch.randint(256, (3, 1, 28, 28), dtype=torch.uint8)
    expected = torch.stack([to_tensor(image[0].numpy()).flatten() for image in images])
    torch.testing.assert_close(ours("as_inputs")(images), expected)


@pytest.mark.parametrize("seed", range(5))
def test_the_confusion_matrix_and_the_recalls_are_those_of_scikit_learn(ours, seed):
    generator = torch.Generator().manual_seed(seed)
    labels, predictions = (torch.randint(4, (60,), generator=generator) for _ in range(2))
    matrix = ours("confusion")(labels, predictions, 4)
    np.testing.assert_array_equal(matrix, confusion_matrix(labels, predictions, labels=range(4)))
    np.testing.assert_allclose(
        ours("class_accuracy")(matrix), recall_score(labels, predictions, average=None), rtol=1e-6
    )


def test_the_surest_errors_are_those_that_sorting_every_row_finds(ours):
    logits, labels = torch.randn(200, 5, dtype=torch.float64) * 3, torch.randint(5, (200,))
    shares = np.exp(logits.numpy()) / np.exp(logits.numpy()).sum(axis=1, keepdims=True)
    wrong = [row for row in range(200) if shares[row].argmax() != labels[row]]
    wrong.sort(key=lambda row: -shares[row].max())
    assert ours("most_confident_errors")(logits, labels, 7).tolist() == wrong[:7]


def test_what_two_right_examples_prove(ours):
    assert ours("q_both") == pytest.approx(binom.pmf(2, 2, 0.7), rel=1e-3)
    # the exact (Clopper-Pearson) lower bound of an accuracy after k of k right, at the one-sided 5 % level
    assert ours("q_smallest") == pytest.approx(beta.ppf(0.05, 2, 1), rel=1e-3)
    assert ours("q_needed") == next(n for n in range(1, 1000) if beta.ppf(0.05, n, 1) >= 0.97)


def test_the_floors_of_one_softmax_too_many_are_what_the_loss_function_gives(ours):
    for classes in (2, 10):
        surest = torch.eye(classes)[:1]  # a probability of 1 for the true class
        floor = float(nn.CrossEntropyLoss()(surest, torch.tensor([0])))
        assert ours(f"q_floor_{classes}") == pytest.approx(floor, rel=1e-3)


def test_gradients_add_up_as_exercise_2_1_says(ours):
    w = torch.tensor(2.0, requires_grad=True)
    held = []
    for _ in range(2):
        (w**2).backward()
        held.append(w.grad.item())
    assert held == [ours("q_first"), ours("q_second")]


def test_the_spread_before_the_tanh_is_that_of_drawn_weights(ours):
    generator = torch.Generator().manual_seed(0)
    x = torch.cat([torch.ones(100), torch.zeros(684)])
    for name, sd in (("q_spread", 0.3), ("q_spread_small", 0.05)):
        drawn = sd * torch.randn(20_000, 784, generator=generator) @ x
        assert float(drawn.std()) == pytest.approx(ours(name), rel=0.03)


@pytest.mark.parametrize(("degree", "gamma", "coef0"), [(1, 1.0, 0.0), (2, 0.5, 1.0), (5, 0.1, 2.0)])
def test_the_polynomial_kernel_is_that_of_scikit_learn(ours, degree, gamma, coef0):
    a, b = torch.randn(6, 2, dtype=torch.float64), torch.randn(4, 2, dtype=torch.float64)
    expected = polynomial_kernel(a, b, degree=degree, gamma=gamma, coef0=coef0)
    np.testing.assert_allclose(ours("polynomial_kernel")(a, b, degree, gamma, coef0), expected)


def test_a_linear_machine_on_lifted_points_is_the_polynomial_machine(ours):
    x, labels = circles(100, torch.Generator().manual_seed(1), noise=0.1, center=(1.0, 0.5))
    places = 2 * torch.randn(500, 2, generator=torch.Generator().manual_seed(2))
    machine = SVC(kernel="poly", degree=2, gamma=1.0, coef0=1.0).fit(x.numpy(), labels.numpy())
    clear = np.abs(machine.decision_function(places.numpy())) > 0.05  # rounding decides only at the boundary
    predicted = ours("train_lifted_svm")(x, labels)(places).numpy()
    np.testing.assert_array_equal(predicted[clear], machine.predict(places.numpy())[clear])
    assert clear.mean() > 0.9


def test_with_coef0_0_even_degrees_separate_centred_rings_and_odd_ones_do_not(ours):
    train = circles(400, torch.Generator().manual_seed(3), noise=0.1)
    test = circles(1000, torch.Generator().manual_seed(4), noise=0.1)

    def accuracy(degree, coef0):
        machine = SVC(kernel="poly", degree=degree, coef0=coef0).fit(train[0].numpy(), train[1].numpy())
        return machine.score(test[0].numpy(), test[1].numpy())

    assert (ours("q_degrees"), ours("q_degrees_reason")) == ("c", 2)
    assert all(accuracy(degree, 0) > 0.98 for degree in (2, 4, 6, 8))
    assert all(accuracy(degree, 0) < 0.75 for degree in (1, 3, 5, 7))
    assert all(accuracy(degree, 1) > 0.98 for degree in range(2, 9))


def test_a_larger_C_makes_up_for_a_small_gamma_at_degree_2(ours):
    x, labels = circles(400, torch.Generator().manual_seed(0), noise=0.1)

    def accuracy(**settings):
        machine = SVC(kernel="poly", degree=2, **settings).fit(x.numpy(), labels.numpy())
        return machine.score(x.numpy(), labels.numpy())

    assert (ours("q_gamma"), ours("q_gamma_reason")) == ("b", 2)
    assert accuracy(gamma=0.03, coef0=1, C=1) < 0.85
    assert accuracy(gamma=0.03, coef0=1, C=0.1) < 0.85
    assert accuracy(gamma=0.01, coef0=1, C=1) < 0.85
    assert accuracy(gamma=0.03, coef0=1, C=100) > 0.95


def test_the_report_needs_another_start_to_see_parameters_drift(ours):
    assert (ours("q_drift"), ours("q_drift_reason")) == ("d", 1)
    settings = {**EXPERIMENTS["A4"].settings["2-4-2"], "epochs": 30}
    by_hand = circles_mlp.train("manual", settings, 0).train_loss
    other = circles_mlp.train("optim", settings, 0).train_loss
    elsewhere = circles_mlp.train("manual", settings, 1).train_loss
    assert max(abs(a - b) for a, b in zip(by_hand, other, strict=True)) < 1e-4
    assert max(abs(a - b) for a, b in zip(by_hand, elsewhere, strict=True)) > 1e-2
    assert not math.isnan(sum(by_hand))
