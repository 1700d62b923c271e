"""Quantities of a prompt: numbers with units, and what compares them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from furniture_prompter.domain.query import Operator, Understood, Use
from furniture_prompter.understanding.lexicon import (
    LEXICON,
    Comparison,
)
from furniture_prompter.understanding.number_words import (
    ADVERBS_OF_A_SUM,
    BIN,
    HAVING,
    IN_HAND,
    METRE_CM,
    OPERATORS,
    half_metre,
    in_words,
    is_compared,
    is_had,
    past_apostrophe,
    past_having,
)
from furniture_prompter.understanding.reading import Reading

_NUMBER: Final = re.compile(r"\d+(?:[.,]\d{1,2})?|\d{1,3}(?:[.,]\d{3})+(?:[.,]\d{1,2})?")
_LARGEST: Final = 1e15
_THOUSANDS: Final = re.compile(r"[.,](?=\d{3}(?:[.,]|$))")


def _number(text: str) -> float | None:
    if not _NUMBER.fullmatch(text):
        return None
    number = float(_THOUSANDS.sub("", text).replace(",", "."))
    # No piece of furniture has such a number, and filters know no infinity.
    return number if number < _LARGEST else None


@dataclass(frozen=True, slots=True)
class _Quantity:
    """Numbers with a unit.

    Attributes:
        start: First token.
        stop: Behind the last.
        values: One; several of ``180x90``; two of a range.
        kind: ``length``, ``price``, ``weight`` or empty.
        unit: What one is in cm or kg, or the currency's code.
        is_range: Whether the values are its ends.
        is_inch: Whether it is in inches, in which screens are measured.
    """

    start: int
    stop: int
    values: tuple[float, ...]
    kind: str = ""
    unit: float | str = ""
    is_range: bool = False
    is_inch: bool = False


def _quantity(reading: Reading, at: int) -> _Quantity | None:
    """The quantity that begins with a number, or a number word of Turkish."""
    start, value, stop = at, _number(reading.key(at)), at + 1
    if reading.keys(at, at + 2) == ("bir", "bucuk"):
        value, stop = 1.5, at + 2
    elif (half := half_metre(reading, at)) > at:
        value, stop = 0.5, half
    elif value is None and (worded := in_words(reading, at)) is not None:
        value, stop = worded
    elif value is None or not reading.tokens[at].is_number:
        return None
    if reading.glued(at) and (reading.key(at - 1).isalpha() or reading.key(at - 1) in {"#", "%"}):
        return None
    values = [value]
    unit, stop = _unit(reading, stop)
    if unit is None:
        unit, stop = _bare(reading, stop, value)
    before = LEXICON.currency_signs.get(reading.key(at - 1))
    if unit is None and before is not None:
        unit, start = ("price", before, False), at - 1
    is_range = False
    until = _until(reading, stop)
    if until is not None:
        last, behind, stop = until
        is_range, unit = True, behind or unit
        if _has_thousand(reading, stop - 2, stop):
            # "500'den 2 bine kadar": the second alone.
            values[0] /= 1000 if values[0] >= last else 1
        values.append(last)
    while len(values) < 3 and not is_range:
        joint = reading.key(stop)
        is_joint = joint in LEXICON.times or (len(values) == 1 and joint in LEXICON.range_joints)
        sign = LEXICON.currency_signs.get(reading.key(stop + 1)) if is_joint else None
        dative = _past_dative(reading, stop) if unit is None else stop
        place = stop + 1 + (sign is not None) if dative == stop else dative
        # "20 30 bin arası", as one speaks.
        is_spoken = len(values) == 1 and unit is None and _ends_in_between(reading, stop)
        if is_spoken:
            place, is_joint, joint = stop, True, "-"
        further = _number(reading.key(place)) if is_joint or dative != stop else None
        if further is None:
            break
        is_range = is_joint and joint not in LEXICON.times
        values.append(further)
        behind, stop = _unit(reading, place + 1)
        if behind is None and is_range and reading.key(stop) in LEXICON.thousands:
            stop += 1
            # "2 ile 5 bin", "2-3k": both are thousands; "500 ile 2 bin": the second alone.
            values[0] /= 1000 if values[0] >= further else 1
        unit = behind or unit or (None if sign is None else ("price", sign, False))
        if is_range:
            break
    if is_range and values[0] >= values[1]:
        return None
    nothing_glued = unit is not None or not (reading.glued(stop) and reading.key(stop).isalpha())
    if not nothing_glued or reading.key(stop) == "+" or reading.key(start - 1) in {"+", "%", "."}:
        return None
    if unit is None:
        return _Quantity(start, stop, tuple(values), is_range=is_range)
    kind, one, is_inch = unit
    if one == METRE_CM and max(values) > _MOST_METRES:
        return None
    return _Quantity(start, stop, tuple(values), kind, one, is_range, is_inch)


def _until(
    reading: Reading, at: int
) -> tuple[float, tuple[str, float | str, bool] | None, int] | None:
    """The end of a range that "1000'den" began: of "2000 TL'ye kadar" all but its last word."""
    here = past_apostrophe(reading, at)
    if reading.key(here) in _FROM:
        here += 1
    elif reading.key(at - 1).endswith(_FROM):
        # Behind a unit, or as "binden".
        here = at
    else:
        return None
    value = _number(reading.key(here))
    if value is None:
        return None
    unit, stop = _unit(reading, here + 1)
    stop += unit is None and reading.key(stop) in LEXICON.thousands
    stop = _past_dative(reading, stop)
    return (value, unit, stop) if reading.key(stop) == _UP_TO else None


def _ends_in_between(reading: Reading, at: int) -> bool:
    """Whether a number at a place is the second end of a range that only "arası" tells."""
    if _number(reading.key(at)) is None or reading.glued(at):
        return False
    _, stop = _unit(reading, at + 1)
    stop += reading.key(stop) in LEXICON.thousands
    return reading.key(stop) in _BETWEEN


def _past_dative(reading: Reading, at: int) -> int:
    """The place behind a suffix that joins two sides: "80'e 140", "160a 200"."""
    here = past_apostrophe(reading, at)
    return here + 1 if reading.key(here) in LEXICON.suffixes_times else at


def _bare(
    reading: Reading, at: int, value: float
) -> tuple[tuple[str, float | str, bool] | None, int]:
    """What stands behind a number without a unit: Turkish for a size ("80'lik"), or thousands."""
    here = past_apostrophe(reading, at)
    if reading.key(here) in _SIZED and _LEAST_BARE_SIZE <= value <= _MOST_BARE_SIZE:
        return ("length", 1.0, False), here + 1
    at += reading.key(at) in LEXICON.thousands
    here = past_apostrophe(reading, at)
    if reading.key(here) in LEXICON.suffixes and is_compared(reading, here + 1):
        return None, here + 1
    return None, at


def _unit(reading: Reading, at: int) -> tuple[tuple[str, float | str, bool] | None, int]:
    """The unit that stands at a place with its Turkish suffix, and the place behind it."""
    thousand = reading.key(at) in LEXICON.thousands
    here = at + thousand
    found = LEXICON.unit(reading.key(here))
    if found is None:
        return None, at
    kind, one, is_inch = found
    if thousand and kind != "price":
        return None, at
    here += 1
    if reading.key(here) in {"'", "’"} and reading.key(here + 1) in LEXICON.suffixes:
        here += 2
    elif reading.key(here) in LEXICON.suffixes_alone:
        here += 1
    return (kind, one, is_inch), here


def read_quantities(reading: Reading) -> None:
    """Note what the prompt's sizes, prices and weights say."""
    at = 0
    while at < len(reading.tokens):
        free = at not in reading.taken and at not in reading.counted
        quantity = _quantity(reading, at) if free else None
        if quantity is None:
            at += 1
            continue
        _read_quantity(reading, quantity)
        at = max(at + 1, quantity.stop)
    _tell_sides_apart(reading)


def _tell_sides_apart(reading: Reading) -> None:
    """Of "en 80 boy 140" the second side is no other width."""
    sides = {
        key: place
        for place, (start, part) in enumerate(reading.parts)
        if part.column == "width_cm" and (key := reading.tokens[start].key[:3].rstrip("iu"))
    }
    if {"en", "boy"} <= sides.keys():
        start, part = reading.parts[sides["boy"]]
        reading.parts[sides["boy"]] = start, replace(part, column="depth_cm")


@dataclass(frozen=True, slots=True)
class _Context:
    """What the words around a quantity say of it: how far they reach, comparison and column."""

    start: int
    stop: int
    op: str = ""
    column: str = ""
    is_niche: bool = False


def _read_quantity(reading: Reading, quantity: _Quantity) -> None:
    thousands = 1000.0 if _has_thousand(reading, quantity.start, quantity.stop) else 1.0
    scale = quantity.unit if isinstance(quantity.unit, float) else thousands
    values = [round(value * scale, 2) for value in quantity.values]
    context = _context(reading, quantity)
    if context.op in {"", "="} and (
        quantity.kind == "price" or (not quantity.kind and thousands > 1)
    ):
        context = _budget(reading, context)
    if quantity.is_inch and reading.key(quantity.stop) in LEXICON.screens:
        return
    kind = quantity.kind or _kind_without_unit(quantity, values, context)
    is_told = (context.start, context.stop) != (quantity.start, quantity.stop)
    # "20 bin civarı", "puf 2bin": "2 bin" alone may be waste bins.
    is_bin = reading.key(quantity.start + 1) == BIN and reading.glued(quantity.start + 1)
    if not kind and thousands > 1 and (context.op == "=" or is_bin):
        kind = "price"
    is_told = is_told or _is_dashed(reading, quantity)
    if not kind and quantity.is_range and (thousands > 1 or (is_told and _are_prices(values))):
        kind = "price"
    is_about = context.op == "=" and _is_about(reading, quantity, context)
    if not kind and is_about and _are_prices(values):
        kind = "price"
    is_open = (quantity.is_range and is_told) or is_about
    if not kind and is_open and min(values) >= _LEAST_BARE_SIZE:
        kind = _kind_by_columns(reading, reading.text(context.start, context.stop))
    if not kind or max(values) <= 0:
        return
    currency = quantity.unit if isinstance(quantity.unit, str) else ""
    if kind == "price":
        columns: Sequence[str] = ("price",)
    elif kind == "weight":
        columns = ("weight_kg",)
    elif len(values) > 1 and not quantity.is_range:
        columns = ("width_cm", "depth_cm", "height_cm")
    else:
        columns = (context.column if context.column.endswith("_cm") else "width_cm",)
    if quantity.is_range:
        low, high = values
        between = Understood("", columns[0], "between", low, "filter", high, currency)
        reading.add(context.start, context.stop, between, take=True)
        return
    op: Operator = next((each for each in OPERATORS if each == context.op), "=")
    use: Use = "preference" if op == "=" else "filter"
    for column, value in zip(columns, values, strict=False):
        part = Understood("", column, op, value, use, currency=currency)
        reading.add(context.start, context.stop, part, take=True)


def _budget(reading: Reading, context: _Context) -> _Context:
    """A sum that one has to spend is the most that a piece may cost."""
    start, stop = context.start, context.stop
    if reading.key(stop) == "budget":
        return replace(context, op="<=", stop=stop + 1)
    if not is_had(reading, start, stop):
        return context
    while reading.key(start - 1) in ADVERBS_OF_A_SUM:
        start -= 1
    if reading.key(start - 1) in IN_HAND:
        start -= 1
    elif reading.keys(start - 2, start) in HAVING:
        start -= 2
    return replace(context, op="<=", start=start, stop=past_having(reading, stop))


def _is_dashed(reading: Reading, quantity: _Quantity) -> bool:
    """Whether a range is "100-140" beside other words, and no code, years, or other unit."""
    start, stop = quantity.start, quantity.stop
    keys = reading.keys(start, stop)
    if not quantity.is_range or len(keys) != _LENGTH_OF_A_DASHED or keys[1] not in _DASHES:
        return False
    # Alone, "1000-2000" is a code, and "20.000-30.000" none.
    is_alone = stop - start == len(reading.tokens) and not _THOUSANDS.search(keys[0])
    if is_alone or reading.key(stop) in _OTHER_UNITS:
        return False
    signs = (reading.glued(start), start - 1), (reading.glued(stop), stop)
    if any(glued and reading.key(place) not in {",", "."} for glued, place in signs):
        return False
    low, high = quantity.values
    are_years = low >= _FIRST_YEAR and high <= _LAST_YEAR and high - low <= _MOST_YEARS
    are_round = all(value % 10 in {0, 5, 9} for value in quantity.values)
    return are_round and not are_years and not keys[0].startswith("0")


def _is_about(reading: Reading, quantity: _Quantity, context: _Context) -> bool:
    """Whether "about 300" is all that is said, and not of "about 300 books", or of a year."""
    ends = not reading.key(context.stop).isalnum() and reading.key(context.stop) not in {"%", "+"}
    is_year = _FIRST_YEAR <= quantity.values[0] <= _LAST_YEAR
    return (ends or context.stop > quantity.stop) and not is_year and not context.column


def _kind_by_columns(reading: Reading, text: str) -> str:
    """What a range without a unit measures where one column alone may tell; else it is unsure."""
    if len(reading.bare) == 1:
        return "price" if reading.bare[0] == "price" else "length"
    if reading.bare and text not in reading.lifted:
        reading.unsure.append(text)
    return ""


def _are_prices(values: Sequence[float]) -> bool:
    """Whether numbers without a unit are too great for the sides of furniture."""
    return max(values) > _MOST_BARE_SIZE


_LEAST_BARE_SIZE: Final = 20.0
_MOST_BARE_SIZE: Final = 400.0
_MOST_METRES: Final = 20.0
_FROM: Final = ("den", "dan", "ten", "tan")
_UP_TO: Final = "kadar"
_DASHES: Final = frozenset({"-", "–"})
_LENGTH_OF_A_DASHED: Final = 3
_OTHER_UNITS: Final = frozenset(
    {
        *("v", "volt", "w", "watt", "hz", "lm", "lumen", "lumens", "kelvin", "l", "lt", "litre"),
        *("ml", "%", "yas", "ay", "years", "months", "pieces", "parca", "adet", "kisilik", "g"),
    }
)
_FIRST_YEAR: Final = 1900
_LAST_YEAR: Final = 2035
_MOST_YEARS: Final = 10
_BETWEEN: Final = frozenset({"arasi", "arasinda", "arasindaki"})
_SIZED: Final = frozenset({"lik", "luk"})
_LEAST_BARE_PRICE: Final = 5.0


def _has_thousand(reading: Reading, start: int, stop: int) -> bool:
    return any(reading.tokens[at].key in LEXICON.thousands for at in range(start, stop))


def _kind_without_unit(quantity: _Quantity, values: Sequence[float], context: _Context) -> str:
    """What numbers without a unit measure; empty where they may be a name."""
    if len(values) > 1 and not quantity.is_range:
        return "length" if min(values) >= _LEAST_BARE_SIZE else ""
    if context.column.endswith("_cm"):
        return "length" if values[0] >= _LEAST_BARE_SIZE else ""
    compares = context.op in OPERATORS and values[0] >= _LEAST_BARE_PRICE
    return "price" if compares and not quantity.is_range else ""


def _context(reading: Reading, quantity: _Quantity) -> _Context:
    context = _right(reading, _left(reading, _Context(quantity.start, quantity.stop)))
    return _left(reading, context) if context.is_niche else context


def _right(reading: Reading, context: _Context) -> _Context:
    at = context.stop
    while True:
        comparison, length = LEXICON.right.longest(reading, at)
        if comparison is None:
            if reading.key(at) in LEXICON.fillers_right:
                at += 1
                continue
            return context
        if context.column and comparison.column and not comparison.op:
            return context  # of the next quantity: "width 200 cm depth 95 cm"
        if comparison.column and not comparison.op and _is_of_the_next(reading, at + length):
            return context
        at += length
        context = _joined(context, comparison, context.start, at)


def _is_of_the_next(reading: Reading, stop: int) -> bool:
    """Whether a side's name belongs to a number behind it: "en 80 cm, derinliği | 40 cm"."""
    follows = reading.tokens[stop] if stop < len(reading.tokens) else None
    is_possessed = reading.key(stop - 1).endswith(("gi", "gu", "eni"))
    return is_possessed and follows is not None and follows.is_number


def _left(reading: Reading, context: _Context) -> _Context:
    at = context.start
    while True:
        fillers = LEXICON.fillers_niche if context.is_niche else LEXICON.fillers_left
        comparison, length = LEXICON.left.longest_before(reading, at)
        if comparison is None:
            if reading.key(at - 1) in fillers:
                at -= 1
                if context.is_niche:
                    context = replace(context, start=at)
                continue
            return context
        at -= length
        context = _joined(context, comparison, at, context.stop)


_NEGATED: Final[Mapping[str, str]] = {">": "<=", ">=": "<", "<": ">=", "<=": ">"}


def _joined(context: _Context, comparison: Comparison, start: int, stop: int) -> _Context:
    # "Not more than about 500": the limit says more.
    is_limit = context.op == "=" and comparison.op in OPERATORS and start < context.start
    op = comparison.op if is_limit else context.op or comparison.op
    if comparison.op == "not":
        op = _NEGATED.get(context.op, context.op)
    return _Context(
        start,
        stop,
        op,
        context.column or comparison.column,
        context.is_niche or comparison.is_niche,
    )
