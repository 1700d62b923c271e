"""Parquet and Arrow files as records, read batch by batch."""

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, Final

from furniture_prompter.domain import FeedNote
from furniture_prompter.errors import InvalidFeedError
from furniture_prompter.feeds.cells import UnusableValueError, shown
from furniture_prompter.feeds.feed_files import FeedFile
from furniture_prompter.feeds.flattening import flattened
from furniture_prompter.feeds.jsonl import columns_of
from furniture_prompter.feeds.records import KeyColumns, Record, RecordItem

_BATCH_ROWS: Final = 1_000
PARQUET_MAGIC: Final = b"PAR1"
ARROW_MAGIC: Final = b"ARROW1"
STREAM_MAGIC: Final = b"\xff\xff\xff\xff"
OLD_FEATHER_MAGIC: Final = b"FEA1"


class ColumnarRecords:
    """The rows of a Parquet or Arrow file, numbered from 1; structs and lists are flattened.

    Dates and times become ISO 8601 text and decimals numbers; bytes that are no text, such as
    pictures inside of the file, are left out.
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

        number = 0
        binary: set[str] = set()
        with self._file.open() as file:
            try:
                for rows in self._batches(file):
                    for row in rows:
                        number += 1
                        try:
                            yield Record(number, flattened(_plain(row, binary)))
                        except UnusableValueError as problem:
                            yield self._file.set_aside(problem, number)
            except (pa.ArrowException, OSError, ValueError, EOFError) as error:
                if not number:
                    raise self._unreadable(error) from error
                damage = UnusableValueError(
                    f"The rows behind this one cannot be read ({_words(error)}).",
                    "Write the file again from where it comes from.",
                    hides_ids=True,
                )
                yield self._file.set_aside(damage, number)
        if not number:
            raise InvalidFeedError(f"The feed {self.path} holds no row. Write one product a row.")
        if binary:
            yield FeedNote(
                f"Columns of {self.path} hold bytes, which were left out: "
                f"{', '.join(map(shown, sorted(binary)))}. Save pictures as files and name those."
            )

    @cached_property
    def _magic(self) -> bytes:
        with self._file.open() as file:
            return file.read(4)

    def _batches(self, file: BinaryIO) -> Iterator[list[dict[str, Any]]]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        if self._magic == PARQUET_MAGIC:
            for batch in pq.ParquetFile(file).iter_batches(_BATCH_ROWS):
                yield batch.to_pylist()
            return
        if self._magic == STREAM_MAGIC:
            batches: Iterator[Any] = iter(pa.ipc.open_stream(file))
        else:
            reader = pa.ipc.open_file(file)
            batches = (reader.get_batch(each) for each in range(reader.num_record_batches))
        for batch in batches:
            for start in range(0, batch.num_rows, _BATCH_ROWS):
                yield batch.slice(start, _BATCH_ROWS).to_pylist()

    def _unreadable(self, error: Exception) -> InvalidFeedError:
        return InvalidFeedError(
            f"The feed {self.path} cannot be read as {self.format} ({_words(error)}). Write it "
            "again from where it comes from, or as CSV (UTF-8)."
        )


def _words(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def _plain(row: dict[str, Any], binary: set[str]) -> dict[str, Any]:
    return {name: _value(value, name, binary) for name, value in row.items()}


def _value(value: Any, name: str, binary: set[str]) -> Any:
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, dict):
        return {key: _value(member, f"{name}.{key}", binary) for key, member in value.items()}
    if isinstance(value, list):
        if value and all(isinstance(member, tuple) for member in value):
            # A map comes as pairs of a key and a value.
            return {str(key): _value(member, name, binary) for key, member in value}
        return [_value(member, name, binary) for member in value]
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            binary.add(name)
            return None
    return str(value)
