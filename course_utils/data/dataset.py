"""A data set as the notebooks use it: plain tensors that may be edited."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(repr=False)
class Split:
    """Images with their labels: the training part or the test part of a data set."""

    images: Tensor  # (N, C, H, W), uint8
    labels: Tensor  # (N,), int64

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        return f"Split(images: {tuple(self.images.shape)} uint8, labels: {tuple(self.labels.shape)} int64)"


@dataclass(repr=False)
class DataSet:
    """Training and test data with the names of their classes and where they come from.

    Writing into the tensors changes them for this process only, never the files behind them.

    Attributes
    ----------
    train, test
        Each has ``images``, uint8 (N, C, H, W), and ``labels``, int64 (N,).
    classes
        The classes' names, in label order.
    name, source
        For example ``"mnist"`` and ``"pack mnist.parquet"``.
    stand_in
        Whether embedded data stand in for the real ones.
    content_hash
        SHA-256 of the images, labels and classes: equal data have equal hashes, whatever their source.
    """

    train: Split
    test: Split
    classes: tuple[str, ...]
    name: str
    source: str
    stand_in: bool
    content_hash: str

    def __repr__(self) -> str:
        channels, height, width = self.train.images.shape[1:]
        colour = "grey" if channels == 1 else "RGB"
        return (
            f"{self.name}: {len(self.train)} training and {len(self.test)} test images, "
            f"{height}x{width} {colour}, {len(self.classes)} classes; {self.source}"
        )
