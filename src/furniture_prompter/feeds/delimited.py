"""CSV and TSV files as records: encoding, delimiter and quotes are found out, cells stay text."""

import csv
import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final, TextIO

from furniture_prompter.domain import FeedNote, SetAside
from furniture_prompter.errors import InvalidFeedError
from furniture_prompter.feeds.cells import UnusableValueError, has_half_pair, shown
from furniture_prompter.feeds.feed_files import FeedFile
from furniture_prompter.feeds.records import KeyColumns, Record, RecordItem, unique_names
from furniture_prompter.feeds.rows import ImageFolder
from furniture_prompter.feeds.stray_quotes import (
    DELIMITER_NAMES,
    RowShape,
    doubt,
    id_at_least,
    swallowed,
    swallowing,
)
from furniture_prompter.feeds.text_encoding import (
    BoundedLines,
    LineTooLongError,
    RereadableLines,
    TextEncoding,
    TooMuchRereadError,
    detect_encoding,
    open_text,
)

DELIMITERS: Final = tuple(DELIMITER_NAMES)
LIMIT_COLUMNS: Final = 2_000
"""Named in a header; a row may have a tenth of them as attributes, others being blank."""
_TOLD_ALIKE: Final = 100
"""Rows one after another that are told to be broken in the same way; more are told together."""
_LINES_ABOVE: Final = 10
_AMAZON: Final = re.compile(r"\ufeff?\"?(?:TemplateType=|settings=)(?:[^\t\n]*attributeRow=(\d))?")
_EXCEL_TEXT: Final = re.compile(r'="((?:[^"]|"")*)"\s*')


@dataclass(frozen=True, slots=True)
class TableShape:
    """How a file is written.

    Attributes:
        encoding: Its encoding.
        delimiter: What parts its cells.
        columns: Column names in order, none twice; empty where the header has none.
        header_line: Line where the header ends.
        is_spaced: Whether a blank follows each of the header's delimiters.
        above: What stands above the header; empty where it is the first line.
    """

    encoding: TextEncoding
    delimiter: str
    columns: tuple[str, ...]
    header_line: int
    is_spaced: bool
    above: str = ""


class DelimitedRecords:
    """The rows of a CSV or TSV file, every cell as the text that stands there.

    Of columns that have the same name the second is ``name.2``; one without a name is passed over.
    """

    has_types = False

    def __init__(self, file: FeedFile, encoding: str | None = None) -> None:
        self._file = file
        self._encoding = encoding

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
        name = DELIMITER_NAMES.get(self.shape.delimiter, repr(self.shape.delimiter))
        return f"CSV, {name}s, {self.shape.encoding.name}"

    def columns(self) -> tuple[str, ...]:
        """See :class:`furniture_prompter.feeds.records.RecordSource`."""
        return tuple(name for name in self.shape.columns if name)

    @cached_property
    def shape(self) -> TableShape:
        """How the file is written.

        Raises:
            InvalidFeedError: it cannot be read, is no text, or has no usable header.
        """
        with self._file.open() as file:
            encoding = (
                TextEncoding(self._encoding)
                if self._encoding is not None
                else detect_encoding(file, str(self.path))
            )
            with _text_of(file, encoding.name) as text:
                lines = BoundedLines(text)
                header, delimiter, ends, above = self._header(lines)
        if any("\0" in name or has_half_pair(name) for name in header):
            raise InvalidFeedError(
                f"The header of the feed {self.path} holds bytes that are no {encoding.name} text. "
                "Save the feed as UTF-8, or name its encoding with --text-encoding."
            )
        if len(header) > LIMIT_COLUMNS:
            raise InvalidFeedError(
                f"The header of the feed {self.path} names {len(header):,} columns, more than "
                f"{LIMIT_COLUMNS:,}. Leave out those that nobody will search or filter by."
            )
        is_spaced = all(name.startswith(" ") for name in header[1:])
        columns = tuple(unique_names(header))
        return TableShape(encoding, delimiter, columns, ends, is_spaced, above)

    def records(self, keys: KeyColumns | None = None) -> Iterator[RecordItem]:
        """See :class:`furniture_prompter.feeds.records.RecordSource`.

        A row with too many or too few cells, bytes that are no text or broken quotes is set aside.
        """
        shape = self.shape
        if shape.encoding.guessed:
            yield FeedNote(
                f"The feed {self.path} is not UTF-8 and was read as {shape.encoding.name}, a guess "
                "from its letters. Where they look wrong, give --text-encoding with the right "
                "name, or save the feed as UTF-8."
            )
        if shape.above:
            yield FeedNote(
                f"Lines above the names of the columns were passed over ({shown(shape.above)}); "
                f"line {shape.header_line} names them."
            )
        empty = True
        try:
            with (
                self._file.open() as file,
                _text_of(file, shape.encoding.name) as text,
                closing(self._rows(text, shape, keys)) as rows,
            ):
                for item in _told_together(rows):
                    empty = False
                    yield item
        except TooMuchRereadError as error:
            raise InvalidFeedError(
                f"The feed {self.path} cannot be parted into rows: too many of its quotes are "
                "never closed. Double the quotes inside of cells."
            ) from error
        if empty:
            raise InvalidFeedError(
                f"The feed {self.path} has a header but no row. Write one product a row under it."
            )

    def _rows(
        self, text: TextIO, shape: TableShape, keys: KeyColumns | None
    ) -> Generator[RecordItem, None, None]:
        lines = RereadableLines(BoundedLines(text))
        for _ in islice(lines, shape.header_line):
            pass
        row_shape = _row_shape(shape, keys)
        folder = ImageFolder(self.folder)
        delimiter, width, columns = shape.delimiter, len(shape.columns), shape.columns
        has_blank_names = "" in columns
        limit = csv.field_size_limit()
        quoted = _Pushed(lines)
        reader = csv.reader(quoted, delimiter=delimiter, strict=True)
        while True:
            yield from _plain_records(lines, shape)
            line = lines.count + 1
            lines.mark()
            try:
                first = next(lines)
                if '"' not in first and len(first) <= limit:
                    cells = first.rstrip("\r\n").split(delimiter)
                else:
                    quoted.push(first)
                    cells = next(reader)
                    if '="' in first or any('="' in part for part in lines.since_mark[1:]):
                        cells = [_unwrapped(cell) for cell in cells]
            except StopIteration:
                break
            except csv.Error as error:
                # A quote that is never closed swallows the rows after it: only its own line is
                # lost.
                lines.reread_after_first()
                plain = _quoted_in_tabs(first) if delimiter == "\t" else []
                if len(plain) == width:
                    fields = dict(zip(columns, plain, strict=True))
                    fields.pop("", None)
                    yield Record(line, fields, may_be_cut=not first.endswith(("\n", "\r")))
                else:
                    yield self._file.set_aside(_broken(error), line)
                continue
            except LineTooLongError as error:
                yield self._file.set_aside(_broken(error), line)
                continue
            taken = lines.since_mark
            found = swallowed(taken, row_shape, folder) if len(taken) > 1 else None
            if found is not None and found.is_certain:
                last = lines.count
                lines.reread_after_first()
                yield self._file.set_aside(swallowing(cells, last, row_shape), line)
                continue
            if not cells or (not cells[0].strip() and not any(map(str.strip, cells))):
                continue
            if cells[0].startswith("\ufeff"):
                # Files that were put together keep the byte-order mark that each began with.
                cells[0] = cells[0].removeprefix("\ufeff")
            if len(cells) == width and _is_clean(taken):
                fields = dict(zip(columns, cells, strict=True))
            else:
                problem = _problem(cells, shape, row_shape)
                if problem is not None:
                    yield self._file.set_aside(problem, line)
                    continue
                fields = dict(zip(columns, cells, strict=False))
            if has_blank_names:
                del fields[""]
            yield Record(line, fields, may_be_cut=not taken[-1].endswith(("\n", "\r")))
            if found is not None:
                yield self._file.set_aside(doubt(cells, line + found.below, row_shape), line)

    def _header(self, lines: BoundedLines) -> tuple[list[str], str, int, str]:
        """The header's cells, what parts them, the line where it ends, and the first one above."""
        try:
            first = next((line for line in lines if line.strip()), "")
            # Excel's own way of telling the delimiter; other programs put it into quotes.
            told = first.strip("\r\n\ufeff").strip('"')
            delimiter = ""
            if told.lower().startswith("sep=") and len(told) == 5:
                delimiter = told[4]
                first = next((line for line in lines if line.strip()), "")
            if not first:
                raise InvalidFeedError(
                    f"The feed {self.path} is empty. Its first line has to name the columns, "
                    "such as id,title,image."
                )
            line, above = lines.count, ""
            if found := _header_below(first, lines, delimiter):
                line, first, above = lines.count, found, first
            delimiter = delimiter or likeliest_delimiter(first)
            pushed = _Pushed(lines)
            pushed.push(first)
            header = csv.reader(pushed, delimiter=delimiter, strict=True)
            cells, told = next(header), above.strip(f'{delimiter} \t\r\n\ufeff"')
            return cells, delimiter, line + header.line_num - 1, told
        except (csv.Error, LineTooLongError) as error:
            raise InvalidFeedError(
                f"The header of the feed {self.path} cannot be read ({error}). Its first line has "
                "to name the columns, such as id,title,image."
            ) from error


def _header_below(first: str, lines: Iterator[str], delimiter: str) -> str:
    """The line that names the columns where the first is a title above the table; else empty.

    A title is one cell alone; within the next lines stands one of three cells and more. Amazon's
    templates say themselves in which row names stand, else in the third.
    """
    amazon = _AMAZON.match(first)
    if amazon:
        row = int(amazon[1] or 3)
        return next(islice(lines, row - 2, None), "") if row > 1 else ""
    if len(_cells_in(first, delimiter)) > 1 or first.count('"') % 2:
        return ""
    below = islice(lines, _LINES_ABOVE)
    return next((line for line in below if len(_cells_in(line, delimiter)) > 2), "")


def _cells_in(line: str, delimiter: str) -> list[str]:
    """What stands in a line's cells, blank ones left out."""
    cells = next(csv.reader([line], delimiter=delimiter or likeliest_delimiter(line)), [])
    return [cell for cell in cells if cell.strip("\ufeff \t\r\n\xa0")]


def _plain_records(lines: RereadableLines, shape: TableShape) -> Iterator[Record]:
    """Rows that nothing is wrong with, up to the first that has to be looked at.

    Most rows of most files are such: a line with the header's cells, whatever is in quotes. The
    lines of all that were given are read, once the last of them has been.
    """
    columns, width, begin, read = shape.columns, len(shape.columns), lines.count, 0
    has_blank_names = "" in columns
    rows = csv.reader(lines.plain_ahead(), delimiter=shape.delimiter, strict=True)
    # What is wrong with a row is found again, and told, by whoever looks at it.
    with suppress(csv.Error):
        for cells in rows:
            if len(cells) != width or rows.line_num != read + 1:
                break
            if not cells[0].strip() and not any(map(str.strip, cells)):
                break
            fields = dict(zip(columns, cells, strict=True))
            if has_blank_names:
                del fields[""]
            read += 1
            yield Record(begin + read, fields)
    lines.pass_over(read)


def _told_together(items: Iterator[RecordItem]) -> Iterator[RecordItem]:
    """The items, of which a long run of rows broken in the same way is a few and their number.

    The lines of a cell of hundreds of megabytes are such a run, where its quotes are wrong.
    """
    run: list[SetAside] = []
    count = 0
    for item in items:
        is_alike = (
            isinstance(item, SetAside)
            and item.hides_ids
            and (not run or item.reason == run[-1].reason)
        )
        if not is_alike:
            yield from _rest_of(run, count)
            run, count = [], 0
        if isinstance(item, SetAside) and item.hides_ids:
            count += 1
            # The first that is not told by itself, and the last.
            if count > _TOLD_ALIKE:
                run = [run[0] if count > _TOLD_ALIKE + 1 else item, item]
                continue
            run = [item]
        yield item
    yield from _rest_of(run, count)


def _rest_of(run: Sequence[SetAside], count: int) -> Iterator[SetAside]:
    if count == _TOLD_ALIKE + 1:
        yield run[0]
    elif count > _TOLD_ALIKE:
        first, last = run
        more = count - _TOLD_ALIKE - 1
        reason = f"{first.reason} The same is so of {more:,} more, up to line {last.line:,}."
        yield replace(first, reason=reason, product_id="")


@contextmanager
def _text_of(file: BinaryIO, encoding: str) -> Iterator[TextIO]:
    """Text of an open file, which stays open also where reading is given up."""
    text = open_text(file, encoding)
    try:
        yield text
    finally:
        text.detach()


def likeliest_delimiter(header: str) -> str:
    """What parts the header's cells: what it holds most of, outside of quotes."""
    outside = "".join(header.split('"')[::2])
    return max(DELIMITERS, key=outside.count)


def _row_shape(shape: TableShape, keys: KeyColumns | None) -> RowShape:
    place: Mapping[str, int] = {name: number for number, name in enumerate(shape.columns)}
    return RowShape(
        shape.delimiter,
        len(shape.columns),
        place.get(keys.id) if keys else None,
        tuple(place[name] for name in keys.images if name in place) if keys else (),
        shape.is_spaced,
    )


def _quoted_in_tabs(line: str) -> list[str]:
    """A line's cells where tabs alone part them: Google has several texts in quotes in one."""
    cells = line.rstrip("\r\n").split("\t")
    return [
        cell[1:-1] if cell[:1] == cell[-1:] == '"' and '"' not in cell[1:-1] else cell
        for cell in cells
    ]


def _unwrapped(cell: str) -> str:
    """A cell without what Excel writes around digits to keep zeros in front: ``="00123"``."""
    found = _EXCEL_TEXT.fullmatch(cell) if cell.startswith("=") else None
    return found[1].replace('""', '"') if found else cell


def _is_clean(lines: Sequence[str]) -> bool:
    if len(lines) == 1 and lines[0].isascii():
        return "\0" not in lines[0]
    return not any("\0" in line or (not line.isascii() and has_half_pair(line)) for line in lines)


def _broken(error: Exception) -> UnusableValueError:
    return UnusableValueError(
        f"The row cannot be read ({error}).",
        "Close its quotes, double the quotes inside them, and keep cells below "
        f"{csv.field_size_limit():,} characters.",
        hides_ids=True,
    )


def _problem(
    cells: Sequence[str], shape: TableShape, row_shape: RowShape
) -> UnusableValueError | None:
    width = len(shape.columns)
    if any("\0" in cell or has_half_pair(cell) for cell in cells):
        zeros = any("\0" in cell for cell in cells)
        kind = "zero bytes" if zeros else f"bytes that are no {shape.encoding.name} text"
        return UnusableValueError(
            f"The row holds {kind}.",
            "Save the feed again as UTF-8 from where it comes from"
            + ("." if zeros else ", or name its encoding with --text-encoding."),
            id_at_least(cells, row_shape),
            hides_ids=True,
        )
    if len(cells) < width or any(cell.strip() for cell in cells[width:]):
        name = DELIMITER_NAMES.get(shape.delimiter, shape.delimiter)
        return UnusableValueError(
            f"The row has {len(cells)} cells under a header of {width}.",
            f"Put cells that hold a {name} into double quotes.",
            # Cells before the one that is missing or too many are right; the first always is.
            id_at_least(cells, row_shape) if row_shape.id == 0 else "",
            hides_ids=True,
        )
    return None


class _Pushed:
    """Lines with one that has already been read put back in front."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._first: str | None = None

    def push(self, line: str) -> None:
        """Give `line` before the others."""
        self._first = line

    def __iter__(self) -> "_Pushed":
        return self

    def __next__(self) -> str:
        first, self._first = self._first, None
        return next(self._lines) if first is None else first
