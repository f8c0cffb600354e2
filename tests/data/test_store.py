"""The store: whole or not there, whatever happens while it is written."""

import errno
import os
import random
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pyarrow")

from made_files import pack_columns, random_rows, write_pack
from real_packs import REAL_PACKS

from course_utils.data import DataError, load, store
from course_utils.data.arrays import Arrays, content_hash
from course_utils.data.specifications import specification_of

MNIST = specification_of("mnist")


def some_arrays() -> Arrays:
    return Arrays(*random_rows("mnist", 12, seed=1), *random_rows("mnist", 6, seed=2))


def kept(folder: Path) -> Path:
    return store.keep(folder, MNIST, some_arrays(), source="pack mnist.parquet", files=())


def is_whole(folder: Path) -> bool:
    """Whether the store's folder opens and holds what its name says."""
    data = store.open_stored(folder)
    parts = (data.train.images, data.train.labels, data.test.images, data.test.labels)
    digest = content_hash(Arrays(*(part.numpy() for part in parts)), data.classes)
    return digest == data.content_hash and folder.name == f"{data.name}-{digest[:16]}-{store.LAYOUT}"


def test_what_is_kept_is_opened_again(tmp_path: Path) -> None:
    folder = kept(tmp_path)
    data = store.open_stored(folder)
    np.testing.assert_array_equal(data.train.images, some_arrays().train_images)
    np.testing.assert_array_equal(data.test.labels, some_arrays().test_labels)
    assert store.find_stored(tmp_path, MNIST) == folder
    assert is_whole(folder)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("step", range(1, 8))
def test_a_disk_that_fills_up_at_any_step_leaves_nothing(
    number: int, step: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = iter(range(1, 100))
    real_sync = os.fsync

    def full(descriptor: int) -> None:
        if next(steps) == step:
            raise OSError(number, "no space left")
        real_sync(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataError, match="disk is full") as refusal:
        kept(tmp_path)
    assert str(tmp_path) in str(refusal.value)
    assert "MiB are needed" in str(refusal.value)
    assert "COURSE_DATA" in str(refusal.value)
    assert all(is_whole(folder) for folder in tmp_path.iterdir()), "whole, or not there"
    renamed = step > 6  # five files and their folder come before
    assert len(list(tmp_path.iterdir())) == renamed


def test_a_directory_that_must_not_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_pack(tmp_path / "mnist.parquet", pack_columns("mnist"))

    def refuse(path: Path, *_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "permission denied", str(path))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(DataError, match="cannot be written") as refusal:
        load("mnist", data_dir=tmp_path, scale="laptop")
    assert str(tmp_path / "store") in str(refusal.value)
    assert "COURSE_DATA" in str(refusal.value)


def test_what_a_killed_process_left_behind_is_removed(tmp_path: Path) -> None:
    write_pack(tmp_path / "mnist.parquet", pack_columns("mnist"))
    abandoned = tmp_path / "store" / ".partial-mnist-0123"
    other = tmp_path / "store" / ".partial-cifar10-0123"
    for folder in (abandoned, other):
        folder.mkdir(parents=True)
        (folder / "train_images.npy").write_bytes(b"half")
    load("mnist", data_dir=tmp_path, scale="laptop")
    assert not abandoned.exists()
    assert other.exists(), "another data set may be in the making"


@pytest.mark.parametrize("name", ["train_images.npy", "test_labels.npy"])
@pytest.mark.parametrize("damage", ["missing", "truncated", "emptied"])
def test_a_store_damaged_from_outside_is_named_with_its_remedy(
    name: str, damage: str, tmp_path: Path
) -> None:
    folder = kept(tmp_path)
    file = folder / name
    content = file.read_bytes()
    file.unlink()
    if damage != "missing":
        file.write_bytes(content[:-10] if damage == "truncated" else b"")
    with pytest.raises(DataError, match="Delete this folder") as refusal:
        store.open_stored(folder)
    assert str(folder) in str(refusal.value)


def test_processes_that_write_the_same_data_at_once_without_a_lock_end_with_one_whole_store(
    tmp_path: Path,
) -> None:
    folders: list[Path] = []
    start = threading.Barrier(8)

    def write() -> None:
        start.wait()
        folders.append(kept(tmp_path))

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(folders) == 8
    assert set(folders) == set(tmp_path.iterdir())
    assert is_whole(folders[0])


# With processes

LOAD = "import sys; from pathlib import Path; from course_utils.data import load; "
LOAD += "print(load(sys.argv[1], data_dir=Path(sys.argv[2]), scale='laptop').content_hash, flush=True)"


def start_loading(name: str, data: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", LOAD, name, str(data)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def big_pack(data: Path) -> str:
    """Put the real CIFAR-10 pack, or a made one that takes a second to decode, into `data`."""
    real = REAL_PACKS / "cifar10.parquet"
    if real.is_file():
        shutil.copyfile(real, data / real.name)
    else:
        write_pack(data / "cifar10.parquet", pack_columns("cifar10", train=8000, test=2000))
    return "cifar10"


def test_two_processes_at_once_decode_once_and_get_the_same(tmp_path: Path) -> None:
    write_pack(tmp_path / "cifar10.parquet", pack_columns("cifar10", train=800, test=200))
    both = [start_loading("cifar10", tmp_path) for _ in range(2)]
    answers = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0], answers
    hashes = {out.split()[-1] for out, _ in answers}
    assert len(hashes) == 1
    assert sum("decoding" in out for out, _ in answers) == 1
    folders = [path for path in (tmp_path / "store").iterdir() if path.is_dir()]
    assert len(folders) == 1
    assert is_whole(folders[0])


@pytest.mark.slow
def test_a_process_killed_at_20_random_moments_never_leaves_a_damaged_store(tmp_path: Path) -> None:
    name = big_pack(tmp_path)
    stores = tmp_path / "store"
    seconds = 0.0
    killed = 0
    rng = random.Random(0)
    for _ in range(60):
        process = start_loading(name, tmp_path)
        assert process.stdout is not None
        assert "decoding" in process.stdout.readline()
        begun = time.perf_counter()
        if seconds:
            time.sleep(rng.uniform(0.0, seconds))
            process.kill()
        process.communicate(timeout=300)
        if not seconds:  # the first one runs to its end, to know how long that takes
            seconds = time.perf_counter() - begun
        whole = list(stores.glob(f"{name}-*"))
        for folder in whole:
            assert is_whole(folder)
            shutil.rmtree(folder)
        killed += not whole
        if killed == 20:
            break
    assert killed == 20, "too few of the kills came before the store was there"
    load(name, data_dir=tmp_path, scale="laptop")
    assert is_whole(next(stores.glob(f"{name}-*")))
    assert not list(stores.glob(".partial-*")), "what the killed ones left must be gone"
