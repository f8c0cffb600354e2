"""The instructor's page: its numbers are those of the records, with one student as with 300."""

import re
import statistics
from collections import Counter
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from invented_records import a_class, any_text, mark, record

from course_utils.grading.feedback import write_feedback
from course_utils.grading.gradebook import points_in_words, write_gradebook
from course_utils.grading.overview import MISTAKES, write_overview
from course_utils.grading.similarity import Alike


class Reader(HTMLParser):
    """Collects headings, the rows of the tables under them, links and the text of a page."""

    def __init__(self, html):
        super().__init__()
        self.headings, self.tables, self.links, self.tags = [], {}, [], []
        self.text, self._cell, self._heading = "", None, None
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag in ("h1", "h2", "h3"):
            self._heading = ""
        elif tag == "tr":
            self.tables.setdefault(self.headings[-1], []).append([])
        elif tag in ("th", "td"):
            self._cell = ""
        elif tag == "a":
            self.links.append(dict(attrs)["href"])

    def handle_endtag(self, tag):
        if tag in ("h1", "h2", "h3"):
            self.headings.append(" ".join(self._heading.split()))
            self._heading = None
        elif tag in ("th", "td"):
            self.tables[self.headings[-1]][-1].append(" ".join(self._cell.split()))
            self._cell = None

    def handle_data(self, data):
        self.text += data
        if self._cell is not None:
            self._cell += data
        if self._heading is not None:
            self._heading += data

    def table(self, beginning):
        """Return the rows below the head of the table under a heading."""
        [heading] = [heading for heading in self.tables if heading.startswith(beginning)]
        return self.tables[heading][1:]


def read(folder, records, **more):
    return Reader(write_overview(folder, records, **more).read_text(encoding="utf-8"))


def test_it_counts_submissions_and_says_why_some_are_not_graded(tmp_path):
    records = a_class(60)
    states = Counter(one.state for one in records)
    page = read(tmp_path, records)
    assert f"{60 - states['missing']} submissions, {states['graded']} graded" in page.text
    assert f"{states['unreadable']} could not be graded, {states['missing']} nothing handed in" in page.text
    rows = page.table("Not graded")
    assert {row[0] for row in rows} == {one.student for one in records if one.state != "graded"}
    assert {row[2] for row in rows} == {one.reason for one in records if one.state != "graded"}


def test_the_heading_of_the_histogram_states_the_median(tmp_path):
    records = a_class(60)
    totals = [sum(m.final for m in one.exercises) for one in records if one.state == "graded"]
    median = points_in_words(round(statistics.median(totals), 1))
    page = read(tmp_path, records)
    assert f"Half of the {len(totals)} graded students have at least {median} of 19 points" in page.headings


def test_the_histogram_counts_every_graded_student_once_in_picture_words_and_table(tmp_path):
    records = a_class(60)
    totals = [sum(m.final for m in one.exercises) for one in records if one.state == "graded"]
    path = write_overview(tmp_path, records)
    html = path.read_text(encoding="utf-8")
    expected = Counter(int(total) for total in totals)  # bars are one point wide here
    bars = [int(n) for n in re.findall(r"<rect [^>]*/><text [^>]*>(\d+)</text>", html)]
    assert bars == [expected[points] for points in sorted(expected)]
    spoken = re.search(r'<desc id="figures">[^:]*: (.*?)\.</desc>', html)[1]
    assert spoken == ", ".join(f"{expected[points]} with {points} or more" for points in sorted(expected))
    table = Reader(html).table("Half of")
    assert [int(row[1]) for row in table] == [expected[points] for points in range(20)]
    assert 'role="img" aria-labelledby="finding figures"' in html


def test_bars_stay_within_the_picture(tmp_path):
    html = write_overview(tmp_path, a_class(300)).read_text(encoding="utf-8")
    width, height = map(int, re.search(r'viewBox="0 0 (\d+) (\d+)"', html).groups())
    for x, y, w, h in re.findall(
        r'<rect class="bar" x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"', html
    ):
        assert float(x) + float(w) <= width
        assert float(y) + float(h) <= height


def test_each_exercise_shows_how_many_were_right_wrong_blank_and_stopped(tmp_path):
    records = [one for one in a_class(60) if one.state == "graded"]
    rows = {row[0]: row[1:] for row in read(tmp_path, records).table("The hardest")}
    for place, (id_, title) in enumerate((m.id, m.title) for m in records[0].exercises):
        marks = [one.exercises[place] for one in records]
        counts = Counter(m.status for m in marks)
        shown = rows[f"{id_} {title}"]
        mean = sum(m.final for m in marks) / len(marks)
        assert shown[0] == f"{points_in_words(round(mean, 1))} of {points_in_words(marks[0].possible)}"
        assert [int(cell.split()[0]) for cell in shown[1:]] == [
            counts[status] for status in ("right", "wrong", "blank", "stopped")
        ]


def test_the_hardest_exercise_is_named(tmp_path):
    easy, hard = mark(id="1.1", title="easy"), mark(id="1.2", title="hard", status="wrong", points=0.0)
    assert (
        "The hardest exercise was 1.2 hard: nobody right"
        in read(tmp_path, [record(exercises=(easy, hard))]).headings
    )


def test_the_most_common_mistake_comes_first_with_its_students(tmp_path):
    rare = mark(status="wrong", points=0.0, mistake="The sign is wrong.")
    common = mark(status="wrong", points=0.0, mistake="It is transposed.", message="At 0.12 it is 3.")
    alone = mark(status="wrong", points=0.0, message="It stopped.")
    answers = {"a": rare, "b": common, "c": common, "d": common, "e": rare, "f": alone}
    page = read(tmp_path, [record(student=s, exercises=(answer,)) for s, answer in answers.items()])
    assert page.table("Most common") == [
        ["1.4", "It is transposed.", "3", "b, c, d"],
        ["1.4", "The sign is wrong.", "2", "a, e"],
    ]
    assert "And 1 rarer one" in page.text


def test_messages_that_differ_in_numbers_only_are_one_mistake(tmp_path):
    records = [
        record(student=s, exercises=(mark(status="wrong", message=f"It should be {value}, not 1e-07."),))
        for s, value in zip("ab", (0.25, -3.5e10), strict=True)
    ]
    assert read(tmp_path, records).table("Most common") == [
        ["1.4", "It should be 0.25, not 1e-07. (with other numbers)", "2", "a, b"]
    ]


def test_the_list_of_mistakes_is_limited(tmp_path):
    marks = [mark(id=f"1.{i}", status="wrong", message=f"no {'x' * i}") for i in range(MISTAKES + 5)]
    page = read(tmp_path, [record(exercises=tuple(marks))])
    assert len(page.table("Most common")) == MISTAKES
    assert "And 5 rarer ones" in page.text


def test_flagged_submissions_stand_with_their_reasons(tmp_path):
    flagged = record(student="bob", flags=("Odd metadata.",), exercises=(mark(flags=("Uses `autograd`.",)),))
    page = read(tmp_path, [record(), flagged])
    assert page.table("Flagged") == [["bob", "Odd metadata.1.4: Uses autograd."]]


def test_points_given_by_hand_stand_beside_the_automatic_ones(tmp_path):
    by_hand = mark(status="wrong", points=0.0, override=1.5, comment="Nearly.")
    rows = read(tmp_path, [record(exercises=(by_hand,))]).table("Points given by hand")
    assert rows == [["alice", "1.4 two linear layers are one", "0", "1.5", "Nearly."]]


def test_alike_submissions_are_listed_as_no_reason_to_mark_down_and_copies_apart(tmp_path):
    alike = [
        Alike(("alice", "bob"), ("1.4",), 0.83, "They are alike."),
        Alike(("carol",), ("1.9",), 0.5, "Equal."),
    ]
    page = read(tmp_path, [record(), record(student="bob")], alike=alike)
    assert page.table("Unusually alike") == [["alice, bob", "83 %", "1.4", "They are alike."]]
    assert page.table("Equal to the published") == [["carol", "50 %", "1.9", "Equal."]]
    assert "Listed, never marked down" in page.text


def test_protection_and_notes_are_stated(tmp_path):
    records = [record(), record(student="bob"), record(student="carol", protection="")]
    page = read(tmp_path, records, notes=["`draft.ipynb` was ignored."])
    assert "bubblewrap 0.8.0: no network, 2 GB of memory (2 submissions)" in page.text
    assert "not stated (1 submission)" in page.text
    assert "draft.ipynb was ignored." in page.text


def test_every_link_leads_to_a_file(tmp_path):
    records = a_class(30)
    write_gradebook(tmp_path, records)
    for one in records:
        write_feedback(tmp_path, one)
    page = read(tmp_path, records)
    assert all((tmp_path / link).is_file() for link in page.links)
    assert len({link for link in page.links if link.startswith("feedback/")}) == 30


@pytest.mark.parametrize("n", [1, 300])
def test_every_student_has_a_row_with_his_points(tmp_path, n):
    records = a_class(n)
    rows = read(tmp_path, records).table("All students")
    assert [row[0] for row in rows] == [one.student for one in records]
    no_grade = {"unreadable", "failed"}
    assert [row[1] for row in rows] == [
        "–" if one.state in no_grade else points_in_words(sum(m.final for m in one.exercises))
        for one in records
    ]


def test_a_page_about_300_students_stays_small(tmp_path):
    assert write_overview(tmp_path, a_class(300)).stat().st_size < 300_000


def test_no_submissions_are_no_error(tmp_path):
    page = read(tmp_path, [])
    assert "0 submissions, 0 graded" in page.text
    assert page.headings == ["No submissions"]


def test_a_class_of_which_nothing_could_be_graded_is_no_error(tmp_path):
    page = read(tmp_path, [record(state="failed", reason="The disk is full.", exercises=())])
    assert page.table("Not graded") == [
        ["alice", "grading itself failed", "The disk is full.", "alice/01_manual_backprop.ipynb"]
    ]


def test_exercises_without_points_are_no_error(tmp_path):
    free = mark(points=0.0, possible=0.0)
    page = read(tmp_path, [record(student=s, possible=0.0, exercises=(free,)) for s in "ab"])
    assert "Half of the 2 graded students have at least 0 of 0 points" in page.headings


@settings(max_examples=60, deadline=None)
@given(student=any_text(), flag=any_text(), message=any_text(), reason=any_text(), note=any_text())
def test_whatever_the_texts_the_page_keeps_its_shape(tmp_path_factory, student, flag, message, reason, note):
    def page(student, flag, message, reason, note):
        wrong = mark(status="wrong", message=message, flags=(flag,), override=1.0, comment=note)
        records = [
            record(student=student, file=student, exercises=(wrong,), protection=note),
            record(student=f"{student}2", state="unreadable", reason=reason, exercises=()),
        ]
        alike = [Alike((student, f"{student}2"), (flag,), 1.0, note)]
        return read(tmp_path_factory.mktemp("out"), records, notes=[note], alike=alike)

    strange = page(student, flag, f"{message}.", reason, f"{note}.")
    plain = page("a", "b", "c", "d", "e")
    assert [tag for tag in strange.tags if tag != "code"] == [tag for tag in plain.tags if tag != "code"]
