"""Executed notebooks as HTML pages, and an index of them."""

import os
from collections.abc import Sequence
from html import escape
from pathlib import Path

from nbconvert import HTMLExporter

from course_utils.execution import Outcome


class PageError(ValueError):
    """A page could not be written."""


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
    """Write an executed notebook as ``NAME.html`` into `folder`; images keep their alternative text."""
    body, _ = HTMLExporter().from_notebook_node(
        outcome.notebook, resources={"metadata": {"name": outcome.name}}
    )
    return _write(folder / f"{outcome.name}.html", body)


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


def _write(path: Path, text: str) -> Path:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise PageError(
            f"{path} cannot be written ({error.strerror}). Choose another folder: --out FOLDER"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
    return path
