"""The ledger's files: nothing is lost, nothing is half-written, damage is named."""

import dataclasses
import json
import math
import os
import subprocess
import sys

import pytest

from course_utils.evaluation import ledger_rows
from course_utils.evaluation.ledger_rows import LedgerError, Row, append, keys_with_rows, read_rows, user_rows

ROW = Row(
    key="A1",
    setting="2-4-2",
    settings={"hidden": 4},
    seed=0,
    metrics={"test_error": 0.25},
    scale="laptop",
    data="circles",
    data_hash="abc",
    device="cpu",
    seconds=1.5,
    versions={"torch": "2.6"},
    command="course results run A1",
)


def test_rows_come_back_as_they_were_in_their_order(tmp_path):
    rows = [dataclasses.replace(ROW, seed=seed, setting=f"größe {seed}") for seed in range(3)]
    for row in rows:
        append(row, folder=tmp_path)
    assert read_rows("A1", folder=tmp_path) == rows


def test_the_rows_that_count_stand_in_the_order_in_which_they_were_added():
    rows = [dataclasses.replace(ROW, seed=seed, seconds=n) for n, seed in enumerate((0, 1, 2, 0))]
    assert ledger_rows.counted(rows) == [rows[1], rows[2], rows[3]], "the last one is the newest of all"


def test_rows_of_an_unknown_scale_count_only_where_there_are_no_others():
    rows = [dataclasses.replace(ROW, scale=scale) for scale in ("smoke", "huge")]
    assert ledger_rows.counted(rows) == rows[:1]
    assert ledger_rows.counted(rows[1:]) == rows[1:]


def test_a_key_without_a_file_has_no_rows(tmp_path):
    assert read_rows("B4", folder=tmp_path) == []


def test_numbers_that_are_not_finite_are_kept_as_nan_in_valid_json(tmp_path):
    path = append(dataclasses.replace(ROW, metrics={"loss": math.inf}), folder=tmp_path)
    json.loads(path.read_text(encoding="utf-8"), parse_constant=lambda name: pytest.fail(name))
    assert math.isnan(read_rows("A1", folder=tmp_path)[0].metrics["loss"])


def test_only_the_key_s_file_is_left_behind(tmp_path):
    append(ROW, folder=tmp_path)
    left = [path.name for path in tmp_path.iterdir() if path.suffix != ".lock" or sys.platform != "win32"]
    assert left == ["A1.jsonl"]


def test_a_write_that_fails_leaves_the_file_as_it_was(tmp_path, monkeypatch):
    path = append(ROW, folder=tmp_path)
    before = path.read_bytes()

    def full_disk(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(ledger_rows.os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        append(dataclasses.replace(ROW, seed=1), folder=tmp_path)
    assert path.read_bytes() == before
    assert not list(tmp_path.glob("*.tmp"))


def test_a_last_line_without_its_end_is_not_glued_to_the_next(tmp_path):
    path = append(ROW, folder=tmp_path)
    path.write_text(path.read_text(encoding="utf-8").rstrip("\n"), encoding="utf-8")
    append(dataclasses.replace(ROW, seed=1), folder=tmp_path)
    assert [row.seed for row in read_rows("A1", folder=tmp_path)] == [0, 1]


def test_rows_written_by_several_processes_at_once_are_all_there(tmp_path):
    program = (
        "import sys; from pathlib import Path; from course_utils.evaluation.ledger_rows import Row, append\n"
        "for seed in range(20):\n"
        "    append(Row('A1', sys.argv[1], {}, seed, {}, 'smoke', '', '', '', 0.0, {}, ''),"
        " folder=Path(sys.argv[2]))\n"
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", program, name, os.fspath(tmp_path)])
        for name in ("a", "b", "c")
    ]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    found = sorted((row.setting, row.seed) for row in read_rows("A1", folder=tmp_path))
    assert found == [(name, seed) for name in ("a", "b", "c") for seed in range(20)]


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("{not json", "it is not JSON"),
        ("[1, 2]", "it is not a JSON object"),
        ('{"key": "A1"}', "it has no 'setting'"),
        (json.dumps({**dataclasses.asdict(ROW), "seed": "zero"}), "'seed' is 'zero'"),
        (json.dumps({**dataclasses.asdict(ROW), "seed": True}), "'seed' is True"),
        (json.dumps({**dataclasses.asdict(ROW), "metrics": {"loss": "low"}}), "the metric 'loss' is 'low'"),
        (json.dumps({**dataclasses.asdict(ROW), "curves": {"loss": [1, "low"]}}), "the curve 'loss' is"),
        ("[" * 100_000, "it is not JSON"),
    ],
)
def test_a_damaged_line_is_refused_with_file_and_line(tmp_path, line, what):
    path = append(ROW, folder=tmp_path)
    with path.open("a", encoding="utf-8") as file:
        file.write("\n" + line + "\n")
    with pytest.raises(LedgerError) as refusal:
        read_rows("A1", folder=tmp_path)
    assert f"{path}, line 3 is damaged: {what}" in str(refusal.value)


def test_bytes_that_are_no_text_are_refused_with_file_and_line(tmp_path):
    path = append(ROW, folder=tmp_path)
    path.write_bytes(path.read_bytes() + b"\xff\xfe\n")
    with pytest.raises(LedgerError, match=r"A1\.jsonl, line 2 is damaged: it is not UTF-8 text"):
        read_rows("A1", folder=tmp_path)


@pytest.mark.parametrize("key", ["../A1", "a1", "A", "A1.jsonl", ""])
def test_what_is_no_key_never_becomes_a_file_name(tmp_path, key):
    with pytest.raises(ValueError, match="not a key"):
        append(dataclasses.replace(ROW, key=key), folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_keys_are_ordered_by_letter_and_number(tmp_path):
    for key in ("B1", "A10", "A2"):
        append(dataclasses.replace(ROW, key=key), folder=tmp_path)
    assert keys_with_rows(folder=tmp_path) == ["A2", "A10", "B1"]


def test_the_user_s_folder_can_be_chosen_and_is_not_the_course_s(tmp_path, monkeypatch):
    monkeypatch.delenv("COURSE_LEDGER", raising=False)
    assert user_rows() != ledger_rows.COURSE_ROWS
    monkeypatch.setenv("COURSE_LEDGER", str(tmp_path))
    assert user_rows() == tmp_path
    append(ROW)
    assert read_rows("A1", folder=tmp_path) == [ROW]


def test_curves_come_back_as_they_were_also_where_they_diverged(tmp_path):
    append(dataclasses.replace(ROW, curves={"test_loss": [2.5, math.inf, math.nan]}), folder=tmp_path)
    (row,) = read_rows("A1", folder=tmp_path)
    assert row.curves["test_loss"][0] == 2.5
    assert all(math.isnan(value) for value in row.curves["test_loss"][1:])


def test_a_row_from_before_there_were_curves_has_none(tmp_path):
    old = {name: value for name, value in dataclasses.asdict(ROW).items() if name != "curves"}
    (tmp_path / "A1.jsonl").write_text(json.dumps(old) + "\n", encoding="utf-8")
    (row,) = read_rows("A1", folder=tmp_path)
    assert row.curves == {}
