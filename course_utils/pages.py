"""Executed notebooks as HTML pages, and an index of them."""

import copy
import re
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert
from nbconvert import HTMLExporter

from course_utils.execution import Outcome
from course_utils.files import write_whole


class PageError(ValueError):
    """A page could not be written."""


# Code first, so that a dollar sign in it is not taken for a formula.
_FORMULA = re.compile(r"```.*?```|`[^`\n]*`|\$\$(?P<block>.+?)\$\$|\$(?P<inline>[^$\n]+?)\$", re.DOTALL)
# Scripts of other hosts (MathJax, require.js): not needed, and slow to fail without a network.
_FROM_ELSEWHERE = re.compile(r'<script[^>]*\bsrc="https?://[^"]*"[^>]*>\s*</script>')

INDEX = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Executed notebooks</title>
<style>
body {{ font-family: system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }}
table {{ border-collapse: collapse; }}
th, td {{ text-align: left; padding: 0.3rem 1rem; border-bottom: 1px solid #767676; }}
td.number {{ text-align: right; }}
pre {{ overflow-x: auto; }}
</style>
</head>
<body>
<h1>Executed notebooks</h1>
<p>{about}</p>
<table>
<thead><tr>{head}</tr></thead>
<tbody>
{rows}
</tbody>
</table>
{figures}
{failures}
</body>
</html>
"""


def write_page(outcome: Outcome, folder: Path) -> Path:
    """Write an executed notebook as ``NAME.html`` into `folder`.

    Images keep their alternative text, and formulas become MathML: the page needs no network to be read.
    """
    body, _ = HTMLExporter().from_notebook_node(
        with_mathml(outcome.notebook), resources={"metadata": {"name": outcome.name}}
    )
    return _write(folder / f"{outcome.name}.html", _FROM_ELSEWHERE.sub("", body))


def with_mathml(notebook: Any) -> Any:
    """Return a copy of a notebook whose text cells hold MathML instead of ``$...$`` and ``$$...$$``.

    What stands between backticks stays as it is.
    """
    notebook = copy.deepcopy(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = _FORMULA.sub(_as_mathml, cell.source)
    return notebook


def write_index(
    outcomes: Sequence[Outcome],
    table: Sequence[Sequence[str]],
    folder: Path,
    *,
    about: str,
    headline: str,
) -> Path:
    """Write ``index.html`` into `folder`: the run's table with a link to each page, figures and failures.

    Parameters
    ----------
    outcomes : sequence of Outcome
        In the order of the table's rows.
    table : sequence of rows
        The head first; the first column holds the notebooks' names, the others numbers.
    about : str
        One sentence above the table.
    headline : str
        The ledger's figures as plain text; may be empty.
    """
    head = "".join(f'<th scope="col">{escape(word)}</th>' for word in table[0])
    rows = []
    for outcome, (_, *numbers) in zip(outcomes, table[1:], strict=True):
        name = escape(outcome.name)
        # A file that was no notebook has no page to lead to.
        cell = name if outcome.notebook is None else f'<a href="{name}.html">{name}</a>'
        cells = "".join(f'<td class="number">{escape(number)}</td>' for number in numbers)
        rows.append(f'<tr><th scope="row">{cell}</th>{cells}</tr>')
    failures = [
        f"<h2>{escape(outcome.name)}</h2>\n<pre>{escape(outcome.failure)}</pre>"
        for outcome in outcomes
        if outcome.failure is not None
    ]
    text = INDEX.format(
        about=escape(about),
        head=head,
        rows="\n".join(rows),
        figures=f"<h2>Figures</h2>\n<pre>{escape(headline)}</pre>" if headline else "",
        failures="\n".join(failures),
    )
    return _write(folder / "index.html", text)


def _as_mathml(found: re.Match[str]) -> str:
    formula, display = (found["block"], "block") if found["block"] else (found["inline"], "inline")
    # one line: an empty or indented one would end the HTML for the Markdown reader
    return convert(formula, display=display).replace("\n", " ") if formula else found[0]


def _write(path: Path, text: str) -> Path:
    try:
        write_whole(path, text)
    except OSError as error:
        raise PageError(
            f"{path} cannot be written ({error.strerror}). Choose another folder: --out FOLDER"
        ) from error
    return path
