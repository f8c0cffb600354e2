"""The box around a submission's kernel: what protection this machine offers, and the command that starts it.

Inside are the interpreter with its packages (read-only), an empty work folder in memory, and two pipes; no
network, no file, process or environment variable of whoever grades. bubblewrap makes it from Linux's
namespaces. Its options: https://github.com/containers/bubblewrap.
"""

from __future__ import annotations

import functools
import json
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import course_utils
from course_utils.grading.confine import landlock_version
from course_utils.grading.filters import process_filter, system_call_filter

WORK_BYTES = 256 * 2**20
SHARED_BYTES = 64 * 2**20
FIRST_USER = 61_000
"""Each worker's box runs as a user of its own where grading runs as root: limits are counted by user."""

INSIDE = Path("/box/course")
WORK = Path("/box/work")
_DEVICES = ("/dev/urandom", "/proc/cpuinfo", "/proc/meminfo", "/sys/devices/system/cpu")
_SYSTEM = ("/usr", "/bin", "/lib", "/lib32", "/lib64", "/libx32", "/etc/ld.so.cache", "/etc/alternatives")


class SandboxError(ValueError):
    """There is no protection on this machine, or the box did not start."""


@dataclass(frozen=True)
class Protection:
    """What keeps submissions from the machine.

    Parameters
    ----------
    kind : str
        ``bubblewrap``, ``landlock`` (no namespaces: the kernel confines itself) or ``none``.
    description : str
        For records and for whoever grades.
    has_proc : bool
        Whether the box can have a ``/proc`` of its own (inside containers it often cannot).
    """

    kind: str
    description: str
    has_proc: bool = True


@functools.cache
def best_protection() -> Protection:
    """Return the best protection that works here, tried, not guessed.

    Raises
    ------
    SandboxError
        If there is none; says how to get one.
    """
    found, why = bubblewrap()
    found = found or landlock()
    if found is None:
        raise SandboxError(f"Submissions cannot be kept from this machine: {why}. {advice()}")
    return found


def bubblewrap() -> tuple[Protection | None, str]:
    """Return the protection of bubblewrap if a box can be started here, or why it cannot."""
    program = shutil.which("bwrap")
    if platform.system() != "Linux" or program is None:
        return None, "bubblewrap (the program `bwrap`) is not installed"
    version = _output([program, "--version"]).removeprefix("bubblewrap").strip()
    for has_proc in (True, False):
        protection = Protection(
            "bubblewrap",
            f"bubblewrap {version}: no network, no files but the interpreter, own processes, "
            "limits on memory, time and output",
            has_proc,
        )
        trial = subprocess.run(
            [*_bubblewrap(protection, {}), "/usr/bin/env", "true"],
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        if trial.returncode == 0:
            return protection, ""
    return None, f"bubblewrap is installed but does not start ({trial.stderr.strip()[:300]})"


def landlock() -> Protection | None:
    """Return the protection without namespaces, if this kernel and processor have it."""
    version = landlock_version()
    # an installed course lies among the packages that are readable: its references could be read
    if not version or not process_filter() or _hidden():
        return None
    return Protection(
        "landlock",
        f"Landlock {version} and a filter of system calls: no network, no files but the interpreter, no "
        "other processes, limits on memory, time and output; weaker than bubblewrap",
    )


NO_PROTECTION = Protection(
    "none", "none: submissions could read, change and send whatever the person grading can"
)


def command(
    protection: Protection,
    course: Path,
    *,
    work: Path = WORK,
    worker: int = 0,
    refused: int | None = None,
) -> list[str]:
    """Return the command that starts a kernel (`course_utils.grading.inside`) in a new box.

    Parameters
    ----------
    protection
        From `best_protection`, or `NO_PROTECTION`.
    course
        Folder that holds the box's own build of `course_utils`.
    work
        Folder to work in; bubblewrap has its own, in memory.
    worker
        Number of the worker, from 0.
    refused
        Open file from `filter_descriptor`, which the started program must inherit.
    """
    arguments: dict[str, object] = {"user": "", "readable": [], "writable": []}
    program = [sys.executable, "-s", "-m", "course_utils.grading.inside"]
    if protection.kind == "bubblewrap":
        shown = {str(course): str(INSIDE)}
        if os.geteuid() == 0:
            arguments["user"] = str(FIRST_USER + worker)
        boxed = _bubblewrap(protection, shown, refused=refused)
        return [*boxed, *program, json.dumps(arguments)]
    if protection.kind == "landlock":
        folders = [*_SYSTEM, *_interpreter(), str(course)]
        arguments["readable"] = [*folders, *_DEVICES]
        arguments["writable"] = [str(work), os.devnull]
    return [*program, json.dumps(arguments)]


def environment(protection: Protection, course: Path, work: Path) -> dict[str, str]:
    """Return all environment variables of the kernel; nothing of the grader's own is among them."""
    boxed = protection.kind == "bubblewrap"
    home = str(WORK) if boxed else str(work)
    variables = {
        "PATH": "/usr/bin:/bin",
        "HOME": home,
        "TMPDIR": home,
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(INSIDE) if boxed else str(course),
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",
        "OMP_WAIT_POLICY": "passive",
        "MPLBACKEND": "agg",
        "COURSE_SCALE": "smoke",
        "COURSE_STATIC": "1",
    }
    if os.name == "nt" and "SYSTEMROOT" in os.environ:
        variables["SYSTEMROOT"] = os.environ["SYSTEMROOT"]
    return variables


def filter_descriptor() -> int | None:
    """Return an open file with the system calls that the box refuses, as bubblewrap reads them.

    None for a processor whose numbers of system calls the course does not know.
    """
    program = system_call_filter()
    if not program:
        return None
    reading, writing = os.pipe()
    os.write(writing, program)
    os.close(writing)
    return reading


def _bubblewrap(protection: Protection, shown: dict[str, str], *, refused: int | None = None) -> list[str]:
    """Return bubblewrap's part of the command; `shown` are folders and where they appear."""
    options = [shutil.which("bwrap") or "bwrap", "--die-with-parent", "--new-session"]
    options += ["--unshare-ipc", "--unshare-pid"] + (["--seccomp", str(refused)] if refused else [])
    options += ["--unshare-net", "--unshare-uts", "--unshare-cgroup-try", "--hostname", "box"]
    if os.geteuid() == 0:  # the kernel gives these up for its own user at once
        options += ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    else:
        options += ["--unshare-user"]
    for path in _SYSTEM:
        if Path(path).is_symlink():
            options += ["--symlink", str(Path(path).readlink()), path]
        elif Path(path).exists():
            options += ["--ro-bind", path, path]
    for path in _interpreter():
        for folder in reversed(Path(path).parents[:-1]):  # bubblewrap would make them for root only
            options += ["--dir", str(folder)]
        options += ["--ro-bind", path, path]
    for path in _hidden():
        options += ["--tmpfs", path, "--remount-ro", path]
    options += ["--dir", str(WORK.parent)]
    for outside, inside in shown.items():
        options += ["--ro-bind", outside, inside]
    options += ["--proc", "/proc"] if protection.has_proc else ["--dir", "/proc"]
    options += ["--dev", "/dev", "--perms", "1777", "--size", str(SHARED_BYTES), "--tmpfs", "/dev/shm"]
    options += ["--dev-bind", "/dev/null", "/dev/zero"]  # mapped, it is memory that is not counted
    options += ["--remount-ro", "/dev", "--dir", "/tmp"]
    options += ["--perms", "1777", "--size", str(WORK_BYTES), "--tmpfs", str(WORK), "--chdir", str(WORK)]
    return [*options, "--remount-ro", "/"]


def _interpreter() -> list[str]:
    """Return the folders of the interpreter and its packages that are not system folders anyway."""
    folders = []
    for path in dict.fromkeys([sys.base_prefix, sys.prefix]):
        inside_system = any(Path(path).is_relative_to(system) for system in _SYSTEM)
        if not inside_system and Path(path) != Path("/"):
            folders.append(path)
    return folders


def _hidden() -> list[str]:
    """Return folders that hold references and lie within what the box can read.

    The course where it is installed among the packages, and its repository if that lies in a system folder
    (`/usr/src` is usual in containers).
    """
    sites = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    package = Path(course_utils.__file__).resolve().parent
    folders = {Path(site, "course_utils") for site in sites} | {package}
    if (package.parent / "notebooks").is_dir():
        folders |= {package.parent / name for name in ("notebooks", "tests", "examples", "build", ".git")}
    readable = [Path(path).resolve() for path in (*_SYSTEM, *_interpreter())]
    return sorted(
        str(folder)
        for folder in folders
        if folder.is_dir() and any(folder.resolve().is_relative_to(path) for path in readable)
    )


def advice() -> str:
    """Return how to get a better protection on this system, as a sentence."""
    if platform.system() == "Linux":
        return (
            "Install it (`sudo apt install bubblewrap`, `sudo dnf install bubblewrap`); on Ubuntu 23.10 and "
            "later it also needs an AppArmor profile, and inside a container the right to make namespaces: "
            'see "For instructors" in the README, or grade your own files with --unsafe-no-sandbox.'
        )
    return (
        f'{platform.system()} has none that the course could use: grade in a Linux container ("For '
        'instructors" in the README has the recipe), or your own files with --unsafe-no-sandbox.'
    )


def _output(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30).stdout.strip()
