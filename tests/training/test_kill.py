"""A training process killed at any moment, and started again by the same call, ends with the same weights."""

import multiprocessing
import random
import signal
import sys
import time

import pytest
import torch
from small_training import same, train_in_a_process

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL and a fork server")


@pytest.fixture(scope="module")
def processes():
    """Start processes from one that has imported everything already."""
    context = multiprocessing.get_context("forkserver")
    # the first optimizer of a process imports torch._dynamo, for a second or two
    context.set_forkserver_preload(["__main__", "torch._dynamo", "small_training"])
    return context


@pytest.fixture(scope="module")
def never_killed(tmp_path_factory):
    """Return what a training leaves that is not killed, and the seconds that it takes."""
    result = tmp_path_factory.mktemp("never killed") / "result.pt"
    started = time.perf_counter()
    train_in_a_process(result, None)
    return torch.load(result), time.perf_counter() - started


def train_and_kill(processes, folder, *, kills, never_killed, draw):
    """Train again and again until it was killed so often; return how often while it was writing."""
    expected, seconds = never_killed
    killed = while_writing = trained = 0
    while killed < kills:
        trained += 1
        result, checkpoint = folder / str(trained) / "result.pt", folder / str(trained) / "training.pt"
        result.parent.mkdir()
        while not result.exists():
            leftovers = half_written(checkpoint)
            process = processes.Process(target=train_in_a_process, args=(result, checkpoint))
            process.start()
            if killed < kills:
                if draw.random() < 0.5:
                    process.join(draw.uniform(0, seconds))
                else:
                    wait_for_writing(process, checkpoint, draw.randint(1, 4))
                process.kill()
            process.join()
            assert process.exitcode in (0, -signal.SIGKILL), "the process failed by itself"
            killed += process.exitcode != 0
            while_writing += half_written(checkpoint) != leftovers
        assert same(torch.load(result), expected)
    return while_writing


def half_written(checkpoint):
    return set(checkpoint.parent.glob(".*.tmp"))


def wait_for_writing(process, checkpoint, number):
    """Wait until the process begins its ``number``-th writing of a checkpoint, or has ended."""
    leftovers, begun = half_written(checkpoint), set()
    while process.is_alive() and len(begun) < number:
        time.sleep(0.0003)
        begun |= half_written(checkpoint) - leftovers


def test_killed_three_times_and_resumed_is_never_killed(processes, never_killed, tmp_path):
    train_and_kill(processes, tmp_path, kills=3, never_killed=never_killed, draw=random.Random(0))


@pytest.mark.slow
def test_killed_at_thirty_moments_also_while_writing_and_resumed_is_never_killed(
    processes, never_killed, tmp_path
):
    while_writing = train_and_kill(
        processes, tmp_path, kills=30, never_killed=never_killed, draw=random.Random()
    )
    assert while_writing >= 5
