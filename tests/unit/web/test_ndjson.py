"""Lines out of pieces."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from furniture_prompter.web.bodies import HeldBytes
from furniture_prompter.web.errors import ApiError, Overloaded
from furniture_prompter.web.product_bodies import lines
from furniture_prompter.web.telemetry import Metrics


def read(pieces: list[bytes], limit_bytes: int = 50, limit_lines: int = 100) -> list[object]:
    async def stream() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    async def collect() -> list[object]:
        found: list[object] = []
        with HeldBytes(1_000, Metrics()).share() as share:
            async for number, line in lines(stream(), limit_bytes, limit_lines, share):
                # Whoever gets a line gives it back; nothing else is held.
                assert share.held_bytes == len(line or b"")
                share.give_back(share.held_bytes)
                found.append((number, line))
        return found

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


def test_a_byte_order_mark_before_the_first_line_is_no_line() -> None:
    for pieces in ([b"\xef\xbb\xbf\n\na"], [b"\xef", b"\xbb\xbf", b"\n", b"\na"]):
        assert read(pieces) == [(3, b"a")]


def test_an_unfinished_line_is_counted_before_it_is_kept_whoever_sends_it() -> None:
    held = HeldBytes(1_000, Metrics())
    kept: list[int] = []

    async def endless() -> AsyncIterator[bytes]:
        while True:
            kept.append(1)
            yield b"x" * 100

    async def send() -> None:
        with held.share() as share:
            async for _ in lines(endless(), 10**9, 10, share):
                pass

    async def test() -> None:
        with held.share() as others:
            others.take(700)
            with pytest.raises(Overloaded):
                await send()
            # Three fitted, the fourth was refused.
            assert len(kept) == 4
            others.take(300)

    asyncio.run(test())


def test_blank_lines_are_stepped_over_many_at_a_time() -> None:
    steps = 0

    class Counting(bytes):
        def find(self, *given: Any) -> int:  # counts, and passes on
            nonlocal steps
            steps += 1
            return bytes(self).find(*given)

    assert read([Counting(b"\n \r\n\t\n" * 20_000 + b"a\n" + b"\n" * 20_000)]) == [(60_001, b"a")]
    assert steps < 5
