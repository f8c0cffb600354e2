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
# # Notebook 08: attention in two dimensions
#
# A network names the right class nearly every time, and in half of all cases it looks at the wrong tile. Nothing is
# broken. You will train such a network yourself, and explain it.
#
# In the plane you can see all that attention does: where it looks, what it averages, where the answer comes from. So
# here a tile is a **point**, and a mosaic is nine points: one of a foreground class, eight of the background. Who
# needs attention for that? What can it find? And when may you show its weights to somebody as an *explanation*?
#
# Fill in the cells that begin with `# Exercise`, run them, then run the check below each. Stuck?
# `hint("8.2", 1)` points the way, `hint("8.2", 2)` nearly gives the answer, `solution("8.2")` shows it.
# `progress()` shows where you are; `reset("8.2")` gives an empty cell back. Where a number is asked for, a Python
# number and a tensor of shape () both count, and `"B"` is as good as `"b"`.
#
# *The report* is L. N. Pandey and R. Vashisht, Research Summary (July 2020), sections 6 and 7.

# %% tags=["setup"]
import course_utils  # first: it decides how torch's threads wait

import copy
import math

import torch
from IPython.display import Markdown
from sklearn.svm import LinearSVC
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils import plots
from course_utils.data import Split
from course_utils.data.mosaics import make_mosaics
from course_utils.evaluation import ledger
from course_utils.exercises import begin, check, hint, mine, progress, reset, solution
from course_utils.experiments.catalogue import EXPERIMENTS
from course_utils.plots.focus_push import raises_score
from course_utils.plots.focus_regions import FocusView
from course_utils.plots.intervals import intervals
from course_utils.scale import pick
from course_utils.training.devices import one_thread
from course_utils.widgets.focus_training import FocusTraining, focus_explorer

begin("08")


# %% [markdown]
# ## 1. Points instead of pictures
#
# Every class is a round cloud of points: a normal distribution around the mean $\mu_c$ of its class, with a
# covariance matrix that is a number $v$ times the identity. In the report $v = 0.1$.
#
# ### Exercise 8.1: draw the points
#
# You get standard normal numbers $\varepsilon$ (mean 0, variance 1, independent). Make points of them that have the
# mean of their class, and the covariance $v I$.

# %%
# Exercise 8.1 (1 point, 6 minutes, difficulty 1)
def draw_points(means: Tensor, classes: Tensor, variance: float, noise: Tensor) -> Tensor:
    """Return points (N, 2) from means (K, 2), classes, int64 (N,), and standard normal noise (N, 2)."""
    raise NotImplementedError("Exercise 8.1")


# %%
check("8.1")

# %% [markdown]
# The report shows the means of its ten classes only in a picture, and the picture is lost. So these places are ours.
# Classes 0, 1, 2 are the foreground, 3 to 9 the background. *Outside*: three foreground classes around a ring of
# seven background classes, near it or far. *Among*: all ten on one circle, well mixed. *One side*: the foreground in
# a row above the ring. And, as in the report's figure 3, three classes only: two of the foreground, one of the
# background, and mosaics of three points.

# %%
C7 = EXPERIMENTS["C7"].settings
MEANS = {name.rpartition(": ")[0]: torch.tensor(values["means"]) for name, values in C7.items()}
RING = MEANS["outside, near"][3:]
MEANS["one side"] = torch.cat([torch.tensor([[-1.2, 2.0], [0.0, 2.0], [1.2, 2.0]]), RING])
NEAR, FAR, AMONG, SIDE = "outside, near", "outside, far", "among", "one side"
BESIDE, LINE = "three classes, beside", "three classes, in line"


class World:
    """Mosaics of points: `mosaics` (n, tiles, 2), `labels` (n,), and where the foreground stands (n,)."""

    def __init__(
        self, place: str, n: int, *, seed: int, variance: float = 0.1, per_class: int = 500
    ):
        means, generator = MEANS[place], torch.Generator().manual_seed(seed)
        self.foreground, self.tiles = (3, 9) if len(means) == 10 else (2, 3)
        self.classes = torch.arange(len(means)).repeat_interleave(per_class)
        noise = torch.randn(len(self.classes), 2, generator=generator)
        self.points = draw_points(means, self.classes, variance, noise)  # yours
        drawn = make_mosaics(
            Split(self.points, self.classes),
            n,
            generator=generator,
            foreground=range(self.foreground),
            background=range(self.foreground, len(means)),
            tiles=self.tiles,
        )
        self.mosaics = self.points[drawn.tiles]
        self.labels, self.foreground_at = drawn.labels, drawn.foreground_at


N_TRAIN, N_TEST = (
    pick(smoke=2000, laptop=4000, full=4000),
    pick(smoke=1000, laptop=2000, full=2000),
)
train = {place: World(place, N_TRAIN, seed=0) for place in MEANS}
test = {
    place: World(place, N_TEST, seed=1) for place in MEANS
}  # other points of the same classes

few = torch.arange(0, len(train[NEAR].points), 12)
gap = float(torch.cdist(MEANS[NEAR][:3], RING).min())
figure = plots.points(
    train[NEAR].points[few],
    train[NEAR].classes[few],
    title=f"{NEAR}: from a foreground class to the nearest background class it is {gap:.1f}, or "
    f"{gap / math.sqrt(0.1):.1f} standard deviations of a class",
)
plots.show(
    figure,
    alt="Ten clouds of points in the plane: classes 3 to 9 on a ring of radius 1, classes 0 to 2 outside it.",
)


# %% [markdown]
# A single point is easy to name. In a mosaic it stands among eight others, and nobody says which one it is.
#
# ## 2. Eighteen numbers
#
# The first idea: write the nine points one after the other, and give the 18 numbers to an ordinary classifier. But
# the foreground may stand at any of the nine places. Put the same tiles in another order, and the label is the same,
# while each of the 18 inputs is another number.
#
# ### Exercise 8.2: in another order
#
# Put the tiles of each mosaic in an order of its own, and write them as 18 numbers: $x$ and $y$ of the first tile,
# then of the second, and so on. Place $j$ gets the tile that stood at `order[n, j]`.

# %%
# Exercise 8.2 (2 points, 10 minutes, difficulty 2)
def reordered(mosaics: Tensor, order: Tensor) -> Tensor:
    """Return (N, tiles * 2) from mosaics (N, tiles, 2) and the order of each, int64 (N, tiles)."""
    raise NotImplementedError("Exercise 8.2")


# %%
check("8.2")


# %% [markdown]
# Two classifiers of the 18 numbers, as in the report's table 8: a linear support vector machine, and a deep network
# (here one hidden layer of 50 units). How often do they change their minds when the tiles only change places?

# %%
def train_network(
    logits_of,
    modules,
    world: World,
    *,
    seed: int,
    epochs: int = pick(smoke=15, laptop=40, full=40),
    watch=None,
):
    """Train modules by Adam on batches of 100 mosaics; `watch(epoch)` is called before and after each epoch."""
    parameters = [parameter for module in modules for parameter in module.parameters()]
    descent = torch.optim.Adam(parameters, lr=0.01)
    generator = torch.Generator().manual_seed(seed)
    if watch:
        watch(0)
    for epoch in range(1, epochs + 1):
        for rows in torch.randperm(len(world.labels), generator=generator).split(100):
            descent.zero_grad()
            F.cross_entropy(logits_of(world.mosaics[rows]), world.labels[rows]).backward()
            descent.step()
        if watch:
            watch(epoch)


def seeded(make, seed: int):
    """Make a network whose start depends on the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make()


def support_vectors(x: Tensor, labels: Tensor) -> LinearSVC:
    """Fit a linear support vector machine to rows of numbers."""
    return LinearSVC(random_state=0).fit(x.numpy(), labels.numpy())


def share(right: Tensor) -> float:
    """Return the share of True."""
    return right.float().mean().item()


as_they_stand, generator = torch.arange(9).expand(N_TEST, 9), torch.Generator().manual_seed(2)
other_order = torch.rand(N_TEST, 9, generator=generator).argsort(dim=1)
machines, deep_networks, accuracy, changed_minds = {}, {}, {}, {}
with one_thread():
    for place in (NEAR, FAR, SIDE):
        world, tested = train[place], test[place]
        machine = machines[place] = support_vectors(world.mosaics.flatten(1), world.labels)
        deep = deep_networks[place] = seeded(
            lambda: nn.Sequential(nn.Flatten(), nn.Linear(18, 50), nn.ReLU(), nn.Linear(50, 3)),
            seed=0,
        )
        train_network(deep, [deep], world, seed=0)
        for name, predict in (
            ("linear SVM", lambda x: torch.from_numpy(machine.predict(x.numpy()))),
            ("deep network", lambda x: deep(x).argmax(dim=1)),
        ):
            said, said_then = (
                predict(reordered(tested.mosaics, order))
                for order in (as_they_stand, other_order)
            )
            accuracy[place, name] = share(said == tested.labels)
            changed_minds[place, name] = share(said != said_then)

for place in (NEAR, FAR):
    for name in ("linear SVM", "deep network"):
        print(
            f"{place}: {name:12} {accuracy[place, name]:.1%} right; another answer in another order: "
            f"{changed_minds[place, name]:.1%}"
        )


# %% [markdown]
# Order means nothing, and both take it for something. They would have to learn nine times that a point far from the
# ring matters, once for each place. A deep network at least could. A linear classifier cannot, and in two steps you
# can even predict how badly it will do.
#
# **Step one.** It has a weight vector $W_j$ for each place $j$: $\text{score} = \sum_j W_j \cdot x_j + b$. Since all
# orders are equally likely, the classifier with its places exchanged does exactly as well on average. Take the mean
# of all of these classifiers, one for each of the $9!$ orders.
#
# ### Exercise 8.3: the mean over all orders
#
# Return the weights of that mean classifier. You need not go through 362 880 orders: how often does each $W_j$ stand
# at a given place?

# %%
# Exercise 8.3 (2 points, 10 minutes, difficulty 2)
def averaged_over_orders(weight: Tensor, tiles: int) -> Tensor:
    """Return the mean of weight (classes, tiles * 2) over all orders of the tiles, (classes, tiles * 2)."""
    raise NotImplementedError("Exercise 8.3")


# %%
check("8.3")

# %% [markdown]
# All places have the same weights $\bar W$ now, so the score is $\bar W \cdot \sum_j x_j + b$. **The mean classifier
# sees nothing but the plain mean of the nine tiles**: two numbers. And it is no worse: the loss of linear scores is
# convex, so the loss of the mean is at most the mean of the losses (Jensen). What a linear classifier can do with 18
# numbers, it can do with two. Try it:

# %%
for place in (NEAR, FAR):
    world, tested, machine = train[place], test[place], machines[place]
    weight, bias = (
        torch.from_numpy(machine.coef_).float(),
        torch.from_numpy(machine.intercept_).float(),
    )
    scores = tested.mosaics.flatten(1) @ averaged_over_orders(weight, 9).T + bias
    of_two = support_vectors(world.mosaics.mean(dim=1), world.labels)
    print(
        f"{place}: 18 numbers {accuracy[place, 'linear SVM']:.1%}; the same machine, averaged over all orders "
        f"{share(scores.argmax(dim=1) == tested.labels):.1%}; trained on the mean alone "
        f"{of_two.score(tested.mosaics.mean(dim=1).numpy(), tested.labels.numpy()):.1%}"
    )


# %% [markdown]
# **Step two.** So where does the plain mean lie? Ask for its mean and its covariance, given the label $c$. The
# foreground tile has the mean $\mu_c$ and the covariance $vI$. Each of the other tiles comes from one of the
# background classes, all equally likely: its mean is $\bar\mu_b$, the mean of their means, and its covariance has two
# parts, the noise *and* the spread of the class means, $\Sigma_b = vI + \text{mean}_k\,(\mu_k - \bar\mu_b)(\mu_k -
# \bar\mu_b)^\top$. The tiles are independent (nearly: no point stands twice in a mosaic).
#
# ### Exercise 8.4: where the plain mean lies
#
# Return both, for one label, for mosaics of any number of tiles. The first `foreground` of the means are those of the
# foreground.

# %%
# Exercise 8.4 (3 points, 15 minutes, difficulty 3)
def plain_mean(
    means: Tensor, foreground: int, tiles: int, variance: float, label: int
) -> tuple[Tensor, Tensor]:
    """Return mean (2,) and covariance (2, 2) of the plain mean of a mosaic's tiles; means is (K, 2)."""
    raise NotImplementedError("Exercise 8.4")


# %%
check("8.4")


# %% [markdown]
# The covariance is the same for every label; only the mean moves, by a ninth of what the foreground moves. With two
# numbers that are nearly normal, the best guess is the label whose mean is nearest, measured in standard deviations.
# How often is that right? Your function says it **before anything is trained**:

# %%
def predicted_accuracy(place: str) -> float:
    """Return how often the best guess from the plain mean is right, if the plain mean were normal."""
    world = test[place]
    found = [
        plain_mean(MEANS[place], world.foreground, world.tiles, 0.1, c)
        for c in range(world.foreground)
    ]
    centres, covariance = torch.stack([mean for mean, _ in found]), found[0][1]
    noise = torch.randn(20_000, 2, generator=torch.Generator().manual_seed(3))
    draws = centres[:, None] + noise @ torch.linalg.cholesky(covariance).T  # (labels, draws, 2)
    away = draws[:, :, None] - centres  # (labels, draws, labels, 2)
    distance = torch.einsum("lcki,ij,lckj->lck", away, torch.linalg.inv(covariance), away)
    return share(distance.argmin(dim=2) == torch.arange(world.foreground)[:, None])


predicted, measured = {}, {}
for place in MEANS:
    world, tested = train[place], test[place]
    machine = support_vectors(world.mosaics.flatten(1), world.labels)
    predicted[place] = predicted_accuracy(place)
    measured[place] = machine.score(tested.mosaics.flatten(1).numpy(), tested.labels.numpy())
worst = max(abs(predicted[place] - measured[place]) for place in MEANS)
figure = intervals(
    list(MEANS),
    {
        "predicted from means and variances": [(100 * predicted[place], 0) for place in MEANS],
        "linear SVM on all numbers, trained": [(100 * measured[place], 0) for place in MEANS],
    },
    title=f"What a linear classifier will reach can be told beforehand, here to within {100 * worst:.1f} points",
    x_name="test accuracy, %",
    reference=100,
)
plots.show(
    figure,
    alt="Predicted and measured test accuracy of a linear classifier: "
    + "; ".join(f"{place} {predicted[place]:.0%} and {measured[place]:.0%}" for place in MEANS),
)

# %% [markdown]
# So this is when a linear classifier of the mosaic suffices: when a ninth (here, with three tiles, a third) of the
# distance between foreground classes is large against the spread of the plain mean. *Three classes, in line* is such
# a case. For the others the plain mean is a poor summary. Look where it falls:

# %%
tested = test[FAR]
averages = tested.mosaics.mean(dim=1)
nearest = torch.cdist(averages, MEANS[FAR]).argmin(dim=1)
machine = support_vectors(train[FAR].mosaics.mean(dim=1), train[FAR].labels)
figure = plots.decision_boundary(
    lambda x: torch.from_numpy(machine.decision_function(x.numpy())),
    averages[:300],
    tested.labels[:300],
    title=f"{FAR}: {share(nearest >= 3):.0%} of the plain means lie nearest to a class of the background, and "
    f"{share(nearest < 3):.0%} to one of the foreground; still {predicted[FAR]:.0%} can be told apart",
)
plots.show(
    figure,
    alt="Plain means of mosaics in the plane, near the middle, their three labels overlapping, over the regions of a "
    "linear classifier.",
)


# %% [markdown]
# A plain mean of nine points lies in the hollow of the ring, where neither the foreground nor much of anything else
# is. To do better, the tiles must not count alike.
#
# ## 3. Attention
#
# A **focus network** $f$ gives each tile one number, its score. A softmax over the scores of a mosaic makes
# *attention weights* $\alpha_i$ of them, and the **classification network** $g$ gets the weighted mean $z$:
#
# $$\alpha_i = \frac{e^{f(x_i)}}{\sum_j e^{f(x_j)}} \qquad z = \sum_i \alpha_i x_i \qquad \text{logits} = g(z)$$
#
# The report has the classification network take $18 \times 1$ numbers (section 7.4). That cannot be: $z$ is a weighted
# mean of points in the plane, so $g$ gets **two** numbers.
#
# ### Exercise 8.5: attend
#
# `focus` maps points (n, 2) to scores (n, 1); `classify` maps points (n, 2) to logits (n, classes).

# %%
# Exercise 8.5 (2 points, 10 minutes, difficulty 2)
def attend(
    mosaics: Tensor, focus: nn.Module, classify: nn.Module
) -> tuple[Tensor, Tensor, Tensor]:
    """Return attention weights (N, tiles), weighted means (N, 2) and logits (N, classes) of mosaics (N, tiles, 2)."""
    raise NotImplementedError("Exercise 8.5")


# %%
check("8.5")


# %% [markdown]
# Whatever $f$ and $g$ are, the order of the tiles cannot matter: a sum is a sum. That is not learned, it is built in.
#
# *Linear attention* has a linear $f$ and a linear $g$. In *deep attention* both have one hidden layer of 50 units.

# %%
class Attention:
    """A focus network and a classification network, made from one seed, trained and tried by `attend`."""

    def __init__(self, classes: int, *, deep: bool, seed: int):
        def network(outputs: int) -> nn.Module:
            if deep:
                return nn.Sequential(nn.Linear(2, 50), nn.ReLU(), nn.Linear(50, outputs))
            return nn.Linear(2, outputs)

        self.focus, self.classify = seeded(lambda: (network(1), network(classes)), seed)

    def train(self, world: World, *, seed: int, watch=None) -> "Attention":
        """Train both networks together."""
        both = [self.focus, self.classify]
        train_network(lambda x: attend(x, *both)[2], both, world, seed=seed, watch=watch)
        return self

    @torch.no_grad()
    def look(self, mosaics: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return weights, weighted means and logits."""
        return attend(mosaics, self.focus, self.classify)


KINDS = {"linear attention": False, "deep attention": True}
models = {}
with one_thread():
    for place in (NEAR, FAR, SIDE):
        for name, deep in KINDS.items():
            model = Attention(test[place].foreground, deep=deep, seed=0).train(
                train[place], seed=0
            )
            models[place, name] = model
            logits = model.look(test[place].mosaics)[2]
            accuracy[place, name] = share(logits.argmax(dim=1) == test[place].labels)

_, _, logits = models[FAR, "deep attention"].look(test[FAR].mosaics)
shuffled = reordered(test[FAR].mosaics, other_order).unflatten(1, (9, 2))
_, _, logits_then = models[FAR, "deep attention"].look(shuffled)
print(f"{FAR}, deep attention: another answer in another order: ", end="")
print(f"{share(logits.argmax(dim=1) != logits_then.argmax(dim=1)):.1%}")

four = ["linear SVM", "deep network", *KINDS]
table = [[100 * accuracy[place, name] for name in four] for place in (NEAR, FAR, SIDE)]
ahead = {
    place: 100 * (accuracy[place, "linear attention"] - accuracy[place, "deep network"])
    for place in (NEAR, FAR, SIDE)
}
figure = plots.heat_map(
    table,
    row_labels=[NEAR, FAR, SIDE],
    column_labels=four,
    number_format=".1f",
    value_name="test accuracy, %",
    title="Deep attention against the best of the others: "
    + " / ".join(
        f"{100 * (accuracy[p, 'deep attention'] - max(accuracy[p, n] for n in four[:3])):+.0f}"
        for p in (NEAR, FAR, SIDE)
    )
    + " points. Linear attention against the deep network: "
    + " / ".join(f"{points:+.0f}" for points in ahead.values())
    + " points",
)
plots.show(
    figure,
    alt="Test accuracy of four classifiers for three places of the classes: "
    + "; ".join(
        f"{place}: " + ", ".join(f"{name} {accuracy[place, name]:.0%}" for name in four)
        for place in (NEAR, FAR, SIDE)
    ),
)

# %% [markdown]
# The report had two places of the classes, and its table 8 has the same order both times: SVM, deep network, linear
# attention, deep attention. Beside it, from the ledger, the course's own runs from several starts:

# %%
Markdown(
    "| classes | classifier | ours: mean ± sd | the report |\n| --- | --- | --- | --- |\n"
    + "\n".join(
        f"| {place} | {name} | {100 * found.ours.mean:.1f} ± {100 * found.ours.sd:.1f} % "
        f"(seeds: {found.ours.n}) | {found.reported.printed} |"
        for place in (NEAR, FAR)
        for name in four
        for found in ledger.compare("C7", with_yours=False)
        if found.reported.setting == f"{place}: {name}"
        and found.reported.metric == "test_accuracy"
        and not found.reported.versus
    )
    + "\n\nThe report's means are lost, so figures cannot be compared one by one, nor is it known on which points it "
    "measured. `course results show C7` has all of it."
)


# %% [markdown]
# Deep attention comes first in both. But in the report linear attention beats the deep network, and outside the ring
# it is the other way round. That is no contradiction: on *one side* it beats it here as well. Why does a linear focus
# like one side?
#
# ## 4. What a linear focus can find
#
# A linear score $f(x) = w \cdot x + b$ is the same along straight lines. The softmax drops $b$, which is the same for
# all tiles. What remains is the direction of $w$, and its length, which says only how sharply to look: the tile that
# lies farthest along $w$ gets the largest weight. So a linear focus can choose one direction to look in, and you can
# try them all.
#
# ### Exercise 8.6: look in every direction
#
# For each angle $\theta$ let $w = (\cos\theta, \sin\theta)$. In what share of the mosaics is the foreground the tile
# that lies farthest along $w$?

# %%
# Exercise 8.6 (2 points, 10 minutes, difficulty 2)
def found_along(mosaics: Tensor, foreground_at: Tensor, angles: Tensor) -> Tensor:
    """Return shares (A,) for angles (A,), in radians; mosaics is (N, tiles, 2), foreground_at int64 (N,)."""
    raise NotImplementedError("Exercise 8.6")


# %%
check("8.6")

# %%
degrees = torch.arange(0, 361, 5)
found = {
    place: found_along(test[place].mosaics, test[place].foreground_at, degrees * math.pi / 180)
    for place in (NEAR, FAR, AMONG, SIDE)
}
best = {place: shares.max().item() for place, shares in found.items()}


def focus_right(place: str, name: str) -> float:
    """Return how often the largest weight of a trained model is the foreground's."""
    weights, _, _ = models[place, name].look(test[place].mosaics)
    return share(weights.argmax(dim=1) == test[place].foreground_at)


figure = plots.lines(
    degrees,
    found,
    title=f"No direction finds more than {best[NEAR]:.0%} of the foregrounds near the ring, {best[FAR]:.0%} far from "
    f"it, {best[AMONG]:.0%} among the others; on one side {best[SIDE]:.0%}. Trained linear attention finds "
    f"{focus_right(NEAR, 'linear attention'):.0%}, {focus_right(FAR, 'linear attention'):.0%} and, on one side, "
    f"{focus_right(SIDE, 'linear attention'):.0%}",
    x_name="direction, degrees",
    y_name="share of foregrounds found",
    limits=(0, 1),
)
plots.show(
    figure,
    alt="Share of mosaics whose foreground lies farthest in a direction, against the direction: "
    + "; ".join(f"{place} at most {top:.0%}" for place, top in best.items()),
)


# %% [markdown]
# Around the ring every direction leaves at least one foreground class behind. No training can change that: a network
# of this form cannot look outwards on all sides. A deep focus can. In the upper pictures a
# place is the darker the more weight a tile there would have beside background tiles of average strength.

# %%
def view_of(place: str, model: Attention, shown: int = 250) -> FocusView:
    """Collect what the pictures of a model need."""
    tested = test[place]
    _, averages, _ = model.look(tested.mosaics)
    return FocusView(
        focus=lambda x: model.focus(x).detach(),
        classify=lambda x: model.classify(x).detach(),
        points=tested.points,
        classes=tested.classes,
        foreground=tested.foreground,
        averages=averages[:shown],
        labels=tested.labels[:shown],
        tiles=tested.tiles,
    )


cases = [(FAR, "linear attention"), (FAR, "deep attention"), (SIDE, "linear attention")]
figure = plots.focus_regions(
    {f"{place}, {name.split()[0]}": view_of(place, models[place, name]) for place, name in cases},
    title="A linear focus can look to one side only, a deep one need not: the foreground has the largest weight in "
    + ", ".join(f"{focus_right(*case):.0%}" for case in cases)
    + " of the mosaics",
)
plots.show(
    figure,
    alt="Three columns. Above, the weight a tile would have at each place: for linear attention a half plane, for deep "
    "attention all outside the ring. Below, the weighted means with the regions of the classification network.",
)

# %% [markdown]
# Look at the two pictures on the left once more, class by class:

# %%
weights, _, logits = models[FAR, "linear attention"].look(test[FAR].mosaics)
for c in range(3):
    rows = test[FAR].labels == c
    on_it = share(weights[rows].argmax(dim=1) == test[FAR].foreground_at[rows])
    print(
        f"class {c}: {on_it:.0%} of the foregrounds found, {share(logits[rows].argmax(dim=1) == c):.0%} of the mosaics "
        "called right"
    )


# %% [markdown]
# What lies against the direction is never found, and yet many of its mosaics are called right. An answer need not
# come from where attention looks.
#
# ## 5. Right, and looking elsewhere
#
# Sort the mosaics by two questions: is the largest weight on the foreground (focus true or false), and is the class
# right (prediction true or false)? The report counts FTPT, FFPT, FTPF, FFPF. The interesting one is **FFPT**: looking
# elsewhere, and right.
#
# ### Exercise 8.7: find them
#
# Mark the mosaics whose class is predicted right while the largest weight is *not* the foreground's.

# %%
# Exercise 8.7 (1 point, 6 minutes, difficulty 1)
def right_but_elsewhere(
    weights: Tensor, foreground_at: Tensor, logits: Tensor, labels: Tensor
) -> Tensor:
    """Return bool (N,) from weights (N, tiles), foreground_at (N,), logits (N, classes) and labels (N,)."""
    raise NotImplementedError("Exercise 8.7")


# %%
check("8.7")


# %% [markdown]
# *Three classes, in line*: foreground class 0 on the left, the background in the middle, foreground class 1 on the
# right; mosaics of three points. Linear attention learns it without trouble. (Four starts; you see the one whose
# weights are sharpest, that is, of the lowest entropy.)

# %%
def entropy(model: Attention) -> float:
    """Return the mean entropy of a model's attention weights in line, in nats."""
    return torch.special.entr(model.look(test[LINE].mosaics)[0]).sum(dim=1).mean().item()


with one_thread():
    for name, deep in KINDS.items():
        started = [
            Attention(2, deep=deep, seed=seed).train(train[LINE], seed=seed)
            for seed in range(1 if deep else 4)
        ]
        models[LINE, name] = min(started, key=entropy)
        _, _, logits = models[LINE, name].look(test[LINE].mosaics)
        accuracy[LINE, name] = share(logits.argmax(dim=1) == test[LINE].labels)

tested, model = test[LINE], models[LINE, "linear attention"]
weights, averages, logits = model.look(tested.mosaics)
odd = right_but_elsewhere(weights, tested.foreground_at, logits, tested.labels)
by_label = [share(odd[tested.labels == c]) for c in (0, 1)]
figure = plots.focus_regions(
    {LINE: view_of(LINE, model)},
    title=f"{accuracy[LINE, 'linear attention']:.0%} right, {focus_right(LINE, 'linear attention'):.0%} with the "
    f"focus on the foreground; right and looking elsewhere: {by_label[0]:.0%} of the mosaics of class 0, "
    f"{by_label[1]:.0%} of class 1",
)
plots.show(
    figure,
    alt="Left, the weight a tile would have at each place, rising towards one end of the line. Right, the weighted "
    "means: those of one label lie at that end, those of the other near the background.",
)
for c in (0, 1):
    rows = tested.labels == c
    place_of_mean = averages[rows].mean(dim=0)
    weight_of_foreground = weights[rows].gather(1, tested.foreground_at[rows, None]).mean()
    print(
        f"class {c}: mean weight of its tile {weight_of_foreground:.2f}; its weighted means lie around "
        f"x = {place_of_mean[0]:+.2f}, its points around x = {MEANS[LINE][c, 0]:+.1f}"
    )

right = logits.argmax(dim=1) == tested.labels
focused = weights.argmax(dim=1) == tested.foreground_at
print(
    f"FTPT {int((focused & right).sum())}, FFPT {int(odd.sum())}, "
    f"FTPF {int((focused & ~right).sum())}, FFPF {int((~focused & ~right).sum())}"
)

# %% [markdown]
# ### Exercise 8.8: how can that be?
#
# - **a** The weights are nearly equal, so it means nothing which of them is the largest.
# - **b** The test mosaics repeat training mosaics, and the network has learned their labels by heart.
# - **c** The classification network sees the three tiles as well, and finds the foreground by itself.
# - **d** The focus looks for one class only; if it finds none, the weighted mean stays with the background, and *that*
#   is what the other class looks like.
#
# What tells you so?
#
# 1. Nearly all the odd cases have one label, and the weighted means of that label lie near the background.
# 2. The share of odd cases is about one half, which is what guessing would give.
# 3. The accuracy is higher than a linear classifier of the plain mean could reach.

# %%
# Exercise 8.8 (1 point, 6 minutes, difficulty 3)
# q_elsewhere: one of "a", "b", "c", "d"; q_elsewhere_reason: 1, 2 or 3
q_elsewhere = ...
q_elsewhere_reason = ...

# %%
check("8.8")

# %% [markdown]
# The network does look at the tile that decides, whenever there is one. For the other class *nothing* decides: it is
# the answer by default, the dog that did not bark. Its tile has next to no weight, and the answer is right because of
# what attention did **not** find.
#
# (Not from every start. Here the plain mean would do as well, so the weights may also stay equal, and the entropy at
# $\log 3 = 1.10$. Mean entropies of linear attention's five runs in the ledger:)

# %%
print(
    ", ".join(
        f"{row.metrics['entropy']:.2f}"
        for row in ledger.read_rows("C7")
        if (row.setting, row.scale) == (f"{LINE}: linear attention", "full")
    )
)


# %% [markdown]
# Test your explanation by taking tiles away: exchange one for the mean of the background, and see whether the answer changes. Take
# the tile with the largest weight, or take the foreground.

# %%
def answers_without(place: str, model: Attention, which: Tensor) -> Tensor:
    """Return the predicted classes when tile `which[n]` of mosaic n is exchanged for the background's mean."""
    mosaics = test[place].mosaics.clone()
    mosaics[torch.arange(len(mosaics)), which] = MEANS[place][test[place].foreground :].mean(
        dim=0
    )
    return model.look(mosaics)[2].argmax(dim=1)


for name in KINDS:
    model = models[LINE, name]
    weights, _, logits = model.look(tested.mosaics)
    said = logits.argmax(dim=1)
    for c in (0, 1):
        rows = tested.labels == c
        lost = {
            "the tile with the largest weight": weights.argmax(dim=1),
            "the foreground": tested.foreground_at,
        }
        print(f"{name}, class {c}: another answer without", end=" ")
        print(
            "; without ".join(
                f"{what}: {share((answers_without(LINE, model, which) != said)[rows]):.0%}"
                for what, which in lost.items()
            )
        )

# %% [markdown]
# For one of its classes linear attention gives the same answer when the foreground is not there at all. It never
# needed it. (Deep attention finds both classes. But mosaics without any foreground are not in the data, and about these
# a network may say what it likes.)
#
# ### The same accuracy, another focus
#
# The next data have three classes as well, but for them the plain mean is not enough: both foreground classes lie
# above the background, *beside* each other. Deep attention, six times, from six random starts:

# %%
STARTS = 6
outcomes = []
with one_thread():
    for seed in range(STARTS):
        model = Attention(2, deep=True, seed=seed).train(train[BESIDE], seed=seed)
        weights, _, logits = model.look(test[BESIDE].mosaics)
        tested, on_it = test[BESIDE], weights.argmax(dim=1) == test[BESIDE].foreground_at
        of_each = [share(on_it[tested.labels == c]) for c in (0, 1)]
        outcomes.append((share(logits.argmax(dim=1) == tested.labels), share(on_it), of_each))
rights, focuses, by_class = zip(*outcomes)
figure = intervals(
    [
        f"start {seed}: class 0 {zero:.0%}, 1 {one:.0%}"
        for seed, (zero, one) in enumerate(by_class)
    ],
    {
        "class right": [(100 * value, 0) for value in rights],
        "focus on the foreground": [(100 * value, 0) for value in focuses],
    },
    title=f"From one start to another the accuracy differs by at most {100 * (max(rights) - min(rights)):.1f} points, "
    f"the focus by up to {100 * (max(focuses) - min(focuses)):.1f} (named with each start: foregrounds found, by class)",
    x_name="% of the test mosaics",
    reference=100,
)
plots.show(
    figure,
    alt="Accuracy and focus of six trainings that differ in their random start: "
    + "; ".join(f"{right:.0%} and {focus:.0%}" for right, focus, _ in outcomes),
)

# %% [markdown]
# Where the focus is low, it is low for *one* class. The ledger has more of it: deep attention on all data of the
# report's section 6, five seeds each, and on the tight clouds of its section 7 ($v = 0.01$).

# %%
runs = [
    (f"{row.key} {row.setting.removesuffix(': deep attention')}", row)
    for key in ("C7", "C8")
    for row in ledger.read_rows(key)
    if row.scale == "full" and (key == "C8" or row.setting.endswith("deep attention"))
]
spread = {}
for name, row in runs:
    spread.setdefault(name, []).append(
        (row.metrics["test_accuracy"], row.metrics["focus_accuracy"])
    )
unlike = [
    name
    for name, found in spread.items()
    if max(f for _, f in found) - min(f for _, f in found) > 0.1
]
lowest = min((f, right) for found in spread.values() for right, f in found)
Markdown(
    "| data | class right, each seed | focus right, each seed |\n| --- | --- | --- |\n"
    + "\n".join(
        f"| {name} | {', '.join(f'{100 * right:.0f}' for right, _ in found)} % "
        f"| {', '.join(f'{100 * focus:.0f}' for _, focus in found)} % |"
        for name, found in spread.items()
    )
    + f"\n\nIn {len(unlike)} of {len(spread)} kinds of data the focus differs by more than 10 points from start to "
    f"start. The lowest focus, {lowest[0]:.0%}, goes with {lowest[1]:.0%} right answers."
)

# %% [markdown]
# The low ones are about two thirds, where there are three foreground classes: two of them are looked for, and the
# third is the answer by default. It is the trick of *in line* again.
#
# The report says three things about attention: mosaics that are not linearly separable need it; separable ones do not,
# and only sometimes have good weights; and with three points, too, deep attention beats linear attention and networks
# without any, if the mosaics are not separable. Hold that against the ledger's runs:

# %%
mean_of = {(found.setting, found.metric): found for found in ledger.summary("C7")}


def in_percent(setting: str, metric: str = "test_accuracy") -> str:
    """Return mean and standard deviation over the seeds, if the ledger has them."""
    found = mean_of.get((setting, metric))
    return f"{100 * found.mean:.1f} ± {100 * found.sd:.1f}" if found else "–"


Markdown(
    "| data | "
    + " | ".join(f"{name}, %" for name in four)
    + " |"
    + "\n| --- | --- | --- | --- | --- |\n"
    + "\n".join(
        f"| {place} | " + " | ".join(in_percent(f"{place}: {name}") for name in four) + " |"
        for place in (NEAR, FAR, AMONG, BESIDE, LINE)
    )
)


# %% [markdown]
# With nine points the first holds: no classifier without attention reaches deep attention. With three it does not
# hold for our places: in *beside* a deep network on the six numbers is as good without any. Three places are few
# enough to be learned one by one. And *in line*, where the plain mean suffices, the deep focus was good and the linear
# one was not: "sometimes" indeed. But needing *some* attention is not needing the right one: the label only forces a
# network to look at all classes but one.
#
# ## 6. How far ahead must a score be?
#
# A weight depends on how far a score is ahead of the others. Let the others be equal, and one of $n$ tiles ahead by
# $d$:
#
# $$\alpha = \frac{e^d}{e^d + (n - 1)}$$
#
# ### Exercise 8.9: the lead
#
# Solve for $d$: by how much must a score be ahead for the weight $\alpha$?

# %%
# Exercise 8.9 (1 point, 6 minutes, difficulty 2)
def lead_for(weight: float, tiles: int) -> float:
    """Return the lead of one score over tiles - 1 equal ones that gives this attention weight, 0 < weight < 1."""
    raise NotImplementedError("Exercise 8.9")


# %%
check("8.9")

# %% [markdown]
# A focus can be right and yet too soft: the foreground has the largest weight, and still the mean is mostly
# background. Multiply all scores of a trained focus by a number $k$, and leave the classification network as it is.
# The order of the scores stays, so the largest weight stays where it is. Does the answer?

# %%
tested, model = test[NEAR], models[NEAR, "deep attention"]
factors = torch.tensor([0.0, 0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0])
right, weight_there, largest = [], [], []
for k in factors.tolist():
    weights, _, logits = attend(
        tested.mosaics, lambda x: k * model.focus(x).detach(), model.classify
    )
    right.append(share(logits.argmax(dim=1) == tested.labels))
    weight_there.append(weights.gather(1, tested.foreground_at[:, None]).mean().item())
    largest.append(share(weights.argmax(dim=1) == tested.foreground_at))
scores = model.focus(tested.mosaics.flatten(0, 1)).detach().view(-1, 9)
at = tested.foreground_at[:, None]
others = scores.scatter(1, at, -math.inf).logsumexp(dim=1) - math.log(8)
lead = float((scores.gather(1, at)[:, 0] - others).median())
figure = plots.lines(
    factors,
    {
        "class right": right,
        "largest weight on the foreground": largest,
        "mean weight of the foreground": weight_there,
    },
    title=f"{NEAR}: with scores at a quarter {right[2]:.0%} are right instead of {right[4]:.0%}, though the largest "
    f"weight is where it was. Half of the weight takes a lead of {lead_for(0.5, 9):.1f}, 99 % of it "
    f"{lead_for(0.99, 9):.1f}; the middle one here is {lead:.1f}",
    x_name="all scores times",
    y_name="share",
    limits=(0, 1.02),
)
plots.show(
    figure,
    alt="Accuracy, share of right focus and mean weight of the foreground against the factor on the scores: weight and "
    "accuracy rise up to about 1, the focus is level except at 0.",
)


# %% [markdown]
# So "the focus is right" says little without the weight that goes with it. At 0 all weights are equal, and the
# network sees the plain mean, which it was never trained on.
#
# ## 7. Where the loss pulls
#
# Why does a focus become right at all? Nobody tells it where the foreground is. Follow the loss of one mosaic
# backwards. Here with a linear classification network, logits $= Wz + b$, and the weights $\alpha$ taken as free
# numbers, without the softmax before them (that step is notebook 07's).
#
# ### Exercise 8.10: the gradient in the weights
#
# With $p$ the softmax of the logits, $y$ the one-hot label and $L = -\log p_\text{label}$ the loss of *one* mosaic,
# derive $\partial L / \partial \alpha_i$ for every mosaic. (Autograd is switched off here.)

# %%
# Exercise 8.10 (3 points, 15 minutes, difficulty 3)
def pull(mosaics: Tensor, weights: Tensor, W: Tensor, b: Tensor, labels: Tensor) -> Tensor:
    """Return each mosaic's own dL/dα, (N, tiles), from mosaics (N, tiles, 2), weights (N, tiles), W (K, 2), b (K,)."""
    raise NotImplementedError("Exercise 8.10")


# %%
check("8.10")

# %% [markdown]
# In the plane that is a picture. The gradient in $\alpha_i$ is $s \cdot x_i$, with one slope $s = W^\top (p - y)$ for
# all nine tiles: it is the same along straight lines. Through the softmax it becomes $\alpha_i\, s \cdot (x_i - z)$.
# So draw a line through the weighted mean, across the slope: descent raises the scores of **all** tiles on the downhill
# side of it, where $s \cdot x_i < s \cdot z$, and lowers the others. The loss does not know which tile is the foreground either. It pulls in a
# direction.

# %%
world = train[FAR]
start = Attention(3, deep=False, seed=1)
equal = torch.full((len(world.labels), 9), 1 / 9)
train_network(lambda x: start.classify(x.mean(dim=1)), [start.classify], world, seed=1, epochs=2)
W, b = start.classify.weight.detach(), start.classify.bias.detach()
gradient = pull(world.mosaics, equal, W, b, world.labels)
at_foreground = gradient.gather(1, world.foreground_at[:, None])[:, 0]
elsewhere = (gradient.sum(dim=1) - at_foreground) / 8

z = world.mosaics.mean(dim=1)
slopes = ((z @ W.T + b).softmax(dim=1) - F.one_hot(world.labels, 3)) @ W
pushes = torch.stack(
    [torch.from_numpy(raises_score(*each)) for each in zip(world.mosaics[:500], equal, slopes)]
)
up = pushes > 0
foreground_up = share(up.gather(1, world.foreground_at[:500, None]))
background_up = (up.sum() - up.gather(1, world.foreground_at[:500, None]).sum()).item() / (
    8 * len(up)
)
one = 0
figure = plots.focus_push(
    world.mosaics[one],
    equal[one],
    slopes[one],
    foreground_at=int(world.foreground_at[one]),
    title=f"One mosaic of class {int(world.labels[one])}: {int(up[one].sum())} of 9 scores rise. Over 500 "
    f"mosaics {foreground_up:.0%} of the foregrounds gain, and {background_up:.0%} of the background tiles",
)
plots.show(
    figure,
    alt="Nine points of a mosaic, their mean, and the half of the plane in which scores rise.",
)

# %% [markdown]
# One mosaic alone raises some of its background, too. But background tiles stand now on one side, now on the other,
# and a foreground of class $c$ always on the side of class $c$. Over many mosaics the pull on the background nearly
# cancels, and the one on the foreground adds up:

# %%
print(
    f"mean of dL/dα over all mosaics: along the foreground {at_foreground.mean():+.3f}, ", end=""
)
print(f"along each background tile {elsewhere.mean():+.3f}")

# %% [markdown]
# That is all there is to learning where to look.
#
# The report's section 7 follows just these two numbers through training: the mean of $\partial L/\partial\alpha$ along
# the foreground's one-hot vector, and along (1 - one-hot)/8, with tighter clouds ($v = 0.01$, 100 points a class).
# Here they are from the ledger, for deep attention on the course's places; a negative number means that weight *there*
# makes the loss smaller.

# %%
curves = {}
for row in ledger.read_rows("C8"):
    if row.scale == "full" and row.seed == 0 and row.setting != FAR:
        curves[f"foreground, {row.setting}"] = row.curves["foreground"]
        curves[f"background, {row.setting}"] = row.curves["background"]
epochs = range(len(next(iter(curves.values()))))
of_c8 = [row for row in ledger.read_rows("C8") if row.scale == "full"]
lows = [row.curves["foreground"].index(min(row.curves["foreground"])) for row in of_c8]
starts = [row.metrics["foreground_start"] for row in of_c8]
rest = max(abs(row.metrics["foreground_end"] / row.metrics["foreground_lowest"]) for row in of_c8)
figure = plots.lines(
    epochs,
    curves,
    title=f"The pull towards the foreground is strongest after {min(lows)} to {max(lows)} epochs, and falls below "
    f"{math.ceil(100 * rest)} % of that at the end ({len(of_c8)} runs; drawn: two of them)",
    x_name="epochs",
    y_name="mean derivative of the loss",
)
plots.show(
    figure,
    alt="Mean derivative of the loss along the foreground's weight and along the background's against epochs: the "
    "first falls well below zero and returns to it, the second stays near zero.",
)
print(
    f"before training the pull is chance: between {min(starts):+.2f} and {max(starts):+.2f} along the foreground"
)

# %%
pulls = {(found.setting, found.metric): found for found in ledger.summary("C8")}
columns = {
    "foreground, before": "foreground_start",
    "lowest": "foreground_lowest",
    "at the end": "foreground_end",
    "background, at the end": "background_end",
    "focus right": "focus_accuracy",
}
Markdown(
    "| data | "
    + " | ".join(columns)
    + " |"
    + "\n| --- "
    + "| --- " * len(columns)
    + "|\n"
    + "\n".join(
        f"| {place} | "
        + " | ".join(
            f"{pulls[place, name].mean:.3f} ± {pulls[place, name].sd:.3f}"
            for name in columns.values()
        )
        + " |"
        for place in (NEAR, FAR, AMONG)
    )
    + f"\n\nMeans ± standard deviations over {pulls[NEAR, 'foreground_end'].n} seeds; "
    "`course results show C8` has all of it."
)

# %% [markdown]
# The report's own curves are in a picture that is lost, and its text says nothing of what they show. But it remarks
# that weight learning "stops" once some good weights are found. Here you see why: the gradient has the factor
# $p - y$. When the answers are right, the loss hardly pulls at anything any more, **whatever the focus looks like by then**.
# In *among* it had all but stopped, in most of the runs, with a third of the foregrounds never looked at.
#
# ## 8. Watch it happen
#
# Deep attention on three kinds of data, from its random start on. Most of it happens in the first few epochs. Which
# classes does it come to look for? And where do the means of the others fall?

# %%
EPOCHS = [0, 1, 2, 3, 4, 6, 9, 12, 15, *pick(smoke=[], laptop=[25, 40], full=[25, 40])]
trainings = {}
with one_thread():
    for place in (AMONG, FAR, BESIDE):
        copies, tested = [], test[place]
        model = Attention(tested.foreground, deep=True, seed=3)

        def keep(epoch: int) -> None:
            if epoch in EPOCHS:
                copies.append((copy.deepcopy(model.focus), copy.deepcopy(model.classify)))

        model.train(train[place], seed=3, watch=keep)
        trainings[place] = FocusTraining(
            epochs=EPOCHS,
            networks=copies,
            points=tested.points,
            classes=tested.classes,
            mosaics=tested.mosaics[:300],
            labels=tested.labels[:300],
            foreground_at=tested.foreground_at[:300],
        )
focus_explorer(trainings)

# %% [markdown]
# ### Exercise 8.11: when is it an explanation?
#
# You have trained attention on data of your own, and 99 % of the test answers are right. Somebody asks *where* in the
# mosaic the class is, and you would like to show the weights. You may
#
# - **a** if they are nearly 0 and 1, for then the network has made up its mind
# - **b** if trainings from several starts agree on them, and on mosaics whose foreground is known they are on it
# - **c** always: with 99 % right answers the network must have looked at the right tile
# - **d** never: where attention looks has nothing to do with the answer
#
# Because:
#
# 1. weights that add up to 1 are probabilities, and say how probable each tile is to be the foreground;
# 2. the loss pulls at the weights only while answers are wrong: whatever focus makes them right is good enough for it;
# 3. a focus network sees single tiles, so that it cannot know the others.

# %%
# Exercise 8.11 (1 point, 5 minutes, difficulty 2)
# q_explain: one of "a", "b", "c", "d"; q_explain_reason: 1, 2 or 3
q_explain = ...
q_explain_reason = ...

# %%
check("8.11")

# %% [markdown]
# ## 9. What you have now
#
# - A linear classifier of a mosaic sees the plain mean of its tiles, and no more; how far it gets you can say without
#   training it.
# - A linear focus is a direction, and no direction looks all round. Where the classes lie decides whether that is
#   enough: the report's order of linear attention and deep network holds on one side, not around a ring.
# - Right answers with a wrong focus are no accident. All classes but one must be looked for; the last may be what is
#   left when nothing is found.
# - The loss pulls weight in a direction, not to a tile, and stops pulling when the answers are right.
# - A correction of the report: the classification network gets the weighted mean of the points, two numbers, not 18.
# - Attention says where a network looked. Whether that is *why* it answered, you have to test: take tiles away, train
#   again from another start, and compare with mosaics whose foreground you know.

# %%
progress("08")
