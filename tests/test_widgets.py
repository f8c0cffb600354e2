"""Widgets: pure functions under controls; a row of figures where nobody can move them."""

import subprocess
import sys

import ipywidgets
import nbformat
import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from reading_figures import Pictures, cut_off, overlapping
from sklearn.datasets import make_circles
from sklearn.svm import SVC

from course_utils import widgets
from course_utils.training.grid import Setting, train_grid
from course_utils.widgets.boundaries import _arranged

X, LABELS = make_circles(100, noise=0.1, factor=0.5, random_state=0)
X_TEST, LABELS_TEST = make_circles(100, noise=0.1, factor=0.5, random_state=1)
CHOICES = {"kernel": ["linear", "rbf"], "learning_rate": [0.1, 1.0, 10.0], "single": [3]}
START = {"kernel": "rbf", "learning_rate": 1.0, "single": 3}
SVM = {"kernel": "poly", "degree": 2, "coef0": 0.0, "C": 1.0, "gamma": 1.0}


@pytest.fixture(scope="module")
def runs():
    x, labels = torch.as_tensor(X, dtype=torch.float32), torch.as_tensor(LABELS)
    settings = [Setting(learning_rate=rate, hidden=hidden) for hidden in (1, 4) for rate in (0.1, 1.0)]
    return train_grid(settings, x, labels, x, labels, epochs=6, record_every=3, snapshots=True)


def render(calls=None):
    def draw(**choice):
        if calls is not None:
            calls.append(choice)
        return Figure(figsize=(1, 1))

    return draw


def panel(draw):
    return widgets.panel(draw, alt="A figure", start=START, choices=CHOICES)


# --- live ---------------------------------------------------------------------------------------------------


def test_every_choice_has_a_labelled_control_that_a_keyboard_reaches():
    *controls, picture = panel(render()).children
    assert [control.description for control in controls] == ["kernel", "learning rate", "single"]
    # native lists and sliders: the browser gives both keyboard control
    assert [type(control) for control in controls] == [
        ipywidgets.Dropdown,
        ipywidgets.SelectionSlider,
        ipywidgets.Dropdown,
    ]
    assert isinstance(picture, ipywidgets.HTML)


def test_controls_start_at_the_first_combination():
    calls = []
    panel(render(calls))
    assert calls == [START]


def test_moving_a_control_draws_the_figure_of_the_new_choice():
    calls = []
    box = panel(render(calls))
    box.children[1].value = 10.0
    assert calls[-1] == {**START, "learning_rate": 10.0}
    assert Pictures(box.children[-1].value).alts == [
        "A figure (kernel = rbf, learning rate = 10, single = 3)"
    ]


def test_an_error_is_shown_in_place_of_the_figure_and_the_next_choice_mends_it():
    def draw(kernel, **_rest):
        if kernel == "linear":
            raise ArithmeticError("no <kernel> of that kind")
        return Figure()

    box = panel(draw)
    box.children[0].value = "linear"
    assert "ArithmeticError: no &lt;kernel&gt; of that kind" in box.children[-1].value
    assert 'role="alert"' in box.children[-1].value
    box.children[0].value = "rbf"
    assert box.children[-1].value.startswith("<img")


# --- static -------------------------------------------------------------------------------------------------


def test_where_nobody_watches_exactly_the_given_combinations_are_drawn():
    calls = []
    static = [START, {**START, "kernel": "linear"}]
    widgets.explore(render(calls), alt="A figure", static=static, **CHOICES)
    assert calls == static


def test_an_error_of_the_static_form_is_not_swallowed():
    with pytest.raises(ZeroDivisionError):
        widgets.explore(lambda **_choice: 1 / 0, alt="A figure", static=[START], **CHOICES)


@pytest.mark.parametrize(
    ("static", "words"),
    [
        ([], "at least one name"),
        (
            [{"kernel": "rbf"}],
            r"names \['kernel'\], but the choices are \['kernel', 'learning_rate', 'single'\]",
        ),
        ([{**START, "kernel": "sigmoid"}], r"kernel = 'sigmoid', which is none of \['linear', 'rbf'\]"),
    ],
)
def test_combinations_that_do_not_fit_are_refused(static, words):
    with pytest.raises(ValueError, match=words):
        widgets.explore(render(), alt="A figure", static=static, **CHOICES)


EXPLORE = (
    "widgets.explore(render, alt='Points', static=[{'a': 0.0, 'b': 0.0}, {'a': 2.0, 'b': 0.5}], "
    "a=[0.0, 2.0], b=[0.0, 0.5])"
)
CELLS = [
    "import os\nfrom course_utils import plots, widgets\n"
    "def render(a, b):\n    return plots.points([[a, b], [1.0, 1.0]], [0, 1], title='Points')",
    EXPLORE,
    "del os.environ['PYTEST_VERSION']; os.environ.pop('COURSE_STATIC', None)",
    EXPLORE,
]


@pytest.fixture(scope="module")
def notebook():
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    return notebook


def test_a_page_shows_the_static_form_with_its_descriptions(notebook):
    page, _ = HTMLExporter().from_notebook_node(notebook)
    assert Pictures(page).alts == ["Points (a = 0, b = 0)", "Points (a = 2, b = 0.5)"]
    assert "<figcaption>a = 2, b = 0.5</figcaption>" in page
    (output,) = notebook.cells[1].outputs
    assert output.data["text/plain"] == "Points (a = 0, b = 0)\nPoints (a = 2, b = 0.5)"


def test_a_live_notebook_shows_controls(notebook):
    (output,) = notebook.cells[3].outputs
    assert "application/vnd.jupyter.widget-view+json" in output.data


# --- boundaries of trained networks -------------------------------------------------------------------------


def test_the_boundary_explorer_draws_networks_of_both_sizes_early_and_late(runs, monkeypatch):
    seen = {}
    monkeypatch.setattr(
        "course_utils.widgets.boundaries.explore", lambda _render, **options: seen.update(options)
    )
    widgets.boundary_explorer(runs, X, LABELS)
    assert [(choice["hidden"], choice["epoch"]) for choice in seen["static"]] == [
        (1, 3),
        (1, 6),
        (4, 3),
        (4, 6),
    ]
    assert (seen["hidden"], seen["learning_rate"], seen["epoch"]) == ([1, 4], [0.1, 1.0], [0, 3, 6])


def test_the_static_boundary_explorer_can_be_drawn(runs):
    widgets.boundary_explorer(runs, torch.as_tensor(X, dtype=torch.float32), torch.as_tensor(LABELS))


def test_the_boundary_is_that_of_the_network_at_the_epoch(runs, monkeypatch):
    asked = {}
    monkeypatch.setattr(
        "course_utils.widgets.boundaries.decision_boundary",
        lambda predict, *_data, **options: asked.update(predict=predict, **options),
    )
    widgets.render_boundary(_arranged(runs), X, LABELS, hidden=4, learning_rate=1.0, epoch=3)
    state = runs[3].parameters[1]
    h = np.tanh(X @ state["0.weight"].double().numpy().T + state["0.bias"].numpy())
    logits = h @ state["2.weight"].double().numpy().T + state["2.bias"].numpy()
    np.testing.assert_allclose(asked["predict"](X), logits, atol=1e-5)
    accuracy = (logits.argmax(axis=1) == LABELS).mean()
    assert (
        asked["title"] == f"4 hidden units, learning rate 1, epoch 3: {accuracy:.1%} of the test data right"
    )


def test_runs_that_do_not_fill_the_grid_are_refused(runs):
    with pytest.raises(ValueError, match=r"no run for these .*\[\(4, 1\.0\)\]"):
        widgets.boundary_explorer(runs[:3], X, LABELS)
    with pytest.raises(ValueError, match="two runs with 1 hidden units"):
        widgets.boundary_explorer([*runs, runs[0]], X, LABELS)
    with pytest.raises(ValueError, match="any"):
        widgets.boundary_explorer([], X, LABELS)


def test_runs_without_snapshots_are_refused_with_the_remedy(runs):
    bare = [vars(run) | {"parameters": run.parameters[-1:]} for run in runs]
    with pytest.raises(ValueError, match="snapshots=True"):
        widgets.boundary_explorer([type(runs[0])(**fields) for fields in bare], X, LABELS)


# --- support vector machines --------------------------------------------------------------------------------


def title_of(figure):
    return " ".join(figure.axes[0].get_title(loc="left").split())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kernel": "linear"}, "Linear kernel, C = 1: "),
        ({}, "Polynomial of degree 2, coef0 = 0, gamma = 1, C = 1: "),
        ({"kernel": "rbf"}, "RBF kernel, gamma = 1, C = 1: "),
    ],
)
def test_the_title_names_what_the_kernel_uses_and_its_test_accuracy(changes, words):
    choice = SVM | changes
    machine = SVC(**choice).fit(X, LABELS)
    accuracy = (machine.predict(X_TEST) == LABELS_TEST).mean()
    figure = widgets.render_svm(X, LABELS, X_TEST, LABELS_TEST, **choice)
    assert title_of(figure) == f"{words}{accuracy:.1%} of the test data right"
    assert (overlapping(figure), cut_off(figure)) == ([], [])


def test_a_machine_that_gives_up_says_so():
    figure = widgets.render_svm(X, LABELS, X_TEST, LABELS_TEST, **SVM, max_iter=2)
    assert "stopped before it converged" in title_of(figure)


def test_tensors_are_as_good_as_arrays():
    tensors = [torch.as_tensor(values) for values in (X, LABELS, X_TEST, LABELS_TEST)]
    assert title_of(widgets.render_svm(*tensors, **SVM)) == title_of(
        widgets.render_svm(X, LABELS, X_TEST, LABELS_TEST, **SVM)
    )


def test_the_static_svm_explorer_can_be_drawn():
    widgets.svm_explorer({"centred": (X, LABELS, X_TEST, LABELS_TEST)})


def test_widgets_are_imported_without_torch_scikit_learn_or_ipywidgets():
    heavy = ["torch", "sklearn", "ipywidgets"]
    code = f"import sys, course_utils.widgets; print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
