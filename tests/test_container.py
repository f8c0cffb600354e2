"""The recipe for grading in a container: it cannot be built here, so its text is held to the rules."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "examples" / "container" / "Containerfile").read_text(encoding="utf-8")
CODE = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", TEXT, flags=re.MULTILINE))
INSTRUCTIONS = [line.split(maxsplit=1) for line in CODE.splitlines() if line.strip()]


def test_every_line_is_an_instruction_that_builders_know():
    known = {"FROM", "RUN", "WORKDIR", "COPY", "USER", "ENTRYPOINT"}
    assert {name for name, _ in INSTRUCTIONS} <= known
    assert INSTRUCTIONS[0][0] == "FROM"
    assert INSTRUCTIONS[-1] == ["ENTRYPOINT", '["course", "grade"]']


def test_the_base_image_has_a_version_that_the_course_runs_on():
    (base,) = (rest for name, rest in INSTRUCTIONS if name == "FROM")
    version = re.fullmatch(r"python:3\.(\d+)-slim-\w+", base)
    wanted = re.search(r'requires-python = ">=3\.(\d+)"', (ROOT / "pyproject.toml").read_text())
    assert int(version[1]) >= int(wanted[1])


def test_what_it_copies_exists_and_is_all_that_an_installation_needs():
    copied = {path for name, rest in INSTRUCTIONS if name == "COPY" for path in rest.split()[:-1]}
    assert all((ROOT / path).exists() for path in copied)
    assert {"pyproject.toml", "README.md", "constraints.txt", "course_utils"} <= copied


def test_submissions_are_not_graded_by_root():
    users = [rest for name, rest in INSTRUCTIONS if name == "USER"]
    assert users == ["grader"]
    assert "useradd --create-home grader" in CODE


def test_package_lists_do_not_stay_in_the_image():
    for name, rest in INSTRUCTIONS:
        if name == "RUN" and "apt-get" in rest:
            assert "--no-install-recommends" in rest
            assert "rm -rf /var/lib/apt/lists" in rest
        if name == "RUN" and "pip install" in rest:
            assert "--no-cache-dir" in rest
