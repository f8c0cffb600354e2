"""Three hundred submissions by Monday: honest, broken and hostile ones, and a run that is killed twice."""

import csv
import json
import os
import random
import signal
import subprocess
import sys
import time

import psutil
import pytest
from corpus.case import changed, target
from corpus.write import cases, student, write

from course_utils.grading import sandbox

ALL = 300


def honest(aim, generator):
    """Return a notebook of somebody who got most exercises right, and the points that he deserves."""
    assignment = aim.assignment
    notebook, points = json.loads(aim.release), 0.0
    cells = {c["id"]: c for c in notebook["cells"]}
    for release in assignment.texts.cells:
        if release.role != "exercise":
            continue
        exercise, text = (
            assignment.notebook.exercise(release.exercise),
            assignment.texts.exercises[release.exercise],
        )
        luck = generator.random()
        if luck < 0.1:
            continue
        if luck < 0.3:
            source = changed(
                assignment, exercise, generator.choice([m for m in exercise.mistakes if not m.credit])
            )
        else:
            variants = [None, *exercise.variants]
            variant = generator.choice(variants)
            source = text.solution if variant is None else changed(assignment, exercise, variant)
            points += text.points
        cells[release.id]["source"] = source
    return json.dumps(notebook).encode(), points


@pytest.mark.slow
def test_three_hundred_submissions_survive_two_kills(tmp_path):
    try:
        sandbox.best_protection()
    except sandbox.SandboxError as error:
        pytest.skip(str(error))
    aim, generator = target("01"), random.Random(7)
    folder, out = tmp_path / "handed in", tmp_path / "graded"
    folder.mkdir()
    hostile = [case for case in cases("01") if not case.filename or case.filename.isascii()]
    write(folder, aim, hostile)
    deserved = {}
    for number in range(ALL - len(list(folder.iterdir()))):
        name = f"honest {number:03}"
        (folder / name).mkdir()
        data, deserved[name] = honest(aim, generator)
        (folder / name / "01_manual_backprop.ipynb").write_bytes(data)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    begun, kept = time.monotonic(), {}
    for kill_at in (70, 190, None):
        process = subprocess.Popen(
            [sys.executable, "-m", "course_utils.cli", "grade", folder, "--notebook", "01", "--out", out],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=os.environ | {"OMP_NUM_THREADS": "1", "TMPDIR": str(scratch)},
        )
        while kill_at is not None and len(list((out / "records").glob("*.json"))) < kill_at:
            assert process.poll() is None, process.stdout.read()
            time.sleep(0.5)
        if kill_at is not None:
            process.send_signal(signal.SIGKILL)
        said = process.communicate()[0].decode()
        now = {p.name: (p.stat().st_mtime_ns, p.read_bytes()) for p in (out / "records").glob("*.json")}
        assert [name for name, record in kept.items() if now[name] != record] == []  # written twice
        kept = now
    seconds = time.monotonic() - begun
    print(f"{len(kept)} records, {seconds:.0f} s, {seconds / len(kept):.2f} s each")
    assert process.returncode in (0, 1), said
    assert len(kept) == ALL
    rows = list(csv.DictReader((out / "grades.csv").open(encoding="utf-8")))
    assert len(rows) == ALL
    totals = {row["student"]: float(row["total"] or 0) for row in rows}
    assert {name: totals[name] for name in deserved} == deserved
    time.sleep(3)  # what was killed last may still be going
    lines = [" ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])]
    assert not [line for line in lines if str(scratch) in line or str(out) in line]
    assert not list(scratch.iterdir())
    assert not list(out.rglob("*.tmp"))
    assert {student(case) for case in hostile} <= set(totals)
