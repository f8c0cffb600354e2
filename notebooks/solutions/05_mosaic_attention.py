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
# # Notebook 05: mosaic attention
#
# Nine pictures, side by side. One of them decides the answer, and nobody says which: not where it stands, not what it
# looks like, only the answer. Can a network find out by itself where to look?
#
# It can, and here you watch it happen. You build the mosaics, the weights, the average and the model; you derive the
# gradient that moves the attention; you train; and then you look where the network looks. Not always where it should,
# and sometimes its answer is right all the same.
#
# Fill in the cells that begin with `# Exercise`, run them, then run the check below each. Stuck?
# `hint("5.2", 1)` points the way, `hint("5.2", 2)` nearly gives the answer, `solution("5.2")` shows it.
# `progress()` shows where you are; `reset("5.2")` gives an empty cell back. Where a number is asked for, a Python
# number and a tensor of shape () both count, and `"B"` is as good as `"b"`.
#
# *The report* is L. N. Pandey and R. Vashisht, Research Summary (July 2020), sections 2 and 3.1.

# %% tags=["setup"]
import course_utils  # first: it decides how torch's threads wait

import copy
import math

import torch
from IPython.display import Markdown
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils import plots
from course_utils.data import Split, load
from course_utils.data.pixels import half_size, to_unit
from course_utils.data.preprocessing import Standardise
from course_utils.evaluation import ledger
from course_utils.evaluation.ledger_rows import counted
from course_utils.exercises import begin, check, hint, mine, progress, reset, solution
from course_utils.models.cnn import cnn
from course_utils.scale import pick
from course_utils.training.devices import best_device
from course_utils.training.loop import fit
from course_utils.widgets.mosaics import mosaic_explorer

begin("05")

# %% [markdown]
# ## 1. Nine pictures, one matters
#
# Split the ten classes of CIFAR-10 into two groups: classes 0, 1 and 2 are the *foreground*, the other seven the
# *background*. A *mosaic* has nine *tiles*: one foreground picture at a random place, eight background pictures
# elsewhere. Its label is the class of the foreground picture.
#
# You could copy the pixels of nine pictures into each mosaic. Do not. A mosaic is nothing but nine row numbers.
#
# ### Exercise 5.1: draw mosaics
#
# From the classes of all pictures, draw the tiles of `n` mosaics. Each mosaic has one picture of the foreground
# classes and eight *different* pictures of the background classes; some pictures may belong to neither group. The
# foreground stands at every place equally often, and all that is random comes from the generator.


# %%
# Exercise 5.1 (3 points, 15 minutes, difficulty 3)
def draw_tiles(
    labels: Tensor,
    n: int,
    foreground: list[int],
    background: list[int],
    generator: torch.Generator,
) -> Tensor:
    """Return row numbers of pictures, int64 (n, 9), given the pictures' classes (M,)."""
    ### BEGIN SOLUTION
    front = torch.isin(labels, torch.tensor(foreground)).nonzero()[:, 0]
    back = torch.isin(labels, torch.tensor(background)).nonzero()[:, 0]
    first = front[torch.randint(len(front), (n, 1), generator=generator)]  # (n, 1)
    others = torch.stack(
        [back[torch.randperm(len(back), generator=generator)[:8]] for _ in range(n)]
    )  # (n, 8)
    tiles = torch.cat([first, others], dim=1)
    order = torch.rand(n, 9, generator=generator).argsort(dim=1)  # another one for each mosaic
    return tiles.gather(1, order)
    ### END SOLUTION


# %%
check("5.1")

# %% [markdown]
# ### Exercise 5.2: what does it cost?
#
# The report draws 20 000 mosaics from the 50 000 training pictures of CIFAR-10: 5000 of each class, 32x32 pixels of
# three colours, one byte each. A row number takes eight bytes.
#
# - How many bytes do the mosaics take as copied pixels (`q_copied`)?
# - How many as row numbers (`q_rows`), not counting the pictures, which are there anyway?
# - How often does one background picture occur on average, in all mosaics together (`q_often`, two decimals)?

# %%
# Exercise 5.2 (1 point, 5 minutes, difficulty 1)
### BEGIN SOLUTION
q_copied = 20_000 * 9 * 32 * 32 * 3
q_rows = 20_000 * 9 * 8
q_often = 20_000 * 8 / 35_000
### END SOLUTION

# %%
check("5.2")

# %% [markdown]
# Keep the last number in mind: the same pictures return again and again. It will save time below.
#
# ### Exercise 5.3: label and place
#
# From the tiles, read off two things about each mosaic: at which place the foreground stands, from 0 to 8, and the
# label, which is the foreground's class counted in the order of the list `foreground`. With `foreground = [5, 2, 7]`
# a mosaic with a picture of class 7 has the label 2.


# %%
# Exercise 5.3 (2 points, 10 minutes, difficulty 2)
def read_mosaics(tiles: Tensor, labels: Tensor, foreground: list[int]) -> tuple[Tensor, Tensor]:
    """Return place of the foreground and label, int64 (N,) each, of tiles (N, 9); labels (M,) are the pictures'."""
    ### BEGIN SOLUTION
    classes = labels[tiles]  # (N, 9)
    wanted = torch.tensor(foreground, device=classes.device)
    found = classes[:, :, None] == wanted  # (N, 9, foreground classes)
    places = found.any(dim=2).int().argmax(dim=1)
    return places, found.any(dim=1).int().argmax(dim=1)
    ### END SOLUTION


# %%
check("5.3")

# %%
data, device = load("cifar10"), best_device()
note = " (drawn stand-ins)" if data.stand_in else ""
print(data)

FOREGROUND, BACKGROUND = [0, 1, 2], [3, 4, 5, 6, 7, 8, 9]
NAMES = [data.classes[c] for c in FOREGROUND]
# tiles of half the size below scale full, so that you wait for a quarter of the time
smaller = pick(smoke=half_size, laptop=half_size, full=lambda whole: whole)
images, test_images = (smaller(part.images).to(device) for part in (data.train, data.test))
SIDE = images.shape[-1]
standardised = Standardise.of(images)

generator = torch.Generator().manual_seed(0)
n_train, n_test = (
    pick(smoke=4000, laptop=20_000, full=20_000),
    pick(smoke=1000, laptop=2000, full=5000),
)
tiles = draw_tiles(data.train.labels, n_train, FOREGROUND, BACKGROUND, generator).to(device)
test_tiles = draw_tiles(data.test.labels, n_test, FOREGROUND, BACKGROUND, generator).to(device)
_, labels = read_mosaics(tiles, data.train.labels.to(device), FOREGROUND)
test_places, test_labels = read_mosaics(test_tiles, data.test.labels.to(device), FOREGROUND)
train = Split(tiles, labels)  # all that a network is ever given

share = torch.bincount(test_places, minlength=9) / len(test_places)
figure = plots.mosaics(
    test_images[test_tiles[:4]],
    foreground_at=test_places[:4],
    titles=[NAMES[label] for label in test_labels[:4]],
    title=f"Four of {n_test} test mosaics: the corner marks the tile that makes the label. No place has more than "
    f"{share.max():.0%} of the foregrounds{note}",
)
plots.show(
    figure, alt="Four mosaics of three by three pictures; one tile of each has a marked corner."
)

# %% [markdown]
# The corner is for you, not for the network. It is given tiles and label, and not even the library lets it see more.
# By chance it would look at the right tile in 1/9 of all cases, and name the right class in 1/3.
#
# ## 2. Where to look
#
# A *focus network* $f$ looks at one tile $x_t$ at a time and gives it a score $s_t = f(x_t)$. The scores of a mosaic
# become *attention weights*, positive numbers that add up to 1:
#
# $$\alpha_t = \frac{e^{s_t}}{\sum_u e^{s_u}}$$
#
# ### Exercise 5.4: attention weights
#
# The focus network takes pictures (any number, C, H, W) and returns scores (that number, 1). Put the tiles of all
# mosaics through it, and turn the scores of *each mosaic* into weights.


# %%
# Exercise 5.4 (2 points, 8 minutes, difficulty 2)
def attention(focus: nn.Module, mosaics: Tensor) -> Tensor:
    """Return the attention weights (batch, 9) of mosaics (batch, 9, C, H, W)."""
    ### BEGIN SOLUTION
    scores = focus(mosaics.flatten(0, 1))  # (batch · 9, 1)
    return scores.view(mosaics.shape[:2]).softmax(dim=1)
    ### END SOLUTION


# %%
check("5.4")

# %% [markdown]
# A *classification network* $g$ then sees the weighted average of the tiles, one picture instead of nine:
#
# $$\bar x = \sum_t \alpha_t x_t$$
#
# ### Exercise 5.5: weighted average
#
# The average may be of pictures or of anything else that belongs to a tile, so the function takes features of any
# shape behind the first two dimensions. `torch.einsum("bt,bt...->b...", ...)` says it in one line.


# %%
# Exercise 5.5 (1 point, 5 minutes, difficulty 2)
def average(features: Tensor, attention_weights: Tensor) -> Tensor:
    """Return the weighted averages (batch, ...) of features (batch, 9, ...) with weights (batch, 9)."""
    ### BEGIN SOLUTION
    return torch.einsum("bt,bt...->b...", attention_weights, features)
    ### END SOLUTION


# %%
check("5.5")

# %% [markdown]
# ### What if the softmax is left out?
#
# The report writes $\hat y = g\big(\sum_i I_i\, f(I_i)\big)$: the scores themselves are the weights. Take a focus
# network that has not learned anything yet, and then one that gives *every* tile 1 more than before. That says
# nothing about which tile matters, so the average should stay as it is.

# %%
network_size = pick(
    smoke={"widths": (8, 16), "hidden": 64},
    laptop={"widths": (16, 32, 32), "hidden": 64},
    full={"widths": (32, 64, 64), "hidden": 200},
)


def new_network(classes: int, seed: int) -> nn.Sequential:
    """Return convolutions, ReLUs and poolings, then two linear layers."""
    fresh = torch.Generator().manual_seed(seed)
    return cnn(generator=fresh, classes=classes, image_size=SIDE, **network_size).to(device)


blind = new_network(1, seed=0)
some = to_unit(test_images[test_tiles[:4]])  # (4, 9, 3, H, W)
with torch.no_grad():
    scores = blind(standardised(some.flatten(0, 1))).view(4, 9)
averages = {
    "raw scores": average(some, scores),
    "raw scores + 1": average(some, scores + 1),
    "softmax": average(some, scores.softmax(dim=1)),
    "softmax of scores + 1": average(some, (scores + 1).softmax(dim=1)),
}
moved = {
    name: float((averages[more] - averages[name]).abs().max())
    for name, more in (("raw scores", "raw scores + 1"), ("softmax", "softmax of scores + 1"))
}
figure = plots.images(
    (255 * torch.cat(list(averages.values())).clamp(0, 1)).to(torch.uint8),
    columns=4,
    titles=[name for name in averages for _ in range(4)],
    title=f"1 more for every tile changes the average by up to {moved['raw scores']:.1f} with raw scores, by "
    f"{moved['softmax']:.0e} with the softmax (black is 0, white is 1){note}",
)
plots.show(
    figure,
    alt="Averages of the tiles of four mosaics: nearly black with raw scores, white with 1 added to all scores, and "
    "twice the same grey mixture with the softmax.",
)
print(
    f"the nine raw scores of a mosaic add up to {scores.sum(dim=1).min():.2f} to {scores.sum(dim=1).max():.2f}"
)

# %% [markdown]
# Raw scores are no weights: they do not add up to 1, some may be negative, and such an average of pixels is no picture.
# A network can learn even so; the classification network gets used to almost anything. But what it has learned cannot be read.
# Give each score the opposite sign, and the weights of the first convolution of $g$ as well: nothing changes for the
# answer, and everything for where it seems to look. Of these two networks one is as likely to be learned as the other:

# %%
mirrored_focus, g = copy.deepcopy(blind), new_network(3, seed=1)
mirrored_g = copy.deepcopy(g)
with torch.no_grad():
    for part in mirrored_focus[-1].parameters():
        part.neg_()
    mirrored_g[0].weight.neg_()
    views = standardised(test_images[test_tiles[:200]])  # (200, 9, 3, H, W)
    raw, mirrored = (f(views.flatten(0, 1)).view(200, 9) for f in (blind, mirrored_focus))
    apart = float((g(average(views, raw)) - mirrored_g(average(views, mirrored))).abs().max())
    agree = float((raw.argmax(dim=1) == mirrored.argmax(dim=1)).float().mean())
print(f"largest difference of the logits: {apart:.0e}")
print(f"both have their largest score on the same tile in {agree:.0%} of the mosaics")

# %% [markdown]
# With the softmax there is no such twin: a larger weight is more of the tile. The report's text calls the result an
# average, so the softmax is surely meant; it belongs in the formula.
#
# ## 3. The whole model
#
# Nothing forces you to average the pictures themselves. You can send each tile through the first layers of $g$,
# average what comes out, and send only the average through the rest: *averaging at layer* 0, 1, 2, ... So $g$ comes in
# two parts, `before` and `after` the average. Averaging at layer 0 has an empty first part, which changes nothing.
#
# ### Exercise 5.6: the model
#
# `classify` takes the weights as given, so that later you can put in weights of your own. `forward` computes them.
# Both return logits, for the loss applies its own softmax over the classes.


# %%
# Exercise 5.6 (3 points, 15 minutes, difficulty 3)
class Attention(nn.Module):
    """Focus network, first part of the classification network, average, second part."""

    def __init__(self, focus: nn.Module, before: nn.Module, after: nn.Module) -> None:
        super().__init__()
        self.focus, self.before, self.after = focus, before, after

    def classify(self, mosaics: Tensor, attention_weights: Tensor) -> Tensor:
        """Return logits (batch, classes) of mosaics (batch, 9, C, H, W), averaged with these weights (batch, 9)."""
        ### BEGIN SOLUTION
        features = self.before(mosaics.flatten(0, 1))  # (batch · 9, ...)
        features = features.unflatten(0, mosaics.shape[:2])  # (batch, 9, ...)
        return self.after(average(features, attention_weights))
        ### END SOLUTION

    def forward(self, mosaics: Tensor) -> Tensor:
        """Return logits (batch, classes) of mosaics (batch, 9, C, H, W)."""
        ### BEGIN SOLUTION
        return self.classify(mosaics, attention(self.focus, mosaics))
        ### END SOLUTION


# %%
check("5.6")

# %%
pair = Attention(new_network(1, seed=0), nn.Sequential(), new_network(3, seed=1)).to(device)
mosaics = standardised(test_images[test_tiles[:50]])
order = torch.randperm(9, generator=torch.Generator().manual_seed(2)).to(device)
equal = torch.full((50, 9), 1 / 9, device=device)
with torch.no_grad():
    weights, shuffled_weights = (
        attention(pair.focus, mosaics),
        attention(pair.focus, mosaics[:, order]),
    )
    follow = float((shuffled_weights - weights[:, order]).abs().max())
    same = float((pair(mosaics[:, order]) - pair(mosaics)).abs().max())
    plain = float((pair.classify(mosaics, equal) - pair.after(mosaics.mean(dim=1))).abs().max())
    side_by_side = nn.Linear(mosaics[0].numel(), 3).to(
        device
    )  # reads all nine tiles in their order
    other = float(
        (side_by_side(mosaics[:, order].flatten(1)) - side_by_side(mosaics.flatten(1)))
        .abs()
        .max()
    )
print("Largest differences")
print(f"weights of shuffled tiles, and the shuffled weights:  {follow:.0e}")
print(f"logits of shuffled tiles, and of the tiles:           {same:.0e}")
print(f"nine equal weights, and the plain mean of the tiles:  {plain:.0e}")
print(f"for comparison, a layer that reads the tiles in order: {other:.1f}")

# %% [markdown]
# Shuffle the tiles, and the weights move along while the answer stays: a law, not something learned. It decides the
# next question.
#
# ### Exercise 5.7: a forgotten shuffle
#
# Somebody builds training mosaics and forgets to shuffle: the foreground is always the *first* tile. In the test
# mosaics it stands anywhere. What happens to your model?
#
# - **a** It learns to look at the first tile, and fails on the test mosaics.
# - **b** It learns nothing, because the weights of the tiles can no longer differ.
# - **c** It learns what it would have learned from shuffled mosaics, up to rounding.
# - **d** It learns faster, because it is told where the foreground is, and does well on both.
#
# Because:
#
# 1. the batches are drawn in random order, and that shuffles the tiles as well;
# 2. the focus network sees one tile at a time, and a sum does not depend on the order of its terms;
# 3. the softmax gives the tiles that stand first no more than the others, as long as it is untrained.

# %%
# Exercise 5.7 (1 point, 4 minutes, difficulty 2)
# q_shuffle: one of "a", "b", "c", "d"; q_shuffle_reason: 1, 2 or 3
### BEGIN SOLUTION
q_shuffle = "c"
q_shuffle_reason = 2
### END SOLUTION

# %%
check("5.7")

# %% [markdown]
# The layer that reads the tiles in order would do **a**. For such networks (notebook 08 has one) the shuffle is all
# that keeps the place from giving the answer away.
#
# ## 4. How can attention be learned?
#
# Nobody tells the focus network what it did wrong. It hears only, through the classification network, how the loss
# would like the *average* to change: $\partial L / \partial \bar x$, call it `d_mean`. From it follows the gradient of
# every score. Derive it: start from
#
# $$\bar x = \sum_u \alpha_u x_u \qquad \frac{\partial \alpha_u}{\partial s_t} = \alpha_u \big([u = t] - \alpha_t\big)$$
#
# ### Exercise 5.8: the gradient of a score
#
# Put the two together by the chain rule and simplify: one sum over the tiles can be written as $\bar x$. (The check
# switches autograd off.)


# %%
# Exercise 5.8 (3 points, 15 minutes, difficulty 4)
def score_gradient(d_mean: Tensor, features: Tensor, attention_weights: Tensor) -> Tensor:
    """Return the gradient of the scores (batch, 9).

    Given are the gradient of the average (batch, d), the features (batch, 9, d) and the weights (batch, 9).
    """
    ### BEGIN SOLUTION
    mean = average(features, attention_weights)  # (batch, d)
    towards_tile = torch.einsum("btd,bd->bt", features - mean[:, None], d_mean)
    return attention_weights * towards_tile
    ### END SOLUTION


# %%
check("5.8")

# %% [markdown]
# Read the formula. A step of descent raises the score of a tile that differs from the average in the direction in
# which the loss *falls*. The factor $\alpha_t$ stands in front: a tile with hardly any attention is hardly moved. The
# nine gradients of a mosaic add up to zero: attention that one tile gains, others lose.
#
# And it shows the difficulty. As long as the classification network knows nothing, $\partial L / \partial \bar x$
# points anywhere, so the focus network learns nothing. As long as the focus network knows nothing, the classification
# network sees nine pictures mixed, and learns next to nothing. Each waits for the other.
#
# ## 5. What to measure
#
# Two things can be right or wrong: the *focus* (does the foreground have the largest weight?) and the *prediction*
# (does the right class have the largest logit?). The report counts the four combinations: FTPT (focus true, prediction
# true), FFPT (focus false, prediction true), FTPF and FFPF.
#
# ### Exercise 5.9: the four counts


# %%
# Exercise 5.9 (2 points, 8 minutes, difficulty 2)
def count_four(
    attention_weights: Tensor, logits: Tensor, places: Tensor, labels: Tensor
) -> dict[str, int]:
    """Return the numbers of mosaics as {"FTPT": ..., "FFPT": ..., "FTPF": ..., "FFPF": ...}.

    Given are weights (N, 9), logits (N, classes), and the foreground's places and the labels (N,).
    """
    ### BEGIN SOLUTION
    focus = attention_weights.argmax(dim=1) == places
    prediction = logits.argmax(dim=1) == labels
    return {
        "FTPT": int((focus & prediction).sum()),
        "FFPT": int((~focus & prediction).sum()),
        "FTPF": int((focus & ~prediction).sum()),
        "FFPF": int((~focus & ~prediction).sum()),
    }
    ### END SOLUTION


# %%
check("5.9")

# %% [markdown]
# ### Exercise 5.10: how sure is the focus?
#
# Weights may be right and timid, or wrong and sure. Their *entropy* tells how sure they are (not how right): 0 if one
# tile has all, and $\log 9$ if all tiles have the same. A weight of 0 adds 0, although $\log 0$ is not finite.
#
# $$H = -\sum_t \alpha_t \log \alpha_t$$


# %%
# Exercise 5.10 (1 point, 5 minutes, difficulty 2)
def entropy(attention_weights: Tensor) -> Tensor:
    """Return the entropy (N,) of the weights (N, 9) of each mosaic, by the natural logarithm."""
    ### BEGIN SOLUTION
    return torch.special.entr(attention_weights).sum(dim=1)
    ### END SOLUTION


# %%
check("5.10")

# %% [markdown]
# ### Exercise 5.11: look at every picture once
#
# You found above that each picture occurs in several mosaics. In training that is no help, for the network changes
# after every batch. But when you measure, it stays as it is, and gives a picture the same score every time. So find the
# *distinct* pictures of all mosaics, score each of them once, and put the scores where they belong. In parts of at
# most 250 pictures, so that memory does not run out.
#
# `values, where = torch.unique(tiles, return_inverse=True)` gives the different row numbers, and for each tile its
# place among them.


# %%
# Exercise 5.11 (2 points, 10 minutes, difficulty 3)
def attention_once(focus, images: Tensor, tiles: Tensor) -> Tensor:
    """Return the attention weights (N, 9); focus(images) gives scores (number of images, 1)."""
    ### BEGIN SOLUTION
    distinct, where = tiles.unique(return_inverse=True)  # (D,), (N, 9)
    scores = torch.cat([focus(images[rows]) for rows in distinct.split(250)])  # (D, 1)
    return scores[where, 0].softmax(dim=1)
    ### END SOLUTION


# %%
check("5.11")

# %%
seen = []


def counting_focus(pictures: Tensor) -> Tensor:
    """Score pictures with the untrained focus network and remember how many there were."""
    seen.append(len(pictures))
    return pair.focus(standardised(pictures))


with torch.no_grad():
    once = attention_once(counting_focus, test_images, test_tiles)
    one_by_one = attention(pair.focus, standardised(test_images[test_tiles[:50]]))
print(
    f"{test_tiles.numel()} tiles, {sum(seen)} pictures through the focus network: "
    f"{test_tiles.numel() / sum(seen):.1f} times fewer"
)
print(
    f"largest difference to scoring every tile: {float((once[:50] - one_by_one).abs().max()):.0e}"
)

# %% [markdown]
# ## 6. Watch it learn
#
# Now everything comes together: your mosaics, your model, and before the training and twice in every epoch a look at
# the test mosaics with your `attention_once`, `count_four`, `entropy` and `score_gradient`. From the last one comes the
# share of mosaics in which descent wants to raise *the foreground's* score more than any other.

# %%
EPOCHS = pick(smoke=5, laptop=8, full=30)
model = Attention(new_network(1, seed=0), nn.Sequential(), new_network(3, seed=1))
watched = {"epoch": [], "counts": [], "entropy": [], "raised": [], "weights": []}


def look(model: Attention) -> tuple[Tensor, Tensor, Tensor]:
    """Return weights (N, 9), logits (N, 3) and gradients of the scores (N, 9) for the test mosaics."""
    with torch.no_grad():
        weights = attention_once(lambda x: model.focus(standardised(x)), test_images, test_tiles)
    logits, gradients = [], []
    for rows, some, answers in zip(
        *(part.split(250) for part in (test_tiles, weights, test_labels))
    ):
        features = standardised(test_images[rows]).flatten(2)  # (batch, 9, pixels)
        mean = average(features, some).requires_grad_()
        logits.append(model.after(mean.unflatten(1, test_images.shape[1:])))
        loss = F.cross_entropy(logits[-1], answers, reduction="sum")
        gradients.append(score_gradient(torch.autograd.grad(loss, mean)[0], features, some))
    return weights, torch.cat(logits).detach(), torch.cat(gradients)


def watch(epoch: float) -> None:
    """Write down where the model stands."""
    weights, logits, gradients = look(model)
    watched["epoch"].append(epoch)
    watched["counts"].append(count_four(weights, logits, test_places, test_labels))
    watched["entropy"].append(float(entropy(weights).mean()) / math.log(9))
    watched["raised"].append(float((gradients.argmin(dim=1) == test_places).float().mean()))
    watched["weights"].append(weights)


def twice_an_epoch(training) -> None:
    if training.step in (0, training.steps // 2):
        watch(training.epoch + training.step / training.steps)


watch(0.0)
history = fit(
    model,
    train,
    epochs=EPOCHS,
    optimizer=torch.optim.Adam(
        model.parameters(), lr=pick(smoke=0.001, laptop=0.0005, full=0.0005)
    ),
    batch_size=50,
    generator=torch.Generator().manual_seed(3),
    preprocess=lambda rows: standardised(images[rows]),
    precision=pick(smoke="float32", laptop="auto", full="auto"),
    callbacks=[twice_an_epoch],
)

# %%
focus_right = [(c["FTPT"] + c["FTPF"]) / n_test for c in watched["counts"]]
prediction_right = [(c["FTPT"] + c["FFPT"]) / n_test for c in watched["counts"]]
clearly = next((i for i, share in enumerate(focus_right) if share > 2 / 9), None)
words = (
    "The focus is never right twice as often as by chance"
    if clearly is None
    else f"At epoch {watched['epoch'][clearly]:g} the focus is first seen right twice as often as by chance"
)
figure = plots.lines(
    watched["epoch"],
    {
        "focus right (chance: 1/9)": focus_right,
        "prediction right (chance: 1/3)": prediction_right,
        "descent raises the foreground most": watched["raised"],
        "entropy, as a share of log 9": watched["entropy"],
    },
    title=f"{words}; its share goes from {focus_right[0]:.0%} to {focus_right[-1]:.0%}, that of right predictions "
    f"from {prediction_right[0]:.0%} to {prediction_right[-1]:.0%}{note}",
    x_name="epoch",
    y_name="share of test mosaics",
    limits=(0, 1.03),
)
plots.show(
    figure,
    alt="Shares of test mosaics against epochs: right focus, right predictions and mosaics in which descent raises "
    "the foreground's score most are by chance at first and rise; the entropy of the weights falls.",
)
figure = plots.lines(
    history.epochs,
    {"training loss": history.train_loss, "log 3, knowing nothing": [math.log(3)] * EPOCHS},
    title=f"Mean loss minus log 3: {history.train_loss[0] - math.log(3):+.3f} in the first epoch, "
    f"{history.train_loss[-1] - math.log(3):+.3f} in the last one{note}",
    x_name="epoch",
    y_name="cross-entropy loss",
)
plots.show(
    figure,
    alt="Mean training loss of each epoch beside the loss of a network that knows nothing, log 3.",
)

# %% [markdown]
# In the beginning little happens: the loss stays near $\log 3$, the focus near chance. That is the waiting of part 4.
# (On the drawn stand-ins it takes about an epoch; the more mosaics an epoch has, the sooner it is over.) But the weights
# are not quite equal, so some averages show a little more of their foreground than others; from them the classification
# network learns a little, its gradient begins to point to the foreground, the focus follows, and from then on each
# helps the other. Whoever stops a training on the plateau, or answers it with a larger learning rate, may never see
# this.
#
# Look where the network looks, on the same mosaics, at five moments:

# %%
moments = torch.linspace(0, len(watched["epoch"]) - 1, 5).round().long().tolist()
at_last = watched["weights"][-1]
surest = at_last[torch.arange(n_test, device=device), test_places].argsort(descending=True)
shown = surest[
    [n_test // 100, n_test // 4, -(n_test // 4)]
]  # one of the best, a better and a worse one
figure = plots.mosaics(
    test_images[test_tiles[shown]].repeat_interleave(5, dim=0),
    torch.stack([watched["weights"][m][shown] for m in moments], dim=1).flatten(0, 1),
    foreground_at=test_places[shown].repeat_interleave(5),
    titles=[
        f"epoch {watched['epoch'][m]:g}: {float(watched['weights'][m][row, test_places[row]]):.0%}"
        for row in shown.tolist()
        for m in moments
    ],
    columns=5,
    title=f"The mean weight of the foreground goes from {watched['weights'][0].gather(1, test_places[:, None]).mean():.0%} "
    f"to {at_last.gather(1, test_places[:, None]).mean():.0%}; above each mosaic its own{note}",
)
plots.show(
    figure,
    alt="Three mosaics at five moments of training, each tile framed the more strongly the larger its weight: "
    "nine faint frames before training, and the frames of the same tiles as it goes on.",
)

# %% [markdown]
# That was one network from one start. Here are means over the seeds of the ledger, with a line for each layer at which
# the tiles are averaged:

# %%
c2 = ledger.read_rows("C2") if "C2" in ledger.known_keys() else []
with_curves = [row for row in c2 if row.curves.get("focus_accuracy") and row.scale != "smoke"]


def mean_curves(metric: str) -> dict[str, list[float]]:
    """Return the mean over seeds of a metric after each epoch, for each place of averaging."""
    found = {}
    for setting in sorted({row.setting for row in with_curves}):
        runs = [
            row.curves[metric]
            for row in counted([r for r in with_curves if r.setting == setting])
        ]
        found[setting] = [sum(values) / len(values) for values in zip(*runs)]
    shortest = min(map(len, found.values()), default=0)
    return {setting: values[:shortest] for setting, values in found.items()}


if with_curves:
    focus_curves, test_curves = mean_curves("focus_accuracy"), mean_curves("test_accuracy")
    last = {
        setting: (focus_curves[setting][-1], test_curves[setting][-1]) for setting in focus_curves
    }
    figure = plots.lines(
        range(1, len(next(iter(focus_curves.values()))) + 1),
        focus_curves,
        title="CIFAR-10, focus right (by chance 11 %) and, in brackets, predictions right in the last epoch: "
        + ", ".join(
            f"{setting} {focus:.0%} ({right:.0%})" for setting, (focus, right) in last.items()
        ),
        x_name="epoch",
        y_name="share with a right focus",
    )
    plots.show(
        figure,
        alt="Share of test mosaics with a right focus against epochs, a line for each place of averaging.",
    )
else:
    print("The ledger has no training curves of C2 yet: `course results run C2` records some.")

# %% [markdown]
# ## 7. Right for the wrong reason
#
# A right prediction is no proof of a right focus:

# %%
weights, logits, _ = look(model)
counts = count_four(weights, logits, test_places, test_labels)
on_foreground = weights.gather(1, test_places[:, None])[:, 0]
wrong_focus = weights.argmax(dim=1) != test_places
right = logits.argmax(dim=1) == test_labels
lucky, unlucky = wrong_focus & right, wrong_focus & ~right
print(counts)
print(
    f"With a wrong focus {counts['FFPT'] / max(1, counts['FFPT'] + counts['FFPF']):.0%} of the predictions are right, "
    f"with a right one {counts['FTPT'] / max(1, counts['FTPT'] + counts['FTPF']):.0%}; guessing gives 33 %."
)
if lucky.any() and unlucky.any():
    chosen = lucky.nonzero()[:4, 0]
    figure = plots.mosaics(
        test_images[test_tiles[chosen]],
        weights[chosen],
        foreground_at=test_places[chosen],
        titles=[
            f"{NAMES[test_labels[i]]}, predicted {NAMES[logits[i].argmax()]}"
            for i in chosen.tolist()
        ],
        title=f"Wrong focus, right prediction: on average the foreground of such mosaics still has "
        f"{on_foreground[lucky].mean():.0%} of the attention, and {on_foreground[unlucky].mean():.0%} where the "
        f"prediction is wrong as well{note}",
    )
    plots.show(
        figure,
        alt="Mosaics whose largest weight is on a background tile, and whose label is predicted right.",
    )

# %% [markdown]
# One third would be right by luck alone, and if the foreground has no more attention where the prediction is right
# than where it is wrong, luck it is. But the largest weight is not the only one: a tile with less attention still is in
# the average, and a little of it may do. In the ledger's trainings, from several starts:

# %%
shares = [row.metrics["ffpt"] / (1 - row.metrics["focus_accuracy"]) for row in with_curves]
if shares:
    print(
        f"CIFAR-10, {len(shares)} trainings: of the mosaics with a wrong focus {min(shares):.0%} to "
        f"{max(shares):.0%} are predicted right; guessing gives 33 %."
    )
else:
    print("The ledger has no rows of C2 yet: `course results run C2` records some.")

# %% [markdown]
# "It looked at this tile, *therefore* it said that" is wrong for all of these. How much focus a classifier needs is the
# question of notebook 06.
#
# Find out yourself: take a mosaic and move the attention by hand. How little of the foreground is enough? Is the answer
# still right without any?

# %%
# of the mosaics predicted right, that in which the foreground has nearest to half of the attention
own = (on_foreground - 0.5).abs().masked_fill(~right, 1).argmin()
own_tiles = test_images[test_tiles[own]]  # (9, 3, H, W)


@torch.no_grad()
def answer(attention_weights: list[float]) -> list[float]:
    """Return the probability of each class, with these weights in place of the focus network's."""
    given = torch.tensor([attention_weights], device=device)
    return model.classify(standardised(own_tiles)[None], given).softmax(dim=1)[0].tolist()


mosaic_explorer(
    own_tiles,
    answer,
    label=int(test_labels[own]),
    foreground_at=int(test_places[own]),
    attention_weights=weights[own].tolist(),
    class_names=NAMES,
)

# %% [markdown]
# ## 8. When to average
#
# Back to `before` and `after`. Does it matter at all at which layer you average? For some layers it cannot: if a layer
# $h$ satisfies
#
# $$h\Big(\sum_t \alpha_t x_t\Big) = \sum_t \alpha_t\, h(x_t) \qquad \text{for all weights with} \quad \sum_t \alpha_t = 1,$$
#
# then averaging before it or after it is the same.
#
# ### Exercise 5.12: which layers do not mind?
#
# Answer True where the equation holds for every input, False where it does not. The bias is not zero. `q_raw` is the
# convolution again, with raw scores as weights, which do not add up to 1. If you are not sure, try it: a layer, nine
# random pictures, and your `average`.

# %%
# Exercise 5.12 (2 points, 10 minutes, difficulty 3)
# q_convolution: convolution with bias; q_relu: ReLU; q_max_pool: 2x2 max pooling; q_mean_pool: 2x2 average pooling;
# q_linear: linear layer with bias; q_raw: convolution with bias, weights that do not add up to 1
### BEGIN SOLUTION
q_convolution = True
q_relu = False
q_max_pool = False
q_mean_pool = True
q_linear = True
q_raw = False
### END SOLUTION

# %%
check("5.12")

# %% [markdown]
# So what makes a later average another one is ReLU and max pooling, and nothing else. Here is how much, with untrained
# networks and equal weights. The layers are the same in all four; only the place of the average moves:

# %%
network = new_network(3, seed=1)
without = (
    nn.Sequential(  # the same weights, with nothing but linear layers: the pooling takes means
        *(
            nn.AvgPool2d(2) if isinstance(layer, nn.MaxPool2d) else layer
            for layer in network
            if not isinstance(layer, nn.ReLU)
        )
    )
)
blocks = len(network_size["widths"])
rows = {}
for name, layers, step in (
    ("with ReLU and max pooling", network, 3),
    ("linear layers only", without, 2),
):
    with torch.no_grad():
        logits_at = [
            Attention(pair.focus, layers[: step * k], layers[step * k :]).classify(mosaics, equal)
            for k in range(blocks + 1)
        ]
    rows[name] = [float((found - logits_at[0]).abs().mean()) for found in logits_at]
figure = plots.lines(
    range(blocks + 1),
    rows,
    title=f"Averaging after all {blocks} blocks moves the logits by {rows['with ReLU and max pooling'][-1]:.3f} on average; "
    f"without ReLU and max pooling by {rows['linear layers only'][-1]:.0e}{note}",
    x_name="averaged at layer",
    y_name="mean change of the logits",
)
plots.show(
    figure,
    alt="Mean change of the logits against the layer at which tiles are averaged: growing with ReLU and max pooling, "
    "zero without.",
)

# %% [markdown]
# Is later better? There is a reason to think so. Two pictures on top of each other are neither; but after a few layers
# that find edges and corners, a weak edge of the foreground need not drown among strong ones. And there is a price: all
# nine tiles go through the layers before the average, only one average through those after it. For networks of the
# size that the ledger uses, with tiles of 16x16 pixels:


# %%
def multiplications(network: nn.Sequential, x: Tensor) -> list[int]:
    """Return how many multiplications each layer takes for one picture."""
    costs = []
    with torch.no_grad():
        for layer in network:
            x = layer(x)
            weight = getattr(layer, "weight", None)
            # a convolution uses every weight once at each place of its output
            costs.append(
                0 if weight is None else weight.numel() * (x[0, 0].numel() if x.ndim == 4 else 1)
            )
    return costs


fresh, one = torch.Generator().manual_seed(0), torch.zeros(1, 3, 16, 16)
size = {"generator": fresh, "widths": (16, 32, 32), "hidden": 64, "image_size": 16}
looking = sum(multiplications(cnn(classes=1, **size), one))
layer_costs = multiplications(cnn(classes=3, **size), one)
classifying = [9 * sum(layer_costs[: 3 * k]) + sum(layer_costs[3 * k :]) for k in range(4)]
figure = plots.lines(
    range(4),
    {
        "classification network": [cost / 1e6 for cost in classifying],
        "both networks": [(9 * looking + cost) / 1e6 for cost in classifying],
    },
    title=f"Averaging at layer 3 takes {classifying[3] / classifying[0]:.1f} times the multiplications of the "
    f"classification network, {(9 * looking + classifying[3]) / (9 * looking + classifying[0]):.1f} times those of both",
    x_name="averaged at layer",
    y_name="millions of multiplications",
)
plots.show(
    figure,
    alt="Multiplications for one mosaic against the layer at which tiles are averaged: rising.",
)

# %% [markdown]
# The report tried all four, once each:
#
# | averaged at layer | 0 | 1 | 2 | 3 |
# | --- | --- | --- | --- | --- |
# | training accuracy | 96.68 % | 99.55 % | 99.41 % | 99.83 % |
# | test accuracy | 85.58 % | 81.22 % | 88.25 % | 90.01 % |
#
# Its conclusion is a "gradual increase in performance as we go deeper in layer for data averaging".
#
# ### Exercise 5.13: what does the table say?
#
# - **a** On the test mosaics layer 1 is worse than layer 0, layers 2 and 3 are better; how much of it is luck cannot be
#   seen.
# - **b** Test accuracy rises from layer to layer, as the report says.
# - **c** The training accuracies show that the layer does not matter.
# - **d** Layer 1 is proved to be a bad place for averaging.
#
# Because:
#
# 1. training accuracy is near 100 % everywhere;
# 2. one run each says nothing about the deviation between runs;
# 3. the last layer is the best one, so the order must be a rising one.

# %%
# Exercise 5.13 (1 point, 4 minutes, difficulty 1)
# q_table: one of "a", "b", "c", "d"; q_table_reason: 1, 2 or 3
### BEGIN SOLUTION
q_table = "a"
q_table_reason = 2
### END SOLUTION

# %%
check("5.13")

# %% [markdown]
# And with several seeds, beside the report's figures? (Our tiles are of half the size, our networks small and our
# trainings short; the report does not say what its own were. Compare the order, not the size: the rows that compare one
# layer with another are the ones to read.)

# %%
Markdown(
    ledger.table("C2")
    if "C2" in ledger.known_keys()
    else "The ledger knows nothing of C2 yet: `course results run C2` records it."
)

# %%
compared = [c for c in ledger.compare("C2") if c.reported.versus and c.ours] if c2 else []
decided = [c for c in compared if c.verdict in ("reproduced", "refuted")]
print(
    f"{len(decided)} of {len(compared)} comparisons of one layer with another are decided by the seeds."
)
for c in decided:
    print(f"{c.reported.what}: {100 * c.ours.mean:+.1f} points")

# %% [markdown]
# ## 9. What you have now
#
# - Mosaics that take 72 bytes each, and a model that cannot see where a tile stands.
# - Attention in three lines: scores, softmax, weighted average. And the gradient by which it is learned.
# - A look inside: where it looks, how sure it is, and whether it is right for the right reason.
# - A plateau that is no failure: two networks that must find each other.
# - Two corrections of the report: the scores need a softmax before they are weights, and "gradual increase" is not
#   what its table says.

# %%
progress("05")
