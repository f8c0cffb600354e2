"""What one output of three layers sees, to be explored by kernel, stride and padding."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from course_utils.plots.layer_diagram import Layer, layer_diagram, seen_units
from course_utils.widgets.controls import Choice, explore

PIXELS = 32
KERNELS, STRIDES, PADDINGS = (1, 2, 3, 5), (1, 2), (0, 1, 2)


def receptive_field_explorer(*, static: Sequence[Choice] | None = None) -> None:
    """Explore what an output sees: kernel, stride and padding of each of three layers.

    Parameters
    ----------
    static
        Combinations of ``kernel_1``, ``stride_1``, ``padding_1`` to ``padding_3`` for the static form; by
        default three small kernels, the same with strides, with a pooling between them, and without padding.
    """
    if static is None:
        same, halving, pooling, bare = (3, 1, 1), (3, 2, 1), (2, 2, 0), (3, 1, 0)
        static = [
            in_words(layers) for layers in ((same,) * 3, (halving,) * 3, (same, pooling, same), (bare,) * 3)
        ]
    explore(
        render_receptive_field,
        alt="Three layers over one row of pixels; what one output of the last is computed from is coloured",
        static=static,
        **{
            f"{name}_{number}": values
            for number in (1, 2, 3)
            for name, values in (("kernel", KERNELS), ("stride", STRIDES), ("padding", PADDINGS))
        },
    )


def render_receptive_field(**choice: int) -> Figure:
    """Draw three layers over `PIXELS` pixels and what their middle output sees.

    Parameters
    ----------
    **choice
        ``kernel_1``, ``stride_1``, ``padding_1`` to ``padding_3``.
    """
    layers = [
        (choice[f"kernel_{number}"], choice[f"stride_{number}"], choice[f"padding_{number}"])
        for number in (1, 2, 3)
    ]
    seen = len(seen_units(layers, PIXELS))
    jump = layers[0][1] * layers[1][1] * layers[2][1]
    title = f"One output of layer 3 sees {seen} of {PIXELS} pixels; its neighbours are {jump} pixels away"
    return layer_diagram(layers, PIXELS, title=title)


def in_words(layers: Sequence[Layer]) -> Choice:
    """Return the choice of `render_receptive_field` that has these layers."""
    return {
        f"{name}_{number}": value
        for number, layer in enumerate(layers, 1)
        for name, value in zip(("kernel", "stride", "padding"), layer, strict=True)
    }
