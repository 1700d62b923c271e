"""Prompts taken apart: what limits, what is preferred, what is not wanted, and the words that stay.

By rules and the words in ``lexicon.json``, in English and Turkish at once; no model. Text is folded
letter by letter (case, ``ı``, accents), so that places in the folded text are places in the prompt.
"""

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from furniture_prompter.domain.query import Operator, Understood, Use
from furniture_prompter.understanding.lexicon import (
    LEXICON,
    WORD,
    Comparison,
    fold_letters,
    turkish_lower,
)


@dataclass(frozen=True, slots=True)
class Understanding:
    """A prompt taken apart.

    Attributes:
        rest: The words to search for.
        parts: What was understood, in the prompt's order.
    """

    rest: str
    parts: tuple[Understood, ...]


@dataclass(frozen=True, slots=True)
class _Token:
    key: str
    low: str
    start: int
    end: int

    @property
    def is_number(self) -> bool:
        return self.key[0].isdigit()


@dataclass(slots=True)
class _Reading:
    """The tokens of a prompt, which of them were taken, and what they said."""

    prompt: str
    tokens: list[_Token]
    taken: set[int] = field(default_factory=set)
    counted: set[int] = field(default_factory=set)
    parts: list[tuple[int, Understood]] = field(default_factory=list)
    lifted: Collection[str] = ()

    def key(self, at: int) -> str:
        return self.tokens[at].key if 0 <= at < len(self.tokens) and at not in self.taken else ""

    def low(self, at: int) -> str:
        return self.tokens[at].low if 0 <= at < len(self.tokens) and at not in self.taken else ""

    def keys(self, start: int, stop: int) -> tuple[str, ...]:
        return tuple(self.key(at) for at in range(start, stop))

    def text(self, start: int, stop: int) -> str:
        return self.prompt[self.tokens[start].start : self.tokens[stop - 1].end]

    def glued(self, at: int) -> bool:
        """Whether nothing stands between a token and the one before it."""
        return 0 < at < len(self.tokens) and self.tokens[at - 1].end == self.tokens[at].start

    def add(self, start: int, stop: int, part: Understood, *, take: bool) -> None:
        text = self.text(start, stop)
        if text in self.lifted:
            return
        self.parts.append((start, replace(part, text=text)))
        if take:
            self.taken.update(range(start, stop))


def understand(prompt: str, lifted: Collection[str] = ()) -> Understanding:
    """Take a prompt apart.

    Args:
        prompt: What a shopper wrote, any length.
        lifted: Texts of what would be understood that are plain words this time.

    Returns:
        What was understood, and the words that remain: those of colours, materials, counts, rooms
        and styles stay among them, for pictures and texts say them too; sizes, prices, negations
        and words such as ``cheap`` do not.
    """
    composed = unicodedata.normalize("NFC", prompt)
    folded, lowered = fold_letters(composed), turkish_lower(composed)
    tokens = [
        _Token(found[0], lowered[found.start() : found.end()], *found.span())
        for found in WORD.finditer(folded)
    ]
    reading = _Reading(composed, tokens, lifted=lifted)
    _read_counts(reading)
    _read_quantities(reading)
    _read_negations(reading)
    _read_preferences(reading)
    _read_names(reading)
    parts = tuple(part for _, part in sorted(reading.parts, key=lambda each: each[0]))
    return Understanding(_rest(reading), _without_repeats(parts))


_NUMBER: Final = re.compile(r"\d+(?:[.,]\d{1,2})?|\d{1,3}(?:[.,]\d{3})+(?:[.,]\d{1,2})?")
_THOUSANDS: Final = re.compile(r"[.,](?=\d{3}(?:[.,]|$))")


def _number(text: str) -> float | None:
    if not _NUMBER.fullmatch(text):
        return None
    return float(_THOUSANDS.sub("", text).replace(",", "."))


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


def _quantity(reading: _Reading, at: int) -> _Quantity | None:
    """The quantity that begins with a number, or a number word of Turkish."""
    start, value, stop = at, _number(reading.key(at)), at + 1
    if reading.keys(at, at + 2) == ("bir", "bucuk"):
        value, stop = 1.5, at + 2
    elif value is None or not reading.tokens[at].is_number:
        return None
    if reading.glued(at) and (reading.key(at - 1).isalpha() or reading.key(at - 1) in {"#", "%"}):
        return None
    values = [value]
    unit, stop = _unit(reading, stop)
    before = LEXICON.currency_signs.get(reading.key(at - 1))
    if unit is None and before is not None:
        unit, start = ("price", before, False), at - 1
    is_range = False
    while len(values) < 3:
        joint = reading.key(stop)
        is_joint = joint in LEXICON.times or (len(values) == 1 and joint in LEXICON.range_joints)
        further = _number(reading.key(stop + 1)) if is_joint else None
        if further is None:
            break
        is_range = joint not in LEXICON.times
        values.append(further)
        behind, stop = _unit(reading, stop + 2)
        unit = behind or unit
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
    return _Quantity(start, stop, tuple(values), kind, one, is_range, is_inch)


def _unit(reading: _Reading, at: int) -> tuple[tuple[str, float | str, bool] | None, int]:
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


def _read_quantities(reading: _Reading) -> None:
    at = 0
    while at < len(reading.tokens):
        free = at not in reading.taken and at not in reading.counted
        quantity = _quantity(reading, at) if free else None
        if quantity is None:
            at += 1
            continue
        _read_quantity(reading, quantity)
        at = max(at + 1, quantity.stop)


@dataclass(frozen=True, slots=True)
class _Context:
    """What the words around a quantity say of it: how far they reach, comparison and column."""

    start: int
    stop: int
    op: str = ""
    column: str = ""
    is_niche: bool = False


def _read_quantity(reading: _Reading, quantity: _Quantity) -> None:
    thousands = 1000.0 if _has_thousand(reading, quantity) else 1.0
    scale = quantity.unit if isinstance(quantity.unit, float) else thousands
    values = [round(value * scale, 2) for value in quantity.values]
    context = _context(reading, quantity)
    if quantity.is_inch and reading.key(quantity.stop) in LEXICON.screens:
        return
    kind = quantity.kind or _kind_without_unit(quantity, context)
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
    op: Operator = "="
    for each in _OPERATORS:
        op = each if context.op == each else op
    use: Use = "preference" if op == "=" else "filter"
    for column, value in zip(columns, values, strict=False):
        part = Understood("", column, op, value, use, currency=currency)
        reading.add(context.start, context.stop, part, take=True)


_OPERATORS: Final[tuple[Operator, ...]] = ("<", "<=", ">", ">=")
_LEAST_BARE_SIZE: Final = 20.0
_LEAST_BARE_PRICE: Final = 5.0


def _has_thousand(reading: _Reading, quantity: _Quantity) -> bool:
    return any(
        reading.tokens[at].key in LEXICON.thousands for at in range(quantity.start, quantity.stop)
    )


def _kind_without_unit(quantity: _Quantity, context: _Context) -> str:
    """What a number without a unit measures; empty where it may be a name."""
    if len(quantity.values) > 1 and not quantity.is_range:
        return "length" if min(quantity.values) >= _LEAST_BARE_SIZE else ""
    if context.column.endswith("_cm"):
        return "length" if quantity.values[0] >= _LEAST_BARE_SIZE else ""
    compares = context.op in _OPERATORS and quantity.values[0] >= _LEAST_BARE_PRICE
    return "price" if compares and not quantity.is_range else ""


def _context(reading: _Reading, quantity: _Quantity) -> _Context:
    context = _right(reading, _left(reading, _Context(quantity.start, quantity.stop)))
    return _left(reading, context) if context.is_niche else context


def _right(reading: _Reading, context: _Context) -> _Context:
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
        at += length
        context = _joined(context, comparison, context.start, at)


def _left(reading: _Reading, context: _Context) -> _Context:
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
    op = context.op or comparison.op
    if comparison.op == "not":
        op = _NEGATED.get(context.op, context.op)
    return _Context(
        start,
        stop,
        op,
        context.column or comparison.column,
        context.is_niche or comparison.is_niche,
    )


def _read_counts(reading: _Reading) -> None:
    for at in range(len(reading.tokens)):
        value = _count_at(reading, at)
        if value is None or (reading.glued(at) and reading.key(at - 1).isalpha()):
            continue
        high, stop = None, at + 1
        if reading.key(at + 1) in LEXICON.range_joints:
            high = _count_at(reading, at + 2)
            stop = at + 3 if high is not None else stop
        if reading.key(stop) == "-":
            stop += 1
        for column, words in LEXICON.counted.items():
            if reading.key(stop) in words:
                _add_count(reading, at, stop + 1, column, value, high)
                break
        else:
            before = LEXICON.before_count.longest_before(reading, at)[1]
            behind = reading.key(stop)
            if before and (behind in LEXICON.persons or behind in LEXICON.ends):
                _add_count(reading, at - before, stop, "seats", value, high)
    for at, token in enumerate(reading.tokens):
        stem = token.key
        seats = LEXICON.seat_words.get(stem)
        start = at
        if stem in LEXICON.suffixes_li and reading.key(at - 1) in {"'", "’"}:
            seats, start = _count_at(reading, at - 2), at - 2
        follows = reading.keys(at + 1, at + 3)
        if seats is not None and any(word in LEXICON.seating for word in follows):
            _add_count(reading, start, at + 1, "seats", seats, None)


def _add_count(
    reading: _Reading, start: int, stop: int, column: str, value: float, high: float | None
) -> None:
    op: Operator = "=" if high is None else "between"
    reading.add(start, stop, Understood("", column, op, value, "preference", high), take=False)
    reading.counted.update(range(start, stop))


def _count_at(reading: _Reading, at: int) -> float | None:
    key = reading.key(at)
    if key.isdigit() and 0 < int(key) <= 30:
        return float(key)
    return LEXICON.number_words.get(key)


def _read_negations(reading: _Reading) -> None:
    for at in range(len(reading.tokens)):
        if at in reading.taken:
            continue
        _read_english_negation(reading, at)
        _read_turkish_negation(reading, at)


def _read_english_negation(reading: _Reading, at: int) -> None:
    without, length = LEXICON.negations.longest(reading, at)
    if without is None:
        return
    begin = at + length
    if reading.key(begin) in {".", "-", ":", ""} and without.op != "non":
        return
    stop = begin
    while stop < len(reading.tokens) and reading.key(stop) in LEXICON.negation_fillers:
        stop += 1
    first = stop
    while stop < len(reading.tokens) and LEXICON.is_quality(reading.tokens[stop]):
        stop += 1
    if stop == first and without.op == "any":
        while stop < len(reading.tokens) and reading.key(stop) not in LEXICON.negation_ends:
            if not reading.key(stop):
                break
            stop += 1
    if stop == first:
        return
    wanted = reading.text(first, stop)
    while reading.key(stop) in LEXICON.ones:
        stop += 1
    reading.add(at, stop, Understood("", "", "contains", wanted, "without"), take=True)
    # "not in grey or beige", "without arms and cushions": the second is not wanted either.
    if reading.key(stop) in {"or", "nor"}:
        second = stop + 1
        end = second
        while end < len(reading.tokens) and LEXICON.is_quality(reading.tokens[end]):
            end += 1
        if end > second:
            further = Understood("", "", "contains", reading.text(second, end), "without")
            reading.add(stop, end, further, take=True)


def _read_turkish_negation(reading: _Reading, at: int) -> None:
    token = reading.tokens[at]
    part = LEXICON.lacking(token)
    if part is not None:
        reading.add(at, at + 1, Understood("", "", "contains", part, "without"), take=True)
        return
    _, length = LEXICON.negations_behind.longest(reading, at)
    if not length or not reading.key(at - 1).isalpha():
        return
    start = at - 1
    before = reading.key(start - 1)
    attributive = reading.key(start).endswith(("li", "lu")) and before.isalpha()
    if attributive or before in LEXICON.shades:
        start -= 1
    wanted = Understood("", "", "contains", reading.text(start, at), "without")
    reading.add(start, at + length, wanted, take=True)


def _read_preferences(reading: _Reading) -> None:
    limited = {part.column for _, part in reading.parts if part.use == "filter"}
    at = 0
    while at < len(reading.tokens):
        comparison, length = LEXICON.preferences.longest(reading, at)
        if comparison is None:
            at += 1
            continue
        follows = reading.key(at + length)
        if follows not in comparison.unless_before:
            op: Operator = "low" if comparison.op == "low" else "high"
            part = Understood("", comparison.column, op, comparison.op, "preference")
            if comparison.column in limited and comparison.column != "price":
                reading.taken.update(range(at, at + length))
            else:
                reading.add(at, at + length, part, take=True)
        at += length


def _read_names(reading: _Reading) -> None:
    at = 0
    while at < len(reading.tokens):
        name, length = LEXICON.names.longest(reading, at)
        if name is None:
            at += 1
            continue
        part = Understood("", name.column, "contains", name.op, "preference")
        reading.add(at, at + length, part, take=False)
        at += length


def _without_repeats(parts: Sequence[Understood]) -> tuple[Understood, ...]:
    kept: dict[tuple[object, ...], Understood] = {}
    for part in parts:
        kept.setdefault((part.column, part.op, part.value, part.use, part.high), part)
    return tuple(kept.values())


def _rest(reading: _Reading) -> str:
    """What was not taken, in the prompt's own spacing, without joints that hang in the air."""
    kept = [at for at in range(len(reading.tokens)) if at not in reading.taken]
    if len(kept) == len(reading.tokens):
        return " ".join(reading.prompt.split())
    while kept and _hangs(reading, kept[-1], LEXICON.hanging_last):
        kept.pop()
    while kept and _hangs(reading, kept[0], LEXICON.hanging_first):
        kept.pop(0)
    # A joint before a gap has lost what it joined.
    kept = [
        at
        for place, at in enumerate(kept)
        if not (
            place + 1 < len(kept)
            and kept[place + 1] > at + 1
            and _hangs(reading, at, LEXICON.hanging_last)
        )
    ]
    words: list[str] = []
    for place, at in enumerate(kept):
        token = reading.tokens[at]
        together = place > 0 and kept[place - 1] == at - 1 and reading.glued(at)
        text = reading.prompt[token.start : token.end]
        if (together or text in {",", "."}) and words:
            words[-1] += text
        else:
            words.append(text)
    return " ".join(words)


def _hangs(reading: _Reading, at: int, words: Collection[str]) -> bool:
    key = reading.tokens[at].key
    return key in words or not (key.isalnum() or key in {'"', "%"})


def named(words: str) -> list[tuple[str, str]]:
    """Colours and materials that some words name, as column and vocabulary name."""
    composed = unicodedata.normalize("NFC", words)
    lowered = turkish_lower(composed)
    tokens = [
        _Token(found[0], lowered[found.start() : found.end()], *found.span())
        for found in WORD.finditer(fold_letters(composed))
    ]
    reading = _Reading(composed, tokens)
    _read_names(reading)
    return [
        (part.column, str(part.value))
        for _, part in reading.parts
        if part.column in {"base_colors", "base_materials"}
    ]
