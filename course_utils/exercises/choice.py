"""Exercises that ask for a choice and for its reason."""

import dataclasses

from course_utils.exercises.specification import Exercise, Mistake, Variant


def choice(
    id: str,
    name: str,
    wrong: dict[str, str],
    reason: dict[int, str],
    *,
    right: str,
    hints: tuple[str, ...],
) -> Exercise:
    """Make an exercise of a choice and a second choice for its reason.

    A wrong letter is explained whatever the reason, a wrong reason only beside the right letter.
    """
    return Exercise(
        id=id,
        names=(name, f"{name}_reason"),
        mistakes=(
            *(Mistake(message, values={name: letter}) for letter, message in wrong.items()),
            *(
                Mistake(message, values={name: right, f"{name}_reason": number})
                for number, message in reason.items()
            ),
        ),
        variants=(Variant("capital letter and blank", values={name: f" {right.upper()} "}),),
        hints=hints,
    )


def with_beliefs(exercise: Exercise, *mistakes: Mistake) -> Exercise:
    """Add mistakes whose choice and reason are both wrong, but go together: told before the choice alone."""
    return dataclasses.replace(exercise, mistakes=(*mistakes, *exercise.mistakes))
