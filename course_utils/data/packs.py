"""Packs: data sets of encoded images in parquet files.

Two forms are read. A *pack* is one file NAME.parquet in the data directory with the columns ``image`` (a
JPEG or PNG file, as bytes), ``label`` (integer) and ``split`` (``train`` or ``test``). The *Hugging Face
layout* is a folder NAME with files train-*.parquet and test-*.parquet, in which ``image`` (or ``img``) is a
structure {bytes, path} and each file holds one split.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from tqdm.auto import tqdm

from course_utils import machine
from course_utils.data.arrays import Arrays, Found, check_arrays, check_labels
from course_utils.data.decoding import decode_images
from course_utils.data.errors import DataError
from course_utils.data.specifications import Specification

SplitName = Literal["train", "test"]
SPLITS: tuple[SplitName, SplitName] = ("train", "test")
IMAGE_COLUMNS = ("image", "img")
ROWS = 1000  # rows read at a time

AGAIN = "Copy or fetch it again."


def find_pack(specification: Specification, directory: Path) -> Found | None:
    """Return the pack NAME.parquet of `directory`, or None if there is none."""
    pack = directory / f"{specification.name}.parquet"
    if not pack.is_file():
        return None
    return Found(f"pack {pack.name}", (pack,), lambda: read_packs(specification, [pack]))


def find_split_packs(specification: Specification, directory: Path) -> Found | None:
    """Return the parquet files of the folder NAME (the Hugging Face layout), or None if there are none."""
    folder = directory / specification.name
    packs = [pack for split in SPLITS for pack in sorted(folder.rglob(f"{split}-*.parquet"))]
    if not packs:
        return None
    names = {"/".join(pack.relative_to(directory).parts[:-1]) for pack in packs}
    source = f"packs of the folder {' and '.join(sorted(names))}"
    return Found(source, tuple(packs), lambda: read_packs(specification, packs))


def read_packs(specification: Specification, packs: Iterable[Path]) -> Arrays:
    """Read and decode a data set from one pack, or from one file or more for each split.

    Raises
    ------
    DataError
        If pyarrow is missing, or a file is truncated, lacks a column, a split or a part, or holds an image
        or a label that does not belong to the data set. The message names the file and the row.
    """
    packs = list(packs)
    _check_all_parts(packs)
    tables = [_open(pack, specification) for pack in packs]
    images: dict[SplitName, NDArray[np.uint8]] = {}
    labels: dict[SplitName, NDArray[np.int64]] = {}
    where = ", ".join(str(pack) for pack in packs)
    for split in SPLITS:
        labels[split] = np.concatenate([table.labels[table.rows(split)] for table in tables])
        if len(labels[split]) == 0:
            raise DataError(f"{where}: the {split} split is missing (no row belongs to it). {AGAIN}")
        images[split] = np.empty((len(labels[split]), specification.channels, *specification.size), np.uint8)
    _decode(tables, images)
    arrays = Arrays(images["train"], labels["train"], images["test"], labels["test"])
    check_arrays(arrays, specification, where)
    return arrays


@dataclass(frozen=True)
class _Table:
    """An opened parquet file: everything but its images, which are read piece by piece."""

    path: Path
    file: Any  # pyarrow.parquet.ParquetFile
    image_column: str
    labels: NDArray[np.int64]  # (rows,)
    splits: NDArray[np.str_]  # (rows,)

    def rows(self, split: SplitName) -> NDArray[np.bool_]:
        """Return which rows belong to the split."""
        return np.asarray(self.splits == split)


def _pyarrow() -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise DataError(
            'Reading packs (parquet files) needs pyarrow: pip install "deep-learning-notebooks[packs]"'
        ) from error
    return pyarrow


def _open(path: Path, specification: Specification) -> _Table:
    pyarrow = _pyarrow()
    try:
        file = pyarrow.parquet.ParquetFile(path)
        schema = file.schema_arrow
        image_column, split_column = _columns(path, schema, pyarrow)
        _check_classes(path, schema, specification)
        wanted = ["label"] if split_column is None else ["label", split_column]
        table = file.read(columns=wanted)
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"{path} is truncated or no parquet file ({_first_line(error)}). {AGAIN}") from error
    for column in wanted:
        if table[column].null_count:
            raise DataError(f"{path}: {table[column].null_count} rows have no {column}. {AGAIN}")
    labels = table["label"].to_numpy().astype(np.int64)
    if split_column is None:
        splits = np.full(len(labels), _split_in_name(path))
    else:
        splits = np.asarray(table[split_column].to_pylist(), dtype=np.str_)
    check_labels(labels, specification, str(path))
    other = sorted(set(splits.tolist()) - set(SPLITS))
    if other:
        print(f"{path.name}: rows of the splits {', '.join(other)} are left out; train and test are read.")
    return _Table(path, file, image_column, labels, splits)


def _columns(path: Path, schema: Any, pyarrow: Any) -> tuple[str, str | None]:
    """Return the names of the image and of the split column (None: the file's name says the split)."""
    types = pyarrow.types
    image = next((name for name in IMAGE_COLUMNS if name in schema.names), None)
    split = "split" if "split" in schema.names else None
    expected = "a pack has the columns image (bytes), label (integer) and split (train or test)"
    if image is None or "label" not in schema.names or (split is None and _split_in_name(path) is None):
        raise DataError(f"{path} has the columns {', '.join(schema.names)}, but {expected}. {AGAIN}")
    kind = schema.field(image).type
    if types.is_struct(kind) and kind.get_field_index("bytes") >= 0:
        kind = kind.field("bytes").type
    if not (types.is_binary(kind) or types.is_large_binary(kind)):
        raise DataError(f"{path}: the column {image} holds {kind}, but {expected}. {AGAIN}")
    if not types.is_integer(schema.field("label").type):
        raise DataError(
            f"{path}: the column label holds {schema.field('label').type}, but {expected}. {AGAIN}"
        )
    if split and not (
        types.is_string(schema.field(split).type) or types.is_large_string(schema.field(split).type)
    ):
        raise DataError(f"{path}: the column split holds {schema.field(split).type}, but {expected}. {AGAIN}")
    return image, split


def _check_classes(path: Path, schema: Any, specification: Specification) -> None:
    """Refuse a pack whose own list of classes is in another order, or another data set's."""
    try:
        classes = json.loads((schema.metadata or {})[b"classes"])
    except (KeyError, ValueError):
        return
    if classes != list(specification.classes):
        raise DataError(
            f"{path}: its classes are {classes}, but those of {specification.name} are "
            f"{list(specification.classes)}. Is it another data set?"
        )


def _split_in_name(path: Path) -> SplitName | None:
    return next((split for split in SPLITS if path.name.startswith(f"{split}-")), None)


def _check_all_parts(packs: list[Path]) -> None:
    """Refuse train-00000-of-00002.parquet without its second part."""
    for pack in packs:
        numbered = re.fullmatch(r"(.+-)\d{5}-of-(\d{5})\.parquet", pack.name)
        if numbered:
            for part in range(int(numbered[2])):
                other = pack.with_name(f"{numbered[1]}{part:05d}-of-{numbered[2]}.parquet")
                if not other.is_file():
                    raise DataError(f"{other} is missing beside {pack.name}. Fetch it too.")


def _decode(tables: list[_Table], images: dict[SplitName, NDArray[np.uint8]]) -> None:
    """Decode every image into its place in `images`, with all cores, while the next rows are read."""
    threads = machine.cores()
    filled = dict.fromkeys(SPLITS, 0)
    total = sum(len(split) for split in images.values())
    with (
        ThreadPoolExecutor(threads) as pool,
        tqdm(total=total, unit=" images", disable=None, leave=False) as bar,
    ):
        for table in tables:
            row = 0
            for encoded in _batches(table):
                tasks = []
                for split in SPLITS:
                    chosen = np.flatnonzero(table.rows(split)[row : row + len(encoded)])
                    for piece in np.array_split(chosen, threads):
                        rows = [(row + int(i), encoded[int(i)]) for i in piece]
                        into = images[split][filled[split] : filled[split] + len(piece)]
                        filled[split] += len(piece)
                        tasks.append(pool.submit(decode_images, rows, into, str(table.path)))
                for task in tasks:
                    task.result()
                row += len(encoded)
                bar.update(len(encoded))


def _batches(table: _Table) -> Iterable[list[bytes | None]]:
    pyarrow = _pyarrow()
    try:
        for batch in table.file.iter_batches(batch_size=ROWS, columns=[table.image_column]):
            column = batch.column(0)
            if pyarrow.types.is_struct(column.type):
                column = column.field("bytes")
            yield column.to_pylist()
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"{table.path} is damaged ({_first_line(error)}). {AGAIN}") from error


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]
