"""Words beside a photo that want another colour: which they want, and which photos show others."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from furniture_prompter.catalog.columns import VECTOR
from furniture_prompter.catalog.filters import Filter
from furniture_prompter.catalog.reader import CatalogReader
from furniture_prompter.catalog.vector_index import Numbers, Scores, best_per_product, scores_of
from furniture_prompter.domain.query import Understood
from furniture_prompter.encoders.colour_words import ColourWords
from furniture_prompter.search.understood import COLORS, WORD_OF_COLOUR, Heard
from furniture_prompter.understanding.lexicon import LEXICON, WORD, fold_letters
from furniture_prompter.understanding.prompts import named
from furniture_prompter.understanding.word_forms import word_forms

OTHER_COLOUR: Final = "other-colour"
SHADE: Final = "shade"
_BY: Final = 5.0
"""By how much another is darker or lighter, at least, in CIE L*; as all that follows."""
_UNIT: Final = 10.0
_MOST_UNITS: Final = 4.0

_BESIDE_A_COLOUR: Final = frozenset(
    {
        *(
            "in",
            "a",
            "an",
            "the",
            "or",
            "and",
            "dark",
            "light",
            "deep",
            "pale",
            "bright",
            "soft",
            "warm",
            "cool",
        ),
        *("darker", "lighter", "deeper", "paler", "brighter", "softer", "warmer", "cooler"),
        *("slightly", "bit", "little", "more", "tone", "shade", "please", "biraz", "bunun", "ton"),
    }
)
_ANOTHER_SHADE: Final = re.compile(
    r"\b(?:(?:(?:a )?(?:bit|little)|slightly|much) )?(?:darker|lighter|paler|brighter)\b"
    r"|\b(?:biraz )?(?:daha )?(?:koyusu|acigi)(?:nu|ni)?\b"
    r"|\b(?:biraz )?daha (?:koyu|acik)(?: (?:ton|renk)\w*)?\b"
)
_DARKER: Final = ("dark", "koyu")
_OF_THE_PHOTO: Final = frozenset({"bunun", "bundan", "boyle", "aynisi", "ayni", "same", "version"})
_OF_A_SHADE: Final = (
    "“{said}” is not compared with the photo: name the colour that is wanted, such as “dark grey”."
)


def _base_colours(text: str) -> tuple[str, ...]:
    """Base colours that a shop's words stand for; a search without a photo loads no such tables."""
    from furniture_prompter.feeds.values.vocabulary import base_colors

    return base_colors(text)


def _names_a_colour(word: str) -> bool:
    return any(column == COLORS for column, _ in named(word)) or bool(_base_colours(word))


def only_colours(prompt: str) -> bool:
    """Whether words name colours, in a shop's words or anybody's, and say no more of a piece.

    Among other words a shop's names of colours mean other things: a coffee table is no brown one.
    """
    said = WORD_OF_COLOUR.sub(" ", prompt)
    beside = _BESIDE_A_COLOUR | LEXICON.small_words
    words = [word for word in WORD.findall(fold_letters(said)) if word[0].isalnum()]
    names = [
        word for word in words if word not in beside and LEXICON.shades.isdisjoint(word_forms(word))
    ]
    return bool(names) and all(_names_a_colour(name) for name in names)


def with_shade(heard: Heard, *, tells: bool = False) -> Heard:
    """A query beside a photo whose colour only shops call so, such as "in cappuccino".

    Of one for a darker or lighter one, a note says where nothing is understood of it.

    Args:
        heard: The query.
        tells: Whether photos of the catalog tell how light they are.
    """
    prompt = heard.query.prompt
    if heard.colours or prompt is None:
        return heard
    shade = _ANOTHER_SHADE.search(fold_letters(prompt))
    said = prompt[slice(*shade.span())] if shade is not None else ""
    lifted = said in heard.query.lift or (said != "" and _is_unwanted(prompt, said))
    if said and not lifted and not any(said in part.text for part in heard.parts):
        if tells:
            return _in_another_shade(heard, prompt, said)
        return replace(heard, notes=(*heard.notes, _OF_A_SHADE.format(said=said)))
    if heard.parts or not only_colours(prompt):
        return heard
    return replace(heard, colours=_base_colours(prompt), colour_weight=0.0)


def _is_unwanted(prompt: str, said: str) -> bool:
    """Whether "not" stands before some words, or "değil" and the like behind them."""
    before, _, behind = fold_letters(prompt).partition(fold_letters(said))
    return before.split()[-1:] in (["not"], ["no"]) or behind.split()[:1] in (
        ["degil"],
        ["olmasin"],
        ["olmayan"],
    )


def _in_another_shade(heard: Heard, prompt: str, said: str) -> Heard:
    """A query for a darker or lighter one than the photo's, with what else its words say."""
    darker = any(word in fold_letters(said) for word in _DARKER)
    rest = " ".join(prompt.replace(said, " ").split()).strip(" ,;")
    words = [word for word in WORD.findall(fold_letters(rest)) if word.isalnum()]
    # "The same but darker" says no more.
    says_more = not (_BESIDE_A_COLOUR | LEXICON.small_words | _OF_THE_PHOTO).issuperset(words)
    value = f"{'darker' if darker else 'lighter'} than in the photo"
    return replace(
        heard,
        query=replace(heard.query, prompt=rest if says_more else None),
        parts=(*heard.parts, Understood(said, COLORS, "=", value, "preference")),
        colour_weight=0.0,
        shade=-1 if darker else 1,
    )


class ShadeRetriever:
    """How far a product's photos are from being darker, or lighter, than the query's photo.

    Strengths are in tenths of the way from black to white, 0 for what is as it should be. It is a
    :class:`~furniture_prompter.search.retrievers.Retriever` for what is not wanted, and names no
    product.
    """

    name = SHADE
    weight = 1.0
    reads_text = False

    def __init__(
        self, reader: CatalogReader, words: ColourWords, photo: NDArray[np.float32], way: int
    ) -> None:
        """Take what tells how light photos are, the query's (d,), and 1 for lighter or else -1."""
        self._reader = reader
        self._words = words
        self._way = way
        self._least = way * float(words.lightness(photo[np.newaxis])[0]) + _BY

    async def top(self, _count: int, _prefilter: Filter | None) -> Numbers:
        """See :class:`~furniture_prompter.search.retrievers.Retriever`; it brings none itself."""
        return np.zeros(0, np.int64)

    async def strengths(self, numbers: Numbers) -> Scores:
        """Shape (n,); of several photos the one that is most as it should be counts."""
        if not numbers.size:
            return np.zeros(0, np.float32)
        rows = await self._reader.photos(numbers, VECTOR)
        # Asking for vectors gives them.
        assert rows.vectors is not None  # noqa: S101
        lacking = (self._least - self._way * self._words.lightness(rows.vectors)) / _UNIT
        told = -np.minimum(np.maximum(lacking, 0), _MOST_UNITS).astype(np.float32)
        return -scores_of(numbers, *best_per_product(rows.numbers, told))


class OtherColourRetriever:
    """How surely a product's photos show other colours than those asked for.

    Strengths are logarithms of one over the probability of those: 0 is sure of them. It is a
    :class:`~furniture_prompter.search.retrievers.Retriever` for what is not wanted, and names no
    product.
    """

    name = OTHER_COLOUR
    weight = 1.0
    reads_text = False

    def __init__(
        self, reader: CatalogReader, words: ColourWords, wanted: Sequence[str], *, alone: bool
    ) -> None:
        """Take what tells colours.

        Args:
            reader: The version.
            words: Tells names.
            wanted: Those of them that are asked for.
            alone: Whether nothing but pictures can tell what the words ask for.
        """
        self.alone = alone
        self._reader = reader
        self._words = words
        self._wanted = wanted

    async def top(self, _count: int, _prefilter: Filter | None) -> Numbers:
        """See :class:`~furniture_prompter.search.retrievers.Retriever`; it brings none itself."""
        return np.zeros(0, np.int64)

    async def strengths(self, numbers: Numbers) -> Scores:
        """Shape (n,); of several photos the one that is most of the colours counts."""
        if not numbers.size:
            return np.zeros(0, np.float32)
        rows = await self._reader.photos(numbers, VECTOR)
        # Asking for vectors gives them.
        assert rows.vectors is not None  # noqa: S101
        told = self._words.log_probability(rows.vectors, self._wanted)
        return -scores_of(numbers, *best_per_product(rows.numbers, told))
