"""Stems of English words, as the keyword index has them: Porter's second stemmer.

The algorithm is Snowball's "english" of release 3, the one that LanceDB stems with
(https://snowballstem.org/algorithms/english/stemmer.html). It tells without asking the index which
words no product has, so it must do as LanceDB does, which a test asks LanceDB itself.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

_VOWELS: Final = "aeiouy"
_BEFORE_FIRST: Final = (
    "gener", "commun", "arsen", "past", "univers", "later", "emerg", "organ", "inter",
)  # fmt: skip
"""Beginnings behind which the first region begins, whatever the letters."""
_DOUBLES: Final = frozenset({"bb", "dd", "ff", "gg", "mm", "nn", "pp", "rr", "tt"})
_BEFORE_LI: Final = frozenset("cdeghkmnrt")
_WHOLE: Final = {
    "skis": "ski", "skies": "sky", "dying": "die", "lying": "lie", "tying": "tie", "idly": "idl",
    "gently": "gentl", "ugly": "ugli", "early": "earli", "only": "onli", "singly": "singl",
    **{word: word for word in ("sky", "news", "howe", "atlas", "cosmos", "bias", "andes")},
}  # fmt: skip
_WHOLE_WITHOUT_S: Final = frozenset(
    {
        *("inning", "outing", "canning", "herring", "earring", "evening"),
        *("proceed", "exceed", "succeed"),
    }
)
_STEP_2: Final[Mapping[str, str]] = {
    "ization": "ize", "ational": "ate", "fulness": "ful", "ousness": "ous", "iveness": "ive",
    "tional": "tion", "biliti": "ble", "lessli": "less", "entli": "ent", "ation": "ate",
    "alism": "al", "aliti": "al", "ousli": "ous", "iviti": "ive", "fulli": "ful", "enci": "ence",
    "anci": "ance", "abli": "able", "izer": "ize", "ator": "ate", "alli": "al", "bli": "ble",
    "ogi": "og", "li": "",
}  # fmt: skip
_STEP_3: Final[Mapping[str, str]] = {
    "ational": "ate", "tional": "tion", "alize": "al", "icate": "ic", "iciti": "ic",
    "ative": "", "ical": "ic", "ness": "", "ful": "",
}  # fmt: skip
_ENDS_2: Final = tuple(_STEP_2)
_ENDS_3: Final = tuple(_STEP_3)
_STEP_4: Final = (
    "ement", "ance", "ence", "able", "ible", "ment", "ant", "ent", "ism", "ate", "iti", "ous",
    "ive", "ize", "ion", "al", "er", "ic",
)  # fmt: skip


@lru_cache(maxsize=65_536)
def english_stem(word: str) -> str:
    """The stem of a folded word."""
    if len(word) <= 2:
        return word
    if word in _WHOLE:
        return _WHOLE[word]
    word = _with_consonant_y(word)
    first, second = _regions(word)
    word = _without_s(word)
    if word in _WHOLE_WITHOUT_S:
        return word
    word = _without_past(word, first)
    if len(word) > 2 and word[-1] in "yY" and word[-2] not in _VOWELS:
        word = word[:-1] + "i"
    word = _derived(word, first)
    word = _qualified(word, first, second)
    for suffix in _STEP_4 if word.endswith(_STEP_4) else ():
        if word.endswith(suffix):
            stem = word[: -len(suffix)]
            if len(stem) >= second and (suffix != "ion" or stem[-1:] in {"s", "t"}):
                word = stem
            break
    stem = word[:-1]
    is_cut = (word.endswith("e") and len(stem) >= first and not _is_short(stem)) or (
        len(stem) >= second and (word.endswith(("e", "ll")))
    )
    return (stem if is_cut else word).lower()


def _with_consonant_y(word: str) -> str:
    """A y that begins a word or follows a vowel is a consonant, written Y."""
    letters = list(word)
    for place, letter in enumerate(letters):
        if letter == "y" and (place == 0 or letters[place - 1] in _VOWELS):
            letters[place] = "Y"
    return "".join(letters)


def _regions(word: str) -> tuple[int, int]:
    """Where the parts behind the first and the second vowel with a consonant begin."""
    begun = next((len(each) for each in _BEFORE_FIRST if word.startswith(each)), 0)
    first = begun or _behind(word, 0)
    return first, _behind(word, first)


def _behind(word: str, start: int) -> int:
    for place in range(start + 1, len(word)):
        if word[place] not in _VOWELS and word[place - 1] in _VOWELS:
            return place + 1
    return len(word)


def _has_vowel(stem: str) -> bool:
    return any(letter in _VOWELS for letter in stem)


def _is_short(stem: str) -> bool:
    """Whether it ends in a short syllable."""
    if stem == "past":
        # Which paste is not.
        return True
    if len(stem) == 2:
        return stem[0] in _VOWELS and stem[1] not in _VOWELS
    return (
        len(stem) > 2
        and stem[-1] not in f"{_VOWELS}wxY"
        and stem[-2] in _VOWELS
        and stem[-3] not in _VOWELS
    )


def _without_s(word: str) -> str:
    if word.endswith("sses"):
        return word[:-2]
    if word.endswith(("ied", "ies")):
        return word[:-2] if len(word) > 4 else word[:-1]
    if word.endswith("s") and not word.endswith(("us", "ss")) and _has_vowel(word[:-2]):
        return word[:-1]
    return word


def _without_past(word: str, first: int) -> str:
    for suffix in ("eedly", "ingly", "edly", "eed", "ing", "ed"):
        if not word.endswith(suffix):
            continue
        stem = word[: -len(suffix)]
        if suffix.startswith("eed"):
            return f"{stem}ee" if len(stem) >= first else word
        if not _has_vowel(stem):
            return word
        if stem.endswith(("at", "bl", "iz")) or (first >= len(stem) and _is_short(stem)):
            return f"{stem}e"
        is_double = stem[-2:] in _DOUBLES and not (len(stem) == 3 and stem[0] in "aeo")
        return stem[:-1] if is_double else stem
    return word


def _derived(word: str, first: int) -> str:
    if not word.endswith(_ENDS_2):
        return word
    for suffix, other in _STEP_2.items():
        if word.endswith(suffix):
            stem = word[: -len(suffix)]
            fits = {"ogi": stem[-1:] == "l", "li": stem[-1:] in _BEFORE_LI}.get(suffix, True)
            return stem + other if len(stem) >= first and fits else word
    return word


def _qualified(word: str, first: int, second: int) -> str:
    if not word.endswith(_ENDS_3):
        return word
    for suffix, other in _STEP_3.items():
        if word.endswith(suffix):
            stem = word[: -len(suffix)]
            fits = suffix != "ative" or len(stem) >= second
            return stem + other if len(stem) >= first and fits else word
    return word
