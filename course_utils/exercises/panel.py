"""Show a message below a cell: a coloured panel in a notebook, plain text elsewhere."""

from __future__ import annotations

import contextlib
import html
import re
from collections.abc import Iterator, Sequence
from typing import Any, Literal

from course_utils.display import display_bundle, in_notebook

VERDICT_TYPE = "application/vnd.course.verdict+json"
Tone = Literal["good", "bad", "open", "note"]
# Text and background with a contrast above 7:1; the sign before the title does not rely on colour.
_TONES = {
    "good": ("#0b3d1e", "#e3f4e8", "#117733", "✓"),
    "bad": ("#4a1204", "#fdece4", "#cc5500", "✗"),
    "open": ("#1d2a3a", "#eef2f7", "#5b7083", "○"),
    "note": ("#12304d", "#e6f1fb", "#0072b2", "i"),
}
_silent = False


def show(tone: Tone, title: str, paragraphs: Sequence[str], *, verdict: dict[str, Any] | None = None) -> None:
    """Display a titled panel of paragraphs; text between backticks is shown as code.

    Parameters
    ----------
    tone : str
        ``good``, ``bad``, ``open`` or ``note``.
    title, paragraphs
        Plain text; everything is escaped.
    verdict : dict, optional
        Attached under `VERDICT_TYPE`, where programs that run notebooks find it.
    """
    sign = _TONES[tone][3]
    plain = "\n".join([f"{sign} {title}", *(p for p in paragraphs if p)])
    bundle: dict[str, Any] = {"text/plain": plain, "text/html": _html(tone, title, paragraphs)}
    if verdict is not None:
        bundle[VERDICT_TYPE] = verdict
    show_bundle(bundle)


def show_bundle(bundle: dict[str, Any]) -> None:
    """Display a bundle of representations in a notebook, or print its plain text."""
    if _silent:
        return
    if in_notebook():
        display_bundle(bundle)
    else:
        print(bundle["text/plain"])


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """Show nothing: setup cells that run for the references must not speak a second time."""
    global _silent
    before, _silent = _silent, True
    try:
        yield
    finally:
        _silent = before


def code_block(source: str) -> str:
    """Return source text as an escaped block for a panel in a notebook."""
    style = (
        "margin:6px 0;padding:8px;background:#fff;color:#111;overflow:auto;white-space:pre;word-break:normal"
    )
    return f'<pre style="{style}">{html.escape(source)}</pre>'


def _html(tone: Tone, title: str, paragraphs: Sequence[str]) -> str:
    text, background, border, sign = _TONES[tone]
    body = "".join(_paragraph(p) for p in paragraphs if p)
    return (
        f'<div role="status" style="border-left:4px solid {border};background:{background};color:{text};'
        'padding:8px 14px;margin:4px 0;line-height:1.45;max-width:60em">'
        f'<div style="font-weight:600"><span aria-hidden="true">{sign}</span> {html.escape(title)}</div>'
        f"{body}</div>"
    )


def _paragraph(paragraph: str) -> str:
    if "\n" in paragraph:
        return code_block(paragraph)
    escaped = re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(paragraph))
    return f'<div style="margin-top:4px">{escaped}</div>'
