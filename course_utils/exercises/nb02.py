"""Notebook 02, autograd, nn, optim, MNIST, SVM: inputs, probes, typical mistakes and hints of its exercises.

Longer than other modules because it is content: twenty-two exercises, each in one place. Report 001, sections
1.2.2-1.2.6; erratum 4 (polynomial kernels "from degree 6") is taught by exercises 2.18-2.22.
"""

from __future__ import annotations

import math
from typing import Any

import torch

from course_utils.exercises.choice import choice
from course_utils.exercises.draws import draw_batch, draw_params
from course_utils.exercises.specification import Exercise, Inputs, Mistake, Notebook, Variant


def draw_two_batches(generator: torch.Generator) -> Inputs:
    """Draw parameters and two batches of different sizes, in float64 as in the notebook."""
    first, second = draw_batch(generator, n=7), draw_batch(generator, n=5)
    return {
        "params": {name: value.double() for name, value in draw_params(generator).items()},
        "x": first["x"].double(),
        "labels": first["labels"],
        "x_next": second["x"].double(),
        "labels_next": second["labels"],
    }


def draw_steps(generator: torch.Generator) -> Inputs:
    """Draw parameters, two batches and a learning rate that is not the notebook's 0.3."""
    learning_rate = 0.4 + 0.3 * torch.rand(1, generator=generator).item()
    return {**draw_two_batches(generator), "learning_rate": learning_rate}


def draw_deep_steps(generator: torch.Generator) -> Inputs:
    """Draw as for steps, and the parameters of a second hidden layer."""
    inputs = draw_steps(generator)
    middle = {name: torch.randn(*shape, generator=generator) for name, shape in _MIDDLE.items()}
    return {**inputs, "middle": {name: value.double() for name, value in middle.items()}}


def draw_exact_params(generator: torch.Generator) -> Inputs:
    """Draw parameters with all the digits of float64, which float32 cannot hold, and points."""
    params = {name: value.double() / 3 for name, value in draw_params(generator).items()}
    return {"params": params, "x": torch.randn(6, 2, generator=generator, dtype=torch.float64)}


def draw_fit(generator: torch.Generator) -> Inputs:
    """Draw parameters, data whose last batch is smaller, and a seed."""
    train, test = draw_batch(generator, n=11), draw_batch(generator, n=5)
    return {
        "params": draw_params(generator),
        "x": train["x"],
        "labels": train["labels"],
        "x_test": test["x"],
        "labels_test": test["labels"],
        "batch_size": 4,
        "seed": int(torch.randint(10_000, (1,), generator=generator)),
    }


def draw_measured(generator: torch.Generator) -> Inputs:
    """Draw as for fit; the first batch is right, the last and smaller one as wrong as can be."""
    inputs = draw_fit(generator)
    params, labels = inputs["params"], inputs["labels"]
    h = torch.tanh(inputs["x"] @ params["Wh"].T + params["bh"])
    logits = h @ params["Wy"].T + params["by"]
    labels[:4], labels[8:] = logits[:4].argmax(dim=1), logits[8:].argmin(dim=1)
    return inputs


def draw_images(generator: torch.Generator) -> Inputs:
    """Draw images whose brightest pixel is darker than 255; one has a single spot of ink."""
    images = torch.randint(0, 200, (5, 1, 4, 3), generator=generator, dtype=torch.uint8)
    return {"images": images}


def draw_predictions(generator: torch.Generator) -> Inputs:
    """Draw labels and predictions: more (0, 1) than eight bits can count, few (1, 0), and no class 4."""
    labels = torch.cat([torch.zeros(260, dtype=torch.int64), torch.randint(4, (20,), generator=generator)])
    predictions = torch.cat(
        [torch.ones(260, dtype=torch.int64), torch.randint(4, (20,), generator=generator)]
    )
    order = torch.randperm(280, generator=generator)
    return {"labels": labels[order], "predictions": predictions[order], "classes": 5}


def draw_matrix(generator: torch.Generator) -> Inputs:
    """Draw a confusion matrix of classes of different sizes; the first is mostly taken for the third."""
    matrix = torch.randint(1, 20, (4, 4), generator=generator)
    matrix += torch.diag(torch.tensor([30, 60, 90, 120]))
    matrix[0, 2] += 60
    return {"matrix": matrix}


def draw_errors(generator: torch.Generator) -> Inputs:
    """Draw logits of 17 rows: 0-6 right, 7-13 wrong, 14-16 right and surer than all others.

    Among the wrong rows neither the order of the largest logits nor that of the confidences reversed is
    the order of the confidences; the three sets of row numbers that mistakes give are disjoint.
    """
    logits = torch.randn(17, 4, generator=generator)
    predictions = logits.argmax(dim=1)
    logits[torch.arange(14, 17), predictions[14:]] += 10.0
    labels = predictions.clone()
    labels[7:14] = (predictions[7:14] + 1) % 4
    rank = (
        torch.softmax(logits[7:14], dim=1).max(dim=1).values.argsort(descending=True).argsort()
    )  # 0 = surest
    wanted = 10.0 - ((3 * rank + 1) % 7).float()  # the largest logit of each wrong row, in another order
    logits[7:14] += (wanted - logits[7:14].max(dim=1).values)[:, None]
    return {"logits": logits, "labels": labels, "k": 3}


def draw_kernel(generator: torch.Generator) -> Inputs:
    """Draw two sets of points and the settings of a polynomial kernel."""
    return {
        "a": torch.randn(4, 2, generator=generator, dtype=torch.float64),
        "b": torch.randn(5, 2, generator=generator, dtype=torch.float64),
        "degree": 2 + int(torch.randint(2, (1,), generator=generator)),
        "gamma": 0.4 + 0.3 * torch.rand(1, generator=generator).item(),
        "coef0": 1.3,
    }


def draw_saddle(generator: torch.Generator) -> Inputs:
    """Draw points of two classes that a hyperbola separates, but for a few, and places where to predict.

    The boundary runs to infinity and both values of C are far from 1, so that other kernels and other
    prices decide otherwise at many places. These lie on one side of the centre, so that their mean is not
    that of the points, and none lies near a boundary, where rounding would decide.
    """
    from sklearn.svm import SVC

    center, prices = torch.tensor([1.0, 0.5]), [0.01, 10.0]
    around = torch.randn(60, 2, generator=generator)
    labels = (around.prod(dim=1) > 0.2).long()
    labels[:6] = 1 - labels[:6]
    offsets = 3.0 * torch.randn(150, 2, generator=generator)
    x, places = center + around, center + torch.stack([offsets[:, 0].abs(), offsets[:, 1]], dim=1)
    for price in prices:
        machine = SVC(kernel="poly", degree=2, gamma=1.0, coef0=1.0, C=price).fit(x.numpy(), labels.numpy())
        places = places[torch.from_numpy(machine.decision_function(places.numpy())).abs() > 0.1]
    return {"x": x, "labels": labels, "places": places[:100], "prices": prices}


_MIDDLE = {"weight": (4, 4), "bias": (4,)}


def probe_gradients(names: dict[str, Any], inputs: Inputs) -> Any:
    """Ask for the gradients on one batch, then on another."""
    found = []
    for x, labels in (("x", "labels"), ("x_next", "labels_next")):
        gradients = names["gradients_by_autograd"](inputs["params"], inputs[x], inputs[labels])
        found.append({name: None if g is None else g.detach().clone() for name, g in gradients.items()})
    return found


def probe_autograd_step(names: dict[str, Any], inputs: Inputs) -> Any:
    """Take two steps on parameters that keep track; return both losses and where the parameters end."""
    params = {name: value.clone().requires_grad_() for name, value in inputs["params"].items()}
    leaves = dict(params)
    losses = [
        names["autograd_step"](params, inputs[x], inputs[labels], inputs["learning_rate"])
        for x, labels in (("x", "labels"), ("x_next", "labels_next"))
    ]
    return losses, leaves


def probe_build_network(names: dict[str, Any], inputs: Inputs) -> Any:
    """Build the network, fill its parameters with given numbers, and run it."""
    import torch

    network = names["build_network"](inputs["nx"], inputs["nh"], inputs["ny"])
    used = 0
    with torch.no_grad():
        for parameter in network.parameters():
            numbers = inputs["numbers"][used : used + parameter.numel()]
            parameter.copy_(numbers.view(parameter.shape))
            used += parameter.numel()
        outputs = network(inputs["x"])
    return {"parameter shapes": [tuple(p.shape) for p in network.parameters()], "logits": outputs}


def probe_copy_params(names: dict[str, Any], inputs: Inputs) -> Any:
    """Copy into a fresh network, run it, then change the network: `params` must stay."""
    import torch
    from torch import nn

    params = inputs["params"]
    hidden, features = params["Wh"].shape
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        network = nn.Sequential(nn.Linear(features, hidden), nn.Tanh(), nn.Linear(hidden, len(params["by"])))
    network.double()
    names["copy_params"](network, params)
    with torch.no_grad():
        logits = network(inputs["x"])
        for parameter in network.parameters():
            parameter.add_(1.0)
    return {"logits": logits, "still trainable": all(p.requires_grad for p in network.parameters())}


def probe_network_step(names: dict[str, Any], inputs: Inputs) -> Any:
    """Take two steps with two hidden layers; return both losses, the parameters, and in which mode it ran."""
    import torch
    from torch import nn

    params, middle, modes = inputs["params"], inputs["middle"], []
    hidden, features = params["Wh"].shape
    network = nn.Sequential(
        *(nn.Linear(features, hidden), nn.Tanh(), nn.Linear(hidden, hidden), nn.Tanh()),
        nn.Linear(hidden, len(params["by"])),
    ).double()
    values = params["Wh"], params["bh"], middle["weight"], middle["bias"], params["Wy"], params["by"]
    with torch.no_grad():
        for parameter, value in zip(network.parameters(), values, strict=True):
            parameter.copy_(value)
    network.register_forward_hook(lambda *_: modes.append(network.training))
    losses = [
        names["network_step"](network, inputs[x], inputs[labels], inputs["learning_rate"])
        for x, labels in (("x", "labels"), ("x_next", "labels_next"))
    ]
    return losses, list(network.parameters()), all(modes)


def probe_optimiser_step(names: dict[str, Any], inputs: Inputs) -> Any:
    """Take two steps with momentum; return both losses, the parameters, and in which mode the network ran."""
    import torch
    from torch import nn

    params, modes = inputs["params"], []
    hidden, features = params["Wh"].shape
    network = nn.Sequential(nn.Linear(features, hidden), nn.Tanh(), nn.Linear(hidden, len(params["by"])))
    network.double()
    with torch.no_grad():
        for parameter, value in zip(network.parameters(), params.values(), strict=True):
            parameter.copy_(value)
    network.register_forward_hook(lambda *_: modes.append(network.training))
    optimiser = torch.optim.SGD(network.parameters(), lr=inputs["learning_rate"], momentum=0.9)
    losses = [
        names["optimiser_step"](network, optimiser, inputs[x], inputs[labels])
        for x, labels in (("x", "labels"), ("x_next", "labels_next"))
    ]
    return losses, list(network.parameters()), all(modes)


def probe_evaluate(names: dict[str, Any], inputs: Inputs) -> Any:
    """Measure a network with dropout, found in training and then in evaluation mode; watch its batches."""
    import torch
    from torch import nn

    params, recorded, batches = inputs["params"], [], []
    hidden, features = params["Wh"].shape
    network = nn.Sequential(
        nn.Linear(features, hidden), nn.Tanh(), nn.Dropout(0.5), nn.Linear(hidden, len(params["by"]))
    )
    with torch.no_grad():
        for parameter, value in zip(network.parameters(), params.values(), strict=True):
            parameter.copy_(value)

    def watch(module: Any, arguments: Any, output: Any) -> None:  # noqa: ARG001
        recorded.append(torch.is_grad_enabled())
        same = (arguments[0][:, None] == inputs["x"]).all(dim=2)  # (batch, N)
        batches.append(same.int().argmax(dim=1).tolist())

    network.register_forward_hook(watch)
    found, modes = [], []
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(inputs["seed"])
        for mode in (True, False):
            batches.clear()
            network.train(mode)
            found.append(names["evaluate"](network, inputs["x"], inputs["labels"], inputs["batch_size"]))
            modes.append("training" if network.training else "evaluation")
    loss, accuracy = found[0]
    in_order = batches == sorted(batches) and all(rows == sorted(rows) for rows in batches)
    return loss, accuracy, any(recorded), max(map(len, batches), default=0), in_order, modes


def probe_fit(names: dict[str, Any], inputs: Inputs) -> Any:
    """Fit a network with dropout that is in evaluation mode, for two epochs."""
    import torch
    from torch import nn

    params = inputs["params"]
    hidden, features = params["Wh"].shape
    network = nn.Sequential(
        nn.Linear(features, hidden), nn.Tanh(), nn.Dropout(0.3), nn.Linear(hidden, len(params["by"]))
    )
    with torch.no_grad():
        for parameter, value in zip(network.parameters(), params.values(), strict=True):
            parameter.copy_(value)
    network.eval()
    optimiser = torch.optim.SGD(network.parameters(), lr=0.5)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(inputs["seed"])
        history = names["fit"](
            network,
            optimiser,
            (inputs["x"], inputs["labels"]),
            (inputs["x_test"], inputs["labels_test"]),
            2,
            inputs["batch_size"],
            torch.Generator().manual_seed(inputs["seed"]),
        )
    return {
        "epochs": history.epochs,
        "train_loss": history.train_loss,
        "train_accuracy": history.train_accuracy,
        "test_loss": history.test_loss,
        "test_accuracy": history.test_accuracy,
    }


def probe_lift(names: dict[str, Any], inputs: Inputs) -> Any:
    """Return the dot products of the features, in which the order of the columns does not matter."""
    return names["lift"](inputs["x"]) @ names["lift"](inputs["z"]).T


def probe_lifted_svm(names: dict[str, Any], inputs: Inputs) -> Any:
    """Train a machine for each price and predict the places; return their classes and the dtype."""
    cheap, dear = (
        names["train_lifted_svm"](inputs["x"], inputs["labels"], price)(inputs["places"])
        for price in inputs["prices"]
    )
    return cheap, dear, str(getattr(cheap, "dtype", None))


def probe_images(names: dict[str, Any], inputs: Inputs) -> Any:
    """Turn all images into rows, then one image alone."""
    images = inputs["images"]
    return names["as_inputs"](images), names["as_inputs"](images[:1])


def probe_int64(names: dict[str, Any], inputs: Inputs) -> Any:
    """Call the exercise's only name; return the whole numbers and their dtype, whose width counts here."""
    (answer,) = names.values()
    found = answer(*inputs.values())
    return found, str(getattr(found, "dtype", None))


EXERCISES = (
    Exercise(
        id="2.1",
        names=("q_first", "q_second"),
        mistakes=(
            Mistake(
                "`backward` does not replace `.grad`, it *adds* to it: the second time there are two gradients "
                "in it.",
                values={"q_first": 4, "q_second": 4},
            ),
            Mistake("The derivative of w² is 2w, not 2.", values={"q_first": 2}),
            Mistake(
                "Those are the values of w², or of its sum; `.grad` holds the derivative, 2w, and it adds up.",
                values={"q_first": 4, "q_second": 16},
            ),
            Mistake(
                "Adding up is right, and the second gradient is as large as the first: w has not moved.",
                values={"q_first": 4, "q_second": 12},
            ),
            Mistake(
                "Nothing cancels and nothing is emptied: the second gradient is added to the first.",
                values={"q_first": 4, "q_second": 0},
            ),
            Mistake(
                "`.grad` changes in place: whoever keeps `w.grad` itself sees 8 in it after the second `backward`, "
                "the first time too. Keep the number, `w.grad.item()`.",
                values={"q_first": 8, "q_second": 8},
            ),
        ),
        variants=(Variant("as floats", values={"q_first": 4.0, "q_second": torch.tensor(8.0)}),),
        hints=(
            "The derivative of w² at w = 2. Does the second `backward` replace it or add to it?",
            "It adds: that is useful when a parameter enters a loss twice, and the reason for `zero_grad`.",
        ),
    ),
    Exercise(
        id="2.2",
        names=("gradients_by_autograd",),
        inputs=draw_two_batches,
        probe=probe_gradients,
        parts=("first call", "second call"),
        mistakes=(
            Mistake(
                "The second call adds to the gradients of the first, because both use the caller's own tensors: "
                "make fresh copies at each call (`detach().clone()`).",
                {"value.detach().clone().requires_grad_()": "value.requires_grad_()"},
            ),
            Mistake(
                "The gradients are None: `.grad` is kept by the tensor that you *asked* to keep track, not by a "
                "copy of it, and only once `backward` has been called. Copy first, then `requires_grad_()`.",
                {"value.detach().clone().requires_grad_()": "value.requires_grad_().clone()"},
            ),
            Mistake(
                "Nobody keeps track: without `requires_grad_()` on the parameters, `backward` has nothing to do.",
                {".clone().requires_grad_()": ".clone()"},
            ),
            Mistake(
                "Those are the parameters themselves; the gradient of each is in its `.grad`.",
                {"leaf.grad for": "leaf.detach() for"},
            ),
            Mistake(
                "The second result of `loss_accuracy` is the accuracy: a plain number that only jumps, and that "
                "cannot be differentiated. Take the first.",
                {"loss, _ = loss_accuracy": "_, loss = loss_accuracy"},
            ),
            Mistake(
                "The copies are float32, which keeps seven digits of the parameters' sixteen: let them keep the "
                "caller's dtype.",
                {"value.detach().clone()": "value.detach().float()", "(leaves, x)": "(leaves, x.float())"},
            ),
        ),
        variants=(
            Variant(
                "torch.autograd.grad",
                code="def gradients_by_autograd(params, x, labels):\n"
                "    leaves = {k: torch.tensor(v.tolist(), dtype=v.dtype, requires_grad=True) for k, v in params.items()}\n"
                "    loss = loss_accuracy(forward(leaves, x)[1], labels)[0]\n"
                "    return dict(zip(leaves, torch.autograd.grad(loss, list(leaves.values()))))",
            ),
            Variant(
                "the network's formulas and cross_entropy",
                code="def gradients_by_autograd(params, x, labels):\n"
                "    p = {k: v.clone() for k, v in params.items()}\n"
                "    for v in p.values():\n        v.requires_grad = True\n"
                "    logits = torch.tanh(x @ p['Wh'].T + p['bh']) @ p['Wy'].T + p['by']\n"
                "    nn.functional.cross_entropy(logits, labels).backward()\n"
                "    return {k: v.grad for k, v in p.items()}",
            ),
        ),
        hints=(
            "Copy every tensor, ask the copies to keep track, run `forward` and `loss_accuracy` on them, call "
            "`loss.backward()`, and collect each copy's `.grad`.",
            "`value.detach().clone().requires_grad_()` makes a copy that keeps track; "
            "`loss, _ = loss_accuracy(saved, labels)`.",
        ),
    ),
    Exercise(
        id="2.3",
        names=("autograd_step",),
        inputs=draw_steps,
        probe=probe_autograd_step,
        parts=("losses", "params"),
        mistakes=(
            Mistake(
                "The gradients add up from step to step: the second step also uses the first one's. Empty them "
                "(`parameter.grad = None` or `.zero_()`) at every step.",
                {"    for parameter in params.values():\n        parameter.grad = None\n": ""},
            ),
            Mistake(
                "The update itself must not be tracked: put it under `with torch.no_grad():`.",
                {"with torch.no_grad():": "if True:"},
            ),
            Mistake(
                "`parameter = parameter - ...` makes a new tensor and leaves the caller's as it was: change it "
                "in place with `-=`.",
                {
                    "parameter -= learning_rate * parameter.grad": "parameter = parameter - learning_rate * parameter.grad"
                },
            ),
            Mistake(
                "A new tensor in the dictionary is not the one that keeps track (and the caller's own did not "
                "move): change the tensor in place with `-=`.",
                {
                    "for parameter in params.values():": "for name, parameter in params.items():",
                    "parameter -= learning_rate * parameter.grad": "params[name] = parameter - learning_rate * parameter.grad",
                },
            ),
            Mistake(
                "You climb: the step is *minus* learning rate times gradient.", {"-= learning": "+= learning"}
            ),
            Mistake("The learning rate is missing.", {"learning_rate * ": ""}),
        ),
        variants=(
            Variant(
                "emptied before, through .data",
                code="def autograd_step(params, x, labels, learning_rate):\n"
                "    for p in params.values():\n"
                "        if p.grad is not None:\n            p.grad.zero_()\n"
                "    loss = loss_accuracy(forward(params, x)[1], labels)[0]\n"
                "    loss.backward()\n"
                "    for p in params.values():\n        p.data -= learning_rate * p.grad\n"
                "    return float(loss)",
            ),
            Variant(
                "torch.autograd.grad and sub_, returning a tensor",
                code="def autograd_step(params, x, labels, learning_rate):\n"
                "    loss = loss_accuracy(forward(params, x)[1], labels)[0]\n"
                "    gradients = torch.autograd.grad(loss, list(params.values()))\n"
                "    with torch.no_grad():\n"
                "        for p, g in zip(params.values(), gradients):\n"
                "            p.sub_(g, alpha=learning_rate)\n"
                "    return loss.detach()",
            ),
        ),
        hints=(
            "Empty every gradient; forward, loss, `loss.backward()`; then, under `torch.no_grad()`, move each "
            "parameter; return `loss.item()`.",
            "For each of `params.values()`: `parameter.grad = None` before, and `parameter -= learning_rate * "
            "parameter.grad` after `backward`.",
        ),
    ),
    choice(
        "2.4",
        "q_drift",
        {
            "a": "Autograd applies the chain rule exactly, as you did by hand; it approximates nothing.",
            "b": "It computes the gradient only; the step is the same line of code as before.",
            "c": "Rounding is there, but you have measured how large it is: far too small to be seen in a figure.",
        },
        {
            2: "Autograd does not use differences: it multiplies the derivatives of each operation.",
            3: "They grow a little, but in your figure they are still about a millionth after 150 epochs.",
        },
        right="d",
        hints=(
            "Look at the three lines of the last figure: which of them could be seen without the logarithm?",
            "Same start: a millionth. Another start: more than a tenth.",
        ),
    ),
    Exercise(
        id="2.5",
        names=("build_network",),
        inputs=lambda g: {
            "nx": 3,
            "nh": 5,
            "ny": 4,
            "x": torch.randn(6, 3, generator=g),
            "numbers": torch.randn(200, generator=g),
        },
        probe=probe_build_network,
        mistakes=(
            Mistake(
                "The tanh is missing, and two linear layers in a row are one (notebook 01, exercise 1.4).",
                {"nn.Tanh(), ": ""},
            ),
            Mistake(
                "No softmax at the end: the loss function wants logits and does the softmax itself.",
                {"nn.Linear(nh, ny))": "nn.Linear(nh, ny), nn.Softmax(dim=1))"},
            ),
            Mistake(
                "No log-softmax at the end either: the outputs are logits.",
                {"nn.Linear(nh, ny))": "nn.Linear(nh, ny), nn.LogSoftmax(dim=1))"},
            ),
            Mistake(
                "`nn.Linear` takes the number of inputs first, then that of outputs.",
                {"nn.Linear(nx, nh)": "nn.Linear(nh, nx)", "nn.Linear(nh, ny)": "nn.Linear(ny, nh)"},
            ),
            Mistake("The hidden units are tanh here, as in notebook 01.", {"nn.Tanh()": "nn.ReLU()"}),
            Mistake(
                "The layers have biases, too.",
                {"nn.Linear(nx, nh)": "nn.Linear(nx, nh, bias=False)"},
            ),
            Mistake(
                "A tanh after the last layer squeezes the logits into (-1, 1): no probability could come near 1.",
                {"nn.Linear(nh, ny))": "nn.Linear(nh, ny), nn.Tanh())"},
            ),
        ),
        variants=(
            Variant(
                "adding one layer after the other",
                code="def build_network(nx, nh, ny):\n"
                "    network = nn.Sequential()\n"
                "    network.append(nn.Linear(nx, nh))\n    network.append(nn.Tanh())\n"
                "    network.append(nn.Linear(nh, ny))\n    return network",
            ),
            Variant(
                "with names",
                code="def build_network(nx, nh, ny):\n"
                "    from collections import OrderedDict\n"
                "    return nn.Sequential(OrderedDict(hidden=nn.Linear(nx, nh), bend=nn.Tanh(), out=nn.Linear(nh, ny)))",
            ),
        ),
        hints=(
            "`nn.Sequential(first, second, third)` runs one module after the other.",
            "A linear layer from nx to nh, `nn.Tanh()`, a linear layer from nh to ny, and nothing after it.",
        ),
    ),
    Exercise(
        id="2.6",
        names=("copy_params",),
        inputs=draw_exact_params,
        probe=probe_copy_params,
        rtol=1e-10,
        atol=1e-12,
        mistakes=(
            Mistake(
                "The network's weights are now your `params` themselves, so training the network changes them: "
                "copy the numbers (`copy_`, or `clone()` first).",
                {
                    "network[0].weight.copy_(params": "network[0].weight = nn.Parameter(params",
                    "network[0].bias.copy_(params": "network[0].bias = nn.Parameter(params",
                    "network[2].weight.copy_(params": "network[2].weight = nn.Parameter(params",
                    "network[2].bias.copy_(params": "network[2].bias = nn.Parameter(params",
                },
            ),
            Mistake(
                "A layer's weight must stay an `nn.Parameter`, so a plain tensor cannot take its place: write "
                "the numbers into it with `copy_`.",
                {"network[0].weight.copy_(params": "network[0].weight = (params"},
            ),
            Mistake(
                "Writing into a parameter is not to be tracked: put it under `with torch.no_grad():`.",
                {"with torch.no_grad():": "if True:"},
            ),
            Mistake(
                "The biases are still the ones that `nn.Linear` drew.",
                {
                    'network[0].bias.copy_(params["bh"])': "pass",
                    'network[2].bias.copy_(params["by"])': "pass",
                },
            ),
            Mistake(
                "network[1] is the tanh, which has no weight; the second linear layer is network[2].",
                {"network[2]": "network[1]"},
            ),
            Mistake(
                "`nn.Linear` keeps one row per output, as you do: nothing is to be transposed.",
                {'params["Wh"]': 'params["Wh"].T'},
            ),
            Mistake(
                "Digits are lost on the way: numbers that pass through float32 (such as a new tensor made from a "
                "list) keep seven of their sixteen. Copy the tensors themselves.",
                {'params["Wh"]': 'params["Wh"].float()'},
            ),
        ),
        variants=(
            Variant(
                "load_state_dict",
                code="def copy_params(network, params):\n"
                "    network.load_state_dict({'0.weight': params['Wh'], '0.bias': params['bh'], "
                "'2.weight': params['Wy'], '2.bias': params['by']})",
            ),
            Variant(
                "new parameters from clones",
                code="def copy_params(network, params):\n"
                "    for layer, w, b in ((network[0], 'Wh', 'bh'), (network[2], 'Wy', 'by')):\n"
                "        layer.weight = nn.Parameter(params[w].clone())\n"
                "        layer.bias = nn.Parameter(params[b].clone())",
            ),
            Variant(
                "through .data",
                code="def copy_params(network, params):\n"
                "    for p, v in zip(network.parameters(), (params[k] for k in ('Wh', 'bh', 'Wy', 'by'))):\n"
                "        p.data[...] = v",
            ),
        ),
        hints=(
            "`network[0].weight` and `network[0].bias` are the first layer's parameters, `network[2]`'s the second's.",
            "Under `torch.no_grad()`: `network[0].weight.copy_(params['Wh'])`, and so on for the other three.",
        ),
    ),
    Exercise(
        id="2.7",
        names=("q_floor_2", "q_floor_10"),
        rtol=2e-3,
        mistakes=(
            Mistake(
                "That is the floor for true logits, which can grow without limit; probabilities end at 1.",
                values={"q_floor_2": 0, "q_floor_10": 0},
            ),
            Mistake(
                "That is the loss of a network that knows nothing. Here the true class has 1 and the others 0.",
                values={"q_floor_2": 0.693, "q_floor_10": 2.303},
            ),
            Mistake(
                "That is the probability e/(e+1) that the true class gets in the end; the loss is minus its logarithm.",
                values={"q_floor_2": 0.731},
            ),
            Mistake(
                "There are *nine* other classes, each of which adds e⁰ = 1 to the sum.",
                values={"q_floor_2": 0.313, "q_floor_10": 0.313},
            ),
            Mistake(
                "Nine other classes, not ten: the true one is in the sum already, as e¹.",
                values={"q_floor_2": 0.313, "q_floor_10": math.log(1 + 10 / math.e)},
            ),
        ),
        variants=(
            Variant(
                "computed",
                values={
                    "q_floor_2": math.log(1 + math.exp(-1)),
                    "q_floor_10": torch.tensor(math.log(1 + 9 * math.exp(-1))),
                },
            ),
        ),
        hints=(
            "Treat (1, 0) as logits: what does the softmax make of them? The loss is minus the logarithm of the first.",
            "-log(e / (e + 1)) for two classes; for ten there are nine others: -log(e / (e + 9)).",
        ),
    ),
    Exercise(
        id="2.8",
        names=("network_step",),
        inputs=draw_deep_steps,
        probe=probe_network_step,
        parts=("losses", "parameters", "training mode during the step"),
        mistakes=(
            Mistake(
                "That is one softmax too many: `nn.CrossEntropyLoss` takes logits (exercise 2.7).",
                {"(network(x), labels)": "(torch.softmax(network(x), dim=1), labels)"},
            ),
            Mistake(
                "The gradients of the last step are still there: `network.zero_grad()` at every step.",
                {"    network.zero_grad()\n": ""},
            ),
            Mistake(
                "`nn.NLLLoss` takes log-probabilities; for logits it is `nn.CrossEntropyLoss`.",
                {"nn.CrossEntropyLoss()": "nn.NLLLoss()"},
            ),
            Mistake(
                "The update itself must not be tracked: put it under `with torch.no_grad():`.",
                {"with torch.no_grad():": "if True:"},
            ),
            Mistake(
                "`parameter = parameter - ...` leaves the network as it was: change the parameter in place with `-=`.",
                {
                    "parameter -= learning_rate * parameter.grad": "parameter = parameter - learning_rate * parameter.grad"
                },
            ),
            Mistake(
                "That is the sum over the batch; the mean is meant (it is what `nn.CrossEntropyLoss()` gives).",
                {"nn.CrossEntropyLoss()": 'nn.CrossEntropyLoss(reduction="sum")'},
            ),
            Mistake(
                "The loss function takes the logits first, then the labels.",
                {"(network(x), labels)": "(labels, network(x))"},
            ),
            Mistake(
                "Some layers did not move: a network may have more than two. `network.parameters()` are all of them.",
                {"in network.parameters()": "in (*network[0].parameters(), *network[2].parameters())"},
            ),
            Mistake(
                "The step is to be as long as its argument `learning_rate` says, not always 0.3.",
                {"-= learning_rate *": "-= 0.3 *"},
            ),
            Mistake(
                "You switch to evaluation mode, in which dropout does nothing: a step of training leaves the mode "
                "alone.",
                {"    network.zero_grad()\n": "    network.eval()\n    network.zero_grad()\n"},
            ),
        ),
        variants=(
            Variant(
                "functional, emptied afterwards",
                code="def network_step(network, x, labels, learning_rate):\n"
                "    loss = nn.functional.cross_entropy(network(x), labels)\n    loss.backward()\n"
                "    for p in network.parameters():\n"
                "        p.data.add_(p.grad, alpha=-learning_rate)\n        p.grad = None\n"
                "    return loss",
            ),
            Variant(
                "log-softmax and NLLLoss",
                code="def network_step(network, x, labels, learning_rate):\n"
                "    loss = nn.NLLLoss()(torch.log_softmax(network(x), dim=1), labels)\n"
                "    gradients = torch.autograd.grad(loss, list(network.parameters()))\n"
                "    with torch.no_grad():\n"
                "        for p, g in zip(network.parameters(), gradients):\n            p -= learning_rate * g\n"
                "    return float(loss)",
            ),
        ),
        hints=(
            "Exercise 2.3 with `network(x)` for the logits, `nn.CrossEntropyLoss()` for the loss and "
            "`network.parameters()` for the values of the dictionary.",
            "`network.zero_grad()`; `loss = nn.CrossEntropyLoss()(network(x), labels)`; `loss.backward()`; then the "
            "loop over the parameters under `torch.no_grad()`.",
        ),
    ),
    Exercise(
        id="2.9",
        names=("optimiser_step",),
        inputs=draw_steps,
        probe=probe_optimiser_step,
        parts=("losses", "parameters", "training mode during the step"),
        mistakes=(
            Mistake(
                "The gradients of the last step are still there: `optimiser.zero_grad()` at every step.",
                {"    optimiser.zero_grad()\n": ""},
            ),
            Mistake(
                "The parameters never move. `step` uses what `backward` has just written: `zero_grad`, `backward`, "
                "`step`, in this order.",
                {
                    "    loss.backward()\n    optimiser.step()\n": "    optimiser.step()\n    loss.backward()\n",
                },
            ),
            Mistake(
                "That is one softmax too many: `nn.CrossEntropyLoss` takes logits (exercise 2.7).",
                {"(network(x), labels)": "(network(x).softmax(dim=1), labels)"},
            ),
            Mistake(
                "`nn.NLLLoss` takes log-probabilities; for logits it is `nn.CrossEntropyLoss`.",
                {"nn.CrossEntropyLoss()": "nn.NLLLoss()"},
            ),
            Mistake(
                "Under `torch.no_grad()` nothing is tracked, so there is nothing to go back through. The optimiser "
                "takes care of its own step.",
                {
                    "    loss = nn.CrossEntropyLoss()(network(x), labels)\n": "    with torch.no_grad():\n        loss = nn.CrossEntropyLoss()(network(x), labels)\n"
                },
            ),
            Mistake(
                "That is the loss after the step; the one before it costs nothing extra.",
                {"return loss.item()": "return nn.CrossEntropyLoss()(network(x), labels).item()"},
            ),
            Mistake(
                "Use the optimiser that you are given: a new one at every step forgets what it kept (momentum), and "
                "has settings of its own.",
                {
                    "    optimiser.zero_grad()\n": "    optimiser = torch.optim.SGD(network.parameters(), lr=0.3)\n    optimiser.zero_grad()\n"
                },
            ),
            Mistake(
                "You switch to evaluation mode, in which dropout does nothing: a step of training leaves the mode "
                "alone.",
                {"    optimiser.zero_grad()\n": "    network.eval()\n    optimiser.zero_grad()\n"},
            ),
        ),
        variants=(
            Variant(
                "emptied at the end",
                code="def optimiser_step(network, optimiser, x, labels):\n"
                "    loss = nn.functional.cross_entropy(network(x), labels)\n"
                "    loss.backward()\n    optimiser.step()\n    optimiser.zero_grad()\n    return loss.detach()",
            ),
            Variant(
                "network.zero_grad",
                code="def optimiser_step(network, optimiser, x, labels):\n"
                "    logits = network(x)\n    loss = nn.CrossEntropyLoss()(logits, labels)\n"
                "    network.zero_grad()\n    loss.backward()\n    optimiser.step()\n    return float(loss)",
            ),
        ),
        hints=(
            "Forward and loss as in exercise 2.8; the loop over parameters becomes one call.",
            "`optimiser.zero_grad()`, loss, `loss.backward()`, `optimiser.step()`, `return loss.item()`.",
        ),
    ),
    Exercise(
        id="2.10",
        names=("evaluate",),
        inputs=draw_measured,
        probe=probe_evaluate,
        parts=(
            *("loss", "accuracy", "gradients recorded", "examples in the largest batch"),
            *("examples taken in order", "modes afterwards"),
        ),
        mistakes=(
            Mistake(
                "The network was still in training mode, so dropout struck out hidden units while you measured: "
                "`network.eval()` first.",
                {"    network.eval()\n": ""},
            ),
            Mistake(
                "The loss is the mean of the batches' means, so the examples of the small last batch count more: "
                "weight each batch by its number of examples.",
                {
                    ".item() * len(labels_batch)": ".item()",
                    "loss_sum / len(x)": "loss_sum / len(x.split(batch_size))",
                },
            ),
            Mistake(
                "The values are right, but every batch was recorded for a backward pass that never comes: measure "
                "under `with torch.no_grad():`.",
                {"with torch.no_grad():": "if True:"},
            ),
            Mistake(
                "The network is left in evaluation mode: put back the mode in which you found it.",
                {"    network.train(was_training)\n": ""},
            ),
            Mistake(
                "A network that was in evaluation mode is in training mode afterwards: put back the mode in which "
                "you found it.",
                {"network.train(was_training)": "network.train()"},
            ),
            Mistake(
                "All examples go through the network at once; no batch may be larger than `batch_size`, or data "
                "that do not fit into memory cannot be measured.",
                {"split(batch_size)": "split(len(x))"},
            ),
            Mistake(
                "The accuracy is a number of examples; it should be a share.", {"right / len(x)": "right"}
            ),
            Mistake(
                "That is the last batch only: add up over all batches.",
                {
                    "loss_sum += nn": "loss_sum = nn",
                    "right += (": "right = (",
                },
            ),
        ),
        variants=(
            Variant(
                "summing losses, in inference mode",
                code="@torch.inference_mode()\n"
                "def evaluate(network, x, labels, batch_size=1000):\n"
                "    mode = network.training\n    network.eval()\n    total, right = 0.0, 0\n"
                "    for i in range(0, len(x), batch_size):\n"
                "        out, y = network(x[i : i + batch_size]), labels[i : i + batch_size]\n"
                "        total += nn.functional.cross_entropy(out, y, reduction='sum').item()\n"
                "        right += int((out.argmax(1) == y).sum())\n"
                "    if mode:\n        network.train()\n"
                "    return total / len(labels), right / len(labels)",
            ),
            Variant(
                "all outputs first, returning tensors",
                code="def evaluate(network, x, labels, batch_size=1000):\n"
                "    before = network.training\n    network.eval()\n"
                "    with torch.no_grad():\n"
                "        logits = torch.cat([network(part) for part in x.split(batch_size)])\n"
                "        loss = nn.CrossEntropyLoss()(logits, labels)\n"
                "    network.train(before)\n"
                "    return loss, (logits.argmax(dim=1) == labels).float().mean()",
            ),
        ),
        hints=(
            "Remember `network.training`, switch to `eval()`, loop over batches under `no_grad`, add up loss times "
            "batch size and right answers, switch back, divide by len(x).",
            "`zip(x.split(batch_size), labels.split(batch_size))` gives the batches; `network.train(was_training)` "
            "puts the mode back.",
        ),
    ),
    Exercise(
        id="2.11",
        names=("fit",),
        inputs=draw_fit,
        probe=probe_fit,
        rtol=1e-5,
        mistakes=(
            Mistake(
                "The order is drawn once and used in every epoch: draw a new one at the start of each.",
                {
                    "    for epoch in range(epochs + 1):": "    order = torch.randperm(len(x), generator=generator)\n    for epoch in range(epochs + 1):",
                    "torch.randperm(len(x), generator=generator).split": "order.split",
                },
            ),
            Mistake(
                "The examples are never shuffled.",
                {"torch.randperm(len(x), generator=generator)": "torch.arange(len(x))"},
            ),
            Mistake(
                "The inputs are shuffled and the labels are not: take the same rows of both.",
                {"labels[rows])": "labels[: len(rows)])"},
            ),
            Mistake(
                "The network trained in evaluation mode, without its dropout: `network.train()` before the steps.",
                {"            network.train()\n": ""},
            ),
            Mistake(
                "Record epoch 0, before any step, as well: it shows where training began.",
                {
                    "range(epochs + 1)": "range(1, epochs + 1)",
                    "if epoch > 0:": "if True:",
                },
            ),
            Mistake(
                "The test losses are those of the training data: measure `test` in the second place.",
                {"*evaluate(network, *test)": "*evaluate(network, x, labels)"},
            ),
            Mistake(
                "The last, smaller batch of each epoch is dropped: some examples sit out.",
                {".split(batch_size):": "[: len(x) // batch_size * batch_size].split(batch_size):"},
            ),
            Mistake(
                "The steps use the test data. They are there to be measured, never to be learned from.",
                {
                    "    for epoch in range(epochs + 1):": "    x, labels = test\n    for epoch in range(epochs + 1):"
                },
            ),
        ),
        variants=(
            Variant(
                "epoch 0 before the loop",
                code="def fit(network, optimiser, train, test, epochs, batch_size, generator):\n"
                "    h = History()\n"
                "    h.record(0, *evaluate(network, *train), *evaluate(network, *test))\n"
                "    for e in range(1, epochs + 1):\n"
                "        order = torch.randperm(len(train[0]), generator=generator)\n"
                "        for i in range(0, len(order), batch_size):\n"
                "            network.train()\n"
                "            b = order[i : i + batch_size]\n"
                "            optimiser_step(network, optimiser, train[0][b], train[1][b])\n"
                "        h.record(e, *evaluate(network, *train), *evaluate(network, *test))\n"
                "    return h",
            ),
        ),
        hints=(
            "For epoch 0, 1, ..., epochs: unless it is 0, train on shuffled batches; then record.",
            "`for rows in torch.randperm(len(x), generator=generator).split(batch_size):` one "
            "`optimiser_step(network, optimiser, x[rows], labels[rows])`; `history.record(epoch, "
            "*evaluate(network, x, labels), *evaluate(network, *test))`.",
        ),
    ),
    Exercise(
        id="2.12",
        names=("as_inputs",),
        inputs=draw_images,
        probe=probe_images,
        parts=("rows of five images", "rows of one image"),
        mistakes=(
            Mistake(
                "The values still go up to 255: with weights of any size, every tanh would be saturated. Divide.",
                {" / 255": ""},
            ),
            Mistake(
                "Not by the largest value of this batch: the same pixel would mean another number in the next one. "
                "White is 255.",
                {" / 255": " / images.max()"},
            ),
            Mistake("White is 255, not 256: it should become exactly 1.", {" / 255": " / 256"}),
            Mistake(
                "Everything is in one long row: keep the first dimension (`start_dim=1`), one row per image.",
                {"flatten(start_dim=1)": "flatten()"},
            ),
            Mistake(
                "Whole-number division makes everything but white black: `/`, not `//`.",
                {".float() / 255": " // 255"},
            ),
            Mistake(
                "The pixels of different images are mixed: a reshape to (pixels, N) and a transpose do not give "
                "rows. Flatten each image.",
                {"images.flatten(start_dim=1)": "images.reshape(-1, len(images)).T"},
            ),
            Mistake(
                "`squeeze()` removes every dimension of size 1, also the first one if there is a single image; "
                "`flatten(start_dim=1)` needs no help.",
                {"images.flatten": "images.squeeze().flatten"},
            ),
        ),
        variants=(
            Variant(
                "reshape, then divide as uint8",
                code="def as_inputs(images):\n    return images.reshape(len(images), -1) / 255",
            ),
            Variant(
                "view",
                code="def as_inputs(images):\n    return images.to(torch.float32).view(images.shape[0], -1).div(255.0)",
            ),
        ),
        hints=(
            "Two things: one row per image, and numbers from 0 to 1 instead of 0 to 255.",
            "`images.flatten(start_dim=1)` keeps the first dimension; `.float() / 255` scales.",
        ),
    ),
    Exercise(
        id="2.13",
        names=("q_spread", "q_spread_small"),
        rtol=1e-2,
        mistakes=(
            Mistake(
                "Variances add, not standard deviations: 100 variances of 0.3² make one of 100 · 0.09.",
                values={"q_spread": 30.0},
            ),
            Mistake("That is the variance; the standard deviation is its root.", values={"q_spread": 9.0}),
            Mistake(
                "That is the spread of a mean, which shrinks with the number; this is a sum, which grows.",
                values={"q_spread": 0.03},
            ),
            Mistake(
                "Only the 100 pixels with ink contribute; the zeros add nothing.",
                values={"q_spread": 8.4},
            ),
            Mistake(
                "The same rule for 0.05: the root of 100, times 0.05.",
                values={"q_spread": 3.0, "q_spread_small": 5.0},
            ),
        ),
        variants=(
            Variant(
                "computed", values={"q_spread": math.sqrt(100) * 0.3, "q_spread_small": torch.tensor(0.5)}
            ),
        ),
        hints=(
            "A sum of 100 independent numbers, each with variance 0.3²: what is its variance?",
            "100 · 0.09 = 9, whose root is the answer; for 0.05 it is 100 · 0.0025.",
        ),
    ),
    Exercise(
        id="2.14",
        names=("confusion",),
        inputs=draw_predictions,
        probe=probe_int64,
        parts=("counts", "dtype"),
        mistakes=(
            Mistake(
                "Rows and columns are swapped: the true class is the row.",
                {"matrix[label, prediction]": "matrix[prediction, label]"},
            ),
            Mistake(
                "`matrix[labels, predictions] += 1` adds 1 once to each place, however often the pair occurs: count "
                "in a loop, or with `bincount`.",
                {
                    "    for label, prediction in zip(labels, predictions):\n        matrix[label, prediction] += 1\n": "    matrix[labels, predictions] += 1\n"
                },
            ),
            Mistake(
                "The size is the number of `classes`, also when the last one does not occur.",
                {
                    "torch.zeros(classes, classes,": "torch.zeros(int(labels.max()) + 1, int(labels.max()) + 1,"
                },
            ),
            Mistake(
                "Those are shares; asked are counts.",
                {"return matrix": "return matrix / matrix.sum()"},
            ),
            Mistake(
                "Only the right answers are counted: each pair of true and predicted class belongs somewhere.",
                {"matrix[label, prediction] += 1": "matrix[label, label] += label == prediction"},
            ),
            Mistake(
                "The counts are right, but asked is the dtype int64 (`torch.int64`).",
                {"dtype=torch.int64": "dtype=torch.int32"},
            ),
            Mistake(
                "Eight bits count to 255 and begin again at 0: make the zeros int64.",
                {"dtype=torch.int64": "dtype=torch.uint8", "return matrix": "return matrix.long()"},
            ),
        ),
        variants=(
            Variant(
                "bincount",
                code="def confusion(labels, predictions, classes):\n"
                "    return torch.bincount(labels * classes + predictions, minlength=classes**2).view(classes, classes)",
            ),
            Variant(
                "one-hot products",
                code="def confusion(labels, predictions, classes):\n"
                "    a = nn.functional.one_hot(labels, classes)\n"
                "    return a.T @ nn.functional.one_hot(predictions, classes)",
            ),
        ),
        hints=(
            "Start with zeros (classes, classes) of dtype int64; for each example add 1 at (true, predicted).",
            "`for label, prediction in zip(labels, predictions): matrix[label, prediction] += 1`.",
        ),
    ),
    Exercise(
        id="2.15",
        names=("class_accuracy",),
        inputs=draw_matrix,
        mistakes=(
            Mistake(
                "That is the precision: of all that were *called* so. Divide by the sums of the rows (dim=1).",
                {"dim=1": "dim=0"},
            ),
            Mistake(
                "Each class counts for itself: divide by the number of images of that class, not of all.",
                {"matrix.sum(dim=1)": "matrix.sum()"},
            ),
            Mistake(
                "That is the accuracy of all classes together; asked is one number for each.",
                {"matrix.diagonal() / matrix.sum(dim=1)": "matrix.diagonal().sum() / matrix.sum()"},
            ),
            Mistake("Whole-number division gives zeros: `/`, not `//`.", {" / ": " // "}),
            Mistake(
                "That is the whole row divided by its sum; the share that is right stands on the diagonal.",
                {"matrix.diagonal() / matrix.sum(dim=1)": "matrix / matrix.sum(dim=1, keepdim=True)"},
            ),
            Mistake(
                "The largest number of a row is not always the right answer: a class may be taken for another most "
                "of the time. What is right stands on the diagonal.",
                {"matrix.diagonal()": "matrix.max(dim=1).values"},
            ),
        ),
        variants=(
            Variant(
                "entry by entry",
                code="def class_accuracy(matrix):\n"
                "    return torch.stack([row[i] / row.sum() for i, row in enumerate(matrix)])",
            ),
        ),
        hints=(
            "The right answers stand on the diagonal; how many images has each class?",
            "`matrix.diagonal()` divided by the sum of each row, `matrix.sum(dim=1)`.",
        ),
    ),
    Exercise(
        id="2.16",
        names=("most_confident_errors",),
        inputs=draw_errors,
        probe=probe_int64,
        parts=("row numbers", "dtype"),
        mistakes=(
            Mistake(
                "Those are places in the list of wrong predictions, not row numbers of the data: look them up in it.",
                {"wrong[order[:k]]": "order[:k]"},
            ),
            Mistake(
                "There are right predictions among them: keep only the rows whose prediction is not the label.",
                {"(predictions != labels)": "(predictions >= 0)"},
            ),
            Mistake(
                "Those are the errors with the *smallest* confidence: sort in descending order.",
                {"argsort(descending=True)": "argsort()"},
            ),
            Mistake(
                "A large logit is not a large probability: what counts is its lead over the others, which the "
                "softmax measures.",
                {"torch.softmax(logits, dim=1).max": "logits.max"},
            ),
        ),
        variants=(
            Variant(
                "masking",
                code="def most_confident_errors(logits, labels, k):\n"
                "    p = logits.softmax(1)\n    c = p.amax(1)\n"
                "    c = torch.where(p.argmax(1) == labels, torch.tensor(-1.0), c)\n"
                "    return torch.topk(c, k).indices",
            ),
            Variant(
                "sorting a list",
                code="def most_confident_errors(logits, labels, k):\n"
                "    p = torch.softmax(logits, dim=1)\n"
                "    rows = [i for i in range(len(labels)) if p[i].argmax() != labels[i]]\n"
                "    rows.sort(key=lambda i: -p[i].max().item())\n    return torch.tensor(rows[:k])",
            ),
        ),
        hints=(
            "Softmax, then the largest probability of each row and its class. Keep the wrong rows, sort them by "
            "confidence, take k.",
            "`wrong = (predictions != labels).nonzero()[:, 0]` are row numbers; sorting `confidence[wrong]` gives "
            "places in `wrong`, so the answer is `wrong[order[:k]]`.",
        ),
    ),
    Exercise(
        id="2.17",
        names=("q_both", "q_smallest", "q_needed"),
        rtol=5e-3,
        mistakes=(
            Mistake(
                "That is the probability for one digit; for both it is 0.7 · 0.7.", values={"q_both": 0.7}
            ),
            Mistake("Probabilities of independent events multiply; they do not add.", values={"q_both": 1.4}),
            Mistake(
                "You squared 5 %, but p² should *be* 5 %: take the root.",
                values={"q_both": 0.49, "q_smallest": 0.0025},
            ),
            Mistake(
                "95 % is what the bound holds with, not the bound itself: solve p² = 0.05.",
                values={"q_both": 0.49, "q_smallest": 0.95},
            ),
            Mistake(
                "With 98 digits the probability 0.97⁹⁸ is still 5.05 %: round up.",
                values={"q_both": 0.49, "q_smallest": 0.2236, "q_needed": 98},
            ),
            Mistake(
                "0.97³³ is still 37 %: solve 0.97ⁿ = 0.05 for n.",
                values={"q_both": 0.49, "q_smallest": 0.2236, "q_needed": 33},
            ),
        ),
        variants=(
            Variant(
                "computed",
                values={"q_both": 0.7**2, "q_smallest": math.sqrt(0.05), "q_needed": torch.tensor(99)},
            ),
        ),
        hints=(
            "Both right: p · p. For the second part, p² = 0.05.",
            "For n digits in a row: pⁿ = 0.05, so n = log 0.05 / log 0.97, rounded up.",
        ),
    ),
    Exercise(
        id="2.18",
        names=("polynomial_kernel",),
        inputs=draw_kernel,
        rtol=1e-6,
        mistakes=(
            Mistake(
                "coef0 belongs inside the brackets: it is added before the power is taken.",
                {"(gamma * a @ b.T + coef0) ** degree": "(gamma * a @ b.T) ** degree + coef0"},
            ),
            Mistake("gamma is missing: it scales the dot product.", {"gamma * ": ""}),
            Mistake("coef0 is missing: it is added to the scaled dot product.", {" + coef0": ""}),
            Mistake(
                "gamma belongs inside the brackets: it is raised to the power too.",
                {"(gamma * a @ b.T + coef0) ** degree": "gamma * (a @ b.T + coef0) ** degree"},
            ),
            Mistake(
                "gamma multiplies the dot product only, not coef0.",
                {"(gamma * a @ b.T + coef0)": "(gamma * (a @ b.T + coef0))"},
            ),
            Mistake(
                "It is transposed: row i belongs to the i-th point of a.",
                {"a @ b.T": "b @ a.T"},
            ),
            Mistake(
                "That multiplies by the degree; a power is `**`.",
                {"** degree": "* degree"},
            ),
        ),
        variants=(
            Variant(
                "einsum",
                code="def polynomial_kernel(a, b, degree, gamma, coef0):\n"
                "    return torch.pow(coef0 + gamma * torch.einsum('nf,mf->nm', a, b), degree)",
            ),
            Variant(
                "broadcast",
                code="def polynomial_kernel(a, b, degree, gamma, coef0):\n"
                "    dots = (a[:, None, :] * b[None, :, :]).sum(dim=2)\n"
                "    return (gamma * dots + coef0) ** degree",
            ),
        ),
        hints=(
            "All dot products at once are one matrix product, (n, 2) @ (2, m).",
            "`a @ b.T` is (n, m); scale it with gamma, add coef0, and take the power of every entry.",
        ),
    ),
    Exercise(
        id="2.19",
        names=("lift",),
        inputs=lambda g: {"x": torch.randn(4, 2, generator=g), "z": torch.randn(5, 2, generator=g)},
        probe=probe_lift,
        atol=1e-5,
        mistakes=(
            Mistake(
                "The mixed term comes twice when you multiply out, 2 x₁x₂ z₁z₂, so its feature needs the factor √2.",
                {"root * x1 * x2": "x1 * x2"},
            ),
            Mistake(
                "The linear terms come twice, 2 x₁z₁ and 2 x₂z₂, so their features need the factor √2.",
                {"root * x1, root * x2": "x1, x2"},
            ),
            Mistake("The constant 1 is missing.", {"torch.ones_like(x1), ": ""}),
            Mistake(
                "That is (x·z)², the kernel with coef0 = 0: the constant and the linear terms are missing.",
                {"torch.ones_like(x1), root * x1, root * x2, ": ""},
            ),
            Mistake(
                "The factor 2 is in the *product* of the features; each of the two has its root, √2.",
                {"math.sqrt(2)": "2"},
            ),
            Mistake(
                "None of the factors √2 is there: multiply (x·z + 1)² out and collect what comes twice.",
                {"math.sqrt(2)": "1"},
            ),
            Mistake("The mixed term x₁x₂ is missing.", {", root * x1 * x2": ""}),
            Mistake(
                "√2 belongs to what comes twice, the linear and the mixed terms; the squares come once.",
                {"x1**2, x2**2": "root * x1**2, root * x2**2"},
            ),
        ),
        variants=(
            Variant(
                "all nine products of (1, x₁, x₂) with itself",
                code="def lift(x):\n"
                "    one = torch.cat([torch.ones(len(x), 1), x], dim=1)\n"
                "    return torch.einsum('ni,nj->nij', one, one).flatten(1)",
            ),
            Variant(
                "another order",
                code="def lift(x):\n"
                "    r = 2 ** 0.5\n"
                "    return torch.cat([x**2, r * x.prod(dim=1, keepdim=True), r * x, torch.ones(len(x), 1)], dim=1)",
            ),
        ),
        hints=(
            "(x₁z₁ + x₂z₂ + 1)² has six kinds of terms. Split each into a part with x and the same part with z.",
            "1, √2 x₁, √2 x₂, x₁², x₂², √2 x₁x₂.",
        ),
    ),
    Exercise(
        id="2.20",
        names=("train_lifted_svm",),
        inputs=draw_saddle,
        probe=probe_lifted_svm,
        parts=("classes with a small C", "classes with a large C", "dtype"),
        mistakes=(
            Mistake(
                "A straight line among the points themselves: lift them, when training and when predicting.",
                {"lift(x).numpy()": "x.numpy()", "lift(places).numpy()": "places.numpy()"},
            ),
            Mistake(
                "The machine was trained on features, so `predict` must lift its points as well.",
                {"lift(places).numpy()": "places.numpy()"},
            ),
            Mistake(
                "The points are lifted when you predict, but not when you train.",
                {"lift(x).numpy()": "x.numpy()"},
            ),
            Mistake(
                "Those are signed scores; the classes come from `machine.predict`.",
                {"machine.predict": "machine.decision_function"},
            ),
            Mistake(
                "Return a function from points to classes, not the machine: it knows nothing of `lift`.",
                {"return predict": "return machine"},
            ),
            Mistake(
                "`SVC` has the RBF kernel unless you say otherwise: asked is a linear machine on the features.",
                {'kernel="linear", ': ""},
            ),
            Mistake("Hand `C` on to the machine: without it the price is always 1.", {", C=C": ""}),
            Mistake(
                "The features are there, so the machine itself is linear: with a polynomial kernel you lift twice.",
                {'kernel="linear"': 'kernel="poly", degree=2, gamma=1.0, coef0=1.0'},
            ),
            Mistake(
                "`predict` of scikit-learn gives a NumPy array: turn it into a tensor (`torch.from_numpy`).",
                {
                    "torch.from_numpy(machine.predict(lift(places).numpy()))": "machine.predict(lift(places).numpy())"
                },
            ),
        ),
        variants=(
            Variant(
                "scikit-learn's names and a lambda",
                code="def train_lifted_svm(x, labels, C=1.0):\n"
                "    from sklearn.svm import SVC as Machine\n"
                "    m = Machine(C=C, kernel='linear').fit(lift(x), labels)\n"
                "    return lambda places: torch.tensor(m.predict(lift(places)))",
            ),
            Variant(
                "the sign of the distance",
                code="def train_lifted_svm(x, labels, C=1.0):\n"
                "    m = SVC(kernel='linear', C=C)\n    m.fit(lift(x), labels)\n"
                "    def predict(p):\n"
                "        return (torch.from_numpy(m.decision_function(lift(p))) > 0).long()\n"
                "    return predict",
            ),
        ),
        hints=(
            "`SVC(kernel='linear', C=C).fit(features, labels)`, both as NumPy arrays; inside, define the function "
            "that you return.",
            "`def predict(places): return torch.from_numpy(machine.predict(lift(places).numpy()))`.",
        ),
    ),
    choice(
        "2.21",
        "q_degrees",
        {
            "a": "Look at degree 3 in the first row of the heat map.",
            "b": "An odd power turns its sign from x to -x, but the two rings do not.",
            "d": "Look at degrees 2 and 7 in the first row of the heat map.",
        },
        {
            1: "Odd powers are negative for many pairs, and a kernel of positive values can still tell points apart.",
            3: "That holds for even and odd degrees alike, so it cannot tell them apart.",
        },
        right="c",
        hints=(
            "Take a point x and its mirror image -x: both lie on the same ring. What does (γ x·z)^d say of them?",
            "(γ (-x)·z)^d = (-1)^d (γ x·z)^d: for odd d the machine must tell apart what belongs together.",
        ),
    ),
    choice(
        "2.22",
        "q_gamma",
        {
            "a": "A smaller gamma makes the terms of second degree weaker still.",
            "c": "A smaller C pays even less for the large weights that are needed.",
            "d": "Its features hold x₁², x₂² and the rest: every circle is a straight line among them (exercise 2.19).",
        },
        {
            1: "A circle *is* a curve of second degree: x₁² + x₂² = r².",
            3: "A larger constant makes the terms of first degree larger, beside which those of second degree are "
            "weaker still: try coef0 = 10.",
        },
        right="b",
        hints=(
            "(γ x·z + 1)² = 1 + 2γ x·z + γ² (x·z)²: how large is the last term for γ = 0.03?",
            "A weak feature needs a large weight, and the machine pays for weights: what is the price's counterpart?",
        ),
    ),
)

NOTEBOOK = Notebook(
    id="02",
    name="02_autograd_nn_optim",
    title="Autograd, nn, optim, digits and support vectors",
    data=("mnist",),
    minutes={"smoke": 0.5, "laptop": 1.5, "full": 3},
    exercises=EXERCISES,
    withheld=("models.mlp", "training.loop"),
)
