"""Excel and OpenDocument workbooks as records: the sheet with the widest table is read."""

import datetime as dt
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, TypeAlias

from furniture_prompter.domain import FeedNote
from furniture_prompter.errors import InvalidFeedError
from furniture_prompter.feeds.cells import shown
from furniture_prompter.feeds.delimited import LIMIT_COLUMNS
from furniture_prompter.feeds.feed_files import FeedFile
from furniture_prompter.feeds.records import KeyColumns, Record, RecordItem, Value, unique_names
from furniture_prompter.feeds.workbook_extents import (
    refuse_far_binary_cells,
    refuse_far_cells,
    refuse_far_old_cells,
)

if TYPE_CHECKING:
    from python_calamine import CalamineSheet, CalamineWorkbook

LIMIT_UNPACKED_BYTES: Final = 1 << 30
"""Of a workbook's parts, which are held in memory."""
LIMIT_RATIO: Final = 250
_BINARY_WORKBOOK: Final = "xl/workbook.bin"
_ANY_RATIO_BYTES: Final = 32 << 20
_LOOKED_AT_ROWS: Final = 50
"""Rows among which the header is looked for."""

_Cell: TypeAlias = "str | int | float | bool | dt.date | dt.time | dt.timedelta | None"


@dataclass(frozen=True, slots=True)
class _Table:
    """Where a sheet holds a table.

    Attributes:
        sheet: The sheet's name.
        header_row: 0-based place of the header among the sheet's rows.
        columns: Names of its columns in order, none twice; empty where a cell of it is.
        rows: Rows of the sheet, at most.
        is_hidden: Whether the sheet is not shown.
    """

    sheet: str
    header_row: int
    columns: tuple[str, ...]
    rows: int
    is_hidden: bool

    @property
    def width(self) -> int:
        """Columns that have a name."""
        return sum(map(bool, self.columns))


class WorkbookRecords:
    """The rows of a workbook's widest table, cells as numbers, truth values and text.

    Whole numbers come without decimals, dates and times as ISO 8601 text, and lines are those of
    the sheet. A workbook is held in memory while it is read.
    """

    has_types = True

    def __init__(self, file: FeedFile) -> None:
        self._file = file

    @property
    def path(self) -> Path:
        """See :class:`furniture_prompter.feeds.records.RecordSource`."""
        return self._file.path

    @property
    def folder(self) -> Path:
        """See :class:`furniture_prompter.feeds.records.RecordSource`."""
        return self._file.folder

    @property
    def format(self) -> str:
        """See :class:`furniture_prompter.feeds.records.RecordSource`."""
        table = self._tables[0]
        return f"workbook, sheet {table.sheet}, header in row {table.header_row + 1}"

    def columns(self) -> tuple[str, ...]:
        """See :class:`furniture_prompter.feeds.records.RecordSource`."""
        return tuple(name for name in self._tables[0].columns if name)

    def records(self, keys: KeyColumns | None = None) -> Iterator[RecordItem]:
        """See :class:`furniture_prompter.feeds.records.RecordSource`."""
        del keys  # of text files with quotes alone
        table, *others = self._tables
        yield from self._notes(table, others)
        empty = True
        with self._file.open() as file, _opened(file, self.path) as workbook:
            rows = _rows(workbook.get_sheet_by_name(table.sheet))
            for number, cells in rows:
                if number <= table.header_row or cells.count("") == len(cells):
                    continue
                values = [_value(cell) for cell in cells]
                if all(value is None for value in values):
                    continue
                empty = False
                values += [None] * (len(table.columns) - len(values))
                fields = {
                    name: value for name, value in zip(table.columns, values, strict=False) if name
                }
                if any(value is not None for value in fields.values()):
                    yield Record(number + 1, fields)
        if empty:
            raise InvalidFeedError(
                f"The sheet {shown(table.sheet)} of the feed {self.path} has a header but no row. "
                "Write one product a row under it."
            )

    def _notes(self, table: _Table, others: Sequence[_Table]) -> Iterator[FeedNote]:
        if table.is_hidden:
            yield FeedNote(
                f"The feed {self.path} has a table in a hidden sheet only, {shown(table.sheet)}, "
                "which was read."
            )
        shown_names = [shown(other.sheet) for other in others if not other.is_hidden]
        if shown_names:
            yield FeedNote(
                f"Of the workbook {self.path} the sheet {shown(table.sheet)} was read, which has "
                f"the widest table, not {', '.join(shown_names)}. Where that is wrong, save the "
                "right one as a workbook of its own."
            )
        hidden = [shown(other.sheet) for other in others if other.is_hidden]
        if hidden and not table.is_hidden:
            yield FeedNote(f"Hidden sheets of {self.path} were not looked at: {', '.join(hidden)}.")

    @cached_property
    def _tables(self) -> list[_Table]:
        """Every sheet's table, the one to read first."""
        with self._file.open() as file:
            self._refuse_bombs(file)
            with _opened(file, self.path) as workbook:
                tables = list(_tables(workbook))
        if not tables:
            raise InvalidFeedError(
                f"The workbook {self.path} has no sheet with a table: a row that names the "
                "columns, and rows under it."
            )
        tables.sort(key=lambda table: (table.is_hidden, -table.width, -table.rows))
        if len(tables[0].columns) > LIMIT_COLUMNS:
            raise InvalidFeedError(
                f"The header of the feed {self.path} names {len(tables[0].columns):,} columns, "
                f"more than {LIMIT_COLUMNS:,}. Leave out those that nobody will search or filter "
                "by."
            )
        return tables

    def _refuse_bombs(self, file: BinaryIO) -> None:
        file.seek(0)
        if not zipfile.is_zipfile(file):
            try:
                refuse_far_old_cells(file, self.path)
            except (ValueError, struct.error) as error:
                raise _unreadable(self.path, error) from error
            return
        file.seek(0)
        try:
            with zipfile.ZipFile(file) as archive:
                parts = archive.infolist()
                self._refuse_size(parts)
                is_binary = any(part.filename.lower() == _BINARY_WORKBOOK for part in parts)
                for part in parts:
                    # Any part may be a sheet: the workbook says which, under any name.
                    with archive.open(part) as content:
                        refuse_far_cells(content, self.path)
                    if is_binary:
                        with archive.open(part) as content:
                            refuse_far_binary_cells(content, self.path)
        except (
            *(zipfile.BadZipFile, zlib.error, EOFError, ValueError, OSError),
            *(NotImplementedError, RuntimeError),
        ) as error:
            raise _unreadable(self.path, error) from error

    def _refuse_size(self, parts: Sequence[zipfile.ZipInfo]) -> None:
        size = sum(part.file_size for part in parts)
        packed = sum(part.compress_size for part in parts)
        if size > LIMIT_UNPACKED_BYTES or (
            size > _ANY_RATIO_BYTES and size > LIMIT_RATIO * max(packed, 1)
        ):
            raise InvalidFeedError(
                f"The workbook {self.path} unpacks to {size:,} bytes from {packed:,}, more than is "
                "read. Save its table as CSV (UTF-8) and give that."
            )


class _opened:  # noqa: N801  # a context manager is called as a function is
    """calamine's workbook of an open file; its errors become one sentence."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self._file = file
        self._path = path
        self._workbook: CalamineWorkbook | None = None

    def __enter__(self) -> "CalamineWorkbook":
        from python_calamine import CalamineError, CalamineWorkbook, PasswordError

        self._file.seek(0)
        try:
            self._workbook = CalamineWorkbook.from_filelike(self._file)
        except PasswordError as error:
            raise InvalidFeedError(
                f"The workbook {self._path} is protected by a password. Save it without one."
            ) from error
        except (CalamineError, OSError, ValueError) as error:
            raise _unreadable(self._path, error) from error
        except BaseException as error:
            if _is_panic(error):
                raise _unreadable(self._path, error) from error
            raise
        return self._workbook

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        from python_calamine import CalamineError

        if self._workbook is not None:
            self._workbook.close()
        if error is not None and (isinstance(error, CalamineError) or _is_panic(error)):
            raise _unreadable(self._path, error) from error


def _is_panic(error: BaseException) -> bool:
    """Whether the library's compiled part gave up, which it tells as no Exception."""
    return type(error).__name__ == "PanicException"


def _unreadable(path: Path, error: BaseException) -> InvalidFeedError:
    words = " ".join(str(error).split())[:200]
    return InvalidFeedError(
        f"The workbook {path} cannot be read ({words}). Save it again, or its table as CSV (UTF-8)."
    )


def _tables(workbook: "CalamineWorkbook") -> Iterator[_Table]:
    from python_calamine import SheetTypeEnum, SheetVisibleEnum

    for sheet in workbook.sheets_metadata:
        if sheet.typ != SheetTypeEnum.WorkSheet:
            continue
        cells = workbook.get_sheet_by_name(sheet.name)
        table = _table(cells, is_hidden=sheet.visible != SheetVisibleEnum.Visible)
        if table is not None:
            yield table


def _rows(sheet: "CalamineSheet") -> Iterator[tuple[int, list[_Cell]]]:
    """0-based numbers and cells of a sheet's rows."""
    start = sheet.start
    if start is None:
        return
    for number, cells in enumerate(sheet.iter_rows()):
        yield number, list(cells)


def _table(sheet: "CalamineSheet", *, is_hidden: bool) -> _Table | None:
    """The table of a sheet: its header is the first row that is nearly as wide as the widest.

    Titles and dates above a table fill a cell or two, and a header holds texts alone.
    """
    head: list[tuple[int, list[Value]]] = []
    for number, cells in _rows(sheet):
        head.append((number, [_value(cell) for cell in cells]))
        if len(head) >= _LOOKED_AT_ROWS:
            break
    widths = [sum(value is not None for value in values) for _, values in head]
    widest = max(widths, default=0)
    for (number, values), width, below in zip(head, widths, [*head[1:], (0, [])], strict=False):
        texts = sum(isinstance(value, str) for value in values)
        if width and texts == width and (width >= max(2, widest * 0.6) or widest == 1):
            names = ["" if value is None else " ".join(str(value).split()) for value in values]
            last = max(place for place, name in enumerate(names) if name) + 1
            named = _merged_names(sheet, number, names[:last])
            if parted := _parted_names(sheet, number, named, below[1]):
                number, named = below[0], parted
            return _Table(sheet.name, number, tuple(unique_names(named)), sheet.height, is_hidden)
    return None


def _parted_names(
    sheet: "CalamineSheet", row: int, names: Sequence[str], below: Sequence[Value]
) -> list[str]:
    """Names of two rows: one that spans several columns, and below it what each of them is.

    Empty where the row below says something of other columns as well, and so is one of values.
    """
    spanned = {
        place
        for (top, left), (bottom, right) in sheet.merged_cell_ranges or []
        if top <= row <= bottom and right > left
        for place in range(left, min(right, len(names) - 1) + 1)
    }
    said = {place: value for place, value in enumerate(below) if value is not None}
    texts = [value for value in said.values() if isinstance(value, str)]
    if not texts or not said.keys() <= spanned:
        return []
    return [f"{name} {said[place]}" if place in said else name for place, name in enumerate(names)]


def _merged_names(sheet: "CalamineSheet", row: int, names: list[str]) -> list[str]:
    """Names of which one that spans several columns is the name of each."""
    named = list(names)
    for (top, left), (bottom, right) in sheet.merged_cell_ranges or []:
        if top <= row <= bottom and left < len(named) and named[left]:
            for place in range(left + 1, min(right, LIMIT_COLUMNS) + 1):
                if place >= len(named):
                    named.append(named[left])
                elif not named[place]:
                    named[place] = named[left]
    return named


def _value(cell: _Cell) -> Value:
    if cell is None or isinstance(cell, bool | int):
        return cell
    if isinstance(cell, float):
        return int(cell) if cell.is_integer() and abs(cell) < 2**53 else cell
    if isinstance(cell, dt.datetime) and cell.time() == dt.time():
        return cell.date().isoformat()
    if isinstance(cell, dt.date | dt.time):
        return cell.isoformat()
    if isinstance(cell, dt.timedelta):
        return str(cell)
    text = cell.strip()
    return text or None
