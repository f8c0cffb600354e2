"""Who handed in which file: in every layout that is accepted, and from files that nobody trusts."""

import os
import socket
import stat
import subprocess
import sys
import time
import tracemalloc
import unicodedata
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from laid_out import NOTEBOOK, hand_in, look

from course_utils.grading.submissions import Submission, SubmissionsError, read_bytes

posix = pytest.mark.skipif(os.name == "nt", reason="needs a POSIX file system")


def pack(path, *members, content=b"{}", compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for member in members:
            archive.writestr(member, content)
    return path


def taken(found, root):
    """Return student -> file below `root`, or member."""
    return {s.student: s.member or s.source.relative_to(root).as_posix() for s in found.submissions}


# ---------------------------------------------------------------- layouts


def test_a_folder_per_student(tmp_path):
    hand_in(tmp_path, f"alice/{NOTEBOOK}", f"bob/{NOTEBOOK}")
    found = look(tmp_path)
    assert taken(found, tmp_path) == {"alice": f"alice/{NOTEBOOK}", "bob": f"bob/{NOTEBOOK}"}
    assert found.layout == "a folder per student"
    assert (found.missing, found.notes) == ((), ())


@pytest.mark.parametrize(
    "name", ["01_manual_backprop (1).ipynb", "assignment (1).ipynb", "x.IPYNB", "hw.ipynb.txt"]
)
def test_the_only_notebook_of_a_student_is_taken_whatever_its_name(tmp_path, name):
    hand_in(tmp_path, f"alice/{name}", f"bob/{NOTEBOOK}")
    assert taken(look(tmp_path), tmp_path)["alice"] == f"alice/{name}"


def test_a_name_that_tells_nothing_is_reported(tmp_path):
    hand_in(tmp_path, "alice/homework.ipynb", f"bob/{NOTEBOOK}")
    assert any("alice/homework.ipynb" in note for note in look(tmp_path).notes)


def test_a_notebook_in_a_folder_of_the_students_folder_is_found(tmp_path):
    hand_in(tmp_path, f"alice/my work/final/{NOTEBOOK}", f"bob/{NOTEBOOK}")
    assert taken(look(tmp_path), tmp_path)["alice"] == f"alice/my work/final/{NOTEBOOK}"


@pytest.mark.parametrize(
    ("file", "student"),
    [
        ("alice.ipynb", "alice"),
        ("01_manual_backprop_alice.ipynb", "alice"),
        ("01-Manual-Backprop - Alice B.ipynb", "Alice B"),
        ("alice_01_manual_backprop.ipynb", "alice"),
        ("alice_01_manual_backprop (2).ipynb", "alice"),
        ("j.doe.ipynb", "j.doe"),
        ("12345678.ipynb", "12345678"),
        ("02_alice.ipynb", "02_alice"),
        ("01_manual_backpropaganda.ipynb", "01_manual_backpropaganda"),
        ("alice (1).ipynb", "alice (1)"),
    ],
)
def test_in_a_flat_folder_the_student_is_what_the_name_holds_beside_the_notebooks(tmp_path, file, student):
    hand_in(tmp_path, file, "zoe.ipynb", "yann.ipynb")
    found = look(tmp_path)
    assert taken(found, tmp_path) == {student: file, "zoe": "zoe.ipynb", "yann": "yann.ipynb"}
    assert found.layout == "a flat folder of notebooks"


def test_loose_notebooks_without_a_students_name_are_each_graded_apart(tmp_path):
    hand_in(tmp_path, NOTEBOOK, "01_manual_backprop (1).ipynb", "01_manual_backprop (2).ipynb")
    found = look(tmp_path)
    assert len(found.submissions) == 3
    assert any("tells no student" in note for note in found.notes)


def test_the_folder_of_one_student_is_his(tmp_path):
    root = hand_in(tmp_path / "alice", NOTEBOOK)
    assert taken(look(root), root) == {"alice": NOTEBOOK}


def test_the_instructors_own_copy_beside_the_students_folders_is_nobodys(tmp_path):
    hand_in(tmp_path, NOTEBOOK, f"alice/{NOTEBOOK}", "bob.ipynb")
    found = look(tmp_path)
    assert taken(found, tmp_path) == {"alice": f"alice/{NOTEBOOK}", "bob": "bob.ipynb"}
    assert any(NOTEBOOK in note for note in found.notes)
    assert found.layout == "a folder per student and loose notebooks"


@pytest.mark.parametrize("given", ["", "submitted"])
def test_nbgraders_submitted_folder(tmp_path, given):
    hand_in(
        tmp_path, f"submitted/alice/ps1/{NOTEBOOK}", f"submitted/bob/ps1/{NOTEBOOK}", f"source/ps1/{NOTEBOOK}"
    )
    hand_in(
        tmp_path, "submitted/alice/ps2/02_images.ipynb", "gradebook.db", "submitted/alice/ps1/timestamp.txt"
    )
    found = look(tmp_path / given)
    assert set(taken(found, tmp_path).values()) == {
        f"submitted/alice/ps1/{NOTEBOOK}",
        f"submitted/bob/ps1/{NOTEBOOK}",
    }
    assert found.layout == "nbgrader's folder submitted"
    assert any("02_images.ipynb" in note for note in found.notes)


@pytest.mark.parametrize("end", ["assignsubmission_file_", "assignsubmission_file"])
def test_moodles_download_in_folders(tmp_path, end):
    hand_in(tmp_path, f"Ada Lovelace_12345_{end}/{NOTEBOOK}", f"Zoë Ünal-O'Hara_678_{end}/sub/my file.ipynb")
    hand_in(tmp_path, "Default group_assignsubmission_file_/g.ipynb")
    hand_in(tmp_path, "Bo Li_9_assignsubmission_onlinetext_/onlinetext.html")
    found = look(tmp_path)
    assert {s.student for s in found.submissions} == {"Ada Lovelace", "Zoë Ünal-O'Hara", "Default group"}
    assert "onlinetext.html" in found.unusable["Bo Li"]
    assert found.layout == "Moodle's download, a folder per student"


def test_moodles_download_in_one_folder(tmp_path):
    hand_in(
        tmp_path,
        f"Ada Lovelace_12345_assignsubmission_file_{NOTEBOOK}",
        "Bo Li_9_assignsubmission_file_x.ipynb",
    )
    found = look(tmp_path)
    assert {s.student for s in found.submissions} == {"Ada Lovelace", "Bo Li"}
    assert found.layout == "Moodle's download, all files in one folder"


def test_canvas_download(tmp_path):
    hand_in(
        tmp_path,
        f"lovelaceada_12_901_{NOTEBOOK}",
        f"libo_LATE_13_902_{NOTEBOOK}",
        "smith_jane_14_903_01_manual_backprop-2.ipynb",
        "unalzoë_15_904_text.html",
        f"anon_AbC12_905_{NOTEBOOK}",
    )
    found = look(tmp_path)
    assert {s.student: s.remarks for s in found.submissions} == {
        "lovelaceada": (),
        "libo": ("late",),
        "smith_jane": ("resubmission 2",),
        "anon_AbC12": (),
    }
    assert set(found.unusable) == {"unalzoë"}
    assert found.layout == "Canvas's download, all files in one folder"


def test_canvas_highest_upload_of_equal_names_is_taken(tmp_path):
    hand_in(tmp_path, f"libo_13_1000_{NOTEBOOK}", "libo_13_999_01_manual_backprop-1.ipynb")
    assert taken(look(tmp_path), tmp_path) == {"libo": f"libo_13_1000_{NOTEBOOK}"}


@pytest.mark.parametrize("names", [("week_3_1_ada", "week_3_2_bo"), ("hw_1_2_ada", "lab_1_2_bo")])
def test_a_flat_folder_with_numbers_in_its_names_is_not_taken_for_canvas(tmp_path, names):
    hand_in(tmp_path, *(f"{name}.ipynb" for name in names))
    assert tuple(s.student for s in look(tmp_path).submissions) == tuple(sorted(names))


def test_a_student_cannot_hand_in_as_another_by_the_name_of_his_file(tmp_path):
    hand_in(tmp_path, f"eve_1_2_ada_9_assignsubmission_file_{NOTEBOOK}", f"ada_3_4_{NOTEBOOK}")
    assert {s.student for s in look(tmp_path).submissions} == {"ada", "eve"}
    moodle = hand_in(
        tmp_path / "moodle", f"Eve_1_assignsubmission_file_Ada_2_assignsubmission_file_{NOTEBOOK}"
    )
    hand_in(moodle, f"Eve_1_assignsubmission_file_2_3_{NOTEBOOK}", f"Ada_2_assignsubmission_file_{NOTEBOOK}")
    assert {s.student for s in look(moodle).submissions} == {"Ada", "Eve"}


def test_students_of_equal_name_are_told_apart_by_the_platforms_number(tmp_path):
    hand_in(tmp_path, f"Li_1_assignsubmission_file_/{NOTEBOOK}", f"Li_2_assignsubmission_file_/{NOTEBOOK}")
    assert [s.student for s in look(tmp_path).submissions] == ["Li_1", "Li_2"]


@pytest.mark.parametrize(
    ("members", "layout"),
    [
        ([f"alice/{NOTEBOOK}", f"bob/{NOTEBOOK}"], "a folder per student, in a zip"),
        ([f"hw1/alice/{NOTEBOOK}", f"hw1/bob/{NOTEBOOK}"], "a folder per student, in a zip"),
        (["alice.ipynb", "bob.ipynb"], "a flat folder of notebooks, in a zip"),
        (["hw1/alice.ipynb", "hw1/bob.ipynb"], "a flat folder of notebooks, in a zip"),
        (["submitted/alice/a/x.ipynb", "submitted/bob/a/x.ipynb"], "nbgrader's folder submitted, in a zip"),
        (
            ["alice_1_assignsubmission_file_/x.ipynb", "bob_2_assignsubmission_file_/x.ipynb"],
            "Moodle's download, a folder per student, in a zip",
        ),
        (
            ["alice_1_2_x.ipynb", "bob_3_4_x.ipynb", "__MACOSX/._bob_3_4_x.ipynb"],
            "Canvas's download, all files in one folder, in a zip",
        ),
        ([f"alice\\{NOTEBOOK}", f"bob\\{NOTEBOOK}"], "a folder per student, in a zip"),
    ],
)
def test_a_zip_of_any_of_these(tmp_path, members, layout):
    archive = tmp_path / "all.zip"
    pack(archive, *members)
    found = look(archive)
    assert [s.student for s in found.submissions] == ["alice", "bob"]
    assert found.layout == layout
    assert [read_bytes(s, limit=10) for s in found.submissions] == [b"{}", b"{}"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["all.zip"]


def test_macos_names_in_a_zip_are_read_as_utf8(tmp_path):
    archive = pack(tmp_path / "all.zip", "Zo##/x.ipynb", "bob/x.ipynb")  # written without the mark for UTF-8
    archive.write_bytes(archive.read_bytes().replace(b"Zo##", "Zoë".encode()))
    found = look(archive)
    assert [s.student for s in found.submissions] == ["Zoë", "bob"]
    assert read_bytes(found.submissions[0], limit=10) == b"{}"


# ---------------------------------------------------------------- several files, none, hidden ones


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        (NOTEBOOK, "01_manual_backprop (1).ipynb"),
        ("01_manual_backprop (1).ipynb", "01_manual_backprop_draft.ipynb"),
        ("01-Manual-Backprop-Copy1.ipynb", "my 01_manual_backprop.ipynb"),
        ("alice_01_manual_backprop_final.ipynb", "backprop.ipynb"),
        ("01.ipynb", "scratch.ipynb"),
        ("01_manual_backprop (3).ipynb", "01_manual_backprop (2).ipynb"),
        ("work_v3.ipynb", "work_v2.ipynb"),
    ],
)
def test_of_several_notebooks_the_nearest_name_then_the_highest_attempt_is_taken(tmp_path, better, worse):
    hand_in(tmp_path, f"alice/{better}", f"alice/{worse}", f"bob/{NOTEBOOK}")
    os.utime(tmp_path / "alice" / better, (1, 1))
    found = look(tmp_path)
    assert taken(found, tmp_path)["alice"] == f"alice/{better}"
    assert any(better in note and worse in note for note in found.notes)
    assert sum("Where a student has several" in note for note in found.notes) == 1


def test_of_equal_names_the_newest_is_taken(tmp_path):
    hand_in(tmp_path, f"alice/a/{NOTEBOOK}", f"alice/b/{NOTEBOOK}", f"alice/c/{NOTEBOOK}", f"bob/{NOTEBOOK}")
    for folder, seconds in {"a": 100, "b": 300, "c": 200}.items():
        os.utime(tmp_path / "alice" / folder / NOTEBOOK, (seconds, seconds))
    assert taken(look(tmp_path), tmp_path)["alice"] == f"alice/b/{NOTEBOOK}"


def test_who_handed_in_something_else_has_not_handed_in_nothing(tmp_path):
    hand_in(tmp_path, f"alice/{NOTEBOOK}", "bob/", "carol/report.pdf")
    found = look(tmp_path)
    assert found.missing == ("bob",)
    assert found.unusable == {"carol": f"{NOTEBOOK} is not among what was handed in: carol/report.pdf."}
    assert [s.student for s in found.submissions] == ["alice"]


def test_another_notebook_of_the_course_is_not_taken_for_this_one(tmp_path):
    hand_in(tmp_path, f"alice/{NOTEBOOK}", "alice/02_images.ipynb", "bob/02_images.ipynb")
    found = look(tmp_path)
    assert taken(found, tmp_path) == {"alice": f"alice/{NOTEBOOK}"}
    assert "bob/02_images.ipynb" in found.unusable["bob"]
    assert any("bob/02_images.ipynb" in note for note in found.notes)


def test_what_was_uploaded_for_the_assignment_is_taken_even_if_named_as_another(tmp_path):
    hand_in(tmp_path, "Li_1_assignsubmission_file_/02_final.ipynb")
    assert [s.student for s in look(tmp_path).submissions] == ["Li"]


def test_checkpoints_and_hidden_files_are_ignored(tmp_path):
    hand_in(
        tmp_path, f"alice/.ipynb_checkpoints/{NOTEBOOK}", "alice/work.ipynb", f"__MACOSX/alice/._{NOTEBOOK}"
    )
    hand_in(tmp_path, f".git/{NOTEBOOK}", f"bob/._{NOTEBOOK}")
    found = look(tmp_path)
    assert taken(found, tmp_path) == {"alice": "alice/work.ipynb"}
    assert found.missing == ("bob",)


def test_archives_inside_are_reported_and_not_opened(tmp_path):
    hand_in(tmp_path, f"alice/{NOTEBOOK}", "bob/")
    pack(tmp_path / "bob" / "work.zip", NOTEBOOK)
    pack(tmp_path / "carol.zip", NOTEBOOK)
    found = look(tmp_path)
    assert set(found.unusable) == {"bob", "carol"}
    assert all(any(name in note for note in found.notes) for name in ("bob/work.zip", "carol.zip"))


def test_other_files_at_the_top_are_named(tmp_path):
    hand_in(tmp_path, f"alice/{NOTEBOOK}", "grades.xlsx")
    assert any("grades.xlsx" in note for note in look(tmp_path).notes)


# ---------------------------------------------------------------- roster


def with_roster(tmp_path, text, *students, encoding="utf-8"):
    root = hand_in(tmp_path / "all", *(f"{student}/{NOTEBOOK}" for student in students))
    roster = tmp_path / "roster.csv"
    roster.write_text(text, encoding=encoding)
    return look(root, roster=roster)


@pytest.mark.parametrize(
    "text",
    [
        "alice\nbob\ncarol\n",
        "student\nalice\nbob\ncarol\n",
        "id,student,email\n1,alice,a@x\n2,bob,b@x\n3,carol,c@x\n",
        "username;name\nalice;A\nbob;B\ncarol;C\n",
        "name\tusername\nA A\talice\nB B\tbob\nC C\tcarol\n",
        "name,email\nAlice A,alice@uni.edu\nBob B,bob@uni.edu\nCarol C,carol\n",
        "alice,1\nbob,2\ncarol,3\n",
        "\ufeffstudent\r\nalice\r\nbob\r\ncarol\r\n",
    ],
)
def test_who_is_in_the_roster_and_handed_in_nothing_is_missing(tmp_path, text):
    found = with_roster(tmp_path, text, "alice", "bob")
    assert found.missing == ("carol",)
    assert not any("Not in the roster" in note for note in found.notes)


def test_the_column_of_the_roster_is_told(tmp_path):
    found = with_roster(tmp_path, "student,username\nAda,alice\nBo,bob\nCy,carol\n", "alice", "bob")
    assert found.missing == ("carol",)
    assert any("the column username" in note for note in found.notes)


def test_first_and_last_name_in_two_columns_match_a_full_name(tmp_path):
    text = "First name,Last name,ID number\nAda,Lovelace,1\nBo,Li,2\n"
    assert with_roster(tmp_path, text, "Ada Lovelace").missing == ("Bo Li",)


def test_canvas_gradebook_is_a_roster(tmp_path):
    root = hand_in(tmp_path / "all", f"lovelaceada_12_901_{NOTEBOOK}")
    roster = tmp_path / "roster.csv"
    roster.write_text('Student,ID,Section\n    Points Possible,,\n"Lovelace, Ada",12,A\n"Li, Bo",13,A\n')
    assert look(root, roster=roster).missing == ("Li, Bo",)


def test_moodles_grading_worksheet_is_a_roster(tmp_path):
    root = hand_in(tmp_path / "all", f"Ada Lovelace_12_assignsubmission_file_/{NOTEBOOK}")
    roster = tmp_path / "roster.csv"
    roster.write_text("Identifier,Full name,Grade\nParticipant 12,Ada Lovelace,\nParticipant 13,Bo Li,\n")
    assert look(root, roster=roster).missing == ("Bo Li",)


def test_who_is_not_in_the_roster_is_graded_with_a_note(tmp_path):
    found = with_roster(tmp_path, "student\nalice\n", "alice", "mallory")
    assert [s.student for s in found.submissions] == ["alice", "mallory"]
    assert any("Not in the roster" in note and "mallory" in note for note in found.notes)


def test_a_student_of_the_roster_with_an_empty_folder_is_missing_once(tmp_path):
    hand_in(tmp_path / "all", "bob/")
    assert with_roster(tmp_path, "student\nalice\nbob\n", "alice").missing == ("bob",)


def test_a_roster_in_another_normal_form_or_case_still_finds_the_student_under_his_own_name(tmp_path):
    decomposed = unicodedata.normalize("NFD", "Zoë")
    found = with_roster(tmp_path, "student\nZoë\nBOB\n", decomposed, "bob")
    assert found.missing == ()
    assert {s.student for s in found.submissions} == {decomposed, "bob"}


def test_a_roster_name_that_could_mean_two_students_means_none(tmp_path):
    found = with_roster(tmp_path, "student\nalice\n", "Alice", "ALICE")
    assert found.missing == ("alice",)
    assert any("Alice" in note and "ALICE" in note for note in found.notes)


@posix
def test_a_roster_may_be_a_link_of_the_instructor_but_must_exist(tmp_path):
    root = hand_in(tmp_path / "all", f"alice/{NOTEBOOK}")
    (tmp_path / "real").write_text("student\nalice\nbob\n", encoding="utf-8")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert look(root, roster=tmp_path / "link").missing == ("bob",)
    with pytest.raises(SubmissionsError, match="roster"):
        look(root, roster=tmp_path / "nowhere")


@pytest.mark.parametrize("text", ["", "\n \n", "student,name\n", "student\n\n"])
def test_a_roster_without_names_is_refused(tmp_path, text):
    with pytest.raises(SubmissionsError, match="roster"):
        with_roster(tmp_path, text, "alice")


def test_a_roster_of_windows_is_read(tmp_path):
    assert with_roster(tmp_path, "student\nJosé\nZoë\n", "José", encoding="cp1252").missing == ("Zoë",)
    assert with_roster(tmp_path, "student\nJosé\nZoë\n", "José", encoding="utf-16").missing == ("Zoë",)


# ---------------------------------------------------------------- names


@posix
def test_students_whose_names_differ_in_case_or_normal_form_only_are_kept_apart(tmp_path):
    composed, decomposed = "Zo\u00eb", "Zoe\u0308"
    hand_in(tmp_path, *(f"{name}/{NOTEBOOK}" for name in ("alice", "Alice", composed, decomposed)))
    found = look(tmp_path)
    assert {s.student for s in found.submissions} == {"alice", "Alice", composed, decomposed}
    assert sum("graded apart" in note for note in found.notes) == 2


@posix
@pytest.mark.parametrize(
    "name",
    [
        "new\nline",
        "tab\tand\x1b[31mred",
        "\u202eecila",
        "=cmd|'calc'!A0",
        "<script>alert(1)<script>",
        "a" * 255,
        os.fsdecode(b"latin\xe9"),
        " ",
        "nul",
    ],
)
def test_strange_names_are_kept_exactly_and_never_reach_a_sentence_raw(tmp_path, name):
    hand_in(tmp_path, f"{name}/a.ipynb", f"{name}/b.ipynb", f"bob/{NOTEBOOK}")
    found = look(tmp_path)
    assert name in {s.student for s in found.submissions}
    assert all(note.isprintable() for note in found.notes)


# ---------------------------------------------------------------- hostile files


@posix
def test_links_are_never_followed(tmp_path):
    secret = hand_in(tmp_path / "outside", NOTEBOOK, content="secret")
    root = hand_in(tmp_path / "all", f"alice/{NOTEBOOK}", "bob/", "carol/real.ipynb")
    (root / "bob" / NOTEBOOK).symlink_to(secret / NOTEBOOK)
    (root / "carol" / NOTEBOOK).symlink_to(secret / NOTEBOOK)
    (root / "carol" / "folder").symlink_to(secret)
    (root / "dave").symlink_to(secret)
    (root / "erin.ipynb").symlink_to(root / "alice" / NOTEBOOK)
    found = look(root)
    files = {s.student: s for s in found.submissions}
    assert taken(found, root)["carol"] == "carol/real.ipynb"
    for student in ("bob", "erin"):
        with pytest.raises(SubmissionsError, match="is a link"):
            read_bytes(files[student], limit=100)
    assert set(found.unusable) == {"dave"}


@posix
def test_a_loop_of_links_ends(tmp_path):
    hand_in(tmp_path, f"alice/{NOTEBOOK}")
    (tmp_path / "alice" / "again").symlink_to(tmp_path)
    assert taken(look(tmp_path), tmp_path) == {"alice": f"alice/{NOTEBOOK}"}


@posix
def test_pipes_sockets_and_folders_are_not_read(tmp_path, monkeypatch):
    hand_in(tmp_path, f"alice/{NOTEBOOK}", "bob/", f"carol/{NOTEBOOK}/", "dave/")
    os.mkfifo(tmp_path / "bob" / NOTEBOOK)
    monkeypatch.chdir(tmp_path / "dave")  # the path of a socket must be short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(NOTEBOOK)
        found = look(tmp_path)
        files = {s.student: s for s in found.submissions}
        for student in ("bob", "dave"):
            with pytest.raises(SubmissionsError):
                read_bytes(files[student], limit=100)
    assert found.missing == ("carol",)
    assert any("carol" in note and "is a folder" in note for note in found.notes)
    with pytest.raises(SubmissionsError):
        read_bytes(Submission("carol", tmp_path / "carol" / NOTEBOOK), limit=100)


@posix
def test_a_device_is_not_read():
    with pytest.raises(SubmissionsError, match="plain"):
        read_bytes(Submission("eve", Path("/dev/zero")), limit=100)


def test_a_file_swapped_for_a_link_after_it_was_found_is_not_followed(tmp_path):
    secret = hand_in(tmp_path, "secret", content="secret") / "secret"
    root = hand_in(tmp_path / "all", f"alice/{NOTEBOOK}")
    (submission,) = look(root).submissions
    submission.source.unlink()
    submission.source.symlink_to(secret)
    with pytest.raises(SubmissionsError, match="is a link"):
        read_bytes(submission, limit=100)


@pytest.mark.skipif(not hasattr(os, "O_NOFOLLOW"), reason="needs O_NOFOLLOW")
def test_a_link_that_appears_between_looking_and_opening_is_not_followed(tmp_path, monkeypatch):
    hand_in(tmp_path, "secret", content="secret")
    (tmp_path / "link").symlink_to(tmp_path / "secret")
    monkeypatch.setattr(Path, "is_symlink", lambda _: False)
    with pytest.raises(SubmissionsError, match="cannot be read"):
        read_bytes(Submission("eve", tmp_path / "link"), limit=100)


def test_what_is_gone_or_too_large_is_refused_with_a_sentence(tmp_path):
    hand_in(tmp_path, f"alice/{NOTEBOOK}", content="x" * 11)
    (submission,) = look(tmp_path).submissions
    assert len(read_bytes(submission, limit=11)) == 11
    with pytest.raises(SubmissionsError, match="larger than 10 bytes"):
        read_bytes(submission, limit=10)
    submission.source.unlink()
    with pytest.raises(SubmissionsError, match="cannot be read"):
        read_bytes(submission, limit=10)


@posix
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_costs_only_its_owner(tmp_path):
    hand_in(tmp_path, f"alice/{NOTEBOOK}", f"bob/{NOTEBOOK}", f"carol/{NOTEBOOK}")
    (tmp_path / "bob").chmod(0)
    (tmp_path / "carol" / NOTEBOOK).chmod(0)
    found = look(tmp_path)
    (tmp_path / "bob").chmod(stat.S_IRWXU)
    assert found.missing == ("bob",)
    with pytest.raises(SubmissionsError, match="cannot be read"):
        read_bytes(found.submissions[1], limit=10)


def test_a_folder_that_cannot_be_listed_costs_only_its_owner(tmp_path, monkeypatch):
    hand_in(tmp_path, f"alice/{NOTEBOOK}", f"bob/{NOTEBOOK}")
    scandir = os.scandir

    def refuse(path):
        if Path(path).name == "bob":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    found = look(tmp_path)
    assert [s.student for s in found.submissions] == ["alice"]
    assert found.missing == ("bob",)
    assert any("bob cannot be read" in note for note in found.notes)


@posix
def test_a_very_deep_tree_ends_with_a_sentence(tmp_path):
    hand_in(tmp_path, f"alice/{NOTEBOOK}", "bob/")
    here = os.open(tmp_path / "bob", os.O_RDONLY)
    for _ in range(300):  # 6000 characters: more than a path may have
        os.mkdir("deeper-and-deeper-on", dir_fd=here)
        below = os.open("deeper-and-deeper-on", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    found = look(tmp_path)
    assert found.missing == ("bob",)
    assert any("bob" in note and "deeper than" in note for note in found.notes)


def test_very_many_files_of_one_student_end_with_a_sentence_and_cost_nobody_else(tmp_path, monkeypatch):
    monkeypatch.setattr("course_utils.grading.contents.FILES_PER_STUDENT", 50)
    hand_in(tmp_path, f"alice/{NOTEBOOK}", f"carol/{NOTEBOOK}", *(f"bob/{n % 7}/{n}.txt" for n in range(200)))
    found = look(tmp_path)
    assert [s.student for s in found.submissions] == ["alice", "carol"]
    assert any("bob" in note and "more than 50 files" in note for note in found.notes)


def test_one_folder_full_of_files_does_not_hide_the_notebook_in_another(tmp_path, monkeypatch):
    for module in ("contents", "folders"):
        monkeypatch.setattr(f"course_utils.grading.{module}.FILES_PER_FOLDER", 20)
    hand_in(tmp_path, f"bob/work/{NOTEBOOK}", f"alice/{NOTEBOOK}", *(f"bob/data/{n}.png" for n in range(100)))
    found = look(tmp_path)
    assert taken(found, tmp_path)["bob"] == f"bob/work/{NOTEBOOK}"
    assert any("bob/data" in note and "more than 20 files" in note for note in found.notes)


def test_more_entries_than_any_class_has_students_are_refused(tmp_path, monkeypatch):
    for module in ("submissions", "folders"):
        monkeypatch.setattr(f"course_utils.grading.{module}.FILES_PER_FOLDER", 20)
    hand_in(tmp_path, *(f"{n}.ipynb" for n in range(21)))
    with pytest.raises(SubmissionsError, match="more than 20 entries"):
        look(tmp_path)


def test_nothing_is_written(tmp_path):
    hand_in(tmp_path, f"alice/{NOTEBOOK}", "bob/x.ipynb", "bob/y.ipynb")
    archive = pack(tmp_path / "carol.zip", NOTEBOOK, f"dave/{NOTEBOOK}")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    for submission in (*look(tmp_path).submissions, *look(archive).submissions):
        read_bytes(submission, limit=100)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


# ---------------------------------------------------------------- hostile zips


def test_a_zip_bomb_is_decompressed_no_further_than_the_limit(tmp_path):
    archive = tmp_path / "all.zip"
    with (
        zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file,
        file.open(f"eve/{NOTEBOOK}", "w") as member,
    ):
        for _ in range(200):
            member.write(bytes(2**20))
    (submission,) = look(archive).submissions
    tracemalloc.start()
    with pytest.raises(SubmissionsError, match="larger than"):
        read_bytes(submission, limit=2**20)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20 * 2**20


@pytest.mark.parametrize("claimed", [10, 2**31])
def test_the_size_that_a_header_claims_is_not_believed(tmp_path, claimed):
    content = bytes(5000)
    archive = pack(tmp_path / "all.zip", f"eve/{NOTEBOOK}", content=content)
    data = archive.read_bytes()
    true, false = len(content).to_bytes(4, "little"), claimed.to_bytes(4, "little")
    assert data.count(true) >= 2
    archive.write_bytes(data.replace(true, false))
    (submission,) = look(archive).submissions
    with pytest.raises(SubmissionsError):
        read_bytes(submission, limit=1000)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_that_decompress_without_a_limit_are_refused(tmp_path, method):
    archive = pack(tmp_path / "all.zip", f"eve/{NOTEBOOK}", compression=method)
    (submission,) = look(archive).submissions
    with pytest.raises(SubmissionsError, match="deflate"):
        read_bytes(submission, limit=1000)


def test_an_encrypted_member_is_refused(tmp_path):
    archive = pack(tmp_path / "all.zip", f"eve/{NOTEBOOK}", "alice/x.ipynb")
    data = bytearray(archive.read_bytes())
    central = data.index(b"PK\x01\x02")
    data[6] |= 1
    data[central + 8] |= 1
    archive.write_bytes(data)
    found = look(archive)
    with pytest.raises(SubmissionsError, match="encrypted"):
        read_bytes(found.submissions[1], limit=1000)
    assert read_bytes(found.submissions[0], limit=1000) == b"{}"


def test_a_notebook_that_can_be_read_is_preferred_to_an_encrypted_one_of_a_better_name(tmp_path):
    archive = pack(tmp_path / "all.zip", f"eve/{NOTEBOOK}", "eve/x.ipynb", "alice/x.ipynb")
    data = bytearray(archive.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(data)
    assert taken(look(archive), tmp_path)["eve"] == "eve/x.ipynb"


@pytest.mark.parametrize(
    "member",
    [
        "../../evil.ipynb",
        "/etc/evil.ipynb",
        "C:/evil.ipynb",
        "C:evil.ipynb",
        "..\\evil.ipynb",
        "a/../evil.ipynb",
    ],
)
def test_members_that_lead_elsewhere_are_left_out_with_a_sentence(tmp_path, member):
    archive = pack(tmp_path / "all.zip", f"alice/{NOTEBOOK}", member)
    found = look(archive)
    assert [s.student for s in found.submissions] == ["alice"]
    assert any("evil.ipynb" in note for note in found.notes)


def test_links_in_a_zip_are_not_read(tmp_path):
    link = zipfile.ZipInfo(f"eve/{NOTEBOOK}")
    link.create_system = 3
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    archive = tmp_path / "all.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr(link, "/etc/passwd")
        file.writestr(f"alice/{NOTEBOOK}", "{}")
    with pytest.raises(SubmissionsError, match="is a link"):
        read_bytes(look(archive).submissions[1], limit=1000)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_that_is_there_twice_counts_once_and_is_reported(tmp_path):
    archive = tmp_path / "all.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr(f"eve/{NOTEBOOK}", "first")
        file.writestr(f"eve/{NOTEBOOK}", "last")
    found = look(archive)
    assert [read_bytes(s, limit=10) for s in found.submissions] == [b"last"]
    assert any("more than once" in note for note in found.notes)


def test_overlapping_members_are_refused(tmp_path):
    archive = pack(tmp_path / "all.zip", "a/x.ipynb", "b/x.ipynb", compression=zipfile.ZIP_STORED)
    data = bytearray(archive.read_bytes())
    second = data.rindex(b"PK\x01\x02")
    data[second + 42 : second + 46] = bytes(4)  # where the second begins: at the first
    archive.write_bytes(data)
    with pytest.raises(SubmissionsError):
        read_bytes(look(archive).submissions[1], limit=1000)


def test_a_zip_with_very_long_deep_names_is_listed_in_no_time(tmp_path):
    members = ["d/" * 30_000 + f"{n}.ipynb" for n in range(50)] + [f"{n}/" * 1000 for n in range(200)]
    archive = pack(tmp_path / "all.zip", f"alice/{NOTEBOOK}", *members, "bob/" * 1000 + "x.ipynb")
    start = time.process_time()
    found = look(archive)
    assert time.process_time() - start < 2
    assert [s.student for s in found.submissions] == ["alice"]
    assert len(found.missing) == 201


def test_a_zip_whose_directory_is_enormous_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("course_utils.grading.archives.DIRECTORY_BYTES", 100_000)
    archive = pack(tmp_path / "all.zip", *(f"alice/{n}.txt" for n in range(3000)))
    with pytest.raises(SubmissionsError, match="directory"):
        look(archive)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_damaged_zip_ends_in_a_sentence_or_is_read(tmp_path_factory, data):
    archive = tmp_path_factory.mktemp("damaged") / "all.zip"
    pack(archive, f"alice/{NOTEBOOK}", "bob/x.ipynb", content=b"some content" * 9)
    content = bytearray(archive.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    archive.write_bytes(
        content[: data.draw(st.integers(1, len(content)))] if data.draw(st.booleans()) else content
    )
    told = ""
    try:
        for submission in look(archive).submissions:
            assert len(read_bytes(submission, limit=1000)) <= 1000
    except SubmissionsError as error:
        told = str(error)
    assert told.isprintable()


# ---------------------------------------------------------------- wrong arguments


def test_what_is_no_folder_or_zip_is_refused(tmp_path):
    with pytest.raises(SubmissionsError, match="There is no"):
        look(tmp_path / "nothing")
    hand_in(tmp_path, "text.txt")
    with pytest.raises(SubmissionsError, match="zip"):
        look(tmp_path / "text.txt")


def test_an_empty_folder_or_zip_is_refused(tmp_path):
    hand_in(tmp_path, "all/", "hidden/.DS_Store")
    for path in (tmp_path / "all", tmp_path / "hidden", pack(tmp_path / "empty.zip")):
        with pytest.raises(SubmissionsError, match="empty"):
            look(path)


@pytest.mark.parametrize("path", ["alice/report.pdf", "alice/02_images.ipynb", "readme.txt"])
def test_a_folder_without_the_notebook_is_refused_and_says_which_one_was_looked_for(tmp_path, path):
    hand_in(tmp_path, path)
    with pytest.raises(SubmissionsError, match=NOTEBOOK):
        look(tmp_path)


def test_nothing_is_imported_but_the_standard_library():
    heavy = "{'torch', 'numpy', 'pandas', 'nbformat'} & set(sys.modules)"
    code = f"import sys, course_utils.grading.submissions; assert not {heavy}"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# ---------------------------------------------------------------- laws

safe_names = st.text(
    st.characters(codec="utf-8", exclude_characters="/\\\0:", exclude_categories=["Cs"]), min_size=1
)
special = (".", "__MACOSX", "submitted", "submissions")  # names that mean something of their own
names = safe_names.map(lambda name: name[:40]).filter(lambda name: not name.startswith(special))
files = st.one_of(
    st.sampled_from([NOTEBOOK, "01_manual_backprop (1).ipynb", "work.ipynb", "02_images.ipynb", "notes.txt"]),
    names.map(lambda name: f"{name}.ipynb"),
)
places = st.one_of(
    st.tuples(names, files),
    st.tuples(names, names, files),
    st.tuples(names, st.just("01"), files),
    st.tuples(names.map(lambda name: f"{name}.ipynb")),
    st.tuples(names.map(lambda name: f"{name}_7_assignsubmission_file_"), files),
    st.tuples(names.map(lambda name: f"{name}_1_2_x.ipynb")),
)
trees = st.lists(places, min_size=1, max_size=12)


@posix
@settings(max_examples=300, deadline=None)
@given(tree=trees, zipped=st.booleans())
def test_each_student_comes_once_and_every_notebook_is_taken_or_named(tmp_path_factory, tree, zipped):
    top = tmp_path_factory.mktemp("law")
    root = top / "all"
    root.mkdir()
    for parts in tree:
        try:
            root.joinpath(*parts[:-1]).mkdir(parents=True, exist_ok=True)
            root.joinpath(*parts).write_bytes(b"{}")
        except OSError:  # a name that is a file and a folder, or too long
            continue
    notebooks = {p.relative_to(root) for p in root.rglob("*") if p.is_file() and p.name.endswith(".ipynb")}
    path = root
    if zipped:
        path = top / "all.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for file in root.rglob("*"):
                archive.write(file, file.relative_to(root))
    try:
        found = look(path)
    except SubmissionsError:
        assert not any(file.name == NOTEBOOK and len(file.parts) > 1 for file in notebooks)
        return
    students = [s.student for s in found.submissions]
    assert students == sorted(set(students))
    assert not set(students) & set(found.missing)
    assert list(found.missing) == sorted(set(found.missing))
    assert all(read_bytes(s, limit=10) == b"{}" for s in found.submissions)
    chosen = {Path(s.member) if zipped else s.source.relative_to(root) for s in found.submissions}
    assert len(chosen) == len(found.submissions)
    told = "\n".join(found.notes)
    for notebook in notebooks - chosen:
        name = notebook.as_posix()
        assert (name if name.isprintable() else repr(name)) in told


@posix
@settings(max_examples=100, deadline=None)
@given(students=st.sets(names, min_size=1, max_size=8), absent=st.sets(names, max_size=5))
def test_with_a_roster_each_of_its_students_is_found_or_missing_exactly_once(
    tmp_path_factory, students, absent
):
    top = tmp_path_factory.mktemp("roster")
    for student in students:
        try:
            hand_in(top / "all", f"{student}/{NOTEBOOK}")
        except OSError:
            return
    wanted = {
        name for name in students | absent if name == name.strip() and name.isprintable() and "," not in name
    }
    wanted = {name for name in wanted if not set(name) & set(";\t\"'")}
    if not wanted:
        return
    (top / "roster").write_text("student\n" + "\n".join(wanted), encoding="utf-8")
    found = look(top / "all", roster=top / "roster")
    here = {s.student for s in found.submissions}
    assert len(here) == len(students)
    assert wanted & here == wanted & students
    assert not set(found.missing) & here


# ---------------------------------------------------------------- one file


@pytest.mark.parametrize(
    ("path", "student"),
    [
        (f"bob/{NOTEBOOK}", "bob"),
        ("01_manual_backprop_alice.ipynb", "alice"),
        (f"Anna Weber_77_assignsubmission_file_/{NOTEBOOK}", "Anna Weber"),
        (f"lovelaceada_12_901_{NOTEBOOK}", "lovelaceada"),
    ],
)
def test_one_notebook_has_the_student_that_it_has_among_others(tmp_path, path, student):
    hand_in(tmp_path, path, f"carol/{NOTEBOOK}")
    found = look(tmp_path / path)
    assert [s.student for s in found.submissions] == [student]
    assert found.submissions[0].source.samefile(tmp_path / path)
    assert (found.layout, found.missing) == ("one notebook", ())
    assert any(student in note for note in found.notes)
