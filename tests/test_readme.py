"""What the README shows works."""

import re
from pathlib import Path

import torch

from course_utils import cli
from course_utils.exercises import catalogue
from course_utils.exercises.building import build_notebook
from course_utils.exercises.judge import judge
from course_utils.exercises.references import References
from course_utils.exercises.specification import Exercise, Mistake, Notebook, Variant
from course_utils.repository import find_repository

ROOT = find_repository(Path(__file__).parent)
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_exercise_for_maintainers_is_whole():
    maintainers = README.partition("## For maintainers")[2]
    cells, written = re.findall(r"```python\n(.*?)```", maintainers, flags=re.DOTALL)
    scope = {"Exercise": Exercise, "Mistake": Mistake, "Variant": Variant, "torch": torch}
    exercise = eval(written, scope)
    notebook = Notebook(id="09", name="09_x", title="", data=(), minutes={}, exercises=(exercise,))
    setup = '# %% tags=["setup"]\nimport torch\nfrom torch import Tensor\n\n'
    heading = "# %% [markdown]\n# ### Exercise 9.1: mean of squares\n\n"
    built = build_notebook(notebook, setup + heading + cells)
    ours = References(notebook, catalogue.parse_texts(built["texts"]))
    assert judge(exercise, {1: ours.observe(exercise, 1)}, ours).status == "right"
    for mistake in exercise.mistakes:
        assert judge(exercise, {1: ours.observe(exercise, 1, mistake)}, ours).mistake == mistake.message
    for variant in exercise.variants:
        assert judge(exercise, {1: ours.observe(exercise, 1, variant)}, ours).status == "right"
    assert len(exercise.mistakes) >= 3


def test_every_command_and_target_it_names_exists():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"`make ([a-z-]+)`", README)):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target
    for command in set(re.findall(r"`course ([a-z]+)", README)):
        assert command in cli.COMMANDS, command


def test_every_file_it_links_to_exists():
    for link in re.findall(r"\]\(([^)#]+)\)", README):
        assert link.startswith("https://") or (ROOT / link).exists(), link


def test_the_example_for_engineers_runs(tmp_path, monkeypatch):
    (code,) = re.findall(r"```python\n(import course_utils.*?)```", README, flags=re.DOTALL)
    monkeypatch.chdir(tmp_path)  # it writes a checkpoint
    names = {}
    exec(code.replace("epochs=3", "epochs=0"), names)
    assert names["history"].epochs == []
