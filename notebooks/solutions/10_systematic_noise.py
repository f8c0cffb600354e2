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
# # Notebook 10: systematic noise
#
# Somebody sorts pictures of aeroplanes, cars and birds, and into the three boxes he also throws all his cats, deer, dogs,
# frogs, horses, ships and trucks, wherever they happen to land. Seven of ten pictures have a label that means nothing.
# A network then learns **every** label by heart, the meaningless ones as well. Does it still know a car when it sees
# one?
#
# You will make such labels, work out what the best possible answer is, watch twenty networks disagree, and at last
# write a search that finds wrong labels, and see where no search can find them.
#
# Fill in the cells that begin with `# Exercise`, run them, then run the check below each. Stuck?
# `hint("10.2", 1)` points the way, `hint("10.2", 2)` nearly gives the answer, `solution("10.2")` shows it.
# `progress()` shows where you are; `reset("10.2")` gives an empty cell back. Where a number is asked for, a Python
# number and a tensor of shape () both count, and `"B"` is as good as `"b"`.
#
# *The report* is L. N. Pandey and R. Vashisht, Research Summary (July 2020), sections 5 and 8. *Confident learning* is
# C. Northcutt, L. Jiang and I. Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels" (2021).

# %% tags=["setup"]
import course_utils  # first: it decides how torch's threads wait

import math

import torch
from IPython.display import Markdown
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils import plots
from course_utils.data import load
from course_utils.data.confounded import confounded_points
from course_utils.evaluation import ledger
from course_utils.evaluation.reported import read_reported
from course_utils.exercises import begin, check, hint, mine, progress, reset, solution
from course_utils.plots.votes import VoteMap, vote_maps
from course_utils.scale import pick
from course_utils.training.devices import one_thread
from course_utils.widgets.confounded import confounded_explorer

begin("10")

# %% [markdown]
# ## 1. Labels from outside
#
# The report takes all ten classes of CIFAR-10 and keeps the labels of three. Every image of another class gets a label
# drawn from these three. On MNIST it keeps two.
#
# It calls this noise "systematic" and says that it is *not random*. Look closely: the label of every single one of
# these images *is* drawn at random. Systematic is **which images** are hit: all those from outside the kept classes,
# and no others. So wrong labels and right ones never look alike, and that is what matters.
#
# ### Exercise 10.1: labels from outside
#
# Keep the labels below `keep`. Every other row gets the label that was drawn for it, `drawn[n]` in row `n`. Return the
# given labels and a mask of the rows that were corrupted. Leave `labels` as it is.


# %%
# Exercise 10.1 (2 points, 8 minutes, difficulty 1)
def labels_from_outside(labels: Tensor, keep: int, drawn: Tensor) -> tuple[Tensor, Tensor]:
    """Return given labels, int64 (N,), and the corrupted rows, bool (N,); labels and drawn are int64 (N,)."""
    ### BEGIN SOLUTION
    corrupted = labels >= keep
    return torch.where(corrupted, drawn, labels), corrupted
    ### END SOLUTION


# %%
check("10.1")

# %% [markdown]
# A test set knows nothing of all this: its labels are the true ones, of all ten classes. The network names only the
# classes that were kept, so on the others it is always wrong. How good can it be?
#
# There is a second way to test: give the test images labels **in the same way** as the training images. Then a wrong
# box is the right answer once in a while.
#
# ### Exercise 10.2: what can be right at most?
#
# A test set has `counts[c]` images of class $c$; the classes below `keep` keep their labels. A perfect classifier of the
# kept classes names all of their images right, and gives some kept class to every other image. Return the accuracy it
# has on all test images (1) against their **true** labels, and (2) expected against labels **given in the same way**,
# where each of the kept classes is drawn equally often.


# %%
# Exercise 10.2 (3 points, 12 minutes, difficulty 2)
def ceilings(counts: Tensor, keep: int) -> tuple[float, float]:
    """Return the two accuracies, from how many test images each class has, int64 (classes,)."""
    ### BEGIN SOLUTION
    kept, every = counts[:keep].sum().item(), counts.sum().item()
    return kept / every, (kept + (every - kept) / keep) / every
    ### END SOLUTION


# %%
check("10.2")

# %% [markdown]
# CIFAR-10 has 1000 test images of each class. MNIST has 980 zeros, 1135 ones and 7885 other digits.

# %%
cifar = ceilings(torch.full((10,), 1000), 3)
mnist = ceilings(torch.tensor([980, 1135, 7885]), 2)
for name, (against_true, against_given) in {"CIFAR-10": cifar, "MNIST": mnist}.items():
    print(
        f"{name}: at most {against_true:.4f} against true labels, {against_given:.4f} against given ones"
    )

# %% [markdown]
# So an accuracy of .23 on CIFAR-10 is not "below one in four". It is out of a possible .30. Divide by the ceiling, and
# you have the accuracy on the kept classes, the only one that says anything.

# %% [markdown]
# ## 2. How many right labels does it take?
#
# The report keeps $n$ images of the kept classes and *all* images of the others, and trains until every label is
# fitted. Here are its figures beside the ledger's, on CIFAR-10 (three classes kept) and MNIST (two).


# %%
def beside_the_report(key: str, model: str, ceiling: float) -> str:
    """Return a table of accuracies on the kept classes and on all test images; ours are mean ± deviation.

    Empty where neither the report nor the ledger has a figure.
    """
    ours = {(found.setting, found.metric): found for found in ledger.summary(key)}
    printed = {
        (said.setting, said.metric): f"{100 * said.value:.0f}"
        for said in read_reported(key)
        if said.value is not None and not said.versus
    }
    settings = [s for s in dict.fromkeys(s for s, _ in [*printed, *ours]) if s.startswith(model)]
    settings.sort(key=lambda name: int(name.rpartition("= ")[2]))

    def percent(setting: str, metric: str) -> str:
        found = ours.get((setting, metric))
        return f"{100 * found.mean:.1f} ± {100 * found.sd:.1f}" if found else "–"

    if not settings:
        return ""
    lines = [
        f"**{key}, {model}**",
        "",
        "| setting | kept classes, % | report | all, % | report |",
        "| --- " * 5 + "|",
    ]
    for s in settings:
        kept, every = printed.get((s, "test_kept"), "–"), printed.get((s, "test_all"), "–")
        lines.append(
            f"| {s} | {percent(s, 'test_kept')} | {kept} | {percent(s, 'test_all')} | {every} |"
        )
    lines += ["", f"All test images: at most {ceiling:.2%} can be right."]
    return "\n".join(lines)


Markdown(
    "\n\n".join(
        beside_the_report(key, model, ceiling)
        for key, model, ceiling in (
            ("D3", "mini-Inception", cifar[0]),
            ("D3", "CNN", cifar[0]),
            ("D4", "CNN", mnist[0]),
            ("D4", "mini-Inception", mnist[0]),
        )
    )
)

# %% [markdown]
# Every label is learnt by heart, most of them are meaningless, and the kept classes are known all the same. The more
# right labels there are, the better they are known. Try it yourself, small: zeros and ones keep their labels, all
# other digits get one of the two.


# %%
digits = load("mnist")
print(digits)
note = " (scikit-learn's digits in place of MNIST)" if digits.stand_in else ""


def pixels(images: Tensor) -> Tensor:
    """Return images (N, 1, 28, 28) as numbers around 0, (N, 196): 2x2 pixels averaged."""
    return 4 * (F.avg_pool2d(images.float() / 255, 2) - 0.2).flatten(1)


few = pick(smoke=1437, laptop=6000, full=20_000)
x, y = pixels(digits.train.images[:few]), digits.train.labels[:few]
x_test, y_test = pixels(digits.test.images), digits.test.labels


def train(
    x: Tensor, labels: Tensor, *, classes: int, seed: int, epochs: int, until_fitted: bool = False
) -> nn.Module:
    """Train a network of one hidden layer by Adam, in batches of 100, at most so many epochs."""
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = nn.Sequential(nn.Linear(x.shape[1], 200), nn.ReLU(), nn.Linear(200, classes))
    descent = torch.optim.Adam(model.parameters(), lr=0.003)
    for _ in range(epochs):
        for rows in torch.randperm(len(x), generator=generator).split(100):
            descent.zero_grad()
            F.cross_entropy(model(x[rows]), labels[rows]).backward()
            descent.step()
        if until_fitted and share(model(x).argmax(dim=1) == labels) == 1:
            break
    return model.requires_grad_(False)


def share(right: Tensor) -> float:
    """Return the share of True."""
    return right.double().mean().item()


# %%
KEEP, SEEDS = 2, pick(smoke=2, laptop=3, full=3)
own, outside = (y < KEEP).nonzero()[:, 0], (y >= KEEP).nonzero()[:, 0]
outside = outside[: pick(smoke=200, laptop=4000, full=10_000)]
sizes = [
    n
    for n in pick(smoke=(6, 30, 200), laptop=(30, 100, 300, 1000), full=(30, 100, 300, 1000))
    if n <= len(own)
]
on_kept, on_all, fitted = [], [], []
is_kept = y_test < KEEP
with one_thread():
    for n in sizes:
        kept_right, all_right = [], []
        for seed in range(SEEDS):
            generator = torch.Generator().manual_seed(seed)
            rows = torch.cat([own[torch.randperm(len(own), generator=generator)[:n]], outside])
            drawn = torch.randint(KEEP, (len(rows),), generator=generator)
            given, corrupted = labels_from_outside(y[rows], KEEP, drawn)  # yours
            network = train(
                x[rows], given, classes=KEEP, seed=seed, epochs=350, until_fitted=True
            )
            fitted.append(share(network(x[rows]).argmax(dim=1) == given))
            right = network(x_test).argmax(dim=1) == y_test
            kept_right.append(share(right[is_kept]))
            all_right.append(share(right))
        on_kept.append(sum(kept_right) / SEEDS)
        on_all.append(sum(all_right) / SEEDS)

ceiling = ceilings(y_test.bincount(minlength=10), KEEP)[0]
figure = plots.lines(
    sizes,
    {
        "zeros and ones": on_kept,
        "all test images": on_all,
        "all: at most": [ceiling] * len(sizes),
    },
    title=f"{len(outside)} digits with meaningless labels, {min(fitted):.0%} or more of all labels fitted: with "
    f"{sizes[0]} right ones {on_kept[0]:.0%} of zeros and ones are known, with {sizes[-1]} {on_kept[-1]:.0%}{note}",
    x_name="right labels n",
    y_name="test accuracy",
    log_x=True,
    limits=(0, 1.02),
)
plots.show(
    figure,
    alt="Test accuracy on zeros and ones rises with the number of right labels; accuracy on all test images stays "
    "below its ceiling.",
)

# %% [markdown]
# There is no rule behind the labels of the other digits, so no network can learn one. Yet zeros and ones *have* a rule,
# and it survives beside hundreds of labels without any. Why, and why does $n$ matter?
#
# ## 3. The best possible answer
#
# Cut the space of images into small regions, so small that a classifier gives one answer in each. In a region lie
# `own[k]` training points of each kept class $k$, and `others` from outside. You draw a point there: which label does it
# have?
#
# ### Exercise 10.3: the label of a point
#
# Return the probability of each given label in each region, when labels of the others are drawn uniformly from the
# kept classes.


# %%
# Exercise 10.3 (2 points, 10 minutes, difficulty 2)
def posterior(own: Tensor, others: Tensor) -> Tensor:
    """Return P(label | region), (regions, kept), from float own (regions, kept) and others (regions,)."""
    ### BEGIN SOLUTION
    expected = own + others[:, None] / own.shape[1]
    return expected / expected.sum(dim=1, keepdim=True)
    ### END SOLUTION


# %%
check("10.3")

# %%
kinds = {
    "alone": ([8.0, 0.0], 0.0),
    "a few others": ([8.0, 0.0], 8.0),
    "many others": ([8.0, 0.0], 72.0),
    "others only": ([0.0, 0.0], 72.0),
}
found = posterior(
    torch.tensor([own for own, _ in kinds.values()]),
    torch.tensor([others for _, others in kinds.values()]),
)
for name, (p0, p1) in zip(kinds, found.tolist()):
    print(
        f"8 points of class 0, {name}: P(0) = {p0:.2f}, P(1) = {p1:.2f}"
        if name != "others only"
        else f"{name}: {p0:.2f}, {p1:.2f}"
    )

# %% [markdown]
# Where the true points lie alone, the answer is clear. Where others lie among them, it becomes less certain. Where
# others lie alone, every answer is as good as any, and nothing can be known.
#
# ### Exercise 10.4: what is the best answer worth?
#
# In a region lie 2 points of class 0, 5 of class 1 and 100 others, all labelled as above. A new point of this region
# belongs to one of the two classes. You know these counts. Then
#
# - **a** nothing can be said about its class, because nearly all labels there are noise
# - **b** class 1 is the better answer, but only just: with the noise you expect to be right in 55 of 107 cases
# - **c** class 1 is the better answer, and right as often as without the noise
# - **d** the better answer depends on which labels the 100 others happened to get
#
# Because:
#
# 1. each class gets the same number of others on average, so noise moves neither which class leads nor what the new
#    point is;
# 2. the probability of the label 1 is 55/107 there, and that is the probability that the new point is of class 1;
# 3. a classifier can only learn from the labels, and these are drawn.


# %%
# Exercise 10.4 (1 point, 6 minutes, difficulty 3)
# q_best: one of "a", "b", "c", "d"; q_best_reason: 1, 2 or 3
### BEGIN SOLUTION
q_best = "c"
q_best_reason = 1
### END SOLUTION

# %%
check("10.4")

# %% [markdown]
# So noise from outside takes nothing from the **best possible** classifier: it is the same one with noise as without.
# If the two classes can be told apart, it is right every time, however many others there are.
#
# But nobody is given the counts. A network is given one set of labels, and noise makes each of them a poorer witness.
# Say a single label near the place you ask about is right with probability $q$, and $m$ labels (an odd number) vote.
#
# ### Exercise 10.5: a vote of noisy labels
#
# Return the probability that more than half of $m$ independent labels are right.


# %%
# Exercise 10.5 (3 points, 12 minutes, difficulty 2)
def majority_right(q: float, m: int) -> float:
    """Return the probability that the majority of m labels, m odd, is right; each is with probability q."""
    ### BEGIN SOLUTION
    return sum(math.comb(m, k) * q**k * (1 - q) ** (m - k) for k in range(m // 2 + 1, m + 1))
    ### END SOLUTION


# %%
check("10.5")

# %%
votes = [1, 3, 5, 9, 15, 25, 45, 85, 165]
shares_right = {n: (n + 120) / (n + 240) for n in (30, 60, 120)}
figure = plots.lines(
    votes,
    {
        f"{n} points among 240 others: q = {q:.2f}": [majority_right(q, m) for m in votes]
        for n, q in shares_right.items()
    },
    title=f"One label alone is right in {shares_right[30]:.0%} to {shares_right[120]:.0%} of all cases; of "
    f"{votes[-1]} labels the majority is right in {majority_right(shares_right[30], votes[-1]):.0%} to "
    f"{majority_right(shares_right[120], votes[-1]):.0%}",
    x_name="labels that vote, m",
    y_name="majority is right",
    log_x=True,
    limits=(0.5, 1.01),
)
plots.show(
    figure,
    alt="The probability that the majority is right rises with the number of votes, faster where single labels are "
    "better.",
)

# %% [markdown]
# Here is why $n$ matters. A classifier that repeats the nearest label has $m = 1$. One that looks at a wider place hears
# more witnesses, as long as the class is the same there. More points of the kept classes mean better witnesses, and
# more of them. Which of the two is a network that has learnt every label by heart?
#
# ## 4. Twenty networks in the plane
#
# The report's section 8 asks that in the plane: $n$ points of two classes, 240 points of eight others, labels 0 or 1.
# Its points are in a picture that is lost, so the places are ours: ten classes on three by three squares. The two
# classes share the square in the *corner* or in the *center*, where a straight line separates them; or they are half
# *moons* in the corner.
#
# One network would tell you what *it* does at a place. To see what the **data** say there, train many. They are small, so
# train all of them at once: give every tensor a first axis, one entry per network.
#
# ### Exercise 10.6: many networks at once
#
# Network $s$ has the weights `weights[l][s]` (inputs, outputs) and the biases `biases[l][s]` in layer $l$, and its own
# points `x[s]`. Between layers there is a ReLU, after the last one there is none.


# %%
# Exercise 10.6 (3 points, 15 minutes, difficulty 2)
def many_networks(x: Tensor, weights: list, biases: list) -> Tensor:
    """Return logits (S, N, classes) from x (S, N, 2), weights (S, inputs, outputs) and biases (S, outputs)."""
    ### BEGIN SOLUTION
    for layer, (weight, bias) in enumerate(zip(weights, biases)):
        if layer > 0:
            x = x.relu()
        x = x @ weight + bias[:, None]
    return x
    ### END SOLUTION


# %%
check("10.6")


# %%
def train_many(x: Tensor, labels: Tensor, *, steps: int, hidden: int = 48) -> tuple[list, list]:
    """Train one network for each x[s], labels[s] by Adam, all points at each step; return weights and biases."""
    generator, sizes = torch.Generator().manual_seed(0), [2, hidden, hidden, 2]
    weights, biases = [], []
    for inputs, outputs in zip(sizes, sizes[1:]):
        start = torch.randn(len(x), inputs, outputs, generator=generator) * math.sqrt(2 / inputs)
        weights.append(start.requires_grad_())
        biases.append(torch.randn(len(x), outputs, generator=generator).requires_grad_())
    descent = torch.optim.Adam([*weights, *biases], lr=0.01)
    for _ in range(steps):
        descent.zero_grad()
        logits = many_networks(x, weights, biases)  # yours
        # the sum over networks: each has the gradient that it would have alone
        loss = F.cross_entropy(logits.flatten(0, 1), labels.flatten()) * len(x)
        loss.backward()
        descent.step()
    return [w.detach() for w in weights], [b.detach() for b in biases]


NETWORKS, STEPS = 20, pick(smoke=200, laptop=1500, full=1500)
NUMBERS = pick(smoke=(30, 120), laptop=(30, 60, 90, 120), full=(30, 60, 90, 120))


def draw_many(shape: str, n: int, noise: int) -> list:
    """Return one set of points for each network."""
    return [
        confounded_points(shape, n, noise, generator=torch.Generator().manual_seed(seed))
        for seed in range(NETWORKS)
    ]


def standard(points: Tensor) -> Tensor:
    """Move the nine squares around 0, and enlarge them."""
    return 2 * (points - 1)


across = torch.linspace(-0.7, 2.7, 50)
places = torch.cartesian_prod(across, across)  # (2500, 2)
maps, learnt = {}, {}
with one_thread():
    for shape in ("corner", "center", "moons"):
        for n in NUMBERS:
            drawn = draw_many(shape, n, 240)
            inputs = standard(torch.stack([d.points for d in drawn]))
            labels = torch.stack([d.labels for d in drawn])
            trained = train_many(inputs, labels, steps=STEPS)
            said = many_networks(inputs, *trained).argmax(dim=2) == labels
            tested = torch.stack([d.points for d in draw_many(shape, 200, 0)])
            known = torch.stack([d.labels for d in draw_many(shape, 200, 0)])
            right = (
                many_networks(standard(tested), *trained).argmax(dim=2) == known
            )  # (networks, 200)
            everywhere = standard(places).expand(NETWORKS, -1, -1)
            ones = (many_networks(everywhere, *trained).argmax(dim=2) == 1).double().mean(dim=0)
            learnt[shape, n] = {"train": share(said), "test": right.double().mean(dim=1)}
            maps[f"{shape}, n = {n}"] = VoteMap(
                votes=ones.reshape(50, 50).T,
                points=drawn[0].points[:n],
                labels=drawn[0].labels[:n],
            )

# %%
low, high = (
    sum(learnt[s, n]["test"].mean().item() for s in ("corner", "center", "moons")) / 3
    for n in (30, 120)
)
fits = sum(each["train"] for each in learnt.values()) / len(learnt)
figure = vote_maps(
    maps,
    extent=(-0.7, 2.7, -0.7, 2.7),
    columns=len(NUMBERS),
    title=f"{NETWORKS} networks, each with points of its own, vote for class 1. They fit {fits:.0%} of their labels, "
    f"and know {low:.0%} of other points of the two classes at n = 30, {high:.0%} at n = 120",
)
plots.show(
    figure,
    alt="Share of networks that vote for class 1 at each place, for three shapes and two numbers of points: agreement "
    "where the two classes lie, disagreement elsewhere.",
)

# %% [markdown]
# Read the maps as a poll. Full colour: all networks agree, so the *data* speak there. Pale: they disagree, so each one
# repeats what its own noise happened to say. The two classes are known, and the rest of the plane is a matter of chance.
# Nobody sees that in a single network: it is **sure** nearly everywhere.
#
# Now the report's figures. It trained on *corner* data, and says that it tested on classes 0 and 1 alone: 57, 61, 66 and
# 67 % for $n$ = 30, 60, 90, 120. With two classes a coin has 50 %, so that is next to nothing, and yet the report
# concludes that the model "is able to learn". What could explain both? You have the function for it. Take a test
# set with the same share of others as the training set, *labelled in the same way*, and a network that knows the two
# classes:

# %%
ours = {(found.setting, found.metric): found for found in ledger.summary("D5")}
report = {(said.setting, said.metric): said for said in read_reported("D5") if not said.versus}


def percent(setting: str, metric: str) -> str:
    """Return mean ± deviation over the seeds, if the ledger has them."""
    found = ours.get((setting, metric))
    return f"{100 * found.mean:.1f} ± {100 * found.sd:.1f}" if found else "–"


rows, gaps = [], []
for n in (30, 60, 90, 120):
    counts = torch.tensor([n // 2, n // 2] + [30] * 8)
    expected = 100 * ceilings(counts, 2)[1]  # yours
    said = report[f"corner, n = {n}", "test_accuracy"]
    gaps.append(abs(said.value - expected))
    rows.append(
        f"| {n} | {said.printed} | {expected:.1f} | {percent(f'corner, n = {n}', 'test_all_accuracy')} "
        f"| {percent(f'corner, n = {n}', 'test_accuracy')} |"
    )
Markdown(
    '| n | report: "test accuracy" | your ceiling, labels given in the same way, % | ours, tested so, % '
    "| ours, classes 0 and 1 alone, % |\n| --- | --- | --- | --- | --- |\n"
    + "\n".join(rows)
    + f"\n\nFrom the report's figures to the ceiling it is {max(gaps):.1f} points at most."
)

# %% [markdown]
# The report's four figures lie close to what a network gets that **knows the two classes and guesses at the rest**. So it
# looks as if they had been measured on a test set with noise, whatever the text says. Measured on classes 0 and 1,
# our networks are far better: "able to learn" is right, and the figures given for it say something else.
#
# There is one more explanation, and you can test it as well. If the others lay **on top** of the two classes, a classifier
# that repeats the nearest label would have just the same accuracy on classes 0 and 1: a single witness is right with
# $q = (n + 120)/(n + 240)$. The ledger has that case, too, in the last two rows here:

# %%
Markdown(
    "| data | train accuracy, % | classes 0 and 1, % | without noise, % |\n| --- | --- | --- | --- |\n"
    + "\n".join(
        f"| {shape}, n = {n} | "
        + " | ".join(
            percent(f"{shape}, n = {n}", metric)
            for metric in ("train_accuracy", "test_accuracy", "no_noise_accuracy")
        )
        + " |"
        for shape, numbers in (
            ("corner", (30, 60, 90, 120)),
            ("center", (30, 60, 90, 120)),
            ("moons", (30, 60, 90, 120)),
            ("on top", (30, 120)),
        )
        for n in numbers
    )
    + "\n\nMeans ± standard deviations over 20 seeds, each with points, labels and start of its own. The networks "
    "without noise took a fifth of the steps.\n\nOn top, a single witness is right in "
    + " and ".join(f"{shares_right[n]:.1%} (n = {n})" for n in (30, 120))
    + " of all cases."
)

# %% [markdown]
# On top of the two classes our networks leave many labels unfitted. So they hear more than one witness at a time, and do
# better than a single one; the more labels a network fits there, the less it can. From the numbers alone nobody
# can tell for certain which of the two explanations is true. That is what plots and test sets are for: keep them, and
# say exactly what was tested.
#
# Turn up the noise yourself. Twenty networks vote again, 60 points of the two classes and 0 to 480 others:

# %%
confounded_explorer()

# %% [markdown]
# ## 5. Finding wrong labels
#
# Noise from outside cannot be recognised as noise by a network that has only two names. With ten names, and some labels
# wrong, it can: a picture of a 7 with the label 2 stands out. Plant some wrong labels, forget where, and search.

# %%
RATE = 0.2
generator = torch.Generator().manual_seed(10)
away = torch.randint(1, 10, y.shape, generator=generator)
is_wrong = torch.rand(y.shape, generator=generator) < RATE
given = torch.where(is_wrong, (y + away) % 10, y)
print(f"{int(is_wrong.sum())} of {len(y)} labels are wrong now")

# %% [markdown]
# The first idea: train, and look where the loss is largest. But train long enough, and the network knows all labels by
# heart, the wrong ones too. It must never have seen the label that it judges. So split the data into parts, and let each
# part be judged by a network that was trained on the others.
#
# ### Exercise 10.7: judged by others
#
# `predict(train_rows, other_rows)` trains a new network on the first rows and returns its probabilities for the other
# ones, `(len(other_rows), classes)`. Shuffled rows come in `order`. Cut them into `folds` parts (`order.tensor_split`),
# and return one row of probabilities for **every** example, in the order of the *data*: row $n$ belongs to example $n$.


# %%
# Exercise 10.7 (3 points, 15 minutes, difficulty 3)
def judged_by_others(predict, order: Tensor, folds: int) -> Tensor:
    """Return out-of-sample probabilities (N, classes) of all examples; order is a permutation, int64 (N,)."""
    ### BEGIN SOLUTION
    parts = order.tensor_split(folds)
    said = [
        predict(torch.cat([*parts[:k], *parts[k + 1 :]]), part) for k, part in enumerate(parts)
    ]
    return torch.cat(said)[order.argsort()]
    ### END SOLUTION


# %%
check("10.7")

# %%
EPOCHS, LONG = pick(smoke=20, laptop=20, full=20), pick(smoke=100, laptop=100, full=100)


def after(epochs: int):
    """Return a function that trains on some rows for so many epochs and judges other ones."""

    def predict(train_rows: Tensor, other_rows: Tensor) -> Tensor:
        network = train(x[train_rows], given[train_rows], classes=10, seed=1, epochs=epochs)
        return network(x[other_rows]).double().softmax(dim=1)

    return predict


everything = torch.arange(len(y))
order = torch.randperm(len(y), generator=generator)
with one_thread():
    by_others = judged_by_others(after(EPOCHS), order, 4)
    by_others_long = judged_by_others(after(LONG), order, 4)
    by_itself, by_itself_long = (after(n)(everything, everything) for n in (EPOCHS, LONG))
by_heart = share(by_itself_long.argmax(dim=1) == given)


def found_by_loss(probabilities: Tensor, labels: Tensor, count: int) -> Tensor:
    """Return a mask of so many examples with the smallest probability of their label, the largest loss."""
    confidence = probabilities.gather(1, labels[:, None])[:, 0]
    found = torch.zeros(len(labels), dtype=torch.bool)
    found[confidence.argsort()[:count]] = True
    return found


planted = int(is_wrong.sum())
counts_to_try = [round(planted * part) for part in (0.1, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0)]
recall_of = {
    name: [(found_by_loss(p, given, k) & is_wrong).sum().item() / planted for k in counts_to_try]
    for name, p in {
        f"judged by others, {EPOCHS} epochs": by_others,
        f"judged by others, {LONG} epochs": by_others_long,
        f"by the network that learnt them, {EPOCHS} epochs": by_itself,
        f"by the network that learnt them, {LONG} epochs": by_itself_long,
    }.items()
}
among_largest = [found[4] for found in recall_of.values()]
figure = plots.lines(
    counts_to_try,
    recall_of | {"by chance": [k / len(y) for k in counts_to_try]},
    title=f"Of {planted} wrong labels, after {LONG} epochs the {planted} largest losses hold {among_largest[1]:.0%} if "
    f"others judge, {among_largest[3]:.0%} if the network learnt them itself: it fits {by_heart:.0%} of all{note}",
    x_name="examples looked at, largest loss first",
    y_name="share of the wrong labels found",
    limits=(0, 1.02),
)
plots.show(
    figure,
    alt="Share of wrong labels found against the number of examples looked at: highest out of sample, lower in sample.",
)

# %% [markdown]
# After a few epochs it hardly matters who judges: a network learns what most labels agree on first, and its own wrong
# labels only later. But nobody tells you when to stop, and others can judge at any time.
#
# A list in order of loss says where to look first. It does not say where to **stop**, for nobody tells you how many labels
# are wrong. And classes are not alike: for an easy one .7 is little, for a hard one much. *Confident learning* measures
# each class by its own yardstick. The threshold of class $j$ is how sure the network is of $j$ on average where the
# label says $j$:
#
# $$t_j = \frac{1}{|X_j|} \sum_{x \in X_j} \hat p(j \mid x), \qquad X_j = \{x \text{ with the given label } j\}$$
#
# ### Exercise 10.8: a yardstick for each class


# %%
# Exercise 10.8 (2 points, 8 minutes, difficulty 2)
def thresholds(probabilities: Tensor, labels: Tensor) -> Tensor:
    """Return t (classes,) from probabilities (N, classes) and given labels, int64 (N,); every class is given."""
    ### BEGIN SOLUTION
    classes = probabilities.shape[1]
    return torch.stack([probabilities[labels == j, j].mean() for j in range(classes)])
    ### END SOLUTION


# %%
check("10.8")

# %% [markdown]
# An example is **confidently** of class $j$ if its probability of $j$ reaches $t_j$. If several classes are reached, the
# most probable of *these* counts; if none is, the example counts nowhere. The *confident joint* counts
#
# $$C_{ij} = \#\{\text{examples with the given label } i \text{ that are confidently of class } j\}$$
#
# On its diagonal label and evidence agree. Off the diagonal they do not: there are the suspects.
#
# ### Exercise 10.9: the confident joint
#
# Return $C$ and a mask of the suspects.


# %%
# Exercise 10.9 (3 points, 18 minutes, difficulty 3)
def confident_joint(probabilities: Tensor, labels: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    """Return C, int64 (classes, classes), and the suspects, bool (N,); t (classes,) are the thresholds."""
    ### BEGIN SOLUTION
    reached = probabilities >= t
    confident = torch.where(reached, probabilities, -1.0).argmax(dim=1)
    counted = reached.any(dim=1)
    classes = len(t)
    pairs = labels[counted] * classes + confident[counted]
    joint = torch.bincount(pairs, minlength=classes**2).view(classes, classes)
    return joint, counted & (confident != labels)
    ### END SOLUTION


# %%
check("10.9")

# %% [markdown]
# How good is a search? **Precision**: of the suspects, how many are wrong? **Recall**: of the wrong ones, how many are
# suspects?
#
# ### Exercise 10.10: precision and recall


# %%
# Exercise 10.10 (1 point, 5 minutes, difficulty 1)
def precision_recall(found: Tensor, wrong: Tensor) -> tuple[float, float]:
    """Return precision and recall of found, bool (N,), against wrong, bool (N,); neither is empty."""
    ### BEGIN SOLUTION
    both = (found & wrong).sum().item()
    return both / found.sum().item(), both / wrong.sum().item()
    ### END SOLUTION


# %%
check("10.10")

# %%
joint, suspects = confident_joint(by_others, given, thresholds(by_others, given))
precision, recall = precision_recall(suspects, is_wrong)
off = joint.sum() - joint.diagonal().sum()
names = [str(digit) for digit in range(10)]
figure = plots.heat_map(
    joint,
    row_labels=names,
    column_labels=names,
    number_format=".0f",
    value_name="examples",
    row_name="given label",
    column_name="confident class",
    title=f"Confident joint: {int(off)} of {int(joint.sum())} lie off the diagonal. {int(suspects.sum())} suspects, "
    f"precision {precision:.0%}, recall {recall:.0%}{note}",
)
plots.show(
    figure, alt="Confident joint of ten digits: counts of given label against confident class."
)

# %% [markdown]
# Nobody told the search how many labels are wrong. Now the test that matters: leave the suspects out, train again, and
# measure on a clean test set. Beside it the two extremes, all labels and none of the wrong ones.

# %%
GAINS = pick(smoke=3, laptop=5, full=5)
choices = {
    "all labels": torch.ones_like(is_wrong),
    "without suspects": ~suspects,
    "without wrong ones": ~is_wrong,
}
right_on_test = {name: [] for name in choices}
with one_thread():
    for seed in range(GAINS):
        for name, kept in choices.items():
            network = train(x[kept], given[kept], classes=10, seed=seed, epochs=LONG)
            right_on_test[name].append(share(network(x_test).argmax(dim=1) == y_test))
figures_of = {
    name: torch.tensor(values, dtype=torch.float64) for name, values in right_on_test.items()
}
gain = figures_of["without suspects"] - figures_of["all labels"]
for name, values in figures_of.items():
    print(f"{name:20} {values.mean():.1%} ± {values.std():.1%}")
print(f"gain: {100 * gain.mean():+.1f} ± {100 * gain.std():.1f} points, {GAINS} starts{note}")

# %% [markdown]
# The ledger has the same on 2000 images of MNIST, with three draws of wrong labels each, beside **cleanlab**, the
# library of the method's authors, on the same probabilities: once with its own `confident_learning`, which is what you
# wrote, once with its default. *Pair flips* turn some labels into the next digit: 0 into 1, 1 into 2, and so on.

# %%
x1 = {(found.setting, found.metric): found for found in ledger.summary("X1")}


def mean_sd(setting: str, metric: str, sign: str = "") -> str:
    """Return mean ± deviation in percent, if the ledger has them."""
    found = x1.get((setting, metric))
    return (
        f"{100 * found.mean:{sign}.1f} ± {100 * found.sd:.1f}"
        if found and math.isfinite(found.mean)
        else "–"
    )


noises = list(dict.fromkeys(setting for setting, _ in x1))
searches = {
    "yours": "",
    "largest loss, as many": "loss_",
    "cleanlab, same method": "cleanlab_",
    "cleanlab's default": "cleanlab_default_",
}
Markdown(
    "| wrong labels | "
    + " | ".join(f"{name}: precision, recall" for name in searches)
    + " |\n"
    + "| --- " * (1 + len(searches))
    + "|\n"
    + "\n".join(
        f"| {noise} | "
        + " | ".join(
            f"{mean_sd(noise, f'{s}precision')}, {mean_sd(noise, f'{s}recall')}"
            for s in searches.values()
        )
        + " |"
        for noise in noises
    )
    + "\n\n| wrong labels | test, all labels | without suspects | without wrong ones | gain |\n| --- | --- | --- | --- | --- |\n"
    + "\n".join(
        f"| {noise} | "
        + " | ".join(mean_sd(noise, m) for m in ("with_all", "without_found", "without_wrong"))
        + f" | {mean_sd(noise, 'gain', '+')} |"
        for noise in noises
    )
)

# %% [markdown]
# Your search and cleanlab's are the same method on the same numbers, and agree. Confident learning is not always the best
# order, though:

# %%
for noise in noises:
    both = [x1.get((noise, f"{s}recall")) for s in ("", "loss_", "in_sample_")]
    if all(both):
        confident, by_loss, in_sample = (100 * found.mean for found in both)
        print(
            f"{noise} wrong: of as many suspects each, confident learning finds {confident:.0f} % of the wrong labels, the "
            f"largest loss {by_loss:.0f} %; the largest loss in sample {in_sample:.0f} %"
        )

# %% [markdown]
# Where every wrong label is equally likely, the plain loss can be the better order. The joint tells what a mere order
# cannot: how many to look at, and which class is taken for which.
#
# ## 6. What no search finds
#
# Look at the last row of both tables: there the gain turns into a loss. And look here: give your search the noise that this notebook began with. Ten
# digits, all but zeros and ones with a label of these two.

# %%
drawn = torch.randint(KEEP, y.shape, generator=torch.Generator().manual_seed(3))
from_outside, is_outside = labels_from_outside(y, KEEP, drawn)


def predict_outside(train_rows: Tensor, other_rows: Tensor) -> Tensor:
    """The same with the labels from outside, and two names."""
    network = train(x[train_rows], from_outside[train_rows], classes=KEEP, seed=1, epochs=EPOCHS)
    return network(x[other_rows]).double().softmax(dim=1)


with one_thread():
    of_two = judged_by_others(predict_outside, order, 4)
_, suspects_outside = confident_joint(of_two, from_outside, thresholds(of_two, from_outside))
precision_outside, recall_outside = precision_recall(suspects_outside, is_outside)
print(
    f"{int(is_outside.sum())} of {len(y)} labels are from outside. Suspects: {int(suspects_outside.sum())}; precision "
    f"{precision_outside:.0%}, recall {recall_outside:.0%}{note}"
)

# %% [markdown]
# Nearly everything that is found is wrong: how could it not be, nearly everything *is* wrong. But most of it is not found.
# For a 7 there is no right name among the two, so it is labelled no more wrongly as a 0 than as a 1, and what the search
# calls a suspect is only a 7 whose label differs from the next network's guess.
#
# ### Exercise 10.11: the limit
#
# In a data set 60 % of the labels of every class are turned into the next class. A network is trained on it with
# cross-validation. A search by confident learning
#
# - **a** finds the wrong ones, if the network is large enough and each class has enough examples
# - **b** finds nothing, because wrong labels are learnt by heart
# - **c** finds as many as at 40 %, because it needs no more than a ranking
# - **d** takes the right labels for the wrong ones
#
# Because:
#
# 1. out of sample a network says what most labels say, and here most of them agree on the next class;
# 2. the network never saw the labels that it judges;
# 3. the thresholds are means over each class, so they adapt to any amount of noise.

# %%
# Exercise 10.11 (1 point, 5 minutes, difficulty 2)
# q_limit: one of "a", "b", "c", "d"; q_limit_reason: 1, 2 or 3
### BEGIN SOLUTION
q_limit = "d"
q_limit_reason = 1
### END SOLUTION

# %%
check("10.11")

# %% [markdown]
# ## 7. What you have now
#
# - Noise from outside the classes moves no best answer. It makes every label a poorer witness, so $n$ matters.
# - An accuracy on all test images has a ceiling below 1 when not all classes can be named; know it before you judge.
# - Two corrections of the report. Its systematic noise *is* drawn at random, from outside the classes. And its 57 to
#   67 % on two classes agree with a network that knows both, tested on a noisy test set.
# - Many networks show what one hides: where they agree the data speak, where they do not it is the noise.
# - Wrong labels are found by somebody who never saw them, with a yardstick for each class; leaving them out helps.
# - No search sees an error that most labels agree on, nor a name that nobody offers.

# %%
progress("10")
