"""Notebook 07, the dynamics of attention: inputs, probes, typical mistakes and hints of its exercises.

Longer than other modules because it is content. Report 000, sections 3.4, 3.5 and 7; erratum 17 (epochs and rates
vary together; the best row has the longest turns) is taught by exercises 7.9 to 7.12.
"""

from __future__ import annotations

import math
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

LACKING = 10_000 / 3 * (4 / 7) ** 8


def draw_gradient_at_mean(generator: torch.Generator) -> Inputs:
    """Draw as many tiles as they have numbers (so that a wrong sum runs), none of them centred."""
    return {
        "d_mean": torch.randn(4, 5, generator=generator),
        "tiles": 0.5 + torch.randn(4, 5, 5, generator=generator),
    }


def draw_gradient_at_weights(generator: torch.Generator) -> Inputs:
    """Draw weights far from equal, as many mosaics as tiles, and gradients whose mean is not 0."""
    return {
        "alpha": (1.5 * torch.randn(5, 5, generator=generator)).softmax(dim=1),
        "d_alpha": 1 + torch.randn(5, 5, generator=generator),
    }


def draw_directions(generator: torch.Generator) -> Inputs:
    """Draw gradients of six tiles, not nine; slopes towards the foreground of both signs, in several places."""
    foreground_at = torch.randint(6, (7,), generator=generator)
    foreground_at[:2] = torch.tensor([2, 5])
    d_alpha = 1 + torch.randn(7, 6, generator=generator)
    d_alpha[0, 2] = -1 - d_alpha[0, 2].abs()
    d_alpha[1, 5] = 1 + d_alpha[1, 5].abs()
    return {"d_alpha": d_alpha, "foreground_at": foreground_at}


def draw_networks(generator: torch.Generator) -> Inputs:
    """Draw a focus and a classification network (2-3-1 and 2-3-3) by their parameters, tiles and labels."""

    # The first optimizer of a process imports half of torch for seconds: not where a limit of time may cut it off.
    torch.optim.SGD([torch.zeros(1)], lr=0.1)

    def parameters(outputs: int) -> list[torch.Tensor]:
        shapes = ((3, 2), (3,), (outputs, 3), (outputs,))
        return [torch.randn(*shape, generator=generator, dtype=torch.float64) for shape in shapes]

    return {
        "focus": parameters(1),
        "classify": parameters(3),
        "tiles": 2 * torch.randn(6, 4, 2, generator=generator, dtype=torch.float64),
        "labels": torch.randint(3, (6,), generator=generator),
    }


def draw_turns(generator: torch.Generator) -> Inputs:
    """Draw networks, and seven steps by turns of two: the last turn is cut off."""
    return {**draw_networks(generator), "steps": 7, "every": 2, "rates": [0.4, 0.7], "momentum": 0.6}


def draw_design(generator: torch.Generator) -> Inputs:
    """Draw settings of which some pairs differ in one factor, some in several, and two are the same."""
    rest = [(every, where) for every in (5, 50) for where in (0.3, 3.0)]
    rest = [rest[k] for k in torch.randperm(4, generator=generator).tolist()]
    places = [*((0.1, *r) for r in rest), *((0.2, *r) for r in rest[1:] + rest[:1]), (0.1, *rest[0])]
    settings = [{"every": every, "what": what, "where": where} for what, every, where in places]
    return {"settings": settings, "factor": "what"}


def draw_runs(generator: torch.Generator) -> Inputs:
    """Draw runs of a design, some at a third level, one without its partner.

    Partners never stand at the same place among the runs of their level.
    """
    rest = [(every, seed) for every in (2, 40) for seed in (0, 1, 2)]
    rest = [rest[k] for k in torch.randperm(6, generator=generator).tolist()]
    levels = {0.3: rest[:5], 1.0: rest[2:], 3.0: rest[3:] + rest[:3]}
    waiting = {
        where: [
            [
                {"every": every, "where": where, "seed": seed},
                0.2 * seed + 0.01 * every + 0.1 * where + 0.1 * torch.randn(1, generator=generator).item(),
            ]
            for every, seed in places
        ]
        for where, places in levels.items()
    }
    order = [where for where, runs in waiting.items() for _ in runs]
    order = [order[k] for k in torch.randperm(len(order), generator=generator).tolist()]
    return {"runs": [waiting[where].pop(0) for where in order], "factor": "where", "low": 0.3, "high": 3.0}


def draw_query(generator: torch.Generator) -> Inputs:
    """Draw mosaics of five tiles; the first ones tell each condition from the others."""
    tile_labels = torch.randint(3, 8, (40, 5), generator=generator)
    labels = torch.randint(3, (40,), generator=generator)
    labels[:11], labels[11] = 1, 0
    tile_labels[:12] = torch.tensor(
        [
            [3, 4, 6, 6, 6],
            [3, 6, 6, 6, 6],
            [6, 4, 6, 6, 6],
            [6, 6, 6, 6, 6],
            [3, 4, 5, 6, 6],
            [3, 6, 4, 7, 6],
            [7, 4, 5, 3, 6],
            [5, 5, 5, 5, 5],
            [7, 7, 7, 7, 7],
            [3, 3, 3, 3, 3],
            [4, 4, 4, 4, 4],
            [6, 6, 3, 4, 6],
        ]
    )
    return {"labels": labels, "tile_labels": tile_labels, "label": 1, "present": [3, 4], "absent": [5, 7]}


def draw_shares(generator: torch.Generator) -> Inputs:
    """Draw hits of two groups of different sizes, with shares away from 0, 1/2 and 1 and from each other."""
    n, m = (int(torch.randint(*ends, (1,), generator=generator)) for ends in ((30, 60), (200, 400)))
    p, q = (0.55 + 0.15 * k + 0.05 * torch.rand(1, generator=generator).item() for k in (0, 2))
    return {"hits": round(p * n), "n": n, "other_hits": round(q * m), "other_n": m}


def probe_turns(names: dict[str, Any], inputs: Inputs) -> Any:
    """Train two small networks by turns; return their parameters, what was told, and whether all can be trained."""
    import torch

    networks = []
    for key in ("focus", "classify"):
        values = inputs[key]
        network = torch.nn.Sequential(
            torch.nn.Linear(2, 3), torch.nn.Tanh(), torch.nn.Linear(3, len(values[-1]))
        ).double()
        for parameter, value in zip(network.parameters(), values, strict=True):
            parameter.data.copy_(value)
        networks.append(network)
    told: list[Any] = []
    names["alternate"](
        *networks,
        inputs["tiles"],
        inputs["labels"],
        inputs["steps"],
        inputs["every"],
        tuple(inputs["rates"]),
        inputs["momentum"],
        lambda turn, loss: told.append((int(turn), float(loss))),
    )
    focus, classify = ([p.detach().clone() for p in network.parameters()] for network in networks)
    trainable = all(p.requires_grad for network in networks for p in network.parameters())
    return focus, classify, [turn for turn, _ in told], [loss for _, loss in told], trainable


def probe_one_turn(names: dict[str, Any], inputs: Inputs) -> Any:
    """Train the classification network; count how often the focus network is called, and look at it after."""
    import torch

    networks = []
    for key in ("focus", "classify"):
        values = inputs[key]
        network = torch.nn.Sequential(
            torch.nn.Linear(2, 3), torch.nn.Tanh(), torch.nn.Linear(3, len(values[-1]))
        ).double()
        for parameter, value in zip(network.parameters(), values, strict=True):
            parameter.data.copy_(value)
        networks.append(network)
    focus, classify = networks
    calls: list[int] = []
    focus.register_forward_hook(lambda *_: calls.append(1))
    names["classifier_turn"](focus, classify, inputs["tiles"], inputs["labels"], 3, 0.8)
    still = all(map(torch.equal, [p.detach() for p in focus.parameters()], inputs["focus"]))
    no_gradient = all(p.grad is None or not p.grad.any() for p in focus.parameters())
    return [p.detach().clone() for p in classify.parameters()], len(calls), still, no_gradient


def probe_queries(names: dict[str, Any], inputs: Inputs) -> Any:
    """Ask with both conditions, and with each of them alone."""
    labels, tile_labels, label = (inputs[key] for key in ("labels", "tile_labels", "label"))
    present, absent = tuple(inputs["present"]), tuple(inputs["absent"])
    ask = names["chosen"]
    return tuple(
        ask(labels, tile_labels, label, *two) for two in ((present, absent), ((), absent), (present, ()))
    )


def probe_factors(names: dict[str, Any], inputs: Inputs) -> Any:
    """Ask both functions at every step of some turns."""
    what, where = names["turn_factors"](inputs["every"])
    steps = range(5 * inputs["every"] + 1)
    return [float(what(step)) for step in steps], [float(where(step)) for step in steps]


def probe_pairs(names: dict[str, Any], inputs: Inputs) -> Any:
    """Return the pairs in rising order, as lists of whole numbers."""
    found = names["isolating_pairs"](inputs["settings"], inputs["factor"])
    return None if found is None or found is ... else sorted([int(i), int(j)] for i, j in found)


EXERCISES = (
    Exercise(
        id="7.1",
        names=("weight_gradient",),
        inputs=draw_gradient_at_mean,
        probe=call_without_autograd,
        mistakes=(
            Mistake(
                "You sum over the tiles and keep the numbers of a tile. Each tile has one gradient: the inner product "
                "of dL/dmean with *its* numbers.",
                {'"nd,ntd->nt"': '"nd,ntd->nd"'},
            ),
            Mistake(
                "dL/dmean has an entry for each number of a tile, not for each tile: it is multiplied along the last "
                "dimension of `tiles`.",
                {'"nd,ntd->nt"': '"nt,ntd->nd"'},
            ),
            Mistake(
                "The sign is the other way round: this is the gradient, not the step against it.",
                {"return torch": "return -torch"},
            ),
            Mistake(
                "Nothing is divided: the inner product is a sum over the numbers of a tile, and the derivative of "
                "Σ α_t x_t with respect to α_t is x_t itself.",
                {"d_mean, tiles)": "d_mean, tiles) / tiles.shape[1]"},
            ),
            Mistake(
                "The mean of the tiles is taken away. That happens later, in the softmax, and with the weights; here "
                "each tile counts as it is.",
                {"d_mean, tiles)": "d_mean, tiles - tiles.mean(dim=1, keepdim=True))"},
            ),
        ),
        variants=(
            Variant(
                "broadcast and sum",
                code="def weight_gradient(d_mean, tiles):\n    return (d_mean[:, None] * tiles).sum(dim=-1)",
            ),
            Variant(
                "a product of matrices",
                code="def weight_gradient(d_mean, tiles):\n    return (tiles @ d_mean.unsqueeze(2)).squeeze(2)",
            ),
        ),
        hints=(
            "The mean is Σ α_t x_t. Its derivative with respect to α_t is x_t, a vector; the chain rule takes the inner "
            "product with dL/dmean.",
            '`torch.einsum("nd,ntd->nt", d_mean, tiles)`.',
        ),
    ),
    Exercise(
        id="7.2",
        names=("score_gradient",),
        inputs=draw_gradient_at_weights,
        probe=call_without_autograd,
        mistakes=(
            Mistake(
                "The second term is missing: a tile whose gradient is like the average of all has nothing to gain. "
                "Subtract Σ_u α_u g_u.",
                {"(d_alpha - mean)": "d_alpha"},
            ),
            Mistake(
                "The mean that is subtracted is the *weighted* one, Σ_u α_u g_u: heavy tiles count more.",
                {
                    "mean = (alpha * d_alpha).sum(dim=1, keepdim=True)": "mean = d_alpha.mean(dim=1, keepdim=True)"
                },
            ),
            Mistake(
                "That is the diagonal of the Jacobian alone, α_t(1 - α_t) g_t. A score also changes the weights of "
                "all *other* tiles.",
                {"alpha * (d_alpha - mean)": "alpha * (1 - alpha) * d_alpha"},
            ),
            Mistake(
                "The factor α_t in front is missing.",
                {"return alpha * (d_alpha - mean)": "return d_alpha - mean"},
            ),
            Mistake(
                "The sum runs over the tiles of one mosaic, dim=1; you sum over the mosaics (it only runs because "
                "there are as many mosaics as tiles here).",
                {"sum(dim=1, keepdim=True)": "sum(dim=0, keepdim=True)"},
            ),
            Mistake(
                "Without `keepdim=True` the sums of the mosaics are lined up with the *tiles* (it only runs because "
                "there are as many of both here).",
                {"sum(dim=1, keepdim=True)": "sum(dim=1)"},
            ),
            Mistake(
                "The sign of the bracket: g_t minus the mean.",
                {"(d_alpha - mean)": "(mean - d_alpha)"},
            ),
            Mistake(
                "Σ_u α_u g_u is a sum, not a mean: the weights add up to 1 already.",
                {"(alpha * d_alpha).sum(": "(alpha * d_alpha).mean("},
            ),
            Mistake(
                "The factor α_t stands before the *whole* bracket: α_t g_t - α_t Σ_u α_u g_u. Yours do not add up to zero.",
                {"alpha * (d_alpha - mean)": "alpha * d_alpha - mean"},
            ),
            Mistake(
                "`alpha` is multiplied twice in the first term: it is α_t g_t - α_t Σ_u α_u g_u.",
                {"alpha * (d_alpha - mean)": "alpha * (alpha * d_alpha - mean)"},
            ),
        ),
        variants=(
            Variant(
                "the Jacobian, written out",
                code="def score_gradient(alpha, d_alpha):\n"
                "    jacobian = torch.diag_embed(alpha) - alpha[:, :, None] * alpha[:, None, :]\n"
                "    return (jacobian @ d_alpha[:, :, None])[:, :, 0]",
            ),
            Variant(
                "two products",
                code="def score_gradient(alpha, d_alpha):\n"
                "    weighted = alpha * d_alpha\n"
                "    return weighted - alpha * weighted.sum(1)[:, None]",
            ),
        ),
        hints=(
            "Chain rule: ∂L/∂s_t = Σ_u g_u ∂α_u/∂s_t = Σ_u g_u α_u ([u = t] - α_t). The bracket picks one term and "
            "leaves a sum.",
            "`alpha * (d_alpha - (alpha * d_alpha).sum(dim=1, keepdim=True))`.",
        ),
    ),
    Exercise(
        id="7.3",
        names=("q_best_weight", "q_equal_share", "q_lost_share"),
        rtol=1e-2,
        mistakes=(
            Mistake(
                "Equal weights are not the fastest. The weighted mean of the gradients is a·g_f + (1 - a)·g_b; put it "
                "into the formula and maximise a(1 - a).",
                values={"q_best_weight": 1 / 9},
            ),
            Mistake(
                "With a = 1 the bracket is zero: the weighted mean *is* the foreground's gradient.",
                values={"q_best_weight": 1},
            ),
            Mistake(
                "With a = 0 the factor in front is zero: nothing moves.",
                values={"q_best_weight": 0},
            ),
            Mistake(
                "That is a(1 - a) itself. Asked is its share of the largest value, which is 1/4.",
                values={"q_best_weight": 0.5, "q_equal_share": 8 / 81},
            ),
            Mistake(
                "That is a/(1/2), the ratio of the weights. The size is a(1 - a)|g_f - g_b|, and both factors change.",
                values={"q_best_weight": 0.5, "q_equal_share": 2 / 9},
            ),
            Mistake(
                "The other tiles share the rest, but each has the gradient g_b: their weighted mean is (1 - a) g_b, "
                "whatever their number. Do not divide by 8.",
                values={"q_best_weight": 0.5, "q_equal_share": 4 / 81},
            ),
            Mistake(
                "That is a(1 - a) itself: divide by the largest value, 1/4.",
                values={"q_best_weight": 0.5, "q_equal_share": 32 / 81, "q_lost_share": 0.000999},
            ),
            Mistake(
                "That is the ratio of the weights, a/(1/2). For small a the size is about a·|g_f - g_b|, against a "
                "quarter of it.",
                values={"q_best_weight": 0.5, "q_equal_share": 32 / 81, "q_lost_share": 0.002},
            ),
            Mistake(
                "Shares are asked from 0 to 1, not in percent.",
                values={"q_best_weight": 0.5, "q_equal_share": 3200 / 81},
            ),
        ),
        variants=(
            Variant("rounded", values={"q_best_weight": 0.5, "q_equal_share": 0.395, "q_lost_share": 0.004}),
            Variant(
                "exact", values={"q_best_weight": 1 / 2, "q_equal_share": 32 / 81, "q_lost_share": 0.003996}
            ),
        ),
        hints=(
            "Σ_u α_u g_u = a g_f + (1 - a) g_b, so the bracket is (1 - a)(g_f - g_b).",
            "The size is a(1 - a)|g_f - g_b|: largest at a = 1/2, where a(1 - a) = 1/4. Divide the two other values "
            "of a(1 - a) by that.",
        ),
    ),
    choice(
        "7.4",
        "q_zero_start",
        {
            "a": "The gradient in the mean is Vᵀ(p - y), and V is zero. What reaches the tiles, and so the focus network?",
            "c": "The other way round. The focus network hears of the loss only through V, and V is zero.",
            "d": "V has the gradient (p - y) mᵀ, averaged over mosaics. p is 1/3 for each class, y one-hot, m is not "
            "zero, and it differs a little from class to class: the foreground is a ninth of it.",
        },
        {
            1: "Zero weights do not make every gradient zero: the gradient of V is (p - y) mᵀ, and neither factor "
            "vanishes.",
            2: "If that were so the classification network would not move either. A ninth of the mean is the "
            "foreground: that is little, but it is something.",
        },
        right="b",
        hints=(
            "Write down both gradients: dL/dV with the mean m, and dL/dm, which goes on to the scores.",
            "dL/dV = (p - y) mᵀ, dL/dm = Vᵀ (p - y). Which of them is zero if V is?",
        ),
    ),
    Exercise(
        id="7.5",
        names=("directions",),
        inputs=draw_directions,
        parts=("towards the foreground", "towards the background"),
        mistakes=(
            Mistake(
                "All tiles are in the second sum. (1 - e_f) leaves the foreground out.",
                {"(d_alpha.sum(dim=1) - foreground)": "d_alpha.sum(dim=1)"},
            ),
            Mistake(
                "The report has nine tiles, but a function should not count on it: divide by the number of tiles less one.",
                {"(d_alpha.shape[1] - 1)": "8"},
            ),
            Mistake(
                "The direction is (1 - e_f) divided by the number of background tiles: you have their sum.",
                {" / (d_alpha.shape[1] - 1)": ""},
            ),
            Mistake(
                "Divide by the number of background tiles, one less than there are tiles.",
                {"(d_alpha.shape[1] - 1)": "d_alpha.shape[1]"},
            ),
            Mistake(
                "That takes the same tile of every mosaic. The foreground is in another place each time: "
                "`d_alpha[torch.arange(N), foreground_at]`.",
                {"d_alpha.gather(1, foreground_at[:, None])[:, 0]": "d_alpha[:, 0]"},
            ),
            Mistake(
                "`d_alpha[:, foreground_at]` takes all those columns for *every* mosaic. You need one entry per row: "
                "`gather`, or two index tensors.",
                {
                    "d_alpha.gather(1, foreground_at[:, None])[:, 0]": "d_alpha[:, foreground_at].mean(dim=1)",
                },
            ),
            Mistake(
                "The means are asked over the mosaics, not sums.",
                {
                    "foreground.mean()": "foreground.sum()",
                    "background.mean()": "background.sum()",
                },
            ),
            Mistake(
                "The foreground comes first.",
                {
                    "foreground.mean().item(), background.mean().item()": "background.mean().item(), foreground.mean().item()"
                },
            ),
            Mistake(
                "Those are sizes. A slope has a sign: negative where the loss falls.",
                {"return foreground.mean()": "return foreground.abs().mean()"},
            ),
        ),
        variants=(
            Variant(
                "a one-hot matrix, as in the report",
                code="def directions(d_alpha, foreground_at):\n"
                "    tiles = d_alpha.shape[1]\n"
                "    e = F.one_hot(foreground_at, tiles)\n"
                "    return (d_alpha * e).sum(1).mean(), (d_alpha * (1 - e) / (tiles - 1)).sum(1).mean()",
            ),
            Variant(
                "masks",
                code="def directions(d_alpha, foreground_at):\n"
                "    front = torch.arange(d_alpha.shape[1]) == foreground_at[:, None]\n"
                "    return d_alpha[front].mean(), d_alpha[~front].mean()",
            ),
        ),
        hints=(
            "The first inner product picks one entry of each row, the one in column foreground_at. The second is the "
            "mean of all others.",
            "`d_alpha.gather(1, foreground_at[:, None])[:, 0]` picks; (row sum minus that) / (tiles - 1) is the rest. "
            "Then `.mean()` of both.",
        ),
    ),
    Exercise(
        id="7.6",
        names=("alternate",),
        inputs=draw_turns,
        probe=probe_turns,
        parts=("focus network", "classification network", "turns told", "losses told", "both trainable"),
        mistakes=(
            Mistake(
                "The classification network comes first; here the focus network did.",
                {"(classify, focus), rates": "(focus, classify), rates[::-1]"},
            ),
            Mistake(
                "The learning rates are exchanged: the first belongs to the classification network.",
                {"(classify, focus), rates": "(classify, focus), rates[::-1]"},
            ),
            Mistake(
                "The focus network comes first, and with the other network's learning rate: classification first, in the "
                "turns and in `rates`.",
                {"(classify, focus), rates": "(focus, classify), rates"},
            ),
            Mistake(
                "They change after each step. A turn has `every` steps: `step // every % 2`.",
                {"step // every % 2": "step % 2"},
            ),
            Mistake(
                "The first turn is one step short. Steps count from 0: `step // every % 2`.",
                {"step // every % 2": "(step + 1) // every % 2"},
            ),
            Mistake(
                "They change once and never back: after the focus network it is the classification network's turn again.",
                {"step // every % 2": "min(step // every, 1)"},
            ),
            Mistake(
                "Nobody is frozen: both networks take every step. (`eval()` and `train()` freeze nothing: they change how "
                "dropout and batch norm work.)",
                {
                    "        optimizers[turn].zero_grad()\n": "        for o in optimizers:\n            o.zero_grad()\n",
                    "        optimizers[turn].step()": "        for o in optimizers:\n            o.step()",
                },
            ),
            Mistake(
                "Gradients add up: `backward()` adds to what is there. Set them to zero before each step.",
                {"        optimizers[turn].zero_grad()\n": ""},
            ),
            Mistake(
                "The network that rests still moves: with its gradients at *zero* instead of None, the optimizer "
                "steps along its old velocity. Step only the optimizer whose turn it is, or set gradients to None.",
                code="def alternate(focus, classify, tiles, labels, steps, every, rates, momentum, watch):\n"
                "    groups = [{'params': list(n.parameters()), 'lr': r} for n, r in zip((classify, focus), rates)]\n"
                "    optimizer = torch.optim.SGD(groups, lr=0.1, momentum=momentum)\n"
                "    for step in range(steps):\n"
                "        turn = step // every % 2\n"
                "        loss = F.cross_entropy(classify(average(attend(focus, tiles), tiles)), labels)\n"
                "        loss.backward()\n"
                "        for p in (focus if turn == 0 else classify).parameters():\n"
                "            p.grad.zero_()\n"
                "        optimizer.step()\n"
                "        optimizer.zero_grad(set_to_none=False)\n"
                "        watch(turn, loss.item())",
            ),
            Mistake(
                "A learning rate of 0 keeps the weights still, but the velocity goes on collecting gradients, and the "
                "network leaps when its turn comes.",
                code="def alternate(focus, classify, tiles, labels, steps, every, rates, momentum, watch):\n"
                "    groups = [{'params': list(n.parameters()), 'lr': r} for n, r in zip((classify, focus), rates)]\n"
                "    optimizer = torch.optim.SGD(groups, lr=0.1, momentum=momentum)\n"
                "    for step in range(steps):\n"
                "        turn = step // every % 2\n"
                "        for k, group in enumerate(optimizer.param_groups):\n"
                "            group['lr'] = rates[k] if k == turn else 0.0\n"
                "        optimizer.zero_grad()\n"
                "        loss = F.cross_entropy(classify(average(attend(focus, tiles), tiles)), labels)\n"
                "        loss.backward()\n"
                "        optimizer.step()\n"
                "        watch(turn, loss.item())",
            ),
            Mistake(
                "A new optimizer in each turn forgets the velocity. Make both once, before the loop.",
                {
                    "        turn = step // every % 2\n": "        turn = step // every % 2\n"
                    "        if step % every == 0:\n"
                    "            optimizers = [torch.optim.SGD(n.parameters(), lr=r, momentum=momentum) for n, r in zip((classify, focus), rates)]\n"
                },
            ),
            Mistake(
                "The momentum is missing: `torch.optim.SGD(..., momentum=momentum)`.",
                {", momentum=momentum": ""},
            ),
            Mistake(
                "The classification network is frozen and never set free again: it learns in its first turn only.",
                {
                    "        optimizers[turn].step()\n": "        optimizers[turn].step()\n"
                    "        if turn == 1:\n            classify.requires_grad_(False)\n",
                    "        optimizers[turn].zero_grad()\n": "        for o in optimizers:\n            o.zero_grad()\n",
                    "        loss.backward()": "        if loss.requires_grad:\n            loss.backward()",
                },
            ),
            Mistake(
                "Training is right, but one network is still frozen at the end: set `requires_grad_(True)` again for both.",
                {
                    "        turn = step // every % 2\n": "        turn = step // every % 2\n"
                    "        classify.requires_grad_(turn == 0)\n        focus.requires_grad_(turn == 1)\n"
                },
            ),
            Mistake(
                "`watch` is told the loss *after* the step. The loss that you stepped on is the one from before.",
                {
                    "loss.item()": "F.cross_entropy(classify(average(attend(focus, tiles), tiles)), labels).item()"
                },
            ),
            Mistake(
                "`watch` is never called.",
                {"watch(turn, loss.item())": "pass"},
            ),
        ),
        variants=(
            Variant(
                "one optimizer, requires_grad_, gradients None",
                code="def alternate(focus, classify, tiles, labels, steps, every, rates, momentum, watch):\n"
                "    optimizer = torch.optim.SGD(\n"
                "        [{'params': list(classify.parameters()), 'lr': rates[0]},\n"
                "         {'params': list(focus.parameters()), 'lr': rates[1]}], momentum=momentum)\n"
                "    for step in range(steps):\n"
                "        turn = (step // every) % 2\n"
                "        classify.requires_grad_(turn == 0)\n"
                "        focus.requires_grad_(turn == 1)\n"
                "        optimizer.zero_grad(set_to_none=True)\n"
                "        loss = F.cross_entropy(classify(average(attend(focus, tiles), tiles)), labels)\n"
                "        loss.backward()\n"
                "        optimizer.step()\n"
                "        watch(turn, loss)\n"
                "    classify.requires_grad_(True)\n"
                "    focus.requires_grad_(True)",
            ),
            Variant(
                "two loops",
                code="def alternate(focus, classify, tiles, labels, steps, every, rates, momentum, watch):\n"
                "    what = torch.optim.SGD(classify.parameters(), lr=rates[0], momentum=momentum)\n"
                "    where = torch.optim.SGD(focus.parameters(), lr=rates[1], momentum=momentum)\n"
                "    done = turn = 0\n"
                "    while done < steps:\n"
                "        for _ in range(min(every, steps - done)):\n"
                "            focus.zero_grad()\n"
                "            classify.zero_grad()\n"
                "            alpha = focus(tiles).squeeze(-1).softmax(1)\n"
                "            loss = F.cross_entropy(classify((alpha[..., None] * tiles).sum(1)), labels)\n"
                "            loss.backward()\n"
                "            (where if turn else what).step()\n"
                "            watch(turn, float(loss))\n"
                "            done += 1\n"
                "        turn = 1 - turn",
            ),
        ),
        hints=(
            "Make two optimizers before the loop, one for each network. `step // every % 2` says whose turn it is: 0, 0, "
            "..., 1, 1, ... An optimizer moves only what it holds.",
            "In the loop: the loss of `classify(average(attend(focus, tiles), tiles))`; then "
            "`optimizers[turn].zero_grad()`, `loss.backward()`, `optimizers[turn].step()`, `watch(turn, loss.item())`.",
        ),
    ),
    choice(
        "7.7",
        "q_freeze",
        {
            "a": "Read the table again: after `eval()` the weights moved. It only changes how layers such as batch norm "
            "and dropout work.",
            "b": "The weights stay, but in training mode the batch norm goes on updating its running mean and variance: "
            "its outputs in evaluation change, as the table shows.",
            "d": "The weights stay where they are, and the velocity goes on; the batch norm's statistics move too, for "
            "they never had a learning rate.",
        },
        {
            1: "`eval()` has nothing to do with gradients: it is `requires_grad_(False)` (or `torch.no_grad()`) that "
            "turns them off.",
            3: "In evaluation a batch norm *computes with* its running statistics: if they change, so does the function.",
        },
        right="c",
        hints=(
            "Look at both columns of the table above: in which rows are both 0?",
            "Weights are moved by the optimizer. The running statistics of a batch norm are moved by each forward pass "
            "in training mode.",
        ),
    ),
    Exercise(
        id="7.8",
        names=("classifier_turn",),
        inputs=draw_networks,
        probe=probe_one_turn,
        parts=(
            "classification network",
            "calls of the focus network",
            "focus network unmoved",
            "focus network without gradient",
        ),
        mistakes=(
            Mistake(
                "The focus network is called in every step, and answers the same each time: compute the means before "
                "the loop.",
                {
                    "    with torch.no_grad():\n        means = average(attend(focus, tiles), tiles)\n": "",
                    "    for _ in range(steps):\n": "    for _ in range(steps):\n"
                    "        with torch.no_grad():\n            means = average(attend(focus, tiles), tiles)\n",
                },
            ),
            Mistake(
                "The means still hang on the graph of the focus network, which the first `backward()` used up. Compute "
                "them under `torch.no_grad()`, or `detach()` them.",
                {
                    "    with torch.no_grad():\n        means = average": "    means = average",
                },
            ),
            Mistake(
                "`retain_graph=True` silences the error, but each step now runs back through the focus network and leaves "
                "gradients in it. Detach the means.",
                {
                    "    with torch.no_grad():\n        means = average": "    means = average",
                    "loss.backward()": "loss.backward(retain_graph=True)",
                },
            ),
            Mistake(
                "Those are plain means. The focus network rests, but it still weighs the tiles.",
                {
                    "means = average(attend(focus, tiles), tiles)": "attend(focus, tiles)\n        means = tiles.mean(dim=1)"
                },
            ),
            Mistake(
                "That is a single step: repeat it `steps` times.",
                {"range(steps)": "range(1)"},
            ),
            Mistake(
                "Gradients add up from step to step: set them to zero.",
                {"        optimizer.zero_grad()\n": ""},
            ),
            Mistake(
                "The optimizer holds the focus network: it is to rest, and `classify` to learn.",
                {
                    "    with torch.no_grad():\n        means = average": "    means = average",
                    "torch.optim.SGD(classify": "torch.optim.SGD(focus",
                    "loss.backward()": "loss.backward(retain_graph=True)",
                },
            ),
            Mistake(
                "That is SGD with momentum; asked is the plain one.",
                {"lr=rate)": "lr=rate, momentum=0.9)"},
            ),
            Mistake(
                "The focus network is called tile by tile. A linear layer works on the last dimension, whatever stands "
                "before it: one call for all.",
                {
                    "attend(focus, tiles)": "torch.cat([focus(tiles[:, t]) for t in range(tiles.shape[1])], dim=1).softmax(dim=1)"
                },
            ),
        ),
        variants=(
            Variant(
                "detach, by hand",
                code="def classifier_turn(focus, classify, tiles, labels, steps, rate):\n"
                "    means = average(attend(focus, tiles), tiles).detach()\n"
                "    for _ in range(steps):\n"
                "        loss = F.cross_entropy(classify(means), labels)\n"
                "        gradients = torch.autograd.grad(loss, list(classify.parameters()))\n"
                "        with torch.no_grad():\n"
                "            for p, g in zip(classify.parameters(), gradients):\n"
                "                p -= rate * g",
            ),
            Variant(
                "inference without a helper",
                code="def classifier_turn(focus, classify, tiles, labels, steps, rate):\n"
                "    alpha = focus(tiles).detach().squeeze(-1).softmax(dim=-1)\n"
                "    means = (alpha.unsqueeze(-1) * tiles).sum(dim=1)\n"
                "    sgd = torch.optim.SGD(classify.parameters(), rate)\n"
                "    for _ in range(steps):\n"
                "        sgd.zero_grad()\n"
                "        F.cross_entropy(classify(means), labels).backward()\n"
                "        sgd.step()",
            ),
        ),
        hints=(
            "What of the computation does not change from step to step? Do it before the loop, and so that autograd "
            "does not record it.",
            "`with torch.no_grad(): means = average(attend(focus, tiles), tiles)`; then an ordinary training loop of "
            "`classify` on `means`.",
        ),
    ),
    Exercise(
        id="7.9",
        names=("isolating_pairs",),
        inputs=draw_design,
        probe=probe_pairs,
        mistakes=(
            Mistake(
                "Those pairs differ in the factor, but some of them in others as well: then nobody knows what made the "
                "difference.",
                {"differing == [factor]": "factor in differing"},
            ),
            Mistake(
                "Those pairs differ in one thing, but not always in *this* factor.",
                {"differing == [factor]": "len(differing) == 1"},
            ),
            Mistake(
                "Those are pairs that agree in the factor: asked are those that differ in nothing else.",
                {"differing == [factor]": "factor not in differing"},
            ),
            Mistake(
                "Two equal settings tell nothing about the factor: they must differ in it.",
                {"differing == [factor]": "set(differing) <= {factor}"},
            ),
            Mistake(
                "Every pair stands there twice, as (i, j) and (j, i): take j from i + 1 on.",
                {
                    "range(i + 1, len(settings))": "range(len(settings))",
                },
            ),
            Mistake(
                "Only neighbours in the list are compared. Any two settings may make a pair.",
                {"range(i + 1, len(settings))": "range(i + 1, min(i + 2, len(settings)))"},
            ),
            Mistake(
                "The larger index comes first: (i, j) has i < j.",
                {"found.append((i, j))": "found.append((j, i))"},
            ),
        ),
        variants=(
            Variant(
                "itertools",
                code="def isolating_pairs(settings, factor):\n"
                "    def rest(s):\n        return {k: v for k, v in s.items() if k != factor}\n"
                "    return [(i, j) for (i, a), (j, b) in itertools.combinations(enumerate(settings), 2)\n"
                "            if a[factor] != b[factor] and rest(a) == rest(b)]",
            ),
            Variant(
                "counting, found from the back",
                code="def isolating_pairs(settings, factor):\n"
                "    pairs = []\n"
                "    for j in reversed(range(len(settings))):\n"
                "        for i in range(j):\n"
                "            a, b = settings[i], settings[j]\n"
                "            if sum(a[k] != b[k] for k in a) == 1 and a[factor] != b[factor]:\n"
                "                pairs.append([i, j])\n"
                "    return pairs",
            ),
        ),
        hints=(
            "For each pair make the list of names in which the two settings differ. What must that list be?",
            "`[name for name in one if one[name] != other[name]] == [factor]`, for all i and all j from i + 1 on.",
        ),
    ),
    choice(
        "7.10",
        "q_eight",
        {
            "a": "The setting with the longest turns, 100 epochs, has the best test accuracy of all, .83. And where "
            "turns get longer, the number of epochs (and twice a learning rate) changes as well.",
            "b": "It looks so: .41 at rate .01 and .82 at .001, turns of 50 in both. But one was trained for 500 epochs "
            "and the other for 600, and each once. With the dynamics of part 2 you have seen what one start can do.",
            "c": "It looks so: .43 at rate .001 and .79 at .01, turns of 20 in both. But one was trained for 280 epochs, "
            "the other for 320, each once; and another setting with rate .01 ends at .41.",
        },
        {
            1: "One setting ends at .41, another with turns of 50 epochs at .82. Neither says why.",
            3: "Training accuracy does not tell whether a network looks at the foreground: .97 in training goes with .43 on "
            "test mosaics.",
        },
        right="d",
        hints=(
            "For each of the three claims look for two rows that differ in nothing else. The table of exercise 7.9 says "
            "how many there are.",
            "There is not a single pair. And how many seeds does each setting have?",
        ),
    ),
    Exercise(
        id="7.11",
        names=("turn_factors",),
        inputs=lambda g: {"every": int(torch.randint(3, 7, (1,), generator=g))},
        probe=probe_factors,
        parts=("classification network", "focus network"),
        mistakes=(
            Mistake(
                "The classification network comes first, and its function as well.",
                {"% 2 == 0": "% 2 == 1", "% 2 == 1),\n": "% 2 == 0),\n"},
            ),
            Mistake(
                "Both functions do the same. If you made them in a loop: a lambda looks the loop's variable up when it is "
                "*called*, and then it has its last value. Bind it: `lambda step, turn=turn: ...`.",
                code="def turn_factors(every):\n"
                "    return tuple(lambda step: float(step // every % 2 == turn) for turn in (0, 1))",
            ),
            Mistake(
                "The turns change with every step: divide the step by `every` first.",
                {"step // every % 2 == 0": "step % 2 == 0", "step // every % 2 == 1": "step % 2 == 1"},
            ),
            Mistake(
                "There is only one change: after its first turn the classification network never learns again.",
                {"step // every % 2 == 0": "step < every", "step // every % 2 == 1": "step >= every"},
            ),
            Mistake(
                "The first turn is one step short: steps count from 0.",
                {
                    "step // every % 2 == 0": "(step + 1) // every % 2 == 0",
                    "step // every % 2 == 1": "(step + 1) // every % 2 == 1",
                },
            ),
            Mistake(
                "The first turn is one step too long: at step `every` it is the focus network's.",
                {
                    "step // every % 2 == 0": "max(step - 1, 0) // every % 2 == 0",
                    "step // every % 2 == 1": "max(step - 1, 0) // every % 2 == 1",
                },
            ),
            Mistake(
                "The classification network never rests.",
                {"float(step // every % 2 == 0)": "1.0"},
            ),
            Mistake(
                "`step % every` is the place within a turn. Which turn it is says `step // every`.",
                {
                    "step // every % 2 == 0": "step % every == 0",
                    "step // every % 2 == 1": "step % every != 0",
                },
            ),
        ),
        variants=(
            Variant(
                "one from the other",
                code="def turn_factors(every):\n"
                "    def where(step):\n        return (step // every) % 2\n"
                "    return [lambda step: 1 - where(step), where]",
            ),
            Variant(
                "a loop that binds",
                code="def turn_factors(every):\n"
                "    return tuple(lambda step, turn=turn: float(step % (2 * every) // every == turn) for turn in (0, 1))",
            ),
        ),
        hints=(
            "`step // every` counts the turns: 0, 1, 2, ... Even ones are the classification network's.",
            "`lambda step: float(step // every % 2 == 0)`, and the same with 1.",
        ),
    ),
    Exercise(
        id="7.12",
        names=("effect",),
        inputs=draw_runs,
        parts=("mean", "standard error"),
        rtol=1e-5,
        mistakes=(
            Mistake(
                "The sign: value at `high` minus value at `low`.",
                {"at[high][rest] - at[low][rest]": "at[low][rest] - at[high][rest]"},
            ),
            Mistake(
                "That is the spread of single differences. Their mean varies less: divide by √n.",
                {" / math.sqrt(len(d))": ""},
            ),
            Mistake(
                "Divide by √n, not by n.",
                {"math.sqrt(len(d))": "len(d)"},
            ),
            Mistake(
                "The standard deviation divides by n - 1, as `std()` does by itself.",
                {"d.std()": "d.std(correction=0)"},
            ),
            Mistake(
                "The seed is left out of the pairing: runs of different seeds are put together, or overwrite each other. "
                "A seed is part of what two runs must share.",
                {"if name != factor": "if name not in (factor, 'seed')"},
            ),
            Mistake(
                "The two groups are compared as if their runs had nothing to do with each other. Pair by pair, what a "
                "seed and the other settings do to both cancels.",
                code="def effect(runs, factor, low, high):\n"
                "    a, b = (torch.tensor([v for s, v in runs if s[factor] == level], dtype=torch.float64) for level in (high, low))\n"
                "    return (a.mean() - b.mean()).item(), math.sqrt(a.var() / len(a) + b.var() / len(b))",
            ),
            Mistake(
                "Runs are paired by their place in the list, and so with different seeds and settings. Look for the "
                "partner that agrees in everything else.",
                code="def effect(runs, factor, low, high):\n"
                "    a, b = ([v for s, v in runs if s[factor] == level] for level in (high, low))\n"
                "    d = torch.tensor([x - y for x, y in zip(a, b)], dtype=torch.float64)\n"
                "    return d.mean().item(), d.std().item() / math.sqrt(len(d))",
            ),
            Mistake(
                "Runs at other levels have slipped in: only `low` and `high` count.",
                {
                    "        if settings[factor] in at:\n            rest": "        if True:\n            rest",
                    "at[settings[factor]][rest] = value": "at[high if settings[factor] == high else low].setdefault(rest, []).append(value)",
                    "[at[high][rest] - at[low][rest] for rest in at[low] if rest in at[high]]": "[h - low_value for rest in at[low] for low_value in at[low][rest] for h in at[high].get(rest, [])]",
                },
            ),
            Mistake(
                "Runs with the same seed are paired, whatever their other settings: of several runs with a seed only the "
                "last counts. Partners agree in *everything* but the factor.",
                {"if name != factor": 'if name == "seed"'},
            ),
            Mistake(
                "That is the median. Asked is the mean of the differences.",
                {"d.mean()": "d.median()"},
            ),
        ),
        variants=(
            Variant(
                "every pair looked at",
                code="def effect(runs, factor, low, high):\n"
                "    d = []\n"
                "    for s, v in runs:\n"
                "        for t, w in runs:\n"
                "            if s[factor] == low and t[factor] == high and all(s[k] == t[k] for k in s if k != factor):\n"
                "                d.append(w - v)\n"
                "    n, m = len(d), sum(d) / len(d)\n"
                "    return m, (sum((x - m) ** 2 for x in d) / (n - 1) / n) ** 0.5",
            ),
            Variant(
                "partners by a changed dictionary",
                code="def effect(runs, factor, low, high):\n"
                "    import statistics\n"
                "    value = {frozenset(s.items()): v for s, v in runs}\n"
                "    d = []\n"
                "    for s, v in runs:\n"
                "        partner = frozenset({**s, factor: low}.items())\n"
                "        if s[factor] == high and partner in value:\n"
                "            d.append(v - value[partner])\n"
                "    return statistics.fmean(d), statistics.stdev(d) / math.sqrt(len(d))",
            ),
        ),
        hints=(
            "Give each run a key made of all its settings but the factor, for example "
            "`tuple(sorted((k, v) for k, v in settings.items() if k != factor))`. Partners have the same key.",
            "Two dictionaries, key -> value, one for `low` and one for `high`; the differences for keys in both; then "
            "`d.mean()` and `d.std() / math.sqrt(len(d))`.",
        ),
    ),
    Exercise(
        id="7.13",
        names=("chosen",),
        inputs=draw_query,
        probe=probe_queries,
        parts=("present and absent", "absent alone", "present alone"),
        mistakes=(
            Mistake(
                "One of the present classes is enough for you. *Every* one must be there.",
                code="def chosen(labels, tile_labels, label, present, absent):\n"
                "    found = labels == label\n"
                "    if len(present):\n"
                "        found = found & torch.isin(tile_labels, torch.tensor(list(present))).any(dim=1)\n"
                "    for k in absent:\n        found = found & ~(tile_labels == k).any(dim=1)\n"
                "    return found",
            ),
            Mistake(
                "Absent means: *no* tile is of that class. You only ask that not all tiles are.",
                {"~(tile_labels == k).any(dim=1)": "~(tile_labels == k).all(dim=1)"},
            ),
            Mistake(
                "That asks for *all* tiles to be of the class; one is enough.",
                {"& (tile_labels == k).any(dim=1)": "& (tile_labels == k).all(dim=1)"},
            ),
            Mistake(
                "The label is forgotten: only mosaics of that foreground class count.",
                {"found = labels == label": "found = torch.ones_like(labels, dtype=torch.bool)"},
            ),
            Mistake(
                "The absent classes are not looked at.",
                {"    for k in absent:\n        found = found & ~(tile_labels == k).any(dim=1)\n": ""},
            ),
            Mistake(
                "The absent classes are asked to be present: a `~` is missing.",
                {"~(tile_labels": "(tile_labels"},
            ),
            Mistake(
                "Those mosaics lack *some* of the absent classes, not all of them.",
                code="def chosen(labels, tile_labels, label, present, absent):\n"
                "    found = labels == label\n"
                "    for k in present:\n        found = found & (tile_labels == k).any(dim=1)\n"
                "    if len(absent):\n"
                "        there = torch.stack([(tile_labels == k).any(dim=1) for k in absent])\n"
                "        found = found & ~there.all(dim=0)\n"
                "    return found",
            ),
            Mistake(
                "Those are row numbers. Asked is a truth value for each mosaic, bool (N,).",
                {"return found": "return found.nonzero()[:, 0]"},
            ),
            Mistake(
                "Each condition overwrites the one before: join them with `&`.",
                {
                    "found = found & (tile": "found = (tile",
                    "found = found & ~(tile": "found = ~(tile",
                },
            ),
        ),
        variants=(
            Variant(
                "all at once",
                code="def chosen(labels, tile_labels, label, present, absent):\n"
                "    there = F.one_hot(tile_labels, 10).sum(dim=1) > 0\n"
                "    return (labels == label) & there[:, list(present)].all(dim=1) & ~there[:, list(absent)].any(dim=1)",
            ),
            Variant(
                "sets, mosaic by mosaic",
                code="def chosen(labels, tile_labels, label, present, absent):\n"
                "    rows = [set(row) for row in tile_labels.tolist()]\n"
                "    return torch.tensor([l == label and set(present) <= row and not row & set(absent)\n"
                "                         for l, row in zip(labels.tolist(), rows)])",
            ),
        ),
        hints=(
            "`(tile_labels == k).any(dim=1)` says which mosaics hold class k. Join conditions with `&`, turn one round "
            "with `~`.",
            "Start with `found = labels == label`; for each k of present `found = found & (...)`, for each k of absent "
            "`found = found & ~(...)`.",
        ),
    ),
    Exercise(
        id="7.14",
        names=("share_difference",),
        inputs=draw_shares,
        parts=("difference", "standard error"),
        rtol=1e-5,
        mistakes=(
            Mistake(
                "The root is missing: p(1 - p)/n is a variance.",
                {
                    "math.sqrt(p * (1 - p) / n + q * (1 - q) / other_n)": "p * (1 - p) / n + q * (1 - q) / other_n"
                },
            ),
            Mistake(
                "Standard errors do not add up, variances do: add under the root.",
                {
                    "math.sqrt(p * (1 - p) / n + q * (1 - q) / other_n)": "math.sqrt(p * (1 - p) / n) + math.sqrt(q * (1 - q) / other_n)"
                },
            ),
            Mistake(
                "The variances are subtracted. The *difference* of two independent numbers varies more than either of "
                "them: add.",
                {
                    "/ n + q * (1 - q) / other_n)": "/ n - q * (1 - q) / other_n if p * (1 - p) / n > q * (1 - q) / other_n else q * (1 - q) / other_n - p * (1 - p) / n)"
                },
            ),
            Mistake(
                "Only the first group's error is there. The other share is not known exactly either.",
                {" + q * (1 - q) / other_n": ""},
            ),
            Mistake(
                "Without dividing by n that is the deviation of a single mosaic, not of a share.",
                {"p * (1 - p) / n + q * (1 - q) / other_n": "p * (1 - p) + q * (1 - q)"},
            ),
            Mistake(
                "First minus second, please.",
                {"return p - q": "return q - p"},
            ),
            Mistake(
                "That is the difference of the *numbers* of hits. The groups have different sizes: divide first.",
                {"return p - q": "return hits - other_hits"},
            ),
            Mistake(
                "The two groups are pooled into one share. That suits a test of *no difference*; asked is the error of "
                "each group with its own share.",
                {
                    "    return p - q": "    difference, p = p - q, (hits + other_hits) / (n + other_n)\n    q = p\n    return difference"
                },
            ),
        ),
        variants=(
            Variant(
                "hypot",
                code="def share_difference(hits, n, other_hits, other_n):\n"
                "    def error(k, m):\n        return math.sqrt(k * (m - k) / m**3)\n"
                "    return hits / n - other_hits / other_n, math.hypot(error(hits, n), error(other_hits, other_n))",
            ),
            Variant(
                "tensors",
                code="def share_difference(hits, n, other_hits, other_n):\n"
                "    k, m = torch.tensor([[hits, other_hits], [n, other_n]], dtype=torch.float64)\n"
                "    p = k / m\n"
                "    return p[0] - p[1], (p * (1 - p) / m).sum().sqrt()",
            ),
        ),
        hints=(
            "The variance of each share is p(1 - p)/n with its own p and n. For a difference of independent numbers the "
            "variances are added.",
            "`math.sqrt(p * (1 - p) / n + q * (1 - q) / other_n)`.",
        ),
    ),
    Exercise(
        id="7.15",
        names=("q_lacking", "q_error", "q_by_chance"),
        rtol=2e-2,
        mistakes=(
            Mistake(
                "Only a third of the mosaics have this foreground.",
                values={"q_lacking": 3 * LACKING},
            ),
            Mistake(
                "That is one background tile. All *eight* must be of the four other classes.",
                values={"q_lacking": 10_000 / 3 * 4 / 7},
            ),
            Mistake(
                "(3/7)⁸ is the probability that all eight tiles are *of* the three classes. They must be of the four "
                "others.",
                values={"q_lacking": 10_000 / 3 * (3 / 7) ** 8},
            ),
            Mistake(
                "There are seven background classes, not ten: four of seven are allowed.",
                values={"q_lacking": 10_000 / 3 * (4 / 10) ** 8},
            ),
            Mistake(
                "A mosaic has eight background tiles; the ninth is the foreground.",
                values={"q_lacking": 10_000 / 3 * (4 / 7) ** 9},
            ),
            Mistake(
                "That lacks *one* given background: six of seven classes are allowed. Here three are missing.",
                values={"q_lacking": 10_000 / 3 * (6 / 7) ** 8},
            ),
            Mistake(
                "That is the error among all mosaics with this foreground. In the group there are far fewer.",
                values={"q_lacking": LACKING, "q_error": math.sqrt(0.85 * 0.15 * 3 / 10_000)},
            ),
            Mistake(
                "That is the variance: take the root.",
                values={"q_lacking": LACKING, "q_error": 0.85 * 0.15 / LACKING},
            ),
            Mistake(
                "From 0 to 1, please, not in percent.",
                values={"q_lacking": LACKING, "q_error": 100 * math.sqrt(0.85 * 0.15 / LACKING)},
            ),
            Mistake(
                "Without a difference the expected *difference* is zero, but some comparisons still lie beyond two "
                "standard errors: each with probability 4.55 %.",
                values={"q_lacking": LACKING, "q_error": math.sqrt(0.85 * 0.15 / LACKING), "q_by_chance": 0},
            ),
            Mistake(
                "4.55 % is the probability for one comparison; there are 21 of them.",
                values={
                    "q_lacking": LACKING,
                    "q_error": math.sqrt(0.85 * 0.15 / LACKING),
                    "q_by_chance": 0.0455,
                },
            ),
            Mistake(
                "4.55 % counts both sides already.",
                values={
                    "q_lacking": LACKING,
                    "q_error": math.sqrt(0.85 * 0.15 / LACKING),
                    "q_by_chance": 42 * 0.0455,
                },
            ),
        ),
        variants=(
            Variant("rounded", values={"q_lacking": 37.9, "q_error": 0.058, "q_by_chance": 0.96}),
            Variant(
                "as fractions",
                values={"q_lacking": 1e4 / 3 * 4**8 / 7**8, "q_error": 0.05799, "q_by_chance": 0.9555},
            ),
        ),
        hints=(
            "One background tile is none of the three with probability 4/7. There are eight, independent. And the "
            "foreground has to be right.",
            "10000/3 · (4/7)⁸; √(0.85 · 0.15 / that); 21 · 0.0455.",
        ),
    ),
)

NOTEBOOK = Notebook(
    id="07",
    name="07_dynamics_of_attention",
    title="The dynamics of attention",
    data=(),
    minutes={"smoke": 0.5, "laptop": 1.5, "full": 1.5},
    exercises=EXERCISES,
    withheld=("evaluation.focus",),
)
