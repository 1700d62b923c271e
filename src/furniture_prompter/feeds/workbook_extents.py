"""How far the cells of a workbook's sheets reach, told before the sheets are held in memory.

A sheet is held as the rectangle around its cells, so one far cell, or one that says that it is
repeated a million times, takes memory for all that lies between.
"""

from collections.abc import Callable
from pathlib import Path
from typing import IO, Final
from xml.parsers import expat

from furniture_prompter.errors import InvalidFeedError

LIMIT_CELLS: Final = 100_000_000
"""Of the rectangle around a sheet's cells, which takes memory whether they are filled or not."""
_CHUNK_BYTES: Final = 1 << 20
_LARGEST: Final = 1 << 32
_LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_FILLED: Final = frozenset(("value-type", "formula"))


class _OtherPartError(Exception):
    """A part of a workbook that holds no cells."""


def refuse_far_cells(part: IO[bytes], path: Path) -> None:
    """Read one part of a workbook, and refuse it if its cells lie too far apart.

    Args:
        part: A sheet of Excel, the content of an OpenDocument file, or any other part, of which
            nothing but the first element is read.
        path: The workbook, for messages.

    Raises:
        InvalidFeedError: cells are too far apart, or the part declares entities.
        ValueError: a part with cells is broken XML.
    """
    extent = _Extent(path)
    parser = expat.ParserCreate()
    parser.StartElementHandler = extent.start
    parser.EntityDeclHandler = extent.entity
    try:
        while data := part.read(_CHUNK_BYTES):
            parser.Parse(data)
        parser.Parse(b"", True)  # noqa: FBT003  # its only form
    except _OtherPartError:
        return
    except expat.ExpatError as error:
        if extent.has_cells:
            raise ValueError(f"broken XML: {error}") from error
    finally:
        # A parser and its handlers refer to each other.
        parser.StartElementHandler = None
        parser.EntityDeclHandler = None


class _Extent:
    """Follows the rows and cells of a sheet, in Excel's or OpenDocument's words."""

    def __init__(self, path: Path) -> None:
        self.has_cells = False
        self._path = path
        self._row = self._column = 0
        self._rows = self._columns = 0
        self._row_repeats = 1
        self._passed = 0
        self._on: Callable[[str, dict[str, str]], None] | None = None

    def entity(self, *_: object) -> None:
        """Entities grow without end, and no spreadsheet writes any."""
        raise InvalidFeedError(
            f"The workbook {self._path} declares entities, which is refused. Save it again, or its "
            "table as CSV (UTF-8)."
        )

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        local = name.rpartition(":")[2]
        if self._on is not None:
            self._on(local, attributes)
        elif local == "worksheet":
            self._on, self.has_cells = self._of_excel, True
        elif local == "document-content":
            self._on, self.has_cells = self._of_opendocument, True
        else:
            raise _OtherPartError

    def _of_excel(self, name: str, attributes: dict[str, str]) -> None:
        if name == "row":
            self._row = _number(attributes.get("r"), self._row + 1)
            self._column = 0
        elif name == "c":
            letters = attributes.get("r", "").strip().upper()
            digits = letters.lstrip(_LETTERS)
            row, self._column = _number(digits, self._row), self._column + 1
            if letters:
                self._column = _column_number(letters[: len(letters) - len(digits)])
            # Rows whose cells say where they are need not say so themselves.
            self._row = row
            self._reach(row, self._column)

    def _of_opendocument(self, name: str, attributes: dict[str, str]) -> None:
        if name == "table":
            self._rows = self._columns = self._row = self._column = self._passed = 0
        elif name == "table-row":
            self._passed += self._row_repeats * self._column
            self._row += self._row_repeats if self._row else 1
            self._row_repeats = _number(_local(attributes, "number-rows-repeated"), 1)
            self._column = 0
        elif name in {"table-cell", "covered-table-cell"}:
            first = self._column + 1
            self._column += _number(_local(attributes, "number-columns-repeated"), 1)
            # Empty cells behind the last filled one are not kept, however many they are.
            if any(each.rpartition(":")[2] in _FILLED for each in attributes):
                self._reach(self._row + self._row_repeats - 1, max(first, self._column))

    def _reach(self, row: int, column: int) -> None:
        self._rows, self._columns = max(self._rows, row), max(self._columns, column)
        # Blank rows are gone through cell by cell once a filled one follows.
        if max(self._rows * self._columns, self._passed) > LIMIT_CELLS:
            raise InvalidFeedError(
                f"A sheet of the workbook {self._path} has cells as far as row {self._rows:,} and "
                f"column {self._columns:,}, too far to be held in memory. Delete the empty rows "
                "and columns behind the table, or save it as CSV (UTF-8)."
            )


def _local(attributes: dict[str, str], name: str) -> str | None:
    """An attribute, whatever its prefix is."""
    return next(
        (value for key, value in attributes.items() if key.rpartition(":")[2] == name), None
    )


def _number(text: str | None, otherwise: int) -> int:
    """A whole number above 0; what is longer than any sheet is as far as can be told."""
    digits = (text or "").strip()
    if not (digits.isascii() and digits.isdecimal()):
        return otherwise
    return min(int(digits[:12]), _LARGEST)


def _column_number(letters: str) -> int:
    number = 0
    for letter in letters[:8]:
        number = number * 26 + _LETTERS.index(letter) + 1
    return number
