"""What tests read out of figures and of pages: texts and whether they collide, colours, pictures."""

import itertools
from html.parser import HTMLParser

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text


def pixels_of(figure: Figure) -> np.ndarray:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())


def colours_at(figure, axes, places):
    """Return the colours, (n, 3) in 0 to 1, that the figure has at places in the coordinates of the axes."""
    picture = pixels_of(figure)
    columns, rows = np.round(axes.transData.transform(places)).astype(int).T
    return picture[len(picture) - 1 - rows, columns, :3] / 255


def drawn_texts(figure: Figure) -> list[Text]:
    """Return all that is written: titles, labels, numbers of ticks that lie inside their axis, legend."""
    texts = list(figure.texts)
    for legend in figure.legends:
        texts += legend.get_texts()
    for axes in figure.axes:
        texts += [child for child in axes.get_children() if isinstance(child, Text)]
        if axes.axison:
            for axis in (axes.xaxis, axes.yaxis):
                low, high = sorted(axis.get_view_interval())
                texts.append(axis.label)
                texts += [
                    t.label1 for t in axis.get_major_ticks() if low - 1e-9 <= t.get_loc() <= high + 1e-9
                ]
    return [text for text in texts if text.get_visible() and text.get_text().strip()]


def overlapping(figure: Figure) -> list[tuple[str, str]]:
    FigureCanvasAgg(figure).draw()
    boxes = [(text, text.get_window_extent()) for text in drawn_texts(figure)]
    pairs = []
    for (one, box), (other, other_box) in itertools.combinations(boxes, 2):
        parallel = one.get_rotation() == other.get_rotation() == 45
        if parallel:  # boxes of tilted labels overlap where the labels do not: compare their distance
            step = abs(box.x1 - other_box.x1) * np.sin(np.pi / 4)
            if step < one.get_fontsize() * figure.dpi / 72:
                pairs.append((one.get_text(), other.get_text()))
        elif box.overlaps(other_box):
            pairs.append((one.get_text(), other.get_text()))
    return pairs


def cut_off(figure: Figure) -> list[str]:
    pixels_of_all = figure.bbox.padded(1)
    return [
        text.get_text()
        for text in drawn_texts(figure)
        if not (
            pixels_of_all.contains(*text.get_window_extent().min)
            and pixels_of_all.contains(*text.get_window_extent().max)
        )
    ]


class Pictures(HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.alts, self.sources = [], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        if tag == "img":
            self.alts.append(dict(attributes).get("alt"))
            self.sources.append(dict(attributes)["src"][:22])
