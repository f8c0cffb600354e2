"""Reference answers, run in a namespace of their own: a student's mistake must not spoil them."""

from __future__ import annotations

import contextlib
import io
import linecache
from typing import Any

import torch

from course_utils.exercises import catalogue, panel, values
from course_utils.exercises.observe import Observation, observe
from course_utils.exercises.specification import Answer, Exercise, Notebook

# References of this process by identity. (A mark on the object would be copied by `functools.wraps`.)
_OURS: dict[int, Any] = {}
CACHED = 5000  # observations kept by one `References`


class References:
    """The reference answers of one notebook: its setup cells and solutions, run in order as far as needed."""

    def __init__(self, notebook: Notebook, texts: catalogue.Texts | None = None) -> None:
        self.notebook = notebook
        self.texts = texts or catalogue.texts(notebook.name)
        self._namespace: dict[str, Any] = {"__name__": f"reference_{notebook.id}"}
        self._done = 0
        self._before: dict[str, dict[str, Any]] = {}
        self._answers: dict[str, dict[str, Any]] = {}
        self._inputs: dict[tuple[str, int], str] = {}
        self._changed: dict[int, tuple[dict[str, Any], Answer]] = {}
        self._observed: dict[tuple[str, int, int], tuple[Observation, Answer | None]] = {}

    def answer(self, exercise: Exercise) -> dict[str, Any]:
        """Return the names that the exercise defines, bound to the reference."""
        self._run_to(exercise)
        return self._answers[exercise.id]

    def earlier(self, exercise: Exercise) -> dict[str, Any]:
        """Return the references of all earlier exercises that later ones may use (functions and classes)."""
        self._run_to(exercise)
        found: dict[str, Any] = {}
        for other in self.notebook.exercises:
            if other.id == exercise.id:
                break
            if not other.is_value:
                found |= self.answer(other)
        return found

    def changed(self, exercise: Exercise, change: Answer) -> dict[str, Any]:
        """Return the names that the exercise defines once its solution is changed as the answer says.

        Raises
        ------
        ValueError
            If the text to replace does not occur in the solution.
        """
        self._run_to(exercise)
        if exercise.is_value:
            return {**self.answer(exercise), **change.values}
        if id(change) not in self._changed:
            # `change` is kept as well: while it lives, no other object has its id
            self._changed[id(change)] = (self._run_changed(exercise, change), change)
        return self._changed[id(change)][0]

    def _run_changed(self, exercise: Exercise, change: Answer) -> dict[str, Any]:
        source = change.code or self.texts.exercises[exercise.id].solution
        for old, new in change.replace.items():
            if old not in source:
                raise ValueError(
                    f"Exercise {exercise.id}: {old!r} does not occur in the solution, so the answer "
                    f"{change.message[:60]!r} cannot be made from it."
                )
            source = source.replace(old, new)
        namespace = dict(self._before[exercise.id])
        _execute(source, f"<exercise {exercise.id}, changed>", namespace)
        return {name: namespace[name] for name in exercise.names}

    def inputs(self, exercise: Exercise, seed: int) -> str:
        """Return the encoded inputs that the exercise is tried on for a seed."""
        key = (exercise.id, seed)
        if key not in self._inputs:
            drawn = {} if exercise.inputs is None else exercise.inputs(torch.Generator().manual_seed(seed))
            self._inputs[key] = values.encode(drawn)
        return self._inputs[key]

    def observe(self, exercise: Exercise, seed: int, change: Answer | None = None) -> Observation:
        """Return what the probe sees of the reference, or of a changed answer, on a seed's inputs."""
        key = (exercise.id, seed, id(change))
        if len(self._observed) > CACHED:
            self._observed.clear()
            self._inputs.clear()
        if key not in self._observed:
            names = self.answer(exercise) if change is None else self.changed(exercise, change)
            probe = values_of if exercise.is_value else exercise.probe
            self._observed[key] = (observe(probe, names, self.inputs(exercise, seed)), change)
        return self._observed[key][0]

    def _run_to(self, exercise: Exercise) -> None:
        while exercise.id not in self._answers:
            if self._done == len(self.texts.steps):
                raise ValueError(f"Exercise {exercise.id} is not in the generated texts: run `course build`.")
            role, text = self.texts.steps[self._done]
            if role == "setup":
                _execute(text, f"<setup {self._done} of notebook {self.notebook.id}>", self._namespace)
            else:
                self._run_solution(self.texts.exercises[text])
            self._done += 1

    def _run_solution(self, text: catalogue.Text) -> None:
        self._before[text.id] = dict(self._namespace)
        _execute(text.solution, f"<reference {text.id}>", self._namespace)
        answer = {name: self._namespace[name] for name in text.names}
        for value in answer.values():
            if callable(value):
                _OURS[id(value)] = value
        self._answers[text.id] = answer


def values_of(names: dict[str, Any], inputs: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG001
    """Return the values themselves: the probe of exercises whose answers are values or choices."""
    return dict(names)


def is_reference(value: object) -> bool:
    """Whether this very object was bound by a check in place of a student's answer."""
    return _OURS.get(id(value)) is value and value is not None


def _execute(source: str, filename: str, namespace: dict[str, Any]) -> None:
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    with panel.silence(), contextlib.redirect_stdout(io.StringIO()):
        exec(compile(source, filename, "exec"), namespace)
