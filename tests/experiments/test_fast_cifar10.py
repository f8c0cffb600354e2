"""E1: the ladder adds one thing at a time, every rung runs, and the last reaches the report's accuracy."""

import os
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import nn

from course_utils.evaluation.ledger import compare
from course_utils.experiments import fast_cifar10
from course_utils.experiments.catalogue import EXPERIMENTS, at_scale
from course_utils.experiments.fast_cifar10 import FlipAverage, muon, provenance, run, sgd
from course_utils.models.fast_cnn import fast_cnn

SETTINGS = EXPERIMENTS["E1"].settings
LADDER = ["SGD, 32 bits", "+ 16 bits", "+ whitening", "+ label smoothing", "+ Muon"]
PACKS = Path(os.environ.get("COURSE_DATA") or Path(__file__).parents[3] / "shared" / "data")


@pytest.fixture
def few_images(monkeypatch):
    cifar = fast_cifar10.load("cifar10", scale="smoke")
    for part in (cifar.train, cifar.test):
        part.images, part.labels = part.images[:200], part.labels[:200]
    monkeypatch.setattr(fast_cifar10, "load", lambda _: cifar)
    return cifar


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.usefixtures("few_images")
def test_every_setting_runs_and_says_what_it_cost(name):
    outcome = run(at_scale(SETTINGS[name], "smoke") | {"epochs": 1, "widths": [8, 8]}, seed=0)
    assert set(outcome) == {"test_accuracy", "train_seconds", "cpu_seconds"}
    assert 0 <= outcome["test_accuracy"] <= 1
    assert outcome["train_seconds"] > 0
    assert outcome["cpu_seconds"] > 0


def test_each_rung_adds_one_thing():
    added = [
        {what for what in after if after[what] != before[what]}
        for before, after in pairwise([SETTINGS[name] for name in LADDER])
    ]
    # a learning rate of SGD means nothing to Muon
    assert added == [{"half_precision"}, {"whitening"}, {"label_smoothing"}, {"optimizer", "learning_rate"}]


@pytest.mark.usefixtures("few_images")
def test_a_seed_decides_the_result():
    settings = at_scale(SETTINGS["+ Muon"], "smoke")
    results = [run(settings, seed)["test_accuracy"] for seed in (0, 0, 1)]
    assert results[0] == results[1]
    assert results[0] != results[2]


def test_the_stand_in_is_learned_and_named_as_what_it_is(monkeypatch):
    monkeypatch.setenv("COURSE_SCALE", "smoke")
    settings = at_scale(SETTINGS["+ Muon"], "smoke")
    assert run(settings, 0)["test_accuracy"] > 0.8
    assert "stand-in" in provenance(settings, 0).source


def test_flip_averaged_logits_are_those_of_an_image_and_its_mirror_image():
    network = nn.Sequential(nn.Flatten(), nn.Linear(12, 5))
    images = torch.rand(7, 1, 3, 4, generator=torch.Generator().manual_seed(0))
    logits = FlipAverage(network)(images)
    torch.testing.assert_close(logits, (network(images) + network(torch.flip(images, dims=[3]))) / 2)
    torch.testing.assert_close(logits, FlipAverage(network)(images.flip(3)))


@pytest.mark.parametrize(("make", "whole"), [(muon, 10), (sgd, 10)])
def test_the_rate_of_every_group_ends_near_zero_and_no_frozen_parameter_is_held(make, whole):
    images = torch.zeros(3, 3, 8, 8, dtype=torch.uint8)
    network = fast_cnn(images, generator=torch.Generator().manual_seed(0), widths=(4,))
    optimizer, schedule = make(network, 0.1, whole)
    held = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
    assert held == {id(parameter) for parameter in network.parameters() if parameter.requires_grad}
    highest = [0.0 for _ in optimizer.param_groups]
    for _ in range(whole):
        highest = [max(h, group["lr"]) for h, group in zip(highest, optimizer.param_groups, strict=True)]
        optimizer.step()
        schedule.step()
    for top, group in zip(highest, optimizer.param_groups, strict=True):
        assert top > 0
        assert group["lr"] < 0.01 * top


def test_every_reported_line_names_a_metric_that_a_run_measures():
    assert {line.reported.metric for line in compare("E1", with_yours=False)} <= {
        "test_accuracy",
        "train_seconds",
        "cpu_seconds",
    }


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_real_cifar10_reaches_the_report_s_accuracy(monkeypatch, seed):
    if not (PACKS / "cifar10.parquet").exists():
        pytest.skip(f"no cifar10.parquet in {PACKS}: set COURSE_DATA to a folder that has it")
    monkeypatch.setenv("COURSE_SCALE", "laptop")
    monkeypatch.setenv("COURSE_DATA", str(PACKS))
    assert run(at_scale(SETTINGS["+ Muon"], "laptop"), seed)["test_accuracy"] >= 0.746
