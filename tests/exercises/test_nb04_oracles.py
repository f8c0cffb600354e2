"""The reference answers of notebook 04 against witnesses that know nothing of them."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import ttest_rel
from sklearn.decomposition import PCA
from torch import nn
from torch.nn import functional as F
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as vision

from course_utils.data.augmentation import random_crop
from course_utils.data.preprocessing import Standardise, Whitening
from course_utils.exercises import catalogue
from course_utils.exercises.references import References
from course_utils.models.fast_cnn import whitening_layer
from course_utils.training.devices import one_thread

NOTEBOOK = catalogue.notebook("04")


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


def images(draw, n=20, size=8):
    return torch.randint(256, (n, 3, size, size), generator=draw, dtype=torch.uint8)


# --- what counts as a difference ---------------------------------------------------------------------------


def test_difference_through_standard_error_is_the_statistic_of_the_paired_t_test(ours):
    changed, baseline = [0.71, 0.74, 0.70, 0.73], [0.69, 0.70, 0.695, 0.71]
    mean, error = ours("paired_difference")(changed, baseline)
    assert mean / error == pytest.approx(ttest_rel(changed, baseline).statistic)


# --- inputs ------------------------------------------------------------------------------------------------


def test_standardised_training_images_have_mean_0_and_deviation_1_in_each_channel(ours, draw):
    data = images(draw)
    x = ours("standardise")(data, *ours("channel_statistics")(data)).double()
    torch.testing.assert_close(x.mean(dim=(0, 2, 3)), torch.zeros(3).double(), atol=1e-6, rtol=0)
    torch.testing.assert_close(x.std(dim=(0, 2, 3)), torch.ones(3).double(), atol=1e-5, rtol=0)


def test_standardising_agrees_with_the_library_and_with_torchvision(ours, draw):
    data, other = images(draw, n=200), images(draw)
    statistics = ours("channel_statistics")(data)
    x = ours("standardise")(other, *statistics)
    torch.testing.assert_close(x, Standardise.of(data)(other), rtol=1e-4, atol=1e-4)
    mean, sd = (values.tolist() for values in statistics)
    torch.testing.assert_close(x, vision.normalize(other / 255, mean, sd))


def test_zca_agrees_with_pca_whitening_turned_back_and_with_the_library(ours, draw):
    x = torch.randn(300, 6, generator=draw).double() @ torch.randn(6, 6, generator=draw).double() + 3
    mean, matrix = ours("zca")(x, 0.0)
    pca = PCA(whiten=True).fit(x.numpy())
    # scikit-learn divides by n - 1
    theirs = pca.transform(x.numpy()) @ pca.components_ * math.sqrt(300 / 299)
    np.testing.assert_allclose(((x - mean) @ matrix).numpy(), theirs, atol=1e-9)

    data = images(draw, n=50, size=4)
    mean, matrix = ours("zca")((data / 255).flatten(1), 0.01)
    torch.testing.assert_close(matrix, Whitening.of(data, epsilon=0.01).matrix, atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(mean, Whitening.of(data, epsilon=0.01).mean, atol=1e-5, rtol=0)


def test_whitened_rows_have_the_covariance_that_epsilon_leaves(ours, draw):
    x = torch.randn(500, 5, generator=draw).double() @ torch.randn(5, 5, generator=draw).double()
    for epsilon in (0.0, 0.3):
        mean, matrix = ours("zca")(x, epsilon)
        white = np.cov(((x - mean) @ matrix).numpy().T, bias=True)
        before = np.linalg.eigvalsh(np.cov(x.numpy().T, bias=True))
        np.testing.assert_allclose(np.linalg.eigvalsh(white), before / (before + epsilon), rtol=1e-8)


def test_a_crop_is_torchvisions_crop_of_each_padded_image(ours, draw):
    data = images(draw)
    top, left = torch.randint(9, (2, len(data)), generator=draw)
    one_by_one = [
        vision.crop(vision.pad(image, [4]), int(t), int(le), 8, 8)
        for image, t, le in zip(data, top, left, strict=True)
    ]
    assert torch.equal(ours("crop")(data, top, left), torch.stack(one_by_one))


def test_the_notebooks_random_crop_is_the_librarys(ours, draw):
    data = images(draw)
    top, left = torch.randint(9, (2, len(data)), generator=torch.Generator().manual_seed(3))
    assert torch.equal(ours("crop")(data, top, left), random_crop(data, torch.Generator().manual_seed(3)))


def test_the_numbers_of_exercise_4_6_are_those_of_a_data_loader_and_of_counting(ours):
    data = torch.utils.data.TensorDataset(torch.arange(50_000))
    loader = torch.utils.data.DataLoader(data, batch_size=128)
    assert (len(loader), len(data)) == (ours("q_steps"), ours("q_images"))
    grid = torch.arange(1, 65).reshape(1, 1, 8, 8)
    versions = {
        tuple(window.flatten().tolist())
        for top in range(9)
        for left in range(9)
        for window in (
            ours("crop")(grid, torch.tensor([top]), torch.tensor([left])),
            ours("crop")(grid, torch.tensor([top]), torch.tensor([left])).flip(3),
        )
    }
    assert len(versions) == ours("q_versions")


@pytest.mark.parametrize("degrees", [-150.0, -30.0, 0.0, 45.0, 90.0])
@pytest.mark.parametrize("scale", [0.9, 1.1])
def test_a_turned_picture_is_torchvisions(ours, draw, degrees, scale):
    image = torch.rand(1, 3, 33, 33, generator=draw)
    theta = ours("affine_matrices")(torch.tensor([degrees]), torch.tensor([scale]))
    turned = F.grid_sample(
        image, F.affine_grid(theta, [1, 3, 33, 33], align_corners=False), align_corners=False
    )
    theirs = vision.affine(
        image,
        angle=degrees,
        translate=[0, 0],
        scale=scale,
        shear=[0.0],
        interpolation=InterpolationMode.BILINEAR,
    )
    torch.testing.assert_close(turned[..., 8:25, 8:25], theirs[..., 8:25, 8:25], atol=1e-4, rtol=1e-4)


# --- steps -------------------------------------------------------------------------------------------------


def follow(optimizer_of, step, seeds=6):
    """Let an optimizer of PyTorch's and a step by hand descend the same gradients; return both ends."""
    generator = torch.Generator().manual_seed(1)
    start = torch.randn(4, 3, generator=generator, dtype=torch.float64)
    theirs, mine = nn.Parameter(start.clone()), [start.clone()]
    optimizer = optimizer_of([theirs])
    for number in range(1, seeds + 1):
        gradient = 10**number * torch.randn(4, 3, generator=generator, dtype=torch.float64)
        theirs.grad = gradient.clone()
        optimizer.step()
        step(mine, [gradient], number)
    return theirs.detach(), mine[0]


def test_momentum_is_that_of_torch_optim(ours):
    velocity = [torch.zeros(4, 3, dtype=torch.float64)]
    theirs, mine = follow(
        lambda params: torch.optim.SGD(params, lr=0.02, momentum=0.9),
        lambda params, gradients, _: ours("momentum_step")(params, gradients, velocity, 0.02, 0.9),
    )
    torch.testing.assert_close(mine, theirs)


def test_adam_is_that_of_torch_optim(ours):
    first, second = ([torch.zeros(4, 3, dtype=torch.float64)] for _ in range(2))
    theirs, mine = follow(
        lambda params: torch.optim.Adam(params, lr=0.02, betas=(0.8, 0.95), eps=1e-3),
        lambda params, gradients, number: ours("adam_step")(
            params, gradients, first, second, number, 0.02, (0.8, 0.95), 1e-3
        ),
    )
    torch.testing.assert_close(mine, theirs)


def rates_of(schedule_of, steps, peak=0.3):
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=peak)
    schedule, found = schedule_of(optimizer), []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return found


def test_the_schedules_are_those_of_torch_optim(ours):
    stairs = rates_of(lambda o: torch.optim.lr_scheduler.StepLR(o, step_size=7, gamma=0.1), 30)
    assert [ours("step_rate")(0.3, t, 7, 0.1) for t in range(30)] == pytest.approx(stairs)
    cosine = rates_of(lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, T_max=30), 30)
    assert [ours("cosine_rate")(0.3, t, 30) for t in range(30)] == pytest.approx(cosine, abs=1e-12)


def test_what_momentum_does_to_the_step_is_what_repeating_it_gives(ours):
    velocity, swing, reached = 0.0, 0.0, None
    for step in range(1, 1000):
        velocity, swing = 0.9 * velocity + 1, 0.9 * swing + (-1) ** step
        if reached is None and velocity >= 0.9 / (1 - 0.9):
            reached = step
    assert velocity == pytest.approx(ours("q_limit"))
    assert reached == ours("q_steps_90")
    assert abs(swing) == pytest.approx(ours("q_swing"), rel=2e-3)


def test_adams_first_step_has_the_length_that_exercise_4_19_says(ours):
    for name, gradient in (("q_small", 1e-3), ("q_large", 1e3)):
        w = nn.Parameter(torch.zeros(1, dtype=torch.float64))
        w.grad = torch.tensor([gradient], dtype=torch.float64)
        torch.optim.Adam([w], lr=0.1).step()
        assert abs(w.item()) == pytest.approx(ours(name), rel=1e-4)
    largest = nn.Conv2d(64, 64, 5).weight.abs().max().item()
    assert 0.1 / largest == pytest.approx(ours("q_ratio"), rel=1e-2)


@pytest.mark.parametrize("shape", [(5, 9), (9, 5), (6, 6)])
def test_orthogonalised_matrices_keep_their_directions_and_get_singular_values_near_1(ours, draw, shape):
    matrix = torch.randn(*shape, generator=draw, dtype=torch.float64)
    u, s, vt = torch.linalg.svd(matrix, full_matrices=False)
    found = ours("orthogonalise")(matrix)
    inside = u.T @ found @ vt.T
    torch.testing.assert_close(inside, torch.diag(inside.diagonal()), atol=1e-9, rtol=0)
    large = inside.diagonal()[s / matrix.norm() > 0.05]
    assert 0.65 < float(large.min()) <= float(large.max()) < 1.25


# --- layers and losses -------------------------------------------------------------------------------------


def test_dropout_keeps_the_mean_and_has_the_moments_of_exercise_4_12(ours, draw):
    noise = torch.rand(400_000, generator=draw)
    y = ours("dropout")(torch.ones(400_000), 0.75, noise, True)
    assert float(y.mean()) == pytest.approx(ours("q_mean"), rel=0.02)
    assert float(y.max()) == ours("q_largest")
    assert float(y.var()) == pytest.approx(ours("q_variance"), rel=0.02)
    assert float((y > 0).float().mean()) == pytest.approx(ours("q_unscaled"), rel=0.02)


def test_dropout_takes_the_values_of_pytorchs(ours, draw):
    x = torch.randn(50, 40, generator=draw)
    theirs = F.dropout(x, 0.3)
    mine = ours("dropout")(x, 0.3, (theirs != 0).float(), True)
    torch.testing.assert_close(mine, theirs)
    assert torch.equal(ours("dropout")(x, 0.3, torch.rand(50, 40), False), F.dropout(x, 0.3, training=False))


def test_batch_norm_forward_and_backward_are_those_of_pytorch(ours, draw):
    x = (3 + 2 * torch.randn(5, 4, 6, 7, generator=draw, dtype=torch.float64)).requires_grad_()
    gamma, beta = (torch.randn(4, generator=draw, dtype=torch.float64).requires_grad_() for _ in range(2))
    d_y = torch.randn(5, 4, 6, 7, generator=draw, dtype=torch.float64)
    y = F.batch_norm(x, None, None, gamma, beta, training=True, eps=0.01)
    y.backward(d_y)
    torch.testing.assert_close(ours("batch_norm")(x, gamma, beta, 0.01), y)
    for mine, theirs in zip(
        ours("batch_norm_backward")(d_y, x.detach(), gamma.detach(), 0.01), (x, gamma, beta), strict=True
    ):
        torch.testing.assert_close(mine, theirs.grad)


def test_the_layer_is_pytorchs_in_training_and_in_evaluation(ours, draw):
    mine, theirs = ours("BatchNorm")(4), nn.BatchNorm2d(4)
    for _ in range(5):
        x = 2 + 3 * torch.randn(6, 4, 5, 5, generator=draw)
        torch.testing.assert_close(mine(x), theirs(x), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(mine.running_mean, theirs.running_mean)
    torch.testing.assert_close(mine.running_var, theirs.running_var)
    mine.eval(), theirs.eval()
    torch.testing.assert_close(mine(x[:1]), theirs(x[:1]), atol=1e-5, rtol=1e-4)


def test_a_bias_before_batch_norm_has_no_gradient(ours, draw):
    assert (ours("q_bias"), ours("q_bias_reason")) == ("a", 2)
    layer = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).double()
    y = layer(torch.randn(6, 3, 7, 7, generator=draw, dtype=torch.float64))
    (y * torch.randn(y.shape, generator=draw, dtype=torch.float64)).sum().backward()
    assert float(layer[0].bias.grad.abs().max()) < 1e-10 < float(layer[1].bias.grad.abs().max())


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.2, 1.0])
def test_the_smoothed_loss_is_pytorchs(ours, draw, smoothing):
    logits = 5 * torch.randn(30, 10, generator=draw, dtype=torch.float64)
    labels = torch.randint(10, (30,), generator=draw)
    torch.testing.assert_close(
        ours("smoothed_cross_entropy")(logits, labels, smoothing),
        F.cross_entropy(logits, labels, label_smoothing=smoothing),
    )


def test_the_patch_filters_whiten_and_are_those_of_scikit_learn(ours, draw):
    smooth = F.avg_pool2d(torch.rand(40, 3, 20, 20, generator=draw, dtype=torch.float64), 3, stride=1)
    patches = F.unfold(smooth, 3).transpose(1, 2).reshape(-1, 27).numpy()
    pca = PCA().fit(patches)
    filters = ours("patch_filters")(smooth, 3, 12, 1e-4).flatten(1).numpy()
    scale = np.sqrt(pca.explained_variance_[:12, None] + 1e-4)
    np.testing.assert_allclose(np.abs(filters), np.abs(pca.components_[:12] / scale), rtol=1e-3, atol=1e-3)

    outputs = F.conv2d(smooth, ours("patch_filters")(smooth, 3, 12, 0.0)).transpose(0, 1).flatten(1)
    torch.testing.assert_close(torch.cov(outputs), torch.eye(12).double(), atol=1e-3, rtol=1e-3)


def test_the_patch_filters_are_those_of_the_fast_network(ours, draw):
    data = images(draw, n=100, size=12)
    layer = whitening_layer(data, filters=10, generator=torch.Generator().manual_seed(0), stride=1)
    mine = ours("patch_filters")((data / 255).double(), 3, 10, 0.01)
    torch.testing.assert_close(mine.abs(), layer.weight.double().abs(), rtol=1e-2, atol=1e-3)


# --- choices -----------------------------------------------------------------------------------------------


def test_own_statistics_make_a_pixel_depend_on_its_neighbours_and_training_statistics_do_not(ours, draw):
    assert (ours("q_statistics"), ours("q_statistics_reason")) == ("c", 2)
    assert (ours("q_test"), ours("q_test_reason")) == ("b", 2)
    picture, dark = images(draw, n=1), images(draw) // 4
    statistics, standardise = ours("channel_statistics"), ours("standardise")
    among = torch.cat([picture, dark])
    own = [standardise(batch, *statistics(batch))[0] for batch in (picture, among)]
    fixed = [standardise(batch, *statistics(dark))[0] for batch in (picture, among)]
    assert float((own[0] - own[1]).abs().max()) > 0.5
    assert torch.equal(*fixed)
