"""What this machine allows (cores, memory) and what this process uses of it.

A container (Binder, a hub, a batch system) often shows all 64 cores of its host and grants two. A program
that believes the 64 starts 64 threads that wait for one another; so everything here asks the container too.
"""

import ctypes
import math
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

CGROUP = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")
STATUS = Path("/proc/self/status")

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of mallopt, from malloc.h

_resident_after_imports: int | None = None


def cores(*, cgroup: Path = CGROUP, membership: Path = MEMBERSHIP) -> int:
    """Return how many cores this process may use: the smaller of its affinity and its container's quota.

    Parameters
    ----------
    cgroup, membership : Path
        Where Linux shows control groups and this process's place in them; other systems have neither.

    Returns
    -------
    int
        At least 1. A quota of 2.5 cores counts as 2: a third thread would be stopped half of the time.
    """
    # Only Linux knows a process's affinity.
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = cpu_quota(cgroup=cgroup, membership=membership)
    return allowed if quota is None else max(1, min(allowed, math.floor(quota)))


def cpu_quota(*, cgroup: Path = CGROUP, membership: Path = MEMBERSHIP) -> float | None:
    """Return the container's limit in cores (0.5 is half a core), or None where there is no limit.

    Reads ``cpu.max`` (control groups, version 2) or ``cpu.cfs_quota_us`` (version 1) of this process's
    group and of every group around it; the smallest counts.
    """
    limits = []
    for folder in _groups("cpu", cgroup, membership):
        quota, period = _numbers(folder / "cpu.max", count=2)
        if quota is None:
            (quota,) = _numbers(folder / "cpu.cfs_quota_us", count=1)
            (period,) = _numbers(folder / "cpu.cfs_period_us", count=1)
        if quota is not None and period is not None and quota > 0 and period > 0:
            limits.append(quota / period)
    return min(limits, default=None)


def memory_limit(*, cgroup: Path = CGROUP, membership: Path = MEMBERSHIP) -> int | None:
    """Return the container's memory limit in bytes, or None where the whole machine may be used."""
    limits = []
    for folder in _groups("memory", cgroup, membership):
        (limit,) = _numbers(folder / "memory.max", count=1)
        if limit is None:
            (limit,) = _numbers(folder / "memory.limit_in_bytes", count=1)
        # Version 1 writes "no limit" as a number near 2^63.
        if limit is not None and 0 < limit < 2**62:
            limits.append(limit)
    return min(limits, default=None)


def memory_total() -> int:
    """Return the bytes of memory that this process could ever use: the machine's or the container's."""
    import psutil

    total = int(psutil.virtual_memory().total)
    limit = memory_limit()
    return total if limit is None else min(total, limit)


def memory_available() -> int:
    """Return the bytes of memory that are free to use now without swapping, at most the container's limit."""
    import psutil

    available = int(psutil.virtual_memory().available)
    limit = memory_limit()
    return available if limit is None else min(available, limit)


def resident_memory() -> int:
    """Return the bytes of physical memory that this process holds now."""
    import psutil

    return int(psutil.Process().memory_info().rss)


def peak_memory() -> int:
    """Return the largest number of bytes of physical memory that this process has held so far."""
    if sys.platform == "win32":
        import psutil

        return int(psutil.Process().memory_info().peak_wset)
    # Asked first because Linux hands `ru_maxrss` down to a child: a small process started by a large one
    # (a kernel by its notebook server) would report its parent's memory as its own.
    if STATUS.exists():
        for line in STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def remember_imports() -> None:
    """Note the memory held now, after a notebook's imports; later calls change nothing."""
    global _resident_after_imports
    if _resident_after_imports is None:
        _resident_after_imports = resident_memory()


def memory_above_imports() -> int | None:
    """Return the peak minus what `remember_imports` noted, in bytes; None if it was never called."""
    if _resident_after_imports is None:
        return None
    return max(0, peak_memory() - _resident_after_imports)


def cap_threads() -> int:
    """Let torch use no more threads than the container grants cores; return the number it uses now.

    Fewer threads that the user asked for (``OMP_NUM_THREADS``) stay.
    """
    import torch

    allowed = cores()
    if torch.get_num_threads() > allowed:
        torch.set_num_threads(allowed)
    return torch.get_num_threads()


@contextmanager
def keeping_freed_memory() -> Iterator[None]:
    """Keep memory that is freed inside the block for what is made next, instead of handing it back.

    A training step makes the same tensors as the one before. Those of a few megabytes the C library would
    take anew from the operating system each time, which clears every page: that costs several times their
    arithmetic. At the end of the block the memory is handed back; only Linux's usual C library can do it,
    elsewhere nothing happens.
    """
    library = ctypes.CDLL(None) if platform.libc_ver()[0] == "glibc" else None
    if library is None:
        yield
        return
    library.mallopt(_MMAP_THRESHOLD, 2**30)
    library.mallopt(_TRIM_THRESHOLD, 2**30)
    try:
        yield
    finally:
        # once set they no longer move by themselves: as large as they would have become at most
        library.mallopt(_MMAP_THRESHOLD, 2**25)
        library.mallopt(_TRIM_THRESHOLD, 2**26)
        library.malloc_trim(0)


def _groups(controller: str, cgroup: Path, membership: Path) -> list[Path]:
    """Return the folders of the groups that hold this process, each before the one around it."""
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        return []
    folders = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":  # version 2
            root = cgroup
        elif controller in controllers.split(","):
            root = cgroup / controller
        else:
            continue
        # Seen from inside a container the path may lead nowhere, or start with "/..": then the group
        # shown as the root is ours, and the folders that do not exist are passed over.
        names = [name for name in PurePosixPath(path).parts[1:] if name != ".."]
        folders += [root.joinpath(*names[:depth]) for depth in range(len(names), -1, -1)]
    return folders


def _numbers(path: Path, *, count: int) -> list[int | None]:
    """Return the whole numbers in a small file; None for each that is missing or the word "max"."""
    try:
        words = path.read_text().split()
    except OSError:
        words = []
    numbers = [int(word) if word.lstrip("-").isdigit() else None for word in words[:count]]
    return numbers + [None] * (count - len(numbers))


if __name__ == "__main__":
    print(cores())
