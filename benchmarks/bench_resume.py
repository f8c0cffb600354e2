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
from functools import partial
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
        said: list[str] = []
        undisturbed = partial(trained, [*command, "--train", f"{folder}/undisturbed.pt"], said)
        cpu, wall = timed(undisturbed, device)
        steps = len(_steps(said))
        while len(kills) < arguments.kills:
            checkpoint = Path(folder) / f"{len(kills)}.pt"
            again = [*command, "--train", str(checkpoint)]
            before: list[str] = []
            after: list[str] = []
            moment = draw.randint(1, steps - 1), draw.uniform(0, wall / steps)
            cpu_killed, wall_killed = timed(partial(killed, again, *moment, before), device)
            if said[-1] in before:  # it had ended already
                checkpoint.unlink()
                continue
            half_written = any(checkpoint.parent.glob(f".{checkpoint.name}.*"))
            cpu_resumed, wall_resumed = timed(partial(trained, again, after), device)
            kill = {
                "after step": max(_steps(before)),
                "while writing": half_written,
                "identical": after[-1] == said[-1],
                "steps twice": len(_steps(before) & _steps(after)),
                "wall seconds lost": round(wall_killed + wall_resumed - wall, 2),
                "CPU seconds lost": round(cpu_killed + cpu_resumed - cpu, 2),
            }
            kills.append(kill)
            print(
                f"kill {len(kills)} after step {kill['after step']}"
                f"{', while writing' if half_written else ''}: "
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


def trained(command: list[str], said: list[str]) -> None:
    """Train to the end; add what the process says."""
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    said += done.stdout.splitlines()


def killed(command: list[str], step: int, delay: float, said: list[str]) -> None:
    """Train, and kill the process so long after a step; add what it says."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            said.append(line.strip())
            if said[-1] == f"step {step}":
                break
        time.sleep(delay)
        process.kill()
        said += process.stdout.read().splitlines()


def _say_step(training: Training) -> None:
    print("step", training.epoch * training.steps + training.step, flush=True)


def _steps(lines: list[str]) -> set[int]:
    return {int(line.removeprefix("step ")) for line in lines if line.startswith("step ")}


if __name__ == "__main__":
    sys.exit(main())
