"""Hostile, broken and honest submissions, graded side by side: each has what a right grader gives.

The cases stand in `corpus`, each with its marks; one run grades all cases of an assignment.
"""

import re

import pytest
from corpus.case import CASES, target
from corpus.graded import SECRET, grade, problems
from corpus.write import cases, student

from course_utils.exercises import catalogue
from course_utils.grading.box_course import write_box_course
from course_utils.grading.kernel import Box, Kernel, Limits
from course_utils.grading.outputs import write_outputs

FAST_01 = ("honest_full", "os_exit0", "references_from_memory")

RUNS = {
    "example, some": ("example", [case for case in cases("example") if case.fast]),
    "01, some": ("01", cases("01", FAST_01)),
    "example": ("example", cases("example")),
    "01": ("01", cases("01")),
}
SLOW = {"example", "01"}


def _marked(run):
    return [pytest.mark.slow] if run in SLOW else []


EACH_RUN = [pytest.param(run, id=run, marks=_marked(run)) for run in RUNS]
EACH_CASE = [
    pytest.param(run, case, id=f"{run}: {case.name}", marks=_marked(run))
    for run, (_, chosen) in RUNS.items()
    for case in chosen
]


@pytest.fixture(scope="module")
def graded(best, tmp_path_factory):
    """Return what a run gave; each is made when it is first asked for."""
    made = {}

    def get(run):
        if run not in made:
            name, chosen = RUNS[run]
            made[run] = grade(tmp_path_factory.mktemp("corpus"), target(name), chosen, best)
        return made[run]

    return get


def test_the_corpus_has_every_case_it_began_with_and_many_of_its_own():
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names)
    for aim in ("example", "01"):
        general = [case for case in cases(aim) if case.make.__module__ == "corpus.kinds"]
        assert len(general) == 51
        assert len(cases(aim)) - len(general) >= 25


@pytest.mark.parametrize(("run", "case"), EACH_CASE)
def test_a_case_has_the_marks_of_a_right_grader(graded, run, case):
    wrong = problems(case, target(RUNS[run][0]), graded(run))
    assert not wrong, f"{case.why}\n" + "\n".join(wrong)


@pytest.mark.parametrize("run", EACH_RUN)
def test_every_student_has_one_record_and_is_told_why_if_it_has_no_marks(graded, run):
    found = graded(run).found
    records = graded(run).records
    assert sorted(records) == sorted(submission.student for submission in found.submissions)
    assert {student(case) for case in RUNS[run][1]} == set(records) | set(found.missing) | set(found.unusable)
    for record in records.values():
        assert record.state == "graded" or record.reason
        assert "bubblewrap" in record.protection or "Landlock" in record.protection


@pytest.mark.parametrize("run", EACH_RUN)
def test_no_process_and_no_temporary_file_is_left(graded, run):
    assert graded(run).left == []
    assert graded(run).remains == []


@pytest.mark.parametrize("run", EACH_RUN)
def test_nothing_is_changed_sent_or_given_away(graded, run):
    assert graded(run).changed == []
    assert graded(run).heard == []
    secrets = [SECRET, (graded(run).out / "secret.json").read_text(encoding="utf-8").split('"')[3]]
    for path in (graded(run).out / "records").iterdir():
        text = path.read_text(encoding="utf-8")
        assert not [secret for secret in secrets if secret in text]
    lines = _lines_of_references(target(RUNS[run][0]).assignment.texts)
    for record in graded(run).records.values():
        for mark in record.exercises:
            assert not [line for line in lines if line in _dense(mark.printed)]


@pytest.mark.parametrize("run", EACH_RUN)
def test_a_worker_keeps_within_its_memory(graded, run):
    assert 0 < graded(run).most < 2**30


@pytest.mark.parametrize("run", EACH_RUN)
def test_the_gradebook_and_all_pages_can_be_written_of_it(graded, run):
    everyone = write_outputs(graded(run).out)
    assert len(everyone) == len(graded(run).records)
    pages = list(graded(run).out.rglob("*.html"))
    assert len(pages) == len(everyone) + 1
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert "<script>alert" not in text
        assert "<img src=x" not in text
    table = (graded(run).out / "grades.csv").read_text(encoding="utf-8-sig")
    assert not re.search(r"(?:^|,)\"?[=@]", table, flags=re.MULTILINE)


@pytest.mark.slow
def test_gradients_by_automatic_differentiation_are_listed_for_the_instructor(graded):
    record = graded("01").records["gradients_by_autograd"]
    flagged = {mark.id: " ".join(mark.flags) for mark in record.exercises if mark.flags}
    assert set(flagged) == {"1.18", "1.19", "1.20"}  # 1.19 by a cell of the student's own that it uses
    assert all("please look" in text for text in flagged.values())


@pytest.mark.slow
def test_two_cells_for_one_exercise_are_listed_for_the_instructor(graded):
    for name in ("two_cells_the_last_wrong", "two_cells_the_last_right"):
        flags = [mark.flags for mark in graded("01").records[name].exercises if mark.id == "1.11"]
        assert "2 cells claim" in flags[0][0]


# ---------------------------------------------------------------- no secret in the box


def _dense(text):
    return re.sub(r"\s+", "", text)


def _lines_of_references(texts):
    """Return lines of the references that stand in no cell that is handed out, without white space."""
    handed_out = _dense("\n".join(cell.source for cell in texts.cells))
    lines = set()
    for text in texts.exercises.values():
        for line in text.solution.splitlines()[1:]:
            dense = _dense(line.split("  #")[0])
            if len(dense) >= 30 and dense not in handed_out:
                lines.add(dense)
    return lines


@pytest.mark.parametrize("number", catalogue.NOTEBOOK_IDS)
def test_no_line_of_a_reference_stands_in_the_course_of_the_box(number, tmp_path):
    notebook = catalogue.notebook(number)
    course = write_box_course(tmp_path / "course", withheld=notebook.withheld)
    lines = _lines_of_references(catalogue.texts(notebook.name))
    assert len(lines) > 10
    for path in course.rglob("*.py"):
        text = _dense(path.read_text(encoding="utf-8"))
        assert not [line for line in lines if line in text], path


# Every file that is not the system's, the interpreter's or a package's, and every text in memory, constants
# of code too. The pieces come reversed: what is looked for must not be found because it was sent.
SEARCH = """
import gc, os
def _search():
    pieces = [piece[::-1].encode() for piece in {reversed!r}]
    def has(data):
        data = data.translate(None, b" \\t\\r\\n\\f")
        return [piece for piece in pieces if piece in data]
    found = []
    system = ("/proc", "/sys", "/dev", "/usr", "/lib", "/lib64", "/bin", os.path.dirname(os.__file__))
    for top, folders, names in os.walk("/"):
        folders[:] = [f for f in folders if os.path.join(top, f) not in system and f != "site-packages"]
        for name in names:
            try:
                with open(os.path.join(top, name), "rb") as file:
                    found += [(os.path.join(top, name), hit) for hit in has(file.read(4_000_000))]
            except OSError:
                pass
    holders = ("dict", "list", "tuple", "set", "frozenset", "code", "cell", "function")
    seen, waiting, texts = set(), gc.get_objects(), []
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if type(thing) is str and len(thing) > 29:
            texts.append(thing)
        if type(thing).__name__ == "code" and thing.co_filename == "<course>" and thing.co_name in {names!r}:
            found.append(("code", thing.co_name))
        if type(thing).__name__ in holders and thing is not texts:
            waiting += gc.get_referents(thing)
    return found + [("memory", hit) for hit in has("\\n".join(texts).encode("utf-8", "surrogatepass"))]
_found = _search()
if _found:
    raise Exception(str(_found[:4]))
"""


@pytest.mark.slow
def test_no_line_of_a_reference_is_in_the_box_before_its_exercise_was_tried(best, tmp_path):
    aim = target("01")
    course = write_box_course(tmp_path / "course", withheld=aim.assignment.notebook.withheld)
    texts = aim.assignment.texts
    waiting = _lines_by_exercise(texts)
    limits = Limits(cpu_seconds=60, wall_seconds=200)
    with Kernel(Box(best, course, scratch=tmp_path)) as kernel:

        def ask(do, **request):
            answer, interrupted = kernel.ask({"do": do, **request}, limits)
            assert not interrupted
            return answer["error"]

        def search(exercises):
            pieces = sorted(set().union(*(waiting[id] for id in exercises)))
            names = sorted({name for id in exercises for name in texts.exercises[id].names})
            return ask("run", source=SEARCH.format(reversed=[piece[::-1] for piece in pieces], names=names))

        for role, text in texts.steps:
            if role == "setup":
                assert ask("prepare", source=text) is None
                continue
            if text in ("1.1", "1.11", "1.18", "1.21", "1.28"):
                later = list(texts.exercises)[list(texts.exercises).index(text) :]
                assert search(later) is None
            reference = texts.exercises[text]
            names = [] if aim.assignment.notebook.exercise(text).is_value else list(reference.names)
            assert ask("bind", source=reference.solution, names=names) is None
        # the search finds what is there
        assert "train_epoch" in search(["1.28"])["message"]
        assert ask("run", source=f"_kept = {texts.exercises['1.28'].solution!r}") is None
        assert "memory" in search(["1.28"])["message"]


def _lines_by_exercise(texts):
    all_lines = _lines_of_references(texts)
    by_exercise, taken = {}, set()
    for text in texts.exercises.values():
        dense = _dense(text.solution)
        by_exercise[text.id] = {line for line in all_lines if line in dense} - taken
        taken |= by_exercise[text.id]  # what an earlier reference shows is no secret any more
    return by_exercise
