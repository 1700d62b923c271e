"""Parquet and Arrow files as records, read batch by batch, cells too long left in the file."""

import datetime as dt
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeAlias

from furniture_prompter.domain import FeedNote
from furniture_prompter.errors import InvalidFeedError
from furniture_prompter.feeds.cells import UnusableValueError, shown
from furniture_prompter.feeds.feed_files import FeedFile
from furniture_prompter.feeds.flattening import flattened
from furniture_prompter.feeds.jsonl import columns_of
from furniture_prompter.feeds.parquet_pages import SlimmedFile, TooLongPageError, slimmed
from furniture_prompter.feeds.records import KeyColumns, Record, RecordItem

LIMIT_CELL_BYTES: Final = 1 << 20
"""Of a cell with all that is nested in it, as of a line of JSON."""
_BATCH_ROWS: Final = 1_000
_WRITTEN_OUT_ROWS: Final = 50
"""Rows that become Python's objects at once."""
_READ_BYTES: Final = 1 << 20
PARQUET_MAGIC: Final = b"PAR1"
ARROW_MAGIC: Final = b"ARROW1"
STREAM_MAGIC: Final = b"\xff\xff\xff\xff"
OLD_FEATHER_MAGIC: Final = b"FEA1"


_Row: TypeAlias = "dict[str, Any] | UnusableValueError"


@dataclass(slots=True)
class _Reading:
    """One reading of a file.

    Attributes:
        mark: What stands for a text that was too long to be read, its length behind it.
        has_marks: Whether such a mark may be among the texts of the rows that come next.
        binary: Columns that hold bytes which are no text, found so far.
        unusable: What is wrong with the first value that cannot be used, by column.
        number: Rows read so far.
    """

    mark: str = field(default_factory=lambda: secrets.token_hex(16))
    has_marks: bool = False
    binary: set[str] = field(default_factory=set)
    unusable: dict[str, str] = field(default_factory=dict)
    number: int = 0


class ColumnarRecords:
    """The rows of a Parquet or Arrow file, numbered from 1; structs and lists are flattened.

    Dates and times become ISO 8601 text and decimals numbers; bytes that are no text, such as
    pictures inside of the file, are left out. A row with a cell of more than 1 MiB is set aside,
    and the memory that its length would take is not taken.
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
        names = {
            PARQUET_MAGIC: "Parquet",
            ARROW_MAGIC[:4]: "Arrow file",
            STREAM_MAGIC: "Arrow stream",
        }
        return names.get(self._magic, "Parquet or Arrow")

    def columns(self) -> tuple[str, ...]:
        """See :class:`furniture_prompter.feeds.records.RecordSource`."""
        return columns_of(self.records())

    def records(self, keys: KeyColumns | None = None) -> Iterator[RecordItem]:
        """See :class:`furniture_prompter.feeds.records.RecordSource`.

        Behind a damaged batch nothing can be read, which is set aside.
        """
        del keys  # of text files with quotes alone
        import pyarrow as pa

        reading = _Reading()
        with self._file.open() as file:
            try:
                for row in self._rows(file, reading):
                    try:
                        if isinstance(row, UnusableValueError):
                            raise row
                        yield Record(reading.number, flattened(_plain(row, reading)))
                    except UnusableValueError as problem:
                        yield self._file.set_aside(problem, reading.number)
            except (pa.ArrowException, OSError, ValueError, EOFError) as error:
                if not reading.number:
                    raise self._unreadable(error) from error
                damage = UnusableValueError(
                    f"The rows behind this one cannot be read ({_words(error)}).",
                    "Write the file again from where it comes from.",
                    hides_ids=True,
                )
                yield self._file.set_aside(damage, reading.number)
        if not reading.number:
            raise InvalidFeedError(f"The feed {self.path} holds no row. Write one product a row.")
        for name, reason in reading.unusable.items():
            yield FeedNote(
                f"Column {shown(name)} of {self.path} holds values that cannot be read, which were "
                f"left out of their rows ({reason}). Mend them, or leave the column out."
            )
        if reading.binary:
            yield FeedNote(
                f"Columns of {self.path} hold bytes, which were left out: "
                f"{', '.join(map(shown, sorted(reading.binary)))}. Save pictures as files and name "
                "those."
            )

    @cached_property
    def _magic(self) -> bytes:
        with self._file.open() as file:
            return file.read(4)

    def _rows(self, file: BinaryIO, reading: _Reading) -> Iterator[_Row]:
        """Rows, or what is wrong with them, each behind its number."""
        batches = self._of_parquet if self._magic == PARQUET_MAGIC else self._of_arrow
        for batch in batches(file, reading):
            if isinstance(batch, UnusableValueError):
                reading.number += 1
                yield batch
                continue
            for start in range(0, batch.num_rows, _WRITTEN_OUT_ROWS):
                for row in _written_out(batch.slice(start, _WRITTEN_OUT_ROWS), reading):
                    reading.number += 1
                    yield row

    def _of_parquet(self, file: BinaryIO, reading: _Reading) -> Iterator[Any]:
        import pyarrow.parquet as pq

        slim = SlimmedFile(file)
        # Columns of a row group are read in parts, as its batches need them, and not ahead.
        source = pq.ParquetFile(slim, pre_buffer=False, buffer_size=_READ_BYTES)
        mark = reading.mark.encode()
        for group in range(source.num_row_groups):
            rows = source.metadata.row_group(group).num_rows
            try:
                batch_rows = slimmed(source, slim, group, LIMIT_CELL_BYTES, mark)
            except TooLongPageError as problem:
                first = reading.number + 1
                yield UnusableValueError(
                    f"Rows {first:,} to {first + rows - 1:,} cannot be read: {problem}.",
                    f"Keep cells below {LIMIT_CELL_BYTES:,} bytes, and pictures in files.",
                    hides_ids=True,
                )
                reading.number += rows - 1
                continue
            reading.has_marks = slim.is_changed
            yield from source.iter_batches(batch_rows, row_groups=[group])

    def _of_arrow(self, file: BinaryIO, reading: _Reading) -> Iterator[Any]:
        del reading  # of Parquet's pages alone
        import pyarrow as pa

        if self._magic == STREAM_MAGIC:
            yield from pa.ipc.open_stream(file)
            return
        reader = pa.ipc.open_file(file)
        for number in range(reader.num_record_batches):
            yield reader.get_batch(number)

    def _unreadable(self, error: Exception) -> InvalidFeedError:
        return InvalidFeedError(
            f"The feed {self.path} cannot be read as {self.format} ({_words(error)}). Write it "
            "again from where it comes from, or as CSV (UTF-8)."
        )


def _words(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def _written_out(batch: Any, reading: _Reading) -> Iterator[_Row]:
    """The rows of a batch as Python's objects, or what is wrong with them."""
    import pyarrow as pa

    long: dict[int, str] = {}
    if batch.nbytes > LIMIT_CELL_BYTES:
        columns = [
            _without_long(column, name, long, reading)
            for column, name in zip(batch.columns, batch.schema.names, strict=True)
        ]
        batch = pa.RecordBatch.from_arrays(columns, names=batch.schema.names)
    try:
        rows = batch.to_pylist()
    except (ValueError, OverflowError, pa.ArrowException):
        rows = [
            {
                name: _cell(column, number, name, reading)
                for column, name in zip(batch.columns, batch.schema.names, strict=True)
            }
            for number in range(batch.num_rows)
        ]
    for number, row in enumerate(rows):
        yield _too_long(long[number]) if number in long else row


def _cell(column: Any, number: int, name: str, reading: _Reading) -> Any:
    """One value; None, which is noted, for a date beyond Python's or a text that is not UTF-8."""
    import pyarrow as pa

    try:
        return column[number].as_py()
    except (ValueError, OverflowError, pa.ArrowException) as error:
        reading.unusable.setdefault(name, _words(error))
        return None


def _without_long(array: Any, path: str, long: dict[int, str], reading: _Reading) -> Any:
    """A column without cells that are too long: of bytes they are left out, others are noted.

    Args:
        array: The column's cells.
        path: Its name as messages have it.
        long: Gets the rows whose cells are too long.
        reading: Gets the columns that hold bytes.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = array.type
    if pa.types.is_dictionary(kind):
        entries: dict[int, str] = {}
        dictionary = _without_long(array.dictionary, path, entries, reading)
        indices = array.indices.to_pylist()
        long.update({row: path for row, entry in enumerate(indices) if entry in entries})
        return pa.DictionaryArray.from_arrays(array.indices, dictionary)
    if array.nbytes <= LIMIT_CELL_BYTES:
        return array
    if pa.types.is_struct(kind):
        members = [
            _without_long(array.field(place), f"{path}.{kind.field(place).name}", long, reading)
            for place in range(kind.num_fields)
        ]
        # Members of dictionaries and lists may have become others of the same kind.
        return pa.StructArray.from_arrays(
            members, names=[each.name for each in kind], mask=array.is_null()
        )
    if pa.types.is_string_view(kind) or pa.types.is_binary_view(kind):
        array = array.cast(
            pa.large_string() if pa.types.is_string_view(kind) else pa.large_binary()
        )
        kind = array.type
    if _is_text(kind) or _is_bytes(kind):
        lengths = pc.binary_length(array).to_pylist()
    else:
        lengths = [array.slice(row, 1).nbytes for row in range(len(array))]
    are_long = [length is not None and length > LIMIT_CELL_BYTES for length in lengths]
    if not any(are_long):
        return array
    if _holds_bytes(kind):
        reading.binary.add(path)
    else:
        long.update({row: path for row, is_long in enumerate(are_long) if is_long})
    places = [None if is_long else place for place, is_long in enumerate(are_long)]
    return array.take(pa.array(places, pa.int64()))


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_bytes(kind: Any) -> bool:
    import pyarrow as pa

    return bool(
        pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_fixed_size_binary(kind)
    )


def _holds_bytes(kind: Any) -> bool:
    """Whether values of a type are bytes, or have some in them."""
    return _is_bytes(kind) or any(
        _holds_bytes(kind.field(place).type) for place in range(kind.num_fields)
    )


def _too_long(path: str) -> UnusableValueError:
    return UnusableValueError(
        f"The cell of {shown(path)} has more than {LIMIT_CELL_BYTES:,} bytes.",
        "Keep images and long texts in files.",
    )


def _plain(row: dict[str, Any], reading: _Reading) -> dict[str, Any]:
    return {name: _value(value, name, reading) for name, value in row.items()}


def _value(value: Any, name: str, reading: _Reading) -> Any:
    if value is None or isinstance(value, str | int | float):
        if reading.has_marks and isinstance(value, str) and value.startswith(reading.mark):
            raise _too_long(name)
        return value
    if isinstance(value, dict):
        return {key: _value(member, f"{name}.{key}", reading) for key, member in value.items()}
    if isinstance(value, list):
        if value and all(isinstance(member, tuple) for member in value):
            # A map comes as pairs of a key and a value.
            return {str(key): _value(member, name, reading) for key, member in value}
        return [_value(member, name, reading) for member in value]
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, bytes):
        if not value.startswith(reading.mark.encode()):
            try:
                return value.decode("utf-8")
            except UnicodeDecodeError:
                pass
        reading.binary.add(name)
        return None
    return str(value)
