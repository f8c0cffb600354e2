"""Notebook 11, rethinking generalisation: inputs, probes, typical mistakes and hints of its exercises.

Longer than other modules because it is content: twelve exercises, each in one place. Report 003, section 4;
Zhang et al. 2017 (five kinds of data, theorem 1), Belkin et al. 2019 (double descent), Hastie et al. 2019
(its derivation), Guo et al. 2017 (temperature).
"""

from __future__ import annotations

from typing import Any

import torch

from course_utils.exercises.choice import choice
from course_utils.exercises.specification import Exercise, Inputs, Mistake, Notebook, Variant


def draw_order(generator: torch.Generator) -> Inputs:
    """Draw pictures that are not square, and an order that is not its own inverse."""
    images = torch.randint(256, (3, 3, 3, 4), generator=generator, dtype=torch.uint8)
    order = torch.randperm(12, generator=generator)
    while torch.equal(order, order.argsort()):
        order = torch.randperm(12, generator=generator)
    return {"images": images, "order": order}


def draw_orders(generator: torch.Generator) -> Inputs:
    """Draw as many pictures as colours (so that a wrong axis runs), and an order for each."""
    return {
        "images": torch.randint(256, (3, 3, 3, 4), generator=generator, dtype=torch.uint8),
        "orders": torch.rand(3, 12, generator=generator).argsort(dim=1),
    }


def draw_noise(generator: torch.Generator) -> Inputs:
    """Draw dark and bright channels, and noise whose pictures do not depend on N or N - 1 in the deviation.

    The noise has few values, so that no number to be rounded lies near the middle of two bytes.
    """
    while True:
        middle, width = torch.tensor([40.0, 120.0, 200.0]), torch.tensor([20.0, 60.0, 35.0])
        normal = torch.randn(30, 3, 8, 7, generator=generator)
        x = (middle[:, None, None] + width[:, None, None] * normal).round().clamp(0, 255)
        noise = (2 * torch.randn(12, 3, 5, 6, generator=generator)).round() / 2
        mean = x.mean(dim=(0, 2, 3), keepdim=True)
        sds = [x.std(dim=(0, 2, 3), correction=c, keepdim=True) for c in (0, 1)]
        values = torch.cat([mean + sd * noise for sd in sds])
        if ((values % 1) - 0.5).abs().min() > 0.01:
            return {"images": x.to(torch.uint8), "noise": noise}


def draw_examples(generator: torch.Generator) -> Inputs:
    """Draw examples with labels thrown for them, and a direction in which no two are near each other."""
    while True:
        x = torch.randn(7, 4, generator=generator, dtype=torch.float64)
        a = torch.randn(4, generator=generator, dtype=torch.float64)
        z = (x @ a).sort()
        # neither rising nor falling: the order matters
        mixed = (z.indices.diff() > 0).any() and (z.indices.diff() < 0).any()
        if z.values.diff().min() > 0.05 and mixed:
            y = torch.randint(1, 10, (7,), generator=generator).double()
            if not torch.equal(y[z.indices], y) and not torch.equal(y.sort().values, y[z.indices]):
                return {"x": x, "y": y, "a": a}


def draw_signs(generator: torch.Generator) -> Inputs:
    """Draw examples off zero, signs, and logits that agree with most of the signs."""
    signs = torch.randint(2, (4, 6), generator=generator) * 2.0 - 1
    logits = signs * (0.5 + torch.rand(4, 6, generator=generator))
    logits[torch.arange(4), torch.randint(6, (4,), generator=generator)] *= -1
    logits[0, :3] *= -1
    return {
        "x": torch.randn(6, 3, generator=generator) + 0.5,
        "signs": signs,
        "norm": 1.5 + torch.rand(1, generator=generator).item(),
        "logits": logits,
    }


def draw_underdetermined(generator: torch.Generator) -> Inputs:
    """Draw fewer examples than weights, and a start."""
    return {
        "x": torch.randn(4, 9, generator=generator, dtype=torch.float64),
        "y": torch.randn(4, generator=generator, dtype=torch.float64),
        "start": torch.randn(9, generator=generator, dtype=torch.float64),
    }


def draw_features(generator: torch.Generator) -> Inputs:
    """Draw few features, many, and few of which two are equal; none has the mean zero."""
    few, many, equal = (1 + torch.randn(6, p, generator=generator, dtype=torch.float64) for p in (3, 10, 4))
    equal[:, 3] = equal[:, 0]
    return {
        "few": few,
        "many": many,
        "equal": equal,
        "targets": torch.randn(6, 2, generator=generator, dtype=torch.float64),
    }


def draw_sizes(generator: torch.Generator) -> Inputs:
    """Draw a number of examples, sizes below, at and above it, signal and noise."""
    n = int(torch.randint(12, 40, (1,), generator=generator))
    signal, noise = (0.5 + torch.rand(2, generator=generator)).tolist()
    return {
        "n": n,
        "sizes": [3, n - 2, n - 1, n, n + 1, n + 2, 3 * n],
        "signal": signal,
        "noise": 0.4 * noise,
    }


def draw_logits(generator: torch.Generator) -> Inputs:
    """Draw logits of five classes, some of them wrong."""
    logits = 3 * torch.randn(12, 5, generator=generator)
    labels = logits.argmax(dim=1)
    labels[:4] = (labels[:4] + 1) % 5
    return {"logits": logits, "labels": labels}


def draw_temperatures(generator: torch.Generator) -> Inputs:
    """Draw logits that are too large, labels drawn at about a third of their size, and temperatures unsorted."""
    temperatures = torch.tensor([2.2, 0.3, 9.0, 1.0, 4.1, 0.6, 3.0])
    while True:
        logits = 6 * torch.randn(40, 4, generator=generator)
        labels = torch.multinomial((logits / 3).softmax(dim=1), 1, generator=generator)[:, 0]
        losses = [torch.nn.functional.cross_entropy(logits / t, labels).item() for t in temperatures]
        if min(losses) < sorted(losses)[1] - 0.01 and losses.index(min(losses)) in (0, 4, 6):
            return {"logits": logits, "labels": labels, "temperatures": temperatures}


def probe_shuffled(names: dict[str, Any], inputs: Inputs) -> Any:
    """Shuffle, and undo."""
    images, order = inputs["images"], inputs["order"]
    return names["shuffled"](images, order), names["unshuffled"](images, order)


def probe_memorise(names: dict[str, Any], inputs: Inputs) -> Any:
    """Return how many biases and weights there are, and what the network says to the examples."""
    import torch

    biases, weights = names["memorise"](inputs["x"], inputs["y"], inputs["a"])
    if not (isinstance(biases, torch.Tensor) and isinstance(weights, torch.Tensor)):
        return biases, weights, None
    shapes = list(biases.shape), list(weights.shape)
    if biases.ndim != 1 or weights.ndim != 1 or len(biases) != len(weights):
        return *shapes, None
    z = inputs["x"] @ inputs["a"]
    return *shapes, (z[:, None] - biases).clamp_min(0) @ weights.to(z.dtype)


def probe_complexity(names: dict[str, Any], inputs: Inputs) -> Any:
    """Return both complexities."""
    return (
        names["linear_complexity"](inputs["x"], inputs["signs"], inputs["norm"]),
        names["network_complexity"](inputs["logits"], inputs["signs"]),
    )


def probe_least_squares(names: dict[str, Any], inputs: Inputs) -> Any:
    """Fit the three kinds of features."""
    fit = names["shortest_least_squares"]
    return tuple(fit(inputs[kind], inputs["targets"]) for kind in ("few", "many", "equal"))


def probe_distance(names: dict[str, Any], inputs: Inputs) -> Any:
    """Return the distance for all sizes."""
    return [
        float(names["expected_distance"](inputs["n"], p, inputs["signal"], inputs["noise"]))
        for p in inputs["sizes"]
    ]


EXERCISES = (
    Exercise(
        id="11.1",
        names=("shuffled", "unshuffled"),
        inputs=draw_order,
        probe=probe_shuffled,
        parts=("shuffled images", "images with the shuffle undone"),
        mistakes=(
            Mistake(
                "`shuffled` puts pixel k to the place `order[k]`. Asked is the other way: place k gets the pixel that "
                "stood at `order[k]`.",
                {"[:, :, order]": "[:, :, order.argsort()]"},
            ),
            Mistake(
                "Shuffling once more does not undo it: the pixel at k came from `order[k]`, so it must go back there. "
                "You need the inverse of the order.",
                {"[:, :, back]": "[:, :, order]"},
            ),
            Mistake(
                "The order read backwards is not its inverse. The inverse answers: at which k does `order[k]` equal j?",
                {"order.argsort()": "order.flip(0)"},
            ),
            Mistake(
                "You number the pixels column by column. Row by row, the next number is one to the *right*.",
                {
                    "images.flatten(2)[:, :, order].view_as(images)": "images.transpose(2, 3).flatten(2)[:, :, order].unflatten(2, (images.shape[3], images.shape[2])).transpose(2, 3)"
                },
            ),
            Mistake(
                "The colours are mixed: after moving the channels to the end, numbers of different channels land in one "
                "channel. Flatten height and width only, and leave the channels where they are.",
                {
                    "images.flatten(2)[:, :, order].view_as(images)": "images.movedim(1, -1).flatten(1, 2)[:, order].reshape(images.shape)"
                },
            ),
            Mistake(
                "`unshuffled` gives back what it got. It must undo the order.",
                {"images.flatten(2)[:, :, back].view_as(images)": "images.clone()"},
            ),
        ),
        variants=(
            Variant(
                "write to places instead of reading from them",
                code="def shuffled(images, order):\n"
                "    n, c, h, w = images.shape\n"
                "    return torch.index_select(images.reshape(n, c, h * w), 2, order).reshape(n, c, h, w)\n\n\n"
                "def unshuffled(images, order):\n"
                "    flat = images.flatten(2)\n"
                "    result = torch.empty_like(flat)\n"
                "    result[:, :, order] = flat\n"
                "    return result.view_as(images)",
            ),
            Variant(
                "rows and columns",
                code="def shuffled(images, order):\n"
                "    width = images.shape[3]\n"
                "    return images[:, :, order // width, order % width].reshape(images.shape)\n\n\n"
                "def unshuffled(images, order):\n"
                "    inverse = torch.zeros_like(order)\n"
                "    inverse[order] = torch.arange(len(order))\n"
                "    return shuffled(images, inverse)",
            ),
        ),
        hints=(
            "`images.flatten(2)` is (N, C, H * W), pixels numbered row by row. Which index takes them in a new order?",
            "`images.flatten(2)[:, :, order].view_as(images)`. The inverse of an order is `order.argsort()`.",
        ),
    ),
    Exercise(
        id="11.2",
        names=("shuffled_each",),
        inputs=draw_orders,
        mistakes=(
            Mistake(
                "All pictures got the order of the first one. Picture n has the order `orders[n]`.",
                {"orders[:, None]": "orders[:1, None]"},
            ),
            Mistake(
                "Here each *colour* has an order of its own, the same for all pictures. The orders belong to the "
                "pictures: a new axis must stand where the channels are.",
                {"orders[:, None]": "orders[None]"},
            ),
            Mistake(
                "That is the inverse: you put pixel k to the place `orders[n, k]`.",
                {"orders[:, None]": "orders.argsort(dim=1)[:, None]"},
            ),
            Mistake(
                "The channels of a pixel do not stay together: only the first one is shuffled.",
                {
                    "return flat.gather(2, orders[:, None].expand_as(flat)).view_as(images)": "result = flat.clone()\n    result[:, 0] = flat[:, 0].gather(1, orders)\n    return result.view_as(images)"
                },
            ),
            Mistake(
                "The orders stand in the wrong rows: the first picture got the last order. Picture n has `orders[n]`.",
                {"orders[:, None]": "orders.flip(0)[:, None]"},
            ),
        ),
        variants=(
            Variant(
                "one by one",
                code="def shuffled_each(images, orders):\n"
                "    return torch.stack([i.flatten(1)[:, o].view_as(i) for i, o in zip(images, orders)])",
            ),
            Variant(
                "take_along_dim",
                code="def shuffled_each(images, orders):\n"
                "    return torch.take_along_dim(images.flatten(2), orders.unsqueeze(1), dim=2).reshape(images.shape)",
            ),
        ),
        hints=(
            "For one picture it is `picture.flatten(1)[:, order]`. For all at once, `gather` along the pixels takes an "
            "index as large as its result.",
            "The index must be (N, C, H * W): `orders[:, None]` is (N, 1, H * W), and `.expand_as(flat)` repeats it for "
            "the channels.",
        ),
    ),
    Exercise(
        id="11.3",
        names=("gaussian_like",),
        inputs=draw_noise,
        mistakes=(
            Mistake(
                "One mean and one deviation for all channels: red, green and blue each have their own. Leave dimension 1 "
                "out of those that you average over.",
                {"dim=(0, 2, 3), keepdim=True": ""},
            ),
            Mistake(
                "To have the deviation σ, multiply standard normal noise by σ; you multiply by the variance σ².",
                {"sd * noise": "sd**2 * noise"},
            ),
            Mistake(
                "Bytes wrap round: 260 becomes 4, and a bright pixel a black one. Clamp to 0 and 255 before you convert.",
                {
                    ".round().clamp(0, 255).to(torch.uint8)": ".round().to(torch.int64).remainder(256).to(torch.uint8)"
                },
            ),
            Mistake(
                "The conversion to bytes cuts off everything after the point, so all pixels are half a step too dark on "
                "average: round first.",
                {".round()": ""},
            ),
            Mistake(
                "The noise is added to the pictures' mean with the deviation 1: it must have the channels' deviation.",
                {"sd * noise": "noise"},
            ),
            Mistake(
                "Mean and deviation have changed places.",
                {"mean + sd * noise": "sd + mean * noise"},
            ),
            Mistake(
                "You standardise the noise as if it were pictures. It has mean 0 and deviation 1 already; it has to be "
                "given the pictures' mean and deviation.",
                {"(mean + sd * noise)": "((noise - mean) / sd)"},
            ),
        ),
        variants=(
            Variant(
                "channel by channel, deviation with N",
                code="def gaussian_like(images, noise):\n"
                "    result = torch.empty_like(noise)\n"
                "    for c in range(images.shape[1]):\n"
                "        channel = images[:, c].double()\n"
                "        result[:, c] = channel.mean() + channel.std(unbiased=False) * noise[:, c]\n"
                "    return result.round().clamp(0, 255).byte()",
            ),
            Variant(
                "in [0, 1]",
                code="def gaussian_like(images, noise):\n"
                "    x = to_unit(images)\n"
                "    x = x.transpose(0, 1).flatten(1)\n"
                "    mean, sd = x.mean(1)[:, None, None], x.std(1)[:, None, None]\n"
                "    return (255 * (mean + sd * noise)).round().clip(0, 255).to(torch.uint8)",
            ),
        ),
        hints=(
            "If ε has mean 0 and deviation 1, what are mean and deviation of a + bε?",
            "`images.float().mean(dim=(0, 2, 3), keepdim=True)` is (1, C, 1, 1), and so is the deviation. Then "
            "`.round().clamp(0, 255).to(torch.uint8)`.",
        ),
    ),
    choice(
        "11.4",
        "q_shuffled",
        {
            "a": "What would the MLP lose? Its first layer has one weight for each pixel, and no idea which pixels are "
            "neighbours. Shuffle the columns of that layer in the same order.",
            "b": "All is still in the picture, true, but can every network use it? A convolution looks at 5x5 pixels that "
            "lie side by side: after shuffling they come from all over the picture.",
            "c": "It is the other way round: which of the two networks is built on neighbours?",
        },
        {
            1: "That the information is there does not mean that a network finds it as well as before: the CNN is built "
            "for pixels whose neighbours matter.",
            2: "Not every network lives on neighbours: a fully connected layer would give the same output if pixels and "
            "weights changed places together.",
        },
        right="d",
        hints=(
            "Suppose you have trained the MLP on the pictures as they are. Can you make an MLP for the shuffled pictures "
            "of it without training?",
            "You can: shuffle the columns of its first weight matrix. With the filters of a CNN there is nothing like it.",
        ),
    ),
    Exercise(
        id="11.5",
        names=("memorise",),
        inputs=draw_examples,
        probe=probe_memorise,
        parts=("shape of the biases", "shape of the weights", "what the network says to the examples"),
        rtol=1e-3,
        atol=1e-4,
        mistakes=(
            Mistake(
                "You sort the examples, but the labels stay in the old order. Row i of the system belongs to the i-th "
                "example *in the order of z*: its label must stand there, too.",
                {"y[by_z]": "y"},
            ),
            Mistake(
                "The labels are sorted by their own size. They must be in the order of z, as their examples are: "
                "`sort` returns that order as well.",
                {"y[by_z]": "y.sort().values"},
            ),
            Mistake(
                "The matrix is *lower* triangular: example i is reached by neurons 1 to i. With `upper=True` everything "
                "below the diagonal is ignored.",
                {"upper=False": "upper=True"},
            ),
            Mistake(
                "The weights are in the order of the examples, and the biases in the order of z: neuron j needs both of "
                "the same j.",
                {"return biases, weights": "return biases, weights[by_z.argsort()]"},
            ),
            Mistake(
                "Each example alone is made right, but neuron j also acts on all examples behind the j-th: solve the "
                "whole triangular system.",
                {
                    "torch.linalg.solve_triangular(matrix, y[by_z][:, None], upper=False)[:, 0]": "(y[by_z] - torch.cat([torch.zeros(1).double(), y[by_z][:-1]])) / matrix.diagonal()"
                },
            ),
            Mistake(
                "The examples are not in the order of z, so the biases do not lie between them: sort x @ a first.",
                {"z, by_z = (x @ a).sort()": "z, by_z = x @ a, torch.arange(len(x))"},
            ),
        ),
        variants=(
            Variant(
                "biases a little before each example, one weight after the other",
                code="def memorise(x, y, a):\n"
                "    z = x @ a\n"
                "    order = z.argsort()\n"
                "    z, y = z[order], y[order]\n"
                "    biases = torch.cat([z[:1] - 0.5, 0.3 * z[:-1] + 0.7 * z[1:]])\n"
                "    weights = torch.zeros_like(y)\n"
                "    for i in range(len(y)):\n"
                "        so_far = (weights[:i] * (z[i] - biases[:i])).sum()\n"
                "        weights[i] = (y[i] - so_far) / (z[i] - biases[i])\n"
                "    return biases, weights",
            ),
            Variant(
                "biases at the example before: no need for the middle",
                code="def memorise(x, y, a):\n"
                "    z = x @ a\n"
                "    s = z.sort().values\n"
                "    biases = torch.cat([s[:1] - 1, s[:-1]])\n"
                "    return biases, torch.linalg.solve((z[:, None] - biases).relu(), y)",
            ),
        ),
        hints=(
            "Sort z = x @ a, and keep the order that `sort` returns with it: the labels need it. Which neurons answer the "
            "first example, which the second?",
            "`matrix = (z[:, None] - biases).clamp_min(0)` with sorted z; then "
            "`torch.linalg.solve_triangular(matrix, y[order][:, None], upper=False)[:, 0]`.",
        ),
    ),
    Exercise(
        id="11.6",
        names=("linear_complexity", "network_complexity"),
        inputs=draw_signs,
        probe=probe_complexity,
        parts=("linear complexity", "network complexity"),
        mistakes=(
            Mistake(
                "The 1/n of the definition is missing in the linear complexity.",
                {" / len(x)": ""},
            ),
            Mistake(
                "The signs are averaged before the norm is taken. For each draw the best w is another one: first the "
                "norm of each draw, then the mean.",
                {"(signs @ x).norm(dim=1).mean()": "(signs @ x).mean(dim=0).norm()"},
            ),
            Mistake(
                "That is the root of the mean square, which is an upper bound (by Jensen): asked is the mean of the norms.",
                {"(signs @ x).norm(dim=1).mean()": "(signs @ x).square().sum(dim=1).mean().sqrt()"},
            ),
            Mistake(
                "That adds up the sizes of the coordinates. Among all w with (Euclidean) length B the best one reaches B "
                "times the Euclidean norm.",
                {".norm(dim=1)": ".abs().sum(dim=1)"},
            ),
            Mistake(
                "The norm of the sum is squared: w·v with |w| ≤ B is at most B|v|.",
                {".norm(dim=1)": ".square().sum(dim=1)"},
            ),
            Mistake(
                "The bound B is missing: twice as long a w reaches twice as much.",
                {"norm * ": ""},
            ),
            Mistake(
                "The family is of classifiers: they answer +1 or -1, and the size of a logit does not count.",
                {"torch.where(logits > 0, 1.0, -1.0)": "logits"},
            ),
            Mistake(
                "That is the share of signs that are right. Agreement is +1 for each right and -1 for each wrong one: a "
                "share of one half is an agreement of 0.",
                {"(answers * signs).mean()": "(answers == signs).float().mean()"},
            ),
            Mistake(
                "You sum over the examples; the 1/n is missing in the network's complexity.",
                {"(answers * signs).mean()": "(answers * signs).sum(dim=1).mean()"},
            ),
        ),
        variants=(
            Variant(
                "draw by draw",
                code="def linear_complexity(x, signs, norm):\n"
                "    best = [norm * (s[:, None] * x).sum(dim=0).square().sum().sqrt() / len(x) for s in signs]\n"
                "    return sum(best) / len(best)\n\n\n"
                "def network_complexity(logits, signs):\n"
                "    right = ((logits > 0) == (signs > 0)).float().mean()\n"
                "    return 2 * right - 1",
            ),
        ),
        hints=(
            "Σ σ_i w·x_i is w·(Σ σ_i x_i): among all w of length at most B, which one has the largest product with a "
            "given vector? For networks: count +1 for a right sign and -1 for a wrong one.",
            "`signs @ x` is (draws, d), the vector of each draw; the supremum is B times its norm through n. For networks "
            "`torch.where(logits > 0, 1.0, -1.0)` are the answers, to be multiplied by the signs and averaged.",
        ),
    ),
    Exercise(
        id="11.7",
        names=("limit_of_descent",),
        inputs=draw_underdetermined,
        mistakes=(
            Mistake(
                "That is where descent ends from *zero*. What is orthogonal to all examples in the start is never changed "
                "by a step: it is still there at the end.",
                {
                    "start + x.T @ torch.linalg.solve(x @ x.T, y - x @ start)": "x.T @ torch.linalg.solve(x @ x.T, y)"
                },
            ),
            Mistake(
                "These weights do not fit: x @ w is y plus what the start says. The steps only have to mend what the "
                "start leaves wrong, y - x @ start.",
                {"y - x @ start": "y"},
            ),
            Mistake(
                "That is the way from the start, not the end: add the start.",
                {"start + x.T": "x.T"},
            ),
            Mistake(
                "The sign of the error is turned round: a step goes towards y, so y - x @ start.",
                {"y - x @ start": "x @ start - y"},
            ),
            Mistake(
                "You keep the part of the start *in* the row space. Just that part descent replaces; the part orthogonal "
                "to all examples stays.",
                {
                    "start + x.T @ torch.linalg.solve(x @ x.T, y - x @ start)": "x.T @ torch.linalg.solve(x @ x.T, y + x @ start)"
                },
            ),
            Mistake(
                "The Gram matrix is left out: x.T @ error is a single step of descent, not its end.",
                {"torch.linalg.solve(x @ x.T, y - x @ start)": "(y - x @ start)"},
            ),
        ),
        variants=(
            Variant(
                "pseudo-inverse",
                code="def limit_of_descent(x, y, start):\n"
                "    return start + torch.linalg.pinv(x) @ (y - x @ start)",
            ),
            Variant(
                "two parts: the shortest solution, and what is orthogonal to the row space",
                code="def limit_of_descent(x, y, start):\n"
                "    inverse = torch.linalg.inv(x @ x.T)\n"
                "    projection = x.T @ inverse @ x\n"
                "    return x.T @ inverse @ y + start - projection @ start",
            ),
        ),
        hints=(
            "Write w = start + Xᵀc: that is what 'start plus something in the row space' means. Now c has n entries, and "
            "Xw = y has n equations.",
            "XXᵀ c = y - X start. So c is `torch.linalg.solve(x @ x.T, y - x @ start)`.",
        ),
    ),
    Exercise(
        id="11.8",
        names=("shortest_least_squares",),
        inputs=draw_features,
        probe=probe_least_squares,
        parts=("weights of few features", "weights of many features", "weights where two features are equal"),
        mistakes=(
            Mistake(
                "A penalty is left in it (ridge): its weights are shorter than the shortest that fit best. In the limit of "
                "no penalty you get what is asked.",
                code="def shortest_least_squares(features, targets):\n"
                "    p = features.shape[1]\n"
                "    gram = features.T @ features + 0.1 * torch.eye(p, dtype=features.dtype)\n"
                "    return torch.linalg.solve(gram, features.T @ targets)",
            ),
            Mistake(
                "With more features than examples you use only the first n. That fits, but others fit with shorter "
                "weights: spread the work over all features.",
                code="def shortest_least_squares(features, targets):\n"
                "    n, p = features.shape\n"
                "    result = torch.zeros(p, targets.shape[1], dtype=features.dtype)\n"
                "    result[:n] = torch.linalg.pinv(features[:, :n]) @ targets\n"
                "    return result",
            ),
            Mistake(
                "Features and targets are centred first. That fits a constant in addition; asked are the least squares of "
                "targets - features @ weights, as they are.",
                code="def shortest_least_squares(features, targets):\n"
                "    return torch.linalg.pinv(features - features.mean(dim=0)) @ (targets - targets.mean(dim=0))",
            ),
            Mistake(
                "That is one step of descent, features.T @ targets, not its end.",
                code="def shortest_least_squares(features, targets):\n"
                "    return features.T @ targets / len(features)",
            ),
            Mistake(
                "The cut-off is too coarse: directions with a small singular value count, too, only those with none do not.",
                code="def shortest_least_squares(features, targets):\n"
                "    return torch.linalg.pinv(features, rtol=0.9) @ targets",
            ),
        ),
        variants=(
            Variant(
                "pseudo-inverse",
                code="def shortest_least_squares(features, targets):\n    return torch.linalg.pinv(features) @ targets",
            ),
            Variant(
                "singular value decomposition",
                code="def shortest_least_squares(features, targets):\n"
                "    u, s, vt = torch.linalg.svd(features, full_matrices=False)\n"
                "    keep = s > 1e-10 * s[0]\n"
                "    return vt[keep].T @ ((u[:, keep].T @ targets) / s[keep, None])",
            ),
        ),
        hints=(
            "The normal equations fail as soon as p > n or features repeat. Which function of `torch.linalg` deals with "
            "matrices that have no inverse?",
            "`torch.linalg.pinv(features) @ targets`, or `torch.linalg.lstsq` with the driver 'gelsd' (or 'gelsy'), which "
            "does not need full rank.",
        ),
    ),
    Exercise(
        id="11.9",
        names=("expected_distance",),
        inputs=draw_sizes,
        probe=probe_distance,
        mistakes=(
            Mistake(
                "Right of the peak something is missing: the part of β outside the row space. No example shows it, and "
                "the shortest solution takes it to be zero.",
                {"signal * (1 - n / p) + ": ""},
            ),
            Mistake(
                "n/p of |β|² lies *in* the row space, and this part is found. What is missed is the rest, 1 - n/p.",
                {"(1 - n / p)": "n / p"},
            ),
            Mistake(
                "Mind the one in the denominators: n - p - 1 and p - n - 1.",
                {"(n - p - 1)": "(n - p)", "(p - n - 1)": "(p - n)"},
            ),
            Mistake(
                "Right of the peak the trace is over n numbers, not p: n / (p - n - 1).",
                {"noise * n / (p - n - 1)": "noise * p / (p - n - 1)"},
            ),
            Mistake(
                "You add the noise of the new example. Asked is the distance of the weights, without it.",
                {
                    "return noise * p / (n - p - 1)": "return noise + noise * p / (n - p - 1)",
                    "return signal * (1 - n / p)": "return noise + signal * (1 - n / p)",
                },
            ),
            Mistake(
                "`noise` is the variance σ² already: do not square it.",
                {"noise * p": "noise**2 * p", "noise * n": "noise**2 * n"},
            ),
            Mistake(
                "With fewer parameters than examples nothing of β is missed: X⁺X is the identity there, and only the "
                "noise is left.",
                {"return noise * p / (n - p - 1)": "return signal * p / n + noise * p / (n - p - 1)"},
            ),
        ),
        variants=(
            Variant(
                "one formula",
                code="def expected_distance(n, p, signal, noise):\n"
                "    if abs(n - p) <= 1:\n"
                "        return math.inf\n"
                "    missed = signal * max(0.0, p - n) / p\n"
                "    return missed + noise * min(n, p) / (abs(n - p) - 1)",
            ),
        ),
        hints=(
            "X⁺y = X⁺Xβ + X⁺ε. If p < n, X⁺X is the identity; if p > n, it is the projection onto the row space. And "
            "E|X⁺ε|² is σ² times the trace of X⁺(X⁺)ᵀ.",
            "p < n - 1: σ² p/(n - p - 1). p > n + 1: |β|² (1 - n/p) + σ² n/(p - n - 1).",
        ),
    ),
    Exercise(
        id="11.10",
        names=("slope_at_infinity",),
        inputs=draw_logits,
        mistakes=(
            Mistake(
                "That is the mean over the wrong examples. The loss is the mean over *all*: the right ones add zero, and "
                "count.",
                {
                    "(logits.max(dim=1).values - of_label).mean()": "(logits.max(dim=1).values - of_label)[logits.argmax(dim=1) != labels].mean()"
                },
            ),
            Mistake(
                "The sign is turned round: the loss grows where another logit is larger than the label's.",
                {"logits.max(dim=1).values - of_label": "of_label - logits.max(dim=1).values"},
            ),
            Mistake(
                "You compare with the best of the *other* logits, so right examples count negatively. But a loss never "
                "falls below zero: their slope is 0.",
                {
                    "logits.max(dim=1).values - of_label": "logits.scatter(1, labels[:, None], -math.inf).max(dim=1).values - of_label"
                },
            ),
            Mistake(
                "That is the loss itself, at c = 1. For large c the logarithm of the sum of exp(c z) is c times the "
                "*largest* z.",
                {"logits.max(dim=1).values": "logits.logsumexp(dim=1)"},
            ),
            Mistake(
                "That is the share of wrong answers. How much an answer costs also depends on by how much it is wrong.",
                {
                    "(logits.max(dim=1).values - of_label).mean()": "(logits.argmax(dim=1) != labels).float().mean()"
                },
            ),
            Mistake("That is the sum over the examples; the loss is their mean.", {".mean()": ".sum()"}),
            Mistake(
                "The label's logit alone is not enough: the loss is log Σ exp(c z) minus it, and the first term grows "
                "with c as well.",
                {"(logits.max(dim=1).values - of_label)": "(-of_label)"},
            ),
        ),
        variants=(
            Variant(
                "numerically, with the largest logit taken away",
                code="def slope_at_infinity(logits, labels):\n"
                "    best = logits.amax(dim=1, keepdim=True)\n"
                "    return F.nll_loss(logits - best, labels)",
            ),
            Variant(
                "wrong ones only, but through all",
                code="def slope_at_infinity(logits, labels):\n"
                "    rows = torch.arange(len(labels))\n"
                "    gaps = torch.relu(logits - logits[rows, labels][:, None]).max(dim=1).values\n"
                "    return gaps.sum() / len(labels)",
            ),
        ),
        hints=(
            "The loss of an example is log Σ_k exp(c z_k) - c z_label. Which term of the sum is left when c is large?",
            "log Σ_k exp(c z_k) ≈ c max_k z_k. So the slope is the mean of max_k z_k - z_label.",
        ),
    ),
    Exercise(
        id="11.11",
        names=("best_temperature",),
        inputs=draw_temperatures,
        parts=("temperature", "loss"),
        mistakes=(
            Mistake(
                "You multiply by the temperature. Hot means even: logits are *divided* by T.",
                {"logits / t": "logits * t"},
            ),
            Mistake(
                "`F.cross_entropy` takes logits and applies the softmax itself: give it logits / T, no probabilities.",
                {"logits / t": "(logits / t).softmax(dim=1)"},
            ),
            Mistake(
                "The softmax comes after the division: dividing its logarithm by T no longer gives probabilities.",
                {"F.cross_entropy(logits / t, labels)": "F.nll_loss(logits.log_softmax(dim=1) / t, labels)"},
            ),
            Mistake("That is the worst temperature: look for the *least* loss.", {"argmin": "argmax"}),
            Mistake(
                "That is where the best temperature stands in the list, not the temperature.",
                {"return temperatures[best], losses[best]": "return best, losses[best]"},
            ),
            Mistake(
                "The temperature is right. The loss that belongs to it is the one of the divided logits, not that of the "
                "logits as they are.",
                {"losses[best]": "F.cross_entropy(logits, labels)"},
                credit=0.5,
            ),
            Mistake(
                "The loss is the mean over the examples, not their sum.",
                {"labels)": 'labels, reduction="sum")'},
                credit=0.5,
            ),
        ),
        variants=(
            Variant(
                "all at once",
                code="def best_temperature(logits, labels, temperatures):\n"
                "    logp = (logits / temperatures[:, None, None]).log_softmax(dim=2)\n"
                "    losses = -logp[:, torch.arange(len(labels)), labels].mean(dim=1)\n"
                "    loss, index = losses.min(dim=0)\n"
                "    return temperatures[index], loss",
            ),
            Variant(
                "Python's min",
                code="def best_temperature(logits, labels, temperatures):\n"
                "    pairs = [(F.cross_entropy(logits / t, labels).item(), t.item()) for t in temperatures]\n"
                "    loss, temperature = min(pairs)\n"
                "    return torch.tensor(temperature), torch.tensor(loss)",
            ),
        ),
        hints=(
            "For one temperature T the loss is the cross-entropy of logits / T. Compute it for all, and see which is "
            "the smallest.",
            "`losses = torch.stack([F.cross_entropy(logits / t, labels) for t in temperatures])`, then `losses.argmin()` "
            "is the place of both.",
        ),
    ),
    choice(
        "11.12",
        "q_lesson",
        {
            "a": "The network of part 1 learnt random labels to the last one, so it had parameters enough to memorise.",
            "c": "They are useful, but look at part 3 and at the rows without them: random labels were learnt with some "
            "of them switched on, and without any the network generalises nearly as well.",
            "d": "In part 1 the network with true labels had zero training error and was far better than chance; in parts "
            "5 and 6 the largest models had no training error and were among the best.",
        },
        {
            2: "There the test error was *highest*: that is the peak of double descent.",
            3: "It was as large as it can be, 1: the networks fitted any signs. That is why the bound says nothing.",
        },
        right="b",
        hints=(
            "Ask of each sentence whether it would be true of the rows with random labels, too.",
            "In part 1 network and training error were the same for all kinds of data; in part 4 model, data and training "
            "error were the same for all starts. What was it, then, that made the test errors differ?",
        ),
    ),
)

NOTEBOOK = Notebook(
    id="11",
    name="11_rethinking_generalisation",
    title="Rethinking generalisation",
    data=("cifar10", "mnist"),
    minutes={"smoke": 1, "laptop": 10, "full": 60},
    exercises=EXERCISES,
    withheld=("data.corruption", "experiments.model_size"),
)
