"""`course results run` and `course results show`."""

import dataclasses
import json

import pytest

from course_utils.evaluation.ledger_rows import COURSE_ROWS, read_rows
from course_utils.experiments import catalogue, circles_mlp, mosaic_stages
from course_utils.experiments.commands import run_key, show
from course_utils.scale import scale
from course_utils.training import many


@pytest.fixture(autouse=True)
def own_rows(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_LEDGER", str(tmp_path))
    return tmp_path


@pytest.fixture
def quick_a1(monkeypatch):
    """A1 with two epochs."""
    experiment = catalogue.EXPERIMENTS["A1"]
    short = {"2-4-2": {**experiment.settings["2-4-2"], "epochs": 2}}
    quick = catalogue.Experiment("A1", "quick", experiment.module, experiment.function, short)
    monkeypatch.setitem(catalogue.EXPERIMENTS, "A1", quick)
    return quick


@pytest.mark.usefixtures("quick_a1")
def test_running_adds_one_complete_row_per_seed_to_the_user_s_ledger(own_rows, capsys):
    course_before = (COURSE_ROWS / "A1.jsonl").read_bytes()
    assert run_key("A1", scale="laptop", seeds=2) == 0
    rows = read_rows("A1", folder=own_rows)
    assert [row.seed for row in rows] == [0, 1]
    assert rows[0].metrics == circles_mlp.manual(rows[0].settings, 0) | {
        "epochs_until_test_loss_0.15": rows[0].metrics["epochs_until_test_loss_0.15"]  # nan is not nan
    }
    assert rows[0].scale == "laptop"
    assert rows[0].data_hash != rows[1].data_hash
    assert rows[0].device.startswith("cpu: ")
    assert rows[0].versions["torch"]
    assert rows[0].command == "course results run A1 --scale laptop --seeds 2"
    assert (COURSE_ROWS / "A1.jsonl").read_bytes() == course_before
    assert "A1, 2-4-2, seed 1: " in capsys.readouterr().out


def test_the_scale_reaches_the_experiment_and_is_put_back(monkeypatch, quick_a1):  # noqa: ARG001
    monkeypatch.delenv("COURSE_SCALE", raising=False)
    seen = []

    def note_scale(_settings, _seed):
        seen.append(scale())
        return {"test_error": 0.5}

    monkeypatch.setattr(circles_mlp, "manual", note_scale)
    assert run_key("A1", scale="full", seeds=1) == 0
    assert seen == ["full"]
    assert scale() == "smoke"


@pytest.mark.usefixtures("quick_a1")
def test_a_run_that_fails_keeps_the_rows_before_it_and_says_why(own_rows, monkeypatch, capsys):
    def fail_at_seed_1(_settings, seed):
        if seed == 1:
            raise RuntimeError("out of memory")
        return {"test_error": 0.5}

    monkeypatch.setattr(circles_mlp, "manual", fail_at_seed_1)
    assert run_key("A1", scale="smoke", seeds=3) == 1
    assert [row.seed for row in read_rows("A1", folder=own_rows)] == [0]
    assert "A1 stopped: out of memory" in capsys.readouterr().err


@pytest.mark.usefixtures("quick_a1")
def test_an_interrupted_run_keeps_its_rows(own_rows, monkeypatch, capsys):
    def interrupt_at_seed_1(_settings, seed):
        if seed == 1:
            raise KeyboardInterrupt
        return {"test_error": 0.5}

    monkeypatch.setattr(circles_mlp, "manual", interrupt_at_seed_1)
    assert run_key("A1", scale="smoke", seeds=3) == 130
    assert len(read_rows("A1", folder=own_rows)) == 1
    assert "Interrupted" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("key", "scale", "seeds", "sentence"),
    [
        ("a1", "smoke", 1, "Did you mean A1?"),
        ("A1", "huge", 1, "The scale is 'huge'"),
        ("A1", "smoke", 0, "at least 1 seed"),
    ],
)
def test_an_argument_that_does_not_exist_is_refused_in_a_sentence(capsys, key, scale, seeds, sentence):
    assert run_key(key, scale=scale, seeds=seeds) == 2
    assert sentence in capsys.readouterr().err


def test_show_prints_every_experiment(capsys):
    assert show(None, as_json=False) == 0
    printed = capsys.readouterr().out
    assert all(f"{key}\n\n| setting" in printed for key in catalogue.EXPERIMENTS)


def test_show_as_json_is_json(capsys):
    assert show("A6", as_json=True) == 0
    comparisons = json.loads(capsys.readouterr().out)
    assert {comparison["key"] for comparison in comparisons} == {"A6"}
    assert {"ours", "reported", "verdict"} <= comparisons[0].keys()


def test_show_refuses_an_unknown_key(capsys):
    assert show("Z9", as_json=False) == 2
    assert "The ledger knows nothing of 'Z9'" in capsys.readouterr().err


def test_show_names_a_damaged_file_and_line_of_the_user_s(own_rows, capsys):
    (own_rows / "A1.jsonl").write_text("half a li", encoding="utf-8")
    assert show("A1", as_json=False) == 1
    assert f"{own_rows / 'A1.jsonl'}, line 1 is damaged" in capsys.readouterr().err


@pytest.mark.usefixtures("quick_a1")
def test_what_has_its_row_is_not_run_again_unless_asked(own_rows, capsys):
    assert run_key("A1", scale="smoke", seeds=1) == 0
    assert run_key("A1", scale="smoke", seeds=2) == 0
    assert [row.seed for row in read_rows("A1", folder=own_rows)] == [0, 1]
    assert "A1, 2-4-2, seed 0: has its row" in capsys.readouterr().out
    assert run_key("A1", scale="smoke", seeds=1, again=True) == 0
    assert [row.seed for row in read_rows("A1", folder=own_rows)] == [0, 1, 0]


def test_a_setting_that_does_not_exist_is_refused_with_those_that_do(own_rows, capsys):
    assert run_key("A6", scale="smoke", seeds=1, setting="crooked") == 2
    assert "A6 has no setting 'crooked'. It has 'centred', 'shifted'." in capsys.readouterr().err
    assert not list(own_rows.iterdir())


def test_a_value_given_for_each_scale_is_taken_at_the_scale():
    settings = {"epochs": {"smoke": 1, "laptop": 10, "full": 50}, "center": {"x": 0.0}, "rate": 0.1}
    assert catalogue.at_scale(settings, "laptop") == {"epochs": 10, "center": {"x": 0.0}, "rate": 0.1}


@pytest.fixture
def stages(monkeypatch):
    """C5 with one short setting, which `fit_many` trains."""
    experiment = catalogue.EXPERIMENTS["C5"]
    short = {"short": experiment.settings["180 epochs, swap every 5"] | {"epochs": 2}}
    monkeypatch.setitem(catalogue.EXPERIMENTS, "C5", dataclasses.replace(experiment, settings=short))
    return mosaic_stages


@pytest.mark.usefixtures("stages")
def test_runs_trained_by_fit_many_are_rows_like_others_and_nothing_else_stays(own_rows):
    assert run_key("C5", scale="smoke", seeds=2) == 0
    rows = read_rows("C5", folder=own_rows)
    assert [(row.setting, row.seed) for row in rows] == [("short", 0), ("short", 1)]
    assert rows[0].metrics != rows[1].metrics
    assert "data_hash" not in rows[0].settings
    assert rows[0].curves["turn"] == [0, 1]
    assert rows[0].seconds > 0
    assert rows[0].device.endswith(", 1 thread")
    assert [file.name for file in own_rows.iterdir() if "lock" not in file.name] == ["C5.jsonl"]


def test_an_interrupted_command_goes_on_with_what_fit_many_had_trained(own_rows, monkeypatch, stages):
    make_plan, planned = stages.plan, []

    def interrupted_at_seed_1(settings, seed):
        planned.append(seed)
        if planned == [0, 1]:
            raise KeyboardInterrupt
        return make_plan(settings, seed)

    # here, not in worker processes, which would not see this function
    monkeypatch.setattr(many, "choose_engine", lambda *_: "sequential")
    monkeypatch.setattr(stages, "plan", interrupted_at_seed_1)
    assert run_key("C5", scale="smoke", seeds=3) == 130
    assert run_key("C5", scale="smoke", seeds=3) == 0
    assert [row.seed for row in read_rows("C5", folder=own_rows)] == [0, 1, 2]
    assert planned == [0, 1, 1, 2]


def test_a_training_that_diverges_leaves_the_other_rows_and_is_named(own_rows, monkeypatch, stages, capsys):
    make_plan = stages.plan

    def diverging_for_seed_0(settings, seed):
        return make_plan(settings | ({"what_rate": 1e30} if seed == 0 else {}), seed)

    monkeypatch.setattr(many, "choose_engine", lambda *_: "sequential")
    monkeypatch.setattr(stages, "plan", diverging_for_seed_0)
    assert run_key("C5", scale="smoke", seeds=2) == 1
    assert [row.seed for row in read_rows("C5", folder=own_rows)] == [1]
    said = capsys.readouterr().err
    assert "1 of 2 runs have no row. short, seed 0, diverged: Training diverged" in said
