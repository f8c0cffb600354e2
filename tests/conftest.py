"""For all tests."""

import os
import signal

# Before torch is imported: small tensors gain nothing from a second thread, and lose much on shared cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

# A program started in the background ignores interrupts, and so would all that tests start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_terminal_summary(terminalreporter):
    """Say it where no box can be made: most tests of grading were skipped then."""
    from course_utils.grading import sandbox

    skipped = [report.nodeid for report in terminalreporter.stats.get("skipped", [])]
    if any(nodeid.startswith("tests/grading/") for nodeid in skipped):
        try:
            sandbox.best_protection()
        except sandbox.SandboxError as error:
            terminalreporter.write_line(f"MOST TESTS OF GRADING WERE SKIPPED. {error}", yellow=True)
