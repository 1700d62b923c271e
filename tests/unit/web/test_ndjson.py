"""Lines out of pieces."""

import asyncio
import itertools
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from furniture_prompter.web.errors import ApiError
from furniture_prompter.web.ndjson import lines


def read(pieces: list[bytes], limit_bytes: int = 50, limit_lines: int = 100) -> list[object]:
    async def stream() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    async def collect() -> list[object]:
        return [each async for each in lines(stream(), limit_bytes, limit_lines)]

    return asyncio.run(collect())


@given(st.binary(max_size=120), st.lists(st.integers(0, 120), max_size=6))
def test_where_the_pieces_end_changes_nothing(body: bytes, cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(body)]
    pieces = [body[start:end] for start, end in itertools.pairwise(places)]
    expected = [
        (number, line if len(line) <= 20 else None)
        for number, line in enumerate(body.split(b"\n"), start=1)
        if line.strip() or len(line) > 20
    ]
    assert read(pieces, limit_bytes=20) == expected


def test_a_line_that_is_too_long_is_skipped_and_the_rest_comes() -> None:
    assert read([b"a\n" + b"x" * 40, b"x" * 40, b"\nb"], 50) == [(1, b"a"), (2, None), (3, b"b")]


def test_more_lines_than_allowed_are_refused() -> None:
    assert len(read([b"a\n\n\nb\nc"], limit_lines=3)) == 3
    with pytest.raises(ApiError) as caught:
        read([b"a\nb\nc\n\nd"], limit_lines=3)
    assert caught.value.status == 413
