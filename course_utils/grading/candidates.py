"""Gather each student's notebooks, and take one of them by a rule that is stated."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from course_utils.grading import layouts
from course_utils.grading.contents import Children, Item, Parts, is_ignored, is_notebook, listed, shown, walk

ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar")

RULE = (
    "Where a student has several notebooks, the one with the exact name is taken; without one, the one whose "
    "name is nearest to it; of equals, the one with the highest attempt number, then the newest."
)


@dataclass(frozen=True)
class Candidate:
    """A notebook file that a student may have handed in.

    Parameters
    ----------
    item : Item
        The file.
    nearness : int
        Of its name to the notebook's: `layouts.EXACT` to `layouts.ANOTHER`.
    attempt : tuple of int
        The platform's number of the upload, and the one in ``(2)``, ``-2``, ``v2``.
    late : str
        What the download's name says about time and attempt.
    remark : str
        Why it was taken and not another one.
    """

    item: Item
    nearness: int
    attempt: tuple[int, int] = (0, 0)
    late: str = ""
    remark: str = ""


@dataclass(frozen=True)
class StudentFiles:
    """A student's notebooks; `known_by`: what else a platform calls him (his number, his name without it)."""

    candidates: tuple[Candidate, ...]
    known_by: tuple[str, ...]
    number: str = ""
    others: tuple[Item, ...] = ()  # files that are no notebooks


@dataclass(frozen=True)
class Gathered:
    """All students by the names that the grader calls them by, and sentences about what was left out."""

    students: dict[str, StudentFiles]
    platform: layouts.Platform | None
    notes: tuple[str, ...]


_Key = tuple[str, str]  # name, and the platform's number if there is one


def gather(children: Children, units: Sequence[Item], *, folder_name: str, notebook_name: str) -> Gathered:
    """Return each student's notebooks; a student whose folder or upload holds none has no candidates."""
    visible = [unit for unit in units if not is_ignored(unit.name)]
    platform = layouts.platform_of(visible, notebook_name)
    notes: list[str] = []
    groups: dict[_Key, list[Candidate]] = {}
    beside: dict[_Key, list[Item]] = {}
    keys, others = _keys(visible, platform, folder_name, notebook_name, notes)
    for unit, key in keys:
        files, told = walk(children, unit) if unit.folder else ([unit], [])
        notes += told
        candidates = groups.setdefault(key, [])
        for item in files:
            if is_notebook(item.name):
                candidates.append(_candidate(item, unit, platform, notebook_name))
                continue
            beside.setdefault(key, []).append(item)
            if item.name.casefold().endswith(ARCHIVES):
                notes.append(
                    f"{listed([item])} is an archive, which is not opened: unpack it there if needed."
                )
            elif item.problem:
                notes.append(f"{listed([item])} {item.problem}: left out.")
    if others:
        notes.append(f"No notebooks, so left out: {listed(others)}.")
    if hidden := [unit for unit in units if is_ignored(unit.name)]:
        notes.append(f"Hidden, so left out: {listed(hidden)}.")
    return Gathered(_labelled(groups, beside), platform, tuple(notes))


def choose(gathered: Gathered, notebook_name: str) -> tuple[dict[str, Candidate | None], list[str]]:
    """Take one notebook of each student by `RULE`, in the order of their names; None if there is none."""
    chosen: dict[str, Candidate | None] = {}
    notes: list[str] = []
    several = False
    for student, files in sorted(gathered.students.items()):
        candidates = sorted(files.candidates, key=_order)
        usable = candidates
        if (
            gathered.platform is None
        ):  # what was uploaded for this assignment is meant for it, whatever its name
            usable = [c for c in candidates if c.nearness != layouts.ANOTHER]
        if len(usable) < len(candidates):
            names = listed([c.item for c in candidates if c.nearness == layouts.ANOTHER])
            notes.append(
                f"{shown(student)}: named as another notebook than {notebook_name}, left out: {names}."
            )
        if not usable:
            chosen[student] = None
            notes.append(f"{shown(student)} handed in no notebook that could be {notebook_name}.")
            continue
        best, *rest = usable
        if rest:
            several = True
            names = listed([c.item for c in rest])
            why = _why(best, rest[0])
            remark = f"taken {listed([best.item])}, because {why}; not {names}."
            notes.append(f"{shown(student)}: {remark}")
            best = dataclasses.replace(best, remark=f"Of several notebooks {remark}")
        elif best.nearness >= layouts.UNRELATED and len(best.item.parts) > 1:
            notes.append(f"{shown(student)}: taken {listed([best.item])}, the only notebook there.")
        if best.item.problem:
            notes.append(f"{shown(student)}: {listed([best.item])} {best.item.problem}.")
        chosen[student] = best
    return chosen, [RULE, *notes] if several else notes


def _keys(
    visible: Sequence[Item],
    platform: layouts.Platform | None,
    folder_name: str,
    notebook_name: str,
    notes: list[str],
) -> tuple[list[tuple[Item, _Key]], list[Item]]:
    """Return whose each entry is, and the entries that are nobody's."""
    keys: list[tuple[Item, _Key]] = []
    others, nameless = [], []
    for unit in visible:
        download = layouts.read_download(unit.name, notebook_name) if platform else None
        if download is not None:
            keys.append((unit, (download.student, download.number)))
        elif unit.folder or (unit.problem and "." not in unit.name):  # a link to a folder has no ending
            keys.append((unit, (unit.name, "")))
        elif not is_notebook(unit.name) and not unit.name.casefold().endswith(ARCHIVES):
            others.append(unit)
        elif student := layouts.student_in(unit.name, notebook_name):
            keys.append((unit, (student, "")))
        else:
            nameless.append(unit)
    if nameless and any(unit.folder for unit in visible):
        notes.append(f"Beside the students' folders, naming nobody, so left out: {listed(nameless)}.")
    elif nameless:
        alone = len(nameless) == 1 and not keys
        keys += [(unit, (folder_name if alone else layouts.stem_of(unit.name), "")) for unit in nameless]
        whom = "the folder or zip" if alone else "the file"
        notes.append(f"Named after {whom}, for the file's name tells no student: {listed(nameless)}.")
    return keys, others


def _candidate(item: Item, unit: Item, platform: layouts.Platform | None, notebook_name: str) -> Candidate:
    download = layouts.read_download(unit.name, notebook_name) if platform else None
    file = download.file if download and download.file and item is unit else item.name
    nearness = layouts.nearness(file, notebook_name)
    if (
        platform is None and item is unit
    ):  # a loose file is named after its student: it is not another notebook
        nearness = min(nearness, layouts.UNRELATED)
    elif nearness and any(
        layouts.is_another(part, notebook_name) for part in item.parts[len(unit.parts) : -1]
    ):
        nearness = layouts.ANOTHER
    copy = layouts.copy_number(file) if nearness else 0
    return Candidate(
        item, nearness, (download.upload if download else 0, copy), download.late if download else ""
    )


def _labelled(groups: dict[_Key, list[Candidate]], beside: dict[_Key, list[Item]]) -> dict[str, StudentFiles]:
    """Call each student by his name, with the platform's number where two have the same name."""
    times = Counter(name for name, _ in groups)
    students: dict[str, StudentFiles] = {}
    for name, number in sorted(groups):
        label = f"{name}_{number}" if number and times[name] > 1 else name
        while label in students:
            label += "_"
        known_by = tuple(other for other in (number, name) if other and other != label)
        students[label] = StudentFiles(
            tuple(groups[name, number]), known_by, number, tuple(beside.get((name, number), ()))
        )
    return students


def _order(candidate: Candidate) -> tuple[bool, int, int, int, float, int, Parts, str]:
    item, (upload, copy) = candidate.item, candidate.attempt
    newest_first = -item.modified
    return (
        bool(item.problem),
        candidate.nearness,
        -upload,
        -copy,
        newest_first,
        len(item.parts),
        item.parts,
        item.member,
    )


def _why(best: Candidate, second: Candidate) -> str:
    if second.item.problem and not best.item.problem:
        return "it can be read"
    if best.nearness != second.nearness:
        return "it has the exact name" if best.nearness == layouts.EXACT else "its name is nearest"
    if best.attempt != second.attempt:
        return "its attempt number is highest"
    if best.item.modified != second.item.modified:
        return "it is the newest"
    return "it comes first, and nothing else tells them apart"
