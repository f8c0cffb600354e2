"""Show things below a notebook's cell, whatever kind of program runs it."""

from __future__ import annotations

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


def display_bundle(bundle: Mapping[str, Any], *, handle: Any = None) -> None:
    """Display one thing in several formats (MIME type -> content), or replace the output of ``handle``."""
    from IPython.display import display

    if handle is None:
        display(dict(bundle), raw=True)
    else:
        handle.update(dict(bundle), raw=True)
