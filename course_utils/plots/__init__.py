"""Every figure the notebooks draw: functions that return figures, and `show`, which displays one."""

from course_utils.display import is_watched
from course_utils.plots.against_size import against_size
from course_utils.plots.boundaries import boundary_and_curves, boundary_grid, decision_boundary, points
from course_utils.plots.display import LiveFigure, show
from course_utils.plots.feature_maps import as_pictures
from course_utils.plots.focus_push import focus_push
from course_utils.plots.focus_regions import FocusView, focus_regions
from course_utils.plots.histories import LiveCurves, curves
from course_utils.plots.intervals import intervals
from course_utils.plots.layer_diagram import layer_diagram
from course_utils.plots.lines import lines
from course_utils.plots.mosaics import mosaics
from course_utils.plots.noise_phases import noise_phases
from course_utils.plots.pictures import images
from course_utils.plots.predictions import predictions
from course_utils.plots.receptive_field import seen_pixels
from course_utils.plots.surfaces import surfaces
from course_utils.plots.tables import confusion_matrix, heat_map
from course_utils.plots.through_points import through_points
from course_utils.plots.turns import turns
from course_utils.plots.votes import VoteMap, vote_maps

__all__ = [
    "FocusView",
    "LiveCurves",
    "LiveFigure",
    "VoteMap",
    "against_size",
    "as_pictures",
    "boundary_and_curves",
    "boundary_grid",
    "confusion_matrix",
    "curves",
    "decision_boundary",
    "focus_push",
    "focus_regions",
    "heat_map",
    "images",
    "intervals",
    "is_watched",
    "layer_diagram",
    "lines",
    "mosaics",
    "noise_phases",
    "points",
    "predictions",
    "seen_pixels",
    "show",
    "surfaces",
    "through_points",
    "turns",
    "vote_maps",
]
