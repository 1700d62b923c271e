"""What words bring, added up from memory, against the index asked for all of them at once."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from furniture_prompter.catalog import keyword_index as keyword_index_module
from furniture_prompter.catalog.columns import NUMBER
from furniture_prompter.catalog.filters import Filter
from furniture_prompter.catalog.keyword_index import KeywordIndex
from furniture_prompter.catalog.keyword_query import KeywordParts, KeywordQuery, Match
from furniture_prompter.catalog.reader import CatalogReader
from furniture_prompter.catalog.vector_index import Numbers, Scores
from furniture_prompter.domain import FeedItem
from furniture_prompter.errors import CatalogDamagedError
from tests.fakes import make_rows, with_product
from tests.integration.conftest import Shop

TITLES = (
    *("white oak chair", "white chair", "two white chairs", "oak dining table", "dining chair"),
    *("table lamp in white", "white white white shelf", "children's oak stool 2", "stool"),
)
WHITE, OAK = Match("white"), Match("oak")
PARTS = (
    KeywordParts((WHITE,)),
    KeywordParts((Match("white oak chairs chair"),)),
    KeywordParts((Match("nowhere"),)),
    KeywordParts((WHITE, Match("dining table", 0.35, together=True), Match("stool", 0.2))),
    KeywordParts((Match("dining nowhere", 0.5, together=True),)),
    KeywordParts((Match("oak stool"),), (Match("2 white"),)),
)


def titled_rows(folder: Path) -> list[FeedItem]:
    rows = make_rows(folder / "feed", len(TITLES))
    return [with_product(row, title=title) for row, title in zip(rows, TITLES, strict=True)]


@pytest.fixture
def titled(shop: Shop, tmp_path: Path) -> Shop:
    shop.index(titled_rows(tmp_path))
    return shop


def with_indexes(
    shop: Shop, ask: Callable[[CatalogReader, KeywordIndex, KeywordIndex], Awaitable[None]]
) -> None:
    async def run() -> None:
        reader = await CatalogReader.open(shop.folder)
        try:
            stored, kept = (
                KeywordIndex(reader._product_rows, keeps=keeps) for keeps in (False, True)
            )
            await ask(reader, stored, kept)
        finally:
            reader.close()

    asyncio.run(run())


def told(found: tuple[Numbers, Scores]) -> dict[int, float]:
    numbers, scores = found
    assert np.all(np.diff(scores) <= 0)
    return dict(zip(numbers.tolist(), scores.tolist(), strict=True))


def test_words_that_are_added_up_score_as_the_index_says(titled: Shop) -> None:
    async def ask(reader: CatalogReader, stored: KeywordIndex, kept: KeywordIndex) -> None:
        passing = await reader.passing(f"`{NUMBER}` > 2")
        filters: Sequence[Filter | None] = (None, passing)
        for parts in (*PARTS, *PARTS):
            for where in filters:
                for barred in (None, np.array([1, 4, 7], np.int64)):
                    said = told(await stored.matches(parts, 20, where, barred))
                    assert told(await kept.matches(parts, 20, where, barred)) == pytest.approx(said)

    with_indexes(titled, ask)


def test_the_best_are_brought_and_of_equal_ones_the_first(titled: Shop) -> None:
    async def ask(_: CatalogReader, stored: KeywordIndex, kept: KeywordIndex) -> None:
        parts = KeywordParts((Match("chair stool"),))
        everything = await stored.matches(parts, 20, None, None)
        numbers, scores = await kept.matches(parts, 3, None, None)
        order = np.lexsort((everything[0], -everything[1]))[:3]
        assert numbers.tolist() == everything[0][order].tolist()
        assert scores == pytest.approx(everything[1][order])

    with_indexes(titled, ask)


def asked_of(index: KeywordIndex, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    asked: list[object] = []
    ask = index._ask

    def noting(wanted: object, *rest: object) -> object:
        asked.append(wanted)
        return ask(wanted, *rest)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(index, "_ask", noting)
    return asked


def test_a_word_is_asked_for_once(titled: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    async def ask(_: CatalogReader, _stored: KeywordIndex, kept: KeywordIndex) -> None:
        asked = asked_of(kept, monkeypatch)
        await kept.matches(KeywordParts((Match("white oak"),)), 5, None, None)
        assert len(asked) == 2
        again = KeywordParts((Match("oak chair", 0.5), WHITE), (OAK,))
        await kept.matches(again, 5, None, None)
        assert len(asked) == 3
        await kept.matches(again, 9, None, None)
        assert len(asked) == 3

    with_indexes(titled, ask)


def test_a_prompt_of_many_new_words_is_asked_as_a_whole(
    titled: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyword_index_module, "_MOST_NEW", 2)

    async def ask(_: CatalogReader, stored: KeywordIndex, kept: KeywordIndex) -> None:
        asked = asked_of(kept, monkeypatch)
        parts = KeywordParts((Match("white oak chair"),))
        said = told(await stored.matches(parts, 20, None, None))
        assert told(await kept.matches(parts, 20, None, None)) == pytest.approx(said)
        assert len(asked) == 1
        await kept.matches(KeywordParts((WHITE,)), 20, None, None)
        assert told(await kept.matches(parts, 20, None, None)) == pytest.approx(said)
        assert len(asked) == 4

    with_indexes(titled, ask)


def test_words_go_when_too_many_are_kept(titled: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyword_index_module, "_KEPT", 3 * (64 + len(TITLES)))

    async def ask(_: CatalogReader, _stored: KeywordIndex, kept: KeywordIndex) -> None:
        asked = asked_of(kept, monkeypatch)
        for word in ("white", "oak", "chair", "stool", "white"):
            await kept.matches(KeywordParts((Match(word),)), 5, None, None)
        assert len(asked) == 5
        parts = KeywordParts((Match("white oak chair table stool dining"),))
        assert (await kept.matches(parts, 20, None, None))[0].size == len(TITLES)

    with_indexes(titled, ask)


def test_an_index_of_another_table_is_told(titled: Shop, tmp_path: Path) -> None:
    async def ask(_: CatalogReader, _stored: KeywordIndex, kept: KeywordIndex) -> None:
        rows = kept._products
        ids = await rows.row_ids()
        rows._ids = replace(ids, ids=ids.ids + np.uint64(100))
        with pytest.raises(CatalogDamagedError, match="names rows that are not there"):
            await kept.matches(KeywordParts((WHITE,)), 5, None, None)

    with_indexes(titled, ask)


@pytest.mark.parametrize("language", ["english", "turkish", "german"])
def test_a_word_that_no_product_has_is_known_without_asking(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    shop.index(titled_rows(tmp_path), language=language)
    said = ("chairs", "dining", "dined", "whitely", "children", "oaken", "sofas", "nowhere", "2")
    asked: list[str] = []
    ask = KeywordIndex._ask

    async def noted(self: KeywordIndex, *arguments: Any) -> Any:
        asked.append(arguments[0].query)
        return await ask(self, *arguments)

    async def lacked(reader: CatalogReader, _stored: KeywordIndex, kept: KeywordIndex) -> None:
        await reader.vocabulary()
        for word in said:
            numbers, _ = await kept.matches(KeywordParts((Match(word),)), 9, None, None)
            assert not (reader._lacks(word) and numbers.size), word
            monkeypatch.setattr(KeywordIndex, "_ask", noted)
            again, _ = await reader.keyword_matches(KeywordQuery(word), 9, None)
            assert again.tolist() == numbers.tolist()
            monkeypatch.undo()
            if language != "german":
                assert reader._lacks(word) == (numbers.size == 0), word
                assert (word in asked) == (numbers.size > 0), word

    with_indexes(shop, lacked)


def test_what_is_not_read_of_a_catalog_is_asked(titled: Shop) -> None:
    async def unread(reader: CatalogReader, _stored: KeywordIndex, _kept: KeywordIndex) -> None:
        assert not reader._lacks("nowhere")
        await reader.vocabulary()
        assert reader._lacks("nowhere")
        assert not reader._lacks("hallå")

    with_indexes(titled, unread)
