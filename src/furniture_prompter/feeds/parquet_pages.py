"""Pages of a Parquet file, looked at before Arrow takes memory for them, without cells too long.

Arrow holds a page whole, up to four times, and a cell of 200 MB makes a page of that length; a
dictionary's entry is written out for each row that has it. Neither can be told from the footer. So
the headers of all pages are read (Apache Parquet's format, ``parquet.thrift``), entries of
dictionaries and values of long pages are gone through one by one, and those that are too long are
replaced by a short mark before Arrow sees the page.
"""

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Final, TypeAlias

if TYPE_CHECKING:
    from pyarrow.parquet import ColumnChunkMetaData, ParquetFile

LIMIT_PAGE_BYTES: Final = 256 << 20
"""Of a page that Arrow reads, unpacked: programs write pages of up to 100 MB."""
_LIMIT_OPENED_BYTES: Final = 512 << 20
"""Of a page that is unpacked for its long values to be found."""
_BATCH_BYTES: Final = 64 << 20
_LONG_PAGE_BYTES: Final = 8 << 20
_SMALL_DICTIONARY_BYTES: Final = 1 << 16
_HEADER_BYTES: Final = (1 << 12, 16 << 20)
"""Read at first, and where a header is longer: some hold the page's least and greatest value."""
_LIMIT_PAGES: Final = 1_000_000
_LIMIT_NESTING: Final = 8
_DATA, _INDEX, _DICTIONARY, _DATA_2 = range(4)
_PLAIN_ENCODINGS: Final = frozenset((0, 2))
"""PLAIN, and PLAIN_DICTIONARY, which names the same layout in a dictionary page."""
_RLE: Final = 3

_Fields: TypeAlias = dict[int, Any]


class TooLongPageError(ValueError):
    """A part of a row group that would take too much memory, in words for whoever wrote it."""


@dataclass(frozen=True, slots=True)
class _Page:
    """A page and what its header says.

    Attributes:
        start: Where its header begins in the file.
        body: Where its bytes begin.
        end: Where they end.
        kind: Its type.
        unpacked_bytes: Length of its bytes unpacked.
        details: Fields of the header that is for its type.
    """

    start: int
    body: int
    end: int
    kind: int
    unpacked_bytes: int
    details: _Fields

    @property
    def values(self) -> int:
        """Values in it, absent ones counted."""
        return int(self.details.get(1, 0))


class SlimmedFile(io.RawIOBase):
    """A Parquet file, read-only, of which bytes of single pages are replaced by others."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file
        self._size = file.seek(0, io.SEEK_END)
        self._position = 0
        self._patches: list[tuple[int, bytes]] = []

    def replace(self, patches: list[tuple[int, bytes]]) -> None:
        """Give these bytes instead of the file's own, by where they begin; none any longer."""
        self._patches = patches

    @property
    def is_changed(self) -> bool:
        """Whether any bytes are replaced."""
        return bool(self._patches)

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(base + offset, 0)
        return self._position

    def tell(self) -> int:
        """The place where reading goes on."""
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer as far as the file goes."""
        self._file.seek(self._position)
        data = bytearray(self._file.read(len(buffer)))
        for start, patch in self._patches:
            low, high = (
                max(start, self._position),
                min(start + len(patch), self._position + len(data)),
            )
            if low < high:
                place = low - self._position
                data[place : place + high - low] = patch[low - start : high - start]
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)


def slimmed(
    source: "ParquetFile", file: SlimmedFile, group: int, limit_bytes: int, mark: bytes
) -> int:
    """Look at the pages of a row group, and have long values of it read as marks.

    Args:
        source: The file as Arrow has opened it.
        file: What Arrow reads it through.
        group: 0-based number of the row group.
        limit_bytes: Longest text or bytes that is left as it is.
        mark: What a longer one is replaced by, its length in bytes behind it.

    Returns:
        Rows that can be read at once without taking more than some 64 MiB, 1 to 1,000.

    Raises:
        TooLongPageError: a page is too long and cannot be parted.
        ValueError: the pages are damaged.
    """
    file.replace([])
    patches: list[tuple[int, bytes]] = []
    metadata = source.metadata.row_group(group)
    row_bytes = 1.0
    for number in range(metadata.num_columns):
        chunk = metadata.column(number)
        column = source.schema.column(number)
        values_of_row = max(chunk.num_values / max(metadata.num_rows, 1), 1.0)
        longest = 0.0
        for page in _pages(file, chunk):
            longest = max(
                longest, _slim_page(file, page, chunk, column, limit_bytes, mark, patches)
            )
        row_bytes += longest * values_of_row
    file.replace(patches)
    return int(min(max(_BATCH_BYTES / row_bytes, 1), 1_000))


def _slim_page(
    file: SlimmedFile,
    page: _Page,
    chunk: "ColumnChunkMetaData",
    column: Any,
    limit_bytes: int,
    mark: bytes,
    patches: list[tuple[int, bytes]],
) -> float:
    """Bytes that one value of a page takes in memory at most, or nearly, once it is slimmed."""
    per_value = page.unpacked_bytes / max(page.values, 1)
    is_text = chunk.physical_type == "BYTE_ARRAY"
    is_dictionary = page.kind == _DICTIONARY
    if page.unpacked_bytes <= (_SMALL_DICTIONARY_BYTES if is_dictionary else _LONG_PAGE_BYTES):
        return float(page.unpacked_bytes) if is_dictionary and is_text else per_value
    if is_text:
        opened = _Opened.of(file, page, chunk, column)
        if opened is not None:
            longest = opened.shorten(limit_bytes, mark)
            if opened.is_changed:
                patches.append((page.start, opened.packed()))
                return float(longest) if is_dictionary else len(opened.values) / max(page.values, 1)
            per_value = float(longest) if is_dictionary else per_value
        elif is_dictionary:
            per_value = float(page.unpacked_bytes)
    if page.unpacked_bytes > LIMIT_PAGE_BYTES:
        raise _too_long(chunk, page)
    return per_value


def _too_long(chunk: "ColumnChunkMetaData", page: _Page) -> TooLongPageError:
    return TooLongPageError(
        f"one page of the column {chunk.path_in_schema!r} unpacks to {page.unpacked_bytes:,} bytes"
    )


class _Opened:
    """The bytes of a page: what stands before its values, and the values, unpacked."""

    def __init__(
        self,
        page: _Page,
        chunk: "ColumnChunkMetaData",
        levels: bytes,
        values: memoryview,
        codec: Any,
    ) -> None:
        self._page = page
        self._chunk = chunk
        self._levels = levels
        self._codec = codec
        self.values: memoryview | bytes = values
        self.is_changed = False

    @classmethod
    def of(
        cls, file: SlimmedFile, page: _Page, chunk: "ColumnChunkMetaData", column: Any
    ) -> "_Opened | None":
        """A page, where its layout is one that can be gone through value by value."""
        import pyarrow as pa

        encoding = page.details.get(4 if page.kind == _DATA_2 else 2)
        if encoding not in _PLAIN_ENCODINGS or page.values < 1:
            return None
        if encoding and page.kind != _DICTIONARY:
            return None
        if page.unpacked_bytes > _LIMIT_OPENED_BYTES:
            raise _too_long(chunk, page)
        # What the format calls LZ4_RAW, Arrow's footer calls LZ4, as it does what came before it.
        name = {"UNCOMPRESSED": None, "LZ4": "lz4_raw"}.get(chunk.compression, chunk.compression)
        try:
            codec = None if name is None else pa.Codec(name.lower())
        except (pa.ArrowException, ValueError):
            return None
        file.seek(page.body)
        data = memoryview(file.read(page.end - page.body))
        ahead = 0
        if page.kind == _DATA_2:
            ahead = page.details.get(5, 0) + page.details.get(6, 0)
            if not page.details.get(7, True):
                codec = None
        body = data[ahead:]
        if codec is not None:
            try:
                body = memoryview(codec.decompress(body, page.unpacked_bytes - ahead))
            except (pa.ArrowException, ValueError):
                return None
        if page.kind == _DATA:
            for has_levels, level_encoding in (
                (column.max_repetition_level, page.details.get(4)),
                (column.max_definition_level, page.details.get(3)),
            ):
                if has_levels:
                    if level_encoding != _RLE or len(body) < ahead + 4:
                        return None
                    ahead += 4 + struct.unpack_from("<I", body, ahead)[0]
            return cls(page, chunk, bytes(body[:ahead]), body[ahead:], codec)
        return cls(page, chunk, bytes(data[:ahead]), body, codec)

    def shorten(self, limit_bytes: int, mark: bytes) -> int:
        """Put marks in place of long values; the length of the longest that then is there.

        Raises:
            ValueError: the values do not end where the page does.
        """
        values, end, place, longest = self.values, len(self.values), 0, 0
        kept: list[memoryview | bytes] = []
        begin = 0
        while place + 4 <= end:
            length = int.from_bytes(values[place : place + 4], "little")
            if length > limit_bytes:
                short = mark + str(length).encode()
                kept += [values[begin:place], struct.pack("<I", len(short)), short]
                begin = place + 4 + length
                longest = max(longest, len(short))
            elif length > longest:
                longest = length
            place += 4 + length
        if place != end:
            raise ValueError("the values of a page do not end where it does")
        if kept:
            self.values = b"".join((*kept, values[begin:]))
            self.is_changed = True
        return longest

    def packed(self) -> bytes:
        """The page anew, as long as it was: what is too much is a page that readers pass over.

        Raises:
            TooLongPageError: it is not shorter than it was.
        """
        page, levels, values = self._page, self._levels, bytes(self.values)
        # Levels of the second version of data pages stand before what is packed.
        ahead, packed = (levels, values) if page.kind == _DATA_2 else (b"", levels + values)
        body = ahead + (packed if self._codec is None else bytes(self._codec.compress(packed)))
        head = _header(page.kind, len(levels) + len(values), len(body), page.details)
        rest = page.end - page.start - len(head) - len(body)
        for filler in range(rest, max(rest - 32, -1), -1):
            skipped = _header(_INDEX, filler, filler, {})
            if len(skipped) + filler == rest:
                return head + body + skipped + bytes(filler)
        raise _too_long(self._chunk, page)


def _pages(file: SlimmedFile, chunk: "ColumnChunkMetaData") -> Iterator[_Page]:
    """The pages of a column in a row group, by their headers alone."""
    start = chunk.data_page_offset
    if chunk.has_dictionary_page and 0 < (chunk.dictionary_page_offset or 0) < start:
        start = chunk.dictionary_page_offset
    end = start + chunk.total_compressed_size
    seen = 0
    for _ in range(_LIMIT_PAGES):
        if start >= end or seen >= chunk.num_values:
            return
        fields, body = _header_at(file, start)
        kind, unpacked, packed = (fields.get(number, -1) for number in (1, 2, 3))
        if not all(isinstance(each, int) for each in (kind, unpacked, packed)) or (
            min(kind, unpacked, packed) < 0
        ):
            raise ValueError("the header of a page is damaged")
        details = fields.get({_DATA: 5, _DICTIONARY: 7, _DATA_2: 8}.get(kind, 6), {})
        page = _Page(start, body, body + packed, kind, unpacked, details)
        if kind in {_DATA, _DATA_2}:
            seen += page.values
        yield page
        start = page.end
    raise ValueError("a column has more than a million pages")


def _header_at(file: SlimmedFile, start: int) -> tuple[_Fields, int]:
    """The fields of the header of a page, and where the page's bytes begin."""
    for length in _HEADER_BYTES:
        file.seek(start)
        reader = _Compact(file.read(length))
        try:
            return reader.structure(), start + reader.place
        except EOFError:
            continue
    raise ValueError("the header of a page is cut off or too long")


class _Compact:
    """Thrift's compact protocol, as far as headers of pages need it."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.place = 0

    def structure(self, depth: int = 0) -> _Fields:
        """The fields of a structure by their numbers.

        Raises:
            EOFError: it ends behind the bytes.
            ValueError: it is damaged, or nested too deeply.
        """
        if depth > _LIMIT_NESTING:
            raise ValueError("the header of a page is nested too deeply")
        fields: _Fields = {}
        number = 0
        while head := self._byte():
            number = number + (head >> 4) if head >> 4 else self._signed()
            fields[number] = self._value(head & 15, depth)
        return fields

    def _value(self, kind: int, depth: int) -> Any:
        """A value of a type, of which texts come as bytes and lists empty."""
        if kind in {1, 2}:
            return kind == 1
        if kind == 3:
            return self._byte()
        if kind in {4, 5, 6}:
            return self._signed()
        if kind in {7, 8}:
            length = 8 if kind == 7 else self._unsigned()
            self.place += length
            if self.place > len(self._data):
                raise EOFError
            return self._data[self.place - length : self.place]
        if kind in {9, 10}:
            head = self._byte()
            for _ in range(self._unsigned() if head >> 4 == 15 else head >> 4):
                # Each takes a byte at least, so that a false length ends where the bytes do.
                if head & 15 in {1, 2}:
                    self._byte()
                else:
                    self._value(head & 15, depth + 1)
            return ()
        if kind == 12:
            return self.structure(depth + 1)
        raise ValueError("the header of a page is damaged")

    def _byte(self) -> int:
        if self.place >= len(self._data):
            raise EOFError
        self.place += 1
        return self._data[self.place - 1]

    def _unsigned(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            shift += 7
            if not byte & 128:
                return value
            if shift > 63:
                raise ValueError("the header of a page is damaged")

    def _signed(self) -> int:
        value = self._unsigned()
        return (value >> 1) ^ -(value & 1)


def _header(kind: int, unpacked: int, packed: int, details: _Fields) -> bytes:
    """A page's header; without a checksum, which is the file's own page's, and statistics."""
    own = {_DATA: 5, _INDEX: 6, _DICTIONARY: 7, _DATA_2: 8}[kind]
    plain = {number: value for number, value in details.items() if isinstance(value, int)}
    return _structure({1: kind, 2: unpacked, 3: packed, own: plain})


def _structure(fields: _Fields) -> bytes:
    written = bytearray()
    before = 0
    for number, value in sorted(fields.items()):
        step, before = number - before, number
        if isinstance(value, dict):
            written += bytes([step << 4 | 12]) + _structure(value)
        elif isinstance(value, bool):
            written.append(step << 4 | (1 if value else 2))
        else:
            written.append(step << 4 | 5)
            rest = value << 1 if value >= 0 else (-value << 1) - 1
            while rest > 127:
                written.append(rest & 127 | 128)
                rest >>= 7
            written.append(rest)
    return bytes(written) + b"\0"
