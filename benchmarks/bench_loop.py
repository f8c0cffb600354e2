"""How much faster is the course's training loop than the PyTorch tutorial's, and what is there still to gain?

    python benchmarks/bench_loop.py [--pairs 7] [--steps 12] [--device cpu] [--threads N] [--json FILE]

- The report's network (A9) in 32 bits: `fit` against the same steps repeated on one batch that lies ready.
  What is missing to 1 is what shuffling, fetching, converting and counting cost.
- A9 at the defaults against the tutorial's loop: PIL images from memory, as torchvision's CIFAR10 has them,
  ToTensor and Normalize for each, DataLoader without workers, `loss.item()` after every step.
- LeNet, a small network, with crops and flips, against the tutorial's loop with torchvision's transforms.
- What 16 bits and pixel-by-pixel layout (channels_last) contribute, for both networks.

Ways that are compared take turns, in alternating order, so that a machine that is busy for a while slows all;
figures are medians of the turns' ratios. CPU seconds stand beside them: on a shared machine only these are
the program's own, and with several threads, which wait for one another, not even these; judge there by
`--threads 1`. `COURSE_DATA` names the folder of the real images; where they cannot be had, embedded ones
stand in, which are of the same size and take as long.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from course_utils import machine  # before torch: it says how threads wait

import torch  # isort: skip
from cifar10_images import cifar10
from measuring import interleaved, ratios, spread, write_record
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import CIFAR10

from course_utils.data import Split
from course_utils.data.augmentation import random_crop, random_flip
from course_utils.data.preprocessing import Standardise
from course_utils.models.cnn import cnn
from course_utils.models.initialise import initialise
from course_utils.training.devices import describe_device
from course_utils.training.loop import fit
from course_utils.training.precision import choose_precision

BATCH = 128
Work = Callable[[], object]


def main() -> int:
    """Run all cases, print a line for each, and write the figures where asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=7, help="turns of each way (default 7)")
    parser.add_argument("--steps", type=int, default=12, help="steps of one turn (default 12)")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or mps (default cpu)")
    parser.add_argument("--threads", type=int, default=machine.cores(), help="CPU threads (default: all)")
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    device = torch.device(arguments.device)
    source, train, _ = cifar10(arguments.steps * BATCH)
    bits = choose_precision("auto", device, train.images)
    print(f"{describe_device(device)}; {source}; the defaults compute in {bits}", flush=True)

    results = []
    for name, bar, ways in cases(train, device):
        for work in ways.values():  # once untimed
            work()
        cpu, wall = interleaved(ways, pairs=arguments.pairs, device=device)
        result = figures(name, bar, cpu, wall, len(train))
        results.append(result)
        print(line(result), flush=True)
    record = {
        "benchmark": "bench_loop",
        "device": describe_device(device),
        "data": source,
        "default precision": bits,
        "batch": BATCH,
        "steps of a turn": arguments.steps,
        "turns": arguments.pairs,
        "results": results,
    }
    if arguments.json is not None:
        write_record(arguments.json, record)
    return 0


def cases(train: Split, device: torch.device) -> list[tuple[str, float | None, dict[str, Work]]]:
    """Return name, bar and ways of each case; a figure says how many times as fast the first way is."""
    plain = {"float32": {"precision": "float32", "channels_last": False}}
    layouts = {
        "float32, channels_last": {"precision": "float32", "channels_last": True},
        "bfloat16": {"precision": "bfloat16", "channels_last": False},
        "bfloat16, channels_last": {"precision": "bfloat16", "channels_last": True},
    }
    ready = Standardise.of(train.images)
    found: list[tuple[str, float | None, dict[str, Work]]] = [
        (
            "A9 in float32: fit against one batch repeated",
            0.95,
            {
                "fit": ours(a9, train, device, preprocess=ready, precision="float32"),
                "one batch repeated": one_batch_repeated(a9, train, device, preprocess=ready),
            },
        ),
        (
            "LeNet in float32: fit against one batch repeated",
            None,
            {
                "fit": ours(lenet, train, device, preprocess=ready, precision="float32"),
                "one batch repeated": one_batch_repeated(lenet, train, device, preprocess=ready),
            },
        ),
        (
            "A9: fit at its defaults against the tutorial's loop",
            2.0,
            {
                "fit": ours(a9, train, device, preprocess=ready),
                "tutorial": tutorial(a9, train, device, augmented=False),
            },
        ),
        (
            "LeNet, cropped and flipped: fit at its defaults against the tutorial's loop",
            1.9,
            {
                "fit": ours(lenet, train, device, preprocess=ready, augment=crop_and_flip),
                "tutorial": tutorial(lenet, train, device, augmented=True),
            },
        ),
        (
            "LeNet: fit at its defaults against the tutorial's loop",
            None,
            {
                "fit": ours(lenet, train, device, preprocess=ready),
                "tutorial": tutorial(lenet, train, device, augmented=False),
            },
        ),
    ]
    for network, make in {"A9": a9, "LeNet": lenet}.items():
        for name, options in layouts.items():
            pair = {name: options} | plain
            ways = {way: ours(make, train, device, preprocess=ready, **pair[way]) for way in pair}
            found.append((f"{network}: {name} against float32", None, ways))
    return found


def a9() -> nn.Module:
    """Return the report's network."""
    return cnn(generator=torch.Generator().manual_seed(0))


def lenet() -> nn.Module:
    """Return the network of the PyTorch tutorial "Training a Classifier": LeNet-5 for colour images."""
    model = nn.Sequential(
        nn.Conv2d(3, 6, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(16 * 5 * 5, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )  # fmt: skip
    initialise(model, torch.Generator().manual_seed(0))
    return model


def sgd(model: nn.Module) -> torch.optim.Optimizer:
    """Return the tutorial's optimizer."""
    return torch.optim.SGD(model.parameters(), lr=0.001, momentum=0.9)


def crop_and_flip(batch: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Shift each image by up to four pixels, and mirror half of them."""
    return random_flip(random_crop(batch, generator), generator)


def ours(make: Callable[[], nn.Module], train: Split, device: torch.device, **options: Any) -> Work:
    """Return one epoch of `fit`."""
    model = make().to(device)
    optimizer, generator = sgd(model), torch.Generator().manual_seed(1)
    resident = Split(train.images.to(device), train.labels.to(device))
    return lambda: fit(
        model, resident, epochs=1, optimizer=optimizer, batch_size=BATCH, generator=generator, **options
    )


def one_batch_repeated(
    make: Callable[[], nn.Module], train: Split, device: torch.device, *, preprocess: Standardise
) -> Work:
    """Return as many steps on a batch that lies ready, in 32 bits: a loop cannot be faster."""
    model = make().to(device).to(memory_format=torch.channels_last)
    optimizer = sgd(model)
    x = preprocess(train.images[:BATCH].to(device)).contiguous(memory_format=torch.channels_last)
    labels = train.labels[:BATCH].to(device)

    def work() -> None:
        for _ in range(len(train) // BATCH):
            loss = F.cross_entropy(model(x), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return work


class InMemory(CIFAR10):
    """torchvision's CIFAR10 with images that are in memory already; what it does with each is its own."""

    def __init__(self, split: Split, transform: Callable[..., torch.Tensor]) -> None:
        self.data = split.images.permute(0, 2, 3, 1).contiguous().numpy()
        self.targets = split.labels.tolist()
        self.transform, self.target_transform = transform, None


def tutorial(make: Callable[[], nn.Module], train: Split, device: torch.device, *, augmented: bool) -> Work:
    """Return one epoch of the loop in the PyTorch tutorial "Training a Classifier"."""
    steps: list[Callable[..., object]] = [transforms.ToTensor(), transforms.Normalize((0.5,) * 3, (0.5,) * 3)]
    if augmented:
        steps = [transforms.RandomCrop(32, padding=4), transforms.RandomHorizontalFlip(), *steps]
    loader = DataLoader(
        InMemory(train, transforms.Compose(steps)), batch_size=BATCH, shuffle=True, num_workers=0
    )
    net = make().to(device)
    optimizer, criterion = sgd(net), nn.CrossEntropyLoss()

    def work() -> float:
        running_loss = 0.0
        for data in loader:
            inputs, labels = data[0].to(device), data[1].to(device)
            optimizer.zero_grad()
            outputs = net(inputs)
            loss = criterion(outputs, labels)
            loss.backward()
            optimizer.step()
            running_loss += loss.item()
        return running_loss

    return work


def figures(
    name: str, bar: float | None, cpu: dict[str, list[float]], wall: dict[str, list[float]], count: int
) -> dict[str, Any]:
    """Return a case's figures: ratios of the turns, and images per second of each way."""
    first, second = wall
    return {
        "case": name,
        "bar": bar,
        "times as fast (wall)": ratios(wall[second], wall[first]),
        "times as fast (CPU seconds)": ratios(cpu[second], cpu[first]),
        "images per second": {way: spread([count / seconds for seconds in wall[way]]) for way in wall},
        "images per CPU second": {way: spread([count / seconds for seconds in cpu[way]]) for way in cpu},
    }


def line(result: dict[str, Any]) -> str:
    """Return a case in a line."""
    wall, cpu = result["times as fast (wall)"], result["times as fast (CPU seconds)"]
    rates = ", ".join(f"{way} {rate['median']:.0f}" for way, rate in result["images per second"].items())
    bar = "" if result["bar"] is None else f"; bar {result['bar']}"
    return (
        f"{result['case']}: {wall['median']:.2f} times as fast ({wall['lowest']:.2f} to "
        f"{wall['highest']:.2f}; by CPU seconds {cpu['median']:.2f}{bar}); images per second: {rates}"
    )


if __name__ == "__main__":
    sys.exit(main())
