"""Time to open CIFAR-10 from the store: `python benchmarks/bench_store.py [--repeats 50]`, prints JSON.

Decodes the data set first where that has not been done. `COURSE_DATA` names the folder with the pack.
"""

import argparse
import json
import statistics
import time

import torch

from course_utils.data import load


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=50)
    repeats = parser.parse_args().repeats

    first = load("cifar10", scale="laptop")
    opened = [_milliseconds_to_open() for _ in range(repeats)]
    start = time.perf_counter()
    total = int(first.train.images.sum(dtype=torch.int64))
    reading = (time.perf_counter() - start) * 1000
    print(
        json.dumps(
            {
                "what": "open CIFAR-10 from the store",
                "repeats": repeats,
                "median_ms": round(statistics.median(opened), 2),
                "slowest_ms": round(max(opened), 2),
                "read_every_pixel_once_ms": round(reading, 1),
                "sum_of_pixels": total,
                "source": first.source,
                "content_hash": first.content_hash,
            },
            indent=1,
        )
    )


def _milliseconds_to_open() -> float:
    start = time.perf_counter()
    load("cifar10", scale="laptop")
    return (time.perf_counter() - start) * 1000


if __name__ == "__main__":
    main()
