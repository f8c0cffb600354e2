"""What the notebooks of the course share: data, models, training, checks. Importing it costs milliseconds."""

import os

# Read by OpenMP when torch is imported: waiting threads sleep instead of spinning, which on a shared
# core makes training 3 to 60 times faster. A value that the user has set stays.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

__version__ = "0.1.0"
