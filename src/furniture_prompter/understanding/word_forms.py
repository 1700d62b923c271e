"""Forms of words: what a folded Turkish or English word may be an inflected form of."""

import re
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

_VOWELS: Final = frozenset("aeiou")
_VOICELESS: Final = frozenset("fstkchp")
# What a stem's last letter was before a vowel softened it: dolabı is of dolap, yatağı of yatak.
_HARD: Final = {"b": "p", "d": "t", "g": "k"}
# All suffixes of this module end so; of most English words nothing more need be asked.
_LAST_LETTERS: Final = ("a", "e", "i", "n", "r", "u")
_MOST_LETTERS: Final = 40
_LEAST_LETTERS: Final = 3
# A final -a, -e or -la is far more often a stem's own than the dative or instrumental of so short
# a stem: masa, kasa, kare, tabla.
_LEAST_LETTERS_RARE: Final = 4

# Words of furniture, materials and colours that end like a suffix.
_WHOLE_WORDS: Final = """
    altin aski ayakkabi battaniye bitki boru calisma canta cekmece cerceve civi dalga deri dolgu
    fici firca hali halka izgara kadife kadin kalin kanepe kapi karyola kedi kirmizi koyu kuru kutu
    lamba lamine mavi mobilya ortu pasta pembe pencere perde plaka pudra ranza rattan rende saksi
    sari seri sunta surahi surgu tabla tabure tahta tekne tencere tepsi turuncu unite vitrin yakin
    yali yapi yari yazi yeni zemin"""
_WHOLE: Final = frozenset(_WHOLE_WORDS.split())

_WORD: Final = re.compile(r"[^\W\d_]+")
# Words that say nothing but which language they are of; none is a word of another one here.
_SMALL_WORDS: Final = {
    "english": "the and with for your from this that which are is can be of it has",
    "turkish": "ve ile için bir bu olan olarak çok daha veya hem sahip kadar gibi",
    "german": "und mit für der das ist ein eine auch nicht aus von oder dem den sich",
    "french": "le les et avec pour des est une dans sur qui aux cette vous votre",
    "spanish": "el los y con para una por las que su del es más como",
    "italian": "il gli con per una che della di sono è anche nel dal più",
}
_LANGUAGES: Final = {name: frozenset(words.split()) for name, words in _SMALL_WORDS.items()}
_LEAST_WORDS: Final = 3


def turkish_stems(word: str) -> tuple[str, ...]:
    """What a folded word may be a form of, without the word itself; nothing of too long a word."""
    return _stems(word) if len(word) <= _MOST_LETTERS and word.endswith(_LAST_LETTERS) else ()


@lru_cache(maxsize=65_536)
def _stems(word: str) -> tuple[str, ...]:
    return tuple(stem for stem in dict.fromkeys(_without_case(word)) if stem != word)


def _without_case(word: str) -> Iterator[str]:
    yield from _without_possessive(word)
    if word in _WHOLE:
        return
    if word.endswith(("daki", "deki", "taki", "teki")):
        word = word[:-2]
    for possessed in _before(word, ("na", "ne", "ni", "nu", "nda", "nde", "ndan", "nden"), "iu"):
        yield from _without_possessive(possessed, needed=True)
    for possessed in _before(word, ("nin", "nun"), "iu"):
        yield from _without_possessive(possessed, needed=True)
    for stem in _before(word, ("ya", "ye", "yi", "yu", "nin", "nun", "yla", "yle"), _VOWELS):
        yield from _without_plural(stem)
    for stem in _before(word, ("da", "de", "dan", "den", "ta", "te", "tan", "ten"), None):
        if (stem[-1] in _VOICELESS) == (word[len(stem)] == "t"):
            yield from _without_plural(stem)
    for stem in _before(word, ("in", "un"), frozenset()):
        yield from _hardened(stem)
    for stem in _before(word, ("a", "e", "la", "le"), frozenset(), _LEAST_LETTERS_RARE):
        yield from _hardened(stem)


def _without_possessive(word: str, *, needed: bool = False) -> Iterator[str]:
    if not needed:
        yield from _without_plural(word)
    if word in _WHOLE:
        return
    for stem in _before(word, ("si", "su"), _VOWELS):
        yield from _without_plural(stem)
    # The accusative ends alike.
    for stem in _before(word, ("i", "u"), frozenset()):
        yield from _hardened(stem)


def _hardened(stem: str) -> Iterator[str]:
    """A stem before a suffix that begins with a vowel."""
    if stem[-1] in _HARD:
        yield stem[:-1] + _HARD[stem[-1]]
    yield from _without_plural(stem)


def _without_plural(word: str) -> Iterator[str]:
    yield word
    if word in _WHOLE:
        return
    for stem in (word, *_before(word, ("lar", "ler"), None)):
        if stem != word:
            yield stem
        if stem not in _WHOLE:
            yield from _before(stem, ("li", "lu"), None)


def _before(
    word: str,
    suffixes: tuple[str, ...],
    last: frozenset[str] | str | None,
    least: int = _LEAST_LETTERS,
) -> Iterator[str]:
    """What stands before one of some suffixes, where that can follow it.

    Args:
        word: The word.
        suffixes: All of one kind.
        last: Letters that the stem may end with; empty for any consonant, None for any letter.
        least: Letters that the stem must have.
    """
    if not word.endswith(suffixes):
        return
    for suffix in suffixes:
        stem = word[: -len(suffix)]
        if len(stem) < least or not word.endswith(suffix):
            continue
        if last is not None and (stem[-1] not in last if last else stem[-1] in _VOWELS):
            continue
        if _in_harmony(stem, suffix):
            yield stem


def _in_harmony(stem: str, suffix: str) -> bool:
    before = next((letter for letter in reversed(stem) if letter in _VOWELS), "")
    follows = next(letter for letter in suffix if letter in _VOWELS)
    match follows:
        case "i":
            return before in {"a", "e", "i"}
        case "u":
            return before in {"o", "u"}
        case "a":
            return before in {"a", "i", "o", "u"}
        case _:
            # Loans that end in a palatal l or t take front vowels: metaller, saatler.
            return before in {"e", "i", "o", "u"} or (before == "a" and stem[-1] in "lt")


def word_forms(word: str) -> tuple[str, ...]:
    """A folded word, and what it may be a plural or a Turkish form of."""
    return _forms(word) if len(word) <= _MOST_LETTERS else (word,)


@lru_cache(maxsize=65_536)
def _forms(word: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys((word, *_singulars(word), *turkish_stems(word))))


def _singulars(word: str) -> Iterator[str]:
    if len(word) > _LEAST_LETTERS and word.endswith("s") and not word.endswith("ss"):
        yield word[:-1]
        if word.endswith("ies"):
            yield word[:-3] + "y"
        elif word.endswith("ves"):
            yield word[:-3] + "f"
        elif word.endswith(("xes", "ches", "shes", "sses")):
            yield word[:-2]


def language_of(text: str) -> str | None:
    """The language that a text's small words are of; None where they do not tell.

    Returns:
        ``english``, ``turkish``, ``german``, ``french``, ``spanish`` or ``italian``.
    """
    words = Counter(_WORD.findall(text.lower()))
    scores = {name: sum(words[word] for word in own) for name, own in _LANGUAGES.items()}
    first, second = sorted(scores.values(), reverse=True)[:2]
    if first < _LEAST_WORDS or first < 2 * second + 1:
        return None
    return max(scores, key=lambda name: scores[name])
