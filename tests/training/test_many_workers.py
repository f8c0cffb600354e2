"""Trials in worker processes: the same results, whatever happens to a worker."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
import small_plans
from small_plans import assert_same_to_the_bit, mortal_trials, parallel_here

from course_utils.training.errors import TrainingError
from course_utils.training.many import Trial, fit_many

pytestmark = pytest.mark.usefixtures("as_in_workers")

# What a notebook does: plan and data are defined in it, in no module that a worker could import.
NOTEBOOK = """
import torch
from torch import nn
from course_utils.data import Split
from course_utils.training.many import Plan, Trial, fit_many

images = torch.randint(256, (40, 1, 6, 6), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
train = Split(images, (images[:, 0, 0, 0] > 127).long())

class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Dropout(0.2))
        self.last = nn.Linear(64, 2)

    def forward(self, x):
        return self.last(self.layers(x).tanh())

def study(settings, seed):
    model = Small()
    optimizer = torch.optim.Adam(model.parameters(), lr=settings["lr"])
    generator = torch.Generator().manual_seed(seed)
    return Plan(model=model, train=train, epochs=2, optimizer=optimizer, generator=generator, batch_size=8)
"""


@pytest.mark.parametrize("workers", ["acted", pytest.param("real", marks=pytest.mark.slow)])
def test_a_plan_defined_in_a_notebook_has_the_same_results_to_the_bit_in_processes(
    tmp_path, monkeypatch, workers
):
    if workers == "acted":
        monkeypatch.setattr("joblib.Parallel", parallel_here)
    cells = {"__name__": "__main__"}
    exec(NOTEBOOK, cells)
    trials = [Trial({"lr": 0.1}, seed) for seed in range(3)]
    results = {
        engine: fit_many(
            cells["study"], trials, engine=engine, workers=2, folder=tmp_path / engine, keep_weights=True
        )
        for engine in ("processes", "sequential")
    }
    assert [{result.engine for result in each} for each in results.values()] == [{name} for name in results]
    assert_same_to_the_bit(results["processes"], results["sequential"])


def test_a_plan_that_cannot_be_sent_is_refused_in_a_sentence():
    stream = sys.stdout

    def plan(settings, seed):
        return small_plans.mlp(settings, seed, callbacks=[lambda _: stream.flush()])

    with pytest.raises(TrainingError, match="cannot be sent to worker processes"):
        fit_many(plan, [Trial({}, 0), Trial({}, 1)], engine="processes")


@pytest.mark.slow
def test_processes_train_as_sequential_to_the_bit(tmp_path):
    trials = [
        Trial({"dropout": dropout, "batch_norm": True}, seed) for dropout in (0.0, 0.5) for seed in (0, 1)
    ]
    alone = fit_many(
        small_plans.images, trials, engine="sequential", folder=tmp_path / "a", keep_weights=True
    )
    together = fit_many(
        small_plans.images, trials, engine="processes", workers=2, folder=tmp_path / "b", keep_weights=True
    )
    assert_same_to_the_bit(together, alone)


@pytest.mark.slow
def test_a_killed_worker_costs_its_trial_s_time_and_no_result(tmp_path):
    trials = mortal_trials(tmp_path, dies_at=11)
    results = fit_many(
        small_plans.mortal,
        trials,
        engine="processes",
        workers=2,
        folder=tmp_path / "results",
        checkpoint_seconds=0,
    )
    assert (tmp_path / "deaths").read_text() == "x"
    undisturbed = fit_many(small_plans.mlp, trials, engine="sequential")
    assert results == undisturbed
    left = {path.suffix for path in (tmp_path / "results").iterdir()}
    assert left - {".tmp"} == {".json"}  # a worker that is stopped while it writes leaves its half
    # the step of the death was taken, not saved, and taken again by another process; no earlier one was
    steps = [line.split() for line in (tmp_path / "log").read_text().splitlines()]
    by_process = {}
    for seed, process, step in steps:
        if seed == "1":
            by_process.setdefault(process, []).append(int(step))
    assert list(by_process.values()) == [[*range(1, 12)], [*range(11, 19)]]


@pytest.mark.slow
def test_a_trial_that_always_kills_its_worker_fails_and_the_others_finish(tmp_path):
    trials = mortal_trials(tmp_path, dies_at=2, lives=100)
    results = fit_many(small_plans.mortal, trials, engine="processes", workers=2, folder=tmp_path / "results")
    assert [result.status for result in results] == ["done", "failed", "done", "done"]
    assert "Every process that trained it was killed" in results[1].message
    assert (tmp_path / "deaths").read_text() == "xxx"  # twice beside others, then alone


INTERRUPTED = """
import sys
import time
import small_plans
from course_utils.training.many import Trial, fit_many

def slow(settings, seed):
    return small_plans.mlp(settings, seed, callbacks=[lambda _: time.sleep(settings["sleep"])])

if __name__ == "__main__":
    trials = [Trial({"sleep": 0.05 if seed < 2 else 0.3}, seed) for seed in range(6)]
    fit_many(slow, trials, engine="processes", workers=2, folder=sys.argv[1], checkpoint_seconds=0)
    print("finished")
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT to send")
@pytest.mark.parametrize("whole_group", [False, True], ids=["the process", "its workers too"])
def test_ctrl_c_leaves_whole_results_and_the_same_call_goes_on(tmp_path, whole_group):
    script, folder = tmp_path / "script.py", tmp_path / "results"
    script.write_text(INTERRUPTED)
    command = [sys.executable, str(script), str(folder)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    until = time.monotonic() + 300
    while len(list(folder.glob("*.json"))) < 2 and time.monotonic() < until:
        time.sleep(0.05)
    (os.killpg if whole_group else os.kill)(process.pid, signal.SIGINT)
    said, errors = process.communicate(timeout=60)
    assert "finished" not in said
    assert "KeyboardInterrupt" in errors
    written = {path: path.read_bytes() for path in folder.glob("*.json")}
    assert 2 <= len(written) < 6
    assert all(json.loads(content)["status"] == "done" for content in written.values())
    again = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert again.stdout.strip() == "finished", again.stderr
    assert len(list(folder.glob("*.json"))) == 6
    assert {path: path.read_bytes() for path in written} == written  # not computed again
