"""What the columns of a table hold: a table has only text, so all values of a column decide.

A column is a column of numbers when every value in it is one, all written the same way, with a
decimal point or with a decimal comma. Text is the honest answer wherever a number could mean two
things (is ``1.299`` a thousand or one and a bit?) or is no quantity (``00123``).
"""

import re
from dataclasses import dataclass, field
from typing import Final

_TRUTHS: Final = {"true": True, "false": False}
_POINT = re.compile(r"[+-]?(\d+|[1-9]\d{0,2}(,\d{3})+)(\.\d+)?([eE][+-]?\d{1,2})?")
_COMMA = re.compile(r"[+-]?(\d+|[1-9]\d{0,2}(\.\d{3})+)(,\d+)?")
_CODE = re.compile(r"[+-]?0\d")
_DIGITS_KEPT: Final = 15
"""Decimal digits that every float64 keeps."""


@dataclass(slots=True)
class ColumnEvidence:
    """What has been seen of one column.

    Attributes:
        point_is_decimal: Whether the file's own conventions settle that a lone point is a decimal
            point: in a file whose cells are parted by commas it is.
    """

    point_is_decimal: bool
    _seen: bool = field(default=False, init=False)
    _truths: bool = field(default=True, init=False)
    _point: bool = field(default=True, init=False)
    _comma: bool = field(default=True, init=False)
    _ambiguous_point: bool = field(default=False, init=False)
    _ambiguous_comma: bool = field(default=False, init=False)

    def add(self, text: str) -> None:
        """Look at one value; blank ones say nothing."""
        value = text.strip()
        if not value:
            return
        self._seen = True
        self._truths = self._truths and value.lower() in _TRUTHS
        if not (self._point or self._comma):
            return
        digits = sum(letter.isdigit() for letter in value)
        number = value.isascii() and digits <= _DIGITS_KEPT and not _CODE.match(value)
        point = number and _POINT.fullmatch(value) is not None
        comma = number and _COMMA.fullmatch(value) is not None
        if point and comma:
            self._ambiguous_point = self._ambiguous_point or "." in value
            self._ambiguous_comma = self._ambiguous_comma or "," in value
        self._point = self._point and point
        self._comma = self._comma and comma

    @property
    def kind(self) -> str:
        """``boolean``, ``point`` or ``comma`` for numbers, or ``text``."""
        if not self._seen:
            return "text"
        if self._truths:
            return "boolean"
        if self._point and self._comma:
            if self._ambiguous_comma or (self._ambiguous_point and not self.point_is_decimal):
                return "text"
            return "point"
        if self._point:
            return "point"
        return "comma" if self._comma else "text"


def typed(text: str, kind: str) -> str | float | bool | None:
    """A value as its column's kind; None for a blank one."""
    value = text.strip()
    if not value:
        return None
    if kind == "boolean":
        return _TRUTHS[value.lower()]
    if kind == "point":
        return float(value.replace(",", ""))
    if kind == "comma":
        return float(value.replace(".", "").replace(",", "."))
    return text
