"""Executed notebooks as pages: readable without a network, and by those who cannot see the figures."""

import re

import nbformat
import pytest

from course_utils.execution import Outcome
from course_utils.pages import with_mathml, write_page


def notebook_of(text):
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(text)])


@pytest.mark.parametrize(
    ("text", "formulas"),
    [
        ("the loss $\\ell$ and $\\hat y - y$", 2),
        ("$$\\sum_i\ny_i$$", 1),
        ("costs 5 $ only", 0),
        ("`$HOME$` and ```\n$a$\n```", 0),
        ("`code` then $x$", 1),
    ],
)
def test_formulas_become_mathml_and_code_stays(text, formulas):
    source = with_mathml(notebook_of(text)).cells[0].source
    assert source.count("<math") == formulas
    assert ("$" in source) == (formulas == 0)


def test_the_notebook_itself_is_not_changed():
    notebook = notebook_of("$x$")
    with_mathml(notebook)
    assert notebook.cells[0].source == "$x$"


def test_a_page_loads_nothing_from_elsewhere(tmp_path):
    outcome = Outcome(name="one", notebook=notebook_of("# Title\n\n$x^2$"), seconds=1.0)
    page = write_page(outcome, tmp_path).read_text(encoding="utf-8")
    assert "<msup>" in page
    assert '<script src="http' not in page
    assert not re.search(r'<(script|link|img)[^>]*(src|href)="http', page)
