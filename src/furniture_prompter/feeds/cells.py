"""Cell values of feeds: text cleaned, numbers and truth values told from text."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, Literal

from furniture_prompter.domain import wording
from furniture_prompter.feeds.values.currencies import without_currency

_FIRST_MARK: Final = "\u0300"
_HALF_PAIR = re.compile("[\ud800-\udfff]")


class UnusableValueError(ValueError):
    """A value of one row that cannot be used; it never leaves the feeds.

    Attributes:
        reason: What is wrong, in one sentence.
        cure: What to do about it, in one sentence.
        product_id: The product it belongs to, where that could be told; otherwise empty.
        hides_ids: Whether rows of further products may stand in what cannot be used.
    """

    def __init__(
        self, reason: str, cure: str, product_id: str = "", *, hides_ids: bool = False
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.cure = cure
        self.product_id = product_id
        self.hides_ids = hides_ids


def one_line(text: str) -> str:
    """As :func:`furniture_prompter.domain.wording.one_line`.

    Raises:
        UnusableValueError: it holds half a surrogate pair, or too many accents on one letter.
    """
    if _is_plain(text):
        return text.strip()
    return wording.one_line(usable(text))


def as_id(text: str) -> str:
    """As :func:`furniture_prompter.domain.wording.as_id`; raises as :func:`one_line` does."""
    return text.strip() if _is_plain(text) else wording.as_id(usable(text))


def _is_plain(text: str) -> bool:
    """Whether text is kept as it is but for blanks around it: most of it is, and it is many cells.

    Letters below U+0300 are composed, and printable ones are no control characters.
    """
    return text.isprintable() and "  " not in text and (text.isascii() or max(text) < _FIRST_MARK)


def one_line_at_least(text: str) -> str:
    """As :func:`one_line`; empty where it is not usable."""
    try:
        return one_line(text)
    except UnusableValueError:
        return ""


def prose(text: str) -> str:
    """As :func:`furniture_prompter.domain.wording.prose`, and raises as :func:`one_line` does."""
    if _is_plain(text):
        return text.strip()
    return wording.prose(usable(text))


def has_control_characters(text: str) -> bool:
    """Whether text holds anything that a single line cannot show."""
    return wording.has_control_characters(text) or len(text.splitlines()) > 1 or "\t" in text


def shown(value: object, length: int = 60) -> str:
    """A value as a message quotes it, cut to a length in characters."""
    text = ascii(value) if _HALF_PAIR.search(str(value)) else repr(value)
    return text if len(text) <= length else text[: length - 1] + "…"


def has_half_pair(text: str) -> bool:
    """Whether text holds half of a surrogate pair, which no encoding can write."""
    return bool(_HALF_PAIR.search(text))


def usable(text: str) -> str:
    """The text itself.

    Raises:
        UnusableValueError: as :func:`one_line` does.
    """
    if has_half_pair(text):
        raise UnusableValueError(
            f"{shown(text)} holds bytes or \\u codes that are no characters.",
            "Save the feed as UTF-8 again from where it comes from.",
        )
    if wording.has_too_many_marks(text):
        raise UnusableValueError(
            f"{shown(text)} has more than {wording.LIMIT_MARKS} accents on one letter.",
            "Write the letter with those that are read.",
        )
    return text


KNOWN = (
    "id",
    "title",
    "image",
    "images",
    "category",
    "color",
    "colors",
    "description",
    "tags",
)
"""Columns with a meaning of their own; every other one becomes an attribute."""

LIMIT_NAME_CHARACTERS = 64

_SPELLINGS = {"colour": "color", "colours": "colors"}
_OTHER = re.compile(r"[^a-z0-9]+")
# Letters that Unicode does not take apart into a base letter and an accent.
LETTERS: Final = str.maketrans(
    {"ı": "i", "ß": "ss", "ø": "o", "æ": "ae", "œ": "oe", "đ": "d", "ł": "l"}
)


def column_name(name: str) -> str:
    """The identifier of a column: ``Genişlik (cm)`` becomes ``genislik_cm``.

    Lower case, accents dropped, everything but ``a-z`` and ``0-9`` to one underscore. The British
    spellings of `color` and `colors` are those columns.

    Raises:
        UnusableValueError: nothing is left, it does not begin with a letter, it is longer than 64
            characters, or it is no usable text.
    """
    plain = unicodedata.normalize("NFKD", usable(name)).lower().translate(LETTERS)
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    plain = _OTHER.sub("_", plain).strip("_")
    if not plain[:1].isalpha():
        raise UnusableValueError(
            f"The column name {shown(name)} does not begin with a letter of the Latin alphabet.",
            "Rename it, for example to begin with a letter.",
        )
    if len(plain) > LIMIT_NAME_CHARACTERS:
        raise UnusableValueError(
            f"The column name {shown(name)} is longer than {LIMIT_NAME_CHARACTERS} characters.",
            "Rename it.",
        )
    return _SPELLINGS.get(plain, plain)


_TRUTHS: Final = {"true": True, "false": False}
_NUMBER_IN: Final = re.compile(r"\d+(?:[.,]\d+)*")
_ZERO_FIRST: Final = re.compile(r"[+-]?0\d")
_POINT: Final = re.compile(r"[+-]?(\d+|[1-9]\d{0,2}(,\d{3})+)(\.\d+)?([eE][+-]?\d{1,2})?")
_COMMA: Final = re.compile(r"[+-]?(\d+|[1-9]\d{0,2}(\.\d{3})+)(,\d+)?")
_CODE: Final = re.compile(r"[+-]?0\d+")
_BEGINS_NUMBER: Final = frozenset("+-0123456789")
_PRICE_DECIMALS: Final = 2
_DIGITS_KEPT: Final = 15
"""Decimal digits that every float64 keeps."""

DecimalMark = Literal[".", ","]


def is_code(text: str) -> bool:
    """Whether text is digits that are no quantity: ``00123``, or too many for a number."""
    value = text.strip()
    if not value.isascii() or not value.lstrip("+-").isdigit():
        return False
    return _CODE.fullmatch(value) is not None or len(value.lstrip("+-")) > _DIGITS_KEPT


def is_doubtful(text: str) -> bool:
    """Whether text is a number that may be a thousandth of itself: ``1.299``, ``12,500``."""
    value = text.strip()
    return len(marks_of(value)) > 1 and not value.lstrip("+-").isdigit()


def marks_of(text: str) -> tuple[DecimalMark, ...]:
    """The decimal marks with which text is a number: both where it has none."""
    value = text.strip()
    if value[:1] not in _BEGINS_NUMBER:
        return ()
    digits = sum(letter.isdigit() for letter in value)
    if not value.isascii() or digits > _DIGITS_KEPT or _ZERO_FIRST.match(value):
        return ()
    forms: tuple[tuple[DecimalMark, re.Pattern[str]], ...] = ((".", _POINT), (",", _COMMA))
    return tuple(mark for mark, form in forms if form.fullmatch(value))


# Prices come again and again, and every cell of a feed is looked at.
_marks_seen: Final = lru_cache(maxsize=65_536)(marks_of)
_LIMIT_PRICE_CHARACTERS: Final = 32


@lru_cache(maxsize=8_192)
def _marks_of_price(text: str) -> tuple[DecimalMark, ...]:
    """As :func:`marks_of`, of a number with a currency before or after it."""
    if len(text) > _LIMIT_PRICE_CHARACTERS:
        return ()
    number = without_currency(text)
    return () if number is text else marks_of(number)


@dataclass(slots=True)
class ColumnEvidence:
    """What has been seen of one column.

    Attributes:
        certain: Cells that are a number with one decimal mark only, with a currency or without, by
            that mark.
        doubtful: The first cell that may be a thousandth of itself; empty where there is none.
        parted: Cells that may be a thousandth of themselves, by the mark in them.
        is_long: Whether a cell has three decimals or more.
        numbers: Cells that are numbers.
        others: Cells that are none.
    """

    certain: dict[DecimalMark, int] = field(default_factory=lambda: {".": 0, ",": 0})
    doubtful: str = ""
    parted: dict[DecimalMark, int] = field(default_factory=lambda: {".": 0, ",": 0})
    is_long: bool = False
    numbers: int = 0
    others: int = 0

    def add_price(self, text: str) -> None:
        """As :meth:`add`, with a currency or words around the number."""
        found = _NUMBER_IN.search(text) if text else None
        if found is not None:
            self.add(found[0])
        elif text and not text.isspace():
            self.others += 1

    def add(self, text: str) -> None:
        """Look at one cell; blank ones say nothing."""
        if not text or text.isspace():
            return
        first = text[0]
        if first.isalpha():
            self.others += 1
            return
        if first in "123456789" and text.isdigit() and text.isascii() and len(text) <= _DIGITS_KEPT:
            self.numbers += 1
            return
        marks = _marks_seen(text)
        self.numbers += bool(marks)
        self.others += not marks
        if not marks:
            # A price says as much of the file's mark as a number, yet stays a text here.
            marks = _marks_of_price(text)
            if len(marks) == 1:
                self._tells(marks[0], text)
        elif len(marks) == 1:
            self._tells(marks[0], text)
        elif marks and is_doubtful(text):
            self.doubtful = self.doubtful or text.strip()
            self.parted["." if "." in text else ","] += 1

    def _tells(self, mark: DecimalMark, text: str) -> None:
        self.certain[mark] += 1
        if not self.is_long:
            self.is_long = sum(map(str.isdigit, text.partition(mark)[2])) > _PRICE_DECIMALS

    @property
    def mark(self) -> DecimalMark | None:
        """The decimal mark of most cells; None where none or as many speak for the other."""
        points, commas = self.certain["."], self.certain[","]
        if points == commas:
            return None
        return "." if points > commas else ","

    @property
    def mark_of_prices(self) -> DecimalMark | None:
        """The decimal mark of most prices; None where three digits behind it are thousands.

        Prices have no three decimals: ``1.251`` among ``99.90`` is none below 2.
        """
        mark = self.mark
        return None if mark and self.parted[mark] and not self.is_long else mark

    @property
    def silent(self) -> bool:
        """Whether no cell tells the decimal mark."""
        return not any(self.certain.values())

    @property
    def needs_telling(self) -> bool:
        """Whether it is a column of numbers of which some could have been meant otherwise."""
        return self.silent and bool(self.doubtful) and self.numbers > self.others


def mark_of_file(columns: Iterable[ColumnEvidence]) -> DecimalMark | None:
    """The decimal mark of a file's columns, where those that have one agree."""
    marks = {column.mark for column in columns if column.mark}
    return marks.pop() if len(marks) == 1 else None


def decimal_marks(
    columns: Mapping[str, ColumnEvidence], otherwise: DecimalMark | None
) -> dict[str, DecimalMark | None]:
    """The decimal mark of each column: its own, else the file's, else `otherwise`.

    A column whose own cells speak for both alike has none.
    """
    common = mark_of_file(columns.values()) or otherwise
    return {name: common if column.silent else column.mark for name, column in columns.items()}


def typed(text: str, mark: DecimalMark | None) -> str | float | bool | None:
    """A cell as what it is: a number, a truth value, or text as it stands; None for a blank one.

    Args:
        text: The cell.
        mark: The column's decimal mark; None leaves every number with a mark as text.
    """
    value = text.strip()
    if not value:
        return None
    if value[0].isalpha():
        return _TRUTHS.get(value.lower(), text) if len(value) <= len("false") else text
    marks = marks_of(value)
    if not marks or (mark not in marks and not value.lstrip("+-").isdigit()):
        return text
    if mark == ",":
        return float(value.replace(".", "").replace(",", "."))
    return float(value.replace(",", ""))
