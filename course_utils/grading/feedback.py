"""The page that a student gets: what was wrong, on which input, and what counts.

What a student wrote or printed, and every message that quotes it, is text from someone who may wish to harm
the reader: it is escaped, it cannot turn the direction of the text around it, and the page forbids itself
everything but its own style sheet.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from html import escape
from pathlib import Path, PurePosixPath

from course_utils.files import write_whole
from course_utils.grading.gradebook import STATUS_IN_WORDS, encodable, points_in_words
from course_utils.grading.records import ExerciseMark, Record, State, Status, file_name

FOLDER = "feedback"
NUMBER = ' class="number"'  # of a cell
LONGEST = 4000  # characters of one text: a page stays a page, whatever was printed

_CODE = re.compile(r"`([^`\n]+)`")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")  # of a terminal: IPython's tracebacks are full of them
_VISIBLE = {n: 0x2400 + n for n in range(32) if chr(n) not in "\t\n"} | {0x7F: "␡", 0xFFFE: "�", 0xFFFF: "�"}

_SIGN: dict[Status, str] = {
    "right": "✓",
    "wrong": "✗",
    "blank": "○",
    "missing": "○",
    "stopped": "■",
    "unjudged": "○",
}
_MEANING: dict[Status, str] = {
    "right": "",
    "wrong": "",
    "blank": "Your notebook leaves this exercise as it was handed out.",
    "missing": "A name that the exercise asks for was not defined when its cells had run.",
    "stopped": "Your code was broken off: it took too long, needed too much memory, or ended the kernel.",
    "unjudged": "This exercise was not reached.",
}

_ADVICE: dict[State, str] = {
    "unreadable": """<p class="total">Not graded: this was not the notebook, or it could not be read.</p>
<p class="note">{reason}</p>
<h2>What to do</h2>
<ul>
<li>Open the notebook of this assignment in Jupyter. If it does not open, go back to the last version that
does (File, Revert to Checkpoint), or copy your answers into a fresh notebook of the course.</li>
<li>Save it and hand in that <code>.ipynb</code> file itself: no screenshot, PDF, archive or shortcut.</li>
<li>Ask your instructor whether it still counts.</li>
</ul>""",
    "missing": """<p class="total">Nothing was handed in under your name.</p>
<h2>What to do</h2>
<ul>
<li>If you did hand in, tell your instructor where and as what: the file may lie in another place, or have
another name than expected.</li>
<li>If you did not, ask whether you still can.</li>
</ul>""",
    "failed": """<p class="total">Not graded yet.</p>
<p class="note">Grading your submission did not come to an end. That says nothing about your answers: your
instructor has been told and will grade it again. You need not do anything.</p>""",
}

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""

# Contrast of text on its ground: at least 4.5 in both schemes.
_STYLE = """
:root { --ground: #fff; --text: #1b1b1b; --quiet: #555; --line: #c4c4c4; --soft: #f3f4f6; --link: #0b57b7;
 --good: #14682f; --bad: #a3241b; --bar: #3b6ea8; }
@media (prefers-color-scheme: dark) { :root { --ground: #16181c; --text: #e9e9e9; --quiet: #b0b3b8;
 --line: #4a4d53; --soft: #23262c; --link: #8ab8ff; --good: #7fd49a; --bad: #ff9d94; --bar: #7ba7dc; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--text);
 font: 1rem/1.5 system-ui, sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 1rem 1rem 4rem; overflow-wrap: break-word; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 1rem 0 0.5rem; }
h2 { font-size: 1.25rem; margin: 2.2rem 0 0.6rem; }
h3 { font-size: 1.05rem; margin: 1.6rem 0 0.3rem; }
p, ul { margin: 0.4rem 0; }
a { color: var(--link); }
.total { font-size: 1.3rem; font-weight: 600; }
.quiet { color: var(--quiet); }
.right { color: var(--good); font-weight: 600; }
.wrong, .stopped { color: var(--bad); font-weight: 600; }
.note { border-left: 0.25rem solid var(--bar); background: var(--soft); padding: 0.4rem 0.8rem; }
.message { white-space: pre-line; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
caption { text-align: left; color: var(--quiet); padding-bottom: 0.3rem; }
th, td { text-align: left; vertical-align: top; padding: 0.3rem 0.8rem 0.3rem 0;
 border-bottom: 1px solid var(--line); }
td ul { margin: 0; padding-left: 1.1rem; }
tbody th { font-weight: 400; }
th.number, td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
code, pre { font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: 0.92em; }
code { background: var(--soft); padding: 0 0.2em; border-radius: 0.2em; }
pre { background: var(--soft); padding: 0.6rem 0.8rem; margin: 0.4rem 0; overflow-x: auto;
 white-space: pre-wrap; overflow-wrap: anywhere; }
svg { display: block; max-width: 100%; height: auto; }
svg text { fill: var(--text); font-size: 12px; }
svg .bar { fill: var(--bar); }
svg .axis { stroke: var(--line); }
summary { cursor: pointer; }
@media print { body { background: none; color: #000; } }
"""


def write_feedback(out: Path, record: Record, *, answers: Mapping[str, str] | None = None) -> Path:
    """Write the student's page and return its path, ``feedback/NAME.html``.

    `answers` are the texts of the student's cells by exercise: shown where points were lost.

    The page holds no flags, no seeds, no reason why grading itself failed, and of the file only its name.

    Raises
    ------
    OSError
        If the folder cannot be written.
    """
    path = out / page_of(record)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(
        path, page(f"{record.title or record.notebook}: {record.student}", _body(record, answers or {}))
    )
    return path


def page_of(record: Record) -> Path:
    """Return the page of a student's record, relative to the folder of all outputs."""
    return Path(FOLDER) / f"{file_name(record.student)}.html"


def page(title: str, body: str) -> str:
    """Return a whole page from a title as plain text and a body that is HTML."""
    return _PAGE.format(title=quoted(title), style=_STYLE, body=body)


def quoted(text: str) -> str:
    """Return a text as HTML: cut if very long, no colours, control characters visible (``␀``), escaped."""
    if len(text) > LONGEST:
        text = f"{text[:LONGEST]} … ({len(text) - LONGEST} more characters)"
    plain = _COLOUR.sub("", text.replace("\r\n", "\n"))
    return escape(encodable(plain.translate(_VISIBLE)))


def prose(text: str) -> str:
    """Return a sentence as HTML in which what stands between backticks is code."""
    marked = _CODE.sub(r"<code>\1</code>", quoted(text))
    return f"<bdi>{marked}</bdi>"


def code(text: str) -> str:
    """Return what a program printed as HTML."""
    return f"<pre>\n{quoted(text)}</pre>"  # the first line feed of a <pre> does not count


def table(head: Sequence[str], rows: Iterable[str], *, numbers: Collection[str] = ()) -> str:
    """Return a table of HTML rows that may be scrolled sideways where the screen is narrow.

    Parameters
    ----------
    head : sequence of str
        The columns' names.
    rows : iterable of str
        ``<tr>...</tr>`` each, its first cell a ``<th scope="row">``.
    numbers : collection of str
        Names of the columns that hold numbers.
    """
    names = [f'<th scope="col"{NUMBER if name in numbers else ""}>{escape(name)}</th>' for name in head]
    lines = ["<table>", f"<thead><tr>{''.join(names)}</tr></thead>", "<tbody>", *rows, "</tbody>", "</table>"]
    return '<div class="wide">\n' + "\n".join(lines) + "\n</div>"


def _body(record: Record, answers: Mapping[str, str]) -> str:
    name = record.identity.name
    also = f" (<bdi>{quoted(name)}</bdi>)" if name and name != record.student else ""
    parts = [
        f"<h1>{prose(record.title or record.notebook)}</h1>",
        f"<p><bdi>{quoted(record.student)}</bdi>{also}</p>",
    ]
    if record.state != "graded" and record.is_by_hand:
        parts.append(f'<p class="note">Graded by your instructor: {prose(record.reason)}</p>')
    elif record.state != "graded":
        parts.append(_ADVICE[record.state].format(reason=prose(record.reason)))
    if (record.state == "graded" or record.is_by_hand) and record.exercises:
        parts += [_total(record), _table(record)]
        explained = [_section(m, answers.get(m.id, "")) for m in record.exercises if _needs_words(m)]
        if explained:
            parts += ["<h2>Exercise by exercise</h2>", *explained]
        parts.append(_left_blank(record))
    parts.append(_which_file(record))
    return "\n".join(part for part in parts if part)


def _total(record: Record) -> str:
    final, possible = points_in_words(record.points), points_in_words(record.possible)
    text = f'<p class="total">{final} of {possible} points</p>'
    if record.is_by_hand:
        text += "\n<p>Where your instructor gave points, they replaced the automatic ones.</p>"
    return text


def _table(record: Record) -> str:
    rows = []
    for mark in record.exercises:
        by_hand = ", points by your instructor" if mark.override is not None else ""
        rows.append(
            f'<tr><th scope="row">{quoted(mark.id)} {prose(mark.title)}</th>'
            f"<td{NUMBER}>{points_in_words(mark.final)} / {points_in_words(mark.possible)}</td>"
            f"<td>{_status(mark)}{by_hand}</td></tr>"
        )
    return table(["Exercise", "Points", "Result"], rows, numbers={"Points"})


def _status(mark: ExerciseMark) -> str:
    sign = f'<span aria-hidden="true">{_SIGN[mark.status]}</span>'
    partly = mark.status == "wrong" and mark.points > 0
    words = "partly right" if partly else STATUS_IN_WORDS[mark.status]
    return f'<span class="{mark.status}">{sign} {words}</span>'


def _needs_words(mark: ExerciseMark) -> bool:
    if mark.override is not None:
        return True
    return mark.status not in ("right", "blank") or bool(mark.mistake or mark.printed)


def _left_blank(record: Record) -> str:
    blank = [quoted(m.id) for m in record.exercises if m.status == "blank" and not _needs_words(m)]
    return f"<p>Left blank: {', '.join(blank)}.</p>" if blank else ""


def _section(mark: ExerciseMark, answer: str) -> str:
    points = f"{points_in_words(mark.final)} of {points_in_words(mark.possible)} points"
    parts = [f"<h3>{quoted(mark.id)} {prose(mark.title)}</h3>", f"<p>{_status(mark)}, {points}</p>"]
    if mark.override is not None:
        noun = "point" if mark.override == 1 else "points"
        instead = f"{points_in_words(mark.override)} {noun} instead of {points_in_words(mark.points)}"
        said = f": {prose(mark.comment)}" if mark.comment else "."
        parts.append(f'<p class="note">Your instructor gave {instead}{said}</p>')
    if _MEANING[mark.status]:
        parts.append(f"<p>{_MEANING[mark.status]}</p>")
    if mark.mistake:
        parts.append(f"<p><strong>Probably:</strong> {prose(mark.mistake)}</p>")
    if mark.message:
        parts.append(f'<p class="message">{prose(mark.message)}</p>')
    if mark.printed:
        shown = "" if mark.status == "right" else " open"
        parts.append(
            f"<details{shown}><summary>What your code printed</summary>\n{code(mark.printed)}</details>"
        )
    if answer.strip() and mark.status not in ("right", "blank"):
        parts.append(f"<details><summary>Your answer</summary>\n{code(answer)}</details>")
    return "\n".join(parts)


def _which_file(record: Record) -> str:
    if not record.file:
        return ""
    name = PurePosixPath(record.file.replace("\\", "/")).name
    mark = (
        f", whose SHA-256 begins with <code>{quoted(record.file_hash[:12])}</code>"
        if record.file_hash
        else ""
    )
    return f'<h2>Which file</h2>\n<p class="quiet">This page is about <bdi>{quoted(name)}</bdi>{mark}.</p>'
