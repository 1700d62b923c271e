"""Files that are the old ones or the new ones, whatever happens."""

import os
import stat
from pathlib import Path

import pytest

from furniture_prompter.atomic_files import replace_bytes, replacing


def test_a_file_and_then_its_folder_are_flushed_around_the_rename(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "keys.json"
    flushed: list[tuple[bool, bool]] = []

    def fsync(handle: int) -> None:
        flushed.append((stat.S_ISDIR(os.fstat(handle).st_mode), path.exists()))

    monkeypatch.setattr(os, "fsync", fsync)
    replace_bytes(path, b"new")
    assert flushed == [(False, False), (True, True)]
    assert path.read_bytes() == b"new"


def test_a_block_that_fails_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")

    def stop_halfway() -> None:
        with replacing(path) as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop_halfway()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_private_file_is_its_owners_alone_and_others_follow_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        replace_bytes(tmp_path / "private", b"", private=True)
        replace_bytes(tmp_path / "page", b"")
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {"private": 0o600, "page": 0o644}
