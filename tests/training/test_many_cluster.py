"""Trials beyond one machine: the same results from Dask workers and Slurm jobs, whatever happens to them."""

import sys
from pathlib import Path

import pytest
import small_plans
from small_plans import assert_same_to_the_bit, mortal_trials

from course_utils.training.errors import TrainingError
from course_utils.training.many import Trial, fit_many

pytestmark = pytest.mark.usefixtures("as_in_workers")

TRIALS = [Trial({"lr": lr}, seed) for lr in (0.1, 0.3) for seed in (0, 1)]


@pytest.mark.parametrize(("engine", "module"), [("dask", "distributed"), ("slurm", "submitit")])
def test_what_is_not_installed_is_named_with_the_extra_that_brings_it(engine, module, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(TrainingError, match=rf"{module} is not installed\. Install the `cluster` extra"):
        fit_many(small_plans.mlp, TRIALS, engine=engine)


def test_dask_without_a_client_says_how_to_make_one():
    pytest.importorskip("distributed")
    with pytest.raises(TrainingError, match=r"found no Dask client.*cluster=client"):
        fit_many(small_plans.mlp, TRIALS, engine="dask")


def test_slurm_without_an_executor_says_how_to_make_one():
    pytest.importorskip("submitit")
    with pytest.raises(TrainingError, match=r"needs a submitit executor.*cluster=executor"):
        fit_many(small_plans.mlp, TRIALS, engine="slurm")


def test_jobs_have_the_results_of_sequential_training_to_the_bit(tmp_path):
    submitit = pytest.importorskip("submitit")
    executor = submitit.AutoExecutor(tmp_path / "logs", cluster="debug")  # runs jobs in this process
    jobs = fit_many(
        small_plans.mlp, TRIALS, engine="slurm", cluster=executor, folder=tmp_path / "a", keep_weights=True
    )
    alone = fit_many(small_plans.mlp, TRIALS, engine="sequential", folder=tmp_path / "b", keep_weights=True)
    assert {result.engine for result in jobs} == {"slurm"}
    assert_same_to_the_bit(jobs, alone)


def test_a_folder_that_workers_do_not_share_is_said_to_be_the_reason(tmp_path, monkeypatch):
    submitit = pytest.importorskip("submitit")
    executor = submitit.AutoExecutor(tmp_path / "logs", cluster="debug")
    monkeypatch.setattr("course_utils.training.engines.train_trial", lambda *_arguments: None)
    monkeypatch.setattr("course_utils.training.engines.PATIENCE", 0.0)
    with pytest.raises(TrainingError, match="a folder that this process and all workers share"):
        fit_many(small_plans.mlp, TRIALS, engine="slurm", cluster=executor, folder=tmp_path / "results")


@pytest.fixture
def local_executor(tmp_path):
    submitit = pytest.importorskip("submitit")
    executor = submitit.AutoExecutor(tmp_path / "logs", cluster="local")
    executor.update_parameters(timeout_min=10)
    return executor


@pytest.mark.slow
def test_a_killed_job_is_submitted_again_and_goes_on_from_its_checkpoint(tmp_path, local_executor):
    trials = mortal_trials(tmp_path, dies_at=11)
    results = fit_many(
        small_plans.mortal,
        trials,
        engine="slurm",
        cluster=local_executor,
        folder=tmp_path / "results",
        checkpoint_seconds=0,
    )
    assert (tmp_path / "deaths").read_text() == "x"
    assert results == fit_many(small_plans.mlp, trials, engine="sequential")
    steps = [int(line.split()[2]) for line in (tmp_path / "log").read_text().splitlines() if line[0] == "1"]
    assert steps == [*range(1, 12), *range(11, 19)]


@pytest.mark.slow
def test_a_mistake_in_the_plan_reaches_the_caller_from_a_job(tmp_path, local_executor):
    with pytest.raises(Exception, match="lives"):
        fit_many(
            small_plans.mortal,
            [Trial({"log": str(tmp_path / "log"), "dies_at": 1, "deaths": ""})],
            engine="slurm",
            cluster=local_executor,
        )


@pytest.fixture(scope="module")
def cluster():
    """A Dask cluster of two worker processes of one thread each on this machine."""
    distributed = pytest.importorskip("distributed")
    dask = pytest.importorskip("dask")
    with (
        pytest.MonkeyPatch.context() as patch,
        dask.config.set({"distributed.scheduler.allowed-failures": 1}),
    ):
        patch.setenv("PYTHONPATH", str(Path(__file__).parent))
        with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as local:
            yield local


@pytest.fixture
def client(cluster):
    distributed = pytest.importorskip("distributed")
    with distributed.Client(cluster) as client:
        yield client


@pytest.mark.slow
def test_dask_sequential_and_processes_agree_to_the_bit(tmp_path, client):
    trials = [
        Trial({"dropout": dropout, "batch_norm": True}, seed) for dropout in (0.0, 0.5) for seed in (0, 1)
    ]
    results = {
        engine: fit_many(
            small_plans.images, trials, engine=engine, workers=2, folder=tmp_path / engine, keep_weights=True
        )
        for engine in ("sequential", "processes", "dask")  # which finds the client by itself
    }
    assert [{result.engine for result in each} for each in results.values()] == [{name} for name in results]
    assert_same_to_the_bit(results["dask"], results["sequential"])
    assert_same_to_the_bit(results["dask"], results["processes"])
    assert client.status == "running"


@pytest.mark.slow
def test_a_dask_worker_killed_in_the_middle_costs_no_trial(tmp_path, client):
    trials = mortal_trials(tmp_path, dies_at=11)
    results = fit_many(
        small_plans.mortal,
        trials,
        engine="dask",
        cluster=client,
        folder=tmp_path / "results",
        checkpoint_seconds=0,
    )
    assert (tmp_path / "deaths").read_text() == "x"
    assert results == fit_many(small_plans.mlp, trials, engine="sequential")
    assert {path.suffix for path in (tmp_path / "results").iterdir()} == {".json"}


@pytest.mark.slow
def test_a_trial_that_always_kills_its_dask_worker_fails_and_the_others_finish(tmp_path, client):
    trials = mortal_trials(tmp_path, dies_at=2, lives=100)
    results = fit_many(small_plans.mortal, trials, engine="dask", cluster=client, folder=tmp_path / "results")
    assert [result.status for result in results] == ["done", "failed", "done", "done"]
    assert "Every process that trained it was killed" in results[1].message
