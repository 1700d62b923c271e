"""Types of columns at their boundaries, and what a feed changes."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from furniture_prompter.catalog.columns import StoredProduct
from furniture_prompter.domain import AttributeValue, FeedRow, Photo, Product, SetAside, Variant
from furniture_prompter.ingest.changes import (
    Tally,
    changing,
    empty_tally,
    find_changes,
    fit,
    row_hash,
    settle,
    tally,
    together,
    why_kept,
)

FEED = Path("feed.csv")


def counted(*values: AttributeValue, begin: int = 0) -> Tally:
    found = empty_tally(begin)
    for place, value in enumerate(values, start=begin):
        found.add(value, place)
    return found


def numbers(count: int) -> list[AttributeValue]:
    return [float(each) for each in range(count)]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        # One odd value is nothing, two are where there are fewer than twenty.
        ([*numbers(2), "oak"], "number"),
        ([*numbers(1), "oak"], "text"),
        ([*numbers(17), "oak", "ash"], "text"),
        ([*numbers(18), "oak", "ash"], "number"),
        ([*numbers(27), "oak", "ash", "fir"], "number"),
        ([*numbers(26), "oak", "ash", "fir"], "text"),
        ([True, False, "oak"], "boolean"),
        ([True, 1.0], "text"),
        ([*numbers(9), "00123"], "text"),
        ([("a",), ("a", "b"), "oak"], "texts"),
        ([("a",), ("a", "b"), "oak", "ash"], "text"),
        ([], "text"),
    ],
)
def test_a_new_column_is_of_what_nearly_all_its_values_are(
    values: list[AttributeValue], kind: str
) -> None:
    assert counted(*values).own_type == kind


@pytest.mark.parametrize(
    ("values", "known", "other"),
    [
        # Text and lists take everything, so all values have to be of another type.
        (numbers(3), "text", "number"),
        ([*numbers(3), "oak"], "text", None),
        ([("a",), ("b",)], "text", "texts"),
        (["oak", "ash"], "texts", "text"),
        (["oak", ("a",)], "texts", None),
        # Of numbers, more than half.
        (["oak", "ash", 1.0], "number", "text"),
        (["oak", 1.0], "number", None),
        ([True, True, 1.0], "number", "boolean"),
        ([("a",), ("b",), 1.0], "number", "texts"),
        # A code keeps numbers away; what may be a number speaks for nothing.
        (["00123", 1.0, 2.0, 3.0], "boolean", None),
        (["1.299", "2.499", 1.0], "number", None),
        (["1.299", "oak", "ash", "fir", 1.0], "number", "text"),
        (["1.299", "oak", 1.0], "number", None),
        ([("a",), ("b",), "1.299"], "number", "texts"),
        ([], "number", None),
    ],
)
def test_a_column_becomes_another_where_the_feed_clearly_has_another(
    values: list[AttributeValue], known: str, other: str | None
) -> None:
    found = counted(*values)
    assert found.other_than(known) == other
    assert changing({"x": found}, {"x": known}) == (["x"] if other else [])
    assert changing({"x": found}, {}) == []


def test_parts_of_a_feed_are_counted_as_if_at_once() -> None:
    first = counted("00123", 1.0, "1.299", begin=3)
    values: list[AttributeValue] = ["00045", True, ("a",)]
    second = counted(*values, begin=7)
    for one, other in ((first, second), (second, first)):
        both = one.with_other(other)
        assert both.count == {"text": 3, "number": 1, "boolean": 1, "texts": 1}
        assert (both.first, both.code, both.code_at, both.doubtful) == (3, "00123", 3, 1)
        assert both.total == 6
    none = counted("oak").with_other(counted("ash"))
    assert (none.code, none.code_at) == ("", 0)
    later = counted("oak", begin=1).with_other(counted("00045", begin=5))
    assert (later.code, later.code_at, later.first) == ("00045", 5, 1)


def test_columns_come_in_the_order_of_the_feed_whatever_part_has_them() -> None:
    first = {"b": counted(1.0, begin=2), "a": counted(1.0, begin=2)}
    second = {"z": counted(1.0, begin=1), "b": counted(1.0, begin=5)}
    both = together(first, second)
    assert list(both) == list(together(second, first)) == ["z", "b", "a"]
    assert both["b"].total == 2


def test_a_mostly_numeric_text_column_says_how_many_are_none() -> None:
    found = settle({"seats": counted(*numbers(4), "two", "three")}, {}, ())
    assert found.types == {"seats": "text"}
    (note,) = found.notes
    assert "2 of its 6 values are no numbers. Leave those cells empty" in note
    assert settle({"seats": counted(*numbers(2), "two", "three")}, {}, ()).notes == ()
    assert settle({"seats": counted(*numbers(6)), "new": counted(True)}, {}, ()).notes == ()  # noqa: FBT003
    (note,) = settle({"code": counted(*numbers(4), "00123")}, {}, ()).notes
    assert "'00123' are codes" in note.replace("“", "'").replace("”", "'").replace("`", "'")


def test_a_row_that_fits_is_itself() -> None:
    types = settle({"price": counted(1.0)}, {}, ())
    fitting = row(1, price=2.0)
    assert fit(fitting, types) == (fitting, [])
    assert fit(fitting, types)[0] is fitting
    other, left_out = fit(row(1, price="call us"), types)
    assert other.product.attributes == {}
    assert [each.column for each in left_out] == ["price"]


def row(number: int, line: int = 1, **attributes: AttributeValue) -> FeedRow:
    product = Product(f"p{number}", "chair", attributes=attributes)
    return FeedRow(product, (Path("a.png"),), FEED, line)


def photos(*numbers: int) -> dict[str, list[Photo]]:
    return {f"p{number}": [Photo("id", f"p{number}", "a.png")] for number in numbers}


def changes(rows: list[FeedRow], shown: dict[str, list[Photo]], **given: Any) -> Any:
    options = {"stored": {}, "columns": {}, "next_number": 7, "set_aside": (), "sync": True}
    return find_changes(rows, shown, **{**options, "tallies": tally(rows), **given})


def test_new_changed_and_unchanged_products_are_told_apart() -> None:
    rows = [row(0), row(1, price=1.0), row(2), row(3)]
    shown = photos(0, 1, 2, 3)
    stored = {
        "p0": StoredProduct(4, row_hash(rows[0].product, shown["p0"])),
        "p1": StoredProduct(5, "another"),
        "p9": StoredProduct(3, "gone"),
        "p8": StoredProduct(1, "gone"),
    }
    found = changes(rows, shown, stored=stored)
    assert [(each.number, each.is_new) for each in found.written] == [
        (5, False),
        (7, True),
        (8, True),
    ]
    assert (found.unchanged, found.added, found.updated) == (1, 2, 1)
    assert (found.removed, found.not_removed) == ((1, 3), 0)
    assert found.any
    assert changes(rows, shown, stored=stored, sync=False).removed == ()
    assert not changes([], {}).any
    assert changes([], {}, stored=stored).any


def test_a_product_without_a_photo_is_told_once_and_stops_none_behind_it() -> None:
    told = SetAside(FEED, 1, "Bad.", "", "p0")
    found = changes([row(0), row(1, 2), row(2, 3)], photos(2), set_aside=[told])
    assert [each.product.id for each in found.written] == ["p2"]
    assert [each.line for each in found.set_aside] == [2]
    assert "has no photo" in found.set_aside[0].reason


def test_nothing_is_removed_while_what_was_set_aside_may_hold_it() -> None:
    stored = {f"p{number}": StoredProduct(number, "x") for number in (1, 2)}
    hidden = SetAside(FEED, 4, "Bad.", "")
    assert hidden.may_be_any_product
    found = changes([], {}, stored=stored, set_aside=[hidden])
    assert (found.removed, found.not_removed) == ((), 2)
    (note,) = found.notes
    assert note.startswith("Kept 2 products that the feed no longer has")
    # A product that is set aside by name is not gone.
    named = replace(hidden, product_id="p1")
    assert changes([], {}, stored=stored, set_aside=[named]).removed == (2,)


def test_a_note_names_the_first_three_places_and_counts_the_others() -> None:
    hiding = [SetAside(FEED, line, "Bad.", "") for line in (0, 2, 3, 4, 5)]
    (note,) = why_kept(1, hiding[:3], 3)
    assert "Kept 1 product that" in note
    assert "at feed.csv, feed.csv:2, feed.csv:3 may" in note
    assert "feed.csv:3 and 1 more may" in why_kept(1, hiding[:4], 4)[0]
    assert "feed.csv:3 and 2 more may" in why_kept(1, hiding[:3], 5)[0]
    assert why_kept(0, hiding, 5) == why_kept(1, [], 0) == ()


def test_a_hash_is_of_all_that_is_stored_and_of_nothing_else() -> None:
    base = Product("p", "t", "c", "red", "d", ("x",), {"a": 1.0, "b": 2.0})
    photo = Photo("id", "p", "a.png")
    digest = row_hash(base, [photo])
    assert digest == row_hash(replace(base, attributes={"b": 2.0, "a": 1.0}), [photo])
    assert digest == row_hash(base, [replace(photo, variant_id="v")])
    others = [
        replace(base, id="q"),
        replace(base, title="u"),
        replace(base, category="e"),
        replace(base, color="blue"),
        replace(base, description="f"),
        replace(base, tags=("y",)),
        replace(base, attributes={"a": 1.0}),
        replace(base, variants=(Variant("v"),)),
    ]
    digests = {row_hash(each, [photo]) for each in others}
    digests |= {row_hash(base, []), row_hash(base, [replace(photo, id="other")])}
    digests |= {row_hash(base, [replace(photo, path="b.png")]), row_hash(base, [photo, photo])}
    varied = replace(base, variants=(Variant("v"),))
    digests.add(row_hash(varied, [replace(photo, variant_id="v")]))
    assert len({digest, *digests}) == 14
