"""Which photo a file holds is remembered while the file is as it was."""

import os
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from furniture_prompter.ingest import seen_photos
from furniture_prompter.ingest.seen_photos import SEEN_FILE, SeenPhotos


def made(path: Path, content: bytes, age_s: float = 60.0) -> Path:
    path.write_bytes(content)
    then = time.time() - age_s
    os.utime(path, (then, then))
    return path


def test_a_file_that_changed_a_moment_ago_is_not_remembered(tmp_path: Path) -> None:
    # Its mode changes now, which the file system dates like its content.
    path = made(tmp_path / "a.jpg", b"one")
    with SeenPhotos(tmp_path) as seen:
        status, photo_id = seen.look(path)
        assert photo_id == ""
        assert status is not None
        seen.remember(path, status, "first")
        assert seen.look(path)[1] == ""


def test_a_file_is_known_until_anything_of_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = made(tmp_path / "a.jpg", b"one")
    later_ns = time.time_ns() + 3_600 * 10**9
    monkeypatch.setattr(seen_photos, "time", SimpleNamespace(time_ns=lambda: later_ns))
    with SeenPhotos(tmp_path) as seen:
        status, _ = seen.look(path)
        assert status is not None
        seen.remember(path, status, "first")
    with SeenPhotos(tmp_path) as seen:
        assert seen.look(path)[1] == "first"
        # As long, and as old by its own account: what tells is when the system last touched it.
        time.sleep(0.02)
        content_ns = path.stat().st_mtime_ns
        path.write_bytes(b"two")
        os.utime(path, ns=(content_ns, content_ns))
        assert seen.look(path)[1] == ""
        path.unlink()
        assert seen.look(path) == (None, "")


def test_a_damaged_file_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / SEEN_FILE).write_bytes(b"no database at all, " * 200)
    path = made(tmp_path / "a.jpg", b"one")
    with SeenPhotos(tmp_path) as seen:
        assert seen.look(path)[1] == ""
        seen.forget_many(1)
