"""What is recorded of replaced versions, and how long they count."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from furniture_prompter import timing
from furniture_prompter.catalog import retention
from furniture_prompter.catalog.manifest import AlignmentRecord, Manifest, Replaced
from furniture_prompter.catalog.retention import fold, prune_table, readable, replaced_with
from furniture_prompter.domain import EncoderIdentity
from furniture_prompter.errors import CatalogWriteError

GRACE_S = 600.0
IDENTITY = EncoderIdentity("e", "a" * 64, 27, "cosine")
FIRST = Manifest(
    version=1,
    created="2026-01-01T00:00:00+00:00",
    encoder=IDENTITY,
    prompt_encoder=IDENTITY,
    language="english",
    tables={"products": 4, "photos": 9},
    columns={},
    products=2,
    photos=5,
    next_number=3,
    alignment=AlignmentRecord("first.npz", "f", 2, 0, "fitted"),
    vector_index=None,
)


class Clock:
    """A clock that stands still until a test turns it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s = 1_800_000_000.0
        monkeypatch.setattr(timing, "_clock", lambda: self.now_s)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def after(before: Manifest, tables: dict[str, int], file: str = "first.npz") -> Manifest:
    """The manifest of a commit now."""
    return replace(
        before,
        version=before.version + 1,
        tables=tables,
        alignment=replace(before.alignment, file=file),
        replaced=replaced_with(before, GRACE_S),
    )


def test_a_version_counts_from_its_replacement_however_old_it_is(clock: Clock) -> None:
    second = after(FIRST, {"products": 5, "photos": 10})
    assert [each.tables for each in second.replaced] == [FIRST.tables]
    clock.now_s += GRACE_S - 1
    third = after(second, {"products": 6, "photos": 11}, "second.npz")
    assert [each.tables for each in third.replaced] == [FIRST.tables, second.tables]
    assert [each.alignments for each in third.replaced] == [("first.npz",), ("first.npz",)]
    clock.now_s += 2
    assert [each.tables for each in readable(third.replaced, GRACE_S)] == [second.tables]
    fourth = after(third, {"products": 7, "photos": 12})
    assert [each.tables for each in fourth.replaced] == [second.tables, third.tables]
    assert fourth.replaced[-1].alignments == ("second.npz",)


def test_many_versions_a_second_are_few_records_that_keep_the_earliest(clock: Clock) -> None:
    now = FIRST
    replaced_at: dict[int, float] = {}
    for number in range(5, 4_005):
        replaced_at[now.tables["products"]] = clock.now_s
        now = after(now, {"products": number, "photos": number}, f"{number % 7}.npz")
        clock.now_s += 0.2
        if number % 400 == 0:
            kept = readable(now.replaced, GRACE_S)
            least = min(each.tables["products"] for each in kept)
            within = [
                each for each, at in replaced_at.items() if clock.now_s - at < GRACE_S - 0.001
            ]
            assert least <= min(within)
            assert {name for each in kept for name in each.alignments} >= {
                f"{each % 7}.npz" for each in within if each >= 5
            }
    assert len(now.replaced) <= 52
    # Nor are they kept for much longer.
    assert clock.now_s - replaced_at[now.replaced[0].tables["products"]] < GRACE_S * 1.03


def test_a_time_that_lies_in_the_future_becomes_now(clock: Clock) -> None:
    clock.now_s += 1e8
    second = after(FIRST, {"products": 5, "photos": 10})
    clock.now_s -= 1e8
    third = after(second, {"products": 6, "photos": 11})
    clock.now_s += GRACE_S
    assert readable(third.replaced, GRACE_S) == ()


def test_a_grace_of_nothing_still_lets_a_search_open_what_it_looked_up(clock: Clock) -> None:
    replaced = replaced_with(FIRST, 0.0)
    assert readable(replaced, 0.0) == replaced
    clock.now_s += 1.0
    assert readable(replaced, 0.0) == ()
    assert isinstance(replaced[0], Replaced)


def test_a_first_version_replaces_nothing(clock: Clock) -> None:
    assert replaced_with(None, GRACE_S) == ()


class Table:
    """A table that notes how it is optimized, whose folding makes so many versions."""

    def __init__(self, version: int, made_s: dict[int, float], folds: int = 0) -> None:
        self._version = version
        self._made_s = made_s
        self._folds = folds
        self.optimized: list[dict[str, Any]] = []

    async def version(self) -> int:
        return self._version

    async def optimize(self, **given: Any) -> None:
        self.optimized.append(given)
        if self._folds:
            self._folds -= 1
            self._version += 1

    async def list_versions(self) -> list[dict[str, Any]]:
        return [
            {"version": number, "timestamp": datetime.fromtimestamp(at_s, UTC)}
            for number, at_s in self._made_s.items()
        ]


@pytest.mark.parametrize(("folds", "turns"), [(0, 1), (1, 2), (2, 2), (5, 2)])
def test_a_table_is_folded_until_nothing_is_left_and_at_most_twice(folds: int, turns: int) -> None:
    table: Any = Table(1, {}, folds)
    asyncio.run(fold(table))
    assert table.optimized == [{"cleanup_older_than": retention.NEVER}] * turns
    assert retention.NEVER.days == 36_500


NOW_S = 1_000.0
MADE_S = {3: 100.0, 4: 200.0, 5: 300.0, 6: 900.0}


def deleted_older_than(
    monkeypatch: pytest.MonkeyPatch,
    *,
    current: int = 6,
    readable_still: tuple[int, ...] = (),
    kept: tuple[int, ...] = (),
    now_s: float = NOW_S,
) -> float | None:
    """The age in seconds of what a table's pruning deletes; None where it deletes nothing."""
    monkeypatch.setattr(retention, "time", _Time(now_s))
    table: Any = Table(6, MADE_S)
    still: Any = tuple(_Kept({"photos": each}) for each in kept)
    manifest = replace(FIRST, tables={"photos": current}, kept=still)
    replaced = [Replaced("", {"photos": each}, ()) for each in readable_still]
    asyncio.run(prune_table(table, "photos", manifest, replaced))
    first, *others = table.optimized
    assert first == {"cleanup_older_than": retention.NEVER}
    if not others:
        return None
    (only,) = others
    assert only.pop("delete_unverified") is True
    age: float = only.pop("cleanup_older_than").total_seconds()
    assert not only
    return age


class _Time:
    def __init__(self, now_s: float) -> None:
        self.time: Callable[[], float] = lambda: now_s


class _Kept:
    def __init__(self, tables: dict[str, int]) -> None:
        self.tables = tables


def test_versions_go_that_are_older_than_all_that_is_current_read_or_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The current version is 100 s old, and a second may pass until Lance asks.
    assert deleted_older_than(monkeypatch) == 101.0
    assert deleted_older_than(monkeypatch, readable_still=(5,)) == 701.0
    assert deleted_older_than(monkeypatch, kept=(4,)) == 801.0
    assert deleted_older_than(monkeypatch, readable_still=(3, 5), kept=(4,)) == 901.0


def test_only_the_newest_version_of_a_table_is_pruned(monkeypatch: pytest.MonkeyPatch) -> None:
    assert deleted_older_than(monkeypatch, current=5) is None


def test_a_clock_that_was_set_back_deletes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert deleted_older_than(monkeypatch, now_s=899.5) == 0.5
    for now_s in (899.0, 0.0):
        with pytest.raises(CatalogWriteError, match="clock is behind the time of a version"):
            deleted_older_than(monkeypatch, now_s=now_s)


def test_a_version_is_due_once_the_grace_of_one_before_it_is_over(clock: Clock) -> None:
    second = after(FIRST, {"products": 5, "photos": 10})
    assert not retention._is_due(FIRST, GRACE_S)
    clock.now_s += GRACE_S - 1
    assert not retention._is_due(second, GRACE_S)
    clock.now_s += 1
    assert retention._is_due(second, GRACE_S)


@pytest.mark.parametrize(
    ("stored", "names"),
    [
        ("/shop/a.jpg", ["a.jpg", "f00.jpg"]),
        ("/shop/a", ["a", "f00"]),
        ("/shop/a.", ["a.", "f00"]),
    ],
)
def test_a_photo_is_looked_for_where_it_was_and_among_uploads(
    stored: str, names: list[str]
) -> None:
    first, *others = retention.photo_places(Path("catalog"), "f00", stored)
    assert first == Path(stored)
    assert others == [Path("catalog", retention.UPLOADS_FOLDER, name) for name in names]
