"""The catalog's own words: suggestions while a prompt is typed, and descriptions of photos.

Completions are categories, colours with categories, what titles name, and single words. Refinements
are what the products of the words typed so far differ in, each with its condition for `where`.

A photo is described by what its nearest products are, and by what its vector says. The products
vote with their columns, the nearer the more. Where an alignment brings prompts and photos together,
it is run backwards: the words that stand for the products near by are compared with the photo
itself, and both are joined.
"""

import asyncio
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import reduce
from heapq import nlargest
from itertools import chain, zip_longest
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.catalog.columns import VECTOR
from furniture_prompter.catalog.filters import text_literal
from furniture_prompter.catalog.keywords import fold
from furniture_prompter.catalog.reader import CatalogReader
from furniture_prompter.catalog.vector_index import Numbers, rising
from furniture_prompter.catalog.vocabulary import LIMIT_PRODUCTS
from furniture_prompter.domain.query import (
    Completion,
    DescribedWord,
    Description,
    Facet,
    FacetRange,
    FacetValue,
    Refinement,
    Suggestions,
)
from furniture_prompter.errors import InvalidQueryError
from furniture_prompter.search.query_vectors import (
    AlignmentRoute,
    NoRoute,
    PromptRoute,
    QueryTextEncoder,
    Vectors,
)
from furniture_prompter.search.wording import CatalogWords, KnownWords
from furniture_prompter.understanding.word_forms import word_forms

LIMIT_SUGGESTIONS: Final = 50
_LONGEST_PHRASE: Final = 5
_MOST_PHRASES: Final = 50_000
_LOOKED_AT: Final = 2_000
_WORDS_TRIED: Final = 40
_VALUES_OF_COLUMN: Final = 4

_NAMING: Final = ("title", "category", "color")

_REFINED: Final[Mapping[str, str]] = {
    "category": "text",
    "base_colors": "texts",
    "color": "text",
    "base_materials": "texts",
    "room": "text",
    "style": "text",
    "width_cm": "number",
    "price": "number",
}
"""Columns that refine, with the type that each must have; `color` only without `base_colors`."""


class Suggester:
    """Suggests on one catalog version; what it needs is read with the first question."""

    def __init__(self, reader: CatalogReader, words: CatalogWords) -> None:
        """Take the version and its words."""
        self._reader = reader
        self._words = words
        self._phrases: _Phrases | None = None
        self._lock = asyncio.Lock()

    async def suggest(self, typed: str, limit: int) -> Suggestions:
        """Complete and refine what was typed.

        Args:
            typed: What stands in the search field; may be empty.
            limit: Completions, and refinements, at the most.

        Raises:
            InvalidQueryError: `limit` is out of range.
        """
        if not 1 <= limit <= LIMIT_SUGGESTIONS:
            raise InvalidQueryError(
                f"{limit} suggestions were asked for. Ask for 1 to {LIMIT_SUGGESTIONS}."
            )
        known = await self._words.known()
        phrases = await self._read_phrases(known)
        folded = fold(typed)
        begun = f"{folded} " if folded and typed[-1:].isspace() else folded
        found = phrases.beginning(begun, limit)
        if not found and " " not in begun:
            singular = next((form for form in word_forms(begun) if form != begun), begun)
            found = phrases.beginning(singular, limit)
        if len(found) < limit:
            told = {fold(each.text) for each in found}
            further = (each for each in _by_last_word(known, begun) if fold(each.text) not in told)
            found += list(further)[: limit - len(found)]
        return Suggestions(typed, tuple(found), await self._refinements(known, folded, limit))

    async def _read_phrases(self, known: KnownWords) -> "_Phrases":
        async with self._lock:
            if self._phrases is None:
                rows = await self._reader.some_products(_NAMING, LIMIT_PRODUCTS)
                self._phrases = await asyncio.to_thread(_Phrases.of, rows, known)
            return self._phrases

    async def _refinements(
        self, known: KnownWords, folded: str, limit: int
    ) -> tuple[Refinement, ...]:
        numbers = products_of(known, folded.split())
        if len(numbers) < 2:
            return ()
        types = self._reader.filter_columns
        columns = [name for name, kind in _REFINED.items() if types.get(name) == kind]
        if "base_colors" in columns:
            columns = [name for name in columns if name != "color"]
        facets = await self._reader.facets(numbers, columns)
        said = set(folded.split())
        listed = [
            [
                each
                for each in _of_facet(name, types[name], facets[name])
                if each.count < len(numbers) and not set(fold(each.text).split()) <= said
            ][:_VALUES_OF_COLUMN]
            for name in columns
        ]
        # The first of every column comes before the second of any.
        turns = chain.from_iterable(zip_longest(*listed))
        return tuple([each for each in turns if each is not None][:limit])


def products_of(known: KnownWords, words: Sequence[str]) -> Numbers:
    """Numbers (n,), rising, of the products that have every folded word that any product has.

    A word counts in any of its forms, and as any of its synonyms; none without a known word.
    """
    vocabulary = known.vocabulary
    needed: list[Numbers] = []
    at = 0
    synonyms = {found.start: found for found in known.thesaurus.find(words)}
    while at < len(words):
        found = synonyms.get(at)
        stop = found.stop if found is not None else at + 1
        choices = [[word_forms(word) for word in words[at:stop]]]
        if found is not None:
            terms = (term for concept in found.concepts for term in concept.terms if term.same)
            choices += [[word_forms(fold(word)) for word in term.words] for term in terms]
        having = [
            _all_of([_any_of([vocabulary.having(form) for form in forms]) for forms in each])
            for each in choices
        ]
        numbers = _any_of(having)
        if numbers.size:
            needed.append(numbers)
        at = stop
    return _all_of(needed)


def _any_of(sets: Sequence[Numbers]) -> Numbers:
    filled = [each for each in sets if each.size]
    if len(filled) < 2:
        return filled[0] if filled else np.zeros(0, np.int64)
    return rising(np.concatenate(filled))


def _all_of(sets: Sequence[Numbers]) -> Numbers:
    if not sets:
        return np.zeros(0, np.int64)
    return reduce(lambda one, other: np.intersect1d(one, other, assume_unique=True), sets)


def _by_last_word(known: KnownWords, begun: str) -> Iterator[Completion]:
    """What was typed with its last word completed, most products first."""
    *before, last = begun.split(" ")
    if not before and not last:
        return
    vocabulary = known.vocabulary
    within = products_of(known, before) if before else None
    if before and (within is None or not within.size):
        return
    begins = [
        (count, word, text)
        for word, (text, count) in vocabulary.own.items()
        if word.startswith(last) and word not in before
    ]
    counted: list[tuple[int, str]] = []
    for count, word, text in nlargest(_WORDS_TRIED, begins):
        products = count
        if within is not None:
            products = len(np.intersect1d(within, vocabulary.having(word), assume_unique=True))
        if products:
            counted.append((products, " ".join([*before, text])))
    for products, text in sorted(counted, key=lambda each: (-each[0], each[1])):
        yield Completion(text, products)


def _of_facet(name: str, kind: str, facet: Facet) -> Iterator[Refinement]:
    below = 0
    listed: Sequence[FacetRange | FacetValue] = facet
    for place, each in enumerate(listed):
        if isinstance(each, FacetRange):
            below += each.count
            if place < len(listed) - 1:
                unit = f" {name[-2:]}" if name.endswith("_cm") else ""
                text = f"under {each.high:g}{unit}"
                yield Refinement(text, name, f"{name} < {each.high:g}", below)
        elif isinstance(each.value, str):
            op = "contains" if kind == "texts" else "="
            yield Refinement(
                each.value, name, f"{name} {op} {text_literal(each.value)}", each.count
            )


class _Phrases:
    """Phrases of a catalog by what any of their words begins with."""

    def __init__(self, counts: Mapping[str, tuple[str, int]]) -> None:
        """Take phrases by their folded form, each with its spelling and its products."""
        self._found = list(counts.values())
        entries: list[tuple[str, int, bool]] = []
        for place, folded in enumerate(counts):
            words = folded.split(" ")
            entries += [(" ".join(words[start:]), place, start == 0) for start in range(len(words))]
        entries.sort()
        self._keys = [key for key, _, _ in entries]
        self._places = [(place, first) for _, place, first in entries]

    @classmethod
    def of(cls, rows: Mapping[str, list[Any]], known: KnownWords) -> "_Phrases":
        """The phrases of some products' titles, categories and colours."""
        counts: Counter[str] = Counter()
        triples = zip(*(rows[name] for name in _NAMING), strict=True)
        for (title, category, color), products in Counter(triples).items():
            kind = " ".join((category or "").split())
            shade = " ".join((color or "").split(",")[0].split())
            head = _head(title or "", known)
            said = (kind, head, shade, f"{shade} {kind or head}" if shade else "")
            # The category and the title often say the same in other letters.
            once = {fold(phrase): phrase for phrase in reversed(said)}
            counts.update({phrase: products for phrase in once.values() if phrase})
        spelled: dict[str, tuple[str, int]] = {}
        for phrase, count in counts.most_common(_MOST_PHRASES):
            folded = fold(phrase)
            if not 0 < len(folded.split()) <= _LONGEST_PHRASE:
                continue
            text, products = spelled.get(
                folded, (phrase.lower() if phrase.isascii() else phrase, 0)
            )
            spelled[folded] = (text, products + count)
        return cls(spelled)

    def beginning(self, begun: str, limit: int) -> list[Completion]:
        """Phrases of which a word begins so, those that begin with it first, then by products."""
        start = bisect_left(self._keys, begun)
        best: dict[int, bool] = {}
        for at in range(start, min(start + _LOOKED_AT, len(self._keys))):
            if not self._keys[at].startswith(begun):
                break
            place, first = self._places[at]
            best[place] = best.get(place, False) or first
        ranked = nlargest(
            limit,
            best.items(),
            key=lambda each: (each[1], self._found[each[0]][1], -len(self._found[each[0]][0])),
        )
        return [Completion(*self._found[place]) for place, _ in ranked]


def _head(title: str, known: KnownWords) -> str:
    """What a title names, without the model's name: "KALLAX Shelving unit, white" is a unit."""
    words = title.split(",")[0].split()
    if not title.isupper():
        words = [word for word in words if not (word.isupper() and len(word) > 2)]
    named = [word for word in words if fold(word) in known.vocabulary.own]
    return " ".join(words) if named and not any(map(_has_digit, words)) else ""


def _has_digit(word: str) -> bool:
    return any(letter.isdigit() for letter in word)


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
    """The votes (n,) that each text has; of several, in a list or parted, each has the whole."""
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
