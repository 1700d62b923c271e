"""Colours and materials: a shop's own words, in any of eight languages, as a vocabulary's names."""

import re
import tomllib
import unicodedata
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import Final

from furniture_prompter.feeds.values.sizes import folded

LIMIT_WORDS_CHARACTERS: Final = 1_000

_WORD: Final = re.compile(r"[a-zø]+|[\u0430-\u044f]+")
_LETTERS: Final = re.compile(r"[^\W\d_]+")
_CAMEL: Final = re.compile(r"(?<=[^\W\dA-Z_]{2})(?=[A-Z])")
_NOT_ONE: Final = "none"
# German and Dutch join shade and colour: "dunkelgrau", "donkergroen".
_SHADES: Final = (
    "dunkel", "hell", "mittel", "blass", "matt", "tief", "zart", "pastell", "licht", "donker",
    "zacht", "midden", "mat", "hoogglans", "koyu", "acik",
)  # fmt: skip
_FEWEST_LETTERS: Final = 3
# Endings of Turkish on a word: "beyazı", "meşeden", "kumaşlı", "kadifesi".
_ENDINGS: Final = (
    "lari", "leri", "ndan", "nden", "dan", "den", "tan", "ten", "nin", "nun", "si", "su", "li",
    "lu", "i", "u",
)  # fmt: skip
_FEWEST_TO_STEM: Final = 4


@dataclass(frozen=True, slots=True)
class _Words:
    """Phrases of folded words and the name that each means; `none` is what means no name.

    Words that are one only without their accents, such as ``çam`` (pine) and ``cam`` (glass), are
    in `accented` as well, by their spelling.
    """

    meaning: dict[tuple[str, ...], str]
    accented: dict[str, str]
    turkish: frozenset[str]
    longest: int
    wider: dict[str, str]


@cache
def _words(of: str) -> _Words:
    """The phrases of a data file beside this module."""
    data = tomllib.loads(files(__package__).joinpath(f"{of}.toml").read_text("utf-8"))
    meaning: dict[tuple[str, ...], str] = {}
    accented: dict[str, str] = {}
    spelt: dict[tuple[str, ...], str] = {}
    turkish: set[str] = set()
    for name, spellings in data.items():
        for language, phrases in spellings.items():
            if language == "under":
                continue
            for phrase in phrases:
                key = tuple(_WORD.findall(folded(phrase)))
                spelt.setdefault(key, phrase)
                if meaning.setdefault(key, name) != name and len(key) == 1:
                    accented.setdefault(_spelling(spelt[key]), meaning[key])
                    accented.setdefault(_spelling(phrase), name)
                if language == "tr" and len(key) == 1:
                    turkish.add(key[0])
    wider = {name: each["under"] for name, each in data.items() if "under" in each}
    return _Words(meaning, accented, frozenset(turkish), max(map(len, meaning)), wider)


def _spelling(word: str) -> str:
    """A word in small letters, with its accents."""
    return unicodedata.normalize("NFC", word.replace("İ", "i").lower())


def color_names() -> tuple[str, ...]:
    """The colours that :func:`base_colors` can answer."""
    return _names("colors")


def material_names() -> tuple[str, ...]:
    """The materials that :func:`base_materials` can answer."""
    return _names("materials")


def _names(of: str) -> tuple[str, ...]:
    words = _words(of)
    every = {*words.meaning.values(), *words.wider.values()} - {_NOT_ONE}
    return tuple(sorted(every))


@lru_cache(maxsize=32_768)
def base_colors(text: str) -> tuple[str, ...]:
    """The base colours that a colour's own words mean, in their order.

    ``black-brown`` is black and brown, ``antrasit`` grey, ``ceviz`` brown. A material alone has
    its usual colour, but not beside a colour: ``white oak veneer, grey`` is grey.

    Returns:
        Names of :func:`color_names` without doubles; none where no word is known.
    """
    found = _found(text, "colors")
    named = [name for name, phrase in found if not _is_material(phrase)]
    return tuple(dict.fromkeys(named or [name for name, _ in found]))


@lru_cache(maxsize=32_768)
def base_materials(text: str) -> tuple[str, ...]:
    """The materials that a text names, in their order, each with the wider ones that it is.

    ``ceviz kaplama, metal ayak`` is walnut, wood and metal.

    Returns:
        Names of :func:`material_names` without doubles; none where no word is known.
    """
    wider = _words("materials").wider
    names: dict[str, None] = {}
    for name, _ in _found(text, "materials"):
        each: str | None = name
        while each is not None:
            names[each] = None
            each = wider.get(each)
    return tuple(names)


def _is_material(phrase: tuple[str, ...]) -> bool:
    """Whether a phrase that means a colour is a material's name too."""
    return _words("materials").meaning.get(phrase, _NOT_ONE) != _NOT_ONE


def _found(text: str, of: str) -> list[tuple[str, tuple[str, ...]]]:
    """Names with the phrases that mean them: the longest phrase at each place."""
    words = _words(of)
    plain = _CAMEL.sub(" ", text[:LIMIT_WORDS_CHARACTERS])
    spoken = _WORD.findall(folded(plain))
    spelt = {folded(word): word for word in _LETTERS.findall(_spelling(plain))}
    found: list[tuple[str, tuple[str, ...]]] = []
    place = 0
    while place < len(spoken):
        for length in range(min(words.longest, len(spoken) - place), 0, -1):
            phrase = tuple(spoken[place : place + length])
            name = words.meaning.get(phrase)
            if length == 1:
                name = words.accented.get(spelt.get(phrase[0], ""), name)
            if name is None and length == 1:
                phrase, name = _by_part(phrase[0], words)
            if name is not None:
                if name != _NOT_ONE:
                    found.append((name, phrase))
                place += length
                break
        else:
            place += 1
    return found


def _by_part(word: str, words: _Words) -> tuple[tuple[str, ...], str | None]:
    """A word without its shade before or its Turkish ending behind."""
    for shade in _SHADES:
        if word.startswith(shade) and len(word) - len(shade) >= _FEWEST_LETTERS:
            rest = (word.removeprefix(shade),)
            if rest in words.meaning:
                return rest, words.meaning[rest]
    for ending in _ENDINGS:
        if word.endswith(ending):
            stem = word.removesuffix(ending)
            if len(stem) >= _FEWEST_TO_STEM and stem in words.turkish:
                return (stem,), words.meaning[(stem,)]
    return (word,), None
