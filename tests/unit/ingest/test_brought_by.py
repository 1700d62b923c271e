"""Which feeds have a product: bits that runs give and take, and what goes with the last one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from furniture_prompter.errors import InvalidFeedError
from furniture_prompter.ingest.brought_by import (
    BEFORE,
    MOST_FEEDS,
    UNKNOWN,
    BroughtBy,
    feed_name,
)


def brought(
    names: tuple[str, ...],
    bits: list[int],
    name: str,
    *was: str,
    takes_unknown: bool = False,
) -> BroughtBy:
    return BroughtBy(names, np.array(bits, np.int64), name, was, takes_unknown=takes_unknown)


def settled(run: BroughtBy, present: str, *, sync: bool = True, may_remove: bool = True) -> int:
    """Settle a run whose feed has the products at the places of ``x``."""
    has = np.array([each == "x" for each in present], np.bool_)
    return run.settle(has, sync=sync, may_remove=may_remove)


feeds = st.lists(
    st.tuples(st.sampled_from("abc"), st.sets(st.integers(0, 5)), st.booleans()), max_size=8
)


@given(feeds)
def test_after_any_runs_a_product_is_there_while_a_feed_has_it(
    runs: list[tuple[str, set[int], bool]],
) -> None:
    """Held against sets of names, as a person would keep them by hand."""
    names: tuple[str, ...] = ()
    bits: dict[int, int] = {}
    by_hand: dict[int, set[str]] = {}
    for name, has, sync in runs:
        there = sorted(bits)
        run = brought(names, [bits[each] for each in there], name)
        settled(run, "".join("x" if each in has else "-" for each in there), sync=sync)
        bits = {
            each: int(run.after[place])
            for place, each in enumerate(there)
            if not run.leaving[place]
        } | dict.fromkeys(has - set(there), run.own)
        names = run.names
        for each in has:
            by_hand.setdefault(each, set()).add(name)
        if sync:
            for each in set(by_hand) - has:
                if by_hand[each] == {name}:
                    del by_hand[each]
                else:
                    by_hand[each].discard(name)
        told = {
            each: {name for place, name in enumerate(names) if value >> place & 1}
            for each, value in bits.items()
        }
        assert told == by_hand


def test_nothing_is_taken_away_where_part_of_the_feed_cannot_be_read() -> None:
    run = brought(("a", "b"), [1, 3, 2], "a")
    assert settled(run, "---", may_remove=False) == 1
    assert not run.leaving.any()
    assert not run.changed()


def test_what_another_feed_still_has_stays_and_is_told() -> None:
    run = brought(("a", "b"), [1, 3, 2, 1], "a")
    assert settled(run, "x---") == 1
    assert run.leaving.tolist() == [False, False, False, True]
    assert run.after.tolist()[:3] == [1, 2, 2]
    assert run.notes == [
        (
            "1 product that the feed no longer has stayed, for other feeds have it: b. If one of "
            "those is this feed under a former name, name it with --was."
        )
    ]
    assert {bits: places.tolist() for bits, places in run.changed().items()} == {2: [1]}
    assert run.own_products == 3


def test_what_was_written_over_the_api_is_no_feeds_to_take_away() -> None:
    run = brought(("a",), [0, 0, 1], "a")
    assert settled(run, "x-x") == 0
    assert run.after.tolist() == [1, 0, 1]
    assert run.notes == []


def test_products_from_before_stay_unless_they_can_only_be_of_this_feed() -> None:
    run = brought((), [BEFORE, BEFORE], "a")
    assert settled(run, "x-") == 0
    assert run.after.tolist() == [1, BEFORE]
    assert "--sync --was unknown removes them" in run.notes[0]
    for sure in (
        brought((), [BEFORE, BEFORE], "a", takes_unknown=True),
        brought((), [BEFORE, BEFORE], "a", UNKNOWN),
    ):
        assert settled(sure, "x-") == 1
        assert sure.leaving.tolist() == [False, True]
        assert sure.own_products == 2
        assert sure.notes == []


def test_a_feed_takes_the_place_of_its_former_name() -> None:
    run = brought(("a", "b"), [1, 1, 2], "c", "a")
    assert settled(run, "x--") == 1
    assert run.names == ("c", "b")
    assert run.leaving.tolist() == [False, True, False]
    assert run.after.tolist() == [1, 1, 2]
    assert run.notes == ["2 products of a count as c's now (--was)."]
    with pytest.raises(InvalidFeedError, match=r"no feed called 'x' \(--was\).*remembers: a, b\."):
        brought(("a", "b"), [1], "c", "x")
    with pytest.raises(InvalidFeedError, match="no feed called ''"):
        brought(("", "b"), [2], "c", "")


def test_several_former_names_become_one() -> None:
    run = brought(("a", "b", "d"), [1, 2, 3, 4], "c", "b", "a", "b")
    settled(run, "----", sync=False)
    assert run.names == ("", "c", "d")
    assert run.after.tolist() == [2, 2, 2, 4]
    assert run.notes == ["3 products of b, a count as c's now (--was)."]
    known = brought(("a", "b"), [1, 2], "b", "a")
    settled(known, "--", sync=False)
    assert known.names == ("", "b")
    assert known.after.tolist() == [2, 2]
    assert known.notes == ["1 product of a counts as b's now (--was)."]


@pytest.mark.parametrize("former", [0, 1, MOST_FEEDS - 1])
@pytest.mark.parametrize("has_products", [True, False])
def test_a_renamed_feed_of_a_full_catalog_keeps_its_place_and_forgets_none(
    former: int, has_products: bool
) -> None:
    names = tuple(f"f{place}" for place in range(MOST_FEEDS))
    bits = [1 << place for place in range(MOST_FEEDS) if has_products or place != former]
    run = brought(names, bits, "new", f"f{former}")
    settled(run, "x" * len(bits), sync=False)
    assert run.names == (*names[:former], "new", *names[former + 1 :])
    assert run.own == 1 << former
    assert run.own_products == has_products
    assert not any("forgotten" in note for note in run.notes)


def test_a_feed_that_looks_like_another_under_a_new_name_is_told() -> None:
    run = brought(("day 1",), [1, 1, 1], "day 2")
    settled(run, "xx-")
    assert not run.leaving.any()
    (note,) = run.notes
    assert "2 of the 3 products of day 1" in note
    assert '--was "day 1", and --feed NAME' in note
    other = brought(("day 1",), [1, 1, 1], "lamps")
    settled(other, "x--")
    assert other.notes == []


def test_a_place_that_no_product_needs_is_taken_before_a_feed_is_forgotten() -> None:
    names = tuple(f"f{place}" for place in range(MOST_FEEDS))
    everywhere = [1 << place for place in range(MOST_FEEDS)]
    unused = brought(names, [1, *everywhere[:7], *everywhere[8:]], "new")
    assert unused.own == 1 << 7
    assert unused.names[7] == "new"
    # Of all but f3 there is a product that no other feed has.
    full = brought(names, [*everywhere[:3], 1 << 3 | 1, *everywhere[4:]], "new")
    assert full.names[3] == "new"
    settled(full, "-" * MOST_FEEDS)
    assert full.after.tolist()[3] == 1
    assert full.notes[0].startswith("A catalog remembers 62 feeds, so f3 was forgotten. A feed")
    lone = brought(names, everywhere, "new")
    settled(lone, "-" * MOST_FEEDS)
    assert lone.after.tolist()[0] == 0
    assert "f0 was forgotten. 1 products that it alone had stay." in lone.notes[0]


@pytest.mark.parametrize("name", ["", " \n", "x" * 1_001, "unknown"])
def test_a_name_that_cannot_be_kept_is_refused_with_the_cure(name: str) -> None:
    with pytest.raises(InvalidFeedError, match="such as --feed lamps"):
        feed_name(name)


def test_a_name_is_kept_on_one_line_and_as_text() -> None:
    assert feed_name(" my\tlamps ") == "my lamps"
    assert feed_name("caf\udce9.csv") == r"caf\udce9.csv"
