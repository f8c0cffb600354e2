"""Records are written whole, come back as they were, and keep an instructor's points apart."""

import functools
import json
import multiprocessing
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from invented_records import a_class, any_text, mark, record

from course_utils.grading import records
from course_utils.grading.records import RecordError

any_mark = st.builds(
    mark,
    id=st.text(min_size=1, max_size=6),
    points=st.floats(0, 10),
    possible=st.floats(0, 10),
    status=st.sampled_from(["right", "wrong", "blank", "missing", "stopped", "unjudged"]),
    message=any_text(),
    mistake=any_text(),
    printed=any_text(),
    flags=st.lists(any_text(), max_size=2).map(tuple),
)
any_record = st.builds(
    record,
    student=any_text(),
    file=any_text(),
    state=st.sampled_from(["graded", "unreadable", "missing", "failed"]),
    reason=any_text(),
    seeds=st.lists(st.integers(0, 2**62), max_size=3).map(tuple),
    flags=st.lists(any_text(), max_size=2).map(tuple),
    exercises=st.lists(any_mark, max_size=3).map(tuple),
)
any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["alice", "1.4", "points", "comment"]), inner, max_size=3)
    ),
)


def kept(out, *several):
    for one in several or (record(),):
        records.write(out, one)
    return out


def give(out, points=1.5, *, student="alice", exercise="1.4", comment="nearly"):
    return records.set_points(out, student, exercise, points, comment=comment)


# ---------------------------------------------------------------- writing and reading


@given(any_record)
def test_a_record_comes_back_as_it_was(tmp_path_factory, one):
    out = tmp_path_factory.mktemp("out")
    records.write(out, one)
    assert records.read(records.path_of(out, one.student)) == one


def test_all_records_come_back_in_the_order_of_the_names(tmp_path):
    everyone = a_class(30)
    out = kept(tmp_path, *everyone, record(student="Zoe"), record(student="adam"))
    names = [one.student for one in records.read_all(out)]
    assert names == sorted(names, key=str.casefold)
    assert set(names) == {one.student for one in everyone} | {"Zoe", "adam"}


def test_a_record_that_is_written_again_is_replaced(tmp_path):
    out = kept(tmp_path, record(reason="old"), record(reason="new"))
    assert [one.reason for one in records.read_all(out)] == ["new"]


def test_a_file_that_was_half_written_is_not_taken_for_a_record(tmp_path):
    out = kept(tmp_path)
    path = records.path_of(out, "alice")
    path.with_name(f".{path.name}.1-ab.tmp").write_text('{"schema": 1')
    assert len(records.read_all(out)) == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "cannot be read"),
        ("[]", "not a record of this version"),
        ('{"schema": 99}', "not a record of this version"),
        ('{"schema": 1}', "damaged"),
        ('{"schema": 1, "exercises": [], "flags": [], "seeds": [], "odd": 1}', "damaged"),
    ],
)
def test_a_damaged_record_is_refused_with_its_file_and_a_remedy(content, said, tmp_path):
    path = records.path_of(kept(tmp_path), "alice")
    path.write_text(content, encoding="utf-8")
    with pytest.raises(RecordError, match=said) as found:
        records.read_all(tmp_path)
    assert str(path) in str(found.value)


def test_the_points_are_the_sum_of_those_that_count():
    one = record(exercises=(mark(points=2.0, override=0.5), mark(id="1.9", points=1.25)))
    assert one.points == 1.75


def test_answers_are_kept_by_student_and_exercise(tmp_path):
    records.write_answers(tmp_path, "alice", {"1.4": "x = '\ud800'"})
    records.write_answers(tmp_path, "bob", {})
    assert records.read_answers(tmp_path) == {"alice": {"1.4": "x = '\ud800'"}, "bob": {}}


# ---------------------------------------------------------------- names of files


@given(any_text())
def test_a_students_file_is_safe_on_every_system(student):
    name = records.file_name(student)
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")
    assert 0 < len(name) <= 60


@given(st.lists(any_text(), unique=True, max_size=8))
def test_different_students_have_different_files_on_every_system(students):
    assert len({records.file_name(student).casefold() for student in students}) == len(students)


@pytest.mark.parametrize("student", ["../../etc/passwd", "..", "/", "con", "a\0b", "x" * 500, "é", ""])
def test_no_name_leads_out_of_the_folder_of_records(student, tmp_path):
    path = records.path_of(tmp_path, student)
    assert path.resolve().parent == (tmp_path / "records").resolve()
    kept(tmp_path, record(student=student))
    assert records.read(path).student == student


def test_names_that_look_alike_are_two_students(tmp_path):
    one, other = "René", unicodedata.normalize("NFD", "René")
    assert len(records.read_all(kept(tmp_path, record(student=one), record(student=other)))) == 2


# ---------------------------------------------------------------- overrides


def test_an_instructors_points_count_and_keep_his_comment(tmp_path):
    give(kept(tmp_path))
    (one,) = records.read_all(tmp_path)
    assert (one.points, one.exercises[0].points) == (1.5, 2.0)
    assert (one.exercises[0].override, one.exercises[0].comment) == (1.5, "nearly")


def test_overrides_survive_that_the_record_is_written_again(tmp_path):
    give(kept(tmp_path))
    kept(tmp_path, record(exercises=(mark(points=0.0, status="wrong"),)))
    (one,) = records.read_all(tmp_path)
    assert (one.points, one.exercises[0].status) == (1.5, "wrong")


def test_a_merged_record_that_is_written_does_not_turn_overrides_into_marks(tmp_path):
    give(kept(tmp_path))
    kept(tmp_path, *records.read_all(tmp_path))
    assert records.read(records.path_of(tmp_path, "alice")) == record()


def test_the_last_override_counts_and_others_stay(tmp_path):
    kept(tmp_path, record(exercises=(mark(), mark(id="1.9"))), record(student="bob"))
    give(tmp_path, 1.0)
    give(tmp_path, 0.5, student="bob")
    give(tmp_path, 0.0, exercise="1.9")
    give(tmp_path, 2.0)
    assert {one.student: one.points for one in records.read_all(tmp_path)} == {"alice": 2.0, "bob": 0.5}


@pytest.mark.parametrize("points", [-0.5, 2.5, float("nan"), float("inf")])
def test_points_out_of_range_are_refused(points, tmp_path):
    with pytest.raises(RecordError, match="0 to 2 points"):
        give(kept(tmp_path), points)
    assert records.read_overrides(tmp_path) == {}


def test_unknown_students_and_exercises_are_refused_with_those_there_are(tmp_path):
    kept(tmp_path)
    with pytest.raises(RecordError, match="no record of 'alcie'"):
        give(tmp_path, student="alcie")
    with pytest.raises(RecordError, match=r"1\.4"):
        give(tmp_path, exercise="9.9")


@given(any_json)
def test_whatever_stands_in_the_file_of_overrides_records_can_be_read_or_a_sentence_says_why(
    tmp_path_factory, content
):
    out = kept(tmp_path_factory.mktemp("out"))
    (out / records.OVERRIDES).write_text(json.dumps(content), encoding="utf-8")
    try:
        said, kept_here = "", records.read_all(out)
    except RecordError as error:
        said, kept_here = str(error), []
    assert (records.OVERRIDES in said) if said else [one.student for one in kept_here] == ["alice"]


def _give_one(out, exercise):
    give(out, exercise=exercise)


def test_overrides_given_at_the_same_time_are_all_kept(tmp_path):
    ids = [f"1.{n}" for n in range(12)]
    kept(tmp_path, record(exercises=tuple(mark(id=id) for id in ids)))
    with multiprocessing.get_context("fork").Pool(4) as pool:
        pool.map(functools.partial(_give_one, tmp_path), ids, chunksize=1)
    assert set(records.read_overrides(tmp_path)["alice"]) == set(ids)
