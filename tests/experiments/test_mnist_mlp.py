"""A5: the code of A4 on digits."""

import os
from pathlib import Path

import pytest
import torch

from course_utils.experiments.catalogue import EXPERIMENTS
from course_utils.experiments.mnist_mlp import pixels, provenance, run

SETTINGS = EXPERIMENTS["A5"].settings["start N(0, 0.05²)"]
PACKS = Path(os.environ.get("COURSE_DATA") or Path(__file__).parents[3] / "shared" / "data")


def test_pixels_become_rows_between_zero_and_one():
    images = torch.tensor([[[[0, 51], [102, 255]]]], dtype=torch.uint8)
    torch.testing.assert_close(pixels(images), torch.tensor([[0.0, 0.2, 0.4, 1.0]]))


def test_the_embedded_digits_are_learned_and_named_as_what_they_are(monkeypatch):
    monkeypatch.setenv("COURSE_SCALE", "smoke")
    metrics = run({**SETTINGS, "hidden": 50, "epochs": 5}, 0)
    assert metrics["test_accuracy"] > 0.8
    assert "digits" in provenance(SETTINGS, 0).source


@pytest.mark.slow
def test_real_mnist_reaches_97_percent(monkeypatch):
    if not (PACKS / "mnist.parquet").exists():
        pytest.skip(f"no mnist.parquet in {PACKS}: set COURSE_DATA to a folder that has it")
    monkeypatch.setenv("COURSE_SCALE", "laptop")
    monkeypatch.setenv("COURSE_DATA", str(PACKS))
    assert run(SETTINGS, 0)["test_accuracy"] >= 0.97
