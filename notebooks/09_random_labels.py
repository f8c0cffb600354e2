# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Notebook 09: random labels
#
# Somebody has labelled your training images, and got tired: every second label is drawn from a hat. You do not know,
# and you train as always. The training accuracy rises to 100 %. Does the network notice?
#
# It does, and then it forgets. At first it behaves as if the wrong labels were not there; later it learns every one of
# them by heart. Here you watch both, find out *why* it happens in this order, and predict, before training, how
# good the network will be in the end, and how good it looks to somebody whose test labels are just as wrong.
#
# Fill in the cells that begin with `# Exercise`, run them, then run the check below each. Stuck?
# `hint("9.2", 1)` points the way, `hint("9.2", 2)` nearly gives the answer, `solution("9.2")` shows it.
# `progress()` shows where you are; `reset("9.2")` gives an empty cell back. Where a number is asked for, a Python
# number and a tensor of shape () both count, and `"B"` is as good as `"b"`.
#
# *The report* is L. N. Pandey and R. Vashisht, Research Summary (July 2020), section 4: CIFAR-10 with 0 to 100 % of
# its labels re-drawn.

# %% tags=["setup"]
import course_utils  # first: it decides how torch's threads wait

import math

import torch
from IPython.display import Markdown
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils import plots
from course_utils.data import load
from course_utils.data.pixels import half_size, to_unit
from course_utils.evaluation import ledger
from course_utils.evaluation.reported import read_reported
from course_utils.exercises import begin, check, hint, mine, progress, reset, solution
from course_utils.scale import pick
from course_utils.training.devices import one_thread
from course_utils.widgets.label_noise import label_noise_explorer, ledger_curves

begin("09")


# %% [markdown]
# ## 1. How wrong is 40 %?
#
# The report *corrupts p % of the data*: it takes that many images at random and assigns labels to them at random. Which
# labels can that be? "At random" means all ten classes are equally likely, and the true one is one of the ten.
#
# ### Exercise 9.1: re-draw the labels
#
# Choose exactly `round(fraction * N)` different rows at random, and draw a new label for each, from all classes alike.
# Return the labels and a mask that says which rows were re-drawn (*corrupted*), whatever label they got. All
# randomness comes from `generator`; the labels that you were given stay as they are.

# %%
# Exercise 9.1 (3 points, 15 minutes, difficulty 2)
def redraw(
    labels: Tensor, fraction: float, classes: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return new labels, int64 (N,), and which rows were re-drawn, bool (N,)."""
    raise NotImplementedError("Exercise 9.1")


# %%
check("9.1")

# %% [markdown]
# Handwritten digits are quick to learn, so you can afford to train until *every* label is fitted, many times over. The
# report's CIFAR-10 comes from the ledger, further down. (At half their size the digits are as readable, and four
# times as fast.)

# %%
data = load("mnist")
note = " (stand-in digits)" if data.stand_in else ""
print(data)

N, N_VALID, N_TEST = (
    pick(smoke=1000, laptop=2000, full=5000),
    pick(smoke=400, laptop=1000, full=2500),
    pick(smoke=360, laptop=2000, full=10_000),
)
pixels = to_unit(half_size(data.train.images[: N + N_VALID])).flatten(1)
mean, sd = pixels[:N].mean(dim=0), pixels[:N].std()
x, x_valid = ((pixels - mean) / sd).split([N, N_VALID])
true, true_valid = data.train.labels[: N + N_VALID].split([N, N_VALID])
x_test = (to_unit(half_size(data.test.images[:N_TEST])).flatten(1) - mean) / sd
true_test = data.test.labels[:N_TEST]

given, corrupted = redraw(true, 0.4, 10, torch.Generator().manual_seed(0))
wrong = given != true
print(
    f"{int(corrupted.sum())} of {N} labels re-drawn; {int(wrong.sum())} of them, {wrong.sum() / corrupted.sum():.0%}, are "
    "wrong now"
)


# %% [markdown]
# One tenth of the re-drawn labels are right, by luck. "40 % corrupted" means 36 % wrong, and "100 % corrupted" still
# means 10 % right. Keep this in mind for every table of this kind: *which* percentage is it?
#
# ### Exercise 9.2: the noise matrix
#
# All that can be said about such noise stands in a matrix: $T_{ij}$ is the probability that an image of the true class
# $i$ is **given** the label $j$. Its rows add up to 1. Write it down for labels of which a fraction $f$ is re-drawn,
# with $K$ classes.

# %%
# Exercise 9.2 (2 points, 8 minutes, difficulty 2)
def redraw_matrix(fraction: float, classes: int) -> Tensor:
    """Return T (classes, classes): T[i, j] is the probability of the label j for the true class i."""
    raise NotImplementedError("Exercise 9.2")


# %%
check("9.2")

# %%
counts = torch.zeros(10, 10).index_put_((true, given), torch.ones(N), accumulate=True)
found, expected = counts / counts.sum(dim=1, keepdim=True), redraw_matrix(0.4, 10)
figure = plots.heat_map(
    found,
    numbers=found,
    row_labels=range(10),
    column_labels=range(10),
    row_name="true class",
    column_name="given label",
    title=f"Counted: {found.diagonal().mean():.0%} on the diagonal and {(1 - found.diagonal()).mean() / 9:.1%} in each place "
    f"beside it; your matrix says {expected[0, 0]:.0%} and {expected[0, 1]:.1%}{note}",
    value_name="share of the row",
    number_format=".2f",
)
plots.show(
    figure,
    alt="Shares of the given labels for each true class: large on the diagonal, small and about equal elsewhere.",
)


# %% [markdown]
# ### Exercise 9.3: noise on noise
#
# The labels came to you with a noise matrix $A$ (from the tired labeller). Now *you* re-draw some of them, with a matrix
# $B$: what you corrupt is the label that you see, not the true one. Return the matrix from the true class to the
# final label.

# %%
# Exercise 9.3 (1 point, 6 minutes, difficulty 2)
def noise_on_noise(first: Tensor, second: Tensor) -> Tensor:
    """Return the noise matrix (K, K) of labels that pass through `first`, then through `second`, (K, K) each."""
    raise NotImplementedError("Exercise 9.3")


# %%
check("9.3")

# %%
both = noise_on_noise(redraw_matrix(0.3, 10), redraw_matrix(0.3, 10))
alike = 1 - (both[0, 0] - both[0, 1])  # for re-drawn labels, diagonal minus the rest is 1 - f
print(
    f"re-drawing 30 % twice is re-drawing {alike:.0%} once: a label is left alone twice with probability 0.7²"
)


# %% [markdown]
# ## 2. Train until every label is fitted
#
# While it trains, keep an eye on the two parts of the training set, and on test images that the network never sees.
#
# ### Exercise 9.4: four accuracies
#
# The report's table has four kinds of accuracy. With the labels **as given**: on the corrupted rows, on the
# uncorrupted rows, on all rows. And on all rows with the **true** labels. Return them in this order, as Python numbers;
# where a part has no rows, its accuracy is `math.nan`.

# %%
# Exercise 9.4 (2 points, 10 minutes, difficulty 2)
def four_accuracies(
    predicted: Tensor, given: Tensor, corrupted: Tensor, true: Tensor
) -> tuple[float, float, float, float]:
    """Return the accuracies (corrupted, uncorrupted, all, true); predicted, given, true are int64 (N,), corrupted bool."""
    raise NotImplementedError("Exercise 9.4")


# %%
check("9.4")

# %% [markdown]
# The network is a plain one, two hidden layers of 256 units, trained by Adam. It stops only when *every* given label is
# predicted, right or wrong. That is the report's condition ("train accuracy 1"), and the reason for stopping is kept:
# a network that ran out of epochs has not shown that it can memorise.

# %%
LIMIT = 200  # epochs


def start(seed: int) -> nn.Module:
    """Make a network whose start depends on the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        hidden = [nn.Linear(x.shape[1], 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU()]
        return nn.Sequential(*hidden, nn.Linear(256, 10))


class Run:
    """A training on given labels, measured after every epoch (epoch 0 is the start)."""

    def __init__(
        self, given: Tensor, corrupted: Tensor, *, rows=slice(None), seed=0, limit=LIMIT
    ):
        self.x, self.true, self.given, self.corrupted = x[rows], true[rows], given, corrupted
        self.curves = {"clean_accuracy": [], "corrupted_accuracy": [], "test_accuracy": []}
        self.loss, self.pulls, self.on_valid, self.on_test = [], [], [], []
        self.network, self.epochs = start(seed), 0
        self.look()
        descent = torch.optim.Adam(self.network.parameters(), lr=0.003)
        generator = torch.Generator().manual_seed(seed)
        while self.train[2] < 1 and self.epochs < limit:
            for batch in torch.randperm(len(given), generator=generator).split(100):
                descent.zero_grad()
                F.cross_entropy(self.network(self.x[batch]), given[batch]).backward()
                descent.step()
            self.epochs += 1
            self.look()
        fitted = self.train[2] == 1
        self.stopped = "every label is fitted" if fitted else f"{limit} epochs are over"
        test = self.curves["test_accuracy"]
        self.best = test.index(max(test))

    @torch.no_grad()
    def look(self) -> None:
        """Measure both parts of the training set, and keep what is said of validation and test digits."""
        logits = self.network(self.x)
        self.train = four_accuracies(
            logits.argmax(dim=1), self.given, self.corrupted, self.true
        )  # yours
        self.on_valid.append(self.network(x_valid).argmax(dim=1))
        self.on_test.append(self.network(x_test).argmax(dim=1))
        test = (self.on_test[-1] == true_test).float().mean().item()
        for name, share in zip(self.curves, (self.train[1], self.train[0], test)):
            self.curves[name].append(share)
        losses = F.cross_entropy(logits, self.given, reduction="none")
        pull = 1 - (-losses).exp()  # 1 - p of the given label
        self.loss.append(losses.mean().item())
        self.pulls.append(
            [pull[part].mean().item() for part in (self.corrupted, ~self.corrupted)]
        )


with one_thread():
    run = Run(given, corrupted)
on_test = run.curves["test_accuracy"]
print(f"stopped after {run.epochs} epochs: {run.stopped}")
figure = plots.noise_phases(
    run.curves,
    best=run.best,
    title=f"At epoch {run.best} {run.curves['clean_accuracy'][run.best]:.0%} of the clean labels are learnt and "
    f"{run.curves['corrupted_accuracy'][run.best]:.0%} of the re-drawn ones: {on_test[run.best]:.0%} of the test digits are "
    f"right. At epoch {run.epochs} {run.stopped}, and {on_test[-1]:.0%} of the test digits are right{note}",
)
plots.show(
    figure,
    alt="Accuracy on clean labels, on corrupted labels and on test digits against epochs. The clean part is learnt in a "
    "few epochs while the corrupted part stays near a tenth; then the corrupted part rises to 1 and the test curve falls.",
)


# %% [markdown]
# Two phases. First the network **learns**: the clean part rises, the re-drawn part stays near one tenth, which is what
# luck gives. It is *wrong on the wrong labels*, as if it knew. Then it **memorises**: the re-drawn part rises to
# 100 %, and the test accuracy falls. Somebody who looks at the training accuracy alone sees one curve that gets better
# all the time.
#
# ## 3. Why in this order?
#
# Nobody tells the network which labels are wrong. Take a group of images that it *cannot tell apart yet*: all have the
# same logits $z$, but labels of their own.
#
# ### Exercise 9.5: the pull of a group
#
# With $p = \operatorname{softmax}(z)$, the loss of one image with the label $y$ is $-\log p_y$. Derive the gradient of
# the **mean** loss of the group in the common logits $z$. (Autograd is switched off here.)

# %%
# Exercise 9.5 (3 points, 12 minutes, difficulty 3)
def group_pull(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the gradient (K,) of the mean cross-entropy of labels, int64 (N,), that share the logits (K,)."""
    raise NotImplementedError("Exercise 9.5")


# %%
check("9.5")


# %% [markdown]
# The single labels are gone: only their **frequencies** count. The gradient is zero where $p$ equals the frequencies,
# and for images of the true class $i$ these are the row $T_i$ of your noise matrix. Its largest entry is the true
# class, even if 40 % of the labels are re-drawn. So as long as images of a class look alike to the network, it is
# pulled to the right answer; the wrong labels, which point in all directions, cancel, and only make it less sure.
#
# ### Exercise 9.6: the least loss
#
# How low can the mean loss of such a group get, before its images are told apart? Put $p$ equal to the frequencies $q$
# and return the mean loss in nats. A label that never occurs ($q_k = 0$) costs nothing.

# %%
# Exercise 9.6 (2 points, 8 minutes, difficulty 2)
def least_loss(frequencies: Tensor) -> Tensor:
    """Return the smallest mean cross-entropy, shape (), for label frequencies (K,) that sum to 1."""
    raise NotImplementedError("Exercise 9.6")


# %%
check("9.6")

# %%
floor = least_loss(redraw_matrix(0.4, 10)[0])
weight = corrupted.float().mean().item()
pulls = torch.tensor(run.pulls)  # (epochs, 2): corrupted, clean
of_corrupted = weight * pulls[:, 0] / (weight * pulls[:, 0] + (1 - weight) * pulls[:, 1])
figure = plots.lines(
    range(run.epochs + 1),
    {"clean labels": pulls[:, 1], "re-drawn labels": pulls[:, 0]},
    title=f"At epoch {run.best} the {weight:.0%} re-drawn labels make {of_corrupted[run.best]:.0%} of the pull, at the start "
    f"{of_corrupted[0]:.0%}{note}",
    x_name="epochs",
    y_name="mean of 1 - p(given label)",
    limits=(0, 1.02),
)
plots.show(
    figure,
    alt="How strongly an example pulls, against epochs: for clean labels it falls quickly, for re-drawn ones it stays near "
    "1 and falls late.",
)
print(
    f"the least loss of a group: {floor:.2f}; training loss at epoch {run.best}: {run.loss[run.best]:.2f}"
)
print(f"training loss at the end: {run.loss[-1]:.3f}")

# %% [markdown]
# An image pulls at the logit of its own label with $1 - p_y$. Once the classes are learnt, the clean labels have less to
# pull at, and the wrong ones pull on with nearly full strength, so their part of the gradient grows. And below the floor of $-\sum_k q_k \log q_k$ there is only one way for the loss: tell the images of a class apart, one by
# one. (Look at the printed losses: the network is often below the floor already when the test accuracy is best. The
# phases overlap, they are no law.)
#
# ### Exercise 9.7: why not the wrong ones first?
#
# In the first epochs the network is right on clean training labels and wrong on re-drawn ones. Because
#
# - **a** the wrong labels have a larger loss, and descent takes the easy examples first
# - **b** the network is too small to learn the wrong labels
# - **c** what many images share is pulled the same way by all of them; wrong labels pull images that look alike in
#   different directions
# - **d** at the start the network has seen the clean labels more often than the re-drawn ones
#
# What follows from it?
#
# 1. if all labels are re-drawn, a network can learn none of them;
# 2. if the wrong labels of a class all agree on *one* other class, they need not be learnt late;
# 3. with a smaller learning rate the wrong labels would never be learnt.

# %%
# Exercise 9.7 (1 point, 5 minutes, difficulty 2)
# q_order: one of "a", "b", "c", "d"; q_order_reason: 1, 2 or 3 (what follows)
q_order = ...
q_order_reason = ...

# %%
check("9.7")

# %% [markdown]
# ## 4. From 0 to 100 %
#
# Now the report's experiment, at all levels of noise. The test set is corrupted as well, in the same way, so that it
# can be asked both with the labels that it would have in real life, and with the true ones.

# %%
LEVELS = [0.0, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0]
SEEDS = range(pick(smoke=1, laptop=2, full=3))


def noisy(labels: Tensor, fraction: float, seed: int) -> tuple[Tensor, Tensor]:
    """Re-draw labels with your function, and a seed instead of a generator."""
    return redraw(labels, fraction, 10, torch.Generator().manual_seed(seed))


runs, tests = {(0.4, 0): run}, {}  # you have trained one of them already
with one_thread():
    for fraction in LEVELS:
        for seed in SEEDS:
            if (fraction, seed) not in runs:
                runs[fraction, seed] = Run(*noisy(true, fraction, seed), seed=seed)
            test_given, test_corrupted = noisy(true_test, fraction, 100 + seed)
            tests[fraction, seed] = four_accuracies(
                runs[fraction, seed].on_test[-1], test_given, test_corrupted, true_test
            )


def mean(values) -> float:
    """Return the mean of numbers."""
    values = list(values)
    return sum(values) / len(values)


def cells(values) -> str:
    """Write shares as cells of a table, nothing where there is none."""
    return " | ".join("–" if math.isnan(value) else f"{value:.3f}" for value in values)


fitted = [r.epochs for r in runs.values() if r.train[2] == 1]
lines = [
    f"| {fraction:.0%} | {mean(runs[fraction, s].epochs for s in SEEDS):.0f} | "
    + cells(mean(each) for each in zip(*(runs[fraction, s].train[:3] for s in SEEDS)))
    + " | "
    + cells(mean(each) for each in zip(*(tests[fraction, s] for s in SEEDS)))
    + " | "
    + cells([mean(max(runs[fraction, s].curves["test_accuracy"]) for s in SEEDS)])
    + " |"
    for fraction in LEVELS
]
Markdown(
    "| re-drawn | epochs | train corrupted | uncorrupted | all | test corrupted | uncorrupted | all | true "
    "| true, best epoch |\n"
    + "| --- " * 10
    + "|\n"
    + "\n".join(lines)
    + f"\n\nOf {len(runs)} trainings {len(fitted)} "
    f"fitted every label.{note}"
)

# %% [markdown]
# Compare the last two columns. At its best epoch the network hardly minds noise that ruins it in the end. And read the
# columns of the noisy test set: on re-drawn labels nobody can be better than luck, one tenth. The noisy test accuracy
# looks far worse than the network is.
#
# On CIFAR-10 the ledger has the report's experiment, its figures beside ours. (Mind the scale: at `laptop` it is a tenth
# of the images, at half their size, and fewer images make every accuracy lower. The report does not say which network
# it used. Compare how the columns *change* with p.)

# %%
Markdown(ledger.table("D1"))

# %% [markdown]
# Choose a level of noise and watch both parts. How does the gap between the phases change?

# %%
live = {fraction: runs[fraction, 0].curves for fraction in LEVELS if fraction > 0}
recorded = ledger_curves(ledger.read_rows("D1"))
label_noise_explorer(
    recorded or live,
    source="CIFAR-10, from the ledger" if recorded else "stand-in digits" if note else "digits",
    first_epoch=1 if recorded else 0,
)


# %% [markdown]
# ## 5. Do the report's numbers fit together?
#
# A table of accuracies can be checked without a single image. On a test set of which a share $p$ is corrupted
#
# $$\text{all} = p \cdot \text{corrupted} + (1 - p) \cdot \text{uncorrupted}$$
#
# Three of the four are printed in the report, so you can solve for the fourth, the share that was *really* corrupted.
# If every one of $n$ test labels is corrupted by the throw of a coin with probability $p$, this share is not exactly
# $p$; it varies with the standard deviation $\sqrt{p(1-p)/n}$.
#
# ### Exercise 9.8: what was really corrupted?
#
# Return the share that makes the row consistent, and how many of these standard deviations it lies above $p$ (below:
# negative).

# %%
# Exercise 9.8 (2 points, 10 minutes, difficulty 2)
def implied_share(
    on_corrupted: float, on_uncorrupted: float, on_all: float, p: float, n: int
) -> tuple[float, float]:
    """Return the share of corrupted labels that three accuracies imply, and its distance from p in deviations."""
    raise NotImplementedError("Exercise 9.8")


# %%
check("9.8")


# %%
def report(key: str) -> dict[int, dict[str, float]]:
    """Return what the report prints: p in % -> metric -> share."""
    rows: dict[int, dict[str, float]] = {}
    for entry in read_reported(key):
        if (
            entry.relation == "="
            and entry.value is not None
            and entry.setting.startswith("p = ")
            and entry.versus is None
        ):
            p = int(entry.setting.removeprefix("p = "))
            rows.setdefault(p, {})[entry.metric] = entry.value / entry.factor
    return rows


PARTS = ("test_corrupted", "test_uncorrupted", "test_all")
tables = {"table 4": report("D1"), "table 5": report("D2")}
implied = {
    (name, p): implied_share(*(row[part] for part in PARTS), p / 100, 10_000)
    for name, table in tables.items()
    for p, row in table.items()
    if all(part in row for part in PARTS) and 0 < p < 100
}
levels = sorted({p for _, p in implied})
farthest = max((abs(away) for _, away in implied.values()), default=math.nan)
apart = {
    p: abs(implied["table 4", p][0] - implied["table 5", p][0])
    for p in levels
    if all((name, p) in implied for name in tables)
}
alike = sum(
    difference
    <= 1e-4
    * sum(1 / (t[p]["test_uncorrupted"] - t[p]["test_corrupted"]) for t in tables.values())
    for p, difference in apart.items()
)
Markdown(
    "| p | table 4: implied share | deviations | table 5: implied share | deviations |\n"
    + "| --- " * 5
    + "|\n"
    + "\n".join(
        f"| {p} % | "
        + " | ".join(
            "{:.2%} | {:+.2f}".format(*implied[name, p]) if (name, p) in implied else "– | –"
            for name in tables
        )
        + " |"
        for p in levels
    )
    + f"\n\nThe farthest is {farthest:.1f} deviations from its p. In {alike} of {len(apart)} rows the two tables imply "
    "the same share, up to the rounding of their four printed digits."
)


# %% [markdown]
# So the identity does not hold with $p$ itself, and still nothing is wrong: the shares lie where coins would put them. You
# have found out how the test labels were corrupted, one coin for each label, though the report says nothing of it.
# And both tables imply (nearly) the same shares, so they were very likely measured with the *same* corrupted test labels.
#
# ## 6. Predict it
#
# ### Exercise 9.9: accuracy on noisy labels
#
# A classifier that never saw the noisy test labels says $j$ for $C_{ij}$ test images of the true class $i$ (its
# confusion matrix, counts). The labels are noisy with a matrix $T$. Which accuracy do you expect on them?

# %%
# Exercise 9.9 (3 points, 12 minutes, difficulty 3)
def expected_agreement(confusion: Tensor, matrix: Tensor) -> Tensor:
    """Return the expected accuracy, shape (), on labels noisy by matrix (K, K); confusion (K, K) counts [true, said]."""
    raise NotImplementedError("Exercise 9.9")


# %%
check("9.9")


# %% [markdown]
# For re-drawn labels the matrix has one number on the diagonal and one beside it, and with the accuracy $a$ on true
# labels all that remains is
#
# $$\text{noisy accuracy} = (1 - f)\, a + \frac{f}{K}$$
#
# And the network that has **memorised**? Think of it as a copier: for a test image it finds the training images that
# resemble it, as well as a clean network would, and says what *one* of them was labelled. It mistakes class $i$ for
# $j$ as the clean network does ($C_{ij}$), then says $i$ if the copied label of class $j$ happens to be $i$: with
# probability $T_{ji}$. That is your function again, with $T$ transposed; and for re-drawn labels the same formula, with
# the accuracy $a$ of the *clean* network.

# %%
def confusion_of(said: Tensor) -> Tensor:
    """Return the counts [true, said] of the test digits."""
    return torch.zeros(10, 10).index_put_(
        (true_test, said), torch.ones(len(said)), accumulate=True
    )


on_noisy = {  # a clean network on noisy test labels: measured with several draws of the labels
    f: [
        float((runs[0.0, 0].on_test[-1] == noisy(true_test, f, 200 + k)[0]).float().mean())
        for k in range(10)
    ]
    for f in LEVELS
}
clean = confusion_of(runs[0.0, 0].on_test[-1])
predicted = [float(expected_agreement(clean, redraw_matrix(f, 10))) for f in LEVELS]
copied = [float(expected_agreement(clean, redraw_matrix(f, 10).T)) for f in LEVELS]


def with_error(values) -> tuple[float, float]:
    """Return mean and standard deviation of numbers (nan for one)."""
    values = torch.tensor(list(values))
    return values.mean().item(), values.std().item() if len(values) > 1 else math.nan


memorised = [with_error(tests[f, s][3] for s in SEEDS) for f in LEVELS]
stopped = [with_error(max(runs[f, s].curves["test_accuracy"]) for s in SEEDS) for f in LEVELS]
off_noisy = max(
    abs(p - mean(found)) for p, found in zip(predicted, (on_noisy[f] for f in LEVELS))
)
off_copier = max(abs(p - m) for p, (m, _) in zip(copied, memorised))
figure = plots.predictions(
    LEVELS,
    {"predicted by your function": predicted},
    {
        "clean network, noisy test labels": [with_error(on_noisy[f]) for f in LEVELS],
        "memorised noise, true test labels": memorised,
        "memorised noise, at its best epoch": stopped,
    },
    title=f"A clean network on noisy labels is at most {100 * off_noisy:.1f} points off the prediction, a network that "
    f"has memorised noise at most {100 * off_copier:.1f}; at its best epoch it is up to "
    f"{100 * max(m - p for p, (m, _) in zip(copied, stopped)):.0f} points better{note}",
    x_name="fraction of labels re-drawn",
    y_name="accuracy",
)
plots.show(
    figure,
    alt="Accuracy against the fraction of re-drawn labels. A falling straight line is predicted; the clean network on "
    "noisy labels lies on it, the network that has memorised noise near it, and at its best epoch far above it.",
)


# %% [markdown]
# One line predicts two different things: how good a *good* network **looks** on noisy test labels, and how good a network
# **is** that was trained on noisy labels to the end. The first is exact in the mean; the second is a picture of memorising,
# and only as good as the picture. Now the report, and the ledger where it has rows. The line needs one measurement only,
# the accuracy without noise:

# %%
def of_ledger(metric: str) -> dict[int, tuple[float, float]]:
    """Return p in % -> mean and standard deviation of a metric of D1."""
    return {
        int(entry.setting.removeprefix("p = ")): (entry.mean, entry.sd)
        for entry in ledger.summary("D1")
        if entry.metric == metric and entry.setting.startswith("p = ")
    }


NOISE = [0, 5, 10, 20, 30, 40, 50, 100]
NOTHING = (math.nan, math.nan)
printed = {p: (row["test_true"], 0.0) for p, row in report("D1").items() if "test_true" in row}
ours, best = of_ledger("test_true"), of_ledger("best_test_true")
points = {
    "report, true test labels": printed,
    "ours (ledger), true test labels": ours,
    "ours, at the best epoch": best,
}
lines_of, gaps = {}, {}
for name, found in (("report", printed), ("ours", ours)):
    if 0 in found:
        lines_of[f"copier, from {name} at p = 0"] = [
            (1 - p / 100) * found[0][0] + p / 1000 for p in NOISE
        ]
        gaps[name] = [
            found[p][0] - line
            for p, line in zip(NOISE, lines_of[f"copier, from {name} at p = 0"])
            if 0 < p < 100 and p in found
        ]
if lines_of:
    figure = plots.predictions(
        NOISE,
        lines_of,
        {name: [found.get(p, NOTHING) for p in NOISE] for name, found in points.items() if found},
        title="CIFAR-10, between 0 and 100 %: "
        + "; ".join(
            f"{'the report' if name == 'report' else 'ours'} lies {100 * min(of):+.0f} to {100 * max(of):+.0f} points "
            "from its line"
            for name, of in gaps.items()
        ),
        x_name="labels re-drawn, %",
        y_name="test accuracy (true labels)",
    )
    plots.show(
        figure,
        alt="Test accuracy on true labels against the share of re-drawn labels, from the report and from the ledger, "
        "beside the line of a copier.",
    )


# %% [markdown]
# The line knows nothing of the network, its size or its training, only of the noise and of the accuracy without it.
# (The best epochs are picked with the test labels themselves, so they are a little flattered.)
#
# ## 7. Stop in time
#
# The best epoch was found with true test labels, and you have none. You have a validation set whose labels are as noisy as
# the training labels. Can *it* tell you when to stop?
#
# ### Exercise 9.10: the truth behind noisy labels
#
# On $n$ noisy validation labels, of which a fraction $f$ was re-drawn, your network has the accuracy $b$. Turn the formula
# of part 6 round: estimate the accuracy $a$ on true labels. And return the standard error of the estimate; that of $b$ is
# $\sqrt{b(1-b)/n}$.

# %%
# Exercise 9.10 (2 points, 10 minutes, difficulty 2)
def true_accuracy(
    noisy_accuracy: float, fraction: float, classes: int, n: int
) -> tuple[float, float]:
    """Return estimate and standard error of the accuracy on true labels, from n labels with a fraction re-drawn."""
    raise NotImplementedError("Exercise 9.10")


# %%
check("9.10")

# %% [markdown]
# The formula rises with $a$ in a straight line, so **the epoch that is best on noisy labels is best on true ones**, but
# for chance: wrong labels cost every network the same. Noise only makes the ruler shorter, by $1 - f$, and the same
# uncertainty therefore larger.

# %%
chosen = {}
for fraction in LEVELS[:-1]:
    for seed in SEEDS:
        valid_given, _ = noisy(true_valid, fraction, 300 + seed)
        curve = [
            float((said == valid_given).float().mean()) for said in runs[fraction, seed].on_valid
        ]
        epoch = max(range(len(curve)), key=curve.__getitem__)
        estimate, error = true_accuracy(curve[-1], fraction, 10, N_VALID)
        truth = float((runs[fraction, seed].on_valid[-1] == true_valid).float().mean())
        test_curve = runs[fraction, seed].curves["test_accuracy"]
        chosen[fraction, seed] = {
            "chosen": test_curve[epoch],
            "last": test_curve[-1],
            "best": max(test_curve),
            "away": (estimate - truth) / error,
        }
averages = {
    key: [mean(chosen[f, s][key] for s in SEEDS) for f in LEVELS[:-1]]
    for key in ("best", "chosen", "last")
}
kept = mean(one - end for one, end in zip(averages["chosen"][1:], averages["last"][1:]))
lost = mean(top - one for top, one in zip(averages["best"][1:], averages["chosen"][1:]))
within = sum(abs(entry["away"]) < 2 for entry in chosen.values())
figure = plots.lines(
    LEVELS[:-1],
    {
        "best epoch, by true test labels": averages["best"],
        "epoch chosen by noisy labels": averages["chosen"],
        "last epoch": averages["last"],
    },
    title=f"An epoch chosen by noisy validation labels is {100 * kept:.0f} points better than the last one, and "
    f"{100 * lost:.1f} worse than the best (means over the noisy levels){note}",
    x_name="fraction of labels re-drawn",
    y_name="test accuracy (true labels)",
    limits=(0, 1.02),
)
plots.show(
    figure,
    alt="Test accuracy on true labels against the fraction of re-drawn labels for the best epoch, the epoch chosen by "
    "noisy validation labels, and the last one: the first two are close together and high, the last one falls steeply.",
)
print(
    f"your estimate for the last epoch is within two standard errors of the truth in {within} of {len(chosen)} trainings"
)

# %% [markdown]
# ### Exercise 9.11: when noisy labels choose wrongly
#
# *Pair flips*: with probability $r$ an image of class $i$ gets the label $i + 1$ (the last class: 0), never another one.
# Network A is always right. Network B always says the *next* class. Their accuracy on noisy validation labels is
#
# - **a** A: $1 - r$, B: $0$
# - **b** A: $1 - r$, B: $r$
# - **c** A: $1$, B: $r$
# - **d** both $1 - r$
#
# So noisy validation labels
#
# 1. choose the right one of the two at every $r < 1$, as with re-drawn labels;
# 2. choose A only if more than half of the labels are right, while re-drawn labels need the true class to be only the
#    *most frequent* label;
# 3. choose neither, because half of the labels are wrong.

# %%
# Exercise 9.11 (1 point, 5 minutes, difficulty 2)
# q_flips: one of "a", "b", "c", "d"; q_flips_reason: 1, 2 or 3
q_flips = ...
q_flips_reason = ...

# %%
check("9.11")


# %%
def flipped(labels: Tensor, rate: float, seed: int) -> Tensor:
    """Draw labels from the rows of the matrix of pair flips."""
    matrix = (1 - rate) * torch.eye(10) + rate * torch.eye(10).roll(1, dims=1)
    generator = torch.Generator().manual_seed(seed)
    return torch.multinomial(matrix[labels], 1, generator=generator)[:, 0]


RATES = [0.2, 0.4, 0.6, 0.8]
by_flips = {"true class": [], "next class": []}
with one_thread():
    for rate in RATES:
        flip_given = flipped(true, rate, 0)
        flip_run = Run(flip_given, flip_given != true, limit=20)
        flip_valid = flipped(true_valid, rate, 300)
        curve = [float((said == flip_valid).float().mean()) for said in flip_run.on_valid]
        said = flip_run.on_test[max(range(len(curve)), key=curve.__getitem__)]
        by_flips["true class"].append(float((said == true_test).float().mean()))
        by_flips["next class"].append(float((said == (true_test + 1) % 10).float().mean()))
redrawn_wrong = 0.9 * LEVELS[-2]
figure = plots.lines(
    RATES,
    by_flips,
    title=f"With {RATES[1]:.0%} of the labels flipped the chosen network says the true class for {by_flips['true class'][1]:.0%} of "
    f"the test digits, with {RATES[2]:.0%} for {by_flips['true class'][2]:.0%}. With {redrawn_wrong:.0%} wrong labels in all "
    f"directions it was {averages['chosen'][-1]:.0%}{note}",
    x_name="share of labels flipped to the next class",
    y_name="share of test digits",
    limits=(0, 1.02),
)
plots.show(
    figure,
    alt="Share of test digits for which the chosen network says the true and the next class, against the share of flipped "
    "labels: they cross near one half.",
)

# %% [markdown]
# It is not *how many* labels are wrong that decides, but whether the true class is still the most frequent label of its
# images. More than half wrong, all in one direction, and nothing in the data tells the truth from the mistake. Which
# matrix your data have, no training can tell you by itself; somebody has to look at some of the images.
#
# ## 8. The number of clean labels, or their fraction?
#
# In table 4 more noise also means fewer clean labels: 47 500 of them at 5 %, 25 000 at 50 %. Which of the two does the
# harm? So the report fixes 25 000 images with clean labels and *adds* re-drawn ones, until they are $p$ of all (table
# 5).
#
# ### Exercise 9.12: count or fraction
#
# In points of test accuracy on true labels, from the tables (true accuracy: table 4 at $p$ = 5 %: .78, at 50 %: .42;
# table 5 at 5 %: .75, at 50 %: .42):
#
# - `q_count`: at $p$ = 5 %, by how many points is the network with 47 500 clean labels better than the one with 25 000?
# - `q_fraction`: with 25 000 clean labels, how many points does it cost to go from 5 % to 50 %?
# - `q_images`: how many images are there in all with 25 000 clean labels and $p$ = 80 %?

# %%
# Exercise 9.12 (2 points, 8 minutes, difficulty 2)
# three numbers
q_count = ...
q_fraction = ...
q_images = ...

# %%
check("9.12")

# %% [markdown]
# Nearly twice as many clean labels bring a few points; the same clean labels in worse company cost many times as much. A
# memorising network is a copier, and to a copier the *fraction* of wrong labels matters most.
#
# One thing in table 5 cannot be. It has a row for 100 %, but with 25 000 clean labels no number of wrong ones makes 100 %:
# your formula divides by zero. And its row for 0 % says .83, as table 4 does with all 50 000 images, where there should
# be 25 000. Both rows are simply those of table 4 again. With half of the images you would expect less. Try it:

# %%
half = {}
with one_thread():
    for fraction in (0.0, 0.2, 0.4):
        count = round(
            N / 2 / (1 - fraction)
        )  # half of the clean labels, and re-drawn ones beside
        extra_given, extra_corrupted = noisy(true[N // 2 : count], 1.0, 0)
        half[fraction] = Run(
            torch.cat([true[: N // 2], extra_given]),
            torch.cat([torch.zeros(N // 2, dtype=torch.bool), extra_corrupted]),
            rows=slice(count),
        )
Markdown(
    "| re-drawn | clean labels | images | test accuracy, true labels | clean labels | images | test accuracy |\n"
    + "| --- " * 7
    + "|\n"
    + "\n".join(
        f"| {f:.0%} | {round(N * (1 - f))} | {N} | {runs[f, 0].curves['test_accuracy'][-1]:.1%} "
        f"| {N // 2} | {round(N / 2 / (1 - f))} | {half[f].curves['test_accuracy'][-1]:.1%} |"
        for f in half
    )
    + f"\n\nFrom 0 to 40 % re-drawn, with {N // 2} clean labels throughout, costs "
    f"{100 * (half[0.0].curves['test_accuracy'][-1] - half[0.4].curves['test_accuracy'][-1]):.0f} points; half as many clean "
    f"labels and no noise costs {100 * (runs[0.0, 0].curves['test_accuracy'][-1] - half[0.0].curves['test_accuracy'][-1]):.0f}"
    f".{note}"
)

# %% [markdown]
# And on CIFAR-10. (The settings called *inputs* add images of random pixels instead of images with re-drawn labels: the
# report names this alternative, and prints nothing on it.)

# %%
of_d2 = {  # of the test images that are not noise themselves
    entry.setting: entry
    for entry in ledger.summary("D2")
    if entry.metric == ("test_uncorrupted" if entry.setting.startswith("inputs") else "test_true")
}
told = []
if 0 in ours and "p = 0" in of_d2:
    told.append(
        f"Without noise the clean images of D2 alone give {of_d2['p = 0'].mean:.3f}, all images of D1 {ours[0][0]:.3f}."
    )
for percent in (20, 50):
    names = ("p = 0", f"p = {percent}", f"inputs, p = {percent}")
    if all(name in of_d2 for name in names):
        alone, labels, inputs = (of_d2[name].mean for name in names)
        told.append(
            f"Add to the same clean images {percent} % of images with re-drawn labels: {100 * (labels - alone):+.1f} points of "
            f"test accuracy; of images of noise: {100 * (inputs - alone):+.1f} points on true images."
        )
Markdown(ledger.table("D2") + "\n\n" + " ".join(told))

# %% [markdown]
# A wrong label on a real image is found again when a similar test image comes along, and is copied. An image of noise
# resembles nothing that is ever asked.

# %% [markdown]
# ## 9. What you have now
#
# - Noise is a matrix. Re-drawing $p$ % makes $0.9\,p$ % of ten classes' labels wrong.
# - A network learns what its examples have in common first, because there wrong labels cancel; then it memorises them,
#   every one, and a training accuracy of 100 % says nothing about what it knows.
# - You can predict both ends: how a good network looks on noisy labels, $(1-f)\,a + f/K$, and roughly how good a network
#   is that has memorised noise: the same line.
# - Early stopping works with noisy validation labels, if wrong labels point in all directions. If they agree with one
#   another, it works only while the true class is the most frequent label.
# - The report, checked without its data: its rows fit together if each test label was corrupted by a coin of its own;
#   two rows of its table 5 cannot be what they say.
#
# If labels are wrong, which ones? And what if the noise comes from classes that you do not ask about? That is notebook
# 10.

# %%
progress("09")
