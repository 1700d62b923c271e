"""Which retrievers a query is asked of, and what each of them weighs."""

import asyncio
import gc
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from furniture_prompter.catalog.keyword_query import KeywordQuery
from furniture_prompter.domain import Query
from furniture_prompter.search.other_colours import OtherColourRetriever
from furniture_prompter.search.query_vectors import (
    AlignmentRoute,
    EncodedQuery,
    EncodedText,
    NoRoute,
)
from furniture_prompter.search.retrievers import (
    KeywordRetriever,
    RetrieverGroup,
    begun,
    fuse,
    retriever_groups,
)

ROW = np.array([1, 0], np.float32)
ZEROS = np.zeros(2, np.float32)
OAK = EncodedText("oak", ROW, ROW)
UNKNOWN = EncodedText("zzz", ZEROS, ZEROS)
ALIGNMENT: Any = None
BY_ALIGNMENT = AlignmentRoute(ALIGNMENT)
Told = list[tuple[float, float, list[tuple[str, float]]]]


class Reader:
    """A catalog version whose indexes say by which column they were asked."""

    async def photo_index(self, column: str = "vector") -> Any:
        return SimpleNamespace(similarities=lambda _: column)

    async def text_index(self) -> Any:
        return SimpleNamespace(similarities=lambda _: "text")

    async def keyword_matches(self, *_: object) -> Any:
        return np.zeros(0, np.int64), np.zeros(0, np.float32)


def settings(**given: float) -> Any:
    weights = {"keyword": 0.4, "prompt_text": 0.3, "prompt_photo": 0.2, "attribute": 0.1}
    told = {f"weight_{name}": value for name, value in {**weights, "without": 0.5, **given}.items()}
    return SimpleNamespace(**told)


def groups(
    photo: Any = None,
    prompt: EncodedText | None = None,
    without: EncodedText | None = None,
    *,
    route: Any = BY_ALIGNMENT,
    unlike: Any = None,
    leave_out: int | None = None,
    photo_weight: float = 0.25,
    weights: dict[str, float] | None = None,
    keywords: tuple[KeywordQuery | None, KeywordQuery | None] = (None, None),
    wishes: Any = (),
    **rest: Any,
) -> Told:
    """Share, what standing out counts, and names and weights of the retrievers of each group."""
    query = EncodedQuery(
        Query(photo_weight=photo_weight), photo, prompt, without, leave_out, unlike
    )
    reader: Any = Reader()
    asked = [
        given or (KeywordQuery(text.text) if text else None)
        for given, text in zip(keywords, (prompt, without), strict=True)
    ]
    weighed = settings(**weights or {})

    async def of_query() -> Any:
        with begun(asked, reader, weighed, 10, None) as by_keywords:
            return await retriever_groups(
                query, reader, route, weighed, wishes, by_keywords, **rest
            )

    found = asyncio.run(of_query())
    return [
        (
            group.share,
            group.standing_out,
            [(each.name, round(each.weight, 4)) for each in group.retrievers],
        )
        for group in found
    ]


BY_WORDS = [("keyword", 0.4), ("prompt-text", 0.3), ("prompt-photo", 0.2)]


def test_a_prompt_alone_is_asked_of_words_texts_and_photos() -> None:
    assert groups(prompt=OAK) == [(1.0, 1.0, BY_WORDS)]
    assert groups(prompt=OAK, route=NoRoute("none")) == [(1.0, 1.0, BY_WORDS[:2])]
    assert groups() == []


@pytest.mark.parametrize("left", range(3))
def test_a_retriever_without_weight_is_not_asked(left: int) -> None:
    names = ("keyword", "prompt_text", "prompt_photo")
    told = groups(prompt=OAK, weights={names[left]: 0.0})
    assert told == [(1.0, 1.0, BY_WORDS[:left] + BY_WORDS[left + 1 :])]


def test_words_that_no_encoder_knows_are_asked_of_keywords_whatever_they_weigh() -> None:
    assert groups(prompt=UNKNOWN) == [(1.0, 1.0, [("keyword", 0.4)])]
    assert groups(prompt=UNKNOWN, weights={"keyword": 0.0}) == [(1.0, 1.0, [("keyword", 1.0)])]
    without_place = EncodedText("oak", ROW, None)
    assert groups(prompt=without_place) == [(1.0, 1.0, BY_WORDS[:2])]


@pytest.mark.parametrize(("share", "weight"), [(1.0, 0.4), (0.5, 0.2), (0.1, 0.04), (0.0, 0.04)])
def test_keywords_count_by_the_share_of_words_that_are_known(share: float, weight: float) -> None:
    asked = KeywordQuery("oak", known_share=share)
    told = groups(prompt=OAK, keywords=(asked, None))
    assert told == [(1.0, 1.0, [("keyword", weight), *BY_WORDS[1:]])]


def test_photo_and_prompt_share_the_score() -> None:
    assert groups(photo=ROW) == [(1.0, 1.0, [("photo", 1.0)])]
    photo = [("photo", 1.0)]
    assert groups(photo=ROW, prompt=OAK) == [(0.25, 1.0, photo), (0.75, 1.0, BY_WORDS)]
    assert groups(photo=ROW, prompt=OAK, photo_weight=0.0) == [(1.0, 1.0, BY_WORDS)]
    assert groups(photo=ROW, prompt=OAK, photo_weight=1.0) == [(1.0, 1.0, photo)]


@pytest.mark.parametrize(("alone", "words"), [(False, 0.75), (True, 0.25)])
def test_other_colours_take_from_the_words_share_and_words_of_nothing_else_count_less(
    alone: bool, words: float
) -> None:
    away = OtherColourRetriever(Reader(), None, ("grey",), alone=alone)  # type: ignore[arg-type]  # not asked
    told = groups(photo=ROW, prompt=OAK, other_colours=away)
    assert [group[2] for group in told] == [[("photo", 1.0)], [("other-colour", 1.0)], BY_WORDS]
    assert [group[0] for group in told] == pytest.approx([0.25, -0.2 * 0.75, words])
    # Whoever says that the photo alone counts has said that colours do not.
    assert groups(photo=ROW, prompt=OAK, photo_weight=1.0, other_colours=away) == [
        (1.0, 1.0, [("photo", 1.0)])
    ]


def test_another_colour_takes_from_the_photos_own_product_its_lead() -> None:
    photo = [("photo", 1.0)]
    assert groups(photo=ROW, another_colour=True) == [(1.0, 0.1, photo)]
    # A product that stands for a photo is left out anyway.
    assert groups(photo=ROW, another_colour=True, leave_out=3) == [(1.0, 1.0, photo)]
    assert groups(photo=ROW, prompt=OAK, unlike=ROW) == [
        (0.25, 1.0, photo),
        (-0.5, 1.0, photo),
        (0.75, 1.0, BY_WORDS),
    ]


def test_what_is_not_wanted_takes_away_by_its_weight() -> None:
    told = groups(prompt=OAK, without=UNKNOWN)
    assert told == [(1.0, 1.0, BY_WORDS), (-0.5, 1.0, [("keyword", 0.4)])]
    half = KeywordQuery("metal", known_share=0.5)
    told = groups(without=OAK, keywords=(None, half))
    assert told == [(-0.5, 1.0, [("keyword", 0.2), *BY_WORDS[1:]])]
    assert groups(without=OAK, weights={"without": 0.0}) == []


def test_wishes_that_columns_can_tell_are_asked_beside_a_prompt() -> None:
    wishes: Any = (SimpleNamespace(), SimpleNamespace())
    told = groups(prompt=OAK, wishes=wishes)
    assert [name for name, _ in told[0][2]][3:] == ["attribute"]
    assert groups(prompt=OAK, wishes=wishes, weights={"attribute": 0.0}) == groups(prompt=OAK)
    assert groups(prompt=OAK, wishes=()) == groups(prompt=OAK)
    assert groups(photo=ROW, wishes=wishes) == groups(photo=ROW)


class FailingReader(Reader):
    """A catalog version whose keyword index cannot be read, after one turn of the loop."""

    async def keyword_matches(self, *_: object) -> Any:
        await asyncio.sleep(0)
        raise OSError("unreadable")


async def _nobody_asks(_: KeywordRetriever) -> None:
    await asyncio.sleep(0.01)


async def _asked_for_more(retriever: KeywordRetriever) -> None:
    with pytest.raises(OSError, match="unreadable"):
        await retriever.top(20, None)


async def _cancelled_before_it_asks(retriever: KeywordRetriever) -> None:
    searching = asyncio.create_task(fuse([RetrieverGroup(1.0, (retriever,))], 10, None))
    await asyncio.sleep(0)
    searching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await searching


async def _given_up(retriever: KeywordRetriever) -> None:
    await asyncio.sleep(0)
    retriever.give_up()


@pytest.mark.parametrize(
    "going_on", [_nobody_asks, _asked_for_more, _cancelled_before_it_asks, _given_up]
)
def test_an_error_of_what_was_begun_never_lacks_a_reader(
    going_on: Callable[[KeywordRetriever], Awaitable[None]],
) -> None:
    complaints: list[dict[str, Any]] = []
    reader: Any = FailingReader()

    async def search() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, told: complaints.append(told))
        with begun([KeywordQuery("oak")], reader, settings(), 10, None) as (retriever,):
            assert retriever is not None
        await going_on(retriever)
        del retriever
        await asyncio.sleep(0.01)
        gc.collect()

    asyncio.run(search())
    assert complaints == []


def test_what_was_begun_for_another_count_is_given_up() -> None:
    ended: list[int] = []

    class CountingReader(Reader):
        async def keyword_matches(self, *given: object) -> Any:
            if given[1] == 10:
                try:
                    await asyncio.sleep(60)
                finally:
                    ended.append(10)
            return await super().keyword_matches()

    async def search() -> None:
        reader: Any = CountingReader()
        with begun([KeywordQuery("oak")], reader, settings(), 10, None) as (retriever,):
            assert retriever is not None
            await asyncio.sleep(0)
        await retriever.top(20, None)
        await asyncio.sleep(0)
        # Before the loop ends, which would end all that is left.
        assert ended == [10]

    asyncio.run(asyncio.wait_for(search(), 5))
