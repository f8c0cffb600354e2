"""Where trials are trained: here, in worker processes, on a Dask cluster, or as Slurm jobs.

Every engine calls `train_trial`, which writes a trial's result before it returns. So a worker that is lost
takes no result with it: what is missing is trained again, from its last checkpoint.
"""

from __future__ import annotations

import importlib
import pickle
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from course_utils.machine import cores
from course_utils.training.errors import TrainingError
from course_utils.training.history import History
from course_utils.training.one_trial import train_trial
from course_utils.training.trial_files import Study, TrialResult, read_result, write_result
from course_utils.training.trials import MakePlan, Trial

Moved = Callable[[float], object]
"""Called with the number of trials just finished; a part of a trial counts as a part."""


def train_here(
    study: Study, plan: MakePlan, trials: Sequence[Trial], moved: Moved, *, progress: bool | None
) -> None:
    """Train one after another in this process."""
    for trial in trials:
        train_trial(study, plan, trial, progress=progress)
        moved(1)


def train_in_processes(
    study: Study, plan: MakePlan, trials: Sequence[Trial], moved: Moved, *, workers: int | None
) -> None:
    """Train in worker processes of one thread each, at most ``workers`` at once (default: one per core)."""
    from joblib import Parallel, delayed, parallel_config

    def together(batch: Sequence[Trial], at_once: int) -> None:
        # with n_jobs=1 joblib would train in this very process; a second worker without a task costs little
        parts = [batch] if at_once > 1 else [[trial] for trial in batch]
        with parallel_config("loky", n_jobs=max(2, at_once), inner_max_num_threads=1, idle_worker_timeout=60):
            try:
                for part in parts:
                    tasks = (delayed(train_trial)(study, plan, trial) for trial in part)
                    for _ in Parallel(batch_size=1, return_as="generator_unordered")(tasks):
                        moved(1)
            except BrokenProcessPool:
                raise _WorkerLost from None
            except pickle.PicklingError as error:
                raise TrainingError(
                    f"The plan cannot be sent to worker processes ({error.__cause__ or error}). Let it make "
                    "or load inside what it uses, instead of taking it from outside."
                ) from None

    _until_all_have_results(study, trials, together, moved, at_once=workers or cores(), losses=2)


def train_on_dask(
    study: Study, plan: MakePlan, trials: Sequence[Trial], moved: Moved, *, client: Any
) -> None:
    """Train on the workers of a Dask cluster, each trial with one thread.

    A worker should have one thread: a process trains one trial at a time, whatever threads Dask gives it.
    Tasks go to Dask itself, not through joblib's Dask backend, which waits for ever for a task that Dask has
    given up after its worker was killed (joblib 1.6, ``DaskDistributedBackend._collect``).
    """
    _need("distributed")
    from distributed import KilledWorker, as_completed, get_client

    if client is None:
        try:
            client = get_client()
        except ValueError:
            raise TrainingError(
                "engine='dask' found no Dask client. Make one first, for example `client = distributed."
                "Client(n_workers=2, threads_per_worker=1)`, and give it as cluster=client."
            ) from None

    def together(batch: Sequence[Trial], _at_once: int) -> None:
        futures = [client.submit(train_trial, study, plan, trial, pure=False) for trial in batch]
        lost = False
        try:
            for future in as_completed(futures):
                try:
                    future.result()
                    moved(1)
                except KilledWorker:  # Dask itself has tried several times
                    lost = True
        except BaseException:
            client.cancel(futures)
            raise
        if lost:
            raise _WorkerLost

    _until_all_have_results(study, trials, together, moved, at_once=len(trials), losses=1)


def train_on_slurm(
    study: Study, plan: MakePlan, trials: Sequence[Trial], moved: Moved, *, executor: Any
) -> None:
    """Submit each trial as a job of its own through a submitit executor, and wait for all of them."""
    _need("submitit")
    from submitit.core.utils import FailedJobError, UncompletedJobError
    from submitit.helpers import as_completed

    if executor is None:
        raise TrainingError(
            "engine='slurm' needs a submitit executor that knows your cluster: `executor = submitit."
            "AutoExecutor('slurm-logs'); executor.update_parameters(timeout_min=120, cpus_per_task=1)`. "
            "Give it as cluster=executor."
        )

    def together(batch: Sequence[Trial], _at_once: int) -> None:
        with executor.batch():
            jobs = [executor.submit(train_trial, study, plan, trial) for trial in batch]
        lost = False
        try:
            for job in as_completed(jobs, poll_frequency=1):
                error = job.exception()
                if error is None:
                    moved(1)
                # killed, out of time or memory; a FailedJobError is an exception in the plan
                elif isinstance(error, UncompletedJobError) and not isinstance(error, FailedJobError):
                    lost = True
                else:
                    raise error
        except BaseException:
            for job in jobs:
                job.cancel(check=False)
            raise
        if lost:
            raise _WorkerLost

    _until_all_have_results(study, trials, together, moved, at_once=len(trials), losses=1)


PATIENCE = 60.0
"""Seconds after which a file that another machine wrote is visible in any folder that is shared."""


class _WorkerLost(Exception):
    """A worker process ended in the middle of a trial."""


def _until_all_have_results(
    study: Study,
    trials: Sequence[Trial],
    together: Callable[[Sequence[Trial], int], None],
    moved: Moved,
    *,
    at_once: int,
    losses: int,
) -> None:
    """Call ``together(trials, at_once)`` until each trial has a result.

    When a worker is lost, joblib stops the others too, and nothing says whose fault it was. Trials that were
    being trained are tried again; one that was lost ``losses`` times is tried alone, after all others, and
    if it is lost then too, that is its result.
    """
    for trial in trials:
        earlier = read_result(study, trial)
        if earlier is not None and earlier.status == "failed":
            study.file(trial, ".json").unlink()
    lost: Counter[str] = Counter()
    missing = list(trials)
    while missing:
        trusted = [trial for trial in missing if lost[trial.digest(study.name)] < losses]
        batch = trusted or missing[:1]
        for trial in batch:
            study.file(trial, ".running").unlink(missing_ok=True)
        try:
            together(batch, at_once if trusted else 1)
            broken = False
        except _WorkerLost:
            broken = True
        unfinished = _without_result(study, batch, patience=0 if broken else PATIENCE)
        missing = [trial for trial in missing if trial in unfinished or trial not in batch]
        if unfinished and not broken:
            raise TrainingError(
                f"Workers finished {len(unfinished)} trials whose results are not in {study.folder}. Give a "
                "folder that this process and all workers share."
            )
        for trial in [each for each in unfinished if study.file(each, ".running").exists()] or unfinished:
            lost[trial.digest(study.name)] += 1
            if lost[trial.digest(study.name)] > losses:
                _write_that_it_was_lost(study, trial)
                missing.remove(trial)
                moved(1)


def _without_result(study: Study, trials: Sequence[Trial], *, patience: float) -> list[Trial]:
    """Return the trials whose results are not there, after waiting for those that should be."""
    until = time.monotonic() + patience
    while missing := [trial for trial in trials if not _is_over(study, trial)]:
        if time.monotonic() >= until:
            break
        time.sleep(0.5)
    return missing


def _is_over(study: Study, trial: Trial) -> bool:
    """Return whether this call is done with a trial, well or not."""
    result = read_result(study, trial)
    return result is not None and (result.status == "failed" or study.is_settled(trial))


def _write_that_it_was_lost(study: Study, trial: Trial) -> None:
    study.file(trial, ".running").unlink(missing_ok=True)
    message = (
        "Every process that trained it was killed, probably because memory ran out: use a smaller batch or "
        "model, or free memory. The next call tries it again."
    )
    write_result(study, TrialResult(trial, "failed", message, History(), 0.0, "unknown", study.engine))


def _need(module: str) -> None:
    try:
        importlib.import_module(module)
    except ImportError:
        raise TrainingError(
            f"{module} is not installed. Install the `cluster` extra: pip install "
            "'deep-learning-notebooks[cluster]'."
        ) from None
