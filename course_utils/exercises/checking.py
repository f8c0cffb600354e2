"""Check the names of a notebook's namespace, and bind them to the reference where they are wrong."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import types
from collections.abc import Iterator
from typing import Any

from course_utils.exercises import packaged
from course_utils.exercises.judge import Verdict, judge
from course_utils.exercises.observe import Observation, observe_within
from course_utils.exercises.references import References, is_reference, values_of
from course_utils.exercises.specification import Exercise, Notebook

PUBLIC_SEEDS = (1, 2, 3)

# Of this session: answers that were replaced, by exercise and name.
replaced: dict[str, dict[str, Any]] = {}
# What was last said about a wrong answer, by exercise.
last_mistakes: dict[str, str] = {}

_HEADER = re.compile(r"#\s*Exercise\s+(\S+)\s*\(")
_BUSY = (
    "(If the kernel stays busy, restart it: code that sleeps inside a library cannot be stopped from here.)"
)
_references: dict[str, References] = {}
_cell_errors: dict[str, str] = {}
# What the last check of an exercise decided, by its notebook's name and its id.
_statuses: dict[tuple[str, str], str] = {}


def verdict_on(notebook: Notebook, exercise: Exercise, namespace: dict[str, Any]) -> Verdict:
    """Check what the names of an exercise hold in a notebook's namespace; nothing is changed."""
    missing = [name for name in exercise.names if name not in namespace]
    if missing:
        error = _cell_errors.get(exercise.id)
        why = f"Its cell ended with {error}: mend that first." if error else "Run the exercise's cell first."
        listed = " and ".join(f"`{name}`" for name in missing)
        return Verdict("missing", f"{listed} {'is' if len(missing) == 1 else 'are'} not defined. {why}")
    names = {name: namespace[name] for name in exercise.names}
    if any(is_reference(value) for value in names.values()):
        return Verdict(
            "reference",
            f"{' and '.join(f'`{n}`' for n in names)} is ours at the moment, so checking it proves nothing. "
            "Run the cell with your own answer (did it stop with an error?), then check again.",
            last_mistakes.get(exercise.id, ""),
        )
    references = references_of(notebook)
    ours = references.answer(exercise)
    for name, value in names.items():
        if callable(ours[name]) and not callable(value):
            if value is Ellipsis:
                return Verdict("blank", "This exercise is still blank.")
            kind = "class" if isinstance(ours[name], type) else "function"
            return Verdict("wrong", f"`{name}` should be a {kind}, but it holds {_type_of(value)}.")
    seen: dict[int, Observation | None] = {}
    probe = values_of if exercise.is_value else exercise.probe
    with _borrowed(namespace, references.earlier(exercise)):
        for seed in PUBLIC_SEEDS[:1] if exercise.is_value else PUBLIC_SEEDS:
            seen[seed] = observe_within(
                exercise.limit_seconds, probe, names, references.inputs(exercise, seed)
            )
            if seen[seed] is None:
                break
    verdict = judge(exercise, seen, references)
    if verdict.status == "wrong" and None in seen.values():
        verdict = dataclasses.replace(verdict, message=f"{verdict.message} {_BUSY}")
    printed = next((o.printed for o in seen.values() if o is not None), "")
    verdict = dataclasses.replace(verdict, printed=printed)
    _statuses[notebook.name, exercise.id] = verdict.status
    if verdict.status == "wrong" and not replaces(notebook):
        ground = _shaky_ground(notebook, exercise, names)
        verdict = dataclasses.replace(verdict, message=f"{verdict.message} {ground}".strip())
    error = _cell_errors.get(exercise.id)
    if error and verdict.status != "right":
        note = f"Its cell last ended with {error}" + (
            ", so an older version was checked."
            if error.startswith("SyntaxError")
            else "; what stands after that did not run."
        )
        verdict = dataclasses.replace(verdict, message=f"{note} {verdict.message}")
    return verdict


def bind(notebook: Notebook, exercise: Exercise, namespace: dict[str, Any], *, keep: bool) -> str:
    """Bind the exercise's names to the reference; return the sentence that says so.

    With `keep`, what they held stays within reach of `mine`. Where no reference was handed out nothing is
    bound, and the sentence says that.
    """
    if exercise.is_value:
        return ""
    if not replaces(notebook):
        listed = " and ".join(f"`{name}`" for name in exercise.names)
        return f"No answer of ours takes the place of {listed} here: what uses it later waits for yours."
    ours = references_of(notebook).answer(exercise)
    own = {n: namespace[n] for n in exercise.names if n in namespace and not is_reference(namespace[n])}
    if own and keep:
        replaced[exercise.id] = {**replaced.get(exercise.id, {}), **own}
    namespace.update(ours)
    listed = " and ".join(f"`{name}`" for name in exercise.names)
    yours = f'; yours is `mine("{exercise.id}")`' if exercise.id in replaced else ""
    return f"From here the notebook uses our {listed}{yours}."


def replaces(notebook: Notebook) -> bool:
    """Whether a check of this notebook puts the reference in the place of a wrong answer."""
    package = packaged.of(notebook)
    return package is None or not isinstance(package.references, packaged.Expected)


def is_answered(exercise: Exercise, namespace: dict[str, Any]) -> bool:
    """Whether every name of the exercise holds something that a student wrote."""
    return all(namespace.get(name, ...) is not ... for name in exercise.names)


def references_of(notebook: Notebook) -> References:
    """Return this session's references of a notebook."""
    package = packaged.of(notebook)
    if package is not None:
        _references[notebook.id] = package.references
        return package.references
    return _references.setdefault(notebook.id, References(notebook))


def last_checked() -> str | None:
    """Return the id of a notebook whose exercises were checked in this session, if there is one."""
    return next(reversed(_references), None)


def watch_cells() -> None:
    """Remember how the last run of each exercise's cell ended, to tell a stale answer from a new one."""
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    if shell is None or getattr(shell, "course_watches", False):
        return
    shell.course_watches = True

    def after(result: Any) -> None:
        found = _HEADER.match(str(getattr(result.info, "raw_cell", "") or "").lstrip())
        if found:
            error = result.error_before_exec or result.error_in_exec
            _cell_errors.pop(found[1], None)
            if error is not None:
                line = f" in line {error.lineno}" if isinstance(error, SyntaxError) else ""
                _cell_errors[found[1]] = f"{type(error).__name__}{line}"

    shell.events.register("post_run_cell", after)


def _shaky_ground(notebook: Notebook, exercise: Exercise, names: dict[str, Any]) -> str:
    """Say which earlier exercises the answer uses that no check has found right yet."""
    used = set().union(*(_names_used(value) for value in names.values()))
    found: dict[str, str] = {}
    for other in notebook.exercises:
        if other.id == exercise.id:
            break
        if not other.is_value and _statuses.get((notebook.name, other.id)) != "right":
            found |= {name: other.id for name in other.names if name in used}
    if not found:
        return ""
    listed = " and ".join(f"`{name}` (exercise {exercise_id})" for name, exercise_id in found.items())
    return f"It uses {listed}, not found right yet: look there first."


def _names_used(value: object) -> set[str]:
    """Return the names that a function, or a class's methods, look up outside themselves."""
    if isinstance(value, type):
        return set().union(*(_names_used(member) for member in vars(value).values()))
    waiting = [getattr(value, "__code__", None)]
    used: set[str] = set()
    while waiting:
        code = waiting.pop()
        if isinstance(code, types.CodeType):
            used.update(code.co_names)
            waiting += code.co_consts
    return used


@contextlib.contextmanager
def _borrowed(namespace: dict[str, Any], names: dict[str, Any]) -> Iterator[None]:
    """Stand on solid ground: earlier exercises are the references while a later one is checked."""
    before = {name: namespace[name] for name in names if name in namespace}
    namespace.update(names)
    try:
        yield
    finally:
        for name in names:
            if name in before:
                namespace[name] = before[name]
            else:
                namespace.pop(name, None)


def _type_of(value: object) -> str:
    return {type(None): "None", str: "a text"}.get(type(value), f"a {type(value).__name__}")
