"""What a run set aside, kept beside the catalog."""

from pathlib import Path

import pytest

from furniture_prompter.domain import LeftOut, SetAside
from furniture_prompter.ingest.left_out import SET_ASIDE_FILE, keep_left_out, left_out

ITEM = SetAside(Path("feed.csv"), 7, "The price is “on request”.", "Write a number.", "p7", "price")


def run(count: int = 1, items: tuple[SetAside, ...] = (ITEM,)) -> LeftOut:
    return LeftOut(3, "feed.csv", "2026-01-02T03:04:05+00:00", count, items)


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
