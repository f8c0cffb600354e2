"""What the notebooks of the course share: data, models, training, checks. Importing it costs milliseconds."""

import os
import sys
import warnings

# Read by OpenMP when torch is imported: waiting threads sleep instead of spinning, which on a shared
# core makes training 3 to 60 times faster. A value that the user has set stays.
if "torch" in sys.modules and "OMP_WAIT_POLICY" not in os.environ:
    warnings.warn(
        "torch was imported before course_utils, so its threads spin while they wait and slow down whatever "
        "shares their core. Import course_utils first, or set the environment variable OMP_WAIT_POLICY to "
        "passive.",
        stacklevel=2,
    )
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

__version__ = "0.1.0"
