"""The commands `course results run` and `course results show`."""

from __future__ import annotations

import difflib
import json
import os
import platform
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from course_utils.evaluation import ledger
from course_utils.evaluation.ledger_rows import COURSE_ROWS, LedgerError, Row, append, user_rows
from course_utils.scale import SCALES

_PACKAGES = ("torch", "torchvision", "numpy", "scikit-learn", "deep-learning-notebooks")


def run_key(key: str, *, scale: str, seeds: int, official: bool = False) -> int:
    """Run all settings of an experiment for seeds 0, 1, ..., and add a row to the ledger after each run.

    Parameters
    ----------
    key
        For example ``"A1"``.
    scale
        ``smoke``, ``laptop`` or ``full``.
    seeds
        How many, at least 1.
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
    folder = COURSE_ROWS if official else user_rows()
    command = f"course results run {key} --scale {scale} --seeds {seeds}" + " --official" * official
    try:
        with _course_scale(scale):
            _run_all(key, scale=scale, seeds=seeds, folder=folder, command=command)
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


def _run_all(key: str, *, scale: str, seeds: int, folder: Path, command: str) -> None:
    from course_utils.experiments.catalogue import EXPERIMENTS

    experiment = EXPERIMENTS[key]
    run, provenance = experiment.load()
    for setting, settings in experiment.settings.items():
        for seed in range(seeds):
            used = provenance(settings, seed)  # first: data may be decoded or downloaded, which is not timed
            began = time.perf_counter()
            metrics = run(settings, seed)
            seconds = time.perf_counter() - began
            row = Row(
                key=key,
                setting=setting,
                settings=dict(settings),
                seed=seed,
                metrics=metrics,
                scale=scale,
                data=used.source,
                data_hash=used.content_hash,
                device=used.device,
                seconds=round(seconds, 3),
                versions=_versions(),
                command=command,
            )
            shown = ", ".join(f"{name} {value:.4g}" for name, value in list(metrics.items())[:4])
            print(f"{key}, {setting}, seed {seed}: {shown} ({seconds:.1f} s)", flush=True)
            path = append(row, folder=folder)
    print(f"Written to {path}. `course results show {key}` sets it beside the report.")


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
