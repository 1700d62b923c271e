"""Counts of a column's values, against what a hand counts."""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from furniture_prompter.catalog.facets import (
    LIMIT_PATHS,
    LIMIT_VALUES,
    RANGES,
    facet_column,
    number_ranges,
)
from furniture_prompter.domain.query import Facet, FacetRange, FacetValue


def column(values: Sequence[object], kind: pa.DataType) -> pa.ChunkedArray:
    half = len(values) // 2
    return pa.chunked_array([values[:half], values[half:]], kind)


def facet_of(values: pa.ChunkedArray, column_type: str) -> Facet:
    return facet_column(values, column_type).count(None)


def counts_by_value(facet: Facet) -> dict[str | bool, int]:
    return {each.value: each.count for each in facet if isinstance(each, FacetValue)}


def test_texts_come_by_falling_count_and_then_by_name_without_empty_ones() -> None:
    values = column(["oak", "", "red", None, "red", "ash", "", "oak", "birch"], pa.string())
    assert facet_of(values, "text") == (
        FacetValue("oak", 2),
        FacetValue("red", 2),
        FacetValue("ash", 1),
        FacetValue("birch", 1),
    )


def test_a_product_counts_once_for_each_of_its_tags() -> None:
    values = column([["a", "b"], [], None, ["a", "a"], ["b", "c"]], pa.list_(pa.string()))
    assert facet_of(values, "texts") == (
        FacetValue("a", 2),
        FacetValue("b", 2),
        FacetValue("c", 1),
    )


def test_true_and_false_are_counted_as_they_are() -> None:
    values = column([True, False, None, False], pa.bool_())
    assert facet_of(values, "boolean") == (FacetValue(False, 2), FacetValue(True, 1))  # noqa: FBT003  # it is the value


def test_only_the_most_frequent_texts_are_counted() -> None:
    values = column([f"v{number}" for number in range(80)] + ["often"] * 2, pa.string())
    found = facet_of(values, "text")
    assert len(found) == LIMIT_VALUES
    assert found[0] == FacetValue("often", 2)


def test_numbers_fall_into_ranges_of_about_as_many() -> None:
    numbers = np.arange(100, dtype=np.float64)
    found = number_ranges(numbers)
    assert found == facet_of(column(numbers.tolist(), pa.float64()), "number")
    assert [each.count for each in found] == [20, 20, 19, 20, 21]
    assert [each.low for each in found] == [0.0, 20.0, 40.0, 59.0, 79.0]
    assert found[-1].high == 99.0
    assert len(found) == RANGES


@pytest.mark.parametrize("values", [[], [None], [math.nan], [math.inf]])
def test_a_column_without_a_number_has_no_range(values: list[object]) -> None:
    assert facet_of(column(values, pa.float64()), "number") == ()


def test_one_number_is_one_range() -> None:
    assert number_ranges(np.array([7.0, 7.0])) == (FacetRange(7.0, 7.0, 2),)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=200))
def test_every_number_is_in_just_the_range_that_counts_it(values: list[float]) -> None:
    found = number_ranges(np.sort(values))
    assert 1 <= len(found) <= RANGES
    assert (found[0].low, found[-1].high) == (min(values), max(values))
    counted: Counter[int] = Counter()
    for value in values:
        places = [
            place
            for place, each in enumerate(found)
            if each.low <= value and (value < each.high or value == found[-1].high == each.high)
        ]
        assert len(places) == 1
        counted[places[0]] += 1
    assert [counted[place] for place in range(len(found))] == [each.count for each in found]


VALUES = {
    "text": st.sampled_from(["", "oak", "Oak", "ash", None]),
    "number": st.none() | st.floats(-1e6, 1e6) | st.just(math.nan),
    "boolean": st.sampled_from([True, False, None]),
    "texts": st.none()
    | st.lists(st.sampled_from(["", "a", "b", "a > b", "a > b > c"]), max_size=4),
}
KINDS = {
    "text": pa.string(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "texts": pa.list_(pa.string()),
}


@given(st.data(), st.sampled_from(sorted(VALUES)))
def test_some_products_are_counted_as_if_the_others_were_not_there(
    data: st.DataObject, kind: str
) -> None:
    rows = data.draw(st.lists(st.tuples(VALUES[kind], st.booleans()), max_size=40))
    values = [value for value, _ in rows]
    kept = [value for value, passes in rows if passes]
    mask = np.array([passes for _, passes in rows], np.bool_)
    found = facet_column(column(values, KINDS[kind]), kind).count(mask)
    assert found == facet_of(column(kept, KINDS[kind]), kind)


def test_all_are_counted_as_a_hand_counts_before_and_after_some_were() -> None:
    counted = facet_column(column(["oak", "ash", "oak"], pa.string()), "text")
    every = (FacetValue("oak", 2), FacetValue("ash", 1))
    assert counted.count(None) == every
    assert counted.count(np.array([False, True, False])) == (FacetValue("ash", 1),)
    assert counted.count(None) == every


def test_of_equally_frequent_texts_those_first_by_name_are_kept() -> None:
    names = [f"v{number:03}" for number in range(80)]
    values = column([*names[::-1], "v079"], pa.string())
    found = counts_by_value(facet_of(values, "text"))
    assert list(found) == ["v079", *names[: LIMIT_VALUES - 1]]


def test_every_level_of_paths_is_counted_deep_ones_too() -> None:
    kinds = [[f"Home > Kind {kind} > Sort {sort}" for sort in range(8)] for kind in range(20)]
    lists = [["Home", path.rpartition(" > ")[0], path] for paths in kinds for path in paths]
    found = facet_of(column(lists, pa.list_(pa.string())), "texts")
    assert LIMIT_VALUES < len(found) == 1 + 20 + 160 <= LIMIT_PATHS
    counts = counts_by_value(found)
    assert counts["Home"] == 160
    assert counts["Home > Kind 3"] == 8
    assert counts["Home > Kind 3 > Sort 5"] == 1


def test_entries_with_an_arrow_but_no_level_above_are_no_paths() -> None:
    lists = [[f"a{number} > b"] for number in range(80)]
    assert len(facet_of(column(lists, pa.list_(pa.string())), "texts")) == LIMIT_VALUES


def test_a_column_takes_few_bytes_a_product() -> None:
    counted = facet_column(column(["oak", "ash"] * 5_000, pa.string()), "text")
    assert counted.nbytes < 2 * 10_000
