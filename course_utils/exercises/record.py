"""A student's progress through one notebook: kept in a small file beside his copy of it."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from course_utils.exercises import catalogue
from course_utils.exercises.specification import Notebook
from course_utils.files import write_whole

# Set by continuous integration, and by pytest (so in every kernel that nbval starts).
AUTOMATIC = ("CI", "PYTEST_VERSION", "PYTEST_CURRENT_TEST")


@dataclass
class State:
    """How far one exercise is: its last status, how often it was checked, which hints were read."""

    status: str = "open"
    attempts: int = 0
    hints: list[int] = field(default_factory=list)
    solution_read: bool = False


def progress_file(notebook: Notebook) -> Path:
    """Return the file that keeps the progress of one copy of a notebook, beside it.

    Jupyter tells the kernel the copy's file name; elsewhere all copies in a folder share one file.
    """
    opened = Path(os.environ.get("JPY_SESSION_NAME", ""))
    name = (
        opened.stem if opened.suffix == ".ipynb" and opened.stem.startswith(notebook.name) else notebook.name
    )
    return Path.cwd() / f"{name}.progress.json"


def is_kept() -> bool:
    """Whether progress is written down: not in tests, grading or continuous integration."""
    off = os.environ.get("COURSE_PROGRESS", "").lower() in ("off", "0", "no")
    automatic = any(os.environ.get(name) for name in AUTOMATIC)
    return not (off or automatic or os.environ.get("COURSE_CHECK") == "strict")


def read(notebook: Notebook) -> dict[str, State]:
    """Return the state of each exercise; a file that cannot be read counts as nothing done yet."""
    states = {exercise.id: State() for exercise in notebook.exercises}
    if not is_kept():
        return states
    try:
        file = progress_file(notebook)
        text = file.read_text(encoding="utf-8")
    except OSError:
        return states
    try:
        kept = json.loads(text)["exercises"]
        return {key: _state(kept.get(key)) for key in states}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        with contextlib.suppress(OSError):  # whatever it was, the next check must not overwrite it
            file.replace(file.with_suffix(".damaged"))
        return states


def write(notebook: Notebook, states: dict[str, State]) -> str:
    """Write the states down; return a sentence if that was not possible, else nothing."""
    if not is_kept():
        return ""
    content = {"notebook": notebook.name, "exercises": {k: asdict(v) for k, v in states.items()}}
    try:
        file = progress_file(notebook)
        write_whole(file, json.dumps(content, indent=1) + "\n")
    except OSError as error:
        return f"Your progress could not be written down ({error.strerror}); your answers are safe."
    return ""


def _state(kept: object) -> State:
    """Read one exercise's state; what is missing or of another type counts as new."""
    state = State()
    if isinstance(kept, dict):
        for field in fields(State):
            value = kept.get(field.name)
            if type(value) is type(getattr(state, field.name)):
                setattr(state, field.name, value)
        state.hints = [number for number in state.hints if type(number) is int]
    return state


def points(notebook: Notebook, states: dict[str, State]) -> tuple[float, float]:
    """Return the points reached and the points there are."""
    texts = catalogue.texts(notebook.name).exercises
    reached = sum(texts[key].points for key, state in states.items() if state.status == "right")
    return reached, sum(text.points for text in texts.values())
