"""The explorer of improvements: made-up rows of the ledger under two lists."""

import subprocess
import sys

import pytest
from reading_figures import cut_off, overlapping

from course_utils.evaluation.ledger_rows import Row
from course_utils.widgets import improvements
from course_utils.widgets.improvements import improvements_explorer, render_improvements, runs_by_name

CURVES = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")


def row(key, setting, seed, accuracy, *, scale="laptop", data="pack", epochs=3, curves=None, settings=None):
    if curves is None:
        curves = {name: [accuracy + epoch for epoch in range(epochs)] for name in CURVES}
    return Row(
        key=key,
        setting=setting,
        settings=settings or {},
        seed=seed,
        metrics={"test_accuracy": accuracy},
        scale=scale,
        data=data,
        data_hash="",
        device="",
        seconds=1.0,
        versions={},
        command="",
        curves=curves,
    )


ROWS = [
    row("A11", "alone", 0, 0.62),
    row("A11", "alone", 1, 0.66),
    row("A11", "cumulative", 0, 0.7),
    row("A9", "baseline", 0, 0.6),
    row("A9", "baseline", 1, 0.62),
]
ALONE, BASELINE = "A11 crop and flip, alone", "A9 the report's network, baseline"


def title_of(figure):
    return " ".join(figure._suptitle.get_text().replace("\N{NO-BREAK SPACE}", " ").split())


def drawn_lines(figure):
    """Return the heights of every line of the two axes, by the axes' title."""
    return {
        axes.get_title(loc="left"): [list(line.get_ydata()) for line in axes.lines] for axes in figure.axes
    }


def test_runs_are_named_in_words_in_the_order_of_the_keys():
    assert list(runs_by_name(ROWS)) == [BASELINE, ALONE, "A11 crop and flip, cumulative"]


def test_rows_of_other_keys_and_rows_without_curves_are_left_out():
    rows = [*ROWS[:1], row("A5", "x", 0, 0.9), row("A10", "alone", 0, 0.9, curves={})]
    assert list(runs_by_name(rows)) == [ALONE]


def test_of_a_setting_the_newest_rows_of_the_largest_scale_count():
    rows = [
        row("A9", "baseline", 0, 0.1, data="older pack"),
        row("A9", "baseline", 0, 0.2),
        row("A9", "baseline", 1, 0.3, settings={"epochs": 1}),
        row("A9", "baseline", 0, 0.4),
        row("A9", "baseline", 1, 0.5),
        row("A9", "baseline", 2, 0.6, scale="smoke"),
    ]
    (counted,) = runs_by_name(rows).values()
    assert [(r.seed, r.metrics["test_accuracy"]) for r in counted] == [(0, 0.4), (1, 0.5)]


def test_curves_are_means_over_the_seeds():
    figure = render_improvements(runs_by_name(ROWS), run=ALONE, beside=BASELINE)
    for heights in drawn_lines(figure).values():
        assert [pytest.approx(line) for line in heights] == [
            [0.64, 1.64, 2.64],
            [0.64, 1.64, 2.64],
            [0.61, 1.61, 2.61],
            [0.61, 1.61, 2.61],
        ]


def test_the_title_compares_seed_by_seed():
    figure = render_improvements(runs_by_name(ROWS), run=ALONE, beside=BASELINE)
    # gains of 2 and 4 points: mean 3, deviation √2, standard error 1
    assert title_of(figure) == (
        f"{ALONE}: 64.0% of the test images right, +3.0 ± 1.0 points against {BASELINE} "
        "(pairs of seeds: 2; ± one standard error)"
    )


def test_one_pair_of_seeds_has_no_error_and_no_pair_has_no_gain():
    runs = runs_by_name([*ROWS, row("A14", "alone", 7, 0.8)])
    single = title_of(render_improvements(runs, run="A11 crop and flip, cumulative", beside=BASELINE))
    assert "+10.0 points against" in single
    none = title_of(render_improvements(runs, run="A14 batch norm, alone", beside=BASELINE))
    assert none == "A14 batch norm, alone: 80.0% of the test images right (seeds: 1)"


def test_a_run_beside_itself_is_drawn_once():
    figure = render_improvements(runs_by_name(ROWS), run=ALONE, beside=ALONE)
    assert [len(lines) for lines in drawn_lines(figure).values()] == [2, 2]


def test_curves_of_different_lengths_are_cut_to_the_shortest():
    rows = [row("A9", "baseline", 0, 0.5), row("A9", "baseline", 1, 0.5, epochs=2)]
    figure = render_improvements(runs_by_name(rows), run=BASELINE, beside=BASELINE)
    assert all(len(line) == 2 for lines in drawn_lines(figure).values() for line in lines)


def test_nothing_overlaps_or_is_cut_off():
    figure = render_improvements(runs_by_name(ROWS), run=ALONE, beside=BASELINE)
    assert (overlapping(figure), cut_off(figure)) == ([], [])


@pytest.mark.parametrize(
    ("rows", "shown"),
    [
        (ROWS, [ALONE]),
        (
            [*ROWS[2:4], row("A16", "cumulative", 0, 0.5)],
            ["A11 crop and flip, cumulative", "A16 Adam, cumulative"],
        ),
        ([row(f"A{n}", "alone", 0, 0.5) for n in range(9, 17)], [f"A{n}" for n in range(10, 14)]),
    ],
)
def test_the_static_form_shows_up_to_four_improvements_beside_the_first_run(rows, shown, monkeypatch):
    seen = {}
    monkeypatch.setattr(improvements, "explore", lambda _render, **options: seen.update(options))
    improvements_explorer(rows)
    names = list(runs_by_name(rows))
    assert [choice["beside"] for choice in seen["static"]] == [names[0]] * len(shown)
    for choice, start in zip(seen["static"], shown, strict=True):
        assert choice["run"].startswith(start)
    assert seen["run"] == seen["beside"] == names


def test_the_static_explorer_can_be_drawn():
    improvements_explorer(ROWS)


@pytest.mark.parametrize("rows", [[], ROWS[:2]])
def test_fewer_than_two_runs_are_refused_with_the_remedy(rows):
    with pytest.raises(ValueError, match=f"curves of {len(rows) // 2} settings.*course results run A9"):
        improvements_explorer(rows)


def test_the_widget_is_imported_without_torch():
    code = "import sys, course_utils.widgets.improvements; print('torch' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "False"
