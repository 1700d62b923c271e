"""A photo in a catalog's words: what its nearest products say, and how like it the words are."""

import asyncio
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from furniture_prompter.domain.query import DescribedWord
from furniture_prompter.search.query_vectors import (
    AlignmentRoute,
    EncodedText,
    NoRoute,
    TextTowerRoute,
)
from furniture_prompter.search.suggesting import Describer

PHOTO = np.array([1, 0], np.float32)
COLUMNS: dict[str, list[Any]] = {
    "category": ["Sofa", "Sofa", "Chair", None],
    "color": ["grey, white", "grey", "", None],
    "base_colors": [["grey"], ["grey", "white"], [], []],
    "base_materials": [[], ["oak"], ["oak", "ash"], []],
}
TYPES = {"category": "text", "color": "text", "base_colors": "texts", "base_materials": "texts"}


class Reader:
    """A version whose nearest products all are as near as each other."""

    def __init__(self, types: dict[str, str], found: int) -> None:
        self.filter_columns = types
        self._found = found

    async def photo_index(self, column: str) -> Any:
        assert column == "vector"

        async def top(count: int, only: object) -> Any:
            assert (count, only) == (20, None)
            return np.arange(self._found)[::-1]

        async def of(numbers: Any) -> Any:
            assert numbers.tolist() == [*range(self._found)]
            return np.full(self._found, 0.5, np.float32)

        return SimpleNamespace(similarities=lambda _: SimpleNamespace(top=top, of=of))

    async def columns(self, numbers: Any, names: list[str]) -> Any:
        return {name: COLUMNS[name][: len(numbers)] for name in names}


class Texts:
    """Words whose vectors say how like the photo they are; None where there is no way."""

    def __init__(self, like: dict[str, float], *, is_known: bool = True) -> None:
        self._like = like
        self._is_known = is_known

    async def encode(self, words: list[str]) -> list[EncodedText]:
        rows = [np.array([self._like.get(word, 0.0), 1], np.float32) for word in words]
        return [
            EncodedText(word, row, row if self._is_known else None)
            for word, row in zip(words, rows, strict=True)
        ]


def described(
    types: dict[str, str] | None = None, found: int = 4, texts: Any = None, route: Any = None
) -> Any:
    reader: Any = Reader(TYPES if types is None else types, found)
    describer = Describer(reader, texts, route or NoRoute("none"))
    return asyncio.run(describer.describe(PHOTO))


def words(*said: tuple[str, float]) -> tuple[DescribedWord, ...]:
    return tuple(DescribedWord(text, confidence) for text, confidence in said)


def test_products_that_say_something_vote_on_each_sort_of_word() -> None:
    told = described()
    assert told.categories == words(("Sofa", 0.667), ("Chair", 0.333))
    assert told.colors == words(("grey", 1.0), ("white", 0.5))
    assert told.materials == words(("oak", 1.0), ("ash", 0.5))
    assert told.prompt == "grey oak Sofa"


@pytest.mark.parametrize(
    ("types", "colors"),
    [
        # Base colours where the catalog has them, else the shop's own, parted by commas.
        ({"color": "text"}, words(("grey", 1.0), ("white", 0.5))),
        ({"color": "text", "base_colors": "number"}, words(("grey", 1.0), ("white", 0.5))),
        ({}, ()),
    ],
)
def test_a_sort_of_words_without_a_column_is_not_said(types: dict[str, str], colors: Any) -> None:
    told = described(types)
    assert (told.categories, told.colors, told.materials) == ((), colors, ())
    assert told.prompt == ("grey" if colors else "")


def test_nothing_is_said_where_nothing_is_near() -> None:
    told = described(found=0)
    assert (told.prompt, told.categories, told.colors, told.materials) == ("", (), (), ())


def test_the_first_three_words_are_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(COLUMNS, "base_materials", [["a", "b", "c", "d"]])
    told = described({"base_materials": "texts"}, found=1)
    assert told.materials == words(("a", 1.0), ("b", 1.0), ("c", 1.0))


def test_a_word_that_is_like_the_photo_counts_for_more() -> None:
    tower: Any = None
    alignment: Any = SimpleNamespace(align_photos=lambda rows: rows[:, ::-1])
    only = {"category": "text"}
    like: Any = Texts({"Chair": 1.0})
    # Of two words the one that is like the photo has all of four tenths.
    by_tower = described(only, texts=like, route=TextTowerRoute(tower))
    assert by_tower.categories == words(("Chair", 0.6), ("Sofa", 0.4))
    # Here both are as like the photo as it comes to be aligned.
    by_alignment = described(only, texts=like, route=AlignmentRoute(alignment))
    assert by_alignment.categories == words(("Sofa", 0.6), ("Chair", 0.4))
    unknown: Any = Texts({"Chair": 1.0}, is_known=False)
    voted = words(("Sofa", 0.667), ("Chair", 0.333))
    assert described(only, texts=unknown, route=TextTowerRoute(tower)).categories == voted
    assert described(only, texts=like).categories == voted


def test_one_word_alone_is_as_sure_as_its_votes() -> None:
    tower: Any = None
    like: Any = Texts({"Sofa": -1.0})
    told = described({"category": "text"}, found=2, texts=like, route=TextTowerRoute(tower))
    assert told.categories == words(("Sofa", 1.0))
