"""CSV and its kin: one product a row under a row of column names."""

import csv
import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO

from furniture_prompter.domain import FeedItem
from furniture_prompter.errors import InvalidFeedError
from furniture_prompter.feeds.column_names import KNOWN, column_name
from furniture_prompter.feeds.column_types import ColumnEvidence, typed
from furniture_prompter.feeds.rows import RowReader
from furniture_prompter.feeds.text_encoding import (
    BoundedLines,
    LineTooLongError,
    RereadableLines,
    detect_encoding,
    open_text,
)
from furniture_prompter.feeds.wording import (
    UnusableValueError,
    has_half_pair,
    one_line,
    shown,
)

DELIMITERS: Final = (",", ";", "\t", "|")
_DELIMITER_NAMES: Final = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_LISTS: Final = ("image", "images")


@dataclass(frozen=True, slots=True)
class _Shape:
    """How a file is written.

    Attributes:
        encoding: Name of its encoding.
        delimiter: What parts its cells.
        columns: Column names in order; empty where the header has none.
        header_line: Line where the header ends.
    """

    encoding: str
    delimiter: str
    columns: tuple[str, ...]
    header_line: int


class DelimitedFeed:
    """A feed of a CSV or TSV file."""

    def __init__(self, path: Path, encoding: str | None = None) -> None:
        self._path = path
        self._encoding = encoding

    @property
    def name(self) -> str:
        """See :class:`furniture_prompter.domain.Feed`."""
        return str(self._path)

    def items(self) -> Iterator[FeedItem]:
        """See :class:`furniture_prompter.domain.Feed`.

        Raises:
            InvalidFeedError: the file cannot be read, is no text, has no usable header, or no row.
        """
        try:
            yield from self._items()
        except OSError as error:
            raise InvalidFeedError(
                f"The feed {self._path} cannot be read ({error.strerror}). Check its permissions."
            ) from error
        except UnicodeDecodeError as error:
            raise InvalidFeedError(
                f"The feed {self._path} is not {error.encoding}, as it seemed to be. Save it as "
                "UTF-8."
            ) from error

    def _items(self) -> Iterator[FeedItem]:
        shape = self._shape()
        # A table says nothing of its columns' types, so all rows are read once before the first
        # is given away: only as much is kept as a column needs.
        evidence = {
            name: ColumnEvidence(point_is_decimal=shape.delimiter != ";")
            for name in shape.columns
            if name and name not in KNOWN
        }
        empty = True
        for _, cells in self._rows(shape):
            empty = False
            if not isinstance(cells, UnusableValueError):
                for name, column in evidence.items():
                    column.add(cells[name])
        if empty:
            raise InvalidFeedError(
                f"The feed {self._path} has a header but no row. Write one product a row under it."
            )
        kinds = {name: column.kind for name, column in evidence.items()}
        reader = RowReader(self._path)
        for line, cells in self._rows(shape):
            if isinstance(cells, UnusableValueError):
                yield reader.set_aside(cells, line)
            else:
                yield from reader.read(_fields(cells, kinds), line)

    def _shape(self) -> _Shape:
        encoding = self._encoding
        if encoding is None:
            with self._path.open("rb") as file:
                encoding = detect_encoding(file, self.name)
        with open_text(self._path, encoding) as text:
            lines = BoundedLines(text)
            header, delimiter = self._header(lines)
            return _Shape(encoding, delimiter, self._columns(header, delimiter), lines.count)

    def _header(self, lines: BoundedLines) -> tuple[list[str], str]:
        try:
            first = next((line for line in lines if line.strip()), "")
            # Excel's own way of telling the delimiter.
            if first.lower().startswith("sep=") and len(first.strip("\r\n")) == 5:
                delimiter = first[4]
                first = next((line for line in lines if line.strip()), "")
            else:
                delimiter = _delimiter(first)
            if not first:
                raise InvalidFeedError(
                    f"The feed {self._path} is empty. Its first line has to name the columns, "
                    "such as id,title,image."
                )
            return next(
                csv.reader(_Pushed(first, lines), delimiter=delimiter, strict=True)
            ), delimiter
        except (csv.Error, LineTooLongError) as error:
            raise InvalidFeedError(
                f"The header of the feed {self._path} cannot be read ({error}). Its first line has "
                "to name the columns, such as id,title,image."
            ) from error

    def _columns(self, header: Sequence[str], delimiter: str) -> tuple[str, ...]:
        columns: list[str] = []
        for name in header:
            try:
                column = column_name(name) if name.strip() else ""
            except UnusableValueError as problem:
                raise InvalidFeedError(
                    f"The feed {self._path}: {problem.reason} {problem.cure}"
                ) from problem
            if column and column in columns:
                twin = header[columns.index(column)]
                raise InvalidFeedError(
                    f"The columns {shown(twin)} and {shown(name)} of the feed {self._path} are "
                    f"the same here: {column}. Rename one of them."
                )
            columns.append(column)
        for wanted, spellings in (("id", ("id",)), ("image", _LISTS)):
            if not set(spellings) & set(columns):
                raise InvalidFeedError(self._missing(wanted, header, columns, delimiter))
        return tuple(columns)

    def _missing(
        self, wanted: str, header: Sequence[str], columns: Sequence[str], delimiter: str
    ) -> str:
        found = ", ".join(shown(name) for name in header)
        near = difflib.get_close_matches(wanted, columns, n=1, cutoff=0.5)
        cure = (
            f"Rename {shown(header[columns.index(near[0])])} to {wanted}."
            if near
            else f"Add a column {wanted}, or rename the one that means it."
        )
        return (
            f"The feed {self._path} has no column {wanted}. Parted at every "
            f"{_DELIMITER_NAMES.get(delimiter, delimiter)}, its header names {found}. {cure}"
        )

    def _rows(self, shape: _Shape) -> Iterator[tuple[int, dict[str, str] | UnusableValueError]]:
        """Rows under the header by the line where they begin: cells by column, or what is wrong."""
        with open_text(self._path, shape.encoding) as text:
            yield from _read_rows(text, shape)


def _read_rows(
    text: TextIO, shape: _Shape
) -> Iterator[tuple[int, dict[str, str] | UnusableValueError]]:
    lines = RereadableLines(BoundedLines(text))
    for _ in range(shape.header_line):
        next(lines)
    reader = csv.reader(lines, delimiter=shape.delimiter, strict=True)
    while True:
        line = lines.count + 1
        lines.mark()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            # A quote that is never closed swallows the rows after it: only its own line is lost.
            lines.reread_after_first()
            yield line, _broken(error)
            continue
        except LineTooLongError as error:
            yield line, _broken(error)
            continue
        if cells and any(cell.strip() for cell in cells):
            yield line, _by_column(cells, shape)


def _broken(error: Exception) -> UnusableValueError:
    return UnusableValueError(
        f"The row cannot be read ({error}).",
        "Close its quotes, double the quotes inside them, and keep cells below "
        f"{csv.field_size_limit():,} characters.",
    )


def _by_column(cells: Sequence[str], shape: _Shape) -> dict[str, str] | UnusableValueError:
    width = len(shape.columns)
    if len(cells) < width or any(cell.strip() for cell in cells[width:]):
        name = _DELIMITER_NAMES.get(shape.delimiter, shape.delimiter)
        # Cells before the one that is missing or too many are right; the first always is.
        first = cells[0] if shape.columns[0] == "id" and not has_half_pair(cells[0]) else ""
        return UnusableValueError(
            f"The row has {len(cells)} cells under a header of {width}.",
            f"Put cells that hold a {name} into double quotes.",
            one_line(first),
        )
    return {name: cell for name, cell in zip(shape.columns, cells, strict=False) if name}


def _fields(cells: Mapping[str, str], kinds: Mapping[str, str]) -> dict[str, object]:
    fields: dict[str, object] = {}
    for name, cell in cells.items():
        if name in _LISTS:
            fields[name] = cell.split("|")
        else:
            fields[name] = typed(cell, kinds[name]) if name in kinds else cell
    return fields


def _delimiter(header: str) -> str:
    """What parts the header's cells: what it holds most of, outside of quotes."""
    outside = "".join(header.split('"')[::2])
    return max(DELIMITERS, key=outside.count)


class _Pushed:
    """Lines with one that has already been read put back in front."""

    def __init__(self, first: str, lines: BoundedLines) -> None:
        self._first: str | None = first
        self._lines = lines

    def __iter__(self) -> "_Pushed":
        return self

    def __next__(self) -> str:
        first, self._first = self._first, None
        return next(self._lines) if first is None else first
