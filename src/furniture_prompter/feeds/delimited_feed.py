"""CSV and TSV feeds whose header names `id` and `image`: cells typed by what their columns hold."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from furniture_prompter.domain import FeedItem, FeedNote, SetAside
from furniture_prompter.errors import InvalidFeedError
from furniture_prompter.feeds.cells import (
    KNOWN,
    ColumnEvidence,
    DecimalMark,
    UnusableValueError,
    column_name,
    decimal_marks,
    shown,
    typed,
)
from furniture_prompter.feeds.delimited import DelimitedRecords
from furniture_prompter.feeds.feed_files import FeedFile
from furniture_prompter.feeds.records import KeyColumns, Record
from furniture_prompter.feeds.rows import RowReader
from furniture_prompter.feeds.stray_quotes import DELIMITER_NAMES

_LISTS = ("image", "images")


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
        source = DelimitedRecords(FeedFile(self._path), self._encoding)
        delimiter = source.shape.delimiter
        names = self._names(source.columns(), delimiter)
        written = {column: name for name, column in names.items()}
        images = tuple(written[name] for name in _LISTS if name in written)
        keys = KeyColumns(written["id"], images)
        # A table says nothing of how its numbers are written, so all rows are read once before the
        # first is given away: only as much is kept as a column needs.
        evidence = {column: ColumnEvidence() for column in names.values() if column not in KNOWN}
        for item in source.records(keys):
            if isinstance(item, Record):
                for column, seen in evidence.items():
                    seen.add(str(item.fields[written[column]]))
        # Where cells are parted by commas, a decimal comma would have to stand in quotes.
        marks = decimal_marks(evidence, "." if delimiter == "," else None)
        reader = RowReader(self._path)
        notes = self._notes(evidence, marks)
        for item in source.records(keys):
            if isinstance(item, FeedNote):
                yield item
                continue
            yield from notes
            if isinstance(item, SetAside):
                yield item
                continue
            row = {names[name]: str(value) for name, value in item.fields.items()}
            fields = _fields(row, marks)
            cells = {name: row[name] for name in marks if not isinstance(fields[name], str)}
            for each in reader.read(fields, item.line, cells):
                is_cut = item.may_be_cut and isinstance(each, SetAside)
                yield _cut_off(each) if is_cut and isinstance(each, SetAside) else each

    def _notes(
        self, evidence: Mapping[str, ColumnEvidence], marks: Mapping[str, DecimalMark | None]
    ) -> Iterator[FeedNote]:
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

    def _names(self, header: Sequence[str], delimiter: str) -> dict[str, str]:
        """Columns by what the header calls them."""
        names: dict[str, str] = {}
        written: dict[str, str] = {}
        for name in header:
            try:
                column = column_name(name)
            except UnusableValueError as problem:
                raise InvalidFeedError(
                    f"The feed {self._path}: {problem.reason} {problem.cure}"
                ) from problem
            if column in written:
                raise InvalidFeedError(
                    f"The columns {shown(written[column])} and {shown(name)} of the feed "
                    f"{self._path} are the same here: {column}. Rename one of them."
                )
            names[name] = column
            written[column] = name
        for wanted, spellings in (("id", ("id",)), ("image", _LISTS)):
            if not written.keys() & set(spellings):
                raise InvalidFeedError(self._missing(wanted, names, delimiter))
        return names

    def _missing(self, wanted: str, names: Mapping[str, str], delimiter: str) -> str:
        found = ", ".join(shown(name) for name in names)
        columns = {column: name for name, column in names.items()}
        near = difflib.get_close_matches(wanted, columns, n=1, cutoff=0.5)
        cure = (
            f"Rename {shown(columns[near[0]])} to {wanted}."
            if near
            else f"Add a column {wanted}, or rename the one that means it."
        )
        return (
            f"The feed {self._path} has no column {wanted}. Parted at every "
            f"{DELIMITER_NAMES.get(delimiter, delimiter)}, its header names {found}. {cure}"
        )


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
