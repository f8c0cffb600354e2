"""The engine that trains the models of many trials as one; see `course_utils.training.stacking`."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch

from course_utils import machine
from course_utils.training.devices import describe_device, device_of, one_thread
from course_utils.training.errors import TrainingError
from course_utils.training.history import History
from course_utils.training.one_trial import make_checked_plan, outcome, own_surroundings, train_trial
from course_utils.training.precision import choose_precision
from course_utils.training.stackable import families, hidden_obstacle, visible_obstacle
from course_utils.training.stacking import train_stack
from course_utils.training.trial_files import Study, TrialResult, write_result
from course_utils.training.trials import MakePlan, Plan, Trial
from course_utils.training.validation import check_start


def train_stacked(
    study: Study,
    make_plan: MakePlan,
    trials: Sequence[Trial],
    moved: Callable[[float], object],
    *,
    at_most: int | None,
    or_else_alone: bool,
) -> None:
    """Train the trials in stacks of one architecture, data set and batch size each.

    Parameters
    ----------
    at_most
        Models in one stack; None: no limit.
    or_else_alone
        What to do with a model that cannot be stacked: train it alone, or raise.

    Raises
    ------
    TrainingError
        If a model cannot be stacked, unless ``or_else_alone``; the sentence says why.
    """
    planned: list[tuple[Trial, Plan]] = []
    refused: list[tuple[Trial, str]] = []
    for trial in trials:
        with own_surroundings(study, trial):
            try:
                plan = make_checked_plan(make_plan, trial)
                _check(plan)
            except TrainingError as error:
                result = TrialResult(trial, "failed", str(error), History(), 0.0, "unknown", study.engine)
                write_result(study, result)
                moved(1)
                continue
        reason = visible_obstacle(plan)
        if reason is None:
            planned.append((trial, plan))
        else:
            refused.append((trial, reason))
    groups = [[planned[index] for index in family] for family in families([plan for _, plan in planned])]
    reasons = [hidden_obstacle(group[0][1]) for group in groups]
    for group, reason in zip(groups, reasons, strict=True):
        if reason is not None:
            refused += [(trial, reason) for trial, _ in group]
    if refused and not or_else_alone:
        trial, reason = refused[0]
        raise TrainingError(
            f"{trial} cannot be trained in a stack. {reason} Choose engine='processes' or 'sequential'."
        )
    for group, reason in zip(groups, reasons, strict=True):
        if reason is None:
            for start in range(0, len(group), at_most or len(group)):
                _train_family(study, group[start : start + (at_most or len(group))], moved)
    for trial, _ in refused:
        train_trial(replace(study, engine="sequential", threads=None), make_plan, trial)
        moved(1)


def _train_family(
    study: Study, planned: Sequence[tuple[Trial, Plan]], moved: Callable[[float], object]
) -> None:
    trials, plans = [trial for trial, _ in planned], [plan for _, plan in planned]
    members = hashlib.sha256("".join(trial.digest(study.name) for trial in trials).encode()).hexdigest()[:16]
    checkpoint = study.folder / f"stack-{members}.checkpoint.pt"
    started = time.perf_counter()
    try:
        # one thread of the CPU: what a stack is good for has no work for two
        with one_thread(), machine.keeping_freed_memory():
            device = describe_device(next(plans[0].model.parameters()).device)
            trainings = train_stack(
                plans,
                checkpoint=checkpoint,
                checkpoint_seconds=study.checkpoint_seconds,
                moved=lambda share: moved(share * len(plans)),
            )
    except torch.OutOfMemoryError:
        raise TrainingError(
            f"The memory does not suffice for a stack of {len(plans)} models. Give workers="
            f"{max(1, len(plans) // 2)}: so many are trained at once."
        ) from None
    seconds = (time.perf_counter() - started) / len(plans)
    for trial, training in zip(trials, trainings, strict=True):
        status, message = outcome(training.history, "")
        result = TrialResult(trial, status, message, training.history, seconds, device, study.engine)
        write_result(study, result, training.model.state_dict())
    checkpoint.unlink(missing_ok=True)


def _check(plan: Plan) -> None:
    """Raise a `TrainingError` where `fit` would before the first step."""
    device = device_of(plan.model, plan.train.images)
    check_start(
        plan.model,
        plan.train,
        plan.test,
        plan.optimizer,
        plan.epochs,
        plan.batch_size,
        schedule=plan.schedule,
        generator=plan.generator,
        preprocess=plan.preprocess,
        precision=choose_precision(plan.precision, device, plan.train.images),
        record_every=plan.record_every,
        train_metrics=plan.train_metrics,
    )
