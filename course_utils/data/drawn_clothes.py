"""Drawn clothes that stand in for Fashion-MNIST: each garment is a few thick strokes, 28x28 grey."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

# mypy: disable-error-code="no-any-return"
# (NumPy declares the results of its element-wise functions as Any.)

Floats = NDArray[np.floating[Any]]

SIZE = 28
BLOCK = 500  # pictures drawn at a time: bounds the memory

# A stroke runs from (x0, y0) with radius r0 to (x1, y1) with radius r1; x to the right, y downwards, both
# from -1 to 1. One row for each class of Fashion-MNIST, in label order.
Stroke = tuple[float, float, float, float, float, float]
GARMENTS: tuple[tuple[Stroke, ...], ...] = (
    # T-shirt/top: trunk, two short sleeves
    (
        (0, -0.45, 0.36, 0, 0.6, 0.34),
        (-0.35, -0.55, 0.2, -0.72, -0.2, 0.17),
        (0.35, -0.55, 0.2, 0.72, -0.2, 0.17),
    ),
    # Trouser: two legs from one waist
    ((-0.1, -0.75, 0.16, -0.26, 0.8, 0.13), (0.1, -0.75, 0.16, 0.26, 0.8, 0.13)),
    # Pullover: trunk, two long sleeves
    ((0, -0.4, 0.38, 0, 0.55, 0.37), (-0.4, -0.5, 0.2, -0.72, 0.7, 0.15), (0.4, -0.5, 0.2, 0.72, 0.7, 0.15)),
    # Dress: narrow above, wide below
    ((0, -0.7, 0.24, 0, -0.2, 0.2), (0, -0.2, 0.2, 0, 0.4, 0.5)),
    # Coat: longer than a pullover, sleeves close to the trunk
    (
        (0, -0.5, 0.34, 0, 0.7, 0.44),
        (-0.4, -0.55, 0.16, -0.66, 0.6, 0.12),
        (0.4, -0.55, 0.16, 0.66, 0.6, 0.12),
    ),
    # Sandal: thin sole, straps
    (
        (-0.8, 0.4, 0.06, 0.8, 0.5, 0.08),
        (-0.6, 0.38, 0.06, -0.2, -0.1, 0.06),
        (-0.2, -0.1, 0.06, 0.3, 0.42, 0.06),
    ),
    # Shirt: a T-shirt with sleeves to the elbow and a collar
    (
        (0, -0.4, 0.36, 0, 0.65, 0.33),
        (-0.38, -0.5, 0.18, -0.7, 0.3, 0.14),
        (0.38, -0.5, 0.18, 0.7, 0.3, 0.14),
        (0, -0.85, 0.1, 0, -0.7, 0.16),
    ),
    # Sneaker: sole, low body rising to the heel
    ((-0.65, 0.35, 0.15, 0.7, 0.35, 0.17), (0.1, 0.2, 0.18, 0.6, 0.0, 0.2)),
    # Bag: wide body, a handle
    (
        (-0.4, 0.3, 0.36, 0.4, 0.3, 0.36),
        (-0.4, 0.0, 0.07, -0.25, -0.65, 0.07),
        (-0.25, -0.65, 0.07, 0.25, -0.65, 0.07),
        (0.25, -0.65, 0.07, 0.4, 0.0, 0.07),
    ),
    # Ankle boot: foot, shaft
    ((-0.5, 0.5, 0.2, 0.5, 0.5, 0.22), (0.42, -0.6, 0.25, 0.42, 0.4, 0.3)),
)


def draw_clothes(labels: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Draw one garment for each label.

    Parameters
    ----------
    labels
        (N,) int64, 0 to 9, the classes of Fashion-MNIST.
    rng
        Source of every random choice: proportions, place, brightness, stripes.

    Returns
    -------
    uint8 (N, 1, 28, 28), values 0 to 255, on black
    """
    blocks = [_draw_block(labels[start : start + BLOCK], rng) for start in range(0, len(labels), BLOCK)]
    return np.concatenate(blocks) if blocks else np.empty((0, 1, SIZE, SIZE), np.uint8)


def _draw_block(labels: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.uint8]:
    n = len(labels)
    most = max(map(len, GARMENTS))
    # A garment with fewer strokes repeats its first one, which changes nothing.
    table = np.array([[*strokes, *[strokes[0]] * (most - len(strokes))] for strokes in GARMENTS], np.float32)
    strokes = table[labels] + rng.normal(0.0, 0.09, (n, most, 6)).astype(np.float32)
    strokes *= rng.uniform(0.7, 1.05, (n, 1, 1)).astype(np.float32)
    strokes[:, :, [0, 1, 3, 4]] += rng.uniform(-0.1, 0.1, (n, 1, 4)).astype(np.float32)[:, :, [0, 1, 0, 1]]
    strokes = strokes[:, :, :, None, None]  # (n, strokes, 6, 1, 1)

    steps = (np.arange(SIZE, dtype=np.float32) + 0.5) * (2.0 / SIZE) - 1.0
    x, y = steps[None, None, :], steps[None, :, None]
    inside = np.full((n, SIZE, SIZE), -np.inf, np.float32)
    for k in range(most):
        x0, y0, r0, x1, y1, r1 = (strokes[:, k, i] for i in range(6))
        along = ((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / ((x1 - x0) ** 2 + (y1 - y0) ** 2 + 1e-6)
        along = along.clip(0.0, 1.0)
        distance = np.hypot(x - x0 - along * (x1 - x0), y - y0 - along * (y1 - y0))
        inside = np.maximum(inside, np.maximum(r0 + along * (r1 - r0), 0.03) - distance)
    cover = (inside * (SIZE / 2) + 0.5).clip(0.0, 1.0)

    brightness, depth, frequency, phase, tilt = (
        rng.uniform(low, high, (n, 1, 1)).astype(np.float32)
        for low, high in ((0.45, 1.0), (0.0, 0.3), (2.0, 14.0), (0.0, 6.3), (0.0, 1.6))
    )
    stripes = 1.0 - depth * (1.0 + np.sin(frequency * (np.cos(tilt) * x + np.sin(tilt) * y) + phase))
    picture = cover * brightness * stripes + rng.normal(0.0, 0.05, cover.shape) * cover
    return np.rint(picture.clip(0.0, 1.0) * 255.0).astype(np.uint8)[:, None]
