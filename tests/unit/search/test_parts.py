"""Fusion on hand-computed numbers."""

import asyncio
import gc
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from furniture_prompter.catalog.filters import Filter
from furniture_prompter.catalog.keyword_query import KeywordQuery
from furniture_prompter.catalog.vector_index import Background, Numbers, Scores
from furniture_prompter.errors import InvalidQueryError
from furniture_prompter.search.retrievers import (
    Fused,
    KeywordRetriever,
    RetrieverGroup,
    VectorRetriever,
    begun,
    fuse,
)
from furniture_prompter.settings import Settings

NAN = float("nan")


@dataclass
class FixedRetriever:
    """A retriever whose strengths a test gives, by product number."""

    name: str
    weight: float
    values: dict[int, float]
    reads_text: bool = False
    asked: list[int] = field(default_factory=list)

    async def top(self, count: int, prefilter: Filter | None) -> Numbers:
        self.asked.append(count)
        known = {number: value for number, value in self.values.items() if not np.isnan(value)}
        allowed = known if prefilter is None else known.keys() & set(prefilter.numbers.tolist())
        return np.array(sorted(allowed, key=lambda number: -known[number])[:count], np.int64)

    async def strengths(self, numbers: Numbers) -> Scores:
        return np.array([self.values.get(int(number), 0.0) for number in numbers], np.float32)


def run(*groups: RetrieverGroup, candidates: int = 10, prefilter: Filter | None = None) -> Fused:
    return asyncio.run(fuse(groups, candidates, prefilter))


def test_a_group_is_the_weighted_mean_of_its_parts() -> None:
    group = RetrieverGroup(
        1.0,
        (FixedRetriever("a", 3.0, {1: 4.0, 2: 0.0}), FixedRetriever("b", 1.0, {1: 0.0, 2: 8.0})),
    )
    fused = run(group)
    assert fused.numbers.tolist() == [1, 2]
    assert fused.scores.tolist() == [3.0, 2.0]
    assert fused.contributions["a"].tolist() == [3.0, 0.0]


def test_shares_weigh_photo_against_prompt() -> None:
    photo = FixedRetriever("photo", 1.0, {1: 4.0, 2: 2.0})
    prompt = FixedRetriever("prompt-text", 1.0, {1: 0.0, 2: 3.0}, reads_text=True)
    mostly_photo = run(RetrieverGroup(0.9, (photo,)), RetrieverGroup(0.1, (prompt,)))
    mostly_prompt = run(RetrieverGroup(0.1, (photo,)), RetrieverGroup(0.9, (prompt,)))
    assert mostly_photo.numbers.tolist() == [1, 2]
    assert mostly_prompt.numbers.tolist() == [2, 1]


def test_the_best_may_hardly_stand_out_from_the_second() -> None:
    photo = FixedRetriever("photo", 1.0, {1: 9.0, 2: 4.0, 3: 3.0})
    prompt = FixedRetriever("prompt-text", 1.0, {1: 0.0, 2: 2.0, 3: 1.0})
    words = RetrieverGroup(0.5, (prompt,))
    assert run(RetrieverGroup(0.5, (photo,)), words).numbers.tolist() == [1, 2, 3]
    fused = run(RetrieverGroup(0.5, (photo,), standing_out=0.1), words)
    assert fused.numbers.tolist() == [2, 1, 3]
    # 4 + 0.1 * (9 - 4) of the best; others count in full, and strengths stay what they are.
    assert fused.contributions["photo"].tolist() == pytest.approx([2.0, 2.25, 1.5])
    assert fused.strengths["photo"].tolist() == [4.0, 9.0, 3.0]


@pytest.mark.parametrize("values", [{}, {1: 3.0}, {1: 3.0, 2: NAN}])
def test_one_product_alone_stands_out_from_nothing(values: dict[int, float]) -> None:
    photo = FixedRetriever("photo", 1.0, values)
    fused = run(RetrieverGroup(1.0, (photo,), standing_out=0.1))
    assert fused.scores.tolist() == [3.0] * bool(values)


def test_a_product_without_text_is_judged_by_its_photos_alone() -> None:
    group = RetrieverGroup(
        1.0,
        (
            FixedRetriever("keyword", 1.0, {1: 3.0}, reads_text=True),
            FixedRetriever("prompt-text", 1.0, {1: 3.0, 2: NAN}, reads_text=True),
            FixedRetriever("prompt-photo", 1.0, {1: 0.0, 2: 2.5}),
        ),
    )
    fused = run(group)
    assert fused.numbers.tolist() == [2, 1]
    assert fused.scores.tolist() == pytest.approx([2.5, 2.0])
    assert fused.contributions["keyword"].tolist() == [0.0, 1.0]


def test_what_is_not_wanted_takes_strength_away_and_never_gives_any() -> None:
    wanted = RetrieverGroup(1.0, (FixedRetriever("photo", 1.0, {1: 3.0, 2: 2.0, 3: 1.0}),))
    unwanted = RetrieverGroup(
        -1.0, (FixedRetriever("prompt-photo", 1.0, {1: 2.5, 2: -4.0, 9: 9.0}),)
    )
    fused = run(wanted, unwanted)
    assert fused.numbers.tolist() == [2, 3, 1]
    assert fused.scores.tolist() == pytest.approx([2.0, 1.0, 0.5])
    assert set(fused.contributions) == {"photo"}


def test_only_what_the_filter_lets_through_is_fused() -> None:
    group = RetrieverGroup(1.0, (FixedRetriever("photo", 1.0, {1: 3.0, 2: 2.0}),))
    assert run(group, prefilter=Filter("", np.array([2], np.int64))).numbers.tolist() == [2]
    assert run(group, prefilter=Filter("", np.array([], np.int64))).numbers.tolist() == []


def test_equal_scores_are_ordered_by_number_so_that_runs_agree() -> None:
    group = RetrieverGroup(1.0, (FixedRetriever("photo", 1.0, {3: 1.0, 1: 1.0, 2: 1.0}),))
    assert run(group).numbers.tolist() == [1, 2, 3]


def test_every_part_is_asked_for_as_much_as_is_wanted() -> None:
    part = FixedRetriever("photo", 1.0, {1: 1.0})
    run(RetrieverGroup(1.0, (part,)), candidates=50)
    assert part.asked == [50]


def test_parts_are_exhausted_when_every_one_brought_less_than_it_was_asked_for() -> None:
    few, many = FixedRetriever("a", 1.0, {1: 1.0}), FixedRetriever("b", 1.0, {2: 2.0, 3: 3.0})
    assert run(RetrieverGroup(1.0, (few, many)), candidates=3).exhausted
    assert not run(RetrieverGroup(1.0, (few, many)), candidates=2).exhausted


def test_a_product_that_is_left_out_is_no_hit() -> None:
    group = RetrieverGroup(1.0, (FixedRetriever("photo", 1.0, {1: 3.0, 2: 2.0}),))
    fused = asyncio.run(fuse([group], 10, None, leave_out=1))
    assert fused.numbers.tolist() == [2]


class Words:
    """A catalog's keyword index, which finds what a test says."""

    def __init__(self, numbers: list[int], scores: list[float]) -> None:
        self._found = np.array(numbers, np.int64), np.array(scores, np.float32)
        self.asked: list[tuple[object, ...]] = []
        self.error: Exception | None = None

    async def keyword_matches(self, *asked: object) -> tuple[Numbers, Scores]:
        self.asked.append(asked[1:])
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        return self._found


def keyword_strengths(words: Words, numbers: list[int]) -> tuple[list[int], list[float]]:
    async def found() -> tuple[list[int], list[float]]:
        reader: Any = words
        retriever = KeywordRetriever(reader, KeywordQuery("oak"), 1.0)
        top = await retriever.top(10, None)
        return top.tolist(), (await retriever.strengths(np.array(numbers, np.int64))).tolist()

    return asyncio.run(found())


def test_the_best_keyword_match_has_the_peak_and_others_their_share_of_it() -> None:
    top, strengths = keyword_strengths(Words([7, 2, 5], [6.0, 3.0, 1.5]), [2, 3, 5, 7, 9])
    assert top == [7, 2, 5]
    assert strengths == [2.0, 0.0, 1.0, 4.0, 0.0]


def begun_words(
    words: Words, settings: Settings
) -> AbstractContextManager[list[KeywordRetriever | None]]:
    reader: Any = words
    return begun((KeywordQuery("oak"), None), reader, settings, 10, None)


def test_what_was_begun_is_asked_once_and_further_products_anew() -> None:
    words = Words([7, 2], [6.0, 3.0])

    async def run() -> None:
        with begun_words(words, Settings()) as (retriever, unwanted):
            assert unwanted is None
            assert retriever is not None
            await asyncio.sleep(0)
            assert words.asked == [(10, None)]
        assert (await retriever.top(10, None)).tolist() == [7, 2]
        assert words.asked == [(10, None)]
        assert (await retriever.top(40, None)).tolist() == [7, 2]
        assert words.asked == [(10, None), (40, None)]

    asyncio.run(run())


def test_words_without_a_weight_are_not_begun() -> None:
    words = Words([7], [6.0])

    async def run() -> None:
        with begun_words(words, Settings(weight_keyword=0)) as (retriever, _):
            await asyncio.sleep(0)
            assert words.asked == []
            assert retriever is not None
        assert (await retriever.weighing(1.0).top(10, None)).tolist() == [7]

    asyncio.run(run())


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("turns", [0, 3])
def test_what_was_begun_is_given_up_where_the_query_fails(turns: int) -> None:
    words = Words([7], [6.0])
    words.error = RuntimeError("the index is gone")

    async def fail() -> None:
        with begun_words(words, Settings()):
            for _ in range(turns):
                await asyncio.sleep(0)
            raise InvalidQueryError("no such thing")

    async def run() -> None:
        with pytest.raises(InvalidQueryError, match="no such thing"):
            await fail()
        for _ in range(3):
            await asyncio.sleep(0)
        assert len(asyncio.all_tasks()) == 1
        gc.collect()

    told: list[object] = []

    async def listened() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
        await run()

    asyncio.run(listened())
    assert told == []


def test_a_word_that_every_product_has_makes_all_equally_good() -> None:
    assert keyword_strengths(Words([2, 5], [0.0, 0.0]), [2, 3, 5])[1] == [4.0, 0.0, 4.0]
    assert keyword_strengths(Words([], []), [2, 3])[1] == [0.0, 0.0]


def test_cosines_become_deviations_from_the_querys_own() -> None:
    class Cosines:
        background = Background(0.2, 0.1)

        async def of(self, numbers: Numbers) -> Scores:
            return np.array([0.5, 0.1, NAN], np.float32)

    similarities: Any = Cosines()
    for name, reads_text in (("prompt-text", True), ("photo", False), ("prompt-photo", False)):
        retriever = VectorRetriever(name, 1.0, similarities)
        assert retriever.reads_text is reads_text
        found = asyncio.run(retriever.strengths(np.array([1, 2, 3])))
        assert found.tolist() == pytest.approx([3.0, -1.0, NAN], abs=1e-5, nan_ok=True)
        assert found.dtype == np.float32


def test_what_follows_is_put_behind_and_says_whether_there_is_more() -> None:
    group = RetrieverGroup(1.0, (FixedRetriever("a", 1.0, {1: 4.0, 2: 3.0, 3: 2.0, 4: 1.0}),))
    whole = run(group, candidates=4)
    assert not whole.exhausted
    assert run(group, candidates=5).exhausted
    first, last = whole.taken(np.array([0, 1])), run(group, candidates=5).taken(np.array([2, 3]))
    both = first.followed_by(last)
    assert both.numbers.tolist() == [1, 2, 3, 4]
    assert both.scores.tolist() == [4.0, 3.0, 2.0, 1.0]
    assert both.contributions["a"].tolist() == both.strengths["a"].tolist() == [4.0, 3.0, 2.0, 1.0]
    assert both.exhausted
    assert not last.followed_by(first).exhausted
