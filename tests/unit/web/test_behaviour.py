"""What people ask and click, written down."""

import json
import stat
from pathlib import Path

import pytest

from furniture_prompter.domain.behaviour import EVENTS_FILE, QUERIES_FILE
from furniture_prompter.errors import ServeError
from furniture_prompter.web.behaviour import BehaviourLog


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
