"""Submitted notebooks are read as data: leniently, and never with anything but cells or a sentence."""

import json

import nbformat
import pytest
from handed_in import code
from hypothesis import given
from hypothesis import strategies as st

from course_utils.grading.reading import MAX_CELLS, MAX_SOURCE, UnreadableError, read_notebook

# What a cell can hold: a carriage return becomes a line feed, and NUL and half characters are replaced.
text = st.text(st.characters(exclude_characters="\r\0", exclude_categories=("Cs",)), max_size=40)
any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["cells", "worksheets", "cell_type", "source", "id"]), inner)
    ),
    max_leaves=15,
)


def as_file(*cells, **more):
    return json.dumps({"cells": list(cells), **more}).encode()


def sources(data):
    return [cell.source for cell in read_notebook(data)]


def gives_cells_or_a_sentence(data):
    try:
        return isinstance(read_notebook(data), list)
    except UnreadableError as error:
        return str(error).endswith(".")


def complaint(data):
    with pytest.raises(UnreadableError) as found:
        read_notebook(data)
    return str(found.value)


# ---------------------------------------------------------------- what is read


@given(st.lists(st.tuples(st.sampled_from(["code", "markdown", "raw"]), text), max_size=6))
def test_the_code_cells_of_any_notebook_are_read_in_order(cells):
    made = nbformat.v4.new_notebook(
        cells=[getattr(nbformat.v4, f"new_{kind}_cell")(source) for kind, source in cells]
    )
    data = nbformat.writes(made).encode()
    assert sources(data) == [
        cell.source for cell in nbformat.reads(data, 4).cells if cell.cell_type == "code"
    ]


@given(st.lists(st.text("ab =('ä∂\n", max_size=20), max_size=5))
def test_a_notebook_of_format_3_is_read_as_nbformat_upgrades_it(cells):
    v3 = nbformat.v3
    made = v3.new_notebook(
        worksheets=[v3.new_worksheet(cells=[v3.new_code_cell(input=source) for source in cells])]
    )
    data = v3.writes_json(made).encode()
    assert sources(data) == [cell.source for cell in nbformat.reads(data.decode(), 4).cells]


@given(st.lists(st.text("ab =\n", max_size=9), max_size=4), st.booleans())
def test_lines_of_format_3_are_joined_as_nbformat_joins_them(lines, ends):
    lines = [line.replace("\n", "") + "\n" * ends for line in lines]
    cell = {"cell_type": "code", "input": lines, "language": "python", "collapsed": False, "outputs": []}
    made = {"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [{"cells": [cell]}]}
    data = json.dumps(made)
    assert sources(data.encode()) == [cell.source for cell in nbformat.reads(data, 4).cells]


def test_the_cells_of_all_worksheets_are_read():
    sheets = [{"cells": [{"cell_type": "code", "input": source}]} for source in ("one", "two")]
    assert sources(json.dumps({"worksheets": sheets}).encode()) == ["one", "two"]


def test_a_source_may_be_a_text_or_a_list_of_lines():
    assert sources(as_file(code("x = 1\ny = 2"), code(["x = 1\n", "y = 2"]))) == ["x = 1\ny = 2"] * 2


def test_ids_and_the_ids_of_nbgrader_are_kept():
    (cell,) = read_notebook(as_file({**code("x"), "id": "ab", "metadata": {"nbgrader": {"grade_id": "ex1"}}}))
    assert (cell.id, cell.grade_id) == ("ab", "ex1")


def test_metadata_outputs_and_the_kernels_name_change_nothing():
    plain = as_file(code("x = 1"))
    dressed = as_file(
        {
            **code("x = 1"),
            "metadata": {"tags": ["check"]},
            "outputs": [{"text": "right"}],
            "execution_count": 7,
        },
        metadata={"kernelspec": {"name": "evil", "argv": ["rm"]}},
        nbformat=99,
    )
    assert read_notebook(dressed) == read_notebook(plain)


# ---------------------------------------------------------------- what is put up with


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_byte_order_marks_and_utf_16_are_put_up_with(encoding):
    data = json.dumps({"cells": [code("größe = '∂'")]}, ensure_ascii=False).encode(encoding)
    assert sources(data) == ["größe = '∂'"]


def test_bytes_of_another_encoding_are_replaced():
    assert sources(as_file(code("# grXsse\nx = 1")).replace(b"X", b"\xf6")) == ["# gr�sse\nx = 1"]


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_windows_and_old_line_ends_become_line_feeds(end):
    assert sources(as_file(code(f"x = 1{end}y = 2{end}"))) == ["x = 1\ny = 2\n"]


def test_raw_control_characters_in_a_text_are_put_up_with():
    assert sources(as_file(code("x\\ty")).replace(b"\\\\t", b"\t")) == ["x\ty"]


@pytest.mark.parametrize("source", [None, 3, {"text/plain": "x"}, [1, None, ["x"]]])
def test_a_source_that_is_no_text_is_empty(source):
    assert sources(as_file(code(source))) == [""]


def test_what_no_source_file_can_hold_is_replaced():
    (source,) = sources(as_file(code("a\0b\ud800c")))
    assert compile(f"'{source}'", "cell", "eval")
    assert source.startswith("a�b")


def test_a_very_long_cell_is_cut():
    assert len(sources(as_file(code("#" * (MAX_SOURCE + 1))))[0]) == MAX_SOURCE


# ---------------------------------------------------------------- what cannot be read


@given(st.binary(max_size=200))
def test_any_bytes_give_cells_or_a_sentence(data):
    assert gives_cells_or_a_sentence(data)


@given(any_json)
def test_any_json_gives_cells_or_a_sentence(value):
    assert gives_cells_or_a_sentence(json.dumps(value).encode())


@given(st.data())
def test_a_notebook_with_some_bytes_changed_gives_cells_or_a_sentence(data):
    changed = bytearray(as_file(code("x = 'ä'"), {"cell_type": "markdown", "source": "text"}, code("y")))
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    assert gives_cells_or_a_sentence(bytes(changed))


@pytest.mark.parametrize("data", [b"", b"  \n", b"\xef\xbb\xbf"])
def test_an_empty_file_is_refused(data):
    complaint(data)


def test_a_file_that_is_cut_off_is_refused_with_the_place():
    data = json.dumps({"cells": [code("x")]}, indent=1).encode()
    cut = data[: data.index(b'"source"')]
    lines = cut.count(b"\n") + 1
    assert f"line {lines}," in complaint(cut)


@pytest.mark.parametrize("content", ["[1, 2]", '"cells"', "{}", '{"cells": 3}', '{"worksheets": {}}', "null"])
def test_json_without_a_list_of_cells_is_refused(content):
    assert "no list of cells" in complaint(content.encode())


@pytest.mark.parametrize("data", [b"[" * 200_000, b'{"cells":' * 100_000])
def test_json_that_is_nested_without_end_is_refused(data):
    assert "nested" in complaint(data)


def test_a_number_of_a_million_digits_is_refused_at_once():
    complaint(b'{"cells": [' + b"1" * 1_000_000 + b"]}")


def test_a_notebook_of_very_many_cells_is_refused():
    assert str(MAX_CELLS) in complaint(as_file(*[code("x")] * (MAX_CELLS + 1)))
