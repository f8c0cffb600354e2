"""Showing figures: in a notebook once and with a description, elsewhere harmlessly; live without slowing."""

import subprocess
import sys

import matplotlib.pyplot as plt
import nbformat
import pytest
import torch
from matplotlib.figure import Figure
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from reading_figures import Pictures

import course_utils.display
from course_utils import plots
from course_utils.data import Split
from course_utils.plots import display
from course_utils.training.loop import fit

# --- showing ------------------------------------------------------------------------------------------------


def test_a_figure_without_a_description_is_refused():
    with pytest.raises(ValueError, match="alt is empty"):
        plots.show(Figure(), alt="  ")
    with pytest.raises(ValueError, match="alt is empty"):
        plots.LiveFigure(alt="")


def test_outside_a_notebook_show_only_releases_the_figure(capsys):
    figure = plt.figure()
    plots.show(figure, alt="Empty")
    assert plt.get_fignums() == []
    assert capsys.readouterr() == ("", "")


def test_plots_need_neither_torch_nor_pandas_nor_pyplot():
    heavy = ["torch", "pandas", "matplotlib.pyplot", "IPython"]
    code = f"import sys, course_utils.plots; print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


class Clock:
    now = 0.0

    def perf_counter(self):
        return self.now


def test_drawing_takes_at_most_a_fifth_of_the_time(monkeypatch):
    clock, drawing = Clock(), 0.0
    monkeypatch.setattr(display, "time", clock)
    monkeypatch.setattr(display, "is_watched", lambda: True)
    live = plots.LiveFigure(alt="Live")

    def draw():
        nonlocal drawing
        drawing += 0.3
        clock.now += 0.3
        return Figure()

    for _ in range(3000):
        clock.now += 0.01
        live.update(draw)
    assert 0.1 < drawing / clock.now < 0.21


def test_where_nobody_watches_only_the_last_state_is_drawn():
    drawn = []
    with plots.LiveFigure(alt="Live") as live:
        for epoch in range(10):
            live.update(lambda epoch=epoch: drawn.append(epoch) or Figure())
        assert drawn == []
    assert drawn == [9]


def test_a_state_on_the_screen_is_not_drawn_again(monkeypatch):
    monkeypatch.setattr(display, "is_watched", lambda: True)
    drawn = []
    live = plots.LiveFigure(alt="Live")
    live.update(lambda: drawn.append(1) or Figure())
    live.close()
    assert drawn == [1]


def test_an_interrupted_training_shows_how_far_it_came():
    drawn = []
    with pytest.raises(KeyboardInterrupt), plots.LiveFigure(alt="Live") as live:  # noqa: PT012
        live.update(lambda: drawn.append(1) or Figure())
        raise KeyboardInterrupt
    assert drawn == [1]


def test_an_error_in_training_is_not_hidden_by_one_in_drawing():
    with pytest.raises(ZeroDivisionError), plots.LiveFigure(alt="Live") as live:  # noqa: PT012
        live.update(lambda: 1 + "")
        raise ZeroDivisionError


def test_a_figure_instead_of_a_function_is_refused_with_the_remedy():
    with pytest.raises(TypeError, match=r"live\.update\(lambda"):
        plots.LiveFigure(alt="Live").update(Figure())


def test_live_curves_grow_with_every_measured_epoch(monkeypatch):
    drawn = []
    monkeypatch.setattr(display, "show", lambda figure, **_: drawn.append(figure))
    monkeypatch.setattr(display, "is_watched", lambda: True)
    monkeypatch.setattr(display, "SECONDS_BETWEEN_FRAMES", 0)
    monkeypatch.setattr(display, "DRAWING_SHARE", 1)
    points = Split(torch.randn(20, 2, generator=torch.Generator().manual_seed(0)), torch.arange(20) % 2)
    model = torch.nn.Linear(2, 2)
    with plots.LiveCurves(alt="Curves") as live:
        fit(
            model,
            points,
            points,
            epochs=4,
            optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
            generator=torch.Generator().manual_seed(0),
            batch_size=5,
            record_every=2,
            callbacks=[live],
        )
    assert [figure.axes[0].lines[0].get_xdata().tolist() for figure in drawn] == [[2], [2, 4]]


@pytest.mark.parametrize("variable", ["COURSE_STATIC", "PYTEST_VERSION"])
def test_a_test_or_a_page_being_made_means_that_nobody_watches(variable, monkeypatch):
    for name in ("COURSE_STATIC", "PYTEST_VERSION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(course_utils.display, "in_notebook", lambda: True)
    assert plots.is_watched()
    monkeypatch.setenv(variable, "1")
    assert not plots.is_watched()


# --- in a notebook ------------------------------------------------------------------------------------------

ALT = 'Two rings, "inner" & <outer>'
WATCHED = "import os; del os.environ['PYTEST_VERSION']; os.environ.pop('COURSE_STATIC', None)"
TRAIN = """
drawn = []
def draw():
    drawn.append(1)
    return plots.points(x, labels, title='Live')
with plots.LiveFigure(alt='Live figure') as live:
    for _ in range(20):
        time.sleep(0.05)
        live.update(draw)
print(len(drawn))
"""
CELLS = [
    "import matplotlib.pyplot as plt, time\nfrom course_utils import plots\n"
    "x, labels = [[0.0, 0.0], [1.0, 1.0]], [0, 1]",
    f"plots.show(plots.points(x, labels, title='Rings'), alt={ALT!r})",
    "figure = plt.figure(); plt.plot([1, 2]); plots.show(figure, alt='By pyplot')",
    TRAIN,
    WATCHED,
    TRAIN,
]


@pytest.fixture(scope="module")
def notebook():
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    return notebook


@pytest.mark.parametrize("template", ["lab", "classic"])
def test_a_page_made_from_a_notebook_keeps_pictures_and_descriptions(notebook, template):
    page, _ = HTMLExporter(template_name=template).from_notebook_node(notebook)
    pictures = Pictures(page)
    assert pictures.alts == [ALT, "By pyplot", "Live figure", "Live figure"]
    assert pictures.sources == ["data:image/png;base64,"] * 4


def test_each_figure_is_shown_once_and_described_in_plain_text(notebook):
    shown = [[o for o in cell.outputs if o.output_type == "display_data"] for cell in notebook.cells]
    assert [len(outputs) for outputs in shown] == [0, 1, 1, 1, 0, 1]
    texts = [output.data["text/plain"] for outputs in shown for output in outputs]
    assert texts == [ALT, "By pyplot", "Live figure", "Live figure"]


def test_a_live_figure_is_drawn_during_training_only_when_watched(notebook):
    unwatched, watched = (
        next(int(output.text) for output in notebook.cells[cell].outputs if output.output_type == "stream")
        for cell in (3, 5)
    )
    assert unwatched == 1
    assert 2 <= watched <= 8
