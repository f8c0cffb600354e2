"""Exercises that ask for a choice and for its reason."""

from course_utils.exercises.specification import Exercise, Mistake, Variant


def choice(
    id: str,
    name: str,
    wrong: dict[str, str],
    reason: dict[int, str],
    *,
    right: str,
    why: int,
    hints: tuple[str, ...],
) -> Exercise:
    """Make an exercise of a choice and a second choice for its reason."""
    return Exercise(
        id=id,
        names=(name, f"{name}_reason"),
        mistakes=tuple(
            [
                Mistake(message, values={name: letter, f"{name}_reason": why})
                for letter, message in wrong.items()
            ]
            + [Mistake(message, values={name: right, f"{name}_reason": n}) for n, message in reason.items()]
        ),
        variants=(Variant("capital letter and blank", values={name: f" {right.upper()} "}),),
        hints=hints,
    )
