"""Pages of a ranking that is only known as far as retrievers were asked."""

import asyncio
import base64
import dataclasses
import json
import string
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from furniture_prompter.catalog.filters import Filter
from furniture_prompter.catalog.vector_index import Numbers, Scores
from furniture_prompter.domain import Query
from furniture_prompter.domain.query import Crop
from furniture_prompter.errors import InvalidQueryError
from furniture_prompter.search.paging import (
    LIMIT_RANKED,
    WINDOW,
    Arrange,
    Cursor,
    Page,
    query_digest,
    ranked_page,
    refuse_other_query,
)
from furniture_prompter.search.retrievers import Fused, RetrieverGroup


@dataclass
class FixedRetriever:
    """A retriever whose strengths a test gives, by product number."""

    name: str
    values: dict[int, float]
    weight: float = 1.0
    reads_text: bool = False
    asked: list[int] = field(default_factory=list)

    async def top(self, count: int, prefilter: Filter | None) -> Numbers:
        self.asked.append(count)
        order = sorted(self.values, key=lambda number: (-self.values[number], number))
        return np.array(order[:count], np.int64)

    async def strengths(self, numbers: Numbers) -> Scores:
        return np.array([self.values.get(int(number), 0.0) for number in numbers], np.float32)


def turn(
    parts: tuple[FixedRetriever, ...],
    start: int,
    count: int,
    candidates: int,
    leave_out: int | None = None,
    arranged: Arrange | None = None,
) -> Page:
    group = RetrieverGroup(1.0, parts)
    return asyncio.run(ranked_page([group], start, count, candidates, None, leave_out, arranged))


async def backwards(ranked: Fused) -> Fused:
    """Every window turned round, its first product left in place."""
    places = np.arange(ranked.numbers.size)
    for begin in range(0, ranked.numbers.size, WINDOW):
        places[begin + 1 : begin + WINDOW] = places[begin + 1 : begin + WINDOW][::-1].copy()
    return ranked.taken(places)


def all_pages(
    parts: tuple[FixedRetriever, ...],
    count: int,
    candidates: int,
    arranged: Arrange | None = None,
) -> list[list[int]]:
    pages: list[list[int]] = []
    start = 0
    while True:
        page = turn(parts, start, count, candidates, arranged=arranged)
        pages.append(page.hits.numbers.tolist())
        start += count
        if not page.more:
            return pages


strengths = st.dictionaries(
    st.integers(0, 60), st.integers(-5, 5).map(float), min_size=1, max_size=60
)


@settings(deadline=None)
@given(first=strengths, second=strengths, count=st.integers(1, 15), candidates=st.integers(1, 12))
def test_pages_hold_every_product_once_whatever_the_parts_say(
    first: dict[int, float], second: dict[int, float], count: int, candidates: int
) -> None:
    parts = (FixedRetriever("a", first), FixedRetriever("b", second))
    pages = all_pages(parts, count, candidates)
    found = [number for page in pages for number in page]
    assert sorted(found) == sorted(first.keys() | second.keys())
    assert all(len(page) == count for page in pages[:-1])
    assert 1 <= len(pages[-1]) <= count


@settings(deadline=None)
@given(
    first=strengths,
    second=strengths,
    counts=st.tuples(st.integers(1, 50), st.integers(1, 50)),
    candidates=st.integers(1, 12),
)
def test_pages_of_any_length_cut_one_order_where_windows_are_rearranged(
    first: dict[int, float], second: dict[int, float], counts: tuple[int, int], candidates: int
) -> None:
    parts = (FixedRetriever("a", first), FixedRetriever("b", second))
    ranked = list(chain(*all_pages(parts, 1, candidates)))
    one, other = (list(chain(*all_pages(parts, each, candidates, backwards))) for each in counts)
    assert one == other
    for begin in range(0, len(ranked), WINDOW):
        window = ranked[begin : begin + WINDOW]
        assert one[begin : begin + WINDOW] == [window[0], *window[:0:-1]]


def test_a_first_page_is_what_the_parts_best_are_ranked_by() -> None:
    # 5 is best of all together, and among the best two of neither part.
    parts = (
        FixedRetriever("a", {1: 9.0, 2: 8.0, 5: 7.0}),
        FixedRetriever("b", {3: 9.0, 4: 8.0, 5: 7.0}),
    )
    assert turn(parts, 0, 4, 2).hits.numbers.tolist() == [1, 3, 2, 4]
    assert turn(parts, 4, 4, 2).hits.numbers.tolist() == [5]
    assert turn(parts, 0, 4, 3).hits.numbers.tolist() == [5, 1, 3, 2]


def test_parts_reach_further_only_when_a_page_needs_it() -> None:
    part = FixedRetriever("a", {number: float(-number) for number in range(100)})
    assert turn((part,), 0, 10, 20).hits.numbers.tolist() == list(range(10))
    assert part.asked == [20]
    assert turn((part,), 15, 10, 20).hits.numbers.tolist() == list(range(15, 25))
    assert part.asked == [20, 20, 80]


def test_a_page_behind_the_last_is_empty_and_the_last() -> None:
    page = turn((FixedRetriever("a", {1: 1.0}),), 5, 10, 20)
    assert page.hits.numbers.size == 0
    assert not page.more


def test_a_product_that_is_left_out_is_on_no_page() -> None:
    page = turn((FixedRetriever("a", {1: 2.0, 2: 1.0}),), 0, 10, 20, leave_out=1)
    assert page.hits.numbers.tolist() == [2]


CURSOR = Cursor(20, 200, 4, "5f3c7a0e6f0f4a6a8b7a5a0c")


def text_of(values: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


def test_a_cursor_is_read_as_it_was_written_and_fits_an_address() -> None:
    text = CURSOR.to_text()
    assert Cursor.from_text(text) == CURSOR
    assert set(text) <= set(string.ascii_letters + string.digits + "-_")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ä",
        "%%%%",
        "A" * 201,
        text_of({}),
        text_of([1, 2, 3]),
        text_of([1, 2, 3, 4]),
        text_of([True, 200, 4, "x"]),
        text_of([1.5, 200, 4, "x"]),
        text_of([0, 200, 4, "x"]),
        text_of([-1, 200, 4, "x"]),
        text_of([LIMIT_RANKED, 200, 4, "x"]),
        text_of([1, LIMIT_RANKED + 1, 4, "x"]),
        text_of([1, 0, 4, "x"]),
        text_of([1, 200, 0, "x"]),
        text_of([10**40, 200, 4, "x"]),
        "W" * 100,
    ],
)
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(InvalidQueryError, match="none that a search gave"):
        Cursor.from_text(text)


@pytest.mark.parametrize(
    "change",
    [
        {"prompt": "blue"},
        {"prompt": None},
        {"without": "metal"},
        {"where": "price < 3"},
        {"photo_weight": 0.4},
        {"diversity": 0.9},
        {"similar_to": "p1"},
        {"crop": Crop(0, 0, 0.5, 1)},
    ],
)
def test_queries_that_differ_in_what_decides_have_different_digests(
    change: dict[str, object],
) -> None:
    query = Query(prompt="red")
    other = dataclasses.replace(query, **change)  # type: ignore[arg-type]  # test
    assert query_digest(query, b"") != query_digest(other, b"")
    assert query_digest(query, b"") != query_digest(query, b"a photo")


def test_how_many_hits_and_which_facets_are_wanted_may_change() -> None:
    query = Query(prompt="red", limit=5)
    other = Query(prompt="red", limit=9, facets=("color",), cursor="x")
    assert query_digest(query, b"") == query_digest(other, b"")


def test_a_cursor_of_another_query_is_refused() -> None:
    refuse_other_query(CURSOR, CURSOR.query)
    with pytest.raises(InvalidQueryError, match="another query"):
        refuse_other_query(CURSOR, "other")
