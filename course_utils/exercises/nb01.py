"""Notebook 01, manual backpropagation: inputs, probes, typical mistakes and hints of its exercises.

Longer than other modules because it is content: thirty exercises, each in one place. Report 001, section 1.1
(questions 1-17) and section 1.2.1; errata are marked where a mistake is one that the report prints.
"""

from __future__ import annotations

import math
from typing import Any

import torch

from course_utils.exercises.choice import choice
from course_utils.exercises.draws import draw_batch, draw_params
from course_utils.exercises.specification import (
    Exercise,
    Inputs,
    Mistake,
    Notebook,
    Variant,
    call_without_autograd,
)


def draw_forward(generator: torch.Generator) -> Inputs:
    """Draw parameters and a batch of inputs."""
    return {"params": draw_params(generator), "x": draw_batch(generator)["x"]}


def draw_single(generator: torch.Generator) -> Inputs:
    """Draw one example: its one-hot label, logits and hidden values."""
    ny, nh, nx = 3, 4, 2
    label = int(torch.randint(ny, (1,), generator=generator))
    return {
        "y": torch.eye(ny)[label],
        "logits": torch.randn(ny, generator=generator),
        "h": torch.tanh(torch.randn(nh, generator=generator)),
        "Wy": torch.randn(ny, nh, generator=generator),
        "x": torch.randn(nx, generator=generator),
    }


def draw_confident(generator: torch.Generator) -> Inputs:
    """Draw one example that is confidently wrong: its probability is too small for `log(p + 1e-8)`."""
    single = draw_single(generator)
    return {"y": single["y"], "logits": single["logits"] + 2 - 32 * single["y"]}


def draw_step(generator: torch.Generator) -> Inputs:
    """Draw parameters, and gradients in another order of names."""
    gradients = dict(reversed(draw_params(generator).items()))
    return {"params": draw_params(generator), "gradients": gradients, "learning_rate": 0.3}


def draw_backward(generator: torch.Generator) -> Inputs:
    """Draw parameters, a batch and what the forward pass gives for it."""
    params, batch = draw_params(generator), draw_batch(generator)
    h = torch.tanh(batch["x"] @ params["Wh"].T + params["bh"])
    logits = h @ params["Wy"].T + params["by"]
    outputs = {"h": h, "logits": logits, "probabilities": torch.softmax(logits, dim=1)}
    return {"params": params, "x": batch["x"], "outputs": outputs, "labels": batch["labels"]}


def draw_outputs(generator: torch.Generator) -> Inputs:
    """Draw outputs and labels: five rows right, two wrong, one of these with a probability that rounds to 0."""
    logits = torch.cat([torch.randn(6, 3, generator=generator), torch.tensor([[0.0, 150.0, 300.0]])])
    labels = torch.cat([logits[:5].argmax(dim=1), logits[5:].median(dim=1).indices])
    outputs = {"logits": logits, "probabilities": torch.softmax(logits, dim=1)}
    return {"outputs": outputs, "labels": labels}


def draw_gradients(generator: torch.Generator) -> Inputs:
    """Draw two gradients whose largest entry and largest difference are negative."""
    exact = torch.randn(3, 4, generator=generator).clamp(-3, 3)
    size, gap = torch.rand(2, generator=generator)
    exact[0, 0], exact[1, 1], exact[2, 2] = -4.0 - size, 0.25, 2.0
    approximate = exact + 0.01 * torch.randn(3, 4, generator=generator)
    approximate[0, 0], approximate[1, 1] = exact[0, 0] + 0.3, exact[1, 1] + 0.5 + gap
    return {"exact": exact, "approximate": approximate}


def probe_init(names: dict[str, Any], inputs: Inputs) -> Any:
    """Draw parameters from a seeded generator."""
    import torch

    generator = torch.Generator().manual_seed(inputs["seed"])
    with torch.random.fork_rng(devices=[]):  # an answer that forgets the generator draws from here
        torch.default_generator.manual_seed(1 + inputs["seed"])
        return names["init_params"](inputs["nx"], inputs["nh"], inputs["ny"], inputs["sd"], generator)


def probe_numerical_gradient(names: dict[str, Any], inputs: Inputs) -> Any:
    """Differentiate two cubics, of a matrix and of a vector, whose slopes are known in closed form."""
    parameter, factors = inputs["parameter"], inputs["factors"]
    vector, step = inputs["vector"], inputs["step"]
    return (
        names["numerical_gradient"](lambda: (factors * (parameter**3 + parameter)).sum(), parameter, step),
        names["numerical_gradient"](lambda: (vector**3).sum(), vector, step),
    )


def probe_batches(names: dict[str, Any], inputs: Inputs) -> Any:
    """Draw the batches of two epochs from one seeded generator."""
    import torch

    generator = torch.Generator().manual_seed(inputs["seed"])
    with torch.random.fork_rng(devices=[]):  # an answer that forgets the generator draws from here
        torch.default_generator.manual_seed(1 + inputs["seed"])
        epochs = [list(names["batches"](inputs["n"], inputs["batch_size"], generator)) for _ in range(2)]
    return tuple(epochs)


def probe_epoch(names: dict[str, Any], inputs: Inputs) -> Any:
    """Train one epoch from a seeded generator; the parameters change in place."""
    import torch

    generator = torch.Generator().manual_seed(inputs["seed"])
    arguments = (inputs[name] for name in ("params", "x", "labels", "batch_size", "learning_rate"))
    return names["train_epoch"](*arguments, generator)


EXERCISES = (
    choice(
        "1.1",
        "q1",
        {
            "a": "Twenty looks at the test set are twenty chances to be lucky: the best of them is flattered.",
            "c": "Training accuracy would always choose the network that memorises best.",
            "d": "A larger test set shrinks the noise, but choosing on it still spends it.",
        },
        {
            1: "The size of the parts is not the point: any part that you choose by is used up.",
            3: "The test set never entered the gradient; it was used in another way.",
        },
        right="b",
        hints=(
            "Which data decided which learning rate you keep?",
            "Data that take part in a choice no longer give an honest estimate of what comes after it.",
        ),
    ),
    choice(
        "1.2",
        "q2",
        {
            "a": "Bias is what the network cannot express on average over training sets; more data do not "
            "change what it can express. (The report says bias here; it is the variance.)",
            "c": "Only one of the two depends on which examples happened to be drawn.",
            "d": "Wrong labels stay as frequent as before, however many examples you take.",
        },
        {
            2: "The family of functions that the network can express is the same for every N.",
            3: "The gradient's size has to do with the learning rate, not with generalisation.",
        },
        right="b",
        hints=(
            "Imagine drawing the training set afresh many times: what varies less when N is larger?",
            "Bias: how far the *average* fit is from the truth. Variance: how much one fit differs from the next.",
        ),
    ),
    Exercise(
        id="1.3",
        names=("one_hot",),
        inputs=lambda g: {
            "labels": torch.cat([torch.tensor([0, 3]), torch.randint(4, (6,), generator=g)]),
            "classes": 5,
        },
        mistakes=(
            Mistake(
                "`y[labels] = 1` sets whole rows, those whose number is a label. Pair each row with its own label: "
                "`y[torch.arange(len(labels)), labels] = 1`.",
                code="def one_hot(labels, classes):\n    y = torch.zeros(len(labels), classes)\n"
                "    y[labels] = 1\n    return y",
            ),
            Mistake(
                "The rows and columns are swapped: one row per example, one column per class.",
                {"labels[:, None] == torch.arange(classes)": "torch.arange(classes)[:, None] == labels"},
            ),
            Mistake(
                "The width must be `classes`, also when the highest class does not occur in this batch.",
                {"torch.arange(classes)": "torch.arange(int(labels.max()) + 1)"},
            ),
            Mistake(
                "Truth values cannot be subtracted from probabilities: convert them with `.float()`.",
                {".float()": ""},
            ),
            Mistake(
                "Classes count from 0: label 0 marks the first column.",
                {"torch.arange(classes)": "torch.arange(1, classes + 1)"},
            ),
        ),
        variants=(
            Variant(
                "indexing the identity",
                code="def one_hot(labels, classes):\n    return torch.eye(classes)[labels]",
            ),
            Variant(
                "torch.nn.functional",
                code="def one_hot(labels, classes):\n"
                "    return torch.nn.functional.one_hot(labels, classes).float()",
            ),
        ),
        hints=(
            "Compare each label with each of 0, 1, ..., classes - 1: a comparison of (N, 1) with (classes,).",
            "`labels[:, None]` has the shape (N, 1); comparing it with `torch.arange(classes)` gives (N, classes).",
        ),
    ),
    Exercise(
        id="1.4",
        names=("collapse",),
        inputs=lambda g: {
            "W1": torch.randn(4, 3, generator=g),
            "b1": torch.randn(4, generator=g),
            "W2": torch.randn(3, 4, generator=g),
            "b2": torch.randn(3, generator=g),
        },
        parts=("W", "b"),
        mistakes=(
            Mistake(
                "The first layer acts first, so its matrix stands on the right: W2 @ W1, not W1 @ W2.",
                {"W2 @ W1": "(W1 @ W2)[:3, :3]"},
            ),
            Mistake(
                "The first bias passes through the second layer as well: it is multiplied by W2.",
                {"W2 @ b1 + b2": "b1[:3] + b2"},
            ),
            Mistake("The bias of the first layer is missing.", {"W2 @ b1 + b2": "b2"}),
            Mistake("The bias of the second layer is missing.", {"W2 @ b1 + b2": "W2 @ b1"}),
            Mistake(
                "That is the product in the wrong order: the first layer's matrix stands on the right.",
                {"W2 @ W1": "W1 @ W2"},
            ),
        ),
        variants=(
            Variant(
                "with einsum, returning a list",
                code="def collapse(W1, b1, W2, b2):\n"
                "    return [torch.einsum('ij,jk->ik', W2, W1), b2 + torch.mv(W2, b1)]",
            ),
        ),
        hints=(
            "Write the second layer applied to the first, W2 (W1 x + b1) + b2, and sort by what multiplies x.",
            "W = W2 W1. What is left is b: what the second layer makes of b1, plus b2.",
        ),
    ),
    Exercise(
        id="1.5",
        names=("q4_parameters", "q4_yours"),
        mistakes=(
            Mistake(
                "Those are the weights; each unit of both layers also has a bias.",
                values={"q4_parameters": 16},
            ),
            Mistake("The output units have biases too.", values={"q4_parameters": 20}),
            Mistake("The hidden units have biases too.", values={"q4_parameters": 18}),
            Mistake("The number of inputs is given by the data.", values={"q4_yours": "nx"}),
            Mistake("The number of outputs is given by the classes.", values={"q4_yours": "ny"}),
        ),
        variants=(Variant("as a float", values={"q4_parameters": 22.0}),),
        hints=(
            "Each hidden unit has one weight per input and one bias; each output one weight per hidden unit and "
            "one bias.",
            "nh (nx + 1) + ny (nh + 1).",
        ),
    ),
    choice(
        "1.6",
        "q5",
        {
            "b": "The other way round: one comes from the data, the other from the network.",
            "c": "They have the same shape, but they only coincide when the network is perfectly sure and right.",
            "d": "Both are probabilities over classes: one-hot is the case of certainty.",
        },
        {
            1: "ŷ is computed in the forward pass already; no gradient is needed for it.",
            2: "The test examples have labels too, otherwise you could not measure accuracy.",
        },
        right="a",
        hints=(
            "Which of the two would change if you trained for one more epoch?",
            "y is part of the data set; ŷ = softmax(ỹ) depends on the parameters.",
        ),
    ),
    Exercise(
        id="1.7",
        names=("init_params",),
        inputs=lambda g: {
            "nx": 2,
            "nh": 5,
            "ny": 3,
            "sd": 0.1 + torch.rand(1, generator=g).item(),
            "seed": int(torch.randint(10_000, (1,), generator=g)),
        },
        probe=probe_init,
        mistakes=(
            Mistake(
                "The order matters, because the generator hands its numbers out in turn: Wh, bh, Wy, by.",
                {'"bh": (nh,), "Wy": (ny, nh), "by"': '"Wy": (ny, nh), "bh": (nh,), "by"'},
            ),
            Mistake(
                "A generator of your own always starts at the same numbers: use the one that was passed.",
                {"    return {name": "    generator = torch.Generator().manual_seed(0)\n    return {name"},
            ),
            Mistake(
                "`torch.rand` draws uniformly from [0, 1): all positive. The normal distribution is `randn`.",
                {"torch.randn": "torch.rand"},
            ),
            Mistake(
                "sd is a standard deviation, so it multiplies once; its square would be a variance.",
                {"sd * torch": "sd**2 * torch"},
            ),
            Mistake("The numbers are not scaled by sd.", {"sd * torch": "torch"}),
            Mistake(
                "A weight matrix has one row per output of its layer: Wh is (nh, nx) and Wy is (ny, nh).",
                {'"Wh": (nh, nx)': '"Wh": (nx, nh)', '"Wy": (ny, nh)': '"Wy": (nh, ny)'},
            ),
            Mistake(
                "The biases are zero; here all four tensors are drawn, as in the report.",
                {
                    "return {name": "return {name: torch.zeros(shape) if name[0] == 'b' else sd * torch.randn(shape, "
                    "generator=generator) for name, shape in shapes.items()}\n    return {name"
                },
            ),
            Mistake(
                "The numbers must come from the `generator` that was passed, or nobody can repeat your run.",
                {", generator=generator": ""},
            ),
        ),
        variants=(
            Variant(
                "one tensor after the other",
                code="def init_params(nx, nh, ny, sd, generator):\n"
                "    def draw(*shape):\n"
                "        return torch.randn(*shape, generator=generator) * sd\n"
                "    Wh = draw(nh, nx)\n    bh = draw(nh)\n    Wy = draw(ny, nh)\n    by = draw(ny)\n"
                "    return {'by': by, 'Wy': Wy, 'bh': bh, 'Wh': Wh}",
            ),
            Variant(
                "torch.normal",
                code="def init_params(nx, nh, ny, sd, generator):\n"
                "    shapes = {'Wh': (nh, nx), 'bh': (nh,), 'Wy': (ny, nh), 'by': (ny,)}\n"
                "    return {k: torch.normal(0.0, sd, s, generator=generator) for k, s in shapes.items()}",
            ),
        ),
        hints=(
            "A dictionary of the four shapes, then one draw per entry, in the order Wh, bh, Wy, by.",
            "`sd * torch.randn(shape, generator=generator)` draws from N(0, sd²).",
        ),
    ),
    choice(
        "1.8",
        "q6",
        {
            "a": "Dividing by the sum would do that too, but logits can be negative.",
            "b": "Softmax keeps the order of the logits, so the predicted class is the same without it.",
            "d": "Softmax of one logit pair is the sigmoid: it works for two classes as well.",
        },
        {
            1: "Each output alone could be made positive in many ways; the outputs must also fit together.",
            3: "Speed is not the reason: the exponentials cost more than leaving it out.",
        },
        right="c",
        hints=(
            "What must hold for numbers to be called probabilities of exclusive classes?",
            "Positive, and together 1: exp makes them positive, the division makes them sum to 1.",
        ),
    ),
    Exercise(
        id="1.9",
        names=("softmax",),
        inputs=lambda g: {
            "logits": torch.cat(
                [
                    torch.randn(4, 3, generator=g),
                    torch.tensor([[1000.0, 999.0, -1000.0], [-2000.0, -2001.0, -1998.0]]),
                ]
            )
        },
        rtol=1e-4,
        mistakes=(
            Mistake(
                "`max(dim=1)` returns two things, the values and their places: take `.values` (or use `amax`).",
                {".values": ""},
            ),
            Mistake(
                "exp(1000) overflows to inf and inf / inf is nan. Subtract each row's largest logit first: the "
                "result is the same, and no exponent is positive.",
                {"logits - logits.max(dim=1, keepdim=True).values": "logits"},
            ),
            Mistake(
                "The sum must run over the classes (dim=1), so that each row sums to 1, not each column.",
                {"exponentials.sum(dim=1, keepdim=True)": "exponentials.sum(dim=0, keepdim=True)"},
            ),
            Mistake(
                "The sum runs over the whole batch: each row must sum to 1 by itself.",
                {"exponentials.sum(dim=1, keepdim=True)": "exponentials.sum()"},
            ),
            Mistake(
                "One maximum for the whole batch is too much for rows that lie far below it: their exponentials "
                "all vanish. Take each row's own maximum.",
                {"logits.max(dim=1, keepdim=True).values": "logits.max()"},
            ),
        ),
        variants=(
            Variant(
                "logsumexp",
                code="def softmax(logits):\n"
                "    return (logits - torch.logsumexp(logits, 1, keepdim=True)).exp()",
            ),
            Variant(
                "amax",
                code="def softmax(logits):\n    e = torch.exp(logits - logits.amax(1)[:, None])\n"
                "    return e / e.sum(1)[:, None]",
            ),
        ),
        hints=(
            "exp of the logits, divided by its sum over the classes. `keepdim=True` keeps the shape (N, 1).",
            "softmax(z) = softmax(z - c) for every number c: choose each row's maximum so that nothing overflows.",
        ),
    ),
    Exercise(
        id="1.10",
        names=("q7_h_shape", "q7_logits_shape"),
        mistakes=(
            Mistake(
                "That is the shape of the matrix Wh. h holds one row of nh numbers for each of the 16 points.",
                values={"q7_h_shape": (4, 2)},
            ),
            Mistake(
                "That is the shape of the matrix Wy. The logits hold one row of ny numbers for each of the points.",
                values={"q7_logits_shape": (3, 4)},
            ),
            Mistake(
                "One *row* per example: the batch comes first in PyTorch.", values={"q7_h_shape": (4, 16)}
            ),
            Mistake("The hidden layer has nh values per example, not nx.", values={"q7_h_shape": (16, 2)}),
            Mistake("The logits have one value per class.", values={"q7_logits_shape": (16, 4)}),
            Mistake("One *row* per example, also for the logits.", values={"q7_logits_shape": (3, 16)}),
        ),
        variants=(Variant("lists", values={"q7_h_shape": [16, 4], "q7_logits_shape": [16, 3]}),),
        hints=(
            "x is (16, 2) and Wh is (4, 2): which of them must be transposed for x @ ...?",
            "(16, 2) @ (2, 4) is (16, 4); then (16, 4) @ (4, 3).",
        ),
    ),
    Exercise(
        id="1.11",
        names=("forward",),
        inputs=draw_forward,
        mistakes=(
            Mistake("The hidden layer's bias is missing.", {' + params["bh"]': ""}),
            Mistake("The output layer's bias is missing.", {' + params["by"]': ""}),
            Mistake(
                "Without tanh the two layers are one linear layer (exercise 1.4).",
                {'torch.tanh(x @ params["Wh"].T + params["bh"])': 'x @ params["Wh"].T + params["bh"]'},
            ),
            Mistake(
                "tanh belongs to the hidden layer only: squashed logits can never make the network sure.",
                {'h @ params["Wy"].T + params["by"]': 'torch.tanh(h @ params["Wy"].T + params["by"])'},
            ),
            Mistake(
                "That is the sigmoid, whose values lie in (0, 1); tanh lies in (-1, 1).",
                {"torch.tanh": "torch.sigmoid"},
            ),
            Mistake("`probabilities` holds the logits: apply the softmax.", {"softmax(logits)": "logits"}),
        ),
        variants=(
            Variant(
                "functional linear, torch's softmax",
                code="def forward(params, x):\n"
                "    h = torch.nn.functional.linear(x, params['Wh'], params['bh']).tanh()\n"
                "    z = torch.addmm(params['by'], h, params['Wy'].T)\n"
                "    return dict(probabilities=z.softmax(-1), logits=z, h=h)",
            ),
        ),
        hints=(
            "Three lines: h from x, logits from h, probabilities from logits.",
            '`x @ params["Wh"].T + params["bh"]` is (N, nh): the bias is added to every row.',
        ),
    ),
    Exercise(
        id="1.12",
        names=("q8_confident", "q8_uniform"),
        rtol=5e-3,
        mistakes=(
            Mistake("That is 1 - ŷ; cross-entropy takes the logarithm.", values={"q8_confident": 0.2}),
            Mistake(
                "That is the squared error; cross-entropy is -log ŷ of the true class.",
                values={"q8_confident": 0.04},
            ),
            Mistake(
                "The sign: log of a number below 1 is negative, and the loss is minus that.",
                values={"q8_confident": math.log(0.8)},
            ),
            Mistake("Use the natural logarithm, as PyTorch does.", values={"q8_confident": -math.log10(0.8)}),
            Mistake(
                "That is the probability of each class; the loss is minus its logarithm.",
                values={"q8_uniform": 0.1},
            ),
            Mistake(
                "Use the natural logarithm: log 10 = 2.30, whatever the base-10 logarithm says.",
                values={"q8_uniform": 1.0},
            ),
        ),
        variants=(Variant("rounded to three digits", values={"q8_confident": 0.223, "q8_uniform": 2.303}),),
        hints=("With a one-hot y only one term of the sum is left.", "-log 0.8, and -log(1/10)."),
    ),
    choice(
        "1.13",
        "q9",
        {
            "a": "Both are zero exactly when ŷ = y.",
            "b": "The squared error of probabilities is perfectly well defined; the question is how it *learns*.",
            "c": "Both cost next to nothing beside the matrix products.",
        },
        {
            1: "Cross-entropy can grow without bound; that is its strength here, not a weakness.",
            3: "With a softmax before it, neither loss is convex in the weights of a network.",
        },
        right="d",
        hints=(
            "Think of an example that is confidently wrong: how large is each gradient?",
            "The squared error's gradient carries the factor ŷ(1 - ŷ), which vanishes at both ends.",
        ),
    ),
    Exercise(
        id="1.14",
        names=("loss_from_logits",),
        inputs=draw_confident,
        mistakes=(
            Mistake(
                "The logarithm around the sum is missing: log Σ exp(ỹ_j).",
                {"torch.logsumexp(logits, dim=0)": "logits.exp().sum()"},
            ),
            Mistake(
                "That is equation (6) as the report prints it. From log(a/b) = log a - log b, times y: the second "
                "term is y_i log Σ, not ỹ_i log Σ. Its sum is log Σ, because y sums to 1.",
                {
                    "-(y * logits).sum() + torch.logsumexp(logits, dim=0)": "-(y * logits - logits * torch.logsumexp(logits, dim=0)).sum()"
                },
            ),
            Mistake(
                "The sign is flipped: the loss is minus the logarithm of the true class's probability.",
                {
                    "-(y * logits).sum() + torch.logsumexp(logits, dim=0)": "(y * logits).sum() - torch.logsumexp(logits, dim=0)"
                },
            ),
            Mistake(
                "The sum over j stands inside the logarithm: log Σ exp(ỹ_j), not Σ log exp(ỹ_j).",
                {"torch.logsumexp(logits, dim=0)": "logits.exp().log().sum()"},
            ),
            Mistake(
                "Once is enough: log Σ exp(ỹ_j) does not depend on i, so the sum over i (with Σ y_i = 1) counts "
                "it once.",
                {"torch.logsumexp(logits, dim=0)": "len(y) * torch.logsumexp(logits, dim=0)"},
            ),
        ),
        variants=(
            Variant(
                "by log_softmax",
                code="def loss_from_logits(y, logits):\n"
                "    return -(y * torch.log_softmax(logits, -1)).sum()",
            ),
            Variant(
                "by index, as a Python number",
                code="def loss_from_logits(y, logits):\n"
                "    return float(logits.exp().sum().log() - logits[y.argmax()])",
            ),
        ),
        hints=(
            "log(a/b) = log a - log b. What is log exp(ỹ_i)?",
            "The first term is -Σ y_i ỹ_i; the second is log Σ_j exp(ỹ_j): `torch.logsumexp`.",
        ),
    ),
    Exercise(
        id="1.15",
        names=("loss_accuracy",),
        inputs=draw_outputs,
        parts=("loss", "accuracy"),
        mistakes=(
            Mistake(
                "That mean runs over rows and classes, so it also divides by the number of classes. Sum over the "
                "classes first (or pick each row's entry), then take the mean over the rows.",
                {
                    "log_probabilities[rows, labels].mean()": "log_probabilities[rows, labels].mean() / log_probabilities.shape[1]"
                },
            ),
            Mistake(
                "The loss is a sum over the batch; take the mean, so that it does not depend on the batch's size.",
                {"log_probabilities[rows, labels].mean()": "log_probabilities[rows, labels].sum()"},
            ),
            Mistake(
                "The sign is flipped: probabilities are below 1, their logarithms negative, the loss positive.",
                {"-log_probabilities[rows": "log_probabilities[rows"},
            ),
            Mistake(
                "A probability that rounds to 0 has the logarithm -inf, and one such row ruins the mean: use the "
                "log-probabilities, which come from the logits.",
                {"-log_probabilities[rows": '-outputs["probabilities"].log()[rows'},
            ),
            Mistake(
                "Take the probability of each row's own label, not the mean over all classes.",
                {"log_probabilities[rows, labels].mean()": "log_probabilities.mean()"},
            ),
            Mistake(
                "That is the number of right predictions; accuracy is a share between 0 and 1.",
                {"float().mean()": "float().sum()"},
            ),
            Mistake("That is the error rate; the accuracy is one minus it.", {"== labels": "!= labels"}),
            Mistake(
                "The prediction of each row is the class with the largest value: `argmax(dim=1)`.",
                {'outputs["logits"].argmax(dim=1)': 'outputs["logits"].argmin(dim=1)'},
            ),
        ),
        variants=(
            Variant(
                "torch's cross_entropy, Python numbers",
                code="def loss_accuracy(outputs, labels):\n"
                "    z = outputs['logits']\n"
                "    loss = torch.nn.functional.cross_entropy(z, labels).item()\n"
                "    return loss, (z.argmax(1) == labels).double().mean().item()",
            ),
        ),
        hints=(
            "Exercise 1.14 for each row, then the mean over rows. Row i needs its entry labels[i].",
            "`log_probabilities[torch.arange(len(labels)), labels]` picks one entry per row.",
        ),
    ),
    choice(
        "1.16",
        "q13",
        {
            "a": "The report says so, but then tanh, ReLU and softmax would all be forbidden.",
            "b": "Only the chain of derivatives must exist; ReLU cannot be inverted, and it is used everywhere.",
            "d": "Convexity would be pleasant, but no network with a hidden layer has it.",
        },
        {
            2: "Backpropagation does not need the loss to have a single minimum.",
            3: "The forward pass would need no derivative at all.",
        },
        right="c",
        hints=(
            "What does the chain rule multiply?",
            "ReLU has no derivative at 0, and nobody minds: almost everywhere.",
        ),
    ),
    Exercise(
        id="1.17",
        names=("q12_passes", "q12_backward"),
        mistakes=(
            Mistake(
                "One pass per parameter is not enough: the central difference needs a loss on either side of it.",
                values={"q12_passes": 22},
            ),
            Mistake(
                "One-sided: 22 passes and one in the middle. The central difference has no middle.",
                values={"q12_passes": 23},
            ),
            Mistake("The biases are parameters too.", values={"q12_passes": 32}),
            Mistake(
                "Every parameter's gradient shares the same chain, which is walked once, not once for each.",
                values={"q12_backward": 22},
            ),
        ),
        variants=(Variant("as floats", values={"q12_passes": 44.0}),),
        hints=(
            "Two losses per parameter: one step up, one step down.",
            "Backpropagation goes through the network once, whatever the number of parameters.",
        ),
    ),
    Exercise(
        id="1.18",
        names=("gradient_logits",),
        inputs=lambda g: {k: draw_single(g)[k] for k in ("y", "logits")},
        probe=call_without_autograd,
        mistakes=(
            Mistake(
                "Here you are the autograd, so it is switched off: derive the gradient with pencil and paper, then write it.",
                code="def gradient_logits(y, logits):\n"
                "    z = logits.clone().requires_grad_()\n"
                "    (-(y * z).sum() + z.logsumexp(0)).backward()\n    return z.grad",
            ),
            Mistake(
                "The sign is flipped. The logit of the true class must be pushed *up*, so its gradient is negative.",
                {"torch.softmax(logits, dim=0) - y": "y - torch.softmax(logits, dim=0)"},
            ),
            Mistake(
                "That is the softmax alone: the term -y_i ỹ_i of the loss has a derivative too.", {" - y": ""}
            ),
            Mistake(
                "That is the logit itself; the derivative of log Σ exp is the softmax.",
                {"torch.softmax(logits, dim=0) - y": "logits - y"},
            ),
            Mistake(
                "The derivative of log Σ exp(ỹ_j) has the sum in its denominator.",
                {"torch.softmax(logits, dim=0)": "torch.exp(logits)"},
            ),
        ),
        variants=(
            Variant(
                "by hand",
                code="def gradient_logits(y, logits):\n"
                "    e = torch.exp(logits - logits.max())\n    return e / e.sum() - y",
            ),
        ),
        hints=(
            "Differentiate -Σ y_i ỹ_i + log Σ_j exp(ỹ_j) with respect to one ỹ_i.",
            "The first term gives -y_i; the second exp(ỹ_i) / Σ_j exp(ỹ_j).",
        ),
    ),
    Exercise(
        id="1.19",
        names=("gradient_Wy",),
        inputs=lambda g: {k: draw_single(g)[k] for k in ("y", "logits", "h")},
        probe=call_without_autograd,
        mistakes=(
            Mistake(
                "That is equation (10) as the report prints it: a sum over k of δ_k h_k. But W_y,ij enters only ỹ_i, "
                "and is multiplied there by h_j: no sum, and the index of h is j.",
                {
                    "delta[:, None] * h[None, :]": "((delta * h[: len(delta)]).sum()).expand(len(delta), len(h)).clone()"
                },
            ),
            Mistake(
                "Transposed: the row is the output i, the column the hidden unit j, as in Wy.",
                {"delta[:, None] * h[None, :]": "h[:, None] * delta[None, :]"},
            ),
            Mistake(
                "Without h: ỹ_i changes with W_y,ij in proportion to h_j.",
                {"delta[:, None] * h[None, :]": "delta[:, None].expand(len(delta), len(h)).clone()"},
            ),
            Mistake(
                "The sign is flipped: delta is ŷ - y.",
                {
                    "softmax(logits, dim=0) - y": "softmax(logits, dim=0) * 0 + y - torch.softmax(logits, dim=0)"
                },
            ),
        ),
        variants=(
            Variant(
                "outer",
                code="def gradient_Wy(y, logits, h):\n    return torch.outer(gradient_logits(y, logits), h)",
            ),
        ),
        hints=(
            "How does ỹ_i depend on W_y,ij? How does ỹ_k for another k?",
            "(ŷ_i - y_i) h_j for all i and j at once: a column (ny, 1) times a row (1, nh).",
        ),
    ),
    Exercise(
        id="1.20",
        names=("gradients_hidden",),
        inputs=draw_single,
        parts=("gradient of h_tilde", "gradient of Wh", "gradient of bh"),
        probe=call_without_autograd,
        mistakes=(
            Mistake(
                "tan is not tanh: the derivative of tanh is 1 - tanh² (the report prints 1 - tan² in equations 12-16).",
                {"1 - h**2": "1 - torch.tan(torch.atanh(h)) ** 2"},
            ),
            Mistake(
                "h is already tanh(h_tilde): its derivative is 1 - h², not 1 - tanh(h)².",
                {"1 - h**2": "1 - torch.tanh(h) ** 2"},
            ),
            Mistake(
                "The sum over the outputs is missing (equation 12 of the report lacks it): hidden unit i feeds all "
                "outputs, so its gradient collects from all of them.",
                {"Wy.T @ delta": "Wy[0] * delta[0]"},
            ),
            Mistake(
                "The derivative of tanh is missing: the gradient stops at h and must go on to h_tilde.",
                {"(1 - h**2) * (Wy.T @ delta)": "Wy.T @ delta"},
            ),
            Mistake(
                "The derivative of tanh is 1 - h²; h (1 - h) is the sigmoid's.", {"1 - h**2": "h * (1 - h)"}
            ),
            Mistake(
                "The gradient of Wh is transposed: one row per hidden unit, one column per input.",
                {"torch.outer(d_h_tilde, x)": "torch.outer(x, d_h_tilde)"},
            ),
        ),
        variants=(
            Variant(
                "with a loop",
                code="def gradients_hidden(y, logits, h, Wy, x):\n"
                "    d = gradient_logits(y, logits)\n"
                "    g = torch.stack([(1 - h[i] ** 2) * sum(d[k] * Wy[k, i] for k in range(len(d))) "
                "for i in range(len(h))])\n"
                "    return g, g[:, None] * x, g.clone()",
            ),
        ),
        hints=(
            "From ỹ back to h: hidden unit i reaches every output k through W_y,ki. Sum over k.",
            "From h back to h_tilde: multiply by 1 - h_i². Then W_h,ij multiplies x_j, and b_h,i multiplies 1.",
        ),
    ),
    Exercise(
        id="1.21",
        names=("backward",),
        inputs=draw_backward,
        probe=call_without_autograd,
        mistakes=(
            Mistake(
                "Here you are the autograd, so it is switched off: derive the gradient with pencil and paper, then write it.",
                code="def backward(params, x, outputs, labels):\n"
                "    p = {k: v.clone().requires_grad_() for k, v in params.items()}\n"
                "    z = torch.tanh(x @ p['Wh'].T + p['bh']) @ p['Wy'].T + p['by']\n"
                "    torch.nn.functional.cross_entropy(z, labels).backward()\n"
                "    return {k: v.grad for k, v in p.items()}",
            ),
            Mistake(
                "The loss is a mean over the batch, so its gradient has the factor 1/N: divide delta by the number "
                "of examples.",
                {" / len(x)": ""},
            ),
            Mistake(
                "The sign is flipped: delta is ŷ - y. With y - ŷ the descent climbs.",
                {'outputs["probabilities"] - y': 'y - outputs["probabilities"]'},
            ),
            Mistake("The derivative of tanh is missing: multiply by 1 - h².", {" * (1 - h**2)": ""}),
            Mistake(
                "h is already tanh(h_tilde): the factor is 1 - h², not 1 - tanh(h)².",
                {"(1 - h**2)": "(1 - torch.tanh(h) ** 2)"},
            ),
            Mistake(
                "tan is not tanh (the report prints 1 - tan²): the factor is 1 - h².",
                {"(1 - h**2)": "(1 - torch.tan(torch.atanh(h)) ** 2)"},
            ),
            Mistake(
                "A bias acts on every example, so its gradient is a *sum* over the batch; the mean is already in "
                "delta.",
                {"delta.sum(dim=0)": "delta.mean(dim=0)", "d_h_tilde.sum(dim=0)": "d_h_tilde.mean(dim=0)"},
            ),
            Mistake(
                "delta starts from the probabilities, not from the logits.",
                {'outputs["probabilities"] - y': 'outputs["logits"] - y'},
            ),
        ),
        variants=(
            Variant(
                "one example after the other",
                code="def backward(params, x, outputs, labels):\n"
                "    total = {k: torch.zeros_like(v) for k, v in params.items()}\n"
                "    ny = params['by'].shape[0]\n"
                "    for i in range(len(x)):\n"
                "        y, z, h = one_hot(labels, ny)[i], outputs['logits'][i], outputs['h'][i]\n"
                "        _, wh, bh = gradients_hidden(y, z, h, params['Wy'], x[i])\n"
                "        for k, v in zip(('Wh', 'bh', 'Wy', 'by'), "
                "(wh, bh, gradient_Wy(y, z, h), gradient_logits(y, z))):\n"
                "            total[k] += v / len(x)\n"
                "    return total",
            ),
        ),
        hints=(
            "The formulas of 1.18-1.20 for all rows at once: delta is (N, ny), and a product with `.T` sums over rows.",
            "delta = (ŷ - y) / N; Wy: delta.T @ h; by: delta.sum(0); d_h_tilde = (delta @ Wy) * (1 - h²); "
            "Wh: d_h_tilde.T @ x; bh: d_h_tilde.sum(0).",
        ),
    ),
    Exercise(
        id="1.22",
        names=("numerical_gradient",),
        inputs=lambda g: {
            "parameter": torch.randn(2, 3, generator=g, dtype=torch.float64),
            "factors": torch.randn(2, 3, generator=g, dtype=torch.float64),
            "vector": torch.randn(4, generator=g, dtype=torch.float64),
            "step": 0.05,
        },
        probe=probe_numerical_gradient,
        rtol=1e-7,
        atol=1e-9,
        mistakes=(
            Mistake(
                "`before = entries[i]` is a view: it changes together with the entry, so the step down starts from the "
                "step up, and you get half the gradient. Keep the number: `entries[i].item()`.",
                {"entries[i].item()": "entries[i]"},
            ),
            Mistake("The two losses are 2 step apart, so divide by 2 step.", {"(2 * step)": "step"}),
            Mistake(
                "That is the one-sided difference, whose error shrinks with step; the central one's shrinks with "
                "step².",
                {
                    "entries[i] = before - step\n        down = float(loss())": "entries[i] = before\n        down = float(loss())",
                    "(2 * step)": "step",
                },
            ),
            Mistake("The sign is flipped: (up - down), not (down - up).", {"(up - down)": "(down - up)"}),
            Mistake(
                "Put each entry back before you go to the next one: otherwise you differentiate at another point, "
                "and the network is changed when you are done.",
                {"        entries[i] = before\n        gradient": "        gradient"},
            ),
        ),
        variants=(
            Variant(
                "with indices",
                code="import itertools\n\ndef numerical_gradient(loss, parameter, step=1e-4):\n"
                "    out = torch.empty_like(parameter)\n"
                "    for at in itertools.product(*map(range, parameter.shape)):\n"
                "        keep = parameter[at].item()\n"
                "        parameter[at] = keep + step\n        a = loss()\n"
                "        parameter[at] = keep - step\n        b = loss()\n"
                "        parameter[at] = keep\n"
                "        out[at] = (a - b) / (2 * step)\n"
                "    return out",
            ),
        ),
        hints=(
            "For each entry: remember it, set it to +step and to -step from there, take both losses, put it back.",
            "(up - down) / (2 * step) is the slope; `parameter.view(-1)` lets one loop visit every entry in place.",
        ),
    ),
    Exercise(
        id="1.23",
        names=("compare_gradients",),
        inputs=draw_gradients,
        mistakes=(
            Mistake(
                "Entry by entry, a tiny wrong digit of a tiny gradient looks like a disaster. Divide the largest "
                "difference by the largest entry.",
                {
                    "(exact - approximate).abs().max() / exact.abs().max()": "((exact - approximate).abs() / exact.abs()).max()"
                },
            ),
            Mistake(
                "Divide by the size of `exact`: it is the one you trust.",
                {"/ exact.abs().max()": "/ approximate.abs().max()"},
            ),
            Mistake(
                "That compares the largest entries with each other, wherever they stand. Subtract first.",
                {"(exact - approximate).abs().max()": "(exact.abs().max() - approximate.abs().max()).abs()"},
            ),
            Mistake(
                "The largest difference counts in either direction: take absolute values first.",
                {"(exact - approximate).abs().max()": "(exact - approximate).max()"},
            ),
            Mistake(
                "A mean hides one wrong entry among many right ones; take the largest.",
                {"(exact - approximate).abs().max()": "(exact - approximate).abs().mean()"},
            ),
            Mistake(
                "A difference means nothing without a size to compare it with: divide by the largest |exact|.",
                {" / exact.abs().max()": ""},
            ),
            Mistake(
                "Divide by the largest *absolute* value: the entries of a gradient have both signs.",
                {"/ exact.abs().max()": "/ exact.max()"},
            ),
        ),
        variants=(
            Variant(
                "with torch.max and a number",
                code="def compare_gradients(exact, approximate):\n"
                "    return (torch.max(torch.abs(approximate - exact)) / exact.abs().max()).item()",
            ),
        ),
        hints=(
            "Largest absolute difference, divided by the largest absolute entry of `exact`.",
            "`(exact - approximate).abs().max()` is the upper half.",
        ),
    ),
    Exercise(
        id="1.24",
        names=("q10_updates", "q10_last"),
        mistakes=(
            Mistake(
                "The examples that do not fill a batch form one more, smaller batch.",
                values={"q10_updates": 12},
            ),
            Mistake("That is full-batch descent, with one update per epoch.", values={"q10_updates": 1}),
            Mistake("That is one update per example (batch size 1).", values={"q10_updates": 200}),
            Mistake(
                "The last batch holds what is left after twelve full ones: 200 - 12 · 16.",
                values={"q10_last": 16},
            ),
        ),
        variants=(Variant("as floats", values={"q10_updates": 13.0}),),
        hints=(
            "200 / 16 = 12.5: what happens to the half?",
            "Twelve full batches, and one of 200 - 192 examples.",
        ),
    ),
    Exercise(
        id="1.25",
        names=("q11_limit",),
        rtol=1e-3,
        mistakes=(
            Mistake(
                "At 1/a one step lands exactly in the minimum: the best step, not the largest.",
                values={"q11_limit": 0.25},
            ),
            Mistake("The gradient of ½ a w² is a w, not ½ a w.", values={"q11_limit": 1.0}),
            Mistake(
                "Bigger curvature needs a smaller step: the limit is 2 divided by a.",
                values={"q11_limit": 2.0},
            ),
            Mistake("Bigger curvature needs a smaller step: divide by a.", values={"q11_limit": 8.0}),
        ),
        variants=(Variant("as a tensor", values={"q11_limit": torch.tensor(0.5)}),),
        hints=(
            "One step: w ← w - η a w = (1 - η a) w. When does |w| shrink?",
            "|1 - η a| < 1 means 0 < η a < 2.",
        ),
    ),
    Exercise(
        id="1.26",
        names=("sgd_step",),
        inputs=draw_step,
        mistakes=(
            Mistake(
                "You climb: the gradient points uphill, so the step is *minus* learning rate times gradient.",
                {"-= learning_rate": "+= learning_rate"},
            ),
            Mistake("The learning rate is missing.", {"learning_rate * ": ""}),
            Mistake(
                "`parameter = parameter - ...` makes a new tensor and leaves the one in `params` as it was: change "
                "it in place (`-=`) or put the new one into the dictionary.",
                {
                    "parameter -= learning_rate * gradients[name]": "parameter = parameter - learning_rate * gradients[name]"
                },
            ),
            Mistake(
                "The biases are parameters too.",
                {
                    "for name, parameter in params.items():": "for name, parameter in params.items():\n        if name[0] == 'b': continue"
                },
            ),
        ),
        variants=(
            Variant(
                "replacing the entries",
                code="def sgd_step(params, gradients, learning_rate):\n"
                "    for k in params:\n        params[k] = params[k] - learning_rate * gradients[k]",
            ),
            Variant(
                "sub_",
                code="def sgd_step(params, gradients, learning_rate):\n"
                "    with torch.no_grad():\n        for k, v in params.items():\n"
                "            v.sub_(gradients[k], alpha=learning_rate)",
            ),
        ),
        hints=(
            "For every name: parameter minus learning rate times its gradient.",
            "`parameter -= ...` changes the tensor itself, so the caller's dictionary sees it.",
        ),
    ),
    Exercise(
        id="1.27",
        names=("batches",),
        inputs=lambda g: {"n": 9, "batch_size": 4, "seed": int(torch.randint(10_000, (1,), generator=g))},
        probe=probe_batches,
        parts=("first epoch", "second epoch"),
        mistakes=(
            Mistake(
                "The order must come from the `generator` that was passed, or nobody can repeat your run.",
                {", generator=generator": ""},
            ),
            Mistake(
                "Without shuffling, every epoch shows the same batches in the same order: use `torch.randperm`.",
                {"torch.randperm(n, generator=generator)": "torch.arange(n)"},
            ),
            Mistake(
                "The last, smaller batch is lost: some examples would sit out each epoch.",
                {"order.split(batch_size)": "order[: n // batch_size * batch_size].split(batch_size)"},
            ),
            Mistake(
                "Drawn with replacement: an epoch shows each example exactly once.",
                {"torch.randperm(n, generator=generator)": "torch.randint(n, (n,), generator=generator)"},
            ),
            Mistake(
                "`split` takes the size of a batch, not their number.",
                {"order.split(batch_size)": "order.chunk(batch_size)"},
            ),
        ),
        variants=(
            Variant(
                "a generator function",
                code="def batches(n, batch_size, generator):\n"
                "    order = torch.randperm(n, generator=generator)\n"
                "    for start in range(0, n, batch_size):\n        yield order[start : start + batch_size]",
            ),
        ),
        hints=(
            "Shuffle the indices 0 ... n-1 once, then cut them into pieces of batch_size.",
            "`torch.randperm(n, generator=generator).split(batch_size)` keeps the smaller last piece.",
        ),
    ),
    Exercise(
        id="1.28",
        names=("train_epoch",),
        inputs=lambda g: {
            "params": draw_params(g),
            **draw_batch(g, n=11),
            "batch_size": 4,
            "learning_rate": 0.2,
            "seed": int(torch.randint(10_000, (1,), generator=g)),
        },
        probe=probe_epoch,
        mistakes=(
            Mistake(
                "Each batch must count by its number of examples: add loss times number of rows.",
                {"total += float(loss) * len(rows)": "total += float(loss)"},
            ),
            Mistake(
                "That is the loss after the step. Take it before: it belongs to the gradient that you follow.",
                {
                    "        total += float(loss) * len(rows)\n": "",
                    "        sgd_step(params, gradients, learning_rate)\n": "        sgd_step(params, gradients, learning_rate)\n"
                    "        total += float(loss_accuracy(forward(params, x[rows]), labels[rows])[0]) * len(rows)\n",
                },
            ),
            Mistake(
                "The last batch is smaller, so the mean of the batches' losses is not the epoch's: weight each by "
                "its number of examples.",
                {"total += float(loss) * len(rows)": "total += float(loss) * len(x) / 3"},
            ),
            Mistake(
                "That is the sum over the examples; divide by their number.", {"total / len(x)": "total"}
            ),
            Mistake(
                "That is the last batch's loss: it says little about the epoch.",
                {"total / len(x)": "float(loss)"},
            ),
            Mistake(
                "Every batch must use its own rows, not the whole training set.",
                {
                    "forward(params, x[rows])": "forward(params, x)",
                    "loss_accuracy(outputs, labels[rows])": "loss_accuracy(outputs, labels)",
                    "backward(params, x[rows], outputs, labels[rows])": "backward(params, x, outputs, labels)",
                },
            ),
            Mistake(
                "The parameters did not change: the step is missing.",
                {"sgd_step(params, gradients, learning_rate)": "pass"},
            ),
            Mistake(
                "The inputs are shuffled but the labels are not: use the same rows of both.",
                {
                    "loss_accuracy(outputs, labels[rows])": "loss_accuracy(outputs, labels[: len(rows)])",
                    "outputs, labels[rows])\n        sgd": "outputs, labels[: len(rows)])\n        sgd",
                },
            ),
        ),
        variants=(
            Variant(
                "accumulating tensors",
                code="def train_epoch(params, x, labels, batch_size, learning_rate, generator):\n"
                "    losses = []\n"
                "    for i in batches(len(x), batch_size, generator):\n"
                "        xb, lb = x[i], labels[i]\n        out = forward(params, xb)\n"
                "        losses += [loss_accuracy(out, lb)[0] * len(i)]\n"
                "        sgd_step(params, backward(params, xb, out, lb), learning_rate)\n"
                "    return sum(losses) / len(x)",
            ),
        ),
        hints=(
            "For each batch of row numbers: forward, loss, backward, step. Five functions that you already have.",
            "Add up loss times the number of rows, and divide by the number of examples at the end.",
        ),
    ),
    Exercise(
        id="1.29",
        names=("gradient_passing",),
        inputs=lambda g: {"h": torch.tanh(2 * torch.randn(6, 4, generator=g))},
        mistakes=(
            Mistake(
                "That is |h|, large when the unit is saturated; asked is what the gradient is multiplied by.",
                {"(1 - h**2).mean(dim=0)": "h.abs().mean(dim=0)"},
            ),
            Mistake(
                "One number per hidden unit: average over the batch (dim=0), not over the units.",
                {"mean(dim=0)": "mean(dim=1)"},
            ),
            Mistake("One number per hidden unit: average over the batch only.", {"mean(dim=0)": "mean()"}),
            Mistake("h is already tanh(h_tilde).", {"1 - h**2": "1 - torch.tanh(h) ** 2"}),
        ),
        variants=(
            Variant("as a sum", code="def gradient_passing(h):\n    return (1 - h * h).sum(0) / h.shape[0]"),
        ),
        hints=("By what does the backward pass multiply at the tanh?", "1 - h², averaged over the examples."),
    ),
    Exercise(
        id="1.30",
        names=("q_distinct", "q_remedy"),
        mistakes=(
            Mistake(
                "They receive the same gradient at every step, so they never part.", values={"q_distinct": 10}
            ),
            Mistake(
                "One unit is still one unit: it computes something, and moves.", values={"q_distinct": 0}
            ),
            Mistake("A larger learning rate moves all of them further, together.", values={"q_remedy": "a"}),
            Mistake("More units that start equal stay equal, too.", values={"q_remedy": "b"}),
        ),
        variants=(Variant("capital letter", values={"q_remedy": "C"}),),
        hints=(
            "Two units with equal weights: compare their rows in the gradient of 1.20.",
            "Equal rows of Wh and equal columns of Wy get equal gradients; only a random start tells them apart.",
        ),
    ),
)

NOTEBOOK = Notebook(
    id="01",
    name="01_manual_backprop",
    title="Backpropagation by hand",
    data=(),
    minutes={"smoke": 0.15, "laptop": 0.2, "full": 0.25},
    exercises=EXERCISES,
    withheld=("models.manual_mlp", "training.tanh_stack"),
)
