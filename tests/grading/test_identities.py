"""What a download and a roster tell of a student, and what the exports make of it."""

import csv
import re

import pytest
from invented_records import mark, record
from laid_out import NOTEBOOK, hand_in, look

from course_utils.grading import records
from course_utils.grading.gradebook import write_gradebook
from course_utils.grading.identities import (
    Identity,
    IdentityError,
    read_row,
    recall,
    remember,
    same_people,
    who,
)


def exported(out, name):
    with (out / "exports" / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_numbers_of_canvas_and_moodle_are_read_from_the_names_of_their_downloads(tmp_path):
    canvas = look(hand_in(tmp_path / "c", f"lovelaceada_12_901_{NOTEBOOK}", f"libo_13_902_{NOTEBOOK}"))
    assert {s: i.canvas_id for s, i in canvas.identities.items()} == {"lovelaceada": "12", "libo": "13"}
    moodle = look(hand_in(tmp_path / "m", f"Ada Lovelace_77_assignsubmission_file_/{NOTEBOOK}"))
    assert moodle.identities["Ada Lovelace"] == Identity(participant="77")


def test_canvas_gradebook_tells_who_is_who_also_of_those_without_a_file(tmp_path):
    root = hand_in(tmp_path / "all", f"lovelaceada_12_901_{NOTEBOOK}")
    roster = tmp_path / "roster.csv"
    roster.write_text(
        "Student,ID,SIS User ID,SIS Login ID,Section\n    Points Possible,,,,\n"
        '"Lovelace, Ada",12,s-12,ada,A\n"Li, Bo",13,s-13,bo,B\n'
    )
    found = look(root, roster=roster)
    ada = {"canvas_id": "12", "sis_user_id": "s-12", "sis_login_id": "ada", "section": "A"}
    assert found.identities["lovelaceada"] == Identity(full_name="Lovelace, Ada", **ada)
    assert found.identities["Li, Bo"].canvas_id == "13"


@pytest.mark.parametrize(
    ("row", "known"),
    [
        ({"id": "s1", "email": "a@x.org"}, Identity(id_number="s1", email="a@x.org")),
        ({"id": "12", "section": "A"}, Identity(id_number="12", section="A")),
        ({"id number": "7", "id": "12"}, Identity(id_number="7")),
        ({"identifier": "Teilnehmer/in12"}, Identity(participant="12")),
        ({"identifier": "ada"}, Identity()),
        ({"username": "ada"}, Identity(user_name="ada")),
        ({"vorname": "Ada", "e-mail-adresse": "a@x.org"}, Identity(email="a@x.org")),
        ({"first name": "Ada", "surname": "Lovelace"}, Identity(first_name="Ada", last_name="Lovelace")),
        ({"twitter": "@ada", "note": "write to ada @ x.org"}, Identity()),
    ],
)
def test_a_line_of_a_roster_tells_what_its_headings_say(row, known):
    assert read_row(row) == known


def test_the_number_in_a_downloads_name_counts_and_not_one_of_a_roster_made_by_hand(tmp_path):
    root = hand_in(tmp_path / "all", f"lovelaceada_12_901_{NOTEBOOK}", f"libo_13_902_{NOTEBOOK}")
    roster = tmp_path / "roster.csv"
    roster.write_text("Name,ID,Section\nLovelace Ada,4711,A\nLi Bo,4712,B\n")
    found = look(root, roster=roster)
    known = found.identities["lovelaceada"]
    assert (known.canvas_id, known.id_number) == ("12", "4711")


def test_two_of_the_same_name_are_neither_confused_nor_missing(tmp_path):
    folders = [f"Anna Weber_{n}_assignsubmission_file_/{NOTEBOOK}" for n in (77, 79)]
    roster = tmp_path / "roster.csv"
    roster.write_text("name,email\nAnna Weber,a1@x.org\nAnna Weber,a2@x.org\nBo Li,bo@x.org\n")
    one = look(hand_in(tmp_path / "one", folders[0]), roster=roster)
    both = look(hand_in(tmp_path / "both", *folders), roster=roster)
    for found in (one, both):
        assert found.missing == ("Bo Li",)
        assert {i.email for s, i in found.identities.items() if "Anna" in s} == {""}
        assert any("Several lines of the roster are" in note for note in found.notes)
        assert not any("Not in the roster" in note for note in found.notes)


def test_what_two_students_have_in_common_tells_nobody_apart_and_is_left_out(tmp_path):
    same = Identity(participant="78", email="a@x.org", section="A")
    remember(
        tmp_path, {"ada": same, "bo": Identity(participant="78", email="A@x.org", id_number="3", section="A")}
    )
    assert recall(tmp_path) == {"ada": Identity(section="A"), "bo": Identity(id_number="3", section="A")}


def test_a_list_without_a_heading_keeps_its_first_student(tmp_path):
    root = hand_in(tmp_path / "all", f"Bo/{NOTEBOOK}")
    roster = tmp_path / "roster.csv"
    for text in ("Ada;A\nBo;1\nCy;2\n", "Ada,n/a\nBo,bo@x.org\n", "Ada,a\nBo,124\n"):
        roster.write_text(text)
        assert "Ada" in look(root, roster=roster).missing


def test_a_heading_in_another_language_is_no_student(tmp_path):
    root = hand_in(tmp_path / "all", f"Ada Lovelace/{NOTEBOOK}")
    roster = tmp_path / "roster.csv"
    roster.write_text("Vollständiger Name;E-Mail-Adresse\nAda Lovelace;ada@x.org\nBo Li;bo@x.org\n")
    found = look(root, roster=roster)
    assert found.missing == ("Bo Li",)
    assert found.identities["Ada Lovelace"].email == "ada@x.org"


def test_what_an_earlier_run_knew_stays_and_a_later_one_adds_to_it(tmp_path):
    remember(tmp_path, {"ada": Identity(canvas_id="12"), "bo": Identity()})
    remember(tmp_path, {"ada": Identity(email="a@x.org"), "cy": Identity(id_number="3")})
    assert recall(tmp_path) == {
        "ada": Identity(canvas_id="12", email="a@x.org"),
        "cy": Identity(id_number="3"),
    }


def test_a_damaged_file_of_identities_is_named(tmp_path):
    for text in ("[1]", "{", '{"ada": {"shoe_size": "38"}}'):
        (tmp_path / "identities.json").write_text(text)
        with pytest.raises(ValueError, match=r"identities\.json is damaged"):
            recall(tmp_path)


def test_records_have_the_identities_that_lie_beside_them(tmp_path):
    records.write(tmp_path, record(student="ada"))
    remember(tmp_path, {"ada": Identity(canvas_id="12")})
    assert [r.identity for r in records.read_all(tmp_path)] == [Identity(canvas_id="12")]
    assert "identity" not in records.path_of(tmp_path, "ada").read_text()


def test_the_exports_name_students_as_the_other_systems_do(tmp_path):
    ada = Identity(
        canvas_id="12", sis_login_id="al", participant="77", id_number="007", email="ada@x.org",
        user_name="ada1815", first_name="Ada", last_name="Lovelace", full_name="Lovelace, Ada",
    )  # fmt: skip
    graded = record(student="ada", exercises=(mark(points=1.5, possible=2.0),), possible=2.0, identity=ada)
    stranger = record(student="bo", exercises=(mark(points=1.0, possible=2.0),), possible=2.0)
    write_gradebook(tmp_path, [graded, stranger])
    _, canvas, other = exported(tmp_path, "canvas.csv")  # the first is that of possible points
    assert (canvas["Student"], canvas["ID"], canvas["SIS Login ID"]) == ("Lovelace, Ada", "12", "al")
    assert (other["Student"], other["ID"]) == ("bo", "")
    moodle, _ = exported(tmp_path, "moodle.csv")
    assert moodle["Username"] == "ada1815"
    assert (moodle["student"], moodle["ID number"], moodle["Email address"]) == ("ada", "007", "ada@x.org")
    nbgrader, _ = exported(tmp_path, "nbgrader.csv")
    found = [nbgrader[name] for name in ("student_id", "last_name", "first_name", "email")]
    assert found == ["ada", "Lovelace", "Ada", "ada@x.org"]


def test_moodles_worksheet_has_those_whose_participant_number_is_known(tmp_path):
    marks = {"exercises": (mark(points=1.5, possible=2.0),), "possible": 2.0}
    known = Identity(participant="77", email="ada@x.org")
    everyone = [
        record(student="ada", identity=known, **marks),
        record(student="bo", **marks),
        record(student="di", identity=Identity(participant="79"), state="unreadable", reason="No notebook."),
    ]
    write_gradebook(tmp_path, everyone)
    rows = exported(tmp_path, "moodle_worksheet.csv")
    assert [(row["Identifier"], row["Grade"]) for row in rows] == [
        ("Participant 77", "1.5"),
        ("Participant 79", ""),
    ]
    assert (rows[0]["Full name"], rows[0]["Maximum Grade"]) == ("ada", "2")


PEOPLE = {
    "lovelaceada": Identity(full_name="Lovelace, Ada", canvas_id="12", email="ada@x.org"),
    "libo": Identity(first_name="Bo", last_name="Li", participant="77"),
    "libob": Identity(),
}


@pytest.mark.parametrize(
    ("typed", "student"),
    [
        ("libo", "libo"), ("LIBO", "libo"), ("libob", "libob"), ("bo li", "libo"), ("Participant 77", "libo"),
        ("lov", "lovelaceada"), ("lovelace, ada", "lovelaceada"), ("12", "lovelaceada"),
        ("ADA@x.org", "lovelaceada"),
    ],
)  # fmt: skip
def test_a_student_can_be_typed_as_anything_that_means_nobody_else(typed, student):
    assert who(typed, PEOPLE) == student


@pytest.mark.parametrize(
    ("typed", "said"),
    [("li", "could be libo, libob: type more"), ("", "Nobody"), ("lovelaceda", "Did you mean lovelaceada?")],
)
def test_a_name_that_means_nobody_or_several_is_asked_for(typed, said):
    with pytest.raises(IdentityError, match=re.escape(said)):
        who(typed, PEOPLE)


def test_whoever_is_here_under_another_name_is_known_by_what_only_one_can_have():
    known = {
        "Li, Bo": Identity(canvas_id="13", section="A"),
        "Ada": Identity(section="A"),
        "Cy": Identity(email="C@x.org"),
    }
    here = {
        "libo": Identity(canvas_id="13", section="A"),
        "cyrus": Identity(email="c@X.org"),
        "Ada": Identity(canvas_id="13"),
    }
    assert same_people(known, {k: here[k] for k in ("libo", "cyrus")}) == {"Li, Bo": "libo", "Cy": "cyrus"}
    assert same_people(known, {"Ada": here["Ada"]}) == {"Li, Bo": "Ada"}


def test_who_handed_in_nothing_has_the_name_that_the_roster_tells_and_no_number(tmp_path):
    root = hand_in(tmp_path / "all", f"Ada Lovelace_12_assignsubmission_file_/{NOTEBOOK}")
    roster = tmp_path / "roster.csv"
    roster.write_text("Identifier,Full name,Grade\nParticipant 12,Ada Lovelace,\nParticipant 13,Bo Li,\n")
    found = look(root, roster=roster)
    assert found.missing == ("Bo Li",)
    assert found.identities["Bo Li"].participant == "13"


def test_canvas_own_test_student_is_nobody(tmp_path):
    root = hand_in(tmp_path / "all", f"lovelaceada_12_901_{NOTEBOOK}")
    roster = tmp_path / "roster.csv"
    roster.write_text('Student,ID,SIS Login ID,Section\n"Lovelace, Ada",12,ada,A\n"Student, Test",99,x,A\n')
    assert look(root, roster=roster).missing == ()
