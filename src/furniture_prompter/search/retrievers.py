"""Parts of a query, each a way to find products, made comparable."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.catalog.reader import CatalogReader, Filter
from furniture_prompter.catalog.vector_index import Numbers, Scores, Similarities
from furniture_prompter.domain import EncoderIdentity
from furniture_prompter.encoders.card import EncoderCard, identity_of

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
        """Weight among the parts of its group, above 0."""
        ...

    @property
    def reads_text(self) -> bool:
        """Whether it says nothing of products without text."""
        ...

    async def top(self, count: int, only: Filter | None) -> Numbers:
        """Numbers of up to `count` products, strongest first."""
        ...

    async def strengths(self, numbers: Numbers) -> Scores:
        """Strength of each product in `numbers`, shape (n,); NaN where it knows nothing."""
        ...


@dataclass(frozen=True, slots=True)
class VectorPart:
    """Cosines of one vector space, as deviations from what this query's cosines usually are."""

    name: str
    weight: float
    similarities: Similarities

    @property
    def reads_text(self) -> bool:
        """See :class:`Part`."""
        return self.name == PROMPT_TEXT

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
    reads_text = True

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
            # BM25 is 0 for a word that every product has; such products are all equally good.
            best = scores.max()
            shares = scores / best if best > 0 else np.ones_like(scores)
            strengths[hit] = KEYWORD_PEAK * shares[place[hit]]
        return strengths


@dataclass(frozen=True, slots=True)
class PartGroup:
    """Parts that answer one thing that was asked: the photo, the prompt, or what is not wanted.

    A product's strength in the group is the weighted mean over the parts that know it. A product
    without text is so judged by its photos alone instead of losing to every product with text.

    Attributes:
        share: Weight of the group in the score; negative for what is not wanted.
        parts: At least one.
    """

    share: float
    parts: tuple[Part, ...]

    def contributions(self, strengths: Sequence[Scores]) -> Scores:
        """Weighted strengths of each part, shape (parts, n); a column adds up to the group's own.

        What is not wanted only takes strength away: being unlike it earns nothing.

        Args:
            strengths: Of each part, shape (n,) each.
        """
        table = np.stack(strengths)
        reads_text = np.array([part.reads_text for part in self.parts])
        textless = np.isnan(table[reads_text]).any(axis=0)
        known = ~np.isnan(table)
        known &= ~(reads_text[:, np.newaxis] & textless)
        if self.share < 0:
            table = table.clip(min=0)
        weights = np.array([[part.weight] for part in self.parts], np.float32) * known
        total = np.maximum(weights.sum(axis=0), np.float32(1e-9))
        weighted: Scores = self.share * np.where(known, table, 0) * weights / total
        return weighted


@dataclass(frozen=True, slots=True)
class Fused:
    """Products of all parts, best first.

    Attributes:
        numbers: Product numbers, shape (n,).
        scores: Fused scores, shape (n,).
        contributions: What each wanted part adds to the score, shape (n,) each.
        exhausted: Whether the parts had no more products to bring.
    """

    numbers: Numbers
    scores: Scores
    contributions: dict[str, Scores]
    exhausted: bool

    def taken(self, places: NDArray[np.intp]) -> "Fused":
        """The products at some places."""
        return Fused(
            self.numbers[places],
            self.scores[places],
            {name: row[places] for name, row in self.contributions.items()},
            self.exhausted,
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
        )


async def fuse(
    groups: Sequence[PartGroup], reach: int, only: Filter | None, leave_out: int | None = None
) -> Fused:
    """Sum of the groups' strengths over the union of every wanted part's best products.

    Args:
        groups: At least one with a positive share.
        reach: Products that each part brings.
        only: The filter that products must pass.
        leave_out: Number of a product that is not wanted.
    """
    parts = [(group, part) for group in groups for part in group.parts]
    tops = await asyncio.gather(*(part.top(reach, only) for _, part in parts))
    wanted = [top for (group, _), top in zip(parts, tops, strict=True) if group.share > 0]
    numbers = np.unique(np.concatenate(wanted))
    if leave_out is not None:
        numbers = numbers[numbers != leave_out]
    strengths = iter(await asyncio.gather(*(part.strengths(numbers) for _, part in parts)))
    scores = np.zeros(len(numbers), np.float32)
    added: dict[str, Scores] = {}
    for group in groups:
        rows = group.contributions([next(strengths) for _ in group.parts])
        scores += rows.sum(axis=0)
        if group.share > 0:
            added.update(zip((part.name for part in group.parts), rows, strict=True))
    exhausted = all(top.size < reach for top in wanted)
    return Fused(numbers, scores, added, exhausted).taken(np.lexsort((numbers, -scores)))


OVERLAP_FIGURE = "asymmetric_overlap_at_10"
"""The figure on a student's card: the share of the first ten photos that its query has in common
with its teacher's own, both asking the teacher's vectors, leaving the asking photo out."""

_STUDENT = "its student"


def asymmetry_note(catalog: EncoderIdentity, query: EncoderCard) -> str | None:
    """One sentence about two encoders in one space; None where both give the same vectors."""
    asks = identity_of(query)
    if (asks.weights_sha256, asks.preprocessing) == (catalog.weights_sha256, catalog.preprocessing):
        return None
    relation = _relation(catalog, query)
    note = f"Photos were embedded by {catalog.name}; this query by {query.name}, {relation}"
    overlap = query.figures.get(OVERLAP_FIGURE)
    if relation == _STUDENT and overlap is not None:
        note += f": agreement with the teacher {overlap:.2f} overlap@10 (card)"
    return f"{note}."


def _relation(catalog: EncoderIdentity, query: EncoderCard) -> str:
    """What the asking encoder is to the one that embedded the catalog; they share a space."""
    if query.name == catalog.name:
        return "another build of it"
    if query.space is None:
        return "its teacher"
    if query.space.name == catalog.name:
        return _STUDENT if query.training else "its export"
    return "of the same space"
