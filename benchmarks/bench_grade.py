"""What does grading one submission cost: time, processor and memory?

    python benchmarks/bench_grade.py [--notebook 01 ...] [--submissions 6] [--workers 2] [--json FILE]

Grades submissions with all answers right, with every other one, and with none (they need no box), each kind
by itself, a fresh box for each submission. Bars: 4 seconds by the clock for a submission on average, 2 at
once, and 150 MB for a worker. A judge and its references are made once for a run; they are listed apart.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from course_utils import machine  # before torch: it says how threads wait

import psutil  # isort: skip
import torch  # isort: skip
from measuring import timed, write_record

from course_utils.exercises.catalogue import NOTEBOOK_IDS
from course_utils.grading import records, sandbox
from course_utils.grading.assignment import Assignment, course_notebook
from course_utils.grading.run import Run
from course_utils.grading.submissions import Submission

KINDS: dict[str, Callable[[int], bool]] = {
    "all answers": lambda _: True,
    "every other answer": lambda number: number % 2 == 0,
    "blank": lambda _: False,
}
CPU = torch.device("cpu")


def main() -> int:
    """Grade each kind, print a line for it, and write the figures where asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--notebook", action="append", help="which notebook; repeat it (default: all)")
    parser.add_argument("--submissions", type=int, default=6, help="of each kind (default 6)")
    parser.add_argument("--workers", type=int, default=2, help="at once (default 2)")
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    arguments = parser.parse_args()

    protection = sandbox.best_protection()
    figures: dict[str, object] = {
        "submissions": arguments.submissions,
        "workers": arguments.workers,
        "cores": machine.cores(),
        "protection": protection.description,
    }
    for number in arguments.notebook or NOTEBOOK_IDS:
        print(f"notebook {number}, {arguments.workers} workers on {machine.cores()} cores")
        figures[f"notebook {number}"] = measured(
            course_notebook(number), protection, arguments.submissions, arguments.workers
        )
    if arguments.json is not None:
        write_record(arguments.json, figures)
    return 0


def measured(
    graded: Assignment, protection: sandbox.Protection, submissions: int, workers: int
) -> dict[str, object]:
    """Grade each kind of submission of one notebook; return the figures and print a line for each."""
    figures: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        run = Run(assignment=graded, out=Path(folder) / "out", protection=protection, workers=workers)
        cpu, wall = timed(partial(stack.enter_context, run), CPU)
        cpu_judge, wall_judge = timed(partial(make_references, run, graded), CPU)
        once = seconds(cpu + cpu_judge, wall + wall_judge, 1)
        figures["seconds once for a run"] = once
        print(f"once for a run: {once['wall']:.2f} s by the clock, {once['cpu']:.2f} s of the processor")
        for kind, is_answered in KINDS.items():
            handed_in = hand_in(Path(folder) / kind, graded, is_answered, submissions)
            with watched() as seen:
                cpu, wall = timed(partial(run.grade, handed_in), CPU)
            points = [r.points for r in records.read_all(run.out) if r.student.startswith(kind)]
            each = seconds(cpu + seen.box_seconds, wall, len(handed_in))
            memory = {name: round(peak / 2**20, 1) for name, peak in seen.memory.items()}
            mean = sum(points) / len(points)
            figures[kind] = {"seconds each": each, "peak MB": memory, "mean points": mean}
            sizes = ", ".join(f"{name} {size:g} MB" for name, size in memory.items())
            print(
                f"{kind:20} {each['wall']:6.2f} s by the clock, {each['cpu']:6.2f} s of the processor each; "
                f"{sizes or 'no time to look'}; {mean:g} of {graded.possible:g} points"
            )
    return figures


def make_references(run: Run, graded: Assignment) -> None:
    """Have the judge run all its references, as it does while the first submission is graded."""
    for exercise in graded.notebook.exercises:
        run.judge.verdict(exercise.id, (1, 2, 3), [{"callable": list(exercise.names)}])


def hand_in(
    folder: Path, graded: Assignment, is_answered: Callable[[int], bool], number: int
) -> list[Submission]:
    """Write so many notebooks with the reference's answers to some exercises."""
    places = {exercise.id: place for place, exercise in enumerate(graded.notebook.exercises)}
    cells = []
    for cell in graded.texts.cells:
        source = cell.source
        if cell.role == "exercise" and is_answered(places[cell.exercise]):
            source = graded.texts.exercises[cell.exercise].solution
        cells.append({"cell_type": "code", "id": cell.id, "source": source, "metadata": {}, "outputs": []})
    folder.mkdir(parents=True)
    submissions = [Submission(f"{folder.name} {n}", folder / f"{n}.ipynb") for n in range(number)]
    for submission in submissions:
        submission.source.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4}))
    return submissions


@dataclass
class Seen:
    """Peaks of resident memory in bytes by part, and what the boxes used of the processor."""

    memory: dict[str, int] = field(default_factory=dict)
    used: dict[psutil.Process, float] = field(default_factory=dict)

    @property
    def box_seconds(self) -> float:
        """Seconds of the processor: nobody else counts them, a box is killed as a whole."""
        return sum(self.used.values())


@contextlib.contextmanager
def watched() -> Iterator[Seen]:
    """Watch this process (the judge), its workers and their boxes, five times a second."""
    seen, this, stop = Seen(), psutil.Process(), threading.Event()

    def watch() -> None:
        while not stop.wait(0.2):
            for process in [this, *this.children(recursive=True)]:
                with contextlib.suppress(psutil.Error):
                    part = "judge" if process == this else _part(process.cmdline())
                    if part:
                        seen.memory[part] = max(seen.memory.get(part, 0), process.memory_info().rss)
                    if part == "box":
                        times = process.cpu_times()
                        seen.used[process] = times.user + times.system

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()


def seconds(cpu: float, wall: float, number: int) -> dict[str, float]:
    """Return seconds for each of so many."""
    return {"wall": round(wall / number, 3), "cpu": round(cpu / number, 3)}


def _part(command: list[str]) -> str:
    if "course_utils.grading.worker" in command:
        return "worker"
    is_kernel = "course_utils.grading.inside" in command and "bwrap" not in command[0]
    return "box" if is_kernel else ""


if __name__ == "__main__":
    raise SystemExit(main())
