"""The look of every figure: colours that the colour-blind tell apart, readable sizes, a light background."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
import numpy as np
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

# Four of seaborn's "colorblind" palette, then chosen so that every pair stays apart under simulated
# protanopia, deuteranopia and tritanopia. The first seven also stand out from white (contrast at least 3).
COLOURS = (
    "#0173b2",  # blue
    "#d55e00",  # vermilion
    "#029e73",  # green
    "#cc78bc",  # pink
    "#222222",  # near black
    "#7a3b00",  # brown
    "#8800ff",  # violet
    "#ece133",  # yellow
    "#00e5a0",  # mint
    "#9db4ff",  # lavender
)
LINE_COLOURS = COLOURS[:7]
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p")
TEXT_COLOUR = "#222222"
GREY = "#666666"

DPI = 110

_STYLE = {
    "font.size": 11,
    "axes.titlesize": 12,
    "figure.titlesize": 13,
    "axes.titlelocation": "left",
    "axes.labelsize": 11,
    "xtick.labelsize": 10,
    "ytick.labelsize": 10,
    "legend.fontsize": 10,
    "legend.frameon": False,
    "text.color": TEXT_COLOUR,
    "axes.labelcolor": TEXT_COLOUR,
    "axes.edgecolor": GREY,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": TEXT_COLOUR,
    "ytick.labelcolor": TEXT_COLOUR,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.facecolor": "white",
    "figure.facecolor": "white",
    "grid.color": "#e4e4e4",
    "axes.axisbelow": True,
    "lines.linewidth": 2,
    "axes.prop_cycle": cycler(color=LINE_COLOURS),
}


@contextmanager
def style() -> Iterator[None]:
    """Draw in the course's style inside the ``with`` block (or in the decorated function), and only there."""
    with mpl.rc_context(_STYLE):
        yield


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of the given size in inches.

    It is not registered with pyplot: it is never drawn twice by a notebook, and needs no closing.
    """
    layout = ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08)
    return Figure(figsize=(width, height), dpi=DPI, layout=layout)


def set_title(target: Axes | Figure, title: str, *, width: float) -> None:
    """Write a title over axes or a figure, broken into lines that fit ``width`` inches."""
    size = mpl.rcParams["axes.titlesize" if isinstance(target, Axes) else "figure.titlesize"]
    # a letter of the default font is on average a little over half as wide as it is high
    per_line = max(8, int(width * 72 / (0.56 * size)))
    # no line ends between a name and its value, or a number and its unit
    unbroken = title.replace(" = ", "\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}").replace(
        " %", "\N{NO-BREAK SPACE}%"
    )
    lines = "\n".join(textwrap.fill(line, per_line, break_on_hyphens=False) for line in unbroken.splitlines())
    if isinstance(target, Axes):
        target.set_title(lines)
    else:
        target.suptitle(lines, x=0.02, ha="left")


def tint(colour: str, strength: float = 0.25) -> str:
    """Return ``colour`` mixed with white: ``strength`` 1 is the colour itself, 0 is white."""
    return str(to_hex([1 - strength * (1 - part) for part in to_rgb(colour)]))


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours as the Web Content Accessibility Guidelines define it, 1 to 21."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def text_colour_on(background: str) -> str:
    """Return black or white, whichever is easier to read on ``background`` (a contrast of at least 4.5)."""
    return max(("#000000", "#ffffff"), key=lambda colour: contrast(colour, background))


def colour_of(number: int) -> str:
    """Return the colour of class ``number``."""
    if not 0 <= number < len(COLOURS):
        raise ValueError(f"Class {number} has no colour: figures know classes 0 to {len(COLOURS) - 1}.")
    return COLOURS[number]


def as_array(values: Any) -> np.ndarray[Any, Any]:
    """Return numbers as a NumPy array, wherever they live (torch tensors on any device included)."""
    if hasattr(values, "detach"):
        values = values.detach().cpu()
        if str(values.dtype) == "torch.bfloat16":  # NumPy has no such type
            values = values.float()
        return np.asarray(values.numpy())
    return np.asarray(values)


def as_points(x: Any, labels: Any, *, name: str = "x") -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return points (n, 2) and their classes (n,) as arrays, or say what is wrong with them."""
    points, classes = as_array(x), as_array(labels)
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(f"{name} has shape {points.shape}, but points in the plane have shape (n, 2).")
    if classes.shape != (len(points),):
        raise ValueError(
            f"The labels of {name} have shape {classes.shape}, but {len(points)} points need "
            f"({len(points)},): one class number each, not one-hot."
        )
    return points, classes.astype(int)


def legend_below(figure: Figure, handles: Sequence[Any], *, width: float) -> None:
    """Put one legend under everything else, in as many columns as ``width`` inches hold."""
    longest = max((len(handle.get_label()) for handle in handles), default=1)
    # a legend's line sample and gaps take about half an inch
    fitting = int(width / (0.5 + 0.09 * longest))
    columns = min(len(handles), max(1, fitting))
    figure.legend(handles=handles, loc="outside lower center", ncols=columns)


def _luminance(colour: str) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
