"""Records of students who never lived, for the tests of what is written from records."""

import random

from hypothesis import strategies as st

from course_utils.grading.records import ExerciseMark, Record

EXERCISES = [
    ("1.1", "what the test set is for", 1.0),
    ("1.3", "labels as vectors", 1.0),
    ("1.4", "two linear layers are one", 2.0),
    ("1.9", "a softmax that cannot overflow", 2.0),
    ("1.11", "forward", 3.0),
    ("1.20", "through the tanh", 3.0),
    ("1.21", "backward", 4.0),
    ("1.28", "one epoch", 3.0),
]
MISTAKES = {
    "1.3": "Each row holds the label itself, not a 1 at its place.",
    "1.4": "The biases were added: the first one passes through `W2` too.",
    "1.9": "It overflows: subtract the largest logit of each row first.",
    "1.20": "The factor `1 - h**2` is missing: that is the derivative of tanh.",
    "1.21": "The gradients are sums over the batch; the loss is a mean.",
}


def mark(**changes):
    """Return a right answer to exercise 1.4, or what the changes make of it."""
    return ExerciseMark(
        **{
            "id": "1.4",
            "title": "two linear layers are one",
            "points": 2.0,
            "possible": 2.0,
            "status": "right",
        }
        | changes
    )


def record(**changes):
    """Return a graded record with one right answer, or what the changes make of it."""
    return Record(
        **{
            "student": "alice",
            "notebook": "01",
            "title": "Backpropagation by hand",
            "file": "alice/01_manual_backprop.ipynb",
            "file_hash": "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef",
            "protection": "bubblewrap 0.8.0: no network, 2 GB of memory",
            "seeds": (918273645,),
            "seconds": 3.25,
            "possible": 2.0,
            "exercises": (mark(),),
        }
        | changes
    )


def a_class(n, *, seed=0):
    """Return the records of `n` students: most of them graded, some flagged, some not graded."""
    draw = random.Random(seed)
    return [_student(i, draw) for i in range(n)]


def any_text():
    """Return any text, with surrogates, and what is dangerous more often than by chance."""
    nasty = st.sampled_from(
        [
            "=1+1",
            "+x",
            "-x",
            "@x",
            "\t=1",
            "\r=1",
            ";=1",
            "<b>",
            "&lt;",
            "'\"",
            "]]>",
            "\x00",
            "\x1b[31m",
            "\ud800",
            "`x`",
            "\n",
        ]
    )
    anything = st.text(st.characters(), max_size=20)
    return st.lists(st.one_of(nasty, anything), max_size=4).map("".join)


def _student(i, draw):
    name = f"student{i:03}"
    if i % 23 == 5:
        return record(
            student=name,
            state="missing",
            reason="No file was found.",
            file="",
            file_hash="",
            exercises=(),
            possible=19.0,
        )
    if i % 29 == 7:
        reason = "The file is no notebook: its JSON ends in the middle of line 212."
        return record(student=name, state="unreadable", reason=reason, exercises=(), possible=19.0)
    skill = draw.betavariate(4, 1.6)
    marks = tuple(_answer(id_, title, possible, skill, draw) for id_, title, possible in EXERCISES)
    flags = ("The notebook's metadata asked for another kernel; it was ignored.",) if i % 17 == 3 else ()
    if i % 19 == 4:
        marks = (
            *marks[:-1],
            mark(
                id="1.28",
                title="one epoch",
                points=0.0,
                possible=3.0,
                status="wrong",
                override=2.0,
                comment="Right idea, a slip in the last line.",
            ),
        )
    return record(student=name, possible=19.0, exercises=marks, flags=flags, seconds=2 + 2 * draw.random())


def _answer(id_, title, possible, skill, draw):
    kind = draw.random()
    if kind < skill + 0.1:
        return mark(id=id_, title=title, points=possible, possible=possible)
    if kind > 0.97:
        return mark(
            id=id_,
            title=title,
            points=0.0,
            possible=possible,
            status="stopped",
            message="It ran longer than 10 seconds.",
        )
    if draw.random() < 0.25:
        return mark(id=id_, title=title, points=0.0, possible=possible, status="blank")
    flags = (
        ("It mentions `autograd`, which the exercise forbids.",)
        if id_ == "1.21" and draw.random() < 0.4
        else ()
    )
    mistake = MISTAKES.get(id_, "") if draw.random() < 0.8 else ""
    message = (
        f"It should be {draw.random():.4f}, but it is {draw.random():.4f}. It was tried with `x` (5, 3)."
    )
    printed = "tensor([0.1, 0.2])\n<script>alert(1)</script>\n" if draw.random() < 0.3 else ""
    points = possible / 2 if mistake and draw.random() < 0.4 else 0.0
    return mark(
        id=id_,
        title=title,
        points=points,
        possible=possible,
        status="wrong",
        message=message,
        mistake=mistake,
        printed=printed,
        flags=flags,
    )
