"""The student's page: says what was wrong and what to do, does no harm, and gives nothing away."""

import itertools
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from invented_records import any_text, mark, record

from course_utils.grading.feedback import LONGEST, quoted, write_feedback
from course_utils.grading.records import file_name


class Reader(HTMLParser):
    """Collects the text, the tags in their order and the attributes of a page."""

    def __init__(self, html):
        super().__init__()
        self.texts, self.tags, self.attributes, self.printed = [], [], [], ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.texts.append(data)
        if self.tags[-1:] == ["pre"]:
            self.printed += data

    @property
    def text(self):
        return "".join(self.texts)


def html_of(folder, one):
    return write_feedback(folder, one).read_text(encoding="utf-8")


def text_of(folder, one):
    apart = html_of(folder, one).replace("<t", " <t")  # cells and rows
    return " ".join(Reader(apart).text.split())


def shown(text):
    """Return a student's text as a page should show it."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text.replace("\r\n", "\n"))
    plain = "".join(chr(0x2400 + ord(c)) if c < " " and c not in "\t\n" else c for c in plain)
    plain = plain.replace("\x7f", "␡").replace("\ufffe", "\ufffd").replace("\uffff", "\ufffd")
    return plain.encode("utf-8", "backslashreplace").decode()


def test_who_handed_in_nothing_reads_one_sentence_and_no_table(tmp_path):
    marks = tuple(mark(id=f"1.{n}", status="unjudged", points=0.0) for n in range(30))
    page = Reader(
        html_of(tmp_path, record(state="missing", reason="Nothing was handed in.", exercises=marks))
    )
    assert "table" not in page.tags
    assert "not reached" not in page.text
    given = tuple(mark(id=f"1.{n}", status="unjudged", points=0.0, override=1.0) for n in range(2))
    page = Reader(
        html_of(tmp_path, record(state="missing", reason="Nothing was handed in.", exercises=given))
    )
    assert "table" in page.tags
    assert "Nothing was handed in under your name" not in page.text


def test_an_answer_is_shown_where_points_were_lost_only(tmp_path):
    marks = (
        mark(id="1.1", status="right"),
        mark(id="1.2", status="wrong", points=0.0, message="Wrong sign."),
        mark(id="1.3", status="blank", points=0.0, message="Still blank."),
    )
    answers = {"1.1": "mine = 1", "1.2": "mine = 2", "1.3": "mine = 3"}
    page = write_feedback(tmp_path, record(exercises=marks), answers=answers).read_text(encoding="utf-8")
    assert [n for n in (1, 2, 3) if f"mine = {n}" in page] == [2]


def test_blank_exercises_are_one_line_not_a_section_each(tmp_path):
    marks = [mark(id=f"1.{n}", status="blank", points=0.0, message="Still blank.") for n in range(1, 4)]
    by_hand = mark(id="1.4", status="blank", points=0.0, override=1.0, comment="Told me.")
    page = Reader(html_of(tmp_path, record(exercises=(*marks, by_hand))))
    assert "Left blank: 1.1, 1.2, 1.3." in page.text
    assert page.tags.count("h3") == 1


def test_the_page_has_the_students_file_name(tmp_path):
    path = write_feedback(tmp_path, record(student="Zoë / ../x"))
    assert path == tmp_path / "feedback" / f"{file_name('Zoë / ../x')}.html"
    assert path.is_file()


def test_it_begins_with_the_points_and_says_each_result_in_words(tmp_path):
    marks = [
        mark(id="1.1", status="right"),
        mark(id="1.2", status="wrong", points=0.0),
        mark(id="1.3", status="wrong", points=0.5),
        mark(id="1.4", status="blank", points=0.0),
        mark(id="1.5", status="stopped", points=0.0),
    ]
    text = text_of(tmp_path, record(possible=10.0, exercises=tuple(marks)))
    assert "2.5 of 10 points" in text
    rows = dict(re.findall(r"(1\.\d) two linear layers are one [\d.]+ / 2 . (\D+?) (?=1\.|Ex)", text))
    assert rows == {
        "1.1": "right",
        "1.2": "not right",
        "1.3": "partly right",
        "1.4": "left blank",
        "1.5": "broken off",
    }


def test_a_wrong_answer_is_explained(tmp_path):
    wrong = mark(
        status="wrong", points=0.0, mistake="You summed.", message="It is 3, not 1.", printed="x = 7"
    )
    text = text_of(tmp_path, record(exercises=(wrong,)))
    assert "Probably: You summed." in text
    assert "It is 3, not 1." in text
    assert "What your code printed x = 7" in text


def test_a_right_answer_needs_no_words(tmp_path):
    assert "Exercise by exercise" not in text_of(tmp_path, record())


def test_the_instructors_points_replace_the_automatic_ones_and_his_comment_is_shown(tmp_path):
    by_hand = mark(status="wrong", points=0.5, override=1.5, comment="Nearly.")
    text = text_of(tmp_path, record(exercises=(by_hand,)))
    assert "1.5 of 2 points" in text
    assert "Where your instructor gave points, they replaced the automatic ones." in text
    assert "Your instructor gave 1.5 points instead of 0.5: Nearly." in text


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("unreadable", "Save it and hand in that .ipynb file itself"),
        ("missing", "If you did hand in, tell your instructor"),
        ("failed", "You need not do anything."),
    ],
)
def test_who_was_not_graded_learns_what_to_do(tmp_path, state, words):
    text = text_of(tmp_path, record(state=state, reason="The JSON ends early.", exercises=()))
    assert words in text
    assert "of 2 points" not in text
    assert ("The JSON ends early." in text) == (state == "unreadable")


def test_nothing_that_is_for_the_instructor_alone_is_on_the_page(tmp_path):
    wrong = mark(status="wrong", points=0.0, flags=("Uses autograd.",))
    html = html_of(
        tmp_path, record(file="/srv/marks/alice/01.ipynb", flags=("Suspicious.",), exercises=(wrong,))
    )
    assert not any(secret in html for secret in ("autograd", "Suspicious", "918273645", "bubblewrap", "/srv"))
    assert "01.ipynb" in html


def test_words_between_backticks_are_code(tmp_path):
    html = html_of(tmp_path, record(exercises=(mark(status="wrong", message="Use `a < b` here, not `c."),)))
    assert "Use <code>a &lt; b</code> here, not `c." in html


@settings(max_examples=100, deadline=None)
@given(
    student=any_text(),
    title=any_text(),
    message=any_text(),
    mistake=any_text(),
    printed=any_text(),
    comment=any_text(),
)
def test_every_text_arrives_as_it_is_and_as_text_only(
    tmp_path_factory, student, title, message, mistake, printed, comment
):
    folder = tmp_path_factory.mktemp("out")
    texts = {"title": title, "message": message, "mistake": mistake, "printed": printed, "comment": comment}
    plain_mark = mark(status="wrong", override=1.0, **dict.fromkeys(texts, "x"))
    expected = Reader(html_of(folder, record(exercises=(plain_mark,), student="x")))
    read = Reader(
        html_of(folder, record(exercises=(mark(status="wrong", override=1.0, **texts),), student=student))
    )
    for text in (*texts.values(), student):
        assert re.sub(r"`([^`\n]+)`", r"\1", shown(text)) in re.sub(r"`([^`\n]+)`", r"\1", read.text)
    if printed:
        assert read.printed.startswith("\n" + shown(printed))
    assert set(read.tags) <= set(expected.tags) | {"code"}
    assert not {"script", "img", "link", "iframe", "svg"} & set(read.tags)
    assert not [name for name, _ in read.attributes if name.startswith("on") or name in ("src", "style")]


def test_the_page_forbids_itself_everything_but_its_own_style(tmp_path):
    html = html_of(tmp_path, record())
    policy = re.search(r'Content-Security-Policy"\s+content="([^"]+)"', html)[1]
    directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert directives.pop("style-src") == "'unsafe-inline'"
    assert directives["default-src"] == "'none'"
    assert set(directives.values()) == {"'none'"}
    assert "http:" not in html
    assert "https:" not in html
    assert html.index("Content-Security-Policy") < html.index("<style")


def test_headings_go_down_by_one_and_tables_have_headers(tmp_path):
    html = html_of(tmp_path, record(exercises=(mark(status="wrong", message="No."),)))
    levels = [int(level) for level in re.findall(r"<h(\d)", html)]
    assert levels[0] == 1
    assert all(later <= earlier + 1 for earlier, later in itertools.pairwise(levels))
    assert html.count('<th scope="col"') == 3
    assert html.count('<th scope="row"') == 1
    assert '<html lang="en">' in html
    assert 'name="viewport" content="width=device-width' in html


@pytest.mark.parametrize("ground", ["ground", "soft"])
@pytest.mark.parametrize("ink", ["text", "quiet", "link", "good", "bad"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground_in_both_schemes(tmp_path, scheme, ink, ground):
    """Contrast as in WCAG 2.2, 1.4.3: at least 4.5 to 1."""
    light, dark = re.search(
        r":root \{(.*?)\}.*?:root \{(.*?)\}", html_of(tmp_path, record()), re.DOTALL
    ).groups()
    colours = dict(re.findall(r"--(\w+): #(\w+)", light if scheme == "light" else dark))

    def luminance(name):
        digits = colours[name] if len(colours[name]) == 6 else "".join(2 * c for c in colours[name])
        parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
        red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    lower, higher = sorted((luminance(ink), luminance(ground)))
    assert (higher + 0.05) / (lower + 0.05) >= 4.5


def test_a_flood_of_output_does_not_make_a_flood_of_a_page(tmp_path):
    html = html_of(tmp_path, record(exercises=(mark(printed="y" * 1_000_000),)))
    assert len(html) < 20_000
    assert f"({1_000_000 - LONGEST} more characters)" in html


def test_colours_of_a_terminal_are_left_out_and_control_characters_can_be_seen():
    assert quoted("\x1b[1;31mred\x1b[0m \x00 \x1b]0;") == "red ␀ ␛]0;"


def test_a_name_cannot_turn_the_text_around_it(tmp_path):
    html = html_of(tmp_path, record(student="\u202egnp.exe"))
    assert "<bdi>\u202egnp.exe</bdi>" in html
