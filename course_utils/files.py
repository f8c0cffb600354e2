"""Write a file so that it is either the old one or the new one, never half of it."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

_BINARY = getattr(os, "O_BINARY", 0)  # Windows would write other line ends


def write_whole(path: Path, content: str | bytes, *, mode: int = 0o666) -> None:
    """Write text (UTF-8, line feeds) or bytes beside `path` and rename, whatever interrupts it.

    `mode` are the new file's rights before the umask, on POSIX.

    Raises
    ------
    OSError
        If the folder cannot be written; nothing is left behind.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        # never open to others, not even while it is written
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
