"""Keyword index of a catalog version: which products words bring, by LanceDB's BM25.

A product's score is the sum over the words that it has. So what the index once said of a word
answers every later prompt with it: asking takes milliseconds, adding up a tenth of one.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from cachetools import LRUCache
from lancedb.query import FullTextQuery
from numpy.typing import NDArray

from furniture_prompter.catalog.filters import Filter
from furniture_prompter.catalog.keyword_query import KeywordParts, Match
from furniture_prompter.catalog.row_ids import ROW_ID
from furniture_prompter.catalog.rows import StoredRows
from furniture_prompter.catalog.storage import reading, unreadable
from furniture_prompter.catalog.vector_index import Numbers, Scores, nearest_first, places_of

_KEPT: Final = 2_000_000
"""Products of all words that are kept, of 12 bytes each."""
_OF_A_WORD: Final = 64
"""Products that a word takes the place of by itself."""
_MOST_NEW: Final = 12
"""Words that are asked for one by one; a prompt of more that are new is asked as a whole."""


_Places: TypeAlias = NDArray[np.intp]


class _Found(NamedTuple):
    """Places of products among all by row id, and their scores; shape (n,) both."""

    places: _Places
    scores: Scores


_NOTHING: Final = _Found(np.zeros(0, np.intp), np.zeros(0, np.float32))


class KeywordIndex:
    """The keyword index of a pinned table of products."""

    def __init__(self, products: StoredRows, *, keeps: bool) -> None:
        """Take the table.

        Args:
            products: Its rows.
            keeps: Whether what words bring is kept, for catalogs that fit into memory.
        """
        self._products = products
        self._kept: LRUCache[Match, _Found] | None = (
            LRUCache(_KEPT, lambda found: _OF_A_WORD + found.places.size) if keeps else None
        )

    async def matches(
        self,
        parts: KeywordParts,
        count: int,
        passing: Filter | None,
        barred: Numbers | None,
        lacks: Callable[[str], bool] = lambda _: False,
    ) -> tuple[Numbers, Scores]:
        """Numbers and BM25 scores of products, best first, shape (up to `count`,) both.

        Args:
            parts: What is asked.
            count: Products wanted at the most.
            passing: What they must pass; None for all.
            barred: Numbers of products that are not wanted, rising; None for none.
            lacks: Whether it is known that no product has a word: half of the words that the index
                was asked for brought nothing, and asking takes a third of a prompt's time.

        Raises:
            CatalogDamagedError: the index cannot be read, or is another table's.
        """
        known = await self._known(parts, lacks)
        numbers = (await self._products.row_ids()).numbers
        if known is None:
            # Barred ones are dropped below: as a condition they take longer than all the rest.
            limit = count + (0 if barred is None else barred.size)
            places, scores = await self._ask(parts.query(), limit, passing)
            if barred is not None and barred.size:
                wanted = np.flatnonzero(~places_of(numbers[places], barred)[1])[:count]
                places, scores = places[wanted], scores[wanted]
            return numbers[places], scores
        scores, brought = np.zeros(numbers.size, np.float32), np.zeros(numbers.size, np.bool_)
        for match in parts.bringing:
            for places in _added(match, known, scores):
                brought[places] = True
        for match in parts.ranking:
            _added(match, known, scores)
        if passing is not None:
            brought &= places_of(numbers, passing.numbers)[1]
        if barred is not None:
            brought &= ~places_of(numbers, barred)[1]
        found = np.flatnonzero(brought)
        # Of equal scores the index takes the first row, too.
        best = nearest_first(found, scores[found], count)
        return numbers[best], scores[best]

    async def _known(
        self, parts: KeywordParts, lacks: Callable[[str], bool]
    ) -> Mapping[Match, _Found] | None:
        """What each word brings; None where that is to be asked as a whole."""
        kept = self._kept
        if kept is None:
            return None
        words = {word for match in (*parts.bringing, *parts.ranking) for word in _words(match)}
        known = {word: found for word in words if (found := kept.get(word)) is not None}
        known |= {
            match: _NOTHING
            for match in words.difference(known)
            if any(lacks(word) for word in match.words.split())
        }
        new = [word for word in words if word not in known]
        if len(new) > _MOST_NEW:
            return None
        if new:
            everything = (await self._products.row_ids()).ids.size
            asked = [self._ask(word.query(), everything, None) for word in new]
            told = dict(zip(new, await asyncio.gather(*asked), strict=True))
            kept.update(told)
            known |= told
        return known

    async def _ask(self, wanted: FullTextQuery, limit: int, passing: Filter | None) -> _Found:
        """What the index itself says, best first."""
        query = self._products.table.query().nearest_to_text(wanted)
        if passing is not None:
            query = query.where(passing.sql)
        row_ids = (await self._products.row_ids()).ids
        with reading(self._products.folder):
            # Asking for a column would take the rows as well, which doubles the query's time.
            query = query.select(["_score"]).with_row_id()
            rows = await query.limit(max(limit, 1)).to_arrow()
        places, known = places_of(rows[ROW_ID].to_numpy(), row_ids)
        if not known.all():
            raise unreadable(
                self._products.folder, "the keyword index names rows that are not there"
            )
        return _Found(places, rows["_score"].to_numpy())

    def close(self) -> None:
        """Let go of what words brought."""
        if self._kept is not None:
            self._kept.clear()


def _added(match: Match, known: Mapping[Match, _Found], scores: Scores) -> list[_Places]:
    """Places of the products that a match brings, after what it tells was added to `scores`."""
    found = [known[word] for word in _words(match)]
    for places, told in found:
        scores[places] += np.float32(match.weight) * told
    return [places for places, _ in found]


def _words(match: Match) -> Iterator[Match]:
    """Matches that bring the same together as one does, each without its weight."""
    if match.together:
        yield Match(match.words, together=True)
    else:
        yield from (Match(word) for word in match.words.split())
