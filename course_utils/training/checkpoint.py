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

FORMAT = 2

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
    content = own_state(training) | {
        "format": FORMAT,
        "model": training.model.state_dict(),
        "scaler": training.scaler.state_dict(),
        "default generator": torch.get_rng_state(),
        "device generator": (
            None if device.type == "cpu" else torch.get_device_module(device).get_rng_state(device)
        ),
        "step": training.step,
        "order": training.order,
        "loss_sum": training.loss_sum,
        "right": training.right,
        "seen": training.seen,
    }
    write(path, content)


def restore(path: Path, training: Training) -> None:
    """Bring ``training`` to where it stood when ``path`` was written.

    Raises
    ------
    TrainingError
        If the file is damaged or belongs to another training; nothing has been changed then.
    """
    content = read(path, expected=FORMAT)
    refuse_another(path, content, training)
    device = training.draws.device
    take_back(training, content)
    training.model.load_state_dict(content["model"])
    training.scaler.load_state_dict(content["scaler"])
    torch.set_rng_state(content["default generator"])
    if device.type != "cpu":
        torch.get_device_module(device).set_rng_state(content["device generator"], device)
    training.step, training.seen, training.order = content["step"], content["seen"], content["order"]
    training.loss_sum.copy_(content["loss_sum"])
    training.right.copy_(content["right"])


def own_state(training: Training) -> dict[str, Any]:
    """Return what a training has to itself also in a stack of models: all but values and running means."""
    return {
        "kind": _kind(training),
        "optimizer": training.optimizer.state_dict(),
        "schedule": None if training.schedule is None else training.schedule.state_dict(),
        "generator": training.generator.get_state(),
        "draws": training.draws.get_state(),
        "epoch": training.epoch,
        "stop": training.stop,
        "history": asdict(training.history),
    }


def take_back(training: Training, state: dict[str, Any]) -> None:
    """Bring a training to where it stood when `own_state` returned ``state``."""
    training.optimizer.load_state_dict(state["optimizer"])
    if training.schedule is not None:
        training.schedule.load_state_dict(state["schedule"])
    training.generator.set_state(state["generator"])
    training.draws.set_state(state["draws"])
    training.epoch, training.stop = state["epoch"], state["stop"]
    # the very object that the caller may hold
    vars(training.history).update(vars(History(**state["history"])))


def refuse_another(path: Path, state: dict[str, Any], training: Training) -> None:
    """Raise a `TrainingError` if ``state``, of a file at ``path``, cannot be this training's `own_state`."""
    for what, here in _kind(training).items():
        there = state["kind"][what]
        if there == here:
            continue
        if what == "parameters":
            name = next(name for name in {**there, **here} if there.get(name) != here.get(name))
            before, now = there.get(name, "absent"), here.get(name, "absent")
            difference = f"of another model: {name} is {before} there and {now} here"
        else:
            difference = f"of another training: {what} is {there} there and {here} here"
        raise TrainingError(
            f"{path} is a checkpoint {difference}. Name another file, or delete this one to train from the "
            "start."
        )
    if state["epoch"] > training.epochs:
        raise TrainingError(
            f"{path} is a checkpoint after {state['epoch']} epochs, but epochs is {training.epochs}. Train "
            "at least as long, name another file, or delete this one to train from the start."
        )


def write(path: Path, content: dict[str, Any]) -> None:
    """Write what `read` can read again, whole or not at all; raises as `save` does."""
    buffer = io.BytesIO()
    torch.save(_plain(content), buffer)
    buffer.seek(0)
    if unreadable := torch.serialization.get_unsafe_globals_in_checkpoint(buffer):
        raise TrainingError(
            f"A checkpoint cannot hold {', '.join(unreadable)}, which the state of the optimizer or of the "
            "schedule contains: let state_dict() return tensors, numbers, strings, lists and dictionaries."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(path)
    write_whole(path, buffer.getvalue())


def read(path: Path, *, expected: int | str) -> dict[str, Any]:
    """Return the content of a file of the ``expected`` format; raise a `TrainingError` for any other."""
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
    if not isinstance(content, dict) or content.get("format") != expected:
        raise TrainingError(
            f"{path} is not a checkpoint of this version of the course (format {expected}). Delete it to "
            "train from the start, or name another file."
        )
    return content


def _kind(training: Training) -> dict[str, Any]:
    """Return what must be alike for a training to go on from a checkpoint."""
    schedule = training.schedule
    kind = {
        "parameters": {
            name: f"{tuple(value.shape)} {value.dtype}" for name, value in training.model.state_dict().items()
        },
        "optimizer": type(training.optimizer).__name__,
        "number of parameters in each group of the optimizer": [
            len(group["params"]) for group in training.optimizer.param_groups
        ],
        "schedule": "none" if schedule is None else type(schedule).__name__,
        "length of the schedule": [getattr(schedule, name, None) for name in ("total_steps", "T_max")],
        **{f"{name} at the start": values for name, values in training.at_start.items()},
        "seed of the generator": training.generator.initial_seed(),
        "number of examples": training.examples,
        "batch_size": training.batch_size,
        "device": training.draws.device.type,
        "scaling of the loss for float16": training.scaler.is_enabled(),
    }
    return dict(_plain(kind))


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


def _no_checkpoint(path: Path, why: str) -> TrainingError:
    return TrainingError(
        f"{path} is no checkpoint, or a damaged one ({why}). Delete it to train from the start, or name "
        "another file."
    )
