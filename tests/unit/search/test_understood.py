"""What a prompt says, as conditions and strengths worked out by hand."""

import asyncio
import math
from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from furniture_prompter.catalog.filters import Filter
from furniture_prompter.catalog.reader import CatalogReader
from furniture_prompter.domain import Query, Variant
from furniture_prompter.domain.query import Understood
from furniture_prompter.search.attributes import (
    ATTRIBUTE_PEAK,
    AttributeRetriever,
    Wish,
    variant_fit,
)
from furniture_prompter.search.understood import Heard, hear, limited

NUMBERS = dict.fromkeys(("width_cm", "depth_cm", "height_cm", "price"), "number")


class Shelf:
    """A catalog of some columns, in the order of the numbers that are asked for."""

    def __init__(self, columns: Mapping[str, Sequence[Any]]) -> None:
        self._columns = columns

    async def columns(
        self, numbers: NDArray[np.int64], names: Sequence[str]
    ) -> dict[str, Sequence[Any]]:
        return {name: [self._columns[name][at] for at in numbers] for name in names}


def strengths(columns: Mapping[str, Sequence[Any]], *wishes: Wish) -> list[float]:
    """Of each product in units of the peak."""
    count = len(next(iter(columns.values())))
    shelf = cast("CatalogReader", Shelf({"category": [""] * count, **columns}))
    found = asyncio.run(AttributeRetriever(shelf, wishes, 1.0).strengths(np.arange(count)))
    assert found.dtype == np.float32
    return [float(each) / ATTRIBUTE_PEAK for each in found]


def wish(
    op: Any,
    value: float | str,
    *,
    column: str = "width_cm",
    columns: tuple[str, ...] = (),
    high: float | None = None,
    kind: str = "number",
) -> Wish:
    part = Understood("said", column, op, value, "preference", high=high)
    return Wish(part, columns or (column,), kind)


def nearly(*values: float) -> Any:
    return pytest.approx(values, abs=1e-5, nan_ok=True)


def test_a_size_that_is_off_by_a_tenth_is_neither_for_nor_against() -> None:
    tenth = math.exp(0.1)
    widths = [100, 100 * tenth, 100 / tenth, 100 * tenth**2, 100 / tenth**2, 500, 3]
    found = strengths({"width_cm": widths}, wish("=", 100.0))
    assert found == nearly(1, 0, 0, -1, -1, -1, -1)
    assert strengths({"width_cm": [100 * math.exp(0.05)]}, wish("=", 100.0)) == nearly(0.5)


def test_a_size_that_nobody_knows_or_can_have_says_nothing() -> None:
    columns = {"width_cm": [None, 0.0, -5.0, 100.0]}
    assert strengths(columns, wish("=", 100.0)) == nearly(math.nan, math.nan, math.nan, 1)


@pytest.mark.parametrize("op", ["<", "<="])
def test_a_size_that_is_at_most_so_much_is_met_by_all_below(op: str) -> None:
    widths = [1.0, 99.0, 100.0, 100 * math.exp(0.1), 200.0]
    assert strengths({"width_cm": widths}, wish(op, 100.0)) == nearly(1, 1, 1, 0, -1)


@pytest.mark.parametrize("op", [">", ">="])
def test_a_size_that_is_at_least_so_much_is_met_by_all_above(op: str) -> None:
    widths = [1e6, 101.0, 100.0, 100 / math.exp(0.1), 50.0]
    assert strengths({"width_cm": widths}, wish(op, 100.0)) == nearly(1, 1, 1, 0, -1)


def test_a_size_between_two_is_met_by_both_ends() -> None:
    widths = [80.0, 90.0, 100.0, 80 / math.exp(0.1), 100 * math.exp(0.1), 60.0, 130.0]
    found = strengths({"width_cm": widths}, wish("between", 80.0, high=100.0))
    assert found == nearly(1, 1, 1, 0, 0, -1, -1)


def test_the_first_column_that_a_product_has_counts() -> None:
    columns = {"width_cm": [None, 50.0, None], "diameter_cm": [100.0, 100.0, None]}
    one = wish("=", 100.0, columns=("width_cm", "diameter_cm"))
    assert strengths(columns, one) == nearly(1, -1, math.nan)


@pytest.mark.parametrize("column", ["seats", "drawers"])
def test_a_count_is_met_or_not(column: str) -> None:
    columns = {column: [3.0, 2.0, 4.0, None]}
    assert strengths(columns, wish("=", 3.0, column=column)) == nearly(1, -1, -1, math.nan)
    found = strengths(columns, wish("between", 2.0, column=column, high=3.0))
    assert found == nearly(1, 1, -1, math.nan)


def test_the_least_and_the_most_are_told_within_a_category() -> None:
    columns: dict[str, Sequence[Any]] = {
        "price": [10.0, 30.0, 20.0, 700.0, None, 500.0, 5.0, None],
        "category": ["rug", "rug", "rug", "bed", "bed", "bed", "lamp", None],
    }
    found = strengths(columns, wish("low", "", column="price"))
    assert found == nearly(1, -1, 0, -1, math.nan, 1, 0, math.nan)
    found = strengths(columns, wish("high", "", column="price"))
    assert found == nearly(-1, 1, 0, 1, math.nan, -1, 0, math.nan)


def test_equal_prices_are_ranked_in_their_order() -> None:
    columns = {"price": [10.0, 10.0, 10.0]}
    assert strengths(columns, wish("low", "", column="price")) == nearly(1, 0, -1)


def test_a_name_is_in_a_list_or_among_a_texts_words() -> None:
    columns: dict[str, Sequence[Any]] = {"base_colors": [["red", "blue"], ["blue"], [], None]}
    one = wish("contains", "red", column="base_colors", kind="texts")
    assert strengths(columns, one) == nearly(1, -1, math.nan, math.nan)
    columns = {"room": ["Living Room", "bedroom", "", None]}
    one = wish("=", "living room", column="room", kind="text")
    assert strengths(columns, one) == nearly(1, -1, math.nan, math.nan)


def test_what_is_in_stock_is_told_by_a_text_or_by_pieces() -> None:
    told = {"availability": ["in stock", "out of stock", "", None]}
    one = wish("=", "in stock", column="availability", kind="text")
    assert strengths(told, one) == nearly(1, -1, math.nan, math.nan)
    both: dict[str, Sequence[Any]] = {
        "availability": ["", None, "out of stock", "in stock", None],
        "stock": [2.0, 0.0, 5.0, 0.0, None],
    }
    one = wish("=", "in stock", column="availability", columns=("availability", "stock"))
    assert strengths(both, one) == nearly(1, -1, -1, 1, math.nan)


def test_wishes_count_alike_and_one_that_nobody_can_tell_counts_as_average() -> None:
    columns = {"width_cm": [100.0, None, None, 500.0], "price": [10.0, 10.0, None, 10.0]}
    found = strengths(columns, wish("=", 100.0), wish("<", 20.0, column="price"))
    assert found == nearly(1, 0.5, math.nan, 0)


def test_no_products_have_no_strengths_and_none_are_brought() -> None:
    retriever = AttributeRetriever(cast("CatalogReader", Shelf({})), [wish("=", 1.0)], 0.5)
    assert asyncio.run(retriever.strengths(np.zeros(0, np.int64))).size == 0
    assert asyncio.run(retriever.top(10, None)).size == 0
    assert (retriever.name, retriever.reads_text, retriever.weight) == ("attribute", False, 0.5)


def conditions(prompt: str, columns: Mapping[str, str], **options: Any) -> list[str]:
    return [condition for _, condition in hear(Query(prompt=prompt, **options), columns).limits]


def test_a_limit_asks_each_column_where_those_before_it_say_nothing() -> None:
    assert conditions("table under 80 cm wide", {"width_cm": "number"}) == ["`width_cm` < 80"]
    several = {"diameter_cm": "number", "width_cm": "number", "genislik": "number"}
    assert conditions("table under 80 cm wide", several) == [
        (
            "(`width_cm` < 80) or (`width_cm` is null and `genislik` < 80) or "
            "(`width_cm` is null and `genislik` is null and `diameter_cm` < 80)"
        )
    ]


def test_a_reduced_price_counts_for_at_most_and_not_for_at_least() -> None:
    columns = {"price": "number", "sale_price": "number"}
    assert conditions("sofa under 500", columns) == ["(`price` < 500) or (`sale_price` < 500)"]
    (most,) = conditions("sofa at most 500", columns)
    assert most == "(`price` <= 500) or (`sale_price` <= 500)"
    assert conditions("sofa over 500", columns) == ["`price` > 500"]
    assert conditions("sofa under 500", {"price": "number", "sale_price": "text"}) == [
        "`price` < 500"
    ]


def test_a_price_in_a_currency_lets_through_what_names_none() -> None:
    columns = {"price": "number", "currency": "text"}
    assert conditions("sofa under 500 euro", columns) == [
        "(`price` < 500) and (`currency` = 'EUR' or `currency` is null)"
    ]
    assert conditions("sofa under 500", columns) == ["`price` < 500"]
    assert conditions("sofa under 500 euro", {"price": "number", "currency": "number"}) == [
        "`price` < 500"
    ]


def test_a_range_has_both_ends() -> None:
    found = conditions("sofa between 300 and 500 euro", {"price": "number"})
    assert found == ["`price` between 300 and 500"]


def test_stock_is_told_by_a_text_and_by_pieces() -> None:
    assert conditions("sofa in stock", {"availability": "text"}) == ["`availability` = 'in stock'"]
    assert conditions("sofa in stock", {"stock": "number"}) == ["`stock` > 0"]
    heard = hear(Query(prompt="sofa in stock"), NUMBERS)
    assert heard.limits == ()
    assert heard.notes == (
        "“in stock” counts for nothing: the catalog has no values in a column availability.",
    )


def test_a_round_size_is_a_width_only_where_no_diameter_is_known() -> None:
    prompt = "table, diameter under 80 cm"
    assert conditions(prompt, {"width_cm": "number"}) == ["`width_cm` < 80"]
    assert conditions(prompt, {"width_cm": "number", "diameter_cm": "number"}) == [
        "`diameter_cm` < 80"
    ]


@pytest.mark.parametrize(
    ("prompt", "left", "unused", "column"),
    [
        ("sofa under 80 cm", "sofa", "under 80 cm", "width_cm"),
        ("2 ile 5 bin arası koltuk", "koltuk", "2 ile 5 bin arası", "price"),
        ("cheap sofa", "sofa", "cheap", "price"),
        # "Bin", a thousand, must bring no waste bin where nothing else was asked.
        ("2 ile 5 bin arası", "2 ile 5 arası", "2 ile 5 bin arası", "price"),
    ],
)
def test_a_limit_without_a_column_counts_for_nothing_and_is_told(
    prompt: str, left: str, unused: str, column: str
) -> None:
    heard = hear(Query(prompt=prompt), {"category": "text"})
    assert (heard.limits, heard.wishes, heard.parts, heard.quiet) == ((), (), (), "")
    assert heard.query.prompt == left
    assert heard.unused == (unused,)
    assert heard.notes == (
        f"“{unused}” counts for nothing: the catalog has no numbers in a column {column}.",
    )
    lifted = hear(Query(prompt=prompt, lift=(unused,)), {"category": "text"})
    assert (lifted.query.prompt, lifted.notes) == (prompt, ())


def test_a_limit_alone_without_a_column_leaves_the_asking_to_the_photo() -> None:
    heard = hear(Query(prompt="under 500 EUR"), {"category": "text"}, with_photo=True)
    assert heard.query.prompt is None
    assert heard.unused == ("under 500 EUR",)


def test_a_size_without_a_column_stays_among_the_words_and_is_told() -> None:
    heard = hear(Query(prompt="tv stand 180x90"), {"price": "number"})
    assert heard.query.prompt == "tv stand 180x90"
    assert "180x90" in heard.quiet
    assert heard.notes == (
        "“180x90” was taken as words: the catalog has no numbers in a column width_cm, depth_cm.",
    )


def test_a_range_that_may_be_a_size_or_a_price_stays_among_the_words_and_is_told() -> None:
    heard = hear(Query(prompt="120 ile 160 arası masa"), {"price": "number", "width": "number"})
    assert (heard.parts, heard.query.prompt) == ((), "120 ile 160 arası masa")
    (note,) = heard.notes
    assert note.startswith("“120 ile 160 arası” was taken as words: it may be a size or a price.")
    heard = hear(Query(prompt="120 ile 160 arası masa"), {"width": "number"})
    assert heard.limits[0][1] == "`width` between 120 and 160"
    assert heard.notes == ()


def test_what_is_not_wanted_leaves_out_what_is_known_to_be_of_it() -> None:
    columns = {"base_colors": "texts", "base_materials": "texts"}
    heard = hear(Query(prompt="table without metal", without="glass"), columns)
    assert [condition for _, condition in heard.limits] == [
        "(not `base_materials` contains 'metal' or `base_materials` is null)"
    ]
    assert heard.query.without == "glass, metal"
    assert conditions("table without metal", {"base_materials": "text"}) == []
    (not_white,) = conditions("sofa not white", columns)
    assert not_white.startswith("(not `base_colors` contains 'white' or `base_colors` is null or ")
    assert "contains 'copper'" in not_white
    assert "contains 'multicolour'" in not_white
    assert not_white.count("contains 'white'") == 1
    assert conditions("sofa, no white", columns) == [
        "(not `base_colors` contains 'white' or `base_colors` is null)"
    ]


def test_only_colours_materials_and_sizes_tell_variants_apart() -> None:
    columns = {**NUMBERS, "base_colors": "texts", "seats": "number"}
    heard = hear(Query(prompt="cheap grey sofa for 3 people under 200 cm wide"), columns)
    assert [each.part.column for each in heard.looks] == ["base_colors", "width_cm"]
    assert {each.part.column for each in heard.wishes} >= {"base_colors", "price"}
    assert heard.colour_weight == 0.0


def test_a_query_that_is_not_to_be_understood_stays_as_it_is() -> None:
    for query in (Query(prompt="sofa under 500", understand=False), Query(similar_to="p1")):
        assert hear(query, NUMBERS) == Heard(query)


def test_the_same_colour_is_the_photos_and_leaves_the_other_words() -> None:
    heard = hear(Query(prompt="armchair in the same colour, velvet"), {}, with_photo=True)
    assert heard.query.prompt == "armchair , velvet"
    assert heard.colour_weight == 1.0
    assert heard.parts[0].value == "as in the photo"
    assert hear(Query(prompt="same colour"), {}, with_photo=True).query.prompt is None


def test_a_colour_that_is_not_wanted_leaves_the_photo_its_shape_as_well() -> None:
    columns = {"base_colors": "texts", "base_materials": "texts"}
    for prompt, weight in (("sofa, no white", 0.0), ("table without metal", None)):
        assert hear(Query(prompt=prompt), columns).colour_weight == weight


class Filtering(Shelf):
    """A catalog that knows what passes each condition."""

    def __init__(self, passing: Mapping[str, Sequence[int]]) -> None:
        super().__init__({})
        self._passing = passing
        self.filter_columns = {"width_cm": "number", "price": "number"}

    async def filter_products(self, where: str) -> Filter:
        return Filter(f"sql of {where}", np.array(self._passing[where], np.int64))


WIDE = "(`width_cm` < 80)"


@pytest.mark.parametrize(
    ("where", "passing", "sql", "numbers"),
    [
        (None, {WIDE: [1, 4]}, f"sql of {WIDE}", [1, 4]),
        ("a", {WIDE: [1, 4], "a": [4, 5]}, f"(sql of a) AND (sql of {WIDE})", [4]),
        ("a", {WIDE: [1, 4], "a": [5]}, "sql of a", [5]),
        (None, {WIDE: []}, None, None),
    ],
)
def test_limits_hold_unless_nothing_is_left(
    where: str | None,
    passing: Mapping[str, Sequence[int]],
    sql: str | None,
    numbers: list[int] | None,
) -> None:
    shelf: Any = Filtering(passing)
    heard = hear(Query(prompt="table under 80 cm wide", where=where), shelf.filter_columns)
    found, after = asyncio.run(limited(heard, shelf))
    assert (None if found is None else found.sql) == sql
    assert (None if found is None else found.numbers.tolist()) == numbers
    holds = sql is not None and "width_cm" in sql
    assert (after is heard) is holds
    if not holds:
        assert not after.limits
        assert [each.part.column for each in after.wishes] == ["width_cm"]
        assert [each.use for each in after.parts] == ["preference"]
        assert "what comes nearest is shown" in after.notes[-1]


def test_without_limits_a_where_alone_decides() -> None:
    shelf: Any = Filtering({"a": [2]})
    heard = hear(Query(prompt="table", where="a"), {})
    found, after = asyncio.run(limited(heard, shelf))
    assert found is not None
    assert (found.sql, after) == ("sql of a", heard)
    assert asyncio.run(limited(hear(Query(prompt="table"), {}), shelf))[0] is None


NAVY = Variant("v1", "Navy", {"color": "Navy"}, "", {"width_cm": 90.0})


@pytest.mark.parametrize(
    ("wishes", "fit"),
    [
        ([], 0.0),
        ([wish("=", 90.0)], 1.0),
        ([wish("=", 93.0)], 1.0),
        ([wish("=", 100.0)], 0.0),
        ([wish("<", 90.0)], 1.0),
        ([wish("<", 89.0)], 0.0),
        ([wish(">=", 91.0)], 0.0),
        ([wish("between", 89.0, high=90.0)], 1.0),
        ([wish("between", 91.0, high=95.0)], 0.0),
        ([wish("=", 90.0, column="height_cm")], 0.0),
        ([wish("=", 90.0), wish("<", 100.0)], 2.0),
    ],
)
def test_a_variant_fits_by_its_own_size(wishes: list[Wish], fit: float) -> None:
    assert variant_fit(NAVY, wishes) == fit


def test_a_variant_that_says_the_prompts_own_word_fits_twice_as_well() -> None:
    def colour(text: str, value: str = "blue") -> Wish:
        part = Understood(text, "base_colors", "contains", value, "preference")
        return Wish(part, ("base_colors",), "texts")

    light = Variant("v2", "Light blue")
    listed = Variant("v3", "No. 7", attributes={"base_colors": ("blue",)})
    assert variant_fit(NAVY, [colour("navy")]) == 2.0
    assert variant_fit(light, [colour("navy")]) == 1.0
    assert variant_fit(listed, [colour("navy")]) == 1.0
    assert variant_fit(listed, [colour("grey", "grey")]) == 0.0
    # Without either nothing of it is known.
    assert variant_fit(Variant("v4", "No. 8"), [colour("navy")]) == 0.0


@pytest.mark.parametrize(
    ("prompt", "said"),
    [("gri kanepe", "“gri”"), ("grey sofa with blue cushions", "“grey”, “blue”")],
)
def test_without_a_column_of_colours_a_note_says_that_they_only_rank(
    prompt: str, said: str
) -> None:
    (note,) = hear(Query(prompt=prompt), {"price": "number"}).notes
    assert note == (
        f"{said} only ranks: the catalog has no column of colours, so that photos and words "
        "tell it."
    )
    assert hear(Query(prompt=prompt), {"base_colors": "texts"}).notes == ()
    assert hear(Query(prompt="sofa"), {}).notes == ()
