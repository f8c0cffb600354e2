"""Packs: what is read from them, and what is refused."""

import builtins
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pa = pytest.importorskip("pyarrow")

from made_files import encoded, pack_columns, random_rows, write_pack  # noqa: E402
from PIL import Image  # noqa: E402

from course_utils.data import DATA_SETS, DataError, load  # noqa: E402


def nothing_half_written(data: Path, cache: Path) -> bool:
    stores = [data / "store", cache / "stores"]
    left = [
        path for store in stores for path in store.rglob("*") if path.is_file() and path.suffix != ".lock"
    ]
    return not left


@pytest.mark.parametrize("name", ["mnist", "cifar10"])
def test_a_pack_gives_back_the_images_and_labels_that_were_packed(name: str, tmp_path: Path) -> None:
    write_pack(tmp_path / f"{name}.parquet", pack_columns(name, train=12, test=6))
    images, labels = random_rows(name, 18, seed=1)
    data = load(name, data_dir=tmp_path, scale="laptop")
    np.testing.assert_array_equal(data.train.images, images[:12])
    np.testing.assert_array_equal(data.test.images, images[12:])
    np.testing.assert_array_equal(data.train.labels, labels[:12])
    np.testing.assert_array_equal(data.test.labels, labels[12:])
    assert data.source == f"pack {name}.parquet"
    assert not data.stand_in


def test_rows_of_the_two_splits_may_be_mixed(tmp_path: Path) -> None:
    columns = pack_columns("mnist", train=12, test=6)
    order = np.random.default_rng(0).permutation(18)
    write_pack(tmp_path / "mnist.parquet", {key: column.take(order) for key, column in columns.items()})
    images, _ = random_rows("mnist", 18, seed=1)
    data = load("mnist", data_dir=tmp_path, scale="laptop")
    np.testing.assert_array_equal(data.train.images, images[[i for i in order if i < 12]])
    np.testing.assert_array_equal(data.test.images, images[[i for i in order if i >= 12]])


def test_colour_images_in_a_grey_data_set_turn_grey(tmp_path: Path) -> None:
    columns = pack_columns("mnist")
    grey, _ = random_rows("mnist", 18, seed=1)
    columns["image"] = pa.array([encoded(np.repeat(image, 3, axis=0)) for image in grey])
    write_pack(tmp_path / "mnist.parquet", columns)
    data = load("mnist", data_dir=tmp_path, scale="laptop")
    assert np.abs(data.train.images.numpy().astype(int) - grey[:12]).max() <= 1


def test_jpeg_images_decode_as_pillow_decodes_them(tmp_path: Path) -> None:
    images, _ = random_rows("cifar10", 18, seed=1)
    files = [encoded(image, "JPEG") for image in images]
    columns = pack_columns("cifar10")
    columns["image"] = pa.array(files)
    write_pack(tmp_path / "cifar10.parquet", columns)
    expected = [np.asarray(Image.open(io.BytesIO(file))).transpose(2, 0, 1) for file in files]
    data = load("cifar10", data_dir=tmp_path, scale="laptop")
    np.testing.assert_array_equal(data.train.images, expected[:12])


@pytest.mark.parametrize("column", ["image", "img"])
def test_the_hugging_face_layout_is_read(column: str, tmp_path: Path) -> None:
    columns = pack_columns("cifar10", train=12, test=6)
    table = pa.table(
        {
            column: [{"bytes": file.as_py(), "path": None} for file in columns["image"]],
            "label": columns["label"].cast(pa.int64()),
        }
    )
    folder = tmp_path / "cifar10" / "plain_text"
    for part, (start, length) in {
        "train-00000-of-00002": (0, 7),
        "train-00001-of-00002": (7, 5),
        "test-00000-of-00001": (12, 6),
    }.items():
        rows = table.slice(start, length)
        write_pack(folder / f"{part}.parquet", {key: rows[key] for key in rows.column_names})
    images, labels = random_rows("cifar10", 18, seed=1)
    data = load("cifar10", data_dir=tmp_path, scale="laptop")
    np.testing.assert_array_equal(data.train.images, images[:12])
    np.testing.assert_array_equal(data.test.labels, labels[12:])
    assert data.source == "packs of the folder cifar10/plain_text"

    (folder / "train-00001-of-00002.parquet").unlink()
    (folder / "train-00000-of-00002.parquet").touch()
    with pytest.raises(DataError, match=r"train-00001-of-00002\.parquet is missing"):
        load("cifar10", data_dir=tmp_path, scale="laptop")


def broken_image(columns: dict[str, Any], content: bytes | None, row: int = 3) -> None:
    files = columns["image"].to_pylist()
    files[row] = content
    columns["image"] = pa.array(files, pa.binary())


def set_labels(columns: dict[str, Any], label: int | None) -> None:
    labels = columns["label"].to_pylist()
    labels[4] = label
    columns["label"] = pa.array(labels, pa.int16())


def a_picture() -> bytes:
    return encoded(random_rows("mnist", 1, seed=5)[0][0])


BAD_PACKS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "no image column": (lambda c: c.pop("image"), "has the columns label, split"),
    "no label column": (lambda c: c.pop("label"), "has the columns image, split"),
    "no split column": (lambda c: c.pop("split"), "has the columns image, label"),
    "images as text": (lambda c: c.update(image=pa.array(["x"] * 18)), "column image holds string"),
    "labels as text": (lambda c: c.update(label=pa.array(["7"] * 18)), "column label holds string"),
    "splits as numbers": (lambda c: c.update(split=pa.array([0] * 18)), "column split holds int64"),
    "no test rows": (lambda c: c.update(split=pa.array(["train"] * 18)), "the test split is missing"),
    "no train rows": (lambda c: c.update(split=pa.array(["test"] * 18)), "the train split is missing"),
    "no rows": (lambda c: c.update({k: v.slice(0, 0) for k, v in c.items()}), "the train split is missing"),
    "no image in a row": (lambda c: broken_image(c, None), "row 3 holds no image"),
    "an empty image": (lambda c: broken_image(c, b""), "row 3 holds no image"),
    "bytes that are no image": (lambda c: broken_image(c, b"hello"), "image of row 3 does not decode"),
    "half a PNG": (lambda c: broken_image(c, a_picture()[:300]), "image of row 3 does not decode"),
    "half a JPEG": (
        lambda c: broken_image(c, encoded(random_rows("mnist", 1, seed=5)[0][0], "JPEG")[:400]),
        "image of row 3 does not decode",
    ),
    "another image size": (
        lambda c: broken_image(c, encoded(np.zeros((1, 14, 20), np.uint8))),
        "image of row 3 is 14x20 pixels",
    ),
    "a label too large": (lambda c: set_labels(c, 10), "label of row 4 is 10"),
    "a negative label": (lambda c: set_labels(c, -1), "label of row 4 is -1"),
    "no label in a row": (lambda c: set_labels(c, None), "1 rows have no label"),
}


@pytest.mark.parametrize("case", BAD_PACKS)
def test_a_bad_pack_is_refused_with_its_name_and_leaves_nothing(
    case: str, tmp_path: Path, own_cache: Path
) -> None:
    spoil, message = BAD_PACKS[case]
    columns = pack_columns("mnist")
    spoil(columns)
    pack = write_pack(tmp_path / "mnist.parquet", columns)
    with pytest.raises(DataError, match=message) as refusal:
        load("mnist", data_dir=tmp_path, scale="laptop")
    assert str(pack) in str(refusal.value)
    assert "again" in str(refusal.value), "it must say what to do"
    assert nothing_half_written(tmp_path, own_cache)


@pytest.mark.parametrize("part", [0.0, 0.3, 0.9, 0.999])
def test_a_truncated_pack_is_refused_with_its_name(part: float, tmp_path: Path, own_cache: Path) -> None:
    pack = write_pack(tmp_path / "mnist.parquet", pack_columns("mnist"))
    pack.write_bytes(pack.read_bytes()[: int(part * pack.stat().st_size)])
    with pytest.raises(DataError, match="truncated or no parquet file") as refusal:
        load("mnist", data_dir=tmp_path, scale="laptop")
    assert str(pack) in str(refusal.value)
    assert nothing_half_written(tmp_path, own_cache)


def test_a_pack_damaged_in_the_middle_is_refused_with_its_name(tmp_path: Path, own_cache: Path) -> None:
    pack = write_pack(tmp_path / "mnist.parquet", pack_columns("mnist", train=40, test=20))
    content = bytearray(pack.read_bytes())
    content[4000:6000] = bytes(2000)
    pack.write_bytes(content)
    with pytest.raises(DataError, match=r"mnist\.parquet"):
        load("mnist", data_dir=tmp_path, scale="laptop")
    assert nothing_half_written(tmp_path, own_cache)


def test_a_pack_whose_classes_are_in_another_order_is_refused(tmp_path: Path) -> None:
    classes = list(reversed(DATA_SETS["cifar10"].classes))
    pack = write_pack(tmp_path / "cifar10.parquet", pack_columns("cifar10"), classes=classes)
    with pytest.raises(DataError, match="its classes are") as refusal:
        load("cifar10", data_dir=tmp_path, scale="laptop")
    assert str(pack) in str(refusal.value)


def test_another_data_set_under_this_name_is_refused(tmp_path: Path) -> None:
    write_pack(tmp_path / "mnist.parquet", pack_columns("cifar10"))
    with pytest.raises(DataError, match="32x32 pixels"):
        load("mnist", data_dir=tmp_path, scale="laptop")


def test_rows_of_other_splits_are_left_out_and_it_is_said(tmp_path: Path, capsys: Any) -> None:
    columns = pack_columns("mnist", train=12, test=6)
    columns["split"] = pa.array(["train"] * 8 + ["validation"] * 4 + ["test"] * 6)
    write_pack(tmp_path / "mnist.parquet", columns)
    assert len(load("mnist", data_dir=tmp_path, scale="laptop").train) == 8
    assert "rows of the splits validation are left out" in capsys.readouterr().out


def test_without_pyarrow_a_sentence_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_pack(tmp_path / "mnist.parquet", pack_columns("mnist"))
    real_import = builtins.__import__

    def no_pyarrow(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.split(".")[0] == "pyarrow":
            raise ModuleNotFoundError(name)
        return real_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", no_pyarrow)
    with pytest.raises(DataError) as refusal:
        load("mnist", data_dir=tmp_path, scale="laptop")
    assert 'pip install "deep-learning-notebooks[packs]"' in str(refusal.value)


MEASURED = {  # mean and deviation of the training pixels, per channel, as published with the packs
    "mnist": ([0.1307], [0.3081]),
    "fashion_mnist": ([0.2860], [0.3530]),
    "cifar10": ([0.4913, 0.4821, 0.4465], [0.2452, 0.2428, 0.2606]),
}


@pytest.mark.slow
@pytest.mark.parametrize(("real_pack", "name"), [(name, name) for name in MEASURED], indirect=["real_pack"])
def test_the_real_packs_have_the_published_means_and_deviations(real_pack: Path, name: str) -> None:
    data = load(name, data_dir=real_pack, scale="laptop")
    means, deviations = MEASURED[name]
    pixels = data.train.images.numpy()
    np.testing.assert_allclose(pixels.mean(axis=(0, 2, 3)) / 255, means, atol=1e-4)
    np.testing.assert_allclose(pixels.std(axis=(0, 2, 3)) / 255, deviations, atol=1e-4)
    assert (len(data.train), len(data.test)) == ((50_000 if name == "cifar10" else 60_000), 10_000)
    assert data.test.labels.bincount(minlength=10).min() > 800
