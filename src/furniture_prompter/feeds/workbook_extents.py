"""How far the cells of a workbook's sheets reach, told before the sheets are held in memory.

A sheet is held as the rectangle around its cells, so one far cell, or one that says that it is
repeated a million times, takes memory for all that lies between.
"""

from collections.abc import Callable
from pathlib import Path
from typing import IO, BinaryIO, Final
from xml.parsers import expat

from furniture_prompter.errors import InvalidFeedError
from furniture_prompter.feeds.binary_extents import OldWorkbook, Reach, binary_sheet

LIMIT_CELLS: Final = 50_000_000
"""Of the rectangle around a sheet's cells, which takes memory whether they are filled or not."""
_ANY_CELLS: Final = 5_000_000
_LIMIT_SPARSE: Final = 32
"""Cells of that rectangle for each filled one, where it is a large one."""
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
        extent.close()
    except _OtherPartError:
        return
    except expat.ExpatError as error:
        if extent.has_cells:
            raise ValueError(f"broken XML: {error}") from error
    finally:
        # A parser and its handlers refer to each other.
        parser.StartElementHandler = None
        parser.EntityDeclHandler = None


def refuse_far_binary_cells(part: IO[bytes], path: Path) -> None:
    """Read one part of a workbook that is no XML, and refuse it if its cells lie too far apart.

    Args:
        part: A sheet in binary records; of other parts that are none it is read too, to no end.
        path: The workbook, for messages.

    Raises:
        InvalidFeedError: cells are too far apart.
    """
    extent = _Extent(path)
    binary_sheet(part, extent.reach)
    extent.close()


def refuse_far_old_cells(file: BinaryIO, path: Path) -> None:
    """Refuse an ``.xls`` whose cells lie too far apart.

    Args:
        file: The workbook.
        path: It, for messages.

    Raises:
        InvalidFeedError: cells are too far apart.
        ValueError: it is damaged.
    """
    extent = _Extent(path)

    def begin() -> Reach:
        extent.close()
        return extent.reach

    OldWorkbook(file).sheets(begin)
    extent.close()


class _Extent:
    """Follows the rows and cells of a sheet, in Excel's or OpenDocument's words."""

    def __init__(self, path: Path) -> None:
        self.has_cells = False
        self._path = path
        self._row = self._column = 0
        self._rows = self._columns = 0
        self._row_repeats = 1
        self._passed = self._filled = 0
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
            self.reach(row, self._column)

    def _of_opendocument(self, name: str, attributes: dict[str, str]) -> None:
        if name == "table":
            self.close()
            self._row = self._column = self._passed = 0
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
                column = max(first, self._column)
                cells = self._row_repeats * (column - first + 1)
                self.reach(self._row + self._row_repeats - 1, column, cells)

    def reach(self, row: int, column: int, cells: int = 1) -> None:
        """A cell that holds something, or the last of several beside and below each other."""
        self._filled += cells
        self._rows, self._columns = max(self._rows, row), max(self._columns, column)
        # Blank rows are gone through cell by cell once a filled one follows.
        if max(self._rows * self._columns, self._passed) > LIMIT_CELLS:
            raise self._too_far()

    def close(self) -> None:
        """A sheet is over: it may be large, or have a few cells far from each other, not both."""
        size = max(self._rows * self._columns, self._passed)
        if size > max(_ANY_CELLS, _LIMIT_SPARSE * self._filled):
            raise self._too_far()
        self._rows = self._columns = self._filled = 0

    def _too_far(self) -> InvalidFeedError:
        return InvalidFeedError(
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
