"""List zips of submissions and read their members; nothing is unpacked, no size in a header is believed."""

from __future__ import annotations

import calendar
import io
import re
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from course_utils.grading.contents import DEPTH, Children, Item, Parts, SubmissionsError, shown, within

DIRECTORY_BYTES = 16 * 2**20  # enough for 100 000 files
NAME_CHARACTERS = 4096
CHUNK = 2**20


def in_zip(path: Path) -> tuple[Children, list[str]]:
    """Return the listing of a zip, and sentences about the members that were left out.

    Raises
    ------
    SubmissionsError
        If it cannot be read as a zip.
    """
    table: dict[Parts, dict[str, Item]] = {(): {}}
    folders: set[Parts] = set()
    notes: list[str] = []
    with _opened(path) as archive:
        for info in archive.infolist():
            parts = _parts(info)
            if isinstance(parts, str):
                notes.append(
                    f"The member {shown(info.orig_filename[:200])} of the zip {parts}: it was left out."
                )
                continue
            deep = len(parts) > DEPTH + 6  # below any student's own limit, wherever he begins
            parts = parts[: DEPTH + 6]
            is_folder = deep or info.is_dir() or info.orig_filename.endswith("\\")
            for length in range(1, len(parts) + is_folder):
                above = parts[:length]
                if above not in folders:
                    folders.add(above)
                    table.setdefault(above[:-1], {})["/" + above[-1]] = Item(above, folder=True)
            if not is_folder:
                inside = table.setdefault(parts[:-1], {})
                if info.filename in inside:
                    notes.append(f"The zip holds {shown(info.filename)} more than once: the last one counts.")
                problem, modified = _member_problem(info), _modified(info)
                inside[info.filename] = Item(parts, False, problem, modified, info.filename)
    listing = {parts: sorted(inside.values(), key=lambda i: i.parts) for parts, inside in table.items()}
    return lambda parts: listing.get(parts, []), notes


def read_member(path: Path, member: str, *, limit: int) -> bytes:
    """Read at most `limit` bytes of a member of a zip, whatever size its header claims.

    Raises
    ------
    SubmissionsError
        If it is larger, a link, encrypted, damaged, or compressed by another method than deflate.
    """
    name = f"{shown(member)} in {shown(str(path))}"
    data = bytearray()
    with _opened(path) as archive:
        try:
            info = archive.getinfo(member)
        except KeyError:
            raise SubmissionsError(f"{name} is gone: the zip has changed.") from None
        problem = _member_problem(info)
        if problem:
            raise SubmissionsError(f"{name} {problem}.")
        with archive.open(info) as file:
            # in pieces, so that no more is decompressed than asked for
            while len(data) <= limit and (piece := file.read(min(CHUNK, limit + 1 - len(data)))):
                data += piece
    return within(bytes(data), limit, name)


class _Reader(io.BufferedReader):
    """A file that refuses to be read by the gigabyte, as zipfile reads the directory of a zip."""

    def read(self, size: int | None = -1, /) -> bytes:
        asked = DIRECTORY_BYTES + 1 if size is None or size < 0 else size
        data = super().read(min(asked, DIRECTORY_BYTES + 1))
        if len(data) > DIRECTORY_BYTES:
            raise zipfile.BadZipFile(f"its directory is larger than {DIRECTORY_BYTES} bytes")
        return data


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with _Reader(path.open("rb", buffering=0)) as file, zipfile.ZipFile(file) as archive:
            yield archive
    except SubmissionsError:
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, OSError) as error:
        raise SubmissionsError(f"{shown(str(path))} cannot be read as a zip ({error}).") from None
    except (ValueError, OverflowError, IndexError) as error:  # what a damaged directory raises in zipfile
        raise SubmissionsError(f"{shown(str(path))} is a damaged zip ({error}).") from None


def _parts(info: zipfile.ZipInfo) -> Parts | str:
    """Return the names on the way to a member, or what is wrong with them."""
    name = info.orig_filename
    if len(name) > NAME_CHARACTERS:
        return f"has a name of more than {NAME_CHARACTERS} characters"
    if "\0" in name:
        return "has a zero byte in its name"
    if not info.flag_bits & 0x800:  # not marked as UTF-8, so decoded as cp437; macOS writes UTF-8 unmarked
        with suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    name = name.replace("\\", "/")  # the separator of some Windows programs
    if name.startswith("/") or re.match(r"[A-Za-z]:", name):
        return "has an absolute path"
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    if ".." in parts:
        return "has a path that leads out of the zip"
    return parts or "has no name"


def _member_problem(info: zipfile.ZipInfo) -> str:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind == stat.S_IFLNK:
        return "is a link, which is never followed"
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "is no plain file (a pipe, a socket or a device)"
    if info.flag_bits & 0x1:
        return "is encrypted: it cannot be read"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        # zipfile decompresses the others without a limit
        return "is compressed by another method than deflate: pack it again"
    return ""


def _modified(info: zipfile.ZipInfo) -> float:
    try:
        return float(calendar.timegm((*info.date_time, 0, 0, 0)))
    except (ValueError, OverflowError):
        return 0.0
