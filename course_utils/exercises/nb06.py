"""Notebook 06, how much focus a classifier needs: inputs, probes, typical mistakes and hints of its exercises.

Longer than other modules because it is content: fourteen exercises, each in one place. Report 000, sections
3.2, 3.3 and 9; erratum 10 (parameters printed as weights, two largest values of alpha) is taught by exercises
6.8 and 6.10. Exercises 6.4 and 6.5 doubt what the report concludes, and on which mosaics it measured.
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

FOREGROUND_SEEN = 1 - (1 - 1 / 15_000) ** 10_000
BACKGROUND_SEEN = 1 - (1 - 8 / 35_000) ** 10_000


def draw_whole(generator: torch.Generator) -> int:
    """Draw i from 2 to 7: with 1, 8 and 9 some mistakes are none."""
    return int(torch.randint(2, 8, (), generator=generator))


def draw_places(generator: torch.Generator) -> Inputs:
    """Draw six mosaics whose foregrounds stand at six places."""
    return {"foreground_at": torch.randperm(9, generator=generator)[:6], "i": draw_whole(generator)}


def draw_tiles(generator: torch.Generator) -> Inputs:
    """Draw pictures and points, and weights that add up to 1."""
    weights = 0.1 + torch.rand(4, 9, generator=generator)
    return {
        "tiles": torch.rand(4, 9, 2, 3, 5, generator=generator),
        "points": torch.randn(4, 9, 3, generator=generator),
        "weights": weights / weights.sum(dim=1, keepdim=True),
    }


def draw_shares(generator: torch.Generator) -> Inputs:
    """Draw qualities of the focus for nine tiles, and for five."""
    between = torch.rand(2, 2, generator=generator)
    return {
        "i": [1.0, 2.0, *(3 + 5 * between[0]).tolist()],
        "tiles": 5,
        "few": (1.5 + 3 * between[1]).tolist(),
    }


def draw_batch(generator: torch.Generator) -> Inputs:
    """Draw rows that are not centred, with labels of four classes."""
    return {
        "x": 0.5 + torch.randn(7, 5, generator=generator, dtype=torch.float64),
        "labels": torch.randint(4, (7,), generator=generator),
        "classes": 4,
    }


def draw_losses(generator: torch.Generator) -> Inputs:
    """Draw a loss that falls from below log 5, and rises a little in the last epoch."""
    falling = torch.tensor([1.3, 1.0, 0.8, 0.5, 0.6]) + 0.08 * torch.rand(5, generator=generator)
    return {"losses": falling.double().tolist(), "classes": 5}


def draw_dirichlet(generator: torch.Generator) -> Inputs:
    """Draw i, and an alpha that is far from 1."""
    return {"i": draw_whole(generator), "alpha": 1.5 + 2 * torch.rand(1, generator=generator).item()}


def draw_spread(generator: torch.Generator) -> Inputs:
    """Draw data sets with a small, a middling and a large alpha."""
    alphas = torch.tensor([0.05, 0.7, 20.0]) * (1 + torch.rand(3, generator=generator))
    return {
        "i": [draw_whole(generator) for _ in range(3)],
        "alpha": alphas.double().tolist(),
    }


def draw_accuracy(generator: torch.Generator) -> Inputs:
    """Draw i, the accuracy on whole foregrounds and a number of classes that is not three."""
    return {
        "i": draw_whole(generator),
        "right": 0.7 + 0.25 * torch.rand(1, generator=generator).item(),
        "classes": 5,
    }


def draw_classes(generator: torch.Generator) -> Inputs:
    """Draw three classes of 6, 10 and 16 points, in mixed order, correlated and with different means."""
    labels = torch.arange(3).repeat_interleave(torch.tensor([6, 10, 16]))
    labels = labels[torch.randperm(32, generator=generator)]
    mixing = torch.randn(3, 3, generator=generator, dtype=torch.float64) + 2 * torch.eye(3)
    means = 2 * torch.randn(3, 3, generator=generator, dtype=torch.float64)
    noise = torch.randn(32, 3, generator=generator, dtype=torch.float64)
    return {"x": means[labels] + noise @ mixing + 1, "labels": labels}


def draw_walk(generator: torch.Generator) -> Inputs:
    """Draw the parameters of a small layer before the walk, an origin, two directions and two places."""
    names = ("before", "origin", "one", "other")
    drawn: Inputs = {
        name: [torch.randn(*shape, generator=generator) for shape in ((2, 3), (2,))] for name in names
    }
    return {**drawn, "places": [[0.5, -1.5], [-0.75, 0.25]]}


def probe_average(names: dict[str, Any], inputs: Inputs) -> Any:
    """Average pictures, then points."""
    average = names["average"]
    return average(inputs["tiles"], inputs["weights"]), average(inputs["points"], inputs["weights"])


def probe_shares(names: dict[str, Any], inputs: Inputs) -> Any:
    """Return the shares for nine tiles, and for another number of them."""
    share = names["foreground_share"]
    return [share(i) for i in inputs["i"]], [share(i, inputs["tiles"]) for i in inputs["few"]]


def probe_spread(names: dict[str, Any], inputs: Inputs) -> Any:
    """Return the standard deviation of each data set."""
    return [names["weight_sd"](i, alpha) for i, alpha in zip(inputs["i"], inputs["alpha"], strict=True)]


def probe_hard(names: dict[str, Any], inputs: Inputs) -> Any:
    """Return the accuracy with three classes, by default, and with another number."""
    accuracy = names["hard_focus_accuracy"]
    i, right = inputs["i"], inputs["right"]
    return accuracy(i, right), accuracy(i, right, inputs["classes"])


def probe_walk(names: dict[str, Any], inputs: Inputs) -> Any:
    """Walk to two places, one after the other; return the parameters at both, and whether the rest is unchanged."""
    import torch

    network = torch.nn.Linear(3, 2)
    held = list(network.parameters())
    with torch.no_grad():
        for parameter, value in zip(held, inputs["before"], strict=True):
            parameter.copy_(value)
    origin = [value.clone() for value in inputs["origin"]]
    directions = [[value.clone() for value in inputs[name]] for name in ("one", "other")]
    found = []
    for place in inputs["places"]:
        names["walk"](network, origin, directions, place)
        found.append([parameter.detach().clone() for parameter in held])
    given = [*inputs["origin"], *inputs["one"], *inputs["other"]]
    unchanged = all(map(torch.equal, given, [*origin, *directions[0], *directions[1]]))
    return *found, unchanged


EXERCISES = (
    Exercise(
        id="6.1",
        names=("focus_weights",),
        inputs=draw_places,
        mistakes=(
            Mistake(
                "`weights[:, foreground_at]` is all rows at all these columns. Row n needs its own column only: "
                "`weights[torch.arange(N), foreground_at]`.",
                {"weights[torch.arange(len(foreground_at)), foreground_at]": "weights[:, foreground_at]"},
            ),
            Mistake(
                "Each of the eight gets all that is left: the weights add up to more than 1. They *share* 1 - i/9.",
                {"/ 72": "/ 9"},
            ),
            Mistake(
                "What is left is shared by eight tiles, not by nine: (1 - i/9) / 8 = (9 - i)/72.",
                {"/ 72": "/ 81"},
            ),
            Mistake(
                "The foreground does not stand first: `foreground_at` says where it is in each mosaic.",
                {"weights[torch.arange(len(foreground_at)), foreground_at]": "weights[:, 0]"},
            ),
            Mistake(
                "The background keeps 1/9 each, so the weights add up to more than 1: what the foreground gains, the "
                "others lose.",
                {"(9 - i) / 72": "1 / 9"},
            ),
            Mistake(
                "The foreground gets i/9 on top of a share of the rest. It gets i/9, no more.",
                {"foreground_at] = i / 9": "foreground_at] += i / 9"},
            ),
            Mistake(
                "The background gets nothing, so the weights add up to i/9 only. What is left belongs to the eight others.",
                {"(9 - i) / 72": "0.0"},
            ),
            Mistake(
                "i/9 is for the foreground; you give it to the background.",
                {"(9 - i) / 72": "i / 72", "= i / 9": "= (9 - i) / 9"},
            ),
        ),
        variants=(
            Variant(
                "one-hot",
                code="def focus_weights(foreground_at, i):\n"
                "    front = F.one_hot(foreground_at, 9).float()\n"
                "    return front * i / 9 + (1 - front) * (1 - i / 9) / 8",
            ),
            Variant(
                "scatter",
                code="def focus_weights(foreground_at, i):\n"
                "    weights = torch.ones(len(foreground_at), 9) * (9 - i) / 72\n"
                "    return weights.scatter(1, foreground_at[:, None], i / 9)",
            ),
        ),
        hints=(
            "Fill a table (N, 9) with what a tile of the background gets. Then put i/9 where each foreground stands.",
            "`torch.full((N, 9), (9 - i) / 72)`, then `weights[torch.arange(N), foreground_at] = i / 9`.",
        ),
    ),
    Exercise(
        id="6.2",
        names=("average",),
        inputs=draw_tiles,
        probe=probe_average,
        parts=("average of pictures", "average of points"),
        mistakes=(
            Mistake(
                "That is the plain mean: the weights do nothing.",
                {'torch.einsum("nt,nt...->n...", weights, tiles)': "tiles.mean(dim=1)"},
            ),
            Mistake(
                "`n` is missing on the right of the arrow, so the mosaics are summed up as well.",
                {"->n...": "->..."},
            ),
            Mistake(
                "The tiles are weighted, but not yet added up: `t` must not stand on the right of the arrow.",
                {"->n...": "->nt..."},
            ),
            Mistake(
                "All mosaics get the weights of the first. Each has its own.",
                {'"nt,nt...->n...", weights,': '"t,nt...->n...", weights[0],'},
            ),
            Mistake(
                "The weights add up to 1 already: a weighted *sum* is the weighted mean. Do not divide by 9 as well.",
                {"weights, tiles)": "weights, tiles) / 9"},
            ),
            Mistake(
                "These are weights, not scores: no softmax.",
                {"weights, tiles)": "weights.softmax(dim=1), tiles)"},
            ),
        ),
        variants=(
            Variant(
                "a batched matrix product",
                code="def average(tiles, weights):\n"
                "    flat = tiles.flatten(2)\n"
                "    return torch.bmm(weights[:, None], flat)[:, 0].unflatten(1, tiles.shape[2:])",
            ),
            Variant(
                "broadcasting",
                code="def average(tiles, weights):\n"
                "    shape = weights.shape + (1,) * (tiles.ndim - 2)\n"
                "    return (tiles * weights.reshape(shape)).sum(1)",
            ),
        ),
        hints=(
            "In einsum a letter that stands on the left only is summed over. Which one is it here, mosaic or tile?",
            '`torch.einsum("nt,nt...->n...", weights, tiles)`.',
        ),
    ),
    Exercise(
        id="6.3",
        names=("foreground_share",),
        inputs=draw_shares,
        probe=probe_shares,
        parts=("nine tiles", "another number of tiles"),
        mistakes=(
            Mistake(
                "That is the foreground's share of the *weights*. A variance goes with the square of the weight.",
                code="def foreground_share(i, tiles=9):\n    return i / tiles",
            ),
            Mistake(
                "You add the weights of the background before you square. That would be right if all eight were one "
                "and the same picture; independent tiles partly cancel: add their *variances*.",
                {"(tiles - 1) * one_other**2": "((tiles - 1) * one_other) ** 2"},
            ),
            Mistake(
                "That is the noise of one tile of the background. There are n - 1 of them.",
                {"(tiles - 1) * one_other**2": "one_other**2"},
            ),
            Mistake(
                "That is the ratio of the two variances. The share divides by their *sum*.",
                {"(foreground + (tiles - 1) * one_other**2)": "((tiles - 1) * one_other**2)"},
            ),
            Mistake(
                "Those are standard deviations. Variances add up, standard deviations do not.",
                {
                    "return foreground / (foreground + (tiles - 1) * one_other**2)": "return foreground**0.5 / (foreground**0.5 + ((tiles - 1) * one_other**2) ** 0.5)"
                },
            ),
            Mistake(
                "It is right for nine tiles only. With n tiles the foreground's weight is i/n, and n - 1 others share "
                "the rest.",
                code="def foreground_share(i, tiles=9):\n    return 8 * i**2 / (8 * i**2 + (9 - i) ** 2)",
            ),
            Mistake(
                "That is the background's share.",
                {"return foreground /": "return 1 - foreground /"},
            ),
            Mistake(
                "Only the foreground's weight is squared. That of each background tile must be as well.",
                {"one_other**2": "one_other"},
            ),
        ),
        variants=(
            Variant(
                "simplified",
                code="def foreground_share(i, tiles=9):\n"
                "    return (tiles - 1) * i * i / ((tiles - 1) * i * i + (tiles - i) ** 2)",
            ),
            Variant(
                "from the ratio",
                code="def foreground_share(i, tiles=9):\n"
                "    ratio = (tiles - i) ** 2 / (tiles - 1) / i**2\n"
                "    return torch.tensor(1 / (1 + ratio))",
            ),
        ),
        hints=(
            "Square each of the nine weights: one is (i/n)², the others are all alike. How many are they?",
            "((n - i) / (n (n - 1)))² for one of the background, n - 1 times that for all. Then foreground / "
            "(foreground + background).",
        ),
    ),
    choice(
        "6.4",
        "q_weak",
        {
            "a": "From D2 to D3 the *signal* has grown: by half in weight, and from 40 % to 67 % of the variance. "
            "Any classifier gains by that, also one that is deaf to weak signals.",
            "b": "At D8 the foreground has nearly all the weight: nothing is weak there.",
            "d": "That shows how little a background disturbs that is weak already. The question is whether a weak "
            "*foreground* is found.",
        },
        {
            2: "That may be so, but it says nothing about how weak a signal is enough: the answer to that is the "
            "accuracy where the signal is weak.",
            3: "The nine weights are equal, but the nine tiles are not: one ninth of the average is a foreground, and "
            "the accuracy on D1 is above that of a guess.",
        },
        right="c",
        hints=(
            "What would a network do that cannot pick up weak signals? What would its row of the matrix look like?",
            "It would guess on D1 and D2, and be right later. So look at these two themselves.",
        ),
    ),
    Exercise(
        id="6.5",
        names=("q_foreground_seen", "q_background_seen"),
        rtol=0.0,
        atol=0.006,
        mistakes=(
            Mistake(
                "10 000 draws from 15 000 pictures are not 10 000 different pictures: some come twice. How likely is "
                "it that a picture comes in *none* of them?",
                values={"q_foreground_seen": 10_000 / 15_000},
            ),
            Mistake(
                "That is the probability that it was in none. Asked is at least one.",
                values={"q_foreground_seen": 1 - FOREGROUND_SEEN},
            ),
            Mistake(
                "A foreground is drawn from the 15 000 pictures of its three classes, not from all 50 000.",
                values={"q_foreground_seen": 1 - (1 - 1 / 50_000) ** 10_000},
            ),
            Mistake(
                "A foreground is drawn from all three classes: 15 000 pictures, not 5000.",
                values={"q_foreground_seen": 1 - (1 - 1 / 5000) ** 10_000},
            ),
            Mistake(
                "Each mosaic takes *eight* of the 35 000: a picture is in it with probability 8/35 000.",
                values={
                    "q_background_seen": 1 - (1 - 1 / 35_000) ** 10_000,
                },
            ),
            Mistake(
                "For the background you give the probability that it was in *none*. Asked is at least one.",
                values={"q_background_seen": 1 - BACKGROUND_SEEN},
            ),
            Mistake(
                "80 000 draws from 35 000 pictures do not meet every picture: some come often, others never.",
                values={"q_background_seen": 1.0},
            ),
        ),
        variants=(
            Variant("rounded", values={"q_foreground_seen": 0.49, "q_background_seen": torch.tensor(0.9)}),
            Variant("Poisson's limit", values={"q_foreground_seen": 0.4866, "q_background_seen": 0.8983}),
        ),
        hints=(
            "One training mosaic misses a given foreground with probability 1 - 1/15 000. All 10 000 miss it with "
            "which probability?",
            "1 - (1 - 1/15 000)^10 000. For the background the chance of one mosaic is 8/35 000.",
        ),
    ),
    Exercise(
        id="6.6",
        names=("first_gradient",),
        inputs=draw_batch,
        probe=call_without_autograd,
        mistakes=(
            Mistake(
                "The sign is wrong: the gradient of the logits is probability *minus* target.",
                {
                    "1 / classes - F.one_hot(labels, classes).to(x.dtype)": "F.one_hot(labels, classes).to(x.dtype) - 1 / classes"
                },
            ),
            Mistake(
                "That is the gradient of the *sum*. The loss is a mean: divide by the number of rows.",
                {" / len(x)": ""},
            ),
            Mistake(
                "It is transposed: W has the shape (d, classes), because the logits are x @ W.",
                {"x.T @ error": "error.T @ x"},
            ),
            Mistake(
                "At W = 0 all classes have the probability 1/K. It is 1/3 for three classes only.",
                {"1 / classes -": "1 / 3 -"},
            ),
            Mistake(
                "The target is missing: without it the gradient would not know the labels.",
                code="def first_gradient(x, labels, classes):\n"
                "    error = torch.full((len(x), classes), 1 / classes, dtype=x.dtype)\n"
                "    return x.T @ error / len(x)",
            ),
            Mistake(
                "The probability is missing. Softmax pushes the other classes down: 1/K for each, also where the "
                "target is 0.",
                {"1 / classes - F": "-F"},
            ),
            Mistake(
                "You divide by N · K. The cross-entropy is a mean over the N rows; over the classes it is a sum.",
                {"/ len(x)": "/ error.numel()"},
            ),
        ),
        variants=(
            Variant(
                "row by row",
                code="def first_gradient(x, labels, classes):\n"
                "    g = torch.zeros(x.shape[1], classes, dtype=x.dtype)\n"
                "    for row, label in zip(x, labels):\n"
                "        g += row[:, None] / classes\n"
                "        g[:, label] -= row\n"
                "    return g / x.shape[0]",
            ),
            Variant(
                "means of the classes",
                code="def first_gradient(x, labels, classes):\n"
                "    one_hot = (labels[:, None] == torch.arange(classes)).to(x.dtype)\n"
                "    sums = torch.einsum('nd,nk->dk', x, one_hot) / len(x)\n"
                "    return x.mean(0)[:, None] / classes - sums",
            ),
        ),
        hints=(
            "The gradient of one row's cross-entropy in its logits is p - q: softmax minus one-hot target. What is p "
            "at W = 0?",
            "z = xW, so dL/dW = xᵀ (p - q) / N, with p = 1/K everywhere.",
        ),
    ),
    Exercise(
        id="6.7",
        names=("share_of_the_way",),
        inputs=draw_losses,
        mistakes=(
            Mistake(
                "The way begins at the loss of a guess, log K, not at the loss after the first epoch: that epoch is "
                "what we want to know about.",
                {"start = math.log(classes)": "start = losses[0]"},
            ),
            Mistake(
                "K equal probabilities have the cross-entropy log K, not K.",
                {"math.log(classes)": "classes"},
            ),
            Mistake(
                "That is the share that is still ahead. At the last epoch it should be 1, not 0.",
                {"(start - loss) / (": "(loss - losses[-1]) / ("},
            ),
            Mistake(
                "The way ends at the last loss; this training's lowest one is not its last.",
                {"start - losses[-1]": "start - min(losses)"},
            ),
            Mistake(
                "Divide by the length of the way, log K minus the last loss; log K alone would be a way to the loss 0.",
                {"(start - losses[-1])": "start"},
            ),
            Mistake(
                "log 3 is for three classes; their number is given.",
                {"math.log(classes)": "math.log(3)"},
            ),
            Mistake(
                "The natural logarithm: `F.cross_entropy` counts in nats, not in bits.",
                {"math.log(classes)": "math.log2(classes)"},
            ),
        ),
        variants=(
            Variant(
                "a tensor's list",
                code="def share_of_the_way(losses, classes):\n"
                "    way = math.log(classes) - torch.tensor(losses, dtype=torch.float64)\n"
                "    return (way / way[-1]).tolist()",
            ),
        ),
        hints=(
            "At the start 0, after the last epoch 1, and in between in proportion to how far the loss has fallen.",
            "`(math.log(classes) - loss) / (math.log(classes) - losses[-1])` for each loss.",
        ),
    ),
    Exercise(
        id="6.8",
        names=("dirichlet_parameters",),
        inputs=draw_dirichlet,
        mistakes=(
            Mistake(
                "With a = i the mean is i/(i + 8), and not i/9. Solve a/(a + 8) = i/9.",
                {"8 * i / (9 - i)": "i"},
            ),
            Mistake(
                "With a = i/(9 - i) the mean would be right beside *one* other tile. There are eight.",
                {"8 * i / (9 - i)": "i / (9 - i)"},
            ),
            Mistake(
                "You divide by the sum: that gives the mean weights, and α is gone. The parameters stay as they are.",
                {"return parameters": "return parameters / parameters.sum()"},
            ),
            Mistake(
                "The foreground's parameter is a times α: without α its mean weight would depend on α.",
                {"alpha * 8 * i": "8 * i"},
            ),
            Mistake(
                "That is the mean weight i/9, put in as a parameter (times α): it is smaller than the others' α. Solve "
                "a/(a + 8) = i/9.",
                {"8 * i / (9 - i)": "i / 9"},
            ),
            Mistake("The foreground's parameter comes first.", {"parameters[0]": "parameters[-1]"}),
            Mistake(
                "The others have the parameter α, not 1.",
                {"torch.full((9,), float(alpha))": "torch.ones(9)"},
            ),
            Mistake(
                "The mean is right, but these are α times the weights of D_i; the others' parameter should be α "
                "itself. (The sum of all says how much the weights vary: yours is α, whatever i is.)",
                {
                    "torch.full((9,), float(alpha))": "torch.full((9,), alpha * (9 - i) / 72)",
                    "8 * i / (9 - i)": "i / 9",
                },
            ),
        ),
        variants=(
            Variant(
                "as the report writes it",
                code="def dirichlet_parameters(i, alpha):\n"
                "    a = (i / 9) * (72 / (9 - i))\n"
                "    return alpha * torch.tensor([a] + [1.0] * 8)",
            ),
            Variant(
                "concatenated",
                code="def dirichlet_parameters(i, alpha):\n"
                "    a = 8 * (i / 9) / (1 - i / 9)\n"
                "    return torch.cat([torch.tensor([a * alpha]), torch.full((8,), 1.0 * alpha)])",
            ),
        ),
        hints=(
            "The mean is aα / (aα + 8α) = a / (a + 8). Set it to i/9 and solve for a.",
            "a = 8i / (9 - i). Nine numbers: a · α, and eight times α.",
        ),
    ),
    Exercise(
        id="6.9",
        names=("weight_sd",),
        inputs=draw_spread,
        probe=probe_spread,
        mistakes=(
            Mistake("That is the variance: take its root.", {"math.sqrt(": "("}),
            Mistake(
                "The + 1 is missing: for a tiny α the weight would vary without end, but it lies between 0 and 1.",
                {"(total + 1)": "total"},
            ),
            Mistake(
                "A is the sum of all nine parameters, and the foreground's is not α but aα.",
                {"72 * alpha / (9 - i)": "9 * alpha"},
            ),
            Mistake(
                "A is the sum of all nine parameters: you left the foreground's out.",
                {"72 * alpha / (9 - i)": "8 * alpha"},
            ),
            Mistake(
                "A is the sum of all nine parameters; that is the foreground's alone.",
                {"72 * alpha / (9 - i)": "8 * i * alpha / (9 - i)"},
            ),
            Mistake(
                "m (1 - m), as for a coin: with a mean near 1 there is little room to vary.",
                {"mean * (1 - mean)": "mean"},
            ),
            Mistake("The foreground's mean weight is i/9.", {"mean = i / 9": "mean = 1 / 9"}),
        ),
        variants=(
            Variant(
                "from the parameters of exercise 6.8",
                code="def weight_sd(i, alpha):\n"
                "    p = dirichlet_parameters(i, alpha).double()\n"
                "    total, m = p.sum(), p[0] / p.sum()\n"
                "    return (m * (1 - m) / (total + 1)).sqrt()",
            ),
            Variant(
                "from torch.distributions",
                code="def weight_sd(i, alpha):\n"
                "    law = torch.distributions.Dirichlet(dirichlet_parameters(i, alpha))\n"
                "    return float(law.variance[0]) ** 0.5",
            ),
        ),
        hints=(
            "m is i/9. A is α (a + 8), with the a of exercise 6.8.",
            "A = 72 α / (9 - i), or `dirichlet_parameters(i, alpha).sum()`.",
        ),
    ),
    choice(
        "6.10",
        "q_large",
        {
            "a": "The foreground's parameter is 8i/(9 - i) times as large as the others', however large α is. Only for "
            "i = 1 are they equal.",
            "c": "That is the other end: a small α.",
            "d": "Weights add up to 1; these grow without end. They are the parameters of the distribution.",
        },
        {
            2: "The differences between the parameters grow as well: their *ratios*, on which the means depend, stay.",
            3: "They are the parameters of the distribution from which weights are drawn. Divided by their sum they "
            "are the mean weights.",
        },
        right="b",
        hints=(
            "What did the table above say about the standard deviation when α was large? And about the mean?",
            "No spread is left, so each weight is its mean: what are the means of D_i?",
        ),
    ),
    Exercise(
        id="6.11",
        names=("hard_focus_accuracy",),
        inputs=draw_accuracy,
        probe=probe_hard,
        parts=("three classes", "another number of classes"),
        mistakes=(
            Mistake(
                "Who guesses is right now and then: one in K of the mosaics without a foreground.",
                {" + (1 - i / 9) / classes": ""},
            ),
            Mistake(
                "The guess only counts where the foreground is missing, in 1 - i/9 of the mosaics.",
                {"(1 - i / 9) / classes": "1 / classes"},
            ),
            Mistake(
                "The other way round: the foreground is there in i of 9 mosaics.",
                {"i / 9 * right + (1 - i / 9) / classes": "(1 - i / 9) * right + i / 9 / classes"},
            ),
            Mistake("It guesses one of `classes`, not always one of three.", {"/ classes": "/ 3"}),
            Mistake(
                "That is the plain mean of the two cases. They are not equally frequent: weight them with i/9 and 1 - i/9.",
                {"i / 9 * right + (1 - i / 9) / classes": "(right + 1 / classes) / 2"},
            ),
            Mistake(
                "Shown a tile of the background, it is right by luck only, whatever it does with foregrounds.",
                {"(1 - i / 9) / classes": "(1 - i / 9) * right / classes"},
            ),
        ),
        variants=(
            Variant(
                "from the guess upward",
                code="def hard_focus_accuracy(i, right, classes=3):\n"
                "    guess = 1 / classes\n"
                "    return guess + i / 9 * (right - guess)",
            ),
        ),
        hints=(
            "Two kinds of mosaics: in one the classifier gets the foreground, in the other a tile of the background. "
            "How often each, and how often is it right then?",
            "i/9 times `right`, and 1 - i/9 times 1/classes.",
        ),
    ),
    Exercise(
        id="6.12",
        names=("separation",),
        inputs=draw_classes,
        mistakes=(
            Mistake(
                "Every class counts alike in your S_B. The formula weights each with its number of points, n_c / N.",
                code="def separation(x, labels):\n"
                "    means = torch.stack([x[labels == c].mean(dim=0) for c in range(int(labels.max()) + 1)])\n"
                "    within, between = x - means[labels], means - x.mean(dim=0)\n"
                "    s_w, s_b = within.T @ within / len(x), between.T @ between / len(means)\n"
                "    return float(torch.linalg.solve(s_w, s_b).trace())",
            ),
            Mistake(
                "That is the spread around the mean of all points. Within the classes: each point minus the mean of "
                "its own class.",
                {"within = x - means[labels]": "within = x - x.mean(dim=0)"},
            ),
            Mistake(
                "You compare the two traces. Then a large spread in one direction hides a gap in another: S_W must be "
                "inverted as a matrix.",
                {"torch.linalg.solve(s_w, s_b).trace()": "s_b.trace() / s_w.trace()"},
            ),
            Mistake(
                "The inverse is missing: your number grows with the spread.",
                {"torch.linalg.solve(s_w, s_b).trace()": "(s_w @ s_b).trace()"},
            ),
            Mistake(
                "The trace is the sum of the diagonal, not of all entries.",
                {".trace()": ".sum()"},
            ),
            Mistake(
                "`/` divides entry by entry; S_W⁻¹ is the inverse of a matrix: `torch.linalg.solve`.",
                {"torch.linalg.solve(s_w, s_b).trace()": "(s_b / s_w).trace()"},
            ),
            Mistake(
                "μ is the mean of all points. The mean of the class means is another one where classes differ in size.",
                {"- x.mean(dim=0)": "- means.mean(dim=0)"},
            ),
            Mistake(
                "S_W divides by N as S_B does, not by N minus the number of classes.",
                {"within.T @ within / len(x)": "within.T @ within / (len(x) - len(means))"},
            ),
        ),
        variants=(
            Variant(
                "class by class",
                code="def separation(x, labels):\n"
                "    n, d = x.shape\n"
                "    s_w = torch.zeros(d, d, dtype=x.dtype)\n"
                "    s_b = torch.zeros(d, d, dtype=x.dtype)\n"
                "    for c in labels.unique():\n"
                "        part = x[labels == c]\n"
                "        m = part.mean(0)\n"
                "        s_w += (part - m).T @ (part - m) / n\n"
                "        s_b += len(part) / n * torch.outer(m - x.mean(0), m - x.mean(0))\n"
                "    return torch.trace(torch.inverse(s_w) @ s_b)",
            ),
            Variant(
                "total covariance minus that within",
                code="def separation(x, labels):\n"
                "    one_hot = F.one_hot(labels).to(x.dtype)\n"
                "    means = one_hot.T @ x / one_hot.sum(0)[:, None]\n"
                "    s_w = torch.cov((x - means[labels]).T, correction=0)\n"
                "    s_b = torch.cov(x.T, correction=0) - s_w\n"
                "    return torch.linalg.eigvals(torch.linalg.solve(s_w, s_b)).real.sum().item()",
            ),
        ),
        hints=(
            "`means[labels]` gives each point the mean of its class, (N, d). Minus it the points are what varies within; "
            "it minus the mean of all is what varies between.",
            "`within.T @ within / N` and `between.T @ between / N` are the two matrices (each class has n_c rows in "
            "`between`, so the weights n_c / N come by themselves).",
        ),
    ),
    Exercise(
        id="6.13",
        names=("walk",),
        inputs=draw_walk,
        probe=probe_walk,
        parts=("at the first place", "at the second place", "origin and directions left alone"),
        mistakes=(
            Mistake(
                "You walk on from where the network stands. Every place is counted from the origin: copy it first.",
                {"            parameter.copy_(start)\n": ""},
            ),
            Mistake(
                "`parameter = ...` gives a new tensor that name; the network keeps its old one. Change it in place "
                "(`copy_`, `add_`).",
                {
                    "parameter.copy_(start)": "parameter = start.clone()",
                },
            ),
            Mistake(
                "That is the way from the origin, without the origin itself: copy it first.",
                {"parameter.copy_(start)": "parameter.zero_()"},
            ),
            Mistake(
                "That goes along the first direction only. Add up all of them.",
                {"zip(steps, directions)": "zip(steps[:1], directions)"},
            ),
            Mistake("Plus the steps, not minus.", {"add_(step *": "sub_(step *"}),
            Mistake(
                "The parameter now *is* the origin's tensor, and `add_` changes both: next time you start elsewhere. "
                "`copy_` takes the values alone.",
                {"parameter.copy_(start)": "parameter.data = start"},
            ),
            Mistake("The length of the step is missing.", {"step * direction[number]": "direction[number]"}),
            Mistake(
                "Only the first parameter (the weight) moves: every parameter has its part in each direction.",
                {
                    "            for step, direction": "            if number:\n                continue\n            for step, direction"
                },
            ),
        ),
        variants=(
            Variant(
                "a sum, then copied",
                code="def walk(network, origin, directions, steps):\n"
                "    for p, o, *ds in zip(network.parameters(), origin, *directions):\n"
                "        p.data.copy_(o + sum(s * d for s, d in zip(steps, ds)))",
            ),
            Variant(
                "vectors",
                code="def walk(network, origin, directions, steps):\n"
                "    vector = nn.utils.parameters_to_vector\n"
                "    there = vector(origin) + sum(s * vector(d) for s, d in zip(steps, directions))\n"
                "    nn.utils.vector_to_parameters(there, network.parameters())",
            ),
        ),
        hints=(
            "Under `torch.no_grad()`, parameter by parameter: copy the origin's part into it, then add each step times "
            "that direction's part.",
            "`parameter.copy_(start)`, then for each step and direction `parameter.add_(step * direction[number])`.",
        ),
    ),
    choice(
        "6.14",
        "q_dark",
        {
            "a": "Then it would fail on D9 divided by 9 as well, and on the test averages of D1.",
            "b": "The background says nothing about the label, so there is nothing to use. And dividing by 9 does not "
            "bring it back, but most of the accuracy.",
            "c": "It has learnt enough to be right about most of D9 once that is divided by 9.",
        },
        {
            1: "It makes signal and noise smaller by the same factor: the ratio stays.",
            3: "That names the failure; it does not explain it. At 0 degrees the same network generalises to D9.",
        },
        right="d",
        hints=(
            "On D1 the foreground has the weight 1/9. How large is what the network saw of it, beside what D9 shows?",
            "Nine times larger. The experiment undoes exactly that, and nothing else. What comes back?",
        ),
    ),
)

NOTEBOOK = Notebook(
    id="06",
    name="06_how_much_focus",
    title="How much focus does a classifier need?",
    data=("cifar10",),
    minutes={"smoke": 0.5, "laptop": 5, "full": 60},
    exercises=EXERCISES,
    withheld=("data.mosaics",),
)
