"""Notebook 08, attention in two dimensions: inputs, probes, typical mistakes and hints of its exercises.

Longer than other modules because it is content: eleven exercises, each in one place. Report 000, sections 6
and 7; erratum 18 (the classification network gets the weighted mean, two numbers) is taught by exercise 8.5.
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


def draw_clouds(generator: torch.Generator) -> Inputs:
    """Draw as many points as classes (so that a forgotten index runs), not in the order of the classes."""
    return {
        "means": 3 * torch.randn(6, 2, generator=generator),
        "classes": torch.tensor([5, 0, 2, 2, 1, 4]),
        "variance": 0.2 + 0.3 * torch.rand(1, generator=generator).item(),
        "noise": torch.randn(6, 2, generator=generator),
    }


def draw_orders(generator: torch.Generator) -> Inputs:
    """Draw mosaics and an order for each: cycles, which differ from their inverses."""
    order = torch.tensor([[1, 2, 3, 0], [2, 0, 1, 3], [3, 0, 2, 1], [1, 2, 3, 0], [2, 3, 1, 0]])
    return {"mosaics": torch.randn(5, 4, 2, generator=generator), "order": order}


def draw_weight(generator: torch.Generator) -> Inputs:
    """Draw weights of a linear classifier of mosaics, far from zero in the mean."""
    return {"weight": 1 + torch.randn(3, 10, generator=generator), "tiles": 5}


def draw_layout(generator: torch.Generator) -> Inputs:
    """Draw means of four foreground and three background classes, the background's not around 0."""
    means = torch.randn(7, 2, generator=generator) * torch.tensor([2.0, 1.0])
    means[4:] += torch.tensor([1.5, -1.0])
    return {"means": means, "foreground": 4, "tiles": 5, "variance": 0.3, "label": 2}


def draw_attention(generator: torch.Generator) -> Inputs:
    """Draw as many mosaics as tiles (so that a wrong dimension runs), and two small networks."""
    return {
        "mosaics": torch.randn(4, 4, 2, generator=generator),
        "focus": [torch.randn(*shape, generator=generator) for shape in ((5, 2), (5,), (1, 5), (1,))],
        "classify": [torch.randn(*shape, generator=generator) for shape in ((5, 2), (5,), (3, 5), (3,))],
    }


def draw_directions(generator: torch.Generator) -> Inputs:
    """Draw mosaics whose foreground stands out to the upper right, and angles all round."""
    mosaics = torch.randn(40, 4, 2, generator=generator)
    at = torch.randint(4, (40,), generator=generator)
    mosaics[torch.arange(40), at] += torch.tensor([2.0, 1.0])
    angles = torch.tensor([0.0, 0.6, 1.4, 2.2, 3.0, 4.1, 5.2])
    return {"mosaics": mosaics, "foreground_at": at, "angles": angles}


def draw_looks(generator: torch.Generator) -> Inputs:
    """Draw weights and logits of mosaics in which focus and prediction are right and wrong, in all four ways.

    There are as many tiles as classes, so that place and class can be taken for one another.
    """
    at = torch.tensor([0, 1, 2, 0, 1, 2, 0, 1, 2, 0])
    labels = torch.tensor([1, 2, 0, 1, 2, 0, 1, 2, 0, 0])
    focused = torch.tensor([0, 1, 0, 2, 1, 2, 1, 0, 0, 1])  # right, right, elsewhere, elsewhere, ...
    said = torch.tensor([1, 0, 0, 0, 1, 0, 1, 1, 0, 0])  # right, wrong, right, wrong, ...
    scores = torch.rand(10, 3, generator=generator)
    logits = torch.rand(10, 3, generator=generator)
    rows = torch.arange(10)
    scores[rows, focused] += 1.5
    logits[rows, said] += 1.5
    return {
        "weights": scores.softmax(dim=1),
        "foreground_at": at,
        "logits": logits,
        "labels": labels,
    }


def draw_lead(generator: torch.Generator) -> Inputs:
    """Draw a weight other than one half, and a number of tiles."""
    return {
        "weight": 0.6 + 0.3 * torch.rand(1, generator=generator).item(),
        "tiles": int(torch.randint(5, 12, (1,), generator=generator)),
    }


def draw_pull(generator: torch.Generator) -> Inputs:
    """Draw mosaics with weights that are not all alike, and a linear classifier with a bias."""
    return {
        "mosaics": torch.randn(6, 4, 2, generator=generator),
        "weights": (2 * torch.randn(6, 4, generator=generator)).softmax(dim=1),
        "W": torch.randn(3, 2, generator=generator),
        "b": torch.randn(3, generator=generator),
        "labels": torch.tensor([0, 1, 2, 2, 1, 0]),
    }


def probe_attend(names: dict[str, Any], inputs: Inputs) -> Any:
    """Attend with both networks; return weights, means, logits, and how the logits change with the focus."""
    import torch
    from torch import nn

    def network(parts: list[Any]) -> nn.Module:
        first, second = nn.Linear(2, len(parts[1])), nn.Linear(len(parts[1]), len(parts[3]))
        with torch.no_grad():
            for parameter, value in zip([*first.parameters(), *second.parameters()], parts, strict=True):
                parameter.copy_(value)
        return nn.Sequential(first, nn.Tanh(), second)

    focus, classify = network(inputs["focus"]), network(inputs["classify"])
    weights, averages, logits = names["attend"](inputs["mosaics"], focus, classify)
    gradient = None
    if isinstance(logits, torch.Tensor) and logits.requires_grad:
        gradient = torch.autograd.grad(logits.square().sum(), next(focus.parameters()), allow_unused=True)[0]
    detached = [v.detach() if isinstance(v, torch.Tensor) else v for v in (weights, averages, logits)]
    return *detached, gradient


def probe_lead(names: dict[str, Any], inputs: Inputs) -> Any:
    """Return the lead for the drawn weight, and for one below that of equal scores."""
    lead, tiles = names["lead_for"], inputs["tiles"]
    return lead(inputs["weight"], tiles), lead(0.5 / tiles, tiles)


EXERCISES = (
    Exercise(
        id="8.1",
        names=("draw_points",),
        inputs=draw_clouds,
        mistakes=(
            Mistake(
                "The variance is the *square* of the standard deviation. A number times σ has the variance σ², so the "
                "noise is multiplied by the root.",
                {"math.sqrt(variance)": "variance"},
            ),
            Mistake(
                "All classes have the variance 1: multiply the noise by the standard deviation, √v.",
                {"math.sqrt(variance) * noise": "noise"},
            ),
            Mistake(
                "Each point needs the mean of *its* class: `means[classes]`. (`means + ...` only runs because there "
                "are as many points here as classes.)",
                {"means[classes]": "means"},
            ),
            Mistake(
                "The mean is moved as well: scale the noise alone, then add the mean.",
                {
                    "means[classes] + math.sqrt(variance) * noise": "math.sqrt(variance) * (means[classes] + noise)"
                },
            ),
            Mistake(
                "Both coordinates of a point got the same noise, so all its points lie along a diagonal. With the "
                "covariance v I the two are independent: use both columns of the noise.",
                {"* noise": "* noise[:, :1]"},
            ),
            Mistake(
                "Divide by σ and you *standardise* points; to give standard normal numbers the deviation σ, multiply.",
                {"math.sqrt(variance) * noise": "noise / math.sqrt(variance)"},
            ),
        ),
        variants=(
            Variant(
                "a matrix root of the covariance",
                code="def draw_points(means, classes, variance, noise):\n"
                "    covariance = variance * torch.eye(2)\n"
                "    return means.index_select(0, classes) + noise @ torch.linalg.cholesky(covariance).T",
            ),
            Variant(
                "a loop",
                code="def draw_points(means, classes, variance, noise):\n"
                "    points = torch.empty_like(noise)\n"
                "    for i, c in enumerate(classes.tolist()):\n"
                "        points[i] = means[c] + variance**0.5 * noise[i]\n"
                "    return points",
            ),
        ),
        hints=(
            "Every point is the mean of its class plus noise. If ε has the variance 1, what is the variance of aε?",
            "`means[classes]` is (N, 2), a mean for each point. The noise is multiplied by `math.sqrt(variance)`.",
        ),
    ),
    Exercise(
        id="8.2",
        names=("reordered",),
        inputs=draw_orders,
        mistakes=(
            Mistake(
                "All mosaics got the order of the first one. Each has its own row of `order`.",
                {"mosaics[rows, order]": "mosaics[rows, order[:1]]"},
            ),
            Mistake(
                "That is the inverse: you put tile j *to* the place `order[n, j]`. Asked is the other way: place j gets "
                "the tile that stood at `order[n, j]`.",
                {"mosaics[rows, order]": "mosaics[rows, order.argsort(dim=1)]"},
            ),
            Mistake(
                "First all x, then all y: that is the transpose. The two numbers of a tile stay together.",
                {".flatten(1)": ".transpose(1, 2).flatten(1)"},
            ),
            Mistake(
                "The tiles are in the right order, and still (N, tiles, 2): write each mosaic as one row of numbers.",
                {".flatten(1)": ""},
            ),
            Mistake(
                "That puts the tiles in their old order: `order` is not used.",
                {"mosaics[rows, order]": "mosaics"},
            ),
            Mistake(
                "The mosaics are in one row all together: flatten from dimension 1 on, so that each keeps its row.",
                {".flatten(1)": ".flatten()"},
            ),
        ),
        variants=(
            Variant(
                "gather",
                code="def reordered(mosaics, order):\n"
                "    return mosaics.gather(1, order[:, :, None].expand(-1, -1, 2)).reshape(len(mosaics), -1)",
            ),
            Variant(
                "one by one",
                code="def reordered(mosaics, order):\n"
                "    return torch.stack([m[o].reshape(-1) for m, o in zip(mosaics, order)])",
            ),
        ),
        hints=(
            "For one mosaic it is `mosaic[order]`, shape (tiles, 2). For all at once, an index of rows must stand "
            "beside `order` and fit its shape: (N, 1).",
            "`mosaics[torch.arange(len(mosaics))[:, None], order]` is (N, tiles, 2); `.flatten(1)` makes rows of it.",
        ),
    ),
    Exercise(
        id="8.3",
        names=("averaged_over_orders",),
        inputs=draw_weight,
        mistakes=(
            Mistake(
                "Over all orders a place gets the *mean* of the weights; their sum belongs to the mean of the tiles, "
                "not to the tiles.",
                {".mean(dim=1)": ".sum(dim=1)"},
            ),
            Mistake(
                "x and y are mixed up: the 2 numbers of a tile stand side by side, so the shape is (tiles, 2), not "
                "(2, tiles).",
                {"(tiles, 2)).mean(dim=1)": "(2, tiles)).mean(dim=2)"},
            ),
            Mistake(
                "That is one number for all 2 · tiles inputs. Orders exchange tiles, not the x and y of a tile: each "
                "has a mean of its own.",
                {
                    "weight.unflatten(1, (tiles, 2)).mean(dim=1)": "weight.mean(dim=1, keepdim=True).repeat(1, 2)"
                },
            ),
            Mistake(
                "That is the mean over the *classes*. Orders exchange places; every class keeps weights of its own.",
                code="def averaged_over_orders(weight, tiles):\n"
                "    return weight.mean(dim=0, keepdim=True).expand_as(weight)",
            ),
            Mistake(
                "The mean is right, but it belongs at every place: repeat it, to the shape of the weights.",
                {"return mean.repeat(1, tiles)": "return mean"},
            ),
            Mistake(
                "Each x comes `tiles` times, then each y: the pair (x, y) must be repeated as a whole.",
                {"mean.repeat(1, tiles)": "mean.repeat_interleave(tiles, dim=1)"},
            ),
            Mistake(
                "These are the old weights. Over all orders every place sees every W_j equally often, so all places end "
                "with the same weights.",
                {"mean.repeat(1, tiles)": "weight.clone()"},
            ),
        ),
        variants=(
            Variant(
                "strides",
                code="def averaged_over_orders(weight, tiles):\n"
                "    result = torch.empty_like(weight)\n"
                "    for axis in (0, 1):\n"
                "        result[:, axis::2] = weight[:, axis::2].mean(dim=1, keepdim=True)\n"
                "    return result",
            ),
            Variant(
                "turns are enough: each place sees each weight once",
                code="def averaged_over_orders(weight, tiles):\n"
                "    return sum(weight.roll(2 * k, dims=1) for k in range(tiles)) / tiles",
            ),
        ),
        hints=(
            "Of all orders, each W_j stands at a given place equally often: in one of `tiles` of them.",
            "`weight.unflatten(1, (tiles, 2))` is (classes, tiles, 2). Take the mean over the tiles, and repeat it: "
            "`mean.repeat(1, tiles)`.",
        ),
    ),
    Exercise(
        id="8.4",
        names=("plain_mean",),
        inputs=draw_layout,
        parts=("mean", "covariance"),
        mistakes=(
            Mistake(
                "The class means of the background are spread as well, not only the points around them: add the mean "
                "of (μ - μ̄)(μ - μ̄)ᵀ to the noise of a background tile.",
                {"noise + apart.T @ apart / len(background)": "noise"},
            ),
            Mistake(
                "A mean of n tiles is their sum *divided by n*, and a divisor goes into the covariance squared: n².",
                {"/ tiles**2": "/ tiles"},
            ),
            Mistake(
                "The spread of the class means is that of *all* of them, so divide by their number. (K - 1 is for "
                "estimating it from a sample.)",
                {"apart / len(background)": "apart / (len(background) - 1)"},
            ),
            Mistake(
                "The background classes are spread around their *own* mean, not around the origin: subtract it first.",
                {"apart = background - centre": "apart = background"},
            ),
            Mistake(
                "The mean of the background tiles is left out. It need not be zero.",
                {"(means[label] + (tiles - 1) * centre)": "means[label]"},
            ),
            Mistake(
                "The foreground tile has noise of its own: one tile's noise and `tiles - 1` of the background's.",
                {"(noise + (tiles - 1) * of_background)": "(tiles - 1) * of_background"},
            ),
            Mistake(
                "`variance` is the variance already, the diagonal of the covariance: no square.",
                {"variance * torch.eye(2)": "variance**2 * torch.eye(2)"},
            ),
            Mistake(
                "The foreground is one of the tiles: there are `tiles - 1` of the background, not `tiles`.",
                {
                    "(means[label] + (tiles - 1) * centre)": "(means[label] + tiles * centre)",
                    "(noise + (tiles - 1) * of_background)": "(noise + tiles * of_background)",
                },
            ),
            Mistake(
                "The foreground's classes are in the background's mean and spread: those begin at "
                "`means[foreground:]`.",
                {"means[foreground:]": "means"},
            ),
            Mistake(
                "The two means do not count alike: one tile of the mosaic is foreground, `tiles - 1` are not.",
                {"(means[label] + (tiles - 1) * centre) / tiles": "(means[label] + centre) / 2"},
            ),
            Mistake(
                "Mind the squares: independent *covariances* add up, `tiles - 1` times that of one tile, not its "
                "square.",
                {"(noise + (tiles - 1) * of_background)": "(noise + (tiles - 1) ** 2 * of_background)"},
            ),
        ),
        variants=(
            Variant(
                "torch.cov",
                code="def plain_mean(means, foreground, tiles, variance, label):\n"
                "    b = means[foreground:]\n"
                "    share = 1 / tiles\n"
                "    mean = share * means[label] + (1 - share) * b.mean(0)\n"
                "    covariance = share * variance * torch.eye(2)\n"
                "    return mean, covariance + (1 - share) * share * torch.cov(b.T, correction=0)",
            ),
            Variant(
                "sums of outer products",
                code="def plain_mean(means, foreground, tiles, variance, label):\n"
                "    b = means[foreground:]\n"
                "    second = sum(torch.outer(m, m) for m in b) / len(b)\n"
                "    centre = sum(b) / len(b)\n"
                "    spread = second - torch.outer(centre, centre)\n"
                "    noise = torch.diag(torch.full((2,), variance))\n"
                "    total = noise + (tiles - 1) * (noise + spread)\n"
                "    return (means[label] + (tiles - 1) * centre) / tiles, total / (tiles * tiles)",
            ),
        ),
        hints=(
            "The mean of the tiles is their sum through n. Means add up, and so do covariances of independent tiles; "
            "the factor 1/n goes into a covariance squared.",
            "With `apart = background - centre`, the spread of the class means is `apart.T @ apart / len(background)`. "
            "One foreground tile has `noise`, each of the `tiles - 1` others `noise` plus this spread.",
        ),
    ),
    Exercise(
        id="8.5",
        names=("attend",),
        inputs=draw_attention,
        probe=probe_attend,
        parts=("weights", "averages", "logits", "gradient that reaches the focus network"),
        mistakes=(
            Mistake(
                "The softmax runs over the mosaics: a tile competes with the other tiles of *its* mosaic, dim=1.",
                {"softmax(dim=1)": "softmax(dim=0)"},
            ),
            Mistake(
                "These are the scores themselves: they need not be positive or add up to 1. (The report's formula "
                "leaves the softmax out as well.)",
                {"scores.softmax(dim=1)": "scores"},
            ),
            Mistake(
                "You classify every tile and average the logits. Here the *points* are averaged, and the "
                "classification network sees their weighted mean.",
                {
                    "classify(averages)": "(weights[:, :, None] * classify(mosaics.flatten(0, 1)).unflatten(0, (n, tiles))).sum(dim=1)"
                },
            ),
            Mistake(
                "That takes the tile with the largest weight alone. Then no gradient reaches the focus network: it "
                "would never learn.",
                {
                    "(weights[:, :, None] * mosaics).sum(dim=1)": "mosaics[torch.arange(n), weights.argmax(dim=1)]"
                },
            ),
            Mistake(
                "The weights add up to 1 already: take the sum of the weighted tiles, not their mean.",
                {"* mosaics).sum(dim=1)": "* mosaics).mean(dim=1)"},
            ),
            Mistake(
                "That is the plain mean of the tiles: the weights are not used.",
                {"(weights[:, :, None] * mosaics).sum(dim=1)": "mosaics.mean(dim=1)"},
            ),
            Mistake(
                "All weights of the batch together add up to 1. The softmax belongs to each mosaic: dim=1 of "
                "(N, tiles).",
                {"scores.softmax(dim=1)": "scores.flatten().softmax(dim=0).reshape(n, tiles)"},
            ),
            Mistake(
                "The weights are cut off from the focus network (`detach`, `no_grad` or `.data`): it would never learn.",
                {"weights = scores.softmax(dim=1)": "weights = scores.softmax(dim=1).detach()"},
            ),
            Mistake(
                "The scores are tiles-first: reshape them to (N, tiles), in the order in which the tiles went in.",
                {".reshape(n, tiles)": ".reshape(tiles, n).T"},
            ),
            Mistake(
                "These add up to 1, but scores of both signs make weights of both signs, and their sum may be near 0: "
                "exponentiate first, as the softmax does.",
                {"scores.softmax(dim=1)": "scores / scores.sum(dim=1, keepdim=True)"},
            ),
            Mistake(
                "These are probabilities. Logits go into the loss as they are: `cross_entropy` takes the softmax itself.",
                {"classify(averages)": "classify(averages).softmax(dim=1)"},
            ),
        ),
        variants=(
            Variant(
                "layers work on the last dimension",
                code="def attend(mosaics, focus, classify):\n"
                "    weights = focus(mosaics).squeeze(-1).softmax(-1)\n"
                "    averages = torch.einsum('nt,ntd->nd', weights, mosaics)\n"
                "    return weights, averages, classify(averages)",
            ),
            Variant(
                "matrix products, softmax by hand",
                code="def attend(mosaics, focus, classify):\n"
                "    scores = torch.stack([focus(tile)[:, 0] for tile in mosaics.unbind(1)], dim=1)\n"
                "    e = torch.exp(scores - scores.max(dim=1, keepdim=True).values)\n"
                "    weights = e / e.sum(dim=1, keepdim=True)\n"
                "    averages = (weights[:, None] @ mosaics)[:, 0]\n"
                "    return weights, averages, classify(averages)",
            ),
        ),
        hints=(
            "The focus network wants points, (N · tiles, 2): flatten the mosaics, and shape the scores to (N, tiles) "
            "before the softmax. Over which dimension do the weights of one mosaic run?",
            "`weights[:, :, None]` is (N, tiles, 1) and multiplies mosaics (N, tiles, 2); sum over dimension 1, then "
            "`classify(averages)`.",
        ),
    ),
    Exercise(
        id="8.6",
        names=("found_along",),
        inputs=draw_directions,
        mistakes=(
            Mistake(
                "Cosine and sine are exchanged: at angle 0 the direction is (1, 0), to the right.",
                {"[angles.cos(), angles.sin()]": "[angles.sin(), angles.cos()]"},
            ),
            Mistake(
                "That is the tile that lies *least* far along w: take the largest product.",
                {"argmax(dim=1)": "argmin(dim=1)"},
            ),
            Mistake(
                "Far behind is not far ahead: the sign of w · x counts, so take no absolute value.",
                {"(mosaics @ directions).argmax": "(mosaics @ directions).abs().argmax"},
            ),
            Mistake(
                "You count how many are found. Asked is their share, between 0 and 1.",
                {".float().mean(dim=0)": ".float().sum(dim=0)"},
            ),
            Mistake(
                "That is the mean over the angles for each mosaic: average over the mosaics, dim=0.",
                {".mean(dim=0)": ".mean(dim=1)"},
            ),
            Mistake(
                "The angles are in radians already.",
                {"[angles.cos(), angles.sin()]": "[angles.deg2rad().cos(), angles.deg2rad().sin()]"},
            ),
            Mistake(
                "That is the tile farthest from the origin along w *after dividing by its own length*: a linear score "
                "does not normalise the tiles.",
                {"mosaics @ directions": "F.normalize(mosaics, dim=2) @ directions"},
            ),
            Mistake(
                "Your shares are of the other mosaics, those in which the foreground is *not* the farthest tile.",
                {"farthest == foreground_at": "farthest != foreground_at"},
            ),
            Mistake(
                "That is the mean weight of the foreground, which depends on how steep the score is. Asked is how often "
                "it is the *largest*.",
                code="def found_along(mosaics, foreground_at, angles):\n"
                "    weights = (mosaics @ torch.stack([angles.cos(), angles.sin()])).softmax(dim=1)\n"
                "    return weights[torch.arange(len(mosaics)), foreground_at].mean(dim=0)",
            ),
        ),
        variants=(
            Variant(
                "a loop over the angles",
                code="def found_along(mosaics, foreground_at, angles):\n"
                "    shares = []\n"
                "    for theta in angles:\n"
                "        score = mosaics[..., 0] * torch.cos(theta) + mosaics[..., 1] * torch.sin(theta)\n"
                "        shares.append((score.max(dim=1).indices == foreground_at).float().mean())\n"
                "    return torch.stack(shares)",
            ),
            Variant(
                "the foreground against the best tile",
                code="def found_along(mosaics, foreground_at, angles):\n"
                "    w = torch.polar(torch.ones_like(angles), angles)\n"
                "    score = torch.einsum('ntd,ad->nat', mosaics, torch.view_as_real(w))\n"
                "    own = score.gather(2, foreground_at[:, None, None].expand(-1, len(angles), 1))[..., 0]\n"
                "    return (own >= score.amax(dim=2)).float().mean(dim=0)",
            ),
        ),
        hints=(
            "For one direction: the products `mosaics @ w` are (N, tiles); which tile has the largest, and is it the "
            "foreground's place?",
            "With directions as columns, (2, A), `(mosaics @ directions).argmax(dim=1)` is (N, A). Compare it with "
            "`foreground_at[:, None]` and average over the mosaics.",
        ),
    ),
    Exercise(
        id="8.7",
        names=("right_but_elsewhere",),
        inputs=draw_looks,
        mistakes=(
            Mistake(
                "These are right *and* looking at the foreground (FTPT). Asked are those that look elsewhere.",
                {"!= foreground_at": "== foreground_at"},
            ),
            Mistake(
                "All that look elsewhere, right or wrong: the prediction must be right as well.",
                {"right & elsewhere": "elsewhere"},
            ),
            Mistake(
                "All that are right, wherever they look: the focus must be elsewhere as well.",
                {"right & elsewhere": "right"},
            ),
            Mistake(
                "*And*, not *or*: both must hold for the same mosaic.",
                {"right & elsewhere": "right | elsewhere"},
            ),
            Mistake(
                "Place and class are mixed up: the largest *weight* tells the place, the largest *logit* the class.",
                {"logits.argmax(dim=1) == labels": "weights.argmax(dim=1) == labels"},
            ),
            Mistake(
                "These look elsewhere and are wrong (FFPF): the prediction must be right.",
                {"== labels": "!= labels"},
            ),
            Mistake(
                "The class is wrong although the focus is right (FTPF): it is the other way round.",
                {"== labels": "!= labels", "!= foreground_at": "== foreground_at"},
            ),
            Mistake(
                "The place of the largest weight is compared with the *label*: compare it with the foreground's place.",
                {"!= foreground_at": "!= labels"},
            ),
        ),
        variants=(
            Variant(
                "logical functions",
                code="def right_but_elsewhere(weights, foreground_at, logits, labels):\n"
                "    focus = weights.max(dim=1).indices.eq(foreground_at)\n"
                "    return torch.logical_and(torch.logical_not(focus), logits.softmax(1).argmax(1).eq(labels))",
            ),
            Variant(
                "the foreground's own weight",
                code="def right_but_elsewhere(weights, foreground_at, logits, labels):\n"
                "    own = weights.gather(1, foreground_at[:, None])[:, 0]\n"
                "    return (own < weights.amax(dim=1)) & (logits.argmax(-1) == labels)",
            ),
        ),
        hints=(
            "Two truth values for every mosaic: is the largest logit that of the label? Is the largest weight at the "
            "foreground's place?",
            "`(logits.argmax(dim=1) == labels) & (weights.argmax(dim=1) != foreground_at)`.",
        ),
    ),
    choice(
        "8.8",
        "q_elsewhere",
        {
            "a": "Look at the mean weights that were printed: one class's tile has most of the weight, the other's next "
            "to none. (It can happen: with other starts the weights stay equal, and the plain mean is enough in line.)",
            "b": "The test points are others than the training points, and a network this small has no room for two "
            "thousand mosaics.",
            "c": "It sees two numbers, the weighted mean, and nothing of the single tiles.",
        },
        {
            2: "Guessing the class would be right in half of all cases, too, but here nearly *all* classes are right. "
            "What is it about the mosaics that makes half of them odd?",
            3: "It is not: your prediction in part 2 says that in line the plain mean is enough for nearly all.",
        },
        right="d",
        hints=(
            "Compare the two lines that were printed above. Where do the weighted means of class 0 lie, and where those "
            "of class 1? Where does the background lie?",
            "A linear focus prefers one end of the line. What does it choose in a mosaic with no tile at that end?",
        ),
    ),
    Exercise(
        id="8.9",
        names=("lead_for",),
        inputs=draw_lead,
        probe=probe_lead,
        parts=("lead for a large weight", "lead for less than an equal share"),
        mistakes=(
            Mistake(
                "The others are forgotten: the odds α/(1 - α) are those against `tiles - 1` scores together.",
                {"(tiles - 1) * weight": "weight"},
            ),
            Mistake(
                "There are `tiles - 1` others.",
                {"(tiles - 1) * weight": "tiles * weight"},
            ),
            Mistake(
                "That is e^d. Take its logarithm.",
                {"math.log((tiles - 1) * weight / (1 - weight))": "(tiles - 1) * weight / (1 - weight)"},
            ),
            Mistake(
                "The sign is turned round: a weight of more than 1/n takes a score *ahead* of the others.",
                {"return math.log": "return -math.log"},
            ),
            Mistake(
                "The others count once each in the denominator, so n - 1 multiplies the odds instead of dividing them.",
                {"(tiles - 1) * weight / (1 - weight)": "weight / (1 - weight) / (tiles - 1)"},
            ),
            Mistake(
                "A softmax uses e: take the natural logarithm.",
                {"math.log(": "math.log2("},
            ),
            Mistake(
                "Solve for the *lead*: α (e^d + n - 1) = e^d has e^d on both sides, so 1 - α remains in the "
                "denominator.",
                {" / (1 - weight)": ""},
            ),
        ),
        variants=(
            Variant(
                "the logit of the weight against an equal share",
                code="def lead_for(weight, tiles):\n"
                "    odds = math.log(weight) - math.log1p(-weight)\n"
                "    return odds + math.log(tiles - 1)",
            ),
            Variant(
                "as a tensor",
                code="def lead_for(weight, tiles):\n"
                "    return torch.logit(torch.tensor(weight, dtype=torch.float64)) + math.log(tiles - 1)",
            ),
        ),
        hints=(
            "Multiply by the denominator, and collect e^d on one side.",
            "α (n - 1) = e^d (1 - α), so e^d = (n - 1) α / (1 - α).",
        ),
    ),
    Exercise(
        id="8.10",
        names=("pull",),
        inputs=draw_pull,
        probe=call_without_autograd,
        mistakes=(
            Mistake(
                "The sign: the gradient of the loss in the logits is p - y. You have where descent goes, not where the "
                "loss rises.",
                {
                    "probabilities - F.one_hot(labels, len(b))": "F.one_hot(labels, len(b)) - probabilities",
                },
            ),
            Mistake(
                "That is the mean over the batch. Each mosaic's *own* loss is asked for: no division by N.",
                {
                    "(mosaics * d_averages[:, None]).sum(dim=2)": "(mosaics * d_averages[:, None]).sum(dim=2) / len(mosaics)"
                },
            ),
            Mistake(
                "There is a factor α_i too many. z = Σ α_i x_i has the derivative x_i in α_i.",
                {
                    "(mosaics * d_averages[:, None]).sum(dim=2)": "weights * (mosaics * d_averages[:, None]).sum(dim=2)"
                },
            ),
            Mistake(
                "You went through the softmax as well, to the gradient in the *scores*. Here the weights are free "
                "numbers, and the derivative of z in α_i is x_i, not α_i (x_i - z).",
                {
                    "(mosaics * d_averages[:, None]).sum(dim=2)": "weights * ((mosaics - averages[:, None]) * d_averages[:, None]).sum(dim=2)"
                },
            ),
            Mistake(
                "The bias is left out of the logits, so the probabilities are others.",
                {"averages @ W.T + b": "averages @ W.T"},
            ),
            Mistake(
                "The logits belong to the *weighted* mean z: use the weights.",
                {"(weights[:, :, None] * mosaics).sum(dim=1)": "mosaics.mean(dim=1)"},
            ),
            Mistake(
                "The label's one-hot vector is missing: p alone is the gradient of the log of the sum of e^logit.",
                {" - F.one_hot(labels, len(b))": ""},
            ),
            Mistake(
                "The tiles were centred on z. That comes from the softmax, which is not there: multiply x_i itself.",
                {"(mosaics * d_averages": "((mosaics - averages[:, None]) * d_averages"},
            ),
            Mistake(
                "The softmax runs over the mosaics: probabilities of one mosaic's classes add up to 1, dim=1.",
                {"softmax(dim=1)": "softmax(dim=0)"},
            ),
        ),
        variants=(
            Variant(
                "logits of every tile, by linearity",
                code="def pull(mosaics, weights, W, b, labels):\n"
                "    of_tiles = mosaics @ W.T\n"
                "    p = torch.softmax(torch.einsum('nt,ntk->nk', weights, of_tiles) + b, dim=1)\n"
                "    p[torch.arange(len(labels)), labels] -= 1\n"
                "    return torch.einsum('ntk,nk->nt', of_tiles, p)",
            ),
            Variant(
                "mosaic by mosaic",
                code="def pull(mosaics, weights, W, b, labels):\n"
                "    rows = []\n"
                "    for x, a, label in zip(mosaics, weights, labels):\n"
                "        e = torch.exp(W @ (x.T @ a) + b)\n"
                "        y = torch.zeros(len(b))\n"
                "        y[label] = 1\n"
                "        rows.append(x @ (W.T @ (e / e.sum() - y)))\n"
                "    return torch.stack(rows)",
            ),
        ),
        hints=(
            "Go backwards: from the loss to the logits (p - y), from these to z (multiply by Wᵀ), from z to α_i. How "
            "does z = Σ α_i x_i change with α_i?",
            "`d_averages = (p - y) @ W` is (N, 2). dL/dα_i is its product with x_i: "
            "`(mosaics * d_averages[:, None]).sum(dim=2)`.",
        ),
    ),
    choice(
        "8.11",
        "q_explain",
        {
            "a": "Sharp weights can be sharp on the wrong tile: in line, the tile of one class has next to no weight "
            "at all.",
            "c": "In line the answers were right, too, and the focus was wrong in half of the cases.",
            "d": "Too strong: far from the ring deep attention has the largest weight on the foreground nearly always, "
            "and could not name the class otherwise. It depends on the data, so test it.",
        },
        {
            1: "They add up to 1, but nothing in training makes them probabilities of *that*: in line the foreground of "
            "one class has next to none.",
            3: "True, but a score for each tile alone is enough to find the foreground: far from the ring it does.",
        },
        right="b",
        hints=(
            "Go through the data of this notebook: where was the focus right, where was it not, and did the accuracy "
            "tell you which?",
            "What did the six starts have in common, and what not? And what pulls at the weights once all answers are "
            "right?",
        ),
    ),
)

NOTEBOOK = Notebook(
    id="08",
    name="08_attention_in_two_dimensions",
    title="Attention in two dimensions",
    data=(),
    minutes={"smoke": 0.5, "laptop": 2, "full": 2},
    exercises=EXERCISES,
    withheld=(
        "data.points",
        "models.mosaic",
        "evaluation.focus",
        "experiments.mosaic_points",
        "experiments.mosaic_gradient",
    ),
)
