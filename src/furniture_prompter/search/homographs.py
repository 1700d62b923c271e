"""Words that the keyword index folds into one: ``çam``, pine, and ``cam``, glass."""

import asyncio
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final

import numpy as np

from furniture_prompter.catalog.columns import VARIANTS
from furniture_prompter.catalog.reader import CatalogReader
from furniture_prompter.catalog.vector_index import Numbers, rising
from furniture_prompter.domain.product import is_translated
from furniture_prompter.understanding.lexicon import LEXICON
from furniture_prompter.understanding.reading import Reading
from furniture_prompter.understanding.word_forms import turkish_stems

_READ: Final = frozenset({"title", "category", "color", "material", "description", "tags"})
"""Columns whose own spelling tells which of the words is meant, in any language that a product has:
those that the keyword index reads, and where the material stands."""
_ENDINGS: Final = "(l[ıiuü]|[dt][ae]n?|[ıiuü]n?|l[ae]r[ıi]?)?"
_LETTERS: Final = {"i": "[iİ]", "ı": "[ıI]"}
_ACCENTED: Final = "[çğışöüÇĞİŞÖÜ]"
_REMEMBERED: Final = 8_192
"""Texts whose words are kept: a thesaurus has the same few thousand for every prompt."""
_NOTE: Final = "No product says “{said}”; “{other}” is another word, and counts for nothing here."


@dataclass(frozen=True, slots=True, eq=False)
class ToldApart:
    """What a text's words that fold to others' mean for one catalog.

    Attributes:
        barred: Numbers of products that keywords must not bring, for they say another word, rising.
        strangers: Words, in small letters, that no product says: those that fold alike are others.
        unsaid: Words of the lexicon that nobody typed and no product says: what would stand beside
            the typed ones with one of them in it brings others.
        notes: Sentences a person should read.
        meant: Words as written, in small letters, that the encoder of prompts folds to others',
            and what is encoded for each: by its name alone where no product says the word.
    """

    barred: Numbers = field(default_factory=lambda: np.zeros(0, np.int64))
    strangers: tuple[str, ...] = ()
    unsaid: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
    meant: tuple[tuple[str, str], ...] = ()

    @property
    def absent(self) -> frozenset[str]:
        """Words of the lexicon that no product says, typed or not."""
        typed = (word for each in self.strangers for _, word in _spoken(each))
        return self.unsaid.union(typed)


NOTHING_APART: Final = ToldApart()
"""Of a text without such words."""


class Homographs:
    """Which products of a version say each of the words; found when a text first has one."""

    def __init__(self, reader: CatalogReader) -> None:
        """Take the version."""
        self._reader = reader
        self._having: dict[str, Numbers] = {}
        self._lock = asyncio.Lock()

    async def told_apart(self, text: str | None, beside: Iterable[str] = ()) -> ToldApart:
        """Find which products say the very words of a text, and which say others by their accents.

        Args:
            text: The words that are searched for, or those of what is not wanted.
            beside: What the keyword index is asked beside them.
        """
        barred: list[Numbers] = []
        strangers: list[str] = []
        notes: list[str] = []
        meant: dict[str, str] = {}
        typed = _spoken(text or "")
        added = {word: len(term.split()) for term in beside for _, word in _spoken(term)}
        asked = {word for _, word in typed}.union(added)
        unsaid = await self._unsaid(added.keys() - {word for _, word in typed})
        # "Camlı dolap" stands for "vitrin", which may be of pine: no reason to bar that.
        alone = [
            (word, word) for word, length in added.items() if length == 1 and word not in unsaid
        ]
        for written, word in dict.fromkeys((*typed, *alone)):
            says, others = LEXICON.homographs[word]
            own = await self._saying(word, says)
            if not own.size and word.isascii():
                # Without a Turkish keyboard, the other word is written like this one.
                continue
            if not word.isascii():
                # The texts of products are folded, too: they are met by the word, photos by both.
                meant[written] = f"{_name(says)} {written}" if own.size else _name(says)
            if not own.size and not (await self._matching(_ACCENTED)).size:
                # A shop that writes no accents at all writes both words alike.
                continue
            for other in others:
                if own.size and other in asked:
                    continue
                found = await self._saying(other, LEXICON.homographs[other][0])
                barred.append(np.setdiff1d(found, own, assume_unique=True))
            if not own.size:
                strangers.append(written)
                notes.append(_NOTE.format(said=written, other="”, “".join(others)))
        if not barred and not unsaid and not meant:
            return NOTHING_APART
        if not barred and not unsaid:
            return replace(NOTHING_APART, meant=tuple(meant.items()))
        numbers = rising(np.concatenate([NOTHING_APART.barred, *barred]))
        return ToldApart(numbers, tuple(strangers), unsaid, tuple(notes), tuple(meant.items()))

    async def _unsaid(self, words: Iterable[str]) -> frozenset[str]:
        """Those of some words, spelled as they should be, that a shop with accents never says."""
        missing = [
            word
            for word in words
            if not (await self._saying(word, LEXICON.homographs[word][0])).size
        ]
        if missing and (await self._matching(_ACCENTED)).size:
            return frozenset(missing)
        return frozenset()

    async def _saying(self, word: str, says: str) -> Numbers:
        """The products whose own words, or what was read from them, say a word."""
        letters = "".join(_LETTERS.get(letter, letter) for letter in word)
        pattern = rf"(?i)(^|[^\p{{L}}]){letters}{_ENDINGS}([^\p{{L}}]|$)"
        value, _, column = says.rpartition(" ")
        if self._reader.filter_columns.get(column) != "texts":
            return await self._matching(pattern)
        return await self._matching(pattern, f"array_has(`{column}`, '{value}')")

    async def _matching(self, pattern: str, *further: str) -> Numbers:
        """The products of which a text matches, or something further holds."""
        async with self._lock:
            if pattern not in self._having:
                told = [f"regexp_like({text}, '{pattern}')" for text in _texts(self._reader)]
                sql = " OR ".join(f"coalesce({each}, false)" for each in (*told, *further))
                self._having[pattern] = (await self._reader.passing(sql)).numbers
            return self._having[pattern]


def _name(says: str) -> str:
    return says.rpartition(" ")[0]


def says_any(text: str, words: Collection[str]) -> bool:
    """Whether some of the lexicon's words that fold to others' are in a text."""
    return bool(words) and any(word in words for _, word in _spoken(text))


@lru_cache(maxsize=_REMEMBERED)
def _spoken(text: str) -> Sequence[tuple[str, str]]:
    """Words of a text as written, in small letters, and the words of the lexicon they are."""
    found: dict[str, str] = {}
    for token in Reading.of(text).tokens:
        for stem in (token.key, *turkish_stems(token.key)):
            # Folding keeps the number of letters.
            word = token.low[: len(stem)]
            if word in LEXICON.homographs:
                found.setdefault(token.low, word)
    return tuple(found.items())


def _texts(reader: CatalogReader) -> Iterator[str]:
    """The texts of a product in SQL."""
    for name, kind in reader.filter_columns.items():
        if name not in _READ and not is_translated(name):
            continue
        if kind == "text":
            yield f"`{name}`"
        elif kind == "texts":
            yield f"array_to_string(`{name}`, ' | ')"
    if reader.manifest.variants:
        yield f"`{VARIANTS}`"
