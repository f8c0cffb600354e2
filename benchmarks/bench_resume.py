"""Is a training that was killed and resumed the same as one that was not, and what does the kill cost?

    python benchmarks/bench_resume.py [--kills 20] [--every 5] [--device cpu] [--json FILE]

A process trains the report's network with batch norm, dropout, crops, flips and a schedule, writing a
checkpoint every few steps. Each time it is killed (SIGKILL) at a moment drawn at random, then started again
by the same command; the weights at its end are compared, bit for bit, with those of a training that nobody
killed (bar: all are identical). Lost are the steps after the last checkpoint and a process's start.
`COURSE_DATA` names the folder of the real images; without them embedded ones take their place.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from course_utils import machine  # before torch: it says how threads wait

import torch  # isort: skip
from cifar10_images import cifar10
from measuring import spread, timed, write_record

from course_utils.data.augmentation import random_crop, random_flip
from course_utils.models.cnn import cnn
from course_utils.training.devices import describe_device
from course_utils.training.loop import Training, fit

IMAGES, BATCH, EPOCHS = 2500, 128, 2  # the last batch of an epoch is smaller


def main() -> int:
    """Kill and resume so often, print a line for each, and write the figures where asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=20, help="trainings, each killed once (default 20)")
    parser.add_argument("--every", type=int, default=5, help="steps between two checkpoints (default 5)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default 0)")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or mps (default cpu)")
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    parser.add_argument("--train", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.train is not None:
        train(arguments.train, arguments.every, torch.device(arguments.device))
        return 0

    draw, device = random.Random(arguments.seed), torch.device(arguments.device)
    command = [sys.executable, __file__, "--every", str(arguments.every), "--device", arguments.device]
    kills: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        whole: list[Any] = []
        cpu, wall = timed(
            lambda: whole.extend(undisturbed([*command, "--train", f"{folder}/undisturbed.pt"])), device
        )
        expected, seconds, to_first_step = whole
        attempts = 0
        while len(kills) < arguments.kills:
            attempts += 1
            again = [*command, "--train", f"{folder}/{attempts}.pt"]
            said: list[Any] = []
            cpu_both, wall_both = timed(
                lambda again=again, said=said: said.append(
                    killed_and_resumed(again, draw.uniform(0, seconds - to_first_step))
                ),
                device,
            )
            if said[0] is None:  # it had ended already
                continue
            before, after = (_steps(lines) for lines in said[0])
            kill = {
                "after step": max(before),
                "identical": said[0][1][-1] == expected,
                "steps twice": len(before & after),
                "wall seconds lost": round(wall_both - wall, 2),
                "CPU seconds lost": round(cpu_both - cpu, 2),
            }
            kills.append(kill)
            print(
                f"kill {len(kills)} after step {kill['after step']}: "
                f"{'identical' if kill['identical'] else 'DIFFERENT'}, {kill['steps twice']} steps twice, "
                f"{kill['wall seconds lost']} s lost, by CPU seconds {kill['CPU seconds lost']}",
                flush=True,
            )
    identical = sum(kill["identical"] for kill in kills)
    costs = ("steps twice", "wall seconds lost", "CPU seconds lost")
    lost = {name: spread([kill[name] for kill in kills]) for name in costs}
    twice, seconds_lost, cpu_lost = (lost[name]["median"] for name in costs)
    print(
        f"{identical} of {len(kills)} identical; a kill cost {seconds_lost:.1f} s, by CPU seconds "
        f"{cpu_lost:.1f}, and {twice:.0f} steps were done twice; without a kill {wall:.1f} s, {cpu:.1f} CPU "
        "seconds"
    )
    record = {
        "benchmark": "bench_resume",
        "device": describe_device(device),
        "data": cifar10(1)[0],
        "bar": "all identical",
        "identical": identical,
        "without a kill": {"wall seconds": round(wall, 2), "CPU seconds": round(cpu, 2)},
        "steps between checkpoints": arguments.every,
        **lost,
        "kills": kills,
    }
    if arguments.json is not None:
        write_record(arguments.json, record)
    return 0 if identical == len(kills) else 1


def train(checkpoint: Path, every: int, device: torch.device) -> None:
    """Train; print the number of each step, and at the end a hash of all weights."""
    machine.cap_threads()
    _, images, test = cifar10(IMAGES, 500)
    generator = torch.Generator().manual_seed(0)
    model = cnn(generator=generator, batch_norm=True, dropout=0.5).to(device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    steps = EPOCHS * -(-IMAGES // BATCH)
    fit(
        model,
        images,
        test,
        epochs=EPOCHS,
        optimizer=optimizer,
        schedule=torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.05, total_steps=steps),
        batch_size=BATCH,
        generator=generator,
        augment=lambda batch, draws: random_flip(random_crop(batch, draws), draws),
        callbacks=[_say_step],
        checkpoint=checkpoint,
        checkpoint_every=every,
    )
    weights = b"".join(value.cpu().numpy().tobytes() for value in model.state_dict().values())
    print("weights", hashlib.sha256(weights).hexdigest(), flush=True)


def undisturbed(command: list[str]) -> tuple[str, float, float]:
    """Return the last line (a hash of the weights), and the seconds to the end and to the first step."""
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        to_first_step = time.perf_counter() - started
        lines = process.stdout.read().splitlines()
    if process.returncode != 0:
        raise SystemExit("The training failed by itself; its error stands above.")
    return lines[-1], time.perf_counter() - started, to_first_step


def killed_and_resumed(command: list[str], delay: float) -> tuple[list[str], list[str]] | None:
    """Kill a training so long after its first step, resume it; return what both said, None if too late."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        time.sleep(delay)
        process.kill()
        before = [first, *process.stdout.read().splitlines()]
    if process.returncode == 0:
        return None
    resumed = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return before, resumed.stdout.splitlines()


def _say_step(training: Training) -> None:
    print("step", training.epoch * training.steps + training.step, flush=True)


def _steps(lines: list[str]) -> set[int]:
    return {int(line.removeprefix("step ")) for line in lines if line.startswith("step ")}


if __name__ == "__main__":
    sys.exit(main())
