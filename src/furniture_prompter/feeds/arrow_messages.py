"""Messages of Arrow files and streams, looked at before what they hold is unpacked.

The columns of a batch may be compressed, each buffer of which begins with the bytes that it takes
when it is not ([Arrow's columnar format](https://arrow.apache.org/docs/format/Columnar.html),
"Compression"). A message's head, a FlatBuffer, says where buffers lie; no more of a body is read
here than these eight bytes each.
"""

import io
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final, NamedTuple

LIMIT_UNPACKED_BYTES: Final = 512 << 20
"""Of a compressed batch, which is in memory as a whole."""
LIMIT_HEAD_BYTES: Final = 64 << 20
_ANY_ROWS: Final = 1_000_000
"""Rows of a batch, however few its bytes are."""
_DICTIONARY, _BATCH = 2, 3
_MARK: Final = b"\xff\xff\xff\xff"
"""Stands before the length of a head, but in what releases before 0.15 wrote."""
_FILE_MAGIC: Final = b"ARROW1"


class _Table(NamedTuple):
    """A table of a FlatBuffer: fields by their numbers, which may be missing."""

    data: bytes
    at: int

    def _field(self, number: int) -> int:
        """Where a field stands; 0 where it is missing."""
        fields = self.at - struct.unpack_from("<i", self.data, self.at)[0]
        place = 4 + 2 * number
        if fields < 0 or place + 2 > struct.unpack_from("<H", self.data, fields)[0]:
            return 0
        offset = struct.unpack_from("<H", self.data, fields + place)[0]
        return self.at + int(offset) if offset else 0

    def number(self, field: int, form: str) -> int:
        """A whole number of a form that :mod:`struct` names; 0 where it is missing."""
        place = self._field(field)
        return int(struct.unpack_from(form, self.data, place)[0]) if place else 0

    def table(self, field: int) -> "_Table | None":
        place = self._field(field)
        offset = struct.unpack_from("<I", self.data, place)[0] if place else 0
        return _Table(self.data, place + offset) if place else None

    def structs(self, field: int, form: str) -> list[tuple[int, ...]]:
        """A list of structs of a form that :mod:`struct` names."""
        place = self._field(field)
        if not place:
            return []
        place += struct.unpack_from("<I", self.data, place)[0]
        count = struct.unpack_from("<I", self.data, place)[0]
        size = struct.calcsize(form)
        if count * size > len(self.data):
            raise ValueError("a list in a message's head is longer than the head")
        return [struct.unpack_from(form, self.data, place + 4 + size * at) for at in range(count)]


@dataclass(frozen=True, slots=True)
class _Message:
    """What a message's head says.

    Attributes:
        head: Its bytes, with what stands before them.
        kind: Schema, dictionary or batch, by number.
        body_bytes: Length of what follows.
        rows: Of a batch.
        buffers: Place in the body and length of each compressed buffer.
    """

    head: bytes
    kind: int = 0
    body_bytes: int = 0
    rows: int = 0
    buffers: tuple[tuple[int, ...], ...] = ()

    @classmethod
    def read(cls, file: BinaryIO) -> "_Message":
        """The next one, the file behind its head; an empty one at the end.

        Raises:
            ValueError: the head is damaged, or longer than any is.
        """
        before = mark = file.read(4)
        if mark == _MARK:
            mark = file.read(4)
            before += mark
        if len(mark) < 4 or not any(mark):
            return cls(before)
        (length,) = struct.unpack("<I", mark)
        if length > LIMIT_HEAD_BYTES:
            raise ValueError(f"a message's head has more than {LIMIT_HEAD_BYTES:,} bytes")
        head = file.read(length)
        try:
            root = _Table(head, *struct.unpack_from("<I", head))
            kind, content = root.number(1, "<B"), root.table(2)
            batch = content.table(1) if content and kind == _DICTIONARY else content
            rows, buffers = 0, []
            if kind in {_DICTIONARY, _BATCH} and batch is not None:
                rows = batch.number(0, "<q")
                buffers = batch.structs(2, "<qq") if batch.table(3) is not None else []
            body_bytes = root.number(3, "<q")
        except struct.error as error:
            raise ValueError("a message's head is damaged") from error
        if body_bytes < 0:
            raise ValueError("a message's head is damaged")
        return cls(before + head, kind, body_bytes, rows, tuple(buffers))

    def trouble(self, file: BinaryIO) -> str | None:
        """Why its body, at which the file stands and is left, is not unpacked; None where it is."""
        start = file.tell()
        unpacked = self.body_bytes
        for place, length in self.buffers:
            if length >= 8 and 0 <= place <= self.body_bytes - 8:
                file.seek(start + place)
                told = file.read(8)
                unpacked += max(int.from_bytes(told, "little", signed=True), 0)
        file.seek(start)
        if self.buffers and unpacked > LIMIT_UNPACKED_BYTES:
            return f"unpacks to more than {LIMIT_UNPACKED_BYTES >> 20} MiB"
        if self.kind == _BATCH and self.rows > max(_ANY_ROWS, unpacked):
            return f"is told to have {self.rows:,} rows in {unpacked:,} bytes"
        return None


class PassedOver(NamedTuple):
    """A batch that is not unpacked: its rows, and why."""

    rows: int
    reason: str


class VettedStream(io.RawIOBase):
    """A stream of Arrow without the batches that would take too much memory.

    Attributes:
        passed_over: Those since it was last emptied, in their order.
    """

    def __init__(self, file: BinaryIO) -> None:
        """Begin where a file stands."""
        self.passed_over: list[PassedOver] = []
        self._file = file
        self._head = b""
        self._body = 0
        self._ended = False

    def readable(self) -> bool:
        """Yes."""
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        """Up to `size` bytes, fewer at the end alone.

        Raises:
            ValueError: a message is damaged, or a dictionary takes too much memory, without which
                no batch can be read.
        """
        wanted = float("inf") if size is None or size < 0 else size
        parts: list[bytes] = []
        while wanted > 0 and (self._head or self._body or self._next()):
            if self._head:
                part = self._head[: int(min(wanted, len(self._head)))]
                self._head = self._head[len(part) :]
            else:
                part = self._file.read(int(min(wanted, self._body)))
                self._body = self._body - len(part) if part else 0
            parts.append(part)
            wanted -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _next(self) -> bool:
        """Go on to the next message that is read; whether there is one."""
        while not self._ended:
            message = _Message.read(self._file)
            self._ended = not message.kind
            trouble = message.trouble(self._file)
            if trouble is None:
                self._head, self._body = message.head, message.body_bytes
                return bool(self._head)
            if message.kind != _BATCH:
                raise ValueError(f"a dictionary {trouble}")
            self.passed_over.append(PassedOver(message.rows, trouble))
            self._file.seek(message.body_bytes, os.SEEK_CUR)
        return False


def vetted_batches(file: BinaryIO) -> Iterator[PassedOver | None]:
    """For each batch of an Arrow file why it is not unpacked; None where it is.

    Raises:
        ValueError: the file is damaged, or a dictionary takes too much memory, without which no
            batch can be read.
    """
    end = file.seek(0, os.SEEK_END)
    file.seek(max(end - 10, 0))
    length, magic = struct.unpack("<I6s", file.read(10).rjust(10, b"\0"))
    if magic != _FILE_MAGIC or length > min(LIMIT_HEAD_BYTES, end):
        raise ValueError("not an Arrow file: its end is missing or damaged")
    file.seek(end - 10 - length)
    try:
        data = file.read(length)
        footer = _Table(data, *struct.unpack_from("<I", data))
        dictionaries, batches = (footer.structs(field, "<qi4xq") for field in (2, 3))
    except struct.error as error:
        raise ValueError("the end of the file is damaged") from error
    for at, (place, *_) in enumerate([*dictionaries, *batches]):
        file.seek(max(place, 0))
        message = _Message.read(file)
        trouble = message.trouble(file)
        if at >= len(dictionaries):
            yield None if trouble is None else PassedOver(message.rows, trouble)
        elif trouble is not None:
            raise ValueError(f"a dictionary {trouble}")
