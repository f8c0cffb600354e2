"""Layers along one axis: which inputs each output is computed from."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from course_utils.plots.style import COLOURS, GREY, new_figure, set_title, style, tint

Layer = tuple[int, int, int]
"""Kernel, stride and padding."""


@style()
def layer_diagram(layers: Sequence[Layer], n: int, *, title: str, output: int | None = None) -> Figure:
    """Draw one row of units per layer, the input lowest, and colour all that one output of the last sees.

    Each unit stands over the middle of the units it is computed from. Padding is drawn hollow.

    Parameters
    ----------
    layers
        Kernel, stride and padding of each, from the input on.
    n
        Units of the input.
    title
        Over all; `seen_units` gives its numbers.
    output
        Which output of the last layer; default: the middle one.

    Raises
    ------
    ValueError
        If a kernel does not fit, or there is no such output.
    """
    sizes, seen = _trace(layers, n, output)
    figure = new_figure(9.6, 1.6 + 0.75 * len(sizes))
    axes = figure.subplots()
    places = _places(layers, sizes)
    for level, (size, centres) in enumerate(zip(sizes, places, strict=True)):
        padding = layers[level][2] if level < len(layers) else 0
        jump = centres[1] - centres[0] if size > 1 else 1.0
        for unit in (*range(-padding, 0), *range(size, size + padding)):
            _draw_unit(axes, centres[0] + unit * jump, level, "white", dashed=True)
        for unit, centre in enumerate(centres):
            _draw_unit(axes, centre, level, COLOURS[0] if unit in seen[level] else tint(GREY, 0.2))
    for level, (kernel, stride, padding) in enumerate(layers):
        for unit in seen[level + 1]:
            for below in range(unit * stride - padding, unit * stride - padding + kernel):
                if 0 <= below < sizes[level]:
                    ends = [places[level][below], places[level + 1][unit]]
                    axes.plot(ends, [level + 0.16, level + 0.84], color=tint(COLOURS[0], 0.6), linewidth=0.8)
    names = [f"input: {n}"] + [f"layer {level}: {size}" for level, size in enumerate(sizes[1:], 1)]
    axes.set(xticks=[], yticks=range(len(sizes)), ylim=(-0.4, len(sizes) - 0.6), aspect="auto")
    axes.set_yticklabels(names)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    set_title(figure, title, width=9.3)
    return figure


def seen_units(layers: Sequence[Layer], n: int, output: int | None = None) -> list[int]:
    """Return the units of the input that one output of the last layer is computed from, padding left out.

    Parameters
    ----------
    layers, n, output
        See `layer_diagram`.
    """
    return sorted(_trace(layers, n, output)[1][0])


def _trace(layers: Sequence[Layer], n: int, output: int | None) -> tuple[list[int], list[set[int]]]:
    """Return how many units each row has, and which of them the output is computed from."""
    sizes = [n]
    for number, (kernel, stride, padding) in enumerate(layers, 1):
        room = sizes[-1] + 2 * padding - kernel
        if room < 0:
            raise ValueError(
                f"Layer {number} has the kernel {kernel}, but only {sizes[-1]} inputs and padding {padding}: "
                "make the kernel smaller or the padding larger."
            )
        sizes.append(room // stride + 1)
    output = (sizes[-1] - 1) // 2 if output is None else output
    if not 0 <= output < sizes[-1]:
        raise ValueError(f"There is no output {output}: the last layer has {sizes[-1]}, counted from 0.")
    seen = [{output}]
    for (kernel, stride, padding), size in zip(reversed(layers), reversed(sizes[:-1]), strict=True):
        first = [unit * stride - padding for unit in seen[0]]
        below = {unit for start in first for unit in range(start, start + kernel)}
        seen.insert(0, below & set(range(size)))
    return sizes, seen


def _places(layers: Sequence[Layer], sizes: Sequence[int]) -> list[list[float]]:
    """Return where the units of each row stand, in units of the input."""
    start, jump = 0.0, 1
    places = [[float(unit) for unit in range(sizes[0])]]
    for (kernel, stride, padding), size in zip(layers, sizes[1:], strict=True):
        start += ((kernel - 1) / 2 - padding) * jump
        jump *= stride
        places.append([start + unit * jump for unit in range(size)])
    return places


def _draw_unit(axes: Axes, centre: float, level: int, colour: str, *, dashed: bool = False) -> None:
    box = Rectangle((centre - 0.4, level - 0.16), 0.8, 0.32, zorder=3)
    box.set(facecolor=colour, edgecolor=GREY, linewidth=0.8, linestyle=":" if dashed else "-")
    axes.add_patch(box)
