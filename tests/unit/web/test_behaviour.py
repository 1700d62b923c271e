"""What people ask and click, written down."""

import json
import os
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from furniture_prompter.domain.behaviour import EVENTS_FILE, QUERIES_FILE
from furniture_prompter.errors import ServeError
from furniture_prompter.web.behaviour import BehaviourLog
from furniture_prompter.web.unmet_photos import KEPT_DAYS, PICTURE_SIDE_PX


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_a_query_and_a_click_are_written_as_ubi_has_them(tmp_path: Path) -> None:
    log = BehaviourLog(tmp_path / "events")
    query_id = log.query("kırmızı “koltuk”", {"photo": False}, ["p1", "p2"])
    log.event(query_id, "s1", "click", "p2", 2)
    (query,) = lines(tmp_path / "events" / QUERIES_FILE)
    (event,) = lines(tmp_path / "events" / EVENTS_FILE)
    assert query["query_id"] == event["query_id"] == query_id
    assert query["user_query"] == "kırmızı “koltuk”"
    assert query["query_response_hit_ids"] == ["p1", "p2"]
    assert event["action_name"] == "click"
    assert event["event_attributes"] == {
        "object": {"object_id": "p2", "object_id_field": "id"},
        "position": {"ordinal": 2},
    }


def test_the_files_are_their_owners_and_do_not_grow_for_ever(tmp_path: Path) -> None:
    log = BehaviourLog(tmp_path, limit_bytes=2_000)
    for number in range(40):
        log.event("0" * 32, "s", "click", f"p{number}", 1)
    path = tmp_path / EVENTS_FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    older = tmp_path / f"{EVENTS_FILE}.1"
    assert path.stat().st_size <= 2_000
    assert older.stat().st_size <= 2_000
    told = lines(older) + lines(path)
    assert told[-1]["event_attributes"]["object"]["object_id"] == "p39"  # type: ignore[index]  # of JSON


def test_of_photos_that_found_nothing_the_newest_are_kept_and_not_for_ever(tmp_path: Path) -> None:
    assert BehaviourLog(tmp_path).photos is None
    photos = BehaviourLog(tmp_path, limit_photos=2).photos
    assert photos is not None
    image, vector = np.zeros((20, 400, 3), np.uint8), np.ones(4, np.float32)
    now_s = time.time()
    for age, name in ((9, "a"), (8, "b"), (7, "c")):
        photos.keep(name, image, vector)
        os.utime(tmp_path / "photos" / f"{name}.f16", (now_s - age, now_s - age))
    names = sorted(path.name for path in (tmp_path / "photos").iterdir())
    assert names == ["b.f16", "b.jpg", "c.f16", "c.jpg"]
    kept = tmp_path / "photos" / "c.jpg"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    with Image.open(kept) as picture:
        assert picture.size == (PICTURE_SIDE_PX, PICTURE_SIDE_PX // 20)
    old_s = now_s - (KEPT_DAYS + 1) * 86_400
    os.utime(tmp_path / "photos" / "c.f16", (old_s, old_s))
    photos.keep("d", image, vector)
    assert sorted(path.stem for path in kept.parent.glob("*.jpg")) == ["b", "d"]


def photos_of(folder: Path, **ages_days: float) -> Path:
    """A folder of photos that were kept so many days ago."""
    photos = BehaviourLog(folder, limit_photos=10).photos
    assert photos is not None
    for name, days in ages_days.items():
        photos.keep(name, np.zeros((20, 20, 3), np.uint8), np.ones(4, np.float32))
        for path in (folder / "photos").glob(f"{name}.*"):
            os.utime(path, (time.time() - days * 86_400,) * 2)
    return folder / "photos"


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_server_that_starts_forgets_photos_whose_time_is_over(tmp_path: Path) -> None:
    photos = photos_of(tmp_path, young=KEPT_DAYS - 1, old=KEPT_DAYS + 1)
    BehaviourLog(tmp_path, limit_photos=10)
    assert names_in(photos) == ["young.f16", "young.jpg"]
    # Whoever keeps none any more has none.
    BehaviourLog(tmp_path)
    assert names_in(photos) == []


def test_a_server_that_runs_on_forgets_photos_once_a_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = photos_of(tmp_path, old=KEPT_DAYS - 1)
    log = BehaviourLog(tmp_path, limit_photos=10)
    os.utime(photos / "old.f16", (time.time() - (KEPT_DAYS + 1) * 86_400,) * 2)
    log.query("chair", {}, [])
    assert names_in(photos) == ["old.f16", "old.jpg"]
    now_s = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now_s + 86_401)
    log.query("chair", {}, [])
    assert names_in(photos) == []


def test_what_a_killed_process_leaves_of_a_photo_is_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = photos_of(tmp_path, whole=1)
    (photos / "orphan.jpg").write_bytes(b"picture")
    for name, age_s in ((".x.jpg.0a.new", 7_200), (".y.jpg.0b.new", 60)):
        (photos / name).write_bytes(b"half")
        os.utime(photos / name, (time.time() - age_s,) * 2)
    log = BehaviourLog(tmp_path, limit_photos=10)
    assert names_in(photos) == [".y.jpg.0b.new", "whole.f16", "whole.jpg"]
    written: list[str] = []

    def killed_at_the_second(path: Path, content: bytes, *, private: bool) -> None:
        if written:
            raise KeyboardInterrupt
        written.append(path.name)
        path.write_bytes(content)

    monkeypatch.setattr("furniture_prompter.web.unmet_photos.replace_bytes", killed_at_the_second)
    assert log.photos is not None
    with pytest.raises(KeyboardInterrupt):
        log.photos.keep("z", np.zeros((20, 20, 3), np.uint8), np.ones(4, np.float32))
    assert written == ["z.f16"]


def test_photos_that_cannot_be_kept_fail_no_search(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    photos = BehaviourLog(tmp_path, limit_photos=2).photos
    assert photos is not None
    (tmp_path / "photos").write_text("")
    photos.keep("a", np.zeros((20, 20, 3), np.uint8), np.ones(4, np.float32))
    assert "could not be kept" in caplog.text


def test_a_folder_that_cannot_be_written_stops_the_server_before_it_starts(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ServeError, match=r"Events cannot be written to .* name another folder"):
        BehaviourLog(tmp_path / "file")


def test_a_disk_that_fails_later_fails_no_search(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log = BehaviourLog(tmp_path / "events")
    for path in (tmp_path / "events").iterdir():
        path.unlink()
    (tmp_path / "events").rmdir()
    assert len(log.query("chair", {}, [])) == 32
    assert "an event could not be written" in caplog.text


SECOND = """
import sys, time
from pathlib import Path
from furniture_prompter.web.behaviour import BehaviourLog

folder = Path(sys.argv[1])
rename = Path.replace

def late(self, target):
    (folder / "renames").touch()
    while not (folder / "go").exists():
        time.sleep(0.01)
    return rename(self, target)

Path.replace = late
log = BehaviourLog(folder, limit_bytes=2_000)
for number in range(int(sys.argv[2])):
    log.event("0" * 32, "second", "click", f"s{number}", 1)
"""


def second_process(folder: Path, events: int) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", SECOND, str(folder), str(events)])


def until(path: Path, process: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + 60
    while not path.exists():
        assert process.poll() is None
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.01)


def products(*paths: Path) -> list[str]:
    told: list[Any] = [each["event_attributes"] for path in paths for each in lines(path)]
    return [each["object"]["object_id"] for each in told]


def test_two_processes_that_find_a_file_full_rename_it_once(tmp_path: Path) -> None:
    """Without a lock the slower one renames what the faster one began, and all else is lost."""
    log = BehaviourLog(tmp_path, limit_bytes=2_000)
    path, older = tmp_path / EVENTS_FILE, tmp_path / f"{EVENTS_FILE}.1"
    written = 0
    while path.stat().st_size < 1_700:
        log.event("0" * 32, "first", "click", f"f{written}", 1)
        written += 1
    second = second_process(tmp_path, 4)
    try:
        # It has seen that the file is full, and is about to rename it.
        until(tmp_path / "renames", second)
        for number in range(3):
            log.event("0" * 32, "first", "click", f"g{number}", 1)
        (tmp_path / "go").touch()
        assert second.wait(60) == 0
    finally:
        second.kill()
    wanted = [f"f{n}" for n in range(written)] + [f"g{n}" for n in range(3)]
    wanted += [f"s{n}" for n in range(4)]
    assert sorted(products(older, path)) == sorted(wanted)


def test_two_processes_write_whole_lines_into_one_file(tmp_path: Path) -> None:
    (tmp_path / "go").touch()
    second = second_process(tmp_path, 400)
    try:
        log = BehaviourLog(tmp_path, limit_bytes=2_000)
        for number in range(400):
            log.event("0" * 32, "first", "click", f"f{number}", 1)
        assert second.wait(60) == 0
    finally:
        second.kill()
    told = products(tmp_path / f"{EVENTS_FILE}.1", tmp_path / EVENTS_FILE)
    assert {"f399", "s399"} & set(told)
    assert all(path.stat().st_size < 2_300 for path in tmp_path.glob("*.jsonl*"))
