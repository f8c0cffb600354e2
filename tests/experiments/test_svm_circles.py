"""A6: what each kernel can see."""

import numpy as np
import pytest
import torch
from sklearn.datasets import make_circles
from sklearn.svm import SVC

from course_utils.experiments.catalogue import EXPERIMENTS
from course_utils.experiments.svm_circles import accuracy_grid, data, lifted, run


@pytest.fixture(scope="module")
def centred():
    return run(EXPERIMENTS["A6"].settings["centred"], 0)


def test_a_straight_line_does_not_separate_circles(centred):
    assert centred["linear"] < 0.7
    assert centred["polynomial_degree_1_coef0_0"] < 0.7
    assert centred["polynomial_degree_1_coef0_1"] < 0.7


def test_without_coef0_even_degrees_separate_and_odd_ones_do_not(centred):
    for degree in (2, 4, 6, 8):
        assert centred[f"polynomial_degree_{degree}_coef0_0"] > 0.97
    for degree in (3, 5, 7):
        assert centred[f"polynomial_degree_{degree}_coef0_0"] < 0.8


def test_with_coef0_every_degree_from_two_on_separates(centred):
    for degree in range(2, 9):
        assert centred[f"polynomial_degree_{degree}_coef0_1"] > 0.97


def test_off_centre_degree_two_needs_coef0():
    settings = {**EXPERIMENTS["A6"].settings["shifted"], "points_test": 400}
    x, labels, x_test, labels_test = (part.numpy() for part in data(settings, 0))
    without, with_it = (
        SVC(kernel="poly", degree=2, coef0=coef0).fit(x, labels).score(x_test, labels_test)
        for coef0 in (0, 1)
    )
    assert without < 0.9
    assert with_it > 0.97


def test_the_same_holds_for_the_circles_of_scikit_learn():
    x, labels = make_circles(800, noise=0.1, factor=0.5, random_state=0)
    score = SVC(kernel="poly", degree=2, coef0=0).fit(x[:400], labels[:400]).score(x[400:], labels[400:])
    assert score > 0.97


def test_lifted_points_lie_on_two_sides_of_a_plane(centred):
    angle = np.linspace(0, 6, 50)
    on_circle = 0.7 * np.column_stack([np.cos(angle), np.sin(angle)]) + [1.0, 0.5]
    # |p - c|² - r² is linear in the lifted coordinates
    plane = np.array([-2.0, -1.0, 1.0, 1.0, 0.0])
    np.testing.assert_allclose(lifted(on_circle) @ plane, 0.7**2 - 1.25, atol=1e-12)
    assert centred["lifted_linear"] > 0.97


def test_the_grid_holds_the_score_of_each_machine():
    generator = torch.Generator().manual_seed(0)
    x, x_test = torch.randn(60, 2, generator=generator), torch.randn(40, 2, generator=generator)
    labels, labels_test = (x.norm(dim=1) > 1).long(), (x_test.norm(dim=1) > 1).long()
    grid = accuracy_grid((x, labels), (x_test, labels_test), C=[0.1, 10.0], gamma=[0.01, 1.0, 5.0])
    machine = SVC(kernel="rbf", C=10.0, gamma=1.0).fit(x, labels)
    assert grid.shape == (2, 3)
    assert grid[1, 1] == machine.score(x_test, labels_test)
