"""The distribution of the totals: a picture that states its finding, and the same in words and as a table."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from course_utils.grading.feedback import NUMBER, table
from course_utils.grading.gradebook import points_in_words

BARS = 20  # at most
WIDTH, HEIGHT = 640, 200  # of the bars, in CSS pixels
_LEFT, _TOP = 20, 20  # of the bars' corner


def distribution(totals: Sequence[float], possible: float) -> str:
    """Return a heading that states the finding, a histogram and a table, as HTML; nothing for fewer than two.

    Parameters
    ----------
    totals : sequence of float
        Of the graded students.
    possible : float
        What could be had.
    """
    if len(totals) < 2:
        return ""
    top = max(possible, *totals, 1)
    step = math.ceil(top / BARS)
    bins = [0] * (math.floor(top / step) + 1)
    for total in totals:
        bins[max(math.floor(total / step), 0)] += 1
    median = points_in_words(round(statistics.median(totals), 1))
    of = points_in_words(possible)
    finding = f"Half of the {len(totals)} graded students have at least {median} of {of} points"
    rows = [
        f'<tr><th scope="row">{i * step} to below {(i + 1) * step}</th><td{NUMBER}>{n}</td></tr>'
        for i, n in enumerate(bins)
    ]
    return (
        f"<h2>{finding}</h2>\n{_histogram(bins, step, finding)}\n"
        "<details><summary>The same as a table</summary>\n"
        f"{table(['Points', 'Students'], rows, numbers={'Students'})}\n</details>"
    )


def _histogram(bins: Sequence[int], step: int, finding: str) -> str:
    width, bottom = WIDTH / len(bins), _TOP + HEIGHT
    marks = []
    for i, n in enumerate(bins):
        height, x = HEIGHT * n / max(bins), _LEFT + i * width
        if n:
            place = f'x="{x + 1:.1f}" y="{bottom - height:.1f}" width="{width - 2:.1f}" height="{height:.1f}"'
            above = f'x="{x + width / 2:.1f}" y="{bottom - height - 5:.1f}"'
            marks.append(f'<rect class="bar" {place}/><text text-anchor="middle" {above}>{n}</text>')
        if len(bins) <= 12 or i % 2 == 0:
            marks.append(f'<text x="{x + 1:.1f}" y="{bottom + 16}">{i * step}</text>')
    marks.append(f'<line class="axis" x1="{_LEFT}" x2="{_LEFT + WIDTH}" y1="{bottom}" y2="{bottom}"/>')
    marks.append(f'<text x="{_LEFT}" y="{bottom + 36}">points, from this many on</text>')
    spoken = ", ".join(f"{n} with {i * step} or more" for i, n in enumerate(bins) if n)
    size = f'viewBox="0 0 {WIDTH + 2 * _LEFT} {HEIGHT + 64}" width="{WIDTH + 2 * _LEFT}"'
    return (
        f'<svg {size} role="img" aria-labelledby="finding figures">\n<title id="finding">{finding}</title>\n'
        f'<desc id="figures">Students in steps of {step} points: {spoken}.</desc>\n{"".join(marks)}\n</svg>'
    )
