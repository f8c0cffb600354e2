"""`course doctor`: one line for each thing that the course needs, and what to type where it is missing."""

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from course_utils import machine
from course_utils.repository import RepositoryError, choose_notebooks, find_repository
from course_utils.scale import scale

GB = 1e9


@dataclass(frozen=True)
class Finding:
    """One line: what was found and, unless it is OK, what to do."""

    level: Literal["OK", "WARN", "FAIL"]
    what: str
    remedy: str = ""

    def __str__(self) -> str:
        line = f"{self.level:<5} {self.what}"
        return f"{line}\n      -> {self.remedy}" if self.remedy else line


def main() -> int:
    """Print one line for each check; return 1 if any of them failed, else 0."""
    failed = False
    for check in CHECKS:
        finding = _safely(check)
        failed = failed or finding.level == "FAIL"
        print(finding, flush=True)
    return 1 if failed else 0


def python_version(version: tuple[int, int] = sys.version_info[:2]) -> Finding:
    """Python 3.11 or later."""
    where = f"Python {platform.python_version()} ({sys.executable})"
    if version < (3, 11):
        return Finding(
            "FAIL",
            f"{where}; the course needs 3.11 or later",
            "make run PYTHON=python3.12   (after removing the folder .venv)",
        )
    return Finding("OK", where)


def chosen_scale() -> Finding:
    """``COURSE_SCALE`` holds one of the scales."""
    try:
        return Finding("OK", f"scale {scale()} (COURSE_SCALE: smoke, laptop or full)")
    except ValueError as error:
        return Finding("FAIL", str(error), "unset COURSE_SCALE")


def torch_and_device() -> Finding:
    """Torch imports; which device it would compute on."""
    try:
        import torch
        import torchvision
    except Exception as error:  # a broken installation raises ImportError, OSError or RuntimeError
        return Finding("FAIL", f"torch does not import: {_first_line(error)}", "pip install -e .")
    versions = f"torch {torch.__version__}, torchvision {torchvision.__version__}"
    if torch.cuda.is_available():
        return Finding("OK", f"{versions}, device cuda ({torch.cuda.get_device_name()})")
    if torch.backends.mps.is_available():
        return Finding("OK", f"{versions}, device mps")
    if shutil.which("nvidia-smi"):
        return Finding(
            "WARN",
            f"{versions}, device cpu, although this machine seems to have an NVIDIA GPU",
            "nvidia-smi (is the driver running, and new enough for this torch?)",
        )
    return Finding("OK", f"{versions}, device cpu")


def threads() -> Finding:
    """Torch starts no more threads than the machine or its container allows."""
    import torch

    allowed = machine.cores()
    quota = machine.cpu_quota()
    limit = f"{allowed} cores allowed" + ("" if quota is None else f" (the container's quota: {quota:g})")
    used = torch.get_num_threads()
    if used > allowed:
        return Finding(
            "WARN",
            f"torch would start {used} threads, {limit}; the notebooks cap them, other programs do not",
            f"{_set_variable('OMP_NUM_THREADS', str(allowed))}",
        )
    return Finding("OK", f"{used} threads, {limit}")


def waiting_threads() -> Finding:
    """Waiting threads sleep: ``OMP_WAIT_POLICY`` is passive, and was set before torch was imported."""
    imported = list(sys.modules)
    if os.environ.get("OMP_WAIT_POLICY", "").lower() != "passive":
        return Finding(
            "WARN",
            f"OMP_WAIT_POLICY is {os.environ.get('OMP_WAIT_POLICY', 'not set')}: waiting threads spin, "
            "which makes training slow where cores are shared",
            _set_variable("OMP_WAIT_POLICY", "passive"),
        )
    if "torch" in imported and imported.index("torch") < imported.index("course_utils"):
        return Finding(
            "WARN",
            "torch was imported before course_utils, too early for OMP_WAIT_POLICY to count",
            _set_variable("OMP_WAIT_POLICY", "passive"),
        )
    return Finding("OK", "waiting threads sleep (OMP_WAIT_POLICY=passive)")


def memory() -> Finding:
    """A kernel with torch and a notebook's data fit."""
    total, available = machine.memory_total(), machine.memory_available()
    limit = machine.memory_limit()
    text = f"memory {available / GB:.1f} GB free of {total / GB:.1f} GB"
    text += "" if limit is None else f" (the container's limit: {limit / GB:.1f} GB)"
    if total < 1 * GB:
        return Finding(
            "FAIL",
            f"{text}; a notebook needs 1 GB",
            "course doctor   (after closing other programs, or on a machine with 2 GB)",
        )
    if available < 1.5 * GB:
        return Finding("WARN", f"{text}; a notebook needs up to 1.5 GB", "course run --workers 1")
    return Finding("OK", text)


def data_directory() -> Finding:
    """Decoded data sets can be written: into the data directory or, where that is read-only, beside it."""
    from course_utils.data.directory import data_directory as the_directory
    from course_utils.data.directory import writable_store

    store = writable_store(the_directory())
    text = f"data directory {the_directory()}"
    if not store.is_relative_to(the_directory()):
        text += f" (read-only: decoded copies go to {store})"
    try:
        store.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=store):
            pass
    except OSError as error:
        return Finding(
            "FAIL",
            f"{text}: {store} cannot be written ({error.strerror})",
            _set_variable("COURSE_DATA", "FOLDER"),
        )
    free = shutil.disk_usage(store).free
    text += f", {free / GB:.0f} GB free"
    if free < 2 * GB:
        return Finding("WARN", text, f"{_set_variable('COURSE_DATA', 'FOLDER')} (a folder with more room)")
    return Finding("OK", text)


def data_sets() -> Finding:
    """Which data sets are here; the scale `smoke` needs none."""
    from course_utils.data.directory import data_directory as the_directory
    from course_utils.data.loading import find_source, stored_folder
    from course_utils.data.specifications import DATA_SETS

    found, missing = [], []
    for name, specification in DATA_SETS.items():
        if stored_folder(specification, the_directory()):
            found.append(f"{name} (decoded)")
        elif source := find_source(specification, the_directory()):
            found.append(f"{name} ({source.source})")
        else:
            missing.append(name)
    text = f"data sets found: {', '.join(found) or 'none'}"
    if missing and scale() != "smoke":
        return Finding("WARN", f"{text}; missing: {', '.join(missing)}", f"course data {' '.join(missing)}")
    return Finding("OK", f"{text} (scale smoke needs none)" if scale() == "smoke" else text)


def pack_reader() -> Finding:
    """pyarrow reads data packs."""
    return _installed("pyarrow", level="WARN", why="reads data sets packed as parquet files")


def widgets() -> Finding:
    """Sliders: the package in the kernel and its other half in JupyterLab."""
    for package in ("ipywidgets", "jupyterlab", "jupyterlab-widgets"):
        finding = _installed(package, level="FAIL", why="sliders in JupyterLab")
        if finding.level != "OK":
            return finding
    both = [f"{name} {importlib.metadata.version(name)}" for name in ("ipywidgets", "jupyterlab-widgets")]
    return Finding("OK", f"widgets: {', '.join(both)}")


def notebooks() -> Finding:
    """The course's notebooks are beside the package."""
    try:
        folder = find_repository() / "notebooks"
        found = choose_notebooks([], folder)
    except RepositoryError as error:
        return Finding("WARN", str(error))
    return Finding("OK", f"notebooks found in {folder}: {len(found)}")


def sandbox() -> Finding:
    """What would keep submissions from this machine; only grading needs it."""
    from course_utils.grading import sandbox as protections

    boxed, why = protections.bubblewrap()
    if boxed is not None:
        return Finding("OK", f"grading: {boxed.description}")
    weaker = protections.landlock()
    return Finding(
        "WARN",
        f"{why}; grading would use {weaker.description}" if weaker else f"no protection for grading: {why}",
        protections.advice(),
    )


CHECKS: list[Callable[[], Finding]] = [
    python_version,
    chosen_scale,
    torch_and_device,
    threads,
    waiting_threads,
    memory,
    data_directory,
    data_sets,
    pack_reader,
    widgets,
    notebooks,
    sandbox,
]


def _safely(check: Callable[[], Finding]) -> Finding:
    """Turn what a broken installation raises into a line: the doctor must not die of the illness."""
    try:
        return check()
    except Exception as error:
        about = check.__name__.replace("_", " ")
        return Finding("FAIL", f"{about}: {type(error).__name__}: {_first_line(error)}", "pip install -e .")


def _installed(package: str, *, level: Literal["WARN", "FAIL"], why: str) -> Finding:
    try:
        return Finding("OK", f"{package} {importlib.metadata.version(package)}")
    except importlib.metadata.PackageNotFoundError:
        return Finding(level, f"{package} is not installed ({why})", f"pip install {package}")


def _set_variable(name: str, value: str) -> str:
    """Return what to type, before Python starts, to set an environment variable in this system's shell."""
    return f"set {name}={value}" if sys.platform == "win32" else f"export {name}={value}"


def _first_line(error: object) -> str:
    return (str(error).strip() or repr(error)).splitlines()[0]
