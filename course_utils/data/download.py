"""Downloads that can be trusted: several mirrors, checksums, resumption after an interruption.

A file is written as NAME.part and renamed when its checksum is right. What a broken connection left in
NAME.part is continued by the next attempt, the next mirror or the next program start.
"""

import gzip
import hashlib
import shutil
import ssl
import tarfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import IO

from tqdm.auto import tqdm

from course_utils.data.errors import DataError, cannot_write
from course_utils.data.specifications import RemoteFile, Specification

PIECE = 1 << 16  # bytes read at a time


@dataclass(frozen=True)
class Patience:
    """When to give a mirror up. Times are in seconds."""

    rounds: int = 3  # how often the list of mirrors is gone through
    timeout: float = 20.0  # without any byte
    slowest: float = 5_000.0  # bytes per second, on average over `window`
    window: float = 60.0
    pause: float = 2.0  # before the second round, and twice as long before each further one


class _Unusable(Exception):
    """The mirror does not have the file: not worth another attempt."""


class _Interrupted(Exception):
    """The connection broke: worth another attempt, which continues where this one stopped."""


def download(specification: Specification, directory: Path, *, patience: Patience | None = None) -> None:
    """Fetch the original files of a data set and unpack them where torchvision expects them.

    Files that are there already with the right checksum are not fetched again.

    Raises
    ------
    DataError
        If no mirror delivers (the message lists what each of them did), or `directory` cannot be written.
    """
    for file in specification.downloads:
        fetch(file, directory / file.path, patience=patience)
    try:
        for file in specification.downloads:
            _unpack(directory / file.path, directory, specification.unpacked)
    except OSError as error:
        raise cannot_write(error, directory, mebibytes=3 * specification.download_mebibytes) from error


def fetch(file: RemoteFile, target: Path, *, patience: Patience | None = None) -> None:
    """Download one file to `target` from the first mirror that delivers it whole."""
    patience = patience or Patience()
    part = target.with_name(f"{target.name}.part")
    try:
        if target.is_file() and _md5(target) == file.md5:
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        said = _try_mirrors(file, part, patience)
        if said is None:
            part.replace(target)
            return
    except OSError as error:
        part.unlink(missing_ok=True)
        raise cannot_write(error, target, mebibytes=file.size / 2**20) from error
    tried = "\n".join(f"  {url}: {reason}" for url, reason in said.items())
    raise DataError(
        f"{target.name} could not be downloaded.\n{tried}\n"
        "Check the connection and try again (what has arrived is continued), "
        f"or put the file at {target} by hand."
    )


def _try_mirrors(file: RemoteFile, part: Path, patience: Patience) -> dict[str, str] | None:
    """Return None once `part` is whole, or what became of each mirror."""
    said: dict[str, str] = {}
    mirrors = list(file.urls)
    for attempt in range(patience.rounds):
        if attempt and mirrors:
            time.sleep(patience.pause * 2 ** (attempt - 1))
        for url in list(mirrors):
            try:
                if not (part.exists() and part.stat().st_size == file.size):
                    _receive(url, file, part, patience)
                if _md5(part) == file.md5:
                    return None
                part.unlink()
                said[url] = f"wrong checksum (expected md5 {file.md5}): damaged or another file"
                mirrors.remove(url)
            except _Unusable as reason:
                said[url] = str(reason)
                mirrors.remove(url)
            except _Interrupted as reason:
                said[url] = str(reason)
    return said


def _receive(url: str, file: RemoteFile, part: Path, patience: Patience) -> None:
    """Append to `part` what is still missing of the file."""
    have = part.stat().st_size if part.exists() else 0
    if have > file.size:
        part.unlink()
        have = 0
    with _connect(url, have, patience) as response:
        resumed = have > 0 and response.status == 206 and _first_byte(response) == have
        if have and not resumed and response.status == 206:
            raise _Unusable("answered with another piece of the file than it was asked for")
        _check_answer(response, file.size - have if resumed else file.size)
        with (
            part.open("ab" if resumed else "wb") as out,
            tqdm(
                total=file.size,
                initial=have if resumed else 0,
                unit="B",
                unit_scale=True,
                desc=part.stem,
                disable=None,
            ) as bar,
        ):
            _copy(response, out.write, file.size - (have if resumed else 0), bar.update, patience)


def _connect(url: str, start: int, patience: Patience) -> HTTPResponse:
    request = urllib.request.Request(url, headers={"User-Agent": "deep-learning-notebooks"})
    if start:
        request.add_header("Range", f"bytes={start}-")
    try:
        response: HTTPResponse = urllib.request.urlopen(request, timeout=patience.timeout)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code >= 500 or error.code == 429:
            raise _Interrupted(f"answered {error.code} {error.reason}") from error
        raise _Unusable(f"answered {error.code} {error.reason}") from error
    except urllib.error.URLError as error:
        raise _no_connection(error.reason) from error
    except (OSError, HTTPException) as error:
        raise _no_connection(error) from error
    return response


def _no_connection(reason: object) -> Exception:
    if isinstance(reason, TimeoutError):
        return _Interrupted("did not answer in time")
    if isinstance(reason, ssl.SSLError):
        return _Unusable(
            f"no secure connection ({reason}); "
            "behind a proxy, set HTTPS_PROXY and SSL_CERT_FILE as it requires"
        )
    return _Interrupted(f"no connection ({reason})")


def _check_answer(response: HTTPResponse, expected: int) -> None:
    if response.headers.get_content_type() in ("text/html", "application/xhtml+xml"):
        raise _Unusable("sent a web page instead of the file (a login page of the network, perhaps)")
    length = response.headers.get("Content-Length")
    if length is not None and length.isdigit() and int(length) != expected:
        raise _Unusable(f"offers {length} bytes instead of {expected}: another file")


def _first_byte(response: HTTPResponse) -> int | None:
    """Return where the answer starts, from ``Content-Range: bytes 100-199/200``."""
    start = response.headers.get("Content-Range", "").removeprefix("bytes ").split("-")[0]
    return int(start) if start.isdigit() else None


def _copy(
    response: HTTPResponse,
    write: Callable[[bytes], int],
    expected: int,
    update: Callable[[int], object],
    patience: Patience,
) -> None:
    received = in_window = 0
    window_start = time.monotonic()
    while received < expected:
        try:
            piece = response.read1(min(PIECE, expected - received))
        except TimeoutError as error:
            raise _Interrupted(f"sent nothing for {patience.timeout:g} s after {received} bytes") from error
        except (OSError, HTTPException) as error:
            raise _Interrupted(f"connection lost after {received} of {expected} bytes ({error})") from error
        if not piece:
            raise _Interrupted(f"stopped after {received} of {expected} bytes")
        write(piece)
        update(len(piece))
        received += len(piece)
        in_window += len(piece)
        passed = time.monotonic() - window_start
        if passed > patience.window:
            if in_window / passed < patience.slowest:
                raise _Interrupted(f"too slow: {in_window / passed:.0f} bytes per second")
            in_window, window_start = 0, time.monotonic()


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _unpack(archive: Path, directory: Path, wanted: tuple[str, ...]) -> None:
    """Put the `wanted` files that `archive` holds into place, each of them whole or not at all."""
    if archive.suffixes[-2:] == [".tar", ".gz"]:
        with tarfile.open(archive) as members:
            for name in wanted:
                member = members.extractfile(name)
                if member is not None:
                    _write_whole(member, directory / name)
    else:
        with gzip.open(archive) as content:
            _write_whole(content, archive.with_suffix(""))


def _write_whole(content: IO[bytes] | gzip.GzipFile, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    try:
        with part.open("wb") as out:
            shutil.copyfileobj(content, out)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
