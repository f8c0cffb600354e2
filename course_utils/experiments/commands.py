"""The commands `course results run` and `course results show`."""

from __future__ import annotations

import difflib
import json
import os
import platform
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from course_utils.evaluation import ledger
from course_utils.evaluation.ledger_rows import (
    COURSE_ROWS,
    LedgerError,
    Row,
    append,
    read_rows,
    user_rows,
)
from course_utils.scale import SCALES

if TYPE_CHECKING:
    from course_utils.experiments.catalogue import Experiment, Outcome, Provenance

_PACKAGES = ("torch", "torchvision", "numpy", "scikit-learn", "deep-learning-notebooks")


def run_key(
    key: str,
    *,
    scale: str,
    seeds: int,
    setting: str | None = None,
    again: bool = False,
    official: bool = False,
) -> int:
    """Run the settings of an experiment for seeds 0, 1, ..., and add a row to the ledger after each run.

    A run whose row is there already (same setting and values, seed, scale and data) is not made again: an
    interrupted command, given again, goes on where it stopped.

    Parameters
    ----------
    key
        For example ``"A1"``.
    scale
        ``smoke``, ``laptop`` or ``full``.
    seeds
        How many, at least 1.
    setting
        Only this one; None: all.
    again
        Whether to run also what has its row already.
    official
        Whether the rows go to the course's own (a maintainer's choice), not to the user's.

    Returns
    -------
    int
        Exit status: 0, or 1 if a run failed (the rows before it are kept), 2 for an argument that does not
        exist, 130 when interrupted. What was wrong stands on standard error.
    """
    from course_utils.experiments.catalogue import EXPERIMENTS

    if key not in EXPERIMENTS:
        near = difflib.get_close_matches(key.upper(), EXPERIMENTS, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        return _refuse(f"There is no experiment {key!r}.{hint} There are {', '.join(EXPERIMENTS)}.")
    if scale not in SCALES:
        return _refuse(f"The scale is {scale!r}, but it must be one of {', '.join(SCALES)}.")
    if seeds < 1:
        return _refuse(f"seeds is {seeds}, but at least 1 seed is needed.")
    settings = EXPERIMENTS[key].settings
    if setting is not None and setting not in settings:
        return _refuse(f"{key} has no setting {setting!r}. It has {', '.join(map(repr, settings))}.")
    chosen = list(settings) if setting is None else [setting]
    folder = COURSE_ROWS if official else user_rows()
    command = f"course results run {key} --scale {scale} --seeds {seeds}" + " --official" * official
    command += f" --setting {shlex.quote(setting)}" if setting is not None else ""
    command += " --again" * again
    try:
        with _course_scale(scale):
            _run_all(key, chosen, scale=scale, seeds=seeds, again=again, folder=folder, command=command)
    except KeyboardInterrupt:
        print(f"Interrupted. The runs above are kept in {folder}.", file=sys.stderr)
        return 130
    # what our own functions raise says what to do, and torch says "out of memory" as a RuntimeError
    except (ValueError, OSError, RuntimeError) as error:
        print(f"{key} stopped: {error}\nThe runs above, if any, are kept in {folder}.", file=sys.stderr)
        return 1
    return 0


def show(key: str | None, *, as_json: bool) -> int:
    """Print what came out beside what the report says: of one experiment, or of all.

    Parameters
    ----------
    key
        For example ``"A1"``; None: all.
    as_json
        Print a JSON list of all comparisons instead of tables.

    Returns
    -------
    int
        Exit status: 0, 1 for a damaged ledger, 2 for an unknown key.
    """
    if key is not None and key not in ledger.known_keys():
        return _refuse(f"The ledger knows nothing of {key!r}. It has {', '.join(ledger.known_keys())}.")
    try:
        chosen = ledger.known_keys() if key is None else [key]
        if as_json:
            comparisons = [asdict(comparison) for one in chosen for comparison in ledger.compare(one)]
            print(json.dumps(comparisons, ensure_ascii=False, indent=1))
        else:
            print("\n\n".join(f"{one}\n\n{ledger.table(one)}" for one in chosen))
    except LedgerError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _run_all(
    key: str, chosen: list[str], *, scale: str, seeds: int, again: bool, folder: Path, command: str
) -> None:
    from course_utils.experiments.catalogue import EXPERIMENTS, at_scale

    experiment = EXPERIMENTS[key]
    run, provenance = experiment.load()
    there = read_rows(key, folder=folder)
    missing = []
    for setting in chosen:
        settings = at_scale(experiment.settings[setting], scale)
        for seed in range(seeds):
            used = provenance(settings, seed)  # first: data may be decoded or downloaded, which is not timed
            identity = (setting, settings, seed, scale, used.content_hash)
            if not again and any(
                identity == (row.setting, row.settings, row.seed, row.scale, row.data_hash) for row in there
            ):
                print(f"{key}, {setting}, seed {seed}: has its row (--again runs it once more)", flush=True)
            else:
                missing.append(_Run(key, setting, settings, seed, scale, used, command))
    if experiment.many:
        _train_many(experiment, missing, folder=folder, again=again)
        missing = []
    for one in missing:
        began = time.perf_counter()
        outcome = run(one.settings, one.seed)
        one.add_row(outcome, time.perf_counter() - began, folder=folder)
    print(f"The rows are in {folder}. `course results show {key}` sets them beside the report.")


@dataclass(frozen=True)
class _Run:
    """A run that has no row yet."""

    key: str
    setting: str
    settings: dict[str, Any]
    seed: int
    scale: str
    used: Provenance
    command: str

    def add_row(self, outcome: Outcome, seconds: float, *, folder: Path) -> None:
        """Write what came out into the ledger, and print it."""
        metrics = dict(outcome)
        curves = metrics.pop("curves", {})
        row = Row(
            key=self.key,
            setting=self.setting,
            settings=self.settings,
            seed=self.seed,
            metrics=metrics,
            curves=curves,
            scale=self.scale,
            data=self.used.source,
            data_hash=self.used.content_hash,
            device=self.used.device,
            seconds=round(seconds, 3),
            versions=_versions(),
            command=self.command,
        )
        append(row, folder=folder)
        shown = ", ".join(f"{name} {value:.4g}" for name, value in list(metrics.items())[:4])
        print(f"{self.key}, {self.setting}, seed {self.seed}: {shown} ({seconds:.1f} s)", flush=True)


def _train_many(experiment: Experiment, missing: Sequence[_Run], *, folder: Path, again: bool) -> None:
    """Train all runs by one call of `fit_many`, and add their rows.

    Until it has its row, what is trained lies in a folder beside the rows: an interrupted command, given
    again, goes on in the middle of a training.
    """
    from course_utils.training.many import Trial, fit_many

    if not missing:
        return
    (plan, _), outcome = experiment.load(), experiment.load_outcome()
    unfinished = folder / "unfinished"
    name = f"{experiment.key}-{missing[0].scale}"
    if again:
        _remove(unfinished, f"{name}-*")
    # with other data it is another trial, which must not go on from half a training
    trials = [Trial(one.settings | {"data_hash": one.used.content_hash}, one.seed) for one in missing]
    results = fit_many(plan, trials, folder=unfinished, name=name, keep_weights=True)
    failed = []
    for one, result in zip(missing, results, strict=True):
        if result.weights is None:
            failed.append(f"{one.setting}, seed {one.seed}, {result.status}: {result.message}")
            continue
        one = replace(one, used=replace(one.used, device=result.device))  # there, a trial has one thread
        one.add_row(outcome(one.settings, one.seed, result), result.seconds, folder=folder)
        _remove(unfinished, result.weights.name.partition(".")[0] + ".*")
    if failed:
        raise RuntimeError(f"{len(failed)} of {len(results)} runs have no row. {failed[0]}")


def _remove(folder: Path, pattern: str) -> None:
    for file in folder.glob(pattern):
        file.unlink()
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:  # run from a copy that is not installed
            versions[package] = "unknown"
    return versions


@contextmanager
def _course_scale(scale: str) -> Iterator[None]:
    before = os.environ.get("COURSE_SCALE")
    os.environ["COURSE_SCALE"] = scale
    try:
        yield
    finally:
        if before is None:
            del os.environ["COURSE_SCALE"]
        else:
            os.environ["COURSE_SCALE"] = before


def _refuse(sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return 2
