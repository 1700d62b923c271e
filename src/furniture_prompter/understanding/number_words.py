"""Numbers in words, and the sums that a prompt says one has to spend."""

from collections.abc import Mapping
from typing import Final

from furniture_prompter.domain.query import Operator
from furniture_prompter.understanding.lexicon import LEXICON
from furniture_prompter.understanding.reading import Reading

OPERATORS: Final[tuple[Operator, ...]] = ("<", "<=", ">", ">=")
METRE_CM: Final = 100.0
BIN: Final = "bin"
_THOUSAND: Final = "thousand"
_INITIALS: Final = 2
_HUNDRED: Final = 100
_TENS: Final[Mapping[str, float]] = {
    "yirmi": 20,
    "otuz": 30,
    "kirk": 40,
    "elli": 50,
    "altmis": 60,
    "yetmis": 70,
    "seksen": 80,
    "doksan": 90,
    "yuz": _HUNDRED,
}
_TENS_AND_ONES: Final[Mapping[str, float]] = {
    ten + one: _TENS.get(ten, 10) + value
    for ten in (*tuple(_TENS)[:-1], "on")
    for one, value in LEXICON.number_words.items()
    if one in {"bir", "iki", "uc", "dort", "bes", "alti", "yedi", "sekiz", "dokuz"}
}
"""As many write them: "onbeş", "yirmibeş"."""
IN_HAND: Final = frozenset({"elimde", "elimizde", "cebimde"})
HAVING: Final = frozenset({("i", "have"), ("we", "have")})
MONEY: Final = frozenset({"para", "param", "paramiz", "liram", "liramiz"})
ADVERBS_OF_A_SUM: Final = frozenset({"only", "a", "just", "sadece", "toplam"})


def past_apostrophe(reading: Reading, at: int) -> int:
    """The place behind an apostrophe, if one stands there."""
    return at + (reading.key(at) in {"'", "’"})


def is_compared(reading: Reading, at: int) -> bool:
    """Whether Turkish goes on with what limits: "2500'den | daha ucuz", "3000'i | geçmeyen"."""
    while reading.key(at) in LEXICON.fillers_right:
        at += 1
    said = LEXICON.right.longest(reading, at)[0]
    return said is not None and said.op in OPERATORS


def in_words(reading: Reading, at: int) -> tuple[float, int] | None:
    """What number words say, and the place behind: "iki metre", "two metres", "bin lira"."""
    value, place = number_word(reading.key(at)), at + 1
    if value is not None and reading.key(place) == "bucuk":
        value, place = value + 0.5, place + 1
    unit = LEXICON.unit(reading.key(place)) if value is not None else None
    # "In the two m" and "one in" are no sizes, nor is the "bir kg" of "her bir kg".
    is_spelled = unit is not None and unit[0] == "length" and len(reading.key(place)) > _INITIALS
    if value is not None and is_spelled:
        return value, place
    return _thousands_in_words(reading, at)


def half_metre(reading: Reading, at: int) -> int:
    """Behind "yarım" and "half a" where a metre follows; the place itself for others."""
    behind = at
    if reading.key(at) == "yarim":
        behind = at + 1
    elif reading.keys(at, at + 2) == ("half", "a"):
        behind = at + 2
    unit = LEXICON.unit(reading.key(behind))
    is_metre = unit is not None and unit[1] == METRE_CM and len(reading.key(behind)) > _INITIALS
    return behind if is_metre else at


def _thousands_in_words(reading: Reading, at: int) -> tuple[float, int] | None:
    """How many thousands Turkish words say, and the place of "bin": "bin lira", "on beş bin TL".

    A price, a case or a budget has to follow, or a limit to stand before, for "bin" is a waste bin
    as well.
    """
    place, value = at, 0.0
    before = reading.tokens[at - 1] if at else None
    if before is not None and (before.is_number or number_word(before.key) is not None):
        return None
    while (said := number_word(reading.key(place))) is not None:
        value = value * said if said == _HUNDRED and value else value + said
        place += 1
    thousand = reading.key(place)
    is_turkish = thousand.startswith(BIN) and thousand in LEXICON.thousands
    # "A few thousand euros" are not one.
    if not is_turkish and not (thousand == _THOUSAND and value):
        return None
    unit = LEXICON.unit(reading.key(place + 1))
    is_price = unit is not None and unit[0] == "price"
    is_limit = is_price or (thousand != BIN and is_compared(reading, place + 1))
    if value and not is_limit:
        limit = LEXICON.left.longest_before(reading, at)[0]
        is_limit = limit is not None and limit.op in OPERATORS
        is_limit = is_limit or is_compared(reading, place + 1) or is_had(reading, at, place + 1)
    if is_limit:
        return value or 1.0, place
    return None


def is_had(reading: Reading, start: int, stop: int) -> bool:
    """Whether a sum is what one has to spend: "elimde 10 bin var", "I have 500 euros"."""
    while reading.key(start - 1) in ADVERBS_OF_A_SUM:
        start -= 1
    return (
        reading.key(start - 1) in IN_HAND
        or reading.keys(start - 2, start) in HAVING
        or past_having(reading, stop) > stop
    )


def past_having(reading: Reading, at: int) -> int:
    """Behind "var" and "param var", unless it is asked; the place itself for others."""
    behind = at + (reading.key(at) in MONEY)
    is_told = reading.key(behind) == "var" and reading.key(behind + 1) not in {"mi", "mu"}
    return behind + 1 if is_told else at


def number_word(key: str) -> float | None:
    """What a folded word says where it is a number: "five", "yirmi", "onbeş"."""
    return LEXICON.number_words.get(key, _TENS.get(key, _TENS_AND_ONES.get(key)))
