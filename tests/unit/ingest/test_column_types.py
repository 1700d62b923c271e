"""Types of columns, from what a feed has there and what the catalog had before."""

from pathlib import Path

import pytest

from furniture_prompter.domain import AttributeValue, FeedRow, Product
from furniture_prompter.ingest.changes import changing, fit, settle, tally


def rows_with(*values: AttributeValue | None) -> list[FeedRow]:
    return [
        FeedRow(
            Product(str(line), "x", attributes={} if value is None else {"c": value}),
            (),
            Path("f"),
            line,
        )
        for line, value in enumerate(values, start=1)
    ]


def type_of(*values: AttributeValue) -> str:
    return settle(tally(rows_with(*values)), {}, ()).types["c"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((1.0, 2.0), "number"),
        ((True, False), "boolean"),
        (("oak", "ash"), "text"),
        (("on request", 2.0, 3.0), "number"),
        ((2.0, 3.0, 4.0, "on request"), "number"),
        ((True, False, "yes"), "boolean"),
        ((1.0, "oak"), "text"),
        (("S", "M", 38.0, 40.0, 42.0), "text"),
        ((*range(1, 28), "a", "b", "c"), "number"),
        ((*range(1, 27), "a", "b", "c"), "text"),
        (("00123", *map(float, range(50))), "text"),
        (("1234567890123456", 5.0, 6.0), "text"),
        (("1.299", *map(float, range(50))), "number"),
        ((("oak",), ("oak", "steel")), "texts"),
        ((("oak",), ("steel",), "ash"), "texts"),
        ((("oak",), "steel"), "text"),
        ((("oak",), ("steel",), "007", 3.0), "text"),
        ((("oak",), 2.0, 3.0), "number"),
    ],
)
def test_few_odd_values_do_not_decide_a_new_columns_type(
    values: tuple[AttributeValue, ...], expected: str
) -> None:
    assert type_of(*values) == expected
    assert type_of(*reversed(values)) == expected


def test_a_value_of_another_type_costs_the_value_with_line_column_reason_and_cure() -> None:
    rows = rows_with("on request", 2.0, 3.0)
    types = settle(tally(rows), {}, ())
    fitted, (lost,) = fit(rows[0], types)
    assert fitted.product == Product("1", "x")
    assert (lost.line, lost.column, lost.product_id) == (1, "c", "1")
    assert "'on request'" in lost.reason
    assert "numbers" in lost.reason
    assert "leave it empty" in lost.cure
    assert not lost.may_be_any_product
    assert fit(rows[1], types) == (rows[1], [])


def test_a_column_of_text_takes_numbers_as_they_are_written() -> None:
    row = FeedRow(
        Product("1", "x", attributes={"a": 12.5, "b": 4701.0, "c": True}),
        (),
        Path("f"),
        1,
        {"a": "12.50"},
    )
    known = {"a": "text", "b": "text", "c": "text"}
    fitted, lost = fit(row, settle(tally([row]), known, known))
    assert dict(fitted.product.attributes) == {"a": "12.50", "b": "4701", "c": "true"}
    assert lost == []


def test_columns_of_words_take_lists_and_columns_of_lists_take_words() -> None:
    (row,) = rows_with(("oak", "steel"))
    text = fit(row, settle(tally([row]), {"c": "text"}, {"c"}))[0]
    assert text.product.attributes["c"] == "oak, steel"
    for value, expected in (("oak", "oak"), (12.5, "12.5"), (True, "true")):
        (row,) = rows_with(value)
        fitted, lost = fit(row, settle(tally([row]), {"c": "texts"}, {"c"}))
        assert (fitted.product.attributes["c"], lost) == ((expected,), [])


def test_a_list_in_a_column_of_numbers_is_left_out_and_an_empty_one_is_nothing() -> None:
    (row,) = rows_with(("oak", "steel"))
    fitted, (lost,) = fit(row, settle(tally([row]), {"c": "number"}, {"c"}))
    assert fitted.product.attributes == {}
    assert "c is a list (['oak', 'steel']) in a column of numbers" in lost.reason
    (empty,) = rows_with(())
    assert fit(empty, settle(tally([empty]), {"c": "texts"}, ())) == (rows_with(None)[0], [])


def test_a_number_whose_decimal_mark_cannot_be_told_says_how_to_write_it() -> None:
    (row,) = rows_with("1.299")
    _, (lost,) = fit(row, settle(tally([row]), {"c": "number"}, ()))
    assert "thousandth" in lost.reason
    assert "1299" in lost.cure


@pytest.mark.parametrize(
    ("known", "values", "expected"),
    [
        ("number", ("a", "b", 3.0), "text"),
        ("number", ("a", 2.0, 3.0), "number"),
        ("number", ("a", 2.0), "number"),
        ("number", ("1.299", "2.450", "3.100"), "number"),
        ("number", (True, False, True), "boolean"),
        ("text", (1.0, 2.0, 3.0), "number"),
        ("text", (1.0, 2.0, "a"), "text"),
        ("boolean", (1.0, 0.0, 1.0), "number"),
        ("text", (("oak",), ("steel",)), "texts"),
        ("text", (("oak",), ("steel",), "ash"), "text"),
        ("number", (("1",), ("2",), 3.0), "texts"),
        ("texts", ("oak", "steel"), "text"),
        ("texts", (1.0, 2.0), "number"),
        ("texts", ("oak", "steel", ("ash",)), "texts"),
    ],
)
def test_a_column_follows_the_feed_where_it_clearly_changed(
    known: str, values: tuple[AttributeValue, ...], expected: str
) -> None:
    rows = rows_with(*values)
    tallies = tally(rows)
    assert changing(tallies, {"c": known}) == ([] if expected == known else ["c"])
    types = settle(tallies, {"c": known}, ())
    assert types.types["c"] == expected
    assert types.changed == ({} if expected == known else {"c": expected})
    assert len(types.notes) == (expected != known)


@pytest.mark.parametrize("known", ["number", "text"])
def test_a_column_stays_while_a_product_elsewhere_has_a_value_of_the_old_type(known: str) -> None:
    rows = rows_with("a", "b") if known == "number" else rows_with(1.0, 2.0)
    types = settle(tally(rows), {"c": known}, {"c"})
    assert types.types == {"c": known}
    assert types.changed == {}
    fitted, lost = fit(rows[0], types)
    if known == "text":
        assert fitted.product.attributes["c"] == "1"
        assert "--sync" in types.notes[0]
    else:
        assert "--sync" in lost[0].cure


def test_a_mostly_numeric_column_that_is_text_says_why_and_what_to_do() -> None:
    words = settle(tally(rows_with("a", "b", 3.0, 4.0, 5.0)), {}, ()).notes
    assert "2 of its 5 values" in words[0]
    codes = settle(tally(rows_with("007", 3.0, 4.0)), {}, ()).notes
    assert "'007'" in codes[0]
    assert settle(tally(rows_with("oak", "ash", 3.0)), {}, ()).notes == ()
