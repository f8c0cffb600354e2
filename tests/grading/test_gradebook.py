"""The table of grades and the files for other systems: right numbers, and no text that does harm."""

import csv
import io
import json
import re
import xml.etree.ElementTree as ET
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from invented_records import a_class, any_text, mark, record

from course_utils.grading.gradebook import encodable, points_in_words, write_gradebook
from course_utils.grading.records import file_name

CSV_FILES = ("grades.csv", "exports/nbgrader.csv", "exports/moodle.csv", "exports/canvas.csv")


def written(folder, *records):
    write_gradebook(folder, records)
    return folder


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def grades(folder, *records):
    with (written(folder, *records) / "grades.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def gradescope(folder, one):
    path = written(folder, one) / "exports" / "gradescope" / f"{file_name(one.student)}.json"
    return json.loads(path.read_text(encoding="utf-8"))


def suites(folder, *records):
    return ET.parse(written(folder, *records) / "exports" / "junit.xml").getroot().findall("testsuite")


@pytest.mark.parametrize(
    ("points", "text"),
    [
        (2.5, "2.5"),
        (41.0, "41"),
        (0.1 + 0.2, "0.3"),
        (100.0, "100"),
        (0.0, "0"),
        (-1e-9, "0"),
        (1 / 3, "0.3333"),
    ],
)
def test_points_are_printed_without_the_noise_of_floats(points, text):
    assert points_in_words(points) == text


def test_a_row_has_the_points_of_each_exercise_and_their_sum(tmp_path):
    first = mark(id="1.1", points=0.1, possible=1.0, status="wrong")
    second = mark(id="1.2", points=0.2, possible=1.0, status="wrong")
    [row] = grades(tmp_path, record(exercises=(first, second)))
    assert row == {"student": "alice", "1.1": "0.1", "1.2": "0.2", "total": "0.3", "flags": ""}


def test_the_columns_are_the_exercises_in_their_order(tmp_path):
    exercises = (mark(id="1.9"), mark(id="1.10"), mark(id="1.11"))
    written(tmp_path, record(student="missing", state="missing", exercises=()), record(exercises=exercises))
    assert rows(tmp_path / "grades.csv")[0] == ["student", "1.9", "1.10", "1.11", "total", "flags"]


def test_nothing_handed_in_is_zero_points_and_says_so(tmp_path):
    missing = record(student="bob", state="missing", reason="No file was found.", exercises=())
    _, row = grades(tmp_path, record(), missing)
    assert (row["1.4"], row["total"]) == ("0", "0")
    assert row["flags"] == "nothing handed in: No file was found."


@pytest.mark.parametrize("state", ["unreadable", "failed"])
def test_what_could_not_be_graded_has_no_grade_but_a_reason(tmp_path, state):
    _, row = grades(tmp_path, record(), record(student="bob", state=state, reason="Broken.", exercises=()))
    assert (row["1.4"], row["total"]) == ("", "")
    assert row["flags"].endswith(": Broken.")


def test_the_instructors_points_count_and_are_marked(tmp_path):
    by_hand = mark(points=0.0, status="wrong", override=1.5, comment="Nearly.")
    [row] = grades(tmp_path, record(exercises=(by_hand,)))
    assert (row["1.4"], row["total"]) == ("1.5", "1.5")
    assert row["flags"] == "1.4: 1.5 by the instructor instead of 0 (Nearly.)"


def test_flags_of_the_submission_and_of_exercises_stand_in_one_cell(tmp_path):
    [row] = grades(tmp_path, record(flags=("Odd.",), exercises=(mark(flags=("Uses autograd.",)),)))
    assert row["flags"] == "Odd. | 1.4: Uses autograd."


@pytest.mark.parametrize("name", ["=1+1", "+x", "-x", "@x", "\t=1", "\rx", " =1", "＝1"])
def test_a_text_that_looks_like_a_formula_gets_an_apostrophe(tmp_path, name):
    written(tmp_path, record(student=name, flags=(name,)))
    for file in CSV_FILES:
        cells = [cell for row in rows(tmp_path / file) for cell in row]
        assert any(cell.startswith("'") and name.strip() in cell for cell in cells)


def test_a_formula_behind_a_semicolon_is_harmless_where_semicolons_separate(tmp_path):
    [row] = grades(tmp_path, record(student='bob;"=1+1"'))
    assert row["student"] == 'bob;\'"=1+1"'


def test_numbers_stay_numbers(tmp_path):
    written(tmp_path, record(exercises=(mark(points=-0.5),)))
    assert rows(tmp_path / "grades.csv")[1][1:3] == ["-0.5", "-0.5"]


@settings(max_examples=60, deadline=None)
@given(texts=st.lists(any_text(), min_size=7, max_size=7), state=st.sampled_from(["graded", "failed"]))
def test_whatever_the_texts_the_tables_keep_their_shape(tmp_path_factory, texts, state):
    student, flag, reason, comment, title, message, exercise = texts
    strange = mark(id=exercise, title=title, message=message, comment=comment, override=1.0, flags=(flag,))
    one = record(
        student=student, title=title, state=state, reason=reason, flags=(flag,), exercises=(strange,)
    )
    out = written(tmp_path_factory.mktemp("out"), one, record())
    for file in CSV_FILES:
        table = rows(out / file)
        assert len(table) == (4 if "canvas" in file else 3)
        assert {len(row) for row in table} == {len(table[0])}
        for cell in (cell for row in table for cell in row):
            assert not re.match(r'[\s"]*[=+@\t\r]', cell)
            assert not re.match(r'[\s"]*-(?![\d.]+$)', cell)


def test_nbgraders_columns_are_those_of_its_own_exporter(tmp_path):
    export = pytest.importorskip("nbgrader.plugins.export")
    submission = SimpleNamespace(timestamp="", score=1.5, late_submission_penalty=0)
    gradebook = SimpleNamespace(
        assignments=[SimpleNamespace(name="01", duedate=None, max_score=2)],
        students=[SimpleNamespace(id="alice", last_name=None, first_name=None, email=None)],
        find_submission=lambda *_: submission,
    )
    export.CsvExportPlugin(to=str(tmp_path / "theirs.csv")).export(gradebook)
    written(tmp_path, record(exercises=(mark(points=1.5, status="wrong"),)))
    assert rows(tmp_path / "exports" / "nbgrader.csv") == rows(tmp_path / "theirs.csv")


def test_moodles_file_leaves_the_identifiers_to_the_instructor(tmp_path):
    lost = mark(points=0.5, status="wrong", message="secret of the student")
    table = rows(written(tmp_path, record(exercises=(lost,))) / "exports" / "moodle.csv")
    title = "Backpropagation by hand"
    assert table[0] == ["student", "Username", "ID number", "Email address", title, f"{title} feedback"]
    assert table[1] == ["alice", "", "", "", "0.5", "0.5 of 2 points. Points were lost in 1.4."]


def test_canvas_finds_its_two_header_rows_and_empty_identifiers(tmp_path):
    table = rows(written(tmp_path, record()) / "exports" / "canvas.csv")
    assert table[0][:5] == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section"]
    assert "Points Possible" in table[1][0]
    assert table[1][5] == "2"
    assert table[2] == ["alice", "", "", "", "", "2"]


def test_a_student_cannot_pass_for_canvas_second_header(tmp_path):
    table = rows(written(tmp_path, record(student="Points Possible")) / "exports" / "canvas.csv")
    assert ["Points Possible" in row[0] for row in table] == [False, True, False]


def test_gradescopes_results_hold_scores_and_what_was_wrong(tmp_path):
    wrong = mark(
        id="1.9", title="softmax", points=0.5, status="wrong", mistake="It overflows.", message="At 1000."
    )
    results = gradescope(tmp_path, record(exercises=(mark(), wrong)))
    assert results["score"] == 2.5
    assert results["visibility"] == "after_published"
    right, other = results["tests"]
    assert (right["score"], right["max_score"], right["status"]) == (2.0, 2.0, "passed")
    assert (other["name"], other["score"], other["status"]) == ("1.9 softmax", 0.5, "failed")
    assert other["output"] == "Not right.\nIt overflows.\nAt 1000."


def test_gradescopes_results_hold_nothing_that_is_for_the_instructor_alone(tmp_path):
    secret = record(flags=("Flagged, in /srv/marks.",), exercises=(mark(flags=("Odd.",)),))
    text = json.dumps(gradescope(tmp_path, secret))
    assert not any(word in text for word in ("/srv/marks", "Flagged", "Odd", "918273645"))


def test_what_was_not_graded_has_no_file_for_gradescope_and_one_error_in_junit(tmp_path):
    broken = record(state="unreadable", reason="No JSON.", exercises=(mark(status="unjudged", points=0.0),))
    [suite] = suites(tmp_path, broken)
    assert (suite.get("errors"), suite.get("failures")) == ("1", "0")
    assert list((tmp_path / "exports" / "gradescope").iterdir()) == []


def test_junit_has_a_suite_for_each_student_and_a_case_for_each_exercise(tmp_path):
    wrong = mark(id="1.9", title="softmax", points=0.0, status="wrong", message="It overflows.")
    unreadable = record(student="bob", state="unreadable", reason="No JSON.", exercises=())
    alice, bob = suites(tmp_path, record(exercises=(mark(), wrong)), unreadable)
    assert (alice.get("name"), alice.get("tests"), alice.get("failures")) == ("alice", "2", "1")
    assert [case.get("name") for case in alice.findall("testcase")] == [
        "1.4 two linear layers are one",
        "1.9 softmax",
    ]
    assert alice.find("testcase/failure").get("message") == "It overflows."
    assert bob.find("testcase/error").get("message") == "could not be graded: No JSON."


def test_full_points_by_the_instructor_pass_in_junit(tmp_path):
    by_hand = mark(points=0.0, status="wrong", override=2.0)
    [suite] = suites(tmp_path, record(exercises=(by_hand,)))
    assert suite.get("failures") == "0"


@settings(max_examples=60, deadline=None)
@given(student=any_text(), message=any_text(), printed=any_text(), title=any_text())
def test_junit_is_xml_whatever_the_texts_and_keeps_all_that_xml_can_hold(
    tmp_path_factory, student, message, printed, title
):
    strange = mark(title=title, points=0.0, status="wrong", message=message or "x", printed=printed)
    [suite] = suites(tmp_path_factory.mktemp("out"), record(student=student, exercises=(strange,)))
    allowed = "".join(
        c for c in encodable(student) if c in "\t\n\r" or (c >= " " and c not in "\ufffe\uffff")
    )
    assert suite.get("name") == allowed


@settings(max_examples=30, deadline=None)
@given(student=any_text(), printed=any_text())
def test_every_file_can_be_read_as_utf8(tmp_path_factory, student, printed):
    out = written(tmp_path_factory.mktemp("out"), record(student=student, exercises=(mark(printed=printed),)))
    texts = [path.read_bytes().decode("utf-8") for path in out.rglob("*") if path.is_file()]
    assert len(texts) == 8


def test_an_empty_class_gives_files_with_headers_only(tmp_path):
    written(tmp_path)
    assert [len(rows(tmp_path / file)) for file in CSV_FILES] == [1, 1, 1, 2]
    assert suites(tmp_path) == []


def test_exercises_without_points_are_no_division_by_zero(tmp_path):
    free = mark(points=0.0, possible=0.0)
    [row] = grades(tmp_path, record(possible=0.0, exercises=(free,)))
    assert row["total"] == "0"
    assert gradescope(tmp_path, record(possible=0.0, exercises=(free,)))["tests"][0]["status"] == "passed"


def test_writing_again_replaces_and_leaves_nothing_else(tmp_path):
    written(tmp_path, *a_class(3))
    before = sorted(path.name for path in tmp_path.rglob("*"))
    written(tmp_path, *a_class(3, seed=1))
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


def test_an_interrupted_write_leaves_the_old_table(tmp_path, monkeypatch):
    written(tmp_path, record())
    before = (tmp_path / "grades.csv").read_bytes()

    def full(_):
        raise OSError("no space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="no space"):
        written(tmp_path, record(student="bob"))
    assert (tmp_path / "grades.csv").read_bytes() == before


def test_the_instructor_is_told_what_to_map(tmp_path):
    text = (written(tmp_path, record()) / "exports" / "README.txt").read_text(encoding="utf-8")
    assert all(word in text for word in ("ID number", "SIS Login ID", "results.json", "junit.xml"))


def test_the_csv_has_one_line_for_each_student_whatever_his_name(tmp_path):
    written(tmp_path, record(student="a\nb\r\nc\u2028d"), record())
    assert len(io.StringIO((tmp_path / "grades.csv").read_text(encoding="utf-8")).readlines()) == 3
