"""Devices and threads."""

import contextlib

import pytest
import torch
from torch import nn

from course_utils.training.devices import best_device, describe_device, enough_threads, one_thread


@pytest.mark.parametrize(
    ("cuda", "mps", "expected"), [(True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")]
)
def test_a_gpu_comes_before_apple_before_the_cpu(monkeypatch, cuda, mps, expected):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert best_device().type == expected


def test_one_thread_holds_inside_the_block_only_even_after_an_error():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with contextlib.suppress(RuntimeError), one_thread():
            assert torch.get_num_threads() == 1
            raise RuntimeError
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_a_cpu_is_described_with_its_threads():
    with one_thread():
        assert describe_device(torch.device("cpu")).endswith(", 1 thread")


@pytest.mark.parametrize(("model", "threads"), [(nn.Linear(2, 50), 1), (nn.Linear(200, 50), 2)])
def test_a_tiny_model_is_computed_with_one_thread_others_with_all(model, threads, monkeypatch):
    monkeypatch.setattr("course_utils.machine.cores", lambda: 2)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with enough_threads(model):
            assert torch.get_num_threads() == threads
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
