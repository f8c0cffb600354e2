"""A kernel in its box, as the grader sees it: ask it something, under limits, and get an answer or a reason.

Not nbval's or Jupyter's kernel classes: those wait out a cell's limit when the kernel has died, take as much
as it sends, ignore how a cell ended, and need sockets (see `course_utils.grading.inside`).
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import select
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import psutil

from course_utils.grading import frames, sandbox

Why = Literal["time", "memory", "processes", "output", "disk", "died"]
MEMORY_BYTES = 2 * 2**30
PROCESSES = 120
DESCRIPTORS = 1000  # open files of all processes: what waits in sockets is memory that no process has
UNSEEN = 100  # open files of a process that does not let itself be looked at
FILES = 20_000  # each takes memory too, even if empty
STRAYS = 100  # answers to no question, before the kernel is given up
LOOK_EVERY = 0.1  # seconds
PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
GRACE = 2.0  # seconds between an interrupt and the end


class Stopped(Exception):
    """The kernel was stopped, or stopped by itself, before it had answered."""

    def __init__(self, why: Why) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True)
class Limits:
    """How long one request may take: of the processor, and by the clock (more: others use it too)."""

    cpu_seconds: float
    wall_seconds: float


@dataclass(frozen=True)
class Box:
    """How to start kernels.

    Parameters
    ----------
    protection
        What keeps them from the machine.
    course
        Folder with the box's own build of `course_utils`.
    worker
        The worker's number, from 0.
    scratch
        Folder for work folders, where the box has none in memory; None: that of the system.
    """

    protection: sandbox.Protection
    course: Path
    worker: int = 0
    scratch: Path | None = None


class Kernel:
    """One kernel in one new box; use it in a ``with`` block, after which nothing of it is left."""

    def __init__(self, box: Box) -> None:
        self._work: str | None = None
        if box.protection.kind != "bubblewrap":
            self._work = tempfile.mkdtemp(prefix="course-box-", dir=box.scratch)
        work = Path(self._work) if self._work else sandbox.WORK
        refused = None if self._work else sandbox.filter_descriptor()
        try:
            self._process = subprocess.Popen(
                sandbox.command(
                    box.protection,
                    box.course,
                    work=work,
                    worker=box.worker,
                    refused=refused,
                ),
                env=sandbox.environment(box.protection, box.course, work),
                cwd=self._work or "/",
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                pass_fds=(refused,) if refused else (),
                start_new_session=True,
            )
        finally:
            if refused:
                os.close(refused)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._requests, self._answers = self._process.stdin.fileno(), self._process.stdout.fileno()
        os.set_blocking(self._requests, False)
        self._reader = frames.Reader(self._answers)
        self._seen = psutil.Process(self._process.pid)
        self._strays = 0
        self.is_alive = True

    def __enter__(self) -> Kernel:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ask(self, request: dict[str, Any], limits: Limits) -> tuple[dict[str, Any], bool]:
        """Send a request; return the answer, and whether it had to be interrupted.

        Raises
        ------
        Stopped
            If there is no answer. The kernel is gone then.
        """
        nonce = secrets.token_hex(8)
        body = json.dumps({"id": nonce, **request}).encode("ascii")
        unsent = memoryview(frames.HEADER.pack(len(body)) + body)
        begun = time.monotonic()
        used: float | None = None  # from the first look on: most answers come before it
        interrupted: float | None = None
        try:
            while True:
                unsent = self._write(unsent)
                found, answer = self._reader.poll(0.0 if unsent else LOOK_EVERY)
                if found:
                    if isinstance(answer, dict) and answer.get("id") == nonce:
                        return answer, interrupted is not None
                    self._strays += 1
                    if self._strays > STRAYS:
                        raise Stopped("output")
                now = time.monotonic()
                everyone = self._everyone()
                cpu, memory, descriptors = _usage([self._seen, *everyone])
                used = cpu if used is None else used
                if memory > MEMORY_BYTES or descriptors > DESCRIPTORS:
                    raise Stopped("memory")
                if len(everyone) > PROCESSES:
                    raise Stopped("processes")
                if self._has_written_too_much(everyone):
                    raise Stopped("disk")
                too_long = cpu - used > limits.cpu_seconds or now - begun > limits.wall_seconds
                if interrupted is None and too_long:
                    interrupted = now
                    self._interrupt()
                elif interrupted is not None and now - interrupted > GRACE:
                    raise Stopped("time")
        except (frames.Closed, OSError):
            self.close()
            raise Stopped("died") from None
        except (frames.FrameError, MemoryError):
            self.close()
            raise Stopped("output") from None
        except Stopped:
            self.close()
            raise

    def close(self) -> None:
        """End every process of the box and remove its folder; returns before the last of it is gone.

        Linux takes a second or two to take a network apart: a thread waits for that, and the program for it.
        """
        if not self.is_alive:
            return
        self.is_alive = False
        everyone = self._everyone()
        for process in everyone:
            with contextlib.suppress(psutil.Error):
                process.kill()
        self._process.kill()
        threading.Thread(target=self._bury, args=(everyone,), name="bury").start()

    def _bury(self, everyone: list[psutil.Process]) -> None:
        self._process.wait()
        psutil.wait_procs(everyone, timeout=30)
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                if pipe is not None:
                    pipe.close()
        if self._work:
            shutil.rmtree(self._work, ignore_errors=True)

    def _write(self, unsent: memoryview) -> memoryview:
        while unsent:
            _, ready, _ = select.select([], [self._requests], [], LOOK_EVERY)
            if not ready:
                break
            unsent = unsent[os.write(self._requests, unsent) :]
        return unsent

    def _interrupt(self) -> None:
        """Send the kernel what Ctrl-C sends. It is the only child of the box's first process."""
        target = self._seen
        with contextlib.suppress(psutil.Error, IndexError):
            if self._work is None:
                target = target.children()[0].children()[0]
            target.send_signal(signal.SIGINT)

    def _everyone(self) -> list[psutil.Process]:
        with contextlib.suppress(psutil.Error):
            return list(self._seen.children(recursive=True))
        return []

    def _has_written_too_much(self, everyone: list[psutil.Process]) -> bool:
        """Return whether the work folder is over its limit. That of bubblewrap limits bytes, not files."""
        if self._work:
            return _size(self._work) > sandbox.WORK_BYTES
        with contextlib.suppress(OSError, IndexError):  # it has ended, or its box is not yet built
            root = Path(f"/proc/{everyone[0].pid}/root")
            for folder in (sandbox.WORK, Path("/dev/shm")):
                held = os.statvfs(root / folder.relative_to("/"))
                if held.f_files - held.f_ffree > FILES:
                    return True
        return False


def _usage(processes: list[psutil.Process]) -> tuple[float, int, int]:
    """Return CPU seconds, bytes of memory and number of open files of some processes together."""
    cpu, own, shared, opened = 0.0, 0, 0, 0
    for process in processes:
        with contextlib.suppress(psutil.Error):
            times, memory = process.cpu_times(), process.memory_info()
            cpu += times.user + times.system
            cpu += getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
            rss, common, files = memory.rss, getattr(memory, "shared", 0), 0
            if rss:
                files = _open_files(process)
            else:  # dead, or only its first thread is
                rss, common, files = _held_by_threads(process.pid)
            own, shared, opened = own + rss - common, max(shared, common), opened + files
    return cpu, own + shared, opened


def _open_files(process: psutil.Process) -> int:
    if os.name != "posix":
        return 0
    try:
        return int(process.num_fds())
    except psutil.AccessDenied:
        return UNSEEN


def _held_by_threads(pid: int) -> tuple[int, int, int]:
    """Return memory, shared memory and open files of a process whose first thread has ended.

    Linux shows such a process as dead and without memory, though its other threads go on.
    """
    for task in Path(f"/proc/{pid}/task").glob("*"):
        with contextlib.suppress(OSError, ValueError):
            _, rss, common, *_ = map(int, (task / "statm").read_text().split())
            if rss:
                try:
                    opened = sum(1 for _ in (task / "fd").iterdir())
                except PermissionError:
                    opened = UNSEEN
                return rss * PAGE, common * PAGE, opened
    return 0, 0, 0


def _size(folder: str) -> int:
    """Return the bytes of the files in a folder that may change meanwhile, as far as they matter."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += Path(parent, name).lstat().st_blocks * 512 + 4096
        if total > sandbox.WORK_BYTES:
            break
    return total
