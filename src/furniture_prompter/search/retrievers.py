"""Retrievers (photo vectors, text vectors, BM25), their scores made comparable, and late fusion."""

import asyncio
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.catalog.filters import Filter
from furniture_prompter.catalog.keyword_query import KeywordQuery
from furniture_prompter.catalog.reader import CatalogReader
from furniture_prompter.catalog.vector_index import Numbers, Scores, Similarities, places_of, rising
from furniture_prompter.search.attributes import AttributeRetriever, Wish
from furniture_prompter.search.kinds import OtherKindRetriever
from furniture_prompter.search.other_colours import OtherColourRetriever, ShadeRetriever
from furniture_prompter.search.query_vectors import (
    EncodedQuery,
    EncodedText,
    NoRoute,
    PromptRoute,
    is_known,
)
from furniture_prompter.settings import Settings

PHOTO = "photo"
PROMPT_PHOTO = "prompt-photo"
PROMPT_TEXT = "prompt-text"
KEYWORD = "keyword"

# The best keyword match of a query counts as much as a cosine this many standard deviations above
# its mean: what the best products of a vector retriever typically reach.
KEYWORD_PEAK = 4.0
# What a product reaches that the prompt names by its code: more than likeness ever brings.
NAMED_PEAK: Final = 4 * KEYWORD_PEAK

# Of how far the best product stands out from the second, what counts where words ask for another
# colour than the photo's: mostly it is the very product of the photo, whose colour is not wanted.
# Chosen on two shops (docs/experiments.md, "A photo, and another colour").
_STANDING_OUT: Final = 0.1

# What a photo loses of the words' share for each factor of e that it is less likely to show the
# colours asked for. Chosen as the above.
_OTHER_COLOUR_SHARE: Final = 0.2
# What a photo loses of the query's photo's share for each ten of CIE L* that it is too light or too
# dark. Chosen as the above ("Darker and lighter than a photo").
_SHADE_SHARE: Final = 0.5
# What such words count for where they say no more: the photo's shape chooses, colours decide.
_COLOURS_ALONE: Final = 1 / 3

# A catalog is known by the words of its first products, and may have more.
_LEAST_SHARE = 0.1
_UNLIKE_SHARE = 2.0
"""Of what a photo is to be unlike in colour, against its own share: of 48 renders in several
colours the first hit is the same model in another for 41, with 1 for 21, with 4 for 34."""


class Retriever(Protocol):
    """One way to find products for one query.

    Strengths are in standard deviations: 0 is an average product of the catalog.
    """

    @property
    def name(self) -> str:
        """``photo``, ``prompt-photo``, ``prompt-text``, ``keyword`` or ``attribute``."""
        ...

    @property
    def weight(self) -> float:
        """Weight among the retrievers of its group, above 0."""
        ...

    @property
    def reads_text(self) -> bool:
        """Whether it says nothing of products without text."""
        ...

    async def top(self, count: int, prefilter: Filter | None) -> Numbers:
        """Numbers of up to `count` products that pass the filter, strongest first, shape (n,)."""
        ...

    async def strengths(self, numbers: Numbers) -> Scores:
        """Strength of each product in `numbers`, shape (n,); NaN where it knows nothing."""
        ...


@dataclass(frozen=True, slots=True)
class VectorRetriever:
    """Cosines of one vector space, as deviations from what this query's cosines usually are."""

    name: str
    weight: float
    similarities: Similarities

    @property
    def reads_text(self) -> bool:
        """See :class:`Retriever`."""
        return self.name == PROMPT_TEXT

    async def top(self, count: int, prefilter: Filter | None) -> Numbers:
        """See :class:`Retriever`."""
        return await self.similarities.top(count, None if prefilter is None else prefilter.numbers)

    async def strengths(self, numbers: Numbers) -> Scores:
        """See :class:`Retriever`."""
        background = self.similarities.background
        cosines = await self.similarities.of(numbers)
        return ((cosines - background.mean) / background.deviation).astype(np.float32)


class KeywordRetriever:
    """BM25 of the keyword index, scaled so that its best match has strength `KEYWORD_PEAK`."""

    name = KEYWORD
    reads_text = True

    def __init__(
        self,
        reader: CatalogReader,
        asked: KeywordQuery,
        weight: float,
    ) -> None:
        """Search `reader`'s words for what is asked."""
        self.weight = weight
        self._reader = reader
        self._asked = asked
        self._found: tuple[Numbers, Scores] = (np.zeros(0, np.int64), np.zeros(0, np.float32))
        self._begun: tuple[int, asyncio.Task[tuple[Numbers, Scores]]] | None = None

    def begin(self, count: int, prefilter: Filter | None) -> None:
        """Ask the index for what :meth:`top` is asked next: it answers in threads of its own."""
        asking = self._reader.keyword_matches(self._asked, count, prefilter)
        task = asyncio.create_task(asking)
        # Who fails or is cancelled before asking never reads its error.
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._begun = count, task

    def give_up(self) -> None:
        """Leave what was begun, where nobody asked for it."""
        if self._begun is not None:
            self._begun[1].cancel()
            self._begun = None

    def weighing(self, weight: float) -> "KeywordRetriever":
        """The same of another weight; what was begun is given up."""
        self.give_up()
        return KeywordRetriever(self._reader, self._asked, weight)

    async def top(self, count: int, prefilter: Filter | None) -> Numbers:
        """See :class:`Retriever`."""
        if self._begun is not None and self._begun[0] == count:
            (_, task), self._begun = self._begun, None
            numbers, scores = await task
        else:
            self.give_up()
            numbers, scores = await self._reader.keyword_matches(self._asked, count, prefilter)
        order = np.argsort(numbers)
        self._found = numbers[order], scores[order]
        named = self._asked.named
        if named is None:
            return numbers
        if prefilter is not None:
            named = named[places_of(named, prefilter.numbers)[1]]
        return np.concatenate([named, numbers[~places_of(numbers, named)[1]]])[:count]

    async def strengths(self, numbers: Numbers) -> Scores:
        """See :class:`Retriever`; 0 for products that :meth:`top` did not find."""
        found, scores = self._found
        strengths = np.zeros(len(numbers), np.float32)
        if found.size:
            place, hit = places_of(numbers, found)
            # BM25 is 0 for a word that every product has; such products are all equally good.
            best = scores.max()
            shares = scores / best if best > 0 else np.ones_like(scores)
            strengths[hit] = KEYWORD_PEAK * shares[place[hit]]
        if self._asked.named is not None:
            strengths[places_of(numbers, self._asked.named)[1]] = NAMED_PEAK
        return strengths


@dataclass(frozen=True, slots=True)
class RetrieverGroup:
    """Retrievers for one thing that was asked: the photo, the prompt, or what is not wanted.

    A product's strength in the group is the weighted mean over the retrievers that know it. A
    product without text is so judged by its photos alone, and does not lose to all that have text.

    Attributes:
        share: Weight of the group in the score; negative for what is not wanted.
        retrievers: At least one.
        standing_out: What counts of how far the best product stands out from the second.
    """

    share: float
    retrievers: tuple[Retriever, ...]
    standing_out: float = 1.0

    @property
    def total_weight(self) -> float:
        """Sum of the retrievers' weights."""
        return sum(each.weight for each in self.retrievers)

    def contributions(self, strengths: Sequence[Scores]) -> Scores:
        """Weighted strengths of each retriever; a column adds up to the group's own.

        What is not wanted only takes strength away: being unlike it earns nothing.

        Args:
            strengths: Of each retriever, shape (n,) each.

        Returns:
            Shape (retrievers, n).
        """
        table = np.stack([self._evened(row) for row in strengths])
        reads_text = np.array([retriever.reads_text for retriever in self.retrievers])
        textless = np.isnan(table[reads_text]).any(axis=0)
        known = ~np.isnan(table)
        known &= ~(reads_text[:, np.newaxis] & textless)
        if self.share < 0:
            table = table.clip(min=0)
        weights = (
            np.array([[retriever.weight] for retriever in self.retrievers], np.float32) * known
        )
        total = np.maximum(weights.sum(axis=0), np.float32(1e-9))
        weighted: Scores = self.share * np.where(known, table, 0) * weights / total
        return weighted

    def _evened(self, strengths: Scores) -> Scores:
        """Strengths, shape (n,), the best of them brought nearer to the second."""
        if self.standing_out == 1:
            return strengths
        known = strengths[~np.isnan(strengths)]
        if known.size < 2:
            return strengths
        second = np.partition(known, known.size - 2)[known.size - 2]
        beyond = (strengths - second).clip(min=0)
        evened: Scores = strengths - np.float32(1 - self.standing_out) * beyond
        return evened


@dataclass(frozen=True, slots=True, eq=False)
class Fused:
    """Products of all retrievers, best first.

    Attributes:
        numbers: Product numbers, shape (n,).
        scores: Fused scores, shape (n,).
        contributions: What each wanted retriever adds to the score, shape (n,) each.
        exhausted: Whether the retrievers had no more products to bring.
        strengths: How far above an average product each wanted retriever puts it, in standard
            deviations, shape (n,) each; NaN where it knows nothing.
    """

    numbers: Numbers
    scores: Scores
    contributions: dict[str, Scores]
    exhausted: bool
    strengths: dict[str, Scores] = field(default_factory=dict)

    def taken(self, places: NDArray[np.intp]) -> "Fused":
        """The products at some indices, shape (m,)."""
        return Fused(
            self.numbers[places],
            self.scores[places],
            {name: row[places] for name, row in self.contributions.items()},
            self.exhausted,
            {name: row[places] for name, row in self.strengths.items()},
        )

    def followed_by(self, other: "Fused") -> "Fused":
        """These products, then those of the same groups' `other`."""
        return Fused(
            np.concatenate([self.numbers, other.numbers]),
            np.concatenate([self.scores, other.scores]),
            {
                name: np.concatenate([row, other.contributions[name]])
                for name, row in self.contributions.items()
            },
            other.exhausted,
            {
                name: np.concatenate([row, other.strengths[name]])
                for name, row in self.strengths.items()
            },
        )


async def fuse(
    groups: Sequence[RetrieverGroup],
    candidates: int,
    prefilter: Filter | None,
    leave_out: int | None = None,
    *,
    in_memory: bool = False,
) -> Fused:
    """Sum of the groups' strengths over the union of every wanted retriever's best products.

    Args:
        groups: At least one with a positive share.
        candidates: Products that each retriever brings.
        prefilter: The filter that products must pass.
        leave_out: Number of a product that is not wanted.
        in_memory: Whether no retriever waits for the disk.
    """
    retrievers = [(group, each) for group in groups for each in group.retrievers]
    # Tasks of what waits for nothing take longer than what they do.
    all_of = _one_by_one if in_memory else asyncio.gather
    tops = await all_of(*(each.top(candidates, prefilter) for _, each in retrievers))
    wanted = [top for (group, _), top in zip(retrievers, tops, strict=True) if group.share > 0]
    numbers = rising(np.concatenate(wanted))
    if leave_out is not None:
        numbers = numbers[numbers != leave_out]
    strengths = iter(await all_of(*(each.strengths(numbers) for _, each in retrievers)))
    scores = np.zeros(len(numbers), np.float32)
    added: dict[str, Scores] = {}
    own: dict[str, Scores] = {}
    for group in groups:
        told = [next(strengths) for _ in group.retrievers]
        rows = group.contributions(told)
        scores += rows.sum(axis=0)
        if group.share > 0:
            own.update(zip((each.name for each in group.retrievers), told, strict=True))
            added.update(zip((each.name for each in group.retrievers), rows, strict=True))
    exhausted = all(top.size < candidates for top in wanted)
    # Of equal scores the lower number is first, for they rise.
    best_first = np.argsort(-scores, kind="stable")
    return Fused(numbers, scores, added, exhausted, own).taken(best_first)


async def _one_by_one(*coroutines: Coroutine[Any, Any, NDArray[Any]]) -> list[NDArray[Any]]:
    return [await each for each in coroutines]


@contextmanager
def begun(
    keywords: Sequence[KeywordQuery | None],
    reader: CatalogReader,
    settings: Settings,
    count: int,
    prefilter: Filter | None,
) -> Iterator[list[KeywordRetriever | None]]:
    """A retriever for each text that there is, begun where its words have a weight.

    What was begun is given up where what follows fails.

    Args:
        keywords: What the keyword index is asked for each text.
        reader: The catalog version to search.
        settings: Has the weight.
        count: Products that each retriever brings.
        prefilter: The filter that products must pass.
    """
    made: list[KeywordRetriever | None] = []
    for asked in keywords:
        if asked is None:
            made.append(None)
            continue
        # Half of the words found say half as much: "köşe ünitesi, white" is not all white.
        weight = settings.weight_keyword * max(asked.known_share, _LEAST_SHARE)
        retriever = KeywordRetriever(reader, asked, weight)
        if weight:
            retriever.begin(count, prefilter)
        made.append(retriever)
    try:
        yield made
    except BaseException:
        for each in made:
            if each is not None:
                each.give_up()
        raise


async def retriever_groups(
    query: EncodedQuery,
    reader: CatalogReader,
    route: PromptRoute | NoRoute,
    settings: Settings,
    wishes: Sequence[Wish],
    by_keywords: Sequence[KeywordRetriever | None],
    *,
    another_colour: bool = False,
    other_colours: OtherColourRetriever | None = None,
    shade: ShadeRetriever | None = None,
    other_kinds: OtherKindRetriever | None = None,
) -> list[RetrieverGroup]:
    """The retrievers of an encoded query: one group each for photo, prompt and what is not wanted.

    Args:
        query: The query.
        reader: The catalog version to search.
        route: How prompts reach the photos.
        settings: Weights within the groups.
        wishes: What of the prompt columns can tell.
        by_keywords: Those of the prompt and of what is not wanted, None where there is none of it;
            they may have begun.
        another_colour: Whether the words beside a photo name a colour.
        other_colours: What tells that photos show none of it; None where nothing can.
        shade: What tells that photos are not darker, or lighter; None where that is not wanted.
        other_kinds: What tells that products are no such piece as the prompt names; None where it
            names none.
    """

    async def of_text(text: EncodedText, words: KeywordRetriever) -> tuple[Retriever, ...]:
        retrievers: list[Retriever] = [words] if words.weight else []
        if settings.weight_prompt_text and text.text_embedding.any():
            similarities = (await reader.text_index()).similarities(text.text_embedding)
            await asyncio.sleep(0)
            retrievers.append(
                VectorRetriever(PROMPT_TEXT, settings.weight_prompt_text, similarities)
            )
        image = text.image_embedding
        if settings.weight_prompt_photo and not isinstance(route, NoRoute) and is_known(image):
            similarities = (await reader.photo_index(route.column)).similarities(image)
            await asyncio.sleep(0)
            retrievers.append(
                VectorRetriever(PROMPT_PHOTO, settings.weight_prompt_photo, similarities)
            )
        # A prompt of unknown words has nothing but keywords, whatever their weight.
        return tuple(retrievers) or (words.weighing(1.0),)

    words, unwanted = by_keywords
    groups: list[RetrieverGroup] = []
    photo_share = 0.0
    if query.photo is not None:
        photo_share = query.query.photo_weight if query.prompt is not None else 1.0
        similarities = (await reader.photo_index()).similarities(query.photo)
        evened = another_colour and query.leave_out is None
        # Words that say no more leave the choice among the photo's likes to colours.
        least = 0.0 if other_colours is not None and other_colours.alone else _STANDING_OUT
        standing_out = least if evened else 1.0
        by_photo = VectorRetriever(PHOTO, 1.0, similarities)
        groups.append(RetrieverGroup(photo_share, (by_photo,), standing_out))
    if query.unlike is not None:
        similarities = (await reader.photo_index()).similarities(query.unlike)
        unlike = VectorRetriever(PHOTO, 1.0, similarities)
        groups.append(RetrieverGroup(-_UNLIKE_SHARE * photo_share, (unlike,)))
    if shade is not None:
        groups.append(RetrieverGroup(-_SHADE_SHARE * photo_share, (shade,)))
    words_share = 1.0 - photo_share
    if other_colours is not None:
        groups.append(RetrieverGroup(-_OTHER_COLOUR_SHARE * words_share, (other_colours,)))
        words_share *= _COLOURS_ALONE if other_colours.alone else 1.0
    if query.prompt is not None and words is not None:
        retrievers = await of_text(query.prompt, words)
        if wishes and settings.weight_attribute:
            by_attribute = AttributeRetriever(reader, wishes, settings.weight_attribute)
            retrievers = (*retrievers, by_attribute)
        groups.append(RetrieverGroup(words_share, retrievers))
        if other_kinds is not None:
            groups.append(RetrieverGroup(-settings.weight_kind * words_share, (other_kinds,)))
    if query.without is not None and unwanted is not None:
        groups.append(
            RetrieverGroup(-settings.weight_without, await of_text(query.without, unwanted))
        )
    for each in (each for group in groups if not group.share for each in group.retrievers):
        if isinstance(each, KeywordRetriever):
            each.give_up()
    return [group for group in groups if group.share != 0]
