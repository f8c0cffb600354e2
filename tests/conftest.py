"""For all tests."""

import os

# Before torch is imported: small tensors gain nothing from a second thread, and lose much on shared cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
