"""What a run set aside, kept beside the catalog."""

import gc
import os
import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest

from furniture_prompter.domain import LeftOut, SetAside
from furniture_prompter.ingest import left_out as module
from furniture_prompter.ingest.left_out import (
    SET_ASIDE_FOLDER,
    keep_left_out,
    left_out,
)
from furniture_prompter.ingest.set_asides import SetAsides

ITEM = SetAside(Path("feed.csv"), 7, "The price is “on request”.", "Write a number.", "p7", "price")


def run(
    count: int = 1, items: tuple[SetAside, ...] = (ITEM,), feed: str = "chairs", hour: int = 3
) -> LeftOut:
    return LeftOut(feed, 3, "feed.csv", f"2026-01-02T{hour:02}:04:05+00:00", count, count, items)


def test_what_was_kept_is_read_as_it_was(tmp_path: Path) -> None:
    assert left_out(tmp_path) == ()
    assert keep_left_out(tmp_path, run()) is None
    assert left_out(tmp_path) == (run(),)
    assert keep_left_out(tmp_path, run(0, ())) is None
    assert left_out(tmp_path) == (run(0, ()),)


def test_each_feed_has_its_own_the_latest_run_first(tmp_path: Path) -> None:
    chairs, lamps = run(), run(feed="lamps", hour=5)
    keep_left_out(tmp_path, lamps)
    keep_left_out(tmp_path, chairs)
    assert left_out(tmp_path) == (lamps, chairs)
    again = run(0, (), hour=6)
    keep_left_out(tmp_path, again)
    assert left_out(tmp_path) == (again, lamps)


def test_a_feed_under_another_name_is_there_once(tmp_path: Path) -> None:
    keep_left_out(tmp_path, run())
    keep_left_out(tmp_path, run(feed="rugs"))
    renamed = replace(run(feed="seats", hour=4), was=("chairs", "unknown"))
    keep_left_out(tmp_path, renamed)
    assert left_out(tmp_path) == (renamed, run(feed="rugs"))
    # Where the catalog went back, it knows the feed by its former name, and forward by the new one.
    back = replace(renamed, feed="chairs")
    assert left_out(tmp_path, feeds=("rugs", "chairs")) == (back, run(feed="rugs"))
    assert left_out(tmp_path, feeds=("rugs", "seats"))[0] == renamed
    again = run(hour=5)
    keep_left_out(tmp_path, again)
    assert left_out(tmp_path, feeds=("rugs", "chairs")) == (again, run(feed="rugs"))
    assert left_out(tmp_path, feeds=("rugs", "seats")) == (renamed, run(feed="rugs"))
    # A run that is not told of a former name keeps it.
    keep_left_out(tmp_path, run(feed="seats", hour=6))
    assert left_out(tmp_path)[0].was == ("chairs", "unknown")


def test_as_many_feeds_are_kept_as_a_catalog_remembers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_FEEDS", 2)
    for place, name in enumerate(("monday", "tuesday", "wednesday")):
        keep_left_out(tmp_path, run(feed=name, hour=place))
        # Clocks of file systems may be coarse.
        for path in (tmp_path / SET_ASIDE_FOLDER).iterdir():
            if name in path.read_text("utf-8"):
                os.utime(path, (place, place))
    assert [each.feed for each in left_out(tmp_path)] == ["wednesday", "tuesday"]


def test_of_very_many_the_first_are_kept_and_all_are_counted(tmp_path: Path) -> None:
    keep_left_out(tmp_path, run(10_001, (ITEM,) * 10_001))
    (found,) = left_out(tmp_path)
    assert (found.count, len(found.items)) == (10_001, 10_000)
    (few,) = left_out(tmp_path, 7)
    assert (few.count, few.items) == (10_001, (ITEM,) * 7)


@pytest.mark.parametrize("text", ["", "{}", "no json", "[]\n[]", b"\xff", None])
def test_a_damaged_file_is_as_none(tmp_path: Path, text: str | bytes | None) -> None:
    keep_left_out(tmp_path, run())
    keep_left_out(tmp_path, run(feed="lamps"))
    (path,) = (
        each
        for each in (tmp_path / SET_ASIDE_FOLDER).iterdir()
        if "lamps" in each.read_text("utf-8")
    )
    if text is None:
        path.unlink()
        path.symlink_to(tmp_path / "nowhere")
    elif isinstance(text, bytes):
        path.write_bytes(text)
    else:
        first = path.read_text("utf-8").splitlines()[0]
        path.write_text(f"{first}\n{text}" if text == "{}" else text, "utf-8")
    assert left_out(tmp_path) == (run(),)


@pytest.mark.parametrize("there", ["a file", "no right"])
def test_a_file_that_cannot_be_written_is_told_and_nothing_fails(
    tmp_path: Path, there: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if there == "a file":
        (tmp_path / SET_ASIDE_FOLDER).write_text("")
    else:

        def refuse(*_: object, **__: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(module, "replace_bytes", refuse)
    told = keep_left_out(tmp_path, run())
    assert told is not None
    assert "could not be written" in told
    assert "The catalog is whole." in told


def test_what_is_set_aside_comes_by_file_and_line_and_stays_as_it_was() -> None:
    odd = SetAside(Path("caf\udce9.csv"), 2, "Bad \udce9.", "", hides_ids=True)
    last = SetAside(Path("z"), 10, "Bad.", "Mend it.", "p7")
    items = [last, ITEM, replace(last, line=9), odd, replace(ITEM, reason="Another.")]
    kept = SetAsides(items)
    expected = (odd, ITEM, replace(ITEM, reason="Another."), replace(last, line=9), last)
    assert tuple(kept) == expected
    assert kept == expected
    assert kept != expected[:4]
    assert kept != (odd, ITEM, ITEM, ITEM, last)
    assert (kept[1], kept[-1], kept[1:3]) == (ITEM, last, expected[1:3])
    assert kept[::-1] == expected[::-1]
    with pytest.raises(IndexError):
        kept[5]
    assert SetAsides() == ()
    assert (kept.cells, kept.hiding, kept.first_hiding) == (2, 1, [odd])
    assert kept.is_about("p7")
    assert not kept.is_about("p")


def test_memory_does_not_grow_with_what_is_set_aside() -> None:
    paths = [Path(f"photos/{line}.jpg") for line in range(20_000)]
    # Paths keep their text once it was asked for.
    names = list(map(str, paths))
    kept = SetAsides()
    tracemalloc.start()
    for path, name in zip(paths, names, strict=True):
        kept.add(SetAside(path, 0, f"The photo {name} cannot be read.", "Mend it.", name))
    gc.collect()
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(kept) == 20_000
    # A list of them holds ten megabytes.
    assert held < 1_000_000
