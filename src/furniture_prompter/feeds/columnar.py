"""Parquet and Arrow files as records, read batch by batch, cells too long left in the file."""

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, Final

from furniture_prompter.domain import FeedNote
from furniture_prompter.errors import InvalidFeedError
from furniture_prompter.feeds.arrow_cells import (
    LIMIT_CELL_BYTES,
    Reading,
    Row,
    is_read,
    rows_of,
    sound,
    too_long,
    words_of,
)
from furniture_prompter.feeds.arrow_messages import PassedOver, VettedStream, vetted_batches
from furniture_prompter.feeds.cells import UnusableValueError, shown
from furniture_prompter.feeds.feed_files import FeedFile
from furniture_prompter.feeds.flattening import flattened
from furniture_prompter.feeds.jsonl import columns_of
from furniture_prompter.feeds.parquet_pages import SlimmedFile, TooLongPageError, slimmed
from furniture_prompter.feeds.records import KeyColumns, Record, RecordItem

_BATCH_ROWS: Final = 1_000
_READ_BYTES: Final = 1 << 20
PARQUET_MAGIC: Final = b"PAR1"
ARROW_MAGIC: Final = b"ARROW1"
STREAM_MAGIC: Final = b"\xff\xff\xff\xff"
OLD_FEATHER_MAGIC: Final = b"FEA1"


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

        reading = Reading()
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
                    f"The rows behind this one cannot be read ({words_of(error)}).",
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
        for name, kind in reading.unread.items():
            yield FeedNote(
                f"Column {shown(name)} of {self.path} has a type of which nothing is read, and was "
                f"left out ({kind}). Write it as text or as a number, if it is wanted."
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

    def _rows(self, file: BinaryIO, reading: Reading) -> Iterator[Row]:
        """Rows, or what is wrong with them, each behind its number."""
        batches = self._of_parquet if self._magic == PARQUET_MAGIC else self._of_arrow
        for batch in batches(file, reading):
            if isinstance(batch, UnusableValueError):
                reading.number += 1
                yield batch
                continue
            for row in rows_of(batch, reading):
                reading.number += 1
                yield row

    def _of_parquet(self, file: BinaryIO, reading: Reading) -> Iterator[Any]:
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

    def _of_arrow(self, file: BinaryIO, reading: Reading) -> Iterator[Any]:
        import pyarrow as pa

        if self._magic == STREAM_MAGIC:
            schema = pa.ipc.open_stream(VettedStream(file)).schema
            file.seek(0)
            stream = VettedStream(file)
            batches = iter(pa.ipc.open_stream(stream, options=self._options(schema, reading)))
            while True:
                batch = next(batches, None)
                for passed in stream.passed_over:
                    yield self._passed_over(passed, reading)
                stream.passed_over.clear()
                if batch is None:
                    return
                yield sound(batch, reading)
        vetted = list(vetted_batches(file))
        file.seek(0)
        schema = pa.ipc.open_file(file).schema
        reader = pa.ipc.open_file(file, options=self._options(schema, reading))
        for number, passed_over in enumerate(vetted):
            if passed_over is not None:
                yield self._passed_over(passed_over, reading)
            else:
                yield sound(reader.get_batch(number), reading)

    def _options(self, schema: Any, reading: Reading) -> Any:
        """How to read what has a schema, without columns that the library would stumble over."""
        import pyarrow as pa

        read = [place for place, column in enumerate(schema) if is_read(column.type)]
        for column in schema:
            if not is_read(column.type):
                reading.unread[column.name] = str(column.type)
        return pa.ipc.IpcReadOptions(included_fields=read if len(read) < len(schema) else None)

    def _passed_over(self, batch: PassedOver, reading: Reading) -> UnusableValueError:
        first = reading.number + 1
        reading.number += batch.rows - 1
        return UnusableValueError(
            f"Rows {first:,} to {first + batch.rows - 1:,} cannot be read: their batch "
            f"{batch.reason}.",
            "Write batches of fewer rows, such as 10,000.",
            hides_ids=True,
        )

    def _unreadable(self, error: Exception) -> InvalidFeedError:
        return InvalidFeedError(
            f"The feed {self.path} cannot be read as {self.format} ({words_of(error)}). Write it "
            "again from where it comes from, or as CSV (UTF-8)."
        )


def _plain(row: dict[str, Any], reading: Reading) -> dict[str, Any]:
    return {name: _value(value, name, reading) for name, value in row.items()}


def _value(value: Any, name: str, reading: Reading) -> Any:
    if value is None or isinstance(value, str | int | float):
        if reading.has_marks and isinstance(value, str) and value.startswith(reading.mark):
            raise too_long(name)
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
