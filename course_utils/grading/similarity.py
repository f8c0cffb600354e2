"""Find submissions that are more alike than the class is: listed for the instructor, never marked down.

Answers are compared as sequences of tokens without what costs a copier nothing: comments, docstrings, form,
names. What is compared are runs of tokens (k-grams: Schleimer, Wilkerson and Aiken, "Winnowing: Local
Algorithms for Document Fingerprinting", SIGMOD 2003, section 2). Runs that stand in the release, in the
published solution or in most answers of the class say nothing, and short answers say nothing at all.
"""

from __future__ import annotations

import builtins
import keyword
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Tokens = tuple[str, ...]
Answers = Mapping[str, Mapping[str, Tokens]]  # by student and exercise

RUN = 5  # tokens that are compared as one
SHORTEST = 10  # runs of an answer's own: what has fewer could hardly have been written otherwise
LONG = 25  # runs of its own from which on a solution is hardly found again, token for token, by oneself
SMALLEST_CLASS = 10  # students: a smaller class is taken for one of these, it says too little itself

DEVIATIONS = 6.0  # above the mean of the other pairs: from here on two students are listed
SHARE_OF_TWO = 0.8  # of what one wrote, where two are the whole class: there is nobody to compare them with

LONGEST = 5_000  # characters of an answer that are read

_TOKEN = re.compile(
    r"""
    (?: [ \t\f\r\n\\(),;:]+ | \#[^\n]* )*+                          # form; these brackets only group
    (?: (?P<text> [rRbBuUfF]{0,2} (?: '{3}.*?(?:'{3}|\Z) | "{3}.*?(?:"{3}|\Z)
            | '(?:\\.|[^'\\\n])*+'? | "(?:\\.|[^"\\\n])*+"? ) )        # closed or not
        | (?P<name> \.?[^\W\d]\w* )                                   # with the dot of an attribute
        | (?P<other> \.?\d[\w.]* | \*\*=? | //=? | <<=? | >>=? | -> | [-+*/%@&|^=<>!]= | . )
        | \Z )
    """,
    re.VERBOSE | re.DOTALL,
)
_DOCSTRING = re.compile(  # a string that is a statement of its own
    r'^[ \t]*[rR]?(?:"{3}.*?"{3}|\'{3}.*?\'{3}|"[^"\n]*"|\'[^\'\n]*\')[ \t]*$', re.DOTALL | re.MULTILINE
)
_MAGIC = re.compile(r"^[ \t]*[%!].*$", re.MULTILINE)  # lines for IPython: never an answer
_KEPT = frozenset(keyword.kwlist) | frozenset(dir(builtins))


@dataclass(frozen=True)
class Alike:
    """Students whose answers are unusually alike, or one whose answers are the published solution.

    Parameters
    ----------
    students : tuple of str
        Two or more, sorted; a single one if the answers are the published solution.
    exercises : tuple of str
        Where.
    share : float
        0 to 1: of what the one with less wrote beyond release, solution and class, how much the other wrote
        (in a group, the least of the pairs that tie it together); or the share of the long solutions.
    note : str
        A sentence for the instructor.
    """

    students: tuple[str, ...]
    exercises: tuple[str, ...]
    share: float
    note: str


def find_alike(
    sources: Mapping[str, Mapping[str, str]], release: Mapping[str, str], solution: Mapping[str, str]
) -> list[Alike]:
    """List students whose answers, taken together, are unusually alike, and copies of the solution.

    A run of tokens that k of n students wrote surprises by log((n - 1) / (k - 1)) nats where two share it; an
    exercise by the mean over the runs of the shorter answer; two students by the sum over their exercises.
    Listed are pairs `DEVIATIONS` standard deviations above the mean of the other pairs; those that have a
    student in common are one group. One exercise alone is enough in a very large class only.

    Parameters
    ----------
    sources : mapping of student to mapping of exercise to text
        Answers; they need not be valid Python.
    release, solution : mapping of exercise to text
        What was handed out, and the published solution.

    Returns
    -------
    list of Alike
        Groups, most alike first; then single students, most of the solution first.
    """
    given = {exercise: tokens(text) for exercise, text in release.items()}
    known = {exercise: tokens(text) for exercise, text in solution.items()}
    answers = {
        student: {exercise: tokens(text) for exercise, text in texts.items()}
        for student, texts in sorted(sources.items())
    }
    return [*_groups(answers, given, known), *_copies(answers, given, known)]


def tokens(text: str) -> Tokens:
    """Return the tokens of a program without what can be changed at no cost.

    Comments, docstrings, line breaks, colons, commas and round brackets are left out; a name becomes ``N``
    unless it is a keyword, a builtin or an attribute such as ``.exp``. What is no Python is tokenised all the
    same.
    """
    text = _MAGIC.sub("", _DOCSTRING.sub("", text[:LONGEST]))
    found = []
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup
        if kind is None:  # the end
            break
        value = match[kind]
        if kind == "name" and value[0] != "." and value not in _KEPT:
            value = "N"
        elif kind == "text":
            value = "'" + value.lstrip("rRbBuUfF").strip("'\"")
        found.append(value)
    return tuple(found)


def _runs(sequence: Tokens) -> set[int]:
    """Return the hashes of all runs of `RUN` tokens."""
    return {hash(run) for run in zip(*(sequence[start:] for start in range(RUN)), strict=False)}


def _groups(answers: Answers, given: Mapping[str, Tokens], known: Mapping[str, Tokens]) -> list[Alike]:
    import numpy as np  # here: the workers that import this package have no use for it

    students = list(answers)
    # Each (students, students); mean and variance are those of an exercise over all other pairs.
    surprise, mean, variance = np.zeros((3, len(students), len(students)))
    others = max(len(students) * (len(students) - 1) // 2 - 1, 1)
    rare: dict[str, list[set[int]]] = {}  # by exercise and student: runs beyond release, solution and class
    for exercise in dict.fromkeys([*given, *known, *(e for texts in answers.values() for e in texts)]):
        handed_out, public = _runs(given.get(exercise, ())), _runs(known.get(exercise, ()))
        own = [_runs(answers[student].get(exercise, ())) - handed_out for student in students]
        here, rare[exercise] = _surprise([runs - public if len(runs) >= SHORTEST else set() for runs in own])
        surprise += here
        rest, rest_of_squares = (np.triu(m, k=1).sum() - m for m in (here, here**2))
        mean += rest / others
        variance += rest_of_squares / others - (rest / others) ** 2
    # one nat more, so that a class too small to vary does not turn every coincidence into a deviation
    deviations = (surprise - mean) / np.sqrt(np.maximum(variance, 0) + 1)

    wrote = [sum(len(runs[i]) for runs in rare.values()) for i in range(len(students))]
    shares = {}
    for i, j in np.argwhere(np.triu(deviations >= DEVIATIONS, k=1)).tolist():
        share = sum(len(runs[i] & runs[j]) for runs in rare.values()) / min(wrote[i], wrote[j])
        if len(students) > 2 or share >= SHARE_OF_TWO:
            shares[i, j] = share

    groups = []
    for members in _connected(list(shares)):
        pairs = [pair for pair in shares if pair[0] in members]
        where = tuple(e for e, runs in rare.items() if any(_mostly(runs[i], runs[j]) for i, j in pairs))
        least = min(pairs, key=lambda pair: shares[pair])
        who = "They are" if len(members) == 2 else "Each is, to another one of them,"
        note = f"{who} {deviations[least]:.0f} standard deviations more alike than the pairs of the class."
        if len(students) == 2:
            note = "There is no class to compare them with."
        groups.append(Alike(tuple(students[i] for i in sorted(members)), where, shares[least], note))
    return sorted(groups, key=lambda group: (-group.share, group.students))


def _surprise(own: Sequence[set[int]]) -> tuple[Any, list[set[int]]]:
    """Return for one exercise how much each two students surprise, in nats, and each one's rare runs."""
    import numpy as np

    writers: Counter[int] = Counter()
    for runs in own:
        writers.update(runs)
    n = max(sum(map(bool, own)), SMALLEST_CLASS)
    weight = {run: math.sqrt(math.log((n - 1) / (k - 1))) for run, k in writers.items() if 2 <= k <= n / 2}
    column = {run: i for i, run in enumerate(weight)}
    has = np.zeros((len(own), len(column)), np.float32)
    for row, runs in zip(has, own, strict=True):
        row[[column[run] for run in runs & column.keys()]] = 1
    has *= np.fromiter(weight.values(), np.float32, len(weight))
    # an answer with a few runs beyond the solution is not better evidence than one with many
    length = np.array([max(len(runs), 2 * SHORTEST) for runs in own])
    common = {run for run, k in writers.items() if k > n / 2}
    return has @ has.T / np.minimum.outer(length, length), [runs - common for runs in own]


def _mostly(one: set[int], other: set[int]) -> bool:
    """Say whether one exercise's answers have at least half of the shorter one in common."""
    shorter = min(len(one), len(other))
    return shorter > 0 and 2 * len(one & other) >= shorter


def _connected(pairs: Sequence[tuple[int, int]]) -> list[set[int]]:
    """Return the groups that pairs tie together."""
    group: dict[int, set[int]] = {}
    for i, j in pairs:
        merged = group.get(i, {i}) | group.get(j, {j})
        group.update(dict.fromkeys(merged, merged))
    return [members for first, members in group.items() if first == min(members)]


def _copies(answers: Answers, given: Mapping[str, Tokens], known: Mapping[str, Tokens]) -> list[Alike]:
    long = {e: text for e, text in known.items() if len(_runs(text) - _runs(given.get(e, ()))) >= LONG}
    found = []
    for student, texts in answers.items():
        where = tuple(exercise for exercise, text in long.items() if texts.get(exercise) == text)
        if where:
            note = (
                f"{len(where)} of {len(long)} long answers are the published solution but for names and form."
            )
            found.append(Alike((student,), where, len(where) / len(long), note))
    return sorted(found, key=lambda copy: (-copy.share, copy.students))
