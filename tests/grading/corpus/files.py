"""Notebook files that are tampered with: ids, first lines, sizes, names of students, links."""

from __future__ import annotations

import json

from corpus.case import CASES, EVERY, Case, Draft, Target, but, case


@case("ids are gone: cells are found by their first lines", full=EVERY, fast=True)
def no_ids(aim: Target):
    draft = Draft(aim).fill()
    for cell in draft.cells:
        cell.pop("id", None)
        cell["metadata"] = {}
    return draft


@case("ids are exchanged: cells are found by their first lines", full=EVERY)
def exchanged_ids(aim: Target):
    draft = Draft(aim).fill()
    ids = [cell["id"] for cell in draft.cells]
    for cell, id in zip(draft.cells, reversed(ids), strict=True):
        cell["id"] = id
    return draft


@case("ids of a wrong kind are no ids", full=EVERY)
def odd_ids(aim: Target):
    draft = Draft(aim).fill()
    for number, cell in enumerate(draft.cells):
        cell["id"] = [None, 5, ["check-1-3"], {"a": 1}, "../../x", "", True][number % 7]
        cell["metadata"] = [None, [], "x", {"nbgrader": 5}, {"nbgrader": {"grade_id": ["ex1"]}}][number % 5]
    return draft


@case("first lines are gone: cells are found by their ids", full=EVERY, fast=True)
def no_first_lines(aim: Target):
    draft = Draft(aim).fill()
    for exercise in aim.ids:
        cell = draft.cell(exercise)
        cell["source"] = cell["source"].partition("\n")[2]
    return draft


@case("ids and first lines are gone: cells are found by the names that they define", full=EVERY)
def no_ids_and_no_first_lines(aim: Target):
    draft = no_first_lines(aim)
    for cell in draft.cells:
        cell.pop("id", None)
        cell["metadata"] = {}
    return draft


@case("odd characters in a first line: cells are found by their ids", full=EVERY, fast=True)
def odd_first_lines(aim: Target):
    draft = Draft(aim).fill()
    full_width = str.maketrans("0123456789", "０１２３４５６７８９")
    for place, exercise in enumerate(aim.ids):
        cell = draft.cell(exercise)
        header, _, rest = cell["source"].partition("\n")
        odd = (
            header.translate(full_width),
            header.replace("Exercise", "Ех\u200bercise"),  # Cyrillic letters and a space of no width
            header.replace("# ", "#\u00a0").replace(exercise, f"{exercise}\u200b"),
            header.replace("Exercise", "Exer\ufeffcise"),
            header.replace("Exercise", "EXERCISE").replace("(", "（"),
            header.replace(exercise, f"\u202e{exercise}\u202c"),
        )
        cell["source"] = f"{odd[place % len(odd)]}\n{rest}"
    return draft


@case("odd names: an identifier is what Python reads", full=EVERY)
def odd_identifiers(aim: Target):
    """Define a name with full-width letters, which Python folds to the plain ones."""
    draft = Draft(aim).fill()
    name = aim.name(aim.middle)
    wide = "".join(chr(ord(c) + 0xFEE0) if c.isalpha() else c for c in name)
    cell = draft.cell(aim.middle)
    cell["source"] = cell["source"].replace(f"def {name}(", f"def {wide}(")
    return draft


@case("of two cells for an exercise the last one counts: it is wrong", full=but("middle"))
def two_cells_the_last_wrong(aim: Target):
    draft = Draft(aim).fill()
    draft.insert(aim.wrong(aim.middle), after=aim.middle)
    return draft


@case("of two cells for an exercise the last one counts: it is right", full=EVERY)
def two_cells_the_last_right(aim: Target):
    draft = Draft(aim).fill(but("middle"))
    draft.insert(aim.right(aim.middle), after=aim.middle)
    return draft


@case("a cell under the first line of another exercise is found by the name it defines", full=EVERY)
def pasted_first_line(aim: Target):
    draft = Draft(aim).fill()
    header = aim.right(aim.ids[-1]).partition("\n")[0]
    cell = draft.cell(aim.middle)
    cell["source"] = header + "\n" + cell["source"].partition("\n")[2]
    return draft


@case("an answer in a check cell is found by the name it defines", full=EVERY)
def answer_in_the_check_cell(aim: Target):
    draft = Draft(aim).fill()
    cell = draft.cell(aim.middle)
    stub = next(
        c.source for c in aim.assignment.texts.cells if c.role == "exercise" and c.exercise == aim.middle
    )
    check = draft.cells[draft.cells.index(cell) + 1]
    check["source"] = cell["source"].partition("\n")[2] + "\n" + check["source"]
    cell["source"] = stub
    return draft


@case("an answer in a new cell is found by the name it defines", full=EVERY)
def answer_in_a_new_cell(aim: Target):
    draft = Draft(aim).fill()
    cell = draft.cell(aim.middle)
    stub = next(
        c.source for c in aim.assignment.texts.cells if c.role == "exercise" and c.exercise == aim.middle
    )
    draft.insert(cell["source"].partition("\n")[2], after=aim.last)
    cell["source"] = stub
    return draft


@case("metadata of nbgrader and of the course are not believed", full=but("middle"))
def tampered_metadata(aim: Target):
    draft = Draft(aim).fill(but("middle"))
    for cell in draft.cells:
        tags = ["check" if "exercise" in cell["metadata"].get("tags", []) else "exercise"]
        cell["metadata"] = {
            "tags": tags,
            "nbgrader": {"grade": True, "points": 1e9, "grade_id": "x", "solution": True, "locked": False},
            "course": {"exercise": aim.last, "points": 1e9, "names": ["print"]},
        }
    draft.notebook["metadata"] = {"points": 99, "kernelspec": {"name": "../../bin/sh"}, "language_info": 5}
    return draft


@case("49 MB of outputs are skipped", full=EVERY)
def forty_nine_megabytes(aim: Target):
    draft = Draft(aim).fill()
    draft.checks()[0]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "é" * (8 * 10**6)}]
    data = draft.bytes()  # each é is six bytes
    assert 47 * 10**6 < len(data) < 50 * 2**20
    return data


@case("49 MB of brackets are too much, and the reason is given", reason_serves=True)
def forty_nine_megabytes_of_brackets(_: Target):
    return b'{"cells": [' + b"{}," * (16 * 10**6) + b"{}]}"


@case("60 MB are too much, and the reason is given", reason_serves=True)
def sixty_megabytes(aim: Target):
    draft = Draft(aim).fill()
    draft.checks()[0]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "x" * (60 * 10**6)}]
    return draft


@case("nested too deeply, and the reason is given", reason_serves=True, fast=True)
def nested_json(_: Target):
    return b'{"cells": ' + b"[" * 500_000 + b"]" * 500_000 + b"}"


@case("deep metadata: read or refused with a reason", full=(), either=EVERY, reason_serves=True)
def nested_metadata(aim: Target):
    draft = Draft(aim).fill()
    draft.notebook["metadata"] = {"x": 0}
    text = draft.bytes().decode()
    return text.replace('"x": 0', '"x": ' + "[" * 100_000 + "]" * 100_000).encode()


@case("empty cells cost nothing, however many", full=EVERY)
def hundred_thousand_empty_cells(aim: Target):
    draft = Draft(aim).fill()
    empty = {"cell_type": "code", "metadata": {}, "outputs": [], "source": ""}
    draft.notebook["cells"] = [*draft.cells, *[empty] * 100_000]
    return json.dumps(draft.notebook).encode()


@case("three thousand cells that do something are too much, and the reason is given", reason_serves=True)
def three_thousand_cells(aim: Target):
    draft = Draft(aim).fill()
    draft.cells.extend([{"cell_type": "code", "metadata": {}, "outputs": [], "source": "1"}] * 3000)
    return draft


@case("cells that are no cells are skipped", full=EVERY)
def cells_that_are_no_cells(aim: Target):
    draft = Draft(aim).fill()
    odd = [None, 5, "x", [], {}, {"cell_type": "code"}, {"cell_type": ["code"], "source": "1"}]
    odd += [{"cell_type": "code", "source": source} for source in (None, 7, {"a": 1}, [None, 1, "x = 1\n"])]
    draft.notebook["cells"] = [*odd, *draft.cells, *odd]
    return draft


DEEP = (
    "x = " + "-" * 90_000 + "1",
    "x = " + "1+" * 60_000 + "1",
    "x = a" + ".b" * 60_000,
    "x = " + "[" * 150 + "]" * 150,
    "x = " + "(" * 90_000,
    "x = " + "f(" * 90_000 + ")" * 90_000,
    "x = " + "lambda: " * 20_000 + "1",
    "if 1:\n" * 1000 + "pass",
    "".join(" " * i + "if 1:\n" for i in range(300)) + " " * 300 + "pass",
    "def f" + "()" * 60_000 + ": pass",
    "x = 1 " + "if 1 else 1 " * 20_000,
    "x = '" + "\\" * 199_000,
    "x = f'" + "{" * 1000 + "'",
    "x = " + "9" * 190_000,
    "x = not " * 1 + "not " * 40_000 + "1",
    "a" * 190_000 + " = 1",
    "x = 1" + " == 1" * 30_000,
    "@a\n" * 60_000 + "def f(): pass",
)


@case("text that is hard to parse costs its own cell", full=but("middle"))
def text_that_is_hard_to_parse(aim: Target):
    draft = Draft(aim).fill().put(aim.middle, DEEP[0])
    for text in DEEP:
        draft.insert(text, before=aim.ids[0])
    return draft


@case("a link is not followed", reason_serves=True, link=True)
def link_to_a_solution(aim: Target):
    return Draft(aim).fill()


NAMES = {
    "cyrillic": "Ольга Ивановна",
    "chinese": "李雷",
    "arabic": "محمد \u202eعلي",
    "composed": "Ren\u00e9",
    "decomposed": "Rene\u0301",
    "emoji": "👩\u200d🔬 \U0001f1e9\U0001f1ea",
    "formula": "=cmd|' calc'!A0",
    "markup": "<img src=x onerror=alert(1)>",
    "dots": "name.. .",
    "quotes": "O'Brien; \"--",
    "line break": "two\nlines",
    "long": "x" * 200,
    "percent": "%s%n{0}",
    "no character": "\udcff\udcfe",
}


for _key, _student in NAMES.items():
    CASES.append(
        Case(
            name=f"named_in_{_key.replace(' ', '_')}",
            make=lambda aim: Draft(aim).fill(but("middle")),
            why="a name is a name",
            full=but("middle"),
            only="example",
            student=_student,
        )
    )
