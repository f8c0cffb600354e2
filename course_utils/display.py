"""Show things below a notebook's cell, whatever kind of program runs it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any


def in_notebook() -> bool:
    """Return whether the code runs in a Jupyter kernel."""
    if "IPython" not in sys.modules:
        return False
    from IPython import get_ipython

    shell = get_ipython()
    return shell is not None and getattr(shell, "kernel", None) is not None


def is_watched() -> bool:
    """Return whether somebody sees outputs appear: a kernel, neither a test (pytest, nbval) nor a page built.

    ``COURSE_STATIC=1`` says that nobody does.
    """
    static = os.environ.get("COURSE_STATIC", "") not in ("", "0")
    # pytest sets PYTEST_VERSION; the kernels that nbval starts inherit it
    return in_notebook() and not static and "PYTEST_VERSION" not in os.environ


def display_bundle(bundle: Mapping[str, Any], *, handle: Any = None) -> None:
    """Display one thing in several formats (MIME type -> content), or replace the output of ``handle``."""
    from IPython.display import display

    if handle is None:
        display(dict(bundle), raw=True)
    else:
        handle.update(dict(bundle), raw=True)
