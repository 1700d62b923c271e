"""Words that the keyword index folds into one: ``çam``, pine, and ``cam``, glass."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from furniture_prompter.catalog.reader import CatalogReader, Filter
from furniture_prompter.understanding.lexicon import LEXICON
from furniture_prompter.understanding.quantities import Reading
from furniture_prompter.understanding.word_forms import turkish_stems

_READ: Final = ("title", "category", "color", "material")
"""Columns whose own spelling tells which of the words is meant."""
_ENDINGS: Final = "(l[ıiuü]|[dt][ae]n?|[ıiuü]n?|l[ae]r[ıi]?)?"
_LETTERS: Final = {"i": "[iİ]", "ı": "[ıI]"}
_NOTE: Final = "No product says “{said}”; “{other}” is another word, and counts for nothing here."


@dataclass(frozen=True, slots=True)
class ToldApart:
    """What a prompt's words that fold to others' mean for one catalog.

    Attributes:
        only: Products that keywords may bring; None for all.
        strangers: Words, in small letters, that no product says: those that fold alike are others.
        notes: Sentences a person should read.
    """

    only: Filter | None = None
    strangers: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


async def told_apart(prompt: str | None, reader: CatalogReader) -> ToldApart:
    """Find which products say the very words of a prompt, and which say others by their accents.

    Args:
        prompt: The words that are searched for.
        reader: The catalog version.
    """
    only: Filter | None = None
    strangers: list[str] = []
    notes: list[str] = []
    for written, word in _spoken(prompt or ""):
        says, others = LEXICON.homographs[word]
        own = _saying(word, says, reader)
        is_said = (await reader.passing(own)).numbers.size > 0
        if not is_said and word.isascii():
            # Without a Turkish keyboard, the other word is written like this one.
            continue
        if not is_said and not await _writes_accents(reader):
            continue
        other = " OR ".join(_saying(each, LEXICON.homographs[each][0], reader) for each in others)
        only = both(only, await reader.passing(f"({own}) OR NOT ({other})"))
        if not is_said:
            strangers.append(written)
            notes.append(_NOTE.format(said=written, other="”, “".join(others)))
    return ToldApart(only, tuple(strangers), tuple(notes))


def both(one: Filter | None, other: Filter | None) -> Filter | None:
    """What passes two filters; None for all."""
    if one is None or other is None:
        return one or other
    numbers = np.intersect1d(one.numbers, other.numbers, assume_unique=True)
    return Filter(f"({one.sql}) AND ({other.sql})", numbers)


async def _writes_accents(reader: CatalogReader) -> bool:
    """Whether a shop does at all; one that does not writes both words alike."""
    accented = " OR ".join(_matching("[çğışöüÇĞİŞÖÜ]", reader))
    return (await reader.passing(accented or "false")).numbers.size > 0


def _spoken(prompt: str) -> Sequence[tuple[str, str]]:
    """Words of a prompt as written, in small letters, and the words of the lexicon they are."""
    found: dict[str, str] = {}
    for token in Reading.of(prompt).tokens:
        for stem in (token.key, *turkish_stems(token.key)):
            # Folding keeps the number of letters.
            word = token.low[: len(stem)]
            if word in LEXICON.homographs:
                found.setdefault(token.low, word)
    return tuple(found.items())


def _saying(word: str, says: str, reader: CatalogReader) -> str:
    """The condition that a product's own words, or what was read from them, say a word."""
    letters = "".join(_LETTERS.get(letter, letter) for letter in word)
    pattern = rf"(?i)(^|[^\p{{L}}]){letters}{_ENDINGS}([^\p{{L}}]|$)"
    told = _matching(pattern, reader)
    value, _, column = says.rpartition(" ")
    if reader.filter_columns.get(column) == "texts":
        told.append(f"coalesce(array_has(`{column}`, '{value}'), false)")
    return " OR ".join(told) or "false"


def _matching(pattern: str, reader: CatalogReader) -> list[str]:
    return [
        f"coalesce(regexp_like(`{name}`, '{pattern}'), false)"
        for name in _READ
        if reader.filter_columns.get(name) == "text"
    ]
