"""Counts: how many people sit on a piece of furniture, how many drawers it has."""

import math
import re
from functools import lru_cache
from typing import Final, Literal

from furniture_prompter.feeds.cells import UnusableValueError, shown
from furniture_prompter.feeds.values import words_of
from furniture_prompter.feeds.values.sizes import folded

Counted = Literal["seats", "drawers"]

MOST: Final = 60
LIMIT_COUNT_CHARACTERS: Final = 1_000

_SPELT: Final = {
    word: number
    for number, words in {
        1: "one single bir tek ein eins une uno una un een jeden",
        2: "two double iki cift zwei deux dos due twee dwu dwa",
        3: "three triple uc drei trois tres tre drie trzy trzech",
        4: "four dort vier quatre cuatro quattro cztery",
        5: "five bes funf fuenf cinq cinco cinque vijf piec",
        6: "six alti sechs seis sei zes szesc",
        7: "seven yedi sieben sept siete sette zeven siedem",
        8: "eight sekiz acht huit ocho otto osiem",
        9: "nine dokuz neun neuf nueve nove negen",
        10: "ten on zehn dix diez dieci tien",
    }.items()
    for word in words.split()
}
_PER_PERSON: Final = {"tekli": 1, "ikili": 2, "uclu": 3, "dortlu": 4, "besli": 5, "altili": 6}
_OF: Final[dict[str, frozenset[str]]] = {
    "seats": words_of(
        "seater seaters seat seats seating sitzer sitzig personen person persons people kisilik "
        "kisi koltuklu places place plazas plaza posti posto zits zitsbank osobowa osobowy "
        "osobowe osob sits"
    ),
    "drawers": words_of(
        "drawer drawers cekmece cekmeceli gozlu schublade schubladen schubkasten tiroir tiroirs "
        "cajon cajones cassetto cassetti lade laden lades szuflada szuflady szuflad "
        "szufladami"
    ),
}
_TOGETHER: Final = re.compile(r"\d(?:\s?\+\s?\d){1,7}(?!\d)")
_NOT_A_SIZE: Final = re.compile(r"[a-z]+|\d{1,9}(?:[.,]\d+)*|[-/]")
_WHOLE: Final = re.compile(r"\d{1,3}(?:[.,]0{1,4})?")
_BEDS: Final = words_of("yatak bed bett baza nevresim yorgan mattress matratze carsaf")


@lru_cache(maxsize=16_384)
def count_in(text: str, of: Counted) -> int | None:
    """How many seats or drawers a title or description names; None where it names none.

    ``2+1`` and ``3+2+1``, as sofas are sold together, are added up.
    """
    plain = folded(text[:LIMIT_COUNT_CHARACTERS])
    words = _NOT_A_SIZE.findall(plain)
    if of == "seats":
        together = _TOGETHER.search(plain)
        if together:
            return sum(int(letter) for letter in together[0] if letter.isdecimal())
        if not _BEDS.isdisjoint(words):
            return None
        for word in words:
            if word in _PER_PERSON:
                return _PER_PERSON[word]
    for place, word in enumerate(words):
        if word in _OF[of]:
            number = _number_before(words, place)
            if number is not None:
                return number if 0 < number <= MOST else None
    return None


def _number_before(words: list[str], place: int) -> int | None:
    before = [word for word in words[max(0, place - 2) : place] if word != "-"]
    for word in before[-1:]:
        if word.isdecimal():
            return int(word)
        if word in _SPELT:
            return _SPELT[word]
    return None


def read_count(value: str | float, *, of: Counted) -> int:
    """How many seats or drawers the cell of a column for them tells.

    Raises:
        UnusableValueError: it tells none, or more than 60.
    """
    if isinstance(value, str):
        number = count_in(value, of)
        if number is None:
            plain = value.strip()
            spelt = _SPELT.get(folded(plain))
            number = int(float(plain.replace(",", "."))) if _WHOLE.fullmatch(plain) else spelt
    elif isinstance(value, bool) or not math.isfinite(value) or value != int(value):
        number = None
    else:
        number = int(value)
    if number is None or not 0 < number <= MOST:
        raise UnusableValueError(
            f"{shown(value)} is no number of {of}.", f"Give a whole number from 1 to {MOST}."
        )
    return number
