"""Exercises that are checked at once: what a notebook imports."""

from course_utils.exercises.session import begin, check, hint, mine, progress, reset, solution

__all__ = ["begin", "check", "hint", "mine", "progress", "reset", "solution"]
