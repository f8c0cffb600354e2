"""Notebook 09, random labels: inputs, probes, typical mistakes and hints of its exercises.

Longer than other modules because it is content: twelve exercises, each in one place. Report 000, section 4;
erratum 14 (rows of its table 5 that repeat table 4) is taught beside exercise 9.12.
"""

from __future__ import annotations

from typing import Any

import torch

from course_utils.exercises.choice import choice
from course_utils.exercises.specification import (
    Exercise,
    Inputs,
    Mistake,
    Notebook,
    Variant,
    call_without_autograd,
)


def draw_labels(generator: torch.Generator) -> Inputs:
    """Draw labels of eight classes that are not equally frequent; no fraction of them is a whole number."""
    labels = torch.multinomial(torch.arange(1.0, 9.0), 6001, replacement=True, generator=generator)
    return {"labels": labels, "classes": 8, "seed": int(torch.randint(10_000, (1,), generator=generator))}


def draw_fraction(generator: torch.Generator) -> Inputs:
    """Draw a fraction above one half, and more than two classes."""
    return {
        "fraction": 0.55 + 0.3 * torch.rand(1, generator=generator).item(),
        "classes": int(torch.randint(4, 9, (1,), generator=generator)),
    }


def draw_matrices(generator: torch.Generator) -> Inputs:
    """Draw two noise matrices that are not symmetric and do not commute."""
    first, second = torch.rand(2, 4, 4, generator=generator) ** 3 + 0.02
    return {
        "first": first / first.sum(dim=1, keepdim=True),
        "second": second / second.sum(dim=1, keepdim=True),
    }


def draw_predictions(generator: torch.Generator) -> Inputs:
    """Draw given labels with some re-drawn ones that kept their class, and predictions right in all ways.

    No two of the four accuracies are alike, nor what comes of mixing up their parts.
    """
    true = torch.randint(5, (60,), generator=generator)
    corrupted = torch.zeros(60, dtype=torch.bool)
    corrupted[torch.randperm(60, generator=generator)[:24]] = True
    rows, others = corrupted.nonzero()[:, 0], (~corrupted).nonzero()[:, 0]
    given = true.clone()
    given[rows[5:]] = (true[rows[5:]] + 1) % 5  # five keep their class
    predicted = (true + 2) % 5
    predicted[rows[:2]] = true[rows[:2]]  # of these five two are right
    predicted[rows[5:12]] = given[rows[5:12]]  # seven memorised
    predicted[rows[12:21]] = true[rows[12:21]]  # nine right in truth
    predicted[others[:25]] = true[others[:25]]
    return {"predicted": predicted, "given": given, "corrupted": corrupted, "true": true}


def draw_group(generator: torch.Generator) -> Inputs:
    """Draw common logits and labels of a group; one class is most frequent, one does not occur."""
    labels = torch.tensor([3, 0, 3, 3, 1, 3, 4, 3, 0])
    return {
        "logits": 1.5 * torch.randn(6, generator=generator),
        "labels": labels[torch.randperm(9, generator=generator)],
    }


def draw_frequencies(generator: torch.Generator) -> Inputs:
    """Draw frequencies that add up to 1, one of them 0."""
    weights = 0.1 + torch.rand(5, generator=generator)
    weights[int(torch.randint(5, (1,), generator=generator))] += 2
    weights = torch.cat([weights, torch.zeros(1)])
    return {"frequencies": weights / weights.sum()}


def draw_table_row(generator: torch.Generator) -> Inputs:
    """Draw a row of a table whose corrupted share is not p, above it or below."""
    a, b, c, side = torch.rand(4, generator=generator, dtype=torch.float64).tolist()
    p, low, high = 0.2 + 0.2 * a, 0.08 + 0.04 * b, 0.5 + 0.2 * c
    share = p + (0.02 + 0.02 * a) * (1 if side < 0.5 else -1)
    return {
        "on_corrupted": low,
        "on_uncorrupted": high,
        "on_all": share * low + (1 - share) * high,
        "p": p,
        "n": 4000,
    }


def draw_confusion(generator: torch.Generator) -> Inputs:
    """Draw counts of classes that are not equally frequent, and a noise matrix that is not symmetric."""
    nxt = torch.eye(4).roll(1, dims=1)  # mistaken for the next class, and labelled as the next class
    size = torch.tensor([10.0, 40.0, 90.0, 25.0])[:, None]
    noise = torch.rand(2, 4, 4, generator=generator)
    confusion = (size * (0.2 * noise[0] + 2 * torch.eye(4) + 0.8 * nxt)).round()
    matrix = 0.02 + 0.2 * noise[1] + 0.8 * torch.eye(4) + 0.5 * nxt
    return {"confusion": confusion, "matrix": matrix / matrix.sum(dim=1, keepdim=True)}


def draw_noisy_accuracy(generator: torch.Generator) -> Inputs:
    """Draw an accuracy on noisy labels that belongs to a true one between .5 and .9."""
    a, f = torch.rand(2, generator=generator, dtype=torch.float64).tolist()
    accuracy, fraction = 0.5 + 0.4 * a, 0.3 + 0.15 * f
    return {
        "noisy_accuracy": (1 - fraction) * accuracy + fraction / 8,
        "fraction": fraction,
        "classes": 8,
        "n": 500,
    }


def probe_redraw(names: dict[str, Any], inputs: Inputs) -> Any:
    """Re-draw with several fractions and seeds; return what can be counted, not the labels themselves."""
    import torch

    labels, classes, seed = inputs["labels"], inputs["classes"], inputs["seed"]
    changed_in_place = False

    def once(seed: int, fraction: float, otherwise: int) -> Any:
        nonlocal changed_in_place
        mine = labels.clone()
        with torch.random.fork_rng(devices=[]):  # an answer that forgets the generator draws from here
            torch.default_generator.manual_seed(otherwise)
            answer = names["redraw"](mine, fraction, classes, torch.Generator().manual_seed(seed))
        changed_in_place = changed_in_place or not torch.equal(mine, labels)
        return answer

    answer = once(seed, 0.8, seed + 1)
    kinds = answer  # of a pair of tensors only their types and shapes, for a message about them
    if isinstance(answer, tuple | list):
        kinds = tuple(torch.zeros_like(part) if isinstance(part, torch.Tensor) else part for part in answer)
    expected = (torch.zeros_like(labels), torch.zeros_like(labels, dtype=torch.bool))
    if not (
        isinstance(kinds, tuple)
        and len(kinds) == 2
        and all(isinstance(part, torch.Tensor) for part in kinds)
        and all(
            (part.shape, part.dtype) == (wanted.shape, wanted.dtype)
            for part, wanted in zip(kinds, expected, strict=True)
        )
    ):
        return kinds, *[None] * 10
    given, corrupted = answer
    again, other = once(seed, 0.8, seed + 2), once(seed + 1, 0.8, seed + 1)
    numbers = [int(corrupted.sum()), *(int(once(seed, f, seed)[1].sum()) for f in (0.55, 0.3, 0.0, 1.0))]
    drawn, shift = given[corrupted], (given - labels)[corrupted] % classes
    shifts = torch.bincount(shift, minlength=classes).double()
    labels_drawn = torch.bincount(drawn.clamp(0, classes), minlength=classes + 1).double()
    # chi-square, seven degrees of freedom: below 0.05 by chance once in five million times
    scatter = min(float(((c - len(drawn) / classes) ** 2).sum()) for c in (shifts, labels_drawn[:classes]))
    scatter /= len(drawn) / classes
    position = corrupted.nonzero()[:, 0].double().mean() / len(labels)
    return (
        kinds,
        numbers,
        int((given != labels)[~corrupted].sum()),
        float((drawn == labels[corrupted]).double().mean()),
        labels_drawn / len(drawn),
        shifts / len(shift),
        bool(scatter > 0.05),
        float(position),
        torch.equal(given, again[0]) and torch.equal(corrupted, again[1]),
        torch.equal(corrupted, other[1]),
        changed_in_place,
    )


def probe_accuracies(names: dict[str, Any], inputs: Inputs) -> Any:
    """Measure the drawn labels, and labels of which none and all are corrupted."""
    import torch

    predicted, given, corrupted, true = inputs.values()
    measure = names["four_accuracies"]
    return (
        measure(predicted, given, corrupted, true),
        measure(predicted, true.clone(), torch.zeros_like(corrupted), true),
        measure(predicted, given, torch.ones_like(corrupted), true),
    )


EXERCISES = (
    Exercise(
        id="9.1",
        names=("redraw",),
        inputs=draw_labels,
        probe=probe_redraw,
        parts=(
            "what is returned",
            "number of corrupted rows for fractions 0.8, 0.55, 0.3, 0, 1 of 6001",
            "number of labels changed outside of the mask",
            "share of the corrupted rows that keep their label",
            "how often each label is drawn",
            "how often the new label is the true one plus 0, 1, 2, ...",
            "the counts of the labels vary as those of independent draws do",
            "mean place of the corrupted rows (0 first, 1 last)",
            "the same generator gives the same",
            "another generator gives the same rows",
            "the labels that were handed in are changed",
        ),
        rtol=0,
        atol=0.04,
        mistakes=(
            Mistake(
                "The true class is never drawn, so every re-drawn label is wrong. Drawn from *all* classes, one of K is "
                "the true one by luck.",
                {
                    "torch.randint(classes, (count,), generator=generator)": "(labels[rows] + torch.randint(1, classes, (count,), generator=generator)) % classes"
                },
            ),
            Mistake(
                "Some rows were chosen twice, so fewer than `round(fraction * N)` are re-drawn. Draw *different* rows: "
                "take the first ones of a random order (`torch.randperm`).",
                {
                    "torch.randperm(len(labels), generator=generator)[:count]": "torch.randint(len(labels), (count,), generator=generator)"
                },
            ),
            Mistake(
                "The labels that you were given are changed in place: nobody knows the true ones any more. Work on a "
                "copy, `labels.clone()`.",
                {"labels.clone()": "labels"},
            ),
            Mistake(
                "All re-drawn rows got one and the same label: draw as many labels as rows.",
                {"torch.randint(classes, (count,)": "torch.randint(classes, (1,)"},
            ),
            Mistake(
                "A coin for each row gives *about* the fraction. Asked are exactly `round(fraction * N)` rows.",
                {
                    "torch.randperm(len(labels), generator=generator)[:count]": "(torch.rand(len(labels), generator=generator) < fraction).nonzero()[:, 0]\n    count = len(rows)"
                },
            ),
            Mistake(
                "The mask leaves out the rows that were re-drawn and got their own label again. They are corrupted as "
                "well: nobody can tell them from the others by what happened to them.",
                {"corrupted[rows] = True": "corrupted = given != labels"},
            ),
            Mistake(
                "You shuffled the labels among the chosen rows, so frequent classes stay frequent. Each class must be "
                "drawn equally often.",
                {
                    "torch.randint(classes, (count,), generator=generator)": "labels[rows[torch.randperm(count, generator=generator)]]"
                },
            ),
            Mistake(
                "These are always the first rows. If the data are sorted, only some classes suffer: choose at random.",
                {"torch.randperm(len(labels), generator=generator)[:count]": "torch.arange(count)"},
            ),
            Mistake(
                "The generator is not used, so nobody can repeat your experiment: hand it on as `generator=generator`, "
                "both times.",
                {
                    "torch.randperm(len(labels), generator=generator)": "torch.randperm(len(labels))",
                    "(count,), generator=generator)": "(count,))",
                },
            ),
            Mistake(
                "You seed a generator of your own, so everybody gets the same labels, whatever generator is handed in: "
                "use `generator`.",
                {
                    "    count = round": "    generator = torch.Generator().manual_seed(0)\n    count = round",
                },
            ),
            Mistake(
                "The labels go round in turn, so each comes equally often to the very number. Independent draws do not: "
                "`torch.randint`.",
                {"torch.randint(classes, (count,), generator=generator)": "torch.arange(count) % classes"},
            ),
            Mistake(
                "`int` cuts off: of 6001 rows 80 % are 4800.8, so 4801. Use `round`.",
                {"round(fraction * len(labels))": "int(fraction * len(labels))"},
            ),
            Mistake(
                "The last class is never drawn: `torch.randint(classes, ...)` ends *before* `classes` already.",
                {"torch.randint(classes, (count,)": "torch.randint(classes - 1, (count,)"},
            ),
        ),
        variants=(
            Variant(
                "the order of random numbers, and torch.where",
                code="def redraw(labels, fraction, classes, generator):\n"
                "    order = torch.rand(len(labels), generator=generator).argsort().argsort()\n"
                "    corrupted = order < round(fraction * len(labels))\n"
                "    drawn = torch.randint(0, classes, labels.shape, generator=generator)\n"
                "    return torch.where(corrupted, drawn, labels), corrupted",
            ),
            Variant(
                "a random shift for each row",
                code="def redraw(labels, fraction, classes, generator):\n"
                "    rows = torch.randperm(len(labels), generator=generator)[: round(fraction * len(labels))]\n"
                "    shift = torch.zeros_like(labels)\n"
                "    shift[rows] = torch.randint(classes, rows.shape, generator=generator)\n"
                "    mask = torch.zeros(len(labels), dtype=torch.bool)\n"
                "    mask[rows] = True\n"
                "    return (labels + shift) % classes, mask",
            ),
        ),
        hints=(
            "A random order of all rows, of which you take the first ones, never takes a row twice. Then copy the labels, "
            "and put new ones into these rows.",
            "`rows = torch.randperm(len(labels), generator=generator)[:count]`; `given = labels.clone()`; `given[rows] = "
            "torch.randint(classes, (count,), generator=generator)`. The mask starts as zeros of dtype `torch.bool`.",
        ),
    ),
    Exercise(
        id="9.2",
        names=("redraw_matrix",),
        inputs=draw_fraction,
        mistakes=(
            Mistake(
                "That is noise which never draws the true class. A re-drawn label is the true one with probability 1/K, "
                "so more than 1 - f stay right.",
                {
                    "(1 - fraction) * torch.eye(classes) + fraction / classes": "(1 - fraction - fraction / (classes - 1)) * torch.eye(classes) + fraction / (classes - 1)"
                },
            ),
            Mistake(
                "The rows do not add up to 1: on the diagonal the share f/K that drew the true class is missing.",
                {
                    " + fraction / classes": " + fraction / classes * (1 - torch.eye(classes))",
                },
            ),
            Mistake(
                "That is the matrix of the re-drawn labels alone. The fraction 1 - f keeps its label.",
                {
                    "(1 - fraction) * torch.eye(classes) + fraction / classes": "torch.full((classes, classes), 1 / classes)"
                },
            ),
            Mistake(
                "Fraction and rest are exchanged: f of the labels are re-drawn, 1 - f stay.",
                {
                    "(1 - fraction) * torch.eye(classes) + fraction / classes": "fraction * torch.eye(classes) + (1 - fraction) / classes"
                },
            ),
            Mistake(
                "The re-drawn fraction is spread over K classes: each gets f/K.",
                {"+ fraction / classes": "+ fraction"},
            ),
            Mistake(
                "The rows add up to more than 1: only 1 - f of the labels are left as they are.",
                {"(1 - fraction) * torch.eye(classes)": "torch.eye(classes)"},
            ),
        ),
        variants=(
            Variant(
                "place by place",
                code="def redraw_matrix(fraction, classes):\n"
                "    T = torch.full((classes, classes), fraction / classes)\n"
                "    for i in range(classes):\n"
                "        T[i, i] = 1 - fraction * (classes - 1) / classes\n"
                "    return T",
            ),
            Variant(
                "a mixture",
                code="def redraw_matrix(fraction, classes):\n"
                "    return torch.lerp(torch.eye(classes), torch.ones(classes, classes) / classes, fraction)",
            ),
        ),
        hints=(
            "Two kinds of labels: 1 - f of them stay (which matrix is that?), and f are drawn from all classes alike.",
            "The identity times 1 - f, plus f/K everywhere.",
        ),
    ),
    Exercise(
        id="9.3",
        names=("noise_on_noise",),
        inputs=draw_matrices,
        mistakes=(
            Mistake(
                "That is the second noise before the first. From the true class i you come through the first matrix to "
                "k, then through the second to j: Σ_k A_ik B_kj.",
                {"first @ second": "second @ first"},
            ),
            Mistake(
                "Place by place you only count the labels that are drawn the same way twice. Between i and j lies *any* "
                "label k: sum over it.",
                {"first @ second": "first * second"},
            ),
            Mistake(
                "The mean is a coin that decides between the two kinds of noise. Here every label passes through both.",
                {"first @ second": "(first + second) / 2"},
            ),
            Mistake(
                "The first matrix is transposed: its rows are the true classes, where you start.",
                {"first @ second": "first.T @ second"},
            ),
            Mistake(
                "The second matrix is transposed: its rows are the labels that come out of the first.",
                {"first @ second": "first @ second.T"},
            ),
            Mistake(
                "The first noise is left out.",
                {"first @ second": "second.clone()"},
            ),
        ),
        variants=(
            Variant(
                "the sum over what lies between",
                code="def noise_on_noise(first, second):\n"
                "    return torch.einsum('ik,kj->ij', first, second)",
            ),
            Variant(
                "row by row",
                code="def noise_on_noise(first, second):\n"
                "    return torch.stack([(row[:, None] * second).sum(dim=0) for row in first])",
            ),
        ),
        hints=(
            "From i to j you pass through some label k, with probability A_ik first, then B_kj. What do you do with all "
            "possible k?",
            "Σ_k A_ik B_kj is a matrix product.",
        ),
    ),
    Exercise(
        id="9.4",
        names=("four_accuracies",),
        inputs=draw_predictions,
        probe=probe_accuracies,
        parts=("some corrupted", "none corrupted", "all corrupted"),
        mistakes=(
            Mistake(
                "The first two are exchanged: first the corrupted rows, then the others.",
                {
                    "share(right[corrupted]), share(right[~corrupted])": "share(right[~corrupted]), share(right[corrupted])"
                },
            ),
            Mistake(
                "On the corrupted rows the labels *as given* count. You compared with the true ones.",
                {"share(right[corrupted])": "share((predicted == true)[corrupted])"},
            ),
            Mistake(
                "The fourth is how many of the given labels are true: it says nothing about the network. Compare the "
                "predictions with the true labels.",
                {"share(predicted == true)": "share(given == true)"},
            ),
            Mistake(
                "Each part has its own number of rows: divide by that, not by all.",
                {
                    "of.float().mean().item() if len(of) else math.nan": "of.sum().item() / len(predicted) if len(of) else math.nan"
                },
            ),
            Mistake(
                "The corrupted rows are those of the mask. Some of them got their own label again, and count as well.",
                {
                    "    right = predicted == given\n": "    right = predicted == given\n    corrupted = given != true\n"
                },
            ),
            Mistake(
                "A part without rows has no accuracy: `math.nan`, not 0, which would say that everything is wrong.",
                {"if len(of) else math.nan": "if len(of) else 0.0"},
            ),
            Mistake(
                "*All* is not the mean of the two parts: they differ in size.",
                {"share(right)]": "(share(right[corrupted]) + share(right[~corrupted])) / 2]"},
            ),
            Mistake(
                "The true labels are known for all rows, not only for the uncorrupted ones.",
                {"share(predicted == true)": "share((predicted == true)[~corrupted])"},
            ),
            Mistake(
                "The first three need the labels as *given*; you used the true ones.",
                {"right = predicted == given": "right = predicted == true"},
            ),
        ),
        variants=(
            Variant(
                "sums over the mask",
                code="def four_accuracies(predicted, given, corrupted, true):\n"
                "    right = (predicted == given).double()\n"
                "    n, m = int(corrupted.sum()), int((~corrupted).sum())\n"
                "    on = float(right[corrupted].sum()) / n if n else float('nan')\n"
                "    off = float(right[~corrupted].sum()) / m if m else float('nan')\n"
                "    return on, off, float(right.mean()), float((predicted == true).double().mean())",
            ),
            Variant(
                "the mean of nothing is nan",
                code="def four_accuracies(predicted, given, corrupted, true):\n"
                "    hit = predicted.eq(given).float()\n"
                "    every = torch.ones_like(corrupted)\n"
                "    a, b, c = (hit[part].mean().item() for part in (corrupted, ~corrupted, every))\n"
                "    return [a, b, c, predicted.eq(true).float().mean().item()]",
            ),
        ),
        hints=(
            "`predicted == given` is True where the network says what the label says. Index it with the mask, and with "
            "`~` the mask.",
            "`right[corrupted].float().mean().item()`; the same with `~corrupted`; without an index; and "
            "`(predicted == true)`. The mean of no numbers is nan.",
        ),
    ),
    Exercise(
        id="9.5",
        names=("group_pull",),
        inputs=draw_group,
        probe=call_without_autograd,
        mistakes=(
            Mistake(
                "The sign: descent goes *against* the gradient. The loss rises with every logit but that of the label.",
                {"logits.softmax(dim=0) - frequencies": "frequencies - logits.softmax(dim=0)"},
            ),
            Mistake(
                "That is the sum over the group. The mean loss has the mean gradient.",
                {
                    "logits.softmax(dim=0) - frequencies": "len(labels) * (logits.softmax(dim=0) - frequencies)"
                },
            ),
            Mistake(
                "That is as if all had the most frequent label. The others pull as well, a little.",
                {
                    "F.one_hot(labels, len(logits)).float().mean(dim=0)": "F.one_hot(labels.mode().values, len(logits)).float()"
                },
            ),
            Mistake(
                "Logits are no probabilities: the softmax is missing.",
                {"logits.softmax(dim=0)": "logits"},
            ),
            Mistake(
                "The labels are missing: p alone would pull all logits down.",
                {" - frequencies": ""},
            ),
            Mistake(
                "These are counts. The mean over the group needs frequencies.",
                {".float().mean(dim=0)": ".float().sum(dim=0)"},
            ),
            Mistake(
                "There is a factor p too many. The derivative of -log p_y in z_k is p_k - [k = y].",
                {
                    "logits.softmax(dim=0) - frequencies": "logits.softmax(dim=0) * (logits.softmax(dim=0) - frequencies)"
                },
            ),
        ),
        variants=(
            Variant(
                "image by image",
                code="def group_pull(logits, labels):\n"
                "    p = torch.softmax(logits, 0)\n"
                "    total = torch.zeros_like(p)\n"
                "    for y in labels.tolist():\n"
                "        one = p.clone()\n"
                "        one[y] -= 1\n"
                "        total += one\n"
                "    return total / len(labels)",
            ),
            Variant(
                "bincount",
                code="def group_pull(logits, labels):\n"
                "    e = torch.exp(logits - logits.max())\n"
                "    return e / e.sum() - torch.bincount(labels, minlength=len(logits)) / len(labels)",
            ),
        ),
        hints=(
            "For one image the gradient of -log p_y in the logits is p - onehot(y). All images of the group have the same "
            "p. What is the mean of the one-hot vectors?",
            "`logits.softmax(dim=0) - F.one_hot(labels, len(logits)).float().mean(dim=0)`.",
        ),
    ),
    Exercise(
        id="9.6",
        names=("least_loss",),
        inputs=draw_frequencies,
        mistakes=(
            Mistake(
                "0 · log 0 is nan on a computer. A label that never occurs costs nothing: `torch.xlogy(q, q)` knows "
                "that.",
                {"-torch.xlogy(frequencies, frequencies).sum()": "-(frequencies * frequencies.log()).sum()"},
            ),
            Mistake(
                "The sign: a loss is not negative.",
                {"-torch.xlogy": "torch.xlogy"},
            ),
            Mistake(
                "That is in bits. The cross-entropy uses the natural logarithm: nats.",
                {
                    "-torch.xlogy(frequencies, frequencies).sum()": "-torch.xlogy(frequencies, frequencies).sum() / math.log(2)"
                },
            ),
            Mistake(
                "Divided by the number of classes: the frequencies are weights already, so the sum *is* the mean over the "
                "group.",
                {".sum()": ".mean()"},
            ),
            Mistake(
                "That is the loss on the most frequent label only. The others occur as well, each with its own loss "
                "-log q_k.",
                {"-torch.xlogy(frequencies, frequencies).sum()": "-frequencies.max().log()"},
            ),
            Mistake(
                "That is the loss of a network that knows nothing, log K. It can learn the frequencies.",
                {"-torch.xlogy(frequencies, frequencies).sum()": "torch.tensor(math.log(len(frequencies)))"},
            ),
            Mistake(
                "That is the share of errors, not the loss.",
                {"-torch.xlogy(frequencies, frequencies).sum()": "1 - frequencies.max()"},
            ),
            Mistake(
                "Each -log q_k has to be weighted with how often the label occurs, q_k.",
                {
                    "-torch.xlogy(frequencies, frequencies).sum()": "-frequencies[frequencies > 0].log().mean()"
                },
            ),
        ),
        variants=(
            Variant(
                "only what occurs",
                code="def least_loss(frequencies):\n"
                "    q = frequencies[frequencies > 0]\n"
                "    return -(q * torch.log(q)).sum()",
            ),
            Variant(
                "an entropy",
                code="def least_loss(frequencies):\n    return torch.special.entr(frequencies).sum()",
            ),
        ),
        hints=(
            "With p = q the label k costs -log q_k, and it occurs with frequency q_k.",
            "-Σ q_k log q_k over the labels that occur: `-torch.xlogy(q, q).sum()`.",
        ),
    ),
    choice(
        "9.7",
        "q_order",
        {
            "a": "At the start all labels have about the same loss, log 10. That the clean ones become *easy* is what "
            "has to be explained.",
            "b": "A few dozen epochs later the same network has learnt every one of them.",
            "d": "Each image comes once in every epoch, whatever its label.",
        },
        {
            1: "It can: in the end it fits all of them, also at 100 %. It only has to do so image by image.",
            3: "A smaller rate makes everything slower, both phases; in a long enough training the loss still falls "
            "below the floor.",
        },
        right="c",
        hints=(
            "Look at your `group_pull`: what is left of the labels, if all images of a class look alike to the network?",
            "And if the wrong labels of a class were all the same one: would they cancel?",
        ),
    ),
    Exercise(
        id="9.8",
        names=("implied_share",),
        inputs=draw_table_row,
        parts=("share", "deviations from p"),
        mistakes=(
            Mistake(
                "That is the share of the *un*corrupted labels. Solve all = s · corrupted + (1 - s) · uncorrupted for s.",
                {"share = (on_uncorrupted - on_all)": "share = (on_all - on_corrupted)"},
            ),
            Mistake(
                "You divided by the variance: the standard deviation is its root.",
                {"math.sqrt(p * (1 - p) / n)": "(p * (1 - p) / n)"},
            ),
            Mistake(
                "If the coin has the probability p, the deviation is that of p, not of the share that came out.",
                {"math.sqrt(p * (1 - p) / n)": "math.sqrt(share * (1 - share) / n)"},
            ),
            Mistake(
                "The sign: a share above p is a positive number of deviations.",
                {"(share - p)": "(p - share)"},
            ),
            Mistake(
                "That is the deviation of a single coin: the share among n varies √n times less.",
                {"math.sqrt(p * (1 - p) / n)": "math.sqrt(p * (1 - p))"},
            ),
            Mistake(
                "That is the distance in shares: divide by the standard deviation.",
                {"(share - p) / math.sqrt(p * (1 - p) / n)": "share - p"},
            ),
            Mistake(
                "The corrupted ones are not all wrong: what the difference of the two accuracies is shared into is "
                "uncorrupted minus corrupted.",
                {" / (on_uncorrupted - on_corrupted)": " / on_uncorrupted"},
            ),
        ),
        variants=(
            Variant(
                "a system of equations",
                code="def implied_share(on_corrupted, on_uncorrupted, on_all, p, n):\n"
                "    s = 1 - (on_all - on_corrupted) / (on_uncorrupted - on_corrupted)\n"
                "    return s, n * (s - p) / (n * p * (1 - p)) ** 0.5",
            ),
            Variant(
                "as tensors",
                code="def implied_share(on_corrupted, on_uncorrupted, on_all, p, n):\n"
                "    c, u, a = torch.tensor([on_corrupted, on_uncorrupted, on_all], dtype=torch.float64)\n"
                "    s = (a - u) / (c - u)\n"
                "    return s, (s - p) * math.sqrt(n / (p - p * p))",
            ),
        ),
        hints=(
            "Write the identity with s instead of p: all = s · corrupted + (1 - s) · uncorrupted, and collect s.",
            "s = (uncorrupted - all) / (uncorrupted - corrupted); then (s - p) / √(p (1 - p) / n).",
        ),
    ),
    Exercise(
        id="9.9",
        names=("expected_agreement",),
        inputs=draw_confusion,
        mistakes=(
            Mistake(
                "The matrix is transposed: an image of class i that is called j is right if its *label* is j, with "
                "probability T_ij. (C_ij T_ji would be something else; it comes soon.)",
                {"confusion * matrix": "confusion * matrix.T"},
            ),
            Mistake(
                "Only right answers on labels that stay are counted. A wrong answer agrees with the label, too, if the "
                "label has turned into it.",
                {"(confusion * matrix).sum()": "(confusion.diagonal() * matrix.diagonal()).sum()"},
            ),
            Mistake(
                "All classes count alike here, however many images they have. Divide the sum by the number of all images.",
                {
                    "(confusion * matrix).sum() / confusion.sum()": "(confusion / confusion.sum(dim=1, keepdim=True) * matrix).sum() / len(matrix)"
                },
            ),
            Mistake(
                "That is the expected *number* of right answers: divide by the number of images.",
                {" / confusion.sum()": ""},
            ),
            Mistake(
                "That is the accuracy on true labels: the noise is missing.",
                {"(confusion * matrix).sum()": "confusion.diagonal().sum()"},
            ),
            Mistake(
                "Accuracy times share of right labels assumes that a wrong answer never meets a wrong label, and that all "
                "classes are alike.",
                {
                    "(confusion * matrix).sum() / confusion.sum()": "confusion.diagonal().sum() / confusion.sum() * matrix.diagonal().mean()"
                },
            ),
            Mistake(
                "The number of images is the sum of the counts, not the number of classes.",
                {"/ confusion.sum()": "/ len(confusion)"},
            ),
        ),
        variants=(
            Variant(
                "image by image in the mean",
                code="def expected_agreement(confusion, matrix):\n"
                "    total = 0.0\n"
                "    for i in range(len(matrix)):\n"
                "        for j in range(len(matrix)):\n"
                "            total += float(confusion[i, j]) * float(matrix[i, j])\n"
                "    return total / float(confusion.sum())",
            ),
            Variant(
                "a trace",
                code="def expected_agreement(confusion, matrix):\n"
                "    return torch.trace(confusion.double() @ matrix.double().T) / confusion.double().sum()",
            ),
        ),
        hints=(
            "C_ij images are of class i and called j. With which probability is j also their label?",
            "Σ_ij C_ij T_ij, divided by the number of images: `(confusion * matrix).sum() / confusion.sum()`.",
        ),
    ),
    Exercise(
        id="9.10",
        names=("true_accuracy",),
        inputs=draw_noisy_accuracy,
        parts=("estimate", "standard error"),
        mistakes=(
            Mistake(
                "f/K of the answers are right by luck alone: subtract them first.",
                {"(noisy_accuracy - fraction / classes)": "noisy_accuracy"},
            ),
            Mistake(
                "Subtracted, and still to be divided by 1 - f: b - f/K = (1 - f) a.",
                {"classes) / (1 - fraction)": "classes)"},
            ),
            Mistake(
                "First subtract, then divide: b = (1 - f) a + f/K.",
                {
                    "(noisy_accuracy - fraction / classes) / (1 - fraction)": "noisy_accuracy / (1 - fraction) - fraction / classes"
                },
            ),
            Mistake(
                "The estimate is right. But whatever b is off by, the estimate is off by 1/(1 - f) times as much: the "
                "error is stretched as well.",
                {"error / (1 - fraction)": "error"},
            ),
            Mistake(
                "The error is that of b, the share that was *measured*, and not that of the estimate.",
                {
                    "math.sqrt(noisy_accuracy * (1 - noisy_accuracy) / n)": "math.sqrt(estimate * (1 - estimate) / n)"
                },
            ),
            Mistake(
                "The estimate is right. The error is that of b, the share that was measured, and it is stretched by "
                "1/(1 - f) as b is.",
                {
                    "math.sqrt(noisy_accuracy * (1 - noisy_accuracy) / n)": "math.sqrt(estimate * (1 - estimate) / n)",
                    "error / (1 - fraction)": "error",
                },
            ),
            Mistake(
                "Noise makes the error larger, not smaller: divide it by 1 - f.",
                {"error / (1 - fraction)": "error * (1 - fraction)"},
            ),
            Mistake(
                "That is for noise which never draws the true class. Re-drawn labels are drawn from all K classes.",
                {
                    "(noisy_accuracy - fraction / classes) / (1 - fraction)": "(noisy_accuracy - fraction / (classes - 1)) / (1 - fraction - fraction / (classes - 1))"
                },
            ),
        ),
        variants=(
            Variant(
                "a line and its slope",
                code="def true_accuracy(noisy_accuracy, fraction, classes, n):\n"
                "    slope, luck = 1 - fraction, fraction / classes\n"
                "    variance = noisy_accuracy * (1 - noisy_accuracy) / n\n"
                "    return (noisy_accuracy - luck) / slope, (variance / slope**2) ** 0.5",
            ),
            Variant(
                "all over a common denominator",
                code="def true_accuracy(noisy_accuracy, fraction, classes, n):\n"
                "    b, f, K = noisy_accuracy, fraction, classes\n"
                "    return (K * b - f) / (K * (1 - f)), math.sqrt(b - b * b) / (1 - f) / math.sqrt(n)",
            ),
        ),
        hints=(
            "Solve b = (1 - f) a + f/K for a. By how much does a change if b changes by 0.01?",
            "a = (b - f/K) / (1 - f), and the standard error of b is divided by 1 - f, too.",
        ),
    ),
    choice(
        "9.11",
        "q_flips",
        {
            "a": "B is wrong on every true label, but the flipped labels *are* the next class: there it agrees.",
            "c": "A says the true class, and only 1 - r of the labels are the true class.",
            "d": "B agrees with a label exactly where it was flipped, and that is with probability r.",
        },
        {
            1: "With flips above one half the *next* class is the more frequent label, and B gets the better mark.",
            3: "They choose the one with the better mark: compare 1 - r and r.",
        },
        right="b",
        hints=(
            "Of 100 labels, 100 r are the next class. How many does A agree with, how many B?",
            "Compare 1 - r with r. And re-drawn labels: how often is the true class the label, how often any other one?",
        ),
    ),
    Exercise(
        id="9.12",
        names=("q_count", "q_fraction", "q_images"),
        mistakes=(
            Mistake(
                "In points, please: .78 - .75 is 3 points of test accuracy.",
                values={"q_count": 0.03},
            ),
            Mistake(
                "That compares noise of 5 % with noise of 50 %. For the count of clean labels the *fraction* must stay: "
                "both tables at 5 %.",
                values={"q_count": 78 - 42},
            ),
            Mistake(
                "That is the number of clean labels more. Asked is what they bring, in points of test accuracy.",
                values={"q_count": 22_500},
            ),
            Mistake(
                "At p = 5 % more clean labels make the network better: table 4 minus table 5.",
                values={"q_count": -3},
            ),
            Mistake(
                "That is table 4, in which the number of clean labels falls as well. With 25 000 throughout it is table "
                "5.",
                values={"q_count": 3, "q_fraction": 78 - 42},
            ),
            Mistake(
                "In points, please, not as a share.",
                values={"q_count": 3, "q_fraction": 0.33},
            ),
            Mistake(
                "Asked is the *cost*, how many points it falls: a positive number.",
                values={"q_count": 3, "q_fraction": -33},
            ),
            Mistake(
                "80 % of *all* images are re-drawn, so the clean ones are 20 % of all.",
                values={"q_count": 3, "q_fraction": 33, "q_images": 45_000},
            ),
            Mistake(
                "The clean labels are the share 1 - p of all images, not the share p.",
                values={"q_count": 3, "q_fraction": 33, "q_images": 31_250},
            ),
            Mistake(
                "That is the number of re-drawn ones. In all there are the clean ones besides.",
                values={"q_count": 3, "q_fraction": 33, "q_images": 100_000},
            ),
        ),
        variants=(
            Variant(
                "as fractions",
                values={"q_count": (0.78 - 0.75) * 100, "q_fraction": 33.0, "q_images": 25_000 * 5},
            ),
        ),
        hints=(
            "For each question only one thing may change: first the number of clean labels at the same p, then p with the "
            "same number.",
            "78 - 75; 75 - 42; and if 20 % of all images are 25 000, how many are all?",
        ),
    ),
)

NOTEBOOK = Notebook(
    id="09",
    name="09_random_labels",
    title="Random labels",
    data=("mnist",),
    minutes={"smoke": 0.5, "laptop": 3, "full": 15},
    exercises=EXERCISES,
    withheld=("data.corruption", "evaluation.noise"),
)
