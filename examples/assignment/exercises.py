"""A worked example of an instructor's own assignment: inputs, probes, mistakes and hints of three functions.

`assignment.py` beside it is the solution notebook. Try it:

    course build examples/assignment                    (writes the notebook to hand out)
    course grade SUBMISSIONS --assignment examples/assignment --out grades
"""

import torch

from course_utils.exercises.specification import Exercise, Inputs, Mistake, Notebook, Variant


def draw_numbers(generator: torch.Generator) -> Inputs:
    """Draw a list with numbers of both signs."""
    numbers = torch.randn(7, generator=generator, dtype=torch.float64)
    numbers[0], numbers[1] = -3.0, 2.0
    return {"xs": numbers.tolist(), "empty": []}


def probe_mean_abs(names, inputs):
    """Ask for the mean of a list, of an empty one, and of a single number."""
    mean_abs = names["mean_abs"]
    return mean_abs(inputs["xs"]), mean_abs(inputs["xs"][:1]), mean_abs(inputs["empty"])


def draw_columns(generator: torch.Generator) -> Inputs:
    """Draw an array far from zero, and a constant one."""
    return {"a": (5 + 3 * torch.randn(9, generator=generator, dtype=torch.float64)).numpy()}


def probe_standardize(names, inputs):
    """Standardise the array, its numbers as a list, and a constant array."""
    import numpy as np

    standardize, a = names["standardize"], inputs["a"]
    return standardize(a), standardize(a.tolist()), standardize(np.full(4, a[0]))


def draw_logits(generator: torch.Generator) -> Inputs:
    """Draw scores of usual size."""
    return {"x": (2 * torch.randn(6, generator=generator, dtype=torch.float64)).numpy()}


def probe_softmax(names, inputs):
    """Ask for usual scores, and for scores whose exponential is infinite or rounds to zero."""
    softmax, x = names["softmax"], inputs["x"]
    return softmax(x), softmax(x + 1000), softmax(x - 1000), softmax(300 * x)


NOTEBOOK = Notebook(
    id="assignment",
    name="assignment",
    title="Three functions",
    data=(),
    minutes={"smoke": 0.1, "laptop": 0.1, "full": 0.1},
    exercises=(
        Exercise(
            id="ex1",
            names=("mean_abs",),
            inputs=draw_numbers,
            probe=probe_mean_abs,
            parts=("of seven numbers", "of one number", "of an empty list"),
            mistakes=(
                Mistake("The signs are still there: take `abs(x)` of each number.", {"abs(x)": "x"}),
                Mistake(
                    "This is the absolute value of the mean, where numbers of both signs cancel.",
                    code="def mean_abs(xs):\n    return abs(sum(xs)) / len(xs) if xs else 0",
                ),
                Mistake("This is the sum: divide by how many there are.", {" / len(xs)": ""}),
            ),
            variants=(
                Variant(
                    "NumPy",
                    code="import numpy as np\ndef mean_abs(xs):\n"
                    "    return np.abs(xs).mean() if len(xs) else 0.0",
                ),
            ),
            hints=("What should become of -3?", "`sum(abs(x) for x in xs)`, and look at the empty list."),
        ),
        Exercise(
            id="ex2",
            names=("standardize",),
            inputs=draw_columns,
            probe=probe_standardize,
            parts=("of an array", "of a list", "of a constant array"),
            mistakes=(
                Mistake(
                    "The standard deviation of the population divides by n, not by n - 1.",
                    {"a.std()": "a.std(ddof=1)"},
                ),
                Mistake("Divided by the variance: take its root.", {"a.std()": "a.var()"}),
                Mistake("The mean was not subtracted.", {"(a - a.mean())": "a"}),
            ),
            variants=(
                Variant(
                    "centred first",
                    code="import numpy as np\ndef standardize(a):\n"
                    "    a = np.asarray(a, float) - np.mean(a)\n    s = np.sqrt((a * a).mean())\n"
                    "    return a / s if s > 0 else a",
                ),
            ),
            hints=("Which mean and deviation should the result have?", "What is 0 / 0?"),
        ),
        Exercise(
            id="ex3",
            names=("softmax",),
            inputs=draw_logits,
            probe=probe_softmax,
            parts=("of usual scores", "of large scores", "of very negative scores", "of scores far apart"),
            atol=1e-12,
            mistakes=(
                Mistake(
                    "Right for small scores, but e¹⁰⁰⁰ is infinite: subtract the largest score first.",
                    {"x - x.max()": "x"},
                    credit=0.4,
                ),
                Mistake("The exponentials do not add up to 1: divide by their sum.", {"e / e.sum()": "e"}),
                Mistake(
                    "Their squares add up to 1, not they themselves: divide by the sum.",
                    {"e.sum()": "np.linalg.norm(e)"},
                ),
            ),
            variants=(
                Variant(
                    "logarithms",
                    code="import numpy as np\ndef softmax(x):\n    x = np.asarray(x, float)\n"
                    "    x = x - x.max()\n    return np.exp(x - np.log(np.exp(x).sum()))",
                ),
            ),
            hints=("Adding the same number to all scores changes nothing.", "Which number keeps e^x finite?"),
        ),
    ),
)
