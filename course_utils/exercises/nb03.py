"""Notebook 03, convolutions: inputs, probes, typical mistakes and hints of its exercises.

Longer than other modules because it is content: twenty-seven exercises, each in one place. Report 001, part 2,
questions 1-18; errata 5 (3.11, 3.12), 23 (3.13), 25 (3.10) and 26 (3.25) are taught where they occur.
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


def draw_sizes(generator: torch.Generator) -> Inputs:
    """Draw (n, kernel, stride, padding): some where pixels are left over, some where none are."""
    cases = [(32, 5, 1, 2), (32, 2, 2, 0), (32, 3, 2, 1), (11, 4, 3, 0), (10, 3, 3, 1)]
    n, padding = 20 + _whole(20, generator), _whole(3, generator)
    return {"cases": [*cases, (n, 5, 2, padding), (n + 1, 5, 2, padding)]}


def draw_convolution(generator: torch.Generator) -> Inputs:
    """Draw pictures and filters whose sizes all differ; stride 2 leaves a row and a column of zeros unseen."""
    return {
        "x": torch.randn(2, 2, 6, 7, generator=generator),
        "weight": torch.randn(3, 2, 3, 2, generator=generator),
        "bias": torch.randn(3, generator=generator),
        "stride": 2,
        "padding": 1,
    }


def draw_backward_weight(generator: torch.Generator) -> Inputs:
    """Draw the gradient in the outputs of such a convolution, and its input."""
    return {
        "G": torch.randn(2, 3, 3, 4, generator=generator),
        "x": torch.randn(2, 2, 6, 7, generator=generator),
        "kernel_size": (3, 2),
        "stride": 2,
        "padding": 1,
    }


def draw_backward_input(generator: torch.Generator) -> Inputs:
    """Draw two convolutions with overlapping windows: with padding and stride, and without."""
    cases = [
        {
            "G": torch.randn(2, 3, *places, generator=generator),
            "weight": torch.randn(3, 2, *kernel, generator=generator),
            "size": (6, 7),
            "stride": stride,
            "padding": padding,
        }
        for places, kernel, stride, padding in (((3, 4), (3, 2), 2, 1), ((4, 5), (3, 3), 1, 0))
    ]
    return {"cases": cases}


def draw_paddings(generator: torch.Generator) -> Inputs:
    """Draw (n, kernel, stride, wanted): with one padding that fits, with two, with none, with the largest."""
    cases = [(32, 3, 2, 16), (32, 4, 1, 32), (32, 2, 2, 16), (32, 5, 4, 8), (7, 3, 2, 4), (9, 3, 1, 15)]
    cases.append((9, 3, 1, 11))  # padding 2 = kernel - 1
    n = 2 * (8 + _whole(10, generator))
    return {"cases": [*cases, (n, 5, 1, n), (n, 7, 2, n // 2)]}


def draw_linear(generator: torch.Generator) -> Inputs:
    """Draw a linear layer on maps of 2 x 3 x 4, maps of that size and larger ones."""
    return {
        "weight": torch.randn(5, 24, generator=generator),
        "bias": torch.randn(5, generator=generator),
        "maps": torch.randn(2, 2, 3, 4, generator=generator),
        "large": torch.randn(1, 2, 5, 7, generator=generator),
    }


def draw_layers(generator: torch.Generator) -> Inputs:
    """Draw layers whose strides stand before, between and after larger kernels, and an odd number of pixels."""
    kernel = 3 + _whole(3, generator)
    layers = [(5, 1, 2), (2, 2, 0), (3, 1, 1), (kernel, 2, 1), (3, 1, 0)]
    return {"layers": layers, "n": 41 + 2 * _whole(12, generator)}


def draw_seen(generator: torch.Generator) -> Inputs:
    """Draw layers, and an output whose row and column are far apart; a corner lies within its field."""
    layers = [(3, 1, 1), (2, 2, 0), (3, 1, 1)]
    return {"layers": layers, "size": 12, "row": _whole(2, generator), "column": 4 - _whole(2, generator)}


def draw_pooling(generator: torch.Generator) -> Inputs:
    """Draw maps, mostly negative, that 3 x 3 windows do not fill."""
    return {"x": torch.randn(2, 2, 7, 10, generator=generator) - 2, "k": 3}


def draw_pooling_backward(generator: torch.Generator) -> Inputs:
    """Draw the gradient in the outputs of such a pooling as well."""
    return {"G": torch.randn(2, 2, 2, 3, generator=generator), **draw_pooling(generator)}


def draw_epoch(generator: torch.Generator) -> Inputs:
    """Draw pictures in bytes, their labels, and the start of a small network; the last batch is smaller."""
    return {
        "images": torch.randint(256, (10, 3, 2, 2), generator=generator, dtype=torch.uint8),
        "labels": torch.randint(3, (10,), generator=generator),
        "weights": [
            0.5 * torch.randn(*shape, generator=generator) for shape in ((6, 12), (6,), (3, 6), (3,))
        ],
        "batch_size": 4,
        "seed": _whole(10_000, generator),
    }


def _whole(below: int, generator: torch.Generator) -> int:
    return int(torch.randint(below, (1,), generator=generator))


def probe_sizes(names: dict[str, Any], inputs: Inputs) -> Any:
    """Call the exercise's only name for every case; the messages then name the call that went wrong."""
    ((name, answer),) = names.items()
    return {f"{name}{tuple(case)}": answer(*case) for case in inputs["cases"]}


def probe_as_layer(names: dict[str, Any], inputs: Inputs) -> Any:
    """Make the layer and run it, then change its parameters: the given ones must stay."""
    import torch

    with torch.random.fork_rng(devices=[]):  # parameters that are not copied are drawn from here
        torch.default_generator.manual_seed(0)
        layer = names["as_layer"](inputs["weight"], inputs["bias"], inputs["stride"], inputs["padding"])
    with torch.no_grad():
        outputs = layer(inputs["x"])
        for parameter in layer.parameters():
            parameter.add_(1.0)
    return {"outputs": outputs, "still trainable": all(p.requires_grad for p in layer.parameters())}


def probe_backward_input(names: dict[str, Any], inputs: Inputs) -> Any:
    """Ask for the gradient of the input of two convolutions, where `backward()` fails."""
    import torch

    with torch.inference_mode():
        return tuple(
            names["conv2d_backward_input"](
                case["G"], case["weight"], case["size"], case["stride"], case["padding"]
            )
            for case in inputs["cases"]
        )


def probe_as_convolution(names: dict[str, Any], inputs: Inputs) -> Any:
    """Turn a linear layer into a convolution; run it on maps of its size and larger ones, then the linear layer."""
    import torch
    from torch import nn

    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.default_generator.manual_seed(0)
        linear = nn.Linear(24, 5)
        linear.weight.copy_(inputs["weight"])
        linear.bias.copy_(inputs["bias"])
        with torch.enable_grad():
            layer = names["as_convolution"](linear, 2, 3, 4)
        after = linear(inputs["maps"].flatten(1))  # `linear` is still needed
        return layer(inputs["maps"]), layer(inputs["large"]), after


def probe_build_cnn(names: dict[str, Any], inputs: Inputs) -> Any:
    """Build a narrow network, fill its parameters with numbers from a seed, and run it; count its layers."""
    import torch
    from torch import nn

    generator = torch.Generator().manual_seed(inputs["seed"])
    network = names["build_cnn"]((3, 4, 5), 12, 4)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator))
        pictures = torch.randn(3, 3, 32, 32, generator=generator)
        logits = [network(pictures)]
        for parameter in list(network.parameters())[-2:]:
            parameter.neg_()  # one of the two signs shows a ReLU after the last layer
        logits.append(network(pictures))
    return {
        "parameter shapes": [tuple(p.shape) for p in network.parameters()],
        "logits": logits,
        "layers directly in the nn.Sequential": len(network) if isinstance(network, nn.Sequential) else 0,
    }


def probe_train_epoch(names: dict[str, Any], inputs: Inputs) -> Any:
    """Train a small network with dropout, found in evaluation mode, for one epoch with momentum."""
    import torch
    from torch import nn

    network = nn.Sequential(nn.Flatten(), nn.Linear(12, 6), nn.ReLU(), nn.Dropout(0.3), nn.Linear(6, 3))
    with torch.no_grad():
        for parameter, value in zip(network.parameters(), inputs["weights"], strict=True):
            parameter.copy_(value)
    network.eval()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    data = inputs["images"], inputs["labels"], inputs["batch_size"]
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(inputs["seed"])
        order = torch.Generator().manual_seed(inputs["seed"] + 1)
        loss = names["train_epoch"](network, optimizer, *data, order)
    return loss, [p.detach() for p in network.parameters()]


EXERCISES = (
    Exercise(
        id="3.1",
        names=("q1_fully_connected", "q1_convolution", "q1_multiplications"),
        rtol=1e-7,  # whole numbers: a few biases too many are wrong
        mistakes=(
            Mistake(
                "Each of the 32 maps has 32 x 32 outputs of its own: the layer has 32 · 32 · 32 outputs, not 32.",
                values={"q1_fully_connected": 3072 * 32},
            ),
            Mistake(
                "Every output sees all *three* colours: the layer has 32 · 32 · 3 inputs.",
                values={"q1_fully_connected": 1024 * 32768},
            ),
            Mistake(
                "All three colours of the window are looked at: 5 · 5 · 3 weights for each of the 32 maps.",
                values={"q1_fully_connected": 3072 * 32768, "q1_convolution": 25 * 32},
            ),
            Mistake(
                "The biases are left out here: an output of the fully connected layer has 32 · 32 · 3 weights and no more.",
                values={"q1_fully_connected": 3073 * 32768},
            ),
            Mistake(
                "The biases are left out here: 5 · 5 · 3 weights for each of the 32 maps.",
                values={"q1_fully_connected": 3072 * 32768, "q1_convolution": 76 * 32},
            ),
            Mistake(
                "That is the number of weights: each of them is used once at each of the 32 · 32 places.",
                values={
                    "q1_fully_connected": 3072 * 32768,
                    "q1_convolution": 2400,
                    "q1_multiplications": 2400,
                },
            ),
            Mistake(
                "That is one map; there are 32 of them.",
                values={
                    "q1_fully_connected": 3072 * 32768,
                    "q1_convolution": 2400,
                    "q1_multiplications": 75 * 1024,
                },
            ),
            Mistake(
                "With the zeros around it the window fits in 32 · 32 places, not only in 28 · 28.",
                values={
                    "q1_fully_connected": 3072 * 32768,
                    "q1_convolution": 2400,
                    "q1_multiplications": 2400 * 28 * 28,
                },
            ),
            Mistake(
                "Each of the 32 maps has a set of 5 · 5 · 3 weights of its own; shared are only the places.",
                values={"q1_fully_connected": 3072 * 32768, "q1_convolution": 75},
            ),
        ),
        variants=(
            Variant(
                "as numbers",
                values={
                    "q1_fully_connected": 100_663_296,
                    "q1_convolution": torch.tensor(2400),
                    "q1_multiplications": 2_457_600.0,
                },
            ),
        ),
        hints=(
            "Fully connected: inputs times outputs, and both are counted in numbers, not in pixels. The convolution: "
            "the numbers in one window, times the maps.",
            "3072 inputs times 32768 outputs. 75 numbers in a window, for each of 32 maps; and all that at each of "
            "1024 places.",
        ),
    ),
    choice(
        "3.2",
        "q2",
        {
            "a": "An output sees one place of the picture. When the picture moves, another output sees what this one "
            "saw.",
            "b": "The relation is simple: what the window saw at one place, it now sees one pixel further on.",
            "d": "However large the window, it sees other pixels now than before.",
        },
        {
            2: "The weights are anything; only some filters take means.",
            3: "Seeing a part is not enough: with other weights at every place the outputs would change in no simple "
            "way.",
        },
        right="c",
        hints=(
            "Follow one bright pixel: which output saw it through which weight, before and after?",
            "After the shift the neighbour on the right sees it through that very weight, for the weights are shared.",
        ),
    ),
    Exercise(
        id="3.3",
        names=("output_size",),
        inputs=draw_sizes,
        probe=probe_sizes,
        mistakes=(
            Mistake("The first place counts as well: 1 + the number of steps that still fit.", {" + 1": ""}),
            Mistake("There are zeros at *both* ends.", {"2 * padding": "padding"}),
            Mistake(
                "Half a place does not exist: where pixels are left over, round down (`//`).", {"//": "/"}
            ),
            Mistake(
                "Round down: a window that hangs over the end does not count.",
                code="def output_size(n, kernel, stride, padding):\n"
                "    return -((kernel - n - 2 * padding) // stride) + 1",
            ),
            Mistake(
                "The + 1 comes after the division: it is the first place, not a pixel.",
                {"(n + 2 * padding - kernel) // stride + 1": "(n + 2 * padding - kernel + 1) // stride"},
            ),
            Mistake("The window itself takes up `kernel` pixels.", {" - kernel": ""}),
            Mistake(
                "`round` may round up: a window that hangs over the end does not count. Round down (`//`).",
                {"(n + 2 * padding - kernel) // stride": "round((n + 2 * padding - kernel) / stride)"},
            ),
            Mistake(
                "Windows may overlap: the next one begins `stride` pixels further on, not `kernel`.",
                {"(n + 2 * padding - kernel) // stride + 1": "(n + 2 * padding) // kernel"},
            ),
            Mistake(
                "The last place begins at pixel n + 2p - k. A `range` stops before its end, so end it one later.",
                {
                    "(n + 2 * padding - kernel) // stride + 1": "len(range(0, n + 2 * padding - kernel, stride))"
                },
            ),
        ),
        variants=(
            Variant(
                "counting",
                code="def output_size(n, kernel, stride, padding):\n"
                "    return len(range(0, n + 2 * padding - kernel + 1, stride))",
            ),
            Variant(
                "math.floor",
                code="def output_size(n, kernel, stride, padding):\n    import math\n"
                "    return math.floor((n - kernel + 2 * padding) / stride + 1)",
            ),
        ),
        hints=(
            "With the zeros there are n + 2p pixels. The window covers k of them; how far can it still move?",
            "It can move by n + 2p - k pixels, s at a time: `(n + 2 * padding - kernel) // stride` steps, and one "
            "place to begin with.",
        ),
    ),
    Exercise(
        id="3.4",
        names=("conv2d_loops",),
        inputs=draw_convolution,
        mistakes=(
            Mistake(
                "The filter is not turned round here: window and filter are multiplied number by number as they are.",
                {"weight[f])": "weight[f].flip(1, 2))"},
            ),
            Mistake("The bias is missing: each filter has one, added to every sum.", {" + bias[f]": ""}),
            Mistake(
                "The bias is added once to the sum, not to each product.",
                {
                    "(window * weight[f]).sum(dim=(1, 2, 3)) + bias[f]": "(window * weight[f] + bias[f]).sum(dim=(1, 2, 3))"
                },
            ),
            Mistake(
                "The window moves by `stride` pixels at a time.",
                {"i * stride, j * stride": "i, j"},
            ),
            Mistake(
                "The zeros lie on all four sides: here they are only at the right and at the bottom.",
                {"(padding, padding, padding, padding)": "(0, 2 * padding, 0, 2 * padding)"},
            ),
            Mistake(
                "At the border the window sticks out: put the zeros around x first (`F.pad`).",
                {
                    "    x = F.pad(x, (padding, padding, padding, padding))  # zeros: left, right, top, bottom\n": ""
                },
            ),
            Mistake(
                "The products are summed, not averaged.",
                {".sum(dim=(1, 2, 3))": ".mean(dim=(1, 2, 3))"},
            ),
            Mistake(
                "The sum runs over all channels as well; here only the first counts.",
                {"(window * weight[f]).sum(dim=(1, 2, 3))": "(window * weight[f])[:, 0].sum(dim=(1, 2))"},
            ),
            Mistake(
                "Every picture has its own outputs: sum over channels, rows and columns of the window, not over the "
                "batch.",
                {".sum(dim=(1, 2, 3))": ".sum()"},
            ),
            Mistake(
                "Around the picture there are zeros, not its border again.",
                {
                    "(padding, padding, padding, padding))": '(padding, padding, padding, padding), mode="replicate")'
                },
            ),
            Mistake(
                "The bias is added once for each filter, not once for each channel.",
                {" + bias[f]": " + x.shape[1] * bias[f]"},
            ),
            Mistake(
                "Only the last channel is left: add the channels up (`+=`, not `=`).",
                {"(window * weight[f]).sum(dim=(1, 2, 3))": "(window * weight[f])[:, -1].sum(dim=(1, 2))"},
            ),
            Mistake(
                "Only the first place is filled: the `return` stands inside the loops.",
                {"    return y": "            return y"},
            ),
            Mistake(
                "Only the first row is filled: the `return` stands inside the loop over the rows.",
                {"    return y": "        return y"},
            ),
            Mistake(
                "The zeros lie on all four sides: here they are only at the left and at the top.",
                {"(padding, padding, padding, padding)": "(2 * padding, 0, 2 * padding, 0)"},
            ),
            Mistake(
                "Kernels need not be square: a window is kh high and kw wide.",
                {"left + kw]": "left + kh]"},
            ),
            Mistake(
                "A window sticks out of the picture. Are there zeros on all four sides (`F.pad` takes left, right, top, "
                "bottom)? Do rows go with i and columns with j?",
                {
                    "    x = F.pad(x, (padding, padding, padding, padding))  # zeros: left, right, top, bottom\n": "",
                    "(window * weight[f]).sum(dim=(1, 2, 3))": "(window[:, None] * weight).sum(dim=(2, 3, 4))[:, f]",
                },
            ),
        ),
        variants=(
            Variant(
                "all filters at once",
                code="def conv2d_loops(x, weight, bias, stride, padding):\n"
                "    kh, kw = weight.shape[2:]\n"
                "    rows = output_size(x.shape[2], kh, stride, padding)\n"
                "    columns = output_size(x.shape[3], kw, stride, padding)\n"
                "    padded = torch.zeros(*x.shape[:2], x.shape[2] + 2 * padding, x.shape[3] + 2 * padding)\n"
                "    padded[:, :, padding:padding + x.shape[2], padding:padding + x.shape[3]] = x\n"
                "    y = torch.empty(len(x), len(weight), rows, columns)\n"
                "    for i in range(rows):\n        for j in range(columns):\n"
                "            w = padded[:, :, i * stride:i * stride + kh, j * stride:j * stride + kw]\n"
                "            y[:, :, i, j] = w.flatten(1) @ weight.flatten(1).T + bias\n"
                "    return y",
            ),
            Variant(
                "over the weights instead of the places",
                code="def conv2d_loops(x, weight, bias, stride, padding):\n"
                "    filters, channels, kh, kw = weight.shape\n"
                "    rows = output_size(x.shape[2], kh, stride, padding)\n"
                "    columns = output_size(x.shape[3], kw, stride, padding)\n"
                "    x = F.pad(x, (padding,) * 4)\n"
                "    y = bias[:, None, None].repeat(len(x), 1, rows, columns)\n"
                "    for u in range(kh):\n        for v in range(kw):\n"
                "            part = x[:, :, u::stride, v::stride][:, :, :rows, :columns]\n"
                "            y += torch.einsum('ncij,fc->nfij', part, weight[:, :, u, v])\n"
                "    return y",
            ),
            Variant(
                "PyTorch's own",
                code="def conv2d_loops(x, weight, bias, stride, padding):\n"
                "    return F.conv2d(x, weight, bias, stride, padding)",
            ),
        ),
        hints=(
            "First put the zeros around x with `F.pad`. The window of place (i, j) begins at row i·stride and column "
            "j·stride and is kh high and kw wide.",
            "`window = x[:, :, i * stride : i * stride + kh, j * stride : j * stride + kw]` is (N, C, kh, kw), so "
            "`(window * weight[f]).sum(dim=(1, 2, 3)) + bias[f]` is `y[:, f, i, j]`.",
        ),
    ),
    Exercise(
        id="3.5",
        names=("conv2d_matmul",),
        inputs=draw_convolution,
        mistakes=(
            Mistake(
                "The bias is missing: one for each filter, the same at all places.", {" + bias[:, None]": ""}
            ),
            Mistake(
                "The windows move by `stride` and see zeros around the picture: tell `F.unfold` both.",
                {", stride=stride, padding=padding": ""},
            ),
            Mistake(
                "The windows move by `stride` pixels: tell `F.unfold`.",
                {", stride=stride, padding": ", padding"},
            ),
            Mistake(
                "There are zeros around the picture: tell `F.unfold` the padding.",
                {", stride=stride, padding=padding": ", stride=stride"},
            ),
            Mistake(
                "In a column channels come first, then rows, then columns of the window: `weight.flatten(1)` has that "
                "order, and a permuted weight has not.",
                {"weight.flatten(1)": "weight.permute(0, 2, 3, 1).flatten(1)"},
            ),
            Mistake(
                "The filters stand in the rows of the product, so only their places are to be arranged: no "
                "transposition before the `reshape`.",
                {"y.reshape(": "y.transpose(1, 2).reshape("},
            ),
            Mistake(
                "`reshape` arranges the places row by row: rows first, then columns.",
                {"filters, rows, columns)": "filters, columns, rows)"},
            ),
            Mistake(
                "The result still has all places in one row: reshape it to (N, F, rows, columns).",
                {"return y.reshape(len(x), filters, rows, columns)": "return y"},
            ),
            Mistake(
                "Filters before places: PyTorch's order is (N, F, rows, columns).",
                {
                    "return y.reshape(len(x), filters, rows, columns)": "return y.reshape(len(x), filters, rows, columns).permute(0, 2, 3, 1)"
                },
            ),
            Mistake(
                "`weight.reshape(-1, filters).T` has the right shape but mixes the filters: each row must be one "
                "`weight[f].flatten()`.",
                {"weight.flatten(1)": "weight.reshape(-1, filters).T"},
            ),
            Mistake(
                "The places stand row by row already: reshape to (rows, columns) and transpose nothing.",
                {"filters, rows, columns)": "filters, columns, rows).transpose(2, 3)"},
            ),
            Mistake(
                "The third argument of `F.unfold` is `dilation`: pass stride and padding by name.",
                {"stride=stride, padding=padding": "stride, padding"},
            ),
            Mistake(
                "Kernels need not be square: `F.unfold` takes `(kh, kw)`.",
                {"F.unfold(x, (kh, kw)": "F.unfold(x, kh"},
            ),
            Mistake(
                "The bias belongs to the filters, the rows of the product: `bias[:, None]`.",
                {" + bias[:, None]": " + bias"},
            ),
        ),
        variants=(
            Variant(
                "einsum and fold",
                code="def conv2d_matmul(x, weight, bias, stride, padding):\n"
                "    rows = output_size(x.shape[2], weight.shape[2], stride, padding)\n"
                "    windows = F.unfold(x, weight.shape[2:], padding=padding, stride=stride)\n"
                "    y = torch.einsum('fk,nkl->nfl', weight.reshape(len(weight), -1), windows)\n"
                "    return y.unflatten(2, (rows, -1)) + bias.view(1, -1, 1, 1)",
            ),
            Variant(
                "windows as views",
                code="def conv2d_matmul(x, weight, bias, stride, padding):\n"
                "    x = F.pad(x, (padding,) * 4)\n"
                "    windows = x.unfold(2, weight.shape[2], stride).unfold(3, weight.shape[3], stride)\n"
                "    y = torch.tensordot(windows, weight, dims=([1, 4, 5], [1, 2, 3]))\n"
                "    return y.permute(0, 3, 1, 2) + bias[:, None, None]",
            ),
        ),
        hints=(
            "`F.unfold(x, (kh, kw), stride=stride, padding=padding)` is (N, C·kh·kw, places). Which matrix with one "
            "row per filter has to be multiplied with it?",
            "`weight.flatten(1) @ windows + bias[:, None]` is (N, F, places); then "
            "`.reshape(len(x), filters, rows, columns)`.",
        ),
    ),
    Exercise(
        id="3.6",
        names=("as_layer",),
        inputs=draw_convolution,
        probe=probe_as_layer,
        mistakes=(
            Mistake(
                "`nn.Conv2d` takes the number of *input* channels first, then that of the filters.",
                {"nn.Conv2d(channels, filters,": "nn.Conv2d(filters, channels,"},
            ),
            Mistake("The stride is missing.", {"stride=stride, ": ""}),
            Mistake("The padding is missing.", {", padding=padding": ""}),
            Mistake(
                "The bias is still the one that `nn.Conv2d` drew.", {"        layer.bias.copy_(bias)\n": ""}
            ),
            Mistake(
                "The weight is still the one that `nn.Conv2d` drew.",
                {"        layer.weight.copy_(weight)\n": ""},
            ),
            Mistake(
                "The layer's weights are now the caller's tensors themselves, so training the layer would change "
                "them: copy the numbers (`copy_`, or `clone()` first).",
                {
                    "layer.weight.copy_(weight)": "layer.weight = nn.Parameter(weight)",
                    "layer.bias.copy_(bias)": "layer.bias = nn.Parameter(bias)",
                },
            ),
            Mistake(
                "Writing into a parameter is not to be tracked: put it under `with torch.no_grad():`.",
                {"with torch.no_grad():": "if True:"},
            ),
            Mistake(
                "`nn.Conv2d` does not turn the filter round, so its weights are to be copied as they are.",
                {"copy_(weight)": "copy_(weight.flip(2, 3))"},
            ),
            Mistake(
                "The kernel has two sizes, height and width: `kernel_size=(kh, kw)`.",
                {"kernel_size=(kh, kw)": "kernel_size=kh"},
            ),
            Mistake(
                "The layer still has the weight and the bias that `nn.Conv2d` drew: write the given ones into its "
                "parameters (`layer.weight.copy_(weight)`).",
                {"        layer.weight.copy_(weight)\n        layer.bias.copy_(bias)\n": "        pass\n"},
            ),
            Mistake("Stride and padding are missing.", {", stride=stride, padding=padding": ""}),
        ),
        variants=(
            Variant(
                "load_state_dict",
                code="def as_layer(weight, bias, stride, padding):\n"
                "    layer = nn.Conv2d(weight.shape[1], len(weight), tuple(weight.shape[2:]), stride, padding)\n"
                "    layer.load_state_dict({'weight': weight, 'bias': bias})\n    return layer",
            ),
            Variant(
                "new parameters from clones",
                code="def as_layer(weight, bias, stride, padding):\n"
                "    layer = nn.Conv2d(weight.shape[1], weight.shape[0], (1, 1), stride=stride, padding=padding)\n"
                "    layer.kernel_size = tuple(weight.shape[2:])\n"
                "    layer.weight = nn.Parameter(weight.clone())\n"
                "    layer.bias = nn.Parameter(bias.detach().clone())\n    return layer",
            ),
        ),
        hints=(
            "`nn.Conv2d(channels, filters, kernel_size=(kh, kw), stride=stride, padding=padding)`; the four sizes stand "
            "in `weight.shape`.",
            "Then, under `torch.no_grad()`, `layer.weight.copy_(weight)` and the same for the bias (exercise 2.6).",
        ),
    ),
    Exercise(
        id="3.7",
        names=("conv2d_backward_weight",),
        inputs=draw_backward_weight,
        probe=call_without_autograd,
        parts=("dweight", "dbias"),
        mistakes=(
            Mistake(
                "The bias of a filter enters the outputs of *all* pictures: sum over the batch as well.",
                {"dim=(0, 2, 3)": "dim=(2, 3)"},
            ),
            Mistake(
                "The mean is in G already, if the loss has one: sum here.",
                {"G.sum(dim=(0, 2, 3))": "G.mean(dim=(0, 2, 3))"},
            ),
            Mistake(
                "Each place adds to what the others gave: `+=`, not `=`.",
                {"dweight +=": "dweight ="},
            ),
            Mistake(
                "The window moves by `stride` pixels at a time, as in the forward pass.",
                {"i * stride, j * stride": "i, j"},
            ),
            Mistake(
                "The forward pass read x with zeros around it; so must this.",
                {"(padding, padding, padding, padding)": "(0, 2 * padding, 0, 2 * padding)"},
            ),
            Mistake(
                "That would turn the filter round: weight (u, v) was multiplied with the pixel (u, v) of the window.",
                {"[:, :, i, j], window)": "[:, :, i, j], window.flip(2, 3))"},
            ),
            Mistake(
                "Pair each picture's G with its own window: the sum runs over the products, n by n.",
                {
                    'torch.einsum("nf,ncuv->fcuv", G[:, :, i, j], window)': 'torch.einsum("nf,mcuv->fcuv", G[:, :, i, j], window)'
                },
            ),
            Mistake(
                "G belongs to one place each: take `G[:, :, i, j]`, not the sum over all places.",
                {"G[:, :, i, j]": "G.sum(dim=(2, 3))"},
            ),
            Mistake(
                "Sum over the pictures, do not average: if the loss is a mean, its 1/N is in G already.",
                {
                    "i, j], window)": "i, j], window) / len(x)",
                    "G.sum(dim=(0, 2, 3))": "G.sum(dim=(2, 3)).mean(dim=0)",
                },
            ),
            Mistake(
                "1 is the gradient of *one* output in its bias; with the chain rule, sum G over all of them.",
                {"dbias = G.sum(dim=(0, 2, 3))": "dbias = G.new_ones(G.shape[1])"},
            ),
            Mistake(
                "`dbias` holds only what the last place gave: sum over all places.",
                {"dbias = G.sum(dim=(0, 2, 3))": "dbias = G[:, :, i, j].sum(dim=0)"},
            ),
            Mistake(
                "A window sticks out: put the zeros around x first, as in the forward pass.",
                {"    x = F.pad(x, (padding, padding, padding, padding))\n": ""},
            ),
        ),
        variants=(
            Variant(
                "with unfold",
                code="def conv2d_backward_weight(G, x, kernel_size, stride, padding):\n"
                "    windows = F.unfold(x, kernel_size, stride=stride, padding=padding)\n"
                "    dweight = torch.einsum('nfl,nkl->fk', G.flatten(2), windows)\n"
                "    return dweight.view(G.shape[1], x.shape[1], *kernel_size), G.sum((0, 2, 3))",
            ),
            Variant(
                "weight by weight",
                code="def conv2d_backward_weight(G, x, kernel_size, stride, padding):\n"
                "    kh, kw = kernel_size\n    rows, columns = G.shape[2:]\n"
                "    x = F.pad(x, (padding,) * 4)\n"
                "    dweight = torch.zeros(G.shape[1], x.shape[1], kh, kw)\n"
                "    for u in range(kh):\n        for v in range(kw):\n"
                "            part = x[:, :, u : u + rows * stride : stride, v : v + columns * stride : stride]\n"
                "            dweight[:, :, u, v] = torch.einsum('nfij,ncij->fc', G, part)\n"
                "    return dweight, torch.stack([g.sum() for g in G.transpose(0, 1)])",
            ),
        ),
        hints=(
            "Same zeros, same loop, same window as in exercise 3.4. What place (i, j) contributes to weight[f] is the "
            "sum over the pictures n of G[n, f, i, j] · window[n].",
            '`dweight += torch.einsum("nf,ncuv->fcuv", G[:, :, i, j], window)`; and `dbias = G.sum(dim=(0, 2, 3))`.',
        ),
    ),
    Exercise(
        id="3.8",
        names=("conv2d_backward_input",),
        inputs=draw_backward_input,
        probe=probe_backward_input,
        parts=("padding 1, stride 2", "padding 0, stride 1"),
        mistakes=(
            Mistake(
                "Windows overlap, and a pixel gets something from each of them: `+=`, not `=`.",
                {"left : left + kw] +=": "left : left + kw] ="},
            ),
            Mistake(
                "The zeros around the picture are still there: cut them off at the end.",
                {"return dx[:, :, padding : padding + height, padding : padding + width]": "return dx"},
            ),
            Mistake(
                "The zeros lie on all sides: the picture begins at row and column `padding`.",
                {"padding : padding + height, padding : padding + width": ":height, :width"},
            ),
            Mistake(
                "`[padding:-padding]` is empty if padding is 0: cut from padding to padding + height.",
                {
                    "padding : padding + height, padding : padding + width": "padding:-padding, padding:-padding"
                },
            ),
            Mistake(
                "The window moves by `stride` pixels at a time, as in the forward pass.",
                {"i * stride, j * stride": "i, j"},
            ),
            Mistake(
                "Within the loop nothing is turned round: pixel (u, v) of the window was multiplied with weight (u, v).",
                {"G[:, :, i, j], weight)": "G[:, :, i, j], weight.flip(2, 3))"},
            ),
            Mistake(
                "That sums over the channels: every channel has weights of its own.",
                {
                    'torch.einsum("nf,fcuv->ncuv", G[:, :, i, j], weight)': 'torch.einsum("nf,fcuv->nuv", G[:, :, i, j], weight)[:, None]'
                },
            ),
            Mistake(
                "Each filter's G goes with that filter's weights: multiply first, then sum over f.",
                {
                    'torch.einsum("nf,fcuv->ncuv", G[:, :, i, j], weight)': "G[:, :, i, j].sum(1)[:, None, None, None] * weight.sum(0)"
                },
            ),
            Mistake(
                "The zeros at the right and at the bottom are still there: end at padding + height and padding + width.",
                {"padding : padding + height, padding : padding + width": "padding:, padding:"},
            ),
            Mistake(
                "A window sticks out: begin with zeros as large as the *padded* picture.",
                {"height + 2 * padding, width + 2 * padding)": "height, width)"},
            ),
            Mistake(
                "Kernels need not be square: a window is kh high and kw wide.",
                {"left + kw]": "left + kh]"},
            ),
        ),
        variants=(
            Variant(
                "with fold",
                code="def conv2d_backward_input(G, weight, size, stride, padding):\n"
                "    columns = weight.flatten(1).T @ G.flatten(2)\n"
                "    return F.fold(columns, size, weight.shape[2:], stride=stride, padding=padding)",
            ),
            Variant(
                "a convolution with the filters turned round",
                code="def conv2d_backward_input(G, weight, size, stride, padding):\n"
                "    kh, kw = weight.shape[2:]\n"
                "    H, W = size[0] + 2 * padding, size[1] + 2 * padding\n"
                "    spread = G.new_zeros(*G.shape[:2], H + kh - 1, W + kw - 1)\n"
                "    for i in range(G.shape[2]):\n        for j in range(G.shape[3]):\n"
                "            spread[:, :, kh - 1 + i * stride, kw - 1 + j * stride] = G[:, :, i, j]\n"
                "    dx = F.conv2d(spread, weight.flip(2, 3).transpose(0, 1))\n"
                "    return dx[:, :, padding:padding + size[0], padding:padding + size[1]]",
            ),
        ),
        hints=(
            "Begin with zeros as large as the *padded* picture. Place (i, j) adds to its window the sum over f of "
            "G[n, f, i, j] · weight[f].",
            '`dx[:, :, top : top + kh, left : left + kw] += torch.einsum("nf,fcuv->ncuv", G[:, :, i, j], weight)`; '
            "at the end take rows padding to padding + height, and the columns alike.",
        ),
    ),
    choice(
        "3.9",
        "q_step",
        {
            "a": "Digits help against rounding, which is worse for *small* steps. But for a loss such as tanh a step "
            "of 1 would be far off, with any number of digits.",
            "b": "Try other numbers: the differences stay as small.",
            "c": "Averaging leaves an error of its own; here there is none but rounding.",
        },
        {
            1: "For x³ central differences are off by the square of the step. They are exact up to the second degree.",
            3: "The zeros lie at the border only, and without them it holds as well.",
        },
        right="d",
        hints=(
            "How does L depend on one single weight, all else fixed? Draw it.",
            "It is a straight line, and the slope of a straight line is the same whatever the step.",
        ),
    ),
    Exercise(
        id="3.10",
        names=("padding_for",),
        inputs=draw_paddings,
        probe=probe_sizes,
        mistakes=(
            Mistake(
                "That is the report's formula, which leaves the floor out: it asks for half a pixel. Try whole "
                "paddings with `output_size` instead.",
                code="def padding_for(n, kernel, stride, wanted):\n"
                "    return (stride * (wanted - 1) - n + kernel) / 2",
            ),
            Mistake(
                "Rounding the report's formula down gives too few zeros: k = 3, s = 2 needs 1. Try whole paddings with "
                "`output_size`.",
                code="def padding_for(n, kernel, stride, wanted):\n"
                "    return (stride * (wanted - 1) - n + kernel) // 2",
            ),
            Mistake(
                "(k - 1)/2 keeps the size with stride 1 and an odd kernel; here other sizes are wanted, too.",
                code="def padding_for(n, kernel, stride, wanted):\n    return (kernel - 1) // 2",
            ),
            Mistake(
                "No padding at all is a padding, too: begin with 0.", {"range(kernel)": "range(1, kernel)"}
            ),
            Mistake(
                "That is the largest padding that fits; the smallest is asked for.",
                {"range(kernel)": "reversed(range(kernel))"},
            ),
            Mistake("Where no padding fits, return None.", {"return None": "return 0"}),
            Mistake(
                "Only paddings below `kernel` count: with more, whole windows would lie in the zeros.",
                {"range(kernel)": "range(10 * kernel)"},
            ),
            Mistake(
                "Exactly `wanted` outputs, not at least as many.",
                {"padding) == wanted": "padding) >= wanted"},
            ),
            Mistake(
                "Half a pixel in the report's formula does not mean that no padding fits: `output_size` rounds down. Try "
                "whole paddings.",
                code="def padding_for(n, kernel, stride, wanted):\n"
                "    twice = stride * (wanted - 1) - n + kernel\n"
                "    return None if twice % 2 or twice < 0 else twice // 2",
            ),
            Mistake(
                "That gives up after the first padding: `return None` belongs after the loop.",
                {"    return None": "        return None"},
            ),
            Mistake("Where no padding fits, return None, not -1.", {"return None": "return -1"}),
            Mistake(
                "The largest padding allowed is kernel - 1: `range(kernel)` ends there, `range(kernel - 1)` before it.",
                {"range(kernel)": "range(kernel - 1)"},
            ),
        ),
        variants=(
            Variant(
                "next",
                code="def padding_for(n, kernel, stride, wanted):\n"
                "    return next((p for p in range(kernel) if (n + 2 * p - kernel) // stride + 1 == wanted), None)",
            ),
            Variant(
                "solved, with the floor",
                code="def padding_for(n, kernel, stride, wanted):\n"
                "    least = stride * (wanted - 1) - n + kernel\n"
                "    p = max(0, -(-least // 2))\n"
                "    return p if p < kernel and 2 * p < least + stride else None",
            ),
        ),
        hints=(
            "There are few candidates: try them all, from 0 on.",
            "`for padding in range(kernel):` if `output_size(n, kernel, stride, padding) == wanted`, return it. After "
            "the loop, return None.",
        ),
    ),
    Exercise(
        id="3.11",
        names=("q_layers", "q_all"),
        rtol=1e-7,
        mistakes=(
            Mistake(
                "That is the report's sum: the 1000 and the 10 biases of the fully connected layers are missing.",
                values={"q_layers": [2432, 51264, 102464, 1024000, 10000], "q_all": 1190160},
            ),
            Mistake(
                "Every filter has a bias, too: (5 · 5 · channels + 1) · filters.",
                values={"q_layers": [2400, 51200, 102400, 1024000, 10000]},
            ),
            Mistake(
                "A filter looks at all maps of the layer before: 5 · 5 · 3 weights in the first layer, 5 · 5 · 32 in the "
                "second.",
                values={"q_layers": [832, 1664, 1664, 1025000, 10010]},
            ),
            Mistake(
                "There are three poolings: 32, 16, 8, 4. The first fully connected layer has 4 · 4 · 64 inputs.",
                values={"q_layers": [2432, 51264, 102464, 4097000, 10010]},
            ),
            Mistake(
                "A pooling makes the maps smaller before the fully connected layer sees them: it has 4 · 4 · 64 inputs.",
                values={"q_layers": [2432, 51264, 102464, 65537000, 10010]},
            ),
            Mistake(
                "One bias for a whole layer is not enough: every filter, and every unit, has its own.",
                values={"q_layers": [2401, 51201, 102401, 1024001, 10001]},
            ),
            Mistake(
                "One bias per filter, not per weight and not per place: (5 · 5 · channels + 1) · filters.",
                values={"q_layers": [4800, 102400, 204800, 2048000, 20000]},
            ),
            Mistake(
                "That is the report's sum, in which the biases of the fully connected layers are missing. Your layers have "
                "them: add these up.",
                values={"q_layers": [2432, 51264, 102464, 1025000, 10010], "q_all": 1190160},
            ),
            Mistake(
                "The layers are right; add them up once more.",
                values={"q_layers": [2432, 51264, 102464, 1025000, 10010], "q_all": 1181160},
            ),
            Mistake(
                "Each of the 64 maps still has 4 · 4 numbers when it is flattened: 4 · 4 · 64 inputs, not 64.",
                values={"q_layers": [2432, 51264, 102464, 65000, 10010]},
            ),
            Mistake(
                "A pooling has no parameters: leave it out, five numbers are asked for.",
                values={"q_layers": [2432, 0, 51264, 0, 102464, 0, 1025000, 10010]},
            ),
        ),
        variants=(
            Variant(
                "computed, as a tuple",
                values={
                    "q_layers": (76 * 32, 801 * 64, 1601 * 64, 1025 * 1000, 1001 * 10),
                    "q_all": torch.tensor(1191170),
                },
            ),
        ),
        hints=(
            "A convolution has (k · k · channels + 1) · filters parameters, a fully connected layer (inputs + 1) · "
            "outputs. The + 1 are the biases.",
            "(75 + 1) · 32, (25 · 32 + 1) · 64, (25 · 64 + 1) · 64, (4 · 4 · 64 + 1) · 1000, (1000 + 1) · 10.",
        ),
    ),
    Exercise(
        id="3.12",
        names=("q_pixels", "q_numbers", "q_per_label"),
        rtol=2e-3,
        mistakes=(
            Mistake(
                "Those are numbers, three a pixel; pixels first.",
                values={"q_pixels": 153_600_000},
            ),
            Mistake(
                "Each pixel has three numbers, red, green and blue.",
                values={"q_pixels": 51_200_000, "q_numbers": 51_200_000},
            ),
            Mistake(
                "That is one picture; there are 50 000 of them.",
                values={"q_pixels": 1024},
            ),
            Mistake(
                "That is labels for each parameter; asked are parameters for each label.",
                values={"q_pixels": 51_200_000, "q_numbers": 153_600_000, "q_per_label": 0.042},
            ),
            Mistake(
                "That is parameters for each *pixel*; there is one label for each picture.",
                values={"q_pixels": 51_200_000, "q_numbers": 153_600_000, "q_per_label": 0.0233},
            ),
            Mistake(
                "One label for each of the 50 000 pictures, whatever the number of classes.",
                values={"q_pixels": 51_200_000, "q_numbers": 153_600_000, "q_per_label": 119117},
            ),
            Mistake(
                "With one digit after the point: `//` drops it.",
                values={"q_pixels": 51_200_000, "q_numbers": 153_600_000, "q_per_label": 23},
            ),
            Mistake("Only the 50 000 training pictures count.", values={"q_pixels": 61_440_000}),
        ),
        variants=(
            Variant(
                "as floats",
                values={"q_pixels": 5.12e7, "q_numbers": 1.536e8, "q_per_label": 1191170 / 50000},
            ),
        ),
        hints=(
            "Pixels: pictures times height times width. Numbers: three times as many.",
            "All parameters of exercise 3.11 divided by 50 000.",
        ),
    ),
    Exercise(
        id="3.13",
        names=("q_dictionary", "q_machines"),
        mistakes=(
            Mistake(
                "That is the report's count, 1000 words for each of 10 classes. But there is one dictionary for all "
                "classes, and each of its words is a patch described by 128 numbers.",
                values={"q_dictionary": 10_000},
            ),
            Mistake("Each of the 1000 words is a list of 128 numbers.", values={"q_dictionary": 1000}),
            Mistake(
                "There is one dictionary for all ten classes.",
                values={"q_dictionary": 1_280_000},
            ),
            Mistake(
                "That counts the machines (as the report does). Each has a weight for every word, and a bias.",
                values={"q_dictionary": 128_000, "q_machines": 10},
            ),
            Mistake(
                "Each of the ten machines has a bias, too.",
                values={"q_dictionary": 128_000, "q_machines": 10_000},
            ),
            Mistake(
                "That is one machine; there are ten.",
                values={"q_dictionary": 128_000, "q_machines": 1001},
            ),
            Mistake(
                "The machines read the histogram, 1000 numbers, not the descriptors.",
                values={"q_dictionary": 128_000, "q_machines": 1_280_010},
            ),
            Mistake(
                "A machine has a weight for each of the 1000 words, not for each of the 128 numbers of one word.",
                values={"q_dictionary": 128_000, "q_machines": 1290},
            ),
        ),
        variants=(
            Variant("as numbers", values={"q_dictionary": 128_000, "q_machines": torch.tensor(10_010.0)}),
        ),
        hints=(
            "A word is the centre of a cluster of descriptors: how many numbers has it?",
            "1000 · 128; and a linear machine has a weight for each of its 1000 inputs and one bias.",
        ),
    ),
    Exercise(
        id="3.14",
        names=("as_convolution",),
        inputs=draw_linear,
        probe=probe_as_convolution,
        parts=("maps of its size", "larger maps", "what `linear` returns afterwards"),
        mistakes=(
            Mistake(
                "`flatten` puts the channels first, then rows, then columns: so `view(-1, channels, height, width)`.",
                {
                    "linear.weight.view(-1, channels, height, width)": "linear.weight.view(-1, height, width, channels).permute(0, 3, 1, 2)"
                },
            ),
            Mistake(
                "The bias is still the one that `nn.Conv2d` drew.",
                {"        layer.bias.copy_(linear.bias)\n": ""},
            ),
            Mistake(
                "The layer has a bias: copy it, too.",
                {
                    "kernel_size=(height, width))": "kernel_size=(height, width), bias=False)",
                    "        layer.bias.copy_(linear.bias)\n": "",
                },
            ),
            Mistake(
                "Height comes before width.",
                {
                    "kernel_size=(height, width)": "kernel_size=(width, height)",
                    "channels, height, width))": "channels, width, height))",
                },
            ),
            Mistake(
                "Without zeros around the maps: the kernel is to fit in exactly one place of maps of its own size.",
                {"kernel_size=(height, width))": "kernel_size=(height, width), padding=1)"},
            ),
            Mistake(
                "The kernel moves by one place, whatever its size: the stride stays 1.",
                {"kernel_size=(height, width))": "kernel_size=(height, width), stride=(height, width))"},
            ),
            Mistake(
                "A 1 x 1 convolution looks at one place; the linear layer looked at all of them.",
                code="def as_convolution(linear, channels, height, width):\n"
                "    layer = nn.Conv2d(channels * height * width, linear.out_features, kernel_size=1)\n"
                "    with torch.no_grad():\n"
                "        layer.weight.copy_(linear.weight[:, :, None, None])\n"
                "        layer.bias.copy_(linear.bias)\n    return layer",
            ),
            Mistake(
                "The layer still has the numbers that `nn.Conv2d` drew: copy weight and bias of `linear` into it.",
                {
                    "        layer.weight.copy_(linear.weight.view(-1, channels, height, width))\n": "",
                    "        layer.bias.copy_(linear.bias)\n": "        pass\n",
                },
            ),
            Mistake(
                "The numbers stand row by row, height before width: `view(-1, channels, height, width)` is all.",
                {"(-1, channels, height, width)": "(-1, channels, width, height).transpose(2, 3)"},
            ),
            Mistake(
                "`linear.weight` is (outputs, inputs) already: do not transpose it.",
                {
                    "linear.weight.view(-1, channels, height, width)": "linear.weight.T.reshape(-1, channels, height, width)"
                },
            ),
            Mistake(
                "That reshapes the weights of `linear` itself, which is still needed: make new ones for the convolution.",
                {
                    "        layer.weight.copy_(linear.weight.view(-1, channels, height, width))\n": "        linear.weight.data = linear.weight.data.view(-1, channels, height, width)\n"
                    "        layer.weight = linear.weight\n",
                },
            ),
            Mistake(
                "The kernel has two sizes, height and width: `kernel_size=(height, width)`.",
                {"kernel_size=(height, width)": "kernel_size=height"},
            ),
            Mistake(
                "The weight of a convolution has four dimensions: `linear.weight.view(-1, channels, height, width)`.",
                {"linear.weight.view(-1, channels, height, width)": "linear.weight"},
            ),
        ),
        variants=(
            Variant(
                "new parameters",
                code="def as_convolution(linear, channels, height, width):\n"
                "    layer = nn.Conv2d(channels, len(linear.weight), (height, width))\n"
                "    layer.weight = nn.Parameter(linear.weight.detach().unflatten(1, (channels, height, width)).clone())\n"
                "    layer.bias = nn.Parameter(linear.bias.detach().clone())\n    return layer",
            ),
            Variant(
                "load_state_dict",
                code="def as_convolution(linear, channels, height, width):\n"
                "    layer = nn.Conv2d(channels, linear.out_features, (height, width))\n"
                "    weight = linear.weight.reshape(linear.out_features, channels, height, width)\n"
                "    layer.load_state_dict({'weight': weight, 'bias': linear.bias})\n    return layer",
            ),
        ),
        hints=(
            "A kernel of `(height, width)` on `channels` channels, one filter for each output of `linear`.",
            "`layer.weight.copy_(linear.weight.view(-1, channels, height, width))`, the bias as it is, both under "
            "`torch.no_grad()`.",
        ),
    ),
    Exercise(
        id="3.15",
        names=("q_rows", "q_columns"),
        mistakes=(
            Mistake(
                "That would be tiles of 32 x 32 pixels side by side. But the 4 x 4 kernel moves by one map pixel, which "
                "is 8 pixels of the picture.",
                values={"q_rows": 2, "q_columns": 3},
            ),
            Mistake(
                "Those are the maps before the fully connected layer; its kernel of 4 x 4 fits in fewer places.",
                values={"q_rows": 8, "q_columns": 12},
            ),
            Mistake("The first place counts as well: 8 - 4 + 1.", values={"q_rows": 4, "q_columns": 8}),
            Mistake(
                "The network does not move pixel by pixel: three poolings of stride 2 make it 8 pixels at a time.",
                values={"q_rows": 33, "q_columns": 65},
            ),
            Mistake("Rows first: 64 pixels high, 96 wide.", values={"q_rows": 9, "q_columns": 5}),
            Mistake(
                "That is the answer for 32 x 32 pixels. Here the kernel fits in more places.",
                values={"q_rows": 1, "q_columns": 1},
            ),
            Mistake(
                "There are three poolings, not two: maps of 8 x 12.", values={"q_rows": 13, "q_columns": 21}
            ),
        ),
        variants=(Variant("as floats", values={"q_rows": 5.0, "q_columns": torch.tensor(9)}),),
        hints=(
            "How large are the maps after three poolings? How often does a kernel of 4 x 4 fit into them?",
            "8 x 12 maps; `output_size(8, 4, 1, 0)` and `output_size(12, 4, 1, 0)`.",
        ),
    ),
    Exercise(
        id="3.16",
        names=("receptive_fields",),
        inputs=draw_layers,
        parts=("layer 1", "layer 2", "layer 3", "layer 4", "layer 5"),
        mistakes=(
            Mistake(
                "In r' = r + (k - 1) j stands the jump *before* this layer: its own stride only spreads its outputs.",
                code="def receptive_fields(layers, n):\n"
                "    found, jump, field = [], 1, 1\n"
                "    for kernel, stride, padding in layers:\n"
                "        n = output_size(n, kernel, stride, padding)\n"
                "        jump = jump * stride\n"
                "        field = field + (kernel - 1) * jump\n"
                "        found.append((n, jump, field))\n    return found",
            ),
            Mistake(
                "k outputs span k - 1 jumps: r + (k - 1) j.",
                {"(kernel - 1) * jump": "kernel * jump"},
            ),
            Mistake(
                "Between neighbouring outputs of the layer before lie j pixels, not one: (k - 1) · j.",
                {"(kernel - 1) * jump": "(kernel - 1)"},
            ),
            Mistake("Strides multiply: j' = j · s.", {"jump = jump * stride": "jump = jump + stride"}),
            Mistake(
                "Strides of all layers so far multiply: j' = j · s, not s alone.",
                {"jump = jump * stride": "jump = stride"},
            ),
            Mistake("A pixel sees itself: r begins with 1.", {"jump, field = 1, 1": "jump, field = 1, 0"}),
            Mistake(
                "Each layer works on the outputs of the one before: n changes as well.",
                {
                    "n = output_size(n, kernel, stride, padding)": "first = output_size(n, kernel, stride, padding)",
                    "(n, jump": "(first, jump",
                },
            ),
            Mistake(
                "The order is outputs, jump, field.",
                {"(n, jump, field)": "(n, field, jump)"},
            ),
            Mistake(
                "Return what holds after *each* layer, not only after the last.",
                {"return found": "return found[-1:]"},
            ),
            Mistake(
                "The list begins *after* the first layer: the picture itself is not in it.",
                {"    found = []\n": "    found = [(n, 1, 1)]\n"},
            ),
            Mistake(
                "Return the whole list, one tuple for each layer.",
                {"return found": "return found[-1]"},
            ),
            Mistake(
                "A layer is (kernel, stride, padding), in this order.",
                {"for kernel, stride, padding in layers": "for kernel, padding, stride in layers"},
            ),
            Mistake(
                "A whole number of outputs: round down (`//`), as your `output_size` does.",
                {"output_size(n, kernel, stride, padding)": "(n + 2 * padding - kernel) / stride + 1"},
            ),
            Mistake(
                "The list holds one and the same object many times, and every layer changes it: append a new tuple.",
                {
                    "    found = []\n": "    found, state = [], []\n",
                    "found.append((n, jump, field))": "state[:] = n, jump, field\n        found.append(state)",
                },
            ),
        ),
        variants=(
            Variant(
                "from the last tuple",
                code="def receptive_fields(layers, n):\n"
                "    found = [(n, 1, 1)]\n"
                "    for k, s, p in layers:\n"
                "        n, j, r = found[-1]\n"
                "        found += [((n + 2 * p - k) // s + 1, j * s, r + (k - 1) * j)]\n"
                "    return found[1:]",
            ),
            Variant(
                "with prod",
                code="def receptive_fields(layers, n):\n"
                "    import math\n    found = []\n"
                "    for i, (k, s, p) in enumerate(layers):\n"
                "        n = output_size(n, k, s, p)\n"
                "        jumps = [math.prod(layer[1] for layer in layers[:m]) for m in range(i + 2)]\n"
                "        r = 1 + sum((layer[0] - 1) * jump for layer, jump in zip(layers[:i + 1], jumps))\n"
                "        found.append((n, jumps[-1], r))\n    return found",
            ),
        ),
        hints=(
            "Keep n, j and r in three variables; each layer changes all three. Mind the order: r' needs the old j.",
            "`field = field + (kernel - 1) * jump`, and only then `jump = jump * stride`; append `(n, jump, field)`.",
        ),
    ),
    Exercise(
        id="3.17",
        names=("seen_pixels",),
        inputs=draw_seen,
        mistakes=(
            Mistake(
                "Those are the pixels that *any* output sees: call `backward` on the one output.",
                {"y[0, 0, row, column].backward()": "y.sum().backward()"},
            ),
            Mistake(
                "Row and column are swapped.",
                {"y[0, 0, row, column]": "y[0, 0, column, row]"},
            ),
            Mistake(
                "Those are the numbers of ways; asked are truth values: which of them are greater than 0.",
                {"image.grad[0, 0] > 0": "image.grad[0, 0]"},
            ),
            Mistake(
                "Every layer moves by its own stride.",
                {", stride=stride": ""},
            ),
            Mistake(
                "Every layer has its own padding: without it the outputs stand elsewhere.",
                {", padding=padding": ""},
            ),
            Mistake(
                "The gradient still has the dimensions of picture and channel: `image.grad[0, 0]` is (size, size).",
                {"image.grad[0, 0]": "image.grad"},
            ),
            Mistake(
                "That is the opposite: the pixels that it does not see.",
                {"image.grad[0, 0] > 0": "image.grad[0, 0] == 0"},
            ),
            Mistake(
                "Those are the pixels reached in more than one way; one way is enough.",
                {"image.grad[0, 0] > 0": "image.grad[0, 0] > 1"},
            ),
            Mistake(
                "The image is in float64, the weights are not: `torch.ones(..., dtype=torch.float64)`.",
                {"kernel, kernel, dtype=torch.float64": "kernel, kernel"},
            ),
            Mistake(
                "`nn.Conv2d` has a bias and float32 weights, the image is in float64: `bias=False`, and `.double()`.",
                code="def seen_pixels(layers, size, row, column):\n"
                "    image = torch.zeros(1, 1, size, size, dtype=torch.float64, requires_grad=True)\n"
                "    return nn.Sequential(*[nn.Conv2d(1, 1, *layer) for layer in layers])(image)",
            ),
            Mistake(
                "Each layer looks at the outputs of the one before: only the first looks at the image.",
                {"F.conv2d(y, ": "F.conv2d(image, "},
            ),
            Mistake(
                "`image.grad` stays None until `backward()` is called on the output (row, column).",
                {"    y[0, 0, row, column].backward()\n": ""},
            ),
            Mistake(
                "Truth values have the dtype bool: a comparison gives them, do not turn them into numbers.",
                {"image.grad[0, 0] > 0": "(image.grad[0, 0] > 0).float()"},
            ),
            Mistake(
                "A layer is (kernel, stride, padding), in this order.",
                {"for kernel, stride, padding in layers": "for kernel, padding, stride in layers"},
            ),
        ),
        variants=(
            Variant(
                "layers of nn, random positive weights",
                code="def seen_pixels(layers, size, row, column):\n"
                "    network = nn.Sequential(*[nn.Conv2d(1, 1, k, s, p, bias=False) for k, s, p in layers])\n"
                "    for p in network.parameters():\n        nn.init.uniform_(p, 0.5, 1.0)\n"
                "    image = torch.ones(1, size, size, requires_grad=True)\n"
                "    (g,) = torch.autograd.grad(network(image)[0, row, column], image)\n"
                "    return g[0] != 0",
            ),
            Variant(
                "without a gradient: pixel by pixel",
                code="def seen_pixels(layers, size, row, column):\n"
                "    y = torch.eye(size * size).view(-1, 1, size, size)\n"
                "    for k, s, p in layers:\n"
                "        y = F.avg_pool2d(F.pad(y, (p,) * 4), k, s)\n"
                "    return (y[:, 0, row, column] > 0).view(size, size)",
            ),
        ),
        hints=(
            "`F.conv2d(y, ones, stride=stride, padding=padding)` for each layer, with ones of shape (1, 1, k, k). Then "
            "the gradient of one single output.",
            "`y[0, 0, row, column].backward()`; `image.grad[0, 0] > 0` are the truth values.",
        ),
    ),
    Exercise(
        id="3.18",
        names=("q_corner", "q_next"),
        mistakes=(
            Mistake(
                "That is the whole field; a part of it lies in the zeros around the picture.",
                values={"q_corner": 36},
            ),
            Mistake(
                "The output in the corner does not see the opposite corner: its field begins 14 pixels *outside*.",
                values={"q_corner": 32},
            ),
            Mistake(
                "The output does not stand over the first pixel, but over the middle of the first 8 x 8 of them: a "
                "little more than half of its field lies inside.",
                values={"q_corner": 18},
            ),
            Mistake(
                "Both corners see as many; the next output on the diagonal sees 8 pixels further.",
                values={"q_corner": 22, "q_next": 22},
            ),
            Mistake(
                "Its field begins 6 pixels outside on the left, and 36 - 6 = 30 pixels lie inside: not all 32.",
                values={"q_corner": 22, "q_next": 32},
            ),
            Mistake(
                "Neighbouring outputs of the last layer lie 8 pixels apart, not one.",
                values={"q_corner": 22, "q_next": 23},
            ),
            Mistake(
                "How *wide* is it? Not how many pixels: count along one row.",
                values={"q_corner": 22 * 22},
            ),
        ),
        variants=(Variant("as a tensor", values={"q_corner": torch.tensor(22), "q_next": 30.0}),),
        hints=(
            "`seen_pixels(network_layers, 32, 0, 0)` gives truth values; count those of one row or column that has some.",
            "`seen_pixels(network_layers, 32, 0, 0).any(dim=0).sum()`, and the same for (1, 1).",
        ),
    ),
    Exercise(
        id="3.19",
        names=("max_pool",),
        inputs=draw_pooling,
        mistakes=(
            Mistake(
                "That is the mean of each window; the largest number is asked for.", {".amax(": ".mean("}
            ),
            Mistake("That is the smallest number.", {".amax(": ".amin("}),
            Mistake(
                "The windows are mixed up: `reshape` must split rows into (rows, k) and columns into (columns, k), in "
                "this order.",
                {"rows, k, columns, k)": "rows, columns, k, k)", "dim=(3, 5)": "dim=(4, 5)"},
            ),
            Mistake(
                "A window takes one channel: maps are pooled each for itself.",
                {"dim=(3, 5))": "dim=(1, 3, 5))"},
            ),
            Mistake(
                "Windows do not overlap: the next one begins k pixels further on.",
                code="def max_pool(x, k):\n"
                "    rows, columns = x.shape[2] // k, x.shape[3] // k\n"
                "    y = x.new_zeros(*x.shape[:2], rows, columns)\n"
                "    for i in range(rows):\n        for j in range(columns):\n"
                "            y[:, :, i, j] = x[:, :, i:i + k, j:j + k].amax(dim=(2, 3))\n    return y",
            ),
            Mistake(
                "Rows and columns left over are dropped, not pooled with zeros.",
                code="def max_pool(x, k):\n"
                "    x = F.pad(x, (0, -x.shape[3] % k, 0, -x.shape[2] % k))\n"
                "    return x.unfold(2, k, k).unfold(3, k, k).amax(dim=(4, 5))",
            ),
            Mistake(
                "All numbers may be negative, so do not begin with 0: it would win.",
                {"windows.amax(dim=(3, 5))": "windows.amax(dim=(3, 5)).clamp(min=0)"},
            ),
            Mistake(
                "Largest in size is not largest: -3 does not beat 1.",
                {"windows.amax(": "windows.abs().amax("},
            ),
            Mistake(
                "First cut off what is left over: `x[:, :, : rows * k, : columns * k]` can be split into windows.",
                {"x[:, :, : rows * k, : columns * k].reshape": "x.reshape"},
            ),
            Mistake(
                "That takes pixels that are far apart: rows split into (rows, k), not into (k, rows), columns likewise.",
                {"rows, k, columns, k)": "k, rows, k, columns)", "dim=(3, 5)": "dim=(2, 4)"},
            ),
            Mistake(
                "What is left over stands at the *end*: drop the last rows and columns, not the first.",
                {": rows * k, : columns * k]": "x.shape[2] - rows * k :, x.shape[3] - columns * k :]"},
            ),
            Mistake(
                "Each picture and each channel has its own maximum: `amax(dim=(2, 3))` of the window, not `max()`.",
                {".amax(dim=(3, 5))": ".amax(dim=(0, 1, 3, 5)).expand(*x.shape[:2], -1, -1)"},
            ),
            Mistake(
                "The windows do not overlap: the stride is k.",
                code="def max_pool(x, k):\n    return F.max_pool2d(x, k, stride=1)",
            ),
            Mistake(
                "Rows and columns left over are dropped: a window must fit as a whole.",
                code="def max_pool(x, k):\n    return F.max_pool2d(x, k, ceil_mode=True)",
            ),
        ),
        variants=(
            Variant(
                "loops",
                code="def max_pool(x, k):\n"
                "    rows, columns = x.shape[2] // k, x.shape[3] // k\n"
                "    y = torch.empty(*x.shape[:2], rows, columns)\n"
                "    for i in range(rows):\n        for j in range(columns):\n"
                "            w = x[:, :, i * k:(i + 1) * k, j * k:(j + 1) * k]\n"
                "            y[:, :, i, j] = w.flatten(2).max(dim=2).values\n    return y",
            ),
            Variant(
                "windows as views",
                code="def max_pool(x, k):\n    return x.unfold(2, k, k).unfold(3, k, k).amax((-2, -1))",
            ),
        ),
        hints=(
            "A loop over the places as in exercise 3.4 (each window begins at row i·k and column j·k), or split rows and "
            "columns with `reshape` and take the maximum over two dimensions.",
            "`x[:, :, : rows * k, : columns * k].reshape(N, C, rows, k, columns, k).amax(dim=(3, 5))`.",
        ),
    ),
    Exercise(
        id="3.20",
        names=("max_pool_backward",),
        inputs=draw_pooling_backward,
        probe=call_without_autograd,
        mistakes=(
            Mistake(
                "That shares the gradient out among the window, as *average* pooling does; the winner takes all.",
                {"winner * G": "torch.ones_like(window) / k**2 * G"},
            ),
            Mistake(
                "That gives every pixel of the window the whole gradient; only the winner counts.",
                {"winner * G": "torch.ones_like(window) * G"},
            ),
            Mistake(
                "The gradient is not multiplied by the winner's value: the output moves with it one to one.",
                {"winner * G": "winner * window * G"},
            ),
            Mistake(
                "Each channel has a winner of its own: take the maximum over rows and columns only.",
                {"amax(dim=(2, 3)": "amax(dim=(1, 2, 3)"},
            ),
            Mistake(
                "That is the loser of each window.",
                {"amax(dim=(2, 3)": "amin(dim=(2, 3)"},
            ),
            Mistake(
                "Each window begins k pixels further on.",
                {"slice(i * k, i * k + k), slice(j * k, j * k + k)": "slice(i, i + k), slice(j, j + k)"},
            ),
            Mistake(
                "The winner's place is marked, but the gradient is missing: multiply by G at this place.",
                {"winner * G[:, :, i, j, None, None]": "winner.to(x.dtype)"},
            ),
            Mistake(
                "That puts the gradient into the corner of each window, not to the winner.",
                {
                    "winner = window == window.amax(dim=(2, 3), keepdim=True)": "winner = torch.zeros_like(window)\n            winner[:, :, 0, 0] = 1"
                },
            ),
            Mistake(
                "Each picture has its own winners, and each channel: `amax(dim=(2, 3), keepdim=True)`, not `max()`.",
                {"window.amax(dim=(2, 3), keepdim=True)": "window.max()"},
            ),
            Mistake(
                "`argmax` counts row by row: the row within the window is `place // k`, the column `place % k`.",
                {
                    "window == window.amax(dim=(2, 3), keepdim=True)": "(window == window.amax(dim=(2, 3), keepdim=True)).mT"
                },
            ),
            Mistake(
                "The winner's place is counted within its window, which begins at row i · k and column j · k.",
                {
                    "dx[place] = winner": "dx[:, :, :k, :k] += winner",
                },
            ),
            Mistake(
                "dx is as large as x: the rows and columns left over get zeros.",
                {"return dx": "return dx[:, :, : G.shape[2] * k, : G.shape[3] * k]"},
            ),
            Mistake(
                "`repeat` lays whole copies side by side; each number is to be repeated on its spot "
                "(`repeat_interleave`).",
                code="def max_pool_backward(G, x, k):\n"
                "    dx, (rows, columns) = torch.zeros_like(x), G.shape[2:]\n"
                "    part = x[:, :, :rows * k, :columns * k]\n"
                "    winner = part == max_pool(x, k).repeat(1, 1, k, k)\n"
                "    dx[:, :, :rows * k, :columns * k] = winner * G.repeat(1, 1, k, k)\n    return dx",
            ),
            Mistake(
                "The windows do not cover all of x: compare only the part that they cover, the rest of dx stays 0.",
                code="def max_pool_backward(G, x, k):\n"
                "    def spread(t):\n"
                "        return t.repeat_interleave(k, dim=2).repeat_interleave(k, dim=3)\n"
                "    return (x == spread(max_pool(x, k))) * spread(G)",
            ),
            Mistake(
                "The windows do not overlap: each begins k pixels further on, and nothing has to be added up.",
                {
                    "slice(i * k, i * k + k), slice(j * k, j * k + k)": "slice(i, i + k), slice(j, j + k)",
                    "dx[place] = ": "dx[place] += ",
                },
            ),
        ),
        variants=(
            Variant(
                "with argmax",
                code="def max_pool_backward(G, x, k):\n"
                "    dx = torch.zeros_like(x)\n"
                "    for n in range(x.shape[0]):\n        for c in range(x.shape[1]):\n"
                "            for i in range(G.shape[2]):\n                for j in range(G.shape[3]):\n"
                "                    w = x[n, c, i * k:i * k + k, j * k:j * k + k]\n"
                "                    a = int(w.argmax())\n"
                "                    dx[n, c, i * k + a // k, j * k + a % k] = G[n, c, i, j]\n    return dx",
            ),
            Variant(
                "without a loop",
                code="def max_pool_backward(G, x, k):\n"
                "    rows, columns = G.shape[2:]\n"
                "    part = x[:, :, :rows * k, :columns * k]\n"
                "    def spread(t):\n"
                "        return t.repeat_interleave(k, dim=2).repeat_interleave(k, dim=3)\n"
                "    inside = (part == spread(max_pool(x, k))) * spread(G)\n"
                "    return F.pad(inside, (0, x.shape[3] - columns * k, 0, x.shape[2] - rows * k))",
            ),
        ),
        hints=(
            "For each place: cut out the window of x, find where it equals its own maximum, and put G of this place there.",
            "`winner = window == window.amax(dim=(2, 3), keepdim=True)` is (N, C, k, k), True once in each window; "
            "`winner * G[:, :, i, j, None, None]` is what belongs into that part of dx.",
        ),
    ),
    Exercise(
        id="3.21",
        names=("q_one_pooling", "q_three_poolings"),
        rtol=1e-3,
        mistakes=(
            Mistake(
                "Not always: from the right column of a window the pixel moves into the next window.",
                values={"q_one_pooling": 1},
            ),
            Mistake(
                "Only the column matters: the shift goes to the right, whatever the row.",
                values={"q_one_pooling": 0.25},
            ),
            Mistake(
                "Only the column matters, and in one of *two* columns the pixel leaves its window.",
                values={"q_one_pooling": 0.75},
            ),
            Mistake(
                "More poolings hear *fewer* shifts, not more: three of them are one pooling of 8 x 8 here.",
                values={"q_one_pooling": 0.5, "q_three_poolings": 0.125},
            ),
            Mistake(
                "The windows of three poolings are 2 · 2 · 2 = 8 pixels wide, not 6.",
                values={"q_one_pooling": 0.5, "q_three_poolings": 5 / 6},
            ),
            Mistake(
                "The other poolings help as well: where the first lets a shift through, the second may swallow it.",
                values={"q_one_pooling": 0.5, "q_three_poolings": 0.5},
            ),
            Mistake(
                "That is what two poolings swallow; there are three.",
                values={"q_one_pooling": 0.5, "q_three_poolings": 0.75},
            ),
            Mistake(
                "A probability lies between 0 and 1: 50 per cent are 0.5.",
                values={"q_one_pooling": 50},
            ),
        ),
        variants=(
            Variant(
                "as a tensor",
                values={"q_one_pooling": torch.tensor(0.5), "q_three_poolings": 1 - 1 / 8},
            ),
        ),
        hints=(
            "The output changes if the pixel leaves its window. From which columns of the window does it?",
            "From the last column of 2; three poolings of 2 x 2 are one of 8 x 8, as far as a single pixel is concerned.",
        ),
    ),
    Exercise(
        id="3.22",
        names=("build_cnn",),
        inputs=lambda g: {"seed": _whole(10_000, g)},
        probe=probe_build_cnn,
        mistakes=(
            Mistake(
                "The convolutions must keep the size: a kernel of 5 needs a padding of 2.",
                {", padding=2": ""},
            ),
            Mistake(
                "The ReLU after the convolutions is missing.",
                {"padding=2), nn.ReLU(), nn": "padding=2), nn"},
            ),
            Mistake(
                "The ReLU between the fully connected layers is missing: two linear layers in a row are one.",
                {"hidden), nn.ReLU()]": "hidden)]"},
            ),
            Mistake(
                "No softmax at the end: the loss function wants logits.",
                {"nn.Linear(hidden, classes))": "nn.Linear(hidden, classes), nn.Softmax(dim=1))"},
            ),
            Mistake(
                "A ReLU after the last layer would cut all negative logits off.",
                {"nn.Linear(hidden, classes))": "nn.Linear(hidden, classes), nn.ReLU())"},
            ),
            Mistake("The poolings take the largest number of each window.", {"nn.MaxPool2d": "nn.AvgPool2d"}),
            Mistake(
                "The kernels are 5 x 5.",
                {"width, 5, padding=2": "width, 3, padding=1"},
            ),
            Mistake(
                "Between the maps and the fully connected layer stands `nn.Flatten()`.",
                {"nn.Flatten(), ": ""},
            ),
            Mistake(
                "Every convolution reads the maps of the one before: its input channels change, too.",
                {"        channels = width\n": ""},
            ),
            Mistake(
                "The layers have biases, too.",
                {"padding=2)": "padding=2, bias=False)"},
            ),
            Mistake(
                "The last convolution makes `widths[2]` maps, and these are not always 64.",
                {"channels * 4 * 4": "64 * 4 * 4"},
            ),
            Mistake(
                "The last layer has `classes` outputs, not always 10.", {"(hidden, classes)": "(hidden, 10)"}
            ),
            Mistake(
                "That is a list of layers: `nn.Sequential(*layers)` makes a network of them.",
                {
                    "nn.Sequential(*layers, nn.Linear(hidden, classes))": "[*layers, nn.Linear(hidden, classes)]"
                },
            ),
            Mistake(
                "It is the max pooling that halves the size: the convolutions keep it (stride 1).",
                {"5, padding=2), nn.ReLU(), nn.MaxPool2d(2)]": "5, stride=2, padding=2), nn.ReLU()]"},
            ),
            Mistake(
                "It calculates what it should, but part 9 takes the layers by number: put them into the `nn.Sequential` "
                "one by one, without a block around three of them (`*block` unpacks one).",
                {
                    "nn.Conv2d(channels, width, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)]": "nn.Sequential(nn.Conv2d(channels, width, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2))]"
                },
            ),
        ),
        variants=(
            Variant(
                "written out, pooling before the ReLU",
                code="def build_cnn(widths, hidden, classes):\n"
                "    a, b, c = widths\n"
                "    return nn.Sequential(\n"
                "        nn.Conv2d(3, a, 5, padding='same'), nn.MaxPool2d(2), nn.ReLU(),\n"
                "        nn.Conv2d(a, b, 5, padding='same'), nn.MaxPool2d(2), nn.ReLU(),\n"
                "        nn.Conv2d(b, c, 5, padding='same'), nn.MaxPool2d(2), nn.ReLU(),\n"
                "        nn.Flatten(), nn.Linear(c * 16, hidden), nn.ReLU(), nn.Linear(hidden, classes))",
            ),
            Variant(
                "blocks unpacked",
                code="def build_cnn(widths, hidden, classes):\n"
                "    def block(i, o):\n"
                "        return nn.Sequential(nn.Conv2d(i, o, 5, 1, 2), nn.ReLU(), nn.MaxPool2d(2, 2))\n"
                "    a, b, c = widths\n"
                "    head = [nn.Flatten(1), nn.Linear(16 * c, hidden), nn.ReLU(), nn.Linear(hidden, classes)]\n"
                "    return nn.Sequential(*block(3, a), *block(a, b), *block(b, c), *head)",
            ),
        ),
        hints=(
            "`nn.Conv2d(channels, width, kernel_size=5, padding=2)`, `nn.ReLU()`, `nn.MaxPool2d(2)`, three times; each "
            "time `channels` is the width before.",
            "32 is halved three times: `nn.Flatten()`, `nn.Linear(widths[2] * 4 * 4, hidden)`, `nn.ReLU()`, "
            "`nn.Linear(hidden, classes)`.",
        ),
    ),
    Exercise(
        id="3.23",
        names=("q_start_loss", "q_start_accuracy"),
        rtol=2e-3,
        mistakes=(
            Mistake(
                "That is the probability of the true class; the loss is minus its logarithm.",
                values={"q_start_loss": 0.1},
            ),
            Mistake("The natural logarithm, as in `F.cross_entropy`.", values={"q_start_loss": 1.0}),
            Mistake("The natural logarithm, not that to base 2.", values={"q_start_loss": 3.322}),
            Mistake("The sign: -log(1/10) is positive.", values={"q_start_loss": -2.3026}),
            Mistake(
                "Guessing is right once in ten times, not never.",
                values={"q_start_loss": 2.3026, "q_start_accuracy": 0},
            ),
            Mistake(
                "There are ten classes, not two.",
                values={"q_start_loss": 2.3026, "q_start_accuracy": 0.5},
            ),
            Mistake(
                "The accuracy as a share: 10 % is 0.1.",
                values={"q_start_loss": 2.3026, "q_start_accuracy": 10},
            ),
            Mistake(
                "The loss is not one minus the probability of the true class but minus its logarithm.",
                values={"q_start_loss": 0.9},
            ),
        ),
        variants=(
            Variant(
                "computed",
                values={"q_start_loss": math.log(10), "q_start_accuracy": torch.tensor(0.1)},
            ),
        ),
        hints=(
            "The probability of the true class is about 1/10 (notebook 01, exercise 1.12).",
            "-log(1/10) with the natural logarithm; and one guess in ten is right.",
        ),
    ),
    Exercise(
        id="3.24",
        names=("train_epoch",),
        inputs=draw_epoch,
        probe=probe_train_epoch,
        parts=("loss", "parameters"),
        mistakes=(
            Mistake(
                "Pictures and labels no longer belong together: index both with the same rows.",
                {"labels[rows]": "labels[: len(rows)]"},
            ),
            Mistake(
                "The network is still in evaluation mode, where dropout does nothing: `network.train()` first.",
                {"    network.train()\n": ""},
            ),
            Mistake(
                "The gradients of the last step are still there: `optimizer.zero_grad()` at every step.",
                {"        optimizer.zero_grad()\n": ""},
            ),
            Mistake(
                "The last batch is smaller: every *picture* counts the same, so weight each batch by its size.",
                {"* len(rows)": "", "/ len(images)": "/ -(-len(images) // batch_size)"},
            ),
            Mistake(
                "The loss of a batch is a mean already: before you add it up, multiply it by the number of its pictures.",
                {" * len(rows)": ""},
            ),
            Mistake(
                "`centred` makes the network's inputs here, not a division by 255.",
                {"centred(images[rows])": "images[rows].float() / 255"},
            ),
            Mistake(
                "The network cannot multiply with bytes: `centred` turns the batch into floating-point numbers.",
                {"centred(images[rows])": "images[rows]"},
            ),
            Mistake(
                "That is the loss of the last batch only; asked is the mean over the epoch.",
                {"loss_sum / len(images)": "loss.item()"},
            ),
            Mistake(
                "That is the sum over all pictures: divide by their number.",
                {"loss_sum / len(images)": "loss_sum"},
            ),
            Mistake(
                "The order is drawn anew for every epoch: `torch.randperm(len(images), generator=generator)`.",
                {"torch.randperm(len(images), generator=generator)": "torch.arange(len(images))"},
            ),
            Mistake(
                "Draw the order from the generator that is passed: `torch.randperm(..., generator=generator)`.",
                {", generator=generator": ""},
            ),
            Mistake(
                "Nobody moves: is `optimizer.step()` missing, or does `zero_grad()` stand between `backward()` and it?",
                {"        optimizer.step()\n": ""},
            ),
            Mistake(
                "Floating-point numbers from 0 to 255 are too large for the network: `centred` makes its inputs.",
                {"centred(images[rows])": "images[rows].float()"},
            ),
            Mistake(
                "The last, smaller batch is a batch, too, and every *picture* counts the same: add up `loss * len(rows)`, "
                "divide by `len(images)`.",
                {"* len(rows)": "", "/ len(images)": "/ (len(images) // batch_size)"},
            ),
            Mistake(
                "The last, smaller batch is left out: every picture is to be seen once.",
                {"split(batch_size):": "split(batch_size)[: len(images) // batch_size]:"},
            ),
            Mistake(
                "That draws a new order for every batch, so some pictures are never seen: draw one, before the loop.",
                code="def train_epoch(network, optimizer, images, labels, batch_size, generator):\n"
                "    network.train()\n    total = 0.0\n"
                "    for start in range(0, len(images), batch_size):\n"
                "        rows = torch.randperm(len(images), generator=generator)[:batch_size]\n"
                "        loss = F.cross_entropy(network(centred(images[rows])), labels[rows])\n"
                "        optimizer.zero_grad()\n        loss.backward()\n        optimizer.step()\n"
                "        total += loss.item() * len(rows)\n"
                "    return total / len(images)",
            ),
            Mistake(
                "The pictures are shuffled, the labels are not: put both into the same order.",
                {
                    "    network.train()\n": "    network.train()\n    unshuffled = iter(labels.split(batch_size))\n",
                    "labels[rows]": "next(unshuffled)",
                },
            ),
            Mistake(
                "That is the loss *after* the step: asked is the one that the step went down from.",
                {
                    "loss_sum += loss": "loss = F.cross_entropy(network(centred(images[rows])), labels[rows])\n"
                    "        loss_sum += loss"
                },
            ),
            Mistake(
                "`F.cross_entropy` takes logits: it does the softmax itself.",
                {"network(centred(images[rows]))": "network(centred(images[rows])).softmax(dim=1)"},
            ),
            Mistake(
                'The loss of a step is the *mean* over its batch: with `reduction="sum"` the steps are too long.',
                {"labels[rows])\n": 'labels[rows], reduction="sum")\n', " * len(rows)": ""},
            ),
        ),
        variants=(
            Variant(
                "zip over both, weighted in tensors",
                code="def train_epoch(network, optimizer, images, labels, batch_size, generator):\n"
                "    order = torch.randperm(len(images), generator=generator)\n"
                "    network.train()\n    losses = torch.zeros(len(images))\n"
                "    for start in range(0, len(images), batch_size):\n"
                "        rows = order[start:start + batch_size]\n"
                "        optimizer.zero_grad(set_to_none=False)\n"
                "        each = F.cross_entropy(network(centred(images[rows])), labels[rows], reduction='none')\n"
                "        each.mean().backward()\n        optimizer.step()\n"
                "        losses[rows] = each.detach()\n"
                "    return losses.mean()",
            ),
            Variant(
                "nn.CrossEntropyLoss, emptied at the end",
                code="def train_epoch(network, optimizer, images, labels, batch_size, generator):\n"
                "    network.train()\n    criterion, total, seen = nn.CrossEntropyLoss(), 0.0, 0\n"
                "    optimizer.zero_grad()\n"
                "    for rows in torch.split(torch.randperm(len(labels), generator=generator), batch_size):\n"
                "        x, y = centred(images.index_select(0, rows)), labels[rows]\n"
                "        loss = criterion(network(x), y)\n        loss.backward()\n        optimizer.step()\n"
                "        optimizer.zero_grad()\n"
                "        total, seen = total + float(loss) * len(y), seen + len(y)\n"
                "    return total / seen",
            ),
        ),
        hints=(
            "`for rows in torch.randperm(len(images), generator=generator).split(batch_size):` then "
            "`network(centred(images[rows]))`, the loss with `labels[rows]`, and the three lines of exercise 2.9.",
            "Add up `loss.item() * len(rows)` and divide by `len(images)` at the end; `network.train()` before the loop.",
        ),
    ),
    choice(
        "3.25",
        "q_batch",
        {
            "a": "Look at your figure: the pictures of an epoch are as many as before, whatever the batch. (The report "
            "says it would be slow; it is the step that takes longer, not the epoch.)",
            "c": "An epoch shows each picture once: with larger batches there are fewer of them.",
            "d": "Look at your figure: there is something that every step costs, however small its batch.",
        },
        {
            1: "True, and it is why the time per picture does not *rise*. But why does it fall?",
            3: "True, but it says nothing about time.",
        },
        right="b",
        hints=(
            "Read your figure at 1 and at 32.",
            "Calling operations and moving parameters costs the same for 1 picture and for 32.",
        ),
    ),
    choice(
        "3.26",
        "q_below",
        {
            "b": "Training and test pictures come from the same source; and in the last epochs it is the other way round.",
            "c": "Measuring computes no gradient and takes no step: nothing is learned from test pictures.",
            "d": "Both are means over pictures: you wrote the first one yourself.",
        },
        {
            2: "The mean of fewer pictures scatters more, but to both sides.",
            3: "The parameters are the same in both modes; only some layers calculate differently.",
        },
        right="a",
        hints=(
            "When was each loss in the mean of `train_epoch` taken: with which parameters?",
            "The first batch met the start, the last one a network that had learned from nearly all pictures; the test set "
            "always meets the latter.",
        ),
    ),
    choice(
        "3.27",
        "q_rises",
        {
            "a": "Both are measured on the same test pictures, in one pass.",
            "b": "The learning rate changes how soon it happens, not why the two differ.",
            "d": "The accuracy is not rounded; it counts.",
        },
        {
            2: "Both are means over the same pictures.",
            3: "The cross-entropy knows nothing of the weights. (A penalty on them would be weight decay.)",
        },
        right="c",
        hints=(
            "A picture is wrong with p = 0.4 for its true class, and later with p = 0.001. What do loss and accuracy say?",
            "-log 0.4 = 0.9, -log 0.001 = 6.9; for the accuracy it is one error both times.",
        ),
    ),
)

NOTEBOOK = Notebook(
    id="03",
    name="03_convolutions",
    title="Convolutions",
    data=("cifar10",),
    minutes={"smoke": 0.5, "laptop": 15, "full": 40},
    exercises=EXERCISES,
    withheld=("models.cnn", "training.loop"),
)
