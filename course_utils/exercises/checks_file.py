"""The form of a checks file (``NAME.checks.json``): plain data, read as if from an enemy.

Whatever is not exactly as `course_utils.exercises.packaging` writes it is refused with a sentence.
"""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from course_utils.exercises import values
from course_utils.scale import SCALES

SCHEMA = 1
MAX_BYTES = 64 * 2**20
KINDS = ("function", "class", "value")

_ID = re.compile(r"\w[\w.-]{0,60}", flags=re.ASCII)
_BUILT_IN = ("call", "call_without_autograd")


class ChecksFileError(ValueError):
    """A checks file is damaged, too large or not of this course; says which and what to do."""


class _Wrong(Exception):
    """What is wrong and where, for the sentence."""


def read(path: Path) -> dict[str, Any]:
    """Read and check a file; nothing of it is run.

    Returns
    -------
    dict
        ``schema``, ``notebook`` (``id``, ``name``, ``title``, ``data``, ``minutes``) and ``exercises``.

    Raises
    ------
    ChecksFileError
        If it is not of the form that `course build FOLDER` writes.
    """
    again = "Get it again from where the notebook came from."
    try:
        if not path.is_file():
            raise ChecksFileError(f"The file of checks {path} is not there. {again}")
        if path.stat().st_size > MAX_BYTES:
            raise ChecksFileError(f"{path} has more than {MAX_BYTES // 2**20} MiB: no file of checks has.")
        data = json.loads(path.read_text(encoding="utf-8"), parse_constant=_no_constant)
    except OSError as error:
        raise ChecksFileError(f"{path} cannot be read: {error.strerror}.") from None
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError, _Wrong) as error:
        raise ChecksFileError(f"{path} is damaged ({type(error).__name__}: {error}). {again}") from None
    if not isinstance(data, dict) or "schema" not in data:
        raise ChecksFileError(f"{path} is not a file of checks. {again}")
    if data["schema"] != SCHEMA:
        raise ChecksFileError(
            f"{path} has the form {str(data['schema'])[:20]!r}, and this version of the course reads form "
            f"{SCHEMA}: get the notebook, its checks and the course from the same place."
        )
    try:
        _check_notebook(_of(data, "notebook", dict))
        exercises = _of(data, "exercises", list)
        for exercise in exercises:
            _check_exercise(exercise)
        ids = [exercise["id"] for exercise in exercises]
        if len(set(ids)) != len(ids):
            raise _Wrong("two exercises have the same id")
    except (_Wrong, ValueError, RecursionError) as error:
        raise ChecksFileError(f"{path} is damaged: {error}. {again}") from None
    return data


def function_name(source: str) -> str:
    """Return the name of the only function of a probe's text.

    Raises
    ------
    ValueError
        If the text is anything else than one plain function: defining it must run nothing.
    """
    try:
        body = ast.parse(source).body
    except (SyntaxError, RecursionError, MemoryError):
        raise ValueError("a probe is not Python") from None
    if body and isinstance(body[0], ast.ImportFrom) and body[0].module == "__future__":
        body = body[1:]
    if len(body) != 1 or not isinstance(body[0], ast.FunctionDef):
        raise ValueError("a probe must be one function")
    function = body[0]
    arguments = function.args
    defaults = [d for d in (*arguments.defaults, *arguments.kw_defaults) if d is not None]
    if function.decorator_list or any(not isinstance(d, ast.Constant) for d in defaults):
        raise ValueError("a probe must be a plain function, without decorators or computed defaults")
    return function.name


def _check_notebook(about: dict[str, Any]) -> None:
    for name in ("id", "name"):  # the name becomes a file's
        if not _ID.fullmatch(_of(about, name, str)):
            raise _Wrong(f"its notebook's {name} is not a name")
    _of(about, "title", str)
    _texts(about, "data")
    minutes = _of(about, "minutes", dict)
    if set(minutes) != set(SCALES) or not all(_is_number(n) and n >= 0 for n in minutes.values()):
        raise _Wrong("its minutes are not given for each scale")


def _check_exercise(entry: Any) -> None:
    if not isinstance(entry, dict):
        raise _Wrong("an exercise is no object")
    if not _ID.fullmatch(_of(entry, "id", str)):
        raise _Wrong("an exercise's id is not one")
    where = f"exercise {entry['id']}: "
    kinds = _of(entry, "kinds", dict, where)
    if not kinds or not all(str(n).isidentifier() and kind in KINDS for n, kind in kinds.items()):
        raise _Wrong(f"{where}its names are not names")
    is_value = _of(entry, "value", bool, where)
    for name in ("title", "stub", "probe"):
        _of(entry, name, str, where)
    for name in ("hints", "parts"):
        _texts(entry, name, where)
    for name, least, most in (
        ("points", 0, 1000),
        ("minutes", 0, 10_000),
        ("difficulty", 1, 5),
        ("rtol", 0, 1),
        ("atol", 0, math.inf),
        ("limit_seconds", 0.01, 600),
    ):
        if not (_is_number(entry.get(name)) and least <= entry[name] <= most):
            raise _Wrong(f"{where}{name} is not a number between {least:g} and {most:g}")
    if not is_value and entry["probe"] not in _BUILT_IN:
        function_name(entry["probe"])
    mistakes, tries = _of(entry, "mistakes", list, where), _of(entry, "tries", list, where)
    for mistake in mistakes:
        if not isinstance(mistake, dict) or not _is_number(mistake.get("credit")):
            raise _Wrong(f"{where}a mistake is not one")
        _of(mistake, "message", str, where)
    if is_value != (not tries):
        raise _Wrong(f"{where}it must be tried on inputs exactly if it is no value")
    for tried in tries:
        if not isinstance(tried, dict) or type(tried.get("seed")) is not int:
            raise _Wrong(f"{where}a try has no seed")
        if not isinstance(values.decode(_of(tried, "inputs", str, where)), dict):
            raise _Wrong(f"{where}its inputs have no names")
        seen = _of(tried, "mistakes", list, where)
        if len(seen) != len(mistakes):
            raise _Wrong(f"{where}it was not tried with each mistake")
        for observation in (tried.get("expected"), *seen):
            _check_observation(observation, where)


def _check_observation(seen: Any, where: str) -> None:
    if not isinstance(seen, dict):
        raise _Wrong(f"{where}what was expected is missing")
    if "failure" in seen:
        failure = _of(seen, "failure", list, where)
        if len(failure) != 2 or not all(isinstance(text, str) for text in failure):
            raise _Wrong(f"{where}an expected error is not a type and a message")
        return
    values.decode(_of(seen, "returned", str, where))
    if "inputs_after" in seen:
        values.decode(_of(seen, "inputs_after", str, where))


def _of(data: dict[str, Any], name: str, kind: Callable[..., Any], where: str = "") -> Any:
    if type(data.get(name)) is not kind:
        raise _Wrong(f"{where}{name!r} is missing or of another type")
    return data[name]


def _texts(data: dict[str, Any], name: str, where: str = "") -> None:
    if not all(isinstance(text, str) for text in _of(data, name, list, where)):
        raise _Wrong(f"{where}{name!r} is not a list of texts")


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _no_constant(name: str) -> Any:
    raise _Wrong(f"{name} is not a number")
