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
# # Notebook 06: how much focus does a classifier need?
#
# Nine tiles, one of them matters. In an attention network two networks learn at once: one where to look, one what it
# is. When such a model fails, which of the two is to blame? And when it succeeds, did it need to look so closely?
#
# So take the focus network away. Put in its place a focus that you know, a good one or a bad one, and train only the
# classifier behind it. One ninth more of focus is worth much at one place and nothing at another. You will predict at
# which, before any network is trained.
#
# Fill in the cells that begin with `# Exercise`, run them, then run the check below each. Stuck?
# `hint("6.2", 1)` points the way, `hint("6.2", 2)` nearly gives the answer, `solution("6.2")` shows it.
# `progress()` shows where you are; `reset("6.2")` gives an empty cell back. Where a number is asked for, a Python
# number and a tensor of shape () both count, and `"B"` is as good as `"b"`.
#
# *The report* is L. N. Pandey and R. Vashisht, Research Summary (July 2020), sections 3.2, 3.3 and 9.

# %% tags=["setup"]
import course_utils  # first: it decides how torch's threads wait

import math

import torch
from IPython.display import Markdown
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils import plots
from course_utils.data import Split, load
from course_utils.data.mosaics import make_mosaics
from course_utils.data.pixels import half_size
from course_utils.data.points import gaussian_classes, plane_means
from course_utils.data.preprocessing import Standardise
from course_utils.evaluation import ledger
from course_utils.exercises import begin, check, hint, mine, progress, reset, solution
from course_utils.models.cnn import cnn
from course_utils.models.initialise import initialise
from course_utils.plots.surfaces import surfaces
from course_utils.scale import pick
from course_utils.training.devices import best_device
from course_utils.training.loop import fit
from course_utils.widgets.focus_quality import focus_quality_explorer
from course_utils.widgets.planes import planes_explorer

begin("06")

# %% [markdown]
# ## 1. A focus that you know
#
# Data set $D_i$ of the report is what a focus network of quality $i$ would hand on. Of each mosaic it keeps one
# picture, the weighted mean of the nine tiles: weight $i/9$ for the foreground, and what is left shared evenly among
# the eight tiles of the background.
#
# $$\bar x = \frac{i}{9}\, x_F + \sum_{B} \frac{9 - i}{72}\, x_B$$
#
# $D_1$ looks everywhere alike, $D_9$ at the foreground only. Everything in between is a focus that is unsure.
#
# ### Exercise 6.1: the weights
#
# The foreground stands at another place in each mosaic. Return the nine weights of every mosaic.


# %%
# Exercise 6.1 (1 point, 8 minutes, difficulty 1)
def focus_weights(foreground_at: Tensor, i: float) -> Tensor:
    """Return the weights of D_i, float32 (N, 9); foreground_at, int64 (N,), says which tile is the foreground."""
    ### BEGIN SOLUTION
    weights = torch.full((len(foreground_at), 9), (9 - i) / 72)
    weights[torch.arange(len(foreground_at)), foreground_at] = i / 9
    return weights
    ### END SOLUTION


# %%
check("6.1")

# %% [markdown]
# ### Exercise 6.2: the average
#
# Weights (N, 9) and tiles (N, 9, ...): pictures (3, H, W), or points (d,) in part 6. One line with `torch.einsum`,
# in which `...` stands for whatever follows. No loop over the mosaics.


# %%
# Exercise 6.2 (1 point, 5 minutes, difficulty 1)
def average(tiles: Tensor, weights: Tensor) -> Tensor:
    """Return the weighted mean (N, ...) of the tiles (N, 9, ...) of each mosaic, with its weights (N, 9)."""
    ### BEGIN SOLUTION
    return torch.einsum("nt,nt...->n...", weights, tiles)
    ### END SOLUTION


# %%
check("6.2")

# %% [markdown]
# Now the mosaics. The foreground is of one of the first three classes, the background of the other seven. Test mosaics
# are made of test pictures.

# %%
data, device = load("cifar10"), best_device()
note = " (drawn stand-ins)" if data.stand_in else ""
pictures, test_pictures = data.train, data.test
if pick(smoke=True, laptop=True, full=False):
    pictures = Split(half_size(pictures.images), pictures.labels)
    test_pictures = Split(half_size(test_pictures.images), test_pictures.labels)
SIDE = pictures.images.shape[-1]
CLASSES = data.classes[:3]
standardise = Standardise.of(pictures.images)

generator = torch.Generator().manual_seed(0)
mosaics = make_mosaics(
    pictures, pick(smoke=2000, laptop=10_000, full=10_000), generator=generator
)
test_mosaics = make_mosaics(
    test_pictures, pick(smoke=1000, laptop=3000, full=10_000), generator=generator
)


def averages(mosaics, weights: Tensor) -> Tensor:
    """Return the averages of all mosaics, float32 (N, 3, SIDE, SIDE), pixels in [0, 1], part by part."""
    parts = zip(mosaics.tiles.split(100), weights.split(100))
    return torch.cat([average(mosaics.pixels(tiles), some) for tiles, some in parts])


def fixed(mosaics, i: float) -> Tensor:
    """Return the averages of D_i."""
    return averages(mosaics, focus_weights(mosaics.foreground_at, i))


three = test_mosaics.rows(slice(3))
rows = torch.stack([fixed(three, i) for i in range(1, 10)], dim=1).flatten(0, 1)  # (27, ...)
figure = plots.images(
    (255 * rows).round().to(torch.uint8),
    columns=9,
    titles=[f"D{i}" for i in range(1, 10)] + 18 * [""],
    title=f"From D1 to D9 the foreground's weight grows from {1 / 9:.0%} to {9 / 9:.0%}. From which column on can you "
    f"name them: {', '.join(CLASSES[c] for c in three.labels)}?{note}",
)
plots.show(
    figure,
    alt="Three rows of nine pictures: grey mixtures on the left, from column to column more of one picture, which "
    "stands alone on the right.",
)

# %% [markdown]
# ## 2. When is the signal louder than the noise?
#
# The eight tiles of the background tell nothing about the label. For the classifier they are noise. How loud?
#
# Take one pixel. Say that in every tile it has the same variance $\sigma^2$ around its mean, and that the tiles of a
# mosaic know nothing of one another. Then the average's pixel has a part of its variance from the foreground and a
# part from the background.
#
# ### Exercise 6.3: the foreground's share
#
# Derive which share of the variance of $\bar x$ comes from the foreground, as a function of $i$. ($\sigma$ drops out.)
# You need two rules: $\operatorname{Var}(w x) = w^2 \operatorname{Var}(x)$, and variances of independent parts add
# up. Let the number of tiles be any $n$: the foreground's weight is $i/n$, and the other $n - 1$ share the rest.


# %%
# Exercise 6.3 (2 points, 12 minutes, difficulty 2)
def foreground_share(i: float, tiles: int = 9) -> float:
    """Return the foreground's share, in [0, 1], of the variance of an average whose foreground has weight i/tiles."""
    ### BEGIN SOLUTION
    foreground = (i / tiles) ** 2
    one_other = (tiles - i) / (tiles * (tiles - 1))
    return foreground / (foreground + (tiles - 1) * one_other**2)
    ### END SOLUTION


# %%
check("6.3")

# %% [markdown]
# A theory with two assumptions, so measure: the variance of $\frac{i}{9} x_F$ over the mosaics, pixel by pixel, and
# that of the rest of the average.

# %%
some = mosaics.rows(slice(1000))
qualities = list(range(1, 10))
place = F.one_hot(some.foreground_at, 9)  # (N, 9)
measured = []
for i in qualities:
    weights = focus_weights(some.foreground_at, i)
    front, back = averages(some, weights * place), averages(some, weights * (1 - place))
    measured.append(float(front.var(dim=0).mean() / (front.var(dim=0) + back.var(dim=0)).mean()))
derived = [foreground_share(i) for i in qualities]
gains = [after - before for before, after in zip(derived, derived[1:])]
crossing = next(i for i in qualities if foreground_share(i) > 0.5)
figure = plots.lines(
    qualities,
    {"derived": derived, "measured": measured},
    title=f"From D{crossing} on the foreground is louder than the background; from D1 to D4 its share grows by "
    f"{sum(gains[:3]):.2f}, from D4 to D9 by {sum(gains[3:]):.2f}{note}",
    x_name="i of D_i",
    y_name="foreground's share of the variance",
    limits=(0, 1.05),
)
plots.show(
    figure,
    alt="The foreground's share of the variance against i: a steep rise from one ninth at D1, nearly one from D5 on; "
    "the measured values lie near the derived ones.",
)

# %% [markdown]
# The weight of the foreground grows evenly, by a ninth at each step. Its share of what the classifier sees does not.
# The prediction: much to gain up to $D_4$, next to nothing later.
#
# ## 3. Trained on one focus, tested on another
#
# Train a classifier on $D_i$ and test it on all $D_j$: nine trainings, 81 tests. Here are four rows of that matrix,
# computed on the spot.

# %%
TRAINED_ON = (1, 2, 4, 9)
EPOCHS = pick(smoke=6, laptop=8, full=30)
labels, test_labels = mosaics.labels, test_mosaics.labels


def train_classifier(
    x: Tensor, labels: Tensor, *, test: Split | None = None, epochs: int = EPOCHS
):
    """Train from the same start on standardised averages; return the network and its history."""
    network = cnn(
        generator=torch.Generator().manual_seed(0),
        classes=3,
        widths=pick(smoke=(8, 16), laptop=(16, 32), full=(32, 64, 64)),
        hidden=pick(smoke=32, laptop=64, full=200),
        image_size=SIDE,
    ).to(device)
    history = fit(
        network,
        Split(x.to(device), labels.to(device)),
        test,
        epochs=epochs,
        optimizer=torch.optim.Adam(
            network.parameters(), lr=pick(smoke=0.003, laptop=0.001, full=0.001)
        ),
        batch_size=50,
        generator=torch.Generator().manual_seed(1),
        precision="float32",
    )
    return network.eval(), history


@torch.no_grad()
def accuracy(network: nn.Module, x: Tensor, labels: Tensor) -> float:
    """Return the share of right answers on averages that are standardised already."""
    right = [network(part.to(device)).argmax(dim=1).cpu() for part in x.split(250)]
    return float((torch.cat(right) == labels).float().mean())


networks, histories = {}, {}
for i in TRAINED_ON:
    networks[i], histories[i] = train_classifier(standardise(fixed(mosaics, i)), labels)
matrix = torch.zeros(len(TRAINED_ON), 9)
for j in qualities:
    x = standardise(fixed(test_mosaics, j))
    for row, i in enumerate(TRAINED_ON):
        matrix[row, j - 1] = accuracy(networks[i], x, test_labels)
own = {i: float(row[i - 1]) for i, row in zip(TRAINED_ON, matrix)}
figure = plots.heat_map(
    matrix,
    row_labels=[f"D{i}" for i in TRAINED_ON],
    column_labels=[f"D{j}" for j in qualities],
    row_name="trained on",
    column_name="tested on",
    value_name="accuracy",
    title=f"Trained and tested on D1 {own[1]:.0%} are right, on D2 {own[2]:.0%}, on D4 {own[4]:.0%}, on D9 "
    f"{own[9]:.0%}; a guess gets {1 / 3:.0%}{note}",
    limits=(1 / 3, 1),
)
plots.show(
    figure,
    alt="Heat map of the test accuracy of networks trained on D1, D2, D4 and D9, tested on D1 to D9: "
    + "; ".join(
        f"D{i} from {row.min():.0%} to {row.max():.0%}" for i, row in zip(TRAINED_ON, matrix)
    ),
)

# %% [markdown]
# Move the focus yourself, and watch what each of these networks says. (`shown` is the focus of the picture that it
# gets, `trained_on` the one it has learnt with.)

# %%
focus_quality_explorer(
    test_mosaics.rows(slice(6)),
    {
        f"D{i}": lambda x, n=network: n(standardise(x).to(device))
        for i, network in networks.items()
    },
    CLASSES,
    note=note,
)

# %% [markdown]
# And the whole matrix on real pictures, from the ledger: means over the seeds.

# %%
recorded = {
    (key, entry.setting, entry.metric): entry.mean
    for key in ("C3", "C4", "C9")
    for entry in ledger.summary(key)
}


def row_of(key: str, setting: str, metric: str = "test_accuracy_on_") -> list[float]:
    """Return what the ledger holds of D_1 to D_9 for a setting; nan where there is nothing."""
    return [recorded.get((key, setting, f"{metric}{j}"), math.nan) for j in qualities]


whole = torch.tensor([row_of("C3", f"D{i}") for i in qualities])
diagonal = whole.diagonal()
steps = 100 * diagonal.diff()
largest = int(steps.nan_to_num().argmax()) + 1
figure = plots.heat_map(
    whole,
    row_labels=[f"D{i}" for i in qualities],
    column_labels=[f"D{j}" for j in qualities],
    row_name="trained on",
    column_name="tested on",
    value_name="test accuracy",
    title=f"Along the diagonal the largest step is from D{largest} to D{largest + 1}: {steps[largest - 1]:.0f} points; "
    f"from D4 to D9 it is {steps[3:].sum():.0f} points in all"
    if bool(diagonal.isfinite().all())
    else "Not recorded yet: `course results run C3` fills this table",
    limits=(1 / 3, 1),
)
plots.show(
    figure,
    alt="Heat map of the test accuracy on real pictures for all nine training and all nine test qualities of focus.",
)

# %%
print("step       the foreground's share of the variance   test accuracy, points")
for i, gain in zip(qualities, steps.tolist()):
    more = foreground_share(i + 1) - foreground_share(i)
    print(
        f"D{i} to D{i + 1} {more:+25.2f} {f'{gain:+28.1f}' if math.isfinite(gain) else '          not recorded yet'}"
    )

# %% [markdown]
# Your derivation knew nothing of networks or pictures. It gets the order right: large steps first, small ones from
# $D_4$ on. What is left after $D_4$ is not noise. It is that a bird may look like a plane, and no focus helps there.
#
# Off the diagonal there is more to see. Go down the columns: for each focus that is shown, the best network is one that
# was trained near it. And the two corners are not alike:

# %%
for i, j in ((9, 2), (2, 9)):
    lost = 100 * (diagonal[i - 1] - whole[i - 1, j - 1])
    behind = 100 * (diagonal[j - 1] - whole[i - 1, j - 1])
    print(
        f"trained on D{i}, tested on D{j}: {whole[i - 1, j - 1]:.0%}; that is {lost:.0f} points less than on its own "
        f"D{i}, and {behind:.0f} points behind the network of D{j}"
    )

# %% [markdown]
# From $D_9$ to $D_2$ comes noise that the network has never met. From $D_2$ to $D_9$ nothing comes but clarity, and yet
# the network of $D_2$ does not become as good as that of $D_9$. Why clarity can do harm you will see in part 6.
#
# ### Exercise 6.4: what the steps prove
#
# The report: "The classification network is powerful enough to pick up weak signals as well. This can be seen from
# the significant improvement from" $D_2$ to $D_3$, and from $D_3$ to $D_4$. Is that so? What shows best that the
# network picks up weak signals is
#
# - **a** the improvement from $D_2$ to $D_3$, as the report says
# - **b** the improvement from $D_8$ to $D_9$
# - **c** the accuracy on $D_1$ and $D_2$ themselves, beside that of a guess
# - **d** that $D_4$ is nearly as good as $D_9$
#
# Because:
#
# 1. an improvement says that the signal has grown, not how weak a signal is enough;
# 2. the network has more to learn from where the improvement is larger;
# 3. with $D_1$ every tile has the same weight, so the average holds no information on the label.

# %%
# Exercise 6.4 (1 point, 5 minutes, difficulty 2)
# q_weak: one of "a", "b", "c", "d"; q_weak_reason: 1, 2 or 3
### BEGIN SOLUTION
q_weak = "c"
q_weak_reason = 1
### END SOLUTION

# %%
check("6.4")

# %% [markdown]
# ### 84 % of what?
#
# "Even with 2/9 focus on foreground images, the classification network is still able to accurately classify 84 % of
# the times." On which mosaics? The report makes 20 000, trains on 10 000, and builds all nine data sets from *the
# same* 10 000. It tests on $D_j$ with $j \ne i$. So it may have tested on the mosaics it trained on, with other
# weights. Or on the other 10 000. But those are made of the same pictures.
#
# ### Exercise 6.5: has the network seen it before?
#
# CIFAR-10 has 5000 training pictures of each class: 15 000 for the foreground, 35 000 for the background. Each mosaic
# draws one foreground, any as likely as any other, and eight different backgrounds. The network has been trained on
# 10 000 mosaics. Now comes another mosaic, made of the same pictures. How likely is it that
#
# - its foreground was the foreground of at least one training mosaic?
# - a given tile of its background was in at least one training mosaic?
#
# (Two decimals. It is easier to begin with how likely it is to be in *none*; the answers are one minus that.)

# %%
# Exercise 6.5 (2 points, 8 minutes, difficulty 2)
# two probabilities
### BEGIN SOLUTION
q_foreground_seen = 1 - (1 - 1 / 15_000) ** 10_000
q_background_seen = 1 - (1 - 8 / 35_000) ** 10_000
### END SOLUTION

# %%
check("6.5")

# %% [markdown]
# Does it matter? Train on $D_2$ until the network knows its mosaics by heart. A few mosaics are enough to see it.

# %%
FEW, LONG = pick(smoke=600, laptop=2000, full=2000), 25
claim = next(c.reported.value for c in ledger.compare("C3") if c.reported.setting == "D2") / 100
short = mosaics.rows(slice(FEW))
other = Split(standardise(fixed(test_mosaics, 2)).to(device), test_labels.to(device))
_, long_history = train_classifier(
    standardise(fixed(short, 2)), short.labels, test=other, epochs=LONG
)
past = [epoch for epoch, share in enumerate(long_history.train_accuracy, 1) if share >= claim]
figure = plots.lines(
    range(1, LONG + 1),
    {
        "mosaics trained on": long_history.train_accuracy,
        "mosaics of other pictures": long_history.test_accuracy,
    },
    title=f"On the {FEW} mosaics of D2 that it is trained on, the network "
    + (
        f"passes the {claim:.0%} of the report in epoch {past[0]}"
        if past
        else f"gets to {max(long_history.train_accuracy):.0%}"
    )
    + f"; on mosaics of other pictures it ends at {long_history.test_accuracy[-1]:.0%}{note}",
    x_name="epoch",
    y_name="accuracy",
    limits=(0.2, 1.02),
)
plots.show(
    figure,
    alt="Accuracy on D2 against epochs: that on the mosaics trained on rises and rises, that on mosaics of other "
    "pictures stays low.",
)

# %% [markdown]
# Other mosaics are not other pictures. So we measured three accuracies of the same networks: on the mosaics that they
# were trained on, on other mosaics of the same pictures, and on mosaics of pictures that they have never seen. Look
# which of them comes nearest to 84 %, and which one you would want to print.

# %%
Markdown(ledger.table("C3"))

# %% [markdown]
# ## 4. Faster convergence?
#
# "Notice the faster convergence of classification network with more confident focus networks." What does the first
# step of a training see of the foreground?
#
# Take the simplest classifier, one linear layer, logits $z = W^\top x$ with $W = 0$ at the start. All three
# probabilities are 1/3, so the loss is $\log 3$, for every mosaic.
#
# ### Exercise 6.6: the first gradient
#
# Derive $\partial L / \partial W$ at $W = 0$ for the mean cross-entropy over rows $x$ (N, d), with any number of
# classes. (The check switches autograd off. Its `x` is float64, and the gradient has the dtype of `x`: give what you
# make yourself, one-hot labels for example, that dtype as well.)


# %%
# Exercise 6.6 (2 points, 12 minutes, difficulty 3)
def first_gradient(x: Tensor, labels: Tensor, classes: int) -> Tensor:
    """Return the gradient (d, classes) of the mean cross-entropy of x @ W at W = 0; x (N, d), labels (N,) int64."""
    ### BEGIN SOLUTION
    # probability minus target, (N, classes)
    error = 1 / classes - F.one_hot(labels, classes).to(x.dtype)
    return x.T @ error / len(x)
    ### END SOLUTION


# %%
check("6.6")

# %%
x, y = torch.randn(8, 5, dtype=torch.float64), torch.arange(8) % 3
W = torch.zeros(5, 3, dtype=torch.float64, requires_grad=True)
F.cross_entropy(x @ W, y).backward()
print(
    f"largest difference to autograd: {float((W.grad - first_gradient(x, y, 3)).abs().max()):.0e}"
)

# %% [markdown]
# In the mean over all mosaics the backgrounds drop out, because they are the same for every label. So the gradient on
# $D_i$ is $i/9$ times that on $D_9$: a shorter step in *the same direction*. In a single batch they do not drop out.
# How much of a batch's first step goes where it should? Measured as the cosine between the gradient of a batch of 50
# and that of all mosaics on $D_9$:

# %%
goal = first_gradient(standardise(fixed(some, 9)).flatten(1), some.labels, 3).flatten()
cosines, lengths = [], []
for i in qualities:
    flat = standardise(fixed(some, i)).flatten(1)  # (1000, d)
    batches = zip(flat.split(50), some.labels.split(50))
    gradients = torch.stack([first_gradient(x, y, 3).flatten() for x, y in batches])  # (20, 3d)
    cosines.append(float(F.cosine_similarity(gradients, goal[None]).mean()))
    lengths.append(float((gradients @ goal).mean() / goal.square().sum()))
figure = plots.lines(
    qualities,
    {
        "cosine": cosines,
        "length along it, as a share of D9's": lengths,
        "i/9": [i / 9 for i in qualities],
    },
    title=f"A batch's first step has a cosine of {cosines[0]:.2f} with the right direction on D1, {cosines[3]:.2f} on "
    f"D4 and {cosines[8]:.2f} on D9{note}",
    x_name="i of D_i",
    y_name="cosine; length",
)
plots.show(
    figure,
    alt="Cosine between a batch's gradient and the right direction, and the gradient's length along it, against i: the "
    "length is near i/9, the cosine rises steeply and then levels off.",
)

# %% [markdown]
# So a better focus is a longer step, and a better aimed one. Adam undoes the first (it divides by the gradient's
# size), but not the second.
#
# ### Exercise 6.7: a fair race
#
# The loss on $D_9$ is lower than on $D_2$ after one epoch. That alone is no proof of speed, because it *ends* lower as
# well. Ask how much of its own way a training has come: the way leads from the loss of a guess, $\log K$ with $K$
# classes, to the loss of the last epoch.


# %%
# Exercise 6.7 (1 point, 6 minutes, difficulty 1)
def share_of_the_way(losses: list[float], classes: int) -> list[float]:
    """Return, for the loss after each epoch, how much of the way from log(classes) to the last loss is behind it."""
    ### BEGIN SOLUTION
    start = math.log(classes)
    return [(start - loss) / (start - losses[-1]) for loss in losses]
    ### END SOLUTION


# %%
check("6.7")

# %%
curves = {}
for row in ledger.read_rows("C3"):
    if row.scale != "smoke" and row.curves.get("train_loss"):
        curves.setdefault(row.setting, []).append(row.curves["train_loss"])
where = "real pictures, from the ledger"
if not all(f"D{i}" in curves for i in TRAINED_ON):
    curves = {f"D{i}": [histories[i].train_loss] for i in TRAINED_ON}
    where = f"this notebook's networks{note}"
ways = {}
for i in TRAINED_ON:
    length = min(map(len, curves[f"D{i}"]))
    losses = torch.tensor([curve[:length] for curve in curves[f"D{i}"]]).mean(dim=0).tolist()
    ways[f"D{i}"] = share_of_the_way(losses, 3)
length = min(map(len, ways.values()))
first = {name: way[0] for name, way in ways.items()}
figure = plots.lines(
    range(1, length + 1),
    {name: way[:length] for name, way in ways.items()},
    title=f"In the first epoch, {', '.join(f'{name} comes {share:.0%}' for name, share in first.items())} of its own "
    f"way ({where})",
    x_name="epoch",
    y_name="share of the way to the last loss",
)
plots.show(
    figure,
    alt="Share of its own way that each training has come, against epochs, for D1, D2, D4 and D9.",
)

# %% [markdown]
# ## 5. A focus that is sure of itself, and sometimes wrong
#
# $D_2$ gives every foreground exactly 2/9. No focus network does that: it is right here and wrong there. The report
# draws the weights of each mosaic from a *Dirichlet distribution*. It has a positive parameter for each tile; here
# $a\,\alpha$ for the foreground, and $\alpha$ for each of the eight others. Its samples are positive and add up to 1,
# and the mean of a weight is its parameter divided by the sum of all.
#
# ### Exercise 6.8: the right parameters
#
# Find $a$ so that the foreground's mean weight is $i/9$, whatever $\alpha$ is, and return all nine parameters, the
# foreground's first. ($i$ is below 9: with 9 the others would have nothing, which no positive parameter gives.)


# %%
# Exercise 6.8 (2 points, 10 minutes, difficulty 2)
def dirichlet_parameters(i: float, alpha: float) -> Tensor:
    """Return the nine parameters, float32 (9,), the foreground's first: its mean weight is i/9 (1 <= i < 9)."""
    ### BEGIN SOLUTION
    parameters = torch.full((9,), float(alpha))
    parameters[0] = alpha * 8 * i / (9 - i)
    return parameters
    ### END SOLUTION


# %%
check("6.8")

# %% [markdown]
# The report prints these parameters as if they were the weights, $w_F = a_i \alpha$ and $w_B = \alpha$. They are not:
# weights add up to 1. And if you divide them by their sum, $\alpha$ drops out, and you have $D_i$ again. The
# difference is in the draw.

# %%
ALPHAS = (0.01, 0.5, 2.0, 1e5)


def drawn(foreground_at: Tensor, i: float, alpha: float, seed: int = 0) -> Tensor:
    """Draw weights (N, 9) for each mosaic; the first parameter's goes to its foreground."""
    with torch.random.fork_rng():  # torch.distributions takes no generator
        torch.manual_seed(seed)
        law = torch.distributions.Dirichlet(dirichlet_parameters(i, alpha).double())
        weights = law.sample((len(foreground_at),)).float()
    tile = torch.arange(9).expand(len(foreground_at), 9)
    # the foreground's weight changes places with that of the tile that stands first
    source = torch.where(tile == foreground_at[:, None], 0, tile)
    source[:, 0] = foreground_at
    return weights.gather(1, source)


five = test_mosaics.rows(slice(9))
drawn_weights = {alpha: drawn(five.foreground_at, 4, alpha) for alpha in ALPHAS}
own_weights = [w.gather(1, five.foreground_at[:, None]) for w in drawn_weights.values()]
figure = plots.images(
    torch.cat(
        [(255 * averages(five, w)).round().to(torch.uint8) for w in drawn_weights.values()]
    ),
    columns=9,
    titles=[
        f"{float(w[n, at]):.0%}"
        for w in drawn_weights.values()
        for n, at in enumerate(five.foreground_at)
    ],
    title=f"D4 with alpha = {', '.join(f'{a:g}' for a in ALPHAS)}, from top to bottom: the foreground's weight is "
    f"{own_weights[0].min():.0%} to {own_weights[0].max():.0%} in the top row and {own_weights[-1].min():.0%} to "
    f"{own_weights[-1].max():.0%} in the bottom row{note}",
)
plots.show(
    figure,
    alt="Four rows of the same nine mosaics, averaged with weights drawn with four values of alpha: single clear "
    "pictures at the top, grey mixtures at the bottom.",
)

# %% [markdown]
# ### Exercise 6.9: how far it strays
#
# A Dirichlet weight with mean $m$ has the variance $\frac{m (1 - m)}{A + 1}$, where $A$ is the sum of all nine
# parameters. Return the standard deviation of the foreground's weight.


# %%
# Exercise 6.9 (2 points, 8 minutes, difficulty 2)
def weight_sd(i: float, alpha: float) -> float:
    """Return the standard deviation of the foreground's weight in D_i with this alpha (1 <= i < 9)."""
    ### BEGIN SOLUTION
    mean = i / 9
    total = 72 * alpha / (9 - i)  # of the parameters: alpha * (8 i / (9 - i) + 8)
    return math.sqrt(mean * (1 - mean) / (total + 1))
    ### END SOLUTION


# %%
check("6.9")

# %%
at = torch.zeros(20_000, dtype=torch.int64)
print("D2 with alpha   mean weight      sd   derived   the foreground has the largest weight")
for alpha in (*ALPHAS[:3], 100.0, ALPHAS[3]):
    w = drawn(at, 2, alpha)
    print(
        f"{alpha:13g} {float(w[:, 0].mean()):13.3f} {float(w[:, 0].std()):7.3f} {weight_sd(2, alpha):9.3f} "
        f"{float((w.argmax(dim=1) == 0).float().mean()):14.0%}"
    )

# %% [markdown]
# ### Exercise 6.10: a large alpha
#
# The report lists $\alpha$ up to $10^5$, names $10^2$ in the next sentence, and says that this "denotes samples with
# equal weights". What do the weights of $D_i$ tend to as $\alpha$ grows?
#
# - **a** 1/9 each
# - **b** $i/9$ for the foreground, $(9 - i)/72$ for each other tile
# - **c** 1 for one tile and 0 for the others
# - **d** $a_i \alpha$ for the foreground, $\alpha$ for each other tile
#
# Because:
#
# 1. a weight's spread tends to 0, and its mean does not depend on $\alpha$;
# 2. all nine parameters tend to infinity, so the differences between them no longer matter;
# 3. the parameters are the weights.

# %%
# Exercise 6.10 (1 point, 4 minutes, difficulty 1)
# q_large: one of "a", "b", "c", "d"; q_large_reason: 1, 2 or 3
### BEGIN SOLUTION
q_large = "b"
q_large_reason = 1
### END SOLUTION

# %%
check("6.10")

# %% [markdown]
# ### Exercise 6.11: a hard focus
#
# Now the other end. With a tiny $\alpha$ one tile gets everything. The foreground's mean weight is $i/9$, so it is that
# tile in $i$ of 9 mosaics. Say a classifier names a share $r$ of whole foregrounds correctly (its accuracy on $D_9$),
# and for a tile of the background it can only guess one of $K$ classes. What is its accuracy on this $D_i$?


# %%
# Exercise 6.11 (1 point, 6 minutes, difficulty 2)
def hard_focus_accuracy(i: float, right: float, classes: int = 3) -> float:
    """Return the accuracy on D_i with alpha near 0 of a classifier that has `right` of all foregrounds right."""
    ### BEGIN SOLUTION
    return i / 9 * right + (1 - i / 9) / classes
    ### END SOLUTION


# %%
check("6.11")

# %% [markdown]
# First without any training: your network of $D_9$ gets weights drawn with the smallest and the largest $\alpha$.

# %%
right = own[9]
sharp, soft, predictions = [], [], []
for i in qualities[:8]:
    for alpha, found in ((ALPHAS[0], sharp), (ALPHAS[3], soft)):
        x = standardise(averages(test_mosaics, drawn(test_mosaics.foreground_at, i, alpha)))
        found.append(accuracy(networks[9], x, test_labels))
    predictions.append(hard_focus_accuracy(i, right))
off = max(abs(found - said) for found, said in zip(sharp, predictions))
better = [i for i, one, other in zip(qualities, sharp, soft) if other > one]
figure = plots.lines(
    qualities[:8],
    {"alpha = 0.01": sharp, "your formula": predictions, "alpha = 100 000": soft},
    title=f"Your formula is off by {100 * off:.0f} points at most; the same mean weight, spread evenly, is better than "
    f"all or nothing in {len(better)} of 8 data sets{note}",
    x_name="i of D_i",
    y_name="accuracy of the network of D9",
)
plots.show(
    figure,
    alt="Accuracy of the network trained on D9 against i: a straight line with alpha = 0.01, which the formula meets, "
    "and a curve that rises faster with alpha = 100 000.",
)

# %% [markdown]
# Same mean weight, and yet not the same. A foreground that always has 4/9 of the weight can be named; one that is
# missing in 5 of 9 mosaics cannot, in those five.
#
# And training with such a focus? Then a background tile stands under the foreground's label, and the network
# learns from labels of which up to 8/9 are noise. The ledger trained on every $D_i$ with four values of $\alpha$:

# %%
by_alpha = {
    "fixed weights": [
        recorded.get(("C3", f"D{i}", "test_accuracy"), math.nan) for i in qualities[:8]
    ]
} | {
    f"alpha = {alpha:g}": [
        recorded.get(("C4", f"alpha {alpha:g}, D{i}", "test_accuracy"), math.nan)
        for i in qualities[:8]
    ]
    for alpha in ALPHAS
}
best_case = recorded.get(("C3", "D9", "test_accuracy"), math.nan)
by_alpha["your formula"] = [hard_focus_accuracy(i, best_case) for i in qualities[:8]]
two = {name: values[1] for name, values in by_alpha.items()}
figure = plots.lines(
    qualities[:8],
    by_alpha,
    title=f"Trained and tested on D2, {two['fixed weights']:.0%} are right with fixed weights, "
    f"{two['alpha = 0.5']:.0%} with alpha = 0.5 and {two['alpha = 0.01']:.0%} with 0.01"
    if all(math.isfinite(value) for value in two.values())
    else "Not recorded yet: `course results run C4` fills this figure",
    x_name="i of D_i",
    y_name="test accuracy",
)
plots.show(
    figure,
    alt="Test accuracy on real pictures against i for fixed weights and four values of alpha, with the formula's line "
    "for all or nothing, of a network trained on D9.",
)

# %% [markdown]
# "These results are similar to the experiments done with randomly fixing the Focus network," says the report. They are
# for a large $\alpha$, and have to be. Read in the table below for which $\alpha$ they are not.
#
# *Data set 10* holds the foregrounds alone of the other 10 000 mosaics. As a training set it is one more $D_9$. As
# a test set for the network of $D_9$ it is what exercise 6.5 was about: pictures of which it knows half.

# %%
Markdown(ledger.table("C4"))

# %% [markdown]
# ## 6. Noise that does not matter
#
# So far the background was noise of the same kind as the signal. What if it points elsewhere? The report moves to
# space. The seven classes of the background lie in the x-y plane, the three of the foreground in another plane, at an
# angle. A mosaic is nine points, and $D_i$ is made as before.

# %%
planes_explorer()

# %% [markdown]
# Apart from the small scatter of its points, all that the background can do is to move an average about *in its own
# plane*. What stands out of this plane, it cannot hide.
#
# ### Exercise 6.12: how far apart are the classes?
#
# Distance between the means is not enough: it must be seen against the spread, direction by direction. Let
# $\mu_c$ and $n_c$ be mean and number of class $c$, and $\mu$ the mean of all $N$ points. With the covariance *within*
# the classes and that *between* their means,
#
# $$S_W = \frac1N \sum_n (x_n - \mu_{y_n})(x_n - \mu_{y_n})^\top \qquad
# S_B = \sum_c \frac{n_c}{N} (\mu_c - \mu)(\mu_c - \mu)^\top \qquad
# \text{separation} = \operatorname{tr}\left(S_W^{-1} S_B\right)$$
#
# (`torch.linalg.solve(A, B)` is $A^{-1} B$. The check's points are float64: one-hot labels, if you use them, need the
# dtype of `x`.)


# %%
# Exercise 6.12 (3 points, 15 minutes, difficulty 3)
def separation(x: Tensor, labels: Tensor) -> float:
    """Return tr(S_W⁻¹ S_B) of points x (N, d) with labels (N,), 0 to the largest label, each of which occurs."""
    ### BEGIN SOLUTION
    classes = range(int(labels.max()) + 1)
    means = torch.stack([x[labels == c].mean(dim=0) for c in classes])  # (classes, d)
    within = x - means[labels]
    # n_c rows of each class, so that a sum over points is the sum over classes
    between = means[labels] - x.mean(dim=0)
    s_w, s_b = within.T @ within / len(x), between.T @ between / len(x)
    return float(torch.linalg.solve(s_w, s_b).trace())
    ### END SOLUTION


# %%
check("6.12")


# %%
def point_mosaics(angle: float, seed: int = 0, n: int = 1000):
    """Return n training and n test mosaics of points; at every angle the same draws, turned."""
    draw, parts = torch.Generator().manual_seed(seed), []
    for _ in range(2):
        points = gaussian_classes(plane_means(angle), 500, variance=0.1, generator=draw)
        parts.append(make_mosaics(points, n, generator=draw))
    return parts


ANGLES = (0, 15, 30, 45, 60, 75, 90)
in_space = {angle: point_mosaics(angle)[0] for angle in ANGLES}
apart = {
    f"D{i}": [separation(fixed(part, i), part.labels) for part in in_space.values()]
    for i in (1, 2, 3, 9)
}
more = {name: values[-1] / values[0] - 1 for name, values in apart.items()}
figure = plots.lines(
    ANGLES,
    {name: [value / values[0] for value in values] for name, values in apart.items()},
    title=f"From 0 to 90 degrees the separation of D1 changes by {more['D1']:+.0%}, that of D2 by {more['D2']:+.0%}, "
    f"that of D9 by {more['D9']:+.0%}: an angle matters where there is background",
    x_name="angle between the planes, degrees",
    y_name="separation, 1 at 0 degrees",
)
plots.show(
    figure,
    alt="Separation of the classes against the angle, for D1, D2, D3 and D9: it rises most for D1 and stays the same "
    "for D9.",
)

# %% [markdown]
# The report also says that "the loss plots are more steeper" at larger angles. See it as a landscape: the loss of a
# small network as a function of its weights, on a plane through the start and the end of its training.
#
# ### Exercise 6.13: walk in the space of weights
#
# Set every parameter of a network to *origin* + $\sum_k s_k\, d_k$, for any number of directions. Each direction holds
# one tensor for each parameter, in the order of `network.parameters()`, as `origin` does. In place, without autograd;
# `origin` and directions stay as they are, for you will come back.


# %%
# Exercise 6.13 (2 points, 10 minutes, difficulty 2)
def walk(
    network: nn.Module, origin: list[Tensor], directions: list[list[Tensor]], steps: list[float]
) -> None:
    """Set the network's parameters, in place, to origin + the sum of steps[k] * directions[k]."""
    ### BEGIN SOLUTION
    with torch.no_grad():
        for number, (parameter, start) in enumerate(zip(network.parameters(), origin)):
            parameter.copy_(start)
            for step, direction in zip(steps, directions):
                parameter.add_(step * direction[number])
    ### END SOLUTION


# %%
check("6.13")


# %%
def train_on_points(x: Tensor, labels: Tensor, epochs: int = 15):
    """Train a network with 50 hidden units; return it and its parameters before and after."""
    network = nn.Sequential(nn.Linear(3, 50), nn.ReLU(), nn.Linear(50, 3))
    initialise(network, torch.Generator().manual_seed(0))
    start = [parameter.detach().clone() for parameter in network.parameters()]
    fit(
        network,
        Split(x, labels),
        epochs=epochs,
        optimizer=torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9),
        batch_size=50,
        generator=torch.Generator().manual_seed(1),
        precision="float32",
        progress=False,
    )
    return network, start, [parameter.detach().clone() for parameter in network.parameters()]


ALONG, ACROSS = torch.linspace(-0.25, 1.25, 31).tolist(), torch.linspace(-0.75, 0.75, 25).tolist()
draw = torch.Generator().manual_seed(2)
landscapes, slopes = {}, {}
for angle in (0, 90):
    x, y = fixed(in_space[angle], 2), in_space[angle].labels
    network, start, end = train_on_points(x, y)
    ahead = [after - before for before, after in zip(start, end)]
    aside = [torch.randn(part.shape, generator=draw) for part in ahead]
    # as long as the way itself, parameter by parameter
    aside = [part * goal.norm() / part.norm() for part, goal in zip(aside, ahead)]

    @torch.no_grad()
    def loss_at(steps: list[float]) -> float:
        walk(network, start, [ahead, aside], steps)
        return float(F.cross_entropy(network(x), y))

    landscapes[f"{angle} degrees"] = [[loss_at([s, t]) for s in ALONG] for t in ACROSS]
    slopes[angle] = loss_at([0.0, 0.0]) - loss_at([0.25, 0.0])
figure = surfaces(
    ALONG,
    ACROSS,
    landscapes,
    marks={"start": (0, 0), "end of training": (1, 0)},
    title=f"The first quarter of the way lowers the loss on D2 by {slopes[0]:.2f} at 0 degrees and by "
    f"{slopes[90]:.2f} at 90",
    x_name="from the start (0) to the end (1)",
    y_name="along a random direction",
    value_name="training loss",
)
plots.show(
    figure,
    alt="Contours of the training loss on a plane through start and end of the training, at 0 and at 90 degrees: a "
    "valley that is deeper at 90 degrees.",
)

# %% [markdown]
# ### Exercise 6.14: trained in the dark
#
# The ledger's matrix for points has a surprise. Train on $D_1$, and test on $D_9$, where nothing disturbs at all:

# %%
dark = {
    angle: recorded.get(("C9", f"{angle} degrees, D1", "test_accuracy_on_9"), math.nan)
    for angle in (0, 90)
}
print(f"trained on D1, tested on D9: {dark[0]:.0%} at 0 degrees, {dark[90]:.0%} at 90 degrees")

shrunk = {}
for angle in (0, 90):
    part, test_part = point_mosaics(angle)
    network, _, _ = train_on_points(fixed(part, 1), part.labels)
    x = fixed(test_part, 9)
    with torch.no_grad():
        shrunk[angle] = [
            float((network(factor * x).argmax(dim=1) == test_part.labels).float().mean())
            for factor in (1, 1 / 9)
        ]
    print(
        f"a network trained here, {angle:2} degrees: {shrunk[angle][0]:.0%} on D9, {shrunk[angle][1]:.0%} on D9 with "
        "all its points divided by 9"
    )

# %% [markdown]
# Why does a network of $D_1$ fail on clean foregrounds at 90 degrees?
#
# - **a** It has learnt its 1000 training averages by heart.
# - **b** It has learnt to use the background, which is missing on $D_9$.
# - **c** Training on $D_1$ was too short to learn anything.
# - **d** The foregrounds of $D_9$ are nine times as far from the origin as the part it has learnt to recognise.
#
# Because:
#
# 1. dividing by 9 makes the noise smaller;
# 2. dividing by 9 brings the foreground to the size that it has on $D_1$, and most of the accuracy comes back;
# 3. a deep network is not robust against anything that it has not seen.

# %%
# Exercise 6.14 (1 point, 5 minutes, difficulty 3)
# q_dark: one of "a", "b", "c", "d"; q_dark_reason: 1, 2 or 3
### BEGIN SOLUTION
q_dark = "d"
q_dark_reason = 2
### END SOLUTION

# %%
check("6.14")

# %% [markdown]
# At 0 degrees the best borders between the three classes are rays from the origin. A point that moves outward along its
# ray stays in its class, so size does no harm. At 90 degrees the classes also differ in their height above the
# plane, and a border at a certain height is crossed by everything that is made larger.
#
# Is that also why the network of $D_2$ does not profit from the clear pictures of $D_9$? Give these the contrast that
# the averages of $D_2$ have, and nothing else:

# %%
clear, mixed = (standardise(fixed(test_mosaics, j)) for j in (9, 2))
contrast = float(mixed.std() / clear.std())
for factor in (1, contrast):
    print(
        f"the network of D2 on D9, contrast times {factor:.2f}: "
        f"{accuracy(networks[2], factor * clear, test_labels):.0%} right{note}"
    )
print(f"the network of D9 on D9: {own[9]:.0%}{note}")

# %% [markdown]
# How much of the gap does that close? On real pictures (scale `laptop`) look for yourself. The drawn stand-ins are no
# case for it: on them the network of $D_2$ has simply learnt less. A classifier is trained for its focus: a worse one
# *or a better one* is a change of the data.

# %%
Markdown(ledger.table("C9"))

# %% [markdown]
# ## What you take along
#
# - A classifier needs less focus than one would think: from 4/9 on the background hardly disturbs. A good accuracy says
#   little about the focus in front of it.
# - The same mean weight is worth much if it is always there, and little if it is all or nothing.
# - "Tested on other mosaics" says nothing about other pictures.
# - What disturbs is not the size of the noise, but its size in the directions that tell the classes apart.

# %%
progress("06")
