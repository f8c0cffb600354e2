"""Attacks on the pipe between box and grader: answers come in frames, four bytes of length and JSON."""

# ruff: noqa: E501 (payloads read best on one line)

from __future__ import annotations

from corpus.case import EVERY, Draft, Target, at, but, case, values

PIPE = """import base64, fcntl, gc, itertools, json, os, stat, struct, sys, threading, time

def _pipe(mode):
    for fd in range(3, 256):
        try:
            if stat.S_ISFIFO(os.fstat(fd).st_mode) and fcntl.fcntl(fd, fcntl.F_GETFL) & 3 == mode:
                return fd
        except OSError:
            pass
_answers = _pipe(os.O_WRONLY)

def _frame(message):
    data = message if isinstance(message, bytes) else json.dumps(message).encode()
    return struct.pack(">I", len(data)) + data

def _send(message):
    view = memoryview(_frame(message))
    while view:
        view = view[os.write(_answers, view):]

def _request():
    # the question that is being answered, out of the frames of whoever called
    frame = sys._getframe()
    while frame is not None:
        for value in list(frame.f_locals.values()):
            if type(value) is dict and type(value.get("id")) is str and "do" in value:
                return value
        frame = frame.f_back
    return {}
"""

ZEROS = '{"kind": "float", "value": "0.0"}'


def forger(aim: Target, exercise: str, answer: str) -> str:
    """Return a function that answers a probe by a frame of its own (Python text for its fields)."""
    return f"""{PIPE}
def {aim.name(exercise)}(*a, **k):
    request = _request()
    _send({{"id": request.get("id"), **{answer}}})
"""


@case("an answer that comes before the question is to no question", fast=True)
def reply_before_the_question(aim: Target):
    source = f"""{PIPE}
for _n in range(40):
    _send({{"id": f"{{_n:016x}}", "returned": {ZEROS!r}, "inputs_after": {ZEROS!r}, "printed": "",
           "callable": {[aim.name(e) for e in aim.functions]!r}, "failure": None, "status": "right", "points": 99}})
_send([1, 2]); _send("right"); _send(None); _send(b"{{}}")"""
    return Draft(aim).fill(()).append(aim.first, source)


@case("an answer to a question of before is to no question", full=but("first"))
def reply_after_the_question(aim: Target):
    source = f"""{PIPE}
_ids = []
def {aim.name(aim.first)}(*a, **k):
    _ids.append(_request().get("id"))
    for _id in _ids[:-1]:
        _send({{"id": _id, "returned": {ZEROS!r}, "inputs_after": "null", "callable": [{aim.name(aim.first)!r}]}})
    return 0"""
    return Draft(aim).fill(but("first")).put(aim.first, source)


@case("an answer with the right number counts by its values, and these are wrong", full=but("first", "last"))
def reply_with_the_right_number(aim: Target):
    draft = Draft(aim).fill()
    answer = f"""{{"returned": {ZEROS!r}, "inputs_after": {ZEROS!r}, "printed": "right", "failure": None,
        "callable": [{aim.name(aim.first)!r}], "status": "right", "verdict": "right", "points": 99, "credit": 1.0}}"""
    draft.put(aim.first, forger(aim, aim.first, answer))
    return draft.put(aim.last, forger(aim, aim.last, answer))


# What `values.decode` and the judge must not trip over; each is the text of a Python expression.
MALFORMED = (
    '{"missing": 1}',
    '{"missing": {"a": 1}}',
    '{"missing": []}',
    '{"failure": [1], "callable": CALLABLE}',
    '{"failure": {"type_name": 5, "message": None, "line": 10**30}, "callable": CALLABLE}',
    '{"callable": {"a": 1}, "blank": 7}',
    '{"returned": 5, "inputs_after": [], "callable": CALLABLE}',
    '{"returned": "not JSON", "inputs_after": "null", "callable": CALLABLE}',
    '{"returned": "[" * 100000, "inputs_after": "null", "callable": CALLABLE}',
    '{"returned": "9" * 5000, "inputs_after": "null", "callable": CALLABLE}',
    '{"returned": "NaN", "inputs_after": "Infinity", "callable": CALLABLE}',
    '{"returned": json.dumps({"kind": "array", "dtype": "float32", "device": "cpu", '
    '"shape": [0, 99999999999999999999], "data": ""}), "inputs_after": "null", "callable": CALLABLE}',
    '{"returned": json.dumps({"kind": "tensor", "dtype": "float32", "device": "cpu", '
    '"shape": [1 << 40], "data": "AAAA"}), "inputs_after": "null", "callable": CALLABLE}',
    '{"returned": json.dumps({"kind": "array", "dtype": "object", "device": "cpu", '
    '"shape": [1], "data": "AAAAAAAAAAA="}), "inputs_after": "null", "callable": CALLABLE}',
    '{"returned": json.dumps({"kind": "scalar", "dtype": "complex128", "device": "cpu", "shape": [], '
    '"data": base64.b64encode(struct.pack("<dd", 1.7e308, 1.7e308)).decode()}), "inputs_after": "null", "callable": CALLABLE}',
    '{"returned": json.dumps({"kind": "float", "value": "1e400"}), "inputs_after": "null", "callable": CALLABLE}',
    '{"returned": json.dumps({"kind": "dict", "items": [[1, None], ["a", {"kind": "dict", "items": 3}]]}), '
    '"inputs_after": "null", "callable": CALLABLE}',
    '{"returned": json.dumps("\\ud800" * 10000), "inputs_after": "null", "callable": CALLABLE, "printed": "\\udfff"}',
)


def _make_malformed(start: int):
    def make(aim: Target) -> Draft:
        draft = Draft(aim).fill()
        for place, exercise in enumerate(aim.functions):
            answer = MALFORMED[(start + place) % len(MALFORMED)]
            callables = repr([aim.name(exercise)])
            draft.put(exercise, forger(aim, exercise, answer.replace("CALLABLE", callables)))
        return draft

    return make


def _add_malformed() -> None:
    for start, only in [*((n, "example") for n in range(0, len(MALFORMED), 3)), (0, "01")]:
        make = _make_malformed(start)
        make.__name__ = f"malformed_answers_from_{start}" if only == "example" else "malformed_answers"
        why = "what is no value of the agreed form is a wrong answer, and nothing worse"
        case(why, full=values, only=only, fast=start in (0, 9, 12))(make)


_add_malformed()


@case("half a frame ends that kernel, and costs that exercise", full=but("middle"), fast=True)
def half_a_frame(aim: Target):
    source = f"""{PIPE}
def {aim.name(aim.middle)}(*a, **k):
    os.write(_answers, struct.pack(">I", 100) + b'{{"id": ')"""
    return Draft(aim).fill().put(aim.middle, source)


@case("a frame of four gigabytes is not waited for", full=but("middle"), fast=True)
def header_of_four_gigabytes(aim: Target):
    source = f"""{PIPE}
def {aim.name(aim.middle)}(*a, **k):
    os.write(_answers, b"\\xff\\xff\\xff\\xff" + b"x" * 1000)"""
    return Draft(aim).fill().put(aim.middle, source)


@case("a flood of answers to no question ends that kernel", full=but("middle"), fast=True)
def flood_of_answers(aim: Target):
    source = f"""{PIPE}
while True:
    _send({{"id": "0", "returned": "x" * 1000}})"""
    return Draft(aim).fill().append(aim.middle, source)


@case("a flood of bytes ends that kernel", full=but("middle"))
def flood_of_bytes(aim: Target):
    source = f"""{PIPE}
while True:
    os.write(_answers, b"\\0\\xff\\xff\\xff" + b" " * 60000)"""
    return Draft(aim).fill().append(aim.middle, source)


@case("a flood of the largest frames ends that kernel, and fills no memory", full=but("middle"))
def flood_of_large_answers(aim: Target):
    source = f"""{PIPE}
_data = json.dumps({{"id": "0", "returned": "x" * 16_000_000}}).encode()
while True:
    _send(_data)"""
    return Draft(aim).fill().append(aim.middle, source)


@case("one byte a second is too slow, and costs that exercise", full=but("middle"))
def dribble(aim: Target):
    source = f"""{PIPE}
def {aim.name(aim.middle)}(*a, **k):
    os.write(_answers, struct.pack(">I", 16_000_000))
    while True:
        os.write(_answers, b" ")
        time.sleep(1)"""
    return Draft(aim).fill().put(aim.middle, source)


@case("bytes as fast as they come, but never a whole answer, cost that exercise", full=but("middle"))
def dribble_without_pause(aim: Target):
    source = f"""{PIPE}
def {aim.name(aim.middle)}(*a, **k):
    os.write(_answers, struct.pack(">I", 16_000_000))
    while True:
        os.write(_answers, b" ")"""
    return Draft(aim).fill().put(aim.middle, source)


@case("an answer of too many parts costs that exercise", full=but("middle"))
def many_parts(aim: Target):
    answer = f"""{{"returned": "[" + "[],"  * 400_000 + "null]", "inputs_after": "null",
        "callable": [{aim.name(aim.middle)!r}]}}"""
    return Draft(aim).fill().put(aim.middle, forger(aim, aim.middle, answer))


@case("parts that the judge does not look at do not reach it", full=but("middle"))
def many_parts_elsewhere(aim: Target):
    answer = f"""{{"returned": "null", "inputs_after": "null", "more": [{{}}] * 450_000,
        "callable": [{aim.name(aim.middle)!r}]}}"""
    return Draft(aim).fill().put(aim.middle, forger(aim, aim.middle, answer))


@case("the pipes can be closed: that costs the exercise", full=but("middle"))
def closed_pipes(aim: Target):
    source = f"""import os
def {aim.name(aim.middle)}(*a, **k):
    os.closerange(3, 256)"""
    return Draft(aim).fill().put(aim.middle, source)


@case(
    "who eats the questions may lose what he is not asked",
    either=EVERY,
    only="example",
)
def eaten_questions(aim: Target):
    source = f"""{PIPE}
_questions = _pipe(os.O_RDONLY)
def _eat():
    while True:
        try:
            os.read(_questions, 65536)
        except OSError:
            return
        time.sleep(0.2)
threading.Thread(target=_eat, daemon=True).start()"""
    return Draft(aim).fill().insert(source, after=aim.first)


@case("an answer that is the one of another exercise is wrong", full=at("first"))
def replies_to_another_probe(aim: Target):
    """Keep what the first exercise's probe was answered, and give it to all later ones."""
    draft = Draft(aim).fill(at("first"))
    keep = f"""{PIPE}
_right = {aim.name(aim.first)}
_kept = []
def {aim.name(aim.first)}(*a, **k):
    _kept.append(_right(*a, **k))
    return _kept[-1]"""
    draft.append(aim.first, keep)
    for exercise in aim.functions:
        if exercise != aim.first:
            draft.put(exercise, f"def {aim.name(exercise)}(*a, **k):\n    return _kept[0]")
    return draft


@case(
    "a cell that is answered for too early runs on, and that is all", full=but("middle"), either=at("middle")
)
def reply_for_a_cell_that_runs(aim: Target):
    source = f"""{PIPE}
_send({{"id": _request().get("id"), "error": {{"line": "x"}}}})
_send({{"id": _request().get("id"), "error": 5}})"""
    return Draft(aim).fill().append(aim.middle, source)
