"""The reference answers of notebook 07 against witnesses that know nothing of them."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar
from scipy.stats import binom, norm, ttest_rel
from torch import nn
from torch.nn import functional as F

from course_utils.data.mosaics import make_mosaics
from course_utils.data.points import gaussian_classes
from course_utils.evaluation.focus import query
from course_utils.exercises import catalogue
from course_utils.exercises.references import References
from course_utils.training.devices import one_thread

NOTEBOOK = catalogue.notebook("07")


@pytest.fixture(autouse=True)
def single_thread():
    """Tensors this small are computed faster by one thread than by two."""
    with one_thread():
        yield


@pytest.fixture(scope="module")
def ours():
    """Return a function from a name to what the reference of its exercise defines."""
    references = References(NOTEBOOK)
    references.answer(NOTEBOOK.exercises[-1])
    every = {name: value for e in NOTEBOOK.exercises for name, value in references.answer(e).items()}
    return every.__getitem__


@pytest.fixture
def draw():
    return torch.Generator().manual_seed(7)


def normal(draw, *shape):
    return torch.randn(*shape, generator=draw, dtype=torch.float64)


def two_networks(draw, *, tiles=9):
    """Return a focus and a classification network, tiles and labels, all float64."""
    focus = nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 1)).double()
    classify = nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 3)).double()
    for parameter in (*focus.parameters(), *classify.parameters()):
        parameter.data = normal(draw, *parameter.shape)
    return focus, classify, 2 * normal(draw, 30, tiles, 2), torch.randint(3, (30,), generator=draw)


def state_of(network):
    return torch.cat([p.detach().flatten().clone() for p in network.parameters()])


def loss_of(focus, classify, x, labels):
    """The loss, written without the notebook's helpers."""
    alpha = torch.stack([focus(x[:, t])[:, 0] for t in range(x.shape[1])], dim=1).softmax(dim=1)
    mean = sum(alpha[:, t, None] * x[:, t] for t in range(x.shape[1]))
    return F.cross_entropy(classify(mean), labels)


# --- gradients ---------------------------------------------------------------------------------------------


def test_both_gradients_are_autograds_through_the_whole_model(ours, draw):
    _, classify, x, labels = two_networks(draw)
    scores = normal(draw, 30, 9).requires_grad_()
    alpha = scores.softmax(dim=1)
    mean = (alpha[..., None] * x).sum(dim=1)
    loss = F.cross_entropy(classify(mean), labels)
    d_mean, d_alpha, d_scores = torch.autograd.grad(loss, [mean, alpha, scores])
    torch.testing.assert_close(ours("weight_gradient")(d_mean, x), d_alpha)
    torch.testing.assert_close(ours("score_gradient")(alpha.detach(), d_alpha), d_scores)


def test_the_gradient_in_the_scores_is_that_of_finite_differences_and_adds_up_to_zero(ours, draw):
    scores, g = normal(draw, 1, 6), normal(draw, 1, 6)
    found = ours("score_gradient")(scores.softmax(dim=1), g)
    for t in range(6):
        step = torch.zeros(1, 6, dtype=torch.float64)
        step[0, t] = 1e-6
        ends = [((scores + sign * step).softmax(dim=1) * g).sum().item() for sign in (1, -1)]
        assert found[0, t].item() == pytest.approx((ends[0] - ends[1]) / 2e-6, abs=1e-8)
    assert found.sum().item() == pytest.approx(0, abs=1e-12)


def test_a_tile_without_weight_has_no_gradient(ours):
    alpha, g = torch.tensor([[0.0, 0.4, 0.6]]), torch.tensor([[-1000.0, 1.0, 2.0]])
    assert ours("score_gradient")(alpha, g)[0, 0] == 0


def test_the_speeds_of_exercise_7_3_are_those_of_autograd(ours):
    def speed(a):
        alpha = torch.tensor([a] + [(1 - a) / 8] * 8, dtype=torch.float64)
        scores = alpha.log().requires_grad_()
        g = torch.tensor([-1.0] + [0.3] * 8, dtype=torch.float64)
        (gradient,) = torch.autograd.grad((scores.softmax(dim=0) * g).sum(), scores)
        return abs(gradient[0].item())

    best = minimize_scalar(lambda a: -speed(a), bounds=(0.01, 0.99), method="bounded")
    assert ours("q_best_weight") == pytest.approx(best.x, abs=1e-4)
    assert ours("q_equal_share") == pytest.approx(speed(1 / 9) / -best.fun, rel=1e-6)
    assert ours("q_lost_share") == pytest.approx(speed(0.001) / -best.fun, rel=1e-6)


def test_from_zero_only_the_classification_network_moves(ours, draw):
    focus, classify = nn.Linear(2, 1).double(), nn.Linear(2, 3).double()
    for parameter in (*focus.parameters(), *classify.parameters()):
        parameter.data.zero_()
    loss_of(focus, classify, normal(draw, 30, 9, 2), torch.randint(3, (30,), generator=draw)).backward()
    moves = [network.weight.grad.abs().max().item() > 0 for network in (focus, classify)]
    name = {(True, True): "a", (False, True): "b", (True, False): "c", (False, False): "d"}[tuple(moves)]
    assert (ours("q_zero_start"), ours("q_zero_start_reason")) == (name, 3)


@pytest.mark.parametrize("tiles", [2, 9])
def test_directions_are_differences_of_the_loss_along_them(ours, draw, tiles):
    _, classify, x, labels = two_networks(draw, tiles=tiles)
    at = torch.randint(tiles, (30,), generator=draw)
    alpha = normal(draw, 30, tiles).softmax(dim=1).requires_grad_()

    def losses(weights):
        mean = (weights[..., None] * x).sum(dim=1)
        return F.cross_entropy(classify(mean), labels, reduction="none")

    (d_alpha,) = torch.autograd.grad(losses(alpha).sum(), alpha)
    one_hot = torch.eye(tiles, dtype=torch.float64)[at]
    slopes = []
    for direction in (one_hot, (1 - one_hot) / (tiles - 1)):
        ahead, behind = (losses(alpha.detach() + sign * 1e-6 * direction).mean() for sign in (1, -1))
        slopes.append(((ahead - behind) / 2e-6).item())
    assert ours("directions")(d_alpha, at) == pytest.approx(slopes, abs=1e-7)


# --- turns -------------------------------------------------------------------------------------------------


def test_turns_are_those_of_momentum_written_out(ours, draw):
    focus, classify, x, labels = two_networks(draw)
    expected = {}
    told_by_hand = []
    start = [state_of(focus), state_of(classify)]
    with torch.enable_grad():
        velocities = {
            id(p): torch.zeros_like(p) for network in (focus, classify) for p in network.parameters()
        }
        for step in range(11):
            network, rate = ((classify, 0.3), (focus, 0.5))[[0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1][step]]
            loss = loss_of(focus, classify, x, labels)
            told_by_hand.append(loss.item())
            for p, g in zip(
                network.parameters(), torch.autograd.grad(loss, list(network.parameters())), strict=True
            ):
                velocities[id(p)] = 0.8 * velocities[id(p)] + g
                p.data -= rate * velocities[id(p)]
    expected = [state_of(focus), state_of(classify)]
    for network, values in zip((focus, classify), start, strict=True):
        nn.utils.vector_to_parameters(values, network.parameters())
    told = []
    ours("alternate")(focus, classify, x, labels, 11, 3, (0.3, 0.5), 0.8, lambda *said: told.append(said))
    assert [turn for turn, _ in told] == [0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1]
    assert [loss for _, loss in told] == pytest.approx(told_by_hand)
    for network, values in zip((focus, classify), expected, strict=True):
        torch.testing.assert_close(state_of(network), values)


def test_means_computed_once_train_as_means_computed_anew(ours, draw):
    focus, classify, x, labels = two_networks(draw)
    start = state_of(classify)
    for _ in range(6):
        gradients = torch.autograd.grad(loss_of(focus, classify, x, labels), list(classify.parameters()))
        for p, g in zip(classify.parameters(), gradients, strict=True):
            p.data -= 0.4 * g
    anew = state_of(classify)
    nn.utils.vector_to_parameters(start, classify.parameters())
    before = state_of(focus)
    ours("classifier_turn")(focus, classify, x, labels, 6, 0.4)
    torch.testing.assert_close(state_of(classify), anew)
    assert torch.equal(state_of(focus), before)


def test_only_eval_and_no_gradients_together_keep_the_function_of_a_batch_norm(ours, draw):
    def changed(*, evaluate, freeze, rate):
        focus = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))
        optimizer = torch.optim.SGD(focus.parameters(), lr=0.1, momentum=0.9)
        x = torch.randn(20, 2, generator=draw)

        def step():
            optimizer.zero_grad()
            loss = focus(x).square().sum()
            if loss.requires_grad:
                loss.backward()
            optimizer.step()

        step()
        focus.requires_grad_(not freeze)
        focus.train(not evaluate)
        optimizer.param_groups[0]["lr"] = rate
        ends = []
        for _ in range(2):
            mode = focus.training
            ends.append(focus.eval()(x).detach())
            focus.train(mode)
            step()
        return not torch.equal(*ends)

    kept = {
        "a": changed(evaluate=True, freeze=False, rate=0.1),
        "b": changed(evaluate=False, freeze=True, rate=0.1),
        "c": changed(evaluate=True, freeze=True, rate=0.1),
        "d": changed(evaluate=False, freeze=False, rate=0.0),
    }
    assert [letter for letter, moved in kept.items() if not moved] == [ours("q_freeze")]


def test_a_schedule_of_zeros_and_ones_trains_as_turns_do(ours, draw):
    focus, classify, x, labels = two_networks(draw)
    start = [state_of(focus), state_of(classify)]
    ours("alternate")(focus, classify, x, labels, 9, 2, (0.3, 0.5), 0.0, lambda *_: None)
    by_turns = [state_of(focus), state_of(classify)]
    for network, values in zip((focus, classify), start, strict=True):
        nn.utils.vector_to_parameters(values, network.parameters())
    groups = [
        {"params": classify.parameters(), "lr": 0.3},
        {"params": focus.parameters(), "lr": 0.5},
    ]
    optimizer = torch.optim.SGD(groups)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, list(ours("turn_factors")(2)))
    for _ in range(9):
        optimizer.zero_grad()
        loss_of(focus, classify, x, labels).backward()
        optimizer.step()
        schedule.step()
    for network, values in zip((focus, classify), by_turns, strict=True):
        torch.testing.assert_close(state_of(network), values)


# --- designs -----------------------------------------------------------------------------------------------

REPORT = [  # report 000, table 3: epochs in all, epochs of a turn, rates
    (180, 5, 0.01, 0.01),
    (200, 10, 0.01, 0.01),
    (280, 20, 0.01, 0.001),
    (320, 20, 0.01, 0.01),
    (360, 30, 0.01, 0.01),
    (500, 50, 0.01, 0.01),
    (600, 50, 0.001, 0.01),
    (800, 100, 0.001, 0.01),
]


def test_no_two_of_the_reports_settings_differ_in_one_thing_alone(ours):
    names = ("epochs", "every", "what", "where")
    settings = [dict(zip(names, row, strict=True)) for row in REPORT]
    assert all(ours("isolating_pairs")(settings, name) == [] for name in names)
    assert (
        min(sum(a != b for a, b in zip(*pair, strict=True)) for pair in itertools.combinations(REPORT, 2))
        == 2
    )
    assert (ours("q_eight"), ours("q_eight_reason")) == ("d", 2)


def test_in_a_factorial_design_each_factor_is_isolated_by_half_of_the_others_combinations(ours):
    levels = {"a": (0, 1), "b": (0, 1, 2), "c": (0, 1)}
    settings = [dict(zip(levels, row, strict=True)) for row in itertools.product(*levels.values())]
    for name, values in levels.items():
        pairs = ours("isolating_pairs")(settings, name)
        others = len(settings) // len(values)
        assert len(pairs) == others * math.comb(len(values), 2)
        for i, j in pairs:
            assert {k for k in levels if settings[i][k] != settings[j][k]} == {name}


def test_effect_through_standard_error_is_the_statistic_of_the_paired_t_test(ours, draw):
    runs, groups = [], {0.1: [], 1.0: []}
    for seed in range(6):
        for rate in groups:
            value = seed + rate + normal(draw, 1).item()
            groups[rate].append(value)
            runs.append(({"rate": rate, "seed": seed}, value))
    mean, error = ours("effect")(runs[::-1], "rate", 0.1, 1.0)
    theirs = ttest_rel(groups[1.0], groups[0.1])
    assert mean == pytest.approx(np.mean(groups[1.0]) - np.mean(groups[0.1]))
    assert mean / error == pytest.approx(theirs.statistic)


# --- queries -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("present", "absent"), [((), ()), ((3,), ()), ((), (4, 5)), ((3, 6), (9,))])
def test_a_query_is_the_librarys_and_that_of_sets(ours, draw, present, absent):
    points = gaussian_classes([[0.0, 0.0]] * 10, 20, variance=1.0, generator=draw)
    mosaics = make_mosaics(points, 400, generator=draw)
    found = ours("chosen")(mosaics.labels, mosaics.tile_labels, 1, present, absent)
    assert torch.equal(found, query(mosaics, label=1, present=present, absent=absent))
    by_sets = [
        label == 1 and set(present) <= set(row) and set(row).isdisjoint(absent)
        for label, row in zip(mosaics.labels.tolist(), mosaics.tile_labels.tolist(), strict=True)
    ]
    assert found.tolist() == by_sets


def test_the_error_of_a_difference_is_the_spread_of_drawn_differences(ours):
    numbers = np.random.default_rng(0)
    drawn = numbers.binomial(40, 0.6, 200_000) / 40 - numbers.binomial(300, 0.9, 200_000) / 300
    difference, error = ours("share_difference")(24, 40, 270, 300)
    assert difference == pytest.approx(0.6 - 0.9)
    assert error == pytest.approx(drawn.std(), rel=0.01)
    exact = math.sqrt(binom(40, 0.6).var() / 40**2 + binom(300, 0.9).var() / 300**2)
    assert error == pytest.approx(exact)


def test_the_group_of_exercise_7_15_is_as_large_as_in_drawn_mosaics(ours, draw):
    points = gaussian_classes([[0.0, 0.0]] * 10, 2000, variance=1.0, generator=draw)
    mosaics = make_mosaics(points, 200_000, generator=draw)
    drawn = int(query(mosaics, label=0, absent=(3, 4, 5)).sum())
    expected = 20 * ours("q_lacking")
    assert abs(drawn - expected) < 4 * math.sqrt(expected)
    assert ours("q_error") == pytest.approx(binom(1, 0.85).std() / math.sqrt(ours("q_lacking")))
    assert ours("q_by_chance") == pytest.approx(21 * 2 * norm.sf(2), rel=1e-3)
