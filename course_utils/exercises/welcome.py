"""The first cell's words: which notebook, scale, data, device and how long it takes."""

from __future__ import annotations

from pathlib import Path

from course_utils import machine
from course_utils.exercises import catalogue, panel, record
from course_utils.exercises.specification import Notebook
from course_utils.scale import SCALES, scale


def welcome(notebook: Notebook, states: dict[str, record.State]) -> None:
    """Say what this notebook runs on, and make torch use the processor cores that are really there."""
    machine.cap_threads()
    machine.remember_imports()
    chosen = scale()
    texts = catalogue.texts(notebook.name).exercises
    reached, possible = record.points(notebook, states)
    reading = sum(text.minutes for text in texts.values())
    panel.show(
        "note",
        f"Notebook {notebook.id}: {notebook.title}",
        [
            f"{len(texts)} exercises, {possible:g} points, about {reading / 60:.1f} hours of your time.",
            f"Scale `{chosen}`: about {_time(notebook.minutes[chosen])} of computing on {_device()} "
            f"({', '.join(f'{s}: {_time(notebook.minutes[s])}' for s in SCALES if s != chosen)}).",
            *(_data(name) for name in notebook.data),
            f"So far: {reached:g} of {possible:g} points." if reached else "",
            "This is the course's own file, which an update overwrites: `make lab` opens a copy of your own."
            if (Path.cwd() / "solutions").is_dir()
            else "",
        ],
    )


def _time(minutes: float) -> str:
    return f"{minutes:.0f} minutes" if minutes >= 2 else f"{5 * round(12 * minutes) or 5} seconds"


def _device() -> str:
    from course_utils.training.devices import best_device

    device = best_device()
    cores = machine.cores()
    if device.type == "cpu":
        return f"the processor ({cores} {'core' if cores == 1 else 'cores'}; no GPU was found)"
    return f"the accelerator `{device.type}`"


def _data(name: str) -> str:
    from course_utils.data import load

    try:
        data = load(name)
    except ValueError as error:
        return f"Data `{name}`: {error}"
    size = f"{len(data.train.labels)} images to train, {len(data.test.labels)} to test"
    if data.stand_in:
        return f"Data `{name}`: a STAND-IN ({data.source}; {size}). Its figures are not those of {name}."
    return f"Data `{name}`: {data.source}; {size}."
