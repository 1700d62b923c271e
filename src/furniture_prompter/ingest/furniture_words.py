"""Furniture dictionary: what a text says of furniture in English, in Turkish, and the other way.

Not a translation: the words of kinds, colours, materials and forms that ``furniture_words.tsv`` and
the vocabularies of ``feeds/values`` hold, in the order of the text. A prompt encoder that takes the
mean of its words needs no more.
"""

import tomllib
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final, TypeAlias

from furniture_prompter.domain import Product
from furniture_prompter.feeds.values.sizes import folded
from furniture_prompter.understanding.word_forms import language_of

DICTIONARY_LANGUAGES: Final = frozenset({"en", "tr"})

_VOCABULARIES: Final = ("colors", "materials")
_NO_NAME: Final = "none"
_LIMIT_CHARACTERS: Final = 1_000
_ENGLISH_ENDINGS: Final = ("es", "s")
# Folded: "masası", "dolabı", "sandalyeler", "lambaları".
_TURKISH_ENDINGS: Final = ("lari", "leri", "lar", "ler", "si", "su", "i", "u")
_FEWEST_TO_STEM: Final = 3
# What a last consonant becomes before a vowel: dolap, dolabı; kitaplık, kitaplığı.
_HARDENED: Final = {"b": "p", "c": "c", "d": "t", "g": "k"}
_TURKISH_LETTERS: Final = frozenset("ğışĞİŞ")
_IN_DICTIONARY: Final = frozenset({"english", "turkish"})
_LEAST_SHARE: Final = 0.2
# Small words alone tell these, and only of descriptions.
_LEAST_SHARE_OTHERS: Final = 0.7


Phrase: TypeAlias = tuple[str, ...]
"""Folded words."""


@dataclass(frozen=True, slots=True)
class Dictionary:
    """Phrases of one language, folded and cut into words, with what the other language says.

    Attributes:
        meanings: Phrase → words of the other language.
        longest: Words of the longest phrase.
        endings: What a word that is not known is tried without.
    """

    meanings: dict[Phrase, str]
    longest: int
    endings: tuple[str, ...]

    def meaning(self, phrase: Phrase) -> str | None:
        """What a phrase is in the other language; None where it is not known."""
        known = self.meanings.get(phrase)
        if known is not None:
            return known
        *before, last = phrase
        for stem in _stems(last, self.endings):
            known = self.meanings.get((*before, stem))
            if known is not None:
                return known
        return None


@cache
def pairs() -> tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]:
    """English and Turkish spellings of each meaning, those of furniture first."""
    lines = files(__package__).joinpath("furniture_words.tsv").read_text("utf-8").splitlines()
    rows = [line.split("\t") for line in lines if line and not line.startswith("#")][1:]
    own = [(tuple(english.split(", ")), tuple(turkish.split(", "))) for english, turkish in rows]
    return (*own, *(pair for name in _VOCABULARIES for pair in _of_vocabulary(name)))


def _of_vocabulary(name: str) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Pairs of a vocabulary of feeds: shades are told by the colour or material that they are."""
    text = files("furniture_prompter.feeds.values").joinpath(f"{name}.toml").read_text("utf-8")
    return [
        ((meaning, *spellings.get("en", ())), tuple(spellings["tr"]))
        for meaning, spellings in tomllib.loads(text).items()
        if meaning != _NO_NAME and spellings.get("tr")
    ]


@cache
def turkish() -> Dictionary:
    """Turkish phrases with what they are in English."""
    return _dictionary([(tr, en) for en, tr in pairs()], _TURKISH_ENDINGS)


@cache
def english() -> Dictionary:
    """English phrases with what they are in Turkish."""
    return _dictionary(list(pairs()), _ENGLISH_ENDINGS)


def _dictionary(
    meanings: list[tuple[tuple[str, ...], tuple[str, ...]]], endings: tuple[str, ...]
) -> Dictionary:
    found: dict[Phrase, str] = {}
    for spellings, others in meanings:
        for spelling in spellings:
            found.setdefault(folded_words(spelling), others[0])
    return Dictionary(found, max(map(len, found)), endings)


def other_language(text: str) -> str:
    """What the dictionary can say of a text in the other of its two languages.

    The longest phrase wins; where both languages know one, English does. Counts come last: they
    stand within phrases, as in ``chest of 3 drawers``.

    Returns:
        Words with blanks between; empty where nothing of the text is known.
    """
    spoken = folded_words(text[:_LIMIT_CHARACTERS])
    written = _words(unicodedata.normalize("NFC", text[:_LIMIT_CHARACTERS]).casefold())
    if len(written) != len(spoken):
        written = spoken
    told = [pair for pair in zip(spoken, written, strict=True) if not pair[0].isdecimal()]
    words = tuple(word for word, _ in told)
    said: list[str] = []
    place = 0
    while place < len(words):
        for length in range(min(_longest(), len(words) - place), 0, -1):
            phrase = words[place : place + length]
            meaning = english().meaning(phrase) or turkish().meaning(phrase)
            if length == 1:
                meaning = _told_by_accents().get(told[place][1], meaning)
            if meaning is not None:
                said.append(meaning)
                break
        place += length
    if not said:
        return ""
    return " ".join((*said, *(word for word in spoken if word.isdecimal())))


def most_spoken(products: Iterable[Product]) -> str | None:
    """The language that most products are told in; None where they do not tell.

    A description's small words tell it, else furniture's words in title and category: those that
    one of English and Turkish alone knows, and words with ğ, ı or ş, which are Turkish.

    Returns:
        A name of ``SUPPORTED_LANGUAGES``, told by a majority of the products that tell any and by
        a fifth of all; a language without a dictionary here by seven tenths of all.
    """
    told = Counter(language_of(each.description) or _of_furniture(each) for each in products)
    count = told.total()
    del told[None]
    if not told:
        return None
    language, votes = told.most_common(1)[0]
    share = _LEAST_SHARE if language in _IN_DICTIONARY else _LEAST_SHARE_OTHERS
    return language if votes >= share * count and 2 * votes > told.total() else None


def _of_furniture(product: Product) -> str | None:
    """English or Turkish, by the words of title and category; None where neither has more."""
    text = f"{product.title} {product.category}"[:_LIMIT_CHARACTERS]
    in_english = in_turkish = 0
    for word in text.split():
        phrase = folded_words(word)
        knows_english = len(phrase) == 1 and english().meaning(phrase) is not None
        knows_turkish = not _TURKISH_LETTERS.isdisjoint(word) or (
            len(phrase) == 1 and turkish().meaning(phrase) is not None
        )
        in_english += knows_english and not knows_turkish
        in_turkish += knows_turkish and not knows_english
    if in_english == in_turkish:
        return None
    return "turkish" if in_turkish > in_english else "english"


def _longest() -> int:
    return max(english().longest, turkish().longest)


@cache
def _told_by_accents() -> dict[str, str]:
    """Turkish words that are others without their accents, with what they are in English."""
    spelt: dict[Phrase, dict[str, str]] = {}
    for meanings, spellings in pairs():
        for spelling in spellings:
            others = spelt.setdefault(folded_words(spelling), {})
            others.setdefault(unicodedata.normalize("NFC", spelling).casefold(), meanings[0])
    return {
        spelling: meaning
        for phrase, others in spelt.items()
        if len(phrase) == 1 and len({*others.values()}) > 1
        for spelling, meaning in others.items()
    }


def folded_words(text: str) -> Phrase:
    """Words in small letters without accents; signs part them, apostrophes do not."""
    return _words(folded(text))


def _words(text: str) -> Phrase:
    plain = "".join(letter if letter.isalnum() else " " for letter in text.replace("'", ""))
    return tuple(plain.split())


def _stems(word: str, endings: tuple[str, ...]) -> list[str]:
    """A word without each ending that it may have, the longest ending first."""
    stems = []
    for ending in endings:
        stem = word.removesuffix(ending)
        if stem != word and len(stem) >= _FEWEST_TO_STEM:
            stems.append(stem)
            if stem[-1] in _HARDENED:
                stems.append(stem[:-1] + _HARDENED[stem[-1]])
    return stems
