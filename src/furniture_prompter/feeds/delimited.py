"""CSV and TSV feeds: one product a row under a header row."""

import csv
import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final

from furniture_prompter.domain import FeedItem, FeedNote, SetAside
from furniture_prompter.errors import InvalidFeedError
from furniture_prompter.feeds.cells import (
    KNOWN,
    ColumnEvidence,
    DecimalMark,
    UnusableValueError,
    column_name,
    decimal_marks,
    has_control_characters,
    has_half_pair,
    one_line_at_least,
    shown,
    typed,
)
from furniture_prompter.feeds.folder import PHOTO_EXTENSIONS
from furniture_prompter.feeds.rows import LIMIT_ID, ImageFolder, RowReader, open_unchanged
from furniture_prompter.feeds.text_encoding import (
    BoundedLines,
    LineTooLongError,
    RereadableLines,
    TextEncoding,
    TooMuchRereadError,
    detect_encoding,
    open_text,
)

DELIMITERS: Final = (",", ";", "\t", "|")
_DELIMITER_NAMES: Final = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_LISTS: Final = ("image", "images")
_LIMIT_ID_WORDS: Final = 4
"""An id has rarely more; what a line of a description begins with often has."""
_EXCEL_TEXT: Final = re.compile(r'="((?:[^"]|"")*)"\s*')
LIMIT_COLUMNS: Final = 2_000
"""Named in a header; a row may have a tenth of them as attributes, others being blank."""
_IMAGE_NAME: Final = re.compile(
    rf"\w({'|'.join(map(re.escape, PHOTO_EXTENSIONS))})\b|https?://", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class _Shape:
    """How a file is written.

    Attributes:
        encoding: Name of its encoding.
        delimiter: What parts its cells.
        columns: Column names in order; empty where the header has none.
        header_line: Line where the header ends.
        is_spaced: Whether a blank follows each of the header's delimiters.
    """

    encoding: str
    delimiter: str
    columns: tuple[str, ...]
    header_line: int
    is_spaced: bool


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
            InvalidFeedError: the file cannot be read, is no text, has no usable header, or no row,
                or was written to while it was read.
        """
        try:
            with open_unchanged(self._path) as file:
                yield from self._items(file)
        except TooMuchRereadError as error:
            raise InvalidFeedError(
                f"The feed {self._path} cannot be parted into rows: too many of its quotes are "
                "never closed. Double the quotes inside of cells."
            ) from error

    def _items(self, file: BinaryIO) -> Iterator[FeedItem]:
        encoding = (
            TextEncoding(self._encoding)
            if self._encoding is not None
            else detect_encoding(file, self.name)
        )
        shape = self._shape(file, encoding.name)
        # A table says nothing of how its numbers are written, so all rows are read once before the
        # first is given away: only as much is kept as a column needs.
        evidence = {name: ColumnEvidence() for name in shape.columns if name and name not in KNOWN}
        empty = True
        folder = ImageFolder(self._path.parent)
        for row in _rows(file, shape, folder):
            empty = False
            if not isinstance(row.cells, UnusableValueError):
                for name, column in evidence.items():
                    column.add(row.cells[name])
        if empty:
            raise InvalidFeedError(
                f"The feed {self._path} has a header but no row. Write one product a row under it."
            )
        # Where cells are parted by commas, a decimal comma would have to stand in quotes.
        marks = decimal_marks(evidence, "." if shape.delimiter == "," else None)
        yield from self._notes(encoding, evidence, marks)
        reader = RowReader(self._path)
        for row in _rows(file, shape, folder):
            if isinstance(row.cells, UnusableValueError):
                yield reader.set_aside(row.cells, row.line)
                continue
            fields = _fields(row.cells, marks)
            cells = {name: row.cells[name] for name in marks if not isinstance(fields[name], str)}
            for item in reader.read(fields, row.line, cells):
                yield _cut_off(item) if row.is_open and isinstance(item, SetAside) else item
            if row.doubt is not None:
                yield reader.set_aside(row.doubt, row.line)

    def _notes(
        self,
        encoding: TextEncoding,
        evidence: Mapping[str, ColumnEvidence],
        marks: Mapping[str, DecimalMark | None],
    ) -> Iterator[FeedNote]:
        if encoding.guessed:
            yield FeedNote(
                f"The feed {self._path} is not UTF-8 and was read as {encoding.name}, a guess from "
                "its letters. Where they look wrong, give --text-encoding with the right name, or "
                "save the feed as UTF-8."
            )
        for name, column in evidence.items():
            if not column.needs_telling:
                continue
            mark = marks[name]
            read = "text" if mark is None else f"{typed(column.doubtful, mark):.15g}"
            yield FeedNote(
                f"The column {name} does not tell whether {column.doubtful} has thousands or "
                f"decimals; it was read as {read}. If that is wrong, write whole numbers without a "
                "mark (1299), or decimals that can be meant in one way (1299.50 or 1299,50)."
            )

    def _shape(self, file: BinaryIO, encoding: str) -> _Shape:
        text = open_text(file, encoding)
        lines = BoundedLines(text)
        header, delimiter = self._header(lines)
        text.detach()
        if any("\0" in name or has_half_pair(name) for name in header):
            raise InvalidFeedError(
                f"The header of the feed {self._path} holds bytes that are no {encoding} text. "
                "Save the feed as UTF-8, or name its encoding with --text-encoding."
            )
        columns = self._columns(header, delimiter)
        is_spaced = all(name.startswith(" ") for name in header[1:])
        return _Shape(encoding, delimiter, columns, lines.count, is_spaced)

    def _header(self, lines: BoundedLines) -> tuple[list[str], str]:
        try:
            first = next((line for line in lines if line.strip()), "")
            # Excel's own way of telling the delimiter; other programs put it into quotes.
            told = first.strip("\r\n\ufeff").strip('"')
            if told.lower().startswith("sep=") and len(told) == 5:
                delimiter = told[4]
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
        if len(header) > LIMIT_COLUMNS:
            raise InvalidFeedError(
                f"The header of the feed {self._path} names {len(header):,} columns, more than "
                f"{LIMIT_COLUMNS:,}. Leave out those that nobody will search or filter by."
            )
        columns: list[str] = []
        written: dict[str, str] = {}
        for name in header:
            try:
                column = column_name(name) if name.strip() else ""
            except UnusableValueError as problem:
                raise InvalidFeedError(
                    f"The feed {self._path}: {problem.reason} {problem.cure}"
                ) from problem
            if column and column in written:
                raise InvalidFeedError(
                    f"The columns {shown(written[column])} and {shown(name)} of the feed "
                    f"{self._path} are the same here: {column}. Rename one of them."
                )
            columns.append(column)
            written[column] = name
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


@dataclass(frozen=True, slots=True)
class _Row:
    """A row under the header.

    Attributes:
        line: The line where it begins.
        cells: Its cells by column, or what is wrong with it.
        is_open: Whether the file ends in it, without a line break.
        doubt: Why a line in its quotes may be a row of its own; None where none may.
    """

    line: int
    cells: dict[str, str] | UnusableValueError
    is_open: bool
    doubt: UnusableValueError | None = None


def _rows(file: BinaryIO, shape: _Shape, folder: ImageFolder) -> Iterator[_Row]:
    text = open_text(file, shape.encoding)
    lines = RereadableLines(BoundedLines(text))
    for _ in islice(lines, shape.header_line):
        pass
    reader = csv.reader(lines, delimiter=shape.delimiter, strict=True)
    while True:
        line = lines.count + 1
        lines.mark()
        try:
            cells = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            # A quote that is never closed swallows the rows after it: only its own line is lost.
            lines.reread_after_first()
            yield _Row(line, _broken(error), is_open=False)
            continue
        except LineTooLongError as error:
            yield _Row(line, _broken(error), is_open=False)
            continue
        cells = [_unwrapped(cell) for cell in cells]
        swallowed = _swallowed(lines.since_mark, shape, folder)
        if swallowed is not None and swallowed.is_certain:
            last = lines.count
            lines.reread_after_first()
            yield _Row(line, _swallowing(cells, last, shape), is_open=False)
        elif any(cell.strip() for cell in cells):
            is_open = not lines.since_mark[-1].endswith(("\n", "\r"))
            doubt = _doubt(cells, line + swallowed.below, shape) if swallowed else None
            yield _Row(line, _by_column(cells, shape), is_open, doubt)
    text.detach()


def _unwrapped(cell: str) -> str:
    """A cell without what Excel writes around digits to keep zeros in front: ``="00123"``."""
    found = _EXCEL_TEXT.fullmatch(cell) if cell.startswith("=") else None
    return found[1].replace('""', '"') if found else cell


@dataclass(frozen=True, slots=True)
class _Swallowed:
    """A line inside of quotes that may be a row of its own.

    Attributes:
        below: Lines between it and the one where the row begins that it stands in.
        is_certain: Whether it is more likely a row than part of a description.
    """

    below: int
    is_certain: bool


def _swallowed(lines: Sequence[str], shape: _Shape, folder: ImageFolder) -> _Swallowed | None:
    """What a row's quotes have taken in, of the lines that it spans: a certain row before others.

    A line is a row for certain where it has the header's cells, an id and an image, below a line
    that could be a whole row too, as the one with the stray quote is: descriptions have line breaks
    and commas, but no name of an image where the column of images is. Without one of the two it may
    be either.
    """
    doubtful = None
    under_a_row = False
    for below, line in enumerate(lines):
        if below and (cells := _as_row(line, shape)):
            if under_a_row and _names_image(cells, shape, folder):
                return _Swallowed(below, is_certain=True)
            if doubtful is None and not _is_prose(line.partition('"')[0], shape):
                doubtful = _Swallowed(below, is_certain=False)
        under_a_row = under_a_row or line.count(shape.delimiter) >= len(shape.columns) - 1
    return doubtful


def _as_row(line: str, shape: _Shape) -> list[str]:
    """The cells of a line that can be read as a row by itself; none where it cannot.

    It has as many as the header, surplus blank ones aside, or more with a name of an image among
    them; and something short where the ids are.
    """
    width = len(shape.columns)
    if line.count(shape.delimiter) < width - 1:
        return []
    try:
        cells = next(csv.reader([line], delimiter=shape.delimiter), [])
    except csv.Error:
        return []
    if len(cells) < width or not _could_be_id(cells[shape.columns.index("id")]):
        return []
    surplus = any(cell.strip() for cell in cells[width:])
    return [] if surplus and not any(map(_IMAGE_NAME.search, cells)) else cells


def _could_be_id(cell: str) -> bool:
    return len(cell) <= LIMIT_ID and 0 < len(cell.split()) <= _LIMIT_ID_WORDS


def _names_image(cells: Sequence[str], shape: _Shape, folder: ImageFolder) -> bool:
    """Whether the header's cells, and no more, hold what an image is called or a file that is."""
    if any(cell.strip() for cell in cells[len(shape.columns) :]):
        return False
    given = [cell for name, cell in zip(shape.columns, cells, strict=False) if name in _LISTS]
    return any(_IMAGE_NAME.search(cell) or _is_there(cell, folder) for cell in given)


def _is_there(cell: str, folder: ImageFolder) -> bool:
    first = cell.split("|", 1)[0].strip()
    if not first or has_half_pair(first):
        return False
    try:
        folder.locate(first)
    except UnusableValueError:
        return False
    return True


def _is_prose(text: str, shape: _Shape) -> bool:
    """Whether a blank follows every delimiter, and the file does not write its rows so."""
    count = text.count(shape.delimiter)
    return not shape.is_spaced and 0 < count == text.count(f"{shape.delimiter} ")


def _doubt(cells: Sequence[str], line: int, shape: _Shape) -> UnusableValueError:
    return UnusableValueError(
        f"Line {line} stands in quotes that this row opens, and may be a row of its own; it was "
        "read as part of this one.",
        "Where it is a row, close the quote above it; where it is text, write a blank behind its "
        f"{_DELIMITER_NAMES.get(shape.delimiter, shape.delimiter)}s.",
        _id_at_least(cells, shape),
        hides_ids=True,
    )


def _swallowing(cells: Sequence[str], last: int, shape: _Shape) -> UnusableValueError:
    return UnusableValueError(
        f"A quote that this row opens is closed in line {last} only, and between them stands what "
        "looks like further rows; they were read as rows.",
        "Close the quote, or double it where it belongs to the text.",
        _id_at_least(cells, shape),
        hides_ids=True,
    )


def _broken(error: Exception) -> UnusableValueError:
    return UnusableValueError(
        f"The row cannot be read ({error}).",
        "Close its quotes, double the quotes inside them, and keep cells below "
        f"{csv.field_size_limit():,} characters.",
        hides_ids=True,
    )


def _by_column(cells: Sequence[str], shape: _Shape) -> dict[str, str] | UnusableValueError:
    # Files that were put together keep the byte-order mark that each began with.
    cells = [cells[0].removeprefix("\ufeff"), *cells[1:]]
    width = len(shape.columns)
    if any("\0" in cell or has_half_pair(cell) for cell in cells):
        zeros = any("\0" in cell for cell in cells)
        kind = "zero bytes" if zeros else f"bytes that are no {shape.encoding} text"
        return UnusableValueError(
            f"The row holds {kind}.",
            "Save the feed again as UTF-8 from where it comes from"
            + ("." if zeros else ", or name its encoding with --text-encoding."),
            _id_at_least(cells, shape),
            hides_ids=True,
        )
    if len(cells) < width or any(cell.strip() for cell in cells[width:]):
        name = _DELIMITER_NAMES.get(shape.delimiter, shape.delimiter)
        return UnusableValueError(
            f"The row has {len(cells)} cells under a header of {width}.",
            f"Put cells that hold a {name} into double quotes.",
            # Cells before the one that is missing or too many are right; the first always is.
            _id_at_least(cells, shape) if shape.columns[0] == "id" else "",
            hides_ids=True,
        )
    return {name: cell for name, cell in zip(shape.columns, cells, strict=False) if name}


def _id_at_least(cells: Sequence[str], shape: _Shape) -> str:
    """The id of a row that cannot be read whole; empty where it is not readable itself."""
    index = shape.columns.index("id")
    text = cells[index] if index < len(cells) else ""
    return "" if has_control_characters(text.strip()) else one_line_at_least(text)


def _cut_off(item: SetAside) -> SetAside:
    """A set-aside of a row in which the file ends: it may be cut off there."""
    reason = f"{item.reason} The file ends in this row without a line break, as if it were cut off."
    return replace(item, reason=reason, hides_ids=True)


def _fields(cells: Mapping[str, str], marks: Mapping[str, DecimalMark | None]) -> dict[str, object]:
    fields: dict[str, object] = {}
    for name, cell in cells.items():
        if name in _LISTS:
            fields[name] = cell.split("|")
        else:
            fields[name] = typed(cell, marks[name]) if name in marks else cell
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
