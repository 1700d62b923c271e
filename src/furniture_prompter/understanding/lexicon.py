"""The words that understanding goes by, read from ``lexicon.json``."""

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final, NamedTuple, Protocol

from furniture_prompter.understanding.word_forms import turkish_stems

_FOLDED: Final = str.maketrans(
    {"İ": "i", "I": "i", "ı": "i", "’": "'", "×": "x", "″": '"', "”": '"'}
)
_TURKISH: Final = str.maketrans({"İ": "i", "I": "ı"})


WORD: Final = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+|<=|>=|''|[^\w\s]")
"""What a prompt is parted into: numbers, words and signs."""


def fold_letters(text: str) -> str:
    """Case, accents and the dots of Turkish letters gone; as many letters as before.

    Args:
        text: In Unicode's composed form (NFC).
    """
    if text.isascii():
        return text.lower()
    return "".join(map(_folded, text.translate(_FOLDED)))


@cache
def _folded(letter: str) -> str:
    plain = unicodedata.normalize("NFKD", letter.lower())[:1] or letter
    return plain if len(plain) == 1 else letter


def turkish_lower(text: str) -> str:
    """Small letters by Turkish rules, as many as before: ``I`` is ``ı``, ``İ`` is ``i``."""
    return "".join(
        low if len(low := letter.lower()) == 1 else letter for letter in text.translate(_TURKISH)
    )


class Comparison(NamedTuple):
    """What a phrase says.

    Attributes:
        op: ``<``, ``<=``, ``>``, ``>=``, ``=``, ``not``, ``low``, ``high``, a vocabulary name, or
            empty.
        column: What it speaks of; empty where it leaves that open.
        is_niche: Whether it speaks of a place that the piece has to fit into.
        unless_before: Words behind it that make it mean something else.
    """

    op: str = ""
    column: str = ""
    is_niche: bool = False
    unless_before: frozenset[str] = frozenset()


class Words(Protocol):
    """Words at places, as :class:`furniture_prompter.understanding.prompts` reads them."""

    def key(self, at: int) -> str:
        """The folded word; empty outside, and where it was taken."""
        ...

    def low(self, at: int) -> str:
        """The word in small letters; empty as above."""
        ...


class Phrases:
    """Phrases of one to five words, and what each says."""

    def __init__(self) -> None:
        self._said: dict[tuple[str, ...], Comparison] = {}
        # Words of the longest phrase that begins, or ends, with a word: most words do neither.
        self._most_from: dict[str, int] = {}
        self._most_to: dict[str, int] = {}

    def add(self, phrase: str, says: Comparison) -> None:
        """Know a phrase in its own spelling and, where that is free, without accents."""
        own = tuple(WORD.findall(turkish_lower(phrase)))
        plain = tuple(WORD.findall(fold_letters(phrase)))
        self._said[own] = says
        self._said.setdefault(plain, says)
        for words in (own, plain):
            for most, end in ((self._most_from, words[0]), (self._most_to, words[-1])):
                most[end] = max(most.get(end, 0), len(words))

    def longest(self, words: Words, at: int) -> tuple[Comparison | None, int]:
        """What the longest phrase that begins at a place says, and its number of words."""
        for length in range(_most(self._most_from, words, at), 0, -1):
            found = self._at(words, at, length)
            if found is not None:
                return found, length
        return None, 0

    def longest_before(self, words: Words, at: int) -> tuple[Comparison | None, int]:
        """The same of the longest phrase that ends before a place."""
        for length in range(_most(self._most_to, words, at - 1), 0, -1):
            found = self._at(words, at - length, length)
            if found is not None:
                return found, length
        return None, 0

    def _at(self, words: Words, at: int, length: int) -> Comparison | None:
        places = range(at, at + length)
        return self._said.get(tuple(map(words.low, places))) or self._said.get(
            tuple(map(words.key, places))
        )


def _most(most: Mapping[str, int], words: Words, at: int) -> int:
    return max(most.get(words.low(at), 0), most.get(words.key(at), 0))


def _phrases(said: Mapping[str, Iterable[str]]) -> Phrases:
    """Phrases by ``op column``: ``"< width_cm": ["shorter than", …]``."""
    found = Phrases()
    for says, phrases in said.items():
        op, _, column = says.rpartition(" ") if " " in says else (says, "", "")
        niche = column == "niche"
        for phrase in phrases:
            words, _, unless = phrase.partition(" !")
            says_so = Comparison(
                "" if op == "-" else op, "" if niche else column, niche, frozenset(unless.split())
            )
            found.add(words, says_so)
    return found


class Lexicon:
    """All of ``lexicon.json``, made fit for looking things up."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.left = _phrases(data["left"])
        self.right = _phrases(data["right"])
        self.preferences = _phrases(data["preferences"])
        self.negations = _phrases(data["negations"])
        self.negations_behind = _phrases({"-": data["negations_behind"]})
        self.in_stock = _phrases({"-": data["in_stock"]})
        self.on_sale = _phrases({"-": data["on_sale"]})
        self.before_count = _phrases({"-": data["before_count"]})
        names = _in_my_room(data["names"], data["sets"]["possessed_rooms"])
        self.names = _phrases(_with_endings(names, data["sets"]["inflected"]))
        self.currency_signs: Mapping[str, str] = data["currency_signs"]
        self.pictures: Mapping[str, str] = data["pictures"]
        self.number_words: Mapping[str, float] = data["number_words"]
        self.seat_words: Mapping[str, float] = data["seat_words"]
        self.wood_colors: Mapping[str, str] = data["wood_colors"]
        self.counted = {name: frozenset(words) for name, words in data["counted"].items()}
        sets = data["sets"]
        self.thousands = frozenset(sets["thousands"])
        self.times = frozenset(sets["times"])
        self.range_joints = frozenset(sets["range_joints"])
        self.suffixes_times = frozenset(sets["suffixes_times"])
        self.suffixes = frozenset(sets["suffixes"])
        self.suffixes_alone = frozenset(sets["suffixes_alone"])
        self.suffixes_li = frozenset(sets["suffixes_li"])
        self.screens = frozenset(sets["screens"])
        self.fillers_left = frozenset(sets["fillers_left"])
        self.fillers_right = frozenset(sets["fillers_right"])
        self.fillers_niche = frozenset(sets["fillers_niche"])
        self.persons = frozenset(sets["persons"])
        self.ends = frozenset(sets["ends"]) | {""}
        self.seating = frozenset(sets["seating"])
        self.sold_together = self.seating.union(sets["sold_together"])
        self.flats = frozenset(sets["flats"])
        self.negation_fillers = frozenset(sets["negation_fillers"])
        self.courtesies = frozenset(fold_letters(word) for word in sets["courtesies"])
        self.rooms = frozenset(sets["rooms"])
        self.somethings = frozenset(sets["somethings"])
        self.nothings = frozenset(sets["nothings"])
        self.negation_ends = frozenset(sets["negation_ends"])
        self.ones = frozenset(sets["ones"])
        self.color_words = frozenset(sets["color_words"])
        self.degrees = frozenset(sets["degrees"])
        self.shades = frozenset(sets["shades"])
        self.small_words = frozenset(fold_letters(word) for word in sets["small_words"])
        self.hanging_first = frozenset(sets["hanging_first"])
        self.hanging_last = frozenset(sets["hanging_last"])
        self._limbs = frozenset(sets["limbs"])
        self._qualities = frozenset(fold_letters(word) for word in sets["qualities"])
        self._parts: Mapping[str, str] = {fold_letters(word): word for word in data["parts_tr"]}
        self._lacking_en: Mapping[str, str] = data["lacking_en"]
        self._units = {
            word: (kind, one, kind == "length" and one == _INCH_CM)
            for kind, units in data["units"].items()
            for one, words in ((_one(one), words) for one, words in units.items())
            for word in words
        }
        self.words = frozenset(
            word for text in _texts(data) for word in WORD.findall(fold_letters(text))
        )
        self.same_shade: Mapping[tuple[str, ...], tuple[str, ...]] = {
            tuple(WORD.findall(fold_letters(phrase))): tuple(shade)
            for shade in data["same_shade"]
            for phrase in shade
        }
        self.named: Mapping[str, tuple[str, ...]] = {
            says: tuple(phrases) for says, phrases in data["names"].items()
        }
        self.homographs = _homographs(data["names"])

    def unit(self, key: str) -> tuple[str, float | str, bool] | None:
        """Kind of a unit, what one is (cm, kg, or a currency's code), and whether it is an inch.

        Turkish suffixes may stand behind it: ``cmden``, ``liradan``.
        """
        if not key:
            return None
        found = self._units.get(key)
        if found is None and (ending := _SUFFIXED.fullmatch(key)):
            found = self._units.get(ending[1])
        return found

    def is_quality(self, token: Any) -> bool:
        """Whether a word is a colour, material, finish or part, which can be what is not wanted."""
        key: str = token.key
        if key in self._qualities:
            return True
        single = _Single(token.key, token.low)
        found, _ = self.names.longest(single, 0)
        return found is not None and found.column in {"base_colors", "base_materials"}

    def is_limb(self, key: str) -> bool:
        """Whether a folded word is a part of a piece, or Turkish for having or being one's part."""
        if key in self._limbs:
            return True
        return key not in self._parts and any(
            form in self._parts and len(form) > 2 for form in turkish_stems(key)
        )

    def lacking(self, token: Any) -> str | None:
        """The part that a word says is lacking: ``kolsuz`` is without ``kol``; None of others."""
        key: str = token.key
        if key in self._lacking_en:
            return self._lacking_en[key]
        return self._parts.get(key[:-3]) if key.endswith(("siz", "suz")) else None


def _homographs(names: Mapping[str, list[str]]) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Words that only accents tell from others: ``çam``, pine, from ``cam``, glass.

    Returns:
        What each says, by its own spelling, and the other words' spellings.
    """
    alike: dict[str, dict[str, str]] = {}
    for says, phrases in names.items():
        for phrase in phrases:
            if WORD.fullmatch(phrase):
                alike.setdefault(fold_letters(phrase), {})[turkish_lower(phrase)] = says
    return {
        word: (says, others)
        for spelled in alike.values()
        for word, says in spelled.items()
        if (others := tuple(other for other, said in spelled.items() if said != says))
    }


def _in_my_room(names: Mapping[str, list[str]], endings: Iterable[str]) -> dict[str, list[str]]:
    """Names, with those of Turkish rooms as they are said of one's own: "oturma odam"."""
    return {
        says: [
            *phrases,
            *(
                phrase[: -len(_OF_A_ROOM)] + ending
                for phrase in phrases
                if phrase.endswith(f"oda{_OF_A_ROOM}")
                for ending in endings
            ),
        ]
        for says, phrases in names.items()
    }


def _with_endings(names: Mapping[str, list[str]], colours: Iterable[str]) -> dict[str, list[str]]:
    """Names, with Turkish colours as they are asked for: "grisi", "beyazını", "mavileri"."""
    wanted = frozenset(colours)
    return {
        says: [
            *phrases,
            *(form for each in phrases if each in wanted for form in _turkish_forms(each)),
        ]
        for says, phrases in names.items()
    }


def _turkish_forms(word: str) -> Iterator[str]:
    """A noun's possessive, accusative and plural, with the cases behind them, folded."""
    stem = fold_letters(word)
    last = next(letter for letter in reversed(turkish_lower(word)) if letter in _VOWELS)
    high = "u" if last in "ouöü" else "i"
    low = "a" if last in "aıou" else "e"
    ends_open = stem[-1] in "aeiou"
    plural = f"{stem}l{low}r"
    for possessed in (f"{stem}s{high}" if ends_open else f"{stem}{high}", f"{plural}i"):
        yield possessed
        yield from (f"{possessed}n{case}" for case in (possessed[-1], low, f"d{low}", f"d{low}n"))
    yield from (plural, f"{stem}y{high}" if ends_open else f"{stem}{high}")


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from (text for each in (*value, *value.values()) for text in _texts(each))
    elif isinstance(value, list):
        yield from (text for each in value for text in _texts(each))


class _Single(NamedTuple):
    folded: str
    lowered: str

    def key(self, at: int) -> str:
        return "" if at else self.folded

    def low(self, at: int) -> str:
        return "" if at else self.lowered


_INCH_CM: Final = 2.54
_VOWELS: Final = frozenset("aeıioöuü")
_OF_A_ROOM: Final = "sı"
_SUFFIXED: Final = re.compile(
    r"(.+?)(?:den|dan|ten|tan|nin|nun|in|un|ye|ya|yi|yu|lik|luk|lerde|larda|e|a|i|u)"
)


def _one(text: str) -> float | str:
    return float(text) if text[0].isdigit() else text


LEXICON: Final = Lexicon(json.loads(files(__package__).joinpath("lexicon.json").read_text("utf-8")))
