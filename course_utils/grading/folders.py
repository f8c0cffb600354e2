"""List folders and read files of submissions without following a link."""

from __future__ import annotations

import itertools
import os
import stat
from pathlib import Path

from course_utils.grading.contents import (
    FILES_PER_FOLDER,
    Children,
    Item,
    Parts,
    SubmissionsError,
    shown,
    within,
)


def in_folder(root: Path) -> Children:
    """Return the listing of a folder; it raises OSError where one cannot be read."""

    def children(parts: Parts) -> list[Item]:
        with os.scandir(root.joinpath(*parts)) as entries:
            found = [_entry(parts, entry) for entry in itertools.islice(entries, FILES_PER_FOLDER + 1)]
        return sorted(found, key=lambda item: item.parts)

    return children


def read_file(path: Path, *, limit: int) -> bytes:
    """Read at most `limit` bytes of a plain file, never through a link.

    Raises
    ------
    SubmissionsError
        If it is larger, a link, no plain file, or unreadable.
    """
    # non-blocking: opening a pipe would otherwise wait for its writer for ever
    flags = os.O_RDONLY
    for extra in ("O_NOFOLLOW", "O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC", "O_BINARY"):
        flags |= getattr(os, extra, 0)
    name = shown(str(path))
    try:
        if path.is_symlink():
            raise SubmissionsError(f"{name} is a link, which is never followed: a plain file was expected.")
        descriptor = os.open(path, flags)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise SubmissionsError(f"{name} is no plain file: a notebook file was expected.")
            data = file.read(limit + 1)
    except OSError as error:
        raise SubmissionsError(f"{name} cannot be read ({error.strerror or error}).") from None
    return within(data, limit, name)


def _entry(parts: Parts, entry: os.DirEntry[str]) -> Item:
    here = (*parts, entry.name)
    try:
        information = entry.stat(follow_symlinks=False)
    except OSError as error:
        return Item(here, problem=f"cannot be read ({error.strerror or error})")
    is_junction = getattr(entry, "is_junction", lambda: False)  # Windows, from Python 3.12 on
    if stat.S_ISLNK(information.st_mode) or is_junction():
        return Item(here, problem="is a link, which is never followed")
    if stat.S_ISDIR(information.st_mode):
        return Item(here, folder=True)
    plain = stat.S_ISREG(information.st_mode)
    problem = "" if plain else "is no plain file (a pipe, a socket or a device)"
    return Item(here, problem=problem, modified=information.st_mtime)
