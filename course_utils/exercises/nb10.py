"""Notebook 10, systematic noise: inputs, probes, typical mistakes and hints of its exercises.

Longer than other modules because it is content: eleven exercises, each in one place. Report 000, sections 5
and 8; errata 15 (57 to 67 % and "able to learn": exercise 10.2) and 16 (noise from outside the classes: 10.1).
"""

from __future__ import annotations

import itertools
from typing import Any

import torch

from course_utils.exercises.choice import choice
from course_utils.exercises.specification import Exercise, Inputs, Mistake, Notebook, Variant


def draw_labels(generator: torch.Generator) -> Inputs:
    """Draw labels of six classes, of which three are kept, and a new label for every row."""
    labels = torch.randint(6, (12,), generator=generator)
    labels[:8] = torch.tensor([3, 0, 4, 1, 5, 2, 3, 2])
    drawn = torch.randint(3, (12,), generator=generator)
    # kept rows are drawn another label than their own, and the first draws are not those of the first corrupted
    drawn[:8] = torch.tensor([2, 1, 0, 2, 1, 0, 0, 1])
    return {"labels": labels, "keep": 3, "drawn": drawn}


def draw_counts(generator: torch.Generator) -> Inputs:
    """Draw numbers of test images, the larger the later the class: the kept ones have fewer than the others."""
    counts = (torch.randperm(30, generator=generator)[:7] * 10 + 100).sort().values
    return {"counts": counts, "keep": int(torch.randint(2, 4, (1,), generator=generator))}


def draw_regions(generator: torch.Generator) -> Inputs:
    """Draw as many regions as classes, so that a wrong dimension runs."""
    own = torch.randint(1, 9, (4, 4), generator=generator).float()
    others = torch.randint(2, 30, (4,), generator=generator).float()
    return {"own": own, "others": others}


def draw_votes(generator: torch.Generator) -> Inputs:
    """Draw a probability away from one half, and an odd number of votes."""
    return {
        "q": 0.55 + 0.3 * torch.rand(1, generator=generator).item(),
        "m": 5 + 2 * int(torch.randint(4, (1,), generator=generator)),
    }


def draw_networks(generator: torch.Generator) -> Inputs:
    """Draw three networks of three layers, with three points each so that a wrong axis runs."""
    sizes = (2, 4, 4, 3)
    return {
        "x": torch.randn(3, 3, 2, generator=generator),
        "weights": [torch.randn(3, i, o, generator=generator) for i, o in itertools.pairwise(sizes)],
        "biases": [torch.randn(3, o, generator=generator) for o in sizes[1:]],
    }


def draw_folds(generator: torch.Generator) -> Inputs:
    """Draw an order that is not its own inverse, of a number of examples that no fold divides."""
    order = torch.randperm(11, generator=generator)
    while torch.equal(order, order.argsort()):
        order = torch.randperm(11, generator=generator)
    return {"order": order, "folds": 4, "values": torch.rand(11, generator=generator)}


def draw_probabilities(generator: torch.Generator) -> Inputs:
    """Draw probabilities of four classes and labels, of which some are wrong; some examples reach nothing."""
    labels = torch.arange(24) % 4
    true = labels.clone()
    true[::5] = (true[::5] + 1) % 4
    scores = torch.randn(24, 4, generator=generator, dtype=torch.float64)
    scores[torch.arange(24), true] += torch.tensor([3.0, 2.0, 1.2, 2.5], dtype=torch.float64)[true]
    return {"probabilities": scores.softmax(dim=1), "labels": labels}


def draw_joint(generator: torch.Generator) -> Inputs:
    """Draw the same with thresholds; rows are fixed in which several classes are reached, one, and none.

    In the first rows the most probable class does not reach its threshold, but another one does.
    """
    inputs = draw_probabilities(generator)
    t = torch.tensor([0.7, 0.45, 0.3, 0.55], dtype=torch.float64)
    rows = torch.tensor(
        [
            [0.5, 0.05, 0.4, 0.05],  # 0 is the most probable, only 2 is reached
            [0.06, 0.46, 0.4, 0.08],  # 1 and 2 are reached
            [0.4, 0.3, 0.1, 0.2],  # none is reached
            [0.1, 0.05, 0.35, 0.5],  # 3 is the most probable, only 2 is reached
            [0.02, 0.46, 0.5, 0.02],  # 1 and 2 are reached, 2 is more probable
            [0.35, 0.25, 0.05, 0.35],  # none is reached
            [0.72, 0.08, 0.1, 0.1],  # as labelled
        ],
        dtype=torch.float64,
    )
    inputs["probabilities"][:7] = rows
    inputs["labels"][:7] = torch.tensor([0, 2, 1, 1, 1, 0, 0])
    return {**inputs, "t": t}


def draw_masks(generator: torch.Generator) -> Inputs:
    """Draw two masks with another number of rows each, of which some are in both."""
    found, wrong = (torch.rand(40, generator=generator) < share for share in (0.3, 0.5))
    found[:5] = torch.tensor([True, True, True, False, False])
    wrong[:5] = torch.tensor([True, True, False, True, True])
    if int(found.sum()) == int(wrong.sum()):
        wrong[3] = False
    return {"found": found, "wrong": wrong}


def probe_folds(names: dict[str, Any], inputs: Inputs) -> Any:
    """Judge by a network that returns what it was trained on: a mean, how many, and which row it judges."""
    import torch

    values, calls = inputs["values"], []

    def predict(train_rows: Any, other_rows: Any) -> Any:
        calls.append(
            (len(train_rows), len(other_rows), len(set(train_rows.tolist()) & set(other_rows.tolist())))
        )
        mean = values[train_rows].double().mean().expand(len(other_rows))
        return torch.stack([mean, other_rows.double()], dim=1)

    said = names["judged_by_others"](predict, inputs["order"], inputs["folds"])
    both = max((call[2] for call in calls), default=0)
    return said, len(calls), sum(call[1] for call in calls), both


def probe_joint(names: dict[str, Any], inputs: Inputs) -> Any:
    """Return the joint and the suspects for the drawn probabilities."""
    return names["confident_joint"](inputs["probabilities"], inputs["labels"], inputs["t"])


EXERCISES = (
    Exercise(
        id="10.1",
        names=("labels_from_outside",),
        inputs=draw_labels,
        parts=("given labels", "corrupted rows"),
        mistakes=(
            Mistake(
                "Classes 0 to keep - 1 are kept. The class number `keep` itself is one of the others: use >=.",
                {"labels >= keep": "labels > keep"},
            ),
            Mistake(
                "It is the other way round: the *kept* classes have lost their labels.",
                {"labels >= keep": "labels < keep"},
            ),
            Mistake(
                "Every label is drawn now. Those of the kept classes stay as they are.",
                {"torch.where(corrupted, drawn, labels)": "drawn.clone()"},
            ),
            Mistake(
                "Row n gets `drawn[n]`. You dealt out the first draws, one after another, to the corrupted rows.",
                code="def labels_from_outside(labels, keep, drawn):\n"
                "    corrupted = labels >= keep\n"
                "    given = labels.clone()\n"
                "    given[corrupted] = drawn[: int(corrupted.sum())]\n"
                "    return given, corrupted",
            ),
            Mistake(
                "The labels are right, and `labels` itself is changed as well: write into a copy, or use torch.where.",
                code="def labels_from_outside(labels, keep, drawn):\n"
                "    corrupted = labels >= keep\n"
                "    labels[corrupted] = drawn[corrupted]\n"
                "    return labels, corrupted",
            ),
            Mistake(
                "The second is a mask of the rows that *kept* their labels. Asked are the corrupted ones.",
                {"labels), corrupted": "labels), ~corrupted"},
            ),
            Mistake(
                "`labels % keep` is no draw: every 7 would get the same label, and that *is* a rule to be learnt.",
                {"torch.where(corrupted, drawn, labels)": "labels % keep"},
            ),
        ),
        variants=(
            Variant(
                "a copy",
                code="def labels_from_outside(labels, keep, drawn):\n"
                "    corrupted = ~torch.isin(labels, torch.arange(keep))\n"
                "    given = labels.clone()\n"
                "    given[corrupted] = drawn[corrupted]\n"
                "    return given, corrupted",
            ),
            Variant(
                "arithmetic",
                code="def labels_from_outside(labels, keep, drawn):\n"
                "    corrupted = labels.ge(keep)\n"
                "    return labels * (~corrupted) + drawn * corrupted, corrupted",
            ),
        ),
        hints=(
            "Which rows are corrupted? Those whose class is not kept. And what must happen in the others?",
            "`corrupted = labels >= keep`, and `torch.where(corrupted, drawn, labels)` makes a new tensor.",
        ),
    ),
    Exercise(
        id="10.2",
        names=("ceilings",),
        inputs=draw_counts,
        parts=("against true labels", "against given labels"),
        mistakes=(
            Mistake(
                "Classes need not have equally many test images: count images, not classes.",
                {"kept / every,": "keep / len(counts),"},
            ),
            Mistake(
                "The second is too low: the others' labels are drawn from the kept classes, so 1 in `keep` agrees by "
                "chance with what the classifier says.",
                {"(kept + (every - kept) / keep) / every": "kept / every"},
            ),
            Mistake(
                "Labels are drawn from the *kept* classes, so chance is 1/keep, not 1 over the number of all classes.",
                {"(every - kept) / keep": "(every - kept) / len(counts)"},
            ),
            Mistake(
                "You counted the kept images once with certainty and once more by chance: the part left to chance is "
                "only that of the others.",
                {"(every - kept) / keep": "every / keep"},
            ),
            Mistake(
                "The two are exchanged: true labels first.",
                {
                    "kept / every, (kept + (every - kept) / keep) / every": "(kept + (every - kept) / keep) / every, kept / every"
                },
            ),
            Mistake(
                "Against true labels chance helps nobody: the class of the others is never named.",
                {"kept / every,": "(kept + (every - kept) / keep) / every,"},
            ),
            Mistake(
                "These are numbers of images. An accuracy is their share of all test images.",
                {
                    "kept / every, (kept + (every - kept) / keep) / every": "kept, kept + (every - kept) / keep"
                },
            ),
            Mistake(
                "The classes that are kept are the *first* `keep` ones.",
                {"counts[:keep]": "counts[keep:]"},
            ),
        ),
        variants=(
            Variant(
                "shares",
                code="def ceilings(counts, keep):\n"
                "    p = (counts / counts.sum()).double()\n"
                "    own = p[:keep].sum()\n"
                "    return own, own + p[keep:].sum() / keep",
            ),
        ),
        hints=(
            "On the kept classes it is always right. On the others: what are the chances that its answer is the label, "
            "if that is the true one? And if it was drawn?",
            "With `kept` images of the kept classes of `every` one: kept / every, and (kept + (every - kept) / keep) / "
            "every.",
        ),
    ),
    Exercise(
        id="10.3",
        names=("posterior",),
        inputs=draw_regions,
        mistakes=(
            Mistake(
                "The others are left out. They carry labels of the kept classes, too: each gets its part of them.",
                {"own + others[:, None] / own.shape[1]": "own"},
            ),
            Mistake(
                "Each class gets *all* of the others. They are shared out among the classes.",
                {"others[:, None] / own.shape[1]": "others[:, None]"},
            ),
            Mistake(
                "The others of region r go with row r: give them a second axis, `others[:, None]`. (Without it the "
                "shapes fit here only because there are as many regions as classes.)",
                {"others[:, None]": "others"},
            ),
            Mistake(
                "These are expected numbers of points. Divide by their sum, and you have probabilities.",
                {"expected / expected.sum(dim=1, keepdim=True)": "expected"},
            ),
            Mistake(
                "The labels of a *region* add up to 1: sum over the classes, dim=1.",
                {"expected.sum(dim=1, keepdim=True)": "expected.sum(dim=0, keepdim=True)"},
            ),
            Mistake(
                "Divide by all points of the region, those of the others as well.",
                {"expected.sum(dim=1, keepdim=True)": "own.sum(dim=1, keepdim=True)"},
            ),
            Mistake(
                "A softmax takes numbers of points for logits. Counts are probabilities once they are divided by their "
                "sum.",
                {"expected / expected.sum(dim=1, keepdim=True)": "expected.softmax(dim=1)"},
            ),
        ),
        variants=(
            Variant(
                "a mixture of two distributions",
                code="def posterior(own, others):\n"
                "    n = own.sum(dim=1)\n"
                "    kept = own.shape[1]\n"
                "    noise = (others / (n + others)).unsqueeze(1)\n"
                "    return (1 - noise) * own / n.unsqueeze(1) + noise / kept",
            ),
            Variant(
                "region by region",
                code="def posterior(own, others):\n"
                "    rows = []\n"
                "    for mine, rest in zip(own, others):\n"
                "        expected = mine + rest / len(mine)\n"
                "        rows.append(expected / expected.sum())\n"
                "    return torch.stack(rows)",
            ),
        ),
        hints=(
            "How many points with the label k do you expect in the region: of class k itself, and of the others?",
            "`expected = own + others[:, None] / own.shape[1]`, divided by its sum over the classes.",
        ),
    ),
    choice(
        "10.4",
        "q_best",
        {
            "a": "Most labels are noise, but noise has no favourite: on average it adds 50 to both classes. The lead of "
            "class 1 stays.",
            "b": "55 of 107 is how often the *label* is 1, over all points of the region. The new point belongs to one "
            "of the two classes, so it is none of the 100.",
            "d": "The *counts* are given, and the others' labels are drawn without a look at the class: what they "
            "happened to get says nothing about the new point.",
        },
        {
            2: "P(label 1) counts the others, too. Of the points that belong to the two classes, 5 of 7 are of class 1.",
            3: "True of a classifier that must learn from labels. Here the counts are known, and the question is how "
            "good the best answer is.",
        },
        right="c",
        hints=(
            "The new point is one of the two classes. How many of the 107 points tell you something about those?",
            "Without the noise: 5 of 7. What do 100 points of other classes change about that?",
        ),
    ),
    Exercise(
        id="10.5",
        names=("majority_right",),
        inputs=draw_votes,
        mistakes=(
            Mistake(
                "How *many* ways are there to choose the k right ones of m? The binomial coefficient is missing.",
                {"math.comb(m, k) * ": ""},
            ),
            Mistake(
                "That is the probability of *exactly* the smallest majority. Larger ones count as well: add them up.",
                {"range(m // 2 + 1, m + 1)": "range(m // 2 + 1, m // 2 + 2)"},
            ),
            Mistake(
                "The case that all m are right is left out: the range ends before m + 1.",
                {"range(m // 2 + 1, m + 1)": "range(m // 2 + 1, m)"},
            ),
            Mistake(
                "m // 2 right ones of an odd m are fewer than half: begin at m // 2 + 1.",
                {"range(m // 2 + 1, m + 1)": "range(m // 2, m + 1)"},
            ),
            Mistake(
                "That is the probability that the majority is *wrong*.",
                {"q**k * (1 - q) ** (m - k)": "(1 - q)**k * q ** (m - k)"},
            ),
            Mistake(
                "That asks for all m to be right. More than half are enough.",
                {
                    "sum(math.comb(m, k) * q**k * (1 - q) ** (m - k) for k in range(m // 2 + 1, m + 1))": "q**m"
                },
            ),
            Mistake(
                "The others are wrong, each with probability 1 - q, m - k of them: that factor is missing.",
                {" * (1 - q) ** (m - k)": ""},
            ),
        ),
        variants=(
            Variant(
                "one vote after another",
                code="def majority_right(q, m):\n"
                "    chances = [1.0]\n"
                "    for _ in range(m):\n"
                "        chances = [(1 - q) * a + q * b for a, b in zip(chances + [0.0], [0.0] + chances)]\n"
                "    return sum(chances[m // 2 + 1 :])",
            ),
            Variant(
                "in tensors",
                code="def majority_right(q, m):\n"
                "    k = torch.arange(m + 1, dtype=torch.float64)\n"
                "    log = (torch.lgamma(torch.tensor(m + 1.0, dtype=torch.float64)) - torch.lgamma(k + 1) - torch.lgamma(m - k + 1)\n"
                "           + k * math.log(q) + (m - k) * math.log(1 - q))\n"
                "    return log.exp()[k > m / 2].sum()",
            ),
        ),
        hints=(
            "What is the probability that exactly k of m labels are right? For which k have the right ones the "
            "majority?",
            "Exactly k: `math.comb(m, k) * q**k * (1 - q) ** (m - k)`. Add up k = m // 2 + 1 to m.",
        ),
    ),
    Exercise(
        id="10.6",
        names=("many_networks",),
        inputs=draw_networks,
        mistakes=(
            Mistake(
                "After the last layer there is no ReLU: logits may be negative.",
                code="def many_networks(x, weights, biases):\n"
                "    for weight, bias in zip(weights, biases):\n"
                "        x = (x @ weight + bias[:, None]).relu()\n"
                "    return x",
            ),
            Mistake(
                "There is no ReLU at all: layers without one between them are a single linear layer.",
                {"if layer > 0:": "if False:"},
            ),
            Mistake(
                "Here the points themselves go through a ReLU: negative coordinates are lost. Begin with the linear layer.",
                {"if layer > 0:": "if True:"},
            ),
            Mistake(
                "The bias of network s belongs to all points of network s: give it an axis in the middle, "
                "`bias[:, None]`. (Without it the shapes fit here only because there are as many points as networks.)",
                {"bias[:, None]": "bias"},
            ),
            Mistake(
                "All networks have the weights of the first one.",
                {"x @ weight": "x @ weight[0]"},
            ),
            Mistake(
                "The biases are left out.",
                {" + bias[:, None]": ""},
            ),
            Mistake(
                "The points of all networks go through the first network's points: each has its own x[s].",
                {"    for layer,": "    x = x[:1].expand_as(x)\n    for layer,"},
            ),
        ),
        variants=(
            Variant(
                "baddbmm",
                code="def many_networks(x, weights, biases):\n"
                "    x = torch.baddbmm(biases[0].unsqueeze(1), x, weights[0])\n"
                "    for w, b in zip(weights[1:], biases[1:]):\n"
                "        x = torch.baddbmm(b.unsqueeze(1), F.relu(x), w)\n"
                "    return x",
            ),
            Variant(
                "one network after another",
                code="def many_networks(x, weights, biases):\n"
                "    logits = []\n"
                "    for s in range(len(x)):\n"
                "        h = x[s]\n"
                "        for l in range(len(weights)):\n"
                "            h = F.linear(h, weights[l][s].T, biases[l][s])\n"
                "            h = h.clamp(min=0) if l + 1 < len(weights) else h\n"
                "        logits.append(h)\n"
                "    return torch.stack(logits)",
            ),
            Variant(
                "einsum",
                code="def many_networks(x, weights, biases):\n"
                "    for l, (w, b) in enumerate(zip(weights, biases)):\n"
                "        x = torch.einsum('sni,sio->sno', x, w) + b.unsqueeze(1)\n"
                "        if l < len(weights) - 1:\n"
                "            x = torch.relu(x)\n"
                "    return x",
            ),
        ),
        hints=(
            "`x @ weight` multiplies matrix by matrix along the first axis: (S, N, in) @ (S, in, out) is (S, N, out). "
            "What shape must the bias have to be added to all N points of its network?",
            "`x = x @ weight + bias[:, None]`, with `x = x.relu()` before every layer but the first.",
        ),
    ),
    Exercise(
        id="10.7",
        names=("judged_by_others",),
        inputs=draw_folds,
        probe=probe_folds,
        parts=(
            "probabilities",
            "number of trainings",
            "rows that were judged",
            "rows trained on and judged at once",
        ),
        mistakes=(
            Mistake(
                "The rows are in the shuffled order: row n must belong to example n. `order.argsort()` undoes the "
                "shuffling.",
                {"[order.argsort()]": ""},
            ),
            Mistake(
                "`[order]` shuffles a second time. To undo a permutation, index with its inverse, `order.argsort()`.",
                {"[order.argsort()]": "[order]"},
            ),
            Mistake(
                "Every network was trained on *all* rows, those that it judges as well. So it judges labels that it knows "
                "by heart.",
                {"torch.cat([*parts[:k], *parts[k + 1 :]])": "order"},
            ),
            Mistake(
                "The network was trained on the part that it judges. Train on the other parts.",
                {"torch.cat([*parts[:k], *parts[k + 1 :]])": "part"},
            ),
            Mistake(
                "Trained on the parts *before* and after, but one too few: after part k comes k + 1.",
                {"parts[k + 1 :]": "parts[k + 2 :]"},
            ),
            Mistake(
                "Roles exchanged: the network is trained on the single part and judges the others.",
                code="def judged_by_others(predict, order, folds):\n"
                "    parts = order.tensor_split(folds)\n"
                "    total = 0\n"
                "    for k, part in enumerate(parts):\n"
                "        rest = torch.cat([*parts[:k], *parts[k + 1 :]])\n"
                "        said = predict(part, rest)\n"
                "        sums = torch.zeros(len(order), said.shape[1], dtype=said.dtype)\n"
                "        sums[rest] = said\n"
                "        total = total + sums / (folds - 1)\n"
                "    return total",
            ),
            Mistake(
                "The parts are cut from the rows as they stand, 0, 1, 2, ... Cut the shuffled `order`: data are often "
                "sorted by class.",
                {
                    "parts = order.tensor_split(folds)": "order = torch.arange(len(order))\n    parts = order.tensor_split(folds)"
                },
            ),
        ),
        variants=(
            Variant(
                "into an empty tensor",
                code="def judged_by_others(predict, order, folds):\n"
                "    result = None\n"
                "    for part in order.tensor_split(folds):\n"
                "        rest = order[~torch.isin(order, part)]\n"
                "        said = predict(rest, part)\n"
                "        if result is None:\n"
                "            result = torch.empty(len(order), said.shape[1], dtype=said.dtype)\n"
                "        result[part] = said\n"
                "    return result",
            ),
        ),
        hints=(
            "For part k: train on all parts but k, `torch.cat([*parts[:k], *parts[k + 1 :]])`, and judge part k. In which "
            "order do the rows come then?",
            "`torch.cat(said)` has the rows in the order `order`; `[order.argsort()]` puts them back. Or write "
            "`result[part] = predict(rest, part)`.",
        ),
    ),
    Exercise(
        id="10.8",
        names=("thresholds",),
        inputs=draw_probabilities,
        mistakes=(
            Mistake(
                "That is the mean over *all* examples. The yardstick of class j is taken where the label says j.",
                {"probabilities[labels == j, j].mean()": "probabilities[:, j].mean()"},
            ),
            Mistake(
                "You took the examples that the network *says* are j. The mean goes over those with the given label j.",
                {"labels == j": "probabilities.argmax(dim=1) == j"},
            ),
            Mistake(
                "That is how sure the network is of its own answer, whatever it is. Take the probability of j itself.",
                {
                    "probabilities[labels == j, j].mean()": "probabilities[labels == j].max(dim=1).values.mean()"
                },
            ),
            Mistake(
                "One threshold for all classes: each class needs its own.",
                {
                    "torch.stack([probabilities[labels == j, j].mean() for j in range(classes)])": "probabilities.gather(1, labels[:, None]).mean().expand(classes)"
                },
            ),
            Mistake(
                "The sum grows with the number of examples. Take their mean.",
                {"j].mean()": "j].sum()"},
            ),
            Mistake(
                "That is the median. Confident learning takes the mean.",
                {"j].mean()": "j].median()"},
            ),
        ),
        variants=(
            Variant(
                "a one-hot matrix",
                code="def thresholds(probabilities, labels):\n"
                "    onehot = F.one_hot(labels, probabilities.shape[1]).to(probabilities.dtype)\n"
                "    return (onehot * probabilities).sum(dim=0) / onehot.sum(dim=0)",
            ),
            Variant(
                "sums and counts",
                code="def thresholds(probabilities, labels):\n"
                "    own = probabilities.gather(1, labels[:, None])[:, 0]\n"
                "    classes = probabilities.shape[1]\n"
                "    return torch.bincount(labels, weights=own, minlength=classes) / torch.bincount(labels, minlength=classes)",
            ),
        ),
        hints=(
            "For one class j: which rows have the label j, and which column says how probable j is?",
            "`probabilities[labels == j, j].mean()` for each j, stacked.",
        ),
    ),
    Exercise(
        id="10.9",
        names=("confident_joint",),
        inputs=draw_joint,
        probe=probe_joint,
        parts=("confident joint", "suspects"),
        mistakes=(
            Mistake(
                "An example that reaches no threshold counts nowhere. Yours goes to the class 0, or to the most probable one.",
                {"counted = reached.any(dim=1)": "counted = torch.ones_like(labels, dtype=torch.bool)"},
            ),
            Mistake(
                "The most probable class need not have reached its threshold. Choose among those that *have*.",
                {"torch.where(reached, probabilities, -1.0).argmax(dim=1)": "probabilities.argmax(dim=1)"},
            ),
            Mistake(
                "Of several reached classes you take the one with the smallest number. Take the most probable of them.",
                {"torch.where(reached, probabilities, -1.0).argmax(dim=1)": "reached.int().argmax(dim=1)"},
            ),
            Mistake(
                "Transposed: the row is the *given* label, the column the class that the network is confident of.",
                {
                    "labels[counted] * classes + confident[counted]": "confident[counted] * classes + labels[counted]"
                },
            ),
            Mistake(
                "The suspects are those *off* the diagonal.",
                {"confident != labels": "confident == labels"},
            ),
            Mistake(
                "An example that reaches nothing is no suspect either.",
                {"counted & (confident != labels)": "confident != labels"},
            ),
            Mistake(
                "The suspects are those whose most probable class is not the label, whether it reaches its threshold or "
                "not. Use the confident class.",
                {"counted & (confident != labels)": "probabilities.argmax(dim=1) != labels"},
            ),
            Mistake(
                "The thresholds are not used: without them this is a confusion matrix.",
                {"reached = probabilities >= t": "reached = probabilities >= 0"},
            ),
        ),
        variants=(
            Variant(
                "one example after another",
                code="def confident_joint(probabilities, labels, t):\n"
                "    classes = len(t)\n"
                "    joint = torch.zeros(classes, classes, dtype=torch.int64)\n"
                "    suspects = torch.zeros(len(labels), dtype=torch.bool)\n"
                "    for n, (p, label) in enumerate(zip(probabilities.tolist(), labels.tolist())):\n"
                "        sure = [j for j in range(classes) if p[j] >= t[j]]\n"
                "        if sure:\n"
                "            j = max(sure, key=lambda c: p[c])\n"
                "            joint[label, j] += 1\n"
                "            suspects[n] = j != label\n"
                "    return joint, suspects",
            ),
            Variant(
                "one-hot matrices",
                code="def confident_joint(probabilities, labels, t):\n"
                "    masked = probabilities * (probabilities >= t)\n"
                "    best, j = masked.max(dim=1)\n"
                "    one_hot = F.one_hot(j, len(t)) * (best > 0)[:, None]\n"
                "    joint = F.one_hot(labels, len(t)).T @ one_hot\n"
                "    return joint, (j != labels) & (best > 0)",
            ),
        ),
        hints=(
            "First `reached = probabilities >= t`, (N, classes). How do you find the most probable class among the "
            "reached ones only? And which rows have none?",
            "`torch.where(reached, probabilities, -1.0).argmax(dim=1)` and `reached.any(dim=1)`. Count the pairs with "
            "`torch.bincount(labels * classes + confident, minlength=classes**2).view(classes, classes)`.",
        ),
    ),
    Exercise(
        id="10.10",
        names=("precision_recall",),
        inputs=draw_masks,
        parts=("precision", "recall"),
        mistakes=(
            Mistake(
                "The two are exchanged: precision is a share of what was *found*, recall of what is *wrong*.",
                {
                    "both / found.sum().item(), both / wrong.sum().item()": "both / wrong.sum().item(), both / found.sum().item()"
                },
            ),
            Mistake(
                "Found *and* wrong, not or.",
                {"found & wrong": "found | wrong"},
            ),
            Mistake(
                "That is how often the two masks agree. The many right labels that nobody suspects say nothing about the "
                "search: count found and wrong ones.",
                code="def precision_recall(found, wrong):\n"
                "    agree = (found == wrong).double().mean().item()\n"
                "    return agree, agree",
            ),
            Mistake(
                "Precision divides by the number of suspects, not by the number of all examples.",
                {"both / found.sum().item(),": "both / len(found),"},
            ),
            Mistake(
                "Recall divides by the number of wrong labels, not by the number of all examples.",
                {"both / wrong.sum().item()": "both / len(wrong)"},
            ),
        ),
        variants=(
            Variant(
                "means of a mask",
                code="def precision_recall(found, wrong):\n"
                "    return wrong[found].double().mean(), found[wrong].double().mean()",
            ),
        ),
        hints=(
            "How many examples are both found and wrong? Of what is that a share?",
            "`both = (found & wrong).sum()`; precision divides it by `found.sum()`, recall by `wrong.sum()`.",
        ),
    ),
    choice(
        "10.11",
        "q_limit",
        {
            "a": "More examples and a larger network make it *surer* of what most labels say, and here most of them say "
            "the next class.",
            "b": "Cross-validation sees to it that no network judges labels that it learnt. It finds plenty: look at the "
            "recall and the precision in the table.",
            "c": "At 40 % most labels are still right. Between 40 and 60 lies the majority, and a network says what most labels say.",
        },
        {
            2: "True, and no help here: what it did see is wrong in the same way.",
            3: "They adapt to how sure a network is, not to what it is sure *of*.",
        },
        right="d",
        hints=(
            "What does a network learn about a picture of a 3, if 60 % of such pictures are called 4?",
            "It says 4. And what does the search make of a 3 that is called 3?",
        ),
    ),
)

NOTEBOOK = Notebook(
    id="10",
    name="10_systematic_noise",
    title="Systematic noise, and finding wrong labels",
    data=("mnist",),
    minutes={"smoke": 0.5, "laptop": 3, "full": 6},
    exercises=EXERCISES,
    withheld=(
        "data.corruption",
        "evaluation.label_errors",
        "evaluation.noise",
        "experiments.confounded_noise",
        "experiments.label_search",
        "experiments.label_noise",
        "experiments.systematic_noise",
        "widgets.confounded",
    ),
)
