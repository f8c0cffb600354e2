"""What goes wrong with data, said in sentences."""

import errno
from pathlib import Path


class DataError(ValueError):
    """Data that cannot be had or cannot be used; the message says what to do about it."""


def cannot_write(error: OSError, path: Path, *, mebibytes: float = 0.0) -> DataError:
    """Turn the operating system's refusal to write at `path` into a sentence with its remedy."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        room = f" About {mebibytes:.0f} MiB are needed." if mebibytes else ""
        return DataError(
            f"The disk is full: {path} could not be written; nothing half-written was kept.{room} "
            "Free some space, or set COURSE_DATA to a folder on another disk."
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return DataError(
            f"{path} cannot be written: you have no permission to. "
            "Set COURSE_DATA to a folder in which you may write."
        )
    return DataError(
        f"{path} could not be written ({error}). Set COURSE_DATA to another folder and try again."
    )
