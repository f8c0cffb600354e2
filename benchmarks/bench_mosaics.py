"""What do mosaics cost: as row numbers, in 16 bits, by distinct images, many small ones at once?

    python benchmarks/bench_mosaics.py [--pairs 5] [--mosaics 512] [--device cpu] [--threads 1] [--json FILE]

- An epoch on mosaics as row numbers against the same mosaics as stored pixels (bar: 0.95 of the speed, and
  less than a hundredth of the memory).
- An epoch in bfloat16 with pixels channels last, as `fit` and the model do it where it pays, against one in
  float32 as tensors come (bar: 2, on a processor that multiplies 16-bit numbers): with the model's own sizes,
  and with those that the experiments train at the scales laptop and full. With the model's own
  sizes 16 bits nearly halve the time of convolutions, but leave that of max pooling as it was.
- Looking at test mosaics by their distinct images against mosaic by mosaic (bar: 4 times as fast). How often
  an image stands in the mosaics decides: here 10 times the images of one class.
- Networks on mosaics of points at once against one after another (bar: 5 times as fast): 16, as many as
  notebook 07 trains (64; its data are smaller), and 180. What `fit_many` does once for each network counts
  on both sides, and weighs more with the 5 epochs of this benchmark than with the 40 to 80 of the course.

Ways that are compared take turns; figures are medians of the turns' ratios, by CPU seconds beside the clock.
`COURSE_DATA` names the folder of the real images; without them embedded ones take their place.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

from course_utils import machine  # before torch: it says how threads wait

import torch  # isort: skip
from cifar10_images import cifar10
from measuring import interleaved, ratios, write_record

from course_utils.data import Split
from course_utils.data.mosaics import Mosaics, make_mosaics
from course_utils.data.pixels import half_size, to_unit
from course_utils.data.points import gaussian_classes, plane_means
from course_utils.evaluation.focus import look
from course_utils.experiments.mosaic_settings import ATTENTION
from course_utils.models.mosaic import mosaic_cnn, mosaic_mlp
from course_utils.training.devices import describe_device
from course_utils.training.loop import fit
from course_utils.training.many import Engine, Plan, Trial, fit_many
from course_utils.training.precision import Precision

FAMILIES = (16, 64, 180)
Work = Callable[[], object]


def main() -> int:
    """Run all cases, print a line for each, and write the figures where asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=5, help="turns of each way (default 5)")
    parser.add_argument("--mosaics", type=int, default=512, help="of an epoch (default 512)")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or mps (default cpu)")
    parser.add_argument("--threads", type=int, default=machine.cores(), help="CPU threads (default: all)")
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    device = torch.device(arguments.device)
    source, train, _ = cifar10(4000)
    mosaics = make_mosaics(train, arguments.mosaics, generator=torch.Generator().manual_seed(0)).to(device)
    stored = Split(mosaics.images[mosaics.tiles], mosaics.labels)
    share = mosaics.tiles.nbytes / stored.images.nbytes
    print(f"{describe_device(device)}; {source}; row numbers take {share:.2%} of the pixels' memory")

    results = []
    for name, bar, ways in cases(mosaics, stored, device):
        for work in ways.values():  # once untimed
            work()
        cpu, wall = interleaved(ways, pairs=arguments.pairs, device=device)
        first, second = ways
        result = {
            "case": name,
            "bar": bar,
            "times as fast": ratios(wall[second], wall[first]),
            "by CPU seconds": ratios(cpu[second], cpu[first]),
        }
        results.append(result)
        figures = result["times as fast"]
        print(
            f"{name}: {figures['median']:.2f} ({figures['lowest']:.2f} to {figures['highest']:.2f}), bar "
            f"{bar}; by CPU seconds {result['by CPU seconds']['median']:.2f}",
            flush=True,
        )
    if arguments.json is not None:
        record = {"device": describe_device(device), "data": source, "mosaics": len(mosaics)}
        write_record(
            arguments.json,
            {"benchmark": "bench_mosaics", **record, "share of memory": share, "results": results},
        )
    return 0


def cases(mosaics: Mosaics, stored: Split, device: torch.device) -> list[tuple[str, float, dict[str, Work]]]:
    """Return name, bar and ways of each case; a figure says how many times as fast the first way is."""
    few = mosaics.rows(slice(256))
    often = make_mosaics(  # every image stands in many of them
        Split(mosaics.images[:400], few_labels(400)), 450, generator=torch.Generator().manual_seed(1)
    )
    model = mosaic_cnn(generator=torch.Generator().manual_seed(2), average_at=3).to(device)

    def mosaic_by_mosaic() -> None:
        with torch.inference_mode():
            for tiles in often.tiles.split(50):
                model(often.pixels(tiles))

    def in_bits(few: Mosaics, batch_size: int = 32, **sizes: Any) -> dict[str, Work]:
        def as_it_comes() -> None:
            with patch("course_utils.models.mosaic.each_tile", lambda mosaics: mosaics.flatten(0, 1)):
                epoch(few.split(), few.pixels, device, "float32", batch_size, **sizes)

        return {
            "bfloat16": lambda: epoch(few.split(), few.pixels, device, "bfloat16", batch_size, **sizes),
            "float32": as_it_comes,
        }

    def trained_at(scale: str) -> dict[str, Work]:
        sizes = {name: ATTENTION[name][scale] for name in ("focus_widths", "widths", "hidden")}
        images = half_size(mosaics.images.cpu()).to(device) if scale == "laptop" else mosaics.images
        some = replace(mosaics, images=images).rows(slice(150))
        return in_bits(some, ATTENTION["batch_size"], image_size=images.shape[-1], **sizes)

    return [
        (
            "row numbers against stored pixels",
            0.95,
            {
                "row numbers": lambda: epoch(mosaics.split(), mosaics.pixels, device, "float32"),
                "stored pixels": lambda: epoch(stored, to_unit, device, "float32"),
            },
        ),
        ("bfloat16, channels last, against float32 as it comes", 2.0, in_bits(few)),
        ("the same with the sizes of scale laptop", 2.0, trained_at("laptop")),
        ("the same with the sizes of scale full", 2.0, trained_at("full")),
        (
            "looking by distinct images against mosaic by mosaic",
            4.0,
            {
                "distinct images": lambda: look(model, often, precision="float32", batch_size=50),
                "mosaic by mosaic": mosaic_by_mosaic,
            },
        ),
        *(
            (
                f"{n} networks on points at once against one after another",
                5.0,
                {
                    "at once": partial(family, "stacked", n),
                    "one after another": partial(family, "sequential", n),
                },
            )
            for n in FAMILIES
        ),
    ]


def epoch(
    train: Split,
    preprocess: Callable[[torch.Tensor], torch.Tensor],
    device: torch.device,
    bits: Precision,
    batch_size: int = 32,
    **sizes: Any,
) -> None:
    """Train both networks for an epoch, averaging pixels; ``sizes`` as for `mosaic_cnn`."""
    model = mosaic_cnn(generator=torch.Generator().manual_seed(0), **sizes).to(device)
    fit(
        model,
        train,
        epochs=1,
        optimizer=torch.optim.Adam(model.parameters()),
        batch_size=batch_size,
        generator=torch.Generator().manual_seed(0),
        preprocess=preprocess,
        precision=bits,
        progress=False,
    )


def family(engine: Engine, networks: int) -> None:
    """Train a family of attention networks on mosaics of points."""
    points = gaussian_classes(
        plane_means(60.0), 100, variance=0.1, generator=torch.Generator().manual_seed(0)
    )
    mosaics = make_mosaics(points, 1000, generator=torch.Generator().manual_seed(1))

    def plan(_: object, seed: int) -> Plan:
        model = mosaic_mlp(generator=torch.Generator().manual_seed(seed), inputs=3)
        return Plan(
            model=model,
            train=mosaics.split(),
            epochs=5,
            optimizer=torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9),
            generator=torch.Generator().manual_seed(seed),
            batch_size=50,
            preprocess=mosaics.pixels,
            precision="float32",
        )

    with tempfile.TemporaryDirectory() as folder:
        trials = [Trial({}, seed) for seed in range(networks)]
        fit_many(plan, trials, folder=folder, engine=engine, name="mosaics", progress=False)


def few_labels(n: int) -> torch.Tensor:
    """Return labels of ten classes in turns: which picture is of which does not matter for time."""
    return torch.arange(n) % 10


if __name__ == "__main__":
    sys.exit(main())
