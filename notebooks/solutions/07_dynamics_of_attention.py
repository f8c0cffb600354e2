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
# # Notebook 07: the dynamics of attention
#
# Two networks learn at once. The *focus network* weighs the nine tiles of a mosaic, the *classification network* names
# what their weighted mean shows. Neither is any good without the other: what should the first one look for before the
# second knows any names, and what should the second one name while the first looks at everything? Yet together they
# learn. Who goes first?
#
# Here you follow the gradient to each single tile and see why it pushes some and leaves others alone. Then you let the
# two networks learn by turns, as the report did, and design the experiment that its table should have been. At the end
# you ask whether a trained network does worse with some neighbours than with others, and how many mosaics an
# answer needs.
#
# Fill in the cells that begin with `# Exercise`, run them, then run the check below each. Stuck?
# `hint("7.2", 1)` points the way, `hint("7.2", 2)` nearly gives the answer, `solution("7.2")` shows it.
# `progress()` shows where you are; `reset("7.2")` gives an empty cell back. Where a number is asked for, a Python
# number and a tensor of shape () both count, and `"B"` is as good as `"b"`.
#
# *The report* is L. N. Pandey and R. Vashisht, Research Summary (July 2020), sections 3.4, 3.5 and 7.

# %% tags=["setup"]
import course_utils  # first: it decides how torch's threads wait

import itertools
import math
import tempfile
import time

import torch
from IPython.display import Markdown
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils import plots
from course_utils.data.mosaics import make_mosaics
from course_utils.data.points import gaussian_classes
from course_utils.evaluation import ledger
from course_utils.evaluation.focus import count, look
from course_utils.exercises import begin, check, hint, mine, progress, reset, solution
from course_utils.models.initialise import initialise
from course_utils.models.mosaic import MosaicAttention
from course_utils.scale import pick
from course_utils.training.devices import one_thread
from course_utils.training.loop import fit
from course_utils.training.many import Plan, Trial, fit_many

begin("07")

# %% [markdown]
# ## 1. What does a tile feel?
#
# Here is attention once more, in two lines. `tiles` are (N, 9, ...): N mosaics of nine tiles. The weights
# $\alpha = \operatorname{softmax}(s)$ come from the scores $s$ of the focus network; the mean $m = \sum_t \alpha_t x_t$
# goes to the classification network.


# %% tags=["setup"]
def attend(focus: nn.Module, tiles: Tensor) -> Tensor:
    """Return the attention weights (N, T) that the focus network gives to tiles (N, T, d)."""
    return focus(tiles)[..., 0].softmax(dim=1)


def average(alpha: Tensor, tiles: Tensor) -> Tensor:
    """Return the weighted means (N, d) of tiles (N, T, d)."""
    return torch.einsum("nt,ntd->nd", alpha, tiles)


# %% [markdown]
# To see everything, take tiles that are points in the plane (notebook 08 has more of them): ten classes, their means
# on a circle. Classes 0, 1 and 2 are foreground, and background classes lie between them.


# %%
def circle(order: tuple[int, ...]) -> list[list[float]]:
    """Return points on a circle of radius 2; class k stands at place order[k] of ten."""
    turns = [2 * math.pi * place / 10 for place in order]
    return [[2 * math.cos(turn), 2 * math.sin(turn)] for turn in turns]


def draw_mosaics(means, variance: float, sizes: tuple[int, ...], per_class: int = 100):
    """Draw mosaics, so many for each of sizes, each time of other points."""
    generator = torch.Generator().manual_seed(0)
    return [
        make_mosaics(
            gaussian_classes(means, per_class, variance=variance, generator=generator),
            size,
            generator=generator,
        )
        for size in sizes
    ]


def networks(seed: int, hidden: int = 50) -> tuple[nn.Sequential, nn.Sequential]:
    """Return a focus network, point to score, and a classification network, point to 3 logits."""
    generator, made = torch.Generator().manual_seed(seed), []
    for outputs in (1, 3):
        network = nn.Sequential(nn.Linear(2, hidden), nn.ReLU(), nn.Linear(hidden, outputs))
        initialise(network, generator)
        made.append(network)
    return made[0], made[1]


AMONG = circle((0, 3, 6, 1, 2, 4, 5, 7, 8, 9))  # foreground at places 0, 3 and 6
(mosaics,) = draw_mosaics(AMONG, 0.01, (300,))
tiles, labels, foreground_at = (
    mosaics.pixels(mosaics.tiles),
    mosaics.labels,
    mosaics.foreground_at,
)
figure = plots.points(
    mosaics.images,
    torch.arange(10).repeat_interleave(100),
    title="Foreground 0, 1 and 2, with background on both sides of each: neighbours are "
    f"{math.dist(AMONG[0], AMONG[3]):.1f} apart, or {math.dist(AMONG[0], AMONG[3]) / math.sqrt(0.01):.0f} standard "
    "deviations of a class",
)
plots.show(figure, alt="Ten small clouds of points on a circle, one for each class.")

# %% [markdown]
# The mean of nine points in the plane is a point in the plane: two numbers. (Section 7.4 of the report lets an "18 x 1
# tensor" into the classification network. Its next sentences say otherwise.)
#
# In exercise 5.8 you went from the mean to the scores in one go. Here you take the two steps one by one, for each has
# something to say.
#
# Backpropagation arrives at the mean first. Let $g^m = \partial L / \partial m$ be the gradient there. Nudge the weight
# of tile $t$ by a little: the mean moves by a little of $x_t$.
#
# ### Exercise 7.1: the gradient in the weights
#
# For one mosaic $\dfrac{\partial L}{\partial \alpha_t}$ is a number. Which one? Write it for N mosaics at once, without
# autograd.


# %%
# Exercise 7.1 (1 point, 6 minutes, difficulty 1)
def weight_gradient(d_mean: Tensor, tiles: Tensor) -> Tensor:
    """Return dL/dalpha (N, T) from dL/dmean (N, d) and tiles (N, T, d)."""
    ### BEGIN SOLUTION
    return torch.einsum("nd,ntd->nt", d_mean, tiles)
    ### END SOLUTION


# %%
check("7.1")

# %% [markdown]
# So a tile's weight should grow if the tile points *against* the gradient: the loss falls where the mean moves its way.
# Nothing in this asks which tile is the foreground. A background tile that happens to point the right way is just as
# welcome.
#
# ### Exercise 7.2: through the softmax
#
# The weights are not free: they come from scores. With $g_t = \partial L / \partial \alpha_t$ show that
#
# $$\frac{\partial L}{\partial s_t} = \alpha_t \Big( g_t - \sum_u \alpha_u g_u \Big)$$
#
# (The softmax has $\partial \alpha_u / \partial s_t = \alpha_u \big([u = t] - \alpha_t\big)$.) Then write it.


# %%
# Exercise 7.2 (2 points, 10 minutes, difficulty 2)
def score_gradient(alpha: Tensor, d_alpha: Tensor) -> Tensor:
    """Return dL/ds (N, T) from the weights alpha = softmax(s) and dL/dalpha, both (N, T)."""
    ### BEGIN SOLUTION
    mean = (alpha * d_alpha).sum(dim=1, keepdim=True)  # (N, 1)
    return alpha * (d_alpha - mean)
    ### END SOLUTION


# %%
check("7.2")

# %% [markdown]
# Both together, against autograd, on the mosaics above and two untrained networks:

# %%
focus, classify = networks(seed=0)
scores = focus(tiles)[..., 0]
alpha = scores.softmax(dim=1)
mean = average(alpha, tiles)
loss = F.cross_entropy(classify(mean), labels)
d_mean, d_scores = torch.autograd.grad(loss, [mean, scores])
by_hand = score_gradient(alpha.detach(), weight_gradient(d_mean, tiles))
print(f"largest difference to autograd: {(by_hand - d_scores).abs().max():.0e}")
print(f"largest gradient:               {d_scores.abs().max():.0e}")
print(f"largest sum over nine tiles:    {d_scores.sum(dim=1).abs().max():.0e}")

# %% [markdown]
# The nine gradients of a mosaic always add up to zero, and the formula shows why: $\sum_t \alpha_t g_t - \sum_t
# \alpha_t \sum_u \alpha_u g_u = 0$, because the weights add up to 1. Add the same to all scores, and the softmax
# returns the same weights: there is nothing to gain in that direction. A tile can only win what others lose.
#
# The factor $\alpha_t$ in front has a price. A tile with weight 0 has gradient 0, however much it could help.
#
# ### Exercise 7.3: how fast?
#
# The foreground has weight $a$, the eight others share the rest alike. Its derivative $\partial L / \partial \alpha$
# is $g_f$, that of each other tile $g_b$. Work out $\partial L / \partial s_f$ and look at its size as a function of $a$ alone.
#
# - `q_best_weight`: at which $a$ is it largest?
# - `q_equal_share`: with equal weights, $a = 1/9$, it is which share of the largest? (From 0 to 1, three digits.)
# - `q_lost_share`: and with $a = 1/1000$?

# %%
# Exercise 7.3 (2 points, 8 minutes, difficulty 2)
# three numbers
### BEGIN SOLUTION
q_best_weight = 0.5
q_equal_share = 4 * (1 / 9) * (8 / 9)
q_lost_share = 4 * 0.001 * 0.999
### END SOLUTION

# %%
check("7.3")

# %% [markdown]
# What that means for learning: let $g_f = -1$, $g_b = 0$ stay as they are, start with three different weights of the
# foreground, and walk along your gradient.

# %%
STEPS, RATE = 3000, 0.5
paths = {}
for start in (1 / 9, 0.01, 0.001):
    s = torch.full((1, 9), math.log((1 - start) / 8))
    s[0, 0] = math.log(start)
    g = torch.zeros(1, 9)
    g[0, 0] = -1.0
    path = []
    for _ in range(STEPS):
        path.append(s.softmax(dim=1)[0, 0].item())
        s = s - RATE * score_gradient(s.softmax(dim=1), g)
    paths[f"from {start:.3f}"] = path
half = {
    name: next((str(k) for k, a in enumerate(path, 1) if a >= 0.5), f"more than {STEPS}")
    for name, path in paths.items()
}
figure = plots.lines(
    range(1, STEPS + 1),
    paths,
    log_x=True,
    title="Steps until the foreground has half of all weight: "
    + ", ".join(f"{steps} {name}" for name, steps in half.items()),
    x_name="step",
    y_name="weight of the foreground",
    limits=(0, 1),
)
plots.show(
    figure,
    alt="The foreground's weight against steps, on a logarithmic axis, from three starts: the smaller it is at the start, "
    "the longer it lies near zero before it rises.",
)

# %% [markdown]
# Equal weights are a good start: a small weight costs time in proportion. A focus network that is *sure of a wrong
# tile* is the worst place of all: the gradient asks for the right one, and is multiplied by almost nothing. Keep this
# in mind for part 2.
#
# ## 2. Who goes first?
#
# ### Exercise 7.4: two networks that know nothing
#
# Let both networks be a single linear layer each, $s_t = w^\top x_t$ and logits $= V m$, and start with $w = 0$ and
# $V = 0$. In the very first step of gradient descent,
#
# - **a** both networks move
# - **b** only the classification network moves
# - **c** only the focus network moves
# - **d** neither of them moves
#
# Because:
#
# 1. by symmetry every gradient is zero where all weights are zero;
# 2. with equal weights on the tiles there is nothing to learn from the mean;
# 3. the gradient reaches the tiles through $V$, while that of $V$ needs only the mean of the tiles.

# %%
# Exercise 7.4 (1 point, 5 minutes, difficulty 2)
# q_zero_start: one of "a", "b", "c", "d"; q_zero_start_reason: 1, 2 or 3
### BEGIN SOLUTION
q_zero_start = "b"
q_zero_start_reason = 3
### END SOLUTION

# %%
check("7.4")

# %% [markdown]
# Real networks do not start at zero, but near it. So the report follows the gradient in $\alpha$ through training
# (section 7.5, where the classes are points as well, of variance 0.01), in two directions: towards the foreground
# alone, and towards all eight backgrounds alike.
#
# ### Exercise 7.5: two directions
#
# For each mosaic the slope of its loss in the direction of the one-hot vector $e_f$ of its foreground is
# $\langle g, e_f \rangle$, and in the direction $(1 - e_f)/8$ of the other eight tiles it is
# $\langle g, 1 - e_f \rangle / 8$. Return the mean of each over all mosaics. (Let it work for any number of tiles,
# not only nine.)


# %%
# Exercise 7.5 (2 points, 8 minutes, difficulty 2)
def directions(d_alpha: Tensor, foreground_at: Tensor) -> tuple[float, float]:
    """Return the mean slopes towards foreground and background.

    d_alpha (N, T) is the gradient of each mosaic's own loss, foreground_at (N,), int64, says which tile it is.
    """
    ### BEGIN SOLUTION
    foreground = d_alpha.gather(1, foreground_at[:, None])[:, 0]  # (N,)
    background = (d_alpha.sum(dim=1) - foreground) / (d_alpha.shape[1] - 1)
    return foreground.mean().item(), background.mean().item()
    ### END SOLUTION


# %%
check("7.5")


# %%
def follow(rate: float, steps: int) -> dict[str, list[float]]:
    """Train both networks at once on all mosaics; return what could be seen before each step."""
    focus, classify = networks(seed=0)
    optimizer = torch.optim.SGD([*focus.parameters(), *classify.parameters()], lr=rate)
    seen = {"foreground": [], "background": [], "right": [], "focus": [], "weight": []}
    for _ in range(steps):
        alpha = attend(focus, tiles)
        alpha.retain_grad()
        logits = classify(average(alpha, tiles))
        optimizer.zero_grad()
        F.cross_entropy(logits, labels).backward()
        # the loss is a mean over mosaics: times their number, it is the gradient of each one's own
        slopes = directions(len(tiles) * alpha.grad, foreground_at)
        of_foreground = alpha.detach().gather(1, foreground_at[:, None])
        measured = (
            *slopes,
            (logits.argmax(dim=1) == labels).float().mean().item(),
            (alpha.argmax(dim=1) == foreground_at).float().mean().item(),
            of_foreground.mean().item(),
        )
        for values, value in zip(seen.values(), measured):
            values.append(value)
        optimizer.step()
    return seen


STEPS = pick(smoke=300, laptop=1000, full=1000)
with one_thread():
    slow = follow(rate=0.1, steps=STEPS)
steepest = min(range(STEPS), key=lambda k: slow["foreground"][k])
figure = plots.lines(
    range(STEPS),
    {
        "towards the foreground": slow["foreground"],
        "towards the background": slow["background"],
    },
    title=f"Towards the foreground the slope is {slow['foreground'][0]:+.2f} at the start, "
    f"{slow['foreground'][steepest]:+.2f} at step {steepest}, and {slow['foreground'][-1]:+.2f} at the end",
    x_name="step",
    y_name="slope of the loss",
)
plots.show(
    figure,
    alt="Mean slope of the loss in the weights along the foreground and along the background against steps: the "
    "first falls far below zero and comes back to zero, the second rises a little and comes back as well.",
)

# %% [markdown]
# The pull on the focus network begins weak, because the classification network has no opinion yet; grows as it gets
# one; and ends when everything is right, because then there is nothing left to improve. Which of the two is ahead on
# the way?

# %%
when = next((k for k in range(STEPS) if slow["weight"][k] >= 0.2), STEPS - 1)
figure = plots.lines(
    range(STEPS),
    {
        "right predictions": slow["right"],
        "largest weight on the foreground": slow["focus"],
        "weight of the foreground": slow["weight"],
    },
    title=f"When the foreground's weight reaches {slow['weight'][when]:.2f} (step {when}; it began at "
    f"{slow['weight'][0]:.2f}), {slow['right'][when]:.0%} of the predictions are right already "
    f"(at the start {slow['right'][0]:.0%})",
    x_name="step",
    y_name="share",
    limits=(0, 1),
)
plots.show(
    figure,
    alt="Right predictions, right focus and the foreground's weight against steps: predictions rise first to a "
    "plateau, and on to 1 when the weight rises.",
)

# %% [markdown]
# First the classification network learns what can be learned from an almost plain mean. That is the plateau. On it the
# pull on the weights grows, the foreground gains weight, the mean becomes clearer, and both help each other up.
#
# The report's figure of this is lost, and its text does not say who is ahead. Now the same with a larger step:

# %%
with one_thread():
    fast = follow(rate=0.5, steps=STEPS)
figure = plots.lines(
    range(STEPS),
    {
        "right predictions, rate 0.1": slow["right"],
        "right focus, rate 0.1": slow["focus"],
        "right predictions, rate 0.5": fast["right"],
        "right focus, rate 0.5": fast["focus"],
    },
    title=f"At the end {slow['right'][-1]:.0%} and {fast['right'][-1]:.0%} of the predictions are right, but the "
    f"focus in {slow['focus'][-1]:.0%} and {fast['focus'][-1]:.0%} of the mosaics",
    x_name="step",
    y_name="share",
    limits=(0, 1),
)
plots.show(
    figure,
    alt="Right predictions and right focus against steps for two learning rates: predictions become right with both, "
    "the focus only with the smaller one.",
)
print(f"slope towards the foreground at the end, rate 0.5: {fast['foreground'][-1]:+.3f}")

# %% [markdown]
# With the larger rate the networks found another agreement: for some classes look at a certain *background*, and name
# the mean accordingly. The loss is as good as zero, so the gradient is, too: nobody will ever correct it. **Nothing
# rewards looking at the foreground.** Only right names are rewarded. A right prediction is no proof of a right focus.
#
# Here is what the ledger holds on this experiment (C8):


# %%
def from_ledger(key: str) -> Markdown:
    """Return the ledger's table of a key, or how to fill it."""
    if key in ledger.known_keys():
        return Markdown(ledger.table(key))
    return Markdown(f"No rows of {key} here yet: `course results run {key}` makes them.")


from_ledger("C8")

# %% [markdown]
# ## 3. One at a time
#
# The report goes on: what if the two networks do not learn at once, but by turns? Freeze one, train the other for some
# epochs, change. Classification first.
#
# ### Exercise 7.6: by turns
#
# Train for `steps` steps on all mosaics at once; the loss is their mean cross-entropy. For the first `every` steps only
# the classification network learns, for the next `every` only the focus network, and so on. Each network has an SGD
# optimizer of its own, with its own learning rate and with momentum. It is made once: while its network rests, its
# velocity waits as it was. A network that rests must not move at all, and at the end both must be trainable.
#
# After each step call `watch(turn, loss)`: turn 0 for the classification network, 1 for the focus network, and the loss
# before the step as a number.


# %%
# Exercise 7.6 (4 points, 20 minutes, difficulty 3)
def alternate(
    focus: nn.Module,
    classify: nn.Module,
    tiles: Tensor,
    labels: Tensor,
    steps: int,
    every: int,
    rates: tuple[float, float],
    momentum: float,
    watch,
) -> None:
    """Train the networks in place by turns of `every` steps.

    rates are the learning rates of the classification network and of the focus network, in this order. `attend` and
    `average` above give the mean that the classification network sees.
    """
    ### BEGIN SOLUTION
    optimizers = [
        torch.optim.SGD(network.parameters(), lr=rate, momentum=momentum)
        for network, rate in zip((classify, focus), rates)
    ]
    for step in range(steps):
        turn = step // every % 2
        loss = F.cross_entropy(classify(average(attend(focus, tiles), tiles)), labels)
        optimizers[turn].zero_grad()
        loss.backward()
        optimizers[turn].step()
        watch(turn, loss.item())
    ### END SOLUTION


# %%
check("7.6")

# %% [markdown]
# Your function at work, on harder points: the clouds are ten times as wide (in variance), and touch.

# %%
train, test = draw_mosaics(AMONG, 0.1, (300, 500))
train_tiles = train.pixels(train.tiles)
some = test.rows(slice(200))  # to look at after every step
some_tiles = some.pixels(some.tiles)
STEPS, EVERY = 400, 50
focus, classify = networks(seed=0)
whose, losses, right, looks_right = [], [], [], []


@torch.no_grad()
def watch(turn: int, loss: float) -> None:
    """Note the loss, and how the networks do on test mosaics."""
    alpha = attend(focus, some_tiles)
    logits = classify(average(alpha, some_tiles))
    whose.append(turn)
    losses.append(loss)
    right.append((logits.argmax(dim=1) == some.labels).float().mean().item())
    looks_right.append((alpha.argmax(dim=1) == some.foreground_at).float().mean().item())


with one_thread():
    alternate(focus, classify, train_tiles, train.labels, STEPS, EVERY, (0.05, 0.05), 0.9, watch)
gained = [0.0, 0.0]  # by how much test accuracy rose in the turns of each network
for start in range(0, STEPS, EVERY):
    before = right[start - 1] if start else 1 / 3
    gained[whose[start]] += right[min(start + EVERY, STEPS) - 1] - before
figure = plots.turns(
    range(1, STEPS + 1),
    whose,
    {
        "cross-entropy, training mosaics": {"loss": losses},
        "share of the test mosaics": {"right prediction": right, "right focus": looks_right},
    },
    title=f"By turns {right[-1]:.0%} of the test predictions become right. The turns of the "
    f"classification network brought {100 * gained[0]:+.0f} points, those of the focus network "
    f"{100 * gained[1]:+.0f}",
)
plots.show(
    figure,
    alt="Left the training loss, right the shares of right predictions and right focus on test mosaics, against steps; "
    "the turns of the focus network are shaded.",
)
changes = range(EVERY, STEPS, EVERY)
rises = sum(losses[k + 1] > losses[k] for k in changes)
print(f"The first step of a turn raised the loss at {rises} of {len(changes)} changes.")

# %% [markdown]
# The report sees the loss jump whenever the focus network takes over. Is that a law, or a learning rate? Try larger
# rates here; part 4 comes back to it.
#
# A network that rests was not supposed to move. There are many ways to get this wrong, and none of them crashes. Here
# are six attempts to freeze a focus network that holds a batch norm, after 20 steps of ordinary training with
# momentum. How far do its weights move in the 20 steps after that, and do its outputs for fixed tiles change?


# %%
def try_to_freeze(*, evaluate=False, detach=False, keep_zeros=False, rate_zero=False):
    """Return how far weights and outputs of a "frozen" focus network move in 20 steps."""
    focus, classify = networks(seed=0)
    focus.insert(1, nn.BatchNorm1d(50))

    def logits():
        x = train_tiles[:100]
        alpha = focus(x.flatten(0, 1)).view(x.shape[:2]).softmax(dim=1)
        return classify(average(alpha, x))

    optimizer = torch.optim.SGD(
        [{"params": focus.parameters()}, {"params": classify.parameters()}], lr=0.05, momentum=0.9
    )
    for step in range(40):
        if step == 20:
            focus.requires_grad_(not detach)
            focus.train(not evaluate)
            optimizer.param_groups[0]["lr"] = 0.0 if rate_zero else 0.05
            weights = [p.detach().clone() for p in focus.parameters()]
            outputs = answer(focus)
        optimizer.zero_grad(set_to_none=not keep_zeros)
        F.cross_entropy(logits(), train.labels[:100]).backward()
        optimizer.step()
    moved = max((p.detach() - w).abs().max().item() for p, w in zip(focus.parameters(), weights))
    return moved, (answer(focus) - outputs).abs().max().item()


@torch.no_grad()
def answer(focus: nn.Module) -> Tensor:
    """Return the scores of fixed tiles in evaluation mode; the network is left in the mode it was in."""
    training = focus.training
    scores = focus.eval()(some_tiles[:20].flatten(0, 1))
    focus.train(training)
    return scores


print("                                             weights move   outputs change")
for name, options in {
    "nothing": {},
    "eval()": {"evaluate": True},
    "requires_grad_(False), gradients set to 0": {"detach": True, "keep_zeros": True},
    "requires_grad_(False), gradients None": {"detach": True},
    "learning rate 0": {"rate_zero": True},
    "eval() and requires_grad_(False), None": {"evaluate": True, "detach": True},
}.items():
    with one_thread():
        moved, changed = try_to_freeze(**options)
    print(f"{name:44} {moved:12.4f} {changed:16.4f}")

# %% [markdown]
# ### Exercise 7.7: what freezes a network?
#
# A focus network with batch norm, and one SGD with momentum that has already moved all parameters, those of the
# classification network as well. From now on the focus network must compute exactly the same function of a tile in
# every step. What do you need?
#
# - **a** `focus.eval()`
# - **b** `focus.requires_grad_(False)`, with gradients set to None
# - **c** both
# - **d** neither: a learning rate of 0 for its parameters does it all
#
# Because:
#
# 1. `eval()` turns gradients off as well, so nothing else is needed;
# 2. weights move by the optimizer, statistics by the forward pass in training mode: two things to stop;
# 3. what has no learning rate cannot move, and statistics are no part of a network's function.

# %%
# Exercise 7.7 (1 point, 5 minutes, difficulty 2)
# q_freeze: one of "a", "b", "c", "d"; q_freeze_reason: 1, 2 or 3
### BEGIN SOLUTION
q_freeze = "c"
q_freeze_reason = 2
### END SOLUTION

# %%
check("7.7")

# %% [markdown]
# Freezing has a reward. While the focus network rests, its weights for a mosaic are the same in every step, and so is
# the mean.
#
# ### Exercise 7.8: compute it once
#
# Train the classification network alone, with plain SGD on all mosaics at once (the loss is again their mean
# cross-entropy), and call the focus network **once**, on
# all tiles together, whatever the number of steps. Nothing may flow back into the focus network: not even a gradient.


# %%
# Exercise 7.8 (2 points, 10 minutes, difficulty 2)
def classifier_turn(
    focus: nn.Module, classify: nn.Module, tiles: Tensor, labels: Tensor, steps: int, rate: float
) -> None:
    """Train the classification network in place for so many steps; the focus network is frozen."""
    ### BEGIN SOLUTION
    with torch.no_grad():
        means = average(attend(focus, tiles), tiles)
    optimizer = torch.optim.SGD(classify.parameters(), lr=rate)
    for _ in range(steps):
        loss = F.cross_entropy(classify(means), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    ### END SOLUTION


# %%
check("7.8")

# %%
with one_thread():
    one, other = networks(seed=0), networks(seed=0)
    started = time.perf_counter()
    classifier_turn(*one, train_tiles, train.labels, 100, 0.1)
    once = time.perf_counter() - started
    started = time.perf_counter()
    alternate(*other, train_tiles, train.labels, 100, 100, (0.1, 0.1), 0.0, lambda *_: None)
    anew = time.perf_counter() - started
apart = max(
    (p - q).abs().max().item() for p, q in zip(one[1].parameters(), other[1].parameters())
)
print(f"100 steps: {1000 * once:.0f} ms with the mean computed once, {1000 * anew:.0f} ms anew")
print(f"largest difference between the weights: {apart:.0e}")

# %% [markdown]
# With nine pictures per mosaic in place of points the saving is larger still: the experiment of part 4 (C5) is made so.
#
# ## 4. What can eight trainings tell?
#
# The report tried eight settings. It finds long turns "a bit absurd". Here they are: epochs in all, epochs of a turn
# (`every`), learning rates of the classification network (`what`) and of the focus network (`where`).

# %%
REPORT = [
    {"epochs": epochs, "every": every, "what": what, "where": where}
    for epochs, every, what, where in (
        (180, 5, 0.01, 0.01),
        (200, 10, 0.01, 0.01),
        (280, 20, 0.01, 0.001),
        (320, 20, 0.01, 0.01),
        (360, 30, 0.01, 0.01),
        (500, 50, 0.01, 0.01),
        (600, 50, 0.001, 0.01),
        (800, 100, 0.001, 0.01),
    )
]
from_ledger("C5")

# %% [markdown]
# Compare row with row, and ask each time: what else is different?
#
# ### Exercise 7.9: pairs that isolate
#
# A pair of settings tells something about a factor, `"every"` for example, if the two differ in it and in *nothing
# else*. Return all such pairs as (i, j) with i < j.


# %%
# Exercise 7.9 (2 points, 8 minutes, difficulty 2)
def isolating_pairs(settings: list[dict], factor: str) -> list[tuple[int, int]]:
    """Return the index pairs (i, j), i < j, of settings that differ in this factor and agree in all others."""
    ### BEGIN SOLUTION
    found = []
    for i, one in enumerate(settings):
        for j in range(i + 1, len(settings)):
            differing = [name for name in one if one[name] != settings[j][name]]
            if differing == [factor]:
                found.append((i, j))
    return found
    ### END SOLUTION


# %%
check("7.9")

# %%
no_epochs = [{name: s[name] for name in s if name != "epochs"} for s in REPORT]
print("pairs that isolate     all four count   epochs forgiven")
for factor in REPORT[0]:
    forgiven = "" if factor == "epochs" else len(isolating_pairs(no_epochs, factor))
    print(f"{factor:20} {len(isolating_pairs(REPORT, factor)):16} {forgiven:>17}")

# %% [markdown]
# ### Exercise 7.10: what do they tell?
#
# The report's test accuracies, in the order of the list, are .81, .79, .43, .79, .76, .41, .82 and .83. Which sentence
# do they support?
#
# - **a** Long turns make training absurd.
# - **b** A smaller learning rate of the classification network rescues long turns.
# - **c** The focus network needs at least the rate .01.
# - **d** None of these.
#
# Because:
#
# 1. turns of 50 epochs end at .41;
# 2. no two of the trainings differ in one thing alone, and each was made once; the best has the longest turns of all;
# 3. training accuracy is above .85 everywhere, so nothing is wrong with any of them.

# %%
# Exercise 7.10 (1 point, 5 minutes, difficulty 2)
# q_eight: one of "a", "b", "c", "d"; q_eight_reason: 1, 2 or 3
### BEGIN SOLUTION
q_eight = "d"
q_eight_reason = 2
### END SOLUTION

# %%
check("7.10")

# %% [markdown]
# So do it properly: a *factorial design*. Two turn lengths, two rates of each network, all eight combinations, the
# same number of epochs, several seeds. On points that takes seconds, because all trainings run at once.
#
# At once means: as one stack of small networks (`fit_many`). All of them take the same kind of step, so "frozen" has to
# be a number: a learning rate of 0. PyTorch's `LambdaLR` takes one function per group of parameters; at each step it
# multiplies the group's learning rate by what the function returns. These networks have no batch norm, whose statistics
# would move all the same, and the optimizer has no momentum, whose velocity would: here a rate of 0 freezes.
#
# ### Exercise 7.11: turns as a schedule
#
# Return two functions of the step (0, 1, 2, ...): the factor of the classification network and that of the focus
# network, 1 in its turn and 0 while it rests. Turns have `every` *steps*, classification first.


# %%
# Exercise 7.11 (2 points, 8 minutes, difficulty 2)
def turn_factors(every: int) -> tuple:
    """Return two functions, step -> 1.0 or 0.0: of the classification network, and of the focus network."""
    ### BEGIN SOLUTION
    return (
        lambda step: float(step // every % 2 == 0),
        lambda step: float(step // every % 2 == 1),
    )
    ### END SOLUTION


# %%
check("7.11")

# %%
EPOCHS, BATCH = 80, 50
STEPS_PER_EPOCH = math.ceil(len(train) / BATCH)
LEVELS = {"every": (2, 40), "what": (0.1, 1.0), "where": (0.3, 3.0)}
SEEDS = pick(smoke=3, laptop=8, full=8)


def by_turns(settings: dict, seed: int) -> Plan:
    """Return how to train one pair of networks by turns of settings["every"] epochs."""
    focus, classify = networks(seed)
    optimizer = torch.optim.SGD(
        [
            {"params": classify.parameters(), "lr": settings["what"]},
            {"params": focus.parameters(), "lr": settings["where"]},
        ]
    )
    factors = turn_factors(settings["every"] * STEPS_PER_EPOCH)
    return Plan(
        model=MosaicAttention(focus, classify),
        train=train.split(),
        epochs=EPOCHS,
        optimizer=optimizer,
        schedule=torch.optim.lr_scheduler.LambdaLR(optimizer, list(factors)),
        generator=torch.Generator().manual_seed(seed),
        batch_size=BATCH,
        preprocess=train.pixels,
        record_every=EPOCHS,
    )


designs = [
    dict(zip(LEVELS, levels), seed=seed)
    for levels in itertools.product(*LEVELS.values())
    for seed in range(SEEDS)
]
trials = [Trial({name: design[name] for name in LEVELS}, design["seed"]) for design in designs]
started = time.perf_counter()
predictions_right, focus_right, stuck = [], [], []
with one_thread(), tempfile.TemporaryDirectory() as folder:
    results = fit_many(by_turns, trials, folder=folder, keep_weights=True, progress=False)
    for design, result in zip(designs, results):
        model = MosaicAttention(*networks(seed=0))
        model.load_state_dict(result.load_weights())
        looks = look(model, test)
        counts = count(looks, test)
        predictions_right.append((design, counts.accuracy))
        focus_right.append((design, counts.focus_accuracy))
        sure = looks.attention_weights.max(dim=1).values > 0.95
        stuck.append((sure & (looks.focus != test.foreground_at)).float().mean().item())
print(f"{len(trials)} trainings in {time.perf_counter() - started:.0f} s")

# %% [markdown]
# Now every factor is isolated by many pairs: for each combination of the others and each seed, one run at the low level
# and one at the high level.
#
# ### Exercise 7.12: the effect of a factor
#
# `runs` is a list of (settings, value); a run's seed stands in its settings. Pair the runs that differ in `factor`
# alone, one at `low` and one at `high`. Return the mean of the differences, value at `high` minus value at `low`, and
# its standard error: the standard deviation of the differences (with n - 1) over $\sqrt n$. Runs at other levels, and
# runs without a partner, are left out.


# %%
# Exercise 7.12 (3 points, 15 minutes, difficulty 3)
def effect(runs: list, factor: str, low, high) -> tuple[float, float]:
    """Return mean and standard error of what changing this factor from low to high does to the value."""
    ### BEGIN SOLUTION
    at = {low: {}, high: {}}
    for settings, value in runs:
        if settings[factor] in at:
            rest = tuple(sorted((name, s) for name, s in settings.items() if name != factor))
            at[settings[factor]][rest] = value
    differences = [at[high][rest] - at[low][rest] for rest in at[low] if rest in at[high]]
    d = torch.tensor(differences, dtype=torch.float64)
    return d.mean().item(), d.std().item() / math.sqrt(len(d))
    ### END SOLUTION


# %%
check("7.12")


# %%
def among(runs: list, **fixed) -> list:
    """Return the runs with these settings."""
    return [run for run in runs if all(run[0][name] == value for name, value in fixed.items())]


rows = {f"{name}: {low:g} → {high:g}": (name, {}) for name, (low, high) in LEVELS.items()}
for where in LEVELS["where"]:
    low, high = LEVELS["every"]
    rows[f"every: {low} → {high}, where {where:g}"] = ("every", {"where": where})
effects = {
    label: [effect(among(runs, **fixed), name, *LEVELS[name]) for name, fixed in rows.values()]
    for label, runs in (("right prediction", predictions_right), ("right focus", focus_right))
}
slow_focus, fast_focus = effects["right focus"][-2:]
figure = plots.intervals(
    list(rows),
    {label: 100 * torch.tensor(pairs) for label, pairs in effects.items()},
    title=f"Longer turns change the right focus by {100 * slow_focus[0]:+.0f} ± {100 * slow_focus[1]:.0f} points where "
    f"the focus network is slow, and by {100 * fast_focus[0]:+.0f} ± {100 * fast_focus[1]:.0f} where it is fast",
    x_name="points by which the share on test mosaics changes (± one standard error)",
)
plots.show(
    figure,
    alt="Effects with standard errors: "
    + "; ".join(
        f"{row} {100 * p:+.0f} on predictions, {100 * f:+.0f} on focus"
        for row, (p, _), (f, _) in zip(rows, *effects.values())
    ),
)

# %% [markdown]
# Look at the last two rows. The effect of long turns is not one number: it depends on the rate of the focus network. That
# is an *interaction*, and no list of settings that change everything together can show it. (These are points and
# small networks. What to take away is the design.)
#
# How do the bad ones fail? Part 1 has a suspect: a focus network that is sure of the wrong tile.

# %%
cells = list(itertools.product(*LEVELS.values()))
table = torch.tensor(stuck).view(len(cells), SEEDS).mean(dim=1)
shares = torch.tensor([value for _, value in focus_right]).view(len(cells), SEEDS).mean(dim=1)
names = [f"every {every}, what {what:g}, where {where:g}" for every, what, where in cells]
worst = int(table.argmax())
figure = plots.heat_map(
    torch.stack([shares, table, 1 - shares - table], dim=1),
    row_labels=names,
    column_labels=["right focus", "wrong, weight above 0.95", "wrong, less sure"],
    title=f"With {names[worst]} the focus network is sure of a wrong tile in {table[worst]:.0%} of the test mosaics",
    value_name="share of the test mosaics",
    limits=(0, 1),
)
plots.show(
    figure,
    alt="For each of the eight combinations the share of test mosaics with right focus, the share in which a wrong tile "
    "has more than 95 % of the weight, and the rest: "
    + "; ".join(f"{name}: {s:.0%}, {t:.0%}" for name, s, t in zip(names, shares, table)),
)

# %% [markdown]
# Certainty in a wrong tile is one way to fail, and you know why it lasts. A focus that is wrong without being sure is
# another: there a gradient arrives, but the classification network, at its own rate, has settled on what it is given.
#
# And on pictures? The report's .43 and .41 are test accuracies beside a training accuracy of .97 and .86. That looks
# like a classification network that learned the *means* of the training mosaics by heart, behind a focus network that
# never found the foreground. The report shows no focus. The ledger does, if its rows are there:

# %%
found = {(entry.setting, entry.metric): entry for entry in ledger.summary("C5")}
settings = [name for name, metric in found if metric == "test_accuracy"]
if settings:
    shown = {
        label: [
            (100 * found[name, metric].mean, 100 * found[name, metric].sd) for name in settings
        ]
        for label, metric in (
            ("right on training mosaics", "train_accuracy"),
            ("right on test mosaics", "test_accuracy"),
            ("right focus", "focus_accuracy"),
        )
    }
    lowest = min(settings, key=lambda name: found[name, "test_accuracy"].mean)
    figure = plots.intervals(
        settings,
        shown,
        title=f"Our lowest test accuracy, {found[lowest, 'test_accuracy'].mean:.0%}, goes with a right focus in "
        f"{found[lowest, 'focus_accuracy'].mean:.0%} of the mosaics (line: 1/9, by chance)",
        x_name="% of the mosaics, mean ± standard deviation over seeds",
        reference=100 / 9,
    )
    plots.show(
        figure,
        alt="Training accuracy, test accuracy and right focus of each setting: "
        + "; ".join(
            f"{name} {found[name, 'train_accuracy'].mean:.0%}, {found[name, 'test_accuracy'].mean:.0%}, "
            f"{found[name, 'focus_accuracy'].mean:.0%}"
            for name in settings
        ),
    )
else:
    print("No rows of C5 here yet: `course results run C5` makes them.")

# %% [markdown]
# The report also sees a "sudden jump" of the loss whenever the focus network takes over. In the table it is the change
# of the loss when that network's turn begins. Here is the training in which it is largest on average:

# %%
with_curves = [row for row in ledger.read_rows("C5") if row.curves.get("turn")]
if with_curves:
    row = max(with_curves, key=lambda row: row.metrics["where_jump"])
    turn, loss_curve = row.curves["turn"], row.curves["train_loss"]
    jumps = [
        loss_curve[k] - loss_curve[k - 1] for k in range(1, len(turn)) if turn[k] > turn[k - 1]
    ]
    figure = plots.turns(
        range(1, len(turn) + 1),
        turn,
        {
            "cross-entropy, training mosaics": {"loss": loss_curve},
            "share of the test mosaics": {
                "right prediction": row.curves["test_accuracy"],
                "right focus": row.curves["focus_accuracy"],
            },
        },
        title=f"{row.setting}, seed {row.seed}: the loss rises in {sum(jump > 0 for jump in jumps)} of {len(jumps)} "
        f"changes to the focus network, by {row.metrics['where_jump']:+.3f} on average",
        x_name="epoch",
    )
    plots.show(
        figure,
        alt="Left the training loss, right the shares of right predictions and right focus, against epochs; the turns "
        "of the focus network are shaded.",
    )
else:
    print("No rows of C5 here yet: `course results run C5` makes them.")

# %% [markdown]
# Where it jumps, here is a reason. During its turn the classification network fits the means that *these* weights
# make, the longer the better, down to the accidents of the training mosaics. Then the focus network takes its first
# steps, the means change, and the accidents with them. A long turn makes a better fit of means that nobody will ever
# see again. So length matters through what is learned in it, and that depends on the rate: the interaction once more.
#
# ## 5. Does the company matter?
#
# A deep dive: the report takes trained networks apart mosaic by mosaic. Focus and prediction can each be right (*true*)
# or wrong (*false*), which makes four groups: FTPT, FFPT, FTPF, FFPF. And it asks whether the answers depend on which
# background classes are in the mosaic. Six queries: foreground $f$ with one, two or three given background classes
# **present**, and with one, two or three **absent**. Its verdict: "almost same".
#
# Train a network on points that make it hard, all ten classes around the circle in their order, with wide clouds:

# %%
AROUND = circle(tuple(range(10)))
train, test = draw_mosaics(AROUND, 0.3, (1500, pick(smoke=6000, laptop=20_000, full=20_000)), 500)
model = MosaicAttention(*networks(seed=0))
with one_thread():
    fit(
        model,
        train.split(),
        epochs=20,
        optimizer=torch.optim.Adam(model.parameters(), lr=0.01),
        batch_size=50,
        generator=torch.Generator().manual_seed(0),
        preprocess=train.pixels,
        progress=False,
    )
looks = look(model, test)
counts = count(looks, test)
right = looks.predictions == test.labels
for name, number in (
    ("FTPT, focus and prediction right", counts.ftpt),
    ("FFPT, only the prediction right", counts.ffpt),
    ("FTPF, only the focus right", counts.ftpf),
    ("FFPF, both wrong", counts.ffpf),
):
    print(f"{name:34} {number:5}   {number / len(counts):6.1%}")

# %% [markdown]
# The report finds test accuracy "almost same" for every foreground class. Yours, class by class:

# %%
for label in range(3):
    of_class = right[test.labels == label].float()
    print(f"foreground {label}: {of_class.mean():.1%} of {len(of_class)} mosaics right")

# %% [markdown]
# On the circle class 1 stands between the two others, and is easily taken for either. But let us ask more precisely.
#
# ### Exercise 7.13: a query
#
# Which mosaics have this label, hold *every* class of `present` at least once, and *none* of `absent`?


# %%
# Exercise 7.13 (2 points, 8 minutes, difficulty 2)
def chosen(
    labels: Tensor, tile_labels: Tensor, label: int, present: tuple, absent: tuple
) -> Tensor:
    """Return bool (N,) for labels (N,) and tile_labels (N, T), both int64: the class of each tile."""
    ### BEGIN SOLUTION
    found = labels == label
    for k in present:
        found = found & (tile_labels == k).any(dim=1)
    for k in absent:
        found = found & ~(tile_labels == k).any(dim=1)
    return found
    ### END SOLUTION


# %%
check("7.13")

# %%
print("foreground 0, backgrounds 3, 4, 5 in this order      mosaics   right")
for there in ("present", "absent"):
    for number in (1, 2, 3):
        classes = (3, 4, 5)[:number]
        present, absent = (classes, ()) if there == "present" else ((), classes)
        rows = chosen(test.labels, test.tile_labels, 0, present, absent)
        print(f"{number} {there:48} {rows.sum():9} {right[rows].float().mean():7.1%}")

# %% [markdown]
# The shares differ. But the last group is small, and another draw of mosaics would give another share. How far may it
# lie from the truth by luck alone?
#
# ### Exercise 7.14: the difference of two shares
#
# If the true share is $p$, the share found among $n$ mosaics varies with the standard error $\sqrt{p(1-p)/n}$ (the
# binomial distribution; put the share that you found for $p$). Two groups that share no mosaic vary independently, so
# the variances add up. Return the difference of the shares, first minus second, and its standard error.


# %%
# Exercise 7.14 (2 points, 8 minutes, difficulty 2)
def share_difference(hits: int, n: int, other_hits: int, other_n: int) -> tuple[float, float]:
    """Return hits/n - other_hits/other_n and its standard error."""
    ### BEGIN SOLUTION
    p, q = hits / n, other_hits / other_n
    return p - q, math.sqrt(p * (1 - p) / n + q * (1 - q) / other_n)
    ### END SOLUTION


# %%
check("7.14")

# %% [markdown]
# All 21 comparisons: each of three foreground classes, with and without each of seven background classes. In the
# cells: accuracy with that background present minus accuracy without, in standard errors.

# %%
differences = torch.zeros(3, 7)
for label, background in itertools.product(range(3), range(3, 10)):
    counted = []
    for there in (((background,), ()), ((), (background,))):
        rows = chosen(test.labels, test.tile_labels, label, *there)
        counted += [int(right[rows].sum()), int(rows.sum())]
    difference, error = share_difference(*counted)
    differences[label, background - 3] = difference / error
far = differences.abs() > 2
least = divmod(int(differences.argmin()), 7)
most = divmod(int(differences.argmax()), 7)
figure = plots.heat_map(
    differences.abs(),
    numbers=differences,
    row_labels=[f"foreground {k}" for k in range(3)],
    column_labels=range(3, 10),
    column_name="background class, present against absent",
    title=f"{int(far.sum())} of 21 differences are larger than two standard errors. Foreground {least[0]} suffers most "
    f"from background {least[1] + 3}; foreground {most[0]} gains most from background {most[1] + 3}",
    value_name="size, in standard errors",
    number_format="+.1f",
)
plots.show(
    figure,
    alt="Differences in accuracy in standard errors, a row for each foreground class: "
    + "; ".join(
        f"foreground {k}: " + ", ".join(f"{value:+.1f}" for value in line)
        for k, line in enumerate(differences.tolist())
    ),
)

# %% [markdown]
# On the circle class 3 stands beside class 2, and class 9 beside class 0. So there are backgrounds that resemble
# *another* foreground than the one to be named, and others that resemble the *right* one. Put the cells of a kind
# together:

# %%
KINDS = {
    "it resembles another foreground": ((0, 3), (2, 9)),
    "it resembles the right one": ((0, 9), (2, 3)),
    "neither": tuple((label, k) for label in range(3) for k in (4, 5, 6, 7, 8)),
}
pooled = {}
for kind, cells in KINDS.items():
    sums = [0, 0, 0, 0]
    for label, background in cells:
        for k, there in enumerate((((background,), ()), ((), (background,)))):
            rows = chosen(test.labels, test.tile_labels, label, *there)
            sums[2 * k] += int(right[rows].sum())
            sums[2 * k + 1] += int(rows.sum())
    pooled[kind] = share_difference(*sums)
figure = plots.intervals(
    list(pooled),
    {"present minus absent": 100 * torch.tensor(list(pooled.values()))},
    title="A background that resembles another foreground changes the accuracy by {:+.1f} ± {:.1f} points, one that "
    "resembles the right one by {:+.1f} ± {:.1f}".format(
        *(100 * value for kind in list(KINDS)[:2] for value in pooled[kind])
    ),
    x_name="points of accuracy (± one standard error)",
)
plots.show(
    figure,
    alt="Difference in accuracy between mosaics with and without a background class: "
    + "; ".join(f"{kind} {100 * d:+.1f} ± {100 * e:.1f}" for kind, (d, e) in pooled.items()),
)

# %% [markdown]
# (In the last row the same mosaic stands in several cells, so its error is only a guide.) The company matters where
# classes resemble each other: a look-alike of a wrong class misleads, one of the right class does not, for even
# if it takes the focus, the name stays right. The query "any $b_0$", averaged over all backgrounds, hides this.
#
# ### Exercise 7.15: how many mosaics does an answer need?
#
# Now the report's data: 10 000 test mosaics, three foreground classes, each mosaic with eight background tiles of seven
# classes, all equally likely and independent.
#
# - `q_lacking`: how many mosaics do you expect that show foreground $f$ and **lack** three given backgrounds? (One
#   decimal.)
# - `q_error`: in that group 85 % of the predictions are right in truth. Which standard error has the share found? (From
#   0 to 1; three digits.)
# - `q_by_chance`: with 21 comparisons and no true difference at all, how many do you expect beyond two standard errors?
#   (A normal number is farther out with probability 4.55 %.)

# %%
# Exercise 7.15 (2 points, 10 minutes, difficulty 3)
# three numbers
### BEGIN SOLUTION
q_lacking = 10_000 / 3 * (4 / 7) ** 8
q_error = math.sqrt(0.85 * 0.15 / q_lacking)
q_by_chance = 21 * 0.0455
### END SOLUTION

# %%
check("7.15")

# %% [markdown]
# So "almost same" is a cheap verdict: in the smallest groups a true difference of ten points could not be seen. And in
# a table of many differences a few are large by luck. Say how large a difference you could have seen, and how many you
# looked at.
#
# What the ledger holds on the four foreground sets, with pictures (C6):

# %%
from_ledger("C6")

# %% [markdown]
# ## 6. What you have now
#
# - The gradient of the loss in attention weights and scores, derived and checked: a tile is pulled by
#   $\langle g^m, x_t \rangle$, times its own weight, and what it wins others lose.
# - Why equal weights are a good start and certainty in a wrong tile a trap; why classification moves first; and why the
#   pull ends when predictions are right, whether the focus is or not.
# - Training by turns in three forms: two optimizers, the mean computed once, a schedule of zeros and ones. And what does
#   *not* freeze a network.
# - A factorial design, effects with standard errors, an interaction.
# - Queries with error bars, and how many "findings" chance alone supplies.
# - Three corrections of the report: its eight settings isolate nothing; "absurd" for long turns is contradicted by its own
#   best row; "almost same" without error bars says little.

# %%
progress("07")
