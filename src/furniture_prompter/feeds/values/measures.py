"""Sizes: what a shop's text says of width, depth, height, length and diameter."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from furniture_prompter.feeds.cells import DecimalMark, UnusableValueError, shown
from furniture_prompter.feeds.values.sizes import (
    CENTIMETRES,
    FEET,
    IMPERIAL,
    PACKED,
    PARTS,
    ROLES,
    SEAT_HEIGHTS,
    SizeColumn,
    folded,
    in_company,
    size_column,
)

LIMIT_SIZE_CHARACTERS: Final = 2_000
SMALLEST_CM: Final = 0.1
LARGEST_CM: Final = 2_000.0
_WITHOUT_UNIT_CM: Final = 500.0
"""Numbers above it that have no unit are millimetres."""

_SHORT: Final = 3
_WITH_E: Final = frozenset({"b", "boy", "y", "yukseklik"})
_NOTHING: Final[Mapping[str, float]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Measures:
    """Sizes of a product.

    Attributes:
        cm: Centimetres by attribute: width_cm, depth_cm, height_cm, length_cm, diameter_cm,
            seat_height_cm; those that the text tells.
        doubt: What was decided, or left out, in reading it, as a sentence; empty where the text
            says it plainly.
    """

    cm: Mapping[str, float] = field(default_factory=lambda: _NOTHING)
    doubt: str = ""


@dataclass(slots=True)
class _Number:
    text: str
    unit: str = ""
    is_dropped: bool = False


@dataclass(frozen=True, slots=True)
class _Sign:
    """What stands between numbers: a label, ``x``, ``/``, ``-``, or a break."""

    kind: str
    text: str


_PLAIN: Final = re.compile(r"\d{1,5}(?:\.\d{1,2})?")
# No group is repeated possessively: up to Python 3.11.4, "80, oak" would be the number "80,".
_TOKEN: Final = re.compile(
    r"(?P<number>\d{1,9}(?:[.,]\d{1,6})*)"
    r"|(?P<area>(?:mm|cm|dm|m)[23](?![\d.,]))"
    r"|(?P<word>[a-zø]++)"
    r"|(?P<quote>''|[\"'])"
    r"|(?P<sign>[/\-])"
    r"|(?P<break>[\n;|(),])"
)
_FRACTION: Final = re.compile(
    r"(?<![\d/.,])(?:(\d{1,3})[ -]{1,2})?(\d{1,2})/(2|4|8|16|32)(?![\d/]|[.,]\d)"
)
_SEAT_HEIGHT: Final = re.compile("|".join(each.replace("'", "'?") for each in SEAT_HEIGHTS))


def read_measures(
    text: str | float, *, column: str = "", mark: DecimalMark | None = None
) -> Measures:
    """The sizes that a cell tells.

    Three bare numbers ("180x90x75") are width, depth and height, in this order, with a doubt; of
    two bare numbers the first is the width, and the second is not told. Without any unit numbers
    are centimetres, above 500 millimetres. Sizes of parcels and of parts are passed over.

    Args:
        text: The cell.
        column: The name of its column, which may tell what is measured, and the unit.
        mark: The decimal mark of the column, for numbers such as ``1.200``.

    Returns:
        What the text tells; nothing where it holds no number, as ``Large`` and ``King``.

    Raises:
        UnusableValueError: a size is 0, above 20 m, or no number though the column is a size.
    """
    if not isinstance(text, str):
        if isinstance(text, bool) or not math.isfinite(text):
            raise _no_size(str(text))
        text = f"{text:.6f}".rstrip("0").rstrip(".")
    return _measures(text, column, mark)


@lru_cache(maxsize=32_768)
def _measures(text: str, column: str, mark: DecimalMark | None) -> Measures:
    about = size_column(column)
    if about.is_packed or about.is_part or not text.strip():
        return Measures()
    if _PLAIN.fullmatch(text) and len(about.roles) == 1:
        return _of_one(float(text), about, text)
    if len(text) > LIMIT_SIZE_CHARACTERS:
        raise UnusableValueError(
            f"The size has {len(text)} characters, more than {LIMIT_SIZE_CHARACTERS}.",
            "Give numbers with their units.",
        )
    tokens = _tokens(text)
    numbers = [token for token in tokens if isinstance(token, _Number)]
    if not numbers:
        if about.roles:
            raise _no_size(text)
        return Measures()
    doubts: list[str] = []
    _give_units(numbers, about, mark, doubts)
    tokens = _of_one_system([t for t in tokens if not (isinstance(t, _Number) and t.is_dropped)])
    named = _named(tokens, about, doubts)
    if not named:
        for number in tokens:
            if isinstance(number, _Number):
                _refuse_impossible(_centimetres(number, mark), text)
    sizes: dict[str, float] = {}
    for role, number in named:
        cm = _centimetres(number, mark)
        _refuse_impossible(cm, text)
        sizes.setdefault(role, round(cm, 4))
    doubt = f"{shown(text)}: {', and '.join(dict.fromkeys(doubts))}." if doubts else ""
    return Measures(MappingProxyType(sizes), doubt)


def _of_one(value: float, about: SizeColumn, text: str) -> Measures:
    doubt = ""
    unit = about.unit
    if not unit and value > _WITHOUT_UNIT_CM:
        unit = "mm"
        doubt = f"{shown(text)}: without a unit it was read as millimetres."
    cm = value * CENTIMETRES[unit or "cm"]
    _refuse_impossible(cm, text)
    return Measures(MappingProxyType({about.roles[0]: round(cm, 4)}), doubt)


def _refuse_impossible(cm: float, text: str) -> None:
    if SMALLEST_CM <= cm <= LARGEST_CM:
        return
    raise UnusableValueError(
        f"{shown(text)} is {cm:g} cm, which is no size of furniture.",
        "Correct the number or its unit; sizes are 1 mm to 20 m.",
    )


def _no_size(text: str) -> UnusableValueError:
    return UnusableValueError(
        f"{shown(text)} is no size.", "Give a number with its unit, such as 80 cm."
    )


_Token = _Number | _Sign


def _tokens(text: str) -> list[_Token]:
    """Numbers with the units behind them, and what stands between them."""
    plain = _SEAT_HEIGHT.sub(" seatheight ", _whole_fractions(folded(text)))
    tokens: list[_Token] = []
    for found in _TOKEN.finditer(plain):
        kind, word = str(found.lastgroup), found[0]
        if kind == "number":
            _add_number(tokens, word)
        elif kind == "word":
            _add_word(tokens, word)
        elif kind == "area":
            # The number before it is none of a length: "0.72 m²".
            _drop_last(tokens)
        elif kind == "quote":
            _add_unit(tokens, word)
        elif kind == "sign":
            tokens.append(_Sign(word, word))
        else:
            tokens.append(_Sign("break", word))
    return _without_packed(_feet_and_inches(_letters_in_place(tokens)))


def _whole_fractions(plain: str) -> str:
    """``15 1/2`` as ``15.5``, where it can be a fraction."""
    if "/" not in plain:
        return plain

    def decimal(found: re.Match[str]) -> str:
        whole, above, below = found[1], int(found[2]), int(found[3])
        if above >= below or (whole is None and above % 2 == 0):
            return found[0]
        return f"{int(whole or 0) + above / below:g}"

    return _FRACTION.sub(decimal, plain)


def _add_number(tokens: list[_Token], text: str) -> None:
    """One number, or those of a list: ``74,106,138``."""
    marks = [letter for letter in text if letter in ".,"]
    if len(marks) < 2 or marks[0] != marks[-1]:
        tokens.append(_Number(text))
        return
    for place, part in enumerate(text.split(marks[0])):
        if place:
            tokens.append(_Sign("/", marks[0]))
        tokens.append(_Number(part))


def _add_unit(tokens: list[_Token], unit: str) -> None:
    if tokens and isinstance(tokens[-1], _Number) and not tokens[-1].unit:
        tokens[-1].unit = unit


def _add_word(tokens: list[_Token], word: str) -> None:
    is_behind_number = bool(tokens) and isinstance(tokens[-1], _Number) and not tokens[-1].unit
    if is_behind_number and word in CENTIMETRES and word != "dm":
        _add_unit(tokens, word)
    elif word in ("x", "by", "ile"):
        tokens.append(_Sign("x", word))
    elif word in ROLES:
        tokens.append(_Sign("label", word))
    elif word == "seatheight":
        tokens.append(_Sign("seat", word))
    elif is_behind_number and word in PARTS:
        _drop_last(tokens)
    elif word in PACKED:
        tokens.append(_Sign("packed", word))
    elif word in PARTS:
        tokens.append(_Sign("part", word))
    elif "x" in word and _is_joined(tokens, word):
        head, _, rest = word.partition("x")
        for part in (head, "x", rest):
            if part:
                _add_word(tokens, part)
    elif is_behind_number:
        # "4 legs", "120 kg", "60 litre": a number of something else.
        _drop_last(tokens)
        tokens.append(_Sign("word", word))
    else:
        tokens.append(_Sign("word", word))


def _drop_last(tokens: list[_Token]) -> None:
    """The number that was read last is of something else, such as legs or kilograms."""
    if tokens and isinstance(tokens[-1], _Number):
        tokens[-1].is_dropped = True


def _is_joined(tokens: list[_Token], word: str) -> bool:
    """Whether a word is several, with an x between: ``BxTxH``, ``cmx``, ``xd``."""
    parts = word.split("x")
    units = CENTIMETRES if tokens and isinstance(tokens[-1], _Number) else {}
    return all(not part or part in ROLES or part in units for part in parts)


def _letters_in_place(tokens: list[_Token]) -> list[_Token]:
    """Short names are names of sizes only beside a number or among others of their kind."""
    solid = [t for t in tokens if isinstance(t, _Number) or t.text not in ("(", ")")]
    names = {t.text for t in solid if isinstance(t, _Sign) and t.kind == "label"}
    kept: list[_Token] = []
    for place, token in enumerate(solid):
        if isinstance(token, _Sign) and token.kind == "label" and len(token.text) <= _SHORT:
            beside = [*solid[max(0, place - 1) : place], *solid[place + 1 : place + 2]]
            # The Italian "and" is no En.
            is_and = token.text == "e" and names.isdisjoint(_WITH_E)
            if is_and or not any(_is_of_a_size(each) for each in beside):
                token = _Sign("word", token.text)
        kept.append(token)
    return kept


def _is_of_a_size(token: _Token) -> bool:
    return isinstance(token, _Number) or token.kind in ("x", "/", "label", "-")


def _feet_and_inches(tokens: list[_Token]) -> list[_Token]:
    """``5'2"`` as one number of inches."""
    kept: list[_Token] = []
    for token in tokens:
        before = kept[-1] if kept else None
        if (
            isinstance(token, _Number)
            and isinstance(before, _Number)
            and before.unit in FEET
            and (token.unit in IMPERIAL - FEET or not token.unit)
            and plain_number(token.text) < 12
        ):
            kept[-1] = _Number(
                f"{plain_number(before.text) * 12 + plain_number(token.text):g}", '"'
            )
        else:
            kept.append(token)
    return kept


def _without_packed(tokens: list[_Token]) -> list[_Token]:
    """Without what follows a word of the parcel, or of a part, up to the next break or label."""
    kept: list[_Token] = []
    passing = ""
    for place, token in enumerate(tokens):
        if isinstance(token, _Sign):
            if token.kind in ("packed", "part"):
                passing = token.kind
                continue
            if token.kind == "break" and (token.text != "," or passing == "part"):
                passing = ""
            elif passing == "part" and token.kind in ("label", "seat"):
                # "Seat depth 50": the label is of the part, the next one is not.
                earlier = tokens[place - 1]
                if not (isinstance(earlier, _Sign) and earlier.kind == "part"):
                    passing = ""
        if not passing:
            kept.append(token)
    return kept


def plain_number(text: str) -> float:
    """The number of digits and marks, of which the last mark is the decimal one."""
    head, mark, decimals = text.replace(",", ".").rpartition(".")
    return float(f"{head.replace('.', '')}{mark}{decimals}")


def _centimetres(number: _Number, mark: DecimalMark | None) -> float:
    text, unit = number.text, number.unit
    factor = CENTIMETRES[unit]
    value = plain_number(text)
    last = max(text.rfind("."), text.rfind(","))
    if last < 0 or len(text) - last != 4 or text.startswith("0"):
        return value * factor
    thousands = float(text.replace(".", "").replace(",", ""))
    if mark is not None and len(text.replace(",", "").replace(".", "")) == len(text) - 1:
        return (value if text[last] == mark else thousands) * factor
    # "1.600 mm" is 160 cm and "1.600 m" too.
    is_possible = thousands * factor <= LARGEST_CM
    return thousands * factor if is_possible else value * factor


def _give_units(
    numbers: list[_Number], about: SizeColumn, mark: DecimalMark | None, doubts: list[str]
) -> None:
    """Each number without a unit takes that of the next one that has it, else the column's."""
    unit = ""
    told = next((number.unit for number in reversed(numbers) if number.unit), about.unit)
    for number in reversed(numbers):
        if number.unit:
            unit = number.unit
        elif not number.is_dropped:
            number.unit = unit or told
    bare = [number for number in numbers if not number.unit and not number.is_dropped]
    if not bare:
        return
    for number in bare:
        number.unit = "cm"
    if any(_centimetres(number, mark) > _WITHOUT_UNIT_CM for number in bare):
        doubts.append("without a unit it was read as millimetres")
        for number in bare:
            number.unit = "mm"


def _of_one_system(tokens: list[_Token]) -> list[_Token]:
    """Without inches where the same is said in centimetres: ``31.5" (80 cm)``."""
    numbers = [token for token in tokens if isinstance(token, _Number)]
    imperial = sum(number.unit in IMPERIAL for number in numbers)
    if not imperial or len(numbers) - imperial < imperial:
        return tokens
    return [t for t in tokens if not (isinstance(t, _Number) and t.unit in IMPERIAL)]


def _named(tokens: list[_Token], about: SizeColumn, doubts: list[str]) -> list[tuple[str, _Number]]:
    tokens = _without_ranges(tokens, doubts)
    numbers = [token for token in tokens if isinstance(token, _Number)]
    labels = [t for t in tokens if isinstance(t, _Sign) and t.kind in ("label", "seat")]
    if not numbers:
        return []
    roles = _roles(labels)
    if not labels:
        return _unlabelled(numbers, about, doubts)
    kinds = [
        "number" if isinstance(token, _Number) else "label"
        for token in tokens
        if isinstance(token, _Number) or token.kind in ("label", "seat")
    ]
    if kinds == ["number"] * len(labels) + ["label"] * len(labels):
        return list(zip(roles, numbers, strict=True))
    first = kinds.index("number")
    if first == len(labels) <= len(numbers):
        # "B/T/H 120x60x75", and what follows is of something else.
        if len(numbers) > first:
            doubts.append("further numbers have no name and were passed over")
        return list(zip(roles, numbers[:first], strict=True))
    return _beside(tokens, roles, doubts, before=kinds[0] == "label")


def _roles(labels: list[_Sign]) -> list[str]:
    names = [label.text for label in labels if label.kind == "label"]
    company = iter(in_company(names))
    return ["seat_height_cm" if label.kind == "seat" else next(company) for label in labels]


def _beside(
    tokens: list[_Token], roles: list[str], doubts: list[str], *, before: bool
) -> list[tuple[str, _Number]]:
    """Each number with the label before it, or with the one behind it."""
    named: list[tuple[str, _Number]] = []
    remaining = iter(roles)
    waiting: str | None = None
    number: _Number | None = None
    passed_over = False
    for token in tokens:
        if isinstance(token, _Number):
            if before and waiting is not None:
                named.append((waiting, token))
                waiting = None
            else:
                passed_over = passed_over or before or number is not None
                number = token
        elif token.kind in ("label", "seat"):
            waiting = next(remaining)
            if not before and number is not None:
                named.append((waiting, number))
                number = waiting = None
    if passed_over or (not before and number is not None):
        doubts.append("further numbers have no name and were passed over")
    return named


def _unlabelled(
    numbers: list[_Number], about: SizeColumn, doubts: list[str]
) -> list[tuple[str, _Number]]:
    roles = about.roles
    if len(roles) == len(numbers):
        return list(zip(roles, numbers, strict=True))
    if len(roles) == 1:
        doubts.append("it holds several numbers, of which the first was taken")
        return [(roles[0], numbers[0])]
    if len(numbers) == 3:
        doubts.append("its numbers have no names; they were taken as width, depth and height")
        return list(zip(("width_cm", "depth_cm", "height_cm"), numbers, strict=True))
    if len(numbers) == 2:
        doubts.append("its numbers have no names; the first was taken as the width")
        return [("width_cm", numbers[0])]
    doubts.append("it does not say what is measured")
    return []


def _without_ranges(tokens: list[_Token], doubts: list[str]) -> list[_Token]:
    """Of ``120-160`` the first; of ``120/160`` too where an x parts the numbers."""
    has_x = any(isinstance(token, _Sign) and token.kind == "x" for token in tokens)
    has_header = sum(isinstance(t, _Sign) and t.kind == "label" for t in tokens) > 1
    kept: list[_Token] = []
    place = 0
    while place < len(tokens):
        token = tokens[place]
        after = tokens[place + 1] if place + 1 < len(tokens) else None
        is_range = (
            isinstance(token, _Sign)
            and (token.kind == "-" or (token.kind == "/" and has_x and not has_header))
            and bool(kept)
            and isinstance(kept[-1], _Number)
            and isinstance(after, _Number)
        )
        if is_range:
            doubts.append("it is a range, of which the first number was taken")
            place += 2
            continue
        kept.append(token)
        place += 1
    return kept
