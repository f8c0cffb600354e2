"""The one switch for how much is computed."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from course_utils.scale import SCALES, pick, scale

# What an operating system accepts in an environment variable.
TEXT = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]))


def test_without_the_variable_the_scale_is_smoke(monkeypatch):
    monkeypatch.delenv("COURSE_SCALE", raising=False)
    assert scale() == "smoke"


def test_an_empty_variable_is_no_choice(monkeypatch):
    monkeypatch.setenv("COURSE_SCALE", "  ")
    assert scale() == "smoke"


@pytest.mark.parametrize("name", SCALES)
def test_the_variable_chooses_whatever_its_case_and_spaces(monkeypatch, name):
    for text in (name, name.upper(), f" {name.title()} "):
        monkeypatch.setenv("COURSE_SCALE", text)
        assert scale() == name


@given(text=TEXT)
def test_any_other_text_is_refused_with_the_choices(text):
    assume(text.strip().lower() not in ("", *SCALES))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_SCALE", text)
        with pytest.raises(ValueError, match="COURSE_SCALE") as refused:
            scale()
    for name in SCALES:
        assert name in str(refused.value)


@pytest.mark.parametrize(("name", "value"), [("smoke", 1), ("laptop", 20), ("full", 300)])
def test_pick_returns_the_value_of_the_current_scale(monkeypatch, name, value):
    monkeypatch.setenv("COURSE_SCALE", name)
    assert pick(smoke=1, laptop=20, full=300) == value
