"""How far the cells of Excel's binary workbooks reach: ``.xls``, and ``.xlsb`` in its archive.

An ``.xls`` is a compound file, [MS-CFB], with a stream of records, [MS-XLS]; a sheet of an
``.xlsb`` is a part of records, [MS-XLSB]. No more of them is read than where their cells stand.
"""

import os
import struct
from collections.abc import Callable, Iterator
from typing import IO, BinaryIO, Final, TypeAlias

Reach: TypeAlias = Callable[[int, int], None]
"""Called with the row and the column, from 1, of each cell that holds something."""

_FREE: Final = 0xFFFFFFFA
"""Numbers of sectors from here on are marks: no sector, an end, parts of the table."""
_SMALL_STREAM: Final = 4_096
_LIMIT_BYTES: Final = 1 << 30
"""Of an ``.xls``, which is held in memory."""
_LIMIT_SHEETS: Final = 1_000
_LIMIT_ENTRIES: Final = 100_000
_NAMES: Final = frozenset(("workbook", "book"))
_END, _SHEET, _MANY_NUMBERS = 0x000A, 0x0085, 0x00BD
_OLD_CELLS: Final = frozenset(
    (
        *(0x0002, 0x0003, 0x0004, 0x0005, 0x0006, 0x0206, 0x0406),
        *(0x0203, 0x0204, 0x0205, 0x027E, 0x00FD, 0x00D6, _MANY_NUMBERS),
    )
)
"""Records of a cell with a value; each begins with its row and column."""
_ROW: Final = 0
_CELLS: Final = range(2, 12)
_SHEET_DATA: Final = 0x91
"""The record that cells of an ``.xlsb`` follow; other parts have none."""


class OldWorkbook:
    """The stream of records in a compound file."""

    def __init__(self, file: BinaryIO) -> None:
        """Find it.

        Raises:
            ValueError: the file is damaged, or has more than 1 GiB.
        """
        self._file = file
        self._length = file.seek(0, os.SEEK_END)
        if self._length > _LIMIT_BYTES:
            raise ValueError(f"it has more than {_LIMIT_BYTES:,} bytes")
        head = self._read(0, 512)
        shift, small_shift = struct.unpack_from("<HH", head, 30)
        if shift not in {9, 12} or small_shift != 6:
            raise ValueError("its sectors have no known size")
        self._sector = 1 << shift
        first_entry, small_table, more, more_count = (
            struct.unpack_from("<I", head, place)[0] for place in (48, 60, 68, 72)
        )
        self._table = self._allocation(head, more, more_count)
        self._small_table = b"".join(self._sectors(small_table))
        self._data = self._stream(first_entry)

    def sheets(self, begin: Callable[[], Reach]) -> None:
        """Tell where cells stand.

        Args:
            begin: Called for each sheet; what it gives is called for each cell of it.

        Raises:
            ValueError: the records are damaged, or lead in circles.
        """
        starts = {
            struct.unpack_from("<I", body)[0]
            for kind, body in self._records(0)
            if kind == _SHEET and len(body) >= 4
        }
        if len(starts) > _LIMIT_SHEETS:
            raise ValueError("it has more than a thousand sheets")
        left = 4 * len(self._data) + _SMALL_STREAM
        for start in sorted({0, *starts}):
            reach = begin()
            for kind, body in self._records(start):
                left -= 4 + len(body)
                if left < 0:
                    raise ValueError("its sheets lie in one another")
                if kind in _OLD_CELLS and len(body) >= 4:
                    row, column = struct.unpack_from("<HH", body)
                    # Several numbers beside each other, six bytes each.
                    more = (len(body) - 6) // 6 - 1 if kind == _MANY_NUMBERS else 0
                    for beside in range(max(more, 0) + 1):
                        reach(row + 1, column + beside + 1)

    def _records(self, start: int) -> Iterator[tuple[int, memoryview]]:
        """Records from a place of the stream up to the one that ends a sheet."""
        data = self._data
        while start + 4 <= len(data):
            kind, length = struct.unpack_from("<HH", data, start)
            yield kind, data[start + 4 : start + 4 + length]
            if kind == _END:
                return
            start += 4 + length

    def _read(self, start: int, length: int) -> bytes:
        self._file.seek(start)
        data = self._file.read(length)
        if len(data) < length:
            raise ValueError("it ends too early")
        return data

    def _allocation(self, head: bytes, more: int, more_count: int) -> bytes:
        """The sector that follows each sector, four bytes each."""
        places = list(struct.unpack_from("<109I", head, 76))
        if more_count > self._length // self._sector:
            raise ValueError("its table is longer than the file")
        for _ in range(more_count):
            numbers = struct.unpack(f"<{self._sector // 4}I", self._sector_at(more))
            places += numbers[:-1]
            more = numbers[-1]
        taken = [place for place in places if place < _FREE]
        if len(taken) > self._length // self._sector:
            raise ValueError("its table is longer than the file")
        return b"".join(map(self._sector_at, taken))

    def _sector_at(self, number: int) -> bytes:
        start = (number + 1) * self._sector
        if number >= _FREE or start >= self._length:
            raise ValueError("it refers to what is behind its end")
        # The last one may be cut off.
        self._file.seek(start)
        return self._file.read(self._sector).ljust(self._sector, b"\0")

    def _sectors(self, number: int) -> Iterator[bytes]:
        """A chain of sectors."""
        for _ in range(self._length // self._sector + 1):
            if number >= _FREE:
                return
            yield self._sector_at(number)
            number = _next(self._table, number)
        raise ValueError("its sectors lead in circles")

    def _stream(self, first_entry: int) -> memoryview:
        """The bytes of the workbook; none where the file holds another thing."""
        entries = memoryview(b"".join(self._sectors(first_entry)))
        small, found = b"", memoryview(b"")
        if len(entries) // 128 > _LIMIT_ENTRIES:
            raise ValueError("it has too many entries")
        for place in range(0, len(entries) - 127, 128):
            entry = entries[place : place + 128]
            name_bytes, kind = struct.unpack_from("<HB", entry, 64)
            start, size = struct.unpack_from("<II", entry, 116)
            name = bytes(entry[: max(min(name_bytes, 64) - 2, 0)]).decode("utf-16-le", "replace")
            if kind == 5 and not small:
                small = b"".join(self._sectors(start))
            elif kind == 2 and name.lower() in _NAMES and size > len(found):
                if size < _SMALL_STREAM:
                    data = self._small_stream(small, start)
                else:
                    data = b"".join(self._sectors(start))
                found = memoryview(data)[:size]
        return found

    def _small_stream(self, small: bytes, number: int) -> bytes:
        parts = []
        for _ in range(_SMALL_STREAM // 64 + 1):
            if number >= _FREE:
                break
            parts.append(small[number * 64 : number * 64 + 64])
            number = _next(self._small_table, number)
        return b"".join(parts)


def _next(table: bytes, number: int) -> int:
    if 4 * number + 4 > len(table):
        raise ValueError("it refers to what is behind its table")
    return int(struct.unpack_from("<I", table, 4 * number)[0])


def binary_sheet(part: IO[bytes], reach: Reach) -> None:
    """Tell where the cells of a sheet of an ``.xlsb`` stand.

    Args:
        part: The sheet, or another part of records; of what is none, little is read.
        reach: Called for each cell.
    """
    row = 0
    is_sheet = False
    while True:
        kind, length = _varying(part, 2), _varying(part, 4)
        if kind is None or length is None:
            return
        body = part.read(min(length, 8))
        left = length - len(body)
        while left > 0:
            skipped = len(part.read(min(left, 1 << 20)))
            if not skipped:
                return
            left -= skipped
        is_sheet = is_sheet or kind == _SHEET_DATA
        if is_sheet and len(body) >= 4:
            number = int.from_bytes(body[:4], "little")
            if kind == _ROW:
                row = number + 1
            elif kind in _CELLS:
                reach(row, number + 1)


def _varying(part: IO[bytes], most: int) -> int | None:
    """A number of seven bits a byte; None at the end."""
    value = 0
    for place in range(most):
        byte = part.read(1)
        if not byte:
            return None
        value |= (byte[0] & 127) << (7 * place)
        if byte[0] < 128:
            break
    return value
