"""A photo as the catalog's own words: what its nearest products are, and what its vector says.

The nearest products vote with their columns, the nearer the more. Where an alignment brings prompts
and photos together, it is run backwards: the words that stand for the products near by are compared
with the photo itself, and both are joined.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.catalog.columns import VECTOR
from furniture_prompter.catalog.reader import CatalogReader
from furniture_prompter.domain.query import DescribedWord, Description
from furniture_prompter.search.query_vectors import (
    AlignmentRoute,
    NoRoute,
    PromptRoute,
    QueryTextEncoder,
    Vectors,
)

NEAREST: Final = 20
TEMPERATURE: Final = 0.05
"""Of cosines between photos: a product that is this much less alike has a vote e times smaller."""

WORD_TEMPERATURE: Final = 0.1
WORD_SHARE: Final = 0.4
"""Share of the words' own likeness beside the votes."""

LEAST_CONFIDENCE: Final = 0.35
"""From here on a word is part of the prompt."""

_MOST_WORDS: Final = 3
_COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "category": ("category",),
    "colors": ("base_colors", "color"),
    "materials": ("base_materials",),
}

_SEPARATORS: Final[Mapping[str, str]] = {"category": "\n", "colors": ",", "materials": ","}


class Describer:
    """Describes photos by one catalog version."""

    def __init__(
        self, reader: CatalogReader, texts: QueryTextEncoder, route: PromptRoute | NoRoute
    ) -> None:
        """Take the version, what encodes its words, and how prompts reach photos."""
        self._reader = reader
        self._texts = texts
        self._route = route

    async def describe(self, photo: Vectors) -> Description:
        """A photo in words.

        Args:
            photo: Its vector by the catalog's photo encoder, shape (d,), unit length.
        """
        reader = self._reader
        similarities = (await reader.photo_index(VECTOR)).similarities(photo)
        numbers = np.sort(await similarities.top(NEAREST, None))
        if not numbers.size:
            return Description("", (), (), ())
        votes = softmax(await similarities.of(numbers), TEMPERATURE)
        types = reader.filter_columns
        columns = {
            kind: next((name for name in names if types.get(name) in {"text", "texts"}), None)
            for kind, names in _COLUMNS.items()
        }
        names = [name for name in columns.values() if name is not None]
        rows = await reader.columns(numbers, names)
        ranked = {
            kind: await self._ranked(photo, shares(rows[name], votes, _SEPARATORS[kind]))
            if name is not None
            else ()
            for kind, name in columns.items()
        }
        return Description(
            _prompt(ranked),
            ranked["category"][:_MOST_WORDS],
            ranked["colors"][:_MOST_WORDS],
            ranked["materials"][:_MOST_WORDS],
        )

    async def _ranked(
        self, photo: Vectors, voted: Mapping[str, float]
    ) -> tuple[DescribedWord, ...]:
        words = list(voted)
        confidences = np.array([voted[word] for word in words], np.float64)
        likeness = await self._likeness(photo, words)
        if likeness is not None and len(words) > 1:
            confidences = joined(confidences, likeness)
        order = np.argsort(-confidences, kind="stable")
        return tuple(
            DescribedWord(words[place], round(float(min(confidences[place], 1.0)), 3))
            for place in order.tolist()
        )

    async def _likeness(self, photo: Vectors, words: Sequence[str]) -> Vectors | None:
        """Cosines of words with a photo, shape (n,); None where nothing brings both together."""
        if isinstance(self._route, NoRoute) or not words:
            return None
        encoded = await self._texts.encode(words)
        rows = [each.image_embedding for each in encoded]
        if any(row is None for row in rows):
            return None
        aligned = photo
        if isinstance(self._route, AlignmentRoute):
            aligned = self._route.alignment.align_photos(photo[np.newaxis])[0]
        likeness: Vectors = np.stack([row for row in rows if row is not None]) @ aligned
        return likeness


def softmax(values: NDArray[np.floating[Any]], temperature: float) -> NDArray[np.float64]:
    """Shares of 1 by e to the value over the temperature, shape (n,)."""
    raised = np.exp((values.astype(np.float64) - float(values.max())) / temperature)
    return np.asarray(raised / raised.sum(), np.float64)


def joined(voted: NDArray[np.float64], likeness: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Confidences from votes and from the words' own likeness, shape (n,)."""
    own = softmax(likeness, WORD_TEMPERATURE) * voted.sum()
    return np.asarray((1 - WORD_SHARE) * voted + WORD_SHARE * own, np.float64)


def shares(
    values: Iterable[Any], votes: NDArray[np.float64], separator: str = "\n"
) -> dict[str, float]:
    """The votes that each text has; of several, in a list or parted, each has the whole vote."""
    shared: dict[str, float] = defaultdict(float)
    known = 0.0
    for value, vote in zip(values, votes.tolist(), strict=True):
        parts = value if isinstance(value, list) else (value or "").split(separator)
        listed = dict.fromkeys(text for part in parts if (text := part.strip()))
        for text in listed:
            shared[text] += vote
        known += vote if listed else 0.0
    # Products that do not say must not make the others' word less sure.
    return {text: share / known for text, share in shared.items()}


def _prompt(ranked: Mapping[str, tuple[DescribedWord, ...]]) -> str:
    """The sure words, as a shopper would say them: colour, material, category."""
    said = [
        words[0].text
        for kind in ("colors", "materials", "category")
        if (words := ranked[kind])
        and (words[0].confidence >= LEAST_CONFIDENCE or kind == "category")
    ]
    return " ".join(said)
