"""What a run set aside, kept beside the catalog."""

import gc
import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest

from furniture_prompter.domain import LeftOut, SetAside
from furniture_prompter.ingest.left_out import SET_ASIDE_FILE, SetAsides, keep_left_out, left_out

ITEM = SetAside(Path("feed.csv"), 7, "The price is “on request”.", "Write a number.", "p7", "price")


def run(count: int = 1, items: tuple[SetAside, ...] = (ITEM,)) -> LeftOut:
    return LeftOut(3, "feed.csv", "2026-01-02T03:04:05+00:00", count, count, items)


def test_what_was_kept_is_read_as_it_was(tmp_path: Path) -> None:
    assert left_out(tmp_path) is None
    assert keep_left_out(tmp_path, run()) is None
    assert left_out(tmp_path) == run()
    assert keep_left_out(tmp_path, run(0, ())) is None
    assert left_out(tmp_path) == run(0, ())


def test_of_very_many_the_first_are_kept_and_all_are_counted(tmp_path: Path) -> None:
    keep_left_out(tmp_path, run(10_001, (ITEM,) * 10_001))
    found = left_out(tmp_path)
    assert found is not None
    assert (found.count, len(found.items)) == (10_001, 10_000)


@pytest.mark.parametrize("text", ["", "{}", "no json", '{"version": 1}\n{}', "[]\n[]"])
def test_a_damaged_file_is_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / SET_ASIDE_FILE).write_text(text)
    assert left_out(tmp_path) is None


def test_a_file_that_cannot_be_written_is_told_and_nothing_fails(tmp_path: Path) -> None:
    (tmp_path / SET_ASIDE_FILE).mkdir()
    told = keep_left_out(tmp_path, run())
    assert told is not None
    assert "could not be written" in told
    assert "The catalog is whole." in told


def test_a_file_of_before_counts_no_cells(tmp_path: Path) -> None:
    keep_left_out(tmp_path, run())
    path = tmp_path / SET_ASIDE_FILE
    path.write_text(path.read_text("utf-8").replace(', "cells": 1', ""), "utf-8")
    assert left_out(tmp_path) == replace(run(), cells=0)


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
