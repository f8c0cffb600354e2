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
# # Notebook 11: rethinking generalisation
#
# Give a network some pictures, and labels thrown with a die. It learns them all, without a single mistake. So it could
# have learnt *anything*. Why, then, given the true labels, is it right about pictures that it has never seen?
#
# "It has too few parameters to memorise" cannot be the answer: it just did memorise. "Regularisation keeps it from
# doing so" cannot be it either, if it needs none. Here you repeat the experiment that ruled these answers out, prove
# that it had to succeed, and look at what is left.
#
# Fill in the cells that begin with `# Exercise`, run them, then run the check below each. Stuck?
# `hint("11.2", 1)` points the way, `hint("11.2", 2)` nearly gives the answer, `solution("11.2")` shows it.
# `progress()` shows where you are; `reset("11.2")` gives an empty cell back. Where a number is asked for, a Python
# number and a tensor of shape () both count, and `"B"` is as good as `"b"`.
#
# *The report* is Y. Yao, *Project 3* (MATH 6380), section 4, which asks for two experiments: those of C. Zhang and
# others, "Understanding deep learning requires rethinking generalization" (2017), and of T. Poggio and others, "Theory
# of Deep Learning III: the non-overfitting puzzle" (2018).

# %% tags=["setup"]
import course_utils  # first: it decides how torch's threads wait

import math
import tempfile

import torch
from IPython.display import Markdown
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils import plots
from course_utils.data import Split, load
from course_utils.data.augmentation import random_crop
from course_utils.data.pixels import half_size, to_unit
from course_utils.evaluation import ledger
from course_utils.exercises import begin, check, hint, mine, progress, reset, solution
from course_utils.models.cnn import cnn
from course_utils.models.initialise import initialise
from course_utils.scale import pick
from course_utils.training.devices import best_device, one_thread
from course_utils.training.many import Plan, Trial, fit_many
from course_utils.widgets.model_size import model_size_explorer

begin("11")

# %% [markdown]
# ## 1. Five kinds of pictures
#
# Zhang and his colleagues trained one and the same network on
#
# - **true labels**: the data as they are,
# - **random labels**: every label re-drawn,
# - **shuffled pixels**: the pixels of all pictures in one and the same random order,
# - **random pixels**: the pixels of each picture in an order of its own,
# - **Gaussian pixels**: noise with the mean and the deviation of the pictures.
#
# Less and less of what links a picture with its label is left. You write the last three.
#
# ### Exercise 11.1: shuffle, and undo it
#
# Number the $H \cdot W$ pixels of a picture row by row. Pixel $k$ of the shuffled picture is pixel `order[k]` of the
# old one; its three colours stay together. And since nothing is lost, you can undo it.


# %%
# Exercise 11.1 (2 points, 12 minutes, difficulty 2)
def shuffled(images: Tensor, order: Tensor) -> Tensor:
    """Return images (N, C, H, W) with their pixels in the same order, int64 (H * W,), for all."""
    ### BEGIN SOLUTION
    return images.flatten(2)[:, :, order].view_as(images)
    ### END SOLUTION


def unshuffled(images: Tensor, order: Tensor) -> Tensor:
    """Return the images that `shuffled(..., order)` made these of."""
    ### BEGIN SOLUTION
    back = order.argsort()
    return images.flatten(2)[:, :, back].view_as(images)
    ### END SOLUTION


# %%
check("11.1")

# %% [markdown]
# ### Exercise 11.2: every picture its own order
#
# Now picture $n$ has the order `orders[n]`, the same for its three colours.


# %%
# Exercise 11.2 (2 points, 10 minutes, difficulty 2)
def shuffled_each(images: Tensor, orders: Tensor) -> Tensor:
    """Return images (N, C, H, W), the pixels of each in its own order: orders, int64 (N, H * W)."""
    ### BEGIN SOLUTION
    flat = images.flatten(2)  # (N, C, H * W)
    return flat.gather(2, orders[:, None].expand_as(flat)).view_as(images)
    ### END SOLUTION


# %%
check("11.2")

# %% [markdown]
# ### Exercise 11.3: noise that looks right on average
#
# From standard normal noise make pictures whose channels have the mean and the standard deviation that the channels of
# the real ones have (each channel its own, over all pictures and pixels). They are bytes, as the real ones: round,
# and keep what falls below 0 or above 255 at the end of the range. (A deviation with $N$ or with $N - 1$: both count.)


# %%
# Exercise 11.3 (2 points, 10 minutes, difficulty 2)
def gaussian_like(images: Tensor, noise: Tensor) -> Tensor:
    """Return uint8 pictures of noise, standard normal (N, C, H, W), with the channels' moments of images, uint8."""
    ### BEGIN SOLUTION
    x = images.float()
    mean, sd = (f(dim=(0, 2, 3), keepdim=True) for f in (x.mean, x.std))  # (1, C, 1, 1)
    return (mean + sd * noise).round().clamp(0, 255).to(torch.uint8)
    ### END SOLUTION


# %%
check("11.3")

# %% [markdown]
# Your functions make the five data sets. Test pictures are treated like training pictures, with the same order where
# there is only one; random labels concern the training set alone.

# %%
data, device = load("cifar10"), best_device()
note = " (drawn stand-ins)" if data.stand_in else ""
print(data)
EXAMPLES = pick(smoke=250, laptop=1000, full=5000)
images, labels = half_size(data.train.images[:EXAMPLES]), data.train.labels[:EXAMPLES]
test_images, test_labels = half_size(data.test.images[:1000]), data.test.labels[:1000]
SIDE, CLASSES = images.shape[-1], len(data.classes)

generator = torch.Generator().manual_seed(0)
order = torch.randperm(SIDE * SIDE, generator=generator)
random_labels = torch.randint(CLASSES, labels.shape, generator=generator)


def random_pixels(pictures: Tensor) -> Tensor:
    return shuffled_each(
        pictures, torch.rand(len(pictures), SIDE * SIDE, generator=generator).argsort(dim=1)
    )


def gaussian_pixels(pictures: Tensor) -> Tensor:
    return gaussian_like(images, torch.randn(pictures.shape, generator=generator))


KINDS = {  # training pictures, training labels, test pictures
    "true labels": (images, labels, test_images),
    "random labels": (images, random_labels, test_images),
    "shuffled pixels": (shuffled(images, order), labels, shuffled(test_images, order)),
    "random pixels": (random_pixels(images), labels, random_pixels(test_images)),
    "Gaussian pixels": (gaussian_pixels(images), labels, gaussian_pixels(test_images)),
}
assert torch.equal(unshuffled(KINDS["shuffled pixels"][0], order), images)
figure = plots.images(
    torch.cat([pictures[:6] for pictures, _, _ in KINDS.values()]),
    titles=[data.classes[c] for _, given, _ in KINDS.values() for c in given[:6].tolist()],
    columns=6,
    title=f"The same six examples with {', '.join(KINDS)}: from row to row less tells the label{note}",
)
plots.show(
    figure,
    alt="Six pictures in five rows: as they are, with other labels, with pixels shuffled alike, shuffled each in its "
    "own order, and as coloured noise.",
)

# %% [markdown]
# ### Exercise 11.4: who minds?
#
# A network of fully connected layers (an MLP) and a CNN are trained, once on the pictures as they are, once with the
# pixels of all pictures, training and test, in one and the same random order. Apart from luck, the test accuracy is
# lower after shuffling
#
# - **a** for both
# - **b** for neither
# - **c** for the MLP only
# - **d** for the CNN only
#
# Because:
#
# 1. everything that tells the label is still in the picture, so every network can find it;
# 2. shuffling takes away what neighbours have in common, and every network lives on that;
# 3. the MLP has a weight for each pixel, wherever it lies; a convolution looks at neighbours.

# %%
# Exercise 11.4 (1 point, 5 minutes, difficulty 2)
# q_shuffled: one of "a", "b", "c", "d"; q_shuffled_reason: 1, 2 or 3
### BEGIN SOLUTION
q_shuffled = "d"
q_shuffled_reason = 3
### END SOLUTION

# %%
check("11.4")

# %% [markdown]
# ### Train until nothing is wrong
#
# Zero training error means *zero*: not 99 %, and measured on the training pictures as they are, after the epoch and
# not on the way. This loop stops at that point, or after `at_most` epochs.


# %%
def standardised_by(pictures: Tensor):
    """Return the function that standardises pictures with the channels' mean and deviation of these."""
    x = to_unit(pictures)
    mean, sd = (f(dim=(0, 2, 3), keepdim=True) for f in (x.mean, x.std))
    return lambda other: (to_unit(other) - mean) / sd


def train_until_fitted(
    network, x, given, *, at_most, rate=0.02, weight_decay=0.0, augment=None, batch_size=50
):
    """Train on (x, given) until every label is right; return accuracy and loss after each epoch."""
    network.to(device)
    x, given = x.to(device), given.to(device)
    descent = torch.optim.SGD(
        network.parameters(), lr=rate, momentum=0.9, weight_decay=weight_decay
    )
    draw, curve = torch.Generator().manual_seed(1), {"accuracy": [], "loss": []}
    while len(curve["loss"]) < at_most and curve["accuracy"][-1:] != [1.0]:
        network.train()
        for rows in torch.randperm(len(x), generator=draw).to(device).split(batch_size):
            batch = x[rows] if augment is None else augment(x[rows], draw)
            loss = F.cross_entropy(network(batch), given[rows])
            descent.zero_grad()
            loss.backward()
            descent.step()
        with torch.no_grad():
            logits = torch.cat([network.eval()(some) for some in x.split(100)])
        curve["accuracy"].append((logits.argmax(dim=1) == given).float().mean().item())
        curve["loss"].append(F.cross_entropy(logits, given).item())
    return curve


@torch.no_grad()
def accuracy(network, x, true):
    logits = torch.cat([network.eval()(some) for some in x.to(device).split(100)])
    return (logits.argmax(dim=1).cpu() == true).float().mean().item()


def new_cnn(**changes):
    return cnn(
        generator=torch.Generator().manual_seed(0),
        image_size=SIDE,
        **pick(
            smoke={"widths": (8, 16), "hidden": 64},
            laptop={"widths": (16, 32), "hidden": 200},
            full={},
        ),
        **changes,
    )


fits = {}
for kind, (pictures, given, test_pictures) in KINDS.items():
    network, numbers = new_cnn(), standardised_by(pictures)
    curve = train_until_fitted(
        network, numbers(pictures), given, at_most=pick(smoke=150, laptop=150, full=300)
    )
    curve["test accuracy"] = accuracy(network, numbers(test_pictures), test_labels)
    fits[kind] = curve
PARAMETERS = sum(p.numel() for p in network.parameters())

# %%
longest = max(len(curve["loss"]) for curve in fits.values())
reached = sum(curve["accuracy"][-1] == 1 for curve in fits.values())
figure = plots.lines(
    range(1, longest + 1),
    {
        f"{kind}: {len(curve['loss'])} epochs": curve["accuracy"]
        + [math.nan] * (longest - len(curve["loss"]))
        for kind, curve in fits.items()
    },
    title=f"{reached} of 5 kinds are learnt to the last of {EXAMPLES} labels; true labels take "
    f"{len(fits['true labels']['loss'])} epochs, random ones {len(fits['random labels']['loss'])}{note}",
    x_name="epoch",
    y_name="training accuracy",
)
plots.show(
    figure,
    alt="Training accuracy against epochs for five kinds of data; each curve ends where it reaches 1: "
    + "; ".join(f"{kind} after {len(curve['loss'])} epochs" for kind, curve in fits.items()),
)
print(f"{PARAMETERS} parameters, {EXAMPLES} examples")
print("test accuracy with the true labels (one in ten by chance):")
for kind, curve in fits.items():
    print(f"{kind:>16}: {curve['test accuracy']:.1%}")

# %% [markdown]
# The same network, the same rule of descent, no training error in any row. But the test accuracies run from chance to
# far above it. **Whatever you say about the network alone, its size, its layers, its training error, is the same in
# all five rows.** So it cannot explain the difference. The data must come into it.
# (Random pixels need not end at chance: each picture keeps its colours, only their places are lost. On photographs the
# colours alone tell something.)
#
# And the CNN does lose by shuffling, while it is learnt all the same. Now the MLP, for exercise 11.4. You can say more
# than "about equal": give the second network the first layer of the first one, with its columns shuffled as the pixels
# are, and you get the *same* network.

# %%
first = nn.Sequential(
    nn.Flatten(), nn.Linear(3 * SIDE * SIDE, 64), nn.ReLU(), nn.Linear(64, CLASSES)
)
initialise(first, torch.Generator().manual_seed(0))
second = nn.Sequential(
    nn.Flatten(), nn.Linear(3 * SIDE * SIDE, 64), nn.ReLU(), nn.Linear(64, CLASSES)
)
second.load_state_dict(first.state_dict())
with torch.no_grad():
    weights = first[1].weight.view(64, 3, SIDE, SIDE)  # as if they were 64 pictures
    second[1].weight.copy_(shuffled(weights, order).flatten(1))

mlp_tests = []
for network, kind in ((first, "true labels"), (second, "shuffled pixels")):
    pictures, given, test_pictures = KINDS[kind]
    numbers = standardised_by(pictures)
    train_until_fitted(network, numbers(pictures), given, at_most=10)
    with torch.no_grad():
        mlp_tests.append(network.eval()(numbers(test_pictures).to(device)).cpu())
mlp_right = [(logits.argmax(dim=1) == test_labels).float().mean().item() for logits in mlp_tests]
mlp_apart = (mlp_tests[0] - mlp_tests[1]).abs().max().item()
print(f"test accuracy of the MLP: {mlp_right[0]:.1%} as they are, {mlp_right[1]:.1%} shuffled")
print(f"largest difference of their logits on all test pictures: {mlp_apart:.0e}")

# %% [markdown]
# ### On the real pictures
#
# The ledger has the five kinds (and uniform noise besides) on CIFAR-10, over several seeds, with the epochs it took
# and with regularisers. Zhang and his colleagues write that random labels take longer than true ones "by a small
# constant factor", and that Gaussian pixels are fitted even faster than random labels. See what the rows say; and why
# should noise be *easier* to memorise than pictures with random labels? Two noise pictures are always far apart. Two
# cats are not, and yet must be given different labels.

# %%
Markdown(ledger.table("F5"))

# %%
epochs_of = {
    entry.setting: entry.mean
    for entry in ledger.summary("F5")
    if entry.metric == "epochs" and "," not in entry.setting  # after a comma stand regularisers
}
for kind, mean in sorted(epochs_of.items(), key=lambda pair: pair[1]):
    print(f"{kind:>16}: {mean:5.1f} epochs until every label is fitted, mean over the seeds")

# %% [markdown]
# ## 2. It had to succeed
#
# Is it a wonder that a network can learn random labels? No: two layers are enough, with $2n + d$ numbers for $n$
# examples of $d$ numbers each (theorem 1 of Zhang and others). The proof is a construction, and you can run it:
#
# $$c(x) = \sum_{j=1}^{n} w_j \max(a^\top x - b_j,\, 0)$$
#
# Take any direction $a$ in which no two examples coincide, $z_i = a^\top x_i$, and put the examples into the order of
# their $z$. Choose the biases *between* them: $b_1 < z_1 < b_2 < z_2 < \dots < b_n < z_n$. Neuron $j$ is silent for all
# examples before the $j$-th. So the matrix $A_{ij} = \max(z_i - b_j, 0)$ is lower triangular with a positive diagonal,
# and $A w = y$ has a solution, whatever $y$ is.
#
# ### Exercise 11.5: a network for any labels
#
# Return biases and weights of such a network; $a$ is given. Any biases that lie as they should will do, but tie them
# to the examples: halfway between neighbours, say, and the first one at $z_1 - 1$. `torch.linalg.solve_triangular`
# solves the system.


# %%
# Exercise 11.5 (4 points, 25 minutes, difficulty 4)
def memorise(x: Tensor, y: Tensor, a: Tensor) -> tuple[Tensor, Tensor]:
    """Return biases (n,) and weights (n,) with c(x[i]) = y[i]; x is (n, d), y (n,), a (d,), all float64."""
    ### BEGIN SOLUTION
    z, by_z = (x @ a).sort()
    biases = torch.cat([z[:1] - 1, (z[:-1] + z[1:]) / 2])
    matrix = (z[:, None] - biases).clamp_min(0)  # (example, neuron), lower triangular
    weights = torch.linalg.solve_triangular(matrix, y[by_z][:, None], upper=False)[:, 0]
    return biases, weights
    ### END SOLUTION


# %%
check("11.5")

# %%
digits = load("mnist")
digit_note = " (scikit-learn's digits stand in)" if digits.stand_in else ""
N = 200


whole = half_size(digits.train.images[:10_000]).flatten(1).double()
mean_digit = whole.mean(dim=0)
spread = (whole - mean_digit).std()


def as_numbers(pictures: Tensor) -> Tensor:
    """Return digits as rows of numbers, half the size, around the mean training digit, float64."""
    return (half_size(pictures).flatten(1).double() - mean_digit) / spread


x = as_numbers(digits.train.images[:N])  # (N, d)
a = torch.randn(x.shape[1], generator=generator, dtype=torch.float64) / math.sqrt(x.shape[1])
dice = torch.randint(10, (N,), generator=generator).double()
biases, weights = memorise(x, dice, a)


def constructed(z: Tensor) -> Tensor:
    return (z[:, None] - biases).clamp_min(0) @ weights


memorised_error = (constructed(x @ a) - dice).abs().max().item()
shown = biases[60:81]  # a part of the line
line = torch.linspace(float(shown[0]), float(shown[-1]), 1000, dtype=torch.float64)
z = x @ a
inside = (z > line[0]) & (z < line[-1])
figure = plots.through_points(
    line,
    constructed(line),
    torch.stack([z[inside], dice[inside]], dim=1),
    title=f"{x.shape[1]} + 2 · {N} numbers hold {N} thrown labels, with errors of at most {memorised_error:.0e}"
    f"{digit_note}",
    x_name="place of the example in the direction a",
    y_name="label",
    line_name="your network",
    points_name=f"{int(inside.sum())} of the {N} examples",
)
plots.show(
    figure,
    alt="A zigzag line that goes exactly through points at random heights, far above and below them in between.",
)

# %% [markdown]
# No data set of this size can defeat it. But look between the points. This network has learnt nothing *about* digits:
# with true labels it would be just as useless on test pictures, although its training error is the same zero.
#
# That a network *can* memorise is a matter of size. Whether it generalises is a matter of *which* of all the weights
# that fit the training data it ends up with.
#
# ### How much a family of functions can memorise
#
# Statistics has a measure for it. Throw signs $\sigma_i = \pm 1$ for the $n$ examples, and ask how well the family
# $\mathcal H$ can agree with them; on average that is its (empirical) *Rademacher complexity*:
#
# $$\hat R = \mathbb{E}_\sigma \left[\, \sup_{h \in \mathcal H} \frac1n \sum_{i} \sigma_i\, h(x_i) \right]$$
#
# For classifiers with answers $\pm 1$ it lies between 0 (agrees no better than chance) and 1 (fits any signs). And it
# bounds what can go wrong: with probability $1 - \delta$ over the training set, *every* $h$ of the family has
#
# $$\text{test error} \le \text{training error} + \hat R + 3 \sqrt{\frac{\ln (2 / \delta)}{2 n}}$$
#
# ### Exercise 11.6: two complexities
#
# For **linear functions** $h(x) = w^\top x$ with $\lVert w \rVert \le B$ the best $w$ is known: it points where
# $\sum_i \sigma_i x_i$ points. Work out the supremum, and return its mean over the draws of signs.
#
# For **networks** nobody knows the best weights. Training on the signs finds good ones, so what a trained network
# reaches is a lower estimate. You get the logits of one network for each draw of signs; it answers $+1$ where its logit
# is positive and $-1$ elsewhere.


# %%
# Exercise 11.6 (3 points, 15 minutes, difficulty 3)
def linear_complexity(x: Tensor, signs: Tensor, norm: float) -> Tensor:
    """Return the mean over draws of the supremum; x is (n, d), signs (draws, n), norm is B."""
    ### BEGIN SOLUTION
    return norm * (signs @ x).norm(dim=1).mean() / len(x)
    ### END SOLUTION


def network_complexity(logits: Tensor, signs: Tensor) -> Tensor:
    """Return the mean agreement of answers, from logits (draws, n), with signs (draws, n)."""
    ### BEGIN SOLUTION
    answers = torch.where(logits > 0, 1.0, -1.0)
    return (answers * signs).mean()
    ### END SOLUTION


# %%
check("11.6")

# %% [markdown]
# Now estimate it: four draws of signs, and for each a network that tries to fit them. The four are trained at once, by
# nothing more than a leading axis on every weight.


# %%
def answer(weights: list[Tensor], x: Tensor) -> Tensor:
    """Return logits (draws, n) of networks with one hidden layer, one for each draw, for x (n, d)."""
    W, b, v = weights
    return (torch.baddbmm(b, x.expand(len(W), -1, -1), W).relu() @ v)[:, :, 0]


def fit_signs(x: Tensor, signs: Tensor, hidden: int, steps: int = 200) -> list[Tensor]:
    """Train one network for each draw of signs (draws, n), all at once; return the weights."""
    draws, d = len(signs), x.shape[1]
    draw = torch.Generator().manual_seed(hidden)
    W = torch.randn(draws, d, hidden, generator=draw) / math.sqrt(d)
    v = torch.randn(draws, hidden, 1, generator=draw) / math.sqrt(hidden)
    weights = [each.requires_grad_() for each in (W, torch.zeros(draws, 1, hidden), v)]
    descent = torch.optim.Adam(weights, lr=0.02)
    for _ in range(steps):
        # each network has its own mean, so that none feels the others
        loss = F.softplus(-signs * answer(weights, x)).mean(dim=1).sum()
        descent.zero_grad()
        loss.backward()
        descent.step()
    return [each.detach() for each in weights]


all_x, test_x = as_numbers(digits.train.images[:800]), as_numbers(digits.test.images[:2000])
small, test_small = ((part.labels < 5) * 2.0 - 1 for part in (digits.train, digits.test))
test_small = test_small[:2000]
counts, hidden_sizes = [25, 50, 100, 200, 400, 800], (1, 4, 16)
complexities = {f"{h} hidden units": [] for h in hidden_sizes} | {"linear, B = 1/√d": []}
with one_thread():
    for n in counts:
        some = all_x[:n].float()
        signs = torch.randint(2, (4, n), generator=generator) * 2.0 - 1
        for h in hidden_sizes:
            logits = answer(fit_signs(some, signs, h), some)
            complexities[f"{h} hidden units"].append(network_complexity(logits, signs).item())
        B = 1 / math.sqrt(all_x.shape[1])
        complexities["linear, B = 1/√d"].append(linear_complexity(some, signs, B).item())
    n = 200
    trained = fit_signs(
        all_x[:n].float(), small[None, :n], 16
    )  # the true question: smaller than five?
    true_error = (answer(trained, test_x.float())[0].sign() != test_small).double().mean().item()
    training_error = (
        (answer(trained, all_x[:n].float())[0].sign() != small[:n]).double().mean().item()
    )
bound = (
    training_error
    + complexities["16 hidden units"][counts.index(n)]
    + 3 * math.sqrt(math.log(2 / 0.05) / (2 * n))
)
figure = plots.against_size(
    counts,
    {"agreement with random signs": complexities},
    title=f"With {n} digits and 16 hidden units the bound promises a test error below {bound:.0%}; trained on the true "
    f"question, this network has {true_error:.0%}{digit_note}",
    x_name="examples",
)
plots.show(
    figure,
    alt="Agreement with random signs against the number of examples: it falls first for one hidden unit, later for "
    "four, last for 16; for bounded linear functions it is low from the start.",
)

# %% [markdown]
# Where the complexity is 1, the bound says "the test error is at most 1 and something". True, and worthless: it holds
# for *every* network of the family, and the zigzag is one of them. A bound that is to explain why trained networks
# generalise must look at fewer functions than all that the architecture can represent, as $\lVert w \rVert \le B$ does
# for linear ones.
#
# ## 3. Is it the regularisers?
#
# Weight decay, dropout, random crops: do they keep a network from memorising? Give it random labels and switch them on
# one by one. (The crops shift each picture by up to two pixels; training accuracy is measured on the pictures as they
# are.)

# %%
REGULARISERS = {
    "weight decay": {"weight_decay": 0.001},
    "dropout": {"dropout": 0.5},
    "random crops": {"augment": lambda batch, draw: random_crop(batch, draw, padding=2)},
}
regularised = {"no regulariser": fits["random labels"]}
numbers = standardised_by(images)
for name, changes in REGULARISERS.items():
    network = new_cnn(dropout=changes.get("dropout", 0.0))
    options = {key: value for key, value in changes.items() if key != "dropout"}
    regularised[name] = train_until_fitted(
        network,
        numbers(images),
        random_labels,
        at_most=pick(smoke=50, laptop=150, full=300),
        **options,
    )
longest = max(len(curve["loss"]) for curve in regularised.values())
memorised = [name for name, curve in regularised.items() if curve["accuracy"][-1] == 1]
lowest = min(regularised, key=lambda name: regularised[name]["accuracy"][-1])
figure = plots.lines(
    range(1, longest + 1),
    {
        name: curve["accuracy"] + [math.nan] * (longest - len(curve["loss"]))
        for name, curve in regularised.items()
    },
    title=f"Random labels are learnt without a mistake by {len(memorised)} of 4 ({', '.join(memorised) or 'by none'}); the "
    f"lowest training accuracy, with {lowest}, is {regularised[lowest]['accuracy'][-1]:.0%} after {longest} epochs"
    f"{note}",
    x_name="epoch",
    y_name="training accuracy on random labels",
)
plots.show(
    figure,
    alt="Training accuracy on random labels against epochs, without regularisers, with weight decay, dropout and random "
    "crops: "
    + "; ".join(f"{name} ends at {c['accuracy'][-1]:.0%}" for name, c in regularised.items()),
)

# %% [markdown]
# What they change is how long it takes, each in its own measure, and not all of them prevent it. What they are worth
# on true labels stands in the table of part 1: compare the rows with and without. Good tuning, then. But a network
# that generalises without any of them does not generalise *because* of them.
#
# ## 4. Descent prefers
#
# Here is a case that you can work out to the end: a linear model with more weights than examples. With $d > n$,
# infinitely many $w$ have $Xw = y$, training error zero. Descent ends at one of them. At which?
#
# Every step of (stochastic) gradient descent on $\sum_i (x_i^\top w - y_i)^2$ adds multiples of the examples $x_i$.
#
# ### Exercise 11.7: where descent ends
#
# So $w$ minus its start always lies in the span of the examples, the *row space* of $X$. Together with $Xw = y$ this
# leaves a single $w$. Return it, for any start. (The rows of $X$ are linearly independent. No loop, no descent: the end
# can be written down.)


# %%
# Exercise 11.7 (3 points, 15 minutes, difficulty 3)
def limit_of_descent(x: Tensor, y: Tensor, start: Tensor) -> Tensor:
    """Return the weights (d,) at which descent on x (n, d), y (n,), n < d, ends if it begins at start (d,)."""
    ### BEGIN SOLUTION
    return start + x.T @ torch.linalg.solve(x @ x.T, y - x @ start)
    ### END SOLUTION


# %%
check("11.7")

# %% [markdown]
# Try it with single examples, one after another in random order, as a network is trained. The features are
# sines of random projections of a digit; the question is again "smaller than five?".


# %%
def random_features(x: Tensor, count: int, seed: int = 0) -> Tensor:
    """Return count features of x (N, d): waves in random directions, the same for one seed."""
    draw = torch.Generator().manual_seed(seed)
    directions = torch.randn(x.shape[1], count, generator=draw, dtype=x.dtype)
    return (2 * x @ directions / math.sqrt(x.shape[1])).sin() / math.sqrt(count)


n, d = 60, 600
features, test_features = random_features(x[:n], d), random_features(test_x, d)
y = small[:n].double()
direction = torch.randn(d, generator=generator, dtype=torch.float64) / math.sqrt(d)


def descend(start: Tensor, epochs: int = 300) -> Tensor:
    """Return the weights after so many passes over single examples."""
    w, draw = start.clone(), torch.Generator().manual_seed(0)
    for _ in range(epochs):
        for i in torch.randperm(n, generator=draw).tolist():
            f = features[i]
            w += (y[i] - f @ w) / (f @ f) * f  # the step that makes this example right
    return w


with one_thread():
    ended = descend(5 * direction)
    predicted = limit_of_descent(features, y, 5 * direction)
descent_apart = ((ended - predicted).norm() / predicted.norm()).item()
sizes = [0.0, 10.0, 20.0, 50.0, 100.0, 200.0]
ends = [limit_of_descent(features, y, size * direction) for size in sizes]
start_errors = {
    "training": [((features @ w).sign() != y).double().mean().item() for w in ends],
    "test": [((test_features @ w).sign() != test_small).double().mean().item() for w in ends],
}
print(f"one by one from a random start: {descent_apart:.0e} of its length from your prediction")
figure = plots.lines(
    sizes,
    start_errors,
    title=f"All {len(sizes)} ends fit the {n} examples; from a start of length 0 the test error is "
    f"{start_errors['test'][0]:.0%}, from one of length {sizes[-1]:g} it is {start_errors['test'][-1]:.0%}{digit_note}",
    x_name="length of the start",
    y_name="share of wrong answers",
)
plots.show(
    figure,
    alt="Training and test error against the length of the start: the training error is zero throughout, the test error "
    "rises.",
)

# %% [markdown]
# The same model, the same data, the same zero training error, and everything between good and chance. What decides is
# where descent *begins*. From zero it ends at the shortest of all solutions, $X^\top (X X^\top)^{-1} y$, although
# nobody asked for a short one: no weight decay, no penalty. This is *implicit* regularisation. Part of a longer start
# lies outside the row space, and no example ever changes it.
#
# ## 5. The peak in the middle
#
# If short solutions are good, how long is the shortest one? That depends on how many weights there are to choose from.
#
# ### Exercise 11.8: the shortest of the best
#
# Return the weights with the least squared error, and among these, if there are several, the shortest. It must work
# with fewer features than examples, with more, and when features repeat.


# %%
# Exercise 11.8 (2 points, 12 minutes, difficulty 2)
def shortest_least_squares(features: Tensor, targets: Tensor) -> Tensor:
    """Return weights (p, k) for features (n, p) and targets (n, k)."""
    ### BEGIN SOLUTION
    return torch.linalg.lstsq(features, targets, driver="gelsd").solution
    ### END SOLUTION


# %%
check("11.8")

# %% [markdown]
# Now sweep the number $p$ of random features, far past the number $n$ of examples. Ten outputs, one for each digit;
# one label in ten is re-drawn. Everything is repeated with ten draws of features, and the median is shown.

# %%
n = 200
given = digits.train.labels[:n].clone()
redrawn = torch.randperm(n, generator=generator)[: n // 10]
given[redrawn] = torch.randint(10, redrawn.shape, generator=generator)
targets = F.one_hot(given, 10).double() - 0.1
test_targets = F.one_hot(digits.test.labels[:2000], 10).double() - 0.1
feature_counts = [10, 20, 40, 80, 120, 160, 180, 200, 220, 250, 300, 400, 800, 1600]
swept = {"training error": [], "test error": [], "test loss": [], "length of the weights": []}
with one_thread():
    for p in feature_counts:
        found = []
        for seed in range(10 if p < 1000 else 2):
            features, test_features = (random_features(each, p, seed) for each in (x[:n], test_x))
            w = shortest_least_squares(features, targets)
            answers = test_features @ w
            found.append(
                [
                    ((features @ w).argmax(dim=1) != given).double().mean(),
                    (answers.argmax(dim=1) != digits.test.labels[:2000]).double().mean(),
                    (answers - test_targets).square().sum(dim=1).mean(),
                    w.norm(),
                ]
            )
        for name, value in zip(swept, torch.tensor(found).median(dim=0).values.tolist()):
            swept[name].append(value)
peak = feature_counts[max(range(len(feature_counts)), key=lambda i: swept["test error"][i])]
figure = plots.against_size(
    feature_counts,
    {
        "share of wrong labels": {name: swept[name] for name in ("training error", "test error")},
        "squared test loss, length of the weights": {
            name: swept[name] for name in ("test loss", "length of the weights")
        },
    },
    title=f"The test error is highest at {peak} features ({max(swept['test error']):.0%}), with {n} examples; with "
    f"{feature_counts[-1]} it is {swept['test error'][-1]:.0%}, the lowest before the peak was "
    f"{min(swept['test error'][: feature_counts.index(n)]):.0%}{digit_note}",
    x_name="random features",
    log_y=("squared test loss, length of the weights",),
    marked=n,
    marked_name="as many features as examples",
)
plots.show(
    figure,
    alt="Left, training and test error against the number of random features: the test error falls, rises to a peak "
    "where features and examples are equally many, and falls again. Right, test loss and length of the weights with the "
    "same peak.",
)

# %% [markdown]
# This is *double descent* (Belkin and others, 2019). Left of the peak is the textbook: too simple, then too complex.
# At the peak the fit is only just possible: there is *one* solution, and to satisfy the last few labels it becomes
# enormous. Right of it there are many, and the shortest one gets shorter the more there are. More parameters, a simpler
# function.
#
# ### Exercise 11.9: the peak, derived
#
# For the plainest data it can be computed. Inputs $x \sim \mathcal N(0, I_p)$, $n$ of them, and
# $y = x^\top \beta + \varepsilon$ with noise of variance $\sigma^2$. The shortest least-squares solution is
# $\hat w = X^+ y$. How far is it from the truth, $\mathbb{E} \lVert \hat w - \beta \rVert^2$? (That is also by how much
# the squared error on a new example exceeds $\sigma^2$.) Three facts help:
#
# - if $p < n - 1$, then $\mathbb{E} \operatorname{tr} (X^\top X)^{-1} = p / (n - p - 1)$;
# - if $p > n + 1$, then $\mathbb{E} \operatorname{tr} (X X^\top)^{-1} = n / (p - n - 1)$;
# - the row space is a random subspace of dimension $n$: the part of $\beta$ in it has the expected square
#   $\lVert \beta \rVert^2 n / p$.
#
# Insert $y$, and split what comes out into a part with $\varepsilon$ and a part without. For $p$ from $n - 1$ to
# $n + 1$ the expectation is infinite: return `math.inf`.


# %%
# Exercise 11.9 (3 points, 20 minutes, difficulty 4)
def expected_distance(n: int, p: int, signal: float, noise: float) -> float:
    """Return E|w - beta|^2 for n examples of p numbers; signal is |beta|^2, noise the variance of the labels' noise."""
    ### BEGIN SOLUTION
    if p < n - 1:
        return noise * p / (n - p - 1)  # X⁺y = β + X⁺ε
    if p > n + 1:
        return signal * (1 - n / p) + noise * n / (p - n - 1)  # what no example shows, and X⁺ε
    return math.inf
    ### END SOLUTION


# %%
check("11.9")

# %%
n, signal, noise = 40, 1.0, 0.3
many_p = [5, 10, 20, 30, 35, 38, 42, 45, 50, 60, 80, 120, 200, 400]
simulated = []
with one_thread():
    for p in many_p:
        inputs = torch.randn(100, n, p, generator=generator, dtype=torch.float64)
        beta = torch.full((p, 1), math.sqrt(signal / p), dtype=torch.float64)
        errors = math.sqrt(noise) * torch.randn(
            100, n, 1, generator=generator, dtype=torch.float64
        )
        fitted = torch.linalg.pinv(inputs) @ (inputs @ beta + errors)
        simulated.append((fitted - beta).square().sum(dim=(1, 2)).median().item())
derived = [expected_distance(n, p, signal, noise) for p in many_p]
worst = max(range(len(many_p)), key=lambda i: derived[i])
figure = plots.against_size(
    many_p,
    {
        "squared distance from the truth": {
            "derived (mean)": derived,
            "simulated (median of 100)": simulated,
        }
    },
    title=f"Your formula has its peak beside p = n = {n}, too: {derived[worst]:.1f} at {many_p[worst]}, "
    f"{derived[0]:.2f} at {many_p[0]}, {derived[-1]:.2f} at {many_p[-1]}",
    x_name="p, numbers per example",
    log_y=("squared distance from the truth",),
    marked=n,
    marked_name="p = n",
)
plots.show(
    figure,
    alt="Squared distance from the truth against p, derived and simulated: both rise to a peak at p = n and fall again.",
)

# %% [markdown]
# (The median stays below the mean: close to the peak a few draws are disastrous.) Without noise there is no peak. And
# to the right of it the other term rises: what the examples do not show, the shortest solution takes to be zero. In
# this formula more parameters do not help in the end; with digits they did, because each further feature also told
# something about the digit.
#
# ## 6. Networks of all sizes
#
# The report asks for the same picture with networks, and gives the result in advance (after Poggio and others): once
# the training error is zero, the test **error** no longer changes for the worse as the model grows, but the test
# **loss** *rises*. Train a family of networks with one hidden layer, all sizes and three starts, with one call. Two
# labels in five are re-drawn, and training goes on far past the last mistake.

# %%
n = pick(smoke=200, laptop=1000, full=1000)
inputs = as_numbers(digits.train.images[:n]).float()
given = digits.train.labels[:n].clone()
redrawn = torch.randperm(n, generator=generator)[: 2 * n // 5]
given[redrawn] = torch.randint(10, redrawn.shape, generator=generator)
noisy, test = Split(inputs, given), Split(test_x.float(), digits.test.labels[:2000])


def of_size(settings, seed):
    draw = torch.Generator().manual_seed(seed)
    network = nn.Sequential(
        nn.Linear(inputs.shape[1], settings["hidden"]),
        nn.ReLU(),
        nn.Linear(settings["hidden"], 10),
    )
    initialise(network, draw)
    return Plan(
        model=network,
        train=noisy,
        test=test,
        epochs=settings["epochs"],
        optimizer=torch.optim.SGD(
            network.parameters(), lr=pick(smoke=0.1, laptop=0.05, full=0.05), momentum=0.9
        ),
        generator=draw,
        batch_size=50,
        record_every=settings["epochs"] // 20,
        train_metrics="measured",
    )


HIDDEN = [2, 4, 8, 16, 32, 128]
epochs = pick(smoke=80, laptop=200, full=400)
trials = [Trial({"hidden": h, "epochs": epochs}, seed) for h in HIDDEN for seed in range(3)]
with tempfile.TemporaryDirectory() as folder:
    results = fit_many(
        of_size, trials, engine="stacked", folder=folder, keep_weights=True, progress=False
    )
    all_logits = {}
    for result in results:
        network = of_size(result.trial.settings, 0).model
        network.load_state_dict(result.load_weights())
        with torch.no_grad():
            all_logits[result.trial.settings["hidden"], result.trial.seed] = network(test.images)


def last(hidden: int, measure: str) -> float:
    """Return the mean over the starts of a measure at the end."""
    values = [
        getattr(r.history, measure)[-1] for r in results if r.trial.settings["hidden"] == hidden
    ]
    return sum(values) / len(values)


by_hidden = {
    "training error": [1 - last(h, "train_accuracy") for h in HIDDEN],
    "test error": [1 - last(h, "test_accuracy") for h in HIDDEN],
    "training loss": [last(h, "train_loss") for h in HIDDEN],
    "test loss": [last(h, "test_loss") for h in HIDDEN],
}
loss_peak = max(range(len(HIDDEN)), key=lambda i: by_hidden["test loss"][i])
figure = plots.against_size(
    HIDDEN,
    {
        "share of wrong labels": {k: by_hidden[k] for k in ("training error", "test error")},
        "cross-entropy": {k: by_hidden[k] for k in ("training loss", "test loss")},
    },
    title=f"The test loss is highest at {HIDDEN[loss_peak]} hidden units ({by_hidden['test loss'][loss_peak]:.1f}); with "
    f"{HIDDEN[-1]} it is {by_hidden['test loss'][-1]:.1f}, and the test error is "
    f"{by_hidden['test error'][-1]:.0%} after {by_hidden['test error'][loss_peak]:.0%}{digit_note}",
    x_name="hidden units",
)
plots.show(
    figure,
    alt="Left, training and test error against the number of hidden units. Right, training and test loss: the test loss "
    "has a peak where the training error comes near zero.",
)

# %% [markdown]
# Again a peak where the labels can only just be fitted, in the loss much more than in the error. To the right of it,
# in ours, the loss *falls* with the size. The ledger repeats it with a thousand real digits, 13 sizes, and three
# shares of re-drawn labels. Move through the sizes:

# %%
model_size_explorer(ledger.read_rows("F6"))

# %%
claims = ledger.compare("F6", with_yours=False)
lines = [
    "| claim | report | ours: difference of the means | verdict |",
    "| --- | --- | --- | --- |",
]
for claim in claims:
    if claim.reported.versus is not None and claim.ours is not None:
        difference = claim.ours.mean * claim.reported.factor
        lines.append(
            f"| {claim.reported.what} | {claim.reported.printed} | {difference:+.2f} {claim.reported.unit} "
            f"| {claim.verdict} |"
        )
Markdown("\n".join(lines))

# %% [markdown]
# The first claim is about the error, and larger networks even have a lower one. The second is about the loss; look at
# its verdicts. Our networks are small and fully connected, and the report names CNNs; so take this as a warning about
# *size* as the cause, no more. What does make the test loss rise in our rows, as well, is **time**:

# %%
after = [
    (row.metrics["test_loss"], row.metrics["fitted_test_loss"])
    for row in ledger.read_rows("F6")
    if math.isfinite(row.metrics["fitted_test_loss"])
]
print(
    f"test loss at the end against that at the first measurement without a training error: higher in "
    f"{sum(end > fitted for end, fitted in after)} of {len(after)} runs, on average "
    f"{sum(end / fitted for end, fitted in after) / len(after):.2f} times as high"
)

# %% [markdown]
# And the widest network of your own family, epoch by epoch:

# %%
widest = next(r.history for r in results if r.trial.settings["hidden"] == HIDDEN[-1])
fitted_from = next(
    (e for e, right in zip(widest.epochs, widest.train_accuracy) if right == 1), None
)
at = widest.epochs.index(fitted_from) if fitted_from is not None else len(widest.epochs) - 1
figure = plots.lines(
    widest.epochs,
    {
        "test error": [1 - right for right in widest.test_accuracy],
        "test loss": widest.test_loss,
        "training loss": widest.train_loss,
    },
    title=f"From epoch {widest.epochs[at]}, the first without a training error, to epoch {widest.epochs[-1]} the test "
    f"loss goes from {widest.test_loss[at]:.2f} to {widest.test_loss[-1]:.2f}, the test error from "
    f"{1 - widest.test_accuracy[at]:.1%} to {1 - widest.test_accuracy[-1]:.1%}{digit_note}",
    x_name="epoch",
    y_name="share of wrong answers, cross-entropy",
)
plots.show(
    figure,
    alt="Test error, test loss and training loss of the widest network against epochs: the training loss goes to zero, "
    "the test loss rises slowly, the test error stays where it is.",
)

# %% [markdown]
# Once every label is right, the training loss can still fall: double the logits, and every right answer becomes surer.
# So descent makes the logits grow for ever (as $\log t$). Doubled logits change no answer, so the error stays. But the
# wrong answers become surer, too.
#
# ### Exercise 11.10: what growing logits cost
#
# Multiply all logits by a large number $c$. The loss of an example becomes (nearly) a straight line in $c$: with which
# slope? Return the limit of $L(c)/c$ for $c \to \infty$, where $L(c)$ is the mean cross-entropy of the logits $c z$.


# %%
# Exercise 11.10 (2 points, 12 minutes, difficulty 3)
def slope_at_infinity(logits: Tensor, labels: Tensor) -> Tensor:
    """Return lim L(c) / c for logits (N, K) and labels, int64 (N,)."""
    ### BEGIN SOLUTION
    of_label = logits.gather(1, labels[:, None])[:, 0]
    return (logits.max(dim=1).values - of_label).mean()
    ### END SOLUTION


# %%
check("11.10")

# %% [markdown]
# Right answers cost nothing in the limit, wrong ones in proportion to $c$. If the size of the logits is what went
# wrong, it can be mended afterwards, with a single number and without changing one answer: divide all logits by a
# *temperature* $T$.
#
# ### Exercise 11.11: cool it down
#
# Of some temperatures return the one for which the logits divided by it have the least mean cross-entropy, and that
# loss. (The temperature belongs to the training: in earnest it is chosen on validation data, as you will do below.)


# %%
# Exercise 11.11 (2 points, 10 minutes, difficulty 2)
def best_temperature(
    logits: Tensor, labels: Tensor, temperatures: Tensor
) -> tuple[Tensor, Tensor]:
    """Return temperature and loss, of temperatures (T,), for logits (N, K) and labels, int64 (N,)."""
    ### BEGIN SOLUTION
    losses = torch.stack([F.cross_entropy(logits / t, labels) for t in temperatures])
    best = losses.argmin()
    return temperatures[best], losses[best]
    ### END SOLUTION


# %%
check("11.11")

# %% [markdown]
# Your whole family, with temperatures found on one half of the test pictures and the loss measured on the other half:

# %%
temperatures = torch.logspace(-0.5, 1.5, 80)
on_one, on_other = slice(0, len(test) // 2), slice(len(test) // 2, None)
cooled = {"as trained": [], "at the best temperature": []}
found_temperatures, slopes = [], []
for h in HIDDEN:
    of_starts = []
    for logits in (all_logits[h, seed] for seed in range(3)):
        temperature, _ = best_temperature(logits[on_one], test.labels[on_one], temperatures)
        losses = [
            F.cross_entropy(logits[on_other] / t, test.labels[on_other])
            for t in (1.0, temperature)
        ]
        slope = slope_at_infinity(logits[on_other], test.labels[on_other])
        of_starts.append(torch.stack([*losses, temperature, slope]))
    means = torch.stack(of_starts).mean(dim=0).tolist()
    for values, mean in zip((*cooled.values(), found_temperatures, slopes), means):
        values.append(mean)
figure = plots.against_size(
    HIDDEN,
    {
        "cross-entropy on the other half": cooled,
        "temperature, slope": {
            "best temperature": found_temperatures,
            "slope of the loss at infinity": slopes,
        },
    },
    title=f"One number takes the highest test loss from {max(cooled['as trained']):.1f} to "
    f"{cooled['at the best temperature'][loss_peak]:.1f}, and no answer changes: the best temperatures are between "
    f"{min(found_temperatures):.1f} and {max(found_temperatures):.1f}{digit_note}",
    x_name="hidden units",
    log_y=("temperature, slope",),
)
plots.show(
    figure,
    alt="Left, test loss against hidden units, with a peak as trained, much lower and flatter at the best temperature. "
    "Right, the best temperature and the slope of the loss, both highest near the peak.",
)

# %% [markdown]
# At the best temperature the loss tells the same story as the error. So "the test loss over-fits" says little about
# what the network knows, and much about how sure it is: the networks that only just fit need the largest weights, and
# are the surest about their mistakes.
#
# ## 7. What is left?
#
# ### Exercise 11.12: the lesson
#
# Which sentence do the experiments of this notebook support?
#
# - **a** Networks generalise because they have too few parameters to memorise the training set.
# - **b** Of the many weights that fit the training data, descent from a small start finds some that, with data whose
#   labels depend on the pictures, also fit other data.
# - **c** Networks generalise because weight decay, dropout and augmentation keep them from memorising.
# - **d** A network with zero training error does not generalise: it has memorised.
#
# Because:
#
# 1. the same network reached zero training error on all five kinds of data, with very different test accuracies, and
#    the end of descent depended on its start;
# 2. the test error was lowest where parameters and examples were equally many;
# 3. the Rademacher complexity of the networks was small.

# %%
# Exercise 11.12 (1 point, 5 minutes, difficulty 2)
# q_lesson: one of "a", "b", "c", "d"; q_lesson_reason: 1, 2 or 3
### BEGIN SOLUTION
q_lesson = "b"
q_lesson_reason = 1
### END SOLUTION

# %%
check("11.12")

# %% [markdown]
# ## 8. What you have now
#
# - Five kinds of data that one network learns to the last label, and a rule to stop at exactly that point.
# - A network of $2n + d$ numbers for any labels whatever; so zero training error alone means nothing.
# - The Rademacher complexity, estimated by fitting noise, and why bounds that count all functions say nothing here.
# - Where descent ends on a linear model, and why its start is a regulariser that nobody wrote down.
# - Double descent: seen with random features, derived for Gaussian inputs, found again in networks.
# - One claim of the report to be read with care: above the size that just fits, our test loss *falls* with the size. It
#   rises with the time of training, and a temperature takes most of it away.

# %%
progress("11")
