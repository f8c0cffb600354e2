"""Where tensors live and how many threads compute with them."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from itertools import chain
from pathlib import Path

import torch
from torch import Tensor, nn

from course_utils import machine
from course_utils.data.dataset import Split


def best_device() -> torch.device:
    """Return the fastest device of this machine: ``cuda``, else ``mps`` (Apple), else ``cpu``."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def device_of(model: nn.Module, otherwise: Tensor) -> torch.device:
    """Return where a model is; one that has no numbers of its own is where ``otherwise`` is."""
    return next(chain(model.parameters(), model.buffers()), otherwise).device


def on_device(device: torch.device, data: Split) -> Split:
    """Return the data on the device, without a copy if they are there."""
    return Split(data.images.to(device), data.labels.to(device))


def describe_device(device: torch.device) -> str:
    """Return the device in words, with its model and, for a CPU, the number of threads in use."""
    if device.type == "cuda":
        return f"cuda: {torch.cuda.get_device_name(device)}"
    threads = torch.get_num_threads()
    return f"{device.type}: {_processor_name()}, {threads} thread{'s' if threads != 1 else ''}"


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute with one CPU thread inside the ``with`` block: for tiny tensors more threads only cost time."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def enough_threads(model: nn.Module) -> Iterator[None]:
    """Compute with as many CPU threads as pay for this model inside the ``with`` block.

    One for fewer than 10 000 parameters, otherwise all that the container grants.
    """
    machine.cap_threads()
    parameters = list(model.parameters())
    tiny = sum(parameter.numel() for parameter in parameters) < 10_000
    with one_thread() if tiny and parameters[0].device.type == "cpu" else nullcontext():
        yield


def _processor_name() -> str:
    # platform.processor() is empty or just "x86_64" on most Linux systems
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
