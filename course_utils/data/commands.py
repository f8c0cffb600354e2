"""What `course data` prints and does."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from course_utils.data.directory import data_directory
from course_utils.data.errors import DataError
from course_utils.data.loading import find_source, load, stored_folder
from course_utils.data.specifications import DATA_SETS, Specification
from course_utils.data.stand_ins import stand_in_source
from course_utils.data.store import read_source


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `course data`: list the data sets, or prepare those that are named. Return the exit code."""
    parser = argparse.ArgumentParser(
        prog="course data",
        description="List the data sets. With names: fetch and decode these, so that they open at once.",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(DATA_SETS)}")
    names = parser.parse_args(arguments).names
    try:
        if not names:
            print_data_sets()
        for name in names:
            prepare(name)
    except DataError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def print_data_sets(*, data_dir: Path | None = None) -> None:
    """Print for each data set what is used at scale `smoke` and at `laptop` and `full`, and its size."""
    directory = data_directory() if data_dir is None else data_dir
    print(f"Data directory: {directory} (set COURSE_DATA to use another one)")
    for specification in DATA_SETS.values():
        print(f"{specification.name}: {specification.title}")
        print(f"  smoke         {stand_in_source(specification)}")
        print(f"  laptop, full  {describe_source(specification, directory)}")


def describe_source(specification: Specification, directory: Path) -> str:
    """Say where the real data would come from, without reading them."""
    folder = stored_folder(specification, directory)
    if folder is not None:
        size = _mebibytes(tuple(folder.iterdir()))
        return f"found, ready to open: {read_source(folder)}, decoded in {folder} ({size})"
    source = find_source(specification, directory)
    if source is not None:
        return f"found: {source.source} ({_mebibytes(source.files)}), is decoded at first use"
    return f"not found: would be downloaded ({specification.download_mebibytes:.0f} MiB)"


def prepare(name: str, *, data_dir: Path | None = None) -> None:
    """Find, download and decode the real data set `name`, so that it opens at once from then on.

    Raises
    ------
    DataError
        If it is unknown or cannot be had; the message says what to do.
    """
    print(load(name, data_dir=data_dir, scale="laptop"))


def _mebibytes(files: tuple[Path, ...]) -> str:
    return f"{sum(file.stat().st_size for file in files) / 2**20:.0f} MiB"
