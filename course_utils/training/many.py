"""Many trainings by one call: seeds, settings, or both, on what the machine or a cluster offers.

def plan(settings, seed):
    generator = torch.Generator().manual_seed(seed)
    model = cnn(generator=generator)
    optimizer = torch.optim.SGD(model.parameters(), lr=settings["lr"])
    return Plan(model=model, optimizer=optimizer, train=train, epochs=5, generator=generator)

trials = [Trial({"lr": lr}, seed) for lr in (0.01, 0.1) for seed in range(3)]
results = fit_many(plan, trials, folder="learning-rates")
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, get_args

import torch

from course_utils.display import is_watched
from course_utils.machine import cores
from course_utils.training.engines import (
    Moved,
    train_here,
    train_in_processes,
    train_on_dask,
    train_on_slurm,
)
from course_utils.training.errors import TrainingError
from course_utils.training.one_trial import make_checked_plan, own_surroundings
from course_utils.training.stackable import obstacle
from course_utils.training.stacked_trials import train_stacked
from course_utils.training.trial_files import Study, TrialResult, read_result
from course_utils.training.trials import MakePlan, Plan, Trial

__all__ = ["Engine", "Plan", "Trial", "TrialResult", "choose_engine", "fit_many"]

Engine = Literal["auto", "sequential", "processes", "stacked", "dask", "slurm"]

TINY = 10_000
"""Parameters from which on a model is worth a process of its own rather than a place in a stack."""


def fit_many(
    plan: MakePlan,
    trials: Sequence[Trial],
    *,
    folder: Path | str | None = None,
    engine: Engine = "auto",
    workers: int | None = None,
    cluster: Any = None,
    name: str | None = None,
    keep_weights: bool = False,
    checkpoint_seconds: float = 30.0,
    progress: bool | None = None,
) -> list[TrialResult]:
    """Train one model for each trial, and return what became of it.

    The same call has the same results on every engine: to the bit where each trial has one thread
    ("processes", "dask", "slurm" always; "sequential" for tiny models, and if `torch.set_num_threads(1)` was
    called), and but for rounding in a stack. A trial's result depends on its settings and its seed, not on
    the other trials.

    Results are files. A call that was interrupted is made again, and goes on: results that are there are
    read, not computed; a trial that was being trained goes on from its last checkpoint. Results are found by
    the plan's name, the settings and the seed: after changing the plan itself, use another folder.

    Parameters
    ----------
    plan
        ``plan(settings, seed)`` returns a `Plan`: the arguments of `fit` with a new model, optimizer and
        generator. In worker processes it is called there; so let it load large data inside (`load` opens its
        store in milliseconds) rather than take them from outside, which sends a copy along with every trial.
    trials
        Settings and seeds.
    folder
        Where results are written; by default a temporary folder, deleted at the end.
    engine
        "sequential": one after another in this process.
        "processes": in worker processes of one thread each. A worker that is killed costs its trial's time,
        never a result.
        "stacked": all at once in this process, see `course_utils.training.stacking`.
        "dask": on a Dask cluster; "slurm": as Slurm jobs. Both need the extra `cluster` and a folder that all
        workers share.
        "auto": see `choose_engine`.
    workers
        How many at once: processes (default: one per core), or models of one stack (default: all).
    cluster
        A ``distributed.Client`` (default: the current one) or a ``submitit`` executor.
    name
        The plan's, in the names of the files; by default the function's.
    keep_weights
        Whether to write each trained model's state dict beside its result.
    checkpoint_seconds
        Time between two checkpoints of a trial.
    progress
        Whether to show a bar over the trials, with the time left; by default where somebody watches.

    Returns
    -------
    list of TrialResult
        In the order of ``trials``. A trial that diverged or could not be trained says so in ``status`` and
        ``message``; the others do not notice.

    Raises
    ------
    TrainingError
        If the engine cannot train these trials, or a file in the folder is damaged.
    TypeError, ValueError
        For arguments that make no sense.
    """
    _check_arguments(plan, trials, engine, workers, keep_weights, folder)
    with nullcontext(folder) if folder is not None else tempfile.TemporaryDirectory() as place:
        study = Study(
            name=name or _name_of(plan),
            folder=Path(place).absolute(),
            engine=engine,
            keep_weights=keep_weights,
            checkpoint_seconds=checkpoint_seconds,
            threads=1,
            dtype=torch.get_default_dtype(),
        )
        by_digest = {trial.digest(study.name): trial for trial in trials}
        missing = [trial for trial in by_digest.values() if not study.is_settled(trial)]
        if missing:
            chosen = choose_engine(plan, missing) if engine == "auto" else engine
            study = replace(study, engine=chosen, threads=None if chosen == "sequential" else 1)
            alone = chosen == "sequential" and len(missing) == 1  # then fit shows how far it is
            with _bar(len(by_digest), len(missing), chosen, wanted=False if alone else progress) as moved:
                match chosen:
                    case "sequential":
                        train_here(study, plan, missing, moved, progress=progress if alone else False)
                    case "processes":
                        train_in_processes(study, plan, missing, moved, workers=workers)
                    case "stacked":
                        train_stacked(
                            study, plan, missing, moved, at_most=workers, or_else_alone=engine == "auto"
                        )
                    case "dask":
                        train_on_dask(study, plan, missing, moved, client=cluster)
                    case "slurm":
                        train_on_slurm(study, plan, missing, moved, executor=cluster)
        return [_read(study, trial) for trial in trials]


def choose_engine(plan: MakePlan, trials: Sequence[Trial]) -> Engine:
    """Return the engine that "auto" stands for; the first plan that can be made decides for all.

    - One trial: "sequential".
    - Models on feature vectors with fewer than 10 000 parameters, trained as `obstacle` demands: "stacked",
      on a CPU several times as fast (`benchmarks/bench_many.py`), because calling operations takes most of
      the time. The same is expected of a GPU, but not measured; larger models are not stacked there until
      ``bench_many.py --device cuda`` has shown that it pays.
    - Other models on a CPU of several cores: "processes", each with one thread. For tiny ones the seconds
      that a process takes to start would cost more than it brings: they are trained one after another.
    - Everything else: "sequential".
    """
    if len(trials) < 2:
        return "sequential"
    study = Study("", Path(), "auto", False, 0.0, 1, torch.get_default_dtype())
    for trial in trials:
        with own_surroundings(study, trial):
            try:
                first = make_checked_plan(plan, trial)
            except TrainingError:  # this trial's own result will say so
                continue
            tiny = sum(parameter.numel() for parameter in first.model.parameters()) < TINY
            if tiny and first.train.images.ndim == 2 and obstacle(first) is None:
                return "stacked"
            break
    else:
        return "sequential"
    on_cpu = next(first.model.parameters()).device.type == "cpu"
    return "processes" if on_cpu and not tiny and cores() > 1 else "sequential"


def _read(study: Study, trial: Trial) -> TrialResult:
    result = read_result(study, trial)
    assert result is not None  # every engine writes one for every trial, or raises
    return result


@contextmanager
def _bar(trials: int, missing: int, engine: Engine, *, wanted: bool | None) -> Iterator[Moved]:
    """Yield a function that moves a bar over the trials, if there is to be one."""
    if not (is_watched() if wanted is None else wanted):
        yield lambda _trials: None
        return
    from tqdm.auto import tqdm

    count = "{n:.1f}" if engine == "stacked" else "{n:.0f}"
    form = "{desc}: " + count + " of {total} |{bar}| {elapsed}, {remaining} left"
    done = trials - missing
    with tqdm(total=trials, initial=done, desc=f"trials ({engine})", bar_format=form, leave=False) as bar:
        yield bar.update


def _name_of(plan: MakePlan) -> str:
    name = getattr(plan, "__name__", "<lambda>")
    if name == "<lambda>":
        raise ValueError(
            "The plan has no name to find its results by: give name='...', or define the function with def."
        )
    return str(name)


def _check_arguments(
    plan: MakePlan,
    trials: Sequence[Trial],
    engine: str,
    workers: int | None,
    keep_weights: bool,
    folder: Path | str | None,
) -> None:
    if not callable(plan):
        raise TypeError(
            f"plan is {plan!r}, but must be a function: plan(settings, seed) returns a Plan with a new model."
        )
    for index, trial in enumerate(trials):
        if not isinstance(trial, Trial):
            raise TypeError(
                f"trials[{index}] is {trial!r}, but must be a Trial, as in Trial({{'lr': 0.1}}, 0)."
            )
    if engine not in get_args(Engine):
        raise ValueError(f"engine is {engine!r}, but must be one of {', '.join(get_args(Engine))}.")
    if workers is not None and workers < 1:
        raise ValueError(f"workers is {workers}, but must be at least 1, or None.")
    if keep_weights and folder is None:
        raise ValueError("keep_weights=True needs a folder: without one everything written is deleted.")
