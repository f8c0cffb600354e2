"""Write everything that is made from the solution notebooks, and say when a file has drifted from them.

The only notebook text edited by hand is ``notebooks/solutions/NN_name.py``. From it come the solution's
``.ipynb``, the student's ``.ipynb`` and ``.py``, the texts that checks need (package data) and the README's
table of notebooks.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import tempfile
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jupytext
import nbformat

from course_utils.exercises import catalogue
from course_utils.exercises.cells import (
    Cell,
    NotebookTextError,
    assigned_names,
    read_cell,
    solution_of,
    stub_of,
)
from course_utils.exercises.specification import Notebook
from course_utils.repository import find_repository

KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def main(*, check: bool) -> int:
    """Build all files, or with `check` only compare them with what would be built.

    Returns
    -------
    int
        0, or with `check` 1 if any file has drifted.
    """
    root = find_repository()
    drifted = 0
    for file, wanted in built_files(root).items():
        there = file.read_text(encoding="utf-8") if file.is_file() else ""
        if there == wanted:
            continue
        drifted += 1
        name = file.relative_to(root).as_posix()
        if check:
            print(f"{name} has drifted from its source:")
            print("\n".join(_difference(there, wanted)))
        else:
            write_whole(file, wanted)
            print(f"wrote {name}")
    if check and drifted:
        print(f"{drifted} files have drifted. Edit notebooks/solutions/*.py only, then type: course build")
        return 1
    print(
        "All built files agree with their sources." if check or not drifted else f"{drifted} files written."
    )
    return 0


def built_files(root: Path) -> dict[Path, str]:
    """Return every generated file with the text it must have.

    Raises
    ------
    NotebookTextError
        If a solution notebook breaks a rule; the message names it.
    """
    files: dict[Path, str] = {}
    texts: dict[str, dict[str, Any]] = {}
    for notebook_id in catalogue.NOTEBOOK_IDS:
        notebook = catalogue.notebook(notebook_id)
        source = root / "notebooks" / "solutions" / f"{notebook.name}.py"
        try:
            text = source.read_text(encoding="utf-8")
            built = build_notebook(notebook, text)
        except FileNotFoundError:
            raise NotebookTextError(f"{source.relative_to(root)} is missing.") from None
        except (NotebookTextError, SyntaxError) as error:
            raise NotebookTextError(f"{source.relative_to(root)}: {error}") from None
        texts[notebook_id] = built["texts"]
        files[source.with_suffix(".ipynb")] = built["solution"]
        files[root / "notebooks" / f"{notebook.name}.ipynb"] = built["student"]
        files[root / "notebooks" / f"{notebook.name}.py"] = built["student_text"]
        folder = root / "course_utils" / "exercises" / "texts"
        files[folder / f"{notebook.name}.json"] = json.dumps(texts[notebook_id], indent=1) + "\n"
    readme = root / "README.md"
    files[readme] = _readme(readme.read_text(encoding="utf-8"), root, texts)
    return files


def build_notebook(notebook: Notebook, text: str) -> dict[str, Any]:
    """Build one notebook from its solution's text (py:percent).

    Returns
    -------
    dict
        ``solution``, ``student`` (notebook JSON), ``student_text`` (py:percent) and ``texts`` (for checks).
    """
    source = jupytext.reads(text, fmt="py:percent")
    cells = [read_cell(c.cell_type, c.source, c.metadata.get("tags", [])) for c in source.cells]
    titles = _titles(cells)
    _check_order(notebook, cells)
    ids = _cell_ids(cells)
    solution, student = [], []
    for cell, cell_id in zip(cells, ids, strict=True):
        metadata = _metadata(notebook, cell)
        solution.append(_nbformat_cell(cell, cell_id, cell.source, metadata))
        shown = stub_of(cell) if cell.role == "exercise" else cell.source
        student.append(_nbformat_cell(cell, cell_id, shown, metadata))
    pairing = {"formats": "ipynb,py:percent", **_REPRESENTATION}
    plain = nbformat.v4.new_notebook(
        cells=student, metadata={"kernelspec": KERNEL, "jupytext": _REPRESENTATION}
    )
    return {
        "solution": _json(solution, {"kernelspec": KERNEL, "jupytext": pairing}),
        "student": _json(student, {"kernelspec": KERNEL}),
        "student_text": _percent(plain),
        "texts": _texts(notebook, cells, titles),
    }


def write_whole(file: Path, text: str) -> None:
    """Write a text file so that it is either the old one or the new one, never half of it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as out:
        out.write(text)
    Path(temporary).chmod(0o644)
    Path(temporary).replace(file)


# No version of jupytext is written down: another one must not look like a change.
_REPRESENTATION = {"text_representation": {"extension": ".py", "format_name": "percent"}}


def _texts(notebook: Notebook, cells: list[Cell], titles: dict[str, str]) -> dict[str, Any]:
    steps: list[tuple[str, str]] = []
    exercises = []
    for cell in cells:
        if cell.role == "setup":
            steps.append(("setup", cell.source))
        elif cell.role == "exercise":
            steps.append(("exercise", cell.exercise))
            exercises.append(
                {
                    "id": cell.exercise,
                    "title": titles[cell.exercise],
                    "points": cell.points,
                    "minutes": cell.minutes,
                    "difficulty": cell.difficulty,
                    "names": list(notebook.exercise(cell.exercise).names),
                    "stub": stub_of(cell),
                    "solution": solution_of(cell.source),
                }
            )
    return {"notebook": notebook.name, "steps": steps, "exercises": exercises}


def _check_order(notebook: Notebook, cells: list[Cell]) -> None:
    """Hold a notebook to the rules that checks and grading rely on."""
    written = [cell.exercise for cell in cells if cell.role == "exercise"]
    specified = [exercise.id for exercise in notebook.exercises]
    if written != specified:
        raise NotebookTextError(
            f"it has the exercises {', '.join(written)}, but course_utils.exercises.nb{notebook.id} "
            f"specifies {', '.join(specified)}: the same ids must stand in the same order."
        )
    checked = [cell.exercise for cell in cells if cell.role == "check"]
    if checked != written:
        raise NotebookTextError(f"its check cells are {', '.join(checked)}: one must follow each exercise.")
    owners: dict[str, str] = {}
    for cell in cells:
        if cell.role not in ("setup", "exercise"):
            continue
        names = assigned_names(cell.source)
        if cell.role == "exercise":
            missing = set(notebook.exercise(cell.exercise).names) - set(names)
            if missing:
                raise NotebookTextError(
                    f"exercise {cell.exercise} does not define {', '.join(sorted(missing))}."
                )
        for name in names:
            owner = cell.exercise or "a setup cell"
            if owners.setdefault(name, owner) != owner:
                raise NotebookTextError(f"the name {name} is defined by {owners[name]} and again by {owner}.")


def _titles(cells: list[Cell]) -> dict[str, str]:
    """Find each exercise's title in the headings: ``### Exercise 1.2: forward pass``."""
    headings = "\n".join(cell.source for cell in cells if cell.role == "text")
    found = dict(re.findall(r"^#+ Exercise (\S+): (.+)$", headings, flags=re.MULTILINE))
    for cell in cells:
        if cell.role == "exercise" and cell.exercise not in found:
            raise NotebookTextError(f"the heading '### Exercise {cell.exercise}: title' is missing.")
    return {key: title.strip() for key, title in found.items()}


def _cell_ids(cells: Iterable[Cell]) -> list[str]:
    """Give each cell an id that stays when other sections change: its exercise, or its section and place."""
    ids: list[str] = []
    section, counts = "start", {"": 0}
    for cell in cells:
        heading = re.match(r"#+ (.+)", cell.source) if cell.role == "text" else None
        if heading:
            section = re.sub(r"[^a-z0-9]+", "-", heading[1].lower()).strip("-")[:40] or "section"
        if cell.role in ("exercise", "check"):
            base = f"{cell.role}-{cell.exercise.replace('.', '-')}"
        else:
            base = f"{section}-{cell.role}"
        counts[base] = counts.get(base, 0) + 1
        ids.append(base if counts[base] == 1 else f"{base}-{counts[base]}")
    return ids


def _metadata(notebook: Notebook, cell: Cell) -> dict[str, Any]:
    if cell.role == "text":
        return {}
    metadata: dict[str, Any] = {"tags": [cell.role]}
    if cell.role in ("exercise", "check"):
        grade_id = re.sub(r"[^A-Za-z0-9]+", "-", cell.exercise)
        grade_id = grade_id if grade_id[0].isalpha() else f"ex{grade_id}"
        exercise = notebook.exercise(cell.exercise)
        metadata["course"] = {"exercise": cell.exercise, "names": list(exercise.names)}
        metadata["nbgrader"] = {
            "schema_version": 3,
            "cell_type": "code",
            "grade": cell.role == "check",
            "grade_id": grade_id if cell.role == "exercise" else f"{grade_id}_check",
            "locked": cell.role == "check",
            "solution": cell.role == "exercise",
            "task": False,
        }
    if cell.role == "exercise":
        metadata["course"] |= {
            "points": cell.points,
            "minutes": cell.minutes,
            "difficulty": cell.difficulty,
        }
    return metadata


def _nbformat_cell(cell: Cell, cell_id: str, source: str, metadata: dict[str, Any]) -> Any:
    if cell.role == "text":
        return nbformat.v4.new_markdown_cell(source, id=cell_id)
    return nbformat.v4.new_code_cell(source, id=cell_id, metadata=metadata)


def _json(cells: list[Any], metadata: dict[str, Any]) -> str:
    _add_points(cells)
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=metadata)
    nbformat.validate(notebook)
    return str(nbformat.writes(notebook)) + "\n"


def _add_points(cells: list[Any]) -> None:
    """Put each exercise's points on its check cell, where nbgrader looks for them."""
    points = {
        cell.metadata["course"]["exercise"]: cell.metadata["course"]["points"]
        for cell in cells
        if cell.metadata.get("nbgrader", {}).get("solution")
    }
    for cell in cells:
        if cell.metadata.get("nbgrader", {}).get("grade"):
            cell.metadata["nbgrader"]["points"] = points[cell.metadata["course"]["exercise"]]


def _percent(notebook: Any) -> str:
    notebook = nbformat.from_dict(notebook)
    for cell in notebook.cells:
        cell.metadata = {"tags": ["setup"]} if cell.metadata.get("tags") == ["setup"] else {}
    text: str = jupytext.writes(notebook, fmt="py:percent")
    return re.sub(r"^#\s+(jupytext_version|format_version): .*\n", "", text, flags=re.MULTILINE)


def _readme(text: str, root: Path, texts: dict[str, dict[str, Any]]) -> str:
    """Return the README with its table of notebooks, launch links and results made anew."""
    from course_utils.evaluation import ledger

    text = _with_block(text, "notebooks", _notebooks_table(root, texts))
    return _with_block(text, "results", ledger.headline())


def _with_block(text: str, name: str, content: str) -> str:
    begin, end = f"<!-- {name}: written by `course build` -->", f"<!-- end of {name} -->"
    if begin not in text or end not in text:
        raise NotebookTextError(f"README.md needs the lines {begin!r} and {end!r}.")
    before, rest = text.split(begin)
    return f"{before}{begin}\n\n{content}\n\n{end}{rest.split(end)[1]}"


def _notebooks_table(root: Path, texts: dict[str, dict[str, Any]]) -> str:
    setting = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["course"]
    repository, branch = setting["repository"], setting["branch"]
    rows = ["| notebook | exercises | points | hours | open |", "| --- | --- | --- | --- | --- |"]
    for notebook_id, built in texts.items():
        notebook = catalogue.notebook(notebook_id)
        path = f"notebooks/{notebook.name}.ipynb"
        exercises = built["exercises"]
        binder = (
            f"https://mybinder.org/v2/gh/{repository}/{branch}?urlpath=lab/tree/work/{notebook.name}.ipynb"
        )
        colab = f"https://colab.research.google.com/github/{repository}/blob/{branch}/{path}"
        rows.append(
            f"| [{notebook.id} {notebook.title}]({path}) | {len(exercises)} "
            f"| {sum(e['points'] for e in exercises):g} | {sum(e['minutes'] for e in exercises) / 60:.1f} "
            f"| [Binder]({binder}), [Colab]({colab}) |"
        )
    install = f"pip install git+https://github.com/{repository}@{branch}"
    return "\n".join([*rows, "", "The package without a clone (on Colab, say):", "", "```", install, "```"])


def _difference(there: str, wanted: str) -> list[str]:
    lines = list(
        difflib.unified_diff(there.splitlines(), wanted.splitlines(), "on disk", "built", n=1, lineterm="")
    )
    more = [f"... and {len(lines) - 40} more lines"] if len(lines) > 40 else []
    return [line[:160] for line in lines[:40]] + more
