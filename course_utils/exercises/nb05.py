"""Notebook 05, mosaic attention: inputs, probes, typical mistakes and hints of its exercises.

Longer than other modules because it is content: thirteen exercises, each in one place. Report 000, sections 2
and 3.1; erratum 11 (scores need a softmax) is taught by exercise 5.4 and what follows it, erratum 13 (the
"gradual increase") by exercise 5.13.
"""

from __future__ import annotations

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


def draw_classes(generator: torch.Generator) -> Inputs:
    """Draw classes of pictures: two for the foreground, three for the background, two for neither.

    The first ten pictures belong to neither group: who takes a class for a row number ends there.
    """
    grouped = torch.arange(5).repeat_interleave(6)
    rest = torch.cat([grouped, torch.tensor([5, 6]).repeat(3)])[torch.randperm(36, generator=generator)]
    labels = torch.cat([torch.tensor([5, 6]).repeat(5), rest])
    return {"labels": labels, "n": 900, "foreground": [4, 1], "background": [0, 3, 2], "seed": 5}


def draw_read(generator: torch.Generator) -> Inputs:
    """Draw mosaics whose foreground classes are neither the smallest ones nor in rising order.

    Every foreground class occurs, and at several places, but none at the first; each class has the same
    number of pictures, in an order that is not that of the classes.
    """
    foreground, background = torch.tensor([5, 2, 7]), torch.tensor([0, 1, 3, 4, 6])
    labels = torch.arange(8).repeat(6)[torch.randperm(48, generator=generator)]
    front = torch.arange(12) % 3
    tiles = torch.zeros(12, 9, dtype=torch.int64)
    for i in range(12):
        rows = torch.isin(labels, background).nonzero()[:, 0]
        tiles[i] = rows[torch.randperm(len(rows), generator=generator)[:9]]
        own = (labels == foreground[front[i]]).nonzero()[:, 0]
        at = 1 + int(torch.randint(8, (), generator=generator)) if i > 3 else 1 + 2 * i
        tiles[i, at] = own[int(torch.randint(len(own), (), generator=generator))]
    return {"tiles": tiles, "labels": labels, "foreground": foreground.tolist()}


def draw_focus(generator: torch.Generator) -> Inputs:
    """Draw as many mosaics as they have tiles, and the weights of a linear focus network."""
    return {
        "mosaics": torch.randn(9, 9, 2, 3, 2, generator=generator),
        "weight": torch.randn(1, 12, generator=generator) / 3,
    }


def draw_average(generator: torch.Generator) -> Inputs:
    """Draw pictures and vectors for each tile; the pictures' size lets a wrong broadcast run."""
    weights = torch.randn(2, 9, generator=generator).softmax(dim=1)
    return {
        "pictures": 1 + torch.randn(2, 9, 3, 2, 9, generator=generator),
        "vectors": 1 + torch.randn(9, 9, 4, generator=generator),
        "attention_weights": weights,
        "more_weights": torch.randn(9, 9, generator=generator).softmax(dim=1),
    }


def draw_model(generator: torch.Generator) -> Inputs:
    """Draw mosaics, given attention weights, the three networks' weights, and weights of a loss."""
    return {
        "mosaics": torch.randn(5, 9, 2, 2, 2, generator=generator),
        "given": torch.randn(5, 9, generator=generator).softmax(dim=1),
        "focus": torch.randn(1, 8, generator=generator) / 2,
        "before": torch.randn(6, 8, generator=generator) / 2,
        "after": torch.randn(3, 6, generator=generator),
        "loss": torch.randn(5, 3, generator=generator),
    }


def draw_gradient(generator: torch.Generator) -> Inputs:
    """Draw features of nine dimensions, so that a wrong sum has the right shape."""
    return {
        "d_mean": 0.5 + torch.randn(4, 9, generator=generator),
        "features": 1 + torch.randn(4, 9, 9, generator=generator),
        "attention_weights": (1.5 * torch.randn(4, 9, generator=generator)).softmax(dim=1),
    }


def draw_looks(generator: torch.Generator) -> Inputs:
    """Draw looks in which all four combinations occur, each in another number of mosaics.

    Half of the largest weights are above 1/2; where a wrong one is not, the foreground has more than 1/9 as well.
    Which ones they are is fixed, so that no two wrong ways of counting agree.
    """
    numbers = torch.tensor([9, 6, 4, 2])  # FTPT, FFPT, FTPF, FFPF
    order = torch.randperm(21, generator=generator)
    kinds = torch.arange(4).repeat_interleave(numbers)[order]
    sure = torch.tensor([1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 1, 1, 0, 1, 0, 1])[order]
    places = torch.randint(9, (21,), generator=generator)
    labels = torch.randint(3, (21,), generator=generator)
    elsewhere = (places + 1 + torch.randint(8, (21,), generator=generator)) % 9
    otherwise = (labels + 1 + torch.randint(2, (21,), generator=generator)) % 3
    looked = torch.where(kinds % 2 == 0, places, elsewhere)
    said = torch.where(kinds < 2, labels, otherwise)
    scores = 0.3 * torch.randn(21, 9, generator=generator)
    logits = torch.randn(21, 3, generator=generator)
    rows = torch.arange(21)
    largest = scores.max(dim=1).values
    scores[rows, places] = torch.where(sure == 0, largest, scores[rows, places])
    scores[rows, looked] = largest + 0.5 + 3.5 * sure
    logits[rows, said] = logits.max(dim=1).values + 0.5
    return {"attention_weights": scores.softmax(dim=1), "logits": logits, "places": places, "labels": labels}


def draw_weights(generator: torch.Generator) -> Inputs:
    """Draw weights of mosaics, one of which has weights of 0, and one nothing else but a 1."""
    weights = (2 * torch.randn(9, 9, generator=generator)).softmax(dim=1)
    weights[3, :4] = 0
    weights[3] /= weights[3].sum()
    weights[6] = torch.eye(9)[4]
    return {"attention_weights": weights}


def draw_repeated(generator: torch.Generator) -> Inputs:
    """Draw mosaics of few pictures, most of which occur often and some never, and a linear focus network."""
    used = torch.randperm(600, generator=generator)[:300]
    return {
        "images": torch.randn(600, 2, 2, 2, generator=generator),
        "tiles": used[torch.randint(300, (200, 9), generator=generator)],
        "weight": torch.randn(1, 8, generator=generator) / 2,
    }


def probe_tiles(names: dict[str, Any], inputs: Inputs) -> Any:
    """Draw mosaics twice from one seed and once from another; return what can be said of them."""
    import torch

    draw, labels, n, seed = names["draw_tiles"], inputs["labels"], inputs["n"], inputs["seed"]
    foreground, background = inputs["foreground"], inputs["background"]

    def drawn(number: int) -> Any:
        return draw(
            labels.clone(), n, list(foreground), list(background), torch.Generator().manual_seed(number)
        )

    tiles = drawn(seed)
    if not isinstance(tiles, torch.Tensor) or tiles.shape != (n, 9) or tiles.dtype != torch.int64:
        kind = tiles.dtype if isinstance(tiles, torch.Tensor) else type(tiles).__name__
        return list(getattr(tiles, "shape", ())), str(kind)
    front = torch.isin(labels[tiles], torch.tensor(foreground))
    back = torch.isin(labels[tiles], torch.tensor(background))
    ordered = tiles.sort(dim=1).values
    # 100 of 900 at each place, give or take 9.4: six standard deviations
    at_each = torch.bincount(front.int().argmax(dim=1), minlength=9)
    wanted = torch.isin(labels, torch.tensor([*foreground, *background])).nonzero()[:, 0]
    often = torch.bincount(tiles.flatten(), minlength=len(labels))[wanted]
    return (
        [n, 9],
        "torch.int64",
        bool((front.sum(dim=1) == 1).all()),
        bool((back.sum(dim=1) == 8).all()),
        bool((ordered[:, 1:] != ordered[:, :-1]).all()),
        bool(((at_each > 44) & (at_each < 156)).all()),
        bool((often > 0).all()),
        bool(torch.equal(tiles, drawn(seed))),
        bool(not torch.equal(tiles, drawn(seed + 1))),
    )


def probe_attention(names: dict[str, Any], inputs: Inputs) -> Any:
    """Give a linear focus network; return the weights, and what comes of only two mosaics."""
    from torch import nn

    focus = nn.Sequential(nn.Flatten(), nn.Linear(12, 1, bias=False))
    focus[1].weight.data = inputs["weight"]
    attend, mosaics = names["attention"], inputs["mosaics"]
    return attend(focus, mosaics).detach(), attend(focus, mosaics[:2]).detach()


def probe_average(names: dict[str, Any], inputs: Inputs) -> Any:
    """Average pictures, and vectors."""
    mean = names["average"]
    return (
        mean(inputs["pictures"], inputs["attention_weights"]),
        mean(inputs["vectors"], inputs["more_weights"]),
    )


def probe_model(names: dict[str, Any], inputs: Inputs) -> Any:
    """Return logits with given and with own weights, and the gradients of all networks' weights."""
    import torch
    from torch import nn

    focus = nn.Sequential(nn.Flatten(), nn.Linear(8, 1, bias=False))
    before = nn.Sequential(nn.Flatten(), nn.Linear(8, 6, bias=False), nn.ReLU())
    after = nn.Sequential(nn.Linear(6, 3, bias=False), nn.Tanh())
    layers = focus[1], before[1], after[0]
    for layer, name in zip(layers, ("focus", "before", "after"), strict=True):
        layer.weight.data = inputs[name].clone()
    model = names["Attention"](focus, before, after)
    with torch.no_grad():
        given = model.classify(inputs["mosaics"], inputs["given"])
    logits = model(inputs["mosaics"])
    gradients: list[Any] = [None, None, None]
    if isinstance(logits, torch.Tensor) and logits.requires_grad and logits.shape == (5, 3):
        (logits * inputs["loss"]).sum().backward()
        gradients = [layer.weight.grad for layer in layers]
    own = logits.detach() if isinstance(logits, torch.Tensor) else logits
    return given, own, *gradients


def probe_once(names: dict[str, Any], inputs: Inputs) -> Any:
    """Give a focus network that counts; return the weights, and how many pictures went through it."""
    seen, largest = 0, 0

    def focus(images: Any) -> Any:
        nonlocal seen, largest
        seen, largest = seen + len(images), max(largest, len(images))
        return images.flatten(1) @ inputs["weight"].T

    weights = names["attention_once"](focus, inputs["images"], inputs["tiles"])
    return weights, seen, largest <= 250


EXERCISES = (
    Exercise(
        id="5.1",
        names=("draw_tiles",),
        inputs=draw_classes,
        probe=probe_tiles,
        parts=(
            "shape",
            "dtype",
            "one tile of the foreground classes",
            "eight tiles of the background classes",
            "no picture twice in a mosaic",
            "foreground at each place about equally often",
            "every picture of both groups is drawn now and then",
            "the same generator, the same mosaics",
            "another generator, other mosaics",
        ),
        mistakes=(
            Mistake(
                "The foreground does not move: it stands at the same place in all mosaics, or at some places far too "
                "often. Shuffle the nine tiles of *each* mosaic by themselves: `torch.rand(n, 9, generator=generator)"
                ".argsort(dim=1)` holds n random orders for `gather`.",
                {"return tiles.gather(1, order)": "return tiles"},
            ),
            Mistake(
                "In some mosaics a background picture stands twice: `torch.randint` draws the same one again. The first "
                "eight of `torch.randperm` are different.",
                {
                    "back[torch.randperm(len(back), generator=generator)[:8]]": "back[torch.randint(len(back), (8,), generator=generator)]"
                },
            ),
            Mistake(
                "The same generator gives other mosaics the second time, so something is drawn without it: every random "
                "function needs `generator=generator`.",
                {"(n, 1), generator=generator": "(n, 1)"},
            ),
            Mistake(
                "Another generator gives the very same mosaics: you draw from one of your own, or set a seed. Only the "
                "generator that you are given may decide.",
                {
                    "    front = ": "    generator = torch.Generator().manual_seed(0)\n    front = ",
                },
            ),
            Mistake(
                "Some background tiles are of neither group. What is no foreground need not be background: take the "
                "pictures whose class is in `background`.",
                {
                    "torch.isin(labels, torch.tensor(background))": "(~torch.isin(labels, torch.tensor(foreground)))"
                },
            ),
            Mistake(
                "All mosaics have the same eight background pictures, drawn once. Draw them anew for each mosaic.",
                {
                    "torch.stack(\n        [back[torch.randperm(len(back), generator=generator)[:8]] for _ in range(n)]\n    )": "back[torch.randperm(len(back), generator=generator)[:8]].expand(n, 8)"
                },
            ),
            Mistake(
                "Those are classes. A tile is a row number: it says which picture, and its class can be looked up.",
                {"return tiles.gather(1, order)": "return labels[tiles.gather(1, order)]"},
            ),
            Mistake(
                "Those are numbers within each group, not rows of all pictures: the k-th picture of the background is "
                "row `back[k]`.",
                {
                    "first = front[torch.randint(len(front), (n, 1), generator=generator)]": "first = torch.randint(len(front), (n, 1), generator=generator)",
                    "[back[torch.randperm(len(back), generator=generator)[:8]] for": "[len(front) + torch.randperm(len(back), generator=generator)[:8] for",
                },
            ),
        ),
        variants=(
            Variant(
                "places, and no argsort",
                code="def draw_tiles(labels, n, foreground, background, generator):\n"
                "    front = [i for i, c in enumerate(labels.tolist()) if c in foreground]\n"
                "    back = torch.tensor([i for i, c in enumerate(labels.tolist()) if c in background])\n"
                "    tiles = torch.empty(n, 9, dtype=torch.long)\n"
                "    for row in tiles:\n"
                "        at = int(torch.randint(9, (1,), generator=generator))\n"
                "        others = back[torch.randperm(len(back), generator=generator)[:8]]\n"
                "        one = front[int(torch.randint(len(front), (1,), generator=generator))]\n"
                "        row[:] = torch.cat([others[:at], torch.tensor([one]), others[at:]])\n"
                "    return tiles",
            ),
            Variant(
                "multinomial",
                code="def draw_tiles(labels, n, foreground, background, generator):\n"
                "    front = sum(labels == c for c in foreground).float()\n"
                "    back = sum(labels == c for c in background).float()\n"
                "    one = torch.multinomial(front, n, replacement=True, generator=generator)[:, None]\n"
                "    others = torch.multinomial(back.expand(n, -1), 8, generator=generator)\n"
                "    tiles = torch.cat([one, others], dim=1)\n"
                "    return torch.stack([row[torch.randperm(9, generator=generator)] for row in tiles])",
            ),
        ),
        hints=(
            "First the row numbers of each group: `torch.isin(labels, torch.tensor(foreground)).nonzero()[:, 0]`. Then "
            "one of the first and eight of the second for each mosaic, side by side. Last, shuffle every row by itself.",
            "`torch.randint(len(front), (n, 1), generator=generator)` draws one each, `torch.randperm(len(back), "
            "generator=generator)[:8]` eight different ones; `tiles.gather(1, torch.rand(n, 9, generator=generator)"
            ".argsort(dim=1))` shuffles every row.",
        ),
    ),
    Exercise(
        id="5.2",
        names=("q_copied", "q_rows", "q_often"),
        rtol=4e-3,
        mistakes=(
            Mistake(
                "A pixel has three colours, of one byte each.", values={"q_copied": 20_000 * 9 * 32 * 32}
            ),
            Mistake("A mosaic has nine tiles.", values={"q_copied": 20_000 * 32 * 32 * 3}),
            Mistake(
                "These are 32-bit numbers, four bytes each. Pictures are stored as bytes, and become numbers batch by "
                "batch.",
                values={"q_copied": 20_000 * 9 * 32 * 32 * 3 * 4},
            ),
            Mistake(
                "That is what the 50 000 pictures themselves take. Copied, every tile takes its pixels again.",
                values={"q_copied": 50_000 * 32 * 32 * 3},
            ),
            Mistake(
                "Eight bytes for each of the *nine* tiles.",
                values={"q_copied": 20_000 * 9 * 32 * 32 * 3, "q_rows": 20_000 * 8},
            ),
            Mistake(
                "180 000 is the number of row numbers: each takes eight bytes.",
                values={"q_copied": 20_000 * 9 * 32 * 32 * 3, "q_rows": 20_000 * 9},
            ),
            Mistake(
                "These are bits: eight *bytes* for each row number.",
                values={"q_copied": 20_000 * 9 * 32 * 32 * 3, "q_rows": 20_000 * 9 * 64},
            ),
            Mistake(
                "Only 35 000 pictures are of the seven background classes.",
                values={
                    "q_copied": 20_000 * 9 * 32 * 32 * 3,
                    "q_rows": 20_000 * 9 * 8,
                    "q_often": 20_000 * 8 / 50_000,
                },
            ),
            Mistake(
                "The ninth tile is the foreground: 8 background tiles in each mosaic.",
                values={
                    "q_copied": 20_000 * 9 * 32 * 32 * 3,
                    "q_rows": 20_000 * 9 * 8,
                    "q_often": 20_000 * 9 / 35_000,
                },
            ),
            Mistake(
                "So often a *foreground* picture occurs: 20 000 tiles from 15 000 pictures.",
                values={
                    "q_copied": 20_000 * 9 * 32 * 32 * 3,
                    "q_rows": 20_000 * 9 * 8,
                    "q_often": 20_000 / 15_000,
                },
            ),
        ),
        variants=(
            Variant(
                "rounded",
                values={"q_copied": 553e6, "q_rows": torch.tensor(1_440_000), "q_often": 4.57},
            ),
        ),
        hints=(
            "20 000 mosaics have 180 000 tiles; a tile is 32 · 32 · 3 bytes, or one row number.",
            "`20_000 * 9 * 32 * 32 * 3`, `20_000 * 9 * 8`, and 20 000 · 8 background tiles, shared by 7 · 5000 pictures.",
        ),
    ),
    Exercise(
        id="5.3",
        names=("read_mosaics",),
        inputs=draw_read,
        parts=("places", "labels of the mosaics"),
        mistakes=(
            Mistake(
                "That is the class itself. The label counts within `foreground`: a network with three outputs knows "
                "the labels 0, 1 and 2 only.",
                {
                    "return places, found.any(dim=1).int().argmax(dim=1)": "return places, classes.gather(1, places[:, None])[:, 0]"
                },
            ),
            Mistake(
                "You count the foreground classes in rising order. The label counts in the order of the list: 5 is 0, 2 "
                "is 1 and 7 is 2.",
                {"(foreground, device": "(sorted(foreground), device"},
            ),
            Mistake(
                "Places are counted from 0: the first tile is place 0.",
                {"return places,": "return places + 1,"},
            ),
            Mistake(
                "You return them the other way round: first the place, then the label.",
                {
                    "return places, found.any(dim=1).int().argmax(dim=1)": "return found.any(dim=1).int().argmax(dim=1), places"
                },
            ),
            Mistake(
                "You look for the smallest class. The foreground classes need not be the smallest ones: look for those "
                "in the list.",
                {"places = found.any(dim=2).int().argmax(dim=1)": "places = classes.argmin(dim=1)"},
            ),
            Mistake(
                "You compare row numbers with classes: the class of a tile is `labels[tiles]`.",
                {"classes = labels[tiles]": "classes = tiles"},
            ),
            Mistake(
                "That is the row number of the foreground picture, and the place it stands at is asked.",
                {"return places,": "return tiles.gather(1, places[:, None])[:, 0],"},
            ),
        ),
        variants=(
            Variant(
                "loops",
                code="def read_mosaics(tiles, labels, foreground):\n"
                "    places, numbers = [], []\n"
                "    for row in tiles:\n"
                "        for at, picture in enumerate(row):\n"
                "            c = int(labels[picture])\n"
                "            if c in foreground:\n"
                "                places.append(at)\n"
                "                numbers.append(foreground.index(c))\n"
                "    return torch.tensor(places), torch.tensor(numbers)",
            ),
            Variant(
                "a table from class to label",
                code="def read_mosaics(tiles, labels, foreground):\n"
                "    table = torch.full((int(labels.max()) + 1,), -1)\n"
                "    table[foreground] = torch.arange(len(foreground))\n"
                "    return table[labels[tiles]].max(dim=1)[::-1]",
            ),
        ),
        hints=(
            "`labels[tiles]` is a table (N, 9) of classes. Compare it with all foreground classes at once: `[:, :, "
            "None] == torch.tensor(foreground)` is (N, 9, number of classes).",
            "With that table `found`: `found.any(dim=2).int().argmax(dim=1)` is the place, `found.any(dim=1).int()"
            ".argmax(dim=1)` the label.",
        ),
    ),
    Exercise(
        id="5.4",
        names=("attention",),
        inputs=draw_focus,
        probe=probe_attention,
        parts=("weights of nine mosaics", "weights of two mosaics"),
        mistakes=(
            Mistake(
                "Those are scores: some are negative, and they do not add up to 1. That is the report's formula; the "
                "softmax turns them into weights.",
                {".softmax(dim=1)": ""},
            ),
            Mistake(
                "The softmax runs over the mosaics: each place's weights add up to 1, not each mosaic's. The tiles are "
                "dimension 1.",
                {".softmax(dim=1)": ".softmax(dim=0)"},
            ),
            Mistake(
                "One softmax over all tiles of all mosaics: then mosaics compete with one another. Each has its own, "
                "over its nine tiles.",
                {
                    "scores.view(mosaics.shape[:2]).softmax(dim=1)": "scores.flatten().softmax(dim=0).view(mosaics.shape[:2])"
                },
            ),
            Mistake(
                "All weights are 1: the softmax ran over the single score of each tile. First bring the scores into "
                "the shape (batch, 9).",
                {
                    "scores.view(mosaics.shape[:2]).softmax(dim=1)": "scores.softmax(dim=1).view(mosaics.shape[:2])"
                },
            ),
            Mistake(
                "The sigmoid makes each weight positive by itself, but a mosaic's weights must add up to 1: only then is "
                "it an average.",
                {".softmax(dim=1)": ".sigmoid()"},
            ),
            Mistake(
                "Sigmoids divided by their sum are weights, too, but not these: a sigmoid hardly tells large scores "
                "apart. The softmax takes the exponential of the scores.",
                {
                    "return scores.view(mosaics.shape[:2]).softmax(dim=1)": "scores = scores.view(mosaics.shape[:2]).sigmoid()\n    return scores / scores.sum(dim=1, keepdim=True)"
                },
            ),
            Mistake(
                "Divided by their sum the scores add up to 1, but negative scores give negative weights, and a sum near "
                "0 makes them huge. Take the exponential first: that is the softmax.",
                {
                    "return scores.view(mosaics.shape[:2]).softmax(dim=1)": "scores = scores.view(mosaics.shape[:2])\n    return scores / scores.sum(dim=1, keepdim=True)"
                },
            ),
            Mistake(
                "These are logarithms of the weights: `softmax`, not `log_softmax`.",
                {".softmax(dim=1)": ".log_softmax(dim=1)"},
            ),
            Mistake(
                "The scores are in the wrong places: flattened (batch, 9, ...) has the nine tiles of the first mosaic "
                "first. `view(batch, 9)` brings them back.",
                {"scores.view(mosaics.shape[:2])": "scores.view(mosaics.shape[1], mosaics.shape[0]).T"},
            ),
        ),
        variants=(
            Variant(
                "tile by tile",
                code="def attention(focus, mosaics):\n"
                "    scores = torch.cat([focus(mosaics[:, t]) for t in range(mosaics.shape[1])], dim=1)\n"
                "    return F.softmax(scores, dim=-1)",
            ),
            Variant(
                "exponentials",
                code="def attention(focus, mosaics):\n"
                "    b, t, *rest = mosaics.shape\n"
                "    e = focus(mosaics.reshape(b * t, *rest)).reshape(b, t).exp()\n"
                "    return e / e.sum(1, keepdim=True)",
            ),
        ),
        hints=(
            "The focus network wants (number of pictures, C, H, W): `mosaics.flatten(0, 1)`. What it returns must be "
            "brought back to (batch, 9) before the softmax.",
            "`scores = focus(mosaics.flatten(0, 1))`, then `scores.view(mosaics.shape[:2]).softmax(dim=1)`.",
        ),
    ),
    Exercise(
        id="5.5",
        names=("average",),
        inputs=draw_average,
        probe=probe_average,
        parts=("average of pictures", "average of vectors"),
        mistakes=(
            Mistake(
                "The weights are not used: that is the plain mean of the tiles.",
                {'torch.einsum("bt,bt...->b...", attention_weights, features)': "features.mean(dim=1)"},
            ),
            Mistake(
                "The weights add up to 1 already: sum over the tiles, and do not divide by nine again.",
                {"attention_weights, features)": "attention_weights, features) / 9"},
            ),
            Mistake(
                "That is only the tile with the largest weight. All nine belong to the average, each with its weight; "
                "an argmax would also have no gradient.",
                {
                    'torch.einsum("bt,bt...->b...", attention_weights, features)': "features[torch.arange(len(features)), attention_weights.argmax(dim=1)]"
                },
            ),
            Mistake(
                "The average runs over the mosaics of the batch as well: `b` must stay in the result of the einsum.",
                {
                    'torch.einsum("bt,bt...->b...", attention_weights, features)': 'torch.einsum("bt,bt...->...", attention_weights, features).expand(len(features), *features.shape[2:])'
                },
            ),
            Mistake(
                "The weights are squared. Each counts once.",
                {"attention_weights, features": "attention_weights**2, features"},
            ),
            Mistake(
                "That is a second softmax, over weights: it makes them nearly equal. They are weights already.",
                {"attention_weights, features": "attention_weights.softmax(dim=1), features"},
            ),
        ),
        variants=(
            Variant(
                "broadcast",
                code="def average(features, attention_weights):\n"
                "    w = attention_weights.reshape(*attention_weights.shape, *[1] * (features.ndim - 2))\n"
                "    return (w * features).sum(dim=1)",
            ),
            Variant(
                "one tile after the other",
                code="def average(features, attention_weights):\n"
                "    return torch.stack([sum(w * x for w, x in zip(ws, xs)) for ws, xs in zip(attention_weights, features)])",
            ),
            Variant(
                "matrix product",
                code="def average(features, attention_weights):\n"
                "    flat = attention_weights[:, None] @ features.flatten(2)\n"
                "    return flat[:, 0].unflatten(1, features.shape[2:])",
            ),
        ),
        hints=(
            "In the einsum `b` is the mosaic, `t` the tile, and `...` whatever comes behind. What stands left of the "
            "arrow and not right of it is summed over.",
            '`torch.einsum("bt,bt...->b...", attention_weights, features)`.',
        ),
    ),
    Exercise(
        id="5.6",
        names=("Attention",),
        inputs=draw_model,
        probe=probe_model,
        parts=(
            "logits with given weights",
            "logits with its own weights",
            "gradient of the focus network",
            "gradient of the first part",
            "gradient of the second part",
        ),
        mistakes=(
            Mistake(
                "The gradient does not reach the focus network, so it will never learn: the weights are detached, or "
                "computed under `no_grad`.",
                {"attention(self.focus, mosaics))": "attention(self.focus, mosaics).detach())"},
            ),
            Mistake(
                "Each tile goes through both parts, and the average comes last. It stands between the two parts: only "
                "the average goes through `after`.",
                {
                    "return self.after(average(features, attention_weights))": "return average(self.after(features), attention_weights)"
                },
            ),
            Mistake(
                "`classify` does not use the weights that it is given, but computes its own. `forward` does that.",
                {
                    "return self.after(average(features, attention_weights))": "return self.after(average(features, attention(self.focus, mosaics)))"
                },
            ),
            Mistake(
                "Those are probabilities. Return the logits: the loss applies its own softmax.",
                {
                    "return self.after(average(features, attention_weights))": "return self.after(average(features, attention_weights)).softmax(dim=1)"
                },
            ),
            Mistake(
                "`forward` returns probabilities. Return the logits: the loss applies its own softmax.",
                {"attention(self.focus, mosaics))": "attention(self.focus, mosaics)).softmax(dim=1)"},
            ),
            Mistake(
                "`forward` gives all tiles the same weight: the focus network is not asked.",
                {"attention(self.focus, mosaics))": "torch.full(mosaics.shape[:2], 1 / 9))"},
            ),
            Mistake(
                "The pictures are averaged before the first part: every tile has to go through `before`, and then the "
                "features are averaged.",
                {
                    "features = self.before(mosaics.flatten(0, 1))  # (batch · 9, ...)\n        features = features.unflatten(0, mosaics.shape[:2])  # (batch, 9, ...)\n        return self.after(average(features, attention_weights))": "return self.after(self.before(average(mosaics, attention_weights)))"
                },
            ),
            Mistake(
                "The weights go through a second softmax, which makes them nearly equal: `attention` has done it.",
                {"attention(self.focus, mosaics))": "attention(self.focus, mosaics).softmax(dim=1))"},
            ),
            Mistake(
                "The features do not reach the loss's gradient: the first part will never learn. Do not detach them.",
                {
                    "features = self.before(mosaics.flatten(0, 1))": "features = self.before(mosaics.flatten(0, 1)).detach()"
                },
            ),
        ),
        variants=(
            Variant(
                "tile by tile",
                code="class Attention(nn.Module):\n"
                "    def __init__(self, focus, before, after):\n"
                "        super().__init__()\n"
                "        self.focus = focus\n        self.before = before\n        self.after = after\n"
                "    def classify(self, mosaics, attention_weights):\n"
                "        total = 0\n"
                "        for t in range(9):\n"
                "            h = self.before(mosaics[:, t])\n"
                "            total = total + h * attention_weights[:, t].reshape(-1, *[1] * (h.ndim - 1))\n"
                "        return self.after(total)\n"
                "    def forward(self, mosaics):\n"
                "        return self.classify(mosaics, attention(self.focus, mosaics))",
            ),
            Variant(
                "reshape",
                code="class Attention(nn.Module):\n"
                "    def __init__(self, focus, before, after):\n"
                "        super().__init__()\n"
                "        self.focus, self.before, self.after = focus, before, after\n"
                "    def classify(self, mosaics, attention_weights):\n"
                "        b, t = mosaics.shape[:2]\n"
                "        h = self.before(mosaics.reshape(b * t, *mosaics.shape[2:]))\n"
                "        return self.after(average(h.reshape(b, t, *h.shape[1:]), attention_weights))\n"
                "    def forward(self, mosaics):\n"
                "        weights = attention(self.focus, mosaics)\n"
                "        return self.classify(mosaics, weights)",
            ),
        ),
        hints=(
            "`self.before` takes pictures one by one, (batch · 9, C, H, W), as the focus network does. `unflatten(0, "
            "mosaics.shape[:2])` brings its features back to (batch, 9, ...); your `average` does the rest.",
            "`classify`: `features = self.before(mosaics.flatten(0, 1)).unflatten(0, mosaics.shape[:2])`, then "
            "`self.after(average(features, attention_weights))`. `forward`: `self.classify(mosaics, "
            "attention(self.focus, mosaics))`.",
        ),
    ),
    with_beliefs(
        choice(
            "5.7",
            "q_shuffle",
            {
                "a": "A network that reads the nine tiles in their order would do that. But which part of yours could "
                "tell the first tile from the others? The focus network gets one tile at a time.",
                "b": "The weights differ because the pictures do: the scores come from what is on the tiles, shuffled "
                "or not.",
                "d": "Told by whom? No part of your model ever sees at which place a tile stands.",
            },
            {
                1: "The *mosaics* of a batch are drawn in random order; the tiles inside a mosaic stay where they are.",
                3: "That holds for a trained focus network as well: places never count, only pictures.",
            },
            right="c",
            hints=(
                "You have just measured it: what happens to weights and logits if the tiles change places?",
                "If the logits are the same for every order of the tiles, so are loss and gradients, step by step.",
            ),
        ),
        Mistake(
            "Look again at what is shuffled: the batches hold *mosaics* in random order, and leave the tiles of each "
            "where they are. It still makes no difference, but for another reason: no part of the model sees a place.",
            values={"q_shuffle": "b", "q_shuffle_reason": 1},
        ),
    ),
    Exercise(
        id="5.8",
        names=("score_gradient",),
        inputs=draw_gradient,
        probe=call_without_autograd,
        mistakes=(
            Mistake(
                "The average is not subtracted. A higher score for one tile means less weight for all others: the "
                "second term of the softmax's derivative, -α_u α_t, summed over all tiles u.",
                {"features - mean[:, None]": "features"},
            ),
            Mistake(
                "The weight of the tile is missing: both terms of the derivative have the factor α_t.",
                {"return attention_weights * towards_tile": "return towards_tile"},
            ),
            Mistake(
                "That is the gradient of the *weights*. The scores come before the softmax: use its derivative as well.",
                {
                    "features - mean[:, None]": "features",
                    "return attention_weights * towards_tile": "return towards_tile",
                },
            ),
            Mistake(
                "The sign is flipped: this is where descent goes. The gradient itself is asked.",
                {"return attention_weights": "return -attention_weights"},
            ),
            Mistake(
                "You subtract the plain mean of the tiles. What comes out of the chain rule is the *weighted* one.",
                {"mean = average(features, attention_weights)": "mean = features.mean(dim=1)"},
            ),
            Mistake(
                "That takes only the part u = t, α_t (1 - α_t): but the score of a tile moves the weights of *all* "
                "tiles.",
                {
                    "features - mean[:, None]": "features",
                    "return attention_weights": "return (1 - attention_weights) * attention_weights",
                },
            ),
            Mistake(
                "Tiles and dimensions of the features are exchanged: the dot product runs over d, the last dimension of "
                "the features.",
                {
                    '"btd,bd->bt", features - mean[:, None], d_mean': '"btd,bt->bd", features - mean[:, None], d_mean'
                },
            ),
            Mistake(
                "The weight counts twice, once for the average and once too often in front.",
                {"return attention_weights *": "return attention_weights**2 *"},
            ),
        ),
        variants=(
            Variant(
                "through the Jacobian of the softmax",
                code="def score_gradient(d_mean, features, attention_weights):\n"
                "    a = attention_weights\n"
                "    d_alpha = (features @ d_mean[:, :, None])[:, :, 0]\n"
                "    jacobian = torch.diag_embed(a) - a[:, :, None] * a[:, None, :]\n"
                "    return (jacobian @ d_alpha[:, :, None])[:, :, 0]",
            ),
            Variant(
                "subtracting the weighted mean of the products",
                code="def score_gradient(d_mean, features, attention_weights):\n"
                "    dots = (features * d_mean.unsqueeze(1)).sum(-1)\n"
                "    return attention_weights * (dots - (attention_weights * dots).sum(1, keepdim=True))",
            ),
        ),
        hints=(
            "∂L/∂α_u is the dot product x_u · `d_mean`. Multiply by α_u ([u = t] - α_t) and sum over u: the first part "
            "leaves only u = t, the second one makes the weighted sum of all x_u.",
            "α_t (x_t - x̄) · d_mean, with x̄ = `average(features, attention_weights)`; the dot product is "
            '`torch.einsum("btd,bd->bt", ...)`.',
        ),
    ),
    Exercise(
        id="5.9",
        names=("count_four",),
        inputs=draw_looks,
        mistakes=(
            Mistake(
                "FFPT and FTPF are exchanged: the first F or T is the focus, the second the prediction.",
                {
                    '"FFPT": int((~focus & prediction)': '"FFPT": int((focus & ~prediction)',
                    '"FTPF": int((focus & ~prediction)': '"FTPF": int((~focus & prediction)',
                },
            ),
            Mistake(
                "Those are shares. The counts are asked: they add up to the number of mosaics.",
                {".sum())": ".sum()) / len(places)"},
            ),
            Mistake(
                "You ask for more than half of the attention. The focus is right if the foreground has the *largest* "
                "weight, however small.",
                {
                    "attention_weights.argmax(dim=1) == places": "attention_weights[torch.arange(len(places)), places] > 0.5"
                },
            ),
            Mistake(
                "More attention than by chance is not yet a right focus: another tile may have still more. The "
                "foreground needs the *largest* weight.",
                {
                    "attention_weights.argmax(dim=1) == places": "attention_weights[torch.arange(len(places)), places] > 1 / 9"
                },
            ),
            Mistake(
                "Right and wrong focus are exchanged.",
                {"attention_weights.argmax(dim=1) == places": "attention_weights.argmax(dim=1) != places"},
            ),
            Mistake(
                "Right and wrong predictions are exchanged.",
                {"logits.argmax(dim=1) == labels": "logits.argmax(dim=1) != labels"},
            ),
            Mistake(
                "Those two keys count all with a right focus, or all with a right prediction: each mosaic belongs to "
                "exactly one of the four.",
                {
                    '"FFPT": int((~focus & prediction)': '"FFPT": int(prediction',
                    '"FTPF": int((focus & ~prediction)': '"FTPF": int(focus',
                },
            ),
            Mistake(
                "You compare places with predictions, and labels with the focus: `places` belongs to the weights, "
                "`labels` to the logits.",
                {
                    "attention_weights.argmax(dim=1) == places": "attention_weights.argmax(dim=1) == labels",
                    "logits.argmax(dim=1) == labels": "logits.argmax(dim=1) == places",
                },
            ),
        ),
        variants=(
            Variant(
                "a loop",
                code="def count_four(attention_weights, logits, places, labels):\n"
                "    counts = {'FTPT': 0, 'FFPT': 0, 'FTPF': 0, 'FFPF': 0}\n"
                "    for w, s, p, c in zip(attention_weights, logits, places, labels):\n"
                "        f = 'T' if w.argmax() == p else 'F'\n"
                "        g = 'T' if s.argmax() == c else 'F'\n"
                "        counts[f'F{f}P{g}'] += 1\n"
                "    return counts",
            ),
            Variant(
                "bincount, tensors",
                code="def count_four(attention_weights, logits, places, labels):\n"
                "    f = (attention_weights.max(1).indices != places).long()\n"
                "    p = (logits.max(1).indices != labels).long()\n"
                "    n = torch.bincount(2 * p + f, minlength=4)\n"
                "    return dict(zip(['FTPT', 'FFPT', 'FTPF', 'FFPF'], n))",
            ),
        ),
        hints=(
            "Two truth values for each mosaic: `attention_weights.argmax(dim=1) == places`, and the same for logits and "
            "labels. `&` is and, `~` is not.",
            "`int((~focus & prediction).sum())` is FFPT; the other three likewise.",
        ),
    ),
    Exercise(
        id="5.10",
        names=("entropy",),
        inputs=draw_weights,
        mistakes=(
            Mistake(
                "Where a weight is 0, the logarithm is minus infinity, and 0 times that is nan. Such terms count 0: "
                "`torch.special.entr`, or `clamp` the weights from below before the logarithm.",
                {
                    "torch.special.entr(attention_weights).sum(dim=1)": "-(attention_weights * attention_weights.log()).sum(dim=1)"
                },
            ),
            Mistake(
                "The minus is missing: logarithms of numbers below 1 are negative.",
                {"return torch": "return -torch"},
            ),
            Mistake(
                "That is the logarithm to base 2, so the entropy is in bits. Asked is the natural one.",
                {".sum(dim=1)": ".sum(dim=1) / math.log(2)"},
            ),
            Mistake(
                "That is the mean over the nine tiles: the entropy is their sum.",
                {".sum(dim=1)": ".mean(dim=1)"},
            ),
            Mistake(
                "One number came out for all mosaics, or one for each place: sum over dimension 1, the tiles.",
                {".sum(dim=1)": ".sum(dim=0)"},
            ),
            Mistake(
                "The weights in front of the logarithm are missing.",
                {
                    "torch.special.entr(attention_weights).sum(dim=1)": "-attention_weights.clamp(min=1e-12).log().sum(dim=1)"
                },
            ),
            Mistake(
                "Divided by log 9 it lies between 0 and 1. Asked is the entropy itself.",
                {".sum(dim=1)": ".sum(dim=1) / math.log(9)"},
            ),
        ),
        variants=(
            Variant(
                "clamp",
                code="def entropy(attention_weights):\n"
                "    return -(attention_weights * attention_weights.clamp_min(1e-30).log()).sum(1)",
            ),
            Variant(
                "where",
                code="def entropy(attention_weights):\n"
                "    w = torch.where(attention_weights > 0, attention_weights, torch.ones_like(attention_weights))\n"
                "    return -(attention_weights * torch.log(w)).sum(dim=-1)",
            ),
            Variant(
                "xlogy",
                code="def entropy(attention_weights):\n"
                "    return -torch.xlogy(attention_weights, attention_weights).sum(dim=1)",
            ),
        ),
        hints=(
            "Tile by tile -α log α, then the sum over the tiles. Watch the weights that are 0.",
            "`torch.special.entr(attention_weights)` is -α log α, with 0 where α is 0; then `.sum(dim=1)`.",
        ),
    ),
    Exercise(
        id="5.11",
        names=("attention_once",),
        inputs=draw_repeated,
        probe=probe_once,
        parts=("weights", "pictures that went through the focus network", "at most 250 at a time"),
        mistakes=(
            Mistake(
                "Pictures that occur in no mosaic are scored as well. Score only the distinct ones among the tiles.",
                {
                    "distinct, where = tiles.unique(return_inverse=True)": "distinct, where = torch.arange(len(images)), tiles"
                },
            ),
            Mistake(
                "Every tile goes through the focus network, and a picture that stands in five mosaics is scored five "
                "times. `torch.unique` finds the distinct ones.",
                {
                    "distinct, where = tiles.unique(return_inverse=True)": "distinct, where = tiles.flatten(), torch.arange(tiles.numel()).view(tiles.shape)"
                },
            ),
            Mistake(
                "All distinct pictures go through the network at once. With thousands of them the memory may not be "
                "enough: split them into parts of at most 250.",
                {"distinct.split(250)": "[distinct]"},
            ),
            Mistake(
                "Those are scores: the softmax over the nine tiles of each mosaic is missing.",
                {".softmax(dim=1)": ""},
            ),
            Mistake(
                "The softmax ran over the distinct pictures, before the scores were put where they belong. Each mosaic "
                "has its own, over its nine tiles.",
                {"scores[where, 0].softmax(dim=1)": "scores.softmax(dim=0)[where, 0]"},
            ),
            Mistake(
                "The softmax runs over the mosaics: the tiles are dimension 1.",
                {".softmax(dim=1)": ".softmax(dim=0)"},
            ),
            Mistake(
                "The first part of 250 pictures is scored, and the rest gets the scores of others: go through all parts.",
                {
                    "scores = torch.cat([focus(images[rows]) for rows in distinct.split(250)])": "scores = focus(images[distinct[:250]])",
                    "scores[where, 0]": "scores[where % 250, 0]",
                },
            ),
        ),
        variants=(
            Variant(
                "a table for all pictures, filled where needed",
                code="def attention_once(focus, images, tiles):\n"
                "    table = torch.zeros(len(images))\n"
                "    rows = torch.unique(tiles)\n"
                "    for i in range(0, len(rows), 100):\n"
                "        part = rows[i : i + 100]\n"
                "        table[part] = focus(images[part]).squeeze(1)\n"
                "    return torch.softmax(table[tiles], dim=1)",
            ),
            Variant(
                "a dictionary",
                code="def attention_once(focus, images, tiles):\n"
                "    known = {}\n"
                "    for row in set(tiles.flatten().tolist()):\n"
                "        known[row] = float(focus(images[row : row + 1]))\n"
                "    return torch.tensor([[known[t] for t in m] for m in tiles.tolist()]).softmax(1)",
            ),
        ),
        hints=(
            "Three steps: the distinct row numbers (and for each tile its place among them), their scores in parts, and "
            "for each mosaic the nine scores that belong to it, through a softmax.",
            "`distinct, where = tiles.unique(return_inverse=True)`; `scores = torch.cat([focus(images[rows]) for rows in "
            "distinct.split(250)])`; `scores[where, 0]` is (N, 9).",
        ),
    ),
    Exercise(
        id="5.12",
        names=("q_convolution", "q_relu", "q_max_pool", "q_mean_pool", "q_linear", "q_raw"),
        mistakes=(
            Mistake(
                "A convolution is linear, and the bias does no harm: the weights add up to 1, so Σ α_t (W x_t + b) = "
                "W x̄ + b.",
                values={"q_convolution": False},
            ),
            Mistake(
                "ReLU of an average is not the average of ReLUs: take 1 and -1 with equal weights, 0 against 1/2.",
                values={"q_convolution": True, "q_relu": True},
            ),
            Mistake(
                "The maximum of an average is not the average of the maxima: take the pixels (1, 0) and (0, 1) with "
                "equal weights, 1/2 against 1.",
                values={"q_convolution": True, "q_relu": False, "q_max_pool": True},
            ),
            Mistake(
                "Means of means may be taken in any order: average pooling is linear.",
                values={"q_convolution": True, "q_relu": False, "q_max_pool": False, "q_mean_pool": False},
            ),
            Mistake(
                "As with the convolution: Σ α_t b = b, because the weights add up to 1.",
                values={
                    "q_convolution": True,
                    "q_relu": False,
                    "q_max_pool": False,
                    "q_mean_pool": True,
                    "q_linear": False,
                },
            ),
            Mistake(
                "Without the softmax the bias counts Σ α_t times after the layer, and once before it: another reason "
                "for weights that add up to 1.",
                values={
                    "q_convolution": True,
                    "q_relu": False,
                    "q_max_pool": False,
                    "q_mean_pool": True,
                    "q_linear": True,
                    "q_raw": True,
                },
            ),
        ),
        variants=(
            Variant(
                "truth values of comparisons",
                values={"q_convolution": not False, "q_relu": bool(0), "q_raw": not True},
            ),
        ),
        hints=(
            "Which of them are of the form W x + b? Then look at b: when is Σ α_t b = b?",
            "Try a layer: `h = nn.ReLU(); x = torch.randn(1, 9, 3, 8, 8); w = torch.rand(1, 9).softmax(1)`, and compare "
            "`h(average(x, w))` with `average(h(x[0])[None], w)`. Three of the six hold.",
        ),
    ),
    with_beliefs(
        choice(
            "5.13",
            "q_table",
            {
                "b": "From layer 0 to layer 1 the test accuracy *falls*, from 85.58 % to 81.22 %.",
                "c": "Training accuracies near 100 % say only that the networks have learned their mosaics by heart. The "
                "test accuracies differ by up to 9 points.",
                "d": "One run is no proof: with another start layer 1 might come out better. Nobody knows by how much "
                "such runs differ.",
            },
            {
                1: "True, but it does not say anything about how far the *test* accuracies can be trusted.",
                3: "The best one is the last, but an order is more than its end: 81.22 comes after 85.58.",
            },
            right="a",
            hints=(
                "Read the second row from left to right. Then ask what you would need to know to call a difference real.",
                "85.58, 81.22, 88.25, 90.01: down, up, up. And each is a single run.",
            ),
        ),
        Mistake(
            "The best value stands at the end, but the row does not rise all the way: 85.58, then 81.22.",
            values={"q_table": "b", "q_table_reason": 3},
        ),
    ),
)

NOTEBOOK = Notebook(
    id="05",
    name="05_mosaic_attention",
    title="Mosaic attention: nine pictures, one matters",
    data=("cifar10",),
    minutes={"smoke": 0.5, "laptop": 6, "full": 30},
    exercises=EXERCISES,
    withheld=("data.mosaics", "models.mosaic", "evaluation.focus"),
)
