"""Try an assignment on itself before anybody is judged by it: its solutions, and its typical mistakes."""

from __future__ import annotations

from course_utils.exercises.catalogue import Texts
from course_utils.exercises.judge import compare_observations
from course_utils.exercises.own import AssignmentError
from course_utils.exercises.references import References
from course_utils.exercises.specification import Notebook

SEEDS = (1, 2, 3)


def check_answers(notebook: Notebook, texts: Texts) -> None:
    """Refuse solutions that fail on their own inputs, and mistakes that are none.

    Parameters
    ----------
    notebook, texts
        The exercises, and the texts made from their solution notebook.

    Raises
    ------
    AssignmentError
        Says which exercise, and what happened.
    """
    references = References(notebook, texts)
    for exercise in notebook.exercises:
        if exercise.is_value:
            continue
        expected = {seed: references.observe(exercise, seed) for seed in SEEDS}
        for seed, seen in expected.items():
            if seen.failure is not None:
                raise AssignmentError(
                    f"The solution of exercise {exercise.id} raises {seen.failure.type_name} "
                    f"({seen.failure.message[:200]}) on the inputs of seed {seed}: mend it, or let the probe "
                    "return what it should raise."
                )
        for number, mistake in enumerate(exercise.mistakes, 1):
            if not any(
                compare_observations(exercise, expected[seed], references.observe(exercise, seed, mistake))
                for seed in SEEDS
            ):
                raise AssignmentError(
                    f"Exercise {exercise.id}: mistake {number} ({mistake.message[:60]!r}) gives the values "
                    "of the solution, so it is none: change it, or draw inputs that tell them apart."
                )
