"""Where data sets and their decoded copies lie."""

import hashlib
import os
from pathlib import Path

import platformdirs

APPLICATION = "deep-learning-notebooks"


def data_directory() -> Path:
    """Return the folder given by ``COURSE_DATA``, by default the user's own cache folder.

    The folder need not exist yet.
    """
    chosen = os.environ.get("COURSE_DATA", "").strip()
    return Path(chosen).expanduser().absolute() if chosen else _user_cache()


def store_directories(directory: Path) -> tuple[Path, Path]:
    """Return the two folders in which decoded copies of the data in `directory` may lie.

    The first is inside `directory`. The second is the user's own, for a `directory` that is shared and
    may not be written: in it each such `directory` has a folder of its own.
    """
    mark = hashlib.sha256(os.fsencode(directory.absolute())).hexdigest()[:8]
    return directory / "store", _user_cache() / "stores" / f"{directory.name}-{mark}"


def writable_store(directory: Path) -> Path:
    """Return the store in `directory`, or the user's own if `directory` is read-only."""
    inside, own = store_directories(directory)
    nearest = next((folder for folder in inside.parents if folder.exists()), None)
    if nearest is None:  # a drive that is not there: writing will say so
        return inside
    if inside.exists():
        nearest = inside
    # A folder without any write bit is meant to stay as it is, even if the administrator could write.
    writable = bool(nearest.stat().st_mode & 0o222) and os.access(nearest, os.W_OK)
    return inside if writable else own


def _user_cache() -> Path:
    return Path(platformdirs.user_cache_dir(APPLICATION, appauthor=False))
