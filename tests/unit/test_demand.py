"""The demand report: of what people asked and clicked."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from furniture_prompter.assembly.demand import demand
from furniture_prompter.cli.main import app
from furniture_prompter.cli.options import ExitCode
from furniture_prompter.domain.behaviour import EVENTS_FILE, OLDER, QUERIES_FILE, Asked
from furniture_prompter.errors import BenchmarkError
from furniture_prompter.web.behaviour import BehaviourLog


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two ask for a hammock, which is not sold; chairs are asked for thrice and clicked once."""
    log = BehaviourLog(tmp_path / "events")
    for words in ("Hammock", "hammock  "):
        log.query(words, {"nothing_matches": True}, ["p1"])
    first = log.query("chair", {}, ["p1", "p2"])
    log.query("chair", {}, ["p1", "p2"])
    page = log.query("chair", {"goes_on": True}, ["p3"])
    for _ in range(2):
        log.query("stool", {}, ["p4"])
    log.query("", {"photo": True, "photo_words": "brown Sofa"}, ["p5"])
    log.event(first, "s", "click", "p2", 2)
    log.event(first, "s", "click", "p1", 1)
    log.event(first, "s", "compare", "p1", 1)
    log.event(page, "s", "click", "p3", 25)
    return tmp_path / "events"


def test_what_is_missing_and_what_nobody_clicks_is_told(folder: Path) -> None:
    found = demand(folder)
    assert (found.queries, found.with_photo, found.clicked) == (7, 1, 2)
    assert found.missing == (Asked("hammock", 2, 0),)
    assert found.unclicked == (Asked("stool", 2, 0),)
    assert found.words[0] == Asked("chair", 2, 2)
    assert found.photos == (Asked("brown sofa", 1, 0),)
    assert found.ranks == {1: 1, 2: 1, 25: 1}
    assert found.unread == 0


def test_the_file_before_counts_and_what_cannot_be_read_is_counted(folder: Path) -> None:
    (folder / QUERIES_FILE).rename(folder / f"{QUERIES_FILE}{OLDER}")
    (folder / QUERIES_FILE).write_text('{"query_id": 1}\nno json\n[]\n')
    with (folder / EVENTS_FILE).open("a") as file:
        file.write('{"action_name": "click", "query_id": "x", "event_attributes": 7}\n')
    found = demand(folder)
    assert (found.queries, found.unread) == (7, 3)


def test_photos_that_found_nothing_are_told_together_where_they_look_alike(
    tmp_path: Path,
) -> None:
    log = BehaviourLog(tmp_path, limit_photos=10)
    assert log.photos is not None
    sofa = np.array([1, 0, 0, 0.1], np.float32)
    for name, vector, words, times in (
        ("a", sofa, "grey sofa", 1),
        ("b", sofa + np.array([0, 0.3, 0, 0], np.float32), "grey sofa", 2),
        ("c", np.array([0, 0, 1, 0], np.float32), "hammock <b>", 2),
        ("d", np.array([0, 1, 0, 0], np.float32), "", 1),
    ):
        image = np.full((300, 200, 3), ord(name), np.uint8)
        log.photos.keep(name * 64, image, vector)
        for _ in range(times):
            attributes = {"photo": True, "photo_words": words, "photo_kept": name * 64}
            log.query("", {**attributes, "nothing_matches": True}, [])
    # What has gone, or is none, counts for nothing.
    log.query("", {"photo_kept": "e" * 64}, [])
    log.query("", {"photo_kept": "../../secret"}, [])
    (tmp_path / "photos" / f"{'f' * 64}.f16").write_bytes(b"odd")
    log.query("", {"photo_kept": "f" * 64}, [])
    found = demand(tmp_path)
    assert [(each.count, each.text, len(each.pictures)) for each in found.unmet] == [
        (3, "grey sofa", 2),
        (2, "hammock <b>", 1),
        (1, "", 1),
    ]
    first = Path(found.unmet[0].pictures[0])
    assert first.name == f"{'b' * 64}.jpg"
    with Image.open(first) as kept:
        assert kept.size == (107, 160)
    page = tmp_path / "demand.html"
    told = CliRunner().invoke(app, ["demand", str(tmp_path), "--html", str(page)])
    assert told.exit_code == 0, told.output
    assert "     3  grey sofa" in told.stdout
    text = page.read_text("utf-8")
    assert text.count("data:image/jpeg;base64,") == 4
    assert "hammock &lt;b&gt; <span>2 times</span>" in text
    assert "<b>" not in text


def test_a_room_is_counted_and_called_no_product(tmp_path: Path) -> None:
    log = BehaviourLog(tmp_path, limit_photos=10)
    assert log.photos is not None
    log.photos.keep("a" * 64, np.zeros((20, 20, 3), np.uint8), np.ones(4, np.float32))
    room = {"photo": True, "photo_words": "", "room": True, "photo_kept": "a" * 64}
    log.query("", room, [])
    log.query("", {"photo": True, "photo_words": "lamp", "room": False}, [])
    found = demand(tmp_path)
    assert (found.with_photo, found.rooms) == (2, 1)
    assert found.photos == (Asked("lamp", 1, 0),)
    assert found.unmet[0].text == "a room of several pieces"
    told = CliRunner().invoke(app, ["demand", str(tmp_path)])
    assert "2, 2 of them with a photo (1 of a room)" in told.stdout


def test_a_page_without_kept_photos_says_how_they_are_kept(folder: Path, tmp_path: Path) -> None:
    page = tmp_path / "demand.html"
    told = CliRunner().invoke(app, ["demand", str(folder), "--html", str(page), "--json"])
    assert json.loads(told.stdout)["unmet"] == []
    assert "event_photos" in page.read_text("utf-8")


def test_a_folder_without_queries_says_how_to_get_some(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="Start the server with --events"):
        demand(tmp_path)
    told = CliRunner().invoke(app, ["demand", str(tmp_path / "nofolder")])
    assert told.exit_code == ExitCode.USAGE
    assert "FOLDER" in told.stderr


def test_the_command_prints_it_for_people_and_for_programs(folder: Path) -> None:
    told = CliRunner().invoke(app, ["demand", str(folder), "-k", "1"])
    assert told.exit_code == 0, told.output
    assert "nothing here matches" in told.output
    assert "     2  hammock" in told.output
    assert "… and 2 more" in told.output
    found = json.loads(CliRunner().invoke(app, ["demand", str(folder), "--json"]).stdout)
    assert found["missing"] == [{"text": "hammock", "count": 2, "clicked": 0}]
    assert found["ranks"] == {"1": 1, "2": 1, "25": 1}
