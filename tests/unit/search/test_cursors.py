"""Cursors as they are written and read."""

import base64
import dataclasses
import json
import string

import pytest

from furniture_prompter.domain import Query
from furniture_prompter.domain.query import Crop
from furniture_prompter.errors import InvalidQueryError
from furniture_prompter.search.paging import LIMIT_RANKED, Cursor, query_digest, refuse_other_query

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
