"""load(): which data come, from where, and what is said when none do."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import platformdirs
import pytest
import torch

pytest.importorskip("pyarrow")

from made_files import idx_files, pack_columns, random_rows, write_pack

from course_utils.data import DATA_SETS, DataError, data_directory, directory, load, loading
from course_utils.data.commands import main, prepare, print_data_sets

read_only_folders = pytest.mark.skipif(os.name == "nt", reason="Windows has no read-only folders")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory with a small MNIST pack."""
    write_pack(tmp_path / "mnist.parquet", pack_columns("mnist"))
    return tmp_path


def forbid_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a source was read although the store holds the data")

    monkeypatch.setattr(loading, "SOURCES", (refuse,))


def test_at_smoke_the_stand_in_is_used_even_where_a_pack_lies(data: Path) -> None:
    assert load("mnist", data_dir=data, scale="smoke").stand_in
    assert load("mnist", data_dir=data).stand_in, "smoke is the default scale"
    assert not (data / "store").exists()


@pytest.mark.parametrize("scale", ["laptop", "full"])
def test_the_scale_can_come_from_the_environment(
    scale: str, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COURSE_SCALE", scale)
    monkeypatch.setenv("COURSE_DATA", str(data))
    assert not load("mnist").stand_in


def test_images_are_uint8_and_labels_int64(data: Path) -> None:
    loaded = load("mnist", data_dir=data, scale="laptop")
    assert loaded.train.images.dtype == torch.uint8
    assert loaded.train.images.shape == (12, 1, 28, 28)
    assert loaded.test.labels.dtype == torch.int64
    assert loaded.classes == tuple("0123456789")


def test_editing_the_tensors_never_changes_the_store(data: Path) -> None:
    first = load("mnist", data_dir=data, scale="laptop")
    first.train.images += 1
    first.train.labels[:] = 3
    again = load("mnist", data_dir=data, scale="laptop")
    np.testing.assert_array_equal(again.train.images, random_rows("mnist", 18, seed=1)[0][:12])
    assert set(again.train.labels.tolist()) != {3}


def test_first_use_says_what_it_does_and_later_use_says_and_reads_nothing(
    data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    load("mnist", data_dir=data, scale="laptop")
    said = capsys.readouterr().out
    assert "decoding the pack mnist.parquet once" in said
    assert str(data / "store") in said
    forbid_reading(monkeypatch)
    load("mnist", data_dir=data, scale="laptop")
    assert capsys.readouterr().out == ""


def test_a_changed_pack_is_decoded_anew(data: Path) -> None:
    before = load("mnist", data_dir=data, scale="laptop")
    write_pack(data / "mnist.parquet", pack_columns("mnist", train=10, test=8))
    after = load("mnist", data_dir=data, scale="laptop")
    assert (len(after.train), len(after.test)) == (10, 8)
    assert after.content_hash != before.content_hash
    assert len(before.train.images.sum(dim=0)) == 1, "what was opened before stays usable"


def test_a_touched_pack_keeps_its_hash_and_is_read_again_only_once(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = load("mnist", data_dir=data, scale="laptop")
    os.utime(data / "mnist.parquet", ns=(1, 1))
    assert load("mnist", data_dir=data, scale="laptop").content_hash == before.content_hash
    forbid_reading(monkeypatch)
    load("mnist", data_dir=data, scale="laptop")


def test_the_store_serves_after_its_pack_is_deleted(data: Path) -> None:
    before = load("mnist", data_dir=data, scale="laptop")
    (data / "mnist.parquet").unlink()
    assert load("mnist", data_dir=data, scale="laptop").content_hash == before.content_hash


def test_a_data_directory_that_moved_with_its_store_still_serves(data: Path, tmp_path: Path) -> None:
    before = load("mnist", data_dir=data, scale="laptop")
    moved = data.rename(tmp_path.with_name(f"{tmp_path.name}-moved"))
    (moved / "mnist.parquet").unlink()
    assert load("mnist", data_dir=moved, scale="laptop").content_hash == before.content_hash


def test_equal_data_have_equal_hashes_whatever_their_source(tmp_path: Path) -> None:
    raw = tmp_path / "idx" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name, content in idx_files().items():
        (raw / name).write_bytes(content)
    import pyarrow as pa
    from made_files import encoded

    parts = [random_rows("mnist", n, seed) for n, seed in ((12, 1), (6, 2))]
    columns = {
        "image": pa.array([encoded(image) for images, _ in parts for image in images]),
        "label": pa.array(np.concatenate([labels for _, labels in parts])),
        "split": ["train"] * 12 + ["test"] * 6,
    }
    write_pack(tmp_path / "pack" / "mnist.parquet", columns)
    from_idx = load("mnist", data_dir=tmp_path / "idx", scale="laptop")
    from_pack = load("mnist", data_dir=tmp_path / "pack", scale="laptop")
    assert from_idx.source == "torchvision folder MNIST"
    assert from_pack.source == "pack mnist.parquet"
    assert from_idx.content_hash == from_pack.content_hash


def test_a_pack_comes_before_the_torchvision_folder(data: Path) -> None:
    raw = data / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name, content in idx_files().items():
        (raw / name).write_bytes(content)
    assert load("mnist", data_dir=data, scale="laptop").source == "pack mnist.parquet"


@read_only_folders
def test_a_read_only_data_directory_is_decoded_into_the_users_own_folder(
    data: Path, own_cache: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    data.chmod(0o555)
    try:
        loaded = load("mnist", data_dir=data, scale="laptop")
        assert str(own_cache) in capsys.readouterr().out
        assert not (data / "store").exists()
        forbid_reading(monkeypatch)
        assert load("mnist", data_dir=data, scale="laptop").content_hash == loaded.content_hash
    finally:
        data.chmod(0o755)


@read_only_folders
def test_a_store_in_a_read_only_directory_is_opened_where_it_lies(data: Path, own_cache: Path) -> None:
    load("mnist", data_dir=data, scale="laptop")
    (data / "store").chmod(0o555)
    data.chmod(0o555)
    try:
        assert len(load("mnist", data_dir=data, scale="laptop").train) == 12
        assert not any(own_cache.iterdir())
    finally:
        data.chmod(0o755)
        (data / "store").chmod(0o755)


@pytest.mark.parametrize(
    ("name", "meant"),
    [("cifar-10", "cifar10"), ("CIFAR10", "cifar10"), ("minst", "mnist"), ("Fashion MNIST", "fashion_mnist")],
)
def test_an_unknown_data_set_is_answered_with_the_nearest_name(name: str, meant: str) -> None:
    with pytest.raises(DataError, match=f"Did you mean '{meant}'"):
        load(name)


def test_an_unknown_name_like_none_is_answered_with_all_names() -> None:
    with pytest.raises(DataError, match="mnist, fashion_mnist, cifar10"):
        load("xyzzy")


def test_an_unknown_scale_is_refused() -> None:
    with pytest.raises(DataError, match="smoke, laptop, full"):
        load("mnist", scale="huge")  # type: ignore[arg-type]


def test_course_data_names_the_data_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    assert data_directory() == tmp_path


def test_without_a_setting_it_is_the_users_cache_folder() -> None:
    program = "from course_utils.data import data_directory; print(data_directory())"
    environment = {key: value for key, value in os.environ.items() if key != "COURSE_DATA"}
    found = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    expected = platformdirs.user_cache_path("deep-learning-notebooks", appauthor=False)
    assert found.stdout.strip() == str(expected)


def test_importing_the_data_package_does_not_import_torch() -> None:
    program = "import sys, course_utils.data.commands; print('torch' in sys.modules)"
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert found.stdout.strip() == "False"


def test_a_data_directory_that_is_a_file_is_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "data"
    file.write_text("not a folder")
    with pytest.raises(DataError, match="COURSE_DATA") as refusal:
        load("mnist", data_dir=file, scale="laptop")
    assert str(file) in str(refusal.value)
    assert file.read_text() == "not a folder"


def test_a_data_directory_that_may_not_be_read_is_refused_by_name(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "is_file", refuse)
    with pytest.raises(DataError, match=r"cannot be used .*Permission denied") as refusal:
        load("mnist", data_dir=data, scale="laptop")
    assert str(data) in str(refusal.value)


def test_the_list_says_where_each_data_set_comes_from(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    print_data_sets(data_dir=data)
    listed = capsys.readouterr().out
    assert listed.count("embedded stand-in") == len(DATA_SETS)
    assert "found: pack mnist.parquet" in listed
    assert "not found: would be downloaded (163 MiB)" in listed
    prepare("mnist", data_dir=data)
    print_data_sets(data_dir=data)
    assert "ready to open: pack mnist.parquet" in capsys.readouterr().out


def test_the_command_prepares_what_is_named_and_reports_what_is_not_known(
    data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COURSE_DATA", str(data))
    assert main(["mnist"]) == 0
    assert "12 training and 6 test images" in capsys.readouterr().out
    assert main(["minst"]) == 1
    assert "Did you mean 'mnist'" in capsys.readouterr().err


def test_the_second_store_of_each_read_only_directory_is_its_own(tmp_path: Path) -> None:
    first = directory.store_directories(tmp_path / "a" / "data")[1]
    second = directory.store_directories(tmp_path / "b" / "data")[1]
    assert first != second


@pytest.mark.slow
@pytest.mark.parametrize("real_pack", ["cifar10"], indirect=True)
def test_cifar10_opens_from_the_store_within_50_ms(real_pack: Path) -> None:
    import statistics
    import time

    load("cifar10", data_dir=real_pack, scale="laptop")
    seconds = []
    for _ in range(20):
        start = time.perf_counter()
        load("cifar10", data_dir=real_pack, scale="laptop")
        seconds.append(time.perf_counter() - start)
    assert statistics.median(seconds) <= 0.05
