"""Boxes for the tests that need one; where a machine has no protection, they say so and are skipped."""

import pytest
from handed_in import toy_assignment

from course_utils.grading import sandbox
from course_utils.grading.box_course import write_box_course
from course_utils.grading.kernel import Box, Kernel


@pytest.fixture(scope="session")
def best():
    """The best protection of this machine."""
    try:
        return sandbox.best_protection()
    except sandbox.SandboxError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session", params=["bubblewrap", "landlock"])
def protection(request):
    """Each protection in turn."""
    found = sandbox.bubblewrap()[0] if request.param == "bubblewrap" else sandbox.landlock()
    if found is None:
        pytest.skip(f"{request.param} does not work on this machine")
    return found


@pytest.fixture(scope="session")
def course(tmp_path_factory):
    """The box's build of `course_utils`."""
    return write_box_course(tmp_path_factory.mktemp("box") / "course")


@pytest.fixture
def start(protection, course, tmp_path):
    """Return a new kernel for each call; all are closed at the end."""
    kernels = []

    def new():
        kernels.append(Kernel(Box(protection, course, scratch=tmp_path)))
        return kernels[-1]

    yield new
    for kernel in kernels:
        kernel.close()


@pytest.fixture(scope="session")
def toy():
    """The three functions of `examples/assignment`; nobody waits long for an answer."""
    return toy_assignment()
