"""`course release`: what students get whose instructor keeps the solutions private.

The folder holds the student notebook, its checks (see `course_utils.exercises.packaging`), the part of the
package that the notebook needs, an environment and a page of instructions. It needs nothing else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course_utils.exercises import catalogue
from course_utils.exercises.building import build_notebook
from course_utils.exercises.own import build_folder
from course_utils.exercises.packaged import ENDING
from course_utils.exercises.packaging import checks_text
from course_utils.exercises.specification import Notebook
from course_utils.files import write_whole
from course_utils.grading.excerpt import Excerpt, excerpt, holds_answers

_README = """\
# {title}

1. In this folder: `conda env create -f environment.yml`, then `conda activate {environment}`. Without conda:
   `python -m venv .venv`, activate it, `pip install -r requirements.txt`.
2. `jupyter lab {name}.ipynb`. Leave the folder `course_utils` and `{checks}` beside it.
3. Write your answers in the cells that begin with `# Exercise`; the cell below each checks it.
4. A check says what is wrong, but nothing is put in the place of a wrong answer: later exercises use yours.
5. Answers that are values or choices are only noted; your instructor grades them.
6. `hint("{first}", 1)` shows a hint, `reset("{first}")` the empty cell, `progress()` how far you are
   (each needs: `from course_utils.exercises import hint, progress, reset`).
7. Hand in the notebook alone. It is graded on other inputs than those of the checks.
"""

# conda's names, where pip or the import have others
_PIP = {"pytorch": "torch", "matplotlib-base": "matplotlib", "seaborn-base": "seaborn"}
_IMPORTED = _PIP | {"scikit-learn": "sklearn", "pillow": "PIL"}
_ALWAYS = {"python", "pip", "jupyterlab", "ipykernel"}  # what opens the notebook


class ReleaseError(ValueError):
    """A release cannot be written; says why."""


@dataclass(frozen=True)
class Leftover:
    """A line of a solution that stands in a released file."""

    file: str
    exercise: str
    line: str


def release(out: Path, *, notebook: str | None, assignment: Path | None, repository: Path) -> int:
    """Write the folder for students and say what is in it.

    Parameters
    ----------
    out
        Is made; must be empty if there is one.
    notebook, assignment
        One of them: the course's notebook by its number, or the folder of an assignment of one's own.
    repository
        Where the course's solutions and its ``environment.yml`` lie.

    Returns
    -------
    int
        0, or 1 if a line of a solution stands in what is handed out.

    Raises
    ------
    ValueError
        If it cannot be written, or there is no such notebook.
    """
    if (notebook is None) == (assignment is None):
        raise ReleaseError("Give either a notebook's number, such as 01, or --assignment FOLDER.")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ReleaseError(f"{out} is not empty: name a new folder, so that nothing old is handed out.")
    if assignment is not None:
        released, built = build_folder(assignment)
    else:
        released, built = _course_notebook(notebook or "", repository)
    texts = catalogue.parse_texts(built["texts"])
    answers = {"experiments": ""} | _owners(_everything(released))
    package = excerpt([cell.source for cell in texts.cells], answers=list(answers))
    files = {
        f"{released.name}.ipynb": built["student"].encode(),
        **{f"course_utils/{name}": content for name, content in package.files.items()},
    }
    name, packages = _environment(repository, files)
    files |= {
        f"{released.name}{ENDING}": checks_text(released, texts).encode(),
        "environment.yml": _conda(name, packages).encode(),
        "requirements.txt": _requirements(packages).encode(),
        "README.md": _readme(released, name).encode(),
    }
    try:
        for name, content in files.items():
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            write_whole(out / name, content)
    except OSError as error:
        raise ReleaseError(f"{out} cannot be written: {error}.") from error
    print(f"{out}: {released.name}.ipynb, its checks, README.md, environment.yml, requirements.txt and")
    print(f"{sum(name.endswith('.py') for name in package.files)} modules of course_utils.")
    print(*_report(package, answers, released), sep="\n")
    found = leftovers(files, texts.exercises)
    for leftover in found:
        print(f"- {leftover.file} holds a line of the solution of {leftover.exercise}: {leftover.line}")
    if found:
        print("These lines give answers away; whether that matters is yours to say.")
    return 1 if found else 0


def leftovers(files: Mapping[str, bytes], exercises: Mapping[str, catalogue.Text]) -> list[Leftover]:
    """Return the lines of solutions that stand in released files.

    Left out are lines that say little, and what the notebook itself shows: that was its author's choice.
    """
    lines = {name: {_bare(line) for line in _lines(name, content)} for name, content in files.items()}
    shown = set[str]().union(*(lines[name] for name in files if name.endswith(".ipynb")))
    found = []
    for text in exercises.values():
        for line in dict.fromkeys(map(_bare, text.solution.split("\n"))):
            if len(re.findall(r"\w+", line)) >= 4 and not line.endswith(":"):
                found += [Leftover(name, text.id, line) for name in files if line in lines[name] - shown]
    return found


def _lines(name: str, content: bytes) -> Iterator[str]:
    """Return a file's lines; of a notebook or of JSON those of the texts in it."""
    text = content.decode("utf-8", "replace")
    if not name.endswith((".json", ".ipynb")):
        yield from text.split("\n")
        return
    waiting = [json.loads(text)]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield from value.split("\n")
        elif isinstance(value, dict | list):
            waiting += value.values() if isinstance(value, dict) else value


def _bare(line: str) -> str:
    """Return a line of code without its comment and white space."""
    return re.sub(r"\s+", " ", line.partition("  #")[0]).strip()


def _course_notebook(number: str, repository: Path) -> tuple[Notebook, dict[str, Any]]:
    notebook = catalogue.notebook(number)
    source = repository / "notebooks" / "solutions" / f"{notebook.name}.py"
    try:
        return notebook, build_notebook(notebook, source.read_text(encoding="utf-8"))
    except OSError as error:
        raise ReleaseError(f"{source} cannot be read: {error.strerror}.") from None


def _owners(notebooks: Sequence[Notebook]) -> dict[str, str]:
    """Return modules that hold answers, and of which notebooks: "02 and 03"."""
    owners: dict[str, list[str]] = {}
    for notebook in notebooks:
        for module in notebook.withheld:
            owners.setdefault(module, []).append(notebook.id)
    return {module: " and ".join(dict.fromkeys(ids)) for module, ids in owners.items()}


def _everything(released: Notebook) -> list[Notebook]:
    """Return the notebooks whose answers are withheld: the released one, and all of the course."""
    others = [catalogue.notebook(number) for number in catalogue.NOTEBOOK_IDS]
    return [*others, released]


def _report(package: Excerpt, answers: Mapping[str, str], released: Notebook) -> list[str]:
    """Say which modules that hold answers had to go along, how much of them, and for whom."""
    lines = []
    for module in sorted(package.names):
        if not holds_answers(module, list(answers)) or module == "experiments":
            continue
        owner = answers.get(module, "")
        holds = f"holds answers of notebook {owner}" if owner else "runs the course's experiments"
        names = package.names[module]
        part = "the whole of it" if "*" in names else ", ".join(sorted(names)) or "nothing"
        by = " and ".join(sorted(name or "the notebook's own cells" for name in package.needed_by[module]))
        lines.append(f"- course_utils.{module} {holds}; {part} had to go along for {by}.")
    left_out = [m for m in released.withheld if m not in package.names]
    lines += [f"- course_utils.{module} was left out: it holds answers." for module in left_out]
    return lines or ["- Nothing that is known to hold answers had to go along."]


def _environment(repository: Path, files: Mapping[str, bytes]) -> tuple[str, list[str]]:
    """Return the name of the course's conda environment, and what these files need of it."""
    text = (repository / "environment.yml").read_text(encoding="utf-8")
    name = re.search(r"^name: (\S+)", text, flags=re.MULTILINE)
    imported = {
        found[1]
        for file, content in files.items()
        for line in _lines(file, content)
        if (found := re.match(r"\s*(?:import|from)\s+(\w+)", line))
    }
    packages = []
    for package in re.findall(r"^  - ([\w-]+[=<>][^\s#]*|pip)\s*(?:#.*)?$", text, flags=re.MULTILINE):
        bare = re.split("[=<>]", package)[0]
        if bare in _ALWAYS or _IMPORTED.get(bare, bare) in imported:
            packages.append(package)
    return name[1] if name else "base", packages


def _conda(name: str, packages: Sequence[str]) -> str:
    listed = "".join(f"  - {package}\n" for package in packages)
    return f"name: {name}\nchannels:\n  - conda-forge\ndependencies:\n{listed}"


def _requirements(packages: Sequence[str]) -> str:
    lines = []
    for package in packages:
        bare = re.split("[=<>]", package)[0]
        if bare not in ("python", "pip"):
            lines.append(_PIP.get(bare, bare) + package.removeprefix(bare))
    return "\n".join(lines) + "\n"


def _readme(released: Notebook, environment: str) -> str:
    return _README.format(
        title=released.title,
        name=released.name,
        checks=f"{released.name}{ENDING}",
        first=released.exercises[0].id,
        environment=environment,
    )
