# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Notebook 04: improving CNNs, one change at a time
#
# Your network from notebook 03 learns its training pictures by heart. The report tries seven remedies, and writes
# "faster convergence" or "less over-fitting" below each figure. How much faster? How much less? Was it the
# remedy, or luck? It gives not one number.
#
# Here you write each remedy yourself, see what it does, and read off the ledger what it is worth, alone and on top of
# the others. At the end stands a network that does in seconds what took another report eleven hours.
#
# Fill in the cells that begin with `# Exercise`, run them, then run the check below each. Stuck?
# `hint("4.2", 1)` points the way, `hint("4.2", 2)` nearly gives the answer, `solution("4.2")` shows it.
# `progress()` shows where you are; `reset("4.2")` gives an empty cell back. Where a number is asked for, a Python
# number and a tensor of shape () both count, and `"B"` is as good as `"b"`.
#
# *The report* is L. Tosato and M. Diez (RDFIA, TME 2), part 3: questions 19 to 34 and two bonuses.

# %% tags=["setup"]
import course_utils  # first: it decides how torch's threads wait

import math
import time

import torch
from IPython.display import Markdown
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils import plots
from course_utils.data import Split, load
from course_utils.data.augmentation import random_crop, random_flip
from course_utils.data.pixels import half_size, to_unit
from course_utils.data.preprocessing import MinMax, Standardise
from course_utils.evaluation import ledger
from course_utils.exercises import begin, check, hint, mine, progress, reset, solution
from course_utils.experiments import fast_cifar10
from course_utils.models.cnn import cnn
from course_utils.models.fast_cnn import fast_cnn
from course_utils.plots.feature_maps import as_pictures
from course_utils.plots.intervals import intervals
from course_utils.scale import pick
from course_utils.training.devices import best_device, one_thread
from course_utils.training.loop import fit
from course_utils.training.muon import orthogonalised
from course_utils.widgets.improvements import improvements_explorer

begin("04")

# %% [markdown]
# ## 1. How large is an improvement?
#
# Train the same network twice, with two random starts, and you get two test accuracies. Change something, train
# again, and you get a third. Is it better because of the change, or because of the start?
#
# So train with **several seeds**, and give both versions the same seeds: the same start, the same order of the
# pictures. What a lucky start does to both cancels in the difference of each pair.
#
# ### Exercise 4.1: a difference and its error
#
# Pair by pair you have differences $d_1, \dots, d_n$. Return their mean $\bar d$ and its *standard error*, by how much
# the mean would vary if you did it all again with other seeds:
#
# $$\text{standard error} = \frac{s}{\sqrt n} \qquad s^2 = \frac{1}{n-1} \sum_i (d_i - \bar d)^2$$


# %%
# Exercise 4.1 (1 point, 8 minutes, difficulty 1)
def paired_difference(changed: list[float], baseline: list[float]) -> tuple[float, float]:
    """Return mean and standard error of changed[i] - baseline[i]; entry i of both has the same seed."""
    ### BEGIN SOLUTION
    d = torch.tensor(changed, dtype=torch.float64) - torch.tensor(baseline, dtype=torch.float64)
    return d.mean().item(), d.std().item() / math.sqrt(len(d))
    ### END SOLUTION


# %%
check("4.1")

# %% [markdown]
# The ledger's rule for all claims in this notebook: a difference counts if it is at least **two standard errors**
# away from zero, over at least three pairs of seeds. Otherwise the ledger says "differs: $n$ seeds do not decide": the
# means differ, but luck may be why.
#
# Now the data and the network. Its kind is that of notebook 03. On the stand-in pictures of scale `smoke` it is a
# small one, and the pictures have half the size, so that you wait for seconds and not for minutes.

# %%
data, device = load("cifar10"), best_device()
note = " (drawn stand-ins)" if data.stand_in else ""
print(data)

few = slice(pick(smoke=4000, laptop=10_000, full=50_000))
train, test = Split(data.train.images[few], data.train.labels[few]), data.test
network_size = {}  # as in the report
if data.stand_in:
    train = Split(half_size(train.images), train.labels)
    test = Split(half_size(test.images), test.labels)
    network_size = {"widths": (8, 16, 32), "hidden": 64}
SIDE = train.images.shape[-1]
PADDING = SIDE // 8
EPOCHS = pick(smoke=6, laptop=10, full=30)
BATCH_SIZE = pick(smoke=32, laptop=32, full=128)


def sgd(parameters):
    return torch.optim.SGD(parameters, lr=pick(smoke=0.1, laptop=0.05, full=0.1))


def sgd_momentum(parameters):
    return torch.optim.SGD(parameters, lr=0.02, momentum=0.9)


def train_network(
    preprocess,
    *,
    images=train,
    epochs=EPOCHS,
    batch_size=BATCH_SIZE,
    optimizer=sgd,
    cosine=False,
    augment=None,
    measured_every=None,
    **changes,
):
    """Train from the same start on the same batches; return the network and its history.

    With `measured_every`, training pictures are measured as they are, in evaluation mode, after so many epochs.
    """
    network = cnn(
        generator=torch.Generator().manual_seed(0), image_size=SIDE, **network_size, **changes
    ).to(device)
    descent = optimizer(network.parameters())
    steps = epochs * math.ceil(len(images) / batch_size)
    history = fit(
        network,
        images,
        test,
        epochs=epochs,
        optimizer=descent,
        schedule=torch.optim.lr_scheduler.CosineAnnealingLR(descent, steps) if cosine else None,
        batch_size=batch_size,
        generator=torch.Generator().manual_seed(1),
        preprocess=preprocess,
        augment=augment,
        train_metrics="measured" if measured_every else "running",
        record_every=measured_every or 1,
        precision=pick(smoke="float32", laptop="auto", full="auto"),
        stop_when_diverged=False,
    )
    return network, history


# %% [markdown]
# ## 2. Should red 200 be a large number?
#
# A pixel's red is a number from 0 to 255, or from 0 to 1. All are positive, and most are far from 0. *Standardised*
# numbers have mean 0 and standard deviation 1 in each channel $c$:
#
# $$\tilde x_c = \frac{x_c - \mu_c}{\sigma_c}$$
#
# ### Exercise 4.2: standardise
#
# *(Report question 19.)* First find $\mu$ and $\sigma$ of the three channels, over all images and all pixels; then
# apply them. Both work on numbers in [0, 1]; `to_unit` turns bytes into these. (A standard deviation with $N$ or with
# $N - 1$: with so many pixels both count as right.)


# %%
# Exercise 4.2 (2 points, 10 minutes, difficulty 2)
def channel_statistics(images: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean (3,) and standard deviation (3,) of the channels of images, uint8 (N, 3, H, W), in [0, 1]."""
    ### BEGIN SOLUTION
    x = to_unit(images)
    return x.mean(dim=(0, 2, 3)), x.std(dim=(0, 2, 3))
    ### END SOLUTION


def standardise(images: Tensor, mean: Tensor, sd: Tensor) -> Tensor:
    """Subtract mean (3,) from images, uint8 (N, 3, H, W), taken as numbers in [0, 1], and divide by sd (3,)."""
    ### BEGIN SOLUTION
    return (to_unit(images) - mean[:, None, None]) / sd[:, None, None]
    ### END SOLUTION


# %%
check("4.2")

# %%
MEAN, SD = (values.to(device) for values in channel_statistics(train.images))


def standardised(images: Tensor) -> Tensor:
    return standardise(images, MEAN, SD)


plain, plain_history = train_network(to_unit)
network, history = train_network(standardised)
figure = plots.curves(
    {"numbers in [0, 1]": plain_history, "standardised": history},
    title=f"After {EPOCHS} epochs {history.test_accuracy[-1]:.0%} of the test pictures are right with "
    f"standardisation, {plain_history.test_accuracy[-1]:.0%} without{note}",
)
plots.show(
    figure,
    alt="Loss and accuracy against epochs with numbers in [0, 1] and with standardised numbers, from the same start.",
)

# %% [markdown]
# Why does that help? Descent is limited by the steepest direction, and slow along the flat ones. For the weights of
# the first layer, how steep the directions are is told by the eigenvalues of the mean of $x x^\top$ over the patches
# $x$ that a filter sees (exactly so for a linear layer with a squared error). How much does the steepest one stand
# out?


# %%
def steepest(x: Tensor) -> float:
    """Return largest through mean eigenvalue of the mean of x xᵀ over all 5x5 patches of images (N, 3, H, W)."""
    patches = F.unfold(x, 5).transpose(1, 2).reshape(-1, 75)  # (N * places, 75)
    eigenvalues = torch.linalg.eigvalsh(patches.T @ patches / len(patches))
    return float(eigenvalues.max() / eigenvalues.mean())


sample = train.images[:500]
low_high = MinMax.of(train.images)  # (x - smallest) / (largest - smallest), channel by channel
for name, x in (
    ("in [0, 1]", to_unit(sample)),
    ("min-max", low_high(sample)),
    ("standardised", standardised(sample.to(device)).cpu()),
):
    print(
        f"{name:>13}: the steepest direction is {steepest(x):4.1f} times as steep as the average one"
    )

# %% [markdown]
# Min-max scaling, the report's other idea, stretches each channel to [0, 1]. Photographs reach 0 and 255 anyway, so
# it does next to nothing. What helps is that the *mean* goes.
#
# ### Whose mean?
#
# The report writes that validation data should not be normalised with values from the training set, because these
# "do not necessarily reflect the reality of the validation set". Look at what its alternative does. First, one and
# the same picture, in four different batches:

# %%
order = test.images.float().mean(dim=(1, 2, 3)).argsort()  # from dark to bright
picture = test.images[order[len(order) // 2]][None]
neighbours = {
    "alone": picture,
    "among dark ones": torch.cat([picture, test.images[order[:24]]]),
    "among bright ones": torch.cat([picture, test.images[order[-24:]]]),
    "among all": torch.cat([picture, test.images]),
}
print("the red of one pixel    own statistics    training statistics")
for name, batch in neighbours.items():
    own = standardise(batch, *channel_statistics(batch))[0, 0, 4, 4]
    fixed = standardise(batch, MEAN.cpu(), SD.cpu())[0, 0, 4, 4]
    print(f"{name:20} {own:16.2f} {fixed:19.2f}")

# %% [markdown]
# Then your trained network, on test pictures that come in batches: in any order, or class by class, as they do when
# somebody has sorted them into folders. How many of its answers change when each batch is standardised with its own
# statistics?


# %%
@torch.no_grad()
def answers(rows: Tensor, size: int, *, own: bool) -> Tensor:
    """Return the predicted classes of these test pictures when they come in batches of this size."""
    found = []
    for images in test.images[rows].to(device).split(size):
        x = standardise(images, *channel_statistics(images)) if own else standardised(images)
        found.append(network(x).argmax(dim=1).cpu())
    return torch.cat(found)


network.eval()
sizes = [1, 2, 5, 10, 25, 100]
any_order = torch.arange(500)
by_class = any_order[test.labels[any_order].argsort()]
changed = {
    name: [
        float((answers(rows, n, own=True) != answers(rows, 100, own=False)).float().mean())
        for n in sizes
    ]
    for name, rows in (("in any order", any_order), ("class by class", by_class))
}
right, right_alone = (
    int((answers(any_order, n, own=own) == test.labels[any_order]).sum())
    for n, own in ((100, False), (1, True))
)
figure = plots.lines(
    sizes,
    changed,
    title=f"Standardised by itself, a picture alone gets another answer in {changed['in any order'][0]:.0%} of all "
    f"cases, and {right_alone} instead of {right} of 500 are right; in batches of 25 of one class "
    f"{changed['class by class'][4]:.0%} of the answers change, in any order {changed['in any order'][4]:.0%}{note}",
    x_name="pictures in a batch",
    y_name="share of answers that change",
    log_x=True,
)
plots.show(
    figure,
    alt="Share of answers that change with a batch's own statistics, against the batch size: most for single pictures; "
    "for large batches few in any order, more class by class.",
)

# %% [markdown]
# ### Exercise 4.3: whose statistics?
#
# *(Report question 20.)* Validation and test pictures are standardised with
#
# - **a** the statistics of the batch or set that they come in
# - **b** each picture with its own
# - **c** the statistics of the training set
# - **d** the statistics of all data, training and test together
#
# Because:
#
# 1. otherwise the statistics would be biased towards the training set;
# 2. the same pixel must mean the same to the network, in whatever company it comes, and nothing may be learned from
#    test data;
# 3. computing statistics anew would take too long.

# %%
# Exercise 4.3 (1 point, 4 minutes, difficulty 1)
# q_statistics: one of "a", "b", "c", "d"; q_statistics_reason: 1, 2 or 3
### BEGIN SOLUTION
q_statistics = "c"
q_statistics_reason = 2
### END SOLUTION

# %%
check("4.3")

# %% [markdown]
# ### Whitening: the other extreme
#
# Standardised channels are still correlated: a pixel is much like its neighbour. *Whitening* removes that as well.
# Let $\Sigma = U \operatorname{diag}(\lambda)\, U^\top$ be the covariance of the pictures' numbers. Then
#
# $$\text{PCA: } W = U \operatorname{diag}\frac{1}{\sqrt{\lambda + \varepsilon}} \qquad
# \text{ZCA: } W = U \operatorname{diag}\frac{1}{\sqrt{\lambda + \varepsilon}}\; U^\top
# \qquad \tilde x = (x - \mu)^\top W$$
#
# PCA whitening turns the picture into its directions of variance; ZCA turns it back, so that a pixel stays a pixel.
# ($\varepsilon$ keeps directions without variance, mostly noise, from being blown up. If you keep only the columns of
# the largest $\lambda$ in PCA's $W$, you make the picture smaller as well: that is what the report describes.)
#
# ### Exercise 4.4: ZCA whitening
#
# *(Report question 21.)* Return $\mu$ and the ZCA matrix $W$. The covariance is the mean of $(x - \mu)(x - \mu)^\top$
# over the rows: divide by $N$, not by $N - 1$. `torch.linalg.eigh` finds $\lambda$ and $U$.


# %%
# Exercise 4.4 (3 points, 15 minutes, difficulty 3)
def zca(x: Tensor, epsilon: float) -> tuple[Tensor, Tensor]:
    """Return the mean (d,) of rows x (N, d) and the matrix (d, d) that whitens (x - mean) @ matrix."""
    ### BEGIN SOLUTION
    mean = x.mean(dim=0)
    centred = x - mean
    covariance = centred.T @ centred / len(x)
    eigenvalues, vectors = torch.linalg.eigh(covariance)
    return mean, (vectors / (eigenvalues + epsilon).sqrt()) @ vectors.T
    ### END SOLUTION


# %%
check("4.4")

# %%
flat = to_unit(train.images[:4000]).flatten(1)  # (N, d)
mean_picture, matrix = zca(flat, epsilon=0.01)
white = ((flat - mean_picture) @ matrix).reshape(-1, *train.images.shape[1:])
eight = train.images[:8]
figure = plots.images(
    torch.cat([eight, torch.from_numpy(as_pictures(white[:8]))]),
    title=f"Whitened pictures keep their edges; the steepest direction is now {steepest(white[:500]):.1f} times as "
    f"steep as the average one{note}",
)
plots.show(
    figure,
    alt="Eight pictures, and below them the same eight after ZCA whitening: grey, with coloured edges.",
)

# %% [markdown]
# Does it pay? Here is what the real pictures say, over three pairs of seeds, for all of this part:

# %%
Markdown(ledger.table("A10"))

# %% [markdown]
# ## 3. The same picture, a little to the left
#
# Over-fitting ends where the network runs out of pictures to learn by heart. New pictures cost money; changed ones are
# free. A random *crop* pads each picture with black and cuts out a window of the old size; a random *flip* mirrors
# each with probability 1/2.
#
# There is a trap, and it is in the most popular library. Six copies of one picture, cut by torchvision as a batch, and
# below them cut one by one:

# %%
from torchvision.transforms import v2

six = train.images[3].expand(6, -1, -1, -1).contiguous()
torch.manual_seed(0)
as_a_batch = v2.RandomCrop(SIDE, padding=PADDING)(six)
one_by_one = random_crop(six, torch.Generator().manual_seed(0), padding=PADDING)
kinds = [
    len({tuple(image.flatten().tolist()) for image in batch})
    for batch in (as_a_batch, one_by_one)
]
figure = plots.images(
    torch.cat([as_a_batch, one_by_one]),
    columns=6,
    title=f"Six copies in a batch: torchvision makes {kinds[0]} version of them, a window for each picture makes "
    f"{kinds[1]}{note}",
)
plots.show(
    figure,
    alt="Two rows of six crops of one picture: all alike in the first, all different in the second.",
)

# %% [markdown]
# torchvision draws one window for the whole batch. Picture after picture it works, but that is slow. You can have
# both.
#
# ### Exercise 4.5: a window for each picture
#
# Pad each picture with `padding` zeros on all sides and cut its own window out of it: picture `i` begins at row
# `top[i]` and column `left[i]` of the padded picture. All at once, by indexing: build a table of row numbers
# (N, H), one of column numbers (N, W), and let PyTorch broadcast them. (A loop over the pictures is right, too; below
# you see what it costs.)


# %%
# Exercise 4.5 (3 points, 15 minutes, difficulty 3)
def crop(images: Tensor, top: Tensor, left: Tensor, padding: int = 4) -> Tensor:
    """Cut from each padded image (N, C, H, W) its window of the old size; top and left, int64 (N,), begin it."""
    ### BEGIN SOLUTION
    n, _, height, width = images.shape
    padded = F.pad(images, (padding, padding, padding, padding))
    rows = top[:, None] + torch.arange(height, device=images.device)  # (N, H)
    columns = left[:, None] + torch.arange(width, device=images.device)  # (N, W)
    image = torch.arange(n, device=images.device)
    windows = padded[
        image[:, None, None], :, rows[:, :, None], columns[:, None, :]
    ]  # (N, H, W, C)
    return windows.permute(0, 3, 1, 2)
    ### END SOLUTION


# %%
check("4.5")


# %%
def augment(images: Tensor, generator: torch.Generator) -> Tensor:
    """Cut a random window out of each image, then mirror each with probability 1/2."""
    top, left = torch.randint(
        2 * PADDING + 1, (2, len(images)), generator=generator, device=images.device
    )
    return random_flip(crop(images, top, left, PADDING), generator)


batch, generator = train.images[:500], torch.Generator().manual_seed(0)
one_picture = v2.Compose([v2.RandomCrop(SIDE, padding=PADDING), v2.RandomHorizontalFlip()])
with one_thread():
    started = time.perf_counter()
    augment(batch, generator)
    at_once = time.perf_counter() - started
    started = time.perf_counter()
    torch.stack([one_picture(image) for image in batch])
    in_a_loop = time.perf_counter() - started
print(
    f"{len(batch)} pictures: {1000 * at_once:.1f} ms at once, {1000 * in_a_loop:.1f} ms picture after picture"
)

# %% [markdown]
# ### Exercise 4.6: more pictures?
#
# *(Report question 22.)* The report calls this "increase in the number of training examples", and finds the
# convergence slower because "there are more data". Count. There are 50 000 training pictures, batches of 128, a
# padding of 4 pixels, and flips.
#
# - How many steps does an epoch have, with crop and flip?
# - How many pictures does the network see in an epoch?
# - How many pairs of a window and a flip (or none) are there for one picture? (Count all, even if two look alike.)

# %%
# Exercise 4.6 (2 points, 6 minutes, difficulty 2)
# three whole numbers
### BEGIN SOLUTION
q_steps = 391
q_images = 50_000
q_versions = 162
### END SOLUTION

# %%
check("4.6")

# %% [markdown]
# So an epoch is as long as before. It is only that the network never sees the same picture twice, and has to learn
# what the versions have in common: that is harder, hence slower.
#
# To see over-fitting in seconds, take few pictures. (Momentum and a schedule, part 4, and batch norm, part 6, are on:
# here they only save your time.)

# %%
some = slice(600)
to_over_fit = {
    "images": Split(train.images[some], train.labels[some]),
    "epochs": pick(smoke=12, laptop=40, full=40),
    "batch_size": 16,
    "optimizer": sgd_momentum,
    "cosine": True,
    "batch_norm": True,
    "measured_every": 2,  # augmented pictures are harder than the same as they are
}
_, by_heart = train_network(standardised, **to_over_fit)
_, augmented = train_network(standardised, augment=augment, **to_over_fit)
gaps = [100 * (h.train_accuracy[-1] - h.test_accuracy[-1]) for h in (by_heart, augmented)]
figure = plots.curves(
    {"as they are": by_heart, "crop and flip": augmented},
    title=f"600 training pictures: training is {gaps[0]:.0f} points better than test without augmentation, "
    f"{gaps[1]:.0f} with it; test accuracy {by_heart.test_accuracy[-1]:.0%} and "
    f"{augmented.test_accuracy[-1]:.0%} after {by_heart.epochs[-1]} epochs{note}",
)
plots.show(
    figure,
    alt="Loss and accuracy against epochs on 600 training pictures: without augmentation training and test curves "
    "part, with crop and flip they stay together and rise more slowly.",
)

# %% [markdown]
# A small gap is not the goal. A network that has learned nothing has no gap at all: look at the test accuracy.
#
# ### Exercise 4.7: and at test time?
#
# *(Report question 24.)* The report's answer mentions "pre-processing to our data in test for each image". Which of
# these is done to a test picture?
#
# - **a** nothing
# - **b** it is standardised with the training statistics
# - **c** as **b**, and a random crop and flip as in training
# - **d** it is standardised with the statistics of the test set
#
# Because:
#
# 1. augmentation would take too long at test time;
# 2. what is always the same belongs to the network, which was trained on such numbers; a random change only makes the
#    answer depend on luck;
# 3. no version of a test picture but the picture itself can be of any use.

# %%
# Exercise 4.7 (1 point, 4 minutes, difficulty 1)
# q_test: one of "a", "b", "c", "d"; q_test_reason: 1, 2 or 3
### BEGIN SOLUTION
q_test = "b"
q_test_reason = 2
### END SOLUTION

# %%
check("4.7")

# %% [markdown]
# Two warnings. A flip must leave the label right: a mirrored ship is a ship, a mirrored 2 is no digit. And nobody
# but you knows which changes leave your labels right.

# %%
Markdown(ledger.table("A11"))

# %% [markdown]
# ## 4. Why does descent zigzag?
#
# In a long valley the gradient points across it, not along it. *Momentum* remembers where the steps went: it keeps a
# velocity $v$ for each parameter $w$ with gradient $g$,
#
# $$v \leftarrow \mu v + g \qquad w \leftarrow w - \eta v$$
#
# Across the valley the gradients alternate and cancel; along it they add up.
#
# ### Exercise 4.8: momentum
#
# Three lists of tensors that belong together. Change the parameters and velocities themselves, in place: the network
# holds the same tensors, and a new one in the list would not reach it. (No autograd here: the gradients are given.)


# %%
# Exercise 4.8 (2 points, 10 minutes, difficulty 2)
def momentum_step(
    params: list[Tensor],
    gradients: list[Tensor],
    velocities: list[Tensor],
    learning_rate: float,
    momentum: float,
) -> None:
    """Update velocities and parameters in place; the gradients stay as they are."""
    ### BEGIN SOLUTION
    for parameter, gradient, velocity in zip(params, gradients, velocities):
        velocity.mul_(momentum).add_(gradient)
        parameter -= learning_rate * velocity
    ### END SOLUTION


# %%
check("4.8")

# %%
steep = torch.tensor([1.0, 25.0])  # f(w) = (1 w₁² + 25 w₂²) / 2, a valley along the first axis


def descend(momentum: float, rate: float = 0.035, steps: int = 60) -> Tensor:
    """Return f along the way from (10, 1)."""
    w, v, heights = [torch.tensor([10.0, 1.0])], [torch.zeros(2)], []
    for _ in range(steps + 1):
        heights.append((steep * w[0] ** 2).sum() / 2)
        momentum_step(w, [steep * w[0]], v, rate, momentum)
    return torch.stack(heights)


ways = {f"momentum {mu:g}": descend(mu) for mu in (0.0, 0.5, 0.8, 0.95)}
ends = {name: float(way[-1]) for name, way in ways.items()}
best = min(ends, key=ends.get)
figure = plots.lines(
    range(61),
    {name: way.log10() for name, way in ways.items()},
    title=f"Down the same valley at the same rate, {best} comes lowest in 60 steps: {ends[best]:.0e}, "
    f"against {ends['momentum 0']:.0e} without",
    x_name="step",
    y_name="log10 of the height",
)
plots.show(
    figure,
    alt="Height above the bottom of a valley against steps, on a logarithmic scale, for four values of the momentum.",
)

# %% [markdown]
# ### Exercise 4.9: schedules
#
# Far from the goal large steps are good, near it small ones: the noise of the batches keeps a large step from ever
# settling. Two schedules are common: stairs, and half a cosine.
#
# *(Report questions 26 and 27.)* With the peak $\eta_0$, the `factor` $f$, `every` $k$ steps, and $T$ `steps` in all:
#
# $$\eta_\text{stairs}(t) = \eta_0\, f^{\lfloor t / k \rfloor} \qquad
# \eta_\text{cosine}(t) = \eta_0\, \frac{1 + \cos(\pi t / T)}{2}$$


# %%
# Exercise 4.9 (2 points, 8 minutes, difficulty 1)
def step_rate(peak: float, step: int, every: int, factor: float) -> float:
    """Return the learning rate at a step, if it starts at `peak` and is multiplied by `factor` every `every` steps."""
    ### BEGIN SOLUTION
    return peak * factor ** (step // every)
    ### END SOLUTION


def cosine_rate(peak: float, step: int, steps: int) -> float:
    """Return the learning rate at a step, if it falls from `peak` to 0 in `steps` steps as half a cosine."""
    ### BEGIN SOLUTION
    return peak * 0.5 * (1 + math.cos(math.pi * step / steps))
    ### END SOLUTION


# %%
check("4.9")

# %% [markdown]
# Are these what PyTorch does? Its optimizer and its schedules against yours, on the same random gradients:

# %%
generator = torch.Generator().manual_seed(0)
w, v = [torch.zeros(5, dtype=torch.float64)], [torch.zeros(5, dtype=torch.float64)]
theirs = nn.Parameter(w[0].clone())
optimizer = torch.optim.SGD([theirs], lr=0.1, momentum=0.9)
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=100)
for t in range(100):
    gradient = torch.randn(5, generator=generator, dtype=torch.float64)
    momentum_step(w, [gradient], v, cosine_rate(0.1, t, 100), 0.9)
    theirs.grad = gradient
    optimizer.step()
    schedule.step()
print(
    f"after 100 steps the largest difference is {float((w[0] - theirs.detach()).abs().max()):.0e}"
)

# %% [markdown]
# ### Exercise 4.10: how fast does it get?
#
# With $\mu = 0.9$, starting at rest:
#
# - If the gradient is 1 at every step, what does the velocity tend to?
# - After how many steps has it reached at least 90 % of that?
# - If the gradient is +1, -1, +1, -1, ..., what does the *size* of the velocity tend to? (Two decimals.)

# %%
# Exercise 4.10 (2 points, 8 minutes, difficulty 2)
### BEGIN SOLUTION
q_limit = 10
q_steps_90 = 22
q_swing = 0.526
### END SOLUTION

# %%
check("4.10")

# %% [markdown]
# Remember the first number. Momentum 0.9 makes the steps ten times as long, so whoever adds momentum and keeps the
# learning rate has changed two things at once. Here the rate goes down as the momentum comes in.

# %%
_, stepped = train_network(standardised, optimizer=sgd_momentum, cosine=True)
figure = plots.curves(
    {"SGD": history, "momentum and cosine": stepped},
    title=f"After {EPOCHS} epochs {stepped.test_accuracy[-1]:.0%} of the test pictures are right with momentum and "
    f"schedule, {history.test_accuracy[-1]:.0%} with plain SGD{note}",
)
plots.show(
    figure,
    alt="Loss and accuracy against epochs for plain SGD and for momentum with a cosine schedule.",
)

# %% [markdown]
# The report says that a schedule gives "a better chance with this method of finding the global minimum". Nobody knows
# where that is, and a network that found it on the training set might well be over-fitted. What you can measure is
# this:

# %%
Markdown(ledger.table("A12"))

# %% [markdown]
# ## 5. What if half of the units are missing?
#
# *Dropout* sets each unit of a layer to 0 with probability $p$, anew for every picture and every step. No unit can
# rely on a certain other one to be there. (The report speaks of weights that are set to 0. That exists, too, but it
# is another method.)
#
# ### Exercise 4.11: dropout
#
# *(Report questions 29 to 33.)* In training, drop where the noise (uniform numbers from 0 to 1) is below $p$. What
# remains must make up for what is gone, so that the mean of every unit stays the same: find the factor, which the
# report does not mention. In evaluation nothing happens.


# %%
# Exercise 4.11 (2 points, 8 minutes, difficulty 2)
def dropout(x: Tensor, p: float, noise: Tensor, training: bool) -> Tensor:
    """Drop entries of x where noise (same shape, uniform in [0, 1)) is below p, and scale the others; or do nothing."""
    ### BEGIN SOLUTION
    if not training:
        return x
    return x * (noise >= p) / (1 - p)
    ### END SOLUTION


# %%
check("4.11")

# %% [markdown]
# ### Exercise 4.12: what it does to a number
#
# A unit gives $x = 1$, and $p = 0.75$. In training, after dropout with the right factor:
#
# - what is the mean of the output,
# - what is the largest value it takes,
# - what is its variance?
# - And what would its mean be if you forgot the factor?

# %%
# Exercise 4.12 (2 points, 6 minutes, difficulty 2)
### BEGIN SOLUTION
q_mean = 1
q_largest = 4
q_variance = 3
q_unscaled = 0.25
### END SOLUTION

# %%
check("4.12")

# %% [markdown]
# Dropout is noise, and you want no noise when you measure. What if you forget `network.eval()`? Your standardised
# network, with your dropout after its hidden layer:

# %%
generator = torch.Generator().manual_seed(0)
shares = [0.0, 0.1, 0.25, 0.5, 0.75, 0.9]
with torch.no_grad():
    body, head = network[:-1].eval(), network[-1]
    hidden = torch.cat([body(standardised(x.to(device))) for x in test.images.split(500)])
    noise = torch.rand(hidden.shape, generator=generator).to(device)

    def accuracy_with(p: float, training: bool) -> float:
        predictions = head(dropout(hidden, p, noise, training)).argmax(dim=1).cpu()
        return float((predictions == test.labels).float().mean())

    accuracies = {
        "evaluation mode": [accuracy_with(p, False) for p in shares],
        "training mode": [accuracy_with(p, True) for p in shares],
    }
lost = 100 * (accuracies["evaluation mode"][3] - accuracies["training mode"][3])
figure = plots.lines(
    shares,
    accuracies,
    title=f"Measured in training mode, dropout with p = 0.5 costs {lost:.1f} points{note}",
    x_name="p",
    y_name="test accuracy",
)
plots.show(
    figure,
    alt="Test accuracy against the dropout probability p: constant in evaluation mode, falling in training mode.",
)
kept = dropout(hidden, 0.5, noise, True).mean() / hidden.mean()
print(f"mean of the hidden units with dropout, divided by that without: {float(kept):.3f}")

# %% [markdown]
# That was a network trained without dropout. Which $p$ is best to *train* with? The ledger tried three:

# %%
Markdown(ledger.table("A13"))

# %% [markdown]
# ## 6. What if every layer saw standardised numbers?
#
# You standardised the input because it made learning faster. The second layer's input is the first layer's output, and
# nobody standardises that; it even moves while the first layer learns. *Batch norm* does it, channel by channel, with
# the statistics of the batch, and then lets the network choose its own scale $\gamma$ and shift $\beta$:
#
# $$\hat x = \frac{x - \mu}{\sqrt{v + \varepsilon}} \qquad y = \gamma \hat x + \beta$$
#
# where $\mu$ and $v$ are mean and variance of a channel over the batch, height and width.
#
# ### Exercise 4.13: forward
#
# *(Report question 34.)* The variance is that of these very numbers: divided by their count, not by one less.


# %%
# Exercise 4.13 (2 points, 10 minutes, difficulty 2)
def batch_norm(x: Tensor, gamma: Tensor, beta: Tensor, epsilon: float = 1e-5) -> Tensor:
    """Normalise each channel of x (N, C, H, W) over the batch, then scale by gamma (C,) and shift by beta (C,)."""
    ### BEGIN SOLUTION
    mean = x.mean(dim=(0, 2, 3), keepdim=True)  # (1, C, 1, 1)
    variance = x.var(dim=(0, 2, 3), correction=0, keepdim=True)
    x_hat = (x - mean) / (variance + epsilon).sqrt()
    return gamma[:, None, None] * x_hat + beta[:, None, None]
    ### END SOLUTION


# %%
check("4.13")

# %% [markdown]
# ### Exercise 4.14: backward
#
# Now you are the autograd once more. You get $\partial L / \partial y$ (call it `d_y`), and look for the gradients of
# $x$, $\gamma$ and $\beta$. Write $\sigma = \sqrt{v + \varepsilon}$, and $n = NHW$ for the count of numbers in a channel.
# The gradients of $\gamma$ and $\beta$ are easy. But $x_i$ reaches the loss along three paths, directly, through $\mu$
# and through $v$:
#
# $$\frac{\partial L}{\partial x_i} = \frac{1}{\sigma} \frac{\partial L}{\partial \hat x_i}
# + \frac{1}{n} \frac{\partial L}{\partial \mu} + \frac{2 (x_i - \mu)}{n} \frac{\partial L}{\partial v} \qquad
# \frac{\partial L}{\partial \mu} = -\frac{1}{\sigma} \sum_j \frac{\partial L}{\partial \hat x_j} \qquad
# \frac{\partial L}{\partial v} = -\frac{1}{2 \sigma^3} \sum_j (x_j - \mu) \frac{\partial L}{\partial \hat x_j}$$
#
# Put $\partial L / \partial \hat x = \gamma\, \partial L / \partial y$ in, and simplify: in the gradient of $x$ two
# means are left, and no sum. The gradients of $\gamma$ and $\beta$ are sums. (The check switches autograd off.)


# %%
# Exercise 4.14 (4 points, 25 minutes, difficulty 4)
def batch_norm_backward(
    d_y: Tensor, x: Tensor, gamma: Tensor, epsilon: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of x (N, C, H, W), gamma (C,) and beta (C,), given that of y (N, C, H, W)."""
    ### BEGIN SOLUTION

    def mean(values: Tensor) -> Tensor:
        return values.mean(dim=(0, 2, 3), keepdim=True)  # (1, C, 1, 1)

    centred = x - mean(x)
    sd = (mean(centred**2) + epsilon).sqrt()
    x_hat = centred / sd
    d_x = gamma[:, None, None] / sd * (d_y - mean(d_y) - x_hat * mean(d_y * x_hat))
    return d_x, (d_y * x_hat).sum(dim=(0, 2, 3)), d_y.sum(dim=(0, 2, 3))
    ### END SOLUTION


# %%
check("4.14")

# %% [markdown]
# ### Exercise 4.15: a layer with a memory
#
# At test time a picture may come alone, and alone it has no batch to be normalised with (you saw in part 2 what its
# company would do to it). So while training, the layer keeps *running* statistics,
#
# $$r \leftarrow (1 - m)\, r + m \cdot \text{(statistic of the batch)},$$
#
# and in evaluation it uses these. One subtlety, as PyTorch has it: the running variance is an estimate for all data,
# so its sum of squares is divided by $n - 1$ (plain `var`). To normalise the batch itself, divide by $n$.
#
# Write `forward` for both modes. The update of the running statistics must not be tracked by autograd; the batch's
# statistics that normalise must be.


# %%
# Exercise 4.15 (3 points, 20 minutes, difficulty 3)
class BatchNorm(nn.Module):
    """Batch norm over (N, C, H, W) with running statistics."""

    def __init__(self, channels: int, momentum: float = 0.1, epsilon: float = 1e-5) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(channels))
        self.beta = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))
        self.momentum, self.epsilon = momentum, epsilon

    def forward(self, x: Tensor) -> Tensor:
        """Normalise with the batch's statistics in training, with the running ones in evaluation."""
        ### BEGIN SOLUTION
        channel, m = (0, 2, 3), self.momentum
        if self.training:
            with torch.no_grad():
                self.running_mean.mul_(1 - m).add_(m * x.mean(dim=channel))
                self.running_var.mul_(1 - m).add_(m * x.var(dim=channel))
            return batch_norm(x, self.gamma, self.beta, self.epsilon)
        mean, variance = self.running_mean[:, None, None], self.running_var[:, None, None]
        x_hat = (x - mean) / (variance + self.epsilon).sqrt()
        return self.gamma[:, None, None] * x_hat + self.beta[:, None, None]
        ### END SOLUTION


# %%
check("4.15")

# %% [markdown]
# Train the network with batch norm after each convolution. Then ask it for the same picture's class in thirty
# different batches, once in each mode.

# %%
normed, with_norm = train_network(standardised, batch_norm=True)
figure = plots.curves(
    {"without": history, "batch norm": with_norm},
    title=f"Batch norm has {with_norm.test_accuracy[2]:.0%} of the test pictures right after 3 epochs, the network "
    f"without it {history.test_accuracy[2]:.0%}; after {EPOCHS}, {with_norm.test_accuracy[-1]:.0%} and "
    f"{history.test_accuracy[-1]:.0%}{note}",
)
plots.show(figure, alt="Loss and accuracy against epochs with and without batch norm.")

# %%
generator = torch.Generator().manual_seed(0)


def probability(batch: Tensor, *, training: bool) -> float:
    """Return the probability that the batch's first picture gets for its class."""
    normed.train(training)
    with torch.no_grad():
        return float(normed(standardised(batch.to(device))).softmax(dim=1)[0, test.labels[0]])


batches = [
    torch.cat(
        [
            test.images[:1],
            test.images[torch.randint(len(test.labels), (15,), generator=generator)],
        ]
    )
    for _ in range(30)
]
running = [module for module in normed.modules() if isinstance(module, nn.BatchNorm2d)]
for module in running:
    module.momentum = 0.0  # only look: training mode would go on changing the running statistics
probabilities = {
    "train(): the batch's statistics": [probability(batch, training=True) for batch in batches],
    "eval(): the running statistics": [probability(batch, training=False) for batch in batches],
}
spread = [max(line) - min(line) for line in probabilities.values()]
figure = plots.lines(
    range(30),
    probabilities,
    title=f"One picture among other neighbours: its probability moves by {spread[0]:.2f} in training mode, by "
    f"{spread[1]:.2f} in evaluation mode{note}",
    x_name="batch",
    y_name="probability of the true class",
    limits=(-0.02, 1.02),
)
plots.show(
    figure,
    alt="Probability of one picture's class in thirty batches: jumping in training mode, a straight line in "
    "evaluation mode.",
)

# %% [markdown]
# ### Exercise 4.16: a bias for nothing
#
# A convolution has a bias, and batch norm follows. In training, what is the gradient of the loss in that bias?
#
# - **a** zero
# - **b** the same as that of $\beta$
# - **c** that of $\beta$ times $\gamma / \sigma$
# - **d** that of $\beta$ divided by the batch size
#
# Because:
#
# 1. biases start at zero;
# 2. it is added to a whole channel, whose mean batch norm takes away;
# 3. $\beta$ shifts the channel as well.

# %%
# Exercise 4.16 (1 point, 4 minutes, difficulty 2)
# q_bias: one of "a", "b", "c", "d"; q_bias_reason: 1, 2 or 3
### BEGIN SOLUTION
q_bias = "a"
q_bias_reason = 2
### END SOLUTION

# %%
check("4.16")

# %%
layer, norm = nn.Conv2d(3, 4, 3), BatchNorm(4)
x = torch.randn(8, 3, 6, 6)
(norm(layer(x)) * torch.randn(8, 4, 4, 4)).sum().backward()
print(
    f"largest gradient of the bias {float(layer.bias.grad.abs().max()):.0e}, of beta {float(norm.beta.grad.abs().max()):.1f}"
)

# %%
Markdown(ledger.table("A14"))

# %% [markdown]
# ## 7. Turning and zooming
#
# For a bonus (question 25) the report turns each picture by up to 90 degrees and scales it by 0.9 to 1.1. How do you
# turn a picture? If you carry each *old* pixel to its new place, rounding leaves holes. So go the other way: every
# *new* pixel asks where it comes from.
#
# ### Exercise 4.17: where does a pixel come from?
#
# Put the origin in the middle of the picture, $x$ to the right and $y$ *down*. Turning clockwise by $\alpha$ and
# scaling by $s$ carries a point to
#
# $$\begin{pmatrix} x' \\ y' \end{pmatrix} = s \begin{pmatrix} \cos\alpha & -\sin\alpha \\
# \sin\alpha & \cos\alpha \end{pmatrix} \begin{pmatrix} x \\ y \end{pmatrix}$$
#
# Return the matrix of the **inverse** map for each picture, with a third column for the shift, which is zero:
# `F.affine_grid` wants it like that.


# %%
# Exercise 4.17 (2 points, 12 minutes, difficulty 3)
def affine_matrices(degrees: Tensor, scale: Tensor) -> Tensor:
    """Return for each angle (N,), in degrees clockwise, and scale (N,) the map from new to old places, (N, 2, 3)."""
    ### BEGIN SOLUTION
    angle = torch.deg2rad(degrees)
    cos, sin, zero = angle.cos() / scale, angle.sin() / scale, torch.zeros_like(scale)
    return torch.stack([cos, sin, zero, -sin, cos, zero], dim=1).reshape(-1, 2, 3)
    ### END SOLUTION


# %%
check("4.17")


# %%
def turn(images: Tensor, degrees: Tensor, scale: Tensor) -> Tensor:
    """Turn and scale images, uint8 (N, C, H, W), each by its own angle and factor; the outside is black."""
    places = F.affine_grid(
        affine_matrices(degrees, scale), list(images.shape), align_corners=False
    )
    return F.grid_sample(images.float(), places, mode="nearest", align_corners=False).to(
        torch.uint8
    )


def turn_forward(image: Tensor, degrees: float) -> tuple[Tensor, float]:
    """Carry each pixel of (C, S, S) to its new place; return the picture and the share of holes."""
    side, angle = image.shape[-1], math.radians(degrees)
    y, x = torch.meshgrid(*[torch.arange(side) - (side - 1) / 2] * 2, indexing="ij")
    columns = (math.cos(angle) * x - math.sin(angle) * y + (side - 1) / 2).round().long()
    rows = (math.sin(angle) * x + math.cos(angle) * y + (side - 1) / 2).round().long()
    inside = (rows >= 0) & (rows < side) & (columns >= 0) & (columns < side)
    turned, filled = torch.zeros_like(image), torch.zeros(side, side, dtype=torch.bool)
    turned[:, rows[inside], columns[inside]] = image[:, inside]
    filled[rows[inside], columns[inside]] = True
    middle = x**2 + y**2 < (side / 2 - 1) ** 2  # the circle that stays inside
    return turned, float((~filled)[middle].float().mean())


picture = data.train.images[1]
angles = torch.tensor([-60.0, -30.0, 20.0, 40.0, 80.0])
scales = torch.tensor([0.9, 1.1, 1.0, 0.9, 1.1])
forward, holes = turn_forward(picture, 30)
figure = plots.images(
    torch.cat(
        [picture[None], forward[None], turn(picture.expand(5, -1, -1, -1), angles, scales)]
    ),
    titles=["as it is", "carried\nforward, 30°"]
    + [f"{a:g}°,\nx {s:.1f}" for a, s in zip(angles, scales)],
    title=f"Carried forward, {holes:.0%} of the pixels in the middle stay empty; asked backward, none does{note}",
)
plots.show(
    figure,
    alt="A picture, the same turned with holes in it, and five times turned and scaled without holes.",
)

# %%
Markdown(ledger.table("A15"))

# %% [markdown]
# ## 8. Is Adam bad?
#
# For another bonus (question 28) the report puts Adam in the place of SGD and gets a "bad result". So is Adam a bad
# optimizer? Write it before you judge it. Adam keeps a running mean $m$ of the gradients and a running mean $v$ of
# their squares; $t$ counts the steps from 1:
#
# $$m \leftarrow \beta_1 m + (1 - \beta_1) g \qquad v \leftarrow \beta_2 v + (1 - \beta_2) g^2 \qquad
# \hat m = \frac{m}{1 - \beta_1^t} \qquad \hat v = \frac{v}{1 - \beta_2^t} \qquad
# w \leftarrow w - \eta \frac{\hat m}{\sqrt{\hat v} + \varepsilon}$$
#
# ### Exercise 4.18: Adam
#
# In place, as with momentum. $m$ and $v$ start at zero; the two divisions make up for that.


# %%
# Exercise 4.18 (3 points, 15 minutes, difficulty 3)
def adam_step(
    params: list[Tensor],
    gradients: list[Tensor],
    first: list[Tensor],
    second: list[Tensor],
    step: int,
    learning_rate: float,
    betas: tuple[float, float] = (0.9, 0.999),
    epsilon: float = 1e-8,
) -> None:
    """Update parameters and both running means (first: of g, second: of g²) in place; step counts from 1."""
    beta1, beta2 = betas
    ### BEGIN SOLUTION
    for parameter, gradient, m, v in zip(params, gradients, first, second):
        m.mul_(beta1).add_((1 - beta1) * gradient)
        v.mul_(beta2).add_((1 - beta2) * gradient**2)
        m_hat, v_hat = m / (1 - beta1**step), v / (1 - beta2**step)
        parameter -= learning_rate * m_hat / (v_hat.sqrt() + epsilon)
    ### END SOLUTION


# %%
check("4.18")

# %% [markdown]
# ### Exercise 4.19: Adam's first step
#
# Take SGD's learning rate, 0.1, and leave $\varepsilon$ out.
#
# - How far does Adam's first step move a parameter whose gradient is 0.001?
# - And one whose gradient is 1000?
# - PyTorch draws the weights of a layer between $\pm 1/\sqrt{\text{fan\_in}}$. For the report's third convolution, 5x5
#   over 64 channels: how many times its largest possible weight is that step?

# %%
# Exercise 4.19 (2 points, 8 minutes, difficulty 2)
### BEGIN SOLUTION
q_small = 0.1
q_large = 0.1
q_ratio = 4
### END SOLUTION

# %%
check("4.19")

# %% [markdown]
# One step, and the start is gone. For SGD the learning rate is a factor of the gradient; for Adam it is the length of
# the step itself. The same number means two different things, so let each optimizer have its own. (With batch norm,
# after one epoch at scale `smoke`.)

# %%
SHORT, some = pick(smoke=1, laptop=2, full=5), slice(pick(smoke=3000, laptop=10_000, full=50_000))
few_images = Split(train.images[some], train.labels[some])


def after_short_training(kind, rate: float) -> float:
    """Return the test accuracy after a few epochs with this optimizer and learning rate."""
    _, found = train_network(
        standardised,
        images=few_images,
        epochs=SHORT,
        batch_norm=True,
        optimizer=lambda parameters: kind(parameters, lr=rate),
    )
    return found.test_accuracy[-1]


rates = [1.0, 0.1, 0.01, 0.001, 0.0001]
sweep = {
    "SGD": [after_short_training(torch.optim.SGD, rate) for rate in rates[:3]],
    "Adam": [after_short_training(torch.optim.Adam, rate) for rate in rates[1:]],
}
best_sgd, best_adam = (
    rates[sweep["SGD"].index(max(sweep["SGD"]))],
    rates[1 + sweep["Adam"].index(max(sweep["Adam"]))],
)
with_rate_of_sgd = sweep["Adam"][rates.index(best_sgd) - 1] if best_sgd < 1 else math.nan
figure = plots.lines(
    rates,
    {"SGD": sweep["SGD"] + 2 * [math.nan], "Adam": [math.nan] + sweep["Adam"]},
    title=f"SGD is best with the rate {best_sgd:g}: {max(sweep['SGD']):.0%}. With the same rate Adam gets "
    f"{with_rate_of_sgd:.0%}, with its own, {best_adam:g}, {max(sweep['Adam']):.0%}{note}",
    x_name="learning rate",
    y_name="test accuracy",
    log_x=True,
)
plots.show(
    figure,
    alt="Test accuracy against learning rate for SGD and Adam: both have a peak, Adam's at a much smaller rate.",
)

# %% [markdown]
# So the report did not find that Adam is bad. It found that Adam with SGD's learning rate is bad, and says itself that
# the rate would have to be searched. On the real pictures, with all other improvements on:

# %%
Markdown(ledger.table("A16"))

# %% [markdown]
# ## 9. What is each one worth?
#
# All in one figure: by how many points each improvement changes the test accuracy of the real pictures, alone (against
# the plain network) and on top of all before it, with one standard error to either side. Your `paired_difference`
# computes every one of them from the ledger's rows of scale `laptop`: a fifth of the pictures, ten epochs.

# %%
STEPS = {
    "A10": "standardisation",
    "A11": "crop and flip",
    "A12": "momentum, schedule",
    "A13": "dropout, p = 0.5",
    "A14": "batch norm",
    "A15": "turns and scales",
}
rows = [row for key in ("A9", *STEPS, "A16") for row in ledger.read_rows(key)]


def gain(key: str, setting: str, beside: tuple[str, str]) -> tuple[float, float]:
    """Return by how many points of test accuracy one setting is better than another, and the standard error."""
    one, other = (
        {
            row.seed: 100 * row.metrics["test_accuracy"]
            for row in rows
            if (row.key, row.setting, row.scale) == (*place, "laptop")
        }
        for place in ((key, setting), beside)
    )
    seeds = sorted(one.keys() & other.keys())
    if len(seeds) < 2:
        return math.nan, math.nan
    return paired_difference([one[seed] for seed in seeds], [other[seed] for seed in seeds])


gains, before = {"alone": [], "added to all before it": []}, ("A9", "baseline")
for key in STEPS:
    setting = "alone" if key == "A10" else "cumulative"  # the first one is both
    gains["alone"].append(gain(key, "alone", ("A9", "baseline")))
    gains["added to all before it"].append(gain(key, setting, before))
    before = (key, setting)
verdicts = [
    f"{name} {sum(mean > 2 * error for mean, error in line)} are better and "
    f"{sum(-mean > 2 * error for mean, error in line)} worse"
    for name, line in gains.items()
]
figure = intervals(
    list(STEPS.values()),
    gains,
    title=f"Of {len(STEPS)} changes, by more than two standard errors, {'; '.join(verdicts)}",
    x_name="points of test accuracy",
)
plots.show(
    figure,
    alt="Change of test accuracy by each improvement, alone and added to all before it, with standard errors: "
    + "; ".join(
        f"{label} {one[0]:+.1f} alone, {other[0]:+.1f} added"
        for label, one, other in zip(STEPS.values(), *gains.values())
    ),
)

# %% [markdown]
# Read it with care. These are short trainings on a part of the pictures: what makes learning *faster* wins here, and
# what makes it *harder* (augmentation, dropout) has no time to pay. With the schedule of a long training the order
# may be another. An improvement has no worth of its own; it has one in a company and in a budget.
#
# Pick any two and look at their curves:

# %%
improvements_explorer(rows)

# %% [markdown]
# ## 10. 11 h 41 min in seconds
#
# Another report (D. Agarwal, assignment 3, experiment 1) trained a CNN on CIFAR-10: 100 epochs, 11 hours and 41
# minutes, 74.6 % of the test pictures right. How long do *you* need for 74.6 %, on an ordinary processor? Three more
# ideas, a few lines each, take you there.
#
# ### Exercise 4.20: do not be so sure
#
# The cross-entropy is content only when the true class has probability 1, that is with infinite logits. *Label
# smoothing* asks for less: the target $q$ gives the true class $1 - s$, and spreads $s$ evenly over all $K$ classes
# (the true one as well). With $p$ the softmax of the logits:
#
# $$L = -\sum_k q_k \log p_k \qquad q_k = (1 - s)\, [k = \text{label}] + \frac{s}{K}$$


# %%
# Exercise 4.20 (2 points, 8 minutes, difficulty 2)
def smoothed_cross_entropy(logits: Tensor, labels: Tensor, smoothing: float) -> Tensor:
    """Return the mean loss of logits (N, K) and labels, int64 (N,), with smoothed targets."""
    ### BEGIN SOLUTION
    classes = logits.shape[1]
    one_hot = F.one_hot(labels, classes)
    targets = (1 - smoothing) * one_hot + smoothing / classes  # (N, K)
    return -(targets * logits.log_softmax(dim=1)).sum(dim=1).mean()
    ### END SOLUTION


# %%
check("4.20")

# %%
surest = torch.linspace(0, 12, 100)  # logit of the true class, the nine others are 0
logits = F.pad(surest[:, None], (0, 9))
losses = {
    f"s = {s:g}": torch.stack(
        [smoothed_cross_entropy(row[None], torch.tensor([0]), s) for row in logits]
    )
    for s in (0.0, 0.1, 0.2)
}
best = {name: surest[line.argmin()].item() for name, line in losses.items()}
figure = plots.lines(
    surest,
    losses,
    title=f"With s = 0.2 a lead of {best['s = 0.2']:.1f} is best, and more is worse; without smoothing more is always "
    "better",
    x_name="logit of the true class (nine others at 0)",
    y_name="loss",
)
plots.show(
    figure,
    alt="Loss against the logit of the true class: falling for ever without smoothing, with a minimum with it.",
)

# %% [markdown]
# ### Exercise 4.21: a first layer that need not learn
#
# In notebook 03 the first layer spent its training on finding edges and colours. The pictures know them from the
# start: they are the eigenvectors of the covariance of small patches. As filters, each divided by
# $\sqrt{\lambda + \varepsilon}$, they *whiten* the patches (part 2, on 3x3 pixels instead of whole pictures), and can
# stay as they are: nothing to learn, and no backward pass through the largest pictures of the network.
#
# Take all patches of all pictures (`F.unfold`), subtract the mean patch, and return the filters of the `count` largest
# eigenvalues, the largest first. A filter's sign is free. (With so many patches it does not matter whether the
# covariance divides by their number or by one less.)


# %%
# Exercise 4.21 (3 points, 20 minutes, difficulty 4)
def patch_filters(images: Tensor, size: int, count: int, epsilon: float) -> Tensor:
    """Return whitening filters (count, C, size, size) for the patches of images (N, C, H, W), numbers, not bytes."""
    channels = images.shape[1]
    ### BEGIN SOLUTION
    patches = F.unfold(images, size).transpose(1, 2).reshape(-1, channels * size * size)
    patches = patches - patches.mean(dim=0)
    eigenvalues, vectors = torch.linalg.eigh(patches.T @ patches / len(patches))  # rising
    eigenvalues, vectors = eigenvalues.flip(0)[:count], vectors.flip(1)[:, :count]
    filters = (vectors / (eigenvalues + epsilon).sqrt()).T  # a filter in each row
    return filters.reshape(count, channels, size, size)
    ### END SOLUTION


# %%
check("4.21")

# %%
sharp = to_unit(data.train.images[:150])
filters = patch_filters(sharp, size=3, count=24, epsilon=0.01)
outputs = F.conv2d(sharp, filters).transpose(0, 1).flatten(1)  # (24, N * places)
covariances = torch.cov(outputs)
variances = covariances.diagonal()
between_two = (covariances - torch.diag(variances)).abs().max()
figure = plots.images(
    as_pictures(filters, signed=True),
    title=f"24 filters that nobody trained: their outputs have variances from {variances.min():.2f} to "
    f"{variances.max():.2f}, and covariances of at most {between_two:.0e}{note}",
)
plots.show(
    figure,
    alt="24 filters of 3x3 pixels: uniform colours first, then edges in colour and grey, then finer patterns.",
)

# %% [markdown]
# ### Exercise 4.22: all directions at the same speed
#
# The gradient of a weight *matrix* is a matrix, too, and usually a few of its directions are hundreds of times larger
# than the rest. *Muon* keeps the directions of the momentum and makes all its singular values (about) equal:
# $U S V^\top$ becomes $U V^\top$. A singular value decomposition in every step would be slow. Five rounds of this are
# fast, for they are only matrix products (the *Newton-Schulz* iteration):
#
# $$X \leftarrow aX + b\,(XX^\top)X + c\,(XX^\top)^2 X \qquad a = 3.4445,\; b = -4.7750,\; c = 2.0315$$
#
# It acts on each singular value alone, $\sigma \leftarrow a\sigma + b\sigma^3 + c\sigma^5$, and drives all between 0
# and 1 towards 1 (roughly: speed counts more than precision). So first divide the matrix by its norm, the root of the
# sum of all squares: `matrix.norm()`.


# %%
# Exercise 4.22 (2 points, 10 minutes, difficulty 3)
def orthogonalise(matrix: Tensor, steps: int = 5) -> Tensor:
    """Return a matrix with the directions of `matrix` (rows, columns) and singular values near 1."""
    a, b, c = 3.4445, -4.7750, 2.0315
    ### BEGIN SOLUTION
    x = matrix / matrix.norm()
    for _ in range(steps):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x
    ### END SOLUTION


# %%
check("4.22")

# %%
generator = torch.Generator().manual_seed(0)
falling = torch.logspace(0, -2, 32)  # from 1 down to 1/100
gradient = (
    torch.linalg.qr(torch.randn(64, 32, generator=generator))[0] * falling
) @ torch.linalg.qr(torch.randn(32, 32, generator=generator))[0]
with one_thread():
    values = {
        name: torch.linalg.svdvals(orthogonalise(gradient, steps))
        for name, steps in (("before", 0), ("1 step", 1), ("3 steps", 3), ("5 steps", 5))
    }
    apart = float((orthogonalise(gradient) - orthogonalised(gradient)).abs().max())
ends = values["5 steps"]
figure = plots.lines(
    range(1, 33),
    values,
    title=f"Singular values from {values['before'].min():.3f} to {values['before'].max():.2f} lie between "
    f"{ends.min():.2f} and {ends.max():.2f} after five steps",
    x_name="singular value, from the largest to the smallest",
    y_name="size",
)
plots.show(
    figure,
    alt="Singular values of a matrix before and after one, three and five Newton-Schulz steps: falling steeply at "
    "first, then more and more alike.",
)
print(f"your function and the one in the course's Muon: largest difference {apart:.0e}")

# %% [markdown]
# ### One thing at a time
#
# Now the pieces go into one network (`fast_cnn`): a whitening layer that is computed and then left alone, four 3x3
# convolutions with batch norm and three poolings among them, a linear layer. Momentum and a schedule from part 4 are
# there from the start. Then you add patch whitening, your smoothed loss, and Muon.

# %%
rungs = {
    "SGD": {"optimizer": fast_cifar10.sgd, "rate": 0.1, "whitening": False, "smoothing": 0.0},
    "+ whitening": {
        "optimizer": fast_cifar10.sgd,
        "rate": 0.1,
        "whitening": True,
        "smoothing": 0.0,
    },
    "+ label smoothing": {
        "optimizer": fast_cifar10.sgd,
        "rate": 0.1,
        "whitening": True,
        "smoothing": 0.2,
    },
    "+ Muon": {"optimizer": fast_cifar10.muon, "rate": 0.15, "whitening": True, "smoothing": 0.2},
}
batch_size, some = (
    pick(smoke=50, laptop=250, full=250),
    slice(pick(smoke=3000, laptop=50_000, full=50_000)),
)
fast_train = Split(data.train.images[some], data.train.labels[some])
some_images = data.train.images[:1000]


def climb(optimizer, rate: float, whitening: bool, smoothing: float) -> tuple[list[float], float]:
    """Train the fast network for two epochs; return its test accuracy after each, and the seconds."""
    started, generator = time.perf_counter(), torch.Generator().manual_seed(0)
    fast = fast_cnn(
        some_images,  # for the patches
        generator=generator,
        whitening=whitening,
        widths=pick(smoke=(16, 32), laptop=(32, 64), full=(32, 64)),
    ).to(device)
    steps = 2 * math.ceil(len(fast_train) / batch_size)
    descent, schedule = optimizer(fast, rate, steps)
    found = fit(
        fast,
        fast_train,
        data.test,
        epochs=2,
        optimizer=descent,
        schedule=schedule,
        batch_size=batch_size,
        generator=generator,
        # the whitening layer takes the mean away itself
        preprocess=to_unit if whitening else Standardise.of(some_images),
        loss_function=lambda logits, labels: smoothed_cross_entropy(logits, labels, smoothing),
    )
    return found.test_accuracy, time.perf_counter() - started


climbed = {name: climb(**rung) for name, rung in rungs.items()}
figure = plots.lines(
    [len(fast_train) / 1000, 2 * len(fast_train) / 1000],
    {f"{name}: {seconds:.1f} s": accuracy for name, (accuracy, seconds) in climbed.items()},
    title=f"After two epochs {climbed['+ Muon'][0][-1]:.0%} of the test pictures are right with all three, "
    f"{climbed['SGD'][0][-1]:.0%} with none{note}",
    x_name="thousands of pictures seen",
    y_name="test accuracy",
)
plots.show(
    figure,
    alt="Test accuracy of the fast network after one and two epochs, with one idea added at a time: "
    + "; ".join(f"{name} {accuracy[-1]:.0%}" for name, (accuracy, _) in climbed.items()),
)

# %% [markdown]
# And on the real pictures, from the ledger: what each step buys in accuracy, and in seconds of computing.

# %%
ladder = ["SGD, 32 bits", "+ 16 bits", "+ whitening", "+ label smoothing", "+ Muon"]
found = {(entry.setting, entry.metric): entry for entry in ledger.summary("E1")}
seconds = [found[name, "cpu_seconds"].mean for name in ladder]
accuracies = [found[name, "test_accuracy"] for name in ladder]
figure = intervals(
    [f"{name}: {taken:.0f} s" for name, taken in zip(ladder, seconds)],
    {"ours, mean ± standard deviation": [(100 * a.mean, 100 * a.sd) for a in accuracies]},
    title=f"{100 * accuracies[-1].mean:.1f} % of the test pictures are right after {seconds[-1]:.0f} CPU seconds; the line "
    "is the other report's 74.6 %, after 11 h 41 min",
    x_name="test accuracy, %",
    reference=74.6,
)
plots.show(
    figure,
    alt="Test accuracy of each rung of the ladder: "
    + "; ".join(f"{name} {100 * a.mean:.1f} %" for name, a in zip(ladder, accuracies)),
)

# %%
Markdown(ledger.table("E1"))

# %% [markdown]
# Another network, another machine, years of other people's ideas: only the accuracy is a fair target, the ratio of
# the times is a curiosity. But look at what it is made of. Nothing in it is longer than the functions you wrote
# today.
#
# ## 11. What you have now
#
# - A way to tell an improvement from luck: pairs of seeds, and two standard errors.
# - Standardisation, whitening, crops, momentum, schedules, dropout, batch norm, Adam, label smoothing, Muon's
#   orthogonalisation: each written by you and checked against PyTorch's.
# - Bugs that do not crash: one crop for the whole batch, statistics of the wrong set, a mean along the width,
#   `eval()` forgotten.
# - Four corrections of the report: validation data take the *training* statistics; augmentation adds no pictures to an
#   epoch, and has no place at test time; dropout scales by $1/(1-p)$; Adam was not bad, its learning rate was.

# %%
progress("04")
