"""A6: support vector machines on circles (report 001, section 1.2.6).

The report finds a polynomial kernel "usable" only from degree 6. A polynomial kernel is
(gamma x·y + coef0)^degree. With coef0 = 0 it holds monomials of exactly that degree: even ones can see the
radius, odd ones cannot, and none sees a circle that is not centred. With coef0 = 1 it holds all monomials up
to that degree, and degree 2 is enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.svm import SVC
from torch import Tensor

from course_utils.data.points import circles
from course_utils.experiments.catalogue import Provenance, hash_of
from course_utils.training.devices import describe_device, one_thread

DEGREES = tuple(range(1, 9))


def run(settings: dict[str, Any], seed: int) -> dict[str, float]:
    """Return the test accuracy of each kernel: ``linear``, ``polynomial_degree_2_coef0_1``, ``rbf``, ...

    ``lifted_linear`` is a linear machine on the points with their squares and product added.
    """
    x, labels, x_test, labels_test = data(settings, seed)
    train, test = (x.numpy(), labels.numpy()), (x_test.numpy(), labels_test.numpy())
    machines = {"linear": SVC(kernel="linear", C=settings["C"]), "rbf": SVC(kernel="rbf", C=settings["C"])}
    for coef0 in (0, 1):
        for degree in DEGREES:
            machines[f"polynomial_degree_{degree}_coef0_{coef0}"] = SVC(
                kernel="poly", degree=degree, coef0=coef0, C=settings["C"]
            )
    accuracies = {name: float(machine.fit(*train).score(*test)) for name, machine in machines.items()}
    lifted_machine = SVC(kernel="linear", C=settings["C"]).fit(lifted(train[0]), train[1])
    accuracies["lifted_linear"] = float(lifted_machine.score(lifted(test[0]), test[1]))
    return accuracies


def lifted(x: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """Return points (N, 2) with three dimensions more: x1², x2² and x1·x2, (N, 5).

    In them every circle and ellipse is a plane, wherever its centre lies.
    """
    return np.column_stack([x, x[:, 0] ** 2, x[:, 1] ** 2, x[:, 0] * x[:, 1]])


def accuracy_grid(
    train: tuple[Tensor, Tensor],
    test: tuple[Tensor, Tensor],
    *,
    C: Sequence[float],
    gamma: Sequence[float],
    kernel: str = "rbf",
    degree: int = 2,
    coef0: float = 1.0,
) -> NDArray[np.float64]:
    """Return the test accuracy for every pair of ``C`` and ``gamma``, (len(C), len(gamma)).

    Parameters
    ----------
    train, test
        Points (N, 2) and classes (N,).
    C
        Penalties of points on the wrong side, positive; the larger, the fewer.
    gamma
        Scales of the kernel, positive.
    kernel
        ``"rbf"`` or ``"poly"``; ``degree`` and ``coef0`` are those of ``"poly"``.
    degree, coef0
        Of the polynomial kernel.
    """
    accuracies = np.empty((len(C), len(gamma)))
    for row, penalty in enumerate(C):
        for column, scale in enumerate(gamma):
            machine = SVC(kernel=kernel, C=penalty, gamma=scale, degree=degree, coef0=coef0)
            machine.fit(train[0].numpy(), train[1].numpy())
            accuracies[row, column] = machine.score(test[0].numpy(), test[1].numpy())
    return accuracies


def data(settings: dict[str, Any], seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return training points and classes, test points and classes."""
    generator = torch.Generator().manual_seed(seed)
    shape = {"noise": settings["noise"], "factor": settings["factor"], "center": tuple(settings["center"])}
    train_points = circles(settings["points_train"], **shape, generator=generator)
    test_points = circles(settings["points_test"], **shape, generator=generator)
    return (*train_points, *test_points)


def provenance(settings: dict[str, Any], seed: int) -> Provenance:
    """Return what the points are and their hash."""
    center = ", ".join(str(value) for value in settings["center"])
    source = f"circles, generated (noise {settings['noise']}, factor {settings['factor']}, centre ({center}))"
    with one_thread():
        device = describe_device(torch.device("cpu"))
    return Provenance(source=source, content_hash=hash_of(*data(settings, seed)), device=device)
