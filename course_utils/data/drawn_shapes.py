"""Drawn pictures that stand in for CIFAR-10: ten shapes, textured and cluttered, 32x32 RGB.

Colour hints at the class, texture and place say nothing of it; only the outline decides. So a network that
weighs each pixel by its place learns little, one that looks for local parts learns more, and one that also
sees shifted and mirrored copies learns most (the slow tests measure it). That is what they have to teach.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

# mypy: disable-error-code="no-any-return"
# (NumPy declares the results of its element-wise functions as Any.)

Floats = NDArray[np.floating[Any]]

SIZE = 32
BLOCK = 500  # pictures drawn at a time: bounds the memory to about 50 MB
SCATTER = 0.25  # deviation of a shape's colour from its class's typical one
STROKES = 2  # pieces of clutter behind each shape; one more lies in front of it


def draw_shapes(labels: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Draw one picture for each label.

    Parameters
    ----------
    labels
        (N,) int64, each an index into ``SHAPES``.
    rng
        Source of every random choice: place, size, angle, colours, textures, clutter.

    Returns
    -------
    uint8 (N, 3, 32, 32), values 0 to 255
    """
    blocks = [_draw_block(labels[start : start + BLOCK], rng) for start in range(0, len(labels), BLOCK)]
    return np.concatenate(blocks) if blocks else np.empty((0, 3, SIZE, SIZE), np.uint8)


def _draw_block(labels: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.uint8]:
    n = len(labels)
    centre = rng.uniform(-0.3, 0.3, (2, n, 1, 1)).astype(np.float32)
    size = rng.uniform(0.55, 0.8, (n, 1, 1)).astype(np.float32)
    angle = rng.uniform(-0.3, 0.3, (n, 1, 1)).astype(np.float32)  # radians: about 17 degrees either way
    outline = np.empty((n, SIZE, SIZE), np.float32)
    u, v = _local_coordinates(centre, size, angle)
    u = u * rng.choice(np.array([-1.0, 1.0], np.float32), (n, 1, 1))  # mirrored at random
    for index, shape in enumerate(SHAPES.values()):
        chosen = labels == index
        outline[chosen] = shape(u[chosen], v[chosen])
    cover = _soft_edge(outline * size)

    anything = rng.uniform(0.1, 0.9, (STROKES + 2, n, 3)).astype(np.float32)
    picture = _texture(anything[0], rng)  # (n, 3, 32, 32)
    for colour in anything[1:-1]:
        picture = _paint(picture, _stroke(n, rng), _texture(colour, rng))
    colour = _typical_colours()[labels] + rng.normal(0.0, SCATTER, (n, 3)).astype(np.float32)
    picture = _paint(picture, cover, _texture(colour, rng))
    picture = _paint(picture, _stroke(n, rng), _texture(anything[-1], rng))
    picture += rng.normal(0.0, 0.03, picture.shape).astype(np.float32)
    return np.rint(picture.clip(0.0, 1.0) * 255.0).astype(np.uint8)


def _grid() -> tuple[Floats, Floats]:
    """Return the pixels' coordinates x to the right and y upwards, each from -1 to 1."""
    steps = ((np.arange(SIZE, dtype=np.float32) + 0.5) * (2.0 / SIZE)) - 1.0
    return steps[None, None, :], -steps[None, :, None]


def _local_coordinates(centre: Floats, size: Floats, angle: Floats) -> tuple[Floats, Floats]:
    """Return coordinates in which the shape is upright, centred and about one unit large."""
    x, y = _grid()
    x, y = (x - centre[0]) / size, (y - centre[1]) / size
    cos, sin = np.cos(angle), np.sin(angle)
    return cos * x + sin * y, cos * y - sin * x


def _soft_edge(distance: Floats) -> Floats:
    """Turn a distance inside the outline (in half picture widths) into the part of the pixel covered."""
    return (distance * (SIZE / 2) + 0.5).clip(0.0, 1.0)


def _paint(picture: Floats, cover: Floats, paint: Floats) -> Floats:
    picture += cover[:, None] * (paint - picture)
    return picture


def _typical_colours() -> Floats:
    """Return each class's own colour, evenly spaced around the colour circle: (classes, 3)."""
    turn = np.arange(len(SHAPES), dtype=np.float32)[:, None] / len(SHAPES) + np.array([0.0, 1 / 3, 2 / 3])
    return (0.5 + 0.15 * np.cos(2 * np.pi * turn)).astype(np.float32)


def _texture(colour: Floats, rng: np.random.Generator) -> Floats:
    """Return stripes around a colour (n, 3), of random width, direction and sharpness: (n, 3, 32, 32)."""
    n = len(colour)
    x, y = _grid()
    direction = rng.uniform(0.0, np.pi, (n, 1, 1)).astype(np.float32)
    frequency = rng.uniform(1.0, 12.0, (n, 1, 1)).astype(np.float32)
    phase = rng.uniform(0.0, 2 * np.pi, (n, 1, 1)).astype(np.float32)
    wave = np.sin(frequency * (np.cos(direction) * x + np.sin(direction) * y) + phase)
    wave = (wave * rng.uniform(0.5, 3.0, (n, 1, 1)).astype(np.float32)).clip(-1.0, 1.0)[:, None]
    contrast = rng.uniform(-0.15, 0.15, (n, 3, 1, 1)).astype(np.float32)
    return colour[:, :, None, None] + contrast * wave


def _stroke(n: int, rng: np.random.Generator) -> Floats:
    """Return the cover of one short thick line at a random place: (n, 32, 32)."""
    x, y = _grid()
    start = rng.uniform(-1.0, 1.0, (2, n, 1, 1)).astype(np.float32)
    step = rng.uniform(-0.5, 0.5, (2, n, 1, 1)).astype(np.float32)
    along = ((x - start[0]) * step[0] + (y - start[1]) * step[1]) / (step[0] ** 2 + step[1] ** 2 + 1e-6)
    along = along.clip(0.0, 1.0)
    distance = np.hypot(x - start[0] - along * step[0], y - start[1] - along * step[1])
    return _soft_edge(rng.uniform(0.04, 0.14, (n, 1, 1)).astype(np.float32) - distance)


# Each shape is a function of its local coordinates: positive inside the outline, negative outside, and
# near the outline about the distance from it. Mirroring any of them left to right leaves its class alone.


def _disc(u: Floats, v: Floats) -> Floats:
    return 0.8 - np.hypot(u, v)


def _ring(u: Floats, v: Floats) -> Floats:
    return 0.22 - np.abs(np.hypot(u, v) - 0.65)


def _square(u: Floats, v: Floats) -> Floats:
    return 0.7 - np.maximum(np.abs(u), np.abs(v))


def _triangle(u: Floats, v: Floats) -> Floats:
    return np.minimum(v + 0.6, 0.45 - 0.45 * v - 0.89 * np.abs(u))


def _star(u: Floats, v: Floats) -> Floats:
    turn = np.arctan2(u, v) * (5 / (2 * np.pi))
    spike = 2.0 * np.abs(turn - np.rint(turn))  # 0 at the tip of a ray, 1 between two rays
    return 0.6 * (0.95 - 0.6 * spike - np.hypot(u, v))


def _cross(u: Floats, v: Floats) -> Floats:
    across = np.minimum(0.85 - np.abs(u), 0.25 - np.abs(v))
    upright = np.minimum(0.25 - np.abs(u), 0.85 - np.abs(v))
    return np.maximum(across, upright)


def _crescent(u: Floats, v: Floats) -> Floats:
    return np.minimum(0.85 - np.hypot(u, v), np.hypot(u - 0.45, v) - 0.6)


def _heart(u: Floats, v: Floats) -> Floats:
    return 0.72 - np.hypot(0.95 * u, v + 0.1 - 0.55 * np.sqrt(np.abs(u)))


def _arrow(u: Floats, v: Floats) -> Floats:
    head = np.minimum(v, 0.65 - 0.71 * v - 0.71 * np.abs(u))
    shaft = np.minimum(0.22 - np.abs(u), 0.5 - np.abs(v + 0.4))
    return np.maximum(head, shaft)


def _hourglass(u: Floats, v: Floats) -> Floats:
    return np.minimum(0.8 - np.abs(v), 0.75 * (0.1 + 0.8 * np.abs(v) - np.abs(u)))


SHAPES: dict[str, Callable[[Floats, Floats], Floats]] = {
    "disc": _disc,
    "ring": _ring,
    "square": _square,
    "triangle": _triangle,
    "star": _star,
    "cross": _cross,
    "crescent": _crescent,
    "heart": _heart,
    "arrow": _arrow,
    "hourglass": _hourglass,
}
