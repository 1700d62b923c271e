"""Parts of a query, each a way to find products, made comparable."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from furniture_prompter.catalog.reader import CatalogReader, Filter
from furniture_prompter.catalog.spaces import Numbers, Scores, Similarities

PHOTO = "photo"
PROMPT_PHOTO = "prompt-photo"
PROMPT_TEXT = "prompt-text"
KEYWORD = "keyword"

# The best keyword match of a query counts as much as a cosine this many standard deviations above
# its mean: what the best products of a vector part typically reach.
KEYWORD_PEAK = 4.0


class Part(Protocol):
    """One way to find products for one query.

    Strengths are in standard deviations: 0 is an average product of the catalog.
    """

    @property
    def name(self) -> str:
        """``photo``, ``prompt-photo``, ``prompt-text`` or ``keyword``."""
        ...

    @property
    def weight(self) -> float:
        """Share of the fused score; negative for what is not wanted."""
        ...

    async def top(self, count: int, only: Filter | None) -> Numbers:
        """Numbers of up to `count` products, strongest first."""
        ...

    async def strengths(self, numbers: Numbers) -> Scores:
        """Strength of each product in `numbers`, shape (n,)."""
        ...


@dataclass(frozen=True, slots=True)
class VectorPart:
    """Cosines of one vector space, as deviations from what this query's cosines usually are."""

    name: str
    weight: float
    similarities: Similarities

    async def top(self, count: int, only: Filter | None) -> Numbers:
        """See :class:`Part`."""
        return await self.similarities.top(count, None if only is None else only.numbers)

    async def strengths(self, numbers: Numbers) -> Scores:
        """See :class:`Part`."""
        background = self.similarities.background
        cosines = await self.similarities.of(numbers)
        return ((cosines - background.mean) / background.deviation).astype(np.float32)


class KeywordPart:
    """BM25 of the keyword index, scaled so that its best match has strength `KEYWORD_PEAK`."""

    name = KEYWORD

    def __init__(self, reader: CatalogReader, prompt: str, weight: float) -> None:
        """Search `reader`'s words for `prompt`."""
        self.weight = weight
        self._reader = reader
        self._prompt = prompt
        self._found: tuple[Numbers, Scores] = (np.zeros(0, np.int64), np.zeros(0, np.float32))

    async def top(self, count: int, only: Filter | None) -> Numbers:
        """See :class:`Part`."""
        numbers, scores = await self._reader.keyword_matches(self._prompt, count, only)
        order = np.argsort(numbers)
        self._found = numbers[order], scores[order]
        return numbers

    async def strengths(self, numbers: Numbers) -> Scores:
        """See :class:`Part`; 0 for products that :meth:`top` did not find."""
        found, scores = self._found
        strengths = np.zeros(len(numbers), np.float32)
        if found.size:
            place = np.minimum(np.searchsorted(found, numbers), found.size - 1)
            hit = found[place] == numbers
            strengths[hit] = KEYWORD_PEAK * scores[place[hit]] / scores.max()
        return strengths


@dataclass(frozen=True, slots=True)
class Fused:
    """Products of all parts, best first.

    Attributes:
        numbers: Product numbers, shape (n,).
        scores: Fused scores, shape (n,).
        contributions: Weighted strength of each part, shape (parts, n).
    """

    numbers: Numbers
    scores: Scores
    contributions: Scores


async def fuse(parts: Sequence[Part], count: int, candidates: int, only: Filter | None) -> Fused:
    """Weighted sum of strengths over the union of every wanted part's best products.

    A part that is not wanted (negative weight) brings no products and only takes strength away;
    it never adds any, however unlike it a product is.

    Args:
        parts: At least one with a positive weight.
        count: Products wanted.
        candidates: Products that each part brings, at least.
        only: The filter that products must pass.
    """
    reach = max(candidates, count)
    tops = await asyncio.gather(*(part.top(reach, only) for part in parts))
    wanted = [top for part, top in zip(parts, tops, strict=True) if part.weight > 0]
    numbers = np.unique(np.concatenate(wanted))
    strengths = await asyncio.gather(*(part.strengths(numbers) for part in parts))
    contributions = np.zeros((len(parts), len(numbers)), np.float32)
    for row, (part, strength) in enumerate(zip(parts, strengths, strict=True)):
        contributions[row] = part.weight * (strength if part.weight > 0 else strength.clip(min=0))
    scores = contributions.sum(axis=0)
    order = np.lexsort((numbers, -scores))[:count]
    return Fused(numbers[order], scores[order], contributions[:, order])
