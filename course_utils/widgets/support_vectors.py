"""Support vector machines in the plane, to be explored by kernel and its settings."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from course_utils.plots.boundaries import decision_boundary
from course_utils.plots.style import as_array
from course_utils.widgets.controls import Choice, explore


def svm_explorer(
    data: Mapping[str, tuple[Any, Any, Any, Any]], *, static: Sequence[Choice] | None = None
) -> None:
    """Explore support vector machines in the plane: data x kernel x degree x coef0 x C x gamma.

    Parameters
    ----------
    data
        Data sets by name: training points (n, 2) and classes (n,), test points and classes.
    static
        Combinations for the static form; by default the polynomials of degree 2 and 3 with coef0 0 and 1,
        on the first data set.
    """
    if static is None:
        first: Choice = {"data": next(iter(data)), "kernel": "poly", "C": 1.0, "gamma": 1.0}
        static = [first | {"degree": degree, "coef0": coef0} for degree in (2, 3) for coef0 in (0.0, 1.0)]

    def render(**choice: Any) -> Figure:
        return render_svm(*data[choice.pop("data")], **choice)

    explore(
        render,
        alt="Decision boundary of a support vector machine over its training data",
        static=static,
        data=list(data),
        kernel=["linear", "poly", "rbf"],
        degree=list(range(1, 9)),
        coef0=[0.0, 1.0],
        C=[0.01, 0.1, 1.0, 10.0, 100.0],
        gamma=[0.01, 0.1, 1.0, 10.0, 100.0],
    )


def render_svm(
    x: Any,
    labels: Any,
    x_test: Any,
    labels_test: Any,
    *,
    kernel: str,
    degree: int,
    coef0: float,
    C: float,
    gamma: float,
    max_iter: int = 200_000,
) -> Figure:
    """Train a support vector machine and draw its boundary, with its test accuracy as the title.

    Parameters
    ----------
    x, labels, x_test, labels_test
        Points, (n, 2), and classes 0 and 1, (n,).
    kernel, degree, coef0, C, gamma
        As scikit-learn's ``SVC`` has them; the title names those that the kernel uses.
    max_iter
        Steps after which the solver gives up; the title then says so.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.svm import SVC

    machine = SVC(kernel=kernel, degree=degree, coef0=coef0, C=C, gamma=gamma, max_iter=max_iter)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        machine.fit(as_array(x), as_array(labels))
    accuracy = machine.score(as_array(x_test), as_array(labels_test))
    used = {
        "linear": "Linear kernel",
        "poly": f"Polynomial of degree {degree}, coef0 = {coef0:g}, gamma = {gamma:g}",
        "rbf": f"RBF kernel, gamma = {gamma:g}",
    }[kernel]
    stopped = "" if machine.fit_status_ == 0 else ", stopped before it converged"
    title = f"{used}, C = {C:g}: {accuracy:.1%} of the test data right{stopped}"
    return decision_boundary(machine.decision_function, as_array(x), labels, title=title, resolution=80)
