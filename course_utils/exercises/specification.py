"""What an exercise is: the names it defines, the inputs it is tried on, and the mistakes people make.

An exercise is written in one place, in a module such as `nb01`; its text, stub and solution stand in the
solution notebook. The shortest whole one:

    Exercise(
        id="1.4",
        names=("one_hot",),
        inputs=lambda generator: {"labels": torch.randint(3, (7,), generator=generator), "classes": 3},
        mistakes=(Mistake("Each row should mark its own label; ...", {"labels[i]": "i"}), ...),
        hints=("...", "..."),
    )
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

Inputs = dict[str, Any]
Draw = Callable[["torch.Generator"], Inputs]
Probe = Callable[[dict[str, Any], Inputs], Any]


def call(names: dict[str, Any], inputs: Inputs) -> Any:
    """Call the exercise's only name with the inputs, in order: the probe of most exercises."""
    (answer,) = names.values()
    return answer(*inputs.values())


def call_without_autograd(names: dict[str, Any], inputs: Inputs) -> Any:
    """Call the exercise's only name where `backward()` fails: for gradients to be derived by hand.

    There are ways around it (`torch.func`, leaving inference mode); who takes them knows what he does.
    """
    import torch

    (answer,) = names.values()
    with torch.inference_mode():
        return answer(*inputs.values())


@dataclass(frozen=True)
class Answer:
    """An answer other than the reference, as a change to the solution's text, as whole code, or as values.

    Parameters
    ----------
    message : str
        For a mistake, what the student reads; for a correct variant, what differs.
    replace : mapping of str to str
        Pieces of the solution's text and what stands there instead; each must occur.
    code : str
        The whole cell instead.
    values : mapping of str to object
        For exercises whose answers are values: the names that matter here and what they hold.
    credit : float
        For a mistake: the share of the exercise's points that it still earns when it is graded, from 0 to 1.
    """

    message: str
    replace: Mapping[str, str] = field(default_factory=dict)
    code: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    credit: float = 0.0


class Mistake(Answer):
    """A wrong answer that students really give, with the message that helps."""


class Variant(Answer):
    """A right answer written differently: the check must accept it."""


@dataclass(frozen=True, kw_only=True)
class Exercise:
    """One exercise.

    Parameters
    ----------
    id : str
        Notebook and number, such as ``"1.4"``; the same as in the cell's first line.
    names : tuple of str
        What the exercise's cell defines.
    inputs : callable or None
        Draws the inputs from a `torch.Generator`; None if the answer is one or several values.
    probe : callable
        ``probe(names, inputs)`` uses the answer and returns plain values. It must be self-contained (its
        text is sent to the process that holds the answer): imports stand inside it.
    parts : tuple of str
        What the items of a returned tuple are called, for the messages.
    rtol, atol : float
        Relative and absolute tolerance of floating-point values.
    mistakes, variants, hints
        At least three typical mistakes, at least one correct variant, at least two hints.
    """

    id: str
    names: tuple[str, ...]
    inputs: Draw | None = None
    probe: Probe = call
    parts: tuple[str, ...] = ()
    rtol: float = 1e-4
    atol: float = 1e-6
    limit_seconds: float = 10.0
    mistakes: tuple[Mistake, ...] = ()
    variants: tuple[Variant, ...] = ()
    hints: tuple[str, ...] = ()

    @property
    def is_value(self) -> bool:
        """Whether the answer is a value or a choice, which is never replaced or shown."""
        return self.inputs is None


@dataclass(frozen=True, kw_only=True)
class Notebook:
    """One notebook: its exercises and what its first cell says.

    Parameters
    ----------
    id, name : str
        Such as ``"01"`` and ``"01_manual_backprop"``.
    title : str
        For tables and pages.
    data : tuple of str
        Data sets that it loads by name (see `course_utils.data.load`).
    minutes : mapping of str to float
        Expected minutes of computing for each scale.
    exercises : tuple of Exercise
        In the order of the notebook.
    withheld : tuple of str
        Modules of `course_utils` that hold answers, such as ``"models.manual_mlp"``: submissions cannot use
        them while they are graded.
    """

    id: str
    name: str
    title: str
    data: tuple[str, ...]
    minutes: Mapping[str, float]
    exercises: tuple[Exercise, ...]
    withheld: tuple[str, ...] = ()

    def exercise(self, exercise_id: str) -> Exercise:
        """Return the exercise of that id, or raise KeyError."""
        for exercise in self.exercises:
            if exercise.id == exercise_id:
                return exercise
        raise KeyError(exercise_id)
