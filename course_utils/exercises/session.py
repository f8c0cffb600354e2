"""What a student types in a notebook: `begin`, `check`, `hint`, `solution`, `reset`, `mine` and `progress`.

A check never raises. When an answer is wrong the name is bound to the reference, so that one mistake never
costs the next exercise; `mine` gives the student's own answer back. (Where the checks were handed out
without answers, see `course_utils.exercises.packaged`, nothing is bound.)
"""

from __future__ import annotations

import contextlib
import html
import os
import sys
from collections.abc import Iterator
from typing import Any

from course_utils.display import in_notebook
from course_utils.exercises import catalogue, checking, packaged, panel, record
from course_utils.exercises.judge import Verdict
from course_utils.exercises.specification import Exercise, Notebook
from course_utils.scale import scale


def begin(notebook_id: str) -> None:
    """Start a notebook: say scale, data, device and expected minutes. Running it again changes nothing."""
    from course_utils.exercises.welcome import welcome

    notebook = catalogue.find_notebook(notebook_id)
    checking.watch_cells()
    welcome(notebook, record.read(notebook))


def check(exercise_id: str) -> None:
    """Check an exercise at once, say what is wrong with it, and make sure that later cells can go on.

    Parameters
    ----------
    exercise_id : str
        Such as ``"1.4"``.
    """
    namespace = sys._getframe(1).f_globals
    try:
        scale()
        notebook, exercise = catalogue.find(exercise_id)
    except ValueError as error:
        panel.show("bad", "Nothing was checked", [str(error)])
        _fail_when_strict(str(error))
        return
    if packaged.is_unjudged(notebook, exercise) and checking.is_answered(exercise, namespace):
        _note(notebook, exercise)
        return
    try:
        verdict = checking.verdict_on(notebook, exercise, namespace)
        bound = ""
        if verdict.status != "right":
            bound = checking.bind(notebook, exercise, namespace, keep=verdict.status != "blank")
    except KeyboardInterrupt:
        title = f"Exercise {exercise.id}: stopped"
        panel.show("open", title, ["The check was interrupted; nothing was decided."])
        return
    except Exception as error:  # a check never raises: a fault of ours must not stop the student
        verdict = Verdict(
            "broken",
            f"The check itself failed ({type(error).__name__}: {str(error)[:300]}). This is a fault of the "
            "course, not of your answer: please report it, and go on.",
        )
        bound = ""
    problem = _remember(notebook, exercise, verdict)
    _show(notebook, exercise, verdict, bound, problem)
    if verdict.status != "right":
        points = verdict.credit * catalogue.texts(notebook.name).exercises[exercise.id].points
        _fail_when_strict(f"Exercise {exercise.id}: {verdict.mistake or verdict.message}", points=points)


def mine(exercise_id: str) -> Any:
    """Return your own answer to an exercise whose name now holds the reference.

    Returns
    -------
    object
        Your function or class; a dictionary by name if the exercise defines several.

    Raises
    ------
    ValueError
        If there is none: the exercise does not exist, or your own answer is still in place.
    """
    notebook, exercise = catalogue.find(exercise_id)
    if not checking.replaces(notebook):
        raise ValueError(f"Nothing is ever replaced here: what exercise {exercise.id} defines is your own.")
    if exercise.id not in checking.replaced:
        raise ValueError(f"Nothing of yours was replaced in exercise {exercise.id}.")
    kept = checking.replaced[exercise.id]
    return kept[exercise.names[0]] if len(exercise.names) == 1 else kept


def hint(exercise_id: str, number: int = 0) -> None:
    """Show one hint: the first points the way, the last nearly gives the answer. Ask for them by number."""
    with _sentences():
        notebook, exercise = catalogue.find(exercise_id)
        count = len(exercise.hints)
        if not count:
            panel.show("note", f"Exercise {exercise.id} has no hints", [])
            return
        if type(number) is not int or not 1 <= number <= count:
            examples = ", ".join(f'`hint("{exercise.id}", {n})`' for n in range(1, count + 1))
            panel.show(
                "note", f"Exercise {exercise.id} has {count} hints", [f"Ask for one by number: {examples}."]
            )
            return
        states = record.read(notebook)
        state = states[exercise.id]
        state.hints = sorted({*state.hints, number})
        problem = record.write(notebook, states)
        paragraphs = [exercise.hints[number - 1], problem]
        panel.show("note", f"Exercise {exercise.id}, hint {number} of {count}", paragraphs)


def solution(exercise_id: str) -> None:
    """Show the text of an exercise's solution. Values and choices are not shown: ask for their hints."""
    with _sentences():
        notebook, exercise = catalogue.find(exercise_id)
        title = f"Exercise {exercise.id}, solution"
        if exercise.is_value:
            advice = f'Nothing later depends on it, so it is not shown. Try `hint("{exercise.id}", 1)`.'
            panel.show("note", title, [advice])
            return
        if not checking.replaces(notebook):
            panel.show("note", title, ["Your instructor keeps the solutions."])
            return
        states = record.read(notebook)
        states[exercise.id].solution_read = True
        problem = record.write(notebook, states)
        panel.show("note", title, [catalogue.texts(notebook.name).exercises[exercise.id].solution, problem])


def reset(exercise_id: str) -> None:
    """Give an exercise's empty cell back: in a new cell below this one, ready to run."""
    with _sentences():
        notebook, exercise = catalogue.find(exercise_id)
        stub = catalogue.texts(notebook.name).exercises[exercise.id].stub
        from IPython.core.getipython import get_ipython

        shell = get_ipython()
        if shell is not None and in_notebook():
            shell.set_next_input(stub)
        where = "It stands in a new cell below; delete your old one when you no longer need it."
        panel.show("note", f"Exercise {exercise.id}, as it was", [where, stub])


def progress(notebook_id: str | None = None) -> None:
    """Show the notebook's exercises with their state and points."""
    with _sentences():
        notebook = catalogue.find_notebook(notebook_id or _current())
        states = record.read(notebook)
        reached, possible = record.points(notebook, states)
        texts = catalogue.texts(notebook.name).exercises
        title = f"Notebook {notebook.id}: {reached:g} of {possible:g} points"
        rows = [
            (e.id, texts[e.id].title, _in_words(states[e.id]), f"{texts[e.id].points:g}")
            for e in notebook.exercises
        ]
        plain = "\n".join([title, *("  ".join((i.ljust(5), state.ljust(24), t)) for i, t, state, _ in rows)])
        cells = "".join(
            "<tr>"
            + "".join(f'<td style="text-align:left">{html.escape(cell)}</td>' for cell in row)
            + "</tr>"
            for row in rows
        )
        heads = "".join(f'<th style="text-align:left">{h}</th>' for h in ("", "Exercise", "State", "Points"))
        table = f"<table><caption>{title}</caption><tr>{heads}</tr>{cells}</table>"
        panel.show_bundle({"text/plain": plain, "text/html": table})


def _remember(notebook: Notebook, exercise: Exercise, verdict: Verdict) -> str:
    if verdict.status in ("reference", "broken"):
        return ""
    states = record.read(notebook)
    state = states[exercise.id]
    if state.status != "right":  # what was right once stays so: experiments cost nothing
        state.status = "open" if verdict.status in ("blank", "missing") else verdict.status
        state.attempts += verdict.status in ("right", "wrong")
    if verdict.status == "right":
        checking.replaced.pop(exercise.id, None)
    if verdict.status == "wrong":
        checking.last_mistakes[exercise.id] = (
            f"To your last answer it said: {verdict.mistake or verdict.message}"
        )
    return record.write(notebook, states)


def _note(notebook: Notebook, exercise: Exercise) -> None:
    """Note that a value was answered whose right value was not handed out."""
    states = record.read(notebook)
    states[exercise.id].status = "answered"
    problem = record.write(notebook, states)
    points = catalogue.texts(notebook.name).exercises[exercise.id].points
    panel.show(
        "note",
        f"Exercise {exercise.id} is answered",
        ["It is graded by your instructor: whether it is right cannot be said here.", problem],
        verdict={"exercise": exercise.id, "status": "answered", "points": points},
    )
    _fail_when_strict(
        f"Exercise {exercise.id} cannot be graded without its answer: let COURSE_CHECKS name the folder of "
        "the assignment with its solution."
    )


def _show(notebook: Notebook, exercise: Exercise, verdict: Verdict, bound: str, problem: str) -> None:
    points = catalogue.texts(notebook.name).exercises[exercise.id].points
    summary = {"exercise": exercise.id, "status": verdict.status, "points": points}
    unit = "point" if points == 1 else "points"
    printed = f"Your code printed:\n{verdict.printed}" if verdict.printed else ""
    if verdict.status == "right":
        panel.show(
            "good",
            f"Exercise {exercise.id} is right ({points:g} {unit})",
            [printed, problem],
            verdict=summary,
        )
        return
    title = {
        "wrong": f"Exercise {exercise.id} is not right yet",
        "blank": f"Exercise {exercise.id} is still blank",
        "missing": f"Exercise {exercise.id}: nothing to check yet",
        "reference": f"Exercise {exercise.id}: this is our answer, not yours",
        "broken": f"Exercise {exercise.id} could not be checked",
    }[verdict.status]
    if verdict.status == "blank":
        count = len(exercise.hints)
        stuck = f' Stuck? `hint("{exercise.id}", 1)` (of {count}).' if count else ""
        messages = [f"Write it when you are ready.{stuck}", printed]
    else:
        messages = [verdict.mistake, verdict.message, printed]
    tone: panel.Tone = "open" if verdict.status in ("blank", "missing", "reference") else "bad"
    panel.show(tone, title, [*messages, bound, problem], verdict=summary)


def _fail_when_strict(message: str, *, points: float = 0.0) -> None:
    """In strict mode, make the cell fail for whoever runs the notebook, and go on.

    The error is published on the kernel's output channel, where nbval sees it; raising it would end the
    cell before the reference is used by anything that follows in it. nbgrader takes a number that a cell
    results in for its points: the share that a mistake still earns.
    """
    if os.environ.get("COURSE_CHECK") != "strict":
        return
    if not in_notebook():
        raise AssertionError(message)
    from IPython.core.getipython import get_ipython

    kernel = get_ipython().kernel
    if points and os.environ.get("NBGRADER_EXECUTION") == "autograde":
        result = {"data": {"text/plain": f"{points:g}"}, "metadata": {}}
        result["execution_count"] = get_ipython().execution_count
        kernel.send_response(kernel.iopub_socket, "execute_result", result)
        return
    content = {"ename": "WrongAnswer", "evalue": message, "traceback": [f"WrongAnswer: {message}"]}
    kernel.send_response(kernel.iopub_socket, "error", content)


@contextlib.contextmanager
def _sentences() -> Iterator[None]:
    """Turn the course's own errors into a panel instead of a traceback."""
    try:
        yield
    except ValueError as error:
        panel.show("bad", "That did not work", [str(error)])


def _current() -> str:
    """Return the notebook whose exercises were used last, else one whose checks lie here, else the first."""
    here = None if checking.last_checked() else packaged.find_notebook(None)
    return checking.last_checked() or (here.id if here else next(iter(catalogue.NOTEBOOK_IDS), ""))


def _in_words(state: record.State) -> str:
    words = {"right": "✓ right", "wrong": "✗ not yet right", "answered": "✎ answered"}
    text = words.get(state.status, "○ open")
    notes = [f"{state.attempts} tries"] if state.attempts > 1 else []
    notes += [f"hints {', '.join(map(str, state.hints))}"] if state.hints else []
    notes += ["solution read"] if state.solution_read else []
    return f"{text} ({'; '.join(notes)})" if notes else text
