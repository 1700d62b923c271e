"""Counts of a column's values, against what a hand counts."""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from furniture_prompter.catalog.facets import LIMIT_VALUES, RANGES, facet_of, number_ranges
from furniture_prompter.domain.query import FacetRange, FacetValue


def column(values: Sequence[object], kind: pa.DataType) -> pa.ChunkedArray:
    half = len(values) // 2
    return pa.chunked_array([values[:half], values[half:]], kind)


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
    found = number_ranges(np.array(values))
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
