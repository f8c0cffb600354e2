"""Notebook 04, improving CNNs: inputs, probes, typical mistakes and hints of its exercises.

Longer than other modules because it is content: twenty-two exercises, each in one place. Report 001, part 3;
errata 3 (statistics of the validation set), 6 (Adam with the learning rate of SGD) and 26 (augmentation and
dropout) are taught by exercises 4.3, 4.19, 4.6, 4.7 and 4.12.
"""

from __future__ import annotations

import math
from typing import Any

import torch

from course_utils.exercises.choice import choice, with_beliefs
from course_utils.exercises.specification import (
    Exercise,
    Inputs,
    Mistake,
    Notebook,
    Variant,
    call_without_autograd,
)


def draw_accuracies(generator: torch.Generator) -> Inputs:
    """Draw accuracies of five pairs of runs: what the runs of a pair share varies more than their difference.

    Not four pairs: then two standard errors would be one standard deviation.
    """
    shared = 0.6 + 0.1 * torch.rand(5, generator=generator, dtype=torch.float64)
    gain = 0.05 + 0.03 * torch.rand(5, generator=generator, dtype=torch.float64)
    return {"changed": (shared + gain).tolist(), "baseline": shared.tolist()}


def draw_images(generator: torch.Generator) -> Inputs:
    """Draw images as wide as they have channels (so that a wrong broadcast runs), and other statistics.

    The pictures are of different brightness: the spread of all is more than the mean of their spreads.
    """
    levels = torch.tensor([60, 120, 250])[:, None, None]
    brightness = torch.linspace(0.3, 1.0, 6)[:, None, None, None]
    images = (torch.rand(6, 3, 5, 3, generator=generator) * brightness * levels).to(torch.uint8)
    return {
        "images": images,
        "mean": 0.2 + 0.3 * torch.rand(3, generator=generator),
        "sd": 0.1 + 0.2 * torch.rand(3, generator=generator),
    }


def draw_correlated(generator: torch.Generator) -> Inputs:
    """Draw rows whose columns have other means and variances and are correlated."""
    mixing = torch.randn(5, 5, generator=generator, dtype=torch.float64)
    x = 2 + torch.randn(40, 5, generator=generator, dtype=torch.float64) @ mixing
    return {"x": x, "epsilon": 0.5}


def draw_crop(generator: torch.Generator) -> Inputs:
    """Draw images that are not square, and the corner of each one's window.

    No two windows are alike, and none is alike when rows and columns, or the directions, are exchanged.
    """
    top = torch.tensor([0, 1, 3, 4])[torch.randperm(4, generator=generator)]
    return {
        "images": torch.randint(1, 256, (4, 2, 6, 5), generator=generator, dtype=torch.uint8),
        "top": top,
        "left": torch.tensor([3, 0, 2, 4, 1])[top],
        "padding": 2,
    }


def draw_momentum(generator: torch.Generator) -> Inputs:
    """Draw two parameters, three gradients of each, and three learning rates."""
    shapes = (3, 2), (4,)
    return {
        "params": [torch.randn(*shape, generator=generator) for shape in shapes],
        "gradients": [[torch.randn(*shape, generator=generator) for shape in shapes] for _ in range(3)],
        "rates": [0.5, 0.5, 0.1],
        "momentum": 0.7,
    }


def draw_adam(generator: torch.Generator) -> Inputs:
    """Draw as for momentum, with gradients of very different sizes and settings far from Adam's defaults.

    One gradient is positive for certain: without the square, the others may have no root.
    """
    inputs = draw_momentum(generator)
    inputs["gradients"][0][0][0, 0].abs_()
    for gradients in inputs["gradients"]:
        gradients[0] *= 10
    del inputs["momentum"]
    return {**inputs, "betas": [0.8, 0.95], "epsilon": 0.05}


def draw_norm(generator: torch.Generator) -> Inputs:
    """Draw a batch as wide as it has channels, whose channels have other means and spreads, and an affine map."""
    size = torch.tensor([0.5, 1.0, 3.0])[:, None, None]
    return {
        "x": size * (1 + torch.randn(4, 3, 2, 3, generator=generator)),
        "gamma": 0.5 + torch.rand(3, generator=generator),
        "beta": 2 + torch.randn(3, generator=generator),
        "epsilon": 0.1,
    }


def draw_norm_backward(generator: torch.Generator) -> Inputs:
    """Draw as for batch norm, and the gradient that comes from above."""
    inputs = draw_norm(generator)
    d_y = 0.5 + torch.randn(inputs["x"].shape, generator=generator)
    return {"d_y": d_y, "x": inputs["x"], "gamma": inputs["gamma"], "epsilon": inputs["epsilon"]}


def draw_norm_module(generator: torch.Generator) -> Inputs:
    """Draw two training batches, one for evaluation, parameters and the weights of a loss."""
    return {
        "batches": [draw_norm(generator)["x"] for _ in range(3)],
        "gamma": 0.5 + torch.rand(3, generator=generator),
        "beta": 2 + torch.randn(3, generator=generator),
        "weights": torch.randn(4, 3, 2, 3, generator=generator),
        "momentum": 0.3,
        "epsilon": 0.1,
    }


def draw_affine(generator: torch.Generator) -> Inputs:
    """Draw angles on both sides of zero and scales on both sides of one."""
    sign = torch.tensor([1.0, -1.0, 1.0, -1.0])
    return {
        "degrees": sign * (20 + 60 * torch.rand(4, generator=generator)),
        "scale": 1 + sign.flip(0) * (0.1 + 0.3 * torch.rand(4, generator=generator)),
    }


def draw_smoothing(generator: torch.Generator) -> Inputs:
    """Draw logits whose rows lie at different heights, which only a softmax over the classes does not mind."""
    return {
        "logits": 2 * torch.randn(5, 4, generator=generator) + 3 * torch.arange(5)[:, None],
        "labels": torch.randint(4, (5,), generator=generator),
        "smoothing": 0.1 + 0.2 * torch.rand(1, generator=generator).item(),
    }


def draw_patches(generator: torch.Generator) -> Inputs:
    """Draw smooth images with two channels that are correlated, not centred, and of different means."""
    images = torch.randn(8, 2, 7, 6, generator=generator, dtype=torch.float64)
    images = images + images.roll(1, dims=2) + 0.5 * images.roll(1, dims=3)
    images[:, 1] += 0.7 * images[:, 0]
    return {"images": images + torch.tensor([0.5, 2.0])[:, None, None], "size": 2, "count": 5, "epsilon": 0.3}


def probe_standardise(names: dict[str, Any], inputs: Inputs) -> Any:
    """Take the statistics of the images, and standardise them with other ones."""
    images = inputs["images"]
    mean, sd = names["channel_statistics"](images)
    return mean, sd, names["standardise"](images, inputs["mean"], inputs["sd"])


def probe_zca(names: dict[str, Any], inputs: Inputs) -> Any:
    """Whiten the rows; return mean, matrix and the covariance of what comes out."""
    x = inputs["x"]
    mean, matrix = names["zca"](x, inputs["epsilon"])
    white = (x - mean) @ matrix
    return mean, matrix, white.T @ white / len(white)


def probe_momentum(names: dict[str, Any], inputs: Inputs) -> Any:
    """Take three steps, the last with another learning rate; return parameters and velocities.

    The parameters are those that the network holds, whatever the list holds afterwards. Gradients are given as
    copies, so that an answer that changes them still steps along the right ones.
    """
    import torch

    params = [value.clone() for value in inputs["params"]]
    held, velocities = list(params), [torch.zeros_like(value) for value in params]
    after_one: list[Any] = []
    unchanged = True
    for gradients, rate in zip(inputs["gradients"], inputs["rates"], strict=True):
        given = [value.clone() for value in gradients]
        names["momentum_step"](params, list(given), velocities, rate, inputs["momentum"])
        unchanged = unchanged and all(map(torch.equal, given, gradients))
        after_one = after_one or [value.clone() for value in held]
    return after_one, held, velocities, unchanged


def probe_schedules(names: dict[str, Any], inputs: Inputs) -> Any:
    """Return both schedules at every step."""
    peak, steps, every = inputs["peak"], inputs["steps"], inputs["every"]
    stairs = [names["step_rate"](peak, step, every, inputs["factor"]) for step in range(steps + 1)]
    return stairs, [names["cosine_rate"](peak, step, steps) for step in range(steps + 1)]


def probe_dropout(names: dict[str, Any], inputs: Inputs) -> Any:
    """Drop in training, then not in evaluation; each call gets its own copy of x."""
    import torch

    found, unchanged = [], True
    for training in (True, False):
        x = inputs["x"].clone()
        found.append(names["dropout"](x, inputs["p"], inputs["noise"], training))
        unchanged = unchanged and torch.equal(x, inputs["x"])
    return *found, unchanged


def probe_norm_module(names: dict[str, Any], inputs: Inputs) -> Any:
    """Train on two batches, then evaluate a third one, and one image of it alone."""
    import torch

    layer = names["BatchNorm"](3, momentum=inputs["momentum"], epsilon=inputs["epsilon"])
    with torch.no_grad():
        layer.gamma.copy_(inputs["gamma"])
        layer.beta.copy_(inputs["beta"])
    layer.train()
    first, second, third = inputs["batches"]
    first.requires_grad_()
    in_training = layer(first)
    (in_training * inputs["weights"]).sum().backward()
    gradient = first.grad
    first.requires_grad_(False)
    layer(second)
    running = layer.running_mean.clone(), layer.running_var.clone()
    layer.eval()
    with torch.no_grad():
        in_evaluation = layer(third), layer(third[:1])
    unchanged = torch.equal(running[0], layer.running_mean) and torch.equal(running[1], layer.running_var)
    untracked = not any(value.requires_grad for value in running)
    return in_training, gradient, *running, *in_evaluation, unchanged, untracked


def probe_adam(names: dict[str, Any], inputs: Inputs) -> Any:
    """Take three steps; return the parameters after one and after all, as for momentum."""
    import torch

    params = [value.clone() for value in inputs["params"]]
    held = list(params)
    first, second = ([torch.zeros_like(value) for value in params] for _ in range(2))
    after_one: list[Any] = []
    unchanged = True
    for number, gradients in enumerate(inputs["gradients"], 1):
        given = [value.clone() for value in gradients]
        names["adam_step"](
            params, list(given), first, second, number, 0.1, tuple(inputs["betas"]), inputs["epsilon"]
        )
        unchanged = unchanged and all(map(torch.equal, given, gradients))
        after_one = after_one or [value.clone() for value in held]
    return after_one, held, unchanged


def probe_smoothing(names: dict[str, Any], inputs: Inputs) -> Any:
    """Return the loss of the whole batch and of its first examples one by one, and the gradient if there is one."""
    import torch

    loss, logits, labels = names["smoothed_cross_entropy"], inputs["logits"], inputs["labels"]
    alone = [loss(logits[i : i + 1], labels[i : i + 1], inputs["smoothing"]) for i in range(3)]
    tracked = logits.clone().requires_grad_()
    tracked_loss = loss(tracked * 1, labels, inputs["smoothing"])
    gradient = None
    if isinstance(tracked_loss, torch.Tensor) and tracked_loss.requires_grad:
        (gradient,) = torch.autograd.grad(tracked_loss.sum(), tracked)
    return loss(logits, labels, inputs["smoothing"]), alone, gradient


def probe_filters(names: dict[str, Any], inputs: Inputs) -> Any:
    """Make the filters; an eigenvector's sign is free, so the largest entry of each is made positive."""
    filters = names["patch_filters"](*inputs.values())
    rows = filters.flatten(1)
    largest = rows.gather(1, rows.abs().argmax(dim=1, keepdim=True))
    return (rows * largest.sign()).reshape(filters.shape)


EXERCISES = (
    Exercise(
        id="4.1",
        names=("paired_difference",),
        inputs=draw_accuracies,
        parts=("mean", "standard error"),
        rtol=1e-6,
        mistakes=(
            Mistake(
                "A change that helps has a positive difference: with it minus without it.",
                {
                    "torch.tensor(changed, dtype=torch.float64) - torch.tensor(baseline, dtype=torch.float64)": "torch.tensor(baseline, dtype=torch.float64) - torch.tensor(changed, dtype=torch.float64)"
                },
            ),
            Mistake(
                "That is the spread of single differences. Their mean varies less: divide by √n.",
                {" / math.sqrt(len(d))": ""},
            ),
            Mistake(
                "The *variance* of a mean is s²/n, so its standard error is s/√n.",
                {"math.sqrt(len(d))": "len(d)"},
            ),
            Mistake(
                "Divide the sum of squares by n - 1, as `std()` does by itself: the mean was fitted to the same n numbers.",
                {"d.std()": "d.std(correction=0)"},
            ),
            Mistake("The standard error has the *root* of the variance.", {"d.std()": "d.var()"}),
            Mistake(
                "You treat the two lists as if they had nothing to do with each other. Entry i of both has the same "
                "seed: subtract first, then take the spread of the differences. What a lucky start does to both is "
                "then gone.",
                code="def paired_difference(changed, baseline):\n"
                "    a, b = (torch.tensor(v, dtype=torch.float64) for v in (changed, baseline))\n"
                "    return float(a.mean() - b.mean()), math.sqrt(float(a.var() / len(a) + b.var() / len(b)))",
            ),
            Mistake(
                "That is two standard errors, the margin of the ledger's rule. Asked is one.",
                {"d.std()": "2 * d.std()"},
            ),
        ),
        variants=(
            Variant(
                "the standard library",
                code="def paired_difference(changed, baseline):\n"
                "    import statistics as s\n"
                "    d = [a - b for a, b in zip(changed, baseline)]\n"
                "    return s.mean(d), s.stdev(d) / len(d) ** 0.5",
            ),
            Variant(
                "sums",
                code="def paired_difference(changed, baseline):\n"
                "    n = len(changed)\n"
                "    d = [changed[i] - baseline[i] for i in range(n)]\n"
                "    m = sum(d) / n\n"
                "    return m, math.sqrt(sum((v - m) ** 2 for v in d) / (n - 1) / n)",
            ),
        ),
        hints=(
            "Make one list of differences, entry by entry. Then only its mean and its standard deviation are needed.",
            "As a tensor `d`: `d.mean().item()` and `d.std().item() / math.sqrt(len(d))`; `std` divides by n - 1.",
        ),
    ),
    Exercise(
        id="4.2",
        names=("channel_statistics", "standardise"),
        inputs=draw_images,
        probe=probe_standardise,
        parts=("mean", "sd", "standardised images"),
        # a deviation with N - 1 instead of N is as good: with 90 pixels they are half a percent apart
        rtol=1e-2,
        atol=1e-4,
        mistakes=(
            Mistake(
                "That is a mean for every pixel. Average over the images *and* over height and width: dim=(0, 2, 3).",
                {"dim=(0, 2, 3)": "dim=0"},
            ),
            Mistake(
                "That is one number for every image; what is wanted belongs to the channels: dim=(0, 2, 3).",
                {"dim=(0, 2, 3)": "dim=(1, 2, 3)"},
            ),
            Mistake(
                "That is one number for all channels together: leave dimension 1 out of the average.",
                {"dim=(0, 2, 3)": "dim=(0, 1, 2, 3)"},
            ),
            Mistake(
                "`var` is the square of the standard deviation.",
                {"x.std(": "x.var("},
            ),
            Mistake(
                "The statistics are still in bytes, 0 to 255: divide by 255 first, as `standardise` does.",
                {"x = to_unit(images)\n    return x.mean": "x = images.float()\n    return x.mean"},
            ),
            Mistake(
                "The images must be in [0, 1], like their statistics: divide by 255 before you subtract.",
                {"(to_unit(images) -": "(images.float() -"},
            ),
            Mistake(
                "PyTorch lines shapes up from the right: a mean of shape (3,) is subtracted along the *width* (this "
                "only runs because the images here are 3 pixels wide). Give it the shape (3, 1, 1).",
                {"mean[:, None, None]": "mean", "sd[:, None, None]": "sd"},
            ),
            Mistake(
                "Divide by the standard deviation; multiplying makes what is spread out even wider.",
                {"/ sd[": "* sd["},
            ),
            Mistake("The mean is not taken away.", {"- mean[:, None, None]": ""}),
            Mistake(
                "That is the mean of the spreads within single pictures. The pictures differ from one another as "
                "well: one deviation over all of them, dim=(0, 2, 3).",
                {"x.std(dim=(0, 2, 3))": "x.std(dim=(2, 3)).mean(dim=0)"},
            ),
            Mistake(
                "All three channels have the same statistics: leave dimension 1 out of the average.",
                {"x.mean(dim=(0, 2, 3)), x.std(dim=(0, 2, 3))": "x.mean().repeat(3), x.std().repeat(3)"},
            ),
            Mistake(
                "Both functions work in bytes, 0 to 255: `to_unit` makes numbers from 0 to 1 of them.",
                {"x = to_unit(images)": "x = images.float()", "(to_unit(images) -": "(images.float() -"},
            ),
            Mistake(
                "These pictures are standardised by their own statistics: `standardise` must use the `mean` and "
                "`sd` that it is given.",
                {
                    "return (to_unit(images) -": "mean, sd = channel_statistics(images)\n    return (to_unit(images) -"
                },
            ),
            Mistake(
                "Divide by the standard deviation, not by its square.",
                {"/ sd[:, None, None]": "/ sd[:, None, None] ** 2"},
            ),
        ),
        variants=(
            Variant(
                "flattened, with shapes kept",
                code="def channel_statistics(images):\n"
                "    x = (images / 255).transpose(0, 1).flatten(1)\n"
                "    return x.mean(1), x.std(1, unbiased=False)\n"
                "def standardise(images, mean, sd):\n"
                "    return (images / 255 - mean.view(1, 3, 1, 1)) / sd.view(1, 3, 1, 1)",
            ),
            Variant(
                "torch.std_mean",
                code="def channel_statistics(images):\n"
                "    sd, mean = torch.std_mean(images.float().div(255), dim=(0, 2, 3))\n    return mean, sd\n"
                "def standardise(images, mean, sd):\n"
                "    scale = (255 * sd).reshape(-1, 1, 1)\n"
                "    return images / scale - (mean / sd).reshape(-1, 1, 1)",
            ),
        ),
        hints=(
            "`to_unit(images)` turns bytes into numbers from 0 to 1. Images are (N, channel, height, width): over "
            "which dimensions do you average to be left with the channels?",
            "`x.mean(dim=(0, 2, 3))` and `x.std(dim=(0, 2, 3))`; for `standardise`, `mean[:, None, None]` has the "
            "shape (3, 1, 1), which fits images (N, 3, height, width).",
        ),
    ),
    with_beliefs(
        choice(
            "4.3",
            "q_statistics",
            {
                "a": "Then a picture's numbers depend on which others are tested with it, and on the unknown test set: "
                "look at the figure again.",
                "b": "A single picture has no day and no night: what tells a dark picture from a bright one is gone.",
                "d": "Then training itself has looked at the test set: a leak, even if a small one.",
            },
            {
                1: "They do fit the training set better than the validation set. That is no bias to be removed: the "
                "network's weights fit the training set, too.",
                3: "That is not the reason: the statistics of ten thousand images are quick to compute.",
            },
            right="c",
            hints=(
                "The network learned what the number 1.3 means in the red channel. What must a new picture's red be "
                "measured with, if 1.3 is to mean the same?",
                "Standardisation with fixed numbers is a layer of the network like any other: it is fitted on training "
                "data and then left alone.",
            ),
        ),
        Mistake(
            "So the report argues. But the network itself was fitted to the training set, and knows numbers only in "
            "its units. With the statistics of a batch, the same picture gets another answer in other company: look "
            "at the figure again.",
            values={"q_statistics": "a", "q_statistics_reason": 1},
        ),
    ),
    Exercise(
        id="4.4",
        names=("zca",),
        inputs=draw_correlated,
        probe=probe_zca,
        parts=("mean", "matrix", "covariance of the whitened rows"),
        rtol=1e-6,
        atol=1e-9,
        mistakes=(
            Mistake(
                "The root is missing: the matrix acts twice on a covariance, once from each side.",
                {"(eigenvalues + epsilon).sqrt()": "(eigenvalues + epsilon)"},
            ),
            Mistake(
                "epsilon is added to the eigenvalue, under the root.",
                {"(eigenvalues + epsilon).sqrt()": "(eigenvalues.sqrt() + epsilon)"},
            ),
            Mistake(
                "epsilon is missing: directions with next to no variance are blown up, and they are mostly noise.",
                {" + epsilon": ""},
            ),
            Mistake(
                "That is PCA whitening: uncorrelated, too, but turned into the directions of the eigenvectors, so "
                "that no pixel stays a pixel. ZCA turns back: multiply by `vectors.T`.",
                {" @ vectors.T": ""},
            ),
            Mistake(
                "The eigenvectors are the *columns* of `vectors`, so each column is divided by its own root, "
                "without `[:, None]`.",
                {"(eigenvalues + epsilon).sqrt()": "(eigenvalues + epsilon).sqrt()[:, None]"},
            ),
            Mistake(
                "The covariance is that of the *centred* rows: subtract the mean first.",
                {"centred.T @ centred": "x.T @ x"},
            ),
            Mistake(
                "That divides by N - 1 (as `torch.cov` does unless it is told `correction=0`); asked is the mean, "
                "divided by N.",
                {"/ len(x)": "/ (len(x) - 1)"},
            ),
            Mistake(
                "The mean is missing from the covariance: divide by the number of rows.",
                {" / len(x)": ""},
            ),
            Mistake(
                "That is a root of the covariance: it makes strong directions stronger. Divide by the roots instead.",
                {"vectors / (eigenvalues": "vectors * (eigenvalues"},
            ),
            Mistake(
                "U and Uᵀ are exchanged: the eigenvectors are the *columns* of `vectors`, so it is U diag(...) Uᵀ.",
                {
                    "(vectors / (eigenvalues + epsilon).sqrt()) @ vectors.T": "(vectors.T / (eigenvalues + epsilon).sqrt()) @ vectors"
                },
            ),
        ),
        variants=(
            Variant(
                "singular values of the centred rows",
                code="def zca(x, epsilon):\n"
                "    mean = x.mean(0)\n"
                "    _, s, vt = torch.linalg.svd(x - mean, full_matrices=False)\n"
                "    return mean, vt.T @ torch.diag((s**2 / len(x) + epsilon).rsqrt()) @ vt",
            ),
            Variant(
                "torch.cov",
                code="def zca(x, epsilon):\n"
                "    lam, u = torch.linalg.eigh(torch.cov(x.T, correction=0))\n"
                "    return x.mean(dim=0), u @ torch.diag(1 / torch.sqrt(lam + epsilon)) @ u.mT",
            ),
        ),
        hints=(
            "`torch.linalg.eigh(covariance)` returns the eigenvalues λ and a matrix whose columns are the "
            "eigenvectors. Write U diag(1/√(λ + ε)) Uᵀ with them.",
            "Dividing `vectors` by a row of numbers divides its columns: "
            "`(vectors / (eigenvalues + epsilon).sqrt()) @ vectors.T`.",
        ),
    ),
    Exercise(
        id="4.5",
        names=("crop",),
        inputs=draw_crop,
        mistakes=(
            Mistake(
                "All images are cut at the first one's place: use every entry of `top` and `left`.",
                {
                    "top[:, None]": "top[:1, None].expand(n, 1)",
                    "left[:, None]": "left[:1, None].expand(n, 1)",
                },
            ),
            Mistake(
                "`top` belongs to the rows and `left` to the columns; they are exchanged.",
                {"rows = top": "rows = left", "columns = left": "columns = top"},
            ),
            Mistake(
                "The channels come last: an index on both sides of `:` puts the indexed dimensions first. "
                "`.permute(0, 3, 1, 2)` brings them back.",
                {".permute(0, 3, 1, 2)": ""},
            ),
            Mistake(
                "Height and width are exchanged in the result.",
                {".permute(0, 3, 1, 2)": ".permute(0, 3, 2, 1)"},
            ),
            Mistake(
                "What leaves the picture on one side comes back in on the other (negative indices count from the "
                "end): pad with zeros, then cut.",
                {
                    "padded = F.pad(images, (padding, padding, padding, padding))": "padded = images",
                    "top[:, None] +": "top[:, None] - padding +",
                    "left[:, None] +": "left[:, None] - padding +",
                    "columns = ": "rows = torch.where(rows >= height, rows - height, rows)\n    columns = ",
                    "    image = torch": "    columns = torch.where(columns >= width, columns - width, columns)\n    image = torch",
                },
            ),
            Mistake(
                "The picture shifts the wrong way: a window further down shows more of the bottom.",
                {
                    "rows = top[:, None]": "rows = 2 * padding - top[:, None]",
                    "columns = left[:, None]": "columns = 2 * padding - left[:, None]",
                },
            ),
            Mistake(
                "The border should be black, that is 0.",
                {"(padding, padding, padding, padding))": "(padding, padding, padding, padding), value=255)"},
            ),
            Mistake(
                "It pads by 4 pixels, whatever `padding` says.",
                {"(padding, padding, padding, padding)": "(4, 4, 4, 4)"},
            ),
        ),
        variants=(
            Variant(
                "a loop over the images",
                code="def crop(images, top, left, padding=4):\n"
                "    h, w = images.shape[2:]\n"
                "    padded = nn.functional.pad(images, (padding,) * 4)\n"
                "    return torch.stack([p[:, t:t + h, l:l + w] for p, t, l in zip(padded, top.tolist(), left.tolist())])",
            ),
            Variant(
                "two gathers",
                code="def crop(images, top, left, padding=4):\n"
                "    n, c, h, w = images.shape\n"
                "    p = F.pad(images, [padding] * 4)\n"
                "    rows = (top[:, None] + torch.arange(h))[:, None, :, None].expand(n, c, h, p.shape[3])\n"
                "    columns = (left[:, None] + torch.arange(w))[:, None, None, :].expand(n, c, h, w)\n"
                "    return p.gather(2, rows).gather(3, columns)",
            ),
            Variant(
                "unfold: all windows, then one of each",
                code="def crop(images, top, left, padding=4):\n"
                "    n, c, h, w = images.shape\n"
                "    windows = F.pad(images, (padding,) * 4).unfold(2, h, 1).unfold(3, w, 1)\n"
                "    return windows[torch.arange(n), :, top, left]",
            ),
        ),
        hints=(
            "`F.pad(images, (p, p, p, p))` pads left, right, top and bottom. Image i then needs the rows top[i], "
            "top[i] + 1, ...: a table (N, height), which `top[:, None] + torch.arange(height)` gives.",
            "`padded[image[:, None, None], :, rows[:, :, None], columns[:, None, :]]` with `image = "
            "torch.arange(n)` is (N, height, width, C): permute it. (A loop over the images and `torch.stack` is "
            "right as well.)",
        ),
    ),
    Exercise(
        id="4.6",
        names=("q_steps", "q_images", "q_versions"),
        mistakes=(
            Mistake(
                "50 000 / 128 is 390.6: the last batch is smaller, but it is a step as well.",
                values={"q_steps": 390},
            ),
            Mistake(
                "Augmentation replaces each picture by *one* changed version when its turn comes; it adds none.",
                values={"q_steps": 782},
            ),
            Mistake(
                "An epoch is one look at each picture, whatever is done to it on the way: 50 000, not more.",
                values={"q_steps": 391, "q_images": 100_000},
            ),
            Mistake(
                "The last batch is not full: 390 batches of 128 and one of 80. An epoch shows every picture once.",
                values={"q_steps": 391, "q_images": 391 * 128},
            ),
            Mistake(
                "All versions never come in one epoch: each picture is drawn once, in one of them.",
                values={"q_steps": 391, "q_images": 8_100_000},
            ),
            Mistake(
                "Times two: each window may also be mirrored.",
                values={"q_steps": 391, "q_images": 50_000, "q_versions": 81},
            ),
            Mistake(
                "From -4 to 4 there are nine shifts, because 0 counts too.",
                values={"q_steps": 391, "q_images": 50_000, "q_versions": 128},
            ),
            Mistake(
                "Rows and columns shift independently: 9 · 9 windows, each of them mirrored or not.",
                values={"q_steps": 391, "q_images": 50_000, "q_versions": 18},
            ),
            Mistake(
                "162 versions of a picture are not 162 pictures: when its turn comes, one of them is drawn. The "
                "number of steps stays as it was.",
                values={"q_steps": 391 * 162},
            ),
            Mistake(
                "The padding is on *both* sides, so a window begins at row 0, 1, ..., 8 of the padded picture: nine "
                "places, not five.",
                values={"q_steps": 391, "q_images": 50_000, "q_versions": 50},
            ),
        ),
        variants=(
            Variant(
                "computed",
                values={"q_steps": math.ceil(50_000 / 128), "q_images": 5e4, "q_versions": torch.tensor(162)},
            ),
        ),
        hints=(
            "Go through the loop: a batch is drawn, changed, used. How many pictures does it hold after the change?",
            "391 steps with or without it. A window begins at one of 9 rows and one of 9 columns, and is mirrored "
            "or not.",
        ),
    ),
    with_beliefs(
        choice(
            "4.7",
            "q_test",
            {
                "a": "Without standardisation the network would get numbers of another size than those it was trained on.",
                "c": "A random crop at test time makes the answer depend on luck, and not on the picture alone.",
                "d": "Statistics of the test set: see exercise 4.3.",
            },
            {
                1: "Augmentation is cheap: that is no reason to leave it out, or not to.",
                3: "It does not hold as it stands: averaging the predictions for a picture and its mirror image, always "
                "the same two, usually helps a little. It is drawing at *random* that has no place in a test.",
            },
            right="b",
            hints=(
                "Two things are done to a training picture: something random, and something that is always the same.",
                "What is always the same belongs to the network. What is random was there to make training harder.",
            ),
        ),
        Mistake(
            "The picture itself is what counts, but in the units in which the network was trained: standardisation "
            "is not random, and not optional. (And the mirror image of a picture, averaged in, even helps.)",
            values={"q_test": "a", "q_test_reason": 3},
        ),
    ),
    Exercise(
        id="4.8",
        names=("momentum_step",),
        inputs=draw_momentum,
        probe=probe_momentum,
        parts=("params after one step", "params after three steps", "velocities", "gradients left alone"),
        mistakes=(
            Mistake(
                "That is a running *average* of the gradients, v = μv + (1 - μ)g, as Adam has it. Here the whole "
                "gradient is added.",
                {"add_(gradient)": "add_((1 - momentum) * gradient)"},
            ),
            Mistake(
                "The learning rate is in the velocity. As long as it stays the same that gives the same path, but "
                "with a schedule old gradients keep their old rate: multiply when you step.",
                {
                    "add_(gradient)": "add_(learning_rate * gradient)",
                    "-= learning_rate * velocity": "-= velocity",
                },
            ),
            Mistake(
                "The velocity is never remembered: `velocity = ...` makes a new tensor, and the next step starts "
                "from rest again. Change it in place (`mul_`, `add_`, or `velocity[...] =`).",
                {"velocity.mul_(momentum).add_(gradient)": "velocity = momentum * velocity + gradient"},
            ),
            Mistake(
                "The step uses the gradient, not the velocity: that is plain SGD.",
                {"learning_rate * velocity": "learning_rate * gradient"},
            ),
            Mistake(
                "You climb: the step is *minus* the learning rate times the velocity.",
                {"-= learning": "+= learning"},
            ),
            Mistake(
                "μ belongs to the old velocity, not to the new gradient.",
                {".mul_(momentum).add_(gradient)": ".add_(momentum * gradient)"},
            ),
            Mistake(
                "That is Nesterov's variant, which looks a step ahead (`nesterov=True` in PyTorch); asked is the plain one.",
                {"learning_rate * velocity": "learning_rate * (gradient + momentum * velocity)"},
            ),
            Mistake(
                "You step with the velocity from before: update it first.",
                {
                    "        velocity.mul_(momentum).add_(gradient)\n        parameter -= learning_rate * velocity": "        parameter -= learning_rate * velocity\n        velocity.mul_(momentum).add_(gradient)"
                },
            ),
            Mistake(
                "After the call nothing has changed: `v = ...` and `w = ...` make new tensors, which are forgotten "
                "when the function ends. Change the old ones (`mul_`, `add_`, `-=`).",
                {
                    "velocity.mul_(momentum).add_(gradient)": "velocity = momentum * velocity + gradient",
                    "parameter -=": "parameter = parameter -",
                },
            ),
            Mistake(
                "The network's parameters are still the old ones: `w = w - ...` and `params[i] = ...` make new "
                "tensors. Change the tensor itself (`-=` or `sub_`).",
                {"parameter -=": "parameter = parameter -"},
            ),
            Mistake(
                "Your velocity is -η times the one asked for, so it keeps the learning rate of old steps: with a "
                "schedule that is another path. Keep η out of v, and multiply when you step.",
                {
                    "add_(gradient)": "sub_(learning_rate * gradient)",
                    "-= learning_rate * velocity": "+= velocity",
                },
            ),
            Mistake(
                "The old velocity counts 1 + μ times: `v += ...` adds to what is there, and μv + g is the *new* "
                "value.",
                {".mul_(momentum).add_(gradient)": ".add_(momentum * velocity + gradient)"},
            ),
            Mistake(
                "The gradients have changed: they belong to the caller. Change only velocities and parameters.",
                {
                    "velocity.mul_(momentum).add_(gradient)": "gradient.add_(momentum * velocity)\n        velocity.copy_(gradient)"
                },
            ),
        ),
        variants=(
            Variant(
                "by index, assigning into the tensors",
                code="def momentum_step(params, gradients, velocities, learning_rate, momentum):\n"
                "    for i in range(len(params)):\n"
                "        velocities[i][...] = momentum * velocities[i] + gradients[i]\n"
                "        params[i].sub_(velocities[i], alpha=learning_rate)",
            ),
            Variant(
                "new tensors in the list of velocities",
                code="def momentum_step(params, gradients, velocities, learning_rate, momentum):\n"
                "    for i, (p, g) in enumerate(zip(params, gradients)):\n"
                "        velocities[i] = momentum * velocities[i] + g\n"
                "        p -= learning_rate * velocities[i]",
            ),
        ),
        hints=(
            "For each parameter two lines: first the velocity, then the parameter; both in place.",
            "`velocity.mul_(momentum).add_(gradient)`, then `parameter -= learning_rate * velocity`.",
        ),
    ),
    Exercise(
        id="4.9",
        names=("step_rate", "cosine_rate"),
        inputs=lambda g: {
            "peak": 0.5 + torch.rand(1, generator=g).item(),
            "steps": 12,
            "every": 5,
            "factor": 0.2 + 0.2 * torch.rand(1, generator=g).item(),
        },
        probe=probe_schedules,
        parts=("step_rate", "cosine_rate"),
        rtol=1e-6,
        atol=1e-9,
        mistakes=(
            Mistake(
                "The rate falls a little at every step: whole-number division, `//`, makes the stairs.",
                {"step // every": "step / every"},
            ),
            Mistake(
                "Each stair is the factor times the last one: a power, not a product.",
                {"factor ** (step // every)": "(1 - factor * (step // every))"},
            ),
            Mistake(
                "It falls only once: after 2 · `every` steps the factor counts twice, and so on.",
                {"factor ** (step // every)": "(factor if step >= every else 1)"},
            ),
            Mistake(
                "The cosine falls from 1 to -1, so the rate becomes negative: add 1 and take half.",
                {"0.5 * (1 + math.cos(math.pi * step / steps))": "math.cos(math.pi * step / steps)"},
            ),
            Mistake("Half of it: 1 + cos 0 is 2.", {"peak * 0.5 *": "peak *"}),
            Mistake("It rises: 1 + cos falls from 2 to 0.", {"1 + math.cos": "1 - math.cos"}),
            Mistake(
                "π is missing: the cosine is 0 at π/2 and -1 at π, and takes radians.",
                {"math.pi * step": "step"},
            ),
            Mistake(
                "That is a whole period: the rate comes back up to its peak at the end.",
                {"math.pi * step": "2 * math.pi * step"},
            ),
            Mistake(
                "The factor is raised to the number of stairs, not multiplied by it: on the first stair that would "
                "be 0.",
                {"factor ** (step // every)": "factor * (step // every)"},
            ),
            Mistake(
                "The stairs come one step too early: at step 0 no step has been taken.",
                {"step // every": "(step + 1) // every"},
            ),
            Mistake(
                "That rounds to the nearest stair, so the rate falls halfway: ⌊ ⌋ cuts off, as `//` does.",
                {"step // every": "round(step / every)"},
            ),
            Mistake(
                "That is the remainder, which starts anew with each stair: whole-number division is `//`.",
                {"step // every": "step % every"},
            ),
            Mistake(
                "The factor is below 1: multiplying by it makes the rate fall, dividing makes it rise.",
                {"peak * factor **": "peak / factor **"},
            ),
            Mistake(
                "That is a quarter of a cosine: it starts to fall as slowly, but ends at its steepest. Half a "
                "cosine, from 1 to -1, lands softly.",
                {"0.5 * (1 + math.cos(math.pi * step / steps))": "math.cos(math.pi * step / steps / 2)"},
            ),
            Mistake(
                "It is 0 one step too early: divide by `steps`, not by one less.",
                {"math.pi * step / steps": "math.pi * step / (steps - 1)"},
            ),
            Mistake("`math.cos` takes radians: half a turn is π, not 180.", {"math.pi": "180"}),
        ),
        variants=(
            Variant(
                "loop and half-angle formula",
                code="def step_rate(peak, step, every, factor):\n"
                "    for _ in range(step // every):\n        peak = peak * factor\n    return peak\n"
                "def cosine_rate(peak, step, steps):\n"
                "    return peak * math.cos(math.pi * step / steps / 2) ** 2",
            ),
        ),
        hints=(
            "How many times has the rate been cut at step 12, if `every` is 5? Whole-number division says it.",
            "`peak * factor ** (step // every)`, and `peak * 0.5 * (1 + math.cos(math.pi * step / steps))`.",
        ),
    ),
    Exercise(
        id="4.10",
        names=("q_limit", "q_steps_90", "q_swing"),
        # two digits of 1/1.9 are 0.53, but 21.85 is no number of steps
        rtol=5e-3,
        atol=2.5e-3,
        mistakes=(
            Mistake(
                "In the limit v = 0.9 v + g. Solve it for v.",
                values={"q_limit": 0.9},
            ),
            Mistake(
                "v = 0.9 v + g means 0.1 v = g, so v is ten times g, not 1.9 times: the gradient comes at every step.",
                values={"q_limit": 1.9},
            ),
            Mistake(
                "After n steps v = g (1 - 0.9ⁿ)/0.1. After 21 steps that is 8.9 g, not yet 9 g.",
                values={"q_limit": 10, "q_steps_90": 21},
            ),
            Mistake(
                "Ten steps bring 65 %: 1 - 0.9¹⁰. When is 0.9ⁿ at most 0.1?",
                values={"q_limit": 10, "q_steps_90": 10},
            ),
            Mistake(
                "If the gradient changes its sign at every step, the velocities do not add up to nothing: each time "
                "the last gradient is there in full, and 0.9 of the opposite velocity.",
                values={"q_limit": 10, "q_steps_90": 22, "q_swing": 0},
            ),
            Mistake(
                "The old velocity points the other way: |v| = |g| - 0.9 |v|, with a minus.",
                values={"q_limit": 10, "q_steps_90": 22, "q_swing": 10},
            ),
            Mistake(
                "That is the swing of plain SGD. With momentum |v| = |g| - 0.9 |v|.",
                values={"q_limit": 10, "q_steps_90": 22, "q_swing": 1},
            ),
            Mistake(
                "The velocity is a sum, not a mean: g + 0.9 g + 0.81 g + ..., which is more than g.",
                values={"q_limit": 1},
            ),
            Mistake(
                "The sum begins with the newest gradient in full: 1 + 0.9 + 0.81 + ..., not 0.9 + 0.81 + ....",
                values={"q_limit": 9},
            ),
            Mistake(
                "v = 0.9 v + 1 gives 0.1 v = 1: divide by what is missing to 1, not by μ.",
                values={"q_limit": 1 / 0.9},
            ),
            Mistake(
                "Only whole steps are taken: the first n with 0.9ⁿ ≤ 0.1.",
                values={"q_limit": 10, "q_steps_90": math.log(0.1) / math.log(0.9)},
            ),
            Mistake(
                "After 9 steps it is 10 · (1 - 0.9⁹), about 6.1: each step brings less than the one before.",
                values={"q_limit": 10, "q_steps_90": 9},
            ),
            Mistake(
                "That is the first n with 0.9ⁿ ≤ 0.01, for 99 %.", values={"q_limit": 10, "q_steps_90": 44}
            ),
            Mistake(
                "In size |v| = 1 - 0.9 |v|, so 1.9 |v| = 1. The 10 is the limit for gradients that do not change "
                "sign.",
                values={"q_limit": 10, "q_steps_90": 22, "q_swing": 10 / 1.9},
            ),
            Mistake(
                "Near, but not the number: solve |v| = 1 - 0.9 |v|.",
                values={"q_limit": 10, "q_steps_90": 22, "q_swing": 0.5},
            ),
        ),
        variants=(
            Variant(
                "computed",
                values={
                    "q_limit": 1 / (1 - 0.9),
                    "q_steps_90": math.ceil(math.log(0.1) / math.log(0.9)),
                    "q_swing": torch.tensor(1 / 1.9),
                },
            ),
        ),
        hints=(
            "In the limit the velocity no longer changes: v = 0.9 v + 1. For the third question it changes only its "
            "sign: -v = 0.9 v - 1.",
            "1/(1 - 0.9); the first n with 0.9ⁿ ≤ 0.1; 1/(1 + 0.9).",
        ),
    ),
    Exercise(
        id="4.11",
        names=("dropout",),
        inputs=lambda g: {
            "x": 1 + torch.randn(4, 6, generator=g).abs(),
            "p": 0.25 + 0.1 * torch.rand(1, generator=g).item(),
            # among the 24 numbers some lie below p, and some between p and 1 - p, on every seed
            "noise": torch.linspace(0.01, 0.99, 24)[torch.randperm(24, generator=g)].reshape(4, 6),
        },
        probe=probe_dropout,
        parts=("in training", "in evaluation", "the input left alone"),
        mistakes=(
            Mistake(
                "What is left must make up for what is gone: divide by 1 - p, so that the mean stays the same (the "
                "report leaves this out).",
                {" / (1 - p)": ""},
            ),
            Mistake(
                "You divide by p; the share that is *kept* is 1 - p.",
                {" / (1 - p)": " / p"},
            ),
            Mistake(
                "p is the share that is dropped, and you keep it: keep where the noise is at least p.",
                {"noise >= p": "noise < p"},
            ),
            Mistake(
                "In evaluation nothing is dropped and nothing is scaled: the input comes back as it is.",
                {"    if not training:\n        return x\n": ""},
            ),
            Mistake(
                "Nothing is dropped in training: `training` is the wrong way round.",
                {"if not training": "if training"},
            ),
            Mistake(
                "That is dropout as it was first published: nothing in training, times 1 - p in evaluation. The mean "
                "fits too, but every program of today scales in training, so that evaluation costs nothing.",
                {" / (1 - p)": "", "        return x\n": "        return x * (1 - p)\n"},
            ),
            Mistake(
                "The scaling belongs to training only: in evaluation all units are there.",
                {"        return x\n": "        return x / (1 - p)\n"},
            ),
            Mistake(
                "The noise itself is multiplied in: turn it into a mask of zeros and ones with a comparison.",
                {"(noise >= p)": "noise"},
            ),
            Mistake(
                "*Divide* by 1 - p: what is left must become larger, not smaller.",
                {" / (1 - p)": " * (1 - p)"},
            ),
            Mistake(
                "You keep where the noise is below p, with probability p. Here p is the share that is *dropped*; "
                "keep the others, and divide by 1 - p.",
                {"(noise >= p) / (1 - p)": "(noise < p) / p"},
            ),
            Mistake(
                "You divide by the share that happened to stay. The factor is 1/(1 - p), the same for every batch.",
                {"/ (1 - p)": "/ (noise >= p).float().mean()"},
            ),
            Mistake(
                "The zeros are written into the caller's x, which is still needed: `torch.where` or a product makes "
                "a new tensor.",
                {"return x * (noise >= p) / (1 - p)": "x[noise < p] = 0\n    return x / (1 - p)"},
            ),
        ),
        variants=(
            Variant(
                "torch.where",
                code="def dropout(x, p, noise, training):\n"
                "    return torch.where(noise < p, torch.zeros_like(x), x / (1 - p)) if training else x",
            ),
            Variant(
                "masked_fill",
                code="def dropout(x, p, noise, training):\n"
                "    if training:\n        x = x.masked_fill(noise < p, 0.0).div(1 - p)\n    return x",
            ),
        ),
        hints=(
            "`noise >= p` is a mask: False with probability p. What is the mean of `x * mask`, compared with x?",
            "In training `x * (noise >= p) / (1 - p)`, otherwise `x`.",
        ),
    ),
    Exercise(
        id="4.12",
        names=("q_mean", "q_largest", "q_variance", "q_unscaled"),
        mistakes=(
            Mistake(
                "A quarter of the units is kept, and each counts four times: the mean is that of the input, 1.",
                values={"q_mean": 0.25},
            ),
            Mistake(
                "Three quarters are *dropped*; the quarter that is left is divided by 1 - p.",
                values={"q_mean": 0.75},
            ),
            Mistake(
                "What is kept is divided by 1 - p = 0.25, not by p = 0.75.",
                values={"q_mean": 1, "q_largest": 4 / 3},
            ),
            Mistake(
                "That is the variance without the scaling, p (1 - p). Scaling by 4 multiplies it by 16.",
                values={"q_mean": 1, "q_largest": 4, "q_variance": 0.1875},
            ),
            Mistake(
                "That is the mean of the square. Subtract the square of the mean: 4 - 1.",
                values={"q_mean": 1, "q_largest": 4, "q_variance": 4},
            ),
            Mistake(
                "That is the standard deviation; asked is its square.",
                values={"q_mean": 1, "q_largest": 4, "q_variance": math.sqrt(3)},
            ),
            Mistake(
                "Without the scaling the mean in training is that of a quarter of the units: 0.25. (In evaluation it "
                "would be 1, four times as much.)",
                values={"q_mean": 1, "q_largest": 4, "q_variance": 3, "q_unscaled": 1},
            ),
            Mistake(
                "The mean stays 1, but no single output is 1: it is 0, or what has been divided by 1 - p.",
                values={"q_mean": 1, "q_largest": 1},
            ),
            Mistake(
                "A factor in front of a number counts *squared* in its variance: 16 · 0.1875.",
                values={"q_mean": 1, "q_largest": 4, "q_variance": 0.75},
            ),
            Mistake(
                "The deviation is 3 with probability 0.25, but -1 with probability 0.75: take the mean of both "
                "squares.",
                values={"q_mean": 1, "q_largest": 4, "q_variance": 9},
            ),
            Mistake(
                "p = 0.75 is the share that is dropped: a quarter is left.",
                values={"q_mean": 1, "q_largest": 4, "q_variance": 3, "q_unscaled": 0.75},
            ),
        ),
        variants=(
            Variant(
                "computed",
                values={"q_mean": 0.25 * 4, "q_variance": 0.75 / 0.25, "q_unscaled": torch.tensor(0.25)},
            ),
        ),
        hints=(
            "The output is 0 with probability 0.75, and what with probability 0.25?",
            "It is 4 with probability 0.25. Mean of the square: 0.25 · 16 = 4; minus the square of the mean.",
        ),
    ),
    Exercise(
        id="4.13",
        names=("batch_norm",),
        inputs=draw_norm,
        mistakes=(
            Mistake(
                "Those are statistics of single places; a channel has one mean over the batch, height *and* width: "
                "dim=(0, 2, 3).",
                {"dim=(0, 2, 3)": "dim=0"},
            ),
            Mistake(
                "That normalises every image on its own (instance norm): average over the batch, too.",
                {"dim=(0, 2, 3)": "dim=(2, 3)"},
            ),
            Mistake(
                "That averages over the channels (layer norm): leave dimension 1 out, keep dimension 0 in.",
                {"dim=(0, 2, 3)": "dim=(1, 2, 3)"},
            ),
            Mistake(
                "To normalise, batch norm divides by N: `var` needs `correction=0` (the variance of these very "
                "numbers, not an estimate).",
                {"correction=0": "correction=1"},
            ),
            Mistake(
                "Divide by the root of the variance.", {"(variance + epsilon).sqrt()": "(variance + epsilon)"}
            ),
            Mistake(
                "epsilon is added to the variance, under the root.",
                {"(variance + epsilon).sqrt()": "(variance.sqrt() + epsilon)"},
            ),
            Mistake(
                "epsilon is missing: a channel that is constant would be divided by 0.", {" + epsilon": ""}
            ),
            Mistake(
                "gamma scales and beta shifts; they are exchanged.",
                {
                    "gamma[:, None, None] * x_hat + beta[:, None, None]": "beta[:, None, None] * x_hat + gamma[:, None, None]"
                },
            ),
            Mistake(
                "gamma and beta run along the width (which only works because it is 3 here, like the channels): "
                "give them the shape (C, 1, 1).",
                {"gamma[:, None, None]": "gamma", "beta[:, None, None]": "beta"},
            ),
            Mistake(
                "gamma scales x̂ only: beta is added afterwards.",
                {
                    "gamma[:, None, None] * x_hat + beta[:, None, None]": "gamma[:, None, None] * (x_hat + beta[:, None, None])"
                },
            ),
            Mistake(
                "That is one mean and one variance for all channels: leave dimension 1 out.",
                {"dim=(0, 2, 3)": "dim=(0, 1, 2, 3)"},
            ),
        ),
        variants=(
            Variant(
                "from means of squares",
                code="def batch_norm(x, gamma, beta, epsilon=1e-5):\n"
                "    mean = x.mean((0, 2, 3))\n"
                "    var = (x * x).mean((0, 2, 3)) - mean ** 2\n"
                "    scale = gamma / torch.sqrt(var + epsilon)\n"
                "    return x * scale.view(-1, 1, 1) + (beta - mean * scale).view(-1, 1, 1)",
            ),
            Variant(
                "channels last",
                code="def batch_norm(x, gamma, beta, epsilon=1e-5):\n"
                "    rows = x.movedim(1, -1)\n"
                "    flat = rows.reshape(-1, rows.shape[-1])\n"
                "    var, mean = torch.var_mean(flat, dim=0, unbiased=False)\n"
                "    return ((rows - mean) / (var + epsilon) ** 0.5 * gamma + beta).movedim(-1, 1)",
            ),
        ),
        hints=(
            "The mean and variance of exercise 4.2, only of this batch; `keepdim=True` leaves them the shape "
            "(1, C, 1, 1), which fits x.",
            "`x_hat = (x - mean) / (variance + epsilon).sqrt()` with `x.var(dim=(0, 2, 3), correction=0, "
            "keepdim=True)`; then `gamma[:, None, None] * x_hat + beta[:, None, None]`.",
        ),
    ),
    Exercise(
        id="4.14",
        names=("batch_norm_backward",),
        inputs=draw_norm_backward,
        probe=call_without_autograd,
        parts=("d_x", "d_gamma", "d_beta"),
        mistakes=(
            Mistake(
                "You treat mean and variance as constants. They depend on every x of the channel: two more paths.",
                {"(d_y - mean(d_y) - x_hat * mean(d_y * x_hat))": "d_y"},
            ),
            Mistake(
                "The path through the mean is there, the one through the variance is missing: "
                "- x̂ · mean(d_y · x̂).",
                {" - x_hat * mean(d_y * x_hat)": ""},
            ),
            Mistake(
                "The path through the variance is there, the one through the mean is missing: - mean(d_y).",
                {" - mean(d_y)": ""},
            ),
            Mistake(
                "Both paths end in *means* over the channel, not in sums.",
                {
                    "- mean(d_y) - x_hat * mean(d_y * x_hat)": "- (mean(d_y) + x_hat * mean(d_y * x_hat)) * (x.numel() / x.shape[1])"
                },
            ),
            Mistake(
                "The sign of the path through the variance: a larger deviation makes the variance larger and every "
                "output smaller.",
                {"- x_hat * mean": "+ x_hat * mean"},
            ),
            Mistake("gamma is missing from d_x.", {"gamma[:, None, None] / sd *": "1 / sd *"}),
            Mistake(
                "d_x must be divided by the standard deviation.",
                {"gamma[:, None, None] / sd *": "gamma[:, None, None] *"},
            ),
            Mistake(
                "The variance divides by n here, as in the forward pass: yours divides by n - 1 (`var` unless it is "
                "told `correction=0`).",
                {"mean(centred**2)": "mean(centred**2) * (x.numel() / (x.numel() - x.shape[1]))"},
            ),
            Mistake(
                "d_gamma needs the normalised x̂, for y = γ x̂ + β, not x.",
                {"(d_y * x_hat).sum(": "(d_y * x).sum("},
            ),
            Mistake(
                "gamma and beta are used at every place of the channel: their gradients are sums, not means.",
                {"(d_y * x_hat).sum(": "(d_y * x_hat).mean(", "d_y.sum(": "d_y.mean("},
            ),
            Mistake(
                "n counts all numbers of a channel, N · H · W, not only the images.",
                {
                    "- mean(d_y) - x_hat * mean(d_y * x_hat)": "- (mean(d_y) + x_hat * mean(d_y * x_hat)) * (x.numel() / x.shape[1] / len(x))"
                },
            ),
            Mistake(
                "The path through the variance needs x̂ twice; with x - μ in its place 1/σ² is missing.",
                {"x_hat * mean(d_y * x_hat)": "centred * mean(d_y * centred)"},
            ),
        ),
        variants=(
            Variant(
                "step by step through the graph",
                code="def batch_norm_backward(d_y, x, gamma, epsilon):\n"
                "    dims = (0, 2, 3)\n"
                "    n = x.numel() / x.shape[1]\n"
                "    c = x - x.mean(dims, keepdim=True)\n"
                "    sd = ((c ** 2).mean(dims, keepdim=True) + epsilon).sqrt()\n"
                "    d_xhat = d_y * gamma.view(-1, 1, 1)\n"
                "    d_var = (d_xhat * c).sum(dims, keepdim=True) * -0.5 * sd ** -3\n"
                "    d_mean = -(d_xhat / sd).sum(dims, keepdim=True)\n"
                "    d_x = d_xhat / sd + d_var * 2 * c / n + d_mean / n\n"
                "    return d_x, (d_y * c / sd).sum(dims), d_y.sum(dims)",
            ),
        ),
        hints=(
            "With constant mean and variance, d_x would be γ/σ · d_y. Moving all x of a channel alike changes "
            "nothing, and stretching them changes nothing: d_x must have no part along 1 and none along x̂.",
            "d_x = γ/σ · (d_y - mean(d_y) - x̂ · mean(d_y · x̂)), means over dim=(0, 2, 3) with `keepdim=True`; "
            "d_gamma = sum of d_y · x̂, d_beta = sum of d_y.",
        ),
    ),
    Exercise(
        id="4.15",
        names=("BatchNorm",),
        inputs=draw_norm_module,
        probe=probe_norm_module,
        parts=(
            "output in training",
            "gradient of the input in training",
            "running_mean",
            "running_var",
            "output in evaluation",
            "output for one image in evaluation",
            "evaluation leaves the running statistics alone",
            "running statistics not tracked",
        ),
        mistakes=(
            Mistake(
                "The running variance is an estimate for all data, so it takes the unbiased variance, divided by "
                "n - 1: plain `var`. (To normalise, the batch itself is meant, with `correction=0`.)",
                {"x.var(dim=channel)": "x.var(dim=channel, correction=0)"},
            ),
            Mistake(
                "The other way round: `momentum` is the share of the *new* batch, 1 - momentum that of the old value.",
                {".mul_(1 - m).add_(m *": ".mul_(m).add_((1 - m) *"},
            ),
            Mistake(
                "In evaluation it still uses the batch's own statistics: a picture's answer then depends on its "
                "neighbours. Use the running ones.",
                {
                    "        mean, variance = self": "        return batch_norm(x, self.gamma, self.beta, self.epsilon)\n        mean, variance = self"
                },
            ),
            Mistake(
                "In training the batch's own statistics normalise; the running ones are for evaluation.",
                {"            return batch_norm(x, self.gamma, self.beta, self.epsilon)\n": ""},
            ),
            Mistake(
                "Nobody updates the running statistics: in evaluation they are still 0 and 1.",
                {
                    "self.running_mean.mul_(1 - m).add_(m * x.mean(dim=channel))": "pass",
                    "self.running_var.mul_(1 - m).add_(m * x.var(dim=channel))": "pass",
                },
            ),
            Mistake(
                "The running statistics grow with every batch: shrink the old value by 1 - momentum first.",
                {".mul_(1 - m)": ""},
            ),
            Mistake(
                "Evaluation changes the running statistics: update them in training only.",
                {
                    "        if self.training:\n            with torch.no_grad():": "        if True:\n            with torch.no_grad():",
                    "            return batch_norm(": "        if self.training:\n            return batch_norm(",
                },
            ),
            Mistake(
                "Everything in training runs under `no_grad`, so nothing learns: only the update of the running "
                "statistics belongs there.",
                {"            return batch_norm(": "                return batch_norm("},
            ),
            Mistake(
                "gamma and beta count in evaluation as well.",
                {"return self.gamma[:, None, None] * x_hat + self.beta[:, None, None]": "return x_hat"},
            ),
            Mistake(
                "epsilon counts in evaluation as well.",
                {"(variance + self.epsilon).sqrt()": "variance.sqrt()"},
            ),
            Mistake(
                "The batch is normalised with n - 1. That is for the running variance only: here `correction=0`.",
                {
                    "            return batch_norm(x, self.gamma, self.beta, self.epsilon)\n": "            x = (x - x.mean(channel, keepdim=True)) / (x.var(channel, keepdim=True) + self.epsilon).sqrt()\n            return self.gamma[:, None, None] * x + self.beta[:, None, None]\n"
                },
            ),
            Mistake(
                "The output is right, the gradient is not: mean and variance of the batch are computed without "
                "autograd, so two of the three paths of exercise 4.14 are missing. Only the *update* belongs under "
                "`no_grad`.",
                {
                    "            return batch_norm(x, self.gamma, self.beta, self.epsilon)\n": "            y = x.detach()\n            x = (x - y.mean(channel, keepdim=True)) / (y.var(channel, correction=0, keepdim=True) + self.epsilon).sqrt()\n            return self.gamma[:, None, None] * x + self.beta[:, None, None]\n"
                },
            ),
            Mistake(
                "Autograd tracks the running statistics: its graph grows with every batch, and the second "
                "`backward` fails. Update them under `torch.no_grad()`.",
                {"with torch.no_grad():": "if True:"},
            ),
            Mistake(
                "Only the last batch is remembered: the old value keeps the share 1 - m.",
                {".mul_(1 - m).add_(m *": ".mul_(0).add_("},
            ),
            Mistake(
                "`running_var` must hold a variance; you keep a standard deviation, and the mean of roots is not "
                "the root of the mean.",
                {
                    "m * x.var(dim=channel)": "m * x.std(dim=channel)",
                    "(variance + self.epsilon)": "(variance**2 + self.epsilon)",
                },
            ),
        ),
        variants=(
            Variant(
                "lerp_ and new buffers",
                code="class BatchNorm(nn.Module):\n"
                "    def __init__(self, channels, momentum=0.1, epsilon=1e-5):\n"
                "        super().__init__()\n"
                "        self.gamma = nn.Parameter(torch.ones(channels))\n"
                "        self.beta = nn.Parameter(torch.zeros(channels))\n"
                "        self.register_buffer('running_mean', torch.zeros(channels))\n"
                "        self.register_buffer('running_var', torch.ones(channels))\n"
                "        self.momentum, self.epsilon = momentum, epsilon\n"
                "    def forward(self, x):\n"
                "        var, mean = torch.var_mean(x, dim=(0, 2, 3), correction=0)\n"
                "        if self.training:\n"
                "            n = x.numel() / x.shape[1]\n"
                "            self.running_mean.lerp_(mean.detach(), self.momentum)\n"
                "            self.running_var = self.running_var + self.momentum * (var.detach() * n / (n - 1) - self.running_var)\n"
                "        else:\n"
                "            mean, var = self.running_mean, self.running_var\n"
                "        scale = self.gamma * torch.rsqrt(var + self.epsilon)\n"
                "        return x * scale[:, None, None] + (self.beta - mean * scale)[:, None, None]",
            ),
            Variant(
                "F.batch_norm",
                code="class BatchNorm(nn.Module):\n"
                "    def __init__(self, channels, momentum=0.1, epsilon=1e-5):\n"
                "        super().__init__()\n"
                "        self.gamma = nn.Parameter(torch.ones(channels))\n"
                "        self.beta = nn.Parameter(torch.zeros(channels))\n"
                "        self.register_buffer('running_mean', torch.zeros(channels))\n"
                "        self.register_buffer('running_var', torch.ones(channels))\n"
                "        self.momentum, self.epsilon = momentum, epsilon\n"
                "    def forward(self, x):\n"
                "        return F.batch_norm(x, self.running_mean, self.running_var, self.gamma, self.beta,\n"
                "                            self.training, self.momentum, self.epsilon)",
            ),
        ),
        hints=(
            "`self.training` says in which mode the layer is. In training: update the two running statistics, then "
            "return what `batch_norm` gives. In evaluation: the same formula with the running statistics.",
            "Under `torch.no_grad()`: `self.running_mean.mul_(1 - m).add_(m * x.mean(dim=(0, 2, 3)))` with `m = "
            "self.momentum`, the variance likewise with `x.var(dim=(0, 2, 3))`, which divides by n - 1.",
        ),
    ),
    with_beliefs(
        choice(
            "4.16",
            "q_bias",
            {
                "b": "The gradient of β is the plain sum of d_y. A bias *before* the norm goes through it.",
                "c": "That holds in evaluation, where the mean is a fixed number. In training the mean moves along with the "
                "bias and takes it away again.",
                "d": "Nothing here divides by the batch size: the gradients of both are sums over the batch, and the numbers "
                "that the bias's gradient sums add up to 0.",
            },
            {
                1: "It does not matter where the bias starts: its gradient is 0 at every value.",
                3: "It is true that β shifts the output, but that alone would only make two gradients equal, not one of "
                "them 0.",
            },
            right="a",
            hints=(
                "Add the same number to every x of a channel: what happens to x minus the channel's mean?",
                "In your formula for d_x: what is the sum of d_y - mean(d_y) over the channel, and the sum of x̂?",
            ),
        ),
        Mistake(
            "After the norm a shift is a shift, but this one comes *before* it: what is added to a whole channel is "
            "taken away with its mean.",
            values={"q_bias": "b", "q_bias_reason": 3},
        ),
        Mistake(
            "That is the direct path only. The bias also moves the mean, which is subtracted: both cancel.",
            values={"q_bias": "c", "q_bias_reason": 3},
        ),
    ),
    Exercise(
        id="4.17",
        names=("affine_matrices",),
        inputs=draw_affine,
        rtol=1e-4,
        atol=1e-5,
        mistakes=(
            Mistake(
                "That maps from the old picture to the new one. A new pixel asks where to look in the *old* one: the "
                "inverse, which turns back and divides by the scale.",
                {
                    "torch.stack([cos, sin, zero, -sin, cos, zero]": "torch.stack([cos * scale**2, -sin * scale**2, zero, sin * scale**2, cos * scale**2, zero]"
                },
            ),
            Mistake(
                "The scale is the wrong way round: to see a picture twice as large, look at places half as far from "
                "the centre.",
                {"/ scale": "* scale"},
            ),
            Mistake(
                "It turns the other way: exchange the signs of the two sines.",
                {"cos, sin, zero, -sin, cos": "cos, -sin, zero, sin, cos"},
            ),
            Mistake(
                "Cosine and sine take radians: `torch.deg2rad(degrees)`.",
                {"torch.deg2rad(degrees)": "degrees"},
            ),
            Mistake("The scale is missing.", {" / scale": ""}),
            Mistake(
                "The last column is the shift, here zero: each matrix is 2 x 3.",
                {
                    "cos, sin, zero, -sin, cos, zero": "cos, sin, -sin, cos",
                    "reshape(-1, 2, 3)": "reshape(-1, 2, 2)",
                },
            ),
            Mistake(
                "Shifts belong in the last column; the zeros stand in another one.",
                {"cos, sin, zero, -sin, cos, zero": "zero, cos, sin, zero, -sin, cos"},
            ),
            Mistake("Divided by the scale twice: once is enough.", {"/ scale": "/ scale**2"}),
            Mistake(
                "One of the two sines has a minus: without it the map mirrors, or worse.",
                {"-sin, cos, zero": "sin, cos, zero"},
            ),
        ),
        variants=(
            Variant(
                "inverting the forward map",
                code="def affine_matrices(degrees, scale):\n"
                "    a = degrees * math.pi / 180\n"
                "    forward = scale[:, None, None] * torch.stack(\n"
                "        [torch.stack([a.cos(), -a.sin()], 1), torch.stack([a.sin(), a.cos()], 1)], 1)\n"
                "    return F.pad(torch.linalg.inv(forward), (0, 1))",
            ),
            Variant(
                "filling zeros",
                code="def affine_matrices(degrees, scale):\n"
                "    m = torch.zeros(len(degrees), 2, 3)\n"
                "    a = torch.deg2rad(degrees)\n"
                "    m[:, 0, 0] = m[:, 1, 1] = a.cos() / scale\n"
                "    m[:, 0, 1] = a.sin() / scale\n    m[:, 1, 0] = -a.sin() / scale\n    return m",
            ),
        ),
        hints=(
            "The forward map is s [[cos, -sin], [sin, cos]]. The inverse of a rotation turns back, and that of a "
            "scaling divides.",
            "(1/s) [[cos, sin, 0], [-sin, cos, 0]]: `torch.stack([...], dim=1)` of six tensors (N,), divided by the "
            "scale, then `reshape(-1, 2, 3)`.",
        ),
    ),
    Exercise(
        id="4.18",
        names=("adam_step",),
        inputs=draw_adam,
        probe=probe_adam,
        parts=("params after one step", "params after three steps", "gradients left alone"),
        mistakes=(
            Mistake(
                "The bias corrections are missing: after one step m is only (1 - β₁) g. Divide by 1 - β₁ᵗ and 1 - β₂ᵗ.",
                {" / (1 - beta1**step)": "", " / (1 - beta2**step)": ""},
            ),
            Mistake(
                "v needs its correction as well: divide by 1 - β₂ᵗ.",
                {" / (1 - beta2**step)": ""},
            ),
            Mistake(
                "m needs its correction as well: divide by 1 - β₁ᵗ.",
                {" / (1 - beta1**step)": ""},
            ),
            Mistake(
                "The corrections must fade as steps go by: the power t, `beta1**step`, is missing.",
                {"beta1**step": "beta1", "beta2**step": "beta2"},
            ),
            Mistake("The root of v is missing: v is in units of g².", {"v_hat.sqrt()": "v_hat"}),
            Mistake(
                "epsilon is added to the root, not under it.",
                {"(v_hat.sqrt() + epsilon)": "(v_hat + epsilon).sqrt()"},
            ),
            Mistake(
                "v is the running mean of the *squared* gradient.",
                {"(1 - beta2) * gradient**2": "(1 - beta2) * gradient.abs()"},
            ),
            Mistake(
                "Both are running *means*: the new part counts with 1 - β, not in full.",
                {"(1 - beta1) * gradient": "gradient", "(1 - beta2) * gradient**2": "gradient**2"},
            ),
            Mistake(
                "The step goes along m, the mean of the gradients, not along the last gradient (that would be RMSprop).",
                {"learning_rate * m_hat": "learning_rate * gradient"},
            ),
            Mistake(
                "You climb: the step is *minus* the learning rate times ...", {"parameter -=": "parameter +="}
            ),
            Mistake(
                "The network's parameters are still the old ones: `w = w - ...` and `params[i] = ...` make new "
                "tensors. Change the tensor itself (`-=` or `sub_`).",
                {"parameter -=": "parameter = parameter -"},
            ),
            Mistake(
                "m and v are not remembered: `m = ...` makes a new tensor, and the next step starts from zero. "
                "Change them in place.",
                {
                    "m.mul_(beta1).add_((1 - beta1) * gradient)": "m = beta1 * m + (1 - beta1) * gradient",
                    "v.mul_(beta2).add_((1 - beta2) * gradient**2)": "v = beta2 * v + (1 - beta2) * gradient**2",
                },
            ),
            Mistake(
                "The corrected values are for this step only: m and v themselves stay uncorrected, or the next step "
                "corrects them again.",
                {
                    "m / (1 - beta1**step), v / (1 - beta2**step)": "m.div_(1 - beta1**step), v.div_(1 - beta2**step)"
                },
            ),
            Mistake(
                "`step` counts from 1 already: the powers are t, not t + 1.",
                {"beta1**step": "beta1 ** (step + 1)", "beta2**step": "beta2 ** (step + 1)"},
            ),
            Mistake(
                "`step` counts from 1 already. With the power t - 1 the first correction is 1 - β⁰ = 0, and you "
                "divide by it.",
                {"beta1**step": "beta1 ** (step - 1)", "beta2**step": "beta2 ** (step - 1)"},
            ),
            Mistake(
                "v is the running mean of g *squared*: without the square it can be negative, and has no root.",
                {"gradient**2": "gradient"},
            ),
            Mistake(
                "β₁ and β₂ are exchanged: the first belongs to m, the second to v.",
                {"for parameter": "beta2, beta1 = betas\n    for parameter"},
            ),
            Mistake(
                "The gradients have changed: they belong to the caller. `g**2` makes a new tensor, `pow_` and `*=` "
                "do not.",
                {"gradient**2": "gradient.square_()"},
            ),
        ),
        variants=(
            Variant(
                "lerp_ and addcdiv_",
                code="def adam_step(params, gradients, first, second, step, learning_rate, betas=(0.9, 0.999), epsilon=1e-8):\n"
                "    for p, g, m, v in zip(params, gradients, first, second):\n"
                "        m.lerp_(g, 1 - betas[0])\n        v.lerp_(g.square(), 1 - betas[1])\n"
                "        root = (v / (1 - betas[1] ** step)).sqrt().add_(epsilon)\n"
                "        p.addcdiv_(m, root, value=-learning_rate / (1 - betas[0] ** step))",
            ),
            Variant(
                "new tensors in the lists",
                code="def adam_step(params, gradients, first, second, step, learning_rate, betas=(0.9, 0.999), epsilon=1e-8):\n"
                "    b1, b2 = betas\n"
                "    for i, g in enumerate(gradients):\n"
                "        first[i] = b1 * first[i] + (1 - b1) * g\n"
                "        second[i] = b2 * second[i] + (1 - b2) * g * g\n"
                "        m, v = first[i] / (1 - b1**step), second[i] / (1 - b2**step)\n"
                "        params[i] -= learning_rate * m / (torch.sqrt(v) + epsilon)",
            ),
        ),
        hints=(
            "Four lines for each parameter: m, v, then the two corrected values; then the step.",
            "`m.mul_(beta1).add_((1 - beta1) * gradient)`, v likewise with `gradient**2`; "
            "`m_hat = m / (1 - beta1**step)`, v_hat likewise; the step is `learning_rate * m_hat / (v_hat.sqrt() + epsilon)`.",
        ),
    ),
    Exercise(
        id="4.19",
        names=("q_small", "q_large", "q_ratio"),
        rtol=5e-3,
        mistakes=(
            Mistake(
                "That is SGD's step, rate times gradient. Put t = 1 into your formulas: m̂ = g and √v̂ = |g|.",
                values={"q_small": 0.0001, "q_large": 100},
            ),
            Mistake(
                "Without the bias corrections it would be rate · 0.1 g / √(0.001 g²). They are there: m̂ = g, v̂ = g².",
                values={"q_small": 0.1 * 0.1 / math.sqrt(0.001)},
            ),
            Mistake(
                "A large gradient makes no larger step: it stands above and below the fraction line.",
                values={"q_small": 0.1, "q_large": 100},
            ),
            Mistake(
                "g / |g| is 1, and the learning rate 0.1 is in front of it.",
                values={"q_small": 1, "q_large": 1},
            ),
            Mistake(
                "The other way round: 0.1 is four times 0.025.",
                values={"q_small": 0.1, "q_large": 0.1, "q_ratio": 0.25},
            ),
            Mistake(
                "fan_in is the number of inputs of one output: 5 · 5 · 64 = 1600, whose root is 40.",
                values={"q_small": 0.1, "q_large": 0.1, "q_ratio": 0.8},
            ),
            Mistake(
                "Adam's step does not know how long the gradient is: g / |g| is 1, for small ones as well.",
                values={"q_small": 0.001},
            ),
            Mistake(
                "The corrections make up for 1 - β₁ = 0.1: m̂ is g, not 0.1 g.",
                values={"q_small": 0.01, "q_large": 0.01},
            ),
            Mistake(
                "An output reads the 5 · 5 pixels of *every* channel: fan_in is 5 · 5 · 64.",
                values={"q_small": 0.1, "q_large": 0.1, "q_ratio": 0.5},
            ),
            Mistake(
                "The bound is one over the *root* of fan_in: 1/40.",
                values={"q_small": 0.1, "q_large": 0.1, "q_ratio": 160},
            ),
            Mistake(
                "A filter has 5 · 5 pixels, not 5: fan_in is 5 · 5 · 64.",
                values={"q_small": 0.1, "q_large": 0.1, "q_ratio": 0.1 * math.sqrt(5 * 64)},
            ),
            Mistake(
                "The largest weight is 1/40; from -1/40 to 1/40 is the whole range.",
                values={"q_small": 0.1, "q_large": 0.1, "q_ratio": 2},
            ),
        ),
        variants=(
            Variant(
                "computed",
                values={
                    "q_small": 0.1 * 1e-3 / math.sqrt(1e-6),
                    "q_ratio": torch.tensor(0.1 * math.sqrt(5 * 5 * 64)),
                },
            ),
        ),
        hints=(
            "At the first step m = (1 - β₁) g, and the correction divides by 1 - β₁ again. The same for v.",
            "So the step is rate · g/|g| = rate, whatever g is. The weights start between ±1/√1600 = ±0.025.",
        ),
    ),
    Exercise(
        id="4.20",
        names=("smoothed_cross_entropy",),
        inputs=draw_smoothing,
        probe=probe_smoothing,
        parts=("loss of a batch", "losses of single examples", "gradient of the logits"),
        mistakes=(
            Mistake(
                "Smoothing spreads the share over *all* classes, the true one too: s/K each.",
                {
                    "(1 - smoothing) * one_hot + smoothing / classes": "(1 - smoothing) * one_hot + smoothing / (classes - 1) * (1 - one_hot)"
                },
            ),
            Mistake(
                "The targets must sum to 1: what is spread is taken from the true class, hence 1 - s.",
                {"(1 - smoothing) * one_hot": "one_hot"},
            ),
            Mistake("s is spread over K classes: s/K each.", {"smoothing / classes": "smoothing"}),
            Mistake(
                "The softmax runs over the examples; it belongs over the classes, dim=1.",
                {"log_softmax(dim=1)": "log_softmax(dim=0)"},
            ),
            Mistake("The mean over the batch is missing: that is the sum.", {".sum(dim=1).mean()": ".sum()"}),
            Mistake(
                "That also averages over the classes: sum over them, then take the mean over the batch.",
                {".sum(dim=1).mean()": ".mean()"},
            ),
            Mistake("The minus is missing: the loss is -Σ q log p.", {"return -(": "return ("}),
            Mistake(
                "The logarithm is missing: -Σ q log p.",
                {"log_softmax": "softmax"},
            ),
            Mistake(
                "That is the plain cross-entropy; the smoothing is not in it.",
                {"(1 - smoothing) * one_hot + smoothing / classes": "one_hot"},
            ),
            Mistake(
                "The true class gets its share of what is spread as well: 1 - s + s/K. As it is, the targets do not "
                "sum to 1.",
                {
                    "(1 - smoothing) * one_hot + smoothing / classes": "torch.where(one_hot == 1, 1 - smoothing, smoothing / classes)"
                },
            ),
            Mistake(
                "That is the softmax of a softmax: `cross_entropy` and `log_softmax` take the logits themselves.",
                {"logits.log_softmax(dim=1)": "logits.softmax(dim=1).log_softmax(dim=1)"},
            ),
            Mistake(
                "Logits are no log-probabilities yet: `log_softmax` makes them.",
                {"logits.log_softmax(dim=1)": "logits"},
            ),
            Mistake(
                "The other way round: 1 - s stays with the true class, and s is spread.",
                {
                    "(1 - smoothing) * one_hot + smoothing / classes": "smoothing * one_hot + (1 - smoothing) / classes"
                },
            ),
            Mistake("Half of it: the part s/K for every class is missing.", {" + smoothing / classes": ""}),
            Mistake(
                "That mixes the *probabilities* with 1/K. Smoothing changes the targets, outside the logarithm.",
                {
                    "return -(targets * logits.log_softmax(dim=1)).sum(dim=1).mean()": "mixed = (1 - smoothing) * logits.softmax(dim=1) + smoothing / classes\n    return -(one_hot * mixed.log()).sum(dim=1).mean()"
                },
            ),
            Mistake(
                "The number is right, but nothing can flow back through it: `.item()` (or `float`) leaves autograd. "
                "Return the tensor.",
                {".sum(dim=1).mean()": ".sum(dim=1).mean().item()"},
            ),
        ),
        variants=(
            Variant(
                "two losses mixed",
                code="def smoothed_cross_entropy(logits, labels, smoothing):\n"
                "    log_p = F.log_softmax(logits, dim=1)\n"
                "    true = -log_p.gather(1, labels[:, None]).mean()\n"
                "    return (1 - smoothing) * true - smoothing * log_p.mean()",
            ),
            Variant(
                "probabilities as targets",
                code="def smoothed_cross_entropy(logits, labels, smoothing):\n"
                "    q = torch.full_like(logits, smoothing / logits.shape[1])\n"
                "    q[torch.arange(len(labels)), labels] += 1 - smoothing\n"
                "    return F.cross_entropy(logits, q)",
            ),
        ),
        hints=(
            "Build the targets q first: one-hot labels times 1 - s, plus s/K everywhere.",
            "`-(targets * logits.log_softmax(dim=1)).sum(dim=1).mean()`.",
        ),
    ),
    Exercise(
        id="4.21",
        names=("patch_filters",),
        inputs=draw_patches,
        probe=probe_filters,
        # a covariance with N - 1 instead of N is as good: with 240 patches the filters differ by 0.2 %
        rtol=3e-3,
        atol=1e-6,
        mistakes=(
            Mistake(
                "`eigh` returns the eigenvalues in rising order: you took the *smallest*, the finest noise. Turn the "
                "order round.",
                {".flip(0)[:count]": "[:count]", ".flip(1)[:, :count]": "[:, :count]"},
            ),
            Mistake(
                "The right eigenvectors in the wrong order: the largest eigenvalue comes first.",
                {".flip(0)[:count]": "[-count:]", ".flip(1)[:, :count]": "[:, -count:]"},
            ),
            Mistake(
                "The eigenvectors are the columns of the matrix; you took rows.",
                {"vectors.flip(1)": "vectors.T.flip(1)"},
            ),
            Mistake(
                "Eigenvalues and eigenvectors do not belong together: the order of both must be turned round.",
                {"eigenvalues.flip(0)": "eigenvalues"},
            ),
            Mistake(
                "Each filter must be divided by the root of its eigenvalue (plus epsilon): only then have all outputs "
                "the same variance.",
                {"(vectors / (eigenvalues + epsilon).sqrt())": "vectors"},
            ),
            Mistake(
                "The root is missing: the variance of an output is the square of the factor times λ.",
                {"(eigenvalues + epsilon).sqrt()": "(eigenvalues + epsilon)"},
            ),
            Mistake(
                "The mean patch is not taken away, so the first direction mostly points at the mean.",
                {"patches - patches.mean(dim=0)": "patches"},
            ),
            Mistake(
                "`F.unfold` gives (N, C·size·size, places): each *column* is a patch. Reshaped without `transpose`, "
                "rows mix numbers of different patches.",
                {".transpose(1, 2)": ""},
            ),
            Mistake(
                "A patch holds its channels one after the other: the filters are (count, C, size, size), not "
                "(count, size, size, C) put in another order.",
                {
                    "filters.reshape(count, channels, size, size)": "filters.reshape(count, size, size, channels).permute(0, 3, 1, 2)"
                },
            ),
            Mistake(
                "epsilon is added to the eigenvalue, under the root.",
                {"(eigenvalues + epsilon).sqrt()": "(eigenvalues.sqrt() + epsilon)"},
            ),
            Mistake(
                "epsilon is missing: the filters of small eigenvalues, mostly noise, become too large.",
                {"(eigenvalues + epsilon)": "eigenvalues"},
            ),
            Mistake(
                "`reshape` reads row after row, and the filters are columns: transpose first.",
                {".sqrt()).T": ".sqrt())"},
            ),
            Mistake(
                "The mean patch has one number for each place and channel: `patches.mean(dim=0)`. You subtract a "
                "single one.",
                {"patches.mean(dim=0)": "patches.mean()"},
            ),
            Mistake(
                "The covariance is a mean over the *patches*: divide by their number, not by that of the pictures.",
                {"/ len(patches)": "/ len(images)"},
            ),
            Mistake(
                "Those are rows of a ZCA matrix: each stays near its pixel. Filters are the eigenvectors "
                "themselves, without the turn back.",
                {
                    "filters = (vectors / (eigenvalues + epsilon).sqrt()).T": "filters = zca(patches, epsilon)[1][:count]"
                },
            ),
        ),
        variants=(
            Variant(
                "unfold of the tensor, and an SVD",
                code="def patch_filters(images, size, count, epsilon):\n"
                "    p = images.unfold(2, size, 1).unfold(3, size, 1).permute(0, 2, 3, 1, 4, 5)\n"
                "    p = p.reshape(-1, images.shape[1] * size * size)\n"
                "    p = p - p.mean(0)\n"
                "    u, s, _ = torch.linalg.svd(p.T @ p / len(p))\n"
                "    return (u[:, :count] * (s[:count] + epsilon).rsqrt()).T.reshape(count, -1, size, size)",
            ),
            Variant(
                "torch.cov and sorting",
                code="def patch_filters(images, size, count, epsilon):\n"
                "    p = F.unfold(images, size).permute(1, 0, 2).flatten(1)\n"
                "    lam, u = torch.linalg.eigh(torch.cov(p, correction=0))\n"
                "    order = lam.argsort(descending=True)[:count]\n"
                "    filters = [u[:, i] / (lam[i] + epsilon) ** 0.5 for i in order]\n"
                "    return torch.stack(filters).reshape(count, images.shape[1], size, size)",
            ),
        ),
        hints=(
            "All patches as rows, their mean taken away, the covariance, `torch.linalg.eigh`: as in exercise 4.4. "
            "Then keep the `count` largest eigenvalues and scale each eigenvector.",
            "`F.unfold(images, size).transpose(1, 2).reshape(-1, channels * size * size)` has one patch per row; "
            "`vectors.flip(1)[:, :count]` are the columns of the largest eigenvalues.",
        ),
    ),
    Exercise(
        id="4.22",
        names=("orthogonalise",),
        inputs=lambda g: {"matrix": 3 * torch.randn(3, 5, generator=g), "steps": 3},
        rtol=1e-3,
        atol=1e-4,
        mistakes=(
            Mistake(
                "The matrix is not normalised: singular values above about 1.3 explode. Divide by `matrix.norm()` "
                "first.",
                {"matrix / matrix.norm()": "matrix"},
            ),
            Mistake(
                "That divides by the largest *entry*; divide by the norm of the matrix, the root of the sum of all "
                "squares, which no singular value exceeds.",
                {"matrix.norm()": "matrix.abs().max()"},
            ),
            Mistake(
                "The fifth power is missing: + c (XXᵀ)² X.",
                {"b * square + c * square @ square": "b * square"},
            ),
            Mistake(
                "One step is not enough: repeat it `steps` times.",
                {"range(steps)": "range(1)"},
            ),
            Mistake(
                "That is one step too many.",
                {"range(steps)": "range(steps + 1)"},
            ),
            Mistake(
                "(XXᵀ)² is a matrix product, `square @ square`; `square * square` squares every entry.",
                {"c * square @ square": "c * square * square"},
            ),
            Mistake(
                "XXᵀ must be that of the present X: compute it anew in every step.",
                {
                    "    for _ in range(steps):\n        square = x @ x.T\n": "    square = x @ x.T\n    for _ in range(steps):\n"
                },
            ),
            Mistake("The term a X is missing.", {"a * x + ": ""}),
            Mistake(
                "That takes powers of single entries. The products are matrix products, `x @ x.T`: they alone act "
                "on singular values.",
                {"(b * square + c * square @ square) @ x": "b * x**3 + c * x**5"},
            ),
            Mistake(
                "The last term has (XXᵀ)², `square @ square`; you have XXᵀ twice.",
                {"c * square @ square": "c * square"},
            ),
            Mistake(
                "Normalise once, before the first step: dividing anew in each step undoes the growth towards 1.",
                {
                    "x = matrix / matrix.norm()": "x = matrix",
                    "    square = x": "    x = x / x.norm()\n        square = x",
                },
            ),
            Mistake("It takes five steps, whatever `steps` says.", {"range(steps)": "range(5)"}),
            Mistake(
                "That divides each row by a norm of its own, which changes the directions, and singular values may "
                "stay above 1. One number for the whole matrix: `matrix.norm()`.",
                {"matrix.norm()": "matrix.norm(dim=1, keepdim=True)"},
            ),
            Mistake(
                "That divides by the sum of squares; the norm is its root.",
                {"matrix.norm()": "matrix.square().sum()"},
            ),
            Mistake(
                "The norm is put back at the end. Then the singular values are that much too large: leave it out.",
                {"return x": "return x * matrix.norm()"},
            ),
            Mistake(
                "That is the exact U Vᵀ. Asked is the iteration, `steps` times, which comes near it and needs no "
                "decomposition.",
                code="def orthogonalise(matrix, steps=5):\n    u, _, vt = torch.linalg.svd(matrix, full_matrices=False)\n    return u @ vt",
            ),
        ),
        variants=(
            Variant(
                "on the singular values",
                code="def orthogonalise(matrix, steps=5):\n"
                "    u, s, vt = torch.linalg.svd(matrix, full_matrices=False)\n"
                "    s = s / s.square().sum().sqrt()\n"
                "    for _ in range(steps):\n        s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5\n"
                "    return (u * s) @ vt",
            ),
            Variant(
                "products on the other side",
                code="def orthogonalise(matrix, steps=5):\n"
                "    x = matrix / torch.linalg.matrix_norm(matrix)\n"
                "    for _ in range(steps):\n"
                "        gram = x.T @ x\n"
                "        x = 3.4445 * x + x @ (-4.7750 * gram + 2.0315 * (gram @ gram))\n"
                "    return x",
            ),
        ),
        hints=(
            "`x = matrix / matrix.norm()`, then `steps` times the formula, with `square = x @ x.T` computed anew.",
            "`x = a * x + (b * square + c * square @ square) @ x`.",
        ),
    ),
)

NOTEBOOK = Notebook(
    id="04",
    name="04_improving_cnns",
    title="Improving CNNs, one change at a time",
    data=("cifar10",),
    minutes={"smoke": 0.5, "laptop": 15, "full": 60},
    exercises=EXERCISES,
    withheld=("training.muon", "models.fast_cnn", "data.augmentation", "data.preprocessing"),
)
