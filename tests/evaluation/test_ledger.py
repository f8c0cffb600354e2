"""Means over seeds, the rule of the verdicts, and the tables."""

import dataclasses
import math
import statistics

import pytest

from course_utils.evaluation import ledger
from course_utils.evaluation.ledger import Summary, headline, known_keys, summary, table, verdict
from course_utils.evaluation.ledger_rows import Row, append, read_rows
from course_utils.evaluation.reported import COLUMNS, REPORTED, Reported, read_reported
from course_utils.experiments.catalogue import EXPERIMENTS

ROW = Row("A1", "2-4-2", {"hidden": 4}, 0, {}, "laptop", "circles", "", "cpu", 1.0, {}, "")


def add(folder, seed, error, **changes):
    append(dataclasses.replace(ROW, seed=seed, metrics={"test_error": error}, **changes), folder=folder)


def reported(relation="=", value=0.15, **changes):
    whole = Reported("2-4-2", "test_error", "test error", "0.15", relation, value, 0.005, "", False, "", "")
    return dataclasses.replace(whole, **changes)


def ours(mean, sd, scale="laptop", n=5):
    return Summary("2-4-2", "test_error", mean, sd, n, scale)


@pytest.fixture
def own_rows(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_LEDGER", str(tmp_path))
    return tmp_path


def test_a_summary_has_mean_deviation_and_count_over_seeds(tmp_path):
    values = [0.1, 0.2, 0.6]
    for seed, value in enumerate(values):
        add(tmp_path, seed, value)
    (entry,) = summary("A1", folder=tmp_path)
    assert math.isclose(entry.mean, statistics.mean(values))
    assert math.isclose(entry.sd, statistics.stdev(values))
    assert (entry.setting, entry.metric, entry.n, entry.scale) == ("2-4-2", "test_error", 3, "laptop")


def test_a_seed_run_again_counts_once_with_its_newest_row(tmp_path):
    for value in (0.9, 0.1):
        add(tmp_path, 0, value)
    (entry,) = summary("A1", folder=tmp_path)
    assert (entry.mean, entry.n, entry.sd) == (0.1, 1, 0.0)


def test_only_the_largest_scale_counts(tmp_path):
    add(tmp_path, 0, 0.1, scale="full")
    add(tmp_path, 1, 0.9, scale="laptop")
    add(tmp_path, 2, 0.9, scale="smoke")
    (entry,) = summary("A1", folder=tmp_path)
    assert (entry.mean, entry.n, entry.scale) == (0.1, 1, "full")


@pytest.mark.parametrize("change", [{"settings": {"hidden": 5}}, {"data": "other circles"}])
def test_rows_of_older_settings_or_other_data_are_not_mixed_in(tmp_path, change):
    add(tmp_path, 0, 0.9, **change)
    add(tmp_path, 1, 0.1)
    (entry,) = summary("A1", folder=tmp_path)
    assert (entry.mean, entry.n) == (0.1, 1)


def test_a_diverged_run_shows_in_the_mean_instead_of_vanishing(tmp_path):
    add(tmp_path, 0, 0.1)
    add(tmp_path, 1, math.nan)
    (entry,) = summary("A1", folder=tmp_path)
    assert math.isnan(entry.mean)
    assert verdict(reported(), entry)[0] == "not comparable"


@pytest.mark.parametrize(
    ("relation", "value", "mean", "sd", "expected"),
    [
        ("=", 0.15, 0.169, 0.01, "reproduced"),  # just under 2 sd
        ("=", 0.15, 0.171, 0.01, "differs"),  # just over
        ("=", 0.15, 0.1545, 0.0, "reproduced"),  # rounds to 0.15
        ("=", 0.15, 0.156, 0.0, "differs"),
        ("<=", 0.9, 0.89, 0.0, "reproduced"),
        ("<=", 0.9, 0.93, 0.01, "refuted"),
        ("<=", 0.9, 0.915, 0.01, "differs"),  # broken, but within 2 sd
        (">=", 0.9, 0.91, 0.0, "reproduced"),
        (">=", 0.9, 0.5, 0.01, "refuted"),
        (">=", 0.9, 0.885, 0.01, "differs"),
    ],
)
def test_the_rule_of_the_verdicts(relation, value, mean, sd, expected):
    assert verdict(reported(relation, value), ours(mean, sd)) == (expected, "")


def test_percentages_are_compared_as_percentages():
    assert verdict(reported("=", 15.0, unit="%", rounding=0.5), ours(0.153, 0.0))[0] == "reproduced"


@pytest.mark.parametrize(
    ("entry", "changes", "reason"),
    [
        (None, {}, "not run yet"),
        (ours(0.15, 0.0, scale="smoke"), {}, "not run yet at scale laptop or full"),
        (ours(0.15, 0.0), {"not_comparable": "other data"}, "other data"),
    ],
)
def test_what_cannot_be_compared_says_why(entry, changes, reason):
    word, why = verdict(reported(**changes), entry)
    assert word == "not comparable"
    assert reason in why


def test_the_table_sets_ours_beside_the_report_s_and_the_user_s(own_rows):
    assert "yours" not in table("A1").splitlines()[0]
    add(own_rows, 0, 0.125)
    add(own_rows, 1, 0.125)
    lines = table("A1").splitlines()
    assert [cell.strip() for cell in lines[0].strip("|").split("|")][-1] == "yours"
    (as_printed,) = [line for line in lines if "test error, as printed" in line]
    cells = [cell.strip() for cell in as_printed.strip("|").split("|")]
    values = [row.metrics["test_error"] for row in read_rows("A1")]
    assert cells[2].startswith(
        f"{100 * statistics.mean(values):.2f} ± {100 * statistics.stdev(values):.2f} %"
    )
    assert cells[2].endswith(f"(n = {len(values)})")
    assert cells[3] == "0.15 %"
    assert cells[-1] == "12.500 ± 0.000 % (n = 2)"


def test_the_user_s_rows_never_change_a_verdict_or_the_headline(own_rows):
    before = headline(), [comparison.verdict for comparison in ledger.compare("A6")]
    row = read_rows("A6")[0]
    append(dataclasses.replace(row, seed=77, metrics=dict.fromkeys(row.metrics, 0.0)), folder=own_rows)
    assert (headline(), [comparison.verdict for comparison in ledger.compare("A6")]) == before


def test_the_headline_is_the_same_at_every_scale(monkeypatch):
    monkeypatch.setenv("COURSE_SCALE", "smoke")
    smoke = headline()
    monkeypatch.setenv("COURSE_SCALE", "full")
    assert headline() == smoke
    assert "smoke" not in smoke


@pytest.mark.parametrize("key", ["A1", "A2", "A3", "A4", "A5", "A6"])
def test_every_reported_line_has_a_figure_of_ours_over_three_seeds_or_more(key):
    for comparison in ledger.compare(key, with_yours=False):
        assert comparison.ours is not None, comparison.reported
        assert comparison.ours.n >= 3
        assert math.isfinite(comparison.ours.mean)
        assert comparison.ours.scale in ("laptop", "full")


def test_the_course_s_rows_are_of_real_data():
    for key in known_keys():
        assert not any("stand-in" in row.data.lower() for row in read_rows(key))


def test_degree_two_refutes_the_report_s_degree_six():
    verdicts = {c.reported.metric: c.verdict for c in ledger.compare("A6") if c.reported.setting == "centred"}
    assert verdicts["polynomial_degree_2_coef0_0"] == "refuted"
    assert verdicts["polynomial_degree_2_coef0_1"] == "refuted"
    assert verdicts["linear"] == "reproduced"


def test_a_key_of_which_nothing_is_known_is_refused_with_those_that_are():
    with pytest.raises(ValueError, match="A1, A2"):
        table("Z9")


def test_a_key_without_reported_figures_has_a_table_of_what_was_measured(own_rows):
    add(own_rows, 0, 0.125, key="Z9")
    assert "Z9" in known_keys()
    (line,) = [line for line in table("Z9").splitlines() if "test_error" in line]
    assert [cell.strip() for cell in line.strip("|").split("|")] == [
        "2-4-2", "test_error", "–", "–", "not comparable: the reports say nothing about it", "0.125 (n = 1)",
    ]  # fmt: skip
    (comparison,) = ledger.compare("Z9")
    assert (comparison.ours, comparison.yours.mean) == (None, 0.125)


def write(folder, line):
    (folder / "A1.csv").write_text(",".join(COLUMNS) + "\n" + line + "\n", encoding="utf-8")


def test_the_rounding_of_a_figure_is_half_a_unit_of_its_last_digit(tmp_path):
    write(tmp_path, "s,m,w,p,=,77.57,%,,,")
    (figure,) = read_reported("A1", folder=tmp_path)
    assert math.isclose(figure.rounding, 0.005)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("s,m,w,p,=,much,%,,,", "line 2: the value 'much' is not a number"),
        ("s,m,w,p,=,,%,,,", "line 2: give a value, or say"),
        ("s,m,w,p,<,1,%,,,", "line 2: relation must be"),
        ("s,m,w", "line 2 has not as many cells"),
        ("s,m,w,p,=,1,%,,,,,", "line 2 has not as many cells"),
    ],
)
def test_a_damaged_line_of_a_reported_table_is_named(tmp_path, line, message):
    write(tmp_path, line)
    with pytest.raises(ValueError, match=message):
        read_reported("A1", folder=tmp_path)


# --- differences between settings ---------------------------------------------------------------------------


def test_a_difference_goes_seed_by_seed_over_the_seeds_that_both_have(tmp_path):
    for seed, value in enumerate([0.5, 0.6, 0.7, 0.1]):
        add(tmp_path, seed, value, setting="improved")
    for seed, value in enumerate([0.4, 0.4, 0.4]):
        add(tmp_path, seed, value)
    entry = ledger.difference("A1", "improved", "test_error", ("A1", "2-4-2"), folder=tmp_path)
    assert math.isclose(entry.mean, 0.2)
    assert math.isclose(entry.sd, 0.1)
    assert entry.n == 3


@pytest.mark.parametrize("changes", [{"scale": "full"}, {"data": "other circles"}])
def test_settings_on_other_data_or_scales_are_not_subtracted(tmp_path, changes):
    add(tmp_path, 0, 0.5, setting="improved", **changes)
    add(tmp_path, 0, 0.4)
    assert ledger.difference("A1", "improved", "test_error", ("A1", "2-4-2"), folder=tmp_path) is None
    assert ledger.difference("A1", "improved", "test_error", ("A2", "2-4-2"), folder=tmp_path) is None


@pytest.mark.parametrize(
    ("mean", "sd", "n", "word"),
    [
        (0.10, 0.05, 3, "reproduced"),  # 3.5 standard errors above 0
        (0.05, 0.05, 3, "differs"),  # 1.7
        (-0.05, 0.05, 3, "differs"),
        (-0.10, 0.05, 3, "refuted"),
        (0.10, 0.0, 2, "differs"),  # too few seeds to claim a difference
    ],
)
def test_a_claimed_difference_needs_two_standard_errors_and_three_seeds(mean, sd, n, word):
    claim = reported(">=", 0.0, versus=("A1", "other"))
    found, reason = verdict(claim, ours(mean, sd, n=n))
    assert found == word
    assert reason == (f"{n} seeds do not decide" if word == "differs" else "")


def test_one_seed_never_decides():
    claim = reported(">=", 0.0, versus=("A1", "other"))
    assert verdict(claim, ours(0.1, 0.0, n=1)) == ("differs", "one seed does not decide")


def test_a_table_of_reported_figures_may_name_what_a_claim_is_compared_with(tmp_path):
    lines = [",".join([*COLUMNS, "versus"]), "s,m,w,p,>=,0,,,,,A9: baseline", "s,m,w,p,>=,0,,,,,"]
    (tmp_path / "A1.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert [entry.versus for entry in read_reported("A1", folder=tmp_path)] == [("A9", "baseline"), None]
    (tmp_path / "A1.csv").write_text("\n".join([lines[0], "s,m,w,p,>=,0,,,,,A9"]) + "\n", encoding="utf-8")
    with pytest.raises(ValueError, match="line 2: versus must be KEY: setting"):
        read_reported("A1", folder=tmp_path)


@pytest.mark.parametrize("key", sorted(path.stem for path in REPORTED.glob("*.csv")))
def test_what_a_report_is_held_against_exists(key):
    for entry in read_reported(key):
        assert entry.setting in EXPERIMENTS[key].settings
        if entry.versus is not None:
            assert entry.versus[1] in EXPERIMENTS[entry.versus[0]].settings


def test_counts_are_written_without_decimals_and_single_runs_without_a_deviation():
    assert "| 5 (n = 1)" in table("A8", with_yours=False)
