"""Submissions for the tests: the notebook of `examples/assignment` with somebody's answers in it."""

import dataclasses
import functools
import json
import time
from pathlib import Path

import psutil

from course_utils.grading.assignment import own_assignment

EXAMPLE = Path(__file__).parents[2] / "examples" / "assignment"

# Softmax without subtracting the largest: the mistake that earns 0.4 of 5 points.
OVERFLOWS = (
    "import numpy as np\ndef softmax(x):\n    e = np.exp(np.asarray(x, float))\n    return e / e.sum()\n"
)
HANGS = "def mean_abs(xs):\n    while True:\n        pass\n"
DIES = "import os\ndef mean_abs(xs):\n    os._exit(0)\n"


@functools.cache
def toy_assignment():
    """Return the worked example, with half a second for an answer instead of ten."""
    example = own_assignment(EXAMPLE)
    exercises = tuple(dataclasses.replace(e, limit_seconds=0.5) for e in example.notebook.exercises)
    return dataclasses.replace(example, notebook=dataclasses.replace(example.notebook, exercises=exercises))


def solutions():
    """Return the reference answers by exercise."""
    return {text.id: text.solution for text in toy_assignment().texts.exercises.values()}


def notebook(answers=None, *, first=()):
    """Return a notebook file: the cells as handed out, with these answers, and cells before all others."""
    cells = [code(source) for source in first]
    for cell in toy_assignment().texts.cells:
        answer = (answers or {}).get(cell.exercise) if cell.role == "exercise" else None
        header = cell.source.splitlines()[0]
        source = cell.source if answer is None else answer
        if answer is not None and not answer.startswith("# Exercise"):
            source = f"{header}\n{answer}"
        cells.append(code(source, id=cell.id))
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()


def code(source, **more):
    return {"cell_type": "code", "source": source, "metadata": {}, "outputs": [], **more}


def hand_in(folder, **notebooks):
    """Write a folder for each student, with the bytes of a notebook."""
    for student, data in notebooks.items():
        (folder / student).mkdir(parents=True, exist_ok=True)
        (folder / student / "assignment.ipynb").write_bytes(data)
    return folder


def is_gone(process, seconds=20.0):
    """Wait until a process has ended; one that nobody has buried yet has."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.05)
    return False
