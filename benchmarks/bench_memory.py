"""How much memory does training on CIFAR-10 take?

    python benchmarks/bench_memory.py [--images 50000] [--device cpu] [--json FILE]

A fresh process for each case: the report's network (A9) at the defaults of `fit`, and with all improvements;
one epoch, then the test. The figure is the largest resident memory of the process, imports included (bar:
1.1 GB, what fits Binder beside a notebook server), and what of it was there before training. On a GPU it is
the computer's own memory, not the GPU's. `COURSE_DATA` names the folder of the real images, which stay in a
file that is mapped into memory; without them embedded ones, repeated, take their place.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from course_utils import machine  # before torch: it says how threads wait

BAR = 1.1  # GB of 10^9 bytes
CASES = ("A9 at the defaults", "A9 with all improvements and a checkpoint")


def main() -> int:
    """Run all cases, print a line for each, and write the figures where asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=50_000, help="training images (default 50000)")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or mps (default cpu)")
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    parser.add_argument("--case", choices=CASES, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.case is not None:
        print(json.dumps(measured(arguments.case, arguments.images, arguments.device)))
        return 0
    results = []
    for case in CASES:
        command = [sys.executable, __file__, "--case", case, "--images", str(arguments.images)]
        done = subprocess.run(
            [*command, "--device", arguments.device], stdout=subprocess.PIPE, text=True, check=True
        )
        result = json.loads(done.stdout.splitlines()[-1])
        results.append(result)
        print(
            f"{case}: at most {result['peak GB']:.2f} GB (bar {BAR}), {result['GB before training']:.2f} GB "
            f"before training; {result['images']} images, {result['data']}, {result['device']}, "
            f"{result['CPU seconds']:.0f} CPU seconds",
            flush=True,
        )
    if arguments.json is not None:
        from measuring import write_record

        write_record(arguments.json, {"benchmark": "bench_memory", "bar": BAR, "results": results})
    return 0


def measured(case: str, images: int, where: str) -> dict[str, object]:
    """Train for an epoch and test, in this process; return its figures."""
    import time

    import torch
    from cifar10_images import cifar10

    from course_utils.data.augmentation import random_crop, random_flip
    from course_utils.data.preprocessing import Standardise
    from course_utils.models.cnn import cnn
    from course_utils.training.devices import describe_device
    from course_utils.training.loop import fit

    machine.cap_threads()
    device = torch.device(where)
    source, train, test = cifar10(images, max(1, images // 5))
    generator = torch.Generator().manual_seed(0)
    improved = case != CASES[0]
    model = cnn(generator=generator, batch_norm=improved, dropout=0.5 if improved else 0.0).to(device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    before = machine.peak_memory()
    started = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        improvements: dict[str, Any] = {
            "augment": lambda batch, draws: random_flip(random_crop(batch, draws), draws),
            "preprocess": Standardise.of(train.images),
            "checkpoint": Path(folder) / "checkpoint.pt",
        }
        fit(
            model,
            train,
            test,
            epochs=1,
            optimizer=optimizer,
            generator=generator,
            **(improvements if improved else {}),
        )
    return {
        "case": case,
        "peak GB": round(machine.peak_memory() / 1e9, 3),
        "GB before training": round(before / 1e9, 3),
        "images": images,
        "data": source,
        "device": describe_device(device),
        "CPU seconds": round(time.process_time() - started, 1),
    }


if __name__ == "__main__":
    sys.exit(main())
