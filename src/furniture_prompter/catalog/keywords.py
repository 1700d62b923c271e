"""Keyword normalisation: case, accents and stems folded alike in product texts and prompts.

Folding is done here and not by the index, whose own lower-casing makes two letters of ``İ`` and
keeps ``ı`` apart from ``I``: IŞIKLI, ışıklı and isikli would be three words.
"""

import difflib
import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from typing import Final, TypedDict

from furniture_prompter.errors import InvalidFeedError
from furniture_prompter.understanding.english_stems import english_stem
from furniture_prompter.understanding.word_forms import turkish_stems

SUPPORTED_LANGUAGES: Final = (
    "arabic",
    "danish",
    "dutch",
    "english",
    "finnish",
    "french",
    "german",
    "greek",
    "hungarian",
    "italian",
    "norwegian",
    "portuguese",
    "romanian",
    "russian",
    "spanish",
    "swedish",
    "tamil",
    "turkish",
)
"""Languages that LanceDB 0.40 can stem; any other is refused by it."""

# Letters that Unicode does not take apart into a base letter and a mark.
_WHOLE_LETTERS: Final = str.maketrans(
    {
        "İ": "i",
        "ı": "i",
        "ø": "o",
        "Ø": "o",
        "ł": "l",
        "Ł": "l",
        "đ": "d",
        "Đ": "d",
        "ð": "d",
        "Ð": "d",
        "þ": "th",
        "Þ": "th",
        "æ": "ae",
        "Æ": "ae",
        "œ": "oe",
        "Œ": "oe",
    }
)


# "children's" is a form of "children"; left to the tokenizer, its s would be a word that meets the
# s of every other such form.
_POSSESSIVE: Final = re.compile(r"(?<=\w)['’ʼ]s\b")


_NO_ASCII_WORD: Final = re.compile(r"[^a-z0-9]+")
_NO_WORD: Final = re.compile(r"[\W_]+")
_TURKISH_CAPITALS: Final = str.maketrans({"İ": "i", "I": "ı"})

PREFIX_FOLDING: Final = 1
"""Turkish words beside their first five letters, stemmed by the index; of catalogs made before."""

STEM_FOLDING: Final = 2
"""Turkish words beside their stems, by :mod:`furniture_prompter.catalog.keywords`."""

_TURKISH_PREFIX_LETTERS: Final = 5


class KeywordIndexSettings(TypedDict):
    """Arguments of ``lancedb.index.FTS``."""

    base_tokenizer: str
    language: str
    stem: bool
    lower_case: bool
    ascii_folding: bool
    remove_stop_words: bool
    with_position: bool


def fold(text: str) -> str:
    """Fold `text` so that spellings of one word meet; folding twice changes nothing.

    Compatibility forms become plain ones (NFKC), case goes, ``İ``, ``I`` and ``ı`` become ``i``,
    marks on Latin and Greek letters go (ş, ç, ğ, ö, ü, é, ά), whatever is neither letter, digit
    nor mark becomes a space, and runs of spaces become one. Marks of other scripts carry the
    sound and stay.
    """
    if text.isascii():
        # There is nothing to take apart: the same in a third of the time.
        return " ".join(_NO_ASCII_WORD.sub(" ", _POSSESSIVE.sub("", text.lower())).split())
    plain = unicodedata.normalize("NFKC", text).translate(_WHOLE_LETTERS).casefold()
    plain = _POSSESSIVE.sub("", plain)
    kept: list[str] = []
    strip_marks = False
    for character in unicodedata.normalize("NFKD", plain):
        if unicodedata.combining(character):
            if not strip_marks:
                kept.append(character)
        elif character.isalnum() or unicodedata.category(character).startswith("M"):
            strip_marks = unicodedata.name(character, "").startswith(("LATIN ", "GREEK "))
            kept.append(character)
        else:
            strip_marks = False
            kept.append(" ")
    folded = unicodedata.normalize("NFC", "".join(kept).translate(_WHOLE_LETTERS))
    return " ".join(folded.split())


def current_folding(language: str) -> int:
    """The folding of new catalogs in a language; one where all foldings are alike is the first."""
    return STEM_FOLDING if _supported(language) == "turkish" else PREFIX_FOLDING


def keyword_text(text: str, language: str, folding: int | None = None) -> str:
    """What the keyword index of a `language` holds for a text, and what it is asked for a prompt.

    That is the folded text. In Turkish the stems of its words stand beside it, for the Snowball
    stemmer undoes half of the forms only: so masa, masası, masaların and MASALAR meet, and dolap
    and dolabı. benchmarks/results/keyword_stemming.json has the figures.

    Args:
        text: Of a product, or a prompt.
        language: A name of SUPPORTED_LANGUAGES.
        folding: That of the catalog; None for :func:`current_folding`.

    Raises:
        InvalidFeedError: the language is not supported; the message names the nearest.
    """
    if _supported(language) != "turkish":
        return fold(text)
    if folding == PREFIX_FOLDING:
        return _turkish_prefixes(text)
    words = fold(text).split()
    return " ".join([*words, *(stem for word in words for stem in turkish_stems(word))])


def keyword_lemmas(text: str, language: str, folding: int | None = None) -> str:
    """Words in their first form, as the index holds them: for queries that need all of them.

    Arguments and errors are those of :func:`keyword_text`, whose stems no product needs to have
    all of.
    """
    words = fold(text).split()
    if _supported(language) == "turkish" and folding == PREFIX_FOLDING:
        words = [word[:_TURKISH_PREFIX_LETTERS] for word in words]
    return " ".join(words)


def _turkish_prefixes(text: str) -> str:
    # The index's own stemmer needs ş, ç, ğ, ö, ü and ı to find suffixes.
    plain = unicodedata.normalize("NFKC", text).translate(_TURKISH_CAPITALS).lower()
    words = _NO_WORD.sub(" ", _POSSESSIVE.sub("", plain)).split()
    prefixes = (
        word[:_TURKISH_PREFIX_LETTERS]
        for word in fold(text).split()
        if len(word) > _TURKISH_PREFIX_LETTERS
    )
    return " ".join([*words, *prefixes])


def keyword_index_settings(language: str, folding: int | None = None) -> KeywordIndexSettings:
    """How LanceDB shall index :func:`keyword_text` of the same `language` and `folding`.

    Stop words stay: BM25 weighs them down by itself, and LanceDB's lists hold words that a
    shopper means (``above``, ``under``).

    Raises:
        InvalidFeedError: the language is not supported; the message names the nearest.
    """
    name = _supported(language)
    return KeywordIndexSettings(
        base_tokenizer="simple",
        language=name.capitalize(),
        stem=name != "turkish" or folding == PREFIX_FOLDING,
        lower_case=False,
        # After stemming; folded text has nothing left to fold but the letters that the first
        # folding kept for Turkish.
        ascii_folding=True,
        remove_stop_words=False,
        with_position=False,
    )


@lru_cache
def stemmer(language: str, folding: int | None = None) -> Callable[[str], str] | None:
    """What the index of a `language` and `folding` makes of a word; None where that is not known.

    Raises:
        InvalidFeedError: the language is not supported; the message names the nearest.
    """
    if not keyword_index_settings(language, folding)["stem"]:
        return str
    return english_stem if _supported(language) == "english" else None


def _supported(language: str) -> str:
    name = language.strip().lower()
    if name in SUPPORTED_LANGUAGES:
        return name
    # Who misspells a language begins it right: klingonish is not meant to be finnish.
    likely = [each for each in SUPPORTED_LANGUAGES if each[:1] == name[:1]]
    nearest = difflib.get_close_matches(name, likely, n=1, cutoff=0.6)
    hint = f" Did you mean {nearest[0]}?" if nearest else ""
    raise InvalidFeedError(
        f"There is no keyword index for the language {language!r}.{hint} "
        f"Name one of: {', '.join(SUPPORTED_LANGUAGES)}."
    )
