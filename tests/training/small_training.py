"""A training that has everything a checkpoint must hold, in a fraction of a second; also run in processes."""

from pathlib import Path

import torch

from course_utils.data import Split
from course_utils.data.augmentation import random_crop, random_flip
from course_utils.models.cnn import cnn
from course_utils.training.loop import fit
from course_utils.training.muon import Muon

EPOCHS = 3
STEPS = 3  # of one epoch: batches of 8, 8 and 6


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def images(n, seed, *, size=8, noise=0.33):
    """Images of four patterns, with so large a share of noise."""
    draw = generator(seed)
    labels = torch.randint(4, (n,), generator=draw)
    patterns = torch.randint(256, (4, 3, size, size), generator=generator(99))
    noisy = torch.randint(256, (n, 3, size, size), generator=draw)
    return Split(((1 - noise) * patterns[labels] + noise * noisy).to(torch.uint8), labels)


def crop_and_flip(batch, draws):
    return random_flip(random_crop(batch, draws, padding=1), draws)


OPTIMIZERS = {
    "momentum": lambda model: torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-3),
    "adam": lambda model: torch.optim.AdamW(model.parameters(), lr=0.01),
    "muon": lambda model: Muon(
        [
            {"params": [each for each in model.parameters() if each.ndim > 1]},
            {"params": [each for each in model.parameters() if each.ndim == 1], "orthogonalise": False},
        ],
        lr=0.02,
    ),
}


def small_training(*, seed=5, optimizer="momentum", schedule=True, model=None, hidden=16, **changes):
    """Return `fit`'s arguments, all new: batch norm, dropout, momentum, schedule, augmentation."""
    draw = generator(seed)
    if model is None:
        model = cnn(
            generator=draw,
            classes=4,
            widths=(4, 8),
            hidden=hidden,
            image_size=8,
            batch_norm=True,
            dropout=0.3,
        )
    made = OPTIMIZERS[optimizer](model)
    arguments = {
        "model": model,
        "train": images(22, seed=1),
        "test": images(10, seed=2),
        "epochs": EPOCHS,
        "optimizer": made,
        "generator": draw,
        "batch_size": 8,
        "augment": crop_and_flip,
        "precision": "float32",
    } | changes
    if schedule:
        steps = arguments["epochs"] * -(-len(arguments["train"]) // arguments["batch_size"])
        arguments["schedule"] = torch.optim.lr_scheduler.OneCycleLR(made, 0.1, total_steps=steps)
    return arguments


def everything_of(arguments, history):
    """Return all that a training leaves: weights, optimiser, schedule, generator, history."""
    schedule = arguments.get("schedule")
    return {
        "model": arguments["model"].state_dict(),
        "optimizer": arguments["optimizer"].state_dict(),
        "schedule": schedule and schedule.state_dict(),
        "generator": arguments["generator"].get_state(),
        "history": vars(history),
    }


def same(one, other):
    """Return whether nested dictionaries and lists hold the same, tensors bit for bit."""
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


def train_in_a_process(result: Path, checkpoint: Path | None) -> None:
    """Train a network whose checkpoint takes longer to write than a step, and write what it leaves."""
    arguments = small_training(epochs=4, hidden=20_000)
    history = fit(**arguments, checkpoint=checkpoint, checkpoint_every=1)
    unfinished = result.with_suffix(".part")
    torch.save(everything_of(arguments, history), unfinished)
    unfinished.replace(result)
