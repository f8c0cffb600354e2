"""Showing figures in a notebook, with a description for those who cannot see them.

A figure becomes an ``<img alt="...">`` rather than a bare PNG: JupyterLab and nbconvert's default page
both drop the alternative text that a notebook's metadata may carry for PNG outputs.
"""

from __future__ import annotations

import base64
import html
import io
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

from matplotlib.figure import Figure

from course_utils.display import display_bundle, in_notebook, is_watched

# At most this share of the time goes into drawing, and no eye needs more than five frames a second.
DRAWING_SHARE = 0.2
SECONDS_BETWEEN_FRAMES = 0.2


def show(figure: Figure, *, alt: str, handle: Any = None) -> None:
    """Display a figure once, below the notebook cell that runs; outside a notebook nothing happens.

    Parameters
    ----------
    figure
        Any matplotlib figure. If pyplot made it, pyplot's hold on it is released.
    alt
        What the figure shows, in a sentence or two, for readers who cannot see it.
    handle
        An IPython display handle: its output is replaced instead of a new one being added.

    Raises
    ------
    ValueError
        If ``alt`` is empty.
    """
    alt = _described(alt)
    if in_notebook():
        display_bundle({"text/html": as_html(figure, alt=alt), "text/plain": alt}, handle=handle)
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close(figure)


class LiveFigure:
    """A figure below the cell that changes while training runs, without ever slowing it much.

    Give `update` a function that draws the present state. It is called only when a new frame is due; the
    last state is always drawn. Where nobody watches (see `is_watched`) only that last frame is drawn.

    >>> with LiveFigure(alt="Decision boundary after each epoch") as live:      # doctest: +SKIP
    ...     for epoch in range(100):
    ...         ...
    ...         live.update(lambda: decision_boundary(predict, x, labels, title=f"Epoch {epoch}"))
    """

    def __init__(self, *, alt: str) -> None:
        self.alt = _described(alt)
        self._handle: Any = None
        self._pending: Callable[[], Figure] | None = None
        self._next_frame_at = 0.0

    def update(self, draw: Callable[[], Figure]) -> None:
        """Draw a new frame if one is due, otherwise only remember how to.

        Parameters
        ----------
        draw
            Returns the figure of the present state. It may be called later, by `close`, or not at all.

        Raises
        ------
        TypeError
            If ``draw`` is not a function.
        """
        if not callable(draw):
            raise TypeError(
                f"LiveFigure.update was given a {type(draw).__name__}, but it takes a function that draws "
                "the figure: live.update(lambda: plots.decision_boundary(...))."
            )
        self._pending = draw
        if is_watched() and time.perf_counter() >= self._next_frame_at:
            self._draw()

    def close(self, *, alt: str | None = None) -> None:
        """Draw the last state if it is not on the screen yet; ``alt``, when given, describes it."""
        if alt is not None:
            self.alt = _described(alt)
        if self._pending is not None:
            self._draw()

    def __enter__(self) -> LiveFigure:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # whoever stops the training by hand wants to see how far it came; other errors speak for themselves
        if kind is None or issubclass(kind, KeyboardInterrupt):
            self.close()

    def _draw(self) -> None:
        started = time.perf_counter()
        assert self._pending is not None
        figure = self._pending()
        if in_notebook() and self._handle is None:
            from IPython.display import DisplayHandle

            self._handle = DisplayHandle()
            self._handle.display({"text/plain": self.alt}, raw=True)
        show(figure, alt=self.alt, handle=self._handle)
        self._pending = None
        spent = time.perf_counter() - started
        pause = max(SECONDS_BETWEEN_FRAMES, spent * (1 / DRAWING_SHARE - 1))
        self._next_frame_at = time.perf_counter() + pause


def as_html(figure: Figure, *, alt: str) -> str:
    """Return the figure as an ``<img>`` that carries its own picture and its alternative text."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", facecolor="white")
    picture = base64.b64encode(buffer.getvalue()).decode("ascii")
    width = round(figure.get_figwidth() * 96)  # a CSS pixel is 1/96 inch
    return f'<img width="{width}" alt="{html.escape(alt)}" src="data:image/png;base64,{picture}">'


def _described(alt: str) -> str:
    if not isinstance(alt, str) or not alt.strip():
        raise ValueError(
            "alt is empty, but every figure needs alternative text: say in a sentence what it shows, for "
            "readers who cannot see it."
        )
    return " ".join(alt.split())
