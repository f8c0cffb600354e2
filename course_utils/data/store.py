"""The store: decoded data sets as memory-mapped files.

A data set lies in a folder named by the hash of its content and is never changed afterwards (a mapped file
cannot be replaced on Windows). It is written beside its final place and renamed when it is whole, so a
process that is killed at any moment leaves a whole folder or none.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from course_utils.data.arrays import Arrays, content_hash
from course_utils.data.dataset import DataSet, Split
from course_utils.data.errors import DataError, cannot_write
from course_utils.data.specifications import Specification

LAYOUT = 1  # increased when the files of a stored data set change
ABOUT = "about.json"
PATIENCE = 7200.0  # seconds to wait for another process that downloads or decodes the same data set


def find_stored(store: Path, specification: Specification) -> Path | None:
    """Return the folder of the newest stored data set whose source has not changed since, or None.

    Source files that are gone count as unchanged: a pack may be deleted once it is decoded. Files that are
    there are compared by size and modification time, because hashing them would take longer than opening.
    """
    candidates = [about.parent for about in store.glob(f"{specification.name}-*/{ABOUT}")]
    current = [folder for folder in candidates if _is_current(folder, specification)]
    return max(current, key=lambda folder: (folder / ABOUT).stat().st_mtime_ns, default=None)


def open_stored(folder: Path) -> DataSet:
    """Open a stored data set without reading it: its tensors are mapped copy-on-write.

    Raises
    ------
    DataError
        If files of it are missing or damaged.
    """
    import torch

    try:
        about = _read_about(folder)
        arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="c") for name in about["shapes"]}
        if {name: list(array.shape) for name, array in arrays.items()} != about["shapes"]:
            raise ValueError("its arrays have other shapes than it says")
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise DataError(
            f"The decoded data set {folder} is damaged ({error}). "
            "Delete this folder; it is made again at next use."
        ) from error
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    return DataSet(
        train=Split(tensors["train_images"], tensors["train_labels"]),
        test=Split(tensors["test_images"], tensors["test_labels"]),
        classes=tuple(about["classes"]),
        name=about["name"],
        source=about["source"],
        stand_in=False,
        content_hash=about["content_hash"],
    )


def read_source(folder: Path) -> str:
    """Return what a stored data set was read from."""
    return str(_read_about(folder)["source"])


def keep(
    store: Path, specification: Specification, arrays: Arrays, *, source: str, files: tuple[Path, ...]
) -> Path:
    """Write a data set into the store, wholly or not at all, and return its folder.

    Parameters
    ----------
    source, files
        What the data were read from; when one of `files` changes, the stored copy is no longer used.
    """
    digest = content_hash(arrays, specification.classes)
    about = {
        "layout": LAYOUT,
        "name": specification.name,
        "classes": specification.classes,
        "content_hash": digest,
        "source": source,
        "files": [_state(file) for file in files],
        "shapes": {name: array.shape for name, array in arrays.items()},
    }
    folder = store / f"{specification.name}-{digest[:16]}-{LAYOUT}"
    partial = _partial(store, specification.name)
    try:
        partial.mkdir(parents=True)
        for name, array in arrays.items():
            _write_array(partial / f"{name}.npy", array)
        _write_text(partial / ABOUT, json.dumps(about, indent=1))
        _sync_folder(partial)
        try:
            partial.rename(folder)
        except OSError:
            if not folder.exists():
                raise
            if not (folder / ABOUT).exists():  # somebody deleted a part of it
                shutil.rmtree(folder)
                partial.rename(folder)
                return folder
            # The same content is there already, from a source since touched or moved: note the new one.
            (partial / ABOUT).replace(folder / ABOUT)
        _sync_folder(store)
    except OSError as error:
        mebibytes = sum(array.nbytes for _, array in arrays.items()) / 2**20
        raise cannot_write(error, folder, mebibytes=mebibytes) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder


@contextlib.contextmanager
def only_one_process(store: Path, name: str) -> Iterator[None]:
    """Let one process at a time prepare the data set `name`; remove what a killed one left behind.

    The lock is the operating system's: it ends with the process that holds it, however that ends.
    """
    lock = FileLock(store / f".{name}.lock")
    try:
        store.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            print(f"{name}: another process is preparing this data set; waiting for it.")
            lock.acquire(timeout=PATIENCE)
    except Timeout as error:
        raise DataError(
            f"Another process has been preparing {name} in {store} for two hours. End it and try again."
        ) from error
    except OSError as error:
        raise cannot_write(error, store) from error
    try:
        for abandoned in store.glob(f".partial-{name}-*"):
            shutil.rmtree(abandoned, ignore_errors=True)
        yield
    finally:
        lock.release()


def _is_current(folder: Path, specification: Specification) -> bool:
    try:
        about = _read_about(folder)
        if about["layout"] != LAYOUT or about["classes"] != list(specification.classes):
            return False
        return all(
            state == _state(Path(state["path"])) for state in about["files"] if Path(state["path"]).exists()
        )
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _read_about(folder: Path) -> dict[str, Any]:
    about: dict[str, Any] = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    return about


def _state(file: Path) -> dict[str, str | int]:
    status = file.stat()
    return {"path": str(file.absolute()), "size": status.st_size, "mtime_ns": status.st_mtime_ns}


def _partial(store: Path, name: str) -> Path:
    return store / f".partial-{name}-{secrets.token_hex(4)}"


def _write_array(path: Path, array: np.ndarray[Any, Any]) -> None:
    with path.open("wb") as file:
        np.save(file, array, allow_pickle=False)
        file.flush()
        os.fsync(file.fileno())


def _write_text(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Make the names in a folder durable, where the system lets a folder be opened (not on Windows)."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
