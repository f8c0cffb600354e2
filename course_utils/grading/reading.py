"""Read a submitted notebook as data: its cells' texts, whatever editor wrote it and whatever else is in it.

Metadata, tags, outputs and the kernel's name are not even looked at.
"""

from __future__ import annotations

import codecs
import json
from dataclasses import dataclass
from typing import Any

MAX_BYTES = 50 * 2**20
MAX_CELLS = 2000
MAX_SOURCE = 200_000  # characters of one cell
MAX_CODE = 4_000_000  # characters of all cells


class UnreadableError(ValueError):
    """A file is no notebook; says what it is, and what to hand in instead."""


@dataclass(frozen=True)
class SubmittedCell:
    """One code cell: its id, the id that nbgrader knows it by, and its text; all a student's word."""

    id: str
    grade_id: str
    source: str


def read_notebook(data: bytes) -> list[SubmittedCell]:
    """Return the code cells of a notebook file (nbformat 3 or 4) in order.

    Byte-order marks, Windows line ends, unknown bytes and control characters are put up with.

    Raises
    ------
    UnreadableError
        If there are no cells to be found in it.
    """
    if not data.strip():
        raise UnreadableError("The file is empty: the upload may have failed. Hand the notebook in again.")
    encoding = "utf-16" if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"
    text = data.decode(encoding, errors="replace")
    try:
        content = json.loads(text, strict=False)
    except RecursionError:
        raise UnreadableError("The file is nested too deeply to be a notebook.") from None
    except ValueError as error:
        raise UnreadableError(
            f"The file is not a notebook: it stops being JSON at {_place(error)}. It may be cut off, or "
            "another kind of file with a notebook's name. Open it in Jupyter, save it, and hand it in again."
        ) from None
    cells = _cells_of(content)
    if cells is None:
        raise UnreadableError("The file is JSON, but has no list of cells: it is not a notebook.")
    code = [_code_cell(cell) for cell in cells if isinstance(cell, dict) and cell.get("cell_type") == "code"]
    written = sum(1 for cell in code if cell.source.strip())  # an empty cell costs nothing
    if written > MAX_CELLS:
        raise UnreadableError(f"The notebook has {written} cells with code; at most {MAX_CELLS} are read.")
    characters = sum(len(cell.source) for cell in code)
    if characters > MAX_CODE:
        raise UnreadableError(
            f"The notebook has {characters} characters of code; at most {MAX_CODE} are read."
        )
    return code


def _cells_of(content: Any) -> list[Any] | None:
    if not isinstance(content, dict):
        return None
    if isinstance(content.get("cells"), list):
        return list(content["cells"])
    sheets = content.get("worksheets")  # nbformat 3
    if not isinstance(sheets, list):
        return None
    return [
        cell
        for sheet in sheets
        if isinstance(sheet, dict) and isinstance(sheet.get("cells"), list)
        for cell in sheet["cells"]
    ]


def _code_cell(cell: dict[str, Any]) -> SubmittedCell:
    metadata = cell.get("metadata")
    nbgrader = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    grade_id = nbgrader.get("grade_id") if isinstance(nbgrader, dict) else None
    source = cell.get("source", _version_3_lines(cell.get("input")))
    return SubmittedCell(id=_text(cell.get("id")), grade_id=_text(grade_id), source=_text(source))


def _version_3_lines(value: Any) -> Any:
    """Give lines their ends where format 3 was written without them, as nbformat does."""
    if not isinstance(value, list) or not value or not isinstance(value[0], str) or value[0].endswith("\n"):
        return value
    return [f"{line}\n" for line in value[:-1]] + value[-1:]


def _text(value: Any) -> str:
    """Return a text or a list of lines as one text without what no source file can hold."""
    if isinstance(value, list):
        value = "".join(part for part in value if isinstance(part, str))
    if not isinstance(value, str):
        return ""
    text: str = value[:MAX_SOURCE].encode("utf-8", "replace").decode("utf-8")
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "�")


def _place(error: ValueError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"line {error.lineno}, column {error.colno}"
    return "some place"
