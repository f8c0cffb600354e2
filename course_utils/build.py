"""Write everything that is made from the solution notebooks, and say when a file has drifted from them.

The only notebook text edited by hand is ``notebooks/solutions/NN_name.py``. From it come the solution's
``.ipynb``, the student's ``.ipynb`` and ``.py``, the texts that checks need (package data) and the README's
table of notebooks. Of an instructor's own assignment: what is handed out, in ``release/``.
"""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from course_utils.exercises import catalogue
from course_utils.exercises.building import build_notebook
from course_utils.exercises.cells import (
    NotebookTextError,
)
from course_utils.exercises.packaged import ENDING
from course_utils.exercises.packaging import checks_text, same_checks
from course_utils.files import write_whole
from course_utils.repository import find_repository


class BuildError(ValueError):
    """An assignment cannot be built; says why."""


def main(*, check: bool, folder: Path | None = None) -> int:
    """Build all files, or with `check` only compare them with what would be built.

    Parameters
    ----------
    check
        Write nothing.
    folder
        An instructor's own assignment: only what is handed out of it is built.

    Returns
    -------
    int
        0, or with `check` 1 if any file has drifted.
    """
    root = folder or find_repository()
    drifted = 0
    files = assignment_files(folder) if folder else built_files(root)
    for file, wanted in files.items():
        there = file.read_text(encoding="utf-8") if file.is_file() else ""
        if there == wanted or (file.name.endswith(ENDING) and same_checks(there, wanted)):
            continue
        drifted += 1
        name = file.relative_to(root).as_posix()
        if check:
            print(f"{name} has drifted from its source:")
            print("\n".join(_difference(there, wanted)))
        else:
            file.parent.mkdir(parents=True, exist_ok=True)
            write_whole(file, wanted)
            print(f"wrote {name}")
    for file in _stale(files) if folder else _without_source(root):
        drifted += 1
        name = file.relative_to(root).as_posix()
        print(f"{name} is made from no solution notebook: delete it or add its source.")
    if check and drifted:
        sources = "the solution and exercises.py" if folder else "notebooks/solutions/*.py"
        again = f"course build {folder}" if folder else "course build"
        print(f"{drifted} files have drifted. Edit {sources} only, then type: {again}")
        return 1
    print(
        "All built files agree with their sources." if check or not drifted else f"{drifted} files written."
    )
    return 0


def _without_source(root: Path) -> list[Path]:
    """Return generated files that no notebook of the course has: students would get them all the same."""
    folders = {
        root / "notebooks": (".ipynb", ".py"),
        root / "notebooks" / "solutions": (".ipynb", ".py"),
        root / "course_utils" / "exercises" / "texts": (".json",),
    }
    names = {catalogue.notebook(notebook_id).name for notebook_id in catalogue.NOTEBOOK_IDS}
    return sorted(
        file
        for folder, endings in folders.items()
        for file in folder.iterdir()
        if file.suffix in endings and file.stem not in names
    )


def assignment_files(folder: Path) -> dict[Path, str]:
    """Return what is handed out of an instructor's own assignment, with the text it must have.

    Raises
    ------
    ValueError
        If the folder is no assignment, or its ids are those of the course.
    """
    from course_utils.exercises.catalogue import parse_texts
    from course_utils.exercises.own import build_folder
    from course_utils.exercises.soundness import check_answers

    notebook, built = build_folder(folder)
    check_answers(notebook, parse_texts(built["texts"]))
    theirs = {notebook.id, *(exercise.id for exercise in notebook.exercises)}
    ours = [catalogue.notebook(number) for number in catalogue.NOTEBOOK_IDS]
    taken = theirs & {i for n in ours for i in (n.id, *(exercise.id for exercise in n.exercises))}
    if taken:
        raise BuildError(
            f"{folder}: the ids {', '.join(sorted(taken))} belong to the course's own notebooks; choose "
            "others, such as ex1, or `check` would take the course's exercise."
        )
    release = folder / "release"
    return {
        release / f"{notebook.name}.ipynb": built["student"],
        release / f"{notebook.name}{ENDING}": checks_text(notebook, catalogue.parse_texts(built["texts"])),
    }


def _stale(files: Mapping[Path, str]) -> list[Path]:
    """Return files in the folder that is handed out which belong to no notebook of the assignment."""
    folder = next(iter(files)).parent
    there = [*folder.glob("*.ipynb"), *folder.glob(f"*{ENDING}")]
    return sorted(file for file in there if file not in files)


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
    clone = f"git clone https://github.com/{repository}\ncd {repository.rpartition('/')[2]}\nmake lab"
    return "\n".join(
        [
            "```",
            clone,
            "```",
            "",
            *rows,
            "",
            "The package without a clone (on Colab, say):",
            "",
            "```",
            install,
            "```",
        ]
    )


def _difference(there: str, wanted: str) -> list[str]:
    lines = list(
        difflib.unified_diff(there.splitlines(), wanted.splitlines(), "on disk", "built", n=1, lineterm="")
    )
    more = [f"... and {len(lines) - 40} more lines"] if len(lines) > 40 else []
    return [line[:160] for line in lines[:40]] + more
