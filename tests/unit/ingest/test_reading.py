"""What reading a feed tells while it goes on."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from furniture_prompter.domain import FeedItem, FeedNote, SetAside
from furniture_prompter.ingest.reading import FeedReading, in_batches
from furniture_prompter.ingest.scratch import StoredIndex
from tests.fakes import ListFeed


@pytest.fixture
def reading(tmp_path: Path) -> Iterator[FeedReading]:
    nothing: Any = SimpleNamespace()
    with FeedReading(tmp_path, StoredIndex(), nothing, {}, nothing, thorough=False) as opened:
        yield opened


def bad(line: int) -> SetAside:
    return SetAside(Path("feed.csv"), line, "Bad.", "")


def test_it_tells_how_far_it_is_every_64_rows_and_at_the_end(reading: FeedReading) -> None:
    items: list[FeedItem] = [bad(line) for line in range(1, 131)]
    told = list(reading.read(items, ListFeed(tuple(items))))
    assert [(each.step, each.done, each.total, each.unit) for each in told] == [
        ("reading", done, None, "rows") for done in (1, 65, 129, 130)
    ]
    assert len(reading.found.set_aside) == 130
    assert list(reading.found.set_aside) == items


def test_it_tells_a_new_step_at_once(reading: FeedReading) -> None:
    items: list[FeedItem] = [
        bad(1),
        FeedNote("By commas.", reading="a.csv"),
        bad(2),
        FeedNote("And so on."),
        FeedNote("By tabs.", reading="b.csv"),
    ]
    told = list(reading.read(items, ListFeed(tuple(items))))
    assert [(each.step, each.done) for each in told] == [
        ("reading", 1),
        ("reading a.csv", 2),
        ("reading b.csv", 5),
        ("reading b.csv", 5),
    ]
    assert reading.found.notes == ["By commas.", "And so on.", "By tabs."]


def test_an_empty_feed_says_nothing(reading: FeedReading) -> None:
    assert list(reading.read([], ListFeed(()))) == []


@pytest.mark.parametrize(
    ("count", "lengths"), [(0, []), (1, [1]), (3, [3]), (4, [3, 1]), (6, [3, 3])]
)
def test_batches_are_full_but_for_the_last(count: int, lengths: list[int]) -> None:
    batches = list(in_batches(range(count), 3))
    assert [len(batch) for batch in batches] == lengths
    assert [each for batch in batches for each in batch] == list(range(count))
