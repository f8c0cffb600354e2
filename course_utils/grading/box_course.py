"""The box's own build of `course_utils`: what cells import, without references, checks or grading."""

from __future__ import annotations

import compileall
import shutil
from collections.abc import Sequence
from pathlib import Path

import course_utils

# What a notebook's cells may import.
_FOLDERS = ("data", "models", "training", "evaluation")
# Nobody looks at a figure in the box, and the libraries that draw take seconds to import.
_UNSEEN = ("plots", "widgets")
_MODULES = ("__init__", "display", "files", "machine", "scale")
# How a probe is called and its values written down; no inputs, references or verdicts.
_EXERCISES = ("observe", "specification", "values")
_GRADING = ("__init__", "confine", "filters", "frames", "inside", "lifetime")

# Stands for modules that hold answers: they can be imported, as setup cells do, but not used.
_WITHHELD = '''"""Not available while answers are graded."""

from pathlib import Path
from typing import Any


def __getattr__(name: str) -> Any:
    is_module = "__path__" in globals() and Path(__file__).with_name(f"{name}.py").exists()
    if name.startswith("__") or is_module:  # `from package import module` asks here first
        raise AttributeError(name)

    def unavailable(*_: Any, **__: Any) -> None:
        raise RuntimeError(f"{name} is not available while answers are graded.")

    return unavailable
'''

# Stands for what does nothing in the box: checks, hints, figures.
_SILENT = '''"""Does nothing while answers are graded: they are judged from outside, and nobody looks."""

from pathlib import Path
from typing import Any


def __getattr__(name: str) -> Any:
    is_module = "__path__" in globals() and Path(__file__).with_name(f"{name}.py").exists()
    if name.startswith("__") or is_module:  # `from package import module` asks here first
        raise AttributeError(name)

    def nothing(*_: Any, **__: Any) -> None:
        return None

    return nothing
'''


def write_box_course(folder: Path, *, withheld: Sequence[str] = ()) -> Path:
    """Write the box's `course_utils` into a folder, compiled; return the folder to put on the path.

    Parameters
    ----------
    folder
        Is made.
    withheld
        Modules that hold answers, such as ``"models.manual_mlp"``: what stands for them cannot be used.
        `course_utils.experiments` is always withheld: it trains what is to be written.
    """
    package = Path(course_utils.__file__).parent
    target = folder / "course_utils"
    ignored = shutil.ignore_patterns("__pycache__")
    target.mkdir(parents=True)
    for name in _MODULES:
        shutil.copyfile(package / f"{name}.py", target / f"{name}.py")
    for name in _FOLDERS:
        shutil.copytree(package / name, target / name, ignore=ignored)
    for name, modules in {"exercises": _EXERCISES, "grading": _GRADING}.items():
        (target / name).mkdir()
        for module in modules:
            shutil.copyfile(package / name / f"{module}.py", target / name / f"{module}.py")
    for name, stand_in in {"experiments": _WITHHELD, **dict.fromkeys(_UNSEEN, _SILENT)}.items():
        (target / name).mkdir()
        for path in (package / name).glob("*.py"):
            (target / name / path.name).write_text(stand_in, encoding="utf-8")
    for name in withheld:
        target.joinpath(*name.split(".")).with_suffix(".py").write_text(_WITHHELD, encoding="utf-8")
    (target / "exercises" / "__init__.py").write_text(_SILENT, encoding="utf-8")
    compileall.compile_dir(target, quiet=2, workers=1)
    for path in folder.rglob("*"):  # the box's user is another one
        path.chmod(0o755 if path.is_dir() else 0o644)
    folder.chmod(0o755)
    return folder
