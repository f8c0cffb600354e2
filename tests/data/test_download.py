"""Downloads: from mirrors that behave and mirrors that do not."""

import dataclasses
import errno
import hashlib
import io
import tarfile
from pathlib import Path

import pytest
import torchvision.datasets
from hypothesis import given, settings
from hypothesis import strategies as st
from loopback import Mirror, mirror
from made_files import cifar_files, idx_files, random_rows, zipped

from course_utils.data import DATA_SETS, DataError, load
from course_utils.data import download as downloads
from course_utils.data.download import Patience, fetch
from course_utils.data.specifications import RemoteFile, Specification

CONTENT = bytes(range(256)) * 1000
QUICK = Patience(rounds=2, timeout=0.3, slowest=5_000.0, window=0.3, pause=0.01)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def remote(*urls: str, content: bytes = CONTENT, path: str = "file.bin") -> RemoteFile:
    return RemoteFile(path, len(content), hashlib.md5(content).hexdigest(), urls)


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_a_good_mirror_delivers(tmp_path: Path) -> None:
    with mirror({"a": CONTENT}) as server:
        fetch(remote(server.url("a")), tmp_path / "deep" / "file.bin", patience=QUICK)
    assert (tmp_path / "deep" / "file.bin").read_bytes() == CONTENT
    assert left_in(tmp_path) == ["file.bin"]


def test_what_is_there_already_is_not_fetched_again(tmp_path: Path) -> None:
    (tmp_path / "file.bin").write_bytes(CONTENT)
    fetch(remote(), tmp_path / "file.bin", patience=QUICK)
    assert (tmp_path / "file.bin").read_bytes() == CONTENT


def test_a_damaged_file_of_an_earlier_time_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "file.bin").write_bytes(CONTENT[:100])
    with mirror({"a": CONTENT}) as server:
        fetch(remote(server.url("a")), tmp_path / "file.bin", patience=QUICK)
    assert (tmp_path / "file.bin").read_bytes() == CONTENT


def test_a_mirror_that_stops_in_the_middle_is_continued_where_it_stopped(tmp_path: Path) -> None:
    with mirror({"a": CONTENT}, {"a": ["stops"]}) as server:
        fetch(remote(server.url("a")), tmp_path / "file.bin", patience=QUICK)
        assert server.asked == [("a", None), ("a", f"bytes={len(CONTENT) // 2}-")]
    assert (tmp_path / "file.bin").read_bytes() == CONTENT


def test_the_next_mirror_continues_what_the_first_began(tmp_path: Path) -> None:
    with mirror({"a": CONTENT, "b": CONTENT}, {"a": ["stops"]}) as server:
        fetch(remote(server.url("a"), server.url("b")), tmp_path / "file.bin", patience=QUICK)
        assert server.asked == [("a", None), ("b", f"bytes={len(CONTENT) // 2}-")]
    assert (tmp_path / "file.bin").read_bytes() == CONTENT


def test_a_later_program_start_continues_too(tmp_path: Path) -> None:
    once = dataclasses.replace(QUICK, rounds=1)
    with mirror({"a": CONTENT}, {"a": ["stops"]}) as server:
        file = remote(server.url("a"))
        with pytest.raises(DataError, match="stopped after"):
            fetch(file, tmp_path / "file.bin", patience=once)
        assert left_in(tmp_path) == ["file.bin.part"]
        fetch(file, tmp_path / "file.bin", patience=once)
        assert server.asked[-1] == ("a", f"bytes={len(CONTENT) // 2}-")
    assert left_in(tmp_path) == ["file.bin"]
    assert (tmp_path / "file.bin").read_bytes() == CONTENT


def test_a_mirror_that_cannot_continue_starts_again(tmp_path: Path) -> None:
    with mirror({"a": CONTENT}, {"a": ["stops", "no range"]}) as server:
        fetch(remote(server.url("a")), tmp_path / "file.bin", patience=QUICK)
    assert (tmp_path / "file.bin").read_bytes() == CONTENT


@settings(deadline=None, max_examples=15)
@given(
    manners=st.lists(
        st.sampled_from(
            ["stops", "no range", "overloaded", "damaged", "web page", "missing", "longer", "wrong range"]
        ),
        max_size=4,
    )
)
def test_whatever_the_first_mirror_does_a_good_second_one_makes_it_right(
    manners: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    target = tmp_path_factory.mktemp("download") / "file.bin"
    with mirror({"a": CONTENT, "b": CONTENT}, {"a": manners}) as server:
        fetch(remote(server.url("a"), server.url("b")), target, patience=QUICK)
    assert target.read_bytes() == CONTENT
    assert left_in(target.parent) == ["file.bin"]


@pytest.mark.parametrize(
    ("manner", "said"),
    [
        ("damaged", "wrong checksum"),
        ("web page", "sent a web page instead of the file"),
        ("missing", "answered 404"),
        ("longer", "another file"),
        ("overloaded", "answered 503"),
        ("hangs", "did not answer in time"),
    ],
)
def test_a_useless_mirror_is_named_with_what_it_did_and_leaves_nothing(
    manner: str, said: str, tmp_path: Path
) -> None:
    with mirror({"a": CONTENT}, {"a": [manner] * 9}) as server:
        with pytest.raises(DataError, match=said) as refusal:
            fetch(remote(server.url("a")), tmp_path / "file.bin", patience=QUICK)
        assert server.url("a") in str(refusal.value)
        assert "try again" in str(refusal.value)
    assert left_in(tmp_path) == []


@pytest.mark.parametrize(
    ("manner", "said"), [("falls silent", "sent nothing for 0.3 s"), ("dribbles", "too slow")]
)
def test_a_mirror_that_falls_silent_or_dribbles_is_given_up_and_continued_elsewhere(
    manner: str, said: str, tmp_path: Path
) -> None:
    once = dataclasses.replace(QUICK, rounds=1)
    with mirror({"a": CONTENT, "b": CONTENT}, {"a": [manner] * 9}) as server:
        with pytest.raises(DataError, match=said):
            fetch(remote(server.url("a")), tmp_path / "file.bin", patience=once)
        fetch(remote(server.url("b")), tmp_path / "file.bin", patience=once)
        assert server.asked[-1][1] is not None, "the second must continue"
    assert (tmp_path / "file.bin").read_bytes() == CONTENT


def test_a_machine_without_network_gets_a_sentence(tmp_path: Path) -> None:
    with mirror({}) as server:
        address = server.url("a")
    with pytest.raises(DataError, match="no connection"):
        fetch(remote(address), tmp_path / "file.bin", patience=QUICK)


@pytest.mark.parametrize(
    ("number", "said"),
    [(errno.ENOSPC, "disk is full"), (errno.EACCES, "no permission"), (errno.EIO, "could not be")],
)
def test_a_disk_that_takes_no_more_is_reported_and_left_clean(
    number: int, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, "refused")

    monkeypatch.setattr(downloads, "_copy", refuse)
    with mirror({"a": CONTENT}) as server, pytest.raises(DataError, match=said) as refusal:
        fetch(remote(server.url("a")), tmp_path / "file.bin", patience=QUICK)
    assert "file.bin" in str(refusal.value)
    assert "COURSE_DATA" in str(refusal.value)
    assert left_in(tmp_path) == []


def test_names_and_checksums_are_torchvisions_own() -> None:
    for specification in DATA_SETS.values():
        reader = getattr(torchvision.datasets, specification.torchvision_class)
        known = dict(getattr(reader, "resources", None) or [(reader.filename, reader.tgz_md5)])
        assert {Path(file.path).name: file.md5 for file in specification.downloads} == known


# From the mirror to tensors


def served(specification: Specification, server: Mirror) -> Specification:
    """The same data set, made of the server's files."""
    files = tuple(
        dataclasses.replace(
            file,
            size=len(server.files[Path(file.path).name]),
            md5=hashlib.md5(server.files[Path(file.path).name]).hexdigest(),
            urls=(server.url(Path(file.path).name),),
        )
        for file in specification.downloads
    )
    return dataclasses.replace(specification, downloads=files)


def test_mnist_is_downloaded_unpacked_and_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with mirror({f"{name}.gz": zipped(content) for name, content in idx_files().items()}) as server:
        monkeypatch.setitem(DATA_SETS, "mnist", served(DATA_SETS["mnist"], server))
        data = load("mnist", data_dir=tmp_path, scale="laptop")
    images, labels = random_rows("mnist", 12, seed=1)
    assert (data.train.images.numpy() == images).all()
    assert (data.train.labels.numpy() == labels).all()
    assert torchvision.datasets.MNIST(tmp_path, train=False).data.shape == (6, 28, 28)


def test_cifar10_is_downloaded_unpacked_and_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = io.BytesIO()
    files = cifar_files()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    sums = {name: hashlib.md5(content).hexdigest() for name, content in files.items()}
    reader = torchvision.datasets.CIFAR10
    monkeypatch.setattr(reader, "train_list", [[n, sums[n]] for n in sums if n.startswith("data")])
    monkeypatch.setattr(reader, "test_list", [["test_batch", sums["test_batch"]]])
    monkeypatch.setitem(reader.meta, "md5", sums["batches.meta"])
    with mirror({"cifar-10-python.tar.gz": archive.getvalue()}) as server:
        monkeypatch.setitem(DATA_SETS, "cifar10", served(DATA_SETS["cifar10"], server))
        data = load("cifar10", data_dir=tmp_path, scale="laptop")
    images, labels = random_rows("cifar10", 4, seed=0)
    assert (data.train.images[:4].numpy() == images).all()
    assert (data.train.labels[:4].numpy() == labels).all()
    assert (len(data.train), len(data.test)) == (20, 4)
    assert data.source == "torchvision folder cifar-10-batches-py"


def test_when_nothing_can_be_had_the_error_lists_what_was_tried_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mirror({}) as server:
        urls = (server.url("gone.gz"),)
        files = tuple(dataclasses.replace(file, urls=urls) for file in DATA_SETS["mnist"].downloads)
        monkeypatch.setitem(DATA_SETS, "mnist", dataclasses.replace(DATA_SETS["mnist"], downloads=files))
        with pytest.raises(DataError) as refusal:
            load("mnist", data_dir=tmp_path, scale="laptop")
    for part in (
        "gone.gz: answered 404",
        "pack mnist.parquet",
        "Hugging Face",
        "COURSE_DATA",
        "COURSE_SCALE=smoke",
    ):
        assert part in str(refusal.value)


def test_a_damaged_torchvision_folder_is_refused_by_name(tmp_path: Path) -> None:
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name, content in idx_files().items():
        (raw / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match="torchvision cannot read mnist") as refusal:
        load("mnist", data_dir=tmp_path, scale="laptop")
    assert str(raw) in str(refusal.value)
