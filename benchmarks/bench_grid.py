"""How much faster is a grid of 45 tiny networks trained at once than one after another?

    python benchmarks/bench_grid.py [--pairs 9] [--device cpu] [--json FILE]

Each pair runs both ways, one right after the other and in alternating order, so that a machine that is
busy for a while slows both; the figure is the median of the pairs' ratios. One CPU thread each. CPU
seconds stand beside wall seconds: on a shared machine only the first are the program's own.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from course_utils.training.devices import describe_device, one_thread
from course_utils.training.grid import Setting, train_grid, train_one

MODELS = 45
POINTS = 200
BAR = 6.0  # times as fast, on a CPU, for the case "2-50-2, all points in one batch"

Case = tuple[str, list[Setting], int]  # name, settings, epochs


def cases() -> list[Case]:
    """Return what is timed: networks of one size, and the mixed grid that notebook 01 explores."""
    rates = [0.01 * 1.1**k for k in range(MODELS)]
    mixed = [
        Setting(learning_rate=rate, hidden=hidden, seed=0, batch_size=10)
        for rate in (0.003, 0.01, 0.03, 0.1, 0.3)
        for hidden in (1, 2, 3, 4, 6, 8, 12, 25, 50)
    ]
    return [
        ("2-50-2, all points in one batch", [Setting(rate, 50, seed=k) for k, rate in enumerate(rates)], 60),
        ("2-50-2, batch 20", [Setting(rate, 50, seed=k, batch_size=20) for k, rate in enumerate(rates)], 6),
        ("1 to 50 hidden units, batch 10", mixed, 3),
    ]


def timed(work: Callable[[], object], device: torch.device) -> tuple[float, float]:
    """Return CPU seconds of this process and wall seconds of ``work()``."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    cpu, wall = time.process_time(), time.perf_counter()
    work()  # ends with a copy of the results to the CPU, so a GPU has finished too
    return time.process_time() - cpu, time.perf_counter() - wall


def bench(case: Case, *, pairs: int, device: torch.device) -> dict[str, object]:
    """Time one case and return its figures."""
    name, settings, epochs = case
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2 * POINTS, 2, generator=generator).to(device)
    labels = (x.norm(dim=1) > 1.2).long()
    data = (x[:POINTS], labels[:POINTS], x[POINTS:], labels[POINTS:])

    def at_once() -> None:
        train_grid(settings, *data, epochs=epochs, record_every=epochs)

    def one_by_one() -> None:
        with one_thread():
            for setting in settings:
                train_one(setting, *data, epochs=epochs, record_every=epochs)

    at_once()
    train_one(settings[0], *data, epochs=1)
    ways = {"at once": at_once, "one by one": one_by_one}
    cpu: dict[str, list[float]] = {way: [] for way in ways}
    wall: dict[str, list[float]] = {way: [] for way in ways}
    for pair in range(pairs):
        for way in list(ways) if pair % 2 == 0 else list(reversed(ways)):
            cpu_seconds, wall_seconds = timed(ways[way], device)
            cpu[way].append(cpu_seconds)
            wall[way].append(wall_seconds)
    wall_ratios = [slow / fast for slow, fast in zip(wall["one by one"], wall["at once"], strict=True)]
    cpu_ratios = [slow / fast for slow, fast in zip(cpu["one by one"], cpu["at once"], strict=True)]
    return {
        "case": name,
        "models": len(settings),
        "epochs": epochs,
        "times as fast (wall)": _spread(wall_ratios),
        "times as fast (CPU seconds)": _spread(cpu_ratios),
        "at once: wall seconds": _spread(wall["at once"]),
        "at once: CPU seconds": _spread(cpu["at once"]),
        "one by one: wall seconds": _spread(wall["one by one"]),
        "one by one: CPU seconds": _spread(cpu["one by one"]),
    }


def _spread(values: list[float]) -> dict[str, float]:
    return {
        "median": round(statistics.median(values), 4),
        "lowest": round(min(values), 4),
        "highest": round(max(values), 4),
    }


def _code_version() -> str:
    """Return the commit, with "+ changes" where the checkout differs from it."""
    folder = Path(__file__).parent
    try:
        commit = subprocess.run(
            ["git", "rev-parse", "--short=12", "HEAD"], cwd=folder, capture_output=True, text=True, check=True
        ).stdout.strip()
        changes = subprocess.run(
            ["git", "status", "--porcelain"], cwd=folder, capture_output=True, text=True, check=True
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown (not a git checkout)"
    return commit + (" + changes" if changes else "")


def main() -> int:
    """Run all cases, print a line for each, and write the figures where asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=9, help="timings of each way (default 9)")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or mps (default cpu)")
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    arguments = parser.parse_args()
    device = torch.device(arguments.device)
    with one_thread():
        device_in_words = describe_device(device)
    results = []
    for case in cases():
        result = bench(case, pairs=arguments.pairs, device=device)
        results.append(result)
        wall, cpu = result["times as fast (wall)"], result["times as fast (CPU seconds)"]
        assert isinstance(wall, dict)
        assert isinstance(cpu, dict)
        print(
            f"{case[0]}: {len(case[1])} at once are {wall['median']:.1f} times as fast "
            f"({wall['lowest']:.1f} to {wall['highest']:.1f}; by CPU seconds {cpu['median']:.1f})",
            flush=True,
        )
    record = {
        "benchmark": "bench_grid",
        "code": _code_version(),
        "device": device_in_words,
        "torch": torch.__version__,
        "python": sys.version.split()[0],
        "pairs": arguments.pairs,
        "points": POINTS,
        "bar": BAR,
        "results": results,
    }
    if arguments.json is not None:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
