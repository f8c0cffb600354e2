"""A file is the old one or the new one, never half of it."""

import os

import pytest

from course_utils.files import write_whole


def test_text_and_bytes_are_written_as_they_are(tmp_path):
    write_whole(tmp_path / "a", "line\n\u00fc\n")
    write_whole(tmp_path / "b", b"\r\n")
    assert (tmp_path / "a").read_bytes() == "line\n\u00fc\n".encode()
    assert (tmp_path / "b").read_bytes() == b"\r\n"


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    file = tmp_path / "a"
    write_whole(file, "old")

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(file, "new")
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.skipif(os.name == "nt", reason="rights of POSIX")
def test_a_secret_file_is_open_to_nobody_else_not_even_while_it_is_written(tmp_path, monkeypatch):
    rights = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: rights.append(os.fstat(descriptor).st_mode & 0o777))
    write_whole(tmp_path / "secret", "key", mode=0o600)
    assert rights == [0o600]
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600
