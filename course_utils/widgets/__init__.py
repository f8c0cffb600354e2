"""One function per interaction: controls in a live notebook, a few figures beside each other on a page.

Each is a thin shell over a pure ``render(**choice) -> Figure``.
"""

from course_utils.widgets.boundaries import boundary_explorer, render_boundary
from course_utils.widgets.confounded import confounded_explorer, render_confounded
from course_utils.widgets.controls import explore, panel
from course_utils.widgets.focus_quality import focus_quality_explorer, render_focus_quality
from course_utils.widgets.focus_training import FocusTraining, focus_explorer, render_focus
from course_utils.widgets.improvements import improvements_explorer, render_improvements
from course_utils.widgets.label_noise import label_noise_explorer, ledger_curves, render_label_noise
from course_utils.widgets.mosaics import mosaic_explorer, render_mosaic
from course_utils.widgets.planes import planes_explorer, render_planes
from course_utils.widgets.receptive_fields import receptive_field_explorer, render_receptive_field
from course_utils.widgets.support_vectors import render_svm, svm_explorer

__all__ = [
    "FocusTraining",
    "boundary_explorer",
    "confounded_explorer",
    "explore",
    "focus_explorer",
    "focus_quality_explorer",
    "improvements_explorer",
    "label_noise_explorer",
    "ledger_curves",
    "mosaic_explorer",
    "panel",
    "planes_explorer",
    "receptive_field_explorer",
    "render_boundary",
    "render_confounded",
    "render_focus",
    "render_focus_quality",
    "render_improvements",
    "render_label_noise",
    "render_mosaic",
    "render_planes",
    "render_receptive_field",
    "render_svm",
    "svm_explorer",
]
