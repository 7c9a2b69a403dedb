"""Files: whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.effects.files import write_atomic


def test_a_file_is_written_with_its_mode_and_directories(tmp_path: Path) -> None:
    """Missing directories are made; the mode is the one that was asked for."""
    file = tmp_path / "a/b/c"
    write_atomic(file, b"one", mode=0o600)
    assert file.read_bytes() == b"one"
    assert file.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in file.parent.iterdir()] == ["c"]


def test_a_reader_never_sees_half_of_it(tmp_path: Path) -> None:
    """The old file stays, whole, for who has it open; the new one stands beside until it is moved."""
    file = tmp_path / "c"
    write_atomic(file, b"one")
    with file.open("rb") as reader:
        write_atomic(file, b"two, longer")
        assert reader.read() == b"one"
    assert file.read_bytes() == b"two, longer"


def test_what_cannot_be_written_raises(tmp_path: Path) -> None:
    """A file in the place of a directory is the caller's to tell."""
    (tmp_path / "a").write_bytes(b"")
    with pytest.raises(OSError, match=r"."):
        write_atomic(tmp_path / "a/b", b"")
