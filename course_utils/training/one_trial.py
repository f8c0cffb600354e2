"""Train one trial from its plan to its result on disk: the same in whatever process it happens."""

from __future__ import annotations

import math
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import torch
from torch import nn

from course_utils.training import checkpoint as checkpoints
from course_utils.training.devices import describe_device, enough_threads, one_thread
from course_utils.training.errors import TrainingError
from course_utils.training.history import History
from course_utils.training.loop import fit
from course_utils.training.state import Training
from course_utils.training.trial_files import Status, Study, TrialResult, write_result
from course_utils.training.trials import MakePlan, Plan, Trial

# Number of threads, default dtype and global generator belong to the process.
_one_at_a_time = threading.RLock()


_planned: weakref.WeakSet[nn.Module] = weakref.WeakSet()


def train_trial(study: Study, make_plan: MakePlan, trial: Trial, progress: bool | None = False) -> None:
    """Train one trial and write its result, from its checkpoint if there is one.

    Divergence, a lack of memory, and whatever else `fit` refuses in a sentence are results. Other exceptions
    are mistakes in the plan and are raised.
    """
    running = study.file(trial, ".running")
    study.folder.mkdir(parents=True, exist_ok=True)
    threads = one_thread() if study.threads == 1 else nullcontext()  # also for what the plan computes
    with _one_at_a_time, own_surroundings(study, trial), threads:
        running.touch()
        started = time.perf_counter()
        device, history, state, message = "unknown", History(), None, ""
        try:
            plan = make_checked_plan(make_plan, trial)
            with enough_threads(plan.model):
                device = describe_device(next(plan.model.parameters()).device)
                history = _fit(plan, study, study.file(trial, ".checkpoint.pt"), progress)
            state = plan.model.state_dict()
        except TrainingError as error:
            history, message = error.history or History(), str(error)
        except (MemoryError, torch.OutOfMemoryError) as error:
            message = (
                f"The memory does not suffice to begin ({str(error).splitlines()[0]}). Use a smaller model."
            )
        finally:
            running.unlink(missing_ok=True)
        status, message = outcome(history, message)
        seconds = time.perf_counter() - started
        write_result(
            study, TrialResult(trial, status, message, history, seconds, device, study.engine), state
        )


@contextmanager
def own_surroundings(study: Study, trial: Trial) -> Iterator[None]:
    """Begin every trial alike inside the block: the caller's default dtype, PyTorch's generators seeded.

    So a plan that forgets a ``generator=`` somewhere still has the same results on every engine.
    """
    dtype = torch.get_default_dtype()
    gpus = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
    with torch.random.fork_rng(gpus):
        torch.manual_seed(trial.seed)
        torch.set_default_dtype(study.dtype)
        try:
            yield
        finally:
            torch.set_default_dtype(dtype)


def make_checked_plan(make_plan: MakePlan, trial: Trial) -> Plan:
    """Return a trial's plan; raise if the function does not return one, with a model of its own."""
    plan = make_plan(trial.own_settings(), trial.seed)
    if not isinstance(plan, Plan):
        raise TypeError(
            f"The plan function must return a course_utils.training.many.Plan, but returned {plan!r}."
        )
    if plan.model in _planned:
        raise ValueError(
            "The plan returned a model that it had returned for another trial, so that one would begin where "
            "the other ended. Make the model inside the plan function."
        )
    _planned.add(plan.model)
    return plan


def outcome(history: History, message: str) -> tuple[Status, str]:
    """Return what became of a training, and why in a sentence, in the same words on every engine."""
    if history.diverged:
        losses = zip(history.epochs, history.train_loss, strict=True)
        epoch, loss = next((epoch, loss) for epoch, loss in losses if not math.isfinite(loss))
        return (
            "diverged",
            f"Training diverged: the loss is {loss} after epoch {epoch}. Lower the learning rate.",
        )
    return ("failed" if message else "done"), message


def _fit(plan: Plan, study: Study, checkpoint: Path, progress: bool | None) -> History:
    arguments = plan.arguments()
    arguments["callbacks"] = (*plan.callbacks, _saving(checkpoint, study.checkpoint_seconds))
    # fit counts steps between checkpoints; here time decides
    return fit(**arguments, checkpoint=checkpoint, checkpoint_every=sys.maxsize, progress=progress)


def _saving(path: Path, seconds: float) -> Callable[[Training], None]:
    """Return a callback that writes a checkpoint when so much time has passed since the last one."""
    written = time.monotonic()

    def save(training: Training) -> None:
        nonlocal written
        if time.monotonic() - written >= seconds:
            checkpoints.save(path, training)
            written = time.monotonic()

    return save
