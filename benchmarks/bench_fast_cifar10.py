"""How long does the fast recipe take to reach the report's 74.6 % on CIFAR-10?

    python benchmarks/bench_fast_cifar10.py [--seeds 3] [--long] [--json FILE]

Each run is a process of its own that trains (`course_utils.experiments.fast_cifar10`) and then tests; runs
with one thread and with two take turns, so that a machine that is busy for a while slows both. Bars: an
accuracy of 74.6 % for every seed, 22 CPU seconds of one thread, 12 seconds by the clock with two, a peak of
1.1 GB. Loading and the test are not counted. `--long` adds eight epochs of the wider network (bar: 83.8 %).
On a shared machine only CPU seconds are the program's own. A second thread gains much less than a second core
could: the network is small, so that each operation takes a few milliseconds at most. The convolutions gain a
part of it; batch norm and all that is smaller lose, for a sleeping thread must be woken and waited for each
time (threads that spin instead gain little more, and take the core from whoever shares it).

Needs the real images: `COURSE_DATA` names their folder. On the CPU; a machine with a GPU would train there.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

from course_utils import machine  # before torch, which measuring imports: it says how threads wait

from measuring import spread, write_record  # isort: skip

BARS = {"test accuracy": 0.746, "CPU seconds": 22.0, "wall seconds": 12.0, "peak memory, GB": 1.1}
LONG_BAR = 0.838
FAST, LONG = "+ Muon", "8 epochs, widths 64 and 128"


def main() -> int:
    """Run everything, print a line for each run, and write the figures where asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=3, help="runs of each kind (default 3)")
    parser.add_argument("--long", action="store_true", help="also eight epochs, with all threads")
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    parser.add_argument("--one-run", nargs=3, metavar=("SETTING", "SEED", "THREADS"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one_run is not None:
        setting, seed, threads = arguments.one_run
        print(json.dumps(one_run(setting, int(seed), int(threads))))
        return 0
    threads = sorted({1, min(2, machine.cores())})
    runs = []
    for seed in range(arguments.seeds):
        for count in threads if seed % 2 == 0 else reversed(threads):
            runs.append(in_a_fresh_process(FAST, seed, count))
    if arguments.long:
        runs += [in_a_fresh_process(LONG, seed, machine.cores()) for seed in range(arguments.seeds)]
    record = {
        "benchmark": "bench_fast_cifar10",
        "bars": BARS | {f"test accuracy, {LONG}": LONG_BAR},
        "summary": summary(runs),
        "runs": runs,
    }
    print(json.dumps(record["summary"], indent=1))
    if arguments.json is not None:
        write_record(arguments.json, record)
    return 0


def one_run(setting: str, seed: int, threads: int) -> dict[str, object]:
    """Train and test in this process; return its figures."""
    import torch

    from course_utils.experiments.catalogue import EXPERIMENTS, at_scale
    from course_utils.experiments.fast_cifar10 import provenance, run

    torch.set_num_threads(threads)
    settings = at_scale(EXPERIMENTS["E1"].settings[setting], "laptop")
    used = provenance(settings, seed)
    outcome = run(settings, seed)
    return {
        "setting": setting,
        "seed": seed,
        "threads": threads,
        "test accuracy": outcome["test_accuracy"],
        "CPU seconds": round(outcome["cpu_seconds"], 2),
        "wall seconds": round(outcome["train_seconds"], 2),
        "peak memory, GB": round(machine.peak_memory() / 1e9, 3),
        "device": used.device,
        "data": used.source,
    }


def in_a_fresh_process(setting: str, seed: int, threads: int) -> dict[str, object]:
    """Run once in a new process, which has no memory of earlier runs; print a line and return its figures."""
    command = [sys.executable, __file__, "--one-run", setting, str(seed), str(threads)]
    environment = os.environ | {"COURSE_SCALE": "laptop", "OMP_NUM_THREADS": str(threads)}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    figures: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    print(
        f"{setting}, seed {seed}, {threads} thread{'s' * (threads > 1)}: "
        + ", ".join(f"{name} {figures[name]}" for name in BARS),
        flush=True,
    )
    return figures


def summary(runs: list[dict[str, object]]) -> list[dict[str, object]]:
    """Return median, lowest and highest of every figure, for each setting and number of threads."""
    kinds = list(dict.fromkeys((run["setting"], run["threads"]) for run in runs))
    table: list[dict[str, object]] = []
    for setting, threads in kinds:
        of_kind = [run for run in runs if (run["setting"], run["threads"]) == (setting, threads)]
        row: dict[str, object] = {"setting": setting, "threads": threads, "runs": len(of_kind)}
        for name in BARS:
            row[name] = spread([float(str(run[name])) for run in of_kind])
        table.append(row)
    return table


if __name__ == "__main__":
    sys.exit(main())
