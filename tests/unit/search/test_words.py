"""EncodedText as vectors, and those that are kept."""

import asyncio
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.search.query_vectors import EncodedText, NoRoute, QueryTextEncoder


class CountingEncoder:
    """Gives a prompt's length as its vector, and notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    @property
    def card(self) -> Any:
        raise NotImplementedError

    def encode(self, prompts: Sequence[str]) -> NDArray[np.float32]:
        self.asked += prompts
        return np.array([[len(prompt)] for prompt in prompts], np.float32)

    def knows_word(self, _word: str) -> bool:
        return False


class Doubling:
    """A route that doubles."""

    column = "vector"

    async def encode(self, texts: Sequence[EncodedText]) -> NDArray[np.float32]:
        return np.stack([2 * word.text_embedding for word in texts])


def test_words_come_in_the_order_they_were_asked_for_and_each_is_encoded_once() -> None:
    encoder = CountingEncoder()
    words = QueryTextEncoder(lambda: encoder, Doubling())
    found = asyncio.run(words.encode(["oak", "red sofa", "oak"]))
    assert [(word.text, word.text_embedding.tolist()) for word in found] == [
        ("oak", [3.0]),
        ("red sofa", [8.0]),
        ("oak", [3.0]),
    ]
    assert [
        None if word.image_embedding is None else word.image_embedding.tolist() for word in found
    ] == [
        [6.0],
        [16.0],
        [6.0],
    ]
    assert encoder.asked == ["oak", "red sofa"]


def test_nothing_asked_is_nothing_encoded() -> None:
    assert asyncio.run(QueryTextEncoder(CountingEncoder, NoRoute("why")).encode([])) == []


def test_without_a_route_words_have_no_look() -> None:
    (word,) = asyncio.run(QueryTextEncoder(CountingEncoder, NoRoute("why")).encode(["oak"]))
    assert word.image_embedding is None


def test_the_words_that_were_asked_for_last_are_kept() -> None:
    encoder = CountingEncoder()
    words = QueryTextEncoder(lambda: encoder, Doubling(), kept=2)
    for prompt in ("a", "b", "a", "c", "a", "b"):
        asyncio.run(words.encode([prompt]))
    assert encoder.asked == ["a", "b", "c", "b"]


def test_nothing_is_kept_unless_it_is_asked_for() -> None:
    encoder = CountingEncoder()
    words = QueryTextEncoder(lambda: encoder, Doubling())
    for _ in range(2):
        asyncio.run(words.encode(["a"]))
    assert encoder.asked == ["a", "a"]
