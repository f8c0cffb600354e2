"""The explorer of label noise: made-up curves, and made-up rows of the ledger, under a slider."""

import math
import subprocess
import sys

import pytest
from reading_figures import cut_off, overlapping

from course_utils.evaluation.ledger_rows import Row
from course_utils.widgets import label_noise
from course_utils.widgets.label_noise import label_noise_explorer, ledger_curves, render_label_noise

CURVES = {
    "clean_accuracy": [0.1, 0.8, 0.9, 1.0],
    "corrupted_accuracy": [0.1, 0.2, 0.6, 1.0],
    "test_accuracy": [0.1, 0.75, 0.7, 0.6],
}


def row(setting, seed=0, *, curves=CURVES, scale="laptop"):
    return Row(
        key="D1",
        setting=setting,
        settings={},
        seed=seed,
        metrics={},
        scale=scale,
        data="pack",
        data_hash="",
        device="",
        seconds=1.0,
        versions={},
        command="",
        curves=curves,
    )


def title_of(figure):
    return " ".join(figure._suptitle.get_text().replace("\N{NO-BREAK SPACE}", " ").split())


def test_the_title_compares_the_best_epoch_with_the_last():
    assert title_of(render_label_noise(CURVES, percent=40, source="digits")) == (
        "40 % re-drawn (digits): at epoch 1 clean labels 80%, re-drawn 20%, test 75%; "
        "at epoch 3 re-drawn 100%, test 60%"
    )


def test_epochs_may_begin_with_1():
    assert "at epoch 2 clean labels 80%" in title_of(
        render_label_noise(CURVES, percent=40, source="digits", first_epoch=1)
    )


def test_a_part_without_rows_is_a_dash():
    nothing = CURVES | {"corrupted_accuracy": [math.nan] * 4}
    assert "clean labels 80%, re-drawn –" in title_of(render_label_noise(nothing, percent=0, source="x"))


def test_without_clean_labels_there_is_nothing_to_learn():
    nothing = CURVES | {"clean_accuracy": [math.nan] * 4}
    assert title_of(render_label_noise(nothing, percent=100, source="digits")) == (
        "100 % re-drawn (digits): nothing to learn; at epoch 3 re-drawn 100%, test 60%"
    )


def test_nothing_overlaps_or_is_cut_off():
    figure = render_label_noise(CURVES, percent=40, source="CIFAR-10, from the ledger")
    assert (overlapping(figure), cut_off(figure)) == ([], [])


def test_rows_become_curves_by_their_fraction_in_rising_order():
    found = ledger_curves([row("p = 50"), row("p = 5"), row("p = 10")])
    assert list(found) == [0.05, 0.1, 0.5]
    assert found[0.5] == CURVES


def test_a_part_without_rows_has_no_numbers():
    without = {name: CURVES[name] for name in ("clean_accuracy", "test_accuracy")}
    (found,) = ledger_curves([row("p = 0", curves=without)]).values()
    assert found["test_accuracy"] == CURVES["test_accuracy"]
    assert len(found["corrupted_accuracy"]) == 4
    assert all(map(math.isnan, found["corrupted_accuracy"]))


def test_of_a_setting_the_smallest_seed_of_the_counted_rows_is_drawn():
    first = CURVES | {"test_accuracy": [0.1, 0.2, 0.3, 0.4]}
    found = ledger_curves([row("p = 5", 1), row("p = 5", 0, curves=first), row("p = 5", -1, scale="smoke")])
    assert found[0.05] == first


@pytest.mark.parametrize(
    "other",
    [row("inputs, p = 5"), row("p = 5", curves={}), row("p = 5", curves=CURVES | {"test_accuracy": [0.5]})],
)
def test_rows_of_other_settings_and_rows_without_curves_are_left_out(other):
    assert ledger_curves([other]) == {}


@pytest.mark.parametrize(
    ("fractions", "shown"),
    [([0.4], [40]), ([0.1, 0.4], [10, 40]), ([0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 1.0], [5, 20, 40, 100])],
)
def test_the_static_form_shows_up_to_four_levels(fractions, shown, monkeypatch):
    seen = {}
    monkeypatch.setattr(label_noise, "explore", lambda _render, **options: seen.update(options))
    label_noise_explorer(dict.fromkeys(fractions, CURVES), source="digits")
    assert [choice["percent"] for choice in seen["static"]] == shown
    assert seen["percent"] == [round(100 * fraction) for fraction in fractions]


def test_the_static_explorer_can_be_drawn():
    label_noise_explorer({0.4: CURVES}, source="digits")


def test_without_curves_there_is_nothing_to_explore():
    with pytest.raises(ValueError, match="no curves to explore"):
        label_noise_explorer({}, source="digits")


def test_the_widget_is_imported_without_torch():
    code = "import sys, course_utils.widgets.label_noise; print('torch' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "False"
