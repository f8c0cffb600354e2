"""The explorer of sizes: made-up rows of F6."""

import math
import subprocess
import sys

import pytest
from reading_figures import cut_off, overlapping

from course_utils.evaluation.ledger_rows import Row
from course_utils.widgets import model_size
from course_utils.widgets.model_size import by_size, model_size_explorer, render_model_size

TRUE, NOISY = "true labels", "40 % re-drawn"


def row(labels, width, seed, test_loss, *, key="F6", scale="laptop"):
    return Row(
        key=key,
        setting=f"{labels}, width {width}",
        settings={"width": width},
        seed=seed,
        metrics={
            "train_error": 0.25,
            "test_error": 0.5,
            "train_loss": 0.125,
            "test_loss": test_loss,
            "calibrated_test_loss": 1.0,
        },
        scale=scale,
        data="pack",
        data_hash="",
        device="",
        seconds=1.0,
        versions={},
        command="",
    )


ROWS = [
    row(TRUE, 8, 0, 3.0),
    row(TRUE, 8, 1, 5.0),
    row(TRUE, 2, 0, 2.0),
    row(NOISY, 2, 0, 6.0),
    row(NOISY, 8, 0, 2.5),
    row(NOISY, 32, 0, 9.0),
]


def title_of(figure):
    return " ".join(figure._suptitle.get_text().replace("\N{NO-BREAK SPACE}", " ").split())


def test_rows_are_means_over_seeds_by_labels_and_size_smallest_first():
    found = by_size(ROWS)
    assert {labels: list(sizes) for labels, sizes in found.items()} == {TRUE: [2, 8], NOISY: [2, 8, 32]}
    assert found[TRUE][8]["test_loss"] == 4.0


def test_other_keys_smoke_rows_and_labels_with_one_size_are_left_out():
    rows = [
        *ROWS,
        row("20 % re-drawn", 4, 0, 1.0),
        row(TRUE, 64, 0, 1.0, key="F5"),
        row(TRUE, 8, 2, 99.0, scale="smoke"),
    ]
    found = by_size(rows)
    assert list(found) == [TRUE, NOISY]
    assert found[TRUE][8]["test_loss"] == 4.0
    assert 64 not in found[TRUE]


def test_the_title_reads_off_the_size_that_was_chosen_and_a_line_marks_it():
    figure = render_model_size(by_size(ROWS), labels=TRUE, hidden_units=8)
    assert title_of(figure) == (
        "true labels, 8 hidden units: training error 25.0%, test error 50.0%, test loss 4.00 (1.00 at the "
        "best temperature)"
    )
    assert all(any(set(line.get_xdata()) == {8.0} for line in axes.lines) for axes in figure.axes)


def test_both_panels_show_every_size():
    error, loss = render_model_size(by_size(ROWS), labels=NOISY, hidden_units=2).axes
    assert (len(error.lines), len(loss.lines)) == (3, 4)
    assert loss.lines[1].get_ydata().tolist() == [6.0, 2.5, 9.0]


def test_a_metric_that_is_missing_leaves_a_gap():
    older = [row(TRUE, width, 0, 1.0) for width in (1, 2)]
    for each in older:
        del each.metrics["calibrated_test_loss"]
    found = by_size(older)
    assert math.isnan(found[TRUE][1]["calibrated_test_loss"])
    render_model_size(found, labels=TRUE, hidden_units=1)


def test_nothing_overlaps_or_is_cut_off():
    figure = render_model_size(by_size(ROWS), labels=NOISY, hidden_units=32)
    assert (overlapping(figure), cut_off(figure)) == ([], [])


def test_sizes_to_choose_are_those_of_all_labels_and_the_static_form_shows_the_peaks(monkeypatch):
    seen = {}
    monkeypatch.setattr(model_size, "explore", lambda _render, **options: seen.update(options))
    model_size_explorer(ROWS)
    assert seen["hidden_units"] == [2, 8]
    assert seen["static"] == [{"labels": TRUE, "hidden_units": 8}, {"labels": NOISY, "hidden_units": 2}]


def test_the_static_explorer_can_be_drawn():
    model_size_explorer(ROWS)


@pytest.mark.parametrize("rows", [[], ROWS[:2], [row(TRUE, 1, 0, 1.0), row(NOISY, 2, 0, 1.0)]])
def test_fewer_than_two_sizes_are_refused_with_the_remedy(rows):
    with pytest.raises(ValueError, match="course results run F6"):
        model_size_explorer(rows)


def test_the_widget_is_imported_without_torch():
    code = "import sys, course_utils.widgets.model_size; print('torch' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "False"
