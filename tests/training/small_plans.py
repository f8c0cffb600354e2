"""Small plans for the tests of `fit_many`; worker processes import this file too."""

import os
import pickle
import signal
from pathlib import Path

import torch
from joblib.externals.loky.backend import reduction

from course_utils.data import Split
from course_utils.models.cnn import cnn
from course_utils.models.mlp import tanh_mlp
from course_utils.training.many import Plan, Trial


def points(dtype=torch.float32):
    """Return 90 training and 40 test points in the plane, inside or outside a circle."""
    x = torch.randn(130, 2, generator=torch.Generator().manual_seed(0), dtype=dtype)
    labels = (x.norm(dim=1) > 1.2).long()
    return Split(x[:90], labels[:90]), Split(x[90:], labels[90:])


def mlp(settings, seed, **arguments):
    """A tanh network on points; settings: lr, momentum, decay, nesterov, hidden, batch_size, dtype."""
    generator = torch.Generator().manual_seed(seed)
    dtype = getattr(torch, settings.get("dtype", "float32"))
    train, test = points(dtype)
    model = tanh_mlp(2, settings.get("hidden", 7), 2, generator=generator).to(dtype)
    optimizer = torch.optim.SGD(
        model.parameters(),
        lr=settings.get("lr", 0.1),
        momentum=settings.get("momentum", 0.0),
        weight_decay=settings.get("decay", 0.0),
        nesterov=settings.get("nesterov", False),
    )
    defaults = {
        "model": model,
        "train": train,
        "test": test,
        "epochs": settings.get("epochs", 3),
        "optimizer": optimizer,
        "generator": generator,
        "batch_size": settings.get("batch_size", 16),
    }
    return Plan(**defaults | arguments)


def images(settings, seed, **arguments):
    """A small CNN on random 8x8 images."""
    data = torch.Generator().manual_seed(1)
    generator = torch.Generator().manual_seed(seed)
    x = torch.randint(256, (60, 3, 8, 8), generator=data, dtype=torch.uint8)
    labels = torch.randint(10, (60,), generator=data)
    model = cnn(
        generator=generator, widths=(4, 8), hidden=settings.get("hidden", 20), image_size=8,
        batch_norm=settings.get("batch_norm", False), dropout=settings.get("dropout", 0.0),
    )  # fmt: skip
    defaults = {
        "model": model,
        "train": Split(x[:40], labels[:40]),
        "test": Split(x[40:], labels[40:]),
        "epochs": 2,
        "optimizer": torch.optim.SGD(model.parameters(), lr=settings.get("lr", 0.05), momentum=0.9),
        "generator": generator,
        "batch_size": 8,
        "precision": "float32",
    }
    return Plan(**defaults | arguments)


def mortal(settings, seed):
    """As `mlp`, but its process is killed at step ``dies_at`` as long as fewer deaths are in ``deaths``.

    ``log``, a file, gets a line for every step taken.
    """

    def live(training):
        taken = training.epoch * training.steps + training.step
        with Path(settings["log"]).open("a") as log:
            log.write(f"{seed} {os.getpid()} {taken}\n")
        if taken == settings.get("dies_at") and _deaths(settings["deaths"]) < settings["lives"]:
            with Path(settings["deaths"]).open("a") as deaths:
                deaths.write("x")
            os.kill(os.getpid(), signal.SIGKILL)

    return mlp(settings, seed, callbacks=[live])


def mortal_trials(folder, **lives_and_death):
    """Return four trials of `mortal`; only the second has ``lives_and_death``."""
    here = {"deaths": str(folder / "deaths"), "log": str(folder / "log"), "lives": 1}
    return [Trial(here | lives_and_death if seed == 1 else here, seed) for seed in range(4)]


def parallel_here(**_options):
    """Stand in for ``joblib.Parallel``: tasks run in this process, but come as bytes as to another one."""

    def run(tasks):
        for task in tasks:
            function, arguments, _ = pickle.loads(reduction.dumps(task))
            yield function(*arguments)

    return run


def assert_same_to_the_bit(results, others):
    """Compare two lists of results and the weights that were kept."""
    assert results == others
    for result, other in zip(results, others, strict=True):
        ours, theirs = result.load_weights(), other.load_weights()
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def _deaths(path):
    return len(Path(path).read_text()) if Path(path).exists() else 0
