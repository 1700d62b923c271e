"""Numbers and truth values among the cells of a table, which has only text.

Whether a lone point is a decimal point (is ``1.299`` a thousand or one and a bit?) is decided by
all cells of a column: by those that can be meant in one way only, or where there are none, by what
the file's other columns are written with.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

_TRUTHS: Final = {"true": True, "false": False}
_POINT: Final = re.compile(r"[+-]?(\d+|[1-9]\d{0,2}(,\d{3})+)(\.\d+)?([eE][+-]?\d{1,2})?")
_COMMA: Final = re.compile(r"[+-]?(\d+|[1-9]\d{0,2}(\.\d{3})+)(,\d+)?")
_CODE: Final = re.compile(r"[+-]?0\d+")
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
    digits = sum(letter.isdigit() for letter in value)
    if not value.isascii() or digits > _DIGITS_KEPT or re.match(r"[+-]?0\d", value):
        return ()
    forms: tuple[tuple[DecimalMark, re.Pattern[str]], ...] = ((".", _POINT), (",", _COMMA))
    return tuple(mark for mark, form in forms if form.fullmatch(value))


@dataclass(slots=True)
class ColumnEvidence:
    """What has been seen of one column.

    Attributes:
        certain: Cells that are a number with one decimal mark only, by that mark.
        doubtful: The first cell that may be a thousandth of itself; empty where there is none.
        numbers: Cells that are numbers.
        others: Cells that are none.
    """

    certain: dict[DecimalMark, int] = field(default_factory=lambda: {".": 0, ",": 0})
    doubtful: str = ""
    numbers: int = 0
    others: int = 0

    def add(self, text: str) -> None:
        """Look at one cell; blank ones say nothing."""
        if not text or text.isspace():
            return
        marks = marks_of(text)
        self.numbers += bool(marks)
        self.others += not marks
        if len(marks) == 1:
            self.certain[marks[0]] += 1
        elif marks and not self.doubtful and is_doubtful(text):
            self.doubtful = text.strip()

    @property
    def mark(self) -> DecimalMark | None:
        """The decimal mark of most cells; None where none or as many speak for the other."""
        points, commas = self.certain["."], self.certain[","]
        if points == commas:
            return None
        return "." if points > commas else ","

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
    if value.lower() in _TRUTHS:
        return _TRUTHS[value.lower()]
    marks = marks_of(value)
    if not marks or (mark not in marks and not value.lstrip("+-").isdigit()):
        return text
    if mark == ",":
        return float(value.replace(".", "").replace(",", "."))
    return float(value.replace(",", ""))
