"""Where the real data sets lie, for the tests that use them when they are there."""

import os
from pathlib import Path

# Read when the tests are collected: each test then runs without settings from outside.
_chosen = os.environ.get("COURSE_DATA")
REAL_PACKS = Path(_chosen) if _chosen else Path(__file__).parents[3] / "shared" / "data"
