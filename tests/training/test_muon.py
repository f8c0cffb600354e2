"""Muon against the singular value decomposition, against torch.optim.SGD and against torch.optim.Muon."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from course_utils.training.muon import Muon, orthogonalised

# The polynomial, applied five times, maps all of [0.01, 1] into this interval (first test below).
LOWEST, HIGHEST = 0.68, 1.14


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=generator(seed))


def small_network(seed: int = 0) -> nn.Sequential:
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 4 * 4, 5)
    )
    for number, parameter in enumerate(network.parameters()):
        parameter.data.copy_(0.1 * random(*parameter.shape, seed=100 * seed + number))
    return network


def both_kinds(network: nn.Module) -> Muon:
    filters = [parameter for parameter in network.parameters() if parameter.ndim == 4]
    others = [parameter for parameter in network.parameters() if parameter.ndim != 4]
    groups = [
        {"params": filters, "normalise": True},
        {"params": others, "orthogonalise": False, "lr": 0.02, "momentum": 0.9},
    ]
    return Muon(groups, lr=0.1, momentum=0.6)


def train(network, optimizer, schedule, steps):
    for step in steps:
        optimizer.zero_grad()
        F.cross_entropy(network(random(10, 3, 6, 6, seed=step)), torch.arange(10) % 5).backward()
        optimizer.step()
        schedule.step()


@settings(deadline=None, max_examples=40)
@given(
    rows=st.integers(1, 40),
    columns=st.integers(1, 60),
    spread=st.floats(0, 1),
    scale=st.floats(-6, 6),
    seed=st.integers(0, 1000),
)
def test_singular_values_come_near_one_and_singular_vectors_stay(rows, columns, spread, scale, seed):
    u, _, vt = torch.linalg.svd(random(rows, columns, seed=seed).double(), full_matrices=False)
    singular = torch.logspace(0, -spread, min(rows, columns), dtype=torch.float64)
    matrix = 10**scale * (u * singular) @ vt
    result = orthogonalised(matrix)
    # singular values of (u, vt)'s matrix in the basis of its own vectors: diagonal if the vectors stayed
    core = u.T @ result @ vt.T
    off_diagonal = core - torch.diag(core.diagonal())
    assert off_diagonal.abs().max() < 1e-6
    large_enough = singular / singular.norm() > 0.01
    assert large_enough.all()
    assert (core.diagonal() > LOWEST).all()
    assert (core.diagonal() < HIGHEST).all()


def test_a_zero_matrix_stays_zero():
    assert torch.equal(orthogonalised(torch.zeros(3, 5)), torch.zeros(3, 5))


def test_a_filter_bank_steps_by_an_orthogonal_matrix_times_the_learning_rate():
    filters = nn.Parameter(random(8, 4, 3, 3))
    before = filters.detach().clone()
    filters.grad = random(8, 4, 3, 3, seed=1)
    Muon([filters], lr=0.5).step()
    step = ((before - filters.detach()) / 0.5).flatten(1)
    singular = torch.linalg.svdvals(step)
    assert singular.min() > LOWEST
    assert singular.max() < HIGHEST
    # the nearest orthogonal matrix to the gradient is U Vᵀ: both point the same way
    u, _, vt = torch.linalg.svd(filters.grad.flatten(1), full_matrices=False)
    assert F.cosine_similarity(step.flatten(), (u @ vt).flatten(), dim=0) > 0.97


def test_a_tall_matrix_steps_longer_by_the_root_of_rows_over_columns():
    tall = nn.Parameter(torch.zeros(36, 4))
    tall.grad = random(36, 4)
    Muon([tall], lr=1.0).step()
    wide = nn.Parameter(torch.zeros(4, 36))
    wide.grad = random(36, 4).T
    Muon([wide], lr=1.0).step()
    torch.testing.assert_close(tall.detach(), 3 * wide.detach().T)


@pytest.mark.parametrize("momentum", [0.0, 0.6, 0.9])
def test_groups_that_are_not_orthogonalised_are_torchs_sgd_with_nesterov_momentum(momentum):
    ours, theirs = (nn.Parameter(random(5)) for _ in range(2))
    muon = Muon([{"params": [ours], "orthogonalise": False}], lr=0.1, momentum=momentum)
    sgd = torch.optim.SGD([theirs], lr=0.1, momentum=momentum, nesterov=momentum > 0)
    for step in range(6):
        ours.grad = random(5, seed=step)
        theirs.grad = random(5, seed=step)
        muon.step()
        sgd.step()
        torch.testing.assert_close(ours, theirs)


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="torch.optim.Muon is there from 2.9")
@pytest.mark.parametrize("shape", [(16, 40), (40, 16), (8, 8)])
def test_matrices_step_as_with_torchs_own_muon(shape):
    ours, theirs = (nn.Parameter(random(*shape)) for _ in range(2))
    muon = Muon([ours], lr=0.1, momentum=0.8)
    reference = torch.optim.Muon([theirs], lr=0.1, momentum=0.8, weight_decay=0.0, nesterov=True)
    for step in range(4):
        start = ours.detach().clone()
        theirs.data.copy_(start)
        ours.grad = random(*shape, seed=step)
        theirs.grad = random(*shape, seed=step)
        muon.step()
        reference.step()
        # it computes in bfloat16, with a relative precision of 2⁻⁸ in each of fifteen products
        our_step, their_step = ours.detach() - start, theirs.detach() - start
        assert (our_step - their_step).norm() < 15 * 2**-8 * their_step.norm()


def test_normalise_brings_a_matrix_to_the_norm_of_its_number_of_rows():
    filters = nn.Parameter(7 * random(9, 2, 3, 3))
    filters.grad = random(9, 2, 3, 3, seed=1)
    Muon([filters], lr=0.0, normalise=True).step()
    torch.testing.assert_close(filters.detach().norm(), torch.tensor(3.0))


def test_without_normalise_a_learning_rate_of_zero_changes_nothing():
    filters = nn.Parameter(7 * random(9, 2, 3, 3))
    before = filters.detach().clone()
    filters.grad = random(9, 2, 3, 3, seed=1)
    Muon([filters], lr=0.0).step()
    assert torch.equal(filters.detach(), before)


def test_stopped_and_continued_from_its_state_gives_the_same_bits():
    def start():
        network = small_network()
        optimizer = both_kinds(network)
        return network, optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / 8)

    network, optimizer, schedule = start()
    train(network, optimizer, schedule, range(4))
    kept = copy.deepcopy((network.state_dict(), optimizer.state_dict(), schedule.state_dict()))
    train(network, optimizer, schedule, range(4, 8))

    continued, its_optimizer, its_schedule = start()
    for part, state in zip((continued, its_optimizer, its_schedule), kept, strict=True):
        part.load_state_dict(state)
    train(continued, its_optimizer, its_schedule, range(4, 8))
    for name, value in network.state_dict().items():
        assert torch.equal(value, continued.state_dict()[name]), name


def test_a_schedule_moves_the_rates_of_both_kinds_of_groups():
    optimizer = both_kinds(small_network())
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / 4)
    optimizer.step()
    schedule.step()
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.075, 0.015])


def test_parameters_without_a_gradient_stay():
    used, unused = nn.Parameter(random(3, 4)), nn.Parameter(random(3, 4))
    before = unused.detach().clone()
    used.grad = random(3, 4, seed=1)
    Muon([used, unused], lr=0.1, normalise=True).step()
    assert torch.equal(unused.detach(), before)


def test_a_closure_is_evaluated_with_gradients_and_its_loss_returned():
    matrix = nn.Parameter(random(3, 4))

    def closure():
        loss = matrix.square().sum()
        loss.backward()
        return loss.item()

    expected = matrix.detach().square().sum().item()
    assert Muon([matrix], lr=0.1).step(closure) == expected
    assert matrix.detach().square().sum().item() < expected


def test_the_number_of_threads_is_what_it_was_after_a_step():
    before = torch.get_num_threads()
    matrix = nn.Parameter(random(3, 4))
    matrix.grad = random(3, 4)
    Muon([matrix]).step()
    assert torch.get_num_threads() == before


def test_a_bias_in_an_orthogonalised_group_is_refused():
    with pytest.raises(ValueError, match=r"shape \(5,\) is no matrix.*'orthogonalise': False"):
        Muon(nn.Linear(3, 5).parameters())


@pytest.mark.parametrize(
    ("values", "message"), [({"lr": -1.0}, "lr is -1"), ({"momentum": 1.0}, "momentum is 1")]
)
def test_values_out_of_range_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        Muon([nn.Parameter(random(3, 4))], **values)
