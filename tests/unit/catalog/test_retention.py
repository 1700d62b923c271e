"""What is recorded of replaced versions, and how long they count."""

from dataclasses import replace
from pathlib import Path

import pytest

from furniture_prompter import timing
from furniture_prompter.catalog import retention
from furniture_prompter.catalog.manifest import AlignmentRecord, Manifest, Replaced
from furniture_prompter.catalog.retention import readable, replaced_with
from furniture_prompter.domain import EncoderIdentity

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
