"""A training on disk: everything that decides what comes next, so that it goes on as if never interrupted.

Weights, optimiser, schedule, loss scale, all random generators, the order of the present epoch and the place
in it, running means and history; in PyTorch's format, read with ``weights_only=True``, which runs no code.
A file is written beside the old one, then takes its place: whatever interrupts the writing, one whole
checkpoint is there. What a killed process left half written is removed by a later writing.
"""

from __future__ import annotations

import glob
import io
import time
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from course_utils.files import write_whole
from course_utils.training.errors import TrainingError
from course_utils.training.history import History
from course_utils.training.state import Training

FORMAT = 1

ABANDONED = 60.0
"""Seconds after which a file half written is taken for a killed process's: another may be writing now."""


def save(path: Path, training: Training) -> None:
    """Write the training as it stands to ``path``, whole or not at all.

    Raises
    ------
    OSError
        If the folder cannot be written.
    TrainingError
        If optimiser or schedule hold something that could not be read again.
    """
    device = training.draws.device
    content = {
        "format": FORMAT,
        "kind": _plain(_kind(training)),
        "model": training.model.state_dict(),
        "optimizer": _plain(training.optimizer.state_dict()),
        "schedule": None if training.schedule is None else _plain(training.schedule.state_dict()),
        "scaler": training.scaler.state_dict(),
        "generator": training.generator.get_state(),
        "draws": training.draws.get_state(),
        "default generator": torch.get_rng_state(),
        "device generator": (
            None if device.type == "cpu" else torch.get_device_module(device).get_rng_state(device)
        ),
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
    buffer.seek(0)
    if unreadable := torch.serialization.get_unsafe_globals_in_checkpoint(buffer):
        raise TrainingError(
            f"A checkpoint cannot hold {', '.join(unreadable)}, which the state of the optimizer or of the "
            "schedule contains: let state_dict() return tensors, numbers, strings, lists and dictionaries."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(path)
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
    if content["epoch"] > training.epochs:
        raise TrainingError(
            f"{path} is a checkpoint after {content['epoch']} epochs, but epochs is {training.epochs}. Train "
            "at least as long, name another file, or delete this one to train from the start."
        )
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
        torch.get_device_module(device).set_rng_state(content["device generator"], device)
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
        "number of parameters in each group of the optimizer": [
            len(group["params"]) for group in training.optimizer.param_groups
        ],
        "learning rate at the start": training.first_rates,
        "schedule": "none" if training.schedule is None else type(training.schedule).__name__,
        "length of the schedule": [
            getattr(training.schedule, name, None) for name in ("total_steps", "T_max")
        ],
        "number of examples": training.examples,
        "batch_size": training.batch_size,
        "device": training.draws.device.type,
        "scaling of the loss for float16": training.scaler.is_enabled(),
    }


def _plain(value: Any) -> Any:
    """Return nested dictionaries and lists with Python's numbers in place of NumPy's (lr=np.float64(0.1))."""
    if type(value) is dict:
        return {key: _plain(each) for key, each in value.items()}
    if type(value) in (list, tuple):
        return type(value)(map(_plain, value))
    return value.item() if isinstance(value, np.generic) else value


def _remove_abandoned(path: Path) -> None:
    for temporary in path.parent.glob(f".{glob.escape(path.name)}.*.tmp"):
        try:
            if time.time() - temporary.stat().st_mtime > ABANDONED:
                temporary.unlink()
        except OSError:  # its own process was faster
            pass


def _read(path: Path) -> dict[str, Any]:
    data = io.BytesIO(path.read_bytes())
    try:
        with zipfile.ZipFile(data) as parts:
            intact = parts.testzip() is None  # PyTorch does not look at the checksums
        data.seek(0)
        content = torch.load(data, map_location="cpu", weights_only=True) if intact else None
    except Exception as error:  # damaged bytes raise nearly everything
        raise _no_checkpoint(path, type(error).__name__) from None
    if not intact:
        raise _no_checkpoint(path, "a checksum is wrong")
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise TrainingError(
            f"{path} is not a checkpoint of this version of the course (format {FORMAT}). Delete it to train "
            "from the start, or name another file."
        )
    return content


def _no_checkpoint(path: Path, why: str) -> TrainingError:
    return TrainingError(
        f"{path} is no checkpoint, or a damaged one ({why}). Delete it to train from the start, or name "
        "another file."
    )


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
