"""From a data set's name to its tensors."""

from __future__ import annotations

import time
from pathlib import Path

from course_utils.data.arrays import Found
from course_utils.data.dataset import DataSet
from course_utils.data.directory import data_directory, store_directories, writable_store
from course_utils.data.download import download
from course_utils.data.errors import DataError
from course_utils.data.packs import find_pack, find_split_packs
from course_utils.data.specifications import Specification, specification_of
from course_utils.data.stand_ins import stand_in
from course_utils.data.store import find_stored, keep, only_one_process, open_stored
from course_utils.data.torchvision_folders import find_torchvision_folder
from course_utils.scale import SCALES, Scale
from course_utils.scale import scale as chosen_scale

# Where real data are looked for, in this order, before they are downloaded.
SOURCES = (find_pack, find_split_packs, find_torchvision_folder)


def load(name: str, *, data_dir: Path | None = None, scale: Scale | None = None) -> DataSet:
    """Return a data set as plain tensors: the real one, or at scale ``smoke`` its embedded stand-in.

    Real data are decoded at their first use (a sentence says so) into memory-mapped files; afterwards they
    open in milliseconds, and processes that use the same data share the memory. They come from the first
    of: what was decoded before; a pack NAME.parquet; a folder NAME of packs in the Hugging Face layout;
    torchvision's folder; a download.

    Parameters
    ----------
    name
        ``"mnist"``, ``"fashion_mnist"`` or ``"cifar10"``.
    data_dir
        Folder of the data; by default what ``COURSE_DATA`` says, else the user's cache folder.
    scale
        By default what ``COURSE_SCALE`` says. At ``smoke`` stand-ins are used even where real data lie,
        at ``laptop`` and ``full`` never.

    Returns
    -------
    DataSet
        ``.train`` and ``.test``, each with ``.images`` uint8 (N, C, H, W) and ``.labels`` int64 (N,);
        ``.classes``, ``.source``, ``.stand_in``, ``.content_hash``. Printing it says all of that in a line.

    Raises
    ------
    DataError
        If the data set is unknown, cannot be had, or is damaged; the message says what to do.
    """
    specification = specification_of(name)
    scale = chosen_scale() if scale is None else scale
    if scale not in SCALES:
        raise DataError(f"scale is {scale!r}, but it must be one of {', '.join(SCALES)}.")
    if scale == "smoke":
        return stand_in(specification)
    directory = data_directory() if data_dir is None else Path(data_dir).absolute()
    try:
        folder = stored_folder(specification, directory) or _prepare(specification, directory)
        return open_stored(folder)
    except OSError as error:
        raise DataError(
            f"The data directory {directory} cannot be used ({error}). "
            "Set COURSE_DATA to a folder of your own."
        ) from error


def stored_folder(specification: Specification, directory: Path) -> Path | None:
    """Return where the decoded data set lies, or None if it must be made first."""
    folders = (find_stored(store, specification) for store in store_directories(directory))
    return next((folder for folder in folders if folder is not None), None)


def find_source(specification: Specification, directory: Path) -> Found | None:
    """Return the first source in `directory` from which the data set can be read."""
    found = (find(specification, directory) for find in SOURCES)
    return next((source for source in found if source is not None), None)


def _prepare(specification: Specification, directory: Path) -> Path:
    """Make the decoded data set and return its folder."""
    store = writable_store(directory)
    with only_one_process(store, specification.name):
        made_meanwhile = stored_folder(specification, directory)
        if made_meanwhile:
            return made_meanwhile
        source = find_source(specification, directory) or _downloaded(specification, directory)
        print(f"{specification.name}: decoding the {source.source} once, into {store} ...", flush=True)
        start = time.perf_counter()
        folder = keep(store, specification, source.read(), source=source.source, files=source.files)
        seconds = time.perf_counter() - start
        print(f"{specification.name}: done in {seconds:.1f} s; from now on it opens at once.")
        return folder


def _downloaded(specification: Specification, directory: Path) -> Found:
    size = specification.download_mebibytes
    print(f"{specification.name}: not found in {directory}; downloading {size:.0f} MiB ...", flush=True)
    try:
        download(specification, directory)
    except DataError as error:
        raise DataError(f"{error}\n\n{_what_was_tried(specification, directory)}") from error
    found = find_torchvision_folder(specification, directory)
    if found is None:
        raise DataError(
            f"The download of {specification.name} in {directory} is incomplete: "
            f"it lacks one of {', '.join(specification.unpacked)}."
        )
    return found


def _what_was_tried(specification: Specification, directory: Path) -> str:
    name = specification.name
    return (
        f"{specification.title}: no data were found. These were tried in {directory}:\n"
        f"  the pack {name}.parquet\n"
        f"  packs {name}/**/train-*.parquet and test-*.parquet (the Hugging Face layout)\n"
        f"  torchvision's files {specification.unpacked[0]} and the like\n"
        f"  downloads (above)\n"
        "Put one of these there, or set COURSE_DATA to the folder in which one lies, "
        "or set COURSE_SCALE=smoke to work with embedded stand-ins."
    )
