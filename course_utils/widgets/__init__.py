"""One function per interaction: controls in a live notebook, a few figures beside each other on a page.

Each is a thin shell over a pure ``render(**choice) -> Figure``.
"""

from course_utils.widgets.boundaries import boundary_explorer, render_boundary
from course_utils.widgets.controls import explore, panel
from course_utils.widgets.improvements import improvements_explorer, render_improvements
from course_utils.widgets.mosaics import mosaic_explorer, render_mosaic
from course_utils.widgets.receptive_fields import receptive_field_explorer, render_receptive_field
from course_utils.widgets.support_vectors import render_svm, svm_explorer

__all__ = [
    "boundary_explorer",
    "explore",
    "improvements_explorer",
    "mosaic_explorer",
    "panel",
    "receptive_field_explorer",
    "render_boundary",
    "render_improvements",
    "render_mosaic",
    "render_receptive_field",
    "render_svm",
    "svm_explorer",
]
