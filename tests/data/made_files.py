"""Small made-up data sets in the file formats of real ones, written with other libraries than ours."""

import gzip
import io
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from course_utils.data.specifications import specification_of


def random_rows(name: str, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return random images (n, C, H, W) and labels (n,) of the form of the data set `name`."""
    rng = np.random.default_rng(seed)
    specification = specification_of(name)
    images = rng.integers(0, 256, (n, specification.channels, *specification.size), dtype=np.uint8)
    return images, rng.integers(0, len(specification.classes), n)


def encoded(image: np.ndarray, form: str = "PNG") -> bytes:
    """Return (C, H, W) as the bytes of an image file."""
    file = io.BytesIO()
    Image.fromarray(image[0] if len(image) == 1 else image.transpose(1, 2, 0)).save(file, form)
    return file.getvalue()


def pack_columns(name: str, train: int = 12, test: int = 6) -> dict[str, Any]:
    """Return the columns of a small valid pack."""
    images, labels = random_rows(name, train + test, seed=1)
    return {
        "image": pa.array([encoded(image) for image in images], pa.binary()),
        "label": pa.array(labels, pa.int16()),
        "split": pa.array(["train"] * train + ["test"] * test),
    }


def write_pack(path: Path, columns: dict[str, Any], *, classes: list[str] | None = None) -> Path:
    """Write columns as a pack; with `classes`, its metadata list them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.table(columns)
    if classes is not None:
        table = table.replace_schema_metadata({"classes": json.dumps(classes)})
    pq.write_table(table, path, compression="zstd", row_group_size=5)
    return path


def idx_files(name: str = "mnist", train: int = 12, test: int = 6) -> dict[str, bytes]:
    """Return the four files of a small MNIST-like data set by their names in the original distribution."""
    files = {}
    for prefix, n, seed in (("train", train, 1), ("t10k", test, 2)):
        images, labels = random_rows(name, n, seed)
        header = b"".join(size.to_bytes(4, "big") for size in (2051, n, 28, 28))
        files[f"{prefix}-images-idx3-ubyte"] = header + images.tobytes()
        header = b"".join(size.to_bytes(4, "big") for size in (2049, n))
        files[f"{prefix}-labels-idx1-ubyte"] = header + labels.astype(np.uint8).tobytes()
    return files


def zipped(content: bytes) -> bytes:
    """Return the content as a .gz file, the same bytes every time."""
    return gzip.compress(content, mtime=0)


def cifar_files(each: int = 4) -> dict[str, bytes]:
    """Return the files of a small CIFAR-10 in the layout of the original archive."""
    files = {}
    for seed, file in enumerate([*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]):
        images, labels = random_rows("cifar10", each, seed)
        files[file] = pickle.dumps({"data": images.reshape(each, -1), "labels": labels.tolist()})
    files["batches.meta"] = pickle.dumps({"label_names": list(specification_of("cifar10").classes)})
    return files
