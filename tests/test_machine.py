"""What a machine and its container allow (from made-up control groups), and the memory of real processes."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_utils import machine


def container(folder: Path, membership: str, files: dict[str, str]) -> dict[str, Path]:
    """Write control-group files into `folder` and return them as the functions' arguments."""
    (folder / "membership").write_text(membership)
    for name, text in files.items():
        path = folder / "cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return {"cgroup": folder / "cgroup", "membership": folder / "membership"}


def test_a_version_2_quota_is_read(tmp_path):
    groups = container(tmp_path, "0::/\n", {"cpu.max": "150000 100000\n"})
    assert machine.cpu_quota(**groups) == 1.5


def test_a_version_1_quota_is_read(tmp_path):
    files = {"cpu/box/cpu.cfs_quota_us": "50000\n", "cpu/box/cpu.cfs_period_us": "100000\n"}
    groups = container(tmp_path, "4:cpu,cpuacct:/box\n1:memory:/\n", files)
    assert machine.cpu_quota(**groups) == 0.5


def test_no_limit_is_none(tmp_path):
    files = {"cpu.max": "max 100000\n", "memory.max": "max\n"}
    groups = container(tmp_path, "0::/\n", files)
    assert machine.cpu_quota(**groups) is None
    assert machine.memory_limit(**groups) is None


def test_version_1_writes_no_limit_as_minus_one_or_a_huge_number(tmp_path):
    files = {
        "cpu/cpu.cfs_quota_us": "-1\n",
        "cpu/cpu.cfs_period_us": "100000\n",
        "memory/memory.limit_in_bytes": "9223372036854771712\n",
    }
    groups = container(tmp_path, "4:cpu:/\n1:memory:/\n", files)
    assert machine.cpu_quota(**groups) is None
    assert machine.memory_limit(**groups) is None


def test_the_tightest_of_the_groups_around_a_process_counts(tmp_path):
    files = {
        "cpu.max": "800000 100000",
        "pod/cpu.max": "200000 100000",
        "pod/box/cpu.max": "max 100000",
        "pod/memory.max": "4000000000",
        "pod/box/memory.max": "2000000000",
    }
    groups = container(tmp_path, "0::/pod/box\n", files)
    assert machine.cpu_quota(**groups) == 2.0
    assert machine.memory_limit(**groups) == 2_000_000_000


def test_a_path_seen_from_outside_the_container_falls_back_to_the_root(tmp_path):
    files = {"cpu.max": "100000 100000", "memory.max": "1000"}
    groups = container(tmp_path, "0::/../../kubepods/pod7/abc\n", files)
    assert machine.cpu_quota(**groups) == 1.0
    assert machine.memory_limit(**groups) == 1000


def test_a_system_without_control_groups_has_no_limits(tmp_path):
    nowhere = {"cgroup": tmp_path / "none", "membership": tmp_path / "neither"}
    assert machine.cpu_quota(**nowhere) is None
    assert machine.memory_limit(**nowhere) is None
    assert machine.cores(**nowhere) >= 1


@given(millicores=st.integers(min_value=1, max_value=10_000_000))
def test_cores_are_at_least_one_and_never_above_the_quota(tmp_path_factory, millicores):
    files = {"cpu.max": f"{millicores * 100} 100000"}
    groups = container(tmp_path_factory.mktemp("box"), "0::/\n", files)
    assert 1 <= machine.cores(**groups) <= max(1, millicores / 1000)


def test_run_as_a_program_it_prints_the_cores():
    printed = subprocess.run(
        [sys.executable, "-m", "course_utils.machine"], capture_output=True, text=True, check=True
    ).stdout
    assert int(printed) == machine.cores()


def test_memory_available_is_at_most_the_total():
    assert 0 < machine.memory_available() <= machine.memory_total()


def test_the_container_limit_bounds_the_total_and_what_is_available(monkeypatch):
    monkeypatch.setattr(machine, "memory_limit", lambda: 1000)
    assert machine.memory_total() == 1000
    assert machine.memory_available() == 1000


def run_python(program: str) -> str:
    """Run a program in a small process of its own, whose memory no other test has touched."""
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout


def test_the_peak_remembers_memory_that_was_given_back():
    program = """
from course_utils import machine
before = machine.peak_memory()
block = b"x" * 200_000_000
del block
print(machine.peak_memory() - before, machine.resident_memory() - before)
"""
    peak_growth, resident_growth = map(int, run_python(program).split())
    assert 190e6 < peak_growth < 230e6
    assert resident_growth < 50e6


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux hands its parent's peak down to a child")
def test_a_small_child_of_a_large_process_reports_its_own_peak():
    program = """
import subprocess, sys
block = b"x" * 300_000_000
subprocess.run([sys.executable, "-c", "from course_utils import machine; print(machine.peak_memory())"])
"""
    assert int(run_python(program)) < 150e6


def test_memory_above_imports_counts_from_the_first_call_of_remember_imports():
    program = """
from course_utils import machine
print(machine.memory_above_imports())
machine.remember_imports()
block = b"x" * 100_000_000
machine.remember_imports()
print(machine.memory_above_imports())
"""
    before, above = run_python(program).split()
    assert before == "None"
    assert 95e6 < int(above) < 120e6


def test_cap_threads_never_exceeds_the_quota_and_keeps_fewer(monkeypatch):
    import torch

    previous = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        monkeypatch.setattr(machine, "cores", lambda: 1)
        assert machine.cap_threads() == 1 == torch.get_num_threads()
        monkeypatch.setattr(machine, "cores", lambda: 64)
        assert machine.cap_threads() == 1 == torch.get_num_threads()
    finally:
        torch.set_num_threads(previous)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told to keep memory")
def test_freed_memory_is_kept_inside_the_block_and_handed_back_at_its_end():
    script = """
import resource
from course_utils import machine

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        made = [bytearray(b"1" * 2**20) * 40 for _ in range(3)]  # together 30 000 pages
        del made
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

outside = faults()
with machine.keeping_freed_memory():
    faults()
    inside, kept = faults(), machine.resident_memory()
print(outside, inside, kept - machine.resident_memory())
"""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    outside, inside, handed_back = map(int, ran.stdout.split())
    assert inside < outside / 10
    assert handed_back > 100 * 2**20


def test_keeping_freed_memory_does_nothing_where_the_c_library_cannot(monkeypatch):
    monkeypatch.setattr(machine.platform, "libc_ver", lambda: ("", ""))
    monkeypatch.setattr(machine.ctypes, "CDLL", lambda _: pytest.fail("no library is asked"))
    with machine.keeping_freed_memory():
        pass


def test_asking_the_machine_imports_no_torch():
    program = """
import sys
from course_utils import machine
machine.cores(), machine.memory_total(), machine.peak_memory()
print("torch" in sys.modules)
"""
    assert run_python(program).strip() == "False"
