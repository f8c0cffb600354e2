"""For all tests of training."""

from pathlib import Path

import pytest
import torch


@pytest.fixture
def as_in_workers(monkeypatch):
    """Train in this process as workers do, with one thread; and let workers import `small_plans`."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    yield
    torch.set_num_threads(before)
