"""Every test of the data has its own user cache folder and no settings from outside."""

import shutil
from pathlib import Path

import pytest
from real_packs import REAL_PACKS

from course_utils.data import directory


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's cache folder, empty and only for this test."""
    cache = tmp_path_factory.mktemp("cache")
    monkeypatch.setattr(directory, "_user_cache", lambda: cache)
    monkeypatch.delenv("COURSE_DATA", raising=False)
    monkeypatch.delenv("COURSE_SCALE", raising=False)
    return cache


@pytest.fixture
def real_pack(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A data directory with a copy of the real pack that the test names; skips where there is none."""
    pack = REAL_PACKS / f"{request.param}.parquet"
    if not pack.is_file():
        pytest.skip(f"the real pack {pack.name} is not here (COURSE_DATA names its folder)")
    pytest.importorskip("pyarrow")
    data = tmp_path / "real"
    data.mkdir()
    shutil.copyfile(pack, data / pack.name)
    return data
