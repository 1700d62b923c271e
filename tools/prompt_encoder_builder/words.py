"""Which words of other languages get a row of their own in the multilingual prompt encoder."""

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final

from furniture_prompter.ingest.furniture_words import Phrase, folded_words, pairs, turkish

_NAMES: Final = Path(__file__).parent / "furniture_names.txt"
_WORD: Final = re.compile(r"[^\W\d_]{2,}")
_PIECE_START: Final = "\N{LOWER ONE EIGHTH BLOCK}"
# Latin and Cyrillic letters as the tokenizer leaves them: small, without accents.
_READABLE: Final = re.compile(r"[a-zßłøæœа-я]{2,}")
_SHORT: Final = 3
_DOTLESS: Final = str.maketrans({"ı": "i", "İ": "i"})
_SOFTENED: Final = {"p": "b", "t": "d", "k": "g"}
_BACK: Final = "aıou"
_ROUND: Final = "ouöü"
_VOWELS: Final = "aıoueiöü"


@dataclass(frozen=True, slots=True)
class Word:
    """A word as the network is asked it, and how common it is.

    Attributes:
        spelling: With its accents.
        share: Of a text of many languages; 0 where that is not known, as of rare words.
    """

    spelling: str
    share: float = 0.0


def key_of(word: str) -> str:
    """A word as the tokenizer looks it up: small, without accents, the Turkish i's as one."""
    letters = unicodedata.normalize("NFD", word.translate(_DOTLESS)).lower()
    return "".join(letter for letter in letters if unicodedata.category(letter) != "Mn")


def furniture_words() -> dict[str, Word]:
    """Words of the dictionary, of colours and materials, and of names of furniture, by key."""
    found: dict[str, Word] = {}
    _add(found, (spelling for _, turkish_side in pairs() for spelling in turkish_side))
    for name in ("colors", "materials"):
        text = files("furniture_prompter.feeds.values").joinpath(f"{name}.toml").read_text("utf-8")
        for spellings in tomllib.loads(text).values():
            for language, phrases in spellings.items():
                if language not in {"en", "under"}:
                    _add(found, phrases)
    lines = _NAMES.read_text("utf-8").splitlines()
    _add(found, (line for line in lines if not line.startswith("#")))
    return found


def english_furniture_words() -> list[str]:
    """Words of the dictionary's and the vocabularies' English side, as the tokenizer has them."""
    spellings = (spelling for english_side, _ in pairs() for spelling in english_side)
    words = (key_of(word) for spelling in spellings for word in _WORD.findall(spelling))
    return list(dict.fromkeys(words))


def _add(found: dict[str, Word], phrases: Iterable[str]) -> None:
    for phrase in phrases:
        for word in _WORD.findall(phrase):
            if _separable(key_of(word)):
                found.setdefault(key_of(word), Word(word))


def _separable(key: str) -> bool:
    """Whether a key is read at all, and is too long to begin many English words."""
    return bool(_READABLE.fullmatch(key)) and (len(key) > _SHORT or not key.isascii())


def frequent_words(pieces: Iterable[tuple[str, float]], most: int) -> dict[str, Word]:
    """The most frequent whole words among the network's own pieces that cannot be English, by key.

    A word of plain letters may begin an English one, which would then be cut otherwise than before.

    Args:
        pieces: Piece and its share of a text; what begins a word begins with the sign for a blank.
        most: How many are kept.
    """
    found: dict[str, Word] = {}
    for piece, share in sorted(pieces, key=lambda each: (-each[1], each[0])):
        word = piece.removeprefix(_PIECE_START)
        key = key_of(word)
        foreign = not word.isascii() and _WORD.fullmatch(word) and _separable(key)
        if word != piece and foreign:
            found.setdefault(key, Word(word, share))
    return dict(list(found.items())[:most])


def said_in_english(known: Mapping[str, int]) -> dict[str, str]:
    """Turkish words of the dictionary and their usual forms → English words, by key.

    Args:
        known: Pieces of the English vocabulary, which keep what they mean.
    """
    spelled = {
        folded_words(spelling): spelling for _, spellings in pairs() for spelling in spellings
    }
    single: dict[str, str] = {}
    forms: dict[str, str] = {}
    for phrase, meaning in turkish().meanings.items():
        if len(phrase) == 1 and _READABLE.fullmatch(phrase[0]):
            single[phrase[0]] = meaning
            for form in _forms(spelled, phrase):
                forms.setdefault(form, meaning)
    return {key: said for key, said in {**forms, **single}.items() if key not in known}


def _forms(spelled: Mapping[Phrase, str], phrase: Phrase) -> list[str]:
    """Plural, possessive and ``-li`` of a Turkish word by vowel harmony, as keys."""
    word = spelled.get(phrase, phrase[0]).lower()
    vowels = [letter for letter in word if letter in _VOWELS]
    if not vowels:
        return []
    high = "u" if vowels[-1] in _ROUND else "i"
    low = "a" if vowels[-1] in _BACK else "e"
    key = key_of(word)
    forms = [f"{key}l{low}r", f"{key}l{low}ri", f"{key}l{high}"]
    if word[-1] in _VOWELS:
        return [*forms, f"{key}s{high}"]
    softened = _SOFTENED.get(key[-1])
    return [*forms, key + high, *([key[:-1] + softened + high] if softened else [])]
