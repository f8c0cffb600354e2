"""How much faster is a grid of 45 tiny networks trained at once than one after another?

    python benchmarks/bench_grid.py [--pairs 9] [--device cpu] [--json FILE]

Each pair runs both ways, one right after the other and in alternating order, so that a machine that is
busy for a while slows both; the figure is the median of the pairs' ratios. One CPU thread each. CPU
seconds stand beside wall seconds: on a shared machine only the first are the program's own.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import course_utils  # noqa: F401  # before torch: it says how threads wait

import torch  # isort: skip
from measuring import interleaved, ratios, spread, write_record

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
    cpu, wall = interleaved({"at once": at_once, "one by one": one_by_one}, pairs=pairs, device=device)
    return {
        "case": name,
        "models": len(settings),
        "epochs": epochs,
        "times as fast (wall)": ratios(wall["one by one"], wall["at once"]),
        "times as fast (CPU seconds)": ratios(cpu["one by one"], cpu["at once"]),
        "at once: wall seconds": spread(wall["at once"]),
        "at once: CPU seconds": spread(cpu["at once"]),
        "one by one: wall seconds": spread(wall["one by one"]),
        "one by one: CPU seconds": spread(cpu["one by one"]),
    }


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
        "device": device_in_words,
        "pairs": arguments.pairs,
        "points": POINTS,
        "bar": BAR,
        "results": results,
    }
    if arguments.json is not None:
        write_record(arguments.json, record)
    return 0


if __name__ == "__main__":
    sys.exit(main())
