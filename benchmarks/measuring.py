"""What all benchmarks share: taking turns, CPU seconds beside wall seconds, figures with their origin."""

from __future__ import annotations

import contextlib
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import psutil
import torch


def interleaved(
    ways: Mapping[str, Callable[[], object]],
    *,
    pairs: int,
    device: torch.device,
    between: Callable[[], object] = lambda: None,
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Time several ways in turns, in alternating order: a machine that is busy for a while slows them all.

    Parameters
    ----------
    ways
        Name -> what is timed. What has to run once beforehand runs before.
    pairs
        Turns of each way.
    device
        Where they compute: a GPU is waited for.
    between
        Called before each turn, untimed.

    Returns
    -------
    tuple of dict
        CPU seconds, of this process and its children, and wall seconds: name -> one for each turn.
    """
    cpu: dict[str, list[float]] = {name: [] for name in ways}
    wall: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(pairs):
        for name in ways if turn % 2 == 0 else reversed(ways):
            between()
            cpu_seconds, wall_seconds = timed(ways[name], device)
            cpu[name].append(cpu_seconds)
            wall[name].append(wall_seconds)
    return cpu, wall


def timed(work: Callable[[], object], device: torch.device) -> tuple[float, float]:
    """Return CPU seconds, of this process and its children, and wall seconds of ``work()``."""
    _wait_for(device)
    cpu, wall = _cpu_seconds(), time.perf_counter()
    work()
    _wait_for(device)
    return _cpu_seconds() - cpu, time.perf_counter() - wall


def ratios(numerators: Iterable[float], denominators: Iterable[float]) -> dict[str, float]:
    """Return the spread of the turns' ratios."""
    return spread([a / b for a, b in zip(numerators, denominators, strict=True)])


def spread(values: list[float]) -> dict[str, float]:
    """Return median, lowest and highest."""
    return {
        "median": round(statistics.median(values), 4),
        "lowest": round(min(values), 4),
        "highest": round(max(values), 4),
    }


def write_record(path: Path, record: Mapping[str, object]) -> None:
    """Write a benchmark's figures as JSON, with the versions of the code, of PyTorch and of Python."""
    versions = {"code": code_version(), "torch": torch.__version__, "python": sys.version.split()[0]}
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({**record, **versions}, indent=1, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


def code_version() -> str:
    """Return the commit, with "+ changes" where the checkout differs from it."""
    folder = Path(__file__).parent
    try:
        commit, changes = (
            subprocess.run(
                ["git", *words], cwd=folder, capture_output=True, text=True, check=True
            ).stdout.strip()
            for words in (["rev-parse", "--short=12", "HEAD"], ["status", "--porcelain"])
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown (not a git checkout)"
    return commit + (" + changes" if changes else "")


def _wait_for(device: torch.device) -> None:
    if device.type != "cpu":
        torch.get_device_module(device).synchronize()


def _cpu_seconds() -> float:
    """Return the CPU seconds of this process and of its children; these are known to a hundredth only."""
    this = psutil.Process()
    ended = this.cpu_times()  # on Windows children that have ended are missing
    total = time.process_time() + ended.children_user + ended.children_system
    for child in this.children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            of_child = child.cpu_times()
            total += of_child.user + of_child.system + of_child.children_user + of_child.children_system
    return float(total)
