"""A training on disk: everything that decides what comes next, so that it goes on as if never interrupted.

Weights, optimiser, schedule, loss scale, all random generators, the order of the present epoch and the place
in it, running means and history; in PyTorch's format, read with ``weights_only=True``, which runs no code.
A file is written beside the old one, then takes its place: whatever interrupts the writing, one whole
checkpoint is there.
"""

from __future__ import annotations

import io
import pickle
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from course_utils.files import write_whole
from course_utils.training.errors import TrainingError
from course_utils.training.history import History
from course_utils.training.state import Training

FORMAT = 1


def save(path: Path, training: Training) -> None:
    """Write the training as it stands to ``path``, whole or not at all.

    Raises
    ------
    OSError
        If the folder cannot be written.
    """
    device = training.draws.device
    content = {
        "format": FORMAT,
        "kind": _kind(training),
        "model": training.model.state_dict(),
        "optimizer": training.optimizer.state_dict(),
        "schedule": None if training.schedule is None else training.schedule.state_dict(),
        "scaler": training.scaler.state_dict(),
        "generator": training.generator.get_state(),
        "draws": training.draws.get_state(),
        "default generator": torch.get_rng_state(),
        "device generator": None if device.type == "cpu" else torch.get_device_module(device).get_rng_state(),
        "epoch": training.epoch,
        "step": training.step,
        "order": training.order,
        "stop": training.stop,
        "loss_sum": training.loss_sum,
        "right": training.right,
        "seen": training.seen,
        "history": asdict(training.history),
    }
    buffer = io.BytesIO()
    torch.save(content, buffer)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, buffer.getvalue())


def restore(path: Path, training: Training) -> None:
    """Bring ``training`` to where it stood when ``path`` was written.

    Raises
    ------
    TrainingError
        If the file is damaged or belongs to another training; nothing has been changed then.
    """
    content = _read(path)
    _check_kind(path, content["kind"], _kind(training))
    device = training.draws.device
    training.model.load_state_dict(content["model"])
    training.optimizer.load_state_dict(content["optimizer"])
    if training.schedule is not None:
        training.schedule.load_state_dict(content["schedule"])
    training.scaler.load_state_dict(content["scaler"])
    training.generator.set_state(content["generator"])
    training.draws.set_state(content["draws"])
    torch.set_rng_state(content["default generator"])
    if device.type != "cpu":
        torch.get_device_module(device).set_rng_state(content["device generator"])
    training.epoch, training.step, training.seen = content["epoch"], content["step"], content["seen"]
    training.order, training.stop = content["order"], content["stop"]
    training.loss_sum.copy_(content["loss_sum"])
    training.right.copy_(content["right"])
    # the very object that the caller may hold
    vars(training.history).update(vars(History(**content["history"])))


def _kind(training: Training) -> dict[str, Any]:
    """Return what must be alike for a training to go on from a checkpoint."""
    return {
        "parameters": {
            name: f"{tuple(value.shape)} {value.dtype}" for name, value in training.model.state_dict().items()
        },
        "optimizer": type(training.optimizer).__name__,
        "schedule": "none" if training.schedule is None else type(training.schedule).__name__,
        "number of examples": training.examples,
        "batch_size": training.batch_size,
        "device": training.draws.device.type,
    }


def _read(path: Path) -> dict[str, Any]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about formats that are refused right below
            content = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, pickle.UnpicklingError, ValueError, KeyError) as error:
        raise TrainingError(
            f"{path} is no checkpoint, or a damaged one ({type(error).__name__}). Delete it to train from "
            "the start, or name another file."
        ) from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise TrainingError(
            f"{path} is not a checkpoint of this version of the course (format {FORMAT}). Delete it to train "
            "from the start, or name another file."
        )
    return content


def _check_kind(path: Path, there: dict[str, Any], here: dict[str, Any]) -> None:
    for what, value in here.items():
        if there[what] == value:
            continue
        if what == "parameters":
            names = [name for name in {**there[what], **value} if there[what].get(name) != value.get(name)]
            before, now = there[what].get(names[0], "absent"), value.get(names[0], "absent")
            difference = f"of another model: {names[0]} is {before} there and {now} here"
        else:
            difference = f"of another training: {what} is {there[what]} there and {value} here"
        raise TrainingError(
            f"{path} is a checkpoint {difference}. Name another file, or delete this one to train from the "
            "start."
        )
