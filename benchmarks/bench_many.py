"""How much faster does `fit_many` train many models than one after another?

    python benchmarks/bench_many.py [--pairs 5] [--images 6400] [--device cpu] [--json FILE]

On a CPU:
- 8 of the report's networks (A9): worker processes of one thread each against one after another on all
  threads. The processes run already when timing begins, as they do from the second of several calls on; what
  starting them takes is measured for itself, and the ratio of a first call is given too.
- Tiny networks on points in the plane: stacked against one after another.

With ``--device cuda``: 8 and 16 of A9 stacked against one after another, and the tiny networks.

Both ways write their results as `fit_many` always does. Ways take turns, in alternating order, so that a
machine that is busy for a while slows both; figures are medians of the turns' ratios. CPU seconds stand
beside them: on a shared machine only these are the program's own.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from course_utils import machine  # before torch: it says how threads wait

import torch  # isort: skip
from joblib.externals.loky import get_reusable_executor
from measuring import interleaved, ratios, spread, timed, write_record

from course_utils.data import Split
from course_utils.models.cnn import cnn
from course_utils.models.mlp import tanh_mlp
from course_utils.training.devices import describe_device
from course_utils.training.many import Engine, Plan, Trial, fit_many
from course_utils.training.precision import Precision

BAR = 1.1  # times as fast, for A9 in processes on a CPU


def main() -> int:
    """Run all cases, print a line for each, and write the figures where asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=5, help="turns of each way (default 5)")
    parser.add_argument("--images", type=int, default=6400, help="training images of A9 (default 6400)")
    parser.add_argument("--device", default="cpu", help="cpu or cuda (default cpu)")
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    arguments = parser.parse_args()
    machine.cap_threads()
    device = torch.device(arguments.device)
    print(f"{describe_device(device)}; {machine.cores()} cores", flush=True)

    results = []
    precisions: tuple[Precision, ...] = ("float32", "auto")
    for precision in precisions:
        if device.type == "cpu":
            results.append(bench_processes(arguments.images, precision, arguments.pairs))
        else:
            for models in (8, 16):
                plan = partial(a9, count=arguments.images, precision=precision, device=arguments.device)
                name = f"{models} of A9 stacked, precision {precision}"
                results.append(bench_stack(name, plan, models, arguments.pairs, device))
    for batch_size in (20, None):
        for models in (9, 45, 180):
            plan = partial(tiny, batch_size=batch_size, device=arguments.device)
            name = f"{models} networks 2-50-2 stacked, 200 points, batch {batch_size or 'of all'}"
            results.append(bench_stack(name, plan, models, arguments.pairs, device))
    record = {
        "benchmark": "bench_many",
        "device": describe_device(device),
        "cores": machine.cores(),
        "images of A9": arguments.images,
        "turns": arguments.pairs,
        "bar": BAR if device.type == "cpu" else None,
        "results": results,
    }
    if arguments.json is not None:
        write_record(arguments.json, record)
    return 0


def bench_processes(count: int, precision: Precision, pairs: int) -> dict[str, object]:
    """Time 8 of A9 in processes and one after another."""
    plan = partial(a9, count=count, precision=precision, device="cpu")
    device = torch.device("cpu")
    ways = {"processes": training(plan, 8, "processes"), "one by one": training(plan, 8, "sequential")}
    warm_up = training(partial(a9, count=128, precision=precision, device="cpu"), 2, "processes")
    get_reusable_executor().shutdown(wait=True)
    _, first = timed(warm_up, device)
    training(partial(a9, count=128, precision=precision, device="cpu"), 1, "sequential")()
    _, again = timed(warm_up, device)
    start = max(0.0, first - again)
    # idle processes end after a minute
    cpu, wall = interleaved(ways, pairs=pairs, device=device, between=warm_up)
    name = f"8 of A9 in processes of one thread, {count} images, precision {precision}"
    result = figures(name, "processes", cpu, wall)
    with_start = [seconds + start for seconds in wall["processes"]]
    result["seconds to start the processes"] = round(start, 2)
    result["times as fast (wall), with starting them"] = ratios(wall["one by one"], with_start)
    return result


def bench_stack(
    name: str, plan: Callable[..., Plan], models: int, pairs: int, device: torch.device
) -> dict[str, object]:
    """Time models in a stack and one after another."""
    ways = {"stacked": training(plan, models, "stacked"), "one by one": training(plan, models, "sequential")}
    for engine in ("stacked", "sequential"):
        training(plan, 2, engine)()
    cpu, wall = interleaved(ways, pairs=pairs, device=device)
    return figures(name, "stacked", cpu, wall)


def training(plan: Callable[..., Plan], models: int, engine: Engine) -> Callable[[], object]:
    """Return the training of so many models by an engine."""
    trials = [Trial({"lr": 0.01 * 1.02**number}, number) for number in range(models)]

    def work() -> None:
        results = fit_many(plan, trials, engine=engine, name="bench")
        assert all(result.status == "done" for result in results), results

    return work


def a9(settings: dict[str, float], seed: int, *, count: int, precision: Precision, device: str) -> Plan:
    """Plan an epoch of the report's network on random pixels, which take as long as any others."""
    data = torch.Generator().manual_seed(0)
    images = torch.randint(256, (count, 3, 32, 32), generator=data, dtype=torch.uint8)
    labels = torch.randint(10, (count,), generator=data)
    generator = torch.Generator().manual_seed(seed)
    model = cnn(generator=generator).to(device)
    return Plan(
        model=model,
        train=Split(images.to(device), labels.to(device)),
        epochs=1,
        optimizer=torch.optim.SGD(model.parameters(), lr=settings["lr"], momentum=0.9),
        generator=generator,
        precision=precision,
    )


def tiny(settings: dict[str, float], seed: int, *, batch_size: int | None, device: str) -> Plan:
    """Plan 20 epochs of a network on 200 points in the plane."""
    points = torch.randn(200, 2, generator=torch.Generator().manual_seed(0))
    labels = (points.norm(dim=1) > 1.2).long()
    generator = torch.Generator().manual_seed(seed)
    model = tanh_mlp(2, 50, 2, generator=generator).to(device)
    return Plan(
        model=model,
        train=Split(points.to(device), labels.to(device)),
        epochs=20,
        optimizer=torch.optim.SGD(model.parameters(), lr=settings["lr"]),
        generator=generator,
        batch_size=batch_size,
    )


def figures(
    name: str, way: str, cpu: dict[str, list[float]], wall: dict[str, list[float]]
) -> dict[str, object]:
    """Print a case in a line, and return its figures."""
    by_clock = ratios(wall["one by one"], wall[way])
    by_cpu = ratios(cpu["one by one"], cpu[way])
    print(
        f"{name}: {by_clock['median']:.2f} times as fast as one by one ({by_clock['lowest']:.2f} to "
        f"{by_clock['highest']:.2f}; by CPU seconds {by_cpu['median']:.2f})",
        flush=True,
    )
    return {
        "case": name,
        "times as fast (wall)": by_clock,
        "times as fast (CPU seconds)": by_cpu,
        "wall seconds": {each: spread(seconds) for each, seconds in wall.items()},
        "CPU seconds": {each: spread(seconds) for each, seconds in cpu.items()},
    }


if __name__ == "__main__":
    sys.exit(main())
