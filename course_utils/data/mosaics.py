"""Mosaics: nine tiles, one of a foreground class, eight of background classes (report 000, section 2.1).

Nobody says which tile matters; the label is the foreground's class. A mosaic is nine row numbers into the
source, never a copy of its pictures.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Generator, Tensor

from course_utils.data.dataset import Split
from course_utils.data.errors import DataError
from course_utils.data.pixels import to_unit

TILES = 9
FOREGROUND = (0, 1, 2)
BACKGROUND = (3, 4, 5, 6, 7, 8, 9)


@dataclass(frozen=True, repr=False)
class Mosaics:
    """Mosaics of one source.

    Attributes
    ----------
    images
        What the tiles are taken from: uint8 images (M, C, H, W), or points (M, d).
    tiles
        int64 (N, 9): rows of ``images``, in random order.
    labels
        int64 (N,): the foreground's class, counted from 0 in the order of the foreground classes.
    foreground_at
        int64 (N,): which tile it is. For analysis: `split` hands on nothing of it.
    tile_labels
        int64 (N, 9): the class of each tile in the source. For analysis.
    """

    images: Tensor
    tiles: Tensor
    labels: Tensor
    foreground_at: Tensor
    tile_labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        return f"Mosaics({len(self)} of {self.tiles.shape[1]} tiles from {len(self.images)} images)"

    def split(self) -> Split:
        """Return what a model is trained on: row numbers (N, 9) and labels (N,). `pixels` looks them up."""
        return Split(self.tiles, self.labels)

    def pixels(self, tiles: Tensor) -> Tensor:
        """Return the tiles (batch, 9) as numbers, float32 (batch, 9, ...): bytes become [0, 1].

        Made to be the ``preprocess`` of `course_utils.training.loop.fit`.
        """
        return to_unit(self.images[tiles])

    def to(self, device: torch.device) -> Mosaics:
        """Return the same mosaics on a device: `pixels` works where the row numbers are."""
        parts = (self.images, self.tiles, self.labels, self.foreground_at, self.tile_labels)
        return Mosaics(*(part.to(device) for part in parts))

    def rows(self, chosen: Tensor | slice) -> Mosaics:
        """Return some of the mosaics, of the same source."""
        parts = (self.tiles, self.labels, self.foreground_at, self.tile_labels)
        return Mosaics(self.images, *(part[chosen] for part in parts))


@dataclass(frozen=True, repr=False)
class Averages:
    """Weighted means of mosaics' tiles: what a focus network of known quality would hand on.

    Attributes
    ----------
    mosaics
        The mosaics.
    weights
        float32 (9,) for all mosaics or (N, 9) for each; the first is the foreground's.
    """

    mosaics: Mosaics
    weights: Tensor

    def __len__(self) -> int:
        return len(self.mosaics)

    def split(self) -> Split:
        """Return what a model is trained on: the mosaics' numbers (N,) and labels (N,)."""
        return Split(torch.arange(len(self), device=self.mosaics.labels.device), self.mosaics.labels)

    def pixels(self, numbers: Tensor) -> Tensor:
        """Return the averages of these mosaics, float32 (batch, ...): the ``preprocess`` of `fit`."""
        weights = self.weights.to(numbers.device)
        weights = weights.expand(len(numbers), -1) if weights.ndim == 1 else weights[numbers]
        tiles = _foreground_first(self.mosaics.tiles[numbers], self.mosaics.foreground_at[numbers])
        pixels = self.mosaics.pixels(tiles)  # (batch, 9, ...)
        return torch.einsum("bt,bt...->b...", weights, pixels)


def make_mosaics(
    source: Split,
    n: int,
    *,
    generator: Generator,
    foreground: Sequence[int] = FOREGROUND,
    background: Sequence[int] = BACKGROUND,
    tiles: int = TILES,
) -> Mosaics:
    """Draw mosaics: one tile of the foreground classes at a random place, the others of the background's.

    No image stands twice in a mosaic; each is as likely as any other of its group.

    Parameters
    ----------
    source
        Images with their classes, or points.
    n
        Number of mosaics, at least 1.
    generator
        CPU generator of what is taken and where it stands.
    foreground, background
        Classes; none in both.
    tiles
        Of a mosaic, at least 2.

    Raises
    ------
    DataError
        If an argument is out of its range or the source has too few images of the classes.
    """
    _check(source, n, foreground, background, tiles)
    labels = source.labels.cpu()
    front, back = (_rows_of(labels, classes) for classes in (foreground, background))
    first = front[torch.randint(len(front), (n,), generator=generator)]  # (n,)
    others = back[_distinct(n, tiles - 1, len(back), generator)]  # (n, tiles - 1)
    at = torch.randint(tiles, (n,), generator=generator)
    drawn = torch.cat([first[:, None], others], dim=1)
    # the tile that stood first changes places with the one at `at`: the others are in random order already
    rows = torch.arange(n)
    drawn[rows, 0], drawn[rows, at] = drawn[rows, at].clone(), first
    number = torch.full((int(labels.max()) + 1,), -1)
    number[torch.tensor(list(foreground))] = torch.arange(len(foreground))
    device = source.images.device
    parts = (drawn, number[labels[first]], at, labels[drawn])
    return Mosaics(source.images, *(part.to(device) for part in parts))


def fixed_weights(i: float, *, tiles: int = TILES) -> Tensor:
    """Return the weights of data set D_i, float32 (tiles,): i/9 for the foreground, which is the first.

    The others share the rest alike: (9 - i)/72 each (report 000, section 3.2). With i = 1 all are equal, with
    i = 9 the foreground has all.

    Raises
    ------
    DataError
        If ``i`` is not between 1 and the number of tiles.
    """
    _check_i(i, tiles)
    weights = torch.full((tiles,), (tiles - i) / (tiles * (tiles - 1)))
    weights[0] = i / tiles
    return weights


def dirichlet_weights(i: float, n: int, *, alpha: float, generator: Generator, tiles: int = TILES) -> Tensor:
    """Draw weights from a Dirichlet distribution whose mean is D_i's, float32 (n, tiles).

    The parameters are ``a_i * alpha`` for the foreground, which is the first, and ``alpha`` for each other
    tile, with ``a_i = (i/9) (72/(9 - i))`` (report 000, section 3.3, which prints parameters as weights:
    erratum 10). A small ``alpha`` puts nearly all weight on one tile, now and then on a wrong one; a large
    one gives the means. With i = 9 the foreground has all.

    Raises
    ------
    DataError
        If ``i`` is not between 1 and the number of tiles, ``n`` not positive, or ``alpha`` not positive.
    """
    _check_i(i, tiles)
    if n < 1:
        raise DataError(f"n is {n}, but at least 1 set of weights can be drawn.")
    if not 0 < alpha < float("inf"):
        raise DataError(f"alpha is {alpha}, but the parameters of a Dirichlet distribution are positive.")
    if i == tiles:
        return fixed_weights(i, tiles=tiles).expand(n, -1).clone()
    parameters = np.full(tiles, alpha)
    parameters[0] = alpha * i * (tiles - 1) / (tiles - i)
    seed = int(torch.randint(2**62, (), generator=generator))
    drawn = np.random.default_rng(seed).dirichlet(parameters, size=n)
    return torch.from_numpy(drawn).float()


def _foreground_first(tiles: Tensor, foreground_at: Tensor) -> Tensor:
    """Return tiles (N, 9) with the foreground exchanged for the one that stands first."""
    rows = torch.arange(len(tiles), device=tiles.device)
    ordered = tiles.clone()
    ordered[rows, foreground_at] = tiles[:, 0]
    ordered[:, 0] = tiles[rows, foreground_at]
    return ordered


def _rows_of(labels: Tensor, classes: Collection[int]) -> Tensor:
    return torch.isin(labels, torch.tensor(list(classes))).nonzero()[:, 0]


def _distinct(n: int, k: int, pool: int, generator: Generator) -> Tensor:
    """Draw n times k different numbers below `pool`, in random order: int64 (n, k)."""
    if pool < 20 * k:  # repetitions would be the rule
        return torch.rand(n, pool, generator=generator).argsort(dim=1)[:, :k]
    drawn = torch.randint(pool, (n, k), generator=generator)
    while True:
        ordered = drawn.sort(dim=1).values
        repeated = (ordered[:, 1:] == ordered[:, :-1]).any(dim=1).nonzero()[:, 0]
        if len(repeated) == 0:
            return drawn
        drawn[repeated] = torch.randint(pool, (len(repeated), k), generator=generator)


def _check(source: Split, n: int, foreground: Sequence[int], background: Sequence[int], tiles: int) -> None:
    if n < 1:
        raise DataError(f"n is {n}, but at least 1 mosaic can be drawn.")
    if tiles < 2:
        raise DataError(f"tiles is {tiles}, but a mosaic has a foreground and at least one background.")
    for name, classes in (("foreground", foreground), ("background", background)):
        if not classes or len(set(classes)) < len(classes):
            raise DataError(f"{name} is {tuple(classes)}, but it needs at least one class, each once.")
    both = sorted(set(foreground) & set(background))
    if both:
        raise DataError(
            f"The classes {both} are foreground and background: a mosaic's label would mean nothing. Take "
            "each into one of the two."
        )
    known = set(source.labels.unique().tolist())
    for name, classes, needed in (("foreground", foreground, 1), ("background", background, tiles - 1)):
        absent = sorted(set(classes) - known)
        if absent:
            raise DataError(f"The source has no image of the {name} classes {absent}.")
        there = int(torch.isin(source.labels, torch.tensor(list(classes), device=source.labels.device)).sum())
        if there < needed:
            raise DataError(
                f"A mosaic of {tiles} tiles needs {needed} different images of the {name}, but the source "
                f"has {there}: take fewer tiles, or more images."
            )


def _check_i(i: float, tiles: int) -> None:
    if not 1 <= i <= tiles:
        raise DataError(
            f"i is {i}, but the foreground's weight is i/{tiles} of all: i lies between 1 (as much as each "
            f"other tile) and {tiles} (all of it)."
        )
