"""Workers that are lost, acted in this process: test_many_workers and test_many_cluster kill real ones."""

from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, nullcontext
from types import SimpleNamespace

import pytest
import small_plans
from small_plans import mortal_trials, parallel_here

from course_utils.training import engines
from course_utils.training.many import Trial, fit_many
from course_utils.training.one_trial import train_trial

pytestmark = pytest.mark.usefixtures("as_in_workers")


@contextmanager
def processes(monkeypatch):
    """Run joblib's tasks in this process; a lost worker is the end of all of them."""
    monkeypatch.setattr("joblib.Parallel", parallel_here)
    yield None, BrokenProcessPool()


@contextmanager
def dask(monkeypatch):  # noqa: ARG001 (as for the others)
    """A cluster of threads of this process; of a lost worker Dask raises what it raises of a real one."""
    distributed = pytest.importorskip("distributed")
    with distributed.Client(
        processes=False, n_workers=1, threads_per_worker=1, dashboard_address=None
    ) as client:
        yield client, distributed.KilledWorker("task", SimpleNamespace(address="nowhere"), 0)


@contextmanager
def slurm(monkeypatch):  # noqa: ARG001 (as for the others)
    """An executor whose jobs run when their end is waited for."""
    pytest.importorskip("submitit")
    from submitit.core.utils import UncompletedJobError

    class Job:
        def __init__(self, *call):
            self.call = call

        def done(self):
            return True

        def exception(self):
            function, *arguments = self.call
            try:
                function(*arguments)
            except (UncompletedJobError, KeyError) as error:
                return error

        def cancel(self, **_options):
            pass

    yield SimpleNamespace(batch=nullcontext, submit=Job), UncompletedJobError("killed")


@pytest.fixture(params=[processes, dask, slurm], ids=lambda engine: engine.__name__)
def lossy(request, monkeypatch):
    """Return `fit_many`'s options for an engine whose worker is lost where `mortal` kills its process."""

    def train(study, plan, trial, **options):
        try:
            train_trial(study, plan, trial, **options)
        except type(lost):  # a process that is killed clears nothing away
            study.file(trial, ".running").touch()
            raise

    def die(*_process_and_signal):
        raise lost

    with request.param(monkeypatch) as (cluster, lost):
        monkeypatch.setattr(engines, "train_trial", train)
        monkeypatch.setattr(small_plans.os, "kill", die)
        yield {"engine": request.param.__name__, "cluster": cluster}


def test_a_lost_worker_costs_its_trial_s_time_and_no_result(tmp_path, lossy):
    trials = mortal_trials(tmp_path, dies_at=11)
    results = fit_many(small_plans.mortal, trials, folder=tmp_path / "results", checkpoint_seconds=0, **lossy)
    assert (tmp_path / "deaths").read_text() == "x"
    assert results == fit_many(small_plans.mlp, trials, engine="sequential")
    assert {path.suffix for path in (tmp_path / "results").iterdir()} == {".json"}
    # the step of the death was taken, not saved, and taken again; no earlier one was
    steps = [int(line.split()[2]) for line in (tmp_path / "log").read_text().splitlines() if line[0] == "1"]
    assert steps == [*range(1, 12), *range(11, 19)]


def test_a_trial_that_always_loses_its_worker_fails_the_others_finish_and_the_next_call_tries_again(
    tmp_path, lossy
):
    trials = mortal_trials(tmp_path, dies_at=2, lives=100)
    options = {"folder": tmp_path / "results", **lossy}
    results = fit_many(small_plans.mortal, trials, **options)
    assert [result.status for result in results] == ["done", "failed", "done", "done"]
    assert "Every process that trained it was killed" in results[1].message
    # among others as often as its engine forgives, then alone
    assert (tmp_path / "deaths").read_text() == ("xxx" if lossy["engine"] == "processes" else "xx")
    again = fit_many(small_plans.mlp, trials, name="mortal", **options)
    assert again == fit_many(small_plans.mlp, trials, engine="sequential")


def test_a_result_stays_until_the_one_with_weights_that_are_wanted_now_is_there(tmp_path, lossy):
    trials = [Trial({"lr": 0.1})]
    first = fit_many(small_plans.mlp, trials, folder=tmp_path, **lossy)

    def interrupted(_settings, _seed):
        raise KeyError("the plan was changed")

    with pytest.raises(KeyError):
        fit_many(interrupted, trials, name="mlp", folder=tmp_path, keep_weights=True, **lossy)
    assert fit_many(interrupted, trials, name="mlp", folder=tmp_path, **lossy) == first
    (with_weights,) = fit_many(small_plans.mlp, trials, folder=tmp_path, keep_weights=True, **lossy)
    assert with_weights.load_weights().keys() == {"0.weight", "0.bias", "2.weight", "2.bias"}
