"""Results of trials on disk: one small JSON file each, written whole or not at all.

Beside a result may lie its weights and, while it is being trained, its checkpoint.
"""

from __future__ import annotations

import io
import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from course_utils.files import write_whole
from course_utils.training.errors import TrainingError
from course_utils.training.history import History
from course_utils.training.trials import Trial

FORMAT = 1

Status = Literal["done", "diverged", "failed"]


@dataclass(frozen=True, eq=False)
class TrialResult:
    """What became of a trial. Results are equal if the trainings went alike, whatever they ran on.

    Alike is: same trial, status and message, the same numbers in the history (``nan`` equals ``nan``).

    Attributes
    ----------
    trial
        Its settings and seed.
    status
        ``"done"``; ``"diverged"``: a training loss was not finite; ``"failed"``: it could not be trained,
        for example because memory ran out. Failed trials are tried again by the next call.
    message
        Why it is not done, in a sentence; otherwise empty.
    history
        The measurements, as far as it came.
    seconds
        Wall time of its training, since it was last resumed; in a stack the whole stack's, divided by the
        number of models.
    device, engine
        What it ran on, in words, and how.
    weights
        File with the model's state dict, if weights were to be kept and the trial is done.
    """

    trial: Trial
    status: Status
    message: str
    history: History
    seconds: float
    device: str
    engine: str
    weights: Path | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TrialResult) and self.content() == other.content()

    __hash__ = None  # type: ignore[assignment]  # as for the dictionary of settings in it

    def content(self) -> dict[str, Any]:
        """Return what is the same wherever the trial was trained, as JSON can hold it."""
        return {
            "settings": self.trial.settings,
            "seed": self.trial.seed,
            "status": self.status,
            "message": self.message,
            "history": _encode(vars(self.history)),
        }

    def load_weights(self) -> dict[str, Tensor]:
        """Return the trained model's state dict, on the CPU.

        Raises
        ------
        TrainingError
            If no weights were kept.
        """
        if self.weights is None:
            raise TrainingError(
                f"No weights of {self.trial} were kept (it is {self.status}). Call fit_many with "
                "keep_weights=True and a folder."
            )
        state: dict[str, Tensor] = torch.load(self.weights, map_location="cpu", weights_only=True)
        return state


@dataclass(frozen=True)
class Study:
    """What the trials of one call have in common; everything here travels to the worker processes.

    Attributes
    ----------
    name
        The plan's.
    folder
        Where results are.
    engine
        How the trials are trained.
    keep_weights
        Whether to write the trained weights too.
    checkpoint_seconds
        Time between two checkpoints.
    threads
        1: each trial has one CPU thread; None: what `course_utils.training.devices.enough_threads` gives.
    dtype
        The caller's default dtype.
    """

    name: str
    folder: Path
    engine: str
    keep_weights: bool
    checkpoint_seconds: float
    threads: Literal[1] | None
    dtype: torch.dtype

    def file(self, trial: Trial, ending: str) -> Path:
        """Return where a trial's file lies: ``".json"`` (the result), ``".weights.pt"`` and so on."""
        readable = re.sub(r"[^A-Za-z0-9_-]+", "-", self.name)
        return self.folder / f"{readable}-{trial.digest(self.name)}{ending}"

    def is_settled(self, trial: Trial) -> bool:
        """Return whether a trial's result is there, complete, and need not be computed again."""
        result = read_result(self, trial)
        if result is None or result.status == "failed":
            return False
        return result.status == "diverged" or result.weights is not None or not self.keep_weights


def write_result(study: Study, result: TrialResult, state: dict[str, Tensor] | None = None) -> None:
    """Write a result, and before it the weights if they are to be kept; delete the checkpoint after it."""
    study.folder.mkdir(parents=True, exist_ok=True)
    if study.keep_weights and state is not None and result.status == "done":
        buffer = io.BytesIO()
        torch.save({name: value.detach().to("cpu", copy=True) for name, value in state.items()}, buffer)
        write_whole(study.file(result.trial, ".weights.pt"), buffer.getvalue())
    content = {
        "format": FORMAT,
        "plan": study.name,
        **result.content(),
        "seconds": result.seconds,
        "device": result.device,
        "engine": result.engine,
        "torch": torch.__version__,
    }
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, indent=1)
    write_whole(study.file(result.trial, ".json"), text + "\n")
    if result.status != "failed":
        study.file(result.trial, ".checkpoint.pt").unlink(missing_ok=True)


def read_result(study: Study, trial: Trial) -> TrialResult | None:
    """Return a trial's result, or None if there is none.

    Raises
    ------
    TrainingError
        If the file is damaged or another trial's; the sentence names it.
    """
    path = study.file(trial, ".json")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError:
        raise _damaged(path, "is not JSON") from None
    try:
        if content["format"] != FORMAT:
            raise _damaged(path, f"has not the format {FORMAT} of this version of the course")
        if Trial(content["settings"], content["seed"]) != trial or content["plan"] != study.name:
            raise _damaged(path, f"is not the result of {trial}")
        history = History(stopped=content["history"].pop("stopped", ""), **_decode(content["history"]))
        weights = study.file(trial, ".weights.pt")
        return TrialResult(
            trial=trial,
            status=content["status"],
            message=content["message"],
            history=history,
            seconds=content["seconds"],
            device=content["device"],
            engine=content["engine"],
            weights=weights if content["status"] == "done" and weights.exists() else None,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _damaged(path, f"is incomplete ({type(error).__name__}: {error})") from None


def _encode(value: Any) -> Any:
    # JSON has neither nan nor infinity; finite numbers come back bit for bit
    if isinstance(value, dict):
        return {name: _encode(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_encode(inner) for inner in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _decode(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _decode(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_decode(inner) for inner in value]
    return float(value) if isinstance(value, str) else value


def _damaged(path: Path, what: str) -> TrainingError:
    return TrainingError(f"{path} {what}. Delete it to compute the trial again, or name another folder.")
