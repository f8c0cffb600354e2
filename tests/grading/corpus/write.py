"""Write the corpus: a folder of submissions, one student for each case.

From `tests/grading`: ``python -m corpus.write 01 FOLDER [CASE ...]``, or ``example`` instead of ``01``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from corpus import channel, escapes, files, kinds, lies
from corpus.case import CASES, Case, Draft, Target, target

MODULES = (kinds, channel, lies, escapes, files)


def cases(aim: str, names: Iterable[str] = ()) -> list[Case]:
    """Return the cases for a target, ``"01"`` or ``"example"``: all, or those of these names."""
    wanted = set(names)
    unknown = wanted - {case.name for case in CASES}
    if unknown:
        raise ValueError(f"There is no case {', '.join(sorted(unknown))}.")
    return [case for case in CASES if case.only in ("", aim) and (not wanted or case.name in wanted)]


def student(case: Case) -> str:
    """Return the name of a case's student."""
    return case.student or case.name


def write(folder: Path, aim: Target, chosen: Iterable[Case]) -> Path:
    """Write the submissions of these cases, a folder for each student; return the folder."""
    default = f"{aim.assignment.notebook.name}.ipynb"
    for case in chosen:
        home = folder / student(case)
        home.mkdir(parents=True)
        made = case.make(aim)
        data = made.bytes() if isinstance(made, Draft) else made
        for name, text in case.files.items():
            (home / name).write_text(text, encoding="utf-8")
        if data is None:
            continue
        file = home / (case.filename or default)
        if case.link:
            elsewhere = folder.parent / f"linked-{case.name}.ipynb"
            elsewhere.write_bytes(data)
            file.symlink_to(elsewhere)
        else:
            file.write_bytes(data)
    return folder


if __name__ == "__main__":
    chosen = cases(sys.argv[1], sys.argv[3:])
    write(Path(sys.argv[2]), target(sys.argv[1]), chosen)
    print(f"{len(chosen)} cases")
