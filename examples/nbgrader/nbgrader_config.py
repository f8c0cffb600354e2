"""nbgrader with the course's checks: honest submissions get the marks that `course grade` gives them.

In a course folder of nbgrader with this file, and with the notebook that `course build FOLDER` wrote (for the
course's own: notebooks/NN_name.ipynb) in source/ASSIGNMENT/:

    nbgrader generate_assignment ASSIGNMENT       (registers it: the notebook stays as it is)
    nbgrader autograde ASSIGNMENT                 (grades submitted/STUDENT/ASSIGNMENT/)

The checks run in the student's own process, so a student who wants to fool them can; `course grade` cannot be
fooled so, and reads the same submitted/ folder.
"""

import os
from pathlib import Path

# A wrong or blank answer makes its check cell fail; no progress is kept; figures are drawn without a screen.
os.environ.update(COURSE_CHECK="strict", COURSE_PROGRESS="off", COURSE_STATIC="1")

# The folder of your own assignment, with its solution: values are judged, and later exercises stand on the
# reference, only where the answers are known. The course's own notebooks need no folder.
ASSIGNMENT = Path(__file__).resolve().parent.parent / "assignment"
if ASSIGNMENT.is_dir():
    os.environ.setdefault("COURSE_CHECKS", str(ASSIGNMENT))

c = get_config()  # noqa: F821

# Seconds for one cell. What a check tries has limits of its own.
c.Execute.timeout = 120
c.Execute.interrupt_on_timeout = True

# Without `ClearSolutions`: the notebook holds no solutions, and its blanks are known by their text.
c.GenerateAssignment.preprocessors = [
    f"nbgrader.preprocessors.{name}"
    for name in ("LockCells", "ClearOutput", "CheckCellMetadata", "ComputeChecksums", "SaveCells")
]
