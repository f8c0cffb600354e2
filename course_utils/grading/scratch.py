"""A folder for one run of grading; what a killed run left is removed by the next run that starts.

Each folder holds a locked file. The system takes the lock away when a process ends, however it ends, so that
a folder whose lock is free belongs to nobody any more.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

PREFIX = "course-grade-"
LOCK = ".lock"
BEING_MADE = 60.0  # seconds in which a folder may be without its file
BEING_LOCKED = 1.0  # seconds in which the file may be without its lock


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path]:
    """Make a folder that everybody can read (the box's user does), and remove it at the end."""
    from filelock import FileLock

    remove_left_over()
    path = Path(tempfile.mkdtemp(prefix=PREFIX))
    try:
        with FileLock(path / LOCK):
            path.chmod(0o755)
            yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def remove_left_over() -> None:
    """Remove the folders of runs that are no more; those of others, and of runs at work, stay."""
    from filelock import FileLock, Timeout

    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError, Timeout):
            found = path.lstat()
            if path.is_symlink() or not path.is_dir() or (os.name == "posix" and found.st_uid != os.getuid()):
                continue
            if (path / LOCK).exists():
                if time.time() - (path / LOCK).stat().st_mtime < BEING_LOCKED:
                    continue
                with FileLock(path / LOCK, timeout=0):
                    pass
            elif time.time() - found.st_mtime < BEING_MADE:
                continue
            shutil.rmtree(path, ignore_errors=True)
